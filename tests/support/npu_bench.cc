#include "tests/support/npu_bench.h"

#include <algorithm>

#include "npu/codec/block_codec.h"
#include "npu/codec/tensor_format.h"
#include "npu/numerics/rounding.h"
#include "platform/check/check.h"

namespace backboard::test {

using npu::BlockGeometry;
using npu::TensorFormat;
using npu_regs::Reg;

BusResponse MiniBus::access(BusAccess& access, uint64_t& delay_ps) {
  if (access.address < kBase || access.address - kBase + access.size > memory_.size()) return BusResponse::decode;
  if (bad_address != 0 && access.address <= bad_address && bad_address < access.address + access.size) {
    return BusResponse::target;
  }
  ++accesses;
  uint8_t* place = memory_.data() + (access.address - kBase);
  const bool written = access.op == BusOp::write;
  if (written) {
    std::memcpy(place, access.data, access.size);
  } else {
    std::memcpy(access.data, place, access.size);
  }
  bytes[{written, access.who.phase, access.who.tensor}] += access.size;
  delay_ps += written ? write_latency_ps : read_latency_ps;
  return BusResponse::ok;
}

uint64_t MiniBus::total(bool written) const {
  uint64_t sum = 0;
  for (const auto& [owner, count] : bytes) sum += std::get<0>(owner) == written ? count : 0;
  return sum;
}

NpuBench::NpuBench(const npu::NpuConfig& config, uint32_t memory_bytes)
    : bus(memory_bytes), device(config, queue, bus, irq, 0, findings, findings) {
  for (uint32_t& address : slots_) address = allocate(kRingSlots * npu::kCommandBytes);
}

NpuBench::NpuBench(std::unique_ptr<npu::Engine> engine, const npu::NpuConfig& config, uint32_t memory_bytes)
    : bus(memory_bytes), device(std::move(engine), config, queue, bus, irq, 0, findings, findings) {
  for (uint32_t& address : slots_) address = allocate(kRingSlots * npu::kCommandBytes);
}

void NpuBench::state(StateArchive& archive) {
  queue.state(archive);
  archive.vector("memory", bus.memory());
  device.state(archive);
  archive.value("submitted", submitted);
  archive.value("next", next_);
}

uint32_t NpuBench::allocate(uint32_t size_bytes, uint32_t alignment) {
  next_ = (next_ + alignment - 1) / alignment * alignment;
  const uint32_t address = next_;
  next_ += size_bytes;
  BB_CHECK(next_ - MiniBus::kBase <= bus.memory().size(), "the bench's memory is full");
  return address;
}

BenchTensor NpuBench::tensor(std::array<uint32_t, 4> shape, const TensorOptions& options) {
  BenchTensor t;
  npu::Descriptor& d = t.descriptor;
  d.shape_n = shape[0];
  d.shape_c = shape[1];
  d.shape_h = shape[2];
  d.shape_w = shape[3];
  d.format = static_cast<uint8_t>(options.format);
  d.tensor_class = static_cast<uint8_t>(options.tensor_class);
  const bool scaled = options.format == TensorFormat::kU8 || npu::has_format(npu::kFixedFormats, options.format);
  d.scale = scaled ? options.scale : 1.0f;
  if (options.format == TensorFormat::kFGMP) {
    d.threshold = options.threshold;
    d.rule = options.rule;
  }
  if (npu::is_coded(options.format)) {
    BlockGeometry geometry = BlockGeometry::choose({shape[0], shape[1], shape[2], shape[3]});
    if (options.block_channels != 0) {
      geometry.block_channels = options.block_channels;
      geometry.block_rows = options.block_rows;
    }
    BB_CHECK(geometry.valid());
    d.block_channels = static_cast<uint16_t>(geometry.block_channels);
    d.block_rows = static_cast<uint16_t>(geometry.block_rows);
    d.size_bytes = static_cast<uint32_t>(geometry.tensor_bytes(options.format));
    d.metadata = allocate(static_cast<uint32_t>(geometry.directory_bytes()));
  } else {
    const uint32_t row = shape[3] + options.row_gap;
    if (options.row_gap != 0) {
      d.stride_h = row;
      d.stride_c = row * shape[2];
      d.stride_n = d.stride_c * shape[1];
    }
    d.size_bytes = shape[0] * shape[1] * shape[2] * row * npu::dense_bytes(options.format);
  }
  d.address = allocate(d.size_bytes);
  if (options.statistics) d.statistics = allocate(sizeof(npu_tensor_statistics), 32);
  t.descriptor_address = allocate(npu::kDescriptorBytes);
  update(t);
  return t;
}

void NpuBench::update(const BenchTensor& tensor) {
  npu::write_descriptor(tensor.descriptor, bus.at(tensor.descriptor_address));
}

namespace {

BlockGeometry geometry_of(const BenchTensor& t) {
  const npu::Descriptor& d = t.descriptor;
  return {{d.shape_n, d.shape_c, d.shape_h, d.shape_w}, d.block_channels, d.block_rows};
}

/// Calls `body(first element, address)` for each row of a dense tensor.
template <class Body>
void each_row(const BenchTensor& t, Body&& body) {
  const npu::Descriptor& d = t.descriptor;
  const uint32_t stride_h = d.stride_h ? d.stride_h : d.shape_w;
  const uint32_t stride_c = d.stride_c ? d.stride_c : stride_h * d.shape_h;
  const uint32_t stride_n = d.stride_n ? d.stride_n : stride_c * d.shape_c;
  size_t element = 0;
  for (uint32_t n = 0; n < d.shape_n; ++n) {
    for (uint32_t c = 0; c < d.shape_c; ++c) {
      for (uint32_t h = 0; h < d.shape_h; ++h, element += d.shape_w) {
        body(element, d.address + (n * stride_n + c * stride_c + h * stride_h) * npu::dense_bytes(t.format()));
      }
    }
  }
}

/// Element of a dense (n, c, h, w) array where a block's first element is.
size_t first_of(const npu::BlockBox& box, const npu::TensorShape& shape) {
  return ((size_t{box.n} * shape.c + box.c0) * shape.h + box.h0) * shape.w;
}

}  // namespace

void NpuBench::fill(const BenchTensor& t, const std::vector<float>& values) {
  BB_CHECK(values.size() == t.elements());
  const npu::Descriptor& d = t.descriptor;
  if (!npu::is_coded(t.format())) {
    const auto& row = npu::format_row(npu::number_format(t.format()));
    each_row(t, [&](size_t element, uint32_t address) {
      npu::scalar::encode_span(row, {values.data() + element, d.shape_w}, bus.at(address), d.scale);
    });
    return;
  }
  const BlockGeometry geometry = geometry_of(t);
  const npu::ClassRule rule{static_cast<npu::ClassRule::Kind>(d.rule), d.threshold};
  std::vector<uint8_t> block(geometry.slot_bytes(t.format()) + npu::kCodecSlack_bytes);
  for (uint32_t b = 0; b < geometry.blocks(); ++b) {
    const npu::BlockBox box = geometry.box(b);
    npu::ClassCounts counts;
    const uint32_t used = npu::scalar::encode_block(
        t.format(), rule, {values.data() + first_of(box, geometry.shape), box.elements()}, block.data(), counts);
    std::memcpy(bus.at(static_cast<uint32_t>(d.address + geometry.slot_offset(b, t.format()))), block.data(), used);
    const auto entry = static_cast<uint16_t>(used);
    std::memcpy(bus.at(d.metadata + 2 * b), &entry, 2);
  }
}

void NpuBench::fill_bytes(const BenchTensor& t, const std::vector<uint8_t>& bytes) {
  BB_CHECK(bytes.size() == t.elements() && t.format() == TensorFormat::kU8);
  each_row(t, [&](size_t element, uint32_t address) {
    std::memcpy(bus.at(address), bytes.data() + element, t.descriptor.shape_w);
  });
}

std::vector<float> NpuBench::values(const BenchTensor& t) {
  std::vector<float> values(t.elements());
  const npu::Descriptor& d = t.descriptor;
  if (!npu::is_coded(t.format())) {
    const auto& row = npu::format_row(npu::number_format(t.format()));
    each_row(t, [&](size_t element, uint32_t address) {
      npu::scalar::decode_span(row, bus.at(address), {values.data() + element, d.shape_w}, d.scale);
    });
    return values;
  }
  const BlockGeometry geometry = geometry_of(t);
  for (uint32_t b = 0; b < geometry.blocks(); ++b) {
    const npu::BlockBox box = geometry.box(b);
    uint16_t used = 0;
    std::memcpy(&used, bus.at(d.metadata + 2 * b), 2);
    const uint8_t* block = bus.at(static_cast<uint32_t>(d.address + geometry.slot_offset(b, t.format())));
    const bool good = npu::scalar::decode_block(
        t.format(), {block, used}, {values.data() + first_of(box, geometry.shape), box.elements()}, nullptr);
    BB_CHECK(good, "block {}", b);
  }
  return values;
}

std::vector<uint8_t> NpuBench::bytes(const BenchTensor& t) {
  std::vector<uint8_t> bytes(t.elements());
  each_row(t, [&](size_t element, uint32_t address) {
    std::memcpy(bytes.data() + element, bus.at(address), t.descriptor.shape_w);
  });
  return bytes;
}

npu_tensor_statistics NpuBench::statistics(const BenchTensor& t) {
  return record<npu_tensor_statistics>(t.descriptor.statistics);
}

std::vector<uint8_t> NpuBench::image(const BenchTensor& t) {
  const npu::Descriptor& d = t.descriptor;
  if (!npu::is_coded(t.format())) return {bus.at(d.address), bus.at(d.address) + d.size_bytes};
  // What lies behind the used bytes of a slot has no meaning.
  const BlockGeometry geometry = geometry_of(t);
  std::vector<uint8_t> image;
  for (uint32_t b = 0; b < geometry.blocks(); ++b) {
    const uint8_t* entry = bus.at(d.metadata + 2 * b);
    uint16_t used = 0;
    std::memcpy(&used, entry, 2);
    const uint8_t* block = bus.at(static_cast<uint32_t>(d.address + geometry.slot_offset(b, t.format())));
    image.insert(image.end(), entry, entry + 2);
    image.insert(image.end(), block, block + used);
  }
  return image;
}

uint32_t NpuBench::read(Reg reg) {
  uint32_t value = 0;
  BusAccess access;
  access.address = offset_of(reg);
  access.data = reinterpret_cast<uint8_t*>(&value);
  access.size = 4;
  access.time_ps = queue.now_ps() + ahead_ps;
  uint64_t delay_ps = 0;
  BB_CHECK(device.access(access, delay_ps) == BusResponse::ok);
  return value;
}

void NpuBench::write(Reg reg, uint32_t value) {
  BusAccess access;
  access.op = BusOp::write;
  access.address = offset_of(reg);
  access.data = reinterpret_cast<uint8_t*>(&value);
  access.size = 4;
  access.time_ps = queue.now_ps() + ahead_ps;
  uint64_t delay_ps = 0;
  BB_CHECK(device.access(access, delay_ps) == BusResponse::ok);
}

void NpuBench::start() {
  write(Reg::NPU_WINDOW0_BASE, MiniBus::kBase);
  write(Reg::NPU_WINDOW0_LAST, MiniBus::kBase + static_cast<uint32_t>(bus.memory().size()) - 1);
  write(Reg::NPU_WINDOW0_ACCESS, 3);
  write(Reg::NPU_IRQ_ENABLE, 0x1f);
  write(regs().base, slots_[ring]);
  write(regs().size, kRingSlots);
  write(regs().control, 1);
}

void NpuBench::reset() {
  write(regs().control, 2);
  submitted[ring] = 0;
  if (ring == 0) submitted.fill(0);
}

void NpuBench::restart() {
  reset();
  start();
}

void NpuBench::submit(const npu::Command& command) {
  npu::write_command(command, bus.at(slots_[ring] + submitted[ring] % kRingSlots * npu::kCommandBytes));
  ++submitted[ring];
  write(regs().tail, submitted[ring]);
}

bool NpuBench::run(uint64_t limit_ps) {
  const uint64_t end_ps = queue.now_ps() + limit_ps;
  while (queue.next_time_ps() <= end_ps) queue.run_one();
  return (read(regs().status) & 1) == 0;
}

npu::ErrorCode NpuBench::execute(const npu::Command& command) {
  submit(command);
  BB_CHECK(run(), "the command did not end");
  return static_cast<npu::ErrorCode>(read(regs().error_code));
}

uint64_t NpuBench::perf(Reg low_half) {
  const uint64_t low = read(low_half);
  return low | uint64_t{read(static_cast<Reg>(static_cast<uint16_t>(low_half) + 1))} << 32;
}

std::vector<float> noise(size_t count, uint32_t seed, double zeros) {
  std::vector<float> values(count);
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (float& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto draw = static_cast<uint32_t>(state >> 33);
    const double unit = (draw & 0xffffff) / 16777216.0;
    value = unit < zeros ? 0.0f : static_cast<float>((unit - zeros) / (1 - zeros) * 2 - 1);
  }
  return values;
}

}  // namespace backboard::test
