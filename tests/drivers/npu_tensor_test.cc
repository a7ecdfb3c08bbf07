// Descriptor helpers, held against the NPU's own geometry of blocks.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "drivers/crc/crc32.h"
#include "drivers/npu/npu_tensor.h"
#include "npu/codec/block_geometry.h"
#include "npu/command/encoding.h"

TEST_CASE("a dense descriptor has the bytes of its elements") {
  npu_descriptor d;
  const npu_shape shape = {2, 3, 5, 7};
  REQUIRE(npu_tensor_dense(&d, 0x80000004, &shape, NPU_FORMAT_FP32, NPU_CLASS_WEIGHT) == NPU_OK);
  CHECK(d.address == 0x80000004);
  CHECK(d.size_bytes == 2 * 3 * 5 * 7 * 4);
  CHECK(d.shape_c == 3);
  CHECK(d.format == NPU_FORMAT_FP32);
  CHECK(d.tensor_class == NPU_CLASS_WEIGHT);
  CHECK(d.scale == 1.0f);
  CHECK(d.metadata == 0);
}

TEST_CASE("bytes of an element agree with the NPU for every format") {
  using backboard::npu::TensorFormat;
  for (uint32_t format = 0; format < NPU_FORMATS_END; format++) {
    CHECK(npu_format_bytes(format) == backboard::npu::dense_bytes(static_cast<TensorFormat>(format)));
  }
  CHECK(npu_format_bytes(NPU_FORMATS_END) == 0);
}

TEST_CASE("bytes and blocks of coded tensors agree with the NPU for many geometries") {
  using backboard::npu::BlockGeometry;
  using backboard::npu::TensorFormat;
  unsigned compared = 0;
  for (uint32_t n : {1u, 3u})
    for (uint32_t c : {1u, 5u, 16u})
      for (uint32_t h : {1u, 7u, 28u})
        for (uint32_t w : {1u, 14u, 28u})
          for (uint16_t channels : {1, 2, 16})
            for (uint16_t rows : {1, 4, 7, 28})
              for (const TensorFormat format : {TensorFormat::kFGMP, TensorFormat::kFP16Z}) {
                const BlockGeometry geometry{{n, c, h, w}, channels, rows};
                const npu_shape shape = {n, c, h, w};
                const npu_blocks blocks = {channels, rows};
                npu_descriptor d;
                const uint32_t bytes = npu_coded_bytes(&shape, static_cast<uint32_t>(format), &blocks);
                const npu_result result =
                    npu_tensor_coded(&d, 0x80000000, bytes, 0x80100000, &shape, static_cast<uint32_t>(format), &blocks,
                                     NPU_CLASS_ACTIVATION);
                INFO(n << " " << c << " " << h << " " << w << " / " << channels << " " << rows);
                CHECK((result == NPU_OK) == geometry.valid());
                if (!geometry.valid()) continue;
                CHECK(npu_coded_blocks(&shape, &blocks) == geometry.blocks());
                CHECK(bytes == geometry.tensor_bytes(format));
                compared++;
              }
  CHECK(compared > 100);
}

TEST_CASE("bad descriptors are refused and leave the memory as it was") {
  npu_descriptor d, before;
  std::memset(&d, 0xEE, sizeof d);
  before = d;
  const npu_shape good = {1, 4, 4, 4}, empty = {1, 0, 4, 4}, huge = {65536, 65536, 1, 1};
  const npu_blocks blocks = {1, 4};
  CHECK(npu_tensor_dense(&d, 0x80000002, &good, NPU_FORMAT_FP32, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_dense(&d, 0x80000000, &empty, NPU_FORMAT_FP32, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_dense(&d, 0x80000000, &huge, NPU_FORMAT_U8, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_dense(&d, 0xFFFFFFF0, &good, NPU_FORMAT_FP32, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_dense(&d, 0x80000000, &good, NPU_FORMAT_FGMP, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_coded(&d, 0x80000010, 4096, 0x80100000, &good, NPU_FORMAT_FGMP, &blocks, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_coded(&d, 0x80000000, 64, 0x80100000, &good, NPU_FORMAT_FGMP, &blocks, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_coded(&d, 0x80000000, 4096, 0x80100001, &good, NPU_FORMAT_FGMP, &blocks, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_coded(&d, 0x80000000, 4096, 0x80100000, &good, NPU_FORMAT_FP32, &blocks, 0) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_set_threshold(&d, 0, NAN) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_set_threshold(&d, 0, INFINITY) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_set_threshold(&d, 0, -1.0f) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_set_threshold(&d, 2, 1.0f) == NPU_BAD_ARGUMENT);
  CHECK(npu_tensor_set_statistics(&d, 16) == NPU_BAD_ARGUMENT);
  CHECK(std::memcmp(&d, &before, sizeof d) == 0);
}

TEST_CASE("the CRC is zlib's, from any start and in any pieces") {
  CHECK(crc32_update(0, "123456789", 9) == 0xCBF43926);  // the check value of CRC-32/ISO-HDLC
  uint8_t bytes[64];
  for (unsigned i = 0; i < 64; i++) bytes[i] = static_cast<uint8_t>(i * 37 + 11);
  const uint32_t whole = crc32_update(0, bytes, 64);
  for (unsigned cut = 0; cut <= 64; cut++) {
    CHECK(crc32_update(crc32_update(0, bytes, cut), bytes + cut, 64 - cut) == whole);
  }
}
