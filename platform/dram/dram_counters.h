// What a DRAM counts for one initiator.
#pragma once

#include <cstdint>

#include "platform/stats/stats_writer.h"

namespace backboard {

/// Direct accesses of the core pass the DRAM by: the board adds them.
struct DramCounters {
  uint64_t read_bytes = 0;  ///< as asked for
  uint64_t write_bytes = 0;
  uint64_t reads = 0;  ///< transactions
  uint64_t writes = 0;
  uint64_t read_bursts = 0;  ///< bursts move whole burst_bytes
  uint64_t write_bursts = 0;
  uint64_t row_hits = 0;         ///< bursts
  uint64_t activates = 0;        ///< `at`: bursts for which a row was opened
  uint64_t precharges = 0;       ///< `lt` only: in `at` a precharge has no owner
  uint64_t refresh_stalls = 0;   ///< `lt` only
  uint64_t ecc_read_bursts = 0;  ///< `at`: bursts beside those asked for, of check bytes and of what a part was written
  uint64_t ecc_write_bursts = 0;

  DramCounters& operator+=(const DramCounters& c) {
    read_bytes += c.read_bytes;
    write_bytes += c.write_bytes;
    reads += c.reads;
    writes += c.writes;
    read_bursts += c.read_bursts;
    write_bursts += c.write_bursts;
    row_hits += c.row_hits;
    activates += c.activates;
    precharges += c.precharges;
    refresh_stalls += c.refresh_stalls;
    ecc_read_bursts += c.ecc_read_bursts;
    ecc_write_bursts += c.ecc_write_bursts;
    return *this;
  }

  void stats(const StatsWriter& part) const {
    part.counter("read_bytes", read_bytes, "bytes", "Bytes read by transactions");
    part.counter("write_bytes", write_bytes, "bytes", "Bytes written by transactions");
    part.counter("reads", reads, "transactions", "Read transactions");
    part.counter("writes", writes, "transactions", "Write transactions");
    part.counter("read_bursts", read_bursts, "bursts", "Bursts read");
    part.counter("write_bursts", write_bursts, "bursts", "Bursts written");
    part.counter("row_hits", row_hits, "bursts", "Bursts that found their row open");
    part.counter("activates", activates, "commands", "Rows opened");
    part.counter("precharges", precharges, "commands", "Rows closed because another was needed");
    part.counter("refresh_stalls", refresh_stalls, "1", "Times that an access waited for a refresh");
    if (ecc_read_bursts + ecc_write_bursts == 0) return;
    part.counter("ecc_read_bursts", ecc_read_bursts, "bursts", "Read beside what was asked for, for check bytes' sake");
    part.counter("ecc_write_bursts", ecc_write_bursts, "bursts", "Check bytes written in line");
  }
};

}  // namespace backboard
