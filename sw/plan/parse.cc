#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <set>

#include "drivers/npu/npu_records.h"
#include "npu/command/operands.h"
#include "npu/command/validate.h"
#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "sw/file/file.h"
#include "sw/plan/plan.h"

namespace backboard {

namespace {

constexpr uint32_t kTableAlignment_bytes = 64;
constexpr uint32_t kMaxBatch = 1024;

class PlanParser {
 public:
  PlanParser(std::span<const uint8_t> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  Plan parse() {
    header();
    tables();
    programs();
    layers_and_tensors();
    control_addresses();
    for (size_t i = 0; i < plan_.descriptors.size(); ++i) descriptor(i);
    for (size_t i = 0; i < plan_.commands.size(); ++i) command(i);
    segments();
    plan_.bytes.assign(bytes_.begin(), bytes_.end());
    return std::move(plan_);
  }

 private:
  [[noreturn]] void fail(size_t offset, const std::string& message) const {
    throw InputError::at_offset(file_, offset, message);
  }
  void header();
  void tables();
  void programs();
  void layers_and_tensors();
  void control_addresses();
  void descriptor(size_t i);
  void command(size_t i);
  void segments();

  /// Copies a table of rows of `T`, or hands raw rows of 64 bytes to `convert`.
  template <class T>
  std::vector<T> rows(const plan_table& table, size_t field) const {
    check_table(table, sizeof(T), field);
    std::vector<T> copy(table.count);
    if (table.count != 0) std::memcpy(copy.data(), bytes_.data() + table.offset, table.count * sizeof(T));
    return copy;
  }
  template <class T, class F>
  std::vector<T> rows(const plan_table& table, size_t row_bytes, size_t field, F convert) const {
    check_table(table, row_bytes, field);
    std::vector<T> copy;
    for (size_t i = 0; i < table.count; ++i) copy.push_back(convert(bytes_.data() + table.offset + i * row_bytes));
    return copy;
  }
  void check_table(const plan_table& table, size_t row_bytes, size_t field) const {
    if (table.offset < sizeof(plan_header) || table.offset % kTableAlignment_bytes != 0 ||
        table.offset > bytes_.size() || table.count > (bytes_.size() - table.offset) / row_bytes)
      fail(field, fmt::format("a table of {} rows at {:#x} does not fit in the plan", table.count, table.offset));
  }
  void check_name(const char (&name)[PLAN_NAME_BYTES], size_t offset) const {
    const char* end = static_cast<const char*>(std::memchr(name, 0, PLAN_NAME_BYTES));
    if (end == nullptr || end == name) fail(offset, "a name that is empty or does not end");
    for (const char* c = name; c != end; ++c)
      if (*c <= ' ' || *c > '~') fail(offset, "a name with a character that is not printable");
  }
  bool in_arena(uint64_t address, uint64_t size) const {
    const uint64_t base = plan_.header.arena_base, end = base + plan_.header.arena_bytes;
    return address >= base && size <= end - base && address <= end - size;
  }

  std::span<const uint8_t> bytes_;
  const std::string& file_;
  Plan plan_;
};

void PlanParser::header() {
  plan_header& header = plan_.header;
  if (bytes_.size() < sizeof header) fail(bytes_.size(), "the file ends in its header");
  std::memcpy(&header, bytes_.data(), sizeof header);
  if (header.magic != PLAN_MAGIC) fail(offsetof(plan_header, magic), "not a training plan (magic 'BPLN')");
  if (header.version != PLAN_VERSION)
    fail(offsetof(plan_header, version),
         fmt::format("version {} is not read, only version {}: compile the plan again", header.version, PLAN_VERSION));
  if (header.total_bytes != bytes_.size())
    fail(offsetof(plan_header, total_bytes),
         fmt::format("the header says {} bytes, the file has {}", header.total_bytes, bytes_.size()));
  if (header.header_bytes != sizeof header)
    fail(offsetof(plan_header, header_bytes), fmt::format("a header of {} bytes", header.header_bytes));
  if (header.crc32 != crc32_around(bytes_, offsetof(plan_header, crc32)))
    fail(offsetof(plan_header, crc32), "the checksum does not fit the contents");
  if (header.batch == 0 || header.batch > kMaxBatch)
    fail(offsetof(plan_header, batch), fmt::format("a batch of {}", header.batch));
  if (header.classes < 2 || header.classes > 65535)
    fail(offsetof(plan_header, classes), fmt::format("{} classes", header.classes));
  if (header.fused > 1) fail(offsetof(plan_header, fused), "must be 0 or 1");
  if (header.momentum > 1) fail(offsetof(plan_header, momentum), "must be 0 or 1");
  if (header.optimizer > 1) fail(offsetof(plan_header, optimizer), "must be 0 or 1");
  if (header.accumulate > kMaxBatch)
    fail(offsetof(plan_header, accumulate), fmt::format("accumulates {} batches", header.accumulate));
  if (header.arena_bytes == 0 || uint64_t{header.arena_base} + header.arena_bytes > uint64_t{1} << 32)
    fail(offsetof(plan_header, arena_bytes), "the arena is empty or ends beyond 4 GiB");
}

void PlanParser::tables() {
  const plan_header& header = plan_.header;
  plan_.layers = rows<plan_layer>(header.layers, offsetof(plan_header, layers));
  plan_.tensors = rows<plan_tensor>(header.tensors, offsetof(plan_header, tensors));
  plan_.descriptors = rows<npu::Descriptor>(header.descriptors, npu::kDescriptorBytes,
                                            offsetof(plan_header, descriptors), npu::parse_descriptor);
  plan_.commands =
      rows<npu::Command>(header.commands, npu::kCommandBytes, offsetof(plan_header, commands), npu::parse_command);
  plan_.programs = rows<plan_program>(header.programs, offsetof(plan_header, programs));
  plan_.segments = rows<plan_segment>(header.segments, offsetof(plan_header, segments));
  if (plan_.descriptors.size() != plan_.tensors.size())
    fail(offsetof(plan_header, descriptors),
         fmt::format("{} descriptors for {} tensors", plan_.descriptors.size(), plan_.tensors.size()));
  if (header.data_descriptor >= plan_.descriptors.size())
    fail(offsetof(plan_header, data_descriptor), "no such descriptor");
}

void PlanParser::programs() {
  const plan_header& header = plan_.header;
  if (plan_.programs.size() != PLAN_PROGRAMS)
    fail(offsetof(plan_header, programs),
         fmt::format("{} programs, expected {}", plan_.programs.size(), static_cast<int>(PLAN_PROGRAMS)));
  for (size_t i = 0; i < plan_.programs.size(); ++i) {
    const plan_program& program = plan_.programs[i];
    if (program.first > plan_.commands.size() || program.count > plan_.commands.size() - program.first)
      fail(header.programs.offset + i * sizeof(plan_program), "the program leaves the command table");
  }
}

void PlanParser::layers_and_tensors() {
  for (size_t i = 0; i < plan_.layers.size(); ++i) {
    const size_t offset = plan_.header.layers.offset + i * sizeof(plan_layer);
    check_name(plan_.layers[i].name, offset);
    if (plan_.layers[i].kind > UINT8_MAX || npu::opcode_row(static_cast<uint8_t>(plan_.layers[i].kind)) == nullptr)
      fail(offset + offsetof(plan_layer, kind), fmt::format("opcode {} is not known", plan_.layers[i].kind));
  }
  for (size_t i = 0; i < plan_.tensors.size(); ++i) {
    const size_t offset = plan_.header.tensors.offset + i * sizeof(plan_tensor);
    check_name(plan_.tensors[i].name, offset);
    if (plan_.tensors[i].layer != 0xffff && plan_.tensors[i].layer >= plan_.layers.size())
      fail(offset + offsetof(plan_tensor, layer), "no such layer");
  }
}

void PlanParser::control_addresses() {
  const plan_header& header = plan_.header;
  const auto check = [&](uint32_t address, uint64_t size, size_t field) {
    if (address % 4 != 0 || !in_arena(address, size)) fail(field, "the address is misaligned or leaves the arena");
  };
  check(header.gather_address, 4 * uint64_t{header.batch}, offsetof(plan_header, gather_address));
  check(header.labels_address, uint64_t{header.batch} * (header.classes > PLAN_BYTE_CLASSES ? 2 : 1),
        offsetof(plan_header, labels_address));
  check(header.loss_address, sizeof(npu_loss_record), offsetof(plan_header, loss_address));
  check(header.hyper_address, sizeof(npu_hyper), offsetof(plan_header, hyper_address));
  if ((header.norms == 0) != (header.norms_address == 0) || header.norms > plan_.commands.size())
    fail(offsetof(plan_header, norms), fmt::format("{} norm records", header.norms));
  if (header.norms != 0)
    check(header.norms_address, sizeof(npu_norm_record) * uint64_t{header.norms}, offsetof(plan_header, norms_address));
  if ((header.optimizer == 1) != (header.adam_address != 0))
    fail(offsetof(plan_header, adam_address), "is missing, or not used");
  if (header.optimizer == 1) check(header.adam_address, sizeof(npu_adam), offsetof(plan_header, adam_address));
  check(header.descriptors_address, npu::kDescriptorBytes * plan_.descriptors.size(),
        offsetof(plan_header, descriptors_address));
}

void PlanParser::descriptor(size_t i) {
  const npu::Descriptor& d = plan_.descriptors[i];
  const size_t offset = plan_.header.descriptors.offset + i * npu::kDescriptorBytes;
  namespace field = npu::descriptor_field;
  if (d.format >= npu::kTensorFormats) fail(offset + field::format, fmt::format("format {} is not known", d.format));
  uint64_t elements = 1;
  for (const uint32_t dimension : {d.shape_n, d.shape_c, d.shape_h, d.shape_w}) {
    if (dimension == 0 || dimension > npu::kLargestDimension)
      fail(offset + field::shape_n, "a dimension is zero or too large");
    elements *= dimension;
  }
  if (elements > npu::kLargestTensor_elements) fail(offset + field::shape_n, "the tensor is too large");
  if (i == plan_.header.data_descriptor) return;  // firmware says where the images lie
  const auto format = static_cast<npu::TensorFormat>(d.format);
  if (npu::is_coded(format)) {
    const npu::BlockGeometry geometry{{d.shape_n, d.shape_c, d.shape_h, d.shape_w}, d.block_channels, d.block_rows};
    if (!geometry.valid()) fail(offset + field::block_channels, "the block geometry does not fit the shape");
    if (geometry.tensor_bytes(format) > d.size_bytes) fail(offset + field::size_bytes, "too small for the tensor");
    if (!in_arena(d.metadata, geometry.directory_bytes())) fail(offset + field::metadata, "leaves the arena");
  } else if (elements * npu::dense_bytes(format) > d.size_bytes) {
    fail(offset + field::size_bytes, "too small for the tensor");
  }
  if (!in_arena(d.address, d.size_bytes)) fail(offset + field::address, "the tensor leaves the arena");
  if (d.statistics != 0 && !in_arena(d.statistics, sizeof(npu_tensor_statistics)))
    fail(offset + field::statistics, "leaves the arena");
  // Parameters are read back whole, element by element.
  const bool dense_rows = d.stride_n == 0 && d.stride_c == 0 && d.stride_h == 0 && !npu::is_coded(format);
  if ((plan_.tensors[i].flags & PLAN_TENSOR_PARAMETER) && !dense_rows)
    fail(offset + field::format, "a parameter must lie densely");
}

void PlanParser::command(size_t i) {
  const npu::Command& command = plan_.commands[i];
  const size_t offset = plan_.header.commands.offset + i * npu::kCommandBytes;
  if (npu::opcode_row(command.opcode) == nullptr) fail(offset, fmt::format("opcode {} is not known", command.opcode));
  if (command.layer != 0xffff && command.layer >= plan_.layers.size())
    fail(offset + npu::command_field::layer, "no such layer");
  const uint32_t tensors[npu::kOperands] = {command.tensor0, command.tensor1, command.tensor2,
                                            command.tensor3, command.tensor4, command.tensor5};
  for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
    const bool wanted = npu::operand_of(command, slot) != nullptr;
    if (wanted ? plan_.descriptor_at(tensors[slot]) < 0 : tensors[slot] != 0)
      fail(offset + npu::tensor_field(slot), "points at no descriptor of the plan, or is given but not used");
  }
}

void PlanParser::segments() {
  for (size_t i = 0; i < plan_.segments.size(); ++i) {
    const plan_segment& segment = plan_.segments[i];
    const size_t offset = plan_.header.segments.offset + i * sizeof(plan_segment);
    if (!in_arena(segment.address, segment.size_bytes)) fail(offset, "the segment leaves the arena");
    if (segment.fill > 1) fail(offset + offsetof(plan_segment, fill), "must be 0 or 1");
    if (segment.fill == 0 && (segment.offset > bytes_.size() || segment.size_bytes > bytes_.size() - segment.offset))
      fail(offset + offsetof(plan_segment, offset), "the segment leaves the plan");
  }
}

}  // namespace

std::span<const npu::Command> Plan::program(plan_program_kind kind) const {
  const plan_program& row = programs.at(kind);
  return std::span(commands).subspan(row.first, row.count);
}

int Plan::descriptor_at(uint32_t address) const {
  if (address < header.descriptors_address) return -1;
  const uint32_t distance = address - header.descriptors_address;
  const uint32_t index = distance / npu::kDescriptorBytes;
  return distance % npu::kDescriptorBytes == 0 && index < descriptors.size() ? static_cast<int>(index) : -1;
}

std::vector<bool> Plan::repeats(plan_program_kind kind) const {
  std::set<std::pair<uint8_t, uint32_t>> made;  // by opcode and result
  std::vector<bool> repeats;
  for (const npu::Command& command : program(kind)) {
    const bool forward = command.phase == static_cast<uint8_t>(Phase::kFF) && command.tensor2 != 0;
    repeats.push_back(forward && !made.emplace(command.opcode, command.tensor2).second);
  }
  return repeats;
}

std::string Plan::layer_name(uint32_t layer) const {
  return layer < layers.size() ? layers[layer].name : "none";
}

const char* name_of(plan_program_kind kind) {
  switch (kind) {
    case PLAN_PREPARE:
      return "prepare";
    case PLAN_TRAIN_STEP:
      return "train_step";
    case PLAN_UPDATE:
      return "update";
    case PLAN_EVAL_STEP:
      return "eval_step";
    case PLAN_PROGRAMS:
      break;
  }
  BB_CHECK(false, "program {}", static_cast<int>(kind));
}

Plan parse_plan(std::span<const uint8_t> bytes, const std::string& file) {
  return PlanParser(bytes, file).parse();
}

}  // namespace backboard
