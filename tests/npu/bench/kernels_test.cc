// The kernel benchmark measures what it says, on a layer that takes no time.
#include <catch2/catch.hpp>

#include "npu/bench/engine_kernels.h"
#include "npu/bench/kernels.h"
#include "npu/bench/timing.h"

namespace backboard::npu {
namespace {

TEST_CASE("Kernel rows name their layer and phase and count every product") {
  KernelOptions options;
  options.filter = "S fc1";
  options.fc_batches = {3};
  options.seconds_per_row = 0;
  std::vector<std::string> seen;
  options.on_row = [&](const KernelRow& row) {
    CHECK(row.gmac_per_s > 0);
    seen.push_back(row.name());
  };
  std::vector<std::string> measured;
  options.on_measure = [&](const KernelRow& row) { measured.push_back(row.phase); };
  const std::vector<KernelRow> rows = measure_kernels(options);
  REQUIRE(rows.size() == 3);
  CHECK(measured == std::vector<std::string>{"FF", "BP", "WG", "FF", "BP", "WG", "FF", "BP", "WG"});  // three rounds
  CHECK(seen == std::vector<std::string>{"lnpu S fc1 FF x3", "lnpu S fc1 BP x3", "lnpu S fc1 WG x3"});
  const char* phases[] = {"FF", "BP", "WG"};
  for (size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i].phase == phases[i]);
    CHECK(rows[i].macs == 3 * 288 * 64);
    CHECK(rows[i].facts.macs == rows[i].macs);
    CHECK(rows[i].facts.slowest_half_cycles > 0);
    CHECK(rows[i].gmac_per_s > 0);
    CHECK(rows[i].ratio == Approx(rows[i].gmac_per_s / rows[i].plain_gmac_per_s));
    // Half of the activations and nine tenths of the errors are zero.
    const double skipped = static_cast<double>(rows[i].facts.macs_skipped) / static_cast<double>(rows[i].macs);
    CHECK(skipped == Approx(i == 0 ? 0.5 : 0.9).margin(0.1));
  }
}

TEST_CASE("Every engine with kernels has its rows") {
  for (const std::string& engine : engines_with_kernels()) {
    EngineKernelOptions options;
    options.filter = engine + " S fc2";
    options.fc_batch = 3;
    options.seconds_per_row = 0;
    const std::vector<EngineKernelRow> rows = measure_engine_kernels(options);
    REQUIRE(rows.size() == 3);
    for (const EngineKernelRow& row : rows) {
      CHECK(row.engine == engine);
      CHECK(row.macs == 3 * 64 * 10);
      CHECK(row.gmac_per_s > 0);
      CHECK(row.count_share > 0);
    }
  }
}

TEST_CASE("Rounds go over the whole table, and a row has the least of its times") {
  struct Row {
    double times[3];
    LeastTime least;
    int round = 0;
  };
  std::vector<Row> rows{{{3, 1, 2}, {}}, {{1, 5, 5}, {}}, {{4, 4, 3}, {}}};
  std::vector<double> done;
  measure_in_rounds(
      rows, 6.0,
      [](Row& row, double seconds) {
        CHECK(seconds == 2.0);
        row.least.take(row.times[row.round++]);
      },
      [&](const Row& row) { done.push_back(row.least.seconds()); });
  CHECK(done == std::vector<double>{1, 1, 3});
}

TEST_CASE("A row below the goal says whether the plain GEMM is, too") {
  KernelRow row;
  row.macs = 40'000;
  row.gmac_per_s = 12;
  row.plain_gmac_per_s = 15;
  CHECK(remark(row, 20) == "below 20, as is the plain GEMM: 0.04 M MAC");
  CHECK(remark(row, 10).empty());
  row.plain_gmac_per_s = 30;
  CHECK(remark(row, 20) == "below 20");
}

TEST_CASE("Unknown vector units are refused") {
  CHECK_FALSE(select_vector_unit("abacus"));
}

}  // namespace
}  // namespace backboard::npu
