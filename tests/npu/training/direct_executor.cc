#include "tests/npu/training/direct_executor.h"

#include <algorithm>
#include <cstring>

#include "drivers/npu/npu_records.h"
#include "npu/codec/block_codec.h"
#include "npu/engine/lnpu/compute_tile.h"
#include "npu/engine/reference/compute_tile.h"
#include "npu/numerics/rounding.h"
#include "npu/sgd/sgd_unit.h"
#include "npu/vector/elementwise.h"
#include "npu/vector/pooling.h"
#include "npu/vector/softmax_loss.h"
#include "platform/check/check.h"

namespace backboard::test {

using npu::Command;
using npu::Opcode;
using npu::TensorFormat;

namespace {

template <class Values>
auto view(const npu::Descriptor& d, Values& values) {
  return npu::dense_tensor(values.data(), d.shape_n, d.shape_c, d.shape_h, d.shape_w);
}

npu::ConvTile geometry(const Command& c, const npu::Descriptor& x, const npu::Descriptor& y, const npu::Descriptor& w) {
  npu::ConvTile tile;
  tile.n = x.shape_n;
  tile.c = x.shape_c;
  tile.k = w.shape_n;
  tile.h = tile.ih_rows = x.shape_h;
  tile.w = x.shape_w;
  tile.oh = tile.oh_rows = y.shape_h;
  tile.ow = y.shape_w;
  tile.kh = w.shape_h;
  tile.kw = w.shape_w;
  if (c.stride_h != 0) {
    tile.stride_h = c.stride_h;
    tile.stride_w = c.stride_w;
    tile.pad_h = c.pad_h;
    tile.pad_w = c.pad_w;
  }
  tile.set_dense_strides();
  return tile;
}

npu::BlockGeometry geometry_of(const npu::Descriptor& d) {
  return {{d.shape_n, d.shape_c, d.shape_h, d.shape_w}, d.block_channels, d.block_rows};
}

/// The elements of a block follow each other in the tensor: it has whole rows, and all of them if several channels.
long first_element(const npu::Descriptor& d, const npu::BlockBox& box) {
  return static_cast<long>(((size_t{box.n} * d.shape_c + box.c0) * d.shape_h + box.h0) * d.shape_w);
}

constexpr auto kAccumulator = npu::Accumulator::kFp32;

}  // namespace

void DirectExecutor::run(std::span<const Command> commands) {
  for (const Command& command : commands) execute(command);
}

DirectExecutor::Tensor DirectExecutor::load(uint32_t descriptor) const {
  Tensor t;
  t.d = npu::parse_descriptor(at(descriptor));
  BB_CHECK(t.d.stride_n == 0 && t.d.stride_c == 0 && t.d.stride_h == 0, "a tensor with strides");
  const uint8_t* const bytes = at(t.d.address);
  const auto format = static_cast<TensorFormat>(t.d.format);
  t.values.resize(t.elements());
  if (npu::is_coded(format)) {
    load_blocks(t);
    return t;
  }
  if (format == TensorFormat::kU8) t.bytes.assign(bytes, bytes + t.elements());
  npu::scalar::decode_span(npu::format_row(format), bytes, t.values, t.d.scale);
  return t;
}

void DirectExecutor::store(const Tensor& t) const {
  const auto format = static_cast<TensorFormat>(t.d.format);
  if (npu::is_coded(format))
    store_blocks(t);
  else if (format == TensorFormat::kU8)
    std::memcpy(at(t.d.address), t.bytes.data(), t.bytes.size());
  else
    npu::scalar::encode_span(npu::format_row(format), t.values, at(t.d.address));
}

/// Reads the blocks that the directory has; those of a tensor that was never written have no bytes and stay zero.
void DirectExecutor::load_blocks(Tensor& t) const {
  const auto format = static_cast<TensorFormat>(t.d.format);
  const npu::BlockGeometry blocks = geometry_of(t.d);
  std::vector<float> values;
  for (uint32_t block = 0; block < blocks.blocks(); ++block) {
    uint16_t bytes = 0;
    std::memcpy(&bytes, at(t.d.metadata) + block * npu::kDirectoryEntry_bytes, sizeof bytes);
    if (bytes == 0) continue;
    const npu::BlockBox box = blocks.box(block);
    values.resize(box.elements());
    const uint32_t slot = t.d.address + static_cast<uint32_t>(blocks.slot_offset(block, format));
    BB_CHECK(npu::scalar::decode_block(format, {at(slot), bytes}, values, nullptr), "block {}", block);
    std::copy(values.begin(), values.end(), t.values.begin() + first_element(t.d, box));
  }
}

void DirectExecutor::store_blocks(const Tensor& t) const {
  const auto format = static_cast<TensorFormat>(t.d.format);
  const npu::BlockGeometry blocks = geometry_of(t.d);
  const npu::ClassRule rule{static_cast<npu::ClassRule::Kind>(t.d.rule), t.d.threshold};
  std::vector<uint8_t> coded;
  for (uint32_t block = 0; block < blocks.blocks(); ++block) {
    const npu::BlockBox box = blocks.box(block);
    coded.resize(npu::worst_case_block_bytes(format, box.elements()) + npu::kCodecSlack_bytes);
    npu::ClassCounts counts;
    const std::span<const float> values(t.values.data() + first_element(t.d, box), box.elements());
    const auto bytes = static_cast<uint16_t>(npu::scalar::encode_block(format, rule, values, coded.data(), counts));
    std::memcpy(at(t.d.metadata) + block * npu::kDirectoryEntry_bytes, &bytes, sizeof bytes);
    std::memcpy(at(t.d.address) + blocks.slot_offset(block, format), coded.data(), bytes);
  }
}

void DirectExecutor::execute(const Command& c) {
  switch (static_cast<Opcode>(c.opcode)) {
    case Opcode::kENCODE:
      return encode(c);
    case Opcode::kCONV_FF:
    case Opcode::kCONV_BP:
    case Opcode::kCONV_WG:
    case Opcode::kFC_FF:
    case Opcode::kFC_BP:
    case Opcode::kFC_WG:
      return multiply(c);
    case Opcode::kMAXPOOL_FF:
    case Opcode::kMAXPOOL_BP:
    case Opcode::kAVGPOOL_FF:
    case Opcode::kAVGPOOL_BP:
    case Opcode::kGLOBALPOOL_FF:
    case Opcode::kGLOBALPOOL_BP:
      return pool(c);
    case Opcode::kRELU_FF:
    case Opcode::kRELU_BP:
    case Opcode::kBIAS_FF:
      return element_wise(c);
    case Opcode::kBIAS_WG:
      return bias_gradient(c);
    case Opcode::kSOFTMAX_CE:
      return loss(c);
    case Opcode::kSGD:
      return update(c, load(c.tensor0).values);
    default:
      BB_CHECK(false, "opcode {}", c.opcode);
  }
}

void DirectExecutor::encode(const Command& c) {
  const Tensor source = load(c.tensor0);
  Tensor target = load(c.tensor1);
  const size_t image = source.elements() / source.d.shape_n;
  for (uint32_t n = 0; n < target.d.shape_n; ++n) {
    uint32_t from = n;
    if (c.auxiliary != 0) std::memcpy(&from, at(c.auxiliary) + 4 * n, 4);
    std::copy_n(source.values.begin() + static_cast<long>(from * image), image,
                target.values.begin() + static_cast<long>(n * image));
  }
  store(target);
}

void DirectExecutor::multiply(const Command& c) {
  const auto opcode = static_cast<Opcode>(c.opcode);
  const bool low = arithmetic_ == Arithmetic::lnpu;
  const Tensor a = load(c.tensor0), b = load(c.tensor1);
  if (opcode == Opcode::kCONV_WG || opcode == Opcode::kFC_WG) {
    const bool updates = c.has(npu::kFlagUPDATE);
    Tensor gradient = load(updates ? c.tensor3 : c.tensor2);
    std::fill(gradient.values.begin(), gradient.values.end(), 0.0f);
    const npu::ConvTile tile = geometry(c, a.d, b.d, gradient.d);
    if (low)
      npu::lnpu::scalar::wg_tile(kAccumulator, tile, a.values.data(), b.values.data(), gradient.values.data());
    else
      npu::reference::scalar::wg_tile(tile, a.values.data(), b.values.data(), gradient.values.data());
    if (updates) return update(c, gradient.values);
    return store(gradient);
  }
  Tensor out = load(c.tensor2);
  std::fill(out.values.begin(), out.values.end(), 0.0f);
  const auto target = view(out.d, out.values);
  if (opcode == Opcode::kCONV_BP || opcode == Opcode::kFC_BP) {
    const npu::ConvTile tile = geometry(c, out.d, a.d, b.d);
    if (low)
      npu::lnpu::scalar::bp_tile(kAccumulator, tile, a.values.data(), b.values.data(), out.values.data());
    else
      npu::reference::scalar::bp_tile(tile, a.values.data(), b.values.data(), out.values.data());
    if (c.has(npu::kFlagMASK)) {
      const Tensor mask = load(c.tensor3);
      npu::apply_mask(target, view(mask.d, mask.values), target);
    }
    return store(out);
  }
  const npu::ConvTile tile = geometry(c, a.d, out.d, b.d);
  if (low)
    npu::lnpu::scalar::ff_tile(kAccumulator, tile, a.values.data(), b.values.data(), out.values.data());
  else
    npu::reference::scalar::ff_tile(tile, a.values.data(), b.values.data(), out.values.data());
  if (c.has(npu::kFlagBIAS))
    npu::add_bias(target, load(c.tensor3).values, c.has(npu::kFlagRELU), target);
  else if (c.has(npu::kFlagRELU))
    npu::relu_ff(target, target);
  store(out);
}

void DirectExecutor::pool(const Command& c) {
  const auto opcode = static_cast<Opcode>(c.opcode);
  const Tensor in = load(c.tensor0);
  Tensor out = load(c.tensor2);
  const auto x = view(in.d, in.values);
  const auto y = view(out.d, out.values);
  const bool backward =
      opcode == Opcode::kMAXPOOL_BP || opcode == Opcode::kAVGPOOL_BP || opcode == Opcode::kGLOBALPOOL_BP;
  const npu::Descriptor& input = backward ? out.d : in.d;
  const uint64_t pixels = uint64_t{input.shape_h} * input.shape_w;
  const npu::PoolShape shape{c.kernel_h, c.kernel_w, c.stride_h,    c.stride_w,
                             c.pad_h,    c.pad_w,    input.shape_h, input.shape_w};
  if (opcode == Opcode::kGLOBALPOOL_FF) {
    std::vector<float> sums(out.elements(), 0.0f);
    npu::global_pool_accumulate(x, sums);
    npu::global_pool_finish(sums, pixels, y);
  } else if (opcode == Opcode::kGLOBALPOOL_BP) {
    npu::global_pool_bp(x, pixels, y);
  } else if (opcode == Opcode::kAVGPOOL_FF) {
    npu::average_pool_ff(shape, x, y);
  } else if (opcode == Opcode::kAVGPOOL_BP) {
    npu::average_pool_bp(shape, x, y);
  } else if (opcode == Opcode::kMAXPOOL_FF) {
    Tensor index = load(c.tensor3);
    npu::max_pool_ff(shape, x, y, view(index.d, index.bytes));
    store(index);
  } else {
    const Tensor index = load(c.tensor1);
    const Tensor mask = c.has(npu::kFlagMASK) ? load(c.tensor3) : Tensor{};
    const auto result = npu::max_pool_bp(shape, x, view(index.d, index.bytes), y,
                                         mask.values.empty() ? npu::ConstTile{} : view(mask.d, mask.values));
    BB_CHECK(result.bad_indices == 0, "{} bad indices", result.bad_indices);
  }
  store(out);
}

void DirectExecutor::element_wise(const Command& c) {
  const Tensor in = load(c.tensor0);
  Tensor out = load(c.tensor2);
  const auto x = view(in.d, in.values);
  const auto y = view(out.d, out.values);
  if (static_cast<Opcode>(c.opcode) == Opcode::kRELU_FF) {
    npu::relu_ff(x, y);
  } else {
    const Tensor other = load(c.tensor3);
    if (static_cast<Opcode>(c.opcode) == Opcode::kBIAS_FF)
      npu::add_bias(x, other.values, c.has(npu::kFlagRELU), y);
    else
      npu::apply_mask(x, view(other.d, other.values), y);
  }
  store(out);
}

void DirectExecutor::bias_gradient(const Command& c) {
  const Tensor dy = load(c.tensor0);
  std::vector<float> sums(dy.d.shape_c, 0.0f);
  npu::accumulate_bias_gradient(view(dy.d, dy.values), dy.d.shape_h, sums);
  if (c.has(npu::kFlagUPDATE)) return update(c, sums);
  Tensor gradient = load(c.tensor2);
  gradient.values = sums;
  store(gradient);
}

void DirectExecutor::loss(const Command& c) {
  const Tensor logits = load(c.tensor0), labels = load(c.tensor1);
  Tensor error = load(c.tensor2);
  npu_loss_record record;
  npu_hyper hyper;
  std::memcpy(&record, at(c.auxiliary), sizeof record);
  std::memcpy(&hyper, at(c.parameters), sizeof hyper);
  npu::LossSums sums;
  const npu::TileLoss result = npu::softmax_loss(view(logits.d, logits.values), labels.bytes,
                                                 {record.valid, hyper.loss_scale}, view(error.d, error.values), sums);
  BB_CHECK(!result.bad_label, "a bad label");
  record.loss_sum = sums.loss_sum;
  record.correct = sums.correct;
  std::memcpy(at(c.auxiliary), &record, sizeof record);
  store(error);
}

void DirectExecutor::update(const Command& c, const std::vector<float>& gradient) {
  npu_hyper hyper;
  std::memcpy(&hyper, at(c.parameters), sizeof hyper);
  Tensor weights = load(c.tensor3), momentum;
  if (c.has(npu::kFlagMOMENTUM)) momentum = load(c.tensor4);
  const bool half = static_cast<TensorFormat>(weights.d.format) == TensorFormat::kFP16;
  npu::sgd_update_scalar(npu::sgd_parameters(hyper), half ? npu::MasterFormat::kFp16 : npu::MasterFormat::kFp32,
                         {weights.values, momentum.values, gradient, 0});
  store(weights);
  if (c.has(npu::kFlagMOMENTUM)) store(momentum);
  if (!c.has(npu::kFlagCOPY)) return;
  Tensor copy = load(c.tensor5);
  copy.values = weights.values;
  store(copy);
}

}  // namespace backboard::test
