/* Tensor descriptors: shape, place, format and what is counted. Nothing here touches the device. */
#ifndef DRIVERS_NPU_TENSOR_H
#define DRIVERS_NPU_TENSOR_H

#include "drivers/npu/npu.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Shape (n, c, h, w) in elements; weights: (k, c, kh, kw). */
typedef struct npu_shape {
  uint32_t n, c, h, w;
} npu_shape;

/** Block geometry of a coded tensor: boxes of block_channels x block_rows x w elements of one image. */
typedef struct npu_blocks {
  uint16_t channels;
  uint16_t rows;
} npu_blocks;

/** Elements of a shape; 0 when the product does not fit in 32 bits. */
uint32_t npu_shape_elements(const npu_shape* shape);

/** Bytes of one element of a dense format; 0 for coded and unknown formats. */
uint32_t npu_format_bytes(uint32_t format);

/** Describes a dense tensor without gaps. size_bytes is set to what it takes; scale to 1, which U8, S8 and S16 (a power
 * of two) may be given another of afterwards. NPU_BAD_ARGUMENT (null, zero dimension, coded or unknown format, address
 * not element aligned, end past 4 GiB): `descriptor` was not touched. */
npu_result npu_tensor_dense(npu_descriptor* descriptor, uint32_t address, const npu_shape* shape, uint32_t format,
                            uint32_t tensor_class);

/** Describes a coded tensor (FP16Z, FGMP). `address`: 32-byte aligned, `slots_bytes` from there on may be touched
 *  (npu_coded_bytes says how many are needed); `directory`: 2 bytes a block, 2-byte aligned.
 *  NPU_BAD_ARGUMENT (null, zero dimension or block, dense format, alignment, too few bytes): not touched. */
npu_result npu_tensor_coded(npu_descriptor* descriptor, uint32_t address, uint32_t slots_bytes, uint32_t directory,
                            const npu_shape* shape, uint32_t format, const npu_blocks* blocks, uint32_t tensor_class);

/** Number of blocks of a coded tensor; 0 when something is zero. */
uint32_t npu_coded_blocks(const npu_shape* shape, const npu_blocks* blocks);

/** Bytes of all slots of a coded tensor in the worst case; 0 when a dimension is zero, the format is dense, or the
 *  result does not fit in 32 bits. */
uint32_t npu_coded_bytes(const npu_shape* shape, uint32_t format, const npu_blocks* blocks);

/** Threshold of the class rule of an FGMP tensor, finite and >= 0; rule 0 magnitude, 1 relative rounding error.
 *  NPU_BAD_ARGUMENT: `descriptor` was not touched. */
npu_result npu_tensor_set_threshold(npu_descriptor* descriptor, uint8_t rule, float threshold);

/** Where the statistics of the tensor are written when it is produced: 32-byte aligned, or 0 for nowhere.
 *  NPU_BAD_ARGUMENT: `descriptor` was not touched. */
npu_result npu_tensor_set_statistics(npu_descriptor* descriptor, uint32_t address);

/** The address of an object as the NPU sees it: that of the core. */
static inline uint32_t npu_address(const volatile void* object) {
  return (uint32_t)(uintptr_t)object;
}

#ifdef __cplusplus
}
#endif

#endif
