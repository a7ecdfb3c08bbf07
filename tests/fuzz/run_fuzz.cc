// Run and platform files: any text ends in a configuration that dumps and loads again, or in an InputError.
#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "platform/run/run_points.h"
#include "tests/fuzz/fuzz_target.h"

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  const std::string_view texts[] = {
      "network: n.yaml\npolicy: last:1\nplatform: {timing: lt, core: {clock: 200 MHz}, npu: {engine: reference}}\n"
      "data: {train: {images: a.npz, labels: a.npz, resize: 20, noise: 3}, eval_file: e.data}\n"
      "training: {epochs: 3, shuffle: 7, learning_rate: [0.1, {epoch: 2, rate: 1e-3}], loss_scale: 8}\n"
      "subsets: [1, 2]\nvariants: [{name: a, set: {training.epochs: 5}}, {name: b}]\n"
      "compare: [{variant: a, with: b, accuracy_within: 1}]\nlimits: {time: 10 ms}\n",
      "firmware: hello\nplatform:\n  map: {dram: {base: 0x80000000, size: 64 MiB}}\n  boot: direct\n"
      "expect: {findings_max: 0, uart_contains: \"a: b\"}\n"};
  std::vector<std::vector<uint8_t>> seeds;
  for (const std::string_view text : texts) seeds.emplace_back(text.begin(), text.end());
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace backboard;
  try {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const RunPlan plan = run_from(load_yaml_text(text, "fuzz.yaml"), "fuzz");
    for (const RunPoint& point : plan.points) {
      const std::string dumped = dump_config(point.config);
      const std::string again = dump_config(config_from<RunConfig>(parse_yaml(dumped, "dump.yaml")));
      BB_CHECK(again == dumped, "a dumped configuration changed:\n{}\n{}", dumped, again);
    }
  } catch (const InputError&) {
  }
  return 0;
}
