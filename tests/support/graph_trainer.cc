#include "tests/support/graph_trainer.h"

#include <cmath>
#include <stdexcept>

namespace backboard::test {
namespace {

/// Calls visit(image, k, oy, ox, c, y, x, ky, kx) for every product of a convolution; c counts all channels.
template <class Visit>
void each_product(const GraphOp& op, const Maps& in, const Maps& out, const Visit& visit) {
  const size_t group_c = in.c / op.groups, group_k = out.c / op.groups;
  for (size_t i = 0; i < in.n; ++i)
    for (size_t k = 0; k < out.c; ++k)
      for (size_t oy = 0; oy < out.h; ++oy)
        for (size_t ox = 0; ox < out.w; ++ox)
          for (size_t g = 0; g < group_c; ++g)
            for (size_t ky = 0; ky < op.kh; ++ky)
              for (size_t kx = 0; kx < op.kw; ++kx) {
                const size_t y = oy * op.sh + ky * op.dh - op.ph, x = ox * op.sw + kx * op.dw - op.pw;
                if (y >= in.h || x >= in.w) continue;  // unsigned: below zero as well
                visit(i, k, oy, ox, k / group_k * group_c + g, y, x, ((k * group_c + g) * op.kh + ky) * op.kw + kx);
              }
}

size_t windows(size_t size, size_t pads, size_t kernel, size_t dilation, size_t stride) {
  return (size + pads - dilation * (kernel - 1) - 1) / stride + 1;
}

/// What an average over window (oy, ox) is divided by, by PyTorch's definition (AvgPool2d).
double divisor(const GraphOp& op, const Maps& in, size_t oy, size_t ox) {
  const auto along = [&](size_t place, size_t stride, size_t pad, size_t kernel, size_t size) {
    const size_t start = place * stride, end = std::min(start + kernel, size + 2 * pad);  // in the padded input
    if (op.count_pad) return end - start;
    return std::min(end, size + pad) - std::max(start, pad);
  };
  return static_cast<double>(along(oy, op.sh, op.ph, op.kh, in.h) * along(ox, op.sw, op.pw, op.kw, in.w));
}

/// Calls visit(image, channel, oy, ox, y, x) for the inputs of every pooling window; padding is left out.
template <class Visit>
void each_pooled(const GraphOp& op, const Maps& in, const Maps& out, const Visit& visit) {
  for (size_t i = 0; i < in.n; ++i)
    for (size_t c = 0; c < in.c; ++c)
      for (size_t oy = 0; oy < out.h; ++oy)
        for (size_t ox = 0; ox < out.w; ++ox)
          for (size_t ky = 0; ky < op.kh; ++ky)
            for (size_t kx = 0; kx < op.kw; ++kx) {
              const size_t y = oy * op.sh + ky - op.ph, x = ox * op.sw + kx - op.pw;
              if (y < in.h && x < in.w) visit(i, c, oy, ox, y, x);
            }
}

double activate(const GraphOp& op, double x) {
  if (op.op == "relu") return x > 0 ? x : 0;
  if (op.op == "relu6") return x > 6 ? 6 : x > 0 ? x : 0;
  if (op.op == "leakyrelu") return x > 0 ? x : op.slope * x;
  if (op.op == "sigmoid") return 1 / (1 + std::exp(-x));
  if (op.op == "tanh") return std::tanh(x);
  if (op.op == "gelu") return x / 2 * std::erfc(-x * M_SQRT1_2);
  throw std::invalid_argument("no operation " + op.op);
}

double derivative(const GraphOp& op, double x) {
  if (op.op == "relu") return x > 0;
  if (op.op == "relu6") return x > 0 && x < 6;
  if (op.op == "leakyrelu") return x > 0 ? 1 : op.slope;
  if (op.op == "gelu") return std::erfc(-x * M_SQRT1_2) / 2 + x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
  const double y = activate(op, x);
  return op.op == "sigmoid" ? y * (1 - y) : 1 - y * y;
}

}  // namespace

void GraphTrainer::op_forward(size_t i, bool training, bool move) {
  const GraphOp& op = ops_[i];
  const Maps& x = source(op.sources[0]);
  Maps& y = y_[i];
  const auto at = [&](const char* suffix) -> std::vector<double>& { return parameters.at(op.name + suffix); };
  if (op.op == "conv") {
    y = Maps(x.n, op.outputs, windows(x.h, op.ph + op.ph_end, op.kh, op.dh, op.sh),
             windows(x.w, op.pw + op.pw_end, op.kw, op.dw, op.sw));
    const std::vector<double>& w = at(".weight");
    each_product(op, x, y, [&](size_t n, size_t k, size_t oy, size_t ox, size_t c, size_t iy, size_t ix, size_t tap) {
      y.at(n, k, oy, ox) += w[tap] * x.at(n, c, iy, ix);
    });
  } else if (op.op == "fc") {
    const size_t inputs = x.c * x.h * x.w;
    y = Maps(x.n, op.outputs, 1, 1);
    for (size_t n = 0; n < x.n; ++n)
      for (size_t k = 0; k < op.outputs; ++k)
        for (size_t j = 0; j < inputs; ++j) y.at(n, k, 0, 0) += at(".weight")[k * inputs + j] * x.v[n * inputs + j];
  } else if (op.op == "batchnorm") {
    y = x;
    std::vector<double>&mean = mean_[i], &variance = variance_[i];
    const size_t plane = x.h * x.w, count = x.n * plane;
    mean = at(".mean");
    variance = at(".variance");
    if (training && op.batch_moments) {
      for (size_t c = 0; c < x.c; ++c) {
        double sum = 0, squares = 0;
        for (size_t n = 0; n < x.n; ++n)
          for (size_t p = 0; p < plane; ++p) sum += x.v[(n * x.c + c) * plane + p];
        mean[c] = sum / static_cast<double>(count);
        for (size_t n = 0; n < x.n; ++n)
          for (size_t p = 0; p < plane; ++p) squares += std::pow(x.v[(n * x.c + c) * plane + p] - mean[c], 2);
        variance[c] = squares / static_cast<double>(count);
        if (!move) continue;
        const double unbiased = count > 1 ? squares / static_cast<double>(count - 1) : variance[c];
        at(".mean")[c] += op.momentum * (mean[c] - at(".mean")[c]);
        at(".variance")[c] += op.momentum * (unbiased - at(".variance")[c]);
      }
    }
    for (size_t n = 0; n < x.n; ++n)
      for (size_t c = 0; c < x.c; ++c)
        for (size_t p = 0; p < plane; ++p) {
          double& value = y.v[(n * x.c + c) * plane + p];
          value = (value - mean[c]) / std::sqrt(variance[c] + op.epsilon) * at(".weight")[c] + at(".bias")[c];
        }
  } else if (op.op == "maxpool" || op.op == "avgpool") {
    const bool maximum = op.op == "maxpool";
    const auto count = [&](size_t size, size_t pad, size_t kernel, size_t stride) {
      if (!op.ceil) return windows(size, 2 * pad, kernel, 1, stride);
      const size_t all = (size + 2 * pad - kernel + stride - 1) / stride + 1;
      return (all - 1) * stride >= size + pad ? all - 1 : all;  // none that sees padding alone
    };
    y = Maps(x.n, x.c, count(x.h, op.ph, op.kh, op.sh), count(x.w, op.pw, op.kw, op.sw));
    std::vector<size_t>& places = places_[i];
    places.assign(y.v.size(), SIZE_MAX);
    each_pooled(op, x, y, [&](size_t n, size_t c, size_t oy, size_t ox, size_t iy, size_t ix) {
      const size_t out = ((n * y.c + c) * y.h + oy) * y.w + ox, in = ((n * x.c + c) * x.h + iy) * x.w + ix;
      if (!maximum) {
        y.v[out] += x.v[in] / divisor(op, x, oy, ox);
      } else if (places[out] == SIZE_MAX || x.v[in] > x.v[places[out]]) {
        places[out] = in;
        y.v[out] = x.v[in];
      }
    });
  } else if (op.op == "globalpool") {
    y = Maps(x.n, x.c, 1, 1);
    const size_t plane = x.h * x.w;
    for (size_t j = 0; j < x.v.size(); ++j) y.v[j / plane] += x.v[j] / static_cast<double>(plane);
  } else if (op.op == "add") {
    y = x;
    for (size_t j = 0; j < y.v.size(); ++j) y.v[j] += source(op.sources[1]).v[j];
  } else if (op.op == "concat") {
    const Maps& b = source(op.sources[1]);
    y = Maps(x.n, x.c + b.c, x.h, x.w);
    for (size_t n = 0; n < y.n; ++n)
      for (size_t c = 0; c < y.c; ++c)
        for (size_t h = 0; h < y.h; ++h)
          for (size_t w = 0; w < y.w; ++w) y.at(n, c, h, w) = c < x.c ? x.at(n, c, h, w) : b.at(n, c - x.c, h, w);
  } else if (op.op == "dropout") {
    y = x;
    if (training)
      for (size_t j = 0; j < y.v.size(); ++j) y.v[j] *= op.keep.at(j);
  } else if (op.op == "upsample") {
    y = Maps(x.n, x.c, x.h * op.kh, x.w * op.kw);
    for (size_t n = 0; n < y.n; ++n)
      for (size_t c = 0; c < y.c; ++c)
        for (size_t h = 0; h < y.h; ++h)
          for (size_t w = 0; w < y.w; ++w) y.at(n, c, h, w) = x.at(n, c, h / op.kh, w / op.kw);
  } else {
    y = x;
    for (double& value : y.v) value = activate(op, value);
  }
  if ((op.op == "conv" || op.op == "fc") && op.bias) {
    const size_t plane = y.h * y.w;
    for (size_t j = 0; j < y.v.size(); ++j) y.v[j] += at(".bias")[j / plane % y.c];
  }
}

void GraphTrainer::op_backward(size_t i, Arrays& gradients) {
  const GraphOp& op = ops_[i];
  const Maps &x = source(op.sources[0]), &dy = dy_[i];
  Maps& dx = source_error(op.sources[0]);
  const size_t plane = dy.h * dy.w;
  const auto at = [&](const char* suffix) -> std::vector<double>& {
    std::vector<double>& gradient = gradients[op.name + suffix];
    gradient.resize(parameters.at(op.name + suffix).size());
    return gradient;
  };
  if ((op.op == "conv" || op.op == "fc") && op.bias) {
    std::vector<double>& bias = at(".bias");
    for (size_t j = 0; j < dy.v.size(); ++j) bias[j / plane % dy.c] += dy.v[j];
  }
  if (op.op == "conv") {
    std::vector<double>& dw = at(".weight");
    const std::vector<double>& w = parameters.at(op.name + ".weight");
    each_product(op, x, dy, [&](size_t n, size_t k, size_t oy, size_t ox, size_t c, size_t iy, size_t ix, size_t tap) {
      dw[tap] += dy.at(n, k, oy, ox) * x.at(n, c, iy, ix);
      dx.at(n, c, iy, ix) += dy.at(n, k, oy, ox) * w[tap];
    });
  } else if (op.op == "fc") {
    const size_t inputs = x.c * x.h * x.w;
    std::vector<double>& dw = at(".weight");
    for (size_t n = 0; n < x.n; ++n)
      for (size_t k = 0; k < op.outputs; ++k)
        for (size_t j = 0; j < inputs; ++j) {
          dw[k * inputs + j] += dy.v[n * op.outputs + k] * x.v[n * inputs + j];
          dx.v[n * inputs + j] += dy.v[n * op.outputs + k] * parameters.at(op.name + ".weight")[k * inputs + j];
        }
  } else if (op.op == "batchnorm") {
    const std::vector<double>& gamma = parameters.at(op.name + ".weight");
    std::vector<double>&dgamma = at(".weight"), &dbeta = at(".bias");
    const auto count = static_cast<double>(x.n * plane);
    for (size_t c = 0; c < x.c; ++c) {
      const double deviation = std::sqrt(variance_[i][c] + op.epsilon);
      double sum = 0, product = 0;
      const auto each = [&](auto&& body) {
        for (size_t n = 0; n < x.n; ++n)
          for (size_t p = 0; p < plane; ++p) body((n * x.c + c) * plane + p);
      };
      each([&](size_t j) {
        sum += dy.v[j];
        product += dy.v[j] * (x.v[j] - mean_[i][c]) / deviation;
      });
      dgamma[c] += product;
      dbeta[c] += sum;
      each([&](size_t j) {
        const double hat = (x.v[j] - mean_[i][c]) / deviation;
        const double through = op.batch_moments ? sum / count + hat * product / count : 0.0;
        dx.v[j] += gamma[c] / deviation * (dy.v[j] - through);
      });
    }
  } else if (op.op == "maxpool") {
    for (size_t j = 0; j < dy.v.size(); ++j) dx.v[places_[i][j]] += dy.v[j];
  } else if (op.op == "avgpool") {
    each_pooled(op, x, dy, [&](size_t n, size_t c, size_t oy, size_t ox, size_t iy, size_t ix) {
      dx.at(n, c, iy, ix) += dy.at(n, c, oy, ox) / divisor(op, x, oy, ox);
    });
  } else if (op.op == "globalpool") {
    const size_t pixels = x.h * x.w;
    for (size_t j = 0; j < dx.v.size(); ++j) dx.v[j] += dy.v[j / pixels] / static_cast<double>(pixels);
  } else if (op.op == "add") {
    for (size_t j = 0; j < dy.v.size(); ++j) dx.v[j] += dy.v[j];
    Maps& other = source_error(op.sources[1]);
    for (size_t j = 0; j < dy.v.size(); ++j) other.v[j] += dy.v[j];
  } else if (op.op == "concat") {
    Maps& other = source_error(op.sources[1]);
    for (size_t n = 0; n < dy.n; ++n)
      for (size_t c = 0; c < dy.c; ++c)
        for (size_t h = 0; h < dy.h; ++h)
          for (size_t w = 0; w < dy.w; ++w)
            (c < x.c ? dx.at(n, c, h, w) : other.at(n, c - x.c, h, w)) += dy.at(n, c, h, w);
  } else if (op.op == "dropout") {
    for (size_t j = 0; j < dy.v.size(); ++j) dx.v[j] += dy.v[j] * op.keep.at(j);
  } else if (op.op == "upsample") {
    for (size_t n = 0; n < dy.n; ++n)
      for (size_t c = 0; c < dy.c; ++c)
        for (size_t h = 0; h < dy.h; ++h)
          for (size_t w = 0; w < dy.w; ++w) dx.at(n, c, h / op.kh, w / op.kw) += dy.at(n, c, h, w);
  } else {
    for (size_t j = 0; j < dy.v.size(); ++j) dx.v[j] += dy.v[j] * derivative(op, x.v[j]);
  }
}

double GraphTrainer::forward(const Maps& images, const std::vector<uint16_t>& labels, bool training, bool move) {
  images_ = images;
  y_.assign(ops_.size(), {});
  for (size_t i = 0; i < ops_.size(); ++i) op_forward(i, training, move);
  const Maps& logits = y_.back();
  double loss = 0;
  for (size_t n = 0; n < logits.n; ++n) {
    const double* x = logits.v.data() + n * logits.c;
    double sum = 0;
    for (size_t c = 0; c < logits.c; ++c) {
      const double target = c == labels[n] ? 1 : 0;
      sum += squared_ ? (x[c] - target) * (x[c] - target) / static_cast<double>(logits.c) : std::exp(x[c]);
    }
    loss += squared_ ? sum : std::log(sum) - x[labels[n]];
  }
  return loss;
}

GraphTrainer::Arrays GraphTrainer::gradients(const std::vector<uint16_t>& labels) {
  dy_.clear();
  for (const Maps& y : y_) dy_.emplace_back(y.n, y.c, y.h, y.w);
  dx_ = Maps(images_.n, images_.c, images_.h, images_.w);
  const Maps& logits = y_.back();
  for (size_t n = 0; n < logits.n; ++n) {
    const double* x = logits.v.data() + n * logits.c;
    double sum = 0;
    for (size_t c = 0; c < logits.c; ++c) sum += std::exp(x[c]);
    for (size_t c = 0; c < logits.c; ++c) {
      const double target = c == labels[n] ? 1 : 0;
      const double error =
          squared_ ? 2 * (x[c] - target) / static_cast<double>(logits.c) : std::exp(x[c]) / sum - target;
      dy_.back().v[n * logits.c + c] = error / static_cast<double>(logits.n);
    }
  }
  Arrays gradients;
  for (size_t i = ops_.size(); i-- > 0;) op_backward(i, gradients);
  return gradients;
}

double GraphTrainer::step(const Maps& images, const std::vector<uint16_t>& labels, const GraphStep& options) {
  const double loss = forward(images, labels, true, true);
  const Arrays all = gradients(labels);
  for (const auto& [name, gradient] : all) {
    if (!trains(name)) continue;
    std::vector<double>& w = parameters.at(name);
    std::vector<double>& v = velocity[name];
    v.resize(w.size());
    for (size_t j = 0; j < w.size(); ++j) {
      const double g = gradient[j] + options.weight_decay * w[j];
      v[j] = options.momentum * v[j] + g;
      w[j] -= options.learning_rate * (options.nesterov ? g + options.momentum * v[j] : v[j]);
    }
  }
  return loss;
}

}  // namespace backboard::test
