// Convolutions of random shapes, options and parts, and their gradients, against the naive ones: equal to the bit,
// since kernels.def fixes the order of every sum.
#include <cinttypes>
#include <string>

#include "fuzz.h"
#include "kernels/reference_convolution.h"

namespace bs::fuzz {
namespace {

using kernels::Conv;

int64_t product(const int64_t (&size)[3]) { return size[0] * size[1] * size[2]; }

std::string text(const int64_t (&size)[3]) {
  return std::to_string(size[0]) + "," + std::to_string(size[1]) + "," + std::to_string(size[2]);
}
std::string text(const Conv& c) {
  return std::to_string(c.samples) + " samples, " + std::to_string(c.groups) + " groups, " + std::to_string(c.in) +
         " -> " + std::to_string(c.out) + ", x " + text(c.x) + ", kernel " + text(c.kernel) + ", y " + text(c.y) +
         ", stride " + text(c.stride) + ", padding " + text(c.padding) + ", dilation " + text(c.dilation);
}

// A kernel in one call and in parts, on every instruction set: run(kernel, out, lo, hi, scratch) of `units` makes
// `size` elements, reference(out, fused) the same.
template <class T, class Run, class Reference>
void compare(Random& random, const Conv& c, const char* what, int64_t size, int64_t units,
             size_t (*Kernels::*scratch_bytes)(const Conv&), Run run, Reference reference) {
  constexpr int64_t kGuard = 64;  // elements after the last
  Array<T> want[2];               // unfused, fused
  for_each_isa([&](const Kernels& kernel) {
    Array<T>& expected = want[fused(kernel)];
    if (expected.empty()) {
      expected = unwritten<T>(size + kGuard);
      reference(expected.data(), fused(kernel));
    }
    for (int whole = 1; whole >= 0; --whole) {
      Array<T> got = unwritten<T>(size + kGuard);
      const size_t bytes = (kernel.*scratch_bytes)(c);
      void* scratch = nullptr;  // aligned, and of exactly this size, which aligned_alloc may not give
      if (posix_memalign(&scratch, 64, bytes + 64) != 0) fail("no memory");
      std::memset(scratch, 0xff, bytes + 64);  // NaN: a read before the write shows
      const auto part = [&](int64_t lo, int64_t hi) {
        run(kernel, got.data(), lo, hi, scratch);
        std::memset(scratch, 0xff, bytes);
      };
      if (whole)
        part(0, units);
      else
        in_parts(random, units, part);
      for (size_t i = bytes; i < bytes + 64; ++i)
        if (static_cast<unsigned char*>(scratch)[i] != 0xff)
          fail("%s %s: wrote behind its %zu bytes of scratch: %s", what, kernel.isa, bytes, text(c).c_str());
      std::free(scratch);
      if (whole) record(kernel, got);
      if (first_difference(got, expected) >= 0) std::printf("%s\n", text(c).c_str());
      expect_same((std::string(what) + (whole ? " whole" : " in parts")).c_str(), kernel.isa, got, expected);
    }
  });
}

template <class T>
void one_convolution(Random& random, const Conv& given) {
  Conv c = given;
  c.dtype = dtype_of<T>();
  const int64_t channels_in = c.groups * c.in, channels_out = c.groups * c.out;
  const auto x = normals<T>(random, c.samples * channels_in * product(c.x));
  const auto w = normals<T>(random, channels_out * c.in * product(c.kernel));
  const auto dy = normals<T>(random, c.samples * channels_out * product(c.y));
  const auto bias_out = normals<T>(random, channels_out), bias_in = normals<T>(random, channels_in);
  const T* const b_out = random.one_in(2) ? bias_out.data() : nullptr;
  const T* const b_in = random.one_in(2) ? bias_in.data() : nullptr;
  namespace naive = kernels::reference;
  compare<T>(
      random, c, "convolution", c.samples * channels_out * product(c.y), c.samples * channels_out,
      &Kernels::convolution_scratch,
      [&](const Kernels& k, T* y, int64_t lo, int64_t hi, void* scratch) {
        k.convolution(c, x.data(), w.data(), b_out, y, lo, hi, scratch);
      },
      [&](T* y, bool fuse) { naive::convolution(c, x.data(), w.data(), b_out, y, fuse); });
  compare<T>(
      random, c, "convolution_input", c.samples * channels_in * product(c.x), c.samples * channels_in,
      &Kernels::convolution_input_scratch,
      [&](const Kernels& k, T* dx, int64_t lo, int64_t hi, void* scratch) {
        k.convolution_input(c, dy.data(), w.data(), b_in, dx, lo, hi, scratch);
      },
      [&](T* dx, bool fuse) { naive::convolution_input(c, dy.data(), w.data(), b_in, dx, fuse); });
  compare<T>(
      random, c, "convolution_weight", channels_out * c.in * product(c.kernel),
      kernels::available()[0]->convolution_weight_units(c), &Kernels::convolution_weight_scratch,
      [&](const Kernels& k, T* dw, int64_t lo, int64_t hi, void* scratch) {
        k.convolution_weight(c, x.data(), dy.data(), dw, lo, hi, scratch);
      },
      [&](T* dw, bool fuse) { naive::convolution_weight(c, x.data(), dy.data(), dw, fuse); });
}

// The far end of y follows from a padding there, which may differ from the near one, and be negative like it.
void set_axis(Random& random, Conv& c, int axis, int64_t x, int64_t kernel, int64_t stride, int64_t dilation,
              int64_t padding) {
  c.x[axis] = x;
  c.kernel[axis] = kernel;
  c.stride[axis] = stride;
  c.dilation[axis] = dilation;
  c.padding[axis] = padding;
  const int64_t far = random.one_in(3) ? random.integer(-1, 3) : padding;
  const int64_t room = x + padding + far - (kernel - 1) * dilation - 1;
  c.y[axis] = room < 0 ? 0 : room / stride + 1;
}

void one(Random& random, uint64_t round) {
  static constexpr int64_t kChannels[] = {1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65};
  static constexpr int64_t kKernels[] = {1, 1, 2, 3, 3, 3, 4, 5, 7};
  Conv c = {};
  c.samples = random.one_in(15) ? 0 : random.integer(1, 4);
  c.groups = random.one_in(4) ? random.integer(1, 5) : 1;
  c.in = random.pick(kChannels);
  c.out = random.pick(kChannels);
  if (c.groups > 1) c.in = c.in % 9 + 1, c.out = c.out % 9 + 1;
  if (round % 8 == 3) c.groups = random.integer(1, 40), c.in = 1, c.out = random.one_in(3) ? 2 : 1;  // depthwise
  const int axes = random.one_in(5) ? 3 : random.one_in(5) ? 1 : 2;
  const int64_t side = axes == 3 ? 8 : axes == 2 ? 20 : 700;
  for (int a = 0; a < 3; ++a) set_axis(random, c, a, 1, 1, 1, 1, 0);
  for (int a = 0; a < 3; ++a) c.y[a] = 1;
  const bool plain = random.one_in(3);  // what networks have
  const int64_t kernel = random.pick(kKernels), stride = random.integer(1, 3);
  for (int a = 3 - axes; a < 3; ++a) {  // drawn one by one: the order of a call's arguments is each compiler's own
    const int64_t x = random.integer(1, side);
    if (plain) {
      set_axis(random, c, a, x, kernel, random.one_in(2) ? 1 : 2, 1, kernel / 2);
      continue;
    }
    const int64_t own_kernel = random.pick(kKernels);
    const int64_t own_stride = random.one_in(2) ? stride : 1;
    const int64_t dilation = random.one_in(4) ? random.integer(2, 3) : 1;
    const int64_t least_padding = random.one_in(8) ? -2 : 0;
    set_axis(random, c, a, x, own_kernel, own_stride, dilation, random.integer(least_padding, 4));
  }
  if (round % 16 == 5) {  // larger images, for blocks of rows and of sums
    c.samples = std::min<int64_t>(c.samples, 2);
    c.groups = 1;
    c.in = random.integer(1, 20);
    c.out = random.integer(1, 40);
    for (int a = 0; a < 3; ++a) set_axis(random, c, a, 1, 1, 1, 1, 0);
    c.y[0] = 1;
    for (int a = 1; a < 3; ++a) {
      const int64_t x = random.integer(20, 70);
      set_axis(random, c, a, x, 3, random.integer(1, 2), 1, 1);
    }
  }
  if (random.one_in(3))
    one_convolution<double>(random, c);
  else
    one_convolution<float>(random, c);
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) { return bs::fuzz::run(argc, argv, bs::fuzz::one); }
