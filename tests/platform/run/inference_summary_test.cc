#include "platform/run/inference_summary.h"

#include <catch2/catch.hpp>
#include <memory>

#include "platform/check/input_error.h"
#include "platform/run/summary.h"

using namespace backboard;

namespace {

/// 100 answers, 80 of them beside the training: latency i * 10 ticks, the last 20 much longer.
std::unique_ptr<inference_result> answered() {
  auto result = std::make_unique<inference_result>();
  result->magic = INFERENCE_RESULT_MAGIC;
  result->version = INFERENCE_VERSION;
  result->served = 100;
  result->beside = 80;
  result->images = 100;
  result->correct = 37;
  result->digest = 0x1234abc;
  result->most_waiting = 3;
  for (uint32_t i = 0; i < 100; ++i) result->latency_ticks[i] = i < 80 ? (80 - i) * 10 : 100'000;
  return result;
}

RunSummary point(const std::string& variant, double training_seconds, bool inference) {
  RunSummary summary;
  summary.run = "both";
  summary.variant = variant;
  summary.engine = "lnpu";
  summary.timing = "lt";
  summary.training_seconds = training_seconds;
  if (inference) summary.inference = inference_from(*answered(), {}, 10'000'000);
  return summary;
}

}  // namespace

TEST_CASE("latencies are those beside the training, in microseconds of the core's timer, by nearest rank") {
  const auto result = answered();
  InferenceConfig config;
  config.priority = InferenceConfig::Priority::low;
  const auto s = inference_from(*result, config, 10'000'000);
  REQUIRE(s);
  CHECK(s->priority == "low");
  // 10 ticks to 800 ticks of 100 ns: the 40th, the 80th (0.99 * 80 = 79.2, rounded up) and the largest.
  CHECK(s->p50_us == Approx(40.0));
  CHECK(s->p99_us == Approx(80.0));
  CHECK(s->largest_us == Approx(80.0));
  CHECK(s->accuracy() == 37.0);
  CHECK(s->digest == "01234abc");
  result->beside = 0;  // no training: all count
  CHECK(inference_from(*result, config, 10'000'000)->p99_us == Approx(10'000.0));
  CHECK(inference_csv(*result, 10'000'000).find("request,beside_training,latency_us\n0,0,80.0\n1,0,79.0\n") == 0);
}

TEST_CASE("an inference that never began is none, and a damaged block is an error") {
  const auto result = answered();
  result->magic = 0;
  CHECK_FALSE(inference_from(*result, {}, 1));
  result->magic = 1;
  CHECK_THROWS_AS(inference_from(*result, {}, 1), InputError);
  result->magic = INFERENCE_RESULT_MAGIC;
  result->served = 101;  // of the 100 that were asked for
  CHECK_THROWS_AS(inference_from(*result, {}, 1), InputError);
  result->served = 10;  // fewer than came beside the training
  CHECK_THROWS_AS(inference_from(*result, {}, 1), InputError);
}

TEST_CASE("summary.json keeps the inference and the time of training") {
  const RunSummary before = point("high", 0.125, true);
  const RunSummary after = parse_summary(summary_json(before), "summary.json");
  REQUIRE(after.inference);
  CHECK(*after.inference == *before.inference);
  CHECK(after.training_seconds == 0.125);
  CHECK_FALSE(parse_summary(summary_json(point("none", 0.1, false)), "summary.json").inference);
}

TEST_CASE("one table compares latencies and tells the training's slow-down") {
  const std::vector<RunSummary> points = {point("alone", 0, true), point("training", 0.1, false),
                                          point("high", 0.125, true)};
  const std::string table = summary_table(points);
  const size_t begin = table.find("inference beside training");
  REQUIRE(begin != std::string::npos);
  const std::string text = table.substr(begin);
  CHECK(text.find("1.250") != std::string::npos);
  CHECK(text.find("40.0 us") != std::string::npos);
  CHECK(text.find("01234abc") != std::string::npos);
  CHECK(summary_table(std::vector<RunSummary>{point("a", 0.1, false), point("b", 0.1, false)}).find("inference") ==
        std::string::npos);
  CHECK(summary_table(std::vector<RunSummary>{point("", 0.1, true)}).find("p99 80.0 us") != std::string::npos);
}
