// What a node costs: applying an op to 8 floats with and without recording, sweeping and freeing chains, and what one
// run of a program adds to its kernels. On one thread.
#include "autodiff/sweep.h"
#include "base/parallel.h"
#include "ops/ops.h"
#include "peaks.h"
#include "program/program.h"

namespace bs::bench {
namespace {

Tensor leaf(const Dims& shape, bool requires_grad) {
  Tensor t = Tensor::empty(DType::f32, shape);
  const Numbers<float> values(t.numel());
  std::memcpy(t.data(), values.data(), static_cast<size_t>(t.numel()) * sizeof(float));
  t.node()->requires_grad = requires_grad;
  return t;
}

void per_node(State& state, int64_t nodes) {
  state.counters["ns/node"] =
      Counter(static_cast<double>(nodes) * 1e-9, Counter::kIsIterationInvariantRate | Counter::kInvert);
}

// z = z + y, over and over: of all derivatives this reads the least.
Tensor chain(const Tensor& x, const Tensor& y, int64_t length) {
  Tensor z = x;
  for (int64_t i = 0; i < length; ++i) z = ops::add(z, y);
  return z;
}

void apply_one(State& state, bool requires_grad) {
  const Tensor x = leaf({8}, requires_grad), y = leaf({8}, false);
  for (auto _ : state) benchmark::DoNotOptimize(ops::mul(x, y));
  per_node(state, 1);
}

void build_and_free(State& state) {
  const Tensor x = leaf({8}, true), y = leaf({8}, false);
  for (auto _ : state) benchmark::DoNotOptimize(chain(x, y, state.range(0)));
  per_node(state, state.range(0));
}

void sweep(State& state) {
  const Tensor x = leaf({8}, true), y = leaf({8}, false), ones = leaf({8}, false);
  const Tensor z = chain(x, y, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(gradients({&z, 1}, {&ones, 1}, {&x, 1}, false, true));
  per_node(state, state.range(0));
}

// The same as nodes with derivatives of their own.
void sweep_create_graph(State& state) {
  const Tensor x = leaf({8}, true);
  Tensor z = x;
  for (int64_t i = 0; i < state.range(0); ++i) z = ops::mul(z, z);
  const Tensor ones = leaf({8}, false);
  for (auto _ : state) benchmark::DoNotOptimize(gradients({&z, 1}, {&ones, 1}, {&x, 1}, true, true));
  per_node(state, state.range(0));
}

// A program of `length` steps that nothing can fuse: products of (1, 8) by (8, 8).
std::unique_ptr<Program> product_program(int64_t length) {
  Capture capture;
  Tensor out;
  {
    CaptureScope scope(capture);
    Tensor z = capture.input(Spec{DType::f32, {1, 8}, nullptr}, false);
    const Tensor w = capture.input(Spec{DType::f32, {8, 8}, nullptr}, false);
    for (int64_t i = 0; i < length; ++i) z = ops::matmul(z, w);
    out = z;
  }
  return std::make_unique<Program>(capture, capture.inputs, std::vector<Tensor>{out}, false);
}

void program_run(State& state) {
  const auto program = product_program(state.range(0));
  const Numbers<char> x(64), w(512), y(64);
  std::memset(x.data(), 0, 64);
  std::memset(w.data(), 0, 512);
  char* in[] = {x.data(), w.data()};
  char* out[] = {y.data()};
  for (auto _ : state) program->run_into(in, out);
  state.counters["ns/step"] =
      Counter(static_cast<double>(state.range(0)) * 1e-9, Counter::kIsIterationInvariantRate | Counter::kInvert);
}

void program_plan(State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(product_program(state.range(0)));
  state.counters["ns/step"] =
      Counter(static_cast<double>(state.range(0)) * 1e-9, Counter::kIsIterationInvariantRate | Counter::kInvert);
}

}  // namespace
}  // namespace bs::bench

int main(int argc, char** argv) {
  using namespace bs::bench;
  bs::set_num_threads(1);
  benchmark::RegisterBenchmark("graph/mul_8", [](State& state) { apply_one(state, false); });
  benchmark::RegisterBenchmark("graph/mul_8_recorded", [](State& state) { apply_one(state, true); });
  benchmark::RegisterBenchmark("graph/chain", build_and_free)->Arg(1000)->Arg(100000)->Arg(1000000);
  benchmark::RegisterBenchmark("graph/sweep", sweep)->Arg(1000)->Arg(100000)->Arg(1000000);
  benchmark::RegisterBenchmark("graph/sweep_create_graph", sweep_create_graph)->Arg(1000);
  benchmark::RegisterBenchmark("program/run", program_run)->Arg(1)->Arg(10)->Arg(100);
  benchmark::RegisterBenchmark("program/plan", program_plan)->Arg(10)->Arg(100);
  return run(argc, argv);
}
