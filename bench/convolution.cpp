// Convolutions of networks in float32 on one thread: forward, and the gradients by input and by weights. bench/
// convolution.py has the same layers beside PyTorch's.
#include "peaks.h"

namespace bs::bench {
namespace {

using kernels::Conv;
using kernels::Kernels;

struct Layer {
  const char* name;
  int64_t samples, in, size, out, kernel, stride, padding, groups;

  Conv conv() const {
    Conv c = {DType::f32, samples,   groups,    in / groups, out / groups, {1, 1, 1},
              {1, 1, 1},  {1, 1, 1}, {1, 1, 1}, {},          {1, 1, 1}};
    for (int a = 1; a < 3; ++a) {
      c.x[a] = size;
      c.kernel[a] = kernel;
      c.stride[a] = stride;
      c.padding[a] = padding;
      c.y[a] = (size + 2 * padding - kernel) / stride + 1;
    }
    return c;
  }
};

enum Part { forward, by_input, by_weight };
constexpr const char* kParts[] = {"y", "dx", "dw"};

void one(State& state, const Kernels& kernel, const Layer& layer, Part part) {
  const Conv c = layer.conv();
  const int64_t pixels = c.y[1] * c.y[2], planes_in = layer.samples * layer.in, planes_out = layer.samples * layer.out;
  const Numbers<float> x(planes_in * c.x[1] * c.x[2]), w(layer.out * c.in * c.kernel[1] * c.kernel[2]),
      y(planes_out * pixels);
  const size_t bytes = part == forward    ? kernel.convolution_scratch(c)
                       : part == by_input ? kernel.convolution_input_scratch(c)
                                          : kernel.convolution_weight_scratch(c);
  const Numbers<char> scratch(static_cast<int64_t>(bytes));
  for (auto _ : state) {
    if (part == forward)
      kernel.convolution(c, x.data(), w.data(), nullptr, y.data(), 0, planes_out, scratch.data());
    else if (part == by_input)
      kernel.convolution_input(c, y.data(), w.data(), nullptr, x.data(), 0, planes_in, scratch.data());
    else
      kernel.convolution_weight(c, x.data(), y.data(), w.data(), 0, kernel.convolution_weight_units(c), scratch.data());
    benchmark::ClobberMemory();
  }
  const int64_t macs = planes_out * pixels * c.in * c.kernel[1] * c.kernel[2];
  count_rate(state, "GFLOP/s", 2.0 * static_cast<double>(macs), peak(kernel.isa).gflops);
}

}  // namespace
}  // namespace bs::bench

int main(int argc, char** argv) {
  using namespace bs::bench;
  // Of LeNet and of a residual network for small images, of larger networks, and one image at a time.
  static constexpr Layer kLayers[] = {
      {"64x1x28_32k3", 64, 1, 28, 32, 3, 1, 0, 1},        {"64x32x26_64k3", 64, 32, 26, 64, 3, 1, 0, 1},
      {"32x3x32_16k3", 32, 3, 32, 16, 3, 1, 1, 1},        {"32x16x32_16k3", 32, 16, 32, 16, 3, 1, 1, 1},
      {"32x16x32_32k3s2", 32, 16, 32, 32, 3, 2, 1, 1},    {"32x16x32_32k1s2", 32, 16, 32, 32, 1, 2, 0, 1},
      {"32x32x16_32k3", 32, 32, 16, 32, 3, 1, 1, 1},      {"32x32x16_64k3s2", 32, 32, 16, 64, 3, 2, 1, 1},
      {"32x32x16_64k1s2", 32, 32, 16, 64, 1, 2, 0, 1},    {"32x64x8_64k3", 32, 64, 8, 64, 3, 1, 1, 1},
      {"64x64x56_64k3", 64, 64, 56, 64, 3, 1, 1, 1},      {"32x128x28_128k3", 32, 128, 28, 128, 3, 1, 1, 1},
      {"64x64x56_256k1", 64, 64, 56, 256, 1, 1, 0, 1},    {"32x3x224_64k7s2", 32, 3, 224, 64, 7, 2, 3, 1},
      {"32x64x112_64k3dw", 32, 64, 112, 64, 3, 1, 1, 64}, {"1x64x56_64k3", 1, 64, 56, 64, 3, 1, 1, 1},
      {"1x3x224_64k7s2", 1, 3, 224, 64, 7, 2, 3, 1},      {"1x128x28_128k3", 1, 128, 28, 128, 3, 1, 1, 1},
      {"1x64x112_64k3dw", 1, 64, 112, 64, 3, 1, 1, 64},   {"1x512x7_512k3", 1, 512, 7, 512, 3, 1, 1, 1},
      {"32x1x28_6k5", 32, 1, 28, 6, 5, 1, 2, 1},          {"32x6x14_16k5", 32, 6, 14, 16, 5, 1, 0, 1}};
  for (const Layer& layer : kLayers)
    for (Part part : {forward, by_input, by_weight})
      for_each_isa("convolution", std::string(layer.name) + "/" + kParts[part],
                   [&layer, part](State& state, const bs::kernels::Kernels& k) { one(state, k, layer, part); });
  return run(argc, argv);
}
