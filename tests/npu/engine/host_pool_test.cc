#include "npu/engine/host_pool.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

using namespace backboard::npu;

TEST_CASE("every part runs once, whatever the threads, and what parts write is seen after finish") {
  for (const uint32_t threads : {1u, 2u, 3u, 5u}) {
    HostPool pool(threads);
    CHECK(pool.threads() == threads);
    for (uint32_t round = 0; round < 300; ++round) {
      const uint32_t parts = 1 + round % 7;
      std::vector<uint32_t> runs(parts, 0), by(parts, 99);
      HostWork work;
      CHECK_FALSE(work.running());
      pool.begin(work, parts, [&](uint32_t part, uint32_t thread) {
        ++runs[part];
        by[part] = thread;
      });
      CHECK(work.running());
      pool.finish(work);
      CHECK_FALSE(work.running());
      CHECK(runs == std::vector<uint32_t>(parts, 1));
      for (const uint32_t thread : by) CHECK(thread < threads);
    }
  }
}

TEST_CASE("several pieces of work are in flight, are finished in any order, and may begin again") {
  HostPool pool(3);
  std::vector<HostWork> works(8);
  std::vector<uint64_t> sums(works.size(), 0);
  for (uint32_t round = 1; round <= 200; ++round) {
    for (size_t i = 0; i < works.size(); ++i) {
      pool.begin(works[i], 1, [&sums, i, round](uint32_t, uint32_t) { sums[i] += round; });
    }
    for (size_t i = 0; i < works.size(); ++i) pool.finish(works[(i * 5 + round) % works.size()]);
    for (const uint64_t sum : sums) REQUIRE(sum == uint64_t{round} * (round + 1) / 2);
  }
  pool.finish(works[0]);  // nothing runs: nothing happens
}

TEST_CASE("run is begin and finish, and the caller takes parts too") {
  for (const uint32_t threads : {1u, 4u}) {
    HostPool pool(threads);
    std::atomic<uint64_t> sum{0};
    pool.run(1000, [&](uint32_t part, uint32_t) { sum += part; });
    CHECK(sum == 999 * 1000 / 2);
  }
}
