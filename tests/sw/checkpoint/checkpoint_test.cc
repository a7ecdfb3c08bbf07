// Compiled plans in the firmware's hands: its checks pass, and what it saves in flash is what the tools read.
#include "sw/checkpoint/checkpoint.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>

#include "firmware/runtime/checkpoint.h"
#include "firmware/runtime/session.h"
#include "platform/check/input_error.h"
#include "platform/config/config.h"
#include "sw/file/file.h"
#include "sw/pack/pack.h"
#include "tests/drivers/fake_flash.h"
#include "tests/firmware/fake_dram.h"
#include "tests/sw/mutate.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;
using Catch::Contains;

namespace {

constexpr uint32_t kPlanAddress = 0x80010000, kDataAddress = 0x80100000, kArena = 0x80400000, kDramBytes = 16u << 20;

/// Firmware with a plan in memory and a flash.
struct Firmware {
  test::FakeDram dram{kDramBytes};
  test::FakeFlash fake{2u << 20};
  flash device{};
  std::unique_ptr<session> s = std::make_unique<session>();
  std::vector<float> loss = std::vector<float>(RUN_MAX_EPOCHS, 0.0f);
  std::vector<uint32_t> correct = std::vector<uint32_t>(RUN_MAX_EPOCHS, 0);
  std::vector<float> next = std::vector<float>(SESSION_MAX_WATCHED, 0.5f);
  std::vector<float> present = std::vector<float>(SESSION_MAX_WATCHED, 0.25f);
  checkpoint_state state{};
  run_error plan_result;

  explicit Firmware(const std::vector<uint8_t>& plan) {
    dram.put(kPlanAddress, plan);
    const memory_limits limits = dram.limits();
    plan_result = plan_check(kPlanAddress, static_cast<uint32_t>(plan.size()), &limits, &s->plan);
    if (plan_result != RUN_ERROR_NONE) return;
    session_load(s.get());
    fake.busy_polls = 0;
    REQUIRE(flash_init(&device, test::FakeFlash::kBase, test::FakeFlash::kWindow) == FLASH_OK);
    state.loss = loss.data();
    state.eval_correct = correct.data();
    state.next_thresholds = next.data();
    state.present_thresholds = present.data();
  }
};

std::vector<uint8_t> compiled(const PlanCase& c) {
  PlanOptions options = options_of(c);
  options.arena_base = kArena;
  options.arena_bytes = kDramBytes - (kArena - test::FakeDram::kBase);
  const Network network = network_of(c);
  return compile_plan(network, options, plan_target(c.engine, 372 * 1024), initial_weights(network, 5));
}

}  // namespace

TEST_CASE("the firmware's checks pass every plan that the compiler makes") {
  for (const PlanCase& c : plan_cases()) {
    CAPTURE(c.name());
    CHECK(Firmware(compiled(c)).plan_result == RUN_ERROR_NONE);
  }
}

TEST_CASE("the firmware's checks pass packed data") {
  const PlanCase c{"s", "lnpu", "full", "auto", "on", false, 16};
  Firmware firmware(compiled(c));
  const std::vector<uint8_t> data = pack_data(load_config<PackSpec>(kSource + "/configs/data/optdigits_test.yaml"));
  firmware.dram.put(kDataAddress, data);
  const memory_limits limits = firmware.dram.limits();
  data_view view{};
  CHECK(data_check(kDataAddress, static_cast<uint32_t>(data.size()), 0, 0, &firmware.s->plan, &limits, &view) ==
        RUN_ERROR_NONE);
  CHECK(view.count == 897);
}

TEST_CASE("a checkpoint that the firmware wrote holds the plan's weights under their names") {
  for (const PlanCase& c : {PlanCase{"s", "lnpu", "full", "auto", "on", true, 4},
                            PlanCase{"odd", "reference", "last:1", "auto", "off", true, 4}}) {
    const std::vector<uint8_t> plan = compiled(c);
    Firmware firmware(plan);
    REQUIRE(firmware.plan_result == RUN_ERROR_NONE);
    for (uint32_t epoch = 1; epoch <= 2; ++epoch) {
      firmware.state.progress.epochs_done = firmware.state.history_count = epoch;
      firmware.loss[epoch - 1] = 1.0f / static_cast<float>(epoch);
      firmware.correct[epoch - 1] = epoch == 1 ? 0xffffffffu : 77;
      REQUIRE(checkpoint_save(&firmware.device, &firmware.s->plan, &firmware.state) == RUN_ERROR_NONE);
    }
    const CheckpointSlots slots = read_checkpoints(firmware.fake.bytes, "flash.bin");
    REQUIRE(newest_checkpoint(slots) == 1);
    const Checkpoint& checkpoint = *slots[1].checkpoint;
    CHECK(checkpoint.header.progress.epochs_done == 2);
    CHECK(slots[0].checkpoint->header.progress.epochs_done == 1);
    CHECK(checkpoint.loss == std::vector<float>{1.0f, 0.5f});
    CHECK(checkpoint.eval_correct == std::vector<uint32_t>{0xffffffffu, 77});
    const Arrays weights = initial_weights(network_of(c), 5);
    REQUIRE(checkpoint.parameters.size() == weights.size());
    for (const auto& [name, array] : weights) CHECK(checkpoint.parameters.at(name).bytes == array.bytes);
    CHECK_NOTHROW(check_weights(network_of(c), checkpoint.parameters, "checkpoint"));
    CHECK(checkpoint.momenta.size() == (c.policy == "full" ? 10u : 2u));
    CHECK_THAT(dump_checkpoints(slots), Contains("slot 1 (newest)") && Contains("epoch 2: loss 0.5, 77 correct"));
  }
}

TEST_CASE("empty, damaged and foreign flash images say what each slot holds") {
  const std::vector<uint8_t> erased(64 * 1024, 0xff);
  const CheckpointSlots empty = read_checkpoints(erased, "flash.bin");
  CHECK(newest_checkpoint(empty) == -1);
  CHECK(empty[0].reason == "erased");
  CHECK_THROWS_WITH(read_checkpoints(std::span(erased).first(8192), "flash.bin"),
                    Contains("flash.bin: offset 0x2000: too small"));

  Firmware firmware(compiled({"global", "reference", "full", "auto", "on", true, 2}));
  for (int i = 0; i < 2; ++i)
    REQUIRE(checkpoint_save(&firmware.device, &firmware.s->plan, &firmware.state) == RUN_ERROR_NONE);
  const std::vector<uint8_t> good = firmware.fake.bytes;
  const uint32_t slot1 = static_cast<uint32_t>(good.size()) / 4 * 3;
  std::vector<uint8_t> bad = good;
  bad[slot1 + 4096 + 200] ^= 1;
  CheckpointSlots slots = read_checkpoints(bad, "flash.bin");
  CHECK(slots[1].reason == "the payload's checksum does not fit");
  CHECK(newest_checkpoint(slots) == 0);
  bad = good;
  bad[slot1 + offsetof(checkpoint_header, sequence)] ^= 1;
  CHECK(read_checkpoints(bad, "flash.bin")[1].reason == "the header's checksum does not fit");

  // Behind the checksums: mutated tables never crash.
  std::mt19937 random(8);
  size_t accepted = 0;
  for (int i = 0; i < 3000; ++i) {
    bad = good;
    checkpoint_header header;
    std::memcpy(&header, good.data() + slot1, sizeof header);
    std::vector<uint8_t> payload(good.begin() + slot1 + 4096, good.begin() + slot1 + 4096 + header.payload_bytes);
    payload = mutate(random, payload);
    payload.resize(header.payload_bytes);
    header.payload_crc32 = crc32_of(payload);
    if (i % 5 == 0) header.tensor_count = static_cast<uint32_t>(random());
    if (i % 7 == 0) header.history_count = static_cast<uint32_t>(random());
    std::memcpy(bad.data() + slot1 + 4096, payload.data(), payload.size());
    std::memcpy(bad.data() + slot1, &header, sizeof header);
    header.header_crc32 = crc32_of(std::span(bad).subspan(slot1, offsetof(checkpoint_header, header_crc32)));
    std::memcpy(bad.data() + slot1, &header, sizeof header);
    accepted += read_checkpoints(bad, "flash.bin")[1].checkpoint.has_value();
  }
  CHECK(accepted > 100);
  CHECK(accepted < 3000);
}
