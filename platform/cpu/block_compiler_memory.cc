// Loads and stores in compiled blocks, and the lines of the code cache that a block lies in.
#include <bit>
#include <utility>

#include "platform/cpu/block_compiler.h"
#include "platform/cpu/data_path.h"
#include "platform/cpu/decode.h"

namespace backboard {

using namespace asmjit;

namespace {

constexpr uint32_t kPageShift = 12;
constexpr uint32_t kGranuleShift = 3;  ///< a granule's offset by its place: x86 multiplies by eight at most
static_assert(sizeof(DataPath::Page) == DataPath::Table::kPlace << kGranuleShift);
static_assert(DataPath::Table::kPlace == sizeof(uint64_t));  // of a last use

}  // namespace

/// What the table of pages or lines allows is done here; everything else calls the core.
void BlockCompiler::memory(const Operation& op, unsigned size_bytes, bool store) {
  if (in_groups_ && (groups_.members >> now_ & 1) != 0) return memory_in_group(op, size_bytes, store);
  latency_own_ = data_.by_lines ? data_.hit_cycles : 0;  // the block's cycles hold that of home memory
  const uint32_t latency = latency_;
  const CompiledSite* const at = site_of(op);
  const Label slow = a_.newLabel(), done = a_.newLabel();
  Mem place = x86::ptr(x86::rax, 0, size_bytes);
  const Label elsewhere = a_.newLabel();
  if (data_.by_lines) {
    load_address(op);
    check_line(op, size_bytes, store, slow);
    place = place_of_line(size_bytes, elsewhere);
  } else {
    place = check_page(op, size_bytes, store, slow);
  }
  store ? finish_store(op, place) : finish_load(op, place);
  a_.bind(done);
  const bool two_forms = !plain_behind_.empty();
  if (two_forms && !in_groups_) a_.bind(plain_behind_[now_]);
  const Label behind = two_forms ? plain_behind_[now_] : done;
  latency_ += latency_own_;
  latency_own_ = 0;
  const bool keeps = !store && op.id != InstructionId::FLW && op.rd != kDiscardRegister && !held(op.rd);
  if (keeps) kept_ = op.rd;
  later([this, op, at, slow, elsewhere, done, behind, size_bytes, store, keeps, latency] {
    if (data_.in_place) {
      a_.bind(elsewhere);
      const Mem line = place_elsewhere(size_bytes);
      store ? finish_store(op, line) : finish_load(op, line);
      a_.jmp(done);
    }
    a_.bind(slow);
    if (data_.misaligned && size_bytes > 1) {
      const uint32_t behind_block = std::exchange(latency_, latency);
      misaligned(op, size_bytes, store, done);
      latency_ = behind_block;
    }
    write_all_back();
    load_address(op);
    a_.mov(x86::rcx, reinterpret_cast<uint64_t>(at));
    a_.call(imm(store ? code_.call_store_ : code_.call_load_));
    reload_held();
    if (keeps) a_.mov(x86::eax, x_place(op.rd));
    a_.jmp(behind);
  });
}

/// Into eax.
void BlockCompiler::load_address(unsigned base, int32_t offset) {
  if (known(base)) {
    a_.mov(x86::eax, places_now_.value(base) + static_cast<uint32_t>(offset));
  } else if (held(base)) {
    offset == 0 ? a_.mov(x86::eax, home_of(base)) : a_.lea(x86::eax, x86::ptr(home_of(base).r64(), offset));
  } else {
    fetch_x(x86::eax, base);
    if (offset != 0) a_.add(x86::eax, offset);
  }
}

/// At the block's start: may all accesses of all groups be done without another look?
void BlockCompiler::check_groups() {
  const Mem page = x86::byte_ptr(host::kTable, x86::rax);
  for (const AccessGroup& group : groups_.groups) {
    for (const int32_t offset : {group.first, group.last}) {
      const auto turn = offset == group.first ? static_cast<uint32_t>(std::countr_zero(group.alignment)) : 0;
      load_address(group.base, offset);
      if (turn != 0) a_.ror(x86::eax, turn);
      a_.shr(x86::eax, kPageShift - turn);
      for (const auto& [used, allowed] :
           {std::pair(group.reads, DataPath::kMayRead), {group.writes, DataPath::kMayWrite}}) {
        if (!used) continue;
        a_.test(page, allowed);
        a_.jz(plain_);
      }
    }
  }
}

void BlockCompiler::memory_in_group(const Operation& op, unsigned size_bytes, bool store) {
  if (!held(op.rs1)) fetch_x(x86::eax, op.rs1);
  const Gp base = held(op.rs1) ? home_of(op.rs1) : Gp(x86::eax);
  const Mem place = x86::ptr(host::kHome, base.r64(), 0, op.immediate, size_bytes);
  store ? finish_store(op, place) : finish_load(op, place);
  if (!store && op.id != InstructionId::FLW && op.rd != kDiscardRegister && !held(op.rd)) kept_ = op.rd;
}

/// Home memory. The table is looked up with the address turned right by the bits that an aligned access has zero: a
/// misaligned one lands behind the pages, where nothing is allowed. Where the access is to be done.
x86::Mem BlockCompiler::check_page(const Operation& op, unsigned size_bytes, bool store, Label slow) {
  const auto turn = static_cast<uint32_t>(std::countr_zero(size_bytes));
  const uint32_t allowed = store ? DataPath::kMayWrite : DataPath::kMayRead;
  const Mem by_address = x86::ptr(host::kHome, x86::rax, 0, 0, size_bytes);
  const uint32_t known_address = places_now_.value(op.rs1) + static_cast<uint32_t>(op.immediate);
  const bool aligned = known_address % size_bytes == 0;
  if (known(op.rs1) && (aligned || only_eax_)) {
    aligned ? a_.test(x86::byte_ptr(host::kTable, static_cast<int32_t>(known_address >> kPageShift)), allowed)
            : a_.xor_(x86::eax, x86::eax);
    a_.jz(slow);
    a_.mov(x86::eax, known_address);
    return by_address;
  }
  const bool by_base = held(op.rs1) && data_.no_wrap && !known(op.rs1);
  const Gp index = by_base ? x86::eax : x86::ecx;
  load_address(op);
  if (!by_base) a_.mov(index, x86::eax);
  if (turn != 0) a_.ror(index, turn);
  a_.shr(index, kPageShift - turn);
  a_.test(x86::byte_ptr(host::kTable, index.r64()), allowed);
  a_.jz(slow);
  return by_base ? x86::ptr(host::kHome, home_of(op.rs1).r64(), 0, op.immediate, size_bytes) : by_address;
}

/// What is not aligned, but lies in one page of home memory, or in one line, is carried out all the same. Uses eax
/// alone, and with a data cache what check_line uses.
void BlockCompiler::misaligned(const Operation& op, unsigned size_bytes, bool store, Label done) {
  static constexpr uint32_t kPageBytes = 1u << kPageShift;
  const Label no = a_.newLabel();
  load_address(op);
  if (data_.by_lines) {
    const uint32_t line_bytes = 1u << data_.line_shift;
    a_.test(x86::eax, size_bytes - 1);  // what is aligned was looked up already
    a_.jz(no);
    a_.mov(x86::ecx, x86::eax);
    a_.and_(x86::ecx, line_bytes - 1);
    a_.cmp(x86::ecx, line_bytes - size_bytes);
    a_.ja(no);
    check_line(op, 1, store, no);
    const Mem place = data_.in_place ? place_elsewhere(size_bytes) : place_of_line(size_bytes, no);
    store ? finish_store(op, place) : finish_load(op, place);
    a_.jmp(done);
    a_.bind(no);
    return;
  }
  a_.and_(x86::eax, kPageBytes - 1);
  a_.cmp(x86::eax, kPageBytes - size_bytes);  // else the last byte's page is another
  a_.ja(no);
  load_address(op);
  a_.shr(x86::eax, kPageShift);
  a_.test(x86::byte_ptr(host::kTable, x86::rax), store ? DataPath::kMayWrite : DataPath::kMayRead);
  a_.jz(no);
  load_address(op);
  const Mem place = x86::ptr(host::kHome, x86::rax, 0, 0, size_bytes);
  if (store && only_eax_ && !held(op.rs2) && !known(op.rs2)) {
    // eax is wanted for the value.
    finish_store(op, x86::ptr(host::kHome, home_of(op.rs1).r64(), 0, op.immediate, size_bytes));
  } else {
    store ? finish_store(op, place) : finish_load(op, place);
  }
  a_.jmp(done);
  a_.bind(no);
}

/// Lines of the data cache: DataPath::Table::place, the comparison of tags and the counts of interpreter.cc. The
/// address in eax must be a multiple of `alignment`, and stays there. Behind it rcx is its place.
void BlockCompiler::check_line(const Operation& op, unsigned alignment, bool store, Label slow) {
  using Table = DataPath::Table;
  a_.mov(x86::edx, x86::eax);
  a_.and_(x86::edx, ~((1u << data_.line_shift) - 1) | (alignment - 1));
  a_.imul(x86::ecx, x86::edx, Table::kPlaceFactor);
  a_.shr(x86::ecx, Table::kPlaceShift);
  a_.mov(x86::ecx, x86::dword_ptr(host::kTable, x86::rcx, 2, -static_cast<int32_t>(Table::kPlacesBytes)));
  using Page = DataPath::Page;
  const auto member = [](size_t offset) {
    return x86::qword_ptr(host::kTable, x86::rcx, kGranuleShift, static_cast<int32_t>(offset));
  };
  a_.cmp(member(store ? offsetof(Page, write_tag) : offsetof(Page, read_tag)), x86::rdx);
  a_.jne(slow);
  a_.inc(member(store ? offsetof(Page, writes) : offsetof(Page, reads)));
  a_.lea(x86::rdx, x86::ptr(host::kClock, static_cast<int32_t>(latency_ + op.cycles_before)));
  const auto last_uses = static_cast<int32_t>(Table::last_uses_offset(data_.lines));
  a_.mov(x86::qword_ptr(host::kTable, x86::rcx, 0, last_uses), x86::rdx);
}

/// Behind check_line: where the access is to be done. The host may begin it before the granule has been read: of lines
/// without data in home memory that is known by the address, of others by their slots.
x86::Mem BlockCompiler::place_of_line(unsigned size_bytes, Label elsewhere) {
  if (data_.in_place) {
    a_.cmp(host::kHome,
           x86::qword_ptr(host::kTable, x86::rcx, kGranuleShift, offsetof(DataPath::Page, host_minus_guest)));
    a_.jne(elsewhere);
  } else {
    a_.shl(x86::ecx, data_.line_shift - std::countr_zero(DataPath::Table::kPlace));
    a_.and_(x86::eax, (1u << data_.line_shift) - 1);
    a_.add(x86::eax, x86::ecx);
  }
  return x86::ptr(host::kHome, x86::rax, 0, 0, size_bytes);
}

/// The same of lines without data, wherever they are.
x86::Mem BlockCompiler::place_elsewhere(unsigned size_bytes) {
  a_.add(x86::rax, x86::qword_ptr(host::kTable, x86::rcx, kGranuleShift, offsetof(DataPath::Page, host_minus_guest)));
  return x86::ptr(x86::rax, 0, size_bytes);
}

void BlockCompiler::finish_load(const Operation& op, Mem from) {
  if (op.id == InstructionId::FLW) {
    a_.mov(x86::edx, from);
    a_.mov(f_place(op.rd), x86::edx);
    return;
  }
  if (op.rd == kDiscardRegister) return;
  const Gp to = held(op.rd) ? home_of(op.rd) : Gp(x86::eax);
  switch (op.id) {
    case InstructionId::LB:
    case InstructionId::LH:
      a_.movsx(to, from);
      break;
    case InstructionId::LBU:
    case InstructionId::LHU:
      a_.movzx(to, from);
      break;
    default:
      a_.mov(to, from);
      break;
  }
  if (!held(op.rd)) store_x(op.rd, to);
}

void BlockCompiler::finish_store(const Operation& op, Mem to) {
  const uint32_t size_bytes = to.size();
  Gp value = only_eax_ ? x86::eax : x86::edx;
  if (op.id == InstructionId::FSW) {
    a_.mov(value, f_place(op.rs2));
  } else if (held(op.rs2)) {
    value = home_of(op.rs2);
  } else if (known(op.rs2)) {
    const uint32_t low = places_now_.value(op.rs2) & (UINT32_MAX >> (32 - 8 * size_bytes));
    a_.mov(to, low);
    return;
  } else {
    load_x(value, op.rs2);
  }
  size_bytes == 1 ? a_.mov(to, value.r8()) : size_bytes == 2 ? a_.mov(to, value.r16()) : a_.mov(to, value);
}

/// At a block's entry: its lines are in the code cache, and are as old as its start from now on.
void BlockCompiler::check_lines(Label gone) {
  const unsigned lines = block_.block.origin.lines;
  const auto place = [](size_t member, size_t size_bytes, unsigned line) {
    return x86::ptr(x86::rax, static_cast<int32_t>(offsetof(CompiledBlock, lines) + member + size_bytes * line),
                    static_cast<uint32_t>(size_bytes));
  };
  a_.mov(x86::rax, reinterpret_cast<uint64_t>(&block_));
  for (unsigned i = 0; i < lines; ++i) {
    a_.mov(x86::rcx, place(offsetof(CompiledLines, number_place), sizeof(void*), i));
    a_.mov(x86::edx, place(offsetof(CompiledLines, number), sizeof(uint32_t), i));
    a_.cmp(x86::dword_ptr(x86::rcx), x86::edx);
    a_.jne(gone);
  }
  for (unsigned i = 0; i < lines; ++i) {
    a_.mov(x86::rcx, place(offsetof(CompiledLines, age_place), sizeof(void*), i));
    a_.mov(x86::qword_ptr(x86::rcx), host::kClock);
  }
}

}  // namespace backboard
