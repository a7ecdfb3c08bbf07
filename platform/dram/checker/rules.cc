#include "platform/dram/checker/rules.h"

#include "platform/check/check.h"

namespace backboard::dram {
namespace {

using enum Command;

/// Adds a rule between banks of one group and, with its own distance, of two groups. Parts without groups have one.
void between_banks(std::vector<Rule>& rules, Command from, Command to, int64_t same_group, int64_t other_group) {
  rules.push_back({from, to, Scope::other_bank_of_group, same_group});
  rules.push_back({from, to, Scope::other_group, other_group});
}

/// A column command concerns the data bus: same bank as same group.
void between_columns(std::vector<Rule>& rules, Command from, Command to, int64_t same_group, int64_t other_group) {
  rules.push_back({from, to, Scope::same_bank, same_group});
  between_banks(rules, from, to, same_group, other_group);
}

/// A masked write keeps every distance of a write, and `clocks` to an earlier write of its bank.
void add_masked_writes(std::vector<Rule>& rules, int64_t clocks) {
  std::vector<Rule> more;
  for (const Rule& rule : rules) {
    const bool from = rule.from == write, to = rule.to == write;
    if (from) more.push_back({write_masked, rule.to, rule.scope, rule.clocks});
    // Towards another bank the plain distance; of the same bank the longer one stands alone.
    const bool own_bank = from && to && rule.scope == Scope::same_bank;
    if (to) more.push_back({rule.from, write_masked, rule.scope, own_bank ? clocks : rule.clocks});
    if (from && to) more.push_back({write_masked, write_masked, rule.scope, own_bank ? clocks : rule.clocks});
  }
  rules.insert(rules.end(), more.begin(), more.end());
}

/// Clock enable low and high: from each command to power-down, how long it lasts at least, what may follow.
struct PowerDownTimes {
  int64_t activate, precharge, refresh, read, write, cke, xp;
};
void add_power_down(std::vector<Rule>& rules, const PowerDownTimes& t) {
  rules.push_back({activate, power_down, Scope::rank, t.activate});
  rules.push_back({precharge, power_down, Scope::rank, t.precharge});
  rules.push_back({precharge_all, power_down, Scope::rank, t.precharge});
  rules.push_back({refresh_all, power_down, Scope::rank, t.refresh});
  rules.push_back({read, power_down, Scope::rank, t.read});
  rules.push_back({write, power_down, Scope::rank, t.write});
  rules.push_back({power_down, power_up, Scope::rank, t.cke});
  rules.push_back({power_up, power_down, Scope::rank, t.cke});
  for (const Command next : {activate, read, write, precharge, precharge_all, refresh_all}) {
    rules.push_back({power_up, next, Scope::rank, t.xp});
  }
}

std::vector<Rule> lpddr4_rules(const MemoryTiming& t) {
  const int64_t rl = t.rl, wl = t.wl, burst = t.burst;
  std::vector<Rule> r;
  for (const Command column : {read, write}) r.push_back({activate, column, Scope::same_bank, t.rcd});
  for (const Command close : {precharge, precharge_all}) {
    const Scope scope = close == precharge ? Scope::same_bank : Scope::rank;
    r.push_back({activate, close, scope, t.ras + 2});
    r.push_back({read, close, scope, t.rtp + burst - 6});
    r.push_back({write, close, scope, wl + 3 + burst + t.wr});
  }
  r.push_back({activate, activate, Scope::same_bank, t.rc_pb});
  between_banks(r, activate, activate, t.rrd_l, t.rrd_l);
  between_columns(r, read, read, t.ccd_l, t.ccd_l);
  between_columns(r, write, write, t.ccd_l, t.ccd_l);
  const int64_t read_write = rl + t.dqsck + burst - wl + t.wpre + t.rpst;
  between_columns(r, read, write, read_write, read_write);
  const int64_t write_read = wl + 1 + burst + t.wtr_l;
  between_columns(r, write, read, write_read, write_read);
  r.push_back({precharge, activate, Scope::same_bank, t.rp_pb - 2});
  r.push_back({precharge_all, activate, Scope::rank, t.rp_ab - 2});
  for (const Command first : {precharge, precharge_all}) {
    for (const Command second : {precharge, precharge_all}) r.push_back({first, second, Scope::rank, t.ppd});
  }
  r.push_back({precharge, refresh_all, Scope::rank, t.rp_pb});
  r.push_back({precharge_all, refresh_all, Scope::rank, t.rp_ab});
  r.push_back({refresh_all, activate, Scope::rank, t.rfc_ab - 2});
  r.push_back({refresh_all, refresh_all, Scope::rank, t.rfc_ab});
  r.push_back({activate, refresh_all, Scope::rank, t.rc_pb + 2});
  // Refresh of one bank: as an activate towards the others, one at a time.
  r.push_back({precharge, refresh_bank, Scope::same_bank, t.rp_pb});
  r.push_back({precharge_all, refresh_bank, Scope::rank, t.rp_ab});
  r.push_back({activate, refresh_bank, Scope::same_bank, t.rc_pb + 2});
  between_banks(r, activate, refresh_bank, t.rrd_l, t.rrd_l);
  between_banks(r, refresh_bank, activate, t.rrd_l, t.rrd_l);
  r.push_back({refresh_bank, activate, Scope::same_bank, t.rfc_pb - 2});
  r.push_back({refresh_bank, refresh_bank, Scope::rank, t.rfc_pb});
  r.push_back({refresh_bank, refresh_all, Scope::rank, t.rfc_pb});
  r.push_back({refresh_all, refresh_bank, Scope::rank, t.rfc_ab});
  // Commands of four clocks count from their last, those of two from theirs.
  const int64_t data = 3 + t.burst;
  add_power_down(r, {3 + t.cmdcke, 1 + t.cmdcke, 1 + t.cmdcke, data + rl + t.dqsck + t.rpst,
                     data + wl + t.dqss + t.dqs2dq + t.wr, t.cke, t.xp});
  r.push_back({refresh_bank, power_down, Scope::rank, 1 + t.cmdcke});
  r.push_back({power_up, refresh_bank, Scope::rank, t.xp});
  if (t.ccdmw != 0) add_masked_writes(r, t.ccdmw);
  return r;
}

std::vector<Rule> ddr4_rules(const MemoryTiming& t) {
  const int64_t rl = t.rl, wl = t.wl, burst = t.burst;
  std::vector<Rule> r;
  for (const Command column : {read, write}) r.push_back({activate, column, Scope::same_bank, t.rcd});
  for (const Command close : {precharge, precharge_all}) {
    const Scope scope = close == precharge ? Scope::same_bank : Scope::rank;
    r.push_back({activate, close, scope, t.ras});
    r.push_back({read, close, scope, t.rtp});
    r.push_back({write, close, scope, wl + burst + t.wr});
    r.push_back({close, activate, scope, close == precharge ? t.rp_pb : t.rp_ab});
    r.push_back({close, refresh_all, Scope::rank, close == precharge ? t.rp_pb : t.rp_ab});
  }
  r.push_back({activate, activate, Scope::same_bank, t.rc_pb});
  between_banks(r, activate, activate, t.rrd_l, t.rrd_s);
  between_columns(r, read, read, t.ccd_l, t.ccd_s);
  between_columns(r, write, write, t.ccd_l, t.ccd_s);
  const int64_t read_write = rl + burst + 1 + t.wpre - wl;
  between_columns(r, read, write, read_write, read_write);
  between_columns(r, write, read, wl + burst + t.wtr_l, wl + burst + t.wtr_s);
  r.push_back({refresh_all, activate, Scope::rank, t.rfc_ab});
  r.push_back({refresh_all, refresh_all, Scope::rank, t.rfc_ab});
  r.push_back({activate, refresh_all, Scope::rank, t.rc_pb});
  add_power_down(r, {t.cmdcke, t.cmdcke, t.cmdcke, rl + burst + 1, wl + burst + t.wr, t.cke, t.xp});
  return r;
}

/// JESD209-5, command timing constraints in bank-group mode, WCK to CK 4:1: clocks of CK. BL/n is `burst` for what
/// comes to another group, tRBTP is `rtp`.
std::vector<Rule> lpddr5_rules(const MemoryTiming& t) {
  const int64_t rl = t.rl, wl = t.wl, bl_n = t.burst;
  std::vector<Rule> r;
  r.push_back({activate, read, Scope::same_bank, t.rcd});
  r.push_back({activate, write, Scope::same_bank, t.rcd});
  r.push_back({activate, activate, Scope::same_bank, t.rc_pb});
  between_banks(r, activate, activate, t.rrd_l, t.rrd_s);
  between_columns(r, read, read, t.ccd_l, t.ccd_s);
  between_columns(r, write, write, t.ccd_l, t.ccd_s);
  between_columns(r, read, write, rl + t.dqsck + bl_n - wl, rl + t.dqsck + bl_n - wl);
  between_columns(r, write, read, wl + bl_n + t.wtr_l, wl + bl_n + t.wtr_s);
  for (const Command close : {precharge, precharge_all}) {
    const Scope scope = close == precharge ? Scope::same_bank : Scope::rank;
    const int64_t row_precharge = close == precharge ? t.rp_pb : t.rp_ab;
    r.push_back({activate, close, scope, t.ras});
    r.push_back({read, close, scope, bl_n + t.rtp});
    r.push_back({write, close, scope, wl + 1 + bl_n + t.wr});
    r.push_back({close, activate, scope, row_precharge});
    r.push_back({close, refresh_all, Scope::rank, row_precharge});
    for (const Command second : {precharge, precharge_all}) r.push_back({close, second, Scope::rank, t.ppd});
  }
  r.push_back({activate, refresh_all, Scope::rank, t.rc_pb});
  r.push_back({refresh_all, activate, Scope::rank, t.rfc_ab});
  r.push_back({refresh_all, refresh_all, Scope::rank, t.rfc_ab});
  return r;
}

}  // namespace

std::vector<Rule> rules_of(const MemoryConfig& config) {
  switch (config.standard) {
    case Standard::lpddr4:
      return lpddr4_rules(config.timing);
    case Standard::ddr4:
      return ddr4_rules(config.timing);
    case Standard::lpddr5:
      return lpddr5_rules(config.timing);
  }
  BB_CHECK(false, "standard {}", static_cast<int>(config.standard));
}

const char* name_of(Scope scope) {
  switch (scope) {
    case Scope::same_bank:
      return "same bank";
    case Scope::other_bank_of_group:
      return "other bank of the group";
    case Scope::other_group:
      return "other group";
    case Scope::rank:
      return "rank";
  }
  BB_CHECK(false, "scope {}", static_cast<int>(scope));
}

}  // namespace backboard::dram
