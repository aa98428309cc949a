// Layer norm: fused, three outputs, a backward op whose own derivative goes through its composition.
#include "base/error.h"
#include "ops/batch.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

void check(const char* name, const Spec& x, const Spec* weight, const Spec* bias) {
  if (x.shape.size() < 1 || x.shape.back() == 0)
    throw ShapeError(
        cat("[", name, "] input is ", str(x.shape), ": the last axis is normalised and must not be empty"));
  need_float(name, "input", x.dtype);
  for (const Spec* s : {weight, bias}) {
    if (!s) continue;
    const char* which = s == weight ? "weight" : "bias";
    if (!(s->shape == Dims{x.shape.back()}))
      throw ShapeError(cat("[", name, "] input is ", str(x.shape), ", ", which, " is ", str(s->shape), ": it must be (",
                           x.shape.back(), ",), the size of the last axis"));
    if (s->dtype != x.dtype)
      throw DTypeError(cat("[", name, "] input is ", name_of(x.dtype), ", ", which, " is ", name_of(s->dtype),
                           ": cast ", which, " with .to(bs.", name_of(x.dtype), ")"));
  }
}

// (..., n) -> (...)
Dims without_last(const Dims& shape) {
  Dims d = shape;
  d.erase(d.size() - 1);
  return d;
}

const Op layer_norm_op{
    .name = "layer_norm",
    .doc =
        "y = (x - mean) rstd weight + bias over the last axis of x (..., n): mean and rstd = (var + eps)^(-1/2) are "
        "those of each row, var the biased variance (divided by n); weight and bias are (n,), 1 and 0 if left out. "
        "Source: Ba, Kiros and Hinton (2016), Layer Normalization, arXiv:1607.06450.\n\nThe op gives y, mean, rstd.",
    .inputs = {{"input"}, {"weight", true}, {"bias", true}},
    .attrs = {{"eps", AttrType::real, false, 1e-5}},
    .outputs = {"out", "mean", "rstd"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check("layer_norm", in[0], in.has(1) ? &in[1] : nullptr, in.has(2) ? &in[2] : nullptr);
          for (int i = 0; i < 3; ++i) out[i].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
          out[1].shape = out[2].shape = without_last(in[0].shape);
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().layer_norm(call.in[0].dtype(), call.in[0].shape().back(), call.in[0].data, call.data_of(1),
                                   call.data_of(2), call.attrs->get<double>(0), call.out[0].data, call.out[1].data,
                                   call.out[2].data, lo, hi);
      return -1;
    },
    .place =
        [](const Attrs*, const Specs& in, const Spec*) {
          Placement p;
          p.extent = rows_of(in[0].shape);
          p.aligned = IN_0;
          return p;
        },
    .grad =
        [](GradCall& call) {
          const Tensor in[] = {call.grad(), call.in(0), call.out(1), call.out(2), call.in(1)};
          if (call.needs(0)) call.set(0, bs::apply(*find_op("layer_norm_backward"), in));
          if (!call.needs(1) && !call.needs(2)) return;
          std::vector<Tensor> made =
              bs::apply_all(*find_op("layer_norm_backward_params"), std::span<const Tensor>(in).first(4));
          for (int i = 1; i < 3; ++i)
            if (call.needs(i)) call.set(i, std::move(made[static_cast<size_t>(i - 1)]));
        },
    .reads = IN_0 | IN_1 | OUT_1 | OUT_2,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const Tensor& x = in[0];
          Tensor m = mean(x, Dims{-1}, true);
          Tensor centred = sub(x, m);
          Tensor rstd = rsqrt(add(mean(square(centred), Dims{-1}, true), attrs->get<double>(0)));
          Tensor y = mul(centred, rstd);
          if (given(in, 1)) y = mul(y, in[1]);
          if (given(in, 2)) y = add(y, in[2]);
          const Dims rows = without_last(x.shape());
          return std::vector<Tensor>{y, reshape(m, rows), reshape(rstd, rows)};
        },
};
BS_REGISTER(layer_norm_op);
BS_BATCH(layer_norm_op, [](const BatchCall& call) {
  return call.batched(1) || call.batched(2) ? std::vector<Tensor>() : batch_as_is(call);
});

// What the two derivatives share: g and x (..., n), mean and rstd (...).
void check_backward(const char* name, const Specs& in) {
  check(name, in[1], in.has(4) ? &in[4] : nullptr, nullptr);
  const Dims rows = without_last(in[1].shape);
  if (!(in[0].shape == in[1].shape) || !(in[2].shape == rows) || !(in[3].shape == rows))
    throw ShapeError(cat("[", name, "] g is ", str(in[0].shape), ", mean is ", str(in[2].shape), ", rstd is ",
                         str(in[3].shape), " for x ", str(in[1].shape)));
  for (int i = 0; i < 4; ++i)
    if (in[i].dtype != in[1].dtype)
      throw DTypeError(cat("[", name, "] dtypes differ: ", name_of(in[i].dtype), " and ", name_of(in[1].dtype)));
}

Tensor normalised(std::span<const Tensor> in) { return mul(sub(in[1], unsqueeze(in[2], -1)), unsqueeze(in[3], -1)); }

const Op layer_norm_backward_op{
    .name = "layer_norm_backward",
    .doc = "dx = rstd (h - mean(h) - xhat mean(h xhat)) with h = g weight and xhat = (x - mean) rstd.",
    .inputs = {{"g"}, {"x"}, {"mean"}, {"rstd"}, {"weight", true}},
    .outputs = {"dx"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check_backward("layer_norm_backward", in);
          out[0].dtype = in[1].dtype;
          out[0].shape = in[1].shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().layer_norm_backward(call.in[1].dtype(), call.in[1].shape().back(), call.in[0].data,
                                            call.in[1].data, call.data_of(4), call.in[2].data, call.in[3].data,
                                            call.out[0].data, lo, hi);
      return -1;
    },
    .place =
        [](const Attrs*, const Specs& in, const Spec*) {
          Placement p;
          p.extent = rows_of(in[1].shape);
          p.aligned = IN_0 | IN_1 | IN_2 | IN_3;
          return p;
        },
    .in_place = ALL_INPUTS,
    .compose =
        [](const Attrs*, std::span<const Tensor> in) {
          const Tensor xhat = normalised(in), h = given(in, 4) ? mul(in[0], in[4]) : in[0];
          const Tensor inner = sub(sub(h, mean(h, Dims{-1}, true)), mul(xhat, mean(mul(h, xhat), Dims{-1}, true)));
          return std::vector<Tensor>{mul(unsqueeze(in[3], -1), inner)};
        },
};
BS_REGISTER(layer_norm_backward_op);

// Apart from dx: these sums need all rows, so they are cut by columns, and wait for all of g. They run in blocks of so
// many rows, joined in order (as kernels do inside one call).
const Op layer_norm_backward_params_op{
    .name = "layer_norm_backward_params",
    .doc = "dweight = sum g xhat and dbias = sum g over all rows, with xhat = (x - mean) rstd.",
    .inputs = {{"g"}, {"x"}, {"mean"}, {"rstd"}},
    .outputs = {"dweight", "dbias"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check_backward("layer_norm_backward_params", in);
          for (int i = 0; i < 2; ++i) {
            out[i].dtype = in[1].dtype;
            out[i].shape = Dims{in[1].shape.back()};
          }
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Dims& shape = call.in[1].shape();
      kernels::active().layer_norm_backward_params(call.in[1].dtype(), rows_of(shape), shape.back(), call.in[0].data,
                                                   call.in[1].data, call.in[2].data, call.in[3].data, call.out[0].data,
                                                   call.out[1].data, lo, hi);
      return -1;
    },
    .place =
        [](const Attrs*, const Specs& in, const Spec*) {
          Placement p;
          p.extent = in[1].shape.back();
          p.granule = 16;  // floats of a cache line
          return p;
        },
    .compose =
        [](const Attrs*, std::span<const Tensor> in) {
          const Dims last{in[1].shape().back()};
          return std::vector<Tensor>{sum_to(mul(in[0], normalised(in)), last), sum_to(in[0], last)};
        },
};
BS_REGISTER(layer_norm_backward_params_op);

}  // namespace
}  // namespace bs::ops
