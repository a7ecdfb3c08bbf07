// The codec of coded tensors: one block to bytes and back. Byte layout in docs/formats/fgmp.md.
//
// A block of N elements, nnz of them non-zero, n8 low and n16 high:
//   bytes [0, B)  B = ceil((N + nnz) / 8) for FGMP, ceil(N / 8) for FP16Z. Bit i (bit i % 8 of byte i / 8) of the first
//                 N is 1 when element i is not zero; for FGMP bit N + j is 1 when the j-th non-zero is high.
//                 Bits that are left over are zero.
//   then n16 FP16 values, 2 bytes each, little-endian, in element order; then n8 FP8 values, 1 byte each.
// In total ceil((N + nnz + 8 n8 + 16 n16) / 8) bytes (FP16Z: ceil((N + 16 nnz) / 8)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "npu/codec/block_geometry.h"
#include "npu/codec/element_class.h"
#include "npu/codec/tensor_format.h"

namespace backboard::npu {

/// Encoders may write and decoders may read whole vectors: this many bytes beyond the end of a block's bytes are
/// written (scratch) by encode_block when the buffer has them, and decode_block is faster where it may read as many.
inline constexpr uint32_t kCodecSlack_bytes = 64;

/// Encodes one block and returns the bytes used, at most worst_case_block_bytes(). `format` is FP16Z or FGMP; `rule` is
/// for FGMP. out: worst_case_block_bytes(format, in.size()) + kCodecSlack_bytes. Adds to `counts`.
/// The bytes after those used keep no meaning. in.size() <= kMaxBlockElements.
uint32_t encode_block(TensorFormat format, ClassRule rule, std::span<const float> in, uint8_t* out,
                      ClassCounts& counts);

/// Decodes one block of values.size() elements from exactly `bytes` (the directory's length). Gives values and, unless
/// null, classes. Returns false when the bytes are not a block: wrong length, or a left-over bit set; then the outputs
/// hold no meaning. Any bytes are safe. `behind`: how many bytes behind the block may be read, whatever they are.
bool decode_block(TensorFormat format, std::span<const uint8_t> bytes, std::span<float> values, uint8_t* classes,
                  size_t behind = 0);

/// Decodes blocks of `elements` each that follow each other in `bytes`, as DMA brings them: block i has the length of
/// entry i of `directory` (kDirectoryEntry_bytes each, little-endian) and goes to values + i * elements, and unless
/// null to classes. `bytes` may go on behind the last block; with kCodecSlack_bytes more decoding is faster. Returns
/// how many blocks are good: all, or the number of the first that is none.
size_t decode_run(TensorFormat format, std::span<const uint8_t> directory, std::span<const uint8_t> bytes,
                  uint32_t elements, float* values, uint8_t* classes);

/// Bytes of a block of `elements` with these classes (the formula above).
uint32_t block_bytes(TensorFormat format, uint32_t elements, uint32_t low, uint32_t high);

namespace scalar {
uint32_t encode_block(TensorFormat format, ClassRule rule, std::span<const float> in, uint8_t* out,
                      ClassCounts& counts);
bool decode_block(TensorFormat format, std::span<const uint8_t> bytes, std::span<float> values, uint8_t* classes);
}  // namespace scalar

}  // namespace backboard::npu
