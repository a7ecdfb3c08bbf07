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
#include "platform/events/event_queue.h"
#include "platform/state/archive.h"

namespace backboard::npu {

/// Bytes next to each other in memory. `tensor` says whose they are.
struct DmaRun {
  uint32_t address = 0;
  uint32_t bytes = 0;
  TensorClass tensor = TensorClass::kNONE;
};

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
  uint64_t read_bytes() const;
  uint64_t write_bytes() const;
};

/// The DMA. At `timing: lt` all bursts of a transfer go through the port when it starts, each with the time at which it
/// would be issued, and one event completes the transfer; who uses the DMA sees completion by tag only.
class Dma final : public EventClient {
 public:
  static constexpr unsigned kTransfers = 8;

  Dma(const DmaConfig& config, uint64_t clock_hz, EventQueue& queue, BusPort& port);
  void set_client(DmaClient& client) { client_ = &client; }
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
  void state(StateArchive& archive);

 private:
  struct Place {
    DmaTransfer transfer;
    bool used = false;
    bool running = false;
    uint64_t tag = 0;
  };
  /// Issues one burst not before the DMA is ready for it. Gives its completion time.
  uint64_t burst(DmaTransfer& transfer, uint32_t address, uint8_t* data, uint32_t bytes, TensorClass tensor);
  uint64_t issue(DmaTransfer& transfer);

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
  DmaCounters counters_;
};

}  // namespace backboard::npu
