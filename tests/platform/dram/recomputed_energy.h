// Energy a second time, from the command list alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "platform/dram/device/command.h"
#include "platform/dram/standard/memory_config.h"

namespace backboard::dram {

/// Joule of a command list up to clock `end`, written from the formulas of the data sheets' currents and not from the
/// meter: clock by clock, by what the rank's state is.
inline double recomputed_energy(const MemoryConfig& config, const std::vector<IssuedCommand>& commands, uint64_t end) {
  const MemoryTiming& t = config.timing;
  const double tck = 1.0 / static_cast<double>(config.clock_hz);
  double joule = 0;
  for (const Rail& r : config.rails) {
    double charge = 0;  // ampere clocks
    std::vector<bool> open(config.all_banks());
    bool down = false;
    uint64_t since = 0, refreshing = 0;
    uint64_t unseen_from = UINT64_MAX;  // StandbyKind::drampower: the open row does not count from here
    const auto pass = [&](uint64_t to) {
      const bool any = std::find(open.begin(), open.end(), true) != open.end();
      for (; since < to; ++since) {
        const bool active = (any && (down || since < unseen_from)) || since < refreshing;
        charge += down ? (active ? r.i3p : r.i2p) : active ? r.i3n : r.i2n;
      }
    };
    for (const IssuedCommand& c : commands) {
      pass(std::min(c.clock, end));
      const auto close = [&](size_t bank) {
        if (open[bank]) charge += (r.i0 - r.i2n) * t.rp_pb;
        open[bank] = false;
      };
      switch (c.command) {
        case Command::activate:
          open[c.bank] = true;
          unseen_from = config.standby == StandbyKind::drampower && c.clock < refreshing ? refreshing : UINT64_MAX;
          charge += (r.i0 * (t.rp_pb + t.ras) - r.i0 * t.rp_pb - r.i3n * t.ras);
          break;
        case Command::read:
          charge += (r.i4r - r.i3n) * t.burst;
          break;
        case Command::write:
        case Command::write_masked:
          charge += (r.i4w - r.i3n) * t.burst;
          break;
        case Command::precharge:
          close(c.bank);
          break;
        case Command::precharge_all:
          for (size_t i = 0; i < open.size(); ++i) close(i);
          break;
        case Command::refresh_all:
          charge += (r.i5 - r.i3n) * t.rfc_ab;
          refreshing = c.clock + t.rfc_ab;
          break;
        case Command::refresh_bank:
          throw std::logic_error("a refresh of one bank has no current in the data sheets");
        case Command::power_down:
          down = true;
          break;
        case Command::power_up:
          down = false;
          break;
      }
    }
    pass(end);
    joule += r.volt * charge * tck * config.devices;
  }
  return joule;
}

}  // namespace backboard::dram
