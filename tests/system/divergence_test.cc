// Recorded runs of the board: what is written, that recording changes nothing, and where runs part.
#include "platform/run/divergence.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/system/board_run.h"

using namespace backboard;
using namespace backboard::test;

namespace {

const std::string kRecord = "--set record.commands=true ";

ProgramResult divergence(const RunOutcome& a, const RunOutcome& b, const std::string& more = "") {
  return BoardRuns::program("divergence " + a.folder + " " + b.folder + " " + more);
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("recording changes nothing, and runs that must be equal are, command by command") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 3}", 40);
  const RunOutcome plain = runs.run(file, "plain");
  const RunOutcome recorded = runs.run(file, "recorded", kRecord);
  check_same_run(plain, recorded);
  CHECK_FALSE(std::filesystem::exists(plain.folder + "/commands.csv"));
  const RunOutcome cut =
      runs.run(file, "cut", kRecord + "--set compile.tiles.rows=3 --set platform.npu.host_threads=2");
  const ProgramResult same = divergence(recorded, cut, "--bytes");
  INFO(same.out << same.err);
  CHECK(same.exit_code == 0);
  CHECK(says(same.out, "0 of "));
  // Every command of the NPU that writes a tensor has its row.
  const std::vector<CommandRow> rows = read_command_log(recorded.folder + "/commands.csv");
  CHECK(rows.back().command < recorded.stat("npu.commands"));
  CHECK(rows.size() > 100);
  uint64_t last_ps = 0;
  for (const CommandRow& row : rows) {
    if (row.start_ps < last_ps || row.end_ps <= row.start_ps) FAIL("command " << row.command << " out of order");
    last_ps = row.start_ps;
  }
}

TEST_CASE("another learning rate parts where weights are first updated, and elements say by how much") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, learning_rate: 0.02}", 32);
  const std::string reference = kRecord + "--set platform.npu.engine=reference ";
  const RunOutcome a = runs.run(file, "a", reference);
  const RunOutcome b = runs.run(file, "b", reference + "--set training.learning_rate=0.04");
  const std::string json = runs.path("result.json");
  const ProgramResult found = divergence(a, b, "--json " + json);
  INFO(found.out << found.err);
  CHECK(found.exit_code == 1);
  const auto parting = nlohmann::json::parse(read_text(json)).at("partings").at(0);
  CHECK(parting["a"]["layer"] == "fc2");
  CHECK(says(parting["a"]["opcode"].get<std::string>(), "_WG"));
  CHECK(says(parting["tensor"].get<std::string>(), "fc2."));
  CHECK(parting["occurrence"] == 1);
  const std::string command = std::to_string(parting["a"]["command"].get<unsigned>());
  const std::string tensors = "--set record.tensors_count=1 --set record.tensors_first=" + command;
  const RunOutcome c = runs.run(file, "c", reference + tensors);
  const RunOutcome d = runs.run(file, "d", reference + tensors + " --set training.learning_rate=0.04");
  const ProgramResult closer = divergence(c, d);
  CHECK(says(closer.out, "largest difference at ("));
  CHECK_FALSE(says(closer.out, "at least"));
  CHECK(divergence(c, d, "--tolerance 1000").exit_code == 0);
}

TEST_CASE("a group's results that stay on chip have no row, and rows and whole maps record the same bytes") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, max_steps: 2}", 32);
  const std::string rowpipe = kRecord + "--set platform.npu.engine=rowpipe --set policy=last:1 ";
  const RunOutcome rows = runs.run(file, "rows", rowpipe);
  const RunOutcome maps = runs.run(file, "maps", rowpipe + "--set platform.npu.rowpipe.buffering=maps");
  CHECK(rows.stat("npu.cycles.banks") > 0);
  const ProgramResult same = divergence(rows, maps, "--bytes");
  INFO(same.out << same.err);
  CHECK(same.exit_code == 0);
  // Of a group of layers the last one's result goes to memory: no row of net S's first convolution, some of its head.
  const std::vector<CommandRow> log = read_command_log(rows.folder + "/commands.csv");
  const auto forward_rows = [&](const std::string& layer) {
    return std::count_if(log.begin(), log.end(),
                         [&](const CommandRow& row) { return row.layer == layer && says(row.opcode, "_FF"); });
  };
  CHECK(forward_rows("conv1") == 0);
  CHECK(forward_rows("fc2") > 0);
}

TEST_CASE("lnpu and reference are compared by values: the input parts by the rounding of its format") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, max_steps: 1}", 16);
  const RunOutcome lnpu = runs.run(file, "lnpu", kRecord);
  const RunOutcome reference = runs.run(file, "reference", kRecord + "--set platform.npu.engine=reference");
  const ProgramResult first = divergence(reference, lnpu);
  INFO(first.out << first.err);
  CHECK(first.exit_code == 1);
  CHECK(says(first.out, "FP32"));
  CHECK(divergence(reference, lnpu, "--tolerance 0.2").exit_code == 0);
  CHECK(divergence(reference, lnpu, "--bytes --tolerance 0.2").exit_code == 2);
}
