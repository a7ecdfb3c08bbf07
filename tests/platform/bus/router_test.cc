// One elaboration a process: every case builds its own bus and starts the kernel once.
#include "platform/bus/router.h"

#include <catch2/catch.hpp>

#include "platform/tlm/master_port.h"
#include "platform/tlm/target_socket.h"
#include "tests/support/device_bench.h"

namespace backboard {
namespace {

/// Memory that remembers its last access and takes 7 ns.
struct Recorder final : BusTarget {
  static constexpr uint64_t kDelayPs = 7'000;
  std::array<uint8_t, 0x1000> bytes{};
  BusAccess last;
  unsigned accesses = 0;
  BusResponse answer = BusResponse::ok;
  bool offers_direct = true;

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override {
    last = access;
    ++accesses;
    if (answer != BusResponse::ok) return answer;
    uint8_t* place = bytes.data() + access.address;
    if (access.op == BusOp::read) std::copy(place, place + access.size, access.data);
    if (access.op == BusOp::write) std::copy(access.data, access.data + access.size, place);
    if (!access.debug) delay_ps += kDelayPs;
    return BusResponse::ok;
  }
  std::optional<DirectRegion> direct(uint64_t) override {
    if (!offers_direct) return std::nullopt;
    return DirectRegion{bytes.data(), 0, 0xFFF, true, true, 3'000, 4'000};
  }
};

/// Two targets and all masters; 200 MHz, 16 bytes wide, latency 2: 10 ns and 5 ns a beat.
struct Bus {
  explicit Bus(RouterConfig config = {})
      : router("bus", config, {{"low", 0x1000, 0x1FFF}, {"high", 0x8000, 0x8FFF}}, 1, findings) {
    for (size_t i = 0; i < kBusMasters; ++i) {
      const std::string name = std::string(name_of(static_cast<BusMaster>(i))) + "_port";
      ports.push_back(std::make_unique<MasterPort>(name.c_str()));
      ports[i]->socket.bind(router.master_socket(static_cast<BusMaster>(i)));
    }
    router.target_socket(0).bind(low_socket.socket);
    router.target_socket(1).bind(high_socket.socket);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  BusResponse access(BusMaster master, BusOp op, uint64_t address, uint32_t size, uint64_t time_ps = 0,
                     Attribution who = {}, bool debug = false) {
    BusAccess made{op, address, data.data(), size, time_ps, who, debug};
    delay_ps = 0;
    return ports[static_cast<size_t>(master)]->access(made, delay_ps);
  }

  test::FindingList findings;
  Recorder low, high;
  TargetSocket low_socket{"low", low}, high_socket{"high", high};
  Router router;
  std::vector<std::unique_ptr<MasterPort>> ports;
  std::array<uint8_t, 512> data{};
  uint64_t delay_ps = 0;
};

TEST_CASE("an access arrives at its target with relative address, time and owner") {
  Bus bus;
  const Attribution who{Initiator::npu, Phase::kBP, TensorClass::kERROR, 7, 42};
  CHECK(bus.access(BusMaster::npu, BusOp::read, 0x8010, 4, 1'000, who) == BusResponse::ok);
  CHECK(bus.high.last.address == 0x10);
  CHECK(bus.high.last.time_ps == 1'000 + 10'000);  // after the bus's latency
  CHECK(bus.high.last.who.initiator == Initiator::npu);
  CHECK(bus.high.last.who.phase == Phase::kBP);
  CHECK(bus.high.last.who.tensor == TensorClass::kERROR);
  CHECK(bus.high.last.who.layer == 7);
  CHECK(bus.high.last.who.command == 42);
  CHECK(bus.low.accesses == 0);
  const TrafficRow row = bus.router.traffic().rows().at(0);
  CHECK(row.who.layer == 7);
  CHECK(row.read_bytes == 4);
  // The other target's traffic is not told apart.
  bus.access(BusMaster::npu, BusOp::write, 0x1000, 4, 0, who);
  CHECK(bus.router.traffic().rows().size() == 1);
}

TEST_CASE("reads and writes take latency, target and beats, each byte passed on as it comes") {
  Bus bus;
  // 10 ns latency + 7 ns target + 5 ns for the only beat.
  bus.access(BusMaster::core, BusOp::read, 0x1000, 4, 0);
  CHECK(bus.delay_ps == 22'000);
  bus.access(BusMaster::core, BusOp::write, 0x1000, 4, 0);
  CHECK(bus.delay_ps == 22'000);
  // 256 bytes are 16 beats: 10 + 80 ns, for the target was done long before the last beat.
  bus.access(BusMaster::npu, BusOp::read, 0x1000, 256, 0);
  CHECK(bus.delay_ps == 90'000);
  // The next one of the same master and direction waits for the channel, other ones do not.
  bus.access(BusMaster::npu, BusOp::read, 0x1000, 256, 10'000);
  CHECK(bus.delay_ps == 70'000 + 90'000);
  CHECK(bus.low.last.time_ps == 80'000 + 10'000);
  bus.access(BusMaster::npu, BusOp::write, 0x1000, 256, 10'000);
  CHECK(bus.delay_ps == 90'000);
  bus.access(BusMaster::dma, BusOp::read, 0x1000, 256, 10'000);
  CHECK(bus.delay_ps == 90'000);
}

TEST_CASE("nothing answers in holes and across ends: an error, a finding, and a count") {
  Bus bus;
  CHECK(bus.access(BusMaster::core, BusOp::read, 0x2000, 4) == BusResponse::decode);
  CHECK(bus.delay_ps == 10'000);
  CHECK(bus.access(BusMaster::core, BusOp::write, 0x1FFE, 4) == BusResponse::decode);
  CHECK(bus.access(BusMaster::core, BusOp::write, UINT64_MAX - 1, 4) == BusResponse::decode);
  CHECK(bus.low.accesses == 0);
  CHECK(bus.router.refused(BusMaster::core).decode == 3);
  REQUIRE(bus.findings.list.size() == 3);
  CHECK(bus.findings.list[0].block == "bus");
  CHECK(bus.findings.list[0].address == 0x2000);
  CHECK(bus.ports[0]->counters().refused == 3);
}

TEST_CASE("a target's refusal comes back as it is and moves no bytes") {
  Bus bus;
  bus.low.answer = BusResponse::target;
  CHECK(bus.access(BusMaster::core, BusOp::read, 0x1000, 4) == BusResponse::target);
  CHECK(bus.router.counters(BusMaster::core, 0).refused == 1);
  CHECK(bus.router.counters(BusMaster::core, 0).read_bytes == 0);
  CHECK(bus.findings.list.empty());  // the target reports it
}

TEST_CASE("access windows bind their master and no other") {
  RouterConfig config;
  config.windows.push_back({BusMaster::npu, 0x8100, 0x81FF, true, false});
  Bus bus(config);
  CHECK(bus.access(BusMaster::npu, BusOp::read, 0x8100, 256) == BusResponse::ok);
  CHECK(bus.access(BusMaster::npu, BusOp::read, 0x8100, 257) == BusResponse::denied);
  CHECK(bus.access(BusMaster::npu, BusOp::write, 0x8100, 4) == BusResponse::denied);
  CHECK(bus.access(BusMaster::npu, BusOp::read, 0x1000, 4) == BusResponse::denied);
  CHECK(bus.access(BusMaster::npu, BusOp::read, 0x3000, 4) == BusResponse::denied);  // denied before it is decoded
  CHECK(bus.access(BusMaster::core, BusOp::write, 0x8100, 4) == BusResponse::ok);
  CHECK(bus.router.refused(BusMaster::npu).denied == 4);
  CHECK(bus.findings.list.size() == 4);
  CHECK(bus.findings.list[0].reason.find("access windows of npu") != std::string::npos);
  const auto region = bus.ports[static_cast<size_t>(BusMaster::npu)]->direct(0x8180);
  REQUIRE(region);
  CHECK(region->first == 0x8100);
  CHECK(region->last == 0x81FF);
  CHECK_FALSE(region->writable);
  CHECK_FALSE(bus.ports[static_cast<size_t>(BusMaster::npu)]->direct(0x1000));
}

TEST_CASE("direct memory is absolute and costs the bus's time as well") {
  Bus bus;
  const auto region = bus.ports[0]->direct(0x8123);
  REQUIRE(region);
  CHECK(region->bytes == bus.high.bytes.data());
  CHECK(region->first == 0x8000);
  CHECK(region->last == 0x8FFF);
  CHECK(region->read_latency_ps == 10'000 + 5'000 + 3'000);
  CHECK(region->write_latency_ps == 10'000 + 5'000 + 4'000);
  bus.low.offers_direct = false;
  CHECK_FALSE(bus.ports[0]->direct(0x1000));
  CHECK_FALSE(bus.ports[0]->direct(0x5000));
  uint64_t first = 0, last = 0;
  bus.ports[0]->on_invalidate([&](uint64_t from, uint64_t to) {
    first = from;
    last = to;
  });
  bus.high_socket.socket->invalidate_direct_mem_ptr(0x10, 0x1F);
  CHECK(first == 0x8010);
  CHECK(last == 0x801F);
}

TEST_CASE("debug accesses pass windows, take no time and are not counted") {
  RouterConfig config;
  config.windows.push_back({BusMaster::core, 0x8000, 0x8FFF, true, true});
  Bus bus(config);
  bus.data[0] = 0x77;
  CHECK(bus.access(BusMaster::core, BusOp::write, 0x1004, 1, 0, {}, true) == BusResponse::ok);
  CHECK(bus.low.bytes[4] == 0x77);
  CHECK(bus.low.last.debug);
  CHECK(bus.delay_ps == 0);
  CHECK(bus.access(BusMaster::core, BusOp::read, 0x5000, 1, 0, {}, true) == BusResponse::decode);
  CHECK(bus.ports[0]->counters() == PortCounters{});
  CHECK(bus.findings.list.empty());
}

TEST_CASE("masters, bus and targets count the same bytes") {
  Bus bus;
  for (uint32_t size = 1; size <= 200; ++size) {
    bus.access(BusMaster::npu, size % 3 ? BusOp::read : BusOp::write, 0x8000 + size, size);
    bus.access(BusMaster::core, BusOp::read, 0x1000 + size, 4);
  }
  PortCounters npu = bus.router.counters(BusMaster::npu, 1);
  CHECK(npu == bus.ports[static_cast<size_t>(BusMaster::npu)]->counters());
  CHECK(npu == bus.high_socket.counters());
  CHECK(bus.router.counters(BusMaster::core, 0) == bus.low_socket.counters());
  CHECK(npu.read_bytes + npu.write_bytes == 200 * 201 / 2);
  CHECK(bus.router.traffic().conservation_error(npu.read_bytes, npu.write_bytes).value_or("") == "");
}

TEST_CASE("a write watch sees writes that touch its range after they were carried out") {
  Bus bus;
  std::vector<uint64_t> seen;
  bus.router.watch_writes(0x8010, 0x8017, [&](uint64_t address, const uint8_t*, uint32_t) {
    CHECK(bus.high.accesses > 0);
    seen.push_back(address);
  });
  bus.access(BusMaster::core, BusOp::write, 0x800C, 4);
  bus.access(BusMaster::core, BusOp::write, 0x800D, 4);
  bus.access(BusMaster::core, BusOp::write, 0x8017, 1);
  bus.access(BusMaster::core, BusOp::read, 0x8010, 4);
  bus.access(BusMaster::core, BusOp::write, 0x8018, 4);
  CHECK(seen == std::vector<uint64_t>{0x800D, 0x8017});
}

TEST_CASE("a lane to a device gives the times, responses and counts of the way through the sockets") {
  Bus bus;
  bus.low.offers_direct = false;
  bus.router.shorten(0, bus.low_socket);
  bus.router.shorten(1, bus.high_socket);
  MasterPort& core = *bus.ports[static_cast<size_t>(BusMaster::core)];
  CHECK(core.device_lane(0x1004) == nullptr);  // nobody gave it any
  core.take_lanes(bus.router.core_lanes(core.counters()));
  CHECK(core.device_lane(0x8000) == nullptr);  // memory, whose traffic is told apart
  CHECK(core.device_lane(0x3000) == nullptr);
  DeviceLane* const lane = core.device_lane(0x1004);
  REQUIRE(lane != nullptr);
  CHECK(core.device_lane(0x1FFF) == lane);
  for (unsigned i = 0; i < 60; ++i) {
    INFO(i);
    const BusOp op = i % 3 == 0 ? BusOp::write : BusOp::read;
    const uint32_t size = 1u << i % 5;  // one beat at most; the channel is sometimes free, sometimes not
    const uint64_t address = 0x1000 + 16 * i, time_ps = 3'000 * i + (i % 7 == 0 ? 20'000 : 0);
    bus.low.answer = i % 11 == 0 ? BusResponse::target : BusResponse::ok;
    REQUIRE(lane->takes(op, address, size));
    BusAccess access{op, address, bus.data.data(), size, time_ps, {Initiator::core_data}, false};
    uint64_t delay_ps = 0;
    const BusResponse response = lane->access(access, delay_ps);
    const BusAccess seen = bus.low.last;
    CHECK(bus.access(BusMaster::npu, op, address, size, time_ps) == response);
    CHECK(bus.delay_ps == delay_ps);
    CHECK(bus.low.last.time_ps == seen.time_ps);
    CHECK(bus.low.last.address == seen.address);
  }
  const PortCounters& counted = bus.router.counters(BusMaster::core, 0);
  CHECK(counted.reads > 30);
  CHECK(counted.refused == 6);
  CHECK(counted == bus.router.counters(BusMaster::npu, 0));
  CHECK(core.counters() == counted);
  PortCounters both = counted;
  both += counted;
  CHECK(bus.low_socket.counters() == both);

  CHECK_FALSE(lane->takes(BusOp::read, 0x1FFE, 4));
  CHECK_FALSE(lane->takes(BusOp::read, 0x0FFF, 1));
  CHECK_FALSE(lane->takes(BusOp::read, 0x1000, 32));  // two beats
  bus.router.watch_writes(0x1010, 0x1013, [](uint64_t, const uint8_t*, uint32_t) {});
  CHECK_FALSE(lane->takes(BusOp::write, 0x1100, 4));
  CHECK(lane->takes(BusOp::read, 0x1100, 4));
}

TEST_CASE("a lane to a memory gives the times, responses, counts and traffic of the way through the sockets") {
  Bus bus;
  bus.router.shorten(0, bus.low_socket);
  bus.router.shorten(1, bus.high_socket);
  MasterPort& core = *bus.ports[static_cast<size_t>(BusMaster::core)];
  CHECK(core.memory_lane(0x8000) == nullptr);  // nobody gave it any
  core.take_lanes(bus.router.core_lanes(core.counters()));
  CHECK(core.memory_lane(0x3000) == nullptr);
  BusPort* const lane = core.memory_lane(0x8004);
  REQUIRE(lane != nullptr);
  CHECK(core.memory_lane(0x8FFF) == lane);
  std::vector<uint64_t> seen_writes;
  bus.router.watch_writes(0x8100, 0x8103, [&](uint64_t at, const uint8_t*, uint32_t) { seen_writes.push_back(at); });
  uint64_t bytes = 0;
  for (unsigned i = 0; i < 60; ++i) {
    INFO(i);
    const BusOp op = i % 3 == 0 ? BusOp::write : BusOp::read;
    const uint32_t size = 1u << i % 8;  // up to eight beats; the channel is sometimes free, sometimes not
    const uint64_t address = 0x8000 + 16 * i, time_ps = 9'000 * i + (i % 7 == 0 ? 50'000 : 0);
    bus.high.answer = i % 11 == 0 ? BusResponse::target : BusResponse::ok;
    const Attribution who{Initiator::core_data, Phase::kCODE};
    BusAccess access{op, address, bus.data.data(), size, time_ps, who, false};
    uint64_t delay_ps = i % 5 == 0 ? 1'000 : 0;
    const uint64_t before_ps = delay_ps;
    const BusResponse response = lane->access(access, delay_ps);
    CHECK(access.address == address);
    CHECK(access.time_ps == time_ps);
    const BusAccess seen = bus.high.last;
    BusAccess other{op, address, bus.data.data(), size, time_ps, {Initiator::npu, Phase::kCODE}, false};
    uint64_t other_ps = before_ps;
    CHECK(bus.ports[static_cast<size_t>(BusMaster::npu)]->access(other, other_ps) == response);
    CHECK(other_ps == delay_ps);
    CHECK(bus.high.last.time_ps == seen.time_ps);
    CHECK(bus.high.last.address == seen.address);
    if (response == BusResponse::ok) bytes += size;
  }
  CHECK(seen_writes == std::vector<uint64_t>{0x80F0, 0x80F0});  // by both ways
  const PortCounters& counted = bus.router.counters(BusMaster::core, 1);
  CHECK(counted.refused == 6);
  CHECK(counted.read_bytes + counted.write_bytes == bytes);
  CHECK(counted == bus.router.counters(BusMaster::npu, 1));
  CHECK(core.counters() == counted);
  CHECK(bus.router.traffic().sum_of(Initiator::core_data).read_bytes == counted.read_bytes);
  CHECK(bus.router.traffic().sum_of(Initiator::core_data).writes == counted.writes);
}

TEST_CASE("a window of the core leaves no lane to a memory that it does not cover") {
  RouterConfig config;
  config.windows.push_back({BusMaster::core, 0x1000, 0x8FFF, true, false});
  Bus bus(config);
  bus.router.shorten(1, bus.high_socket);
  PortCounters port;
  CHECK(bus.router.core_lanes(port).memory_lane(0x8000) == nullptr);
}

TEST_CASE("a lane allows what the core's windows allow of the whole device, and no more") {
  RouterConfig config;
  config.windows.push_back({BusMaster::core, 0x1000, 0x1FFF, true, false});
  Bus bus(config);
  bus.low.offers_direct = false;
  bus.router.shorten(0, bus.low_socket);
  PortCounters port;
  DeviceLane* const lane = bus.router.core_lanes(port).device_lane(0x1000);
  REQUIRE(lane != nullptr);
  CHECK(lane->takes(BusOp::read, 0x1000, 4));
  CHECK_FALSE(lane->takes(BusOp::write, 0x1000, 4));
}

TEST_CASE("what the models do not know is refused loudly, not guessed") {
  Bus bus;
  tlm::tlm_generic_payload payload;
  uint8_t enables[4] = {0xFF, 0, 0xFF, 0};
  payload.set_command(tlm::TLM_WRITE_COMMAND);
  payload.set_address(0x1000);
  payload.set_data_ptr(bus.data.data());
  payload.set_data_length(4);
  payload.set_streaming_width(4);
  payload.set_byte_enable_ptr(enables);
  payload.set_byte_enable_length(4);
  sc_core::sc_time delay;
  bus.ports[0]->socket->b_transport(payload, delay);
  CHECK(payload.get_response_status() == tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  payload.set_byte_enable_ptr(nullptr);
  payload.set_streaming_width(2);
  bus.ports[0]->socket->b_transport(payload, delay);
  CHECK(payload.get_response_status() == tlm::TLM_BURST_ERROR_RESPONSE);
  CHECK(bus.low.accesses == 0);
}

TEST_CASE("payloads come from a pool and go back when the last user releases them") {
  PayloadPool pool;
  tlm::tlm_generic_payload& first = pool.acquire();
  tlm::tlm_generic_payload& second = pool.acquire();
  CHECK(&first != &second);
  second.acquire();  // another user, as in nb_transport
  first.release();
  second.release();
  CHECK(&pool.acquire() == &first);
  CHECK(pool.created() == 2);
  second.release();
  CHECK(&pool.acquire() == &second);
  first.release();
  second.release();
}

}  // namespace
}  // namespace backboard
