#include "platform/dram/checker/checker.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "platform/dram/checker/rules.h"

namespace backboard::dram {
namespace {

bool takes_a_row(Command command) {
  return command == Command::activate || command == Command::refresh_bank;
}

}  // namespace

/// Remembers when each kind of command last went to each bank.
class CommandChecker::Judge {
 public:
  Judge(const MemoryConfig& config, size_t limit)
      : config_(config), limit_(limit), rules_(kCommands), rows_(config.all_banks()), refreshed_(config.all_banks()) {
    for (const Rule& rule : rules_of(config)) rules_[static_cast<size_t>(rule.to)].push_back(rule);
    for (auto& of_kind : last_) of_kind.resize(config.all_banks());
  }

  void judge(const IssuedCommand& command) {
    check_power(command);
    check_bus(command);
    check_distances(command);
    check_window(command);
    check_rows(command);
    check_refresh(command);
    last_[static_cast<size_t>(command.command)][command.bank] = command.clock;
  }
  bool enough() const { return found_.size() >= limit_; }
  const std::vector<Violation>& violations() const { return found_; }

  void state(StateArchive& archive) {
    archive.section("command checker");
    for (auto& of_kind : last_) save_all(archive, of_kind);
    save_all(archive, rows_);
    save_all(archive, activates_);
    archive.vector("refreshed", refreshed_);
    if (refreshed_.size() != rows_.size()) archive.fail("refreshed", "another number of banks");
    archive.value("activates_seen", activates_seen_);
    archive.value("bus_since", bus_since_);
    archive.value("bus_end", bus_end_);
    archive.value("down", down_);
    archive.value("down_since", down_since_);
  }

 private:
  /// Optional values, without their padding.
  template <class Values>
  static void save_all(StateArchive& archive, Values& values) {
    for (auto& value : values) {
      bool known = value.has_value();
      archive.value("known", known);
      auto number = value.value_or(0);
      archive.value("number", number);
      if (known) {
        value = number;
      } else {
        value.reset();
      }
    }
  }

  void found(std::string rule, const IssuedCommand& command, uint64_t since = 0) {
    if (!enough()) found_.push_back({std::move(rule), command, since});
  }

  /// The clock enable: nothing is said to a rank that is powered down but that it ends.
  void check_power(const IssuedCommand& command) {
    const bool enters = command.command == Command::power_down, leaves = command.command == Command::power_up;
    if (down_ && !leaves) found(enters ? "power-down in power-down" : "command in power-down", command, down_since_);
    if (!down_ && leaves) found("end of a power-down that is none", command);
    if (enters) down_since_ = command.clock;
    if (enters || leaves) down_ = enters;
  }

  /// Power-down is a level of the clock enable, not a command on the bus.
  void check_bus(const IssuedCommand& command) {
    if (command.command == Command::power_down || command.command == Command::power_up) return;
    const bool is_long = command.command == Command::activate || is_column(command.command);
    if (command.clock < bus_end_) found("command bus is taken", command, bus_since_);
    bus_since_ = command.clock;
    bus_end_ = command.clock + (is_long ? config_.timing.command_long : config_.timing.command_short);
  }

  bool in_scope(Scope scope, uint32_t from, uint32_t to) const {
    const bool same_group = from / config_.banks == to / config_.banks;
    switch (scope) {
      case Scope::same_bank:
        return from == to;
      case Scope::other_bank_of_group:
        return from != to && same_group;
      case Scope::other_group:
        return !same_group;
      case Scope::rank:
        return true;
    }
    return false;
  }

  void check_distances(const IssuedCommand& command) {
    for (const Rule& rule : rules_[static_cast<size_t>(command.command)]) {
      const auto& lasts = last_[static_cast<size_t>(rule.from)];
      for (uint32_t bank = 0; bank < lasts.size(); ++bank) {
        if (!lasts[bank] || !in_scope(rule.scope, bank, command.bank)) continue;
        const auto distance = static_cast<int64_t>(command.clock) - static_cast<int64_t>(*lasts[bank]);
        if (distance >= rule.clocks) continue;
        found(fmt::format("{}->{} {} >= {}", name_of(rule.from), name_of(rule.to), name_of(rule.scope), rule.clocks),
              command, *lasts[bank]);
      }
    }
  }

  void check_window(const IssuedCommand& command) {
    if (!takes_a_row(command.command)) return;
    std::optional<uint64_t>& fourth = activates_[activates_seen_ % activates_.size()];
    if (fourth && command.clock < *fourth + config_.timing.faw) {
      found(fmt::format("five activates within {}", config_.timing.faw), command, *fourth);
    }
    fourth = command.clock;
    ++activates_seen_;
  }

  void check_rows(const IssuedCommand& command) {
    std::optional<uint32_t>& row = rows_[command.bank];
    switch (command.command) {
      case Command::activate:
        if (row) found("ACT to an open bank", command);
        row = command.row;
        return;
      case Command::read:
      case Command::write:
      case Command::write_masked:
        if (!row) {
          found("column command to a closed bank", command);
        } else if (*row != command.row) {
          found("column command to another row than the open one", command);
        }
        return;
      case Command::precharge:
        row.reset();
        return;
      case Command::precharge_all:
        for (auto& each : rows_) each.reset();
        return;
      case Command::refresh_all:
        for (const auto& each : rows_) {
          if (each) return found("REFAB with an open bank", command);
        }
        return;
      case Command::refresh_bank:
        if (row) found("REFPB of an open bank", command);
        return;
      case Command::power_down:
      case Command::power_up:
        return;
    }
  }

  void check_refresh(const IssuedCommand& command) {
    if (config_.controller.refresh == RefreshKind::off) return;
    const uint64_t most = uint64_t{9} * config_.timing.refi;
    const uint64_t since = refreshed_[command.bank];
    if (command.clock - since > most) found(fmt::format("no refresh of the bank for {}", most), command, since);
    if (command.command == Command::refresh_bank) refreshed_[command.bank] = command.clock;
    if (command.command == Command::refresh_all) refreshed_.assign(refreshed_.size(), command.clock);
  }

  MemoryConfig config_;
  size_t limit_;
  std::vector<std::vector<Rule>> rules_;  ///< by the later command
  std::array<std::vector<std::optional<uint64_t>>, kCommands> last_;
  std::vector<std::optional<uint32_t>> rows_;
  std::vector<uint64_t> refreshed_;
  std::array<std::optional<uint64_t>, 4> activates_;
  uint64_t activates_seen_ = 0, bus_since_ = 0, bus_end_ = 0, down_since_ = 0;
  bool down_ = false;
  std::vector<Violation> found_;
};

std::string Violation::text() const {
  return fmt::format("{}: {} of bank {} at {}, the other at {}", rule, name_of(command.command), command.bank,
                     command.clock, since);
}

CommandChecker::CommandChecker(const MemoryConfig& config, size_t limit)
    : judge_(std::make_unique<Judge>(config, limit)) {}
CommandChecker::~CommandChecker() = default;
CommandChecker::CommandChecker(CommandChecker&&) noexcept = default;

void CommandChecker::judge(const IssuedCommand& command) {
  if (!judge_->enough()) judge_->judge(command);
}
const std::vector<Violation>& CommandChecker::violations() const {
  return judge_->violations();
}

void CommandChecker::state(StateArchive& archive) {
  judge_->state(archive);
}

std::vector<Violation> check_commands(const MemoryConfig& config, std::span<const IssuedCommand> commands,
                                      size_t limit) {
  CommandChecker checker(config, limit);
  for (const IssuedCommand& command : commands) checker.judge(command);
  return checker.violations();
}

}  // namespace backboard::dram
