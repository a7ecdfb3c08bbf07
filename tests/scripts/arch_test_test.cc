// scripts/arch-test compiles the programs of a suite, runs them on the board, and compares signatures with Spike's or
// with the suite's references. The suite and the Spike here are our own: two programs, and a script that writes what it
// is told.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/program.h"

using namespace backboard::test;

namespace {

/// A program in the suite's manner that leaves four words, the first of them 40 + `addend`.
std::string adding_program(int addend) {
  return "#include \"model_test.h\"\n"
         ".section .text.init\n.globl rvtest_entry_point\nrvtest_entry_point:\n"
         "  li t0, 40\n  addi t0, t0, " +
         std::to_string(addend) +
         "\n  la t1, begin_signature\n  sw t0, 0(t1)\n  li t0, 0xbeef\n  sw t0, 4(t1)\n  RVMODEL_HALT\n"
         ".data\nRVMODEL_DATA_BEGIN\n  .fill 4, 4, 0\nRVMODEL_DATA_END\n";
}

/// What adding_program(2) leaves, as the suite's references write it and as Spike does.
const std::string kReference = "0000002A\n0000BEEF\n00000000\n00000000\n";
const std::string kSpikes = "0000002a\n0000beef\n00000000\n00000000\n";

class Suite {
 public:
  Suite() {
    std::filesystem::create_directories(folder_.path("riscv-test-suite/env"));
    add("good-01", 2);
  }

  void add(const std::string& name, int addend) const {
    folder_.write("riscv-test-suite/rv32i_m/I/src/" + name + ".S", adding_program(addend));
    folder_.write("riscv-test-suite/rv32i_m/I/references/" + name + ".reference_output", kReference);
  }

  /// A Spike that leaves `signature` where it is asked to, and writes what it was asked beside it.
  std::string spike(const std::string& signature) const {
    const std::string path = folder_.write("spike", "#!/bin/sh\necho \"$@\" >>" + folder_.path("asked") +
                                                        "\nfor a in \"$@\"; do case $a in +signature=*) printf '" +
                                                        signature + "' >\"${a#+signature=}\" ;; esac; done\n");
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return "--spike " + path + " ";
  }
  std::string asked() const { return read_text(folder_.path("asked")); }

  ProgramResult test(const std::string& options, const std::string& suites = "I") const {
    setenv("BACKBOARD", BACKBOARD_PROGRAM, 1);
    return run_program(SOURCE_FOLDER "/scripts/arch-test", options + folder_.path() + " " + suites);
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("arch-test: signatures are compared with the suite's references, and one that differs fails") {
  const Suite suite;
  const ProgramResult equal = suite.test("");
  INFO(equal.out << equal.err);
  CHECK(equal.exit_code == 0);
  CHECK(equal.out == "1 equal, 0 differ, 0 of what the core does not have\n");
  suite.add("wrong-01", 3);
  const ProgramResult differs = suite.test("");
  CHECK(differs.exit_code == 1);
  CHECK(differs.out == "differs: I/wrong-01: 2 lines; \n1 equal, 1 differ, 0 of what the core does not have\n");
}

TEST_CASE("arch-test: with Spike its signatures count, and it runs as the core that the board has") {
  const Suite suite;
  suite.add("other-01", 2);
  const ProgramResult equal = suite.test(suite.spike(kSpikes));
  INFO(equal.out << equal.err);
  CHECK(equal.exit_code == 0);
  CHECK(equal.out == "2 equal, 0 differ, 0 of what the core does not have\n");
  CHECK(suite.asked().find("--isa=rv32imafc_zicsr_zifencei --priv=mu +signature=") == 0);
  const ProgramResult differ = suite.test(suite.spike("0000002b\\n"));
  CHECK(differ.exit_code == 1);
  CHECK(differ.out.find("\n0 equal, 2 differ, 0 of what the core does not have\n") != std::string::npos);
  const ProgramResult silent = suite.test("--spike /bin/false ");
  CHECK(silent.exit_code == 1);
}

TEST_CASE("arch-test: what cannot run says how it is called") {
  const Suite suite;
  for (const char* options : {"--spike", "--unknown ", "--rv64 "}) {
    CAPTURE(options);
    CHECK(run_program(SOURCE_FOLDER "/scripts/arch-test", options).exit_code == 2);
  }
  CHECK(suite.test("--rv64 ").out == "--rv64 needs --spike\n");
  const ProgramResult none = suite.test("", "NoSuchSuite");
  CHECK(none.exit_code == 2);
  CHECK(none.err.find("no programs in ") != std::string::npos);
}
