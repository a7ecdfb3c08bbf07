// Lines of a cache: where they go, which gives way, what is kept.
#include "platform/cache/cache.h"

#include <catch2/catch.hpp>
#include <random>

#include "platform/config/config.h"

using namespace backboard;

namespace {

CacheConfig small(uint32_t ways, CacheReplacement replacement = CacheReplacement::lru) {
  CacheConfig config;
  config.size_bytes = uint64_t{ways} * 32 * 4;  // four sets
  config.line_bytes = 32;
  config.ways = ways;
  config.replacement = replacement;
  return config;
}

/// Fills `line` with bytes of its number.
uint32_t fill(Cache& cache, uint64_t line, uint64_t age) {
  const std::vector<uint8_t> bytes(cache.line_bytes(), static_cast<uint8_t>(line / 32));
  const uint32_t slot = cache.victim(line);
  cache.fill(slot, line, bytes.data(), age);
  return slot;
}

/// Tree pseudo-LRU as it is built: one bit a node, which an access turns away from itself.
class PlruTree {
 public:
  explicit PlruTree(uint32_t ways) : ways_(ways), bits_(ways) {}
  void use(uint32_t way) {
    for (uint32_t node = 1, size = ways_; size > 1; size /= 2) {
      const bool high = way % size >= size / 2;
      bits_[node] = !high;
      node = 2 * node + high;
    }
  }
  uint32_t victim() const {
    uint32_t node = 1, way = 0;
    for (uint32_t size = ways_; size > 1; size /= 2) {
      const bool high = bits_[node];
      way += high ? size / 2 : 0;
      node = 2 * node + high;
    }
    return way;
  }

 private:
  uint32_t ways_;
  std::vector<bool> bits_;
};

}  // namespace

TEST_CASE("a line is found where it was put, and only there") {
  Cache cache(small(2));
  CHECK(cache.find(0x1020) == Cache::kNowhere);
  const uint32_t slot = fill(cache, 0x1020, 1);
  CHECK(cache.find(0x1020) == slot);
  CHECK(cache.find(0x10a0) == Cache::kNowhere);  // same set, another line
  CHECK(cache.bytes(slot)[31] == 0x1020 / 32);
  CHECK_FALSE(cache.dirty(slot));
  cache.drop(slot);
  CHECK(cache.find(0x1020) == Cache::kNowhere);
}

TEST_CASE("LRU: empty slots first, then the line whose last use lies farthest back") {
  Cache cache(small(4));
  std::vector<uint32_t> slots;
  for (uint64_t i = 0; i < 4; ++i) slots.push_back(fill(cache, 0x1000 + 0x80 * i, 10 + i));
  cache.use(slots[0], 20);
  cache.use(slots[1], 21);
  CHECK(cache.victim(0x2000) == slots[2]);
  cache.use(slots[2], 22);
  CHECK(cache.victim(0x2000) == slots[3]);
  cache.use(slots[3], 3);  // older than its present age: nothing changes
  CHECK(cache.victim(0x2000) == slots[3]);
  cache.drop(slots[1]);
  CHECK(cache.victim(0x2000) == slots[1]);
}

TEST_CASE("pLRU by ages equals a tree of bits, over random uses") {
  for (const uint32_t ways : {2u, 4u, 8u, 16u}) {
    Cache cache(small(ways, CacheReplacement::plru));
    PlruTree tree(ways);
    const uint32_t first = cache.first_slot(0x1000);
    uint64_t age = 0;
    std::vector<uint32_t> slots;
    for (uint64_t i = 0; i < ways; ++i) {
      const uint32_t slot = fill(cache, 0x1000 + 0x80 * i, ++age);
      tree.use(slot - first);
    }
    std::mt19937 random(ways);
    uint32_t different_from_lru = 0;
    Cache lru(small(ways));
    for (uint64_t i = 0; i < ways; ++i) fill(lru, 0x1000 + 0x80 * i, i + 1);
    for (int i = 0; i < 2000; ++i) {
      REQUIRE(cache.victim(0x8000) == first + tree.victim());
      different_from_lru += cache.victim(0x8000) != lru.victim(0x8000);
      const uint32_t way = static_cast<uint32_t>(random()) % ways;
      cache.use(first + way, ++age);
      lru.use(first + way, age);
      tree.use(way);
    }
    CHECK((different_from_lru > 0) == (ways > 2));
  }
}

TEST_CASE("a slot has another fill number for each fill, and none when it is empty") {
  Cache cache(small(1));
  CHECK(cache.fill_number(0) == 0);
  const uint32_t slot = fill(cache, 0x1000, 1);
  const uint32_t number = cache.fill_number(slot);
  CHECK(number > Cache::kAlwaysThere);
  fill(cache, 0x1000, 2);
  CHECK(cache.fill_number(slot) != number);
  cache.drop(slot);
  CHECK(cache.fill_number(slot) == 0);
  CHECK(cache.fill_numbers()[cache.always_there()] == Cache::kAlwaysThere);
}

TEST_CASE("a restored cache holds the same lines, bytes, ages and counters") {
  Cache cache(small(2));
  const uint32_t slot = fill(cache, 0x1000, 5);
  fill(cache, 0x1080, 4);
  cache.set_dirty(slot, true);
  cache.counters.write_backs = 7;
  StateArchive saved;
  cache.state(saved);
  Cache other(small(2));
  StateArchive archive(saved.bytes(), "cache");
  other.state(archive);
  CHECK(archive.at_end());
  CHECK(other.find(0x1000) == slot);
  CHECK(other.dirty(slot));
  CHECK(other.bytes(slot)[0] == 0x80);
  CHECK(other.victim(0x1100) == cache.victim(0x1100));
  CHECK(other.counters.write_backs == 7);
  CHECK(other.fill_number(slot) == cache.fill_number(slot));
}

TEST_CASE("a cache that cannot be is an error at its key") {
  const auto check = [](const char* key, auto change) {
    CacheConfig config;
    change(config);
    try {
      config.check();
      FAIL(key);
    } catch (const ConfigRule& rule) {
      CHECK(rule.key() == key);
    }
  };
  check("size", [](CacheConfig& c) { c.size_bytes = 3000; });
  check("line", [](CacheConfig& c) { c.line_bytes = 48; });
  check("ways", [](CacheConfig& c) { c.ways = 3; });
  check("size", [](CacheConfig& c) { c.size_bytes = 256, c.ways = 8; });
  check("size", [](CacheConfig& c) { c.size_bytes = 64, c.ways = 1; });
  CacheConfig one_set;
  one_set.size_bytes = 256;
  CHECK_NOTHROW(one_set.check());
}
