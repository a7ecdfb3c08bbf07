// Counts of WG: inputs are the errors of an output channel at all positions, the operands beside them activations.
#include <algorithm>

#include "npu/engine/fully_connected.h"
#include "npu/engine/lnpu/activation_bits.h"
#include "npu/engine/lnpu/bit_pairs.h"
#include "npu/engine/lnpu/count_products.h"
#include "npu/engine/lnpu/image_bits.h"
#include "npu/engine/lnpu/image_groups.h"
#include "npu/engine/lnpu/lane_times.h"
#include "npu/engine/lnpu/lanes.h"
#include "npu/engine/lnpu/position_layout.h"
#include "npu/engine/lnpu/position_pairs.h"

namespace backboard::npu::lnpu {
namespace {

enum Slot : unsigned { kErrors = 8, kActivations, kGroup, kTimes, kRows, kImageErrors, kImageCounts };

/// Takes two bitmaps of `words` from a slot, zeroed unless all of them are going to be written.
struct TwoBitmaps {
  uint64_t *nonzero, *high;
  TwoBitmaps(unsigned slot, size_t words, bool zeroed, Workspace& workspace)
      : nonzero(workspace.array<uint64_t>(slot, 2 * words)), high(nonzero + words) {
    if (zeroed) std::fill_n(nonzero, 2 * words, uint64_t{0});
  }
};

/// Adds up the times of all groups of operand columns. fill(first, end): puts the bitmaps of a group in place.
template <class Fill>
void add_groups(const WindowBits& bits, const CoreGrid& grid, uint32_t columns, Fill&& fill, Facts& facts,
                Workspace& workspace) {
  const uint32_t width = bits.config->multipliers_per_lane, groups = (columns + width - 1) / width;
  const size_t times = size_t{bits.strips} * bits.lanes;
  // Of the group at hand, of any group, and the sums [strip][lane][column of cores].
  uint64_t* const own = workspace.array<uint64_t>(kTimes, times * (2 + grid.columns));
  uint64_t *const common = own + times, *const bins = common + times;
  std::fill_n(common, times * (1 + grid.columns), uint64_t{0});
  uint64_t common_busy = 0;
  add_input_times(bits, common, &common_busy);
  facts.busy_half_cycles += common_busy * groups;
  for (uint32_t g = 0; g < groups; ++g) {
    fill(g * width, std::min((g + 1) * width, columns));
    std::copy_n(common, times, own);
    add_group_times(bits, own, &facts.busy_half_cycles);
    for (size_t i = 0; i < times; ++i) bins[i * grid.columns + g % grid.columns] += own[i];
  }
  add_core_times(bins, grid, bits.lanes, facts);
}

/// Blocks of channels that share windows: a strip's channels by `copies`; blocks do not cross strips.
struct Blocks {
  std::vector<uint32_t> begin;  ///< [strips + 1]
  uint32_t most = 0;            ///< in a strip

  Blocks(uint32_t channels, uint32_t strips, uint32_t copies) {
    begin.reserve(strips + 1);
    begin.push_back(0);
    for (uint32_t strip = 0; strip < strips; ++strip) {
      const uint32_t size = strip_begin(channels, strips, strip + 1) - strip_begin(channels, strips, strip);
      begin.push_back(begin.back() + (size + copies - 1) / copies);
      most = std::max(most, begin.back() - begin[strip]);
    }
  }
};

/// Calls visit(strip, block of the strip, copy, channel) for every channel.
template <class Visit>
void for_each_channel(uint32_t channels, uint32_t strips, uint32_t copies, Visit&& visit) {
  for (uint32_t strip = 0; strip < strips; ++strip) {
    const uint32_t first = strip_begin(channels, strips, strip), end = strip_begin(channels, strips, strip + 1);
    for (uint32_t k = first; k < end; ++k) visit(strip, (k - first) / copies, (k - first) % copies, k);
  }
}

void count_convolution(const LnpuConfig& config, const ConvTile& t, const uint8_t* x, const uint8_t* dy, Facts& facts,
                       Workspace& workspace) {
  const bool both = config.skip == Skip::kBoth;
  const PositionLayout layout = lay_positions(config, t.n, t.oh_rows, t.ow);
  const uint32_t columns = t.c * t.kh * t.kw, width = config.multipliers_per_lane;
  const CoreGrid grid = core_grid(config, (columns + width - 1) / width);
  const size_t window_words = size_t{layout.words} * layout.windows;
  const Blocks blocks(t.k, grid.strips, layout.copies);
  const TwoBitmaps errors(kErrors, blocks.begin.back() * window_words, layout.rows_in_word == 0, workspace);
  const auto add_channel = [&](uint32_t strip, uint32_t block, uint32_t copy, uint32_t k) {
    const size_t at = (blocks.begin[strip] + block) * window_words;
    add_error_bits(t, dy + k * t.y_stride_k, layout, copy, errors.nonzero + at, errors.high + at);
  };
  if (layout.rows_in_word != 0) {
    set_error_bits(t, dy, layout, errors.nonzero, errors.high);
  } else {
    for_each_channel(t.k, grid.strips, layout.copies, add_channel);
  }
  ActivationBits rows = activation_bits(t);
  const size_t size = rows.size(t.c);
  const bool by_bits = bit_pairs_fit(t, layout);
  rows.high = workspace.array<uint64_t>(kActivations, both || by_bits ? 2 * size : size);
  if (both || by_bits) rows.nonzero = rows.high + size;
  fill_activation_bits(t, x, rows);
  uint64_t* const scratch = workspace.array<uint64_t>(kRows, size_t{(t.ow + 63) / 64} * rows.pitch + kGroupSlack);
  uint64_t* const group = workspace.array<uint64_t>(kGroup, 2 * window_words + kGroupSlack);
  WindowBits bits;
  bits.config = &config;
  bits.error_nonzero = errors.nonzero;
  bits.error_high = errors.high;
  bits.high = group;
  bits.nonzero = group + window_words;
  bits.words = layout.words;
  bits.inner = layout.windows;
  bits.strips = grid.strips;
  bits.strip_begin = blocks.begin.data();
  bits.lanes = static_cast<uint32_t>(layout.lane_begin.size()) - 1;
  bits.lane_begin = layout.lane_begin.data();
  const auto fill = [&](uint32_t first, uint32_t end) {
    std::fill_n(group, both ? 2 * window_words : window_words, uint64_t{0});
    or_group(t, rows, rows.high, first, end, layout, scratch, group);
    if (both) or_group(t, rows, rows.nonzero, first, end, layout, scratch, group + window_words);
  };
  add_groups(bits, grid, columns, fill, facts, workspace);
  if (by_bits) return add_bit_pairs(t, layout, rows, errors.nonzero, errors.high, facts, workspace);
  add_position_pairs(t, x, dy, facts, workspace);
}

/// ORs `count` bits of `from`, starting at bit `at`, into `to` starting at bit `shift`; words of `to` lie `pitch`
/// apart.
void place_bits(const uint64_t* from, uint32_t at, uint32_t count, uint64_t* to, uint32_t shift, size_t pitch) {
  while (count > 0) {
    const uint32_t take = std::min({count, 64 - at % 64, 64 - shift % 64});
    const uint64_t mask = ~uint64_t{0} >> (64 - take);
    to[shift / 64 * pitch] |= (from[at / 64] >> (at % 64) & mask) << (shift % 64);
    at += take;
    shift += take;
    count -= take;
  }
}

ImageBits image_bits(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels, unsigned slot,
                     const ImageCounts& counts, Workspace& workspace) {
  const size_t words = image_bits_words(images, channels);
  ImageBits bits;
  bits.nonzero = workspace.array<uint64_t>(slot, 2 * words);
  bits.high = bits.nonzero + words;
  bits.words = (images + 63) / 64;
  bits.counts = counts;
  fill_image_bits(classes, stride_n, images, channels, bits);
  return bits;
}

/// The products by class: in each image every error meets every activation.
void add_image_pairs(const ConvTile& t, const ImageCounts& activations, const ImageCounts& errors, Facts& facts) {
  const auto [en, eh, an, ah, enan, enah, ehan, ehah] = sum_images(activations, errors, t.n);
  auto& pairs = facts.macs_by_class;
  pairs[kClassHigh][kClassHigh] += ehah;
  pairs[kClassHigh][kClassLow] += ehan - ehah;
  pairs[kClassHigh][kClassZero] += t.c * eh - ehan;
  pairs[kClassLow][kClassHigh] += enah - ehah;
  pairs[kClassLow][kClassLow] += enan - enah - (ehan - ehah);
  pairs[kClassLow][kClassZero] += t.c * (en - eh) - (enan - ehan);
  pairs[kClassZero][kClassHigh] += t.k * ah - enah;
  pairs[kClassZero][kClassLow] += t.k * (an - ah) - (enan - enah);
  pairs[kClassZero][kClassZero] += uint64_t{t.n} * t.c * t.k - t.c * en - t.k * an + enan;
}

/// Counts of both operands' images.
struct TwoCounts {
  ImageCounts activations, errors;
  TwoCounts(uint32_t images, Workspace& workspace) {
    const uint32_t size = ImageCounts::rounded(images);
    uint64_t* const counts = workspace.array<uint64_t>(kImageCounts, 4 * size_t{size});
    activations = {counts, counts + size};
    errors = {counts + 2 * size_t{size}, counts + 3 * size_t{size}};
  }
};

/// A piece's images, at their place in the window, of words [image / 64] that lie `pitch` apart.
inline uint64_t piece_bits(const uint64_t* from, size_t pitch, const Piece& piece) {
  const uint32_t low = piece.first % 64;
  from += piece.first / 64 * pitch;
  uint64_t bits = *from >> low;
  if (low + piece.count > 64) bits |= from[pitch] << (64 - low);
  return (bits & ~uint64_t{0} >> (64 - piece.count)) << piece.shift;
}

/// count_images() where windows have one word and a group is eight input channels.
void count_image_groups(const LnpuConfig& config, const ConvTile& t, const uint8_t* x, const uint8_t* dy,
                        const PositionLayout& layout, Facts& facts, Workspace& workspace) {
  const bool both = config.skip == Skip::kBoth;
  const TwoCounts counts(t.n, workspace);
  GroupWindows windows;
  windows.config = &config;
  windows.windows = layout.windows;
  windows.groups = (t.c + ImageGroups::kChannels - 1) / ImageGroups::kChannels;
  windows.pitch = ImageCounts::rounded(windows.groups);
  const CoreGrid grid = core_grid(config, windows.groups);
  windows.strips = grid.strips;
  windows.blocks = ((t.k + grid.strips - 1) / grid.strips + layout.copies - 1) / layout.copies;
  const size_t image_words = (size_t{t.n} + 63) / 64 * windows.pitch, window_words = layout.windows * windows.pitch;
  ImageGroups groups;
  groups.high = workspace.array<uint64_t>(kActivations, 2 * image_words);
  if (both) groups.nonzero = groups.high + image_words;
  groups.pitch = windows.pitch;
  groups.counts = counts.activations;
  fill_image_groups(x, t.x_stride_n, t.n, t.c, groups);
  const ImageBits errors = image_bits(dy, t.y_stride_n, t.n, t.k, kImageErrors, counts.errors, workspace);
  add_image_pairs(t, counts.activations, counts.errors, facts);
  const TwoBitmaps window_errors(kErrors, size_t{grid.strips} * layout.windows * windows.blocks, true, workspace);
  const TwoBitmaps window_groups(kGroup, window_words, true, workspace);
  for (const Piece& piece : layout.pieces) {
    for_each_channel(t.k, grid.strips, layout.copies, [&](uint32_t strip, uint32_t block, uint32_t copy, uint32_t k) {
      const size_t at = (size_t{strip} * layout.windows + piece.window) * windows.blocks + block;
      const size_t row = size_t{k} * errors.words;
      window_errors.nonzero[at] |= piece_bits(errors.nonzero + row, 1, piece) << (copy * layout.bits);
      window_errors.high[at] |= piece_bits(errors.high + row, 1, piece) << (copy * layout.bits);
    });
    const auto place = [&](const uint64_t* from, uint64_t* to) {
      for (uint32_t g = 0; g < windows.groups; ++g) {
        const uint64_t bits = piece_bits(from + g, windows.pitch, piece);
        for (uint32_t copy = 0; copy < layout.copies; ++copy) to[g] |= bits << (copy * layout.bits);
      }
    };
    place(groups.high, window_groups.high + size_t{piece.window} * windows.pitch);
    if (both) place(groups.nonzero, window_groups.nonzero + size_t{piece.window} * windows.pitch);
  }
  windows.error_nonzero = window_errors.nonzero;
  windows.error_high = window_errors.high;
  windows.high = window_groups.high;
  windows.nonzero = window_groups.nonzero;
  const size_t bin_count = size_t{grid.strips} * grid.columns;
  uint64_t* const bins = workspace.array<uint64_t>(
      kTimes, ImageCounts::rounded(static_cast<uint32_t>(bin_count)) + size_t{grid.strips} * windows.pitch);
  uint64_t* const times = bins + ImageCounts::rounded(static_cast<uint32_t>(bin_count));
  time_image_groups(windows, times, &facts.busy_half_cycles);
  std::fill_n(bins, bin_count, uint64_t{0});
  for (uint32_t strip = 0; strip < grid.strips; ++strip) {
    for (uint32_t g = 0; g < windows.groups; ++g) {
      bins[strip * grid.columns + g % grid.columns] += times[strip * windows.pitch + g];
    }
  }
  add_core_times(bins, grid, 1, facts);
}

void count_images(const LnpuConfig& config, const ConvTile& t, const uint8_t* x, const uint8_t* dy, Facts& facts,
                  Workspace& workspace) {
  const PositionLayout layout = lay_images(config, t.n);
  if (layout.words == 1 && config.multipliers_per_lane == ImageGroups::kChannels) {
    return count_image_groups(config, t, x, dy, layout, facts, workspace);
  }
  const TwoCounts counts(t.n, workspace);
  const ImageBits activations = image_bits(x, t.x_stride_n, t.n, t.c, kActivations, counts.activations, workspace);
  const ImageBits errors = image_bits(dy, t.y_stride_n, t.n, t.k, kImageErrors, counts.errors, workspace);
  add_image_pairs(t, counts.activations, counts.errors, facts);
  const uint32_t width = config.multipliers_per_lane;
  const CoreGrid grid = core_grid(config, (t.c + width - 1) / width);
  const Blocks blocks(t.k, grid.strips, layout.copies);
  const uint32_t inner = (blocks.most + kWindowMultiple - 1) / kWindowMultiple * kWindowMultiple;
  const size_t window_words = size_t{layout.windows} * layout.words;
  const TwoBitmaps window_errors(kErrors, grid.strips * window_words * inner, true, workspace);
  for_each_channel(t.k, grid.strips, layout.copies, [&](uint32_t strip, uint32_t block, uint32_t copy, uint32_t k) {
    for (const Piece& piece : layout.pieces) {
      const size_t at = (strip * window_words + size_t{piece.window} * layout.words) * inner + block;
      const uint32_t shift = copy * layout.bits + piece.shift;
      const size_t row = size_t{k} * errors.words;
      place_bits(errors.nonzero + row, piece.first, piece.count, window_errors.nonzero + at, shift, inner);
      place_bits(errors.high + row, piece.first, piece.count, window_errors.high + at, shift, inner);
    }
  });
  std::vector<uint32_t> strip_begins;
  strip_begins.reserve(grid.strips + 1);
  for (uint32_t strip = 0; strip <= grid.strips; ++strip) strip_begins.push_back(strip * layout.windows);
  const uint32_t lane_begin[2] = {0, inner};
  uint64_t* const group = workspace.array<uint64_t>(kGroup, 2 * window_words);
  uint64_t* const any = workspace.array<uint64_t>(kRows, activations.words);
  WindowBits bits;
  bits.config = &config;
  bits.error_nonzero = window_errors.nonzero;
  bits.error_high = window_errors.high;
  bits.high = group;
  bits.nonzero = group + window_words;
  bits.words = layout.words;
  bits.inner = inner;
  bits.strips = grid.strips;
  bits.strip_begin = strip_begins.data();
  bits.lane_begin = lane_begin;
  bits.one_activation = true;
  const auto place = [&](const uint64_t* from, uint32_t first, uint32_t end, uint64_t* to) {
    for (uint32_t word = 0; word < activations.words; ++word) {
      uint64_t bits_of_word = 0;
      for (uint32_t c = first; c < end; ++c) bits_of_word |= from[size_t{c} * activations.words + word];
      any[word] = bits_of_word;
    }
    std::fill_n(to, window_words, uint64_t{0});
    for (const Piece& piece : layout.pieces) {
      for (uint32_t copy = 0; copy < layout.copies; ++copy) {
        place_bits(any, piece.first, piece.count, to + size_t{piece.window} * layout.words,
                   copy * layout.bits + piece.shift, 1);
      }
    }
  };
  const auto fill = [&](uint32_t first, uint32_t end) {
    place(activations.high, first, end, group);
    if (config.skip == Skip::kBoth) place(activations.nonzero, first, end, group + window_words);
  };
  add_groups(bits, grid, t.c, fill, facts, workspace);
}

}  // namespace

void count_wg(const LnpuConfig& config, const ConvTile& tile, const uint8_t* x, const uint8_t* dy, Facts& facts,
              Workspace& workspace) {
  if (tile.n == 0 || tile.oh_rows == 0 || tile.ow == 0 || tile.c == 0 || tile.k == 0) return;
  if (is_fully_connected(tile) && config.ilb_window > 1) {
    count_images(config, tile, x, dy, facts, workspace);
  } else {
    count_convolution(config, tile, x, dy, facts, workspace);
  }
}

}  // namespace backboard::npu::lnpu
