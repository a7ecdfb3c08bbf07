// QSPI NOR flash: controller registers, memory-mapped reads, times of programming and erasing, power cuts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/bus/access.h"
#include "platform/config/fields.h"
#include "platform/events/event_queue.h"
#include "platform/findings/finding.h"
#include "platform/flash/flash_array.h"
#include "platform/regs/reg_bank.h"

namespace backboard {

/// Times: typical values of 128-Mbit serial NOR parts (Winbond W25Q128JV data sheet, table "AC electrical
/// characteristics": tPP 0.4 ms, tSE 45 ms).
struct FlashConfig {
  std::string file;                    ///< keeps the content; empty: lost at the end
  uint64_t clock_hz = 100'000'000;     ///< of the serial bus
  uint32_t read_overhead_clocks = 20;  ///< command, address and dummy clocks before the data of a read
  uint64_t program_ps = 400'000'000;   ///< of a page
  uint64_t erase_ps = 45'000'000'000;  ///< of a sector
  template <class V>
  void fields(V& v) {
    v("file", file, FilePath{}, "File that keeps the content between runs; empty: none");
    v("clock", clock_hz, Hertz{1'000'000, 400'000'000}, "Clock of the serial bus; four bits a clock");
    v("read_overhead", read_overhead_clocks, Range{0, 1000}, "Clocks before the data of a mapped read");
    v("program_time", program_ps, Picoseconds{1, 1'000'000'000'000}, "Time to program a page");
    v("erase_time", erase_ps, Picoseconds{1, 100'000'000'000'000}, "Time to erase a sector");
  }
};

/// The controller (drivers/flash/flash.def) as one target, the mapped array as another, `mapped()`.
class Flash final : public BusTarget, public EventClient, public Saved {
 public:
  static constexpr uint32_t kPageBytes = 256;
  static constexpr uint32_t kSectorBytes = 4096;

  /// `size_bytes`: of the place of the array in the memory map, a power of two. Mistakes at the registers go to
  /// `findings`, those at the mapped array to `array_findings`; each has addresses relative to its place.
  Flash(const FlashConfig& config, uint64_t size_bytes, EventQueue& queue, IrqSink& irq, uint32_t line,
        FindingSink& findings, FindingSink& array_findings);

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  void on_event(uint64_t tag, uint64_t now_ps) override;
  void state(StateArchive& archive) override;

  /// Memory-mapped reads of any size. Writes, and reads while an operation runs, get a target error and a finding.
  /// Debug writes set the cells as the factory's programmer would. Never direct: a read must see whether it is busy.
  BusTarget& mapped() { return mapped_; }
  FlashArray& array() { return array_; }

  /// The supply fails at `now_ps`. An operation that runs stays torn: of a program the first bytes are done, in
  /// proportion to the time that passed, and of the next byte only some bits; of an erase the same by pages, the torn
  /// page a mixture. Which bits is fixed by address and time. The controller is reset. A reset of the board does the
  /// same: the part's RESET# pin is wired to it, so that the boot ROM never meets a busy flash.
  void power_cut(uint64_t now_ps);

  uint64_t programs() const { return programs_; }
  uint64_t erases() const { return erases_; }

 private:
  enum class Operation : uint8_t { none, program, erase };
  enum class Command : uint8_t { page_program = 0x02, write_disable = 0x04, write_enable = 0x06, sector_erase = 0x20 };

  class Mapped final : public BusTarget {
   public:
    explicit Mapped(Flash& flash) : flash_(flash) {}
    BusResponse access(BusAccess& access, uint64_t& delay_ps) override { return flash_.access_array(access, delay_ps); }

   private:
    Flash& flash_;
  };

  void wire_registers();
  BusResponse access_array(BusAccess& access, uint64_t& delay_ps);
  void write_command(uint32_t code);
  void reject(const std::string& reason);
  void start(Operation operation, uint64_t address, uint64_t duration_ps);
  void report_lost_bits();
  void tear(uint64_t now_ps);
  void update_irq();
  bool busy() const { return operation_ != Operation::none; }

  FlashConfig config_;
  EventQueue& queue_;
  IrqSink& irq_;
  uint32_t line_;
  FindingSink& findings_;
  FindingSink& array_findings_;
  EventQueue::ClientId client_;
  RegBank bank_;
  FlashArray array_;
  Mapped mapped_{*this};
  BusAccess* access_ = nullptr;  ///< being served, for findings; not state
  uint64_t now_ps_ = 0;
  std::vector<uint8_t> buffer_;  ///< of the next program
  std::vector<uint8_t> data_;    ///< of the one that runs
  Operation operation_ = Operation::none;
  uint64_t operation_address_ = 0, started_ps_ = 0, ends_ps_ = 0;
  bool write_enabled_ = false;
  bool level_ = false;
  uint64_t programs_ = 0, erases_ = 0;
};

}  // namespace backboard
