// The element types of tensors. No functions with external linkage: kernels include this file.
//
// Kernels compute in float32, float64, int32 and int64. bool and the storage types uint8, int8, int16, float16 and
// bfloat16 are loaded, saved, moved and converted; arithmetic on them is done in computing(t).
#pragma once

#include <cstddef>
#include <cstdint>

namespace bs {

enum class DType : uint8_t { f32, f64, i32, i64, b8, u8, i8, i16, f16, bf16 };

constexpr int kDTypes = 10;
static constexpr size_t kDTypeSize[kDTypes] = {4, 8, 4, 8, 1, 1, 1, 2, 2, 2};
static constexpr const char* kDTypeName[kDTypes] = {"float32", "float64", "int32", "int64",   "bool",
                                                    "uint8",   "int8",    "int16", "float16", "bfloat16"};

static constexpr size_t size_of(DType t) { return kDTypeSize[static_cast<int>(t)]; }
static constexpr const char* name_of(DType t) { return kDTypeName[static_cast<int>(t)]; }
// Floating point, of any width: what may have a gradient.
static constexpr bool is_float(DType t) {
  return t == DType::f32 || t == DType::f64 || t == DType::f16 || t == DType::bf16;
}
static constexpr bool is_storage(DType t) { return t > DType::b8; }
// The type in which arithmetic on elements of t is done; it holds every value of t.
static constexpr DType computing(DType t) {
  return t == DType::f16 || t == DType::bf16 ? DType::f32 : t >= DType::b8 ? DType::i32 : t;
}

}  // namespace bs
