// Vector functions for the rows of elementwise.def and for kernels that need them (softmax, norms).
//
// Branch-free (but for lanes of sin and cos beyond 1e5, and of quotients beyond 2^23) and right at +-0, +-inf, NaN and
// the overflow thresholds, denormal inputs and results included. One sequence of operations for all instruction sets,
// so those with fma agree to the bit. Within 2 ulp, gelu within 4 (4.1 in v2). The largest errors that
// tests/kernels/ulp.cpp has found, in ulp, as v3 and v4 / v2, which has no fma; float32 over all 2^32 inputs but where
// marked *, float64 over 4 to 40 million:
//
//             float32          float64                      float32          float64
//   exp       1.02 / 0.99      0.98 / 0.95      softplus    1.72 / 1.72      1.60 / 1.60
//   expm1     1.46 / 1.54      1.81 / 1.90      erf         1.68 / 1.65      1.36 / 1.57
//   log       1.16 / 1.18      0.94 / 0.97      gelu        3.15 / 4.08      3.49 / 3.94
//   log1p     1.19 / 1.23      0.89 / 0.91      sin         1.49 / 1.54 *    1.50 / 1.52
//   tanh      1.34 / 1.35      1.32 / 1.32      cos         1.49 / 1.49 *    1.48 / 1.48
//   sigmoid   1.70 / 1.71      1.56 / 1.66      pow         0.54 / 0.54 *    1.06 / 1.05
//
// *: 8 million inputs; pow 40 million pairs. gelu_slope crosses 0: 5.1 / 6.0, of 1/8 near there.
//
// Polynomials: minimax by Remez's exchange on the intervals stated, computed for these files (error stated relative to
// the function); the reductions are Cody & Waite's (Software Manual for the Elementary Functions, 1980).
#pragma once

#include "kernels/math_division.h"

namespace bs::kernels::BS_ISA {
namespace {

// ---- e^x ------------------------------------------------------------------------------------------------------

// x + low = n ln 2 + r with |r| <= ln(2) / 2: e^(x + low) = 2^n e^r. A NaN passes. low is small beside x.
template <class V>
struct Exp {
  MaskOf<V> n;
  V t;  // e^r - 1
};

template <class V>
inline Exp<V> exp_parts(V x, V low = V{}) {
  using R = Real<V>;
  const V round = v_set(R::kRound);
  const V shifted = v_fma(x, v_set(R::kLog2e), round);
  const V n = shifted - round;
  const V r = v_fma(n, v_set(-R::kLn2Hi), x);  // exact
  return {v_bits<MaskOf<V>>(shifted) - v_bits<MaskOf<V>>(round), R::expm1_small(r + v_fma(n, v_set(-R::kLn2Lo), low))};
}

// 2^k where that is neither denormal nor above 2^(bias + 1), which is infinity.
template <class V>
inline V v_exp2i(MaskOf<V> k) {
  return v_bits<V>((k + Real<V>::kBias) << Real<V>::kMantissa);
}

// y 2^k in two factors, for k from twice the least exponent to bias + 1: the first product is exact, the second rounds
// once if it is denormal. y is near 1.
template <class V>
inline V v_scale(V y, MaskOf<V> k) {
  using U = typename Real<V>::U;
  constexpr int bias = Real<V>::kBias;
  const U half = (v_bits<U>(k) + 2 * (bias + 1)) >> 1;  // bias + 1 too large, so that the shift need not be arithmetic
  return y * v_bits<V>((half - 1) << Real<V>::kMantissa) *
         v_bits<V>((v_bits<U>(k) - half + (2 * bias + 1)) << Real<V>::kMantissa);
}

// e^x for x <= kExpHigh.
template <class V>
inline V exp_below(V x) {
  const Exp<V> e = exp_parts(v_greatest(Real<V>::kExpLow, x));
  return v_scale(e.t + 1, e.n);
}

template <class V>
inline V v_exp(V x) {
  return exp_below(v_least(Real<V>::kExpHigh, x));
}

// 2^n (1 + t) - 1, formed at half that so that 2^n is finite.
template <class V>
inline V v_expm1(V x) {
  using R = Real<V>;
  const Exp<V> e = exp_parts(v_least(R::kExpHigh, v_greatest(-R::kExpHigh / 2, x)));
  const V half = v_exp2i<V>(e.n - 1);
  const V y = v_fma(half, e.t, half - typename R::T(0.5)) * 2;
  return v_signed(v_select(e.n == 0, e.t, y), x);
}

// Near 0 x + x z p(z), z = x^2; else 1 - 2 / (e^2a + 1), a = |x|. The sum is formed of 2^n (1 + t), rounded once.
template <class V>
inline MaskOf<V> tanh_is_near(V magnitude) {
  return magnitude < typename Real<V>::T(0.55);
}
template <class V>
inline V tanh_near(V a) {
  const V z = a * a;
  return v_fma(a * z, Real<V>::tanh_poly(z), a);
}
template <class V>
inline V v_tanh(V x) {
  using R = Real<V>;
  const V a = v_least(R::kTanhHigh, v_magnitude(x));
  const Exp<V> e = exp_parts(a * 2);
  const V p = v_exp2i<V>(e.n);
  const V far = 1 - 2 / v_fma(p, e.t, p + 1);
  return v_signed(v_select(tanh_is_near(a), tanh_near(a), far), x);
}

// 1 / (1 + e^-x) with e^-x = p (1 + t), p = 2^n: the sum 1 + p + p t rounds once in effect (1 + p is exact but for
// what `lost` keeps), where e^x / (1 + e^x) would round twice more. Both sides of the fraction are scaled where p is
// large, so that denormal results come out of the division. Above 40 the result is 1.
template <class V>
inline V v_sigmoid(V x) {
  using R = Real<V>;
  const Exp<V> e = exp_parts(v_least(-R::kExpLow, v_greatest(typename R::T(-40), -x)));
  const MaskOf<V> shift = (e.n > R::kSigmoidShift) & R::kSigmoidShift;
  const V one = v_exp2i<V>(-shift);
  const V p = v_exp2i<V>(e.n - shift);
  const MaskOf<V> above = p > one;
  const V sum = one + p;
  const V lost = v_select(above, one, p) - (sum - v_select(above, p, one));
  return one / (sum + v_fma(p, e.t, lost));
}

// ---- ln x -----------------------------------------------------------------------------------------------------

// e ln 2 + ln(1 + f).
template <class V>
inline V log_of_parts(typename Real<V>::Split x) {
  using R = Real<V>;
  return v_fma(x.e, v_set(R::kLn2High), x.f + v_fma(x.e, v_set(R::kLn2Low), R::log1p_rest(x.f)));
}

// y, but the limits at the ends of log's domain: `base` is its argument.
template <class V>
inline V log_edges(V y, V base) {
  using R = Real<V>;
  const V edge = v_select(base == 0, v_set(-R::kInfinity), v_set(R::kNaN));
  return v_select(base == R::kInfinity, v_set(R::kInfinity), v_select(base > 0, y, edge));
}

template <class V>
inline V v_log(V x) {
  return log_edges(log_of_parts<V>(Real<V>::split(x)), x);
}

template <class V>
inline V v_log1p(V x) {
  const V y = log_edges(log_of_parts<V>(Real<V>::split1p(x)), x + 1);
  return v_select(x == 0, x, y);
}

// ln(1 + e^x) = max(x, 0) + ln(1 + u), u = e^-|x| in [0, 1]. Above 1/2, 1 + u is halved: f is exact either way.
template <class V>
inline V v_softplus(V x) {
  using R = Real<V>;
  using T = typename R::T;
  const V u = exp_below(v_minus_magnitude(x));
  const MaskOf<V> half = u > T(0.5);
  const V zero = {};
  const V f = v_select(half, u * T(0.5) - T(0.5), u);
  const V rest = R::log1p_rest(f) + v_select(half, v_set(R::kLn2Low), zero);
  const V l = v_select(half, v_set(R::kLn2High), zero) + (f + rest);
  return v_select(x > 0, x, zero) + l;
}

// ---- The normal distribution: erf, gelu -------------------------------------------------------------------------

// e^(a^2 / 2) Phi(-a) as (t + low) p: t p(t - 1/2) with t = c / (c + a), a >= 0. What rounding loses of the sum and of
// the quotient is kept as `low`: p's slope would treble it.
template <class V>
struct Tail {
  V t, low, p;
};
template <class V>
inline Tail<V> scaled_tail(V a) {
  using R = Real<V>;
  using T = typename R::T;
  const V sum = a + R::kTailScale, lost = a - (sum - R::kTailScale);
  const V t = R::kTailScale / sum;
  const V low = v_fma(-t, lost, v_sub_product(v_set(R::kTailScale), t, sum)) * (t * (1 / R::kTailScale));
  return {t, low, R::tail_poly((t - T(0.5)) + low)};
}

// Near 0 x + x p(x^2); else 1 - 2 Phi(-a sqrt(2)), a = |x|.
template <class V>
inline V v_erf(V x) {
  using R = Real<V>;
  const V a = v_least(R::kErfHigh, v_magnitude(x));
  const V z = a * a;
  const V near = v_fma(a, R::erf_poly(z), a);
  const Exp<V> e = exp_parts(-z);
  const Tail<V> tail = scaled_tail(a * R::kSqrt2);
  const V far = 1 - tail.t * v_fma(tail.p, e.t, tail.p) * v_exp2i<V>(e.n + 1);
  return v_signed(v_select(a < R::kErfNear, near, far), x);
}

// e^(-a^2 / 2) as 2^n (1 + t). The square is kept exact, in two parts: an error in it would be one of the result, times
// the square.
template <class V>
inline Exp<V> exp_of_minus_half_square(V a) {
  using R = Real<V>;
  using T = typename R::T;
  using U = typename R::U;
  const V high = v_bits<V>((v_bits<U>(a) >> R::kSplitBits) << R::kSplitBits);
  return exp_parts(high * high * T(-0.5), (high - a) * (high + a) * T(0.5));
}

// x Phi(x): -a Phi(-a) for x < 0, x - a Phi(-a) above, a = |x|.
template <class V>
inline V v_gelu(V x) {
  using R = Real<V>;
  const V a = v_least(R::kGeluHigh, v_magnitude(x));
  const Exp<V> e = exp_of_minus_half_square(a);
  const Tail<V> tail = scaled_tail(a);
  const V p = v_fma(tail.p, e.t, tail.p);
  const V at = a * tail.t, at_low = v_fma(a, tail.low, v_product_error(a, tail.t, at));
  const V below = v_scale(v_fma(at, p, at_low * p), e.n);
  return v_select(x < 0, -below, x - below);
}

// gelu'(x) = Phi(x) + x phi(x): q = e^(-a^2 / 2) (tail(a) - a / sqrt(2 pi)) for x < 0, 1 - q above.
template <class V>
inline V v_gelu_slope(V x) {
  using R = Real<V>;
  const V a = v_least(R::kGeluHigh, v_magnitude(x));
  const Exp<V> e = exp_of_minus_half_square(a);
  const Tail<V> tail = scaled_tail(a);
  const V m = v_fma(tail.t + tail.low, tail.p, a * -R::kPdf0);
  const V q = v_scale(v_fma(m, e.t, m), e.n);
  return v_select(x > 0, 1 - q, q);
}

// ---- sin, cos ---------------------------------------------------------------------------------------------------

// sin(x + shift pi / 2) with the sign bit `sign` added: |x| = n pi / 2 + r with |r| <= pi / 4, pi / 2 in three parts.
// The differences are exact where they cancel.
template <class V>
inline V sin_shifted(V a, MaskOf<V> sign, int shift) {
  using R = Real<V>;
  using I = MaskOf<V>;
  const V round = v_set(R::kRound);
  const V shifted = v_fma(a, v_set(R::kTwoOverPi), round);
  const V n = shifted - round;
  V r = v_sub_product(a, n, v_set(R::kPiHalf[0]));
  r = v_sub_product(r, n, v_set(R::kPiHalf[1]));
  r = v_sub_product(r, n, v_set(R::kPiHalf[2]));
  const I quadrant = v_bits<I>(shifted) + shift;
  const V z = r * r;
  const V sine = v_fma(r * z, R::sin_poly(z), r);
  const V cosine = v_fma(z, v_fma(z, R::cos_poly(z), v_set(typename R::T(-0.5))), v_set(typename R::T(1)));
  const V y = v_select((quadrant & 1) != 0, cosine, sine);
  constexpr int kSignBit = 8 * sizeof(typename R::T) - 1;
  return v_bits<V>(v_bits<I>(y) ^ sign ^ ((quadrant & 2) << (kSignBit - 1)));
}

// Lanes beyond, infinite ones included, go to the scalar library: pi / 2 would need more parts.
constexpr float kTrigHigh = 1e5f;

template <class V>
inline V v_sin(V x) {
  using R = Real<V>;
  const V a = v_magnitude(x);
  V y = sin_shifted(a, v_sign_bit(x), 0);
  const MaskOf<V> far = a > typename R::T(kTrigHigh);
  if (__builtin_expect(v_any(far), 0)) {
    for (int i = 0; i < kLanes<typename R::T>; ++i)
      if (far[i]) y[i] = R::sin_scalar(x[i]);
  }
  return y;
}

template <class V>
inline V v_cos(V x) {
  using R = Real<V>;
  const V a = v_magnitude(x);
  V y = sin_shifted(a, MaskOf<V>{}, 1);
  const MaskOf<V> far = a > typename R::T(kTrigHigh);
  if (__builtin_expect(v_any(far), 0)) {
    for (int i = 0; i < kLanes<typename R::T>; ++i)
      if (far[i]) y[i] = R::cos_scalar(x[i]);
  }
  return y;
}

// ---- x^y --------------------------------------------------------------------------------------------------------

// e^(y ln x) for x >= 0, the exponent kept as a sum of two. x or y may be NaN or infinite, but not x = 1 with y
// infinite.
inline Vec<double> pow_of_magnitude(Vec<double> x, Vec<double> y) {
  using R = Real<Vec<double>>;
  const Double2 l = log_twice(x);
  Vec<double> log_x = v_select(x == 0, v_set(-R::kInfinity), l.high);
  log_x = v_select(x < R::kInfinity, log_x, x);
  const Vec<double> z = y * log_x;
  const Vec<double> low = v_fma(y, l.low, v_product_error(y, log_x, z));
  const Vec<double> within = v_least(R::kExpHigh, v_greatest(R::kExpLow, z));
  const Exp<Vec<double>> e = exp_parts(within, v_select(z == within, low, Vec<double>{}));
  return v_scale(e.t + 1, e.n);
}

// Whether |y| is an integer; infinity is one (and even).
template <class V>
inline MaskOf<V> is_integer(V magnitude) {
  const V big = v_set(Real<V>::kInteger);
  return (magnitude >= big) | ((magnitude + big) - big == magnitude);
}

// As C's pow: x^0 = 1^y = 1 for any other operand, NaN included; a negative x needs an integer y.
template <class V>
inline V power_of_floats(V x, V y) {
  using R = Real<V>;
  using T = typename R::T;
  const V a = v_magnitude(x), b = v_magnitude(y);
  const V power = v_select((a == 1) | (b == 0), v_set(T(1)), pow_of_magnitude(a, y));
  const MaskOf<V> integer = is_integer(b), odd = integer & ~is_integer(b * T(0.5));
  const V y_signed = v_bits<V>(v_bits<MaskOf<V>>(power) ^ (odd & v_sign_bit(x)));
  const V y_or_nan = v_select((x < 0) & ~integer & (a < R::kInfinity), v_set(R::kNaN), y_signed);
  return v_select((x == 1) | (b == 0), v_set(T(1)), y_or_nan);
}

// Integers by squaring, wrapping around; to a negative power 1 / x^|y| rounded towards 0 (0 for x = 0).
template <class V>
inline V power_of_integers(V x, V y) {
  const V one = V{} + 1;
  V power = one, square = x, rest = v_select(y < 0, V{}, y);
  while (v_any(rest != 0)) {
    power = v_select((rest & 1) != 0, power * square, power);
    square *= square;
    rest >>= 1;
  }
  const V unit = v_select(x == 1, one, v_select(x == -1, v_select((y & 1) != 0, -one, one), V{}));
  return v_select(y < 0, unit, power);
}

inline Vec<float> v_pow(Vec<float> x, Vec<float> y) { return power_of_floats(x, y); }
inline Vec<double> v_pow(Vec<double> x, Vec<double> y) { return power_of_floats(x, y); }
inline Vec<int32_t> v_pow(Vec<int32_t> x, Vec<int32_t> y) { return power_of_integers(x, y); }
inline Vec<int64_t> v_pow(Vec<int64_t> x, Vec<int64_t> y) { return power_of_integers(x, y); }

}  // namespace
}  // namespace bs::kernels::BS_ISA
