// The whole board as configuration: what a platform's YAML says.
#pragma once

#include <cstdint>
#include <string>

#include "platform/bus/memory_map.h"
#include "platform/bus/router_config.h"
#include "platform/config/fields.h"
#include "platform/cpu/core_config.h"
#include "platform/sram/sram.h"
#include "platform/uart/uart.h"

namespace backboard {

/// `lt`: accesses annotate their time. `at`: four-phase transactions; not modelled yet, and refused.
enum class TimingLevel : uint8_t { lt, at };

enum class BootMode : uint8_t {
  direct,  ///< the loader puts the program into memory; the ROM's vector jumps to its entry
  flash,   ///< the ROM image (key `rom`) runs: it checks the flash image, copies it and jumps
};

struct BoardConfig {
  TimingLevel timing = TimingLevel::lt;
  BootMode boot = BootMode::direct;
  MapConfig map;
  RouterConfig bus;
  CoreConfig core;
  SramConfig sram;
  UartConfig uart;

  template <class V>
  void fields(V& v) {
    v("timing", timing, Choices<TimingLevel>{{"lt", TimingLevel::lt}, {"at", TimingLevel::at}}, "Timing level");
    v("boot", boot, Choices<BootMode>{{"direct", BootMode::direct}, {"flash", BootMode::flash}},
      "Who puts the program into memory");
    v("map", map, "Address map");
    v("bus", bus, "Bus");
    v("sram", sram, "On-chip SRAM");
    v("uart", uart, "UART");
  }
  void check() const {
    if (timing == TimingLevel::at) throw ConfigRule("timing", "'at' is not modelled yet; use 'lt'");
  }
};

}  // namespace backboard
