// Every instruction of the table, executed, against values worked out from the manual.
#include <catch2/catch.hpp>
#include <functional>
#include <set>
#include <string>

#include "platform/cpu/decode.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

namespace {

/// One instruction at kBase with a = x11, b = x12 and x8 (c) = kData; x10 is its destination.
struct Case {
  std::string mnemonic;
  uint32_t word;
  uint32_t a, b;
  uint32_t expected;
};

constexpr uint32_t kMin = 0x80000000, kMax = 0x7fffffff, kOnes = 0xffffffff;

std::vector<Case> computing_cases() {
  const auto R = [](uint32_t (*encode)(uint32_t, uint32_t, uint32_t)) { return encode(10, 11, 12); };
  return {
      {"lui", lui(10, 0xfffff), 0, 0, 0xfffff000},
      {"auipc", auipc(10, 0x1), 0, 0, Machine::kBase + 0x1000},
      {"auipc", auipc(10, 0x80000), 0, 0, 0},  // kBase + 2^31 wraps
      {"addi", addi(10, 11, -2048), 1, 0, 0xfffff801},
      {"addi", addi(10, 11, 1), kMax, 0, kMin},
      {"slti", slti(10, 11, -1), kMin, 0, 1},
      {"slti", slti(10, 11, -1), 0, 0, 0},
      {"sltiu", sltiu(10, 11, -1), 0xfffffffe, 0, 1},
      {"sltiu", sltiu(10, 11, 1), 1, 0, 0},
      {"xori", xori(10, 11, -1), 0x0f0f00ff, 0, 0xf0f0ff00},
      {"ori", ori(10, 11, 0x70f), 0xf0, 0, 0x7ff},
      {"andi", andi(10, 11, -16), 0x12345678, 0, 0x12345670},
      {"slli", slli(10, 11, 31), 3, 0, kMin},
      {"srli", srli(10, 11, 31), kMin, 0, 1},
      {"srai", srai(10, 11, 31), kMin, 0, kOnes},
      {"srai", srai(10, 11, 4), kMax, 0, 0x07ffffff},
      {"add", R(add), kOnes, 2, 1},
      {"sub", R(sub), 0, 1, kOnes},
      {"sub", R(sub), kMin, 1, kMax},
      {"sll", R(sll), 1, 33, 2},  // the amount is taken modulo 32
      {"slt", R(slt), kMin, kMax, 1},
      {"slt", R(slt), kMax, kMin, 0},
      {"sltu", R(sltu), kMin, kMax, 0},
      {"sltu", R(sltu), kMax, kMin, 1},
      {"xor", R(xor_), 0xff00ff00, 0x0ff00ff0, 0xf0f0f0f0},
      {"srl", R(srl), kMin, 0xffffffe4, 0x08000000},
      {"sra", R(sra), kMin, 0xffffffe4, 0xf8000000},
      {"or", R(or_), 0xff00ff00, 0x0ff00ff0, 0xfff0fff0},
      {"and", R(and_), 0xff00ff00, 0x0ff00ff0, 0x0f000f00},
      {"mul", R(mul), 0x12345678, 0x9abcdef0, 0x242d2080},
      {"mul", R(mul), kMin, kOnes, kMin},
      {"mulh", R(mulh), kMin, kMin, 0x40000000},
      {"mulh", R(mulh), kOnes, 1, kOnes},  // -1 * 1
      {"mulh", R(mulh), kOnes, kOnes, 0},
      {"mulhsu", R(mulhsu), kOnes, kOnes, kOnes},  // -1 * (2^32-1) = -2^32 + 1
      {"mulhsu", R(mulhsu), kMax, kOnes, 0x7ffffffe},
      {"mulhu", R(mulhu), kOnes, kOnes, 0xfffffffe},
      {"div", R(div), static_cast<uint32_t>(-7), 2, static_cast<uint32_t>(-3)},
      {"div", R(div), 5, 0, kOnes},
      {"div", R(div), kMin, kOnes, kMin},
      {"divu", R(divu), kOnes, 2, kMax},
      {"divu", R(divu), 5, 0, kOnes},
      {"rem", R(rem), static_cast<uint32_t>(-7), 2, kOnes},
      {"rem", R(rem), 7, static_cast<uint32_t>(-2), 1},
      {"rem", R(rem), 5, 0, 5},
      {"rem", R(rem), kMin, kOnes, 0},
      {"remu", R(remu), kOnes, 10, 5},
      {"remu", R(remu), 5, 0, 5},
      {"fence", fence(), 0, 0, 0},
      {"fence.i", fence_i(), 0, 0, 0},
  };
}

struct MemoryCase {
  std::string mnemonic;
  uint32_t word;
  uint32_t operand;  ///< x12
  uint32_t memory_before;
  uint32_t result;        ///< x10
  uint32_t memory_after;  ///< the word at kData
};

std::vector<MemoryCase> memory_cases() {
  const auto A = [](uint32_t (*encode)(uint32_t, uint32_t, uint32_t)) { return encode(10, 8, 12); };
  return {
      {"lb", lb(10, 8, 3), 0, 0x80ff7f01, 0xffffff80, 0x80ff7f01},
      {"lh", lh(10, 8, 2), 0, 0x80ff7f01, 0xffff80ff, 0x80ff7f01},
      {"lw", lw(10, 8, 0), 0, 0x80ff7f01, 0x80ff7f01, 0x80ff7f01},
      {"lbu", lbu(10, 8, 3), 0, 0x80ff7f01, 0x80, 0x80ff7f01},
      {"lhu", lhu(10, 8, 2), 0, 0x80ff7f01, 0x80ff, 0x80ff7f01},
      {"sb", sb(12, 1, 8), 0xabcdef12, 0, 0, 0x00001200},
      {"sh", sh(12, 2, 8), 0xabcdef12, 0x11111111, 0, 0xef121111},
      {"sw", sw(12, 0, 8), 0xabcdef12, 0, 0, 0xabcdef12},
      {"lr.w", lr_w(10, 8), 0, 0x12345678, 0x12345678, 0x12345678},
      {"sc.w", A(sc_w), 7, 5, 1, 5},  // no reservation: fails and does not write
      {"amoswap.w", A(amoswap_w), 7, 5, 5, 7},
      {"amoadd.w", A(amoadd_w), kOnes, 5, 5, 4},
      {"amoxor.w", A(amoxor_w), 6, 5, 5, 3},
      {"amoand.w", A(amoand_w), 6, 5, 5, 4},
      {"amoor.w", A(amoor_w), 6, 5, 5, 7},
      {"amomin.w", A(amomin_w), kOnes, 5, 5, kOnes},
      {"amomin.w", A(amomin_w), 9, kMin, kMin, kMin},
      {"amomax.w", A(amomax_w), kOnes, 5, 5, 5},
      {"amominu.w", A(amominu_w), kOnes, 5, 5, 5},
      {"amomaxu.w", A(amomaxu_w), kOnes, 5, 5, kOnes},
  };
}

struct JumpCase {
  std::string mnemonic;
  uint32_t word;
  uint32_t a, b;
  int32_t expected_offset;  ///< pc after it, from kBase
};

std::vector<JumpCase> jump_cases() {
  const auto B = [](uint32_t (*encode)(uint32_t, uint32_t, int32_t)) { return encode(11, 12, 0x7fe); };
  return {
      {"jal", jal(10, 0xff0), 0, 0, 0xff0},
      {"jal", jal(10, 2), 0, 0, 2},
      {"jalr", jalr(10, 11, 5), Machine::kBase, 0, 4},  // bit 0 is cleared
      {"beq", B(beq), 5, 5, 0x7fe},
      {"beq", B(beq), 5, 6, 4},
      {"bne", B(bne), 5, 6, 0x7fe},
      {"bne", B(bne), 5, 5, 4},
      {"blt", B(blt), kMin, kMax, 0x7fe},
      {"blt", B(blt), kMax, kMin, 4},
      {"blt", B(blt), 3, 3, 4},
      {"bge", B(bge), kMax, kMin, 0x7fe},
      {"bge", B(bge), 3, 3, 0x7fe},
      {"bge", B(bge), kMin, kMax, 4},
      {"bltu", B(bltu), kMax, kMin, 0x7fe},
      {"bltu", B(bltu), kMin, kMax, 4},
      {"bgeu", B(bgeu), kMin, kMax, 0x7fe},
      {"bgeu", B(bgeu), 3, 3, 0x7fe},
      {"bgeu", B(bgeu), kMax, kMin, 4},
  };
}

/// Binary32 operands in f1, f2, f3 and x11; the destination is f0 and x10.
struct FpCase {
  std::string mnemonic;
  uint32_t word;
  uint32_t a, b, c;
  uint32_t expected;
  uint32_t flags;
};

constexpr uint32_t kOne = 0x3f800000, kTwo = 0x40000000, kThree = 0x40400000, kMinusOne = 0xbf800000;
constexpr uint32_t kInf = 0x7f800000, kNan = 0x7fc00000, kSignaling = 0x7f800001, kMinusZero = 0x80000000;
constexpr uint32_t NX = 1, UF = 2, OF = 4, DZ = 8, NV = 16;

std::vector<FpCase> fp_to_f_cases() {
  return {
      {"fadd.s", fadd_s(0, 1, 2), kOne, kTwo, 0, kThree, 0},
      {"fadd.s", fadd_s(0, 1, 2), kInf, kInf | kMin, 0, kNan, NV},
      {"fadd.s", fadd_s(0, 1, 2, 2), kOne, kMinusOne, 0, kMinusZero, 0},  // exact zero rounds to -0 downwards
      {"fadd.s", fadd_s(0, 1, 2, 3), kOne, 1, 0, 0x3f800001, NX},
      {"fadd.s", fadd_s(0, 1, 2, 1), kOne, 1, 0, kOne, NX},
      {"fsub.s", fsub_s(0, 1, 2), kOne, kTwo, 0, kMinusOne, 0},
      {"fmul.s", fmul_s(0, 1, 2), 0x7f7fffff, kTwo, 0, kInf, OF | NX},
      {"fmul.s", fmul_s(0, 1, 2, 1), 0x7f7fffff, kTwo, 0, 0x7f7fffff, OF | NX},
      {"fmul.s", fmul_s(0, 1, 2), 0x00800001, 0x3f000000, 0, 0x00400000, UF | NX},
      {"fdiv.s", fdiv_s(0, 1, 2), kOne, 0, 0, kInf, DZ},
      {"fdiv.s", fdiv_s(0, 1, 2), kOne, kThree, 0, 0x3eaaaaab, NX},
      {"fdiv.s", fdiv_s(0, 1, 2), 0, 0, 0, kNan, NV},
      {"fsqrt.s", fsqrt_s(0, 1, 0), kTwo, 0, 0, 0x3fb504f3, NX},
      {"fsqrt.s", fsqrt_s(0, 1, 0), kMinusOne, 0, 0, kNan, NV},
      {"fsqrt.s", fsqrt_s(0, 1, 0), kMinusZero, 0, 0, kMinusZero, 0},
      {"fmadd.s", fmadd_s(0, 1, 2, 3), kTwo, kThree, kOne, 0x40e00000, 0},
      {"fmadd.s", fmadd_s(0, 1, 2, 3), kInf, 0, kNan, kNan, NV},  // invalid also with a quiet NaN addend
      {"fmsub.s", fmsub_s(0, 1, 2, 3), kTwo, kThree, kOne, 0x40a00000, 0},
      {"fnmsub.s", fnmsub_s(0, 1, 2, 3), kTwo, kThree, kOne, 0xc0a00000, 0},
      {"fnmadd.s", fnmadd_s(0, 1, 2, 3), kTwo, kThree, kOne, 0xc0e00000, 0},
      {"fsgnj.s", fsgnj_s(0, 1, 2), kSignaling, kMinusOne, 0, kSignaling | kMin, 0},
      {"fsgnjn.s", fsgnjn_s(0, 1, 2), kOne, kOne, 0, kMinusOne, 0},
      {"fsgnjx.s", fsgnjx_s(0, 1, 2), kMinusOne, kMinusOne, 0, kOne, 0},
      {"fmin.s", fmin_s(0, 1, 2), 0, kMinusZero, 0, kMinusZero, 0},
      {"fmin.s", fmin_s(0, 1, 2), kSignaling, kOne, 0, kOne, NV},
      {"fmax.s", fmax_s(0, 1, 2), kMinusZero, 0, 0, 0, 0},
      {"fmax.s", fmax_s(0, 1, 2), kNan, kNan | kMin, 0, kNan, 0},
      {"fcvt.s.w", fcvt_s_w(0, 11, 7), 0, 0, static_cast<uint32_t>(-16777217), 0xcb800000, NX},
      {"fcvt.s.w", fcvt_s_w(0, 11, 2), 0, 0, static_cast<uint32_t>(-16777217), 0xcb800001, NX},
      {"fcvt.s.w", fcvt_s_w(0, 11, 7), 0, 0, kMin, 0xcf000000, 0},
      {"fcvt.s.wu", fcvt_s_wu(0, 11, 7), 0, 0, kOnes, 0x4f800000, NX},
      {"fmv.w.x", fmv_w_x(0, 11), 0, 0, kSignaling, kSignaling, 0},
      {"flw", flw(0, 8, 0), 0, 0, 0, 0x11223344, 0},
  };
}

std::vector<FpCase> fp_to_x_cases() {
  return {
      {"fcvt.w.s", fcvt_w_s(10, 1, 0), 0x40200000, 0, 0, 2, NX},  // 2.5 to even
      {"fcvt.w.s", fcvt_w_s(10, 1, 4), 0x40200000, 0, 0, 3, NX},  // and away from zero
      {"fcvt.w.s", fcvt_w_s(10, 1, 1), 0xc0200000, 0, 0, static_cast<uint32_t>(-2), NX},
      {"fcvt.w.s", fcvt_w_s(10, 1, 2), 0xc0200000, 0, 0, static_cast<uint32_t>(-3), NX},
      {"fcvt.w.s", fcvt_w_s(10, 1, 3), 0x40200000, 0, 0, 3, NX},
      {"fcvt.w.s", fcvt_w_s(10, 1, 0), kNan, 0, 0, kMax, NV},
      {"fcvt.w.s", fcvt_w_s(10, 1, 0), 0x4f000000, 0, 0, kMax, NV},  // 2^31
      {"fcvt.w.s", fcvt_w_s(10, 1, 0), 0xcf000000, 0, 0, kMin, 0},
      {"fcvt.w.s", fcvt_w_s(10, 1, 0), kInf | kMin, 0, 0, kMin, NV},
      {"fcvt.wu.s", fcvt_wu_s(10, 1, 1), kMinusOne, 0, 0, 0, NV},
      {"fcvt.wu.s", fcvt_wu_s(10, 1, 1), 0xbf000000, 0, 0, 0, NX},  // -0.5 truncates to zero: representable
      {"fcvt.wu.s", fcvt_wu_s(10, 1, 0), 0x4f7fffff, 0, 0, 0xffffff00, 0},
      {"fcvt.wu.s", fcvt_wu_s(10, 1, 0), kNan | kMin, 0, 0, kOnes, NV},
      {"fmv.x.w", fmv_x_w(10, 1), 0x80000001, 0, 0, 0x80000001, 0},
      {"feq.s", feq_s(10, 1, 2), kMinusZero, 0, 0, 1, 0},
      {"feq.s", feq_s(10, 1, 2), kNan, kNan, 0, 0, 0},
      {"feq.s", feq_s(10, 1, 2), kSignaling, kOne, 0, 0, NV},
      {"flt.s", flt_s(10, 1, 2), kMinusOne, kOne, 0, 1, 0},
      {"flt.s", flt_s(10, 1, 2), kNan, kOne, 0, 0, NV},
      {"fle.s", fle_s(10, 1, 2), kOne, kOne, 0, 1, 0},
      {"fle.s", fle_s(10, 1, 2), kOne, kMinusOne, 0, 0, 0},
      {"fclass.s", fclass_s(10, 1), kInf | kMin, 0, 0, 1 << 0, 0},
      {"fclass.s", fclass_s(10, 1), kMinusOne, 0, 0, 1 << 1, 0},
      {"fclass.s", fclass_s(10, 1), 0x80000001, 0, 0, 1 << 2, 0},
      {"fclass.s", fclass_s(10, 1), kMinusZero, 0, 0, 1 << 3, 0},
      {"fclass.s", fclass_s(10, 1), 0, 0, 0, 1 << 4, 0},
      {"fclass.s", fclass_s(10, 1), 0x007fffff, 0, 0, 1 << 5, 0},
      {"fclass.s", fclass_s(10, 1), kOne, 0, 0, 1 << 6, 0},
      {"fclass.s", fclass_s(10, 1), kInf, 0, 0, 1 << 7, 0},
      {"fclass.s", fclass_s(10, 1), kSignaling, 0, 0, 1 << 8, 0},
      {"fclass.s", fclass_s(10, 1), kNan, 0, 0, 1 << 9, 0},
  };
}

/// System instructions and stores of FP registers, each with its own check.
struct OtherCase {
  std::string mnemonic;
  std::function<void(Machine&)> check;
};

void run_one(Machine& m, uint32_t word, uint32_t x11 = 0) {
  Program program;
  program << word;
  m.execute(program, 1, [&] {
    m.core->set_x(11, x11);
    m.core->set_x(8, Machine::kData);
  });
}

std::vector<OtherCase> other_cases() {
  constexpr uint32_t kMscratch = 0x340;
  const auto csr_case = [](uint32_t word, uint32_t expected) {
    return [=](Machine& m) {
      Program program;
      program << word;
      m.execute(program, 1, [&] {
        m.core->set_csr(kMscratch, 0xf0);
        m.core->set_x(11, 0x3c);
      });
      CHECK(m.x(10) == 0xf0);
      CHECK(m.csr(kMscratch) == expected);
    };
  };
  const auto cache_case = [](uint32_t word, CacheOperation expected) {
    return [=](Machine& m) {
      run_one(m, word, Machine::kData + 5);
      REQUIRE(m.log.cache_operations.size() == 1);
      CHECK(m.log.cache_operations[0] == std::pair(expected, uint64_t{Machine::kData + 5}));
    };
  };
  const auto trap_case = [](uint32_t word, uint32_t cause) {
    return [=](Machine& m) {
      run_one(m, word);  // the one instruction that retires is the handler's
      REQUIRE(m.log.traps.size() == 1);
      CHECK(m.log.traps[0].cause == cause);
      CHECK(m.csr(0x341) == Machine::kBase);
      CHECK(m.core->pc() == Machine::kHandler);
    };
  };
  return {
      {"csrrw", csr_case(csrrw(10, kMscratch, 11), 0x3c)},
      {"csrrs", csr_case(csrrs(10, kMscratch, 11), 0xfc)},
      {"csrrc", csr_case(csrrc(10, kMscratch, 11), 0xc0)},
      {"csrrwi", csr_case(csrrwi(10, kMscratch, 0x1f), 0x1f)},
      {"csrrsi", csr_case(csrrsi(10, kMscratch, 0x1f), 0xff)},
      {"csrrci", csr_case(csrrci(10, kMscratch, 0x1f), 0xe0)},
      {"ecall", trap_case(ecall(), 11)},
      {"ebreak", trap_case(ebreak(), 3)},
      {"cbo.inval", cache_case(cbo_inval(11), CacheOperation::invalidate)},
      {"cbo.clean", cache_case(cbo_clean(11), CacheOperation::clean)},
      {"cbo.flush", cache_case(cbo_flush(11), CacheOperation::flush)},
      {"mret",
       [](Machine& m) {
         Program program;
         program << mret();
         m.execute(program, 1, [&] {
           m.core->set_csr(0x341, Machine::kBase + 0x100);
           m.core->set_csr(0x300, 0x80);  // MPIE set, MPP = U
         });
         CHECK(m.core->pc() == Machine::kBase + 0x100);
         CHECK(!m.core->machine_mode());
         CHECK((m.csr(0x300) & 0x1888) == 0x88);  // MIE = old MPIE, MPIE = 1, MPP = U
       }},
      {"wfi",
       [](Machine& m) {
         run_one(m, wfi());
         CHECK(m.core->pc() == Machine::kBase + 4);
       }},
      {"fsw",
       [](Machine& m) {
         Program program;
         program << fsw(1, 4, 8);
         m.execute(program, 1, [&] {
           m.core->set_x(8, Machine::kData);
           m.core->set_f(1, kSignaling);
         });
         CHECK(m.bus.word(Machine::kData + 4) == kSignaling);  // moved, not canonicalised
       }},
  };
}

}  // namespace

TEST_CASE("Integer instructions compute what the manual says") {
  for (const Case& c : computing_cases()) {
    INFO(c.mnemonic << " " << std::hex << c.a << " " << c.b);
    CHECK(mnemonic_of(c.word) == c.mnemonic);
    Machine m;
    Program program;
    program << c.word;
    m.execute(program, 1, [&] {
      m.core->set_x(11, c.a);
      m.core->set_x(12, c.b);
    });
    CHECK(m.x(10) == c.expected);
    CHECK(m.core->pc() == Machine::kBase + 4);
    CHECK(m.log.traps.empty());
  }
}

TEST_CASE("Loads, stores and atomics move what the manual says") {
  for (const MemoryCase& c : memory_cases()) {
    for (const bool direct : {true, false}) {
      INFO(c.mnemonic << (direct ? " in direct memory" : " over the bus"));
      CHECK(mnemonic_of(c.word) == c.mnemonic);
      CoreConfig config;
      config.use_direct_memory = direct;
      Machine m(config);
      m.bus.set_word(Machine::kData, c.memory_before);
      Program program;
      program << c.word;
      m.execute(program, 1, [&] {
        m.core->set_x(8, Machine::kData);
        m.core->set_x(12, c.operand);
      });
      CHECK(m.x(10) == c.result);
      CHECK(m.bus.word(Machine::kData) == c.memory_after);
      CHECK(m.log.traps.empty());
    }
  }
}

TEST_CASE("Jumps and branches go where the manual says and link behind themselves") {
  for (const JumpCase& c : jump_cases()) {
    INFO(c.mnemonic << " " << std::hex << c.a << " " << c.b);
    CHECK(mnemonic_of(c.word) == c.mnemonic);
    Machine m;
    Program program;
    program << c.word;
    m.execute(program, 1, [&] {
      m.core->set_x(11, c.a);
      m.core->set_x(12, c.b);
    });
    CHECK(m.core->pc() == Machine::kBase + static_cast<uint32_t>(c.expected_offset));
    if (c.mnemonic[0] == 'j') CHECK(m.x(10) == Machine::kBase + 4);
  }
}

TEST_CASE("Floating-point instructions give the manual's bits and flags") {
  for (const bool to_x : {false, true}) {
    for (const FpCase& c : to_x ? fp_to_x_cases() : fp_to_f_cases()) {
      INFO(c.mnemonic << " " << std::hex << c.a << " " << c.b << " " << c.c);
      CHECK(mnemonic_of(c.word) == c.mnemonic);
      Machine m;
      m.bus.set_word(Machine::kData, 0x11223344);
      Program program;
      program << c.word;
      m.execute(program, 1, [&] {
        m.core->set_f(1, c.a);
        m.core->set_f(2, c.b);
        m.core->set_f(3, c.c);
        m.core->set_x(11, c.c);
        m.core->set_x(8, Machine::kData);
      });
      CHECK((to_x ? m.x(10) : m.f(0)) == c.expected);
      CHECK(m.csr(1) == c.flags);
      CHECK(m.csr(0x300) >> 31 == 1);  // SD: the FP state is dirty
      CHECK(m.log.traps.empty());
    }
  }
}

TEST_CASE("System instructions do what the manual says") {
  for (const OtherCase& c : other_cases()) {
    INFO(c.mnemonic);
    Machine m;
    c.check(m);
  }
}

TEST_CASE("Every row of the instruction table has a test in this file") {
  std::set<std::string> tested;
  for (const auto& c : computing_cases()) tested.insert(c.mnemonic);
  for (const auto& c : memory_cases()) tested.insert(c.mnemonic);
  for (const auto& c : jump_cases()) tested.insert(c.mnemonic);
  for (const auto& c : fp_to_f_cases()) tested.insert(c.mnemonic);
  for (const auto& c : fp_to_x_cases()) tested.insert(c.mnemonic);
  for (const auto& c : other_cases()) tested.insert(c.mnemonic);
  for (const InstructionRow& row : instruction_table()) {
    INFO(row.mnemonic);
    CHECK(tested.count(row.mnemonic) == 1);
  }
}

TEST_CASE("A write to x0 leaves it zero") {
  Machine m;
  Program program;
  program << addi(0, 0, 5) << lw(0, 8, 0) << add(10, 0, 0);
  m.execute(program, 3, [&] { m.core->set_x(8, Machine::kData); });
  CHECK(m.x(0) == 0);
  CHECK(m.x(10) == 0);
}

TEST_CASE("Store-conditional succeeds once after a load-reserved of the same word") {
  Machine m;
  Program program;
  program << lr_w(5, 8) << sc_w(6, 8, 12) << sc_w(7, 8, 12) << lr_w(5, 8) << addi(9, 8, 4) << sc_w(28, 9, 12);
  m.execute(program, 6, [&] {
    m.core->set_x(8, Machine::kData);
    m.core->set_x(12, 77);
  });
  CHECK(m.x(6) == 0);
  CHECK(m.x(7) == 1);   // the reservation is used up
  CHECK(m.x(28) == 1);  // another address
  CHECK(m.bus.word(Machine::kData) == 77);
  CHECK(m.bus.word(Machine::kData + 4) == 0);
}
