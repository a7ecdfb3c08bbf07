// Small programs for tests of the board, made from instructions.
#pragma once

#include <cstring>

#include "platform/bus/memory_map.h"
#include "platform/soc/board.h"
#include "tests/support/rv_asm.h"

namespace backboard::test {

inline constexpr uint32_t kProgramBase = 0x80000000;
inline constexpr uint32_t kFinisher = 0x00100000, kClint = 0x02000000, kPlic = 0x0C000000, kUart = 0x10000000,
                          kWatchdog = 0x10030000;

/// A program that is assembled at kProgramBase. Register use: x5 to x7 are scratch of the helpers.
class BoardProgram : public rv::Program {
 public:
  uint32_t address() const { return kProgramBase + here(); }
  BoardProgram& store(uint32_t target, uint32_t value) {
    li(5, target).li(6, value);
    *this << rv::sw(6, 0, 5);
    return *this;
  }
  BoardProgram& store_byte(uint32_t target, uint32_t value) {
    li(5, target).li(6, value);
    *this << rv::sb(6, 0, 5);
    return *this;
  }
  BoardProgram& finish(uint32_t value = 0x5555) {
    store(kFinisher, value);
    *this << rv::jal(0, 0);
    return *this;
  }
  /// The timer interrupt at `ticks` of mtime, with mie.MTIE set.
  BoardProgram& timer_at(uint32_t ticks) {
    store(kClint + 0x4004, 0).store(kClint + 0x4000, ticks);
    li(5, 0x80);
    *this << rv::csrrs(0, 0x304, 5);
    return *this;
  }

  /// Echoes received bytes, one an interrupt, until 'q'; sleeps in between.
  static BoardProgram echo() {
    BoardProgram p;
    p.store(kPlic + 4 * 10, 1).store(kPlic + 0x2000, 1u << 10).store_byte(kUart + 1, 1);
    p.li(5, 0x800);
    p << rv::csrrs(0, 0x304, 5);  // mie.MEIE; mstatus.MIE stays clear: WFI wakes without a trap
    p.li(8, kPlic + 0x200004).li(9, kUart);
    p << rv::addi(12, 0, 'q');
    const uint32_t loop = p.here();
    p << rv::wfi() << rv::lw(10, 8, 0) << rv::lbu(11, 9, 0) << rv::sb(11, 0, 9) << rv::sw(10, 0, 8);
    p << rv::bne(11, 12, static_cast<int32_t>(loop) - static_cast<int32_t>(p.here()));
    p.finish();
    return p;
  }
};

/// Where `boots_then` counts boots, and notes their causes.
inline constexpr uint32_t kBoots = 0x80100000, kCauses = 0x80100010;

/// Counts the boot in DRAM, notes its cause, and runs `first` (address-independent) in the first `boots` boots, else
/// `then`.
inline BoardProgram boots_then(unsigned boots, const BoardProgram& first, const BoardProgram& then) {
  BoardProgram p;
  p.li(8, kBoots).li(9, kWatchdog + 0x1C);
  p << rv::lw(10, 8, 0) << rv::addi(11, 10, 1) << rv::sw(11, 0, 8);
  p << rv::lw(12, 9, 0) << rv::slli(13, 10, 2) << rv::add(13, 13, 8) << rv::sw(12, 0x10, 13);
  p.li(14, static_cast<uint32_t>(boots));
  const auto then_bytes = static_cast<int32_t>(then.bytes().size());
  p << rv::blt(10, 14, 4 + then_bytes);
  for (const BoardProgram* part : {&then, &first}) {
    for (size_t i = 0; i < part->bytes().size(); i += 4) {
      uint32_t word = 0;
      std::memcpy(&word, part->bytes().data() + i, 4);
      p << word;
    }
  }
  return p;
}

/// A board with a program in DRAM, started.
struct BoardBench {
  explicit BoardBench(const BoardProgram& program, const BoardConfig& config = {}) : board(config, {uart, console}) {
    load(program);
    board.start(kProgramBase);
  }
  struct ForRestore {};
  BoardBench(const BoardConfig& config, ForRestore) : board(config, {uart, console}) {}

  void load(const BoardProgram& program) {
    if (!board.write_memory(kProgramBase, program.bytes())) std::abort();
  }
  uint32_t word(uint64_t address) {
    uint32_t value = 0;
    if (!board.read_memory(address, {reinterpret_cast<uint8_t*>(&value), 4})) std::abort();
    return value;
  }

  MemorySink uart, console;
  Board board;
};

}  // namespace backboard::test
