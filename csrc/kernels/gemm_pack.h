// Packing for the matrix product: strips of B and rows of A, whatever their strides, into contiguous scratch.
#pragma once

#include <cstdint>

#include "kernels/simd.h"

// Keeps arrays of vectors in registers: every index must be a constant.
#if defined(__clang__)
#define BS_UNROLL _Pragma("clang loop unroll(full)")
#else
#define BS_UNROLL _Pragma("GCC unroll 16")
#endif

namespace bs::kernels::BS_ISA {
namespace {

// ---- Transposing ---------------------------------------------------------------------------------------------

// A vector is Q pieces of 16 bytes, E elements each.
template <class T>
constexpr int kPiece = 16 / static_cast<int>(sizeof(T));
constexpr int kPieces = kVecBytes / 16;

// Piece q of the vector is the one at p[q] + at.
template <class T>
inline Vec<T> load_pieces(const T* const (&p)[kPieces], int64_t at) {
#if defined(__AVX512F__)
  auto piece = [&](int q) { return _mm_loadu_ps(reinterpret_cast<const float*>(p[q] + at)); };
  __m512 v = _mm512_castps128_ps512(piece(0));
  v = _mm512_insertf32x4(v, piece(1), 1);
  v = _mm512_insertf32x4(v, piece(2), 2);
  v = _mm512_insertf32x4(v, piece(3), 3);
  return (Vec<T>)v;
#elif defined(__AVX2__)
  auto piece = [&](int q) { return _mm_loadu_ps(reinterpret_cast<const float*>(p[q] + at)); };
  return (Vec<T>)_mm256_insertf128_ps(_mm256_castps128_ps256(piece(0)), piece(1), 1);
#else
  return v_load(p[0] + at);
#endif
}

template <class T>
using LanesOf = typename IndicesTo<kLanes<T>>::type;

// Within each piece of E elements, runs of `Run` elements taken by turns from x and y, beginning at the piece's middle
// if Half: the unpack instructions.
template <class T, int Run, bool Half, int... I>
inline Vec<T> interleave(Vec<T> x, Vec<T> y, Indices<I...>) {
  constexpr int E = kPiece<T>, L = kLanes<T>;
  return __builtin_shufflevector(
      x, y, (I / E * E + (Half ? E / 2 : 0) + I % E / (2 * Run) * Run + I % Run + (I / Run % 2 ? L : 0))...);
}

// Each piece of r[0 .. E) is a row of a little square: transposes all squares.
template <class T>
inline void transpose_pieces(Vec<T> (&r)[kPiece<T>]) {
  constexpr LanesOf<T> lanes;
  if constexpr (kPiece<T> == 2) {
    const Vec<T> x = r[0], y = r[1];
    r[0] = interleave<T, 1, false>(x, y, lanes);
    r[1] = interleave<T, 1, true>(x, y, lanes);
  } else {
    const Vec<T> x0 = interleave<T, 1, false>(r[0], r[1], lanes), x1 = interleave<T, 1, true>(r[0], r[1], lanes);
    const Vec<T> y0 = interleave<T, 1, false>(r[2], r[3], lanes), y1 = interleave<T, 1, true>(r[2], r[3], lanes);
    r[0] = interleave<T, 2, false>(x0, y0, lanes);
    r[1] = interleave<T, 2, true>(x0, y0, lanes);
    r[2] = interleave<T, 2, false>(x1, y1, lanes);
    r[3] = interleave<T, 2, true>(x1, y1, lanes);
  }
}

// dst[p * step + l] = src[l * stride + p] for l < n, p < k. Lanes n and above are padding that nobody reads.
template <class T>
void pack_transposed(const T* src, int64_t stride, int64_t n, int64_t k, T* dst, int64_t step) {
  constexpr int L = kLanes<T>, E = kPiece<T>;
  if (n < L || k < E) {
    // Missing lanes repeat the last one, so that padding holds numbers.
    const T* row[L];
    for (int l = 0; l < L; ++l) row[l] = src + min_of(l, n - 1) * stride;
    int64_t p = 0;
    for (; p + E <= k; p += E) {
      Vec<T> r[E];
      BS_UNROLL
      for (int e = 0; e < E; ++e) {
        const T* at[kPieces];
        for (int q = 0; q < kPieces; ++q) at[q] = row[q * E + e];
        r[e] = load_pieces<T>(at, p);
      }
      transpose_pieces<T>(r);
      BS_UNROLL
      for (int e = 0; e < E; ++e) v_store(dst + (p + e) * step, r[e]);
    }
    for (; p < k; ++p)
      for (int l = 0; l < L; ++l) dst[p * step + l] = row[l][p];
    return;
  }
  // Kept to kPieces pointers and E offsets, which is what the registers hold.
  const T* at[kPieces];
  BS_UNROLL
  for (int q = 0; q < kPieces; ++q) at[q] = src + q * E * stride;
  for (int64_t left = k;;) {
    Vec<T> r[E];
    BS_UNROLL
    for (int e = 0; e < E; ++e) r[e] = load_pieces<T>(at, e * stride);
    transpose_pieces<T>(r);
    BS_UNROLL
    for (int e = 0; e < E; ++e) v_store(dst + e * step, r[e]);
    left -= E;
    if (left == 0) break;
    const int64_t move = left < E ? left : E;  // the last square may overlap the one before
    if (left < E) left = E;
    dst += move * step;
    BS_UNROLL
    for (int q = 0; q < kPieces; ++q) at[q] += move;
  }
}

// ---- Strips --------------------------------------------------------------------------------------------------

// k rows of a strip of B, `vecs` vectors wide of which the last has `tail` columns, to dst[k][vecs * lanes].
template <class T>
void pack_strip(const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t vecs, int64_t tail, T* dst) {
  constexpr int L = kLanes<T>;
  const int64_t step = vecs * L;
  if (b_col == 1) {
    for (int64_t p = 0; p < k; ++p) {
      for (int64_t v = 0; v < vecs - 1; ++v) v_store(dst + p * step + v * L, v_load(b + p * b_row + v * L));
      v_store(dst + (p + 1) * step - L, v_load_part(b + p * b_row + (vecs - 1) * L, tail));
    }
  } else if (b_row == 1) {
    for (int64_t v = 0; v < vecs; ++v) {
      pack_transposed(b + v * L * b_col, b_col, v < vecs - 1 ? L : tail, k, dst + v * L, step);
    }
  } else {
    const int64_t n = step - L + tail;
    for (int64_t p = 0; p < k; ++p) {
      for (int64_t j = 0; j < n; ++j) dst[p * step + j] = b[p * b_row + j * b_col];
      for (int64_t j = n; j < step; ++j) dst[p * step + j] = 0;
    }
  }
}

// ---- Panels --------------------------------------------------------------------------------------------------

// `rows` rows of A, k columns, to dst[k][rows].
template <class T>
void pack_rows(const T* a, int64_t a_row, int64_t a_col, int64_t rows, int64_t k, T* dst) {
  constexpr int L = kLanes<T>;
  if (a_col == 1 && rows <= L) {
    pack_transposed(a, a_row, rows, k, dst, rows);
  } else if (a_row == 1 && rows <= L) {
    for (int64_t p = 0; p < k; ++p) v_store_part(dst + p * rows, v_load_part(a + p * a_col, rows), rows);
  } else {
    for (int64_t p = 0; p < k; ++p)
      for (int64_t i = 0; i < rows; ++i) dst[p * rows + i] = a[i * a_row + p * a_col];
  }
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
