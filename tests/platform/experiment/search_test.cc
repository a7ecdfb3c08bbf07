// The searches over functions in place of runs.
#include "platform/experiment/search.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "platform/config/config.h"

using namespace backboard;

namespace {

/// Values computed from a candidate's overrides; keeps what was asked.
class Formulas final : public Trials {
 public:
  using Function = std::function<std::optional<double>(const Candidate&, const std::string& value)>;
  explicit Formulas(Function function) : function_(std::move(function)) {}
  std::vector<std::vector<std::optional<double>>> run(const std::vector<Candidate>& candidates,
                                                      const std::vector<std::string>& values) override {
    std::vector<std::vector<std::optional<double>>> rows;
    for (const Candidate& candidate : candidates) {
      names.push_back(candidate.name);
      rows.emplace_back();
      for (const std::string& value : values) rows.back().push_back(function_(candidate, value));
    }
    return rows;
  }
  std::vector<std::string> names;

 private:
  Function function_;
};

const YamlNode* override_of(const Candidate& candidate, const std::string& key) {
  for (const Overrides::Item& item : candidate.set.items) {
    if (item.key == key) return &item.value;
  }
  return nullptr;
}

/// Bits behind the point that weights of a layer have in a candidate.
int fraction_of(const Candidate& candidate, size_t layer) {
  const YamlNode& widths = *override_of(candidate, "platform.npu.taxonn.layers")->items[layer].find("widths");
  return std::stoi(widths.find("weight")->find("fraction")->text);
}

WidthSearch width_search() {
  WidthSearch search;
  search.loss = 1.0;
  search.layers = {3, 5};
  search.most_fraction = 6;
  search.most_integer = 0;
  search.baseline.items.push_back({"platform.npu.engine", YamlNode::scalar("reference")});
  return search;
}

}  // namespace

TEST_CASE("widths: each layer is narrowed alone, then bits are given back where they help most") {
  // By default weights have 11 bits behind the point. Each layer alone may go down to 7 without loss; a bit less costs
  // two points. Together every bit below 10 costs, in the second layer twice as much.
  Formulas trials([](const Candidate& candidate, const std::string&) -> std::optional<double> {
    if (override_of(candidate, "platform.npu.taxonn.layers") == nullptr) return 95.0;
    const int a = fraction_of(candidate, 0), b = fraction_of(candidate, 1);
    if (candidate.name.starts_with("layer")) return 95.0 - (std::min(a, b) < 7 ? 2.0 : 0.0);
    return 95.0 - 0.4 * std::max(0, 10 - a) - 0.8 * std::max(0, 10 - b);
  });
  const WidthResult result = search_widths(width_search(), trials);
  CHECK(result.baseline == 95.0);
  CHECK(result.holds);
  // Alone both lose 4. Together 0.4 * 3 + 0.8 * 3 is lost: the second gets three back, the first one.
  CHECK(result.cuts == std::vector<LayerCut>{{3, 0}, {1, 0}});
  CHECK(result.found == Approx(95.0 - 0.8));
  REQUIRE(result.layers.size() == 2);
  CHECK(result.layers[0].layer == 3);
  CHECK(result.layers[0].widths.weight.fraction == 8);
  CHECK(result.layers[1].widths.delta.fraction == 13);
  CHECK(result.layers[1].widths.delta.integer == -2);
  CHECK(result.layers[0].widths.gradient == npu::taxonn::Widths().gradient);
  CHECK(trials.names.front() == "baseline");
  // What is found is a part of a run file.
  const YamlNode found = parse_yaml(found_yaml(result), "found.yaml");
  CHECK(found.find("platform")->find("npu")->find("engine")->text == "taxonn");
  CHECK(found.find("platform")->find("npu")->find("taxonn")->find("layers")->items.size() == 2);
}

TEST_CASE("widths: a start that loses too much is found and said to be too much") {
  Formulas trials([](const Candidate& candidate, const std::string&) -> std::optional<double> {
    return override_of(candidate, "platform.npu.taxonn.layers") == nullptr ? 95.0 : 90.0;
  });
  const WidthResult result = search_widths(width_search(), trials);
  CHECK_FALSE(result.holds);
  CHECK(result.cuts == std::vector<LayerCut>{{0, 0}, {0, 0}});
  CHECK(result.found == 90.0);
}

TEST_CASE("widths: a trial that fails is not allowed, a baseline that fails ends the search") {
  Formulas some([](const Candidate& candidate, const std::string&) -> std::optional<double> {
    if (candidate.name == "layer3-f2") return std::nullopt;
    return 95.0;
  });
  CHECK(search_widths(width_search(), some).cuts == std::vector<LayerCut>{{1, 0}, {6, 0}});
  Formulas none([](const Candidate&, const std::string&) { return std::nullopt; });
  CHECK_THROWS_AS(search_widths(width_search(), none), SearchFailure);
}

TEST_CASE("thresholds: the search closes in on the share of every class") {
  ThresholdSearch search;
  search.share = 0.25;
  search.tolerance = 0.005;
  search.rounds = 12;
  search.classes = {"activation", "error"};
  // Magnitudes of exponential distributions with scales 1 and 2^-10: a share of exp(-tau / scale) is above tau.
  Formulas trials([](const Candidate& candidate, const std::string& value) -> std::optional<double> {
    const bool error = value == "npu.produced.error.high_share";
    const double scale = error ? 0x1p-10 : 1.0;
    return std::exp(
        -std::stod(override_of(candidate, error ? "compile.thresholds.error" : "compile.thresholds.activation")->text) /
        scale);
  });
  const ThresholdResult result = search_thresholds(search, trials);
  REQUIRE(result.classes.size() == 2);
  CHECK(result.classes[0].within);
  CHECK(result.classes[1].within);
  CHECK(result.classes[0].share == Approx(0.25).margin(0.005));
  CHECK(result.classes[0].threshold == Approx(std::log(4.0)).epsilon(0.02));
  CHECK(result.classes[1].threshold == Approx(std::log(4.0) / 1024).epsilon(0.02));
  CHECK(result.rounds < 12);
  CHECK(parse_yaml(found_yaml(result), "x").find("compile")->find("thresholds")->find("error") != nullptr);
}

TEST_CASE("thresholds: what can not be reached is said, and the nearest is given") {
  ThresholdSearch search;
  search.rounds = 4;
  search.classes = {"weight"};
  Formulas trials([](const Candidate&, const std::string&) { return std::optional<double>(0.5); });
  const ThresholdResult result = search_thresholds(search, trials);
  CHECK(result.rounds == 4);
  CHECK_FALSE(result.classes[0].within);
  CHECK(result.classes[0].share == 0.5);
}

TEST_CASE("search files are checked, those of the repository too") {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      check_search(search_from(load_yaml_text(text, "/e/s.yaml"), "s"));
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  };
  const std::string run = "run: " SOURCE_FOLDER "/configs/runs/adapt_optdigits.yaml\n";
  CHECK(error_of(run) == "/e/s.yaml:1: widths: a search has widths or thresholds, one of them");
  CHECK(
      error_of(run + "thresholds: {classes: [erorr]}\n").find("/e/s.yaml:2: thresholds.classes.0: there is no class") ==
      0);
  CHECK(error_of(run + "widths: {baseline: {policy: full}}\n") == "/e/s.yaml:2: widths.layers: is missing");
  CHECK(error_of(run + "widths: {layers: [0], most_fraction: 12, baseline: {policy: full}}\n")
            .find("leave nothing of 12 bits") != std::string::npos);
  CHECK(error_of(run + "widths: {layers: [0], baseline: {polcy: full}}\n").find("did you mean 'policy'?") !=
        std::string::npos);
  const std::string widths = run + "widths: {layers: [0, 2, 0], baseline: {policy: full}}\n";
  CHECK(error_of(widths) == "/e/s.yaml:2: widths.layers.2: 0 is there twice");
  CHECK(error_of(run + "widths:\n  layers: [0,\n           8, 9]\n  baseline: {platform.npu.engine: reference}\n") ==
        "/e/s.yaml:4: widths.layers.2: the plan has no layer 9: its layers are 0 (conv1) to 8 (loss)");
  CHECK(error_of(run + "thresholds: {classes: [error, error]}\n") ==
        "/e/s.yaml:2: thresholds.classes.1: error is there twice");
  CHECK(error_of(run + "thresholds: {}\nseeds: [3, 3]\n") == "/e/s.yaml:3: seeds.1: 3 is there twice");
  CHECK(error_of(run + "thresholds: {}\nseeds: [3, 4]\nseed_keys: []\n") ==
        "/e/s.yaml:4: seed_keys: several seeds need a key to be put into");
  CHECK(error_of(run + "thresholds: {}\nset: {variants: []}\n") == "/e/s.yaml:3: set: a search cannot set variants");
  CHECK(error_of(run + "widths: {layers: [0], baseline: {subsets: [1]}}\n") ==
        "/e/s.yaml:2: widths.baseline: a search cannot set subsets");
  CHECK(error_of(run + "thresholds: {}\nset: {platform.npu.engine: daa}\n")
            .find("thresholds are lnpu's, and the run has the engine daa") != std::string::npos);
  CHECK(error_of("run: /dev/null\nwidths: {layers: [0], baseline: {platform.npu.engine: reference}}\n")
            .find("the run has no data.eval") != std::string::npos);
  for (const char* name : {"taxonn_widths", "lnpu_thresholds"}) {
    CHECK_NOTHROW(check_search(load_search(std::string(SOURCE_FOLDER "/configs/searches/") + name + ".yaml", {})));
  }
}
