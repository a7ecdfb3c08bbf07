// The program from outside: exit codes and one-line errors.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/program.h"

using backboard::test::ProgramResult;
using backboard::test::TemporaryFolder;

namespace {

ProgramResult backboard_run(const std::string& arguments) {
  return backboard::test::run_program(BACKBOARD_PROGRAM, arguments);
}

/// Bad input: exit code 2, nothing else than one line on stderr.
void check_bad_input(const ProgramResult& result, const std::string& line) {
  CHECK(result.exit_code == 2);
  CHECK(result.err == "backboard: error: " + line + "\n");
}

}  // namespace

TEST_CASE("help and version are there for the program and for every command") {
  const ProgramResult help = backboard_run("--help");
  CHECK(help.exit_code == 0);
  CHECK(help.out.find("Exit codes: 0 passed") != std::string::npos);
  CHECK(backboard_run("--version").out.find("backboard 0.") == 0);
  for (const char* command : {"check", "explain", "schema", "regs"}) {
    INFO(command);
    CHECK(help.out.find(std::string("\n  ") + command + " ") != std::string::npos);
    const ProgramResult own = backboard_run(std::string(command) + " --help");
    CHECK(own.exit_code == 0);
    CHECK(own.out.find("Usage: backboard " + std::string(command)) != std::string::npos);
    CHECK(backboard_run(std::string(command) + " --version").out.find("backboard 0.") == 0);
  }
}

TEST_CASE("a wrong command line is bad input") {
  check_bad_input(backboard_run(""), "A subcommand is required (see --help)");
  CHECK(backboard_run("frobnicate").exit_code == 2);
  CHECK(backboard_run("check").exit_code == 2);
  CHECK(backboard_run("regs --format pdf").exit_code == 2);
  check_bad_input(backboard_run("exec x --max-instructions -1"), "--max-instructions: -1 is negative (see --help)");
  check_bad_input(backboard_run("run x --jobs=-1"), "--jobs: -1 is negative (see --help)");
  check_bad_input(backboard_run("divergence a b --tolerance nan"), "--tolerance: nan is no number (see --help)");
}

TEST_CASE("regs prints one block or all, in each format") {
  CHECK(backboard_run("regs npu").out.find("| 0x040 | `NPU_CTRL` | RW |") != std::string::npos);
  CHECK(backboard_run("regs --format c").out.find("#define NPU_CTRL_OFFSET 0x40u") != std::string::npos);
  CHECK(backboard_run("regs npu --format svd").out.find("<name>NPU_CTRL</name>") != std::string::npos);
  const ProgramResult unknown = backboard_run("regs npv");
  CHECK(unknown.exit_code == 2);
  CHECK(unknown.err.find("unknown block 'npv'; did you mean 'npu'?") != std::string::npos);
}

TEST_CASE("check prints the effective configuration, which checks again") {
  const TemporaryFolder folder;
  const std::string file = folder.write("edge.yaml", "sram: {latency: 10 ns}\n");
  const ProgramResult first = backboard_run("check " + file);
  CHECK(first.exit_code == 0);
  CHECK(first.err.empty());
  CHECK(first.out.find("\nsram:\n  latency: 10 ns\n") != std::string::npos);
  const ProgramResult second =
      backboard_run("check --set 'sram.latency=12.5 ns' " + folder.write("again.yaml", first.out));
  CHECK(second.exit_code == 0);
  CHECK(second.out.find("\nsram:\n  latency: 12500 ps\n") != std::string::npos);
}

TEST_CASE("a bad file is one line with file and line, a bad override one with the option") {
  const TemporaryFolder folder;
  const std::string unknown = folder.write("unknown.yaml", "timing: lt\nsram:\n  latencyy: 10 ns\n");
  check_bad_input(backboard_run("check --kind platform " + unknown),
                  unknown + ":3: sram: unknown key 'latencyy'; did you mean 'latency'? known: latency");
  const std::string good = folder.write("good.yaml", "sram: {latency: 10 ns}\n");
  check_bad_input(
      backboard_run("check " + good + " --set sram.latency=10"),
      "--set sram.latency=10: sram.latency: '10' needs a unit: ps, ns, us, ms, s: expected time from 0 ps to 1 us");
  check_bad_input(backboard_run("check " + folder.path("absent.yaml")),
                  folder.path("absent.yaml") + ": cannot open: No such file or directory");
  const std::string empty = folder.write("empty.yaml", "# nothing\n");
  check_bad_input(backboard_run("check --kind net " + empty), empty + ":1: layers: a network needs at least one layer");
  const std::string at = folder.write("at.yaml", "timing: at\n");
  CHECK(backboard_run("check " + at).exit_code == 0);
  const std::string unknown_level = folder.write("unknown_level.yaml", "timing: all\n");
  CHECK(backboard_run("check " + unknown_level).err.find(unknown_level + ":1: timing: ") != std::string::npos);
  CHECK(backboard_run("check " + unknown_level).exit_code == 2);
  CHECK(backboard_run("check --kind cake " + good).exit_code == 2);
}

TEST_CASE("output that cannot be written is bad input, whatever its length, and so is an error without a place") {
  const auto full = [](const std::string& command) {
    return backboard::test::run_program("/bin/sh", "-c '\"" BACKBOARD_PROGRAM "\" " + command + "'");
  };
  for (const char* command : {"schema", "schema run", "regs", "--help", "run --help", "--version"}) {
    INFO(command);
    check_bad_input(full(std::string(command) + " >/dev/full"),
                    "standard output: cannot be written: No space left on device");
  }
  CHECK(full("check absent.yaml 2>/dev/full").exit_code == 2);
  CHECK(full("check absent.yaml >&- 2>&-").exit_code == 2);
}

TEST_CASE("what a file holds reaches no terminal as a command to it") {
  const TemporaryFolder folder;
  const ProgramResult result = backboard_run("dram-trace --memory " SOURCE_FOLDER "/configs/memory/lpddr4-4266.yaml " +
                                             folder.write("trace", "\x1b[31mred\n"));
  CHECK(result.exit_code == 2);
  CHECK(std::count_if(result.err.begin(), result.err.end(), [](char c) { return c < ' '; }) == 1);  // its line's end
}

TEST_CASE("every kind of file has a schema that is JSON, and explain knows its keys") {
  const ProgramResult kinds = backboard_run("schema");
  CHECK(kinds.exit_code == 0);
  std::istringstream lines(kinds.out);
  std::string line;
  unsigned count = 0;
  while (std::getline(lines, line)) {
    const std::string kind = line.substr(0, line.find(' '));
    INFO(kind);
    const auto schema = nlohmann::json::parse(backboard_run("schema " + kind).out);
    CHECK(schema["type"] == "object");
    CHECK(backboard_run("explain --kind " + kind).exit_code == 0);
    ++count;
  }
  CHECK(count >= 1);
  CHECK(backboard_run("schema cake").exit_code == 2);
  const ProgramResult key = backboard_run("explain --kind platform sram.latency");
  CHECK(key.out.find("sram.latency (platform file)\n  ") == 0);
  CHECK(key.out.find("\n  value: time from 0 ps to 1 us\n  default: 5 ns\n") != std::string::npos);
  const ProgramResult mistyped = backboard_run("explain sram.latenzy");
  CHECK(mistyped.exit_code == 2);
  CHECK(mistyped.err.find("did you mean 'sram.latency'?") != std::string::npos);
}

TEST_CASE("plan draws first weights as it is told, and refuses names that it does not know, empty ones too") {
  const TemporaryFolder folder;
  const std::string net = "plan " SOURCE_FOLDER "/configs/nets/s.yaml ";
  const auto planned = [&](const std::string& options) {
    const std::string file = folder.path("net.plan");
    const ProgramResult result = backboard_run(net + options + " -o " + file);
    INFO(result.err);
    CHECK(result.exit_code == 0);
    return backboard::test::read_text(file);
  };
  CHECK(planned("") == planned("--init he"));
  CHECK(planned("") != planned("--init pytorch"));
  CHECK(planned("--init pytorch") != planned("--init pytorch --seed 2"));
  CHECK(backboard_run(net + "--init lecun").err.find("--init: lecun not in {he,pytorch}") != std::string::npos);
  CHECK(backboard_run(net + "--policy ''").err.find("unknown policy ''") != std::string::npos);
}
