// `backboard dram-trace` from outside: what it prints, and how traces that are none are refused.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::read_text;
using backboard::test::TemporaryFolder;

namespace {

const std::string kMemory = SOURCE_FOLDER "/configs/memory/lpddr4-4266.yaml";

ProgramResult dram_trace(const std::string& arguments) {
  return backboard::test::run_program(BACKBOARD_PROGRAM, "dram-trace " + arguments);
}

/// Exit code 2, nothing on stdout, one line on stderr that begins with `place` and holds `text`.
void check_refused(const ProgramResult& result, const std::string& place, const std::string& text) {
  INFO(result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  CHECK(result.err.find("backboard: error: " + place) == 0);
  CHECK(result.err.find(text) != std::string::npos);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("a trace of reads in one row is one activate and hits, in each of the three forms") {
  const TemporaryFolder folder;
  std::string stl, csv = "cycle,op,address\n", plain;
  for (unsigned i = 0; i < 16; ++i) {
    const std::string cycle = std::to_string(i), address = std::to_string(64 * i);
    stl += cycle + ": read " + address + "\n";
    csv += cycle + ",R," + address + "\n";
    plain += address + " R\n";
  }
  for (const std::string& text : {stl, csv, plain}) {
    INFO(text);
    const std::string trace = folder.write("good.trace", text);
    const ProgramResult result =
        dram_trace("--memory " + kMemory + " " + trace + " --commands " + folder.path("commands.csv"));
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    // The part has no currents in its file: that is said, once, and nothing else.
    CHECK(result.err == "backboard: note: " + kMemory + ": no currents (rails), so that no energy is computed\n");
    const auto report = nlohmann::json::parse(result.out);
    CHECK(report["requests"] == 16);
    CHECK(report["reads"] == 16);
    CHECK(report["writes"] == 0);
    CHECK(report["gbytes_per_s"] > 0.0);
    CHECK(report["read_latency_clocks"]["min"] > 0);
    // The commands that were issued are those that the report counts.
    const std::string commands = read_text(folder.path("commands.csv"));
    std::istringstream lines(commands);
    std::string line;
    std::getline(lines, line);
    CHECK(line == "clock,channel,command,bank,row,column");
    uint64_t activates = 0, reads = 0;
    while (std::getline(lines, line)) {
      activates += line.find(",ACT,") != std::string::npos;
      reads += line.find(",RD") != std::string::npos;
    }
    CHECK(report["activates"] == activates);
    CHECK(reads == 16);
  }
}

TEST_CASE("a line that is no request is named by file and line, and nothing is printed") {
  const TemporaryFolder folder;
  const auto refuse = [&](const std::string& text, unsigned line, const std::string& reason) {
    INFO(text);
    const std::string trace = folder.write("bad.trace", text);
    check_refused(dram_trace("--memory " + kMemory + " " + trace), trace + ":" + std::to_string(line) + ": ", reason);
  };
  refuse("0: read 0x40\n1: fetch 0x80\n", 2, "expected 'CYCLE: read|write ADDRESS'");
  refuse("0: read 0x40\n" + std::string(500, 'x'), 2, "'" + std::string(60, 'x') + "'...");
  refuse("# a comment\n\n0x40 R\n0x80\n", 4, "expected");
  refuse("5: read 0\n4: read 64\n", 2, "cycle 4 after cycle 5");
  // A line without a cycle stands one cycle behind the requests before it: it cannot follow a later one.
  refuse("5: read 0\n0x40 R\n", 2, "cycle 1 after cycle 5");
  refuse("0,R,0xffffffffffff\n", 1, "exceeds the memory of");
  refuse("0: read 0x40 0x80\n", 1, "expected");
  refuse("99999999999999999999: read 0\n", 1, "expected");
}

TEST_CASE("files that are not there, other files and wrong keys are bad input") {
  const TemporaryFolder folder;
  const std::string trace = folder.write("good.trace", "0: read 0\n");
  check_refused(dram_trace("--memory " + kMemory + " " + folder.path("none")), folder.path("none"), "open");
  check_refused(dram_trace("--memory " + kMemory + " " + folder.path()), folder.path(), "is a folder");
  check_refused(dram_trace("--memory " + folder.path("none") + " " + trace), folder.path("none"), "");
  check_refused(dram_trace("--memory " + trace + " " + trace), trace, "");
  check_refused(dram_trace("--memory " + kMemory + " --set bankz=3 " + trace), "--set", "bankz");
  check_refused(dram_trace("--memory " + kMemory + " --commands /nowhere/x.csv " + trace), "/nowhere/x.csv",
                "cannot be written: ");
  const ProgramResult help = dram_trace("--help");
  CHECK(help.exit_code == 0);
  CHECK(help.out.find("--commands") != std::string::npos);
}
