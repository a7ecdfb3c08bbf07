// The shipped parts say everything, and a board that names none has the first of them.
#include <catch2/catch.hpp>

#include "platform/check/read_file.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

TEST_CASE("the part of a board that names none is configs/memory/lpddr4-3200.yaml") {
  MemoryConfig of_file = part("lpddr4-3200"), of_board = lpddr4_3200();
  CHECK(dump_config(of_file) == dump_config(of_board));
}

TEST_CASE("each shipped part says every key, so that none is left over from the part of the board") {
  for (const char* name : {"lpddr4-3200", "lpddr4-4266", "ddr4-2400"}) {
    const std::vector<uint8_t> bytes = read_file(BACKBOARD_SOURCE_DIR "/configs/memory/" + std::string(name) + ".yaml");
    const std::string text(bytes.begin(), bytes.end());
    CAPTURE(name);
    for (const char* key : {"name",    "standard", "clock",   "channels", "groups", "banks",    "rows",
                            "columns", "bus",      "devices", "timing",   "rails",  "address",  "controller",
                            "  byte",  "  column", "  group", "  bank",   "  row",  "  channel"}) {
      CAPTURE(key);
      CHECK(text.find("\n" + std::string(key) + ":") != std::string::npos);
    }
    for (const char* key : {"queue", "scheduler", "write_high", "write_low", "page", "refresh"}) {
      CHECK(text.find(std::string(key) + ": ", text.find("\ncontroller: {")) != std::string::npos);
    }
#define TIMING(member, key, meaning) CHECK(text.find("\n  " key ": ") != std::string::npos);
#include "platform/dram/standard/memory_timing.def"
    part(name).check();
  }
}

}  // namespace
}  // namespace backboard::dram
