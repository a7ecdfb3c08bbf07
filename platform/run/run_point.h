// One point of a run: built, run, and written to its folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/elf/elf_file.h"
#include "platform/run/board_session.h"
#include "platform/run/run_image.h"
#include "platform/run/run_points.h"
#include "platform/run/summary.h"

namespace backboard {

/// A point with everything read, compiled and packed, so that bad input shows before anything runs.
struct PreparedPoint {
  RunPoint point;  ///< `config.firmware` is the file that was found
  ElfFile elf;
  std::vector<uint8_t> plan;       ///< empty: none
  std::vector<uint8_t> model;      ///< .onnx that the network came from; empty: none
  std::vector<std::string> notes;  ///< for the user, a line each
  std::optional<RunFolds> folded;
  RunImage image;
};

/// Throws InputError.
PreparedPoint prepare_point(RunPoint point);

/// Loads and starts `board`, built from the point's platform, or restores it from a file. Throws InputError.
void start_board(Board& board, const PreparedPoint& prepared, const std::string& restore = "");

struct PointOptions {
  std::string folder;  ///< made when it is missing
  bool echo = false;   ///< UART to stdout, findings to stderr
  bool progress = false;
  std::optional<SaveRequest> save;
  std::string restore;  ///< saved state to go on from, in place of a start; empty: none
  HostOptions host;
  bool weights = true;  ///< write weights.npz
};

/// Runs the point and writes effective.yaml, uart.log, stats.json, traffic.csv, findings.json, weights.npz and,
/// for a network that came as .onnx, weights.onnx. The summary holds the failures that a point has by itself; the
/// caller writes it. Elaborates SystemC: once a process.
RunSummary run_point(const PreparedPoint& prepared, const PointOptions& options);

}  // namespace backboard
