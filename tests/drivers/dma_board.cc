#include "tests/drivers/dma_board.h"

#include <sys/mman.h>

#include <cstring>

#include "drivers/os/driver_os.h"
#include "platform/check/check.h"

namespace backboard::test {
namespace {
DmaBoard* the_board = nullptr;
}

CachedMemory::CachedMemory() : memory(kBytes) {
  void* const place = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  BB_CHECK(place != MAP_FAILED);
  core = static_cast<uint8_t*>(place);
}

CachedMemory::~CachedMemory() {
  munmap(core, kBytes);
}

BusResponse CachedMemory::access(BusAccess& access, uint64_t& delay_ps) {
  delay_ps += 100'000;
  const uint64_t offset = access.address - dma_address(core);
  if (!answers || access.address < dma_address(core) || offset + access.size > kBytes) return BusResponse::decode;
  access.op == BusOp::read ? std::memcpy(access.data, &memory[offset], access.size)
                           : std::memcpy(&memory[offset], access.data, access.size);
  return BusResponse::ok;
}

void CachedMemory::move(const volatile void* data, uint32_t size_bytes, bool to_memory) {
  if (size_bytes == 0) return;
  const uint32_t offset = dma_address(data) - dma_address(core);
  const uint32_t first = offset / kLine * kLine, last = (offset + size_bytes - 1) / kLine * kLine + kLine;
  to_memory ? std::memcpy(&memory[first], core + first, last - first)
            : std::memcpy(core + first, &memory[first], last - first);
}

DmaBoard::DmaBoard(bool interrupts) : interrupts_(interrupts) {
  bench.target = &engine;
  the_board = this;
}

DmaBoard::~DmaBoard() {
  the_board = nullptr;
}

uint32_t DmaBoard::read(uintptr_t address, unsigned size_bytes) {
  const uint32_t value = bench.read(address - kBase, size_bytes);
  BB_CHECK(bench.response == BusResponse::ok, "read of {:#x}", address);
  return value;
}

void DmaBoard::write(uintptr_t address, uint32_t value, unsigned size_bytes) {
  BB_CHECK(bench.write(address - kBase, value, size_bytes) == BusResponse::ok, "write of {:#x}", address);
}

/// Sleeps as a core does: until the interrupt or the deadline.
void DmaBoard::wait(uint64_t deadline_ticks) {
  const uint64_t deadline_ps = deadline_ticks * kTickPs;
  if (bench.wires.level(14)) return bench.queue.run_until(bench.queue.now_ps() + kTickPs);  // a poll takes time too
  while (!bench.wires.level(14)) {
    if (bench.queue.next_time_ps() > deadline_ps) return bench.queue.run_until(deadline_ps);
    bench.queue.run_one();
  }
}

void DmaBoard::unlock() {
  if (!interrupts_ || !bench.wires.level(14)) return;
  ++served;
  dma_interrupt(&device);
  BB_CHECK(!bench.wires.level(14), "the interrupt stays");
}

}  // namespace backboard::test

using backboard::test::the_board;

uint32_t driver_os_lock(void) {
  return 1;
}
void driver_os_unlock(uint32_t) {
  if (the_board != nullptr) the_board->unlock();
}
void driver_os_wait(uint64_t deadline_ticks) {
  the_board->wait(deadline_ticks);
}
uint64_t driver_os_now(void) {
  return the_board->ticks();
}
uint64_t driver_os_ticks_per_ms(void) {
  return 10'000;
}
void driver_os_clean(const volatile void* data, uint32_t size_bytes) {
  the_board->memory.clean(data, size_bytes);
}
void driver_os_invalidate(volatile void* data, uint32_t size_bytes) {
  the_board->memory.invalidate(data, size_bytes);
}
