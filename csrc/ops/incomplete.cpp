// The incomplete gamma functions, number by number: a series, a continued fraction, or for large arguments Temme's
// expansion (N. M. Temme, The asymptotic expansion of the incomplete gamma functions, 1979).
#include <cmath>

#include "ops/each.h"

namespace bs::ops {
namespace {

constexpr double kTiny = 1e-17;  // terms below this part of a sum change nothing

// ln(1 + t) - t for |t| <= 0.4, by ln(1 + t) = 2 atanh(t / (2 + t)).
double log1p_less(double t) {
  const double s = t / (2 + t), square = s * s;
  double series = 0;
  for (int k = 29; k >= 3; k -= 2) series = series * square + 1.0 / k;
  return 2 * s * square * series - t * s;
}

// ln Gamma(1 + a), by its series where 1 + a would lose a.
double log_gamma_of_next(double a) {
  if (a > 0.05) return std::lgamma(1 + a);
  static constexpr double kZetaOver[] = {0.82246703342411322,  0.40068563438653143, 0.27058080842778455,
                                         0.20738555102867399,  0.16955717699740819, 0.14404989676884612,
                                         0.12550966952474304,  0.11133426586956469, 0.10009945751278181,
                                         0.090954017145829042, 0.083353840546109004};
  double sum = 0;
  for (int k = 10; k >= 0; --k) sum = (k % 2 ? -kZetaOver[k] : kZetaOver[k]) + sum * a;
  return a * (sum * a - 0.57721566490153286);
}

// x^a e^-x / Gamma(a + 1).
double density(double a, double x) {
  if (a < 10) return std::exp(a * std::log(x) - x - log_gamma_of_next(a));
  static constexpr double kStirling[] = {1.0 / 12,   -1.0 / 360,        1.0 / 1260, -1.0 / 1680,
                                         1.0 / 1188, -691.0 / 360360.0, 1.0 / 156};
  const double z = 1 / (a * a);
  double series = 0;
  for (int k = 6; k >= 0; --k) series = series * z + kStirling[k];
  const double off = (x - a) / a, less = std::fabs(off) <= 0.4 ? log1p_less(off) : std::log(x / a) - off;
  return std::exp(a * less - series / a) / std::sqrt(2 * kPi * a);
}

// P where x is not much above a.
double lower_by_series(double a, double x) {
  double term = 1, sum = 1;
  for (double k = a + 1; term > kTiny * sum; k += 1) sum += term *= x / k;
  return density(a, x) * sum;
}

// Q of small x, without what 1 - P would lose.
double upper_by_series(double a, double x) {
  double term = 1, sum = 0;
  for (int k = 1; k < 200; ++k) {
    term *= -x / k;
    const double more = term / (a + k);
    sum += more;
    if (std::fabs(more) <= kTiny * std::fabs(sum)) break;
  }
  const double power = a * std::log(x) - log_gamma_of_next(a);
  return -std::expm1(power) - std::exp(power) * a * sum;
}

// Q above a, by the series that the continued fraction 1 / (x + 1 - a - 1 (1 - a) / (x + 3 - a - ...)) is equal to (W.
// Gautschi, A computational procedure for incomplete gamma functions, 1979).
double upper_by_fraction(double a, double x) {
  double p = 0, q = (x - 1 - a) * (x + 1 - a), r = 4 * (x + 1 - a), s = 1 - a, rho = 0, term = 1, sum = 1;
  for (int k = 0; k < 1000000 && std::fabs(term) > kTiny * sum; ++k) {
    p += s;
    q += r;
    r += 8;
    s += 2;
    const double tau = p * (1 + rho);
    rho = tau / (q - tau);
    sum += term *= rho;
  }
  return a * density(a, x) * sum / (x + 1 - a);
}

// Q of large a and x near it, upper; else P.
double by_expansion(double a, double x, bool upper) {
  static constexpr double kTerms[3][12] = {
      {-0.33333333333333333, 8.3333333333333333e-2, -1.4814814814814815e-2, 1.1574074074074074e-3, 3.527336860670194e-4,
       -1.7875514403292181e-4, 3.9192631785224378e-5, -2.1854485106799922e-6, -1.85406221071516e-6,
       8.296711340953086e-7, -1.7665952736826079e-7, 6.7078535434014986e-9},
      {-1.8518518518518519e-3, -3.4722222222222222e-3, 2.6455026455026455e-3, -9.9022633744855967e-4,
       2.0576131687242798e-4, -4.0187757201646091e-7, -1.8098550334489978e-5, 7.6491609160811101e-6,
       -1.6120900894563446e-6, 4.6471278028074343e-9, 1.378633446915721e-7, -5.752545603517705e-8},
      {4.1335978835978836e-3, -2.6813271604938272e-3, 7.7160493827160494e-4, 2.0093878600823045e-6,
       -1.0736653226365161e-4, 5.2923448829120125e-5, -1.2760635188618728e-5, 3.4235787340961381e-8,
       1.3721957309062933e-6, -6.298992138380055e-7, 1.4280614206064242e-7, -2.0477098421990866e-10}};
  const double off = (x - a) / a, half_square = -log1p_less(off), eta = std::copysign(std::sqrt(2 * half_square), off);
  double sum = 0;
  for (int k = 2; k >= 0; --k) {
    double row = 0;
    for (int n = 11; n >= 0; --n) row = row * eta + kTerms[k][n];
    sum = sum / a + row;
  }
  const double rest = std::exp(-a * half_square) / std::sqrt(2 * kPi * a) * sum;
  const double t = eta * std::sqrt(a / 2);
  return upper ? std::erfc(t) / 2 + rest : std::erfc(-t) / 2 - rest;
}

// P(a, x), or upper Q(a, x) = 1 - P(a, x).
double incomplete_gamma(double a, double x, bool upper) {
  if (!(a >= 0 && x >= 0) || (a == 0 && x == 0) || (std::isinf(a) && std::isinf(x))) return std::nan("");
  if (x == 0 || std::isinf(a)) return upper;
  if (a == 0 || std::isinf(x)) return !upper;
  // Beyond |eta| = 0.12, where the expansion ends, one of both is 0.
  if (a > 1e5 && std::fabs(x - a) < 0.3 * a) return by_expansion(a, x, upper);
  if (x <= 1.1) return upper ? upper_by_series(a, x) : lower_by_series(a, x);
  const bool above = x > a + std::sqrt(a);  // nearer the fraction needs many terms, and both are far from 0
  const double value = above ? upper_by_fraction(a, x) : lower_by_series(a, x);
  return above == upper ? value : 1 - value;
}
double lower_gamma(double a, double x) { return incomplete_gamma(a, x, false); }
double upper_gamma(double a, double x) { return incomplete_gamma(a, x, true); }

// ---- The ops -------------------------------------------------------------------------------------------------------

constexpr char kIgamma[] = "igamma_each", kIgammac[] = "igammac_each";

// x^(a - 1) e^-x / Gamma(a), the derivative of P.
template <bool upper>
void incomplete_grad(GradCall& call) {
  const Tensor a = call.in(0), x = call.in(1);
  if (call.needs(0)) refuse_derivative(upper ? "igammac" : "igamma", "input");
  if (!call.needs(1)) return;
  const Tensor slope = exp(sub(sub(mul(sub(a, 1.0), log(x)), x), apply(*find_op("lgamma"), {a})));
  call.set(1, mul(call.grad(), upper ? neg(slope) : slope));
}

const Op igamma_each =
    each_op<kIgamma>("igamma of equal shapes", 2, forward_of_two<lower_gamma>, incomplete_grad<false>);
BS_REGISTER_EACH(igamma_each);
const Op igammac_each =
    each_op<kIgammac>("igammac of equal shapes", 2, forward_of_two<upper_gamma>, incomplete_grad<true>);
BS_REGISTER_EACH(igammac_each);

const Op igamma_op = function_of_two<igamma_each>(
    "igamma",
    "P(input, other), the integral of t^(input - 1) e^-t from 0 to other over Gamma(input); the derivative by input is "
    "refused");
BS_REGISTER(igamma_op);
const Op igammac_op = function_of_two<igammac_each>("igammac", "1 - P(input, other), computed as such; see igamma");
BS_REGISTER(igammac_op);

}  // namespace
}  // namespace bs::ops
