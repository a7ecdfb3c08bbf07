#include "platform/dma/dma_copy.h"

#include <algorithm>

#include "platform/regs/dma_regs.h"

namespace backboard {
namespace {

using dma_regs::Field;
using dma_regs::info_of;

constexpr uint32_t kPage = 4096;  ///< no read crosses a multiple of it (as AXI: IHI 0022, A3.4.1)
constexpr uint32_t kPhases = 0
#define PHASE(name, value, description) +1
#include "drivers/npu/traffic.def"
    ;

/// The descriptor's bytes as its .def lays them out.
enum Offset : uint32_t {
#define DMA_DESCRIPTOR_FIELD(name, type, offset, description) k_##name = (offset),
#include "drivers/dma/dma_descriptor.def"
};
static_assert(Offset::k_status == DmaDescriptor::kStatusOffset && Offset::k_moved == DmaDescriptor::kStatusOffset + 4);

uint32_t word_at(std::span<const uint8_t> bytes, uint32_t offset) {
  return uint32_t{bytes[offset]} | uint32_t{bytes[offset + 1]} << 8 | uint32_t{bytes[offset + 2]} << 16 |
         uint32_t{bytes[offset + 3]} << 24;
}

}  // namespace

const char* name_of(DmaError error) {
  switch (error) {
#define DMA_ERROR(name, value, description) \
  case DmaError::k##name:                   \
    return #name;
#include "drivers/dma/dma_descriptor.def"
  }
  return "unknown";
}

const char* description_of(DmaError error) {
  switch (error) {
#define DMA_ERROR(name, value, description) \
  case DmaError::k##name:                   \
    return description;
#include "drivers/dma/dma_descriptor.def"
  }
  return "unknown";
}

DmaError error_of(BusResponse response) {
  switch (response) {
    case BusResponse::ok:
      return DmaError::kNONE;
    case BusResponse::decode:
      return DmaError::kDECODE;
    case BusResponse::denied:
      return DmaError::kDENIED;
    case BusResponse::target:
      return DmaError::kTARGET;
  }
  return DmaError::kTARGET;
}

uint32_t dma_copy_control_mask() {
  return info_of(Field::DMA_CH_CONTROL_FIXED_SOURCE).mask() | info_of(Field::DMA_CH_CONTROL_FIXED_DESTINATION).mask() |
         info_of(Field::DMA_CH_CONTROL_WIDTH).mask() | info_of(Field::DMA_CH_CONTROL_STEP).mask() |
         info_of(Field::DMA_CH_CONTROL_CRC).mask() | info_of(Field::DMA_CH_CONTROL_NO_WRITE).mask() |
         info_of(Field::DMA_CH_CONTROL_PHASE).mask() | info_of(Field::DMA_CH_CONTROL_CLASS).mask();
}

DmaControl DmaCopy::decoded() const {
  DmaControl c;
  c.fixed_source = info_of(Field::DMA_CH_CONTROL_FIXED_SOURCE).get(control) != 0;
  c.fixed_destination = info_of(Field::DMA_CH_CONTROL_FIXED_DESTINATION).get(control) != 0;
  c.step = info_of(Field::DMA_CH_CONTROL_STEP).get(control) != 0;
  c.crc = info_of(Field::DMA_CH_CONTROL_CRC).get(control) != 0;
  c.no_write = info_of(Field::DMA_CH_CONTROL_NO_WRITE).get(control) != 0;
  const uint32_t width = info_of(Field::DMA_CH_CONTROL_WIDTH).get(control);
  c.width_bytes = width > 2 ? 0 : 1u << width;
  c.phase = static_cast<Phase>(info_of(Field::DMA_CH_CONTROL_PHASE).get(control));
  c.tensor = static_cast<TensorClass>(info_of(Field::DMA_CH_CONTROL_CLASS).get(control));
  return c;
}

DmaFault DmaCopy::fault() const {
  const DmaControl c = decoded();
  if ((control & ~dma_copy_control_mask()) != 0 || c.width_bytes == 0 || static_cast<uint32_t>(c.phase) >= kPhases ||
      static_cast<uint32_t>(c.tensor) >= kTensorClasses || (c.no_write && c.fixed_destination)) {
    return {DmaError::kCONTROL, false, source};
  }
  if (bytes == 0) return {};
  const uint32_t misaligned = c.width_bytes - 1;
  if (c.fixed_source && ((source | bytes) & misaligned) != 0) return {DmaError::kALIGNMENT, false, source};
  if (c.fixed_destination && ((destination | bytes) & misaligned) != 0) {
    return {DmaError::kALIGNMENT, true, destination};
  }
  const uint64_t source_last = uint64_t{source} + (c.fixed_source ? c.width_bytes : bytes) - 1;
  const uint64_t destination_last = uint64_t{destination} + (c.fixed_destination ? c.width_bytes : bytes) - 1;
  if (source_last > UINT32_MAX) return {DmaError::kRANGE, false, source};
  if (c.no_write) return {};
  if (destination_last > UINT32_MAX) return {DmaError::kRANGE, true, destination};
  const bool apart = source_last < destination || destination_last < source;
  // Towards lower addresses every byte is read before something is written over it: reads and writes keep their order.
  if (!apart && (c.fixed() || destination > source)) return {DmaError::kOVERLAP, true, destination};
  return {};
}

uint32_t DmaCopy::source_at(uint32_t offset) const {
  return decoded().fixed_source ? source : source + offset;
}
uint32_t DmaCopy::destination_at(uint32_t offset) const {
  return decoded().fixed_destination ? destination : destination + offset;
}

uint32_t DmaCopy::piece_at(uint32_t offset, uint32_t burst_bytes) const {
  const DmaControl c = decoded();
  if (c.fixed()) return c.width_bytes;
  const uint32_t to_burst = burst_bytes - ((c.no_write ? source : destination) + offset) % burst_bytes;
  const uint32_t to_page = kPage - (source + offset) % kPage;
  return std::min({bytes - offset, to_burst, to_page});
}

DmaDescriptor DmaDescriptor::parse(std::span<const uint8_t, kBytes> bytes) {
  DmaDescriptor d;
  d.next = word_at(bytes, k_next);
  d.copy = {word_at(bytes, k_source), word_at(bytes, k_destination), word_at(bytes, k_bytes),
            word_at(bytes, k_control)};
  d.reserved = word_at(bytes, k_reserved);
  d.status = word_at(bytes, k_status);
  return d;
}

}  // namespace backboard
