// What batch norm sums over images, over random shapes and values: close to the oracles, which sum in long double,
// however large the means are; to the bit where kernels.h promises it: parts equal the whole, instruction sets with fma
// equal each other.
#include "fuzz.h"
#include "kernels/reference_batch_norm.h"

namespace bs::fuzz {
namespace {

namespace reference = kernels::reference;

// Errors allowed, in roundings of the terms that are summed.
constexpr double kLimit = 60;
template <class T>
constexpr double kUnit = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;

struct Shape {
  int64_t images, channels, inner;
  int64_t planes() const { return images * channels; }
};
Shape draw_shape(Random& random) {
  Shape s{};
  s.inner = random.one_in(4) ? 1 : random.one_in(16) ? random.integer(4000, 9000) : dimension(random);
  s.channels = random.integer(0, random.one_in(4) ? 70 : 20);
  s.images = random.integer(1, random.one_in(4) ? 700 : 20);
  if (s.channels * s.inner > 20000) s.channels = random.integer(0, 3);
  if (s.planes() * s.inner > 60000) s.images = random.integer(1, 3);
  return s;
}

template <class T>
Array<T> draw_images(Random& random, const Shape& s) {
  const double scale = random.one_in(4) ? (random.one_in(2) ? 1e-3 : 1e6) : 1;
  const double offset = random.one_in(2) ? random.normal() * (random.one_in(2) ? 10 : 1000) : 0;
  return normals<T>(random, s.planes() * s.inner, scale, offset);
}

template <class T>
void moments(Random& random) {
  const Shape s = draw_shape(random);
  const int64_t planes = s.planes();
  const Array<T> x = draw_images<T>(random, s);
  const Array<double> wide = doubles(x);
  const auto n = static_cast<size_t>(planes), of_channels = static_cast<size_t>(s.channels);
  Array<double> want_mean(n), want_sum(n), want_squares(n), mean_size(n), sum_size(n), square_size(n);
  Array<double> joined_mean(of_channels), joined_var(of_channels), whole_mean(of_channels), whole_var(of_channels);
  Array<double> joined_size(of_channels), var_size(of_channels);
  // Of all x, each element being a part.
  Array<double> by_element(wide.size());
  for (int64_t i = 0; i < planes; ++i)
    for (int64_t j = 0; j < s.inner; ++j)
      by_element[static_cast<size_t>((i / s.channels * s.inner + j) * s.channels + i % s.channels)] =
          wide[static_cast<size_t>(i * s.inner + j)];
  reference::join_moments(s.images * s.inner, s.channels, 1, by_element.data(), nullptr, nullptr, whole_mean.data(),
                          whole_var.data());
  Agreement<T> agree[5];
  for_each_isa([&](const Kernels& k) {
    Array<T> mean = unwritten<T>(planes), sum = mean, squares = mean, mean2 = mean, sum2 = mean, squares2 = mean;
    const auto of_planes = [&](Array<T>& m, Array<T>& a, Array<T>& b, int64_t lo, int64_t hi) {
      k.plane_moments(dtype_of<T>(), s.inner, x.data(), m.data(), a.data(), b.data(), lo, hi);
    };
    of_planes(mean, sum, squares, 0, planes);
    in_parts(random, planes, [&](int64_t lo, int64_t hi) { of_planes(mean2, sum2, squares2, lo, hi); });
    expect_same("plane_moments mean in parts", k.isa, mean2, mean);
    expect_same("plane_moments sum in parts", k.isa, sum2, sum);
    expect_same("plane_moments squares in parts", k.isa, squares2, squares);
    agree[0].add("plane_moments mean", k, mean, true);  // sums alone: no fma in them
    agree[1].add("plane_moments sum", k, sum, true);
    agree[2].add("plane_moments squares", k, squares);
    const Array<double> about = doubles(mean);
    reference::plane_moments(planes, s.inner, wide.data(), about.data(), want_mean.data(), want_sum.data(),
                             want_squares.data());
    for (size_t i = 0; i < n; ++i) {
      mean_size[i] = sum_size[i] = square_size[i] = 0;
      for (size_t j = i * static_cast<size_t>(s.inner); j < (i + 1) * static_cast<size_t>(s.inner); ++j) {
        mean_size[i] += std::fabs(wide[j]) / static_cast<double>(s.inner);
        sum_size[i] += std::fabs(wide[j] - about[i]);
        square_size[i] += (wide[j] - about[i]) * (wide[j] - about[i]);
      }
    }
    expect_close("plane_moments mean", k.isa, mean, want_mean, mean_size, kLimit);
    expect_close("plane_moments sum", k.isa, sum, want_sum, sum_size, kLimit);
    expect_close("plane_moments squares", k.isa, squares, want_squares, square_size, kLimit);

    // Where a plane is one element, that is its mean.
    const T *from = s.inner == 1 ? x.data() : mean.data(), *first = s.inner == 1 ? nullptr : sum.data(),
            *second = s.inner == 1 ? nullptr : squares.data();
    Array<T> to_mean = unwritten<T>(s.channels), to_var = to_mean, to_mean2 = to_mean, to_var2 = to_mean;
    const auto join = [&](Array<T>& m, Array<T>& v, int64_t lo, int64_t hi) {
      k.join_moments(dtype_of<T>(), s.images, s.channels, s.inner, from, first, second, m.data(), v.data(), lo, hi);
    };
    join(to_mean, to_var, 0, s.channels);
    in_parts(random, s.channels, [&](int64_t lo, int64_t hi) { join(to_mean2, to_var2, lo, hi); });
    expect_same("join_moments mean in parts", k.isa, to_mean2, to_mean);
    expect_same("join_moments var in parts", k.isa, to_var2, to_var);
    agree[3].add("join_moments mean", k, to_mean);
    agree[4].add("join_moments var", k, to_var);
    const Array<double> wide_sum = doubles(sum), wide_squares = doubles(squares);
    reference::join_moments(s.images, s.channels, s.inner, s.inner == 1 ? wide.data() : about.data(),
                            first ? wide_sum.data() : nullptr, second ? wide_squares.data() : nullptr,
                            joined_mean.data(), joined_var.data());
    for (size_t c = 0; c < of_channels; ++c) {
      joined_size[c] = std::fabs(whole_mean[c]) + std::sqrt(whole_var[c]);
      var_size[c] = whole_var[c] + kUnit<T> * whole_mean[c] * whole_mean[c];
    }
    expect_close("join_moments mean", k.isa, to_mean, joined_mean, joined_size, kLimit);
    expect_close("join_moments var", k.isa, to_var, joined_var, var_size, kLimit);
    expect_close("the mean of all", k.isa, to_mean, whole_mean, joined_size, kLimit);
    expect_close("the variance of all", k.isa, to_var, whole_var, var_size, kLimit);
  });
}

template <class T>
void products(Random& random) {
  const Shape s = draw_shape(random);
  const Array<T> x = draw_images<T>(random, s), g = normals<T>(random, s.planes() * s.inner);
  const Array<T> means = normals<T>(random, s.channels, 10);
  const T* mean = random.one_in(3) ? nullptr : means.data();
  const Array<double> wide = doubles(x), wide_g = doubles(g), wide_means = doubles(means);
  const double* wide_mean = mean ? wide_means.data() : nullptr;
  const int64_t n = s.inner == 1 ? s.channels : s.planes();
  Array<double> want_dot(static_cast<size_t>(n)), want_sum = want_dot, dot_size = want_dot, sum_size = want_dot;
  reference::plane_products(s.images, s.channels, s.inner, wide_g.data(), wide.data(), wide_mean, want_dot.data(),
                            want_sum.data());
  Array<double> away = wide;
  for (size_t i = 0; i < away.size(); ++i) {
    const size_t channel = i / static_cast<size_t>(s.inner) % static_cast<size_t>(s.channels);
    away[i] = std::fabs(away[i] - (wide_mean ? wide_mean[channel] : 0));
  }
  reference::plane_products(s.images, s.channels, s.inner, magnitudes(wide_g).data(), away.data(), nullptr,
                            dot_size.data(), sum_size.data());
  Agreement<T> agree[2];
  for_each_isa([&](const Kernels& k) {
    Array<T> dot = unwritten<T>(n), sum = dot, dot2 = dot, sum2 = dot;
    const auto run = [&](Array<T>& to_dot, Array<T>& to_sum, int64_t lo, int64_t hi) {
      k.plane_products(dtype_of<T>(), s.images, s.channels, s.inner, g.data(), x.data(), mean, to_dot.data(),
                       to_sum.data(), lo, hi);
    };
    run(dot, sum, 0, n);
    in_parts(random, n, [&](int64_t lo, int64_t hi) { run(dot2, sum2, lo, hi); });
    expect_same("plane_products dot in parts", k.isa, dot2, dot);
    expect_same("plane_products sum in parts", k.isa, sum2, sum);
    agree[0].add("plane_products dot", k, dot);
    agree[1].add("plane_products sum", k, sum, true);
    expect_close("plane_products dot", k.isa, dot, want_dot, dot_size, kLimit);
    expect_close("plane_products sum", k.isa, sum, want_sum, sum_size, kLimit);
  });
}

void one(Random& random, uint64_t round) {
  if (round % 2) {
    moments<float>(random);
    moments<double>(random);
  } else {
    products<float>(random);
    products<double>(random);
  }
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) { return bs::fuzz::run(argc, argv, bs::fuzz::one); }
