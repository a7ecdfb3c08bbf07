#include "platform/rom/rom.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/bus/serve_registers.h"
#include "platform/check/check.h"
#include "platform/memory/memory_access.h"

namespace backboard {

Rom::Rom(const RomConfig& config, uint64_t size_bytes, FindingSink& findings)
    : config_(config), findings_(findings), store_("rom", size_bytes) {}

void Rom::burn(std::span<const uint8_t> program) {
  if (program.size() > store_.size_bytes()) {
    throw InputError(
        fmt::format("boot ROM: the program has {} bytes, the ROM {}", program.size(), store_.size_bytes()));
  }
  store_.clear();
  std::copy(program.begin(), program.end(), store_.bytes());
}

BusResponse Rom::access(BusAccess& access, uint64_t& delay_ps) {
  if (!access.debug) delay_ps += config_.latency_ps;
  if (access.op == BusOp::read) return copy_access(store_, access);
  if (!access.debug) {
    findings_.report(finding_of("rom", "", access, "write to the boot ROM: the bus answers with an error"));
  }
  return BusResponse::target;
}

std::optional<DirectRegion> Rom::direct(uint64_t address) {
  if (!store_.covers(address, 1)) return std::nullopt;
  return DirectRegion{store_.bytes(), 0, store_.size_bytes() - 1, true, false, config_.latency_ps, 0};
}

std::vector<uint8_t> reset_vector(unsigned width_bits, uint64_t entry, uint64_t argument) {
  BB_CHECK(width_bits == 32 || width_bits == 64, "{}", width_bits);
  const bool wide = width_bits == 64;
  BB_CHECK(wide || (entry <= UINT32_MAX && argument <= UINT32_MAX), "{:#x} {:#x}", entry, argument);
  // LW has funct3 2, LD 3 (RISC-V ISA, table "RV32/64G instruction listings").
  const uint32_t load = wide ? 0x3003 : 0x2003;
  const uint32_t step = width_bits / 8;
  const auto load_from = [&](uint32_t rd, uint32_t offset) { return load | rd << 7 | 5u << 15 | offset << 20; };
  const uint32_t pool = 24;  // behind the six words of code, aligned for LD
  const uint32_t code[] = {
      0x00000297,                 // auipc t0, 0
      0xF1402573,                 // csrr a0, mhartid
      load_from(11, pool),        // l[wd] a1, pool(t0)
      load_from(5, pool + step),  // l[wd] t0, pool + step(t0)
      0x00028067,                 // jr t0
      0x00000013,                 // nop
  };
  std::vector<uint8_t> bytes;
  const auto append = [&](uint64_t value, unsigned count) {
    for (unsigned i = 0; i < count; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  };
  for (const uint32_t word : code) append(word, 4);
  append(argument, step);
  append(entry, step);
  return bytes;
}

}  // namespace backboard
