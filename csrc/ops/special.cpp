// Gamma and what is about it, zeta, neighbours and divisors: number by number.
#include <cmath>
#include <limits>

#include "ops/each.h"

namespace bs::ops {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// ---- The functions, in double --------------------------------------------------------------------------------------

double log_gamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}

// (ln Gamma)': by recurrence to 10, from where ln x - 1 / (2 x) - sum B_2k / (2k x^2k) is exact; x < 0 by reflection.
double digamma_of(double x) {
  if (x == 0) return std::copysign(kInfinite, -x);
  if (x < 0) {
    if (x == std::trunc(x)) return kNaN;
    const double rest = x - std::trunc(x);
    return digamma_of(1 - x) - kPi / std::tan(kPi * rest);
  }
  double y = 0;
  for (; x < 10; x += 1) y -= 1 / x;
  static constexpr double kTerms[] = {1.0 / 12,  -1.0 / 120,     1.0 / 252, -1.0 / 240,
                                      1.0 / 132, -691.0 / 32760, 1.0 / 12,  -3617.0 / 8160};
  const double z = 1 / (x * x);
  double series = 0;
  for (int k = 7; k >= 0; --k) series = (series + kTerms[k]) * z;
  return y + std::log(x) - 0.5 / x - series;
}

// sum over k >= 0 of (q + k)^-s: nine terms, or up to q > 9, and the rest by Euler and Maclaurin. As SciPy's and
// PyTorch's at poles: infinite for s = 1 and for whole q <= 0, NaN for s < 1 and for powers that are not real.
double hurwitz_zeta(double s, double q) {
  static constexpr double kFactorialOverBernoulli[] = {12.0,
                                                       -720.0,
                                                       30240.0,
                                                       -1209600.0,
                                                       47900160.0,
                                                       -1892437580.3183792,
                                                       74724249600.0,
                                                       -2950130727918.164,
                                                       116467828143500.67,
                                                       -4597978722407473.0,
                                                       1.8152105401943546e+17,
                                                       -7.166165256175667e+18};
  if (s == 1) return kInfinite;
  if (!(s > 1)) return kNaN;
  if (std::isinf(q)) return q > 0 ? 0 : kNaN;
  if (q <= 0) {
    if (q == std::floor(q)) return kInfinite;
    if (s != std::floor(s)) return kNaN;
    // Both sides of the pole next to q, whole series less what is beyond q.
    const double r = q - std::floor(q), below = hurwitz_zeta(s, 1 - r) - hurwitz_zeta(s, 1 - q);
    return hurwitz_zeta(s, r) + (std::fmod(s, 2) == 0 ? below : -below);
  }
  if (s == 2) {  // the derivative of digamma, by its recurrence and series
    double y = 0;
    for (; q < 10; q += 1) y += 1 / (q * q);
    static constexpr double kBernoulli[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                            5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
    const double z = 1 / (q * q);
    double series = 0;
    for (int k = 7; k >= 0; --k) series = (series + kBernoulli[k]) * z;
    return y + (1 + 0.5 / q + series) / q;
  }
  double sum = std::pow(q, -s), at = q, term = 0;
  for (int i = 0; i < 9 || at <= 9; ++i) {
    at += 1;
    term = std::pow(at, -s);
    sum += term;
    if (std::fabs(term) < 1e-17 * std::fabs(sum)) return sum;
  }
  sum += term * at / (s - 1) - 0.5 * term;
  double factor = 1, k = 0;
  for (const double divisor : kFactorialOverBernoulli) {
    factor *= s + k;
    term /= at;
    const double more = factor * term / divisor;
    sum += more;
    if (std::fabs(more) < 1e-17 * std::fabs(sum)) break;
    k += 1;
    factor *= s + k;
    term /= at;
    k += 1;
  }
  return sum;
}

// ---- Gamma and zeta ------------------------------------------------------------------------------------------------

constexpr char kZeta[] = "zeta_each", kDigamma[] = "digamma_each", kLgamma[] = "lgamma_each";

extern const Op zeta_each;
Tensor zeta(const Tensor& s, const Tensor& q) { return apply(zeta_each, {s, q}); }
Tensor zeta(double s, const Tensor& q) { return zeta(expand(Tensor::scalar(s, q.dtype()), q.shape()), q); }

const Op zeta_each =
    each_op<kZeta>("Hurwitz's zeta function: the sum over k >= 0 of (other + k)^-input, of equal shapes", 2,
                   forward_of_two<hurwitz_zeta>, [](GradCall& call) {
                     if (call.needs(0)) refuse_derivative("special.zeta", "input");
                     const Tensor s = call.in(0);
                     if (call.needs(1)) call.set(1, mul(call.grad(), mul(neg(s), zeta(add(s, 1.0), call.in(1)))));
                   });
BS_REGISTER_EACH(zeta_each);

const Op digamma_each = each_op<kDigamma>("(ln Gamma)'(x)", 1, forward_of_one<digamma_of>,
                                          [](GradCall& call) { call.set(0, mul(call.grad(), zeta(2, call.in(0)))); });
BS_REGISTER_EACH(digamma_each);
const Op lgamma_each = each_op<kLgamma>("ln |Gamma(x)|", 1, forward_of_one<log_gamma>, [](GradCall& call) {
  call.set(0, mul(call.grad(), apply(digamma_each, {call.in(0)})));
});
BS_REGISTER_EACH(lgamma_each);

const Op lgamma_op = function_of<lgamma_each>("lgamma", "ln |Gamma(x)|");
BS_REGISTER(lgamma_op);
const Op digamma_op =
    function_of<digamma_each>("digamma", "the derivative of ln Gamma(x); NaN at negative whole numbers");
BS_REGISTER(digamma_op);

Tensor polygamma(int64_t n, const Tensor& x) {
  const Tensor t = cast(x, float_of(x.dtype()));
  if (n == 0) return apply(digamma_each, {t});
  const double sign = n % 2 ? 1 : -1;
  const double s = static_cast<double>(n) + 1;
  return mul(zeta(s, t), sign * std::tgamma(s));
}
const Op polygamma_op{.name = "special_polygamma",
                      .doc = "the n-th derivative of digamma(input)",
                      .inputs = {{"input"}},
                      .attrs = {{"n", AttrType::integer, true}},
                      .storage = Storage::cast,
                      .compose = one<[](const Given& x) {
                        if (x.integer(0) < 0)
                          throw ValueError(cat("[polygamma] n is ", x.integer(0), "; it must be 0 or more"));
                        return polygamma(x.integer(0), x[0]);
                      }>};
BS_REGISTER(polygamma_op);

const Op zeta_op = function_of_two<zeta_each>(
    "special_zeta",
    "Hurwitz's zeta function, the sum over k >= 0 of (other + k)^-input; inf where input is 1 or other is 0, -1, ...",
    Visibility::hidden);
BS_REGISTER(zeta_op);

const Op mvlgamma_op{
    .name = "mvlgamma",
    .doc = "ln of the multivariate gamma function: p (p - 1) / 4 ln pi + sum over j < p of ln Gamma(input - j / 2)",
    .inputs = {{"input"}},
    .attrs = {{"p", AttrType::integer, true}},
    .visibility = Visibility::method,
    .underscored = true,
    .storage = Storage::cast,
    .compose = one<[](const Given& x) {
      const int64_t p = x.integer(0);
      constexpr int64_t kMostTerms = 4096;
      if (p < 1 || kMostTerms < p) throw ValueError(cat("[mvlgamma] p is ", p, "; it must be from 1 to ", kMostTerms));
      const Tensor t = cast(x[0], float_of(x[0].dtype()));
      Tensor y = apply(lgamma_each, {t});
      for (int64_t j = 1; j < p; ++j) y = add(y, apply(lgamma_each, {add(t, -0.5 * static_cast<double>(j))}));
      return add(y, static_cast<double>(p * (p - 1)) / 4 * std::log(kPi));
    }>};
BS_REGISTER(mvlgamma_op);

// ---- Neighbours and divisors ---------------------------------------------------------------------------------------

constexpr char kNextafter[] = "nextafter_each", kGcd[] = "gcd_each", kLcm[] = "lcm_each";

int64_t forward_of_nextafter(const Call& call, int64_t lo, int64_t hi) {
  return with_float(call.out[0].dtype(), [&](auto zero) {
    using T = decltype(zero);
    constexpr auto value = [](T x, T y) { return std::nextafter(x, y); };
    return for_two<T, value>(call, lo, hi);
  });
}
const Op nextafter_each =
    each_op<kNextafter>("the number next to input towards other, of equal shapes", 2, forward_of_nextafter);
BS_REGISTER_EACH(nextafter_each);
const Op nextafter_op{.name = "nextafter",
                      .doc = "the number next to input towards other",
                      .inputs = {{"input"}, {"other"}},
                      .visibility = Visibility::method,
                      .underscored = true,
                      .compose = one<[](const Given& x) {
                        const DType t = promoted(x[0], x[1]);
                        need_float("nextafter", "input", t);
                        return bs::apply(nextafter_each, alike(detach(x[0]), detach(x[1]), t));
                      }>};
BS_REGISTER(nextafter_op);

// x = m 2^e, |m| in [0.5, 1); of what has no such parts, itself and 0.
const Op frexp_op{
    .name = "frexp",
    .doc =
        "mantissa: m, |m| in [0.5, 1), and exponent: e, int32, of each element m 2^e; of 0, infinite ones and NaN "
        "themselves and 0.",
    .inputs = {{"input"}},
    .outputs = {"mantissa", "exponent"},
    .visibility = Visibility::method,
    .named = true,
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          need_float("frexp", "input", in[0].dtype);
          out[0].shape = out[1].shape = in[0].shape;
          out[0].dtype = in[0].dtype;
          out[1].dtype = DType::i32;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      auto* exponent = call.out[1].as<int32_t>();
      return with_float(call.out[0].dtype(), [&](auto zero) {
        using T = decltype(zero);
        const T* x = call.in[0].as<T>();
        T* y = call.out[0].as<T>();
        return for_part(call, lo, hi, [&](int64_t i) {
          int e = 0;
          y[i] = std::isfinite(x[i]) ? std::frexp(x[i], &e) : x[i];
          exponent[i] = e;
        });
      });
    },
    .place = place_each,
    .grad = [](GradCall& call) { call.set(0, div(call.grad(), exp2(cast(call.out(1), call.grad().dtype())))); },
    .reads = OUT_1,
};
BS_REGISTER(frexp_op);
BS_BATCH(frexp_op, batch_as_is);

template <class T>
T greatest_divisor(T x, T y) {
  using U = std::make_unsigned_t<T>;
  U a = x < 0 ? U(0) - static_cast<U>(x) : static_cast<U>(x), b = y < 0 ? U(0) - static_cast<U>(y) : static_cast<U>(y);
  while (b != 0) {
    const U rest = a % b;
    a = b;
    b = rest;
  }
  return static_cast<T>(a);
}
template <class T>
T least_multiple(T x, T y) {
  using U = std::make_unsigned_t<T>;
  const T divisor = greatest_divisor(x, y);
  if (divisor == 0) return 0;
  const T q = static_cast<T>(x / divisor);
  const U m = static_cast<U>(q) * static_cast<U>(y);
  return static_cast<T>(static_cast<T>(m) < 0 ? U(0) - m : m);
}
template <bool multiple>
int64_t forward_of_integers(const Call& call, int64_t lo, int64_t hi) {
  if (call.out[0].dtype() == DType::i32)
    return multiple ? for_two<int32_t, least_multiple<int32_t>>(call, lo, hi)
                    : for_two<int32_t, greatest_divisor<int32_t>>(call, lo, hi);
  return multiple ? for_two<int64_t, least_multiple<int64_t>>(call, lo, hi)
                  : for_two<int64_t, greatest_divisor<int64_t>>(call, lo, hi);
}
const Op gcd_each = each_op<kGcd, false>("the greatest common divisor, of equal shapes", 2, forward_of_integers<false>);
BS_REGISTER_EACH(gcd_each);
const Op lcm_each = each_op<kLcm, false>("the least common multiple, of equal shapes", 2, forward_of_integers<true>);
BS_REGISTER_EACH(lcm_each);

template <const Op& each>
Op of_integers(const char* name, const char* doc) {
  return {.name = name,
          .doc = doc,
          .inputs = {{.name = "input", .weak = true}, {.name = "other", .weak = true}},
          .visibility = Visibility::method,
          .underscored = true,
          .compose = one<[](const Given& x) {
            const DType t = promoted(x[0], x[1]);
            if (is_float(t) || t == DType::b8)
              throw DTypeError(cat("[gcd] operands are ", name_of(x[0].dtype()), " and ", name_of(x[1].dtype()),
                                   ": they must be integers"));
            return cast(bs::apply(each, alike(x[0], x[1], computing(t))), t);
          }>};
}
const Op gcd_op = of_integers<gcd_each>("gcd", "the greatest common divisor of integers");
BS_REGISTER(gcd_op);
const Op lcm_op = of_integers<lcm_each>("lcm", "the least common multiple of integers");
BS_REGISTER(lcm_op);

}  // namespace
}  // namespace bs::ops
