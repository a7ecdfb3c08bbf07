// Lists of commands, and where two of them part.
#include "platform/run/divergence.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <limits>

#include "platform/check/input_error.h"
#include "platform/config/atomic_file.h"
#include "sw/npz/npz.h"
#include "tests/support/program.h"

using namespace backboard;
using namespace backboard::test;

namespace {

const std::string kHeader =
    "command,opcode,layer,start_ps,end_ps,tensor,class,format,shape,bytes_digest,values_digest,norm,largest,"
    "nonfinite\n";

std::string row(unsigned command, const std::string& tensor, const std::string& bytes, const std::string& values,
                const std::string& measures = "2,1,0", const std::string& format = "FP32") {
  return std::to_string(command) + ",CONV_FF,conv1,10,20," + tensor + ",ACTIVATION," + format + ",1x1x2x2," + bytes +
         "," + values + "," + measures + "\n";
}

/// Folders a and b with lists of these rows.
struct TwoRuns {
  TwoRuns(const std::string& rows_a, const std::string& rows_b) {
    write_file_atomically(a() + "/commands.csv", std::string_view(kHeader + rows_a));
    write_file_atomically(b() + "/commands.csv", std::string_view(kHeader + rows_b));
  }
  std::string a() const { return folder.path("a"); }
  std::string b() const { return folder.path("b"); }
  Divergence compare(const DivergenceRule& rule = {}, size_t list = 1) const {
    return compare_runs(a(), b(), rule, list);
  }
  /// The tensor that `command` wrote as "x".
  void record(const std::string& run, uint64_t command, const std::vector<float>& values) const {
    CommandRow of;
    of.command = command;
    of.tensor = "x";
    write_file_atomically(folder.path(run) + "/" + tensor_file(of), write_npy(Array::of_floats({1, 1, 2, 2}, values)));
  }
  TemporaryFolder folder;
};

}  // namespace

TEST_CASE("a tensor's n-th writing is compared with its n-th, whatever commands lie between") {
  const TwoRuns runs(row(0, "x", "1", "1") + row(1, "y", "2", "2") + row(2, "x", "3", "3") + row(3, "y", "4", "4"),
                     row(0, "extra", "9", "9") + row(5, "y", "2", "2") + row(7, "x", "1", "1") + row(9, "x", "8", "8") +
                         row(11, "y", "4", "4"));
  const Divergence found = runs.compare();
  CHECK(found.compared == 4);
  CHECK(found.parted == 1);
  CHECK(found.only_a == 0);
  CHECK(found.only_b == 1);
  REQUIRE(found.partings.size() == 1);
  CHECK(found.partings[0].a.tensor == "x");
  CHECK(found.partings[0].occurrence == 2);
  CHECK(found.partings[0].a.command == 2);
  CHECK(found.partings[0].b.command == 9);
  const std::string report = divergence_report(found, {});
  CHECK(report.find("x (written the 2. time) parts") == 0);
  CHECK(report.find("A: command 2, CONV_FF of layer conv1") != std::string::npos);
  CHECK(report.find("record command 2 of A and 9 of B") != std::string::npos);
}

TEST_CASE("equal values in another format are equal, unless bytes are asked for") {
  const TwoRuns runs(row(0, "x", "1", "5"), row(0, "x", "2", "5", "2,1,0", "FP16"));
  CHECK(runs.compare().parted == 0);
  CHECK(runs.compare().other_bytes == 1);
  CHECK(runs.compare({.bytes = true}).parted == 1);
}

TEST_CASE("without tensors the norms bound the difference from below") {
  const TwoRuns near(row(0, "x", "1", "1", "2,1,0"), row(0, "x", "2", "2", "2.02,1,0"));
  CHECK(near.compare().parted == 1);
  CHECK(near.compare({.tolerance = 0.02}).parted == 0);
  CHECK(near.compare({.tolerance = 0.005}).partings.at(0).difference == Approx(0.01));
  CHECK_FALSE(near.compare().partings.at(0).by_elements);
  const TwoRuns infinite(row(0, "x", "1", "1", "2,1,0"), row(0, "x", "2", "2", "2,1,1"));
  CHECK(infinite.compare({.tolerance = 1e20}).parted == 1);
}

TEST_CASE("recorded tensors are compared by their elements") {
  const TwoRuns runs(row(4, "x", "1", "1"), row(6, "x", "2", "2"));
  runs.record("a", 4, {1, 2, -4, 0});
  runs.record("b", 6, {1, 2.5f, -4.25f, 0});
  const Divergence found = runs.compare();
  REQUIRE(found.partings.size() == 1);
  CHECK(found.partings[0].by_elements);
  CHECK(found.partings[0].difference == 0.125);  // 0.5 of 4
  CHECK(found.partings[0].element == "(0, 0, 0, 1) 2 and 2.5");
  CHECK(runs.compare({.tolerance = 0.125}).parted == 0);
  runs.record("b", 6, {1, 2, -4, std::numeric_limits<float>::quiet_NaN()});
  CHECK(runs.compare({.tolerance = 1e20}).parted == 1);
}

TEST_CASE("what is no list of commands is refused with file and line") {
  const TwoRuns runs(row(0, "x", "1", "1"), row(0, "y", "1", "1"));
  CHECK_THROWS_AS(runs.compare(), InputError);  // nothing in common
  CHECK_THROWS_WITH(compare_runs(runs.a(), runs.folder.path("none"), {}, 1), Catch::Contains("record.commands=true"));
  for (const std::string bad : {"0,CONV_FF\n", "x,CONV_FF,conv1,10,20,x,ACTIVATION,FP32,1x1x2x2,1,1,2,1,0\n",
                                "0,CONV_FF,conv1,10,20,x,ACTIVATION,FP32,1x1x2x2,1,1,2,1,0,9\n",
                                "0,CONV_FF,conv1,10,20,x,ACTIVATION,FP32,1x1x2x2,1,1,two,1,0\n"}) {
    const TwoRuns damaged(row(0, "x", "1", "1") + bad, row(0, "x", "1", "1"));
    CHECK_THROWS_WITH(damaged.compare(), Catch::Contains("commands.csv:3: "));
  }
  write_file_atomically(runs.a() + "/commands.csv", std::string_view("other\n"));
  CHECK_THROWS_WITH(runs.compare(), Catch::Contains("commands.csv:1: is no list of commands"));
}

TEST_CASE("a list of commands that cannot be written says why") {
  const TemporaryFolder folder;
  const auto nothing = [](uint32_t, std::span<uint8_t>) { return false; };
  CHECK_THROWS_WITH(CommandLog(RecordConfig{}, folder.path("none"), nullptr, nothing, 0),
                    Catch::EndsWith("commands.csv: cannot be written: No such file or directory"));
  std::filesystem::create_directories(folder.path("commands.csv"));
  CommandLog log(RecordConfig{}, folder.path(""), nullptr, nothing, 0);
  CHECK_THROWS_WITH(log.finish(), Catch::EndsWith("commands.csv: cannot be written: Is a directory"));
}
