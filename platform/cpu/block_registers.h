// Which of the guest's integer registers are in the host's while a compiled block runs: what the block compiler knows
// at one place of the block, and what it asks before it gives a register of the host away.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "platform/cpu/decode.h"

namespace backboard {

/// Which of rs1, rs2 and rd of an instruction name x registers that it reads and writes.
struct IntegerOperands {
  bool rs1 = false;
  bool rs2 = false;
  bool rd = false;
};
IntegerOperands integer_operands(InstructionId id);
/// The instruction may leave its block, or call the core: somebody may look at all registers.
bool may_leave(InstructionId id);

/// Where a block of RV32 reads and writes each x register: a bit for each of its operations, the first one's lowest.
class RegisterUses {
 public:
  static constexpr unsigned kRegisters = kDiscardRegister + 1u;

  explicit RegisterUses(std::span<const Operation> operations);
  uint64_t reads(unsigned x) const { return reads_[x]; }
  uint64_t writes(unsigned x) const { return writes_[x]; }
  /// Both, from operation `from` on, which is bit 0.
  uint64_t accesses(unsigned x, unsigned from) const { return from < 64 ? (reads_[x] | writes_[x]) >> from : 0; }
  unsigned count(unsigned x) const { return static_cast<unsigned>(std::popcount(reads_[x] | writes_[x])); }
  /// How many registers the block reads or writes.
  unsigned registers() const;
  /// The block reads what was in x before it.
  bool comes_in(unsigned x) const {
    return reads_[x] != 0 && std::countr_zero(reads_[x]) <= std::countr_zero(writes_[x]);
  }
  /// What is in x before operation `from` is overwritten before anybody looks: not read, and no operation until then
  /// can leave the block or call the core.
  bool is_dead(unsigned x, unsigned from) const;

 private:
  std::array<uint64_t, kRegisters> reads_{}, writes_{};
  uint64_t leaves_ = 0;  ///< operations that may leave the block or call the core
};

/// What is where. A guest register is in a register of the host, or a known constant that is nowhere yet, or in memory.
class RegisterPlaces {
 public:
  static constexpr unsigned kHosts = 10;
  static constexpr uint8_t kNowhere = 0xff;
  using Guests = std::array<uint8_t, kHosts>;  ///< by register of the host; 0: none

  RegisterPlaces() { host_.fill(kNowhere); }
  bool held(unsigned x) const { return host_[x] != kNowhere; }
  unsigned host(unsigned x) const { return host_[x]; }
  unsigned guest(unsigned host) const { return guests_[host]; }
  const Guests& guests() const { return guests_; }
  /// Its place in memory is out of date.
  bool stale(unsigned x) const { return (stale_ >> x & 1) != 0; }
  uint64_t stale() const { return stale_; }
  bool known(unsigned x) const { return (known_ >> x & 1) != 0; }
  uint32_t value(unsigned x) const { return values_[x]; }

  void put(unsigned x, unsigned host) {
    host_[x] = static_cast<uint8_t>(host);
    guests_[host] = static_cast<uint8_t>(x);
  }
  void drop(unsigned x) {
    if (held(x)) guests_[host_[x]] = 0;
    host_[x] = kNowhere;
  }
  void set_stale(unsigned x, bool stale) { stale_ = (stale_ & ~(uint64_t{1} << x)) | uint64_t{stale} << x; }
  void make_known(unsigned x, uint32_t value) {
    known_ |= uint64_t{1} << x;
    values_[x] = value;
  }
  void forget_value(unsigned x) { known_ &= ~(uint64_t{1} << x); }

 private:
  Guests guests_{};
  std::array<uint8_t, RegisterUses::kRegisters> host_{};
  std::array<uint32_t, RegisterUses::kRegisters> values_{};
  uint64_t stale_ = 0;
  uint64_t known_ = 0x1;  // x0 is zero
};

/// The registers that a block which jumps to itself keeps from one turn to the next. `usual`: what a block finds where
/// it is entered, `hosts`: registers of the host that may be used, one bit each.
RegisterPlaces::Guests choose_loop_registers(const RegisterUses& uses, const RegisterPlaces::Guests& usual,
                                             unsigned hosts);

}  // namespace backboard
