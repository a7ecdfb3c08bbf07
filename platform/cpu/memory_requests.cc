#include "platform/cpu/memory_requests.h"

#include <algorithm>
#include <cstring>

#include "platform/check/check.h"

namespace backboard {
namespace {

bool same(const BusRequest& request, BusOp op, Initiator initiator, uint64_t address, uint32_t size_bytes) {
  return request.op == op && request.who.initiator == initiator && request.address == address &&
         request.size == size_bytes;
}

}  // namespace

MemoryRequests::MemoryRequests(RequestPort& port, std::vector<CoreConfig::MemoryRange> ranges,
                               std::function<void(uint64_t)> on_progress)
    : port_(port), ranges_(std::move(ranges)), on_progress_(std::move(on_progress)) {
  port_.set_client(*this);
}

bool MemoryRequests::covers(uint64_t address, uint64_t size_bytes) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const CoreConfig::MemoryRange& range) {
    return address >= range.first && address <= range.last && size_bytes - 1 <= range.last - address;
  });
}

std::optional<BusResponse> MemoryRequests::transfer(BusOp op, const Attribution& who, uint64_t address,
                                                    uint32_t size_bytes, uint64_t time_ps, uint8_t* data) {
  for (const Answer& a : answers_) {
    if (a.op != op || a.initiator != who.initiator || a.address != address || a.size_bytes != size_bytes) continue;
    if (op == BusOp::read) std::memcpy(data, a.bytes, size_bytes);
    return a.response;
  }
  const bool asked = std::any_of(slots_.begin(), slots_.end(), [&](const Slot& slot) {
    return slot.used && slot.wanted && same(slot.request, op, who.initiator, address, size_bytes);
  });
  if (!asked) slots_[ask(op, who, address, size_bytes, time_ps, data)].wanted = true;
  return std::nullopt;
}

void MemoryRequests::forget_answers() {
  answers_.clear();
  for (Slot& slot : slots_) slot.wanted = false;
}

RequestTag MemoryRequests::ask(BusOp op, const Attribution& who, uint64_t address, uint32_t size_bytes,
                               uint64_t time_ps, const uint8_t* data) {
  BB_CHECK(size_bytes <= kMostBytes, "{} bytes", size_bytes);
  auto slot = std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) { return !s.used; });
  if (slot == slots_.end()) slot = slots_.insert(slots_.end(), Slot());
  *slot = Slot();
  slot->used = true;
  slot->request.op = op;
  slot->request.who = who;
  slot->request.address = address;
  slot->request.size = size_bytes;
  slot->request.time_ps = time_ps;
  slot->request.tag = static_cast<RequestTag>(slot - slots_.begin());
  if (op == BusOp::write) std::memcpy(slot->bytes, data, size_bytes);
  const RequestTag tag = slot->request.tag;
  unsent_.push_back(tag);
  send_waiting(time_ps);
  return tag;
}

void MemoryRequests::send_waiting(uint64_t time_ps) {
  while (ready_ && !unsent_.empty()) {
    BusRequest& request = slots_[unsent_.front()].request;
    unsent_.pop_front();
    request.time_ps = std::max(request.time_ps, time_ps);
    ready_ = port_.submit(request) != RequestPort::kLater;
  }
}

void MemoryRequests::write_back(const Attribution& who, uint64_t line, uint32_t size_bytes, const uint8_t* bytes,
                                uint64_t time_ps) {
  BB_CHECK(write_buffer_free(), "line {:#x}", line);
  write_buffer_ = ask(BusOp::write, who, line, size_bytes, time_ps, bytes);
}

bool MemoryRequests::in_write_buffer(uint64_t address, uint64_t size_bytes) const {
  if (write_buffer_free()) return false;
  const BusRequest& request = slots_[write_buffer_].request;
  return address < request.address + request.size && request.address < address + size_bytes;
}

void MemoryRequests::overlay(uint64_t address, std::span<uint8_t> bytes) const {
  if (!in_write_buffer(address, bytes.size())) return;
  const Slot& slot = slots_[write_buffer_];
  const uint64_t from = std::max(address, slot.request.address);
  const uint64_t to = std::min(address + bytes.size(), slot.request.address + slot.request.size);
  std::memcpy(bytes.data() + (from - address), slot.bytes + (from - slot.request.address), to - from);
}

void MemoryRequests::on_response(RequestTag tag, BusResponse response, uint64_t time_ps) {
  Slot& slot = slots_[tag];
  BB_CHECK(slot.used, "an answer to tag {}", tag);
  slot.used = false;
  if (write_buffer_ == tag) write_buffer_ = kNobody;
  if (slot.wanted) {
    slot.wanted = false;
    Answer answer;
    answer.address = slot.request.address;
    answer.size_bytes = slot.request.size;
    answer.op = slot.request.op;
    answer.initiator = slot.request.who.initiator;
    answer.response = response;
    std::memcpy(answer.bytes, slot.bytes, sizeof answer.bytes);
    answers_.push_back(answer);
  }
  on_progress_(time_ps);
}

void MemoryRequests::on_ready(uint64_t time_ps) {
  ready_ = true;
  send_waiting(time_ps);
}

void MemoryRequests::state(StateArchive& archive) {
  archive.section("memory requests");
  uint64_t count = slots_.size();
  archive.value("slots", count);
  if (count > UINT16_MAX) archive.fail("slots", "more requests than there are tags");
  slots_.resize(count);
  for (Slot& slot : slots_) {
    archive.value("used", slot.used);
    if (!slot.used) continue;
    save_request(archive, slot.request);
    archive.value("wanted", slot.wanted);
    archive.value("bytes", slot.bytes);
  }
  archive.vector("answers", answers_);
  std::vector<RequestTag> unsent(unsent_.begin(), unsent_.end());
  archive.vector("unsent", unsent);
  unsent_.assign(unsent.begin(), unsent.end());
  archive.value("write_buffer", write_buffer_);
  if (write_buffer_ != kNobody && write_buffer_ >= count) archive.fail("write_buffer", "a request that is not there");
  archive.value("ready", ready_);
}

}  // namespace backboard
