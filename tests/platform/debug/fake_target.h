// A debug target of plain memory and registers, for tests of the protocol.
#pragma once

#include <array>
#include <cstring>
#include <map>

#include "platform/debug/debug_target.h"

namespace backboard::test {

class FakeTarget final : public DebugTarget {
 public:
  static constexpr uint64_t kBase = 0x80000000;

  unsigned width_bits() const override { return width; }
  unsigned float_bits() const override { return width; }
  std::vector<DebugCsr> csrs() override { return {{3, "fcsr"}, {0x300, "mstatus"}}; }
  std::optional<uint64_t> read_register(unsigned number) override {
    const auto found = registers.find(number);
    if (found != registers.end()) return found->second;
    return number < gdb_register::kFirstCsr ? std::optional<uint64_t>(0) : std::nullopt;
  }
  bool write_register(unsigned number, uint64_t value) override {
    if (number >= gdb_register::kFirstCsr && !registers.count(number)) return false;
    registers[number] = value;
    return true;
  }
  bool read_memory(uint64_t address, std::span<uint8_t> bytes) override {
    if (!holds(address, bytes.size())) return false;
    std::memcpy(bytes.data(), memory.data() + (address - kBase), bytes.size());
    return true;
  }
  bool write_memory(uint64_t address, std::span<const uint8_t> bytes) override {
    if (!holds(address, bytes.size())) return false;
    std::memcpy(memory.data() + (address - kBase), bytes.data(), bytes.size());
    return true;
  }
  std::vector<DebugRegion> memory_map() override {
    return {{DebugMemory::rom, 0x1000, 0x1000}, {DebugMemory::ram, kBase, memory.size()}};
  }
  bool set_breakpoint(DebugBreak, uint64_t address, bool present) override {
    breakpoints[address] = present;
    return breakpoints.size() < 100;
  }
  bool set_watchpoint(DebugWatch kind, uint64_t address, uint64_t size_bytes, bool present) override {
    watch = {kind, address, size_bytes, present};
    return true;
  }
  void remove_all_points() override { breakpoints.clear(); }
  std::string monitor(std::string_view command) override { return "got " + std::string(command); }

  struct Watch {
    DebugWatch kind = DebugWatch::write;
    uint64_t address = 0;
    uint64_t size_bytes = 0;
    bool present = false;
  };
  unsigned width = 32;
  std::array<uint8_t, 4096> memory{};
  std::map<unsigned, uint64_t> registers{{gdb_register::kFirstCsr + 0x300, 0x1800}};
  std::map<uint64_t, bool> breakpoints;
  Watch watch;

 private:
  bool holds(uint64_t address, uint64_t size_bytes) const {
    return address >= kBase && size_bytes <= memory.size() && address - kBase <= memory.size() - size_bytes;
  }
};

}  // namespace backboard::test
