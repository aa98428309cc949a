// The register tiles of a convolution. Both take for each tap and channel in a piece of the window and weights:
//
//   pixels by channels   X neighbouring pixels, by broadcast, times V vectors of channels out
//   channels by pixels   R channels out, by broadcast, times P vectors of neighbouring pixels
//
// The first wants many channels out, and its results are turned to planes; the second wants long rows.
#pragma once

#include <cstdint>

#include "kernels/gemm_pack.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kConvSums = 28;  // accumulators, of 32 registers
#else
constexpr int kConvSums = 12;  // of 16
#endif

template <class T>
struct ConvTile {
  const T* x;         // the window, at the first pixel
  const int64_t* at;  // of each tap, and one more
  int64_t taps, in, in_step;
  const T* w;                // [tap][channel in][channels of the tile]
  const T* bias;             // of these, padded as they are; or null
  T* out;                    // pixels by channels: [pixel][channel]; else planes
  int64_t out_step;          // from pixel to pixel; else from plane to plane
  int64_t rows, vecs, tail;  // of planes: how many are wanted, vectors of each, and pixels of the last
};

// fn(pieces of the window) for every tap and channel in.
template <class T, class Fn>
inline __attribute__((always_inline)) void over_taps(const ConvTile<T>& t, Fn fn) {
  const T* const x = t.x;
  const int64_t* at = t.at;
  const int64_t in = t.in, in_step = t.in_step;
  const T* p = x + *at;
  int64_t left = in;
  for (int64_t n = t.taps * in; n > 0; --n) {  // one loop: of two, GCC keeps the sums in memory
    fn(p);
    p += in_step;
    if (--left == 0) {
      left = in;
      p = x + *++at;
    }
  }
}

template <class T, int X, int V>
void tile_by_channels(const ConvTile<T>& t) {
  constexpr int L = kLanes<T>;
  Vec<T> acc[X][V] = {};
  const T* w = t.w;
  over_taps(t, [&](const T* p) __attribute__((always_inline)) {
    Vec<T> wv[V];
    BS_UNROLL
    for (int v = 0; v < V; ++v) wv[v] = v_load(w + v * L);
    BS_UNROLL
    for (int q = 0; q < X; ++q) {
      const Vec<T> xq = v_set(p[q]);
      BS_UNROLL
      for (int v = 0; v < V; ++v) acc[q][v] = v_fma(xq, wv[v], acc[q][v]);
    }
    w += V * L;
  });
  T* const out = t.out;
  const T* const bias = t.bias;
  const int64_t out_step = t.out_step;
  if (bias) {
    BS_UNROLL
    for (int v = 0; v < V; ++v) {
      const Vec<T> z = v_load(bias + v * L);
      BS_UNROLL
      for (int q = 0; q < X; ++q) acc[q][v] = acc[q][v] + z;
    }
  }
  BS_UNROLL
  for (int q = 0; q < X; ++q) {
    BS_UNROLL
    for (int v = 0; v < V; ++v) v_store(out + q * out_step + v * L, acc[q][v]);
  }
}

template <class T, int R, int P>
void tile_by_pixels(const ConvTile<T>& t) {
  constexpr int L = kLanes<T>;
  Vec<T> acc[R][P] = {};
  const T* w = t.w;
  over_taps(t, [&](const T* p) __attribute__((always_inline)) {
    Vec<T> xv[P];
    BS_UNROLL
    for (int q = 0; q < P; ++q) xv[q] = v_load(p + q * L);
    BS_UNROLL
    for (int k = 0; k < R; ++k) {
      const Vec<T> wk = v_set(w[k]);
      BS_UNROLL
      for (int q = 0; q < P; ++q) acc[k][q] = v_fma(xv[q], wk, acc[k][q]);
    }
    w += R;
  });
  T* const out = t.out;
  const T* const bias = t.bias;
  const int64_t out_step = t.out_step, rows = t.rows, vecs = t.vecs - 1, tail = t.tail;
  BS_UNROLL
  for (int k = 0; k < R; ++k) {
    if (k >= rows) break;
    if (bias) {
      const Vec<T> z = v_set(bias[k]);
      BS_UNROLL
      for (int q = 0; q < P; ++q) acc[k][q] = acc[k][q] + z;
    }
    BS_UNROLL
    for (int q = 0; q < P; ++q) {
      if (q < vecs)
        v_store(out + k * out_step + q * L, acc[k][q]);
      else if (q == vecs)
        v_store_part(out + k * out_step + q * L, acc[k][q], tail);
    }
  }
}

// ---- Which there are -----------------------------------------------------------------------------------------

template <class T>
using ConvTileFn = void (*)(const ConvTile<T>&);

constexpr bool kConvWide = kConvSums > 12;
// float64, and processors of before 2013, have few tiles: they are seldom, and each size is a kilobyte.
template <class T>
constexpr bool kConvFew = sizeof(T) == 8 || (kVecBytes == 16 && !kConvWide);
// Pixels of tiles by channels, which are two vectors of these wide, or one.
constexpr int kConvPixels[] = {kConvWide ? 14 : 6, kConvWide ? 8 : 4,  kConvWide ? 4 : 2, kConvWide ? 13 : 5,
                               kConvWide ? 12 : 3, kConvWide ? 10 : 1, kConvWide ? 7 : 1};
template <class T>
constexpr int kConvSizes = kConvFew<T> ? 2
                           : kConvWide ? 7
                                       : 6;
constexpr int kConvVecs = 8;  // of tiles by pixels, at most

template <class T>
struct ByChannels {
  ConvTileFn<T> fn[kConvSizes<T>][2];
};
template <class T, int I>
constexpr void fill(ByChannels<T>& table) {
  table.fn[I][0] = tile_by_channels<T, kConvPixels[I], 1>;
  table.fn[I][1] = tile_by_channels<T, kConvPixels[I], 2>;
  if constexpr (I > 0) fill<T, I - 1>(table);
}
template <class T>
constexpr ByChannels<T> make_by_channels() {
  ByChannels<T> table = {};
  fill<T, kConvSizes<T> - 1>(table);
  return table;
}
template <class T>
constexpr ByChannels<T> kByChannels = make_by_channels<T>();
// Planes of tiles by pixels, and vectors: one plane's sums are few, and long rows hide latency.
constexpr int kConvKinds = kConvWide ? 3 : 2;
constexpr int kConvPlanes[] = {1, 4, 8};
template <class T>
constexpr int kConvVectors[3][3] = {{2, 4, 8}, {1, 2, 3}, {1, 2, 3}};
template <class T>
  requires kConvFew<T>
constexpr int kConvVectors<T>[3][3] = {{8, 8, 8}, {3, 3, 3}, {1, 2, 2}};
template <class T>
struct ByPixels {
  ConvTileFn<T> fn[kConvKinds][3];
};
template <class T, int I>
constexpr void fill(ByPixels<T>& table) {
  table.fn[I / 3][I % 3] = tile_by_pixels<T, kConvPlanes[I / 3], kConvVectors<T>[I / 3][I % 3]>;
  if constexpr (I > 0) fill<T, I - 1>(table);
}
template <class T>
constexpr ByPixels<T> make_by_pixels() {
  ByPixels<T> table = {};
  fill<T, 3 * kConvKinds - 1>(table);
  return table;
}
template <class T>
constexpr ByPixels<T> kByPixels = make_by_pixels<T>();

}  // namespace
}  // namespace bs::kernels::BS_ISA
