// The checker finds what is wrong, and only that.
#include <catch2/catch.hpp>

#include "platform/dram/checker/checker.h"
#include "platform/dram/checker/rules.h"
#include "platform/dram/trace/player.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

/// A list that keeps `rule` exactly, or misses it by a clock: two commands far from everything else, with the rows
/// that they need opened long before.
std::vector<IssuedCommand> two_commands(const MemoryConfig& config, const Rule& rule, bool early) {
  const uint32_t from_bank = 0;
  uint32_t to_bank = 0;
  if (rule.scope == Scope::other_bank_of_group) to_bank = 1;
  if (rule.scope == Scope::other_group) to_bank = config.banks;
  std::vector<IssuedCommand> list;
  if (is_column(rule.from)) list.push_back({100, Command::activate, from_bank, 7, 0});
  if (is_column(rule.to) && to_bank != from_bank) list.push_back({400, Command::activate, to_bank, 7, 0});
  if (rule.from == Command::power_up) list.push_back({600, Command::power_down, 0, 0, 0});
  const auto gap = static_cast<uint64_t>(rule.clocks);
  list.push_back({1000, rule.from, from_bank, 7, 0});
  list.push_back({1000 + gap - (early ? 1 : 0), rule.to, to_bank, 7, 0});
  return list;
}

bool found(const std::vector<Violation>& violations, const Rule& rule) {
  const std::string start = fmt::format("{}->{} {} >=", name_of(rule.from), name_of(rule.to), name_of(rule.scope));
  return std::any_of(violations.begin(), violations.end(),
                     [&](const Violation& v) { return v.rule.starts_with(start); });
}

TEST_CASE("each distance of the table is found when it is missed by a clock, and not when it is kept") {
  for (const char* name : {"lpddr4-3200", "ddr4-2400", "lpddr5-6400"}) {
    const MemoryConfig config = part(name);
    for (const Rule& rule : rules_of(config)) {
      if (rule.scope == Scope::other_group && config.groups == 1) continue;
      if (rule.clocks <= 0) continue;
      CAPTURE(name, name_of(rule.from), name_of(rule.to), name_of(rule.scope), rule.clocks);
      CHECK(found(check_commands(config, two_commands(config, rule, true)), rule));
      CHECK_FALSE(found(check_commands(config, two_commands(config, rule, false)), rule));
    }
  }
}

TEST_CASE("wrong rows, a full window, a taken command bus and missing refreshes are found") {
  using enum Command;
  const MemoryConfig config = part("lpddr4-3200", {"timing.rrd_l=10"});
  const auto first = [&](std::vector<IssuedCommand> list) {
    const auto violations = check_commands(config, list);
    return violations.empty() ? std::string() : violations[0].rule;
  };
  CHECK(first({{100, read, 0, 7, 0}}) == "column command to a closed bank");
  CHECK(first({{100, activate, 0, 7, 0}, {200, write, 0, 8, 0}}) == "column command to another row than the open one");
  CHECK(first({{100, activate, 0, 7, 0}, {300, activate, 0, 7, 0}}) == "ACT to an open bank");
  CHECK(first({{100, activate, 0, 7, 0}, {300, refresh_all, 0, 0, 0}}) == "REFAB with an open bank");
  CHECK(first({{100, activate, 2, 7, 0}, {300, refresh_bank, 2, 0, 0}}) == "REFPB of an open bank");
  std::vector<IssuedCommand> five;
  for (uint32_t i = 0; i < 5; ++i) five.push_back({100 + i * 15, activate, i, 7, 0});
  CHECK(first(five) == "five activates within 64");
  five.back().clock = 164;
  CHECK(first(five).empty());
  CHECK(first({{100, activate, 0, 7, 0}, {200, activate, 1, 7, 0}, {203, read, 0, 7, 0}}) == "command bus is taken");
  CHECK(first({{100, activate, 0, 7, 0}, {200, activate, 1, 7, 0}, {204, read, 0, 7, 0}}).empty());
  CHECK(first({{100, power_down, 0, 0, 0}, {300, activate, 0, 7, 0}}) == "command in power-down");
  CHECK(first({{100, power_down, 0, 0, 0}, {300, power_down, 0, 0, 0}}) == "power-down in power-down");
  CHECK(first({{100, power_up, 0, 0, 0}}) == "end of a power-down that is none");
  CHECK(first({{100, write_masked, 0, 7, 0}}) == "column command to a closed bank");
  CHECK(first({{9 * 6246 + 1, activate, 0, 7, 0}}) == "no refresh of the bank for 56214");
}

/// One of many ways to set up a part.
MemoryConfig random_config(SplitMix& random) {
  const bool ddr4 = random.next() % 3 == 0;
  const auto pick = [&](std::initializer_list<const char*> list) {
    return std::string(list.begin()[random.next() % list.size()]);
  };
  std::vector<std::string> set = {
      "controller.queue=" + std::to_string(4 + random.next() % 60),
      "controller.write_high=4",
      "controller.write_low=" + std::to_string(random.next() % 4),
      "controller.scheduler=" + pick({"fifo", "frfcfs", "frfcfs_direction", "frfcfs_grouped"}),
      "controller.page=" + pick({"open", "closed", "adaptive"}),
      "controller.refresh=" + (ddr4 ? pick({"all_bank", "off"}) : pick({"all_bank", "per_bank", "off"})),
      "controller.power_down=" + pick({"off", "idle"}),
      "controller.power_down_after=" + std::to_string(random.next() % 100),
      "controller.ecc=" + pick({"off", "in_line"}),
      "timing.rcd=" + std::to_string(10 + random.next() % 40),
      "timing.rp_pb=" + std::to_string(8 + random.next() % 20),
      "timing.wtr_l=" + std::to_string(1 + random.next() % 30),
      "timing.rtp=" + std::to_string(6 + random.next() % 20),
      "timing.faw=" + std::to_string(20 + random.next() % 100)};
  if (!ddr4) set.push_back("timing.rp_ab=" + std::to_string(30 + random.next() % 20));
  if (ddr4) set.push_back("timing.rp_ab=" + std::to_string(28 + random.next() % 20));
  return part(ddr4 ? "ddr4-2400" : "lpddr4-3200", set);
}

TEST_CASE("100 random configurations complete a mixed trace without a violation") {
  SplitMix random(2024);
  for (int i = 0; i < 100; ++i) {
    const MemoryConfig config = random_config(random);
    CAPTURE(i, dump_config(config));
    // Random, and dense enough in rows and banks that all paths are taken.
    const uint64_t burst = config.burst_bytes(), spread = i % 2 == 0 ? config.capacity_bytes() : 1 << 20;
    MadeTrace trace(3000, [&, r = SplitMix(static_cast<uint64_t>(i))](uint64_t n) mutable {
      const uint64_t draw = r.next();
      return TraceRequest{n * (1 + static_cast<uint64_t>(i) % 5 * 5), draw % (spread / burst) * burst,
                          (draw >> 40) % 3 == 0};
    });
    CommandRecorder recorder;
    const PlayResult result = play(config, trace, &recorder);
    CHECK(result.stuck.empty());
    CHECK(result.requests == 3000);
    const auto violations = check_commands(config, recorder.commands);
    CHECK(violations.empty());
    if (!violations.empty()) FAIL_CHECK(violations[0].text());
  }
}

}  // namespace
}  // namespace backboard::dram
