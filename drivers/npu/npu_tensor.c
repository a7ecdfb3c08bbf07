#include "drivers/npu/npu_tensor.h"

#define CODED_ALIGNMENT 32u
#define DIRECTORY_ALIGNMENT 2u
#define STATISTICS_ALIGNMENT 32u
#define MAX_BLOCK_ELEMENTS 4096u

uint32_t npu_shape_elements(const npu_shape* shape) {
  const uint32_t dimensions[4] = {shape->n, shape->c, shape->h, shape->w};
  uint64_t product = 1;
  for (int i = 0; i < 4; i++) {
    product *= dimensions[i];
    if (product > UINT32_MAX) return 0;
  }
  return (uint32_t)product;
}

uint32_t npu_format_bytes(uint32_t format) {
  switch (format) {
    case NPU_FORMAT_FP32:
      return 4;
    case NPU_FORMAT_FP16:
    case NPU_FORMAT_BF16:
    case NPU_FORMAT_FP16A:
    case NPU_FORMAT_S16:
      return 2;
    case NPU_FORMAT_FP8:
    case NPU_FORMAT_E4M3:
    case NPU_FORMAT_U8:
    case NPU_FORMAT_S8:
      return 1;
    default:
      return 0;
  }
}

static bool range_fits(uint32_t address, uint64_t size_bytes) {
  return address + size_bytes <= (uint64_t)UINT32_MAX + 1;
}

npu_result npu_tensor_dense(npu_descriptor* descriptor, uint32_t address, const npu_shape* shape, uint32_t format,
                            uint32_t tensor_class) {
  if (descriptor == NULL || shape == NULL) return NPU_BAD_ARGUMENT;
  const uint32_t element_bytes = npu_format_bytes(format);
  const uint64_t size_bytes = (uint64_t)npu_shape_elements(shape) * element_bytes;
  if (size_bytes == 0 || size_bytes > UINT32_MAX || tensor_class > UINT8_MAX) return NPU_BAD_ARGUMENT;
  if (address % element_bytes != 0 || !range_fits(address, size_bytes)) return NPU_BAD_ARGUMENT;
  *descriptor = (npu_descriptor){.address = address,
                                 .size_bytes = (uint32_t)size_bytes,
                                 .shape_n = shape->n,
                                 .shape_c = shape->c,
                                 .shape_h = shape->h,
                                 .shape_w = shape->w,
                                 .format = (uint8_t)format,
                                 .tensor_class = (uint8_t)tensor_class,
                                 .scale = 1.0f};
  return NPU_OK;
}

static uint64_t divide_up(uint64_t value, uint64_t by) {
  return (value + by - 1) / by;
}

uint32_t npu_coded_blocks(const npu_shape* shape, const npu_blocks* blocks) {
  if (blocks->channels == 0 || blocks->rows == 0) return 0;
  const npu_shape counts = {shape->n, (uint32_t)divide_up(shape->c, blocks->channels),
                            (uint32_t)divide_up(shape->h, blocks->rows), 1};
  return npu_shape_elements(&counts);
}

/* Slots of the worst case: every element high. FGMP: a bit for zero, a bit for the class and 16 for the value; FP16Z
 * has no class (docs/formats/fgmp.md). */
uint32_t npu_coded_bytes(const npu_shape* shape, uint32_t format, const npu_blocks* blocks) {
  if (format != NPU_FORMAT_FGMP && format != NPU_FORMAT_FP16Z) return 0;
  const uint64_t elements = (uint64_t)blocks->channels * blocks->rows * shape->w;
  if (elements > MAX_BLOCK_ELEMENTS) return 0;
  const uint64_t bits = elements * (format == NPU_FORMAT_FGMP ? 18 : 17);
  const uint64_t slot_bytes = divide_up(divide_up(bits, 8), CODED_ALIGNMENT) * CODED_ALIGNMENT;
  const uint64_t total_bytes = slot_bytes * npu_coded_blocks(shape, blocks);
  return total_bytes <= UINT32_MAX ? (uint32_t)total_bytes : 0;
}

npu_result npu_tensor_coded(npu_descriptor* descriptor, uint32_t address, uint32_t slots_bytes, uint32_t directory,
                            const npu_shape* shape, uint32_t format, const npu_blocks* blocks, uint32_t tensor_class) {
  if (descriptor == NULL || shape == NULL || blocks == NULL || tensor_class > UINT8_MAX) return NPU_BAD_ARGUMENT;
  if (npu_shape_elements(shape) == 0 || blocks->channels > shape->c || blocks->rows > shape->h) return NPU_BAD_ARGUMENT;
  if (blocks->channels > 1 && blocks->rows != shape->h) return NPU_BAD_ARGUMENT;
  const uint32_t needed_bytes = npu_coded_bytes(shape, format, blocks);
  if (needed_bytes == 0 || slots_bytes < needed_bytes || !range_fits(address, slots_bytes)) return NPU_BAD_ARGUMENT;
  if (address % CODED_ALIGNMENT != 0 || directory == 0 || directory % DIRECTORY_ALIGNMENT != 0) return NPU_BAD_ARGUMENT;
  *descriptor = (npu_descriptor){.address = address,
                                 .size_bytes = slots_bytes,
                                 .shape_n = shape->n,
                                 .shape_c = shape->c,
                                 .shape_h = shape->h,
                                 .shape_w = shape->w,
                                 .format = (uint8_t)format,
                                 .tensor_class = (uint8_t)tensor_class,
                                 .scale = 1.0f,
                                 .metadata = directory,
                                 .block_channels = blocks->channels,
                                 .block_rows = blocks->rows};
  return NPU_OK;
}

npu_result npu_tensor_set_threshold(npu_descriptor* descriptor, uint8_t rule, float threshold) {
  /* The comparisons are false for NaN. */
  if (descriptor == NULL || rule > 1 || !(threshold >= 0.0f && threshold <= 3.402823466e38f)) return NPU_BAD_ARGUMENT;
  descriptor->rule = rule;
  descriptor->threshold = threshold;
  return NPU_OK;
}

npu_result npu_tensor_set_statistics(npu_descriptor* descriptor, uint32_t address) {
  if (descriptor == NULL || address % STATISTICS_ALIGNMENT != 0) return NPU_BAD_ARGUMENT;
  descriptor->statistics = address;
  return NPU_OK;
}
