#include "tests/npu/training/training_program.h"

#include <algorithm>
#include <cstring>

#include "npu/codec/block_geometry.h"
#include "npu/numerics/rounding.h"
#include "platform/check/check.h"

namespace backboard::test {

using npu::Command;
using npu::Opcode;
using npu::TensorFormat;

namespace {

bool multiplies(const LayerSpec& spec) {
  return spec.kind == LayerKind::convolution || spec.kind == LayerKind::fully_connected;
}

void set_tensor(Command& command, unsigned slot, uint32_t address) {
  uint32_t* const fields[] = {&command.tensor0, &command.tensor1, &command.tensor2,
                              &command.tensor3, &command.tensor4, &command.tensor5};
  *fields[slot] = address;
}

}  // namespace

TrainingProgram::TrainingProgram(std::span<uint8_t> memory, uint32_t base, ImageSize input,
                                 std::vector<LayerSpec> layers, const ProgramOptions& options)
    : memory_(memory), base_(base), options_(options), layers_(std::move(layers)) {
  const Trainer shapes(input, layers_);
  for (size_t layer = 0; layer <= layers_.size(); ++layer) sizes_.push_back(shapes.size_before(layer));
  const auto rows = static_cast<uint32_t>(input.h), columns = static_cast<uint32_t>(input.w);
  pixels_ =
      place({options.images, static_cast<uint32_t>(input.c), rows, columns}, TensorFormat::kU8, TensorClass::kINPUT);
  pixels_.descriptor.scale = options.pixel_scale;
  npu::write_descriptor(pixels_.descriptor, at(pixels_.address));
  labels_ = place({options.batch, 1, 1, 1}, TensorFormat::kU8, TensorClass::kLABEL);
  gather_ = allocate(4 * options.batch);
  hyper_ = allocate(sizeof(npu_hyper));
  loss_ = allocate(sizeof(npu_loss_record));
  make_parameters();
  const Place logits = forward();
  const Place error = like(logits);
  loss_command(logits, error);
  backward(error);
}

uint32_t TrainingProgram::allocate(uint64_t bytes, uint32_t alignment) {
  const uint64_t first = (uint64_t{used_} + alignment - 1) / alignment * alignment;
  BB_CHECK(first + bytes <= memory_.size(), "{} bytes are not enough for the program", memory_.size());
  used_ = static_cast<uint32_t>(first + bytes);
  return base_ + static_cast<uint32_t>(first);
}

uint8_t* TrainingProgram::at(uint32_t address) const {
  return memory_.data() + (address - base_);
}

TrainingProgram::Place TrainingProgram::place(Shape shape, TensorFormat format, TensorClass tensor_class,
                                              float threshold) {
  Place tensor;
  npu::Descriptor& d = tensor.descriptor;
  d.shape_n = shape.n;
  d.shape_c = shape.c;
  d.shape_h = shape.h;
  d.shape_w = shape.w;
  d.format = static_cast<uint8_t>(format);
  d.tensor_class = static_cast<uint8_t>(tensor_class);
  d.scale = 1.0f;
  if (npu::is_coded(format)) {
    const auto geometry = npu::BlockGeometry::choose(shape);
    d.block_channels = static_cast<uint16_t>(geometry.block_channels);
    d.block_rows = static_cast<uint16_t>(geometry.block_rows);
    d.size_bytes = static_cast<uint32_t>(geometry.tensor_bytes(format));
    d.metadata = allocate(geometry.directory_bytes());
    if (format == TensorFormat::kFGMP) d.threshold = threshold;
  } else {
    d.size_bytes = static_cast<uint32_t>(shape.elements() * npu::dense_bytes(format));
  }
  d.address = allocate(d.size_bytes);
  tensor.address = allocate(npu::kDescriptorBytes);
  npu::write_descriptor(d, at(tensor.address));
  return tensor;
}

/// The same bytes, or blocks, as (n, c*h*w, 1, 1).
TrainingProgram::Place TrainingProgram::flat(const Place& tensor) {
  Place result = tensor;
  npu::Descriptor& d = result.descriptor;
  const uint32_t pixels = d.shape_h * d.shape_w;
  if (pixels == 1) return tensor;
  if (d.block_rows != 0) {
    BB_CHECK(d.block_rows == d.shape_h, "a block of part of a channel has no flat view");
    d.block_channels = static_cast<uint16_t>(d.block_channels * pixels);
    d.block_rows = 1;
  }
  d.shape_c *= pixels;
  d.shape_h = d.shape_w = 1;
  result.address = allocate(npu::kDescriptorBytes);
  npu::write_descriptor(d, at(result.address));
  return result;
}

/// A tensor for the error of `tensor`.
TrainingProgram::Place TrainingProgram::like(const Place& tensor) {
  const npu::Descriptor& d = tensor.descriptor;
  return place({d.shape_n, d.shape_c, d.shape_h, d.shape_w}, options_.error, TensorClass::kERROR,
               options_.error_threshold);
}

std::vector<float> TrainingProgram::read(const std::optional<Place>& tensor) const {
  if (!tensor) return {};
  const npu::Descriptor& d = tensor->descriptor;
  const auto format = static_cast<TensorFormat>(d.format);
  std::vector<float> values(size_t{d.shape_n} * d.shape_c * d.shape_h * d.shape_w);
  const npu::NumberFormat number = format == TensorFormat::kFP16 ? npu::NumberFormat::kFp16 : npu::NumberFormat::kFp32;
  npu::scalar::decode_span(npu::format_row(number), at(d.address), values);
  return values;
}

void TrainingProgram::write(const Place& tensor, std::span<const double> values) const {
  const npu::Descriptor& d = tensor.descriptor;
  const bool half = static_cast<TensorFormat>(d.format) == TensorFormat::kFP16;
  const std::vector<float> rounded(values.begin(), values.end());
  npu::scalar::encode_span(npu::format_row(half ? npu::NumberFormat::kFp16 : npu::NumberFormat::kFp32), rounded,
                           at(d.address));
}

void TrainingProgram::make_parameters() {
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    const LayerSpec& spec = layers_[layer];
    Parameters p;
    if (multiplies(spec)) {
      const auto k = static_cast<uint32_t>(spec.outputs);
      const bool convolution = spec.kind == LayerKind::convolution;
      const Shape shape{k, static_cast<uint32_t>(convolution ? sizes_[layer].c : sizes_[layer].elements()),
                        static_cast<uint32_t>(convolution ? spec.kernel_h : 1),
                        static_cast<uint32_t>(convolution ? spec.kernel_w : 1)};
      const Shape bias{1, k, 1, 1};
      p.weights = place(shape, options_.master, TensorClass::kMASTER);
      if (options_.weight != options_.master)
        p.operand = place(shape, options_.weight, TensorClass::kWEIGHT, options_.weight_threshold);
      if (options_.momentum) p.weight_momentum = place(shape, TensorFormat::kFP32, TensorClass::kMOMENTUM);
      if (!options_.fuse_update) p.weight_gradient = place(shape, TensorFormat::kFP32, TensorClass::kGRADIENT);
      if (spec.bias) {
        p.bias = place(bias, TensorFormat::kFP32, TensorClass::kMASTER);
        if (options_.momentum) p.bias_momentum = place(bias, TensorFormat::kFP32, TensorClass::kMOMENTUM);
        if (!options_.fuse_update) p.bias_gradient = place(bias, TensorFormat::kFP32, TensorClass::kGRADIENT);
      }
      if (p.operand) {
        Command encode = command(Opcode::kENCODE, Phase::kUPDATE, layer);
        encode.tensor0 = p.weights->address;
        encode.tensor1 = p.operand->address;
        prepare_.push_back(encode);
      }
    }
    parameters_.push_back(p);
  }
}

Command TrainingProgram::command(Opcode opcode, Phase phase, size_t layer) const {
  Command c;
  c.opcode = static_cast<uint8_t>(opcode);
  c.phase = static_cast<uint8_t>(phase);
  c.layer = static_cast<uint16_t>(layer);
  return c;
}

void TrainingProgram::window(Command& c, const LayerSpec& spec) const {
  c.stride_h = static_cast<uint8_t>(spec.stride_h);
  c.stride_w = static_cast<uint8_t>(spec.stride_w);
  c.pad_h = static_cast<uint8_t>(spec.pad_h);
  c.pad_w = static_cast<uint8_t>(spec.pad_w);
  if (spec.kind == LayerKind::convolution) {
    c.dilation_h = c.dilation_w = 1;
  } else {
    c.kernel_h = static_cast<uint8_t>(spec.kernel_h);
    c.kernel_w = static_cast<uint8_t>(spec.kernel_w);
  }
}

/// Tile sizes for a command over k channels with the rows and images of `rows_of`; c 0: not a reduction.
void TrainingProgram::tiles(Command& command, const Place& rows_of, uint32_t k, uint32_t c) const {
  const auto cut = [](uint16_t tile, uint32_t size) { return static_cast<uint16_t>(std::min<uint32_t>(tile, size)); };
  command.tile_k = cut(options_.tile_k, k);
  command.tile_rows = cut(options_.tile_rows, rows_of.descriptor.shape_h);
  command.tile_c = cut(options_.tile_c, c);
  command.tile_n = cut(options_.tile_n, rows_of.descriptor.shape_n);
}

TrainingProgram::Place TrainingProgram::forward() {
  const npu::Descriptor& d = pixels_.descriptor;
  Place input = place({options_.batch, d.shape_c, d.shape_h, d.shape_w}, options_.activation, TensorClass::kINPUT,
                      options_.activation_threshold);
  Command encode = command(Opcode::kENCODE, Phase::kDATA, 0xffff);
  encode.tensor0 = pixels_.address;
  encode.tensor1 = input.address;
  encode.auxiliary = gather_;
  step_.push_back(encode);
  for (size_t layer = 0; layer < layers_.size();) {
    stages_.push_back(forward_stage(layer, input));
    input = stages_.back().output;
    layer += stages_.back().relu ? 2 : 1;
  }
  return input;
}

TrainingProgram::Stage TrainingProgram::forward_stage(size_t layer, const Place& input) {
  const LayerSpec& spec = layers_[layer];
  const Parameters& p = parameters_[layer];
  const ImageSize size = sizes_[layer + 1];
  Stage stage{layer, false, input, {}, {}};
  const bool fully_connected = spec.kind == LayerKind::fully_connected;
  if (fully_connected) stage.input = flat(input);
  stage.output = place(
      {options_.batch, static_cast<uint32_t>(size.c), static_cast<uint32_t>(size.h), static_cast<uint32_t>(size.w)},
      options_.activation, TensorClass::kACTIVATION, options_.activation_threshold);
  Opcode opcode{};
  switch (spec.kind) {
    case LayerKind::convolution:
      opcode = Opcode::kCONV_FF;
      break;
    case LayerKind::fully_connected:
      opcode = Opcode::kFC_FF;
      break;
    case LayerKind::relu:
      opcode = Opcode::kRELU_FF;
      break;
    case LayerKind::max_pool:
      opcode = Opcode::kMAXPOOL_FF;
      break;
    case LayerKind::average_pool:
      opcode = Opcode::kAVGPOOL_FF;
      break;
    case LayerKind::global_pool:
      opcode = Opcode::kGLOBALPOOL_FF;
      break;
  }
  Command c = command(opcode, Phase::kFF, layer);
  c.tensor0 = stage.input.address;
  c.tensor2 = stage.output.address;
  const bool windowed =
      spec.kind == LayerKind::convolution || spec.kind == LayerKind::max_pool || spec.kind == LayerKind::average_pool;
  if (windowed) window(c, spec);
  if (spec.kind == LayerKind::max_pool) {
    const npu::Descriptor& d = stage.output.descriptor;
    stage.index = place({d.shape_n, d.shape_c, d.shape_h, d.shape_w}, TensorFormat::kU8, TensorClass::kINDEX);
    c.flags |= npu::kFlagINDEX;
    c.tensor3 = stage.index->address;
  }
  tiles(c, stage.output, static_cast<uint32_t>(size.c), multiplies(spec) ? stage.input.descriptor.shape_c : 0);
  if (!multiplies(spec)) {
    step_.push_back(c);
    return stage;
  }
  c.tensor1 = (p.operand ? p.operand : p.weights)->address;
  stage.relu = options_.fuse_elementwise && layer + 1 < layers_.size() && layers_[layer + 1].kind == LayerKind::relu;
  if (stage.relu) c.flags |= npu::kFlagRELU;
  if (p.bias && options_.fuse_elementwise) {
    c.flags |= npu::kFlagBIAS;
    c.tensor3 = p.bias->address;
  }
  step_.push_back(c);
  if (p.bias && !options_.fuse_elementwise) {
    Command add = command(Opcode::kBIAS_FF, Phase::kFF, layer);
    const Place sum = place(
        {options_.batch, static_cast<uint32_t>(size.c), static_cast<uint32_t>(size.h), static_cast<uint32_t>(size.w)},
        options_.activation, TensorClass::kACTIVATION, options_.activation_threshold);
    add.tensor0 = stage.output.address;
    add.tensor2 = sum.address;
    add.tensor3 = p.bias->address;
    tiles(add, sum, static_cast<uint32_t>(size.c), 0);
    step_.push_back(add);
    stage.output = sum;
  }
  return stage;
}

void TrainingProgram::loss_command(const Place& logits, const Place& error) {
  Command c = command(Opcode::kSOFTMAX_CE, Phase::kFF, 0xffff);
  c.tensor0 = logits.address;
  c.tensor1 = labels_.address;
  c.tensor2 = error.address;
  c.parameters = hyper_;
  c.auxiliary = loss_;
  c.tile_n = static_cast<uint16_t>(std::min<uint32_t>(options_.tile_n, options_.batch));
  step_.push_back(c);
}

void TrainingProgram::backward(Place error) {
  for (size_t i = stages_.size(); i-- > 0;)
    error = backward_stage(stages_[i], error, i > 0 ? &stages_[i - 1] : nullptr);
}

/// Emits what `stage` does with the error of its output (already past the stage's own ReLU); returns the error of its
/// input, past the ReLU of the stage before.
TrainingProgram::Place TrainingProgram::backward_stage(const Stage& stage, const Place& error, const Stage* before) {
  const LayerSpec& spec = layers_[stage.layer];
  Place result;
  if (before && multiplies(spec)) result = backward_layer(stage, error, *before);
  // The error passes through the old weights before they are updated.
  if (multiplies(spec)) gradients(stage, error);
  if (!before || multiplies(spec)) return result;
  if (spec.kind == LayerKind::relu) {
    result = like(before->output);
    Command c = command(Opcode::kRELU_BP, Phase::kBP, stage.layer);
    c.tensor0 = error.address;
    c.tensor2 = result.address;
    c.tensor3 = stage.output.address;
    tiles(c, result, result.descriptor.shape_c, 0);
    step_.push_back(c);
    return result;
  }
  return backward_pool(stage, error, *before);
}

TrainingProgram::Place TrainingProgram::backward_layer(const Stage& stage, const Place& error, const Stage& before) {
  const LayerSpec& spec = layers_[stage.layer];
  const Parameters& p = parameters_[stage.layer];
  const bool convolution = spec.kind == LayerKind::convolution;
  const Place result = like(before.output);
  const Place target = convolution ? result : flat(result);
  Command c = command(convolution ? Opcode::kCONV_BP : Opcode::kFC_BP, Phase::kBP, stage.layer);
  c.tensor0 = error.address;
  c.tensor1 = (p.operand ? p.operand : p.weights)->address;
  c.tensor2 = target.address;
  if (before.relu) {
    c.flags |= npu::kFlagMASK;
    c.tensor3 = stage.input.address;
  }
  if (convolution) window(c, spec);
  tiles(c, target, target.descriptor.shape_c, error.descriptor.shape_c);
  step_.push_back(c);
  return result;
}

TrainingProgram::Place TrainingProgram::backward_pool(const Stage& stage, const Place& error, const Stage& before) {
  const LayerSpec& spec = layers_[stage.layer];
  const Place result = like(before.output);
  const bool maximum = spec.kind == LayerKind::max_pool, global = spec.kind == LayerKind::global_pool;
  Command c = command(maximum  ? Opcode::kMAXPOOL_BP
                      : global ? Opcode::kGLOBALPOOL_BP
                               : Opcode::kAVGPOOL_BP,
                      Phase::kBP, stage.layer);
  c.tensor0 = error.address;
  c.tensor2 = result.address;
  if (!global) window(c, spec);
  if (maximum) {
    c.tensor1 = stage.index->address;
    if (before.relu) {  // the maximum of a window is above zero where its own ReLU passed it
      c.flags |= npu::kFlagMASK;
      c.tensor3 = stage.output.address;
    }
  }
  tiles(c, result, result.descriptor.shape_c, 0);
  step_.push_back(c);
  if (maximum || !before.relu) return result;
  const Place masked = like(before.output);
  Command mask = command(Opcode::kRELU_BP, Phase::kBP, before.layer);
  mask.tensor0 = result.address;
  mask.tensor2 = masked.address;
  mask.tensor3 = before.output.address;
  tiles(mask, masked, masked.descriptor.shape_c, 0);
  step_.push_back(mask);
  return masked;
}

void TrainingProgram::gradients(const Stage& stage, const Place& error) {
  const LayerSpec& spec = layers_[stage.layer];
  const Parameters& p = parameters_[stage.layer];
  const bool convolution = spec.kind == LayerKind::convolution;
  Command wg = command(convolution ? Opcode::kCONV_WG : Opcode::kFC_WG, Phase::kWG, stage.layer);
  wg.tensor0 = stage.input.address;
  wg.tensor1 = error.address;
  if (convolution) window(wg, spec);
  tiles(wg, error, error.descriptor.shape_c, stage.input.descriptor.shape_c);
  update(wg, *p.weights, p.weight_momentum, p.operand, p.weight_gradient);
  if (!p.bias) return;
  Command bias = command(Opcode::kBIAS_WG, Phase::kWG, stage.layer);
  bias.tensor0 = error.address;
  tiles(bias, error, error.descriptor.shape_c, 0);
  update(bias, *p.bias, p.bias_momentum, {}, p.bias_gradient);
}

/// Finishes a WG command: with the update in it, or with a gradient in memory and an SGD command behind it.
void TrainingProgram::update(Command wg, const Place& weights, const std::optional<Place>& momentum,
                             const std::optional<Place>& copy, const std::optional<Place>& gradient) {
  Command sgd = command(Opcode::kSGD, Phase::kUPDATE, wg.layer);
  Command& target = options_.fuse_update ? wg : sgd;
  if (options_.fuse_update) {
    wg.flags |= npu::kFlagUPDATE;
  } else {
    wg.tensor2 = gradient->address;
    sgd.tensor0 = gradient->address;
  }
  target.parameters = hyper_;
  set_tensor(target, 3, weights.address);
  if (momentum) {
    target.flags |= npu::kFlagMOMENTUM;
    set_tensor(target, 4, momentum->address);
  }
  if (copy) {
    target.flags |= npu::kFlagCOPY;
    set_tensor(target, 5, copy->address);
  }
  step_.push_back(wg);
  if (!options_.fuse_update) step_.push_back(sgd);
}

void TrainingProgram::set_images(std::span<const uint8_t> pixels) {
  BB_CHECK(pixels.size() == pixels_.descriptor.size_bytes, "{} pixels", pixels.size());
  std::copy(pixels.begin(), pixels.end(), at(pixels_.descriptor.address));
}

void TrainingProgram::set_batch(std::span<const uint32_t> images, std::span<const uint8_t> labels) {
  BB_CHECK(images.size() == options_.batch && labels.size() == options_.batch, "{} images", images.size());
  std::memcpy(at(gather_), images.data(), images.size_bytes());
  std::copy(labels.begin(), labels.end(), at(labels_.descriptor.address));
  npu_loss_record record{};
  record.valid = options_.batch;
  std::memcpy(at(loss_), &record, sizeof record);
}

void TrainingProgram::set_hyper(const npu_hyper& hyper) {
  std::memcpy(at(hyper_), &hyper, sizeof hyper);
}

void TrainingProgram::set_parameters(Trainer& trainer) {
  const auto move = [&](const std::optional<Place>& tensor, std::vector<double>& values) {
    if (!tensor) return;
    write(*tensor, values);
    const std::vector<float> rounded = read(tensor);
    values.assign(rounded.begin(), rounded.end());
  };
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    move(parameters_[layer].weights, trainer.parameters(layer).weights);
    move(parameters_[layer].bias, trainer.parameters(layer).bias);
    for (const auto& tensor : {parameters_[layer].weight_momentum, parameters_[layer].bias_momentum})
      if (tensor) std::memset(at(tensor->descriptor.address), 0, tensor->descriptor.size_bytes);
  }
}

npu_loss_record TrainingProgram::loss() const {
  npu_loss_record record;
  std::memcpy(&record, at(loss_), sizeof record);
  return record;
}

}  // namespace backboard::test
