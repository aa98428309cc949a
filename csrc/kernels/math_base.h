// What the vector functions of math.h are built from: bits, selections, exact products, polynomials.
#pragma once

#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

// Bits of a vector as another vector type of the same size.
template <class To, class From>
inline To v_bits(From v) {
  return (To)v;
}

// The integers that hold a comparison of V's lanes.
template <class V>
using MaskOf = decltype(V{} == V{});

// a where m, else b. (simd.h's v_select<T> cannot deduce T from vectors.)
template <class V>
inline V v_select(MaskOf<V> m, V a, V b) {
  return m ? a : b;
}

template <class V>
constexpr bool kOfIntegers = false;
template <>
constexpr bool kOfIntegers<Vec<int32_t>> = true;
template <>
constexpr bool kOfIntegers<Vec<int64_t>> = true;

template <Rounding how, class V>
inline V v_whole(V x) {
  if constexpr (kOfIntegers<V>)
    return x;
  else
    return v_rounded<how>(x);
}
template <class V>
inline V v_floor(V x) {
  return v_whole<kDown>(x);
}
template <class V>
inline V v_ceil(V x) {
  return v_whole<kUp>(x);
}
template <class V>
inline V v_trunc(V x) {
  return v_whole<kToZero>(x);
}
template <class V>
inline V v_round(V x) {
  return v_whole<kToNearest>(x);
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

template <class V>
inline V v_min(V x, V y) {
  return v_select((x < y) | (x != x), x, y);
}

// max(x, 0); NaN stays NaN, -0 stays -0.
template <class V>
inline V v_relu(V x) {
  return v_select(V{} > x, V{}, x);
}

// The sign bits of a float vector, as integers.
template <class V>
inline MaskOf<V> v_sign_bit(V x) {
  return v_bits<MaskOf<V>>(x) & v_bits<MaskOf<V>>(-V{});
}
template <class V>
inline V v_magnitude(V x) {
  return v_bits<V>(v_bits<MaskOf<V>>(x) & ~v_bits<MaskOf<V>>(-V{}));
}

// |x|, +0 for -0. v_magnitude leaves integers as they are; the least one stays.
template <class V>
inline V v_abs(V x) {
  return v_max(v_magnitude(x), v_magnitude(-x));
}
template <class V>
inline V v_minus_magnitude(V x) {
  return v_bits<V>(v_bits<MaskOf<V>>(x) | v_bits<MaskOf<V>>(-V{}));
}
// y >= 0 with the sign of x; also where y already has it.
template <class V>
inline V v_signed(V y, V x) {
  return v_bits<V>(v_bits<MaskOf<V>>(y) | v_sign_bit(x));
}

// c[0] + x (c[1] + x (c[2] + ...)), from c[first] on in steps of `step`; x is then the variable's power.
template <class V, class T, int n>
inline __attribute__((always_inline)) V v_horner(V x, const T (&c)[n], int first, int step) {
  int k = first + (n - 1 - first) / step * step;
  V y = v_set(c[k]);
#pragma GCC unroll 16
  for (k -= step; k >= first; k -= step) y = v_fma(y, x, v_set(c[k]));
  return y;
}

// c0 + x (c1 + x (c2 + ...)). What c0 is added to is computed in two or four interleaved chains where it is long: one
// after the other the steps take four cycles each, longer than what else can be done meanwhile.
template <class T, class V, class... Rest>
inline __attribute__((always_inline)) V v_poly(V x, T c0, Rest... rest) {
  const T c[] = {rest...};
  constexpr int n = sizeof...(rest);
  V y;
  if constexpr (n < 6) {
    y = v_horner(x, c, 0, 1);
  } else if constexpr (n < 11) {
    const V x2 = x * x;
    y = v_fma(v_horner(x2, c, 1, 2), x, v_horner(x2, c, 0, 2));
  } else {
    const V x2 = x * x, x4 = x2 * x2;
    const V low = v_fma(v_horner(x4, c, 1, 4), x, v_horner(x4, c, 0, 4));
    y = v_fma(v_fma(v_horner(x4, c, 3, 4), x, v_horner(x4, c, 2, 4)), x2, low);
  }
  return v_fma(y, x, v_set(c0));
}

#if defined(__x86_64__) && !defined(__AVX2__)
// Without fma: Dekker's exact product (Numerische Mathematik 18, 1971), for products below the overflow threshold by
// the splitting factor. Exact unless it underflows.
inline Vec<float> v_split_factor(Vec<float>) { return v_set(0x1p+12f + 1); }
inline Vec<double> v_split_factor(Vec<double>) { return v_set(0x1p+27 + 1); }
template <class V>
inline V v_product_error(V a, V b, V p) {
  const V f = v_split_factor(a);
  const V a_high = a * f - (a * f - a), a_low = a - a_high;
  const V b_high = b * f - (b * f - b), b_low = b - b_high;
  return a_low * b_low - (((p - a_high * b_high) - a_low * b_high) - a_high * b_low);
}
template <class V>
inline V v_sub_product(V x, V a, V b) {
  const V p = a * b;
  return (x - p) - v_product_error(a, b, p);
}
#else
// a b - p, where p is the rounded a b: exactly.
template <class V>
inline V v_product_error(V a, V b, V p) {
  return v_fma(a, b, -p);
}
// x - a b with one rounding. (v2: exact where x and a b cancel, else two roundings.)
template <class V>
inline V v_sub_product(V x, V a, V b) {
  return v_fma(-a, b, x);
}
#endif

// Constants and the type's own steps of math.h's functions: math_f32.h, math_f64.h.
template <class V>
struct Real;

}  // namespace
}  // namespace bs::kernels::BS_ISA
