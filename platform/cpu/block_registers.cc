#include "platform/cpu/block_registers.h"

#include <algorithm>
#include <vector>

namespace backboard {
namespace {

constexpr InstructionFormat kFormatOf[kInstructionIds] = {
#define INSTRUCTION(id, mnemonic, match, mask, format, kind) InstructionFormat::format,
#include "platform/cpu/instructions.def"
    InstructionFormat::none, InstructionFormat::none};

}  // namespace

IntegerOperands integer_operands(InstructionId id) {
  switch (kFormatOf[static_cast<unsigned>(id)]) {
    case InstructionFormat::R:
      return {.rs1 = true, .rs2 = true, .rd = true};
    case InstructionFormat::I:
    case InstructionFormat::shift:
    case InstructionFormat::csr:
      return {.rs1 = true, .rd = true};
    case InstructionFormat::S:
    case InstructionFormat::B:
      return {.rs1 = true, .rs2 = true};
    case InstructionFormat::U:
    case InstructionFormat::J:
    case InstructionFormat::csr_immediate:
    case InstructionFormat::fp_to_x:
    case InstructionFormat::fp_to_x_rounded:
      return {.rd = true};
    case InstructionFormat::cache:
    case InstructionFormat::fp_load:
    case InstructionFormat::fp_store:
    case InstructionFormat::x_to_fp:
    case InstructionFormat::x_to_fp_rounded:
      return {.rs1 = true};
    case InstructionFormat::none:
    case InstructionFormat::fp:
    case InstructionFormat::fp_rounded:
    case InstructionFormat::fp_fused:
      return {};
  }
  return {};
}

bool may_leave(InstructionId id) {
  const InstructionKind kind = kind_of(id);
  return kind != InstructionKind::alu && kind != InstructionKind::multiply && kind != InstructionKind::divide;
}

RegisterUses::RegisterUses(std::span<const Operation> operations) {
  for (size_t i = 0; i < operations.size(); ++i) {
    const Operation& op = operations[i];
    const IntegerOperands operands = integer_operands(op.id);
    const uint64_t here = uint64_t{1} << i;
    if (operands.rs1) reads_[op.rs1] |= here;
    if (operands.rs2) reads_[op.rs2] |= here;
    if (operands.rd) writes_[op.rd] |= here;
    if (may_leave(op.id)) leaves_ |= here;
  }
  reads_[0] = writes_[kDiscardRegister] = 0;
}

unsigned RegisterUses::registers() const {
  unsigned result = 0;
  for (unsigned x = 1; x < kDiscardRegister; ++x) result += count(x) != 0;
  return result;
}

bool RegisterUses::is_dead(unsigned x, unsigned from) const {
  if (from >= 64) return false;
  const uint64_t write = writes_[x] >> from;
  if (write == 0) return false;
  const uint64_t until = write ^ (write - 1);  // up to the write and with it
  return (((reads_[x] | leaves_) >> from) & until) == 0;
}

/// A block of few registers has all of them; one of many those that come in, by the number of their uses, and leaves
/// some registers of the host to what is made and used up in it. Who is usually somewhere stays there unless somebody
/// else needs the place.
RegisterPlaces::Guests choose_loop_registers(const RegisterUses& uses, const RegisterPlaces::Guests& usual,
                                             unsigned hosts) {
  constexpr unsigned kLeft = 3;
  const auto places = static_cast<unsigned>(std::popcount(hosts));
  std::vector<unsigned> wanted;
  for (unsigned x = 1; x < kDiscardRegister; ++x) {
    if (uses.count(x) != 0) wanted.push_back(x);
  }
  const bool few = wanted.size() <= places;
  if (!few) {
    std::erase_if(wanted, [&](unsigned x) { return !uses.comes_in(x); });
    std::stable_sort(wanted.begin(), wanted.end(),
                     [&](unsigned a, unsigned b) { return uses.count(a) > uses.count(b); });
    if (wanted.size() > places - kLeft) wanted.resize(places - kLeft);
  }
  RegisterPlaces::Guests chosen{};
  std::vector<unsigned> others;
  for (const unsigned x : wanted) {
    const auto place = std::find(usual.begin(), usual.end(), x);
    const bool stays = place != usual.end() && (hosts >> (place - usual.begin()) & 1) != 0;
    stays ? void(chosen[static_cast<size_t>(place - usual.begin())] = static_cast<uint8_t>(x)) : others.push_back(x);
  }
  const auto place_in_free = [&](unsigned x, bool displaces) {
    for (unsigned host = RegisterPlaces::kHosts; host-- > 0;) {
      if ((hosts >> host & 1) == 0 || chosen[host] != 0 || (usual[host] != 0 && !displaces)) continue;
      chosen[host] = static_cast<uint8_t>(x);
      return true;
    }
    return false;
  };
  for (const unsigned x : others) {
    if (!place_in_free(x, false)) place_in_free(x, true);
  }
  if (!few) return chosen;
  for (unsigned host = 0; host < RegisterPlaces::kHosts; ++host) {
    if (chosen[host] == 0 && (hosts >> host & 1) != 0) chosen[host] = usual[host];
  }
  return chosen;
}

}  // namespace backboard
