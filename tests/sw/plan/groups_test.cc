// Groups in plans: where they begin and end, what stays on chip, and what happens when they do not fit.
#include <catch2/catch.hpp>
#include <set>

#include "npu/command/operands.h"
#include "sw/plan/job.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;
using npu::Opcode;

namespace {

/// Opcodes of a program as words; a LOCAL one in lower case, as in "GROUP_BEGIN conv_ff MAXPOOL_FF GROUP_END".
std::string words(const Plan& plan, plan_program_kind program) {
  std::string text;
  for (const npu::Command& command : plan.program(program)) {
    std::string word = npu::name_of(static_cast<Opcode>(command.opcode));
    if (command.has(npu::kFlagLOCAL))
      for (char& c : word) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

Plan plan_of(const std::string& policy, const std::string& engine = "rowpipe", uint32_t buffer_bytes = 372 * 1024) {
  PlanOptions options;
  options.policy = policy;
  return compile(net_s(), options, engine, buffer_bytes);
}

}  // namespace

TEST_CASE("a frozen body is one group whose maps stay on chip, and the head runs alone") {
  const Plan plan = plan_of("last:1");
  CHECK(words(plan, PLAN_TRAIN_STEP)
            .find("ENCODE GROUP_BEGIN conv_ff maxpool_ff conv_ff maxpool_ff conv_ff MAXPOOL_FF "
                  "GROUP_END FC_FF FC_FF SOFTMAX_CE") == 0);
  CHECK(words(plan, PLAN_EVAL_STEP) ==
        "ENCODE GROUP_BEGIN conv_ff maxpool_ff conv_ff maxpool_ff conv_ff MAXPOOL_FF "
        "GROUP_END FC_FF FC_FF SOFTMAX_CE");
  const std::vector<PlanUnit> units = plan_units(plan, PLAN_EVAL_STEP, npu::find_engine("rowpipe")->offer());
  REQUIRE(units.size() == 5);
  CHECK(units[1].jobs.size() == 6);
  CHECK(units[1].commands.front() == 2);
}

TEST_CASE("maps whose signs BP reads as masks are stored, but in evaluation they stay on chip") {
  const Plan plan = plan_of("bias");
  // A mask goes through max pooling: the pooled maps are read, those before are not.
  CHECK(words(plan, PLAN_TRAIN_STEP)
            .find("ENCODE GROUP_BEGIN conv_ff MAXPOOL_FF conv_ff MAXPOOL_FF conv_ff MAXPOOL_FF "
                  "GROUP_END FC_FF FC_FF") == 0);
  CHECK(words(plan, PLAN_EVAL_STEP).find("conv_ff maxpool_ff conv_ff maxpool_ff conv_ff MAXPOOL_FF GROUP_END") !=
        std::string::npos);
}

TEST_CASE("convolutions that train, and engines without groups, have none") {
  CHECK(words(plan_of("full"), PLAN_TRAIN_STEP).find("GROUP") == std::string::npos);
  for (const npu::EngineRow& row : npu::engine_table()) {
    if (row.offer().group_commands != 0) continue;
    const Plan plan = plan_of("last:1", row.name);
    CHECK(words(plan, PLAN_TRAIN_STEP).find("GROUP") == std::string::npos);
    CHECK(words(plan, PLAN_EVAL_STEP).find("conv") == std::string::npos);
  }
}

TEST_CASE("a group that does not fit in the local buffer is cut where it stops fitting") {
  size_t before = 1;
  for (const uint32_t kib : {372, 24, 12, 8}) {
    const Plan plan = plan_of("last:1", "rowpipe", kib * 1024);
    size_t groups = 0;
    for (const npu::Command& command : plan.program(PLAN_EVAL_STEP))
      groups += command.opcode == static_cast<uint8_t>(Opcode::kGROUP_BEGIN);
    const std::vector<PlanUnit> units = plan_units(plan, PLAN_EVAL_STEP, npu::find_engine("rowpipe")->offer());
    CAPTURE(kib, words(plan, PLAN_EVAL_STEP));
    CHECK(units.size() >= before);
    if (kib == 372) CHECK(groups == 1);
    if (kib == 8) CHECK(units.size() > 5);
    before = units.size();
  }
}

TEST_CASE("tensors of a group do not share memory") {
  for (const char* policy : {"last:1", "bias"}) {
    const Plan plan = plan_of(policy);
    for (const plan_program_kind program : {PLAN_TRAIN_STEP, PLAN_EVAL_STEP}) {
      for (const PlanUnit& unit : plan_units(plan, program, npu::find_engine("rowpipe")->offer())) {
        if (unit.jobs.size() == 1) continue;
        std::set<uint32_t> addresses;
        std::vector<const npu::Tensor*> tensors;
        for (const npu::Job& job : unit.jobs)
          for (const npu::Tensor& tensor : job.tensors)
            if (tensor.present && addresses.insert(tensor.address).second) tensors.push_back(&tensor);
        for (const npu::Tensor* a : tensors)
          for (const npu::Tensor* b : tensors)
            CHECK((a == b || a->address + a->extent_bytes <= b->address || b->address + b->extent_bytes <= a->address));
      }
    }
  }
}

namespace {

/// The most that rows or maps of a group take in evaluation, whose maps all stay on chip.
uint64_t map_peak(const std::string& net, npu::rowpipe::Buffering buffering) {
  npu::EngineConfigs configs;
  configs.rowpipe.buffering = buffering;
  const PlanTarget target = plan_target("rowpipe", 64u << 20, configs);
  const Network network = load_network(kSource + "/configs/nets/" + net + ".yaml");
  PlanOptions options;
  options.policy = "last:1";
  options.batch = 1;
  const Plan plan = parse_plan(compile_plan(network, options, target, initial_weights(network, 1)), "plan");
  uint64_t peak = 0;
  for (const PlanUnit& unit : plan_units(plan, PLAN_EVAL_STEP, target.offer))
    if (unit.jobs.size() > 1)
      peak =
          std::max<uint64_t>(peak, npu::plan_jobs(*target.engine, unit.jobs, target.buffer_bytes).schedule.map_bytes);
  return peak;
}

}  // namespace

TEST_CASE("rows take less of the buffer than whole maps, in bytes that the geometry gives") {
  struct Size {
    const char* net;
    uint64_t rows_bytes, maps_bytes;
  };
  // Net S, in words of 8 bytes. Rows: codes 4 x 1 x 2, 4 x 8 x 1 and 4 x 16 x 1 before the convolutions, FP16 4 x 8 x
  // 7, 4 x 16 x 4 and 4 x 32 x 2 before the poolings. Maps: 28 x 8 x 7 before the first pooling, and of those that are
  // alive beside it or in its place 14 x 8 x 1 at most.
  for (const Size& size :
       {Size{"s", 6720, 13440}, {"m", 13376, 26880}, {"resnet8", 10240, 40960}, {"resnet18", 148432, 3211264}}) {
    CAPTURE(size.net);
    CHECK(map_peak(size.net, npu::rowpipe::Buffering::kRows) == size.rows_bytes);
    CHECK(map_peak(size.net, npu::rowpipe::Buffering::kMaps) == size.maps_bytes);
  }
}
