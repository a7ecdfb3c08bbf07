// Starting the board again: resets by the guest, and the program that the loader puts back.
#include <fmt/format.h>

#include "platform/soc/board_impl.h"

namespace backboard {

void Board::Impl::on_event(uint64_t tag, uint64_t) {
  reset(static_cast<ResetCause>(tag));
}

/// Devices first, then the interrupt controllers that look at them, the core last. What QEMU does on `virt`: memory
/// keeps its content, but for what the loader put there (its ROM blobs), which is put there again; hw/core/loader.c,
/// rom_reset. Counters go on, for they are the run's and not the board's.
void Board::Impl::reset(ResetCause cause) {
  ++resets;
  const uint64_t now_ps = queue.now_ps();
  queue.cancel(reset_client, static_cast<uint64_t>(ResetCause::software));
  queue.cancel(reset_client, static_cast<uint64_t>(ResetCause::watchdog));
  finisher.reset();
  npu.reset();
  dma.reset(now_ps);
  flash.power_cut(now_ps);
  uart.reset(now_ps);
  watchdog.reset(cause, now_ps);
  clint.reset(now_ps);
  plic.reset();
  if (config.boot == BootMode::direct && program) load_segments(*program, program_path);
  core->start(config.map[Place::kROM].base);
}

void Board::Impl::load_segments(const ElfFile& elf, const std::string& path) {
  for (const ElfSegment& segment : elf.segments()) {
    std::vector<uint8_t> bytes = segment.bytes;
    const uint64_t last = segment.physical_address + (segment.memory_bytes == 0 ? 0 : segment.memory_bytes - 1);
    const uint32_t place = wiring.router().map().find(segment.physical_address, segment.memory_bytes);
    if (place != AddressMap::kNobody && segment.memory_bytes <= uint64_t{1} << 32) bytes.resize(segment.memory_bytes);
    if (const TrafficConfig* generator =
            segment.memory_bytes == 0 ? nullptr : traffic_in(segment.physical_address, last)) {
      throw InputError(fmt::format("{}: the segment {:#x} to {:#x} lies in the memory of traffic generator '{}'", path,
                                   segment.physical_address, last, generator->name));
    }
    if (place == AddressMap::kNobody || !write_memory(segment.physical_address, bytes)) {
      throw InputError(fmt::format("{}: the segment {:#x} to {:#x} does not lie in memory of the board", path,
                                   segment.physical_address, last));
    }
  }
}

}  // namespace backboard
