// Requests through sockets: the four phases between a master, the router and targets that take them or do not.
#include <catch2/catch.hpp>
#include <cstring>

#include "platform/bus/router.h"
#include "platform/tlm/master_port.h"
#include "platform/tlm/queue_kernel.h"
#include "platform/tlm/target_socket.h"
#include "tests/support/device_bench.h"

namespace backboard {
namespace {

/// Memory of both kinds: accesses take 7 ns; requests 100 ns each, one after the other, and it says later when it is
/// ready.
struct Memory final : BusTarget, RequestPort, EventClient {
  explicit Memory(EventQueue& event_queue)
      : queue(event_queue), id(queue.add_client("memory", EventRank::memory, *this)) {}
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override {
    move(access.op, access.address, access.data, access.size);
    delay_ps += 7'000;
    return BusResponse::ok;
  }
  uint64_t submit(const BusRequest& request) override {
    CHECK(request.time_ps >= ready_ps);
    seen.push_back(request);
    ready_ps = request.time_ps + 100'000;
    queue.schedule(ready_ps, id, request.tag);
    return kLater;
  }
  void set_client(RequestClient& to) override { client = &to; }
  void on_event(uint64_t tag, uint64_t now_ps) override {
    for (const BusRequest& r : seen) {
      if (r.tag == tag && r.time_ps + 100'000 == now_ps) {
        move(r.op, r.address, client->request_data(r.tag), r.size);
        break;
      }
    }
    client->on_response(static_cast<RequestTag>(tag), BusResponse::ok, now_ps);
    client->on_ready(now_ps);
  }
  void move(BusOp op, uint64_t address, uint8_t* data, uint32_t size) {
    if (op == BusOp::read) std::memcpy(data, &bytes[address], size);
    if (op == BusOp::write) std::memcpy(&bytes[address], data, size);
  }
  EventQueue& queue;
  EventQueue::ClientId id;
  RequestClient* client = nullptr;
  uint64_t ready_ps = 0;
  std::vector<BusRequest> seen;
  std::vector<uint8_t> bytes = std::vector<uint8_t>(0x1000);
};

struct Master final : RequestClient {
  uint8_t* request_data(RequestTag tag) override { return data[tag].data(); }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override {
    answers.push_back({tag, response, time_ps});
  }
  void on_ready(uint64_t) override { ++readies; }
  struct Answer {
    RequestTag tag;
    BusResponse response;
    uint64_t time_ps;
  };
  std::array<std::array<uint8_t, 64>, 4> data{};
  std::vector<Answer> answers;
  unsigned readies = 0;
};

/// "plain" takes accesses only, "memory" both.
struct Bus {
  explicit Bus(const RouterConfig& config = {})
      : router("bus", config, {{"plain", 0x1000, 0x1FFF}, {"memory", 0x8000, 0x8FFF}}, 1, findings) {
    router.carry_requests(queue, {nullptr, &memory});
    for (size_t i = 0; i < kBusMasters; ++i) {
      const std::string name = std::string(name_of(static_cast<BusMaster>(i))) + "_port";
      ports.push_back(std::make_unique<MasterPort>(name.c_str()));
      ports[i]->socket.bind(router.master_socket(static_cast<BusMaster>(i)));
    }
    router.target_socket(0).bind(plain_socket.socket);
    router.target_socket(1).bind(memory_socket.socket);
    npu().set_client(master);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  MasterPort& npu() { return *ports[static_cast<size_t>(BusMaster::npu)]; }
  uint64_t submit(BusOp op, uint64_t address, uint32_t size, RequestTag tag) {
    BusRequest request;
    request.op = op;
    request.address = address;
    request.size = size;
    request.tag = tag;
    request.time_ps = queue.now_ps();
    request.who = {Initiator::npu, Phase::kBP, TensorClass::kERROR, 7, 42};
    return npu().submit(request);
  }

  test::FindingList findings;
  EventQueue queue;
  Memory plain{queue}, memory{queue};
  TargetSocket plain_socket{"plain", plain}, memory_socket{"memory", memory, &memory};
  Router router;
  std::vector<std::unique_ptr<MasterPort>> ports;
  QueueKernel kernel{"kernel", queue};
  Master master;
};

TEST_CASE("a request reaches its target with relative address and owner, and its answer comes back by tag") {
  Bus bus;
  bus.master.data[2] = {1, 2, 3, 4};
  CHECK(bus.submit(BusOp::write, 0x8010, 4, 2) == 0);
  bus.kernel.run(EventQueue::kNever);
  REQUIRE(bus.memory.seen.size() == 1);
  CHECK(bus.memory.seen[0].address == 0x10);
  CHECK(bus.memory.seen[0].who.phase == Phase::kBP);
  CHECK(bus.memory.seen[0].who.layer == 7);
  CHECK(bus.memory.seen[0].who.command == 42);
  CHECK(bus.memory.bytes[0x12] == 3);
  REQUIRE(bus.master.answers.size() == 1);
  CHECK(bus.master.answers[0].tag == 2);
  CHECK(bus.master.answers[0].response == BusResponse::ok);
  // 10 ns of latency, a beat of 5, 100 in the memory.
  CHECK(bus.master.answers[0].time_ps == 115'000);
  CHECK(bus.router.traffic().rows().at(0).write_bytes == 4);
  CHECK(bus.npu().counters() == bus.memory_socket.counters());
}

TEST_CASE("a target that is not ready holds back the next request until END_REQ") {
  Bus bus;
  for (RequestTag tag = 0; tag < 3; ++tag) bus.submit(BusOp::read, 0x8000 + 64 * tag, 64, tag);
  bus.kernel.run(EventQueue::kNever);
  REQUIRE(bus.master.answers.size() == 3);
  CHECK(bus.memory.seen[0].time_ps == 10'000);
  CHECK(bus.memory.seen[1].time_ps >= 110'000);
  CHECK(bus.memory.seen[2].time_ps >= bus.memory.seen[1].time_ps + 100'000);
  CHECK(bus.router.requests()->account(static_cast<size_t>(BusMaster::npu)).target_ps > 0);
}

TEST_CASE("where one request may be outstanding, its answer stands for END_REQ") {
  RouterConfig config;
  config.masters = {{BusMaster::npu, 1, 1, 0}};
  Bus bus(config);
  CHECK(bus.submit(BusOp::read, 0x8000, 4, 0) == RequestPort::kLater);
  bus.kernel.run(EventQueue::kNever);
  CHECK(bus.master.answers.size() == 1);
  CHECK(bus.master.readies == 1);
}

TEST_CASE("END_REQ of a request comes while it is in flight where the limit is two") {
  RouterConfig config;
  config.masters = {{BusMaster::npu, 2, 1, 0}};
  Bus bus(config);
  CHECK(bus.submit(BusOp::read, 0x8000, 4, 0) == 0);
  CHECK(bus.submit(BusOp::read, 0x8040, 4, 1) == RequestPort::kLater);
  bus.kernel.run(150'000);
  CHECK(bus.master.answers.size() == 1);
  CHECK(bus.master.readies == 1);
  CHECK(bus.submit(BusOp::read, 0x8080, 4, 2) == RequestPort::kLater);
  bus.kernel.run(EventQueue::kNever);
  CHECK(bus.master.answers.size() == 3);
  CHECK(bus.master.readies == 2);
}

TEST_CASE("requests to a target without them become accesses, and those to nowhere end in decode with a finding") {
  Bus bus;
  bus.plain.bytes[0x20] = 0x77;
  bus.submit(BusOp::read, 0x1020, 4, 1);
  bus.submit(BusOp::read, 0x7000, 4, 3);
  bus.kernel.run(EventQueue::kNever);
  REQUIRE(bus.master.answers.size() == 2);
  CHECK(bus.master.data[1][0] == 0x77);
  CHECK(bus.master.answers[0].response == BusResponse::decode);
  CHECK(bus.master.answers[1].response == BusResponse::ok);
  CHECK(bus.findings.list.size() == 1);
  CHECK(bus.plain_socket.counters().read_bytes == 4);
}

}  // namespace
}  // namespace backboard
