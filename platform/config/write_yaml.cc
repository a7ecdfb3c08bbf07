// A tree as YAML that reads back as the same tree.
#include <fmt/format.h>

#include <algorithm>

#include "platform/config/yaml_tree.h"

namespace backboard {
namespace {

// Whether a plain scalar of this text would be read back as the same plain scalar.
bool plain_is_safe(const std::string& text) {
  if (text.empty()) return false;
  static constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";
  static constexpr std::string_view kStart = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+";
  for (const std::string_view null : {"~", "null", "Null", "NULL"}) {
    if (text == null) return false;
  }
  const bool number = text.size() > 1 && text[0] == '-' && text[1] >= '0' && text[1] <= '9';
  if (kStart.find(text[0]) == std::string_view::npos && !number) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool inner = i + 1 < text.size() && text[i + 1] != ' ' && text[i] == ' ';
    if (kPlain.find(text[i]) == std::string_view::npos && !inner) return false;
  }
  return true;
}

std::string scalar_text(const YamlNode& node) {
  if (node.is_null()) return "~";
  if (!node.quoted && plain_is_safe(node.text)) return node.text;
  std::string quoted = "\"";
  for (const char c : node.text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string key_text(const std::string& name) {
  return scalar_text(YamlNode::scalar(name));
}

// What stands on the line of its key: scalars, empty collections, and lists of a few scalars.
bool is_inline(const YamlNode& node) {
  static constexpr size_t kItems = 16;
  const auto simple = [](const YamlNode& item) { return item.is_null() || item.is_scalar(); };
  return node.members.empty() && node.items.size() <= kItems &&
         std::all_of(node.items.begin(), node.items.end(), simple);
}

void write_block(const YamlNode& node, unsigned indent, std::string& out) {
  const std::string margin(indent, ' ');
  for (const YamlNode::Member& member : node.members) {
    out += margin + key_text(member.name) + ":";
    if (is_inline(member.value)) {
      out += " " + write_yaml_flow(member.value) + "\n";
    } else {
      out += "\n";
      write_block(member.value, indent + 2, out);
    }
  }
  for (const YamlNode& item : node.items) {
    if (is_inline(item)) {
      out += margin + "- " + write_yaml_flow(item) + "\n";
      continue;
    }
    std::string inner;
    write_block(item, indent + 2, inner);
    out += margin + "- " + inner.substr(indent + 2);
  }
}

}  // namespace

std::string write_yaml(const YamlNode& node) {
  if (is_inline(node)) return write_yaml_flow(node) + "\n";
  std::string out;
  write_block(node, 0, out);
  return out;
}

std::string write_yaml_flow(const YamlNode& node) {
  std::string out;
  switch (node.kind) {
    case YamlNode::Kind::null:
    case YamlNode::Kind::scalar:
      return scalar_text(node);
    case YamlNode::Kind::sequence:
      for (const YamlNode& item : node.items) out += (out.empty() ? "" : ", ") + write_yaml_flow(item);
      return "[" + out + "]";
    case YamlNode::Kind::mapping:
      for (const YamlNode::Member& member : node.members) {
        out += (out.empty() ? "" : ", ") + key_text(member.name) + ": " + write_yaml_flow(member.value);
      }
      return "{" + out + "}";
  }
  return out;
}

}  // namespace backboard
