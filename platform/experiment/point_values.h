// What a finished point left in its folder, as named numbers.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace backboard {

/// The numbers of a point's folder by name:
/// - `summary.*`: summary.json, dotted; true is 1, elements of lists by number, `.last` the last one;
/// - paths of stats.json as they stand there (`npu.energy.total`);
/// - `traffic.INITIATOR`, `traffic.INITIATOR.PHASE`, `traffic.INITIATOR.PHASE.CLASS`, `traffic.INITIATOR.all.CLASS`:
/// bytes
///   read and written at the DRAM, names in lower case (`traffic.npu.bp.error`).
class PointValues {
 public:
  /// Throws InputError when a file is missing or damaged.
  static PointValues read(const std::string& folder);

  std::optional<double> find(const std::string& name) const;
  /// "; did you mean ...?" or empty.
  std::string suggest(const std::string& name) const;
  const std::map<std::string, double>& all() const { return values_; }

 private:
  std::map<std::string, double> values_;
};

}  // namespace backboard
