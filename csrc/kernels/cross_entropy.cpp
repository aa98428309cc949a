// Softmax cross entropy of rows of logits x (rows, cols) with integer targets t (rows):
//   m_i = max_j x_ij,  l_i = log sum_j exp(x_ij - m_i),  loss_i = l_i - (x_it - m_i),
// and its derivative dx_ij = scale_i (exp(x_ij - m_i - l_i) - [j == t_i]).
//
// No finite logit overflows: the largest exponent is 0. m_i and l_i are kept apart: their sum would lose l_i where the
// logits are large, and with it the loss and the probabilities. m_i is at least the lowest finite number, so that -inf
// has probability 0 and a row of nothing but -inf has l = -inf. NaN or +inf anywhere in a row makes its l NaN.
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/softmax.h"

namespace bs::kernels::BS_ISA {
namespace {

template <class T>
constexpr T kLargest = sizeof(T) == 4 ? static_cast<T>(__FLT_MAX__) : static_cast<T>(__DBL_MAX__);

// Rows in groups: one join of lanes, one log and one store serve as many rows as a vector has lanes.
template <class T>
void forward(int64_t cols, const T* x, const int64_t* target, int64_t ignore_index, T* loss, T* top, T* log_sum,
             int64_t lo, int64_t hi) {
  constexpr int lanes = kLanes<T>;
  const int group = group_rows<T>(cols);
  for (int64_t i = lo; i < hi; i += group) {
    const int n = static_cast<int>(min_of(group, hi - i));
    const T* row = x + i * cols;
    const int64_t ahead = i + group < hi ? group * cols : 0;
    const TopAndSum<T> sums = top_and_sum<T>(cols, n, -kLargest<T>, row, ahead, [](int, int64_t, auto, Vec<T>) {});

    T at_target[lanes] = {};
    typename IntOf<T>::type live[lanes] = {};
    for (int r = 0; r < n; ++r) {
      const int64_t t = target[i + r];
      if (t == ignore_index) continue;
      at_target[r] = row[r * cols + t];
      live[r] = -1;
    }
    const Vec<T> log_s = v_log(sums.sum);
    const Vec<T> l = v_load(live) ? log_s - (v_load(at_target) - sums.top) : v_set(T(0));
    v_store_part(loss + i, l, n);
    v_store_part(top + i, sums.top, n);
    v_store_part(log_sum + i, log_s, n);
  }
}

// The elements at the targets are written again, for as many rows at once as a vector has lanes: cheaper than to look
// for the target in every vector of a row.
template <class T>
void backward(int64_t cols, const T* x, const int64_t* target, int64_t ignore_index, const T* top, const T* log_sum,
              const T* scale, int64_t scale_stride, T* dx, int64_t lo, int64_t hi) {
  constexpr int lanes = kLanes<T>;
  for (int64_t i = lo; i < hi; i += lanes) {
    const int n = static_cast<int>(min_of(lanes, hi - i));
    T at_target[lanes] = {}, factor[lanes] = {}, d_target[lanes];
    for (int r = 0; r < n; ++r) {
      const T* row = x + (i + r) * cols;
      T* drow = dx + (i + r) * cols;
      const int64_t t = target[i + r];
      if (t != ignore_index) factor[r] = scale[(i + r) * scale_stride];
      if (factor[r] == 0) {
        each_vector<T>(0, cols, [=](int64_t j, auto part) { part.store(drow + j, v_set(T(0))); });
        continue;
      }
      at_target[r] = row[t];
      const Vec<T> m = v_set(top[i + r]), l = v_set(log_sum[i + r]), k = v_set(factor[r]);
      each_vector<T>(
          0, cols, [=](int64_t j, auto part) { part.store(drow + j, k * exp_of_shifted(part.load(row + j) - m - l)); });
    }
    // Subtracted before scaling: p - 1 is exact where p is near 1.
    const Vec<T> p = exp_of_shifted(v_load(at_target) - v_load_part(top + i, n) - v_load_part(log_sum + i, n));
    v_store(d_target, v_load(factor) * (p - T(1)));
    for (int r = 0; r < n; ++r) {
      if (factor[r] != 0) dx[(i + r) * cols + target[i + r]] = d_target[r];
    }
  }
}

}  // namespace

int64_t cross_entropy(DType dtype, int64_t cols, const void* logits, const int64_t* target, int64_t ignore_index,
                      void* loss, void* top, void* log_sum, int64_t lo, int64_t hi) {
  // Before anything is read at a target.
  for (int64_t i = lo; i < hi; ++i) {
    if (target[i] != ignore_index && (target[i] < 0 || target[i] >= cols)) return i;
  }
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    forward(cols, static_cast<const T*>(logits), target, ignore_index, static_cast<T*>(loss), static_cast<T*>(top),
            static_cast<T*>(log_sum), lo, hi);
  });
  return -1;
}

void cross_entropy_backward(DType dtype, int64_t cols, const void* logits, const int64_t* target, int64_t ignore_index,
                            const void* top, const void* log_sum, const void* scale, int64_t scale_stride,
                            void* dlogits, int64_t lo, int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    backward(cols, static_cast<const T*>(logits), target, ignore_index, static_cast<const T*>(top),
             static_cast<const T*>(log_sum), static_cast<const T*>(scale), scale_stride, static_cast<T*>(dlogits), lo,
             hi);
  });
}

}  // namespace bs::kernels::BS_ISA
