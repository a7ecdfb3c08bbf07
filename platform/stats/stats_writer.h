// Statistics: kept by the module as plain uint64_t members, named when they are written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>

namespace backboard {

/// One statistic as it is written.
struct Stat {
  std::variant<uint64_t, double> value;
  std::string unit;  ///< "bytes", "cycles", "commands", "%", "pJ"; "1" for pure ratios
  std::string description;
};

/// All statistics of a board by dotted path.
class StatsTree {
 public:
  /// Adds one; a path that exists already is a programming error.
  void add(const std::string& path, Stat stat);
  const std::map<std::string, Stat, std::less<>>& all() const { return stats_; }
  /// The counter at `path`; 0 when there is none.
  uint64_t counter(std::string_view path) const;

  /// stats.json: an object by path of {"value", "unit", "description"}, in the order of the paths.
  std::string json() const;

 private:
  std::map<std::string, Stat, std::less<>> stats_;
};

/// What a module writes its statistics to: `path` is a prefix in a tree.
class StatsWriter {
 public:
  StatsWriter(StatsTree& tree, std::string path) : tree_(tree), path_(std::move(path)) {}

  /// A part of the module.
  StatsWriter part(std::string_view name) const;

  void counter(std::string_view name, uint64_t value, std::string_view unit, std::string_view description) const;
  void real(std::string_view name, double value, std::string_view unit, std::string_view description) const;
  /// numerator / denominator, 0 when the denominator is 0; made here and nowhere else.
  void ratio(std::string_view name, uint64_t numerator, uint64_t denominator, std::string_view unit,
             std::string_view description) const;

 private:
  std::string path_of(std::string_view name) const;
  StatsTree& tree_;
  std::string path_;
};

/// A module with statistics. `stats` only reads; it may be called at any time between two events.
class HasStats {
 public:
  virtual ~HasStats() = default;
  virtual void stats(const StatsWriter& writer) const = 0;
};

}  // namespace backboard
