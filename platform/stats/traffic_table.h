// Whose bytes crossed into a memory: the table behind traffic.csv.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "platform/bus/access.h"
#include "platform/bus/attribution.h"
#include "platform/state/archive.h"

namespace backboard {

/// One row: everything that one initiator moved for one layer, phase and tensor class.
struct TrafficRow {
  Attribution who;  ///< `command` is 0: commands are not told apart
  uint64_t read_bytes = 0;
  uint64_t write_bytes = 0;
  uint64_t reads = 0;   ///< transactions
  uint64_t writes = 0;  ///< transactions
};

/// Bytes and transactions by owner. `record` is called once a transaction where it meets the memory.
class TrafficTable final : public Saved {
 public:
  void record(const Attribution& who, BusOp op, uint64_t bytes, uint64_t transactions = 1) {
    TrafficRow& row = row_of(who);
    (op == BusOp::read ? row.read_bytes : row.write_bytes) += bytes;
    (op == BusOp::read ? row.reads : row.writes) += transactions;
  }

  /// Rows by initiator, layer, phase, tensor class: an order that no run-time order of accesses changes.
  std::vector<TrafficRow> rows() const;
  TrafficRow sum() const;
  /// The sum over rows of one initiator.
  TrafficRow sum_of(Initiator initiator) const;

  /// traffic.csv: a header line, then one line a row; layer is a number, or '-' for none, name that of the layer in
  /// `layer_names`, by number, empty where there is none. A comma, quote or control character in a name becomes '_'.
  std::string csv(std::span<const std::string> layer_names = {}) const;

  /// Conservation: nothing when the sums equal what the memory itself counted, else a sentence that says what differs.
  std::optional<std::string> conservation_error(uint64_t memory_read_bytes, uint64_t memory_write_bytes) const;

  void state(StateArchive& archive) override;

 private:
  static uint64_t key_of(const Attribution& who) {
    return uint64_t{static_cast<uint8_t>(who.initiator)} << 32 | uint64_t{who.layer} << 16 |
           uint64_t{static_cast<uint8_t>(who.phase)} << 8 | static_cast<uint8_t>(who.tensor);
  }
  TrafficRow& row_of(const Attribution& who) {
    const uint64_t key = key_of(who);
    if (key != last_key_) find(who, key);
    return rows_[last_row_];
  }
  void find(const Attribution& who, uint64_t key);

  std::vector<TrafficRow> rows_;
  std::unordered_map<uint64_t, size_t> row_by_key_;
  uint64_t last_key_ = UINT64_MAX;
  size_t last_row_ = 0;
};

}  // namespace backboard
