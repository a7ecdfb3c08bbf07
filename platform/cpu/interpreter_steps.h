// The pieces that the interpreter's handlers are made of. For interpreter.cc alone: the names are those of its locals.
//
// Handlers are macros because each must end in its own indirect jump; a page's host address is kept as a difference to
// the guest's, which one addition turns into a pointer.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "platform/cpu/decode.h"
#include "platform/cpu/integer_ops.h"

namespace backboard {

/// The results of integer_instructions.def.
template <class Xlen>
struct IntegerResult {
  using U = typename Xlen::Unsigned;
  using S = typename Xlen::Signed;
#define COMPUTE(id, expression)                                                                                  \
  [[gnu::always_inline]] static U id([[maybe_unused]] U a, [[maybe_unused]] U b, [[maybe_unused]] U immediate) { \
    return static_cast<U>(expression);                                                                           \
  }
#include "platform/cpu/integer_instructions.def"
};

/// Where in DataPath::home_pages an access looks: its page when it is aligned, behind the pages when it is not.
template <unsigned kSizeBytes>
[[gnu::always_inline]] inline uint32_t home_place(uint32_t address) {
  constexpr unsigned kTurn = std::countr_zero(kSizeBytes);
  return std::rotr(address, kTurn) >> (12 - kTurn);
}

}  // namespace backboard

#define DISPATCH() goto * op->label
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

// Operands, by which of them is at hand.
#define FIRST_x RS1
#define FIRST_rs1 at_hand
#define FIRST_rs2 RS1
#define SECOND_x RS2
#define SECOND_rs1 RS2
#define SECOND_rs2 at_hand

// The same for the letters of groups.def.
#define FIRST_m RS1
#define FIRST_mm RS1
#define FIRST_mh RS1
#define FIRST_mg RS1
#define FIRST_mu RS1
#define FIRST_h at_hand
#define FIRST_hm at_hand
#define FIRST_hg at_hand
#define FIRST_hu at_hand
#define FIRST_g before_last
#define FIRST_gm before_last
#define FIRST_gh before_last
#define FIRST_gu before_last
#define FIRST_s same_first
#define FIRST_sm same_first
#define FIRST_sh same_first
#define FIRST_sg same_first
#define FIRST_su same_first
#define SECOND_m RS2
#define SECOND_h RS2
#define SECOND_g RS2
#define SECOND_s RS2
#define SECOND_mm RS2
#define SECOND_hm RS2
#define SECOND_gm RS2
#define SECOND_sm RS2
#define SECOND_mh at_hand
#define SECOND_gh at_hand
#define SECOND_sh at_hand
#define SECOND_mg before_last
#define SECOND_hg before_last
#define SECOND_sg before_last
#define SECOND_mu same_second
#define SECOND_hu same_second
#define SECOND_gu same_second
#define SECOND_su same_second

#define STEP_alu(id, at) RESULT(IntegerResult<Xlen>::id(FIRST_##at, SECOND_##at, IMMEDIATE))
#define STEP_temp(id, at) at_hand = IntegerResult<Xlen>::id(FIRST_##at, SECOND_##at, IMMEDIATE)
#define STEP_branch(id, at)                      \
  do {                                           \
    const U a = FIRST_##at, b = SECOND_##at;     \
    if (CONDITION_##id(a, b)) goto branch_taken; \
    goto do_block_end;                           \
  } while (false)
#define CONDITION_BEQ(a, b) (a) == (b)
#define CONDITION_BNE(a, b) (a) != (b)
#define CONDITION_BLT(a, b) static_cast<S>(a) < static_cast<S>(b)
#define CONDITION_BGE(a, b) static_cast<S>(a) >= static_cast<S>(b)
#define CONDITION_BLTU(a, b) (a) < (b)
#define CONDITION_BGEU(a, b) (a) >= (b)

// What loads and stores move, and where it goes to or comes from.
#define TYPE_LB int8_t
#define TYPE_LH int16_t
#define TYPE_LW int32_t
#define TYPE_LBU uint8_t
#define TYPE_LHU uint16_t
#define TYPE_LWU uint32_t
#define TYPE_LD uint64_t
#define TYPE_FLW uint32_t
#define TYPE_FLD uint64_t
#define TYPE_SB uint8_t
#define TYPE_SH uint16_t
#define TYPE_SW uint32_t
#define TYPE_SD uint64_t
#define TYPE_FSW uint32_t
#define TYPE_FSD uint64_t
#define TAKE_LB(value) RESULT(static_cast<S>(value))
#define TAKE_LH(value) RESULT(static_cast<S>(value))
#define TAKE_LW(value) RESULT(static_cast<S>(value))
#define TAKE_LBU(value) RESULT(value)
#define TAKE_LHU(value) RESULT(value)
#define TAKE_LWU(value) RESULT(value)
#define TAKE_LD(value) RESULT(value)
#define TAKE_FLW(value) fs_ = 3, f_[op->rd] = nan_boxing::boxed<Float>(value)
#define TAKE_FLD(value) fs_ = 3, f_[op->rd] = static_cast<Float>(value)
#define VALUE_SB(at) SECOND_##at
#define VALUE_SH(at) SECOND_##at
#define VALUE_SW(at) SECOND_##at
#define VALUE_SD(at) SECOND_##at
#define VALUE_FSW(at) f_[op->rs2]
#define VALUE_FSD(at) f_[op->rs2]

// Pages of home memory (kHome) are looked up by one byte each; their bytes and latencies are the block's to count.
// Other pages count for themselves, and lines of the data cache, which are all that is looked for where there is one,
// their accesses; what a hit costs is known. What none of them knows takes the long way, and may end
// the block behind itself; the handler that is left for it is gone on from at the next instruction, of which there is
// one by itself. Nothing here may take the address of a local that the fast path keeps in a register.
// `place` and `page` of an access, that of a line if `tag` is its.
#define FIND_PAGE(address, tag)                                                            \
  [[maybe_unused]] const uint32_t place = kLines ? DataPath::Table::place(pages, tag) : 0; \
  DataPath::Page& page = kLines ? DataPath::Table::granule(pages, place) : pages[DataPath::page_index(address)]
#define ALIGNED_PAGE(type, address_value) ((address_value) & (granule_mask | (sizeof(type) - 1)))
#define IN_HOME(type, address, what) (home_pages[home_place<sizeof(type)>(static_cast<uint32_t>(address))] & (what))
// The same of what is not aligned, but lies in one page.
#define MISALIGNED_IN_HOME(type, address, what)                                      \
  (sizeof(type) > 1 && (address) % sizeof(type) != 0 && !config_.misaligned_traps && \
   (address) % DataPath::kPageBytes <= DataPath::kPageBytes - sizeof(type) &&        \
   (home_pages[static_cast<uint32_t>(address) / DataPath::kPageBytes] & (what)) != 0)
#define COUNT(accesses, cycles, type)                                          \
  do {                                                                         \
    if constexpr (kLines) {                                                    \
      ++(accesses);                                                            \
      DataPath::Table::last_use(last_uses, place) = clock + op->cycles_before; \
      clock += hit_cycles;                                                     \
    } else {                                                                   \
      (accesses) += sizeof(type);                                              \
      clock += (cycles);                                                       \
    }                                                                          \
  } while (false)
#define READ_PAGE(id)                                                                                \
  TYPE_##id value;                                                                                   \
  std::memcpy(&value, reinterpret_cast<const void*>(page.host_minus_guest + address), sizeof value); \
  COUNT(page.reads, page.read_cycles, TYPE_##id);                                                    \
  TAKE_##id(value)
#define WRITE_PAGE(id, at)                                                                     \
  const auto value = static_cast<TYPE_##id>(VALUE_##id(at));                                   \
  std::memcpy(reinterpret_cast<void*>(page.host_minus_guest + address), &value, sizeof value); \
  COUNT(page.writes, page.write_cycles, TYPE_##id)

#define STEP_load(id, at)                                                               \
  do {                                                                                  \
    const U address = FIRST_##at + IMMEDIATE;                                           \
    if constexpr (kHome) {                                                              \
      if (!IN_HOME(TYPE_##id, address, DataPath::kMayRead)) [[unlikely]] {              \
        far_address = address;                                                          \
        goto far_##id;                                                                  \
      }                                                                                 \
      TYPE_##id value;                                                                  \
      std::memcpy(&value, reinterpret_cast<const void*>(home + address), sizeof value); \
      TAKE_##id(value);                                                                 \
    } else {                                                                            \
      const uint64_t tag = ALIGNED_PAGE(TYPE_##id, uint64_t{address});                  \
      FIND_PAGE(address, tag);                                                          \
      if (page.read_tag != tag) [[unlikely]] {                                          \
        far_address = address;                                                          \
        goto far_##id;                                                                  \
      }                                                                                 \
      READ_PAGE(id);                                                                    \
    }                                                                                   \
  } while (false)
#define STEP_store(id, at)                                                        \
  do {                                                                            \
    const U address = FIRST_##at + IMMEDIATE;                                     \
    if constexpr (kHome) {                                                        \
      if (!IN_HOME(TYPE_##id, address, DataPath::kMayWrite)) [[unlikely]] {       \
        far_address = address;                                                    \
        goto far_##id;                                                            \
      }                                                                           \
      const auto value = static_cast<TYPE_##id>(VALUE_##id(at));                  \
      std::memcpy(reinterpret_cast<void*>(home + address), &value, sizeof value); \
    } else {                                                                      \
      const uint64_t tag = ALIGNED_PAGE(TYPE_##id, uint64_t{address});            \
      FIND_PAGE(address, tag);                                                    \
      if (page.write_tag != tag) [[unlikely]] {                                   \
        far_address = address;                                                    \
        goto far_##id;                                                            \
      }                                                                           \
      WRITE_PAGE(id, at);                                                         \
    }                                                                             \
  } while (false)
#define FAR_LOAD(id)                                                                      \
  far_##id : {                                                                            \
    const U address = far_address;                                                        \
    if constexpr (kHome) {                                                                \
      if (MISALIGNED_IN_HOME(TYPE_##id, address, DataPath::kMayRead)) {                   \
        TYPE_##id value;                                                                  \
        std::memcpy(&value, reinterpret_cast<const void*>(home + address), sizeof value); \
        TAKE_##id(value);                                                                 \
        NEXT();                                                                           \
      }                                                                                   \
      const uint64_t tag = ALIGNED_PAGE(TYPE_##id, uint64_t{address});                    \
      FIND_PAGE(address, tag);                                                            \
      if (page.read_tag == tag) {                                                         \
        READ_PAGE(id);                                                                    \
        clock -= home_.read_cycles;                                                       \
        elsewhere_read_bytes_ += sizeof value;                                            \
        NEXT();                                                                           \
      }                                                                                   \
    }                                                                                     \
    clock_ = clock;                                                                       \
    pc_ = OWN_PC; /* whose access it is, for what the bus reports */                      \
    const AccessKind kind = load(address, sizeof(TYPE_##id), op->cycles_before);          \
    clock = clock_;                                                                       \
    if (kind == AccessKind::fault) goto leave_for_trap;                                   \
    TAKE_##id(static_cast<TYPE_##id>(transfer_));                                         \
    if (kind == AccessKind::bus && !goes_on(block->worst_cycles)) goto leave_behind;      \
    NEXT();                                                                               \
  }
#define FAR_STORE(id)                                                                \
  far_##id : {                                                                       \
    const U address = far_address;                                                   \
    if constexpr (kHome) {                                                           \
      if (MISALIGNED_IN_HOME(TYPE_##id, address, DataPath::kMayWrite)) {             \
        const auto value = static_cast<TYPE_##id>(VALUE_##id(x));                    \
        std::memcpy(reinterpret_cast<void*>(home + address), &value, sizeof value);  \
        NEXT();                                                                      \
      }                                                                              \
      const uint64_t tag = ALIGNED_PAGE(TYPE_##id, uint64_t{address});               \
      FIND_PAGE(address, tag);                                                       \
      if (page.write_tag == tag) {                                                   \
        WRITE_PAGE(id, x);                                                           \
        clock -= home_.write_cycles;                                                 \
        elsewhere_write_bytes_ += sizeof value;                                      \
        NEXT();                                                                      \
      }                                                                              \
    }                                                                                \
    clock_ = clock;                                                                  \
    pc_ = OWN_PC;                                                                    \
    transfer_ = static_cast<TYPE_##id>(VALUE_##id(x));                               \
    const AccessKind kind = store(address, sizeof(TYPE_##id), op->cycles_before);    \
    clock = clock_;                                                                  \
    if (kind == AccessKind::fault) goto leave_for_trap;                              \
    if (kind == AccessKind::bus && !goes_on(block->worst_cycles)) goto leave_behind; \
    NEXT();                                                                          \
  }

// Groups: the steps are made of GROUP_FIRST and GROUP_NEXT.
#define GROUP(name, ...) GROUP_CALLED(name, __VA_ARGS__)
#define GROUP_CALLED(name, ...)                   \
  do_##name : {                                   \
    [[maybe_unused]] U before_last = 0, last = 0; \
    __VA_ARGS__ NEXT();                           \
  }
#define GROUP_FIRST(c, id, at)                        \
  [[maybe_unused]] const U same_first = FIRST_##at;   \
  [[maybe_unused]] const U same_second = SECOND_##at; \
  STEP_##c(id, at);                                   \
  last = at_hand;
#define GROUP_NEXT(c, id, at) \
  ++op;                       \
  STEP_##c(id, at);           \
  before_last = last;         \
  last = at_hand;
