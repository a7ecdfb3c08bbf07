#include "platform/terminal/uart_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>

#include "platform/check/input_error.h"
#include "platform/check/lost_output.h"
#include "platform/check/read_file.h"
#include "platform/socket/descriptor_watch.h"

namespace backboard {
namespace {

constexpr int kPollMs = 50;  // how soon others are heard while the board waits for input

/// The next number of `text` and one separator behind it.
template <class Number>
bool take_number(std::string_view& text, Number& value, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!text.empty() && text.front() != ' ') return false;
  text.remove_prefix(std::min<size_t>(1, text.size()));
  return true;
}

std::optional<InputRecord> parse_record(std::string_view line) {
  InputRecord record;
  const bool whole = take_number(line, record.instructions, 10) && take_number(line, record.time_ps, 10) &&
                     take_number(line, record.byte, 16) && line.empty();
  return whole ? std::optional(record) : std::nullopt;
}

}  // namespace

std::vector<InputRecord> read_input_log(const std::string& path) {
  const std::vector<uint8_t> bytes = read_file(path);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<InputRecord> records;
  for (unsigned number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const auto record = parse_record(text.substr(0, end));
    if (!record || (!records.empty() && record->time_ps < records.back().time_ps)) {
      throw InputError(fmt::format("{}:{}: expected INSTRUCTIONS TIME_PS BYTE, in the order of time", path, number));
    }
    records.push_back(*record);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return records;
}

UartInput::UartInput(Board& board, TerminalPort* port, bool (*stop)()) : board_(board), port_(port), stop_(stop) {
  board_.uart().set_input_observer(this);
}

UartInput::~UartInput() {
  board_.uart().set_input_observer(nullptr);
  if (log_) std::fclose(log_);
}

void UartInput::log_to(const std::string& path) {
  log_ = std::fopen(path.c_str(), "wb");
  if (!log_) throw InputError(fmt::format("--uart-log {}: {}", path, std::strerror(errno)));
}

void UartInput::replay(const std::string& path) {
  replaying_ = true;
  replay_path_ = path;
  replayed_ = read_input_log(path);
  if (!replayed_.empty() && replayed_.front().time_ps <= board_.time_ps()) {
    throw InputError(fmt::format("{}:1: lies before the board's time, {} ps", path, board_.time_ps()));
  }
  for (const InputRecord& record : replayed_) board_.uart().receive_at(record.time_ps, record.byte);
}

void UartInput::on_listening() {
  if (may_deliver()) board_.request_stop();  // for the first bytes
}

void UartInput::on_input(uint8_t byte, uint64_t time_ps) {
  const uint64_t instructions = board_.core().statistics().instructions;
  if (log_) {
    const std::string line = fmt::format("{} {} {:02x}\n", instructions, time_ps, byte);
    std::fwrite(line.data(), 1, line.size(), log_);
    std::fflush(log_);
  }
  if (replaying_ && arrived_ < replayed_.size() && difference_.empty() &&
      instructions != replayed_[arrived_].instructions) {
    difference_ = fmt::format("{}:{}: this byte arrived after {} instructions: not the run that was logged",
                              replay_path_, arrived_ + 1, instructions);
  }
  ++arrived_;
  if (ahead_ > 0 && --ahead_ == 0 && may_deliver()) board_.request_stop();  // for the next bytes
}

/// Hands over what has arrived: strictly behind all that has been simulated, so that a replay may do it at the start.
void UartInput::pump() {
  if (!wants_more()) return;
  const std::string bytes = port_->read(kMaxAhead - ahead_);
  for (const char c : bytes) {
    const uint64_t soonest = std::max(board_.time_ps() + 1, board_.core().time_ps());
    last_ps_ = std::max(soonest, last_ps_ + board_.uart().frame_ps());
    board_.uart().receive_at(last_ps_, static_cast<uint8_t>(c));
    ++ahead_;
  }
}

BoardResult UartInput::run_until(uint64_t time_ps) {
  for (;;) {
    pump();
    const bool idle = !board_.anything_scheduled();
    if (idle && wants_more() && !stop_() && port_->descriptor() >= 0) {
      wait_readable(port_->descriptor(), kPollMs);
      pump();
      if (!board_.anything_scheduled()) {
        const BoardResult result = board_.run_until(board_.time_ps());  // hears others; no time passes
        if (result.stop == BoardStop::interrupted) return result;
        continue;
      }
    }
    std::optional<DescriptorWatch> watch;
    if (wants_more() && port_->descriptor() >= 0) {
      watch.emplace(port_->descriptor(), [this] { board_.request_stop(); });
    }
    const BoardResult result = board_.run_until(time_ps);
    watch.reset();
    if (result.stop == BoardStop::deadlock && wants_more() && !stop_()) continue;
    if (result.stop == BoardStop::interrupted) pump();
    return result;
  }
}

void UartInput::finish() const {
  if (!difference_.empty()) throw InputError(difference_);
  if (!log_) return;
  if (const std::string lost = lost_output(log_); !lost.empty()) throw InputError("--uart-log: " + lost);
}

}  // namespace backboard
