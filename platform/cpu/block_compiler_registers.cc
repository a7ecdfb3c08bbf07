// Registers of the guest in registers of the host, chosen as a block goes along: who is used often enough comes in when
// it is first used, at the cost of who is used last or not at all. Where the block calls the core, and where it ends,
// everything is where others look for it.
#include <algorithm>

#include "platform/cpu/block_compiler.h"
#include "platform/cpu/decode.h"

namespace backboard {

using namespace asmjit;

namespace {

RegisterPlaces::Guests usual_guests() {
  RegisterPlaces::Guests guests{};
  for (unsigned i = 0; i < host::kPinned; ++i) guests[i] = static_cast<uint8_t>(host::kFirstPinned + i);
  return guests;
}

}  // namespace

bool BlockCompiler::host_has_bmi2() {
  static const bool has = CpuInfo::host().features().x86().hasBMI2();
  return has;
}

/// Whether `op` is emitted with nothing but eax beside what its operands are in.
bool BlockCompiler::needs_only_eax(const Operation& op) const {
  switch (op.id) {
    case InstructionId::FLW:
    case InstructionId::FSW:
      return false;
    case InstructionId::SLL:
    case InstructionId::SRL:
    case InstructionId::SRA:
      return host_has_bmi2();
    default:
      break;
  }
  switch (kind_of(op.id)) {
    case InstructionKind::alu:
      return op.id <= InstructionId::AND || op.id == InstructionId::RORI;  // the other rows behind are extensions'
    case InstructionKind::load:
    case InstructionKind::store:
      return !data_.by_lines && data_.no_wrap;
    case InstructionKind::multiply:
    case InstructionKind::branch:
    case InstructionKind::jump:
    case InstructionKind::csr:  // these four begin with everything in memory
    case InstructionKind::atomic:
    case InstructionKind::system:
    case InstructionKind::fence:
      return true;
    default:
      return false;
  }
}

/// Which registers the block may use, and where they are at its entry.
void BlockCompiler::choose_registers() {
  only_eax_ = !block_.block.cached() && std::all_of(operations_.begin(), operations_.end(),
                                                    [&](const Operation& op) { return needs_only_eax(op); });
  hosts_ = (1u << (only_eax_ ? RegisterPlaces::kHosts : host::kPinned)) - 1;
  wanted_ = usual_guests();
  places_now_ = RegisterPlaces();
  for (unsigned i = 0; i < host::kPinned; ++i) {
    places_now_.put(host::kFirstPinned + i, i);
    places_now_.set_stale(host::kFirstPinned + i, true);
  }
  const Operation& last = operations_.back();
  const bool branches = kind_of(last.id) == InstructionKind::branch || last.id == InstructionId::JAL;
  loops_ = branches && last.pc_offset + last.immediate == 0;
  if (!loops_) return;
  choose_turn_counter();
  wanted_ = choose_loop_registers(uses_, usual_guests(), hosts_);
}

void BlockCompiler::choose_turn_counter() {
  if (uses_.registers() >= static_cast<unsigned>(std::popcount(hosts_))) return;
  const RegisterPlaces::Guests usual = usual_guests();
  for (unsigned i = RegisterPlaces::kHosts; i-- > 0;) {
    if ((hosts_ >> i & 1) == 0 || (usual[i] != 0 && uses_.count(usual[i]) != 0)) continue;
    hosts_ &= ~(1u << i);
    turns_ = host::kHosts[i].r64();
    return;
  }
}

void BlockCompiler::restart_turns() {
  if (turns_) a_.xor_(turns_->r32(), turns_->r32());
}

/// To the core's counters, before anybody looks at them. Uses eax.
void BlockCompiler::add_turns() {
  if (!turns_) return;
  a_.imul(x86::rax, *turns_, block_.block.count);
  a_.add(x86::qword_ptr(host::kX, displacement(places_.retired)), x86::rax);
  a_.mov(x86::rax, reinterpret_cast<uint64_t>(&block_));
  a_.add(x86::qword_ptr(x86::rax, static_cast<int32_t>(offsetof(CompiledBlock, executions) + turning_end() * 8)),
         *turns_);
}

/// The state of things where a loop turns.
RegisterPlaces BlockCompiler::at_turn() const {
  RegisterPlaces places;
  for (unsigned i = 0; i < RegisterPlaces::kHosts; ++i) {
    const unsigned x = wanted_[i];
    if (x == 0) continue;
    places.put(x, i);
    places.set_stale(x, usual(x) || uses_.writes(x) != 0);
  }
  return places;
}

/// What the next turn overwrites before anybody looks need not be in memory where a loop turns, unless it does not:
/// what is known, or in a register of the host that nobody wants, is still there then.
void BlockCompiler::leave_dead_behind() {
  before_turn_ = places_now_;
  left_behind_ = 0;
  for (unsigned x = 1; x < kDiscardRegister; ++x) {
    const bool stays = held(x) ? wanted_[places_now_.host(x)] == 0 : known(x);
    const bool wanted = std::find(wanted_.begin(), wanted_.end(), x) != wanted_.end();
    if (!places_now_.stale(x) || !stays || wanted || !uses_.is_dead(x, 0)) continue;
    left_behind_ |= uint64_t{1} << x;
    places_now_.set_stale(x, false);
  }
}

/// A fresh register of the host has no value yet: what is out of date then is a constant.
void BlockCompiler::write_back(unsigned x) {
  if (!places_now_.stale(x)) return;
  held(x) && x != fresh_ ? a_.mov(x_place(x), home_of(x)) : a_.mov(x_place(x), places_now_.value(x));
  places_now_.set_stale(x, false);
}

/// Brings everything into memory, as the core looks for it. Changes nothing but memory and eax.
void BlockCompiler::write_all_back() {
  add_turns();
  for (unsigned x = 1; x < kDiscardRegister; ++x) write_back(x);
}

void BlockCompiler::hold_nothing() {
  for (unsigned x = 1; x < kDiscardRegister; ++x) places_now_.drop(x);
}

/// Behind a call.
void BlockCompiler::reload_held() {
  for (unsigned i = 0; i < RegisterPlaces::kHosts; ++i) {
    if (const unsigned x = places_now_.guest(i)) a_.mov(host::kHosts[i], x_place(x));
  }
  restart_turns();
}

/// Brings those of `guests` into their registers of the host, and everything else into memory. Leaves eax and the flags
/// as they are.
void BlockCompiler::settle(const RegisterPlaces::Guests& guests) {
  std::array<uint8_t, RegisterUses::kRegisters> goal;
  goal.fill(RegisterPlaces::kNowhere);
  for (unsigned i = 0; i < guests.size(); ++i) {
    if (guests[i] != 0) goal[guests[i]] = static_cast<uint8_t>(i);
  }
  for (unsigned x = 1; x < kDiscardRegister; ++x) {
    if (goal[x] != RegisterPlaces::kNowhere) continue;
    write_back(x);
    places_now_.drop(x);
  }
  for (bool moved = true; moved;) {
    moved = false;
    for (unsigned i = 0; i < guests.size(); ++i) {
      const unsigned x = guests[i];
      if (x == 0 || !held(x) || places_now_.host(x) == i || places_now_.guest(i) != 0) continue;
      a_.mov(host::kHosts[i], home_of(x));
      places_now_.drop(x);
      places_now_.put(x, i);
      moved = true;
    }
  }
  // Who waits for one another goes through memory.
  for (unsigned i = 0; i < guests.size(); ++i) {
    const unsigned x = guests[i];
    if (x == 0 || !held(x) || places_now_.host(x) == i) continue;
    write_back(x);
    places_now_.drop(x);
  }
  for (unsigned i = 0; i < guests.size(); ++i) {
    const unsigned x = guests[i];
    if (x == 0 || held(x)) continue;
    if (places_now_.known(x)) {
      a_.mov(host::kHosts[i], places_now_.value(x));
    } else {
      a_.mov(host::kHosts[i], x_place(x));
    }
    places_now_.put(x, i);
  }
}

void BlockCompiler::settle_usually() {
  settle(usual_guests());
}

/// What giving away the register of the host that x is in costs: stores and loads that would not be there otherwise.
int BlockCompiler::cost_of_moving_out(unsigned x) const {
  const uint64_t later = uses_.accesses(x, now_);
  const bool wanted = std::find(wanted_.begin(), wanted_.end(), x) != wanted_.end();
  const bool comes_back = later == 0 ? wanted : (uses_.reads(x) >> now_ & later & (~later + 1)) != 0;
  const bool stores = places_now_.stale(x) && !places_now_.known(x) && !uses_.is_dead(x, now_);
  return (stores && (later != 0 || wanted) ? 1 : 0) + (comes_back ? 1 : 0);
}

/// A register of the host for x; kNowhere when x is not used often enough to take that of another, unless it `must`.
unsigned BlockCompiler::place_for(unsigned x, unsigned busy, bool must) {
  const uint64_t accesses = uses_.accesses(x, now_);
  unsigned free = RegisterPlaces::kNowhere;
  for (unsigned i = RegisterPlaces::kHosts; i-- > 0;) {
    if ((hosts_ >> i & 1) == 0 || (busy >> i & 1) != 0 || places_now_.guest(i) != 0) continue;
    const bool better = free == RegisterPlaces::kNowhere || wanted_[i] == x || (wanted_[free] != 0 && wanted_[i] == 0);
    if (better && (free == RegisterPlaces::kNowhere || wanted_[free] != x)) free = i;
  }
  if (free != RegisterPlaces::kNowhere) {
    return must || std::popcount(accesses) > 1 || wanted_[free] == x ? free : RegisterPlaces::kNowhere;
  }
  unsigned best = RegisterPlaces::kNowhere, best_next = 0;
  int best_gain = must ? INT32_MIN : 0;
  for (unsigned i = 0; i < RegisterPlaces::kHosts; ++i) {
    const unsigned other = places_now_.guest(i);
    if ((hosts_ >> i & 1) == 0 || (busy >> i & 1) != 0 || other == 0) continue;
    const auto next = static_cast<unsigned>(std::countr_zero(uses_.accesses(other, now_)));
    const uint64_t until = next >= 64 ? ~uint64_t{0} : (uint64_t{1} << next) - 1;
    const int uses = std::popcount(accesses & until) - 1;
    const int gain = uses - cost_of_moving_out(other);
    if (!must && uses < 1) continue;
    if (gain < best_gain || (gain == best_gain && best != RegisterPlaces::kNowhere && next <= best_next)) continue;
    best = i;
    best_gain = gain;
    best_next = next;
  }
  return best;
}

/// Puts x into a register of the host, with its value where `load`.
void BlockCompiler::hold(unsigned x, unsigned place, bool load) {
  if (const unsigned other = places_now_.guest(place)) {
    if (uses_.is_dead(other, now_)) {
      places_now_.set_stale(other, false);
    } else if (!places_now_.known(other)) {
      write_back(other);
    }
    places_now_.drop(other);
  }
  if (load) {
    const Gp& to = host::kHosts[place];
    if (at_hand(x)) {
      a_.mov(to, x86::eax);
    } else if (places_now_.known(x)) {
      a_.mov(to, places_now_.value(x));
    } else {
      a_.mov(to, x_place(x));
    }
  }
  places_now_.put(x, place);
}

/// Before an instruction: registers of the host for its operands, as far as they are worth it, but not those that are
/// `busy`. Returns these and the operands'. `needs_result`: the result's, where there is no temporary one but eax.
unsigned BlockCompiler::prepare(const Operation& op, unsigned busy, bool needs_result) {
  const IntegerOperands operands = integer_operands(op.id);
  const InstructionKind kind = kind_of(op.id);
  const auto keep = [&](bool there, unsigned x) {
    if (there && held(x)) busy |= 1u << places_now_.host(x);
  };
  const auto bring = [&](unsigned x, bool load, bool must) {
    if (x == 0 || x == kDiscardRegister || held(x)) return;
    const unsigned place = place_for(x, busy, must);
    if (place == RegisterPlaces::kNowhere) return;
    hold(x, place, load);
    busy |= 1u << place;
    if (!load) fresh_ = x;
  };
  keep(operands.rs1, op.rs1);
  keep(operands.rs2, op.rs2);
  keep(operands.rd, op.rd);
  const bool moves = kind == InstructionKind::load || kind == InstructionKind::store;
  const bool rs1_known = places_now_.known(op.rs1), rs2_known = places_now_.known(op.rs2);
  if (operands.rs1 && moves && only_eax_) {
    // The address may be in eax only if nothing else has to be.
    const bool value_elsewhere = kind == InstructionKind::store && !rs2_known && !held(op.rs2);
    if (!rs1_known) {
      bring(op.rs1, true, true);
    } else if (value_elsewhere) {
      bring(op.rs2, true, true);
    }
  } else if (operands.rs1 && (!rs1_known || op.rs1 == op.rd)) {
    bring(op.rs1, true, false);
  }
  if (operands.rs2 && (!rs2_known || op.rs2 == op.rd)) bring(op.rs2, true, false);
  const bool is_source = (operands.rs1 && op.rd == op.rs1) || (operands.rs2 && op.rd == op.rs2);
  // The upper half of a product may need a second register.
  const bool upper_half =
      op.id == InstructionId::MULH || op.id == InstructionId::MULHU || op.id == InstructionId::MULHSU;
  const bool must = (upper_half || needs_result) && only_eax_;
  if (operands.rd && (!is_source || must) && kind != InstructionKind::jump) bring(op.rd, is_source, must);
  return busy;
}

/// Behind it: rd has a value of its own now, in its register of the host or in memory.
void BlockCompiler::wrote(const Operation& op) {
  fresh_ = 0;
  if (made_constant_) return;
  if (!integer_operands(op.id).rd || op.rd == kDiscardRegister) return;
  places_now_.forget_value(op.rd);
  places_now_.set_stale(op.rd, held(op.rd));
}

}  // namespace backboard
