#include "platform/cpu/code_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "platform/check/check.h"

namespace backboard {
namespace {

constexpr size_t kCodeAlignment = 16;

}  // namespace

CodeMemory::CodeMemory(size_t size_bytes) : size_bytes_(size_bytes) {
  void* pages = mmap(nullptr, size_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages != MAP_FAILED) bytes_ = static_cast<uint8_t*>(pages);
}

CodeMemory::~CodeMemory() {
  if (bytes_) munmap(bytes_, size_bytes_);
}

bool CodeMemory::append(std::span<const uint8_t> code) {
  BB_CHECK(code.size() <= room_bytes());
  const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t first = used_bytes_ / page_bytes * page_bytes;
  const size_t last = std::min((used_bytes_ + code.size() + page_bytes - 1) / page_bytes * page_bytes, size_bytes_);
  if (mprotect(bytes_ + first, last - first, PROT_READ | PROT_WRITE) != 0) return false;
  std::memcpy(bytes_ + used_bytes_, code.data(), code.size());
  if (mprotect(bytes_ + first, last - first, PROT_READ | PROT_EXEC) != 0) return false;
  used_bytes_ =
      std::min(size_bytes_, (used_bytes_ + code.size() + kCodeAlignment - 1) / kCodeAlignment * kCodeAlignment);
  return true;
}

}  // namespace backboard
