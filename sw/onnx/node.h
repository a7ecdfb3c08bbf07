// A node of an ONNX graph while it is imported: its attributes with types and limits, and errors that name it.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "platform/check/printable.h"

namespace backboard {

/// Reads the attributes of one node. An attribute that nobody asks for is an error at the end: nothing that a model
/// says is passed over.
class OnnxNode {
 public:
  /// @throws InputError for an operation of a domain other than the default, and for an attribute given twice.
  OnnxNode(const onnx::NodeProto& node, int index, const std::string& file);

  const onnx::NodeProto& proto() const { return node_; }
  int index() const { return index_; }
  const std::string& operation() const { return node_.op_type(); }
  /// Name of input `slot`; empty when it is absent.
  const std::string& input(int slot) const;

  bool has(const char* attribute) const { return find(attribute) != nullptr; }
  int64_t integer(const char* attribute, int64_t fallback);
  /// An integer that is `lowest` to `highest`.
  uint32_t integer_within(const char* attribute, int64_t fallback, int64_t lowest, int64_t highest);
  float real(const char* attribute, float fallback);
  std::string text(const char* attribute, const std::string& fallback);
  /// Empty when it is absent.
  std::vector<int64_t> integers(const char* attribute);
  std::vector<float> reals(const char* attribute);
  /// Null when it is absent.
  const onnx::TensorProto* tensor(const char* attribute);
  /// An attribute that changes nothing here.
  void ignore(const char* attribute) { read_.insert(attribute); }
  /// @throws InputError naming an attribute that was not asked for.
  void expect_all_read() const;

  /// @throws InputError "FILE: node N 'NAME': OPERATION: MESSAGE".
  [[noreturn]] void fail(const std::string& message) const;
  /// The same with "attribute 'NAME': MESSAGE".
  [[noreturn]] void fail_attribute(const char* attribute, const std::string& message) const;
  /// "FILE: node N 'NAME': OPERATION"
  std::string title() const;

 private:
  const onnx::AttributeProto* find(const char* attribute) const;
  const onnx::AttributeProto* take(const char* attribute, int type);

  const onnx::NodeProto& node_;
  int index_;
  const std::string& file_;
  std::set<std::string> read_;
};

}  // namespace backboard
