#include "npu/engine/rowpipe/engine.h"

#include "npu/engine/rowpipe/compute_row.h"
#include "npu/engine/rowpipe/compute_tile.h"
#include "npu/engine/rowpipe/cost.h"
#include "npu/engine/rowpipe/row_group.h"
#include "npu/engine/table.h"
#include "npu/engine/tile_engine.h"

namespace backboard::npu::rowpipe {
namespace {

/// What tensors are stored in. Codes are made on the way to the fixed-point units.
constexpr FormatMask kMultiply = mask_of(TensorFormat::kFP16);
constexpr FormatMask kFp32 = mask_of(TensorFormat::kFP32);
constexpr FormatMask kU8 = mask_of(TensorFormat::kU8);

/// Batch normalisation is frozen: no moments of a batch, no gradients of gamma. Rows keep outputs, not inputs: no GELU.
constexpr uint64_t kOpcodes =
    kAllOpcodes & ~(opcode_bit(Opcode::kBN_MOMENTS) | opcode_bit(Opcode::kBN_WG) | kGeluOpcodes);

constexpr Offer kOffer = {
    .engine = EngineId::kROWPIPE,
    .name = "rowpipe",
    .opcodes = kOpcodes,
    .formats = kMultiply | kFp32 | kU8,
    .multiply = kMultiply,
    .vector_in = kMultiply | kFp32 | kU8,
    .vector_out = kMultiply | kFp32,
    .whole_channels = true,
    .group_commands = kLargestGroup,
    .group_opcodes = kRowOpcodes,
};

class Multipliers final : public TileArithmetic {
 public:
  /// `coded`: operands come as codes times steps already.
  Multipliers(const EngineConfigs& configs, bool coded)
      : config_(configs.rowpipe), energy_(configs.energy), coded_(coded) {}
  const Offer& offer() const override { return kOffer; }
  bool wants_classes() const override { return false; }
  std::pair<Operand, Operand> prepare(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                                      Workspace& workspace) const override {
    if (coded_) return {first, second};
    return prepare_tile(config_, pass, tile, first, second, workspace);
  }
  void multiply(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
                Workspace& workspace) const override {
    multiply_tile(pass, tile, first, second, acc, workspace);
  }
  void count(Pass pass, const ConvTile& tile, const Operand&, const Operand&, Facts& facts, Workspace&) const override {
    count_tile(config_, pass, tile, facts);
    if (pass == Pass::ff && !is_float_layer(tile)) facts.quantised += uint64_t{tile.n} * tile.c * tile.ih_rows * tile.w;
  }
  void finish(Pass pass, uint32_t, std::span<float> sums) const override { finish_sums(pass, sums); }
  Price price(const Facts& facts) const override { return rowpipe::price(facts, config_, energy_); }

 private:
  RowpipeConfig config_;
  EnergyConstants energy_;
  bool coded_;
};

/// Tiles as other engines have them, and groups as a pipeline of rows.
class RowEngine final : public Engine {
 public:
  explicit RowEngine(const EngineConfigs& configs)
      : config_(configs.rowpipe),
        tiles_(std::make_unique<Multipliers>(configs, false), configs),
        rows_(std::make_unique<Multipliers>(configs, true), configs) {}
  const Offer& offer() const override { return kOffer; }
  Planned plan(const Job& job, uint32_t buffer_bytes) const override { return tiles_.plan(job, buffer_bytes); }
  Planned plan_group(std::span<const Job> jobs, uint32_t buffer_bytes) const override {
    return plan_rows(config_, jobs, buffer_bytes);
  }
  bool wants_classes() const override { return false; }
  ErrorCode begin(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const override {
    return step.row ? compute(job, step, buffer, facts) : tiles_.begin(job, step, buffer, facts);
  }
  void finish(LocalBuffer& buffer, Facts& facts) const override { tiles_.finish(buffer, facts); }
  HostPool* host_pool() const override { return tiles_.host_pool(); }
  ErrorCode compute(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const override {
    if (!step.row) return tiles_.compute(job, step, buffer, facts);
    return compute_row(config_, rows_, job, step, buffer, facts);
  }
  Price price(const Facts& facts) const override { return tiles_.price(facts); }

 private:
  RowpipeConfig config_;
  TileEngine tiles_;
  TileEngine rows_;  ///< for rows of groups, which lie in their buffers as codes
};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return std::make_unique<RowEngine>(configs);
}

}  // namespace backboard::npu::rowpipe
