#include "platform/run/host_link.h"

#include <fmt/format.h>

#include <cstdio>

#include "platform/check/input_error.h"

namespace backboard {

HostLink::HostLink(const HostOptions& options, CharacterSink* otherwise) : options_(options), otherwise_(otherwise) {
  if (!options_.uart_replay.empty() && !options_.uart_input.empty()) {
    throw InputError("--uart-replay and --uart-input exclude each other: both are the input");
  }
  if (!options_.uart.empty()) {
    port_ = make_terminal_port(options_.uart);
    if (port_->name() != options_.uart) fmt::print(stderr, "backboard: UART on {}\n", port_->name());
  }
  if (!options_.uart_input.empty()) input_port_ = make_file_input(options_.uart_input);
}

HostLink::~HostLink() = default;

void HostLink::bind(Board& board, bool (*stop)()) {
  stop_ = stop;
  run_ = [&board](uint64_t time_ps) { return board.run_until(time_ps); };
  if (!options_.files.empty()) board.allow_semihosting_files(options_.files);
  TerminalPort* const source = input_port_ ? input_port_.get() : port_.get();
  const bool replayed = !options_.uart_replay.empty();
  if (!source && !replayed && !options_.uart_log.empty()) {
    throw InputError("--uart-log: there is no input to log; see --uart and --uart-input");
  }
  if (source || replayed) {
    input_.emplace(board, source, stop);
    if (!options_.uart_log.empty()) input_->log_to(options_.uart_log);
    if (replayed) input_->replay(options_.uart_replay);
    run_ = [this](uint64_t time_ps) { return input_->run_until(time_ps); };
  }
  if (!options_.trace.empty()) trace_.emplace(board, options_.trace);
  if (options_.gdb.empty()) {
    if (trace_) trace_->set(true);
    return;
  }
  gdb_.emplace(board, trace_ ? &*trace_ : nullptr, run_, options_.gdb, stop);
}

BoardResult HostLink::run_until(uint64_t time_ps) {
  if (gdb_) return gdb_->run_until(time_ps);
  for (;;) {
    const BoardResult result = run_(time_ps);
    if (result.stop != BoardStop::interrupted || stop_()) return result;
  }
}

void HostLink::finish(const BoardResult& result) {
  if (gdb_) gdb_->finish(result);
  if (trace_) trace_->finish();
  if (input_) input_->finish();
  if (port_) port_->finish();
}

void HostLink::unbind() {
  gdb_.reset();
  trace_.reset();
  input_.reset();
}

void HostLink::put(uint8_t byte, uint64_t time_ps) {
  const auto c = static_cast<char>(byte);
  if (port_) port_->write(std::string_view(&c, 1));
  if (otherwise_) otherwise_->put(byte, time_ps);
}

void HostLink::flush() {
  if (otherwise_) otherwise_->flush();
}

}  // namespace backboard
