/* Boot ROM: checks the image in flash, copies it to DRAM and says where it starts. On failure it prints the reason and
 * ends through the test finisher with BOOT_EXIT_BASE plus the boot_result. */
#include <stddef.h>
#include <stdint.h>

#include "drivers/crc/crc32.h"
#include "drivers/finisher/finisher.h"
#include "drivers/soc/memory_map.h"
#include "drivers/uart/uart.h"
#include "firmware/boot/flash_image.h"

#define BOOT_EXIT_BASE 200u
#define BOOT_EXIT_TRAP 220u
#define BOOT_UART_DIVISOR 2u /* 115200 baud from 3.6864 MHz */

uintptr_t rom_main(void);
void rom_on_trap(uint32_t cause, uint32_t pc, uint32_t value);

static void print(uart* out, const char* text) {
  while (*text != '\0') uart_put(out, (uint8_t)*text++);
}

static void print_hex(uart* out, uint32_t value) {
  for (int shift = 28; shift >= 0; shift -= 4) uart_put(out, (uint8_t) "0123456789abcdef"[(value >> shift) & 0xF]);
}

static void end(uart* out, uint32_t code) {
  print(out, "\n");
  uart_flush(out);
  finisher_end(SOC_FINISHER_BASE, code);
  for (;;) __asm__ volatile("wfi");
}

static boot_result image_load(const flash_image_header* header) {
  const boot_result result = boot_check_header(header, SOC_FLASH_BYTES, SOC_DRAM_BASE, SOC_DRAM_BYTES);
  if (result != BOOT_OK) return result;
  const uint32_t* from = (const uint32_t*)((uintptr_t)header + header->payload_offset);
  uint32_t* to = (uint32_t*)(uintptr_t)header->load_address;
  for (uint32_t i = 0; i < header->payload_bytes / 4; i++) to[i] = from[i];
  /* Of the copy, not of the flash: this finds a bad DRAM as well. */
  const uint32_t crc = crc32_update(0, (const void*)(uintptr_t)header->load_address, header->payload_bytes);
  return crc == header->payload_crc32 ? BOOT_OK : BOOT_BAD_PAYLOAD_CRC;
}

uintptr_t rom_main(void) {
  const flash_image_header* header = (const flash_image_header*)((uintptr_t)SOC_FLASH_BASE + FLASH_IMAGE_OFFSET);
  const boot_result result = image_load(header);
  if (result == BOOT_OK) return header->entry;
  uart out;
  uart_init(&out, SOC_UART_BASE, BOOT_UART_DIVISOR);
  print(&out, "boot: ");
  print(&out, boot_result_text(result));
  end(&out, BOOT_EXIT_BASE + (uint32_t)result);
  return 0;
}

void rom_on_trap(uint32_t cause, uint32_t pc, uint32_t value) {
  uart out;
  uart_init(&out, SOC_UART_BASE, BOOT_UART_DIVISOR);
  print(&out, "boot: trap, cause ");
  print_hex(&out, cause);
  print(&out, " pc ");
  print_hex(&out, pc);
  print(&out, " value ");
  print_hex(&out, value);
  end(&out, BOOT_EXIT_TRAP);
}
