// YAML by way of the network description: any text ends in a Network or an InputError.
#include "platform/check/input_error.h"
#include "sw/net/network.h"
#include "tests/fuzz/fuzz_target.h"

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  const std::string_view texts[] = {
      "name: n\ninput: {channels: 1, rows: 8, columns: 8, scale: 0.5}\nlayers:\n"
      "  - {type: conv, name: conv1, channels: 2, kernel: 3, stride: 2, pad: 1, bias: false}\n"
      "  - {type: relu}\n  - {type: avgpool, kernel: 2}\n  - {type: fc, name: fc1, channels: 3}\n",
      "input: &i {channels: 3, rows: 4, columns: 4}\nlayers: [{type: globalpool}, {type: fc, channels: 2}]\nx: *i\n"};
  std::vector<std::vector<uint8_t>> seeds;
  for (const std::string_view text : texts) seeds.emplace_back(text.begin(), text.end());
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    static_cast<void>(backboard::parse_network({reinterpret_cast<const char*>(data), size}, "fuzz.yaml"));
  } catch (const backboard::InputError&) {
  }
  return 0;
}
