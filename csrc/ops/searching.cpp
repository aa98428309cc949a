// Searching in sorted numbers, counting, and what differs: searchsorted, isin, bincount, histc, one_hot, unique.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/batch.h"
#include "ops/composed.h"
#include "ops/indexing.h"
#include "ops/order.h"

namespace bs::ops {
namespace {

// ---- searchsorted
// ----------------------------------------------------------------------------------------------------

// Rows of boundaries: one for all values, or one for each row of them.
struct Boundaries {
  int64_t rows, n, values;  // values: of each row
  Boundaries(const Dims& sorted, const Dims& x) : rows(1), n(sorted.back()), values(1) {
    const bool own = sorted.size() > 1;
    for (int d = 0; d < x.size(); ++d) (own && d < x.size() - 1 ? rows : values) *= x[d];
  }
};

// How many of n ascending numbers come before v: those below it, or with `right` those that are not above it. NaN is
// above all.
template <class T>
int64_t count_before(const T* sorted, int64_t n, T v, bool right) {
  const T* first = sorted;
  const auto before = [&](T b) { return right ? !(b > v) : !(b >= v); };
  while (n > 1) {  // without a branch on the numbers
    const int64_t half = n / 2;
    first += before(first[half - 1]) ? half : 0;
    n -= half;
  }
  return first - sorted + (n == 1 && before(*first));
}

const Op search_sorted_op{
    .name = "search_sorted",
    .doc = "searchsorted for contiguous operands of one dtype.",
    .inputs = {{"sorted_sequence"}, {"input"}},
    .attrs = {{"right", AttrType::boolean, true}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          const Dims &sorted = in[0].shape, &x = in[1].shape;
          bool fits = sorted.size() > 0 && (sorted.size() == 1 || sorted.size() == x.size());
          for (int d = 0; fits && d < sorted.size() - 1; ++d) fits = sorted[d] == x[d];
          if (!fits)
            throw ShapeError(cat("[search_sorted] sorted_sequence is ", str(sorted), ", input is ", str(x),
                                 ": sorted_sequence is a vector, or has input's sizes but for the last axis"));
          if (in[0].dtype != in[1].dtype || in[0].dtype == DType::b8)
            throw DTypeError(cat("[search_sorted] sorted_sequence is ", name_of(in[0].dtype), ", input is ",
                                 name_of(in[1].dtype), ": both are numbers of one dtype"));
          out[0].dtype = DType::i64;
          out[0].shape = x;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Boundaries b(call.in[0].shape(), call.in[1].shape());
      const bool right = call.attrs->get<bool>(0);
      int64_t* out = call.out[0].as<int64_t>();
      with_number(call.in[0].dtype(), [&](auto zero) {
        using T = decltype(zero);
        const T *sorted = call.in[0].as<T>(), *x = call.in[1].as<T>();
        for (int64_t i = lo; i < hi; ++i)
          out[i] = count_before(sorted + (b.rows > 1 ? i / b.values * b.n : 0), b.n, x[i], right);
      });
      return -1;
    },
    .place = [](const Attrs*, const Specs& in,
                const Spec*) { return Placement{bs::numel(in[1].shape), 1, IN_1, false}; },
    .cost =
        [](const Attrs*, const Specs& in, const Spec*) {
          return static_cast<double>(bs::numel(in[1].shape)) * std::log2(2.0 + static_cast<double>(in[0].shape.back()));
        },
    .storage = Storage::cast,
};
BS_REGISTER(search_sorted_op);
BS_BATCH(search_sorted_op, [](const BatchCall& call) {
  const Dims& sorted = call.spec(0).shape;
  std::vector<Tensor> in{call.in(0), call.in(1)};
  if (call.batched(0) || sorted.size() > 1) {
    in = {whole(call, 0), whole(call, 1)};
    // A vector of each sample serves all of that sample's numbers.
    if (sorted.size() == 1) in[1] = reshape(in[1], {call.size(), numel(call.spec(1).shape)});
  }
  return std::vector<Tensor>{apply(call.op(), {contiguous(in[0]), contiguous(in[1])}, call.same_attrs())};
});

// Both as the type that elementwise ops would compute in.
Tensor searched(Tensor sorted, Tensor x, bool right) {
  const Spec* specs[] = {&sorted.spec(), &x.spec()};
  if (promote(Specs(specs)) == DType::b8)
    throw DTypeError("[searchsorted] both are bool: cast one, as in x.to(bs.int64)");
  DType t = computing(promote(Specs(specs)));
  if (sorted.dtype() == x.dtype()) t = computing(x.dtype());
  return apply(search_sorted_op, {contiguous(cast(sorted, t)), contiguous(cast(x, t))}, Attrs::make({right}));
}
Tensor as_counts(const Tensor& t, bool narrow) { return narrow ? cast(t, DType::i32) : t; }

const AttrSchema kOutInt32{.name = "out_int32", .type = AttrType::boolean, .default_value = false, .by_name = true},
    kRight{.name = "right", .type = AttrType::boolean, .default_value = false, .by_name = true};

const Op searchsorted_op{
    .name = "searchsorted",
    .doc =
        "How many numbers of sorted_sequence, ascending along its last axis, are below each of input; with right or "
        "side=\"right\" not above. sorted_sequence is a vector, or has input's sizes but for the last axis. sorter "
        "orders it first. NaN is above all.",
    .inputs = {{.name = "sorted_sequence", .weak = true},
               {.name = "input", .weak = true},
               {.name = "sorter", .optional = true}},
    .attrs = {kOutInt32, kRight, {.name = "side", .type = AttrType::word, .by_name = true, .words = {"left", "right"}}},
    .visibility = Visibility::function,
    .compose = one<[](const Given& x) {
      const bool side = x.attrs().has(2) && x.integer(2) == 1;
      if (x.attrs().get<bool>(1) && x.attrs().has(2) && !side)
        throw ValueError("[searchsorted] right=True and side=\"left\" contradict each other");
      const Tensor sorted =
          x.has(2) ? gather_axis(x[0], as_index("searchsorted", x[2]), x[0].shape().size() - 1) : x[0];
      return as_counts(searched(sorted, x[1], side || x.attrs().get<bool>(1)), x.attrs().get<bool>(0));
    }>,
};
BS_REGISTER(searchsorted_op);

const Op bucketize_op{
    .name = "bucketize",
    .doc = "How many of the ascending numbers boundaries are below each of input; with right, not above.",
    .inputs = {{.name = "input", .weak = true}, {.name = "boundaries", .weak = true}},
    .attrs = {kOutInt32, kRight},
    .visibility = Visibility::function,
    .compose = one<[](const Given& x) {
      if (x[1].shape().size() != 1)
        throw ShapeError(cat("[bucketize] boundaries are ", str(x[1].shape()), ", not a vector"));
      return as_counts(searched(x[1], x[0], x.attrs().get<bool>(1)), x.attrs().get<bool>(0));
    }>,
};
BS_REGISTER(bucketize_op);

const Op isin_op{
    .name = "isin",
    .doc = "Whether each of elements is among test_elements; with invert, whether not. NaN is equal to nothing.",
    .inputs = {{.name = "elements", .weak = true}, {.name = "test_elements", .weak = true}},
    .attrs = {{.name = "assume_unique", .type = AttrType::boolean, .default_value = false, .by_name = true},
              {.name = "invert", .type = AttrType::boolean, .default_value = false, .by_name = true}},
    .visibility = Visibility::function,
    .compose = one<[](const Given& x) {
      const int64_t n = x[1].numel();
      Tensor found = full(x[0].shape(), 0, DType::b8);
      if (n != 0) {
        const Spec* specs[] = {&x[0].spec(), &x[1].spec()};
        const DType t = computing(promote(Specs(specs)) == DType::b8 ? DType::u8 : promote(Specs(specs)));
        const Tensor all = cast(x[0], t);
        const Tensor sorted =
            apply(*find_op("sort"), {cast(reshape(x[1], {n}), t)}, Attrs::make({int64_t{0}, false, false}));
        // A number above all is compared with the last.
        const Tensor at = minimum(searched(sorted, all, false), Tensor::scalar(static_cast<double>(n - 1), DType::i64));
        found = eq(apply(*find_op("index_rows"), {sorted, at}), all);
      }
      return x.attrs().get<bool>(1) ? logical_not(found) : found;
    }>,
};
BS_REGISTER(isin_op);

// ---- counting
// --------------------------------------------------------------------------------------------------------

const Op one_hot_op{
    .name = "one_hot",
    .doc = "1 where the class (0 to num_classes - 1) that input names is, else 0, along a new last axis: int64.",
    .inputs = {{"input"}},
    .attrs = {{"num_classes", AttrType::integer, true}},
    .compose = one<[](const Given& x) {
      const int64_t n = x.integer(0);
      if (n < 0 || (n == 0 && x[0].numel() > 0))
        throw ValueError(cat("[one_hot] num_classes is ", n, ", not a number of classes"));
      const Tensor at = apply(*find_op("valid_rows"), {as_index("one_hot", x[0])}, Attrs::make({n}));
      return cast(eq(unsqueeze(at, -1), arange(n, DType::i64)), DType::i64);
    }>,
};
BS_REGISTER(one_hot_op);

const Op bincount_op{
    .name = "bincount",
    .doc =
        "How often each of 0, 1, .. is in the vector input, up to its largest number and at least to minlength - 1; "
        "with weights, the sums of those of each. Not in a capture.",
    .inputs = {{"input"}, {.name = "weights", .optional = true}},
    .attrs = {{"minlength", AttrType::integer, false, int64_t{0}}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) {
      if (x[0].shape().size() != 1 || is_float(x[0].dtype()))
        throw ValueError(cat("[bincount] input is ", name_of(x[0].dtype()), " of shape ", str(x[0].shape()),
                             ", not a vector of integers"));
      if (x.integer(0) < 0) throw ValueError(cat("[bincount] minlength is ", x.integer(0), ", below 0"));
      if (x[0].symbolic())
        throw GraphError(
            "[bincount] how many bins there are depends on values, which exist only when the program runs: "
            "inside of bs.compile use bs.zeros(n).scatter_add(0, input, weights)");
      const Tensor numbers = contiguous(cast(x[0], DType::i64));
      const auto* v = reinterpret_cast<const int64_t*>(numbers.data());
      const int64_t many = numbers.numel();
      int64_t least = 0, most = x.integer(0) - 1;
      for (int64_t i = 0; i < many; ++i) least = std::min(least, v[i]), most = std::max(most, v[i]);
      if (least < 0) throw ValueError(cat("[bincount] input has the number ", least, ": bins begin with 0"));
      if (x.has(1)) {
        if (!(x[1].shape() == x[0].shape()))
          throw ShapeError(cat("[bincount] input is ", str(x[0].shape()), ", weights are ", str(x[1].shape())));
        const Tensor weights = cast(x[1], x[1].dtype() == DType::f32 ? DType::f32 : DType::f64);
        return apply(*find_op("index_rows_backward"), {weights, numbers}, Attrs::make({most + 1}));
      }
      const Tensor counts = full({most + 1}, 0, DType::i64);
      auto* out = reinterpret_cast<int64_t*>(counts.data());
      for (int64_t i = 0; i < many; ++i) ++out[v[i]];
      return counts;
    }>,
};
BS_REGISTER(bincount_op);

const Op histc_op{
    .name = "histc",
    .doc =
        "How many elements lie in each of `bins` intervals of one length from min to max, which is in the last one; "
        "where both are 0, from the least to the largest element. Not differentiable.",
    .inputs = {{"input"}},
    .attrs = {{"bins", AttrType::integer, false, int64_t{100}},
              {"min", AttrType::real, false, 0.0},
              {"max", AttrType::real, false, 0.0}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          need_float("histc", "input", in[0].dtype);
          const double lo = attrs->get<double>(1), hi = attrs->get<double>(2);
          if (attrs->get<int64_t>(0) < 1 || !(lo <= hi) || !std::isfinite(hi - lo))
            throw ValueError(cat("[histc] ", attrs->get<int64_t>(0), " bins from ", lo, " to ", hi,
                                 ": bins is 1 or more, min no larger than max"));
          out[0].dtype = in[0].dtype;
          out[0].shape = {attrs->get<int64_t>(0)};
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      const int64_t bins = call.attrs->get<int64_t>(0), n = bs::numel(call.in[0].shape());
      int64_t bad = -1;
      with_float(call.in[0].dtype(), [&](auto zero) {
        using T = decltype(zero);
        const T* x = call.in[0].as<T>();
        T* out = call.out[0].as<T>();
        std::fill(out, out + bins, T{0});
        T lo = static_cast<T>(call.attrs->get<double>(1)), hi = static_cast<T>(call.attrs->get<double>(2));
        if (lo == hi && n > 0) {
          lo = hi = x[0];
          for (int64_t i = 0; i < n; ++i) {
            if (!std::isfinite(x[i])) bad = bad < 0 ? i : bad;
            lo = std::min(lo, x[i]), hi = std::max(hi, x[i]);
          }
          if (bad >= 0) return;
        }
        if (lo == hi) lo -= 1, hi += 1;
        std::vector<int64_t> counts(static_cast<size_t>(bins));
        const auto count = [&](auto wide) {
          using W = decltype(wide);
          const W begin = lo, size = static_cast<W>(hi) - begin;
          for (int64_t i = 0; i < n; ++i) {
            if (!(x[i] >= lo && x[i] <= hi)) continue;
            const auto at = static_cast<int64_t>((x[i] - begin) * static_cast<W>(bins) / size);
            ++counts[static_cast<size_t>(std::min(at, bins - 1))];
          }
        };
        if (std::isfinite((hi - lo) * static_cast<T>(bins)))
          count(zero);
        else
          count(0.0L);
        for (int64_t i = 0; i < bins; ++i) out[i] = static_cast<T>(counts[static_cast<size_t>(i)]);
      });
      return bad;
    },
    .explain = [](const Call&,
                  int64_t i) { throw ValueError(cat("[histc] element ", i, " is not finite: give min and max")); },
    .storage = Storage::cast,
};
BS_REGISTER(histc_op);

const Op histogram_range_op{
    .name = "histogram_range",
    .doc =
        "low and high, where a histogram begins and ends, if they and what lies between them are finite; else an "
        "error.",
    .inputs = {{"low"}, {"high"}},
    .outputs = {"low", "high"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          need_float("histogram_range", "low", in[0].dtype);
          if (in[1].dtype != in[0].dtype || !(in[1].shape == in[0].shape))
            throw ShapeError(cat("[histogram_range] low is ", name_of(in[0].dtype), " ", str(in[0].shape), ", high is ",
                                 name_of(in[1].dtype), " ", str(in[1].shape), ": they must be alike"));
          for (int k = 0; k < 2; ++k) {
            out[k].dtype = in[k].dtype;
            out[k].shape = in[k].shape;
          }
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      const int64_t n = bs::numel(call.in[0].shape());
      int64_t bad = -1;
      with_float(call.in[0].dtype(), [&](auto zero) {
        using T = decltype(zero);
        const T *low = call.in[0].as<T>(), *high = call.in[1].as<T>();
        for (int64_t i = 0; i < n; ++i) {
          if (bad < 0 && !std::isfinite(high[i] - low[i])) bad = i;
          call.out[0].as<T>()[i] = low[i];
          call.out[1].as<T>()[i] = high[i];
        }
      });
      return bad;
    },
    .explain =
        [](const Call& call, int64_t i) {
          const DType dtype = call.in[0].dtype();
          const int64_t at = i * static_cast<int64_t>(size_of(dtype));
          throw ValueError(cat("[histogram_range] the range is ", float_at(dtype, call.in[0].data + at), " to ",
                               float_at(dtype, call.in[1].data + at),
                               ", which is not finite: give range, or leave out what is NaN or infinite"));
        },
};
BS_REGISTER(histogram_range_op);
BS_BATCH(histogram_range_op, batch_whole);

// ---- unique
// ----------------------------------------------------------------------------------------------------------

// Rows of numbers, in an order in which equal ones follow each other.
struct Distinct {
  const char* x;
  DType dtype;
  int64_t n, width;  // rows, and elements of each
  std::vector<int64_t> order;

  const char* row(int64_t i) const { return x + i * width * static_cast<int64_t>(size_of(dtype)); }
  uint64_t key(int64_t i, int64_t k) const { return key_of(dtype, row(i) + k * static_cast<int64_t>(size_of(dtype))); }
  bool nan(int64_t i, int64_t k) const {
    return is_float(dtype) && key(i, k) == ~uint64_t{0} >> (64 - key_bits(dtype));
  }
  bool less(int64_t a, int64_t b) const {
    for (int64_t k = 0; k < width; ++k)
      if (key(a, k) != key(b, k)) return key(a, k) < key(b, k);
    return false;
  }
  bool equal(int64_t a, int64_t b) const {
    for (int64_t k = 0; k < width; ++k)
      if (key(a, k) != key(b, k) || nan(a, k)) return false;
    return true;
  }
};

const Op unique_parts_op{
    .name = "unique_parts",
    .doc =
        "The distinct elements (rows along dim) of input, ascending or where consecutive of each run the first; for "
        "each element the number of its own among them; how often each occurs. NaN is equal to nothing.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer}, {"consecutive", AttrType::boolean, false, false}},
    .outputs = {"values", "inverse", "counts"},
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const bool by_rows = attrs->has(0), consecutive = attrs->get<bool>(1);
          if (in[0].symbolic())
            throw GraphError(
                "[unique] how many elements differ depends on values, which exist only when the program runs: "
                "use unique outside of bs.compile");
          const Tensor given = detach(in[0]);
          const int dim = by_rows ? scalar_dim("unique", attrs->get<int64_t>(0), given.shape().size()) : 0;
          const bool turned = by_rows && given.shape().size() > 0;
          const Tensor first =
              turned ? contiguous(transpose(given, 0, dim)) : reshape(contiguous(given), {given.numel()});
          const int64_t n = first.shape()[0];
          Distinct rows{first.data(), first.dtype(), n, n ? first.numel() / n : 0,
                        std::vector<int64_t>(static_cast<size_t>(n))};
          std::iota(rows.order.begin(), rows.order.end(), 0);
          if (n > kMostOrdered) throw ValueError(cat("[unique] ", n, " elements are too many"));
          if (!consecutive && rows.width == 1) {
            std::vector<std::byte> memory(order_bytes(rows.dtype, n));
            order_of(rows.dtype, rows.x, n, static_cast<int64_t>(size_of(rows.dtype)), false, n, memory.data(),
                     rows.order.data());
          } else if (!consecutive) {
            std::stable_sort(rows.order.begin(), rows.order.end(),
                             [&](int64_t a, int64_t b) { return rows.less(a, b); });
          }
          std::vector<int64_t> begins;  // of runs of equal ones
          const Tensor inverse = Tensor::empty(DType::i64, by_rows ? Dims{n} : given.shape());
          auto* number = reinterpret_cast<int64_t*>(inverse.data());
          for (int64_t i = 0; i < n; ++i) {
            const auto at = static_cast<size_t>(i);
            if (i == 0 || !rows.equal(rows.order[at - 1], rows.order[at])) begins.push_back(i);
            number[rows.order[at]] = static_cast<int64_t>(begins.size()) - 1;
          }
          const auto many = static_cast<int64_t>(begins.size());
          const Tensor chosen = Tensor::empty(DType::i64, {many}), counts = Tensor::empty(DType::i64, {many});
          for (int64_t i = 0; i < many; ++i) {
            const auto at = static_cast<size_t>(i);
            reinterpret_cast<int64_t*>(chosen.data())[i] = rows.order[static_cast<size_t>(begins[at])];
            reinterpret_cast<int64_t*>(counts.data())[i] = (i + 1 < many ? begins[at + 1] : n) - begins[at];
          }
          const Tensor values = apply(*find_op("index_rows"), {first, chosen});
          return std::vector<Tensor>{turned ? contiguous(transpose(values, 0, dim)) : values, inverse, counts};
        },
};
BS_REGISTER(unique_parts_op);

}  // namespace
}  // namespace bs::ops
