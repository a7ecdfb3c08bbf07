// Words of the memory in which bits are wrong, and what reads and writes make of them.
#pragma once

#include <cstdint>
#include <map>

#include "platform/dram/target/ecc_plan.h"
#include "platform/state/archive.h"

namespace backboard::dram {

/// Wrong bits, planted as faults, by the word of eight bytes that a check byte covers. With ECC one wrong bit of a word
/// is corrected on each read, two are uncorrected; without, the reader gets the wrong bits.
class WordErrors {
 public:
  explicit WordErrors(bool ecc) : ecc_(ecc) {}

  bool empty() const { return bits_.empty(); }
  /// `bits`, 1 or 2, of the word at `address` are wrong until somebody writes the whole word.
  void plant(uint64_t address, unsigned bits);
  /// A read of the bytes [from, to) that gave `bytes`, right ones: spoils them without ECC. Returns whether a word
  /// could not be corrected.
  bool read(uint64_t from, uint64_t to, uint8_t* bytes);
  /// A write of the bytes [from, to): a word that is written as a whole is right again, and so is one of which ECC knew
  /// the rest.
  void write(uint64_t from, uint64_t to);

  const EccCounters& counters() const { return counters_; }
  void state(StateArchive& archive);

 private:
  /// Counts what ECC meets; whether it corrects it.
  bool correct(uint64_t bits);

  bool ecc_;
  std::map<uint64_t, uint64_t> bits_;  ///< wrong ones, by address of their word
  EccCounters counters_;
};

}  // namespace backboard::dram
