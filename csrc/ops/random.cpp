// Random ops. Their `key` is (seed, draw), int64 (2,): a value depends on the key and the global element index alone,
// so threads and placement change nothing, and a derivative draws the same again instead of keeping a mask.
#include "ops/random.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/philox.h"
#include "ops/batch.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

// The shape that an op draws numbers of.
const Dims& drawn_shape(const char* name, const Attrs* attrs) {
  const Dims& shape = attrs->get<Dims>(0);
  for (int64_t d : shape)
    if (d < 0) throw ShapeError(cat("[", name, "] shape ", str(shape), " has a negative size"));
  bs::numel(shape);
  return shape;
}

template <class T>
void draw_uniform(const View& key, double lowest, double highest, T* out, int64_t from, int64_t to) {
  const T low = static_cast<T>(lowest), high = static_cast<T>(highest), span = static_cast<T>(highest - lowest);
  const T below = std::nextafter(high, low);  // rounding may reach high, which is not among the numbers
  constexpr bool wide = sizeof(T) == 8;
  PhiloxWords words(seed_of(key), draw_of(key), static_cast<uint64_t>(wide ? 2 * from : from));
  for (int64_t i = from; i < to; ++i) {
    T u;
    if constexpr (wide)
      u = words.next_double();
    else
      u = unit_float(words.next());
    const T v = low + span * u;
    out[i] = span != 0 && v == high ? below : v;
  }
}

const Op advance_key_op{
    .name = "advance_key",
    .doc = "(seed, draw) becomes (seed, draw + 1): the key of the next random call.",
    .inputs = {{"key"}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check_key("advance_key", in[0]);
          out[0].dtype = DType::i64;
          out[0].shape = Dims{2};
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      call.out[0].as<uint64_t>()[0] = seed_of(call.in[0]);
      call.out[0].as<uint64_t>()[1] = draw_of(call.in[0]) + 1;
      return -1;
    },
};
BS_REGISTER(advance_key_op);

const Op dropout_op{
    .name = "dropout",
    .doc =
        "x / (1 - p) where a uniform number of the element is below 1 - p, else exactly 0. Source: Srivastava et al. "
        "(2014), Dropout, JMLR 15.",
    .inputs = {{"input"}, {.name = "key", .drawn = true}},
    .attrs = {{"p", AttrType::real, false, 0.5}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_key("dropout", in[1]);
          const double p = attrs->get<double>(0);
          if (!(p >= 0 && p <= 1)) throw ValueError(cat("[dropout] p is a probability in [0, 1], not ", p));
          need_float("dropout", "input", in[0].dtype);
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Part part(call.out[0].shape(), lo, hi);
      kernels::active().dropout(call.in[0].dtype(), seed_of(call.in[1]), draw_of(call.in[1]),
                                1 - call.attrs->get<double>(0), call.in[0].data, call.out[0].data, part.from, part.to);
      return -1;
    },
    .place = [](const Attrs*, const Specs& in,
                const Spec*) { return Placement{loop_extent(in[0].shape), 1, IN_0, false}; },
    .in_place = ALL_INPUTS,
    .grad =
        [](GradCall& call) { call.set(0, apply(*find_op("dropout"), {call.grad(), call.in(1)}, call.same_attrs())); },
    .reads = IN_1,
};
BS_REGISTER(dropout_op);
// One draw for all samples; one for each is left to be made sample by sample.
BS_BATCH(dropout_op, [](const BatchCall& call) -> std::vector<Tensor> {
  if (call.batched(1)) return {};
  const Tensor kept =
      apply(dropout_op, {full(call.spec(0).shape, 1, call.spec(0).dtype), call.in(1)}, call.same_attrs());
  return {mul_mask(mul(call.in(0), kept), kept)};
});

const Op uniform_op{
    .name = "uniform",
    .doc = "Numbers of float32 or float64, uniform in [low, high), of a shape.",
    .inputs = {{.name = "key", .drawn = true}},
    .attrs = {{"shape", AttrType::dims, true},
              {"low", AttrType::real, false, 0.0},
              {"high", AttrType::real, false, 1.0},
              {"dtype", AttrType::dtype, false, DType::f32}},
    .visibility = Visibility::function,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_key("uniform", in[0]);
          out[0].shape = drawn_shape("uniform", attrs);
          out[0].dtype = attrs->get<DType>(3);
          need_float("uniform", "dtype", out[0].dtype);
          const double low = attrs->get<double>(1), high = attrs->get<double>(2);
          const auto fits = [wide = out[0].dtype == DType::f64](double v) {
            return std::isfinite(wide ? v : static_cast<double>(static_cast<float>(v)));
          };
          if (!fits(low) || !fits(high) || !fits(high - low) || high < low)
            throw ValueError(cat("[uniform] low and high are finite ", name_of(out[0].dtype),
                                 " numbers with low <= high, not ", low, " and ", high));
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Part part(call.out[0].shape(), lo, hi);
      const double low = call.attrs->get<double>(1), high = call.attrs->get<double>(2);
      if (call.out[0].dtype() == DType::f64)
        draw_uniform(call.in[0], low, high, call.out[0].as<double>(), part.from, part.to);
      else
        draw_uniform(call.in[0], low, high, call.out[0].as<float>(), part.from, part.to);
      return -1;
    },
    .place = place_drawn,
};
BS_REGISTER(uniform_op);

const Op random_integers_op{
    .name = "random_integers",
    .doc = "Whole numbers of int64, each of low, ..., high - 1 as likely, of a shape.",
    .inputs = {{.name = "key", .drawn = true}},
    .attrs = {{"shape", AttrType::dims, true}, {"low", AttrType::integer, true}, {"high", AttrType::integer, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_key("random_integers", in[0]);
          const int64_t low = attrs->get<int64_t>(1), high = attrs->get<int64_t>(2);
          if (low >= high) throw ValueError(cat("[random_integers] low is below high, not ", low, " against ", high));
          out[0].shape = drawn_shape("random_integers", attrs);
          out[0].dtype = DType::i64;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Part part(call.out[0].shape(), lo, hi);
      const auto low = static_cast<uint64_t>(call.attrs->get<int64_t>(1));
      const uint64_t span = static_cast<uint64_t>(call.attrs->get<int64_t>(2)) - low;
      PhiloxWords words(seed_of(call.in[0]), draw_of(call.in[0]), static_cast<uint64_t>(2 * part.from));
      auto* out = call.out[0].as<uint64_t>();
      for (int64_t i = part.from; i < part.to; ++i) out[i] = low + words.below(span);
      return -1;
    },
    .place = place_drawn,
};
BS_REGISTER(random_integers_op);

const Op random_order_op{
    .name = "random_order",
    .doc =
        "The numbers 0, ..., n - 1 of int64 in an order drawn at random. Source: Fisher and Yates (1938), Statistical "
        "Tables.",
    .inputs = {{.name = "key", .drawn = true}},
    .attrs = {{"n", AttrType::integer, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_key("random_order", in[0]);
          const int64_t n = attrs->get<int64_t>(0);
          if (n < 0) throw ValueError(cat("[random_order] n is ", n, ": it must not be negative"));
          out[0].shape = Dims{n};
          out[0].dtype = DType::i64;
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      const uint64_t seed = seed_of(call.in[0]), draw = draw_of(call.in[0]);
      const int64_t n = call.attrs->get<int64_t>(0);
      auto* order = call.out[0].as<int64_t>();
      // From the identity, so that the order depends on its draw alone. A block of random bits for each step.
      for (int64_t i = 0; i < n; ++i) order[i] = i;
      for (int64_t i = n - 1; i > 0; --i) {
        const auto at = static_cast<uint64_t>(i);
        std::swap(order[i], order[PhiloxWords(seed, draw, 4 * at).below(at + 1)]);
      }
      return -1;
    },
    .cost = [](const Attrs*, const Specs&, const Spec* out) { return 10.0 * static_cast<double>(out[0].shape[0]); },
};
BS_REGISTER(random_order_op);

}  // namespace

void check_key(const char* name, const Spec& key) {
  if (key.dtype != DType::i64 || !(key.shape == Dims{2}))
    throw DTypeError(
        cat("[", name, "] key is ", name_of(key.dtype), " ", str(key.shape), ": it must be int64 (2,), seed and draw"));
}

Placement place_drawn(const Attrs*, const Specs&, const Spec* out) {
  return Placement{loop_extent(out[0].shape), 1, {}, false};
}

Tensor next_key(const Tensor& key) { return apply(advance_key_op, {key}); }
Tensor random_order(const Tensor& key, int64_t n) { return apply(random_order_op, {key}, Attrs::make({n})); }

}  // namespace bs::ops
