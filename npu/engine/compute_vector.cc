// Compute steps of the vector unit.
#include <algorithm>
#include <span>
#include <utility>

#include "npu/command/operands.h"
#include "npu/engine/tile_engine.h"
#include "npu/engine/vector_shape.h"
#include "npu/sgd/adam.h"
#include "npu/vector/activation.h"
#include "npu/vector/elementwise.h"
#include "npu/vector/gradient_norm.h"
#include "npu/vector/normalisation.h"
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
  VectorStep(const TileArithmetic& arithmetic, const Job& job, const Step& step, LocalBuffer& buffer)
      : arithmetic_(arithmetic), job_(job), step_(step), buffer_(buffer), shape_(vector_shape(job)) {}
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
  /// Two values a channel, of a slot that holds a box (2, c, 1, 1).
  ChannelValues pair(unsigned slot) const {
    const SlotContents& contents = buffer_[step_.slots[slot]];
    return {contents.values.data(), contents.values.data() + contents.box.count[1]};
  }
  ChannelResults pair_results(unsigned slot, bool kept) {
    SlotContents& contents = buffer_[step_.slots[slot]];
    if (!kept) contents.resize_to({{0, step_.inner.first[1], 0, 0}, {2, step_.inner.count[1], 1, 1}});
    return {contents.values.data(), contents.values.data() + step_.inner.count[1]};
  }
  NormChannels norm_channels() const;
  void mask_result();
  void clip_result();
  ErrorCode pool();
  void batch_norm();
  ErrorCode max_pool_error();
  void join();
  void slice();
  void moments();
  void norm_gradients();
  void norm_error();
  void activation();
  void adam(Facts& facts);
  ErrorCode loss();
  void update(std::span<const float> gradient, Facts& facts);
  void bias_gradient(Facts& facts);
  void global_pool();

  const TileArithmetic& arithmetic_;
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
  const auto function = job_.opcode() == Opcode::kMSE ? squared_loss : softmax_loss;
  const TileLoss result = function(in(0), labels.bytes, parameters, out(2), buffer_.loss);
  done_ += result.facts;
  return result.bad_label ? ErrorCode::kLABEL : ErrorCode::kNONE;
}

void VectorStep::update(std::span<const float> gradient, Facts& facts) {
  const SgdFacts done = compute_update(arithmetic_, job_, step_, step_.box, gradient, buffer_);
  facts.sgd += update_operations(arithmetic_, job_, step_.box);
  note_update(done, buffer_, facts);
}

void VectorStep::bias_gradient(Facts& facts) {
  SlotContents& sums = buffer_[step_.accumulator];
  if (step_.begin) sums.clear_to(step_.box);
  done_ += accumulate_bias_gradient(in(0), shape_.rows, sums.values);
  // A bias is one row of channels: (1, k) as the update's (k, c).
  if (step_.finish && job_.has(kFlagUPDATE)) update(sums.values, facts);
}

void VectorStep::global_pool() {
  SlotContents& sums = buffer_[step_.accumulator];
  if (step_.begin) sums.clear_to(step_.box);
  done_ += global_pool_accumulate(in(0), sums.values);
  if (!step_.finish) return;
  const uint64_t pixels = uint64_t{job_[0].shape[2]} * job_[0].shape[3];
  done_ += global_pool_finish(sums.values, pixels, out(2));
}

/// What MASK and CLIP6 ask of the result in slot 2.
void VectorStep::mask_result() {
  if (!job_.has(kFlagMASK)) return;
  const Tile result = buffer_[step_.slots[2]].tile();
  done_ += apply_mask(result, in(3), result);
  if (job_.has(kFlagCLIP6)) done_ += block_from_six(in(3), result);
}

void VectorStep::clip_result() {
  if (job_.has(kFlagCLIP6) && (job_.has(kFlagRELU) || job_.opcode() == Opcode::kRELU_FF)) {
    done_ += clip_at_six(buffer_[step_.slots[2]].tile());
  }
}

void VectorStep::join() {
  const Tile y = out(2);
  if (!absent(0)) copy_channels(in(0), 0, y);
  if (!absent(1)) copy_channels(in(1), job_[0].shape[1], y);
}

void VectorStep::slice() {
  copy_channels(in(0), -int64_t{job_.command.first_channel}, out(2));
  mask_result();
}

NormChannels VectorStep::norm_channels() const {
  NormChannels of;
  of.epsilon = job_.command.immediate;
  of.counted = job_.counted_images();
  of.elements = uint64_t{of.counted} * job_[0].shape[2] * job_[0].shape[3];
  return of;
}

void VectorStep::moments() {
  const NormChannels of = norm_channels();
  SlotContents& sums = buffer_[step_.accumulator];
  const bool first = step_.inner.first[0] == 0 && step_.inner.first[2] == 0;
  if (step_.pass == 0) {
    if (first) sums.clear_to({{0, step_.inner.first[1], 0, 0}, {1, step_.inner.count[1], kNormSums, 1}});
    done_ += add_values(in(0), of.counted, sums.values);
    return;
  }
  if (first) done_ += finish_means(of.elements, sums.values);
  done_ += add_squares(in(0), of.counted, sums.values);
  if (!step_.finish) return;
  const ChannelResults moments = pair_results(2, false);
  done_ += finish_moments(of.elements, sums.values, moments);
  if (!job_.has(kFlagRUNNING)) return;
  done_ += blend_moments({moments.first, moments.second}, step_.inner.count[1], of.elements, job_.command.immediate,
                         pair_results(3, true));
}

void VectorStep::norm_gradients() {
  NormChannels of = norm_channels();
  of.moments = pair(3);
  SlotContents& sums = buffer_[step_.accumulator];
  if (step_.begin) sums.clear_to({{0, step_.inner.first[1], 0, 0}, {1, step_.inner.count[1], kNormSums, 1}});
  done_ += add_products(in(0), in(1), of, sums.values);
  if (step_.finish) done_ += finish_gradients(of, step_.inner.count[1], sums.values, pair_results(2, false));
}

void VectorStep::norm_error() {
  NormChannels of = norm_channels();
  of.affine = pair(3);
  of.moments = pair(4);
  if (job_.has(kFlagBATCH)) {
    done_ += normalise_bp(in(0), in(1), of, pair(5), out(2));
  } else {
    done_ += normalise_frozen_bp(in(0), of, out(2));
  }
}

void VectorStep::activation() {
  const float number = job_.command.immediate;
  switch (job_.opcode()) {
    case Opcode::kLEAKY_FF:
      done_ += leaky_ff(in(0), number, out(2));
      break;
    case Opcode::kLEAKY_BP:
      done_ += leaky_bp(in(0), in(3), number, out(2));
      break;
    case Opcode::kSIGMOID_FF:
      done_ += sigmoid_ff(in(0), out(2));
      break;
    case Opcode::kSIGMOID_BP:
      done_ += sigmoid_bp(in(0), in(3), out(2));
      break;
    case Opcode::kTANH_FF:
      done_ += tanh_ff(in(0), out(2));
      break;
    case Opcode::kTANH_BP:
      done_ += tanh_bp(in(0), in(3), out(2));
      break;
    case Opcode::kGELU_FF:
      done_ += gelu_ff(in(0), out(2));
      break;
    case Opcode::kGELU_BP:
      done_ += gelu_bp(in(0), in(3), out(2));
      break;
    default: {
      const DropoutStream stream{number, job_.hyper.seed, job_.hyper.step, job_.command.layer};
      done_ += dropout(in(0), stream, job_[0].shape[1], job_[0].shape[2], out(2));
    }
  }
}

void VectorStep::adam(Facts& facts) {
  const AdamParameters parameters = adam_parameters(job_.hyper, job_.adam);
  const AdamSpan span{buffer_[step_.slots[3]].values, buffer_[step_.slots[4]].values, buffer_[step_.slots[1]].values,
                      buffer_[step_.slots[0]].values};
  const SgdFacts result = adam_update(parameters, span);
  const uint64_t saturated = round_masters(arithmetic_, job_, step_.box, span.gradient, span.weights);
  facts.sgd += update_operations(arithmetic_, job_, step_.box);
  facts.saturated += saturated;
  facts.nonfinite += result.skipped_nonfinite;
  ClassCounts skipped;
  skipped.saturated = saturated;
  skipped.nonfinite = result.skipped_nonfinite;
  buffer_.produced[3].add(skipped);
}

ErrorCode VectorStep::pool() {
  switch (job_.opcode()) {
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
      return max_pool_error();
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
    default:
      BB_CHECK(false, "{} is no pooling", name_of(job_.opcode()));
  }
  return ErrorCode::kNONE;
}

void VectorStep::batch_norm() {
  switch (job_.opcode()) {
    case Opcode::kBN_MOMENTS:
      moments();
      break;
    case Opcode::kBN_FF: {
      NormChannels of = norm_channels();
      of.affine = pair(1);
      of.moments = pair(3);
      done_ += normalise(in(0), of, job_.has(kFlagRELU), out(2));
      clip_result();
      break;
    }
    case Opcode::kBN_BP:
      norm_error();
      break;
    case Opcode::kBN_WG:
      norm_gradients();
      break;
    default:
      BB_CHECK(false, "{} is no batch normalisation", name_of(job_.opcode()));
  }
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
      clip_result();
      break;
    case Opcode::kRELU_BP:
      done_ += apply_mask(in(0), in(3), out(2));
      if (job_.has(kFlagCLIP6)) done_ += block_from_six(in(3), buffer_[step_.slots[2]].tile());
      break;
    case Opcode::kBIAS_FF:
      done_ += add_bias(in(0), buffer_[step_.slots[3]].values, job_.has(kFlagRELU), out(2));
      clip_result();
      break;
    case Opcode::kBIAS_WG:
      bias_gradient(facts);
      break;
    case Opcode::kMAXPOOL_FF:
    case Opcode::kMAXPOOL_BP:
    case Opcode::kAVGPOOL_FF:
    case Opcode::kAVGPOOL_BP:
    case Opcode::kGLOBALPOOL_FF:
    case Opcode::kGLOBALPOOL_BP:
      error = pool();
      break;
    case Opcode::kSOFTMAX_CE:
    case Opcode::kMSE:
      error = loss();
      break;
    case Opcode::kADD:
      done_ += add_tiles(in(0), in(1), job_.has(kFlagRELU), out(2));
      clip_result();
      mask_result();
      break;
    case Opcode::kCONCAT:
      join();
      break;
    case Opcode::kSLICE:
      slice();
      break;
    case Opcode::kBN_MOMENTS:
    case Opcode::kBN_FF:
    case Opcode::kBN_BP:
    case Opcode::kBN_WG:
      batch_norm();
      break;
    case Opcode::kLEAKY_FF:
    case Opcode::kLEAKY_BP:
    case Opcode::kSIGMOID_FF:
    case Opcode::kSIGMOID_BP:
    case Opcode::kTANH_FF:
    case Opcode::kTANH_BP:
    case Opcode::kGELU_FF:
    case Opcode::kGELU_BP:
    case Opcode::kDROPOUT:
      activation();
      break;
    case Opcode::kNORM:
      done_ += add_norm(in(0), buffer_.loss);
      break;
    case Opcode::kADAM:
      adam(facts);
      break;
    case Opcode::kSGD:
      update(buffer_[step_.slots[0]].values, facts);
      break;
    default:
      BB_CHECK(false, "{} has no compute step of the vector unit", name_of(job_.opcode()));
  }
  facts.elementwise += operations(done_);
  return error;
}

}  // namespace

ErrorCode compute_vector(const TileArithmetic& arithmetic, const Job& job, const Step& step, LocalBuffer& buffer,
                         Facts& facts) {
  return VectorStep(arithmetic, job, step, buffer).run(facts);
}

}  // namespace backboard::npu
