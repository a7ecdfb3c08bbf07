// What the author of a run chooses for the plan compiler.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/config/fields.h"

namespace backboard {

/// Names of the tensor formats of drivers/npu/npu_command.def in lower case, and "auto".
std::vector<std::string> plan_format_names();

/// Formats of the tensors by class. "auto": what `all` says; if that is "auto" too, the engine's default (formats.h).
struct PlanFormats {
  static constexpr const char* kShorthand = "all";
  std::string all = "auto";
  std::string input = "auto";
  std::string activation = "auto";
  std::string error = "auto";
  std::string weight = "auto";
  std::string last_weight = "auto";
  std::string logits = "auto";
  std::string master = "fp32";
  std::string rule = "magnitude";

  template <class V>
  void fields(V& v) {
    const OneOf formats{plan_format_names()};
    v("all", all, formats, "Format of every class below that says nothing itself, logits and last_weight excepted");
    v("input", input, formats, "Encoded batch");
    v("activation", activation, formats, "Outputs of layers");
    v("error", error, formats, "Errors of outputs");
    v("weight", weight, formats, "Weight copies that the engine computes with");
    v("last_weight", last_weight, formats, "Weight copy of the last layer");
    v("logits", logits, formats, "Output of the last layer, and its error");
    v("master", master, OneOf{{"fp32", "fp16"}}, "Master weights (biases are always fp32)");
    v("rule", rule, OneOf{{"magnitude", "relative"}},
      "FGMP class rule: magnitude threshold or relative rounding error");
  }
};

/// First thresholds of the FGMP class rule by class of tensor. Firmware may steer them.
struct PlanThresholds {
  float input = 0.25f;
  float activation = 0.25f;
  float error = 0.001f;
  float weight = 0.0625f;

  template <class V>
  void fields(V& v) {
    const Reals range{0.0, 65504.0};
    v("input", input, range, "Encoded batch");
    v("activation", activation, range, "Outputs of layers");
    v("error", error, range, "Errors, loss scale included");
    v("weight", weight, range, "Weight copies");
  }
};

/// Bits behind the point of tensors in fixed point (S8, S16), by class of tensor: a value is an integer times 2^-bits.
/// The defaults let S8 hold what the classes are like: inputs in [0, 1], activations below 8, errors below an eighth,
/// weights below 1.
struct PlanFractions {
  int32_t input = 6, activation = 4, error = 10, weight = 7;

  template <class V>
  void fields(V& v) {
    const Range range{-15, 24};
    v("input", input, range, "Encoded batch");
    v("activation", activation, range, "Outputs of layers");
    v("error", error, range, "Errors, loss scale included");
    v("weight", weight, range, "Weight copies");
  }
};

/// Tile sizes for every convolution and FC command, held to the size of the layer; 0: the NPU chooses.
struct PlanTiles {
  uint32_t k = 0, rows = 0, c = 0, n = 0;

  template <class V>
  void fields(V& v) {
    const Range range{0, 65535};
    v("k", k, range, "Output channels (BP: input channels)");
    v("rows", rows, range, "Output rows");
    v("c", c, range, "Reduction channels (WG: input channels)");
    v("n", n, range, "Images");
  }
};

/// A layer that the policy `sparse` trains.
struct SparseLayer {
  std::string layer;
  double ratio = 1.0;
  bool bias = true;

  template <class V>
  void fields(V& v) {
    v("layer", layer, "Name of a layer with parameters");
    v("ratio", ratio, Reals{0.0, 1.0},
      "Share of its input channels whose weights train, from the first one on, rounded up");
    v("bias", bias, "Whether its bias trains");
  }
};

enum class Optimizer : uint8_t { sgd, adam };
/// Moments that batch normalisations train with: the batch's where gamma trains, or always the running ones.
enum class NormMoments : uint8_t { automatic, running };

/// Batch normalisations as part of the layer before them: never, where it can be done, or all of them.
enum class NormFolding : uint8_t { off, automatic, on };

enum class Fusion : uint8_t { automatic, on, off };

/// How a plan is compiled, whoever asks for it: keys of a plan file and of `compile` in a run file.
struct CompileOptions {
  Fusion fused = Fusion::automatic;
  NormMoments batchnorm = NormMoments::automatic;
  NormFolding fold_batchnorm = NormFolding::off;
  std::vector<SparseLayer> sparse;  ///< policy sparse
  std::string recompute = "none";   ///< see recompute.h
  PlanFormats formats;
  PlanThresholds thresholds;
  PlanFractions fractions;
  PlanTiles tiles;

  template <class V>
  void fields(V& v) {
    v("fused", fused, Choices<Fusion>{{"auto", Fusion::automatic}, {"on", Fusion::on}, {"off", Fusion::off}},
      "Update weights at the write-back of their gradient; auto: when the engine can");
    v("batchnorm", batchnorm, Choices<NormMoments>{{"auto", NormMoments::automatic}, {"running", NormMoments::running}},
      "Moments of batch normalisations while training: auto: of the batch where gamma trains; running: as inference");
    v("fold_batchnorm", fold_batchnorm,
      Choices<NormFolding>{{"off", NormFolding::off}, {"auto", NormFolding::automatic}, {"on", NormFolding::on}},
      "Batch normalisations become part of the convolution or FC layer before them: off, auto: where nothing of it or "
      "below it trains; on: all of them, or an error");
    v("sparse", sparse, Count{0, 1024}, "Layers that the policy sparse trains");
    v("recompute", recompute,
      "Outputs of layers that the backward pass computes again: none, sqrt, every:K, or names with commas between");
    v("formats", formats, "Formats by class of tensor");
    v("thresholds", thresholds, "First FGMP thresholds by class of tensor");
    v("fractions", fractions, "Bits behind the point of S8 and S16 by class of tensor");
    v("tiles", tiles, "Tile sizes");
  }
};

struct PlanOptions : CompileOptions {
  std::string policy = "full";  ///< see policy.h
  uint32_t batch = 16;
  bool momentum = false;
  Optimizer optimizer = Optimizer::sgd;
  uint32_t accumulate = 1;
  bool gradient_norm = false;
  uint64_t arena_base = 0x88000000;
  uint64_t arena_bytes = 0x08000000;
  bool beside_training = false;  ///< no key: commands count as inference beside a training (phase INFERENCE)

  template <class V>
  void fields(V& v) {
    v("policy", policy, "Which parameters train: full, last:N, bias, bn, lite-residual, sparse, none");
    v("batch", batch, Range{1, 1024}, "Images of a step");
    CompileOptions::fields(v);
    v("momentum", momentum, "Whether the optimiser keeps a momentum");
    v("optimizer", optimizer, Choices<Optimizer>{{"sgd", Optimizer::sgd}, {"adam", Optimizer::adam}}, "Optimiser");
    v("accumulate", accumulate, Range{1, 1024}, "Batches whose gradients are added before an update");
    v("gradient_norm", gradient_norm, "Whether the norm of all gradients is measured, to clip it");
    v("arena_base", arena_base, Bytes{0, UINT32_MAX}, "First DRAM address that the plan may use");
    v("arena_bytes", arena_bytes, Bytes{4096, UINT32_MAX}, "Memory that the plan may use");
  }
  void check() const {
    const bool separate = optimizer != Optimizer::sgd || accumulate > 1 || gradient_norm;
    if (separate && fused == Fusion::on)
      throw ConfigRule("fused",
                       "an update at write-back knows plain SGD of one batch: no adam, accumulate, gradient_norm");
    if (optimizer == Optimizer::adam && !momentum) throw ConfigRule("momentum", "adam keeps a momentum");
    if (arena_base % 64 != 0) throw ConfigRule("arena_base", "must be a multiple of 64");
    if (arena_base + arena_bytes > uint64_t{1} << 32) throw ConfigRule("arena_bytes", "the arena ends beyond 4 GiB");
  }
};

}  // namespace backboard
