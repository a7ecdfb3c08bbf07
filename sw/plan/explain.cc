#include <fmt/format.h>

#include <map>

#include "npu/codec/block_codec.h"
#include "npu/command/operands.h"
#include "platform/bus/attribution.h"
#include "sw/plan/formats.h"
#include "sw/plan/plan.h"

namespace backboard {

namespace {

/// Least and most bytes.
struct Bounds {
  uint64_t least = 0, most = 0;
  Bounds& operator+=(const Bounds& other) {
    least += other.least;
    most += other.most;
    return *this;
  }
  std::string text() const { return least == most ? fmt::format("{}", least) : fmt::format("{}-{}", least, most); }
};

/// Bytes of a tensor when each element crosses the bus once, with its directory.
Bounds bytes_of(const npu::Descriptor& d) {
  const auto format = static_cast<npu::TensorFormat>(d.format);
  const uint64_t elements = uint64_t{d.shape_n} * d.shape_c * d.shape_h * d.shape_w;
  if (!npu::is_coded(format)) return {elements * npu::dense_bytes(format), elements * npu::dense_bytes(format)};
  const npu::BlockGeometry geometry{{d.shape_n, d.shape_c, d.shape_h, d.shape_w}, d.block_channels, d.block_rows};
  Bounds bounds{geometry.directory_bytes(), geometry.directory_bytes()};
  for (uint32_t block = 0; block < geometry.blocks(); ++block) {
    const uint32_t n = geometry.box(block).elements();
    bounds += {(n + 7) / 8, npu::worst_case_block_bytes(format, n)};
  }
  return bounds;
}

/// Operand bytes of commands by layer and phase.
using Traffic = std::map<std::pair<uint32_t, uint8_t>, Bounds>;

void add_operands(const Plan& plan, const npu::Command& command, Bounds& sum) {
  const uint32_t tensors[npu::kOperands] = {command.tensor0, command.tensor1, command.tensor2,
                                            command.tensor3, command.tensor4, command.tensor5};
  for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
    const npu::OperandRow* row = npu::operand_of(command, slot);
    if (row == nullptr) continue;
    const int index = plan.descriptor_at(tensors[slot]);
    const Bounds bytes = bytes_of(plan.descriptors[index]);
    sum += bytes;
    if (row->direction == npu::Direction::INOUT) sum += bytes;
  }
}

void add_traffic(const Plan& plan, plan_program_kind kind, Traffic& traffic) {
  for (const npu::Command& command : plan.program(kind))
    add_operands(plan, command, traffic[{command.layer, command.phase}]);
}

std::string layer_table(const Plan& plan, const Traffic& traffic) {
  std::string text = fmt::format("{:<14} {:<13} {:>7} {:>12} {:>12} {:>12} {:>18} {:>18} {:>18}\n", "layer", "kind",
                                 "trains", "MAC FF", "MAC BP", "MAC WG", "bytes FF", "bytes BP", "bytes WG+update");
  const auto bytes = [&](uint32_t layer, std::initializer_list<Phase> phases) {
    Bounds sum;
    for (const Phase phase : phases)
      if (const auto found = traffic.find({layer, static_cast<uint8_t>(phase)}); found != traffic.end())
        sum += found->second;
    return sum;
  };
  const auto line = [&](const std::string& name, const std::string& kind, const std::string& trains, uint64_t ff,
                        uint64_t bp, uint64_t wg, uint32_t layer, std::initializer_list<Phase> forward) {
    text += fmt::format("{:<14} {:<13} {:>7} {:>12} {:>12} {:>12} {:>18} {:>18} {:>18}\n", name, kind, trains, ff, bp,
                        wg, bytes(layer, forward).text(), bytes(layer, {Phase::kBP}).text(),
                        bytes(layer, {Phase::kWG, Phase::kUPDATE}).text());
  };
  line("input", "ENCODE", "", 0, 0, 0, 0xffff, {Phase::kDATA});
  uint64_t ff = 0, bp = 0, wg = 0;
  for (uint32_t i = 0; i < plan.layers.size(); ++i) {
    const plan_layer& layer = plan.layers[i];
    line(layer.name, npu::name_of(static_cast<npu::Opcode>(layer.kind)), layer.trained ? "yes" : "", layer.macs_ff,
         layer.macs_bp, layer.macs_wg, i, {Phase::kFF});
    ff += layer.macs_ff;
    bp += layer.macs_bp;
    wg += layer.macs_wg;
  }
  Bounds total;
  for (const auto& [key, bounds] : traffic) total += bounds;
  return text + fmt::format("{:<14} {:<13} {:>7} {:>12} {:>12} {:>12}   operands of a step: {} bytes\n", "sum", "", "",
                            ff, bp, wg, total.text());
}

/// Whether a tensor lies over the bytes of others that are counted.
bool is_view(const std::string& name) {
  for (const char* suffix : {".flat", ".part", ".affine", ".running"})
    if (name.ends_with(suffix)) return true;
  return false;
}

std::string memory_table(const Plan& plan) {
  std::map<uint8_t, uint64_t> by_class;
  uint64_t sum = 0;
  for (size_t i = 0; i < plan.descriptors.size(); ++i) {
    const npu::Descriptor& d = plan.descriptors[i];
    const std::string name = plan.tensors[i].name;
    if (i == plan.header.data_descriptor || is_view(name)) continue;
    uint64_t bytes = d.size_bytes;
    if (npu::is_coded(static_cast<npu::TensorFormat>(d.format)))
      bytes += npu::BlockGeometry{{d.shape_n, d.shape_c, d.shape_h, d.shape_w}, d.block_channels, d.block_rows}
                   .directory_bytes();
    by_class[d.tensor_class] += bytes;
    sum += bytes;
  }
  std::string text = "\nmemory by class (worst case of coded formats)\n";
  for (const auto& [tensor_class, bytes] : by_class)
    text += fmt::format("{:<12} {:>12} bytes\n", name_of(static_cast<TensorClass>(tensor_class)), bytes);
  return text + fmt::format("{:<12} {:>12} bytes; with sharing, descriptors and records the arena takes {} bytes\n",
                            "sum", sum, plan.header.arena_bytes);
}

/// What the backward pass computes again, and what that costs.
std::string recomputed_text(const Plan& plan) {
  const std::span<const npu::Command> commands = plan.program(PLAN_TRAIN_STEP);
  const std::vector<bool> repeats = plan.repeats(PLAN_TRAIN_STEP);
  std::string names;
  uint64_t count = 0;
  Bounds bytes;
  for (size_t i = 0; i < commands.size(); ++i) {
    if (!repeats[i]) continue;
    ++count;
    names += (names.empty() ? "" : ", ") + plan.layer_name(commands[i].layer);
    add_operands(plan, commands[i], bytes);
  }
  if (count == 0) return {};
  return fmt::format(
      "\ncomputed again in the backward pass, their outputs are not kept: {}\n"
      "{} of {} commands, whose operands are {} bytes; their MACs count under FF\n",
      names, count, commands.size(), bytes.text());
}

}  // namespace

std::string explain_plan(const Plan& plan) {
  Traffic traffic;
  add_traffic(plan, PLAN_TRAIN_STEP, traffic);
  add_traffic(plan, PLAN_UPDATE, traffic);
  const plan_header& h = plan.header;
  std::string text =
      fmt::format("engine {}, batch {}, updates {}; counts are of one training step\n",
                  npu::name_of(static_cast<npu::EngineId>(h.engine)), h.batch, h.fused ? "fused into WG" : "separate");
  return text + layer_table(plan, traffic) + recomputed_text(plan) + memory_table(plan);
}

}  // namespace backboard
