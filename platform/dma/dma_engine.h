// The SoC's DMA engine: channels that copy bytes between any two places of the bus.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "platform/bus/access.h"
#include "platform/bus/request.h"
#include "platform/dma/dma_config.h"
#include "platform/dma/dma_copy.h"
#include "platform/events/event_queue.h"
#include "platform/findings/finding.h"
#include "platform/regs/reg_bank.h"
#include "platform/stats/stats_writer.h"

namespace backboard {

/// The engine (drivers/dma/dma.def, drivers/dma/dma_descriptor.def). One bus master for all channels; its accesses are
/// requests, at `timing: lt` over AccessRequests.
///
/// A channel reads ahead of what it writes, as far as the engine's slots allow, and writes in the order of the bytes:
/// the bytes that a copy leaves do not depend on the order of answers. Of several channels with an access to make the
/// one of the highest priority goes first, equal ones in turn; what is in flight is never recalled. Between channels
/// nothing is ordered.
///
/// A checksum takes no time of its own: its unit is thought as wide as the bus, and takes the bytes in their order.
///
/// An access that fails ends its channel: nothing more is issued, what is in flight is answered, and the error is the
/// first in the order of the bytes. Bytes behind it, `outstanding` bursts at most, may have been written.
class DmaEngine final : public BusTarget, public EventClient, public RequestClient, public Saved, public HasStats {
 public:
  static constexpr unsigned kChannels = 4;

  /// Mistakes at the registers go to `findings`, with addresses relative to the engine; those of what it is asked to
  /// copy to `copy_findings`, with absolute ones.
  DmaEngine(const DmaEngineConfig& config, EventQueue& queue, RequestPort& port, IrqSink& irq, uint32_t line,
            FindingSink& findings, FindingSink& copy_findings);

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  void on_event(uint64_t tag, uint64_t now_ps) override;
  uint8_t* request_data(RequestTag tag) override { return slots_[tag].bytes.data(); }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override;
  void on_ready(uint64_t time_ps) override;

  /// The board is reset, or firmware asks for it: registers as after power-on, nothing more is issued. Answers to what
  /// is in flight are awaited and forgotten.
  void reset(uint64_t now_ps);

  void state(StateArchive& archive) override;
  void stats(const StatsWriter& writer) const override;

 private:
  enum class Stage : uint8_t {
    idle,
    starting,  ///< until the event of its start
    fetch,     ///< of a descriptor
    copy,
    report,  ///< into the descriptor
  };
  /// What a channel counts since power-on.
  struct Counters {
    uint64_t starts = 0, descriptors = 0, errors = 0, aborts = 0;
    uint64_t read_bytes = 0, write_bytes = 0;            ///< copied
    uint64_t list_read_bytes = 0, list_write_bytes = 0;  ///< of descriptors
    uint64_t crc_bytes = 0;                              ///< that went into a checksum
    uint64_t busy_ps = 0;
  };
  struct Channel {
    Stage stage = Stage::idle;
    bool list = false;
    bool aborting = false;
    bool issued = false;  ///< fetch, report: the access is in flight
    uint8_t priority = 0;
    DmaCopy copy;
    uint32_t read = 0, written = 0;  ///< offsets of the next access to issue
    uint32_t in_flight = 0;
    std::deque<uint16_t> fifo;  ///< slots that were read or are being read, in the order of the bytes
    DmaFault fault;             ///< the first in the order of the bytes
    uint32_t fault_offset = 0;
    uint32_t moved = 0;       ///< by the copies that are done
    uint32_t copy_moved = 0;  ///< by the last of them
    uint32_t descriptor = 0, next = 0;
    uint32_t crc = 0;  ///< of all since START
    uint64_t started_ps = 0;
    Counters counters;

    bool stopping() const { return aborting || fault.code != DmaError::kNONE; }
  };
  enum class Purpose : uint8_t { read, write, fetch, report };
  /// A burst that is held, and its access; the number is the request's tag.
  struct Slot {
    bool used = false;
    bool in_flight = false;
    bool orphan = false;  ///< of before a reset
    uint8_t channel = 0;
    Purpose purpose = Purpose::read;
    BusResponse response = BusResponse::ok;
    uint32_t offset = 0, size = 0;  ///< in the copy
    std::vector<uint8_t> bytes;
  };

  /// Tags of events; the last two with the number of a channel.
  static constexpr uint64_t kIssueTag = 0, kStartTag = 0x100, kAbortTag = 0x200;

  // dma_registers.cc
  void wire_registers();
  void publish();
  void write_control(const RegisterWrite& write);
  void take_start(unsigned index);
  bool resetting() const;
  uint32_t pending() const;
  void raise(unsigned index, FieldId event);
  void update_irq();
  void ignored(const char* why);

  // dma_engine.cc: a channel from stage to stage
  void begin(unsigned index);
  void begin_descriptor(unsigned index);
  void take_descriptor(unsigned index, const Slot& slot);
  void begin_copy(unsigned index);
  void end_copy(unsigned index);
  void reported(unsigned index, BusResponse response);
  void settle(unsigned index);
  void take_front(Channel& channel);
  void take_checksum(Channel& channel, const Slot& slot);
  void finish(unsigned index);
  void refuse(unsigned index, DmaFault fault);

  // dma_requests.cc
  void pump();
  bool wants(const Channel& channel, bool slot_free) const;
  std::optional<unsigned> pick() const;
  void issue(unsigned index);
  void issue_read(unsigned index);
  void issue_write(unsigned index);
  void issue_report(unsigned index);
  uint16_t claim(unsigned index, Purpose purpose, uint32_t size);
  void submit(uint16_t number, BusOp op, uint32_t address, const Attribution& who);
  void drop_fifo(Channel& channel);

  DmaEngineConfig config_;
  EventQueue& queue_;
  EventQueue::ClientId id_;
  RequestPort& port_;
  IrqSink& irq_;
  uint32_t line_;
  FindingSink& findings_;
  FindingSink& copy_findings_;
  RegBank bank_;
  const BusAccess* access_ = nullptr;  ///< during a register access
  std::array<Channel, kChannels> channels_;
  std::vector<Slot> slots_;
  unsigned last_issued_ = 0;  ///< channel
  uint64_t cycle_ps_;
  uint64_t next_issue_ps_ = 0;
  bool ready_ = true;  ///< the bus takes a request
  bool issue_scheduled_ = false;
  bool level_ = false;
  uint64_t interrupts_ = 0;
};

}  // namespace backboard
