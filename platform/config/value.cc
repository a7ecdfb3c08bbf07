#include "platform/config/value.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "platform/config/suggest.h"
#include "platform/config/wrong_type.h"

namespace backboard {
namespace {

using Json = nlohmann::ordered_json;

const std::string& plain_text(const YamlNode& node, const std::string& path, const std::string& expected) {
  if (!node.is_scalar() || node.quoted) fail_type(node, path, expected);
  return node.text;
}

class BoolValue final : public Value {
 public:
  explicit BoolValue(bool& member) : member_(member) {}
  void load(const YamlNode& node, const std::string& path) override {
    const std::string& text = plain_text(node, path, type());
    if (text == "true" || text == "on" || text == "yes") {
      member_ = true;
    } else if (text == "false" || text == "off" || text == "no") {
      member_ = false;
    } else {
      fail_type(node, path, type());
    }
  }
  YamlNode dump() const override { return YamlNode::scalar(member_ ? "true" : "false"); }
  std::string type() const override { return "true or false"; }
  Json schema() const override { return {{"type", "boolean"}}; }

 private:
  bool& member_;
};

class TextValue final : public Value {
 public:
  explicit TextValue(std::string& member) : member_(member) {}
  void load(const YamlNode& node, const std::string& path) override {
    if (!node.is_scalar()) fail_type(node, path, type());
    member_ = node.text;
  }
  YamlNode dump() const override { return YamlNode::scalar(member_); }
  std::string type() const override { return "text"; }
  Json schema() const override { return {{"type", "string"}}; }

 private:
  std::string& member_;
};

class FileValue final : public Value {
 public:
  explicit FileValue(std::string& member) : member_(member) {}
  void load(const YamlNode& node, const std::string& path) override {
    if (!node.is_scalar()) fail_type(node, path, type());
    const std::filesystem::path name(node.text);
    const bool from_file = node.place.line != 0 && node.place.origin;
    if (node.text.empty() || name.is_absolute() || !from_file) {
      member_ = node.text;
    } else {
      member_ = (std::filesystem::path(*node.place.origin).parent_path() / name).lexically_normal().string();
    }
  }
  YamlNode dump() const override {
    if (member_.empty()) return YamlNode::scalar("");
    std::error_code error;
    const auto whole = std::filesystem::absolute(member_, error);
    return YamlNode::scalar(error ? member_ : whole.lexically_normal().string());
  }
  std::string type() const override { return "file, relative to the file that names it"; }
  Json schema() const override { return {{"type", "string"}}; }

 private:
  std::string& member_;
};

class NameValue final : public Value {
 public:
  NameValue(std::string& member, OneOf names) : member_(member), names_(std::move(names.names)) {}
  void load(const YamlNode& node, const std::string& path) override {
    if (!node.is_scalar()) fail_type(node, path, type());
    for (const std::string& name : names_) {
      if (name == node.text) {
        member_ = name;
        return;
      }
    }
    throw node.place.error(path, "unknown value '" + node.text + "'" + suggestion(node.text, names_));
  }
  YamlNode dump() const override { return YamlNode::scalar(member_); }
  std::string type() const override { return fmt::format("one of {}", fmt::join(names_, ", ")); }
  Json schema() const override { return {{"enum", names_}}; }

 private:
  std::string& member_;
  std::vector<std::string> names_;
};

class ChoiceValue final : public Value {
 public:
  ChoiceValue(Cell<size_t> cell, std::vector<std::string> names) : cell_(std::move(cell)), names_(std::move(names)) {}
  void load(const YamlNode& node, const std::string& path) override {
    if (!node.is_scalar()) fail_type(node, path, type());
    for (size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] != node.text) continue;
      cell_.set(i);
      return;
    }
    throw node.place.error(path, "unknown value '" + node.text + "'" + suggestion(node.text, names_));
  }
  YamlNode dump() const override { return YamlNode::scalar(names_[cell_.get()]); }
  std::string type() const override { return fmt::format("one of {}", fmt::join(names_, ", ")); }
  Json schema() const override {
    Json values = names_;
    for (const std::string& name : names_) {
      if (name == "true" || name == "false") values.push_back(name == "true");  // which YAML reads as a boolean
    }
    return {{"enum", values}};
  }

 private:
  Cell<size_t> cell_;
  std::vector<std::string> names_;
};

class IntegerValue final : public Value {
 public:
  IntegerValue(Cell<int64_t> cell, Range range, IntegerText text)
      : cell_(std::move(cell)), range_(range), text_(text) {}
  void load(const YamlNode& node, const std::string& path) override {
    const std::string& text = plain_text(node, path, type());
    std::string_view digits = text;
    const bool hex = digits.starts_with("0x");
    if (hex) digits.remove_prefix(2);
    int64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, value, hex ? 16 : 10);
    if (stop != end || error == std::errc::invalid_argument || (hex && value < 0)) fail_type(node, path, type());
    if (error != std::errc() || value < range_.lowest || value > range_.highest) {
      throw node.place.error(path, fmt::format("{} is out of range: expected {}", text, type()));
    }
    cell_.set(value);
  }
  YamlNode dump() const override { return YamlNode::scalar(written(cell_.get())); }
  std::string type() const override {
    return fmt::format("{} from {} to {}", text_ == IntegerText::decimal ? "integer" : "address",
                       written(range_.lowest), written(range_.highest));
  }
  Json schema() const override {
    return {{"type", "integer"}, {"minimum", range_.lowest}, {"maximum", range_.highest}};
  }

 private:
  std::string written(int64_t value) const {
    return text_ == IntegerText::decimal ? fmt::format("{}", value) : fmt::format("{:#x}", value);
  }
  Cell<int64_t> cell_;
  Range range_;
  IntegerText text_;
};

class RealValue final : public Value {
 public:
  RealValue(Cell<double> cell, Reals range) : cell_(std::move(cell)), range_(range) {}
  void load(const YamlNode& node, const std::string& path) override {
    const std::string& text = plain_text(node, path, type());
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (stop != end || error == std::errc::invalid_argument) fail_type(node, path, type());
    const bool inside = error == std::errc() && value >= range_.lowest && value <= range_.highest;
    if (!inside) throw node.place.error(path, fmt::format("{} is out of range: expected {}", text, type()));
    cell_.set(value);
  }
  YamlNode dump() const override {
    // A member of type float is shown by its own shortest text: 0.02, not 0.019999999552965164.
    const double value = cell_.get();
    const auto narrow = static_cast<float>(value);
    return YamlNode::scalar(static_cast<double>(narrow) == value ? fmt::format("{}", narrow)
                                                                 : fmt::format("{}", value));
  }
  std::string type() const override { return fmt::format("number from {} to {}", range_.lowest, range_.highest); }
  Json schema() const override { return {{"type", "number"}, {"minimum", range_.lowest}, {"maximum", range_.highest}}; }

 private:
  Cell<double> cell_;
  Reals range_;
};

class QuantityValue final : public Value {
 public:
  QuantityValue(uint64_t& member, const UnitSystem& units, uint64_t lowest, uint64_t highest)
      : member_(member), units_(units), lowest_(lowest), highest_(highest) {}
  void load(const YamlNode& node, const std::string& path) override {
    if (!node.is_scalar()) fail_type(node, path, type());
    const QuantityResult result = parse_quantity(node.text, units_);
    if (!result.value) {
      throw node.place.error(path, fmt::format("{} {}: expected {}", node.what(), result.error, type()));
    }
    if (*result.value < lowest_ || *result.value > highest_) {
      throw node.place.error(path, fmt::format("{} is out of range: expected {}", node.text, type()));
    }
    member_ = *result.value;
  }
  YamlNode dump() const override { return YamlNode::scalar(format_quantity(member_, units_)); }
  std::string type() const override {
    return fmt::format("{} from {} to {}", kind(), format_quantity(lowest_, units_), format_quantity(highest_, units_));
  }
  Json schema() const override {
    std::string names;
    for (const Unit& unit : units_.units) names += (names.empty() ? "" : "|") + std::string(unit.name);
    const Json text = {{"type", "string"}, {"pattern", "^[0-9_]+(\\.[0-9_]+)? *(" + names + ")$"}};
    if (!units_.plain_number) return text;
    const Json number = {{"type", "integer"}, {"minimum", lowest_}, {"maximum", highest_}};
    return {{"anyOf", Json::array({number, text})}};
  }

 private:
  const char* kind() const {
    if (&units_ == &byte_units()) return "size";
    return &units_ == &hertz_units() ? "frequency" : "time";
  }
  uint64_t& member_;
  const UnitSystem& units_;
  uint64_t lowest_, highest_;
};

}  // namespace

ValuePtr bool_value(bool& member) {
  return std::make_unique<BoolValue>(member);
}
ValuePtr text_value(std::string& member) {
  return std::make_unique<TextValue>(member);
}
ValuePtr file_value(std::string& member) {
  return std::make_unique<FileValue>(member);
}
ValuePtr name_value(std::string& member, OneOf names) {
  return std::make_unique<NameValue>(member, std::move(names));
}
ValuePtr integer_value(Cell<int64_t> cell, Range range, IntegerText text) {
  return std::make_unique<IntegerValue>(std::move(cell), range, text);
}
ValuePtr real_value(Cell<double> cell, Reals range) {
  return std::make_unique<RealValue>(std::move(cell), range);
}
ValuePtr quantity_value(uint64_t& member, const UnitSystem& units, uint64_t lowest, uint64_t highest) {
  return std::make_unique<QuantityValue>(member, units, lowest, highest);
}
ValuePtr choice_value(Cell<size_t> cell, std::vector<std::string> names) {
  return std::make_unique<ChoiceValue>(std::move(cell), std::move(names));
}
}  // namespace backboard
