#include "npu/vector/pooling.h"

#include <algorithm>
#include <array>
#include <vector>

#include "npu/vector/canonical.h"
#include "npu/vector/row_kernels.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

/// Indices `begin` to `end` along one axis.
struct Span1 {
  int64_t begin = 0, end = 0;
  uint32_t count() const { return static_cast<uint32_t>(std::max<int64_t>(end - begin, 0)); }
};

/// Taps of window `output` that lie inside an input of `size` elements; never empty for a valid shape.
Span1 taps_inside(uint32_t output, uint32_t stride, uint32_t pad, uint32_t kernel, uint32_t size) {
  const int64_t start = int64_t{output} * stride - pad;
  return {std::max<int64_t>(-start, 0), std::min<int64_t>(kernel, size - start)};
}

/// Outputs whose windows lie wholly inside the input; empty spans begin where the windows cut on the left end.
Span1 uncut_outputs(uint32_t outputs, uint32_t stride, uint32_t pad, uint32_t kernel, uint32_t size) {
  const int64_t begin = std::min<int64_t>((int64_t{pad} + stride - 1) / stride, outputs);
  const int64_t room = int64_t{size} + pad - kernel;
  const int64_t end = room < 0 ? 0 : std::min<int64_t>(room / stride + 1, outputs);
  return {begin, std::max(begin, end)};
}

/// Elements of window `output` that an average is divided by along one axis.
uint32_t divisor(uint32_t output, uint32_t stride, uint32_t pad, uint32_t kernel, uint32_t size, bool exclude_pad) {
  if (exclude_pad) return taps_inside(output, stride, pad, kernel, size).count();
  const int64_t to_end = int64_t{size} + 2 * int64_t{pad} - int64_t{output} * stride;
  return static_cast<uint32_t>(std::min<int64_t>(kernel, to_end));
}

/// What the sum of a window is multiplied by.
float window_factor(const PoolShape& s, uint32_t oh, uint32_t ow) {
  return s.sum ? 1.0f : mean_factor(uint64_t{s.divisor_h(oh)} * s.divisor_w(ow));
}

/// A tile of inputs must cover the rows `needed`, and hold the same images and channels as the tile of outputs.
template <class A, class B>
void check_cover(const TileView<A>& reader, const TileView<B>& source, PoolRows needed) {
  BB_CHECK(reader.n0 == source.n0 && reader.n == source.n && reader.c0 == source.c0 && reader.c == source.c,
           "tiles of pooling differ in images or channels");
  BB_CHECK(source.h0 <= needed.first && source.h0 + source.h >= needed.first + needed.count,
           "rows {}..{} needed, rows {}..{} there", needed.first, needed.first + needed.count, source.h0,
           source.h0 + source.h);
}

/// Calls visit(row of windows, first output column) for output row `oh` of one channel: the windows cut on the left one
/// by one, all uncut ones together, those cut on the right one by one.
template <class Visit>
void for_each_pool_row(const PoolShape& s, const ConstTile& x, uint32_t image, uint32_t channel, uint32_t oh,
                       const Visit& visit) {
  const Span1 rows = taps_inside(oh, s.stride_h, s.pad_h, s.kernel_h, s.input_h);
  const auto first_row = static_cast<uint32_t>(int64_t{oh} * s.stride_h - s.pad_h + rows.begin);
  const float* source = x.row(image, channel, first_row);
  row_kernels::PoolRow row{};
  row.row_stride = x.stride_h;
  row.rows = rows.count();
  row.taps_per_row = s.kernel_w;
  const auto one_cut = [&](uint32_t ow) {
    const Span1 columns = taps_inside(ow, s.stride_w, s.pad_w, s.kernel_w, s.input_w);
    row.first_row = source + (int64_t{ow} * s.stride_w - s.pad_w + columns.begin);
    row.columns = columns.count();
    row.stride = 1;
    row.outputs = 1;
    row.first_tap = static_cast<uint32_t>(rows.begin * s.kernel_w + columns.begin);
    visit(row, ow);
  };
  const uint32_t outputs = s.output_w();
  const Span1 uncut = uncut_outputs(outputs, s.stride_w, s.pad_w, s.kernel_w, s.input_w);
  for (uint32_t ow = 0; ow < uncut.begin; ++ow) one_cut(ow);
  if (uncut.count() > 0) {
    const int64_t start = uncut.begin * s.stride_w - s.pad_w;
    row.first_row = source + start;
    row.columns = s.kernel_w;
    row.stride = s.stride_w;
    row.outputs = uncut.count();
    row.first_tap = static_cast<uint32_t>(rows.begin * s.kernel_w);
    visit(row, static_cast<uint32_t>(uncut.begin));
  }
  for (auto ow = static_cast<uint32_t>(uncut.end); ow < outputs; ++ow) one_cut(ow);
}

template <class Visit>
void for_each_channel(const Tile& tile, const Visit& visit) {
  for (uint32_t image = tile.n0; image < tile.n0 + tile.n; ++image)
    for (uint32_t channel = tile.c0; channel < tile.c0 + tile.c; ++channel) visit(image, channel);
}

void check_forward(const PoolShape& shape, const ConstTile& x, const Tile& y) {
  BB_CHECK(shape.valid(), "pooling {}x{}", shape.kernel_h, shape.kernel_w);
  BB_CHECK(x.w == shape.input_w && y.w == shape.output_w(), "pooling columns {} -> {}", x.w, y.w);
  BB_CHECK(y.h > 0 && y.h0 + y.h <= shape.output_h(), "pooling rows {} + {}", y.h0, y.h);
  check_cover(y, x, shape.input_rows({y.h0, y.h}));
}

void check_backward(const PoolShape& shape, const ConstTile& dy, const Tile& dx) {
  BB_CHECK(shape.valid(), "pooling {}x{}", shape.kernel_h, shape.kernel_w);
  BB_CHECK(dx.w == shape.input_w && dy.w == shape.output_w(), "pooling columns {} <- {}", dx.w, dy.w);
  BB_CHECK(dx.h > 0 && dx.h0 + dx.h <= shape.input_h, "pooling rows {} + {}", dx.h0, dx.h);
  const PoolRows needed = shape.output_rows({dx.h0, dx.h});
  if (needed.count > 0) check_cover(dx, dy, needed);
}

void zero_channel(const Tile& tile, uint32_t image, uint32_t channel) {
  for (uint32_t h = tile.h0; h < tile.h0 + tile.h; ++h) std::fill_n(tile.row(image, channel, h), tile.w, 0.0f);
}

/// Row and column of each tap of a window, by index.
struct TapTable {
  std::array<uint8_t, 256> row{}, column{};
  explicit TapTable(const PoolShape& s) {
    for (uint32_t tap = 0; tap < s.kernel_h * s.kernel_w; ++tap) {
      row[tap] = static_cast<uint8_t>(tap / s.kernel_w);
      column[tap] = static_cast<uint8_t>(tap % s.kernel_w);
    }
  }
};

/// max_pool_bp for one channel of one image: adds to a dx that is zero.
void scatter_channel(const PoolShape& s, const TapTable& table, const ConstTile& dy,
                     const TileView<const uint8_t>& index, const ConstTile& mask, const Tile& dx, uint32_t image,
                     uint32_t channel, MaxPoolBackward& result) {
  const PoolRows outputs = s.output_rows({dx.h0, dx.h});
  const uint32_t taps = s.kernel_h * s.kernel_w;
  for (uint32_t oh = outputs.first; oh < outputs.first + outputs.count; ++oh) {
    const float* errors = dy.row(image, channel, oh);
    const uint8_t* places = index.row(image, channel, oh);
    const int64_t window_h = int64_t{oh} * s.stride_h - s.pad_h;
    const float* masks = mask.data ? mask.row(image, channel, oh) : nullptr;
    for (uint32_t ow = 0; ow < dy.w; ++ow) {
      const uint32_t place = places[ow];
      const int64_t h = window_h + table.row[place];
      const int64_t w = int64_t{ow} * s.stride_w - s.pad_w + table.column[place];
      if (place >= taps || h < 0 || h >= s.input_h || w < 0 || w >= s.input_w) {
        ++result.bad_indices;
        continue;
      }
      if (h < dx.h0 || h >= int64_t{dx.h0} + dx.h) continue;
      if (masks) {
        ++result.facts.compares;
        if (!(masks[ow] > 0.0f)) continue;
      }
      ++result.facts.adds;
      float& sum = dx.row(image, channel, static_cast<uint32_t>(h))[w];
      sum = canonical(sum + errors[ow]);
    }
  }
}

/// Windows of a row whose column `kw` lies inside the input.
Span1 windows_at(const PoolShape& s, uint32_t kw) {
  const int64_t before = int64_t{s.pad_w} - kw;  // columns of padding in front of this tap of window 0
  const int64_t begin = before <= 0 ? 0 : (before + s.stride_w - 1) / s.stride_w;
  const int64_t last = int64_t{s.input_w} - 1 + before;
  const int64_t end = last < 0 ? 0 : std::min<int64_t>(last / s.stride_w + 1, s.output_w());
  return {begin, std::max(begin, end)};
}

}  // namespace

bool PoolShape::valid() const {
  return kernel_h > 0 && kernel_w > 0 && stride_h > 0 && stride_w > 0 && pad_h < kernel_h && pad_w < kernel_w &&
         input_h > 0 && input_w > 0 && uint64_t{input_h} + 2 * uint64_t{pad_h} >= kernel_h &&
         uint64_t{input_w} + 2 * uint64_t{pad_w} >= kernel_w;
}

uint32_t PoolShape::divisor_h(uint32_t oh) const {
  return divisor(oh, stride_h, pad_h, kernel_h, input_h, exclude_pad);
}

uint32_t PoolShape::divisor_w(uint32_t ow) const {
  return divisor(ow, stride_w, pad_w, kernel_w, input_w, exclude_pad);
}

bool PoolShape::one_divisor() const {
  // The first and the last window are the shortest.
  return divisor_h(0) == kernel_h && divisor_h(output_h() - 1) == kernel_h && divisor_w(0) == kernel_w &&
         divisor_w(output_w() - 1) == kernel_w;
}

PoolRows PoolShape::input_rows(PoolRows outputs) const {
  const int64_t begin = std::max<int64_t>(int64_t{outputs.first} * stride_h - pad_h, 0);
  const int64_t last_start = (int64_t{outputs.first} + outputs.count - 1) * stride_h - pad_h;
  const int64_t end = std::min<int64_t>(last_start + kernel_h, input_h);
  return {static_cast<uint32_t>(begin), static_cast<uint32_t>(end - begin)};
}

PoolRows PoolShape::output_rows(PoolRows inputs) const {
  const int64_t before = int64_t{inputs.first} + pad_h - kernel_h;  // a window that starts here ends above `inputs`
  const int64_t begin = before < 0 ? 0 : before / stride_h + 1;
  const int64_t last = int64_t{inputs.first} + inputs.count - 1 + pad_h;
  const int64_t end = std::min<int64_t>(last / stride_h + 1, output_h());
  return {static_cast<uint32_t>(begin), static_cast<uint32_t>(std::max<int64_t>(end - begin, 0))};
}

VectorFacts max_pool_ff(const PoolShape& shape, const ConstTile& x, const Tile& y, const TileView<uint8_t>& index) {
  check_forward(shape, x, y);
  BB_CHECK(!index.data || (shape.index_fits() && same_box(index, y)), "index of max pooling");
  for_each_channel(y, [&](uint32_t image, uint32_t channel) {
    for (uint32_t oh = y.h0; oh < y.h0 + y.h; ++oh) {
      float* out = y.row(image, channel, oh);
      uint8_t* places = index.data ? index.row(image, channel, oh) : nullptr;
      for_each_pool_row(shape, x, image, channel, oh, [&](const row_kernels::PoolRow& row, uint32_t ow) {
        row_kernels::max_pool(row, out + ow, places ? places + ow : nullptr);
      });
    }
  });
  return {.compares = y.elements() * shape.kernel_h * shape.kernel_w};
}

MaxPoolBackward max_pool_bp(const PoolShape& shape, const ConstTile& dy, const TileView<const uint8_t>& index,
                            const Tile& dx, const ConstTile& mask) {
  check_backward(shape, dy, dx);
  BB_CHECK(shape.index_fits() && same_box(index, dy), "index of max pooling");
  BB_CHECK(!mask.data || same_box(mask, dy), "mask of max pooling");
  const TapTable table(shape);
  MaxPoolBackward result;
  for_each_channel(dx, [&](uint32_t image, uint32_t channel) {
    zero_channel(dx, image, channel);
    scatter_channel(shape, table, dy, index, mask, dx, image, channel, result);
  });
  return result;
}

VectorFacts average_pool_ff(const PoolShape& shape, const ConstTile& x, const Tile& y) {
  check_forward(shape, x, y);
  for_each_channel(y, [&](uint32_t image, uint32_t channel) {
    for (uint32_t oh = y.h0; oh < y.h0 + y.h; ++oh) {
      float* out = y.row(image, channel, oh);
      for_each_pool_row(shape, x, image, channel, oh, [&](const row_kernels::PoolRow& row, uint32_t ow) {
        row_kernels::average_pool(row, window_factor(shape, oh, ow), out + ow);
      });
    }
  });
  return {.adds = y.elements() * shape.kernel_h * shape.kernel_w, .multiplies = y.elements()};
}

VectorFacts average_pool_bp(const PoolShape& shape, const ConstTile& dy, const Tile& dx) {
  check_backward(shape, dy, dx);
  // One factor is taken out of the sums.
  const bool shared = shape.sum || shape.one_divisor();
  const float factor = shape.sum ? 1.0f : mean_factor(uint64_t{shape.kernel_h} * shape.kernel_w);
  std::vector<float> scaled(shared ? 0 : dy.w);
  VectorFacts facts;
  for_each_channel(dx, [&](uint32_t image, uint32_t channel) {
    zero_channel(dx, image, channel);
    for (uint32_t h = dx.h0; h < dx.h0 + dx.h; ++h) {
      float* sums = dx.row(image, channel, h);
      const PoolRows outputs = shape.output_rows({h, 1});
      for (uint32_t oh = outputs.first; oh < outputs.first + outputs.count; ++oh) {
        const float* errors = dy.row(image, channel, oh);
        if (!shared) {
          for (uint32_t ow = 0; ow < dy.w; ++ow) scaled[ow] = errors[ow] * window_factor(shape, oh, ow);
          errors = scaled.data();
          facts.multiplies += dy.w;
        }
        // Last column of the window first: an input column then meets its windows from left to right.
        for (uint32_t kw = shape.kernel_w; kw-- > 0;) {
          const Span1 windows = windows_at(shape, kw);
          float* const target = sums + (windows.begin * shape.stride_w + kw - shape.pad_w);
          const float* const source = errors + windows.begin;
          for (uint32_t i = 0; i < windows.count(); ++i) target[size_t{i} * shape.stride_w] += source[i];
          facts.adds += windows.count();
        }
      }
      row_kernels::scale(sums, shared ? factor : 1.0f, sums, dx.w);
    }
  });
  if (shared) facts.multiplies = dx.elements();
  return facts;
}

VectorFacts global_pool_accumulate(const ConstTile& x, std::span<float> sums) {
  BB_CHECK(sums.size() == size_t{x.n} * x.c, "{} sums for {} images x {} channels", sums.size(), x.n, x.c);
  for (uint32_t i = 0; i < x.n; ++i) {
    float* const image_sums = sums.data() + size_t{i} * x.c;
    const float* image = x.data + i * x.stride_n;
    if (x.channel_is_dense()) {
      row_kernels::continue_sums(image, x.stride_c, size_t{x.h} * x.w, image_sums, x.c);
    } else {
      for (uint32_t h = 0; h < x.h; ++h)
        row_kernels::continue_sums(image + h * x.stride_h, x.stride_c, x.w, image_sums, x.c);
    }
  }
  return {.adds = x.elements()};
}

VectorFacts global_pool_finish(std::span<const float> sums, uint64_t pixels, const Tile& y) {
  BB_CHECK(y.h == 1 && y.w == 1 && sums.size() == size_t{y.n} * y.c && pixels > 0, "{} sums", sums.size());
  const float factor = mean_factor(pixels);
  for (uint32_t i = 0; i < y.n; ++i)
    for (uint32_t c = 0; c < y.c; ++c)
      y.data[i * y.stride_n + c * y.stride_c] = canonical(sums[size_t{i} * y.c + c] * factor);
  return {.multiplies = y.elements()};
}

VectorFacts global_pool_bp(const ConstTile& dy, uint64_t pixels, const Tile& dx) {
  BB_CHECK(dy.h == 1 && dy.w == 1 && dy.n0 == dx.n0 && dy.n == dx.n && dy.c0 == dx.c0 && dy.c == dx.c && pixels > 0,
           "tiles of global pooling differ in images or channels");
  const float factor = mean_factor(pixels);
  for_each_channel(dx, [&](uint32_t image, uint32_t channel) {
    const float share = canonical(*dy.row(image, channel, dy.h0) * factor);
    for (uint32_t h = dx.h0; h < dx.h0 + dx.h; ++h) std::fill_n(dx.row(image, channel, h), dx.w, share);
  });
  return {.multiplies = dx.elements()};
}

}  // namespace backboard::npu
