#include "platform/cpu/compiled_code.h"

#include <algorithm>

#include "platform/cpu/block_compiler.h"

namespace backboard {

using namespace asmjit;

namespace {

/// Room that any block fits into, twice over: 64 instructions of about 700 bytes with what lies apart, in two forms.
constexpr size_t kLargestBlockBytes = 192 * 1024;

/// Code as it will lie at `place`. False when asmjit refuses.
bool assemble(CodeHolder& holder, CodeMemory& memory) {
  if (holder.flatten() != kErrorOk || holder.resolveUnresolvedLinks() != kErrorOk) return false;
  if (holder.relocateToBase(reinterpret_cast<uint64_t>(memory.next())) != kErrorOk) return false;
  const size_t size_bytes = holder.codeSize();
  if (size_bytes > memory.room_bytes()) return false;
  std::vector<uint8_t> bytes(size_bytes);
  return holder.copyFlattenedData(bytes.data(), size_bytes) == kErrorOk && memory.append(bytes);
}

/// Of compiled code on the stack, at rsp: a quotient is kept there. Calls must find the stack aligned.
constexpr int32_t kRoomBytes = 16;

const x86::Gp kSaved[] = {x86::rbx, x86::rbp, x86::r12, x86::r13, x86::r14, x86::r15};

void pinned_to_x(x86::Assembler& a, bool store) {
  for (unsigned i = 0; i < host::kPinned; ++i) {
    const x86::Mem place = x86::dword_ptr(host::kX, static_cast<int32_t>(4 * (host::kFirstPinned + i)));
    store ? a.mov(place, host::kHosts[i]) : a.mov(host::kHosts[i], place);
  }
}

/// Called from a block, which has brought all registers into x: rcx is the site, eax the address of an access. The core
/// may change rd of the site's instruction.
void emit_call(x86::Assembler& a, void* core, uint64_t function, Label leave) {
  const Label left = a.newLabel();
  a.mov(x86::rdi, reinterpret_cast<uint64_t>(core));
  a.mov(x86::rsi, x86::rcx);
  a.mov(x86::edx, x86::eax);
  a.mov(x86::rcx, host::kClock);
  a.mov(x86::rax, function);
  a.call(x86::rax);
  a.mov(host::kClock, x86::rax);
  a.test(x86::edx, x86::edx);
  a.jnz(left);
  a.ret();
  a.bind(left);
  a.add(x86::rsp, 8);  // the block will not be returned to
  a.jmp(leave);
}

}  // namespace

std::unique_ptr<CompiledCode> CompiledCode::create(const CompiledPlaces& places) {
  std::unique_ptr<CompiledCode> code(new CompiledCode(places));
  if (!code->memory_.bytes() || !code->make_frame()) return nullptr;
  return code;
}

/// System V ABI for x86-64: six registers belong to the caller; the stack lies at a multiple of 16 before a call.
bool CompiledCode::make_frame() {
  CodeHolder holder;
  if (holder.init(Environment::host(), reinterpret_cast<uint64_t>(memory_.next())) != kErrorOk) return false;
  x86::Assembler a(&holder);
  const Label leave = a.newLabel(), leave_stored = a.newLabel(), load = a.newLabel(), store = a.newLabel(),
              atomic = a.newLabel(), floating = a.newLabel(), csr = a.newLabel(), system = a.newLabel();
  for (const x86::Gp& saved : kSaved) a.push(saved);
  a.sub(x86::rsp, kRoomBytes);
  a.mov(host::kX, x86::rsi);
  a.mov(host::kTable, x86::rdx);
  a.mov(host::kHome, x86::rcx);
  a.mov(host::kClock, x86::r8);
  a.mov(x86::rax, x86::rdi);
  pinned_to_x(a, false);
  a.jmp(x86::rax);

  a.bind(leave);  // edx: CompiledExit
  pinned_to_x(a, true);
  a.bind(leave_stored);
  a.mov(x86::rax, host::kClock);
  a.add(x86::rsp, kRoomBytes);
  for (size_t i = std::size(kSaved); i-- > 0;) a.pop(kSaved[i]);
  a.ret();

  a.bind(load);
  emit_call(a, places_.core, reinterpret_cast<uint64_t>(places_.load), leave_stored);
  a.bind(store);
  emit_call(a, places_.core, reinterpret_cast<uint64_t>(places_.store), leave_stored);
  a.bind(atomic);
  emit_call(a, places_.core, reinterpret_cast<uint64_t>(places_.atomic), leave_stored);
  a.bind(floating);
  emit_call(a, places_.core, reinterpret_cast<uint64_t>(places_.floating), leave_stored);
  a.bind(csr);
  emit_call(a, places_.core, reinterpret_cast<uint64_t>(places_.csr), leave_stored);
  a.bind(system);
  emit_call(a, places_.core, reinterpret_cast<uint64_t>(places_.system), leave_stored);

  const auto base = reinterpret_cast<uint64_t>(memory_.next());
  if (!assemble(holder, memory_)) return false;
  enter_ = reinterpret_cast<Enter>(base);
  leave_ = base + holder.labelOffset(leave);
  call_load_ = base + holder.labelOffset(load);
  call_store_ = base + holder.labelOffset(store);
  call_atomic_ = base + holder.labelOffset(atomic);
  call_floating_ = base + holder.labelOffset(floating);
  call_csr_ = base + holder.labelOffset(csr);
  call_system_ = base + holder.labelOffset(system);
  frame_bytes_ = memory_.used_bytes();
  return true;
}

CompiledBlock* CompiledCode::find(uint64_t key) {
  Entry& known = entry(key);
  if (known.key == key) return known.block;
  if (known.key == Block::kNoKey) return nullptr;
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  known = {key, found->second->entry, found->second};
  return found->second;
}

bool CompiledCode::full() const {
  return memory_.room_bytes() < kLargestBlockBytes;
}

CompiledBlock* CompiledCode::compile(const Block& block, const CompiledData& data, uint32_t taken_cycles) {
  if (full()) return nullptr;
  CompiledBlock& compiled = blocks_.emplace_back();
  compiled.block = block;
  compiled.block.executions[0] = compiled.block.executions[1] = 0;
  compiled.taken_cycles = taken_cycles;
  const auto base = reinterpret_cast<uint64_t>(memory_.next());
  CodeHolder holder;
  x86::Assembler a;
  bool made = holder.init(Environment::host(), base) == kErrorOk && holder.attach(&a) == kErrorOk;
  BlockCompiler compiler(a, *this, compiled, data);
  if (made) compiler.emit();
  made = made && assemble(holder, memory_);
  if (!made) {
    blocks_.pop_back();
    return nullptr;
  }
  const auto address_of = [&](const Label& label) {
    return reinterpret_cast<const void*>(base + holder.labelOffset(label));
  };
  compiled.entry = address_of(compiler.entry);
  compiled.body = address_of(compiler.body);
  publish(compiled);
  for (unsigned i = 0; i < 2; ++i) {
    const BlockCompiler::End& end = compiler.ends[i];
    if (!end.used) continue;
    const uint64_t key = end.next | (block.key & 1);
    const auto following = by_key_.find(key);
    compiled.next[i] = following == by_key_.end() ? address_of(end.out) : following->second->entry;
    if (following == by_key_.end()) waiting_.emplace(key, &compiled.next[i]);
  }
  return &compiled;
}

/// From now on others find the block, and those that waited for it go there.
void CompiledCode::publish(CompiledBlock& compiled) {
  const uint64_t key = compiled.block.key;
  by_key_[key] = &compiled;
  entry(key) = {key, compiled.entry, &compiled};
  const auto [first, last] = waiting_.equal_range(key);
  for (auto it = first; it != last; ++it) *it->second = compiled.entry;
  waiting_.erase(first, last);
}

void CompiledCode::clear() {
  if (blocks_.empty()) return;
  for (const auto& [key, block] : by_key_) entry(key) = {};
  by_key_.clear();
  waiting_.clear();
  sites_.clear();
  blocks_.clear();
  std::fill(heat_.begin(), heat_.end(), 0);
  memory_.shrink(frame_bytes_);
}

}  // namespace backboard
