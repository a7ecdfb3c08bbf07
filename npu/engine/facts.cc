#include "npu/engine/facts.h"

namespace backboard::npu {

void Facts::add(const Facts& other) {
  macs += other.macs;
  macs_padding += other.macs_padding;
  macs_skipped += other.macs_skipped;
  for (unsigned a = 0; a < kElementClasses; ++a) {
    for (unsigned b = 0; b < kElementClasses; ++b) macs_by_class[a][b] += other.macs_by_class[a][b];
  }
  slowest_half_cycles += other.slowest_half_cycles;
  busy_half_cycles += other.busy_half_cycles;
  for (unsigned core = 0; core < kMaxCores; ++core) core_half_cycles[core] += other.core_half_cycles[core];
  for (unsigned i = 0; i < folds.size(); ++i) {
    folds[i] += other.folds[i];
    fold_steps[i] += other.fold_steps[i];
  }
  fold_edges += other.fold_edges;
  operands_fed += other.operands_fed;
  brick_products += other.brick_products;
  group_sums += other.group_sums;
  quantised += other.quantised;
  dequantised += other.dequantised;
  bank_cycles += other.bank_cycles;
  for (unsigned bank = 0; bank < kMaxBanks; ++bank) bank_words[bank] += other.bank_words[bank];
  tiles += other.tiles;
  outputs += other.outputs;
  saturated += other.saturated;
  nonfinite += other.nonfinite;
  elementwise += other.elementwise;
  sgd += other.sgd;
  buffer_read_bytes += other.buffer_read_bytes;
  buffer_write_bytes += other.buffer_write_bytes;
}

}  // namespace backboard::npu
