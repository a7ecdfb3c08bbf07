#include <algorithm>
#include <array>
#include <cstring>

#include "platform/check/check.h"
#include "platform/cli/benchmarks.h"
#include "platform/run/board_session.h"
#include "platform/soc/board.h"

namespace backboard {
namespace {

class NoOutput final : public CharacterSink {
 public:
  void put(uint8_t, uint64_t) override {}
};

constexpr uint64_t kProgramAddress = 0x80000000;

// Eight instructions of integer arithmetic and a loop (RISC-V unprivileged ISA, RV32I).
constexpr std::array<uint32_t, 8> kArithmetic{
    0x00150513,  // addi a0, a0, 1
    0x00a5c5b3,  // xor a1, a1, a0
    0x00359613,  // slli a2, a1, 3
    0x00c506b3,  // add a3, a0, a2
    0x40b68733,  // sub a4, a3, a1
    0x00e677b3,  // and a5, a2, a4
    0x00f56833,  // or a6, a0, a5
    0xfe5ff06f,  // jal x0, -28
};

// The same with memory: a word is loaded, changed and stored.
constexpr std::array<uint32_t, 8> kMemory{
    0x80001537,  // lui a0, 0x80001
    0x00052583,  // lw a1, 0(a0)
    0x00158593,  // addi a1, a1, 1
    0x00b52023,  // sw a1, 0(a0)
    0x00452603,  // lw a2, 4(a0)
    0x00b60633,  // add a2, a2, a1
    0x00c52223,  // sw a2, 4(a0)
    0xfe9ff06f,  // jal x0, -24
};

}  // namespace

std::vector<Measurement> measure_core() {
  static constexpr uint64_t kInstructions = 200'000'000;
  NoOutput output;
  Board board(BoardConfig{}, {output, output});
  std::vector<Measurement> measurements;
  uint64_t limit = 0;
  for (const auto& [name, program] :
       {std::pair{"arithmetic loop", kArithmetic}, std::pair{"load/store loop", kMemory}}) {
    const uint64_t address = kProgramAddress + measurements.size() * 0x100;
    std::vector<uint8_t> bytes(sizeof program);
    std::memcpy(bytes.data(), program.data(), bytes.size());
    BB_CHECK(board.write_memory(address, bytes), "the default board has DRAM at {:#x}", address);
    limit += kInstructions;
    board.set_instruction_limit(limit);
    if (measurements.empty()) {
      board.start(address);
    } else {
      board.core().set_pc(address);
      board.core().resume();
    }
    const SessionResult result = run_session(board, {});
    measurements.push_back({name, static_cast<double>(kInstructions) / result.wall_seconds / 1e6, "MIPS", ""});
    if (result.interrupted) break;
  }
  return measurements;
}

}  // namespace backboard
