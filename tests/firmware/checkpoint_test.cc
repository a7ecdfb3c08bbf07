// Checkpoints: what was saved comes back, and a power cut at any byte leaves the newest complete one.
#include <catch2/catch.hpp>
#include <cstring>

#include "firmware/runtime/checkpoint.h"
#include "firmware/runtime/session.h"
#include "tests/drivers/fake_flash.h"
#include "tests/firmware/fake_dram.h"
#include "tests/firmware/sample_plan.h"

using namespace backboard::test;

namespace {

struct Board {
  FakeDram dram{SamplePlaces::kDramBytes};
  FakeFlash fake{128 * 1024};
  flash device{};
  session s{};
  float loss[RUN_MAX_EPOCHS] = {};
  uint32_t correct[RUN_MAX_EPOCHS] = {};
  checkpoint_state state{};

  Board() {
    const auto plan = SamplePlan().bytes();
    dram.put(SamplePlaces::kPlan, plan);
    const memory_limits limits = dram.limits();
    REQUIRE(plan_check(SamplePlaces::kPlan, static_cast<uint32_t>(plan.size()), &limits, &s.plan) == RUN_ERROR_NONE);
    session_load(&s);
    fake.busy_polls = 0;
    REQUIRE(flash_init(&device, FakeFlash::kBase, FakeFlash::kWindow) == FLASH_OK);
    state.loss = loss;
    state.eval_correct = correct;
    state.next_thresholds = &next;
    state.present_thresholds = &present;
  }
  uint8_t* weights() { return static_cast<uint8_t*>(memory_at(SamplePlan::kArena + 0x1000)); }
  float next = 0.0f, present = 0.0f;
  /// Training as it stands after `epoch` epochs.
  void become(uint32_t epoch) {
    std::memset(weights(), static_cast<int>(epoch + 1), SamplePlan::kWeightBytes);
    next = 0.5f + static_cast<float>(epoch);
    present = 0.25f + static_cast<float>(epoch);
    state.progress.epochs_done = state.history_count = epoch;
    for (uint32_t i = 0; i < epoch; i++) loss[i] = 100.0f / static_cast<float>(i + 1), correct[i] = i;
  }
  bool is(uint32_t epoch) {
    return state.progress.epochs_done == epoch && state.history_count == epoch && weights()[0] == epoch + 1 &&
           weights()[SamplePlan::kWeightBytes - 1] == epoch + 1 && next == 0.5f + static_cast<float>(epoch) &&
           present == 0.25f + static_cast<float>(epoch) &&
           (epoch == 0 || (loss[epoch - 1] == 100.0f / static_cast<float>(epoch) && correct[epoch - 1] == epoch - 1));
  }
  run_error save() { return checkpoint_save(&device, &s.plan, &state); }
  bool load() {
    bool found = false;
    state.progress = {};
    state.history_count = 0;
    std::memset(loss, 0, sizeof loss);
    std::memset(weights(), 0, SamplePlan::kWeightBytes);
    next = present = 0.0f;
    CHECK(checkpoint_load(&device, &s.plan, RUN_MAX_EPOCHS, &state, &found) == RUN_ERROR_NONE);
    return found;
  }
};

constexpr uint32_t kSlot0 = 64 * 1024, kSlot1 = 96 * 1024;

}  // namespace

TEST_CASE("an empty flash holds no checkpoint and changes nothing") {
  Board board;
  CHECK_FALSE(board.load());
}

TEST_CASE("the newest of many checkpoints comes back, and the slots take turns") {
  Board board;
  for (uint32_t epoch = 1; epoch < 6; epoch++) {
    board.become(epoch);
    REQUIRE(board.save() == RUN_ERROR_NONE);
    REQUIRE(board.load());
    CHECK(board.is(epoch));
  }
  checkpoint_header a, b;
  std::memcpy(&a, &board.fake.bytes[kSlot0], sizeof a);
  std::memcpy(&b, &board.fake.bytes[kSlot1], sizeof b);
  CHECK(a.sequence == 5);
  CHECK(b.sequence == 4);
}

TEST_CASE("a damaged payload or header falls back to the other slot") {
  Board board;
  board.become(1);
  REQUIRE(board.save() == RUN_ERROR_NONE);
  board.become(2);
  REQUIRE(board.save() == RUN_ERROR_NONE);
  SECTION("payload") {
    board.fake.bytes[kSlot1 + 4096 + 700] ^= 1;
  }
  SECTION("header") {
    board.fake.bytes[kSlot1 + 40] ^= 1;
  }
  REQUIRE(board.load());
  CHECK(board.is(1));
  // The next save keeps the good one.
  board.become(3);
  REQUIRE(board.save() == RUN_ERROR_NONE);
  board.fake.bytes[kSlot1 + 8] ^= 1;
  REQUIRE(board.load());
  CHECK(board.is(1));
}

TEST_CASE("a checkpoint of another plan is not taken") {
  Board board;
  board.become(1);
  REQUIRE(board.save() == RUN_ERROR_NONE);
  plan_header other = *board.s.plan.header;
  other.crc32++;
  board.s.plan.header = &other;
  CHECK_FALSE(board.load());
}

TEST_CASE("a history longer than the firmware's arrays is not taken") {
  Board board;
  board.become(5);
  REQUIRE(board.save() == RUN_ERROR_NONE);
  bool found = true;
  CHECK(checkpoint_load(&board.device, &board.s.plan, 4, &board.state, &found) == RUN_ERROR_NONE);
  CHECK_FALSE(found);
}

TEST_CASE("a checkpoint that does not fit changes nothing") {
  Board board;
  board.fake.bytes.resize(16 * 1024);  // slots of a sector each
  REQUIRE(flash_init(&board.device, FakeFlash::kBase, FakeFlash::kWindow) == FLASH_OK);
  const auto before = board.fake.bytes;
  CHECK(board.save() == RUN_ERROR_CHECKPOINT_SPACE);
  CHECK(board.fake.bytes == before);
  CHECK_FALSE(board.load());
}

TEST_CASE("a power cut at any byte of a save leaves the old checkpoint or the new one, whole") {
  Board board;
  board.become(1);
  REQUIRE(board.save() == RUN_ERROR_NONE);
  board.become(2);
  REQUIRE(board.save() == RUN_ERROR_NONE);
  const auto flash_before = board.fake.bytes;
  // How much a whole save changes, then every budget below it.
  board.become(3);
  board.fake.budget = 1 << 20;
  REQUIRE(board.save() == RUN_ERROR_NONE);
  const auto total = static_cast<uint32_t>((1 << 20) - board.fake.budget);
  REQUIRE(total > 2000);
  unsigned old_ones = 0;
  for (uint32_t budget = 0; budget <= total; budget++) {
    board.fake.bytes = flash_before;
    board.fake.budget = budget;
    board.become(3);
    const run_error result = board.save();
    board.fake.budget = UINT64_MAX;
    REQUIRE(board.load());
    const bool is_old = board.is(2), is_new = board.is(3);
    REQUIRE((is_old || is_new));
    if (result == RUN_ERROR_NONE) REQUIRE(is_new);
    old_ones += is_old;
  }
  CHECK(old_ones >= total - 300);  // only the header's last bytes decide
}
