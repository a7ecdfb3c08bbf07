#include "npu/engine/rowpipe/engine.h"

#include "npu/engine/rowpipe/compute_row.h"
#include "npu/engine/rowpipe/compute_tile.h"
#include "npu/engine/rowpipe/cost.h"
#include "npu/engine/rowpipe/row_group.h"
#include "npu/engine/tile_functions.h"

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

constexpr TileFunctions<RowpipeConfig> kFunctions = {
    .multiply = [](const RowpipeConfig&, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
                   float* acc, Workspace& workspace) { multiply_tile(pass, tile, first, second, acc, workspace); },
    .count =
        [](const RowpipeConfig& config, Pass pass, const ConvTile& tile, const Operand&, const Operand&, Facts& facts,
           Workspace&) {
          count_tile(config, pass, tile, facts);
          if (pass == Pass::ff && !is_float_layer(tile)) {
            facts.quantised += uint64_t{tile.n} * tile.c * tile.ih_rows * tile.w;
          }
        },
    .price = price,
    .prepare = prepare_tile,
    .finish = [](const RowpipeConfig&, Pass pass, uint32_t, std::span<float> sums) { finish_sums(pass, sums); },
};

/// For operands that come as codes times steps already.
constexpr TileFunctions<RowpipeConfig> coded(TileFunctions<RowpipeConfig> functions) {
  functions.prepare = nullptr;
  return functions;
}

/// Tiles as other engines have them, and groups as a pipeline of rows.
class RowEngine final : public Engine {
 public:
  explicit RowEngine(const EngineConfigs& configs)
      : config_(configs.rowpipe),
        tiles_(make_tile_engine(kOffer, kFunctions, configs.rowpipe, configs)),
        rows_(make_tile_engine(kOffer, coded(kFunctions), configs.rowpipe, configs)) {}
  const Offer& offer() const override { return kOffer; }
  Planned plan(const Job& job, uint32_t buffer_bytes) const override { return tiles_->plan(job, buffer_bytes); }
  Planned plan_group(std::span<const Job> jobs, uint32_t buffer_bytes) const override {
    return plan_rows(config_, jobs, buffer_bytes);
  }
  bool wants_classes() const override { return false; }
  ErrorCode begin(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const override {
    return step.row ? compute(job, step, buffer, facts) : tiles_->begin(job, step, buffer, facts);
  }
  void finish(LocalBuffer& buffer, Facts& facts) const override { tiles_->finish(buffer, facts); }
  HostPool* host_pool() const override { return tiles_->host_pool(); }
  ErrorCode compute(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const override {
    if (!step.row) return tiles_->compute(job, step, buffer, facts);
    return compute_row(config_, *rows_, job, step, buffer, facts);
  }
  Price price(const Facts& facts) const override { return tiles_->price(facts); }

 private:
  RowpipeConfig config_;
  std::unique_ptr<TileEngine> tiles_;
  std::unique_ptr<TileEngine> rows_;  ///< for rows of groups, which lie in their buffers as codes
};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return std::make_unique<RowEngine>(configs);
}

}  // namespace backboard::npu::rowpipe
