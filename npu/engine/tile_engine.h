// An engine that works tile by tile: the shared schedule and vector unit around multipliers of its own.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "npu/engine/cost.h"
#include "npu/engine/engine.h"
#include "npu/engine/facts.h"
#include "npu/engine/gemm_tile.h"

namespace backboard::npu {

/// What sets tile engines apart: the three products, and what they cost. Functions add to `acc` in the written order.
class TileArithmetic {
 public:
  virtual ~TileArithmetic() = default;
  virtual const Offer& offer() const = 0;
  virtual bool wants_classes() const = 0;
  virtual void ff(const ConvTile& tile, const Operand& x, const Operand& w, float* acc, Facts& facts) const = 0;
  virtual void bp(const ConvTile& tile, const Operand& dy, const Operand& w, float* acc, Facts& facts) const = 0;
  virtual void wg(const ConvTile& tile, const Operand& x, const Operand& dy, float* acc, Facts& facts) const = 0;
  virtual Price price(const Facts& facts) const = 0;
};

/// An engine made of the shared tile schedule (tile_schedule.h), the shared vector unit and SGD unit, and one
/// arithmetic.
class TileEngine final : public Engine {
 public:
  explicit TileEngine(std::unique_ptr<TileArithmetic> arithmetic) : arithmetic_(std::move(arithmetic)) {}

  const Offer& offer() const override { return arithmetic_->offer(); }
  Planned plan(const Job& job, uint32_t buffer_bytes) const override;
  bool wants_classes() const override { return arithmetic_->wants_classes(); }
  ErrorCode compute(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const override;
  Price price(const Facts& facts) const override;

 private:
  void compute_layer(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const;

  std::unique_ptr<TileArithmetic> arithmetic_;
};

/// Carries out one compute step of the vector unit: everything that is no layer.
ErrorCode compute_vector(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts);

/// Updates the weights in slot 3 (and the momentum in slot 4) of `step` from `gradient`, whose box is `box` of a
/// tensor.
void compute_update(const Job& job, const Step& step, const Box& box, const std::vector<float>& gradient,
                    LocalBuffer& buffer, Facts& facts);

}  // namespace backboard::npu
