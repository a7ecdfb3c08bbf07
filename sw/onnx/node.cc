#include "sw/onnx/node.h"

#include <fmt/format.h>

#include "platform/check/input_error.h"

namespace backboard {

using onnx::AttributeProto;

OnnxNode::OnnxNode(const onnx::NodeProto& node, int index, const std::string& file)
    : node_(node), index_(index), file_(file) {
  if (!node.domain().empty() && node.domain() != "ai.onnx")
    fail(fmt::format("operations of domain '{}' are not supported", printable(node.domain())));
  std::set<std::string> names;
  for (const AttributeProto& attribute : node.attribute())
    if (!names.insert(attribute.name()).second) fail_attribute(attribute.name().c_str(), "is given twice");
}

const std::string& OnnxNode::input(int slot) const {
  static const std::string kAbsent;
  return slot < node_.input_size() ? node_.input(slot) : kAbsent;
}

const AttributeProto* OnnxNode::find(const char* name) const {
  for (const AttributeProto& attribute : node_.attribute())
    if (attribute.name() == name) return &attribute;
  return nullptr;
}

const AttributeProto* OnnxNode::take(const char* name, int type) {
  read_.insert(name);
  const AttributeProto* attribute = find(name);
  if (attribute != nullptr && attribute->type() != type)
    fail_attribute(name, fmt::format("must be of type {}", AttributeProto::AttributeType_Name(
                                                               static_cast<AttributeProto::AttributeType>(type))));
  return attribute;
}

int64_t OnnxNode::integer(const char* name, int64_t fallback) {
  const AttributeProto* attribute = take(name, AttributeProto::INT);
  return attribute == nullptr ? fallback : attribute->i();
}

uint32_t OnnxNode::integer_within(const char* name, int64_t fallback, int64_t lowest, int64_t highest) {
  const int64_t value = integer(name, fallback);
  if (value < lowest || value > highest)
    fail_attribute(name, fmt::format("{} is not supported, only {} to {}", value, lowest, highest));
  return static_cast<uint32_t>(value);
}

float OnnxNode::real(const char* name, float fallback) {
  const AttributeProto* attribute = take(name, AttributeProto::FLOAT);
  return attribute == nullptr ? fallback : attribute->f();
}

std::string OnnxNode::text(const char* name, const std::string& fallback) {
  const AttributeProto* attribute = take(name, AttributeProto::STRING);
  return attribute == nullptr ? fallback : attribute->s();
}

std::vector<int64_t> OnnxNode::integers(const char* name) {
  const AttributeProto* attribute = take(name, AttributeProto::INTS);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

std::vector<float> OnnxNode::reals(const char* name) {
  const AttributeProto* attribute = take(name, AttributeProto::FLOATS);
  if (attribute == nullptr) return {};
  return {attribute->floats().begin(), attribute->floats().end()};
}

const onnx::TensorProto* OnnxNode::tensor(const char* name) {
  const AttributeProto* attribute = take(name, AttributeProto::TENSOR);
  return attribute == nullptr ? nullptr : &attribute->t();
}

void OnnxNode::expect_all_read() const {
  for (const AttributeProto& attribute : node_.attribute())
    if (!read_.contains(attribute.name())) fail_attribute(attribute.name().c_str(), "is not supported");
}

std::string OnnxNode::title() const {
  return fmt::format("{}: node {} '{}': {}", file_, index_, printable(node_.name()), printable(node_.op_type()));
}

void OnnxNode::fail(const std::string& message) const {
  throw InputError(title() + ": " + message);
}

void OnnxNode::fail_attribute(const char* attribute, const std::string& message) const {
  fail(fmt::format("attribute '{}': {}", printable(attribute), message));
}

}  // namespace backboard
