// Pointwise functions that are compositions of the rows of kernels/elementwise.def.
#include <cmath>
#include <limits>

#include "base/error.h"
#include "ops/composed.h"
#include "ops/one_pass.h"

namespace bs::ops {
namespace {

// Ops of `input`, or of `input` and `other`. `underscored`: PyTorch has name_ too.
template <auto value>
Op of_one(const char* name, const char* doc, bool underscored = true, std::vector<const char*> also = {}) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}},
          .also = std::move(also),
          .visibility = Visibility::method,
          .underscored = underscored,
          .storage = Storage::cast,
          .compose = one<value>};
}
template <auto value>
Op of_two(const char* name, const char* doc, bool underscored = true, std::vector<const char*> also = {}) {
  return {.name = name,
          .doc = doc,
          .inputs = {{.name = "input", .weak = true}, {.name = "other", .weak = true}},
          .also = std::move(also),
          .visibility = Visibility::method,
          .underscored = underscored,
          .compose = one<value>};
}

// ---- Tests of numbers ----------------------------------------------------------------------------------------------

Tensor no(const Tensor& x) { return full(x.shape(), 0, DType::b8); }

Tensor is_nan(const Tensor& x) { return ne(x, x); }
const Op isnan_op = of_one<[](const Given& x) { return is_nan(x[0]); }>("isnan", "whether input is NaN", false);
BS_REGISTER(isnan_op);

Tensor is_infinite(const Tensor& x) { return is_float(x.dtype()) ? eq(abs(x), kInfinite) : no(x); }
const Op isinf_op =
    of_one<[](const Given& x) { return is_infinite(x[0]); }>("isinf", "whether input is inf or -inf", false);
BS_REGISTER(isinf_op);

Tensor is_finite(const Tensor& x) { return is_float(x.dtype()) ? lt(abs(x), kInfinite) : logical_not(no(x)); }
const Op isfinite_op = of_one<[](const Given& x) { return is_finite(x[0]); }>(
    "isfinite", "whether input is neither infinite nor NaN", false);
BS_REGISTER(isfinite_op);

template <bool negative>
Tensor is_end(const Given& x) {
  return is_float(x[0].dtype()) ? eq(x[0], negative ? -kInfinite : kInfinite) : no(x[0]);
}
const Op isposinf_op = of_one<is_end<false>>("isposinf", "whether input is inf", false);
BS_REGISTER(isposinf_op);
const Op isneginf_op = of_one<is_end<true>>("isneginf", "whether input is -inf", false);
BS_REGISTER(isneginf_op);

// -0 and NaN have signs too: of floats the first bit says it.
Tensor has_sign(const Tensor& x) {
  if (x.dtype() == DType::b8) return no(x);
  if (!is_float(x.dtype())) return lt(x, 0.0);
  const size_t size = size_of(x.dtype());
  const DType bits = size == 2 ? DType::i16 : size == 4 ? DType::i32 : DType::i64;
  return lt(bitcast(contiguous(detach(x)), bits), 0.0);
}
const Op signbit_op{.name = "signbit",
                    .doc = "whether input has a minus sign, as -0 has",
                    .inputs = {{"input"}},
                    .visibility = Visibility::method,
                    .compose = one<[](const Given& x) { return has_sign(x[0]); }>};
BS_REGISTER(signbit_op);

const Op isclose_op{
    .name = "isclose",
    .doc = "whether |input - other| <= atol + rtol |other|, or both are equal, or with equal_nan both NaN",
    .inputs = {{"input"}, {"other"}},
    .attrs = {{"rtol", AttrType::real, false, 1e-5},
              {"atol", AttrType::real, false, 1e-8},
              {"equal_nan", AttrType::boolean, false, false}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) {
      if (x[0].dtype() != x[1].dtype())
        throw DTypeError(cat("[isclose] input is ", name_of(x[0].dtype()), ", other ", name_of(x[1].dtype()),
                             ": they must be equal"));
      const double rtol = x.number(0), atol = x.number(1);
      if (!(rtol >= 0 && atol >= 0)) throw ValueError("[isclose] rtol and atol are 0 or more");
      Tensor close = eq(x[0], x[1]);
      if (x.attrs().get<bool>(2)) close = bitwise_or(close, bitwise_and(is_nan(x[0]), is_nan(x[1])));
      if (rtol == 0 && atol == 0) return close;
      const DType t = is_float(x[0].dtype()) ? x[0].dtype() : DType::f64;
      const Tensor a = cast(x[0], t), b = cast(x[1], t), off = abs(sub(a, b));
      const Tensor within = bitwise_and(lt(off, kInfinite), le(off, add(mul(abs(b), rtol), atol)));
      return bitwise_or(close, within);
    }>};
BS_REGISTER(isclose_op);

// ---- Logic ---------------------------------------------------------------------------------------------------------

Tensor truth(const Tensor& x) { return x.dtype() == DType::b8 ? x : ne(x, 0.0); }
const Op logical_and_op =
    of_two<[](const Given& x) { return bitwise_and(truth(x[0]), truth(x[1])); }>("logical_and", "whether neither is 0");
BS_REGISTER(logical_and_op);
const Op logical_or_op =
    of_two<[](const Given& x) { return bitwise_or(truth(x[0]), truth(x[1])); }>("logical_or", "whether any is not 0");
BS_REGISTER(logical_or_op);
const Op logical_xor_op = of_two<[](const Given& x) { return bitwise_xor(truth(x[0]), truth(x[1])); }>(
    "logical_xor", "whether one of them alone is 0");
BS_REGISTER(logical_xor_op);

// ---- Arithmetic ----------------------------------------------------------------------------------------------------

const Op deg2rad_op = of_one<[](const Given& x) { return mul(x[0], kPi / 180); }>("deg2rad", "input pi / 180");
BS_REGISTER(deg2rad_op);
const Op rad2deg_op = of_one<[](const Given& x) { return mul(x[0], 180 / kPi); }>("rad2deg", "input 180 / pi");
BS_REGISTER(rad2deg_op);
const Op sgn_op = of_one<[](const Given& x) { return sign(x[0]); }>("sgn", "-1, 0 or 1, as sign");
BS_REGISTER(sgn_op);

const Op positive_op{.name = "positive",
                     .doc = "input as it is",
                     .inputs = {{"input"}},
                     .visibility = Visibility::method,
                     .compose = one<[](const Given& x) {
                       if (x[0].dtype() == DType::b8) throw DTypeError("[positive] input is bool, which has no sign");
                       return view_as_is(contiguous(x[0]));
                     }>};
BS_REGISTER(positive_op);

const Op rsub_op{
    .name = "rsub",
    .doc = "other - alpha input",
    .inputs = {{.name = "input", .weak = true}, {.name = "other", .weak = true}},
    .attrs = {{.name = "alpha", .type = AttrType::real, .default_value = 1.0, .by_name = true}},
    .visibility = Visibility::function,
    .compose = one<[](const Given& x) { return sub(x[1], x.number(0) == 1 ? x[0] : mul(x[0], x.number(0))); }>};
BS_REGISTER(rsub_op);

// input + value times what `part` makes of two others.
template <auto part>
Op add_of_two(const char* name, const char* doc) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}, {"tensor1"}, {"tensor2"}},
          .attrs = {{.name = "value", .type = AttrType::real, .default_value = 1.0, .by_name = true}},
          .visibility = Visibility::method,
          .underscored = true,
          .compose = one<[](const Given& x) {
            const double value = x.number(0);
            Tensor more = part(x[1], x[2]);
            if (value != 1 && is_float(more.dtype())) {
              more = mul(more, value);
            } else if (value != 1) {
              if (value != std::trunc(value))
                throw DTypeError(cat("[addcmul] value is ", value, ", the tensors are integers: cast one to a float"));
              more = mul(more, Tensor::scalar(value, more.dtype()));
            }
            return add(x[0], more);
          }>};
}
const Op addcmul_op =
    add_of_two<[](const Tensor& x, const Tensor& y) { return mul(x, y); }>("addcmul", "input + value tensor1 tensor2");
BS_REGISTER(addcmul_op);
const Op addcdiv_op = add_of_two<[](const Tensor& x, const Tensor& y) {
  if (!is_float(promoted(x, y)))
    throw DTypeError(cat("[addcdiv] tensor1 is ", name_of(x.dtype()), ", tensor2 ", name_of(y.dtype()),
                         ": cast one to a float first, as in x.to(bs.float32)"));
  return div(x, y);
}>("addcdiv", "input + value tensor1 / tensor2");
BS_REGISTER(addcdiv_op);

template <kernels::Ew code>
void write_add_of_two(Pass& p) {
  using kernels::Ew;
  p.add(code, Pass::kTemp, p.in(1), p.in(2));
  if (const double value = p.attrs().get<double>(0); value != 1)
    p.add(Ew::mul, Pass::kTemp, Pass::kTemp, p.number(value));
  p.add(Ew::add, Pass::kOut, p.in(0), Pass::kTemp);
}
const Op addcmul_pass = pass_op<write_add_of_two<kernels::Ew::mul>>("addcmul");
BS_ONE_PASS(addcmul_op, addcmul_pass);
const Op addcdiv_pass = pass_op<write_add_of_two<kernels::Ew::div>>("addcdiv");
BS_ONE_PASS(addcdiv_op, addcdiv_pass);

const Op ldexp_op = of_two<[](const Given& x) { return mul(x[0], exp2(x[1])); }>("ldexp", "input 2^other");
BS_REGISTER(ldexp_op);

const Op float_power_op{
    .name = "float_power",
    .doc = "input^exponent in float64",
    .inputs = {{.name = "input", .weak = true}, {.name = "exponent", .weak = true}},
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& x) { return pow(cast(x[0], DType::f64), cast(x[1], DType::f64)); }>};
BS_REGISTER(float_power_op);

const Op copysign_op = of_two<[](const Given& x) {
  const DType t = float_of(promoted(x[0], x[1]));
  const Tensor a = abs(cast(x[0], t));
  return where(has_sign(x[1]), neg(a), a);
}>("copysign", "|input| with the sign of other");
BS_REGISTER(copysign_op);

const Op heaviside_op{.name = "heaviside",
                      .doc = "0 below 0, 1 above, values at 0",
                      .inputs = {{"input"}, {"values"}},
                      .visibility = Visibility::method,
                      .underscored = true,
                      .compose = one<[](const Given& x) {
                        if (x[0].dtype() != x[1].dtype())
                          throw DTypeError(cat("[heaviside] input is ", name_of(x[0].dtype()), ", values ",
                                               name_of(x[1].dtype()), ": they must be equal"));
                        return where(eq(x[0], 0.0), detach(x[1]), cast(gt(x[0], 0.0), x[0].dtype()));
                      }>};
BS_REGISTER(heaviside_op);

// The larger (smaller) of two; of a number and NaN the number.
template <bool most>
Tensor of_numbers(const Given& x) {
  return where(bitwise_or(most ? ge(x[0], x[1]) : le(x[0], x[1]), is_nan(x[1])), x[0], x[1]);
}
const Op fmax_op = of_two<of_numbers<true>>("fmax", "max(input, other); of a number and NaN the number", false);
BS_REGISTER(fmax_op);
const Op fmin_op = of_two<of_numbers<false>>("fmin", "min(input, other); of a number and NaN the number", false);
BS_REGISTER(fmin_op);

// ---- Bounds --------------------------------------------------------------------------------------------------------

Tensor bounded(const Tensor& x, const Tensor* least, const Tensor* most) {
  if (x.dtype() == DType::b8) throw DTypeError("[clamp] input is bool: cast it first, as in x.to(bs.int64)");
  const Tensor y = least ? at_least(x, *least) : x;
  return most ? at_most(y, *most) : y;
}
const InputSchema kLeast{.name = "min", .optional = true, .weak = true},
    kMost{.name = "max", .optional = true, .weak = true};

const Op clamp_op{.name = "clamp",
                  .doc =
                      "input, but min where it is below and max where it is above; numbers or tensors. At a bound the "
                      "derivative is 1",
                  .inputs = {{.name = "input", .weak = true}, kLeast, kMost},
                  .also = {"clip"},
                  .visibility = Visibility::method,
                  .underscored = true,
                  .compose = one<[](const Given& x) {
                    if (!x.has(1) && !x.has(2))
                      throw ValueError("[clamp] neither min nor max is given: at least one must be");
                    return bounded(x[0], x.has(1) ? &x[1] : nullptr, x.has(2) ? &x[2] : nullptr);
                  }>};
BS_REGISTER(clamp_op);
const Op clamp_pass = pass_op<[](Pass& p) {
  using kernels::Ew;
  if (p.has(1)) p.add(Ew::maximum, Pass::kOut, p.in(0), p.in(1));
  if (p.has(2)) p.add(Ew::minimum, Pass::kOut, p.has(1) ? Pass::kOut : p.in(0), p.in(2));
}>("clamp");
BS_ONE_PASS(clamp_op, clamp_pass);
const Op clamp_min_op{.name = "clamp_min",
                      .doc = "max(input, min)",
                      .inputs = {{.name = "input", .weak = true}, {.name = "min", .weak = true}},
                      .visibility = Visibility::method,
                      .underscored = true,
                      .compose = one<[](const Given& x) { return bounded(x[0], &x[1], nullptr); }>};
BS_REGISTER(clamp_min_op);
const Op clamp_max_op{.name = "clamp_max",
                      .doc = "min(input, max)",
                      .inputs = {{.name = "input", .weak = true}, {.name = "max", .weak = true}},
                      .visibility = Visibility::method,
                      .underscored = true,
                      .compose = one<[](const Given& x) { return bounded(x[0], nullptr, &x[1]); }>};
BS_REGISTER(clamp_max_op);

// The largest number of a float type.
double largest(DType t) {
  switch (t) {
    case DType::f64:
      return std::numeric_limits<double>::max();
    case DType::f16:
      return 65504;
    case DType::bf16:
      return 0x1.fep+127;
    default:
      return std::numeric_limits<float>::max();
  }
}
const Op nan_to_num_op{
    .name = "nan_to_num",
    .doc = "input with NaN, inf and -inf replaced: by `nan`, `posinf` and `neginf`, or the largest and least numbers",
    .inputs = {{"input"}},
    .attrs = {{"nan", AttrType::real, false, {}},
              {"posinf", AttrType::real, false, {}},
              {"neginf", AttrType::real, false, {}}},
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& x) {
      const Tensor& t = x[0];
      if (!is_float(t.dtype())) return view_as_is(contiguous(t));
      const auto by = [&](int k, double otherwise) { return x.attrs().has(k) ? x.number(k) : otherwise; };
      const double most = largest(t.dtype());
      Tensor y = t;
      if (x.attrs().has(1) || x.attrs().has(2))
        y = where(eq(t, kInfinite), by(1, most), where(eq(t, -kInfinite), by(2, -most), t));
      else
        y = below(above(t, -most), most);
      return where(is_nan(t), by(0, 0), y);
    }>};
BS_REGISTER(nan_to_num_op);

// ---- Functions -----------------------------------------------------------------------------------------------------

const Op tan_op = of_one<[](const Given& x) { return div(sin(x[0]), cos(x[0])); }>("tan", "sin x / cos x");
BS_REGISTER(tan_op);

const Op sinc_op = of_one<[](const Given& x) {
  const Tensor zero = eq(x[0], 0.0), angle = where(zero, 1.0, mul(x[0], kPi));
  return where(zero, 1.0, div(sin(angle), angle));
}>("sinc", "sin(pi x) / (pi x), 1 at 0");
BS_REGISTER(sinc_op);

const Op logit_op{.name = "logit",
                  .doc = "ln(x / (1 - x)); with eps of x kept in [eps, 1 - eps]",
                  .inputs = {{"input"}},
                  .attrs = {{"eps", AttrType::real, false, {}}},
                  .visibility = Visibility::method,
                  .underscored = true,
                  .storage = Storage::cast,
                  .compose = one<[](const Given& x) {
                    Tensor z = cast(x[0], float_of(x[0].dtype()));
                    if (x.attrs().has(0)) z = at_most(at_least(z, x.number(0)), 1 - x.number(0));
                    return log(div(z, sub(1.0, z)));
                  }>};
BS_REGISTER(logit_op);

// hi + ln(1 + e^(lo - hi)), in units of `unit`; the difference of equal infinities counts as 0.
Tensor log_of_sum(const Tensor& x, const Tensor& y, double unit) {
  const DType t = promoted(x, y);
  need_float("logaddexp", "input", t);
  const Tensor first = ge(x, y), hi = where(first, x, y), lo = where(first, y, x);
  Tensor off = mul_mask(sub(lo, hi), logical_not(bitwise_and(eq(lo, hi), is_infinite(hi))));
  if (unit != 1) off = mul(off, unit);
  const Tensor more = softplus(off);
  return add(hi, unit == 1 ? more : div(more, unit));
}
const Op logaddexp_op = of_two<[](const Given& x) { return log_of_sum(x[0], x[1], 1); }>(
    "logaddexp", "ln(e^input + e^other); nothing overflows", false);
BS_REGISTER(logaddexp_op);
const Op logaddexp2_op = of_two<[](const Given& x) { return log_of_sum(x[0], x[1], kLn2); }>(
    "logaddexp2", "log2(2^input + 2^other); nothing overflows", false);
BS_REGISTER(logaddexp2_op);

// ---- bs.special ----------------------------------------------------------------------------------------------------

// Functions of PyTorch's `special` that have no name outside.
template <auto value>
Op special(const char* name, const char* doc) {
  Op op = of_one<value>(name, doc, false);
  op.visibility = Visibility::hidden;
  return op;
}

const Op entr_op = special<[](const Given& x) {
  const Tensor t = cast(x[0], float_of(x[0].dtype()));
  return where(lt(t, 0.0), -kInfinite, neg(xlogy(t, t)));
}>("special_entr", "-x ln x, 0 at 0, -inf below");
BS_REGISTER(entr_op);

const Op ndtr_op = special<[](const Given& x) { return mul(erfc(mul(x[0], -kSqrtHalf)), 0.5); }>(
    "special_ndtr", "Phi(x), the distribution function of the normal distribution");
BS_REGISTER(ndtr_op);

const Op xlog1py_op{
    .name = "special_xlog1py",
    .doc = "input ln(1 + other); 0 where input is 0, unless other is NaN",
    .inputs = {{.name = "input", .weak = true}, {.name = "other", .weak = true}},
    .compose = one<[](const Given& x) { return where(is_nan(x[1]), x[1], mul_zero(x[0], log1p(x[1]))); }>};
BS_REGISTER(xlog1py_op);

}  // namespace
}  // namespace bs::ops
