// What a file may say about generators, and where its mistakes are shown.
#include <catch2/catch.hpp>

#include "platform/config/config.h"
#include "platform/config/yaml_tree.h"
#include "platform/traffic/traffic_config.h"

namespace backboard {
namespace {

struct Board {
  std::vector<TrafficConfig> traffic;
  template <class V>
  void fields(V& v) {
    v("traffic", traffic, Count{0, kMostTraffic}, "Generators");
  }
  void check() const { check_traffic(traffic, "traffic"); }
};

std::vector<TrafficConfig> load(const std::string& text) {
  return config_from<Board>(load_yaml_text(text, "edge.yaml")).traffic;
}
std::string error_of(const std::string& text) {
  try {
    load(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("each kind is given by its own part") {
  const auto all = load(
      "traffic:\n"
      "  - {name: cam, kind: camera, base: 0x80000000, size: 4 MiB, frame: {}}\n"
      "  - {name: panel, kind: display, base: 0x80400000, size: 4 MiB, frame: {fifo: 4 KiB}, weight: 3}\n"
      "  - {name: radio, kind: bursty, base: 0x80800000, size: 1 MiB, burst: {period: 100 us, bytes: 8 KiB}}\n"
      "  - {name: other, kind: random, base: 0x80900000, size: 1 MiB, deadline: 2 us, random: {gap: 500 ns}}\n"
      "  - {name: played, kind: trace, base: 0x80a00000, size: 1 MiB, trace: {file: /a.stl, repeat: true}}\n");
  REQUIRE(all.size() == 5);
  CHECK(all[1].frame->fifo_bytes == 4096);
  CHECK(all[1].weight == 3);
  CHECK(all[2].burst->period_ps == 100'000'000);
  CHECK(*all[3].deadline_ps == 2'000'000);
  CHECK(all[4].trace->repeat);
}

TEST_CASE("mistakes in generators are named with their line") {
  const auto one = [](const std::string& keys) { return error_of("traffic:\n  - {" + keys + "}\n"); };
  const std::string camera = "name: cam, kind: camera, base: 0, size: 4 MiB, ";
  const auto contains = [](const std::string& part) { return Catch::Contains(part); };
  CHECK_THAT(one("kind: camera, base: 0, size: 4 MiB, frame: {}"), contains("traffic.0.name"));
  CHECK_THAT(one("name: A, kind: camera, base: 0, size: 4 MiB, frame: {}"), contains("lower case"));
  CHECK_THAT(one("name: cam, kind: camera, base: 0, size: 4 MiB"), contains("needs `frame`"));
  CHECK_THAT(one(camera + "frame: {}, burst: {}"), contains("this one has `frame`"));
  CHECK_THAT(one(camera + "request: 48, frame: {}"), contains("power of two"));
  CHECK_THAT(one(camera + "frame: {line: 2000}"), contains("no multiple of `request`"));
  CHECK_THAT(one(camera + "frame: {fifo: 256}"), contains("fewer than two"));
  CHECK_THAT(one(camera + "frame: {lines: 4000}"), contains("holds no frame"));
  CHECK_THAT(one("name: c, kind: camera, base: 16, size: 4 MiB, frame: {}"), contains("multiple of `request`"));
  CHECK_THAT(one("name: t, kind: trace, base: 0, size: 1 MiB, trace: {}"), contains("names no file"));
  CHECK_THAT(one("name: b, kind: bursty, base: 0, size: 1 MiB, burst: {bytes: 100}"), contains("no multiple"));
  CHECK_THAT(one(camera + "frame: {linse: 3}"), contains("did you mean 'line'"));
  CHECK_THAT(one("name: npu, kind: random, base: 0, size: 1 MiB, random: {}"), contains("another master's name"));
  const std::string two = error_of(
      "traffic:\n  - {name: a, kind: random, base: 0, size: 1 MiB, random: {}}\n"
      "  - {name: a, kind: random, base: 0, size: 1 MiB, random: {}}\n");
  CHECK_THAT(two, contains("edge.yaml:3") && contains("another master's name"));
}

}  // namespace
}  // namespace backboard
