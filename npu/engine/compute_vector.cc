// Compute steps of the vector unit.
#include <algorithm>
#include <utility>

#include "npu/command/operands.h"
#include "npu/engine/tile_engine.h"
#include "npu/engine/vector_shape.h"
#include "npu/vector/elementwise.h"
#include "npu/vector/pooling.h"
#include "npu/vector/softmax_loss.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

/// Operations of the vector unit, of which it does a fixed number a cycle; a division counts as one.
uint64_t operations(const VectorFacts& facts) {
  return facts.adds + facts.multiplies + facts.compares + facts.divides + facts.exponentials + facts.logarithms;
}

/// One compute step with its slots by name.
class VectorStep {
 public:
  VectorStep(const Job& job, const Step& step, LocalBuffer& buffer)
      : job_(job), step_(step), buffer_(buffer), shape_(vector_shape(job)) {}
  ErrorCode run(Facts& facts);

 private:
  ConstTile in(unsigned slot) const { return std::as_const(buffer_[step_.slots[slot]]).tile(); }
  bool absent(unsigned slot) const { return step_.slots[slot] == kNoSlot; }
  Tile out(unsigned slot) {
    SlotContents& contents = buffer_[step_.slots[slot]];
    contents.resize_to(step_.box);
    return contents.tile();
  }
  Tile zeros(unsigned slot) {
    SlotContents& contents = buffer_[step_.slots[slot]];
    contents.clear_to(step_.box);
    return contents.tile();
  }
  ErrorCode max_pool_error();
  ErrorCode loss();
  void bias_gradient(Facts& facts);
  void global_pool();

  const Job& job_;
  const Step& step_;
  LocalBuffer& buffer_;
  VectorShape shape_;
  VectorFacts done_;
};

ErrorCode VectorStep::max_pool_error() {
  if (absent(0)) {
    zeros(2);
    return ErrorCode::kNONE;
  }
  const auto index = std::as_const(buffer_[step_.slots[1]]).byte_tile();
  const ConstTile mask = job_.has(kFlagMASK) ? in(3) : ConstTile{};
  const MaxPoolBackward result = max_pool_bp(shape_.pool, in(0), index, out(2), mask);
  done_ += result.facts;
  return result.bad_indices == 0 ? ErrorCode::kNONE : ErrorCode::kLABEL;
}

ErrorCode VectorStep::loss() {
  const SlotContents& labels = buffer_[step_.slots[1]];
  const LossParameters parameters{job_.valid_images, job_.hyper.loss_scale};
  const TileLoss result = softmax_loss(in(0), labels.bytes, parameters, out(2), buffer_.loss);
  done_ += result.facts;
  return result.bad_label ? ErrorCode::kLABEL : ErrorCode::kNONE;
}

void VectorStep::bias_gradient(Facts& facts) {
  SlotContents& sums = buffer_[step_.accumulator];
  if (step_.begin) sums.clear_to(step_.box);
  done_ += accumulate_bias_gradient(in(0), shape_.rows, sums.values);
  // A bias is one row of channels: (1, k) as the update's (k, c).
  if (step_.finish && job_.has(kFlagUPDATE)) compute_update(job_, step_, step_.box, sums.values, buffer_, facts);
}

void VectorStep::global_pool() {
  SlotContents& sums = buffer_[step_.accumulator];
  if (step_.begin) sums.clear_to(step_.box);
  done_ += global_pool_accumulate(in(0), sums.values);
  if (!step_.finish) return;
  const uint64_t pixels = uint64_t{job_[0].shape[2]} * job_[0].shape[3];
  done_ += global_pool_finish(sums.values, pixels, out(2));
}

ErrorCode VectorStep::run(Facts& facts) {
  ErrorCode error = ErrorCode::kNONE;
  switch (job_.opcode()) {
    case Opcode::kENCODE:
    case Opcode::kDECODE:
      facts.elementwise += step_.box.elements();
      break;
    case Opcode::kRELU_FF:
      done_ += relu_ff(in(0), out(2));
      break;
    case Opcode::kRELU_BP:
      done_ += apply_mask(in(0), in(3), out(2));
      break;
    case Opcode::kBIAS_FF:
      done_ += add_bias(in(0), buffer_[step_.slots[3]].values, job_.has(kFlagRELU), out(2));
      break;
    case Opcode::kBIAS_WG:
      bias_gradient(facts);
      break;
    case Opcode::kMAXPOOL_FF:
      if (job_.has(kFlagINDEX)) {
        SlotContents& index = buffer_[step_.slots[3]];
        index.resize_to(step_.box);
        index.values.clear();
        index.bytes.resize(step_.box.elements());
        done_ += max_pool_ff(shape_.pool, in(0), out(2), index.byte_tile());
      } else {
        done_ += max_pool_ff(shape_.pool, in(0), out(2));
      }
      break;
    case Opcode::kMAXPOOL_BP:
      error = max_pool_error();
      break;
    case Opcode::kAVGPOOL_FF:
      done_ += average_pool_ff(shape_.pool, in(0), out(2));
      break;
    case Opcode::kAVGPOOL_BP:
      if (absent(0)) {
        zeros(2);
      } else {
        done_ += average_pool_bp(shape_.pool, in(0), out(2));
      }
      break;
    case Opcode::kGLOBALPOOL_FF:
      global_pool();
      break;
    case Opcode::kGLOBALPOOL_BP:
      done_ += global_pool_bp(in(0), uint64_t{job_[2].shape[2]} * job_[2].shape[3], out(2));
      break;
    case Opcode::kSOFTMAX_CE:
      error = loss();
      break;
    case Opcode::kSGD:
      compute_update(job_, step_, step_.box, buffer_[step_.slots[0]].values, buffer_, facts);
      break;
    default:
      BB_CHECK(false, "{} has no compute step of the vector unit", name_of(job_.opcode()));
  }
  facts.elementwise += operations(done_);
  return error;
}

}  // namespace

ErrorCode compute_vector(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) {
  return VectorStep(job, step, buffer).run(facts);
}

}  // namespace backboard::npu
