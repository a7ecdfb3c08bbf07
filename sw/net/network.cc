#include "sw/net/network.h"

#include <fmt/format.h>

#include <set>

#include "platform/check/check.h"

namespace backboard {

namespace {

constexpr uint64_t kMaxElements = uint64_t{1} << 28;
constexpr uint32_t kMaxDimension = 65535;
constexpr uint32_t kMaxClasses = 256;

/// Throws what is wrong with one layer, under its place in the file.
class LayerChecker {
 public:
  LayerChecker(NetLayer& layer, size_t index) : layer_(layer), index_(index) {}

  void run(const ImageShape& in) {
    layer_.in = in;
    keys();
    window();
    output();
    const ImageShape& out = layer_.out;
    if (out.elements() > kMaxElements || layer_.weight_elements() > kMaxElements)
      fail("type", fmt::format("a tensor of this layer has more than {} elements", kMaxElements));
    if (layer_.kind == LayerKind::fc && in.elements() > kMaxDimension)
      fail("type", fmt::format("an FC layer with {} inputs; at most {}", in.elements(), kMaxDimension));
  }

  [[noreturn]] void fail(const char* key, const std::string& message) const {
    throw ConfigRule(fmt::format("layers.{}.{}", index_, key), message);
  }

 private:
  void keys() const {
    if (layer_.has_weights() && layer_.channels == 0)
      fail("type", fmt::format("a {} layer needs `channels`", name_of(layer_.kind)));
    if (!layer_.has_weights() && layer_.channels != 0) refuse("channels");
    if (!layer_.has_weights() && !layer_.bias) refuse("bias");
    if (layer_.has_window() && layer_.kernel.empty())
      fail("type", fmt::format("a {} layer needs `kernel`", name_of(layer_.kind)));
    if (layer_.has_window()) return;
    if (!layer_.kernel.empty()) refuse("kernel");
    if (!layer_.stride.empty()) refuse("stride");
    if (!layer_.pad.empty()) refuse("pad");
  }
  [[noreturn]] void refuse(const char* key) const {
    fail(key, fmt::format("a {} layer has no such key", name_of(layer_.kind)));
  }

  void window() {
    if (!layer_.has_window()) return;
    pair(layer_.kernel, layer_.kernel_h, layer_.kernel_w);
    if (layer_.kind != LayerKind::conv) {
      layer_.stride_h = layer_.kernel_h;
      layer_.stride_w = layer_.kernel_w;
    }
    pair(layer_.stride, layer_.stride_h, layer_.stride_w);
    pair(layer_.pad, layer_.pad_h, layer_.pad_w);
    if (layer_.pad_h >= layer_.kernel_h || layer_.pad_w >= layer_.kernel_w)
      fail("pad", fmt::format("must be below the kernel ({} x {})", layer_.kernel_h, layer_.kernel_w));
    if (layer_.in.h + 2 * layer_.pad_h < layer_.kernel_h || layer_.in.w + 2 * layer_.pad_w < layer_.kernel_w)
      fail("kernel", fmt::format("{} x {} does not fit the input of {} x {} with padding {}, {}", layer_.kernel_h,
                                 layer_.kernel_w, layer_.in.h, layer_.in.w, layer_.pad_h, layer_.pad_w));
    if (layer_.kind == LayerKind::maxpool && uint64_t{layer_.kernel_h} * layer_.kernel_w > 256)
      fail("kernel", "more than 256 places; the index of a maximum is one byte");
  }
  static void pair(const std::vector<uint32_t>& values, uint32_t& h, uint32_t& w) {
    if (values.empty()) return;
    h = values.front();
    w = values.back();
  }

  void output() {
    const ImageShape& in = layer_.in;
    switch (layer_.kind) {
      case LayerKind::fc:
        layer_.out = {layer_.channels, 1, 1};
        return;
      case LayerKind::relu:
        layer_.out = in;
        return;
      case LayerKind::globalpool:
        layer_.out = {in.c, 1, 1};
        return;
      case LayerKind::conv:
      case LayerKind::maxpool:
      case LayerKind::avgpool:
        layer_.out = {layer_.kind == LayerKind::conv ? layer_.channels : in.c,
                      (in.h + 2 * layer_.pad_h - layer_.kernel_h) / layer_.stride_h + 1,
                      (in.w + 2 * layer_.pad_w - layer_.kernel_w) / layer_.stride_w + 1};
        return;
    }
  }

  NetLayer& layer_;
  size_t index_;
};

bool good_name(const std::string& name) {
  if (name.empty() || name.size() > kLongestLayerName) return false;
  for (const char c : name)
    if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' && c != '.')
      return false;
  return true;
}

}  // namespace

const char* name_of(LayerKind kind) {
  switch (kind) {
    case LayerKind::conv:
      return "conv";
    case LayerKind::fc:
      return "fc";
    case LayerKind::relu:
      return "relu";
    case LayerKind::maxpool:
      return "maxpool";
    case LayerKind::avgpool:
      return "avgpool";
    case LayerKind::globalpool:
      return "globalpool";
  }
  BB_CHECK(false, "kind {}", static_cast<int>(kind));
}

uint64_t NetLayer::fan_in() const {
  if (kind == LayerKind::conv) return uint64_t{in.c} * kernel_h * kernel_w;
  return kind == LayerKind::fc ? in.elements() : 0;
}

std::vector<uint64_t> NetLayer::weight_shape() const {
  BB_CHECK(has_weights(), "{}", name);
  if (kind == LayerKind::conv) return {channels, in.c, kernel_h, kernel_w};
  return {channels, in.elements(), 1, 1};
}

uint64_t NetLayer::macs() const {
  return weight_elements() * out.h * out.w;
}

uint64_t Network::parameters() const {
  uint64_t sum = 0;
  for (const NetLayer& layer : layers)
    sum += layer.weight_elements() + (layer.has_weights() && layer.bias ? layer.channels : 0);
  return sum;
}

uint64_t Network::macs() const {
  uint64_t sum = 0;
  for (const NetLayer& layer : layers) sum += layer.macs();
  return sum;
}

void Network::check() {
  if (layers.empty()) throw ConfigRule("layers", "a network needs at least one layer");
  ImageShape shape = input_shape();
  if (shape.elements() > kMaxElements) throw ConfigRule("input", "an image is too large");
  std::set<std::string> names{"loss", "input"};
  uint32_t numbers[6] = {};
  for (size_t i = 0; i < layers.size(); ++i) {
    NetLayer& layer = layers[i];
    LayerChecker checker(layer, i);
    checker.run(shape);
    shape = layer.out;
    const uint32_t number = ++numbers[static_cast<size_t>(layer.kind)];
    if (layer.name.empty()) layer.name = fmt::format("{}{}", name_of(layer.kind), number);
    if (!good_name(layer.name))
      checker.fail("name",
                   fmt::format("'{}' must be 1 to {} letters, digits, '_' or '.'", layer.name, kLongestLayerName));
    if (!names.insert(layer.name).second) checker.fail("name", fmt::format("'{}' is taken", layer.name));
  }
  LayerChecker last(layers.back(), layers.size() - 1);
  if (shape.h != 1 || shape.w != 1)
    last.fail("type", fmt::format("the last layer must end in {{classes}} x 1 x 1, this one in {} x {} x {}", shape.c,
                                  shape.h, shape.w));
  if (shape.c < 2 || shape.c > kMaxClasses)
    last.fail("type", fmt::format("{} classes; must be 2 to {}", shape.c, kMaxClasses));
}

}  // namespace backboard
