// The part of a board that names none: configs/memory/lpddr4-3200.yaml, where the sources of the values are.
#include "platform/dram/standard/memory_config.h"

namespace backboard::dram {

MemoryConfig lpddr4_3200() {
  MemoryConfig c;
  c.name = "LPDDR4-3200 8 Gb x16";
  MemoryTiming& t = c.timing;
  t.rl = 28, t.wl = 14, t.burst = 8, t.rcd = 29, t.rp_pb = 29, t.rp_ab = 34, t.ras = 68, t.rc_pb = 97, t.rc_ab = 102;
  t.ccd_l = 8, t.rrd_l = 16, t.faw = 64, t.wtr_l = 16, t.wr = 29, t.ccdmw = 32, t.rtp = 12, t.ppd = 4;
  t.refi = 6246, t.refi_pb = 780, t.rfc_ab = 448, t.rfc_pb = 224;
  t.dqsck = 6, t.dqss = 1, t.dqs2dq = 2, t.wpre = 2, t.cmdcke = 3, t.cke = 12, t.xp = 12, t.command_long = 4,
  t.command_short = 2;
  c.rails = {{1.8, 3.5e-3, 2.0e-3, 2.25e-3, 2.25e-3, 2.25e-3, 10e-3, 1.2e-3, 1.2e-3},
             {1.1, 45e-3, 27e-3, 30e-3, 275e-3, 210e-3, 90e-3, 3.0e-3, 9.0e-3}};
  c.standby = StandbyKind::drampower;
  c.address.byte = {0};
  for (uint32_t bit = 1; bit < 11; ++bit) c.address.column.push_back(bit);
  c.address.bank = {11, 12, 13};
  for (uint32_t bit = 14; bit < 30; ++bit) c.address.row.push_back(bit);
  return c;
}

}  // namespace backboard::dram
