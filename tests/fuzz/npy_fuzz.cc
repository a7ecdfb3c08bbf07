// The reader of .npy images: any bytes end in an Array or an InputError.
#include "platform/check/input_error.h"
#include "sw/npz/npz.h"
#include "tests/fuzz/fuzz_target.h"

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  const float values[] = {1.0f, -2.0f, 0.5f, 0.0f, 3.0f, 4.0f};
  return {backboard::write_npy(backboard::Array::of_floats({2, 3}, values)),
          backboard::write_npy(backboard::Array::of_floats({}, std::span(values).first(1)))};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const backboard::Array array = backboard::parse_npy({data, size}, "fuzz.npy");
    double sum = 0;
    for (uint64_t i = 0; i < array.elements(); ++i) sum += array.at(i);
    static_cast<void>(sum);
  } catch (const backboard::InputError&) {
  }
  return 0;
}
