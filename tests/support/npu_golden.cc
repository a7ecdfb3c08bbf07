#include "tests/support/npu_golden.h"

#include <cmath>

namespace backboard::test {
namespace {

/// The value, or zero beyond the edges.
float padded(const Values& v, uint32_t n, uint32_t c, int64_t h, int64_t w) {
  if (h < 0 || w < 0 || h >= v.shape[2] || w >= v.shape[3]) return 0;
  return v.at(n, c, static_cast<uint32_t>(h), static_cast<uint32_t>(w));
}

/// The input that output row or column `out` reads at tap `tap`.
int64_t input_of(uint32_t out, uint32_t tap, uint32_t stride, uint32_t dilation, uint32_t pad) {
  return int64_t{out} * stride + int64_t{tap} * dilation - pad;
}

/// Calls body(n, c, h, w) for each element of a shape.
template <class Body>
void each_element(const std::array<uint32_t, 4>& shape, Body&& body) {
  for (uint32_t n = 0; n < shape[0]; ++n) {
    for (uint32_t c = 0; c < shape[1]; ++c) {
      for (uint32_t h = 0; h < shape[2]; ++h) {
        for (uint32_t w = 0; w < shape[3]; ++w) body(n, c, h, w);
      }
    }
  }
}

}  // namespace

float sum_in_order(float start, const Terms& terms) {
  float sum = start;
  for (const auto& [a, b] : terms) {
    if (a == 0 || b == 0) continue;
    const float product = a * b;
    sum = sum + product;
  }
  return sum;
}

Values golden_ff(const Values& x, const Values& w, const Window& window, const SumRule& rule) {
  Values y({x.shape[0], w.shape[0], window.out_h(x.shape[2]), window.out_w(x.shape[3])});
  const uint32_t group_c = x.shape[1] / window.groups, group_k = w.shape[0] / window.groups;
  each_element(y.shape, [&](uint32_t n, uint32_t k, uint32_t oh, uint32_t ow) {
    Terms terms;
    for (uint32_t c = 0; c < group_c; ++c) {
      for (uint32_t i = 0; i < window.kh; ++i) {
        for (uint32_t j = 0; j < window.kw; ++j) {
          const int64_t ih = input_of(oh, i, window.stride_h, window.dilation_h, window.pad_h);
          const int64_t iw = input_of(ow, j, window.stride_w, window.dilation_w, window.pad_w);
          terms.emplace_back(padded(x, n, k / group_k * group_c + c, ih, iw), w.at(k, c, i, j));
        }
      }
    }
    y.at(n, k, oh, ow) = rule(0, terms);
  });
  return y;
}

Values golden_bp(const Values& dy, const Values& w, const Window& window, std::array<uint32_t, 4> shape,
                 const SumRule& rule) {
  Values dx(shape);
  const uint32_t group_c = shape[1] / window.groups, group_k = w.shape[0] / window.groups;
  each_element(shape, [&](uint32_t n, uint32_t c, uint32_t h, uint32_t x) {
    Terms terms;
    for (uint32_t k = c / group_c * group_k; k < (c / group_c + 1) * group_k; ++k) {
      for (uint32_t i = 0; i < window.kh; ++i) {
        for (uint32_t j = 0; j < window.kw; ++j) {
          const int64_t up = int64_t{h} + window.pad_h - int64_t{i} * window.dilation_h;
          const int64_t left = int64_t{x} + window.pad_w - int64_t{j} * window.dilation_w;
          if (up % window.stride_h != 0 || left % window.stride_w != 0) continue;
          terms.emplace_back(padded(dy, n, k, up / window.stride_h, left / window.stride_w),
                             w.at(k, c % group_c, i, j));
        }
      }
    }
    dx.at(n, c, h, x) = rule(0, terms);
  });
  return dx;
}

Values golden_wg(const Values& x, const Values& dy, const Window& window, const Values& start, const SumRule& rule) {
  Values dw = start;
  const uint32_t group_c = x.shape[1] / window.groups, group_k = dw.shape[0] / window.groups;
  each_element(dw.shape, [&](uint32_t k, uint32_t c, uint32_t i, uint32_t j) {
    Terms terms;
    each_element({dy.shape[0], 1, dy.shape[2], dy.shape[3]}, [&](uint32_t n, uint32_t, uint32_t oh, uint32_t ow) {
      const int64_t ih = input_of(oh, i, window.stride_h, window.dilation_h, window.pad_h);
      const int64_t iw = input_of(ow, j, window.stride_w, window.dilation_w, window.pad_w);
      terms.emplace_back(padded(x, n, k / group_k * group_c + c, ih, iw), dy.at(n, k, oh, ow));
    });
    dw.at(k, c, i, j) = rule(start.at(k, c, i, j), terms);
  });
  return dw;
}

Values golden_bias(const Values& x, const std::vector<float>& bias) {
  Values y = x;
  const size_t plane = size_t{x.shape[2]} * x.shape[3];
  for (size_t i = 0; i < y.data.size(); ++i) y.data[i] = x.data[i] + bias[i / plane % x.shape[1]];
  return y;
}

Values golden_relu(const Values& x) {
  Values y = x;
  for (float& v : y.data) v = v > 0 ? v : 0;
  return y;
}

Values golden_mask(const Values& x, const Values& mask) {
  Values y = x;
  for (size_t i = 0; i < y.data.size(); ++i) y.data[i] = mask.data[i] > 0 ? x.data[i] : 0;
  return y;
}

namespace {

/// Calls body(n, c, oh, ow, place in the window, ih, iw) for each input of each window, in (kh, kw) order.
template <class Body>
void each_input(const Values& x, const Window& window, Body&& body) {
  for (uint32_t n = 0; n < x.shape[0]; ++n) {
    for (uint32_t c = 0; c < x.shape[1]; ++c) {
      for (uint32_t oh = 0; oh < window.out_h(x.shape[2]); ++oh) {
        for (uint32_t ow = 0; ow < window.out_w(x.shape[3]); ++ow) {
          for (uint32_t i = 0; i < window.kh; ++i) {
            for (uint32_t j = 0; j < window.kw; ++j) {
              const int64_t ih = int64_t{oh} * window.stride_h + i - window.pad_h;
              const int64_t iw = int64_t{ow} * window.stride_w + j - window.pad_w;
              if (ih < 0 || iw < 0 || ih >= x.shape[2] || iw >= x.shape[3]) continue;
              body(n, c, oh, ow, i * window.kw + j, static_cast<uint32_t>(ih), static_cast<uint32_t>(iw));
            }
          }
        }
      }
    }
  }
}

Values pooled_shape(const Values& x, const Window& window) {
  return Values({x.shape[0], x.shape[1], window.out_h(x.shape[2]), window.out_w(x.shape[3])});
}

}  // namespace

Pooled golden_max_pool(const Values& x, const Window& window) {
  Pooled pooled{pooled_shape(x, window), {}};
  Values& y = pooled.y;
  pooled.index.assign(y.data.size(), 255);
  each_input(x, window, [&](auto n, auto c, auto oh, auto ow, auto place, auto ih, auto iw) {
    const size_t at = static_cast<size_t>(&y.at(n, c, oh, ow) - y.data.data());
    if (pooled.index[at] != 255 && !(x.at(n, c, ih, iw) > y.data[at])) return;
    y.data[at] = x.at(n, c, ih, iw);
    pooled.index[at] = static_cast<uint8_t>(place);
  });
  return pooled;
}

Values golden_max_pool_bp(const Values& dy, const std::vector<uint8_t>& index, const Window& window,
                          std::array<uint32_t, 4> shape) {
  Values dx(shape);
  each_input(dx, window, [&](auto n, auto c, auto oh, auto ow, auto place, auto ih, auto iw) {
    const size_t at = ((size_t{n} * dy.shape[1] + c) * dy.shape[2] + oh) * dy.shape[3] + ow;
    if (index[at] == place) dx.at(n, c, ih, iw) = dx.at(n, c, ih, iw) + dy.data[at];
  });
  return dx;
}

namespace {

/// 1 / elements of window (oh, ow), found by walking over them; h, w: size of the input.
float mean_of_window(const Window& window, uint32_t oh, uint32_t ow, uint32_t h, uint32_t w) {
  const auto count = [&](uint32_t output, uint32_t stride, uint32_t pad, uint32_t kernel, uint32_t size) {
    uint32_t elements = 0;
    for (uint32_t tap = 0; tap < kernel; ++tap) {
      const uint32_t place = output * stride + tap;  // in the padded input
      const bool padding = place < pad || place >= pad + size;
      elements += place < size + 2 * pad && !(padding && window.exclude_pad);
    }
    return elements;
  };
  return 1.0f / static_cast<float>(count(oh, window.stride_h, window.pad_h, window.kh, h) *
                                   count(ow, window.stride_w, window.pad_w, window.kw, w));
}

}  // namespace

Values golden_average_pool(const Values& x, const Window& window) {
  Values y = pooled_shape(x, window);
  each_input(x, window, [&](auto n, auto c, auto oh, auto ow, auto, auto ih, auto iw) {
    y.at(n, c, oh, ow) = y.at(n, c, oh, ow) + x.at(n, c, ih, iw);
  });
  for (uint32_t n = 0; n < y.shape[0]; ++n)
    for (uint32_t c = 0; c < y.shape[1]; ++c)
      for (uint32_t h = 0; h < y.shape[2]; ++h)
        for (uint32_t w = 0; w < y.shape[3]; ++w)
          y.at(n, c, h, w) = y.at(n, c, h, w) * mean_of_window(window, h, w, x.shape[2], x.shape[3]);
  return y;
}

Values golden_average_pool_bp(const Values& dy, const Window& window, std::array<uint32_t, 4> shape) {
  Values dx(shape);
  const float whole = 1.0f / static_cast<float>(window.kh * window.kw);
  bool same = true;
  for (uint32_t oh = 0; oh < dy.shape[2]; ++oh)
    for (uint32_t ow = 0; ow < dy.shape[3]; ++ow)
      same = same && mean_of_window(window, oh, ow, shape[2], shape[3]) == whole;
  each_input(dx, window, [&](auto n, auto c, auto oh, auto ow, auto, auto ih, auto iw) {
    const float share = dy.at(n, c, oh, ow) * (same ? 1.0f : mean_of_window(window, oh, ow, shape[2], shape[3]));
    dx.at(n, c, ih, iw) = dx.at(n, c, ih, iw) + share;
  });
  if (same)
    for (float& v : dx.data) v = v * whole;
  return dx;
}

void golden_update(const Update& update, const std::vector<float>& gradient, std::vector<float>& weights,
                   std::vector<float>& momentum) {
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!std::isfinite(gradient[i])) continue;
    float g = gradient[i] * update.gradient_scale;
    const float decay = update.weight_decay * weights[i];
    g = g + decay;
    if (!momentum.empty()) {
      const float carried = update.momentum * momentum[i];
      momentum[i] = carried + g;
      g = momentum[i];
    }
    const float change = update.learning_rate * g;
    weights[i] = weights[i] - change;
  }
}

}  // namespace backboard::test
