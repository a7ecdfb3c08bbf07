// The registers of one block at run time: storage, access rules and hooks. Plain C++.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "platform/regs/register_info.h"
#include "platform/state/archive.h"

namespace backboard {

/// How a block answers an access. The target turns all but `ok` into BusResponse::target and a finding.
enum class RegisterResult : uint8_t {
  ok,
  no_register,  ///< nothing at that offset
  read_only,    ///< write to an RO register
  write_only,   ///< read of a WO register
  bad_size,     ///< not the register's width, or inside a register
};

/// One line for a finding: "write to a read-only register", for example.
const char* reason_of(RegisterResult result);

/// A write as a hook sees it: masks and W1C have been applied and the value is stored.
struct RegisterWrite {
  uint32_t index;    ///< element of a REG_ARRAY, else 0
  uint32_t old;      ///< stored before
  uint32_t written;  ///< as the bus carried it
  uint32_t stored;   ///< stored now
};

/// The registers of a block. RW registers take the bits of their fields (all bits when they have no fields), W1C ones
/// lose the bits written as one, WO ones keep what was written for `get` and `peek`. Reads of unnamed bits give what
/// was set or the reset value.
class RegBank {
 public:
  using Source = std::function<uint32_t(uint32_t index)>;
  using ReadHook = std::function<void(uint32_t index)>;
  using WriteHook = std::function<void(const RegisterWrite&)>;

  explicit RegBank(const BlockInfo& block);
  RegBank(const RegBank&) = delete;  // answers point into it
  RegBank& operator=(const RegBank&) = delete;

  /// A bus access of `size_bytes` at `offset`, with hooks. Nothing changes unless the result is `ok`.
  RegisterResult read(uint32_t offset, uint32_t size_bytes, uint32_t& value);
  RegisterResult write(uint32_t offset, uint32_t size_bytes, uint32_t value);
  /// The value a read would give, without side effects (WO registers: what was written last). For debuggers.
  RegisterResult peek(uint32_t offset, uint32_t size_bytes, uint32_t& value) const;

  /// The stored value, past access rules, sources and hooks: how the model keeps its registers.
  uint32_t get(RegisterId reg, uint32_t index = 0) const { return values_[slot(reg, index)]; }
  void set(RegisterId reg, uint32_t value, uint32_t index = 0);
  /// The same for one field, shifted to bit 0.
  uint32_t get(FieldId field, uint32_t index = 0) const;
  void set(FieldId field, uint32_t bits, uint32_t index = 0);

  /// The register's value is computed whenever it is read or peeked; no side effects allowed.
  void source(RegisterId reg, Source source) { hooks_[reg.index].source = std::move(source); }
  /// Called after a bus read took its value: pop a FIFO, clear on read, latch the high half.
  void on_read(RegisterId reg, ReadHook hook) { hooks_[reg.index].read = std::move(hook); }
  /// Called after a bus write was stored; may `set` the register again (self-clearing bits).
  void on_write(RegisterId reg, WriteHook hook) { hooks_[reg.index].write = std::move(hook); }

  /// Which bank answers where it has registers (bank 0 elsewhere).
  void select_bank(uint8_t bank) { bank_ = bank; }

  /// All registers to their reset values, bank 0 selected; no hook is called.
  void reset();

  const BlockInfo& block() const { return block_; }
  /// The register at `offset` as a write (or read) would find it; nullptr when there is none. For findings.
  const RegisterInfo* find(uint32_t offset, bool write) const;

  void state(StateArchive& archive);

 private:
  struct Hooks {
    Source source;
    ReadHook read;
    WriteHook write;
  };
  struct Entry {
    uint32_t offset;
    uint16_t reg;
    uint32_t index;
  };
  /// Where an access leads, with all that carrying it out needs.
  struct Place {
    RegisterResult result = RegisterResult::bad_size;
    uint16_t reg = 0;
    uint32_t index = 0;
    size_t slot = 0;  ///< in values_
    const Hooks* hooks = nullptr;
    uint32_t width_mask = 0;
    uint32_t write_mask = 0;
    bool clears = false;  ///< W1C
  };

  size_t slot(RegisterId reg, uint32_t index) const;
  /// Remembers places: who polls, or sets a timer, asks for the same ones. The answer lasts until the next call.
  const Place& locate(uint32_t offset, uint32_t size_bytes, bool write) const {
    const uint64_t question = uint64_t{offset} << 32 | size_bytes << 16 | uint32_t{bank_} << 1 | uint32_t{write};
    Answer& answer = answers_[(offset / 4 ^ offset * 2 ^ uint32_t{write}) % kAnswers];
    if (answer.question != question) {
      answer.place = search(offset, size_bytes, write);
      answer.question = question;
    }
    return answer.place;
  }
  Place search(uint32_t offset, uint32_t size_bytes, bool write) const;
  Place find_place(uint32_t offset, uint32_t size_bytes, bool write) const;
  const RegisterInfo* info(uint16_t reg) const { return &block_.registers[reg]; }

  BlockInfo block_;
  std::vector<uint32_t> values_;      ///< one for each register and array element
  std::vector<size_t> first_slot_;    ///< by register
  std::vector<uint32_t> write_mask_;  ///< by register
  std::vector<Entry> entries_;        ///< by offset; equal offsets in the order of the file
  std::vector<Hooks> hooks_;          ///< by register
  uint8_t bank_ = 0;
  struct Answer {
    uint64_t question = UINT64_MAX;  ///< offset, size, bank, direction; no access has all bits set
    Place place;
  };
  static constexpr size_t kAnswers = 16;
  mutable std::array<Answer, kAnswers> answers_;
};

}  // namespace backboard
