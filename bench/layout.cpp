// Which memory layout should images have? A direct 3x3 convolution in three forms (layout_convolution.h), and what
// stands around it, on one thread. docs/design.md (Images) draws the conclusion; the kernels serve no other purpose.
//
//     cmake -S . -B build/dev -DBACKSWEEP_BENCH=ON && cmake --build build/dev --target bench_layout_v4
//     build/dev/bench/bench_layout_v4
#include <cmath>
#include <functional>
#include <vector>

#include "layout_convolution.h"
#include "peaks.h"

namespace bs::kernels::BS_ISA {
namespace {

// ---- What stands around --------------------------------------------------------------------------------------

// Sums and sums of squares per channel. (rows, cols) is (n k, pixels) of planes or (n pixels, k) of pixels.
void statistics_planes(const Shape& s, const float* y, float* out) {
  for (int64_t k = 0; k < s.k; ++k) {
    V sum[2] = {}, squares[2] = {};
    for (int64_t n = 0; n < s.n; ++n) {
      const float* p = y + (n * s.k + k) * s.pixels();
      int64_t q = 0;
      for (; q + 2 * L <= s.pixels(); q += 2 * L)
        for (int i = 0; i < 2; ++i) {
          const V v = v_load(p + q + i * L);
          sum[i] += v, squares[i] = v_fma(v, v, squares[i]);
        }
      for (; q < s.pixels(); q += L) {
        const V v = v_load_part(p + q, min_of(L, s.pixels() - q));
        sum[0] += v, squares[0] = v_fma(v, v, squares[0]);
      }
    }
    sum[0] += sum[1], squares[0] += squares[1];
    out[k] = out[s.k + k] = 0;
    for (int i = 0; i < L; ++i) out[k] += sum[0][i], out[s.k + k] += squares[0][i];
  }
}
template <int K>
void statistics_pixels(const Shape& s, const float* y, float* out) {
  for (int64_t k = 0; k < s.k; k += K * L) {
    V sum[K] = {}, squares[K] = {};
    for (int64_t p = 0; p < s.n * s.pixels(); ++p)
#pragma GCC unroll 8
      for (int i = 0; i < K; ++i) {
        const V v = v_load(y + p * s.k + k + i * L);
        sum[i] += v, squares[i] = v_fma(v, v, squares[i]);
      }
#pragma GCC unroll 8
    for (int i = 0; i < K; ++i) {
      v_store(out + k + i * L, sum[i]);
      v_store(out + s.k + k + i * L, squares[i]);
    }
  }
}
void statistics_pixels(const Shape& s, const float* y, float* out) {
  if (s.k % (4 * L) == 0)
    statistics_pixels<4>(s, y, out);
  else if (s.k % (2 * L) == 0)
    statistics_pixels<2>(s, y, out);
  else
    statistics_pixels<1>(s, y, out);
}
// y = max(x a + b + r, 0): batch norm, residual and relu in one pass.
void normalise_planes(const Shape& s, const float* x, const float* r, const float* ab, float* y) {
  for (int64_t i = 0; i < s.n * s.k; ++i) {
    const V a = v_set(ab[i % s.k]), b = v_set(ab[s.k + i % s.k]);
    const int64_t at = i * s.pixels();
    for (int64_t q = 0; q < s.pixels(); q += L) {
      const int64_t n = min_of(L, s.pixels() - q);
      const V v = v_fma(v_load_part(x + at + q, n), a, b) + v_load_part(r + at + q, n);
      v_store_part(y + at + q, v_greatest(0.f, v), n);
    }
  }
}
void normalise_pixels(const Shape& s, const float* x, const float* r, const float* ab, float* y) {
  for (int64_t i = 0; i < s.n * s.pixels(); ++i)
    for (int64_t k = 0; k < s.k; k += L) {
      const int64_t at = i * s.k + k;
      v_store(y + at, v_greatest(0.f, v_fma(v_load(x + at), v_load(ab + k), v_load(ab + s.k + k)) + v_load(r + at)));
    }
}
// Greatest of 2x2.
template <int... i>
inline V every_second(V a, V b, int from, Indices<i...>) {
  return from ? __builtin_shufflevector(a, b, (2 * i + 1)...) : __builtin_shufflevector(a, b, (2 * i)...);
}
inline V greater(V a, V b) { return a > b ? a : b; }
void pool_planes(const Shape& s, const float* x, float* y) {
  const typename IndicesTo<L>::type all;
  for (int64_t i = 0; i < s.n * s.k * s.h / 2; ++i)
    for (int64_t q = 0; q < s.w; q += 2 * L) {
      const float* p = x + 2 * i * s.w + q;
      const int64_t n = min_of(L, s.w - q), m = s.w - q - n;
      const V a = greater(v_load_part(p, n), v_load_part(p + s.w, n));
      const V b = m > 0 ? greater(v_load_part(p + L, min_of(m, L)), v_load_part(p + s.w + L, min_of(m, L))) : a;
      v_store_part(y + (i * s.w + q) / 2, greater(every_second(a, b, 0, all), every_second(a, b, 1, all)),
                   (n + (m > 0 ? min_of(m, L) : 0)) / 2);
    }
}
void pool_pixels(const Shape& s, const float* x, float* y) {
  for (int64_t i = 0; i < s.n * s.h / 2; ++i)
    for (int64_t q = 0; q < s.w; q += 2)
      for (int64_t k = 0; k < s.k; k += L) {
        const float *p = x + (2 * i * s.w + q) * s.k + k, *below = p + s.w * s.k;
        v_store(y + (i * s.w + q) / 2 * s.k + k,
                greater(greater(v_load(p), v_load(p + s.k)), greater(v_load(below), v_load(below + s.k))));
      }
}

// ---- The table -----------------------------------------------------------------------------------------------

using bench::Numbers;

// All of one shape: data in both layouts, weights as each form wants them.
struct Images {
  explicit Images(const Shape& shape)
      : s(shape),
        x(s.n * s.c * s.pixels()),
        x_pixels(x.size()),
        y(s.n * s.k * s.pixels()),
        y_pixels(y.size()),
        w(9 * s.c * s.k),
        w_tiles(w.size()),
        dw(w.size()),
        ab(2 * s.k),
        scratch(up(bordered(s), 16) + s.k * s.pixels() + (3 * s.c + s.n * kWide * 3) * plane_size(s)) {
    to_pixels(x.data(), x_pixels.data(), s.c);
    for (int64_t k = 0; k < s.k; ++k)
      for (int64_t i = 0; i < 9 * s.c; ++i)
        w_tiles.data()[(k / kK * 9 * s.c + i) * kK + k % kK] = w.data()[i * s.k + k];
  }
  void to_pixels(const float* from, float* to, int64_t channels) const {
    for (int64_t n = 0; n < s.n; ++n)
      transpose(from + n * channels * s.pixels(), s.pixels(), to + n * channels * s.pixels(), channels, channels,
                s.pixels());
  }
  Shape s;
  Numbers<float> x, x_pixels, y, y_pixels, w, w_tiles, dw, ab, scratch;
};

// Nanoseconds; the least of interleaved rounds, so that a busy machine disturbs all alike.
std::vector<double> least(const std::vector<std::function<void()>>& runs) {
  std::vector<double> best(runs.size(), 1e30);
  for (int round = 0; round < 15; ++round)
    for (size_t i = 0; i < runs.size(); ++i)
      for (int again = 0; again < 2; ++again) {
        timespec a, b;
        clock_gettime(CLOCK_MONOTONIC, &a);
        runs[i]();
        clock_gettime(CLOCK_MONOTONIC, &b);
        const double ns = 1e9 * static_cast<double>(b.tv_sec - a.tv_sec) + static_cast<double>(b.tv_nsec - a.tv_nsec);
        if (ns < best[i]) best[i] = ns;
      }
  return best;
}

void check(const char* what, const float* a, const float* b, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    if (!(std::fabs(a[i] - b[i]) <= 1e-3f * (1 + std::fabs(b[i])))) {
      std::fprintf(stderr, "%s differs at %ld: %g, %g\n", what, static_cast<long>(i), static_cast<double>(a[i]),
                   static_cast<double>(b[i]));
      std::exit(1);
    }
}

// Forms agree with each other, and planes with the definition.
void check(const Shape& s) {
  Images m(s);
  const Numbers<float> turned(m.y.size()), other(m.w.size());
  float* const scratch = m.scratch.data();
  forward_planes(s, m.x.data(), m.w_tiles.data(), m.y.data(), scratch);
  for (int64_t k = 0; k < s.k; k += 5)
    for (int64_t i = 0; i < s.h; ++i)
      for (int64_t j = 0; j < s.w; ++j) {
        float sum = 0;
        for (int64_t tap = 0; tap < 9; ++tap)
          for (int64_t c = 0; c < s.c; ++c) {
            const int64_t a = i + tap / 3 - 1, b = j + tap % 3 - 1;
            if (a >= 0 && a < s.h && b >= 0 && b < s.w)
              sum += m.x.data()[(c * s.h + a) * s.w + b] * m.w.data()[(tap * s.c + c) * s.k + k];
          }
        check("planes", &m.y.data()[(k * s.h + i) * s.w + j], &sum, 1);
      }
  forward_pixels(s, m.x_pixels.data(), m.w.data(), m.y_pixels.data(), scratch, false);
  m.to_pixels(m.y.data(), turned.data(), s.k);
  if (std::memcmp(turned.data(), m.y_pixels.data(), static_cast<size_t>(turned.size()) * sizeof(float)) != 0)
    check("pixels", turned.data(), m.y_pixels.data(), turned.size()), std::printf("forward bits differ\n");
  forward_pixels(s, m.x.data(), m.w.data(), turned.data(), scratch, true);
  check("packed", turned.data(), m.y.data(), turned.size());
  weight_planes(s, m.x.data(), m.y.data(), m.dw.data(), scratch);
  weight_pixels(s, m.x_pixels.data(), m.y_pixels.data(), other.data(), scratch, false);
  check("weight gradient", other.data(), m.dw.data(), other.size());
  weight_pixels(s, m.x.data(), m.y.data(), other.data(), scratch, true);
  check("weight gradient, packed", other.data(), m.dw.data(), other.size());
}

void row(const Shape& s, double peak) {
  Images m(s);
  // The gradient of x is the same kernel with channels exchanged; the first layer needs none.
  const bool has_input_gradient = s.c % 16 == 0;
  Images back(has_input_gradient ? Shape{s.name, s.n, s.k, s.c, s.h, s.w} : s);
  const Numbers<float> r(m.y.size()), out(m.y.size());
  float *const scratch = m.scratch.data(), *const scratch_back = back.scratch.data();
  std::vector<std::function<void()>> runs{
      [&] { forward_planes(s, m.x.data(), m.w_tiles.data(), m.y.data(), scratch); },
      [&] { forward_pixels(s, m.x_pixels.data(), m.w.data(), m.y_pixels.data(), scratch, false); },
      [&] { forward_pixels(s, m.x.data(), m.w.data(), m.y.data(), scratch, true); },
      [&] { weight_planes(s, m.x.data(), m.y.data(), m.dw.data(), scratch); },
      [&] { weight_pixels(s, m.x_pixels.data(), m.y_pixels.data(), m.dw.data(), scratch, false); },
      [&] { weight_pixels(s, m.x.data(), m.y.data(), m.dw.data(), scratch, true); },
      [&] { statistics_planes(s, m.y.data(), m.ab.data()); },
      [&] { statistics_pixels(s, m.y_pixels.data(), m.ab.data()); },
      [&] { normalise_planes(s, m.y.data(), r.data(), m.ab.data(), out.data()); },
      [&] { normalise_pixels(s, m.y_pixels.data(), r.data(), m.ab.data(), out.data()); },
      [&] { pool_planes(s, m.y.data(), out.data()); },
      [&] { pool_pixels(s, m.y_pixels.data(), out.data()); },
      [&] { m.to_pixels(m.y.data(), out.data(), s.k); },
  };
  if (has_input_gradient) {
    runs.push_back([&] { forward_planes(back.s, back.x.data(), back.w_tiles.data(), back.y.data(), scratch_back); });
    runs.push_back([&] {
      forward_pixels(back.s, back.x_pixels.data(), back.w.data(), back.y_pixels.data(), scratch_back, false);
    });
    runs.push_back([&] { forward_pixels(back.s, back.x.data(), back.w.data(), back.y.data(), scratch_back, true); });
  }
  const std::vector<double> ns = least(runs);
  const auto of_peak = [&](size_t i) { return i < ns.size() ? s.flops() / ns[i] / peak : 0.0; };
  std::printf("%-22s", s.name);
  for (size_t i : {0, 1, 2, 13, 14, 15, 3, 4, 5})
    std::printf(i % 3 == 0 || i == 13 ? "  | %4.2f" : " %4.2f", of_peak(i));
  std::printf("  |");
  for (size_t i = 6; i < 13; ++i) std::printf(" %7.1f", ns[i] * 1e-3);
  double contiguous = std::min(ns[0], ns[2]) + std::min(ns[3], ns[5]), pixels = ns[1] + ns[4];
  if (has_input_gradient) contiguous += std::min(ns[13], ns[15]), pixels += ns[14];
  const double around = ns[6] + ns[8] + ns[10], around_pixels = ns[7] + ns[9] + ns[11];
  std::printf(" | %4.2f  %4.2f\n", pixels / contiguous, (pixels + around_pixels) / (contiguous + around));
}

}  // namespace
}  // namespace bs::kernels::BS_ISA

#define BS_TEXT_OF(x) #x
#define BS_TEXT(x) BS_TEXT_OF(x)

int main() {
  using namespace bs::kernels::BS_ISA;
  check({"check", 2, 3, 16, 8, 8});
  check({"check", 2, 16, 32, 14, 14});
  check({"check", 3, 1, 32, 28, 28});
  const double peak = bs::bench::peak(BS_TEXT(BS_ISA)).gflops;
  std::printf("%s, one thread, peak %.0f GFLOP/s; fractions of it for nchw, nhwc, packed; then microseconds\n",
              BS_TEXT(BS_ISA), peak);
  std::printf(
      "%-22s  | forward         | by x            | by weights      | %15s %15s %15s %7s | nhwc / the best of the\n",
      "", "statistics", "bn+residual+relu", "pool 2x2", "turn");
  std::printf("%-22s  | %15s | %15s | %15s | %15s %15s %15s %7s | others; with the rest\n", "", "", "", "",
              "nchw    nhwc", "nchw    nhwc", "nchw    nhwc", "nhwc");
  for (const Shape& s :
       {Shape{"resnet 3->16 32x32", 32, 3, 16, 32, 32}, Shape{"resnet 16->16 32x32", 32, 16, 16, 32, 32},
        Shape{"resnet 32->32 16x16", 32, 32, 32, 16, 16}, Shape{"resnet 64->64 8x8", 32, 64, 64, 8, 8},
        Shape{"lenet 1->32 28x28", 32, 1, 32, 28, 28}, Shape{"lenet 32->64 14x14", 32, 32, 64, 14, 14},
        Shape{"64->64 56x56", 8, 64, 64, 56, 56}})
    row(s, peak);
}
