// A command ring: fetches commands and what they point to, validates, groups, runs and fences them in order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "npu/command/validate.h"
#include "npu/command/windows.h"
#include "npu/device/command_observer.h"
#include "npu/device/ring_arbiter.h"
#include "npu/dma/clock.h"
#include "npu/dma/dma.h"
#include "npu/engine/engine.h"
#include "npu/sequencer/sequencer.h"
#include "platform/events/event_queue.h"
#include "platform/state/archive.h"

namespace backboard::npu {

/// What the error registers say.
struct RingError {
  ErrorCode code = ErrorCode::kNONE;
  uint32_t index = 0;
  uint32_t address = 0;
  uint32_t detail = 0;
};

/// The registers around the rings.
class RingClient {
 public:
  virtual ~RingClient() = default;
  virtual void on_fence(unsigned ring, uint32_t value, bool interrupt) = 0;
  /// The ring stopped. Only a soft reset goes on.
  virtual void on_error(unsigned ring, const RingError& error) = 0;
};

/// An explicit state machine: one command at a time, from its 64 bytes in memory to its last store. Before it fetches
/// one it asks the arbiter for the engine, and gives it back behind it; a group keeps it from GROUP_BEGIN to GROUP_END.
/// A group's commands run in order, one after the other, or, where the engine offers it, all together when the group
/// closes; the ring checks that it opens and closes as documented.
class CommandRing final : public EventClient {
 public:
  CommandRing(unsigned number, const Engine& engine, uint64_t clock_hz, EventQueue& queue, Dma& dma,
              Sequencer& sequencer, RingArbiter& arbiter);
  void set_client(RingClient& client) { client_ = &client; }
  /// Null: nobody. Not part of the saved state.
  void set_observer(CommandObserver* observer) { observer_ = observer; }
  void set_windows(const AccessWindows& windows) { windows_ = windows; }
  void set_fence_address(uint32_t address) { fence_address_ = address; }
  void set_watchdog(uint32_t cycles) { watchdog_cycles_ = cycles; }

  /// A register access happens at `time_ps`, which the queue may not have reached: a core runs ahead of it as far as
  /// the next event. What the access starts, starts then.
  void observe(uint64_t time_ps) { observed_ps_ = time_ps; }
  /// Starts to run commands; kRING when base or size are invalid.
  void enable(uint32_t base, uint32_t size);
  /// Stops after the command that is running. In an open group the ring keeps the engine.
  void disable();
  /// Commands submitted since reset.
  void doorbell(uint32_t tail);
  /// Forgets what is running and all that was submitted. The other ring goes on.
  void reset();

  unsigned number() const { return number_; }
  bool busy() const { return phase_ != Stage::idle; }
  /// A command waits for the engine.
  bool waiting() const { return phase_ == Stage::waiting; }
  bool stopped() const { return stopped_; }
  bool group_open() const { return group_open_; }
  uint32_t head() const { return head_; }
  uint64_t commands() const { return commands_; }
  uint64_t busy_ps() const;  ///< a command was running or fetched
  uint64_t wait_ps() const;  ///< a command waited for the other ring

  /// The engine is this ring's, which waited for it: it fetches its next command.
  void on_engine();
  void on_event(uint64_t tag, uint64_t now_ps) override;
  /// Of the ring that has the engine.
  void on_transfer(uint64_t tag, DmaTransfer& transfer);
  void on_job_done(ErrorCode error, uint32_t address, uint32_t detail, uint8_t command);
  void state(StateArchive& archive);

 private:
  /// What the ring waits for.
  enum class Stage : uint8_t { idle, starting, waiting, command, descriptors, records, running, fence };

  bool may_fetch() const { return enabled_ && !stopped_ && !busy() && head_ != tail_; }
  uint64_t now_ps() const { return std::max(queue_.now_ps(), observed_ps_); }
  void start();
  void fetch_command();
  void take_command(const DmaTransfer& transfer);
  void fetch_descriptors();
  void take_descriptors(const DmaTransfer& transfer);
  void fetch_records();
  void take_records(const DmaTransfer& transfer);
  void run();
  void control();
  bool group_rule_holds();
  void report(uint64_t start_ps);
  void complete();
  void give_up();
  void start(std::span<const Job> jobs);
  void fail(ErrorCode code, uint32_t address, uint32_t detail) { fail_at(head_, code, address, detail); }
  void fail_at(uint32_t index, ErrorCode code, uint32_t address, uint32_t detail);
  void fail(const CommandError& error) { fail(error.code, error.address, error.detail); }
  void arm_watchdog();
  void disarm_watchdog();
  bool running() const { return busy() && !waiting(); }
  void account();
  Attribution attribution(Phase phase) const;
  uint32_t slot_address(uint32_t index) const { return base_ + (index & (size_ - 1)) * kCommandBytes; }

  unsigned number_;
  const Engine& engine_;
  Clock clock_;
  EventQueue& queue_;
  Dma& dma_;
  Sequencer& sequencer_;
  RingArbiter& arbiter_;
  RingClient* client_ = nullptr;
  CommandObserver* observer_ = nullptr;
  EventQueue::ClientId id_;

  AccessWindows windows_;
  uint32_t fence_address_ = 0;
  uint32_t watchdog_cycles_ = 0;
  bool enabled_ = false;
  bool stopped_ = false;
  uint32_t base_ = 0, size_ = 0;
  uint32_t head_ = 0, tail_ = 0;
  Stage phase_ = Stage::idle;
  Job job_;  ///< being fetched or running
  bool group_open_ = false;
  uint32_t group_commands_ = 0;
  std::vector<Job> group_;  ///< fetched commands of a group that the engine runs together
  bool watchdog_armed_ = false;
  uint64_t commands_ = 0;
  uint64_t observed_ps_ = 0;
  uint64_t busy_ps_ = 0;
  uint64_t wait_ps_ = 0;
  uint64_t busy_since_ps_ = 0;  ///< running or waiting, accounted for until then
};

}  // namespace backboard::npu
