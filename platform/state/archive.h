// Saving and restoring: one function a model lists its members for both directions.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "platform/check/input_error.h"

namespace backboard {

/// A byte stream of named values that is either written or read. A model has one `void state(StateArchive&)`
/// that lists what it remembers; the same list saves and restores. Every value carries the hash of its name, its type's
/// name and its size, so that a file of another layout fails with the name of the first value that does not fit.
class StateArchive {
 public:
  /// An archive to save into.
  StateArchive() = default;
  /// An archive to restore from; `origin` names it in errors.
  StateArchive(std::vector<uint8_t> bytes, std::string origin)
      : bytes_(std::move(bytes)), origin_(std::move(origin)), reading_(true) {}

  bool reading() const { return reading_; }
  const std::vector<uint8_t>& bytes() const { return bytes_; }
  bool at_end() const { return position_ == bytes_.size(); }

  /// A plain value: integers, floats, enums, bool and structs without padding or pointers.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void value(std::string_view name, T& v) { raw(name, type_of<T>(), &v, sizeof v); }

  /// A fixed range of plain values, whose length both sides know.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void range(std::string_view name, std::span<T> values) {
    raw(name, type_of<T>(), values.data(), values.size_bytes());
  }

  /// A vector of plain values; its length is part of the stream.
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void vector(std::string_view name, std::vector<T>& values) {
    uint64_t count = values.size();
    value(name, count);
    if (reading_) {
      if (count > (bytes_.size() - position_) / sizeof(T)) fail(name, "length exceeds the file");
      values.resize(count);
    }
    raw(name, type_of<T>(), values.data(), values.size() * sizeof(T));
  }

  /// A string; its length is part of the stream.
  void string(std::string_view name, std::string& text) {
    std::vector<char> characters(text.begin(), text.end());
    vector(name, characters);
    text.assign(characters.begin(), characters.end());
  }

  /// Opens a section: restoring checks that the same model is next.
  void section(std::string_view name) {
    uint32_t mark = 0x53454354;
    value(name, mark);
  }

  /// Ends restoring or saving with an error that names `name`.
  [[noreturn]] void fail(std::string_view name, std::string_view why) const {
    throw InputError::at_offset(origin_, position_, fmt::format("saved state: {}: {}", name, why));
  }

 private:
  static uint32_t fnv1a(uint32_t hash, std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
    return hash;
  }
  /// Hash of the type's name as the ABI writes it, which compilers agree on.
  template <class T>
  static uint32_t type_of() {
    static const uint32_t hash = fnv1a(2166136261u, typeid(T).name());
    return hash;
  }
  void raw(std::string_view name, uint32_t type, void* data, size_t size_bytes) {
    const uint32_t tag = fnv1a(type, name) ^ static_cast<uint32_t>(size_bytes);
    if (!reading_) {
      append(&tag, sizeof tag);
      append(data, size_bytes);
      return;
    }
    if (bytes_.size() - position_ < sizeof tag + size_bytes) fail(name, "file ends early");
    uint32_t found = 0;
    std::memcpy(&found, bytes_.data() + position_, sizeof found);
    if (found != tag) fail(name, "another value was saved here; the file is of another version or board");
    position_ += sizeof tag;
    if (size_bytes) std::memcpy(data, bytes_.data() + position_, size_bytes);
    position_ += size_bytes;
  }
  void append(const void* data, size_t size_bytes) {
    const auto* first = static_cast<const uint8_t*>(data);
    if (size_bytes) bytes_.insert(bytes_.end(), first, first + size_bytes);
  }

  std::vector<uint8_t> bytes_;
  std::string origin_ = "state";
  size_t position_ = 0;
  bool reading_ = false;
};

/// Whatever is saved with the board.
class Saved {
 public:
  virtual ~Saved() = default;
  /// Lists every member that must survive, in a fixed order. Called between events, after `drain()`.
  virtual void state(StateArchive& archive) = 0;
  /// Finishes what no member can hold (worker threads, say) without letting simulated time pass.
  virtual void drain() {}
};

}  // namespace backboard
