#include "platform/dram/trace/trace_file.h"

#include <charconv>
#include <optional>

#include "platform/check/input_error.h"
#include "platform/check/read_file.h"

namespace backboard::dram {
namespace {

constexpr uint64_t kLargestTrace_bytes = uint64_t{4} << 30;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

/// Cuts the first word off `rest`; ':' and ',' end words as spaces do.
std::string_view take_word(std::string_view& rest) {
  size_t begin = 0;
  while (begin < rest.size() && is_space(rest[begin])) ++begin;
  size_t end = begin;
  while (end < rest.size() && !is_space(rest[end]) && rest[end] != ':' && rest[end] != ',') ++end;
  const std::string_view word = rest.substr(begin, end - begin);
  while (end < rest.size() && is_space(rest[end])) ++end;
  if (end < rest.size() && (rest[end] == ':' || rest[end] == ',')) ++end;
  rest.remove_prefix(end);
  return word;
}

std::optional<uint64_t> number_of(std::string_view word) {
  const bool hexadecimal = word.size() > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
  if (hexadecimal) word.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != word.data() + word.size() || word.empty()) return std::nullopt;
  return value;
}

/// Whether a word says write; nothing where it is no command.
std::optional<bool> command_of(std::string_view word) {
  if (word == "read" || word == "R" || word == "r" || word == "LD") return false;
  if (word == "write" || word == "W" || word == "w" || word == "ST") return true;
  return std::nullopt;
}

}  // namespace

TraceFile::TraceFile(std::string name, std::string text, uint64_t capacity_bytes)
    : name_(std::move(name)), text_(std::move(text)), capacity_bytes_(capacity_bytes) {}

void TraceFile::fail(const std::string& message) const {
  throw InputError::at_line(name_, line_, message);
}

void TraceFile::parse(std::string_view line, TraceRequest& request) const {
  std::string_view rest = line;
  const std::string_view words[] = {take_word(rest), take_word(rest), take_word(rest)};
  const bool timed = !words[2].empty();
  std::optional<uint64_t> cycle = requests_, address;
  std::optional<bool> write;
  if (timed) {
    cycle = number_of(words[0]);
    write = command_of(words[1]);
    address = number_of(words[2]);
  } else if (line.find_first_of(":,") == std::string_view::npos) {
    const bool address_first = number_of(words[0]).has_value();
    address = number_of(words[address_first ? 0 : 1]);
    write = command_of(words[address_first ? 1 : 0]);
  }
  if (!cycle || !address || !write || !take_word(rest).empty()) {
    constexpr size_t kQuoted = 60;  // of what may be no text at all
    fail(
        fmt::format("expected 'CYCLE: read|write ADDRESS', 'CYCLE,R|W,ADDRESS', 'ADDRESS R|W' or 'LD|ST ADDRESS', not "
                    "'{}'{}",
                    line.substr(0, kQuoted), line.size() > kQuoted ? "..." : ""));
  }
  if (*address >= capacity_bytes_) {
    fail(fmt::format("address {:#x} exceeds the memory of {:#x} bytes", *address, capacity_bytes_));
  }
  if (*cycle < last_cycle_) fail(fmt::format("cycle {} after cycle {}", *cycle, last_cycle_));
  // Far from where the times of commands would overflow.
  if (*cycle > uint64_t{1} << 56) fail(fmt::format("cycle {} exceeds 2^56", *cycle));
  request = {*cycle, *address, *write};
}

bool TraceFile::next(TraceRequest& request) {
  while (position_ < text_.size()) {
    size_t end = text_.find('\n', position_);
    if (end == std::string::npos) end = text_.size();
    std::string_view line(text_.data() + position_, end - position_);
    position_ = end + 1;
    ++line_;
    line = line.substr(0, line.find('#'));
    while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
    while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
    if (line.empty()) continue;
    // A header of a CSV: names in the first line.
    if (line_ == 1 && line.find(',') != std::string_view::npos && (line[0] < '0' || line[0] > '9')) continue;
    parse(line, request);
    last_cycle_ = request.cycle;
    ++requests_;
    return true;
  }
  return false;
}

std::string read_trace(const std::string& path) {
  const std::vector<uint8_t> bytes = read_file(path, kLargestTrace_bytes);
  return {bytes.begin(), bytes.end()};
}

}  // namespace backboard::dram
