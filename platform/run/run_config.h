// A run file (configs/runs/*.yaml): the board, its firmware, what it trains, what must come out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/plan/inference_block.h"
#include "drivers/plan/run_block.h"
#include "platform/config/field_list.h"
#include "platform/config/fields.h"
#include "platform/soc/board_config.h"
#include "sw/pack/pack_spec.h"
#include "sw/plan/options.h"
#include "sw/plan/weights_init.h"

namespace backboard {

/// A point of the learning rate's schedule.
struct RatePoint {
  static constexpr const char* kShorthand = "rate";
  uint32_t epoch = 0;
  float rate = 0.01f;

  template <class V>
  void fields(V& v) {
    v("epoch", epoch, Range{0, RUN_MAX_EPOCHS}, "From this epoch on, 0 the first");
    v("rate", rate, Reals{0.0, 1e6}, "Learning rate");
  }
};

/// Loss scaling (Micikevicius et al., ICLR 2018).
struct LossScaleConfig {
  static constexpr const char* kShorthand = "initial";
  float initial = 1.0f;
  bool dynamic = false;
  uint32_t interval = 2000;

  template <class V>
  void fields(V& v) {
    v("initial", initial, Reals{1.0, 16777216.0}, "Factor on the loss before back-propagation");
    v("dynamic", dynamic, "Halve on overflow, double after `interval` clean steps");
    v("interval", interval, Range{1, INT32_MAX}, "Clean steps before the factor doubles");
  }
};

/// How updated weights become values of their masters' format.
enum class Rounding : uint8_t { nearest, stochastic };

/// Inference requests that the firmware answers while it trains, on the NPU's second command ring: one image each, the
/// network with its first weights.
struct InferenceConfig {
  enum class Arrivals : uint8_t { periodic, random };
  enum class Priority : uint8_t { high, equal, low };
  uint64_t every_ps = 2'000'000'000;
  uint32_t requests = 100;
  Arrivals arrivals = Arrivals::periodic;
  uint32_t seed = 1;
  Priority priority = Priority::high;
  uint32_t refresh_steps = 0;

  template <class V>
  void fields(V& v) {
    v("every", every_ps, Picoseconds{10'000'000, 1'000'000'000'000}, "Time between requests; their mean when random");
    v("requests", requests, Range{1, INFERENCE_MAX_REQUESTS}, "How many requests come");
    v("arrivals", arrivals, Choices<Arrivals>{{"periodic", Arrivals::periodic}, {"random", Arrivals::random}},
      "One each `every`, or at random: in each sixteenth of it with probability 1/16");
    v("seed", seed, Range{0, UINT32_MAX}, "Seed of the random times");
    v("priority", priority,
      Choices<Priority>{{"high", Priority::high}, {"equal", Priority::equal}, {"low", Priority::low}},
      "Of the inference against the training where both wait for the NPU; equal: in turn, command by command");
    v("refresh_steps", refresh_steps, Range{0, UINT32_MAX},
      "Steps of the training after which answers come from its weights as they are then; 0: always from the first "
      "ones");
  }
};

/// What the firmware does with the plan.
struct TrainingConfig {
  uint32_t epochs = 1;
  uint32_t max_steps = 0;
  uint32_t batch = 16;
  std::optional<uint32_t> shuffle;
  std::vector<RatePoint> learning_rate = {RatePoint{}};
  float momentum = 0.0f;
  float weight_decay = 0.0f;
  Optimizer optimizer = Optimizer::sgd;
  bool nesterov = false;
  Rounding rounding = Rounding::nearest;
  float clip_norm = 0.0f;
  uint32_t accumulate = 1;
  float beta2 = 0.999f;
  float adam_epsilon = 1e-8f;
  LossScaleConfig loss_scale;
  float divergence = 10.0f;
  std::optional<float> fgmp_share;
  float fgmp_stall_step = 0.0f;
  uint32_t evaluate_every = 0;
  std::optional<uint32_t> checkpoint_every;
  bool resume = false;
  std::optional<InferenceConfig> inference;

  template <class V>
  void fields(V& v) {
    v("epochs", epochs, Range{0, RUN_MAX_EPOCHS}, "Passes over the training data; 0: inference only");
    v("max_steps", max_steps, Range{0, UINT32_MAX}, "End after so many steps; 0: no limit");
    v("batch", batch, Range{1, 1024}, "Images of a step");
    v("shuffle", shuffle, Range{0, UINT32_MAX}, "Seed of the order of images, drawn anew each epoch, or off");
    v("learning_rate", learning_rate, Count{1, RUN_SCHEDULE_POINTS}, "Learning rate, or a schedule by epoch");
    v("momentum", momentum, Reals{0.0, 1.0}, "Momentum of SGD; 0: none, and no memory for it");
    v("weight_decay", weight_decay, Reals{0.0, 1.0}, "Weight decay");
    v("optimizer", optimizer, Choices<Optimizer>{{"sgd", Optimizer::sgd}, {"adam", Optimizer::adam}},
      "Optimiser; adam takes `momentum` as beta1");
    v("nesterov", nesterov, "Nesterov's momentum");
    v("rounding", rounding, Choices<Rounding>{{"nearest", Rounding::nearest}, {"stochastic", Rounding::stochastic}},
      "How updated weights are rounded to masters in FP16 (compile.formats.master) or fixed point "
      "(platform.npu.taxonn.masters); stochastic: by the stream of shuffle's seed");
    v("clip_norm", clip_norm, Reals{0.0, 1e30}, "Largest norm of all gradients together; 0: no clipping");
    v("accumulate", accumulate, Range{1, 1024}, "Batches whose gradients are added before an update");
    v("beta2", beta2, Reals{0.0, 0.99999}, "Adam: decay of the squared gradients");
    v("adam_epsilon", adam_epsilon, Reals{1e-12, 1.0}, "Adam: added to the root");
    v("loss_scale", loss_scale, "Loss scaling");
    v("divergence", divergence, Reals{0.0, 1e6},
      "An epoch whose mean loss is beyond so many times that of guessing, ln(classes), ends the run as diverged; 0: "
      "never");
    v("fgmp_share", fgmp_share, Reals{0.0, 1.0},
      "Share of non-zeros in FP16 that the firmware steers for, or off: thresholds stay as compiled");
    v("fgmp_stall_step", fgmp_stall_step, Reals{0.0, 1.0}, "Added to the share when the loss of an epoch stalls");
    v("evaluate_every", evaluate_every, Range{0, RUN_MAX_EPOCHS}, "Epochs; 0: only before and after");
    v("checkpoint_every", checkpoint_every, Range{0, RUN_MAX_EPOCHS},
      "Epochs between checkpoints to flash; 0: one at the end; off: never");
    v("resume", resume, "Start from the newest valid checkpoint in flash");
    v("inference", inference, "Inference requests beside the training, or off");
  }
  void check() const {
    if (nesterov && momentum == 0.0f) throw ConfigRule("nesterov", "needs a momentum");
    if (nesterov && optimizer != Optimizer::sgd) throw ConfigRule("nesterov", "is of sgd");
    if (rounding == Rounding::stochastic && optimizer != Optimizer::sgd) {
      throw ConfigRule("rounding", "stochastic is of sgd");
    }
    if (optimizer == Optimizer::adam && momentum == 0.0f)
      throw ConfigRule("momentum", "adam takes it as beta1: say so, 0.9 is usual");
    for (size_t i = 0; i < learning_rate.size(); ++i) {
      const bool rises = i == 0 ? learning_rate[i].epoch == 0 : learning_rate[i].epoch > learning_rate[i - 1].epoch;
      if (!rises) throw ConfigRule("learning_rate", "epochs must start at 0 and ascend");
    }
  }
};

/// The images.
struct DataConfig {
  std::optional<PackSpec> train, eval;
  std::string train_file, eval_file;

  template <class V>
  void fields(V& v) {
    v("train", train, "Training images, packed when the run starts");
    v("eval", eval, "Evaluation images, packed when the run starts");
    v("train_file", train_file, FilePath{}, "Training images, packed by `backboard pack`");
    v("eval_file", eval_file, FilePath{}, "Evaluation images, packed by `backboard pack`");
  }
  void check() const {
    if (train && !train_file.empty()) throw ConfigRule("train_file", "stands instead of train, not beside it");
    if (eval && !eval_file.empty()) throw ConfigRule("eval_file", "stands instead of eval, not beside it");
  }
};

/// What must come out of a point, or of the mean over its subsets. An expectation that does not hold ends the program
/// with exit code 1.
struct ExpectConfig {
  std::optional<double> accuracy_after_min;
  std::optional<double> accuracy_gain_min;
  bool error_halves = false;
  std::optional<uint32_t> findings_max;
  std::string uart_contains;

  template <class V>
  void fields(V& v) {
    v("accuracy_after_min", accuracy_after_min, Reals{0.0, 100.0}, "Least accuracy after training, percent");
    v("accuracy_gain_min", accuracy_gain_min, Reals{-100.0, 100.0}, "Least gain of accuracy, points");
    v("error_halves", error_halves, "The error after is at most half of the error before");
    v("findings_max", findings_max, Range{0, INT32_MAX}, "Most findings");
    v("uart_contains", uart_contains, "Text that the UART must have shown");
  }
};

/// A variant of the run: overrides of any key.
struct VariantConfig {
  std::string name;
  Overrides set;

  template <class V>
  void fields(V& v) {
    v("name", name, "Name in the table and of the folder");
    v("set", set, "Dotted keys of this file and their values");
  }
};

/// A claim about two variants.
struct CompareConfig {
  std::string variant, with;
  double accuracy_within = 100.0;

  template <class V>
  void fields(V& v) {
    v("variant", variant, "A variant");
    v("with", with, "Another one");
    v("accuracy_within", accuracy_within, Reals{0.0, 100.0}, "Largest difference of mean accuracies after, points");
  }
};

/// What ends a run that does not end by itself.
struct LimitsConfig {
  std::optional<uint64_t> time_ps;
  std::optional<uint64_t> instructions;
  uint32_t resets = kResetLimit;

  template <class V>
  void fields(V& v) {
    v("time", time_ps, Picoseconds{1}, "Simulated time, or off");
    v("instructions", instructions, Range{1, INT64_MAX}, "Retired instructions, or off");
    v("resets", resets, Range{0, INT32_MAX}, "Resets by the guest (finisher, watchdog); one more ends the run");
  }
};

/// What to record of the NPU's commands.
struct RecordConfig {
  bool commands = false;
  uint32_t tensors_first = 0;
  uint32_t tensors_count = 0;

  template <class V>
  void fields(V& v) {
    v("commands", commands, "Write commands.csv: every NPU command, its times, digests of the tensors that it wrote");
    v("tensors_first", tensors_first, Range{0, INT32_MAX}, "First command whose tensors are written as .npy files");
    v("tensors_count", tensors_count, Range{0, INT32_MAX}, "Commands whose tensors are written; 0: none");
  }
};

struct RunConfig {
  std::string name;
  BoardConfig platform;
  std::string firmware = "train";
  std::string network, weights, plan;
  uint32_t weights_seed = 1;
  WeightsInit weights_init = WeightsInit::he;
  bool grow_head = false;
  std::string policy = "full";
  CompileOptions compile;  ///< of the plan, when the run starts
  DataConfig data;
  TrainingConfig training;
  LimitsConfig limits;
  RecordConfig record;
  std::vector<uint32_t> subsets;
  std::vector<VariantConfig> variants;
  ExpectConfig expect;
  std::vector<CompareConfig> compare;

  template <class V>
  void fields(V& v) {
    v("name", name, "Name of the run; the file's name when absent");
    v("platform", platform, "Board");
    v("firmware", firmware, FilePath{}, "ELF file, or the name of one of our firmwares: train, infer, selftest, hello");
    v("network", network, FilePath{}, "Network to compile (configs/nets, or a model, .onnx); absent: none");
    v("weights", weights, FilePath{}, "First weights, .npz; absent: the .onnx file's, or drawn from weights_seed");
    v("weights_seed", weights_seed, Range{0, UINT32_MAX}, "Seed of first weights");
    v("weights_init", weights_init, weights_inits(), kWeightsInitHelp);
    v("grow_head", grow_head, "Weights may have fewer outputs than the network: the last layer gets rows of zeros");
    v("policy", policy, "Which parameters train: full, last:N, bias, bn, lite-residual, sparse, none");
    v("compile", compile, "How the network is compiled");
    v("plan", plan, FilePath{}, "Plan compiled by `backboard plan`, instead of network");
    v("data", data, "Images");
    v("training", training, "What the firmware does");
    v("limits", limits, "What ends a run that does not end by itself");
    v("record", record, "What is written of each NPU command, for `backboard divergence`");
    v("subsets", subsets, Each{Range{0, UINT32_MAX}, Count{0, 64}},
      "Seeds of data.train.subset, and of data.eval.subset where it is the rest: one point each, and the mean");
    v("variants", variants, Count{0, 64}, "Variants of this run, in one table");
    v("expect", expect, "What must come out");
    v("compare", compare, Count{0, 64}, "What must hold between variants");
  }
  void check() const;
};

/// Whether a name can be a folder and a column: letters, digits and _-+.: only, at most 64.
bool plain_name(const std::string& name);

}  // namespace backboard
