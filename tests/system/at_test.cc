// `timing: at`: the same training as `lt`, other times, and what only the command-level memory can say.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <tuple>

#include "tests/system/board_run.h"

using namespace backboard::test;

namespace {

const std::string kAt = " --set platform.timing=at ";

/// Bytes of the NPU by layer, phase and tensor class.
std::map<std::tuple<std::string, std::string, std::string>, std::pair<uint64_t, uint64_t>> npu_rows(
    const RunOutcome& run) {
  std::map<std::tuple<std::string, std::string, std::string>, std::pair<uint64_t, uint64_t>> rows;
  for (const TrafficLine& line : run.traffic_lines()) {
    if (line.initiator == "npu")
      rows[{line.layer, line.phase, line.tensor_class}] = {line.read_bytes, line.write_bytes};
  }
  return rows;
}

uint64_t bytes_of(const RunOutcome& run, const std::string& initiator) {
  uint64_t bytes = 0;
  for (const TrafficLine& line : run.traffic_lines()) {
    if (line.initiator.substr(0, initiator.size()) == initiator) bytes += line.bytes();
  }
  return bytes;
}

}  // namespace

TEST_CASE("lt and at train the same weights with the same NPU bytes, and their times agree within 10 %") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 2, batch: 16, shuffle: 1}", 48);
  for (const std::string engine : {"lnpu", "reference"}) {
    INFO(engine);
    const std::string set = "--set platform.bus.command_traffic=true --set platform.npu.engine=" + engine;
    const RunOutcome lt = runs.run(file, "lt", set);
    const RunOutcome at = runs.run(file, "at", set + kAt + "--set platform.dram.check_commands=true");
    INFO(at.program.err);
    REQUIRE(lt.exit_code() == 0);
    REQUIRE(at.exit_code() == 0);
    check_same_training(lt, at);
    CHECK(npu_rows(lt) == npu_rows(at));
    CHECK(lt.stat("npu.read_bytes") == at.stat("npu.read_bytes"));
    CHECK(lt.stat("npu.write_bytes") == at.stat("npu.write_bytes"));
    CHECK(lt.stat("npu.commands") == at.stat("npu.commands"));
    const auto lt_cpu = static_cast<double>(bytes_of(lt, "core")), at_cpu = static_cast<double>(bytes_of(at, "core"));
    CHECK(at_cpu == Approx(lt_cpu).epsilon(0.01));
    const auto lt_ps = static_cast<double>(lt.simulated_ps()), at_ps = static_cast<double>(at.simulated_ps());
    INFO("lt " << lt_ps / 1e9 << " ms, at " << at_ps / 1e9 << " ms");
    CHECK(at_ps == Approx(lt_ps).epsilon(0.10));
    // Not only in sum: each command moved the same bytes of each tensor class.
    const std::string commands = read_text(at.folder + "/traffic_commands.csv");
    CHECK(std::count(commands.begin(), commands.end(), '\n') > 50);
    CHECK((commands == read_text(lt.folder + "/traffic_commands.csv")));
    // Energy of the closed form beside that of the commands.
    for (const std::string cause : {"activate", "precharge", "read", "write", "refresh", "background", "total"}) {
      INFO(cause);
      const auto of = [&](const RunOutcome& run) {
        return run.stats.at("dram.energy." + cause).at("value").get<double>();
      };
      CHECK(of(lt) > 0);
      CHECK(of(lt) == Approx(of(at)).epsilon(0.10));
    }
    // Bytes at the NPU, at the bus and at the memory; the whole law is checked by the run itself.
    CHECK(at.stat("bus.requests.npu.read_bytes") == at.stat("npu.read_bytes"));
    CHECK(at.stat("dram.by.npu.read_bytes") == at.stat("npu.read_bytes"));
    CHECK(at.stat("dram.by.npu.write_bytes") == at.stat("npu.write_bytes"));
    // The core's caches read whole lines.
    CHECK(at.stat("dram.by.npu.read_bursts") + at.stat("dram.by.dma.read_bursts") +
              at.stat("dram.by.core_code.read_bursts") + at.stat("dram.by.core_data.read_bursts") ==
          at.stat("dram.commands.read"));
    CHECK(at.stat("dram.commands.refresh_all") == at.simulated_ps() / 625 / 6246);
  }
}

TEST_CASE("a run in at is the same each time, over quanta and host threads") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 1}", 32);
  const RunOutcome first = runs.run(file, "first", kAt);
  REQUIRE(first.exit_code() == 0);
  check_same_run(first, runs.run(file, "second", kAt));
  check_same_run(first, runs.run(file, "threads", kAt + "--set platform.npu.host_threads=2"));
  check_same_run(first, runs.run(file, "quantum", kAt + "--set platform.core.quantum='1 us'"));
  // Every load and store of the core through the command-level memory, among the NPU's requests.
  const std::string no_direct = kAt +
                                "--set platform.core.direct_memory=false --set platform.core.dcache.enabled=false "
                                "--set platform.core.icache.enabled=false ";
  const RunOutcome accesses = runs.run(file, "accesses", no_direct + "--set platform.dram.check_commands=true");
  REQUIRE(accesses.exit_code() == 0);
  CHECK(accesses.stat("dram.by.core_data.reads") > 10'000);
  CHECK(accesses.stat("dram.by.core_data.read_bursts") >= accesses.stat("dram.by.core_data.reads"));
  check_same_training(first, accesses);
  check_same_run(accesses,
                 runs.run(file, "accesses_quantum",
                          no_direct + "--set platform.dram.check_commands=true --set platform.core.quantum='1 us'"));
}

TEST_CASE("another part, of which the board sees a window, trains the same at both levels") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 1}", 32);
  const std::string ddr4 = SOURCE_FOLDER "/configs/memory/ddr4-2400.yaml";
  const std::string wrapped =
      runs.write("ddr4.yaml", "extends: " + file + "\nplatform:\n  dram: {memory: {extends: " + ddr4 + "}}\n");
  const RunOutcome lt = runs.run(wrapped, "lt"),
                   at = runs.run(wrapped, "at", kAt + "--set platform.dram.check_commands=true");
  INFO(at.program.err);
  REQUIRE(lt.exit_code() == 0);
  REQUIRE(at.exit_code() == 0);
  check_same_training(lt, at);
  check_same_training(lt, runs.run(file, "lpddr4"));
  CHECK(npu_rows(lt) == npu_rows(at));
  CHECK(at.stats.contains("dram.channel0.bank15.reads"));
  CHECK(at.stat("dram.energy.modelled") == 1);
  const auto total = [](const RunOutcome& run) { return run.stats.at("dram.energy.total").at("value").get<double>(); };
  CHECK(total(lt) == Approx(total(at)).epsilon(0.10));
  // One whose data sheet was not found computes none, and says so.
  const std::string lpddr5 = SOURCE_FOLDER "/configs/memory/lpddr5-6400.yaml";
  const RunOutcome silent = runs.run(
      runs.write("lpddr5.yaml", "extends: " + file + "\nplatform:\n  dram: {memory: {extends: " + lpddr5 + "}}\n"),
      "lpddr5", kAt);
  check_same_training(at, silent);
  CHECK(silent.stat("dram.energy.modelled") == 0);
  CHECK_FALSE(silent.stats.contains("dram.energy.total"));
}

TEST_CASE(
    "ECC and power-down change times, bursts and energy, never results, and wrong bits show where nothing corrects "
    "them") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 1}", 32);
  const std::string controller = "--set platform.dram.check_commands=true --set platform.dram.memory.controller.";
  const auto energy = [](const RunOutcome& run, const std::string& cause) {
    return run.stats.at("dram.energy." + cause).at("value").get<double>();
  };
  const RunOutcome plain = runs.run(file, "plain", kAt);
  const RunOutcome down = runs.run(file, "down", kAt + controller + "power_down=idle");
  INFO(down.program.err);
  check_same_training(plain, down);
  CHECK(down.stat("dram.commands.power_down") > 100);
  CHECK(energy(down, "background") < energy(plain, "background"));
  CHECK(plain.stat("dram.commands.power_down") == 0);
  CHECK(down.simulated_ps() >= plain.simulated_ps());
  // One wrong bit in the firmware's first line is corrected; check bytes cost bursts, told apart by initiator.
  const std::string wrong = " --set 'platform.dram.bit_errors=[{offset: 8, bits: ";
  const RunOutcome ecc = runs.run(file, "ecc", kAt + controller + "ecc=in_line" + wrong + "1}]'");
  INFO(ecc.program.err);
  check_same_training(plain, ecc);
  CHECK(ecc.stat("dram.ecc.corrected") > 0);
  CHECK(ecc.stat("dram.by.npu.read_bursts") == plain.stat("dram.by.npu.read_bursts"));
  CHECK(ecc.stat("dram.by.npu.ecc_read_bursts") >= ecc.stat("dram.by.npu.read_bursts") / 8);
  CHECK(ecc.stat("dram.commands.read") == ecc.stat("dram.read_bursts") + ecc.stat("dram.ecc_read_bursts"));
  CHECK(ecc.stat("dram.commands.write") == ecc.stat("dram.write_bursts") + ecc.stat("dram.ecc_write_bursts"));
  CHECK(ecc.simulated_ps() > plain.simulated_ps());
  CHECK(runs.run(file, "two", kAt + controller + "ecc=in_line" + wrong + "2}]'").exit_code() == 1);
  CHECK(runs.run(file, "lt_ecc", controller.substr(controller.rfind("--set")) + "ecc=in_line").exit_code() == 2);
  CHECK(runs.run(file, "lt_down", controller.substr(controller.rfind("--set")) + "power_down=idle").exit_code() == 2);
  CHECK(runs.run(file, "lt_bits", wrong + "1}]'").exit_code() == 2);
}

TEST_CASE("a request that the memory never answers ends the run with exit code 1, named, alone and beside a camera") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16}", 16);
  const std::string camera =
      " --set platform.bus.starvation='100 us' --set 'platform.traffic=[{name: camera, kind: camera, "
      "base: 0x8E000000, size: 4 MiB, frame: {}}]'";
  for (const std::string& more : {std::string(), camera}) {
    INFO(more);
    const RunOutcome run = runs.run(file, "stuck", kAt + "--set platform.dram.lose_request=9000" + more);
    CHECK(run.exit_code() == 1);
    CHECK(run.summary["failures"].size() >= 1);
    CHECK_THAT(run.program.err, Catch::Contains("bytes at 0x8") && Catch::Contains("is never answered"));
  }
  // One of the core, which cannot give up.
  const RunOutcome core = runs.run(file, "core", kAt + "--set platform.dram.lose_request=3");
  CHECK(core.exit_code() == 1);
  CHECK(core.summary["stop"] == "deadlock");
  const std::string reason = core.summary["reason"];
  CHECK_THAT(reason, Catch::Contains("by core_") && Catch::Contains("is never answered"));
  const RunOutcome lt = runs.run(file, "lt", "--set platform.dram.lose_request=9000");
  CHECK(lt.exit_code() == 2);
}

TEST_CASE("larger bursts and other policies change times and commands, never bytes or weights") {
  const BoardRuns runs;
  const std::string file = runs.small_run("{epochs: 1, batch: 16, shuffle: 1}", 32);
  const RunOutcome plain = runs.run(file, "plain", kAt);
  REQUIRE(plain.exit_code() == 0);
  for (const std::string set :
       {"--set platform.npu.dma.burst=2048", "--set platform.dram.memory.controller.scheduler=frfcfs_grouped",
        "--set platform.dram.memory.controller.page=adaptive --set platform.dram.memory.controller.refresh=per_bank",
        "--set platform.bus.arbitration=weighted --set platform.bus.latency=7"}) {
    INFO(set);
    const RunOutcome other = runs.run(file, "other", kAt + "--set platform.dram.check_commands=true " + set);
    INFO(other.program.err);
    REQUIRE(other.exit_code() == 0);
    check_same_training(plain, other);
    CHECK(npu_rows(plain) == npu_rows(other));
    CHECK(plain.simulated_ps() != other.simulated_ps());
  }
}
