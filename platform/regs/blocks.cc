#include "platform/regs/blocks.h"

#include "platform/regs/clint_regs.h"
#include "platform/regs/dma_regs.h"
#include "platform/regs/finisher_regs.h"
#include "platform/regs/flash_regs.h"
#include "platform/regs/npu_regs.h"
#include "platform/regs/plic_regs.h"
#include "platform/regs/uart_regs.h"
#include "platform/regs/watchdog_regs.h"

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
    {&finisher_regs::kBlock, kBaseFINISHER, kSizeFINISHER},
    {&clint_regs::kBlock, kBaseCLINT, kSizeCLINT},
    {&plic_regs::kBlock, kBasePLIC, kSizePLIC},
    {&uart_regs::kBlock, kBaseUART, kSizeUART},
    {&npu_regs::kBlock, kBaseNPU, kSizeNPU},
    {&dma_regs::kBlock, kBaseDMA, kSizeDMA},
    {&watchdog_regs::kBlock, kBaseWATCHDOG, kSizeWATCHDOG},
    {&flash_regs::kBlock, kBaseFLASH_CTRL, kSizeFLASH_CTRL},
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
