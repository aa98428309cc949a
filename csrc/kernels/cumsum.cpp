// y[o, k, c] = x[o, 0, c] + ... + x[o, k, c], or from the last k down; x, y (outer, reduce, inner) contiguous. One
// chain per (o, c), so only what lies side by side can be added at once.
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/reduce.h"

namespace bs::kernels::BS_ISA {
namespace {

// `rows` rows side by side, whose chains run at the same time.
template <int rows, class S, class T>
inline void along_rows(const S* __restrict x, T* __restrict y, int64_t cols, bool backwards) {
  const int64_t step = backwards ? -1 : 1;
  T sum[rows];
  for (int64_t n = 0, j = backwards ? cols - 1 : 0; n < cols; ++n, j += step) {
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const T value = static_cast<T>(x[r * cols + j]);
      sum[r] = n == 0 ? value : sum[r] + value;  // -0 stays what it is
      y[r * cols + j] = sum[r];
    }
  }
}

template <class S>
void cumsum_of(const Reduce& r, bool backwards, const void* from, void* to, int64_t lo, int64_t hi) {
  using T = typename SumOf<S>::type;
  const S* __restrict x = static_cast<const S*>(from);
  T* __restrict y = static_cast<T*>(to);
  if (r.inner == 1) {
    constexpr int kTogether = 8;
    for (; lo + kTogether <= hi; lo += kTogether)
      along_rows<kTogether>(x + lo * r.reduce, y + lo * r.reduce, r.reduce, backwards);
    for (; lo < hi; ++lo) along_rows<1>(x + lo * r.reduce, y + lo * r.reduce, r.reduce, backwards);
    return;
  }
  const int64_t step = backwards ? -r.inner : r.inner;
  while (lo < hi) {
    const int64_t o = lo / r.inner, c = lo % r.inner, n = min_of(r.inner - c, hi - lo);
    int64_t at = (o * r.reduce + (backwards ? r.reduce - 1 : 0)) * r.inner + c;
    for (int64_t k = 0; k < r.reduce; ++k, at += step) {
      const S* row = x + at;
      T* sums = y + at;
      const T* before = sums - step;
      if (k == 0) {
        for (int64_t j = 0; j < n; ++j) sums[j] = static_cast<T>(row[j]);
      } else {
        for (int64_t j = 0; j < n; ++j) sums[j] = before[j] + static_cast<T>(row[j]);
      }
    }
    lo += n;
  }
}

}  // namespace

void cumsum(const Reduce& r, bool backwards, const void* x, void* y, int64_t lo, int64_t hi) {
  if (r.dtype == DType::b8) return cumsum_of<bool>(r, backwards, x, y, lo, hi);
  with_number(r.dtype, [&](auto zero) { cumsum_of<decltype(zero)>(r, backwards, x, y, lo, hi); });
}

}  // namespace bs::kernels::BS_ISA
