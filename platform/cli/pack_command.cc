// backboard pack [SPEC.yaml] -o X.data [--set key=value]...
#include <fmt/format.h>

#include <memory>

#include "platform/cli/commands.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "sw/pack/pack.h"

namespace backboard {
namespace {

struct PackOptions {
  std::string spec, images, labels, output;
  std::vector<std::string> set;
};

int pack(const PackOptions& options) {
  YamlNode root = options.spec.empty() ? YamlNode::mapping() : load_yaml(options.spec);
  std::vector<Overrides::Item> overrides;
  if (!options.images.empty()) overrides.push_back({"images", YamlNode::scalar(options.images, true)});
  if (!options.labels.empty()) overrides.push_back({"labels", YamlNode::scalar(options.labels, true)});
  for (const std::string& text : options.set) overrides.push_back(parse_override(text, "--set"));
  apply_overrides(root, overrides);
  const std::vector<uint8_t> bytes = pack_data(config_from<PackSpec>(root));
  write_file_atomically(options.output, bytes);
  fmt::print("{}: {} bytes\n{}", options.output, bytes.size(), describe_data(parse_data(bytes, options.output)));
  return kExitPassed;
}

}  // namespace

CommandAction declare_pack(CLI::App& app) {
  auto options = std::make_shared<PackOptions>();
  app.add_option("SPEC", options->spec, "What to pack (configs/data/*.yaml); absent: --images and --set say it");
  app.add_option("--images", options->images, "Images: idx, csv, npy (also .gz), or npz:MEMBER");
  app.add_option("--labels", options->labels, "Labels, likewise; absent for csv");
  app.add_option("-o,--output", options->output, "Data file to write")->required();
  app.add_option("--set", options->set, "Key of the spec KEY=VALUE, as often as needed (subset.count=100, ...)")
      ->allow_extra_args(false);
  return [options] { return pack(*options); };
}

}  // namespace backboard
