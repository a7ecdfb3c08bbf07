// The interpreter: one handler for each row of instructions.def, threaded through a table of labels.
#include <bit>
#include <cstring>

#include "platform/cpu/fast_float.h"
#include "platform/cpu/handlers.h"
#include "platform/cpu/integer_ops.h"
#include "platform/cpu/nan_boxing.h"
#include "platform/cpu/riscv_core.h"

// Labels as values are a GNU extension that g++ and clang share.
#pragma GCC diagnostic ignored "-Wpedantic"

namespace backboard {

// Guest memory is little-endian and copied as it is.
static_assert(std::endian::native == std::endian::little);

using softfloat::Binary32;
using softfloat::Binary64;
using softfloat::Rounding;
constexpr uint64_t kSign64 = softfloat::FormatFacts<Binary64>::kSign;

// Handlers are macros because each must end in its own indirect jump; a page's host address is kept as a difference to
// the guest's, which one addition turns into a pointer.
// NOLINTBEGIN(bugprone-macro-parentheses, performance-no-int-to-ptr)

/// Runs `block` and those that follow it as long as each one ends by `chain_limit_` at the latest and is decoded; the
/// first one is not held against it. On return pc_, clock_ and retired_ are at an instruction boundary.
/// kCaches: blocks must be in the code cache, and the table holds lines where there is a data cache.
/// In RV32 no label of an instruction of RV64 is used, and the compiler drops its handler.
template <class Xlen>
template <bool kCaches>
void RiscvCore<Xlen>::interpret(Block* block) {
  static const void* const kLabels[kHandlers] = {
#define INSTRUCTION(id, mnemonic, match, mask, format, kind) &&do_##id,
#define INSTRUCTION64(id, mnemonic, match, mask, format, kind) Xlen::kBits == 64 ? &&do_##id : &&do_system,
#include "platform/cpu/instructions.def"
      &&do_system,
      &&do_block_end,
#define FORWARDED(id, operand) &&do_##id##_##operand,
#define FORWARDED64(id, operand) Xlen::kBits == 64 ? &&do_##id##_##operand : &&do_system,
#include "platform/cpu/forwarded.def"
  };
  U* const x = x_.data();
  DataPath::Page* const pages = path_.pages(data_machine_).data();
  Block* const slots = blocks_.slots();
  const unsigned granule_shift = kCaches ? path_.granule_shift() : 12;
  static_assert(DataPath::kPageBytes == uint64_t{1} << 12);
  const uint64_t granule_mask = ~uint64_t{0} << granule_shift;
  Cache* const code_cache = path_.code_cache();
  [[maybe_unused]] const uint32_t* const fills = code_cache ? code_cache->fill_numbers() : &Cache::kAlwaysThere;
  uint64_t no_age = 0;
  [[maybe_unused]] uint64_t* const code_ages = code_cache ? code_cache->ages() : &no_age;
  const uint64_t user = user_bit();
  const uint64_t taken_cycles = config_.costs.branch_taken;
  const Operation* op = block->operations;
  uint64_t clock = clock_;
  uint64_t retired = retired_;
  uint64_t next = 0;           // key of the block that follows
  Block* following = nullptr;  // where it would be
  U at_hand = 0;               // the last result (HandlerChoice)

#define DISPATCH() goto* kLabels[op->handler]
#define NEXT()  \
  do {          \
    ++op;       \
    DISPATCH(); \
  } while (false)
#define RS1 x[op->rs1]
#define RS2 x[op->rs2]
#define IMMEDIATE static_cast<U>(static_cast<S>(op->immediate))
#define OWN_PC (static_cast<U>(block->pc()) + op->pc_offset)
#define RESULT(value) x[op->rd] = at_hand = static_cast<U>(value)
#define COMPUTE_OF(label, first, second, expression) \
  label : {                                          \
    [[maybe_unused]] const U a = first, b = second;  \
    RESULT(expression);                              \
    NEXT();                                          \
  }
// By operands a (rs1) and b (rs2): either may be at hand, a alone, none.
#define COMPUTE_EITHER(id, expression)                \
  COMPUTE_OF(do_##id, RS1, RS2, expression)           \
  COMPUTE_OF(do_##id##_rs1, at_hand, RS2, expression) \
  COMPUTE_OF(do_##id##_rs2, RS1, at_hand, expression)
#define COMPUTE_FIRST(id, expression)       \
  COMPUTE_OF(do_##id, RS1, U{}, expression) \
  COMPUTE_OF(do_##id##_rs1, at_hand, U{}, expression)
#define COMPUTE(id, expression) COMPUTE_OF(do_##id, RS1, RS2, expression)
#define BRANCH_OF(label, first, second, condition) \
  label : {                                        \
    const U a = first, b = second;                 \
    if (condition) goto branch_taken;              \
    goto do_block_end;                             \
  }
#define BRANCH(id, condition)                       \
  BRANCH_OF(do_##id, RS1, RS2, condition)           \
  BRANCH_OF(do_##id##_rs1, at_hand, RS2, condition) \
  BRANCH_OF(do_##id##_rs2, RS1, at_hand, condition)

  DISPATCH();

  COMPUTE(LUI, IMMEDIATE)
  COMPUTE(AUIPC, OWN_PC + IMMEDIATE)
  COMPUTE_FIRST(ADDI, a + IMMEDIATE)
  COMPUTE_FIRST(SLTI, static_cast<S>(a) < static_cast<S>(IMMEDIATE))
  COMPUTE_FIRST(SLTIU, a < IMMEDIATE)
  COMPUTE_FIRST(XORI, a ^ IMMEDIATE)
  COMPUTE_FIRST(ORI, a | IMMEDIATE)
  COMPUTE_FIRST(ANDI, a & IMMEDIATE)
  COMPUTE_FIRST(SLLI, a << op->immediate)
  COMPUTE_FIRST(SRLI, a >> op->immediate)
  COMPUTE_FIRST(SRAI, static_cast<S>(a) >> op->immediate)
  COMPUTE_EITHER(ADD, a + b)
  COMPUTE_EITHER(SUB, a - b)
  COMPUTE_EITHER(SLL, a << (b & (Xlen::kBits - 1)))
  COMPUTE_EITHER(SLT, static_cast<S>(a) < static_cast<S>(b))
  COMPUTE_EITHER(SLTU, a < b)
  COMPUTE_EITHER(XOR, a ^ b)
  COMPUTE_EITHER(SRL, a >> (b & (Xlen::kBits - 1)))
  COMPUTE_EITHER(SRA, static_cast<S>(a) >> (b & (Xlen::kBits - 1)))
  COMPUTE_EITHER(OR, a | b)
  COMPUTE_EITHER(AND, a & b)
  COMPUTE_EITHER(MUL, a * b)
  COMPUTE_EITHER(MULH, integer_ops::multiply_high<Xlen>(a, b))
  COMPUTE(MULHSU, integer_ops::multiply_high_mixed<Xlen>(a, b))
  COMPUTE_EITHER(MULHU, integer_ops::multiply_high_unsigned<Xlen>(a, b))
  COMPUTE(DIV, integer_ops::divide<Xlen>(a, b))
  COMPUTE(DIVU, integer_ops::divide_unsigned<Xlen>(a, b))
  COMPUTE(REM, integer_ops::remainder<Xlen>(a, b))
  COMPUTE(REMU, integer_ops::remainder_unsigned<Xlen>(a, b))

// The lower halves of RV64's registers, and results that are sign-extended from 32 bits.
#define WORD1 static_cast<uint32_t>(a)
#define WORD2 static_cast<uint32_t>(b)
#define EXTENDED(expression) static_cast<S>(static_cast<int32_t>(expression))
  COMPUTE_FIRST(ADDIW, EXTENDED(a + IMMEDIATE))
  COMPUTE_FIRST(SLLIW, EXTENDED(WORD1 << op->immediate))
  COMPUTE_FIRST(SRLIW, EXTENDED(WORD1 >> op->immediate))
  COMPUTE_FIRST(SRAIW, EXTENDED(static_cast<int32_t>(WORD1) >> op->immediate))
  COMPUTE_EITHER(ADDW, EXTENDED(WORD1 + WORD2))
  COMPUTE_EITHER(SUBW, EXTENDED(WORD1 - WORD2))
  COMPUTE(SLLW, EXTENDED(WORD1 << (WORD2 & 31)))
  COMPUTE(SRLW, EXTENDED(WORD1 >> (WORD2 & 31)))
  COMPUTE(SRAW, EXTENDED(static_cast<int32_t>(WORD1) >> (WORD2 & 31)))
  COMPUTE_EITHER(MULW, EXTENDED(WORD1 * WORD2))
  COMPUTE(DIVW, EXTENDED(integer_ops::divide<Rv32>(WORD1, WORD2)))
  COMPUTE(DIVUW, EXTENDED(integer_ops::divide_unsigned<Rv32>(WORD1, WORD2)))
  COMPUTE(REMW, EXTENDED(integer_ops::remainder<Rv32>(WORD1, WORD2)))
  COMPUTE(REMUW, EXTENDED(integer_ops::remainder_unsigned<Rv32>(WORD1, WORD2)))

do_FENCE:  // one core and an in-order bus: everything is ordered already
  NEXT();

  BRANCH(BEQ, a == b)
  BRANCH(BNE, a != b)
  BRANCH(BLT, static_cast<S>(a) < static_cast<S>(b))
  BRANCH(BGE, static_cast<S>(a) >= static_cast<S>(b))
  BRANCH(BLTU, a < b)
  BRANCH(BGEU, a >= b)

do_JAL:
  x[op->rd] = OWN_PC + op->length_bytes;
  block->executions[0]++;
  next = block->exits[1].key;
  following = block->exits[1].place;
  goto block_done;
do_JALR:
  next = ((RS1 + IMMEDIATE) & ~U{1}) | user;
  x[op->rd] = OWN_PC + op->length_bytes;
  block->executions[0]++;
  following = is_block_key(next) ? &slots[next >> 1 & (BlockCache::kSlots - 1)] : &nowhere_;
  goto block_done;

// A load or store that the page cache does not know takes the long way; a bus access ends the block behind itself.
// Nothing here may take the address of a local that the fast path keeps in a register.
#define PAGE_OF(address) pages[kCaches ? DataPath::line_index(address >> granule_shift) : DataPath::page_index(address)]
#define ALIGNED_PAGE(type, address_value) ((address_value) & (granule_mask | (sizeof(type) - 1)))
#define COUNT(accesses, type)                                \
  do {                                                       \
    if (kCaches) {                                           \
      accesses += ((sizeof(type) - 1) & page.size_mask) + 1; \
      page.last_use = clock + op->cycles_before;             \
    } else {                                                 \
      accesses += sizeof(type);                              \
    }                                                        \
  } while (false)
#define LOAD_OF(label, type, base, take)                                                                 \
  label : {                                                                                              \
    const U address = (base) + IMMEDIATE;                                                                \
    DataPath::Page& page = PAGE_OF(address);                                                             \
    if (page.read_tag == ALIGNED_PAGE(type, uint64_t{address})) [[likely]] {                             \
      type value;                                                                                        \
      std::memcpy(&value, reinterpret_cast<const void*>(page.host_minus_guest + address), sizeof value); \
      COUNT(page.reads, type);                                                                           \
      clock += page.read_cycles;                                                                         \
      take(value);                                                                                       \
    } else {                                                                                             \
      clock_ = clock;                                                                                    \
      pc_ = OWN_PC; /* whose access it is, for what the bus reports */                                   \
      const AccessKind kind = load(address, sizeof(type), op->cycles_before);                            \
      clock = clock_;                                                                                    \
      if (kind == AccessKind::fault) goto leave_for_trap;                                                \
      take(static_cast<type>(transfer_));                                                                \
      if (kind == AccessKind::bus && !goes_on(block->worst_cycles)) goto leave_behind;                   \
    }                                                                                                    \
    NEXT();                                                                                              \
  }
#define STORE_OF(label, type, base, source)                                                        \
  label : {                                                                                        \
    const U address = (base) + IMMEDIATE;                                                          \
    DataPath::Page& page = PAGE_OF(address);                                                       \
    const type value = static_cast<type>(source);                                                  \
    if (page.write_tag == ALIGNED_PAGE(type, uint64_t{address})) [[likely]] {                      \
      std::memcpy(reinterpret_cast<void*>(page.host_minus_guest + address), &value, sizeof value); \
      COUNT(page.writes, type);                                                                    \
      clock += page.write_cycles;                                                                  \
    } else {                                                                                       \
      clock_ = clock;                                                                              \
      pc_ = OWN_PC;                                                                                \
      transfer_ = value;                                                                           \
      const AccessKind kind = store(address, sizeof(type), op->cycles_before);                     \
      clock = clock_;                                                                              \
      if (kind == AccessKind::fault) goto leave_for_trap;                                          \
      if (kind == AccessKind::bus && !goes_on(block->worst_cycles)) goto leave_behind;             \
    }                                                                                              \
    NEXT();                                                                                        \
  }
#define SIGNED(value) RESULT(static_cast<S>(value))
#define LOAD(id, type, take)        \
  LOAD_OF(do_##id, type, RS1, take) \
  LOAD_OF(do_##id##_rs1, type, at_hand, take)
#define STORE(id, type)                       \
  STORE_OF(do_##id, type, RS1, RS2)           \
  STORE_OF(do_##id##_rs1, type, at_hand, RS2) \
  STORE_OF(do_##id##_rs2, type, RS1, at_hand)

  LOAD(LB, int8_t, SIGNED)
  LOAD(LH, int16_t, SIGNED)
  LOAD(LW, int32_t, SIGNED)
  LOAD(LBU, uint8_t, RESULT)
  LOAD(LHU, uint16_t, RESULT)
  STORE(SB, uint8_t)
  STORE(SH, uint16_t)
  STORE(SW, uint32_t)
  LOAD(LWU, uint32_t, RESULT)
  LOAD(LD, uint64_t, RESULT)
  STORE(SD, uint64_t)

do_LR_W:
do_SC_W:
do_AMOSWAP_W:
do_AMOADD_W:
do_AMOXOR_W:
do_AMOAND_W:
do_AMOOR_W:
do_AMOMIN_W:
do_AMOMAX_W:
do_AMOMINU_W:
do_AMOMAXU_W:
do_LR_D:
do_SC_D:
do_AMOSWAP_D:
do_AMOADD_D:
do_AMOXOR_D:
do_AMOAND_D:
do_AMOOR_D:
do_AMOMIN_D:
do_AMOMAX_D:
do_AMOMINU_D:
do_AMOMAXU_D : {
  clock_ = clock;
  pc_ = OWN_PC;
  const AccessKind kind = atomic(*op);
  clock = clock_;
  if (kind == AccessKind::fault) goto leave_for_trap;
  if (kind == AccessKind::bus && !goes_on(block->worst_cycles)) goto leave_behind;
  NEXT();
}

// Floating point. FS = Off and reserved rounding modes are illegal instructions; every one that executes may have
// changed the state, which FS = Dirty then says.
#define FP_CHECK()           \
  if (fs_ == 0) [[unlikely]] \
  goto do_system
#define FP_ROUNDING()                                            \
  FP_CHECK();                                                    \
  const uint32_t mode = op->rounding == 7 ? frm_ : op->rounding; \
  if (mode > 4) [[unlikely]]                                     \
    goto do_system;                                              \
  const auto rounding = static_cast<Rounding>(mode);             \
  fs_ = 3
#define F1 nan_boxing::single(f_[op->rs1])
#define F2 nan_boxing::single(f_[op->rs2])
#define F3 nan_boxing::single(f_[op->rs3])
#define BITS1 f_[op->rs1]
#define D1 uint64_t{f_[op->rs1]}
#define D2      \
  uint64_t {    \
    f_[op->rs2] \
  }
#define D3      \
  uint64_t {    \
    f_[op->rs3] \
  }
#define FP_TO_x(value) x[op->rd] = static_cast<U>(value)
#define FP_TO_s(value) f_[op->rd] = nan_boxing::boxed<Float>(value)
#define FP_TO_d(value) f_[op->rd] = static_cast<Float>(value)
#define FP_ROUNDED(id, result, expression) \
  do_##id : {                              \
    FP_ROUNDING();                         \
    FP_TO_##result(expression);            \
    NEXT();                                \
  }
#define FP_PLAIN(id, result, expression) \
  do_##id : {                            \
    FP_CHECK();                          \
    fs_ = 3;                             \
    FP_TO_##result(expression);          \
    NEXT();                              \
  }
#define LOADED_SINGLE(value) fs_ = 3, f_[op->rd] = nan_boxing::boxed<Float>(value)
#define LOADED_DOUBLE(value) fs_ = 3, f_[op->rd] = static_cast<Float>(value)

  LOAD_OF(do_FLW_legal, uint32_t, RS1, LOADED_SINGLE)
  STORE_OF(do_FSW_legal, uint32_t, RS1, f_[op->rs2])
  LOAD_OF(do_FLD_legal, uint64_t, RS1, LOADED_DOUBLE)
  STORE_OF(do_FSD_legal, uint64_t, RS1, f_[op->rs2])
do_FLW:
  FP_CHECK();
  goto do_FLW_legal;
do_FSW:
  FP_CHECK();
  goto do_FSW_legal;
do_FLD:
  FP_CHECK();
  goto do_FLD_legal;
do_FSD:
  FP_CHECK();
  goto do_FSD_legal;

#include "platform/cpu/fp_instructions.def"

branch_taken:
  block->executions[1]++;
  clock += taken_cycles;
  next = block->exits[1].key;
  following = block->exits[1].place;
  goto block_done;
do_block_end:
  block->executions[0]++;
  next = block->exits[0].key;
  following = block->exits[0].place;
block_done:
  clock += block->cycles;
  retired += block->count;
  if (following->key == next && clock + following->worst_cycles <= chain_limit_ &&
      (!kCaches || following->is_there(fills))) [[likely]] {
    block = following;
    if (kCaches) code_ages[block->slots[0]] = code_ages[block->slots[1]] = clock;
    op = block->operations;
    DISPATCH();
  }
  pc_ = static_cast<U>(next & ~uint64_t{1});
  clock_ = clock;
  retired_ = retired;
  return;

leave_behind:
  retired_ = retired;
  leave(*block, *op, clock, true);
  return;
leave_for_trap:
  retired_ = retired;
  leave(*block, *op, clock, false);
  take_pending_trap();
  return;

do_ECALL:
do_EBREAK:
do_FENCE_I:
do_CSRRW:
do_CSRRS:
do_CSRRC:
do_CSRRWI:
do_CSRRSI:
do_CSRRCI:
do_MRET:
do_WFI:
do_CBO_INVAL:
do_CBO_CLEAN:
do_CBO_FLUSH:
do_system:  // and whatever is illegal here
  retired_ = retired;
  leave(*block, *op, clock, false);
  execute_system(*op);
}

// NOLINTEND(bugprone-macro-parentheses, performance-no-int-to-ptr)

template void RiscvCore<Rv32>::interpret<false>(Block*);
template void RiscvCore<Rv32>::interpret<true>(Block*);
template void RiscvCore<Rv64>::interpret<false>(Block*);
template void RiscvCore<Rv64>::interpret<true>(Block*);

}  // namespace backboard
