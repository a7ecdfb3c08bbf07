// The asynchronous bus: times of unloaded requests, limits, arbitration, back-pressure, what is counted and saved.
#include "platform/bus/request_bus.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <map>

namespace backboard {
namespace {

/// A memory that takes a request each `service_ps` and answers `latency_ps` after that.
class PlainTarget final : public RequestPort, public EventClient {
 public:
  explicit PlainTarget(EventQueue& queue) : queue_(queue), id_(queue.add_client("plain", EventRank::memory, *this)) {}

  uint64_t submit(const BusRequest& request) override {
    order.push_back(request.who.initiator);
    arrivals.push_back(request.time_ps);
    const uint64_t start_ps = std::max(free_ps, request.time_ps);
    free_ps = start_ps + (per_byte_ps != 0 ? per_byte_ps * request.size : service_ps);
    uint8_t* theirs = client_->request_data(request.tag);
    if (request.op == BusOp::read) {
      std::memcpy(theirs, &bytes[request.address], request.size);
    } else {
      std::memcpy(&bytes[request.address], theirs, request.size);
    }
    client_->on_response(request.tag, BusResponse::ok, free_ps + latency_ps);
    if (!says_later) return free_ps;
    queue_.schedule(free_ps, id_);
    return kLater;
  }
  void set_client(RequestClient& client) override { client_ = &client; }
  void on_event(uint64_t, uint64_t now_ps) override { client_->on_ready(now_ps); }

  uint64_t service_ps = 0, per_byte_ps = 0, latency_ps = 40'000, free_ps = 0;
  bool says_later = false;
  std::vector<uint8_t> bytes = std::vector<uint8_t>(65536);
  std::vector<Initiator> order;
  std::vector<uint64_t> arrivals;

 private:
  EventQueue& queue_;
  EventQueue::ClientId id_;
  RequestClient* client_ = nullptr;
};

/// A master that keeps as many requests going as the port takes.
class Greedy final : public RequestClient {
 public:
  Greedy(EventQueue& queue, RequestPort& port, Initiator initiator, uint32_t size)
      : queue_(queue), port_(port), initiator_(initiator), size_(size) {
    port.set_client(*this);
  }
  void go(uint64_t requests) {
    left_ = requests;
    pump();
  }
  uint8_t* request_data(RequestTag) override { return data.data(); }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override {
    CHECK(response == BusResponse::ok);
    CHECK(time_ps == queue_.now_ps());
    answers.push_back(time_ps);
    free_.push_back(tag);
    bytes += size_;
    pump();
  }
  void on_ready(uint64_t) override {
    ready_ = true;
    pump();
  }
  uint64_t deadline_after_ps = 0;
  uint64_t bytes = 0;
  BusOp op = BusOp::read;
  std::vector<uint8_t> data = std::vector<uint8_t>(8192);
  std::vector<uint64_t> answers;

  void pump() {
    while (ready_ && left_ > 0) {
      BusRequest request;
      if (free_.empty()) free_.push_back(made_++);
      request.tag = free_.back();
      free_.pop_back();
      request.address = 0x1000;
      request.size = size_;
      request.op = op;
      request.time_ps = queue_.now_ps();
      request.who.initiator = initiator_;
      if (deadline_after_ps != 0) request.deadline_ps = queue_.now_ps() + deadline_after_ps;
      --left_;
      ready_ = port_.submit(request) != RequestPort::kLater;
    }
  }

 private:
  EventQueue& queue_;
  RequestPort& port_;
  Initiator initiator_;
  uint32_t size_;
  uint64_t left_ = 0;
  bool ready_ = true;
  RequestTag made_ = 0;
  std::vector<RequestTag> free_;
};

struct Bench final : RequestRoutes {
  explicit Bench(const RouterConfig& config) : bus(config, queue, *this, {"core", "npu", "dma"}, {&memory, nullptr}) {}

  Route route(const BusRequest& request) override {
    if (request.address >= 0x20000) return {BusResponse::decode, 0, 0};
    if (request.address >= 0x10000) return {BusResponse::ok, 1, 0x10000};
    return {};
  }
  void answered(const BusRequest& request, uint32_t, BusResponse, const uint8_t*) override {
    counted[request.who.initiator] += request.size;
  }
  BusResponse access(uint32_t, BusAccess& access, uint64_t& delay_ps) override {
    access.data[0] = 0x5A;
    delay_ps += 100'000;
    return BusResponse::ok;
  }
  void starved(const BusRequest& request, uint64_t) override { ++starving[request.who.initiator]; }
  void run(uint64_t until_ps = EventQueue::kNever - 1) {
    while (queue.next_time_ps() <= until_ps) queue.run_one();
  }

  EventQueue queue;
  PlainTarget memory{queue};
  RequestBus bus;
  std::map<Initiator, uint64_t> counted, starving;
};

RouterConfig config_of(Arbitration arbitration, std::vector<BusMasterConfig> masters = {}) {
  RouterConfig config;
  config.arbitration = arbitration;
  config.masters = std::move(masters);
  return config;
}

TEST_CASE("an unloaded request takes the latency, the target's time and a beat, all beats at least") {
  struct Case {
    BusOp op;
    uint32_t size;
    uint64_t answer_ps;
  };
  // Bus of 5 ns, latency 2 cycles, 16 bytes a beat, target 40 ns. Read of 32: 10 + 40 + 5. Read of 256: 10 + 16 beats.
  // Write of 32: 10 + 5 (first beat) + 40.
  for (const Case& c : {Case{BusOp::read, 32, 55'000}, Case{BusOp::read, 256, 90'000}, Case{BusOp::write, 32, 55'000},
                        Case{BusOp::write, 256, 90'000}}) {
    Bench bench{RouterConfig{}};
    Greedy master(bench.queue, bench.bus.port(1), Initiator::npu, c.size);
    master.op = c.op;
    master.go(1);
    bench.run();
    REQUIRE(master.answers.size() == 1);
    CHECK(master.answers[0] == c.answer_ps);
    CHECK(bench.memory.arrivals[0] == (c.op == BusOp::read ? 10'000 : 15'000));
    CHECK(bench.counted[Initiator::npu] == c.size);
  }
}

TEST_CASE("a master has as many requests in flight as it may, what waits for that is counted") {
  Bench bench{config_of(Arbitration::round_robin, {{BusMaster::npu, 2, 1, 0}})};
  Greedy master(bench.queue, bench.bus.port(1), Initiator::npu, 16);
  master.go(4);
  bench.run();
  // Granted an edge apart: answered at 55 and 60; each answer lets one more in, granted at the edge behind it.
  CHECK(master.answers == std::vector<uint64_t>{55'000, 60'000, 110'000, 115'000});
  CHECK(bench.bus.account(1).largest_depth == 2);
  // Blocked from 0 to 55, and again while two were in flight: 55 to 60, 60 to 110.
  CHECK(bench.bus.account(1).blocked_ps == 110'000);
  CHECK(bench.bus.account(1).read_latency_ns.count() == 4);
  CHECK(bench.bus.account(1).read_latency_ns.max() == 60 - 0);
}

TEST_CASE("round robin takes turns, whoever came first") {
  for (const bool later : {false, true}) {
    Bench bench{config_of(Arbitration::round_robin)};
    bench.memory.service_ps = 20'000;
    bench.memory.says_later = later;
    Greedy npu(bench.queue, bench.bus.port(1), Initiator::npu, 64),
        dma(bench.queue, bench.bus.port(2), Initiator::dma, 64);
    dma.go(30);
    npu.go(30);
    bench.run();
    for (size_t i = 0; i < 60; ++i) CHECK(bench.memory.order[i] == (i % 2 == 0 ? Initiator::npu : Initiator::dma));
  }
}

TEST_CASE("bytes follow the weights within 1 % while all ask for more, also with requests of unlike sizes") {
  Bench bench{config_of(Arbitration::weighted,
                        {{BusMaster::core, 16, 1, 0}, {BusMaster::npu, 16, 5, 0}, {BusMaster::dma, 16, 2, 0}})};
  bench.memory.per_byte_ps = 200;
  Greedy core(bench.queue, bench.bus.port(0), Initiator::core_data, 64),
      npu(bench.queue, bench.bus.port(1), Initiator::npu, 256),
      dma(bench.queue, bench.bus.port(2), Initiator::dma, 1024);
  core.go(100'000), npu.go(100'000), dma.go(100'000);
  bench.run(500'000'000);
  const double all = static_cast<double>(core.bytes + npu.bytes + dma.bytes);
  REQUIRE(all > 2'000'000);
  CHECK(static_cast<double>(core.bytes) / all == Approx(1.0 / 8).epsilon(0.01));
  CHECK(static_cast<double>(npu.bytes) / all == Approx(5.0 / 8).epsilon(0.01));
  CHECK(static_cast<double>(dma.bytes) / all == Approx(2.0 / 8).epsilon(0.01));
}

TEST_CASE("a master that was idle gets no credit for it under weights") {
  Bench bench{config_of(Arbitration::weighted)};
  bench.memory.service_ps = 20'000;
  Greedy npu(bench.queue, bench.bus.port(1), Initiator::npu, 64),
      dma(bench.queue, bench.bus.port(2), Initiator::dma, 64);
  npu.go(1000);
  bench.run(10'000'000);
  const size_t before = bench.memory.order.size();
  dma.go(1000);
  bench.run(12'000'000);
  const auto since = static_cast<int64_t>(bench.memory.order.size() - before);
  const auto dmas = std::count(bench.memory.order.begin(), bench.memory.order.end(), Initiator::dma);
  CHECK(std::abs(2 * dmas - since) <= 4);
}

TEST_CASE("fixed priority starves the other master, which is reported") {
  RouterConfig config = config_of(Arbitration::fixed, {{BusMaster::npu, 16, 1, 3}});
  config.starvation_ps = 1'000'000;
  Bench bench{config};
  bench.memory.service_ps = 20'000;
  Greedy npu(bench.queue, bench.bus.port(1), Initiator::npu, 64),
      dma(bench.queue, bench.bus.port(2), Initiator::dma, 64);
  dma.go(3);
  npu.go(200);
  bench.run();
  CHECK(bench.memory.order[0] == Initiator::npu);
  CHECK(std::count(bench.memory.order.begin(), bench.memory.order.begin() + 200, Initiator::npu) == 200);
  CHECK(bench.starving[Initiator::dma] == 3);
  CHECK(bench.bus.account(2).starved == 3);
  CHECK(bench.bus.account(1).starved == 0);
}

TEST_CASE("deadlines decide who goes first, and missed ones are counted") {
  Bench bench{config_of(Arbitration::deadline)};
  bench.memory.service_ps = 20'000;
  Greedy npu(bench.queue, bench.bus.port(1), Initiator::npu, 64),
      dma(bench.queue, bench.bus.port(2), Initiator::dma, 64);
  dma.deadline_after_ps = 130'000;
  npu.go(8);
  dma.go(8);
  bench.run();
  for (size_t i = 0; i < 8; ++i) CHECK(bench.memory.order[i] == Initiator::dma);
  // The k-th is answered at 10 + 20 k + 40 + 5: 55 + 20 k <= 130 for k = 1, 2, 3.
  CHECK(bench.bus.account(2).deadlines == 8);
  CHECK(bench.bus.account(2).deadlines_missed == 5);
}

TEST_CASE("waiting is told apart: for the target, for others, behind one's own") {
  Bench bench{config_of(Arbitration::round_robin)};
  bench.memory.service_ps = 100'000;
  Greedy npu(bench.queue, bench.bus.port(1), Initiator::npu, 16);
  npu.go(2);
  bench.run();
  const MasterAccount& account = bench.bus.account(1);
  // The first is granted at 5 and arrives at 10; the target is ready at 110, so the second, at the head since 5, is
  // granted at 105.
  CHECK(bench.memory.arrivals == std::vector<uint64_t>{10'000, 110'000});
  CHECK(account.queue_ps == 5'000);
  CHECK(account.target_ps == 100'000);
  CHECK(account.arbitration_ps == 0);
}

TEST_CASE("requests to other targets and to nowhere are answered too") {
  Bench bench{RouterConfig{}};
  struct Probe final : RequestClient {
    uint8_t* request_data(RequestTag) override { return data; }
    void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override {
      answers[tag] = {response, time_ps};
    }
    uint8_t data[8] = {};
    std::map<RequestTag, std::pair<BusResponse, uint64_t>> answers;
  } probe;
  RequestPort& port = bench.bus.port(0);
  port.set_client(probe);
  BusRequest request;
  request.size = 4;
  request.address = 0x10000;
  request.tag = 7;
  port.submit(request);
  request.address = 0x30000;
  request.tag = 8;
  port.submit(request);
  bench.run();
  CHECK(probe.answers[7] == std::pair{BusResponse::ok, uint64_t{10'000 + 100'000 + 5'000}});
  CHECK(probe.data[0] == 0x5A);
  CHECK(probe.answers[8] == std::pair{BusResponse::decode, uint64_t{10'000}});
  CHECK(bench.bus.in_flight() == 0);
}

}  // namespace
}  // namespace backboard
