// Puts steps in order, places tiles in slots and works out what each step must wait for.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "npu/engine/schedule.h"

namespace backboard::npu {

/// Slots of one operand, used in turn. A box that is still in one of them is not loaded again.
struct SlotRing {
  std::vector<uint16_t> slots;
  size_t next = 0;
};

/// Builds a schedule step by step. A schedule that grows beyond kMostSteps is given up (`overflowed`).
class ScheduleBuilder {
 public:
  static constexpr size_t kMostSteps = size_t{1} << 20;

  /// `count` slots for boxes of at most `elements` of `element_bytes` in the local buffer.
  SlotRing ring(uint32_t count, uint64_t elements, uint32_t element_bytes);

  /// A slot of `bytes` for at most `elements`, on its own.
  uint16_t place(uint64_t bytes, uint64_t elements);
  /// The command of a group whose steps come next.
  void set_command(uint8_t command) { command_ = command; }
  uint64_t buffer_bytes() const { return bytes_; }

  /// Loads `box` of `operand` into the next slot of the ring, unless a slot holds it already. Gives the slot.
  uint16_t load(unsigned operand, const Box& box, SlotRing& ring);
  /// The next slot of the ring, for results.
  uint16_t claim(SlotRing& ring);
  /// Loads `box` of `operand` into `slot`, which was claimed.
  void load_into(unsigned operand, const Box& box, uint16_t slot);
  /// Adds a compute step; `step.slots` and `step.accumulator` say what it reads and writes.
  void compute(const Step& step);
  void store(unsigned operand, const Box& box, uint16_t slot);
  /// Stores a record when all tensors are stored.
  void store_record(Payload payload, unsigned operand);

  bool overflowed() const { return overflowed_; }
  Schedule take();

 private:
  struct Use {
    uint32_t loads = 0, computes = 0, stores = 0;  ///< numbers (from 1) of the last steps that used the slot
    uint8_t operand = 0;
    bool resident = false;  ///< holds `box` of `operand` as it is in memory
    Box box;
  };
  void push(const Step& step);

  Schedule schedule_;
  std::vector<Use> uses_;
  std::array<uint32_t, kStepKinds> count_{};
  uint8_t command_ = 0;
  uint64_t bytes_ = 0;  ///< of all slots; may be more than any buffer
  bool overflowed_ = false;
};

}  // namespace backboard::npu
