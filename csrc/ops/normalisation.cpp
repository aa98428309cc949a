// Layer norm: fused, three outputs, a backward op whose own derivative goes through its composition.
#include "base/error.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

void check(const char* name, const Spec& x, const Spec* weight, const Spec* bias) {
  if (x.shape.size() < 1 || x.shape.back() == 0)
    throw ShapeError(cat("[", name, "] x is ", str(x.shape), ": the last axis is normalised and must not be empty"));
  if (!is_float(x.dtype)) throw DTypeError(cat("[", name, "] x is ", name_of(x.dtype), ", not a float"));
  for (const Spec* s : {weight, bias}) {
    if (!s) continue;
    const char* which = s == weight ? "weight" : "bias";
    if (!(s->shape == Dims{x.shape.back()}))
      throw ShapeError(cat("[", name, "] x is ", str(x.shape), ", ", which, " is ", str(s->shape), ": it must be (",
                           x.shape.back(), ",), the size of the last axis"));
    if (s->dtype != x.dtype)
      throw DTypeError(cat("[", name, "] x is ", name_of(x.dtype), ", ", which, " is ", name_of(s->dtype),
                           ": cast x with .to(bs.", name_of(s->dtype), ")"));
  }
}

// (..., n) -> (...)
Dims without_last(const Dims& shape) {
  Dims d = shape;
  d.erase(d.size() - 1);
  return d;
}

void place_rows(Placement& p, const Dims& shape) { p.extent = rows_of(shape); }

const Op layer_norm_op{
    .name = "layer_norm",
    .doc =
        "y = (x - mean) rstd weight + bias over the last axis of x (..., n), mean and rstd = (var + eps)^(-1/2) of "
        "each row "
        "with the biased variance; weight and bias are (n,). Gives y, mean, rstd.",
    .inputs = {{"x"}, {"weight", true}, {"bias", true}},
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
          place_rows(p, in[0].shape);
          p.aligned = IN_0;
          return p;
        },
    .grad =
        [](GradCall& call) {
          const Tensor in[] = {call.grad(), call.in(0), call.out(1), call.out(2), call.in(1)};
          std::vector<Tensor> made = bs::apply_all(*find_op("layer_norm_backward"), in);
          for (int i = 0; i < 3; ++i)
            if (call.needs(i)) call.set(i, std::move(made[static_cast<size_t>(i)]));
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

// The sums over rows run in blocks of so many rows, joined in order (as kernels do inside one call).
const Op layer_norm_backward_op{
    .name = "layer_norm_backward",
    .doc =
        "dx = rstd (h - mean(h) - xhat mean(h xhat)) with h = g weight and xhat = (x - mean) rstd; dweight = sum g "
        "xhat and "
        "dbias = sum g over all rows.",
    .inputs = {{"g"}, {"x"}, {"mean"}, {"rstd"}, {"weight", true}},
    .outputs = {"dx", "dweight", "dbias"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check("layer_norm_backward", in[1], in.has(4) ? &in[4] : nullptr, nullptr);
          const Dims rows = without_last(in[1].shape);
          if (!(in[0].shape == in[1].shape) || !(in[2].shape == rows) || !(in[3].shape == rows))
            throw ShapeError(cat("[layer_norm_backward] g is ", str(in[0].shape), ", mean is ", str(in[2].shape),
                                 ", rstd is ", str(in[3].shape), " for x ", str(in[1].shape)));
          for (int i = 0; i < 4; ++i)
            if (in[i].dtype != in[1].dtype)
              throw DTypeError(
                  cat("[layer_norm_backward] dtypes differ: ", name_of(in[i].dtype), " and ", name_of(in[1].dtype)));
          for (int i = 0; i < 3; ++i) out[i].dtype = in[1].dtype;
          out[0].shape = in[1].shape;
          out[1].shape = out[2].shape = Dims{in[1].shape.back()};
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const auto& k = kernels::active();
      const DType dtype = call.in[1].dtype();
      const int64_t cols = call.in[1].shape().back(), rows = rows_of(call.in[1].shape());
      k.layer_norm_backward(dtype, cols, call.in[0].data, call.in[1].data, call.data_of(4), call.in[2].data,
                            call.in[3].data, call.out[0].data, lo, hi);
      // The same fraction of the columns of the two sums, over all rows: those inputs are read anywhere.
      const int64_t first = cols * lo / std::max<int64_t>(rows, 1), last = rows ? cols * hi / rows : cols;
      k.layer_norm_backward_params(dtype, rows, cols, call.in[0].data, call.in[1].data, call.in[2].data,
                                   call.in[3].data, call.out[1].data, call.out[2].data, first, last);
      return -1;
    },
    .place =
        [](const Attrs*, const Specs& in, const Spec*) {
          Placement p;
          place_rows(p, in[1].shape);
          p.outputs_whole = true;
          return p;
        },
    .compose =
        [](const Attrs*, std::span<const Tensor> in) {
          const Tensor &g = in[0], &x = in[1];
          Tensor m = unsqueeze(in[2], -1), rstd = unsqueeze(in[3], -1);
          Tensor xhat = mul(sub(x, m), rstd);
          Tensor h = given(in, 4) ? mul(g, in[4]) : g;
          Tensor dx = mul(rstd, sub(sub(h, mean(h, Dims{-1}, true)), mul(xhat, mean(mul(h, xhat), Dims{-1}, true))));
          const Dims last{x.shape().back()};
          return std::vector<Tensor>{dx, sum_to(mul(g, xhat), last), sum_to(g, last)};
        },
};
BS_REGISTER(layer_norm_backward_op);

}  // namespace
}  // namespace bs::ops
