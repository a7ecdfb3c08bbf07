// The UART's output as a file of the run, and on stdout when someone watches.
#pragma once

#include <cstdio>
#include <string>

#include "platform/uart/character_sink.h"

namespace backboard {

/// Writes `path`, under a temporary name until `finish`, and copies to stdout if `echo`.
class UartLog final : public CharacterSink {
 public:
  /// Throws InputError when the file cannot be opened.
  UartLog(std::string path, bool echo);
  ~UartLog() override;
  UartLog(const UartLog&) = delete;
  UartLog& operator=(const UartLog&) = delete;

  void put(uint8_t byte, uint64_t time_ps) override;
  void flush() override;
  /// Closes the file and gives it its name. Throws InputError when that fails.
  void finish();

 private:
  std::string path_, part_;
  std::FILE* file_;
  bool echo_;
};

}  // namespace backboard
