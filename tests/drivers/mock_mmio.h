// What the drivers see instead of a bus. A test puts an MmioDevice in place: a script of expected accesses, or a model.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace backboard::test {

class MmioDevice {
 public:
  MmioDevice();
  virtual ~MmioDevice();
  MmioDevice(const MmioDevice&) = delete;
  MmioDevice& operator=(const MmioDevice&) = delete;
  virtual uint32_t read(uintptr_t address, unsigned size_bytes) = 0;
  virtual void write(uintptr_t address, uint32_t value, unsigned size_bytes) = 0;
};

/// Accesses in the order in which they must come; an access too many, too few or different fails the test.
class MmioScript final : public MmioDevice {
 public:
  explicit MmioScript(uintptr_t base) : base_(base) {}
  ~MmioScript() override;
  MmioScript& read32(uint32_t offset, uint32_t value) { return expect(false, offset, value, 4); }
  MmioScript& write32(uint32_t offset, uint32_t value) { return expect(true, offset, value, 4); }
  MmioScript& read8(uint32_t offset, uint8_t value) { return expect(false, offset, value, 1); }
  MmioScript& write8(uint32_t offset, uint8_t value) { return expect(true, offset, value, 1); }
  /// All expected accesses have come.
  bool done() const { return expected_.empty(); }

  uint32_t read(uintptr_t address, unsigned size_bytes) override;
  void write(uintptr_t address, uint32_t value, unsigned size_bytes) override;

 private:
  struct Access {
    bool write;
    uintptr_t address;
    uint32_t value;
    unsigned size_bytes;
    bool operator==(const Access&) const = default;
    std::string text() const;
  };
  MmioScript& expect(bool write, uint32_t offset, uint32_t value, unsigned size_bytes);
  /// Takes the next expected access, which must be of this kind, place and size.
  Access take(bool write, uintptr_t address, unsigned size_bytes);

  uintptr_t base_;
  std::deque<Access> expected_;
};

}  // namespace backboard::test
