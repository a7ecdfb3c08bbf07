// Plays a trace through TLM sockets in the SystemC kernel.
#pragma once

#include "platform/dram/trace/player.h"

namespace backboard::dram {

/// As `play`, with the four phases of TLM-2.0 between the player and the memory: an initiator socket (MasterPort), a
/// target socket (TargetSocket), the kernel. The same results. The player runs ahead of the kernel by a microsecond at
/// most and annotates the times of its requests, which the memory takes exactly. Once a process: SystemC elaborates
/// once.
PlayResult play_through_tlm(const MemoryConfig& config, TraceSource& source, CommandSink* commands = nullptr);

}  // namespace backboard::dram
