// Floating point in compiled blocks. The host's binary32 units round to nearest even as the guest's do; flags are the
// reason for every test here. A result that is neither subnormal, zero, infinite nor NaN can raise nothing but inexact,
// and where that flag stands already the host's result is all there is to know. Everything else calls the core.
#include <bit>
#include <limits>

#include "platform/cpu/block_compiler.h"
#include "platform/cpu/decode.h"
#include "platform/cpu/softfloat.h"

namespace backboard {

using namespace asmjit;
namespace Inst = x86::Inst;

namespace {

constexpr uint32_t kSign = 0x80000000u;
constexpr uint32_t kDynamicRounding = 7;
/// Magnitudes above the smallest normal number, up to the largest finite one.
constexpr uint32_t kFirstPlain = std::bit_cast<uint32_t>(std::numeric_limits<float>::min()) + 1;
constexpr uint32_t kLastPlain = std::bit_cast<uint32_t>(std::numeric_limits<float>::max());

bool host_has_fma() {
  static const bool has = CpuInfo::host().features().x86().hasFMA();
  return has;
}

}  // namespace

bool BlockCompiler::floating(const Operation& op) {
  switch (op.id) {
    case InstructionId::FLW:
      check_floating(op);
      memory(op, 4, false);
      return mark_floating(), true;
    case InstructionId::FSW:
      check_floating(op);
      return memory(op, 4, true), true;
    case InstructionId::FADD_S:
      return arithmetic(op, Inst::kIdAddss), true;
    case InstructionId::FSUB_S:
      return arithmetic(op, Inst::kIdSubss), true;
    case InstructionId::FMUL_S:
      return arithmetic(op, Inst::kIdMulss), true;
    case InstructionId::FDIV_S:
      return arithmetic(op, Inst::kIdDivss), true;
    case InstructionId::FSQRT_S:
      return arithmetic(op, Inst::kIdSqrtss), true;
    case InstructionId::FMADD_S:
      return fused(op, false, false), true;
    case InstructionId::FMSUB_S:
      return fused(op, false, true), true;
    case InstructionId::FNMSUB_S:
      return fused(op, true, false), true;
    case InstructionId::FNMADD_S:
      return fused(op, true, true), true;
    case InstructionId::FSGNJ_S:
    case InstructionId::FSGNJN_S:
    case InstructionId::FSGNJX_S:
      return sign(op), true;
    case InstructionId::FEQ_S:
    case InstructionId::FLT_S:
    case InstructionId::FLE_S:
      return compare_floating(op), true;
    case InstructionId::FMV_X_W:
    case InstructionId::FMV_W_X:
    case InstructionId::FCVT_W_S:
    case InstructionId::FCVT_S_W:
      return convert(op), true;
    case InstructionId::FMIN_S:
    case InstructionId::FMAX_S:
    case InstructionId::FCLASS_S:
    case InstructionId::FCVT_WU_S:
    case InstructionId::FCVT_S_WU:
      return call(code_.call_floating_, op), true;
    default:
      return false;
  }
}

/// FS = Off: illegal. Nothing in a block can switch it off, so the block's first look is enough.
void BlockCompiler::check_floating(const Operation& op) {
  if (floating_checked_) return;
  floating_checked_ = true;
  const Label off = a_.newLabel();
  a_.cmp(x86::byte_ptr(host::kX, displacement(places_.fs)), 0);
  a_.je(off);
  const CompiledSite* const at = site_of(op);
  later([this, off, at] {
    a_.bind(off);
    write_all_back();
    a_.mov(x86::rcx, reinterpret_cast<uint64_t>(at));
    a_.call(imm(code_.call_system_));
  });
}

/// The state may have changed: FS = Dirty.
void BlockCompiler::mark_floating() {
  if (floating_dirty_) return;
  floating_dirty_ = true;
  a_.mov(x86::byte_ptr(host::kX, displacement(places_.fs)), 3);
}

/// What `slow` leads to: the core carries out `op`, and the block goes on here.
void BlockCompiler::apart_by_call(Label slow, const Operation& op) {
  const Label done = a_.newLabel();
  a_.bind(done);
  const CompiledSite* const at = site_of(op);
  later([this, slow, done, at] {
    a_.bind(slow);
    write_all_back();
    a_.mov(x86::rcx, reinterpret_cast<uint64_t>(at));
    a_.call(imm(code_.call_floating_));
    reload_held();
    a_.jmp(done);
  });
}

void BlockCompiler::check_rounding(const Operation& op, Label slow) {
  if (op.rounding != kDynamicRounding) return;
  a_.cmp(x86::dword_ptr(host::kX, displacement(places_.frm)), 0);
  a_.jne(slow);
}

void BlockCompiler::check_inexact(Label slow) {
  a_.test(x86::byte_ptr(host::kX, displacement(places_.fflags)), softfloat::kInexact);
  a_.jz(slow);
}

/// From xmm0.
void BlockCompiler::store_if_plain(const Operation& op, Label slow) {
  a_.movd(x86::eax, x86::xmm0);
  a_.mov(x86::ecx, x86::eax);
  a_.and_(x86::ecx, ~kSign);
  a_.sub(x86::ecx, kFirstPlain);
  a_.cmp(x86::ecx, kLastPlain - kFirstPlain);
  a_.ja(slow);
  a_.mov(f_place(op.rd), x86::eax);
}

void BlockCompiler::arithmetic(const Operation& op, Inst::Id instruction) {
  if (op.rounding != 0 && op.rounding != kDynamicRounding) return call(code_.call_floating_, op);
  check_floating(op);
  const Label slow = a_.newLabel();
  check_rounding(op, slow);
  check_inexact(slow);
  a_.movss(x86::xmm0, f_place(op.rs1));
  instruction == Inst::kIdSqrtss ? a_.sqrtss(x86::xmm0, x86::xmm0) : a_.emit(instruction, x86::xmm0, f_place(op.rs2));
  store_if_plain(op, slow);
  mark_floating();
  apart_by_call(slow, op);
}

void BlockCompiler::fused(const Operation& op, bool negate_product, bool negate_addend) {
  const bool nearest = op.rounding == 0 || op.rounding == kDynamicRounding;
  if (!host_has_fma() || !nearest) return call(code_.call_floating_, op);
  check_floating(op);
  const Label slow = a_.newLabel();
  check_rounding(op, slow);
  check_inexact(slow);
  a_.vmovss(x86::xmm0, f_place(op.rs1));
  a_.vmovss(x86::xmm1, f_place(op.rs2));
  const x86::Mem addend = f_place(op.rs3);
  if (negate_product) {
    negate_addend ? a_.vfnmsub213ss(x86::xmm0, x86::xmm1, addend) : a_.vfnmadd213ss(x86::xmm0, x86::xmm1, addend);
  } else {
    negate_addend ? a_.vfmsub213ss(x86::xmm0, x86::xmm1, addend) : a_.vfmadd213ss(x86::xmm0, x86::xmm1, addend);
  }
  store_if_plain(op, slow);
  mark_floating();
  apart_by_call(slow, op);
}

void BlockCompiler::sign(const Operation& op) {
  check_floating(op);
  a_.mov(x86::eax, f_place(op.rs1));
  a_.mov(x86::ecx, f_place(op.rs2));
  if (op.id == InstructionId::FSGNJX_S) {
    a_.and_(x86::ecx, kSign);
    a_.xor_(x86::eax, x86::ecx);
  } else {
    if (op.id == InstructionId::FSGNJN_S) a_.not_(x86::ecx);
    a_.and_(x86::eax, ~kSign);
    a_.and_(x86::ecx, kSign);
    a_.or_(x86::eax, x86::ecx);
  }
  a_.mov(f_place(op.rd), x86::eax);
  mark_floating();
}

/// The core has what NaNs do.
void BlockCompiler::compare_floating(const Operation& op) {
  check_floating(op);
  const Label slow = a_.newLabel();
  const bool equal = op.id == InstructionId::FEQ_S;
  a_.movss(x86::xmm0, f_place(equal ? op.rs1 : op.rs2));
  a_.ucomiss(x86::xmm0, f_place(equal ? op.rs2 : op.rs1));
  a_.jp(slow);
  equal ? a_.sete(x86::al) : op.id == InstructionId::FLT_S ? a_.seta(x86::al) : a_.setae(x86::al);
  a_.movzx(x86::eax, x86::al);
  store_x(op.rd, x86::eax);
  mark_floating();
  apart_by_call(slow, op);
}

void BlockCompiler::convert(const Operation& op) {
  static constexpr uint32_t kTowardsZero = 1;
  const bool to_nearest = op.rounding == 0 || op.rounding == kDynamicRounding;
  if (op.id == InstructionId::FCVT_W_S && op.rounding != kTowardsZero) return call(code_.call_floating_, op);
  if (op.id == InstructionId::FCVT_S_W && !to_nearest) return call(code_.call_floating_, op);
  check_floating(op);
  const Label slow = a_.newLabel();
  if (op.id == InstructionId::FMV_X_W) {
    a_.mov(x86::eax, f_place(op.rs1));
    store_x(op.rd, x86::eax);
    return mark_floating();
  }
  if (op.id == InstructionId::FMV_W_X) {
    load_x(x86::eax, op.rs1);
    a_.mov(f_place(op.rd), x86::eax);
    return mark_floating();
  }
  check_inexact(slow);
  if (op.id == InstructionId::FCVT_W_S) {
    a_.cvttss2si(x86::eax, f_place(op.rs1));
    a_.cmp(x86::eax, kSign);  // what the host gives for what does not fit
    a_.je(slow);
    store_x(op.rd, x86::eax);
  } else {
    check_rounding(op, slow);
    load_x(x86::eax, op.rs1);
    a_.pxor(x86::xmm0, x86::xmm0);
    a_.cvtsi2ss(x86::xmm0, x86::eax);
    a_.movss(f_place(op.rd), x86::xmm0);
  }
  mark_floating();
  apart_by_call(slow, op);
}

}  // namespace backboard
