// Plays the programs of a plan on an NPU without a processor: the host loop here stands in for the firmware.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "drivers/npu/npu_records.h"
#include "npu/device/npu_device.h"
#include "sw/pack/pack.h"
#include "sw/plan/plan.h"
#include "tests/npu/training/npu_rig.h"

namespace backboard::sw_test {

/// Where the player keeps data and arena in the rig's memory.
inline constexpr uint32_t kDataAddress = test::FlatMemory::kBase;
inline constexpr uint32_t kArenaAddress = test::FlatMemory::kBase + (2u << 20);
inline constexpr uint32_t kRigBytes = 16u << 20;

class PlanPlayer {
 public:
  /// Loads plan and data and runs PLAN_PREPARE.
  PlanPlayer(const npu::NpuConfig& config, Plan plan, std::vector<uint8_t> data);

  /// One step on these images (at most a batch); gives the loss record.
  npu_loss_record train(std::span<const uint32_t> images, const npu_hyper& hyper);
  npu_loss_record evaluate(std::span<const uint32_t> images, const npu_hyper& hyper);
  /// Trains on images 0, 1, ... of the data in order; gives the mean loss.
  double train_epoch(const npu_hyper& hyper);
  /// Share of the data's images whose class is found.
  double accuracy();

  Arrays weights();
  /// Elements of a tensor in dense binary32 as they lie in memory, (n, c, h, w).
  std::vector<float> values(const std::string& tensor);
  npu_tensor_statistics statistics(const std::string& tensor);
  const DataSet& data() const { return data_; }
  const Plan& plan() const { return plan_; }
  npu::NpuTotals totals() const { return rig_.totals(); }

 private:
  size_t number_of(const std::string& tensor) const;
  npu_loss_record play(plan_program_kind kind, std::span<const uint32_t> images, const npu_hyper& hyper);
  uint8_t* at(uint32_t address) { return rig_.memory().data() + (address - test::FlatMemory::kBase); }

  Plan plan_;
  std::vector<uint8_t> data_bytes_;
  DataSet data_;
  test::NpuRig rig_;
};

/// Plain SGD without momentum.
npu_hyper sgd(float learning_rate, float loss_scale = 1.0f, float momentum = 0.0f);

}  // namespace backboard::sw_test
