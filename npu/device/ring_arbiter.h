// Which command ring has the engine: one at a time, handed over between commands (docs/decisions/0007-two-rings.md).
#pragma once

#include <array>
#include <cstdint>

#include "npu/dma/dma.h"
#include "npu/sequencer/sequencer.h"
#include "platform/events/event_queue.h"
#include "platform/state/archive.h"

namespace backboard::npu {

class CommandRing;

inline constexpr unsigned kRings = 2;

/// Engine, local buffer, sequencer and DMA belong to one ring from the fetch of a command to its last store, or from
/// GROUP_BEGIN to GROUP_END: whatever they do meanwhile is that ring's, and nothing of it is left when the next ring
/// gets them. Of the rings that wait the one of the highest priority is next; of equals, the one that did not have the
/// engine last.
class RingArbiter final : public EventClient, public DmaClient, public SequencerClient {
 public:
  RingArbiter(EventQueue& queue, Dma& dma, Sequencer& sequencer);
  /// Ring `number`, which must outlive the arbiter's use.
  void attach(unsigned number, CommandRing& ring) { rings_[number] = &ring; }
  void set_priority(unsigned number, uint32_t priority) { priorities_[number] = priority; }

  bool has_engine(const CommandRing& ring) const { return owner_ < kRings && rings_[owner_] == &ring; }
  /// A ring waits: it gets the engine at once (CommandRing::on_engine) when nobody has it.
  void request() {
    if (owner_ == kNobody) grant();
  }
  /// The ring that has the engine is between two commands: the next one gets it at once, maybe the same.
  void release();
  /// The ring that has the engine gave its command up; sequencer and DMA are idle. The next one gets it at `time_ps`,
  /// since a register access may lie ahead of the queue.
  void release_at(uint64_t time_ps);

  /// As after power-on. Both rings were reset.
  void reset();

  void on_event(uint64_t tag, uint64_t now_ps) override;
  void on_transfer(uint64_t tag, DmaTransfer& transfer) override;
  void on_job_done(ErrorCode error, uint32_t address, uint32_t detail, uint8_t command) override;
  void state(StateArchive& archive);

 private:
  static constexpr uint8_t kNobody = 0xff;

  void grant();

  EventQueue& queue_;
  Sequencer& sequencer_;
  EventQueue::ClientId id_;
  std::array<CommandRing*, kRings> rings_{};
  std::array<uint32_t, kRings> priorities_{};
  uint8_t owner_ = kNobody;
  uint8_t last_ = kRings - 1;  ///< had the engine last
};

}  // namespace backboard::npu
