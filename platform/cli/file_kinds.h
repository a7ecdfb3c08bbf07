// The kinds of YAML files, in one explicit table: what check, schema and explain know.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "platform/config/config.h"

namespace backboard {

struct FileKind {
  const char* name;
  const char* help;
  /// Validates a tree whole and gives its effective configuration as YAML.
  std::string (*check)(const YamlNode& root);
  std::string (*schema)();
  std::vector<KeyDoc> (*explain)();
  /// What `--set` says, in full; null: as it is said.
  std::vector<Overrides::Item> (*overrides)(std::span<const Overrides::Item> said) = nullptr;
};

std::span<const FileKind> file_kinds();

/// The kind of that name. Throws InputError with a suggestion when there is none.
const FileKind& file_kind(const std::string& name);

/// The kind whose keys cover most of the root of a file; ties go to the first of the table.
const FileKind& guess_file_kind(const YamlNode& root);

}  // namespace backboard
