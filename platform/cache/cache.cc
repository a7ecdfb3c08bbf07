#include "platform/cache/cache.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "platform/check/check.h"

namespace backboard {

Cache::Cache(const CacheConfig& config)
    : config_(config),
      slots_(static_cast<uint32_t>(config.size_bytes / config.line_bytes)),
      line_shift_(static_cast<uint32_t>(std::countr_zero(config.line_bytes))),
      set_mask_(slots_ / config.ways - 1),
      lines_(slots_, kNoLine),
      ages_(slots_ + 1),
      fill_numbers_(slots_ + 1),
      flags_(slots_),
      bytes_(config.data ? config.size_bytes : 0) {
  BB_CHECK(std::has_single_bit(config.size_bytes) && std::has_single_bit(config.line_bytes) &&
               std::has_single_bit(config.ways) && slots_ >= config.ways && slots_ >= 2,
           "{} bytes in lines of {}, {} ways", config.size_bytes, config.line_bytes, config.ways);
  fill_numbers_[slots_] = kAlwaysThere;
}

uint64_t Cache::youngest(uint32_t first, uint32_t count) const {
  return *std::max_element(ages_.begin() + first, ages_.begin() + first + count);
}

uint32_t Cache::victim(uint64_t line) const {
  const uint32_t first = first_slot(line);
  const uint32_t end = first + config_.ways;
  const uint64_t* const lines = lines_.data();
  const uint64_t* const ages = ages_.data();
  uint32_t oldest = first;
  for (uint32_t slot = first; slot < end; ++slot) {
    if (lines[slot] == kNoLine) return slot;
    if (ages[slot] < ages[oldest]) oldest = slot;
  }
  if (config_.replacement == CacheReplacement::lru) return oldest;
  // The bit of a node of the tree points away from the half that was used last: the half without the youngest line.
  uint32_t low = first;
  for (uint32_t half = config_.ways / 2; half != 0; half /= 2) {
    if (youngest(low, half) > youngest(low + half, half)) low += half;
  }
  return low;
}

void Cache::drop(uint32_t slot) {
  lines_[slot] = kNoLine;
  fill_numbers_[slot] = 0;
  flags_[slot] = 0;
}

void Cache::drop_all() {
  for (uint32_t slot = 0; slot < slots_; ++slot) drop(slot);
}

void Cache::state(StateArchive& archive) {
  archive.range("lines", std::span(lines_));
  archive.range("ages", std::span(ages_));
  archive.range("fill numbers", std::span(fill_numbers_));
  archive.value("fills", fills_);
  archive.range("flags", std::span(flags_));
  archive.range("bytes", std::span(bytes_));
  archive.value("counters", counters);
}

}  // namespace backboard
