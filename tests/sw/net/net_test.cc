#include "sw/net/network.h"

#include <catch2/catch.hpp>

#include "platform/check/input_error.h"
#include "tests/sw/mutate.h"

using namespace backboard;
using namespace backboard::sw_test;
using Catch::Contains;

namespace {

const std::string kNets = BACKBOARD_SOURCE "/configs/nets/";

Network parse(const std::string& layers) {
  return parse_network("name: x\ninput: {channels: 3, rows: 8, columns: 6}\nlayers:\n" + layers, "net.yaml");
}

}  // namespace

TEST_CASE("the shipped networks have the parameters and MACs that they say") {
  const Network s = load_network(kNets + "s.yaml"), m = load_network(kNets + "m.yaml");
  CHECK(s.parameters() == 25034);
  CHECK(s.macs() == 527104);
  CHECK(s.classes() == 10);
  CHECK(m.parameters() == 98442);
  CHECK(m.macs() == 1994240);
  CHECK(load_network(kNets + "mlp.yaml").parameters() == 784 * 64 + 64 + 64 * 10 + 10);
}

TEST_CASE("shapes follow kernel, stride and padding") {
  const Network net = parse(
      "  - {type: conv, channels: 4, kernel: [3, 2], stride: 2, pad: [1, 0]}\n"  // (8+2-3)/2+1 = 4, (6-2)/2+1 = 3
      "  - {type: relu}\n"
      "  - {type: avgpool, kernel: 2, stride: 1}\n"  // 3, 2
      "  - {type: globalpool}\n"
      "  - {type: fc, channels: 5, bias: off}\n");
  CHECK(net.layers[0].out == ImageShape{4, 4, 3});
  CHECK(net.layers[0].weight_shape() == std::vector<uint64_t>{4, 3, 3, 2});
  CHECK(net.layers[2].out == ImageShape{4, 3, 2});
  CHECK(net.layers[3].out == ImageShape{4, 1, 1});
  CHECK(net.layers[4].weight_shape() == std::vector<uint64_t>{5, 4, 1, 1});
  CHECK(net.parameters() == 4 * 3 * 3 * 2 + 4 + 5 * 4);
  CHECK(net.macs() == 4 * 3 * 3 * 2 * 4 * 3 + 20);
  CHECK(net.layers[0].name == "conv1");
  CHECK(net.layers[2].name == "avgpool1");
}

TEST_CASE("pooling steps by its kernel unless told otherwise") {
  const Network net = parse("  - {type: maxpool, kernel: [4, 3]}\n  - {type: fc, channels: 2}\n");
  CHECK(net.layers[0].stride_h == 4);
  CHECK(net.layers[0].stride_w == 3);
  CHECK(net.layers[0].out == ImageShape{3, 2, 2});
}

TEST_CASE("mistakes in a network file are told with their line") {
  CHECK_THROWS_WITH(parse("  - {type: fc, channels: 4}\n  - {type: convolution, channels: 4}\n"),
                    Contains("net.yaml:5:") && Contains("conv"));
  CHECK_THROWS_WITH(parse("  - {type: fc}\n"), Contains("net.yaml:4:") && Contains("needs `channels`"));
  CHECK_THROWS_WITH(parse("  - type: conv\n    channels: 2\n"), Contains("net.yaml:4:") && Contains("needs `kernel`"));
  CHECK_THROWS_WITH(parse("  - type: fc\n    channels: 2\n    kernel: 3\n"),
                    Contains("net.yaml:6:") && Contains("a fc layer has no such key"));
  CHECK_THROWS_WITH(parse("  - type: conv\n    channels: 2\n    kernel: 9\n"),
                    Contains("net.yaml:6:") && Contains("does not fit the input of 8 x 6"));
  CHECK_THROWS_WITH(parse("  - type: conv\n    channels: 2\n    kernel: 3\n    pad: 3\n"),
                    Contains("net.yaml:7:") && Contains("below the kernel"));
  CHECK_THROWS_WITH(parse("  - {type: conv, channels: 2, kernel: 3}\n"), Contains("net.yaml:4:") && Contains("6 x 4"));
  CHECK_THROWS_WITH(parse("  - {type: fc, channels: 1}\n"), Contains("1 classes"));
  CHECK_THROWS_WITH(parse("  - {type: fc, channels: 2, name: a}\n  - {type: fc, channels: 2, name: a}\n"),
                    Contains("net.yaml:5:") && Contains("'a' is taken"));
  CHECK_THROWS_WITH(parse("  - {type: fc, channels: 2, name: a b}\n"), Contains("net.yaml:4:"));
  CHECK_THROWS_WITH(parse("  - {type: fc, chanels: 2}\n"), Contains("net.yaml:4:") && Contains("channels"));
  CHECK_THROWS_WITH(parse("  - {type: conv, channels: 65535, kernel: 255, pad: 254}\n"), Contains("net.yaml:4:"));
  CHECK_THROWS_AS(parse(""), InputError);
}

TEST_CASE("any text in place of a network ends in a network or in an InputError") {
  const std::string good =
      "name: x\ninput: {channels: 1, rows: 8, columns: 8}\nlayers:\n  - {type: conv, channels: 4, kernel: 3}\n"
      "  - {type: maxpool, kernel: 2}\n  - {type: fc, channels: 3}\n";
  std::mt19937 random(5);
  for (int i = 0; i < 5000; ++i) {
    const std::vector<uint8_t> bytes = mutate(random, std::vector<uint8_t>(good.begin(), good.end()));
    try {
      const Network net = parse_network(std::string(bytes.begin(), bytes.end()), "net.yaml");
      CHECK(net.classes() >= 2);
    } catch (const InputError&) {
    }
  }
}
