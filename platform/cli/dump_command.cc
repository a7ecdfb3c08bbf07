// backboard dump FILE [--weights OUT.npz] [--network OUT.yaml] [--model NET.onnx|NET.yaml --onnx OUT.onnx]: what a
// plan, data file, weight file, model or flash image holds.
#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <memory>
#include <optional>

#include "drivers/plan/data_format.h"
#include "drivers/plan/plan_format.h"
#include "platform/check/input_error.h"
#include "platform/cli/commands.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "sw/checkpoint/checkpoint.h"
#include "sw/file/file.h"
#include "sw/onnx/export.h"
#include "sw/onnx/import.h"
#include "sw/onnx/write.h"
#include "sw/pack/pack.h"
#include "sw/plan/plan.h"

namespace backboard {
namespace {

struct DumpOptions {
  std::string file, weights, network, model, onnx;
};

std::string describe_array(const std::string& name, const Array& array) {
  double least = 0, most = 0, sum = 0;
  for (uint64_t i = 0; i < array.elements(); ++i) {
    const double value = array.at(i);
    least = i == 0 ? value : std::min(least, value);
    most = i == 0 ? value : std::max(most, value);
    sum += value;
  }
  const double count = static_cast<double>(array.elements());
  return fmt::format("{:<24} {:<8} {:<20} from {:.6g} to {:.6g}, mean {:.6g}\n", name, name_of(array.type),
                     array.shape_text(), least, most, array.elements() == 0 ? 0.0 : sum / count);
}

std::string describe_arrays(const Arrays& arrays) {
  std::string text;
  for (const auto& [name, array] : arrays) text += describe_array(name, array);
  return text;
}

// What was found in a file: its text, and the weights it holds, if any.
struct Contents {
  std::string text;
  std::optional<Arrays> weights;
  std::string network = {};  ///< description, YAML
};

// The board's flash is a power of two; its file ends with the last byte that is not erased.
Contents flash_contents(std::vector<uint8_t> bytes, const std::string& file) {
  bytes.resize(std::bit_ceil(bytes.size()), 0xFF);
  CheckpointSlots slots = read_checkpoints(bytes, file);
  Contents contents{dump_checkpoints(slots), {}};
  const int newest = newest_checkpoint(slots);
  if (newest >= 0) contents.weights = std::move(slots[newest].checkpoint->parameters);
  return contents;
}

std::string describe_network(const Network& network) {
  const auto shape = [](const ImageShape& s) { return fmt::format("{} x {} x {}", s.c, s.h, s.w); };
  std::string text =
      fmt::format("network {}: images {}, {} layers, {} parameters, {} MAC an image\n", network.name,
                  shape(network.input_shape()), network.layers.size(), network.parameters(), network.macs());
  for (const NetLayer& layer : network.layers) {
    std::string reads;
    for (const int source : layer.sources)
      reads += (reads.empty() ? "" : ", ") + (source == kImages ? kImagesName : network.layers[source].name);
    text += fmt::format("{:<14} {:<12} {:<18} reads {}\n", layer.name, name_of(layer.kind), shape(layer.out), reads);
  }
  return text;
}

Contents model_contents(const std::string& file) {
  OnnxNetwork model = import_onnx(file);
  std::string network = dump_config(model.network);
  std::string text = describe_network(model.network) + describe_arrays(model.weights);
  for (const std::string& note : model.notes) text += note + "\n";
  return {std::move(text), std::move(model.weights), std::move(network)};
}

Contents contents_of(const std::string& file) {
  if (is_onnx_path(file)) return model_contents(file);
  const std::vector<uint8_t> bytes = read_file(file);
  uint32_t magic = 0;
  if (bytes.size() >= sizeof magic) std::memcpy(&magic, bytes.data(), sizeof magic);
  if (magic == PLAN_MAGIC) {
    const Plan plan = parse_plan(bytes, file);
    return {dump_plan(plan), weights_of_plan(plan)};
  }
  if (magic == DATA_MAGIC) return {describe_data(parse_data(bytes, file)), {}};
  if (magic == 0x04034b50u) {  // a zip archive
    Arrays arrays = read_npz(file);
    std::string text = describe_arrays(arrays);
    return {std::move(text), std::move(arrays)};
  }
  if (magic == 0x4d554e93u) return {describe_array("array", parse_npy(bytes, file)), {}};
  return flash_contents(bytes, file);
}

// The network in `path`, a model or a description, as a model with `weights`.
std::vector<uint8_t> model_bytes(const std::string& path, const Arrays& weights, const std::string& weights_file) {
  return is_onnx_path(path) ? export_onnx(read_file(path), path, weights, weights_file)
                            : write_onnx(load_network(path), weights, weights_file);
}

int dump(const DumpOptions& options) {
  const Contents contents = contents_of(options.file);
  fmt::print("{}", contents.text);
  const bool wants_weights = !options.weights.empty() || !options.onnx.empty();
  if (wants_weights && !contents.weights) throw InputError(options.file + ": holds no weights");
  if (!options.network.empty() && contents.network.empty()) throw InputError(options.file + ": is no model (.onnx)");
  if (!options.weights.empty()) write_npz(options.weights, *contents.weights);
  if (!options.network.empty()) write_file_atomically(options.network, std::string_view(contents.network));
  if (!options.onnx.empty())
    write_file_atomically(options.onnx, model_bytes(options.model, *contents.weights, options.file));
  return kExitPassed;
}

}  // namespace

CommandAction declare_dump(CLI::App& app) {
  auto options = std::make_shared<DumpOptions>();
  app.add_option("FILE", options->file,
                 "Plan, data file, .npz, .npy, model (.onnx), or image of the flash with checkpoints")
      ->required();
  app.add_option("--weights", options->weights,
                 "Write the weights that it holds as .npz (flash: the newest checkpoint)");
  app.add_option("--network", options->network, "Of a model: write the network as a description (YAML)");
  CLI::Option* model = app.add_option("--model", options->model,
                                      "Network that the weights belong to: a model (.onnx) or a description (YAML)");
  CLI::Option* onnx =
      app.add_option("--onnx", options->onnx, "Write that network as a model with the weights that FILE holds");
  model->needs(onnx);
  onnx->needs(model);
  return [options] { return dump(*options); };
}

}  // namespace backboard
