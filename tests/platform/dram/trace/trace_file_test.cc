// Trace files in their forms, and what is wrong with others.
#include <catch2/catch.hpp>

#include "platform/check/input_error.h"
#include "platform/dram/trace/trace_file.h"

namespace backboard::dram {
namespace {

struct Read {
  uint64_t cycle, address;
  bool write;
  bool operator==(const Read&) const = default;
};

std::vector<Read> all(const std::string& text) {
  TraceFile file("t", text, 1 << 20);
  std::vector<Read> list;
  TraceRequest request;
  while (file.next(request)) list.push_back({request.cycle, request.address, request.write});
  return list;
}

std::string error(const std::string& text) {
  try {
    all(text);
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST_CASE("all forms of traces say the same") {
  const std::vector<Read> wanted = {{0, 0x40, false}, {1, 0x80, true}};
  CHECK(all("0: read 0x40\n1: write 0x80\n") == wanted);
  CHECK(all("# a comment\n\n0:\tread\t0x40 # more\r\n1:\twrite\t0x80\r\n") == wanted);
  CHECK(all("cycle,command,address\n0,R,0x40\n1,W,128\n") == wanted);
  CHECK(all("0x40 R\n0x80 W") == wanted);
  CHECK(all("LD 0x40\nST 0x80\n") == wanted);
  CHECK(all("R 64\nW 128\n") == wanted);
}

TEST_CASE("a wrong line is named with its place") {
  CHECK(error("0: read 0x40\n1: erase 0x80\n").starts_with("t:2: expected"));
  CHECK(error("0: read\n").starts_with("t:1: expected"));
  CHECK(error("0: read 0x40 5\n").starts_with("t:1: expected"));
  CHECK(error("0: read 0x\n").starts_with("t:1: expected"));
  CHECK(error("0: read 0x100000\n") == "t:1: address 0x100000 exceeds the memory of 0x100000 bytes");
  CHECK(error("7: read 0\n6: read 0\n") == "t:2: cycle 6 after cycle 7");
  CHECK(error("99999999999999999999: read 0\n").starts_with("t:1: expected"));
  CHECK(error("999999999999999999: read 0\n") == "t:1: cycle 999999999999999999 exceeds 2^56");
}

}  // namespace
}  // namespace backboard::dram
