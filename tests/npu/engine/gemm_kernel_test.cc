// What conv_gemm() asks an engine's own kernel to do.
#include <catch2/catch.hpp>
#include <tuple>

#include "npu/codec/element_class.h"
#include "npu/engine/conv_gemm.h"
#include "tests/npu/engine/conv_cases.h"

namespace backboard::npu {
namespace {

using Sizes = std::tuple<uint32_t, uint32_t, uint32_t>;

/// Notes the sizes of its calls.
class NotingKernel final : public GemmKernel {
 public:
  NotingKernel(uint32_t group, bool lines) : group_(group), lines_(lines) {}
  void run(const StridedGemm& gemm, Workspace&) const override {
    calls.emplace_back(gemm.rows, gemm.columns, gemm.steps);
  }
  void run(const LineGemm& gemm, Workspace&) const override {
    calls.emplace_back(gemm.lines * gemm.columns, gemm.rows, gemm.steps);
    in_lines = true;
  }
  uint32_t step_group() const override { return group_; }
  bool takes_lines() const override { return lines_; }

  mutable std::vector<Sizes> calls;
  mutable bool in_lines = false;

 private:
  uint32_t group_;
  bool lines_;
};

void run(const NotingKernel& kernel, Pass pass, const test::ConvCase& c) {
  Workspace workspace;
  const std::vector<float>& first = pass == Pass::bp ? c.dy : c.x;
  const std::vector<float>& second = pass == Pass::wg ? c.dy : c.w;
  conv_gemm(kernel, pass, c.tile, first.data(), second.data(), nullptr, workspace);
}

std::vector<Sizes> sizes_of(Pass pass, const ConvTile& tile) {
  std::vector<Sizes> sizes;
  for_each_gemm(pass, tile,
                [&](uint32_t rows, uint32_t columns, uint32_t steps) { sizes.emplace_back(rows, columns, steps); });
  return sizes;
}

constexpr Pass kPasses[] = {Pass::ff, Pass::bp, Pass::wg};

TEST_CASE("The sizes of a tile's GEMMs are those that a kernel is called with, as lines or not") {
  uint32_t in_lines = 0;
  for (const ConvTile& tile : test::shapes()) {
    const test::ConvCase c = test::make_case(tile, 1);
    for (const Pass pass : kPasses) {
      INFO(test::describe(tile) << " pass " << static_cast<int>(pass));
      for (const bool lines : {false, true}) {
        const NotingKernel kernel(0, lines);
        run(kernel, pass, c);
        CHECK(kernel.calls == sizes_of(pass, tile));
        CHECK((lines || !kernel.in_lines));
        in_lines += kernel.in_lines;
      }
    }
  }
  CHECK(in_lines >= 4);
}

TEST_CASE("Sums of WG are cut between images where a group of steps ends, and nowhere else") {
  uint32_t cut = 0;
  for (const auto& [size, images] : {std::pair(28u, 7u), {49u, 5u}, {7u, 60u}, {40u, 3u}}) {
    const ConvTile tile = ConvTile::whole(images, 1, size, size, 2, 3, 3, 1, 1);
    const test::ConvCase c = test::make_case(tile, 1);
    for (const uint32_t group : {1u, 2u, 16u}) {
      const NotingKernel kernel(group, false);
      run(kernel, Pass::wg, c);
      uint32_t steps = 0;
      for (const auto& [rows, columns, part] : kernel.calls) {
        INFO(images << " images of " << size << ", groups of " << group);
        CHECK(rows == 9);
        CHECK(columns == 2);
        CHECK(steps % group == 0);
        steps += part;
      }
      CHECK(steps == images * size * size);
      cut += kernel.calls.size() > 1;
    }
  }
  // All but the odd planes of 49 x 49 in groups of 16: five images are fewer than sixteen.
  CHECK(cut == 11);
}

}  // namespace
}  // namespace backboard::npu
