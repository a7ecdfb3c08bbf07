#include "tests/system/net_s_trainer.h"

#include <catch2/catch.hpp>

#include "sw/npz/npz.h"

namespace backboard::test {
namespace {

/// The array behind the parameters' own zeros: all of it but for a head that is to grow.
void copy_rows(const Array& from, std::vector<double>& to, bool may_grow) {
  REQUIRE((may_grow ? from.elements() <= to.size() : from.elements() == to.size()));
  for (size_t i = 0; i < from.elements(); ++i) to[i] = from.at(i);
}

}  // namespace

const std::vector<std::pair<size_t, std::string>>& net_s_layers() {
  static const std::vector<std::pair<size_t, std::string>> layers = {
      {0, "conv1"}, {3, "conv2"}, {6, "conv3"}, {9, "fc1"}, {11, "fc2"}};
  return layers;
}

Trainer net_s_from(const std::string& weights_file) {
  const Arrays weights = read_npz(weights_file);
  Trainer trainer({1, 28, 28}, net_s());
  for (const auto& [index, name] : net_s_layers()) {
    const bool head = name == "fc2";
    copy_rows(weights.at(name + ".weight"), trainer.parameters(index).weights, head);
    copy_rows(weights.at(name + ".bias"), trainer.parameters(index).bias, head);
  }
  return trainer;
}

std::vector<double> images_of(const DataSet& data) {
  std::vector<double> images(data.images.begin(), data.images.end());
  for (double& value : images) value *= static_cast<double>(data.scale);
  return images;
}

}  // namespace backboard::test
