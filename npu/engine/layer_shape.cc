#include "npu/engine/layer_shape.h"

#include "platform/check/check.h"

namespace backboard::npu {

bool is_layer(Opcode opcode) {
  switch (opcode) {
    case Opcode::kCONV_FF:
    case Opcode::kCONV_BP:
    case Opcode::kCONV_WG:
    case Opcode::kFC_FF:
    case Opcode::kFC_BP:
    case Opcode::kFC_WG:
      return true;
    default:
      return false;
  }
}

bool is_convolution(Opcode opcode) {
  return opcode == Opcode::kCONV_FF || opcode == Opcode::kCONV_BP || opcode == Opcode::kCONV_WG;
}

LayerShape layer_shape(const Job& job) {
  BB_CHECK(is_layer(job.opcode()));
  LayerShape shape;
  const Opcode opcode = job.opcode();
  const Tensor* x = &job[0];
  const Tensor* weights = &job[1];
  const Tensor* y = &job[2];
  if (opcode == Opcode::kCONV_BP || opcode == Opcode::kFC_BP) {
    shape.pass = Pass::bp;
    x = &job[2];
    y = &job[0];
  } else if (opcode == Opcode::kCONV_WG || opcode == Opcode::kFC_WG) {
    shape.pass = Pass::wg;
    y = &job[1];
    weights = job.has(kFlagUPDATE) ? &job[3] : &job[2];
  }
  shape.n = x->shape[0];
  shape.c = x->shape[1];
  shape.h = x->shape[2];
  shape.w = x->shape[3];
  shape.k = y->shape[1];
  shape.oh = y->shape[2];
  shape.ow = y->shape[3];
  shape.kh = weights->shape[2];
  shape.kw = weights->shape[3];
  shape.groups = job.groups;
  ConvTile& tile = shape.geometry;
  tile.h = shape.h;
  tile.w = shape.w;
  tile.oh = shape.oh;
  tile.ow = shape.ow;
  tile.kh = shape.kh;
  tile.kw = shape.kw;
  if (opcode == Opcode::kCONV_FF || opcode == Opcode::kCONV_BP || opcode == Opcode::kCONV_WG) {
    tile.stride_h = job.command.stride_h;
    tile.stride_w = job.command.stride_w;
    tile.pad_h = job.command.pad_h;
    tile.pad_w = job.command.pad_w;
    tile.dilation_h = job.command.dilation_h;
    tile.dilation_w = job.command.dilation_w;
  }
  return shape;
}

}  // namespace backboard::npu
