// y[o, c] = sum, max or sum of squares over r of x[o, r, c]; x (outer, reduce, inner) contiguous, y (outer, inner).
// The order of the sums is that of reduce.h.
#include "kernels/reduce.h"

#include "kernels/kernels.h"

namespace bs::kernels::BS_ISA {
namespace {

// How an element is taken into an accumulator: as it is, or its square.
struct Plain {
  template <class Op, class V>
  static V into(V acc, V x) {
    return Op::of(acc, x);
  }
};
struct Squared {
  template <class Op, class V>
  static V into(V acc, V x) {
    return Op::of(acc, x * x);
  }
};

// Lane r joins the `cols` elements from x + r * cols, for n rows.
template <class T, class Op, class Take = Plain>
inline Vec<T> join_rows(const T* x, int64_t cols, int n, T start) {
  Vec<T> out[1];
  fold_group<T, Op, 1>(
      cols, n, start,
      [=](int r, int64_t j, auto part, Vec<T>* acc) {
        acc[0] = Take::template into<Op>(acc[0], part.load(x + r * cols + j));
      },
      out);
  return out[0];
}

// One long row: its blocks are the rows of a group, so that it has as many chains in flight as many rows have.
template <class T, class Op, class Take = Plain>
inline T join_long_row(const T* x, int64_t cols, T start) {
  T total = start;
  const int64_t blocks = cols / kSumBlock;
  for (int64_t b = 0; b < blocks; b += kLanes<T>) {
    const int n = static_cast<int>(least(kLanes<T>, blocks - b));
    const Vec<T> joined = join_rows<T, Op, Take>(x + b * kSumBlock, kSumBlock, n, start);
    for (int r = 0; r < n; ++r) total = Op::of(total, static_cast<T>(joined[r]));
  }
  const int64_t rest = cols - blocks * kSumBlock;
  if (rest > 0)
    total = Op::of(total, static_cast<T>(join_rows<T, Op, Take>(x + blocks * kSumBlock, rest, 1, start)[0]));
  return total;
}

template <class T, class Op, class Take = Plain>
void reduce_rows(const T* x, T* y, int64_t cols, int64_t lo, int64_t hi, T start) {
  if (cols > kSumBlock) {
    for (int64_t i = lo; i < hi; ++i) y[i] = join_long_row<T, Op, Take>(x + i * cols, cols, start);
    return;
  }
  each_vector<T>(lo, hi, [=](int64_t i, auto part) {
    part.store(y + i, join_rows<T, Op, Take>(x + i * cols, cols, static_cast<int>(least(kLanes<T>, hi - i)), start));
  });
}

template <class T, class Op, class Take = Plain>
void reduce_columns(const T* x, T* y, int64_t rows, int64_t inner, int64_t lo, int64_t hi, T start) {
  while (lo < hi) {
    const int64_t o = lo / inner, c = lo % inner;
    const int64_t c_hi = least(inner, c + hi - lo);
    const T* from = x + o * rows * inner;
    T* to = y + o * inner;
    fold_columns<T, Op, 1>(
        rows, c, c_hi, start,
        [=](int64_t i, int64_t j, auto part, Vec<T>* acc) {
          acc[0] = Take::template into<Op>(acc[0], part.load(from + i * inner + j));
        },
        [=](int64_t j, auto part, const Vec<T>* total) { part.store(to + j, total[0]); });
    lo += c_hi - c;
  }
}

template <class T, class Op, class Take = Plain>
void reduce_as(const Reduce& r, const void* x, void* y, int64_t lo, int64_t hi, T start) {
  if (r.inner == 1) {
    reduce_rows<T, Op, Take>(static_cast<const T*>(x), static_cast<T*>(y), r.reduce, lo, hi, start);
  } else {
    reduce_columns<T, Op, Take>(static_cast<const T*>(x), static_cast<T*>(y), r.reduce, r.inner, lo, hi, start);
  }
}

}  // namespace

void reduce(const Reduce& r, const void* x, void* y, int64_t lo, int64_t hi) {
  if (r.kind == Reduction::sum) {
    switch (r.dtype) {
      case DType::f32:
        return reduce_as<float, Add>(r, x, y, lo, hi, 0.0f);
      case DType::f64:
        return reduce_as<double, Add>(r, x, y, lo, hi, 0.0);
      // Unsigned, where to wrap is defined; the bits are those of the signed sum.
      case DType::i32:
        return reduce_as<uint32_t, Add>(r, x, y, lo, hi, 0);
      case DType::i64:
        return reduce_as<uint64_t, Add>(r, x, y, lo, hi, 0);
      case DType::b8:
        return;
    }
  } else if (r.kind == Reduction::sum_squares) {
    if (r.dtype == DType::f32) return reduce_as<float, Add, Squared>(r, x, y, lo, hi, 0.0f);
    if (r.dtype == DType::f64) return reduce_as<double, Add, Squared>(r, x, y, lo, hi, 0.0);
  } else {
    switch (r.dtype) {
      case DType::f32:
        return reduce_as<float, Max>(r, x, y, lo, hi, -__builtin_inff());
      case DType::f64:
        return reduce_as<double, Max>(r, x, y, lo, hi, -__builtin_inf());
      case DType::i32:
        return reduce_as<int32_t, Max>(r, x, y, lo, hi, INT32_MIN);
      case DType::i64:
        return reduce_as<int64_t, Max>(r, x, y, lo, hi, INT64_MIN);
      case DType::b8:
        return;
    }
  }
}

}  // namespace bs::kernels::BS_ISA
