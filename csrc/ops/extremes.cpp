// Extremes and order statistics along an axis, with their places: max, min, median, mode.
#include <algorithm>
#include <cmath>
#include <limits>
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

const AttrSchema kKeepdim{"keepdim", AttrType::boolean, false, false};

// The elements at the places `at`, which keep the axis, and the places; the derivative is theirs.
std::vector<Tensor> taken(const Tensor& x, const Tensor& at, int dim, bool keepdim) {
  const Tensor values = gather_axis(x, at, dim);
  if (keepdim || x.shape().size() == 0) return {values, at};
  Dims shape = at.shape();
  shape.erase(dim);
  return {reshape(values, shape), reshape(at, shape)};
}

// ---- max, min -------------------------------------------------------------------------------------------------

// The largest or least of all; equal ones share the derivative.
template <auto extreme>
Op extreme_op(const char* name, const char* doc, std::vector<const char*> overloads) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}},
          .visibility = Visibility::method,
          .overloads = std::move(overloads),
          .compose = one<[](const Given& x) { return extreme(x[0], {}, false); }>};
}
const Op max_op = extreme_op<amax>(
    "max",
    "The largest of all elements, NaN if any is; equal ones share the derivative. max(input, dim, keepdim): (values, "
    "indices) along the axis dim, the first of equal ones, which gets the derivative. max(input, other): maximum.",
    {"max_dim", "maximum"});
BS_REGISTER(max_op);
const Op min_op = extreme_op<amin>(
    "min",
    "The least of all elements, NaN if any is; equal ones share the derivative. min(input, dim, keepdim): (values, "
    "indices) along the axis dim, the first of equal ones, which gets the derivative. min(input, other): minimum.",
    {"min_dim", "minimum"});
BS_REGISTER(min_op);

template <bool most>
Op extreme_along(const char* name, const char* doc) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}},
          .attrs = {{"dim", AttrType::integer, true}, kKeepdim},
          .outputs = {"values", "indices"},
          .named = true,
          .compose = [](const Attrs* attrs, std::span<const Tensor> in) {
            static const Op* const position = find_op(most ? "argmax" : "argmin");
            const Tensor x = in[0].dtype() == DType::b8 ? cast(in[0], DType::i32) : in[0];
            const int dim = scalar_dim(position->name, attrs->get<int64_t>(0), x.shape().size());
            return taken(in[0], apply(*position, {x}, Attrs::make({int64_t{dim}, true})), dim, attrs->get<bool>(1));
          }};
}
const Op max_dim_op =
    extreme_along<true>("max_dim", "The largest along the axis dim and where it is, the first of equal ones.");
BS_REGISTER(max_dim_op);
const Op min_dim_op =
    extreme_along<false>("min_dim", "The least along the axis dim and where it is, the first of equal ones.");
BS_REGISTER(min_dim_op);

const Op aminmax_op{
    .name = "aminmax",
    .doc = "(min, max) along the axis dim (None: of all), NaN if any is; equal ones share the derivative.",
    .inputs = {{"input"}},
    .attrs = {{.name = "dim", .type = AttrType::dims, .by_name = true},
              {.name = "keepdim", .type = AttrType::boolean, .default_value = false, .by_name = true}},
    .outputs = {"min", "max"},
    .visibility = Visibility::method,
    .named = true,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const auto dim = attrs->has(0) ? std::optional<Dims>(attrs->get<Dims>(0)) : std::nullopt;
          const bool keepdim = attrs->get<bool>(1);
          return std::vector<Tensor>{amin(in[0], dim, keepdim), amax(in[0], dim, keepdim)};
        },
};
BS_REGISTER(aminmax_op);

// ---- order statistics -----------------------------------------------------------------------------------------

// Which element of a row: the lower median, NaN if any is, or of what is no NaN; of the most frequent numbers the
// least, where it is last.
enum class Rank : int64_t { median, nanmedian, mode };

template <class T>
struct Placed {
  T value;
  int64_t at;
  bool is_nan() const { return value != value; }
  // NaN comes last, equal ones in order.
  bool operator<(const Placed& o) const {
    if (is_nan() != o.is_nan()) return o.is_nan();
    return value < o.value || (!(o.value < value) && at < o.at);
  }
};

template <class T>
int64_t place_in(Rank rank, Placed<T>* row, int64_t n) {
  const int64_t valid = std::partition(row, row + n, [](const auto& p) { return !p.is_nan(); }) - row;
  if (rank == Rank::mode) {
    std::sort(row, row + n);
    int64_t most = 0, at = 0;
    for (int64_t first = 0, next; first < n; first = next) {
      for (next = first + 1; next < n && row[next].value == row[first].value;) ++next;
      if (next - first > most) most = next - first, at = row[next - 1].at;
    }
    return at;
  }
  if (valid < n && (rank == Rank::median || valid == 0))  // the first NaN
    return std::min_element(row + valid, row + n)->at;
  const int64_t want = ((rank == Rank::median ? n : valid) - 1) / 2;
  std::nth_element(row, row + want, row + n);
  return row[want].at;
}

// at(row) for the elements of rows [lo, hi), each with its place.
template <class Take>
void each_ranked(const Call& call, const Lines& r, Rank rank, int64_t lo, int64_t hi, Take take) {
  with_number(call.in[0].dtype(), [&](auto zero) {
    using T = decltype(zero);
    auto* row = reinterpret_cast<Placed<T>*>(call.scratch);
    for (int64_t i = lo; i < hi; ++i) {
      const T* from = call.in[0].as<T>() + i / r.inner * r.n * r.inner + i % r.inner;
      for (int64_t j = 0; j < r.n; ++j) row[j] = {from[j * r.inner], j};
      take(i, place_in(rank, row, r.n));
    }
  });
}
size_t ranked_bytes(const Lines& r) { return static_cast<size_t>(r.n) * sizeof(Placed<int64_t>); }
double ranked_cost(const Attrs*, const Specs& in, const Spec*) { return 10 * static_cast<double>(numel(in[0].shape)); }

void check_ranked(const char* name, const Spec& x) {
  if (x.dtype == DType::b8) throw DTypeError(cat("[", name, "] input is bool: cast it first, as in x.to(bs.int64)"));
}

const Op place_of_rank_op{
    .name = "place_of_rank",
    .doc =
        "Where along the axis dim (0 or more), which stays with size 1, the element of a rank is: the median, the "
        "median of "
        "what is no NaN, or the mode.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, true},
              {.name = "rank", .type = AttrType::word, .required = true, .words = {"median", "nanmedian", "mode"}}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_ranked("place_of_rank", in[0]);
          const Dims& shape = in[0].shape;
          const int dim = scalar_dim("place_of_rank", attrs->get<int64_t>(0), shape.size());
          const int64_t n = shape.size() ? shape[dim] : 1;
          if (n == 0) throw IndexError(cat("[place_of_rank] axis ", dim, " of ", str(shape), " is empty"));
          out[0].dtype = DType::i64;
          out[0].shape = shape;
          if (shape.size()) out[0].shape[dim] = 1;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Lines r = lines_of("place_of_rank", call.attrs, call.in[0].shape());
      each_ranked(call, r, static_cast<Rank>(call.attrs->get<int64_t>(1)), lo, hi,
                  [&](int64_t i, int64_t at) { call.out[0].as<int64_t>()[i] = at; });
      return -1;
    },
    .scratch_bytes = [](const Attrs* attrs, const Specs& in,
                        const Spec*) { return ranked_bytes(lines_of("place_of_rank", attrs, in[0].shape)); },
    .scratch_of_thread = true,
    .place = [](const Attrs*, const Specs&, const Spec* out) { return Placement{numel(out[0].shape), 1, {}, false}; },
    .cost = ranked_cost,
    .storage = Storage::cast,
};
BS_REGISTER(place_of_rank_op);
BS_BATCH(place_of_rank_op, batch_dims);

std::vector<Tensor> of_rank(const Tensor& x, int64_t dim, Rank rank, bool keepdim) {
  const int axis = scalar_dim("place_of_rank", dim, x.shape().size());
  const Tensor at = apply(place_of_rank_op, {x}, Attrs::make({int64_t{axis}, static_cast<int64_t>(rank)}));
  return taken(x, at, axis, keepdim);
}

template <Rank rank>
constexpr const char* median_name() {
  return rank == Rank::median ? "median" : "nanmedian";
}

// Of all elements; equal ones share the derivative.
template <Rank rank>
Op median_op(const char* doc, const char* along) {
  return {.name = median_name<rank>(),
          .doc = doc,
          .inputs = {{"input"}},
          .visibility = Visibility::method,
          .overloads = {along},
          .infer =
              [](const Attrs*, const Specs& in, Spec* out) {
                check_ranked(median_name<rank>(), in[0]);
                out[0].dtype = in[0].dtype;
              },
          .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
            with_number(call.in[0].dtype(), [&](auto zero) {
              using T = decltype(zero);
              const Lines r{1, numel(call.in[0].shape()), 1};
              if (r.n == 0) {  // as PyTorch has it
                *call.out[0].as<T>() = std::is_integral_v<T> ? std::numeric_limits<T>::min() : T(NAN);
                return;
              }
              each_ranked(call, r, rank, 0, 1,
                          [&](int64_t, int64_t at) { *call.out[0].as<T>() = call.in[0].as<T>()[at]; });
            });
            return -1;
          },
          .scratch_bytes = [](const Attrs*, const Specs& in,
                              const Spec*) { return ranked_bytes({1, numel(in[0].shape), 1}); },
          .cost = ranked_cost,
          .storage = Storage::cast,
          .grad =
              [](GradCall& call) {
                const Tensor x = call.in(0), chosen = cast(eq(x, call.out()), x.dtype());
                call.set(0, mul(div(call.grad(), sum(chosen)), chosen));
              },
          .reads = IN_0 | OUT};
}
const Op median_of_all = median_op<Rank::median>(
    "The lower median of all elements, NaN if any is; equal ones share the derivative. median(input, dim=-1, keepdim): "
    "(values, indices) along the axis dim, the derivative goes to the index.",
    "median_dim");
BS_REGISTER(median_of_all);
const Op nanmedian_of_all = median_op<Rank::nanmedian>(
    "The lower median of all elements that are not NaN; equal ones share the derivative. nanmedian(input, dim=-1, "
    "keepdim): (values, indices) along the axis dim, the derivative goes to the index.",
    "nanmedian_dim");
BS_REGISTER(nanmedian_of_all);

template <Rank rank>
Op ranked_op(const char* name, const char* doc) {
  Op op{.name = name,
        .doc = doc,
        .inputs = {{"input"}},
        .outputs = {"values", "indices"},
        .named = true,
        .compose = [](const Attrs* attrs, std::span<const Tensor> in) {
          return of_rank(in[0], attrs->get<int64_t>(0), rank, attrs->get<bool>(1));
        }};
  op.attrs = {{"dim", AttrType::integer, rank != Rank::mode, int64_t{-1}}, kKeepdim};
  if (rank == Rank::mode) op.visibility = Visibility::method;
  return op;
}
const Op median_dim_op = ranked_op<Rank::median>("median_dim", "The lower median along the axis dim and where it is.");
BS_REGISTER(median_dim_op);
const Op nanmedian_dim_op = ranked_op<Rank::nanmedian>(
    "nanmedian_dim", "The lower median along the axis dim of what is not NaN, and where it is.");
BS_REGISTER(nanmedian_dim_op);
const Op mode_op = ranked_op<Rank::mode>(
    "mode", "(values, indices): the most frequent number along the axis dim, of several the least, where it is last.");
BS_REGISTER(mode_op);

}  // namespace

}  // namespace bs::ops
