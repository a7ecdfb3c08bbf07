/* The training plan: what the compiler (sw) hands to the firmware. C11 and C++; byte layout in docs/formats/plan.md.
 * All integers little-endian; all offsets from the first byte of the plan; every table 64-byte aligned. */
#ifndef DRIVERS_PLAN_FORMAT_H
#define DRIVERS_PLAN_FORMAT_H

#include <stdint.h>

#define PLAN_MAGIC 0x4E4C5042u /* "BPLN" */
#define PLAN_BYTE_CLASSES 256u
#define PLAN_VERSION 3u /* 1: the checksum left the header out; 2: labels were bytes */
#define PLAN_NAME_BYTES 24u

/** A table inside the plan. */
typedef struct plan_table {
  uint32_t offset;
  uint32_t count;
} plan_table;

/** Programs: runs of commands that firmware submits as a whole. */
enum plan_program_kind {
  PLAN_PREPARE = 0,    /**< once, after the weights were set: encode them into the engine's format */
  PLAN_TRAIN_STEP = 1, /**< gather, FF, loss, BP, WG and update of one batch */
  PLAN_UPDATE = 2,     /**< separate update when it is not fused into TRAIN_STEP; may be empty */
  PLAN_EVAL_STEP = 3,  /**< gather, FF and loss of one batch, weights untouched */
  PLAN_PROGRAMS = 4
};

/** What a tensor is to the training. */
enum plan_tensor_flag {
  PLAN_TENSOR_PARAMETER = 1, /**< master copy of a weight or bias: dumped, checkpointed */
  PLAN_TENSOR_TRAINED = 2,   /**< updated by this policy */
  PLAN_TENSOR_STEERED = 4,   /**< its FGMP threshold is steered by firmware from its statistics */
  PLAN_TENSOR_MOMENTUM = 8,  /**< optimiser state: zeroed at start, part of a checkpoint */
};

typedef struct plan_header {
  uint32_t magic;
  uint32_t version;
  uint32_t total_bytes;
  uint32_t crc32;          /**< IEEE CRC-32 (zlib's) of all bytes but these four */
  uint32_t header_bytes;   /**< sizeof(plan_header) */
  uint32_t engine;         /**< ENGINE that it was compiled for */
  uint32_t ops_lo, ops_hi; /**< opcodes used */
  uint32_t formats;        /**< tensor formats used */
  uint32_t buffer_bytes;   /**< local buffer that the tile sizes assume */
  uint32_t arena_base;     /**< first DRAM address that the memory plan uses */
  uint32_t arena_bytes;
  uint32_t batch;   /**< images a step */
  uint32_t classes; /**< outputs of the network */
  uint32_t input_c, input_h, input_w;
  float input_scale; /**< value of one step of the u8 images the plan was compiled for */
  uint32_t fused;    /**< 1: updates are fused into WG */
  uint32_t momentum; /**< 1: momentum tensors exist */
  /* Addresses in the arena that firmware fills or reads at run time. */
  uint32_t gather_address;      /**< uint32_t[batch]: image numbers of the batch */
  uint32_t labels_address;      /**< uint8_t[batch], or uint16_t[batch] of more than PLAN_BYTE_CLASSES classes */
  uint32_t loss_address;        /**< npu_loss_record */
  uint32_t hyper_address;       /**< npu_hyper */
  uint32_t descriptors_address; /**< where the descriptor table is copied to */
  uint32_t data_descriptor;     /**< index of the descriptor of the packed images: firmware sets address, n, size */
  plan_table layers;            /**< plan_layer[] */
  plan_table tensors;           /**< plan_tensor[], one for each descriptor */
  plan_table descriptors;       /**< 64-byte descriptors, addresses final but for the packed images */
  plan_table commands;          /**< 64-byte commands of all programs */
  plan_table programs;          /**< plan_program[PLAN_PROGRAMS] */
  plan_table segments;          /**< plan_segment[]: initial contents of the arena */
  uint32_t optimizer;           /**< 0: SGD, 1: Adam */
  uint32_t accumulate;    /**< TRAIN_STEPs before an UPDATE (0: 1); those behind the first continue the gradients */
  uint32_t norms_address; /**< npu_norm_record[norms] that TRAIN_STEP leaves; 0: none */
  uint32_t norms;         /**< one for each gradient */
  uint32_t adam_address;  /**< npu_adam; 0: none */
  uint32_t reserved[3];
} plan_header;

typedef struct plan_layer {
  char name[PLAN_NAME_BYTES]; /**< zero-terminated */
  uint32_t kind;              /**< opcode of its FF command */
  uint32_t trained;
  uint64_t macs_ff, macs_bp, macs_wg; /**< per batch; 0 where the policy drops the step */
} plan_layer;

typedef struct plan_tensor {
  char name[PLAN_NAME_BYTES]; /**< zero-terminated, for example "conv1.weight" */
  uint32_t flags;             /**< plan_tensor_flag */
  uint32_t layer;             /**< 0xffff: none */
} plan_tensor;

typedef struct plan_program {
  uint32_t first; /**< index in the command table */
  uint32_t count;
} plan_program;

typedef struct plan_segment {
  uint32_t address;
  uint32_t offset; /**< of the bytes in the plan */
  uint32_t size_bytes;
  uint32_t fill; /**< 1: no bytes; zero the range instead */
} plan_segment;

#endif
