#include "platform/findings/finding_log.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace backboard;

namespace {
Finding read_only_write(uint64_t time_ps) {
  Finding finding;
  finding.time_ps = time_ps;
  finding.block = "npu";
  finding.reg = "NPU_ID";
  finding.address = 0x10010000;
  finding.reason = "write to a read-only register";
  return finding;
}
}  // namespace

TEST_CASE("a finding says time, register, reason, address, pc, function and line, once") {
  FindingLog log;
  std::vector<std::string> lines;
  log.set_printer([&](const std::string& line) { lines.push_back(line); });
  log.set_pc_source([] { return std::optional<uint64_t>(0x80000010); });
  log.set_locator([](uint64_t pc) { return CodePlace{pc == 0x80000010 ? "main" : "?", "main.c:12"}; });
  log.report(read_only_write(12'345'000));
  log.report(read_only_write(99'000'000));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] ==
        "finding: 12.345 us: npu.NPU_ID: write to a read-only register (address 0x10010000, pc 0x80000010) in main "
        "(main.c:12)");
  REQUIRE(log.entries().size() == 1);
  CHECK(log.entries()[0].count == 2);
  CHECK(log.total() == 2);
  const auto json = nlohmann::json::parse(log.json());
  CHECK(json["total"] == 2);
  CHECK(json["findings"][0]["pc"] == "0x80000010");
  CHECK(json["findings"][0]["register"] == "NPU_ID");
  CHECK(json["findings"][0]["count"] == 2);
}

TEST_CASE("the core's pc is not put on what the NPU did") {
  FindingLog log;
  log.set_pc_source([] { return std::optional<uint64_t>(0x80000010); });
  Finding finding = read_only_write(0);
  finding.initiator = Initiator::npu;
  log.report(finding);
  CHECK(log.entries()[0].first.pc == Finding::kNowhere);
}

TEST_CASE("kinds of findings above the limit are counted and announced once") {
  FindingLog log(2);
  unsigned lines = 0;
  log.set_printer([&](const std::string&) { ++lines; });
  for (uint64_t pc = 0; pc < 10; ++pc) {
    Finding finding = read_only_write(0);
    finding.pc = pc;
    log.report(finding);
  }
  CHECK(log.entries().size() == 2);
  CHECK(log.not_listed() == 8);
  CHECK(log.total() == 10);
  CHECK(lines == 3);
}

TEST_CASE("a restored log equals the saved one") {
  FindingLog log;
  log.report(read_only_write(5));
  log.report(read_only_write(6));
  StateArchive out;
  log.state(out);
  FindingLog restored;
  StateArchive in(out.bytes(), "test");
  restored.state(in);
  CHECK(restored.json() == log.json());
}
