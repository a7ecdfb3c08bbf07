// Values that are made of others: structs, lists, optionals, overrides.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "platform/check/check.h"
#include "platform/config/suggest.h"
#include "platform/config/value.h"
#include "platform/config/wrong_type.h"

namespace backboard {
namespace {

using Json = nlohmann::ordered_json;

class StructValue final : public Value {
 public:
  StructValue(std::vector<KeyedValue> keys, std::string shorthand, std::function<void()> check, Together together)
      : keys_(std::move(keys)), shorthand_(std::move(shorthand)), check_(std::move(check)), together_(together) {}

  void load(const YamlNode& node, const std::string& path) override {
    if (node.is_scalar() && !shorthand_.empty()) {
      find(shorthand_)->value->load(node, path);
    } else if (node.kind == YamlNode::Kind::mapping) {
      for (const YamlNode::Member& member : node.members) load_member(member, path);
      if (together_.all) require_all(node, path);
    } else if (!node.is_null()) {
      fail_type(node, path, type());
    }
    try {
      if (check_) check_();
    } catch (const ConfigRule& rule) {
      throw place_of(node, rule.key()).error(below(path, rule.key()), rule.what());
    }
  }
  YamlNode dump() const override {
    YamlNode node = YamlNode::mapping();
    for (const KeyedValue& key : keys_) node.members.push_back({key.key, {}, key.value->dump()});
    return node;
  }
  std::string type() const override {
    return shorthand_.empty() ? "a mapping" : fmt::format("a mapping, or {}", find(shorthand_)->value->type());
  }
  Json schema() const override {
    Json properties = Json::object();
    for (const KeyedValue& key : keys_) {
      Json item = key.value->schema();
      item["description"] = key.meaning;
      properties[key.key] = std::move(item);
    }
    properties["extends"] = {{"type", "string"}, {"description", "File whose contents this mapping is laid over"}};
    Json mapping = {{"type", "object"}, {"additionalProperties", false}};
    mapping["properties"] = std::move(properties);
    if (shorthand_.empty()) return mapping;
    return {{"anyOf", Json::array({find(shorthand_)->value->schema(), mapping})}};
  }
  void explain(const std::string& path, std::vector<KeyDoc>& docs) const override {
    for (const KeyedValue& key : keys_) {
      const YamlNode standard = key.value->dump();
      const bool nested = standard.kind == YamlNode::Kind::mapping && !standard.members.empty();
      docs.push_back({below(path, key.key), key.meaning, key.value->type(), nested ? "" : write_yaml_flow(standard)});
      key.value->explain(below(path, key.key), docs);
    }
  }

 private:
  static std::string below(const std::string& path, const std::string& key) {
    return path.empty() ? key : path + "." + key;
  }
  const KeyedValue* find(std::string_view name) const {
    for (const KeyedValue& key : keys_) {
      if (key.key == name) return &key;
    }
    return nullptr;
  }
  void load_member(const YamlNode::Member& member, const std::string& path) {
    const KeyedValue* key = find(member.name);
    if (!key) {
      std::vector<std::string> known;
      for (const KeyedValue& candidate : keys_) known.push_back(candidate.key);
      throw member.place.error(path, "unknown key '" + member.name + "'" + suggestion(member.name, known));
    }
    key->value->load(member.value, below(path, key->key));
  }
  bool belongs(const std::string& key) const { return std::ranges::find(together_.but, key) == together_.but.end(); }
  /// Whoever says one of the keys says all: what is left out must not be another thing's.
  void require_all(const YamlNode& node, const std::string& path) const {
    const bool any = std::any_of(node.members.begin(), node.members.end(),
                                 [&](const YamlNode::Member& member) { return belongs(member.name); });
    if (!any) return;
    for (const KeyedValue& key : keys_) {
      if (!belongs(key.key) || node.find(key.key)) continue;
      throw node.place.error(path,
                             "missing key '" + key.key + "': " + key.meaning + " (no default; `extends` a whole file)");
    }
  }

  std::vector<KeyedValue> keys_;
  std::string shorthand_;
  std::function<void()> check_;
  Together together_;
};

class ListValue final : public Value {
 public:
  ListValue(ListCells cells, Count count) : cells_(std::move(cells)), count_(count) {}
  void load(const YamlNode& node, const std::string& path) override {
    const bool single = node.kind == YamlNode::Kind::scalar || node.kind == YamlNode::Kind::mapping;
    const size_t count = single ? 1 : node.items.size();
    if (count < count_.lowest || count > count_.highest) {
      throw node.place.error(path, fmt::format("{} elements: expected {}", count, type()));
    }
    cells_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      cells_.element(i)->load(single ? node : node.items[i], single ? path : fmt::format("{}.{}", path, i));
    }
  }
  YamlNode dump() const override {
    YamlNode node = YamlNode::sequence();
    for (size_t i = 0; i < cells_.size(); ++i) node.items.push_back(cells_.element(i)->dump());
    return node;
  }
  std::string type() const override {
    return fmt::format("list of {} to {} of: {}", count_.lowest, count_.highest, cells_.example().value->type());
  }
  Json schema() const override {
    const OwnedValue example = cells_.example();
    const Json item = example.value->schema();
    const Json list = {{"type", "array"}, {"items", item}, {"minItems", count_.lowest}, {"maxItems", count_.highest}};
    return {{"anyOf", Json::array({list, item})}};
  }
  void explain(const std::string& path, std::vector<KeyDoc>& docs) const override {
    cells_.example().value->explain(path + "[]", docs);
  }

 private:
  ListCells cells_;
  Count count_;
};

class OptionalValue final : public Value {
 public:
  explicit OptionalValue(OptionalCells cells) : cells_(std::move(cells)) {}
  void load(const YamlNode& node, const std::string& path) override {
    if (node.is_null() || (node.is_scalar() && !node.quoted && node.text == "off")) {
      cells_.clear();
    } else {
      cells_.bind(true)->load(node, path);
    }
  }
  YamlNode dump() const override { return cells_.present() ? cells_.bind(false)->dump() : YamlNode::scalar("off"); }
  std::string type() const override { return cells_.example().value->type() + ", or off"; }
  Json schema() const override {
    const Json off = {{"enum", Json::array({"off", false, nullptr})}};
    return {{"anyOf", Json::array({off, cells_.example().value->schema()})}};
  }
  void explain(const std::string& path, std::vector<KeyDoc>& docs) const override {
    cells_.example().value->explain(path, docs);
  }

 private:
  OptionalCells cells_;
};

class OverridesValue final : public Value {
 public:
  explicit OverridesValue(Overrides& member) : member_(member) {}
  void load(const YamlNode& node, const std::string& path) override {
    if (node.is_null()) return;
    if (node.kind != YamlNode::Kind::mapping) fail_type(node, path, type());
    member_.items.clear();
    for (const YamlNode::Member& item : node.members) member_.items.push_back({item.name, item.value});
  }
  YamlNode dump() const override {
    YamlNode node = YamlNode::mapping();
    for (const Overrides::Item& item : member_.items) node.members.push_back({item.key, {}, item.value});
    return node;
  }
  std::string type() const override { return "a mapping from dotted keys to values"; }
  Json schema() const override { return {{"type", "object"}}; }

 private:
  Overrides& member_;
};

}  // namespace

ValuePtr struct_value(std::vector<KeyedValue> keys, std::string shorthand, std::function<void()> check,
                      Together together) {
  for (const KeyedValue& key : keys) {
    for (const KeyedValue& other : keys) BB_CHECK(&key == &other || key.key != other.key, "key {} twice", key.key);
  }
  return std::make_unique<StructValue>(std::move(keys), std::move(shorthand), std::move(check), together);
}
ValuePtr list_value(ListCells cells, Count count) {
  return std::make_unique<ListValue>(std::move(cells), count);
}
ValuePtr optional_value(OptionalCells cells) {
  return std::make_unique<OptionalValue>(std::move(cells));
}
ValuePtr overrides_value(Overrides& member) {
  return std::make_unique<OverridesValue>(member);
}

}  // namespace backboard
