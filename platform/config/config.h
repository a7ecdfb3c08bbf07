// Loading, dumping and documenting a config struct (its keys: see fields.h).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "platform/config/field_list.h"
#include "platform/config/yaml_tree.h"

namespace backboard {

/// Parses "key=value" of a command line; `option` ("--set") is quoted in errors. The value is YAML.
Overrides::Item parse_override(const std::string& text, const std::string& option);

/// Lays overrides, in order, over a tree.
void apply_overrides(YamlNode& root, std::span<const Overrides::Item> overrides);

/// Fills a struct, which holds the defaults, from a tree. Throws InputError with the place of the offending node for
/// unknown keys (with a suggestion), wrong types, values out of range, and rules between keys.
template <ConfigStruct T>
T config_from(const YamlNode& root) {
  T config;
  FieldList::bind(config)->load(root, "");
  return config;
}

/// Reads `path` with everything that it extends, lays the overrides over it, and fills the struct.
template <ConfigStruct T>
T load_config(const std::string& path, std::span<const Overrides::Item> overrides = {}) {
  YamlNode root = load_yaml(path);
  apply_overrides(root, overrides);
  return config_from<T>(root);
}

/// The effective configuration, every key written out. Loading it gives an equal struct.
template <ConfigStruct T>
std::string dump_config(T config) {
  return write_yaml(FieldList::bind(config)->dump());
}

/// All keys of the struct with meaning, type and default, in the order of its fields.
template <ConfigStruct T>
std::vector<KeyDoc> explain_config() {
  T config;
  std::vector<KeyDoc> docs;
  FieldList::bind(config)->explain("", docs);
  return docs;
}

/// JSON Schema (draft 2020-12) of a file that holds the struct, as text.
std::string schema_text(const Value& value, const std::string& title);

template <ConfigStruct T>
std::string schema_of(const std::string& title) {
  T config;
  return schema_text(*FieldList::bind(config), title);
}

}  // namespace backboard
