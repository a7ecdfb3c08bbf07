// The memory plan, checked by playing the programs on a shadow of the arena: who wrote a place last must be the tensor
// that is read there.
#include <catch2/catch.hpp>
#include <map>

#include "drivers/npu/npu_records.h"
#include "npu/command/operands.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;

namespace {

constexpr uint32_t kGrain_bytes = 32;

/// What each 32 bytes of the arena hold: a number for each tensor (views of one buffer share it), 0: nothing.
class Shadow {
 public:
  explicit Shadow(const Plan& plan)
      : plan_(plan), owner_((plan.header.arena_bytes + kGrain_bytes - 1) / kGrain_bytes, 0) {
    const plan_header& h = plan.header;
    reserve(h.descriptors_address, npu::kDescriptorBytes * static_cast<uint32_t>(plan.descriptors.size()));
    reserve(h.hyper_address, sizeof(npu_hyper));
    reserve(h.loss_address, sizeof(npu_loss_record));
    reserve(h.gather_address, 4 * h.batch);
    for (const npu::Descriptor& d : plan.descriptors)
      if (d.statistics != 0) reserve(d.statistics, sizeof(npu_tensor_statistics));
    for (size_t i = 0; i < plan.tensors.size(); ++i) {
      const bool persistent = plan.tensors[i].flags & (PLAN_TENSOR_PARAMETER | PLAN_TENSOR_MOMENTUM);
      if (persistent || plan.descriptors[i].address == h.labels_address) write(static_cast<int>(i));
    }
  }

  void play(plan_program_kind kind) {
    for (const npu::Command& command : plan_.program(kind)) {
      const uint32_t tensors[npu::kOperands] = {command.tensor0, command.tensor1, command.tensor2,
                                                command.tensor3, command.tensor4, command.tensor5};
      for (unsigned slot = 0; slot < npu::kOperands; ++slot)
        if (npu::reads(command, slot)) read(plan_.descriptor_at(tensors[slot]));
      for (unsigned slot = 0; slot < npu::kOperands; ++slot)
        if (npu::writes(command, slot)) write(plan_.descriptor_at(tensors[slot]));
    }
  }

  size_t misreads() const { return misreads_; }
  size_t overwritten_records() const { return overwritten_; }

 private:
  static constexpr uint32_t kReserved = UINT32_MAX;

  void reserve(uint32_t address, uint32_t bytes) { set(address, bytes, kReserved); }
  void set(uint32_t address, uint64_t bytes, uint32_t owner) {
    const uint64_t first = (address - plan_.header.arena_base) / kGrain_bytes;
    const uint64_t end = (address - plan_.header.arena_base + bytes + kGrain_bytes - 1) / kGrain_bytes;
    REQUIRE(end <= owner_.size());
    for (uint64_t i = first; i < end; ++i) {
      if (owner_[i] == kReserved) ++overwritten_;
      owner_[i] = owner;
    }
  }
  /// Views have the address, the bytes and the format of their buffer.
  uint32_t owner_of(int index) {
    const npu::Descriptor& d = plan_.descriptors[index];
    const std::string name = plan_.tensors[index].name;
    const std::string base = name.ends_with(".flat") ? name.substr(0, name.size() - 5) : name;
    return numbers_.try_emplace(base + std::to_string(d.address), numbers_.size() + 1).first->second;
  }
  static uint64_t directory_bytes(const npu::Descriptor& d) {
    if (d.metadata == 0) return 0;
    return npu::BlockGeometry{{d.shape_n, d.shape_c, d.shape_h, d.shape_w}, d.block_channels, d.block_rows}
        .directory_bytes();
  }
  void write(int index) {
    if (static_cast<uint32_t>(index) == plan_.header.data_descriptor) return;
    const npu::Descriptor& d = plan_.descriptors[index];
    set(d.address, d.size_bytes, owner_of(index));
    if (d.metadata != 0) set(d.metadata, directory_bytes(d), owner_of(index));
  }
  void read(int index) {
    if (static_cast<uint32_t>(index) == plan_.header.data_descriptor) return;
    const npu::Descriptor& d = plan_.descriptors[index];
    const auto check = [&](uint32_t address, uint64_t bytes) {
      for (uint64_t a = address; a < address + bytes; a += kGrain_bytes)
        if (owner_[(a - plan_.header.arena_base) / kGrain_bytes] != owner_of(index)) ++misreads_;
    };
    check(d.address, d.size_bytes);
    if (d.metadata != 0) check(d.metadata, directory_bytes(d));
  }

  const Plan& plan_;
  std::vector<uint32_t> owner_;
  std::map<std::string, uint32_t> numbers_;
  size_t misreads_ = 0, overwritten_ = 0;
};

}  // namespace

TEST_CASE("every tensor that a command reads is whole at that time, in any order of the programs") {
  for (const PlanCase& c : plan_cases()) {
    CAPTURE(c.name());
    const Plan plan = compile(network_of(c), options_of(c), c.engine);
    Shadow shadow(plan);
    for (const plan_program_kind kind : {PLAN_PREPARE, PLAN_EVAL_STEP, PLAN_TRAIN_STEP, PLAN_UPDATE, PLAN_TRAIN_STEP,
                                         PLAN_UPDATE, PLAN_EVAL_STEP, PLAN_EVAL_STEP, PLAN_TRAIN_STEP, PLAN_UPDATE})
      shadow.play(kind);
    CHECK(shadow.misreads() == 0);
    CHECK(shadow.overwritten_records() == 0);
  }
}

TEST_CASE("outputs that are computed again share memory, and are whole whenever a command reads them") {
  for (PlanCase c : plan_cases()) {
    for (const char* choice : {"sqrt", "every:2", "every:3"}) {
      CAPTURE(c.name(), choice);
      PlanOptions options = options_of(c);
      options.recompute = choice;
      const Plan plan = compile(network_of(c), options, c.engine);
      Shadow shadow(plan);
      for (const plan_program_kind kind :
           {PLAN_PREPARE, PLAN_TRAIN_STEP, PLAN_UPDATE, PLAN_EVAL_STEP, PLAN_TRAIN_STEP, PLAN_UPDATE})
        shadow.play(kind);
      CHECK(shadow.misreads() == 0);
      CHECK(shadow.overwritten_records() == 0);
    }
  }
}

TEST_CASE("the shadow notices two tensors in one place") {
  PlanCase c{"s", "reference", "full", "auto", "on", false, 2};
  Plan plan = compile(network_of(c), options_of(c), c.engine);
  int input = -1, first_pool = -1;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    if (std::string(plan.tensors[i].name) == "input") input = static_cast<int>(i);
    if (std::string(plan.tensors[i].name) == "maxpool1.y") first_pool = static_cast<int>(i);
  }
  REQUIRE(input >= 0);
  REQUIRE(first_pool >= 0);
  plan.descriptors[input].address = plan.descriptors[first_pool].address;
  Shadow shadow(plan);
  shadow.play(PLAN_PREPARE);
  shadow.play(PLAN_TRAIN_STEP);
  CHECK(shadow.misreads() > 0);
}

TEST_CASE("regions are aligned to 64 bytes and lie in the arena") {
  for (const PlanCase& c : plan_cases()) {
    const Plan plan = compile(network_of(c), options_of(c), c.engine);
    for (size_t i = 0; i < plan.descriptors.size(); ++i) {
      if (i == plan.header.data_descriptor) continue;
      const npu::Descriptor& d = plan.descriptors[i];
      CHECK(d.address % 64 == 0);
      CHECK(d.metadata % 64 == 0);
      CHECK(d.statistics % 32 == 0);
    }
    for (const uint32_t address : {plan.header.gather_address, plan.header.labels_address, plan.header.loss_address,
                                   plan.header.hyper_address, plan.header.descriptors_address})
      CHECK(address % 64 == 0);
  }
}

TEST_CASE("freezing saves memory: last layer < biases <= full") {
  const auto arena = [](const char* policy) {
    const PlanCase c{"s", "lnpu", policy, "auto", "on", true, 16};
    return compile(network_of(c), options_of(c), c.engine).header.arena_bytes;
  };
  CHECK(arena("last:1") < arena("last:2"));
  CHECK(arena("last:2") < arena("full"));
  CHECK(arena("last:1") < arena("bias"));
  CHECK(arena("bias") <= arena("full"));
}
