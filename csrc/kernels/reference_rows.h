// The oracles of the kernels that work on rows: the formulas of kernels.h over whole arrays in the plainest loops, in
// double whatever the kernel's dtype (sums in long double: in a test of f64 the oracle's own rounding must not show).
// For tests only.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace bs::kernels::reference {

// r.dtype is not looked at: floats and int32 are exact in double, int64 has its own.
void reduce(const Reduce& r, const double* x, double* y);
void reduce(const Reduce& r, const int64_t* x, int64_t* y);  // sums wrap
void arg_reduce(const Reduce& r, const double* x, int64_t* y);
void arg_reduce(const Reduce& r, const int64_t* x, int64_t* y);

void cumsum(const Reduce& r, bool backwards, const double* x, double* y);
void cumsum(const Reduce& r, bool backwards, const int64_t* x, int64_t* y);  // wraps

void softmax(bool logarithm, int64_t rows, int64_t cols, const double* x, double* y);
void softmax_backward(bool logarithm, int64_t rows, int64_t cols, const double* dy, const double* y, double* dx);

// The first row whose target is out of range, or -1; such rows get loss NaN.
int64_t cross_entropy(int64_t rows, int64_t cols, const double* logits, const int64_t* target, int64_t ignore_index,
                      double* loss, double* top, double* log_sum);
void cross_entropy_backward(int64_t rows, int64_t cols, const double* logits, const int64_t* target,
                            int64_t ignore_index, const double* top, const double* log_sum, const double* scale,
                            int64_t scale_stride, double* dlogits);

// gamma, beta may be null.
void layer_norm(int64_t rows, int64_t cols, const double* x, const double* gamma, const double* beta, double eps,
                double* y, double* mean, double* rstd);
void layer_norm_backward(int64_t rows, int64_t cols, const double* dy, const double* x, const double* gamma,
                         const double* mean, const double* rstd, double* dx);
void layer_norm_backward_params(int64_t rows, int64_t cols, const double* dy, const double* x, const double* mean,
                                const double* rstd, double* dgamma, double* dbeta);

int64_t gather_rows(int64_t n_index, int64_t row_bytes, const void* table, int64_t table_rows, const int64_t* index,
                    void* out);
void scatter_add_rows(int64_t table_rows, int64_t cols, int64_t n_index, const int64_t* index, const double* x,
                      double* out);

void dropout(int64_t n, uint64_t seed, uint64_t draw, double keep, const double* x, double* y);

}  // namespace bs::kernels::reference
