// The command-level DRAM as a target of asynchronous requests: event-driven, not clocked.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "platform/bus/bandwidth_bins.h"
#include "platform/bus/request.h"
#include "platform/dram/controller/controller.h"
#include "platform/dram/dram_counters.h"
#include "platform/dram/energy/energy_meter.h"
#include "platform/dram/mapping/address_mapping.h"
#include "platform/dram/target/ecc_plan.h"
#include "platform/dram/target/word_errors.h"
#include "platform/events/clock_time.h"
#include "platform/events/event_queue.h"

namespace backboard::dram {

/// One or more channels, each a lane of the port. A request is cut into bursts, which enter the buffers of their
/// channels in order, at most one a clock and channel, as there is room: a channel that is full holds back its own lane
/// and no other. Its data move burst by burst when the column commands are issued, and it is answered when the last of
/// them have passed.
///
/// Nothing is clocked. Commands are computed when somebody needs to know: up to a request's arrival when one is
/// submitted (requests arrive in the order of time, so nothing can come before it any more), on until the request is in
/// the buffers (the port takes no other before), and else up to the present, at times before which no request can be
/// complete. So a request costs its submission and about one event, and answers are given as soon as they are known,
/// with their time; with several channels at their time, in the order of time. Commands and times do not depend on when
/// they are computed.
class MemoryTarget final : public RequestPort,
                           public EventClient,
                           public Saved,
                           public CompletionSink,
                           public CommandSink {
 public:
  /// `bytes`: the memory's contents, `size_bytes` long, a window on the part from its address 0; null: data do not move
  /// (traces). Requests that leave the window are answered with `target`. `commands` may be null. A custom scheduler
  /// serves tests and is for one channel.
  MemoryTarget(const MemoryConfig& config, EventQueue& queue, uint8_t* bytes, uint64_t size_bytes,
               CommandSink* commands = nullptr, std::unique_ptr<Scheduler> scheduler = nullptr);

  /// Always knows when the next of the same lane may follow: when the last burst of this one has entered the buffer of
  /// that channel.
  uint64_t submit(const BusRequest& request) override;
  unsigned lanes() const override { return channels(); }
  unsigned lane_of(uint64_t address) const override {
    return address < config_.capacity_bytes() ? mapping_.place(address).channel : 0;
  }
  /// The client must not submit from within `on_response`.
  void set_client(RequestClient& client) override { client_ = &client; }
  /// Bytes are counted over time there, when their request is complete.
  void count_bandwidth(BandwidthBins& bins) { bandwidth_ = &bins; }
  /// A fault: the request of this number, from 1 on, is taken and never answered; 0: none.
  void lose(uint64_t number) { lose_ = number; }
  /// A fault: `bits`, 1 or 2, of the word of eight bytes at `address` are wrong until somebody writes the whole word.
  /// With ECC one is corrected on each read and two are an error response; without, the reader gets wrong bits. Direct
  /// accesses of the core and debuggers see the right ones.
  void plant_error(uint64_t address, unsigned bits) { errors_.plant(address, bits); }
  const EccCounters& ecc() const { return errors_.counters(); }
  void on_event(uint64_t tag, uint64_t now_ps) override;

  /// A request of somebody who does nothing else until it is answered (the core): it passes through the same buffers
  /// and commands, and the model runs ahead to its answer. What others submit for the time until then comes behind the
  /// commands that are issued by then: that is where it differs from `submit`. `data`: the request's bytes. Gives the
  /// time at which the last data have passed; kLater: a channel is stuck. `uncorrected`, if any, is set for wrong
  /// words.
  uint64_t serve_in_line(const BusRequest& request, uint8_t* data, bool* uncorrected = nullptr);

  /// Issues what is due by `time_ps`, refreshes too: before statistics are read.
  void settle(uint64_t time_ps);
  EventQueue::ClientId event_client() const { return id_; }
  /// Requests that are not answered.
  unsigned in_flight() const { return in_flight_; }
  /// A request that can never complete, as the scheduler serves nothing more of its channel.
  struct Stuck {
    RequestTag tag;
    std::string what;  ///< "read of bank 0, row 0x0, column 0x0, offered at clock 0"
  };
  std::optional<Stuck> stuck() const;

  const ClockGrid& clock() const { return grid_; }
  const MemoryConfig& config() const { return config_; }
  ControllerCounters counters() const;
  /// By initiator: whole requests once they are answered, so that they agree with the masters' counts.
  const std::array<DramCounters, kInitiators>& by_initiator() const { return by_initiator_; }
  unsigned channels() const { return static_cast<unsigned>(channels_.size()); }
  const std::vector<BankCounters>& banks(unsigned channel) const { return channels_[channel]->banks(); }
  /// Facts of one channel up to a clock not before its last command.
  EnergyFacts energy_facts(unsigned channel, uint64_t clock) const { return meters_[channel].facts_at(clock); }
  /// Over all channels; all zero for a part without currents.
  EnergyByCause energy(uint64_t clock) const;
  /// The clock of the last command, or of `time_ps`, whichever is later.
  uint64_t clock_reached(uint64_t time_ps) const;

  void state(StateArchive& archive) override;
  void stats(const StatsWriter& writer, uint64_t time_ps) const;

 private:
  /// A request in the buffers.
  struct Flight {
    BusRequest request;
    uint64_t arrival = 0;  ///< clock
    uint64_t number = 0;   ///< in the order of submission
    uint64_t first = 0;    ///< address of the first burst
    uint64_t done = 0;     ///< clock at which the last data so far have passed
    uint32_t bursts = 0;   ///< all of them that are known of: those of the data, and what ECC has added
    uint32_t data_bursts = 0;
    uint32_t extra_writes = 0;  ///< of what ECC has added
    uint32_t issued = 0;        ///< column commands
    uint32_t hits = 0;          ///< of them, to an open row
    uint32_t next_free = 0;     ///< in the list of unused entries
    bool used = false;
    bool wrong = false;          ///< a word could not be corrected
    uint8_t* in_line = nullptr;  ///< the bytes of a request that is served in line; never between two events
  };
  static constexpr uint32_t kNoFlight = UINT32_MAX;

  void completed(const BurstRequest& burst, uint64_t done, bool hit) override;
  void issued(unsigned channel, const IssuedCommand& command) override;

  uint32_t claim();
  uint32_t enter(const BusRequest& request);
  bool feed(uint32_t index);
  bool offer(uint64_t token, uint64_t address, uint64_t arrival, bool write, bool masked);
  void move_data(Flight& flight, uint32_t burst);
  void answer(uint32_t index);
  void give_answers(uint64_t now_ps);
  void schedule_wake();
  uint64_t earliest_completion() const;
  void save_rows(StateArchive& archive);

  MemoryConfig config_;
  EventQueue& queue_;
  EventQueue::ClientId id_;
  uint8_t* bytes_;
  uint64_t size_bytes_;
  CommandSink* commands_;
  RequestClient* client_ = nullptr;
  ClockGrid grid_;
  AddressMapping mapping_;
  EccPlan ecc_;
  WordErrors errors_;
  uint32_t burst_bytes_;
  uint64_t gap_, done_;  ///< clocks between column commands, and from one to the end of its data, at least
  bool with_energy_, with_meters_;
  std::vector<std::unique_ptr<Controller>> channels_;
  std::vector<EnergyMeter> meters_;

  std::vector<Flight> flights_;
  uint32_t free_ = kNoFlight;
  uint32_t in_flight_ = 0;
  uint64_t submitted_ = 0, lose_ = 0, entered_ = 0;
  /// Several channels: requests whose last data have passed or will, by time (ps) and number; their index. Channels run
  /// ahead of each other, but nobody gets an answer behind one that comes later.
  std::set<std::tuple<uint64_t, uint64_t, uint32_t>> answers_;
  std::vector<uint64_t> port_free_;        ///< by channel: clock at which the next burst may enter its buffer
  uint64_t last_command_ = 0;              ///< clock
  uint64_t wake_ps_ = EventQueue::kNever;  ///< the earliest event scheduled
  std::array<DramCounters, kInitiators> by_initiator_{};
  BandwidthBins* bandwidth_ = nullptr;
  std::vector<uint32_t> row_activates_;  ///< by channel, bank and row; empty in traces
};

}  // namespace backboard::dram
