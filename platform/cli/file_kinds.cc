#include "platform/cli/file_kinds.h"

#include <algorithm>

#include "platform/config/suggest.h"
#include "platform/dram/standard/memory_config.h"
#include "platform/experiment/experiment.h"
#include "platform/experiment/search.h"
#include "platform/run/run_points.h"
#include "platform/soc/board_config.h"
#include "sw/net/network.h"
#include "sw/pack/pack_spec.h"

namespace backboard {
namespace {

template <class T>
std::string check_file(const YamlNode& root) {
  return dump_config(config_from<T>(root));
}
template <class T>
std::vector<KeyDoc> explain_file() {
  return explain_config<T>();
}

// A variant of a run is checked as a configuration of its own.
std::string check_run(const YamlNode& root) {
  return dump_config(run_from(root, "run").config);
}

// Every point's whole configuration is checked, too.
std::string check_experiment(const YamlNode& root) {
  return dump_config(plan_experiment(experiment_from(root, "experiment"), false).config);
}

std::string check_search_file(const YamlNode& root) {
  const SearchConfig config = search_from(root, "search");
  check_search(config);
  return dump_config(config);
}

constexpr FileKind kKinds[] = {
    {"run", "A run: board, firmware, training, expectations (configs/runs)", check_run,
     [] { return schema_of<RunConfig>("Backboard run"); }, explain_file<RunConfig>, run_overrides},
    {"experiment", "An experiment: points, metrics, published figures (configs/experiments)", check_experiment,
     [] { return schema_of<ExperimentConfig>("Backboard experiment"); }, explain_file<ExperimentConfig>},
    {"search", "A search for widths or thresholds (configs/searches)", check_search_file,
     [] { return schema_of<SearchConfig>("Backboard search"); }, explain_file<SearchConfig>},
    {"net", "A network (configs/nets)", check_file<Network>, [] { return schema_of<Network>("Backboard network"); },
     explain_file<Network>},
    {"data", "Images to pack (configs/data)", check_file<PackSpec>,
     [] { return schema_of<PackSpec>("Backboard data"); }, explain_file<PackSpec>},
    {"platform", "A board (configs/platforms)", check_file<BoardConfig>,
     [] { return schema_of<BoardConfig>("Backboard platform"); }, explain_file<BoardConfig>},
    {"memory", "A memory part for dram-trace (configs/memory)", check_file<dram::MemoryConfig>,
     [] { return schema_of<dram::MemoryConfig>("Backboard memory"); }, explain_file<dram::MemoryConfig>},
};

}  // namespace

std::span<const FileKind> file_kinds() {
  return kKinds;
}

const FileKind& file_kind(const std::string& name) {
  std::vector<std::string> known;
  for (const FileKind& kind : kKinds) {
    if (name == kind.name) return kind;
    known.emplace_back(kind.name);
  }
  throw InputError("unknown kind of file '" + name + "'" + suggestion(name, known));
}

const FileKind& guess_file_kind(const YamlNode& root) {
  const FileKind* best = &kKinds[0];
  size_t most = 0;
  for (const FileKind& kind : kKinds) {
    const std::vector<KeyDoc> docs = kind.explain();
    const auto hits = static_cast<size_t>(std::count_if(docs.begin(), docs.end(), [&](const KeyDoc& doc) {
      return doc.path.find('.') == std::string::npos && root.find(doc.path) != nullptr;
    }));
    if (hits > most) {
      most = hits;
      best = &kind;
    }
  }
  return *best;
}

}  // namespace backboard
