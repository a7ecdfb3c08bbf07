#include "sw/onnx/arrays.h"

#include <set>

#include "platform/check/input_error.h"

namespace backboard {

void check_arrays(const Network& network, const Arrays& given, const std::string& file) {
  std::set<std::string> known;
  for (const NetLayer& layer : network.layers) {
    for (const LayerArray& array : layer.arrays()) {
      const std::string name = layer.name + "." + array.suffix;
      known.insert(name);
      const auto found = given.find(name);
      if (found == given.end()) throw InputError(fmt::format("{}: no array '{}'", file, name));
      std::vector<uint64_t> shape = found->second.shape;
      if (layer.kind == LayerKind::fc && shape.size() == 2 && array.shape.size() == 4)
        shape.insert(shape.end(), {1, 1});
      Array wanted;
      wanted.shape = array.shape;
      if (shape != array.shape)
        throw InputError(fmt::format("{}: '{}' is {}, the network wants {}", file, name, found->second.shape_text(),
                                     wanted.shape_text()));
    }
  }
  for (const auto& [name, array] : given)
    if (!known.contains(name)) throw InputError(fmt::format("{}: '{}' is no array of the network", file, name));
}

}  // namespace backboard
