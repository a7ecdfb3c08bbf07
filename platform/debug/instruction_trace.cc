#include "platform/debug/instruction_trace.h"

#include <fmt/format.h>

#include "platform/check/input_error.h"
#include "platform/check/lost_output.h"
#include "platform/check/write_error.h"

namespace backboard {
namespace {

constexpr unsigned kMcause = 0x342;
constexpr uint64_t kCauseMask = 0xff;

bool is_long(uint8_t first_byte) {
  return (first_byte & 3) == 3;
}

}  // namespace

InstructionTrace::InstructionTrace(Board& board, const std::string& path)
    : board_(board), path_(path), file_(std::fopen(path.c_str(), "wb")) {
  if (!file_) throw write_error(path_);
}

InstructionTrace::~InstructionTrace() {
  set(false);
  std::fclose(file_);
}

void InstructionTrace::finish() {
  set(false);
  if (const std::string lost = lost_output(file_); !lost.empty()) throw InputError(path_ + ": " + lost);
}

void InstructionTrace::set(bool on) {
  on_ = on;
  board_.core().set_tracer(on ? this : nullptr);
  if (on) remember_registers();
  flush();
}

void InstructionTrace::remember_registers() {
  for (unsigned i = 0; i < x_.size(); ++i) {
    x_[i] = board_.core().x(i);
    f_[i] = board_.core().f(i);
  }
}

std::string InstructionTrace::place_of(uint64_t pc) const {
  const ElfSymbol* function = board_.program() ? board_.program()->function_at(pc) : nullptr;
  return function ? fmt::format(" {}+{:#x}", function->name, pc - function->address) : "";
}

std::string InstructionTrace::changes() {
  std::string text;
  const Core& core = board_.core();
  for (unsigned i = 0; i < x_.size(); ++i) {
    if (core.x(i) != x_[i]) text += fmt::format(" x{}={:x}", i, core.x(i));
    if (core.f(i) != f_[i]) text += fmt::format(" f{}={:x}", i, core.f(i));
  }
  remember_registers();
  return text;
}

void InstructionTrace::on_step(const TracedStep& step) {
  std::string line = fmt::format("{} {} {:08x}", step.number, step.time_ps, step.pc);
  if (step.kind == TracedStep::Kind::retired) {
    uint8_t bytes[4] = {};
    // Half by half: a 16-bit instruction may be the last of its memory.
    board_.read_memory(step.pc, std::span(bytes, 2));
    if (is_long(bytes[0])) board_.read_memory(step.pc + 2, std::span(bytes + 2, 2));
    uint32_t bits = 0;
    std::memcpy(&bits, bytes, sizeof bits);
    line += is_long(bytes[0]) ? fmt::format(" {:08x}", bits) : fmt::format(" {:04x}", bits);
    line += place_of(step.pc) + changes();
  } else {
    const char* const what = step.kind == TracedStep::Kind::exception ? "exception" : "interrupt";
    line += fmt::format(" {} {}", what, board_.core().csr(kMcause).value_or(0) & kCauseMask) + place_of(step.pc);
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), file_);
  ++lines_;
}

}  // namespace backboard
