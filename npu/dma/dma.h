// The NPU's bus master: transfers cut into bursts, several of them outstanding, completed by tag.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "npu/command/encoding.h"
#include "npu/command/windows.h"
#include "npu/dma/clock.h"
#include "npu/dma/dma_config.h"
#include "platform/bus/access.h"
#include "platform/bus/burst_run.h"
#include "platform/bus/request.h"
#include "platform/events/event_queue.h"
#include "platform/state/archive.h"

namespace backboard::npu {

using DmaRun = MemoryRun;

/// One transfer: runs in memory from or to one array of bytes, in the order of the runs.
struct DmaTransfer {
  bool write = false;
  Attribution who;  ///< the class of each run replaces `who.tensor`
  std::vector<DmaRun> runs;
  std::vector<uint8_t> bytes;
  ErrorCode error = ErrorCode::kNONE;  ///< at completion: kWINDOW or kBUS
  uint32_t error_address = 0;

  /// Adds a run; one that continues the last run is joined to it.
  void add(uint32_t address, uint32_t size_bytes, TensorClass tensor);
  uint64_t total_bytes() const;
};

/// Whoever waits for a transfer.
class DmaClient {
 public:
  virtual ~DmaClient() = default;
  /// The transfer with `tag` is complete or has failed. It is free for others when this returns.
  virtual void on_transfer(uint64_t tag, DmaTransfer& transfer) = 0;
};

/// Bytes by tensor class, since the board was built.
struct DmaCounters {
  std::array<uint64_t, 16> read{};
  std::array<uint64_t, 16> written{};
  std::array<uint64_t, 16>& of(bool write) { return write ? written : read; }
  uint64_t read_bytes() const;
  uint64_t write_bytes() const;
};

/// The DMA. At `timing: lt` all bursts of a transfer go through the port when it starts, each with the time at which it
/// would be issued, and one event completes the transfer; in one call where there is a port for runs
/// (`use_bursts`), with the same times. At `timing: at` (`use_requests`) each burst is a request:
/// issued when the one before has left the port, a slot is free and the bus takes it, transfers in the order of their
/// start. Who uses the DMA sees completion by tag only.
class Dma final : public EventClient, public RequestClient, private BurstPacer {
 public:
  static constexpr unsigned kTransfers = 8;

  Dma(const DmaConfig& config, uint64_t clock_hz, EventQueue& queue, BusPort& port);
  void set_client(DmaClient& client) { client_ = &client; }
  /// From now on bursts are requests to `port`; before the first transfer.
  void use_requests(RequestPort& port);
  /// From now on the bursts of a transfer go to `port` in one call; before the first transfer.
  void use_bursts(BurstPort& port) { bursts_ = &port; }
  /// Whether the bytes of a transfer have moved when start() returns, unless it failed; else when it completes.
  bool moves_at_start() const { return requests_ == nullptr; }
  /// What transfers may touch; checked run by run before a byte of it moves.
  void set_windows(const AccessWindows& windows) { windows_ = windows; }

  /// A free transfer to fill, or null when all are in use.
  DmaTransfer* claim();
  unsigned free_transfers() const;
  /// Starts a claimed transfer.
  void start(DmaTransfer& transfer, uint64_t tag);
  /// Forgets all transfers; no completion is called.
  void abort();

  const DmaCounters& counters() const { return counters_; }
  void on_event(uint64_t tag, uint64_t now_ps) override;
  uint8_t* request_data(RequestTag tag) override;
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override;
  void on_ready(uint64_t time_ps) override;
  void state(StateArchive& archive);

 private:
  struct Place {
    DmaTransfer transfer;
    bool used = false;
    bool running = false;
    uint64_t tag = 0;
    // Progress of requests.
    uint32_t run = 0, run_offset = 0;  ///< the next burst
    uint32_t offset = 0;               ///< of it in the transfer's bytes
    uint32_t in_flight = 0;
    uint32_t error_offset = 0;  ///< of the first burst that failed
    bool issued = false;        ///< no burst is left
  };
  /// A burst in flight as a request; its number is the request's tag.
  struct Slot {
    uint32_t address = 0, offset = 0, bytes = 0;
    uint32_t orphan = kNotOrphan;  ///< of an aborted transfer: its bytes
    uint8_t place = 0;
    TensorClass tensor = TensorClass::kNONE;
    bool used = false;
  };
  static constexpr uint32_t kNotOrphan = UINT32_MAX;
  /// Bytes of an aborted transfer that requests in flight still move.
  struct Orphan {
    std::vector<uint8_t> bytes;
    uint32_t in_flight = 0;
  };

  static constexpr uint64_t kIssueTag = kTransfers;  ///< of the event that issues bursts

  void start_requests(uint8_t place_index);
  void pump();
  bool submit_burst(Place& place, uint8_t place_index);
  void last_issued(uint8_t place_index);
  void finish_if_done(uint8_t place_index);
  uint32_t free_slot() const;
  void orphan(Place& place, uint8_t place_index);
  void save_requests(StateArchive& archive);
  /// What a burst holds the port for.
  uint64_t port_busy_ps(uint32_t bytes) const;
  /// The next burst goes when the port and one of the `outstanding` places are free.
  uint64_t issue(uint32_t bytes) override;
  void answered(uint64_t time_ps) override;
  void issue(DmaTransfer& transfer);
  bool carry(DmaTransfer& transfer);
  void issue_run(DmaTransfer& transfer, const DmaRun& run, uint8_t* data);

  DmaConfig config_;
  Clock clock_;
  EventQueue& queue_;
  BusPort& port_;
  DmaClient* client_ = nullptr;
  EventQueue::ClientId id_;
  AccessWindows windows_;
  std::array<Place, kTransfers> places_;
  uint64_t next_issue_ps_ = 0;
  std::vector<uint64_t> completions_ps_;  ///< of the last `outstanding` bursts, in turn
  uint32_t oldest_ = 0;
  // Of the burst that was issued last, and of the transfer that is being issued.
  uint64_t issue_ps_ = 0, busy_ps_ = 0, complete_ps_ = 0;
  std::vector<uint64_t> busy_ps_of_cycles_;  ///< what a burst of so many cycles holds the port for
  BurstPort* bursts_ = nullptr;
  // Requests.
  RequestPort* requests_ = nullptr;
  bool ready_ = true;             ///< the bus takes a request
  bool issue_scheduled_ = false;  ///< an event issues the next burst
  std::vector<uint8_t> order_;    ///< transfers with bursts left, oldest first
  std::vector<Slot> slots_;
  std::vector<Orphan> orphans_;
  DmaCounters counters_;
};

}  // namespace backboard::npu
