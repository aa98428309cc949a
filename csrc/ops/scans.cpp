// Running results along an axis, but for sums: products, extremes and the recurrence from which their derivatives are
// made. Plain loops: each chain is one after another, and what lies side by side goes together.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/batch.h"
#include "ops/composed.h"
#include "ops/indexing.h"
#include "ops/lines.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

// first(i) at the beginning of each of the lines [lo, hi), then next(i, before, k) for each position, the one before,
// and how many came before it.
template <class First, class Next>
void run_lines(const Lines& c, bool reverse, int64_t lo, int64_t hi, First first, Next next) {
  const int64_t step = reverse ? -c.inner : c.inner;
  while (c.n > 0 && lo < hi) {
    const int64_t col = lo % c.inner, n = std::min(c.inner - col, hi - lo);
    int64_t at = (lo / c.inner * c.n + (reverse ? c.n - 1 : 0)) * c.inner + col;
    for (int64_t i = at; i < at + n; ++i) first(i);
    for (int64_t k = 1; k < c.n; ++k) {
      at += step;
      for (int64_t i = at; i < at + n; ++i) next(i, i - step, k);
    }
    lo += n;
  }
}

// Cut between matrices of chains where that leaves no thread idle, for each then writes its own part of the outputs.
Placement place_lines(const Lines& c) {
  const bool matrices = c.outer >= 8 || c.inner == 1;
  Placement p{c.outer * c.inner, matrices ? c.inner : 1, {}, !matrices};
  if (matrices) p.aligned = ALL_INPUTS;
  return p;
}

double cost_of(const Attrs*, const Specs& in, const Spec*) { return 2 * static_cast<double>(numel(in[0].shape)); }

// Whole numbers wrap.
template <class T>
T times(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}

// run(S{}, T{}) for the types of input 0 and of products of its elements.
template <class Run>
void with_product(const Call& call, Run run) {
  switch (call.in[0].dtype()) {
    case DType::b8:
      return run(bool{}, int64_t{});
    case DType::i32:
      return run(int32_t{}, int64_t{});
    default:
      with_number(call.in[0].dtype(), [&](auto zero) { run(zero, zero); });
  }
}

// ---- cumprod --------------------------------------------------------------------------------------------------

// 1, then all but the last along dim; or all but the first, then 1.
Tensor before(const Tensor& t, int dim, bool reverse, double start) {
  Dims edge = t.shape();
  const int64_t n = edge[dim];
  edge[dim] = 1;
  const Tensor one = full(edge, start, t.dtype()), rest = narrow(t, dim, reverse ? 1 : 0, n - 1);
  const Tensor both[] = {reverse ? rest : one, reverse ? one : rest};
  return concatenate(both, dim);
}

Tensor scan(const Tensor& a, const Tensor& b, int dim, bool reverse);

// Products of all but each element, times what is to be derived: exact where elements are 0.
void grad_of_products(GradCall& call) {
  const Tensor x = call.in(0);
  if (x.numel() == 0 || x.shape().size() == 0) return call.set(0, call.grad());
  const int dim = scalar_dim("cumprod", call.attrs().get<int64_t>(0), x.shape().size());
  const bool reverse = call.attrs().get<bool>(1);
  // d_k = g_k + x_{k+1} d_{k+1} is the derivative by the product up to k.
  const Tensor d = scan(before(x, dim, !reverse, 0), call.grad(), dim, !reverse);
  call.set(0, mul(d, before(call.out(), dim, reverse, 1)));
}

const Op cumprod_op{
    .name = "cumprod",
    .doc =
        "The products of x[0], ..., x[k] for each k along the axis dim, or with reverse those of x[k] and all that "
        "follow. Integers and bools are multiplied in int64.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, true},
              {.name = "reverse", .type = AttrType::boolean, .default_value = false, .by_name = true}},
    .visibility = Visibility::method,
    .underscored = true,
    .keyword = Keyword::dtype,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          lines_of("cumprod", attrs, in[0].shape);
          out[0].shape = in[0].shape;
          out[0].dtype = is_float(in[0].dtype) ? in[0].dtype : DType::i64;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Lines c = lines_of("cumprod", call.attrs, call.in[0].shape());
      const bool reverse = call.attrs->get<bool>(1);
      with_product(call, [&](auto from, auto to) {
        using T = decltype(to);
        const auto* x = call.in[0].as<decltype(from)>();
        T* y = call.out[0].as<T>();
        run_lines(
            c, reverse, lo, hi, [&](int64_t i) { y[i] = static_cast<T>(x[i]); },
            [&](int64_t i, int64_t j, int64_t) { y[i] = times(y[j], static_cast<T>(x[i])); });
      });
      return -1;
    },
    .place = [](const Attrs* attrs, const Specs& in,
                const Spec*) { return place_lines(lines_of("cumprod", attrs, in[0].shape)); },
    .cost = cost_of,
    .storage = Storage::cast,
    .grad = grad_of_products,
    .reads = IN_0 | OUT,
};
BS_REGISTER(cumprod_op);
BS_BATCH(cumprod_op, batch_dims);

// ---- prod -----------------------------------------------------------------------------------------------------

// Of a row: in lanes, joined in pairs.
template <class T, class S>
T product_of_row(const S* x, int64_t n) {
  constexpr int kLanes = 16;
  T lane[kLanes];
  for (T& t : lane) t = 1;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int l = 0; l < kLanes; ++l) lane[l] = times(lane[l], static_cast<T>(x[i + l]));
  for (int l = 0; i < n; ++i, ++l) lane[l] = times(lane[l], static_cast<T>(x[i]));
  for (int w = kLanes / 2; w > 0; w /= 2)
    for (int l = 0; l < w; ++l) lane[l] = times(lane[l], lane[l + w]);
  return lane[0];
}

// Products [lo, hi).
template <class T, class S>
void products(const Lines& c, const S* x, T* y, int64_t lo, int64_t hi) {
  if (c.inner == 1) {
    for (int64_t r = lo; r < hi; ++r) y[r] = product_of_row<T>(x + r * c.n, c.n);
    return;
  }
  while (lo < hi) {
    const int64_t col = lo % c.inner, n = std::min(c.inner - col, hi - lo);
    const S* from = x + lo / c.inner * c.n * c.inner + col;
    for (int64_t j = 0; j < n; ++j) y[lo + j] = 1;
    for (int64_t k = 0; k < c.n; ++k, from += c.inner)
      for (int64_t j = 0; j < n; ++j) y[lo + j] = times(y[lo + j], static_cast<T>(from[j]));
    lo += n;
  }
}

const Op prod_op{
    .name = "prod",
    .doc =
        "The product along the axis dim (None: of all elements); integers and bools are multiplied in int64. Of "
        "nothing, 1.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer}, {"keepdim", AttrType::boolean, false, false}},
    .visibility = Visibility::method,
    .keyword = Keyword::dtype,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const Dims& shape = in[0].shape;
          const int dim = attrs->has(0) ? scalar_dim("prod", attrs->get<int64_t>(0), shape.size()) : -1;
          for (int d = 0; d < shape.size(); ++d)
            if (dim >= 0 && d != dim)
              out[0].shape.push(shape[d]);
            else if (attrs->get<bool>(1))
              out[0].shape.push(1);
          out[0].dtype = is_float(in[0].dtype) ? in[0].dtype : DType::i64;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Lines c = lines_of("prod", call.attrs, call.in[0].shape());
      with_product(call, [&](auto from, auto to) {
        products(c, call.in[0].as<decltype(from)>(), call.out[0].as<decltype(to)>(), lo, hi);
      });
      return -1;
    },
    .place =
        [](const Attrs* attrs, const Specs& in, const Spec*) {
          const Lines c = lines_of("prod", attrs, in[0].shape);
          return Placement{c.outer * c.inner, 1, c.inner == 1 ? IN_0 : Mask(), false};
        },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          const Tensor x = call.in(0);
          if (x.numel() == 0) return call.set(0, full(x.shape(), 0, x.dtype()));
          if (x.shape().size() == 0) return call.set(0, call.grad());
          const bool all = !call.attrs().has(0);
          const Tensor t = all ? reshape(x, {x.numel()}) : x;
          const int dim = all ? 0 : scalar_dim("prod", call.attrs().get<int64_t>(0), x.shape().size());
          Dims kept = t.shape();
          kept[dim] = 1;
          const Tensor others =
              mul(before(cumprod(t, dim), dim, false, 1), before(cumprod(t, dim, true), dim, true, 1));
          call.set(0, reshape(mul(reshape(call.grad(), kept), others), x.shape()));
        },
    .reads = IN_0,
};
BS_REGISTER(prod_op);
BS_BATCH(prod_op, batch_dims);

// ---- scan -----------------------------------------------------------------------------------------------------

const Op scan_op{
    .name = "scan",
    .doc =
        "h[k] = a[k] h[k-1] + b[k] along the axis dim (0 or more), where h[-1] is 0; with reverse from the last k "
        "down. Its derivative is a scan the other way.",
    .inputs = {{"a"}, {"b"}},
    .attrs = {{"dim", AttrType::integer, true}, {"reverse", AttrType::boolean, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          lines_of("scan", attrs, in[0].shape);
          if (!(in[0].shape == in[1].shape))
            throw ShapeError(cat("[scan] a is ", str(in[0].shape), ", b is ", str(in[1].shape)));
          if (!is_float(in[0].dtype) || in[0].dtype != in[1].dtype)
            throw DTypeError(cat("[scan] a is ", name_of(in[0].dtype), ", b is ", name_of(in[1].dtype),
                                 ": both must be float32 or both float64"));
          out[0].shape = in[0].shape;
          out[0].dtype = in[0].dtype;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Lines c = lines_of("scan", call.attrs, call.in[0].shape());
      with_float(call.in[0].dtype(), [&](auto zero) {
        using T = decltype(zero);
        const T *a = call.in[0].as<T>(), *b = call.in[1].as<T>();
        T* h = call.out[0].as<T>();
        run_lines(
            c, call.attrs->get<bool>(1), lo, hi, [&](int64_t i) { h[i] = b[i]; },
            [&](int64_t i, int64_t j, int64_t) { h[i] = a[i] * h[j] + b[i]; });
      });
      return -1;
    },
    .place = [](const Attrs* attrs, const Specs& in,
                const Spec*) { return place_lines(lines_of("scan", attrs, in[0].shape)); },
    .cost = cost_of,
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          const Tensor a = call.in(0);
          if (a.numel() == 0 || a.shape().size() == 0) {
            if (call.needs(1)) call.set(1, call.grad());
            return;
          }
          const int dim = static_cast<int>(call.attrs().get<int64_t>(0));
          const bool reverse = call.attrs().get<bool>(1);
          const Tensor d = scan(before(a, dim, !reverse, 0), call.grad(), dim, !reverse);
          if (call.needs(0)) call.set(0, mul(d, before(call.out(), dim, reverse, 0)));
          if (call.needs(1)) call.set(1, d);
        },
    .reads = IN_0 | OUT,
};
BS_REGISTER(scan_op);
BS_BATCH(scan_op, batch_dims);

Tensor scan(const Tensor& a, const Tensor& b, int dim, bool reverse) {
  return apply(scan_op, {a, b}, Attrs::make({int64_t{dim}, reverse}));
}

// ---- cummax, cummin -------------------------------------------------------------------------------------------

template <bool most>
constexpr const char* running_name() {
  return most ? "cummax" : "cummin";
}
template <bool most>
constexpr const char* position_name() {
  return most ? "cummax_index" : "cummin_index";
}

// Of equal ones the last; NaN stays.
template <bool most>
Op position_op(const char* doc) {
  return {
      .name = position_name<most>(),
      .doc = doc,
      .inputs = {{"input"}},
      .attrs = {{"dim", AttrType::integer, true}},
      .infer =
          [](const Attrs* attrs, const Specs& in, Spec* out) {
            lines_of(position_name<most>(), attrs, in[0].shape);
            out[0].shape = in[0].shape;
            out[0].dtype = DType::i64;
          },
      .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
        const Lines c = lines_of(position_name<most>(), call.attrs, call.in[0].shape());
        int64_t* at = call.out[0].as<int64_t>();
        const auto run = [&](auto zero) {
          const auto* x = call.in[0].as<decltype(zero)>();
          const auto beats = [](auto a, auto b) { return a != a || (b == b && (most ? a >= b : a <= b)); };
          if (c.inner == 1) {  // the best so far stays at hand
            for (int64_t r = lo; r < hi; ++r) {
              const auto* row = x + r * c.n;
              auto best = c.n ? row[0] : decltype(zero){};
              int64_t place = 0;
              for (int64_t k = 0; k < c.n; ++k) {
                const bool better = beats(row[k], best);
                best = better ? row[k] : best;
                at[r * c.n + k] = place = better ? k : place;
              }
            }
            return;
          }
          run_lines(
              c, false, lo, hi, [&](int64_t i) { at[i] = 0; },
              [&](int64_t i, int64_t j, int64_t k) { at[i] = beats(x[i], x[i + (at[j] - k) * c.inner]) ? k : at[j]; });
        };
        call.in[0].dtype() == DType::b8 ? run(bool{}) : with_number(call.in[0].dtype(), run);
        return -1;
      },
      .place = [](const Attrs* attrs, const Specs& in,
                  const Spec*) { return place_lines(lines_of(position_name<most>(), attrs, in[0].shape)); },
      .cost = cost_of,
      .storage = Storage::cast,
  };
}

const Op cummax_index_op = position_op<true>("Where the largest of x[0], ..., x[k] is, the last of equal ones.");
BS_REGISTER(cummax_index_op);
BS_BATCH(cummax_index_op, batch_dims);
const Op cummin_index_op = position_op<false>("Where the least of x[0], ..., x[k] is, the last of equal ones.");
BS_REGISTER(cummin_index_op);
BS_BATCH(cummin_index_op, batch_dims);

template <bool most>
Op running_op(const char* doc) {
  return {
      .name = running_name<most>(),
      .doc = doc,
      .inputs = {{"input"}},
      .attrs = {{"dim", AttrType::integer, true}},
      .outputs = {"values", "indices"},
      .visibility = Visibility::method,
      .named = true,
      .compose =
          [](const Attrs* attrs, std::span<const Tensor> in) {
            const int dim = scalar_dim(running_name<most>(), attrs->get<int64_t>(0), in[0].shape().size());
            const Tensor at = apply(most ? cummax_index_op : cummin_index_op, in, Attrs::make({int64_t{dim}}));
            return std::vector<Tensor>{gather_axis(in[0], at, dim), at};
          },
  };
}

const Op cummax_op = running_op<true>(
    "values: the largest of x[0], ..., x[k] for each k along the axis dim, NaN from the first NaN on; indices: where "
    "it "
    "is (int64), the last of equal ones, which gets the derivative.");
BS_REGISTER(cummax_op);
const Op cummin_op = running_op<false>(
    "values: the least of x[0], ..., x[k] for each k along the axis dim, NaN from the first NaN on; indices: where it "
    "is (int64), the last of equal ones, which gets the derivative.");
BS_REGISTER(cummin_op);

// ---- logcumsumexp ---------------------------------------------------------------------------------------------

// With the largest m_k so far taken out: s_k = s_{k-1} e^(m_{k-1} - m_k) + e^(x_k - m_k), and the result m_k + ln s_k.
Tensor log_of_sums(const Tensor& x, int dim) {
  if (x.numel() == 0) return x;
  if (x.shape().size() == 0) return add(x, 0.0);
  const Tensor at = apply(cummax_index_op, {x}, Attrs::make({int64_t{dim}}));
  Tensor top = detach(gather_axis(x, at, dim));  // the result does not depend on what is taken out
  top = mul_mask(top, lt(abs(top), HUGE_VAL));   // an infinite one stays in
  const Tensor fall = exp(minimum(sub(before(top, dim, false, 0), top), 0.0));
  return add(log(scan(fall, exp(sub(x, top)), dim, false)), top);
}

const Op logcumsumexp_op{
    .name = "logcumsumexp",
    .doc =
        "ln sum exp of x[0], ..., x[k] for each k along the axis dim, of integers in float32. No finite x overflows.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, true}},
    .visibility = Visibility::method,
    .storage = Storage::cast,
    .compose = one<[](const Given& x) {
      const int dim = scalar_dim("logcumsumexp", x.integer(0), x[0].shape().size());
      return log_of_sums(is_float(x[0].dtype()) ? x[0] : cast(x[0], DType::f32), dim);
    }>,
};
BS_REGISTER(logcumsumexp_op);

}  // namespace

Tensor cumprod(const Tensor& x, int dim, bool reverse) {
  return apply(cumprod_op, {x}, Attrs::make({int64_t{dim}, reverse}));
}

}  // namespace bs::ops
