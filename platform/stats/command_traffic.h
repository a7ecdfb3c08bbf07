// Bytes of each command of the NPU, by tensor class.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "platform/bus/access.h"
#include "platform/bus/attribution.h"
#include "platform/state/archive.h"

namespace backboard {

/// traffic.csv told apart by command: large, so kept on request only.
class CommandTraffic final : public Saved {
 public:
  /// Other initiators than the NPU have no commands, and are left out.
  void record(const Attribution& who, BusOp op, uint64_t bytes) {
    if (who.initiator != Initiator::npu) return;
    Row& row = rows_[{who.ring, who.command, who.tensor}];
    row.layer = who.layer;
    row.phase = who.phase;
    (op == BusOp::read ? row.read_bytes : row.write_bytes) += bytes;
  }
  /// A line for each command and tensor class, in their order: ring, command, layer, phase, tensor class, bytes.
  std::string csv() const;
  void state(StateArchive& archive) override;

 private:
  struct Row {
    uint64_t read_bytes = 0, write_bytes = 0;
    uint16_t layer = 0xffff;
    Phase phase = Phase::kOTHER;
  };
  using Key = std::tuple<uint8_t, uint32_t, TensorClass>;  ///< ring, command, class
  std::map<Key, Row> rows_;
};

}  // namespace backboard
