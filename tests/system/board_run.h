// Whole runs of the built program on real data, and what they leave in their folders.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/program.h"

namespace backboard::test {

/// One line of traffic.csv.
struct TrafficLine {
  std::string initiator, layer, name, phase, tensor_class;
  uint64_t read_bytes = 0, write_bytes = 0, reads = 0, writes = 0;
  uint64_t bytes() const { return read_bytes + write_bytes; }
};

/// What the program said and wrote.
struct RunOutcome {
  ProgramResult program;
  std::string folder;
  nlohmann::json summary;  ///< null when there is none
  nlohmann::json stats;    ///< null when there is none
  std::string traffic, uart, weights, findings;

  int exit_code() const { return program.exit_code; }
  /// Value of a counter of stats.json. Throws when there is none of this path.
  uint64_t stat(const std::string& path) const { return stats.at(path).at("value").get<uint64_t>(); }
  uint64_t simulated_ps() const { return stat("simulated_ps"); }
  const nlohmann::json& losses() const { return summary.at("training").at("loss"); }
  /// Losses, accuracies, steps, loss scale: all of the summary's `training`.
  std::string training() const { return summary.at("training").dump(); }
  uint64_t dram_bytes() const {
    return summary.at("dram").at("read_bytes").get<uint64_t>() + summary.at("dram").at("write_bytes").get<uint64_t>();
  }
  std::vector<TrafficLine> traffic_lines() const;
};

/// Run files in a folder of their own, run by the built program.
class BoardRuns {
 public:
  /// Net S from seeded weights on a few optdigits images; `training` is the text behind `training:`, `images` the
  /// number of training images. 32 images of the validation part are evaluated.
  std::string small_run(const std::string& training, unsigned images = 40) const;

  /// Runs `file` into a folder `name`; `arguments` go behind, as in a shell.
  RunOutcome run(const std::string& file, const std::string& name, const std::string& arguments = "") const;
  /// The program with any arguments.
  static ProgramResult program(const std::string& arguments) { return run_program(BACKBOARD_PROGRAM, arguments); }

  std::string path(const std::string& name) const { return folder_.path(name); }
  std::string write(const std::string& name, const std::string& text) const { return folder_.write(name, text); }

 private:
  TemporaryFolder folder_;
};

/// Reads the results that a run has left in `folder`.
RunOutcome read_outcome(const std::string& folder);

/// The same weights, losses and accuracies, bit for bit.
void check_same_training(const RunOutcome& a, const RunOutcome& b);
/// Besides, the same simulated time, counters of all models, traffic and findings.
void check_same_run(const RunOutcome& a, const RunOutcome& b);

}  // namespace backboard::test
