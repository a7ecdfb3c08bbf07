// The shipped parts say everything, and a board that names none has the first of them.
#include <catch2/catch.hpp>

#include "platform/check/read_file.h"
#include "platform/dram/dram_config.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

TEST_CASE("the part of a board that names none is configs/memory/lpddr4-3200.yaml") {
  MemoryConfig of_file = part("lpddr4-3200"), of_board = lpddr4_3200();
  CHECK(dump_config(of_file) == dump_config(of_board));
}

TEST_CASE("each shipped part says every key, so that none is left over from the part of the board") {
  for (const char* name : {"lpddr4-3200", "lpddr4-4266", "ddr4-2400", "lpddr5-6400"}) {
    const std::vector<uint8_t> bytes = read_file(BACKBOARD_SOURCE_DIR "/configs/memory/" + std::string(name) + ".yaml");
    const std::string text(bytes.begin(), bytes.end());
    CAPTURE(name);
    for (const char* key : {"name",       "standard", "clock",    "beats",   "channels", "groups", "banks",
                            "rows",       "columns",  "bus",      "devices", "timing",   "rails",  "address",
                            "controller", "  byte",   "  column", "  group", "  bank",   "  row",  "  channel"}) {
      CAPTURE(key);
      CHECK(text.find("\n" + std::string(key) + ":") != std::string::npos);
    }
    for (const char* key : {"queue", "scheduler", "write_high", "write_low", "page", "refresh", "power_down",
                            "power_down_after", "ecc"}) {
      CHECK(text.find(std::string(key) + ": ", text.find("\ncontroller: {")) != std::string::npos);
    }
#define TIMING(member, key, meaning) CHECK(text.find("\n  " key ": ") != std::string::npos);
#include "platform/dram/standard/memory_timing.def"
    part(name).check();
  }
}

TEST_CASE("a part of one's own that leaves a key out is refused with file, line and key, not filled with LPDDR4-3200") {
  const std::vector<uint8_t> bytes = read_file(BACKBOARD_SOURCE_DIR "/configs/memory/ddr4-2400.yaml");
  const std::string whole(bytes.begin(), bytes.end());
  for (const auto& [line, path] :
       std::vector<std::pair<std::string, std::string>>{{"\n  rcd: 16", "timing: missing key 'rcd'"},
                                                        {"\nrows: 65536", "missing key 'rows'"},
                                                        {"\ndevices: 8", "missing key 'devices'"},
                                                        {"\n  bank: [15, 16]", "address: missing key 'bank'"}}) {
    CAPTURE(line);
    std::string text = whole;
    const size_t at = text.find(line);
    REQUIRE(at != std::string::npos);
    text.erase(at, line.size());
    CHECK_THROWS_WITH(config_from<MemoryConfig>(load_yaml_text(text, "mine.yaml")),
                      Catch::Contains("mine.yaml:") && Catch::Contains(path));
  }
  // The controller alone may be said of the part that a board has.
  const auto board = config_from<DramConfig>(load_yaml_text("memory: {controller: {page: closed}}", "mine.yaml"));
  CHECK(board.memory.name == lpddr4_3200().name);
  CHECK(board.memory.controller.page == PageKind::closed);
}

}  // namespace
}  // namespace backboard::dram
