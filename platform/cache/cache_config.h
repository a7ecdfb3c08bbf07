// What can be chosen about the core's level-1 caches.
#pragma once

#include <bit>
#include <cstdint>

#include "platform/config/fields.h"

namespace backboard {

enum class CacheReplacement : uint8_t {
  lru,   ///< the line whose last use lies farthest back
  plru,  ///< tree pseudo-LRU: from the root on, the half that was not used last
};

enum class CacheWrites : uint8_t {
  back,     ///< stores stay in the line until it is evicted or cleaned
  through,  ///< every store goes to memory as well, and the core waits for it
};

/// A set-associative cache. Both caches are physically addressed and not coherent with other masters; what the core
/// reads of memory that a device wrote, and the other way round, is the driver's business (Zicbom).
struct CacheConfig {
  /// Cache blocks of Zicbom: its instructions act on this many bytes, so no line is longer.
  static constexpr uint32_t kBlockBytes = 64;

  bool enabled = false;
  /// Lines hold bytes of their own, so that a stale line returns stale bytes. Off: tags only. Times and traffic are
  /// those of the cache, but all bytes come from memory.
  bool data = true;
  uint64_t size_bytes = 16 * kKiB;
  uint32_t line_bytes = 64;
  uint32_t ways = 4;
  CacheReplacement replacement = CacheReplacement::lru;
  uint32_t miss_cycles = 2;

  template <class V>
  void fields(V& v) {
    v("enabled", enabled, "Whether there is one");
    v("data", data, "Lines hold bytes (stale lines return stale bytes); off: tags only, bytes come from memory");
    v("size", size_bytes, Bytes{256, kMiB}, "Bytes of all lines, a power of two");
    v("line", line_bytes, Range{16, kBlockBytes}, "Bytes of a line, a power of two");
    v("ways", ways, Range{1, 16}, "Lines of a set, a power of two");
    v("replacement", replacement,
      Choices<CacheReplacement>{{"lru", CacheReplacement::lru}, {"plru", CacheReplacement::plru}},
      "Which line of a set gives way");
    v("miss", miss_cycles, Range{0, 1000}, "Cycles that a miss costs beside the transfer of the line");
  }
  void check() const {
    if (!std::has_single_bit(size_bytes)) throw ConfigRule("size", "must be a power of two");
    if (!std::has_single_bit(line_bytes)) throw ConfigRule("line", "must be a power of two");
    if (!std::has_single_bit(ways)) throw ConfigRule("ways", "must be a power of two");
    // An instruction may lie in two lines, which must be there at the same time.
    const uint64_t least = uint64_t{line_bytes} * (ways == 1 ? 2 : ways);
    if (size_bytes < least) throw ConfigRule("size", "holds fewer than two lines, or not one set");
  }
};

struct DataCacheConfig : CacheConfig {
  CacheWrites writes = CacheWrites::back;
  bool write_allocate = true;
  uint32_t hit_cycles = 0;

  template <class V>
  void fields(V& v) {
    CacheConfig::fields(v);
    v("writes", writes, Choices<CacheWrites>{{"back", CacheWrites::back}, {"through", CacheWrites::through}},
      "What a store to a line that is there does");
    v("write_allocate", write_allocate, "A store that misses brings its line; off: it goes to memory alone");
    v("hit", hit_cycles, Range{0, 100}, "Cycles that a hit adds to the cost of the instruction");
  }
};

}  // namespace backboard
