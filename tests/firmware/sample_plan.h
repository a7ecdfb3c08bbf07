// A small plan, data set and run block that pass every check, made by hand: the runtime's tests change them.
#pragma once

#include <cstdint>
#include <vector>

#include "drivers/npu/npu_command.h"
#include "drivers/plan/data_format.h"
#include "drivers/plan/plan_format.h"
#include "drivers/plan/run_block.h"

namespace backboard::test {

/// Tensors of the sample plan, in order.
enum SampleTensor : uint32_t { kPacked, kWeight, kMomentum, kActivation, kError, kSampleTensors };

struct SamplePlan {
  static constexpr uint32_t kArena = 0x80010000, kArenaBytes = 0x8000;
  static constexpr uint32_t kBatch = 6;
  static constexpr uint32_t kWeightBytes = 1000, kMomentumBytes = 1002;  ///< the latter no multiple of 4

  plan_header header{};
  std::vector<plan_layer> layers;
  std::vector<plan_tensor> tensors;
  std::vector<npu_descriptor> descriptors;
  std::vector<npu_command> commands;
  std::vector<plan_program> programs;
  std::vector<plan_segment> segments;

  SamplePlan();
  /// The bytes, with table offsets, sizes and CRC filled in.
  std::vector<uint8_t> bytes();
};

/// Sets the CRC of a plan's bytes (all but the CRC itself), of a data set's (all behind the header).
void seal_plan(std::vector<uint8_t>& bytes);
void seal_data(std::vector<uint8_t>& bytes);

/// `count` images of 1 x 4 x 4, labels i % 3.
std::vector<uint8_t> sample_data(uint32_t count);

/// One epoch over all images; addresses as the tests place things.
run_block sample_run();

struct SamplePlaces {
  static constexpr uint32_t kRun = 0x80002000, kResult = 0x80004000, kPlan = 0x80020000, kTrain = 0x80030000,
                            kEval = 0x80038000, kDramBytes = 0x40000;
};

}  // namespace backboard::test
