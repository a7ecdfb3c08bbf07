// The independent checker over every command of the whole demo (label slow: three subsets, four ways, `at`).
#include <catch2/catch.hpp>

#include "tests/system/board_run.h"

using namespace backboard::test;

TEST_CASE("the whole demo at timing at breaks no rule of the memory's standard and forgets no cache maintenance") {
  const BoardRuns runs;
  const RunOutcome demo = runs.run(SOURCE_FOLDER "/configs/runs/adapt_optdigits.yaml", "demo",
                                   "--set platform.timing=at --set platform.dram.check_commands=true");
  INFO(demo.program.err);
  REQUIRE(demo.exit_code() == 0);
  unsigned points = 0;
  for (const std::string variant : {"lnpu", "reference", "last2", "last1"}) {
    for (const std::string subset : {"subset1", "subset2", "subset3"}) {
      INFO(variant << " " << subset);
      const RunOutcome point = read_outcome(demo.folder + "/" + variant + "/" + subset);
      REQUIRE_FALSE(point.summary.is_null());
      // A broken rule, or bytes that are lost between the initiators and the memory, would stand here.
      CHECK(point.summary["failures"].empty());
      CHECK(point.summary["findings"] == 0);
      CHECK(point.summary["training"]["epochs"] == 20);
      // Every burst that the memory moved is a command that the checker saw.
      const uint64_t checked = point.stat("dram.commands.read") + point.stat("dram.commands.write");
      CHECK(point.stat("dram.checked_commands") >= checked + point.stat("dram.commands.activate"));
      CHECK(checked == point.stat("dram.read_bursts") + point.stat("dram.write_bursts"));
      CHECK(checked > 1'000'000);
      ++points;
    }
  }
  CHECK(points == 12);
}
