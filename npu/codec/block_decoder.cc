// Vector versions of decoding coded blocks.
#define HWY_WANT_AVX3_DL  // expanding bytes and half-words
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/codec/block_decoder.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/codec/block_codec.h"
#include "npu/codec/block_reader.h"
#include "npu/codec/decode_halves-inl.h"
#include "npu/codec/decode_shared-inl.h"
#include "npu/codec/decode_words-inl.h"
#include "npu/codec/small_blocks-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

/// Set bits of `count` bits from bit `at` on.
HWY_INLINE uint32_t count_map(const uint8_t* bytes, size_t length, uint32_t at, uint32_t count) {
  uint32_t sum = 0, done = 0;
  if (at % 8 == 0 && at / 8 + size_t{count} / 8 <= length) {
    for (; done + 64 <= count; done += 64) {
      uint64_t bits;
      std::memcpy(&bits, bytes + (at + done) / 8, 8);
      sum += count_bits(bits);
    }
  }
  const uint32_t step = at % 8 == 0 ? 64 : 56;
  for (; done + step <= count; done += step) {
    const uint64_t bits = bits_from(bytes, length, at + done);
    sum += count_bits(step == 64 ? bits : bits & ((uint64_t{1} << 56) - 1));
  }
  if (done < count) sum += count_bits(bits_from(bytes, length, at + done) & ((uint64_t{1} << (count - done)) - 1));
  return sum;
}

/// By a copy with room behind it.
HWY_NOINLINE void decode_copy(const CheckedBlock& block, const uint8_t* bytes, float* values, uint8_t* classes) {
  constexpr uint32_t kWorst = kMaxBlockElements / 4 + 2 * kMaxBlockElements;
  alignas(64) uint8_t copy[kWorst + kCodecSlack_bytes];
  std::memcpy(copy, bytes, block.length);
  std::memset(copy + block.length, 0, kCodecSlack_bytes);
  decode_checked(block, copy, values, classes);
}

/// `behind`: bytes behind the block that may be read.
bool decode_block_vector(bool mixed, const uint8_t* bytes, size_t length, size_t behind, float* values, uint32_t n,
                         uint8_t* classes) {
  if (length < (n + 7) / 8) return false;
  const uint32_t nonzeros = count_map(bytes, length, 0, n);
  const uint32_t map_bits = n + (mixed ? nonzeros : 0), map_bytes = (map_bits + 7) / 8;
  if (length < map_bytes) return false;
  if (map_bits % 8 != 0 && bytes[map_bits / 8] >> (map_bits % 8) != 0) return false;
  const uint32_t high = mixed ? count_map(bytes, length, n, nonzeros) : nonzeros;
  // So it is no longer than the worst case.
  if (length != size_t{map_bytes} + 2 * size_t{high} + (nonzeros - high)) return false;
  if (n == 0) return true;
  const CheckedBlock block{n, nonzeros, high, map_bytes, length, mixed};
  // With room behind it, whole vectors can be read from every place of a block without a look at the end.
  if (HWY_LIKELY(behind >= kCodecSlack_bytes)) {
    decode_checked(block, bytes, values, classes);
  } else {
    decode_copy(block, bytes, values, classes);
  }
  return true;
}

/// Returns how many blocks are good from the first one on.
size_t decode_run_vector(const CodedRun& run, float* values, uint8_t* classes) {
  size_t at = 0;
  size_t block = run.elements > 0 && run.elements <= kWordElements ? decode_small(run, values, classes, at) : 0;
  for (; block < run.blocks; ++block) {
    const size_t length = run.length_of(block), first = block * run.elements;
    if (at + length > run.size) break;
    uint8_t* const to = classes == nullptr ? nullptr : classes + first;
    if (!decode_block_vector(run.mixed, run.bytes + at, length, run.size - at - length, values + first, run.elements,
                             to)) {
      break;
    }
    at += length;
  }
  return block;
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {

HWY_EXPORT(decode_block_vector);
HWY_EXPORT(decode_run_vector);

bool decode_block(TensorFormat format, std::span<const uint8_t> bytes, std::span<float> values, uint8_t* classes,
                  size_t behind) {
  if (!is_coded(format) || values.size() > kMaxBlockElements) return false;
  return HWY_DYNAMIC_DISPATCH(decode_block_vector)(format == TensorFormat::kFGMP, bytes.data(), bytes.size(), behind,
                                                   values.data(), static_cast<uint32_t>(values.size()), classes);
}

size_t decode_run(TensorFormat format, std::span<const uint8_t> directory, std::span<const uint8_t> bytes,
                  uint32_t elements, float* values, uint8_t* classes) {
  if (!is_coded(format) || elements > kMaxBlockElements) return 0;
  const CodedRun run{directory.data(), directory.size() / kDirectoryEntry_bytes,
                     bytes.data(),     bytes.size(),
                     elements,         format == TensorFormat::kFGMP};
  return HWY_DYNAMIC_DISPATCH(decode_run_vector)(run, values, classes);
}

}  // namespace backboard::npu
#endif
