// Softmax and its logarithm over the rows of x (rows, cols), with m_i = max_j x_ij and s_i = sum_j exp(x_ij - m_i):
//   y = exp(x - m) / s,      dx = y (dy - sum_j dy y);
//   y = (x - m) - log(s),    dx = dy - exp(y) sum_j dy.
// A row with NaN or +inf, or of nothing but -inf, gives NaN. Rows go in groups that stay in L1 between the passes.
#include "kernels/softmax.h"
#include "base/with_dtype.h"

#include "kernels/kernels.h"

namespace bs::kernels::BS_ISA {
namespace {

template <class T>
constexpr T kInfinity = sizeof(T) == 4 ? static_cast<T>(__builtin_inff()) : static_cast<T>(__builtin_inf());

template <class Part>
constexpr bool kIsWhole = false;
template <class T>
constexpr bool kIsWhole<Whole<T>> = true;

template <class T, bool logarithm>
void forward(int64_t cols, const T* x, T* y, int64_t lo, int64_t hi) {
  const int group = group_rows<T>(logarithm ? cols : 2 * cols);
  for (int64_t i = lo; i < hi; i += group) {
    const int n = static_cast<int>(min_of(group, hi - i));
    const T* from = x + i * cols;
    T* to = y + i * cols;
    const int64_t ahead = i + group < hi ? group * cols : 0;
    const TopAndSum<T> row =
        top_and_sum<T>(cols, n, -kInfinity<T>, from, ahead, [=](int r, int64_t j, auto part, Vec<T> e) {
          if constexpr (!logarithm && kIsWhole<decltype(part)>) part.store(to + r * cols + j, e);
        });
    T top[kLanes<T>], last[kLanes<T>];
    v_store(top, row.top);
    v_store(last, logarithm ? v_log(row.sum) : v_set(T(1)) / row.sum);
    for (int r = 0; r < n; ++r) {
      const T *from_r = from + r * cols, top_r = top[r], last_r = last[r];
      T* to_r = to + r * cols;
      each_vector<T>(0, cols, [=](int64_t j, auto part) {
        // Two differences: m + log(s) would lose log(s) where the scores are large.
        if constexpr (logarithm) {
          part.store(to_r + j, part.load(from_r + j) - v_set(top_r) - v_set(last_r));
        } else if constexpr (kIsWhole<decltype(part)>) {
          part.store(to_r + j, part.load(to_r + j) * v_set(last_r));
        } else {  // computed again: to load what a masked store has just written would wait for it
          part.store(to_r + j, exp_of_shifted(part.load(from_r + j) - v_set(top_r)) * v_set(last_r));
        }
      });
    }
  }
}

template <class T, bool logarithm>
void backward(int64_t cols, const T* dy, const T* y, T* dx, int64_t lo, int64_t hi) {
  const int group = group_rows<T>(2 * cols);
  for (int64_t i = lo; i < hi; i += group) {
    const int n = static_cast<int>(min_of(group, hi - i));
    Vec<T> sum[1];
    fold_group<T, Add, 1>(
        cols, n, T(0),
        [=](int r, int64_t j, auto part, Vec<T>* acc) {
          const int64_t at = (i + r) * cols + j;
          const Vec<T> g = part.load(dy + at);
          acc[0] = logarithm ? acc[0] + g : v_fma(g, part.load(y + at), acc[0]);
        },
        sum);
    T total[kLanes<T>];
    v_store(total, sum[0]);
    for (int r = 0; r < n; ++r) {
      const int64_t at = (i + r) * cols;
      const Vec<T> s = v_set(total[r]);
      each_vector<T>(0, cols, [=](int64_t j, auto part) {
        const Vec<T> g = part.load(dy + at + j), v = part.load(y + at + j);
        part.store(dx + at + j, logarithm ? v_fma(-exp_of_shifted(v), s, g) : v * (g - s));
      });
    }
  }
}

}  // namespace

void softmax(DType dtype, bool logarithm, int64_t cols, const void* x, void* y, int64_t lo, int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    (logarithm ? forward<T, true> : forward<T, false>)(cols, static_cast<const T*>(x), static_cast<T*>(y), lo, hi);
  });
}

void softmax_backward(DType dtype, bool logarithm, int64_t cols, const void* dy, const void* y, void* dx, int64_t lo,
                      int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    (logarithm ? backward<T, true> : backward<T, false>)(cols, static_cast<const T*>(dy), static_cast<const T*>(y),
                                                         static_cast<T*>(dx), lo, hi);
  });
}

}  // namespace bs::kernels::BS_ISA
