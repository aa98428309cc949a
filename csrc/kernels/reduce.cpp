// y[o, c] = sum, max, min or sum of squares over r of x[o, r, c]; x (outer, reduce, inner) contiguous, y (outer,
// inner). The order of the sums is that of reduce.h.
#include "kernels/reduce.h"
#include "base/with_dtype.h"

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

// A vector of what is read: of its own type, or floats as doubles.
template <class P, class T>
inline auto load_as(P part, const T* x) {
  return part.load(x);
}
inline Vec<double> load_as(Whole<double>, const float* x) {
  typedef float Half __attribute__((vector_size(kVecBytes / 2)));
  Half v;
  __builtin_memcpy(&v, x, sizeof v);
  return __builtin_convertvector(v, Vec<double>);
}
inline Vec<double> load_as(Some<double> part, const float* x) {
  float v[kLanes<double>] = {};
  for (int64_t i = 0; i < part.n; ++i) v[i] = x[i];
  return load_as(Whole<double>{}, v);
}

// Lane r joins the `cols` elements from x + r * cols, for n rows.
template <class T, class Op, class Take = Plain, class S = T>
inline Vec<T> join_rows(const S* x, int64_t cols, int n, T start) {
  Vec<T> out[1];
  fold_group<T, Op, 1>(
      cols, n, start,
      [=](int r, int64_t j, auto part, Vec<T>* acc) {
        acc[0] = Take::template into<Op>(acc[0], load_as(part, x + r * cols + j));
      },
      out);
  return out[0];
}

// One long row: its blocks are the rows of a group, so that it has as many chains in flight as many rows have.
template <class T, class Op, class Take = Plain, class S = T>
inline T join_long_row(const S* x, int64_t cols, T start) {
  T total = start;
  const int64_t blocks = cols / kSumBlock;
  for (int64_t b = 0; b < blocks; b += kLanes<T>) {
    const int n = static_cast<int>(min_of(kLanes<T>, blocks - b));
    const Vec<T> joined = join_rows<T, Op, Take, S>(x + b * kSumBlock, kSumBlock, n, start);
    for (int r = 0; r < n; ++r) total = Op::of(total, static_cast<T>(joined[r]));
  }
  const int64_t rest = cols - blocks * kSumBlock;
  if (rest > 0)
    total = Op::of(total, static_cast<T>(join_rows<T, Op, Take, S>(x + blocks * kSumBlock, rest, 1, start)[0]));
  return total;
}

template <class T, class Op, class Take = Plain, class S = T>
void reduce_rows(const S* x, T* y, int64_t cols, int64_t lo, int64_t hi, T start) {
  if (cols > kSumBlock) {
    for (int64_t i = lo; i < hi; ++i) y[i] = join_long_row<T, Op, Take, S>(x + i * cols, cols, start);
    return;
  }
  each_vector<T>(lo, hi, [=](int64_t i, auto part) {
    part.store(y + i,
               join_rows<T, Op, Take, S>(x + i * cols, cols, static_cast<int>(min_of(kLanes<T>, hi - i)), start));
  });
}

template <class T, class Op, class Take = Plain, class S = T>
void reduce_columns(const S* x, T* y, int64_t rows, int64_t inner, int64_t lo, int64_t hi, T start) {
  while (lo < hi) {
    const int64_t o = lo / inner, c = lo % inner;
    const int64_t c_hi = min_of(inner, c + hi - lo);
    const S* from = x + o * rows * inner;
    T* to = y + o * inner;
    fold_columns<T, Op, 1>(
        rows, c, c_hi, start,
        [=](int64_t i, int64_t j, auto part, Vec<T>* acc) {
          acc[0] = Take::template into<Op>(acc[0], load_as(part, from + i * inner + j));
        },
        [=](int64_t j, auto part, const Vec<T>* total) { part.store(to + j, total[0]); });
    lo += c_hi - c;
  }
}

template <class T, class Op, class Take = Plain, class S = T>
void reduce_as(const Reduce& r, const void* x, void* y, int64_t lo, int64_t hi, T start) {
  if (r.inner == 1) {
    reduce_rows<T, Op, Take, S>(static_cast<const S*>(x), static_cast<T*>(y), r.reduce, lo, hi, start);
  } else {
    reduce_columns<T, Op, Take, S>(static_cast<const S*>(x), static_cast<T*>(y), r.reduce, r.inner, lo, hi, start);
  }
}

// There are no squares of integers, and sums of 32 bits are taken in 64.
template <class T>
void reduce_kind(const Reduce& r, const void* x, void* y, int64_t lo, int64_t hi) {
  switch (r.kind) {
    case Reduction::sum:
      if constexpr (!kIsInteger<T> || sizeof(T) == 8)
        return reduce_as<typename SumOf<T>::type, Add>(r, x, y, lo, hi, 0);
      break;
    case Reduction::max:
      return reduce_as<T, Max>(r, x, y, lo, hi, kBelowAll<T>);
    case Reduction::min:
      return reduce_as<T, Min>(r, x, y, lo, hi, kAboveAll<T>);
    case Reduction::sum_squares:
      if constexpr (!kIsInteger<T>) return reduce_as<double, Add, Squared, T>(r, x, y, lo, hi, 0);
      break;
  }
}

// ---- Of narrower types: in scalar loops that the compiler vectorises ---------------------------------------------

// Sums in 64 bits; bools are counted. What a block adds up in Part cannot overflow there.
inline int64_t number_of(int32_t x) { return x; }
inline uint32_t number_of(uint8_t x) { return x != 0; }

template <class T>
void sum_narrow(const Reduce& r, const void* from, void* to, int64_t lo, int64_t hi) {
  const T* x = static_cast<const T*>(from);
  auto* y = static_cast<int64_t*>(to);
  if (r.inner == 1) {
    for (int64_t i = lo; i < hi; ++i) {
      const T* row = x + i * r.reduce;
      y[i] = 0;
      for (int64_t block = 0; block < r.reduce; block += kSumBlock) {
        const int64_t end = min_of(block + kSumBlock, r.reduce);
        decltype(number_of(T{})) n = 0;  // 32 bits for bools, which vectorises twice as wide as 64
        for (int64_t j = block; j < end; ++j) n += number_of(row[j]);
        y[i] += n;
      }
    }
    return;
  }
  while (lo < hi) {
    const int64_t o = lo / r.inner, c = lo % r.inner, n = min_of(r.inner - c, hi - lo);
    const T* part = x + o * r.reduce * r.inner + c;
    int64_t* sum = y + lo;
    for (int64_t k = 0; k < n; ++k) sum[k] = 0;
    for (int64_t i = 0; i < r.reduce; ++i)
      for (int64_t k = 0; k < n; ++k) sum[k] += number_of(part[i * r.inner + k]);
    lo += n;
  }
}

// Whether any bool is true (max), or all are (min).
void extreme_bools(const Reduce& r, const uint8_t* x, uint8_t* y, int64_t lo, int64_t hi) {
  const bool max = r.kind == Reduction::max;
  for (; lo < hi; ++lo) {
    const uint8_t* column = x + lo / r.inner * r.reduce * r.inner + lo % r.inner;
    bool found = false;  // a true one, or for min a false one
    for (int64_t i = 0; i < r.reduce; ++i) found |= (column[i * r.inner] != 0) == max;
    y[lo] = found == max;
  }
}

}  // namespace

void reduce(const Reduce& r, const void* x, void* y, int64_t lo, int64_t hi) {
  const bool sum = r.kind == Reduction::sum;
  if (r.dtype == DType::b8) {
    return sum ? sum_narrow<uint8_t>(r, x, y, lo, hi)
               : extreme_bools(r, static_cast<const uint8_t*>(x), static_cast<uint8_t*>(y), lo, hi);
  }
  if (sum && r.dtype == DType::i32) return sum_narrow<int32_t>(r, x, y, lo, hi);
  with_number(r.dtype, [&](auto zero) { reduce_kind<decltype(zero)>(r, x, y, lo, hi); });
}

}  // namespace bs::kernels::BS_ISA
