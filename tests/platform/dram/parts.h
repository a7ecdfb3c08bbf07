// The parts that the tests of the command-level DRAM run on, and the reference traces.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "platform/config/config.h"
#include "platform/dram/controller/controller.h"
#include "platform/dram/standard/memory_config.h"
#include "platform/dram/trace/trace_source.h"

namespace backboard::dram {

/// A shipped part, with overrides "key=value".
inline MemoryConfig part(const std::string& name, const std::vector<std::string>& set = {}) {
  std::vector<Overrides::Item> overrides;
  for (const std::string& text : set) overrides.push_back(parse_override(text, "--set"));
  return load_config<MemoryConfig>(BACKBOARD_SOURCE_DIR "/configs/memory/" + name + ".yaml", overrides);
}

/// splitmix64 (Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014).
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    state_ += 0x9E3779B97F4A7C15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  uint64_t state_;
};

/// Requests made by a function of their number.
/// Keeps a command list.
class CommandRecorder final : public CommandSink {
 public:
  void issued(unsigned, const IssuedCommand& command) override { commands.push_back(command); }
  std::vector<IssuedCommand> commands;
};

class MadeTrace final : public TraceSource {
 public:
  MadeTrace(uint64_t count, std::function<TraceRequest(uint64_t)> make) : count_(count), make_(std::move(make)) {}
  bool next(TraceRequest& request) override {
    if (i_ == count_) return false;
    request = make_(i_++);
    return true;
  }

 private:
  uint64_t count_, i_ = 0;
  std::function<TraceRequest(uint64_t)> make_;
};

/// The traces whose results on other simulators are known, by name; `count` as for the saturating ones. Formulas are
/// those of the reference runs: splitmix64 from 12345; a cycle a request, or 400 for lat_*.
inline MadeTrace reference_trace(const std::string& kind, const MemoryConfig& c, uint64_t count = 100'000) {
  const uint64_t burst = c.burst_bytes(), size = c.capacity_bytes(), mask = size - 1;
  const uint64_t page = uint64_t{c.columns} * c.bus_bytes, banks = c.all_banks();
  if (kind == "seq_rd") {
    return {count, [=](uint64_t i) { return TraceRequest{i, i * burst, false}; }};
  }
  if (kind == "rnd_rd") {
    return {count, [=, r = SplitMix(12345)](uint64_t i) mutable {
              return TraceRequest{i, r.next() % (size / burst) * burst, false};
            }};
  }
  if (kind == "str_bank_rd") {  // one bank, another row each time
    return {count, [=](uint64_t i) { return TraceRequest{i, i * page * banks & mask, false}; }};
  }
  if (kind == "triad") {  // a[i] = b[i] + s * c[i]
    return {count, [=](uint64_t i) {
              const uint64_t bases[] = {0, 0x10000000 + page * 3, 0x20000000 + page * 5};
              return TraceRequest{i, (bases[i % 3] + i / 3 * burst) & mask, i % 3 == 2};
            }};
  }
  if (kind == "lat_hit") {
    return {count / 50, [=](uint64_t i) { return TraceRequest{i * 400, i * burst % page, false}; }};
  }
  if (kind == "lat_conflict") {
    return {count / 50, [=](uint64_t i) { return TraceRequest{i * 400, (i & 1) * page * banks, false}; }};
  }
  // Two reads to a write, anywhere.
  return {count, [=, r = SplitMix(12345)](uint64_t i) mutable {
            const uint64_t random = r.next();
            return TraceRequest{i, random % (size / burst) * burst, random >> 32 & 1 ? i % 3 == 0 : i % 3 == 1};
          }};
}

/// The traffic of a weight update, burst by burst: weights and gradients in, weights out where they were.
inline MadeTrace update_trace(const MemoryConfig& config, uint64_t count) {
  const uint64_t burst = config.burst_bytes(), page = uint64_t{config.columns} * config.bus_bytes;
  return {count, [=](uint64_t i) {
            const uint64_t base = i % 3 == 1 ? 0x10000000 + page * 3 : 0;
            return TraceRequest{i, base + i / 3 * burst, i % 3 == 2};
          }};
}

}  // namespace backboard::dram
