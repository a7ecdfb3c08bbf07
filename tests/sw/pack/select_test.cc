#include "sw/pack/select.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "platform/check/input_error.h"

using namespace backboard;
using Catch::Contains;

namespace {

/// Labels 0, 1, ..., 9, 0, 1, ...
std::vector<uint32_t> cyclic_labels(uint32_t count) {
  std::vector<uint32_t> labels;
  for (uint32_t i = 0; i < count; ++i) labels.push_back(i % 10);
  return labels;
}

std::map<uint32_t, uint32_t> histogram(const std::vector<uint32_t>& labels, const std::vector<uint32_t>& rows) {
  std::map<uint32_t, uint32_t> counts;
  for (const uint32_t row : rows) ++counts[labels[row]];
  return counts;
}

}  // namespace

TEST_CASE("without a subset the rows of the range with a label to keep come in their order") {
  PackSpec spec;
  spec.rows = {5, 25};
  spec.keep = {3, 7};
  CHECK(select_rows(cyclic_labels(40), spec) == std::vector<uint32_t>{7, 13, 17, 23});
}

TEST_CASE("a stratified subset has equal classes, differing by one at most, and no row twice") {
  const std::vector<uint32_t> labels = cyclic_labels(800);
  PackSpec spec;
  spec.subset.count = 104;
  const std::vector<uint32_t> rows = select_rows(labels, spec);
  CHECK(rows.size() == 104);
  CHECK(std::set<uint32_t>(rows.begin(), rows.end()).size() == 104);
  for (const auto& [label, count] : histogram(labels, rows)) CHECK(count == (label < 4 ? 11 : 10));
  CHECK(!std::is_sorted(rows.begin(), rows.end()));
}

TEST_CASE("a seed gives one subset, another seed another") {
  const std::vector<uint32_t> labels = cyclic_labels(800);
  PackSpec spec;
  spec.subset.count = 100;
  spec.subset.seed = 1;
  const std::vector<uint32_t> one = select_rows(labels, spec);
  CHECK(select_rows(labels, spec) == one);
  spec.subset.seed = 2;
  CHECK(select_rows(labels, spec) != one);
}

TEST_CASE("a smaller plain draw is the beginning of a larger one") {
  const std::vector<uint32_t> labels = cyclic_labels(300);
  PackSpec spec;
  spec.subset.stratified = false;
  spec.subset.count = 50;
  const std::vector<uint32_t> small = select_rows(labels, spec);
  spec.subset.count = 120;
  const std::vector<uint32_t> large = select_rows(labels, spec);
  CHECK(std::equal(small.begin(), small.end(), large.begin()));
}

TEST_CASE("numbers a class are taken as given") {
  const std::vector<uint32_t> labels = cyclic_labels(300);
  PackSpec spec;
  spec.subset.per_class = {1, 0, 5};
  CHECK(histogram(labels, select_rows(labels, spec)) == std::map<uint32_t, uint32_t>{{0, 1}, {2, 5}});
}

TEST_CASE("impossible choices are errors that give the numbers") {
  const std::vector<uint32_t> labels = cyclic_labels(100);
  PackSpec spec;
  spec.images = "x.csv";
  spec.rows = {50, 101};
  CHECK_THROWS_WITH(select_rows(labels, spec), Contains("x.csv: rows 50 to 101 were asked for, the source has 100"));
  spec.rows = {};
  spec.keep = {77};
  CHECK_THROWS_WITH(select_rows(labels, spec), Contains("no row is left"));
  spec.keep = {};
  spec.subset.count = 101;
  CHECK_THROWS_WITH(select_rows(labels, spec), Contains("11 images of class 0 were asked for, there are 10"));
  spec.subset.stratified = false;
  CHECK_THROWS_WITH(select_rows(labels, spec), Contains("a subset of 101 images of 100"));
}

TEST_CASE("the rest of a draw is what it leaves, in the order of its keys") {
  const std::vector<uint32_t> labels = cyclic_labels(300);
  PackSpec spec;
  spec.rows = {20, 280};
  spec.keep = {1, 4, 6};
  spec.subset.seed = 3;
  const auto both = [&](uint32_t taken) {
    spec.subset.rest = false;
    const std::vector<uint32_t> drawn = select_rows(labels, spec);
    CHECK(drawn.size() == taken);
    spec.subset.rest = true;
    const std::vector<uint32_t> rest = select_rows(labels, spec);
    CHECK(rest.size() == 78 - taken);  // 26 rows of each of three classes
    std::set<uint32_t> rows(drawn.begin(), drawn.end());
    rows.insert(rest.begin(), rest.end());
    CHECK(rows.size() == 78);
    CHECK(!std::is_sorted(rest.begin(), rest.end()));
  };
  spec.subset.count = 31;
  both(31);
  spec.subset.stratified = false;
  both(31);
  spec.subset.count = 0;
  spec.subset.per_class = {0, 20, 0, 0, 1};
  both(21);
  spec.subset.per_class = {0, 26, 0, 0, 26, 0, 26};
  CHECK_THROWS_WITH(select_rows(labels, spec), Contains("the subset leaves no row"));
}
