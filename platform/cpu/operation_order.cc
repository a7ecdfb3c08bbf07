#include "platform/cpu/operation_order.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "platform/check/check.h"
#include "platform/cpu/block_registers.h"

namespace backboard {
namespace {

/// What it reads: x0 in place of an operand that it does not have.
std::array<uint8_t, 2> sources(const Operation& operation) {
  const IntegerOperands operands = integer_operands(operation.id);
  return {operands.rs1 ? operation.rs1 : uint8_t{0}, operands.rs2 ? operation.rs2 : uint8_t{0}};
}

bool reads(const Operation& operation, uint8_t x) {
  const auto [first, second] = sources(operation);
  return first == x || second == x;
}

/// Sets of the operations of a run, one bit each.
using Set = uint64_t;
constexpr size_t kMostInRun = 64;

/// Which operations of a run must come before which.
class Dependences {
 public:
  explicit Dependences(std::span<const Operation> run) {
    std::array<Set, kDiscardRegister + 1> writes{}, reads{};  // by register: the last one, and those since
    for (size_t i = 0; i < run.size(); ++i) {
      const Operation& op = run[i];
      const Set self = Set{1} << i;
      for (const uint8_t source : sources(op)) {
        reads_result_of_[i] |= writes[source];
        reads[source] |= self;
      }
      waits_for_[i] = reads_result_of_[i];
      if (op.rd == kDiscardRegister) continue;
      waits_for_[i] |= writes[op.rd] | (reads[op.rd] & ~self);
      writes[op.rd] = self;
      reads[op.rd] = 0;
    }
  }
  bool may_follow(size_t i, Set done) const { return (waits_for_[i] & ~done) == 0; }
  bool reads_result_of(size_t i, size_t other) const { return (reads_result_of_[i] >> other & 1) != 0; }

 private:
  std::array<Set, kMostInRun> waits_for_{}, reads_result_of_{};
};

/// `before`: the register that the operation before the run leaves at hand.
void order(std::span<Operation> run, uint8_t before) {
  const Dependences dependences(run);
  const std::vector<Operation> given(run.begin(), run.end());
  Set done = 0;
  size_t last = kMostInRun;  // none
  for (size_t place = 0; place < given.size(); ++place) {
    size_t chosen = kMostInRun;
    for (size_t i = static_cast<size_t>(std::countr_one(done)); i < given.size(); ++i) {
      if ((done >> i & 1) != 0 || !dependences.may_follow(i, done)) continue;
      const bool at_hand = last == kMostInRun ? reads(given[i], before) : dependences.reads_result_of(i, last);
      if (chosen == kMostInRun || at_hand) chosen = i;
      if (at_hand) break;
    }
    const uint16_t cycles_before = run[place].cycles_before;
    run[place] = given[chosen];
    run[place].cycles_before = cycles_before;
    done |= Set{1} << chosen;
    last = chosen;
  }
}

}  // namespace

void put_results_at_hand(std::span<Operation> operations) {
  uint8_t before = kDiscardRegister;
  for (size_t first = 0; first < operations.size();) {
    size_t end = first;
    while (end < operations.size() && end - first < kMostInRun && !may_leave(operations[end].id)) ++end;
    if (end - first > 1) order(operations.subspan(first, end - first), before);
    if (end == first) ++end;
    const Operation& last = operations[end - 1];
    before = kind_of(last.id) == InstructionKind::load ? last.rd : kDiscardRegister;
    first = end;
  }
}

std::vector<Operation> in_program_order(std::span<const Operation> operations) {
  std::vector<Operation> ordered(operations.begin(), operations.end());
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Operation& a, const Operation& b) { return a.pc_offset < b.pc_offset; });
  return ordered;
}

const Operation& operation_at(std::span<const Operation> operations, unsigned pc_offset, size_t usual) {
  if (usual < operations.size() && operations[usual].pc_offset == pc_offset) return operations[usual];
  const auto found = std::find_if(operations.begin(), operations.end(),
                                  [=](const Operation& operation) { return operation.pc_offset == pc_offset; });
  BB_CHECK(found != operations.end(), "no operation at {}", pc_offset);
  return *found;
}

}  // namespace backboard
