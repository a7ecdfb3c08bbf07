#include "platform/dram/target/word_errors.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <vector>

#include "platform/check/check.h"

namespace backboard::dram {
namespace {

uint64_t word_of(uint64_t address) {
  return address / kEccWordBytes * kEccWordBytes;
}

}  // namespace

void WordErrors::plant(uint64_t address, unsigned bits) {
  BB_CHECK(bits == 1 || bits == 2, "{} bits", bits);
  // Bits of two bytes, so that both show in any access of half a word.
  bits_[word_of(address)] = bits == 1 ? 0x1 : 0x201;
}

bool WordErrors::correct(uint64_t bits) {
  const bool one = std::has_single_bit(bits);
  ++(one ? counters_.corrected : counters_.uncorrected);
  return one;
}

bool WordErrors::read(uint64_t from, uint64_t to, uint8_t* bytes) {
  bool wrong = false;
  for (auto it = bits_.lower_bound(word_of(from)); it != bits_.end() && it->first < to; ++it) {
    const auto& [word, bits] = *it;
    if (ecc_) {
      wrong |= !correct(bits);
      continue;
    }
    for (uint64_t i = std::max(word, from); i < std::min(word + kEccWordBytes, to); ++i) {
      bytes[i - from] ^= static_cast<uint8_t>(bits >> 8 * (i - word));
    }
  }
  return wrong;
}

void WordErrors::write(uint64_t from, uint64_t to) {
  auto it = bits_.lower_bound(word_of(from));
  while (it != bits_.end() && it->first < to) {
    auto& [word, bits] = *it;
    if (word >= from && word + kEccWordBytes <= to) {
      bits = 0;
    } else if (ecc_) {
      if (correct(bits)) bits = 0;
    } else {
      for (uint64_t i = std::max(word, from); i < std::min(word + kEccWordBytes, to); ++i) {
        bits &= ~(uint64_t{0xFF} << 8 * (i - word));
      }
    }
    it = bits == 0 ? bits_.erase(it) : std::next(it);
  }
}

void WordErrors::state(StateArchive& archive) {
  archive.value("corrected", counters_.corrected);
  archive.value("uncorrected", counters_.uncorrected);
  std::vector<uint64_t> words, bits;
  for (const auto& [word, wrong] : bits_) words.push_back(word), bits.push_back(wrong);
  archive.vector("wrong words", words);
  archive.vector("wrong bits", bits);
  if (words.size() != bits.size()) archive.fail("wrong bits", "another number of words");
  bits_.clear();
  for (size_t i = 0; i < words.size(); ++i) bits_[words[i]] = bits[i];
}

}  // namespace backboard::dram
