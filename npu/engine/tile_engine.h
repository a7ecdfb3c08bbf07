// An engine that works tile by tile: the shared schedule and vector unit around multipliers of its own.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "npu/engine/cost.h"
#include "npu/engine/engine.h"
#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"
#include "npu/engine/host_pool.h"
#include "npu/engine/layer_shape.h"
#include "npu/sgd/sgd_cost.h"

namespace backboard::npu {

struct EngineConfigs;

/// What sets tile engines apart: the products of the three passes, what they are counted as, and what they cost.
/// Operands: FF (x, w), BP (dy, w), WG (x, dy).
class TileArithmetic {
 public:
  virtual ~TileArithmetic() = default;
  virtual const Offer& offer() const = 0;
  virtual bool wants_classes() const = 0;
  /// Whether multiply() heeds ConvTile::fresh, as conv_gemm() does; others are given sums that were cleared.
  virtual bool begins_sums() const { return false; }
  /// The operands of a whole tile as multiply() takes them, made once before the tile is cut for threads; they may lie
  /// in `workspace`, which is for nothing else until the step is finished.
  virtual std::pair<Operand, Operand> prepare(Pass /*pass*/, const ConvTile& /*tile*/, const Operand& first,
                                              const Operand& second, Workspace& /*workspace*/) const {
    return {first, second};
  }
  /// Adds the products of a tile to `acc` in the written order.
  virtual void multiply(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
                        Workspace& workspace) const = 0;
  /// What multiply() of the whole tile means for the engine; adds to `facts`. Operands as they were before prepare().
  virtual void count(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, Facts& facts,
                     Workspace& workspace) const = 0;
  /// What happens to the sums of a tile when the last part is in, before bias, ReLU, mask, update and store.
  virtual void finish(Pass /*pass*/, uint32_t /*layer*/, std::span<float> /*sums*/) const {}
  virtual Price price(const Facts& facts) const = 0;
  /// Whether an update leaves masters in values of the engine's own, which then round_masters() makes of the unit's
  /// binary32 results.
  virtual bool rounds_masters() const { return false; }
  /// Masters of consecutive elements of one tensor, the first with number `first_element`; elements with a gradient
  /// that is Inf or NaN stay. Returns how many saturated.
  virtual uint64_t round_masters(uint32_t /*layer*/, const SgdParameters& /*parameters*/, uint32_t /*first_element*/,
                                 std::span<const float> /*gradient*/, std::span<float> /*masters*/) const {
    return 0;
  }
};

/// The multiplications of one step, from begin() to finish().
struct LayerStep {
  const Job* job = nullptr;
  const Step* step = nullptr;
  LocalBuffer* buffer = nullptr;
  Pass pass = Pass::ff;
  ConvTile tile;
  Operand first, second;
  std::pair<Operand, Operand> prepared;  ///< as they are multiplied
  SlotContents* sums = nullptr;
  bool multiplies = false;  ///< else the step only ends what earlier ones summed up
  bool fresh = false;       ///< the products write the sums (ConvTile::fresh)
  SgdFacts update;          ///< of a fused update
};

/// An engine made of the shared tile schedule (tile_schedule.h), the shared vector unit and SGD unit, and one
/// arithmetic, which does not price updates. A tile is cut into parts for the configured threads of the simulator:
/// images, rows or channels, so that every sum stays with one thread. Facts are those of the tile, counted by the
/// caller meanwhile.
class TileEngine final : public Engine {
 public:
  TileEngine(std::unique_ptr<TileArithmetic> arithmetic, const EngineConfigs& configs);

  const Offer& offer() const override { return arithmetic_->offer(); }
  Planned plan(const Job& job, uint32_t buffer_bytes) const override;
  bool wants_classes() const override { return arithmetic_->wants_classes(); }
  ErrorCode compute(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const override;
  ErrorCode begin(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const override;
  void finish(LocalBuffer& buffer, Facts& facts) const override;
  HostPool* host_pool() const override { return &pool_; }
  Price price(const Facts& facts) const override;

 private:
  void begin_layer(Facts& facts) const;
  void multiply_part(uint32_t part, uint32_t parts, uint32_t thread) const;
  void end_layer() const;

  std::unique_ptr<TileArithmetic> arithmetic_;
  SgdCostConfig sgd_;
  EnergyConstants energy_;
  // Threads and scratch memory hold nothing between steps.
  mutable HostPool pool_;
  mutable std::vector<Workspace> workspaces_;  ///< by thread
  mutable Workspace prepared_;
  mutable LayerStep layer_;  ///< begun and not finished when its job is not null
  mutable HostWork work_;
  mutable std::atomic<uint32_t> parts_left_{0};
};

/// Carries out one compute step of the vector unit: everything that is no layer.
ErrorCode compute_vector(const TileArithmetic& arithmetic, const Job& job, const Step& step, LocalBuffer& buffer,
                         Facts& facts);

/// Updates the weights in slot 3 (and the momentum in slot 4) of `step` from `gradient`, whose box is `box` of a
/// tensor. Touches nothing of the buffer but the values of those slots.
SgdFacts compute_update(const TileArithmetic& arithmetic, const Job& job, const Step& step, const Box& box,
                        std::span<const float> gradient, LocalBuffer& buffer);
/// Rounds masters of a box after an update, where the engine does. Returns how many saturated.
uint64_t round_masters(const TileArithmetic& arithmetic, const Job& job, const Box& box,
                       std::span<const float> gradient, std::span<float> masters);
/// What compute_update() of a box takes of the SGD unit.
SgdFacts update_operations(const TileArithmetic& arithmetic, const Job& job, const Box& box);
/// Notes what an update met; its operations are counted where the step begins.
void note_update(const SgdFacts& update, LocalBuffer& buffer, Facts& facts);

}  // namespace backboard::npu
