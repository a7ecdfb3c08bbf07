#include "platform/dram/controller/controller.h"

#include "platform/check/check.h"

namespace backboard::dram {

Controller::Controller(const MemoryConfig& config, unsigned channel, CompletionSink& completions, CommandSink* commands)
    : Controller(config, channel, completions, commands, make_scheduler(config.controller, config.all_banks())) {}

Controller::Controller(const MemoryConfig& config, unsigned channel, CompletionSink& completions, CommandSink* commands,
                       std::unique_ptr<Scheduler> scheduler)
    : channel_(channel),
      masks_(resolve_gaps(config).write_to_masked != 0),
      refresh_all_clocks_(config.timing.rfc_ab),
      refresh_bank_clocks_(config.timing.rfc_pb),
      completions_(completions),
      commands_(commands),
      read_done_(resolve_gaps(config).read_done),
      write_done_(resolve_gaps(config).write_done),
      rank_(config),
      buffer_(config.controller.queue, config.all_banks()),
      scheduler_(std::move(scheduler)),
      page_(make_page_policy(config.controller.page, config.all_banks())),
      refresh_(make_refresh_plan(config)),
      power_(make_power_plan(config.controller)),
      wishes_(config.all_banks()),
      last_row_(config.all_banks(), kNoRow),
      banks_(config.all_banks()) {}

ControllerCounters& ControllerCounters::operator+=(const ControllerCounters& other) {
  reads += other.reads;
  writes += other.writes;
  masked_writes += other.masked_writes;
  row_hits += other.row_hits;
  activates += other.activates;
  precharges += other.precharges;
  precharges_all += other.precharges_all;
  refreshes_all += other.refreshes_all;
  refreshes_bank += other.refreshes_bank;
  power_downs += other.power_downs;
  return *this;
}

void Controller::accept(const BurstRequest& request, uint64_t clock) {
  const Slot slot = buffer_.add(request);
  if (!masks_) buffer_.at(slot).request.masked = false;
  floor_ = std::max(floor_, clock + 1);
  chosen_ = false;
  if (scheduler_->buffer_changed(buffer_)) return wish_all();
  // Most arrivals go behind others of their bank and change nothing, which the scheduler alone knows.
  wish(buffer_.at(slot).request.bank);
}

/// Decides anew what `bank` wants.
void Controller::wish(unsigned bank) {
  const uint64_t bit = uint64_t{1} << bank;
  const uint32_t row = rank_.row(bank);
  Wish& w = wishes_[bank];
  w.slot = buffer_.first(bank) == kNoSlot ? kNoSlot : scheduler_->select(buffer_, bank, row);
  wishing_ |= bit;
  if (w.slot != kNoSlot) {
    const BurstRequest& request = buffer_.at(w.slot).request;
    w.command = row == kNoRow        ? Command::activate
                : row != request.row ? Command::precharge
                : !request.write     ? Command::read
                : request.masked     ? Command::write_masked
                                     : Command::write;
  } else if (row != kNoRow && buffer_.first(bank) == kNoSlot && page_->closes(bank)) {
    w.command = Command::precharge;
  } else {
    wishing_ &= ~bit;
  }
}

void Controller::wish_all() {
  for (unsigned bank = 0; bank < rank_.banks(); ++bank) wish(bank);
}

/// The command that ends first; the oldest request's among equals; refreshes before requests, closing rows behind them.
void Controller::choose() {
  chosen_ = true;
  choice_ = Choice();
  if (rank_.powered_down()) return choose_power_up();
  const uint64_t due = refresh_->due();
  const uint64_t blocked = refresh_->all_banks() ? UINT64_MAX : uint64_t{1} << refresh_->bank();
  uint64_t best_end = kNever, best_order = kNever;
  for (uint64_t rest = wishing_; rest != 0; rest &= rest - 1) {
    const auto bank = static_cast<unsigned>(std::countr_zero(rest));
    const Wish& w = wishes_[bank];
    const uint64_t clock = std::max(rank_.earliest(w.command, bank), floor_);
    const uint64_t end = clock + rank_.length(w.command);
    if (end > best_end) continue;
    if (clock >= due && (blocked >> bank & 1) != 0) continue;
    const uint64_t order = w.slot == kNoSlot ? kNever : buffer_.at(w.slot).order;
    if (end == best_end && order >= best_order) continue;
    best_end = end;
    best_order = order;
    choice_ = {clock, w.slot, bank, w.command};
  }
  if (due != kNever) consider_refresh(best_end);
  if (wishing_ == 0 && buffer_.empty()) consider_power_down();
}

/// Power-down ends when a bank wants something, or when a refresh is due.
void Controller::choose_power_up() {
  const uint64_t wanted = wishing_ != 0 ? floor_ : std::max(refresh_->due(), floor_);
  if (wanted == kNever) return;
  choice_.command = Command::power_up;
  choice_.clock = std::max(wanted, rank_.earliest(Command::power_up, 0));
}

/// Not while a refresh is due.
void Controller::consider_power_down() {
  const uint64_t from = power_->down_from(quiet_since_);
  if (from == kNever) return;
  const uint64_t clock = std::max({from, floor_, rank_.earliest(Command::power_down, 0)});
  if (clock < choice_.clock && clock < refresh_->due()) choice_ = {clock, kNoSlot, 0, Command::power_down};
}

/// Takes the refresh, or the precharge that it needs, where nothing ends before it. What still comes before `due` goes
/// first.
void Controller::consider_refresh(uint64_t best_end) {
  const uint64_t due = refresh_->due();
  Choice refresh;
  if (refresh_->all_banks()) {
    if (choice_.clock < due) return;
    refresh.command = rank_.open_banks() != 0 ? Command::precharge_all : Command::refresh_all;
  } else {
    refresh.bank = refresh_->bank();
    refresh.command = rank_.row(refresh.bank) != kNoRow ? Command::precharge : Command::refresh_bank;
  }
  refresh.clock = std::max({due, floor_, rank_.earliest(refresh.command, refresh.bank)});
  if (refresh.clock + rank_.length(refresh.command) <= best_end) choice_ = refresh;
}

uint64_t Controller::step() {
  const uint64_t clock = next().clock;
  BB_CHECK(clock != kNever, "no command to issue");
  issue_next();
  return clock;
}

void Controller::issue_next() {
  const Choice choice = choice_;
  chosen_ = false;
  IssuedCommand command{choice.clock, choice.command, choice.bank, 0, 0};
  if (choice.slot != kNoSlot && choice.command != Command::precharge) {
    const BurstRequest& request = buffer_.at(choice.slot).request;
    command.row = request.row;
    if (choice.command != Command::activate) command.column = request.column;
  }
  rank_.issue(command);
  floor_ = std::max(floor_, choice.clock);
  quiet_since_ = choice.clock;
  if (commands_ != nullptr) commands_->issued(channel_, command);

  switch (choice.command) {
    case Command::activate:
      ++counters_.activates;
      ++banks_[choice.bank].activates;
      buffer_.at(choice.slot).activated = true;
      page_->opened(choice.bank, command.row, last_row_[choice.bank]);
      last_row_[choice.bank] = command.row;
      return wish(choice.bank);
    case Command::write_masked:
      ++counters_.masked_writes;
      return after_column(choice.slot, choice.clock);
    case Command::read:
    case Command::write:
      return after_column(choice.slot, choice.clock);
    case Command::precharge:
      ++counters_.precharges;
      return wish(choice.bank);
    case Command::precharge_all:
      ++counters_.precharges_all;
      return wish_all();
    case Command::refresh_all:
      ++counters_.refreshes_all;
      quiet_since_ += refresh_all_clocks_;
      return refresh_->issued();
    case Command::refresh_bank:
      ++counters_.refreshes_bank;
      quiet_since_ += refresh_bank_clocks_;
      return refresh_->issued();
    case Command::power_down:
      ++counters_.power_downs;
      return;
    case Command::power_up:
      return;
  }
}

void Controller::after_column(Slot slot, uint64_t clock) {
  const RequestBuffer::Entry entry = buffer_.at(slot);
  const BurstRequest& request = entry.request;
  BankCounters& bank = banks_[request.bank];
  ++(request.write ? counters_.writes : counters_.reads);
  ++(request.write ? bank.writes : bank.reads);
  counters_.row_hits += entry.activated ? 0 : 1;
  bank.row_hits += entry.activated ? 0 : 1;
  const bool turned = scheduler_->served(request);
  buffer_.remove(slot);
  if (scheduler_->buffer_changed(buffer_) || turned) {
    wish_all();
  } else {
    wish(request.bank);
  }
  completions_.completed(request, clock + (request.write ? write_done_ : read_done_), !entry.activated);
}

bool Controller::progresses() const {
  for (uint64_t rest = wishing_; rest != 0; rest &= rest - 1) {
    if (wishes_[static_cast<size_t>(std::countr_zero(rest))].slot != kNoSlot) return true;
  }
  return false;
}

const BurstRequest& Controller::oldest() const {
  BB_CHECK(!buffer_.empty());
  Slot oldest = kNoSlot;
  for (unsigned bank = 0; bank < rank_.banks(); ++bank) {
    const Slot first = buffer_.first(bank);
    if (first == kNoSlot) continue;
    if (oldest == kNoSlot || buffer_.at(first).order < buffer_.at(oldest).order) oldest = first;
  }
  return buffer_.at(oldest).request;
}

void Controller::state(StateArchive& archive) {
  archive.section("controller");
  rank_.state(archive);
  buffer_.state(archive);
  scheduler_->state(archive);
  page_->state(archive);
  refresh_->state(archive);
  archive.range("last_row", std::span(last_row_));
  archive.value("floor", floor_);
  archive.value("quiet_since", quiet_since_);
  archive.value("counters", counters_);
  archive.range("banks", std::span(banks_));
  if (!archive.reading()) return;
  wish_all();
  chosen_ = false;
}

}  // namespace backboard::dram
