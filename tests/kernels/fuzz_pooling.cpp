// Pooling, over random windows, planes and values: equal to the oracles to the bit (the derivative of the mean, whose
// order the oracle does not have, close to it), parts to the whole, and all instruction sets to each other.
#include <limits>

#include "fuzz.h"
#include "kernels/reference_pooling.h"

namespace bs::fuzz {
namespace {

namespace reference = kernels::reference;
using kernels::Pool;
using kernels::PoolAxis;

constexpr double kLimit = 60;  // errors allowed, in roundings of the terms that are summed

// Windows as ops make them: each has an element.
PoolAxis axis(Random& random, int64_t longest, bool dilated) {
  PoolAxis a{random.integer(1, longest), 1, 0, 1, 0, 1};
  if (random.one_in(5)) {
    a.out = random.integer(1, random.one_in(3) ? 2 * a.in : a.in);
    return a;
  }
  do {
    a.kernel = random.one_in(6) ? random.integer(1, a.in) : random.integer(1, 5);
    a.dilation = dilated && random.one_in(3) ? random.integer(2, 4) : 1;
    a.padding = random.one_in(2) ? 0 : random.integer(0, a.kernel / 2);
  } while ((a.kernel - 1) * a.dilation >= a.in + 2 * a.padding || a.dilation > a.in);
  a.stride = random.pick({int64_t{1}, int64_t{2}, a.kernel, random.integer(1, 6)});
  const int64_t room = a.in + 2 * a.padding - (a.kernel - 1) * a.dilation - 1;
  a.out = (room + (random.one_in(2) ? a.stride - 1 : 0)) / a.stride + 1;
  if ((a.out - 1) * a.stride >= a.in + a.padding) --a.out;
  return a;
}

Pool windows(Random& random, DType dtype, bool dilated) {
  Pool p{dtype, {{1, 1, 1, 1, 0, 1}, {1, 1, 1, 1, 0, 1}, {1, 1, 1, 1, 0, 1}}, random.one_in(2), 0};
  const int64_t axes = random.integer(1, 3);
  if (axes == 3) p.axis[0] = axis(random, 6, dilated);
  if (axes >= 2) p.axis[1] = axis(random, 12, dilated);
  p.axis[2] = axis(random, axes > 1 ? 40 : random.one_in(8) ? 12000 : 300, dilated);
  if (random.one_in(4)) p.divisor = random.integer(1, 9) - (random.one_in(2) ? 10 : 0);
  return p;
}

int64_t elements(const Pool& p, int64_t PoolAxis::* size) {
  return p.axis[0].*size * (p.axis[1].*size) * (p.axis[2].*size);
}

Array<char> scratch(const Kernels& k, const Pool& p) { return Array<char>(k.pool_scratch(p) + 64); }
void* aligned(Array<char>& room) {
  return reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(room.data()) + 63) / 64 * 64);
}

template <class T>
void largest(Random& random) {
  const Pool p = windows(random, dtype_of<T>(), true);
  const int64_t in = elements(p, &PoolAxis::in), out = elements(p, &PoolAxis::out);
  const int64_t planes = random.integer(0, 6000 / in + 1);
  Array<T> x = normals<T>(random, planes * in);
  if (random.one_in(2))                    // equal ones
    for (T& v : x) v = std::round(v) + 0;  // no -0
  if (random.one_in(3))
    for (T& v : x)
      if (random.one_in(6)) v = random.pick({T(NAN), T(INFINITY), T(-INFINITY), T(-INFINITY)});
  const Array<T> dy = normals<T>(random, planes * out);
  Array<T> want = unwritten<T>(planes * out), want_dx = unwritten<T>(planes * in);
  Array<int64_t> want_index(want.size());
  reference::max_pool(p, planes, x.data(), want.data(), want_index.data());
  reference::max_pool_backward(p, planes, dy.data(), x.data(), want_dx.data());
  for_each_isa([&](const Kernels& k) {
    Array<char> room = scratch(k, p);
    Array<T> y = unwritten<T>(planes * out), placed = y, parts = y, dx = unwritten<T>(planes * in), dx_parts = dx;
    Array<int64_t> index = unwritten<int64_t>(planes * out);
    k.max_pool(p, x.data(), y.data(), nullptr, 0, planes, aligned(room));
    k.max_pool(p, x.data(), placed.data(), index.data(), 0, planes, aligned(room));
    k.max_pool_backward(p, dy.data(), x.data(), dx.data(), 0, planes, aligned(room));
    in_parts(random, planes, [&](int64_t lo, int64_t hi) {
      k.max_pool(p, x.data(), parts.data(), nullptr, lo, hi, aligned(room));
      k.max_pool_backward(p, dy.data(), x.data(), dx_parts.data(), lo, hi, aligned(room));
    });
    record(k, y);
    record(k, index);
    record(k, dx);
    expect_same("max_pool", k.isa, y, want);
    expect_same("max_pool with places", k.isa, placed, want);
    expect_same("places of max_pool", k.isa, index, want_index);
    expect_same("max_pool in parts", k.isa, parts, want);
    expect_same("max_pool_backward", k.isa, dx, want_dx);
    expect_same("max_pool_backward in parts", k.isa, dx_parts, want_dx);
  });
}

template <class T>
void mean(Random& random) {
  const Pool p = windows(random, dtype_of<T>(), false);
  const int64_t in = elements(p, &PoolAxis::in), out = elements(p, &PoolAxis::out);
  const int64_t planes = random.integer(0, 6000 / in + 1);
  const Array<T> x = normals<T>(random, planes * in), dy = normals<T>(random, planes * out);
  Array<T> want = unwritten<T>(planes * out);
  Array<double> want_dx(static_cast<size_t>(planes * in)), size = want_dx;
  reference::avg_pool(p, planes, x.data(), want.data());
  reference::avg_pool_backward(p, planes, doubles(dy).data(), want_dx.data());
  Pool positive = p;
  positive.divisor = std::abs(p.divisor);
  reference::avg_pool_backward(positive, planes, magnitudes(doubles(dy)).data(), size.data());
  Agreement<T> backwards;
  for_each_isa([&](const Kernels& k) {
    Array<char> room = scratch(k, p);
    Array<T> y = unwritten<T>(planes * out), parts = y, dx = unwritten<T>(planes * in), dx_parts = dx;
    k.avg_pool(p, x.data(), y.data(), 0, planes, aligned(room));
    k.avg_pool_backward(p, dy.data(), dx.data(), 0, planes, aligned(room));
    in_parts(random, planes, [&](int64_t lo, int64_t hi) {
      k.avg_pool(p, x.data(), parts.data(), lo, hi, aligned(room));
      k.avg_pool_backward(p, dy.data(), dx_parts.data(), lo, hi, aligned(room));
    });
    record(k, y);
    backwards.add("avg_pool_backward", k, dx, true);
    expect_same("avg_pool", k.isa, y, want);
    expect_same("avg_pool in parts", k.isa, parts, want);
    expect_same("avg_pool_backward in parts", k.isa, dx_parts, dx);
    expect_close("avg_pool_backward", k.isa, dx, want_dx, size, kLimit);
  });
}

void one(Random& random, uint64_t round) {
  if (round % 2) {
    mean<float>(random);
    mean<double>(random);
  } else {
    largest<float>(random);
    largest<double>(random);
  }
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) { return bs::fuzz::run(argc, argv, bs::fuzz::one); }
