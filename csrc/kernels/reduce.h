// Sums (and maxima) in an order that no instruction set, group or split of rows can change, shared by the kernels that
// work on rows: reduce, cross entropy, layer norm. Internal linkage throughout.
//
// Row sums: element j of a block of kSumBlock goes to lane j % 16; the 16 lanes are joined by the tree that adds lane
// l + 8 to l, l + 4 to l, l + 2 to l, l + 1 to l; blocks are added in order. 16 lanes are one zmm, two ymm or four xmm
// of floats. Column sums: one chain over the rows ascending per block of kColumnBlock, blocks added in order.
#pragma once

#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

constexpr int kSumLanes = 16;
constexpr int64_t kSumBlock = 4096;
constexpr int64_t kColumnBlock = 256;

template <class T>
constexpr int kSumRegs = kSumLanes / kLanes<T>;
// Rows that one loop walks side by side: four chains of additions hide the latency of one (4 cycles).
template <class T>
constexpr int kSideBySide = kSumRegs<T> < 4 ? 4 / kSumRegs<T> : 1;

// ---- The last, partly filled vector of a row -----------------------------------------------------------------

// Sums of integers are taken unsigned.
template <>
struct IntOf<uint64_t> {
  using type = int64_t;
};

// A loop over a row calls one function with Whole for each full vector and with Some for what is left, so that every
// element sees the same arithmetic. keep() drops what the lanes beyond the row did.
template <class T>
struct Whole {
  Vec<T> load(const T* p) const { return v_load(p); }
  void store(T* p, Vec<T> v) const { v_store(p, v); }
  Vec<T> keep(Vec<T> now, Vec<T>) const { return now; }
};

// The first n < lanes elements; touches no byte outside them.
template <class T>
struct Some {
  int64_t n;
  Mask<T> inside;

  explicit Some(int64_t count) : n(count), inside(v_iota<T>() < static_cast<typename IntOf<T>::type>(count)) {}
  Vec<T> load(const T* p) const { return n == 1 ? v_load_one(p) : v_load_part(p, n); }
  void store(T* p, Vec<T> v) const { n == 1 ? v_store_one(p, v) : v_store_part(p, v, n); }
  Vec<T> keep(Vec<T> now, Vec<T> before) const { return inside ? now : before; }
};

// A part of a row of T as the part of a row of another type of its size.
template <class T, class U>
inline Whole<T> part_as(Whole<U>) {
  return {};
}
template <class T, class U>
inline Some<T> part_as(Some<U> part) {
  return Some<T>(part.n);
}

// f(j, part) for the vectors of [lo, hi).
template <class T, class F>
inline void each_vector(int64_t lo, int64_t hi, const F& f) {
  int64_t j = lo;
  for (; j + kLanes<T> <= hi; j += kLanes<T>) f(j, Whole<T>{});
  if (j < hi) f(j, Some<T>(hi - j));
}

// ---- Operators: for vectors and scalars alike ----------------------------------------------------------------

struct Add {
  template <class V>
  static V of(V a, V b) {
    return a + b;
  }
};
// No element lies below, or above: what an extreme of nothing starts from.
template <class T>
constexpr T kBelowAll = -static_cast<T>(__builtin_inf());
template <class T>
constexpr T kAboveAll = static_cast<T>(__builtin_inf());
template <>
constexpr int32_t kBelowAll<int32_t> = INT32_MIN;
template <>
constexpr int32_t kAboveAll<int32_t> = INT32_MAX;
template <>
constexpr int64_t kBelowAll<int64_t> = INT64_MIN;
template <>
constexpr int64_t kAboveAll<int64_t> = INT64_MAX;

// NaN if either is.
struct Max {
  template <class V>
  static auto beats(V b, V a) {
    return b > a;
  }
  template <class V>
  static V of(V a, V b) {
    return (beats(b, a) | (b != b)) ? b : a;
  }
};
struct Min {
  template <class V>
  static auto beats(V b, V a) {
    return b < a;
  }
  template <class V>
  static V of(V a, V b) {
    return (beats(b, a) | (b != b)) ? b : a;
  }
};
// Passes a NaN in b over: one instruction, for rows whose NaN shows elsewhere.
struct MaxOfNumbers {
  template <class V>
  static V of(V a, V b) {
    return b > a ? b : a;
  }
};

// ---- Rows ----------------------------------------------------------------------------------------------------

// a and b hold segments of `width` lanes, one per row. Joins the halves of every segment: the result holds the
// segments of a and then those of b, half as wide.
template <class T, class Op, int width, int... i>
inline Vec<T> halve(Vec<T> a, Vec<T> b, Indices<i...>) {
  constexpr int half = width / 2;
  return Op::of(__builtin_shufflevector(a, b, (i / half * width + i % half)...),
                __builtin_shufflevector(a, b, (i / half * width + half + i % half)...));
}

// Lane r of the result joins all lanes of part[r]: one tree for as many rows as there are lanes, in two shuffles and
// one operation per row where row by row it would take log2(lanes) of each. Overwrites part.
template <class T, class Op, int width = kLanes<T>>
inline Vec<T> join(Vec<T>* part) {
  if constexpr (width == 1) {
    return part[0];
  } else {
#pragma GCC unroll 16
    for (int r = 0; r < width / 2; ++r) {
      part[r] = halve<T, Op, width>(part[2 * r], part[2 * r + 1], typename IndicesTo<kLanes<T>>::type{});
    }
    return join<T, Op, width / 2>(part);
  }
}

// The same tree for one row alone: lane 0 of the result joins all lanes of v.
template <class T, class Op, int width = kLanes<T>, int... i>
inline Vec<T> join_one(Vec<T> v, Indices<i...> lanes) {
  if constexpr (width == 1) {
    return v;
  } else {
    const Vec<T> upper = __builtin_shufflevector(v, v, ((i + width / 2) % kLanes<T>)...);
    return join_one<T, Op, width / 2>(Op::of(v, upper), lanes);
  }
}

// step(r, j, part, acc) takes the vector at element j of row r into the `sums` accumulators acc. Walks elements
// [lo, hi) (at most kSumBlock for a sum) of the rows r0 .. r0 + rows - 1 and leaves lanes of part[s][r] to be joined.
template <class T, class Op, int sums, int rows, class Step>
inline void fold(int r0, int64_t lo, int64_t hi, T start, const Step& step, Vec<T> (*part)[kLanes<T>]) {
  constexpr int n_regs = kSumRegs<T>;
  Vec<T> acc[rows][n_regs][sums];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int k = 0; k < n_regs; ++k) {
#pragma GCC unroll 2
      for (int s = 0; s < sums; ++s) acc[r][k][s] = v_set(start);
    }
  }
  int64_t j = lo;
  for (; j + kSumLanes <= hi; j += kSumLanes) {
#pragma GCC unroll 8
    for (int k = 0; k < n_regs; ++k) {
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) step(r0 + r, j + k * kLanes<T>, Whole<T>{}, acc[r][k]);
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < n_regs; ++k) {
    if (n_regs > 1 && j + kLanes<T> <= hi) {
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) step(r0 + r, j, Whole<T>{}, acc[r][k]);
    } else if (j < hi) {
      const Some<T> some(hi - j);
#pragma GCC unroll 8
      for (int r = 0; r < rows; ++r) {
        Vec<T> now[sums];
#pragma GCC unroll 2
        for (int s = 0; s < sums; ++s) now[s] = acc[r][k][s];
        step(r0 + r, j, some, now);
#pragma GCC unroll 2
        for (int s = 0; s < sums; ++s) acc[r][k][s] = some.keep(now[s], acc[r][k][s]);
      }
    }
    j += kLanes<T>;
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 2
    for (int s = 0; s < sums; ++s) {
#pragma GCC unroll 4
      for (int h = n_regs / 2; h > 0; h /= 2) {
#pragma GCC unroll 4
        for (int k = 0; k < h; ++k) acc[r][k][s] = Op::of(acc[r][k][s], acc[r][k + h][s]);
      }
      part[s][r0 + r] = acc[r][0][s];
    }
  }
}

// fold_group for one row: apart, since its join is another, and groups would feel the branch (1.2 of their
// instructions).
template <class T, class Op, int sums, class Step>
__attribute__((noinline)) void fold_one(int64_t cols, T start, const Step& step, Vec<T>* out) {
  for (int s = 0; s < sums; ++s) out[s] = v_set(start);
  for (int64_t lo = 0; lo < cols; lo += kSumBlock) {
    Vec<T> part[sums][kLanes<T>];
    fold<T, Op, sums, 1>(0, lo, min_of(lo + kSumBlock, cols), start, step, part);
    for (int s = 0; s < sums; ++s) {
      const Vec<T> one = join_one<T, Op>(part[s][0], typename IndicesTo<kLanes<T>>::type{});
      out[s] = Op::of(out[s], v_select<T>(v_iota<T>() < 1, one, v_set(start)));
    }
  }
}

// Lane r of out[s] is sum s of row r, r < n <= kLanes<T>, over the elements [0, cols); other lanes hold `start`.
template <class T, class Op, int sums, int side_by_side = kSideBySide<T>, class Step>
inline void fold_group(int64_t cols, int n, T start, const Step& step, Vec<T>* out) {
  if (n == 1) return fold_one<T, Op, sums>(cols, start, step, out);
  for (int s = 0; s < sums; ++s) out[s] = v_set(start);
  for (int64_t lo = 0; lo < cols; lo += kSumBlock) {
    const int64_t hi = min_of(lo + kSumBlock, cols);
    Vec<T> part[sums][kLanes<T>];
    for (int s = 0; s < sums; ++s) {
      for (int r = n; r < kLanes<T>; ++r) part[s][r] = v_set(start);
    }
    int r = 0;
    for (; r + side_by_side <= n; r += side_by_side) fold<T, Op, sums, side_by_side>(r, lo, hi, start, step, part);
    if constexpr (side_by_side > 1) {
      for (; r < n; ++r) fold<T, Op, sums, 1>(r, lo, hi, start, step, part);
    }
    for (int s = 0; s < sums; ++s) out[s] = Op::of(out[s], join<T, Op>(part[s]));
  }
}

// The type in which T is summed: integers in 64 bits, unsigned, of which to wrap is defined, and the bits are those of
// the signed sum.
template <class T>
struct SumOf {
  using type = uint64_t;
};
template <>
struct SumOf<float> {
  using type = float;
};
template <>
struct SumOf<double> {
  using type = double;
};

// Rows that a kernel takes together when it passes over them more than once: enough to share the joins, few enough
// that they stay in L1 (16 KiB of it), and never fewer than what hides the latency of the sums.
template <class T>
inline int group_rows(int64_t cols) {
  constexpr int64_t l1 = 16384 / sizeof(T);
  if (cols * kLanes<T> <= l1) return kLanes<T>;
  const int64_t fit = l1 / cols;
  return static_cast<int>(fit > kSideBySide<T> ? fit : kSideBySide<T>);
}

// ---- Columns -------------------------------------------------------------------------------------------------

// The column sums of `vectors` vectors that begin at column c: step(i, c, part, acc) takes the vector at column c of
// row i into acc, write(c, part, total) receives the totals. Where vectors are few, several blocks are under way at
// once: one chain of sums after the other would wait for its own latency (3 us per 1000 rows on Emerald Rapids, now 1).
template <class T, class Op, int sums, int vectors, class P, class Step, class Write>
inline void fold_tile(int64_t rows, int64_t c, P part, T start, const Step& step, const Write& write) {
  constexpr int kTogether = vectors * sums < 4 ? 4 / (vectors * sums) : 1;
  Vec<T> total[vectors][sums];
  for (int v = 0; v < vectors; ++v) {
    for (int s = 0; s < sums; ++s) total[v][s] = v_set(start);
  }
  // n blocks of `height` rows, from row `first` on.
  const auto blocks = [&]<int n>(Indices<n>, int64_t first, int64_t height) __attribute__((always_inline)) {
    Vec<T> acc[n][vectors][sums];
#pragma GCC unroll 4
    for (int b = 0; b < n; ++b) {
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
#pragma GCC unroll 2
        for (int s = 0; s < sums; ++s) acc[b][v][s] = v_set(start);
      }
    }
    for (int64_t i = first; i < first + height; ++i) {
#pragma GCC unroll 4
      for (int b = 0; b < n; ++b) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) step(i + b * kColumnBlock, c + v * kLanes<T>, part, acc[b][v]);
      }
    }
#pragma GCC unroll 4
    for (int b = 0; b < n; ++b) {
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
#pragma GCC unroll 2
        for (int s = 0; s < sums; ++s) total[v][s] = Op::of(total[v][s], acc[b][v][s]);
      }
    }
  };
  int64_t i = 0;
  if constexpr (kTogether > 1) {
    for (; i + kTogether * kColumnBlock <= rows; i += kTogether * kColumnBlock)
      blocks(Indices<kTogether>{}, i, kColumnBlock);
  }
  for (; i < rows; i += kColumnBlock) blocks(Indices<1>{}, i, min_of(kColumnBlock, rows - i));
  for (int v = 0; v < vectors; ++v) write(c + v * kLanes<T>, part, total[v]);
}

// The same for all columns of [lo, hi).
template <class T, class Op, int sums, class Step, class Write>
inline void fold_columns(int64_t rows, int64_t lo, int64_t hi, T start, const Step& step, const Write& write) {
  constexpr int wide = 8 / sums;  // accumulators that leave half of the 16 registers of v2 and v3
  constexpr int64_t lanes = kLanes<T>;
  int64_t c = lo;
  for (; c + wide * lanes <= hi; c += wide * lanes) {
    fold_tile<T, Op, sums, wide>(rows, c, Whole<T>{}, start, step, write);
  }
  if (c + wide / 2 * lanes <= hi) {
    fold_tile<T, Op, sums, wide / 2>(rows, c, Whole<T>{}, start, step, write);
    c += wide / 2 * lanes;
  }
  if (sums == 1 && c + 2 * lanes <= hi) {
    fold_tile<T, Op, sums, 2>(rows, c, Whole<T>{}, start, step, write);
    c += 2 * lanes;
  }
  if (c + lanes <= hi) {
    fold_tile<T, Op, sums, 1>(rows, c, Whole<T>{}, start, step, write);
    c += lanes;
  }
  if (c < hi) fold_tile<T, Op, sums, 1>(rows, c, Some<T>(hi - c), start, step, write);
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
