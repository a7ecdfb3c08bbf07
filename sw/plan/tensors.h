// The tensors of a draft: formats, block geometry, views and the memory behind them.
#pragma once

#include <map>
#include <string>

#include "sw/net/network.h"
#include "sw/plan/draft.h"
#include "sw/plan/formats.h"
#include "sw/plan/options.h"
#include "sw/plan/policy.h"

namespace backboard {

/// The tensors of one weight or bias. `copy` is what commands compute with: the master itself when formats agree.
struct Parameter {
  int master = kNoTensor, copy = kNoTensor, gradient = kNoTensor, momentum = kNoTensor;
};
struct LayerParameters {
  Parameter weight, bias;
};

/// Whether tensors of a class get a statistics record when they are produced.
bool keeps_statistics(TensorClass tensor_class);

/// Adds tensors to a draft; all functions return the number of the tensor.
class TensorTable {
 public:
  TensorTable(Draft& draft, const ResolvedFormats& formats, const PlanOptions& options)
      : draft_(draft), formats_(formats), options_(options) {}

  int packed_images(const ImageShape& shape, float scale);
  int labels();
  /// A batch of images or of a layer's outputs. `flattened`: an FC layer reads it.
  int activation(const std::string& name, const ImageShape& shape, npu::TensorFormat format, TensorClass tensor_class,
                 uint16_t layer, bool flattened);
  int error(const std::string& name, const ImageShape& shape, npu::TensorFormat format, uint16_t layer, bool flattened);
  int pool_index(const std::string& name, const ImageShape& shape, uint16_t layer);
  LayerParameters parameters(const NetLayer& layer, uint16_t number, const TrainedParts& trained,
                             npu::TensorFormat copy_format, bool fused);

  /// The tensor as (n, c*h*w, 1, 1) over the same bytes: itself when it has that shape. A coded tensor's blocks become
  /// runs of channels, which its geometry was chosen for (`flattened`).
  int flat(int tensor);
  /// The tensor that a flat view was made of; itself when it is no view.
  int spatial(int tensor) const;
  npu::TensorFormat format_of(int tensor) const { return draft_.tensors[tensor].format; }

 private:
  int add(DraftTensor tensor, bool persistent, bool flattened = false);
  float threshold_of(TensorClass tensor_class) const;

  Draft& draft_;
  const ResolvedFormats& formats_;
  const PlanOptions& options_;
  std::map<int, int> flat_of_, spatial_of_;
};

}  // namespace backboard
