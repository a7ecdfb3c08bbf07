// The block codec: round trips, layout byte by byte, vector equal to scalar, and any bytes are safe.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <random>

#include "npu/codec/block_codec.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

constexpr TensorFormat kCoded[] = {TensorFormat::kFP16Z, TensorFormat::kFGMP};

std::vector<float> random_values(std::mt19937& random, size_t count, double zeros) {
  std::normal_distribution<float> normal(0, 1);
  std::uniform_real_distribution<double> share(0, 1);
  std::vector<float> values(count);
  for (float& value : values)
    value = share(random) < zeros ? 0.0f : normal(random) * std::ldexp(1.0f, random() % 40 - 30);
  if (count > 6 && random() % 4 == 0) {
    values[1] = std::numeric_limits<float>::infinity();
    values[3] = -std::nanf("");
    values[5] = -0.0f;
  }
  return values;
}

ClassRule random_rule(std::mt19937& random) {
  if (random() % 3 == 0) return {ClassRule::Kind::kRelativeError, 0.01f * static_cast<float>(random() % 12)};
  return {ClassRule::Kind::kMagnitude, std::ldexp(1.0f, random() % 20 - 12)};
}

TEST_CASE("The layout of a block, byte by byte") {
  // Classes with tau = 1: 0.5 low, 0 zero, 2 high, -1 high, 2^-20 zero (below half of FP8's 2^-16), 0.25 low.
  const float in[] = {0.5f, 0.0f, 2.0f, -1.0f, 0x1p-20f, 0.25f};
  uint8_t out[128];
  ClassCounts counts;
  const uint32_t bytes = encode_block(TensorFormat::kFGMP, {ClassRule::Kind::kMagnitude, 1.0f}, in, out, counts);
  // 6 + 4 bits of maps in 2 bytes, 2 FP16, 2 FP8: ceil((6 + 4 + 2 * 8 + 2 * 16) / 8) = 8.
  REQUIRE(bytes == 8);
  // Non-zeros: elements 0, 2, 3, 5 = 0b101101; the second and third of them are high = 0b0110 from bit 6 on.
  CHECK(out[0] == (0b101101 | (0b10 << 6)));
  CHECK(out[1] == 0b01);
  CHECK(out[2] == 0x00);  // 2.0 in FP16 is 0x4000
  CHECK(out[3] == 0x40);
  CHECK(out[4] == 0x00);  // -1.0 is 0xbc00
  CHECK(out[5] == 0xbc);
  CHECK(out[6] == 0x38);  // 0.5 in 1-5-2 is 0x38
  CHECK(out[7] == 0x34);
  CHECK(counts == ClassCounts{6, 2, 2, 2, 0, 0, 2.0f});
}

TEST_CASE("Encoding and decoding equal the scalar definition, and a block decodes to the rounded values") {
  std::mt19937 random(1);
  for (int round = 0; round < 600; ++round) {
    const size_t n = round < 80 ? static_cast<size_t>(round) : 1 + random() % (round % 50 == 0 ? 4096 : 700);
    const std::vector<float> in = random_values(random, n, static_cast<double>(random() % 11) / 10);
    const ClassRule rule = random_rule(random);
    for (const TensorFormat format : kCoded) {
      const size_t room = worst_case_block_bytes(format, static_cast<uint32_t>(n)) + kCodecSlack_bytes;
      std::vector<uint8_t> expected(room), coded(room);
      ClassCounts expected_counts;
      const uint32_t bytes = scalar::encode_block(format, rule, in, expected.data(), expected_counts);
      REQUIRE(bytes <= worst_case_block_bytes(format, static_cast<uint32_t>(n)));
      std::vector<float> rounded(n), values(n);
      std::vector<uint8_t> rounded_classes(n), classes(n);
      const ClassRule used = format == TensorFormat::kFGMP ? rule : ClassRule{};
      scalar::classify_span(used, in, rounded, rounded_classes);
      backboard::test::for_each_simd_target([&](const char* target) {
        INFO("on " << target << ", " << n << " elements, format " << static_cast<int>(format));
        ClassCounts counts;
        REQUIRE(encode_block(format, rule, in, coded.data(), counts) == bytes);
        REQUIRE(std::memcmp(coded.data(), expected.data(), bytes) == 0);
        REQUIRE(counts == expected_counts);
        // An allocation of the exact size, so that sanitizers see reads beyond it.
        const auto exact = std::make_unique<uint8_t[]>(bytes);
        std::memcpy(exact.get(), coded.data(), bytes);
        REQUIRE(decode_block(format, {exact.get(), bytes}, values, classes.data()));
        REQUIRE((n == 0 || std::memcmp(values.data(), rounded.data(), n * sizeof(float)) == 0));
        REQUIRE(classes == rounded_classes);
        // With bytes behind that may be read, whatever they are.
        std::fill(coded.begin() + bytes, coded.end(), static_cast<uint8_t>(0xff));
        std::fill(values.begin(), values.end(), 1.0f);
        std::fill(classes.begin(), classes.end(), uint8_t{3});
        REQUIRE(decode_block(format, {coded.data(), bytes}, values, classes.data(), coded.size() - bytes));
        REQUIRE((n == 0 || std::memcmp(values.data(), rounded.data(), n * sizeof(float)) == 0));
        REQUIRE(classes == rounded_classes);
        if (bytes > 0) REQUIRE_FALSE(decode_block(format, {exact.get(), bytes - 1}, values, nullptr));
        std::vector<float> classified(n);
        std::vector<uint8_t> found(n);
        const ClassCounts sums = classify_span(used, in, classified, found);
        REQUIRE(sums == expected_counts);
        REQUIRE((n == 0 || std::memcmp(classified.data(), rounded.data(), n * sizeof(float)) == 0));
        REQUIRE(found == rounded_classes);
      });
    }
  }
}

TEST_CASE("Any bytes are safe to decode, and vector and scalar agree on which are blocks") {
  std::mt19937 random(2);
  int accepted = 0;
  for (int round = 0; round < 40000; ++round) {
    const size_t n = random() % 40, length = random() % 100;
    const auto bytes = std::make_unique<uint8_t[]>(length);
    for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<uint8_t>(random() & (round % 3 == 0 ? 0xff : random()));
    for (const TensorFormat format : kCoded) {
      std::vector<float> expected(n), values(n);
      std::vector<uint8_t> expected_classes(n), classes(n);
      // Random bytes rarely have the length that their maps ask for: try every length.
      for (size_t cut = round % 8 == 0 ? 0 : length; cut <= length; ++cut) {
        const auto exact = std::make_unique<uint8_t[]>(cut);
        std::memcpy(exact.get(), bytes.get(), cut);
        const bool block = scalar::decode_block(format, {exact.get(), cut}, expected, expected_classes.data());
        REQUIRE(decode_block(format, {exact.get(), cut}, values, classes.data()) == block);
        if (!block) continue;
        ++accepted;
        REQUIRE((n == 0 || std::memcmp(values.data(), expected.data(), n * sizeof(float)) == 0));
        REQUIRE(classes == expected_classes);
      }
    }
  }
  CHECK(accepted > 1000);
}

TEST_CASE("A run of blocks decodes as its blocks do, up to the first that is none") {
  std::mt19937 random(3);
  for (int round = 0; round < 400; ++round) {
    constexpr uint32_t kMost[] = {64, 16, 70, 900};  // whole words, maps in one word, about a word, several words
    const uint32_t most = kMost[round % 4];
    const auto n = static_cast<uint32_t>(most == 64 ? most : 1 + random() % most);
    const size_t blocks = 1 + random() % 9;
    for (const TensorFormat format : kCoded) {
      std::vector<uint8_t> bytes, directory, room(worst_case_block_bytes(format, n) + kCodecSlack_bytes);
      std::vector<size_t> begins;
      std::vector<float> expected(n * blocks);
      std::vector<uint8_t> expected_classes(n * blocks);
      for (size_t i = 0; i < blocks; ++i) {
        const std::vector<float> in = random_values(random, n, static_cast<double>(random() % 11) / 10);
        ClassCounts counts;
        const uint32_t used = encode_block(format, random_rule(random), in, room.data(), counts);
        REQUIRE(scalar::decode_block(format, {room.data(), used}, {expected.data() + i * n, n},
                                     expected_classes.data() + i * n));
        begins.push_back(bytes.size());
        bytes.insert(bytes.end(), room.begin(), room.begin() + used);
        directory.push_back(static_cast<uint8_t>(used));
        directory.push_back(static_cast<uint8_t>(used >> 8));
      }
      const size_t slack = random() % 2 * kCodecSlack_bytes;
      // Exactly as long as allowed, so that sanitizers see reads beyond it.
      const auto exact = std::make_unique<uint8_t[]>(bytes.size() + slack);
      std::copy(bytes.begin(), bytes.end(), exact.get());
      std::fill_n(exact.get() + bytes.size(), slack, static_cast<uint8_t>(0xff));
      const std::span<const uint8_t> all{exact.get(), bytes.size() + slack};
      const size_t broken = random() % blocks;
      backboard::test::for_each_simd_target([&](const char* target) {
        INFO("on " << target << ", " << blocks << " blocks of " << n << ", format " << static_cast<int>(format));
        std::vector<float> values(n * blocks, 1.0f);
        std::vector<uint8_t> classes(n * blocks, uint8_t{3});
        REQUIRE(decode_run(format, directory, all, n, values.data(), classes.data()) == blocks);
        REQUIRE(std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)) == 0);
        REQUIRE(classes == expected_classes);
        std::fill(values.begin(), values.end(), 1.0f);
        REQUIRE(decode_run(format, directory, all, n, values.data(), nullptr) == blocks);
        REQUIRE(std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)) == 0);
        // One bit of a map turned: the maps then ask for another length.
        exact[begins[broken]] ^= 1;
        REQUIRE(decode_run(format, directory, all, n, values.data(), classes.data()) == broken);
        exact[begins[broken]] ^= 1;
        // A bit behind the maps in their last byte.
        const auto first_class = expected_classes.begin() + static_cast<ptrdiff_t>(broken * n);
        const auto zeros = static_cast<size_t>(std::count(first_class, first_class + n, uint8_t{kClassZero}));
        const size_t map_bits = n + (format == TensorFormat::kFGMP ? n - zeros : 0);
        if (map_bits % 8 != 0) {
          uint8_t& last = exact[begins[broken] + map_bits / 8];
          last = static_cast<uint8_t>(last | 1u << (map_bits % 8));
          REQUIRE(decode_run(format, directory, all, n, values.data(), classes.data()) == broken);
          last = static_cast<uint8_t>(last & ~(1u << (map_bits % 8)));
        }
        // A directory that asks for more than there is.
        std::vector<uint8_t> long_entry = directory;
        long_entry[long_entry.size() - 1] = 0xff;
        REQUIRE(decode_run(format, long_entry, all, n, values.data(), classes.data()) == blocks - 1);
      });
    }
  }
  CHECK(decode_run(TensorFormat::kFP16, std::vector<uint8_t>(2), {}, 1, nullptr, nullptr) == 0);
}

TEST_CASE("Left-over bits and dense formats are refused") {
  const float in[] = {1.0f, 0.0f, 2.0f};
  uint8_t out[128];
  float values[3];
  ClassCounts counts;
  const uint32_t bytes = encode_block(TensorFormat::kFGMP, {}, in, out, counts);
  REQUIRE(decode_block(TensorFormat::kFGMP, {out, bytes}, values, nullptr));
  out[0] = static_cast<uint8_t>(out[0] | 0x80);
  CHECK_FALSE(decode_block(TensorFormat::kFGMP, {out, bytes}, values, nullptr));
  CHECK_FALSE(decode_block(TensorFormat::kFP16, {out, 6}, values, nullptr));
}

TEST_CASE("Blocks cover each element once, and slots hold the worst case") {
  for (const TensorShape shape : {TensorShape{1, 1, 1, 1}, TensorShape{2, 8, 28, 28}, TensorShape{3, 17, 7, 7},
                                  TensorShape{1, 3, 224, 224}, TensorShape{4, 288, 1, 1}, TensorShape{2, 5, 3, 2000}}) {
    const BlockGeometry geometry = BlockGeometry::choose(shape);
    REQUIRE(geometry.valid());
    CHECK(geometry.block_elements() <= std::max(1024u, shape.w));
    uint64_t elements = 0;
    for (uint32_t block = 0; block < geometry.blocks(); ++block) {
      const BlockBox box = geometry.box(block);
      elements += box.elements();
      CHECK(box.elements() <= geometry.block_elements());
      for (uint32_t c = box.c0; c < box.c0 + box.channels; ++c) {
        for (uint32_t h = box.h0; h < box.h0 + box.rows; ++h) CHECK(geometry.block_of(box.n, c, h) == block);
      }
    }
    CHECK(elements == shape.elements());
    for (const TensorFormat format : kCoded) {
      CHECK(geometry.slot_bytes(format) % kSlotAlignment_bytes == 0);
      CHECK(geometry.slot_bytes(format) >= worst_case_block_bytes(format, geometry.block_elements()));
    }
  }
  CHECK_FALSE(BlockGeometry{{1, 4, 4, 4}, 2, 2}.valid());
  CHECK_FALSE(BlockGeometry{{1, 4, 4, 4}, 5, 4}.valid());
  CHECK_FALSE(BlockGeometry{{1, 4, 4, 4}, 1, 0}.valid());
  CHECK_FALSE(BlockGeometry{{1, 64, 16, 16}, 17, 16}.valid());
  CHECK_FALSE(BlockGeometry{{1, 1, 1, 4097}, 1, 1}.valid());
  CHECK_FALSE(BlockGeometry{{0xffffffff, 0xffffffff, 1, 1}, 1, 1}.valid());
}

}  // namespace
}  // namespace backboard::npu
