// The whole board as configuration: what a platform's YAML says.
#pragma once

#include <bit>
#include <cstdint>
#include <string>

#include "npu/device/npu_config.h"
#include "platform/bus/memory_map.h"
#include "platform/bus/router_config.h"
#include "platform/clint/clint.h"
#include "platform/config/fields.h"
#include "platform/cpu/core_config.h"
#include "platform/dma/dma_config.h"
#include "platform/dram/dram_config.h"
#include "platform/flash/flash.h"
#include "platform/plic/plic.h"
#include "platform/rom/rom.h"
#include "platform/sram/sram.h"
#include "platform/traffic/traffic_config.h"
#include "platform/uart/uart.h"
#include "platform/watchdog/watchdog.h"

namespace backboard {

/// `lt`: accesses annotate their time. `at`: the NPU's bursts, the core's lines, the DMA engine's accesses and the
/// generators' requests are four-phase transactions through an arbitrated bus to the command-level DRAM; accesses to
/// all else annotate their time as in `lt` (docs/memory.md).
enum class TimingLevel : uint8_t { lt, at };

enum class BootMode : uint8_t {
  direct,  ///< the loader puts the program into memory; the ROM's vector jumps to its entry
  flash,   ///< the ROM image (rom.image) runs: it checks the flash image, copies it to DRAM and jumps
};

/// Resets by the guest before one more ends a run, unless said otherwise: a reboot loop must end.
inline constexpr uint32_t kResetLimit = 16;

struct BoardConfig {
  TimingLevel timing = TimingLevel::lt;
  BootMode boot = BootMode::direct;
  MapConfig map;
  RouterConfig bus;
  CoreConfig core;
  RomConfig rom;
  SramConfig sram;
  DramConfig dram;
  FlashConfig flash;
  UartConfig uart;
  ClintConfig clint;
  PlicConfig plic;
  WatchdogConfig watchdog;
  npu::NpuConfig npu;
  DmaEngineConfig dma;
  std::vector<TrafficConfig> traffic;

  template <class V>
  void fields(V& v) {
    v("timing", timing, Choices<TimingLevel>{{"lt", TimingLevel::lt}, {"at", TimingLevel::at}}, "Timing level");
    v("boot", boot, Choices<BootMode>{{"direct", BootMode::direct}, {"flash", BootMode::flash}},
      "Who puts the program into memory");
    v("map", map, "Address map");
    v("bus", bus, "Bus");
    v("core", core, "Core");
    v("rom", rom, "Boot ROM");
    v("sram", sram, "On-chip SRAM");
    v("dram", dram, "DRAM");
    v("flash", flash, "QSPI flash");
    v("uart", uart, "UART");
    v("clint", clint, "Core-local interruptor");
    v("plic", plic, "Interrupt controller");
    v("watchdog", watchdog, "Watchdog");
    v("npu", npu, "Training NPU");
    v("dma", dma, "DMA engine");
    v("traffic", traffic, Count{0, kMostTraffic}, "Traffic generators: what else lives on the SoC");
  }

  void check() const {
    if (boot == BootMode::flash && rom.image.empty()) throw ConfigRule("boot", "'flash' needs a program in rom.image");
    if (map[Place::kDRAM].size_bytes > dram.capacity_bytes()) {
      throw ConfigRule("map.dram.size", "exceeds the part of dram.memory");
    }
    if (timing == TimingLevel::lt && dram.memory.channels > 1) {
      throw ConfigRule("dram.memory.channels", "timing: lt models one channel");
    }
    if (timing == TimingLevel::lt && (!dram.commands_file.empty() || dram.check_commands)) {
      throw ConfigRule(dram.check_commands ? "dram.check_commands" : "dram.commands",
                       "there are commands in timing: at only");
    }
    if (timing == TimingLevel::lt && dram.lose_request != 0) {
      throw ConfigRule("dram.lose_request", "there are requests in timing: at only");
    }
    const dram::ControllerConfig& controller = dram.memory.controller;
    if (timing == TimingLevel::lt && controller.power_down != dram::PowerKind::off) {
      throw ConfigRule("dram.memory.controller.power_down", "timing: lt does not model it");
    }
    if (timing == TimingLevel::lt && controller.ecc != dram::EccKind::off) {
      throw ConfigRule("dram.memory.controller.ecc", "timing: lt does not model it");
    }
    if (timing == TimingLevel::lt && !dram.bit_errors.empty()) {
      throw ConfigRule("dram.bit_errors", "there are requests in timing: at only");
    }
    for (const BitErrorConfig& error : dram.bit_errors) {
      if (error.offset >= map[Place::kDRAM].size_bytes) throw ConfigRule("dram.bit_errors", "lies beyond the DRAM");
    }
    check_traffic(traffic, "traffic");
    for (size_t i = 0; i < traffic.size(); ++i) {
      const PlaceConfig& place = map[Place::kDRAM];
      if (traffic[i].base >= place.base && traffic[i].last() <= place.last() && traffic[i].last() >= traffic[i].base) {
        continue;
      }
      throw ConfigRule("traffic." + std::to_string(i) + ".base", "its memory does not lie in DRAM");
    }
    const uint64_t flash_bytes = map[Place::kFLASH].size_bytes;
    if (!std::has_single_bit(flash_bytes) || flash_bytes > kGiB) {
      throw ConfigRule("map.flash.size", "must be a power of two up to 1 GiB");
    }
  }
};

}  // namespace backboard
