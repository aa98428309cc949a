// Activations that are compositions. Those that PyTorch has in nn.functional alone are hidden: functional.py shows
// them.
#include <cmath>

#include "base/error.h"
#include "ops/composed.h"

namespace bs::ops {
namespace {

Op activation(const char* name, const char* doc, std::vector<AttrSchema> attrs,
              std::vector<Tensor> (*compose)(const Attrs*, std::span<const Tensor>),
              Visibility visibility = Visibility::hidden) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}},
          .attrs = std::move(attrs),
          .visibility = visibility,
          .storage = Storage::cast,
          .compose = compose};
}
AttrSchema real(const char* name, double otherwise) { return {name, AttrType::real, false, otherwise}; }

// The input, which must be of floats.
const Tensor& input(const Given& x) {
  need_float("activation", "input", x[0].dtype());
  return x[0];
}

// ---- By pieces -----------------------------------------------------------------------------------------------------

// x where it is above 0, else `low`.
Tensor or_below(const Tensor& x, const Tensor& low) { return where(gt(x, 0.0), x, low); }

const Op leaky_relu_op = activation("leaky_relu", "x above 0, negative_slope x below", {real("negative_slope", 0.01)},
                                    one<[](const Given& x) { return or_below(input(x), mul(x[0], x.number(0))); }>);
BS_REGISTER(leaky_relu_op);

const Op threshold_op{.name = "threshold",
                      .doc = "x above threshold, else value",
                      .inputs = {{"input"}},
                      .attrs = {{"threshold", AttrType::real, true}, {"value", AttrType::real, true}},
                      .visibility = Visibility::function,
                      .storage = Storage::cast,
                      .compose = one<[](const Given& x) {
                        const Tensor value = Tensor::scalar(x.number(1), x[0].dtype());
                        return where(le(x[0], x.number(0)), value, x[0]);
                      }>};
BS_REGISTER(threshold_op);

Tensor within(const Tensor& x, double least, double most) { return below(above(x, least), most); }
const Op hardtanh_op = activation(
    "hardtanh", "x kept in [min_val, max_val]; derivative 0 at the bounds", {real("min_val", -1), real("max_val", 1)},
    one<[](const Given& x) {
      const double least = x.number(0), most = x.number(1);
      if (!(least <= most))
        throw ValueError(cat("[hardtanh] min_val is ", least, ", max_val ", most, ": min_val must not be larger"));
      const DType t = x[0].dtype();
      if (t == DType::b8) throw DTypeError("[hardtanh] input is bool: cast it first, as in x.to(bs.int64)");
      if (is_float(t)) return within(x[0], least, most);
      return below(above(x[0], Tensor::scalar(least, t)), Tensor::scalar(most, t));
    }>);
BS_REGISTER(hardtanh_op);

Tensor hard_gate(const Tensor& x) { return div(within(add(x, 3.0), 0, 6), 6.0); }
const Op hardsigmoid_op =
    activation("hardsigmoid", "min(max(x + 3, 0), 6) / 6", {}, one<[](const Given& x) { return hard_gate(input(x)); }>);
BS_REGISTER(hardsigmoid_op);
// Source: Howard et al. (2019), Searching for MobileNetV3, arXiv:1905.02244.
const Op hardswish_op = activation("hardswish", "x min(max(x + 3, 0), 6) / 6", {},
                                   one<[](const Given& x) { return mul(input(x), hard_gate(x[0])); }>);
BS_REGISTER(hardswish_op);

const Op hardshrink_op = activation(
    "hardshrink", "x where |x| > lambd, else 0", {real("lambd", 0.5)},
    one<[](const Given& x) { return where(le(abs(input(x)), x.number(0)), 0.0, x[0]); }>, Visibility::method);
BS_REGISTER(hardshrink_op);
const Op softshrink_op = activation("softshrink", "x - lambd above lambd, x + lambd below -lambd, else 0",
                                    {real("lambd", 0.5)}, one<[](const Given& x) {
                                      const double l = x.number(0);
                                      if (!(l >= 0))
                                        throw ValueError(cat("[softshrink] lambd is ", l, "; it must be 0 or more"));
                                      return sub(input(x), at_most(at_least(x[0], -l), l));
                                    }>);
BS_REGISTER(softshrink_op);
const Op tanhshrink_op =
    activation("tanhshrink", "x - tanh(x)", {}, one<[](const Given& x) { return sub(input(x), tanh(x[0])); }>);
BS_REGISTER(tanhshrink_op);

// ---- Exponential below 0 -------------------------------------------------------------------------------------------

// scale x above 0, else scale alpha (e^(x / width) - 1). A large x gives no inf that would meet a zero gradient.
Tensor exponential_below(const Tensor& x, double alpha, double width, double scale) {
  Tensor t = at_most(x, 0.0);
  if (width != 1) t = div(t, width);
  t = expm1(t);
  if (alpha * scale != 1) t = mul(t, alpha * scale);
  return where(gt(x, 0.0), scale == 1 ? x : mul(x, scale), t);
}
const Op elu_op = activation("elu", "x above 0, alpha (e^x - 1) below", {real("alpha", 1)},
                             one<[](const Given& x) { return exponential_below(input(x), x.number(0), 1, 1); }>);
BS_REGISTER(elu_op);
const Op celu_op =
    activation("celu", "x above 0, alpha (e^(x / alpha) - 1) below. Source: Barron (2017), arXiv:1704.07483",
               {real("alpha", 1)}, one<[](const Given& x) {
                 const double alpha = x.number(0);
                 if (alpha == 0) throw ValueError("[celu] alpha is 0, by which nothing can be divided");
                 return exponential_below(input(x), alpha, alpha, 1);
               }>,
               Visibility::function);
BS_REGISTER(celu_op);
// Source: Klambauer et al. (2017), Self-Normalizing Neural Networks, arXiv:1706.02515, which derives the constants.
const Op selu_op = activation(
    "selu",
    "scale (x above 0, alpha (e^x - 1) below) with alpha = 1.6733 and scale = 1.0507, which keep mean 0 and variance "
    "1. "
    "Source: Klambauer et al. (2017), arXiv:1706.02515",
    {},
    one<[](const Given& x) { return exponential_below(input(x), 1.6732632423543772848, 1, 1.0507009873554804934); }>,
    Visibility::function);
BS_REGISTER(selu_op);

// ---- Gates ---------------------------------------------------------------------------------------------------------

const Op silu_op =
    activation("silu", "x sigmoid(x)", {}, one<[](const Given& x) { return mul(input(x), sigmoid(x[0])); }>);
BS_REGISTER(silu_op);
const Op mish_op = activation("mish", "x tanh(ln(1 + e^x)). Source: Misra (2019), Mish, arXiv:1908.08681", {},
                              one<[](const Given& x) { return mul(input(x), tanh(softplus(x[0]))); }>);
BS_REGISTER(mish_op);
const Op logsigmoid_op = activation("logsigmoid", "ln sigmoid(x) = -ln(1 + e^-x); no finite x overflows", {},
                                    one<[](const Given& x) { return neg(softplus(neg(input(x)))); }>);
BS_REGISTER(logsigmoid_op);
const Op softsign_op =
    activation("softsign", "x / (1 + |x|)", {}, one<[](const Given& x) { return div(input(x), add(abs(x[0]), 1.0)); }>);
BS_REGISTER(softsign_op);
const Op gelu_tanh_op =
    activation("gelu_tanh", "x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))", {}, one<[](const Given& x) {
                 const Tensor& t = input(x);
                 const Tensor inner = mul(mul(t, add(mul(square(t), 0.044715), 1.0)), 0.79788456080286535588);
                 return mul(t, add(mul(tanh(inner), 0.5), 0.5));
               }>);
BS_REGISTER(gelu_tanh_op);

Tensor glu(const Given& x) {
  const Dims& shape = input(x).shape();
  if (shape.size() == 0) throw ShapeError("[glu] input is (): it has no axis to halve");
  const int dim = normal_dim("glu", x.integer(0), shape.size());
  if (shape[dim] % 2 != 0)
    throw ShapeError(cat("[glu] input is ", str(shape), ": its size along axis ", dim, " must be even"));
  const std::vector<Tensor> half = split(x[0], {shape[dim] / 2, shape[dim] / 2}, dim);
  return mul(half[0], sigmoid(half[1]));
}
const Op glu_op =
    activation("glu",
               "a sigmoid(b), where a and b are the halves of the input along dim. Source: Dauphin et al. "
               "(2017), arXiv:1612.08083",
               {{"dim", AttrType::integer, false, int64_t{-1}}}, one<glu>);
BS_REGISTER(glu_op);

// ---- With parameters -----------------------------------------------------------------------------------------------

// Slopes of channels, which lie on axis 1, or one of all.
Tensor prelu(const Given& x) {
  Tensor weight = x[1];
  const Dims& shape = input(x).shape();
  if (weight.dtype() != x[0].dtype())
    throw DTypeError(
        cat("[prelu] input is ", name_of(x[0].dtype()), ", weight ", name_of(weight.dtype()), ": they must be equal"));
  const int64_t n = weight.numel(), channels = shape.size() > 1 ? shape[1] : 1;
  if (weight.shape().size() > 1 || (n != 1 && n != channels))
    throw ShapeError(cat("[prelu] weight is ", str(weight.shape()), ", input ", str(shape),
                         ": weight is (), (1,), or one number per channel"));
  Dims along = shape;
  for (int i = 0; i < along.size(); ++i) along[i] = i == 1 ? n : 1;
  weight = reshape(weight, n == 1 ? Dims{} : along);
  return or_below(x[0], mul(x[0], weight));
}
const Op prelu_op{.name = "prelu",
                  .doc =
                      "x above 0, weight x below: one weight, or one per channel (axis 1). Source: He et al. (2015), "
                      "arXiv:1502.01852",
                  .inputs = {{"input"}, {"weight"}},
                  .visibility = Visibility::method,
                  .compose = one<prelu>};
BS_REGISTER(prelu_op);

}  // namespace
}  // namespace bs::ops
