// Decoding runs of instructions into blocks, and counting what the blocks did.
#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "platform/check/check.h"
#include "platform/cpu/handlers.h"
#include "platform/cpu/operation_order.h"
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
  if (!is_block_key(key)) return nullptr;
  if (path_.code_cache()) return find_block_in_lines();
  Block& block = blocks_.slot(key);
  return block.key == key ? &block : build_block();
}

/// Brings the lines of the instruction at pc_ into the code cache. False when that took time (or trapped): what else
/// is due must be looked at again.
template <class Xlen>
bool RiscvCore<Xlen>::fetch_code() {
  Cache& cache = *path_.code_cache();
  const uint64_t key = pc_ | user_bit();
  if (!is_block_key(key)) return true;
  const Block& known = blocks_.slot(key);
  if (known.key == key && is_there(known)) return true;
  for (unsigned half = 0; half < 2; ++half) {
    const uint64_t address = uint64_t{pc_} + 2 * half;
    const uint32_t region = path_.region_of(address, 2);
    if (!pmp_.allows(address, 2, PmpAccess::execute, machine_) || !path_.caches_code(address, region)) return true;
    const TracedStep step = step_here(TracedStep::Kind::retired);
    const AccessResult result = path_.fetch_line(cache.line_of(address), clock_);
    clock_ += result.cycles;
    if (result.kind == AccessKind::wait) {
      blocked_ = true;
      return false;
    }
    if (result.kind == AccessKind::fault) {
      const uint64_t exceptions_before = exceptions_;
      take_trap(TrapCause::instruction_access, static_cast<U>(address), result.response);
      if (tracer_) trace(step, exceptions_before);
      return false;
    }
    if (result.kind == AccessKind::bus) {
      if (cache.counters.fills % Cache::kFillNumbers == 0) drop_blocks();  // their numbers come again from here on
      return false;
    }
    const bool crosses = cache.line_of(address + 2) != cache.line_of(address);
    if (half == 1 || !crosses || !is_long_instruction(*code_at(address, path_.region(region)))) return true;
  }
  return true;
}

/// The bytes that a fetch at `address`, whose line is there, delivers.
template <class Xlen>
const uint8_t* RiscvCore<Xlen>::code_at(uint64_t address, const DataPath::Region& region) {
  Cache* cache = path_.code_cache();
  if (cache && cache->has_data() && region.cacheable) {
    const uint64_t line = cache->line_of(address);
    const uint32_t slot = cache->find(line);
    if (slot != Cache::kNowhere) return cache->bytes(slot) + (address - line);
  }
  return region.bytes + (address - region.first);
}

/// Whether a block was decoded from the bytes that its lines, which are there, hold now.
template <class Xlen>
bool RiscvCore<Xlen>::holds_its_lines(const Block& block) {
  const Cache& cache = *path_.code_cache();
  if (!cache.has_data()) return true;  // then code is what it was decoded from until FENCE.I
  const DataPath::Region& region = path_.region(block.origin.region);
  const uint8_t* decoded = blocks_.code(block.operations);
  const uint64_t end = block.pc() + block.bytes;
  for (uint64_t from = block.pc(); from < end;) {
    const uint64_t to = std::min(end, cache.line_of(from) + cache.line_bytes());
    if (std::memcmp(decoded + (from - block.pc()), code_at(from, region), to - from) != 0) return false;
    from = to;
  }
  return true;
}

/// The same where there is a code cache, after fetch_code: the block is in lines that are there, and decoded from what
/// they hold.
template <class Xlen>
Block* RiscvCore<Xlen>::find_block_in_lines() {
  Cache& cache = *path_.code_cache();
  const uint64_t key = pc_ | user_bit();
  Block* block = &blocks_.slot(key);
  if (block->key == key && block->cached() && !is_there(*block) && !holds_its_lines(*block)) {
    count_block(*block);
    block->key = Block::kNoKey;
  }
  if (block->key != key) block = build_block();
  if (!block || !block->cached()) return block;
  for (unsigned i = 0; i < 2; ++i) {
    const uint32_t slot = cache.find(cache.line_of(block->pc()) + (i == 0 ? 0 : block->crosses));
    BB_CHECK(slot != Cache::kNowhere, "line of {:#x}", block->pc());
    cache.use(slot, clock_);
    block->slots[i] = slot;
    block->fills[i] = cache.fill_number(slot);
  }
  return block;
}

template <class Xlen>
Block* RiscvCore<Xlen>::build_block() {
  const uint32_t region = path_.region_of(pc_, 2);
  if (region == DataPath::kNoRegion) return nullptr;
  if (!blocks_.has_room() || path_.largest_latency_cycles() != bounded_latency_) drop_blocks();
  if (blocks_.empty()) choose_home();
  const uint64_t key = pc_ | user_bit();
  Block& slot = blocks_.slot(key);
  Block block;
  block.key = key;
  block.origin.region = region;
  block.operations = blocks_.room();
  if (path_.caches_code(pc_, region)) {
    block.origin.cached = true;
    block.fills[0] = block.fills[1] = 0;  // of its lines, filled in when it is entered
  } else if (const Cache* cache = path_.code_cache()) {
    block.slots[0] = block.slots[1] = cache->always_there();
  }
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
  const uint64_t line_bytes = block.cached() ? path_.code_cache()->line_bytes() : 0;
  const uint64_t line_end = block.cached() ? path_.code_cache()->line_of(pc_) + line_bytes : UINT64_MAX;
  uint32_t offset = 0, cycles = 0, latency = 0, accesses = 0;
  unsigned count = 0;
  bool branch = false;
  for (bool ended = false; !ended && count < Block::kMaxOperations; ++count) {
    const uint64_t address = uint64_t{pc_} + offset;
    const auto readable = [&](uint64_t half) {
      return half + 1 <= region.last && pmp_.allows(half, 2, PmpAccess::execute, machine_);
    };
    if (!readable(address) || address >= line_end) break;
    if (count > 0 && std::binary_search(breakpoints_.begin(), breakpoints_.end(), address)) break;
    uint8_t bytes[4] = {};
    std::memcpy(bytes, code_at(address, region), 2);
    const bool is_long = is_long_instruction(bytes[0]);
    if (is_long && !readable(address + 2)) break;
    const bool crosses = is_long && address + 2 >= line_end;
    if (crosses && count > 0) break;
    if (is_long) std::memcpy(bytes + 2, code_at(address + 2, region), 2);
    if (crosses && path_.caches_code(line_end, region_index)) {
      block.crosses = static_cast<uint16_t>(line_bytes);
      block.origin.lines = 2;
    }
    if (block.cached()) std::memcpy(blocks_.code(operations) + offset, bytes, is_long ? 4 : 2);
    uint32_t bits = 0;
    std::memcpy(&bits, bytes, sizeof bits);
    Operation operation = decode(bits, config_.isa);
    operation.pc_offset = static_cast<uint16_t>(offset);
    const InstructionKind kind = kind_of(operation.id);
    const uint32_t before = cycles + latency, most = std::numeric_limits<uint16_t>::max();
    if (before + cost_[static_cast<unsigned>(kind)] + home_cycles(kind) > most) break;
    operation.cycles_before = static_cast<uint16_t>(before);
    operations[count] = operation;
    offset += operation.length_bytes;
    cycles += cost_[static_cast<unsigned>(kind)];
    latency += home_cycles(kind);
    accesses += memory_accesses(operation);
    branch = kind == InstructionKind::branch;
    ended = crosses || ends_block(operation);
  }
  if (count == 0) return 0;
  const Operation last = operations[count - 1];
  put_results_at_hand({operations, count});
  HandlerChoice handlers;
  for (unsigned i = 0; i < count; ++i) handlers.choose(operations[i]);
  HandlerChoice::group({operations, count});
  operations[count] = {};
  operations[count].id = InstructionId::kBlockEnd;
  operations[count].handler = plain_handler(InstructionId::kBlockEnd);
  operations[count].cycles_before = static_cast<uint16_t>(cycles + latency);
  label({operations, count + 1});
  block.count = static_cast<uint16_t>(count);
  block.cycles = static_cast<uint16_t>(cycles + latency);
  block.bytes = static_cast<uint16_t>(offset);
  find_exits(block, last);
  block.worst_cycles = cycles + accesses * bounded_latency_ + (branch ? config_.costs.branch_taken : 0);
  return count;
}

/// Where `block`, which ends with `last`, leads to.
template <class Xlen>
void RiscvCore<Xlen>::find_exits(Block& block, const Operation& last) {
  const U pc = static_cast<U>(block.pc());
  const U targets[2] = {static_cast<U>(pc + block.bytes),
                        static_cast<U>(pc + last.pc_offset + static_cast<U>(static_cast<S>(last.immediate)))};
  for (unsigned i = 0; i < 2; ++i) {
    const uint64_t key = (targets[i] & ~U{1}) | user_bit();
    block.exits[i] = {key, is_block_key(key) ? &blocks_.slot(key) : &nowhere_};
  }
}

template <class Xlen>
void RiscvCore<Xlen>::drop_blocks() {
  forget_compiled();
  blocks_.clear([this](Block& block) { count_block(block); });
  settle_elsewhere();
  bounded_latency_ = path_.largest_latency_cycles();
}

/// The region whose accesses blocks count: the largest that may be read and written, DRAM. With a data cache there is
/// none, for its lines may be of any, and none in RV64; what is known is where lines without data lie, or the data of
/// the others. Only while there is no block.
template <class Xlen>
void RiscvCore<Xlen>::choose_home() {
  static constexpr uint32_t kLargestLatency = 256;  // cycles: an operation's must fit into 16 bits
  settle_elsewhere();
  const uint32_t index = path_.largest_region();
  home_ = {};
  Cache* const cache = path_.data_cache();
  if (cache != nullptr && cache->has_data()) home_.host_minus_guest = reinterpret_cast<uintptr_t>(cache->bytes(0));
  if (index == DataPath::kNoRegion || Xlen::kBits != 32 || !config_.use_direct_memory) return;
  const DataPath::Region& region = path_.region(index);
  const uintptr_t host_minus_guest = reinterpret_cast<uintptr_t>(region.bytes) - static_cast<uintptr_t>(region.first);
  if (cache != nullptr) {
    if (!cache->has_data()) home_.host_minus_guest = host_minus_guest;
    return;
  }
  if (std::max(region.read_cycles, region.write_cycles) > kLargestLatency || !path_.set_home(index)) return;
  home_.region = index;
  home_.host_minus_guest = host_minus_guest;
  home_.read_cycles = region.read_cycles;
  home_.write_cycles = region.write_cycles;
}

/// Takes back what blocks have counted as the home's.
template <class Xlen>
void RiscvCore<Xlen>::settle_elsewhere() {
  if (home_.region != DataPath::kNoRegion) {
    path_.region(home_.region).data_read_bytes -= elsewhere_read_bytes_;
    path_.region(home_.region).data_write_bytes -= elsewhere_write_bytes_;
  }
  elsewhere_read_bytes_ = elsewhere_write_bytes_ = 0;
}

template <class Xlen>
void RiscvCore<Xlen>::count_in_home(InstructionId id, uint64_t executions) {
  const InstructionKind kind = kind_of(id);
  if (home_.region == DataPath::kNoRegion) return;
  if (kind == InstructionKind::load) path_.region(home_.region).data_read_bytes += executions * moved_bytes(id);
  if (kind == InstructionKind::store) path_.region(home_.region).data_write_bytes += executions * moved_bytes(id);
}

/// Adds to the statistics what a block has done since that was done last: whole executions, and those that ended in the
/// middle. Copies of a block share the latter, which are counted with whichever comes first.
template <class Xlen>
void RiscvCore<Xlen>::count_block(Block& block) {
  uint64_t* const parts = blocks_.part(block.operations);
  uint64_t executions = block.executions[0] + block.executions[1], instructions = 0, code_bytes = 0;
  for (unsigned i = block.count; i-- > 0;) {
    if (parts) executions += std::exchange(parts[i + 1], 0);
    if (executions == 0) continue;
    kinds_[static_cast<unsigned>(kind_of(block.operations[i].id))] += executions;
    count_in_home(block.operations[i].id, executions);
    instructions += executions;
    code_bytes += block.operations[i].length_bytes * executions;
  }
  branches_taken_ += block.executions[1];
  if (instructions != 0) count_fetches(block.origin, instructions, code_bytes);
  block.executions[0] = block.executions[1] = 0;
}

/// The operations of `block` up to `end` were carried out.
template <class Xlen>
void RiscvCore<Xlen>::count_part(const Block& block, const Operation* end) {
  if (end == block.operations) return;
  uint64_t* const part = blocks_.part(end);
  if (part && !compiled_stale_) {
    ++*part;
    return;
  }
  // Operations that no block may hold any more, or that never lay in one.
  for (const Operation* op = block.operations; op != end; ++op) count_operation(*op, block.origin);
}

/// Fetches of retired instructions: of the code cache, or past it from direct memory.
template <class Xlen>
void RiscvCore<Xlen>::count_fetches(const Block::Origin& origin, uint64_t instructions, uint64_t bytes) {
  if (origin.cached) {
    path_.code_cache()->counters.reads += instructions * origin.lines;
  } else if (origin.region != DataPath::kNoRegion) {
    path_.region(origin.region).code_read_bytes += bytes;
  }
}

template <class Xlen>
void RiscvCore<Xlen>::count_operation(const Operation& operation, const Block::Origin& origin) {
  kinds_[static_cast<unsigned>(kind_of(operation.id))]++;
  count_in_home(operation.id, 1);
  count_fetches(origin, 1, operation.length_bytes);
}

template <class Xlen>
void RiscvCore<Xlen>::invalidate(uint64_t first, uint64_t last) {
  path_.refresh(first, last);
  if (compiled_) {
    bool met = false;
    compiled_->for_each([&](const CompiledBlock& compiled) {
      met |= compiled.block.pc() <= last && compiled.block.pc() + compiled.block.bytes - 1 >= first;
    });
    if (met) forget_compiled();
  }
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
template bool RiscvCore<Rv32>::holds_its_lines(const Block&);
template void RiscvCore<Rv32>::drop_blocks();
template void RiscvCore<Rv32>::settle_elsewhere();
template void RiscvCore<Rv32>::find_exits(Block&, const Operation&);
template void RiscvCore<Rv32>::count_block(Block&);
template void RiscvCore<Rv32>::count_part(const Block&, const Operation*);
template void RiscvCore<Rv32>::count_operation(const Operation&, const Block::Origin&);
template bool RiscvCore<Rv32>::fetch_code();
template void RiscvCore<Rv32>::invalidate(uint64_t, uint64_t);
template void RiscvCore<Rv32>::forget_direct();
template Block* RiscvCore<Rv64>::find_block();
template bool RiscvCore<Rv64>::holds_its_lines(const Block&);
template void RiscvCore<Rv64>::drop_blocks();
template void RiscvCore<Rv64>::settle_elsewhere();
template void RiscvCore<Rv64>::find_exits(Block&, const Operation&);
template void RiscvCore<Rv64>::count_block(Block&);
template void RiscvCore<Rv64>::count_part(const Block&, const Operation*);
template void RiscvCore<Rv64>::count_operation(const Operation&, const Block::Origin&);
template bool RiscvCore<Rv64>::fetch_code();
template void RiscvCore<Rv64>::invalidate(uint64_t, uint64_t);
template void RiscvCore<Rv64>::forget_direct();

}  // namespace backboard
