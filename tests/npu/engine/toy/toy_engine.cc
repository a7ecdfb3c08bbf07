#include "tests/npu/engine/toy/toy_engine.h"

#include <cmath>

#include "npu/engine/tile_engine.h"

namespace backboard::npu::toy {
namespace {

constexpr FormatMask kFp32 = mask_of(TensorFormat::kFP32);
constexpr Offer kOffer = {
    .engine = kRow.id,
    .name = "toy",
    .opcodes = kControlOpcodes | opcode_bit(Opcode::kCOPY) | opcode_bit(Opcode::kRELU_FF) |
               opcode_bit(Opcode::kCONV_FF) | opcode_bit(Opcode::kCONV_BP) | opcode_bit(Opcode::kCONV_WG) |
               opcode_bit(Opcode::kFC_FF),
    .formats = kFp32,
    .multiply = kFp32,
    .vector_in = kFp32,
    .vector_out = kFp32,
    .largest_kernel = 5,
    .group_commands = 2,
    .fused_sgd = false,
};

class Multipliers final : public TileArithmetic {
 public:
  const Offer& offer() const override { return kOffer; }
  bool wants_classes() const override { return false; }
  void multiply(Pass pass, const ConvTile& t, const Operand& first, const Operand& second, float* acc,
                Workspace&) const override {
    const float* a = first.values;
    const float* b = second.values;
    switch (pass) {
      case Pass::ff:
        return each_product(t, [&](size_t xi, size_t wi, size_t yi) { acc[yi] += product(a[xi], b[wi]); });
      case Pass::bp:
        return each_product(t, [&](size_t xi, size_t wi, size_t yi) { acc[xi] += product(a[yi], b[wi]); });
      case Pass::wg:
        return each_product(t, [&](size_t xi, size_t wi, size_t yi) { acc[wi] += product(a[xi], b[yi]); });
    }
  }
  void count(Pass, const ConvTile& t, const Operand&, const Operand&, Facts& facts, Workspace&) const override {
    each_product(t, [&](size_t, size_t, size_t) { ++facts.macs; });
  }
  Price price(const Facts& facts) const override {
    Price price;
    price.cycles.multipliers = facts.macs;
    price.cycles.elementwise = facts.elementwise;
    return price;
  }

 private:
  /// Calls body(index in x, in w, in y) for each product. Sums of sixteenths are exact, so their order is free.
  template <class Body>
  static void each_product(const ConvTile& t, Body&& body) {
    for (uint32_t n = 0; n < t.n; ++n) {
      for (uint32_t k = 0; k < t.k; ++k) {
        for (uint32_t oh = t.oh0; oh < t.oh0 + t.oh_rows; ++oh) {
          for (uint32_t ow = 0; ow < t.ow; ++ow) {
            for (uint32_t c = 0; c < t.c; ++c) {
              for (uint32_t i = 0; i < t.kh; ++i) {
                for (uint32_t j = 0; j < t.kw; ++j) {
                  const int64_t ih = int64_t{oh} * t.stride_h + i * t.dilation_h - t.pad_h;
                  const int64_t iw = int64_t{ow} * t.stride_w + j * t.dilation_w - t.pad_w;
                  if (ih < t.ih0 || ih >= int64_t{t.ih0} + t.ih_rows || iw < 0 || iw >= t.w) continue;
                  body(n * t.x_stride_n + c * t.x_stride_c + static_cast<size_t>((ih - t.ih0) * t.w + iw),
                       k * t.w_stride_k + c * t.w_stride_c + i * t.kw + j,
                       n * t.y_stride_n + k * t.y_stride_k + size_t{oh - t.oh0} * t.ow + ow);
                }
              }
            }
          }
        }
      }
    }
  }
};

}  // namespace

float product(float a, float b) {
  return std::trunc(a * b * 16.0f) / 16.0f;
}

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return std::make_unique<TileEngine>(std::make_unique<Multipliers>(), configs);
}

}  // namespace backboard::npu::toy
