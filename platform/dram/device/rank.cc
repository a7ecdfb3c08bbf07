#include "platform/dram/device/rank.h"

#include "platform/check/check.h"

namespace backboard::dram {

const char* name_of(Command command) {
  switch (command) {
    case Command::activate:
      return "ACT";
    case Command::read:
      return "RD";
    case Command::write:
      return "WR";
    case Command::write_masked:
      return "MWR";
    case Command::precharge:
      return "PRE";
    case Command::precharge_all:
      return "PREA";
    case Command::refresh_all:
      return "REFAB";
    case Command::refresh_bank:
      return "REFPB";
    case Command::power_down:
      return "PDE";
    case Command::power_up:
      return "PDX";
  }
  BB_CHECK(false, "command {}", static_cast<int>(command));
}

Rank::Rank(const MemoryConfig& config)
    : gaps_(resolve_gaps(config)), banks_(config.all_banks()), groups_(config.groups) {
  for (uint32_t i = 0; i < banks_.size(); ++i) banks_[i].group = i / config.banks;
  length_.fill(config.timing.command_short);
  for (const Command c : {Command::activate, Command::read, Command::write, Command::write_masked}) {
    length_[static_cast<size_t>(c)] = config.timing.command_long;
  }
  for (const Command c : {Command::power_down, Command::power_up}) length_[static_cast<size_t>(c)] = 0;
}

void Rank::activate(const IssuedCommand& command, Bank& bank) {
  BB_CHECK(bank.row == kNoRow, "activate of bank {} at {}: row {} is open", command.bank, command.clock, bank.row);
  const uint64_t clock = command.clock;
  bank.row = command.row;
  open_ |= uint64_t{1} << command.bank;
  raise(bank.column, clock + gaps_.activate_to_column);
  raise(bank.precharge, clock + gaps_.activate_to_precharge);
  raise(bank.activate, clock + gaps_.activate_to_activate_same);
  raise(bank.refresh, clock + gaps_.activate_to_refresh);
  raise(power_down_, clock + gaps_.activate_to_down);
  raise(groups_[bank.group].activate, clock + gaps_.activate_to_activate_l);
  raise(activate_, clock + gaps_.activate_to_activate_s);
  raise(precharge_all_, clock + gaps_.activate_to_precharge);
  raise(refresh_all_, clock + gaps_.activate_to_refresh);
  // A refresh of one bank opens rows inside: towards other banks it keeps an activate's distance.
  raise(refresh_bank_, clock + gaps_.activate_to_activate_l);
  window_[window_next_] = clock + gaps_.activate_window;
  window_next_ = (window_next_ + 1) % window_.size();
}

void Rank::column(const IssuedCommand& command, Bank& bank) {
  const uint64_t clock = command.clock;
  BB_CHECK(bank.row == command.row && bank.row != kNoRow, "column command of bank {} at {}: row {}, open is {}",
           command.bank, clock, command.row, bank.row);
  Group& group = groups_[bank.group];
  if (command.command != Command::read) {
    raise(bank.masked, clock + gaps_.write_to_masked);
    raise(power_down_, clock + gaps_.write_to_down);
    raise(write_, clock + gaps_.column_s);
    raise(group.write, clock + gaps_.column_l);
    raise(read_, clock + gaps_.write_to_read_s);
    raise(group.read, clock + gaps_.write_to_read_l);
    raise(bank.precharge, clock + gaps_.write_to_precharge);
    raise(precharge_all_, clock + gaps_.write_to_precharge);
  } else {
    raise(power_down_, clock + gaps_.read_to_down);
    raise(read_, clock + gaps_.column_s);
    raise(group.read, clock + gaps_.column_l);
    raise(write_, clock + gaps_.read_to_write);
    raise(bank.precharge, clock + gaps_.read_to_precharge);
    raise(precharge_all_, clock + gaps_.read_to_precharge);
  }
}

void Rank::refresh_bank(uint64_t clock, Bank& bank) {
  raise(bank.activate, clock + gaps_.refresh_pb_to_activate);
  raise(activate_, clock + gaps_.activate_to_activate_l);
  raise(refresh_bank_, clock + gaps_.refresh_pb_to_refresh);
  raise(refresh_all_, clock + gaps_.refresh_pb_to_refresh);
  raise(power_down_, clock + gaps_.refresh_to_down);
  window_[window_next_] = clock + gaps_.activate_window;
  window_next_ = (window_next_ + 1) % window_.size();
}

void Rank::issue(const IssuedCommand& command) {
  const uint64_t clock = command.clock;
  BB_CHECK(clock >= earliest(command.command, command.bank), "{} of bank {} at {}", name_of(command.command),
           command.bank, clock);
  BB_CHECK(down_ == (command.command == Command::power_up), "{} at {}, power-down: {}", name_of(command.command), clock,
           down_);
  Bank& bank = banks_[command.bank];
  bus_ = clock + length(command.command);
  switch (command.command) {
    case Command::activate:
      return activate(command, bank);
    case Command::read:
    case Command::write:
    case Command::write_masked:
      return column(command, bank);
    case Command::precharge:
      bank.row = kNoRow;
      open_ &= ~(uint64_t{1} << command.bank);
      raise(bank.activate, clock + gaps_.precharge_pb_to_activate);
      raise(bank.refresh, clock + gaps_.precharge_pb_to_refresh);
      raise(precharge_, clock + gaps_.precharge_to_precharge);
      raise(refresh_all_, clock + gaps_.precharge_pb_to_refresh);
      raise(power_down_, clock + gaps_.precharge_to_down);
      return;
    case Command::precharge_all:
      for (Bank& each : banks_) each.row = kNoRow;
      open_ = 0;
      raise(activate_, clock + gaps_.precharge_ab_to_activate);
      raise(refresh_bank_, clock + gaps_.precharge_ab_to_refresh);
      raise(precharge_, clock + gaps_.precharge_to_precharge);
      raise(refresh_all_, clock + gaps_.precharge_ab_to_refresh);
      raise(power_down_, clock + gaps_.precharge_to_down);
      return;
    case Command::refresh_all:
      BB_CHECK(open_ == 0, "refresh at {} with open banks {:#x}", clock, open_);
      raise(activate_, clock + gaps_.refresh_ab_to_activate);
      raise(refresh_all_, clock + gaps_.refresh_ab_to_refresh);
      raise(refresh_bank_, clock + gaps_.refresh_ab_to_refresh);
      raise(power_down_, clock + gaps_.refresh_to_down);
      return;
    case Command::refresh_bank:
      BB_CHECK(bank.row == kNoRow, "refresh of bank {} at {}: row {} is open", command.bank, clock, bank.row);
      return refresh_bank(clock, bank);
    case Command::power_down:
      down_ = true;
      raise(power_up_, clock + gaps_.down_to_up);
      return;
    case Command::power_up:
      down_ = false;
      bus_ = clock + gaps_.up_to_command;
      raise(power_down_, clock + gaps_.up_to_down);
      return;
  }
}

void Rank::state(StateArchive& archive) {
  archive.section("rank");
  archive.range("banks", std::span(banks_));
  archive.range("groups", std::span(groups_));
  for (uint64_t* limit : {&open_, &bus_, &activate_, &read_, &write_, &precharge_, &precharge_all_, &refresh_all_,
                          &refresh_bank_, &power_down_, &power_up_}) {
    archive.value("limit", *limit);
  }
  archive.value("down", down_);
  archive.value("window", window_);
  archive.value("window_next", window_next_);
}

}  // namespace backboard::dram
