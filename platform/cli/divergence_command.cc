// backboard divergence A B [--tolerance R] [--bytes] [--list N] [--json FILE]: the first tensor at which two recorded
// runs part.
#include <fmt/format.h>

#include <memory>

#include "platform/check/input_error.h"
#include "platform/cli/commands.h"
#include "platform/config/atomic_file.h"
#include "platform/run/divergence.h"
#include "platform/run/exit_code.h"

namespace backboard {
namespace {

struct DivergenceOptions {
  std::string a, b, json;
  DivergenceRule rule;
  size_t list = 1;
};

int divergence(const DivergenceOptions& options) {
  if (options.rule.bytes && options.rule.tolerance != 0) throw InputError("--bytes: has no tolerance");
  const Divergence result = compare_runs(options.a, options.b, options.rule, options.list);
  fmt::print("{}", divergence_report(result, options.rule));
  if (!options.json.empty()) write_file_atomically(options.json, divergence_json(result));
  return result.parted == 0 ? kExitPassed : kExitFailed;
}

}  // namespace

CommandAction declare_divergence(CLI::App& app) {
  auto options = std::make_shared<DivergenceOptions>();
  app.add_option("A", options->a, "Folder of a run with record.commands=true (of one point)")->required();
  app.add_option("B", options->b, "Folder of another one")->required();
  app.add_option("--tolerance", options->rule.tolerance,
                 "Largest difference over the largest magnitude of A's tensor that counts as equal; 0: the same values")
      ->check(CLI::Range(0.0, 1e30));
  app.add_flag("--bytes", options->rule.bytes, "The bytes in memory must be equal, not the values alone");
  app.add_option("--list", options->list, "Print so many tensors that part")->check(CLI::Range(1, 1000000));
  app.add_option("--json", options->json, "Write the result to this file too");
  return [options] { return divergence(*options); };
}

}  // namespace backboard
