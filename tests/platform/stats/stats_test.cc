#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "platform/stats/stats_writer.h"
#include "platform/stats/time_bins.h"
#include "platform/stats/traffic_table.h"

using namespace backboard;

TEST_CASE("statistics are written by dotted path with unit and description") {
  StatsTree tree;
  const StatsWriter npu(tree, "npu");
  npu.counter("commands", 12, "commands", "Commands completed");
  npu.part("dma").counter("read_bytes", uint64_t{1} << 63, "bytes", "Bytes read");
  npu.ratio("utilisation", 1, 4, "%", "Busy share");
  npu.ratio("empty", 1, 0, "1", "Nothing happened");
  const auto json = nlohmann::json::parse(tree.json());
  CHECK(json["npu.commands"]["value"] == 12);
  CHECK(json["npu.commands"]["unit"] == "commands");
  CHECK(json["npu.commands"]["description"] == "Commands completed");
  CHECK(json["npu.dma.read_bytes"]["value"] == uint64_t{1} << 63);
  CHECK(json["npu.utilisation"]["value"] == 25.0);
  CHECK(json["npu.empty"]["value"] == 0.0);
  CHECK(tree.counter("npu.commands") == 12);
  CHECK(tree.counter("npu.nothing") == 0);
}

namespace {
constexpr Attribution kWeights{Initiator::npu, Phase::kFF, TensorClass::kWEIGHT, 3, 7};
constexpr Attribution kCode{Initiator::core_code, Phase::kCODE, TensorClass::kNONE, 0xffff, 0};
}  // namespace

TEST_CASE("traffic adds up by owner, whatever the command and the order of accesses") {
  TrafficTable first;
  first.record(kWeights, BusOp::read, 64);
  first.record(kCode, BusOp::read, 4);
  Attribution later = kWeights;
  later.command = 8;
  first.record(later, BusOp::read, 32);
  first.record(later, BusOp::write, 16);
  TrafficTable second;
  second.record(later, BusOp::write, 16);
  second.record(kWeights, BusOp::read, 96, 2);
  second.record(kCode, BusOp::read, 4);
  CHECK(first.csv() == second.csv());
  CHECK(first.csv() ==
        "initiator,layer,name,phase,tensor_class,read_bytes,write_bytes,reads,writes\n"
        "core_code,-,,CODE,NONE,4,0,1,0\n"
        "npu,3,,FF,WEIGHT,96,16,2,1\n");
  const std::vector<std::string> names = {"conv1", "relu1", "pool1", "fc,\"1"};
  CHECK(first.csv(names).find("\nnpu,3,fc__1,FF,WEIGHT,96,16,2,1\n") != std::string::npos);
  CHECK(first.csv(names).find("\ncore_code,-,,CODE") != std::string::npos);
  CHECK(first.csv(std::span(names).first(3)) == first.csv());
  CHECK(first.sum_of(Initiator::npu).read_bytes == 96);
  CHECK(first.sum_of(Initiator::dma).reads == 0);
}

TEST_CASE("a byte that the memory counted and nobody owns is reported") {
  TrafficTable table;
  table.record(kWeights, BusOp::read, 64);
  table.record(kWeights, BusOp::write, 8);
  CHECK_FALSE(table.conservation_error(64, 8).has_value());
  CHECK(table.conservation_error(65, 8)->find("65") != std::string::npos);
  CHECK(table.conservation_error(64, 7).has_value());
}

TEST_CASE("a saved traffic table goes on where it was") {
  TrafficTable table;
  table.record(kWeights, BusOp::read, 64);
  table.record(kCode, BusOp::read, 4);
  StateArchive out;
  table.state(out);
  TrafficTable restored;
  restored.record(kCode, BusOp::write, 999);
  StateArchive in(out.bytes(), "test");
  restored.state(in);
  CHECK(restored.csv() == table.csv());
  table.record(kWeights, BusOp::read, 1);
  restored.record(kWeights, BusOp::read, 1);
  CHECK(restored.csv() == table.csv());
}

TEST_CASE("amounts over time lie in bins, are spread over a duration, and merge when there are too many") {
  TimeBins<double, 1> bins(100);
  bins.add(0, 5.0, 99);
  bins.spread(0, 10.0, 50, 150);  // half of it in either bin
  bins.spread(0, 3.0, 120, 120);
  REQUIRE(bins.bins().size() == 2);
  CHECK(bins.bins()[0][0] == Approx(10.0));
  CHECK(bins.bins()[1][0] == Approx(8.0));
  bins.spread(0, 4.0, 100, 200);  // ends where a bin ends: nothing in the next one
  CHECK(bins.bins().size() == 2);
  CHECK(bins.bins()[1][0] == Approx(12.0));
  bins.add(0, 1.0, 100 * TimeBins<double, 1>::kMostBins);
  CHECK(bins.width_ps() == 200);
  CHECK(bins.bins().size() == TimeBins<double, 1>::kMostBins / 2 + 1);
  CHECK(bins.bins()[0][0] == Approx(22.0));
}
