#include "platform/dram/trace/tlm_play.h"

#include "platform/tlm/master_port.h"
#include "platform/tlm/queue_kernel.h"
#include "platform/tlm/target_socket.h"

namespace backboard::dram {
namespace {

constexpr uint64_t kAhead_ps = 1'000'000;

/// A part that is reached by requests only.
class RequestsOnly final : public BusTarget {
 public:
  BusResponse access(BusAccess&, uint64_t&) override { return BusResponse::target; }
};

/// Lets the player submit when its next request is due.
class Offers final : public EventClient {
 public:
  Offers(EventQueue& queue, Player& player) : queue_(queue), player_(player) {
    id_ = queue.add_client("trace", EventRank::master, *this);
    queue.schedule(0, id_);
  }
  void on_event(uint64_t, uint64_t now_ps) override {
    const uint64_t next_ps = player_.submit_until(now_ps + kAhead_ps);
    if (next_ps != EventQueue::kNever) queue_.schedule(next_ps, id_);
  }

 private:
  EventQueue& queue_;
  Player& player_;
  EventQueue::ClientId id_;
};

}  // namespace

PlayResult play_through_tlm(const MemoryConfig& config, TraceSource& source, CommandSink* commands) {
  EventQueue queue;
  MemoryTarget memory(config, queue, nullptr, config.capacity_bytes(), commands);
  RequestsOnly accesses;
  MasterPort port("trace");
  TargetSocket socket("memory", accesses, &memory);
  QueueKernel kernel("kernel", queue);
  port.socket.bind(socket.socket);
  Player player(config, source, port);
  Offers offers(queue, player);
  kernel.run(EventQueue::kNever);
  return player.result(memory);
}

}  // namespace backboard::dram
