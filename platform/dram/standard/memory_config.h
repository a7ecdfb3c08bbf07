// A memory part and how its controller is set: what a file of configs/memory holds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/config/fields.h"

namespace backboard::dram {

/// Which document's rules hold between commands (gaps.h).
enum class Standard : uint8_t { lpddr4, ddr4, lpddr5 };

/// How queued requests are ordered (controller/scheduler).
enum class SchedulerKind : uint8_t { fifo, frfcfs, frfcfs_direction, frfcfs_grouped };
/// When a row without queued requests is closed (controller/page).
enum class PageKind : uint8_t { open, closed, adaptive };
/// How rows are refreshed (controller/refresh).
enum class RefreshKind : uint8_t { all_bank, per_bank, off };
/// When a rank without work is powered down (controller/power).
enum class PowerKind : uint8_t { off, idle };
/// Which time is priced as active standby (energy/energy_meter.h).
enum class StandbyKind : uint8_t { open_rows, drampower };
/// Where check bytes lie, one for eight of data (target/ecc_plan.h).
enum class EccKind : uint8_t { off, side_band, in_line };

/// Timing parameters in clocks.
struct MemoryTiming {
#define TIMING(member, key, meaning) uint32_t member = 0;
#include "platform/dram/standard/memory_timing.def"

  static constexpr bool kTogether = true;  ///< another part's value is never a default
  template <class V>
  void fields(V& v) {
#define TIMING(member, key, meaning) v(key, member, Range{0, 1'000'000}, meaning);
#include "platform/dram/standard/memory_timing.def"
  }
  void check() const;
};

/// Currents of one supply of one device, ampere, as data sheets name them (IDD0, IDD2N, ...).
struct Rail {
  double volt = 0, i0 = 0, i2n = 0, i3n = 0, i4r = 0, i4w = 0, i5 = 0, i2p = 0, i3p = 0;

  template <class V>
  void fields(V& v) {
    const Reals ampere{0.0, 100.0};
    v("volt", volt, Reals{0.0, 100.0}, "Voltage, V");
    v("i0", i0, ampere, "One bank activated and precharged all the time, A");
    v("i2n", i2n, ampere, "Precharged standby, A");
    v("i3n", i3n, ampere, "Active standby, A");
    v("i4r", i4r, ampere, "Reading all the time, A");
    v("i4w", i4w, ampere, "Writing all the time, A");
    v("i5", i5, ampere, "Refreshing all banks all the time, A");
    v("i2p", i2p, ampere, "Powered down with all banks precharged, A");
    v("i3p", i3p, ampere, "Powered down with rows open, A");
  }
};

/// Which bits of an address, lowest first, make each coordinate of a burst.
struct AddressBits {
  static constexpr bool kTogether = true;
  std::vector<uint32_t> byte, column, group, bank, row, channel;

  template <class V>
  void fields(V& v) {
    const Each bits{Range{0, 47}, Count{0, 32}};
    v("byte", byte, bits, "Bits of a byte of the data bus");
    v("column", column, bits, "Bits of the column; the lowest ones lie within a burst");
    v("group", group, bits, "Bits of the bank group");
    v("bank", bank, bits, "Bits of the bank within its group");
    v("row", row, bits, "Bits of the row");
    v("channel", channel, bits, "Bits of the channel");
  }
  /// All six lists.
  std::vector<const std::vector<uint32_t>*> lists() const { return {&byte, &column, &group, &bank, &row, &channel}; }
};

/// The controller in front of one channel.
struct ControllerConfig {
  uint32_t queue = 32;
  SchedulerKind scheduler = SchedulerKind::frfcfs;
  uint32_t write_high = 16, write_low = 4;
  PageKind page = PageKind::open;
  RefreshKind refresh = RefreshKind::all_bank;
  PowerKind power_down = PowerKind::off;
  uint32_t power_down_after = 64;
  EccKind ecc = EccKind::off;

  template <class V>
  void fields(V& v) {
    v("queue", queue, Range{1, 1024}, "Requests of the shared buffer; a request leaves it with its column command");
    v("scheduler", scheduler,
      Choices<SchedulerKind>{{"fifo", SchedulerKind::fifo},
                             {"frfcfs", SchedulerKind::frfcfs},
                             {"frfcfs_direction", SchedulerKind::frfcfs_direction},
                             {"frfcfs_grouped", SchedulerKind::frfcfs_grouped}},
      "Order of service: fifo; first ready, first come; the same, hits in the direction of the last burst first; the "
      "same, reads and writes in groups by watermarks");
    v("write_high", write_high, Range{1, 1024}, "frfcfs_grouped: so many queued writes start a group of writes");
    v("write_low", write_low, Range{0, 1024}, "frfcfs_grouped: so few queued writes end it when reads wait");
    v("page", page,
      Choices<PageKind>{{"open", PageKind::open}, {"closed", PageKind::closed}, {"adaptive", PageKind::adaptive}},
      "When a row without queued requests is closed");
    v("refresh", refresh,
      Choices<RefreshKind>{
          {"all_bank", RefreshKind::all_bank}, {"per_bank", RefreshKind::per_bank}, {"off", RefreshKind::off}},
      "How rows are refreshed; never postponed");
    v("power_down", power_down, Choices<PowerKind>{{"off", PowerKind::off}, {"idle", PowerKind::idle}},
      "timing at: whether a rank without requests is powered down, rows open or not");
    v("power_down_after", power_down_after, Range{0, 1'000'000},
      "power_down idle: clocks without a command before the rank is powered down");
    v("ecc", ecc,
      Choices<EccKind>{{"off", EccKind::off}, {"side_band", EccKind::side_band}, {"in_line", EccKind::in_line}},
      "timing at: a check byte for eight of data, in a ninth device or in the last eighth of the part");
  }
  void check() const;
};

/// One kind of part behind one or more channels of one rank each.
struct MemoryConfig {
  static constexpr bool kTogether = true;
  static constexpr const char* kButFor[] = {"standby", "controller"};
  std::string name;
  Standard standard = Standard::lpddr4;
  uint64_t clock_hz = 1'600'000'000;
  uint32_t beats = 2;
  uint32_t channels = 1, groups = 1, banks = 8, rows = 65536, columns = 1024, bus_bytes = 2, devices = 1;
  MemoryTiming timing;
  std::vector<Rail> rails;
  StandbyKind standby = StandbyKind::open_rows;
  AddressBits address;
  ControllerConfig controller;

  uint32_t all_banks() const { return groups * banks; }            ///< of a rank
  uint32_t burst_columns() const { return timing.burst * beats; }  ///< also beats of a burst
  uint32_t burst_bytes() const { return burst_columns() * bus_bytes; }
  uint64_t channel_bytes() const { return uint64_t{all_banks()} * rows * columns * bus_bytes; }
  uint64_t part_bytes() const { return channel_bytes() * channels; }
  /// For data: with check bytes in line the last eighth of the part is theirs.
  uint64_t capacity_bytes() const { return controller.ecc == EccKind::in_line ? part_bytes() / 8 * 7 : part_bytes(); }

  template <class V>
  void fields(V& v) {
    v("name", name, "Name of the part");
    v("standard", standard,
      Choices<Standard>{{"lpddr4", Standard::lpddr4}, {"ddr4", Standard::ddr4}, {"lpddr5", Standard::lpddr5}},
      "Whose rules hold between commands");
    v("clock", clock_hz, Hertz{100'000'000, 10'000'000'000}, "Clock of commands, in which timing counts");
    v("beats", beats, Range{2, 8}, "Beats of data in a clock: 2, or twice the ratio of WCK to CK on LPDDR5");
    v("channels", channels, Range{1, 64}, "Channels, a power of two");
    v("groups", groups, Range{1, 8}, "Bank groups, a power of two");
    v("banks", banks, Range{1, 64}, "Banks of a group, a power of two");
    v("rows", rows, Range{1, 1 << 20}, "Rows of a bank, a power of two");
    v("columns", columns, Range{1, 1 << 16}, "Columns of a row, a power of two");
    v("bus", bus_bytes, Range{1, 64}, "Bytes of the data bus, a power of two");
    v("devices", devices, Range{1, 64}, "Devices that work together as the rank; currents are of one");
    v("timing", timing, "Timing parameters in clocks");
    v("rails", rails, Count{0, 8}, "Supplies with their currents; none: energy is not computed");
    v("standby", standby,
      Choices<StandbyKind>{{"open_rows", StandbyKind::open_rows}, {"drampower", StandbyKind::drampower}},
      "timing at: what is priced as active standby: all time with a row open; or as DRAMPower 5 counts it, for which a "
      "row opened before RFCab has passed is closed from then to the next activate");
    v("address", address, "Address mapping");
    v("controller", controller, "Controller");
  }
  /// Throws ConfigRule for geometry that is no power of two and mappings that do not cover it exactly.
  void check() const;
};

/// The part of a board that names none: LPDDR4-3200, as configs/memory has it.
MemoryConfig lpddr4_3200();

}  // namespace backboard::dram
