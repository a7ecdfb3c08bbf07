#include "platform/debug/gdb_commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/debug/packet.h"

namespace backboard {
namespace {

const char* const kMalformed = "E01";  // gdb only prints the number
const char* const kNoRegister = "E02";
const char* const kNoMemory = "E0e";  // EFAULT
const char* const kNoRoom = "E1c";    // ENOSPC
constexpr size_t kMaxMemoryBytes = (PacketParser::kMaxPayload - 64) / 2;
constexpr uint64_t kMaxWatchBytes = 1 << 20;

bool take(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// One to 16 hexadecimal digits from the front of `text`.
bool take_number(std::string_view& text, uint64_t& value) {
  size_t digits = 0;
  value = 0;
  while (digits < text.size() && hex_digit(static_cast<uint8_t>(text[digits])) >= 0) {
    if (digits == 16) return false;
    value = value << 4 | static_cast<uint64_t>(hex_digit(static_cast<uint8_t>(text[digits++])));
  }
  text.remove_prefix(digits);
  return digits > 0;
}

std::string hex_of(uint64_t value, unsigned bytes) {
  std::string raw;
  for (unsigned i = 0; i < bytes; ++i) raw += static_cast<char>(value >> (8 * i));
  return to_hex(raw);
}

std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// There is one thread, number 1; 0 means any and -1 all.
bool names_our_thread(std::string_view id) {
  return id == "0" || id == "1" || id == "-1";
}

const char* name_of_watch(DebugWatch watch) {
  switch (watch) {
    case DebugWatch::write:
      return "watch";
    case DebugWatch::read:
      return "rwatch";
    case DebugWatch::access:
      return "awatch";
  }
  return "watch";
}

GdbAnswer say(std::string text) {
  GdbAnswer answer;
  answer.text = std::move(text);
  return answer;
}

}  // namespace

std::string GdbCommands::register_hex(unsigned number) {
  const auto value = target_.read_register(number);
  const bool floating = number >= gdb_register::kFirstF && number < gdb_register::kFirstCsr;
  return value ? hex_of(*value, (floating ? target_.float_bits() : target_.width_bits()) / 8) : "";
}

bool GdbCommands::parse_register(std::string_view hex, uint64_t& value) const {
  std::string raw;
  if (!from_hex(hex, raw) || raw.empty() || raw.size() > sizeof value) return false;
  value = 0;
  for (size_t i = 0; i < raw.size(); ++i) value |= uint64_t{static_cast<uint8_t>(raw[i])} << (8 * i);
  return true;
}

std::string GdbCommands::read_registers() {
  std::string text;
  for (unsigned number = 0; number <= gdb_register::kPc; ++number) text += register_hex(number);
  return text;
}

std::string GdbCommands::write_registers(std::string_view text) {
  const size_t digits = target_.width_bits() / 4;
  if (text.size() != digits * (gdb_register::kPc + 1)) return kMalformed;
  uint64_t value = 0;
  for (unsigned number = 0; number <= gdb_register::kPc; ++number) {
    if (!parse_register(text.substr(number * digits, digits), value)) return kMalformed;
  }
  for (unsigned number = 0; number <= gdb_register::kPc; ++number) {
    parse_register(text.substr(number * digits, digits), value);
    target_.write_register(number, value);
  }
  return "OK";
}

std::string GdbCommands::read_register(std::string_view text) {
  uint64_t number = 0;
  if (!take_number(text, number) || !text.empty()) return kMalformed;
  const std::string hex = number > gdb_register::kLast ? "" : register_hex(static_cast<unsigned>(number));
  return hex.empty() ? kNoRegister : hex;
}

std::string GdbCommands::write_register(std::string_view text) {
  uint64_t number = 0, value = 0;
  if (!take_number(text, number) || !take(text, "=") || !parse_register(text, value)) return kMalformed;
  if (number > gdb_register::kLast) return kNoRegister;
  return target_.write_register(static_cast<unsigned>(number), value) ? "OK" : kNoRegister;
}

std::string GdbCommands::read_memory(std::string_view text) {
  uint64_t address = 0, size_bytes = 0;
  if (!take_number(text, address) || !take(text, ",") || !take_number(text, size_bytes) || !text.empty()) {
    return kMalformed;
  }
  if (size_bytes == 0) return "";
  // An answer may be shorter than what was asked for.
  std::string bytes(std::min<uint64_t>(size_bytes, kMaxMemoryBytes), '\0');
  if (bytes.size() - 1 > UINT64_MAX - address) return kNoMemory;
  if (!target_.read_memory(address, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()})) return kNoMemory;
  return to_hex(bytes);
}

std::string GdbCommands::write_memory(std::string_view text, bool binary) {
  uint64_t address = 0, size_bytes = 0;
  if (!take_number(text, address) || !take(text, ",") || !take_number(text, size_bytes) || !take(text, ":")) {
    return kMalformed;
  }
  std::string bytes;
  if (binary) {
    bytes = text;
  } else if (!from_hex(text, bytes)) {
    return kMalformed;
  }
  if (bytes.size() != size_bytes) return kMalformed;
  if (bytes.empty()) return "OK";  // gdb asks in this way whether X is known
  if (bytes.size() - 1 > UINT64_MAX - address) return kNoMemory;
  return target_.write_memory(address, bytes_of(bytes)) ? "OK" : kNoMemory;
}

std::string GdbCommands::change_point(std::string_view text, bool present) {
  uint64_t type = 0, address = 0, size_bytes = 0;
  if (!take_number(text, type) || !take(text, ",") || !take_number(text, address) || !take(text, ",") ||
      !take_number(text, size_bytes)) {
    return kMalformed;
  }
  if (!text.empty()) return kMalformed;  // conditions and commands are not announced, so gdb evaluates them itself
  if (type <= 1) {
    return target_.set_breakpoint(type == 0 ? DebugBreak::software : DebugBreak::hardware, address, present) ? "OK"
                                                                                                             : kNoRoom;
  }
  if (type > 4) return "";
  if (size_bytes == 0 || size_bytes > kMaxWatchBytes || size_bytes - 1 > UINT64_MAX - address) return kMalformed;
  const DebugWatch kind = type == 2 ? DebugWatch::write : type == 3 ? DebugWatch::read : DebugWatch::access;
  return target_.set_watchpoint(kind, address, size_bytes, present) ? "OK" : kNoRoom;
}

std::string GdbCommands::monitor(std::string_view hex) {
  std::string command;
  if (!from_hex(hex, command)) return kMalformed;
  std::string text = target_.monitor(command);
  if (text.size() > kMaxMemoryBytes) {
    text.resize(kMaxMemoryBytes - 8);
    text += "...\n";
  }
  return text.empty() ? "OK" : to_hex(text);
}

std::string GdbCommands::transfer(std::string_view text) {
  std::string document;
  if (take(text, "features:read:target.xml:")) {
    document = target_description(target_.width_bits(), target_.float_bits(), target_.csrs());
  } else if (take(text, "memory-map:read::")) {
    document = memory_map_description(target_.memory_map());
  } else if (text.substr(0, 9) == "features:" || text.substr(0, 11) == "memory-map:") {
    return "E00";  // no such annex
  } else {
    return "";
  }
  uint64_t offset = 0, size_bytes = 0;
  if (!take_number(text, offset) || !take(text, ",") || !take_number(text, size_bytes) || !text.empty()) {
    return kMalformed;
  }
  if (offset >= document.size()) return "l";
  // Escapes may double the bytes.
  const std::string part = document.substr(offset, std::min<uint64_t>(size_bytes, kMaxMemoryBytes));
  return (offset + part.size() < document.size() ? "m" : "l") + part;
}

std::string GdbCommands::query(std::string_view text) {
  if (take(text, "Supported")) {
    return fmt::format(
        "PacketSize={:x};QStartNoAckMode+;qXfer:features:read+;qXfer:memory-map:read+;swbreak+;hwbreak+;"
        "vContSupported+",
        PacketParser::kMaxPayload);
  }
  if (take(text, "Rcmd,")) return monitor(text);
  if (take(text, "Xfer:")) return transfer(text);
  if (take(text, "Symbol:")) return "OK";
  if (text == "C") return "QC1";
  if (text.substr(0, 8) == "Attached") return "1";
  if (text == "fThreadInfo") return "m1";
  if (text == "sThreadInfo") return "l";
  return "";
}

GdbAnswer GdbCommands::resume(std::string_view address, DebugRequest request) {
  uint64_t pc = 0;
  if (!address.empty()) {
    if (!take_number(address, pc) || !address.empty()) return say(kMalformed);
    target_.write_register(gdb_register::kPc, pc);
  }
  GdbAnswer answer;
  answer.request = request;
  answer.reply = false;
  return answer;
}

/// vCont: the first action whose thread is ours counts. Signals are not delivered: the guest has none.
GdbAnswer GdbCommands::resume_actions(std::string_view text) {
  while (take(text, ";")) {
    const size_t end = std::min(text.find(';'), text.size());
    std::string_view action = text.substr(0, end);
    text.remove_prefix(end);
    if (action.empty()) return say(kMalformed);
    const char what = action[0];
    action.remove_prefix(1);
    uint64_t signal = 0;
    if ((what == 'C' || what == 'S') && !take_number(action, signal)) return say(kMalformed);
    if (!action.empty() && !(take(action, ":") && names_our_thread(action))) {
      if (action.empty() || what == 0) return say(kMalformed);
      continue;
    }
    if (what == 'c' || what == 'C') return resume("", DebugRequest::resume);
    if (what == 's' || what == 'S') return resume("", DebugRequest::step);
    return say(kMalformed);
  }
  return say(kMalformed);
}

GdbAnswer GdbCommands::verbose(std::string_view text) {
  if (text == "Cont?") return say("vCont;c;C;s;S");
  if (take(text, "Cont")) return resume_actions(text);
  if (take(text, "Kill")) {
    GdbAnswer answer = say("OK");
    answer.request = DebugRequest::kill;
    return answer;
  }
  return say("");
}

std::string GdbCommands::stop_reply(const DebugStop& stop) {
  last_stop_ = stop;
  if (stop.kind == DebugStop::Kind::exited) return fmt::format("W{:02x}", stop.exit_code);
  std::string text = fmt::format("T{:02x}", stop.signal);
  if (stop.kind == DebugStop::Kind::breakpoint) {
    text += stop.point == DebugBreak::software ? "swbreak:;" : "hwbreak:;";
  }
  if (stop.kind == DebugStop::Kind::watchpoint) {
    text += fmt::format("{}:{:x};", name_of_watch(stop.watch), stop.address);
  }
  for (const unsigned number : {gdb_register::kPc, gdb_register::kStackPointer}) {
    text += fmt::format("{:02x}:{};", number, register_hex(number));
  }
  return text + "thread:1;";
}

GdbAnswer GdbCommands::handle(std::string_view payload) {
  if (payload.empty()) return say("");
  const char command = payload[0];
  std::string_view rest = payload.substr(1);
  switch (command) {
    case '?':
      return say(stop_reply(last_stop_));
    case 'g':
      return say(read_registers());
    case 'G':
      return say(write_registers(rest));
    case 'p':
      return say(read_register(rest));
    case 'P':
      return say(write_register(rest));
    case 'm':
      return say(read_memory(rest));
    case 'M':
      return say(write_memory(rest, false));
    case 'X':
      return say(write_memory(rest, true));
    case 'Z':
      return say(change_point(rest, true));
    case 'z':
      return say(change_point(rest, false));
    case 'c':
      return resume(rest, DebugRequest::resume);
    case 's':
      return resume(rest, DebugRequest::step);
    case 'C':
    case 'S': {
      uint64_t signal = 0;
      if (!take_number(rest, signal) || (!rest.empty() && !take(rest, ";"))) return say(kMalformed);
      return resume(rest, command == 'C' ? DebugRequest::resume : DebugRequest::step);
    }
    case 'v':
      return verbose(rest);
    case 'q':
      return say(query(rest));
    case 'Q': {
      GdbAnswer answer = say(rest == "StartNoAckMode" ? "OK" : "");
      answer.no_ack = !answer.text.empty();
      return answer;
    }
    case 'H':
      return say(!rest.empty() && names_our_thread(rest.substr(1)) ? "OK" : kMalformed);
    case 'T':
      return say(rest == "1" ? "OK" : kMalformed);
    case 'D': {
      GdbAnswer answer = say("OK");
      answer.request = DebugRequest::detach;
      return answer;
    }
    case 'k': {
      GdbAnswer answer;
      answer.request = DebugRequest::kill;
      answer.reply = false;
      return answer;
    }
    default:
      return say("");
  }
}

}  // namespace backboard
