// An experiment file (configs/experiments/*.yaml): points to run, what to measure, the published figure beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/config/field_list.h"
#include "platform/config/fields.h"
#include "platform/experiment/mark.h"

namespace backboard {

/// Overrides under a name: a point, a case of an axis or of a sensitivity.
struct NamedOverrides {
  std::string name;
  Overrides set;

  template <class V>
  void fields(V& v) {
    v("name", name, "Name in formulas, tables and folders: letters, digits and _-+.:");
    v("set", set, "Dotted keys of the run file and their values");
  }
};

/// A configuration that is run once for each seed.
struct PointConfig {
  std::string name;
  std::string run;
  Overrides set;

  template <class V>
  void fields(V& v) {
    v("name", name, "Name in formulas, tables and folders: letters, digits and _-+.:");
    v("run", run, FilePath{}, "Its own run file, instead of the experiment's");
    v("set", set, "Dotted keys of the run file and their values");
  }
};

/// One of several lists of cases that are multiplied with each other.
struct AxisConfig {
  std::vector<NamedOverrides> cases;

  template <class V>
  void fields(V& v) {
    v("cases", cases, Count{1, 64}, "Its cases");
  }
};

/// A number that is taken from every point.
struct MetricConfig {
  std::string name, value, unit;

  template <class V>
  void fields(V& v) {
    v("name", name, "Name in the formulas of headlines");
    v("value", value,
      "Formula over summary.* (summary.json), paths of stats.json and traffic.INITIATOR[.PHASE[.CLASS]]; a name that "
      "ends in '?' is 0 when it is absent");
    v("unit", unit, "Unit");
  }
};

/// How ours is held against the published figure.
enum class Bound : uint8_t {
  about,     ///< the gap is printed
  at_most,   ///< holds or does not
  at_least,  ///< holds or does not
};

/// A figure of ours beside a published one.
struct HeadlineConfig {
  std::string name, value, unit;
  std::optional<double> published;
  Bound bound = Bound::about;
  Mark mark = Mark::none;
  double tolerance = 0.0;
  std::string source, conditions, remark;

  template <class V>
  void fields(V& v) {
    v("name", name, "What is compared");
    v("value", value, "Formula over METRIC[POINT]; computed for each seed, then mean and spread");
    v("unit", unit, "Unit");
    v("published", published, Reals{-1e30, 1e30}, "The published figure; absent: none, ours only");
    v("bound", bound,
      Choices<Bound>{{"about", Bound::about}, {"at_most", Bound::at_most}, {"at_least", Bound::at_least}},
      "Whether the published figure is a value or a limit");
    v("mark", mark, Choices<Mark>{{"none", Mark::none}, {"loses", Mark::loses}, {"keeps", Mark::keeps}},
      "What a loss must show over at least five seeds; loses: its mean is above zero by more than two standard errors; "
      "keeps: its mean is within two standard errors or `tolerance`, and a sign test sees no loss (level 0.025)");
    v("tolerance", tolerance, Reals{0.0, 1e30}, "Of the mark `keeps`, in the headline's unit");
    v("source", source, "Publication, and where the figure stands in it");
    v("conditions", conditions, "Under which the published figure was measured");
    v("remark", remark, "What stands between the two");
  }
};

/// The same headlines with one thing changed, on the first seed.
struct SensitivityConfig {
  std::string name;
  std::vector<std::string> points;
  std::vector<NamedOverrides> cases;

  template <class V>
  void fields(V& v) {
    v("name", name, "What is changed");
    v("points", points, Each{Text{}, Count{0, 256}}, "Points that it is changed of; absent: all");
    v("cases", cases, Count{1, 64}, "Its cases");
  }
};

/// What `--quick` changes.
struct QuickConfig {
  Overrides set;
  std::vector<uint32_t> seeds;
  bool sensitivities = false;

  template <class V>
  void fields(V& v) {
    v("set", set, "Dotted keys of the run file and their values, before those of a point");
    v("seeds", seeds, Each{Range{0, UINT32_MAX}, Count{0, 64}}, "Seeds instead of the experiment's; absent: the first");
    v("sensitivities", sensitivities, "Whether sensitivities are run, too");
  }
};

struct ExperimentConfig {
  std::string name, title, run, conditions;
  Overrides set;
  std::vector<uint32_t> seeds;
  std::vector<std::string> seed_keys = {"training.shuffle", "weights_seed"};
  std::vector<PointConfig> points;
  std::vector<AxisConfig> axes;
  std::vector<MetricConfig> metrics;
  std::vector<HeadlineConfig> headlines;
  std::vector<SensitivityConfig> sensitivities;
  QuickConfig quick;

  template <class V>
  void fields(V& v) {
    v("name", name, "Name of the experiment; the file's name when absent");
    v("title", title, "One line for people");
    v("run", run, FilePath{},
      "Run file that points start from; its variants, subsets, comparisons and expectations are left out");
    v("conditions", conditions, "What is measured here: network, weights, data, batch, steps");
    v("set", set, "Dotted keys of the run file and their values, for every point");
    v("seeds", seeds, Each{Range{0, UINT32_MAX}, Count{0, 64}}, "Each point runs once for each; absent: once");
    v("seed_keys", seed_keys, Each{Text{}, Count{0, 16}}, "Keys of the run file that a seed is put into");
    v("points", points, Count{0, 256}, "Configurations to run");
    v("axes", axes, Count{0, 8}, "Instead of points: lists of cases; every combination is a point NAME-NAME-...");
    v("metrics", metrics, Count{1, 64}, "What is taken from every point");
    v("headlines", headlines, Count{0, 64}, "Figures, beside the published ones");
    v("sensitivities", sensitivities, Count{0, 64}, "The headlines with one thing changed");
    v("quick", quick, "What --quick changes");
  }
  void check() const;

  /// The points, those of the axes written out.
  std::vector<PointConfig> all_points() const;
};

}  // namespace backboard
