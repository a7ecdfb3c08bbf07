// Groups of layers as a pipeline of rows: the same bytes as one command after the other, within row buffers that are
// counted, and what is no pipeline ends in an error.
#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <random>

#include "npu/command/operands.h"
#include "npu/command/validate.h"
#include "npu/engine/rowpipe/row_group.h"
#include "tests/npu/device/command_making.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

namespace {

const EngineRow& rowpipe_row() {
  return *find_engine("rowpipe");
}

NpuConfig config_with(rowpipe::Buffering buffering, uint32_t host_threads = 1) {
  NpuConfig config = config_of(rowpipe_row(), 256 * 1024);
  config.engines.rowpipe.buffering = buffering;
  config.host_threads = host_threads;
  return config;
}

/// Convolution (bias, ReLU), maximum with places, strided convolution, batch normalisation, addition with a tensor of
/// before: every kind of stage, two images.
struct Chain {
  NpuBench bench;
  std::vector<BenchTensor> made;  ///< by command
  BenchTensor index;
  std::vector<Command> commands;

  explicit Chain(const NpuConfig& config) : bench(config) {
    bench.start();
    const TensorOptions f = format(TensorFormat::kFP16);
    TensorOptions counted = f;
    counted.statistics = true;
    const BenchTensor x = bench.tensor({2, 3, 17, 13}, f), w1 = bench.tensor({5, 3, 3, 3}, f);
    const BenchTensor bias = bench.tensor({1, 5, 1, 1}), w2 = bench.tensor({40, 5, 3, 3}, f);
    const BenchTensor moments = bench.tensor({2, 40, 1, 1}), affine = bench.tensor({2, 40, 1, 1});
    const BenchTensor other = bench.tensor({2, 40, 4, 3}, f);
    made = {bench.tensor({2, 5, 17, 13}, counted), bench.tensor({2, 5, 8, 6}, f), bench.tensor({2, 40, 4, 3}, f),
            bench.tensor({2, 40, 4, 3}, f), bench.tensor({2, 40, 4, 3}, counted)};
    index = bench.tensor({2, 5, 8, 6}, format(TensorFormat::kU8));
    uint32_t seed = 1;
    for (const BenchTensor* tensor : {&x, &w1, &bias, &w2, &affine, &other}) {
      bench.fill(*tensor, noise(tensor->elements(), seed++));
    }
    bench.fill(moments, std::vector<float>(80, 0.5f));
    Command conv1 = command_of(Opcode::kCONV_FF, kFlagBIAS | kFlagRELU);
    set_window(conv1, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, false);
    conv1.tensor0 = x.descriptor_address, conv1.tensor1 = w1.descriptor_address;
    conv1.tensor3 = bias.descriptor_address;
    Command pool = command_of(Opcode::kMAXPOOL_FF, kFlagINDEX);
    set_window(pool, {.kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2}, true);
    pool.tensor0 = made[0].descriptor_address, pool.tensor3 = index.descriptor_address;
    Command conv2 = command_of(Opcode::kCONV_FF);
    set_window(conv2, {.kh = 3, .kw = 3, .stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1}, false);
    conv2.tensor0 = made[1].descriptor_address, conv2.tensor1 = w2.descriptor_address;
    Command norm = command_of(Opcode::kBN_FF, kFlagRELU);
    norm.immediate = 1e-3f;
    norm.tensor0 = made[2].descriptor_address, norm.tensor1 = affine.descriptor_address;
    norm.tensor3 = moments.descriptor_address;
    Command add = command_of(Opcode::kADD, kFlagRELU);
    add.tensor0 = other.descriptor_address, add.tensor1 = made[3].descriptor_address;
    commands = {conv1, pool, conv2, norm, add};
    for (size_t i = 0; i < commands.size(); ++i) {
      commands[i].tensor2 = made[i].descriptor_address;
      commands[i].layer = static_cast<uint16_t>(i);
    }
  }

  void submit_group() {
    bench.submit(command_of(Opcode::kGROUP_BEGIN));
    for (const Command& command : commands) bench.submit(command);
    bench.submit(command_of(Opcode::kGROUP_END));
  }
  void run_group() {
    submit_group();
    REQUIRE(bench.run());
    REQUIRE(error() == ErrorCode::kNONE);
  }
  ErrorCode error() { return static_cast<ErrorCode>(bench.read(npu_regs::Reg::NPU_ERROR_CODE)); }
  std::vector<std::vector<uint8_t>> results() {
    std::vector<std::vector<uint8_t>> images;
    for (const BenchTensor& tensor : made) images.push_back(bench.image(tensor));
    images.push_back(bench.image(index));
    return images;
  }
  std::vector<Job> jobs() {
    AccessWindows windows;
    windows.window[0] = {MiniBus::kBase, MiniBus::kBase + (8u << 20) - 1, true, true};
    std::vector<Job> list;
    for (const Command& command : commands) {
      Job job;
      job.command = command;
      job.groups = 1;
      REQUIRE_FALSE(check_command(job, rowpipe_row().offer(), windows));
      std::array<Descriptor, kOperands> descriptors;
      const uint32_t addresses[] = {command.tensor0, command.tensor1, command.tensor2,
                                    command.tensor3, command.tensor4, command.tensor5};
      for (unsigned i = 0; i < kOperands; ++i) {
        if (addresses[i] != 0) descriptors[i] = parse_descriptor(bench.bus.at(addresses[i]));
      }
      REQUIRE_FALSE(check_tensors(job, descriptors, rowpipe_row().offer(), windows));
      list.push_back(job);
    }
    return list;
  }
};

std::vector<std::vector<uint8_t>> one_by_one() {
  Chain chain(config_with(rowpipe::Buffering::kRows));
  for (const Command& command : chain.commands) REQUIRE(chain.bench.execute(command) == ErrorCode::kNONE);
  return chain.results();
}

}  // namespace

TEST_CASE(
    "A group leaves the bytes that its commands leave one by one, in rows and whole maps, on one thread and three") {
  const std::vector<std::vector<uint8_t>> expected = one_by_one();
  Chain reference(config_with(rowpipe::Buffering::kRows));
  for (const Command& command : reference.commands) REQUIRE(reference.bench.execute(command) == ErrorCode::kNONE);
  for (const rowpipe::Buffering buffering : {rowpipe::Buffering::kRows, rowpipe::Buffering::kMaps}) {
    for (const uint32_t threads : {1u, 3u}) {
      Chain chain(config_with(buffering, threads));
      chain.run_group();
      CHECK((chain.results() == expected));
      for (const size_t counted : {size_t{0}, size_t{4}}) {
        const npu_tensor_statistics got = chain.bench.statistics(chain.made[counted]);
        const npu_tensor_statistics wanted = reference.bench.statistics(reference.made[counted]);
        CHECK(got.elements == wanted.elements);
        CHECK(got.zeros == wanted.zeros);
        CHECK(got.largest == wanted.largest);
      }
      CHECK(chain.bench.device.totals().facts.macs == reference.bench.device.totals().facts.macs);
      CHECK(chain.bench.device.totals().commands == 7);
    }
  }
}

TEST_CASE("What is local stays on chip: its memory is not touched, and the rest is as before") {
  const std::vector<std::vector<uint8_t>> expected = one_by_one();
  Chain all(config_with(rowpipe::Buffering::kRows)), chain(config_with(rowpipe::Buffering::kRows));
  for (size_t i = 0; i + 1 < chain.commands.size(); ++i) chain.commands[i].flags |= kFlagLOCAL;
  all.run_group();
  const uint64_t before = chain.bench.bus.total(true);
  chain.run_group();
  const std::vector<std::vector<uint8_t>> results = chain.results();
  CHECK((results[4] == expected[4]));
  CHECK((results[5] == expected[5]));  // places of maxima are no feature map
  uint64_t saved = 0;
  for (size_t i = 0; i < 4; ++i) {
    CHECK((results[i] == std::vector<uint8_t>(results[i].size(), 0)));
    saved += results[i].size();
  }
  saved += sizeof(npu_tensor_statistics);  // of the first one
  CHECK(all.bench.bus.total(true) - (chain.bench.bus.total(true) - before) == saved);
}

TEST_CASE("A group's schedule keeps the rules, and moves each input once") {
  for (const rowpipe::Buffering buffering : {rowpipe::Buffering::kRows, rowpipe::Buffering::kMaps}) {
    Chain chain(config_with(buffering));
    const std::vector<Job> jobs = chain.jobs();
    rowpipe::RowpipeConfig config;
    config.buffering = buffering;
    const Planned planned = rowpipe::plan_rows(config, jobs, 256 * 1024);
    REQUIRE(planned.error == ErrorCode::kNONE);
    CHECK(broken_rule(planned.schedule, jobs, 256 * 1024) == "");
    CHECK(planned.schedule == rowpipe::plan_rows(config, jobs, 256 * 1024).schedule);
    CHECK(to_string(planned.schedule, jobs).find(" to rows@") != std::string::npos);
    uint64_t read = 0, written = 0;
    for (size_t i = 0; i < jobs.size(); ++i) {
      const Traffic traffic = expected_traffic(planned.schedule, jobs[i], static_cast<uint8_t>(i));
      read += traffic.total_read();
      written += traffic.total_written();
      for (unsigned slot = 0; slot < kOperands; ++slot) {
        const bool chained = i > 0 && jobs[i][slot].present && jobs[i][slot].address == jobs[i - 1][2].address;
        const uint64_t bytes = jobs[i][slot].elements() * dense_bytes(jobs[i][slot].format);
        if (jobs[i][slot].present && traffic.written[slot] == 0) CHECK(traffic.read[slot] == (chained ? 0 : bytes));
      }
    }
    const uint64_t control = chain.bench.bus.bytes[{false, Phase::kCONTROL, TensorClass::kNONE}];
    chain.run_group();
    const uint64_t fetched = chain.bench.bus.bytes[{false, Phase::kCONTROL, TensorClass::kNONE}] - control;
    CHECK(chain.bench.bus.total(false) - fetched == read);
    CHECK(chain.bench.bus.total(true) == written);
    // Without a dependency the checker finds the hazard.
    Schedule bad = planned.schedule;
    for (Step& step : bad.steps) {
      if (step.kind == StepKind::compute) step.needs[0] = 0;
    }
    CHECK(broken_rule(bad, jobs, 256 * 1024).find("overtake") != std::string::npos);
  }
}

TEST_CASE("Row buffers hold a window and the rows that come meanwhile, and whole maps are two at a time") {
  Chain chain(config_with(rowpipe::Buffering::kRows));
  const std::vector<Job> jobs = chain.jobs();
  rowpipe::RowpipeConfig config;
  // Words of 64 bits: a row of 13 codes of 4 bits is one, of 6 codes one; 13 FP16 are 4, 6 are 2, 3 are 1. Slots are
  // multiples of 32 bytes.
  const Planned rows = rowpipe::plan_rows(config, jobs, 256 * 1024);
  CHECK(rows.schedule.map_bytes == 8 * (4 * 3 * 1        // conv1: 3 + 1 rows of 3 channels
                                        + 4 * 5 * 4      // pool: 2 + 2 rows
                                        + 5 * 5 * 1      // conv2: 3 + 2 rows
                                        + 2 * 40 * 1     // batch normalisation: 1 + 1
                                        + 2 * 40 * 1));  // addition
  config.buffering = rowpipe::Buffering::kMaps;
  const Planned maps = rowpipe::plan_rows(config, jobs, 256 * 1024);
  CHECK(maps.schedule.map_bytes == 8 * (4 * 40 * 1       // even: conv1's input 51, conv2's 40, the addition's 160
                                        + 17 * 5 * 4));  // odd: the pooling's input 340, the normalisation's 160
  for (const Planned* planned : {&rows, &maps}) {
    CHECK(planned->schedule.buffer_bytes >= planned->schedule.map_bytes);
    CHECK(rowpipe::plan_rows(config, jobs, planned->schedule.map_bytes).error == ErrorCode::kBUFFER);
  }
  chain.run_group();
  CHECK(chain.bench.device.totals().map_peak_bytes == rows.schedule.map_bytes);
  CHECK(chain.bench.device.totals().buffer_peak_bytes == rows.schedule.buffer_bytes);
}

TEST_CASE("A pipeline takes less time than its commands one by one, and whole maps take longer") {
  const auto cycles = [](rowpipe::Buffering buffering, bool group) {
    Chain chain(config_with(buffering));
    for (size_t i = 0; i + 1 < chain.commands.size(); ++i) chain.commands[i].flags |= kFlagLOCAL;
    if (group) {
      chain.run_group();
    } else {
      for (const Command& command : chain.commands) REQUIRE(chain.bench.execute(command) == ErrorCode::kNONE);
    }
    return chain.bench.device.totals().busy_cycles;
  };
  const uint64_t rows = cycles(rowpipe::Buffering::kRows, true);
  CHECK(rows < cycles(rowpipe::Buffering::kMaps, true));
  CHECK(rows < cycles(rowpipe::Buffering::kRows, false));
}

TEST_CASE("A board saved in the middle of a group ends as one that was not") {
  const std::vector<std::vector<uint8_t>> expected = one_by_one();
  Chain whole(config_with(rowpipe::Buffering::kRows));
  whole.submit_group();
  uint32_t events = 0;
  for (; whole.bench.queue.next_time_ps() != EventQueue::kNever; ++events) whole.bench.queue.run_one();
  REQUIRE((whole.results() == expected));
  REQUIRE(events > 100);
  for (uint32_t at = 1; at < events; at += events / 23) {
    Chain first(config_with(rowpipe::Buffering::kRows)), second(config_with(rowpipe::Buffering::kRows));
    first.submit_group();
    for (uint32_t event = 0; event < at; ++event) first.bench.queue.run_one();
    StateArchive saved;
    first.bench.state(saved);
    StateArchive restored(saved.bytes(), "saved");
    second.bench.state(restored);
    while (second.bench.queue.next_time_ps() != EventQueue::kNever) second.bench.queue.run_one();
    CAPTURE(at);
    CHECK((second.results() == expected));
    CHECK(second.bench.queue.now_ps() == whole.bench.queue.now_ps());
    CHECK(second.bench.device.totals().facts == whole.bench.device.totals().facts);
  }
}

TEST_CASE("What is no pipeline is refused with the command and the field") {
  struct Mistake {
    const char* what;
    size_t command;  ///< number in the group
    uint8_t detail;
    std::function<void(Chain&)> make;
  };
  namespace field = command_field;
  const Mistake mistakes[] = {
      {"reads what the one before does not make", 1, field::tensor0,
       [](Chain& c) {
         const BenchTensor other = c.bench.tensor({2, 5, 17, 13}, format(TensorFormat::kFP16));
         c.commands[1].tensor0 = other.descriptor_address;
       }},
      {"is no stage", 3, field::opcode,
       [](Chain& c) {
         Command global = command_of(Opcode::kGLOBALPOOL_FF);
         const BenchTensor y = c.bench.tensor({2, 40, 1, 1}, format(TensorFormat::kFP16));
         global.tensor0 = c.made[2].descriptor_address, global.tensor2 = y.descriptor_address;
         c.commands[3] = global;
       }},
      {"leaves binary32", 4, field::tensor2,
       [](Chain& c) {
         c.commands[4].tensor2 = c.bench.tensor({2, 40, 4, 3}).descriptor_address;
       }},
      {"writes over the group's input", 3, tensor_field(2),
       [](Chain& c) {
         BenchTensor twin = c.made[3];
         twin.descriptor.address = parse_descriptor(c.bench.bus.at(c.commands[0].tensor0)).address;
         twin.descriptor_address = c.bench.allocate(kDescriptorBytes);
         c.bench.update(twin);
         c.commands[3].tensor2 = c.commands[4].tensor1 = twin.descriptor_address;
       }},
  };
  for (const Mistake& mistake : mistakes) {
    Chain chain(config_with(rowpipe::Buffering::kRows));
    mistake.make(chain);
    const uint32_t first = chain.bench.submitted[0];
    chain.submit_group();
    REQUIRE(chain.bench.run());
    CAPTURE(mistake.what);
    CHECK(chain.error() == ErrorCode::kGROUP);
    // An overlap is found at the first of the two commands.
    const uint32_t index = chain.bench.read(npu_regs::Reg::NPU_ERROR_INDEX) - first;
    CHECK((index == 1 + mistake.command || mistake.detail == tensor_field(2)));
    if (index == 1 + mistake.command) CHECK(chain.bench.read(npu_regs::Reg::NPU_ERROR_DETAIL) == mistake.detail);
    chain.bench.restart();
  }
}

TEST_CASE("A bus error inside a group names the command whose transfer failed") {
  Chain chain(config_with(rowpipe::Buffering::kRows));
  chain.bench.bus.bad_address = parse_descriptor(chain.bench.bus.at(chain.commands[2].tensor1)).address;
  const uint32_t first = chain.bench.submitted[0];
  chain.submit_group();
  REQUIRE(chain.bench.run());
  CHECK(chain.error() == ErrorCode::kBUS);
  CHECK(chain.bench.read(npu_regs::Reg::NPU_ERROR_INDEX) == first + 3);
}

namespace {

/// A chain of two to six stages of random geometry, each within the limits of the commands.
struct RandomChain {
  std::vector<BenchTensor> made;
  std::vector<Command> commands;

  RandomChain(NpuBench& bench, uint32_t seed) {
    std::mt19937 random(seed);
    const auto up_to = [&](uint32_t low, uint32_t high) {
      return low + static_cast<uint32_t>(random() % (high - low + 1));
    };
    const TensorOptions f = format(TensorFormat::kFP16);
    BenchTensor x = bench.tensor({up_to(1, 2), up_to(1, 5), up_to(3, 14), up_to(3, 14)}, f);
    bench.fill(x, noise(x.elements(), seed));
    const uint32_t stages = up_to(2, 6);
    while (commands.size() < stages) {
      const auto [n, c, h, w] = x.shape();
      Window window{.kh = up_to(1, 4), .kw = up_to(1, 3), .stride_h = up_to(1, 3), .stride_w = up_to(1, 2)};
      window.pad_h = up_to(0, 3), window.pad_w = up_to(0, 2);
      Command command;
      std::array<uint32_t, 4> shape = x.shape();
      const uint32_t kind = up_to(0, 4);
      if (kind <= 1) {
        window.dilation_h = up_to(1, 2);
        window.pad_h = std::min(window.pad_h, window.dilation_h * (window.kh - 1));
        window.pad_w = std::min(window.pad_w, window.kw - 1);
        if (h + 2 * window.pad_h < window.dilation_h * (window.kh - 1) + 1 || w + 2 * window.pad_w < window.kw)
          continue;
        const BenchTensor weights = bench.tensor({up_to(1, 40), c, window.kh, window.kw}, f);
        bench.fill(weights, noise(weights.elements(), seed + 1));
        shape = {n, weights.descriptor.shape_n, window.out_h(h), window.out_w(w)};
        command = command_of(Opcode::kCONV_FF, random() % 2 == 0 ? kFlagRELU : 0);
        set_window(command, window, false);
        command.tensor1 = weights.descriptor_address;
      } else if (kind == 2) {
        window.pad_h = up_to(0, window.kh - 1), window.pad_w = up_to(0, window.kw - 1);
        if (h + 2 * window.pad_h < window.kh || w + 2 * window.pad_w < window.kw) continue;
        const bool maximum = random() % 2 == 0;
        window.ceil = random() % 2 == 0;
        shape = {n, c, window.out_h(h), window.out_w(w)};
        command = command_of(maximum ? Opcode::kMAXPOOL_FF : Opcode::kAVGPOOL_FF);
        if (!maximum && random() % 2 == 0) command.flags = kFlagEXCLUDE_PAD;
        set_window(command, window, true);
      } else if (kind == 3) {
        command = command_of(Opcode::kTANH_FF);
      } else {
        const BenchTensor bias = bench.tensor({1, c, 1, 1});
        bench.fill(bias, noise(c, seed + 2));
        command = command_of(Opcode::kBIAS_FF, kFlagRELU);
        command.tensor3 = bias.descriptor_address;
      }
      const BenchTensor y = bench.tensor(shape, f);
      command.tensor0 = x.descriptor_address, command.tensor2 = y.descriptor_address;
      commands.push_back(command);
      made.push_back(y);
      x = y;
    }
  }
};

}  // namespace

TEST_CASE("Random chains of stages leave the bytes of their commands one by one") {
  for (uint32_t seed = 1; seed <= 120; ++seed) {
    NpuConfig config = config_with(seed % 3 == 0 ? rowpipe::Buffering::kMaps : rowpipe::Buffering::kRows);
    config.engines.rowpipe.banks = 1 + seed % 7;
    NpuBench single(config), together(config);
    single.start(), together.start();
    const RandomChain a(single, seed), b(together, seed);
    for (const Command& command : a.commands) REQUIRE(single.execute(command) == ErrorCode::kNONE);
    together.submit(command_of(Opcode::kGROUP_BEGIN));
    for (const Command& command : b.commands) together.submit(command);
    together.submit(command_of(Opcode::kGROUP_END));
    CAPTURE(seed, a.commands.size());
    REQUIRE(together.run());
    REQUIRE(together.read(npu_regs::Reg::NPU_ERROR_CODE) == 0);
    for (size_t i = 0; i < a.made.size(); ++i) {
      CAPTURE(i);
      CHECK((together.image(b.made[i]) == single.image(a.made[i])));
    }
    CHECK(together.device.totals().facts.macs == single.device.totals().facts.macs);
  }
}
