// What the convolutions copy: windows of an input with their zeros, weights in the order of a tile's sum, and results,
// pixels by channels, turned to planes.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/convolution_plan.h"
#include "kernels/convolution_tile.h"
#include "kernels/gemm_pack.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

// Every second lane of the pair (a, b), and both by turns.
template <class T, int First, int... I>
inline Vec<T> every_second(Vec<T> a, Vec<T> b, Indices<I...>) {
  return __builtin_shufflevector(a, b, (First + 2 * I)...);
}
template <class T, int First, int... I>
inline Vec<T> by_turns(Vec<T> a, Vec<T> b, Indices<I...>) {
  return __builtin_shufflevector(a, b, (First + I / 2 + I % 2 * kLanes<T>)...);
}

// The outputs [begin, end) of `count` that lie in a row of `size` elements, output i over first + i apart.
struct Inside {
  int64_t begin, end;
  Inside(int64_t size, int64_t first, int64_t apart, int64_t count) {
    const auto steps = [apart](int64_t way) {  // divisions are what short rows would feel
      return apart == 1 ? way : apart == 2 ? (way + 1) >> 1 : ceil_div(way, apart);
    };
    begin = min_of(count, first < 0 ? steps(-first) : 0);
    end = most_of(begin, min_of(count, first < size ? steps(size - first) : 0));
  }
};

// Lanes [lo, hi) of a vector, as many as it has of them.
template <class T>
class LaneRange {
 public:
#if defined(__AVX512F__)
  LaneRange(int64_t lo, int64_t hi) : lanes_(below(hi) & ~below(lo)) {}
  Vec<T> load(const T* p) const {  // the others are 0, and not read
    if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_epi32(static_cast<__mmask16>(lanes_), p);
    if constexpr (sizeof(T) == 8) return (Vec<T>)_mm512_maskz_loadu_epi64(static_cast<__mmask8>(lanes_), p);
  }

 private:
  static uint32_t below(int64_t n) { return (1u << most_of(min_of(n, kLanes<T>), 0)) - 1; }
  uint32_t lanes_;
#elif defined(__AVX2__)
  LaneRange(int64_t lo, int64_t hi) : lanes_((__m256i)(below(hi) & ~below(lo))) {}
  Vec<T> load(const T* p) const {
    if constexpr (sizeof(T) == 4) return (Vec<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), lanes_);
    if constexpr (sizeof(T) == 8) return (Vec<T>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), lanes_);
  }

 private:
  static Mask<T> below(int64_t n) {
    return v_iota<T>() < static_cast<typename IntOf<T>::type>(most_of(min_of(n, kLanes<T>), 0));
  }
  __m256i lanes_;
#else
  LaneRange(int64_t lo, int64_t hi) : lo_(lo), hi_(hi) {}
  [[gnu::noinline]] Vec<T> load(const T* p) const {
    if (lo_ <= 0 && hi_ >= kLanes<T>) return v_load(p);
    T lanes[kLanes<T>];
    for (int i = 0; i < kLanes<T>; ++i) lanes[i] = i >= lo_ && i < hi_ ? p[i] : T{0};
    return v_load(lanes);
  }

 private:
  int64_t lo_, hi_;
#endif
};

// Lines of a window: neighbouring outputs of as many rows as are inside.
template <class T>
struct Lines {
  const T* row;   // of outputs' first element, which need not be inside
  int64_t pitch;  // between rows
  T* to;
  int64_t step;  // between lines
  int64_t rows, n;
};

// to[i] = row[i] where `in` has it, else 0.
template <class T>
void copy_lines(Lines<T> l, const Inside& in) {
  constexpr int L = kLanes<T>;
  const int64_t last = l.n - L;
  if (last < 0 || in.begin > L || in.end < last) {  // short, or with many zeros
    for (int64_t i = 0; i < l.n; i += L) {
      const LaneRange<T> lanes(in.begin - i, in.end - i);
      for (int64_t j = 0; j < l.rows; ++j)
        v_store_part(l.to + j * l.step + i, lanes.load(l.row + j * l.pitch + i), min_of(L, l.n - i));
    }
    return;
  }
  const LaneRange<T> head(in.begin, in.end), tail(in.begin - last, in.end - last);
  for (; l.rows > 0; --l.rows, l.row += l.pitch, l.to += l.step) {
    v_store(l.to, head.load(l.row));
    int64_t i = L;
    for (; i < last && i + L <= in.end; i += L) v_store(l.to + i, v_load(l.row + i));
    if (i < last) v_store(l.to + i, v_load_part(l.row + i, in.end - i));
    v_store(l.to + last, tail.load(l.row + last));  // may overlap the one before
  }
}

// to[i] = row[2 i], and if kBoth to[apart + i] = row[2 i + 1], where `in`, of elements, has them, else 0.
template <class T, bool kBoth>
void copy_pairs(Lines<T> l, const Inside& in, int64_t apart) {
  constexpr int L = kLanes<T>;
  const auto lanes = [&](int64_t i) { return LaneRange<T>(in.begin - i, in.end - i); };
  const auto put = [apart](T* to, Vec<T> a, Vec<T> b, int64_t n) __attribute__((always_inline)) {
    v_store_part(to, every_second<T, 0>(a, b, LanesOf<T>{}), n);
    if (kBoth) v_store_part(to + apart, every_second<T, 1>(a, b, LanesOf<T>{}), n);
  };
  const int64_t last = l.n - L;
  if (last < 0 || in.begin > 2 * L || in.end < 2 * last) {
    for (int64_t i = 0; i < l.n; i += L) {
      const LaneRange<T> a = lanes(2 * i), b = lanes(2 * i + L);
      const T* row = l.row + 2 * i;
      for (int64_t j = 0; j < l.rows; ++j, row += l.pitch)
        put(l.to + j * l.step + i, a.load(row), b.load(row + L), min_of(L, l.n - i));
    }
    return;
  }
  const LaneRange<T> head[] = {lanes(0), lanes(L)}, tail[] = {lanes(2 * last), lanes(2 * last + L)};
  for (; l.rows > 0; --l.rows, l.row += l.pitch, l.to += l.step) {
    const T* const row = l.row;
    put(l.to, head[0].load(row), head[1].load(row + L), L);
    for (int64_t i = L; i < last; i += L) {
      const T* const p = row + 2 * i;
      if (2 * (i + L) <= in.end)
        put(l.to + i, v_load(p), v_load(p + L), L);
      else
        put(l.to + i, lanes(2 * i).load(p), lanes(2 * i + L).load(p + L), L);
    }
    put(l.to + last, tail[0].load(row + 2 * last), tail[1].load(row + 2 * last + L), L);
  }
}

// to[i] = made[i % step * apart + i / step] for i < n: a row from its phases.
template <class T>
[[gnu::noinline]] void merge_row(const T* made, int64_t apart, int64_t step, int64_t n, T* to) {
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
[[gnu::noinline]] void copy_window(const ConvSum& s, const ConvWindow& w, const ConvAxis& z, const ConvAxis& r,
                                   const ConvColumns& columns, const T* x, int64_t depth, int64_t row, int64_t rows,
                                   int64_t col, T* to) {
  const int64_t in_rows = w.in_rows_of(r, rows), top = row * r.in_step + r.low(), size = s.x[2], step = columns.in_step;
  const int64_t left = col * step + columns.low;
  const Inside down(s.x[1], top, w.pick, in_rows), all(size, left, 1, step * w.width);
  for (int64_t d = 0; d < w.slices; ++d) {
    const int64_t at_depth = depth * z.in_step + z.at + d * z.at_step;
    const bool has = at_depth >= 0 && at_depth < s.x[0] && size > 0;  // an empty x may be null
    const int64_t begin = has ? down.begin : in_rows, end = has ? down.end : in_rows;
    for (int64_t c = 0; c < w.channels; ++c) {  // plane by plane, as memory has them
      T* const lines = to + d * w.slice_step + c * w.channel_step;
      for (int64_t i = 0; i < in_rows; ++i) {
        if (i == begin) i = end;
        if (i < in_rows) std::memset(lines + i * w.row_step, 0, static_cast<size_t>(w.channel_step) * sizeof(T));
      }
      if (begin == end) continue;
      const T* const first = x + ((c * s.x[0] + at_depth) * s.x[1] + top + begin * w.pick) * size + left;
      const Lines<T> l = {first, w.pick * size, lines + begin * w.row_step, w.row_step, end - begin, w.width};
      if (step == 1) {
        copy_lines(l, all);
        continue;
      }
      if constexpr (!kConvFew<T>) {
        if (step == 2) {
          w.remainders == 1 ? copy_pairs<T, false>(l, all, 0) : copy_pairs<T, true>(l, all, w.width);
          continue;
        }
      }
      for (int64_t i = 0; i < l.rows; ++i)
        for (int64_t q = 0; q < w.remainders; ++q)
          for (int64_t e = 0, at = q; e < w.width; ++e, at += step) {
            asm("" : "+r"(at));  // vectors are not worth their instructions
            l.to[i * l.step + q * w.width + e] = at >= all.begin && at < all.end ? l.row[i * l.pitch + at] : T{0};
          }
    }
  }
}

// Where the taps of a phase lie in a window, in the order of the sum; one more entry follows that a tile may read.
[[gnu::noinline]] void offsets_of(const ConvWindow& w, const ConvAxis& z, const ConvAxis& r, const ConvAxis& c,
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
[[gnu::noinline]] void pack_weights(const ConvSum& s, const ConvAxis& z, const ConvAxis& r, const ConvAxis& c,
                                    const T* w, int64_t first, int64_t n, int64_t width, T* dst, T* turned) {
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
[[gnu::noinline]] void turn_block(const T* block, int64_t width, int64_t n, int64_t channels, T* y, int64_t step) {
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
