// What batch norm sums over images x (images, channels, inner), of which a plane, an image's channel, is a row:
//   of each plane a mean m, rounded, and of d = x - m the sums of d and d^2;
//   of each channel, over its planes, the mean M and the variance of all x: x - M = d + e with e = m - M, so
//     sum (x - M) = sum d + n e and sum (x - M)^2 = sum d^2 + e (2 sum d + n e) for a plane of n;
//   for the derivative, of each plane sum g (x - mean) and sum g.
// M itself is taken near at first and then exactly, in the same way. So nothing cancels, however large the means are.
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/reduce.h"

namespace bs::kernels::BS_ISA {
namespace {

// Doubles are rare here: one row after the other is half the text.
template <class T>
constexpr int kTogether = sizeof(T) == 4 ? kSideBySide<T> : 1;

template <class T>
void moments_of_rows(int64_t cols, const T* x, T* mean, T* sum, T* squares, int64_t lo, int64_t hi) {
  const int group = group_rows<T>(cols);
  for (int64_t i = lo; i < hi; i += group) {
    const int n = static_cast<int>(min_of(group, hi - i));
    const T* row = x + i * cols;
    Vec<T> all[1], off[2];
    fold_group<T, Add, 1, kTogether<T>>(
        cols, n, T(0), [=](int r, int64_t j, auto part, Vec<T>* acc) { acc[0] += part.load(row + r * cols + j); }, all);
    const Vec<T> near = all[0] / v_set(static_cast<T>(cols));
    T m[kLanes<T>];
    v_store(m, near);
    fold_group<T, Add, 2, kTogether<T>>(
        cols, n, T(0),
        [=, &m](int r, int64_t j, auto part, Vec<T>* acc) {
          const Vec<T> d = part.load(row + r * cols + j) - v_set(m[r]);
          acc[0] += d;
          acc[1] = v_fma(d, d, acc[1]);
        },
        off);
    v_store_part(mean + i, near, n);
    v_store_part(sum + i, off[0], n);
    v_store_part(squares + i, off[1], n);
  }
}

// step(i, acc) takes row i of a vector of columns, in blocks of kColumnBlock rows, added in order. One form serves
// whole vectors and the last one: columns are few beside planes.
template <class T, int sums, class Step>
inline void fold_rows(int64_t rows, const Step& step, Vec<T>* total) {
  for (int s = 0; s < sums; ++s) total[s] = Vec<T>{};
  for (int64_t i = 0; i < rows;) {
    const int64_t end = min_of(i + kColumnBlock, rows);
    Vec<T> acc[sums] = {};
    for (; i < end; ++i) step(i, acc);
    for (int s = 0; s < sums; ++s) total[s] += acc[s];
  }
}

// sum and squares may be null: 0.
template <class T>
void join(int64_t parts, int64_t channels, T count, const T* mean, const T* sum, const T* squares, T* to_mean,
          T* to_var, int64_t lo, int64_t hi) {
  const Vec<T> each = v_set(count), n = v_set(static_cast<T>(parts)), all = n * each, share = v_set(T(1)) / each;
  for (int64_t c = lo; c < hi; c += kLanes<T>) {
    const int64_t lanes = min_of(kLanes<T>, hi - c);
    const auto at = [=](const T* from, int64_t i) {
      return from ? v_load_part(from + i * channels + c, lanes) : v_set(T(0));
    };
    const Vec<T> first = parts > 0 ? at(mean, 0) : v_set(T(0));
    Vec<T> above[1], total[2];
    fold_rows<T, 1>(
        parts, [=](int64_t i, Vec<T>* acc) { acc[0] += v_fma(at(sum, i), share, at(mean, i) - first); }, above);
    const Vec<T> near = first + above[0] / n;
    fold_rows<T, 2>(
        parts,
        [=](int64_t i, Vec<T>* acc) {
          const Vec<T> e = at(mean, i) - near, d = at(sum, i), shifted = v_fma(each, e, d);
          acc[0] += shifted;
          acc[1] += v_fma(e, d + shifted, at(squares, i));
        },
        total);
    const Vec<T> rest = total[0] / all;
    v_store_part(to_mean + c, near + rest, lanes);
    v_store_part(to_var + c, (total[1] - total[0] * rest) / all, lanes);
  }
}

// mean, of each channel, may be null: 0.
template <class T>
void products_of_rows(int64_t channels, int64_t cols, const T* g, const T* x, const T* mean, T* dot, T* sum, int64_t lo,
                      int64_t hi) {
  const int group = group_rows<T>(2 * cols);  // g and x
  for (int64_t i = lo; i < hi; i += group) {
    const int n = static_cast<int>(min_of(group, hi - i));
    T m[kLanes<T>] = {};
    for (int r = 0; mean && r < n; ++r) m[r] = mean[(i + r) % channels];
    const int64_t skipped = i * cols;
    Vec<T> sums[2];
    fold_group<T, Add, 2, kTogether<T>>(
        cols, n, T(0),
        [=, &m](int r, int64_t j, auto part, Vec<T>* acc) {
          const int64_t at = skipped + r * cols + j;
          const Vec<T> d = part.load(g + at);
          acc[0] += d;
          acc[1] = v_fma(d, part.load(x + at) - v_set(m[r]), acc[1]);
        },
        sums);
    v_store_part(sum + i, sums[0], n);
    v_store_part(dot + i, sums[1], n);
  }
}

template <class T>
void products_of_columns(int64_t rows, int64_t cols, const T* g, const T* x, const T* mean, T* dot, T* sum, int64_t lo,
                         int64_t hi) {
  for (int64_t c = lo; c < hi; c += kLanes<T>) {
    const int64_t lanes = min_of(kLanes<T>, hi - c);
    const Vec<T> m = mean ? v_load_part(mean + c, lanes) : v_set(T(0));
    Vec<T> total[2];
    fold_rows<T, 2>(
        rows,
        [=](int64_t i, Vec<T>* acc) {
          const Vec<T> d = v_load_part(g + i * cols + c, lanes);
          acc[0] += d;
          acc[1] = v_fma(d, v_load_part(x + i * cols + c, lanes) - m, acc[1]);
        },
        total);
    v_store_part(sum + c, total[0], lanes);
    v_store_part(dot + c, total[1], lanes);
  }
}

}  // namespace

void plane_moments(DType dtype, int64_t inner, const void* x, void* mean, void* sum, void* squares, int64_t lo,
                   int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    moments_of_rows(inner, static_cast<const T*>(x), static_cast<T*>(mean), static_cast<T*>(sum),
                    static_cast<T*>(squares), lo, hi);
  });
}

void join_moments(DType dtype, int64_t parts, int64_t channels, int64_t count, const void* mean, const void* sum,
                  const void* squares, void* to_mean, void* to_var, int64_t lo, int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    join(parts, channels, static_cast<T>(count), static_cast<const T*>(mean), static_cast<const T*>(sum),
         static_cast<const T*>(squares), static_cast<T*>(to_mean), static_cast<T*>(to_var), lo, hi);
  });
}

void plane_products(DType dtype, int64_t images, int64_t channels, int64_t inner, const void* g, const void* x,
                    const void* mean, void* dot, void* sum, int64_t lo, int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    const auto *from_g = static_cast<const T*>(g), *from_x = static_cast<const T*>(x), *m = static_cast<const T*>(mean);
    T *to_dot = static_cast<T*>(dot), *to_sum = static_cast<T*>(sum);
    if (inner == 1)
      products_of_columns(images, channels, from_g, from_x, m, to_dot, to_sum, lo, hi);
    else
      products_of_rows(channels, inner, from_g, from_x, m, to_dot, to_sum, lo, hi);
  });
}

}  // namespace bs::kernels::BS_ISA
