// Decoding runs of instructions into blocks, and counting what the blocks did.
#include <algorithm>
#include <cstring>

#include "platform/cpu/riscv_core.h"

namespace backboard {
namespace {

/// Control may go elsewhere, or the whole core's state is looked at: no instruction may follow in the block.
bool ends_block(const Operation& operation) {
  switch (kind_of(operation.id)) {
    case InstructionKind::branch:
    case InstructionKind::jump:
    case InstructionKind::csr:
    case InstructionKind::system:
      return true;
    case InstructionKind::fence:
      return operation.id != InstructionId::FENCE;
    default:
      return false;
  }
}

unsigned memory_accesses(const Operation& operation) {
  switch (kind_of(operation.id)) {
    case InstructionKind::load:
    case InstructionKind::store:
      return 1;
    case InstructionKind::atomic:
      return 2;
    default:
      return 0;
  }
}

}  // namespace

template <class Xlen>
Block* RiscvCore<Xlen>::find_block() {
  const uint64_t key = pc_ | user_bit();
  Block& block = blocks_.slot(key);
  return block.key == key ? &block : build_block();
}

template <class Xlen>
Block* RiscvCore<Xlen>::build_block() {
  const uint32_t region = path_.region_of(pc_, 2);
  if (region == DataPath::kNoRegion) return nullptr;
  if (!blocks_.has_room() || path_.largest_latency_cycles() != bounded_latency_) drop_blocks();
  const uint64_t key = pc_ | user_bit();
  Block& slot = blocks_.slot(key);
  Block block;
  block.key = key;
  block.region = region;
  block.operations = blocks_.room();
  const unsigned count = fill_block(blocks_.room(), region, block);
  if (count == 0) return nullptr;
  if (std::binary_search(breakpoints_.begin(), breakpoints_.end(), uint64_t{pc_})) {
    breakpoint_block_ = block;  // its operations stay in the room until another block is built
    return &breakpoint_block_;
  }
  if (slot.key != Block::kNoKey) count_block(slot);
  slot = block;
  blocks_.commit(slot, count + 1);
  return &slot;
}

template <class Xlen>
unsigned RiscvCore<Xlen>::fill_block(Operation* operations, uint32_t region_index, Block& block) {
  const DataPath::Region& region = path_.region(region_index);
  uint32_t offset = 0, cycles = 0, accesses = 0;
  unsigned count = 0;
  bool branch = false;
  for (bool ended = false; !ended && count < Block::kMaxOperations; ++count) {
    const uint64_t address = uint64_t{pc_} + offset;
    const auto readable = [&](uint64_t half) {
      return half + 1 <= region.last && pmp_.allows(half, 2, PmpAccess::execute, machine_);
    };
    if (!readable(address)) break;
    if (count > 0 && std::binary_search(breakpoints_.begin(), breakpoints_.end(), address)) break;
    uint32_t bits = region.bytes[address - region.first] | region.bytes[address - region.first + 1] << 8;
    if (is_long_instruction(bits)) {
      if (!readable(address + 2)) break;
      std::memcpy(&bits, region.bytes + (address - region.first), sizeof bits);
    }
    Operation operation = decode(bits);
    operation.pc_offset = static_cast<uint16_t>(offset);
    operation.cycles_before = static_cast<uint16_t>(cycles);
    operations[count] = operation;
    offset += operation.length_bytes;
    cycles += cost_[static_cast<unsigned>(kind_of(operation.id))];
    accesses += memory_accesses(operation);
    branch = kind_of(operation.id) == InstructionKind::branch;
    ended = ends_block(operation);
  }
  if (count == 0) return 0;
  operations[count] = {};
  operations[count].id = InstructionId::kBlockEnd;
  operations[count].cycles_before = static_cast<uint16_t>(cycles);
  block.count = static_cast<uint16_t>(count);
  block.cycles = static_cast<uint16_t>(cycles);
  block.bytes = offset;
  block.worst_cycles = cycles + accesses * bounded_latency_ + (branch ? config_.costs.branch_taken : 0);
  return count;
}

template <class Xlen>
void RiscvCore<Xlen>::drop_blocks() {
  blocks_.clear([this](Block& block) { count_block(block); });
  bounded_latency_ = path_.largest_latency_cycles();
}

template <class Xlen>
void RiscvCore<Xlen>::count_block(Block& block) {
  if (block.executions == 0) return;
  uint64_t code_bytes = 0;
  for (unsigned i = 0; i < block.count; ++i) {
    kinds_[static_cast<unsigned>(kind_of(block.operations[i].id))] += block.executions;
    code_bytes += block.operations[i].length_bytes;
  }
  branches_taken_ += block.taken;
  if (block.region != DataPath::kNoRegion) {
    path_.region(block.region).code_read_bytes += code_bytes * block.executions;
  }
  block.executions = 0;
  block.taken = 0;
}

template <class Xlen>
void RiscvCore<Xlen>::count_operation(const Operation& operation, uint32_t region) {
  kinds_[static_cast<unsigned>(kind_of(operation.id))]++;
  if (region != DataPath::kNoRegion) path_.region(region).code_read_bytes += operation.length_bytes;
}

template <class Xlen>
void RiscvCore<Xlen>::invalidate(uint64_t first, uint64_t last) {
  blocks_.for_each([&](Block& block) {
    if (block.pc() > last || block.pc() + block.bytes - 1 < first) return;
    count_block(block);
    block.key = Block::kNoKey;
  });
}

template <class Xlen>
void RiscvCore<Xlen>::forget_direct() {
  drop_blocks();
  path_.forget_regions();
}

template Block* RiscvCore<Rv32>::find_block();
template void RiscvCore<Rv32>::drop_blocks();
template void RiscvCore<Rv32>::count_block(Block&);
template void RiscvCore<Rv32>::count_operation(const Operation&, uint32_t);
template void RiscvCore<Rv32>::invalidate(uint64_t, uint64_t);
template void RiscvCore<Rv32>::forget_direct();

}  // namespace backboard
