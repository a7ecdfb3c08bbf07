// Every distance between commands: not ready a clock before, ready at the clock.
#include <catch2/catch.hpp>

#include "platform/dram/checker/rules.h"
#include "platform/dram/device/rank.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

/// Commands that bring the rank to a state, then the one whose first clock is claimed.
struct Distance {
  const char* claim;
  std::vector<IssuedCommand> before;  ///< at their clocks; long before clock 10000 but for the last
  Command then;
  uint32_t bank;
  uint64_t clocks;  ///< from the last of `before`
};

IssuedCommand act(uint64_t clock, uint32_t bank) {
  return {clock, Command::activate, bank, 7, 0};
}
IssuedCommand rd(uint64_t clock, uint32_t bank) {
  return {clock, Command::read, bank, 7, 0};
}
IssuedCommand wr(uint64_t clock, uint32_t bank) {
  return {clock, Command::write, bank, 7, 0};
}
IssuedCommand mwr(uint64_t clock, uint32_t bank) {
  return {clock, Command::write_masked, bank, 7, 0};
}
IssuedCommand bare(Command command, uint64_t clock, uint32_t bank = 0) {
  return {clock, command, bank, 0, 0};
}

/// The checks of a table: `earliest` is the claimed clock, whatever else happened before.
void check_distances(const MemoryConfig& config, const std::vector<Distance>& table) {
  for (const Distance& d : table) {
    CAPTURE(d.claim);
    Rank rank(config);
    for (const IssuedCommand& command : d.before) rank.issue(command);
    const uint64_t ready = d.before.back().clock + d.clocks;
    // earliest() is "ready at": a clock before is too early, that clock is not.
    CHECK(rank.earliest(d.then, d.bank) > ready - 1);
    CHECK(rank.earliest(d.then, d.bank) <= ready);
    rank.issue({ready, d.then, d.bank, 7, 0});
  }
}

TEST_CASE("LPDDR4-3200: each constraint holds a command back to its clock and no longer") {
  using enum Command;
  const std::vector<Distance> table = {
      {"ACT->RD: RCD", {act(1000, 0)}, read, 0, 29},
      {"ACT->WR: RCD", {act(1000, 0)}, write, 0, 29},
      {"ACT->PRE: RAS + 2", {act(1000, 0)}, precharge, 0, 70},
      {"ACT->PREA: RAS + 2", {act(1000, 0)}, precharge_all, 0, 70},
      {"ACT->ACT other bank: RRD", {act(1000, 0)}, activate, 1, 16},
      {"RD->RD: CCD", {act(1000, 0), rd(2000, 0)}, read, 0, 8},
      {"RD->RD other bank: CCD", {act(1000, 0), act(1100, 1), rd(2000, 0)}, read, 1, 8},
      {"WR->WR: CCD", {act(1000, 0), wr(2000, 0)}, write, 0, 8},
      {"RD->WR: RL + DQSCK + 8 - WL + WPRE + RPST", {act(1000, 0), rd(2000, 0)}, write, 0, 28 + 6 + 8 - 14 + 2 + 0},
      {"WR->RD: WL + 1 + 8 + WTR", {act(1000, 0), wr(2000, 0)}, read, 0, 14 + 1 + 8 + 16},
      {"WR->RD other bank", {act(1000, 0), act(1100, 1), wr(2000, 0)}, read, 1, 14 + 1 + 8 + 16},
      {"RD->PRE: RTP + 8 - 6", {act(1000, 0), rd(2000, 0)}, precharge, 0, 14},
      {"RD->PREA: RTP + 8 - 6", {act(1000, 0), rd(2000, 0)}, precharge_all, 0, 14},
      {"WR->PRE: WL + 3 + 8 + WR", {act(1000, 0), wr(2000, 0)}, precharge, 0, 14 + 3 + 8 + 29},
      {"WR->PREA: WL + 3 + 8 + WR", {act(1000, 0), wr(2000, 0)}, precharge_all, 0, 14 + 3 + 8 + 29},
      {"PRE->ACT: RPpb - 2", {act(1000, 0), bare(precharge, 2000)}, activate, 0, 27},
      {"PREA->ACT: RPab - 2", {act(1000, 0), bare(precharge_all, 2000)}, activate, 0, 32},
      {"PRE->PRE: PPD", {act(1000, 0), act(1100, 1), bare(precharge, 2000)}, precharge, 1, 4},
      {"PRE->REFab: RPpb", {act(1000, 0), bare(precharge, 2000)}, refresh_all, 0, 29},
      {"PREA->REFab: RPab", {act(1000, 0), bare(precharge_all, 2000)}, refresh_all, 0, 34},
      {"REFab->ACT: RFCab - 2", {bare(refresh_all, 1000)}, activate, 3, 446},
      {"REFab->REFab: RFCab", {bare(refresh_all, 1000)}, refresh_all, 0, 448},
      {"REFpb->ACT: RFCpb - 2", {bare(refresh_bank, 1000, 2)}, activate, 2, 222},
      {"REFpb->ACT other bank: RRD", {bare(refresh_bank, 1000, 2)}, activate, 3, 16},
      {"REFpb->REFpb: RFCpb", {bare(refresh_bank, 1000, 2)}, refresh_bank, 3, 224},
      {"ACT->REFpb other bank: RRD", {act(1000, 0)}, refresh_bank, 1, 16},
      {"PRE->REFpb: RPpb", {act(1000, 0), bare(precharge, 2000)}, refresh_bank, 0, 29},
      {"WR->MWR of the bank: CCDMW", {act(1000, 0), wr(2000, 0)}, write_masked, 0, 32},
      {"MWR->MWR of the bank: CCDMW", {act(1000, 0), mwr(2000, 0)}, write_masked, 0, 32},
      {"MWR->WR of the bank: CCD", {act(1000, 0), mwr(2000, 0)}, write, 0, 8},
      {"WR->MWR of another bank: CCD", {act(1000, 0), act(1100, 1), wr(2000, 0)}, write_masked, 1, 8},
      {"MWR->PRE: as a write", {act(1000, 0), mwr(2000, 0)}, precharge, 0, 14 + 3 + 8 + 29},
      {"MWR->RD: as a write", {act(1000, 0), mwr(2000, 0)}, read, 0, 14 + 1 + 8 + 16},
      {"ACT->PDE: the command's other clocks, CMDCKE", {act(1000, 0)}, power_down, 0, 3 + 3},
      {"PRE->PDE", {act(1000, 0), bare(precharge, 2000)}, power_down, 0, 1 + 3},
      {"REFab->PDE", {bare(refresh_all, 1000)}, power_down, 0, 1 + 3},
      {"RD->PDE: 3 + RL + DQSCK + 8 + RPST", {act(1000, 0), rd(2000, 0)}, power_down, 0, 3 + 28 + 6 + 8 + 0},
      {"WR->PDE: 3 + WL + DQSS + DQS2DQ + 8 + WR", {act(1000, 0), wr(2000, 0)}, power_down, 0, 3 + 14 + 1 + 2 + 8 + 29},
      {"PDE->PDX: CKE", {bare(power_down, 1000)}, power_up, 0, 12},
      {"PDX->PDE: CKE", {bare(power_down, 1000), bare(power_up, 2000)}, power_down, 0, 12},
      {"PDX->ACT: XP", {bare(power_down, 1000), bare(power_up, 2000)}, activate, 0, 12},
      {"PDX->RD: XP", {act(900, 0), bare(power_down, 1000), bare(power_up, 2000)}, read, 0, 12},
      {"PDX->REFab: XP", {bare(power_down, 1000), bare(power_up, 2000)}, refresh_all, 0, 12},
      {"the command bus: ACT takes 4 clocks", {act(1000, 0), act(2000, 1)}, read, 0, 4},
      {"the command bus: PRE takes 2 clocks", {act(1000, 0), act(1100, 1), bare(precharge, 2000, 1)}, read, 0, 2},
  };
  check_distances(part("lpddr4-3200"), table);
}

TEST_CASE("every rule of the checker's table, of every part: not ready at clock n - 1, ready at n") {
  // The table is written from the standards and not from the device: so none of its rows is left out here.
  unsigned tried = 0;
  for (const char* name : {"lpddr4-3200", "lpddr4-4266", "ddr4-2400", "lpddr5-6400"}) {
    const MemoryConfig config = part(name);
    for (const Rule& rule : rules_of(config)) {
      if (rule.scope == Scope::other_group && config.groups == 1) continue;
      for (const uint32_t same : {0u, 1u}) {
        uint32_t to_bank = 0;
        if (rule.scope == Scope::other_bank_of_group || (rule.scope == Scope::rank && same == 0)) to_bank = 1;
        if (rule.scope == Scope::other_group) to_bank = config.banks;
        CAPTURE(name, name_of(rule.from), name_of(rule.to), name_of(rule.scope), to_bank, rule.clocks);
        Rank rank(config);
        if (is_column(rule.from)) rank.issue(act(100, 0));
        if (is_column(rule.to) && (to_bank != 0 || !is_column(rule.from))) {
          if (rule.from != Command::activate || to_bank != 0) rank.issue(act(400, to_bank));
        }
        if (rule.from == Command::power_up) rank.issue(bare(Command::power_down, 600));
        const IssuedCommand from{1000, rule.from, 0, 7, 0};
        rank.issue(from);
        // The command bus is a rule of its own.
        const uint64_t taken = rank.length(rule.from);
        const uint64_t ready = 1000 + std::max(static_cast<uint64_t>(rule.clocks), taken);
        CHECK(rank.earliest(rule.to, to_bank) == ready);
        ++tried;
      }
    }
  }
  CHECK(tried > 200);
}

TEST_CASE("LPDDR4: ACT->ACT of a bank waits for RCpb, ACT->REFab for RCpb + 2, where these are what binds") {
  using enum Command;
  // RAS + 2 + RPpb - 2 is RCpb itself; with longer RCpb that alone is left.
  check_distances(part("lpddr4-3200", {"timing.rc_pb=200"}),
                  {{"ACT->ACT same bank", {act(1000, 0), bare(precharge, 1070)}, activate, 0, 200 - 70},
                   {"ACT->REFab", {act(1000, 0), bare(precharge, 1070)}, refresh_all, 0, 202 - 70},
                   {"ACT->REFpb", {act(1000, 0), bare(precharge, 1070)}, refresh_bank, 0, 202 - 70}});
}

TEST_CASE("the fifth activate waits for the window") {
  using enum Command;
  // FAW 64 is four RRD of 16: with RRD 10 the window alone is left.
  check_distances(part("lpddr4-3200", {"timing.rrd_l=10"}),
                  {{"FAW", {act(1000, 0), act(1010, 1), act(1020, 2), act(1030, 3)}, activate, 4, 64 - 30}});
}

TEST_CASE("DDR4-2400: each constraint holds a command back to its clock, within a group longer than between groups") {
  using enum Command;
  // Banks 0 to 3 are group 0, 4 to 7 group 1.
  const std::vector<Distance> table = {
      {"RCD", {act(1000, 0)}, read, 0, 16},
      {"RAS", {act(1000, 0)}, precharge, 0, 39},
      {"RRD_L", {act(1000, 0)}, activate, 1, 6},
      {"RRD_S", {act(1000, 0)}, activate, 4, 4},
      {"FAW", {act(1000, 0), act(1004, 4), act(1008, 8), act(1012, 12)}, activate, 1, 26 - 12},
      {"CCD_L", {act(1000, 0), act(1100, 1), rd(2000, 0)}, read, 1, 6},
      {"CCD_S", {act(1000, 0), act(1100, 4), rd(2000, 0)}, read, 4, 4},
      {"write CCD_L", {act(1000, 0), wr(2000, 0)}, write, 0, 6},
      {"write CCD_S", {act(1000, 0), act(1100, 4), wr(2000, 0)}, write, 4, 4},
      {"RD->WR", {act(1000, 0), rd(2000, 0)}, write, 0, 16 + 4 + 1 + 1 - 12},
      {"WTR_L", {act(1000, 0), wr(2000, 0)}, read, 0, 12 + 4 + 9},
      {"WTR_S", {act(1000, 0), act(1100, 4), wr(2000, 0)}, read, 4, 12 + 4 + 3},
      {"RTP", {act(1000, 0), rd(2000, 0)}, precharge, 0, 9},
      {"WR", {act(1000, 0), wr(2000, 0)}, precharge, 0, 12 + 4 + 18},
      {"RP", {act(1000, 0), bare(precharge, 2000)}, activate, 0, 16},
      {"RP to refresh", {act(1000, 0), bare(precharge_all, 2000)}, refresh_all, 0, 16},
      {"RFC", {bare(refresh_all, 1000)}, activate, 0, 433},
      {"RC", {act(1000, 0), bare(precharge, 1039)}, activate, 0, 16},
      {"ACTPDEN", {act(1000, 0)}, power_down, 0, 2},
      {"PRPDEN", {act(1000, 0), bare(precharge, 2000)}, power_down, 0, 2},
      {"REFPDEN", {bare(refresh_all, 1000)}, power_down, 0, 2},
      {"RDPDEN: RL + 4 + 1", {act(1000, 0), rd(2000, 0)}, power_down, 0, 16 + 4 + 1},
      {"WRPDEN: WL + 4 + WR", {act(1000, 0), wr(2000, 0)}, power_down, 0, 12 + 4 + 18},
      {"CKE", {bare(power_down, 1000)}, power_up, 0, 6},
      {"CKE high", {bare(power_down, 1000), bare(power_up, 2000)}, power_down, 0, 6},
      {"XP", {bare(power_down, 1000), bare(power_up, 2000)}, activate, 0, 8},
  };
  check_distances(part("ddr4-2400"), table);
}

}  // namespace
}  // namespace backboard::dram
