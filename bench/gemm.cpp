// Matrix products in float32 on one thread: plain, A transposed, B transposed, as a training step needs them. Beside
// them OpenBLAS and MKL, if BACKSWEEP_OPENBLAS and BACKSWEEP_MKL (environment) name libraries that hold them.
#include <dlfcn.h>

#include "base/cpu.h"
#include "kernels/gemm_blocking.h"
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
  const kernels::Blocking how = kernels::blocking(g, kernels::tile_size(kernel.isa), cache_sizes());
  state.counters["copy_a"] = how.copy_a;
  state.counters["copy_b"] = how.copy_b;
  state.counters["ahead"] = static_cast<double>(how.ahead);
  state.counters["rows"] = static_cast<double>(how.rows);
  state.counters["strips"] = static_cast<double>(how.strips);
}

// ---- Other libraries -----------------------------------------------------------------------------------------

// C = A B of contiguous matrices.
using Multiply = void (*)(const Product& p, const float* a, const float* b, float* c);

// cblas.h, of a build with 32-bit sizes.
using Cblas = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
                       const float* b, int ldb, float beta, float* c, int ldc);
constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;
// BLAS as Fortran has it: by columns.
using Blas = void (*)(const char* trans_a, const char* trans_b, const int* m, const int* n, const int* k,
                      const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
                      const float* beta, float* c, const int* ldc);
Cblas open_blas;
Blas mkl;

void multiply_open_blas(const Product& p, const float* a, const float* b, float* c) {
  const int m = static_cast<int>(p.m), n = static_cast<int>(p.n), k = static_cast<int>(p.k);
  const bool ta = p.form == a_transposed, tb = p.form == b_transposed;
  open_blas(kRowMajor, ta ? kTrans : kNoTrans, tb ? kTrans : kNoTrans, m, n, k, 1.0f, a, ta ? m : k, b, tb ? k : n,
            0.0f, c, n);
}

// By columns, the arrays hold the transposes: C^T = B^T A^T.
void multiply_mkl(const Product& p, const float* a, const float* b, float* c) {
  const int m = static_cast<int>(p.m), n = static_cast<int>(p.n), k = static_cast<int>(p.k);
  const bool ta = p.form == a_transposed, tb = p.form == b_transposed;
  const int a_row = ta ? m : k, b_row = tb ? k : n;
  const float one = 1, zero = 0;
  mkl(tb ? "T" : "N", ta ? "T" : "N", &n, &m, &k, &one, b, &b_row, a, &a_row, &zero, c, &n);
}

// The library that a variable of the environment names, or null.
void* library_of(const char* variable) {
  const char* path = std::getenv(variable);
  if (!path || !*path) return nullptr;
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) std::fprintf(stderr, "%s: %s\n", variable, dlerror());
  return library;
}

void find_open_blas() {
  void* library = library_of("BACKSWEEP_OPENBLAS");
  if (!library) return;
  for (const std::string prefix : {"scipy_", ""}) {  // SciPy's builds rename what they export
    void* gemm = dlsym(library, (prefix + "cblas_sgemm").c_str());
    void* threads = dlsym(library, (prefix + "openblas_set_num_threads").c_str());
    if (!gemm || !threads) continue;
    reinterpret_cast<void (*)(int)>(threads)(1);
    if (void* core = dlsym(library, (prefix + "openblas_get_corename").c_str()))
      benchmark::AddCustomContext("openblas_core", reinterpret_cast<const char* (*)()>(core)());
    open_blas = reinterpret_cast<Cblas>(gemm);
    return;
  }
  std::fprintf(stderr, "BACKSWEEP_OPENBLAS: no cblas_sgemm\n");
}

// MKL takes its number of threads from MKL_NUM_THREADS.
void find_mkl() {
  void* library = library_of("BACKSWEEP_MKL");
  if (!library) return;
  mkl = reinterpret_cast<Blas>(dlsym(library, "SGEMM"));
  if (!mkl) std::fprintf(stderr, "BACKSWEEP_MKL: no SGEMM\n");
}

void theirs(State& state, Multiply multiply, const Product& p) {
  const Numbers<float> a(p.m * p.k), b(p.k * p.n), c(p.m * p.n);
  for (auto _ : state) {
    multiply(p, a.data(), b.data(), c.data());
    benchmark::ClobberMemory();
  }
  count_rate(state, "GFLOP/s", p.flops(), 0);
}

}  // namespace
}  // namespace bs::bench

int main(int argc, char** argv) {
  using namespace bs::bench;
  // m, k, n: steps of small networks, of MLPs on digits and MNIST, and squares.
  constexpr int64_t kSizes[][3] = {{1, 64, 64},     {32, 64, 64},       {64, 64, 64},     {64, 784, 128},
                                   {128, 784, 512}, {128, 128, 128},    {256, 256, 256},  {768, 128, 512},
                                   {512, 512, 512}, {1024, 1024, 1024}, {256, 2048, 2048}};
  find_open_blas();
  find_mkl();
  benchmark::AddCustomContext("l1", std::to_string(bs::cache_sizes().l1));
  benchmark::AddCustomContext("l2", std::to_string(bs::cache_sizes().l2));
  for (const auto& s : kSizes)
    for (Form form : {plain, a_transposed, b_transposed}) {
      const Product p = {s[0], s[1], s[2], form};
      for_each_isa("gemm", p.name(), [p](State& state, const bs::kernels::Kernels& k) { ours(state, k, p); });
      const auto other = [&](const std::string& name, Multiply multiply) {
        benchmark::RegisterBenchmark(("gemm/" + name + "/" + p.name()).c_str(),
                                     [p, multiply](State& state) { theirs(state, multiply, p); });
      };
      if (open_blas) other("openblas", multiply_open_blas);
      if (mkl) other("mkl", multiply_mkl);
    }
  return run(argc, argv);
}
