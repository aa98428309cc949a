// The order of numbers of any dtype, by keys: unsigned numbers in the same order, where NaN is above all and -0 is 0.
#pragma once

#include <cstdint>
#include <cstring>

#include "base/dtype.h"

namespace bs::ops {

// Of an element: its key, of key_bits(dtype) bits.
inline int key_bits(DType t) { return static_cast<int>(8 * size_of(t)); }

inline uint64_t key_of(DType t, const char* at) {
  const auto load = [at](auto zero) {
    decltype(zero) v;
    std::memcpy(&v, at, sizeof v);
    return v;
  };
  // Of a float of these bits, with so many of them for sign and exponent.
  const auto of_float = [](auto bits, int mantissa) {
    using U = decltype(bits);
    const U sign = static_cast<U>(U{1} << (8 * sizeof(U) - 1)), magnitude = static_cast<U>(bits & ~sign);
    const U infinite = static_cast<U>(static_cast<U>(~sign) >> mantissa << mantissa);
    if (magnitude > infinite) return static_cast<U>(~U{0});
    if (magnitude == 0) return sign;
    return static_cast<U>(bits & sign ? ~bits : bits | sign);
  };
  switch (t) {
    case DType::f32:
      return of_float(load(uint32_t{}), 23);
    case DType::f64:
      return of_float(load(uint64_t{}), 52);
    case DType::f16:
      return of_float(load(uint16_t{}), 10);
    case DType::bf16:
      return of_float(load(uint16_t{}), 7);
    case DType::i32:
      return load(uint32_t{}) ^ 0x80000000u;
    case DType::i64:
      return load(uint64_t{}) ^ 0x8000000000000000u;
    case DType::i16:
      return load(uint16_t{}) ^ 0x8000u;
    case DType::i8:
      return load(uint8_t{}) ^ 0x80u;
    case DType::b8:
      return load(uint8_t{}) != 0;
    default:
      return load(uint8_t{});
  }
}

// Bytes of memory that order_of() works in for n elements.
size_t order_bytes(DType t, int64_t n);
constexpr int64_t kMostOrdered = UINT32_MAX;
// The numbers of n elements, `step` bytes apart, in ascending (or descending) order of their values: the first k of
// them. Equal ones stay in their order.
void order_of(DType t, const char* x, int64_t n, int64_t step, bool descending, int64_t k, void* memory, int64_t* out);

}  // namespace bs::ops
