#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstring>
#include <string>
#include <vector>

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
const std::vector<uint32_t> kArithmetic{
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
const std::vector<uint32_t> kMemory{
    0x80001537,  // lui a0, 0x80001
    0x00052583,  // lw a1, 0(a0)
    0x00158593,  // addi a1, a1, 1
    0x00b52023,  // sw a1, 0(a0)
    0x00452603,  // lw a2, 4(a0)
    0x00b60633,  // add a2, a2, a1
    0x00c52223,  // sw a2, 4(a0)
    0xfe9ff06f,  // jal x0, -24
};

// 64 KiB are copied, two words a turn: with caches of 16 KiB every line misses.
const std::vector<uint32_t> kCopy{
    0x80100537,  // lui a0, 0x80100
    0x801105b7,  // lui a1, 0x80110
    0x80110637,  // lui a2, 0x80110
    0x00052683,  // lw a3, 0(a0)
    0x00452703,  // lw a4, 4(a0)
    0x00d5a023,  // sw a3, 0(a1)
    0x00e5a223,  // sw a4, 4(a1)
    0x00850513,  // addi a0, a0, 8
    0x00858593,  // addi a1, a1, 8
    0xfec514e3,  // bne a0, a2, -24
    0xfd9ff06f,  // jal x0, -40
};

struct Guest {
  const char* name;
  const std::vector<uint32_t>* program;
};
const Guest kGuests[] = {{"arithmetic loop", &kArithmetic}, {"load/store loop", &kMemory}, {"copy of 64 KiB", &kCopy}};

struct CacheMode {
  const char* name;
  bool enabled;
  bool data;
};
constexpr CacheMode kCacheModes[] = {{"no caches", false, false}, {"tags", true, false}, {"data", true, true}};

constexpr uint64_t kInstructions = 100'000'000;

/// Guest MIPS of each program on a board of its own.
std::vector<double> measure_board(const CacheMode& mode) {
  NoOutput output;
  BoardConfig config;
  config.core.code_cache.enabled = config.core.data_cache.enabled = mode.enabled;
  config.core.code_cache.data = config.core.data_cache.data = mode.data;
  Board board(config, {output, output});
  std::vector<double> mips;
  uint64_t limit = 0;
  for (const Guest& guest : kGuests) {
    const uint64_t address = kProgramAddress + mips.size() * 0x100;
    std::vector<uint8_t> bytes(guest.program->size() * sizeof(uint32_t));
    std::memcpy(bytes.data(), guest.program->data(), bytes.size());
    BB_CHECK(board.write_memory(address, bytes), "the default board has DRAM at {:#x}", address);
    limit += kInstructions;
    board.set_instruction_limit(limit);
    if (mips.empty()) {
      board.start(address);
    } else {
      board.core().set_pc(address);
      board.core().resume();
    }
    const SessionResult result = run_session(board, {});
    mips.push_back(static_cast<double>(kInstructions) / result.wall_seconds / 1e6);
    if (result.interrupted) break;
  }
  return mips;
}

/// The same in a child process: one board a process. Fewer figures when it was interrupted.
std::vector<double> measure_in_child(const CacheMode& mode) {
  int ends[2];
  BB_CHECK(pipe(ends) == 0, "{}", std::strerror(errno));
  const pid_t child = fork();
  BB_CHECK(child >= 0, "{}", std::strerror(errno));
  if (child == 0) {
    const std::vector<double> mips = measure_board(mode);
    const size_t size_bytes = mips.size() * sizeof(double);
    _exit(write(ends[1], mips.data(), size_bytes) == static_cast<ssize_t>(size_bytes) ? 0 : 1);
  }
  close(ends[1]);
  double figures[std::size(kGuests)];
  const ssize_t received = read(ends[0], figures, sizeof figures);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  BB_CHECK(received >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0, "the measuring process ended with {:#x}",
           status);
  return {figures, figures + static_cast<size_t>(received) / sizeof(double)};
}

}  // namespace

std::vector<Measurement> measure_core() {
  std::vector<Measurement> measurements;
  std::vector<double> without;
  for (const CacheMode& mode : kCacheModes) {
    const std::vector<double> mips = measure_in_child(mode);
    for (size_t i = 0; i < mips.size(); ++i) {
      const bool compared = i < without.size();
      measurements.push_back({fmt::format("{}, {}", kGuests[i].name, mode.name), mips[i], "MIPS",
                              compared ? fmt::format("{:.2f} x without caches", mips[i] / without[i]) : ""});
    }
    if (mips.size() < std::size(kGuests)) break;
    if (without.empty()) without = mips;
  }
  return measurements;
}

}  // namespace backboard
