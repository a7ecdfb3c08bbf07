// The archive: what was saved comes back, and what was saved by another layout is refused by name.
#include "platform/state/archive.h"

#include <array>
#include <catch2/catch.hpp>
#include <functional>

namespace backboard {
namespace {

struct Point {
  uint32_t x, y;
};
struct Size {
  uint32_t rows, columns;
};
enum class Colour : uint8_t { red, green };

using Part = std::function<void(StateArchive&)>;

/// What reading as `reader` says of what `writer` saved; "" when it fits.
std::string refusal(const Part& writer, const Part& reader) {
  StateArchive out;
  writer(out);
  StateArchive in(out.bytes(), "board.save");
  try {
    reader(in);
    if (!in.at_end()) in.fail("board", "bytes are left over");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

template <class T>
Part value_of(const char* name, T initial = {}) {
  return [=](StateArchive& archive) {
    T value = initial;
    archive.value(name, value);
  };
}

template <class T>
Part vector_of(const char* name, size_t count) {
  return [=](StateArchive& archive) {
    std::vector<T> values(count);
    archive.vector(name, values);
  };
}

TEST_CASE("values, ranges, vectors and strings come back as they were") {
  StateArchive out;
  uint32_t number = 7;
  std::vector<uint16_t> list = {1, 2, 3};
  std::string text = "board";
  std::array<float, 2> pair = {0.5f, -1.0f};
  out.section("part");
  out.value("number", number);
  out.vector("list", list);
  out.string("text", text);
  out.range("pair", std::span<float>(pair));
  StateArchive in(out.bytes(), "memory");
  uint32_t number_in = 0;
  std::vector<uint16_t> list_in = {9};
  std::string text_in;
  std::array<float, 2> pair_in{};
  in.section("part");
  in.value("number", number_in);
  in.vector("list", list_in);
  in.string("text", text_in);
  in.range("pair", std::span<float>(pair_in));
  CHECK(in.at_end());
  CHECK(number_in == 7);
  CHECK(list_in == list);
  CHECK(text_in == "board");
  CHECK(pair_in == pair);
}

TEST_CASE("a value of another name, size or type is refused, and the error names the one that was expected") {
  const Part saved = value_of<uint32_t>("ticks", 5);
  CHECK(refusal(saved, value_of<uint32_t>("ticks")).empty());
  for (const Part& reader : {value_of<uint32_t>("ticks_left"), value_of<uint16_t>("ticks"), value_of<int32_t>("ticks"),
                             value_of<float>("ticks")}) {
    const std::string error = refusal(saved, reader);
    CHECK(error.find("board.save: offset 0x0: saved state: ticks") == 0);
    CHECK(error.find("another version") != std::string::npos);
  }
  CHECK(refusal(saved, value_of<uint64_t>("ticks")).find("file ends early") != std::string::npos);
  CHECK_FALSE(refusal(value_of<uint8_t>("colour"), value_of<Colour>("colour")).empty());
  CHECK_FALSE(refusal(value_of<bool>("on"), value_of<uint8_t>("on")).empty());
}

TEST_CASE("a struct of equal size but another type is refused, alone, in an array and in a vector") {
  CHECK(refusal(value_of<Point>("p"), value_of<Point>("p")).empty());
  CHECK_FALSE(refusal(value_of<Point>("p"), value_of<Size>("p")).empty());
  CHECK_FALSE(refusal(value_of<std::array<Point, 4>>("p"), value_of<std::array<Size, 4>>("p")).empty());
  CHECK(refusal(vector_of<Point>("p", 3), vector_of<Point>("p", 0)).empty());
  CHECK_FALSE(refusal(vector_of<Point>("p", 3), vector_of<Size>("p", 0)).empty());
  CHECK_FALSE(refusal(vector_of<Point>("p", 0), vector_of<Size>("p", 0)).empty());
}

TEST_CASE("sections and values in another order, missing or left over are refused") {
  const Part a = value_of<uint32_t>("a"), b = value_of<uint32_t>("b");
  const auto both = [](const Part& first, const Part& second) {
    return [=](StateArchive& archive) {
      first(archive);
      second(archive);
    };
  };
  CHECK(refusal(both(a, b), both(a, b)).empty());
  CHECK(refusal(both(a, b), both(b, a)).find("saved state: b") != std::string::npos);
  CHECK(refusal(both(a, b), a).find("bytes are left over") != std::string::npos);
  CHECK(refusal(a, both(a, b)).find("file ends early") != std::string::npos);
  const auto section = [](const char* name) { return [=](StateArchive& archive) { archive.section(name); }; };
  CHECK_FALSE(refusal(section("uart"), section("plic")).empty());
}

}  // namespace
}  // namespace backboard
