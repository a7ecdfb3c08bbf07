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
/// `trained` is what updates change: the master, or a view of its first channels, of the shape of the gradient.
struct Parameter {
  int master = kNoTensor, copy = kNoTensor, gradient = kNoTensor, momentum = kNoTensor, trained = kNoTensor;
  int second = kNoTensor;  ///< Adam: running mean of squared gradients
  /// Whether an update can write the copy itself, so that nothing else need be done.
  bool updates_copy() const { return copy != master && trained == master; }
};
struct LayerParameters {
  Parameter weight, bias;
};

/// The tensors of a batch normalisation, all FP32 of two values a channel, (2, c, 1, 1).
struct NormParameters {
  int affine = kNoTensor;   ///< gamma, beta: a view of the two parameters
  int running = kNoTensor;  ///< running means and variances: a view of the two arrays
  int moments = kNoTensor;  ///< of the batch
  int sums = kNoTensor;     ///< gradients of gamma and beta, when gamma trains or the error passes the batch's moments
  Parameter both;           ///< gamma and beta, (2, c, 1, 1), when gamma trains
  Parameter beta;           ///< when it trains alone
};

/// Whether tensors of a class get a statistics record when they are produced.
bool keeps_statistics(TensorClass tensor_class);

/// Adds tensors to a draft; all functions return the number of the tensor.
class TensorTable {
 public:
  TensorTable(Draft& draft, const ResolvedFormats& formats, const PlanOptions& options)
      : draft_(draft), formats_(formats), options_(options) {}

  int packed_images(const ImageShape& shape, float scale);
  /// A byte an image, or two where there are more classes than a byte tells apart.
  int labels(uint32_t classes);
  /// A batch of images or of a layer's outputs. `flattened`: an FC layer reads it. `group`: channels of a group of the
  /// convolution that stores it, which no block may cross; 0: none.
  int activation(const std::string& name, const ImageShape& shape, npu::TensorFormat format, TensorClass tensor_class,
                 uint16_t layer, bool flattened, uint32_t group = 0);
  int error(const std::string& name, const ImageShape& shape, npu::TensorFormat format, uint16_t layer, bool flattened,
            uint32_t group = 0);
  int pool_index(const std::string& name, const ImageShape& shape, uint16_t layer);
  LayerParameters parameters(const NetLayer& layer, uint16_t number, const TrainedParts& trained,
                             npu::TensorFormat copy_format, bool fused);

  /// `sends`: the error of its input is wanted.
  NormParameters norm_parameters(const NetLayer& layer, uint16_t number, const TrainedParts& trained, bool sends,
                                 bool fused);

  /// The tensor as (n, c*h*w, 1, 1) over the same bytes: itself when it has that shape. A coded tensor's blocks become
  /// runs of channels, which its geometry was chosen for (`flattened`).
  int flat(int tensor);
  /// The tensor that a flat view was made of; itself when it is no view.
  int spatial(int tensor) const;
  npu::TensorFormat format_of(int tensor) const { return draft_.tensors[tensor].format; }

 private:
  int add(DraftTensor tensor, bool persistent, bool flattened = false, uint32_t group = 0);
  /// A tensor over the bytes of another from `offset_bytes` on.
  int view(DraftTensor tensor, int of, uint64_t offset_bytes);
  /// Two tensors (1, c, 1, 1) side by side and the view (2, c, 1, 1) of both, which is given back.
  int pair(const DraftTensor& model, const std::string& both, const std::string& first, const std::string& second,
           std::array<uint32_t, 2> flags);
  /// What thresholds or fractions say of a class.
  template <class ByClass>
  static auto of_class(const ByClass& values, TensorClass tensor_class);

  Draft& draft_;
  const ResolvedFormats& formats_;
  const PlanOptions& options_;
  std::map<int, int> flat_of_, spatial_of_;
};

}  // namespace backboard
