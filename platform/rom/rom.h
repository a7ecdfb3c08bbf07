// Boot ROM: what the core executes first.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platform/bus/access.h"
#include "platform/config/fields.h"
#include "platform/findings/finding.h"
#include "platform/memory/backing_store.h"

namespace backboard {

struct RomConfig {
  uint64_t latency_ps = 10'000;  ///< two cycles of 200 MHz
  std::string image;             ///< program of `boot: flash`: ELF or raw binary, linked to the ROM's base

  template <class V>
  void fields(V& v) {
    v("latency", latency_ps, Picoseconds{0, 1'000'000}, "Time of one access");
    v("image", image, FilePath{}, "Program that `boot: flash` starts, ELF or raw binary; empty: none");
  }
};

/// A read-only memory of the size of its place in the memory map; bytes behind the program read as zero. Writes get an
/// error response and a finding.
class Rom final : public BusTarget, public Saved {
 public:
  Rom(const RomConfig& config, uint64_t size_bytes, FindingSink& findings);

  /// Burns a program at offset 0. Throws InputError when it is longer than the ROM.
  void burn(std::span<const uint8_t> program);

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  std::optional<DirectRegion> direct(uint64_t address) override;
  void state(StateArchive& archive) override { store_.state(archive); }

 private:
  RomConfig config_;
  FindingSink& findings_;
  BackingStore store_;
};

/// The program of `boot: direct`: a0 = hart number, a1 = `argument`, then a jump to `entry`; little-endian RV32 or RV64
/// machine code. Addresses must fit the width.
std::vector<uint8_t> reset_vector(unsigned width_bits, uint64_t entry, uint64_t argument);

}  // namespace backboard
