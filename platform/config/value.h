// One configurable value: what a key of a file stands for, bound to the member that holds it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "platform/config/fields.h"
#include "platform/config/quantity.h"
#include "platform/config/yaml_tree.h"

namespace backboard {

/// What `explain` says about a key.
struct KeyDoc {
  std::string path;      ///< dotted; elements of lists as "[]"
  std::string meaning;   ///< the text of the struct's `fields`
  std::string type;      ///< "integer from 1 to 256", "size from 1 B to 16 MiB", ...
  std::string standard;  ///< the default as YAML on one line; empty for structs
};

/// Loads, dumps and documents one value. `path` is the dotted path for messages.
class Value {
 public:
  virtual ~Value() = default;
  /// Takes the value of `node`. Throws InputError at the node's place.
  virtual void load(const YamlNode& node, const std::string& path) = 0;
  /// The value as it would be written to a file.
  virtual YamlNode dump() const = 0;
  /// What is allowed, in words.
  virtual std::string type() const = 0;
  virtual nlohmann::ordered_json schema() const = 0;
  /// Appends the documentation of what lies below (structs and lists of structs).
  virtual void explain(const std::string& path, std::vector<KeyDoc>& docs) const {
    static_cast<void>(path), static_cast<void>(docs);
  }
};

using ValuePtr = std::unique_ptr<Value>;

/// A scalar behind a pair of functions, so that one class serves every integer type.
template <class T>
struct Cell {
  std::function<T()> get;
  std::function<void(T)> set;
};

ValuePtr bool_value(bool& member);
ValuePtr text_value(std::string& member);
ValuePtr file_value(std::string& member);
ValuePtr name_value(std::string& member, OneOf names);
enum class IntegerText : uint8_t { decimal, hexadecimal };
ValuePtr integer_value(Cell<int64_t> cell, Range range, IntegerText text = IntegerText::decimal);
ValuePtr real_value(Cell<double> cell, Reals range);
ValuePtr quantity_value(uint64_t& member, const UnitSystem& units, uint64_t lowest, uint64_t highest);
/// `get` and `set` an index into `names`.
ValuePtr choice_value(Cell<size_t> cell, std::vector<std::string> names);

/// A key, its value, its meaning.
struct KeyedValue {
  std::string key;
  std::string meaning;
  ValuePtr value;
};

/// A struct: its keys, the key that a lone scalar sets (or empty), and its rules between keys.
/// Whether a file that says one key of a struct must say all of them (fields.h), but some.
struct Together {
  bool all = false;
  std::span<const char* const> but = {};  ///< keys that may be said, or left out, alone
};
ValuePtr struct_value(std::vector<KeyedValue> keys, std::string shorthand, std::function<void()> check,
                      Together together = {});

/// A Value and what it is bound to.
struct OwnedValue {
  std::shared_ptr<void> owner;
  ValuePtr value;
};

/// A list: `resize(n)` makes n default elements, `element(i)` binds one.
struct ListCells {
  std::function<size_t()> size;
  std::function<void(size_t)> resize;
  std::function<ValuePtr(size_t)> element;
  std::function<OwnedValue()> example;  ///< of a default element, for documentation
};
ValuePtr list_value(ListCells cells, Count count);

/// An optional: `bind(true)` creates the content and binds it, `bind(false)` binds what is there, or nothing.
struct OptionalCells {
  std::function<bool()> present;
  std::function<void()> clear;
  std::function<ValuePtr(bool create)> bind;
  std::function<OwnedValue()> example;
};
ValuePtr optional_value(OptionalCells cells);

/// A part of a file that is kept as it stands and laid over another later: a mapping of dotted keys to values.
struct Overrides {
  struct Item {
    std::string key;
    YamlNode value;
  };
  std::vector<Item> items;
};
ValuePtr overrides_value(Overrides& member);

}  // namespace backboard
