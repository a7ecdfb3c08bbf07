// The command-level controller of one channel.
#pragma once

#include <memory>
#include <vector>

#include "platform/dram/controller/page/page_policy.h"
#include "platform/dram/controller/power/power_plan.h"
#include "platform/dram/controller/refresh/refresh_plan.h"
#include "platform/dram/controller/request_buffer.h"
#include "platform/dram/controller/scheduler/scheduler.h"
#include "platform/dram/device/rank.h"

namespace backboard::dram {

/// Told when a request has left the buffer and when its last data pass.
class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  /// Called when the column command is issued; `done` is the clock at which the last data have passed, `hit` whether no
  /// row was opened for the request.
  virtual void completed(const BurstRequest& request, uint64_t done, bool hit) = 0;
};

/// What a channel did.
struct ControllerCounters {
  uint64_t reads = 0, writes = 0;  ///< column commands
  uint64_t masked_writes = 0;      ///< of the writes, as commands of their own
  uint64_t row_hits = 0;           ///< of them, without an activate for the request
  uint64_t activates = 0;
  uint64_t precharges = 0;      ///< of one bank
  uint64_t precharges_all = 0;  ///< of all banks
  uint64_t refreshes_all = 0, refreshes_bank = 0;
  uint64_t power_downs = 0;

  ControllerCounters& operator+=(const ControllerCounters& other);
};

/// Commands of one bank.
struct BankCounters {
  uint64_t reads = 0, writes = 0, row_hits = 0, activates = 0;
};

/// Takes requests into a buffer, turns them into commands, one at a time at the clock at which it is possible, and
/// refreshes. Time is driven from outside: `run_until` issues every command up to a clock, `next_clock` says when the
/// next is due, and nothing happens between.
class Controller {
 public:
  /// `commands` may be null. The sinks outlive the controller.
  Controller(const MemoryConfig& config, unsigned channel, CompletionSink& completions, CommandSink* commands);
  /// The same with a scheduler of the caller's.
  Controller(const MemoryConfig& config, unsigned channel, CompletionSink& completions, CommandSink* commands,
             std::unique_ptr<Scheduler> scheduler);

  bool full() const { return buffer_.full(); }
  bool idle() const { return buffer_.empty(); }
  const RequestBuffer& buffer() const { return buffer_; }

  /// Accepts a request at `clock`, up to which `run_until` has run; its first command follows a clock later.
  void accept(const BurstRequest& request, uint64_t clock);

  /// The clock of the next command, kNever where there is none.
  uint64_t next_clock() { return next().clock; }
  /// Issues every command up to and including `clock`.
  void run_until(uint64_t clock) {
    while (next().clock <= clock) issue_next();
  }
  /// Issues the next command alone. Returns its clock.
  uint64_t step();

  /// Whether some queued request has a command to come. False with a queue that is not empty: it is stuck.
  bool progresses() const;
  /// The oldest request in the buffer, which must not be empty.
  const BurstRequest& oldest() const;

  const ControllerCounters& counters() const { return counters_; }
  /// By bank, over all groups.
  const std::vector<BankCounters>& banks() const { return banks_; }
  const Rank& rank() const { return rank_; }

  /// Everything but what follows from it: the wishes of the banks and the next command are decided anew.
  void state(StateArchive& archive);

 private:
  /// What a bank wants to do next.
  struct Wish {
    Slot slot = kNoSlot;  ///< kNoSlot: the page policy closes the row
    Command command = Command::activate;
  };
  struct Choice {
    uint64_t clock = kNever;
    Slot slot = kNoSlot;
    uint32_t bank = 0;
    Command command = Command::activate;
  };

  const Choice& next() {
    if (!chosen_) choose();
    return choice_;
  }
  void choose();
  void choose_power_up();
  void consider_refresh(uint64_t best_end);
  void consider_power_down();
  void issue_next();
  void wish(unsigned bank);
  void wish_all();
  void after_column(Slot slot, uint64_t clock);

  unsigned channel_;
  bool masks_;  ///< the standard has masked writes as commands
  uint64_t refresh_all_clocks_, refresh_bank_clocks_;
  CompletionSink& completions_;
  CommandSink* commands_;
  uint64_t read_done_, write_done_;
  Rank rank_;
  RequestBuffer buffer_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<PagePolicy> page_;
  std::unique_ptr<RefreshPlan> refresh_;
  std::unique_ptr<PowerPlan> power_;
  std::vector<Wish> wishes_;
  std::vector<uint32_t> last_row_;  ///< of each bank, open or closed since
  uint64_t wishing_ = 0;            ///< a bit for each bank with a wish
  uint64_t floor_ = 0;              ///< nothing is issued before
  uint64_t quiet_since_ = 0;        ///< the last command, or the refresh that it began, was over
  bool chosen_ = false;             ///< `choice_` holds
  Choice choice_;
  ControllerCounters counters_;
  std::vector<BankCounters> banks_;
};

}  // namespace backboard::dram
