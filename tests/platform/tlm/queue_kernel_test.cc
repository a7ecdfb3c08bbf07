#include "platform/tlm/queue_kernel.h"

#include <catch2/catch.hpp>

#include "platform/tlm/time.h"

namespace backboard {
namespace {

using Outcome = QueueKernel::Outcome;

struct Ticker final : EventClient {
  explicit Ticker(EventQueue& event_queue, EventRank rank = EventRank::device)
      : queue(event_queue), id(event_queue.add_client("ticker", rank, *this)) {}
  void on_event(uint64_t tag, uint64_t now_ps) override {
    seen.push_back({tag, now_ps, sc_core::sc_time_stamp().value()});
    if (then) then(tag, now_ps);
  }
  struct Seen {
    uint64_t tag, queue_ps, kernel_ps;
    bool operator==(const Seen&) const = default;
  };
  EventQueue& queue;
  EventQueue::ClientId id;
  std::vector<Seen> seen;
  std::function<void(uint64_t, uint64_t)> then;
};

TEST_CASE("events run at the kernel's time, and those they schedule as well") {
  EventQueue queue;
  QueueKernel kernel("kernel", queue);
  Ticker ticker(queue);
  ticker.then = [&](uint64_t tag, uint64_t now_ps) {
    if (tag < 3) queue.schedule(now_ps + 100 * tag, ticker.id, tag + 1);
  };
  queue.schedule(5, ticker.id, 0);
  CHECK(kernel.run(EventQueue::kNever) == Outcome::starved);
  CHECK(ticker.seen == std::vector<Ticker::Seen>{{0, 5, 5}, {1, 5, 5}, {2, 105, 105}, {3, 305, 305}});
}

TEST_CASE("a limit is reached to the picosecond and the run can go on") {
  EventQueue queue;
  QueueKernel kernel("kernel", queue);
  Ticker ticker(queue);
  for (uint64_t i = 1; i <= 5; ++i) queue.schedule(i * 1000, ticker.id, i);
  CHECK(kernel.run(2'500) == Outcome::limit);
  CHECK(ticker.seen.size() == 2);
  CHECK(queue.now_ps() == 2'500);
  CHECK(sc_core::sc_time_stamp().value() == 2'500);
  CHECK(kernel.run(3'000) == Outcome::limit);
  CHECK(ticker.seen.size() == 3);
  CHECK(kernel.run(EventQueue::kNever) == Outcome::starved);
  CHECK(ticker.seen.back() == Ticker::Seen{5, 5000, 5000});
}

TEST_CASE("stop ends the run behind the event, and single steps run one event each") {
  EventQueue queue;
  QueueKernel kernel("kernel", queue);
  Ticker ticker(queue);
  ticker.then = [&](uint64_t tag, uint64_t) {
    if (tag == 2) kernel.stop();
  };
  for (uint64_t i = 1; i <= 6; ++i) queue.schedule(i < 4 ? 1000 : 2000, ticker.id, i);
  CHECK(kernel.run(EventQueue::kNever) == Outcome::stopped);
  CHECK(ticker.seen.size() == 2);
  CHECK(kernel.step());
  CHECK(ticker.seen.size() == 3);
  CHECK(kernel.step());
  CHECK(queue.now_ps() == 2000);
  CHECK(kernel.run(EventQueue::kNever) == Outcome::starved);
  CHECK(ticker.seen.size() == 6);
  CHECK_FALSE(kernel.step());
}

/// A request to stop that comes between two events, as a signal's does.
struct Stopper final : sc_core::sc_module {
  SC_HAS_PROCESS(Stopper);
  Stopper(const sc_core::sc_module_name& name, QueueKernel& kernel) : sc_module(name), kernel_(kernel) {
    SC_METHOD(stop);
    sensitive << moment;
    dont_initialize();
  }
  void stop() { kernel_.stop(); }
  sc_core::sc_event moment;

 private:
  QueueKernel& kernel_;
};

TEST_CASE("stopped between two events, the queue's time is the kernel's, and a limit behind it holds") {
  EventQueue queue;
  QueueKernel kernel("kernel", queue);
  Ticker ticker(queue);
  Stopper stopper("stopper", kernel);
  queue.schedule(1000, ticker.id, 1);
  queue.schedule(3000, ticker.id, 2);
  stopper.moment.notify(time_of_ps(400));
  CHECK(kernel.run(EventQueue::kNever) == Outcome::stopped);
  CHECK(ticker.seen.empty());
  CHECK(queue.now_ps() == sc_core::sc_time_stamp().value());
  CHECK(kernel.run(queue.now_ps() + 500) == Outcome::limit);
  CHECK(ticker.seen == std::vector<Ticker::Seen>{{1, 1000, 1000}});
  CHECK(queue.now_ps() == sc_core::sc_time_stamp().value());
}

TEST_CASE("what an event throws comes out of run, and the rest can still run") {
  EventQueue queue;
  QueueKernel kernel("kernel", queue);
  Ticker ticker(queue);
  ticker.then = [](uint64_t tag, uint64_t) {
    if (tag == 1) throw InputError("disk full");
  };
  queue.schedule(10, ticker.id, 1);
  queue.schedule(20, ticker.id, 2);
  CHECK_THROWS_WITH(kernel.run(EventQueue::kNever), "disk full");
  CHECK(kernel.run(EventQueue::kNever) == Outcome::starved);
  CHECK(ticker.seen.size() == 2);
}

TEST_CASE("the kernel follows a queue that was restored at a later time") {
  EventQueue queue;
  QueueKernel kernel("kernel", queue);
  Ticker ticker(queue);
  EventQueue saved;
  Ticker original(saved);
  saved.run_until(1'000'000);
  saved.schedule(1'000'100, original.id, 9);
  StateArchive out;
  saved.state(out);
  StateArchive in(out.bytes(), "memory");
  queue.state(in);
  kernel.advance_to(queue.now_ps());
  CHECK(kernel.run(EventQueue::kNever) == Outcome::starved);
  CHECK(ticker.seen == std::vector<Ticker::Seen>{{9, 1'000'100, 1'000'100}});
}

}  // namespace
}  // namespace backboard
