// What commands mean, as plain loops over whole tensors in the written order of each sum. Shares no code with the NPU.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace backboard::test {

/// A whole tensor of values.
struct Values {
  std::array<uint32_t, 4> shape{};
  std::vector<float> data;

  Values() = default;
  explicit Values(std::array<uint32_t, 4> s) : shape(s), data(size_t{s[0]} * s[1] * s[2] * s[3]) {}
  Values(std::array<uint32_t, 4> s, std::vector<float> v) : shape(s), data(std::move(v)) {}
  float& at(uint32_t n, uint32_t c, uint32_t h, uint32_t w) {
    return data[((size_t{n} * shape[1] + c) * shape[2] + h) * shape[3] + w];
  }
  float at(uint32_t n, uint32_t c, uint32_t h, uint32_t w) const {
    return data[((size_t{n} * shape[1] + c) * shape[2] + h) * shape[3] + w];
  }
};

/// Geometry of a convolution or pooling window.
struct Window {
  uint32_t kh = 1, kw = 1, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  uint32_t groups = 1;
  bool ceil = false;                       ///< a last window of pooling that the end cuts off counts
  bool exclude_pad = false;                ///< an average's divisor leaves padding out
  int32_t pad_more_h = 0, pad_more_w = 0;  ///< convolution: padding below beyond pad_h, right beyond pad_w
  uint32_t out_h(uint32_t h) const { return out(h, pad_h, pad_more_h, dilation_h * (kh - 1) + 1, stride_h); }
  uint32_t out_w(uint32_t w) const { return out(w, pad_w, pad_more_w, dilation_w * (kw - 1) + 1, stride_w); }

 private:
  uint32_t out(uint32_t size, uint32_t pad, int32_t more, uint32_t reach, uint32_t stride) const {
    if (!ceil) return (size + 2 * pad + static_cast<uint32_t>(more) - reach) / stride + 1;
    uint32_t count = 0;  // windows that begin before the last element that a whole one could reach, and see an input
    while (count == 0 || ((count - 1) * stride + reach < size + 2 * pad && count * stride < size + pad)) ++count;
    return count;
  }
};

/// The terms of one sum in their written order: a product of two operands each. Taps on padding are terms with a zero;
/// BP has those that the stride lets through.
using Terms = std::vector<std::pair<float, float>>;
/// How an engine adds terms to `start`.
using SumRule = std::function<float(float start, const Terms& terms)>;
/// One after the other: product rounded, then sum rounded; a product with a zero operand contributes nothing.
float sum_in_order(float start, const Terms& terms);

/// y = x * w, each sum over (c, kh, kw).
Values golden_ff(const Values& x, const Values& w, const Window& window, const SumRule& rule = sum_in_order);
/// dx = dy * w transposed, each sum over (k, kh, kw). `shape` of dx.
Values golden_bp(const Values& dy, const Values& w, const Window& window, std::array<uint32_t, 4> shape,
                 const SumRule& rule = sum_in_order);
/// dw = x * dy, each sum over (n, oh, ow), continuing `start`.
Values golden_wg(const Values& x, const Values& dy, const Window& window, const Values& start,
                 const SumRule& rule = sum_in_order);

/// y + bias over channels.
Values golden_bias(const Values& x, const std::vector<float>& bias);
Values golden_relu(const Values& x);
Values golden_mask(const Values& x, const Values& mask);

/// Maximum and its place in the window.
struct Pooled {
  Values y;
  std::vector<uint8_t> index;
};
Pooled golden_max_pool(const Values& x, const Window& window);
Values golden_max_pool_bp(const Values& dy, const std::vector<uint8_t>& index, const Window& window,
                          std::array<uint32_t, 4> shape);
Values golden_average_pool(const Values& x, const Window& window);
Values golden_average_pool_bp(const Values& dy, const Window& window, std::array<uint32_t, 4> shape);

/// One update, element by element, as npu_records.h says. `momentum` empty: none.
struct Update {
  float learning_rate = 0, momentum = 0, weight_decay = 0, gradient_scale = 1;
};
void golden_update(const Update& update, const std::vector<float>& gradient, std::vector<float>& weights,
                   std::vector<float>& momentum);

}  // namespace backboard::test
