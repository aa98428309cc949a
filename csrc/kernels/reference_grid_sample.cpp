#include "kernels/reference_grid_sample.h"

#include <cmath>
#include <vector>

namespace bs::kernels::reference {
namespace {

// A pixel along an axis, or of all axes: -1 outside.
template <class T>
struct Tap {
  int64_t at;
  T weight, slope;
};

template <class T>
T inside(const GridSample& s, T size, T at, T& turn) {
  if (s.border == GridBorder::zeros) return at;
  if (s.border == GridBorder::reflection) {
    const T low = s.align_corners ? T(0) : T(-0.5), span = s.align_corners ? size - 1 : size;
    const bool before = at < low;
    const T away = std::fabs(at - low);
    const T rest = span == 0 ? T(0) : away - std::trunc(away / (2 * span)) * (2 * span);
    if (before != (rest > span)) turn = -turn;
    at = (rest > span ? 2 * span - rest : rest) + low;
  }
  if (!(at > 0 && at < size - 1)) turn = 0;
  if (!(at > 0)) return 0;
  return at < size - 1 ? at : size - 1;
}

template <class T>
std::vector<Tap<T>> taps_along(const GridSample& s, int axis, T grid) {
  const T size = static_cast<T>(s.in[axis]), scale = (s.align_corners ? size - 1 : size) / 2;
  T at = (grid + 1) * scale - (s.align_corners ? T(0) : T(0.5)), turn = scale;
  if (s.mode != GridMode::cubic) at = inside(s, size, at, turn);
  const auto pixel = [&](T place) { return place >= 0 && place <= size - 1 ? static_cast<int64_t>(place) : -1; };
  if (s.mode == GridMode::nearest) return {{pixel(std::nearbyint(at)), 1, 0}};
  const T near = std::floor(at), t = at - near;
  if (s.mode == GridMode::linear) return {{pixel(near), 1 - t, -turn}, {pixel(near + 1), t, turn}};
  std::vector<Tap<T>> taps;
  for (int k = -1; k <= 2; ++k) {
    T unused = turn;
    const T x = k == -1 ? t + 1 : k == 0 ? t : k == 1 ? 1 - t : 2 - t, sign = k < 1 ? turn : -turn;
    const bool close = k == 0 || k == 1;
    const T weight = close ? (x * T(1.25) - T(2.25)) * x * x + 1 : ((x * T(-0.75) + T(3.75)) * x - 6) * x + 3;
    const T slope = close ? (x * T(3.75) - T(4.5)) * x : (x * T(-2.25) + T(7.5)) * x - 6;
    taps.push_back({pixel(inside(s, size, near + static_cast<T>(k), unused)), weight, sign * slope});
  }
  return taps;
}

// Of a place, in row-major order; the slope by the coordinate along `by`.
template <class T>
std::vector<Tap<T>> taps_of(const GridSample& s, const T* grid, int by) {
  std::vector<Tap<T>> taps{{0, 1, 1}};
  for (int a = 0; a < s.axes; ++a) {
    std::vector<Tap<T>> longer;
    for (const Tap<T>& tap : taps)
      for (const Tap<T>& next : taps_along(s, a, grid[s.axes - 1 - a]))
        longer.push_back({tap.at < 0 || next.at < 0 ? -1 : tap.at * s.in[a] + next.at, tap.weight * next.weight,
                          tap.slope * (a == by ? next.slope : next.weight)});
    taps = longer;
  }
  return taps;
}

int64_t pixels_of(const GridSample& s) { return s.in[0] * s.in[1] * (s.axes == 3 ? s.in[2] : 1); }

// f(place of all samples, that place in its plane, planes of the sample: first, end).
template <class F>
void each_place(const GridSample& s, int64_t samples, F f) {
  for (int64_t i = 0; i < samples * s.places; ++i)
    f(i, i % s.places, i / s.places * s.channels, (i / s.places + 1) * s.channels);
}

}  // namespace

template <class T>
void grid_sample(const GridSample& s, int64_t samples, const T* x, const T* grid, T* y) {
  each_place(s, samples, [&](int64_t i, int64_t p, int64_t plane, int64_t end) {
    const std::vector<Tap<T>> taps = taps_of(s, grid + i * s.axes, 0);
    for (; plane < end; ++plane) {
      const auto value = [&](const Tap<T>& tap) { return tap.at < 0 ? T(0) : x[plane * pixels_of(s) + tap.at]; };
      T sum = taps[0].weight * value(taps[0]);
      for (size_t k = 1; k < taps.size(); ++k) sum += taps[k].weight * value(taps[k]);
      y[plane * s.places + p] = sum;
    }
  });
}

template <class T>
void grid_sample_input(const GridSample& s, int64_t samples, const T* g, const T* grid, T* dx) {
  for (int64_t i = 0; i < samples * s.channels * pixels_of(s); ++i) dx[i] = 0;
  each_place(s, samples, [&](int64_t i, int64_t p, int64_t plane, int64_t end) {
    for (; plane < end; ++plane)
      for (const Tap<T>& tap : taps_of(s, grid + i * s.axes, 0))
        if (tap.at >= 0) dx[plane * pixels_of(s) + tap.at] += tap.weight * g[plane * s.places + p];
  });
}

template <class T>
void grid_sample_grid(const GridSample& s, int64_t samples, const T* g, const T* x, const T* grid, T* dgrid) {
  each_place(s, samples, [&](int64_t i, int64_t p, int64_t first, int64_t end) {
    for (int a = 0; a < s.axes; ++a) {
      T sum = 0;
      for (const Tap<T>& tap : taps_of(s, grid + i * s.axes, a)) {
        T dot = 0;
        for (int64_t c = first; c < end; ++c)
          dot += g[c * s.places + p] * (tap.at < 0 ? T(0) : x[c * pixels_of(s) + tap.at]);
        sum += tap.slope * dot;
      }
      dgrid[i * s.axes + s.axes - 1 - a] = sum;
    }
  });
}

template void grid_sample(const GridSample&, int64_t, const float*, const float*, float*);
template void grid_sample(const GridSample&, int64_t, const double*, const double*, double*);
template void grid_sample_input(const GridSample&, int64_t, const float*, const float*, float*);
template void grid_sample_input(const GridSample&, int64_t, const double*, const double*, double*);
template void grid_sample_grid(const GridSample&, int64_t, const float*, const float*, const float*, float*);
template void grid_sample_grid(const GridSample&, int64_t, const double*, const double*, const double*, double*);

}  // namespace bs::kernels::reference
