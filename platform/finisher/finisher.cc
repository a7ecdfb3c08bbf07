#include "platform/finisher/finisher.h"

#include <fmt/format.h>

#include <cstring>

#include "platform/bus/serve_registers.h"
#include "platform/regs/finisher_regs.h"

namespace backboard {

using finisher_regs::Field;
using finisher_regs::Reg;

Finisher::Finisher(EndSink& end, FindingSink& findings) : end_(end), findings_(findings), bank_(finisher_regs::kBlock) {
  bank_.on_write(Reg::FINISHER_CONTROL, [this](const RegisterWrite& w) { write(w.written, *access_); });
}

BusResponse Finisher::access(BusAccess& access, uint64_t&) {
  access_ = &access;
  if (access.op == BusOp::write && access.address == 0 && access.size == 2 && !access.debug) {
    // QEMU's takes half-words as well: passed and reset carry no code.
    uint16_t value = 0;
    std::memcpy(&value, access.data, sizeof value);
    write(value, access);
    return BusResponse::ok;
  }
  return serve_registers(bank_, access, findings_);
}

void Finisher::write(uint32_t value, const BusAccess& access) {
  const uint32_t code = info_of(Field::FINISHER_CODE).get(value);
  switch (info_of(Field::FINISHER_STATUS).get(value)) {
    case 0x5555:
      return end_.end(EndCause::passed, 0, access.time_ps);
    case 0x3333:
      return end_.end(EndCause::failed, code == 0 ? 1 : static_cast<int>(code), access.time_ps);
    case 0x7777:
      return end_.end(EndCause::reset, 0, access.time_ps);
    default:
      findings_.report(finding_of("finisher", "FINISHER_CONTROL", access,
                                  fmt::format("{:#x} has no meaning here: the write is ignored", value)));
  }
}

}  // namespace backboard
