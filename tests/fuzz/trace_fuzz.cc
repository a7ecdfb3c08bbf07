// The DRAM trace parser: any text ends in requests that fit the memory or an InputError.
#include <cstdlib>

#include "platform/check/input_error.h"
#include "platform/dram/trace/trace_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

constexpr uint64_t kCapacity_bytes = uint64_t{1} << 30;

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  const std::string_view texts[] = {
      "# DRAMSys\n31: read 0x400140\n33: write 0x400180\n\n40: read 64  # again\n",
      "cycle,op,address\n0,R,0x0\n1,W,0x40\n18446744073709551615,R,128\n",
      "0x1000 R\n0x1040 W\n4096 R\n",
      "LD 0x12345680\r\nST 0x3fffffc0\r\nR 0\n",
  };
  std::vector<std::vector<uint8_t>> seeds;
  for (const std::string_view text : texts) seeds.emplace_back(text.begin(), text.end());
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using backboard::dram::TraceFile;
  try {
    TraceFile trace("fuzz.trace", {reinterpret_cast<const char*>(data), size}, kCapacity_bytes);
    backboard::dram::TraceRequest request;
    uint64_t last_cycle = 0;
    for (size_t count = 0; trace.next(request); ++count) {
      // What the player relies on.
      if (request.address >= kCapacity_bytes || request.cycle < last_cycle || count > size) std::abort();
      last_cycle = request.cycle;
    }
  } catch (const backboard::InputError&) {
  }
  return 0;
}
