// Loads, stores and atomic instructions that take the long way, and leaving a block behind them.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "platform/cpu/riscv_core.h"

namespace backboard {

/// Leaves `block` at `operation`, which was `completed` or is still to come (or to trap): counts what was done.
template <class Xlen>
void RiscvCore<Xlen>::leave(const Block& block, const Operation& operation, uint64_t clock, bool completed) {
  const Operation* const end = &operation + completed;
  count_part(block, end);
  retired_ += static_cast<uint64_t>(end - block.operations);
  clock_ = clock + end->cycles_before;
  pc_ = static_cast<U>(block.pc()) + operation.pc_offset + (completed ? operation.length_bytes : 0);
  left_ = block.origin;
  left_early_ = true;
}

template <class Xlen>
AccessKind RiscvCore<Xlen>::finish_access(const AccessResult& result, TrapCause cause, U address) {
  if (result.kind == AccessKind::wait) {
    blocked_ = true;
    return AccessKind::fault;
  }
  clock_ += result.cycles;
  if (result.kind == AccessKind::fault) {
    pending_ = {cause, address, result.response};
    return AccessKind::fault;
  }
  // A region that was met for the first time may be slower than the blocks' bounds allow for; a debugger wants to see
  // the state right behind an access that it watches.
  const bool leave_block = path_.largest_latency_cycles() != bounded_latency_ || path_.watch_was_hit();
  return leave_block ? AccessKind::bus : result.kind;
}

/// Whether a block that may take `worst_cycles` goes on behind an access that the rest of the board may have noticed:
/// nothing is due at once, nor before the block ends.
template <class Xlen>
bool RiscvCore<Xlen>::goes_on(uint32_t worst_cycles) {
  if (stop_requested_.load(std::memory_order_relaxed) || interrupt_is_due() || compiled_stale_ ||
      path_.watch_was_hit() || path_.largest_latency_cycles() != bounded_latency_) {
    return false;
  }
  lower_limits();
  return clock_ + worst_cycles <= block_limit_;
}

/// Whether an access, aligned or not, lies in one page of home memory and may simply be carried out.
template <class Xlen>
bool RiscvCore<Xlen>::in_home_page(U address, unsigned size_bytes, uint8_t what) const {
  if (home_.region == DataPath::kNoRegion) return false;
  const uint64_t in_page = address % DataPath::kPageBytes;
  return in_page + size_bytes <= DataPath::kPageBytes &&
         (path_.home_pages(data_machine_)[address / DataPath::kPageBytes] & what) != 0;
}

namespace {

/// The granule that allows an access, aligned or not: it may simply be carried out. nullptr: there is none, or the
/// access lies in two.
DataPath::Page* granule_that_allows(DataPath& path, uint64_t address, unsigned size_bytes, bool machine_mode,
                                    bool write) {
  const uint64_t first = address >> path.granule_shift() << path.granule_shift();
  if ((address + (size_bytes - 1)) >> path.granule_shift() << path.granule_shift() != first) return nullptr;
  const auto allows = [=](const DataPath::Page& page) { return (write ? page.write_tag : page.read_tag) == first; };
  const DataPath::Table& table = path.table(machine_mode);
  if (path.data_cache() == nullptr) {
    DataPath::Page& page = table.granules()[DataPath::page_index(address)];
    return allows(page) ? &page : nullptr;
  }
  DataPath::Page* const lines = table.granules();
  DataPath::Page& line = DataPath::Table::granule(lines, DataPath::Table::place(lines, first));
  if (allows(line)) return &line;
  DataPath::Page& uncached = table.uncached(first);
  return allows(uncached) ? &uncached : nullptr;
}

}  // namespace

/// The block counts a load or store as one of home memory (HomeMemory): what it is beyond that is counted here.
template <class Xlen>
inline AccessKind RiscvCore<Xlen>::finish_read(const AccessResult& result, U address, unsigned size_bytes) {
  const AccessKind kind = finish_access(result, TrapCause::load_access, address);
  if (kind == AccessKind::fault) return kind;
  clock_ -= home_.read_cycles;
  elsewhere_read_bytes_ += size_bytes;
  return kind;
}

template <class Xlen>
inline AccessKind RiscvCore<Xlen>::finish_write(const AccessResult& result, U address, unsigned size_bytes) {
  const AccessKind kind = finish_access(result, TrapCause::store_access, address);
  if (kind == AccessKind::fault) return kind;
  clock_ -= home_.write_cycles;
  elsewhere_write_bytes_ += size_bytes;
  return kind;
}

template <class Xlen>
AccessKind RiscvCore<Xlen>::load(U address, unsigned size_bytes, uint16_t cycles_before) {
  const bool aligned = (address & (size_bytes - 1)) == 0;
  if (!aligned) {
    if (config_.misaligned_traps) {
      pending_ = {TrapCause::load_misaligned, address, BusResponse::ok};
      return AccessKind::fault;
    }
    if (in_home_page(address, size_bytes, DataPath::kMayRead)) {
      std::memcpy(&transfer_, reinterpret_cast<const void*>(home_.host_minus_guest + address), size_bytes);
      return AccessKind::direct;
    }
  }
  const uint64_t start = clock_ + cycles_before;
  if (DeviceLane* const lane = aligned ? path_.device_lane(BusOp::read, address, size_bytes) : nullptr) {
    const AccessResult result = path_.read(*lane, address, size_bytes, data_machine_, start, &transfer_);
    return finish_read(result, address, size_bytes);
  }
  DataPath::BroughtLine line;
  if (aligned) line = path_.bring_at_once(BusOp::read, address, data_machine_, start);
  if (line.place == nullptr && (!aligned || path_.data_cache() != nullptr)) {
    if (DataPath::Page* const page = granule_that_allows(path_, address, size_bytes, data_machine_, false)) {
      std::memcpy(&transfer_, reinterpret_cast<const void*>(page->host_minus_guest + address), size_bytes);
      path_.count(*page, BusOp::read, size_bytes, data_machine_, start);
      clock_ += page->read_cycles;
      clock_ -= home_.read_cycles;
      elsewhere_read_bytes_ += size_bytes;
      return AccessKind::direct;
    }
  }
  AccessResult result{line.kind, BusResponse::ok, static_cast<uint32_t>(line.cycles)};
  if (line.place != nullptr) {
    std::memcpy(&transfer_, line.place, size_bytes);
  } else {
    result = path_.read(address, size_bytes, data_machine_, start, &transfer_);
  }
  return finish_read(result, address, size_bytes);
}

template <class Xlen>
AccessKind RiscvCore<Xlen>::store(U address, unsigned size_bytes, uint16_t cycles_before) {
  const bool aligned = (address & (size_bytes - 1)) == 0;
  if (!aligned) {
    if (config_.misaligned_traps) {
      pending_ = {TrapCause::store_misaligned, address, BusResponse::ok};
      return AccessKind::fault;
    }
    if (in_home_page(address, size_bytes, DataPath::kMayWrite)) {
      std::memcpy(reinterpret_cast<void*>(home_.host_minus_guest + address), &transfer_, size_bytes);
      return AccessKind::direct;
    }
  }
  const uint64_t start = clock_ + cycles_before;
  if (DeviceLane* const lane = aligned ? path_.device_lane(BusOp::write, address, size_bytes) : nullptr) {
    const AccessResult result = path_.write(*lane, address, size_bytes, data_machine_, start, &transfer_);
    return finish_write(result, address, size_bytes);
  }
  DataPath::BroughtLine line;
  if (aligned) line = path_.bring_at_once(BusOp::write, address, data_machine_, start);
  if (line.place == nullptr && (!aligned || path_.data_cache() != nullptr)) {
    if (DataPath::Page* const page = granule_that_allows(path_, address, size_bytes, data_machine_, true)) {
      std::memcpy(reinterpret_cast<void*>(page->host_minus_guest + address), &transfer_, size_bytes);
      path_.count(*page, BusOp::write, size_bytes, data_machine_, start);
      clock_ += page->write_cycles;
      clock_ -= home_.write_cycles;
      elsewhere_write_bytes_ += size_bytes;
      return AccessKind::direct;
    }
  }
  AccessResult result{line.kind, BusResponse::ok, static_cast<uint32_t>(line.cycles)};
  if (line.place != nullptr) {
    std::memcpy(line.place, &transfer_, size_bytes);
  } else {
    result = path_.write(address, size_bytes, data_machine_, start, &transfer_);
  }
  return finish_write(result, address, size_bytes);
}

namespace {

template <class Word>
Word atomic_result(InstructionId id, Word memory, Word operand) {
  using Signed = std::make_signed_t<Word>;
  const auto signed_memory = static_cast<Signed>(memory), signed_operand = static_cast<Signed>(operand);
  switch (id) {
    case InstructionId::AMOADD_W:
    case InstructionId::AMOADD_D:
      return memory + operand;
    case InstructionId::AMOXOR_W:
    case InstructionId::AMOXOR_D:
      return memory ^ operand;
    case InstructionId::AMOAND_W:
    case InstructionId::AMOAND_D:
      return memory & operand;
    case InstructionId::AMOOR_W:
    case InstructionId::AMOOR_D:
      return memory | operand;
    case InstructionId::AMOMIN_W:
    case InstructionId::AMOMIN_D:
      return signed_memory < signed_operand ? memory : operand;
    case InstructionId::AMOMAX_W:
    case InstructionId::AMOMAX_D:
      return signed_memory > signed_operand ? memory : operand;
    case InstructionId::AMOMINU_W:
    case InstructionId::AMOMINU_D:
      return memory < operand ? memory : operand;
    case InstructionId::AMOMAXU_W:
    case InstructionId::AMOMAXU_D:
      return memory > operand ? memory : operand;
    default:
      return operand;  // AMOSWAP
  }
}

}  // namespace

/// What the word of `bytes` holds goes through 64 bits, zero-extended.
template <class Xlen>
AccessKind RiscvCore<Xlen>::atomic(const Operation& op) {
  const U address = x_[op.rs1];
  const unsigned bytes = atomic_bytes(op.id);
  const bool load_reserved = op.id == InstructionId::LR_W || op.id == InstructionId::LR_D;
  if ((address & (bytes - 1)) != 0) {
    pending_ = {load_reserved ? TrapCause::load_misaligned : TrapCause::store_misaligned, address, BusResponse::ok};
    return AccessKind::fault;
  }
  const uint64_t start = clock_ + op.cycles_before;
  uint64_t memory = 0;
  if (op.id == InstructionId::SC_W || op.id == InstructionId::SC_D) {
    const bool holds = reserved_ && reservation_ == address;
    reserved_ = false;
    AccessKind kind = AccessKind::direct;
    if (holds) {
      const uint64_t value = x_[op.rs2];
      kind = finish_access(path_.write(address, bytes, data_machine_, start, &value), TrapCause::store_access, address);
      reserved_ = blocked_;
    }
    if (kind != AccessKind::fault) x_[op.rd] = !holds;
    return kind;
  }
  if (!load_reserved && !pmp_.allows(address, bytes, PmpAccess::write, data_machine_)) {
    pending_ = {TrapCause::store_access, address, BusResponse::ok};
    return AccessKind::fault;
  }
  const TrapCause cause = load_reserved ? TrapCause::load_access : TrapCause::store_access;
  // What it has read before its write had to wait: memory may hold what it writes by now.
  const bool has_read = held_.valid && again_ && held_.address == address;
  if (has_read) memory = held_.value;
  const AccessKind read =
      has_read ? AccessKind::bus
               : finish_access(path_.read(address, bytes, data_machine_, start, &memory), cause, address);
  if (read == AccessKind::fault) return read;
  AccessKind write = AccessKind::direct;
  if (load_reserved) {
    reserved_ = true;
    reservation_ = address;
  } else {
    const uint64_t operand = x_[op.rs2];
    const uint64_t value = bytes == 8
                               ? atomic_result(op.id, memory, operand)
                               : atomic_result(op.id, static_cast<uint32_t>(memory), static_cast<uint32_t>(operand));
    write = finish_access(path_.write(address, bytes, data_machine_, start, &value), cause, address);
    if (blocked_) held_ = {true, address, memory};
    if (write == AccessKind::fault) return write;
  }
  x_[op.rd] = bytes == 8 ? static_cast<U>(memory) : static_cast<U>(static_cast<S>(static_cast<int32_t>(memory)));
  return read == AccessKind::bus ? read : write;
}

template void RiscvCore<Rv32>::leave(const Block&, const Operation&, uint64_t, bool);
template bool RiscvCore<Rv32>::goes_on(uint32_t);
template AccessKind RiscvCore<Rv32>::load(U, unsigned, uint16_t);
template AccessKind RiscvCore<Rv32>::store(U, unsigned, uint16_t);
template AccessKind RiscvCore<Rv32>::atomic(const Operation&);
template void RiscvCore<Rv64>::leave(const Block&, const Operation&, uint64_t, bool);
template bool RiscvCore<Rv64>::goes_on(uint32_t);
template AccessKind RiscvCore<Rv64>::load(U, unsigned, uint16_t);
template AccessKind RiscvCore<Rv64>::store(U, unsigned, uint16_t);
template AccessKind RiscvCore<Rv64>::atomic(const Operation&);

}  // namespace backboard
