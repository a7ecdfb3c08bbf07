#include "platform/dram/standard/gaps.h"

#include "platform/check/check.h"

namespace backboard::dram {
namespace {

uint64_t difference(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

/// What both standards say alike.
Gaps shared_gaps(const MemoryConfig& config) {
  const MemoryTiming& t = config.timing;
  Gaps g{};
  g.activate_to_column = t.rcd;
  g.activate_to_activate_same = t.rc_pb;
  g.activate_to_activate_l = t.rrd_l;
  g.activate_to_activate_s = config.groups > 1 ? t.rrd_s : t.rrd_l;
  g.activate_window = t.faw;
  g.column_l = t.ccd_l;
  g.column_s = config.groups > 1 ? t.ccd_s : t.ccd_l;
  g.precharge_to_precharge = t.ppd;
  g.precharge_pb_to_refresh = t.rp_pb;
  g.precharge_ab_to_refresh = t.rp_ab;
  g.refresh_ab_to_refresh = t.rfc_ab;
  g.refresh_pb_to_refresh = t.rfc_pb;
  g.activate_to_down = t.command_long - 1 + t.cmdcke;
  g.precharge_to_down = g.refresh_to_down = t.command_short - 1 + t.cmdcke;
  g.down_to_up = g.up_to_down = t.cke;
  g.up_to_command = t.xp;
  g.read_done = t.command_long - 1 + t.rl + t.dqsck + t.burst;
  g.write_done = t.command_long - 1 + t.wl + t.dqss + t.dqs2dq + t.burst;
  return g;
}

Gaps lpddr4_gaps(const MemoryConfig& config) {
  const MemoryTiming& t = config.timing;
  Gaps g = shared_gaps(config);
  g.activate_to_precharge = t.ras + 2;
  g.activate_to_refresh = t.rc_pb + 2;
  g.read_to_write = difference(t.rl + t.dqsck + t.burst + t.wpre + t.rpst, t.wl);
  g.write_to_read_l = t.wl + 1 + t.burst + t.wtr_l;
  g.write_to_read_s = config.groups > 1 ? t.wl + 1 + t.burst + t.wtr_s : g.write_to_read_l;
  g.read_to_precharge = difference(t.rtp + t.burst, 6);
  g.write_to_precharge = t.wl + 3 + t.burst + t.wr;
  g.precharge_pb_to_activate = difference(t.rp_pb, 2);
  g.precharge_ab_to_activate = difference(t.rp_ab, 2);
  g.refresh_ab_to_activate = difference(t.rfc_ab, 2);
  g.refresh_pb_to_activate = difference(t.rfc_pb, 2);
  g.write_to_masked = t.ccdmw;
  g.read_to_down = t.command_long - 1 + t.rl + t.dqsck + t.burst + t.rpst;
  g.write_to_down = t.command_long - 1 + t.wl + t.dqss + t.dqs2dq + t.burst + t.wr;
  return g;
}

Gaps ddr4_gaps(const MemoryConfig& config) {
  const MemoryTiming& t = config.timing;
  Gaps g = shared_gaps(config);
  g.activate_to_precharge = t.ras;
  g.activate_to_refresh = t.rc_pb;
  // The bus turns in one clock beside the write's preamble.
  g.read_to_write = difference(t.rl + t.burst + 1 + t.wpre, t.wl);
  g.write_to_read_l = t.wl + t.burst + t.wtr_l;
  g.write_to_read_s = config.groups > 1 ? t.wl + t.burst + t.wtr_s : g.write_to_read_l;
  g.read_to_precharge = t.rtp;
  g.write_to_precharge = t.wl + t.burst + t.wr;
  g.precharge_pb_to_activate = t.rp_pb;
  g.precharge_ab_to_activate = t.rp_ab;
  g.refresh_ab_to_activate = t.rfc_ab;
  g.refresh_pb_to_activate = t.rfc_pb;
  g.read_to_down = t.rl + t.burst + 1;
  g.write_to_down = t.wl + t.burst + t.wr;
  return g;
}

Gaps lpddr5_gaps(const MemoryConfig& config) {
  const MemoryTiming& t = config.timing;
  Gaps g = shared_gaps(config);
  g.activate_to_precharge = t.ras;
  g.activate_to_refresh = t.rc_pb;
  // Data of the read end RL + tWCKDQO + BL/n after it.
  g.read_to_write = difference(t.rl + t.dqsck + t.burst, t.wl);
  g.write_to_read_l = t.wl + t.burst + t.wtr_l;
  g.write_to_read_s = config.groups > 1 ? t.wl + t.burst + t.wtr_s : g.write_to_read_l;
  g.read_to_precharge = t.burst + t.rtp;
  g.write_to_precharge = t.wl + 1 + t.burst + t.wr;
  g.precharge_pb_to_activate = t.rp_pb;
  g.precharge_ab_to_activate = t.rp_ab;
  g.refresh_ab_to_activate = t.rfc_ab;
  g.refresh_pb_to_activate = t.rfc_pb;
  return g;
}

}  // namespace

Gaps resolve_gaps(const MemoryConfig& config) {
  switch (config.standard) {
    case Standard::lpddr4:
      return lpddr4_gaps(config);
    case Standard::ddr4:
      return ddr4_gaps(config);
    case Standard::lpddr5:
      return lpddr5_gaps(config);
  }
  BB_CHECK(false, "standard {}", static_cast<int>(config.standard));
}

}  // namespace backboard::dram
