// A DMA engine on a small address space, over a bus that annotates time or one that answers in any order.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "platform/bus/access_requests.h"
#include "platform/dma/dma_engine.h"
#include "platform/regs/dma_regs.h"
#include "tests/support/device_bench.h"

namespace backboard::test {

using dma_regs::Field;
using dma_regs::Reg;

/// DRAM of 64 KiB, a ROM, a FIFO that answers words only, a place behind an access window, and nothing else.
struct AddressSpace final : BusPort {
  static constexpr uint32_t kDram = 0x80000000, kDramBytes = 0x10000, kRom = 0x1000, kRomBytes = 0x1000,
                            kFifo = 0x10040000, kDenied = 0x90000000, kDeniedBytes = 0x1000;

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override {
    delay_ps += kDelayPs;
    ++accesses;
    if (access.who.initiator != Initiator::dma) std::abort();
    (access.op == BusOp::read ? read_bytes : write_bytes)[{access.who.phase, access.who.tensor}] += access.size;
    if (inside(access, kDram, kDramBytes)) return move(access, &dram[access.address - kDram]);
    if (inside(access, kRom, kRomBytes)) {
      return access.op == BusOp::write ? BusResponse::target : move(access, &rom[access.address - kRom]);
    }
    if (inside(access, kDenied, kDeniedBytes)) return BusResponse::denied;
    if (access.address == kFifo) {
      if (access.size != 4) return BusResponse::target;
      uint32_t word = fifo_next;
      if (access.op == BusOp::read) {
        ++fifo_next;
        std::memcpy(access.data, &word, 4);
      } else {
        std::memcpy(&word, access.data, 4);
        fifo_words.push_back(word);
      }
      return BusResponse::ok;
    }
    return BusResponse::decode;
  }
  std::optional<DirectRegion> direct(uint64_t) override { return std::nullopt; }
  static bool is_memory(uint64_t address) { return address != kFifo; }

  static constexpr uint64_t kDelayPs = 100'000;
  std::vector<uint8_t> dram = std::vector<uint8_t>(kDramBytes);
  std::vector<uint8_t> rom = std::vector<uint8_t>(kRomBytes, 0x5A);
  std::vector<uint32_t> fifo_words;
  uint32_t fifo_next = 1000;
  uint64_t accesses = 0;
  std::map<std::pair<Phase, TensorClass>, uint64_t> read_bytes, write_bytes;

 private:
  static bool inside(const BusAccess& access, uint64_t base, uint64_t size) {
    return access.address >= base && access.address + access.size <= base + size;
  }
  static BusResponse move(BusAccess& access, uint8_t* memory) {
    access.op == BusOp::read ? std::memcpy(access.data, memory, access.size)
                             : std::memcpy(memory, access.data, access.size);
    return BusResponse::ok;
  }
};

/// Answers requests after random times, in any order; the bytes move at the submission or with the answer. Takes the
/// next request at once or later. Devices are reached in the order of submission.
class ShuffledPort final : public RequestPort, public EventClient {
 public:
  ShuffledPort(AddressSpace& space, EventQueue& queue, unsigned seed)
      : space_(space), queue_(queue), id_(queue.add_client("shuffled", EventRank::memory, *this)), random_(seed) {}
  void set_client(RequestClient& client) override { client_ = &client; }
  uint64_t submit(const BusRequest& request) override {
    if (waits_ || requests_.count(request.tag) != 0 || request.time_ps < queue_.now_ps()) std::abort();
    Held& held = requests_[request.tag] = {request};
    if (!AddressSpace::is_memory(request.address) || random_() % 2) carry(held);
    queue_.schedule(request.time_ps + 1'000 + random_() % 500'000, id_, request.tag);
    order.push_back(request);
    if (random_() % 4 != 0) return request.time_ps + random_() % 10'000;
    waits_ = true;
    queue_.schedule(request.time_ps + random_() % 50'000, id_, kReadyTag);
    return kLater;
  }
  void on_event(uint64_t tag, uint64_t now_ps) override {
    if (tag == kReadyTag) {
      waits_ = false;
      return client_->on_ready(now_ps);
    }
    Held& held = requests_.at(static_cast<RequestTag>(tag));
    if (!held.carried) carry(held);
    const BusResponse response = held.response;
    requests_.erase(static_cast<RequestTag>(tag));
    client_->on_response(static_cast<RequestTag>(tag), response, now_ps);
  }

  std::vector<BusRequest> order;  ///< as submitted

 private:
  static constexpr uint64_t kReadyTag = 1 << 20;
  struct Held {
    BusRequest request;
    bool carried = false;
    BusResponse response = BusResponse::ok;
  };
  void carry(Held& held) {
    BusAccess access{held.request.op,
                     held.request.address,
                     client_->request_data(held.request.tag),
                     held.request.size,
                     held.request.time_ps,
                     held.request.who,
                     false};
    uint64_t delay_ps = 0;
    held.response = space_.access(access, delay_ps);
    held.carried = true;
  }
  AddressSpace& space_;
  EventQueue& queue_;
  EventQueue::ClientId id_;
  std::mt19937 random_;
  RequestClient* client_ = nullptr;
  std::map<RequestTag, Held> requests_;
  bool waits_ = false;
};

struct DmaBench : DeviceBench {
  static constexpr uint32_t kLine = 14;
  /// `seed` 0: accesses that annotate their time; else the order of answers.
  explicit DmaBench(unsigned seed = 0, const DmaEngineConfig& config = {}) {
    if (seed == 0) {
      port = std::make_unique<AccessRequests>(space, queue, config.outstanding);
    } else {
      auto made = std::make_unique<ShuffledPort>(space, queue, seed);
      shuffled = made.get();
      port = std::move(made);
    }
    dma = std::make_unique<DmaEngine>(config, queue, *port, wires, kLine, findings, findings);
    target = dma.get();
    for (size_t i = 0; i < space.dram.size(); ++i) space.dram[i] = static_cast<uint8_t>(i * 7 + i / 251);
  }
  static uint32_t at(Reg reg, unsigned channel = 0) { return dma_regs::offset_of(reg) + 4 * channel; }
  uint32_t get(Reg reg, unsigned channel = 0) { return read(at(reg, channel)); }
  void set(Reg reg, uint32_t value, unsigned channel = 0) { write(at(reg, channel), value); }

  void prepare(unsigned channel, uint32_t source, uint32_t destination, uint32_t bytes) {
    set(Reg::DMA_CH_SOURCE, source, channel);
    set(Reg::DMA_CH_DESTINATION, destination, channel);
    set(Reg::DMA_CH_BYTES, bytes, channel);
    set(Reg::DMA_CH_IRQ_ENABLE, 7, channel);
  }
  void start(unsigned channel, uint32_t control = 0) { set(Reg::DMA_CH_CONTROL, control | 1, channel); }
  /// Until nothing is scheduled. False when that takes more than `events` events.
  bool settle(unsigned events = 1'000'000) {
    while (queue.next_time_ps() != EventQueue::kNever) {
      if (events-- == 0) return false;
      queue.run_one();
    }
    return true;
  }
  /// Copies on channel 0 and says how it ended: the events.
  uint32_t copy(uint32_t source, uint32_t destination, uint32_t bytes, uint32_t control = 0) {
    set(Reg::DMA_CH_EVENTS, 15);
    prepare(0, source, destination, bytes);
    start(0, control);
    if (!settle()) return UINT32_MAX;
    return get(Reg::DMA_CH_EVENTS);
  }
  DmaError error(unsigned channel = 0) { return static_cast<DmaError>(get(Reg::DMA_CH_ERROR, channel) & 0xff); }
  bool error_is_write(unsigned channel = 0) { return (get(Reg::DMA_CH_ERROR, channel) & 0x100) != 0; }

  uint32_t word(uint32_t address) {
    uint32_t value = 0;
    std::memcpy(&value, &space.dram[address - AddressSpace::kDram], 4);
    return value;
  }
  void put(uint32_t address, std::initializer_list<uint32_t> words) {
    for (const uint32_t value : words) {
      std::memcpy(&space.dram[address - AddressSpace::kDram], &value, 4);
      address += 4;
    }
  }
  /// A descriptor in DRAM.
  void descriptor(uint32_t address, uint32_t next, uint32_t source, uint32_t destination, uint32_t bytes,
                  uint32_t control = 0) {
    put(address, {next, source, destination, bytes, control, 0, 0, 0});
  }
  uint32_t run_list(uint32_t first, uint32_t control = 0) {
    set(Reg::DMA_CH_EVENTS, 15);
    set(Reg::DMA_CH_IRQ_ENABLE, 7);
    set(Reg::DMA_CH_LIST, first);
    start(0, control | kList);
    if (!settle()) return UINT32_MAX;
    return get(Reg::DMA_CH_EVENTS);
  }

  static constexpr uint32_t kDone = 1, kError = 2, kAborted = 4, kStep = 8;  // DMA_CH_EVENTS
  static constexpr uint32_t kAbort = 2, kList = 4, kFixedSource = 0x10, kFixedDestination = 0x20, kWide = 0x80,
                            kStepBit = 0x100;  // DMA_CH_CONTROL
  static constexpr uint32_t kDram = AddressSpace::kDram;

  AddressSpace space;
  std::unique_ptr<RequestPort> port;
  ShuffledPort* shuffled = nullptr;
  std::unique_ptr<DmaEngine> dma;
};

}  // namespace backboard::test
