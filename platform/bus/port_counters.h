// What passed a point of the bus.
#pragma once

#include <cstdint>

#include "platform/bus/access.h"

namespace backboard {

/// Bytes and transactions by direction; refused ones apart. Debug accesses are never counted.
struct PortCounters {
  uint64_t read_bytes = 0, write_bytes = 0;
  uint64_t reads = 0, writes = 0;
  uint64_t refused_bytes = 0, refused = 0;

  void count(BusOp op, uint64_t bytes, BusResponse response, uint64_t transactions = 1) {
    if (response != BusResponse::ok) {
      refused_bytes += bytes;
      refused += transactions;
    } else if (op == BusOp::read) {
      read_bytes += bytes;
      reads += transactions;
    } else {
      write_bytes += bytes;
      writes += transactions;
    }
  }
  PortCounters& operator+=(const PortCounters& other) {
    read_bytes += other.read_bytes;
    write_bytes += other.write_bytes;
    reads += other.reads;
    writes += other.writes;
    refused_bytes += other.refused_bytes;
    refused += other.refused;
    return *this;
  }
  bool operator==(const PortCounters&) const = default;
};

}  // namespace backboard
