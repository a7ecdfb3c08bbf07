// The board's insides, shared by the files that implement it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "npu/device/npu_device.h"
#include "platform/bus/access_requests.h"
#include "platform/bus/end_sink.h"
#include "platform/clint/clint.h"
#include "platform/cpu/semihosting.h"
#include "platform/cpu/tohost.h"
#include "platform/dma/dma_engine.h"
#include "platform/dram/dram.h"
#include "platform/elf/lines.h"
#include "platform/finisher/finisher.h"
#include "platform/soc/board.h"
#include "platform/soc/wiring.h"
#include "platform/traffic/traffic_generator.h"

namespace backboard {

/// Passes findings of a device on with its base added to their addresses.
class PlacedFindings final : public FindingSink {
 public:
  PlacedFindings(FindingSink& sink, uint64_t base) : sink_(sink), base_(base) {}
  void report(Finding finding) override {
    if (finding.address != Finding::kNowhere) finding.address += base_;
    sink_.report(std::move(finding));
  }

 private:
  FindingSink& sink_;
  uint64_t base_;
};

/// How a device ended the simulation.
struct BoardEnd {
  bool ended = false;
  EndCause cause = EndCause::passed;
  int32_t code = 0;
  uint64_t time_ps = 0;
};

/// Construction order is wiring order: ports, core, interrupt controllers, devices, router.
class Board::Impl final : public EndSink, public CoreObserver, public EventClient {
 public:
  Impl(const BoardConfig& config, BoardOutput output);

  // EndSink and CoreObserver: what stops a run.
  void end(EndCause cause, int exit_code, uint64_t time_ps) override;
  void on_stop(StopReason reason) override;
  void on_stale_line(const StaleLine& line) override;

  // board_reset.cc. The guest's resets wait for an event: the access that asks for one ends first.
  void on_event(uint64_t tag, uint64_t now_ps) override;
  void reset(ResetCause cause);
  void load_segments(const ElfFile& elf, const std::string& path);

  BoardResult run_until(uint64_t limit_ps);
  BoardResult ended(BoardResult made);
  std::optional<BoardResult> result_of_stop();
  std::optional<std::string> stuck_request(uint64_t after_ps) const;
  BoardResult result(BoardStop stop, int exit_code, std::string reason) const;
  // board_traffic.cc
  void add_traffic();
  bool only_traffic_goes_on() const;
  const TrafficConfig* traffic_in(uint64_t first, uint64_t last) const;
  void require_width(const ElfFile& elf, const std::string& path) const;
  void burn_rom(uint64_t entry, uint64_t argument);
  bool write_memory(uint64_t address, std::span<const uint8_t> bytes);
  BusResponse debug_access(BusOp op, uint64_t address, uint8_t* data, uint64_t size);
  void state(StateArchive& archive);
  uint64_t digest() const;
  PlacedFindings& findings_at(Place place);
  /// Of the configured engine; nothing when it has no estimate.
  std::optional<npu::Area> area() const {
    const npu::EngineRow* row = npu::find_engine(config.npu.engine);
    return row ? npu::area_of_engine(*row, config.npu.engines, config.npu.buffer_bytes) : std::nullopt;
  }

  BoardConfig config;
  BoardOutput output;
  EventQueue queue;
  FindingLog log;
  std::vector<std::unique_ptr<PlacedFindings>> placed_findings;
  Wiring wiring;
  std::unique_ptr<Core> core;
  Semihosting semihosting;
  std::optional<TohostWatch> tohost;
  std::optional<ElfFile> program;  ///< names functions in findings, and is loaded again by a reset
  std::string program_path;
  std::optional<SourceLines> lines;  ///< and lines

  Rom rom;
  Finisher finisher;
  Clint clint;
  Sram sram;
  Plic plic;
  Uart uart;
  Watchdog watchdog;
  Flash flash;
  Dram dram;
  npu::NpuDevice npu;
  std::unique_ptr<AccessRequests> dma_port;  ///< `timing: lt`
  DmaEngine dma;
  std::vector<std::unique_ptr<AccessRequests>> traffic_ports;  ///< `timing: lt`
  std::vector<std::unique_ptr<TrafficGenerator>> traffic;
  std::vector<EventQueue::ClientId> quiet_clients;  ///< whose events never wake the core by themselves

  EventQueue::ClientId reset_client;
  bool started = false;
  uint32_t resets = 0;
  uint32_t reset_limit = kResetLimit;
  BoardEnd ending;
  std::atomic<bool> interrupted{false};
};

}  // namespace backboard
