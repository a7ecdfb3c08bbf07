// Boxes of tensors to DMA transfers and back: where the bytes lie, decoding on the way in, encoding on the way out.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "npu/command/job.h"
#include "npu/dma/dma.h"
#include "npu/engine/local_buffer.h"

namespace backboard::npu {

class HostPool;

/// What a slot is to hold of an operand.
struct Decoding {
  bool classes = false;  ///< the engine's multipliers want the class of each element
  bool bytes = false;    ///< the bytes themselves count: labels, indices, copies
};

/// Adds the runs of `box` of a dense tensor. `gather`, when not empty, maps images of the box to those of the tensor.
void add_dense_runs(const Tensor& tensor, const Box& box, std::span<const uint32_t> gather, DmaTransfer& transfer);

/// Numbers of the blocks of a coded tensor that `box` touches, in their order in memory for each image.
void blocks_of_box(const Tensor& tensor, const Box& box, std::vector<uint32_t>& blocks);

/// Adds the runs of the directory entries of `blocks`.
void add_directory_runs(const Tensor& tensor, std::span<const uint32_t> blocks, DmaTransfer& transfer);

/// Adds the runs of the blocks, whose lengths `directory` holds in the same order. Gives the first block with an
/// impossible length as an address in the directory, 0 when all are good.
uint32_t add_block_runs(const Tensor& tensor, std::span<const uint32_t> blocks, std::span<const uint8_t> directory,
                        DmaTransfer& transfer);

/// Decodes the bytes of add_dense_runs() into the slot.
void decode_dense(const Tensor& tensor, const Box& box, std::span<const uint8_t> bytes, const Decoding& decoding,
                  SlotContents& slot);

/// Decodes the bytes of add_block_runs() into the slot. Gives the address of the first malformed block, or 0.
uint32_t decode_blocks(const Tensor& tensor, const Box& box, std::span<const uint32_t> blocks,
                       std::span<const uint8_t> directory, std::span<const uint8_t> bytes, const Decoding& decoding,
                       SlotContents& slot);

/// Encodes `box` of an output, a dense or coded tensor, from a slot that holds that box, with its runs. Adds each
/// element once to `counts`. `raw`: the slot's bytes are stored as they are. Threads of `pool` share the blocks of a
/// coded tensor; they change nothing.
void encode_box(const Tensor& tensor, const Box& box, const SlotContents& slot, bool raw, DmaTransfer& transfer,
                ClassCounts& counts, HostPool* pool = nullptr);

}  // namespace backboard::npu
