// The gradient of a convolution by its weights.
#include <cstddef>
#include <cstdint>

#include "base/with_dtype.h"
#include "kernels/convolution_plan.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

constexpr int64_t kSumPixels = 256;  // of a block (kernels.def)

inline int64_t div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
// fn(depth, row, column) for all positions of three axes.
template <class Fn>
inline void for_each(const int64_t (&size)[3], Fn fn) {
  for (int64_t i = 0; i < size[0]; ++i)
    for (int64_t j = 0; j < size[1]; ++j)
      for (int64_t k = 0; k < size[2]; ++k) fn(i, j, k);
}
inline bool inside(const int64_t (&size)[3], int64_t i, int64_t j, int64_t k) {
  return i >= 0 && i < size[0] && j >= 0 && j < size[1] && k >= 0 && k < size[2];
}

template <class T>
void by_weight(const Conv& c, const T* x, const T* dy, T* dw, int64_t lo, int64_t hi) {
  const int64_t blocks = div_up(c.out, kConvBlock);
  for (int64_t unit = lo; unit < hi; ++unit) {
    const int64_t group = unit / (blocks * c.in), channel = unit % c.in, first = unit / c.in % blocks * kConvBlock;
    for (int64_t k = first; k < min_of(first + kConvBlock, c.out); ++k) {
      T* const to = dw + ((group * c.out + k) * c.in + channel) * volume(c.kernel);
      for_each(c.kernel, [&](int64_t p, int64_t q, int64_t r) {
        Vec<T> total = {}, sum = {};
        int64_t block = 0;
        for (int64_t s = 0; s < c.samples; ++s) {
          const T* const from = x + ((s * c.groups + group) * c.in + channel) * volume(c.x);
          const T* const g = dy + ((s * c.groups + group) * c.out + k) * volume(c.y);
          for_each(c.y, [&](int64_t i, int64_t j, int64_t l) {
            const int64_t plane = s * c.y[0] + i, in_plane = c.y[1] * c.y[2];
            const int64_t at = in_plane <= kSumPixels ? plane / (kSumPixels / in_plane)
                               : c.y[2] <= kSumPixels ? plane * c.y[1] + j / (kSumPixels / c.y[2])
                                                      : (plane * c.y[1] + j) * c.y[2] + l / kSumPixels;
            if (at != block) {
              total = total + sum;
              sum = Vec<T>{};
              block = at;
            }
            const int64_t depth = i * c.stride[0] - c.padding[0] + p * c.dilation[0];
            const int64_t row = j * c.stride[1] - c.padding[1] + q * c.dilation[1];
            const int64_t col = l * c.stride[2] - c.padding[2] + r * c.dilation[2];
            const T in = inside(c.x, depth, row, col) ? from[(depth * c.x[1] + row) * c.x[2] + col] : T{0};
            sum = v_fma(v_set(in), v_set(g[(i * c.y[1] + j) * c.y[2] + l]), sum);
          });
        }
        to[(p * c.kernel[1] + q) * c.kernel[2] + r] = (total + sum)[0];
      });
    }
  }
}

}  // namespace

size_t convolution_weight_scratch(const Conv&) { return 0; }
int64_t convolution_weight_units(const Conv& c) { return c.groups * div_up(c.out, kConvBlock) * c.in; }

void convolution_weight(const Conv& c, const void* x, const void* dy, void* dw, int64_t lo, int64_t hi, void*) {
  with_float(c.dtype, [&](auto zero) {
    using T = decltype(zero);
    by_weight(c, static_cast<const T*>(x), static_cast<const T*>(dy), static_cast<T*>(dw), lo, hi);
  });
}

}  // namespace bs::kernels::BS_ISA
