// What the convolutions copy: windows of an input with their zeros, weights in the order of a tile's sum, and results,
// pixels by channels, turned to planes.
#pragma once

#include <cstdint>

#include "kernels/convolution_plan.h"
#include "kernels/gemm_pack.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

// Every second lane of the pair (a, b), and both by turns.
template <class T, int... I>
inline Vec<T> every_second(Vec<T> a, Vec<T> b, Indices<I...>) {
  return __builtin_shufflevector(a, b, (2 * I)...);
}
template <class T, int First, int... I>
inline Vec<T> by_turns(Vec<T> a, Vec<T> b, Indices<I...>) {
  return __builtin_shufflevector(a, b, (First + I / 2 + I % 2 * kLanes<T>)...);
}

// The outputs [begin, end) of n that lie in a row of `size` elements, output i over from + i step.
struct Inside {
  int64_t from, step, n, begin, end;
  Inside(int64_t size, int64_t first, int64_t apart, int64_t count) : from(first), step(apart), n(count) {
    const auto steps = [apart](int64_t way) {  // divisions are what short rows would feel
      return apart == 1 ? way : apart == 2 ? (way + 1) >> 1 : ceil_div(way, apart);
    };
    begin = min_of(count, first < 0 ? steps(-first) : 0);
    end = most_of(begin, min_of(count, first < size ? steps(size - first) : 0));
  }
};

// to[i] = row[from + i step], 0 outside.
template <class T>
inline void copy_row(const T* row, int64_t size, const Inside& in, T* to) {
  constexpr int L = kLanes<T>;
  const int64_t from = in.from, step = in.step, n = in.n, begin = in.begin, end = in.end;
  for (int64_t i = 0; i < begin; ++i) to[i] = 0;
  int64_t i = begin;
  row += from;
  if (step == 1) {
    for (; i + L <= end; i += L) v_store(to + i, v_load(row + i));
    if (i < end) v_store_part(to + i, v_load_part(row + i, end - i), end - i);
  } else if (step == 2) {
    for (; i < end; i += L) {
      const int64_t left = size - from - 2 * i;  // elements of the row
      const Vec<T> a = left >= L ? v_load(row + 2 * i) : v_load_part(row + 2 * i, left);
      const Vec<T> b = left >= 2 * L ? v_load(row + 2 * i + L)
                       : left > L    ? v_load_part(row + 2 * i + L, left - L)
                                     : Vec<T>{};
      v_store_part(to + i, every_second<T>(a, b, LanesOf<T>{}), min_of(L, end - i));
    }
  } else {
    for (; i < end; ++i) to[i] = row[i * step];
  }
  for (i = end; i < n; ++i) to[i] = 0;
}

// to[i] = made[i % step * apart + i / step] for i < n: a row from its phases.
template <class T>
inline void merge_row(const T* made, int64_t apart, int64_t step, int64_t n, T* to) {
  constexpr int L = kLanes<T>;
  if (step == 2) {
    for (int64_t i = 0; i < n; i += 2 * L) {
      const Vec<T> a = v_load(made + i / 2), b = v_load(made + apart + i / 2);
      v_store_part(to + i, by_turns<T, 0>(a, b, LanesOf<T>{}), min_of(L, n - i));
      if (i + L < n) v_store_part(to + i + L, by_turns<T, L / 2>(a, b, LanesOf<T>{}), min_of(L, n - i - L));
    }
    return;
  }
  for (int64_t p = 0; p < step; ++p)
    for (int64_t i = p; i < n; i += step) to[i] = made[p * apart + i / step];
}

// Output rows [row, row + rows) of depth `depth`, columns from `col` on.
template <class T>
void copy_window(const ConvSum& s, const ConvWindow& w, const ConvAxis& z, const ConvAxis& r,
                 const ConvColumns& columns, const T* x, int64_t depth, int64_t row, int64_t rows, int64_t col, T* to) {
  constexpr int L = kLanes<T>;
  const int64_t in_rows = w.in_rows_of(r, rows), top = row * r.in_step + r.low();
  for (int64_t d = 0; d < w.slices; ++d) {
    const int64_t at_depth = depth * z.in_step + z.at + d * z.at_step;
    const bool has = at_depth >= 0 && at_depth < s.x[0] && s.x[2] > 0;  // an empty x may be null
    for (int64_t c = 0; c < w.channels; ++c) {                          // plane by plane, as memory has them
      const T* const plane = has ? x + (c * s.x[0] + at_depth) * s.x[1] * s.x[2] : x;
      for (int64_t q = 0; q < w.remainders; ++q) {
        T* line = to + d * w.slice_step + c * w.channel_step + q * w.width;
        const Inside inside(s.x[2], col * columns.in_step + columns.low + q, columns.in_step, w.width);
        for (int64_t i = 0; i < in_rows; ++i, line += w.row_step) {
          const int64_t at_row = top + i * w.pick;
          if (has && at_row >= 0 && at_row < s.x[1])
            copy_row(plane + at_row * s.x[2], s.x[2], inside, line);
          else
            for (int64_t e = 0; e < w.width; e += L) v_store_part(line + e, Vec<T>{}, min_of(L, w.width - e));
        }
      }
    }
  }
}

// Where the taps of a phase lie in a window, in the order of the sum; one more entry follows that a tile may read.
inline void offsets_of(const ConvWindow& w, const ConvAxis& z, const ConvAxis& r, const ConvAxis& c,
                       const ConvColumns& columns, int64_t* at) {
  for (int64_t i = 0; i < z.taps; ++i)
    for (int64_t j = 0; j < r.taps; ++j)
      for (int64_t k = 0; k < c.taps; ++k) {
        const int64_t row = r.taps > 1 ? r.at + j * r.at_step - r.low() : 0;
        const int64_t col = c.at + k * c.at_step - columns.low;
        *at++ = i * w.slice_step + row * w.row_step + col % columns.in_step * w.width + col / columns.in_step;
      }
  *at = 0;
}

constexpr int64_t kAheadChannels = 4;  // of weights that lie far apart

// Weights of channels out [first, first + n), n <= lanes, and all channels in to dst[tap][channel in][width], the taps
// of one phase, lanes beyond n padded with numbers. `turned` holds one vector per tap of the kernel.
template <class T>
void pack_weights(const ConvSum& s, const ConvAxis& z, const ConvAxis& r, const ConvAxis& c, const T* w, int64_t first,
                  int64_t n, int64_t width, T* dst, T* turned) {
  constexpr int L = kLanes<T>;
  const int64_t* const size = s.c.kernel;
  const int64_t part = min_of(width, L);
  const int64_t block = s.w_out == volume(s.c.kernel) ? n * s.w_out : 0;  // of neighbouring channels
  for (int64_t i = 0; i < s.in; ++i) {
    for (int64_t e = 0; e < block; e += 64 / static_cast<int64_t>(sizeof(T)))
      __builtin_prefetch(w + first * s.w_out + min_of(i + kAheadChannels, s.in - 1) * s.w_in + e);
    pack_transposed(w + first * s.w_out + i * s.w_in, s.w_out, n, volume(s.c.kernel), turned, L);
    T* to = dst + i * width;
    for (int64_t p = 0; p < z.taps; ++p)
      for (int64_t q = 0; q < r.taps; ++q)
        for (int64_t t = 0; t < c.taps; ++t, to += s.in * width) {
          const int64_t tap =
              ((z.tap + p * z.tap_step) * size[1] + r.tap + q * r.tap_step) * size[2] + c.tap + t * c.tap_step;
          if (part == L)
            v_store(to, v_load(turned + tap * L));
          else
            for (int64_t e = 0; e < part; ++e) to[e] = turned[tap * L + e];
        }
  }
}

// Brings what is about to be written, `n` elements in each of so many planes, nearer: lines of planes are far apart,
// and stores would wait for each.
template <class T>
inline void fetch_planes(T* y, int64_t n, int64_t planes, int64_t step) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t k = 0; k < planes; ++k)
    for (int64_t i = 0; i < n; i += kLine) __builtin_prefetch(y + k * step + i, 1, 2);
}

// y[k * step + i] = block[i * width + k] for i < n pixels and k < channels; width is a multiple of the lanes.
template <class T>
void turn_block(const T* block, int64_t width, int64_t n, int64_t channels, T* y, int64_t step) {
  constexpr int L = kLanes<T>, E = kPiece<T>, S = kTurned<T>;
  for (int64_t i = 0; i < n; i += L) {
    const int64_t pixels = min_of(L, n - i);
    const T* column[L];
    for (int64_t l = 0; l < L; ++l) column[l] = block + (i + min_of(l, pixels - 1)) * width;
    for (int64_t k = 0; k < channels; k += S) {
      Vec<T> row[S];
      load_turned<T, true>(row, [&](int q, int e) { return column[q * E + e] + k; }, S);
      T* const to = y + k * step + i;
      if (pixels == L && k + S <= channels) {
        BS_UNROLL
        for (int e = 0; e < S; ++e) v_store(to + e * step, row[e]);
      } else {
        BS_UNROLL
        for (int e = 0; e < S; ++e)
          if (k + e < channels) v_store_part(to + e * step, row[e], pixels);
      }
    }
  }
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
