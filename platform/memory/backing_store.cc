#include "platform/memory/backing_store.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "platform/check/check.h"

namespace backboard {
namespace {

constexpr uint64_t kPageBytes = 4096;

bool all_zero(std::span<const uint8_t> bytes) {
  return bytes.empty() || (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

uint64_t pages_of(uint64_t size_bytes) {
  return (size_bytes + kPageBytes - 1) / kPageBytes;
}

}  // namespace

BackingStore::BackingStore(std::string name, uint64_t size_bytes) : name_(std::move(name)), size_bytes_(size_bytes) {
  BB_CHECK(size_bytes > 0, "{}", name_);
  void* mapped = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    throw InputError(fmt::format("{}: the host has no room for {} bytes: {}", name_, size_bytes, strerror(errno)));
  }
  bytes_ = static_cast<uint8_t*>(mapped);
}

BackingStore::~BackingStore() {
  munmap(bytes_, size_bytes_);
}

void BackingStore::clear() {
  BB_CHECK(madvise(bytes_, size_bytes_, MADV_DONTNEED) == 0, "{}", name_);
}

std::span<uint8_t> BackingStore::page(uint64_t index) {
  const uint64_t first = index * kPageBytes;
  return {bytes_ + first, static_cast<size_t>(std::min(kPageBytes, size_bytes_ - first))};
}

void BackingStore::state(StateArchive& archive) {
  archive.section(name_);
  uint64_t size_bytes = size_bytes_;
  archive.value("size_bytes", size_bytes);
  if (size_bytes != size_bytes_) archive.fail(name_, "the memory has another size");

  std::vector<uint32_t> used;
  if (archive.reading()) {
    clear();
  } else {
    // Pages never touched read as the host's one page of zeros and stay uncommitted.
    for (uint32_t i = 0; i < pages_of(size_bytes_); ++i) {
      if (!all_zero(page(i))) used.push_back(i);
    }
  }
  archive.vector("pages", used);
  for (const uint32_t index : used) {
    if (index >= pages_of(size_bytes_)) archive.fail(name_, "a page outside the memory");
    archive.range("page", page(index));
  }
}

}  // namespace backboard
