// Quantiles: positions among sorted elements, of which those next to them are joined.
#include "base/error.h"
#include "ops/composed.h"
#include "ops/indexing.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

// As their words stand in the schema.
enum class Between { linear, lower, higher, midpoint, nearest };

// Whole numbers that float32 holds, all of them.
constexpr int64_t kMostRank = int64_t{1} << 24;

// Of rows (..., n) in order, NaN last, at `quantiles` (k,): (..., k). Ranks are of their dtype, as in PyTorch, as long
// as it tells them apart.
Tensor joined_at(const Tensor& sorted, const Tensor& quantiles, Between between, bool ignore_nan) {
  const int dim = sorted.shape().size() - 1;
  const int64_t last = sorted.shape()[dim] - 1;
  const Tensor q = last > kMostRank ? cast(quantiles, DType::f64) : quantiles;
  const Tensor number = eq(sorted, sorted);
  Tensor rank;
  if (ignore_nan) {  // of rows of NaN alone the first
    const Tensor most = sub(cast(sum(number, Dims{dim}, true), q.dtype()), 1.0);
    rank = mul(q, maximum(most, 0.0));
  } else {
    const Tensor all = amin(number, Dims{dim}, true);
    rank = where(all, mul(q, static_cast<double>(last)), static_cast<double>(last));
  }
  if (between == Between::lower) rank = floor(rank);
  if (between == Between::higher) rank = ceil(rank);
  if (between == Between::nearest) rank = round(rank);
  Dims shape = sorted.shape();
  shape[dim] = q.numel();
  rank = expand(rank, shape);
  const Tensor below = floor(rank), start = gather_axis(sorted, cast(below, DType::i64), dim);
  if (between != Between::linear && between != Between::midpoint) return start;
  const Tensor end = gather_axis(sorted, cast(ceil(rank), DType::i64), dim);
  return lerp(start, end, between == Between::linear ? Arg(cast(sub(rank, below), sorted.dtype())) : Arg(0.5));
}

template <bool ignore_nan>
Tensor quantiles(const Given& x) {
  constexpr const char* name = ignore_nan ? "nanquantile" : "quantile";
  const Tensor &input = x[0], q = x[1];
  need_float(name, "input", input.dtype());
  if (q.dtype() != input.dtype())
    throw DTypeError(cat("[", name, "] input is ", name_of(input.dtype()), ", q is ", name_of(q.dtype()),
                         ": cast one, as in q.to(input.dtype)"));
  if (q.shape().size() > 1)
    throw ShapeError(cat("[", name, "] q is ", str(q.shape()), ": it must be a number or a vector"));
  if (!q.symbolic()) {
    const Tensor values = contiguous(cast(detach(q), DType::f64));
    const double* v = reinterpret_cast<const double*>(values.data());
    for (int64_t i = 0; i < q.numel(); ++i)
      if (!(v[i] >= 0 && v[i] <= 1)) throw ValueError(cat("[", name, "] q has ", v[i], ": each is in [0, 1]"));
  }
  const bool all = !x.attrs().has(0), keepdim = x.attrs().get<bool>(1);
  const Dims own = input.shape();
  const int n = own.size(), dim = all ? 0 : scalar_dim(name, x.integer(0), n);
  Dims rest = own;
  if (all)
    rest = Dims::filled(n, 1);
  else if (n > 0)
    rest[dim] = 1;
  Tensor rows = all || n == 0 ? reshape(input, {input.numel()}) : transpose(input, dim, -1);
  const int along = rows.shape().size() - 1;
  if (rows.shape()[along] == 0)
    throw ShapeError(cat("[", name, "] input is ", str(own), ": of nothing there is no quantile"));
  rows = apply_all(*find_op("sort"), std::span(&rows, 1), Attrs::make({int64_t{-1}, false, false}))[0];
  Tensor made = joined_at(rows, reshape(q, {q.numel()}), static_cast<Between>(x.integer(2)), ignore_nan);
  // (..., k) becomes (k, rest), the axis of the quantiles standing where `dim` was until it goes to the front.
  if (!all && n > 0) made = transpose(made, dim, along);
  if (!keepdim && !all && n > 0) {
    rest = Dims();
    for (int d = 0; d < n; ++d)
      if (d != dim) rest.push(own[d]);
  }
  if (!keepdim && (all || n == 0)) rest = Dims();
  if (q.shape().size() == 0) return contiguous(reshape(made, rest));
  Dims order{all || n == 0 ? 0 : dim};
  for (int d = 0; d < made.shape().size(); ++d)
    if (d != order[0]) order.push(d);
  rest.insert(0, q.numel());
  return contiguous(reshape(permute(made, order), rest));
}

template <bool ignore_nan>
Op quantile_op(const char* name, const char* doc) {
  return {.name = name,
          .doc = doc,
          .inputs = {{.name = "input", .weak = true}, {.name = "q", .weak = true}},
          .attrs = {{"dim", AttrType::integer},
                    {"keepdim", AttrType::boolean, false, false},
                    {.name = "interpolation",
                     .type = AttrType::word,
                     .default_value = int64_t{0},
                     .by_name = true,
                     .words = {"linear", "lower", "higher", "midpoint", "nearest"}}},
          .visibility = Visibility::method,
          .compose = one<quantiles<ignore_nan>>};
}

const Op of_all_op = quantile_op<false>(
    "quantile",
    "The quantiles q, in [0, 1], of the elements along the axis dim (None: of all). In ascending order x[0], ..., "
    "x[n-1] the one of q is x at q (n - 1); between two elements x[i] + f (x[i+1] - x[i]), f being the fraction (or "
    "the lower, the higher, the nearest one, f = 0.5). For a vector q of k numbers the first axis of the result has "
    "size k. NaN where there is one.");
BS_REGISTER(of_all_op);
const Op of_numbers_op = quantile_op<true>("nanquantile", "As quantile, of what is not NaN; of NaN alone, NaN.");
BS_REGISTER(of_numbers_op);

}  // namespace
}  // namespace bs::ops
