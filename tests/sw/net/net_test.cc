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

TEST_CASE("the larger networks have the parameters of their publications, and about their MACs") {
  const Network resnet8 = load_network(kNets + "resnet8.yaml"), ds_cnn = load_network(kNets + "ds_cnn.yaml");
  const Network mobile = load_network(kNets + "mobilenetv2_035.yaml"), resnet18 = load_network(kNets + "resnet18.yaml");
  // MLPerf Tiny's ResNet-8 has 78,666, of which 480 are moments of its normalisations (2 x (3 x 16 + 2 x 32 + 2 x 64)).
  CHECK(resnet8.parameters() == 78666 - 480);
  CHECK(resnet8.macs() == 12501632);
  // MLPerf Tiny's DS-CNN: 24,908, of which 1,152 are moments (nine times 2 x 64).
  CHECK(ds_cnn.parameters() == 24908 - 1152);
  CHECK(mobile.classes() == 10);
  // torchvision's ResNet-18 without its head: 11,176,512; with one of 10 classes 5,130 more. 1.81 G MAC.
  CHECK(resnet18.parameters() == 11176512 + 5130);
  CHECK(resnet18.macs() == 1813561344 + 5120);
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

TEST_CASE("padding of a convolution may differ by side") {
  const Network net = parse(  // 8 x 6: (8 + 0 + 1 - 3) / 2 + 1 = 4, (6 + 2 + 1 - 4) / 2 + 1 = 3
      "  - {type: conv, channels: 4, kernel: [3, 4], stride: 2, pad: [0, 2, 1, 1]}\n"
      "  - {type: maxpool, kernel: 2, pad: [1, 0, 1, 0]}\n  - {type: fc, channels: 2}\n");
  CHECK(net.layers[0].out == ImageShape{4, 4, 3});
  CHECK((net.layers[0].pad_h == 0 && net.layers[0].pad_w == 2));
  CHECK((net.layers[0].pad_more_h == 1 && net.layers[0].pad_more_w == -1));
  CHECK(net.layers[1].out == ImageShape{4, 3, 1});
  const auto padded = [](const std::string& type, const std::string& pad) {
    return "  - type: " + type + "\n    kernel: 3\n    pad: " + pad + "\n";
  };
  CHECK_THROWS_WITH(parse(padded("conv\n    channels: 2", "[0, 0, 3, 0]")),
                    Contains("net.yaml:7: ") && Contains("below"));
  CHECK_THROWS_WITH(parse(padded("conv\n    channels: 2", "[0, 0, 0, 3]")),
                    Contains("net.yaml:7: ") && Contains("below"));
  CHECK_THROWS_WITH(parse(padded("conv\n    channels: 2", "[0, 0, 1]")),
                    Contains("net.yaml:7: ") && Contains("or four"));
  CHECK_THROWS_WITH(parse(padded("avgpool", "[0, 0, 1, 1]")),
                    Contains("net.yaml:6: ") && Contains("only a convolution"));
  CHECK_THROWS_WITH(parse("  - {type: conv, channels: 2, kernel: 200, pad: [0, 0, 199, 199]}\n"), Contains("127"));
}

TEST_CASE("pooling steps by its kernel unless told otherwise") {
  const Network net = parse("  - {type: maxpool, kernel: [4, 3]}\n  - {type: fc, channels: 2}\n");
  CHECK(net.layers[0].stride_h == 4);
  CHECK(net.layers[0].stride_w == 3);
  CHECK(net.layers[0].out == ImageShape{3, 2, 2});
}

TEST_CASE("a window that is all there is has a stride of one, whatever was asked for") {
  const Network net = parse(  // 8 x 6, padding 1: all 10 rows; 6 columns of 8, where a stride still says how many fit
      "  - {type: maxpool, kernel: [10, 6], pad: 1}\n  - {type: fc, channels: 2}\n");
  CHECK(net.layers[0].stride_h == 1);
  CHECK(net.layers[0].stride_w == 6);
  CHECK(net.layers[0].out == ImageShape{3, 1, 1});
}

TEST_CASE("pooling with ceil counts a window that is cut off, but none that sees padding alone") {
  // 8 x 6: from 0, 3, 6 of 8 rows by 3 (the last is cut off), from 0, 3 of 6 columns by 2 at stride 3 (4 are left
  // over).
  const auto out = [](const std::string& keys) {
    const Network net = parse("  - {type: maxpool, " + keys + "}\n  - {type: fc, channels: 2}\n");
    return net.layers[0].out;
  };
  CHECK(out("kernel: 3, stride: 3") == ImageShape{3, 2, 2});
  CHECK(out("kernel: 3, stride: 3, ceil: on") == ImageShape{3, 3, 2});
  CHECK(out("kernel: 3, stride: 3, ceil: off") == ImageShape{3, 2, 2});
  CHECK(out("kernel: [2, 2], stride: [3, 3], ceil: on") == ImageShape{3, 3, 2});
  // With padding 1 a third window of columns would start at column 6 of the padding behind the last one, 6.
  CHECK(out("kernel: 2, stride: [3, 7], pad: 1, ceil: on") == ImageShape{3, 3, 1});
  CHECK(out("kernel: 2, stride: [3, 5], pad: 1, ceil: on") == ImageShape{3, 3, 2});
  for (const std::string key : {"ceil: on", "count_include_pad: off"}) {
    CHECK(parse("  - {type: avgpool, kernel: 3, " + key + "}\n  - {type: fc, channels: 2}\n").layers.size() == 2);
    CHECK_THROWS_WITH(parse("  - {type: conv, channels: 2, kernel: 3, " + key + "}\n  - {type: fc, channels: 2}\n"),
                      Contains("net.yaml:4:") && Contains("conv layer has no such key"));
  }
}

TEST_CASE("keys of a normalisation are refused elsewhere, and gamma and beta that stay are no parameters") {
  const auto parameters = [](const std::string& keys) {
    return parse("  - {type: batchnorm" + keys + "}\n  - {type: fc, channels: 2, bias: off}\n").parameters();
  };
  CHECK(parameters("") - parameters(", affine: off") == 2 * 3);
  CHECK(parameters("") == parameters(", moments: running"));
  for (const std::string key : {"affine: off", "moments: running"})
    CHECK_THROWS_WITH(parse("  - {type: relu, " + key + "}\n  - {type: fc, channels: 2}\n"),
                      Contains("net.yaml:4:") && Contains("relu layer has no such key"));
}

TEST_CASE("layers read the layers that they name, else the one above") {
  const Network net = parse(
      "  - {type: conv, name: a, channels: 4, kernel: 3, pad: 1}\n"
      "  - {type: batchnorm, epsilon: 0.001}\n"
      "  - {type: conv, name: b, channels: 4, kernel: 3, pad: 2, dilation: 2, groups: 4, bias: off}\n"
      "  - {type: add, name: sum, inputs: [b, a]}\n"
      "  - {type: concat, inputs: [sum, input]}\n"
      "  - {type: upsample, kernel: [2, 3]}\n"
      "  - {type: globalpool}\n"
      "  - {type: fc, channels: 5}\n");
  CHECK(net.layers[1].sources == std::vector<int>{0});
  CHECK(net.layers[1].name == "batchnorm1");
  CHECK(net.layers[2].weight_shape() == std::vector<uint64_t>{4, 1, 3, 3});
  CHECK(net.layers[2].macs() == 4 * 9 * 8 * 6);
  CHECK(net.layers[2].out == ImageShape{4, 8, 6});  // 8 + 2*2 - (2*2+1) + 1
  CHECK(net.layers[3].sources == std::vector<int>{2, 0});
  CHECK(net.layers[4].sources == std::vector<int>{3, kImages});
  CHECK(net.layers[4].out == ImageShape{7, 8, 6});
  CHECK(net.layers[5].out == ImageShape{7, 16, 18});
  CHECK(net.readers(0) == std::vector<size_t>{1, 3});
  CHECK(net.readers(kImages) == std::vector<size_t>{0, 4});
  // a 3*9*4+4, batchnorm 2*4, b 4*9, fc 7*5+5; running moments are no parameters.
  CHECK(net.parameters() == 112 + 8 + 36 + 40);
  REQUIRE(net.layers[1].arrays().size() == 4);
  CHECK_FALSE(net.layers[1].arrays()[3].trains);
}

TEST_CASE("mistakes in the graph are told with their line") {
  CHECK_THROWS_WITH(parse("  - {type: conv, channels: 3, kernel: 1}\n  - {type: add}\n"),
                    Contains("net.yaml:5:") && Contains("reads 2 layers"));
  CHECK_THROWS_WITH(parse("  - {type: fc, channels: 3}\n  - {type: relu, inputs: [fc2]}\n"),
                    Contains("net.yaml:5:") && Contains("no layer above is called 'fc2'"));
  CHECK_THROWS_WITH(parse("  - {type: conv, channels: 2, kernel: 1}\n  - {type: add, inputs: [conv1, input]}\n"),
                    Contains("net.yaml:5:") && Contains("2 x 8 x 6 and 3 x 8 x 6"));
  CHECK_THROWS_WITH(parse("  - {type: conv, channels: 2, kernel: 1}\n  - {type: fc, inputs: [input], channels: 2}\n"),
                    Contains("net.yaml:4:") && Contains("no layer reads 'conv1'"));
  CHECK_THROWS_WITH(parse("  - {type: conv, channels: 4, kernel: 1, groups: 2}\n"),
                    Contains("net.yaml:4:") && Contains("2 does not divide 3 inputs"));
  CHECK_THROWS_WITH(parse("  - {type: fc, channels: 4, slope: 0.5}\n"),
                    Contains("net.yaml:4:") && Contains("a fc layer has no such key"));
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
