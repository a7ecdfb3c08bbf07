// A guest program under Debian's qemu-system-riscv32, when that is installed.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace backboard {

/// How a program went under QEMU.
struct QemuRun {
  double cpu_seconds = 0.0;  ///< user and system time of the process, its start included
  std::string output;        ///< of the UART
};

bool qemu_installed();

/// Runs an RV32 ELF on `qemu-system-riscv32 -M virt -bios none -icount shift=0`, with `value` as the 64-bit word at
/// `address` from the start. Throws InputError when QEMU does not end with exit code 0.
QemuRun run_in_qemu(std::span<const uint8_t> elf, uint64_t address, uint64_t value);

}  // namespace backboard
