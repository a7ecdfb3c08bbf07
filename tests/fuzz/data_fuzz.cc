// The reader of packed data sets: any bytes end in a DataSet or an InputError, with a wrong checksum and a right one.
#include <zlib.h>

#include <cstring>

#include "drivers/plan/data_format.h"
#include "platform/check/input_error.h"
#include "sw/pack/pack.h"
#include "tests/fuzz/fuzz_target.h"

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<uint8_t> bytes(sizeof(data_header) + 2 * 16 + 2, 0);
  data_header header{};
  header.magic = DATA_MAGIC;
  header.version = DATA_VERSION;
  header.total_bytes = static_cast<uint32_t>(bytes.size());
  header.header_bytes = sizeof header;
  header.count = 2, header.c = 1, header.h = 4, header.w = 4, header.classes = 3;
  header.scale = 1.0f / 255;
  header.images_offset = sizeof header;
  header.labels_offset = sizeof header + 2 * 16;
  std::memcpy(bytes.data(), &header, sizeof header);
  bytes.back() = 2;
  std::vector<uint8_t> wide = bytes;  // labels 259 and 0 of 300 classes
  wide.insert(wide.end(), {0, 0});
  wide[wide.size() - 4] = 3, wide[wide.size() - 3] = 1, wide[wide.size() - 2] = 0;
  header.version = DATA_VERSION_WIDE, header.classes = 300;
  header.total_bytes = static_cast<uint32_t>(wide.size());
  std::memcpy(wide.data(), &header, sizeof header);
  return {bytes, wide};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  for (const bool mend : {false, true}) {
    if (mend) {
      if (size < sizeof(data_header)) break;
      const auto total = static_cast<uint32_t>(size);
      const auto sum = static_cast<uint32_t>(
          crc32(0, bytes.data() + sizeof(data_header), static_cast<uInt>(size - sizeof(data_header))));
      std::memcpy(bytes.data() + offsetof(data_header, total_bytes), &total, sizeof total);
      std::memcpy(bytes.data() + offsetof(data_header, crc32), &sum, sizeof sum);
    }
    try {
      const backboard::DataSet set = backboard::parse_data(bytes, "fuzz.data");
      // Every byte that the parser vouches for is there.
      volatile uint8_t sink = 0;
      for (const uint8_t byte : set.images) sink = sink ^ byte;
      for (const uint8_t label : set.labels) sink = sink ^ label;
    } catch (const backboard::InputError&) {
    }
  }
  return 0;
}
