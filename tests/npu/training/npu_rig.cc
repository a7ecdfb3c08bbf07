#include "tests/npu/training/npu_rig.h"

#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

#include "drivers/npu/npu_registers.h"
#include "platform/check/check.h"

namespace backboard::test {

BusResponse FlatMemory::access(BusAccess& access, uint64_t& delay_ps) {
  if (access.address < kBase || access.address - kBase + access.size > bytes.size()) return BusResponse::decode;
  uint8_t* const place = bytes.data() + (access.address - kBase);
  if (access.op == BusOp::read) {
    std::memcpy(access.data, place, access.size);
  } else {
    std::memcpy(place, access.data, access.size);
  }
  delay_ps += latency_ps;
  return BusResponse::ok;
}

std::optional<DirectRegion> FlatMemory::direct(uint64_t) {
  return std::nullopt;
}

NpuRig::NpuRig(const npu::NpuConfig& config, size_t memory_bytes)
    : memory_(memory_bytes), device_(config, queue_, memory_, wire_, 0, findings_, findings_) {
  set_reg(NPU_WINDOW0_BASE_OFFSET, FlatMemory::kBase);
  set_reg(NPU_WINDOW0_LAST_OFFSET, FlatMemory::kBase + static_cast<uint32_t>(memory_bytes) - 1);
  set_reg(NPU_WINDOW0_ACCESS_OFFSET, NPU_WINDOW_READ_MASK | NPU_WINDOW_WRITE_MASK);
  set_reg(NPU_RING_BASE_OFFSET, FlatMemory::kBase + ring_offset());
  set_reg(NPU_RING_SIZE_OFFSET, kRingCommands);
  set_reg(NPU_CTRL_OFFSET, NPU_CTRL_ENABLE_MASK);
}

std::span<uint8_t> NpuRig::memory() {
  return std::span(memory_.bytes).first(ring_offset());
}

uint32_t NpuRig::reg(uint32_t offset) {
  uint32_t value = 0;
  BusAccess access{BusOp::read, offset, reinterpret_cast<uint8_t*>(&value), 4, queue_.now_ps(), {}, false};
  uint64_t delay_ps = 0;
  BB_CHECK(device_.access(access, delay_ps) == BusResponse::ok, "register {:#x}", offset);
  return value;
}

void NpuRig::set_reg(uint32_t offset, uint32_t value) {
  BusAccess access{BusOp::write, offset, reinterpret_cast<uint8_t*>(&value), 4, queue_.now_ps(), {}, false};
  uint64_t delay_ps = 0;
  BB_CHECK(device_.access(access, delay_ps) == BusResponse::ok, "register {:#x}", offset);
}

void NpuRig::run(std::span<const npu::Command> commands) {
  BB_CHECK(commands.size() < kRingCommands, "{} commands do not fit in the ring", commands.size());
  npu::Command fence;
  fence.opcode = static_cast<uint8_t>(npu::Opcode::kFENCE);
  fence.phase = static_cast<uint8_t>(Phase::kCONTROL);
  fence.layer = 0xffff;
  fence.auxiliary = ++fences_;
  const auto put = [&](const npu::Command& command) {
    npu::write_command(command, memory_.bytes.data() + ring_offset() + submitted_++ % kRingCommands * 64);
  };
  for (const npu::Command& command : commands) put(command);
  put(fence);
  set_reg(NPU_RING_TAIL_OFFSET, submitted_);
  while (reg(NPU_FENCE_OFFSET) != fences_) {
    const uint32_t code = reg(NPU_ERROR_CODE_OFFSET);
    if (code != 0 || queue_.next_time_ps() == EventQueue::kNever) {
      const uint32_t index = reg(NPU_ERROR_INDEX_OFFSET);
      const npu::Command& failed = commands[index - (submitted_ - commands.size() - 1)];
      throw std::runtime_error(fmt::format(
          "{} at command {} ({}), address {:#x}, detail {}; {}", npu::name_of(static_cast<npu::ErrorCode>(code)), index,
          npu::name_of(static_cast<npu::Opcode>(failed.opcode)), reg(NPU_ERROR_ADDRESS_OFFSET),
          reg(NPU_ERROR_DETAIL_OFFSET), findings_.list.empty() ? "" : findings_.list.back().reason));
    }
    queue_.run_one();
  }
}

}  // namespace backboard::test
