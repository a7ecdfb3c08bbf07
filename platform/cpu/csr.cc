// Control and status registers: which exist, what they read, what a write leaves.
#include "platform/cpu/riscv_core.h"

namespace backboard {
namespace {

constexpr unsigned kFsShift = 13, kUxlShift = 32;
constexpr uint32_t kInterruptMask = 1u << 3 | 1u << 7 | 1u << 11;
constexpr uint32_t kCounterMask = 7;                           // CY, TM, IR: counters 3 to 31 are hardwired to zero
constexpr uint32_t kMenvcfgMask = 0x70 | 1;                    // CBCFE, CBIE, FIOM
constexpr uint64_t kPmpAddressMask = (uint64_t{1} << 54) - 1;  // bits 55 to 2 of an address
constexpr uint32_t kImplementationId = 0x1;                    // mimpid: the first version of this model

constexpr bool in(unsigned number, unsigned first, unsigned count) {
  return number >= first && number < first + count;
}

}  // namespace

template <class Xlen>
typename RiscvCore<Xlen>::U RiscvCore<Xlen>::read_mstatus() const {
  U value = mstatus_ | static_cast<U>(fs_) << kFsShift;
  if constexpr (Xlen::kBits == 64) value |= U{2} << kUxlShift;  // user mode is of 64 bits, too, and stays so
  if (fs_ == 3) value |= U{1} << (Xlen::kBits - 1);
  return value;
}

template <class Xlen>
void RiscvCore<Xlen>::write_mstatus(U value) {
  U kept = value & (kMstatusMie | kMstatusMpie | kMstatusMprv | kMstatusTw);
  const U mpp = value & kMstatusMpp;
  kept |= mpp == 0 || mpp == kMstatusMpp ? mpp : mstatus_ & kMstatusMpp;  // only M and U exist
  mstatus_ = kept;
  fs_ = value >> kFsShift & 3;
  privilege_changed();
}

template <class Xlen>
bool RiscvCore<Xlen>::read_counter(unsigned number, U& value) const {
  const bool high = (number & 0x80) != 0;
  if (high && Xlen::kBits == 64) return false;
  uint64_t counter = 0;
  switch (number & 0x1f) {
    case 0:
      counter = mcycle_.value(clock_);
      break;
    case 1:
      if (number >> 8 != 0xc || !time_source_) return false;
      counter = time_source_->mtime_at(clock_time_.time_ps(clock_));
      break;
    case 2:
      counter = minstret_.value(retired_);
      break;
    default:
      break;
  }
  value = static_cast<U>(high ? counter >> 32 : counter);
  return true;
}

template <class Xlen>
void RiscvCore<Xlen>::write_counter(unsigned number, U value, const Moment& after) {
  const bool high = (number & 0x80) != 0;
  const unsigned index = number & 0x1f;
  if (index != 0 && index != 2) return;
  Counter& counter = index == 0 ? mcycle_ : minstret_;
  const uint64_t source = index == 0 ? after.clock : after.retired;
  // The half that is not written keeps its value; a write to either half of minstret suppresses the instruction's own
  // increment (Privileged ISA, "Hardware Performance Monitor").
  const uint64_t now = counter.value(index == 0 ? source : retired_);
  const uint64_t v = value;
  if (Xlen::kBits == 64) return counter.set(v, source);
  counter.set(high ? (now & 0xffffffffu) | v << 32 : (now & ~uint64_t{0xffffffffu}) | (v & 0xffffffffu), source);
}

// A pmpcfg register of RV64 holds those of two of RV32, and has the number of the first.
template <class Xlen>
typename RiscvCore<Xlen>::U RiscvCore<Xlen>::read_pmpcfg(unsigned index) const {
  U value = 0;
  for (unsigned i = 0; i < sizeof(U); ++i) value |= static_cast<U>(pmp_.config(4 * index + i)) << (8 * i);
  return value;
}

template <class Xlen>
void RiscvCore<Xlen>::write_pmpcfg(unsigned index, U value) {
  for (unsigned i = 0; i < sizeof(U); ++i) pmp_.set_config(4 * index + i, static_cast<uint8_t>(value >> (8 * i)));
  path_.flush_pages();
  drop_blocks();
}

template <class Xlen>
bool RiscvCore<Xlen>::read_csr(unsigned number, U& value) const {
  value = 0;
  switch (number) {
    case csr::kFFLAGS:
      value = fflags_;
      return fs_ != 0;
    case csr::kFRM:
      value = frm_;
      return fs_ != 0;
    case csr::kFCSR:
      value = frm_ << 5 | fflags_;
      return fs_ != 0;
    case csr::kMSTATUS:
      value = read_mstatus();
      return true;
    case csr::kMISA:
      // MXL, then a bit for each letter: A C F I M U, D and B.
      value = (Xlen::kBits == 32 ? U{1} : U{2}) << (Xlen::kBits - 2) | 1u << 0 | 1u << 2 | 1u << 5 | 1u << 8 |
              1u << 12 | 1u << 20 | (sizeof(Float) == 8 ? 1u << 3 : 0u) |
              (config_.isa.has(IsaExtension::b) ? 1u << 1 : 0u);
      return true;
    case csr::kMIE:
      value = mie_;
      return true;
    case csr::kMTVEC:
      value = mtvec_;
      return true;
    case csr::kMCOUNTEREN:
      value = mcounteren_;
      return true;
    case csr::kMENVCFG:
      value = menvcfg_;
      return true;
    case csr::kMCOUNTINHIBIT:
      value = (mcycle_.inhibited ? 1u : 0u) | (minstret_.inhibited ? 4u : 0u);
      return true;
    case csr::kMSCRATCH:
      value = mscratch_;
      return true;
    case csr::kMEPC:
      value = mepc_;
      return true;
    case csr::kMCAUSE:
      value = mcause_;
      return true;
    case csr::kMTVAL:
      value = mtval_;
      return true;
    case csr::kMIP:
      value = pins_;
      return true;
    case csr::kMIMPID:
      value = kImplementationId;
      return true;
    case csr::kMHARTID:
      value = config_.hart_id;
      return true;
    case csr::kMSTATUSH:
    case csr::kMENVCFGH:
      return Xlen::kBits == 32;
    case csr::kMVENDORID:   // not a commercial implementation
    case csr::kMARCHID:     // none was allotted
    case csr::kMCONFIGPTR:  // no configuration structure
    case csr::kTSELECT:     // no triggers: the debugger of the simulator needs none
    case csr::kTDATA1:
    case csr::kTDATA2:
    case csr::kTDATA3:
      return true;
    case csr::kTINFO:
      value = 1;
      return true;  // type 0 alone: there is no trigger at tselect
    default:
      break;
  }
  if (in(number, csr::kPMPCFG0, 16)) {
    value = read_pmpcfg(number - csr::kPMPCFG0);
    return Xlen::kBits == 32 || number % 2 == 0;
  }
  if (in(number, csr::kPMPADDR0, 64)) {
    value = static_cast<U>(pmp_.address(number - csr::kPMPADDR0));
    return true;
  }
  if (in(number, csr::kMHPMEVENT3, 29)) return true;
  const unsigned block = number & ~0x9fu;  // counters lie in blocks of 32, low and high halves
  if (block == csr::kMCYCLE || block == csr::kCYCLE) return read_counter(number, value);
  return false;
}

template <class Xlen>
bool RiscvCore<Xlen>::csr_exists(unsigned number, bool write) const {
  if (!machine_ && (number >> 8 & 3) != 0) return false;
  if (write && number >> 10 == 3) return false;
  const bool user_counter = (number & ~0x9fu) == csr::kCYCLE;
  return machine_ || !user_counter || (mcounteren_ >> (number & 0x1f) & 1);
}

template <class Xlen>
bool RiscvCore<Xlen>::write_csr(unsigned number, U value, const Moment& after) {
  switch (number) {
    case csr::kFFLAGS:
      fflags_ = value & 0x1f;
      fs_ = 3;
      return true;
    case csr::kFRM:
      frm_ = value & 7;
      fs_ = 3;
      return true;
    case csr::kFCSR:
      fflags_ = value & 0x1f;
      frm_ = value >> 5 & 7;
      fs_ = 3;
      return true;
    case csr::kMSTATUS:
      write_mstatus(value);
      return true;
    case csr::kMIE:
      mie_ = value & kInterruptMask;
      return true;
    case csr::kMTVEC:
      mtvec_ = value & ~U{2};
      return true;
    case csr::kMCOUNTEREN:
      mcounteren_ = value & kCounterMask;
      return true;
    case csr::kMENVCFG:
      menvcfg_ = value & kMenvcfgMask;
      if ((value >> 4 & 3) == 2) menvcfg_ &= ~U{0x30};  // CBIE 2 is reserved: traps instead
      return true;
    case csr::kMCOUNTINHIBIT:
      mcycle_.inhibit((value & 1) != 0, after.clock);
      minstret_.inhibit((value & 4) != 0, after.retired);
      return true;
    case csr::kMSCRATCH:
      mscratch_ = value;
      return true;
    case csr::kMEPC:
      mepc_ = value & ~U{1};
      return true;
    case csr::kMCAUSE:
      mcause_ = value;
      return true;
    case csr::kMTVAL:
      mtval_ = value;
      return true;
    default:
      break;
  }
  if (in(number, csr::kPMPCFG0, 16)) {
    write_pmpcfg(number - csr::kPMPCFG0, value);
  } else if (in(number, csr::kPMPADDR0, 64)) {
    pmp_.set_address(number - csr::kPMPADDR0, value & kPmpAddressMask);
    path_.flush_pages();
    drop_blocks();
  } else if ((number & ~0x9fu) == csr::kMCYCLE) {
    write_counter(number, value, after);
  }
  return true;  // the rest reads as it did: misa, mip's pins, hardwired counters and triggers
}

template <class Xlen>
std::optional<uint64_t> RiscvCore<Xlen>::csr(unsigned number) {
  U value = 0;
  const uint8_t fs = fs_;
  if (number <= csr::kFCSR) fs_ = 3;  // a debugger sees the FP state also while it is off
  const bool exists = read_csr(number, value);
  fs_ = fs;
  return exists ? std::optional<uint64_t>(value) : std::nullopt;
}

template <class Xlen>
bool RiscvCore<Xlen>::set_csr(unsigned number, uint64_t value) {
  if (number >> 10 == 3 || !csr(number)) return false;
  const uint8_t fs = fs_;
  write_csr(number, static_cast<U>(value), {clock_, retired_});
  if (number <= csr::kFCSR) fs_ = fs;
  if (waiting_ && pending_interrupts()) {
    waiting_ = false;
    if (stop_reason_ == StopReason::none) schedule();
  }
  return true;
}

template bool RiscvCore<Rv32>::csr_exists(unsigned, bool) const;
template bool RiscvCore<Rv32>::read_csr(unsigned, uint32_t&) const;
template bool RiscvCore<Rv32>::write_csr(unsigned, uint32_t, const Moment&);
template std::optional<uint64_t> RiscvCore<Rv32>::csr(unsigned);
template bool RiscvCore<Rv32>::set_csr(unsigned, uint64_t);
template bool RiscvCore<Rv64>::csr_exists(unsigned, bool) const;
template bool RiscvCore<Rv64>::read_csr(unsigned, uint64_t&) const;
template bool RiscvCore<Rv64>::write_csr(unsigned, uint64_t, const Moment&);
template std::optional<uint64_t> RiscvCore<Rv64>::csr(unsigned);
template bool RiscvCore<Rv64>::set_csr(unsigned, uint64_t);

}  // namespace backboard
