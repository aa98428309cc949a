// The kernels that work on rows (reductions apart), over random shapes and values: close to the oracles, which compute
// in double, and to the bit where kernels.h promises it: parts equal the whole, instruction sets with fma equal each
// other.
#include <cinttypes>
#include <limits>

#include "base/philox.h"
#include "fuzz.h"
#include "kernels/reference_rows.h"

namespace bs::fuzz {
namespace {

namespace reference = kernels::reference;

// Errors allowed, in roundings of the terms that are summed.
constexpr double kLimit = 60, kEntropyLimit = 40;
// The size that lets exponentials that underflow be 0 within kEntropyLimit.
template <class T>
constexpr double kFlushed =
    sizeof(T) == 4 ? 0x1p-126 / (kEntropyLimit * 0x1p-24) : 0x1p-1022 / (kEntropyLimit * 0x1p-53);

// ---- Softmax -------------------------------------------------------------------------------------------------------

template <class T>
void softmax(Random& random) {
  const bool logarithm = random.one_in(2);
  const int64_t cols = random.one_in(16) ? random.integer(4000, 9000) : dimension(random);
  int64_t rows = random.integer(0, random.one_in(4) ? 200 : 40);
  if (rows * cols > 60000) rows = random.integer(0, 5);
  const int64_t n = rows * cols;
  const double spread = random.one_in(4) ? (random.one_in(2) ? 30 : 3e3) : 1;
  Array<T> x = normals<T>(random, n, spread, random.one_in(4) ? random.normal() * 100 / spread : 0);
  if (random.one_in(4)) {
    for (T& v : x)
      if (random.one_in(60))
        v = random.pick({T(INFINITY), T(-INFINITY), T(-INFINITY), T(NAN), std::numeric_limits<T>::lowest()});
    if (rows && random.one_in(2)) std::fill_n(x.begin(), cols, T(-INFINITY));
  }
  const Array<T> dy = normals<T>(random, n);
  const DType dtype = dtype_of<T>();
  Array<double> want(static_cast<size_t>(n)), want_dx = want, size = want, dx_size = want;
  reference::softmax(logarithm, rows, cols, doubles(x).data(), want.data());
  // exp multiplies the rounding of its argument.
  constexpr double flushed = kFlushed<T>;
  for (size_t i = 0; i < want.size(); ++i) {
    const double w = want[i];
    size[i] = logarithm ? std::fabs(w) + 1 : std::max(w * (1 + std::min(-std::log(w), 110.0)), flushed);
  }
  Agreement<T> forwards, backwards;
  for_each_isa([&](const Kernels& k) {
    Array<T> y = unwritten<T>(n), y_parts = y, dx = y, dx_parts = y;
    k.softmax(dtype, logarithm, cols, x.data(), y.data(), 0, rows);
    in_parts(random, rows,
             [&](int64_t lo, int64_t hi) { k.softmax(dtype, logarithm, cols, x.data(), y_parts.data(), lo, hi); });
    expect_same("softmax in parts", k.isa, y_parts, y);
    const auto backward = [&](Array<T>& to, int64_t lo, int64_t hi) {
      k.softmax_backward(dtype, logarithm, cols, dy.data(), y.data(), to.data(), lo, hi);
    };
    backward(dx, 0, rows);
    in_parts(random, rows, [&](int64_t lo, int64_t hi) { backward(dx_parts, lo, hi); });
    expect_same("softmax_backward in parts", k.isa, dx_parts, dx);
    forwards.add("softmax", k, y);
    backwards.add("softmax_backward", k, dx);
    expect_close("softmax", k.isa, y, want, size, kEntropyLimit);

    reference::softmax_backward(logarithm, rows, cols, doubles(dy).data(), doubles(y).data(), want_dx.data());
    for (size_t i = 0; i < static_cast<size_t>(rows); ++i) {
      double sum = 0;
      const auto c = static_cast<size_t>(cols);
      for (size_t j = i * c; j < (i + 1) * c; ++j)
        sum += std::fabs(static_cast<double>(dy[j]) * (logarithm ? 1 : static_cast<double>(y[j])));
      for (size_t j = i * c; j < (i + 1) * c; ++j) {
        const double g = std::fabs(static_cast<double>(dy[j])), v = static_cast<double>(y[j]);
        dx_size[j] =
            logarithm ? g + std::max(std::exp(v) * (1 + std::min(std::fabs(v), 110.0)), flushed) * sum : v * (g + sum);
      }
    }
    expect_close("softmax_backward", k.isa, dx, want_dx, dx_size, kEntropyLimit);
  });
}

// ---- Softmax cross entropy -----------------------------------------------------------------------------------------

template <class T>
void cross_entropy(Random& random) {
  const int64_t cols = random.one_in(16) ? random.integer(4000, 9000) : dimension(random);
  int64_t rows = random.integer(0, random.one_in(4) ? 200 : 40);
  if (rows * cols > 60000) rows = random.integer(0, 5);
  const int64_t n = rows * cols;
  const double scale = random.one_in(4) ? (random.one_in(2) ? 30 : 3e3) : 1;
  Array<T> x = normals<T>(random, n, scale, random.one_in(4) ? random.normal() * 100 / scale : 0);
  if (random.one_in(4)) {
    const T odd[] = {T(INFINITY),
                     T(-INFINITY),
                     T(-INFINITY),
                     T(NAN),
                     std::numeric_limits<T>::max(),
                     std::numeric_limits<T>::lowest(),
                     std::numeric_limits<T>::denorm_min()};
    for (T& v : x)
      if (random.one_in(40)) v = random.pick(odd);
    if (rows && random.one_in(2)) std::fill_n(x.begin(), cols, T(-INFINITY));
  }
  const int64_t ignore = random.one_in(2) ? -100 : 0;
  const bool bad = random.one_in(10);
  Array<int64_t> target(static_cast<size_t>(rows));
  for (int64_t& t : target) {
    t = random.one_in(8) ? ignore : random.integer(0, cols - 1);
    if (bad && random.one_in(10)) t = random.one_in(2) ? cols : -1;
  }
  const int64_t stride = random.integer(0, 1);
  Array<T> upstream = normals<T>(random, std::max<int64_t>(rows, 1));
  for (T& s : upstream)
    if (random.one_in(10)) s = 0;

  const auto row_count = static_cast<size_t>(rows), count = static_cast<size_t>(n);
  Array<double> want_loss(row_count), want_top(row_count), want_log_sum(row_count);
  const int64_t want_bad = reference::cross_entropy(rows, cols, doubles(x).data(), target.data(), ignore,
                                                    want_loss.data(), want_top.data(), want_log_sum.data());
  const DType dtype = dtype_of<T>();
  Agreement<T> losses, tops, log_sums, gradients;
  for_each_isa([&](const Kernels& k) {
    Array<T> loss = unwritten<T>(rows), top = loss, log_sum = loss, dx = unwritten<T>(n);
    const int64_t first_bad =
        k.cross_entropy(dtype, cols, x.data(), target.data(), ignore, loss.data(), top.data(), log_sum.data(), 0, rows);
    if (first_bad != want_bad)
      fail("cross_entropy %s: bad target in row %" PRId64 ", not %" PRId64, k.isa, first_bad, want_bad);
    if (want_bad >= 0) return;
    Array<T> loss_parts = unwritten<T>(rows), top_parts = loss_parts, log_sum_parts = loss_parts, dx_parts = dx;
    in_parts(random, rows, [&](int64_t lo, int64_t hi) {
      k.cross_entropy(dtype, cols, x.data(), target.data(), ignore, loss_parts.data(), top_parts.data(),
                      log_sum_parts.data(), lo, hi);
    });
    expect_same("cross_entropy loss in parts", k.isa, loss_parts, loss);
    expect_same("cross_entropy top in parts", k.isa, top_parts, top);
    expect_same("cross_entropy log_sum in parts", k.isa, log_sum_parts, log_sum);
    const auto backward = [&](T* out, int64_t lo, int64_t hi) {
      k.cross_entropy_backward(dtype, cols, x.data(), target.data(), ignore, top.data(), log_sum.data(),
                               upstream.data(), stride, out, lo, hi);
    };
    backward(dx.data(), 0, rows);
    in_parts(random, rows, [&](int64_t lo, int64_t hi) { backward(dx_parts.data(), lo, hi); });
    expect_same("cross_entropy_backward in parts", k.isa, dx_parts, dx);
    losses.add("cross_entropy loss", k, loss);
    tops.add("cross_entropy top", k, top);
    log_sums.add("cross_entropy log_sum", k, log_sum);
    gradients.add("cross_entropy_backward", k, dx);

    Array<double> loss_scale(row_count), sum_scale(row_count), wanted = want_loss;
    for (size_t i = 0; i < row_count; ++i) {
      loss_scale[i] = std::fabs(want_loss[i]) + 1;
      sum_scale[i] = std::fabs(want_log_sum[i]) + 1;
      // Of a row of nothing but -inf, or with NaN or +inf, only the sum is defined.
      if (std::isfinite(want_log_sum[i]) && static_cast<double>(top[i]) != want_top[i])
        fail("cross_entropy %s: top of row %zu is %g, not %g", k.isa, i, static_cast<double>(top[i]), want_top[i]);
      // Where only double holds the difference of two logits.
      if (target[i] != ignore && std::fabs(wanted[i]) > 1e30) wanted[i] = static_cast<double>(loss[i]);
    }
    expect_close("cross_entropy loss", k.isa, loss, wanted, loss_scale, kEntropyLimit);
    expect_close("cross_entropy log_sum", k.isa, log_sum, want_log_sum, sum_scale, kEntropyLimit);
    Array<double> want_dx(count), dx_scale(count);
    reference::cross_entropy_backward(rows, cols, doubles(x).data(), target.data(), ignore, doubles(top).data(),
                                      doubles(log_sum).data(), doubles(upstream).data(), stride, want_dx.data());
    for (size_t i = 0; i < count; ++i) {
      // exp multiplies the rounding of its argument; what underflows may be 0.
      const size_t row = i / static_cast<size_t>(cols);
      const double z = static_cast<double>(x[i]) - static_cast<double>(top[row]) - static_cast<double>(log_sum[row]);
      const double size = std::fabs(z) < 1e30 ? std::min(std::fabs(z), 110.0) : 1;
      const double s = std::fabs(static_cast<double>(upstream[row * static_cast<size_t>(stride)]));
      dx_scale[i] = s * std::max(std::exp(z) * (1 + size), kFlushed<T>);
      if (target[row] == static_cast<int64_t>(i) % cols) dx_scale[i] = std::max(dx_scale[i], s / 2);
      if (!(dx_scale[i] < 1e30)) dx_scale[i] = 1e30;
    }
    expect_close("cross_entropy_backward", k.isa, dx, want_dx, dx_scale, kEntropyLimit);
  });
}

// ---- Layer norm ----------------------------------------------------------------------------------------------------

template <class T>
void layer_norm(Random& random) {
  const int64_t cols = random.one_in(16) ? random.integer(4000, 9000) : dimension(random);
  int64_t rows = random.integer(0, random.one_in(4) ? 700 : 40);
  if (rows * cols > 60000) rows = random.integer(0, 9);
  const int64_t n = rows * cols;
  const double scale = random.one_in(4) ? (random.one_in(2) ? 1e-3 : 1e6) : 1;
  const Array<T> x = normals<T>(random, n, scale, random.one_in(3) ? random.normal() * 10 : 0);
  const Array<T> dy = normals<T>(random, n), gamma = normals<T>(random, cols), beta = normals<T>(random, cols);
  const T *g = random.one_in(3) ? nullptr : gamma.data(), *b = random.one_in(3) ? nullptr : beta.data();
  const double eps = 1e-5;
  const DType dtype = dtype_of<T>();

  const auto row_count = static_cast<size_t>(rows), col_count = static_cast<size_t>(cols);
  const auto count = static_cast<size_t>(n);
  const Array<double> wide_x = doubles(x), wide_dy = doubles(dy), wide_gamma = doubles(gamma),
                      wide_beta = doubles(beta);
  const double *wide_g = g ? wide_gamma.data() : nullptr, *wide_b = b ? wide_beta.data() : nullptr;
  Array<double> want_y(count), want_mean(row_count), want_rstd(row_count), want_dx(count);
  Array<double> want_dgamma(col_count), want_dbeta(col_count);
  reference::layer_norm(rows, cols, wide_x.data(), wide_g, wide_b, static_cast<double>(static_cast<T>(eps)),
                        want_y.data(), want_mean.data(), want_rstd.data());

  Agreement<T> agree[6];
  for_each_isa([&](const Kernels& k) {
    Array<T> y = unwritten<T>(n), mean = unwritten<T>(rows), rstd = mean, y2 = y, mean2 = mean, rstd2 = rstd;
    const auto forward = [&](Array<T>& to, Array<T>& m, Array<T>& r, int64_t lo, int64_t hi) {
      k.layer_norm(dtype, cols, x.data(), g, b, eps, to.data(), m.data(), r.data(), lo, hi);
    };
    forward(y, mean, rstd, 0, rows);
    in_parts(random, rows, [&](int64_t lo, int64_t hi) { forward(y2, mean2, rstd2, lo, hi); });
    expect_same("layer_norm in parts", k.isa, y2, y);
    expect_same("layer_norm mean in parts", k.isa, mean2, mean);
    expect_same("layer_norm rstd in parts", k.isa, rstd2, rstd);

    Array<T> dx = unwritten<T>(n), dx2 = dx;
    const auto backward = [&](Array<T>& to, int64_t lo, int64_t hi) {
      k.layer_norm_backward(dtype, cols, dy.data(), x.data(), g, mean.data(), rstd.data(), to.data(), lo, hi);
    };
    backward(dx, 0, rows);
    in_parts(random, rows, [&](int64_t lo, int64_t hi) { backward(dx2, lo, hi); });
    expect_same("layer_norm_backward in parts", k.isa, dx2, dx);

    Array<T> dgamma = unwritten<T>(cols), dbeta = dgamma, dgamma2 = dgamma, dbeta2 = dgamma;
    const auto params = [&](T* to_gamma, T* to_beta, int64_t lo, int64_t hi) {
      k.layer_norm_backward_params(dtype, rows, cols, dy.data(), x.data(), mean.data(), rstd.data(), to_gamma, to_beta,
                                   lo, hi);
    };
    params(dgamma.data(), dbeta.data(), 0, cols);
    in_parts(random, cols, [&](int64_t lo, int64_t hi) {
      params(dgamma2.data(), nullptr, lo, hi);
      params(nullptr, dbeta2.data(), lo, hi);
    });
    expect_same("layer_norm_backward_params dgamma in parts", k.isa, dgamma2, dgamma);
    expect_same("layer_norm_backward_params dbeta in parts", k.isa, dbeta2, dbeta);

    agree[0].add("layer_norm", k, y);
    agree[1].add("layer_norm mean", k, mean, true);  // sums alone: no fma in them
    agree[2].add("layer_norm rstd", k, rstd);
    agree[3].add("layer_norm_backward", k, dx);
    agree[4].add("layer_norm_backward_params dgamma", k, dgamma);
    agree[5].add("layer_norm_backward_params dbeta", k, dbeta, true);

    // The size of what each result is a sum or a difference of.
    const Array<double> m = doubles(mean), r = doubles(rstd);
    reference::layer_norm_backward(rows, cols, wide_dy.data(), wide_x.data(), wide_g, m.data(), r.data(),
                                   want_dx.data());
    reference::layer_norm_backward_params(rows, cols, wide_dy.data(), wide_x.data(), m.data(), r.data(),
                                          want_dgamma.data(), want_dbeta.data());
    Array<double> mean_size(row_count), rstd_size(row_count), y_size(count), dx_size(count);
    Array<double> dgamma_size(col_count), dbeta_size(col_count);
    for (size_t i = 0; i < row_count; ++i) {
      double sum_x = 0, sum_h = 0, sum_hx = 0;
      const auto xhat = [&](size_t j) { return std::fabs(wide_x[i * col_count + j] - m[i]) * r[i]; };
      const auto h = [&](size_t j) { return std::fabs(wide_dy[i * col_count + j] * (wide_g ? wide_g[j] : 1)); };
      for (size_t j = 0; j < col_count; ++j) {
        sum_x += std::fabs(wide_x[i * col_count + j]) / static_cast<double>(cols);
        sum_h += h(j) / static_cast<double>(cols);
        sum_hx += h(j) * xhat(j) / static_cast<double>(cols);
      }
      mean_size[i] = sum_x;
      rstd_size[i] = want_rstd[i] * (1 + sum_x * want_rstd[i]);
      for (size_t j = 0; j < col_count; ++j) {
        y_size[i * col_count + j] =
            (xhat(j) + sum_x * want_rstd[i] * (1 + xhat(j))) * (wide_g ? std::fabs(wide_g[j]) : 1) +
            (wide_b ? std::fabs(wide_b[j]) : 0);
        dx_size[i * col_count + j] = r[i] * (h(j) + sum_h + xhat(j) * sum_hx);
        dgamma_size[j] += std::fabs(wide_dy[i * col_count + j]) * xhat(j);
        dbeta_size[j] += std::fabs(wide_dy[i * col_count + j]);
      }
    }
    expect_close("layer_norm mean", k.isa, mean, want_mean, mean_size, kLimit);
    expect_close("layer_norm rstd", k.isa, rstd, want_rstd, rstd_size, kLimit);
    expect_close("layer_norm", k.isa, y, want_y, y_size, kLimit);
    expect_close("layer_norm_backward", k.isa, dx, want_dx, dx_size, kLimit);
    expect_close("layer_norm_backward_params dgamma", k.isa, dgamma, want_dgamma, dgamma_size, kLimit);
    expect_close("layer_norm_backward_params dbeta", k.isa, dbeta, want_dbeta, dbeta_size, kLimit);
  });
}

// ---- Rows by index -------------------------------------------------------------------------------------------------

void gather(Random& random) {
  const int64_t table_rows = random.integer(1, 50), n = random.integer(0, 60);
  const int64_t item = random.pick({1, 4, 8});
  const int64_t bytes = random.one_in(4) ? random.integer(0, 9) : dimension(random) * item;
  Array<char> table(static_cast<size_t>(table_rows * bytes));
  for (char& c : table) c = static_cast<char>(random.bits());
  Array<int64_t> index(static_cast<size_t>(n));
  const bool bad = random.one_in(6);
  for (int64_t& i : index) {
    i = random.integer(0, table_rows - 1);
    if (bad && random.one_in(20)) i = random.one_in(2) ? -1 : table_rows;
  }
  Array<char> want = unwritten<char>(n * bytes);
  const int64_t want_bad = reference::gather_rows(n, bytes, table.data(), table_rows, index.data(), want.data());
  for_each_isa([&](const Kernels& k) {
    Array<char> out = unwritten<char>(n * bytes), parts = out;
    const int64_t first_bad = k.gather_rows(bytes, table.data(), table_rows, index.data(), out.data(), 0, n);
    if (first_bad != want_bad)
      fail("gather_rows %s: bad index at %" PRId64 ", not %" PRId64, k.isa, first_bad, want_bad);
    if (want_bad >= 0) return;
    in_parts(random, n, [&](int64_t lo, int64_t hi) {
      k.gather_rows(bytes, table.data(), table_rows, index.data(), parts.data(), lo, hi);
    });
    if (out != want || parts != want) fail("gather_rows %s: %" PRId64 " rows of %" PRId64 " bytes", k.isa, n, bytes);
  });
}

template <class T>
void scatter_add(Random& random) {
  const int64_t rows = random.integer(1, 50), n = random.integer(0, 60);
  const int64_t cols = random.one_in(4) ? random.integer(0, 3) : dimension(random);
  Array<int64_t> index(static_cast<size_t>(n));
  for (int64_t& i : index) i = random.integer(0, rows - 1);
  const Array<T> x = normals<T>(random, n * cols);
  Array<double> want(static_cast<size_t>(rows * cols)), size = want;
  reference::scatter_add_rows(rows, cols, n, index.data(), doubles(x).data(), want.data());
  reference::scatter_add_rows(rows, cols, n, index.data(), magnitudes(doubles(x)).data(), size.data());
  Array<T> ordered(static_cast<size_t>(rows * cols));  // one chain per element, i ascending
  for (size_t i = 0; i < index.size(); ++i)
    for (size_t j = 0, c = static_cast<size_t>(cols); j < c; ++j)
      ordered[static_cast<size_t>(index[i]) * c + j] += x[i * c + j];
  for_each_isa([&](const Kernels& k) {
    Array<T> out = unwritten<T>(rows * cols), parts = out;
    k.scatter_add_rows(dtype_of<T>(), cols, n, index.data(), x.data(), out.data(), 0, rows);
    in_parts(random, rows, [&](int64_t lo, int64_t hi) {
      k.scatter_add_rows(dtype_of<T>(), cols, n, index.data(), x.data(), parts.data(), lo, hi);
    });
    record(k, out);
    expect_same("scatter_add_rows", k.isa, out, ordered);
    expect_same("scatter_add_rows in parts", k.isa, parts, ordered);
    expect_close("scatter_add_rows", k.isa, out, want, size, kLimit);
  });
}

// ---- Dropout -------------------------------------------------------------------------------------------------------

template <class T>
void dropout(Random& random) {
  const int64_t n = random.integer(0, random.one_in(4) ? 5000 : 200);
  const uint64_t key = random.bits(), draw = random.one_in(2) ? random.bits() : random.bits() % 10;
  // The ends, and halves of the last bit of the 24 that are compared.
  const double keep =
      random.pick({0.0, 1.0, 0.5, 0.9, 0.1, 0x1p-24, 0x1p-25, 1 - 0x1p-24, 1 - 0x1p-25, 1e-30, random.unit()});
  // A pointer to element 0 that lies far below the block: block numbers past 2^32, as huge tensors have them.
  const int64_t start = random.one_in(8) ? (int64_t{1} << 34) - 37 : 0;
  Array<T> x = normals<T>(random, n);
  if (n && random.one_in(4)) x[0] = T(NAN);
  Array<T> want;
  Array<double> wide(static_cast<size_t>(n));
  for (size_t i = 0; i < x.size(); ++i) {
    const uint32_t bits = philox_word(key, draw, static_cast<uint64_t>(start) + i);
    want.push_back(unit_float(bits) < keep ? x[i] / static_cast<T>(keep) : T(0));
  }
  if (start == 0) {
    reference::dropout(n, key, draw, keep, doubles(x).data(), wide.data());
    expect_close("the expected dropout", "oracle", want, wide, magnitudes(wide), 4);
  }
  for_each_isa([&](const Kernels& k) {
    Array<T> y = unwritten<T>(n), parts = y;
    const auto first = [&](const T* p) {
      return reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(p) - static_cast<uintptr_t>(start) * sizeof(T));
    };
    const auto run = [&](Array<T>& to, int64_t lo, int64_t hi) {
      k.dropout(dtype_of<T>(), key, draw, keep, first(x.data()), first(to.data()), start + lo, start + hi);
    };
    run(y, 0, n);
    in_parts(random, n, [&](int64_t lo, int64_t hi) { run(parts, lo, hi); });
    record(k, y);
    expect_same("dropout", k.isa, y, want);
    expect_same("dropout in parts", k.isa, parts, want);
  });
}

void one(Random& random, uint64_t round) {
  switch (round % 5) {
    case 0:
      softmax<float>(random);
      softmax<double>(random);
      break;
    case 1:
      cross_entropy<float>(random);
      cross_entropy<double>(random);
      break;
    case 2:
      layer_norm<float>(random);
      layer_norm<double>(random);
      break;
    case 3:
      gather(random);
      scatter_add<float>(random);
      scatter_add<double>(random);
      break;
    case 4:
      dropout<float>(random);
      dropout<double>(random);
      break;
  }
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) { return bs::fuzz::run(argc, argv, bs::fuzz::one); }
