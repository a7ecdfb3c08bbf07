#include "platform/cpu/access_groups.h"

#include <algorithm>
#include <array>

#include "platform/cpu/block_registers.h"

namespace backboard {
namespace {

constexpr size_t kFewest = 4;
constexpr int32_t kPageBytes = 4096;

bool multiple(int32_t value, uint32_t of) {
  return (static_cast<uint32_t>(value) & (of - 1)) == 0;
}

/// One group of `accesses`, which are by the same register; those that are not aligned like the others stay outside.
void add_group(std::span<const Operation> operations, std::vector<size_t> accesses, AccessGroups& result) {
  if (accesses.size() < kFewest) return;
  const auto bytes = [&](size_t i) { return moved_bytes(operations[i].id); };
  const size_t largest =
      *std::max_element(accesses.begin(), accesses.end(), [&](size_t a, size_t b) { return bytes(a) < bytes(b); });
  const int32_t anchor = operations[largest].immediate;
  std::erase_if(accesses, [&](size_t i) { return !multiple(operations[i].immediate - anchor, bytes(i)); });
  if (accesses.size() < kFewest) return;
  AccessGroup group{.base = operations[largest].rs1, .first = anchor, .last = anchor, .alignment = bytes(largest)};
  uint64_t members = 0;
  for (const size_t i : accesses) {
    const Operation& op = operations[i];
    group.first = std::min(group.first, op.immediate);
    group.last = std::max(group.last, op.immediate + static_cast<int32_t>(bytes(i)) - 1);
    (kind_of(op.id) == InstructionKind::store ? group.writes : group.reads) = true;
    members |= uint64_t{1} << i;
  }
  while (!multiple(group.first - anchor, group.alignment)) --group.first;
  if (group.last - group.first >= kPageBytes) return;
  result.groups.push_back(group);
  result.members |= members;
}

}  // namespace

AccessGroups group_accesses(std::span<const Operation> operations) {
  std::array<std::vector<size_t>, RegisterUses::kRegisters> by_base;
  uint64_t written = 1;  // x0 is the base of absolute addresses
  for (size_t i = 0; i < operations.size(); ++i) {
    const Operation& op = operations[i];
    const InstructionKind kind = kind_of(op.id);
    if (kind == InstructionKind::atomic) return {};
    const bool moves = kind == InstructionKind::load || kind == InstructionKind::store;
    if (moves && (written >> op.rs1 & 1) == 0) by_base[op.rs1].push_back(i);
    if (integer_operands(op.id).rd) written |= uint64_t{1} << op.rd;
  }
  AccessGroups result;
  for (std::vector<size_t>& accesses : by_base) add_group(operations, std::move(accesses), result);
  return result;
}

}  // namespace backboard
