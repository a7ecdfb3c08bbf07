// backboard schema [KIND]; backboard explain [KEY] [--kind KIND]
#include <fmt/format.h>

#include <memory>

#include "platform/cli/commands.h"
#include "platform/cli/file_kinds.h"
#include "platform/config/suggest.h"

namespace backboard {
namespace {

struct SchemaOptions {
  std::string kind;
};

int print_schema(const SchemaOptions& options) {
  if (options.kind.empty()) {
    for (const FileKind& kind : file_kinds()) fmt::print("{:<12}{}\n", kind.name, kind.help);
  } else {
    fmt::print("{}", file_kind(options.kind).schema());
  }
  return kExitPassed;
}

struct ExplainOptions {
  std::string key;
  std::string kind;
};

// Whether `path` is `key`, or lies below it.
bool covers(const std::string& key, const std::string& path) {
  if (key.empty() || path == key) return true;
  return path.starts_with(key) && (path[key.size()] == '.' || path[key.size()] == '[');
}

void print_key(const char* kind, const KeyDoc& doc) {
  fmt::print("{} ({} file)\n  {}\n  value: {}\n", doc.path, kind, doc.meaning, doc.type);
  if (!doc.standard.empty()) fmt::print("  default: {}\n", doc.standard);
}

int explain(const ExplainOptions& options) {
  if (!options.kind.empty()) file_kind(options.kind);
  bool found = false;
  std::vector<std::string> known;
  for (const FileKind& kind : file_kinds()) {
    if (!options.kind.empty() && options.kind != kind.name) continue;
    for (const KeyDoc& doc : kind.explain()) {
      known.push_back(doc.path);
      if (!covers(options.key, doc.path)) continue;
      print_key(kind.name, doc);
      found = true;
    }
  }
  if (found) return kExitPassed;
  const std::string near = nearest_name(options.key, known);
  throw InputError(fmt::format("explain: unknown key '{}'{}", options.key,
                               near.empty() ? std::string() : "; did you mean '" + near + "'?"));
}

}  // namespace

CommandAction declare_schema(CLI::App& app) {
  auto options = std::make_shared<SchemaOptions>();
  app.add_option("KIND", options->kind, "Kind of file; lists the kinds when absent");
  return [options] { return print_schema(*options); };
}

CommandAction declare_explain(CLI::App& app) {
  auto options = std::make_shared<ExplainOptions>();
  app.add_option("KEY", options->key, "Dotted key, for example npu.engine; all keys when absent");
  app.add_option("--kind", options->kind, "Kind of file (see schema); all kinds when absent");
  return [options] { return explain(*options); };
}

}  // namespace backboard
