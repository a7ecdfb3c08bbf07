#include "platform/dram/standard/memory_config.h"

#include <algorithm>
#include <bit>

namespace backboard::dram {
namespace {

void check_bits(const char* key, const std::vector<uint32_t>& bits, uint64_t values) {
  if (uint64_t{1} << bits.size() != values) {
    throw ConfigRule(key, "has " + std::to_string(bits.size()) + " bits for " + std::to_string(values) + " values");
  }
}

}  // namespace

void MemoryTiming::check() const {
  if (burst == 0) throw ConfigRule("burst", "must not be 0");
  if (command_long == 0) throw ConfigRule("command_long", "must not be 0");
  if (command_short == 0) throw ConfigRule("command_short", "must not be 0");
  if (ccd_l < burst) throw ConfigRule("ccd_l", "is shorter than a burst");
  if (rc_pb < ras) throw ConfigRule("rc_pb", "is shorter than ras");
  if (rp_ab < rp_pb) throw ConfigRule("rp_ab", "is shorter than rp_pb");
}

void ControllerConfig::check() const {
  if (scheduler != SchedulerKind::frfcfs_grouped) return;
  if (write_high > queue) throw ConfigRule("write_high", "exceeds the queue");
  if (write_low >= write_high) throw ConfigRule("write_low", "must be below write_high");
}

void MemoryConfig::check() const {
  const std::pair<const char*, uint32_t> sizes[] = {
      {"channels", channels}, {"groups", groups}, {"banks", banks}, {"rows", rows},
      {"columns", columns},   {"bus", bus_bytes}, {"beats", beats}, {"timing.burst", timing.burst}};
  for (const auto& [key, value] : sizes) {
    if (!std::has_single_bit(value)) throw ConfigRule(key, "must be a power of two");
  }
  if (all_banks() > 64) throw ConfigRule("banks", "more than 64 banks in a rank");
  if (columns < burst_columns()) throw ConfigRule("columns", "a row is shorter than a burst");
  if (groups > 1 && timing.ccd_s < timing.burst) throw ConfigRule("timing.ccd_s", "is shorter than a burst");

  check_bits("address.byte", address.byte, bus_bytes);
  check_bits("address.column", address.column, columns);
  check_bits("address.group", address.group, groups);
  check_bits("address.bank", address.bank, banks);
  check_bits("address.row", address.row, rows);
  check_bits("address.channel", address.channel, channels);
  uint64_t seen = 0;
  size_t total = 0;
  for (const std::vector<uint32_t>* list : address.lists()) {
    for (const uint32_t bit : *list) seen |= uint64_t{1} << bit;
    total += list->size();
  }
  // As many different bits as there are, from 0 up: every address is one place, every place one address.
  if (seen != (uint64_t{1} << total) - 1) throw ConfigRule("address", "must use each address bit exactly once");
  const auto lowest = static_cast<uint32_t>(std::countr_zero(burst_bytes()));
  for (const std::vector<uint32_t>* list : {&address.group, &address.bank, &address.row, &address.channel}) {
    if (std::any_of(list->begin(), list->end(), [&](uint32_t bit) { return bit < lowest; })) {
      throw ConfigRule("address", "a burst must lie in one row");
    }
  }
  // The lowest columns are those within a burst.
  const auto within = static_cast<size_t>(std::countr_zero(burst_columns()));
  for (size_t i = 0; i < address.column.size(); ++i) {
    if ((address.column[i] < lowest) != (i < within)) {
      throw ConfigRule("address.column", "the lowest columns must lie within a burst");
    }
  }

  if (controller.power_down != PowerKind::off) {
    if (timing.xp == 0) throw ConfigRule("controller.power_down", "the part has no times for it (timing.xp, cke)");
    const auto known = [](const Rail& rail) { return rail.i2p > 0 && rail.i3p > 0; };
    if (!std::all_of(rails.begin(), rails.end(), known)) {
      throw ConfigRule("controller.power_down", "needs i2p and i3p of each of the rails");
    }
  }
  if (controller.ecc == EccKind::side_band && devices % 8 != 0) {
    throw ConfigRule("controller.ecc", "side_band is a ninth device beside each eight; the rank has none such");
  }
  if (controller.ecc != EccKind::off && burst_bytes() % 8 != 0) {
    throw ConfigRule("controller.ecc", "a burst is no multiple of 8 bytes");
  }
  const RefreshKind refresh = controller.refresh;
  if (refresh == RefreshKind::all_bank && timing.refi <= timing.rfc_ab + timing.rc_pb + timing.rp_ab) {
    throw ConfigRule("timing.refi", "leaves no time between refreshes");
  }
  if (refresh == RefreshKind::per_bank) {
    if (standard == Standard::ddr4) throw ConfigRule("controller.refresh", "DDR4 has no refresh of one bank");
    if (standard == Standard::lpddr5) {
      throw ConfigRule("controller.refresh", "LPDDR5 refreshes two banks at once, which is not modelled");
    }
    if (timing.refi_pb <= timing.rfc_pb + timing.rc_pb + timing.rp_pb) {
      throw ConfigRule("timing.refi_pb", "leaves no time between refreshes");
    }
  }
}

}  // namespace backboard::dram
