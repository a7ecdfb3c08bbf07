// What a run needs before the board starts: plan and packed data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sw/npz/npz.h"
#include "sw/pack/pack_spec.h"
#include "sw/plan/compiler.h"
#include "sw/plan/fold_batchnorm.h"
#include "sw/plan/options.h"

namespace backboard {

/// Where plan and data come from. Of each pair one may be given; without either that part is empty.
struct PrepareRequest {
  std::string network;  ///< configs/nets file, or .onnx, to compile
  std::string plan;     ///< or a plan made by `backboard plan`
  std::string weights;  ///< .npz for the network; empty: the .onnx file's, or drawn from weights_seed
  uint32_t weights_seed = 1;
  WeightsInit weights_init = WeightsInit::he;
  bool grow_head = false;               ///< `weights` may have fewer outputs than the network
  PlanOptions options;                  ///< for the network
  std::optional<PackSpec> train, eval;  ///< packed here
  std::string train_file, eval_file;    ///< or by `backboard pack`
  bool inference = false;               ///< a second plan of the network, for inference beside the training
};

/// How weights that come back from the board become those of the network again: what was folded when it was compiled.
struct RunFolds {
  Network network;
  std::vector<NormFold> folds;
  Arrays first;  ///< weights before folding
};

/// Bytes for the board's memory; empty: none.
struct PreparedRun {
  std::vector<uint8_t> plan, train, eval;
  std::vector<uint8_t> inference;  ///< plan: one image, first weights, an arena behind that of `plan`
  std::vector<uint8_t> model;      ///< .onnx that the network came from
  std::vector<std::string> notes;  ///< for the user, a line each
  std::optional<RunFolds> folded;
};

/// Compiles, packs or reads, and checks that the parts fit each other: engine and buffer of the plan are the target's,
/// images have the shape, scale and no more classes than the plan's.
/// @throws InputError.
PreparedRun prepare_run(const PrepareRequest& request, const PlanTarget& target);

/// Checks that a data file fits a plan. `file` is used in errors.
/// @throws InputError.
void check_data_fits(std::span<const uint8_t> plan, std::span<const uint8_t> data, const std::string& file);

}  // namespace backboard
