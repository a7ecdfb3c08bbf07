// The commands of the gdb remote serial protocol on a halted machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "platform/debug/debug_target.h"

namespace backboard {

/// What the debugger wants after a packet, besides an answer.
enum class DebugRequest : uint8_t { none, resume, step, detach, kill };

struct GdbAnswer {
  DebugRequest request = DebugRequest::none;
  bool reply = true;  ///< `text` is sent; resumed machines answer when they stop
  std::string text;
  bool no_ack = false;  ///< from now on there are no acknowledgements
};

/// Interprets payloads, one client long. Every payload is allowed: what is unknown gets the empty answer of the
/// protocol, what is wrong an error. Source: Debugging with GDB, sections "Packets" and "General Query Packets".
class GdbCommands {
 public:
  explicit GdbCommands(DebugTarget& target) : target_(target) {}

  GdbAnswer handle(std::string_view payload);
  /// Remembers why the machine stands, and says it as a stop reply packet.
  std::string stop_reply(const DebugStop& stop);

 private:
  std::string read_registers();
  std::string write_registers(std::string_view text);
  std::string read_register(std::string_view text);
  std::string write_register(std::string_view text);
  std::string read_memory(std::string_view text);
  std::string write_memory(std::string_view text, bool binary);
  std::string change_point(std::string_view text, bool present);
  std::string query(std::string_view text);
  std::string transfer(std::string_view text);
  std::string monitor(std::string_view hex);
  GdbAnswer resume(std::string_view address, DebugRequest request);
  GdbAnswer resume_actions(std::string_view text);
  GdbAnswer verbose(std::string_view text);
  std::string register_hex(unsigned number);
  bool parse_register(std::string_view hex, uint64_t& value) const;

  DebugTarget& target_;
  DebugStop last_stop_;
};

/// target.xml: registers of a RISC-V hart with F, and `csrs` (fflags, frm and fcsr among the FP registers).
std::string target_description(unsigned width_bits, unsigned float_bits, const std::vector<DebugCsr>& csrs);
/// The memory map as gdb reads it.
std::string memory_map_description(const std::vector<DebugRegion>& regions);

}  // namespace backboard
