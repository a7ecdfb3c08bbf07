// What a store of a dense tensor counts.
#include "npu/sequencer/tensor_transfer.h"

#include <catch2/catch.hpp>

namespace backboard::npu {
namespace {

TEST_CASE("Non-zeros of a dense tensor are low in a format of one byte and high in a wider one") {
  struct Case {
    TensorFormat format;
    uint64_t low, high;
  };
  const auto& c =
      GENERATE(Case{TensorFormat::kFP8, 3, 0}, Case{TensorFormat::kFP16, 0, 3}, Case{TensorFormat::kFP32, 0, 3});
  Tensor tensor;
  tensor.present = true;
  tensor.format = c.format;
  tensor.shape = {1, 1, 1, 4};
  tensor.stride = {4, 4, 4};
  tensor.scale = 1.0f;
  const Box box{{0, 0, 0, 0}, {1, 1, 1, 4}};
  SlotContents slot;
  slot.resize_to(box);
  slot.values = {1.0f, 0.0f, -2.0f, 0.5f};
  DmaTransfer transfer;
  ClassCounts counts;
  encode_box(tensor, box, slot, false, transfer, counts);
  CHECK(counts.elements == 4);
  CHECK(counts.zeros == 1);
  CHECK(counts.low == c.low);
  CHECK(counts.high == c.high);
}

}  // namespace
}  // namespace backboard::npu
