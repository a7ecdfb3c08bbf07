// Where the bytes of a UART go.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace backboard {

/// Takes transmitted bytes in order, each at the simulated time at which it left.
class CharacterSink {
 public:
  virtual ~CharacterSink() = default;
  virtual void put(uint8_t byte, uint64_t time_ps) = 0;
  virtual void flush() {}
};

/// Keeps everything: for tests and for expectations on a run's output.
class MemorySink final : public CharacterSink {
 public:
  void put(uint8_t byte, uint64_t) override { text_.push_back(static_cast<char>(byte)); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Writes to an open stream of the host (stdout, a log) that the caller keeps open and closes. Flushes at newlines.
class StreamSink final : public CharacterSink {
 public:
  explicit StreamSink(std::FILE* stream) : stream_(stream) {}
  void put(uint8_t byte, uint64_t) override {
    std::fputc(byte, stream_);
    if (byte == '\n') flush();
  }
  void flush() override { std::fflush(stream_); }

 private:
  std::FILE* stream_;
};

}  // namespace backboard
