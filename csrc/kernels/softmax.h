// What softmax and softmax cross entropy share: the exponential of shifted scores, and of each row the maximum and the
// sum of exponentials. Internal linkage throughout.
#pragma once

#include "kernels/math.h"
#include "kernels/reduce.h"

namespace bs::kernels::BS_ISA {
namespace {

// e^x for x <= 0, two thirds of v_exp's work: 0 where 2^n would be denormal (float32: below -126.5 ln 2; float64:
// -1022.5 ln 2); above it is v_exp to the bit. NaN passes.
template <class V>
inline V exp_of_shifted(V x) {
  using R = Real<V>;
  const Exp<V> e = exp_parts(v_greatest(-R::kBias / R::kLog2e, x));  // n = -kBias: the exponent of 0
  return (e.t + 1) * v_exp2i<V>(e.n);
}

// Lane r: the maximum of row r, NaN passed over, and the sum of exp(x - top), in which NaN and +inf show as NaN.
template <class T>
struct TopAndSum {
  Vec<T> top, sum;
};

// For the n rows of `cols` elements from `row`; top is at least `lowest`. Prefetches `ahead` elements ahead of the
// sums, which are bound by exp. term(r, j, part, e) receives the exponentials.
template <class T, class Term>
inline TopAndSum<T> top_and_sum(int64_t cols, int n, T lowest, const T* row, int64_t ahead, const Term& term) {
  TopAndSum<T> out;
  fold_group<T, MaxOfNumbers, 1>(
      cols, n, lowest,
      [=](int r, int64_t j, auto part, Vec<T>* acc) {
        acc[0] = MaxOfNumbers::of(acc[0], part.load(row + r * cols + j));
      },
      &out.top);
  T shift[kLanes<T>];
  v_store(shift, out.top);
  fold_group<T, Add, 1, 1>(
      cols, n, T(0),
      [=, &shift, &term](int r, int64_t j, auto part, Vec<T>* acc) {
        const T* at = row + r * cols + j;
        __builtin_prefetch(at + ahead);
        const Vec<T> e = exp_of_shifted(part.load(at) - v_set(shift[r]));
        term(r, j, part, e);
        acc[0] += e;
      },
      &out.sum);
  return out;
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
