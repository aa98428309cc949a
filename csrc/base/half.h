// float16 (IEEE binary16) and bfloat16 (the upper half of a float32) as bits. Rounded to nearest, ties to even,
// denormals too; NaNs keep the bits that fit, so that widening and narrowing give every pattern back. Internal linkage
// and no branches: kernels include this file, and their loops over it become vectors.
#pragma once

#include <cstdint>

namespace bs {

// Distinct types, so that conversions overload.
struct Half {
  uint16_t bits;
};
struct BHalf {
  uint16_t bits;
};

static inline float to_float(Half h) {
  const uint32_t sign = static_cast<uint32_t>(h.bits & 0x8000u) << 16, rest = h.bits & 0x7fffu;
  // The exponent's bias differs by 112; a product by a power of two is exact, and makes denormals normal.
  const uint32_t finite = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, rest << 13) * 0x1p112f);
  return __builtin_bit_cast(float, sign | (rest >= 0x7c00u ? rest << 13 | 0x7f800000u : finite));
}

static inline float to_float(BHalf h) { return __builtin_bit_cast(float, static_cast<uint32_t>(h.bits) << 16); }

static inline Half to_half(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x), rest = bits & 0x7fffffffu;
  const uint32_t normal = (rest - (112u << 23) + 0xfffu + (rest >> 13 & 1)) >> 13;
  // 1/2 has the last place of float16's denormals.
  const uint32_t denormal = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, rest) + 0.5f) - 0x3f000000u;
  const uint32_t payload = rest >> 13 & 0x3ffu, nan = 0x7c00u | (payload ? payload : 0x200u);
  const uint32_t number = rest < 0x38800000u ? denormal : rest < 0x47800000u ? normal : 0x7c00u;
  return {static_cast<uint16_t>((bits >> 16 & 0x8000u) | (rest > 0x7f800000u ? nan : number))};
}

static inline BHalf to_bhalf(float x) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, x), top = bits >> 16;
  const uint32_t number = (bits + 0x7fffu + (top & 1)) >> 16;
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return {static_cast<uint16_t>(is_nan ? (top & 0x7fu ? top : top | 0x40u) : number)};
}

}  // namespace bs
