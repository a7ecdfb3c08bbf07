#include "platform/debug/gdb_connection.h"

#include <utility>

namespace backboard {

void GdbConnection::put(const std::string& bytes) {
  if (output_.size() + bytes.size() > kMaxOutputBytes) {
    broken_ = true;  // it asks without reading
    return;
  }
  output_ += bytes;
}

void GdbConnection::send(const std::string& payload) {
  last_frame_ = encode_packet(payload);
  put(last_frame_);
}

void GdbConnection::receive(std::span<const uint8_t> bytes) {
  static constexpr std::string_view kOpenings = "+$-\x03";
  for (const uint8_t byte : bytes) {
    // Not a debugger: a browser, say, that a web page has sent here.
    broken_ = broken_ || (!greeted_ && kOpenings.find(static_cast<char>(byte)) == std::string_view::npos);
    if (broken_) return;
    greeted_ = true;
    switch (parser_.put(byte)) {
      case PacketEvent::none:
      case PacketEvent::ack:
        break;
      case PacketEvent::nack:
        if (acknowledge_) put(last_frame_);
        break;
      case PacketEvent::interrupt:
        interrupt_ = running_;  // a halted machine has nothing to interrupt
        break;
      case PacketEvent::bad_checksum:
        if (acknowledge_) put("-");
        break;
      case PacketEvent::too_long:
        if (acknowledge_) put("+");
        send("E01");
        break;
      case PacketEvent::packet:
        if (acknowledge_) put("+");
        if (waiting_.size() == kMaxWaiting) broken_ = true;
        if (!broken_) waiting_.push_back(parser_.payload());
        handle_waiting();
        break;
    }
  }
}

void GdbConnection::handle_waiting() {
  while (!waiting_.empty() && !running_ && request_ == DebugRequest::none && !broken_) {
    const std::string payload = std::move(waiting_.front());
    waiting_.pop_front();
    handle(payload);
  }
}

void GdbConnection::handle(const std::string& payload) {
  GdbAnswer answer = commands_.handle(payload);
  if (answer.reply) send(answer.text);
  if (answer.no_ack) acknowledge_ = false;
  request_ = answer.request;
  running_ = request_ == DebugRequest::resume || request_ == DebugRequest::step;
}

DebugRequest GdbConnection::take_request() {
  return std::exchange(request_, DebugRequest::none);
}

bool GdbConnection::take_interrupt() {
  return std::exchange(interrupt_, false);
}

void GdbConnection::stopped(const DebugStop& stop) {
  running_ = false;
  interrupt_ = false;
  send(commands_.stop_reply(stop));
  handle_waiting();
}

void GdbConnection::print(std::string_view text) {
  if (running_) put(encode_packet("O" + to_hex(text)));
}

std::string GdbConnection::take_output() {
  return std::exchange(output_, {});
}

}  // namespace backboard
