// Counts of WG: inputs are the errors of an output channel at all positions, the operands beside them activations.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/count_positions.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/engine/lnpu/class_bits-inl.h"
#include "npu/engine/lnpu/count_products.h"
#include "npu/engine/lnpu/lanes.h"
#include "platform/check/check.h"

#ifndef BACKBOARD_NPU_ENGINE_LNPU_COUNT_POSITIONS_TYPES_
#define BACKBOARD_NPU_ENGINE_LNPU_COUNT_POSITIONS_TYPES_
namespace backboard::npu::lnpu {

/// Bitmaps over the positions of a tile, in windows of `words` words. A window of several channels holds them one
/// after the other; the activations' bits are repeated for each.
struct CountPositions {
  const LnpuConfig* config;
  uint32_t windows, words;  ///< windows of a channel block, 64-bit words of a window
  uint32_t lanes_per_bin;
  CoreGrid grid;
  const uint16_t* rounds;
  const ClassWord* errors;       ///< [channel block][windows][words]
  const uint32_t* strip_blocks;  ///< [strips + 1]: channel blocks of each strip
  const ClassWord* activations;  ///< of one group: [windows][words]
  const uint32_t* window_lane;   ///< [windows]
};

/// Where the positions of a row go: pieces of rows and whole rows in windows.
struct Piece {
  uint32_t n, row;         ///< image, output row counted from the tile's first
  uint32_t first, count;   ///< columns [first, first + count)
  uint32_t window, shift;  ///< bit in the window
};

/// Windows over the positions of a tile.
struct Layout {
  std::vector<Piece> pieces;
  std::vector<uint32_t> lanes;  ///< of each window
  uint32_t windows = 0, words = 0, copies = 1, bits = 0;
};

/// ORs `count` bits of `from`, starting at bit `at`, into `to` starting at bit `shift`.
inline void place_bits(const ClassWord* from, uint32_t at, uint32_t count, ClassWord* to, uint32_t shift) {
  while (count > 0) {
    const uint32_t take = std::min({count, 64 - at % 64, 64 - shift % 64});
    const uint64_t mask = ~uint64_t{0} >> (64 - take);
    const ClassWord bits = from[at / 64];
    to[shift / 64].nonzero |= (bits.nonzero >> (at % 64) & mask) << (shift % 64);
    to[shift / 64].high |= (bits.high >> (at % 64) & mask) << (shift % 64);
    at += take;
    shift += take;
    count -= take;
  }
}

/// Bitmaps of the activations' rows by residue of the column modulo the stride: bit j of residue p is column
/// p + j * stride - pad. [n][c][row][residue][word]; columns outside are zero.
struct RowBits {
  ClassWord* words = nullptr;
  uint32_t residues = 1, row_words = 1;
};

}  // namespace backboard::npu::lnpu
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Adds the times of one group to bins [strip][lane][column], and what all lanes do to `busy`.
void time_group(const CountPositions& p, uint32_t column, uint64_t* bin_times, uint64_t* busy) {
  const bool skip_both = p.config->skip == Skip::kBoth;
  uint64_t all = 0;
  for (uint32_t strip = 0; strip < p.grid.strips; ++strip) {
    for (uint32_t block = p.strip_blocks[strip]; block < p.strip_blocks[strip + 1]; ++block) {
      const ClassWord* errors = p.errors + size_t{block} * p.windows * p.words;
      for (uint32_t w = 0; w < p.windows; ++w) {
        uint32_t n = 0, slow = 0;
        for (uint32_t i = 0; i < p.words; ++i) {
          const ClassWord e = errors[w * p.words + i], a = p.activations[w * p.words + i];
          const uint64_t issued = skip_both ? e.nonzero & a.nonzero : e.nonzero;
          n += static_cast<uint32_t>(__builtin_popcountll(issued));
          slow += static_cast<uint32_t>(__builtin_popcountll(issued & (e.high | a.high)));
        }
        const size_t lane = p.window_lane[w];
        bin_times[(strip * p.lanes_per_bin + lane) * p.grid.columns + column] += uint64_t{p.rounds[n]} + p.rounds[slow];
        all += n + slow;
      }
    }
  }
  *busy += all;
}

/// Bitmaps of `count` classes that lie side by side.
void plane_bits(const uint8_t* classes, uint32_t count, ClassWord* words) {
  for (uint32_t i = 0; i < count; i += 64) words[i / 64] = line_word(classes + i, std::min(64u, count - i));
}

/// Bits [at, at + count) of a row of bitmaps that has a word to spare.
HWY_INLINE uint64_t take_bits(uint64_t first, uint64_t second, uint32_t at, uint32_t count) {
  const uint32_t low = at % 64;
  return (first >> low | second << 1 << (63 - low)) & ~uint64_t{0} >> (64 - count);
}

/// ORs the bits of operand column (c, kh, kw) into the group's window bitmaps; kBoth: those of non-zeros too.
template <bool kBoth>
HWY_INLINE void place_column(const ConvTile& t, const RowBits& rows, const Layout& layout, uint32_t column,
                             ClassWord* group) {
  const uint32_t c = column / (t.kh * t.kw), kh = column / t.kw % t.kh, kw = column % t.kw;
  const uint32_t offset = kw * t.dilation_w, residue = offset % t.stride_w, at = offset / t.stride_w;
  const int64_t row0 = int64_t{t.oh0} * t.stride_h + int64_t{kh} * t.dilation_h - t.pad_h;
  const size_t row_words = size_t{rows.residues} * rows.row_words;
  const ClassWord* const words = rows.words + size_t{c} * t.ih_rows * row_words + residue * rows.row_words;
  const size_t image_words = size_t{t.c} * t.ih_rows * row_words;
  // Pieces of a window follow each other: its word is put together in a register.
  ClassWord word;
  uint32_t window = 0;
  const auto flush = [&] {
    group[window].high |= word.high;
    if constexpr (kBoth) group[window].nonzero |= word.nonzero;
  };
  for (const Piece& piece : layout.pieces) {
    const int64_t ih = row0 + int64_t{piece.row} * t.stride_h;
    if (ih < 0 || ih >= t.h) continue;
    const ClassWord* from = words + piece.n * image_words + static_cast<size_t>(ih - t.ih0) * row_words;
    const uint32_t bit = at + piece.first;
    if (layout.words > 1) {
      place_bits(from, bit, piece.count, group + size_t{piece.window} * layout.words, piece.shift);
      continue;
    }
    if (piece.window != window) {
      flush();
      word = {};
      window = piece.window;
    }
    const ClassWord a = from[bit / 64], b = from[bit / 64 + 1];
    word.high |= take_bits(a.high, b.high, bit, piece.count) << piece.shift;
    if constexpr (kBoth) word.nonzero |= take_bits(a.nonzero, b.nonzero, bit, piece.count) << piece.shift;
  }
  flush();
}

void add_column(const ConvTile& t, const RowBits& rows, const Layout& layout, bool both, uint32_t column,
                ClassWord* group) {
  if (both) {
    place_column<true>(t, rows, layout, column, group);
  } else {
    place_column<false>(t, rows, layout, column, group);
  }
}

/// Places the bitmaps of one channel of all images in its windows. `plane` has a word to spare.
void add_errors(const ConvTile& t, const uint8_t* dy, const Layout& layout, uint32_t copy_bit, ClassWord* plane,
                ClassWord* windows) {
  for (const Piece& piece : layout.pieces) {
    if (piece.row == 0 && piece.first == 0) plane_bits(dy + piece.n * t.y_stride_n, t.oh_rows * t.ow, plane);
    const uint32_t bit = piece.row * t.ow + piece.first;
    if (layout.words > 1) {
      place_bits(plane, bit, piece.count, windows + size_t{piece.window} * layout.words, copy_bit + piece.shift);
      continue;
    }
    const ClassWord a = plane[bit / 64], b = plane[bit / 64 + 1];
    ClassWord& to = windows[piece.window];
    to.high |= take_bits(a.high, b.high, bit, piece.count) << (copy_bit + piece.shift);
    to.nonzero |= take_bits(a.nonzero, b.nonzero, bit, piece.count) << (copy_bit + piece.shift);
  }
}

/// Bitmaps of one row of activations, columns at distance one, moved up by `pad` bits. `to` is zero.
void add_row_bits(const uint8_t* line, uint32_t count, uint32_t pad, ClassWord* to) {
  if (count + pad > 64) {
    for (uint32_t done = 0; done < count; done += 64) {
      const uint32_t bits = std::min(64u, count - done);
      const ClassWord word = line_word(line + done, bits);
      place_bits(&word, 0, bits, to, pad + done);
    }
    return;
  }
  const ClassWord word = line_word(line, count);
  to->nonzero = word.nonzero << pad;
  to->high = word.high << pad;
}

/// counts[i] += low | high << 16 of classes[i].
void add_classes(const uint8_t* classes, uint32_t count, uint32_t* counts) {
  const hn::ScalableTag<uint32_t> du;
  const hn::Rebind<uint8_t, decltype(du)> d8;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  uint32_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    const auto c = hn::PromoteTo(du, hn::LoadU(d8, classes + i));
    const auto packed = hn::Or(hn::And(c, hn::Set(du, 1u)), hn::ShiftLeft<16>(hn::ShiftRight<1>(c)));
    hn::StoreU(hn::Add(hn::LoadU(du, counts + i), packed), du, counts + i);
  }
  for (; i < count; ++i) counts[i] += (classes[i] & 1u) | uint32_t{classes[i]} >> 1 << 16;
}

/// to[i] += from[i * stride].
void add_counts(const uint32_t* from, uint32_t stride, uint32_t count, uint32_t* to) {
  const hn::ScalableTag<uint32_t> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  uint32_t i = 0;
  if (stride == 1) {
    for (; i + lanes <= count; i += lanes) {
      hn::StoreU(hn::Add(hn::LoadU(du, to + i), hn::LoadU(du, from + i)), du, to + i);
    }
  }
  for (; i < count; ++i) to[i] += from[size_t{i} * stride];
}

/// Sums over positions of error counts times activation counts: ll, lh, hl, hh, then error l, h and activation l, h
/// against `valid` operands a position: products of errors with all operands, and of all `channels` with activations.
void multiply_counts(const uint32_t* errors, const uint32_t* activations, const uint32_t* valid, uint32_t count,
                     uint64_t* sums) {
  const hn::ScalableTag<uint32_t> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const auto low_half = hn::Set(du, 0xffffu);
  uint32_t i = 0;
  while (i + lanes <= count) {
    auto ll = hn::Zero(du), lh = ll, hl = ll, hh = ll, el = ll, eh = ll;
    // 16 positions a lane: below 2^32 while a position's counts are below 2^14.
    for (const uint32_t end = std::min(i + 16 * lanes, count); i + lanes <= end; i += lanes) {
      const auto e = hn::LoadU(du, errors + i), a = hn::LoadU(du, activations + i), v = hn::LoadU(du, valid + i);
      const auto e_low = hn::And(e, low_half), e_high = hn::ShiftRight<16>(e);
      const auto a_low = hn::And(a, low_half), a_high = hn::ShiftRight<16>(a);
      ll = hn::Add(ll, hn::Mul(e_low, a_low));
      lh = hn::Add(lh, hn::Mul(e_low, a_high));
      hl = hn::Add(hl, hn::Mul(e_high, a_low));
      hh = hn::Add(hh, hn::Mul(e_high, a_high));
      el = hn::Add(el, hn::Mul(e_low, v));
      eh = hn::Add(eh, hn::Mul(e_high, v));
    }
    HWY_ALIGN uint32_t out[HWY_MAX_BYTES / sizeof(uint32_t)];
    const auto flush = [&](auto v, uint64_t& sum) HWY_ATTR {
      hn::Store(v, du, out);
      for (uint32_t l = 0; l < lanes; ++l) sum += out[l];
    };
    flush(ll, sums[0]);
    flush(lh, sums[1]);
    flush(hl, sums[2]);
    flush(hh, sums[3]);
    flush(el, sums[4]);
    flush(eh, sums[5]);
  }
  for (; i < count; ++i) {
    const uint64_t el = errors[i] & 0xffffu, eh = errors[i] >> 16, al = activations[i] & 0xffffu,
                   ah = activations[i] >> 16;
    sums[0] += el * al;
    sums[1] += el * ah;
    sums[2] += eh * al;
    sums[3] += eh * ah;
    sums[4] += el * valid[i];
    sums[5] += eh * valid[i];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {
namespace {

HWY_EXPORT(time_group);
HWY_EXPORT(add_errors);
HWY_EXPORT(add_row_bits);
HWY_EXPORT(add_column);
HWY_EXPORT(add_classes);
HWY_EXPORT(add_counts);
HWY_EXPORT(multiply_counts);

enum Slot : unsigned {
  kErrors = 8,
  kErrorRows,
  kBits,
  kPlane,
  kErrorCounts,
  kErrorPlane,
  kActivationCounts,
  kValidCounts,
  kGroupBits,
  kBins
};

/// An FC layer whose channels lie side by side.
bool is_fully_connected(const ConvTile& t) {
  return t.h * t.w == 1 && t.oh * t.ow == 1 && t.kh * t.kw == 1 && t.pad_h + t.pad_w == 0 && t.x_stride_c == 1 &&
         t.y_stride_k == 1;
}

/// Cuts images x tile_rows x width positions into windows; `copies` channels share one when they are few.
Layout lay_positions(const LnpuConfig& config, uint32_t images, uint32_t tile_rows, uint32_t width) {
  const uint32_t rows = images * tile_rows;
  const RowPlan plan = row_plan(config, width);
  Layout layout;
  const uint32_t together = plan.balanced ? plan.rows_per_window : 1;
  for (uint32_t row = 0; row < rows; ++row) {
    for (uint32_t s = 0; s < plan.segments; ++s) {
      const uint32_t first = plan.begin(width, s), count = plan.begin(width, s + 1) - first;
      const bool fresh = plan.segments > 1 || row % together == 0;
      if (fresh) {
        ++layout.windows;
        layout.lanes.push_back(plan.balanced ? 0 : plan.segments > 1 ? s : row % config.lanes);
      }
      const uint32_t shift = fresh ? 0 : layout.pieces.back().shift + layout.pieces.back().count;
      layout.pieces.push_back({row / tile_rows, row % tile_rows, first, count, layout.windows - 1, shift});
      layout.bits = std::max(layout.bits, shift + count);
    }
  }
  if (layout.windows == 1) layout.copies = channels_per_window(config, layout.bits);
  layout.words = (layout.bits * layout.copies + 63) / 64;
  return layout;
}

/// FC layers: images are the positions, `inputs` of them in a window.
Layout lay_images(const LnpuConfig& config, uint32_t images) {
  const uint32_t inputs = config.ilb_window * config.lanes;
  Layout layout;
  for (uint32_t first = 0; first < images; first += inputs) {
    layout.pieces.push_back({0, 0, first, std::min(inputs, images - first), layout.windows++, 0});
    layout.lanes.push_back(0);
  }
  layout.bits = std::min(images, inputs);
  if (layout.windows == 1) layout.copies = channels_per_window(config, layout.bits);
  layout.words = (layout.bits * layout.copies + 63) / 64;
  return layout;
}

/// Transposes an 8 x 8 bit matrix: bit 8 i + j goes to bit 8 j + i.
uint64_t transpose_bits(uint64_t m) {
  uint64_t t = (m ^ (m >> 7)) & 0x00aa00aa00aa00aau;
  m = m ^ t ^ (t << 7);
  t = (m ^ (m >> 14)) & 0x0000cccc0000ccccu;
  m = m ^ t ^ (t << 14);
  t = (m ^ (m >> 28)) & 0x00000000f0f0f0f0u;
  return m ^ t ^ (t << 28);
}

/// Bit n of channel c: the class of element (n, c), for channels that lie side by side. [c][(n + 63) / 64 words].
ClassWord* image_bits(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels, unsigned slot,
                      Workspace& workspace) {
  const uint32_t words = (images + 63) / 64;
  ClassWord* const bits = workspace.array<ClassWord>(slot, size_t{channels} * words);
  std::fill_n(bits, size_t{channels} * words, ClassWord{});
  for (uint32_t n0 = 0; n0 < images; n0 += 8) {
    for (uint32_t c0 = 0; c0 < channels; c0 += 8) {
      uint64_t nonzero = 0, high = 0;
      for (uint32_t i = 0; i < std::min(8u, images - n0); ++i) {
        const uint64_t bytes = load_classes(classes + (n0 + i) * stride_n + c0, channels - c0);
        high |= gather_low_bits(bytes >> 1) << (8 * i);
        nonzero |= gather_low_bits(bytes | bytes >> 1) << (8 * i);
      }
      nonzero = transpose_bits(nonzero);
      high = transpose_bits(high);
      for (uint32_t j = 0; j < std::min(8u, channels - c0); ++j) {
        ClassWord& word = bits[size_t{c0 + j} * words + n0 / 64];
        word.nonzero |= (nonzero >> (8 * j) & 0xff) << (n0 % 64);
        word.high |= (high >> (8 * j) & 0xff) << (n0 % 64);
      }
    }
  }
  return bits;
}

/// The errors' bitmaps, [channel block][window][word]. Blocks do not cross strips of channels.
ClassWord* error_bits(const ConvTile& t, const uint8_t* dy, bool images, const Layout& layout, const CoreGrid& grid,
                      std::vector<uint32_t>& strip_blocks, Workspace& workspace) {
  const ClassWord* const rows = images ? image_bits(dy, t.y_stride_n, t.n, t.k, kErrorRows, workspace) : nullptr;
  const size_t block_words = size_t{layout.windows} * layout.words;
  const size_t most = t.k / layout.copies + grid.strips + 1;
  ClassWord* const bits = workspace.array<ClassWord>(kErrors, most * block_words);
  std::fill_n(bits, most * block_words, ClassWord{});
  ClassWord* const plane = workspace.array<ClassWord>(kErrorPlane, size_t{t.oh_rows} * t.ow / 64 + 2);
  const auto add = HWY_DYNAMIC_DISPATCH(add_errors);
  uint32_t block = 0;
  strip_blocks.assign(1, 0);
  for (uint32_t strip = 0; strip < grid.strips; ++strip) {
    const uint32_t first = strip_begin(t.k, grid.strips, strip), end = strip_begin(t.k, grid.strips, strip + 1);
    for (uint32_t k = first; k < end; ++k) {
      const uint32_t copy = (k - first) % layout.copies;
      ClassWord* const to = bits + (block + (k - first) / layout.copies) * block_words;
      if (!images) {
        add(t, dy + k * t.y_stride_k, layout, copy * layout.bits, plane, to);
        continue;
      }
      for (const Piece& piece : layout.pieces) {
        place_bits(rows + size_t{k} * ((t.n + 63) / 64), piece.first, piece.count,
                   to + size_t{piece.window} * layout.words, copy * layout.bits + piece.shift);
      }
    }
    block += (end - first + layout.copies - 1) / layout.copies;
    strip_blocks.push_back(block);
  }
  return bits;
}

RowBits activation_rows(const ConvTile& t, const uint8_t* x, Workspace& workspace) {
  RowBits rows;
  rows.residues = std::min(t.stride_w, (t.kw - 1) * t.dilation_w + 1);
  const uint32_t columns = (t.w + 2 * t.pad_w + t.stride_w - 1) / t.stride_w;
  rows.row_words = (columns + 63) / 64 + 2;
  const size_t count = size_t{t.n} * t.c * t.ih_rows * rows.residues * rows.row_words;
  rows.words = workspace.array<ClassWord>(kBits, count);
  std::fill_n(rows.words, count, ClassWord{});
  const auto add = HWY_DYNAMIC_DISPATCH(add_row_bits);
  std::vector<uint8_t> gathered(t.w + 2 * t.pad_w);
  ClassWord* next = rows.words;
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t c = 0; c < t.c; ++c) {
      for (uint32_t row = 0; row < t.ih_rows; ++row) {
        const uint8_t* line = x + n * t.x_stride_n + c * t.x_stride_c + size_t{row} * t.w;
        for (uint32_t residue = 0; residue < rows.residues; ++residue, next += rows.row_words) {
          const int64_t start = int64_t{residue} - t.pad_w, stride = t.stride_w;
          const int64_t skipped = start < 0 ? (-start + stride - 1) / stride : 0;
          const uint8_t* from = line + (start + skipped * stride);
          const int64_t left = t.w - (start + skipped * stride);
          const uint32_t inside = left <= 0 ? 0 : static_cast<uint32_t>((left + stride - 1) / stride);
          if (stride > 1) {
            for (uint32_t i = 0; i < inside; ++i) gathered[i] = from[i * stride];
            from = gathered.data();
          }
          if (inside > 0) add(from, inside, static_cast<uint32_t>(skipped), next);
        }
      }
    }
  }
  return rows;
}

void add_lane_times(const LnpuConfig& config, const ConvTile& t, const uint8_t* x, const uint8_t* dy, Facts& facts,
                    Workspace& workspace) {
  const bool images = is_fully_connected(t) && config.ilb_window > 1;
  const Layout layout = images ? lay_images(config, t.n) : lay_positions(config, t.n, t.oh_rows, t.ow);
  const uint32_t columns = t.c * t.kh * t.kw, width = config.multipliers_per_lane;
  CountPositions p{};
  p.config = &config;
  p.windows = layout.windows;
  p.words = layout.words;
  p.lanes_per_bin = config.ilb_window > 1 ? 1 : config.lanes;
  p.grid = core_grid(config, (columns + width - 1) / width);
  const std::vector<uint16_t> rounds = rounds_table(config, layout.words * 64);
  p.rounds = rounds.data();
  std::vector<uint32_t> strip_blocks;
  p.errors = error_bits(t, dy, images, layout, p.grid, strip_blocks, workspace);
  p.strip_blocks = strip_blocks.data();
  p.window_lane = layout.lanes.data();
  RowBits rows;
  if (images) {
    rows.words = image_bits(x, t.x_stride_n, t.n, t.c, kBits, workspace);
    rows.row_words = (t.n + 63) / 64;
  } else {
    rows = activation_rows(t, x, workspace);
  }
  const size_t group_words = size_t{layout.windows} * layout.words;
  ClassWord* const group = workspace.array<ClassWord>(kGroupBits, group_words);
  p.activations = group;
  const size_t bins = size_t{p.grid.strips} * p.lanes_per_bin * p.grid.columns;
  uint64_t* const bin_times = workspace.array<uint64_t>(kBins, bins);
  std::fill_n(bin_times, bins, uint64_t{0});
  const auto timer = HWY_DYNAMIC_DISPATCH(time_group);
  const auto add = HWY_DYNAMIC_DISPATCH(add_column);
  for (uint32_t first = 0, g = 0; first < columns; first += width, ++g) {
    std::fill_n(group, group_words, ClassWord{});
    for (uint32_t q = first; q < std::min(first + width, columns); ++q) {
      if (!images) {
        add(t, rows, layout, config.skip == Skip::kBoth, q, group);
        continue;
      }
      for (const Piece& piece : layout.pieces) {
        place_bits(rows.words + size_t{q} * rows.row_words, piece.first, piece.count,
                   group + size_t{piece.window} * layout.words, piece.shift);
      }
    }
    for (uint32_t copy = 1; copy < layout.copies; ++copy) {
      place_bits(group, 0, layout.bits, group, copy * layout.bits);
    }
    timer(p, g % p.grid.columns, bin_times, &facts.busy_half_cycles);
  }
  add_core_times(bin_times, p.grid, p.lanes_per_bin, facts);
}

/// Counts of activations at each position of images [n], channels [c0, c1): sums over (c, kh, kw), packed.
void count_activations(const ConvTile& t, const uint8_t* x, uint32_t n, uint32_t c0, uint32_t c1, uint32_t* plane,
                       uint32_t* counts) {
  const size_t plane_size = size_t{t.ih_rows} * t.w;
  std::fill_n(plane, plane_size, 0u);
  const auto add = HWY_DYNAMIC_DISPATCH(add_classes);
  for (uint32_t c = c0; c < c1; ++c) {
    add(x + n * t.x_stride_n + c * t.x_stride_c, static_cast<uint32_t>(plane_size), plane);
  }
  std::fill_n(counts, size_t{t.oh_rows} * t.ow, 0u);
  const auto add_row = HWY_DYNAMIC_DISPATCH(add_counts);
  for (uint32_t row = 0; row < t.oh_rows; ++row) {
    for (uint32_t kh = 0; kh < t.kh; ++kh) {
      const int64_t ih = int64_t{t.oh0 + row} * t.stride_h + int64_t{kh} * t.dilation_h - t.pad_h;
      if (ih < 0 || ih >= t.h) continue;
      const uint32_t* line = plane + static_cast<size_t>(ih - t.ih0) * t.w;
      for (uint32_t kw = 0; kw < t.kw; ++kw) {
        // Columns ow with 0 <= ow * stride + offset < w.
        const int64_t offset = int64_t{kw} * t.dilation_w - t.pad_w, stride = t.stride_w;
        const int64_t first = offset < 0 ? (-offset + stride - 1) / stride : 0;
        const int64_t end = std::min<int64_t>(t.ow, offset >= t.w ? 0 : (t.w - 1 - offset) / stride + 1);
        if (first >= end) continue;
        add_row(line + first * stride + offset, t.stride_w, static_cast<uint32_t>(end - first),
                counts + size_t{row} * t.ow + first);
      }
    }
  }
}

/// Taps inside the input at each position of the tile.
void count_valid(const ConvTile& t, uint32_t* valid) {
  std::vector<uint32_t> columns(t.ow, 0);
  for (uint32_t ow = 0; ow < t.ow; ++ow) {
    for (uint32_t kw = 0; kw < t.kw; ++kw) {
      const int64_t iw = int64_t{ow} * t.stride_w + int64_t{kw} * t.dilation_w - t.pad_w;
      columns[ow] += iw >= 0 && iw < t.w;
    }
  }
  for (uint32_t row = 0; row < t.oh_rows; ++row) {
    uint32_t taps = 0;
    for (uint32_t kh = 0; kh < t.kh; ++kh) {
      const int64_t ih = int64_t{t.oh0 + row} * t.stride_h + int64_t{kh} * t.dilation_h - t.pad_h;
      taps += ih >= 0 && ih < t.h;
    }
    for (uint32_t ow = 0; ow < t.ow; ++ow) *valid++ = taps * columns[ow];
  }
}

/// Low and high elements among `count` classes.
void count_classes(const uint8_t* classes, uint32_t count, uint64_t& low, uint64_t& high) {
  low = high = 0;
  for (uint32_t i = 0; i < count; i += 8) {
    const uint64_t bytes = load_classes(classes + i, count - i);
    low += ((bytes & 0x0101010101010101u) * 0x0101010101010101u) >> 56;
    high += ((bytes >> 1 & 0x0101010101010101u) * 0x0101010101010101u) >> 56;
  }
}

/// FC layers: in each image every error meets every activation.
void add_image_pairs(const ConvTile& t, const uint8_t* x, const uint8_t* dy, Facts& facts) {
  for (uint32_t n = 0; n < t.n; ++n) {
    uint64_t e[3], a[3];
    count_classes(dy + n * t.y_stride_n, t.k, e[1], e[2]);
    count_classes(x + n * t.x_stride_n, t.c, a[1], a[2]);
    e[0] = t.k - e[1] - e[2];
    a[0] = t.c - a[1] - a[2];
    for (unsigned i = 0; i < 3; ++i) {
      for (unsigned j = 0; j < 3; ++j) facts.macs_by_class[i][j] += e[i] * a[j];
    }
  }
}

void add_pairs(const ConvTile& t, const uint8_t* x, const uint8_t* dy, Facts& facts, Workspace& workspace) {
  const size_t positions = size_t{t.oh_rows} * t.ow;
  const uint32_t taps = t.kh * t.kw;
  BB_CHECK(taps < 16384 && t.oh_rows * uint64_t{t.ow} <= UINT32_MAX, "{} taps", taps);
  uint32_t* const plane = workspace.array<uint32_t>(kPlane, size_t{t.ih_rows} * t.w);
  uint32_t* const errors = workspace.array<uint32_t>(kErrorCounts, positions);
  uint32_t* const activations = workspace.array<uint32_t>(kActivationCounts, positions);
  uint32_t* const valid = workspace.array<uint32_t>(kValidCounts, positions);
  count_valid(t, valid);
  uint64_t valid_sum = 0;
  for (size_t i = 0; i < positions; ++i) valid_sum += valid[i];
  // Blocks of channels, so that packed counts and their products stay in their halves (see multiply_counts).
  const uint32_t block_c = std::max(1u, 16383u / taps), block_k = 8192;
  const auto add = HWY_DYNAMIC_DISPATCH(add_classes);
  auto& pairs = facts.macs_by_class;
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t c0 = 0; c0 < t.c; c0 += block_c) {
      const uint32_t c1 = std::min(c0 + block_c, t.c);
      count_activations(t, x, n, c0, c1, plane, activations);
      uint64_t low = 0, high = 0;
      for (size_t i = 0; i < positions; ++i) low += activations[i] & 0xffffu, high += activations[i] >> 16;
      for (uint32_t k0 = 0; k0 < t.k; k0 += block_k) {
        const uint32_t k1 = std::min(k0 + block_k, t.k);
        std::fill_n(errors, positions, 0u);
        for (uint32_t k = k0; k < k1; ++k) {
          add(dy + n * t.y_stride_n + k * t.y_stride_k, static_cast<uint32_t>(positions), errors);
        }
        uint64_t sums[6] = {};
        HWY_DYNAMIC_DISPATCH(multiply_counts)(errors, activations, valid, static_cast<uint32_t>(positions), sums);
        const uint64_t channels = c1 - c0, outputs = k1 - k0;
        const uint64_t error_low = sums[4] * channels, error_high = sums[5] * channels;
        const uint64_t zero_low = low * outputs - sums[0] - sums[2], zero_high = high * outputs - sums[1] - sums[3];
        pairs[kClassLow][kClassLow] += sums[0];
        pairs[kClassLow][kClassHigh] += sums[1];
        pairs[kClassHigh][kClassLow] += sums[2];
        pairs[kClassHigh][kClassHigh] += sums[3];
        pairs[kClassLow][kClassZero] += error_low - sums[0] - sums[1];
        pairs[kClassHigh][kClassZero] += error_high - sums[2] - sums[3];
        pairs[kClassZero][kClassLow] += zero_low;
        pairs[kClassZero][kClassHigh] += zero_high;
        pairs[kClassZero][kClassZero] += valid_sum * channels * outputs - error_low - error_high - zero_low - zero_high;
      }
    }
  }
}

}  // namespace

void count_wg(const LnpuConfig& config, const ConvTile& tile, const uint8_t* x, const uint8_t* dy, Facts& facts,
              Workspace& workspace) {
  if (tile.n == 0 || tile.oh_rows == 0 || tile.ow == 0 || tile.c == 0 || tile.k == 0) return;
  add_lane_times(config, tile, x, dy, facts, workspace);
  if (is_fully_connected(tile)) {
    add_image_pairs(tile, x, dy, facts);
  } else {
    add_pairs(tile, x, dy, facts, workspace);
  }
}

}  // namespace backboard::npu::lnpu
#endif
