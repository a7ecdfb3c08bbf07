#include "npu/sequencer/tensor_transfer.h"

#include <algorithm>
#include <cstring>

#include "npu/codec/block_codec.h"
#include "npu/codec/tensor_format.h"
#include "npu/engine/host_pool.h"
#include "npu/numerics/rounding.h"
#include "platform/check/check.h"
#include "platform/host_time/host_time.h"

namespace backboard::npu {
namespace {

const FormatRow& row_of(const Tensor& tensor) {
  return format_row(number_format(tensor.format));
}

uint16_t entry_of(std::span<const uint8_t> directory, size_t index) {
  uint16_t bytes = 0;
  std::memcpy(&bytes, directory.data() + index * kDirectoryEntry_bytes, sizeof bytes);
  return bytes;
}

/// Classes of a dense operand: what is stored in 8 bits is low, all else that is not zero is high.
void fill_classes(TensorFormat format, SlotContents& slot) {
  slot.classes.resize(slot.values.size());
  classes_of_values(slot.values, slot.classes);
  if (dense_bytes(format) != 1) return;
  for (uint8_t& c : slot.classes) {
    if (c == kClassHigh) c = kClassLow;
  }
}

/// Position in a slot of the first element of row `h` of channel `c` of image `n`, absolute in the tensor.
size_t row_in_slot(const Box& box, uint32_t n, uint32_t c, uint32_t h) {
  const size_t channel = size_t{n - box.first[0]} * box.count[1] + (c - box.first[1]);
  return (channel * box.count[2] + (h - box.first[2])) * box.count[3];
}

/// Whether all of a block lies in the box; then it lies in one piece in the slot.
bool inside(const BlockBox& block, const Box& box) {
  return block.c0 >= box.first[1] && block.c0 + block.channels <= box.first[1] + box.count[1] &&
         block.h0 >= box.first[2] && block.h0 + block.rows <= box.first[2] + box.count[2];
}

/// Copies the rows of a decoded block that lie in the box.
template <class T>
void copy_rows(const BlockBox& block, const Box& box, const T* from, T* to) {
  const uint32_t c_end = std::min(block.c0 + block.channels, box.first[1] + box.count[1]);
  const uint32_t h_end = std::min(block.h0 + block.rows, box.first[2] + box.count[2]);
  for (uint32_t c = std::max(block.c0, box.first[1]); c < c_end; ++c) {
    for (uint32_t h = std::max(block.h0, box.first[2]); h < h_end; ++h) {
      const T* row = from + (size_t{c - block.c0} * block.rows + (h - block.h0)) * block.columns;
      std::copy_n(row, block.columns, to + row_in_slot(box, block.n, c, h));
    }
  }
}

/// Blocks of a box that one thread encodes, one behind the other from where the first would lie at worst.
struct EncodedPart {
  size_t first = 0, end = 0;  ///< of the blocks
  size_t bytes = 0;
  ClassCounts counts;
};

/// Elements of a part: handing over fewer costs more than it saves.
constexpr uint64_t kLeastPart_elements = 8192;

std::vector<EncodedPart> parts_of(size_t blocks, uint64_t elements, HostPool* pool) {
  const uint64_t threads = pool == nullptr ? 1 : pool->threads();
  const uint64_t count = std::clamp<uint64_t>(std::min<uint64_t>(elements / kLeastPart_elements, blocks), 1, threads);
  std::vector<EncodedPart> parts(count);
  for (size_t i = 0; i < count; ++i) {
    parts[i].first = blocks * i / count;
    parts[i].end = blocks * (i + 1) / count;
  }
  return parts;
}

void encode_coded(const Tensor& tensor, const Box& box, const SlotContents& slot, HostPool* pool, DmaTransfer& transfer,
                  ClassCounts& counts) {
  const BlockGeometry geometry = tensor.blocks();
  const ClassRule rule{static_cast<ClassRule::Kind>(tensor.rule), tensor.threshold};
  std::vector<uint32_t> blocks;
  blocks_of_box(tensor, box, blocks);
  const uint32_t room = worst_case_block_bytes(tensor.format, geometry.block_elements()) + kCodecSlack_bytes;
  std::vector<uint16_t> lengths(blocks.size());
  std::vector<EncodedPart> parts = parts_of(blocks.size(), box.elements(), pool);
  transfer.bytes.resize(blocks.size() * size_t{room});
  const auto encode = [&](EncodedPart& part) {
    uint8_t* const to = transfer.bytes.data() + part.first * room;
    for (size_t i = part.first; i < part.end; ++i) {
      const BlockBox block = geometry.box(blocks[i]);
      BB_CHECK(inside(block, box), "a stored tile cuts block {}", blocks[i]);
      const size_t first = row_in_slot(box, block.n, block.c0, block.h0);
      const uint32_t bytes = encode_block(tensor.format, rule, {slot.values.data() + first, block.elements()},
                                          to + part.bytes, part.counts);
      lengths[i] = static_cast<uint16_t>(bytes);
      part.bytes += bytes;
    }
  };
  if (parts.size() == 1) {
    encode(parts[0]);
  } else {
    pool->run(static_cast<uint32_t>(parts.size()), [&](uint32_t part, uint32_t) {
      const HostSpan span(HostPart::codec);
      encode(parts[part]);
    });
  }
  size_t at = 0;
  for (const EncodedPart& part : parts) {
    const uint8_t* from = transfer.bytes.data() + part.first * room;
    if (part.first != 0) std::memmove(transfer.bytes.data() + at, from, part.bytes);
    at += part.bytes;
    counts.add(part.counts);
  }
  transfer.bytes.resize(at);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const uint64_t offset = geometry.slot_offset(blocks[i], tensor.format);
    transfer.add(static_cast<uint32_t>(tensor.address + offset), lengths[i], tensor.tensor_class);
    transfer.bytes.push_back(static_cast<uint8_t>(lengths[i]));
    transfer.bytes.push_back(static_cast<uint8_t>(lengths[i] >> 8));
  }
  add_directory_runs(tensor, blocks, transfer);
}

}  // namespace

void add_dense_runs(const Tensor& tensor, const Box& box, std::span<const uint32_t> gather, DmaTransfer& transfer) {
  const uint32_t element = dense_bytes(tensor.format);
  // Inner dimensions whose elements follow each other make one run.
  uint64_t run = box.count[3];
  uint32_t channels = box.count[1], rows = box.count[2];
  if (rows == 1 || tensor.stride[2] == run) {
    run *= rows;
    rows = 1;
    if (channels == 1 || tensor.stride[1] == run) {
      run *= channels;
      channels = 1;
    }
  }
  for (uint32_t n = 0; n < box.count[0]; ++n) {
    const uint64_t image = gather.empty() ? box.first[0] + n : gather[box.first[0] + n];
    for (uint32_t c = 0; c < channels; ++c) {
      for (uint32_t h = 0; h < rows; ++h) {
        const uint64_t first = image * tensor.stride[0] + uint64_t{box.first[1] + c} * tensor.stride[1] +
                               uint64_t{box.first[2] + h} * tensor.stride[2] + box.first[3];
        transfer.add(static_cast<uint32_t>(tensor.address + first * element), static_cast<uint32_t>(run * element),
                     tensor.tensor_class);
      }
    }
  }
}

void blocks_of_box(const Tensor& tensor, const Box& box, std::vector<uint32_t>& blocks) {
  const BlockGeometry geometry = tensor.blocks();
  const uint32_t c0 = box.first[1] / geometry.block_channels;
  const uint32_t c1 = (box.first[1] + box.count[1] - 1) / geometry.block_channels;
  const uint32_t r0 = box.first[2] / geometry.block_rows;
  const uint32_t r1 = (box.first[2] + box.count[2] - 1) / geometry.block_rows;
  blocks.clear();
  for (uint32_t n = box.first[0]; n < box.first[0] + box.count[0]; ++n) {
    for (uint32_t c = c0; c <= c1; ++c) {
      const uint32_t first = (n * geometry.channel_blocks() + c) * geometry.row_blocks();
      for (uint32_t r = r0; r <= r1; ++r) blocks.push_back(first + r);
    }
  }
}

void add_directory_runs(const Tensor& tensor, std::span<const uint32_t> blocks, DmaTransfer& transfer) {
  for (const uint32_t block : blocks) {
    transfer.add(tensor.metadata + block * kDirectoryEntry_bytes, kDirectoryEntry_bytes, TensorClass::kMETADATA);
  }
}

uint32_t add_block_runs(const Tensor& tensor, std::span<const uint32_t> blocks, std::span<const uint8_t> directory,
                        DmaTransfer& transfer) {
  const BlockGeometry geometry = tensor.blocks();
  const uint32_t worst = worst_case_block_bytes(tensor.format, geometry.block_elements());
  for (size_t i = 0; i < blocks.size(); ++i) {
    const uint16_t bytes = entry_of(directory, i);
    if (bytes == 0 || bytes > worst) return tensor.metadata + blocks[i] * kDirectoryEntry_bytes;
    const uint64_t offset = geometry.slot_offset(blocks[i], tensor.format);
    transfer.add(static_cast<uint32_t>(tensor.address + offset), bytes, tensor.tensor_class);
  }
  return 0;
}

void decode_dense(const Tensor& tensor, const Box& box, std::span<const uint8_t> bytes, const Decoding& decoding,
                  SlotContents& slot) {
  slot.resize_to(box);
  if (decoding.bytes) {
    slot.values.clear();
    slot.bytes.assign(bytes.begin(), bytes.end());
    return;
  }
  decode_span(row_of(tensor), bytes.data(), slot.values, tensor.scale);
  if (decoding.classes) fill_classes(tensor.format, slot);
}

namespace {

/// Whether a box has all channels and rows of its images, and these whole blocks only: then its blocks are of one size
/// and follow each other in the slot as in the list.
bool whole_blocks_only(const BlockGeometry& geometry, const Box& box) {
  const TensorShape& shape = geometry.shape;
  return box.count[1] == shape.c && box.count[2] == shape.h && shape.c % geometry.block_channels == 0 &&
         shape.h % geometry.block_rows == 0;
}

}  // namespace

uint32_t decode_blocks(const Tensor& tensor, const Box& box, std::span<const uint32_t> blocks,
                       std::span<const uint8_t> directory, std::span<const uint8_t> bytes, const Decoding& decoding,
                       SlotContents& slot) {
  const BlockGeometry geometry = tensor.blocks();
  slot.resize_to(box);
  if (decoding.classes) slot.classes.resize(slot.values.size());
  if (whole_blocks_only(geometry, box)) {
    const size_t good =
        decode_run(tensor.format, directory.first(blocks.size() * kDirectoryEntry_bytes), bytes,
                   geometry.block_elements(), slot.values.data(), decoding.classes ? slot.classes.data() : nullptr);
    if (good == blocks.size()) return 0;
    return static_cast<uint32_t>(tensor.address + geometry.slot_offset(blocks[good], tensor.format));
  }
  std::array<float, kMaxBlockElements> values;
  std::array<uint8_t, kMaxBlockElements> classes;
  size_t at = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const BlockBox block = geometry.box(blocks[i]);
    const std::span<const uint8_t> coded = bytes.subspan(at, entry_of(directory, i));
    at += coded.size();
    const size_t behind = bytes.size() - at;
    const size_t elements = block.elements();
    bool good;
    if (inside(block, box)) {
      const size_t first = row_in_slot(box, block.n, block.c0, block.h0);
      good = decode_block(tensor.format, coded, {slot.values.data() + first, elements},
                          decoding.classes ? slot.classes.data() + first : nullptr, behind);
    } else {
      good = decode_block(tensor.format, coded, {values.data(), elements}, decoding.classes ? classes.data() : nullptr,
                          behind);
      if (good) copy_rows(block, box, values.data(), slot.values.data());
      if (good && decoding.classes) copy_rows(block, box, classes.data(), slot.classes.data());
    }
    if (!good) return static_cast<uint32_t>(tensor.address + geometry.slot_offset(blocks[i], tensor.format));
  }
  return 0;
}

void encode_box(const Tensor& tensor, const Box& box, const SlotContents& slot, bool raw, DmaTransfer& transfer,
                ClassCounts& counts, HostPool* pool) {
  BB_CHECK(slot.box == box);
  if (tensor.coded()) return encode_coded(tensor, box, slot, pool, transfer, counts);
  add_dense_runs(tensor, box, {}, transfer);
  if (raw) {
    transfer.bytes = slot.bytes;
    ClassCounts stored;
    stored.elements = slot.bytes.size();
    stored.zeros = static_cast<uint64_t>(std::count(slot.bytes.begin(), slot.bytes.end(), 0));
    stored.high = stored.elements - stored.zeros;
    counts.add(stored);
    return;
  }
  const FormatRow& row = row_of(tensor);
  transfer.bytes.resize(slot.values.size() * row.bytes());
  const ConversionCounts converted = encode_span(row, slot.values, transfer.bytes.data(), tensor.scale);
  ClassCounts stored;
  stored.elements = converted.elements;
  stored.zeros = converted.zeros;
  (row.bytes() == 1 ? stored.low : stored.high) = converted.elements - converted.zeros;
  stored.saturated = converted.saturated;
  stored.nonfinite = converted.nonfinite;
  stored.largest = converted.largest;
  counts.add(stored);
}

}  // namespace backboard::npu
