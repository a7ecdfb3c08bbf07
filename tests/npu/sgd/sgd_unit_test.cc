#include "npu/sgd/sgd_unit.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>
#include <map>

#include "npu/numerics/rounding.h"
#include "npu/sgd/adam.h"
#include "npu/sgd/random_stream.h"
#include "npu/sgd/sgd_cost.h"
#include "npu/sgd/stochastic_rounding.h"
#include "tests/npu/vector/special_values.h"
#include "tests/support/simd_targets.h"

using namespace backboard::npu;
using namespace backboard::test;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct State {
  std::vector<float> w, v, g;
  SgdSpan span(bool momentum, size_t first = 0, size_t count = std::string::npos) {
    const size_t n = std::min(count, w.size() - first);
    return {std::span(w).subspan(first, n), momentum ? std::span(v).subspan(first, n) : std::span<float>(),
            std::span<const float>(g).subspan(first, n), static_cast<uint32_t>(first)};
  }
  bool operator==(const State& other) const {
    return bytes_of(w) == bytes_of(other.w) && bytes_of(v) == bytes_of(other.v);
  }
};

State awkward_state(size_t count, unsigned seed) {
  return {awkward_values(count, seed), awkward_values(count, seed + 1), awkward_values(count, seed + 2)};
}

const SgdParameters kTypical{.learning_rate = 0.01f,
                             .momentum = 0.9f,
                             .weight_decay = 1e-4f,
                             .gradient_scale = 1.0f / 1024.0f,
                             .seed = 7,
                             .step = 3};

}  // namespace

TEST_CASE("an update is the written formula, each operation rounded once") {
  State s{rough_values(300, 1), rough_values(300, 2), rough_values(300, 3)};
  State expected = s;
  for (size_t i = 0; i < s.w.size(); ++i) {
    float g = s.g[i] * kTypical.gradient_scale;
    g = g + kTypical.weight_decay * s.w[i];
    expected.v[i] = kTypical.momentum * s.v[i] + g;
    expected.w[i] = s.w[i] - kTypical.learning_rate * expected.v[i];
  }
  const SgdFacts facts = sgd_update(kTypical, MasterFormat::kFp32, s.span(true));
  CHECK(s == expected);
  CHECK(facts == SgdFacts{.elements = 300, .adds = 900, .multiplies = 1200});
}

TEST_CASE("without momentum and decay only the gradient is scaled and subtracted") {
  State s{{1.0f, -2.0f}, {}, {256.0f, -512.0f}};
  const SgdParameters p{.learning_rate = 0.5f, .gradient_scale = 1.0f / 256.0f};
  const SgdFacts facts = sgd_update(p, MasterFormat::kFp32, s.span(false));
  CHECK(s.w == std::vector<float>{0.5f, -1.0f});
  CHECK(facts == SgdFacts{.elements = 2, .adds = 2, .multiplies = 4});
}

TEST_CASE("vectors give the bytes of scalars for every format, option and instruction set") {
  for_each_simd_target([&](const std::string& target) {
    for (const auto format : {MasterFormat::kFp32, MasterFormat::kFp16})
      for (const bool momentum : {false, true})
        for (const bool stochastic : {false, true})
          for (const float decay : {0.0f, 1e-3f})
            for (const size_t count : {0u, 1u, 5u, 16u, 33u, 1023u, 1024u, 2500u}) {
              SgdParameters p = kTypical;
              p.weight_decay = decay;
              p.stochastic = stochastic;
              p.learning_rate = 1e4f;  // FP16 saturates at times
              State fast = awkward_state(count, static_cast<unsigned>(count)), slow = fast;
              INFO(target << " count " << count);
              const SgdFacts a = sgd_update(p, format, fast.span(momentum));
              const SgdFacts b = sgd_update_scalar(p, format, slow.span(momentum));
              REQUIRE(fast == slow);
              REQUIRE(a == b);
              if (count == 2500 && format == MasterFormat::kFp16) REQUIRE(a.saturated > 0);
              if (count == 2500) REQUIRE(a.skipped_nonfinite > 0);
            }
  });
}

TEST_CASE("any cut of a tensor, in any order, gives the same weights and sums of facts") {
  for (const auto format : {MasterFormat::kFp32, MasterFormat::kFp16}) {
    SgdParameters p = kTypical;
    p.stochastic = true;
    State whole = awkward_state(3000, 50), cut = whole;  // more than one inner chunk
    const SgdFacts expected = sgd_update(p, format, whole.span(true));
    SgdFacts sum;
    for (const size_t first : {1700u, 0u, 13u, 512u, 2999u}) {
      const std::map<size_t, size_t> ends = {{0, 13}, {13, 512}, {512, 1700}, {1700, 2999}, {2999, 3000}};
      sum += sgd_update(p, format, cut.span(true, first, ends.at(first) - first));
    }
    CHECK(cut == whole);
    CHECK(sum == expected);
  }
}

TEST_CASE("a gradient that is not finite leaves weight and momentum as they were, to the byte") {
  const float nan = std::bit_cast<float>(0xffc01234u);
  for (const auto format : {MasterFormat::kFp32, MasterFormat::kFp16}) {
    State s{{1.0f, -0.0f, nan, 2.0f}, {0.5f, -0.0f, nan, 0.25f}, {kInf, -kInf, nan, 0.0f}};
    SgdParameters p = kTypical;
    p.weight_decay = 0.0f;
    const SgdFacts facts = sgd_update(p, format, s.span(true));
    CHECK(bytes_of(s.w)[0] == 0x3f800000u);
    CHECK(bytes_of(s.w)[1] == 0x80000000u);
    CHECK(bytes_of(s.w)[2] == 0xffc01234u);
    CHECK(bytes_of(s.v)[1] == 0x80000000u);
    CHECK(bytes_of(s.v)[2] == 0xffc01234u);
    CHECK(s.v[3] == 0.9f * 0.25f);
    CHECK(facts.skipped_nonfinite == 3);
    CHECK(facts.nonfinite_weights == 0);
    CHECK(facts.multiplies == 12);  // skipped elements run through the unit too
  }
}

TEST_CASE("a product with a zero parameter contributes nothing, even against infinity") {
  State s{{kInf, 1.0f}, {kInf, kInf}, {1.0f, 1.0f}};
  const SgdParameters p{.learning_rate = 0.25f, .momentum = 0.0f, .weight_decay = 0.0f};
  sgd_update(p, MasterFormat::kFp32, s.span(true));
  CHECK(s.v == std::vector<float>{1.0f, 1.0f});
  CHECK(s.w == std::vector<float>{kInf, 0.75f});
  State still{{1.5f}, {}, {3e38f}};
  sgd_update({.learning_rate = 0.0f, .gradient_scale = 10.0f}, MasterFormat::kFp32, still.span(false));
  CHECK(still.w[0] == 1.5f);
}

TEST_CASE("weights that become infinite or NaN are counted, FP16 holds them at the largest magnitude") {
  const SgdParameters p{.learning_rate = 1e30f};
  State s{{0.0f, 0.0f, 1.0f}, {}, {1e10f, -1e10f, 0.0f}};
  CHECK(sgd_update(p, MasterFormat::kFp32, s.span(false)).nonfinite_weights == 2);
  CHECK(s.w == std::vector<float>{-kInf, kInf, 1.0f});
  State half{{0.0f, 0.0f, 1.0f}, {}, {1e10f, -1e10f, 0.0f}};
  const SgdFacts facts = sgd_update(p, MasterFormat::kFp16, half.span(false));
  CHECK(half.w == std::vector<float>{-65504.0f, 65504.0f, 1.0f});
  CHECK(facts.saturated == 2);
  CHECK(facts.nonfinite_weights == 0);
  CHECK(facts.conversions == 3);
}

TEST_CASE("FP16 master weights are rounded to nearest even") {
  State s{{1.0f, 1.0f, 1.0f, 1.0f}, {}, {-0x1p-11f, -0x1.8p-10f, -0x1.1p-11f, 0x1p-12f}};
  sgd_update({.learning_rate = 1.0f}, MasterFormat::kFp16, s.span(false));
  // Ties to even down and up, above the tie up; below 1 the steps are half as wide, and this is a tie again.
  CHECK(s.w == std::vector<float>{1.0f, 1.0f + 0x1p-9f, 1.0f + 0x1p-10f, 1.0f});
}

TEST_CASE("stochastic rounding goes up exactly when the discarded part and 24 random bits carry") {
  const auto random = [](uint32_t u24) { return uint64_t{u24} << 40 | 0xffffffffffull; };
  const float lower = 1.0f, upper = 1.0f + 0x1p-10f;
  for (uint32_t part = 0; part < 8192; part += 37) {  // the 13 bits that FP16 drops
    const float x = lower + static_cast<float>(part) * 0x1p-23f;
    const uint32_t least = (8192 - part) << 11;  // u with part / 8192 + u / 2^24 = 1
    if (part > 0) CHECK(round_half_stochastic(x, random(least)).value == upper);
    CHECK(round_half_stochastic(x, random(std::min(least - 1, 0xffffffu))).value == lower);
    CHECK(round_half_stochastic(-x, random(std::min(least - 1, 0xffffffu))).value == -lower);
  }
  // Subnormals of FP16 have steps of 2^-24.
  CHECK(round_half_stochastic(2.5f * 0x1p-24f, random(0x800000)).value == 3 * 0x1p-24f);
  CHECK(round_half_stochastic(2.5f * 0x1p-24f, random(0x7fffff)).value == 2 * 0x1p-24f);
  CHECK(std::bit_cast<uint32_t>(round_half_stochastic(-0x1p-40f, random(0)).value) == 0u);
  CHECK(round_half_stochastic(0x1p-25f, random(0xffffff)).value == 0x1p-24f);
  // The carry may reach the next power of two and the limit.
  CHECK(round_half_stochastic(0x1.fffp0f, random(0xffffff)).value == 2.0f);
  CHECK(round_half_stochastic(65504.0f, random(0xffffff)).saturated == false);
  CHECK(round_half_stochastic(65520.0f, random(0x800000)).saturated);
  CHECK_FALSE(round_half_stochastic(65520.0f, random(0x7fffff)).saturated);
  CHECK(round_half_stochastic(-65520.0f, random(0x800000)).value == -65504.0f);
  CHECK(round_half_stochastic(kInf, 0).value == 65504.0f);
  CHECK(round_half_stochastic(kInf, 0).saturated);
  CHECK(std::bit_cast<uint32_t>(round_half_stochastic(std::bit_cast<float>(0xffc01234u), 0).value) == 0x7fc00000u);
}

TEST_CASE("stochastic rounding keeps every value that FP16 has, for all 65536 patterns") {
  const FormatRow& half = format_row(NumberFormat::kFp16);
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float x = decode_value(half, bits);
    if (!std::isfinite(x)) continue;
    for (const uint64_t random : {uint64_t{0}, ~uint64_t{0}}) {
      const RoundedHalf rounded = round_half_stochastic(x, random);
      REQUIRE(rounded.value == x);
      REQUIRE_FALSE(rounded.saturated);
    }
  }
}

TEST_CASE("stochastic updates move weights by the expected amount where nearest rounding stands still") {
  // A step of 2^-14 is a sixteenth of the spacing of FP16 at 1: nearest rounding never moves.
  const size_t count = 20000;
  SgdParameters p{.learning_rate = 1.0f, .seed = 11, .step = 1};
  State nearest{std::vector<float>(count, 1.5f), {}, std::vector<float>(count, -0x1p-14f)}, stochastic = nearest;
  sgd_update(p, MasterFormat::kFp16, nearest.span(false));
  CHECK(nearest.w == std::vector<float>(count, 1.5f));
  p.stochastic = true;
  const SgdFacts facts = sgd_update(p, MasterFormat::kFp16, stochastic.span(false));
  CHECK(facts.random_draws == count);
  const auto moved = static_cast<double>(std::count(stochastic.w.begin(), stochastic.w.end(), 1.5f + 0x1p-10f));
  // Binomial with p = 1/16: mean 1250, standard deviation 34; five of them are allowed.
  CHECK(std::fabs(moved - count / 16.0) < 5 * 34.3);
  State again = nearest;
  p.step = 2;
  sgd_update(p, MasterFormat::kFp16, again.span(false));
  CHECK(again.w != stochastic.w);
}

TEST_CASE("the random stream gives the published answers of Philox2x32-10") {
  // Known-answer vectors of the Random123 library: counter (low, high), key, result (first, second word).
  CHECK(random_bits(0, 0, 0) == 0xff1dae596cd10df2ull);
  CHECK(random_bits(0xffffffffu, 0xffffffffu, 0xffffffffu) == 0x2c3f628bab4fd7adull);
  CHECK(random_bits(0x13198a2eu, 0x85a308d3u, 0x243f6a88u) == 0xdd7ce038f62a4c12ull);
}

TEST_CASE("hyper-parameters come from the record, and those that make no sense are not valid") {
  const npu_hyper record{0.1f, 0.9f, 0.01f, 0.5f, 2.0f, NPU_HYPER_STOCHASTIC, 42, 7};
  const SgdParameters p = sgd_parameters(record);
  CHECK(p.learning_rate == 0.1f);
  CHECK(p.momentum == 0.9f);
  CHECK(p.weight_decay == 0.01f);
  CHECK(p.gradient_scale == 0.5f);
  CHECK(p.stochastic);
  CHECK(p.seed == 42);
  CHECK(p.step == 7);
  CHECK(p.valid());
  const float nan = std::nanf("");
  for (const float bad : {-1.0f, kInf, nan}) {
    for (float SgdParameters::*member : {&SgdParameters::learning_rate, &SgdParameters::momentum,
                                         &SgdParameters::weight_decay, &SgdParameters::gradient_scale}) {
      SgdParameters q = p;
      q.*member = bad;
      CHECK_FALSE(q.valid());
    }
  }
  SgdParameters q = p;
  q.momentum = 1.0f;
  CHECK_FALSE(q.valid());
  q = p;
  q.gradient_scale = 0.0f;
  CHECK_FALSE(q.valid());
}

TEST_CASE("the unit takes its pipeline and a cycle for each row of lanes, and energy follows the counts") {
  SgdCostConfig config;
  const auto cycles = [&](uint64_t elements) { return sgd_cycles({.elements = elements}, config); };
  CHECK(cycles(0) == 0);
  CHECK(cycles(1) == 7);
  CHECK(cycles(16) == 7);
  CHECK(cycles(17) == 8);
  config.lanes = 1;
  CHECK(cycles(100) == 106);
  // 900 additions of 0.9 pJ, 1200 multiplications of 3.7 pJ, 300 roundings of 0.4 pJ, 300 draws of 2 pJ.
  const SgdFacts facts{.elements = 300, .adds = 900, .multiplies = 1200, .conversions = 300, .random_draws = 300};
  CHECK(sgd_energy_pj(facts, config, {}) == Approx(810.0 + 4440.0 + 120.0 + 600.0));
}

TEST_CASE("an update by Adam counts the operations of its formula, and takes the lanes for longer") {
  // 35 elements, one of which is not written: 10 products, 5 additions, a division and a root each.
  std::vector<float> weights(35, 1.0f), first(35, 0.25f), second(35, 0.5f), gradient(35, 0.125f);
  gradient[20] = std::numeric_limits<float>::infinity();
  const AdamParameters parameters{.learning_rate = 0.5f, .beta1 = 0.5f, .weight_decay = 0.25f, .beta2 = 0.75f};
  const SgdFacts facts = adam_update(parameters, {weights, first, second, gradient});
  CHECK(facts == SgdFacts{.elements = 35,
                          .skipped_nonfinite = 1,
                          .adds = 175,
                          .multiplies = 350,
                          .adam_elements = 35,
                          .divisions = 35,
                          .roots = 35});
  CHECK(weights[20] == 1.0f);
  CHECK(weights[19] != 1.0f);
  // Three rows of 16 lanes, 16 cycles each, behind the pipeline's six; divisions and roots at 14.8 pJ.
  CHECK(sgd_cycles(facts, {}) == 6 + 3 * 16);
  CHECK(sgd_energy_pj(facts, {}, {}) == Approx(175 * 0.9 + 350 * 3.7 + 70 * 14.8));
}
