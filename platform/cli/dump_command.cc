// backboard dump FILE [--weights OUT.npz]: what a plan, data file, weight file or flash image holds.
#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <memory>
#include <optional>

#include "drivers/plan/data_format.h"
#include "drivers/plan/plan_format.h"
#include "platform/check/input_error.h"
#include "platform/cli/commands.h"
#include "sw/checkpoint/checkpoint.h"
#include "sw/file/file.h"
#include "sw/pack/pack.h"
#include "sw/plan/plan.h"

namespace backboard {
namespace {

struct DumpOptions {
  std::string file, weights;
};

std::string describe_array(const std::string& name, const Array& array) {
  double least = 0, most = 0, sum = 0;
  for (uint64_t i = 0; i < array.elements(); ++i) {
    const double value = array.at(i);
    least = i == 0 ? value : std::min(least, value);
    most = i == 0 ? value : std::max(most, value);
    sum += value;
  }
  const double count = static_cast<double>(array.elements());
  return fmt::format("{:<24} {:<8} {:<20} from {:.6g} to {:.6g}, mean {:.6g}\n", name, name_of(array.type),
                     array.shape_text(), least, most, array.elements() == 0 ? 0.0 : sum / count);
}

std::string describe_arrays(const Arrays& arrays) {
  std::string text;
  for (const auto& [name, array] : arrays) text += describe_array(name, array);
  return text;
}

// What was found in a file: its text, and the weights it holds, if any.
struct Contents {
  std::string text;
  std::optional<Arrays> weights;
};

// The board's flash is a power of two; its file ends with the last byte that is not erased.
Contents flash_contents(std::vector<uint8_t> bytes, const std::string& file) {
  bytes.resize(std::bit_ceil(bytes.size()), 0xFF);
  CheckpointSlots slots = read_checkpoints(bytes, file);
  Contents contents{dump_checkpoints(slots), {}};
  const int newest = newest_checkpoint(slots);
  if (newest >= 0) contents.weights = std::move(slots[newest].checkpoint->parameters);
  return contents;
}

Contents contents_of(const std::string& file) {
  const std::vector<uint8_t> bytes = read_file(file);
  uint32_t magic = 0;
  if (bytes.size() >= sizeof magic) std::memcpy(&magic, bytes.data(), sizeof magic);
  if (magic == PLAN_MAGIC) {
    const Plan plan = parse_plan(bytes, file);
    return {dump_plan(plan), weights_of_plan(plan)};
  }
  if (magic == DATA_MAGIC) return {describe_data(parse_data(bytes, file)), {}};
  if (magic == 0x04034b50u) {  // a zip archive
    Arrays arrays = read_npz(file);
    std::string text = describe_arrays(arrays);
    return {std::move(text), std::move(arrays)};
  }
  if (magic == 0x4d554e93u) return {describe_array("array", parse_npy(bytes, file)), {}};
  return flash_contents(bytes, file);
}

int dump(const DumpOptions& options) {
  const Contents contents = contents_of(options.file);
  fmt::print("{}", contents.text);
  if (options.weights.empty()) return kExitPassed;
  if (!contents.weights) throw InputError(options.file + ": holds no weights");
  write_npz(options.weights, *contents.weights);
  return kExitPassed;
}

}  // namespace

CommandAction declare_dump(CLI::App& app) {
  auto options = std::make_shared<DumpOptions>();
  app.add_option("FILE", options->file, "Plan, data file, .npz, .npy, or image of the flash with checkpoints")
      ->required();
  app.add_option("--weights", options->weights,
                 "Write the weights that it holds as .npz (flash: the newest checkpoint)");
  return [options] { return dump(*options); };
}

}  // namespace backboard
