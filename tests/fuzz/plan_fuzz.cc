// The plan parser: any bytes end in a Plan or an InputError, with a wrong checksum and with a right one.
#include <cstring>

#include "platform/check/input_error.h"
#include "sw/file/file.h"
#include "sw/net/network.h"
#include "sw/plan/compiler.h"
#include "sw/plan/plan.h"
#include "tests/fuzz/fuzz_target.h"

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  using namespace backboard;
  const Network network = parse_network(
      "input: {channels: 1, rows: 8, columns: 8}\n"
      "layers:\n"
      "  - {type: conv, name: conv1, channels: 2, kernel: 3, pad: 1}\n"
      "  - {type: relu}\n"
      "  - {type: maxpool, kernel: 2}\n"
      "  - {type: fc, name: fc1, channels: 3}\n",
      "seed.yaml");
  PlanTarget target;
  target.offer.opcodes = npu::kAllOpcodes;
  target.offer.formats = target.offer.multiply = target.offer.vector_in = target.offer.vector_out = ~npu::FormatMask{0};
  target.buffer_bytes = 1 << 18;
  PlanOptions options;
  options.batch = 2;
  std::vector<std::vector<uint8_t>> seeds;
  for (const npu::EngineId engine : {npu::EngineId::kLNPU, npu::EngineId::kREFERENCE}) {
    target.offer.engine = engine;
    seeds.push_back(compile_plan(network, options, target, initial_weights(network, 1)));
  }
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  for (const bool mend : {false, true}) {
    if (mend) {
      if (size < sizeof(plan_header)) break;
      const auto total = static_cast<uint32_t>(size);
      std::memcpy(bytes.data() + offsetof(plan_header, total_bytes), &total, sizeof total);
      const uint32_t sum = backboard::crc32_around(bytes, offsetof(plan_header, crc32));
      std::memcpy(bytes.data() + offsetof(plan_header, crc32), &sum, sizeof sum);
    }
    try {
      const backboard::Plan plan = backboard::parse_plan(bytes, "fuzz.plan");
      static_cast<void>(backboard::dump_plan(plan));
      static_cast<void>(backboard::explain_plan(plan));
    } catch (const backboard::InputError&) {
    }
  }
  return 0;
}
