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

// Columns that are contiguous become rows, a block of kTurned rows by a vector of columns at a time. A vector is Q
// pieces of 16 bytes, E elements each.
template <class T>
constexpr int kPiece = 16 / static_cast<int>(sizeof(T));
constexpr int kPieces = kVecBytes / 16;
#if defined(__AVX512F__)
template <class T>
constexpr int kTurned = 2 * kPiece<T>;
#else
template <class T>
constexpr int kTurned = kPiece<T>;
#endif

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
inline void transpose_pieces(Vec<T>* r) {
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

#if defined(__AVX2__)
// The piece at p, or the half vector of v4; if not whole, its first n elements and then zeros.
template <class T, bool kWhole>
inline auto load_column(const T* p, [[maybe_unused]] int64_t n) {
  const float* const f = reinterpret_cast<const float*>(p);
  [[maybe_unused]] const int words = static_cast<int>(n * static_cast<int64_t>(sizeof(T) / sizeof(float)));
#if defined(__AVX512F__)
  if constexpr (kWhole) return _mm256_loadu_ps(f);
  return _mm256_maskz_loadu_ps(static_cast<__mmask8>((1 << words) - 1), f);
#else
  if constexpr (kWhole) return _mm_loadu_ps(f);
  return _mm_maskload_ps(f, _mm_cmpgt_epi32(_mm_set1_epi32(words), _mm_setr_epi32(0, 1, 2, 3)));
#endif
}
#endif

// r[i] = row i of the block whose column q E + e begins at column(q, e) and has kTurned elements, or, if not whole, n:
// then rows n and above are zeros.
template <class T, bool kWhole, class Column>
inline __attribute__((always_inline)) void load_turned(Vec<T> (&r)[kTurned<T>], Column column, int64_t n) {
  constexpr int E = kPiece<T>;
#if defined(__AVX512F__)
  // Halves of 32 bytes take fewer shuffles than pieces: 12 for 64 floats, not 20.
  const auto halves = [&](int q, int e) {
    const __m256 low = load_column<T, kWhole>(column(q, e), n), high = load_column<T, kWhole>(column(q + 1, e), n);
    return (Vec<T>)_mm512_mask_broadcast_f32x8(_mm512_castps256_ps512(low), 0xff00, high);
  };
  Vec<T> half[2][E];
  BS_UNROLL
  for (int e = 0; e < E; ++e) half[0][e] = halves(0, e);
  BS_UNROLL
  for (int e = 0; e < E; ++e) half[1][e] = halves(2, e);
  transpose_pieces<T>(half[0]);
  transpose_pieces<T>(half[1]);
  BS_UNROLL
  for (int e = 0; e < E; ++e) {
    const Vec<double> x = (Vec<double>)half[0][e], y = (Vec<double>)half[1][e];
    r[e] = (Vec<T>)__builtin_shufflevector(x, y, 0, 1, 4, 5, 8, 9, 12, 13);
    r[E + e] = (Vec<T>)__builtin_shufflevector(x, y, 2, 3, 6, 7, 10, 11, 14, 15);
  }
#elif defined(__AVX2__)
  BS_UNROLL
  for (int e = 0; e < E; ++e) {
    const __m128 low = load_column<T, kWhole>(column(0, e), n), high = load_column<T, kWhole>(column(1, e), n);
    r[e] = (Vec<T>)_mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
  }
  transpose_pieces<T>(r);
#else
  BS_UNROLL
  for (int e = 0; e < E; ++e) {
    if constexpr (kWhole) {
      r[e] = v_load(column(0, e));
    } else {
      r[e] = Vec<T>{};
      BS_UNROLL
      for (int c = 0; c < E; ++c)
        if (e < n) r[e][c] = column(0, c)[e];
    }
  }
  if constexpr (kWhole) transpose_pieces<T>(r);
#endif
}

// Columns one stride apart.
template <class T>
struct Columns {
  const T* at[kPieces];
  int64_t stride;

  Columns(const T* first, int64_t step) : stride(step) {
    BS_UNROLL
    for (int q = 0; q < kPieces; ++q) {
      // Compilers would keep the sums of `first` and 16 strides in registers, of which there are not so many.
      asm("" : "+r"(first));
      at[q] = first;
      first += kPiece<T> * step;
    }
  }
  const T* operator()(int q, int e) const { return at[q] + e * stride; }
  void advance(int64_t n) {
    BS_UNROLL
    for (int q = 0; q < kPieces; ++q) at[q] += n;
  }
};

// dst[p * step + l] = src[l * stride + p] for l < n, p < k. Lanes n and above are padding that nobody reads.
template <class T>
void pack_transposed(const T* src, int64_t stride, int64_t n, int64_t k, T* dst, int64_t step) {
  constexpr int L = kLanes<T>, E = kPiece<T>, S = kTurned<T>;
  const bool all = n >= L;
  const T* column[L];  // missing lanes repeat the last one, so that padding holds numbers
  if (!all || k < S)
    for (int l = 0; l < L; ++l) column[l] = src + min_of(l, n - 1) * stride;
  Vec<T> r[S];
  if (k < S) {
    load_turned<T, false>(r, [&](int q, int e) { return column[q * E + e]; }, k);
    BS_UNROLL
    for (int i = 0; i < S; ++i)
      if (i < k) v_store(dst + i * step, r[i]);
    return;
  }
  Columns<T> columns(src, stride);
  for (int64_t p = 0;;) {
    if (all)
      load_turned<T, true>(r, columns, S);
    else
      load_turned<T, true>(r, [&](int q, int e) { return column[q * E + e] + p; }, S);
    BS_UNROLL
    for (int i = 0; i < S; ++i) v_store(dst + (p + i) * step, r[i]);
    if (p + S == k) return;
    const int64_t move = min_of(S, k - S - p);  // the last block may overlap the one before
    columns.advance(move);
    p += move;
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

// N strips of V whole vectors at once, whose rows are contiguous, to strips `size` apart. Runs of 256 bytes and more of
// far rows are what memory gives in time: at (256, 2048, 2048) the copies are 14 % of the time with one strip at once
// (v4 and v3, Emerald Rapids), 10 % (v4) and 8 % (v3) so.
constexpr int kStripsAtOnce = kVecBytes == 64 ? 2 : 4;
template <int N, int V, class T>
void pack_strips(const T* b, int64_t b_row, int64_t k, T* dst, int64_t size) {
  constexpr int L = kLanes<T>;
  for (int64_t p = 0; p < k; ++p) {
    BS_UNROLL
    for (int s = 0; s < N; ++s) {
      BS_UNROLL
      for (int v = 0; v < V; ++v) v_store(dst + s * size + (p * V + v) * L, v_load(b + (s * V + v) * L));
    }
    b += b_row;
  }
}

// ---- Groups of rows ------------------------------------------------------------------------------------------

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

// Four groups of R rows each, whose columns are contiguous: they are read in whole lines, which alone is half of the
// time where columns lie far apart.
constexpr int kGroupsAtOnce = 4;
template <int R, class T>
void pack_four(const T* a, int64_t a_col, int64_t k, T* dst) {
  for (int64_t p = 0; p < k; ++p) {
    BS_UNROLL
    for (int h = 0; h < kGroupsAtOnce; ++h)
      __builtin_memcpy(dst + (h * k + p) * R, a + p * a_col + h * R, R * sizeof(T));
  }
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
