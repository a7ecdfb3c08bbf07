// All experiments of the repository, in their quick form.
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;
using nlohmann::json;

namespace {

/// The table of docs/engines/results.md in small: who moves and spends less does so on every pair.
void check_engines_pairs(const json& results) {
  std::map<std::string, std::map<std::string, json>> pairs;  // metrics by pair and engine
  for (const json& point : results["points"]) {
    const std::string name = point["name"];
    pairs[name.substr(0, name.rfind('-'))][name.substr(name.rfind('-') + 1)] = point["metrics"];
  }
  CHECK(pairs.size() == 5);
  for (auto& [pair, engines] : pairs) {
    INFO(pair);
    REQUIRE(engines.size() == 6);
    const auto value = [&engines = engines](const char* engine, const char* metric) {
      return engines.at(engine).at(metric).at("mean").get<double>();
    };
    for (const char* engine : {"lnpu", "daa", "neuroflix", "taxonn", "rowpipe"}) {
      INFO(engine);
      for (const char* metric : {"dram", "energy", "product"})
        CHECK(value(engine, metric) < value("reference", metric));
    }
    CHECK(value("lnpu", "dram") < value("daa", "dram"));
    // Two bytes an element on all three. The core's bytes differ by a line or two: interrupts come at other times.
    CHECK(value("daa", "npu_bytes") == value("taxonn", "npu_bytes"));
    CHECK(value("daa", "npu_bytes") == value("neuroflix", "npu_bytes"));
    CHECK(value("lnpu", "cycles") < value("reference", "cycles"));
  }
}

}  // namespace

TEST_CASE("the quick form of every experiment runs, and every headline has a figure") {
  const TemporaryFolder folder;
  std::string files;
  unsigned count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(SOURCE_FOLDER "/configs/experiments")) {
    files += entry.path().string() + " ";
    ++count;
  }
  REQUIRE(count >= 2);
  const ProgramResult result = backboard::test::run_program(
      BACKBOARD_PROGRAM, "experiment " + files + "--quick --quiet --jobs 2 --out " + folder.path("out"));
  INFO(result.err);
  CHECK(result.exit_code == 0);
  unsigned pages = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path("out"))) {
    INFO(entry.path());
    ++pages;
    const json results = json::parse(read_text((entry.path() / "results.json").string()));
    CHECK(results["quick"] == true);
    CHECK(results["failures"].empty());
    CHECK_FALSE(results["headlines"].empty());
    for (const json& headline : results["headlines"]) CHECK_FALSE(headline["ours"].is_null());
    if (results["experiment"] == "engines_pairs") check_engines_pairs(results);
  }
  CHECK(pages == count);
}
