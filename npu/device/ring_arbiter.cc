#include "npu/device/ring_arbiter.h"

#include "npu/device/command_ring.h"
#include "platform/check/check.h"

namespace backboard::npu {

RingArbiter::RingArbiter(EventQueue& queue, Dma& dma, Sequencer& sequencer) : queue_(queue), sequencer_(sequencer) {
  id_ = queue.add_client("npu.arbiter", EventRank::master, *this);
  dma.set_client(*this);
  sequencer.set_client(*this);
}

void RingArbiter::grant() {
  uint8_t best = kNobody;
  for (uint8_t i = 1; i <= kRings; ++i) {
    // From the one behind the last on: the first of equals is the one that did not have the engine.
    const auto number = static_cast<uint8_t>((last_ + i) % kRings);
    if (!rings_[number]->waiting()) continue;
    if (best == kNobody || priorities_[number] > priorities_[best]) best = number;
  }
  if (best == kNobody) return;
  owner_ = last_ = best;
  rings_[best]->on_engine();
}

void RingArbiter::release() {
  owner_ = kNobody;
  grant();
}

void RingArbiter::release_at(uint64_t time_ps) {
  owner_ = kNobody;
  for (const CommandRing* ring : rings_) {
    if (ring->waiting()) return queue_.schedule(time_ps, id_);
  }
}

void RingArbiter::reset() {
  queue_.cancel(id_);
  owner_ = kNobody;
  last_ = kRings - 1;
}

void RingArbiter::on_event(uint64_t, uint64_t) {
  request();
}

void RingArbiter::on_transfer(uint64_t tag, DmaTransfer& transfer) {
  if (tag & Sequencer::kTransferTag) return sequencer_.on_transfer(tag, transfer);
  BB_CHECK(owner_ < kRings, "transfer {} of no ring", tag);
  rings_[owner_]->on_transfer(tag, transfer);
}

void RingArbiter::on_job_done(ErrorCode error, uint32_t address, uint32_t detail, uint8_t command) {
  BB_CHECK(owner_ < kRings, "a job of no ring");
  rings_[owner_]->on_job_done(error, address, detail, command);
}

void RingArbiter::state(StateArchive& archive) {
  archive.section("npu arbiter");
  archive.value("owner", owner_);
  archive.value("last", last_);
  if (owner_ != kNobody && owner_ >= kRings) archive.fail("owner", "a ring that there is not");
  if (last_ >= kRings) archive.fail("last", "a ring that there is not");
}

}  // namespace backboard::npu
