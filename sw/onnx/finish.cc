// The end of an import: the network as a whole, weights that must not be shared, and notes for the user.
#include <fmt/format.h>

#include "platform/check/input_error.h"
#include "sw/onnx/importer.h"

namespace backboard {

void OnnxImporter::finish() {
  int layer = kImages;
  const std::string* first = nullptr;
  for (const onnx::ValueInfoProto& output : graph_.output()) {
    const std::string what = fmt::format("{}: output '{}'", file_, printable(output.name()));
    const auto found = values_.find(output.name());
    const OnnxTensor* tensor = found == values_.end() ? nullptr : std::get_if<OnnxTensor>(&found->second);
    if (tensor == nullptr || tensor->layer == kImages) throw InputError(what + ": no layer makes it");
    if (tensor->pending == OnnxPending::gelu)
      fail_gelu(OnnxNode(graph_.node(tensor->gelu.node), tensor->gelu.node, file_));
    if (tensor->pending == OnnxPending::padded) throw InputError(what + ": padding that no layer reads");
    if (tensor->pending == OnnxPending::mean)
      throw InputError(what + ": a mean over rows or columns alone; only the mean over both is supported");
    if (first != nullptr && tensor->layer != layer)
      throw InputError(fmt::format("{} and output '{}' come from different layers; a network has one output", what,
                                   printable(*first)));
    first = &output.name();
    layer = tensor->layer;
  }
  refuse_tied_weights();
  try {
    result_.network.check();
  } catch (const ConfigRule& rule) {
    throw InputError(fmt::format("{}: as a network: {}: {}", file_, rule.key(), rule.what()));
  }
  add_notes();
}

/// What training here makes of the model although whoever exported it may have meant something else.
void OnnxImporter::add_notes() {
  if (inference_norms_ != 0)
    result_.notes.push_back(
        fmt::format("{}: {} batch normalisations were exported for inference; training here takes "
                    "the moments of the batch unless the policy freezes them",
                    file_, inference_norms_));
  const auto momentum = [&](const std::vector<std::string>& norms, int value, const char* meaning) {
    if (norms.empty()) return;
    result_.notes.push_back(
        fmt::format("{}: {} batch normalisations have momentum {}, '{}' the first: their running "
                    "moments {}; so PyTorch writes momentum=None, the mean of all batches",
                    file_, norms.size(), value, norms.front(), meaning));
  };
  momentum(last_batch_norms_, 0, "are those of the last batch");
  momentum(still_norms_, 1, "do not move");
  if (!literals_.empty())
    result_.notes.push_back(
        fmt::format("{}: {} arrays of weights are constants of the graph and no initialisers, '{}' the first; training "
                    "here changes them like all others",
                    file_, literals_.size(), literals_.front()));
}

/// An initialiser that two nodes read by its own name is one set of weights for two layers. Exporters that merge equal
/// numbers put an Identity between: those are two sets.
void OnnxImporter::refuse_tied_weights() const {
  std::map<int, const OnnxSlot*> readers;
  for (const OnnxSlot& slot : slots_) {
    if (!slot.direct) continue;
    const auto [other, is_first] = readers.emplace(slot.initializer, &slot);
    if (is_first) continue;
    throw InputError(
        fmt::format("{}: initialiser '{}' is both '{}' and '{}'; weights of two layers that train as one "
                    "are not supported",
                    file_, printable(graph_.initializer(slot.initializer).name()), other->second->array, slot.array));
  }
}

bool OnnxImporter::owns_initializer(const OnnxSlot& slot) const {
  if (slot.initializer < 0 || uses_.at(graph_.initializer(slot.initializer).name()) != 1) return false;
  for (const OnnxSlot& other : slots_)
    if (&other != &slot && other.initializer == slot.initializer) return false;
  return true;
}

}  // namespace backboard
