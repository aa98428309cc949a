// Quotients that are whole numbers, and what they leave. Remainders of floats are exact, however large the quotient.
// Integers wrap around; by 0 they give something, and stop nothing.
#pragma once

#include "kernels/math_f32.h"
#include "kernels/math_f64.h"

namespace bs::kernels::BS_ISA {
namespace {

// The compiler's division of vectors is lane by lane; that of 32 bits goes by float64, cut to an integer: a quotient
// that is no integer is further from the next one than rounding goes.
inline __attribute__((noinline)) Vec<int64_t> divided(Vec<int64_t> x, Vec<int64_t> y) { return x / y; }
inline Vec<int32_t> divided(Vec<int32_t> x, Vec<int32_t> y) {
  typedef int32_t Half __attribute__((vector_size(kVecBytes / 2)));
  Half a[2], b[2];
  memcpy(a, &x, sizeof(x));
  memcpy(b, &y, sizeof(y));
  for (int i = 0; i < 2; ++i)
    a[i] = __builtin_convertvector(
        __builtin_convertvector(a[i], Vec<double>) / __builtin_convertvector(b[i], Vec<double>), Half);
  memcpy(&x, a, sizeof(x));
  return x;
}

// Rounded towards 0. No lane divides by 0, or the least integer by -1, at which processors stop.
template <class V>
inline V quotient_of_integers(V x, V y) {
  const V one = V{} + 1;
  const V q = divided(x, v_select((y == 0) | (y == -1), one, y));
  return v_select(y == -1, -x, v_select(y == 0, V{}, q));
}

// Lane by lane where `far` is set.
template <class V>
__attribute__((noinline)) V fmod_of_lanes(V made, V x, V y, MaskOf<V> far) {
  for (int i = 0; i < kLanes<typename Real<V>::T>; ++i)
    if (far[i]) made[i] = Real<V>::fmod_scalar(x[i], y[i]);
  return made;
}

// As C's fmod. With q = |x| / |y| rounded, and then cut, |x| - q |y| is a number; q may be one too large, never too
// small. From 2^23 (f64: 2^52) on q may be off by more, and v2 cannot split the largest numbers: those lanes go to the
// scalar library.
template <class V>
inline V fmod_of_floats(V x, V y) {
  using R = Real<V>;
  const V a = v_magnitude(x), b = v_magnitude(y);
  const V q = v_trunc(a / b);
  const V r = v_sub_product(a, q, b);
  const MaskOf<V> number = (a < R::kInfinity) & (b > 0), less = a < b;
  const V rest = v_select(less, a, v_select(r < 0, r + b, r));
  const V made = v_signed(v_select(number, rest, v_set(R::kNaN)), x);
  const MaskOf<V> far = number & ~less & ~((q < R::kInteger) & (a < R::kSplitHigh));
  return __builtin_expect(v_any(far), 0) ? fmod_of_lanes(made, x, y, far) : made;
}

template <class V>
inline V v_fmod(V x, V y) {
  if constexpr (kOfIntegers<V>)
    return x - quotient_of_integers(x, y) * y;
  else
    return fmod_of_floats(x, y);
}

// Where a remainder is not 0 and its sign is not that of y: the quotient is then one less if rounded down.
template <class V>
inline MaskOf<V> across_zero(V rest, V y) {
  return (rest != 0) & ((rest < 0) ^ (y < 0));
}

// With the sign of y.
template <class V>
inline V v_remainder(V x, V y) {
  const V rest = v_fmod(x, y);
  return v_select(across_zero(rest, y), rest + y, rest);
}

// Of floats by fmod, as in Python and PyTorch: (x - rest) / y is whole but for rounding, which can bring it to either
// side.
template <class V>
inline V v_floor_divide(V x, V y) {
  if constexpr (kOfIntegers<V>) {
    const V q = quotient_of_integers(x, y);
    return q + across_zero(x - q * y, y);  // a mask is -1
  } else {
    using T = typename Real<V>::T;
    const V rest = v_fmod(x, y), quotient = x / y;
    const V exact = (x - rest) / y;
    const V near = v_select(across_zero(rest, y), exact - 1, exact);
    const V below = v_floor(near);
    const V whole = v_select(near - below > T(0.5), below + 1, below);
    return v_select(y == 0, quotient, v_select(near == 0, v_signed(V{}, quotient), whole));
  }
}

template <class V>
inline V v_trunc_divide(V x, V y) {
  if constexpr (kOfIntegers<V>)
    return quotient_of_integers(x, y);
  else
    return v_trunc(x / y);
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
