#include "platform/dram/controller/request_buffer.h"

#include "platform/check/check.h"

namespace backboard::dram {

RequestBuffer::RequestBuffer(uint32_t slots, unsigned banks) : entries_(slots), lists_(banks) {
  for (Slot i = 0; i + 1 < slots; ++i) entries_[i].next = i + 1;
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

}  // namespace backboard::dram
