#include "tests/firmware/fake_dram.h"

#include <stdexcept>

namespace backboard::test {

namespace {
FakeDram* the_dram = nullptr;
}

FakeDram::FakeDram(uint32_t size_bytes) : bytes(size_bytes, 0) {
  the_dram = this;
}

FakeDram::~FakeDram() {
  the_dram = nullptr;
}

memory_limits FakeDram::limits(uint32_t image_bytes) const {
  return {{kBase, static_cast<uint32_t>(bytes.size())}, {kBase, image_bytes}};
}

}  // namespace backboard::test

extern "C" void* memory_at(uint32_t address) {
  using backboard::test::FakeDram;
  FakeDram* dram = backboard::test::the_dram;
  if (dram == nullptr || address < FakeDram::kBase || address - FakeDram::kBase > dram->bytes.size()) {
    throw std::logic_error("address outside DRAM");
  }
  return dram->bytes.data() + (address - FakeDram::kBase);
}
