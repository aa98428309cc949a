// Layer norm of the rows of x (rows, cols):
//   mean_i = sum_j x_ij / cols,  rstd_i = 1 / sqrt(sum_j (x_ij - mean_i)^2 / cols + eps),  xhat = (x - mean) rstd,
//   y = xhat gamma + beta;
//   h = dy gamma,  dx = rstd (h - mean_j(h) - xhat mean_j(h xhat)),
//   dgamma_j = sum_i dy_ij xhat_ij,  dbeta_j = sum_i dy_ij.
// The variance is summed from x - mean, since mean(x^2) - mean(x)^2 would cancel. Rows go in groups that stay in L1
// between the passes and share the joins of lanes, the square root and the division.
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/reduce.h"

namespace bs::kernels::BS_ISA {
namespace {

// gamma or beta, or where there is none what leaves every bit alone (x + -0 is x, also for x = -0).
template <class T>
struct Weight {
  const T* p;
  bool given;
  T otherwise;

  template <class P>
  Vec<T> load(int64_t j, P part) const {
    return given ? part.load(p + j) : v_set(otherwise);
  }
};

template <class T>
void forward(int64_t cols, const T* x, Weight<T> gamma, Weight<T> beta, T eps, T* y, T* mean, T* rstd, int64_t lo,
             int64_t hi) {
  const int group = group_rows<T>(cols);
  const Vec<T> count = v_set(static_cast<T>(cols));
  for (int64_t i = lo; i < hi; i += group) {
    const int n = static_cast<int>(min_of(group, hi - i));
    const T* row = x + i * cols;
    Vec<T> sum[1];
    fold_group<T, Add, 1>(
        cols, n, T(0), [=](int r, int64_t j, auto part, Vec<T>* acc) { acc[0] += part.load(row + r * cols + j); }, sum);
    const Vec<T> mu = sum[0] / count;
    T m[kLanes<T>], s[kLanes<T>];
    v_store(m, mu);
    fold_group<T, Add, 1>(
        cols, n, T(0),
        [=, &m](int r, int64_t j, auto part, Vec<T>* acc) {
          const Vec<T> d = part.load(row + r * cols + j) - v_set(m[r]);
          acc[0] = v_fma(d, d, acc[0]);
        },
        sum);
    const Vec<T> scale = v_set(T(1)) / v_sqrt(sum[0] / count + v_set(eps));
    v_store(s, scale);
    v_store_part(mean + i, mu, n);
    v_store_part(rstd + i, scale, n);
    for (int r = 0; r < n; ++r) {
      const T* from = row + r * cols;
      T* to = y + (i + r) * cols;
      const Vec<T> m_r = v_set(m[r]), s_r = v_set(s[r]);
      each_vector<T>(0, cols, [=](int64_t j, auto part) {
        part.store(to + j, v_fma((part.load(from + j) - m_r) * s_r, gamma.load(j, part), beta.load(j, part)));
      });
    }
  }
}

template <class T>
void backward(int64_t cols, const T* dy, const T* x, Weight<T> gamma, const T* mean, const T* rstd, T* dx, int64_t lo,
              int64_t hi) {
  const int group = group_rows<T>(2 * cols);  // dy and x
  const Vec<T> count = v_set(static_cast<T>(cols));
  for (int64_t i = lo; i < hi; i += group) {
    const int n = static_cast<int>(min_of(group, hi - i));
    Vec<T> sum[2];
    fold_group<T, Add, 2>(
        cols, n, T(0),
        [=](int r, int64_t j, auto part, Vec<T>* acc) {
          const int64_t at = (i + r) * cols + j;
          const Vec<T> h = part.load(dy + at) * gamma.load(j, part);
          const Vec<T> xhat = (part.load(x + at) - v_set(mean[i + r])) * v_set(rstd[i + r]);
          acc[0] += h;
          acc[1] = v_fma(h, xhat, acc[1]);
        },
        sum);
    T mean_h[kLanes<T>], mean_hx[kLanes<T>];
    v_store(mean_h, sum[0] / count);
    v_store(mean_hx, sum[1] / count);
    for (int r = 0; r < n; ++r) {
      const int64_t at = (i + r) * cols;
      const Vec<T> m = v_set(mean[i + r]), s = v_set(rstd[i + r]);
      const Vec<T> a = v_set(mean_h[r]), b = v_set(mean_hx[r]);
      each_vector<T>(0, cols, [=](int64_t j, auto part) {
        const Vec<T> h = part.load(dy + at + j) * gamma.load(j, part);
        const Vec<T> xhat = (part.load(x + at + j) - m) * s;
        part.store(dx + at + j, s * v_fma(-xhat, b, h - a));
      });
    }
  }
}

template <class T, bool gamma, bool beta>
void backward_params(int64_t rows, int64_t cols, const T* dy, const T* x, const T* mean, const T* rstd, T* dgamma,
                     T* dbeta, int64_t lo, int64_t hi) {
  constexpr int sums = gamma && beta ? 2 : 1;
  fold_columns<T, Add, sums>(
      rows, lo, hi, T(0),
      [=](int64_t i, int64_t j, auto part, Vec<T>* acc) {
        const Vec<T> d = part.load(dy + i * cols + j);
        if constexpr (beta) acc[sums - 1] += d;
        if constexpr (gamma) {
          const Vec<T> xhat = (part.load(x + i * cols + j) - v_set(mean[i])) * v_set(rstd[i]);
          acc[0] = v_fma(d, xhat, acc[0]);
        }
      },
      [=](int64_t j, auto part, const Vec<T>* total) {
        if constexpr (gamma) part.store(dgamma + j, total[0]);
        if constexpr (beta) part.store(dbeta + j, total[sums - 1]);
      });
}

}  // namespace

void layer_norm(DType dtype, int64_t cols, const void* x, const void* gamma, const void* beta, double eps, void* y,
                void* mean, void* rstd, int64_t lo, int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    forward<T>(cols, static_cast<const T*>(x), {static_cast<const T*>(gamma), gamma != nullptr, T(1)},
               {static_cast<const T*>(beta), beta != nullptr, T(-0.0)}, static_cast<T>(eps), static_cast<T*>(y),
               static_cast<T*>(mean), static_cast<T*>(rstd), lo, hi);
  });
}

void layer_norm_backward(DType dtype, int64_t cols, const void* dy, const void* x, const void* gamma, const void* mean,
                         const void* rstd, void* dx, int64_t lo, int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    backward<T>(cols, static_cast<const T*>(dy), static_cast<const T*>(x),
                {static_cast<const T*>(gamma), gamma != nullptr, T(1)}, static_cast<const T*>(mean),
                static_cast<const T*>(rstd), static_cast<T*>(dx), lo, hi);
  });
}

void layer_norm_backward_params(DType dtype, int64_t rows, int64_t cols, const void* dy, const void* x,
                                const void* mean, const void* rstd, void* dgamma, void* dbeta, int64_t lo, int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    const auto run = [=](auto kernel) {
      kernel(rows, cols, static_cast<const T*>(dy), static_cast<const T*>(x), static_cast<const T*>(mean),
             static_cast<const T*>(rstd), static_cast<T*>(dgamma), static_cast<T*>(dbeta), lo, hi);
    };
    if (dgamma && dbeta) {
      run(backward_params<T, true, true>);
    } else if (dgamma) {
      run(backward_params<T, true, false>);
    } else if (dbeta) {
      run(backward_params<T, false, true>);
    }
  });
}

}  // namespace bs::kernels::BS_ISA
