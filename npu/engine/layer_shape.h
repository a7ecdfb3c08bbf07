// A convolution or FC command by roles: what is input, weights and output of the layer, whatever the pass.
#pragma once

#include <cstdint>

#include "npu/command/job.h"
#include "npu/engine/gemm_tile.h"

namespace backboard::npu {

/// The three passes of a layer.
enum class Pass : uint8_t { ff, bp, wg };

/// Sizes of the layer, and which tensor slot of the command has which role.
struct LayerShape {
  Pass pass = Pass::ff;
  uint32_t n = 1, c = 1, h = 1, w = 1;
  uint32_t k = 1, oh = 1, ow = 1;
  uint32_t kh = 1, kw = 1;
  uint32_t groups = 1;
  uint8_t input_slot = 0;   ///< FF: x; BP: dy; WG: x
  uint8_t other_slot = 1;   ///< FF, BP: weights; WG: dy
  uint8_t output_slot = 2;  ///< y, dx or the gradient
  ConvTile geometry;        ///< strides, padding, dilation and whole sizes; no tile yet

  uint32_t group_c() const { return c / groups; }
  uint32_t group_k() const { return k / groups; }
};

/// Whether the command is a convolution or an FC layer.
bool is_layer(Opcode opcode);
bool is_convolution(Opcode opcode);

/// Roles of a valid job for which is_layer() holds.
LayerShape layer_shape(const Job& job);

}  // namespace backboard::npu
