#pragma once

#include <fmt/format.h>

#include <string>

#include "platform/config/yaml_tree.h"

namespace backboard {

/// Throws InputError at the node's place: another kind of value stands there.
[[noreturn]] inline void fail_type(const YamlNode& node, const std::string& path, const std::string& expected) {
  throw node.place.error(path, fmt::format("expected {}, found {}", expected, node.what()));
}

}  // namespace backboard
