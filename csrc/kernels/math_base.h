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

// x, but high where x > high, low where x < low; NaN stays.
template <class V, class T>
inline V v_at_most(V x, T high) {
  const V limit = v_set(high);
  return v_select(limit < x, limit, x);
}
template <class V, class T>
inline V v_at_least(V x, T low) {
  const V limit = v_set(low);
  return v_select(limit > x, limit, x);
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
template <class V>
inline V v_minus_magnitude(V x) {
  return v_bits<V>(v_bits<MaskOf<V>>(x) | v_bits<MaskOf<V>>(-V{}));
}
// y >= 0 with the sign of x; also where y already has it.
template <class V>
inline V v_signed(V y, V x) {
  return v_bits<V>(v_bits<MaskOf<V>>(y) | v_sign_bit(x));
}

// c + x (c1 + x (c2 + ...)).
template <class V, class T>
inline __attribute__((always_inline)) V v_poly(V, T c) {
  return v_set(c);
}
template <class V, class T, class... Rest>
inline __attribute__((always_inline)) V v_poly(V x, T c, Rest... rest) {
  return v_fma(v_poly(x, rest...), x, v_set(c));
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
