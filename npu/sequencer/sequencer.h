// Plays any schedule: loads ahead as far as slots allow, computes when inputs are there, stores behind. The only place
// in the NPU where simulated time passes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "npu/dma/dma.h"
#include "npu/engine/cost.h"
#include "npu/engine/engine.h"
#include "npu/engine/facts.h"
#include "npu/engine/host_pool.h"
#include "npu/sequencer/tensor_transfer.h"
#include "platform/events/event_queue.h"
#include "platform/state/archive.h"
#include "platform/stats/time_bins.h"

namespace backboard::npu {

/// Whoever gave the sequencer a job.
class SequencerClient {
 public:
  virtual ~SequencerClient() = default;
  /// The jobs are complete, or number `command` of them failed with `error`; the sequencer is idle.
  virtual void on_job_done(ErrorCode error, uint32_t address, uint32_t detail, uint8_t command) = 0;
};

/// Elements that commands stored, each counted once, when it is produced: zeros, and non-zeros in FP8 (low) and in any
/// wider format (high).
struct ElementTally {
  uint64_t zeros = 0, low = 0, high = 0;
  uint64_t elements() const { return zeros + low + high; }
};

inline constexpr unsigned kPhases = 0
#define PHASE(name, value, description) +1
#include "drivers/npu/traffic.def"
    ;

/// What jobs added up to since the board was built.
struct SequencerTotals {
  Facts facts;
  uint64_t compute_ps = 0;         ///< the engine computed
  uint64_t buffer_peak_bytes = 0;  ///< most of the local buffer that a schedule used
  uint64_t map_peak_bytes = 0;     ///< most of it for feature maps, or rows, between the commands of a group
  uint64_t load_stall_ps = 0;      ///< the engine was free and waited for loads only
  uint64_t saturated = 0;          ///< when stored, or rounded in an accumulator
  uint64_t nonfinite = 0;
  CyclesByUnit cycles;  ///< units work side by side: the sum is more than compute_ps
  EnergyByCause energy;
  std::array<Price, kPhases> by_phase;                ///< cycles and energy by Phase of the command
  std::array<ElementTally, kTensorClasses> produced;  ///< by TensorClass of the output
};

/// An explicit state machine over the steps of one job. Between two events all that it remembers lies in members; a
/// restored sequencer plans the job again and goes on.
class Sequencer final : public EventClient {
 public:
  Sequencer(const Engine& engine, uint32_t buffer_bytes, uint64_t clock_hz, EventQueue& queue, Dma& dma);
  ~Sequencer() override;
  void set_client(SequencerClient& client) { client_ = &client; }

  /// A command, or a group of commands that run together, without a schedule.
  struct Refusal {
    ErrorCode error = ErrorCode::kNONE;  ///< kTILE, kBUFFER or kGROUP
    uint8_t detail = 0;                  ///< field
    uint8_t command = 0;                 ///< number in the group
  };
  /// Plans a valid job, or the jobs of a group, and starts to play it. When there is no schedule nothing was started.
  Refusal start(std::span<const Job> jobs);
  bool running() const { return running_; }
  /// Forgets the job.
  void abort();

  /// A transfer that start() or an event of the sequencer began is complete. `tag` as the sequencer gave it.
  void on_transfer(uint64_t tag, DmaTransfer& transfer);
  void on_event(uint64_t tag, uint64_t now_ps) override;

  /// Bit that tells the sequencer's transfers from those of others.
  static constexpr uint64_t kTransferTag = uint64_t{1} << 63;

  const Schedule& schedule() const { return schedule_; }
  const SequencerTotals& totals() const { return totals_; }
  /// Dynamic energy of the engine over time, each compute step's spread over its duration. Before anything runs,
  /// `set_power_bin` says the first width.
  const TimeBins<double, 1>& energy_over_time() const { return energy_bins_; }
  void set_power_bin(uint64_t width_ps) { energy_bins_ = TimeBins<double, 1>(width_ps); }
  void state(StateArchive& archive);

 private:
  struct Stage {
    std::vector<uint32_t> steps;  ///< numbers of the schedule's steps of this kind
    uint32_t issued = 0;
    uint32_t done = 0;
    uint64_t finished = 0;  ///< bit i: step done + i is finished, though one before it is not
  };
  struct Failure {
    ErrorCode code = ErrorCode::kNONE;
    uint32_t address = 0;
    uint32_t detail = 0;
  };

  void index_steps();
  void advance();
  bool ready(const Step& step) const;
  bool issue_load();
  bool issue_compute();
  bool issue_store();
  void finish_step(StepKind kind, uint32_t number);
  void finish_load(uint32_t number, DmaTransfer& transfer);
  void decode(uint32_t number, const DmaTransfer& transfer);
  void begin_decode(uint32_t number, const DmaTransfer& transfer);
  void finish_compute();
  void await_host();
  void start_blocks(uint32_t number);
  Decoding decoding_of(const Step& step) const;
  Attribution attribution(const Job& job) const;
  const Job& job_of(const Step& step) const { return jobs_[step.command]; }
  bool beat_ready(uint32_t first, uint32_t& last) const;
  void fill_record(const Step& step, DmaTransfer& transfer);
  void watch_stall();
  void fail(ErrorCode code, uint32_t address, const Step& step);
  void end();
  Stage& stage(StepKind kind) { return stages_[static_cast<unsigned>(kind)]; }
  const Step& step_of(StepKind kind, uint32_t number) const {
    return schedule_.steps[stages_[static_cast<unsigned>(kind)].steps[number]];
  }

  const Engine& engine_;
  uint32_t buffer_bytes_;
  Clock clock_;
  EventQueue& queue_;
  Dma& dma_;
  SequencerClient* client_ = nullptr;
  EventQueue::ClientId id_;

  bool running_ = false;
  std::vector<Job> jobs_;  ///< one, or those of a group
  Schedule schedule_;      ///< not saved: the plan of jobs_
  LocalBuffer buffer_;
  std::array<Stage, kStepKinds> stages_;
  bool computing_ = false;
  uint64_t compute_end_ps_ = 0;
  bool stalled_ = false;  ///< the engine is free and its next step waits for loads only
  uint64_t stalled_since_ps_ = 0;
  /// Directories of coded loads in flight: step number modulo the number of transfers.
  std::array<std::vector<uint8_t>, Dma::kTransfers> directories_;
  /// Loads whose directory is here and whose blocks wait for a free transfer.
  std::vector<uint32_t> blocks_due_;
  /// What the running compute step met, counted when it ends: threads of the host may still be at it before.
  uint64_t late_saturated_ = 0, late_nonfinite_ = 0;
  /// The decoding of a load: begun as soon as its bytes are here, on another thread of the host where there is one.
  struct Decode {
    HostWork work;
    std::vector<uint32_t> blocks;
    uint32_t bad = 0;    ///< address of the first malformed block, or 0
    bool begun = false;  ///< not state: a restored sequencer decodes when the transfer is complete
  };
  std::array<Decode, Dma::kTransfers> decodes_;  ///< by the number of the load modulo the number of transfers
  SequencerTotals totals_;
  TimeBins<double, 1> energy_bins_{100'000'000};  ///< pJ
  std::vector<uint32_t> blocks_;                  ///< scratch
};

/// Saves and restores a job, field by field.
void save_job(StateArchive& archive, Job& job);

}  // namespace backboard::npu
