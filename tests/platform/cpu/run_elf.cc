// Runs bare-metal ELF files on a core with flat memory, without a board: `run_elf FILE...`. A program ends by tohost.
// Prints a line per file; exit code 1 when one did not pass. For conformance runs and for measuring the core's speed.
#include <cstdio>
#include <ctime>

#include "platform/cpu/tohost.h"
#include "platform/elf/elf_file.h"
#include "tests/support/flat_board.h"

namespace {

using namespace backboard;

constexpr uint64_t kInstructionLimit = 20'000'000'000;
constexpr size_t kRamBytes = 64 << 20;

class FixedTime final : public TimeSource {
 public:
  uint64_t mtime_at(uint64_t time_ps) const override { return time_ps / 100'000; }
};

bool run_file(const char* path) {
  const ElfFile elf = ElfFile::load(path);
  test::FlatBus bus(0x80000000, kRamBytes);
  EventQueue queue;
  CoreConfig config;
  config.isa = isa_of_width(elf.width_bits());
  const auto core = make_core(config, bus, queue);
  const FixedTime time;
  core->set_time_source(&time);
  for (const ElfSegment& segment : elf.segments()) {
    if (!bus.in_ram(segment.physical_address, segment.memory_bytes)) {
      std::printf("%s: segment outside RAM\n", path);
      return false;
    }
    std::copy(segment.bytes.begin(), segment.bytes.end(), bus.at(segment.physical_address));
  }
  TohostWatch watch(*core, elf.symbol("tohost").value_or(0));
  watch.arm();
  bus.on_access = [&](const BusAccess& access) {
    if (access.op == BusOp::write && !access.debug) watch.on_write(access.address, access.data, access.size);
  };
  core->set_instruction_limit(kInstructionLimit);
  const std::clock_t start = std::clock();  // processor time: other programs do not count
  core->start(elf.entry());
  test::run_board(queue, *core);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  const CoreStatistics statistics = core->statistics();
  const bool passed = watch.exit_code() == 0;
  std::printf("%s: %s code %d, %llu instructions, %llu cycles, %.1f MIPS\n", path, passed ? "passed" : "FAILED",
              watch.exit_code().value_or(-1), static_cast<unsigned long long>(statistics.instructions),
              static_cast<unsigned long long>(core->time_ps() / 5000),
              static_cast<double>(statistics.instructions) / seconds / 1e6);
  return passed;
}

}  // namespace

int main(int argc, char** argv) {
  int failed = 0;
  for (int i = 1; i < argc; ++i) {
    try {
      failed += !run_file(argv[i]);
    } catch (const InputError& error) {
      std::printf("%s\n", error.what());
      ++failed;
    }
  }
  std::printf("%d of %d passed\n", argc - 1 - failed, argc - 1);
  return failed ? 1 : 0;
}
