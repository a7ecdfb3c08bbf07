// Optimisers, held-back updates and divergence, as the shipped firmware runs them on the whole board.
#include <catch2/catch.hpp>
#include <cmath>

#include "sw/npz/npz.h"
#include "tests/system/board_run.h"

using namespace backboard;
using namespace backboard::test;

namespace {

const std::string kReference = "--set platform.npu.engine=reference ";
const std::string kApart = "--set compile.fused=off ";

/// Differences of all parameters between two weight files, and their Euclidean norm.
struct Change {
  std::vector<double> elements;
  double norm = 0;
};

Change change_between(const Arrays& before, const Arrays& after) {
  REQUIRE(before.size() == after.size());
  Change change;
  double squares = 0;
  for (const auto& [name, array] : before) {
    const Array& other = after.at(name);
    REQUIRE(array.elements() == other.elements());
    for (size_t i = 0; i < array.elements(); ++i) {
      change.elements.push_back(other.at(i) - array.at(i));
      squares += change.elements.back() * change.elements.back();
    }
  }
  change.norm = std::sqrt(squares);
  return change;
}

/// What `steps` steps with `settings` change, starting from the shipped weights of net S.
Change trained(const BoardRuns& runs, const std::string& settings, unsigned steps, const std::string& name) {
  const std::string start = SOURCE_FOLDER "/data/weights/net_s_mnist.npz";
  const std::string file =
      runs.small_run("{epochs: 4, batch: 16, max_steps: " + std::to_string(steps) + settings + "}", 64);
  const RunOutcome run = runs.run(file, name, kReference + kApart + "--set weights=" + start);
  INFO(run.program.err);
  REQUIRE(run.exit_code() == 0);
  REQUIRE(run.summary["training"]["steps"] == steps);
  return change_between(read_npz(start), read_npz(run.folder + "/weights.npz"));
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("gradients of two batches of 8 add up to those of one of 16, to the last bit") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 3, batch: 16, shuffle: 5, learning_rate: 0.02, momentum: 0.5}", 64);
  const RunOutcome once = runs.run(file, "once", kReference + kApart);
  const RunOutcome twice =
      runs.run(file, "twice", kReference + kApart + "--set training.batch=8 --set training.accumulate=2");
  REQUIRE(once.exit_code() == 0);
  REQUIRE(twice.exit_code() == 0);
  CHECK(once.summary["training"]["steps"] == 12);
  CHECK(twice.summary["training"]["steps"] == 24);  // batches; updates are half as many
  CHECK((once.weights == twice.weights));
  const RunOutcome eight = runs.run(file, "eight", kReference + kApart + "--set training.batch=8");
  CHECK((eight.weights != twice.weights));
}

TEST_CASE("a step is clipped to the norm that was asked for, and a norm never reached clips nothing") {
  const BoardRuns runs;
  const Change free = trained(runs, ", learning_rate: 0.02", 1, "free");
  const double norm = free.norm / 0.02;
  INFO("the gradients' norm is " << norm);
  REQUIRE(norm > 0.5);  // pretrained digits still teach: there is something to clip
  const Change wide = trained(runs, ", learning_rate: 0.02, clip_norm: 1000", 1, "wide");
  CHECK((wide.elements == free.elements));
  const Change clipped = trained(runs, ", learning_rate: 0.02, clip_norm: 0.25", 1, "clipped");
  CHECK(clipped.norm == Approx(0.02 * 0.25).epsilon(1e-3));  // weights round the change to binary32
  double dot = 0;
  for (size_t i = 0; i < free.elements.size(); ++i) dot += free.elements[i] * clipped.elements[i];
  CHECK(dot / (free.norm * clipped.norm) == Approx(1.0).epsilon(1e-4));  // the direction stays
}

TEST_CASE(
    "Adam's first step moves every weight by the learning rate against its gradient, its second as the formula says") {
  const BoardRuns runs;
  constexpr double kRate = 1e-3, kBeta1 = 0.9, kBeta2 = 0.99, kEpsilon = 1e-8;
  const std::string adam = ", optimizer: adam, momentum: 0.9, beta2: 0.99, adam_epsilon: 1e-8, learning_rate: 0.001";
  // Gradients come from plain steps: of the first batch at the start; large ones only, which epsilon does not touch.
  const Change plain = trained(runs, ", learning_rate: 1", 1, "plain");
  const Change first = trained(runs, adam, 1, "first");
  REQUIRE(plain.elements.size() == first.elements.size());
  size_t seen = 0;
  for (size_t i = 0; i < plain.elements.size(); ++i) {
    const double gradient = -plain.elements[i];
    if (std::abs(gradient) < 1e-3) continue;
    ++seen;
    // Bias correction makes the first moments g and g^2.
    const double expected = -kRate * gradient / (std::abs(gradient) + kEpsilon);
    if (std::abs(first.elements[i] - expected) > 1e-3 * kRate) {
      INFO("element " << i << ", gradient " << gradient << ", change " << first.elements[i]);
      CHECK(first.elements[i] == Approx(expected).epsilon(1e-3));
      break;
    }
  }
  CHECK(seen > 1000);
  // The second step on the same batch: the sum of both is bounded by what the corrected moments allow.
  const Change second = trained(runs, adam, 2, "second");
  const double bound = kRate * (1 - kBeta1 * kBeta1) / (1 - kBeta1) / std::sqrt((1 - kBeta2 * kBeta2) / (1 - kBeta2));
  size_t beyond = 0;
  for (const double change : second.elements) beyond += std::abs(change) > kRate + 1.5 * bound;
  CHECK(beyond == 0);
  CHECK(second.norm > first.norm);
}

TEST_CASE("with gradients in memory a step that overflowed is left out, counted and printed, and training goes on") {
  const BoardRuns runs;
  const std::string file = runs.small_run(
      "{epochs: 3, batch: 16, shuffle: 1, learning_rate: 0.02, loss_scale: {initial: 16777216, dynamic: true}}", 100);
  const RunOutcome run = runs.run(file, "apart", kApart);
  REQUIRE(run.exit_code() == 0);
  const unsigned overflows = run.summary["training"]["overflows"], skipped = run.summary["training"]["skipped"];
  CHECK(overflows >= 3);
  CHECK(skipped == overflows);
  CHECK(says(run.uart, " skipped " + std::to_string(skipped)));
  CHECK(run.summary["training"]["first_bad_step"] == 1);
  CHECK(run.summary["training"]["bad_steps"].get<unsigned>() >= overflows);
  CHECK(run.losses()[2] < run.losses()[0]);
  // One step that overflows leaves every weight as it was.
  const RunOutcome one = runs.run(file, "one", kApart + "--set training.max_steps=1");
  const RunOutcome none =
      runs.run(file, "none", kApart + "--set training.max_steps=1 --set training.learning_rate=1e-30");
  REQUIRE(one.summary["training"]["skipped"] == 1);
  CHECK((one.weights == none.weights));
}

TEST_CASE("a training that diverges ends with exit code 1 and says when and where it began") {
  const BoardRuns runs;
  const std::string file = std::string(SOURCE_FOLDER) + "/configs/runs/diverge_s.yaml";
  for (const std::string engine : {"reference", "lnpu"}) {
    INFO(engine);
    const RunOutcome all = runs.run(file, engine, "--set variants='[{name: one}]' --set platform.npu.engine=" + engine);
    CHECK(all.exit_code() == 1);
    const RunOutcome run = read_outcome(all.folder + "/one/subset1");
    REQUIRE_FALSE(run.summary.is_null());
    const nlohmann::json& training = run.summary["training"];
    const std::string step = std::to_string(training["first_bad_step"].get<unsigned>());
    const std::string tensor = training["first_bad_tensor"];
    CHECK(training["first_bad_step"] > 0);
    CHECK_FALSE(tensor.empty());
    CHECK(says(run.uart, "training diverged: began at step " + step + " in " + tensor));
    CHECK(says(all.program.err, "training diverged from step " + step + " in " + tensor));
    CHECK(run.summary["passed"] == false);
  }
}
