#include "platform/cli/torch_step.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "platform/config/atomic_file.h"

namespace backboard {
namespace {

namespace fs = std::filesystem;

nlohmann::json layer_json(const NetLayer& layer) {
  return {{"kind", name_of(layer.kind)},
          {"in", {layer.in.c, layer.in.h, layer.in.w}},
          {"sources", layer.sources},
          {"channels", layer.channels},
          {"kernel", {layer.kernel_h, layer.kernel_w}},
          {"stride", {layer.stride_h, layer.stride_w}},
          {"pad", {layer.pad_h, layer.pad_w}},
          {"pad_more", {layer.pad_more_h, layer.pad_more_w}},
          {"ceil", layer.ceil},
          {"count_include_pad", layer.count_include_pad},
          {"dilation", {layer.dilation_h, layer.dilation_w}},
          {"groups", layer.groups},
          {"bias", layer.bias},
          {"rate", layer.rate}};
}

/// What a command prints; empty when it could not be started or failed.
std::string output_of(const std::string& command) {
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  std::string text;
  char part[4096];
  while (const size_t got = std::fread(part, 1, sizeof part, pipe)) text.append(part, got);
  return pclose(pipe) == 0 ? text : "";
}

}  // namespace

std::string find_in_tree(const std::string& path) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (fs::path folder : {fs::current_path(error), program}) {
    for (;; folder = folder.parent_path()) {
      if (fs::is_regular_file(folder / path, error)) return (folder / path).string();
      if (folder == folder.parent_path()) break;
    }
  }
  return "";
}

TorchStep measure_torch_step(const Network& network, uint32_t batch, uint32_t steps) {
  constexpr const char* kPython = "/usr/bin/python3";
  TorchStep result;
  const std::string script = find_in_tree("scripts/torch_step.py");
  if (script.empty()) {
    result.note = "scripts/torch_step.py is not there";
    return result;
  }
  nlohmann::json task = {{"input", {network.input.channels, network.input.rows, network.input.columns}},
                         {"batch", batch},
                         {"steps", steps}};
  for (const NetLayer& layer : network.layers) task["layers"].push_back(layer_json(layer));
  const fs::path file = fs::temp_directory_path() / fmt::format("backboard_torch_{}.json", getpid());
  write_file_atomically(file.string(), task.dump());
  const std::string text = output_of(fmt::format("{} '{}' '{}' 2>/dev/null", kPython, script, file.string()));
  std::error_code error;
  fs::remove(file, error);
  const nlohmann::json answer = nlohmann::json::parse(text, nullptr, false);
  if (!answer.is_object() || !answer.contains("processor")) {
    result.note = fmt::format("{} has no PyTorch (Debian: python3-torch)", kPython);
    return result;
  }
  result.measured = true;
  result.note = "PyTorch " + answer["version"].get<std::string>();
  result.fastest_seconds = answer["fastest"];
  result.median_seconds = answer["median"];
  result.processor_seconds = answer["processor"];
  return result;
}

}  // namespace backboard
