#include "platform/run/uart_log.h"

#include "platform/check/write_error.h"

namespace backboard {

UartLog::UartLog(std::string path, bool echo)
    : path_(std::move(path)), part_(path_ + ".part"), file_(std::fopen(part_.c_str(), "wb")), echo_(echo) {
  if (!file_) throw write_error(path_);
}

UartLog::~UartLog() {
  if (file_) std::fclose(file_);
}

void UartLog::put(uint8_t byte, uint64_t) {
  std::fputc(byte, file_);
  if (echo_) std::fputc(byte, stdout);
  if (byte == '\n') flush();
}

void UartLog::flush() {
  std::fflush(file_);
  if (echo_) std::fflush(stdout);
}

void UartLog::finish() {
  const bool written = std::ferror(file_) == 0;
  const bool closed = std::fclose(file_) == 0;
  file_ = nullptr;
  if (!written || !closed || std::rename(part_.c_str(), path_.c_str()) != 0) {
    throw write_error(path_);
  }
}

}  // namespace backboard
