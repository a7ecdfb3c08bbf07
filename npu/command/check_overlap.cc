#include <array>

#include "npu/command/check_shapes.h"
#include "npu/command/operands.h"

namespace backboard::npu {
namespace {

/// Bytes that a command touches. `slot` kOperands: a record of the command itself.
struct Extent {
  uint64_t first = 0;
  uint64_t bytes = 0;
  unsigned slot = 0;
  bool written = false;
  bool data = false;     ///< the elements themselves, not directory or statistics
  uint32_t address = 0;  ///< of the descriptor or command, for the error
  uint8_t field = 0;

  bool overlaps(const Extent& other) const { return first < other.first + other.bytes && other.first < first + bytes; }
};

/// The very same bytes in the very same order.
bool same_tensor(const Tensor& a, const Tensor& b) {
  return a.address == b.address && a.shape == b.shape && a.stride == b.stride && a.format == b.format;
}

class Extents {
 public:
  void add(const Extent& extent) {
    if (extent.bytes != 0) extents_[count_++] = extent;
  }
  const Extent* begin() const { return extents_.data(); }
  const Extent* end() const { return extents_.data() + count_; }

 private:
  std::array<Extent, 3 * kOperands + 2> extents_;
  size_t count_ = 0;
};

Extents extents_of(const Job& job) {
  namespace f = descriptor_field;
  Extents extents;
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    const Tensor& t = job[slot];
    if (!t.present) continue;
    const bool written = writes(job.command, slot);
    const uint32_t at = t.descriptor_address;
    extents.add({t.address, t.extent_bytes, slot, written, true, at, f::address});
    extents.add({t.metadata, t.directory_bytes, slot, written, false, at, f::metadata});
    if (written && t.statistics != 0) {
      extents.add({t.statistics, sizeof(npu_tensor_statistics), slot, true, false, at, f::statistics});
    }
  }
  const RecordRange hyper = hyper_range(job);
  extents.add({hyper.address, hyper.bytes, kOperands, false, false, job.command_address, command_field::parameters});
  const RecordRange auxiliary = auxiliary_range(job);
  const bool loss = writes_record(job.opcode());
  extents.add(
      {auxiliary.address, auxiliary.bytes, kOperands, loss, false, job.command_address, command_field::auxiliary});
  return extents;
}

/// Whether the output is one of the inputs, dense, of a command that may work in place.
bool in_place(const Job& job, const Extent& a, const Extent& b) {
  if (!opcode_row(job.command.opcode)->in_place || !a.data || !b.data) return false;
  const Tensor& x = job[a.slot];
  return !x.coded() && same_tensor(x, job[b.slot]);
}

}  // namespace

Checked check_overlap(const Job& job) {
  const Extents extents = extents_of(job);
  for (const Extent& a : extents) {
    if (!a.written) continue;
    for (const Extent& b : extents) {
      if (&a == &b || !a.overlaps(b) || in_place(job, a, b)) continue;
      return CommandError{ErrorCode::kOVERLAP, a.address, a.field};
    }
  }
  return {};
}

}  // namespace backboard::npu
