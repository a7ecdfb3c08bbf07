#include "platform/experiment/search_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/config/suggest.h"
#include "platform/experiment/config_rules.h"
#include "platform/run/run_config.h"

namespace backboard {
namespace {

constexpr const char* kWhose = "a search";

}  // namespace

void WidthSearch::check() const {
  if (layers.empty()) throw ConfigRule("layers", "is missing");
  check_distinct("layers", layers);
  const int32_t narrowest = std::min({start.x.bits(), start.weight.bits(), start.delta.bits()});
  if (static_cast<int64_t>(most_fraction) + most_integer >= narrowest) {
    throw ConfigRule("most_fraction", fmt::format("and most_integer leave nothing of {} bits", narrowest));
  }
  if (baseline.items.empty()) throw ConfigRule("baseline", "is missing");
  check_set("baseline", baseline, kWhose);
}

void ThresholdSearch::check() const {
  const std::vector<std::string> known{"input", "activation", "error", "weight"};
  for (size_t i = 0; i < classes.size(); ++i) {
    if (std::find(known.begin(), known.end(), classes[i]) == known.end()) {
      throw ConfigRule(fmt::format("classes.{}", i),
                       fmt::format("there is no class '{}'{}", classes[i], suggestion(classes[i], known)));
    }
  }
  check_distinct("classes", classes);
}

void SearchConfig::check() const {
  if (!name.empty() && !plain_name(name)) throw ConfigRule("name", "must be letters, digits and _-+.: only");
  if (run.empty()) throw ConfigRule("run", "is missing");
  check_set("set", set, kWhose);
  check_seeds(seeds, seed_keys);
  if (widths.has_value() == thresholds.has_value()) {
    throw ConfigRule("widths", "a search has widths or thresholds, one of them");
  }
}

}  // namespace backboard
