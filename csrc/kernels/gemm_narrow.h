// Products of many rows with so few columns, and so short sums, that one strip of B in L1 serves them all: groups of
// rows in one loop, where a call per tile would cost as much as its fma (k = 32 and less). And products whose columns
// are fewer than half a vector: vectors of their own width.
#pragma once

#include <cstdint>

#include "kernels/gemm_pack.h"
#include "kernels/gemm_tile.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

// ---- Vectors shorter than a register -------------------------------------------------------------------------

template <class T, int W>
struct ShortOf {
  typedef T type __attribute__((vector_size(W * sizeof(T))));
  typedef T unaligned __attribute__((vector_size(W * sizeof(T)), aligned(sizeof(T)), may_alias));
};
template <class T, int W>
using Short = typename ShortOf<T, W>::type;

#if defined(__AVX2__)
inline Short<float, 4> short_fma(Short<float, 4> a, Short<float, 4> b, Short<float, 4> c) {
  return _mm_fmadd_ps(a, b, c);
}
inline Short<double, 2> short_fma(Short<double, 2> a, Short<double, 2> b, Short<double, 2> c) {
  return _mm_fmadd_pd(a, b, c);
}
#endif
#if defined(__AVX512F__)
inline Short<float, 8> short_fma(Short<float, 8> a, Short<float, 8> b, Short<float, 8> c) {
  return _mm256_fmadd_ps(a, b, c);
}
inline Short<double, 4> short_fma(Short<double, 4> a, Short<double, 4> b, Short<double, 4> c) {
  return _mm256_fmadd_pd(a, b, c);
}
#endif

// The lanes of the shortest vector that holds n elements, n <= kFewColumns.
template <class T>
constexpr int short_lanes(int n) {
  return n <= kPiece<T> ? kPiece<T> : 2 * kPiece<T>;
}
// Up to so many columns are few: whole vectors would be masked, most of them across two cache lines.
template <class T>
constexpr int kFewColumns = kPieces > 1 ? kLanes<T> / 2 : 0;

// ---- Rows ----------------------------------------------------------------------------------------------------

template <class T>
struct Rows {
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row;
  int64_t k;
  const T* bias;  // or null
  T* c;
  int64_t c_row;
  int64_t groups;  // of rows
  int64_t tail;    // columns in the last vector
};

// Rows of a group: as high as a tile, or as many as registers hold accumulators of so many vectors.
constexpr int narrow_rows(int vecs) { return kAccumulators / vecs < kRows ? kAccumulators / vecs : kRows; }

// A pointer for each row, kept apart: compilers prefer one pointer and an index per row, but an fma with an indexed
// operand takes two slots of the four to six that a cycle has. Four columns: 0.79 of the time.
template <class T, int R>
inline __attribute__((always_inline)) void advance(const T* (&row)[R], int64_t step) {
  BS_UNROLL
  for (int i = 0; i < R; ++i) {
    row[i] += step;
    asm("" : "+r"(row[i]));
  }
}

template <class T, int V>
void rows_of_vectors(const Rows<T>& given) {
  constexpr int L = kLanes<T>, R = narrow_rows(V);
  const Rows<T> t = given;
  const T* a = t.a;
  T* c = t.c;
  const auto all = [&]<bool kMasked>() __attribute__((always_inline)) {
    for (int64_t left = t.groups; left > 0; --left) {
      Vec<T> acc[R][V] = {};
      const T* row[R];
      BS_UNROLL
      for (int i = 0; i < R; ++i) row[i] = a + i * t.a_row;
      const T* b = t.b;
      for (int64_t p = t.k; p > 0; --p) {
        Vec<T> bv[V];
        BS_UNROLL
        for (int v = 0; v < V - 1; ++v) bv[v] = v_load(b + v * L);
        bv[V - 1] = kMasked ? v_load_part(b + (V - 1) * L, t.tail) : v_load(b + (V - 1) * L);
        BS_UNROLL
        for (int i = 0; i < R; ++i) {
          const Vec<T> ai = v_set(*row[i]);
          BS_UNROLL
          for (int v = 0; v < V; ++v) acc[i][v] = v_fma(ai, bv[v], acc[i][v]);
        }
        b += t.b_row;
        advance(row, t.a_col);
      }
      if (t.bias) {
        BS_UNROLL
        for (int v = 0; v < V; ++v) {
          const Vec<T> z = v_load_part(t.bias + v * L, v < V - 1 ? L : t.tail);
          BS_UNROLL
          for (int i = 0; i < R; ++i) acc[i][v] = acc[i][v] + z;
        }
      }
      BS_UNROLL
      for (int i = 0; i < R; ++i) {
        BS_UNROLL
        for (int v = 0; v < V - 1; ++v) v_store(c + i * t.c_row + v * L, acc[i][v]);
        if (t.tail == L)
          v_store(c + i * t.c_row + (V - 1) * L, acc[i][V - 1]);
        else
          v_store_part(c + i * t.c_row + (V - 1) * L, acc[i][V - 1], t.tail);
      }
      a += R * t.a_row;
      c += R * t.c_row;
    }
  };
  if (kMaskedLoads && t.tail < L)
    all.template operator()<true>();
  else
    all.template operator()<false>();
}

// N columns, fewer than a vector. b holds rows of short_lanes(N), padded.
template <class T, int N>
void rows_of_few(const Rows<T>& given) {
  constexpr int W = short_lanes<T>(N), R = kRows;
  using V = Short<T, W>;
  using Unaligned = typename ShortOf<T, W>::unaligned;
  const Rows<T> t = given;
  const T* a = t.a;
  T* c = t.c;
  V z = {};
  for (int j = 0; t.bias && j < N; ++j) z[j] = t.bias[j];
  for (int64_t left = t.groups; left > 0; --left) {
    V acc[R] = {};
    const T* row[R];
    BS_UNROLL
    for (int i = 0; i < R; ++i) row[i] = a + i * t.a_row;
    const T* b = t.b;
    for (int64_t p = t.k; p > 0; --p) {
      const V bv = *reinterpret_cast<const Unaligned*>(b);
      BS_UNROLL
      for (int i = 0; i < R; ++i) acc[i] = short_fma(*row[i] - V{}, bv, acc[i]);
      b += W;
      advance(row, t.a_col);
    }
    BS_UNROLL
    for (int i = 0; i < R; ++i) {
      const V sum = t.bias ? acc[i] + z : acc[i];
      if constexpr (N == W) {
        *reinterpret_cast<Unaligned*>(c + i * t.c_row) = sum;
      } else {
        BS_UNROLL
        for (int j = 0; j < N; ++j) c[i * t.c_row + j] = sum[j];
      }
    }
    a += R * t.a_row;
    c += R * t.c_row;
  }
}

// n columns of B, k rows, to rows of short_lanes(n).
template <class T>
void pack_few(const T* b, int64_t b_row, int64_t b_col, int64_t k, int n, T* dst) {
  const int lanes = short_lanes<T>(n);
  for (int j = 0; j < n; ++j) {
    for (int64_t p = 0; p < k; ++p) dst[p * lanes + j] = b[p * b_row + j * b_col];
  }
  for (int j = n; j < lanes; ++j) {
    for (int64_t p = 0; p < k; ++p) dst[p * lanes + j] = 0;
  }
}

template <class T>
struct NarrowTable {
  void (*vectors[4])(const Rows<T>&);
  void (*few[kFewColumns<T> + 1])(const Rows<T>&);
};
template <class T, int N>
constexpr void fill_few(NarrowTable<T>& table) {
  if constexpr (N >= 2) {
    table.few[N] = rows_of_few<T, N>;
    fill_few<T, N - 1>(table);
  }
}
template <class T>
constexpr NarrowTable<T> make_narrow() {
  NarrowTable<T> table = {{rows_of_vectors<T, 1>, rows_of_vectors<T, 2>, rows_of_vectors<T, 3>, rows_of_vectors<T, 4>},
                          {}};
  fill_few<T, kFewColumns<T>>(table);
  return table;
}
template <class T>
constexpr NarrowTable<T> kNarrow = make_narrow<T>();

}  // namespace
}  // namespace bs::kernels::BS_ISA
