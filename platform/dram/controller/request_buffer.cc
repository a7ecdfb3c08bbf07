#include "platform/dram/controller/request_buffer.h"

#include "platform/check/check.h"

namespace backboard::dram {

RequestBuffer::RequestBuffer(uint32_t slots, unsigned banks) : entries_(slots), lists_(banks) {
  for (Slot i = 0; i + 1 < slots; ++i) entries_[i].next = i + 1;
}

bool RequestBuffer::must_wait(Slot slot) const {
  const BurstRequest& request = entries_[slot].request;
  for (Slot older = first(request.bank); older != slot; older = next(older)) {
    const BurstRequest& other = entries_[older].request;
    if (other.write != request.write && other.row == request.row && other.column == request.column) return true;
  }
  return false;
}

Slot RequestBuffer::add(const BurstRequest& request) {
  BB_CHECK(!full(), "buffer of {} is full", entries_.size());
  const Slot slot = free_;
  Entry& entry = entries_[slot];
  free_ = entry.next;
  entry = {request, order_++, kNoSlot, false};
  List& list = lists_[request.bank];
  if (list.last == kNoSlot) {
    list.first = slot;
  } else {
    entries_[list.last].next = slot;
  }
  list.last = slot;
  ++(request.write ? writes_ : reads_);
  return slot;
}

void RequestBuffer::remove(Slot slot) {
  Entry& entry = entries_[slot];
  List& list = lists_[entry.request.bank];
  Slot before = kNoSlot;
  for (Slot s = list.first; s != slot; s = entries_[s].next) before = s;
  (before == kNoSlot ? list.first : entries_[before].next) = entry.next;
  if (list.last == slot) list.last = before;
  --(entry.request.write ? writes_ : reads_);
  entry.next = free_;
  free_ = slot;
}

void RequestBuffer::state(StateArchive& archive) {
  archive.section("request buffer");
  for (Entry& entry : entries_) {
    archive.value("token", entry.request.token);
    archive.value("arrival", entry.request.arrival);
    archive.value("bank", entry.request.bank);
    archive.value("row", entry.request.row);
    archive.value("column", entry.request.column);
    archive.value("write", entry.request.write);
    archive.value("masked", entry.request.masked);
    archive.value("order", entry.order);
    archive.value("next", entry.next);
    archive.value("activated", entry.activated);
    if (entry.next != kNoSlot && entry.next >= entries_.size()) archive.fail("next", "a slot that does not exist");
    if (entry.request.bank >= lists_.size()) archive.fail("bank", "a bank that does not exist");
  }
  archive.range("lists", std::span(lists_));
  for (const List& list : lists_) {
    for (const Slot slot : {list.first, list.last}) {
      if (slot != kNoSlot && slot >= entries_.size()) archive.fail("lists", "a slot that does not exist");
    }
  }
  archive.value("free", free_);
  if (free_ != kNoSlot && free_ >= entries_.size()) archive.fail("free", "a slot that does not exist");
  archive.value("reads", reads_);
  archive.value("writes", writes_);
  archive.value("order", order_);
}

}  // namespace backboard::dram
