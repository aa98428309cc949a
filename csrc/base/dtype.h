// The element types of tensors. No functions with external linkage: kernels include this file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bs {

enum class DType : uint8_t { f32, f64, i32, i64, b8 };

constexpr int kDTypes = 5;
static constexpr size_t kDTypeSize[kDTypes] = {4, 8, 4, 8, 1};
static constexpr const char* kDTypeName[kDTypes] = {"float32", "float64", "int32", "int64", "bool"};

static constexpr size_t size_of(DType t) { return kDTypeSize[static_cast<int>(t)]; }
static constexpr const char* name_of(DType t) { return kDTypeName[static_cast<int>(t)]; }
static constexpr bool is_float(DType t) { return t == DType::f32 || t == DType::f64; }

}  // namespace bs
