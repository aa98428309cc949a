#include "kernels/reference_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/philox.h"

namespace bs::kernels::reference {

void reduce(const Reduce& r, const double* x, double* y) {
  const long double infinity = std::numeric_limits<long double>::infinity();
  for (int64_t o = 0; o < r.outer; ++o) {
    for (int64_t c = 0; c < r.inner; ++c) {
      long double total = r.kind == Reduction::sum ? 0.0L : r.kind == Reduction::max ? -infinity : infinity;
      for (int64_t k = 0; k < r.reduce; ++k) {
        const double v = x[(o * r.reduce + k) * r.inner + c];
        if (r.kind == Reduction::sum) {
          total += v;
        } else if ((r.kind == Reduction::max ? v > total : v < total) || std::isnan(v)) {  // nothing is beyond NaN
          total = v;
        }
      }
      y[o * r.inner + c] = static_cast<double>(total);
    }
  }
}

void reduce(const Reduce& r, const int64_t* x, int64_t* y) {
  for (int64_t o = 0; o < r.outer; ++o) {
    for (int64_t c = 0; c < r.inner; ++c) {
      uint64_t sum = 0;
      int64_t most = std::numeric_limits<int64_t>::min(), fewest = std::numeric_limits<int64_t>::max();
      for (int64_t k = 0; k < r.reduce; ++k) {
        const int64_t v = x[(o * r.reduce + k) * r.inner + c];
        sum += static_cast<uint64_t>(v);
        most = std::max(most, v);
        fewest = std::min(fewest, v);
      }
      y[o * r.inner + c] = r.kind == Reduction::sum   ? static_cast<int64_t>(sum)
                           : r.kind == Reduction::max ? most
                                                      : fewest;
    }
  }
}

template <class T>
static void arg_reduce_as(const Reduce& r, const T* x, int64_t* y) {
  for (int64_t i = 0; i < r.outer * r.inner; ++i) {
    const T* at = x + i / r.inner * r.reduce * r.inner + i % r.inner;
    y[i] = 0;
    for (int64_t k = 1; k < r.reduce; ++k) {
      const T v = at[k * r.inner], best = at[y[i] * r.inner];
      if (best != best) break;  // the first NaN
      if ((r.kind == Reduction::max ? v > best : v < best) || v != v) y[i] = k;
    }
  }
}
void arg_reduce(const Reduce& r, const double* x, int64_t* y) { arg_reduce_as(r, x, y); }
void arg_reduce(const Reduce& r, const int64_t* x, int64_t* y) { arg_reduce_as(r, x, y); }

template <class Sum, class T>
static void cumsum_as(const Reduce& r, bool backwards, const T* x, T* y) {
  for (int64_t i = 0; i < r.outer * r.inner; ++i) {
    Sum sum = 0;
    for (int64_t n = 0; n < r.reduce; ++n) {
      const int64_t k = backwards ? r.reduce - 1 - n : n;
      const int64_t at = (i / r.inner * r.reduce + k) * r.inner + i % r.inner;
      sum += static_cast<Sum>(x[at]);
      y[at] = static_cast<T>(sum);
    }
  }
}
void cumsum(const Reduce& r, bool backwards, const double* x, double* y) { cumsum_as<long double>(r, backwards, x, y); }
void cumsum(const Reduce& r, bool backwards, const int64_t* x, int64_t* y) { cumsum_as<uint64_t>(r, backwards, x, y); }

void softmax(bool logarithm, int64_t rows, int64_t cols, const double* x, double* y) {
  for (int64_t i = 0; i < rows; ++i) {
    double most = -std::numeric_limits<double>::infinity();
    for (int64_t j = 0; j < cols; ++j) most = std::max(most, x[i * cols + j]);
    long double total = 0.0L;
    for (int64_t j = 0; j < cols; ++j) total += std::exp(static_cast<long double>(x[i * cols + j]) - most);
    for (int64_t j = 0; j < cols; ++j) {
      const long double below = static_cast<long double>(x[i * cols + j]) - most;
      y[i * cols + j] = static_cast<double>(logarithm ? below - std::log(total) : std::exp(below) / total);
    }
  }
}

void softmax_backward(bool logarithm, int64_t rows, int64_t cols, const double* dy, const double* y, double* dx) {
  for (int64_t i = 0; i < rows; ++i) {
    long double sum = 0.0L;
    for (int64_t j = 0; j < cols; ++j) sum += dy[i * cols + j] * (logarithm ? 1.0L : y[i * cols + j]);
    for (int64_t j = 0; j < cols; ++j) {
      const double v = y[i * cols + j];
      dx[i * cols + j] = static_cast<double>(logarithm ? dy[i * cols + j] - std::exp(static_cast<long double>(v)) * sum
                                                       : v * (dy[i * cols + j] - sum));
    }
  }
}

int64_t cross_entropy(int64_t rows, int64_t cols, const double* logits, const int64_t* target, int64_t ignore_index,
                      double* loss, double* top, double* log_sum) {
  int64_t bad = -1;
  for (int64_t i = 0; i < rows; ++i) {
    const double* x = logits + i * cols;
    double most = -std::numeric_limits<double>::infinity();
    for (int64_t j = 0; j < cols; ++j) most = std::max(most, x[j]);
    const double shift = std::max(most, std::numeric_limits<double>::lowest());
    long double total = 0.0L;
    for (int64_t j = 0; j < cols; ++j) total += std::exp(static_cast<long double>(x[j]) - shift);
    const double sum = static_cast<double>(total);
    top[i] = shift;
    log_sum[i] = std::log(sum);
    if (target[i] == ignore_index) {
      loss[i] = 0.0;
    } else if (target[i] < 0 || target[i] >= cols) {
      loss[i] = std::numeric_limits<double>::quiet_NaN();
      if (bad < 0) bad = i;
    } else {
      loss[i] = std::log(sum) - (x[target[i]] - shift);
    }
  }
  return bad;
}

void cross_entropy_backward(int64_t rows, int64_t cols, const double* logits, const int64_t* target,
                            int64_t ignore_index, const double* top, const double* log_sum, const double* scale,
                            int64_t scale_stride, double* dlogits) {
  for (int64_t i = 0; i < rows; ++i) {
    const double s = scale[i * scale_stride];
    for (int64_t j = 0; j < cols; ++j) {
      const double p = std::exp(logits[i * cols + j] - top[i] - log_sum[i]);
      const bool none = target[i] == ignore_index || s == 0.0;
      dlogits[i * cols + j] = none ? 0.0 : s * (p - (j == target[i] ? 1.0 : 0.0));
    }
  }
}

void layer_norm(int64_t rows, int64_t cols, const double* x, const double* gamma, const double* beta, double eps,
                double* y, double* mean, double* rstd) {
  const double n = static_cast<double>(cols);
  for (int64_t i = 0; i < rows; ++i) {
    const double* row = x + i * cols;
    long double sum = 0.0L, squares = 0.0L;
    for (int64_t j = 0; j < cols; ++j) sum += row[j];
    const long double mu = sum / n;
    for (int64_t j = 0; j < cols; ++j) squares += (row[j] - mu) * (row[j] - mu);
    mean[i] = static_cast<double>(mu);
    rstd[i] = static_cast<double>(1.0L / std::sqrt(squares / n + eps));
    for (int64_t j = 0; j < cols; ++j) {
      const double xhat = (row[j] - mean[i]) * rstd[i];
      y[i * cols + j] = xhat * (gamma ? gamma[j] : 1.0) + (beta ? beta[j] : 0.0);
    }
  }
}

void layer_norm_backward(int64_t rows, int64_t cols, const double* dy, const double* x, const double* gamma,
                         const double* mean, const double* rstd, double* dx) {
  const double n = static_cast<double>(cols);
  for (int64_t i = 0; i < rows; ++i) {
    long double sum_h = 0.0L, sum_hx = 0.0L;
    for (int64_t j = 0; j < cols; ++j) {
      const double h = dy[i * cols + j] * (gamma ? gamma[j] : 1.0);
      sum_h += h;
      sum_hx += h * (x[i * cols + j] - mean[i]) * rstd[i];
    }
    for (int64_t j = 0; j < cols; ++j) {
      const double h = dy[i * cols + j] * (gamma ? gamma[j] : 1.0);
      const double xhat = (x[i * cols + j] - mean[i]) * rstd[i];
      dx[i * cols + j] = static_cast<double>(rstd[i] * (h - sum_h / n - xhat * sum_hx / n));
    }
  }
}

void layer_norm_backward_params(int64_t rows, int64_t cols, const double* dy, const double* x, const double* mean,
                                const double* rstd, double* dgamma, double* dbeta) {
  for (int64_t j = 0; j < cols; ++j) {
    long double sum_g = 0.0L, sum_b = 0.0L;
    for (int64_t i = 0; i < rows; ++i) {
      sum_g += dy[i * cols + j] * (x[i * cols + j] - mean[i]) * rstd[i];
      sum_b += dy[i * cols + j];
    }
    if (dgamma) dgamma[j] = static_cast<double>(sum_g);
    if (dbeta) dbeta[j] = static_cast<double>(sum_b);
  }
}

int64_t gather_rows(int64_t n_index, int64_t row_bytes, const void* table, int64_t table_rows, const int64_t* index,
                    void* out) {
  for (int64_t i = 0; i < n_index; ++i) {
    if (index[i] < 0 || index[i] >= table_rows) return i;
    for (int64_t b = 0; b < row_bytes; ++b) {
      static_cast<char*>(out)[i * row_bytes + b] = static_cast<const char*>(table)[index[i] * row_bytes + b];
    }
  }
  return -1;
}

void scatter_add_rows(int64_t table_rows, int64_t cols, int64_t n_index, const int64_t* index, const double* x,
                      double* out) {
  std::fill(out, out + table_rows * cols, 0.0);
  for (int64_t i = 0; i < n_index; ++i) {
    for (int64_t j = 0; j < cols; ++j) out[index[i] * cols + j] += x[i * cols + j];
  }
}

void dropout(int64_t n, uint64_t seed, uint64_t draw, double keep, const double* x, double* y) {
  for (int64_t i = 0; i < n; ++i) {
    y[i] = unit_float(philox_word(seed, draw, static_cast<uint64_t>(i))) < keep ? x[i] / keep : 0.0;
  }
}

}  // namespace bs::kernels::reference
