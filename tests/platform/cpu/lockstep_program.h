// Random programs for two cores side by side: loops, traps, floating point at its corners, code that changes itself and
// says so, misaligned accesses, a device, interrupts. What is left out is what no manual defines: code that was
// changed without FENCE.I.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "platform/cpu/decode.h"
#include "platform/cpu/riscv_core.h"
#include "tests/support/machine.h"

namespace backboard::test {

class LockstepProgram {
 public:
  // Registers that random instructions only read.
  static constexpr unsigned kStack = 2;    ///< data, for c.swsp
  static constexpr unsigned kData = 8;     ///< data, also misaligned
  static constexpr unsigned kData2 = 9;    ///< other data
  static constexpr unsigned kDevice = 18;  ///< the device
  static constexpr unsigned kCode = 19;    ///< the program
  static constexpr unsigned kTarget = 20;  ///< of computed jumps
  static constexpr unsigned kSpare = 21;
  static constexpr unsigned kHandler = 30;  ///< and 31: the trap handler's

  /// `integers`: long runs of integer arithmetic, loads and stores, and loops of one block.
  enum class Mix { everything, integers };

  /// Of the instructions of `isa`, which is RV32.
  LockstepProgram(uint32_t seed, Isa isa, Mix mix = Mix::everything) : random_(seed), isa_(isa) {
    const uint32_t items = 20 + random_() % 180;
    while (starts_.size() < items) mix == Mix::integers ? integer_item() : item();
    starts_.push_back(program_.here());
    program_ << rv::jal(0, -static_cast<int32_t>(program_.here()));
    patch_jumps();
  }

  const rv::Program& program() const { return program_; }
  static rv::Program handler() {
    // Of an interrupt: the device is told. Of an exception: behind the instruction, whatever its length.
    using namespace rv;
    Program p;
    p << csrrs(31, csr::kMCAUSE, 0) << blt(31, 0, 36) << csrrs(30, csr::kMEPC, 0) << lhu(31, 30, 0) << andi(31, 31, 3)
      << addi(31, 31, -3) << addi(30, 30, 2) << bne(31, 0, 8) << addi(30, 30, 2);
    p << csrrw(0, csr::kMEPC, 30) << sw(0, 4, kDevice) << mret();
    return p;
  }
  static uint32_t corner(std::mt19937& random) {
    static constexpr std::array<uint32_t, 20> kCorners = {0x00000000, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000,
                                                          0xff800000, 0x7fc00000, 0x7f800001, 0xffbfffff, 0x00000001,
                                                          0x807fffff, 0x00800000, 0x00800001, 0x7f7fffff, 0xff7fffff,
                                                          0x4f000000, 0xcf000000, 0x4effffff, 0x34000000, 0x7fffffff};
    const uint32_t pick = static_cast<uint32_t>(random());
    if (pick % 4 != 0) return kCorners[pick / 4 % kCorners.size()];
    const auto value = static_cast<uint32_t>(random());
    return pick / 4 % 2 ? value : (value & 0x807fffff) | (120 + value % 16) << 23;
  }

 private:
  void item() {
    starts_.push_back(program_.here());
    const uint32_t kind = static_cast<uint32_t>(random_()) % 64;
    if (kind < 10) {
      jumps_.push_back({program_.here(), 0});
      program_ << branch();
    } else if (kind < 12) {
      jumps_.push_back({program_.here(), 0});
      program_ << rv::jal(random_() % 2 ? 1 : 0, 0);
    } else if (kind < 13) {
      computed_jump();
    } else if (kind < 14) {
      change_code();
    } else if (kind < 16) {
      program_ << csr_access();
    } else if (kind < 17) {
      program_ << (random_() % 2 ? rv::ecall() : rv::ebreak());
    } else if (kind < 20) {
      device_access();
    } else if (kind < 21) {
      // FS, through a register: off, or on again.
      program_ << rv::lui(kSpare, 6)
               << (random_() % 4 ? rv::csrrs(0, csr::kMSTATUS, kSpare) : rv::csrrc(0, csr::kMSTATUS, kSpare));
    } else if (kind < 30) {
      program_.half(compressed());
    } else if (kind < 31) {
      program_.half(static_cast<uint16_t>(0x0000));  // illegal
    } else {
      program_ << plain();
    }
  }

  void integer_item() {
    starts_.push_back(program_.here());
    const uint32_t kind = static_cast<uint32_t>(random_()) % 64;
    if (kind < 3) {
      jumps_.push_back({program_.here(), 0});
      program_ << branch();
    } else if (kind < 5) {
      counted_loop();
    } else if (kind < 6) {
      random_() % 2 ? device_access() : computed_jump();
    } else if (kind < 14) {
      planned();
    } else if (kind < 17) {
      const unsigned rd = written();
      program_ << rv::lui(rd, random_() & 0xfffff) << rv::addi(rd, rd, static_cast<int32_t>(random_() % 4096) - 2048);
    } else if (kind < 18 && random_() % 8 == 0) {
      program_ << rv::ecall();
    } else {
      program_ << integer();
    }
  }
  unsigned written() {
    unsigned rd = 0;
    while (rd == 0 || !free_to_write(rd)) rd = random_() % 32;
    return rd;
  }
  uint32_t integer() {
    const auto rows = instruction_table(isa_);
    for (;;) {
      const InstructionRow& row = rows[random_() % rows.size()];
      const bool divides = row.kind == InstructionKind::divide && random_() % 16 == 0;
      const bool moves = row.id >= InstructionId::LB && row.id <= InstructionId::SW;
      const bool computes = row.id <= InstructionId::AND && row.kind == InstructionKind::alu;
      if (!divides && !moves && !computes && row.kind != InstructionKind::multiply) continue;
      const uint32_t bits = operands(row);
      if (allowed(bits)) return bits;
    }
  }
  /// A block that follows itself a few times.
  void counted_loop() {
    program_ << rv::addi(kSpare, 0, static_cast<int32_t>(1 + random_() % 9));
    const uint32_t start = program_.here();
    for (uint32_t left = 1 + random_() % (random_() % 4 == 0 ? 50 : 8); left != 0; --left) {
      if (random_() % 8 == 0) {
        planned();
      } else {
        program_ << integer();
      }
    }
    program_ << rv::addi(kSpare, kSpare, -1);
    program_ << rv::bne(kSpare, 0, static_cast<int32_t>(start) - static_cast<int32_t>(program_.here()));
  }
  /// What a block's compiler makes less of.
  void planned() {
    switch (random_() % 4) {
      case 0:
        return carry();
      case 1:
        return product();
      default:
        return rotation();
    }
  }
  /// A comparison whose result is added or subtracted, or nearly, with something between them or not.
  void carry() {
    const unsigned a = random_() % 4 ? written() : random_() % 32, b = random_() % 32, result = written();
    const unsigned other = random_() % 4 ? written() : random_() % 32;
    const unsigned to = random_() % 2 ? result : random_() % 4 ? written() : (free_to_write(a) ? a : written());
    const uint32_t how = random_() % 8;
    program_ << (how == 0   ? rv::sltiu(result, a, static_cast<int32_t>(random_() % 3) - 1)
                 : how == 1 ? rv::slt(result, a, b)
                            : rv::sltu(result, a, b));
    for (uint32_t left = random_() % 3; left != 0; --left) program_ << integer();
    const uint32_t sum = random_() % 4;
    program_ << (sum == 0   ? rv::sub(to, other, result)
                 : sum == 1 ? rv::add(to, result, other)
                 : sum == 2 ? rv::add(to, other, result)
                            : rv::sub(to, result, other));
    if (random_() % 2) program_ << rv::add(result, a, b);  // nobody has seen the comparison but the sum
  }
  /// Both halves of a product, or nearly, in any order.
  void product() {
    const unsigned a = random_() % 32, b = random_() % 4 ? random_() % 32 : a, first = written(), second = written();
    const bool low_first = random_() % 2, turned = random_() % 2;
    const uint32_t kind = random_() % 4;
    const auto high = [&](unsigned rd, unsigned x, unsigned y) {
      return kind == 0 ? rv::mulhsu(rd, x, y) : kind == 1 ? rv::mulh(rd, x, y) : rv::mulhu(rd, x, y);
    };
    program_ << (low_first ? rv::mul(first, a, b) : high(first, a, b));
    for (uint32_t left = random_() % 3; left != 0; --left) program_ << integer();
    const unsigned x = turned ? b : a, y = turned ? a : b;
    program_ << (low_first ? high(second, x, y) : rv::mul(second, x, y));
  }
  /// Two shifts that make a rotation, or nearly, with something between them or not.
  void rotation() {
    const unsigned from = random_() % 4 ? written() : random_() % 32, first = written();
    const unsigned second = random_() % 3 ? from == 0 || !free_to_write(from) ? written() : from : written();
    const unsigned to = random_() % 4 ? (random_() % 2 ? first : second) : written();
    const int32_t by = static_cast<int32_t>(random_() % 32), rest = random_() % 8 ? (32 - by) & 31 : 3;
    const bool left = random_() % 2;
    program_ << (left ? rv::slli(first, from, by) : rv::srli(first, from, by));
    if (random_() % 4 == 0) program_ << integer();
    const unsigned from2 = random_() % 2 ? from : random_() % 32;  // another: a word of two
    program_ << (left ? rv::srli(second, from2, rest) : rv::slli(second, from2, rest));
    if (random_() % 4 == 0) program_ << integer();
    const uint32_t how = random_() % 4;
    program_ << (how == 0   ? rv::add(to, second, first)
                 : how == 1 ? rv::xor_(to, first, second)
                            : rv::or_(to, second, first));
    if (random_() % 2) program_ << rv::lui(first == to ? second : first, 1);  // nobody has seen the shift but `to`
  }

  /// Whether a straight-line instruction keeps to the rules above.
  bool allowed(uint32_t bits) const {
    const Operation op = decode(bits, isa_);
    switch (kind_of(op.id)) {
      case InstructionKind::branch:
      case InstructionKind::jump:
      case InstructionKind::csr:
      case InstructionKind::system:
        return op.id == InstructionId::ILLEGAL && (bits & 3) == 3;
      case InstructionKind::store:
      case InstructionKind::atomic:
        if (op.rs1 != kData && op.rs1 != kData2 && op.rs1 != kStack) return false;
        break;
      default:
        break;
    }
    if (op.id == InstructionId::CBO_INVAL || op.id == InstructionId::CBO_CLEAN || op.id == InstructionId::CBO_FLUSH)
      return true;
    return writes_f(op.id) || free_to_write(op.rd);
  }
  static bool free_to_write(unsigned rd) {
    return rd != kStack && rd != kData && rd != kData2 && (rd < kDevice || rd > kSpare) && rd < kHandler;
  }
  static bool writes_f(InstructionId id) {
    switch (id) {
      case InstructionId::FLW:
      case InstructionId::FCVT_S_W:
      case InstructionId::FCVT_S_WU:
      case InstructionId::FMV_W_X:
        return true;
      case InstructionId::FCVT_W_S:
      case InstructionId::FCVT_WU_S:
      case InstructionId::FMV_X_W:
      case InstructionId::FEQ_S:
      case InstructionId::FLT_S:
      case InstructionId::FLE_S:
      case InstructionId::FCLASS_S:
        return false;
      default:
        return id >= InstructionId::FMADD_S && id <= InstructionId::FMV_W_X;
    }
  }
  uint32_t plain() {
    const auto rows = instruction_table(isa_);
    for (;;) {
      const InstructionRow& row = rows[random_() % rows.size()];
      uint32_t bits = operands(row);
      if (row.format == InstructionFormat::fp_rounded || row.format == InstructionFormat::fp_fused) {
        if (random_() % 2) bits |= 7u << 12;
      }
      if (allowed(bits)) return bits;
    }
  }
  /// An instruction of `row` with any operands, where it moves data with an address among data.
  uint32_t operands(const InstructionRow& row) {
    uint32_t bits = row.match | (static_cast<uint32_t>(random_()) & ~row.mask);
    if (row.kind == InstructionKind::store || row.kind == InstructionKind::atomic ||
        row.kind == InstructionKind::load) {
      static constexpr unsigned kBases[] = {kData, kData, kData2, kStack};
      bits = (bits & ~(31u << 15)) | kBases[random_() % 4] << 15;
      // Mostly aligned; AMOs have no offset.
      if (row.kind != InstructionKind::atomic && random_() % 8)
        bits &= row.kind == InstructionKind::load ? ~(3u << 20) : ~(3u << 7);
    }
    return bits;
  }
  uint16_t compressed() {
    const auto rows = compressed_table(isa_);
    for (;;) {
      const CompressedRow& row = rows[random_() % rows.size()];
      const auto bits = static_cast<uint16_t>(row.match | (random_() & ~uint32_t{row.mask} & 0xffff));
      if ((bits & 3) != 3 && allowed(bits)) return bits;
    }
  }
  uint32_t branch() {
    static constexpr uint32_t kFunctions[] = {0, 1, 4, 5, 6, 7};
    return rv::b_type(kFunctions[random_() % 6], random_() % 32, random_() % 32, 0);
  }
  void computed_jump() {
    jumps_.push_back({program_.here(), 1});
    program_ << rv::auipc(kTarget, 0) << rv::addi(kTarget, kTarget, 0) << rv::jalr(random_() % 2 ? 1 : 0, kTarget, 0);
  }
  /// A word of data over a straight-line instruction of this program, then FENCE.I.
  void change_code() {
    program_ << rv::addi(0, 0, 0);  // may be changed
    changes_.push_back(program_.here());
    const uint32_t word = plain();
    program_.li(kSpare, word) << rv::sw(kSpare, 0, kCode) << rv::fence_i();
  }
  uint32_t csr_access() {
    static constexpr unsigned kNumbers[] = {csr::kFFLAGS, csr::kFRM,      csr::kFCSR,    csr::kMSCRATCH,
                                            csr::kMCYCLE, csr::kMINSTRET, csr::kMCYCLEH, csr::kMCOUNTINHIBIT,
                                            csr::kCYCLE,  csr::kINSTRET,  csr::kTIME,    csr::kMIP};
    const unsigned number = kNumbers[random_() % std::size(kNumbers)];
    static constexpr uint32_t kFunctions[] = {1, 2, 3, 5, 6, 7};
    unsigned rd = random_() % 32;
    while (!free_to_write(rd)) rd = random_() % 32;
    return rv::i_type(0x73, kFunctions[random_() % 6], rd, random_() % 32, static_cast<int32_t>(number << 20) >> 20);
  }
  void device_access() {
    unsigned rd = 3 + random_() % 5;
    const auto offset = static_cast<int32_t>(random_() % 4 * 4);
    random_() % 2 ? program_ << rv::lw(rd, kDevice, offset) : program_ << rv::sw(rd, offset, kDevice);
  }

  void patch_jumps() {
    for (const auto& [place, computed] : jumps_) {
      const uint32_t target = starts_[random_() % starts_.size()];
      const int32_t offset = static_cast<int32_t>(target) - static_cast<int32_t>(place);
      if (computed) {
        program_.patch(place + 4, rv::addi(kTarget, kTarget, offset));
        continue;
      }
      uint32_t word = 0;
      std::memcpy(&word, program_.bytes().data() + place, sizeof word);
      program_.patch(place, (word & 0x7f) == 0x6f
                                ? rv::jal(word >> 7 & 31, offset)
                                : rv::b_type(word >> 12 & 7, word >> 15 & 31, word >> 20 & 31, offset));
    }
    for (const uint32_t place : changes_) {
      uint32_t target = changes_[random_() % changes_.size()] - 4;  // the instruction that may be changed
      if (target > 2047) target = changes_.front() - 4;
      if (target > 2047) continue;  // no offset leads there: changes the program's first instruction
      program_.patch(place + 8, rv::sw(kSpare, static_cast<int32_t>(target), kCode));
    }
  }

  struct Jump {
    uint32_t place;
    uint32_t computed;
  };
  std::mt19937 random_;
  Isa isa_;
  rv::Program program_;
  std::vector<uint32_t> starts_;
  std::vector<Jump> jumps_;
  std::vector<uint32_t> changes_;
};

}  // namespace backboard::test
