// Elements a second of the vector unit's and the SGD unit's functions, on layers of ResNet-18 and net S.
// Run by hand: build/release/tests/npu/vector/vector_bench
#include <benchmark/benchmark.h>

#include <vector>

#include "npu/sgd/sgd_unit.h"
#include "npu/vector/elementwise.h"
#include "npu/vector/pooling.h"
#include "npu/vector/softmax_loss.h"
#include "tests/npu/vector/special_values.h"

using namespace backboard::npu;
using backboard::test::rough_values;

namespace {

constexpr uint32_t kChannels = 64;

/// Calls `body` until the clock is satisfied and reports `elements` a call.
template <class Body>
void measure(benchmark::State& state, size_t elements, const Body& body) {
  for (auto _ : state) {
    body();
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * elements));
}

void bench_relu(benchmark::State& state) {
  const auto x = rough_values(kChannels * 56 * 56, 1);
  auto y = x;
  measure(state, x.size(),
          [&] { relu_ff(dense_tensor(x.data(), 1, kChannels, 56, 56), dense_tensor(y.data(), 1, kChannels, 56, 56)); });
}
BENCHMARK(bench_relu);

void bench_bias_gradient(benchmark::State& state) {
  const auto dy = rough_values(kChannels * 56 * 56, 2);
  std::vector<float> sums(kChannels);
  measure(state, dy.size(), [&] { accumulate_bias_gradient(dense_tensor(dy.data(), 1, kChannels, 56, 56), 56, sums); });
}
BENCHMARK(bench_bias_gradient);

/// Kernel, stride, padding, input size; counted in input elements.
struct Pooling {
  PoolShape shape;
  std::vector<float> x, y;
  std::vector<uint8_t> index;
  explicit Pooling(const benchmark::State& state) {
    const auto argument = [&](size_t i) { return static_cast<uint32_t>(state.range(i)); };
    shape = {argument(0), argument(0), argument(1), argument(1), argument(2), argument(2), argument(3), argument(3)};
    x = rough_values(size_t{kChannels} * shape.input_h * shape.input_w, 3);
    y.resize(size_t{kChannels} * shape.output_h() * shape.output_w());
    index.resize(y.size());
    max_pool_ff(shape, input(), output(), places());
  }
  Tile input() { return dense_tensor(x.data(), 1, kChannels, shape.input_h, shape.input_w); }
  Tile output() { return dense_tensor(y.data(), 1, kChannels, shape.output_h(), shape.output_w()); }
  TileView<uint8_t> places() { return dense_tensor(index.data(), 1, kChannels, shape.output_h(), shape.output_w()); }
};

void bench_max_pool_ff(benchmark::State& state) {
  Pooling p(state);
  measure(state, p.x.size(), [&] { max_pool_ff(p.shape, p.input(), p.output(), p.places()); });
}
void bench_max_pool_bp(benchmark::State& state) {
  Pooling p(state);
  measure(state, p.x.size(), [&] { max_pool_bp(p.shape, p.output(), p.places(), p.input()); });
}
void bench_average_pool_ff(benchmark::State& state) {
  Pooling p(state);
  measure(state, p.x.size(), [&] { average_pool_ff(p.shape, p.input(), p.output()); });
}
void bench_average_pool_bp(benchmark::State& state) {
  Pooling p(state);
  measure(state, p.x.size(), [&] { average_pool_bp(p.shape, p.output(), p.input()); });
}
BENCHMARK(bench_max_pool_ff)->Args({3, 2, 1, 112})->Args({2, 2, 0, 28})->Args({2, 2, 0, 14});
BENCHMARK(bench_max_pool_bp)->Args({3, 2, 1, 112})->Args({2, 2, 0, 28});
BENCHMARK(bench_average_pool_ff)->Args({3, 2, 1, 112});
BENCHMARK(bench_average_pool_bp)->Args({3, 2, 1, 112});

void bench_softmax_loss(benchmark::State& state) {
  const auto x = rough_values(64 * 1000, 4);
  auto error = x;
  const std::vector<uint8_t> labels(64, 3);
  LossSums sums;
  measure(state, x.size(), [&] {
    softmax_loss(dense_tensor(x.data(), 64, 1000, 1, 1), labels, {64, 1.0f}, dense_tensor(error.data(), 64, 1000, 1, 1),
                 sums);
  });
}
BENCHMARK(bench_softmax_loss);

/// FP16 masters, stochastic rounding; the parameters of net S.
void bench_sgd(benchmark::State& state) {
  auto w = rough_values(25034, 5), v = w;
  const auto g = w;
  const SgdParameters p{.learning_rate = 1e-6f, .momentum = 0.9f, .stochastic = state.range(1) != 0};
  const auto format = state.range(0) != 0 ? MasterFormat::kFp16 : MasterFormat::kFp32;
  measure(state, w.size(), [&] { sgd_update(p, format, {w, v, g, 0}); });
}
BENCHMARK(bench_sgd)->Args({0, 0})->Args({1, 0})->Args({1, 1});

}  // namespace

BENCHMARK_MAIN();
