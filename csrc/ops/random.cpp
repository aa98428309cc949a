// Random ops. Their `key` is (seed, draw), int64 (2,): a value depends on the key and the global element index alone,
// so threads and placement change nothing, and a derivative draws the same again instead of keeping a mask.
#include <cmath>

#include "base/error.h"
#include "base/philox.h"
#include "ops/batch.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

void check_key(const char* name, const Spec& key) {
  if (key.dtype != DType::i64 || !(key.shape == Dims{2}))
    throw DTypeError(
        cat("[", name, "] key is ", name_of(key.dtype), " ", str(key.shape), ": it must be int64 (2,), seed and draw"));
}

uint64_t seed_of(const View& key) { return key.as<uint64_t>()[0]; }
uint64_t draw_of(const View& key) { return key.as<uint64_t>()[1]; }

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
      const Dims& shape = call.out[0].shape();
      const int64_t extent = loop_extent(shape), each = extent ? bs::numel(shape) / extent : 0;
      kernels::active().dropout(call.in[0].dtype(), seed_of(call.in[1]), draw_of(call.in[1]),
                                1 - call.attrs->get<double>(0), call.in[0].data, call.out[0].data, lo * each,
                                hi * each);
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
    .doc = "float32 numbers, uniform in [low, high), of a shape.",
    .inputs = {{.name = "key", .drawn = true}},
    .attrs = {{"shape", AttrType::dims, true},
              {"low", AttrType::real, false, 0.0},
              {"high", AttrType::real, false, 1.0}},
    .visibility = Visibility::function,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_key("uniform", in[0]);
          for (int64_t d : attrs->get<Dims>(0))
            if (d < 0) throw ShapeError(cat("[uniform] shape ", str(attrs->get<Dims>(0)), " has a negative size"));
          bs::numel(attrs->get<Dims>(0));
          const double low = attrs->get<double>(1), high = attrs->get<double>(2);
          if (!std::isfinite(static_cast<float>(low)) || !std::isfinite(static_cast<float>(high)) ||
              !std::isfinite(static_cast<float>(high - low)) || high < low)
            throw ValueError(
                cat("[uniform] low and high are finite float32 numbers with low <= high, not ", low, " and ", high));
          out[0].dtype = DType::f32;
          out[0].shape = attrs->get<Dims>(0);
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Dims& shape = call.out[0].shape();
      const int64_t extent = loop_extent(shape), each = extent ? bs::numel(shape) / extent : 0;
      const uint64_t seed = seed_of(call.in[0]), draw = draw_of(call.in[0]);
      const float low = static_cast<float>(call.attrs->get<double>(1));
      const float span = static_cast<float>(call.attrs->get<double>(2) - call.attrs->get<double>(1));
      const float high = static_cast<float>(call.attrs->get<double>(2));
      const float below = std::nextafter(high, low);  // rounding may reach high, which is not among the numbers
      float* out = call.out[0].as<float>();
      for (int64_t i = lo * each; i < hi * each; ++i) {
        const float v = low + span * unit_float(philox_word(seed, draw, static_cast<uint64_t>(i)));
        out[i] = span != 0 && v == high ? below : v;
      }
      return -1;
    },
    .place = [](const Attrs*, const Specs&,
                const Spec* out) { return Placement{loop_extent(out[0].shape), 1, {}, false}; },
};
BS_REGISTER(uniform_op);

}  // namespace

Tensor next_key(const Tensor& key) { return apply(advance_key_op, {key}); }

}  // namespace bs::ops
