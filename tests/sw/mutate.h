// Random mutations of a good file for robustness tests: every parser takes any bytes and either accepts them or throws
// InputError. Seeds are fixed, so a failure repeats.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace backboard::sw_test {

/// Changes, removes, repeats or inserts a few bytes, or cuts the end off.
inline std::vector<uint8_t> mutate(std::mt19937& random, std::vector<uint8_t> bytes) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  const auto at = [&](size_t index) { return bytes.begin() + static_cast<ptrdiff_t>(index); };
  for (size_t edits = 1 + below(4); edits > 0 && !bytes.empty(); --edits) {
    const size_t place = below(bytes.size());
    switch (below(7)) {
      case 0:
        bytes[place] = static_cast<uint8_t>(random());
        break;
      case 1:
        bytes[place] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 2:  // an extreme 32-bit field
        for (size_t i = 0; i < 4 && place / 4 * 4 + i < bytes.size(); ++i)
          bytes[place / 4 * 4 + i] = static_cast<uint8_t>(uint64_t{0xffffffff} >> below(33) >> (8 * i));
        break;
      case 3:
        bytes.erase(at(place), at(place + below(std::min<size_t>(16, bytes.size() - place))));
        break;
      case 4:
        bytes.insert(at(place), 1 + below(16), static_cast<uint8_t>(random()));
        break;
      case 5:
        bytes.resize(place);
        break;
      case 6:
        bytes[place] = bytes[below(bytes.size())];
        break;
    }
  }
  return bytes;
}

/// A folder of the test's own that goes away when the test program ends.
inline std::string scratch_folder() {
  static std::deque<test::TemporaryFolder> folders;
  return folders.emplace_back().path();
}

}  // namespace backboard::sw_test
