// Random mutations of good files: each loads or ends in InputError. The seed is fixed, so a failure repeats.
#include <catch2/catch.hpp>
#include <random>

#include "platform/config/config.h"
#include "tests/platform/config/board_like.h"

using namespace backboard;
using namespace backboard::config_test;

namespace {

const std::string kGood =
    "name: \"a board\"\nclock: 250 MHz\nrefresh: 12.5 ns\ntiming: at\ntrace: on\nfirmware: a/b.elf\n"
    "npu:\n  engine: reference\n  buffer: 128 KiB\n  array: {rows: 2, cols: 0x10}\n"
    "shuffle: 7\nlearning_rate:\n  - {epoch: 0, rate: 0.02}\n  - epoch: 10\n    rate: 1e-3\nsubsets: [1, 2, 3]\n";

std::string mutate(std::mt19937& random, std::string text) {
  static const std::string kTokens[] = {"&a ", "*a",  "!!x ", "? ",   ": ",           "- ",      "{",         "}", "[",
                                        "]",   "|\n", ">\n",  "#",    "\n---\n",      "\n...\n", "%YAML 9\n", "'", "\"",
                                        "\\x", "\t",  "~",    "<<: ", "extends: x\n", ","};
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (size_t edits = 1 + below(6); edits > 0 && !text.empty(); --edits) {
    const size_t at = below(text.size());
    switch (below(6)) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, 1 + below(8));
        break;
      case 2:
        text.insert(at, kTokens[below(std::size(kTokens))]);
        break;
      case 3:
        text.insert(at, text.substr(below(text.size()), below(40)));
        break;
      case 4:
        text.resize(at);
        break;
      case 5:
        text.insert(at, std::string(1 + below(50), "[{:- \n"[below(6)]));
        break;
    }
  }
  return text;
}

}  // namespace

TEST_CASE("a mutated file either loads, and then dumps and loads to the same, or ends in InputError") {
  std::mt19937 random(20240229);
  unsigned loaded = 0, refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = mutate(random, kGood);
    try {
      const Board board = config_from<Board>(load_yaml_text(text, "fuzz.yaml"));
      ++loaded;
      INFO(text);
      Board again = config_from<Board>(load_yaml_text(dump_config(board), "dump.yaml"));
      again.firmware = board.firmware;  // dumped as an absolute path
      REQUIRE(again == board);
    } catch (const InputError& error) {
      ++refused;
      REQUIRE(std::string(error.what()).find('\n') == std::string::npos);
    }
  }
  CHECK(loaded > 500);
  CHECK(refused > 5000);
}
