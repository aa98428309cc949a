#include "kernels/reference_batch_norm.h"

namespace bs::kernels::reference {

void plane_moments(int64_t planes, int64_t inner, const double* x, const double* about, double* mean, double* sum,
                   double* squares) {
  for (int64_t i = 0; i < planes; ++i, x += inner) {
    long double all = 0, first = 0, second = 0;
    for (int64_t j = 0; j < inner; ++j) {
      const long double d = static_cast<long double>(x[j]) - about[i];
      all += x[j];
      first += d;
      second += d * d;
    }
    mean[i] = static_cast<double>(all / inner);
    sum[i] = static_cast<double>(first);
    squares[i] = static_cast<double>(second);
  }
}

void join_moments(int64_t parts, int64_t channels, int64_t count, const double* mean, const double* sum,
                  const double* squares, double* to_mean, double* to_var) {
  const long double all = static_cast<long double>(parts) * count;
  for (int64_t c = 0; c < channels; ++c) {
    long double total = 0, square = 0;
    for (int64_t i = c; i < parts * channels; i += channels)
      total += static_cast<long double>(mean[i]) * count + (sum ? sum[i] : 0);
    for (int64_t i = c; i < parts * channels; i += channels) {
      const long double e = mean[i] - total / all;
      square += (squares ? squares[i] : 0) + e * (2 * static_cast<long double>(sum ? sum[i] : 0) + count * e);
    }
    to_mean[c] = static_cast<double>(total / all);
    to_var[c] = static_cast<double>(square / all);
  }
}

void plane_products(int64_t images, int64_t channels, int64_t inner, const double* g, const double* x,
                    const double* mean, double* dot, double* sum) {
  const int64_t parts = inner == 1 ? images : 1, planes = inner == 1 ? channels : images * channels;
  for (int64_t p = 0; p < planes; ++p) {
    long double product = 0, all = 0;
    for (int64_t i = 0; i < parts; ++i)
      for (int64_t j = (i * planes + p) * inner; j < (i * planes + p + 1) * inner; ++j) {
        product += g[j] * (static_cast<long double>(x[j]) - (mean ? mean[p % channels] : 0));
        all += g[j];
      }
    dot[p] = static_cast<double>(product);
    sum[p] = static_cast<double>(all);
  }
}

}  // namespace bs::kernels::reference
