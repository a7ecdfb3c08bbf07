#include "npu/engine/tile_choice.h"

#include <algorithm>
#include <numeric>

#include "npu/command/operands.h"

namespace backboard::npu {
namespace {

uint64_t parts(uint64_t size, uint64_t tile) {
  return (size + tile - 1) / tile;
}

/// Smallest step of a dimension: the blocks of the tensor that is produced, unless one tile takes all of it.
struct Units {
  uint32_t a = 1, b = 1, rows = 1;
};

/// Smallest step of the dimensions that a reduction runs over, so that no tile cuts a group of `group` terms.
struct ReductionUnits {
  uint32_t b = 1, rows = 1, n = 1;
};

/// Units of which each has `terms` terms and that make whole groups.
uint32_t units_of_group(uint32_t group, uint64_t terms) {
  return group / static_cast<uint32_t>(std::gcd<uint64_t>(group, terms));
}

ReductionUnits reduction_units(const LayerShape& shape, uint32_t group) {
  ReductionUnits units;
  if (group == 1) return units;
  const uint64_t positions = uint64_t{shape.oh} * shape.ow;
  const bool strided = shape.geometry.stride_h > 1 || shape.geometry.stride_w > 1;
  switch (shape.pass) {
    case Pass::ff:
      units.b = units_of_group(group, uint64_t{shape.kh} * shape.kw);
      break;
    case Pass::bp:
      // With strides, each residue of the positions has another number of taps.
      units.b = strided ? group : units_of_group(group, uint64_t{shape.kh} * shape.kw);
      break;
    case Pass::wg:
      units.n = units_of_group(group, positions);
      // A tile of some rows begins at a whole group only when each image does.
      units.rows = units.n == 1 || shape.n == 1 ? units_of_group(group, shape.ow) : shape.oh;
      break;
  }
  return units;
}

/// `size` raised to a multiple of `unit`.
uint32_t raised(uint32_t size, uint32_t unit) {
  return static_cast<uint32_t>(std::min<uint64_t>((uint64_t{size} + unit - 1) / unit * unit, UINT32_MAX));
}

Units units_of(const Job& job, const LayerShape& shape) {
  Units units;
  if (shape.pass == Pass::wg) {
    const Tensor& copy = job[5];
    if (copy.present && copy.coded()) units.b = copy.block_channels;
    return units;
  }
  const Tensor& output = job[shape.output_slot];
  if (output.coded()) {
    units.a = output.block_channels;
    units.rows = output.block_rows;
  }
  return units;
}

struct Extent {
  uint32_t a, b, rows;
};

Extent extent_of(const LayerShape& shape) {
  if (shape.pass == Pass::bp) return {shape.group_c(), shape.group_k(), shape.h};
  return {shape.group_k(), shape.group_c(), shape.oh};
}

uint64_t buffer_bytes_of(const Job& job, const LayerShape& shape, const LayerTile& tile) {
  const LayerTileSizes sizes = layer_tile_sizes(job, shape, tile);
  const auto align = [](uint64_t bytes) { return (bytes + 31) / 32 * 32; };
  const uint64_t operands = align(sizes.input * buffer_element_bytes(job[shape.input_slot])) +
                            align(sizes.other * buffer_element_bytes(job[shape.other_slot]));
  uint64_t results = align(sizes.output * kAccumulator_bytes);
  if (sizes.bias) results += align(sizes.bias * kAccumulator_bytes);
  if (sizes.mask) results += align(sizes.mask * buffer_element_bytes(job[3]));
  if (job.has(kFlagUPDATE)) results += align(sizes.master * kAccumulator_bytes);
  if (job.has(kFlagMOMENTUM)) results += align(sizes.master * kAccumulator_bytes);
  return operands * tile.buffers + results * tile.results;
}

/// Of `size` in blocks of `block`, what a part of `count` touches at most. `aligned`: parts begin at multiples of
/// `count`.
uint64_t touched(uint64_t count, uint64_t block, uint64_t size, bool aligned) {
  if (count >= size) return size;
  if (aligned && (count % block == 0 || block % count == 0)) return std::min(size, (count + block - 1) / block * block);
  return std::min(size, ((count + block - 2) / block + 1) * block);
}

/// Elements that a load of `images` x `channels` x `rows` of a tensor moves: of a coded one whole blocks.
uint64_t moved_elements(const Tensor& tensor, uint64_t images, uint64_t channels, uint64_t rows, bool rows_aligned) {
  if (!tensor.coded()) return images * channels * rows * tensor.shape[3];
  return images * touched(channels, tensor.block_channels, tensor.shape[1], true) *
         touched(rows, tensor.block_rows, tensor.shape[2], rows_aligned) * tensor.shape[3];
}

/// Bytes of the loads of a step.
struct LoadBytes {
  uint64_t input = 0, other = 0;
};

LoadBytes load_bytes(const Job& job, const LayerShape& shape, const LayerTile& tile) {
  const Tensor& input = job[shape.input_slot];
  const Tensor& other = job[shape.other_slot];
  const bool error = shape.pass == Pass::bp;
  const uint32_t rows =
      error ? most_output_rows(shape.geometry, tile.rows) : most_input_rows(shape.geometry, tile.rows);
  const bool rows_aligned = rows == tile.rows;
  LoadBytes bytes;
  bytes.input = moved_elements(input, tile.n, tile.b, rows, rows_aligned) * buffer_element_bytes(input);
  const uint64_t elements = shape.pass == Pass::wg ? moved_elements(other, tile.n, tile.a, tile.rows, true)
                            : error                ? moved_elements(other, tile.b, tile.a, shape.kh, true)
                                                   : moved_elements(other, tile.a, tile.b, shape.kh, true);
  bytes.other = elements * buffer_element_bytes(other);
  return bytes;
}

/// Outputs that take one input together: engines broadcast it to about as many multipliers, of which those without an
/// output idle.
constexpr uint32_t kOutputsTogether = 8;

/// Bytes that cross the bus, the first load and the last store counted again because nothing overlaps with them, all
/// results again where they have one slot, plus a charge for each step: the round trips of a directory and its blocks.
/// All the more, the more multipliers idle for want of outputs.
uint64_t score(const Job& job, const LayerShape& shape, LayerTile& tile) {
  constexpr uint64_t kStepCharge_bytes = 1024;
  const Extent whole = extent_of(shape);
  const LayerTileSizes sizes = layer_tile_sizes(job, shape, tile);
  const uint64_t a_parts = parts(whole.a, tile.a), b_parts = parts(whole.b, tile.b);
  const uint64_t spatial = parts(shape.n, tile.n) * parts(whole.rows, tile.rows);
  const auto [input, other] = load_bytes(job, shape, tile);
  const uint64_t output = (sizes.output + (job.has(kFlagUPDATE) ? sizes.master : 0)) * kAccumulator_bytes;
  const uint64_t computes = a_parts * b_parts * spatial;
  const uint64_t results = shape.pass == Pass::wg ? a_parts * b_parts : a_parts * spatial;
  uint64_t bytes = 0;
  if (shape.pass == Pass::wg) {
    // An operand stays while the channels that it does not have change inside those that it has.
    const uint64_t a_outside =
        (spatial * b_parts == 1 ? 1 : computes) * input + (spatial == 1 ? a_parts : computes) * other;
    const uint64_t b_outside =
        (spatial == 1 ? b_parts : computes) * input + (spatial * a_parts == 1 ? 1 : computes) * other;
    tile.a_outermost = a_outside <= b_outside;
    bytes = std::min(a_outside, b_outside) + results * output;
  } else {
    const uint64_t inside =
        (b_parts == 1 ? spatial : computes) * input + (a_parts * b_parts == 1 ? 1 : computes) * other;
    const uint64_t outside =
        (spatial * b_parts == 1 ? 1 : computes) * input + (b_parts == 1 ? a_parts : computes) * other;
    tile.a_outermost = outside < inside;
    bytes = std::min(inside, outside) + results * output;
  }
  if (tile.results == 1) bytes += (results - 1) * output;
  bytes += input + other + output + computes * kStepCharge_bytes;
  const uint32_t together = std::min(kOutputsTogether, whole.a);
  return bytes * raised(tile.a, together) / tile.a;
}

/// The command's tile size, raised to whole groups of the reduction, or the candidates when it leaves the choice to the
/// NPU.
std::vector<uint32_t> sizes_of(uint32_t asked, uint32_t size, uint32_t unit, uint32_t group = 1) {
  if (asked != 0) return {std::min(raised(asked, group), size)};
  return tile_candidates(size, std::lcm(unit, group));
}

}  // namespace

uint32_t buffer_element_bytes(const Tensor& tensor) {
  return tensor.coded() ? 2 : dense_bytes(tensor.format);
}

std::vector<uint32_t> tile_candidates(uint32_t size, uint32_t unit) {
  std::vector<uint32_t> candidates{size};
  for (uint32_t divisor = 2;; divisor *= 2) {
    const uint32_t part = (size + divisor - 1) / divisor;
    const uint32_t candidate = (part + unit - 1) / unit * unit;
    if (candidate < candidates.back()) candidates.push_back(candidate);
    if (part <= unit || part <= 1) return candidates;
  }
}

uint32_t most_input_rows(const ConvTile& geometry, uint32_t rows) {
  const uint32_t reach = (rows - 1) * geometry.stride_h + geometry.dilation_h * (geometry.kh - 1) + 1;
  return std::min(geometry.h, reach);
}

uint32_t most_output_rows(const ConvTile& geometry, uint32_t rows) {
  const uint32_t reach = rows + geometry.dilation_h * (geometry.kh - 1);
  return std::min(geometry.oh, (reach + geometry.stride_h - 1) / geometry.stride_h);
}

LayerTileSizes layer_tile_sizes(const Job& job, const LayerShape& shape, const LayerTile& tile) {
  const uint64_t taps = uint64_t{shape.kh} * shape.kw;
  const uint64_t a = tile.a, b = tile.b, n = tile.n;
  LayerTileSizes sizes;
  switch (shape.pass) {
    case Pass::ff:
      sizes.input = n * b * most_input_rows(shape.geometry, tile.rows) * shape.w;
      sizes.other = a * b * taps;
      sizes.output = n * a * tile.rows * shape.ow;
      break;
    case Pass::bp:
      sizes.input = n * b * most_output_rows(shape.geometry, tile.rows) * shape.ow;
      sizes.other = a * b * taps;
      sizes.output = n * a * tile.rows * shape.w;
      break;
    case Pass::wg:
      sizes.input = n * b * most_input_rows(shape.geometry, tile.rows) * shape.w;
      sizes.other = n * a * tile.rows * shape.ow;
      sizes.output = a * b * taps;
      sizes.master = sizes.output;
      break;
  }
  if (job.has(kFlagBIAS)) sizes.bias = a;
  if (job.has(kFlagMASK)) sizes.mask = sizes.output;
  return sizes;
}

Choice<LayerTile> choose_layer_tile(const Job& job, const LayerShape& shape, uint32_t buffer_bytes,
                                    const TileRules& rules) {
  const Command& command = job.command;
  const Extent whole = extent_of(shape);
  const Units units = units_of(job, shape);
  const auto fits_unit = [](uint32_t tile, uint32_t size, uint32_t unit) { return tile >= size || tile % unit == 0; };
  // Blocks may not cross a group, and a tile may not cut one.
  if (shape.groups > 1 && (whole.a % units.a != 0 || whole.b % units.b != 0)) {
    return {{}, ErrorCode::kTILE, command_field::groups};
  }
  if (command.tile_k != 0 && !fits_unit(command.tile_k, whole.a, units.a)) {
    return {{}, ErrorCode::kTILE, command_field::tile_k};
  }
  if (command.tile_c != 0 && !fits_unit(command.tile_c, whole.b, units.b)) {
    return {{}, ErrorCode::kTILE, command_field::tile_c};
  }
  if (command.tile_rows != 0 && !fits_unit(command.tile_rows, whole.rows, units.rows)) {
    return {{}, ErrorCode::kTILE, command_field::tile_rows};
  }
  std::vector<uint32_t> a_sizes = sizes_of(command.tile_k, whole.a, units.a);
  const std::vector<uint32_t> even_sizes = sizes_of(command.tile_k, whole.a, std::lcm(units.a, kOutputsTogether));
  a_sizes.insert(a_sizes.end(), even_sizes.begin(), even_sizes.end());
  const ReductionUnits groups = reduction_units(shape, rules.reduction_group);
  std::vector<uint32_t> b_sizes = sizes_of(command.tile_c, whole.b, units.b, groups.b);
  if (rules.whole_channels && is_convolution(job.opcode())) {
    if (shape.pass == Pass::ff) b_sizes = {whole.b};
    if (shape.pass == Pass::bp) a_sizes = {whole.a};
  }
  const std::vector<uint32_t> row_sizes = sizes_of(command.tile_rows, whole.rows, units.rows, groups.rows);
  const std::vector<uint32_t> n_sizes = sizes_of(command.tile_n, shape.n, 1, groups.n);

  Choice<LayerTile> best{{}, ErrorCode::kBUFFER, command_field::tile_k};
  for (const uint32_t buffers : {2u, 1u}) {
    uint64_t best_score = UINT64_MAX;
    for (const uint32_t a : a_sizes) {
      for (const uint32_t b : b_sizes) {
        for (const uint32_t rows : row_sizes) {
          for (uint32_t n : n_sizes) {
            // WG sums over (n, oh, ow): a tile that does not hold all rows holds one image.
            if (shape.pass == Pass::wg && rows < whole.rows) n = 1;
            for (const uint32_t results : {2u, 1u}) {
              LayerTile tile{a, b, rows, n, buffers, results, false};
              if (buffer_bytes_of(job, shape, tile) > buffer_bytes) continue;
              const uint64_t tile_score = score(job, shape, tile);
              if (tile_score >= best_score) continue;
              best_score = tile_score;
              best = {tile, ErrorCode::kNONE, 0};
            }
          }
        }
      }
    }
    if (best.error == ErrorCode::kNONE) return best;
  }
  return best;
}

}  // namespace backboard::npu
