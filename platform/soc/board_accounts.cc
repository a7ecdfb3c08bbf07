// What the board counted, and the laws that the counts obey.
#include <fmt/format.h>

#include "platform/soc/board_impl.h"

namespace backboard {
namespace {

void core_stats(const StatsWriter& writer, const CoreStatistics& c) {
  writer.counter("instructions", c.instructions, "instructions", "Instructions retired");
  writer.counter("active_cycles", c.active_cycles, "cycles", "Cycles not spent waiting in WFI");
  writer.counter("idle_cycles", c.idle_cycles, "cycles", "Cycles spent waiting in WFI");
  writer.counter("loads", c.loads, "instructions", "Loads");
  writer.counter("stores", c.stores, "instructions", "Stores");
  writer.counter("atomics", c.atomics, "instructions", "LR, SC, AMO");
  writer.counter("branches", c.branches, "instructions", "Branches");
  writer.counter("branches_taken", c.branches_taken, "instructions", "Branches taken");
  writer.counter("jumps", c.jumps, "instructions", "Jumps");
  writer.counter("multiplies", c.multiplies, "instructions", "Integer multiplications");
  writer.counter("divides", c.divides, "instructions", "Integer divisions and remainders");
  writer.counter("fp", c.fp, "instructions", "Floating-point arithmetic, moves and comparisons");
  writer.counter("csr", c.csr, "instructions", "CSR instructions");
  writer.counter("exceptions", c.exceptions, "traps", "Synchronous traps taken");
  writer.counter("interrupts", c.interrupts, "traps", "Interrupts taken");
  writer.ratio("cycles_per_instruction", c.active_cycles, c.instructions, "cycles/instruction",
               "Active cycles by instruction");
}

void cache_stats(const StatsWriter& writer, const CacheCounters& c, bool data) {
  const uint64_t accesses = c.reads + c.writes;
  writer.counter("reads", c.reads, "accesses",
                 data ? "Loads, each line that they touch" : "Instructions fetched, each line that they touch");
  if (data) writer.counter("writes", c.writes, "accesses", "Stores, each line that they touch");
  writer.counter("hits", c.hits(), "accesses", "Accesses to lines that were there");
  writer.counter("read_misses", c.read_misses, "accesses", "Reads of lines that were not there");
  if (data) writer.counter("write_misses", c.write_misses, "accesses", "Writes to lines that were not there");
  writer.counter("fills", c.fills, "lines", "Lines read from memory");
  writer.ratio("hit_rate", c.hits(), accesses, "1", "Hits by accesses");
  if (!data) return;
  writer.counter("write_backs", c.write_backs, "lines", "Dirty lines written to memory");
  writer.counter("bypassed", c.bypassed, "accesses", "Stores that went to memory by themselves");
  writer.counter("invalidates", c.invalidates, "operations", "cbo.inval");
  writer.counter("cleans", c.cleans, "operations", "cbo.clean");
  writer.counter("flushes", c.flushes, "operations", "cbo.flush, and cbo.inval where menvcfg makes it one");
}

std::string lower_case(std::string name) {
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

/// What the engine did, by unit, class of operands and cause.
void engine_stats(const StatsWriter& writer, const npu::NpuTotals& n) {
  const StatsWriter cycles = writer.part("cycles");
  cycles.counter("multipliers", n.cycles.multipliers, "cycles", "Work of the multiplier array, start-up included");
  cycles.counter("elementwise", n.cycles.elementwise, "cycles",
                 "Work of the element-wise unit, beside the multipliers");
  cycles.counter("update", n.cycles.update, "cycles", "Work of the SGD unit, beside the multipliers");
  cycles.counter("banks", n.cycles.banks, "cycles", "Work of the busiest bank of the row buffers (rowpipe)");
  const StatsWriter buffer = writer.part("buffer");
  buffer.counter("peak", n.buffer_peak_bytes, "bytes",
                 "Most of the local buffer that a command or group of commands used");
  buffer.counter("maps", n.map_peak_bytes, "bytes",
                 "Most of it for feature maps, or rows of them, between the commands of a group (rowpipe)");
  const StatsWriter energy = writer.part("energy");
  energy.real("multiply_low", n.energy.multiply_low_pj, "pJ", "Products in the engine's low precision");
  energy.real("multiply_high", n.energy.multiply_high_pj, "pJ", "Wider products, mixed pairs included");
  energy.real("accumulate", n.energy.accumulate_pj, "pJ",
              "Additions to accumulators, as far as a product does not contain them");
  energy.real("control", n.energy.control_pj, "pJ", "Arbiters that decide by the operands");
  energy.real("idle", n.energy.idle_pj, "pJ", "Lanes clocked without work");
  energy.real("elementwise", n.energy.elementwise_pj, "pJ", "Element operations");
  energy.real("update", n.energy.update_pj, "pJ", "Weight updates in the SGD unit");
  energy.real("buffer", n.energy.buffer_pj, "pJ", "Local buffer");
  energy.real("total", n.energy.total_pj(), "pJ", "The NPU, without DRAM");
  const auto& pairs = n.facts.macs_by_class;
  const StatsWriter by_class = writer.part("macs_by_class");
  by_class.counter("LL", pairs[npu::kClassLow][npu::kClassLow], "MACs",
                   "Both operands low (lnpu: FP8; daa: on the low unit)");
  by_class.counter("LH", pairs[npu::kClassLow][npu::kClassHigh], "MACs", "Input low, other operand wider");
  by_class.counter("HL", pairs[npu::kClassHigh][npu::kClassLow], "MACs", "Input wider, other operand low");
  by_class.counter("HH", pairs[npu::kClassHigh][npu::kClassHigh], "MACs", "Both wider (daa: on the high unit)");
  uint64_t with_zero = pairs[npu::kClassZero][npu::kClassZero];
  for (const unsigned other : {npu::kClassLow, npu::kClassHigh}) {
    with_zero += pairs[npu::kClassZero][other] + pairs[other][npu::kClassZero];
  }
  by_class.counter("zero", with_zero, "MACs", "An operand is zero; skipped or not");
}

/// What compute steps took, by the phase of their command.
void phase_stats(const StatsWriter& writer, const npu::NpuTotals& n) {
  for (unsigned i = 0; i < npu::kPhases; ++i) {
    const npu::Price& price = n.by_phase[i];
    if (price.cycles.multipliers == 0 && price.cycles.elementwise == 0 && price.cycles.update == 0) continue;
    const StatsWriter part = writer.part("by_phase").part(lower_case(name_of(static_cast<Phase>(i))));
    part.counter("multiplier_cycles", price.cycles.multipliers, "cycles", "Work of the multiplier array");
    part.counter("elementwise_cycles", price.cycles.elementwise, "cycles", "Work of the element-wise unit");
    part.counter("update_cycles", price.cycles.update, "cycles", "Work of the SGD unit");
    part.real("energy", price.energy.total_pj(), "pJ", "The NPU, without DRAM and leakage");
    part.real("array_energy", price.energy.total_pj() - price.energy.elementwise_pj - price.energy.update_pj, "pJ",
              "The same without element operations and updates");
  }
}

/// The estimate of area, and what leaks while simulated time passes.
void area_stats(const StatsWriter& writer, const npu::Area& area, uint64_t now_ps) {
  const StatsWriter part = writer.part("area");
  part.real("multipliers", area.multipliers_um2, "um2", "Multipliers (estimate by parts, npu.area)");
  part.real("adders", area.adders_um2, "um2", "Adders");
  part.real("registers", area.registers_um2, "um2", "Registers and multiplexers");
  part.real("buffer", area.buffers_um2, "um2", "Local buffer");
  part.real("logic", area.logic_um2(), "um2", "Multipliers, adders, registers");
  part.real("total", area.total_um2(), "um2", "All of it; without DMA, ring, codec and sequencer");
  const StatsWriter leakage = writer.part("leakage");
  leakage.real("power", area.leakage_mw, "mW", "Leakage of that area");
  leakage.real("energy", area.leakage_mw * static_cast<double>(now_ps) * 1e-3, "pJ",
               "Leakage during the simulated time; no part of npu.energy.total");
}

void npu_stats(const StatsWriter& writer, const npu::NpuTotals& n) {
  writer.counter("commands", n.commands, "commands", "Commands completed");
  writer.counter("macs", n.macs, "MACs", "Multiply-accumulates, skipped ones included");
  writer.counter("macs_skipped", n.macs_skipped, "MACs", "Multiply-accumulates skipped because of a zero");
  writer.counter("busy_cycles", n.busy_cycles, "cycles", "Cycles with a command running");
  writer.counter("compute_cycles", n.compute_cycles, "cycles", "Cycles in which the engine computed");
  writer.counter("load_stall_cycles", n.load_stall_cycles, "cycles",
                 "Cycles in which the engine waited for loads only");
  writer.counter("read_bytes", n.read_bytes, "bytes", "Bytes read by DMA");
  writer.counter("write_bytes", n.write_bytes, "bytes", "Bytes written by DMA");
  writer.counter("saturated", n.saturated, "elements", "Elements saturated when stored");
  writer.counter("nonfinite", n.nonfinite, "elements", "Infinities and NaNs met when storing");
  writer.counter("interrupts", n.interrupts, "1", "Rising edges of the interrupt");
  writer.counter("errors", n.errors, "1", "Commands that failed");
  for (size_t i = 0; i < n.rings.size(); ++i) {
    const StatsWriter ring = writer.part(fmt::format("ring{}", i));
    ring.counter("commands", n.rings[i].commands, "commands", "Commands of this ring completed");
    ring.counter("busy_cycles", n.rings[i].busy_cycles, "cycles", "Cycles with a command of this ring running");
    ring.counter("wait_cycles", n.rings[i].wait_cycles, "cycles", "Cycles in which one waited for the other ring");
  }
  engine_stats(writer, n);
  phase_stats(writer, n);
  for (unsigned i = 0; i < kTensorClasses; ++i) {
    const npu::ElementTally& tally = n.produced[i];
    if (tally.elements() == 0) continue;
    const StatsWriter part = writer.part("produced").part(lower_case(name_of(static_cast<TensorClass>(i))));
    part.counter("zeros", tally.zeros, "elements", "Zeros stored");
    part.counter("low", tally.low, "elements", "Non-zeros stored in FP8");
    part.counter("high", tally.high, "elements", "Non-zeros stored in a wider format");
    part.ratio("zero_share", tally.zeros, tally.elements(), "1", "Zeros by elements");
    part.ratio("high_share", tally.high, tally.low + tally.high, "1", "Wider non-zeros by non-zeros");
  }
}

/// The core's accesses past the bus, attributed as those on the bus; they are no transactions.
void add_direct(TrafficTable& table, const DirectTraffic& direct) {
  Attribution data{.initiator = Initiator::core_data, .phase = Phase::kCODE};
  Attribution code{.initiator = Initiator::core_code, .phase = Phase::kCODE};
  if (direct.data_read_bytes != 0) table.record(data, BusOp::read, direct.data_read_bytes, 0);
  if (direct.data_write_bytes != 0) table.record(data, BusOp::write, direct.data_write_bytes, 0);
  if (direct.code_read_bytes != 0) table.record(code, BusOp::read, direct.code_read_bytes, 0);
}

}  // namespace

TrafficTable Board::traffic() {
  TrafficTable table = impl_->wiring.router().traffic();
  const PlaceConfig& dram = impl_->config.map[Place::kDRAM];
  for (const DirectTraffic& direct : impl_->core->direct_traffic()) {
    if (direct.first >= dram.base && direct.last <= dram.last()) add_direct(table, direct);
  }
  return table;
}

std::string Board::bandwidth_csv() {
  return impl_->dram.bandwidth().csv();
}

std::string Board::power_csv() {
  const TimeBins<double, 1>& energy = impl_->npu.energy_over_time();
  const std::optional<npu::Area> area = impl_->area();
  std::string text = "start_ps,width_ps,dynamic_mw,leakage_mw\n";
  const double width_ps = static_cast<double>(energy.width_ps());
  for (size_t bin = 0; bin < energy.bins().size(); ++bin) {
    // 1 pJ in 1 ps is 1 W.
    const double dynamic_mw = energy.bins()[bin][0] / width_ps * 1e3;
    text += fmt::format("{},{},{:.6g},{}\n", bin * energy.width_ps(), energy.width_ps(), dynamic_mw,
                        area ? fmt::format("{:.6g}", area->leakage_mw) : "");
  }
  return text;
}

std::string Board::command_traffic_csv() {
  const CommandTraffic* traffic = impl_->wiring.router().command_traffic();
  return traffic != nullptr ? traffic->csv() : "";
}

std::optional<std::string> Board::conservation_error() {
  if (auto error = impl_->wiring.conservation_error()) return error;
  impl_->dram.settle(queue().now_ps());
  if (auto fault = impl_->dram.fault()) return fault;
  // A firmware that has given up waiting for it ends by itself; the run says why.
  if (auto stuck = impl_->stuck_request(impl_->config.bus.starvation_ps)) return stuck;
  DramCounters counted = impl_->dram.total();
  const PlaceConfig& dram = impl_->config.map[Place::kDRAM];
  for (const DirectTraffic& direct : impl_->core->direct_traffic()) {
    const bool inside = direct.first >= dram.base && direct.last <= dram.last();
    if (!inside && direct.last >= dram.base && direct.first <= dram.last()) {
      return fmt::format("a direct region of the core, {:#x} to {:#x}, leaves the DRAM", direct.first, direct.last);
    }
    if (!inside) continue;
    counted.read_bytes += direct.data_read_bytes + direct.code_read_bytes;
    counted.write_bytes += direct.data_write_bytes;
  }
  TrafficTable attributed = traffic();
  if (RequestBus* bus = impl_->wiring.router().requests()) {
    for (const RequestBus::InTransit& t : bus->in_transit()) {
      if (t.target == impl_->wiring.index_of(Place::kDRAM) && t.response == BusResponse::ok) {
        attributed.record(t.request.who, t.request.op, t.request.size);
      }
    }
  }
  return attributed.conservation_error(counted.read_bytes, counted.write_bytes);
}

StatsTree Board::stats() {
  StatsTree tree;
  impl_->dram.settle(queue().now_ps());
  tree.add("simulated_ps", {queue().now_ps(), "ps", "Simulated time"});
  tree.add("resets", {impl_->resets, "1", "Resets since power-on"});
  core_stats(StatsWriter(tree, "core"), impl_->core->statistics());
  const CoreCaches caches = impl_->core->caches();
  if (caches.code) cache_stats(StatsWriter(tree, "core").part("icache"), *caches.code, false);
  if (caches.data) cache_stats(StatsWriter(tree, "core").part("dcache"), *caches.data, true);
  const StatsWriter direct_part = StatsWriter(tree, "core").part("direct");
  for (const DirectTraffic& direct : impl_->core->direct_traffic()) {
    const uint32_t place = impl_->wiring.router().map().find(direct.first, 1);
    if (place == AddressMap::kNobody) continue;
    const StatsWriter part = direct_part.part(impl_->wiring.router().map()[place].name);
    part.counter("data_read_bytes", direct.data_read_bytes, "bytes", "Bytes of loads past the bus");
    part.counter("data_write_bytes", direct.data_write_bytes, "bytes", "Bytes of stores past the bus");
    part.counter("code_read_bytes", direct.code_read_bytes, "bytes", "Bytes of executed instructions");
  }
  impl_->wiring.router().stats(StatsWriter(tree, "bus"));
  impl_->dram.stats(StatsWriter(tree, "dram"));
  npu_stats(StatsWriter(tree, "npu"), impl_->npu.totals());
  if (const auto area = impl_->area()) area_stats(StatsWriter(tree, "npu"), *area, queue().now_ps());
  impl_->dma.stats(StatsWriter(tree, "dma"));
  for (const auto& generator : impl_->traffic) {
    generator->stats(StatsWriter(tree, "traffic").part(generator->name()));
  }
  const StatsWriter uart_part(tree, "uart");
  uart_part.counter("transmitted", impl_->uart.transmitted_bytes(), "bytes", "Bytes transmitted");
  uart_part.counter("received", impl_->uart.received_bytes(), "bytes", "Bytes received");
  uart_part.counter("interrupts", impl_->uart.interrupts(), "1", "Rising edges of the interrupt");
  const StatsWriter flash_part(tree, "flash");
  flash_part.counter("programs", impl_->flash.programs(), "operations", "Pages programmed");
  flash_part.counter("erases", impl_->flash.erases(), "operations", "Sectors erased");
  StatsWriter(tree, "findings").counter("total", impl_->log.total(), "1", "Mistakes of the guest, repeats included");
  return tree;
}

}  // namespace backboard
