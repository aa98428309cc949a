// y[o, c] = the first k at which x[o, k, c] is the largest (or the least); x (outer, reduce, inner) contiguous. NaN
// comes before every number.
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/reduce.h"

namespace bs::kernels::BS_ISA {
namespace {

template <class V>
inline auto is_nan(V v) {
  return v != v;
}
// Whether b comes before a.
template <class Op, class V>
inline auto before(V b, V a) {
  return Op::beats(b, a) | (is_nan(b) & (a == a));
}

// Of n rows of `width` elements, at most a block: the extreme, and the first position that has it.
template <class T, class Op>
inline void extremes(const T* x, int64_t stride, int64_t width, int n, T start, T* extreme, int64_t* first) {
  using Int = typename IntOf<T>::type;
  constexpr Int kNowhere = sizeof(T) == 4 ? static_cast<Int>(INT32_MAX) : static_cast<Int>(INT64_MAX);
  Vec<T> joined[1];
  fold_group<T, Op, 1>(
      width, n, start,
      [=](int r, int64_t j, auto part, Vec<T>* acc) { acc[0] = Op::of(acc[0], part.load(x + r * stride + j)); },
      joined);
  v_store(extreme, joined[0]);
  Vec<Int> position[1];
  fold_group<Int, Min, 1>(
      width, n, kNowhere,
      [=](int r, int64_t j, auto part, Vec<Int>* acc) {
        const Vec<T> v = part_as<T>(part).load(x + r * stride + j);
        const Mask<T> found = (v == v_set(extreme[r])) | is_nan(v);
        acc[0] = Min::of(acc[0], found ? v_iota<T>() + static_cast<Int>(j) : v_set(kNowhere));
      },
      position);
  for (int r = 0; r < n; ++r) first[r] = position[0][r];
}

template <class T, class Op>
void arg_rows(const T* x, int64_t* y, int64_t cols, int64_t lo, int64_t hi, T start) {
  constexpr int lanes = kLanes<T>;
  T extreme[lanes];
  int64_t first[lanes];
  if (cols <= kSumBlock) {
    for (int64_t i = lo; i < hi; i += lanes) {
      const int n = static_cast<int>(min_of(lanes, hi - i));
      extremes<T, Op>(x + i * cols, cols, cols, n, start, extreme, first);
      for (int r = 0; r < n; ++r) y[i + r] = first[r];
    }
    return;
  }
  // The blocks of a long row are the rows of a group; the last may be shorter.
  for (int64_t i = lo; i < hi; ++i) {
    T best = start;
    for (int64_t j = 0; j < cols;) {
      const int64_t blocks = (cols - j) / kSumBlock, width = blocks ? kSumBlock : cols - j;
      const int n = blocks ? static_cast<int>(min_of(lanes, blocks)) : 1;
      extremes<T, Op>(x + i * cols + j, width, width, n, start, extreme, first);
      for (int r = 0; r < n; ++r, j += width) {
        if (j > 0 && !before<Op>(extreme[r], best)) continue;
        best = extreme[r];
        y[i] = j + first[r];
      }
    }
  }
}

// The columns of `vectors` vectors from column c; positions are counted in blocks that their lanes can count.
template <class T, class Op, int vectors, class P>
inline void arg_tile(const T* x, int64_t* y, int64_t rows, int64_t inner, int64_t c, P part, int64_t n_columns) {
  using Int = typename IntOf<T>::type;
  constexpr int64_t kBlock = int64_t{1} << 30;
  Vec<T> best[vectors];
  for (int v = 0; v < vectors; ++v) best[v] = part.load(x + c + v * kLanes<T>);
  for (int64_t v = 0; v < n_columns; ++v) y[c + v] = 0;
  for (int64_t lo = 0; lo < rows; lo += kBlock) {
    const int64_t hi = min_of(lo + kBlock, rows);
    Mask<T> at[vectors], now = {};
    for (int v = 0; v < vectors; ++v) at[v] = v_set(Int(-1));
    for (int64_t i = lo; i < hi; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) {
        const Vec<T> x_v = part.load(x + i * inner + c + v * kLanes<T>);
        const Mask<T> found = before<Op>(x_v, best[v]);
        best[v] = found ? x_v : best[v];
        at[v] = found ? now : at[v];
      }
      now += Int(1);
    }
    Int found[vectors * kLanes<T>];
    for (int v = 0; v < vectors; ++v) v_store(found + v * kLanes<T>, at[v]);
    for (int64_t k = 0; k < n_columns; ++k)
      if (found[k] >= 0) y[c + k] = lo + found[k];
  }
}

template <class T, class Op>
void arg_columns(const T* x, int64_t* y, int64_t rows, int64_t inner, int64_t lo, int64_t hi) {
  constexpr int wide = 4;
  int64_t c = lo;
  for (; c + wide * kLanes<T> <= hi; c += wide * kLanes<T>) {
    arg_tile<T, Op, wide>(x, y, rows, inner, c, Whole<T>{}, wide * kLanes<T>);
  }
  for (; c + kLanes<T> <= hi; c += kLanes<T>) arg_tile<T, Op, 1>(x, y, rows, inner, c, Whole<T>{}, kLanes<T>);
  if (c < hi) arg_tile<T, Op, 1>(x, y, rows, inner, c, Some<T>(hi - c), hi - c);
}

template <class T, class Op>
void arg_as(const Reduce& r, const void* x_, int64_t* y, int64_t lo, int64_t hi, T start) {
  const T* x = static_cast<const T*>(x_);
  if (r.inner == 1) return arg_rows<T, Op>(x, y, r.reduce, lo, hi, start);
  while (lo < hi) {
    const int64_t o = lo / r.inner, c = lo % r.inner, c_hi = min_of(r.inner, c + hi - lo);
    arg_columns<T, Op>(x + o * r.reduce * r.inner, y + o * r.inner, r.reduce, r.inner, c, c_hi);
    lo += c_hi - c;
  }
}

template <class T>
void arg_of(const Reduce& r, const void* x, int64_t* y, int64_t lo, int64_t hi) {
  if (r.kind == Reduction::max) {
    arg_as<T, Max>(r, x, y, lo, hi, kBelowAll<T>);
  } else {
    arg_as<T, Min>(r, x, y, lo, hi, kAboveAll<T>);
  }
}

}  // namespace

void arg_reduce(const Reduce& r, const void* x, int64_t* y, int64_t lo, int64_t hi) {
  with_number(r.dtype, [&](auto zero) { arg_of<decltype(zero)>(r, x, y, lo, hi); });
}

}  // namespace bs::kernels::BS_ISA
