// Plans: the good one passes, each fault has its code, and no bytes make the check read or the load write elsewhere.
#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <random>

#include "firmware/runtime/plan_check.h"
#include "firmware/runtime/session.h"
#include "tests/firmware/fake_dram.h"
#include "tests/firmware/sample_plan.h"

using namespace backboard::test;

namespace {

run_error check(FakeDram& dram, const std::vector<uint8_t>& bytes, plan_view* view) {
  dram.put(SamplePlaces::kPlan, bytes);
  const memory_limits limits = dram.limits();
  return plan_check(SamplePlaces::kPlan, static_cast<uint32_t>(bytes.size()), &limits, view);
}

/// The code for a plan that was changed before its bytes were made (so that its CRC is right).
run_error changed(const std::function<void(SamplePlan&)>& change) {
  FakeDram dram(SamplePlaces::kDramBytes);
  SamplePlan plan;
  change(plan);
  plan_view view;
  return check(dram, plan.bytes(), &view);
}

/// The code for a plan whose header was changed after its bytes were made, with its CRC set again or left alone.
run_error header_changed(const std::function<void(plan_header&)>& change, bool sealed = false) {
  FakeDram dram(SamplePlaces::kDramBytes);
  auto bytes = SamplePlan().bytes();
  plan_header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  change(header);
  std::memcpy(bytes.data(), &header, sizeof header);
  if (sealed) seal_plan(bytes);
  plan_view view;
  return check(dram, bytes, &view);
}
run_error header_sealed(const std::function<void(plan_header&)>& change) {
  return header_changed(change, true);
}

}  // namespace

TEST_CASE("the sample plan passes and its tables are found") {
  FakeDram dram(SamplePlaces::kDramBytes);
  SamplePlan plan;
  plan_view view;
  REQUIRE(check(dram, plan.bytes(), &view) == RUN_ERROR_NONE);
  CHECK(view.header->tensors.count == kSampleTensors);
  CHECK(std::string(view.tensors[kWeight].name) == "fc.weight");
  CHECK(view.commands[1].opcode == NPU_OP_FC_FF);
  CHECK(view.programs[PLAN_UPDATE].first == 3);
}

TEST_CASE("a plan that is misplaced, cut short or foreign is refused before it is read") {
  FakeDram dram(SamplePlaces::kDramBytes);
  const auto bytes = SamplePlan().bytes();
  dram.put(SamplePlaces::kPlan, bytes);
  const memory_limits limits = dram.limits();
  const auto size = static_cast<uint32_t>(bytes.size());
  plan_view view;
  CHECK(plan_check(SamplePlaces::kPlan + 4, size, &limits, &view) == RUN_ERROR_PLAN_RANGE);
  CHECK(plan_check(SamplePlaces::kPlan, sizeof(plan_header) - 1, &limits, &view) == RUN_ERROR_PLAN_RANGE);
  CHECK(plan_check(0x7FFFFFC0, size, &limits, &view) == RUN_ERROR_PLAN_RANGE);
  CHECK(plan_check(0x8003FFC0, size, &limits, &view) == RUN_ERROR_PLAN_RANGE);
  CHECK(plan_check(0xFFFFFFC0, 0x1000, &limits, &view) == RUN_ERROR_PLAN_RANGE);
  CHECK(plan_check(SamplePlaces::kPlan, size - 1, &limits, &view) == RUN_ERROR_PLAN_SIZE);
  CHECK(header_changed([](plan_header& h) { h.magic++; }) == RUN_ERROR_PLAN_MAGIC);
  CHECK(header_changed([](plan_header& h) { h.version++; }) == RUN_ERROR_PLAN_MAGIC);
  CHECK(header_changed([](plan_header& h) { h.header_bytes--; }) == RUN_ERROR_PLAN_SIZE);
  CHECK(header_changed([](plan_header& h) { h.total_bytes = 8; }) == RUN_ERROR_PLAN_SIZE);
  CHECK(header_changed([](plan_header& h) { h.total_bytes -= 4; }) == RUN_ERROR_PLAN_CRC);
  CHECK(header_changed([](plan_header& h) { h.crc32++; }) == RUN_ERROR_PLAN_CRC);
}

TEST_CASE("each fault of a table has its code") {
  CHECK(header_sealed([](plan_header& h) { h.commands.offset += 4; }) == RUN_ERROR_PLAN_TABLE);
  CHECK(header_sealed([](plan_header& h) { h.layers.offset = 0; }) == RUN_ERROR_PLAN_TABLE);
  CHECK(header_sealed([](plan_header& h) { h.layers.offset = 0xFFFFFFC0; }) == RUN_ERROR_PLAN_TABLE);
  CHECK(header_sealed([](plan_header& h) { h.segments.count = 0x10000000; }) == RUN_ERROR_PLAN_TABLE);
  CHECK(header_sealed([](plan_header& h) { h.commands.count = 65537; }) == RUN_ERROR_PLAN_TABLE);
  CHECK(header_sealed([](plan_header& h) { h.tensors.count--; }) == RUN_ERROR_PLAN_TABLE);
  CHECK(header_sealed([](plan_header& h) { h.programs.count = 3; }) == RUN_ERROR_PLAN_TABLE);
  CHECK(header_sealed([](plan_header& h) { h.data_descriptor = kSampleTensors; }) == RUN_ERROR_PLAN_TABLE);
}

TEST_CASE("a flipped bit of the header is refused, whichever it is") {
  for (size_t word = 0; word < sizeof(plan_header) / 4; word++) {
    INFO("word " << word);
    CHECK(header_changed([&](plan_header& h) { reinterpret_cast<uint32_t*>(&h)[word] ^= 0x40; }) != RUN_ERROR_NONE);
  }
}

TEST_CASE("each fault of arena, addresses, limits and programs has its code") {
  CHECK(changed([](SamplePlan& p) { p.header.arena_bytes = 0; }) == RUN_ERROR_PLAN_ARENA);
  CHECK(changed([](SamplePlan& p) { p.header.arena_base += 4; }) == RUN_ERROR_PLAN_ARENA);
  CHECK(changed([](SamplePlan& p) { p.header.arena_bytes = 0xFFFFFFC0; }) == RUN_ERROR_PLAN_ARENA);
  CHECK(changed([](SamplePlan& p) { p.header.arena_base = 0x7FFFFFC0; }) == RUN_ERROR_PLAN_ARENA);
  CHECK(changed([](SamplePlan& p) { p.header.gather_address += 2; }) == RUN_ERROR_PLAN_ADDRESS);
  CHECK(changed([](SamplePlan& p) { p.header.loss_address += 16; }) == RUN_ERROR_PLAN_ADDRESS);
  CHECK(changed([](SamplePlan& p) { p.header.hyper_address = 0x80017FF0; }) == RUN_ERROR_PLAN_ADDRESS);
  CHECK(changed([](SamplePlan& p) { p.header.hyper_address = 0; }) == RUN_ERROR_PLAN_ADDRESS);
  CHECK(changed([](SamplePlan& p) { p.header.labels_address = p.header.gather_address + 4; }) ==
        RUN_ERROR_PLAN_ADDRESS);
  CHECK(changed([](SamplePlan& p) { p.header.batch = 0; }) == RUN_ERROR_PLAN_LIMIT);
  CHECK(changed([](SamplePlan& p) { p.header.batch = PLAN_MAX_BATCH + 1; }) == RUN_ERROR_PLAN_LIMIT);
  CHECK(changed([](SamplePlan& p) { p.header.classes = 65536; }) == RUN_ERROR_PLAN_LIMIT);
  CHECK(changed([](SamplePlan& p) { p.programs[1].first = 5; }) == RUN_ERROR_PLAN_PROGRAM);
  CHECK(changed([](SamplePlan& p) { p.programs[1].count = 0xFFFFFFFF; }) == RUN_ERROR_PLAN_PROGRAM);
  CHECK(changed([](SamplePlan& p) { p.programs[PLAN_EVAL_STEP].count = 0; }) == RUN_ERROR_PLAN_PROGRAM);
  CHECK(changed([](SamplePlan& p) { p.commands[0].opcode = NPU_OP_FENCE; }) == RUN_ERROR_PLAN_COMMAND);
  CHECK(changed([](SamplePlan& p) { p.commands[0].opcode = NPU_OP_COPY; }) == RUN_ERROR_PLAN_COMMAND);
  CHECK(changed([](SamplePlan& p) { p.commands[0].opcode = 255; }) == RUN_ERROR_PLAN_COMMAND);
}

TEST_CASE("each fault of a segment or tensor has its code") {
  CHECK(changed([](SamplePlan& p) { p.segments[1].fill = 2; }) == RUN_ERROR_PLAN_SEGMENT);
  CHECK(changed([](SamplePlan& p) { p.segments[1].address += 1; }) == RUN_ERROR_PLAN_SEGMENT);
  CHECK(changed([](SamplePlan& p) { p.segments[1].size_bytes = 0x8000; }) == RUN_ERROR_PLAN_SEGMENT);
  CHECK(changed([](SamplePlan& p) { p.segments[0].offset = 0x7FFFFFFC; }) == RUN_ERROR_PLAN_SEGMENT);
  CHECK(changed([](SamplePlan& p) { p.segments[0].offset = 6; }) == RUN_ERROR_PLAN_SEGMENT);
  CHECK(changed([](SamplePlan& p) { std::memset(p.tensors[1].name, 'x', 24); }) == RUN_ERROR_PLAN_TENSOR);
  CHECK(changed([](SamplePlan& p) { std::memset(p.layers[0].name, 'x', 24); }) == RUN_ERROR_PLAN_TENSOR);
  CHECK(changed([](SamplePlan& p) { p.descriptors[kWeight].size_bytes = 0x8000; }) == RUN_ERROR_PLAN_TENSOR);
  CHECK(changed([](SamplePlan& p) { p.descriptors[kWeight].format = NPU_FORMAT_FGMP; }) == RUN_ERROR_PLAN_TENSOR);
  CHECK(changed([](SamplePlan& p) { p.descriptors[kError].statistics += 4; }) == RUN_ERROR_PLAN_TENSOR);
  CHECK(changed([](SamplePlan& p) { p.descriptors[kError].statistics = 0x80018000; }) == RUN_ERROR_PLAN_TENSOR);
  CHECK(changed([](SamplePlan& p) { p.descriptors[kActivation].statistics = 0; }) == RUN_ERROR_PLAN_TENSOR);
  CHECK(changed([](SamplePlan& p) { p.descriptors[kPacked].shape_w = 5; }) == RUN_ERROR_PLAN_TENSOR);
  CHECK(changed([](SamplePlan& p) { p.descriptors[kPacked].format = NPU_FORMAT_FP32; }) == RUN_ERROR_PLAN_TENSOR);
}

TEST_CASE("no change of bytes makes the check read outside the plan, or the load write outside the arena") {
  std::mt19937 random(12345);
  const auto good = SamplePlan().bytes();
  // The plan ends where DRAM ends: one byte read beyond it is one that the sanitizer sees.
  const auto size = static_cast<uint32_t>(good.size());
  const uint32_t dram_bytes = SamplePlaces::kPlan - FakeDram::kBase + size;
  FakeDram dram(dram_bytes);
  const memory_limits limits = dram.limits();
  const uint32_t arena = SamplePlan::kArena - FakeDram::kBase;
  unsigned accepted = 0;
  const int rounds = 20000;
  for (int round = 0; round < rounds; round++) {
    auto bytes = good;
    const unsigned changes = 1 + random() % 4;
    for (unsigned i = 0; i < changes; i++) {
      // Half of them in the header, where the sizes are; values that are likely to hurt among the random ones.
      const uint32_t at = random() % 2 == 0 ? random() % (sizeof(plan_header) / 4) : random() % (size / 4);
      const uint32_t values[] = {0, 1, 0xFFFFFFFF, 0x80000000, size, static_cast<uint32_t>(random())};
      std::memcpy(&bytes[4 * at], &values[random() % 6], 4);
    }
    if (random() % 8 != 0) seal_plan(bytes);
    std::fill(dram.bytes.begin(), dram.bytes.end(), uint8_t{0xA5});
    dram.put(SamplePlaces::kPlan, bytes);
    session s{};
    if (plan_check(SamplePlaces::kPlan, size, &limits, &s.plan) != RUN_ERROR_NONE) continue;
    if (region_overlap(s.plan.arena, s.plan.place) || region_overlap(s.plan.arena, limits.image)) continue;
    accepted++;
    session_load(&s);
    const uint32_t first = s.plan.arena.base - FakeDram::kBase, end = first + s.plan.arena.size_bytes;
    bool outside = false;
    for (uint32_t i = 0; i < SamplePlaces::kPlan - FakeDram::kBase; i++) {
      outside = outside || ((i < first || i >= end) && dram.bytes[i] != 0xA5);
    }
    REQUIRE_FALSE(outside);
    REQUIRE(std::memcmp(&dram.bytes[SamplePlaces::kPlan - FakeDram::kBase], bytes.data(), size) == 0);
  }
  CHECK(arena < dram_bytes);
  CHECK(accepted > 100);  // some changes do no harm
  CHECK(accepted < rounds * 3 / 4);
}
