#include "npu/codec/block_codec.h"

namespace backboard::npu {

ClassCounts classify_span(ClassRule rule, std::span<const float> in, std::span<float> values,
                          std::span<uint8_t> classes) {
  return scalar::classify_span(rule, in, values, classes);
}

void classes_of_values(std::span<const float> values, std::span<uint8_t> classes) {
  for (size_t i = 0; i < values.size(); ++i) classes[i] = values[i] == 0.0f ? kClassZero : kClassHigh;
}

uint32_t encode_block(TensorFormat format, ClassRule rule, std::span<const float> in, uint8_t* out,
                      ClassCounts& counts) {
  return scalar::encode_block(format, rule, in, out, counts);
}

bool decode_block(TensorFormat format, std::span<const uint8_t> bytes, std::span<float> values, uint8_t* classes) {
  return scalar::decode_block(format, bytes, values, classes);
}

}  // namespace backboard::npu
