#include "platform/bus/request_accounts.h"

namespace backboard {

void MasterAccount::stats(const StatsWriter& part, uint64_t time_ps) const {
  part.counter("read_bytes", read_bytes, "bytes", "Bytes read by requests");
  part.counter("write_bytes", write_bytes, "bytes", "Bytes written by requests");
  part.counter("reads", read_latency_ns.count(), "requests", "Reads answered");
  part.counter("writes", write_latency_ns.count(), "requests", "Writes answered");
  read_latency_ns.stats(part.part("read_latency"), "ns", "From submission to answer of reads");
  write_latency_ns.stats(part.part("write_latency"), "ns", "From submission to answer of writes");
  part.ratio("mean_depth", depth_ps, time_ps, "requests", "Requests in flight, mean over all time");
  part.counter("largest_depth", largest_depth, "requests", "Requests in flight, most");
  const StatsWriter stalls = part.part("stalls");
  stalls.counter("outstanding", blocked_ps, "ps", "The master could submit none: too many outstanding");
  stalls.counter("queue", queue_ps, "ps", "Requests waited behind the master's own");
  stalls.counter("arbitration", arbitration_ps, "ps", "Requests waited while others were granted");
  stalls.counter("target", target_ps, "ps", "Requests waited for a target that was not ready");
  stalls.counter("channel", channel_ps, "ps", "Data waited for a channel of the bus");
  part.counter("deadlines", deadlines, "requests", "Requests with a deadline");
  part.counter("deadlines_missed", deadlines_missed, "requests", "Answered after their deadline");
  part.counter("starved", starved, "requests", "Waited for their turn longer than bus.starvation");
  const StatsWriter contended = part.part("contended");
  contended.counter("bytes", contended_bytes, "bytes", "Bytes granted while others contended");
  contended.counter("fair_bytes", fair_bytes_x1024 / 1024, "bytes",
                    "Part by weight of what was granted while this master contended with others");
}

void MasterAccount::state(StateArchive& archive) {
  archive.value("read_bytes", read_bytes);
  archive.value("write_bytes", write_bytes);
  read_latency_ns.state(archive);
  write_latency_ns.state(archive);
  for (uint64_t* counter : {&depth_ps, &largest_depth, &blocked_ps, &queue_ps, &arbitration_ps, &target_ps, &channel_ps,
                            &deadlines, &deadlines_missed, &starved, &contended_bytes, &fair_bytes_x1024}) {
    archive.value("counter", *counter);
  }
}

void TargetAccount::stats(const StatsWriter& part, uint64_t time_ps) const {
  part.counter("requests", requests, "requests", "Requests granted");
  part.ratio("read_utilisation", read_busy_ps, time_ps, "1", "Share of time with data on the read channel");
  part.ratio("write_utilisation", write_busy_ps, time_ps, "1", "Share of time with data on the write channel");
  part.counter("not_ready", not_ready_ps, "ps", "Time in which the target took no request");
}

}  // namespace backboard
