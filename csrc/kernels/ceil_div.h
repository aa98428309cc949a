// How many parts of a size cover another.
#pragma once

#include <cstdint>

namespace bs::kernels {
namespace {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace
}  // namespace bs::kernels
