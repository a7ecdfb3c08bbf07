#include "platform/experiment/config_rules.h"

namespace backboard {

void check_seeds(const std::vector<uint32_t>& seeds, const std::vector<std::string>& seed_keys) {
  check_distinct("seeds", seeds);
  if (seeds.size() > 1 && seed_keys.empty()) throw ConfigRule("seed_keys", "several seeds need a key to be put into");
}

void check_set(const std::string& key, const Overrides& set, const char* whose) {
  for (const Overrides::Item& item : set.items) {
    for (const char* part : {"variants", "compare", "subsets", "expect", "name"}) {
      if (item.key.substr(0, item.key.find('.')) == part) {
        throw ConfigRule(key, fmt::format("{} cannot set {}", whose, part));
      }
    }
  }
}

}  // namespace backboard
