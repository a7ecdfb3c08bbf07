// `backboard bench` from outside.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;

namespace {

ProgramResult backboard_run(const std::string& arguments) {
  return backboard::test::run_program(BACKBOARD_PROGRAM, arguments);
}

}  // namespace

TEST_CASE("bench training measures steps of the whole board by part, and refuses what it does not know") {
  const TemporaryFolder folder;
  const std::string json = folder.path("bench.json");
  const ProgramResult result =
      backboard_run("bench training --net s --batch 4 --steps 2 --threads 2 --no-torch --json " + json);
  REQUIRE(result.exit_code == 0);
  const nlohmann::json measured = nlohmann::json::parse(read_text(json));
  std::map<std::string, double> value;
  for (const nlohmann::json& m : measured["measurements"]) value[m["name"]] = m["value"];
  CHECK(value["step, fastest"] > 0);
  CHECK(value["multiply-accumulates"] > 0);
  CHECK(value["plain GEMM"] > 0);
  CHECK(value["own thread: codec"] > 0);
  CHECK(value.count("PyTorch") == 0);
  CHECK(value.count("ratio to PyTorch") == 0);
  // The parts of the program's own thread, sleep among them, are all of the wall time.
  double parts_ms = 0;
  for (const auto& [name, ms] : value) {
    if (name.rfind("own thread: ", 0) == 0) parts_ms += ms;
  }
  CHECK(value["step, looked at by part"] > 0);
  CHECK(parts_ms >= 0.999 * value["step, looked at by part"]);
  CHECK(backboard_run("bench training --net no_such_net --no-torch").exit_code == 2);
  CHECK(backboard_run("bench training --net s --timing both --no-torch").exit_code == 2);
  CHECK(backboard_run("bench training --net s --engine none --no-torch").exit_code == 2);
  const ProgramResult other = backboard_run("bench core --net s");
  CHECK(other.exit_code == 2);
  CHECK(other.err == "backboard: error: --net is for `bench training`\n");
}

TEST_CASE("bench core measures the programs and the ways that are asked for, and refuses what it does not know") {
  const TemporaryFolder folder;
  const std::string json = folder.path("bench.json");
  REQUIRE(backboard_run("bench core --program 'MMIO poll' --way interp,jit --json " + json).exit_code == 0);
  std::map<std::string, double> mips;
  const nlohmann::json measured = nlohmann::json::parse(read_text(json));
  for (const nlohmann::json& m : measured["measurements"]) {
    CHECK(m["name"] == "MMIO poll");
    if (m["unit"] == "MIPS" && m["column"] != "qemu") mips[m["column"]] = m["value"];
  }
  CHECK(mips.size() == 2);
  CHECK(mips["interp"] > 0);
  CHECK(mips["jit"] > 0);
  REQUIRE(backboard_run("bench core --program 'PLIC claim' --way jit --json " + json).exit_code == 0);  // a kernel
  CHECK(nlohmann::json::parse(read_text(json))["measurements"][0]["name"] == "PLIC claim");
  const ProgramResult program = backboard_run("bench core --program MMIO");
  CHECK(program.exit_code == 2);
  CHECK(program.err.find("unknown program 'MMIO'; known: integer mix, ") != std::string::npos);
  CHECK(backboard_run("bench core --way compiled").exit_code == 2);
  CHECK(backboard_run("bench kernels --way jit").exit_code == 2);
}

TEST_CASE("bench kernels measures the rows that are asked for, and what a kill leaves was measured") {
  const TemporaryFolder folder;
  const std::string json = folder.path("bench.json"), rows = folder.path("rows");
  const ProgramResult result = backboard_run("bench kernels --filter 'neuroflix S fc2 FF' --json " + json);
  REQUIRE(result.exit_code == 0);
  const nlohmann::json measured = nlohmann::json::parse(read_text(json))["measurements"];
  REQUIRE(measured.size() == 1);
  CHECK(measured[0]["name"] == "neuroflix S fc2 FF x64");
  CHECK(measured[0]["value"] > 0);
  CHECK(result.out.find("neuroflix S fc2 FF x64 ") == 0);
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 1);
  const ProgramResult none = backboard_run("bench kernels --filter 'S fc3'");
  CHECK(none.exit_code == 2);
  CHECK(none.err == "backboard: error: no row of this benchmark has 'S fc3' in its name\n");
  CHECK(backboard_run("bench core --filter S").err == "backboard: error: --filter is for `bench kernels`\n");
  // Killed as soon as something is in the file: of the 14 rows, which would all go into one buffer, some are there.
  const std::string script =
      "\"$0\" bench kernels --filter 'neuroflix S ' >\"$1\" & "
      "while kill -0 $! && ! [ -s \"$1\" ]; do sleep 0.02; done; kill -KILL $!; wait $!";
  const std::string file = folder.write("kill.sh", script);
  backboard::test::run_program("/bin/sh",
                               "-c \"$(cat " + file + ")\" '" + std::string(BACKBOARD_PROGRAM) + "' " + rows);
  const std::string left = read_text(rows);
  const auto lines = std::count(left.begin(), left.end(), '\n');
  CHECK(left.find("neuroflix S conv1 FF x16 ") == 0);
  CHECK(lines >= 1);
  CHECK(lines < 14);
}

TEST_CASE("bench memory counts the demo's bursts and tells the arithmetic apart") {
  const TemporaryFolder folder;
  const std::string json = folder.path("bench.json");
  REQUIRE(backboard_run("bench memory --json " + json).exit_code == 0);
  const nlohmann::json measured = nlohmann::json::parse(read_text(json));
  std::map<std::string, double> value;
  for (const nlohmann::json& m : measured["measurements"]) value[m["name"]] = m["value"];
  CHECK(value["bursts, arithmetic included"] > 0);
  CHECK(value["bursts, arithmetic excluded"] > value["bursts, arithmetic included"]);
  CHECK(value["simulated"] > 80);
}
