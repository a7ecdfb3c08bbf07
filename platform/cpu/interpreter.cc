// The interpreter: one handler for each row of instructions.def, threaded through a table of labels.
#include "platform/cpu/fast_float.h"
#include "platform/cpu/handlers.h"
#include "platform/cpu/interpreter_steps.h"
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

// NOLINTBEGIN(bugprone-macro-parentheses, performance-no-int-to-ptr)

/// Runs `block` and those that follow it as long as each one ends by `chain_limit_` at the latest and is decoded; the
/// first one is not held against it. On return pc_, clock_ and retired_ are at an instruction boundary.
/// Without a block, only says where the handlers are (labels_).
/// kCaches: blocks must be in the code cache. kLines: the table holds lines of the data cache.
/// In RV32 no label of an instruction of RV64 is used, and the compiler drops its handler.
template <class Xlen>
template <bool kCaches, bool kLines>
void RiscvCore<Xlen>::interpret(Block* block) {
  constexpr bool kPairs = Xlen::kBits == 32;  // elsewhere the first of a pair or group runs by itself
  static const void* const kLabels[kHandlers] = {
#define INSTRUCTION(id, mnemonic, match, mask, format, kind) &&do_##id,
#define INSTRUCTION64(id, mnemonic, match, mask, format, kind) Xlen::kBits == 64 ? &&do_##id : &&do_system,
#include "platform/cpu/instructions.def"
      &&do_system,
      &&do_block_end,
#define FORWARDED(id, operand) &&do_##id##_##operand,
#define FORWARDED64(id, operand) Xlen::kBits == 64 ? &&do_##id##_##operand : &&do_system,
#include "platform/cpu/forwarded.def"
#define LABEL_x(id) &&do_##id
#define LABEL_rs1(id) &&do_##id##_rs1
#define LABEL_rs2(id) &&do_##id##_rs2
#define PAIR(c1, i1, at1, c2, i2, at2) kPairs ? &&do_##i1##_##at1##_##i2##_##at2 : LABEL_##at1(i1),
#include "platform/cpu/pairs.def"
#define LABEL_m LABEL_x
#define LABEL_mm LABEL_x
#define LABEL_h LABEL_rs1
#define LABEL_hm LABEL_rs1
#define LABEL_mh LABEL_rs2
#define GROUP_LABEL(name, i1, a1) kPairs ? &&do_##name : LABEL_##a1(i1),
#define GROUP_LABEL_OF(name, c1, i1, a1, ...) GROUP_LABEL(name, i1, a1)
#define GROUP_2(...) GROUP_LABEL_OF(GROUP_NAME_2(__VA_ARGS__), __VA_ARGS__)
#define GROUP_3(...) GROUP_LABEL_OF(GROUP_NAME_3(__VA_ARGS__), __VA_ARGS__)
#define GROUP_4(...) GROUP_LABEL_OF(GROUP_NAME_4(__VA_ARGS__), __VA_ARGS__)
#include "platform/cpu/groups.def"
  };
  if (block == nullptr) {
    labels_ = kLabels;
    return;
  }
  constexpr bool kHome = !kLines && Xlen::kBits == 32;
  U* const x = x_.data();
  DataPath::Page* const pages = path_.table(data_machine_).granules();
  [[maybe_unused]] uint64_t* const last_uses = path_.table(data_machine_).last_uses();
  Block* const slots = blocks_.slots();
  const unsigned granule_shift = kLines ? path_.granule_shift() : 12;
  [[maybe_unused]] const uint64_t hit_cycles = config_.data_cache.hit_cycles;
  static_assert(DataPath::kPageBytes == uint64_t{1} << 12);
  const uint64_t granule_mask = ~uint64_t{0} << granule_shift;
  [[maybe_unused]] const uint8_t* const home_pages = path_.home_pages(data_machine_);
  [[maybe_unused]] const uintptr_t home = home_.host_minus_guest;
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
  U far_address = 0;

  DISPATCH();

#define HANDLER(c, id, at) \
  STEP_##c(id, at);        \
  NEXT();
#define COMPUTE(id, expression) do_##id : HANDLER(alu, id, x)
#define COMPUTE_FIRST(id, expression) do_##id : HANDLER(alu, id, x) do_##id##_rs1 : HANDLER(alu, id, rs1)
#define COMPUTE_EITHER(id, expression) \
  do_##id : HANDLER(alu, id, x) do_##id##_rs1 : HANDLER(alu, id, rs1) do_##id##_rs2 : HANDLER(alu, id, rs2)
#include "platform/cpu/integer_instructions.def"
do_AUIPC:
  RESULT(OWN_PC + IMMEDIATE);
  NEXT();
do_FENCE:  // one core and an in-order bus: everything is ordered already
  NEXT();

#define BRANCH(id)                      \
  do_##id : STEP_branch(id, x);         \
  do_##id##_rs1 : STEP_branch(id, rs1); \
  do_##id##_rs2 : STEP_branch(id, rs2);
  BRANCH(BEQ)
  BRANCH(BNE)
  BRANCH(BLT)
  BRANCH(BGE)
  BRANCH(BLTU)
  BRANCH(BGEU)

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

#define LOAD(id) do_##id : HANDLER(load, id, x) do_##id##_rs1 : HANDLER(load, id, rs1) FAR_LOAD(id)
#define STORE(id)                                                                                                 \
  do_##id : HANDLER(store, id, x) do_##id##_rs1 : HANDLER(store, id, rs1) do_##id##_rs2 : HANDLER(store, id, rs2) \
                                                                                              FAR_STORE(id)
  LOAD(LB)
  LOAD(LH)
  LOAD(LW)
  LOAD(LBU)
  LOAD(LHU)
  STORE(SB)
  STORE(SH)
  STORE(SW)
  LOAD(LWU)
  LOAD(LD)
  STORE(SD)

#define PAIR(c1, i1, at1, c2, i2, at2) \
  do_##i1##_##at1##_##i2##_##at2 : {   \
    STEP_##c1(i1, at1);                \
    ++op;                              \
    STEP_##c2(i2, at2);                \
    NEXT();                            \
  }
#include "platform/cpu/pairs.def"

#define GROUP_2(c1, i1, a1, c2, i2, a2) \
  GROUP(GROUP_NAME_2(c1, i1, a1, c2, i2, a2), GROUP_FIRST(c1, i1, a1) GROUP_NEXT(c2, i2, a2))
#define GROUP_3(c1, i1, a1, c2, i2, a2, c3, i3, a3)       \
  GROUP(GROUP_NAME_3(c1, i1, a1, c2, i2, a2, c3, i3, a3), \
        GROUP_FIRST(c1, i1, a1) GROUP_NEXT(c2, i2, a2) GROUP_NEXT(c3, i3, a3))
#define GROUP_4(c1, i1, a1, c2, i2, a2, c3, i3, a3, c4, i4, a4)       \
  GROUP(GROUP_NAME_4(c1, i1, a1, c2, i2, a2, c3, i3, a3, c4, i4, a4), \
        GROUP_FIRST(c1, i1, a1) GROUP_NEXT(c2, i2, a2) GROUP_NEXT(c3, i3, a3) GROUP_NEXT(c4, i4, a4))
#include "platform/cpu/groups.def"

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

#define FP_MOVE(c, id)  \
  do_##id : FP_CHECK(); \
  HANDLER(c, id, x)
  FP_MOVE(load, FLW)
  FP_MOVE(store, FSW)
  FP_MOVE(load, FLD)
  FP_MOVE(store, FSD)
  FAR_LOAD(FLW)
  FAR_STORE(FSW)
  FAR_LOAD(FLD)
  FAR_STORE(FSD)

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

do_CSRRW:
do_CSRRS:
do_CSRRC:
do_CSRRWI:
do_CSRRSI:
do_CSRRCI:
  retired_ = retired;
  if (csr_ends_block(*block, *op, clock)) goto do_block_end;
  return;

do_ECALL:
do_EBREAK:
do_FENCE_I:
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

template void RiscvCore<Rv32>::interpret<false, false>(Block*);
template void RiscvCore<Rv32>::interpret<true, false>(Block*);
template void RiscvCore<Rv32>::interpret<true, true>(Block*);
template void RiscvCore<Rv64>::interpret<false, false>(Block*);
template void RiscvCore<Rv64>::interpret<true, false>(Block*);
template void RiscvCore<Rv64>::interpret<true, true>(Block*);

}  // namespace backboard
