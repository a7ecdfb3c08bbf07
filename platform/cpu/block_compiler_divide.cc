// Divisions in compiled blocks (division_plan.h).
#include "platform/cpu/block_compiler.h"
#include "platform/cpu/decode.h"

namespace backboard {

using namespace asmjit;

namespace {

/// Where a quotient is kept: compiled code's own room on the stack (CompiledCode::make_frame).
x86::Mem kept_quotient() {
  return x86::dword_ptr(x86::rsp);
}

}  // namespace

/// The host's division of integers traps where a divisor is zero, and where a quotient overflows, which it does by -1
/// alone.
void BlockCompiler::divide(const Operation& op, bool is_signed, bool remainder) {
  if (op.rd == kDiscardRegister) return;
  if (divisions_.empty()) divisions_ = plan_divisions(operations_);
  const Division& plan = divisions_[now_];
  if (plan.takes_quotient) return take_quotient(op, remainder);
  const Label zero = a_.newLabel(), minus_one = a_.newLabel(), done = a_.newLabel();
  load_x(x86::ecx, op.rs2);
  load_x(x86::eax, op.rs1);
  a_.test(x86::ecx, x86::ecx);
  a_.jz(zero);
  if (plan.floating) {
    divide_as_binary64(is_signed, remainder);
  } else if (is_signed) {
    a_.cmp(x86::ecx, -1);
    a_.je(minus_one);
    a_.cdq();
    a_.idiv(x86::ecx);
  } else {
    a_.xor_(x86::edx, x86::edx);
    a_.div(x86::ecx);
  }
  if (plan.keeps_quotient) a_.mov(kept_quotient(), x86::eax);
  store_x(op.rd, remainder ? x86::edx : x86::eax);
  a_.bind(done);
  later([this, rd = op.rd, plan, zero, minus_one, done, is_signed, remainder] {
    a_.bind(zero);
    if (remainder) a_.mov(x86::edx, x86::eax);
    a_.mov(x86::eax, -1);
    if (plan.keeps_quotient) a_.mov(kept_quotient(), x86::eax);
    store_x(rd, remainder ? x86::edx : x86::eax);
    a_.jmp(done);
    if (!is_signed || plan.floating) return;
    a_.bind(minus_one);
    a_.neg(x86::eax);
    if (plan.keeps_quotient) a_.mov(kept_quotient(), x86::eax);
    if (remainder) a_.xor_(x86::edx, x86::edx);
    store_x(rd, remainder ? x86::edx : x86::eax);
    a_.jmp(done);
  });
}

/// eax by ecx, which is not zero: quotient in eax; where it is wanted, the remainder in edx. Exact: a quotient of two
/// numbers below 2^32 that is no integer differs from the next one by more than 2^-32, and binary64 has 53 bits, so
/// that rounding never reaches it. The least number by -1 gives 2^31, whose low word is right.
void BlockCompiler::divide_as_binary64(bool is_signed, bool remainder) {
  if (is_signed) {
    a_.movsxd(x86::rax, x86::eax);
    a_.movsxd(x86::rcx, x86::ecx);
  }
  a_.pxor(x86::xmm0, x86::xmm0);  // conversions leave the upper half as it is, and would wait for it
  a_.pxor(x86::xmm1, x86::xmm1);
  a_.cvtsi2sd(x86::xmm0, x86::rax);
  a_.cvtsi2sd(x86::xmm1, x86::rcx);
  a_.divsd(x86::xmm0, x86::xmm1);
  if (!remainder) {
    a_.cvttsd2si(x86::rax, x86::xmm0);
    return;
  }
  a_.mov(x86::edx, x86::eax);
  a_.cvttsd2si(x86::rax, x86::xmm0);
  a_.imul(x86::ecx, x86::eax);
  a_.sub(x86::edx, x86::ecx);
}

/// The manual's table holds for what is computed from a quotient too: -1 by a divisor of zero leaves the dividend.
void BlockCompiler::take_quotient(const Operation& op, bool remainder) {
  a_.mov(x86::ecx, kept_quotient());
  if (!remainder) return store_x(op.rd, x86::ecx);
  if (!held(op.rs2)) write_back(op.rs2);
  held(op.rs2) ? a_.imul(x86::ecx, home_of(op.rs2)) : a_.imul(x86::ecx, x_place(op.rs2));
  load_x(x86::eax, op.rs1);
  a_.sub(x86::eax, x86::ecx);
  store_x(op.rd, x86::eax);
}

}  // namespace backboard
