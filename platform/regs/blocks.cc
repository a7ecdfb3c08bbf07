#include "platform/regs/blocks.h"

#include "platform/regs/npu_regs.h"

namespace backboard {
namespace {

enum Base : uint64_t {
#define MAP(name, base, size, description) kBase##name = (base),
#define IRQ(name, number, description)
#include "drivers/soc/memory_map.def"
};
enum Size : uint64_t {
#define MAP(name, base, size, description) kSize##name = (size),
#define IRQ(name, number, description)
#include "drivers/soc/memory_map.def"
};

// One row a block. A new block is a .def under drivers/<device>, a header like npu_regs.h, and a row here.
constexpr PlacedBlock kBlocks[] = {
    {&npu_regs::kBlock, kBaseNPU, kSizeNPU},
};

}  // namespace

std::span<const PlacedBlock> all_blocks() {
  return kBlocks;
}

const PlacedBlock* find_block(std::string_view name) {
  for (const PlacedBlock& placed : kBlocks) {
    if (placed.block->name == name) return &placed;
  }
  return nullptr;
}

}  // namespace backboard
