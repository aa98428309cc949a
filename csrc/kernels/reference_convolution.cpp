#include "kernels/reference_convolution.h"

#include <algorithm>
#include <array>

#include "kernels/reference.h"

namespace bs::kernels::reference {
namespace {

constexpr int64_t kSumPixels = 256;

using Position = std::array<int64_t, 3>;

// fn(position) for all positions of three axes, row-major.
template <class Fn>
void for_each(const int64_t (&size)[3], Fn fn) {
  for (int64_t i = 0; i < size[0]; ++i)
    for (int64_t j = 0; j < size[1]; ++j)
      for (int64_t k = 0; k < size[2]; ++k) fn(Position{i, j, k});
}

int64_t pixels(const int64_t (&size)[3]) { return size[0] * size[1] * size[2]; }
int64_t index(const int64_t (&size)[3], const Position& p) { return (p[0] * size[1] + p[1]) * size[2] + p[2]; }

// An element of a plane, 0 outside.
template <class T>
T at(const T* plane, const int64_t (&size)[3], const Position& p) {
  for (size_t a = 0; a < 3; ++a)
    if (p[a] < 0 || p[a] >= size[a]) return 0;
  return plane[index(size, p)];
}

// Whether a tap counts there: rows outside do not, unless the kernel has depth.
bool counts(const Conv& c, const int64_t (&size)[3], const Position& p) {
  return c.kernel[0] != 1 || (p[1] >= 0 && p[1] < size[1]);
}

// What x has under tap t of pixel i.
Position under(const Conv& c, const Position& i, const Position& t) {
  Position p;
  for (size_t a = 0; a < 3; ++a) p[a] = i[a] * c.stride[a] - c.padding[a] + t[a] * c.dilation[a];
  return p;
}

// The pixel whose tap t lies at j of x; false if there is none between whole numbers.
bool above(const Conv& c, const Position& j, const Position& t, Position* i) {
  for (size_t a = 0; a < 3; ++a) {
    const int64_t far = j[a] + c.padding[a] - t[a] * c.dilation[a];
    if (far % c.stride[a] != 0) return false;
    (*i)[a] = far / c.stride[a];
  }
  return true;
}

template <class T>
void convolution_of(const Conv& c, const T* x, const T* w, const T* bias, T* y, bool fused) {
  for (int64_t plane = 0; plane < c.samples * c.groups * c.out; ++plane) {
    const int64_t group = plane / c.out, k = plane % (c.groups * c.out);
    for_each(c.y, [&](const Position& i) {
      T sum = 0;
      for_each(c.kernel, [&](const Position& t) {
        if (!counts(c, c.x, under(c, i, t))) return;
        for (int64_t q = 0; q < c.in; ++q)
          sum = multiply_add(at(x + (group * c.in + q) * pixels(c.x), c.x, under(c, i, t)),
                             w[(k * c.in + q) * pixels(c.kernel) + index(c.kernel, t)], sum, fused);
      });
      y[plane * pixels(c.y) + index(c.y, i)] = bias ? sum + bias[k] : sum;
    });
  }
}

template <class T>
void input_of(const Conv& c, const T* dy, const T* w, const T* bias, T* dx, bool fused) {
  for (int64_t plane = 0; plane < c.samples * c.groups * c.in; ++plane) {
    const int64_t of_samples = plane / c.in, group = of_samples % c.groups, q = plane % c.in;
    for_each(c.x, [&](const Position& j) {
      T sum = 0;
      for_each(c.kernel, [&](const Position& t) {
        Position i;
        if (!above(c, j, t, &i) || !counts(c, c.y, i)) return;
        for (int64_t k = 0; k < c.out; ++k)
          sum = multiply_add(at(dy + (of_samples * c.out + k) * pixels(c.y), c.y, i),
                             w[((group * c.out + k) * c.in + q) * pixels(c.kernel) + index(c.kernel, t)], sum, fused);
      });
      dx[plane * pixels(c.x) + index(c.x, j)] = bias ? sum + bias[group * c.in + q] : sum;
    });
  }
}

// Which block of a sum a pixel is in; pixels of a block follow each other.
int64_t block_of(const Conv& c, int64_t sample, const Position& i) {
  const int64_t plane = sample * c.y[0] + i[0], in_plane = c.y[1] * c.y[2];
  if (in_plane <= kSumPixels) return plane / (kSumPixels / in_plane);
  if (c.y[2] <= kSumPixels) return plane * c.y[1] + i[1] / (kSumPixels / c.y[2]);
  return (plane * c.y[1] + i[1]) * c.y[2] + i[2] / kSumPixels;
}

template <class T>
void weight_of(const Conv& c, const T* x, const T* dy, T* dw, bool fused) {
  for (int64_t k = 0; k < c.groups * c.out; ++k) {
    for (int64_t q = 0; q < c.in; ++q) {
      for_each(c.kernel, [&](const Position& t) {
        T total = 0, sum = 0;
        int64_t block = 0;
        for (int64_t s = 0; s < c.samples; ++s) {
          for_each(c.y, [&](const Position& i) {
            if (block_of(c, s, i) != block) total += sum, sum = 0, block = block_of(c, s, i);
            sum = multiply_add(at(x + ((s * c.groups + k / c.out) * c.in + q) * pixels(c.x), c.x, under(c, i, t)),
                               dy[(s * c.groups * c.out + k) * pixels(c.y) + index(c.y, i)], sum, fused);
          });
        }
        dw[(k * c.in + q) * pixels(c.kernel) + index(c.kernel, t)] = total + sum;
      });
    }
  }
}

template <class T>
const T* as(const void* p) {
  return static_cast<const T*>(p);
}

}  // namespace

void convolution(const Conv& c, const void* x, const void* w, const void* bias, void* y, bool fused) {
  if (c.dtype == DType::f64)
    convolution_of(c, as<double>(x), as<double>(w), as<double>(bias), static_cast<double*>(y), fused);
  else
    convolution_of(c, as<float>(x), as<float>(w), as<float>(bias), static_cast<float*>(y), fused);
}
void convolution_input(const Conv& c, const void* dy, const void* w, const void* bias, void* dx, bool fused) {
  if (c.dtype == DType::f64)
    input_of(c, as<double>(dy), as<double>(w), as<double>(bias), static_cast<double*>(dx), fused);
  else
    input_of(c, as<float>(dy), as<float>(w), as<float>(bias), static_cast<float*>(dx), fused);
}
void convolution_weight(const Conv& c, const void* x, const void* dy, void* dw, bool fused) {
  if (c.dtype == DType::f64)
    weight_of(c, as<double>(x), as<double>(dy), static_cast<double*>(dw), fused);
  else
    weight_of(c, as<float>(x), as<float>(dy), static_cast<float*>(dw), fused);
}

}  // namespace bs::kernels::reference
