// A DMA engine behind the driver's accesses, a memory with a cache in front of the core, and time that passes in waits.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "drivers/dma/dma.h"
#include "platform/bus/access_requests.h"
#include "platform/dma/dma_engine.h"
#include "tests/drivers/mock_mmio.h"
#include "tests/support/device_bench.h"

namespace backboard::test {

/// Memory below 4 GiB on the host. `core` is what the core sees, every line of it in a cache for good; `memory` what
/// the engine sees. Cleaning and invalidating move whole lines of 64 bytes between them.
class CachedMemory final : public BusPort {
 public:
  static constexpr uint32_t kBytes = 1 << 20, kLine = 64;
  CachedMemory();
  ~CachedMemory() override;
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  std::optional<DirectRegion> direct(uint64_t) override { return std::nullopt; }
  void clean(const volatile void* data, uint32_t size_bytes) { move(data, size_bytes, true); }
  void invalidate(const volatile void* data, uint32_t size_bytes) { move(data, size_bytes, false); }

  uint8_t* core = nullptr;
  std::vector<uint8_t> memory;
  bool answers = true;  ///< false: accesses fail

 private:
  void move(const volatile void* data, uint32_t size_bytes, bool to_memory);
};

/// Takes requests and never answers them, once told so.
class SilentPort final : public RequestPort {
 public:
  explicit SilentPort(RequestPort& port) : port_(port) {}
  uint64_t submit(const BusRequest& request) override { return silent ? request.time_ps : port_.submit(request); }
  void set_client(RequestClient& client) override { port_.set_client(client); }
  bool silent = false;

 private:
  RequestPort& port_;
};

/// What driver_os_* work on while it exists: one at a time.
class DmaBoard final : public MmioDevice {
 public:
  static constexpr uintptr_t kBase = 0x10020000;
  /// `interrupts`: whether dma_interrupt is called where the core would take the interrupt.
  explicit DmaBoard(bool interrupts);
  ~DmaBoard() override;
  uint32_t read(uintptr_t address, unsigned size_bytes) override;
  void write(uintptr_t address, uint32_t value, unsigned size_bytes) override;
  void wait(uint64_t deadline_ticks);
  void unlock();
  uint64_t ticks() const { return bench.queue.now_ps() / kTickPs; }

  static constexpr uint64_t kTickPs = 100'000;  ///< 10 MHz
  DeviceBench bench;
  CachedMemory memory;
  AccessRequests accesses{memory, bench.queue, 8};
  SilentPort port{accesses};
  DmaEngine engine{{}, bench.queue, port, bench.wires, 14, bench.findings, bench.findings};
  ::dma device{};
  unsigned served = 0;  ///< interrupts

 private:
  bool interrupts_;
};

}  // namespace backboard::test
