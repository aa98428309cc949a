// Vector functions of rows that programs call seldom. Each is compiled once per type and called (kRare), since its
// text counts three times in what a build costs.
//
// Within 4 ulp, erfc within 5. Polynomials as in math.h.
#pragma once

#include "kernels/math.h"

namespace bs::kernels::BS_ISA {
namespace {

template <class V>
struct Rare;

template <>
struct Rare<Vec<float>> {
  using T = float;
  using V = Vec<float>;
  static constexpr T kLn2 = 0x1.62e43p-1f, kLog2e = 0x1.715476p+0f, kLog2eLow = 0x1.4ae0cp-26f;
  static constexpr T kLog10e = 0x1.bcb7b2p-2f, kLog10eLow = -0x1.5b235ep-27f;
  static constexpr T kLog10Of2 = 0x1.344p-2f, kLog10Of2Low = 0x1.3509f8p-18f;  // 13 bits: as kLn2High
  static constexpr T kTanPiEighth = 0x1.a8279ap-2f, kSqrtPiHalf = 0x1.c5bf8ap-1f;
  static constexpr T kLarge = 0x1p+125f, kSquareHigh = 0x1p+40f;
  static constexpr T kErfcHigh = 10.6f;  // erfc is 0

  // (atan(q) / q - 1) / z for z = q^2, q <= tan(pi / 8): error 2^-30.4 of atan(q).
  static V atan_poly(V z) {
    return v_poly(z, -0x1.55554ap-2f, 0x1.999194p-3f, -0x1.23b506p-3f, 0x1.b1ea7p-4f, -0x1.f1e422p-5f);
  }
};

template <>
struct Rare<Vec<double>> {
  using T = double;
  using V = Vec<double>;
  static constexpr T kLn2 = 0x1.62e42fefa39efp-1, kLog2e = 0x1.71547652b82fep+0, kLog2eLow = 0x1.777d0ffda0d24p-56;
  static constexpr T kLog10e = 0x1.bcb7b1526e50ep-2, kLog10eLow = 0x1.95355baaafad3p-57;
  static constexpr T kLog10Of2 = 0x1.34413509f78p-2, kLog10Of2Low = 0x1.fef311f12b358p-46;  // 42 bits
  static constexpr T kTanPiEighth = 0x1.a827999fcef32p-2, kSqrtPiHalf = 0x1.c5bf891b4ef6bp-1;
  static constexpr T kLarge = 0x1p+1021, kSquareHigh = 0x1p+60;
  static constexpr T kErfcHigh = 27.3;

  static V atan_poly(V z) {  // error 2^-59.4
    return v_poly(z, -0x1.555555555553dp-2, 0x1.99999999957b1p-3, -0x1.24924922a98f3p-3, 0x1.c71c70e4bf887p-4,
                  -0x1.745cf8ba32a01p-4, 0x1.3b1116ea07505p-4, -0x1.10eba0edaefe4p-4, 0x1.df0e0a80d0513p-5,
                  -0x1.9ccd5ef315761p-5, 0x1.37c8998f18ebbp-5, -0x1.254ee37147c3fp-6);
  }
};

#define BS_RARE      \
  template <class V> \
  __attribute__((noinline)) V

// ---- Powers and logarithms to other bases -----------------------------------------------------------------------

// 2^x = 2^n e^(r ln 2), |r| <= 1/2.
BS_RARE v_exp2(V x) {
  using R = Real<V>;
  const V within = v_least(typename R::T(R::kBias + 1), v_greatest(typename R::T(-R::kBias - R::kMantissa - 1), x));
  const V round = v_set(R::kRound), shifted = within + round;
  const V t = R::expm1_small((within - (shifted - round)) * v_set(Rare<V>::kLn2));
  return v_scale(t + 1, v_bits<MaskOf<V>>(shifted) - v_bits<MaskOf<V>>(round));
}

// ln(x) c = e (high + low) + ln(1 + f) c, where high + low = c ln 2 and e high is exact; the largest terms are summed
// with what rounding loses of them: powers of the base give whole numbers.
template <class V>
inline V log_to_base(V x, typename Real<V>::T c, typename Real<V>::T c_low, typename Real<V>::T high,
                     typename Real<V>::T low) {
  using R = Real<V>;
  const typename R::Split parts = R::split(x);
  const V f = parts.f, rest = R::log1p_rest(f);
  const V p = f * c, p_low = v_product_error(f, v_set(c), p) + f * c_low;
  const V whole = parts.e * high, sum = whole + p, lost = p - (sum - whole);
  return log_edges(sum + (lost + v_fma(rest, v_set(c), v_fma(parts.e, v_set(low), p_low))), x);
}
BS_RARE v_log2(V x) { return log_to_base(x, Rare<V>::kLog2e, Rare<V>::kLog2eLow, 1, 0); }
BS_RARE v_log10(V x) {
  return log_to_base(x, Rare<V>::kLog10e, Rare<V>::kLog10eLow, Rare<V>::kLog10Of2, Rare<V>::kLog10Of2Low);
}

// ---- Arcs -------------------------------------------------------------------------------------------------------

// The angle of the point (x, y), as C's atan2. Of q = lo / hi in [0, 1], sorted magnitudes, atan q = q + q z p(z), z =
// q^2, to tan(pi / 8); above pi / 4 + atan((lo - hi) / (lo + hi)).
BS_RARE v_atan2(V y, V x) {
  using R = Real<V>;
  using C = Rare<V>;
  using T = typename R::T;
  V a = v_magnitude(y), b = v_magnitude(x);
  const MaskOf<V> steep = a > b, endless = (a == R::kInfinity) & (b == R::kInfinity);
  a = v_select(endless, v_set(T(1)), a);
  b = v_select(endless, v_set(T(1)), b);
  // What the sum would overflow is scaled; lo = hi = 0 has the quotient 0.
  const V hi = v_select(steep, a, b), lo = v_select(steep, b, a);
  const V scale = v_select(hi > C::kLarge, v_set(T(0.25)), v_set(T(1)));
  const V h = v_select(hi == 0, v_set(T(1)), hi * scale), l = lo * scale;
  const MaskOf<V> upper = l > h * C::kTanPiEighth;
  const V q = v_select(upper, l - h, l) / v_select(upper, l + h, h);
  const V z = q * q, near = v_fma(q * z, C::atan_poly(z), q);
  V angle = v_select(upper, v_set(R::kPiHalf[0] / 2) + (near + R::kPiHalf[1] / 2), near);
  angle = v_select(steep, v_set(R::kPiHalf[0]) - (angle - R::kPiHalf[1]), angle);
  angle = v_select(v_sign_bit(x) != 0, v_set(2 * R::kPiHalf[0]) - (angle - 2 * R::kPiHalf[1]), angle);
  return v_select((x == x) & (y == y), v_signed(angle, y), x + y);
}

template <class V>
inline V v_atan(V x) {
  return v_atan2(x, v_set(typename Real<V>::T(1)));
}
// By the third side of the triangle; NaN beyond 1.
template <class V>
inline V arc_side(V x) {
  return v_sqrt(v_sub_product(v_set(typename Real<V>::T(1)), x, x));
}
template <class V>
inline V v_asin(V x) {
  return v_atan2(x, arc_side(x));
}
template <class V>
inline V v_acos(V x) {
  return v_atan2(arc_side(x), x);
}

// ---- Hyperbolic functions and their inverses --------------------------------------------------------------------

// e^a / 4 as p (1 + t): the numbers whose double is finite, and some beyond.
template <class V>
struct QuarterExp {
  V p, t;
};
template <class V>
inline QuarterExp<V> quarter_exp(V a) {
  const Exp<V> e = exp_parts(v_least(Real<V>::kExpHigh + typename Real<V>::T(0.6), a));
  return {v_exp2i<V>(e.n - 2), e.t};
}

// q + q / (2 q + 1), q = (e^a - 1) / 2, a = |x|.
BS_RARE v_sinh(V x) {
  using T = typename Real<V>::T;
  const QuarterExp<V> e = quarter_exp(v_magnitude(x));
  const V q = v_select(e.p == T(0.25), e.t * T(0.5), v_fma(e.p, e.t, e.p - T(0.25)) * 2);
  return v_signed(v_select(q == Real<V>::kInfinity, q, q + q / (q * 2 + 1)), x);
}
// h + 1 / (4 h), h = e^a / 2.
BS_RARE v_cosh(V x) {
  using T = typename Real<V>::T;
  const QuarterExp<V> e = quarter_exp(v_magnitude(x));
  const V h = v_fma(e.p, e.t, e.p) * 2;
  return h + T(0.25) / h;
}

BS_RARE log1p_called(V x) { return v_log1p(x); }

// ln(1 + u), and ln 2 more where u is half of what counts.
template <class V>
inline V arc_log(V u, MaskOf<V> half) {
  return log1p_called(u) + v_select(half, v_set(Rare<V>::kLn2), V{});
}
// sign(x) ln(1 + a + a^2 / (1 + sqrt(1 + a^2))), a = |x|; ln 2a where the square is beyond all.
BS_RARE v_asinh(V x) {
  using T = typename Real<V>::T;
  const V a = v_magnitude(x);
  const MaskOf<V> far = a > Rare<V>::kSquareHigh;
  const V root = v_sqrt(v_fma(a, a, v_set(T(1))));
  return v_signed(arc_log(v_select(far, a, v_fma(a, a / (root + 1), a)), far), x);
}
// ln(1 + t + sqrt(t (t + 2))), t = x - 1.
BS_RARE v_acosh(V x) {
  const V t = x - 1;
  const MaskOf<V> far = x > Rare<V>::kSquareHigh;
  const V y = arc_log(v_select(far, x, t + v_sqrt(t * (t + 2))), far);
  return v_select(x < 1, v_set(Real<V>::kNaN), y);
}
// ln(1 + 2 a / (1 - a)) / 2, a = |x|.
BS_RARE v_atanh(V x) {
  const V a = v_magnitude(x);
  const V y = log1p_called(a * 2 / (1 - a)) * typename Real<V>::T(0.5);
  return v_select(a > 1, v_set(Real<V>::kNaN), v_signed(y, x));
}

// ---- The error function's kin -----------------------------------------------------------------------------------

// 2 Phi(-a sqrt(2)) for x > 0, 2 less that below, a = |x|.
BS_RARE v_erfc(V x) {
  using R = Real<V>;
  using T = typename R::T;
  using U = typename R::U;
  const V a = v_least(Rare<V>::kErfcHigh, v_magnitude(x));
  // The square in two parts, as in exp_of_minus_half_square.
  const V high = v_bits<V>((v_bits<U>(a) >> R::kSplitBits) << R::kSplitBits);
  const Exp<V> e = exp_parts(high * high * T(-1), (high - a) * (high + a));
  const Tail<V> tail = scaled_tail(a * R::kSqrt2);
  const V p = tail.p * (tail.t + tail.low) * 2;
  const V y = v_scale(v_fma(p, e.t, p), e.n);
  return v_select(x < 0, 2 - y, v_select(x == x, y, x));
}

BS_RARE log_called(V x) { return v_log(x); }
BS_RARE exp_called(V x) { return v_exp(x); }

// Of w = -ln(1 - x^2) a polynomial to 2^-20, in sqrt(w) where w is large, as Giles has it (GPU Computing Gems 2, 2011);
// then a step of Halley's, of erf(y) = |x| where erf_poly holds, else of e^(y^2) erfc(y) = e^(y^2) (1 - |x|).
BS_RARE v_erfinv(V x) {
  using R = Real<V>;
  using T = typename R::T;
  const V a = v_magnitude(x), rest = 1 - a;
  const V w = -log_called(rest * (a + 1));
  const V near = v_poly(w - T(2.5), T(0x1.805c5ep+0), T(0x1.f91ec6p-3), T(-0x1.11ca4ep-8), T(-0x1.48a6e4p-10),
                        T(0x1.ca7124p-13), T(-0x1.270fd6p-18), T(-0x1.d9a272p-19), T(0x1.71129p-22), T(0x1.ea372p-26));
  const V far = v_poly(v_sqrt(w) - T(4), T(0x1.eb7e0cp+1), T(0x1.026ec6p+0), T(0x1.492c2ap-10), T(-0x1.e1fcccp-11),
                       T(0x1.5ce4dap-12), T(-0x1.761c0ap-15), T(0x1.3a2e18p-15), T(-0x1.3765fap-14), T(0x1.10b06ep-15),
                       T(-0x1.e2b978p-22), T(-0x1.7591f4p-20));
  const V y = a * v_select(w < 5, near, far);
  const V z = y * y, e = exp_called(z);
  const Tail<V> tail = scaled_tail(y * R::kSqrt2);
  const V off =
      v_select(a < T(0.7), (v_fma(y, R::erf_poly(z), y) - a) * e, v_fma(rest, e, tail.p * (tail.t + tail.low) * -2));
  const V u = off * Rare<V>::kSqrtPiHalf;
  const V made = y - u / v_fma(y, u, v_set(T(1)));
  const V edge = v_select(a == 1, v_set(R::kInfinity), v_set(R::kNaN));
  return v_signed(v_select(a < 1, made, edge), x);
}

// ---- Of two operands --------------------------------------------------------------------------------------------

// hi sqrt(1 + (lo / hi)^2), sorted magnitudes. Infinity before NaN, as in C.
BS_RARE v_hypot(V x, V y) {
  using R = Real<V>;
  using T = typename R::T;
  const V a = v_magnitude(x), b = v_magnitude(y);
  const V hi = v_select(a > b, a, b), lo = v_select(a > b, b, a);
  const V q = lo / v_select(hi == 0, v_set(T(1)), hi);
  const V made = v_select((a == a) & (b == b), hi * v_sqrt(v_fma(q, q, v_set(T(1)))), a + b);
  return v_select((a == R::kInfinity) | (b == R::kInfinity), v_set(R::kInfinity), made);
}

// x ln y, 0 for x = 0 unless y is NaN.
template <class V>
inline V v_xlogy(V x, V y) {
  return v_select((x == 0) & (y == y), V{}, x * log_called(y));
}

// From the nearer end, as PyTorch has it.
template <class V>
inline V v_lerp(V x, V y, V w) {
  const V d = y - x;
  return v_select(v_magnitude(w) < typename Real<V>::T(0.5), x + w * d, y - d * (1 - w));
}

#undef BS_RARE

// ---- Shifts -----------------------------------------------------------------------------------------------------

// By as many bits as there are, or by negative ones, nothing is left; to the right the sign.
template <class V>
inline V v_shift_left(V x, V y) {
  constexpr int bits = 8 * sizeof(x[0]);
  const MaskOf<V> out = (y < 0) | (y >= bits);
  return v_select(out, V{}, x << v_select(out, V{}, y));
}
template <class V>
inline V v_shift_right(V x, V y) {
  constexpr int bits = 8 * sizeof(x[0]);
  return x >> v_select((y < 0) | (y >= bits), V{} + (bits - 1), y);
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
