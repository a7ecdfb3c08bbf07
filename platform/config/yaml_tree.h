// YAML as a tree in which every node knows the line that says it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "platform/check/input_error.h"

namespace backboard {

/// Where a node was written. `line` 0: no file but a command line option, which `origin` then quotes.
struct YamlPlace {
  std::shared_ptr<const std::string> origin;
  unsigned line = 0;

  /// "edge.yaml:3" or "--set npu.engine=x".
  std::string text() const;
  /// An error at this place: "PLACE: KEY: MESSAGE"; `key` may be empty.
  InputError error(std::string_view key, std::string_view message) const;
};

/// A mapping, a sequence, a scalar or null. Anchors, aliases and tags are refused when a file is read.
struct YamlNode {
  enum class Kind : uint8_t { null, scalar, sequence, mapping };
  struct Member;

  Kind kind = Kind::null;
  bool quoted = false;  ///< a scalar in quotes or block style: always text
  std::string text;     ///< of a scalar
  YamlPlace place;
  std::vector<YamlNode> items;  ///< of a sequence
  std::vector<Member> members;  ///< of a mapping, in the order of the file; names are unique

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  /// The member of that name; nullptr when there is none.
  YamlNode* find(std::string_view name);
  const YamlNode* find(std::string_view name) const;
  /// "a mapping", "a list", "'text'", "nothing": for messages.
  std::string what() const;

  static YamlNode scalar(std::string value, bool quoted = false);
  static YamlNode sequence();
  static YamlNode mapping();
};

struct YamlNode::Member {
  std::string name;
  YamlPlace place;  ///< of the key
  YamlNode value;
};

/// Limits that keep any input from exhausting memory or the stack.
struct YamlLimits {
  static constexpr size_t kFileBytes = 256 * 1024;
  static constexpr unsigned kDepth = 32;
  static constexpr size_t kNodes = 50'000;  ///< values of a file and all that it extends
  static constexpr unsigned kExtendsDepth = 16;
  static constexpr size_t kLoadedBytes = 4 * 1024 * 1024;  ///< of a file and all that it extends
};

/// Parses one YAML document. Throws InputError with the line for syntax errors, duplicate keys, keys that are no
/// scalars, anchors, aliases, tags, a second document, and what exceeds YamlLimits. An empty text is a null node.
YamlNode parse_yaml(const std::string& text, const std::string& origin);

/// Reads and parses a file, then replaces every `extends: FILE` in a mapping (FILE relative to the file that says it)
/// by the merged contents of that file. Cycles and what exceeds YamlLimits, all files together, are errors.
YamlNode load_yaml(const std::string& path);

/// The same for text that came from elsewhere; `origin` is the name that `extends` is relative to.
YamlNode load_yaml_text(const std::string& text, const std::string& origin);

/// Lays `over` on `base`: mappings merge by key, everything else replaces.
void merge_yaml(YamlNode& base, YamlNode over);

/// Puts `value` at a dotted path below `root`; numbers step into sequences that exist. Throws InputError at
/// `value.place` for paths that are malformed or leave a sequence.
void set_yaml(YamlNode& root, std::string_view path, YamlNode value);

/// Where the tree says a dotted path, whose numbers step into sequences; of what it does not say, the part before it.
YamlPlace place_of(const YamlNode& root, std::string_view path);

/// The tree as block style YAML, which `parse_yaml` reads back to the same tree.
std::string write_yaml(const YamlNode& node);
/// The tree on one line in flow style.
std::string write_yaml_flow(const YamlNode& node);

}  // namespace backboard
