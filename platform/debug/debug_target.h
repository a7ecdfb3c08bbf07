// What the command interpreter needs of a machine: one hart, its registers, memory, and points at which it stops.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backboard {

/// Numbers of registers as gdb's RISC-V target counts them.
namespace gdb_register {
inline constexpr unsigned kPc = 32;
inline constexpr unsigned kFirstF = 33;
inline constexpr unsigned kFirstCsr = 65;                 ///< plus the CSR's number
inline constexpr unsigned kPrivilege = kFirstCsr + 4096;  ///< 3 in machine mode, 0 in user mode
inline constexpr unsigned kLast = kPrivilege;
inline constexpr unsigned kStackPointer = 2;
}  // namespace gdb_register

struct DebugCsr {
  unsigned number = 0;
  std::string name;
};

enum class DebugMemory : uint8_t { ram, rom };

/// Part of the memory map. Registers of devices are `ram`: gdb may look at them.
struct DebugRegion {
  DebugMemory kind = DebugMemory::ram;
  uint64_t first = 0;
  uint64_t size_bytes = 0;
};

enum class DebugWatch : uint8_t { write, read, access };

/// The debugger's word for a breakpoint; to the machine both are the same.
enum class DebugBreak : uint8_t { software, hardware };

/// Why the machine stands.
struct DebugStop {
  enum class Kind : uint8_t {
    signal,      ///< a step is done (SIGTRAP), Ctrl-C (SIGINT), or the machine cannot go on (SIGABRT)
    breakpoint,  ///< before the instruction at pc; `point` says which kind
    watchpoint,  ///< behind the instruction that touched `address`
    exited,      ///< the run is over
  };
  Kind kind = Kind::signal;
  uint8_t signal = 5;  ///< gdb's number
  uint64_t address = 0;
  DebugWatch watch = DebugWatch::write;
  uint8_t exit_code = 0;
  DebugBreak point = DebugBreak::software;
};

/// A halted machine. Nothing here lets simulated time pass or has side effects in devices.
class DebugTarget {
 public:
  virtual ~DebugTarget() = default;

  virtual unsigned width_bits() const = 0;
  /// Of a floating-point register: 32 or 64.
  virtual unsigned float_bits() const = 0;
  /// All CSRs with names, by number, for target.xml.
  virtual std::vector<DebugCsr> csrs() = 0;
  /// Nothing, or false, for numbers (gdb_register) that the machine does not have.
  virtual std::optional<uint64_t> read_register(unsigned number) = 0;
  virtual bool write_register(unsigned number, uint64_t value) = 0;

  /// False when one of the addresses does not answer or refuses.
  virtual bool read_memory(uint64_t address, std::span<uint8_t> bytes) = 0;
  virtual bool write_memory(uint64_t address, std::span<const uint8_t> bytes) = 0;
  virtual std::vector<DebugRegion> memory_map() = 0;

  /// Insert or remove; both may be repeated. False when there is no room for another one.
  virtual bool set_breakpoint(DebugBreak kind, uint64_t address, bool present) = 0;
  virtual bool set_watchpoint(DebugWatch kind, uint64_t address, uint64_t size_bytes, bool present) = 0;
  virtual void remove_all_points() = 0;

  /// The answer to `monitor COMMAND`, in lines.
  virtual std::string monitor(std::string_view command) = 0;
};

}  // namespace backboard
