// What the ops of convolution.cpp and those of PyTorch's names share.
#pragma once

#include "ops/ops.h"

namespace bs::ops {

using Integers = std::vector<int64_t>;

// One number for each axis of an image. Sizes, steps and borders are below kMostSize, so that sums of products of two
// do not wrap.
struct ConvSetting {
  Integers stride, padding, dilation;
  int64_t groups;
};
constexpr int64_t kMostSize = int64_t{1} << 31;

// The sizes of an image or of filters: the last axes.
inline Integers spatial(const Dims& shape, int axes) { return {shape.end() - axes, shape.end()}; }
// "(3, 3)".
std::string shown(const Integers& sizes);

// ValueError that begins with "[name]", unless there is one number for each axis, of at least `least`.
void check_numbers(const char* name, const char* what, const Integers& v, int axes, int64_t least);
void check_setting(const char* name, const ConvSetting& s, int axes);

// The ops. in: images, filters and, maybe, a bias; the sizes of the result, which of a convolution may be left out.
Tensor convolution(std::span<const Tensor> in, ConvSetting s, std::optional<Integers> size);
Tensor convolution_input(std::span<const Tensor> in, ConvSetting s, Integers size);

}  // namespace bs::ops
