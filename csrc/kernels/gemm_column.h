// Products of one column: y = A x, an inner product per row of A, summed in the 16 lanes of reduce.h.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/reduce.h"

namespace bs::kernels::BS_ISA {
namespace {

// Scratch for x and for one row of A, where they are not contiguous.
inline size_t column_bytes(const Gemm& g) {
  const int64_t parts = (g.b_row != 1) + (g.a_col != 1 && g.a_row != 1);
  return static_cast<size_t>(parts * g.k) * size_of(g.dtype);
}

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr bool kManyRegisters = true;  // 32, else 16
#else
constexpr bool kManyRegisters = false;
#endif

// The first n lanes, `step` elements apart.
template <class T>
inline void put(T* y, int64_t step, Vec<T> v, int64_t n) {
  if (n == 1) return v_store_one(y, v);
  if (step == 1) return v_store_part(y, v, n);
  for (int64_t i = 0; i < n; ++i) y[i * step] = v[i];
}

// Rows of A are contiguous.
template <class T>
void column_by_rows(int64_t k, const T* a, int64_t a_row, const T* x, Vec<T> bias, T* y, int64_t y_step, int64_t rows) {
  const auto group = [=](int64_t i, int n) __attribute__((always_inline)) {
    Vec<T> sum[1];
    fold_group<T, Add, 1>(
        k, n, T{0},
        [=](int r, int64_t p, auto part, Vec<T>* acc) {
          acc[0] = v_fma(part.load(a + (i + r) * a_row + p), part.load(x + p), acc[0]);
        },
        sum);
    put(y + i * y_step, y_step, sum[0] + bias, n);
  };
  if (rows == 1) return group(0, 1);  // half the instructions of any number
  for (int64_t i = 0; i < rows; i += kLanes<T>) group(i, static_cast<int>(min_of(kLanes<T>, rows - i)));
}

// Columns of A are contiguous: V vectors of rows. Lane q of every row's sum is an accumulator; kTogether lanes of V
// vectors fill half of the registers and cover the latency of the fma.
template <class T, int V, class Part>
void column_of_vectors(int64_t k, const T* a, int64_t a_col, const T* x, Vec<T> bias, T* y, int64_t y_step, Part part,
                       int64_t n_last) {
  constexpr int L = kLanes<T>;
  constexpr int kTogether = kManyRegisters ? 8 : 4;
  Vec<T> total[V] = {};
  for (int64_t lo = 0; lo < k; lo += kSumBlock) {
    const int64_t hi = min_of(lo + kSumBlock, k);
    Vec<T> lane[kSumLanes][V];
    for (int first = 0; first < kSumLanes; first += kTogether) {
      Vec<T> acc[kTogether][V] = {};
      const auto add = [&](int q, int64_t p) __attribute__((always_inline)) {
        const T* const row = a + p * a_col;
        const Vec<T> xp = v_set(x[p]);
#pragma GCC unroll 2
        for (int v = 0; v < V - 1; ++v) acc[q][v] = v_fma(v_load(row + v * L), xp, acc[q][v]);
        acc[q][V - 1] = v_fma(part.load(row + (V - 1) * L), xp, acc[q][V - 1]);
      };
      int64_t p = lo + first;
      for (; p + kTogether <= hi; p += kSumLanes) {
#pragma GCC unroll 8
        for (int q = 0; q < kTogether; ++q) add(q, p + q);
      }
#pragma GCC unroll 8
      for (int q = 0; q < kTogether; ++q) {
        if (p + q < hi) add(q, p + q);
        for (int v = 0; v < V; ++v) lane[first + q][v] = acc[q][v];
      }
    }
    for (int h = kSumLanes / 2; h > 0; h /= 2) {
      for (int q = 0; q < h; ++q) {
        for (int v = 0; v < V; ++v) lane[q][v] = lane[q][v] + lane[q + h][v];
      }
    }
    for (int v = 0; v < V; ++v) total[v] = total[v] + lane[0][v];
  }
  for (int v = 0; v < V; ++v) put(y + v * L * y_step, y_step, total[v] + bias, v < V - 1 ? L : n_last);
}

// Rows [lo, hi) of C, which has one column.
template <class T>
void gemm_column(const Gemm& g, const T* a, const T* x, const T* bias, T* c, int64_t lo, int64_t hi, T* scratch) {
  const Vec<T> z = v_set(bias ? bias[0] : T{0});
  if (g.b_row != 1) {
    for (int64_t p = 0; p < g.k; ++p) scratch[p] = x[p * g.b_row];
    x = scratch;
    scratch += g.k;
  }
  if (g.a_col == 1) {
    column_by_rows(g.k, a + lo * g.a_row, g.a_row, x, z, c + lo * g.c_row, g.c_row, hi - lo);
  } else if (g.a_row == 1) {
    constexpr int L = kLanes<T>;
    int64_t i = lo;
    const auto vectors = [&]<int V, class Part>(Part part, int64_t n) {
      column_of_vectors<T, V>(g.k, a + i, g.a_col, x, z, c + i * g.c_row, g.c_row, part, n);
    };
    for (; i + 2 * L <= hi; i += 2 * L) vectors.template operator()<2>(Whole<T>{}, L);
    if (i + L <= hi) {
      vectors.template operator()<1>(Whole<T>{}, L);
      i += L;
    }
    if (i < hi) vectors.template operator()<1>(Some<T>(hi - i), hi - i);
  } else {
    for (int64_t i = lo; i < hi; ++i) {
      for (int64_t p = 0; p < g.k; ++p) scratch[p] = a[i * g.a_row + p * g.a_col];
      column_by_rows(g.k, scratch, 0, x, z, c + i * g.c_row, g.c_row, 1);
    }
  }
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
