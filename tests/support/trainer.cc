#include "tests/support/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace backboard::test {
namespace {

/// An image batch (n, c, h, w) read by coordinates; outside of the image there are zeros.
struct Batch {
  const std::vector<double>& values;
  ImageSize size;
  bool inside(long h, long w) const {
    return h >= 0 && w >= 0 && h < static_cast<long>(size.h) && w < static_cast<long>(size.w);
  }
  size_t place(size_t n, size_t c, size_t h, size_t w) const { return ((n * size.c + c) * size.h + h) * size.w + w; }
  double at(size_t n, size_t c, long h, long w) const {
    return inside(h, w) ? values[place(n, c, static_cast<size_t>(h), static_cast<size_t>(w))] : 0.0;
  }
};

long source_row(const LayerSpec& s, size_t oh, size_t kh) {
  return static_cast<long>(oh * s.stride_h + kh) - static_cast<long>(s.pad_h);
}
long source_column(const LayerSpec& s, size_t ow, size_t kw) {
  return static_cast<long>(ow * s.stride_w + kw) - static_cast<long>(s.pad_w);
}

template <class Visit>
void for_each_output(size_t images, ImageSize size, const Visit& visit) {
  size_t place = 0;
  for (size_t n = 0; n < images; ++n)
    for (size_t c = 0; c < size.c; ++c)
      for (size_t h = 0; h < size.h; ++h)
        for (size_t w = 0; w < size.w; ++w) visit(n, c, h, w, place++);
}

template <class Visit>
void for_each_tap(const LayerSpec& s, size_t oh, size_t ow, const Visit& visit) {
  for (size_t kh = 0; kh < s.kernel_h; ++kh)
    for (size_t kw = 0; kw < s.kernel_w; ++kw) visit(kh, kw, source_row(s, oh, kh), source_column(s, ow, kw));
}

/// Place in the input of the first largest element of a window.
size_t place_of_maximum(const LayerSpec& s, const Batch& x, size_t n, size_t c, size_t oh, size_t ow) {
  bool found = false;
  size_t best = 0;
  for_each_tap(s, oh, ow, [&](size_t, size_t, long h, long w) {
    if (!x.inside(h, w)) return;
    const size_t here = x.place(n, c, static_cast<size_t>(h), static_cast<size_t>(w));
    if (!found || x.values[here] > x.values[best]) best = here;
    found = true;
  });
  return best;
}

void update(std::vector<double>& w, std::vector<double>& v, const std::vector<double>& gradient,
            const SgdOptions& options) {
  for (size_t i = 0; i < w.size(); ++i) {
    v[i] = options.momentum * v[i] + (gradient[i] + options.weight_decay * w[i]);
    w[i] -= options.learning_rate * v[i];
  }
}

ImageSize size_after(const LayerSpec& s, ImageSize in) {
  const auto windows = [](size_t size, size_t kernel, size_t stride, size_t pad) {
    if (kernel == 0 || stride == 0 || size + 2 * pad < kernel) throw std::invalid_argument("a window does not fit");
    return (size + 2 * pad - kernel) / stride + 1;
  };
  switch (s.kind) {
    case LayerKind::relu:
      return in;
    case LayerKind::fully_connected:
      return {s.outputs, 1, 1};
    case LayerKind::global_pool:
      return {in.c, 1, 1};
    case LayerKind::convolution:
    case LayerKind::max_pool:
    case LayerKind::average_pool:
      break;
  }
  return {s.kind == LayerKind::convolution ? s.outputs : in.c, windows(in.h, s.kernel_h, s.stride_h, s.pad_h),
          windows(in.w, s.kernel_w, s.stride_w, s.pad_w)};
}

}  // namespace

LayerSpec LayerSpec::conv(size_t outputs, size_t kernel, size_t stride, size_t pad) {
  return {LayerKind::convolution, outputs, kernel, kernel, stride, stride, pad, pad, true};
}
LayerSpec LayerSpec::fc(size_t outputs) {
  LayerSpec spec;
  spec.kind = LayerKind::fully_connected;
  spec.outputs = outputs;
  return spec;
}
LayerSpec LayerSpec::pool(LayerKind kind, size_t kernel, size_t stride, size_t pad) {
  return {kind, 0, kernel, kernel, stride, stride, pad, pad, false};
}

Trainer::Trainer(ImageSize input, std::vector<LayerSpec> layers) : specs_(std::move(layers)), sizes_{input} {
  for (const LayerSpec& spec : specs_) {
    const ImageSize in = sizes_.back();
    LayerParameters parameters;
    if (spec.kind == LayerKind::convolution)
      parameters.weights.resize(spec.outputs * in.c * spec.kernel_h * spec.kernel_w);
    if (spec.kind == LayerKind::fully_connected) parameters.weights.resize(spec.outputs * in.elements());
    if (!parameters.weights.empty() && spec.bias) parameters.bias.resize(spec.outputs);
    parameters_.push_back(std::move(parameters));
    sizes_.push_back(size_after(spec, in));
  }
  momenta_ = parameters_;
  activations_.resize(sizes_.size());
}

void Trainer::forward(size_t layer, size_t images) {
  const LayerSpec& s = specs_[layer];
  const ImageSize in = sizes_[layer], out = sizes_[layer + 1];
  const std::vector<double>& w = parameters_[layer].weights;
  const std::vector<double>& bias = parameters_[layer].bias;
  const Batch x{activations_[layer], in};
  std::vector<double> y(images * out.elements());
  for_each_output(images, out, [&](size_t n, size_t k, size_t oh, size_t ow, size_t place) {
    double value = bias.empty() ? 0.0 : bias[k];
    switch (s.kind) {
      case LayerKind::convolution:
        for (size_t c = 0; c < in.c; ++c)
          for_each_tap(s, oh, ow, [&](size_t kh, size_t kw, long h, long column) {
            value += w[((k * in.c + c) * s.kernel_h + kh) * s.kernel_w + kw] * x.at(n, c, h, column);
          });
        break;
      case LayerKind::fully_connected:
        for (size_t i = 0; i < in.elements(); ++i) value += w[k * in.elements() + i] * x.values[n * in.elements() + i];
        break;
      case LayerKind::relu:
        value = std::max(x.values[place], 0.0);
        break;
      case LayerKind::max_pool:
        value = x.values[place_of_maximum(s, x, n, k, oh, ow)];
        break;
      case LayerKind::average_pool:
        for_each_tap(s, oh, ow, [&](size_t, size_t, long h, long column) { value += x.at(n, k, h, column); });
        value /= static_cast<double>(s.kernel_h * s.kernel_w);
        break;
      case LayerKind::global_pool:
        for (size_t h = 0; h < in.h; ++h)
          for (size_t column = 0; column < in.w; ++column) value += x.values[x.place(n, k, h, column)];
        value /= static_cast<double>(in.h * in.w);
        break;
    }
    y[place] = value;
  });
  activations_[layer + 1] = std::move(y);
}

void Trainer::backward(size_t layer, size_t images, std::vector<double>& error, LayerParameters& gradient) const {
  const LayerSpec& s = specs_[layer];
  const ImageSize in = sizes_[layer], out = sizes_[layer + 1];
  const std::vector<double>& w = parameters_[layer].weights;
  const Batch x{activations_[layer], in};
  gradient.weights.assign(w.size(), 0.0);
  gradient.bias.assign(parameters_[layer].bias.size(), 0.0);
  std::vector<double> dx(images * in.elements());
  for_each_output(images, out, [&](size_t n, size_t k, size_t oh, size_t ow, size_t place) {
    const double dy = error[place];
    if (!gradient.bias.empty()) gradient.bias[k] += dy;
    switch (s.kind) {
      case LayerKind::convolution:
        for (size_t c = 0; c < in.c; ++c)
          for_each_tap(s, oh, ow, [&](size_t kh, size_t kw, long h, long column) {
            if (!x.inside(h, column)) return;
            const size_t weight = ((k * in.c + c) * s.kernel_h + kh) * s.kernel_w + kw;
            const size_t source = x.place(n, c, static_cast<size_t>(h), static_cast<size_t>(column));
            gradient.weights[weight] += dy * x.values[source];
            dx[source] += dy * w[weight];
          });
        break;
      case LayerKind::fully_connected:
        for (size_t i = 0; i < in.elements(); ++i) {
          gradient.weights[k * in.elements() + i] += dy * x.values[n * in.elements() + i];
          dx[n * in.elements() + i] += dy * w[k * in.elements() + i];
        }
        break;
      case LayerKind::relu:
        dx[place] = x.values[place] > 0.0 ? dy : 0.0;
        break;
      case LayerKind::max_pool:
        dx[place_of_maximum(s, x, n, k, oh, ow)] += dy;
        break;
      case LayerKind::average_pool:
        for_each_tap(s, oh, ow, [&](size_t, size_t, long h, long column) {
          if (x.inside(h, column))
            dx[x.place(n, k, static_cast<size_t>(h), static_cast<size_t>(column))] +=
                dy / static_cast<double>(s.kernel_h * s.kernel_w);
        });
        break;
      case LayerKind::global_pool:
        for (size_t h = 0; h < in.h; ++h)
          for (size_t column = 0; column < in.w; ++column)
            dx[x.place(n, k, h, column)] = dy / static_cast<double>(in.h * in.w);
        break;
    }
  });
  error = std::move(dx);
}

BatchLoss Trainer::loss(std::span<const uint8_t> labels, std::vector<double>& error) const {
  BatchLoss result;
  const size_t count = classes();
  error.assign(labels.size() * count, 0.0);
  for (size_t n = 0; n < labels.size(); ++n) {
    const std::span<const double> x(logits().data() + n * count, count);
    const auto largest = std::max_element(x.begin(), x.end());
    double sum = 0.0;
    for (const double value : x) sum += std::exp(value - *largest);
    result.loss_sum += std::log(sum) + *largest - x[labels[n]];
    result.correct += static_cast<size_t>(largest - x.begin()) == labels[n];
    for (size_t c = 0; c < count; ++c)
      error[n * count + c] =
          (std::exp(x[c] - *largest) / sum - (c == labels[n] ? 1.0 : 0.0)) / static_cast<double>(labels.size());
  }
  return result;
}

BatchLoss Trainer::evaluate(std::span<const double> images, std::span<const uint8_t> labels) {
  if (images.size() != labels.size() * sizes_.front().elements()) throw std::invalid_argument("size of the batch");
  activations_.front().assign(images.begin(), images.end());
  for (size_t layer = 0; layer < layers(); ++layer) forward(layer, labels.size());
  std::vector<double> error;
  return loss(labels, error);
}

BatchLoss Trainer::gradients(std::span<const double> images, std::span<const uint8_t> labels,
                             std::vector<LayerParameters>& result) {
  const BatchLoss found = evaluate(images, labels);
  std::vector<double> error;
  loss(labels, error);
  result.resize(layers());
  for (size_t layer = layers(); layer-- > 0;) backward(layer, labels.size(), error, result[layer]);
  return found;
}

BatchLoss Trainer::step(std::span<const double> images, std::span<const uint8_t> labels, const SgdOptions& options,
                        const std::vector<bool>& trained) {
  std::vector<LayerParameters> gradient;
  const BatchLoss found = gradients(images, labels, gradient);
  for (size_t layer = 0; layer < layers(); ++layer) {
    if (!trained.empty() && !trained[layer]) continue;
    update(parameters_[layer].weights, momenta_[layer].weights, gradient[layer].weights, options);
    update(parameters_[layer].bias, momenta_[layer].bias, gradient[layer].bias, options);
  }
  return found;
}

std::vector<LayerSpec> net_s(size_t classes) {
  std::vector<LayerSpec> layers;
  for (const size_t channels : {8, 16, 32}) {
    layers.push_back(LayerSpec::conv(channels, 3, 1, 1));
    layers.push_back({});
    layers.push_back(LayerSpec::pool(LayerKind::max_pool, 2, 2));
  }
  layers.push_back(LayerSpec::fc(64));
  layers.push_back({});
  layers.push_back(LayerSpec::fc(classes));
  return layers;
}

double relative_difference(std::span<const double> expected, std::span<const float> actual) {
  if (expected.size() != actual.size()) throw std::invalid_argument("tensors of different sizes");
  double difference = 0.0, largest = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    // A NaN must not slip through a maximum.
    if (!std::isfinite(actual[i])) return std::numeric_limits<double>::infinity();
    difference = std::max(difference, std::fabs(expected[i] - static_cast<double>(actual[i])));
    largest = std::max(largest, std::fabs(expected[i]));
  }
  if (difference == 0.0) return 0.0;
  return largest == 0.0 ? std::numeric_limits<double>::infinity() : difference / largest;
}

}  // namespace backboard::test
