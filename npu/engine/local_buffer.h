// The contents of the local buffer while a command runs.
#pragma once

#include <cstdint>
#include <vector>

#include "npu/command/job.h"
#include "npu/engine/schedule.h"
#include "npu/vector/tile.h"
#include "platform/state/archive.h"

namespace backboard::npu {

/// What a slot holds: a box of a tensor, decoded, elements in the order (n, c, h, w). The bytes that it takes in
/// silicon are those of Slot::size_bytes; the host keeps binary32, which every format's values fit.
struct SlotContents {
  Box box;
  std::vector<float> values;
  std::vector<uint8_t> bytes;  ///< U8 operands of which the bytes count (labels, pooling indices), and raw copies
  std::vector<uint8_t> high;   ///< FGMP: 1 where the element is stored in the high format; else empty

  Tile tile();
  ConstTile tile() const;
  void state(StateArchive& archive);
};

/// All slots of the running schedule, and what a command adds up outside of them.
class LocalBuffer {
 public:
  /// Prepares the slots of a schedule; storage is kept from command to command.
  void prepare(const Schedule& schedule);
  SlotContents& operator[](uint16_t slot) { return slots_[slot]; }
  const SlotContents& operator[](uint16_t slot) const { return slots_[slot]; }
  size_t slots() const { return used_; }
  void state(StateArchive& archive);

 private:
  std::vector<SlotContents> slots_;
  size_t used_ = 0;
};

}  // namespace backboard::npu
