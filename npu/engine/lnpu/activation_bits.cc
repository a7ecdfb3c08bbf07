#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/activation_bits.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <vector>

#include "npu/engine/lnpu/activation_bits.h"
#include "npu/engine/lnpu/class_bits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Takes every `stride`-th bit of `from`, beginning with bit `residue`, and stores the words `pitch` apart. `even`:
/// bits 0, stride, 2 * stride, ...
HWY_INLINE void store_residue(const uint64_t* from, uint32_t words, uint32_t stride, uint64_t even, uint32_t residue,
                              uint64_t* to, uint32_t to_words, size_t pitch) {
  if (stride == 1) {
    for (uint32_t i = 0; i < to_words; ++i) to[i * pitch] = i < words ? from[i] : 0;
    return;
  }
  uint64_t word = 0;
  uint32_t filled = 0, next = 0, at = residue;
  for (uint32_t i = 0; i < words && next < to_words; ++i) {
    const uint64_t mask = at < 64 ? even << at : 0;
    const uint64_t bits = bits_under(from[i], mask);
    const uint32_t count = static_cast<uint32_t>(__builtin_popcountll(mask));
    at += count * stride - 64;
    word |= bits << filled;
    if (filled + count >= 64) {
      to[next++ * pitch] = word;
      word = filled == 0 ? 0 : bits >> (64 - filled);
      filled = filled + count - 64;
    } else {
      filled += count;
    }
  }
  for (; next < to_words; ++next, word = 0) to[next * pitch] = word;
}

/// One row of classes, moved up by the padding, into `nonzero` and `high`; returns how many words are used.
HWY_INLINE uint32_t padded_row(const uint8_t* line, uint32_t width, uint32_t pad, uint64_t* nonzero, uint64_t* high) {
  if (width + pad <= 64) {
    const ClassWord word = line_word(line, width);
    nonzero[0] = word.nonzero << pad;
    high[0] = word.high << pad;
    return 1;
  }
  const uint32_t words = (width + pad + 63) / 64;
  std::fill_n(nonzero, words, uint64_t{0});
  std::fill_n(high, words, uint64_t{0});
  for (uint32_t done = 0; done < width; done += 64) {
    const ClassWord word = line_word(line + done, std::min(64u, width - done));
    const uint32_t at = pad + done, low = at % 64;
    nonzero[at / 64] |= word.nonzero << low;
    high[at / 64] |= word.high << low;
    if (low != 0 && at / 64 + 1 < words) {
      nonzero[at / 64 + 1] |= word.nonzero >> (64 - low);
      high[at / 64 + 1] |= word.high >> (64 - low);
    }
  }
  return words;
}

/// High bits of up to 64 classes, and their non-zero bits unless null.
HWY_INLINE void store_row_word(const uint8_t* line, uint32_t width, uint32_t pad, uint64_t* nonzero, uint64_t* high) {
  const ClassWord word = line_word(line, width);
  *high = word.high << pad;
  if (nonzero != nullptr) *nonzero = word.nonzero << pad;
}

/// fill_activation_bits() for rows that lie in one word, padding included. kNonzero: those bits are wanted, too.
template <bool kNonzero>
void fill_row_words(const ConvTile& t, const uint8_t* classes, const ActivationBits& bits) {
  const int64_t first = t.ih0, end = std::min<int64_t>(first + t.ih_rows, t.h), stride = t.stride_h;
  const uint32_t width = t.w, pad = t.pad_w, image_rows = bits.image_rows;
  for (uint32_t c = 0; c < t.c; ++c) {
    for (uint32_t n = 0; n < t.n; ++n) {
      const uint8_t* image = classes + n * t.x_stride_n + c * t.x_stride_c;
      for (uint32_t p = 0; p < bits.row_residues; ++p) {
        const size_t at = bits.plane(c, p, 0) + size_t{n} * image_rows;
        uint64_t *const high = bits.high + at, *const nonzero = kNonzero ? bits.nonzero + at : nullptr;
        int64_t ih = int64_t{t.oh0} * stride + p - t.pad_h;
        const auto clear = [&](uint32_t i) {
          high[i] = 0;
          if (kNonzero) nonzero[i] = 0;
        };
        uint32_t i = 0;
        for (; i < image_rows && ih < first; ++i, ih += stride) clear(i);
        const uint8_t* line = image + (ih - first) * t.w;
        for (; i < image_rows && ih < end; ++i, ih += stride, line += stride * t.w) {
          store_row_word(line, width, pad, kNonzero ? nonzero + i : nullptr, high + i);
        }
        for (; i < image_rows; ++i) clear(i);
      }
    }
  }
}

void fill_activation_bits_vector(const ConvTile& t, const uint8_t* classes, const ActivationBits& bits) {
  if (t.stride_w == 1 && bits.words == 1 && t.w + t.pad_w <= 64) {
    return bits.nonzero == nullptr ? fill_row_words<false>(t, classes, bits) : fill_row_words<true>(t, classes, bits);
  }
  std::vector<uint64_t> row((size_t{t.w} + t.pad_w + 63) / 64 * 2);
  uint64_t *const nonzero = row.data(), *const high = nonzero + row.size() / 2;
  uint64_t even = 0;
  for (uint32_t bit = 0; bit < 64; bit += t.stride_w) even |= uint64_t{1} << bit;
  for (uint32_t c = 0; c < t.c; ++c) {
    for (uint32_t n = 0; n < t.n; ++n) {
      const uint8_t* image = classes + n * t.x_stride_n + c * t.x_stride_c;
      for (uint32_t p = 0; p < bits.row_residues; ++p) {
        for (uint32_t i = 0; i < bits.image_rows; ++i) {
          const int64_t ih = (int64_t{t.oh0} + i) * t.stride_h + p - t.pad_h;
          const bool inside = ih >= 0 && ih < t.h && ih >= t.ih0 && ih < int64_t{t.ih0} + t.ih_rows;
          const uint32_t words =
              inside ? padded_row(image + static_cast<size_t>(ih - t.ih0) * t.w, t.w, t.pad_w, nonzero, high) : 0;
          for (uint32_t q = 0; q < bits.column_residues; ++q) {
            const size_t at = bits.plane(c, p, q) + size_t{n} * bits.image_rows + i;
            store_residue(high, words, t.stride_w, even, q, bits.high + at, bits.words, bits.pitch);
            if (bits.nonzero == nullptr) continue;
            store_residue(nonzero, words, t.stride_w, even, q, bits.nonzero + at, bits.words, bits.pitch);
          }
        }
      }
    }
  }
}

/// Where an operand column finds a word of its rows: bits from `shift` on, and the word above.
struct Source {
  const uint64_t *low, *above;  ///< above: null when there is none
  int shift;
};

void or_rows(const Source* sources, uint32_t count, uint32_t rows, uint64_t* to) {
  const hn::CappedTag<uint64_t, kWindowMultiple> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  for (uint32_t i = 0; i < rows; i += lanes) {
    auto word = hn::Zero(du);
    for (uint32_t s = 0; s < count; ++s) {
      const Source& source = sources[s];
      word = hn::Or(word, hn::ShiftRightSame(hn::LoadU(du, source.low + i), source.shift));
      if (source.above == nullptr || source.shift == 0) continue;
      word = hn::Or(word, hn::ShiftLeftSame(hn::LoadU(du, source.above + i), 64 - source.shift));
    }
    hn::StoreU(word, du, to + i);
  }
}

/// Rows of one image that lie in one window, where layout.rows_in_word says so.
struct RowPart {
  uint32_t window, shift;  ///< first bit in the window
  uint32_t n, row, rows;   ///< rows counted from the tile's first
};

/// Calls visit(part) for all rows in their order: of a window, the part at shift 0 first.
template <class Visit>
HWY_INLINE void for_each_row_part(const ConvTile& t, const PositionLayout& layout, Visit&& visit) {
  RowPart part{};
  uint32_t taken = 0;  // rows that are in the window
  for (part.n = 0; part.n < t.n; ++part.n) {
    for (part.row = 0; part.row < t.oh_rows; part.row += part.rows) {
      part.rows = std::min(layout.rows_in_word - taken, t.oh_rows - part.row);
      part.shift = taken * t.ow;
      visit(part);
      taken += part.rows;
      if (taken < layout.rows_in_word) continue;
      taken = 0;
      ++part.window;
    }
  }
}

/// ORs `count` bits (1 to 64) into a window whose words lie `pitch` apart, from bit `at` on.
HWY_INLINE void or_bits(uint64_t bits, uint32_t at, uint32_t count, uint64_t* window, size_t pitch) {
  uint64_t* const to = window + at / 64 * pitch;
  *to |= bits << (at % 64);
  if (at % 64 + count > 64) to[pitch] |= bits >> (64 - at % 64);
}

/// Rows of `width` bits that follow each other, in one word.
HWY_INLINE uint64_t join_rows(const uint64_t* from, uint32_t rows, uint32_t width, uint64_t inside) {
  uint64_t word = from[rows - 1] & inside;  // a single one may fill it
  for (uint32_t i = rows - 1; i > 0; --i) word = word << width | (from[i - 1] & inside);
  return word;
}

void or_group_vector(const ConvTile& t, const ActivationBits& bits, const uint64_t* source, uint32_t first,
                     uint32_t end, const PositionLayout& layout, uint64_t* rows, uint64_t* windows) {
  const uint32_t words = (t.ow + 63) / 64, taps = t.kh * t.kw;
  const uint32_t used = (t.n - 1) * bits.image_rows + t.oh_rows;
  for (uint32_t word = 0; word < words; ++word) {
    Source sources[64];
    for (uint32_t column = first; column < end; ++column) {
      const uint32_t down = column % taps / t.kw * t.dilation_h, right = column % t.kw * t.dilation_w;
      const uint32_t bit = right / t.stride_w, from = word + bit / 64;
      const uint64_t* plane =
          source + bits.plane(column / taps, down % t.stride_h, right % t.stride_w) + down / t.stride_h;
      sources[column - first] = {plane + size_t{from} * bits.pitch,
                                 from + 1 < bits.words ? plane + size_t{from + 1} * bits.pitch : nullptr,
                                 static_cast<int>(bit % 64)};
    }
    or_rows(sources, end - first, used, rows + size_t{word} * bits.pitch);
  }
  if (layout.rows_in_word != 0) {
    const uint64_t inside = ~uint64_t{0} >> (64 - t.ow);
    if (t.oh_rows % layout.rows_in_word == 0) {
      // Images begin with a window.
      const uint32_t together = layout.rows_in_word, width = t.ow;
#if HWY_TARGET <= HWY_AVX2
      if (together == 2) {
        // Vectors of windows; what is stored behind an image's last one belongs to the next, or behind the last
        // image's.
        const hn::CappedTag<uint64_t, kWindowMultiple> du;
        const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du)), image_windows = t.oh_rows / 2;
        const auto kept = hn::Set(du, inside);
        for (uint32_t n = 0; n < t.n; ++n, windows += image_windows) {
          const uint64_t* from = rows + size_t{n} * bits.image_rows;
          const bool last = n + 1 == t.n;
          for (uint32_t i = 0; i < image_windows; i += lanes, from += 2 * lanes) {
            const auto lower = hn::LoadU(du, from), upper = hn::LoadU(du, from + lanes);
            const auto even = hn::And(hn::ConcatEven(du, upper, lower), kept);
            const auto odd = hn::And(hn::ConcatOdd(du, upper, lower), kept);
            auto both = hn::Or(even, hn::ShiftLeftSame(odd, static_cast<int>(width)));
            // Windows behind the last image's are empty.
            if (last && i + lanes > image_windows) both = hn::IfThenElseZero(hn::FirstN(du, image_windows - i), both);
            hn::StoreU(both, du, windows + i);
          }
        }
        return;
      }
#endif
      for (uint32_t n = 0; n < t.n; ++n) {
        const uint64_t* from = rows + size_t{n} * bits.image_rows;
        for (const uint64_t* const behind = from + t.oh_rows; from < behind; from += together) {
          *windows++ = join_rows(from, together, width, inside);
        }
      }
      return;
    }
    for_each_row_part(t, layout, [&](const RowPart& part) {
      const uint64_t* const from = rows + size_t{part.n} * bits.image_rows + part.row;
      const uint64_t word = join_rows(from, part.rows, t.ow, inside);
      windows[part.window] = part.shift == 0 ? word : windows[part.window] | word << part.shift;
    });
    return;
  }
  for (const Piece& piece : layout.pieces) {
    const uint64_t* from = rows + size_t{piece.n} * bits.image_rows + piece.row + piece.first / 64 * bits.pitch;
    const uint32_t low = piece.first % 64;
    uint64_t word = *from >> low;
    if (low + piece.count > 64) word |= from[bits.pitch] << (64 - low);
    word &= ~uint64_t{0} >> (64 - piece.count);
    for (uint32_t copy = 0; copy < layout.copies; ++copy) {
      or_bits(word, piece.shift + copy * layout.bits, piece.count, windows + piece.window, layout.windows);
    }
  }
}

void add_error_bits_vector(const ConvTile& t, const uint8_t* classes, const PositionLayout& layout, uint32_t copy,
                           uint64_t* nonzero, uint64_t* high) {
  for (const Piece& run : layout.runs) {
    const ClassWord word = line_word(classes + run.n * t.y_stride_n + run.first, run.count);
    const uint32_t at = run.shift + copy * layout.bits;
    or_bits(word.nonzero, at, run.count, nonzero + run.window, layout.windows);
    or_bits(word.high, at, run.count, high + run.window, layout.windows);
  }
}

void set_error_bits_vector(const ConvTile& t, const uint8_t* classes, const PositionLayout& layout, uint64_t* nonzero,
                           uint64_t* high) {
  const uint32_t used = (t.n * t.oh_rows + layout.rows_in_word - 1) / layout.rows_in_word;
  for (uint32_t k = 0; k < t.k; ++k) {
    std::fill(nonzero + k * layout.windows + used, nonzero + (k + 1) * layout.windows, uint64_t{0});
    std::fill(high + k * layout.windows + used, high + (k + 1) * layout.windows, uint64_t{0});
  }
  if (t.oh_rows % layout.rows_in_word == 0) {
    // Images begin with a window.
    const uint32_t windows = t.oh_rows / layout.rows_in_word, count = layout.rows_in_word * t.ow;
    for (uint32_t n = 0; n < t.n; ++n) {
      for (uint32_t k = 0; k < t.k; ++k) {
        const uint8_t* line = classes + n * t.y_stride_n + k * t.y_stride_k;
        const size_t at = size_t{k} * layout.windows + size_t{n} * windows;
        uint64_t *to = nonzero + at, *to_high = high + at;
        for (uint32_t i = 0; i < windows; ++i, line += count) store_line_word(line, count, to + i, to_high + i);
      }
    }
    return;
  }
  const size_t stride_k = t.y_stride_k, windows = layout.windows;
  const uint32_t channels = t.k;
  for_each_row_part(t, layout, [&](const RowPart& part) HWY_ATTR {
    const uint8_t* line = classes + part.n * t.y_stride_n + size_t{part.row} * t.ow;
    uint64_t *to = nonzero + part.window, *to_high = high + part.window;
    const uint32_t count = part.rows * t.ow, shift = part.shift;
    if (shift == 0) {
      for (uint32_t k = 0; k < channels; ++k, line += stride_k, to += windows, to_high += windows) {
        store_line_word(line, count, to, to_high);
      }
      return;
    }
    for (uint32_t k = 0; k < channels; ++k, line += stride_k, to += windows, to_high += windows) {
      const ClassWord word = line_word(line, count);
      *to |= word.nonzero << shift;
      *to_high |= word.high << shift;
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(fill_activation_bits_vector);
HWY_EXPORT(or_group_vector);
HWY_EXPORT(add_error_bits_vector);
HWY_EXPORT(set_error_bits_vector);

ActivationBits activation_bits(const ConvTile& t) {
  const uint32_t down = (t.kh - 1) * t.dilation_h, right = (t.kw - 1) * t.dilation_w;
  ActivationBits bits;
  bits.row_residues = std::min(t.stride_h, down + 1);
  bits.column_residues = std::min(t.stride_w, right + 1);
  bits.words = (t.ow + right / t.stride_w + 63) / 64;
  bits.image_rows = t.oh_rows + down / t.stride_h;
  bits.pitch = t.n * bits.image_rows + kWindowMultiple;
  return bits;
}

void fill_activation_bits(const ConvTile& tile, const uint8_t* classes, const ActivationBits& bits) {
  HWY_DYNAMIC_DISPATCH(fill_activation_bits_vector)(tile, classes, bits);
}

void or_group(const ConvTile& tile, const ActivationBits& bits, const uint64_t* source, uint32_t first, uint32_t end,
              const PositionLayout& layout, uint64_t* rows, uint64_t* windows) {
  HWY_DYNAMIC_DISPATCH(or_group_vector)(tile, bits, source, first, end, layout, rows, windows);
}

void add_error_bits(const ConvTile& tile, const uint8_t* classes, const PositionLayout& layout, uint32_t copy,
                    uint64_t* nonzero, uint64_t* high) {
  HWY_DYNAMIC_DISPATCH(add_error_bits_vector)(tile, classes, layout, copy, nonzero, high);
}

void set_error_bits(const ConvTile& tile, const uint8_t* classes, const PositionLayout& layout, uint64_t* nonzero,
                    uint64_t* high) {
  HWY_DYNAMIC_DISPATCH(set_error_bits_vector)(tile, classes, layout, nonzero, high);
}

}  // namespace backboard::npu::lnpu
#endif
