// Reductions that are compositions: tests, sums without NaN, spread and norms.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/composed.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

std::optional<Dims> dims_of(const Given& x, int k) {
  return x.attrs().has(k) ? std::optional<Dims>(x.attrs().get<Dims>(k)) : std::nullopt;
}
bool flag(const Given& x, int k) { return x.attrs().get<bool>(k); }

const AttrSchema kKeepdim{"keepdim", AttrType::boolean, false, false};
const AttrSchema kDims{"dim", AttrType::dims};

// A reduction along dim (None: all), with keepdim.
template <auto value>
Op reduction_op(const char* name, const char* doc, Keyword keyword = Keyword::none) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}},
          .attrs = {kDims, kKeepdim},
          .visibility = Visibility::method,
          .keyword = keyword,
          .storage = Storage::cast,
          .compose = one<value>};
}

// ---- any, all -------------------------------------------------------------------------------------------------

// Of bools the largest says whether any is true, the least whether all are.
template <bool every>
Tensor tested(const Given& x) {
  const Tensor true_or_not = x[0].dtype() == DType::b8 ? x[0] : ne(x[0], 0.0);
  const auto dim = dims_of(x, 0);
  Tensor made;
  if (x[0].numel() > 0)
    made = every ? amin(true_or_not, dim, flag(x, 1)) : amax(true_or_not, dim, flag(x, 1));
  else
    made = full(sum(true_or_not, dim, flag(x, 1)).shape(), every, DType::b8);
  return x[0].dtype() == DType::u8 ? cast(made, DType::u8) : made;
}
template <bool every>
Op test_op(const char* name, const char* doc) {
  Op op = reduction_op<tested<every>>(name, doc);
  op.storage = Storage::moved;
  return op;
}
const Op all_op = test_op<true>("all",
                                "Whether all elements along the axes dim (None: all) are not 0; of nothing, True. "
                                "Of uint8, as 0 or 1 in uint8.");
BS_REGISTER(all_op);
const Op any_op = test_op<false>("any",
                                 "Whether any element along the axes dim (None: all) is not 0; of nothing, False. "
                                 "Of uint8, as 0 or 1 in uint8.");
BS_REGISTER(any_op);

const Op count_nonzero_op{
    .name = "count_nonzero",
    .doc = "How many elements along the axes dim (None: all) are not 0, int64.",
    .inputs = {{"input"}},
    .attrs = {kDims},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) { return sum(ne(x[0], 0.0), dims_of(x, 0)); }>,
};
BS_REGISTER(count_nonzero_op);

// ---- sums without NaN -----------------------------------------------------------------------------------------

Tensor numbers(const Tensor& x) { return is_float(x.dtype()) ? mul_mask(x, eq(x, x)) : x; }

const Op nansum_op = reduction_op<[](const Given& x) { return sum(numbers(x[0]), dims_of(x, 0), flag(x, 1)); }>(
    "nansum", "The sum over the axes dim (None: all), in which NaN counts as 0.", Keyword::dtype);
BS_REGISTER(nansum_op);

const Op nanmean_op = reduction_op<[](const Given& x) {
  need_float("nanmean", "input", x[0].dtype());
  const Tensor n = sum(eq(x[0], x[0]), dims_of(x, 0), flag(x, 1));
  return div(sum(numbers(x[0]), dims_of(x, 0), flag(x, 1)), cast(n, x[0].dtype()));
}>("nanmean", "The mean over the axes dim (None: all) of what is not NaN.", Keyword::dtype);
BS_REGISTER(nanmean_op);

// ---- std, var -------------------------------------------------------------------------------------------------

enum class Spread { std, var, std_mean, var_mean };
constexpr const char* kSpreadNames[][3] = {{"std", "std_unbiased", "std_of_all"},
                                           {"var", "var_unbiased", "var_of_all"},
                                           {"std_mean", "std_mean_unbiased", "std_mean_of_all"},
                                           {"var_mean", "var_mean_unbiased", "var_mean_of_all"}};

// sum (x - mean)^2 / (n - correction), or its root; then the mean.
template <Spread spread>
std::vector<Tensor> spread_of(const Tensor& x, const std::optional<Dims>& dim, double correction, bool keepdim) {
  need_float(kSpreadNames[static_cast<int>(spread)][0], "input", x.dtype());
  const Tensor center = mean(x, dim, true);
  const Tensor squares = sum_squares(sub(x, center), dim, keepdim);
  const double n = center.numel() ? static_cast<double>(x.numel()) / static_cast<double>(center.numel()) : 0;
  const Tensor var = div(squares, std::max(n - correction, 0.0));
  constexpr bool root = spread == Spread::std || spread == Spread::std_mean;
  std::vector<Tensor> made{cast(root ? sqrt(var) : var, x.dtype())};
  if (spread == Spread::std_mean || spread == Spread::var_mean) made.push_back(reshape(center, squares.shape()));
  return made;
}

const AttrSchema kUnbiased{"unbiased", AttrType::boolean, false, true};

// As PyTorch has it: with `correction` by name, with `unbiased` after dim, or of all with `unbiased` alone.
template <Spread spread, int form>
Op spread_op(const char* doc) {
  const auto& names = kSpreadNames[static_cast<int>(spread)];
  Op op{.name = names[form],
        .doc = doc,
        .inputs = {{"input"}},
        .storage = Storage::cast,
        .compose = [](const Attrs* attrs, std::span<const Tensor> in) {
          const Given x(attrs, in);
          if constexpr (form == 0) {
            return spread_of<spread>(x[0], dims_of(x, 0), x.attrs().has(1) ? x.number(1) : 1.0, flag(x, 2));
          }
          if constexpr (form == 1) return spread_of<spread>(x[0], dims_of(x, 0), flag(x, 1), flag(x, 2));
          return spread_of<spread>(x[0], {}, flag(x, 0), false);
        }};
  if (spread == Spread::std_mean || spread == Spread::var_mean) op.outputs = {"spread", "mean"};
  if (form == 0) {
    op.attrs = {kDims,
                {.name = "correction", .type = AttrType::real, .by_name = true},
                {.name = "keepdim", .type = AttrType::boolean, .default_value = false, .by_name = true}};
    op.visibility = Visibility::method;
    op.overloads = {names[1], names[2]};
  } else if (form == 1) {
    op.attrs = {kDims, kUnbiased, kKeepdim};
  } else {
    op.attrs = {{"unbiased", AttrType::boolean, true}};
  }
  return op;
}

#define BS_SPREAD(name, doc)                                                                                      \
  const Op name##_op = spread_op<Spread::name, 0>(doc);                                                           \
  BS_REGISTER(name##_op);                                                                                         \
  const Op name##_unbiased_op = spread_op<Spread::name, 1>(#name " with a flag for correction=1, else 0.");       \
  BS_REGISTER(name##_unbiased_op);                                                                                \
  const Op name##_of_all_op = spread_op<Spread::name, 2>(#name " of all, with a flag for correction=1, else 0."); \
  BS_REGISTER(name##_of_all_op)

BS_SPREAD(var,
          "The variance sum (x - mean)^2 / (n - correction) over the axes dim (None: all), squares summed in float64; "
          "correction None is 1. Where n <= correction, inf or NaN. unbiased=False, also the positional argument after "
          "dim, means "
          "correction=0.");
BS_SPREAD(std,
          "The root of the variance sum (x - mean)^2 / (n - correction) over the axes dim (None: all); derivative 0 "
          "where it is 0. unbiased=False, also the positional argument after dim, means correction=0.");
BS_SPREAD(std_mean, "(std, mean), with the arguments of std.");
BS_SPREAD(var_mean, "(var, mean), with the arguments of var.");

// ---- norms ----------------------------------------------------------------------------------------------------

const Op norm_op{
    .name = "norm",
    .doc =
        "(sum |x|^p)^(1/p) over the axes dim (None: all), of all elements of several axes as of one vector; \"fro\" is "
        "p=2, whose squares are summed in float64. p=inf, -inf: the largest, the least |x|; p=0: how many are not 0.",
    .inputs = {{"input"}},
    .attrs = {{.name = "p", .type = AttrType::word, .default_value = int64_t{0}, .words = {"fro"}}, kDims, kKeepdim},
    .overloads = {"norm_p"},
    .keyword = Keyword::last_dtype,
    .storage = Storage::cast,
    .compose = one<[](const Given& x) { return norm(x[0], 2, dims_of(x, 1), flag(x, 2)); }>,
};
BS_REGISTER(norm_op);

const Op norm_p_op{
    .name = "norm_p",
    .doc = "norm for a number p.",
    .inputs = {{"input"}},
    .attrs = {{"p", AttrType::real, true}, kDims, kKeepdim},
    .keyword = Keyword::last_dtype,
    .storage = Storage::cast,
    .compose = one<[](const Given& x) { return norm(x[0], x.number(0), dims_of(x, 1), flag(x, 2)); }>,
};
BS_REGISTER(norm_p_op);

const Op dist_op{
    .name = "dist",
    .doc = "The p-norm of input - other.",
    .inputs = {{"input"}, {"other"}},
    .attrs = {{"p", AttrType::real, false, 2.0}},
    .visibility = Visibility::method,
    .storage = Storage::cast,
    .compose = one<[](const Given& x) { return norm(sub(x[0], x[1]), x.number(0)); }>,
};
BS_REGISTER(dist_op);

const Op cdist_op{
    .name = "cdist",
    .doc =
        "The p-norms of all differences of a row of x1 (..., m, k) and one of x2 (..., n, k): (..., m, n). Euclidean "
        "ones "
        "by a product of matrices where more than 25 rows meet, unless compute_mode says otherwise.",
    .inputs = {{"x1"}, {"x2"}},
    .attrs = {{"p", AttrType::real, false, 2.0},
              {.name = "compute_mode",
               .type = AttrType::word,
               .default_value = int64_t{0},
               .words = {"use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist",
                         "donot_use_mm_for_euclid_dist"}}},
    .visibility = Visibility::function,
    .compose = one<[](const Given& x) {
      const Tensor &a = x[0], &b = x[1];
      const int m = a.shape().size(), n = b.shape().size();
      if (m < 2 || n < 2 || a.shape().back() != b.shape().back())
        throw ShapeError(cat("[cdist] x1 is ", str(a.shape()), ", x2 is ", str(b.shape()),
                             ": both are rows of equally many numbers"));
      if (!(x.number(0) >= 0)) throw ValueError(cat("[cdist] p is ", x.number(0), "; it must not be negative"));
      const int64_t rows = std::max(a.shape()[m - 2], b.shape()[n - 2]);
      if (x.number(0) == 2 && (x.integer(1) == 1 || (x.integer(1) == 0 && rows > 25))) {
        const auto squares = [](const Tensor& t) { return cast(sum_squares(t, Dims{-1}, true), t.dtype()); };
        const Tensor both = matmul(a, transpose(b, -2, -1));
        return sqrt(maximum(sub(add(squares(a), transpose(squares(b), -2, -1)), mul(both, 2.0)), 0.0));
      }
      return norm(sub(unsqueeze(a, -2), unsqueeze(b, n - 2)), x.number(0), Dims{-1});
    }>,
};
BS_REGISTER(cdist_op);

}  // namespace

Tensor norm(const Tensor& x, double p, std::optional<Dims> dim, bool keepdim) {
  need_float("norm", "input", x.dtype());
  if (p == 2) return cast(sqrt(sum_squares(x, dim, keepdim)), x.dtype());
  if (p == 0) return cast(sum(ne(x, 0.0), dim, keepdim), x.dtype());
  const Tensor size = abs(x);
  if (std::isinf(p)) return p > 0 ? amax(size, dim, keepdim) : amin(size, dim, keepdim);
  if (p == 1) return sum(size, dim, keepdim);
  return pow(sum(pow(size, p), dim, keepdim), 1 / p);
}

}  // namespace bs::ops
