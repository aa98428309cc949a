// Matrix products in float32 on one thread: plain, A transposed, B transposed, as a training step needs them. Beside
// them OpenBLAS, if BACKSWEEP_OPENBLAS (environment) names its library; that of the scipy-openblas32 wheel will do.
#include <dlfcn.h>

#include "peaks.h"

namespace bs::bench {
namespace {

enum Form { plain, a_transposed, b_transposed };
constexpr const char* kForms[] = {"plain", "At", "Bt"};

struct Product {
  int64_t m, k, n;
  Form form;

  std::string name() const {
    return std::to_string(m) + "x" + std::to_string(k) + "x" + std::to_string(n) + "/" + kForms[form];
  }
  double flops() const { return 2.0 * static_cast<double>(m * k * n); }
};

void ours(State& state, const kernels::Kernels& kernel, const Product& p) {
  const Numbers<float> a(p.m * p.k), b(p.k * p.n), c(p.m * p.n);
  kernels::Gemm g = {DType::f32, p.m, p.n, p.k, p.k, 1, p.n, 1, p.n};
  if (p.form == a_transposed) g.a_row = 1, g.a_col = p.m;
  if (p.form == b_transposed) g.b_row = 1, g.b_col = p.k;
  const Numbers<char> scratch(static_cast<int64_t>(kernel.gemm_scratch(g)));
  for (auto _ : state) {
    kernel.gemm(g, a.data(), b.data(), nullptr, c.data(), 0, p.m, 0, p.n, scratch.data());
    benchmark::ClobberMemory();
  }
  count_rate(state, "GFLOP/s", p.flops(), peak(kernel.isa).gflops);
}

// cblas.h, of a build with 32-bit sizes.
using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
                       const float* b, int ldb, float beta, float* c, int ldc);
constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;

Sgemm open_blas() {
  const char* path = std::getenv("BACKSWEEP_OPENBLAS");
  if (!path || !*path) return nullptr;
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    std::fprintf(stderr, "no OpenBLAS: %s\n", dlerror());
    return nullptr;
  }
  for (const std::string prefix : {"scipy_", ""}) {  // the wheel renames what it exports
    void* gemm = dlsym(library, (prefix + "cblas_sgemm").c_str());
    void* threads = dlsym(library, (prefix + "openblas_set_num_threads").c_str());
    if (!gemm || !threads) continue;
    reinterpret_cast<void (*)(int)>(threads)(1);
    if (void* core = dlsym(library, (prefix + "openblas_get_corename").c_str()))
      benchmark::AddCustomContext("openblas_core", reinterpret_cast<const char* (*)()>(core)());
    return reinterpret_cast<Sgemm>(gemm);
  }
  std::fprintf(stderr, "no cblas_sgemm in %s\n", path);
  return nullptr;
}

void theirs(State& state, Sgemm sgemm, const Product& p) {
  const Numbers<float> a(p.m * p.k), b(p.k * p.n), c(p.m * p.n);
  const int m = static_cast<int>(p.m), n = static_cast<int>(p.n), k = static_cast<int>(p.k);
  const bool ta = p.form == a_transposed, tb = p.form == b_transposed;
  for (auto _ : state) {
    sgemm(kRowMajor, ta ? kTrans : kNoTrans, tb ? kTrans : kNoTrans, m, n, k, 1.0f, a.data(), ta ? m : k, b.data(),
          tb ? k : n, 0.0f, c.data(), n);
    benchmark::ClobberMemory();
  }
  // It chooses its own instruction set: the best, unless OPENBLAS_CORETYPE says otherwise.
  count_rate(state, "GFLOP/s", p.flops(), peak(kernels::available()[0]->isa).gflops);
}

}  // namespace
}  // namespace bs::bench

int main(int argc, char** argv) {
  using namespace bs::bench;
  // m, k, n: steps of small networks, of MLPs on digits and MNIST, and squares.
  constexpr int64_t kSizes[][3] = {{1, 64, 64},     {32, 64, 64},       {64, 64, 64},     {64, 784, 128},
                                   {128, 784, 512}, {128, 128, 128},    {256, 256, 256},  {768, 128, 512},
                                   {512, 512, 512}, {1024, 1024, 1024}, {256, 2048, 2048}};
  const Sgemm blas = open_blas();
  for (const auto& s : kSizes)
    for (Form form : {plain, a_transposed, b_transposed}) {
      const Product p = {s[0], s[1], s[2], form};
      for_each_isa("gemm", p.name(), [p](State& state, const bs::kernels::Kernels& k) { ours(state, k, p); });
      if (blas)
        benchmark::RegisterBenchmark(("gemm/openblas/" + p.name()).c_str(),
                                     [p, blas](State& state) { theirs(state, blas, p); });
    }
  return run(argc, argv);
}
