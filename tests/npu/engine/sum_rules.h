// How each engine of the table adds terms in its default configuration. A new engine needs a case here: tests that walk
// the table compare with it.
#pragma once

#include "npu/command/encoding.h"
#include "npu/engine/layer_shape.h"
#include "platform/check/check.h"
#include "tests/npu/engine/daa/pair_model.h"
#include "tests/npu/engine/neuroflix/brick_model.h"
#include "tests/npu/engine/rowpipe/code_model.h"
#include "tests/npu/engine/taxonn/fixed_model.h"
#include "tests/support/npu_golden.h"

namespace backboard::test {

inline SumRule sum_rule_of(npu::EngineId engine, npu::Pass pass) {
  switch (engine) {
    case npu::EngineId::kREFERENCE:
    case npu::EngineId::kLNPU:
      return sum_in_order;
    case npu::EngineId::kDAA:
      return [](float start, const Terms& terms) { return npu::test::sum_pairs({}, start, terms); };
    case npu::EngineId::kNEUROFLIX:
      // Terms are (x, w), (dy, w) and (x, dy); errors have 12 bits, all else 8.
      return [pass](float start, const Terms& terms) {
        return npu::test::sum_groups(pass == npu::Pass::bp ? 12 : 8, pass == npu::Pass::wg ? 12 : 8, start, terms);
      };
    case npu::EngineId::kTAXONN:
      return [pass](float start, const Terms& terms) { return npu::test::sum_fixed(pass, start, terms); };
    case npu::EngineId::kROWPIPE:
      return pass == npu::Pass::ff ? npu::test::sum_dequantised : sum_in_order;
  }
  BB_CHECK(false, "engine {} has no rule", static_cast<uint32_t>(engine));
}

/// What an engine makes of a convolution's x before it multiplies terms, where that takes more than a term; `channels`:
/// of a group.
inline Values multiplied_x(npu::EngineId engine, const Values& x, uint32_t channels) {
  return engine == npu::EngineId::kROWPIPE ? npu::test::coded_activations(4, x, channels) : x;
}
/// Of its weights, in FF and BP.
inline Values multiplied_w(npu::EngineId engine, const Values& w) {
  return engine == npu::EngineId::kROWPIPE ? npu::test::coded_weights(4, w) : w;
}

}  // namespace backboard::test
