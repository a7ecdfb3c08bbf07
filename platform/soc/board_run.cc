// How a run goes on and why it ends.
#include <fmt/format.h>

#include <algorithm>

#include "platform/check/check.h"
#include "platform/soc/board_impl.h"

namespace backboard {

const char* name_of(BoardStop stop) {
  switch (stop) {
    case BoardStop::none:
      return "none";
    case BoardStop::finisher:
      return "finisher";
    case BoardStop::tohost:
      return "tohost";
    case BoardStop::semihosting:
      return "semihosting";
    case BoardStop::reset:
      return "reset";
    case BoardStop::watchdog:
      return "watchdog";
    case BoardStop::instruction_limit:
      return "instruction_limit";
    case BoardStop::time_limit:
      return "time_limit";
    case BoardStop::interrupted:
      return "interrupted";
    case BoardStop::lockup:
      return "lockup";
    case BoardStop::debugger:
      return "debugger";
    case BoardStop::deadlock:
      return "deadlock";
  }
  return "unknown";
}

void Board::Impl::end(EndCause cause, int exit_code, uint64_t time_ps) {
  if (ending.ended) return;
  const bool resets_board = cause == EndCause::reset || cause == EndCause::watchdog_reset;
  if (resets_board && resets < reset_limit) {
    const ResetCause why = cause == EndCause::reset ? ResetCause::software : ResetCause::watchdog;
    return queue.schedule(time_ps, reset_client, static_cast<uint64_t>(why));
  }
  ending = {true, cause, exit_code, time_ps};
  core->request_stop();
  wiring.kernel().stop();
}

void Board::Impl::on_stop(StopReason) {
  wiring.kernel().stop();
}

BoardResult Board::Impl::result(BoardStop stop, int exit_code, std::string reason) const {
  return {stop, exit_code, std::move(reason), std::max(queue.now_ps(), core->time_ps())};
}

/// The place in the program is that of the load; for the others it is known only who met the bytes.
void Board::Impl::on_stale_line(const StaleLine& line) {
  Finding finding;
  finding.time_ps = std::max(queue.now_ps(), core->time_ps());
  finding.initiator = line.initiator;
  finding.block = "cache";
  finding.address = line.address;
  switch (line.kind) {
    case StaleLine::Kind::core_read:
      finding.reason =
          "load from a stale line: a device has written to memory since the line was filled, and no "
          "cbo.inval came in between";
      break;
    case StaleLine::Kind::master_read:
      finding.reason = "a device reads memory whose newer bytes lie in a dirty line: no cbo.clean came before";
      break;
    case StaleLine::Kind::write_back:
      finding.reason = "a dirty line is written over what a device has written to memory since it was filled";
      break;
  }
  log.report(std::move(finding));
}

/// The result when something has ended the run for good, or holds the core.
std::optional<BoardResult> Board::Impl::result_of_stop() {
  if (ending.ended) {
    BoardResult made;
    switch (ending.cause) {
      case EndCause::passed:
        made = result(BoardStop::finisher, 0, "the firmware ended with success");
        break;
      case EndCause::failed:
        made = result(BoardStop::finisher, ending.code, fmt::format("the firmware ended with code {}", ending.code));
        break;
      case EndCause::reset:
        made = result(BoardStop::reset, 1,
                      fmt::format("the firmware asked for reset number {}: the limit is {}", resets + 1, reset_limit));
        break;
      case EndCause::watchdog_reset:
        made = result(BoardStop::watchdog, 1,
                      fmt::format("the watchdog expired twice and asked for reset number {}: the limit is {}",
                                  resets + 1, reset_limit));
        break;
    }
    made.time_ps = ending.time_ps;
    return made;
  }
  if (tohost && tohost->exit_code()) {
    const int code = *tohost->exit_code();
    if (tohost->unsupported()) {
      return result(BoardStop::tohost, code, "a system call through tohost, which is not modelled");
    }
    return result(BoardStop::tohost, code, code == 0 ? "tohost: passed" : fmt::format("tohost: test {} failed", code));
  }
  if (semihosting.exit_code()) {
    const int code = *semihosting.exit_code();
    return result(BoardStop::semihosting, code, fmt::format("semihosting exit with code {}", code));
  }
  if (core->stop_reason() == StopReason::lockup) {
    return result(BoardStop::lockup, 1,
                  fmt::format("lockup at pc {:#x}: the first instruction of the trap handler traps", core->pc()));
  }
  return std::nullopt;
}

/// The request of the SoC's own masters that was submitted first, in words, if it waits since `after_ps` or longer:
/// where nothing is scheduled any more, or after so long a time, nobody will answer it.
std::optional<std::string> Board::Impl::stuck_request(uint64_t after_ps) const {
  const RequestBus* bus = wiring.router().requests();
  const BusRequest* request = bus == nullptr ? nullptr : bus->oldest(kBusMasters);
  if (request == nullptr || queue.now_ps() - std::min(request->time_ps, queue.now_ps()) < after_ps) return std::nullopt;
  return fmt::format(
      "a {} of {} bytes at {:#x} by {}, submitted at {} ps, is never answered (layer {}, phase {}, command {})",
      request->op == BusOp::write ? "write" : "read", request->size, request->address, name_of(request->who.initiator),
      request->time_ps, request->who.layer, name_of(request->who.phase), request->who.command);
}

/// The core runs ahead of the queue, by its quantum at most, and stops there. Lets the queue's time come up to it, so
/// that no counter and no time of an ended run depends on the quantum.
BoardResult Board::Impl::ended(BoardResult made) {
  if (made.time_ps > queue.now_ps()) wiring.kernel().run(made.time_ps);
  return made;
}

BoardResult Board::Impl::run_until(uint64_t limit_ps) {
  BB_CHECK(started, "run before start");
  if (auto made = result_of_stop()) return ended(std::move(*made));
  if (limit_ps < queue.now_ps()) return result(BoardStop::time_limit, 1, "the time limit was reached");
  for (;;) {
    if (interrupted.exchange(false)) return result(BoardStop::interrupted, 1, "interrupted");
    // Held by an earlier limit or by a request that another stop overtook.
    if (core->stop_reason() != StopReason::none) core->resume();
    const QueueKernel::Outcome outcome = wiring.kernel().run(limit_ps);
    if (auto made = result_of_stop()) return ended(std::move(*made));
    if (core->stop_reason() == StopReason::instruction_limit) {
      return ended(result(BoardStop::instruction_limit, 1,
                          fmt::format("the limit of {} instructions was reached", core->statistics().instructions)));
    }
    const StopReason reason = core->stop_reason();
    if (reason == StopReason::breakpoint || reason == StopReason::watchpoint || reason == StopReason::stepped) {
      return result(BoardStop::debugger, 1, fmt::format("stopped for the debugger: {}", name_of(reason)));
    }
    switch (outcome == QueueKernel::Outcome::stopped && only_traffic_goes_on() ? QueueKernel::Outcome::starved
                                                                               : outcome) {
      case QueueKernel::Outcome::limit:
        return result(BoardStop::time_limit, 1, "the time limit was reached");
      case QueueKernel::Outcome::starved:
        if (const auto fault = dram.fault()) return result(BoardStop::deadlock, 1, "deadlock: " + *fault);
        if (const auto stuck = stuck_request(0)) return result(BoardStop::deadlock, 1, "deadlock: " + *stuck);
        return result(BoardStop::deadlock, 1,
                      fmt::format("deadlock: the core waits for an interrupt at pc {:#x} (mie {:#x}, mip {:#x}) and "
                                  "nothing is scheduled that could raise one",
                                  core->pc(), core->csr(0x304).value_or(0), core->csr(0x344).value_or(0)));
      case QueueKernel::Outcome::stopped:
        break;
    }
  }
}

}  // namespace backboard
