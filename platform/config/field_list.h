// The visitor behind loading, dumping, documentation and JSON Schema: lists the fields of a config struct as Values.
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/check/check.h"
#include "platform/config/fields.h"
#include "platform/config/value.h"

namespace backboard {

class FieldList;

/// A struct with a `fields` function (see fields.h).
template <class T>
concept ConfigStruct = requires(T& t, FieldList& v) {
  t.fields(v);
};

/// Visitor of `fields`: see fields.h for what may be said.
class FieldList {
 public:
  template <class T>
  void operator()(const char* key, T& member, const char* meaning) {
    add(key, bind(member), meaning);
  }
  template <class T, class C>
  void operator()(const char* key, T& member, C constraint, const char* meaning) {
    add(key, bind(member, constraint), meaning);
  }

  std::vector<KeyedValue> take() { return std::move(keys_); }

  static ValuePtr bind(bool& member) { return bool_value(member); }
  static ValuePtr bind(std::string& member) { return text_value(member); }
  static ValuePtr bind(std::string& member, Text) { return text_value(member); }
  static ValuePtr bind(Overrides& member) { return overrides_value(member); }
  static ValuePtr bind(std::string& member, FilePath) { return file_value(member); }
  static ValuePtr bind(std::string& member, OneOf names) { return name_value(member, std::move(names)); }
  static ValuePtr bind(uint64_t& member, Bytes b) { return quantity_value(member, byte_units(), b.lowest, b.highest); }
  static ValuePtr bind(uint64_t& member, Hertz b) { return quantity_value(member, hertz_units(), b.lowest, b.highest); }
  static ValuePtr bind(uint64_t& member, Picoseconds b) {
    return quantity_value(member, time_units(), b.lowest, b.highest);
  }

  template <std::integral T>
  requires(!std::same_as<T, bool>) static ValuePtr bind(T& member, Range range) {
    BB_CHECK(std::in_range<T>(range.lowest) && std::in_range<T>(range.highest), "range {} to {} of a member",
             range.lowest, range.highest);
    return integer_value({[&member] { return static_cast<int64_t>(member); },
                          [&member](int64_t value) { member = static_cast<T>(value); }},
                         range);
  }

  static ValuePtr bind(uint64_t& member, Address range) {
    return integer_value({[&member] { return static_cast<int64_t>(member); },
                          [&member](int64_t value) { member = static_cast<uint64_t>(value); }},
                         {range.lowest, range.highest}, IntegerText::hexadecimal);
  }

  template <std::floating_point T>
  static ValuePtr bind(T& member, Reals range) {
    return real_value({[&member] { return static_cast<double>(member); },
                       [&member](double value) { member = static_cast<T>(value); }},
                      range);
  }

  template <class E>
  static ValuePtr bind(E& member, Choices<E> choices) {
    std::vector<std::string> names;
    for (const auto& [name, value] : choices.names) names.emplace_back(name);
    auto get = [&member, choices] {
      for (size_t i = 0; i < choices.names.size(); ++i) {
        if (choices.names[i].second == member) return i;
      }
      BB_CHECK(false, "the value of a choice has no name");
    };
    auto set = [&member, choices](size_t index) { member = choices.names[index].second; };
    return choice_value({get, set}, std::move(names));
  }

  template <ConfigStruct T>
  static ValuePtr bind(T& member) {
    FieldList list;
    member.fields(list);
    std::string shorthand;
    if constexpr (requires { T::kShorthand; }) shorthand = T::kShorthand;
    std::function<void()> check;
    if constexpr (requires { member.check(); }) check = [&member] { member.check(); };
    Together together;
    if constexpr (requires { T::kTogether; }) together.all = T::kTogether;
    if constexpr (requires { T::kButFor; }) together.but = T::kButFor;
    return struct_value(list.take(), std::move(shorthand), std::move(check), together);
  }

  template <ConfigStruct T>
  static ValuePtr bind(std::vector<T>& member, Count count) {
    return bind_list(member, count, [](T& element) { return bind(element); });
  }
  template <class T, class C>
  static ValuePtr bind(std::vector<T>& member, Each<C> each) {
    return bind_list(member, each.count, [each](T& element) { return bind(element, each.element); });
  }
  template <ConfigStruct T>
  static ValuePtr bind(std::optional<T>& member) {
    return bind_optional(member, [](T& content) { return bind(content); });
  }
  template <class T, class C>
  static ValuePtr bind(std::optional<T>& member, C constraint) {
    return bind_optional(member, [constraint](T& content) { return bind(content, constraint); });
  }

 private:
  /// A Value with the default element that it is bound to.
  template <class T, class F>
  static OwnedValue example_of(F binder) {
    auto element = std::make_shared<T>();
    return {element, binder(*element)};
  }

  template <class T, class F>
  static ValuePtr bind_list(std::vector<T>& member, Count count, F binder) {
    return list_value(
        {[&member] { return member.size(); }, [&member](size_t n) { member.assign(n, T()); },
         [&member, binder](size_t i) { return binder(member[i]); }, [binder] { return example_of<T>(binder); }},
        count);
  }
  template <class T, class F>
  static ValuePtr bind_optional(std::optional<T>& member, F binder) {
    return optional_value({[&member] { return member.has_value(); }, [&member] { member.reset(); },
                           [&member, binder](bool create) {
                             if (create && !member) member.emplace();
                             return member ? binder(*member) : nullptr;
                           },
                           [binder] { return example_of<T>(binder); }});
  }

  void add(const char* key, ValuePtr value, const char* meaning) { keys_.push_back({key, meaning, std::move(value)}); }

  std::vector<KeyedValue> keys_;
};

}  // namespace backboard
