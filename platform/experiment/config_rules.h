// Rules that experiment and search files share.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "platform/config/fields.h"
#include "platform/config/value.h"

namespace backboard {

/// No value of the list `key` is there twice. Throws ConfigRule.
template <class T>
void check_distinct(const std::string& key, const std::vector<T>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::find(values.begin(), values.begin() + static_cast<ptrdiff_t>(i), values[i]) !=
        values.begin() + static_cast<ptrdiff_t>(i)) {
      throw ConfigRule(fmt::format("{}.{}", key, i), fmt::format("{} is there twice", values[i]));
    }
  }
}

/// Each seed makes a run of its own: a mean over equal ones would show a spread that is none. Throws ConfigRule.
void check_seeds(const std::vector<uint32_t>& seeds, const std::vector<std::string>& seed_keys);

/// `set` leaves alone what `whose` ("an experiment") sets itself or leaves out of the run. Throws ConfigRule.
void check_set(const std::string& key, const Overrides& set, const char* whose);

}  // namespace backboard
