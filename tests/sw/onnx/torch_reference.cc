#include "tests/sw/onnx/torch_reference.h"

#include <onnx/onnx_pb.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "platform/check/read_file.h"
#include "sw/plan/compiler.h"

namespace backboard::sw_test {
namespace {

std::vector<double> doubles(const Array& array) {
  std::vector<double> values(array.elements());
  for (uint64_t i = 0; i < values.size(); ++i) values[i] = array.at(i);
  return values;
}

std::string data_path(const std::string& name) {
  return std::string(BACKBOARD_TEST_DATA) + "/" + name;
}

/// The parameters of `formula` in export_networks.py.
std::vector<float> formula(const std::string& name, const std::vector<int64_t>& shape) {
  uint64_t elements = 1, fan_in = 1;
  for (size_t i = 0; i < shape.size(); ++i) {
    elements *= static_cast<uint64_t>(shape[i]);
    if (i > 0) fan_in *= static_cast<uint64_t>(shape[i]);
  }
  const auto seed =
      static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(name.data()), static_cast<uInt>(name.size())));
  const auto ends = [&](const char* suffix) { return name.ends_with(suffix); };
  const double scale = std::sqrt(6.0 / static_cast<double>(fan_in));
  std::vector<float> values(elements);
  for (uint64_t i = 0; i < elements; ++i) {
    auto x = static_cast<uint32_t>(i * 2654435761u + seed);
    x = (x ^ (x >> 16)) * 0x85EBCA6Bu;
    x = (x ^ (x >> 13)) * 0xC2B2AE35u;
    x ^= x >> 16;
    const double u = x / 2147483648.0 - 1.0;
    const double value = shape.size() > 1       ? u * scale
                         : ends("running_var")  ? 0.75 + 0.25 * u
                         : ends("running_mean") ? 0.125 * u
                         : ends("weight")       ? 1 + 0.25 * u
                                                : 0.25 * u;
    values[i] = static_cast<float>(value);
  }
  return values;
}

/// The model with the parameters that the file leaves out.
std::vector<uint8_t> filled(std::vector<uint8_t> bytes) {
  onnx::ModelProto model;
  REQUIRE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  bool changed = false;
  for (onnx::TensorProto& tensor : *model.mutable_graph()->mutable_initializer()) {
    if (tensor.data_type() != onnx::TensorProto::FLOAT || tensor.has_raw_data() || tensor.float_data_size() > 0)
      continue;
    const std::vector<float> values = formula(tensor.name(), {tensor.dims().begin(), tensor.dims().end()});
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    changed = true;
  }
  if (!changed) return bytes;
  bytes.resize(model.ByteSizeLong());
  REQUIRE(model.SerializeToArray(bytes.data(), static_cast<int>(bytes.size())));
  return bytes;
}

/// Largest difference over largest magnitude.
double difference(const std::vector<double>& expected, const std::vector<double>& actual) {
  REQUIRE(expected.size() == actual.size());
  double largest = 0, most = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::fabs(expected[i]));
    const double here = std::fabs(expected[i] - actual[i]);
    most = here > most || std::isnan(here) ? here : most;
  }
  return most / largest;
}

/// The trainer with dropout that keeps everything, as in export_networks.py.
test::GraphTrainer trainer_of(const Exported& e) {
  test::GraphTrainer trainer = graph_trainer(e.model.network, e.model.weights);
  for (size_t i = 0; i < e.model.network.layers.size(); ++i)
    if (e.model.network.layers[i].kind == LayerKind::dropout)
      trainer.ops()[i].keep.assign(e.labels.size() * e.model.network.layers[i].out.elements(), 1.0);
  return trainer;
}

}  // namespace

Exported exported(const std::string& name) {
  const std::string path = data_path(name);
  Exported e;
  e.bytes = filled(read_file(path + ".onnx"));
  e.model = parse_onnx(e.bytes, path + ".onnx");
  const Arrays arrays = read_npz(path + ".npz");
  e.inference = doubles(arrays.at("inference"));
  e.training = doubles(arrays.at("training"));
  e.losses = doubles(arrays.at("losses"));
  e.after = doubles(arrays.at("after"));
  for (const uint8_t label : arrays.at("labels").bytes) e.labels.push_back(label);
  if (arrays.contains("rate")) e.rate = arrays.at("rate").at(0);
  const std::vector<uint8_t>& pixels = arrays.at("pixels").bytes;
  const ImageShape shape = e.model.network.input_shape();
  e.images = test::Maps(e.labels.size(), shape.c, shape.h, shape.w);
  REQUIRE(e.images.v.size() == pixels.size());
  for (size_t i = 0; i < pixels.size(); ++i) e.images.v[i] = pixels[i] / 255.0;
  return e;
}

void check_double(const std::string& name) {
  const Exported e = exported(name);
  test::GraphTrainer trainer = trainer_of(e);
  const size_t last = trainer.ops().size() - 1;
  trainer.forward(e.images, e.labels, false);
  CHECK(difference(e.inference, trainer.output(last).v) < 1e-9);
  trainer.forward(e.images, e.labels, true);
  CHECK(difference(e.training, trainer.output(last).v) < 1e-9);
  REQUIRE(e.losses.size() == 10);
  for (const double loss : e.losses) {
    const double sum = trainer.step(e.images, e.labels, {.learning_rate = e.rate});
    CHECK(sum / static_cast<double>(e.labels.size()) == Approx(loss).epsilon(1e-9));
  }
  trainer.forward(e.images, e.labels, false);
  CHECK(difference(e.after, trainer.output(last).v) < 1e-9);
}

Arrays check_reference(const std::string& name, uint32_t arena_bytes) {
  Exported e = exported(name);
  for (NetLayer& layer : e.model.network.layers)
    if (layer.kind == LayerKind::dropout) layer.rate = 0.0;
  e.model.network.check();
  const auto images = static_cast<uint32_t>(e.labels.size());
  PackSpec spec;
  spec.images = data_path(name) + ".npz:pixels";
  spec.labels = data_path(name) + ".npz:labels";
  PlanOptions options;
  options.batch = images;
  options.arena_base = kArenaAddress;
  options.arena_bytes = arena_bytes;
  npu::NpuConfig config;
  config.engine = "reference";
  PlanPlayer play(
      config,
      parse_plan(compile_plan(e.model.network, options,
                              plan_target("reference", static_cast<uint32_t>(config.buffer_bytes)), e.model.weights),
                 name),
      pack_data(spec));
  std::vector<uint32_t> batch;
  for (uint32_t i = 0; i < images; ++i) batch.push_back(i);
  const std::string logits = e.model.network.layers.back().name + ".y";
  const auto now = [&] {
    const std::vector<float> values = play.values(logits);
    return std::vector<double>(values.begin(), values.end());
  };
  play.evaluate(batch, sgd(0.0f));
  CHECK(difference(e.inference, now()) < 1e-4);
  for (const double expected : e.losses) {
    const npu_loss_record loss = play.train(batch, sgd(static_cast<float>(e.rate)));
    CHECK(loss.loss_sum / images == Approx(expected).epsilon(1e-4));
  }
  play.evaluate(batch, sgd(0.0f));
  CHECK(difference(e.after, now()) < 1e-4);
  return play.weights();
}

}  // namespace backboard::sw_test
