#include "sw/run/prepare.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "platform/check/input_error.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "sw/pack/pack.h"
#include "sw/plan/plan.h"
#include "tests/sw/mutate.h"

using namespace backboard;
using namespace backboard::sw_test;
using Catch::Contains;

namespace {

const std::string kSource = BACKBOARD_SOURCE;

PrepareRequest request() {
  PrepareRequest r;
  r.network = kSource + "/configs/nets/s.yaml";
  r.options.policy = "last:1";
  r.train = load_config<PackSpec>(kSource + "/configs/data/optdigits_100.yaml");
  r.eval = load_config<PackSpec>(kSource + "/configs/data/optdigits_validation.yaml");
  return r;
}

const PlanTarget kTarget = plan_target("lnpu", 372 * 1024);

}  // namespace

TEST_CASE("a run gets plan, training and evaluation data that fit each other") {
  const PreparedRun run = prepare_run(request(), kTarget);
  CHECK(parse_plan(run.plan, "plan").header.batch == 16);
  CHECK(parse_data(run.train, "train").count == 100);
  CHECK(parse_data(run.eval, "eval").count == 100);
}

TEST_CASE("plan, data and weights may come from files") {
  const std::string folder = scratch_folder();
  const PreparedRun run = prepare_run(request(), kTarget);
  write_file_atomically(folder + "/x.plan", run.plan);
  write_file_atomically(folder + "/x.data", run.train);
  PrepareRequest r;
  r.plan = folder + "/x.plan";
  r.train_file = folder + "/x.data";
  const PreparedRun again = prepare_run(r, kTarget);
  CHECK(again.plan == run.plan);
  CHECK(again.train == run.train);
  CHECK(again.eval.empty());

  write_npz(folder + "/w.npz", weights_of_plan(parse_plan(run.plan, "plan")));
  r = request();
  r.weights = folder + "/w.npz";
  CHECK(prepare_run(r, kTarget).plan == run.plan);
}

TEST_CASE("what does not fit is refused before the board starts") {
  const std::string folder = scratch_folder();
  const PreparedRun run = prepare_run(request(), kTarget);
  write_file_atomically(folder + "/x.plan", run.plan);
  PrepareRequest r;
  r.plan = folder + "/x.plan";
  CHECK_THROWS_WITH(prepare_run(r, plan_target("reference", 372 * 1024)),
                    Contains("x.plan: compiled for engine LNPU, the board has reference"));
  CHECK_THROWS_WITH(prepare_run(r, plan_target("lnpu", 64 * 1024)), Contains("a buffer of 380928 bytes"));
  r = request();
  r.eval->pad = {30, 30};
  CHECK_THROWS_WITH(prepare_run(r, kTarget), Contains("images of 1 x 30 x 30, the plan wants 1 x 28 x 28"));
  r = request();
  r.train->scale = 1.0;
  CHECK_THROWS_WITH(prepare_run(r, kTarget), Contains("one step is 1, the plan wants 0.00392156886"));
  r = request();
  r.train->classes = 11;
  CHECK_THROWS_WITH(prepare_run(r, kTarget), Contains("11 classes, the plan has 10"));
  r = request();
  r.weights = folder + "/x.plan";
  CHECK_THROWS_AS(prepare_run(r, kTarget), InputError);
}

TEST_CASE("a head grows by rows of zeros when that was asked for, and only then") {
  const std::string folder = scratch_folder();
  PrepareRequest r = request();
  r.network = kSource + "/configs/nets/s8.yaml";
  r.train.reset();
  r.eval.reset();
  const Arrays eight = weights_of_plan(parse_plan(prepare_run(r, kTarget).plan, "plan"));
  REQUIRE(eight.at("fc2.weight").shape == std::vector<uint64_t>{8, 64});
  write_npz(folder + "/w.npz", eight);
  r = request();
  r.weights = folder + "/w.npz";
  CHECK_THROWS_WITH(prepare_run(r, kTarget), Contains("'fc2.weight' is (8, 64), the network wants (10, 64"));
  r.grow_head = true;
  const Arrays ten = weights_of_plan(parse_plan(prepare_run(r, kTarget).plan, "plan"));
  const std::vector<float> old_rows = eight.at("fc2.weight").floats(), rows = ten.at("fc2.weight").floats();
  REQUIRE(rows.size() == 640);
  CHECK(std::equal(old_rows.begin(), old_rows.end(), rows.begin()));
  CHECK(std::all_of(rows.begin() + 512, rows.end(), [](float value) { return value == 0.0f; }));
  CHECK(ten.at("fc2.bias").shape == std::vector<uint64_t>{10});
  CHECK(ten.at("conv1.weight").bytes == eight.at("conv1.weight").bytes);

  write_npz(folder + "/ten.npz", ten);
  r.weights = folder + "/ten.npz";
  CHECK(weights_of_plan(parse_plan(prepare_run(r, kTarget).plan, "plan")).at("fc2.weight").bytes ==
        ten.at("fc2.weight").bytes);
  r.network = kSource + "/configs/nets/s8.yaml";
  r.train.reset();
  r.eval.reset();
  CHECK_THROWS_WITH(prepare_run(r, kTarget), Contains("more outputs than the network's 8"));
}
