#include "platform/config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>

#include "platform/check/check.h"
#include "platform/check/read_file.h"

namespace backboard {
namespace {

// Builds our tree from the parser's events, so that aliases are refused before anything is expanded.
class TreeBuilder final : public YAML::EventHandler {
 public:
  /// `nodes` counts on: of a file that others extend, with theirs.
  TreeBuilder(const std::string& origin, size_t& nodes)
      : origin_(std::make_shared<const std::string>(origin)), nodes_(nodes) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    put(begin(mark, "", anchor, YamlNode::Kind::null));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw place(mark).error("", "aliases are not supported; use 'extends'");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node = begin(mark, tag, anchor, YamlNode::Kind::scalar);
    node.quoted = tag == "!";
    node.text = value;
    put(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(begin(mark, tag, anchor, YamlNode::Kind::sequence));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(begin(mark, tag, anchor, YamlNode::Kind::mapping));
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    YamlNode node;
    bool key_seen = false;
    YamlNode key;
  };

  YamlPlace place(const YAML::Mark& mark) const { return {origin_, static_cast<unsigned>(std::max(mark.line, 0) + 1)}; }

  YamlNode begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
    YamlNode node;
    node.kind = kind;
    node.place = place(mark);
    if (anchor != YAML::NullAnchor) throw node.place.error("", "anchors are not supported; use 'extends'");
    if (!tag.empty() && tag != "?" && tag != "!")
      throw node.place.error("", fmt::format("tags are not supported: {}", tag));
    if (++nodes_ > YamlLimits::kNodes)
      throw node.place.error("",
                             fmt::format("more than {} values, those of extended files counted", YamlLimits::kNodes));
    return node;
  }
  void open(YamlNode node) {
    if (open_.size() >= YamlLimits::kDepth) {
      throw node.place.error("", fmt::format("nested more than {} levels deep", YamlLimits::kDepth));
    }
    open_.push_back({std::move(node), false, {}});
  }
  void close() {
    BB_CHECK(!open_.empty());
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    put(std::move(node));
  }
  void put(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::sequence) {
      parent.node.items.push_back(std::move(node));
      return;
    }
    if (!parent.key_seen) {
      if (!node.is_scalar()) throw node.place.error("", "a key must be a name, not " + node.what());
      if (parent.node.find(node.text)) throw node.place.error("", fmt::format("duplicate key '{}'", node.text));
      parent.key = std::move(node);
      parent.key_seen = true;
      return;
    }
    parent.key_seen = false;
    if (node.is_null()) node.place = parent.key.place;
    parent.node.members.push_back({std::move(parent.key.text), parent.key.place, std::move(node)});
  }

  std::shared_ptr<const std::string> origin_;
  YamlNode root_;
  std::vector<Open> open_;
  size_t& nodes_;
};

// What a file says may hold anything; an error is one line of printable text.
std::string one_line(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = ' ';
  }
  return text;
}

std::string read_text(const std::string& path) {
  const std::vector<uint8_t> bytes = read_file(path, YamlLimits::kFileBytes);
  return {bytes.begin(), bytes.end()};
}

std::string relative_to(const std::string& file, const std::string& name) {
  const std::filesystem::path path(name);
  if (path.is_absolute()) return name;
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

std::string identity_of(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::weakly_canonical(path, error);
  return error ? path : canonical.string();
}

YamlNode parse(const std::string& text, const std::string& origin, size_t& nodes) {
  if (text.size() > YamlLimits::kFileBytes) {
    throw InputError(fmt::format("{}: larger than {} KiB", origin, YamlLimits::kFileBytes / 1024));
  }
  if (text.find('\0') != std::string::npos) throw InputError(origin + ": contains a zero byte: not a YAML file");
  TreeBuilder builder(origin, nodes);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    const bool any = parser.HandleNextDocument(builder);
    YamlNode root = builder.take();
    if (any && parser.HandleNextDocument(builder)) throw InputError(origin + ": holds more than one document");
    if (!root.place.origin) root.place = {std::make_shared<const std::string>(origin), 1};
    return root;
  } catch (const YAML::Exception& error) {
    throw InputError::at_line(origin, static_cast<unsigned>(std::max(error.mark.line, 0) + 1),
                              "YAML: " + one_line(error.msg));
  }
}

/// A file and all that it extends. What they hold is counted together: a few short files that each extend the next
/// many times would otherwise grow without end.
struct Loading {
  std::vector<std::string> chain;  ///< files that are being read, each extended by the one before
  size_t nodes = 0;
  size_t bytes = 0;
};

void resolve_extends(YamlNode& node, Loading& loading);

YamlNode load_chained(const std::string& text, const std::string& origin, Loading& loading) {
  loading.bytes += text.size();
  YamlNode node = parse(text, origin, loading.nodes);
  loading.chain.push_back(identity_of(origin));
  resolve_extends(node, loading);
  loading.chain.pop_back();
  return node;
}

void resolve_extends(YamlNode& node, Loading& loading) {
  for (YamlNode& item : node.items) resolve_extends(item, loading);
  for (YamlNode::Member& member : node.members) resolve_extends(member.value, loading);
  const auto extends = std::find_if(node.members.begin(), node.members.end(),
                                    [](const YamlNode::Member& member) { return member.name == "extends"; });
  if (extends == node.members.end()) return;
  const YamlPlace place = extends->place;
  if (!extends->value.is_scalar())
    throw place.error("extends", "expected the name of a file, found " + extends->value.what());
  const std::string path = relative_to(*place.origin, extends->value.text);
  const std::vector<std::string>& chain = loading.chain;
  if (std::find(chain.begin(), chain.end(), identity_of(path)) != chain.end()) {
    throw place.error("extends", fmt::format("{} extends itself, directly or through another file", path));
  }
  if (chain.size() >= YamlLimits::kExtendsDepth) {
    throw place.error("extends", fmt::format("a chain of more than {} files", YamlLimits::kExtendsDepth));
  }
  std::error_code error;
  if (!std::filesystem::exists(path, error)) throw place.error("extends", path + ": no such file");
  node.members.erase(extends);
  const std::string text = read_text(path);
  if (text.size() > YamlLimits::kLoadedBytes - loading.bytes) {
    throw place.error("extends", fmt::format("more than {} KiB of files in all", YamlLimits::kLoadedBytes / 1024));
  }
  YamlNode base = load_chained(text, path, loading);
  if (base.is_null()) base.kind = YamlNode::Kind::mapping;
  if (base.kind != YamlNode::Kind::mapping)
    throw place.error("extends", path + ": expected a mapping, found " + base.what());
  const YamlPlace own_place = node.place;
  merge_yaml(base, std::move(node));
  node = std::move(base);
  node.place = own_place;
}

}  // namespace

std::string YamlPlace::text() const {
  const std::string name = origin ? *origin : "configuration";
  return line ? fmt::format("{}:{}", name, line) : name;
}

InputError YamlPlace::error(std::string_view key, std::string_view message) const {
  return InputError(
      one_line(key.empty() ? fmt::format("{}: {}", text(), message) : fmt::format("{}: {}: {}", text(), key, message)));
}

YamlNode* YamlNode::find(std::string_view name) {
  for (Member& member : members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

const YamlNode* YamlNode::find(std::string_view name) const {
  return const_cast<YamlNode*>(this)->find(name);
}

std::string YamlNode::what() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "'" + (text.size() > 60 ? text.substr(0, 57) + "..." : text) + "'";
    case Kind::sequence:
      return "a list";
    case Kind::mapping:
      return "a mapping";
  }
  return "?";
}

YamlNode YamlNode::scalar(std::string value, bool quoted) {
  YamlNode node;
  node.kind = Kind::scalar;
  node.text = std::move(value);
  node.quoted = quoted;
  return node;
}

YamlNode YamlNode::sequence() {
  YamlNode node;
  node.kind = Kind::sequence;
  return node;
}

YamlNode YamlNode::mapping() {
  YamlNode node;
  node.kind = Kind::mapping;
  return node;
}

YamlNode parse_yaml(const std::string& text, const std::string& origin) {
  size_t nodes = 0;
  return parse(text, origin, nodes);
}

YamlNode load_yaml(const std::string& path) {
  return load_yaml_text(read_text(path), path);
}

YamlNode load_yaml_text(const std::string& text, const std::string& origin) {
  Loading loading;
  return load_chained(text, origin, loading);
}

void merge_yaml(YamlNode& base, YamlNode over) {
  if (base.kind != YamlNode::Kind::mapping || over.kind != YamlNode::Kind::mapping) {
    base = std::move(over);
    return;
  }
  for (YamlNode::Member& member : over.members) {
    if (YamlNode* known = base.find(member.name)) {
      merge_yaml(*known, std::move(member.value));
    } else {
      base.members.push_back(std::move(member));
    }
  }
}

namespace {

/// The element of a list that `name` is the number of; of a list's size: there is none.
size_t element_index(const YamlNode& list, std::string_view name) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  return whole ? std::min(index, list.items.size()) : list.items.size();
}

}  // namespace

void set_yaml(YamlNode& root, std::string_view path, YamlNode value) {
  const YamlPlace place = value.place;
  YamlNode* node = &root;
  std::string_view rest = path;
  unsigned depth = 0;
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view name = rest.substr(0, dot);
    if (name.empty() || ++depth > YamlLimits::kDepth) {
      throw place.error("", fmt::format("'{}' is no dotted path of keys", path));
    }
    if (node->kind == YamlNode::Kind::sequence) {
      const size_t index = element_index(*node, name);
      if (index >= node->items.size()) {
        throw place.error(path, fmt::format("'{}' is no element of a list of {}", name, node->items.size()));
      }
      node = &node->items[index];
    } else {
      if (node->kind != YamlNode::Kind::mapping) {
        *node = YamlNode::mapping();
        node->place = place;
      }
      YamlNode* known = node->find(name);
      if (!known) {
        YamlNode empty;
        empty.place = place;
        node->members.push_back({std::string(name), place, std::move(empty)});
        known = &node->members.back().value;
      }
      node = known;
    }
    if (dot == std::string_view::npos) break;
    rest = rest.substr(dot + 1);
  }
  merge_yaml(*node, std::move(value));
}

YamlPlace place_of(const YamlNode& root, std::string_view path) {
  const YamlNode* node = &root;
  while (!path.empty()) {
    const size_t dot = path.find('.');
    const std::string_view name = path.substr(0, dot);
    if (node->kind == YamlNode::Kind::sequence) {
      const size_t index = element_index(*node, name);
      if (index == node->items.size()) break;
      node = &node->items[index];
    } else {
      const YamlNode* known = node->find(name);
      if (!known) break;
      node = known;
    }
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  }
  return node->place;
}

}  // namespace backboard
