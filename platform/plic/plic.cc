#include "platform/plic/plic.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/bus/register_value.h"
#include "platform/bus/serve_registers.h"
#include "platform/check/check.h"
#include "platform/regs/plic_regs.h"

namespace backboard {

using plic_regs::Reg;

namespace {

constexpr Reg kEnable[] = {Reg::PLIC_ENABLE, Reg::PLIC_ENABLE_S};
constexpr Reg kThreshold[] = {Reg::PLIC_THRESHOLD, Reg::PLIC_THRESHOLD_S};
constexpr Reg kClaim[] = {Reg::PLIC_CLAIM, Reg::PLIC_CLAIM_S};

static_assert(plic_regs::kRegisters[static_cast<size_t>(Reg::PLIC_PRIORITY)].count == Plic::kSources);

}  // namespace

Plic::Plic(const PlicConfig& config, IrqSink& pins, std::array<uint32_t, kContexts> lines, FindingSink& findings)
    : config_(config), pins_(pins), lines_(lines), findings_(findings), bank_(plic_regs::kBlock) {
  bank_.on_write(Reg::PLIC_PRIORITY, [this](const RegisterWrite& w) {
    if (w.index == 0) bank_.set(Reg::PLIC_PRIORITY, 0);
    update();
  });
  bank_.source(Reg::PLIC_PENDING, [this](uint32_t index) { return pending_[index]; });
  for (uint32_t context = 0; context < kContexts; ++context) wire_context(context);
}

void Plic::wire_context(uint32_t context) {
  bank_.on_write(kEnable[context], [this, context](const RegisterWrite& w) {
    if (w.index == 0) bank_.set(kEnable[context], w.stored & ~1u, 0);  // source 0 does not exist
    update();
  });
  bank_.on_write(kThreshold[context], [this](const RegisterWrite&) { update(); });
  bank_.source(kClaim[context], [this, context](uint32_t) { return best(context); });
  bank_.on_read(kClaim[context], [this, context](uint32_t) { claim(context); });
  bank_.on_write(kClaim[context], [this, context](const RegisterWrite& w) { complete(context, w.written); });
}

BusResponse Plic::access(BusAccess& access, uint64_t&) {
  const bool second_context =
      access.address >= offset_of(Reg::PLIC_THRESHOLD_S) ||
      (access.address >= offset_of(Reg::PLIC_ENABLE_S) && access.address < offset_of(Reg::PLIC_THRESHOLD));
  if (second_context && !config_.supervisor_context) {
    if (!access.debug) findings_.report(finding_of("plic", "", access, "context 1 is not configured"));
    return BusResponse::target;
  }
  access_ = &access;
  // Who polls asks for a word of pending bits, or claims although nothing is pending.
  if (access.op == BusOp::read && access.size == 4) {
    const uint64_t word = (access.address - offset_of(Reg::PLIC_PENDING)) / 4;
    if (access.address % 4 == 0 && word < pending_.size()) {
      give_value(access, pending_[word]);
      return BusResponse::ok;
    }
    const bool none_pending = std::all_of(pending_.begin(), pending_.end(), [](uint32_t bits) { return bits == 0; });
    if (access.address == offset_of(Reg::PLIC_CLAIM) && none_pending) {
      give_value(access, 0);
      return BusResponse::ok;
    }
  }
  return serve_registers(bank_, access, findings_);
}

/// Highest priority above zero wins, lowest number among equals; the threshold plays no part in claims (section 1.6).
uint32_t Plic::best(uint32_t context) const {
  uint32_t found = 0;
  uint32_t highest = 0;
  for (uint32_t word = 0; word < pending_.size(); ++word) {
    uint32_t candidates = pending_[word] & bank_.get(kEnable[context], word);
    for (; candidates != 0; candidates &= candidates - 1) {
      const uint32_t source = word * 32 + static_cast<uint32_t>(__builtin_ctz(candidates));
      const uint32_t priority = bank_.get(Reg::PLIC_PRIORITY, source);
      if (priority > highest) {
        highest = priority;
        found = source;
      }
    }
  }
  return found;
}

bool Plic::interrupts(uint32_t context) const {
  const uint32_t source = best(context);
  return source != 0 && bank_.get(Reg::PLIC_PRIORITY, source) > bank_.get(kThreshold[context]);
}

void Plic::update() {
  for (uint32_t context = 0; context < kContexts; ++context) {
    const bool level = interrupts(context);
    if (level == outputs_[context]) continue;
    outputs_[context] = level;
    pins_.set_level(lines_[context], level);
  }
}

void Plic::forward(uint32_t source) {
  if (test(wires_, source) && !test(claimed_, source)) assign(pending_, source, true);
}

void Plic::set_level(uint32_t line, bool level) {
  BB_CHECK(line > 0 && line < kSources, "source {}", line);
  assign(wires_, line, level);
  forward(line);
  update();
}

void Plic::claim(uint32_t context) {
  const uint32_t source = best(context);
  if (source == 0) return;
  assign(pending_, source, false);
  assign(claimed_, source, true);
  update();
}

/// Completion of a source that the context has not enabled is ignored (section 1.7).
void Plic::complete(uint32_t context, uint32_t source) {
  const bool enabled =
      source > 0 && source < kSources && ((bank_.get(kEnable[context], source / 32) >> (source % 32)) & 1) != 0;
  if (!enabled || !test(claimed_, source)) {
    findings_.report(finding_of("plic", "PLIC_CLAIM", *access_,
                                fmt::format("completion of source {}, which is {}: the write is ignored", source,
                                            enabled ? "not claimed" : "not enabled")));
    return;
  }
  assign(claimed_, source, false);
  forward(source);
  update();
}

void Plic::reset() {
  bank_.reset();
  pending_ = {};
  claimed_ = {};
  for (uint32_t source = 1; source < kSources; ++source) forward(source);
  update();
}

void Plic::state(StateArchive& archive) {
  archive.section("plic");
  bank_.state(archive);
  archive.value("wires", wires_);
  archive.value("pending", pending_);
  archive.value("claimed", claimed_);
  archive.value("outputs", outputs_);
}

}  // namespace backboard
