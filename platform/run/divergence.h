// Where two recorded runs part: of other engines, versions, settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/run/command_log.h"

namespace backboard {

/// What counts as equal.
struct DivergenceRule {
  double tolerance = 0;  ///< largest difference over largest magnitude of A's tensor; 0: the same values, bit for bit
  bool bytes = false;    ///< the bytes in memory must be equal too, so formats as well
};

/// The n-th time that a tensor was written, in both runs.
struct Parting {
  CommandRow a, b;
  uint64_t occurrence = 0;   ///< of this tensor, from 1
  double difference = 0;     ///< relative, as the tolerance; from norms, a lower bound of it, without tensors
  bool by_elements = false;  ///< both runs recorded the tensor itself
  std::string element;       ///< where the difference is largest and both values; empty without tensors
};

struct Divergence {
  std::vector<Parting> partings;  ///< in A's order, as many as were asked for
  uint64_t compared = 0;          ///< pairs, parted ones included
  uint64_t parted = 0;
  uint64_t other_bytes = 0;         ///< pairs with equal values in other bytes
  uint64_t only_a = 0, only_b = 0;  ///< rows without a partner
};

/// Compares the runs in the folders `a` and `b`: a tensor's n-th writing in A with its n-th in B, so that runs whose
/// commands are not the same ones can be compared.
/// Throws InputError when a folder has no list of commands, or the runs have no tensor in common.
Divergence compare_runs(const std::string& a, const std::string& b, const DivergenceRule& rule, size_t list);

/// For a person.
std::string divergence_report(const Divergence& divergence, const DivergenceRule& rule);
std::string divergence_json(const Divergence& divergence);

}  // namespace backboard
