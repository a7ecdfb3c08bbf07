/* Works with files by semihosting as a guest should, then tries every way out of its folder that it knows. It prints
 * each result; the test knows what they must be, and what the host must look like afterwards. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "firmware/board/board.h"

enum { OPEN = 1, CLOSE, WRITE = 5, READ, SEEK = 0xa, FLEN = 0xc, REMOVE = 0xe, RENAME, SYSTEM = 0x12, ERRNO };
enum { R = 0, R_PLUS = 2, W = 4, A = 8 };

static int call(uint32_t operation, const void* block) {
  register uint32_t a0 __asm__("a0") = operation;
  register const void* a1 __asm__("a1") = block;
  __asm__ volatile(".option push\n.option norvc\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
  return (int)a0;
}

static int on_name(uint32_t operation, const char* name, uint32_t mode) {
  const uint32_t open[3] = {(uint32_t)name, mode, strlen(name)};
  const uint32_t other[2] = {(uint32_t)name, strlen(name)};
  return call(operation, operation == OPEN ? (const void*)open : (const void*)other);
}
static int on_file(uint32_t operation, int file, void* bytes, uint32_t size) {
  return call(operation, (uint32_t[3]){(uint32_t)file, (uint32_t)bytes, size});
}
static int rename_file(const char* from, const char* to) {
  return call(RENAME, (uint32_t[4]){(uint32_t)from, strlen(from), (uint32_t)to, strlen(to)});
}

static void honest(void) {
  char text[16] = "";
  int file = on_name(OPEN, "out.txt", W);
  printf("write %d", on_file(WRITE, file, "0123456789", 10));
  printf(" close %d\n", on_file(CLOSE, file, 0, 0));
  file = on_name(OPEN, "./sub//../none", R);
  printf("dotdot %d errno %d\n", file, call(ERRNO, 0));
  file = on_name(OPEN, "out.txt", A);
  printf("append %d", on_file(WRITE, file, "abc", 3));
  printf(" length %d close %d\n", on_file(FLEN, file, 0, 0), on_file(CLOSE, file, 0, 0));
  file = on_name(OPEN, "out.txt", R);
  printf("seek %d", call(SEEK, (uint32_t[2]){(uint32_t)file, 8}));
  printf(" read %d %s", on_file(READ, file, text, 15), text);
  printf(" end %d write %d\n", on_file(READ, file, text, 4), on_file(WRITE, file, text, 2));
  printf("close %d again %d\n", on_file(CLOSE, file, 0, 0), on_file(CLOSE, file, 0, 0));
  file = on_name(OPEN, "./sub//given.txt", R_PLUS);
  printf("given %d %.5s\n", on_file(READ, file, text, 5), text);
  on_file(CLOSE, file, 0, 0);
  printf("rename %d remove %d\n", rename_file("out.txt", "sub/moved.txt"), on_name(REMOVE, "sub/gone.txt", 0));
}

static void hostile(const char* name) {
  const int read = on_name(OPEN, name, R), write = on_name(OPEN, name, W), append = on_name(OPEN, name, A);
  const int removed = on_name(REMOVE, name, 0), stolen = rename_file(name, "stolen"), left = rename_file("bait", name);
  printf("%s: %d %d %d %d %d %d\n", name, read, write, append, removed, stolen, left);
}

int main(int argc, char** argv) {
  (void)argc, (void)argv;
  honest();
  static const char* const kWaysOut[] = {"../secret",          "sub/../../secret", "..",     "/etc/passwd",
                                         "folder_link/secret", "sub/up/secret",    "/",      "",
                                         "//etc/passwd",       "./../secret",      "sub/..", "folder_link/new"};
  for (unsigned i = 0; i < sizeof kWaysOut / sizeof *kWaysOut; i++) hostile(kWaysOut[i]);
  static const char* const kNotFiles[] = {"link", "dangling", "pipe", "sub"};
  for (unsigned i = 0; i < sizeof kNotFiles / sizeof *kNotFiles; i++) {
    printf("%s: %d %d %d\n", kNotFiles[i], on_name(OPEN, kNotFiles[i], R), on_name(OPEN, kNotFiles[i], W),
           on_name(OPEN, kNotFiles[i], A));
  }
  printf("system %d errno %d\n", on_name(SYSTEM, "touch ran", 0), call(ERRNO, 0));
  printf("handles %d %d %d\n", on_file(READ, 66, 0, 4), on_file(FLEN, -1, 0, 0), on_file(CLOSE, 1 << 20, 0, 0));
  printf("wild %d %d\n", call(OPEN, (uint32_t[3]){4, R, 5}), call(OPEN, (const void*)4));
  int files = 0;
  while (on_name(OPEN, "many", A) >= 0) files++;
  printf("open %d\n", files);
  return 0;
}
