// What the descriptors of a command say on their own and of each other.
#include <bit>
#include <cmath>

#include "npu/codec/block_geometry.h"
#include "npu/command/check_shapes.h"
#include "npu/command/operands.h"
#include "npu/command/validate.h"

namespace backboard::npu {
namespace {

using descriptor_field::address;

constexpr uint8_t kLastTensorClass = static_cast<uint8_t>(TensorClass::kMETADATA);
constexpr uint32_t kCodedAlignment_bytes = 32;
constexpr uint8_t kLastRule = 1;

/// Formats that an operand takes, from what npu_command.def says of it and what the engine offers.
FormatMask formats_of(const OperandRow& row, const Offer& offer) {
  const FormatMask fp32 = mask_of(TensorFormat::kFP32);
  const FormatMask u8 = mask_of(TensorFormat::kU8);
  const FormatMask master = fp32 | mask_of(TensorFormat::kFP16);
  const auto input = [&] { return offer.vector_in; };
  switch (row.opcode) {
    case Opcode::kCONV_FF:
    case Opcode::kFC_FF:
    case Opcode::kCONV_BP:
    case Opcode::kFC_BP:
      if (row.slot <= 1) return offer.multiply;
      if (row.slot == 2) return offer.vector_out;
      return row.need == kFlagBIAS ? fp32 : input();
    case Opcode::kCONV_WG:
    case Opcode::kFC_WG:
      if (row.slot <= 1) return offer.multiply;
      if (row.slot == 2) return offer.vector_out & kDenseFormats;
      if (row.slot == 3) return master & offer.formats;
      return row.slot == 4 ? fp32 : offer.vector_out;
    case Opcode::kBIAS_WG:
      return row.slot == 0 ? input() : fp32;
    case Opcode::kNORM:
      return offer.vector_in & kDenseFormats;
    case Opcode::kADAM:
      if (row.slot == 0) return offer.vector_in & kDenseFormats;
      return row.slot == 5 ? offer.vector_out : fp32;
    case Opcode::kSGD:
      if (row.slot == 0) return offer.vector_in & kDenseFormats;
      if (row.slot == 3) return master & offer.formats;
      return row.slot == 4 ? fp32 : offer.vector_out;
    case Opcode::kBIAS_FF:
      if (row.slot == 3) return fp32;
      break;
    case Opcode::kMAXPOOL_FF:
      if (row.slot == 3) return u8;
      break;
    case Opcode::kMAXPOOL_BP:
    case Opcode::kSOFTMAX_CE:
    case Opcode::kMSE:
      if (row.slot == 1) return u8;
      break;
    case Opcode::kBN_MOMENTS:
    case Opcode::kBN_FF:
    case Opcode::kBN_BP:
    case Opcode::kBN_WG:
      if (is_channel_pair(row.opcode, row.slot)) return fp32;
      break;
    case Opcode::kCOPY:
      return offer.formats & kDenseFormats;
    case Opcode::kENCODE:
      return row.slot == 0 ? input() & kDenseFormats : offer.vector_out;
    case Opcode::kDECODE:
      return row.slot == 0 ? input() : offer.vector_out & kDenseFormats;
    default:
      break;
  }
  return row.direction == Direction::IN ? offer.vector_in : offer.vector_out;
}

/// Fixed point is a multiple of a power of two; a byte times its scale must be a finite normal number; others have
/// none.
bool good_scale(TensorFormat format, float scale) {
  if (format == TensorFormat::kU8) return scale >= 0x1p-60f && scale <= 0x1p60f;
  if (!has_format(kFixedFormats, format)) return scale == 1.0f;
  const bool power = (std::bit_cast<uint32_t>(scale) & 0x7fffffu) == 0;
  return power && scale >= 0x1p-24f && scale <= 0x1p15f;
}

class DescriptorCheck {
 public:
  DescriptorCheck(const Descriptor& descriptor, uint32_t descriptor_address, const OperandRow& row, bool read,
                  bool written)
      : d_(descriptor), at_(descriptor_address), row_(row), read_(read), written_(written) {}

  Checked run(const Offer& offer, const AccessWindows& windows, Tensor& tensor);

 private:
  CommandError error(ErrorCode code, uint8_t field) const { return {code, at_, field}; }
  Checked fields(const Offer& offer) const;
  Checked shape() const;
  Checked dense_layout(Tensor& tensor) const;
  Checked coded_layout(Tensor& tensor) const;
  Checked ranges(const AccessWindows& windows, const Tensor& tensor) const;
  Checked window(const AccessWindows& windows, uint64_t first, uint64_t bytes, bool reads, bool stores,
                 uint8_t field) const;

  const Descriptor& d_;
  uint32_t at_;
  const OperandRow& row_;
  bool read_, written_;
};

Checked DescriptorCheck::fields(const Offer& offer) const {
  namespace f = descriptor_field;
  if (d_.reserved != 0) return error(ErrorCode::kRESERVED, f::reserved);
  if (d_.reserved2 != 0) return error(ErrorCode::kRESERVED, f::reserved2);
  if (d_.format >= kTensorFormats) return error(ErrorCode::kFORMAT, f::format);
  const auto format = static_cast<TensorFormat>(d_.format);
  if (!has_format(formats_of(row_, offer), format)) return error(ErrorCode::kFORMAT, f::format);
  if (d_.tensor_class > kLastTensorClass) return error(ErrorCode::kPARAMETER, f::tensor_class);
  if (format == TensorFormat::kFGMP) {
    if (d_.rule > kLastRule) return error(ErrorCode::kPARAMETER, f::rule);
    if (!std::isfinite(d_.threshold) || d_.threshold < 0) return error(ErrorCode::kPARAMETER, f::threshold);
  } else {
    if (d_.rule != 0) return error(ErrorCode::kRESERVED, f::rule);
    if (std::bit_cast<uint32_t>(d_.threshold) != 0) return error(ErrorCode::kRESERVED, f::threshold);
  }
  if (!good_scale(format, d_.scale)) return error(ErrorCode::kPARAMETER, f::scale);
  if (!is_coded(format)) {
    if (d_.metadata != 0) return error(ErrorCode::kRESERVED, f::metadata);
    if (d_.block_channels != 0) return error(ErrorCode::kRESERVED, f::block_channels);
    if (d_.block_rows != 0) return error(ErrorCode::kRESERVED, f::block_rows);
  } else {
    if (d_.stride_n != 0) return error(ErrorCode::kSTRIDE, f::stride_n);
    if (d_.stride_c != 0) return error(ErrorCode::kSTRIDE, f::stride_c);
    if (d_.stride_h != 0) return error(ErrorCode::kSTRIDE, f::stride_h);
  }
  return {};
}

Checked DescriptorCheck::shape() const {
  namespace f = descriptor_field;
  const uint32_t shape[] = {d_.shape_n, d_.shape_c, d_.shape_h, d_.shape_w};
  const uint8_t field[] = {f::shape_n, f::shape_c, f::shape_h, f::shape_w};
  uint64_t elements = 1;
  for (unsigned i = 0; i < 4; ++i) {
    if (shape[i] == 0 || shape[i] > kLargestDimension) return error(ErrorCode::kSHAPE, field[i]);
    elements *= shape[i];
  }
  if (elements > kLargestTensor_elements) return error(ErrorCode::kSHAPE, f::shape_n);
  return {};
}

Checked DescriptorCheck::dense_layout(Tensor& tensor) const {
  namespace f = descriptor_field;
  const uint64_t w = d_.shape_w, h = d_.shape_h, c = d_.shape_c;
  const uint64_t stride_h = d_.stride_h ? d_.stride_h : w;
  if (stride_h < w) return error(ErrorCode::kSTRIDE, f::stride_h);
  const uint64_t plane = (h - 1) * stride_h + w;
  const uint64_t stride_c = d_.stride_c ? d_.stride_c : h * stride_h;
  if (stride_c < plane) return error(ErrorCode::kSTRIDE, f::stride_c);
  const uint64_t image = (c - 1) * stride_c + plane;
  const uint64_t stride_n = d_.stride_n ? d_.stride_n : c * stride_c;
  if (stride_n < image) return error(ErrorCode::kSTRIDE, f::stride_n);
  // Dimensions are below 2^16 and strides below 2^32, or products of dimensions that the element limit bounds; so no
  // sum here comes near 2^64.
  const uint32_t element = dense_bytes(tensor.format);
  const uint64_t bytes = ((d_.shape_n - 1) * stride_n + image) * element;
  if (bytes > d_.size_bytes) return error(ErrorCode::kRANGE, f::size_bytes);
  if (d_.address % element != 0) return error(ErrorCode::kALIGNMENT, address);
  tensor.stride = {static_cast<uint32_t>(stride_n), static_cast<uint32_t>(stride_c), static_cast<uint32_t>(stride_h)};
  tensor.extent_bytes = static_cast<uint32_t>(bytes);
  return {};
}

Checked DescriptorCheck::coded_layout(Tensor& tensor) const {
  namespace f = descriptor_field;
  if (d_.block_channels == 0 || d_.block_channels > d_.shape_c) return error(ErrorCode::kPARAMETER, f::block_channels);
  const BlockGeometry geometry = tensor.blocks();
  if (!geometry.valid()) return error(ErrorCode::kPARAMETER, f::block_rows);
  const uint64_t bytes = geometry.tensor_bytes(tensor.format);
  if (bytes > d_.size_bytes) return error(ErrorCode::kRANGE, f::size_bytes);
  if (d_.address % kCodedAlignment_bytes != 0) return error(ErrorCode::kALIGNMENT, address);
  if (d_.metadata == 0 || d_.metadata % 2 != 0) return error(ErrorCode::kALIGNMENT, f::metadata);
  if (d_.metadata + geometry.directory_bytes() > uint64_t{1} << 32) return error(ErrorCode::kRANGE, f::metadata);
  tensor.extent_bytes = static_cast<uint32_t>(bytes);
  tensor.directory_bytes = static_cast<uint32_t>(geometry.directory_bytes());
  return {};
}

Checked DescriptorCheck::window(const AccessWindows& windows, uint64_t first, uint64_t bytes, bool reads, bool stores,
                                uint8_t field) const {
  if ((reads && !windows.allow(first, bytes, false)) || (stores && !windows.allow(first, bytes, true))) {
    return CommandError{ErrorCode::kWINDOW, static_cast<uint32_t>(first), field};
  }
  return {};
}

Checked DescriptorCheck::ranges(const AccessWindows& windows, const Tensor& tensor) const {
  namespace f = descriptor_field;
  if (uint64_t{d_.address} + d_.size_bytes > uint64_t{1} << 32) return error(ErrorCode::kRANGE, address);
  if (const Checked e = window(windows, d_.address, tensor.extent_bytes, read_, written_, address)) return e;
  if (tensor.coded()) {
    if (const Checked e = window(windows, d_.metadata, tensor.directory_bytes, read_, written_, f::metadata)) return e;
  }
  if (written_ && d_.statistics != 0) {
    if (d_.statistics % sizeof(npu_tensor_statistics) != 0) return error(ErrorCode::kALIGNMENT, f::statistics);
    // A copy produces no elements: it moves bytes.
    if (row_.opcode == Opcode::kCOPY) return error(ErrorCode::kRESERVED, f::statistics);
    return window(windows, d_.statistics, sizeof(npu_tensor_statistics), false, true, f::statistics);
  }
  return {};
}

Checked DescriptorCheck::run(const Offer& offer, const AccessWindows& windows, Tensor& tensor) {
  if (const Checked e = fields(offer)) return e;
  if (const Checked e = shape()) return e;
  tensor.present = true;
  tensor.descriptor_address = at_;
  tensor.address = d_.address;
  tensor.size_bytes = d_.size_bytes;
  tensor.shape = {d_.shape_n, d_.shape_c, d_.shape_h, d_.shape_w};
  tensor.format = static_cast<TensorFormat>(d_.format);
  tensor.tensor_class = static_cast<TensorClass>(d_.tensor_class);
  tensor.rule = d_.rule;
  tensor.threshold = d_.threshold;
  tensor.scale = d_.scale;
  tensor.metadata = d_.metadata;
  tensor.statistics = d_.statistics;
  tensor.block_channels = d_.block_channels;
  tensor.block_rows = d_.block_rows;
  if (const Checked e = tensor.coded() ? coded_layout(tensor) : dense_layout(tensor)) return e;
  return ranges(windows, tensor);
}

}  // namespace

Checked check_tensors(Job& job, std::span<const Descriptor, kOperands> descriptors, const Offer& offer,
                      const AccessWindows& windows) {
  const Command& command = job.command;
  const uint32_t addresses[kOperands] = {command.tensor0, command.tensor1, command.tensor2,
                                         command.tensor3, command.tensor4, command.tensor5};
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    job.tensors[slot] = {};
    const OperandRow* row = operand_of(command, slot);
    if (row == nullptr) continue;
    DescriptorCheck check(descriptors[slot], addresses[slot], *row, reads(command, slot), writes(command, slot));
    if (const Checked error = check.run(offer, windows, job.tensors[slot])) return error;
  }
  if (const Checked error = check_shapes(job, offer)) return error;
  return check_overlap(job);
}

}  // namespace backboard::npu
