// backboard check FILE.yaml [--kind KIND] [--set key=value]...
#include <fmt/format.h>

#include <memory>

#include "platform/cli/commands.h"
#include "platform/cli/file_kinds.h"

namespace backboard {
namespace {

struct CheckOptions {
  std::string file;
  std::string kind;
  std::vector<std::string> set;
};

int check(const CheckOptions& options) {
  YamlNode root = load_yaml(options.file);
  std::vector<Overrides::Item> overrides;
  for (const std::string& text : options.set) overrides.push_back(parse_override(text, "--set"));
  const FileKind& kind = options.kind.empty() ? guess_file_kind(root) : file_kind(options.kind);
  apply_overrides(root, kind.overrides != nullptr ? kind.overrides(overrides) : overrides);
  fmt::print("# {}: {}\n{}", kind.name, options.file, kind.check(root));
  return kExitPassed;
}

}  // namespace

CommandAction declare_check(CLI::App& app) {
  auto options = std::make_shared<CheckOptions>();
  app.add_option("FILE", options->file, "YAML file")->required();
  app.add_option("--kind", options->kind, "Kind of file (see schema); guessed from its keys when absent");
  app.add_option("--set", options->set, "Override KEY=VALUE, as often as needed")->allow_extra_args(false);
  return [options] { return check(*options); };
}

}  // namespace backboard
