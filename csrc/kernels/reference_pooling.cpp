#include "kernels/reference_pooling.h"

#include <cmath>
#include <limits>
#include <vector>

namespace bs::kernels::reference {
namespace {

// The positions that the window of output o has along an axis.
std::vector<int64_t> positions(const PoolAxis& a, int64_t o) {
  std::vector<int64_t> found;
  for (int64_t i = o * a.in / a.out; a.kernel == 0 && i * a.out < (o + 1) * a.in; ++i) found.push_back(i);
  for (int64_t k = 0; k < a.kernel; ++k) {
    const int64_t i = o * a.stride - a.padding + k * a.dilation;
    if (i >= 0 && i < a.in) found.push_back(i);
  }
  return found;
}

// What the mean counts along an axis: elements, or also those of the padding.
int64_t counted(const Pool& p, const PoolAxis& a, int64_t o) {
  if (!p.count_padding || a.kernel == 0) return static_cast<int64_t>(positions(a, o).size());
  int64_t n = 0;
  for (int64_t k = 0; k < a.kernel; ++k) n += o * a.stride + k < a.in + 2 * a.padding;
  return n;
}
int64_t divisor(const Pool& p, int64_t d, int64_t h, int64_t w) {
  return p.divisor ? p.divisor : counted(p, p.axis[0], d) * counted(p, p.axis[1], h) * counted(p, p.axis[2], w);
}

// f(output, element of the plane) for the elements of all windows, f_end(output, d, h, w) after each window. Columns of
// a window are outside or inside of its rows.
template <class F, class End>
void each_window(const Pool& p, bool columns_outside, F f, End f_end) {
  int64_t o = 0;
  for (int64_t d = 0; d < p.axis[0].out; ++d)
    for (int64_t h = 0; h < p.axis[1].out; ++h)
      for (int64_t w = 0; w < p.axis[2].out; ++w, ++o) {
        const std::vector<int64_t> deep = positions(p.axis[0], d), high = positions(p.axis[1], h),
                                   wide = positions(p.axis[2], w);
        const auto at = [&](int64_t i, int64_t j, int64_t k) { return (i * p.axis[1].in + j) * p.axis[2].in + k; };
        if (columns_outside) {
          for (int64_t k : wide)
            for (int64_t i : deep)
              for (int64_t j : high) f(o, at(i, j, k), i == deep.front() && j == high.front());
        } else {
          for (int64_t i : deep)
            for (int64_t j : high)
              for (int64_t k : wide) f(o, at(i, j, k), false);
        }
        f_end(o, d, h, w);
      }
}

int64_t elements_in(const Pool& p) { return p.axis[0].in * p.axis[1].in * p.axis[2].in; }
int64_t elements_out(const Pool& p) { return p.axis[0].out * p.axis[1].out * p.axis[2].out; }

}  // namespace

template <class T>
void max_pool(const Pool& p, int64_t planes, const T* x, T* y, int64_t* index) {
  for (int64_t n = 0; n < planes; ++n, x += elements_in(p), y += elements_out(p)) {
    T best = 0;
    int64_t at = -1;
    each_window(
        p, false,
        [&](int64_t, int64_t i, bool) {
          if (at < 0 || x[i] > best || std::isnan(x[i])) best = x[i], at = i;
        },
        [&](int64_t o, int64_t, int64_t, int64_t) {
          y[o] = best;
          if (index) index[n * elements_out(p) + o] = at;
          at = -1;
        });
  }
}

template <class T>
void max_pool_backward(const Pool& p, int64_t planes, const T* dy, const T* x, T* dx) {
  std::vector<T> y(static_cast<size_t>(planes * elements_out(p)));
  std::vector<int64_t> index(y.size());
  max_pool(p, planes, x, y.data(), index.data());
  for (int64_t i = 0; i < planes * elements_in(p); ++i) dx[i] = 0;
  for (size_t o = 0; o < y.size(); ++o)
    dx[static_cast<int64_t>(o) / elements_out(p) * elements_in(p) + index[o]] += dy[o];
}

template <class T>
void avg_pool(const Pool& p, int64_t planes, const T* x, T* y) {
  for (int64_t n = 0; n < planes; ++n, x += elements_in(p), y += elements_out(p)) {
    T sum = 0, column = 0;
    each_window(
        p, true,
        [&](int64_t, int64_t i, bool next_column) {
          if (next_column) sum += column, column = 0;
          column += x[i];
        },
        [&](int64_t o, int64_t d, int64_t h, int64_t w) {
          y[o] = (sum + column) / static_cast<T>(divisor(p, d, h, w));
          sum = column = 0;
        });
  }
}

void avg_pool_backward(const Pool& p, int64_t planes, const double* dy, double* dx) {
  for (int64_t i = 0; i < planes * elements_in(p); ++i) dx[i] = 0;
  for (int64_t n = 0; n < planes; ++n, dx += elements_in(p), dy += elements_out(p)) {
    std::vector<int64_t> window;
    each_window(
        p, false, [&](int64_t, int64_t i, bool) { window.push_back(i); },
        [&](int64_t o, int64_t d, int64_t h, int64_t w) {
          for (int64_t i : window) dx[i] += dy[o] / static_cast<double>(divisor(p, d, h, w));
          window.clear();
        });
  }
}

template void max_pool(const Pool&, int64_t, const float*, float*, int64_t*);
template void max_pool(const Pool&, int64_t, const double*, double*, int64_t*);
template void max_pool_backward(const Pool&, int64_t, const float*, const float*, float*);
template void max_pool_backward(const Pool&, int64_t, const double*, const double*, double*);
template void avg_pool(const Pool&, int64_t, const float*, float*);
template void avg_pool(const Pool&, int64_t, const double*, double*);

}  // namespace bs::kernels::reference
