// Which format each class of tensor has on an engine.
#pragma once

#include "npu/engine/offer.h"
#include "sw/plan/options.h"

namespace backboard {

/// PlanFormats with every "auto" decided.
struct ResolvedFormats {
  npu::TensorFormat input, activation, error, weight, last_weight, logits, master;
  uint8_t rule = 0;  ///< of FGMP descriptors
};

/// Decides and checks the formats against what the engine's operands take. Defaults, by what the multipliers offer:
///   FGMP: activations, errors and weights; FP16Z for the input and FP16 for the last layer (its weights, the logits
///   and
///     their error), as 8-bit training needs (Wang et al., NeurIPS 2018);
///   otherwise one format throughout: the first of FP32, BF16 and FP16.
/// @throws InputError when the engine does not take a format, listing those it does.
ResolvedFormats resolve_formats(const PlanFormats& formats, const npu::Offer& offer);

/// "fgmp"
std::string lower_case_name(npu::TensorFormat format);

}  // namespace backboard
