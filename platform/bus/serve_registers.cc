#include "platform/bus/serve_registers.h"

#include <fmt/format.h>

#include "platform/bus/register_value.h"

namespace backboard {
namespace {

void report(const RegBank& bank, const BusAccess& access, RegisterResult result, FindingSink& findings) {
  if (access.debug) return;
  const auto* reg = bank.find(static_cast<uint32_t>(access.address), access.op == BusOp::write);
  findings.report(
      finding_of(bank.block().name, reg ? reg->name : "", access,
                 fmt::format("{}, {} bytes: the bus answers with an error", reason_of(result), access.size)));
}

}  // namespace

Finding finding_of(std::string_view block, std::string_view reg, const BusAccess& access, std::string reason) {
  Finding finding;
  finding.time_ps = access.time_ps;
  finding.initiator = access.who.initiator;
  finding.block = block;
  finding.reg = reg;
  finding.address = access.address;
  finding.reason = std::move(reason);
  return finding;
}

BusResponse serve_registers(RegBank& bank, BusAccess& access, FindingSink& findings) {
  if (access.address > UINT32_MAX || access.size == 0 || access.size > 4) {
    report(bank, access, RegisterResult::bad_size, findings);
    return BusResponse::target;
  }
  const auto offset = static_cast<uint32_t>(access.address);
  uint32_t value = 0;
  RegisterResult result;
  if (access.op == BusOp::write) {
    if (access.debug) return BusResponse::target;
    result = bank.write(offset, access.size, value_of(access));
  } else {
    result = access.debug ? bank.peek(offset, access.size, value) : bank.read(offset, access.size, value);
    if (result == RegisterResult::ok) give_value(access, value);
  }
  if (result == RegisterResult::ok) return BusResponse::ok;
  report(bank, access, result, findings);
  return BusResponse::target;
}

}  // namespace backboard
