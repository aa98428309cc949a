// The one switch over element types: calls f(T{}), where T is the C++ type of t. Each kernel says which types it
// computes in. Ops convert or refuse all others, so nothing is read as what it is not; what still came would stop here.
// No functions with external linkage: kernels include this file.
#pragma once

#include "base/dtype.h"

namespace bs {
namespace {

template <class F>
inline auto with_float(DType t, F f) {
  switch (t) {
    case DType::f32:
      return f(float{});
    case DType::f64:
      return f(double{});
    default:
      __builtin_trap();
  }
}

template <class F>
inline auto with_number(DType t, F f) {
  switch (t) {
    case DType::i32:
      return f(int32_t{});
    case DType::i64:
      return f(int64_t{});
    default:
      return with_float(t, f);
  }
}

// For what moves elements and computes nothing: f of an unsigned integer of t's size.
template <class F>
inline auto with_word(DType t, F f) {
  switch (size_of(t)) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

// The number that stands at `at`.
inline double float_at(DType t, const void* at) {
  return with_float(t, [at](auto zero) -> double { return *static_cast<const decltype(zero)*>(at); });
}

}  // namespace
}  // namespace bs
