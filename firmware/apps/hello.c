/* The smallest firmware: it prints and ends well. Runs on QEMU's virt machine as it is. */
#include <stdio.h>

int main(void) {
  printf("Hello from the board.\n");
  return 0;
}
