#include "npu/engine/schedule_builder.h"

#include <algorithm>

#include "platform/check/check.h"

namespace backboard::npu {

SlotRing ScheduleBuilder::ring(uint32_t count, uint64_t elements, uint32_t element_bytes) {
  SlotRing ring;
  for (uint32_t i = 0; i < count; ++i) ring.slots.push_back(place(elements * element_bytes, elements));
  return ring;
}

uint16_t ScheduleBuilder::place(uint64_t bytes, uint64_t elements) {
  constexpr uint64_t kSlotAlignment = 32;
  bytes = (bytes + kSlotAlignment - 1) / kSlotAlignment * kSlotAlignment;
  const auto slot = static_cast<uint16_t>(schedule_.slots.size());
  schedule_.slots.push_back({schedule_.buffer_bytes, static_cast<uint32_t>(bytes), static_cast<uint32_t>(elements)});
  schedule_.buffer_bytes += static_cast<uint32_t>(bytes);
  bytes_ += bytes;
  uses_.emplace_back();
  return slot;
}

void ScheduleBuilder::push(const Step& step) {
  if (schedule_.steps.size() >= kMostSteps) {
    overflowed_ = true;
    return;
  }
  ++count_[static_cast<unsigned>(step.kind)];
  schedule_.steps.push_back(step);
  schedule_.steps.back().command = command_;
}

uint16_t ScheduleBuilder::load(unsigned operand, const Box& box, SlotRing& ring) {
  for (const uint16_t slot : ring.slots) {
    const Use& use = uses_[slot];
    if (use.resident && use.operand == operand && use.box == box) return slot;
  }
  const uint16_t slot = claim(ring);
  load_into(operand, box, slot);
  return slot;
}

uint16_t ScheduleBuilder::claim(SlotRing& ring) {
  const uint16_t slot = ring.slots[ring.next];
  ring.next = (ring.next + 1) % ring.slots.size();
  uses_[slot].resident = false;
  return slot;
}

void ScheduleBuilder::load_into(unsigned operand, const Box& box, uint16_t slot) {
  BB_CHECK(box.elements() <= schedule_.slots[slot].elements, "{} elements in a slot of {}", box.elements(),
           schedule_.slots[slot].elements);
  Use& use = uses_[slot];
  Step step;
  step.kind = StepKind::load;
  step.operand = static_cast<uint8_t>(operand);
  step.slot = slot;
  step.box = box;
  step.needs = {0, use.computes, use.stores};
  push(step);
  use.loads = count_[0];
  use.operand = static_cast<uint8_t>(operand);
  use.resident = true;
  use.box = box;
}

void ScheduleBuilder::compute(const Step& step) {
  Step placed = step;
  placed.kind = StepKind::compute;
  const auto each_slot = [&](auto&& visit) {
    for (const uint16_t slot : placed.slots) {
      if (slot != kNoSlot) visit(uses_[slot]);
    }
    if (placed.accumulator != kNoSlot) visit(uses_[placed.accumulator]);
  };
  each_slot([&](const Use& use) {
    placed.needs[0] = std::max(placed.needs[0], use.loads);
    placed.needs[2] = std::max(placed.needs[2], use.stores);
  });
  push(placed);
  each_slot([&](Use& use) { use.computes = count_[1]; });
}

void ScheduleBuilder::store(unsigned operand, const Box& box, uint16_t slot) {
  Use& use = uses_[slot];
  Step step;
  step.kind = StepKind::store;
  step.operand = static_cast<uint8_t>(operand);
  step.slot = slot;
  step.box = box;
  step.needs = {use.loads, use.computes, 0};
  push(step);
  use.stores = count_[2];
  use.resident = false;  // what was stored is a result
}

void ScheduleBuilder::store_record(Payload payload, unsigned operand) {
  Step step;
  step.kind = StepKind::store;
  step.payload = payload;
  step.operand = static_cast<uint8_t>(operand);
  step.needs = {count_[0], count_[1], count_[2]};
  push(step);
}

Schedule ScheduleBuilder::take() {
  return std::move(schedule_);
}

}  // namespace backboard::npu
