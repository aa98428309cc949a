// Vector functions for the rows of elementwise.def and for kernels that need them (softmax, norms).
//
// float32: branch-free and within 2 ulp for every input, denormal inputs and results included; right at +-0, +-inf,
// NaN and the overflow thresholds. One sequence of operations for all instruction sets, so those with fma agree to the
// bit. Largest errors in ulp over all 2^32 inputs, against libm in double (v2, which has no fma / the others):
//   exp 0.99 / 1.02, log 1.18 / 1.16, sigmoid 1.71 / 1.70, softplus 1.72 / 1.72
// float64: libm, lane by lane (its exp, log and log1p are within 1 ulp); sigmoid and softplus are formed from them
// (1.89 and 1.55 ulp over 24 million inputs, against long double).
//
// Polynomials: minimax by Remez's exchange on the intervals stated, computed for this file (error stated relative to
// the function); the reductions are Cody & Waite's (Software Manual for the Elementary Functions, 1980).
#pragma once

#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

// Bits of a vector as another vector type of the same size.
template <class To, class From>
inline To v_bits(From v) {
  return (To)v;
}

// a where m, else b. (simd.h's v_select<T> cannot deduce T from vectors.)
template <class V>
inline V v_select(decltype(V{} == V{}) m, V a, V b) {
  return m ? a : b;
}

// 1 where m, else 0.
template <class T>
inline Vec<T> v_one_if(Mask<T> m) {
  return v_select(m, v_set(T(1)), Vec<T>{});
}

// NaN if either is NaN.
template <class V>
inline V v_max(V x, V y) {
  return v_select((x > y) | (x != x), x, y);
}

// max(x, 0); NaN stays NaN, -0 stays -0.
template <class V>
inline V v_relu(V x) {
  return v_select(V{} > x, V{}, x);
}

// -|x|: sets the sign bit.
inline Vec<float> minus_abs(Vec<float> x) { return v_bits<Vec<float>>(v_bits<Vec<int32_t>>(x) | INT32_MIN); }
inline Vec<double> minus_abs(Vec<double> x) { return v_bits<Vec<double>>(v_bits<Vec<int64_t>>(x) | INT64_MIN); }

// ---- float32 -------------------------------------------------------------------------------------------------

// x = n ln 2 + r with |r| <= ln(2) / 2: e^x = 2^n e^r. For |x| < 2^20; a NaN passes.
struct Exp {
  Vec<int32_t> n;
  Vec<float> t;  // e^r - 1
};

inline Exp exp_parts(Vec<float> x) {
  constexpr float kLog2e = 0x1.715476p+0f;
  constexpr float kLn2Hi = 0x1.63p-1f;  // 9 bits: n kLn2Hi is exact, without fma too
  constexpr float kLn2Lo = -0x1.bd0106p-13f;
  const Vec<float> round = v_set(0x1.8p+23f);  // adding it rounds to an integer, which then stands in the low bits
  const Vec<float> shifted = v_fma(x, v_set(kLog2e), round);
  const Vec<float> n = shifted - round;
  Vec<float> r = v_fma(n, v_set(-kLn2Hi), x);
  r = v_fma(n, v_set(-kLn2Lo), r);
  // (e^r - 1 - r) / r^2, error 2^-28.
  Vec<float> q = v_set(0x1.6a2250p-10f);
  q = v_fma(q, r, v_set(0x1.123b02p-7f));
  q = v_fma(q, r, v_set(0x1.5558f8p-5f));
  q = v_fma(q, r, v_set(0x1.555490p-3f));
  q = v_fma(q, r, v_set(0x1.fffffcp-2f));
  return {v_bits<Vec<int32_t>>(shifted) - v_bits<Vec<int32_t>>(round), v_fma(r * r, q, r)};
}

// 2^k, -126 <= k <= 127 (128: infinity).
inline Vec<float> v_exp2i(Vec<int32_t> k) { return v_bits<Vec<float>>((k + 127) << 23); }

// e^x for x <= 89; below -104 it is 0.
inline Vec<float> exp_below(Vec<float> x) {
  const Vec<float> low = v_set(-104.0f);
  const Exp e = exp_parts(v_select(low > x, low, x));
  // 2^n in two factors, n from -150 to 128: the first product is exact, the second rounds once if it is denormal.
  const Vec<int32_t> half = e.n >> 1;
  return (e.t + 1.0f) * v_exp2i(half) * v_exp2i(e.n - half);
}

// ln(1 + f) - f for f in [-1/4, 1/2], error 2^-27.6 of ln(1 + f). Estrin's grouping: half the latency of Horner's.
inline Vec<float> log1p_rest(Vec<float> f) {
  const Vec<float> f2 = f * f;
  const Vec<float> a = v_fma(f, v_set(0x1.5555a4p-2f), v_set(-0.5f));
  const Vec<float> b = v_fma(f, v_set(0x1.9969b0p-3f), v_set(-0x1.000040p-2f));
  const Vec<float> c = v_fma(f, v_set(0x1.28847ap-3f), v_set(-0x1.54efdcp-3f));
  const Vec<float> d = v_fma(f, v_set(0x1.ac90c2p-4f), v_set(-0x1.0d8a8ap-3f));
  const Vec<float> high = v_fma(f2, v_fma(f2, v_set(-0x1.7140d8p-5f), d), c);
  return f2 * v_fma(f2 * f2, high, v_fma(f2, b, a));
}

constexpr float kLn2High = 0x1.62ep-1f;  // 13 bits: times an exponent it is exact, without fma too
constexpr float kLn2Low = 0x1.0bfbe8p-15f;

inline Vec<float> v_exp(Vec<float> x) {
  const Vec<float> high = v_set(89.0f);  // e^89 overflows, 2^n stays within 2^128
  return exp_below(v_select(high < x, high, x));
}

// x = 2^e m with m in [3/4, 3/2): ln x = e ln 2 + ln m.
inline Vec<float> v_log(Vec<float> x) {
  const Vec<float> inf = v_set(__builtin_inff());
  const Mask<float> tiny = x < 0x1p-126f;  // denormal: scaled first
  const Vec<int32_t> bits = v_bits<Vec<int32_t>>(v_select(tiny, x * 0x1p+23f, x));
  const Vec<int32_t> e = (bits - 0x3f400000) >> 23;  // 0x3f400000: 3/4
  const Vec<float> f = v_bits<Vec<float>>(bits - (e << 23)) - 1.0f;
  const Vec<float> exponent = __builtin_convertvector(e, Vec<float>) - v_select(tiny, v_set(23.0f), Vec<float>{});
  const Vec<float> rest = v_fma(exponent, v_set(kLn2Low), log1p_rest(f));
  const Vec<float> y = v_fma(exponent, v_set(kLn2High), f + rest);
  const Vec<float> edge = v_select(x == 0.0f, -inf, v_set(__builtin_nanf("")));
  return v_select(x == inf, inf, v_select(x > 0.0f, y, edge));
}

// 1 / (1 + e^-x) with e^-x = p (1 + t), p = 2^n: the sum 1 + p + p t rounds once in effect (1 + p is exact but for
// what `lost` keeps), where e^x / (1 + e^x) would round twice more. Both sides of the fraction are scaled where p is
// large, so that denormal results come out of the division. Above 40 the result is 1.
inline Vec<float> v_sigmoid(Vec<float> x) {
  const Vec<float> low = v_set(-40.0f), high = v_set(104.0f);
  const Vec<float> w = v_select(low > -x, low, -x);
  const Exp e = exp_parts(v_select(high < w, high, w));
  const Vec<int32_t> shift = (e.n > 64) & 64;
  const Vec<float> one = v_exp2i(-shift);
  const Vec<float> p = v_exp2i(e.n - shift);
  const Mask<float> above = p > one;
  const Vec<float> sum = one + p;
  const Vec<float> lost = v_select(above, one, p) - (sum - v_select(above, p, one));
  return one / (sum + v_fma(p, e.t, lost));
}

// ln(1 + e^x) = max(x, 0) + ln(1 + u), u = e^-|x| in [0, 1]. Above 1/2, 1 + u is halved: f is exact either way.
inline Vec<float> v_softplus(Vec<float> x) {
  const Vec<float> u = exp_below(minus_abs(x));
  const Mask<float> half = u > 0.5f;
  const Vec<float> zero = {};
  const Vec<float> f = v_select(half, u * 0.5f - 0.5f, u);
  const Vec<float> rest = log1p_rest(f) + v_select(half, v_set(kLn2Low), zero);
  const Vec<float> l = v_select(half, v_set(kLn2High), zero) + (f + rest);
  return v_select(x > 0.0f, x, zero) + l;
}

// ---- float64: libm per lane ----------------------------------------------------------------------------------

inline Vec<double> v_exp(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}

inline Vec<double> v_log(Vec<double> x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = __builtin_log(x[i]);
  return x;
}

// u / (1 + u) or 1 / (1 + u), u = e^-|x|, less what rounding 1 + u has lost.
inline Vec<double> v_sigmoid(Vec<double> x) {
  const Vec<double> u = v_exp(minus_abs(x));
  const Vec<double> sum = u + 1.0;
  const Vec<double> lost = u - (sum - 1.0);
  const Vec<double> y = v_select(x < 0.0, u, v_set(1.0)) / sum;
  return v_fma(-y, lost / sum, y);
}

inline Vec<double> v_softplus(Vec<double> x) {
  Vec<double> l = v_exp(minus_abs(x));
  for (int i = 0; i < kLanes<double>; ++i) l[i] = __builtin_log1p(l[i]);
  return v_select(x > 0.0, x, Vec<double>{}) + l;
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
