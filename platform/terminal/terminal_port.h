// Where the other end of the UART's wire is on the host.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace backboard {

/// Bytes to and from a place of the host. Nothing here waits.
class TerminalPort {
 public:
  virtual ~TerminalPort() = default;
  /// Takes bytes of the guest. Where nobody reads they are dropped, as on a wire.
  virtual void write(std::string_view bytes) = 0;
  /// At most `limit` bytes that have arrived; empty: none now.
  virtual std::string read(size_t limit) = 0;
  /// Whether more may arrive, now or later.
  virtual bool may_deliver() const = 0;
  /// Readable when something has arrived; -1 when nothing ever will.
  virtual int descriptor() const = 0;
  /// Throws InputError when something written is lost that should not be: the disk is full.
  virtual void finish() {}
  /// For people: where it is.
  virtual std::string name() const = 0;
};

/// `stdio`, `file:PATH` (output only), `pty`, `[HOST:]PORT` (TCP, loopback unless a numeric host is named) or
/// `unix:PATH`. Throws InputError, naming --uart.
std::unique_ptr<TerminalPort> make_terminal_port(const std::string& where);

/// Input from the bytes of a file; output is dropped. Throws InputError.
std::unique_ptr<TerminalPort> make_file_input(const std::string& path);

}  // namespace backboard
