#include "platform/run/summary.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "platform/check/input_error.h"
#include "platform/run/expectations.h"

using namespace backboard;

namespace {

run_result finished() {
  run_result result;
  std::memset(&result, 0, sizeof result);
  result.magic = RESULT_MAGIC;
  result.version = RUN_VERSION;
  result.state = 1;
  result.epochs_done = 2;
  result.examples = 200;
  result.before_correct = 63;
  result.before_total = 100;
  result.after_correct = 95;
  result.after_total = 100;
  result.loss_count = 2;
  result.loss[0] = 1.5f;
  result.loss[1] = 0.25f;
  result.eval_correct[0] = 0xffffffff;
  result.eval_correct[1] = 95;
  return result;
}

RunSummary point(const std::string& variant, uint32_t subset, double before, double after) {
  RunSummary summary;
  summary.run = "demo";
  summary.variant = variant;
  summary.subset = subset;
  summary.engine = "lnpu";
  summary.timing = "lt";
  summary.reason = "finisher: passed";
  summary.simulated_seconds = 0.5;
  summary.wall_seconds = 2;
  summary.cpu_instructions = 4'000'000;
  summary.dram_read_bytes = 3'000'000;
  summary.dram_write_bytes = 1'000'000;
  summary.training.emplace();
  summary.training->policy = "full";
  summary.training->accuracy_before = before;
  summary.training->accuracy_after = after;
  summary.training->loss = {1.5, 0.25};
  return summary;
}

RunPlan demo_plan(ExpectConfig expect) {
  RunPlan plan;
  RunPoint run_point;
  run_point.variant = "full";
  run_point.config.expect = expect;
  plan.points.push_back(run_point);
  return plan;
}

}  // namespace

TEST_CASE("the firmware's result block becomes accuracies in percent and losses by epoch") {
  const auto training = training_from(finished(), "full");
  REQUIRE(training.has_value());
  CHECK(training->accuracy_before == 63.0);
  CHECK(training->accuracy_after == 95.0);
  CHECK(training->loss == std::vector<double>{1.5, 0.25});
  REQUIRE(training->accuracy_by_epoch.size() == 2);
  CHECK_FALSE(training->accuracy_by_epoch[0].has_value());
  CHECK(training->accuracy_by_epoch[1] == 95.0);
  CHECK(training->policy == "full");
}

TEST_CASE("what went wrong in a training is named by the plan's tensors, and survives a summary's text") {
  run_result result = finished();
  CHECK(divergence_text(*training_from(result, "full")).empty());
  result.steps_done = 9;
  result.overflows = 3;
  result.loss_scale = 512;
  result.skipped = 2;
  result.bad_steps = 5;
  result.first_bad_step = 4;
  result.first_bad_tensor = 1;
  const std::vector<std::string> tensors = {"fc2.weight", "fc2.y"};
  RunSummary summary = point("", 0, 60, 90);
  summary.training = training_from(result, "full", tensors);
  CHECK(divergence_text(*summary.training) == " from step 4 in fc2.y, 5 bad steps of 9");
  const RunSummary read = parse_summary(summary_json(summary), "summary.json");
  CHECK(divergence_text(*read.training) == divergence_text(*summary.training));
  CHECK(read.training->skipped == 2);
  const std::string table = summary_table(std::span(&summary, 1));
  CHECK(table.find("512 last, 3 overflows, 2 updates left out") != std::string::npos);
  CHECK(table.find("from step 4 in fc2.y") != std::string::npos);
  result.first_bad_tensor = 0xffffffff;
  CHECK(training_from(result, "full", tensors)->first_bad_tensor == "the loss");
}

TEST_CASE("a result block that was never begun is no training, a damaged one is an error") {
  run_result result = finished();
  result.magic = 0;
  CHECK_FALSE(training_from(result, "full").has_value());
  result.magic = 1;
  CHECK_THROWS_AS(training_from(result, "full"), InputError);
  result = finished();
  result.loss_count = RUN_MAX_EPOCHS + 1;
  CHECK_THROWS_AS(training_from(result, "full"), InputError);
  result = finished();
  result.before_total = 0;
  CHECK_FALSE(training_from(result, "full")->accuracy_before.has_value());
}

TEST_CASE("summary.json has the promised keys and is read back whole") {
  RunSummary summary = point("full", 2, 63, 95);
  summary.npu_commands = 11;
  summary.npu_macs = 1ull << 60;
  summary.failures = {"something \"quoted\""};
  const std::string text = summary_json(summary);
  const auto json = nlohmann::json::parse(text);
  for (const char* key : {"run", "engine", "timing", "exit_code", "simulated_seconds", "wall_seconds", "cpu", "npu",
                          "dram", "training"}) {
    CHECK(json.contains(key));
  }
  CHECK(json["cpu"]["instructions"] == 4'000'000);
  CHECK(json["cpu"]["mips"] == 2.0);
  for (const char* key : {"commands", "macs", "macs_skipped", "busy_cycles", "interrupts"}) {
    CHECK(json["npu"].contains(key));
  }
  CHECK(json["npu"]["macs"] == 1ull << 60);
  CHECK(json["cpu"]["icache"].is_null());
  CHECK(json["dram"]["read_bytes"] == 3'000'000);
  CHECK(json["training"]["policy"] == "full");
  CHECK(json["training"]["accuracy_before"] == 63.0);
  CHECK(json["passed"] == false);
  CHECK(summary_json(parse_summary(text, "f")) == text);
  RunSummary bare;
  CHECK(summary_json(parse_summary(summary_json(bare), "f")) == summary_json(bare));
  CHECK_THROWS_AS(parse_summary("{}", "f"), InputError);
  CHECK_THROWS_AS(parse_summary("", "f"), InputError);
}

TEST_CASE("caches are reported with their mode, where there are any") {
  RunSummary summary = point("full", 1, 10, 10);
  CHECK(summary_table(std::vector{summary}).find("caches") == std::string::npos);
  summary.icache = CacheSummary{.data = true, .accesses = 1000, .hits = 998, .fills = 2};
  summary.dcache = CacheSummary{.accesses = 200, .hits = 150, .fills = 50, .write_backs = 7, .maintenance = 3};
  summary.core_dram_bytes = 3776;
  const std::string text = summary_table(std::vector{summary});
  CHECK(text.find("code 99.80 % of 1000 hit, 2 fills; data 75.00 % of 200 hit, 50 fills, 7 write-backs, 3 cbo "
                  "(tags only)") != std::string::npos);
  CHECK(text.find("3.00 MB read, 1.00 MB written; 3.8 kB of both by the core") != std::string::npos);
  const std::string json = summary_json(summary);
  CHECK(summary_json(parse_summary(json, "f")) == json);
  CHECK(nlohmann::json::parse(json)["cpu"]["dcache"]["write_backs"] == 7);
}

TEST_CASE("a loss that is not finite survives as null") {
  RunSummary summary = point("full", 1, 10, 10);
  summary.training->loss = {std::numeric_limits<double>::quiet_NaN(), 1.0};
  const std::string text = summary_json(summary);
  CHECK(nlohmann::json::parse(text)["training"]["loss"][0].is_null());
  const RunSummary again = parse_summary(text, "f");
  CHECK(std::isnan(again.training->loss[0]));
  CHECK(again.training->loss[1] == 1.0);
}

TEST_CASE("a point passes only with exit code 0, no interruption and no failure") {
  RunSummary summary = point("full", 1, 60, 90);
  CHECK(summary.passed());
  summary.exit_code = 3;
  CHECK_FALSE(summary.passed());
  summary.exit_code = 0;
  summary.interrupted = true;
  CHECK_FALSE(summary.passed());
  summary.interrupted = false;
  summary.failures.push_back("x");
  CHECK_FALSE(summary.passed());
}

TEST_CASE("means run over the subsets of a variant") {
  const std::vector points{point("full", 1, 60, 94), point("last:1", 1, 60, 90), point("full", 2, 62, 96)};
  const auto means = means_of(points);
  REQUIRE(means.size() == 2);
  CHECK(means[0].variant == "full");
  CHECK(means[0].points == 2);
  CHECK(*means[0].accuracy_before == Approx(61));
  CHECK(*means[0].accuracy_after == Approx(95));
  CHECK(means[0].accuracy_after_spread == Approx(std::sqrt(2.0)));  // deviations -1 and +1, n - 1 = 1
  CHECK(means[1].points == 1);
  std::vector missing = points;
  missing[2].training.reset();
  CHECK_FALSE(means_of(missing)[0].accuracy_after.has_value());
  const std::string table = summary_table(points);
  CHECK(table.find("95.00 +- 1.41 %") != std::string::npos);
  CHECK(table.find("4.00 MB") != std::string::npos);
  // A number ends where its column's header ends.
  const std::string header = table.substr(0, table.find('\n'));
  const std::string first = table.substr(header.size() + 1, table.find('\n', header.size() + 1) - header.size() - 1);
  CHECK(first.find("61.00 %") + 7 == header.find("before") + 6);
  CHECK(first.find("95.00 +- 1.41 %") + 15 == header.find("after") + 5);
  CHECK(first.size() == header.size());
  CHECK(first.substr(first.size() - 5) == "2.0 s");  // host time
}

TEST_CASE("a variant that is called like one engine and ran on another is noted below the table") {
  std::vector points{point("lnpu", 1, 60, 95), point("reference", 1, 60, 95), point("last2", 1, 60, 95)};
  points[1].engine = "reference";
  CHECK(summary_table(points).find("note:") == std::string::npos);
  points[0].engine = "daa";
  points[2].engine = "daa";
  const std::string table = summary_table(points);
  CHECK(table.find("lnpu             daa       full") != std::string::npos);
  CHECK(table.find("note: variant lnpu ran on engine daa\n") != std::string::npos);
  CHECK(table.find("variant last2 ran") == std::string::npos);
}

TEST_CASE("the last line for a person says passed, or the first thing that was wrong") {
  std::vector points{point("full", 1, 60, 94), point("last:1", 1, 60, 90)};
  CHECK(verdict(points, {}) == "passed");
  CHECK(verdict(points, {"full: too low"}) == "failed: full: too low");
  points[1].exit_code = 3;
  points[1].reason = "the firmware ended with code 3";
  points[1].failures = {"bytes lost"};
  CHECK(verdict(points, {}) == "failed: last:1: the firmware ended with code 3 (and 1 more)");
  points[0].interrupted = true;
  CHECK(verdict(std::span(points).first(1), {}) == "failed: interrupted");
}

TEST_CASE("expectations hold against the mean and say what they found") {
  ExpectConfig expect;
  expect.accuracy_after_min = 95.0;
  expect.error_halves = true;
  const RunPlan plan = demo_plan(expect);
  const std::vector good{point("full", 1, 60, 94), point("full", 2, 60, 96)};
  CHECK(unmet_by_means(plan, good).empty());
  const std::vector low{point("full", 1, 60, 94), point("full", 2, 60, 95)};
  CHECK(unmet_by_means(plan, low) ==
        std::vector<std::string>{"full: accuracy after is 94.50 %, expected at least 95.00 %"});
  // Error 6 % -> 4 %: above 95 %, but not half.
  const std::vector flat{point("full", 1, 94, 96), point("full", 2, 94, 96)};
  CHECK(unmet_by_means(plan, flat) ==
        std::vector<std::string>{"full: the error went from 6.00 % to 4.00 %, expected at most half"});
  std::vector none = good;
  none[0].training.reset();
  CHECK(unmet_by_means(plan, none).size() == 1);
}

TEST_CASE("comparisons of variants hold or name both accuracies") {
  RunPlan plan;
  plan.config.compare.push_back({"reference", "lnpu", 1.0});
  std::vector points{point("lnpu", 1, 60, 95), point("reference", 1, 60, 95.9)};
  CHECK(unmet_by_means(plan, points).empty());
  points[1].training->accuracy_after = 96.1;
  CHECK(unmet_by_means(plan, points) ==
        std::vector<std::string>{"reference (96.10 %) and lnpu (95.00 %) differ by more than 1.00 points"});
  points.pop_back();
  CHECK(unmet_by_means(plan, points).size() == 1);
}

TEST_CASE("findings and UART text are expected of each point") {
  ExpectConfig expect;
  expect.findings_max = 0;
  expect.uart_contains = "hello";
  RunSummary summary = point("", 1, 1, 2);
  CHECK(unmet_by_point(expect, summary, "say hello\n").empty());
  summary.findings = 2;
  CHECK(unmet_by_point(expect, summary, "").size() == 2);
}
