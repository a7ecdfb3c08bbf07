// Malformed commands: each ends in its documented error with the ring stopped, and after reset a good command runs.
#include <catch2/catch.hpp>

#include <bit>
#include <functional>
#include <set>

#include "npu/command/operands.h"
#include "tests/npu/device/command_making.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;
using npu_regs::Reg;

namespace {

/// A bench with a good command of every kind; tests spoil one thing at a time.
struct Good {
  NpuBench bench{NpuConfig{}, 1 << 20};
  BenchTensor x, w, y, bias, coded, master, momentum, index, pooled, logits, error, labels, wide;
  uint32_t hyper = 0, loss = 0, gather = 0;
  Command conv, softmax, encode, pool_bp, update;

  explicit Good(unsigned ring = 0) {
    bench.ring = ring;
    bench.start();
    x = bench.tensor({2, 4, 8, 8}, format(TensorFormat::kFP16));
    w = bench.tensor({4, 4, 3, 3}, format(TensorFormat::kFP16));
    y = bench.tensor({2, 4, 8, 8}, format(TensorFormat::kFP16));
    bias = bench.tensor({1, 4, 1, 1});
    wide = bench.tensor({2, 4, 8, 8});
    TensorOptions fgmp = format(TensorFormat::kFGMP);
    fgmp.statistics = true;
    fgmp.block_channels = 2, fgmp.block_rows = 8;
    coded = bench.tensor({2, 4, 8, 8}, fgmp);
    master = bench.tensor({4, 4, 3, 3});
    momentum = bench.tensor({4, 4, 3, 3});
    pooled = bench.tensor({2, 4, 4, 4});
    index = bench.tensor({2, 4, 4, 4}, format(TensorFormat::kU8));
    logits = bench.tensor({4, 10, 1, 1});
    error = bench.tensor({4, 10, 1, 1});
    labels = bench.tensor({4, 1, 1, 1}, format(TensorFormat::kU8));
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(wide, noise(x.elements(), 1));
    bench.fill(w, noise(w.elements(), 2));
    npu_hyper record{};
    record.learning_rate = 0.1f, record.gradient_scale = 1, record.loss_scale = 1;
    hyper = bench.place(record);
    npu_loss_record loss_record{};
    loss_record.valid = 4;
    loss = bench.place(loss_record);
    gather = bench.place(std::array<uint32_t, 2>{1, 0});

    conv = command_of(Opcode::kCONV_FF, kFlagBIAS | kFlagRELU);
    set_window(conv, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, false);
    conv.tensor0 = x.descriptor_address, conv.tensor1 = w.descriptor_address, conv.tensor2 = y.descriptor_address;
    conv.tensor3 = bias.descriptor_address;
    softmax = command_of(Opcode::kSOFTMAX_CE);
    softmax.tensor0 = logits.descriptor_address, softmax.tensor1 = labels.descriptor_address;
    softmax.tensor2 = error.descriptor_address, softmax.parameters = hyper, softmax.auxiliary = loss;
    encode = command_of(Opcode::kENCODE);
    encode.tensor0 = wide.descriptor_address, encode.tensor1 = coded.descriptor_address, encode.auxiliary = gather;
    pool_bp = command_of(Opcode::kMAXPOOL_BP);
    set_window(pool_bp, {.kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2}, true);
    pool_bp.tensor0 = pooled.descriptor_address, pool_bp.tensor1 = index.descriptor_address;
    pool_bp.tensor2 = wide.descriptor_address;
    update = command_of(Opcode::kCONV_WG, kFlagUPDATE | kFlagMOMENTUM);
    set_window(update, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, false);
    update.tensor0 = x.descriptor_address, update.tensor1 = y.descriptor_address;
    update.tensor3 = master.descriptor_address, update.tensor4 = momentum.descriptor_address;
    update.parameters = hyper;
  }

  /// Runs a command that must fail with `code`; then resets and runs the good convolution.
  void expect(const Command& command, ErrorCode code, int detail = -1) {
    const uint64_t written = bench.bus.total(true);
    CHECK(name_of(bench.execute(command)) == std::string(name_of(code)));
    if (detail >= 0) CHECK(bench.read(bench.regs().error_detail) == static_cast<uint32_t>(detail));
    CHECK((bench.read(bench.regs().status) & 3) == 2);
    CHECK(bench.irq.high);
    // Nothing but what failed while running may have written.
    if (code != ErrorCode::kLABEL && code != ErrorCode::kCODEC) CHECK(bench.bus.total(true) == written);
    bench.submit(conv);
    bench.run();
    CHECK(bench.read(bench.regs().head) == 0);
    bench.restart();
    for (const BenchTensor* t :
         {&x, &w, &y, &bias, &coded, &master, &momentum, &index, &pooled, &logits, &error, &labels, &wide}) {
      bench.update(*t);
    }
    CHECK(bench.execute(conv) == ErrorCode::kNONE);
    bench.restart();
  }
};

/// Something wrong in a command.
struct Spoiled {
  const char* what;
  Command Good::*base;
  std::function<void(Command&)> spoil;
  ErrorCode code;
  int detail;
};

/// Something wrong in a descriptor of a command.
struct SpoiledTensor {
  const char* what;
  Command Good::*base;
  BenchTensor Good::*tensor;
  std::function<void(Descriptor&)> spoil;
  ErrorCode code;
  int detail;
};

}  // namespace

TEST_CASE("The good commands are good") {
  for (const unsigned ring : {0u, 1u}) {
    Good good(ring);
    for (Command Good::*command : {&Good::conv, &Good::softmax, &Good::encode, &Good::pool_bp, &Good::update}) {
      CHECK(good.bench.execute(good.*command) == ErrorCode::kNONE);
    }
  }
}

TEST_CASE("Each field of a command, wrong in turn, ends in its error with the field's offset") {
  namespace f = command_field;
  using C = Command;
  const Spoiled cases[] = {
      {"opcode", &Good::conv, [](C& c) { c.opcode = 7; }, ErrorCode::kOPCODE, f::opcode},
      {"opcode beyond all", &Good::conv, [](C& c) { c.opcode = 255; }, ErrorCode::kOPCODE, f::opcode},
      {"phase", &Good::conv, [](C& c) { c.phase = 9; }, ErrorCode::kPARAMETER, f::phase},
      {"flag of another opcode", &Good::conv, [](C& c) { c.flags |= kFlagMASK; }, ErrorCode::kRESERVED, f::flags},
      {"unknown flag", &Good::conv, [](C& c) { c.flags |= 0x8000; }, ErrorCode::kRESERVED, f::flags},
      {"copy without update", &Good::update, [](C& c) { c.flags = kFlagCOPY; }, ErrorCode::kRESERVED, f::flags},
      {"accumulate with update", &Good::update, [](C& c) { c.flags |= kFlagACCUMULATE; }, ErrorCode::kRESERVED,
       f::flags},
      {"padding below of pooling", &Good::pool_bp, [](C& c) { c.pad_more_h = 1; }, ErrorCode::kRESERVED, f::pad_more_h},
      {"padding right of pooling", &Good::pool_bp, [](C& c) { c.pad_more_w = -1; }, ErrorCode::kRESERVED,
       f::pad_more_w},
      {"channel of a slice", &Good::conv, [](C& c) { c.first_channel = 1; }, ErrorCode::kRESERVED, f::first_channel},
      {"number of another opcode", &Good::conv, [](C& c) { c.immediate = -0.0f; }, ErrorCode::kRESERVED, f::immediate},
      {"no tensor", &Good::conv, [](C& c) { c.tensor1 = 0; }, ErrorCode::kTENSOR, f::tensor1},
      {"tensor not aligned", &Good::conv, [](C& c) { c.tensor1 += 32; }, ErrorCode::kTENSOR, f::tensor1},
      {"tensor outside", &Good::conv, [](C& c) { c.tensor1 = 0x1000; }, ErrorCode::kWINDOW, f::tensor1},
      {"unused tensor", &Good::conv, [](C& c) { c.tensor4 = c.tensor0; }, ErrorCode::kRESERVED, f::tensor4},
      {"gradient with update", &Good::update, [](C& c) { c.tensor2 = c.tensor3; }, ErrorCode::kRESERVED, f::tensor2},
      {"parameters unused", &Good::conv, [](C& c) { c.parameters = 32; }, ErrorCode::kRESERVED, f::parameters},
      {"parameters missing", &Good::update, [](C& c) { c.parameters = 0; }, ErrorCode::kPARAMETER, f::parameters},
      {"parameters not aligned", &Good::update, [](C& c) { c.parameters += 4; }, ErrorCode::kALIGNMENT, f::parameters},
      {"parameters outside", &Good::update, [](C& c) { c.parameters = 0x2000; }, ErrorCode::kWINDOW, f::parameters},
      {"auxiliary unused", &Good::conv, [](C& c) { c.auxiliary = 4; }, ErrorCode::kRESERVED, f::auxiliary},
      {"loss record missing", &Good::softmax, [](C& c) { c.auxiliary = 0; }, ErrorCode::kPARAMETER, f::auxiliary},
      {"loss record not aligned", &Good::softmax, [](C& c) { c.auxiliary += 8; }, ErrorCode::kALIGNMENT, f::auxiliary},
      {"loss record outside", &Good::softmax, [](C& c) { c.auxiliary = 0x40; }, ErrorCode::kWINDOW, f::auxiliary},
      {"gather list not aligned", &Good::encode, [](C& c) { c.auxiliary += 2; }, ErrorCode::kALIGNMENT, f::auxiliary},
      {"gather list outside", &Good::encode, [](C& c) { c.auxiliary = 0xfffffffc; }, ErrorCode::kWINDOW, f::auxiliary},
      {"stride zero", &Good::conv, [](C& c) { c.stride_h = 0; }, ErrorCode::kPARAMETER, f::stride_h},
      {"stride too large", &Good::conv, [](C& c) { c.stride_w = 9; }, ErrorCode::kPARAMETER, f::stride_w},
      {"padding too large", &Good::conv, [](C& c) { c.pad_h = 3; }, ErrorCode::kPARAMETER, f::pad_h},
      {"padding below too large", &Good::conv, [](C& c) { c.pad_more_h = 2; }, ErrorCode::kPARAMETER, f::pad_more_h},
      {"padding right below zero", &Good::conv, [](C& c) { c.pad_more_w = -2; }, ErrorCode::kPARAMETER, f::pad_more_w},
      {"padding below that makes more rows", &Good::conv, [](C& c) { c.pad_more_h = 1; }, ErrorCode::kSHAPE,
       descriptor_field::shape_h},
      {"padding changes the shape", &Good::conv, [](C& c) { c.pad_w = 2; }, ErrorCode::kSHAPE,
       descriptor_field::shape_w},
      {"dilation zero", &Good::conv, [](C& c) { c.dilation_h = 0; }, ErrorCode::kPARAMETER, f::dilation_h},
      {"dilation too large", &Good::conv, [](C& c) { c.dilation_w = 9; }, ErrorCode::kPARAMETER, f::dilation_w},
      {"kernel of a convolution", &Good::conv, [](C& c) { c.kernel_h = 3; }, ErrorCode::kRESERVED, f::kernel_h},
      {"kernel zero", &Good::pool_bp, [](C& c) { c.kernel_w = 0; }, ErrorCode::kPARAMETER, f::kernel_w},
      {"kernel too large", &Good::pool_bp, [](C& c) { c.kernel_h = 16; }, ErrorCode::kPARAMETER, f::kernel_h},
      {"pool padding", &Good::pool_bp, [](C& c) { c.pad_h = 2; }, ErrorCode::kPARAMETER, f::pad_h},
      {"dilation of a pool", &Good::pool_bp, [](C& c) { c.dilation_h = 1; }, ErrorCode::kRESERVED, f::dilation_h},
      {"an average of more windows than are cut off", &Good::pool_bp,
       [](C& c) { c.opcode = static_cast<uint8_t>(Opcode::kAVGPOOL_BP), c.tensor1 = 0, c.kernel_h = 5; },
       ErrorCode::kSHAPE, descriptor_field::shape_h},
      {"a maximum of more windows than are cut off", &Good::pool_bp, [](C& c) { c.kernel_h = 5; }, ErrorCode::kSHAPE,
       descriptor_field::shape_h},
      {"groups that do not divide", &Good::conv, [](C& c) { c.groups = 3; }, ErrorCode::kPARAMETER, f::groups},
      {"groups against the weights", &Good::conv, [](C& c) { c.groups = 2; }, ErrorCode::kSHAPE,
       descriptor_field::shape_c},
      {"tile of an unused dimension", &Good::softmax, [](C& c) { c.tile_k = 1; }, ErrorCode::kRESERVED, f::tile_k},
      {"tile that cuts a block", &Good::encode, [](C& c) { c.tile_k = 1; }, ErrorCode::kTILE, f::tile_k},
      {"rows that cut a block", &Good::encode, [](C& c) { c.tile_rows = 3; }, ErrorCode::kTILE, f::tile_rows},
      {"output over input", &Good::conv, [](C& c) { c.tensor2 = c.tensor0; }, ErrorCode::kOVERLAP,
       descriptor_field::address},
  };
  for (const unsigned ring : {0u, 1u}) {
    Good good(ring);
    for (const Spoiled& spoiled : cases) {
      CAPTURE(ring, spoiled.what);
      Command command = good.*spoiled.base;
      spoiled.spoil(command);
      good.expect(command, spoiled.code, spoiled.detail);
    }
  }
}

TEST_CASE("Each field of a descriptor, wrong in turn, ends in its error with the field's offset") {
  namespace f = descriptor_field;
  using D = Descriptor;
  const SpoiledTensor cases[] = {
      {"unaligned", &Good::conv, &Good::x, [](D& d) { d.address += 1; }, ErrorCode::kALIGNMENT, f::address},
      {"outside", &Good::conv, &Good::x, [](D& d) { d.address = 0x100; }, ErrorCode::kWINDOW, f::address},
      {"beyond 2^32", &Good::conv, &Good::x, [](D& d) { d.address = 0xfffffff0; }, ErrorCode::kRANGE, f::address},
      {"too small", &Good::conv, &Good::x, [](D& d) { d.size_bytes -= 1; }, ErrorCode::kRANGE, f::size_bytes},
      {"size zero", &Good::conv, &Good::x, [](D& d) { d.size_bytes = 0; }, ErrorCode::kRANGE, f::size_bytes},
      {"no images", &Good::conv, &Good::x, [](D& d) { d.shape_n = 0; }, ErrorCode::kSHAPE, f::shape_n},
      {"no channels", &Good::conv, &Good::x, [](D& d) { d.shape_c = 0; }, ErrorCode::kSHAPE, f::shape_c},
      {"no rows", &Good::conv, &Good::x, [](D& d) { d.shape_h = 0; }, ErrorCode::kSHAPE, f::shape_h},
      {"no columns", &Good::conv, &Good::x, [](D& d) { d.shape_w = 0; }, ErrorCode::kSHAPE, f::shape_w},
      {"dimension too large", &Good::conv, &Good::x, [](D& d) { d.shape_n = 65536; }, ErrorCode::kSHAPE, f::shape_n},
      {"elements overflow", &Good::conv, &Good::x, [](D& d) { d.shape_n = d.shape_c = d.shape_h = d.shape_w = 65535; },
       ErrorCode::kSHAPE, f::shape_n},
      {"channels do not fit", &Good::conv, &Good::x, [](D& d) { d.shape_c = 3; }, ErrorCode::kSHAPE, f::shape_c},
      {"input below the kernel", &Good::conv, &Good::x, [](D& d) { d.shape_h = 1, d.size_bytes = 1 << 20; },
       ErrorCode::kSHAPE, f::shape_h},
      {"kernel too large", &Good::conv, &Good::w, [](D& d) { d.shape_h = 16, d.size_bytes = 4 * 4 * 16 * 3 * 2; },
       ErrorCode::kPARAMETER, f::shape_h},
      {"rows overlap", &Good::conv, &Good::x, [](D& d) { d.stride_h = 7; }, ErrorCode::kSTRIDE, f::stride_h},
      {"channels overlap", &Good::conv, &Good::x, [](D& d) { d.stride_c = 63; }, ErrorCode::kSTRIDE, f::stride_c},
      {"images overlap", &Good::conv, &Good::x, [](D& d) { d.stride_n = 255; }, ErrorCode::kSTRIDE, f::stride_n},
      {"stride overflows", &Good::conv, &Good::x, [](D& d) { d.stride_n = 0xffffffff; }, ErrorCode::kRANGE,
       f::size_bytes},
      {"unknown format", &Good::conv, &Good::x, [](D& d) { d.format = 9; }, ErrorCode::kFORMAT, f::format},
      {"format that multipliers do not take", &Good::conv, &Good::x, [](D& d) { d.format = 0; }, ErrorCode::kFORMAT,
       f::format},
      {"bias not FP32", &Good::conv, &Good::bias, [](D& d) { d.format = 1; }, ErrorCode::kFORMAT, f::format},
      {"tensor class", &Good::conv, &Good::x, [](D& d) { d.tensor_class = 11; }, ErrorCode::kPARAMETER,
       f::tensor_class},
      {"rule of a dense tensor", &Good::conv, &Good::x, [](D& d) { d.rule = 1; }, ErrorCode::kRESERVED, f::rule},
      {"unknown rule", &Good::encode, &Good::coded, [](D& d) { d.rule = 2; }, ErrorCode::kPARAMETER, f::rule},
      {"reserved", &Good::conv, &Good::x, [](D& d) { d.reserved = 1; }, ErrorCode::kRESERVED, f::reserved},
      {"reserved2", &Good::conv, &Good::x, [](D& d) { d.reserved2 = 1; }, ErrorCode::kRESERVED, f::reserved2},
      {"threshold below zero", &Good::encode, &Good::coded, [](D& d) { d.threshold = -1; }, ErrorCode::kPARAMETER,
       f::threshold},
      {"threshold NaN", &Good::encode, &Good::coded, [](D& d) { d.threshold = std::bit_cast<float>(0x7fc00000u); },
       ErrorCode::kPARAMETER, f::threshold},
      {"threshold of a dense tensor", &Good::conv, &Good::x, [](D& d) { d.threshold = 1; }, ErrorCode::kRESERVED,
       f::threshold},
      {"scale", &Good::conv, &Good::x, [](D& d) { d.scale = 2; }, ErrorCode::kPARAMETER, f::scale},
      {"scale zero", &Good::softmax, &Good::labels, [](D& d) { d.scale = 0; }, ErrorCode::kPARAMETER, f::scale},
      {"metadata of a dense tensor", &Good::conv, &Good::x, [](D& d) { d.metadata = 64; }, ErrorCode::kRESERVED,
       f::metadata},
      {"no directory", &Good::encode, &Good::coded, [](D& d) { d.metadata = 0; }, ErrorCode::kALIGNMENT, f::metadata},
      {"directory outside", &Good::encode, &Good::coded, [](D& d) { d.metadata = 0x100; }, ErrorCode::kWINDOW,
       f::metadata},
      {"directory beyond 2^32", &Good::encode, &Good::coded, [](D& d) { d.metadata = 0xfffffffe; }, ErrorCode::kRANGE,
       f::metadata},
      {"directory over data", &Good::encode, &Good::coded, [](D& d) { d.metadata = d.address; }, ErrorCode::kOVERLAP,
       -1},
      {"statistics not aligned", &Good::encode, &Good::coded, [](D& d) { d.statistics += 4; }, ErrorCode::kALIGNMENT,
       f::statistics},
      {"statistics outside", &Good::encode, &Good::coded, [](D& d) { d.statistics = 0x20; }, ErrorCode::kWINDOW,
       f::statistics},
      {"coded with strides", &Good::encode, &Good::coded, [](D& d) { d.stride_h = 8; }, ErrorCode::kSTRIDE,
       f::stride_h},
      {"coded not aligned", &Good::encode, &Good::coded, [](D& d) { d.address += 16; }, ErrorCode::kALIGNMENT,
       f::address},
      {"no block channels", &Good::encode, &Good::coded, [](D& d) { d.block_channels = 0; }, ErrorCode::kPARAMETER,
       f::block_channels},
      {"block too high", &Good::encode, &Good::coded, [](D& d) { d.block_rows = 9; }, ErrorCode::kPARAMETER,
       f::block_rows},
      {"part of the rows of two channels", &Good::encode, &Good::coded, [](D& d) { d.block_rows = 4; },
       ErrorCode::kPARAMETER, f::block_rows},
      {"block of a dense tensor", &Good::conv, &Good::x, [](D& d) { d.block_rows = 1; }, ErrorCode::kRESERVED,
       f::block_rows},
      {"labels of another shape", &Good::softmax, &Good::labels, [](D& d) { d.shape_c = 3, d.size_bytes = 12; },
       ErrorCode::kSHAPE, f::shape_c},
  };
  for (const unsigned ring : {0u, 1u}) {
    Good good(ring);
    for (const SpoiledTensor& spoiled : cases) {
      CAPTURE(ring, spoiled.what);
      BenchTensor tensor = good.*spoiled.tensor;
      spoiled.spoil(tensor.descriptor);
      good.bench.update(tensor);
      good.expect(good.*spoiled.base, spoiled.code, spoiled.detail);
    }
  }
}

TEST_CASE("Wrong records, labels, indices and coded bytes end in their errors") {
  const auto ring = GENERATE(0u, 1u);
  Good good(ring);
  const auto with_hyper = [&](auto spoil, ErrorCode code, int detail) {
    npu_hyper record = good.bench.record<npu_hyper>(good.hyper);
    spoil(record);
    Command command = good.update;
    command.parameters = good.bench.place(record);
    good.expect(command, code, detail);
  };
  const float nan = std::bit_cast<float>(0x7fc00000u);
  with_hyper([&](npu_hyper& h) { h.learning_rate = nan; }, ErrorCode::kPARAMETER, 0);
  with_hyper([&](npu_hyper& h) { h.momentum = 1; }, ErrorCode::kPARAMETER, 4);
  with_hyper([&](npu_hyper& h) { h.weight_decay = -1; }, ErrorCode::kPARAMETER, 8);
  with_hyper([&](npu_hyper& h) { h.gradient_scale = 0; }, ErrorCode::kPARAMETER, 12);
  with_hyper([&](npu_hyper& h) { h.flags = 4; }, ErrorCode::kPARAMETER, 20);
  for (const uint32_t valid : {0u, 5u, 0xffffffffu}) {
    npu_loss_record record{};
    record.valid = valid;
    Command command = good.softmax;
    command.auxiliary = good.bench.place(record);
    good.expect(command, ErrorCode::kPARAMETER, 0);
  }
  Command command = good.encode;
  command.auxiliary = good.bench.place(std::array<uint32_t, 2>{0, 2});
  good.expect(command, ErrorCode::kLABEL, command_field::auxiliary);
  good.bench.fill_bytes(good.labels, {0, 1, 10, 2});
  good.expect(good.softmax, ErrorCode::kLABEL);
  good.bench.fill_bytes(good.index, std::vector<uint8_t>(128, 4));
  good.expect(good.pool_bp, ErrorCode::kLABEL);
  Command decode = command_of(Opcode::kDECODE);
  decode.tensor0 = good.coded.descriptor_address, decode.tensor1 = good.wide.descriptor_address;
  for (const uint16_t entry : {uint16_t{0}, uint16_t{0xffff}, uint16_t{7}}) {
    for (uint32_t b = 0; b < 4; ++b) std::memcpy(good.bench.bus.at(good.coded.descriptor.metadata + 2 * b), &entry, 2);
    good.expect(decode, ErrorCode::kCODEC);
  }
}

TEST_CASE("A command whose smallest tile does not fit the local buffer ends in BUFFER") {
  NpuConfig config;
  config.buffer_bytes = 16 * 1024;
  NpuBench bench(config);
  bench.start();
  const BenchTensor x = bench.tensor({1, 1, 4, 9000}), y = bench.tensor({1, 1, 4, 9000});
  Command command = command_of(Opcode::kRELU_FF);
  command.tensor0 = x.descriptor_address, command.tensor2 = y.descriptor_address;
  CHECK(bench.execute(command) == ErrorCode::kBUFFER);
}

TEST_CASE("Random commands and descriptors never crash, hang or touch memory outside the windows") {
  uint64_t state = 12345;
  const auto draw = [&] {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 32);
  };
  Good good(GENERATE(0u, 1u));
  NpuBench& bench = good.bench;
  // The last 64 KiB lie outside the window: they must keep their bytes.
  const uint32_t size = static_cast<uint32_t>(bench.bus.memory().size());
  bench.write(Reg::NPU_WINDOW0_LAST, MiniBus::kBase + size - 65537);
  std::fill(bench.bus.memory().end() - 65536, bench.bus.memory().end(), uint8_t{0xa5});
  const Command bases[] = {good.conv, good.softmax, good.encode, good.pool_bp, good.update};
  const BenchTensor* tensors[] = {&good.x, &good.w, &good.y, &good.coded, &good.master, &good.wide, &good.labels};
  const std::vector<uint8_t> clean = bench.bus.memory();
  uint32_t failed = 0;
  std::set<ErrorCode> codes;
  for (uint32_t i = 0; i < 4000; ++i) {
    uint8_t bytes[kCommandBytes];
    write_command(bases[draw() % 5], bytes);
    // One to three bytes of the command, then up to three of descriptors, are anything.
    for (uint32_t k = draw() % 4; k > 0; --k) bytes[draw() % kCommandBytes] = static_cast<uint8_t>(draw());
    for (uint32_t k = draw() % 4; k > 0; --k) {
      const BenchTensor& tensor = *tensors[draw() % 7];
      bench.bus.at(tensor.descriptor_address)[draw() % kDescriptorBytes] = static_cast<uint8_t>(draw());
    }
    if (i % 16 == 0) {
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(draw());
    }
    bench.write(bench.regs().watchdog, 200'000);
    const ErrorCode code = bench.execute(parse_command(bytes));
    if (code == ErrorCode::kNONE && (bench.read(bench.regs().status) & 4) == 0) continue;
    ++failed;
    codes.insert(code);
    bench.reset();
    bench.write(bench.regs().control, 1);
    std::copy(clean.begin(), clean.end() - 65536, bench.bus.memory().begin());
  }
  CHECK(failed > 1000);
  // The generator reaches nearly all errors that a command can have.
  CHECK(codes.size() >= 11);
  CHECK(std::all_of(bench.bus.memory().end() - 65536, bench.bus.memory().end(), [](uint8_t b) { return b == 0xa5; }));
  std::copy(clean.begin(), clean.end() - 65536, bench.bus.memory().begin());
  bench.restart();
  CHECK(bench.execute(good.conv) == ErrorCode::kNONE);
}
