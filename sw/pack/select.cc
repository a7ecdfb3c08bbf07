#include "sw/pack/select.h"

#include <algorithm>
#include <map>

#include "platform/check/input_error.h"
#include "sw/random/counter_stream.h"

namespace backboard {

namespace {

std::vector<uint32_t> candidates(const std::vector<uint32_t>& labels, const PackSpec& spec) {
  uint32_t first = 0, end = static_cast<uint32_t>(labels.size());
  if (!spec.rows.empty()) {
    first = spec.rows[0];
    if (spec.rows[1] > end)
      throw InputError(
          fmt::format("{}: rows {} to {} were asked for, the source has {}", spec.images, first, spec.rows[1], end));
    end = spec.rows[1];
  }
  std::vector<uint32_t> rows;
  for (uint32_t row = first; row < end; ++row)
    if (spec.keep.empty() || std::find(spec.keep.begin(), spec.keep.end(), labels[row]) != spec.keep.end())
      rows.push_back(row);
  if (rows.empty()) throw InputError(spec.images + ": no row is left to pack");
  return rows;
}

/// Images to take of each label.
std::map<uint32_t, uint32_t> quotas(const std::map<uint32_t, uint32_t>& available, const SubsetSpec& subset) {
  std::map<uint32_t, uint32_t> quota;
  if (!subset.per_class.empty()) {
    for (uint32_t label = 0; label < subset.per_class.size(); ++label) quota[label] = subset.per_class[label];
    return quota;
  }
  const uint32_t classes = static_cast<uint32_t>(available.size());
  uint32_t extra = subset.count % classes;
  for (const auto& [label, count] : available) {
    quota[label] = subset.count / classes + (extra > 0 ? 1 : 0);
    if (extra > 0) --extra;
  }
  return quota;
}

}  // namespace

std::vector<uint32_t> select_rows(const std::vector<uint32_t>& labels, const PackSpec& spec) {
  std::vector<uint32_t> rows = candidates(labels, spec);
  const SubsetSpec& subset = spec.subset;
  if (!subset.draws()) return rows;

  const CounterStream stream(subset.seed, 0);
  std::vector<std::pair<uint64_t, uint32_t>> keyed;
  keyed.reserve(rows.size());
  for (const uint32_t row : rows) keyed.emplace_back(stream.word(row), row);
  std::sort(keyed.begin(), keyed.end());

  std::vector<uint32_t> drawn;
  const auto sort_out = [&](uint32_t row, bool take) {
    if (take != subset.rest) drawn.push_back(row);
  };
  if (subset.per_class.empty() && !subset.stratified) {
    if (subset.count > keyed.size())
      throw InputError(fmt::format("{}: a subset of {} images of {}", spec.images, subset.count, keyed.size()));
    for (uint32_t i = 0; i < keyed.size(); ++i) sort_out(keyed[i].second, i < subset.count);
  } else {
    std::map<uint32_t, uint32_t> available;
    for (const uint32_t row : rows) ++available[labels[row]];
    std::map<uint32_t, uint32_t> quota = quotas(available, subset);
    for (const auto& [label, count] : quota)
      if (count > available[label])
        throw InputError(fmt::format("{}: {} images of class {} were asked for, there are {}", spec.images, count,
                                     label, available[label]));
    for (const auto& [key, row] : keyed) {
      uint32_t& left = quota[labels[row]];
      sort_out(row, left > 0);
      if (left > 0) --left;
    }
  }
  if (drawn.empty())
    throw InputError(spec.images + (subset.rest ? ": the subset leaves no row" : ": no row is left to pack"));
  return drawn;
}

}  // namespace backboard
