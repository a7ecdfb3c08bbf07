// The layers that kernel benchmarks go over.
#pragma once

#include <cstdint>

namespace backboard::npu {

enum class BenchPhase : uint8_t { kFf, kBp, kWg };

inline const char* name_of(BenchPhase phase) {
  return phase == BenchPhase::kFf ? "FF" : phase == BenchPhase::kBp ? "BP" : "WG";
}

/// A convolution of `size` x `size` maps, or an FC layer (size 1). `first`: training needs no BP of it.
struct BenchLayer {
  const char* net;
  const char* name;
  uint32_t c, size, k, kernel, stride, pad;
  bool first;
};

// Net S: three times convolution 3x3, ReLU, max-pooling 2; then FC, ReLU, FC. ResNet-18 (arXiv 1512.03385, table 1).
inline constexpr BenchLayer kBenchLayers[] = {
    {"S", "conv1", 1, 28, 8, 3, 1, 1, true},
    {"S", "conv2", 8, 14, 16, 3, 1, 1, false},
    {"S", "conv3", 16, 7, 32, 3, 1, 1, false},
    {"S", "fc1", 288, 1, 64, 1, 1, 0, false},
    {"S", "fc2", 64, 1, 10, 1, 1, 0, false},
    {"ResNet-18", "conv1", 3, 224, 64, 7, 2, 3, true},
    {"ResNet-18", "layer1", 64, 56, 64, 3, 1, 1, false},
    {"ResNet-18", "layer2.0.conv1", 64, 56, 128, 3, 2, 1, false},
    {"ResNet-18", "layer2.0.downsample", 64, 56, 128, 1, 2, 0, false},
    {"ResNet-18", "layer2", 128, 28, 128, 3, 1, 1, false},
    {"ResNet-18", "layer3.0.conv1", 128, 28, 256, 3, 2, 1, false},
    {"ResNet-18", "layer3", 256, 14, 256, 3, 1, 1, false},
    {"ResNet-18", "layer4.0.conv1", 256, 14, 512, 3, 2, 1, false},
    {"ResNet-18", "layer4", 512, 7, 512, 3, 1, 1, false},
    {"ResNet-18", "fc", 512, 1, 1000, 1, 1, 0, false},
};

}  // namespace backboard::npu
