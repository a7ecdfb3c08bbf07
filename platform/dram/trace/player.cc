#include "platform/dram/trace/player.h"

#include "platform/check/check.h"
#include "platform/dram/mapping/address_mapping.h"

namespace backboard::dram {
namespace {

/// One run of `play`.
class Player final : public CompletionSink, public CommandSink {
 public:
  Player(const MemoryConfig& config, CommandSink* commands, std::unique_ptr<Scheduler> scheduler)
      : config_(config), commands_(commands), mapping_(config), with_energy_(!config.rails.empty()) {
    for (unsigned i = 0; i < config.channels; ++i) {
      meters_.emplace_back(config);
      CommandSink* sink = with_energy_ || commands != nullptr ? this : nullptr;
      channels_.push_back(scheduler != nullptr
                              ? std::make_unique<Controller>(config, i, *this, sink, std::move(scheduler))
                              : std::make_unique<Controller>(config, i, *this, sink));
    }
  }

  void completed(const BurstRequest& request, uint64_t done) override {
    ++result_.requests;
    result_.end_clock = std::max(result_.end_clock, done);
    if (!request.write) result_.read_latency.add(done - request.arrival);
  }
  void issued(unsigned channel, const IssuedCommand& command) override {
    if (with_energy_) meters_[channel].issued(command);
    if (commands_ != nullptr) commands_->issued(channel, command);
  }

  PlayResult run(TraceSource& source) {
    TraceRequest request;
    uint64_t token = 0, port_free = 0;
    while (result_.stuck.empty() && source.next(request)) {
      const uint64_t offered = std::max(request.cycle, port_free);
      port_free = offer(request, token++, offered) + 1;
    }
    for (const auto& channel : channels_) finish(*channel);
    for (const auto& channel : channels_) channel->run_until(result_.end_clock);  // refreshes that are due by then
    summarise();
    return std::move(result_);
  }

 private:
  /// Returns the clock at which the request is accepted.
  uint64_t offer(const TraceRequest& request, uint64_t token, uint64_t offered) {
    const BurstPlace place = mapping_.place(request.address);
    Controller& channel = *channels_[place.channel];
    channel.run_until(offered);
    uint64_t clock = offered;
    while (channel.full() && moves(channel)) clock = channel.step();
    if (result_.stuck.empty()) {
      channel.accept({token, offered, place.bank, place.row, place.column, request.write}, clock);
    }
    return clock;
  }
  void finish(Controller& channel) {
    while (!channel.idle() && moves(channel)) channel.step();
  }
  /// Whether queued requests of the channel have commands to come; says so in the result otherwise. Refreshes, which
  /// always come, do not count, unless one stands between the requests and their commands.
  bool moves(const Controller& channel) {
    if (channel.progresses()) return true;
    const BurstRequest& r = channel.oldest();
    result_.stuck = fmt::format("request {} ({} of bank {}, row {:#x}, column {:#x}), offered at clock {}", r.token,
                                r.write ? "write" : "read", r.bank, r.row, r.column, r.arrival);
    return false;
  }

  void summarise() {
    for (size_t i = 0; i < channels_.size(); ++i) {
      const ControllerCounters& c = channels_[i]->counters();
      ControllerCounters& sum = result_.counters;
      sum.reads += c.reads;
      sum.writes += c.writes;
      sum.row_hits += c.row_hits;
      sum.activates += c.activates;
      sum.precharges += c.precharges;
      sum.precharges_all += c.precharges_all;
      sum.refreshes_all += c.refreshes_all;
      sum.refreshes_bank += c.refreshes_bank;
      if (!with_energy_) continue;
      const EnergyFacts facts = meters_[i].facts_at(result_.end_clock);
      if (!result_.energy) result_.energy.emplace();
      result_.energy->add(energy_of(facts, config_));
      EnergyFacts& all = result_.energy_facts;
      all.activates += facts.activates;
      all.precharges += facts.precharges;
      all.reads += facts.reads;
      all.writes += facts.writes;
      all.refreshes_all += facts.refreshes_all;
      all.refreshes_bank += facts.refreshes_bank;
      all.bank_active_clocks += facts.bank_active_clocks;
      all.rank_active_clocks += facts.rank_active_clocks;
      all.clocks = facts.clocks;
    }
  }

  const MemoryConfig& config_;
  CommandSink* commands_;
  AddressMapping mapping_;
  bool with_energy_;
  std::vector<EnergyMeter> meters_;
  std::vector<std::unique_ptr<Controller>> channels_;
  PlayResult result_;
};

}  // namespace

double PlayResult::gbytes_per_s(const MemoryConfig& config) const {
  if (end_clock == 0) return 0.0;
  return static_cast<double>(requests) * config.burst_bytes() / seconds(config) / 1e9;
}

PlayResult play(const MemoryConfig& config, TraceSource& source, CommandSink* commands,
                std::unique_ptr<Scheduler> scheduler) {
  BB_CHECK(scheduler == nullptr || config.channels == 1);
  return Player(config, commands, std::move(scheduler)).run(source);
}

}  // namespace backboard::dram
