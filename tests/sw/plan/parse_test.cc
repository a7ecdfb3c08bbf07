#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "platform/check/input_error.h"
#include "sw/file/file.h"
#include "tests/sw/mutate.h"
#include "tests/sw/plan/plans.h"

using namespace backboard;
using namespace backboard::sw_test;
using Catch::Contains;

namespace {

PlanOptions small() {
  PlanOptions options;
  options.batch = 2;
  return options;
}

void repair(std::vector<uint8_t>& bytes) {
  if (bytes.size() < sizeof(plan_header)) return;
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  std::memcpy(bytes.data() + offsetof(plan_header, total_bytes), &size, 4);
  const uint32_t crc = crc32_around(bytes, offsetof(plan_header, crc32));
  std::memcpy(bytes.data() + offsetof(plan_header, crc32), &crc, 4);
}

std::string error_with(std::vector<uint8_t> bytes, size_t offset, uint32_t value, bool repaired = true) {
  std::memcpy(bytes.data() + offset, &value, 4);
  if (repaired) repair(bytes);
  try {
    parse_plan(bytes, "x.plan");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the same arguments give the same plan") {
  const Network net = net_s();
  const Arrays weights = initial_weights(net, 3);
  const PlanTarget target = plan_target("lnpu", 372 * 1024);
  CHECK(compile_plan(net, small(), target, weights) == compile_plan(net, small(), target, weights));
  CHECK(compile_plan(net, small(), target, weights) != compile_plan(net, small(), target, initial_weights(net, 4)));
}

TEST_CASE("weights go into a plan and come out of it") {
  const Network net = net_s();
  const Arrays weights = initial_weights(net, 7);
  for (const char* engine : {"reference", "lnpu"}) {
    const Arrays back =
        weights_of_plan(parse_plan(compile_plan(net, small(), plan_target(engine, 372 * 1024), weights), "plan"));
    REQUIRE(back.size() == weights.size());
    for (const auto& [name, array] : weights) {
      CAPTURE(name);
      CHECK(back.at(name).bytes == array.bytes);
    }
    CHECK(back.at("fc1.weight").shape == std::vector<uint64_t>{64, 288});
    CHECK(back.at("conv2.weight").shape == std::vector<uint64_t>{16, 8, 3, 3});
    CHECK(back.at("fc2.bias").shape == std::vector<uint64_t>{10});
    CHECK_NOTHROW(check_weights(net, back, "back"));
  }
}

TEST_CASE("FP16 masters hold the weights rounded to the nearest") {
  const Network net = net_s();
  const Arrays weights = initial_weights(net, 7);
  PlanOptions options = small();
  options.formats.master = "fp16";
  const Arrays back =
      weights_of_plan(parse_plan(compile_plan(net, options, plan_target("lnpu", 372 * 1024), weights), "plan"));
  for (const auto& [name, array] : weights)
    for (uint64_t i = 0; i < array.elements(); ++i) {
      const double exact = array.at(i), stored = back.at(name).at(i);
      // Half a unit of the last place of FP16: 2^-11 of the magnitude, 2^-25 below the smallest normal.
      CHECK(std::abs(exact - stored) <= std::max(std::abs(exact) * 0x1p-11, 0x1p-25));
    }
}

TEST_CASE("first weights have He's bound and variance, and belong to seed and layer") {
  const Network net = net_s();
  const Arrays weights = initial_weights(net, 1), other = initial_weights(net, 2);
  const Array& fc1 = weights.at("fc1.weight");
  const double bound = std::sqrt(6.0 / 288);
  double sum = 0, squares = 0, largest = 0;
  for (uint64_t i = 0; i < fc1.elements(); ++i) {
    sum += fc1.at(i);
    squares += fc1.at(i) * fc1.at(i);
    largest = std::max(largest, std::abs(fc1.at(i)));
  }
  const double n = static_cast<double>(fc1.elements());  // 18432; the error of a variance is about 0.7 %
  CHECK(largest <= bound * (1 + 1e-6));
  CHECK(largest > 0.99 * bound);
  CHECK(std::abs(sum / n) < 4 * bound / std::sqrt(3 * n));
  CHECK(squares / n == Approx(2.0 / 288).epsilon(0.03));
  CHECK(other.at("fc1.weight").bytes != fc1.bytes);
  for (uint64_t i = 0; i < 10; ++i) CHECK(weights.at("fc2.bias").at(i) == 0.0);
}

TEST_CASE("first weights as PyTorch's layers start are uniform within one over the root of the fan-in, biases too") {
  const Network net = net_s();
  const Arrays weights = initial_weights(net, 1, WeightsInit::pytorch);
  for (const auto& [name, array] : weights) {
    const Array& weight = weights.at(name.substr(0, name.find('.')) + ".weight");
    const double fan_in = static_cast<double>(weight.elements() / weight.shape[0]);
    double largest = 0, squares = 0;
    for (uint64_t i = 0; i < array.elements(); ++i) {
      largest = std::max(largest, std::abs(array.at(i)));
      squares += array.at(i) * array.at(i);
    }
    CAPTURE(name, fan_in);
    const double n = static_cast<double>(array.elements());
    CHECK(largest <= 1 / std::sqrt(fan_in) * (1 + 1e-6));
    // The variance of one square is 4 / 45 of the bound to the fourth; five deviations of the mean.
    CHECK(std::abs(squares / n * fan_in - 1.0 / 3) <= 5 * std::sqrt(4.0 / 45 / n));
  }
  // The numbers of a bias follow those of the weights: none stands twice.
  CHECK(weights.at("fc2.bias").at(0) != weights.at("fc2.weight").at(0));
  CHECK(weights.at("fc2.weight").bytes == initial_weights(net, 1, WeightsInit::pytorch).at("fc2.weight").bytes);
  CHECK(weights.at("fc2.weight").bytes != initial_weights(net, 2, WeightsInit::pytorch).at("fc2.weight").bytes);
}

TEST_CASE("weights that do not fit are refused by name") {
  const Network net = net_s();
  Arrays weights = initial_weights(net, 1);
  Arrays bad = weights;
  bad.erase("conv2.bias");
  CHECK_THROWS_WITH(check_weights(net, bad, "w.npz"), Contains("w.npz: no array 'conv2.bias'"));
  bad = weights;
  bad["fc1.weight"].shape = {288, 64};
  CHECK_THROWS_WITH(check_weights(net, bad, "w.npz"), Contains("(288, 64), the network wants (64, 288, 1, 1)"));
  bad = weights;
  bad["fc3.weight"] = bad["fc2.weight"];
  CHECK_THROWS_WITH(check_weights(net, bad, "w.npz"), Contains("'fc3.weight' is no parameter"));
  bad = weights;
  const uint32_t nan = 0x7fc00000;
  std::memcpy(bad["fc2.bias"].bytes.data() + 4, &nan, 4);
  CHECK_THROWS_WITH(check_weights(net, bad, "w.npz"), Contains("element 1 of 'fc2.bias'"));
}

TEST_CASE("a flipped bit anywhere in a plan, its header included, is refused") {
  const std::vector<uint8_t> good = compile(net_s(), small(), "lnpu").bytes;
  for (size_t at = 0; at < good.size(); at += at < sizeof(plan_header) ? 1 : 977) {
    std::vector<uint8_t> bad = good;
    bad[at] ^= 0x10;
    INFO("byte " << at);
    CHECK_THROWS_AS(parse_plan(bad, "x.plan"), InputError);
  }
}

TEST_CASE("a plan with a wrong field is refused with its offset") {
  const Plan plan = compile(net_s(), small(), "lnpu");
  const std::vector<uint8_t>& good = plan.bytes;
  const plan_header& h = plan.header;
  CHECK_THAT(error_with(good, 0, 0x12345678), Contains("x.plan: offset 0x0: not a training plan"));
  CHECK_THAT(error_with(good, offsetof(plan_header, version), 9), Contains("version 9"));
  CHECK_THAT(error_with(good, offsetof(plan_header, version), 1),
             Contains("version 1 is not read, only version 3: compile the plan again"));
  CHECK_THAT(error_with(good, offsetof(plan_header, crc32), 9, false), Contains("checksum"));
  CHECK_THAT(error_with(good, offsetof(plan_header, total_bytes), 9, false), Contains("the header says 9 bytes"));
  CHECK_THAT(error_with(good, offsetof(plan_header, batch), 0), Contains("a batch of 0"));
  CHECK_THAT(error_with(good, offsetof(plan_header, gather_address), 4), Contains("leaves the arena"));
  CHECK_THAT(error_with(good, offsetof(plan_header, layers), 0xffffffc0), Contains("does not fit in the plan"));
  CHECK_THAT(error_with(good, offsetof(plan_header, layers) + 4, 0xffffffff), Contains("does not fit in the plan"));
  CHECK_THAT(error_with(good, offsetof(plan_header, data_descriptor), 9999), Contains("no such descriptor"));
  CHECK_THAT(error_with(good, h.commands.offset, 0x3f), Contains("opcode 63 is not known"));
  CHECK_THAT(error_with(good, h.commands.offset + 8, 0), Contains("points at no descriptor"));
  CHECK_THAT(error_with(good, h.programs.offset, 0xffffffff), Contains("leaves the command table"));
  CHECK_THAT(error_with(good, h.segments.offset, 0), Contains("the segment leaves the arena"));
  CHECK_THAT(error_with(good, h.descriptors.offset + 64, 0), Contains("leaves the arena"));
  CHECK_THAT(error_with(good, h.tensors.offset, 0), Contains("a name"));
  for (size_t size = 0; size < good.size(); size += size < 1024 ? 1 : 97) {
    std::vector<uint8_t> cut(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    CHECK_THROWS_AS(parse_plan(cut, "x.plan"), InputError);
    repair(cut);
    CHECK_THROWS_AS(parse_plan(cut, "x.plan"), InputError);
  }
}

TEST_CASE("any bytes in place of a plan end in a plan that can be dumped, or in an InputError") {
  const Network net = parse_network(
      "name: t\ninput: {rows: 4, columns: 4}\nlayers: [{type: conv, channels: 2, kernel: 3}, {type: relu}, "
      "{type: maxpool, kernel: 2}, {type: fc, channels: 2}]\n",
      "t.yaml");
  const std::vector<uint8_t> good = compile(net, small(), "lnpu").bytes;
  std::mt19937 random(6);
  size_t accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::vector<uint8_t> bytes = mutate(random, good);
    // Most of the time without a shift of the tables, so that the deeper checks are reached.
    if (bytes.size() != good.size() && i % 4 != 0) continue;
    repair(bytes);
    try {
      const Plan plan = parse_plan(bytes, "x.plan");
      CHECK(!dump_plan(plan).empty());
      CHECK(!explain_plan(plan).empty());
      weights_of_plan(plan);
      ++accepted;
    } catch (const InputError&) {
    }
  }
  CHECK(accepted > 100);
}

TEST_CASE("a dump and an explanation name layers, tensors and sums") {
  const Plan plan = compile(net_s(), small(), "lnpu");
  const std::string dump = dump_plan(plan), explanation = explain_plan(plan);
  CHECK_THAT(dump, Contains("program train_step: 27 commands") && Contains("conv1.weight.c") &&
                       Contains("CONV_FF        conv1      x=input weights=conv1.weight.c y=conv1.y bias=conv1.bias"));
  // 527104 MAC an image, batch 2; no BP of conv1: 527104 - 56448.
  CHECK_THAT(explanation, Contains("1054208") && Contains("941312") && Contains("MASTER"));
}
