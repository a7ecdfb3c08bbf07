// A search file (configs/searches/*.yaml): what to look for by running the platform.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "npu/engine/taxonn/config.h"
#include "platform/config/field_list.h"
#include "platform/config/fields.h"

namespace backboard {

/// Widths of taxonn by layer: the fewest bits whose accuracy stays within `loss` of the baseline's.
struct WidthSearch {
  double loss = 0.5;
  std::vector<uint32_t> layers;
  npu::taxonn::Widths start;
  uint32_t most_fraction = 6, most_integer = 3;
  Overrides baseline;

  template <class V>
  void fields(V& v) {
    v("loss", loss, Reals{0.0, 100.0}, "Points of accuracy that may be lost, mean over the seeds");
    v("layers", layers, Each{Range{0, 65535}, Count{0, 64}}, "Layer numbers in the plan");
    v("start", start, "Widths that are narrowed; layers that are not named keep them");
    v("most_fraction", most_fraction, Range{0, 12}, "Most bits to take away behind the point, of x, weight and delta");
    v("most_integer", most_integer, Range{0, 12}, "Most bits to take away before the point");
    v("baseline", baseline,
      "Keys of the run file that make the baseline, for example {platform.npu.engine: reference}");
  }
  void check() const;
};

/// Thresholds of FGMP by class of tensor, for a share of FP16 among the non-zeros that are produced.
struct ThresholdSearch {
  double share = 0.1;
  double tolerance = 0.01;
  uint32_t rounds = 6, points = 3;
  std::vector<std::string> classes = {"activation", "error", "weight"};

  template <class V>
  void fields(V& v) {
    v("share", share, Reals{0.0, 1.0}, "Target share of FP16 among non-zeros");
    v("tolerance", tolerance, Reals{1e-6, 1.0}, "Largest distance from it");
    v("rounds", rounds, Range{1, 32}, "Most rounds; each cuts the range of log2(threshold) by points + 1");
    v("points", points, Range{1, 16}, "Thresholds tried side by side in a round");
    v("classes", classes, Each{Text{}, Count{1, 4}}, "Of input, activation, error, weight");
  }
  void check() const;
};

struct SearchConfig {
  std::string name, title, run;
  Overrides set;
  std::vector<uint32_t> seeds;
  std::vector<std::string> seed_keys = {"training.shuffle", "weights_seed"};
  std::optional<WidthSearch> widths;
  std::optional<ThresholdSearch> thresholds;
  YamlNode tree = {};  ///< what it was read from, for the places of errors

  template <class V>
  void fields(V& v) {
    v("name", name, "Name of the search; the file's name when absent");
    v("title", title, "One line for people");
    v("run", run, FilePath{}, "Run file that every point starts from");
    v("set", set, "Dotted keys of the run file and their values, for every point");
    v("seeds", seeds, Each{Range{0, UINT32_MAX}, Count{0, 64}}, "Each point runs once for each; absent: once");
    v("seed_keys", seed_keys, Each{Text{}, Count{0, 16}}, "Keys of the run file that a seed is put into");
    v("widths", widths, "Look for taxonn's widths by layer");
    v("thresholds", thresholds, "Or for lnpu's thresholds by class of tensor");
  }
  void check() const;
};

}  // namespace backboard
