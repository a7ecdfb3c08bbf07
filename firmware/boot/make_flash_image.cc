// make_flash_image PAYLOAD.bin OUT.flash [LOAD_ADDRESS]: puts the header that the boot ROM wants before a firmware.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

#include "drivers/soc/memory_map.h"
#include "firmware/boot/flash_image.h"

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: make_flash_image PAYLOAD.bin OUT.flash [LOAD_ADDRESS]\n");
    return 2;
  }
  std::ifstream in(argv[1], std::ios::binary);
  std::vector<char> payload{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in || payload.empty()) {
    std::fprintf(stderr, "%s: cannot be read, or empty\n", argv[1]);
    return 2;
  }
  payload.resize((payload.size() + 3) / 4 * 4, 0);
  const auto load_address =
      argc == 4 ? static_cast<uint32_t>(std::strtoul(argv[3], nullptr, 0)) : static_cast<uint32_t>(SOC_DRAM_BASE);
  const auto payload_bytes = static_cast<uint32_t>(payload.size());
  const flash_image_header header = boot_make_header(payload.data(), payload_bytes, load_address);
  const boot_result result = boot_check_header(&header, SOC_FLASH_BYTES, SOC_DRAM_BASE, SOC_DRAM_BYTES);
  if (result != BOOT_OK) {
    std::fprintf(stderr, "%s: %s\n", argv[1], boot_result_text(result));
    return 2;
  }
  std::ofstream out(argv[2], std::ios::binary);
  out.write(reinterpret_cast<const char*>(&header), sizeof header);
  out.write(payload.data(), payload_bytes);
  out.close();
  if (!out) {
    std::fprintf(stderr, "%s: cannot be written\n", argv[2]);
    return 2;
  }
  return 0;
}
