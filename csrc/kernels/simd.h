// Vectors of the instruction set that this file is compiled for, written once with GCC/Clang vector extensions;
// intrinsics only where the language has no operator (fma, sqrt). Internal linkage throughout.
//
// Vec<T> is the register type for T = float, double, int32_t, int64_t; Mask<T> the integer vector of a comparison.
// + - * / and comparisons are the compiler's; v_select(mask, a, b) picks lanes.
#pragma once

#include <cstdint>
#include <cstring>  // memcpy: a C function, or a builtin

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// Each instruction set's code lives in its own namespace (BS_ISA is v2, v3, v4 or neon, from CMake), so that no two
// objects define the same symbol.
#ifndef BS_ISA
#error "compile this file through the kernels_<isa> targets"
#endif

namespace bs::kernels::BS_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kVecBytes = 64;
#elif defined(__AVX2__)
constexpr int kVecBytes = 32;
#else
constexpr int kVecBytes = 16;
#endif

template <class T>
constexpr bool kIsInteger = static_cast<T>(0.5) == static_cast<T>(0);

constexpr int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

template <class T>
struct VecOf {
  typedef T type __attribute__((vector_size(kVecBytes)));
  typedef T unaligned __attribute__((vector_size(kVecBytes), aligned(sizeof(T)), may_alias));
};
template <class T>
using Vec = typename VecOf<T>::type;
template <class T>
constexpr int kLanes = kVecBytes / static_cast<int>(sizeof(T));

template <class T>
struct IntOf;
template <>
struct IntOf<float> {
  using type = int32_t;
};
template <>
struct IntOf<double> {
  using type = int64_t;
};
template <>
struct IntOf<int32_t> {
  using type = int32_t;
};
template <>
struct IntOf<int64_t> {
  using type = int64_t;
};
template <class T>
using Mask = Vec<typename IntOf<T>::type>;

// 0 .. n - 1 as a type, for shuffles. (The library's own may not be used here.)
template <int... i>
struct Indices {};
template <int n>
struct IndicesTo;
template <>
struct IndicesTo<2> {
  using type = Indices<0, 1>;
};
template <>
struct IndicesTo<4> {
  using type = Indices<0, 1, 2, 3>;
};
template <>
struct IndicesTo<8> {
  using type = Indices<0, 1, 2, 3, 4, 5, 6, 7>;
};
template <>
struct IndicesTo<16> {
  using type = Indices<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
};

template <class T>
inline Vec<T> v_load(const T* p) {
  return *reinterpret_cast<const typename VecOf<T>::unaligned*>(p);
}
template <class T>
inline void v_store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VecOf<T>::unaligned*>(p) = v;
}
// 0, 1, 2, .. in the lanes of T's mask.
template <class T>
inline Mask<T> v_iota() {
  Mask<T> v = {};
  for (int i = 0; i < kLanes<T>; ++i) v[i] = i;
  return v;
}
// The first n elements, 0 <= n <= lanes; the rest reads as 0. Touches no byte outside them.
template <class T>
inline Vec<T> v_load_part(const T* p, int64_t n) {
#if defined(__AVX512F__)
  const uint32_t m = (1u << n) - 1;
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_epi32(static_cast<__mmask16>(m), p);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm512_maskz_loadu_epi64(static_cast<__mmask8>(m), p);
#elif defined(__AVX2__)
  const __m256i m = (__m256i)(v_iota<T>() < static_cast<typename IntOf<T>::type>(n));
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), m);
  if constexpr (sizeof(T) == 8) return (Vec<T>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), m);
#else
  T lanes[kLanes<T>] = {};
  for (int i = 0; i < kLanes<T>; ++i)
    if (i < n) lanes[i] = p[i];
  return v_load(lanes);
#endif
}
template <class T>
inline void v_store_part(T* p, Vec<T> v, int64_t n) {
#if defined(__AVX512F__)
  const uint32_t m = (1u << n) - 1;
  if constexpr (sizeof(T) == 4) _mm512_mask_storeu_epi32(p, static_cast<__mmask16>(m), (__m512i)v);
  if constexpr (sizeof(T) == 8) _mm512_mask_storeu_epi64(p, static_cast<__mmask8>(m), (__m512i)v);
#elif defined(__AVX2__)
  const __m256i m = (__m256i)(v_iota<T>() < static_cast<typename IntOf<T>::type>(n));
  if constexpr (sizeof(T) == 4) _mm256_maskstore_epi32(reinterpret_cast<int*>(p), m, (__m256i)v);
  if constexpr (sizeof(T) == 8) _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), m, (__m256i)v);
#else
  T lanes[kLanes<T>];
  v_store(lanes, v);
  for (int i = 0; i < kLanes<T>; ++i)
    if (i < n) p[i] = lanes[i];
#endif
}
// The same for one element: what follows finds it before it has reached L1, which a masked store forbids (4 ns on
// Emerald Rapids).
template <class T>
inline Vec<T> v_load_one(const T* p) {
  return Vec<T>{*p};
}
template <class T>
inline void v_store_one(T* p, Vec<T> v) {
  *p = v[0];
}
// s in every lane. s - 0 is s for every s, -0.0 too (0 + -0.0 is not), so the compiler folds it to a broadcast.
template <class T>
inline Vec<T> v_set(T s) {
  return s - Vec<T>{};
}
template <class T>
inline Vec<T> v_select(Mask<T> m, Vec<T> a, Vec<T> b) {
  return m ? a : b;
}

// The lesser or the greater of a number and x; a NaN in x stays. (maskz: see v_sqrt.)
#if defined(__AVX512F__)
inline Vec<float> v_least(float s, Vec<float> x) {
  return _mm512_maskz_min_ps(static_cast<__mmask16>(-1), v_set(s), x);
}
inline Vec<double> v_least(double s, Vec<double> x) {
  return _mm512_maskz_min_pd(static_cast<__mmask8>(-1), v_set(s), x);
}
inline Vec<float> v_greatest(float s, Vec<float> x) {
  return _mm512_maskz_max_ps(static_cast<__mmask16>(-1), v_set(s), x);
}
inline Vec<double> v_greatest(double s, Vec<double> x) {
  return _mm512_maskz_max_pd(static_cast<__mmask8>(-1), v_set(s), x);
}
#elif defined(__AVX2__)
inline Vec<float> v_least(float s, Vec<float> x) { return _mm256_min_ps(v_set(s), x); }
inline Vec<double> v_least(double s, Vec<double> x) { return _mm256_min_pd(v_set(s), x); }
inline Vec<float> v_greatest(float s, Vec<float> x) { return _mm256_max_ps(v_set(s), x); }
inline Vec<double> v_greatest(double s, Vec<double> x) { return _mm256_max_pd(v_set(s), x); }
#elif defined(__x86_64__)
inline Vec<float> v_least(float s, Vec<float> x) { return _mm_min_ps(v_set(s), x); }
inline Vec<double> v_least(double s, Vec<double> x) { return _mm_min_pd(v_set(s), x); }
inline Vec<float> v_greatest(float s, Vec<float> x) { return _mm_max_ps(v_set(s), x); }
inline Vec<double> v_greatest(double s, Vec<double> x) { return _mm_max_pd(v_set(s), x); }
#elif defined(__aarch64__)
inline Vec<float> v_least(float s, Vec<float> x) { return (Vec<float>)vminq_f32(vdupq_n_f32(s), (float32x4_t)x); }
inline Vec<double> v_least(double s, Vec<double> x) { return (Vec<double>)vminq_f64(vdupq_n_f64(s), (float64x2_t)x); }
inline Vec<float> v_greatest(float s, Vec<float> x) { return (Vec<float>)vmaxq_f32(vdupq_n_f32(s), (float32x4_t)x); }
inline Vec<double> v_greatest(double s, Vec<double> x) {
  return (Vec<double>)vmaxq_f64(vdupq_n_f64(s), (float64x2_t)x);
}
#endif

// The first and the second half of x as doubles, and both back in one.
#if defined(__AVX512F__)
inline Vec<double> v_widen_low(Vec<float> x) {
  constexpr __mmask8 all = static_cast<__mmask8>(-1);
  return _mm512_maskz_cvtps_pd(all, _mm512_maskz_extractf32x8_ps(all, x, 0));
}
inline Vec<double> v_widen_high(Vec<float> x) {
  constexpr __mmask8 all = static_cast<__mmask8>(-1);
  return _mm512_maskz_cvtps_pd(all, _mm512_maskz_extractf32x8_ps(all, x, 1));
}
inline Vec<float> v_narrow(Vec<double> low, Vec<double> high) {
  constexpr __mmask8 all = static_cast<__mmask8>(-1);
  return __builtin_shufflevector(_mm512_maskz_cvtpd_ps(all, low), _mm512_maskz_cvtpd_ps(all, high), 0, 1, 2, 3, 4, 5, 6,
                                 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
#elif defined(__AVX2__)
inline Vec<double> v_widen_low(Vec<float> x) { return _mm256_cvtps_pd(_mm256_castps256_ps128(x)); }
inline Vec<double> v_widen_high(Vec<float> x) { return _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)); }
inline Vec<float> v_narrow(Vec<double> low, Vec<double> high) {
  return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low));
}
#elif defined(__x86_64__)
inline Vec<double> v_widen_low(Vec<float> x) { return _mm_cvtps_pd(x); }
inline Vec<double> v_widen_high(Vec<float> x) { return _mm_cvtps_pd(_mm_movehl_ps(x, x)); }
inline Vec<float> v_narrow(Vec<double> low, Vec<double> high) {
  return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
#elif defined(__aarch64__)
inline Vec<double> v_widen_low(Vec<float> x) { return (Vec<double>)vcvt_f64_f32(vget_low_f32((float32x4_t)x)); }
inline Vec<double> v_widen_high(Vec<float> x) { return (Vec<double>)vcvt_high_f64_f32((float32x4_t)x); }
inline Vec<float> v_narrow(Vec<double> low, Vec<double> high) {
  return (Vec<float>)vcvt_high_f32_f64(vcvt_f32_f64((float64x2_t)low), (float64x2_t)high);
}
#endif

// Whether any lane of a mask is set. (One template: to Clang a mask of either width would fit both overloads.)
template <class M>
inline bool v_any(M m) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)m, (__m256i)m);
#elif defined(__x86_64__)
  return !_mm_testz_si128((__m128i)m, (__m128i)m);
#elif defined(__aarch64__)
  return vmaxvq_u32((uint32x4_t)m) != 0;
#endif
}

// x as a whole number. The codes are those of x86's instructions.
enum Rounding { kToNearest, kDown, kUp, kToZero };  // ties to even
#if defined(__AVX512F__)
template <Rounding how>
inline Vec<float> v_rounded(Vec<float> x) {
  return _mm512_maskz_roundscale_ps(static_cast<__mmask16>(-1), x, how | _MM_FROUND_NO_EXC);
}
template <Rounding how>
inline Vec<double> v_rounded(Vec<double> x) {
  return _mm512_maskz_roundscale_pd(static_cast<__mmask8>(-1), x, how | _MM_FROUND_NO_EXC);
}
#elif defined(__AVX2__)
template <Rounding how>
inline Vec<float> v_rounded(Vec<float> x) {
  return _mm256_round_ps(x, how | _MM_FROUND_NO_EXC);
}
template <Rounding how>
inline Vec<double> v_rounded(Vec<double> x) {
  return _mm256_round_pd(x, how | _MM_FROUND_NO_EXC);
}
#elif defined(__x86_64__)
template <Rounding how>
inline Vec<float> v_rounded(Vec<float> x) {
  return _mm_round_ps(x, how | _MM_FROUND_NO_EXC);
}
template <Rounding how>
inline Vec<double> v_rounded(Vec<double> x) {
  return _mm_round_pd(x, how | _MM_FROUND_NO_EXC);
}
#elif defined(__aarch64__)
template <Rounding how>
inline Vec<float> v_rounded(Vec<float> x) {
  const float32x4_t a = (float32x4_t)x;
  return (Vec<float>)(how == kDown     ? vrndmq_f32(a)
                      : how == kUp     ? vrndpq_f32(a)
                      : how == kToZero ? vrndq_f32(a)
                                       : vrndnq_f32(a));
}
template <Rounding how>
inline Vec<double> v_rounded(Vec<double> x) {
  const float64x2_t a = (float64x2_t)x;
  return (Vec<double>)(how == kDown     ? vrndmq_f64(a)
                       : how == kUp     ? vrndpq_f64(a)
                       : how == kToZero ? vrndq_f64(a)
                                        : vrndnq_f64(a));
}
#endif

// a b + c with one rounding. v2 has no such instruction: there it rounds twice.
#if defined(__AVX512F__)
inline Vec<float> v_fma(Vec<float> a, Vec<float> b, Vec<float> c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec<double> v_fma(Vec<double> a, Vec<double> b, Vec<double> c) { return _mm512_fmadd_pd(a, b, c); }
// maskz with a full mask is the plain instruction; GCC 12 warns (-Wuninitialized) inside its own _mm512_sqrt_ps.
inline Vec<float> v_sqrt(Vec<float> a) { return _mm512_maskz_sqrt_ps(static_cast<__mmask16>(-1), a); }
inline Vec<double> v_sqrt(Vec<double> a) { return _mm512_maskz_sqrt_pd(static_cast<__mmask8>(-1), a); }
#elif defined(__AVX2__)
inline Vec<float> v_fma(Vec<float> a, Vec<float> b, Vec<float> c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec<double> v_fma(Vec<double> a, Vec<double> b, Vec<double> c) { return _mm256_fmadd_pd(a, b, c); }
inline Vec<float> v_sqrt(Vec<float> a) { return _mm256_sqrt_ps(a); }
inline Vec<double> v_sqrt(Vec<double> a) { return _mm256_sqrt_pd(a); }
#elif defined(__x86_64__)
inline Vec<float> v_fma(Vec<float> a, Vec<float> b, Vec<float> c) { return a * b + c; }
inline Vec<double> v_fma(Vec<double> a, Vec<double> b, Vec<double> c) { return a * b + c; }
inline Vec<float> v_sqrt(Vec<float> a) { return _mm_sqrt_ps(a); }
inline Vec<double> v_sqrt(Vec<double> a) { return _mm_sqrt_pd(a); }
#elif defined(__aarch64__)
inline Vec<float> v_fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
inline Vec<double> v_fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
inline Vec<float> v_sqrt(Vec<float> a) { return (Vec<float>)vsqrtq_f32((float32x4_t)a); }
inline Vec<double> v_sqrt(Vec<double> a) { return (Vec<double>)vsqrtq_f64((float64x2_t)a); }
#endif

}  // namespace
}  // namespace bs::kernels::BS_ISA
