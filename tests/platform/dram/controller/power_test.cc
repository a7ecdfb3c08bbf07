// Power-down: when it comes, what it delays, what it saves; masked writes; energy recomputed from the commands.
#include <catch2/catch.hpp>

#include "platform/dram/checker/checker.h"
#include "tests/platform/dram/recomputed_energy.h"
#include "tests/platform/dram/target/bench.h"

namespace backboard::dram {
namespace {

constexpr uint64_t kClockPs = 625;

TEST_CASE("a rank is powered down after so many idle clocks, with its row open, and a read then waits for XP") {
  TargetBench bench(part("lpddr4-3200", {"controller.power_down=idle", "controller.power_down_after=100"}));
  bench.submit(BusOp::read, 0, 32, 0);
  bench.run();
  CHECK(bench.answers[0].second == 75 * kClockPs);
  bench.queue.run_until(400 * kClockPs);
  bench.submit(BusOp::read, 32, 32, 1);
  bench.run();
  bench.target.settle(1000 * kClockPs);
  // Closed at first: opened at 1, read at 30. 100 clocks on the clock enable falls; it rises a clock after the request.
  const std::vector<IssuedCommand> expected = {
      {1, Command::activate, 0, 0, 0},   {30, Command::read, 0, 0, 0},   {130, Command::power_down, 0, 0, 0},
      {401, Command::power_up, 0, 0, 0}, {413, Command::read, 0, 0, 16}, {513, Command::power_down, 0, 0, 0}};
  CHECK(bench.commands == expected);
  // An open row's 46 clocks, and XP 12.
  CHECK(bench.answers[1].second == (400 + 46 + 12) * kClockPs);
  const EnergyFacts facts = bench.target.energy_facts(0, 1000);
  CHECK(facts.active_down_clocks == (401 - 130) + (1000 - 513));
  CHECK(facts.idle_down_clocks == 0);
  CHECK(facts.rank_active_clocks + facts.active_down_clocks == 1000 - 1);
  CHECK(facts.bank_active_clocks == facts.rank_active_clocks);  // one bank
}

TEST_CASE("a refresh ends power-down at its time and closes the rows, and the rank is powered down again behind it") {
  TargetBench bench(part("lpddr4-3200", {"controller.power_down=idle", "controller.power_down_after=0"}));
  bench.submit(BusOp::read, 0, 32, 0);
  bench.run();
  bench.target.settle(3 * 6246 * kClockPs);
  CHECK(check_commands(bench.config, bench.commands).empty());
  std::vector<std::pair<uint64_t, Command>> around;
  for (const IssuedCommand& c : bench.commands) {
    if (c.clock >= 6246 && c.clock < 12'000) around.push_back({c.clock, c.command});
  }
  // Up when due, XP 12 later all banks close, RPab 34 later the refresh; quiet when it is over, 448 on.
  CHECK(around == std::vector<std::pair<uint64_t, Command>>{{6246, Command::power_up},
                                                            {6258, Command::precharge_all},
                                                            {6292, Command::refresh_all},
                                                            {6740, Command::power_down}});
  const EnergyFacts facts = bench.target.energy_facts(0, 3 * 6246);
  // From the start until the first request's 12 clocks of CKE are over, then between refreshes.
  CHECK(facts.idle_down_clocks == 12 + (2 * 6246 - 6740) + (3 * 6246 - (2 * 6246 + 12 + 448)));
}

TEST_CASE("energy recomputed from the command list is the meter's within 0.1 %, with and without power-down") {
  const std::pair<const char*, const char*> cases[] = {
      {"lpddr4-3200", "drampower"}, {"lpddr4-3200", "open_rows"}, {"ddr4-2400", "open_rows"}};
  for (const auto& [name, standby] : cases) {
    double energies[2] = {};
    for (const bool power_down : {false, true}) {
      CAPTURE(name, standby, power_down);
      TargetBench bench(part(name, {std::string("controller.power_down=") + (power_down ? "idle" : "off"),
                                    "controller.power_down_after=40", std::string("standby=") + standby}));
      SplitMix random(11);
      for (RequestTag tag = 0; tag < 600; ++tag) {
        const uint64_t r = random.next();
        bench.queue.run_until(bench.queue.now_ps() + r % 4'000'000);
        bench.submit((r >> 20 & 1) != 0 ? BusOp::write : BusOp::read, (r >> 32) % (TargetBench::kWindow - 300),
                     static_cast<uint32_t>(1 + (r >> 24) % 256), tag);
      }
      bench.run();
      const uint64_t end_ps = bench.queue.now_ps() + 10'000'000;
      bench.target.settle(end_ps);
      const uint64_t end = bench.target.clock_reached(end_ps);
      CHECK(check_commands(bench.config, bench.commands).empty());
      CHECK((bench.count(Command::power_down) > 100) == power_down);
      energies[power_down] = bench.target.energy(end).total();
      // A row that is opened before a refresh has been over for tRFC counts twice in the meter, as in DRAMPower.
      CHECK(energies[power_down] == Approx(recomputed_energy(bench.config, bench.commands, end)).epsilon(0.001));
    }
    // Most of the time nothing is to do. I3P is 0.3 of I3N on LPDDR4, and 0.86 on DDR4.
    CHECK(energies[1] < (std::string(name) == "ddr4-2400" ? 0.93 : 0.6) * energies[0]);
  }
}

TEST_CASE("a target powered down is saved and restored as such") {
  const MemoryConfig config = part("lpddr4-3200", {"controller.power_down=idle"});
  TargetBench first(config), second(config);
  first.submit(BusOp::read, 0, 32, 0);
  first.run();
  first.target.settle(1000 * kClockPs);
  REQUIRE(first.commands.back().command == Command::power_down);
  first.queue.run_until(1000 * kClockPs);
  StateArchive saved;
  first.target.state(saved);
  first.queue.state(saved);
  StateArchive restored(saved.bytes(), "test");
  second.target.state(restored);
  second.queue.state(restored);
  second.commands = first.commands;
  for (TargetBench* bench : {&first, &second}) {
    bench->submit(BusOp::read, 64, 32, 1);
    bench->run();
    bench->target.settle(20'000 * kClockPs);
  }
  CHECK(first.commands == second.commands);
  CHECK(first.answers[1] == second.answers[1]);
  CHECK(first.target.energy(20'000).total() == second.target.energy(20'000).total());
}

TEST_CASE("partial writes of a bank keep CCDMW on LPDDR4, and are plain writes with data masks on DDR4") {
  struct Case {
    const char* name;
    uint64_t first, gap;  ///< the second write's distance
    Command command;
  };
  for (const Case& c : {Case{"lpddr4-3200", 32, 32, Command::write_masked}, Case{"ddr4-2400", 64, 6, Command::write}}) {
    CAPTURE(c.name);
    TargetBench bench(part(c.name));
    bench.submit(BusOp::write, 0, static_cast<uint32_t>(c.first), 0);  // whole
    bench.submit(BusOp::write, c.first, 8, 1, 1000);                   // a part of the next burst
    bench.submit(BusOp::write, 2 * c.first, 8, 2, 2000);
    bench.run();
    std::vector<uint64_t> clocks;
    for (const IssuedCommand& command : bench.commands) {
      if (is_column(command.command)) clocks.push_back(command.clock);
    }
    REQUIRE(clocks.size() == 3);
    CHECK(bench.commands[1].command == Command::write);
    CHECK(bench.commands[2].command == c.command);
    CHECK(clocks[1] - clocks[0] == c.gap);
    CHECK(clocks[2] - clocks[1] == c.gap);
    CHECK(bench.target.counters().masked_writes == (c.command == Command::write_masked ? 2 : 0));
  }
}

}  // namespace
}  // namespace backboard::dram
