// One copy of the DMA engine as data: what is asked for, whether it can be done, how it is cut into accesses. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "platform/bus/access.h"
#include "platform/bus/attribution.h"

namespace backboard {

/// DMA_ERROR of drivers/dma/dma_descriptor.def: kNONE, kDECODE, ...
enum class DmaError : uint8_t {
#define DMA_ERROR(name, value, description) k##name = (value),
#include "drivers/dma/dma_descriptor.def"
};
const char* name_of(DmaError error);
const char* description_of(DmaError error);
/// The error of an access that was answered so; kNONE for ok.
DmaError error_of(BusResponse response);

/// An error and where.
struct DmaFault {
  DmaError code = DmaError::kNONE;
  bool write = false;
  uint32_t address = 0;
};

/// The bits of a channel's control register, or of a descriptor's `control`, that belong to a copy.
struct DmaControl {
  bool fixed_source = false, fixed_destination = false, step = false;
  bool crc = false, no_write = false;
  uint32_t width_bytes = 1;  ///< 0: no such width
  Phase phase = Phase::kOTHER;
  TensorClass tensor = TensorClass::kNONE;
  bool fixed() const { return fixed_source || fixed_destination; }
};

/// Every bit that DmaControl knows.
uint32_t dma_copy_control_mask();

struct DmaCopy {
  uint32_t source = 0, destination = 0, bytes = 0, control = 0;

  DmaControl decoded() const;
  /// Why the copy cannot be done; kNONE when it can. `control` may have no other bits than DmaControl's.
  DmaFault fault() const;
  /// Addresses of the byte at `offset`.
  uint32_t source_at(uint32_t offset) const;
  uint32_t destination_at(uint32_t offset) const;
  /// Bytes of the access at `offset`, below `bytes`: with a fixed side its width; else up to the next multiple of
  /// `burst_bytes` of the destination (of the source where nothing is written) and of 4096 of the source.
  uint32_t piece_at(uint32_t offset, uint32_t burst_bytes) const;
};

/// A descriptor as it lies in memory.
struct DmaDescriptor {
  static constexpr uint32_t kBytes = 32;
  static constexpr uint32_t kStatusOffset = 24;  ///< of `status` and, behind it, `moved`
  static constexpr uint32_t kReportBytes = 8;
  static constexpr uint32_t kWorkedOn = 0x80000000;

  uint32_t next = 0;
  DmaCopy copy;
  uint32_t reserved = 0, status = 0;

  /// From its bytes, little-endian.
  static DmaDescriptor parse(std::span<const uint8_t, kBytes> bytes);
};

}  // namespace backboard
