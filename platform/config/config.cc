#include "platform/config/config.h"

#include <nlohmann/json.hpp>

namespace backboard {
namespace {

// Everything that an override says stands at the override.
void put_place(YamlNode& node, const YamlPlace& place) {
  node.place = place;
  for (YamlNode& item : node.items) put_place(item, place);
  for (YamlNode::Member& member : node.members) {
    member.place = place;
    put_place(member.value, place);
  }
}

}  // namespace

Overrides::Item parse_override(const std::string& text, const std::string& option) {
  const std::string origin = option + " " + text;
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) throw InputError(origin + ": expected KEY=VALUE");
  YamlNode value = parse_yaml(text.substr(equals + 1), origin);
  put_place(value, {std::make_shared<const std::string>(origin), 0});
  return {text.substr(0, equals), std::move(value)};
}

void apply_overrides(YamlNode& root, std::span<const Overrides::Item> overrides) {
  for (const Overrides::Item& item : overrides) set_yaml(root, item.key, item.value);
}

std::string schema_text(const Value& value, const std::string& title) {
  nlohmann::ordered_json schema;
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  schema["title"] = title;
  schema.update(value.schema());
  return schema.dump(2) + "\n";
}

}  // namespace backboard
