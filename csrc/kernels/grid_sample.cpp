// Images at given places: each output is a weighted sum of the pixels near its place, its taps.
//
// Places are taken a vector at a time. Their taps, offsets in a plane and weights, are worked out once for all
// channels, axis by axis and then of all axes together; a channel is then a short chain of gathers. What is outside of
// the image has the offset -1, and is not read.
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

template <class T>
using Int = typename IntOf<T>::type;

constexpr int kMost = 4, kMostTaps = 16;  // along an axis, and of a place

// x[at], or 0 where that is negative.
template <class T>
inline Vec<T> gather(const T* x, Mask<T> at) {
#if defined(__AVX512F__)
  const __m512i places = (__m512i)at, none = __m512i{};
  if constexpr (sizeof(T) == 4)
    return _mm512_mask_i32gather_ps(Vec<T>{}, _mm512_cmp_epi32_mask(places, none, _MM_CMPINT_NLT), places, x, 4);
  if constexpr (sizeof(T) == 8)
    return _mm512_mask_i64gather_pd(Vec<T>{}, _mm512_cmp_epi64_mask(places, none, _MM_CMPINT_NLT), places, x, 8);
#else
  T lanes[kLanes<T>];
  for (int i = 0; i < kLanes<T>; ++i) lanes[i] = at[i] < 0 ? T(0) : x[at[i]];
  return v_load(lanes);
#endif
}

template <class T, int... i>
inline Vec<T> halves(Vec<T> low, Vec<T> high, bool odd, Indices<i...>) {
  return odd ? __builtin_shufflevector(low, high, (2 * i + 1)...) : __builtin_shufflevector(low, high, (2 * i)...);
}

// Coordinate c of n places.
template <class T>
inline Vec<T> coordinates(const T* grid, int axes, int c, int64_t n) {
  if (axes == 2 && n == kLanes<T>)
    return halves<T>(v_load(grid), v_load(grid + kLanes<T>), c, typename IndicesTo<kLanes<T>>::type{});
  const Mask<T> lane = v_iota<T>();
  return gather(grid + c, lane < static_cast<Int<T>>(n) ? lane * axes : Mask<T>{} - Int<T>(1));
}

// ---- Along one axis ----------------------------------------------------------------------------------------------

// The taps of a vector of places; `slope` is the derivative of the weight by the coordinate that the grid gives.
template <class T>
struct Line {
  Mask<T> at[kMost];
  Vec<T> weight[kMost], slope[kMost];
};

// Where a place lies in the image that it sees; `turn` becomes the derivative of that, 0 on the border and beyond.
template <class T>
inline Vec<T> inside(const GridSample& s, T size, Vec<T> at, Vec<T>& turn) {
  const Vec<T> none = {};
  if (s.border == GridBorder::zeros) return at;
  if (s.border == GridBorder::reflection) {
    const T low = s.align_corners ? T(0) : T(-0.5), span = s.align_corners ? size - 1 : size;
    const Mask<T> before = at < low;
    const Vec<T> away = before ? low - at : at - low;
    const Vec<T> rest = span == 0 ? none : away - v_rounded<kToZero>(away / (2 * span)) * (2 * span);
    const Mask<T> back = rest > span;
    turn = (before ^ back) ? -turn : turn;
    at = (back ? 2 * span - rest : rest) + low;
  }
  turn = ((at > T(0)) & (at < size - 1)) ? turn : none;
  at = at > T(0) ? at : none;  // NaN too
  return at < size - 1 ? at : v_set(size - 1);
}

// Keys' cubic with a = -0.75, of a distance from 0 to 1 and from 1 to 2, and its derivatives.
template <class T>
inline Vec<T> within(Vec<T> x) {
  return (x * T(1.25) - T(2.25)) * x * x + T(1);
}
template <class T>
inline Vec<T> beyond(Vec<T> x) {
  return ((x * T(-0.75) + T(3.75)) * x - T(6)) * x + T(3);
}
template <class T>
inline Vec<T> within_slope(Vec<T> x) {
  return (x * T(3.75) - T(4.5)) * x;
}
template <class T>
inline Vec<T> beyond_slope(Vec<T> x) {
  return (x * T(-2.25) + T(7.5)) * x - T(6);
}

template <class T>
inline Mask<T> pixel(Vec<T> place, T size) {
  const Vec<T> there = ((place >= T(0)) & (place <= size - 1)) ? place : v_set(T(-1));
  return __builtin_convertvector(there, Mask<T>);
}

template <class T>
int along(const GridSample& s, int axis, Vec<T> grid, Line<T>& line) {
  const T size = static_cast<T>(s.in[axis]), scale = (s.align_corners ? size - 1 : size) / 2;
  Vec<T> at = (grid + T(1)) * scale, turn = v_set(scale);
  if (!s.align_corners) at -= T(0.5);
  if (s.mode != GridMode::cubic) at = inside(s, size, at, turn);
  if (s.mode == GridMode::nearest) {
    line.at[0] = pixel(v_rounded<kToNearest>(at), size);
    line.weight[0] = v_set(T(1));
    line.slope[0] = Vec<T>{};
    return 1;
  }
  const Vec<T> near = v_rounded<kDown>(at), t = at - near;
  if (s.mode == GridMode::linear) {
    for (int k = 0; k < 2; ++k) {
      line.at[k] = pixel(near + static_cast<T>(k), size);
      line.weight[k] = k ? t : T(1) - t;
      line.slope[k] = k ? turn : -turn;
    }
    return 2;
  }
  for (int k = 0; k < 4; ++k) {
    Vec<T> unused = turn;
    line.at[k] = pixel(inside(s, size, near + static_cast<T>(k - 1), unused), size);
  }
  line.weight[0] = beyond<T>(t + T(1)), line.slope[0] = turn * beyond_slope<T>(t + T(1));
  line.weight[1] = within<T>(t), line.slope[1] = turn * within_slope<T>(t);
  line.weight[2] = within<T>(T(1) - t), line.slope[2] = -turn * within_slope<T>(T(1) - t);
  line.weight[3] = beyond<T>(T(2) - t), line.slope[3] = -turn * beyond_slope<T>(T(2) - t);
  return 4;
}

// ---- Of a place --------------------------------------------------------------------------------------------------

template <class T>
struct Taps {
  int count;
  Mask<T> at[kMostTaps];
  Vec<T> weight[kMostTaps], slope[3][kMostTaps];  // by each axis; set if asked for
};

// Of `n` places, whose coordinates begin at grid, those of the last axis first; the other lanes mean nothing.
template <class T>
__attribute__((noinline)) void taps_of(const GridSample& s, const T* grid, int64_t n, bool slopes, Taps<T>& taps) {
  const Mask<T> none = Mask<T>{} - Int<T>(1);
  Line<T> line;
  taps.count = 1;
  taps.at[0] = Mask<T>{};
  taps.weight[0] = v_set(T(1));
  for (int b = 0; slopes && b < s.axes; ++b) taps.slope[b][0] = v_set(T(1));
  for (int a = 0; a < s.axes; ++a) {
    const int each = along(s, a, coordinates(grid, s.axes, s.axes - 1 - a, n), line);
    // Each tap so far becomes `each` taps, in place from the last one on.
    for (int k = taps.count - 1; k >= 0; --k)
      for (int i = each - 1; i >= 0; --i) {
        const int to = k * each + i;
        const Mask<T> at = taps.at[k], next = line.at[i];
        taps.at[to] = (at | next) < Int<T>(0) ? none : at * static_cast<Int<T>>(s.in[a]) + next;
        taps.weight[to] = taps.weight[k] * line.weight[i];
        for (int b = 0; slopes && b < s.axes; ++b)
          taps.slope[b][to] = taps.slope[b][k] * (b == a ? line.slope[i] : line.weight[i]);
      }
    taps.count *= each;
  }
}

int64_t pixels_of(const GridSample& s) { return s.in[0] * s.in[1] * (s.axes == 3 ? s.in[2] : 1); }

// f(first plane, its channels, vector of places, how many, taps) for planes [lo, hi), each in all vectors of places.
template <class T, class F>
inline void each_vector_of_planes(const GridSample& s, const T* grid, int64_t lo, int64_t hi, const F& f) {
  for (int64_t end; lo < hi; lo = end) {
    const int64_t sample = lo / s.channels;
    end = min_of(hi, (sample + 1) * s.channels);
    const T* of_sample = grid + sample * s.places * s.axes;
    for (int64_t p = 0; p < s.places; p += kLanes<T>) {
      const int64_t n = min_of(kLanes<T>, s.places - p);
      Taps<T> taps;
      taps_of(s, of_sample + p * s.axes, n, false, taps);
      for (int64_t plane = lo; plane < end; ++plane) f(plane, p, n, taps);
    }
  }
}

template <class T>
void sample(const GridSample& s, const T* x, const T* grid, T* y, int64_t lo, int64_t hi) {
  const int64_t pixels = pixels_of(s);
  each_vector_of_planes(s, grid, lo, hi, [&](int64_t plane, int64_t p, int64_t n, const Taps<T>& taps) {
    const T* from = x + plane * pixels;
    Vec<T> sum = taps.weight[0] * gather(from, taps.at[0]);
    for (int k = 1; k < taps.count; ++k) sum += taps.weight[k] * gather(from, taps.at[k]);
    T* to = y + plane * s.places + p;
    n == kLanes<T> ? v_store(to, sum) : v_store_part(to, sum, n);
  });
}

template <class T>
void give_back(const GridSample& s, const T* g, const T* grid, T* dx, int64_t lo, int64_t hi) {
  const int64_t pixels = pixels_of(s);
  if (lo == hi || pixels == 0) return;  // no memory, which memset must not be given
  memset(dx + lo * pixels, 0, static_cast<size_t>((hi - lo) * pixels) * sizeof(T));
  each_vector_of_planes(s, grid, lo, hi, [&](int64_t plane, int64_t p, int64_t n, const Taps<T>& taps) {
    T* to = dx + plane * pixels;
    const T* from = g + plane * s.places + p;
    const Vec<T> of_places = n == kLanes<T> ? v_load(from) : v_load_part(from, n);
    T shares[kMostTaps][kLanes<T>];
    for (int k = 0; k < taps.count; ++k) v_store(shares[k], taps.weight[k] * of_places);
    for (int64_t i = 0; i < n; ++i)
      for (int k = 0; k < taps.count; ++k)
        if (taps.at[k][i] >= 0) to[taps.at[k][i]] += shares[k][i];
  });
}

template <class T>
void slopes(const GridSample& s, const T* g, const T* x, const T* grid, T* dgrid, int64_t lo, int64_t hi) {
  const int64_t pixels = pixels_of(s);
  for (int64_t n; lo < hi; lo += n) {
    const int64_t image = lo / s.places, p = lo % s.places;
    n = min_of(kLanes<T>, min_of(hi - lo, s.places - p));
    Taps<T> taps;
    taps_of(s, grid + lo * s.axes, n, true, taps);
    Vec<T> dot[kMostTaps] = {};
    for (int64_t plane = image * s.channels; plane < (image + 1) * s.channels; ++plane) {
      const T* from = g + plane * s.places + p;
      const Vec<T> of_places = n == kLanes<T> ? v_load(from) : v_load_part(from, n);
      for (int k = 0; k < taps.count; ++k) dot[k] += of_places * gather(x + plane * pixels, taps.at[k]);
    }
    for (int a = 0; a < s.axes; ++a) {
      Vec<T> sum = {};
      for (int k = 0; k < taps.count; ++k) sum += taps.slope[a][k] * dot[k];
      for (int64_t i = 0; i < n; ++i) dgrid[(lo + i) * s.axes + s.axes - 1 - a] = sum[i];
    }
  }
}

}  // namespace

void grid_sample(const GridSample& s, const void* x, const void* grid, void* y, int64_t lo, int64_t hi) {
  with_float(s.dtype, [&](auto zero) {
    using T = decltype(zero);
    sample(s, static_cast<const T*>(x), static_cast<const T*>(grid), static_cast<T*>(y), lo, hi);
  });
}

void grid_sample_input(const GridSample& s, const void* g, const void* grid, void* dx, int64_t lo, int64_t hi) {
  with_float(s.dtype, [&](auto zero) {
    using T = decltype(zero);
    give_back(s, static_cast<const T*>(g), static_cast<const T*>(grid), static_cast<T*>(dx), lo, hi);
  });
}

void grid_sample_grid(const GridSample& s, const void* g, const void* x, const void* grid, void* dgrid, int64_t lo,
                      int64_t hi) {
  with_float(s.dtype, [&](auto zero) {
    using T = decltype(zero);
    slopes(s, static_cast<const T*>(g), static_cast<const T*>(x), static_cast<const T*>(grid), static_cast<T*>(dgrid),
           lo, hi);
  });
}

}  // namespace bs::kernels::BS_ISA
