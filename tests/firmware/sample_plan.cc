#include "tests/firmware/sample_plan.h"

#include <cstring>

#include "drivers/crc/crc32.h"

namespace backboard::test {

namespace {

npu_descriptor descriptor(uint32_t address, uint32_t size_bytes, uint8_t format, uint8_t tensor_class) {
  npu_descriptor d{};
  d.address = address;
  d.size_bytes = size_bytes;
  d.shape_n = d.shape_c = d.shape_h = d.shape_w = 1;
  d.format = format;
  d.tensor_class = tensor_class;
  d.scale = 1.0f;
  return d;
}

plan_tensor tensor(const char* name, uint32_t flags) {
  plan_tensor t{};
  std::strncpy(t.name, name, sizeof t.name - 1);
  t.flags = flags;
  return t;
}

template <class T>
plan_table append(std::vector<uint8_t>& out, const std::vector<T>& entries) {
  out.resize((out.size() + 63) / 64 * 64);
  const plan_table table = {static_cast<uint32_t>(out.size()), static_cast<uint32_t>(entries.size())};
  const auto* first = reinterpret_cast<const uint8_t*>(entries.data());
  out.insert(out.end(), first, first + entries.size() * sizeof(T));
  return table;
}

}  // namespace

SamplePlan::SamplePlan() {
  header.magic = PLAN_MAGIC;
  header.version = PLAN_VERSION;
  header.header_bytes = sizeof header;
  header.engine = NPU_ENGINE_LNPU;
  header.ops_lo = 1u << NPU_OP_FC_FF | 1u << NPU_OP_SOFTMAX_CE | 1u << NPU_OP_SGD | 1u << NPU_OP_ENCODE;
  header.formats = 0x7F;
  header.buffer_bytes = 1000;
  header.arena_base = kArena;
  header.arena_bytes = kArenaBytes;
  header.batch = kBatch;
  header.classes = 3;
  header.input_c = 1, header.input_h = header.input_w = 4;
  header.input_scale = 1.0f / 255.0f;
  header.descriptors_address = kArena;
  header.gather_address = kArena + 0x400;
  header.labels_address = kArena + 0x440;
  header.loss_address = kArena + 0x480;
  header.hyper_address = kArena + 0x4C0;
  header.data_descriptor = kPacked;

  npu_descriptor packed = descriptor(0, 0, NPU_FORMAT_U8, NPU_CLASS_INPUT);
  packed.shape_h = packed.shape_w = 4;
  npu_descriptor activation = descriptor(kArena + 0x2000, 512, NPU_FORMAT_FGMP, NPU_CLASS_ACTIVATION);
  activation.statistics = kArena + 0x500;
  activation.threshold = 0.25f;
  npu_descriptor error = descriptor(kArena + 0x2400, 512, NPU_FORMAT_FP16, NPU_CLASS_ERROR);
  error.statistics = kArena + 0x520;
  descriptors = {packed, descriptor(kArena + 0x1000, kWeightBytes, NPU_FORMAT_FP32, NPU_CLASS_MASTER),
                 descriptor(kArena + 0x1800, kMomentumBytes, NPU_FORMAT_FP16, NPU_CLASS_MOMENTUM), activation, error};
  tensors = {tensor("images", 0), tensor("fc.weight", PLAN_TENSOR_PARAMETER | PLAN_TENSOR_TRAINED),
             tensor("fc.momentum", PLAN_TENSOR_MOMENTUM), tensor("fc.y", PLAN_TENSOR_STEERED), tensor("fc.dy", 0)};
  plan_layer layer{};
  std::strcpy(layer.name, "fc");
  layer.kind = NPU_OP_FC_FF;
  layers = {layer};
  for (const uint8_t opcode : {NPU_OP_ENCODE, NPU_OP_FC_FF, NPU_OP_SOFTMAX_CE, NPU_OP_SGD}) {
    npu_command command{};
    command.opcode = opcode;
    commands.push_back(command);
  }
  programs = {{0, 1}, {1, 2}, {3, 1}, {1, 2}};
  segments = {{kArena + 0x1000, 0, kWeightBytes, 0}, {kArena + 0x1800, 0, kMomentumBytes, 1}};
}

std::vector<uint8_t> SamplePlan::bytes() {
  std::vector<uint8_t> out(sizeof header);
  header.layers = append(out, layers);
  header.tensors = append(out, tensors);
  header.descriptors = append(out, descriptors);
  header.commands = append(out, commands);
  header.programs = append(out, programs);
  std::vector<uint8_t> weights(kWeightBytes);
  for (uint32_t i = 0; i < kWeightBytes; i++) weights[i] = static_cast<uint8_t>(i * 7 + 1);
  const uint32_t weights_offset = append(out, weights).offset;
  if (!segments.empty() && segments[0].offset == 0) segments[0].offset = weights_offset;
  header.segments = append(out, segments);
  header.total_bytes = static_cast<uint32_t>(out.size());
  std::memcpy(out.data(), &header, sizeof header);
  seal_plan(out);
  return out;
}

void seal_plan(std::vector<uint8_t>& bytes) {
  constexpr size_t kAt = offsetof(plan_header, crc32), kBehind = kAt + 4;
  uint32_t crc = crc32_update(0, bytes.data(), kAt);
  crc = crc32_update(crc, bytes.data() + kBehind, bytes.size() - kBehind);
  std::memcpy(bytes.data() + kAt, &crc, sizeof crc);
}

void seal_data(std::vector<uint8_t>& bytes) {
  const uint32_t crc = crc32_update(0, bytes.data() + sizeof(data_header), bytes.size() - sizeof(data_header));
  std::memcpy(bytes.data() + offsetof(data_header, crc32), &crc, sizeof crc);
}

std::vector<uint8_t> sample_data(uint32_t count) {
  data_header h{};
  h.magic = DATA_MAGIC;
  h.version = DATA_VERSION;
  h.header_bytes = sizeof h;
  h.count = count;
  h.c = 1, h.h = h.w = 4;
  h.classes = 3;
  h.scale = 1.0f / 255.0f;
  h.images_offset = 64;
  h.labels_offset = 64 + count * 16;
  h.total_bytes = h.labels_offset + count;
  std::vector<uint8_t> out(h.total_bytes);
  for (uint32_t i = 0; i < count; i++) out[h.labels_offset + i] = static_cast<uint8_t>(i % 3);
  std::memcpy(out.data(), &h, sizeof h);
  seal_data(out);
  return out;
}

run_block sample_run() {
  run_block run{};
  run.magic = RUN_MAGIC;
  run.version = RUN_VERSION;
  run.plan_address = SamplePlaces::kPlan;
  run.train_address = SamplePlaces::kTrain;
  run.eval_address = SamplePlaces::kEval;
  run.result_address = SamplePlaces::kResult;
  run.result_bytes = sizeof(run_result);
  run.epochs = 1;
  run.loss_scale = 1024.0f;
  run.loss_scale_dynamic = 1;
  run.loss_scale_interval = 3;
  run.fgmp_share = 0.1f;
  run.schedule_points = 1;
  run.schedule[0].learning_rate = 0.5f;
  return run;
}

}  // namespace backboard::test
