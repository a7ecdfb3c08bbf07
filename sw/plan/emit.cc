#include "sw/plan/emit.h"

#include <algorithm>
#include <cstring>

#include "drivers/npu/npu_records.h"
#include "npu/codec/tensor_format.h"
#include "npu/numerics/rounding.h"
#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "sw/file/file.h"

namespace backboard {

namespace {

constexpr size_t kTableAlignment_bytes = 64;
constexpr uint64_t kMaxPlanBytes = uint64_t{1} << 30;

class Emitter {
 public:
  Emitter(const Draft& draft, const Network& network, const PlanOptions& options, const PlanTarget& target,
          const Arrays& weights)
      : draft_(draft), network_(network), options_(options), target_(target), weights_(weights) {}

  std::vector<uint8_t> run() {
    bytes_.resize(sizeof(plan_header), 0);
    fill_header();
    header_.layers = layers();
    header_.tensors = tensors();
    header_.descriptors = descriptors();
    header_.commands = commands();
    header_.segments = segments();
    align();
    header_.total_bytes = static_cast<uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &header_, sizeof header_);
    header_.crc32 = crc32_around(bytes_, offsetof(plan_header, crc32));
    std::memcpy(bytes_.data(), &header_, sizeof header_);
    return std::move(bytes_);
  }

 private:
  void align() {
    bytes_.resize((bytes_.size() + kTableAlignment_bytes - 1) / kTableAlignment_bytes * kTableAlignment_bytes);
  }

  /// Appends at the next aligned offset and returns that.
  uint32_t append(const void* data, size_t size) {
    align();
    const size_t offset = bytes_.size();
    if (offset + size > kMaxPlanBytes) throw InputError(network_.name + ": the plan is larger than 1 GiB");
    bytes_.resize(offset + size);
    if (size != 0) std::memcpy(bytes_.data() + offset, data, size);
    return static_cast<uint32_t>(offset);
  }
  template <class T>
  plan_table table(const std::vector<T>& rows) {
    return {append(rows.data(), rows.size() * sizeof(T)), static_cast<uint32_t>(rows.size())};
  }

  static void copy_name(char (&to)[PLAN_NAME_BYTES], const std::string& name) {
    BB_CHECK(name.size() < PLAN_NAME_BYTES, "{}", name);
    std::memcpy(to, name.c_str(), name.size() + 1);
  }

  uint32_t descriptor_address(int tensor) const {
    return tensor == kNoTensor ? 0 : draft_.control.descriptors + npu::kDescriptorBytes * static_cast<uint32_t>(tensor);
  }

  void fill_header();
  plan_table layers();
  plan_table tensors();
  plan_table descriptors();
  plan_table commands();
  plan_table segments();
  std::vector<uint8_t> master_bytes(const DraftTensor& tensor) const;
  /// Bytes of a tensor's elements: the whole buffer, but for views of a part.
  uint64_t bytes_of(const DraftTensor& tensor) const;

  const Draft& draft_;
  const Network& network_;
  const PlanOptions& options_;
  const PlanTarget& target_;
  const Arrays& weights_;
  plan_header header_{};
  std::vector<uint8_t> bytes_;
};

void Emitter::fill_header() {
  header_.magic = PLAN_MAGIC;
  header_.version = PLAN_VERSION;
  header_.header_bytes = sizeof(plan_header);
  header_.engine = static_cast<uint32_t>(target_.offer.engine);
  uint64_t opcodes = 0;
  for (const auto& program : draft_.programs)
    for (const DraftCommand& command : program) opcodes |= uint64_t{1} << command.fields.opcode;
  header_.ops_lo = static_cast<uint32_t>(opcodes);
  header_.ops_hi = static_cast<uint32_t>(opcodes >> 32);
  for (const DraftTensor& tensor : draft_.tensors) header_.formats |= npu::mask_of(tensor.format);
  header_.buffer_bytes = target_.buffer_bytes;
  header_.arena_base = static_cast<uint32_t>(options_.arena_base);
  header_.arena_bytes = static_cast<uint32_t>(draft_.arena_bytes);
  header_.batch = options_.batch;
  header_.classes = network_.classes();
  header_.input_c = network_.input.channels;
  header_.input_h = network_.input.rows;
  header_.input_w = network_.input.columns;
  header_.input_scale = static_cast<float>(network_.input.scale);
  header_.fused = draft_.fused ? 1 : 0;
  header_.momentum = options_.momentum ? 1 : 0;
  header_.gather_address = draft_.control.gather;
  header_.labels_address = draft_.control.labels;
  header_.loss_address = draft_.control.loss;
  header_.hyper_address = draft_.control.hyper;
  header_.descriptors_address = draft_.control.descriptors;
  header_.optimizer = options_.optimizer == Optimizer::adam ? 1 : 0;
  header_.accumulate = options_.accumulate;
  header_.norms_address = draft_.control.norms;
  header_.norms = draft_.norms;
  header_.adam_address = draft_.control.adam;
  header_.data_descriptor = static_cast<uint32_t>(draft_.packed_images);
}

plan_table Emitter::layers() {
  std::vector<plan_layer> rows;
  for (const DraftLayer& layer : draft_.layers) {
    plan_layer row{};
    copy_name(row.name, layer.name);
    row.kind = static_cast<uint32_t>(layer.kind);
    row.trained = layer.trained ? 1 : 0;
    row.macs_ff = layer.macs_ff;
    row.macs_bp = layer.macs_bp;
    row.macs_wg = layer.macs_wg;
    rows.push_back(row);
  }
  return table(rows);
}

plan_table Emitter::tensors() {
  std::vector<plan_tensor> rows;
  for (const DraftTensor& tensor : draft_.tensors) {
    plan_tensor row{};
    copy_name(row.name, tensor.name);
    row.flags = tensor.flags;
    row.layer = tensor.layer;
    rows.push_back(row);
  }
  return table(rows);
}

plan_table Emitter::descriptors() {
  std::vector<uint8_t> rows(draft_.tensors.size() * npu::kDescriptorBytes, 0);
  for (size_t i = 0; i < draft_.tensors.size(); ++i) {
    const DraftTensor& tensor = draft_.tensors[i];
    npu::Descriptor row;
    row.shape_n = tensor.shape[0];
    row.shape_c = tensor.shape[1];
    row.shape_h = tensor.shape[2];
    row.shape_w = tensor.shape[3];
    row.format = static_cast<uint8_t>(tensor.format);
    row.tensor_class = static_cast<uint8_t>(tensor.tensor_class);
    row.rule = tensor.rule;
    row.threshold = tensor.threshold;
    row.scale = tensor.scale;
    row.statistics = tensor.statistics;
    row.stride_n = tensor.stride_n;
    if (tensor.buffer >= 0) {
      const DraftBuffer& buffer = draft_.buffers[tensor.buffer];
      row.address = static_cast<uint32_t>(buffer.address + tensor.offset_bytes);
      row.size_bytes = static_cast<uint32_t>(bytes_of(tensor));
      if (npu::is_coded(tensor.format)) {
        row.metadata = buffer.directory_address;
        row.block_channels = static_cast<uint16_t>(tensor.geometry.block_channels);
        row.block_rows = static_cast<uint16_t>(tensor.geometry.block_rows);
      }
    }
    npu::write_descriptor(row, rows.data() + i * npu::kDescriptorBytes);
  }
  return {append(rows.data(), rows.size()), static_cast<uint32_t>(draft_.tensors.size())};
}

plan_table Emitter::commands() {
  std::vector<uint8_t> rows;
  std::vector<plan_program> programs;
  uint32_t count = 0;
  for (const auto& program : draft_.programs) {
    programs.push_back({count, static_cast<uint32_t>(program.size())});
    for (const DraftCommand& draft : program) {
      npu::Command command = draft.fields;
      uint32_t* const slots[] = {&command.tensor0, &command.tensor1, &command.tensor2,
                                 &command.tensor3, &command.tensor4, &command.tensor5};
      for (unsigned slot = 0; slot < npu::kOperands; ++slot) *slots[slot] = descriptor_address(draft.tensors[slot]);
      if (draft.hyper) command.parameters = draft_.control.hyper;
      if (draft.auxiliary == Auxiliary::gather) command.auxiliary = draft_.control.gather;
      if (draft.auxiliary == Auxiliary::loss) command.auxiliary = draft_.control.loss;
      if (draft.auxiliary == Auxiliary::adam) command.auxiliary = draft_.control.adam;
      if (draft.auxiliary == Auxiliary::norm)
        command.auxiliary = draft_.control.norms + static_cast<uint32_t>(sizeof(npu_norm_record)) * draft.norm;
      rows.resize(rows.size() + npu::kCommandBytes, 0);
      npu::write_command(command, rows.data() + count * npu::kCommandBytes);
      ++count;
    }
  }
  header_.programs = table(programs);
  return {append(rows.data(), rows.size()), count};
}

uint64_t Emitter::bytes_of(const DraftTensor& tensor) const {
  if (npu::is_coded(tensor.format)) return draft_.buffers[tensor.buffer].data_bytes;
  uint64_t elements = 1;
  for (const uint32_t dimension : tensor.shape) elements *= dimension;
  if (tensor.stride_n != 0) elements = uint64_t{tensor.shape[0] - 1} * tensor.stride_n + elements / tensor.shape[0];
  return elements * npu::dense_bytes(tensor.format);
}

std::vector<uint8_t> Emitter::master_bytes(const DraftTensor& tensor) const {
  const std::vector<float> values = weights_.at(tensor.name).floats();
  const npu::FormatRow& row = npu::format_row(tensor.format);
  std::vector<uint8_t> bytes(values.size() * row.bytes());
  npu::encode_span(row, values, bytes.data());
  return bytes;
}

plan_table Emitter::segments() {
  std::vector<plan_segment> rows;
  const DraftControl& control = draft_.control;
  rows.push_back({control.hyper, 0, control.end - control.hyper, 1});
  for (const DraftTensor& tensor : draft_.tensors) {
    if (tensor.flags & PLAN_TENSOR_MOMENTUM) {
      const DraftBuffer& buffer = draft_.buffers[tensor.buffer];
      rows.push_back({buffer.address, 0, static_cast<uint32_t>(buffer.data_bytes), 1});
    }
    if (tensor.flags & PLAN_TENSOR_PARAMETER) {
      const std::vector<uint8_t> bytes = master_bytes(tensor);
      const auto address = static_cast<uint32_t>(draft_.buffers[tensor.buffer].address + tensor.offset_bytes);
      rows.push_back({address, append(bytes.data(), bytes.size()), static_cast<uint32_t>(bytes.size()), 0});
    }
  }
  return table(rows);
}

}  // namespace

std::vector<uint8_t> emit_plan(const Draft& draft, const Network& network, const PlanOptions& options,
                               const PlanTarget& target, const Arrays& weights) {
  return Emitter(draft, network, options, target, weights).run();
}

}  // namespace backboard
