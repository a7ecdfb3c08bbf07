#include "sw/checkpoint/checkpoint.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstring>

#include "npu/codec/tensor_format.h"
#include "npu/numerics/rounding.h"
#include "platform/check/input_error.h"
#include "sw/file/file.h"

namespace backboard {

namespace {

constexpr uint32_t kMaxCount = 1u << 20;

/// Why a slot holds no checkpoint.
struct Invalid {
  std::string reason;
};

class SlotReader {
 public:
  SlotReader(std::span<const uint8_t> header, std::span<const uint8_t> payload) : slot_(header), room_(payload) {}

  Checkpoint read() {
    header();
    tables();
    for (const checkpoint_tensor& tensor : result_.tensors) contents(tensor);
    return std::move(result_);
  }

 private:
  void header() {
    checkpoint_header& h = result_.header;
    if (slot_.size() < sizeof h) throw Invalid{"the slot is too small"};
    std::memcpy(&h, slot_.data(), sizeof h);
    if (h.magic == 0xffffffffu) throw Invalid{"erased"};
    if (h.magic != CHECKPOINT_MAGIC) throw Invalid{"no checkpoint (magic 'BCKP')"};
    if (h.version != CHECKPOINT_VERSION) throw Invalid{fmt::format("version {}", h.version)};
    if (h.header_bytes != sizeof h) throw Invalid{fmt::format("a header of {} bytes", h.header_bytes)};
    if (h.header_crc32 != crc32_of(slot_.first(offsetof(checkpoint_header, header_crc32))))
      throw Invalid{"the header's checksum does not fit"};
    if (h.payload_bytes > room_.size()) throw Invalid{"the payload does not fit in the slot"};
    payload_ = room_.first(h.payload_bytes);
    if (h.payload_crc32 != crc32_of(payload_)) throw Invalid{"the payload's checksum does not fit"};
  }

  template <class T>
  std::vector<T> table(uint32_t count) {
    if (count > kMaxCount || count * sizeof(T) > payload_.size() - next_) throw Invalid{"a table leaves the payload"};
    std::vector<T> rows(count);
    if (count != 0) std::memcpy(rows.data(), payload_.data() + next_, count * sizeof(T));
    next_ += count * sizeof(T);
    return rows;
  }
  void tables() {
    const checkpoint_header& h = result_.header;
    result_.tensors = table<checkpoint_tensor>(h.tensor_count);
    result_.thresholds = table<float>(h.threshold_count);
    result_.loss = table<float>(h.history_count);
    result_.eval_correct = table<uint32_t>(h.history_count);
  }

  void contents(const checkpoint_tensor& tensor) {
    if (std::memchr(tensor.name, 0, sizeof tensor.name) == nullptr) throw Invalid{"a name does not end"};
    const std::string name = tensor.name;
    const auto format =
        tensor.format < npu::kTensorFormats ? npu::tensor_format(static_cast<uint8_t>(tensor.format)) : std::nullopt;
    if (!format || npu::is_coded(*format)) throw Invalid{"'" + name + "' has no dense format"};
    uint64_t elements = 1;
    for (const uint32_t dimension : tensor.shape) {
      if (dimension == 0 || dimension > 65535 || elements > kMaxElements / dimension)
        throw Invalid{"'" + name + "' has an impossible shape"};
      elements *= dimension;
    }
    const npu::FormatRow& row = npu::format_row(*format);
    const uint64_t bytes = elements * row.bytes();
    if (bytes > tensor.size_bytes || tensor.offset > payload_.size() || bytes > payload_.size() - tensor.offset)
      throw Invalid{"'" + name + "' leaves the payload"};
    std::vector<float> values(elements);
    npu::decode_span(row, payload_.data() + tensor.offset, values);
    const bool bias = name.find(".bias") != std::string::npos;
    const auto& s = tensor.shape;
    const std::vector<uint64_t> shape =
        bias ? std::vector<uint64_t>{s[1]} : std::vector<uint64_t>{s[0], s[1], s[2], s[3]};
    if (bias && elements != s[1]) throw Invalid{"'" + name + "' has an impossible shape"};
    Arrays& arrays = tensor.flags & PLAN_TENSOR_PARAMETER ? result_.parameters : result_.momenta;
    if (!arrays.emplace(name, Array::of_floats(shape, values)).second) throw Invalid{"'" + name + "' appears twice"};
  }

  static constexpr uint64_t kMaxElements = uint64_t{1} << 28;
  std::span<const uint8_t> slot_, room_, payload_;
  size_t next_ = 0;
  Checkpoint result_;
};

}  // namespace

CheckpointSlots read_checkpoints(std::span<const uint8_t> flash, const std::string& file, uint32_t sector_bytes) {
  const size_t first = flash.size() / 2 / sector_bytes * sector_bytes;
  const size_t slot_bytes = flash.size() / 2 / CHECKPOINT_SLOTS / sector_bytes * sector_bytes;
  if (slot_bytes <= sector_bytes)
    throw InputError::at_offset(file, flash.size(), "too small for a flash image with checkpoints");
  CheckpointSlots slots;
  for (size_t i = 0; i < slots.size(); ++i) {
    const std::span<const uint8_t> slot = flash.subspan(first + i * slot_bytes, slot_bytes);
    try {
      slots[i].checkpoint = SlotReader(slot.first(sector_bytes), slot.subspan(sector_bytes)).read();
    } catch (const Invalid& invalid) {
      slots[i].reason = invalid.reason;
    }
  }
  return slots;
}

int newest_checkpoint(const CheckpointSlots& slots) {
  int newest = -1;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i].checkpoint) continue;
    if (newest >= 0) {
      const uint32_t ahead = slots[i].checkpoint->header.sequence - slots[newest].checkpoint->header.sequence;
      if (ahead == 0 || ahead >= 0x80000000u) continue;
    }
    newest = static_cast<int>(i);
  }
  return newest;
}

std::string dump_checkpoints(const CheckpointSlots& slots) {
  std::string text;
  const int newest = newest_checkpoint(slots);
  for (size_t i = 0; i < slots.size(); ++i) {
    if (!slots[i].checkpoint) {
      text += fmt::format("slot {}: {}\n", i, slots[i].reason);
      continue;
    }
    const Checkpoint& c = *slots[i].checkpoint;
    const checkpoint_progress& p = c.header.progress;
    text += fmt::format(
        "slot {}{}: sequence {}, plan {:08x}, {} epochs and {} steps done, {} examples, loss scale {:.9g}, FGMP share "
        "{:.4f}\n",
        i, static_cast<int>(i) == newest ? " (newest)" : "", c.header.sequence, c.header.plan_crc32, p.epochs_done,
        p.steps_done, p.examples, p.loss_scale, p.fgmp_target);
    for (const checkpoint_tensor& tensor : c.tensors)
      text += fmt::format("  {:<23} {} x {} x {} x {}  {} bytes\n", tensor.name, tensor.shape[0], tensor.shape[1],
                          tensor.shape[2], tensor.shape[3], tensor.size_bytes);
    for (size_t epoch = 0; epoch < c.loss.size(); ++epoch)
      text +=
          fmt::format("  epoch {}: loss {:.6g}{}\n", epoch + 1, c.loss[epoch],
                      c.eval_correct[epoch] == 0xffffffffu ? "" : fmt::format(", {} correct", c.eval_correct[epoch]));
  }
  return text;
}

}  // namespace backboard
