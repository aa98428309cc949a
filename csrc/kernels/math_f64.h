// float64's constants, polynomials and pow, for math.h. No arithmetic shift of 64-bit lanes and no conversion between
// them and doubles: v2 and v3 have neither.
#pragma once

#include "kernels/math_base.h"

namespace bs::kernels::BS_ISA {
namespace {

template <>
struct Real<Vec<double>> {
  using T = double;
  using V = Vec<double>;
  using I = Vec<int64_t>;
  using U = Vec<uint64_t>;
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr T kInfinity = __builtin_inf(), kNaN = __builtin_nan("");
  static constexpr T kInteger = 0x1p+52;
  static constexpr T kSplitHigh = 0x1p+995;
  static constexpr T kRound = 0x1.8p+52;
  static constexpr T kLeast = 0x1p-1022;
  static constexpr T kExpLow = -746, kExpHigh = 710;
  static constexpr T kTanhHigh = 20;
  static constexpr T kErfNear = 1;
  static constexpr T kErfHigh = 6;
  static constexpr T kGeluHigh = 39;
  static constexpr int kSigmoidShift = 512;
  static constexpr int kSplitBits = 27;

  static constexpr T kLog2e = 0x1.71547652b82fep+0;
  static constexpr T kLn2Hi = 0x1.62e42fefa38p-1;  // 42 bits: n kLn2Hi is exact
  static constexpr T kLn2Lo = 0x1.ef35793c7673p-45;
  static constexpr T kLn2High = kLn2Hi, kLn2Low = kLn2Lo;
  static constexpr T kTwoOverPi = 0x1.45f306dc9c883p-1;
  static constexpr T kPiHalf[] = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110};
  static constexpr T kSqrt2 = 0x1.6a09e667f3bcdp+0, kPdf0 = 0x1.9884533d43651p-2;

  // e^r - 1 for |r| <= ln(2) / 2; its polynomial (e^r - 1 - r) / r^2 has the error 2^-60.
  static V expm1_small(V r) {
    return v_fma(r * r,
                 v_poly(r, 0.5, 0x1.5555555555559p-3, 0x1.555555555553fp-5, 0x1.111111110f6dap-7, 0x1.6c16c16c1f07cp-10,
                        0x1.a01a01afd3e65p-13, 0x1.a01a017bc56e2p-16, 0x1.71ddf87ea997ep-19, 0x1.27e5362e0bc67p-22,
                        0x1.af5e7527a9383p-26, 0x1.1ee88588b4f87p-29),
                 r);
  }

  // ln(1 + f) - f for f in [-1/4, 1/2]. With s = f / (2 + f), ln(1 + f) = 2 atanh(s) = 2 s + s z p(z), z = s^2; and
  // f - 2 s = s f. Error of p: 2^-62.4 of the whole.
  static V log1p_rest(V f) {
    const V s = f / (f + 2.0), half_square = f * f * 0.5, z = s * s;
    const V p = v_poly(z, 0x1.555555555554fp-1, 0x1.999999999c175p-2, 0x1.24924921e4c5bp-2, 0x1.c71c748f2c49bp-3,
                       0x1.745c4b03b7963p-3, 0x1.3b35bb6ea99e3p-3, 0x1.0dcbed845ab31p-3, 0x1.1b7f74785f8eep-3);
    return v_fma(s, v_fma(z, p, half_square), -half_square);
  }

  static V sin_poly(V z) {  // error 2^-57.9
    return v_poly(z, -0x1.5555555555548p-3, 0x1.111111110f731p-7, -0x1.a01a019be97f3p-13, 0x1.71de3555c8f1bp-19,
                  -0x1.ae5e4c3fc31cap-26, 0x1.5d8b9df76b454p-33);
  }
  static V cos_poly(V z) {  // error 2^-63.9
    return v_poly(z, 0x1.555555555554bp-5, -0x1.6c16c16c15014p-10, 0x1.a01a019c8ef15p-16, -0x1.27e4f7f159e4dp-22,
                  0x1.1ee9db9eaaab4p-29, -0x1.8fa666aa68eccp-37);
  }

  static V erf_poly(V z) {  // |x| <= 1: error 2^-56.0
    return v_poly(z, 0x1.06eba8214db68p-3, -0x1.812746b03799dp-2, 0x1.ce2f21a03f8b8p-4, -0x1.b82ce311a95ebp-6,
                  0x1.565bcceed1da3p-8, -0x1.c02daeb50a358p-11, 0x1.f9a2967375509p-14, -0x1.f4c82a09f3e1p-17,
                  0x1.b96b1bfa938d7p-20, -0x1.5b8ac258100ffp-23, 0x1.d3d0851d2bc48p-27, -0x1.a21227b659567p-31);
  }

  static V tanh_poly(V z) {  // |x| <= 0.55: error 2^-60.2
    return v_poly(z, -0x1.555555555554fp-2, 0x1.111111111079p-3, -0x1.ba1ba1b97cbbfp-5, 0x1.664f48594559fp-6,
                  -0x1.226e2f0f56a76p-7, 0x1.d6d29ad8a0b0ep-9, -0x1.7d8fcafab72dep-10, 0x1.34836dc2d4433p-11,
                  -0x1.e96d70cc9d755p-13, 0x1.5d6e4716704f6p-14, -0x1.47034e8cd2d11p-16);
  }

  // e^(a^2 / 2) Phi(-a) for 0 <= a <= 39, as t p(t - 1/2) with t = c / (c + a): error 2^-55.4. c is near 5, such that
  // the first coefficients round well.
  static constexpr T kTailScale = 4.96875;
  static V tail_poly(V u) {
    return v_fma(v_poly(u, 0x1.11adbb771be55p-2, 0x1.9602eb5164bfdp-2, 0x1.ff07e8385126p-2, 0x1.0a892def76621p-1,
                        0x1.b80947bdcaa25p-2, 0x1.0164e9517c31fp-2, 0x1.0a0f21f0ae4e9p-4, -0x1.7328206d18942p-5,
                        -0x1.b7e22e39a9ffbp-5, -0x1.132c9005822dfp-7, 0x1.5e963c48f44d7p-6, 0x1.88c09502decfap-7,
                        -0x1.fe1079ea61334p-8, -0x1.1385cf19a5a6ep-7, 0x1.a05d55e1fd264p-9, 0x1.60806630caef2p-8,
                        -0x1.d6ee068bdd99dp-10, -0x1.a97fb22ec4307p-9, 0x1.73c8d38149aa4p-10, 0x1.6e8a8f25ad8bcp-10,
                        -0x1.e0dfa5ab170abp-11),
                 u, v_set(0x1.3ce87db7d8991p-3));
  }

  static T sin_scalar(T x) { return __builtin_sin(x); }
  static T cos_scalar(T x) { return __builtin_cos(x); }
  static T fmod_scalar(T x, T y) { return __builtin_fmod(x, y); }

  static constexpr uint64_t kFraction = (uint64_t(1) << 52) - 1;
  // x = 2^e m with m in [least, 2 least), least given by its bits: e and m - 1. The exponent, 1024 too large to be
  // positive, is read as the low bits of a number near 2^52.
  struct Split {
    V e, f;
  };
  static Split split_above(V x, uint64_t least) {
    const U shifted = v_bits<U>(x) - least + (uint64_t(1) << 62);
    return {v_bits<V>((shifted >> 52) | v_bits<U>(v_set(0x1p+52))) - (0x1p+52 + 1024),
            v_bits<V>((shifted & kFraction) + least) - 1.0};
  }
  static constexpr uint64_t kThreeQuarters = 0x3fe8000000000000, kSqrtHalf = 0x3fe6a09e00000000;
  static Split split_scaled(V x, uint64_t least) {
    const Mask<T> tiny = x < kLeast;
    const Split s = split_above(v_select(tiny, x * 0x1p+54, x), least);
    return {s.e - v_select(tiny, v_set(54.0), V{}), s.f};
  }
  static Split split(V x) { return split_scaled(x, kThreeQuarters); }
  static Split split1p(V x) {
    const V u = x + 1.0;
    const Split s = split_above(u, kThreeQuarters);
    const U exponent = (v_bits<U>(u) - kThreeQuarters) & ~kFraction;
    const V scale = v_bits<V>(v_bits<U>(v_set(1.0)) - exponent);
    return {s.e, v_select(x > 0x1p+60, s.f, v_fma(x, scale, scale - 1.0))};
  }
};

// A sum of two numbers, the second below the last bit of the first.
struct Double2 {
  Vec<double> high, low;
};
// a + b for |a| >= |b| or a = 0.
inline Double2 v_sum(Vec<double> a, Vec<double> b) {
  const Vec<double> s = a + b;
  return {s, b - (s - a)};
}
inline Double2 v_product(Double2 a, Double2 b) {
  const Vec<double> p = a.high * b.high;
  return {p, v_product_error(a.high, b.high, p) + v_fma(a.high, b.low, a.low * b.high)};
}

// ln x for x > 0 to about 2^-66. With s = f / (2 + f): ln(1 + f) = 2 s + s z (2/3 + z p(z)), z = s^2, where what is
// not small is kept as sums of two.
inline Double2 log_twice(Vec<double> x) {
  using R = Real<Vec<double>>;
  const R::Split parts = R::split_scaled(x, R::kSqrtHalf);
  const Vec<double> f = parts.f;
  const Vec<double> d = f + 2.0, d_low = f - (d - 2.0), inverse = 1.0 / d;
  const Vec<double> s_high = f * inverse;
  const Vec<double> s_low = v_fma(-s_high, d_low, v_sub_product(f, s_high, d)) * inverse;
  const Double2 s = {s_high, s_low};
  const Double2 z = v_product(s, s);
  const Vec<double> p = v_poly(z.high, 0x1.9999999999b31p-2, 0x1.2492492457b4ap-2, 0x1.c71c722d9a3f9p-3,
                               0x1.745ce9cf90f87p-3, 0x1.3b1eeffc0b7f4p-3, 0x1.0f7f8539f7e55p-3, 0x1.0e469a33a7411p-3);
  Double2 c = v_sum(v_set(0x1.5555555555555p-1), z.high * p);
  c.low += 0x1.5555555555555p-55;
  const Double2 q = v_product(s, v_product(z, c));
  const Double2 m = v_sum(s.high * 2.0, q.high);
  const Double2 y = v_sum(parts.e * R::kLn2High, m.high);  // the product is exact
  return {y.high, y.low + (v_fma(parts.e, v_set(R::kLn2Low), v_fma(s.low, v_set(2.0), q.low)) + m.low)};
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
