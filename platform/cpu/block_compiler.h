// Translates one block to x86-64.
#pragma once

#include <asmjit/x86.h>

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "platform/cpu/access_groups.h"
#include "platform/cpu/block_registers.h"
#include "platform/cpu/compiled_code.h"
#include "platform/cpu/division_plan.h"
#include "platform/cpu/operation_order.h"
#include "platform/cpu/operation_plan.h"

namespace backboard {

/// Registers of the host while compiled code runs. rax and all of SSE are temporary, rcx and rdx too where a block
/// needs them so.
namespace host {
inline constexpr asmjit::x86::Gp kX = asmjit::x86::rbp;      ///< x[0]
inline constexpr asmjit::x86::Gp kClock = asmjit::x86::r13;  ///< CompiledReturn::clock
/// Home memory: host address minus guest address. With a data cache: the same of most lines without data, or where the
/// data of the first slot lie (BlockCompiler::place_of_line).
inline constexpr asmjit::x86::Gp kHome = asmjit::x86::r14;
inline constexpr asmjit::x86::Gp kTable =
    asmjit::x86::r15;  ///< DataPath::home_pages, with a data cache DataPath::Table::granules
/// Hold registers of the guest. From one block to the next the first eight hold x10 to x17, the arguments of functions,
/// which inner loops use most; within a block they are given away (block_compiler_registers.cc).
inline constexpr std::array kHosts = {asmjit::x86::ebx, asmjit::x86::esi,  asmjit::x86::edi,  asmjit::x86::r8d,
                                      asmjit::x86::r9d, asmjit::x86::r10d, asmjit::x86::r11d, asmjit::x86::r12d,
                                      asmjit::x86::ecx, asmjit::x86::edx};
static_assert(kHosts.size() == RegisterPlaces::kHosts);
inline constexpr unsigned kFirstPinned = 10;
inline constexpr unsigned kPinned = 8;
}  // namespace host

/// One compilation. Emits into an assembler whose code is placed where CodeMemory will put it.
class BlockCompiler {
 public:
  BlockCompiler(asmjit::x86::Assembler& assembler, CompiledCode& code, CompiledBlock& block, const CompiledData& data)
      : a_(assembler),
        code_(code),
        places_(code.places_),
        block_(block),
        data_(data),
        operations_(plan_operations(in_program_order({block.block.operations, block.block.count}))),
        uses_(operations_) {}

  /// Emits the whole block.
  void emit();
  asmjit::Label entry, body;
  /// An end of the block that jumps to an address known now.
  struct End {
    bool used = false;
    uint32_t next = 0;
    asmjit::Label out;  ///< taken while it leads to no compiled block
  };
  End ends[2];

 private:
  using Gp = asmjit::x86::Gp;
  using Mem = asmjit::x86::Mem;

  /// Offset from x[0] of a member of the core.
  int32_t displacement(const void* member) const {
    return static_cast<int32_t>(static_cast<const uint8_t*>(member) - reinterpret_cast<const uint8_t*>(places_.x));
  }
  /// In its place from one block to the next.
  static bool usual(unsigned x) { return x >= host::kFirstPinned && x < host::kFirstPinned + host::kPinned; }
  bool held(unsigned x) const { return places_now_.held(x); }
  Gp home_of(unsigned x) const { return host::kHosts[places_now_.host(x)]; }
  bool known(unsigned x) const { return places_now_.known(x); }
  int32_t value_of(unsigned x) const { return static_cast<int32_t>(places_now_.value(x)); }
  static Mem x_place(unsigned x) { return asmjit::x86::dword_ptr(host::kX, static_cast<int32_t>(4 * x)); }
  Mem f_place(unsigned f) const {
    return asmjit::x86::dword_ptr(host::kX, displacement(places_.f) + static_cast<int32_t>(4 * f));
  }
  uint32_t pc_of(const Operation& op) const { return static_cast<uint32_t>(block_.block.pc()) + op.pc_offset; }

  void load_x(Gp to, unsigned x);
  void store_x(unsigned x, Gp from);
  void set_x(unsigned x, uint32_t value);
  /// Whether eax holds what x is: the result of the operation before, as long as eax was not written to since.
  bool at_hand(unsigned x) const { return x != 0 && x == at_hand_; }
  /// load_x that looks at hand first.
  void fetch_x(Gp to, unsigned x);
  /// store_x from eax, which the next operation finds at hand.
  void keep_x(unsigned x);
  asmjit::x86::CondCode compare(unsigned a, unsigned b, asmjit::x86::CondCode condition);

  // block_compiler_registers.cc
  bool needs_only_eax(const Operation& op) const;
  void choose_registers();
  RegisterPlaces at_turn() const;
  void choose_turn_counter();
  void restart_turns();
  void add_turns();
  void leave_dead_behind();
  void write_back(unsigned x);
  void write_all_back();
  void hold_nothing();
  void reload_held();
  void settle(const RegisterPlaces::Guests& guests);
  void settle_usually();
  int cost_of_moving_out(unsigned x) const;
  unsigned place_for(unsigned x, unsigned busy, bool must);
  void hold(unsigned x, unsigned place, bool load);
  unsigned prepare(const Operation& op, unsigned busy = 0, bool needs_result = false);
  static bool host_has_bmi2();
  void wrote(const Operation& op);
  /// Emits behind the block, with registers where they are now.
  template <class Emit>
  void later(Emit emit) {
    apart_.emplace_back([this, places = places_now_, fresh = fresh_, emit] {
      places_now_ = places;
      fresh_ = fresh;
      emit();
    });
  }

  void check_time(asmjit::Label late);
  void compare_time();
  void start_quantum(asmjit::Label late);
  void emit_operations();
  void operation(const Operation& op);
  bool constant(const Operation& op);
  bool integer(const Operation& op);
  void immediate(const Operation& op, unsigned from, asmjit::x86::Inst::Id instruction, int32_t value);
  void binary(const Operation& op, asmjit::x86::Inst::Id instruction, bool commutes);
  void binary_in_registers(const Operation& op, asmjit::x86::Inst::Id instruction, unsigned first, unsigned second);
  void shift(const Operation& op, asmjit::x86::Inst::Id instruction, bool by_register);
  void shift_by_register(const Operation& op, asmjit::x86::Inst::Id instruction);
  bool add_carry();
  bool funnel_shift();
  void set_if(const Operation& op, asmjit::x86::CondCode condition, bool by_register);
  void compare_with(unsigned x, int32_t value);
  void multiply_high(const Operation& op, unsigned low);
  bool multiply_whole();
  // block_compiler_divide.cc
  void divide(const Operation& op, bool is_signed, bool remainder);
  void divide_as_binary64(bool is_signed, bool remainder);
  void take_quotient(const Operation& op, bool remainder);
  // block_compiler_bits.cc
  bool bit_manipulation(const Operation& op);
  bool single_bit(const Operation& op);
  void logic_with_inverse(const Operation& op, asmjit::x86::Inst::Id instruction);
  void select(const Operation& op, asmjit::x86::CondCode second_if);
  void count_ones(asmjit::x86::Gp value);
  // block_compiler_memory.cc
  void memory(const Operation& op, unsigned size_bytes, bool store);
  void load_address(const Operation& op) { load_address(op.rs1, op.immediate); }
  void load_address(unsigned base, int32_t offset);
  void check_groups();
  void memory_in_group(const Operation& op, unsigned size_bytes, bool store);
  Mem check_page(const Operation& op, unsigned size_bytes, bool store, asmjit::Label slow);
  void misaligned(const Operation& op, unsigned size_bytes, bool store, asmjit::Label done);
  void check_line(const Operation& op, unsigned size_bytes, bool store, asmjit::Label slow);
  asmjit::x86::Mem place_of_line(unsigned size_bytes, asmjit::Label elsewhere);
  asmjit::x86::Mem place_elsewhere(unsigned size_bytes);
  void check_lines(asmjit::Label gone);
  void finish_load(const Operation& op, Mem from);
  void finish_store(const Operation& op, Mem to);
  bool floating(const Operation& op);
  void check_floating(const Operation& op);
  void mark_floating();
  void apart_by_call(asmjit::Label slow, const Operation& op);
  void check_rounding(const Operation& op, asmjit::Label slow);
  void check_inexact(asmjit::Label slow);
  void arithmetic(const Operation& op, asmjit::x86::Inst::Id instruction);
  void fused(const Operation& op, bool negate_product, bool negate_addend);
  void store_if_plain(const Operation& op, asmjit::Label slow);
  void sign(const Operation& op);
  void compare_floating(const Operation& op);
  void convert(const Operation& op);
  void call(uint64_t thunk, const Operation& op);
  void leave(const Operation& op);
  void branch(const Operation& op, asmjit::x86::CondCode condition);
  void jump_register(const Operation& op);
  void account(unsigned end, uint32_t cycles);
  /// The end that leads to the start of a loop.
  unsigned turning_end() const { return kind_of(operations_.back().id) == InstructionKind::branch ? 1 : 0; }
  void finish(unsigned end, uint32_t cycles, uint32_t next);
  void turn(uint32_t cycles);
  void leave_turn(asmjit::Label to);
  const CompiledSite* site_of(const Operation& op);

  asmjit::x86::Assembler& a_;
  CompiledCode& code_;
  const CompiledPlaces& places_;
  CompiledBlock& block_;
  CompiledData data_;
  const std::vector<Operation> operations_;  ///< of the block, as they are compiled
  const RegisterUses uses_;
  RegisterPlaces places_now_;
  RegisterPlaces::Guests wanted_{};  ///< at the block's end, or where the loop turns
  RegisterPlaces before_turn_;  ///< where the loop turns, with registers that are out of date in memory: left_behind_
  uint64_t left_behind_ = 0;
  unsigned hosts_ = 0;          ///< registers of the host that hold the guest's, one bit each
  unsigned now_ = 0;            ///< operation that is being compiled
  unsigned fresh_ = 0;          ///< its rd, when it has got a register of the host, and no value yet
  bool only_eax_ = false;       ///< rcx and rdx hold registers of the guest too
  bool made_constant_ = false;  ///< the operation's result is known, and nowhere yet
  bool loops_ = false;          ///< the block's end leads to its start
  /// Counts turns that are not accounted for yet, where a register of the host is free for it: memory would be written
  /// by each turn and read by the next.
  std::optional<Gp> turns_;
  asmjit::Label late_, in_time_, gone_, turn_;
  /// Where there are groups of accesses, the block is there twice: without a look at the table for them, and plain. A
  /// call may change the table, so that whoever calls the core for an access goes on in the plain form, where both have
  /// the same registers in the same places.
  AccessGroups groups_;
  bool in_groups_ = false;  ///< the form without a look is being compiled
  asmjit::Label plain_;
  std::vector<asmjit::Label> plain_behind_;  ///< each operation, in the plain form
  // Registers without a register of the host go through memory: who uses one at once would wait for it.
  unsigned at_hand_ = 0;  ///< of the operation before this one; 0: none
  unsigned kept_ = 0;     ///< of this one
  uint32_t latency_ = 0;  ///< of hits in the data cache, so far
  uint32_t latency_own_ = 0;
  bool floating_checked_ = false;
  bool floating_dirty_ = false;
  std::vector<Division> divisions_;           ///< made when the first is met
  std::vector<std::function<void()>> apart_;  ///< what is rarely reached, behind the block
};

}  // namespace backboard
