// Which rows of a source go into a data file, and in which order.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/pack/pack_spec.h"

namespace backboard {

/// Row numbers of the source, in the order of the data file.
///
/// Rows of the range that have a label to keep are candidates. Without a subset all of them are taken in their order.
/// A draw gives every candidate the key npu::random_bits(seed, 0, row) and sorts by (key, row): a plain draw takes the
/// first `count`; a stratified one the first of each class that has candidates, count / classes each, one more for the
/// lowest count % classes of them; `per_class` the first per_class[label]. What is taken stays in the order of keys, so
/// classes come mixed, and a smaller plain draw is the beginning of a larger one. `rest` gives the other candidates, in
/// that order, too.
/// @throws InputError when there are too few candidates, or none.
std::vector<uint32_t> select_rows(const std::vector<uint32_t>& labels, const PackSpec& spec);

}  // namespace backboard
