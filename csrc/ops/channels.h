// What norms of channels (axis 1) of images share: batch_norm.cpp, group_norm.cpp.
#pragma once

#include <array>

#include "ops/ops.h"

namespace bs::ops {

// (N, C, ...) as the kernels see it.
struct Images {
  int64_t images, channels, inner;
  int64_t planes() const { return images * channels; }
  int64_t per_channel() const { return images * inner; }
};
Images images_of(const Dims& x);

void check_images(const char* name, const char* input, const Spec& x);
// Input i is absent or one number per channel of x.
void check_channels(const char* name, const char* which, const Specs& in, int i, const Spec& x);

// input, mean, rstd, weight, bias: y = (x - mean) rstd weight + bias, where all but x may be absent.
constexpr int kScalingInputs = 5;
using Scaling = std::array<View, kScalingInputs>;
// Of x and y of the shape `images`, {N, C, inner}, and numbers (C,).
void scale_images(const Call& call, const Spec& images, const Scaling& in, char* y);
// The same by ops, to the same bits.
Tensor scaled(std::span<const Tensor> in);

}  // namespace bs::ops
