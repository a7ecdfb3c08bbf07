// Rounding, encoding and decoding against tables of all values of a format.
#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "npu/numerics/accumulator.h"
#include "npu/numerics/rounding.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// All finite non-negative values of a format with at most 16 bits, in order of their patterns, from the definition of
/// an IEEE-like format: (-1)^s 2^(e - bias) (1 + m / 2^p), subnormals 2^(1 - bias) m / 2^p.
std::vector<double> table_of(const FormatRow& row) {
  std::vector<double> values;
  const unsigned m = row.mantissa_bits;
  for (uint32_t e = 0; e < 1u << row.exponent_bits; ++e) {
    for (uint32_t f = 0; f < 1u << m; ++f) {
      const bool top = e == (1u << row.exponent_bits) - 1;
      if (top && (row.has_inf || f == (1u << m) - 1)) continue;
      const double fraction = static_cast<double>(f) / static_cast<double>(1u << m);
      values.push_back(e == 0 ? std::ldexp(fraction, 1 - row.bias)
                              : std::ldexp(1.0 + fraction, static_cast<int>(e) - row.bias));
    }
  }
  return values;
}

/// Nearest of the table, ties to the even pattern, saturating; from comparisons of exact doubles.
double nearest(const std::vector<double>& table, double magnitude) {
  const auto above = std::lower_bound(table.begin(), table.end(), magnitude);
  if (above == table.end()) return table.back();
  if (*above == magnitude || above == table.begin()) return *above;
  const auto below = above - 1;
  const double down = magnitude - *below, up = *above - magnitude;
  if (down != up) return down < up ? *below : *above;
  return (below - table.begin()) % 2 == 0 ? *below : *above;
}

std::vector<const FormatRow*> small_rows() {
  std::vector<const FormatRow*> rows;
  for (const FormatRow& row : kFormatRows) {
    if (!row.is_integer() && row.bits() <= 16) rows.push_back(&row);
  }
  return rows;
}

/// Values of interest: every value of the format, the midpoints, and their neighbours in binary32; both signs.
std::vector<float> probes(const FormatRow& row) {
  std::vector<float> probes = {0.0f,          -0.0f,          kInfinity, -kInfinity,
                               std::nanf(""), -std::nanf(""), 0x1p-149f, 0x1.fffffep127f};
  const std::vector<double> table = table_of(row);
  for (size_t i = 0; i < table.size(); ++i) {
    const double next = i + 1 < table.size() ? table[i + 1] : 2 * table[i] - table[i - 1];
    for (const double at : {table[i], (table[i] + next) / 2}) {
      const float value = static_cast<float>(at);
      for (const float probe : {value, std::nextafter(value, kInfinity), std::nextafter(value, -kInfinity)}) {
        probes.push_back(probe);
        probes.push_back(-probe);
      }
    }
  }
  return probes;
}

TEST_CASE("max_finite of each row is the largest value of its table") {
  for (const FormatRow* row : small_rows()) {
    INFO(row->name);
    CHECK(table_of(*row).back() == static_cast<double>(row->max_finite));
  }
  CHECK(format_row(NumberFormat::kFp32).max_finite == std::numeric_limits<float>::max());
}

TEST_CASE("Every pattern of a small format decodes to its table value and encodes back") {
  for (const FormatRow* row : small_rows()) {
    const std::vector<double> table = table_of(*row);
    for (uint32_t pattern = 0; pattern < table.size(); ++pattern) {
      const float value = decode_value(*row, pattern);
      REQUIRE(static_cast<double>(value) == table[pattern]);
      REQUIRE(encode_value(*row, value) == pattern);
      const uint32_t negative = pattern | 1u << (row->bits() - 1);
      REQUIRE(decode_value(*row, negative) == -value);
      REQUIRE(encode_value(*row, -value) == (pattern == 0 ? 0 : negative));
    }
  }
}

TEST_CASE("Rounding takes the nearest value of the table, ties to even, and saturates") {
  for (const FormatRow* row : small_rows()) {
    const std::vector<double> table = table_of(*row);
    std::vector<float> values = probes(*row);
    std::mt19937 random(5);
    for (int i = 0; i < 200000; ++i) values.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
    for (const float x : values) {
      const float rounded = round_nearest_even_saturate(*row, x);
      if (std::isnan(x)) {
        REQUIRE(std::isnan(rounded));
        continue;
      }
      const double expected = nearest(table, std::fabs(static_cast<double>(x)));
      INFO(row->name << " of " << x);
      REQUIRE(static_cast<double>(rounded) == (std::signbit(x) ? -expected : expected));
      if (rounded == 0) REQUIRE_FALSE(std::signbit(rounded));
    }
  }
}

TEST_CASE("Vector conversions equal the scalar ones in bytes and counts, on every vector unit and length") {
  for (const FormatRow& row : kFormatRows) {
    std::vector<float> values = row.bits() <= 16 && !row.is_integer() ? probes(row) : std::vector<float>();
    std::mt19937 random(9);
    for (int i = 0; i < 30000; ++i) values.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
    for (int i = 0; i < 3000; ++i) values.push_back(static_cast<float>(random() % 4096) / 8 - 100);
    std::vector<size_t> lengths = {values.size()};
    for (size_t length = 0; length < 40; ++length) lengths.push_back(length);
    for (const size_t length : lengths) {
      const std::span<const float> in(values.data(), length);
      std::vector<float> expected(length);
      std::vector<uint8_t> bytes(length * row.bytes() + 1, 0xee);
      const ConversionCounts rounded = scalar::round_span(row, in, expected);
      const ConversionCounts encoded = scalar::encode_span(row, in, bytes.data(), 0.5f);
      backboard::test::for_each_simd_target([&](const char* target) {
        INFO(row.name << " on " << target << ", " << length << " elements");
        std::vector<float> out(length);
        CHECK(round_span(row, in, out) == rounded);
        CHECK((length == 0 || std::memcmp(out.data(), expected.data(), length * sizeof(float)) == 0));
        std::vector<uint8_t> coded(length * row.bytes() + 1, 0xee);
        CHECK(encode_span(row, in, coded.data(), 0.5f) == encoded);
        CHECK(coded == bytes);
      });
    }
  }
}

TEST_CASE("Vector decoding equals the scalar one for every 16-bit pattern") {
  for (const FormatRow& row : kFormatRows) {
    if (row.bits() > 16) continue;
    std::vector<uint8_t> patterns;
    for (uint32_t pattern = 0; pattern < 1u << row.bits(); ++pattern) {
      patterns.push_back(static_cast<uint8_t>(pattern));
      if (row.bytes() == 2) patterns.push_back(static_cast<uint8_t>(pattern >> 8));
    }
    std::vector<float> expected(size_t{1} << row.bits()), out(expected.size());
    scalar::decode_span(row, patterns.data(), expected, 0.25f);
    backboard::test::for_each_simd_target([&](const char* target) {
      INFO(row.name << " on " << target);
      decode_span(row, patterns.data(), out, 0.25f);
      CHECK(std::memcmp(out.data(), expected.data(), out.size() * sizeof(float)) == 0);
    });
  }
}

TEST_CASE("Counts tell zeros, saturations, infinities and NaN apart") {
  // FP8: 1 stays, 1e-9 becomes 0, 60000 rounds to 57344, 61440 and beyond saturate.
  const std::vector<float> in = {1.0f, 0.0f, 1e-9f, 60000.0f, 61440.0f, 1e9f, -kInfinity, std::nanf("")};
  std::vector<float> out(in.size());
  const ConversionCounts counts = round_span(format_row(NumberFormat::kFp8), in, out);
  CHECK(counts.elements == 8);
  CHECK(counts.zeros == 2);
  CHECK(counts.saturated == 3);
  CHECK(counts.nonfinite == 2);
  CHECK(counts.largest == 57344.0f);
  CHECK(out[3] == 57344.0f);
  CHECK(out[6] == -57344.0f);
}

TEST_CASE("FP8 is FP16 cut to two mantissa bits") {
  for (uint32_t pattern = 0; pattern < 256; ++pattern) {
    const float low = decode_value(format_row(NumberFormat::kFp8), pattern);
    const float high = decode_value(format_row(NumberFormat::kFp16), pattern << 8);
    CHECK((low == high || (std::isnan(low) && std::isnan(high))));
  }
}

TEST_CASE("Bytes are rounded, cut and scaled") {
  const FormatRow& row = format_row(NumberFormat::kU8);
  CHECK(encode_value(row, 0.5f) == 0);
  CHECK(encode_value(row, 1.5f) == 2);
  CHECK(encode_value(row, 2.5f) == 2);
  CHECK(encode_value(row, -3.0f) == 0);
  CHECK(encode_value(row, 254.5f) == 254);
  CHECK(encode_value(row, 300.0f) == 255);
  CHECK(encode_value(row, std::nanf("")) == 0);
  CHECK(encode_value(row, 0.3125f, 0.125f) == 2);  // 2.5 to even
  CHECK(decode_value(row, 51, 1.0f / 255) == 51 * (1.0f / 255));
}

TEST_CASE("Fixed point is the nearest integer times its scale, ties to even, held at the largest with its sign") {
  for (const NumberFormat format : {NumberFormat::kS8, NumberFormat::kS16}) {
    const FormatRow& row = format_row(format);
    INFO(row.name);
    const double most = format == NumberFormat::kS8 ? 127 : 32767;
    std::mt19937 random(6);
    for (int i = 0; i < 200000; ++i) {
      // Quarters, so that halves come up often; a part of them beyond the range.
      const double quarters = static_cast<double>(random() % 400000) - 200000;
      const double x = quarters / 4 * (format == NumberFormat::kS8 ? 1.0 / 256 : 1.0);
      const double expected = std::clamp(std::nearbyint(x), -most, most);
      const uint32_t bits = encode_value(row, static_cast<float>(x) * 0.125f, 0.125f);
      REQUIRE(bits >> row.bits() == 0);
      REQUIRE(decode_value(row, bits, 0.125f) == static_cast<float>(expected) * 0.125f);
    }
    CHECK(encode_value(row, -kInfinity) == (1u << (row.bits() - 1)) + 1);
    CHECK(encode_value(row, std::nanf("")) == 0);
    // The pattern that encoding never makes.
    CHECK(decode_value(row, 1u << (row.bits() - 1)) == -static_cast<float>(most) - 1);
  }
  CHECK(encode_value(format_row(NumberFormat::kS8), -2.5f) == 0xfe);
  CHECK(encode_value(format_row(NumberFormat::kS8), -127.4f) == 0x81);
}

TEST_CASE("The FP16 accumulator rounds twice") {
  // 1 + (2^-11 + 2^-24): binary32 keeps 1 + 2^-11 (tie of FP16, to even 1); a single rounding would give 1 + 2^-10.
  const float term = 0x1p-11f + 0x1p-24f;
  CHECK(accumulate(Accumulator::kFp16, 1.0f, term) == 1.0f);
  CHECK(accumulate(Accumulator::kFp32, 1.0f, term) == 1.0f + 0x1p-11f);
  CHECK(accumulate(Accumulator::kFp16, 65504.0f, 65504.0f) == 65504.0f);
}

}  // namespace
}  // namespace backboard::npu
