#include "sw/net/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "platform/check/check.h"

namespace backboard {

namespace {

constexpr uint64_t kMaxElements = uint64_t{1} << 28;
constexpr uint32_t kMaxDimension = 65535;
constexpr uint32_t kMaxClasses = 65535;

/// Throws what is wrong with one layer, under its place in the file.
class LayerChecker {
 public:
  LayerChecker(NetLayer& layer, size_t index) : layer_(layer), index_(index) {}

  /// `layer.ins` is known.
  void run() {
    layer_.in = layer_.ins.front();
    keys();
    window();
    inputs();
    output();
    const ImageShape& out = layer_.out;
    if (out.elements() > kMaxElements || layer_.weight_elements() > kMaxElements)
      fail("type", fmt::format("a tensor of this layer has more than {} elements", kMaxElements));
    if (out.c > kMaxDimension || out.h > kMaxDimension || out.w > kMaxDimension)
      fail("type", fmt::format("a dimension of {} x {} x {} is above {}", out.c, out.h, out.w, kMaxDimension));
    if (layer_.kind == LayerKind::fc && layer_.in.elements() > kMaxDimension)
      fail("type", fmt::format("an FC layer with {} inputs; at most {}", layer_.in.elements(), kMaxDimension));
  }

  [[noreturn]] void fail(const char* key, const std::string& message) const {
    throw ConfigRule(fmt::format("layers.{}.{}", index_, key), message);
  }

 private:
  void keys() const {
    const NetLayer standard;
    const bool has_kernel = layer_.has_key(kKeyWindow) || layer_.has_key(kKeyKernel);
    if (layer_.has_key(kKeyChannels) && layer_.channels == 0)
      fail("type", fmt::format("a {} layer needs `channels`", name_of(layer_.kind)));
    if (has_kernel && layer_.kernel.empty())
      fail("type", fmt::format("a {} layer needs `kernel`", name_of(layer_.kind)));
    refuse(kKeyChannels, "channels", layer_.channels != 0);
    refuse(kKeyBias, "bias", !layer_.bias);
    if (!has_kernel && !layer_.kernel.empty()) refuse("kernel");
    refuse(kKeyWindow, "stride", !layer_.stride.empty());
    refuse(kKeyWindow, "pad", !layer_.pad.empty());
    refuse(kKeyCeil, "ceil", layer_.ceil);
    refuse(kKeyCountPad, "count_include_pad", !layer_.count_include_pad);
    refuse(kKeyGroups, "dilation", !layer_.dilation.empty());
    refuse(kKeyGroups, "groups", layer_.groups != 1);
    refuse(kKeyNorm, "epsilon", layer_.epsilon != standard.epsilon);
    refuse(kKeyNorm, "momentum", layer_.momentum != standard.momentum);
    refuse(kKeyNorm, "affine", layer_.affine != standard.affine);
    refuse(kKeyNorm, "moments", layer_.moments != standard.moments);
    refuse(kKeySlope, "slope", layer_.slope != standard.slope);
    refuse(kKeyRate, "rate", layer_.rate != standard.rate);
  }
  void refuse(LayerKey owner, const char* key, bool given) const {
    if (given && !layer_.has_key(owner)) refuse(key);
  }
  [[noreturn]] void refuse(const char* key) const {
    fail(key, fmt::format("a {} layer has no such key", name_of(layer_.kind)));
  }

  void window() {
    pair(layer_.kernel, layer_.kernel_h, layer_.kernel_w);
    if (!layer_.has_window()) return;
    const bool conv = layer_.kind == LayerKind::conv;
    layer_.stride_h = conv ? 1 : layer_.kernel_h;
    layer_.stride_w = conv ? 1 : layer_.kernel_w;
    pair(layer_.stride, layer_.stride_h, layer_.stride_w);
    padding();
    pair(layer_.dilation, layer_.dilation_h, layer_.dilation_w);
    if (layer_.pad_h >= reach_h() || layer_.pad_w >= reach_w())
      fail("pad", fmt::format("must be below the kernel ({} x {})", reach_h(), reach_w()));
    if (padded_h() < reach_h() || padded_w() < reach_w())
      fail("kernel", fmt::format("{} x {} does not fit the input of {} x {}, {} x {} with padding", reach_h(),
                                 reach_w(), layer_.in.h, layer_.in.w, padded_h(), padded_w()));
    // A window that is all there is has nowhere to go; engines have a largest stride.
    if (padded_h() == reach_h()) layer_.stride_h = 1;
    if (padded_w() == reach_w()) layer_.stride_w = 1;
    if (layer_.kind == LayerKind::maxpool && uint64_t{layer_.kernel_h} * layer_.kernel_w > 256)
      fail("kernel", "more than 256 places; the index of a maximum is one byte");
    if (conv && (layer_.in.c % layer_.groups != 0 || layer_.channels % layer_.groups != 0))
      fail("groups",
           fmt::format("{} does not divide {} inputs and {} outputs", layer_.groups, layer_.in.c, layer_.channels));
  }
  /// One number, rows and columns, or of a convolution top, left, bottom, right.
  void padding() {
    const std::vector<uint32_t>& pad = layer_.pad;
    if (pad.size() < 3) return pair(pad, layer_.pad_h, layer_.pad_w);
    if (pad.size() == 3) fail("pad", "must be one number, two (rows, columns) or four (top, left, bottom, right)");
    layer_.pad_h = pad[0];
    layer_.pad_w = pad[1];
    layer_.pad_more_h = static_cast<int32_t>(pad[2]) - static_cast<int32_t>(pad[0]);
    layer_.pad_more_w = static_cast<int32_t>(pad[3]) - static_cast<int32_t>(pad[1]);
    if (layer_.kind != LayerKind::conv && (layer_.pad_more_h != 0 || layer_.pad_more_w != 0))
      fail("pad", "only a convolution may have more on one side than on the other");
    if (std::abs(layer_.pad_more_h) > 127 || std::abs(layer_.pad_more_w) > 127)
      fail("pad", "two sides differ by more than 127");
    if (pad[2] >= reach_h() || pad[3] >= reach_w())
      fail("pad", fmt::format("must be below the kernel ({} x {})", reach_h(), reach_w()));
  }
  static void pair(const std::vector<uint32_t>& values, uint32_t& h, uint32_t& w) {
    if (values.empty()) return;
    h = values.front();
    w = values.back();
  }
  /// Windows along one axis: those that fit, and with `ceil` one that is cut off, if it starts before the padding of
  /// that end.
  uint32_t windows(uint32_t size, uint32_t padded, uint32_t pad, uint32_t reach, uint32_t stride) const {
    const uint32_t room = padded - reach, fit = room / stride + 1;
    return fit + (layer_.ceil && room % stride != 0 && fit * stride < size + pad ? 1 : 0);
  }
  /// Rows and columns with padding on both sides.
  uint32_t padded_h() const { return layer_.in.h + 2 * layer_.pad_h + static_cast<uint32_t>(layer_.pad_more_h); }
  uint32_t padded_w() const { return layer_.in.w + 2 * layer_.pad_w + static_cast<uint32_t>(layer_.pad_more_w); }
  /// Rows and columns from the first tap of the window to its last.
  uint32_t reach_h() const { return layer_.dilation_h * (layer_.kernel_h - 1) + 1; }
  uint32_t reach_w() const { return layer_.dilation_w * (layer_.kernel_w - 1) + 1; }

  void inputs() const {
    if (layer_.ins.size() < 2) return;
    const ImageShape &a = layer_.ins[0], &b = layer_.ins[1];
    const bool rows_fit = a.h == b.h && a.w == b.w;
    if (rows_fit && (layer_.kind == LayerKind::concat || a.c == b.c)) return;
    fail("inputs", fmt::format("{} x {} x {} and {} x {} x {} do not fit", a.c, a.h, a.w, b.c, b.h, b.w));
  }

  void output() {
    const ImageShape& in = layer_.in;
    switch (layer_.kind) {
      case LayerKind::fc:
        layer_.out = {layer_.channels, 1, 1};
        return;
      case LayerKind::batchnorm:
      case LayerKind::relu:
      case LayerKind::relu6:
      case LayerKind::leakyrelu:
      case LayerKind::sigmoid:
      case LayerKind::tanh:
      case LayerKind::gelu:
      case LayerKind::add:
      case LayerKind::dropout:
        layer_.out = in;
        return;
      case LayerKind::concat:
        layer_.out = {in.c + layer_.ins[1].c, in.h, in.w};
        return;
      case LayerKind::globalpool:
        layer_.out = {in.c, 1, 1};
        return;
      case LayerKind::upsample:
        layer_.out = {in.c, in.h * layer_.kernel_h, in.w * layer_.kernel_w};
        return;
      case LayerKind::conv:
      case LayerKind::maxpool:
      case LayerKind::avgpool:
        layer_.out = {layer_.kind == LayerKind::conv ? layer_.channels : in.c,
                      windows(in.h, padded_h(), layer_.pad_h, reach_h(), layer_.stride_h),
                      windows(in.w, padded_w(), layer_.pad_w, reach_w(), layer_.stride_w)};
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

/// Layers by name, those above the one at hand.
class Names {
 public:
  /// Gives the layer its name if it has none.
  void add(NetLayer& layer, size_t index, const LayerChecker& checker) {
    const uint32_t number = ++numbers_[layer.kind];
    if (layer.name.empty()) layer.name = fmt::format("{}{}", name_of(layer.kind), number);
    if (!good_name(layer.name))
      checker.fail("name",
                   fmt::format("'{}' must be 1 to {} letters, digits, '_' or '.'", layer.name, kLongestLayerName));
    if (!index_.emplace(layer.name, static_cast<int>(index)).second)
      checker.fail("name", fmt::format("'{}' is taken", layer.name));
  }

  std::vector<int> sources(const NetLayer& layer, size_t index, const LayerChecker& checker) const {
    const LayerKindRow& row = row_of(layer.kind);
    const size_t given = layer.inputs.empty() ? 1 : layer.inputs.size();
    if (given < row.fewest_inputs || given > row.most_inputs)
      checker.fail(layer.inputs.empty() ? "type" : "inputs",
                   fmt::format("a {} layer reads {} layers, here {}", row.name, row.fewest_inputs, given));
    if (layer.inputs.empty()) return {static_cast<int>(index) - 1};
    std::vector<int> sources;
    for (const std::string& name : layer.inputs) {
      const auto found = index_.find(name);
      if (found == index_.end() || name == kLossName)
        checker.fail("inputs", fmt::format("no layer above is called '{}'", name));
      sources.push_back(found->second);
    }
    return sources;
  }

 private:
  static constexpr const char* kLossName = "loss";  ///< of reports
  std::map<std::string, int> index_{{kImagesName, kImages}, {kLossName, kImages}};
  std::map<LayerKind, uint32_t> numbers_;
};

}  // namespace

void check_layer(NetLayer& layer, size_t index) {
  LayerChecker(layer, index).run();
}

uint64_t Network::parameters() const {
  uint64_t sum = 0;
  for (const NetLayer& layer : layers) {
    for (const LayerArray& array : layer.arrays()) {
      uint64_t elements = array.trains ? 1 : 0;
      for (const uint64_t dimension : array.shape) elements *= dimension;
      sum += elements;
    }
  }
  return sum;
}

uint64_t Network::macs() const {
  uint64_t sum = 0;
  for (const NetLayer& layer : layers) sum += layer.macs();
  return sum;
}

std::vector<size_t> Network::readers(int index) const {
  std::vector<size_t> readers;
  for (size_t i = 0; i < layers.size(); ++i)
    for (const int source : layers[i].sources)
      if (source == index) readers.push_back(i);
  return readers;
}

void Network::check() {
  if (layers.empty()) throw ConfigRule("layers", "a network needs at least one layer");
  if (input_shape().elements() > kMaxElements) throw ConfigRule("input", "an image is too large");
  Names names;
  std::vector<bool> read(layers.size(), false);
  for (size_t i = 0; i < layers.size(); ++i) {
    NetLayer& layer = layers[i];
    LayerChecker checker(layer, i);
    layer.sources = names.sources(layer, i, checker);
    layer.ins.clear();
    for (const int source : layer.sources) {
      layer.ins.push_back(source == kImages ? input_shape() : layers[source].out);
      if (source != kImages) read[source] = true;
    }
    checker.run();
    names.add(layer, i, checker);
  }
  for (size_t i = 0; i + 1 < layers.size(); ++i)
    if (!read[i]) LayerChecker(layers[i], i).fail("type", fmt::format("no layer reads '{}'", layers[i].name));
  const ImageShape& shape = layers.back().out;
  LayerChecker last(layers.back(), layers.size() - 1);
  if (shape.h != 1 || shape.w != 1)
    last.fail("type", fmt::format("the last layer must end in {{classes}} x 1 x 1, this one in {} x {} x {}", shape.c,
                                  shape.h, shape.w));
  if (shape.c < 2 || shape.c > kMaxClasses)
    last.fail("type", fmt::format("{} classes; must be 2 to {}", shape.c, kMaxClasses));
}

}  // namespace backboard
