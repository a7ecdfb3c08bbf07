// The core's transactions as requests that are answered later (`timing: at`).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "platform/bus/request.h"
#include "platform/cache/cache_config.h"
#include "platform/cpu/core_config.h"

namespace backboard {

/// A transaction of the core that goes to memory by requests is asked for once, and the instruction that needs it is
/// carried out anew when the answer is there: it then finds the answer here. So nothing of a half-done instruction has
/// to be kept but the answers that it has got, which it finds again in whatever order it asks; they are forgotten when
/// it is through. Beside them there is the write buffer: one dirty line on its way to memory, which nobody waits for
/// unless it wants the buffer or the line.
class MemoryRequests final : public RequestClient {
 public:
  static constexpr uint32_t kMostBytes = CacheConfig::kBlockBytes;

  /// Requests go to `ranges`; other addresses are not asked for here. `on_progress` is called at the time of each
  /// answer, and when the port is ready again: whoever waits for something looks anew.
  MemoryRequests(RequestPort& port, std::vector<CoreConfig::MemoryRange> ranges,
                 std::function<void(uint64_t time_ps)> on_progress);

  bool covers(uint64_t address, uint64_t size_bytes) const;
  /// The answer to a transaction, or nothing yet: then it has been asked for, from `time_ps` on, unless it was before.
  /// `data`: `size_bytes`, at most kMostBytes, to be filled (read) or taken (write).
  std::optional<BusResponse> transfer(BusOp op, const Attribution& who, uint64_t address, uint32_t size_bytes,
                                      uint64_t time_ps, uint8_t* data);
  /// The instruction is through, or another one comes in its place: answers that are still to come are dropped. So it
  /// is after a reset, too; what is to be written is written.
  void forget_answers();

  /// Sends a dirty line on its way; the buffer must be free.
  void write_back(const Attribution& who, uint64_t line, uint32_t size_bytes, const uint8_t* bytes, uint64_t time_ps);
  bool write_buffer_free() const { return write_buffer_ == kNobody; }
  /// Whether the line in the write buffer shares bytes with [address, address + size_bytes).
  bool in_write_buffer(uint64_t address, uint64_t size_bytes) const;
  /// Bytes of the write buffer take the place of those of memory: a debugger's view.
  void overlay(uint64_t address, std::span<uint8_t> bytes) const;

  uint8_t* request_data(RequestTag tag) override { return slots_[tag].bytes; }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override;
  void on_ready(uint64_t time_ps) override;
  void state(StateArchive& archive);

 private:
  static constexpr uint32_t kNobody = UINT32_MAX;
  /// A request in flight, or one that the port has not taken.
  struct Slot {
    BusRequest request;
    bool used = false;
    bool wanted = false;  ///< its answer goes to the instruction in progress
    uint8_t bytes[kMostBytes] = {};
  };
  struct Answer {
    uint64_t address = 0;
    uint32_t size_bytes = 0;
    BusOp op = BusOp::read;
    Initiator initiator = Initiator::core_data;
    BusResponse response = BusResponse::ok;
    uint8_t bytes[kMostBytes] = {};
    uint8_t padding = 0;
  };
  static_assert(sizeof(Answer) == 80);

  RequestTag ask(BusOp op, const Attribution& who, uint64_t address, uint32_t size_bytes, uint64_t time_ps,
                 const uint8_t* data);
  void send_waiting(uint64_t time_ps);

  RequestPort& port_;
  std::vector<CoreConfig::MemoryRange> ranges_;
  std::function<void(uint64_t)> on_progress_;
  std::deque<Slot> slots_;           ///< by tag; each stays where it is
  std::vector<Answer> answers_;      ///< of the instruction in progress
  std::deque<RequestTag> unsent_;    ///< the port has not been ready for them
  uint32_t write_buffer_ = kNobody;  ///< tag of its request
  bool ready_ = true;
};

}  // namespace backboard
