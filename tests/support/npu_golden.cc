#include "tests/support/npu_golden.h"

#include <cmath>

namespace backboard::test {
namespace {

/// Adds a product; one with a zero operand contributes nothing.
void add_product(float& sum, float a, float b) {
  if (a == 0 || b == 0) return;
  const float product = a * b;
  sum = sum + product;
}

/// Calls body(n, k, c, kh, kw, ih, iw, oh, ow) for each product of a convolution, in the order of the loops given by
/// the caller's sort: here (n, k, oh, ow) outside and (c, kh, kw) inside.
template <class Body>
void each_product(const Values& x_shape, uint32_t outputs, const Window& window, Body&& body) {
  const auto [n_count, c_count, h, w] = x_shape.shape;
  const uint32_t oh_count = window.out_h(h), ow_count = window.out_w(w);
  const uint32_t group_c = c_count / window.groups, group_k = outputs / window.groups;
  for (uint32_t n = 0; n < n_count; ++n) {
    for (uint32_t k = 0; k < outputs; ++k) {
      for (uint32_t oh = 0; oh < oh_count; ++oh) {
        for (uint32_t ow = 0; ow < ow_count; ++ow) {
          for (uint32_t c = 0; c < group_c; ++c) {
            for (uint32_t i = 0; i < window.kh; ++i) {
              for (uint32_t j = 0; j < window.kw; ++j) {
                const int64_t ih = int64_t{oh} * window.stride_h + i * window.dilation_h - window.pad_h;
                const int64_t iw = int64_t{ow} * window.stride_w + j * window.dilation_w - window.pad_w;
                if (ih < 0 || iw < 0 || ih >= h || iw >= w) continue;
                body(n, k, k / group_k * group_c + c, c, i, j, static_cast<uint32_t>(ih), static_cast<uint32_t>(iw), oh,
                     ow);
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace

Values golden_ff(const Values& x, const Values& w, const Window& window) {
  Values y({x.shape[0], w.shape[0], window.out_h(x.shape[2]), window.out_w(x.shape[3])});
  each_product(x, w.shape[0], window,
               [&](auto n, auto k, auto c, auto wc, auto i, auto j, auto ih, auto iw, auto oh, auto ow) {
                 add_product(y.at(n, k, oh, ow), x.at(n, c, ih, iw), w.at(k, wc, i, j));
               });
  return y;
}

Values golden_bp(const Values& dy, const Values& w, const Window& window, std::array<uint32_t, 4> shape) {
  Values dx(shape);
  const uint32_t group_c = shape[1] / window.groups, group_k = w.shape[0] / window.groups;
  for (uint32_t n = 0; n < shape[0]; ++n) {
    for (uint32_t c = 0; c < shape[1]; ++c) {
      const uint32_t group = c / group_c;
      for (uint32_t h = 0; h < shape[2]; ++h) {
        for (uint32_t x = 0; x < shape[3]; ++x) {
          float sum = 0;
          for (uint32_t k = group * group_k; k < (group + 1) * group_k; ++k) {
            for (uint32_t i = 0; i < window.kh; ++i) {
              for (uint32_t j = 0; j < window.kw; ++j) {
                const int64_t up = int64_t{h} + window.pad_h - i * window.dilation_h;
                const int64_t left = int64_t{x} + window.pad_w - j * window.dilation_w;
                if (up < 0 || left < 0 || up % window.stride_h != 0 || left % window.stride_w != 0) continue;
                const auto oh = static_cast<uint32_t>(up / window.stride_h);
                const auto ow = static_cast<uint32_t>(left / window.stride_w);
                if (oh >= dy.shape[2] || ow >= dy.shape[3]) continue;
                add_product(sum, dy.at(n, k, oh, ow), w.at(k, c % group_c, i, j));
              }
            }
          }
          dx.at(n, c, h, x) = sum;
        }
      }
    }
  }
  return dx;
}

Values golden_wg(const Values& x, const Values& dy, const Window& window, const Values& start) {
  Values dw = start;
  // For each weight the products come in the order (n, oh, ow), since those loops are outside in each_product().
  each_product(x, dw.shape[0], window,
               [&](auto n, auto k, auto c, auto wc, auto i, auto j, auto ih, auto iw, auto oh, auto ow) {
                 add_product(dw.at(k, wc, i, j), x.at(n, c, ih, iw), dy.at(n, k, oh, ow));
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

Values golden_average_pool(const Values& x, const Window& window) {
  Values y = pooled_shape(x, window);
  each_input(x, window, [&](auto n, auto c, auto oh, auto ow, auto, auto ih, auto iw) {
    y.at(n, c, oh, ow) = y.at(n, c, oh, ow) + x.at(n, c, ih, iw);
  });
  const float factor = 1.0f / static_cast<float>(window.kh * window.kw);
  for (float& v : y.data) v = v * factor;
  return y;
}

Values golden_average_pool_bp(const Values& dy, const Window& window, std::array<uint32_t, 4> shape) {
  Values dx(shape);
  each_input(dx, window, [&](auto n, auto c, auto oh, auto ow, auto, auto ih, auto iw) {
    dx.at(n, c, ih, iw) = dx.at(n, c, ih, iw) + dy.at(n, c, oh, ow);
  });
  const float factor = 1.0f / static_cast<float>(window.kh * window.kw);
  for (float& v : dx.data) v = v * factor;
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
