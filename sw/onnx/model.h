// ONNX files as protobuf messages, with everything checked that does not need to know an operation.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "platform/check/input_error.h"

namespace backboard {

/// Operator sets of the default domain that are read.
inline constexpr int64_t kOldestOpset = 11, kNewestOpset = 17;
/// Largest file.
inline constexpr uint64_t kLargestModel_bytes = uint64_t{512} << 20;
/// Integers in all constants of a model together, which are shapes, axes and indices.
inline constexpr uint64_t kMostIntegers = uint64_t{1} << 22;

/// What ONNX cannot say of a network: metadata entries for the value of one step of a pixel, and the loss ("mse").
inline constexpr const char* kOnnxScaleKey = "backboard.input_scale";
inline constexpr const char* kOnnxLossKey = "backboard.loss";
/// The producer of models that were made of a network of ours: their nodes are called as its layers.
inline constexpr const char* kOnnxProducer = "backboard";

/// Parses a model. @throws InputError: malformed bytes (with their offset), no graph, no operator set that is read.
onnx::ModelProto parse_model(std::span<const uint8_t> bytes, const std::string& file);

/// The version of the default domain's operator set.
int64_t opset_of(const onnx::ModelProto& model, const std::string& file);

/// Elements of a tensor as binary32 (FLOAT, and DOUBLE rounded) or as 64-bit integers (INT64, INT32, BOOL).
/// Both check that dimensions, type and data agree before they take memory.
/// @throws InputError naming `what` when they do not, for other types, external data, segments and too many integers.
std::vector<float> floats_of(const onnx::TensorProto& tensor, const std::string& what);
std::vector<int64_t> integers_of(const onnx::TensorProto& tensor, const std::string& what);
/// Of more than kMostIntegers.
InputError too_many_integers(const std::string& what);
bool is_real(const onnx::TensorProto& tensor);
/// Replaces the elements, as raw binary32.
void set_floats(onnx::TensorProto& tensor, const std::vector<float>& values);

/// Numbers of the nodes on which an output of the graph depends; `uses` counts how often they and the outputs read a
/// name.
std::set<int> live_nodes(const onnx::GraphProto& graph, std::map<std::string, uint32_t>& uses);

/// A matrix of rows of `columns` elements from its transpose.
std::vector<float> transposed(std::span<const float> from, size_t columns);

/// The bytes of a model; the same message gives the same bytes.
std::vector<uint8_t> serialise(const onnx::ModelProto& model);

}  // namespace backboard
