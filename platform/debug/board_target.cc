#include "platform/debug/board_target.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "platform/check/check.h"
#include "platform/regs/blocks.h"

namespace backboard {
namespace {

constexpr uint8_t kSigTrap = 5, kSigAbort = 6;
constexpr uint64_t kMachine = 3, kUser = 0;  // Privileged ISA, table "RISC-V privilege levels"
constexpr unsigned kMstatus = 0x300, kMie = 0x304, kMip = 0x344;

struct CsrRange {
  const char* name;
  unsigned number;
  unsigned first_index;
  unsigned count;
};

// Names in csrs.def of the ranges end in the index of their first, those of the high halves in the index and "h".
constexpr CsrRange kRanges[] = {{"pmpcfg", 0x3a0, 0, 16},
                                {"pmpaddr", 0x3b0, 0, 64},
                                {"mhpmevent", 0x323, 3, 29},
                                {"mhpmcounter", 0xb03, 3, 29},
                                {"hpmcounter", 0xc03, 3, 29}};
constexpr CsrRange kHighRanges[] = {{"mhpmcounter", 0xb83, 3, 29}, {"hpmcounter", 0xc83, 3, 29}};

struct InfoBlock {
  const char* name;
  Place place;
};
constexpr InfoBlock kInfoBlocks[] = {{"npu", Place::kNPU},           {"uart", Place::kUART},
                                     {"clint", Place::kCLINT},       {"dma", Place::kDMA},
                                     {"watchdog", Place::kWATCHDOG}, {"flash", Place::kFLASH_CTRL}};

const char* const kHelp =
    "reset           reset the board: the program is loaded again, and starts when it goes on\n"
    "info npu        registers of the NPU, read without side effects\n"
    "info irq        interrupt state of the core and the PLIC\n"
    "info dram       counters of the DRAM\n"
    "info uart, info clint, info dma, info watchdog, info flash    registers of the other devices\n"
    "time            simulated time and retired instructions\n"
    "trace on        write every instruction to the file of --trace, until `trace off`; also `trace status`\n";

struct NamedCsr {
  const char* name;
  unsigned number;
};
constexpr NamedCsr kCsrs[] = {
#define CSR(name, number) {#name, (number)},
#include "platform/cpu/csrs.def"
};

std::string lower(const char* text) {
  std::string result = text;
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool starts_a_range(unsigned number) {
  const auto starts = [number](const CsrRange& range) { return range.number == number; };
  return std::any_of(std::begin(kRanges), std::end(kRanges), starts) ||
         std::any_of(std::begin(kHighRanges), std::end(kHighRanges), starts);
}

WatchKind kind_of_watch(DebugWatch kind) {
  switch (kind) {
    case DebugWatch::write:
      return WatchKind::write;
    case DebugWatch::read:
      return WatchKind::read;
    case DebugWatch::access:
      return WatchKind::access;
  }
  return WatchKind::access;
}

DebugWatch watch_of_kind(WatchKind kind) {
  switch (kind) {
    case WatchKind::write:
      return DebugWatch::write;
    case WatchKind::read:
      return DebugWatch::read;
    case WatchKind::access:
      return DebugWatch::access;
  }
  return DebugWatch::access;
}

}  // namespace

std::vector<DebugCsr> BoardTarget::csrs() {
  std::vector<DebugCsr> list;
  const auto add = [&](unsigned number, const std::string& name) {
    if (board_.core().csr(number)) list.push_back({number, name});
  };
  for (const NamedCsr& csr : kCsrs) {
    if (!starts_a_range(csr.number)) add(csr.number, lower(csr.name));
  }
  for (const CsrRange& range : kRanges) {
    for (unsigned i = 0; i < range.count; ++i) {
      add(range.number + i, fmt::format("{}{}", range.name, range.first_index + i));
    }
  }
  for (const CsrRange& range : kHighRanges) {
    for (unsigned i = 0; i < range.count; ++i) {
      add(range.number + i, fmt::format("{}{}h", range.name, range.first_index + i));
    }
  }
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return list;
}

std::optional<uint64_t> BoardTarget::read_register(unsigned number) {
  Core& core = board_.core();
  if (number < gdb_register::kPc) return core.x(number);
  if (number == gdb_register::kPc) return core.pc();
  if (number < gdb_register::kFirstCsr) return core.f(number - gdb_register::kFirstF);
  if (number == gdb_register::kPrivilege) return core.machine_mode() ? kMachine : kUser;
  return number <= gdb_register::kLast ? core.csr(number - gdb_register::kFirstCsr) : std::nullopt;
}

bool BoardTarget::write_register(unsigned number, uint64_t value) {
  Core& core = board_.core();
  if (number < gdb_register::kPc) {
    core.set_x(number, value);
  } else if (number == gdb_register::kPc) {
    if (value != core.pc()) core.set_pc(value);
  } else if (number < gdb_register::kFirstCsr) {
    core.set_f(number - gdb_register::kFirstF, value);
  } else {
    return number < gdb_register::kPrivilege && core.set_csr(number - gdb_register::kFirstCsr, value);
  }
  return true;
}

bool BoardTarget::read_memory(uint64_t address, std::span<uint8_t> bytes) {
  if (memory().peek(address, bytes)) return true;
  // Registers answer one at a time.
  if (address % 4 != 0 || bytes.size() % 4 != 0 || bytes.size() == 4) return false;
  for (size_t i = 0; i < bytes.size(); i += 4) {
    if (!memory().peek(address + i, bytes.subspan(i, 4))) return false;
  }
  return true;
}

bool BoardTarget::write_memory(uint64_t address, std::span<const uint8_t> bytes) {
  return memory().poke(address, bytes);
}

std::vector<DebugRegion> BoardTarget::memory_map() {
  std::vector<DebugRegion> regions;
  for (size_t i = 0; i < kPlaces; ++i) {
    const auto place = static_cast<Place>(i);
    const PlaceConfig& where = board_.map()[place];
    const bool rom = place == Place::kROM || place == Place::kFLASH;
    regions.push_back({rom ? DebugMemory::rom : DebugMemory::ram, where.base, where.size_bytes});
  }
  return regions;
}

bool BoardTarget::set_breakpoint(DebugBreak kind, uint64_t address, bool present) {
  std::vector<uint64_t>& list = breakpoints_[static_cast<unsigned>(kind)];
  const auto found = std::find(list.begin(), list.end(), address);
  if ((found != list.end()) == present) return true;
  if (!present) {
    list.erase(found);
  } else if (list.size() < kMaxBreakpoints) {
    list.push_back(address);
  } else {
    return false;
  }
  std::vector<uint64_t> all = breakpoints_[0];
  all.insert(all.end(), breakpoints_[1].begin(), breakpoints_[1].end());
  board_.core().set_breakpoints(all);
  return true;
}

bool BoardTarget::set_watchpoint(DebugWatch kind, uint64_t address, uint64_t size_bytes, bool present) {
  const Watchpoint wanted{address, address + (size_bytes - 1), kind_of_watch(kind)};
  const auto found = std::find_if(watchpoints_.begin(), watchpoints_.end(), [&](const Watchpoint& watch) {
    return watch.first == wanted.first && watch.last == wanted.last && watch.kind == wanted.kind;
  });
  if ((found != watchpoints_.end()) == present) return true;
  if (!present) {
    watchpoints_.erase(found);
  } else if (watchpoints_.size() < kMaxWatchpoints) {
    watchpoints_.push_back(wanted);
  } else {
    return false;
  }
  board_.core().set_watchpoints(watchpoints_);
  return true;
}

void BoardTarget::remove_all_points() {
  for (auto& list : breakpoints_) list.clear();
  watchpoints_.clear();
  board_.core().set_breakpoints({});
  board_.core().set_watchpoints({});
  board_.core().set_stepping(false);
}

DebugStop BoardTarget::stop_of(const BoardResult& result) const {
  DebugStop stop;
  stop.signal = kSigTrap;
  switch (result.stop) {
    case BoardStop::debugger:
      if (board_.core().stop_reason() == StopReason::breakpoint) {
        const auto& hard = breakpoints_[static_cast<unsigned>(DebugBreak::hardware)];
        const bool known = std::find(hard.begin(), hard.end(), board_.core().pc()) != hard.end();
        stop.kind = DebugStop::Kind::breakpoint;
        stop.point = known ? DebugBreak::hardware : DebugBreak::software;
      }
      if (board_.core().stop_reason() == StopReason::watchpoint) {
        const WatchHit hit = board_.core().watch_hit();
        stop.kind = DebugStop::Kind::watchpoint;
        stop.address = hit.address;
        stop.watch = watch_of_kind(hit.kind);
      }
      break;
    case BoardStop::lockup:
    case BoardStop::deadlock:
    case BoardStop::instruction_limit:
    case BoardStop::time_limit:
      stop.signal = kSigAbort;  // the run is over for the program, but worth looking at
      break;
    case BoardStop::none:
    case BoardStop::finisher:
    case BoardStop::tohost:
    case BoardStop::semihosting:
    case BoardStop::reset:
    case BoardStop::watchdog:
    case BoardStop::interrupted:
      stop.kind = DebugStop::Kind::exited;
      stop.exit_code = static_cast<uint8_t>(result.exit_code);
      break;
  }
  return stop;
}

std::string BoardTarget::registers_text(const char* block, Place place) {
  const PlacedBlock* placed = find_block(block);
  BB_CHECK(placed, "{}", block);
  std::string text;
  std::vector<uint64_t> shown;  // the first of those that share an address, as the banks of the UART do
  for (const RegisterInfo& reg : placed->block->registers) {
    for (unsigned i = 0; i < reg.count; ++i) {
      const uint64_t address = board_.map()[place].base + reg.offset + uint64_t{i} * reg.stride_bytes;
      const bool again = std::find(shown.begin(), shown.end(), address) != shown.end();
      if (again || reg.access == RegisterAccess::WO) continue;
      shown.push_back(address);
      uint8_t bytes[4] = {};
      if (!memory().peek(address, {bytes, reg.width_bytes})) continue;
      uint32_t value = 0;
      std::memcpy(&value, bytes, sizeof value);
      if (reg.count > 1 && value == 0) continue;
      const std::string index = reg.count > 1 ? fmt::format("[{}]", i) : "";
      text += fmt::format("{:#010x} {:<28} {:#010x}\n", address, std::string(reg.name) + index, value);
    }
  }
  return text;
}

std::string BoardTarget::interrupts_text() {
  Core& core = board_.core();
  return fmt::format("mstatus {:#010x}, mie {:#010x}, mip {:#010x}\n", core.csr(kMstatus).value_or(0),
                     core.csr(kMie).value_or(0), core.csr(kMip).value_or(0)) +
         registers_text("plic", Place::kPLIC);
}

std::string BoardTarget::dram_text() {
  static constexpr std::string_view kPrefix = "dram.";
  std::string text;
  const StatsTree tree = board_.stats();
  for (const auto& [path, stat] : tree.all()) {
    if (std::string_view(path).substr(0, kPrefix.size()) != kPrefix) continue;
    text += path + " = ";
    text += std::visit([](auto value) { return fmt::format("{}", value); }, stat.value);
    text += " " + stat.unit + "\n";
  }
  return text;
}

std::string BoardTarget::trace(std::string_view what) {
  if (!trace_) return "error: there is no file to trace to: start the program with --trace FILE\n";
  if (what == "on" || what == "off") trace_->set(what == "on");
  if (what == "on" || what == "off" || what == "status") {
    return fmt::format("trace is {}: {}, {} lines\n", trace_->on() ? "on" : "off", trace_->path(), trace_->lines());
  }
  return "error: expected trace on, trace off or trace status\n";
}

std::string BoardTarget::info(std::string_view what) {
  if (what == "irq") return interrupts_text();
  if (what == "dram") return dram_text();
  for (const InfoBlock& block : kInfoBlocks) {
    if (what == block.name) return registers_text(block.name, block.place);
  }
  std::string known = "irq, dram";
  for (const InfoBlock& block : kInfoBlocks) known += fmt::format(", {}", block.name);
  return fmt::format("error: info of '{}'; known: {}\n", what, known);
}

std::string BoardTarget::monitor(std::string_view command) {
  const size_t space = command.find(' ');
  const std::string_view word = command.substr(0, space);
  const std::string_view what = space == std::string_view::npos ? "" : command.substr(space + 1);
  if (word == "info") return info(what);
  if (word == "trace") return trace(what);
  if (command == "help") return kHelp;
  if (command == "time") {
    return fmt::format("{} ps, {} instructions\n", std::max(board_.time_ps(), board_.core().time_ps()),
                       board_.core().statistics().instructions);
  }
  if (command == "reset") {
    board_.reset();
    was_reset_ = true;
    return "the board stands at its reset vector; tell gdb: maintenance flush register-cache\n";
  }
  return fmt::format("error: unknown command '{}'; see monitor help\n", command);
}

}  // namespace backboard
