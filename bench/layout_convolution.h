// The convolutions of layout.cpp: 3x3, stride 1, padding 1, float32, in three forms.
//
//   nchw    planes; a vector holds neighbouring output pixels. Each plane is copied three times, shifted by -1, 0 and 1
//           column, so that the pixels of a whole image are one run for every tap, whatever its width.
//   nhwc    pixels; a vector holds output channels. Each image is copied with a border.
//   packed  planes outside, pixels inside: the copy with a border transposes, and so does writing the result.
//
// An output element is one fma chain over (tap, channel) in all three, so the forward bits agree. A weight gradient
// sums over pixels: in order (nhwc, packed), or in the lanes of a vector (nchw).
#pragma once

#include <cstring>

#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

using V = Vec<float>;
constexpr int64_t L = kLanes<float>;
constexpr int kWide = L == 16 ? 2 : 1;  // 32 registers, or 16
constexpr int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

struct Shape {
  const char* name;
  int64_t n, c, k, h, w;
  int64_t pixels() const { return h * w; }
  double flops() const { return 18.0 * static_cast<double>(n * c * k * pixels()); }
};

// ---- Transposing ---------------------------------------------------------------------------------------------

template <int s, int... i>
inline V mix(V a, V b, bool high, Indices<i...>) {
  return high ? __builtin_shufflevector(a, b, ((i & s) ? i + static_cast<int>(L) : i + s)...)
              : __builtin_shufflevector(a, b, ((i & s) ? i - s + static_cast<int>(L) : i)...);
}
template <int s>
inline void exchange(V (&r)[L]) {
  if constexpr (s < L) {
    for (int i = 0; i < L; ++i)
      if (!(i & s)) {
        const V a = r[i], b = r[i + s];
        r[i] = mix<s>(a, b, false, typename IndicesTo<L>::type{});
        r[i + s] = mix<s>(a, b, true, typename IndicesTo<L>::type{});
      }
    exchange<2 * s>(r);
  }
}
// y[j][i] = x[i][j] for i < rows, j < cols.
void transpose(const float* x, int64_t x_step, float* y, int64_t y_step, int64_t rows, int64_t cols) {
  int64_t i = 0;
  for (; i + L <= rows; i += L) {
    int64_t j = 0;
    for (; j + L <= cols; j += L) {
      V r[L];
#pragma GCC unroll 16
      for (int64_t q = 0; q < L; ++q) r[q] = v_load(x + (i + q) * x_step + j);
      exchange<1>(r);
#pragma GCC unroll 16
      for (int64_t q = 0; q < L; ++q) v_store(y + (j + q) * y_step + i, r[q]);
    }
    for (; j < cols; ++j)
      for (int64_t q = i; q < i + L; ++q) y[j * y_step + q] = x[q * x_step + j];
  }
  for (; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j) y[j * y_step + i] = x[i * x_step + j];
}

// ---- Planes: a vector of pixels ------------------------------------------------------------------------------

// One plane with a row of zeros above and below, shifted so that pixel p of tap column s stands at p + w.
void shift_plane(const Shape& s, const float* x, int by, float* out) {
  for (int64_t q = 0; q < s.w; ++q) out[q] = out[s.w + s.pixels() + q] = 0;
  for (int64_t row = 0; row < s.h; ++row) {
    const float* from = x + row * s.w;
    float* to = out + (row + 1) * s.w;
    const int64_t lo = by < 0 ? 1 : 0, hi = by > 0 ? s.w - 1 : s.w;
    to[0] = to[s.w - 1] = 0;
    int64_t q = lo;
    for (; q + L <= hi; q += L) v_store(to + q, v_load(from + q + by));
    if (q < hi) v_store_part(to + q, v_load_part(from + q + by, hi - q), hi - q);
  }
}
int64_t plane_size(const Shape& s) { return up(s.pixels() + 2 * s.w + L, L); }

constexpr int kK = 4 * kWide, kP = 3;  // register tile: channels out, vectors of pixels

// w[k / kK][tap][c][kK]
template <int P>
inline void planes_tile(const Shape& s, const float* planes, const float* w, float* y, int64_t p, int64_t last) {
  const int64_t plane = plane_size(s);
  V acc[kK][P] = {};
  const float* x = planes + p;
  // One loop: with one inside the other GCC keeps the sums in memory.
  for (int64_t i = 0, tap = 0, c = 0; i < 9 * s.c; ++i, x += plane, w += kK) {
    V in[P];
#pragma GCC unroll 8
    for (int q = 0; q < P; ++q) in[q] = v_load(x + q * L);
#pragma GCC unroll 8
    for (int k = 0; k < kK; ++k)
#pragma GCC unroll 8
      for (int q = 0; q < P; ++q) acc[k][q] = v_fma(in[q], v_set(w[k]), acc[k][q]);
    if (++c == s.c) {
      c = 0;
      ++tap;
      x = planes + tap % 3 * s.c * plane + tap / 3 * s.w + p - plane;
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < kK; ++k)
#pragma GCC unroll 8
    for (int q = 0; q < P; ++q) {
      float* to = y + k * s.pixels() + p + q * L;
      if (q < P - 1 || last == L)
        v_store(to, acc[k][q]);
      else
        v_store_part(to, acc[k][q], last);
    }
}

void forward_planes(const Shape& s, const float* x, const float* w, float* y, float* scratch) {
  const int64_t plane = plane_size(s), vectors = up(s.pixels(), L) / L, tiles = (vectors + kP - 1) / kP;
  for (int64_t n = 0; n < s.n; ++n) {
    for (int by = 0; by < 3; ++by)
      for (int64_t c = 0; c < s.c; ++c)
        shift_plane(s, x + (n * s.c + c) * s.pixels(), by - 1, scratch + (by * s.c + c) * plane);
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t lo = vectors * t / tiles, hi = vectors * (t + 1) / tiles;
      const int64_t last = hi < vectors ? L : s.pixels() - (vectors - 1) * L;
      for (int64_t k = 0; k < s.k; k += kK) {
        const float* wk = w + k * 9 * s.c;
        float* to = y + (n * s.k + k) * s.pixels();
        if (hi - lo == 3) planes_tile<3>(s, scratch, wk, to, lo * L, last);
        if (hi - lo == 2) planes_tile<2>(s, scratch, wk, to, lo * L, last);
        if (hi - lo == 1) planes_tile<1>(s, scratch, wk, to, lo * L, last);
      }
    }
  }
}

constexpr int kG =
    4;  // register tile of the weight gradient: kG channels out times three rows of taps (kWide: and two in)

// dw[tap][c][k] of the channels c that `planes` holds for so many images; sums in lanes over all of them.
void weight_planes(const Shape& s, const float* x, const float* dy, float* dw, float* scratch) {
  const int64_t plane = plane_size(s), each = 3 * plane, whole = s.pixels() / L * L, rest = s.pixels() - whole;
  for (int64_t c = 0; c < s.c; c += kWide) {
    const int64_t cs = min_of(kWide, s.c - c);
    for (int64_t n = 0; n < s.n; ++n)
      for (int64_t i = 0; i < kWide; ++i)
        for (int by = 0; by < 3; ++by)
          shift_plane(s, x + (n * s.c + c + min_of(i, cs - 1)) * s.pixels(), by - 1,
                      scratch + (n * kWide + i) * each + by * plane);
    for (int64_t k = 0; k < s.k; k += kG)
      for (int by = 0; by < 3; ++by) {
        V acc[kG][3 * kWide] = {};
        const auto step = [&](const float* in, const float* g, int64_t count) __attribute__((always_inline)) {
          V a[3 * kWide];
#pragma GCC unroll 8
          for (int j = 0; j < 3 * kWide; ++j) a[j] = v_load(in + j / 3 * each + j % 3 * s.w);
#pragma GCC unroll 8
          for (int i = 0; i < kG; ++i) {
            const V b = count == L ? v_load(g + i * s.pixels()) : v_load_part(g + i * s.pixels(), count);
#pragma GCC unroll 8
            for (int j = 0; j < 3 * kWide; ++j) acc[i][j] = v_fma(a[j], b, acc[i][j]);
          }
        };
        for (int64_t n = 0; n < s.n; ++n) {
          const float *in = scratch + n * kWide * each + by * plane, *g = dy + (n * s.k + k) * s.pixels();
          for (int64_t p = 0; p < whole; p += L) step(in + p, g + p, L);
          if (rest) step(in + whole, g + whole, rest);
        }
#pragma GCC unroll 8
        for (int i = 0; i < kG; ++i)
#pragma GCC unroll 8
          for (int j = 0; j < 3 * kWide; ++j) {
            float lanes[L], sum = 0;
            v_store(lanes, acc[i][j]);
            for (const float lane : lanes) sum += lane;
            if (j / 3 < cs) dw[((j % 3 * 3 + by) * s.c + c + j / 3) * s.k + k + i] = sum;
          }
      }
  }
}

// ---- Pixels: a vector of channels ----------------------------------------------------------------------------

int64_t bordered(const Shape& s) { return (s.h + 2) * (s.w + 2) * s.c; }

// One image with a border of zeros, from pixels or from planes.
void border(const Shape& s, const float* x, bool planes, float* out) {
  const int64_t row = (s.w + 2) * s.c;
  std::memset(out, 0, static_cast<size_t>(row) * sizeof(float));
  std::memset(out + (s.h + 1) * row, 0, static_cast<size_t>(row) * sizeof(float));
  for (int64_t i = 0; i < s.h; ++i) {
    float* to = out + (i + 1) * row;
    for (int64_t c = 0; c < s.c; ++c) to[c] = to[row - 1 - c] = 0;
    if (planes)
      transpose(x + i * s.w, s.pixels(), to + s.c, s.c, s.c, s.w);
    else
      std::memcpy(to + s.c, x + i * s.w * s.c, static_cast<size_t>(s.w * s.c) * sizeof(float));
  }
}

// w[tap][c][k]; X pixels of a row times K vectors of channels.
template <int64_t C, int X, int K>
inline void pixels_tile(const Shape& s, const float* image, const float* w, float* y) {
  V acc[X][K] = {};
  const float* x = image;
  for (int64_t i = 0, row = 0; i < 9 * C; ++i, ++x, w += s.k) {
    V in[K];
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) in[k] = v_load(w + k * L);
#pragma GCC unroll 16
    for (int q = 0; q < X; ++q)
#pragma GCC unroll 8
      for (int k = 0; k < K; ++k) acc[q][k] = v_fma(in[k], v_set(x[q * C]), acc[q][k]);
    if (++row == 3 * C) {  // the three taps of a row lie in one piece
      row = 0;
      x += (s.w + 2 - 3) * C;
    }
  }
#pragma GCC unroll 16
  for (int q = 0; q < X; ++q)
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) v_store(y + q * s.k + k * L, acc[q][k]);
}

// So many rows of an image.
template <int64_t C, int X, int K>
void pixels_rows(const Shape& s, const float* image, const float* w, int64_t rows, float* y) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = 0; k < s.k; k += K * L)
      for (int64_t q = 0; q < s.w; q += X)
        pixels_tile<C, X, K>(s, image + (i * (s.w + 2) + q) * C, w + k, y + (i * s.w + q) * s.k + k);
}
// 16 channels out are one vector of v4: more pixels instead. v3 has half the registers and half the lanes.
template <int64_t C>
void pixels_rows(const Shape& s, const float* image, const float* w, int64_t rows, float* y) {
  const bool seven = s.w % 8 != 0;
  if (L == 16 && s.k % 32 != 0)
    return s.w % 16 ? pixels_rows<C, 8, 1>(s, image, w, rows, y) : pixels_rows<C, 16, 1>(s, image, w, rows, y);
  if (L == 16) return seven ? pixels_rows<C, 14, 2>(s, image, w, rows, y) : pixels_rows<C, 8, 2>(s, image, w, rows, y);
  return seven ? pixels_rows<C, 7, 1>(s, image, w, rows, y) : pixels_rows<C, 4, 2>(s, image, w, rows, y);
}
void pixels_rows(const Shape& s, const float* image, const float* w, int64_t rows, float* y) {
  if (s.c == 1) pixels_rows<1>(s, image, w, rows, y);
  if (s.c == 3) pixels_rows<3>(s, image, w, rows, y);
  if (s.c == 16) pixels_rows<16>(s, image, w, rows, y);
  if (s.c == 32) pixels_rows<32>(s, image, w, rows, y);
  if (s.c == 64) pixels_rows<64>(s, image, w, rows, y);
}

void forward_pixels(const Shape& s, const float* x, const float* w, float* y, float* scratch, bool planes) {
  float* block = scratch + up(bordered(s), 16);
  int64_t rows = 1;  // that are whole squares to transpose, while the block is in L1
  while (rows * s.w % L != 0 && rows < s.h) rows *= 2;
  rows = min_of(rows, s.h);
  for (int64_t n = 0; n < s.n; ++n) {
    border(s, x + n * s.c * s.pixels(), planes, scratch);
    float* result = y + n * s.k * s.pixels();
    if (!planes) {
      pixels_rows(s, scratch, w, s.h, result);
      continue;
    }
    for (int64_t i = 0; i < s.h; i += rows) {
      const int64_t count = min_of(rows, s.h - i);
      pixels_rows(s, scratch + i * (s.w + 2) * s.c, w, count, block);
      transpose(block, s.k, result + i * s.w, s.pixels(), count * s.w, s.k);
    }
  }
}

// J pairs (tap, c) times K vectors of channels out; the chains go on from dw, image after image.
template <int J, int K>
inline void weight_tile(const Shape& s, const float* image, const float* dy, int64_t j, float* dw) {
  V acc[J][K];
  int64_t at[J];
#pragma GCC unroll 16
  for (int i = 0; i < J; ++i) {
    const int64_t tap = (j + i) / s.c;
    at[i] = (tap / 3 * (s.w + 2) + tap % 3) * s.c + (j + i) % s.c;
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) acc[i][k] = v_load(dw + i * s.k + k * L);
  }
  for (int64_t row = 0; row < s.h; ++row) {
    const float *x = image + row * (s.w + 2) * s.c, *g = dy + row * s.w * s.k;
    for (int64_t q = 0; q < s.w; ++q, x += s.c, g += s.k) {
      V in[K];
#pragma GCC unroll 8
      for (int k = 0; k < K; ++k) in[k] = v_load(g + k * L);
#pragma GCC unroll 16
      for (int i = 0; i < J; ++i)
#pragma GCC unroll 8
        for (int k = 0; k < K; ++k) acc[i][k] = v_fma(in[k], v_set(x[at[i]]), acc[i][k]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < J; ++i)
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) v_store(dw + i * s.k + k * L, acc[i][k]);
}

template <int J, int K>
void weight_image(const Shape& s, const float* image, const float* dy, float* dw) {
  for (int64_t k = 0; k < s.k; k += K * L) {
    int64_t j = 0;
    for (; j + J <= 9 * s.c; j += J) weight_tile<J, K>(s, image, dy + k, j, dw + j * s.k + k);
    for (; j < 9 * s.c; ++j) weight_tile<1, K>(s, image, dy + k, j, dw + j * s.k + k);
  }
}

void weight_pixels(const Shape& s, const float* x, const float* dy, float* dw, float* scratch, bool planes) {
  float* turned = scratch + up(bordered(s), 16);
  std::memset(dw, 0, static_cast<size_t>(9 * s.c * s.k) * sizeof(float));
  for (int64_t n = 0; n < s.n; ++n) {
    border(s, x + n * s.c * s.pixels(), planes, scratch);
    const float* g = dy + n * s.k * s.pixels();
    if (planes) {
      transpose(g, s.pixels(), turned, s.k, s.k, s.pixels());
      g = turned;
    }
    if (s.k % (2 * L) == 0)
      weight_image<4 * kWide, 2>(s, scratch, g, dw);
    else
      weight_image<9, 1>(s, scratch, g, dw);
  }
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
