#include "sw/onnx/layer_name.h"

#include <algorithm>
#include <vector>

namespace backboard {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_allowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '.';
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

/// The first `letters` letters and the digits at the end.
std::string part_of(const std::string& part, size_t letters) {
  size_t digits = part.size();
  while (digits > 0 && is_digit(part[digits - 1])) --digits;
  return part.substr(0, std::min(letters, digits)) + part.substr(digits);
}

}  // namespace

std::string name_of_weight(const std::string& initializer) {
  if (initializer.find("::") != std::string::npos) return {};
  const size_t dot = initializer.rfind('.');
  return dot == std::string::npos || dot == 0 ? initializer : initializer.substr(0, dot);
}

std::string name_of_node(const std::string& node) {
  std::vector<std::string> parts = split(node, '/');
  if (parts.size() < 3 || !parts.front().empty()) return {};
  parts.pop_back();  // the operation
  std::string name;
  for (size_t i = 1; i < parts.size(); ++i) {
    // A part that repeats the one before it with more behind stands for both.
    const bool repeated = i + 1 < parts.size() && parts[i + 1].starts_with(parts[i] + ".");
    if (!repeated) name += (name.empty() ? "" : ".") + parts[i];
  }
  return name;
}

std::string shortened(const std::string& name, size_t length) {
  std::string clean;
  for (const char c : name.substr(0, 256)) clean += is_allowed(c) ? c : '_';
  if (clean.size() <= length) return clean;
  const std::vector<std::string> parts = split(clean, '.');
  for (size_t letters = length; letters > 0; --letters) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ".") + part_of(part, letters);
    if (text.size() <= length) return text;
  }
  return {};
}

}  // namespace backboard
