// Every command of the NPU with what it left in memory: commands.csv, and on demand the tensors themselves.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "npu/device/command_observer.h"
#include "npu/sequencer/read_tensor.h"
#include "platform/run/run_config.h"
#include "sw/plan/plan.h"

namespace backboard {

/// One row of commands.csv: a tensor that a command of ring 0 wrote. What runs beside it, on ring 1, has no rows: runs
/// stay comparable with and without it.
struct CommandRow {
  uint64_t command = 0;  ///< of ring 0 since power-on, from 0
  std::string opcode, layer;
  uint64_t start_ps = 0, end_ps = 0;
  std::string tensor;        ///< the plan's name, or "@" and the descriptor's address
  std::string tensor_class;  ///< of its descriptor
  std::string format;
  std::string shape;  ///< "16x8x28x28"
  std::string bytes_digest, values_digest;
  double norm = 0;     ///< Euclidean, of the finite elements
  double largest = 0;  ///< largest magnitude of a finite element
  uint64_t nonfinite = 0;
};

/// Reads commands.csv. Throws InputError with file and line.
std::vector<CommandRow> read_command_log(const std::string& path);

/// Name of the file that holds a row's tensor, below the run's folder.
std::string tensor_file(const CommandRow& row);

/// Writes while the run goes on, under a temporary name; `finish` renames.
class CommandLog final : public npu::CommandObserver {
 public:
  /// `plan` (may be null) names layers and tensors; `read` reads memory as a debugger; `first` is the number of the
  /// next command of ring 0. Throws InputError when `folder` cannot be written.
  CommandLog(const RecordConfig& config, const std::string& folder, const Plan* plan, npu::ReadMemory read,
             uint64_t first);
  ~CommandLog() override;
  CommandLog(const CommandLog&) = delete;
  CommandLog& operator=(const CommandLog&) = delete;

  void on_command(const npu::Job& job, uint64_t start_ps, uint64_t end_ps) override;
  /// The file gets its name. Throws InputError when it, or a tensor, could not be written.
  void finish();

 private:
  void record(const npu::Job& job, const npu::Tensor& tensor, CommandRow& row);
  std::string tensor_name(const npu::Tensor& tensor) const;
  bool writes_tensors() const {
    return number_ >= config_.tensors_first && number_ - config_.tensors_first < config_.tensors_count;
  }

  RecordConfig config_;
  std::string folder_, path_;
  const Plan* plan_;
  npu::ReadMemory read_;
  uint64_t number_;
  std::ofstream file_;
  npu::TensorContents contents_;
  std::string error_;  ///< the first
};

}  // namespace backboard
