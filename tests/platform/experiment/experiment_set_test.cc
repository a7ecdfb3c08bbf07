// All experiments of the repository, in their quick form.
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;
using nlohmann::json;

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
  }
  CHECK(pages == count);
}
