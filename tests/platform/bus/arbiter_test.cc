// Arbiters alone: who is chosen among contenders.
#include "platform/bus/arbiter.h"

#include <catch2/catch.hpp>

using namespace backboard;

namespace {

/// Masters 0 and 1 always want the target; master 2 pauses for `pause` choices after every `burst` requests. What it
/// got while it contended, over its part by weight of what was granted in that time.
double share_of_pausing(uint32_t weight, unsigned burst, unsigned pause, uint32_t size_bytes) {
  const std::vector<MasterShare> shares = {{.weight = 2}, {.weight = 1}, {.weight = weight}};
  const auto arbiter = make_arbiter(Arbitration::weighted, shares);
  const uint32_t sizes[] = {256, 64, size_bytes};
  double got = 0, fair = 0;
  unsigned left = burst, away = 0;
  for (unsigned choice = 0; choice < 200'000; ++choice) {
    std::vector<Contender> contenders = {{.master = 0, .size_bytes = sizes[0]}, {.master = 1, .size_bytes = sizes[1]}};
    if (away == 0) contenders.push_back({.master = 2, .size_bytes = sizes[2]});
    const Contender& served = contenders[arbiter->pick(contenders)];
    if (away != 0) {
      --away;
      continue;
    }
    fair += served.size_bytes * static_cast<double>(weight) / (3.0 + weight);
    if (served.master != 2) continue;
    got += served.size_bytes;
    if (--left == 0) {
      left = burst;
      away = pause;
    }
  }
  return got / fair;
}

}  // namespace

TEST_CASE("weighted: a master that often pauses gets its part of the time in which it contends, no more and no less") {
  for (const uint32_t weight : {1u, 3u, 4u}) {
    for (const unsigned burst : {1u, 2u, 7u}) {
      for (const unsigned pause : {1u, 2u, 5u, 50u}) {
        for (const uint32_t size_bytes : {32u, 256u, 4096u}) {
          INFO("weight " << weight << ", burst " << burst << ", pause " << pause << ", " << size_bytes << " bytes");
          CHECK(share_of_pausing(weight, burst, pause, size_bytes) == Approx(1.0).epsilon(0.01));
        }
      }
    }
  }
}

TEST_CASE("weighted: a long pause gives no credit") {
  const auto arbiter = make_arbiter(Arbitration::weighted, {{.weight = 1}, {.weight = 1}});
  const std::vector<Contender> alone = {{.master = 0, .size_bytes = 64}};
  const std::vector<Contender> both = {{.master = 0, .size_bytes = 64}, {.master = 1, .size_bytes = 64}};
  for (unsigned i = 0; i < 10'000; ++i) CHECK(arbiter->pick(alone) == 0);
  unsigned second = 0;
  for (unsigned i = 0; i < 100; ++i) second += arbiter->pick(both) == 1;
  CHECK(second >= 49);
  CHECK(second <= 51);
}
