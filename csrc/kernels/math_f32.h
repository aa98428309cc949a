// float32's constants, polynomials and pow, for math.h.
#pragma once

#include "kernels/math_base.h"

namespace bs::kernels::BS_ISA {
namespace {

template <>
struct Real<Vec<float>> {
  using T = float;
  using V = Vec<float>;
  using I = Vec<int32_t>;
  using U = Vec<uint32_t>;
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr T kInfinity = __builtin_inff(), kNaN = __builtin_nanf("");
  static constexpr T kInteger = 0x1p+23f;     // from here on every number is an integer
  static constexpr T kSplitHigh = 0x1p+114f;  // below it v_product_error can split
  static constexpr T kRound = 0x1.8p+23f;     // adding it rounds to an integer, which then stands in the low bits
  static constexpr T kLeast = 0x1p-126f;      // below: denormal
  static constexpr T kExpLow = -104, kExpHigh = 89;  // e^x is 0 below, overflows above (with 2^n within 2^128)
  static constexpr T kTanhHigh = 10;                 // tanh rounds to 1
  static constexpr T kErfNear = 0.8f;                // erf_poly holds below
  static constexpr T kErfHigh = 4.5f;                // erf rounds to 1
  static constexpr T kGeluHigh = 15;                 // gelu(-x) and its derivative round to 0
  static constexpr int kSigmoidShift = 64;
  static constexpr int kSplitBits = 12;  // a number less so many of its low bits has an exact square

  static constexpr T kLog2e = 0x1.715476p+0f;
  static constexpr T kLn2Hi = 0x1.63p-1f;  // 9 bits: n kLn2Hi is exact, without fma too
  static constexpr T kLn2Lo = -0x1.bd0106p-13f;
  static constexpr T kLn2High = 0x1.62ep-1f;  // 13 bits: times an exponent it is exact, without fma too
  static constexpr T kLn2Low = 0x1.0bfbe8p-15f;
  static constexpr T kTwoOverPi = 0x1.45f306p-1f;
  static constexpr T kPiHalf[] = {0x1.921fb6p+0f, -0x1.777a5cp-25f, -0x1.ee59dap-50f};
  static constexpr T kSqrt2 = 0x1.6a09e6p+0f, kPdf0 = 0x1.988454p-2f;  // kPdf0 = 1 / sqrt(2 pi)

  // e^r - 1 for |r| <= ln(2) / 2; its polynomial (e^r - 1 - r) / r^2 has the error 2^-28.
  static V expm1_small(V r) {
    return v_fma(r * r, v_poly(r, 0x1.fffffcp-2f, 0x1.555490p-3f, 0x1.5558f8p-5f, 0x1.123b02p-7f, 0x1.6a2250p-10f), r);
  }

  // ln(1 + f) - f for f in [-1/4, 1/2], error 2^-27.6 of ln(1 + f). Estrin's grouping: half the latency of Horner's.
  static V log1p_rest(V f) {
    const V f2 = f * f;
    const V a = v_fma(f, v_set(0x1.5555a4p-2f), v_set(-0.5f));
    const V b = v_fma(f, v_set(0x1.9969b0p-3f), v_set(-0x1.000040p-2f));
    const V c = v_fma(f, v_set(0x1.28847ap-3f), v_set(-0x1.54efdcp-3f));
    const V d = v_fma(f, v_set(0x1.ac90c2p-4f), v_set(-0x1.0d8a8ap-3f));
    const V high = v_fma(f2, v_fma(f2, v_set(-0x1.7140d8p-5f), d), c);
    return f2 * v_fma(f2 * f2, high, v_fma(f2, b, a));
  }

  // z = r^2, |r| <= pi/4: (sin r / r - 1) / z, error 2^-27.9 of sin r, and (cos r - 1) / z + 1/2, both over z as far
  // as it goes: 2^-33 of cos r.
  static V sin_poly(V z) { return v_poly(z, -0x1.555546p-3f, 0x1.110778p-7f, -0x1.9953fep-13f); }
  static V cos_poly(V z) { return v_poly(z, 0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e7e2p-16f); }

  // erf(x) / x - 1 for z = x^2, |x| <= 0.8: error 2^-28.1 of erf(x).
  static V erf_poly(V z) {
    return v_poly(z, 0x1.06eba8p-3f, -0x1.812732p-2f, 0x1.ce2898p-4f, -0x1.b776a6p-6f, 0x1.4d7368p-8f,
                  -0x1.577dbap-11f);
  }

  // (tanh(x) / x - 1) / z for z = x^2, |x| <= 0.55: error 2^-29.7 of tanh(x).
  static V tanh_poly(V z) {
    return v_poly(z, -0x1.55554ap-2f, 0x1.110ceep-3f, -0x1.b91e6ap-5f, 0x1.58e3bap-6f, -0x1.991604p-8f);
  }

  // e^(a^2 / 2) Phi(-a) for 0 <= a <= 15, as t p(t - 1/2) with t = c / (c + a): error 2^-26. c is near 4, such that the
  // first coefficients round well.
  static constexpr T kTailScale = 4.15625f;
  static V tail_poly(V u) {
    return v_fma(v_poly(u, 0x1.30faeap-2f, 0x1.9104d2p-2f, 0x1.99cc32p-2f, 0x1.2aac66p-2f, 0x1.cc0a0ap-4f,
                        -0x1.02a93ep-5f, -0x1.013b4cp-4f, -0x1.12041ep-7f, 0x1.9c2054p-6f),
                 u, v_set(0x1.75852ep-3f));
  }

  static T sin_scalar(T x) { return __builtin_sinf(x); }
  static T cos_scalar(T x) { return __builtin_cosf(x); }
  static T fmod_scalar(T x, T y) { return __builtin_fmodf(x, y); }

  // Where x = 2^e m with m in [3/4, 3/2): e, and m - 1.
  struct Split {
    V e, f;
  };
  static Split split(V x) {
    const Mask<T> tiny = x < kLeast;  // denormal: scaled first
    const I bits = v_bits<I>(v_select(tiny, x * 0x1p+23f, x));
    const I e = (bits - 0x3f400000) >> 23;  // 0x3f400000: 3/4
    const V f = v_bits<V>(bits - (e << 23)) - 1.0f;
    return {__builtin_convertvector(e, V) - v_select(tiny, v_set(23.0f), V{}), f};
  }
  // The same of u = 1 + x before it was rounded.
  static Split split1p(V x) {
    const V u = x + 1.0f;
    const I bits = v_bits<I>(u);
    const I e = (bits - 0x3f400000) >> 23;
    const V scale = v_bits<V>(0x3f800000 - (e << 23));  // 2^-e, exact
    const V near = v_fma(x, scale, scale - 1.0f), far = v_bits<V>(bits - (e << 23)) - 1.0f;
    return {__builtin_convertvector(e, V), v_select(x > 0x1p+30f, far, near)};
  }
};

// ---- |x|^y through float64: y log2 |x| must be right to 2^-27 where it is near 150 ----------------------------

// 2^(y log2 x) for x >= 0.
inline Vec<double> pow_in_double(Vec<double> x, Vec<double> y) {
  using U = Vec<uint64_t>;
  constexpr uint64_t kSqrtHalf = 0x3fe6a09e00000000, kFraction = (uint64_t(1) << 52) - 1;
  // x = 2^e m, m in [sqrt(1/2), sqrt(2)). The exponent leaves the low bits of a number near 2^52, 1024 too large.
  const U shifted = v_bits<U>(x) - kSqrtHalf + (uint64_t(1) << 62);
  const Vec<double> e = v_bits<Vec<double>>((shifted >> 52) | v_bits<U>(v_set(0x1p+52))) - (0x1p+52 + 1024);
  const Vec<double> f = v_bits<Vec<double>>((shifted & kFraction) + kSqrtHalf) - 1.0;
  // log2(1 + f) / f, error 2^-38.5.
  Vec<double> l = v_poly(f, 0x1.71547652b58f6p+0, -0x1.71547651b7132p-1, 0x1.ec709de33ce7ep-2, -0x1.715478882eec5p-2,
                         0x1.2776b6ccd881bp-2, -0x1.ec6f2e050c5e1p-3, 0x1.a61b7dd6599afp-3, -0x1.7188d2d6ed4c7p-3,
                         0x1.481fac9ca3533p-3, -0x1.23d651826c45dp-3, 0x1.0acdf03907bb4p-3, -0x1.13b88da9ebb9cp-3,
                         0x1.0f628b74cef48p-3, -0x1.1da6f2a34567bp-4);
  l = v_fma(f, l, e);
  l = v_select(x == 0.0, v_set(-__builtin_inf()), l);
  l = v_select(x < __builtin_inf(), l, x);  // infinity and NaN
  const Vec<double> z = v_least(200.0, v_greatest(-200.0, y * l));
  const Vec<double> round = v_set(0x1.8p+52);
  const Vec<double> n = z + round;
  // 2^w, |w| <= 1/2: error 2^-29. Rounding to float32 does the rest, denormal and too large results included.
  const Vec<double> p =
      v_poly(z - (n - round), 0x1.000000026258bp+0, 0x1.62e430c82a7b9p-1, 0x1.ebfbdadb0b7a8p-3, 0x1.c6aed46081d9fp-5,
             0x1.3b2dbc6eb6fc2p-7, 0x1.5f45979ece735p-10, 0x1.41d308da24d5fp-13);
  return p * v_bits<Vec<double>>((v_bits<U>(n) + 1023) << 52);
}

inline Vec<float> pow_of_magnitude(Vec<float> x, Vec<float> y) {
  return v_narrow(pow_in_double(v_widen_low(x), v_widen_low(y)), pow_in_double(v_widen_high(x), v_widen_high(y)));
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
