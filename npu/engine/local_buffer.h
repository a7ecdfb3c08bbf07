// The contents of the local buffer while a command runs.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "npu/codec/element_class.h"
#include "npu/command/job.h"
#include "npu/engine/aligned_vector.h"
#include "npu/engine/schedule.h"
#include "npu/vector/softmax_loss.h"
#include "npu/vector/tile.h"
#include "platform/state/archive.h"

namespace backboard::npu {

/// What a slot holds: a box of a tensor, decoded, elements in the order (n, c, h, w). The bytes that it takes in
/// silicon are those of Slot::size_bytes; the host keeps binary32, which every format's values fit.
struct SlotContents {
  Box box;
  AlignedVector<float> values;
  AlignedVector<uint8_t> classes;  ///< ElementClass of each element of an operand of the multipliers, else empty
  std::vector<uint8_t> bytes;      ///< U8 operands whose bytes count (labels, pooling indices), and raw copies

  /// Gives the slot another box, all values zero.
  void clear_to(const Box& new_box);
  /// Gives the slot another box; values have no meaning yet.
  void resize_to(const Box& new_box);
  Tile tile() {
    return dense_tile(values.data(), box.first[0], box.count[0], box.first[1], box.count[1], box.first[2], box.count[2],
                      box.count[3]);
  }
  ConstTile tile() const {
    return dense_tile(values.data(), box.first[0], box.count[0], box.first[1], box.count[1], box.first[2], box.count[2],
                      box.count[3]);
  }
  TileView<uint8_t> byte_tile() {
    return dense_tile(bytes.data(), box.first[0], box.count[0], box.first[1], box.count[1], box.first[2], box.count[2],
                      box.count[3]);
  }
  TileView<const uint8_t> byte_tile() const {
    return dense_tile(bytes.data(), box.first[0], box.count[0], box.first[1], box.count[1], box.first[2], box.count[2],
                      box.count[3]);
  }
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

  LossSums loss;                                ///< SOFTMAX_CE, over the tiles so far
  std::array<ClassCounts, kOperands> produced;  ///< elements stored so far, by operand; of a group: its first command
  std::vector<std::array<ClassCounts, kOperands>> produced_behind;  ///< of the other commands of a group
  std::array<ClassCounts, kOperands>& produced_by(uint8_t command) {
    return command == 0 ? produced : produced_behind[command - 1u];
  }

 private:
  std::vector<SlotContents> slots_;
  size_t used_ = 0;
};

}  // namespace backboard::npu
