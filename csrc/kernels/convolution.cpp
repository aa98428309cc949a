// The convolution and its gradient by x: for each group of channels and sample, a sum over taps and channels
// (convolution_plan.h) in bands of rows. A band's window of the input is copied, then
//
//   for groups of rows (whose results stay in L1):
//     for blocks of channels out:
//       for rows: for tiles of pixels       pixels by channels; the block is turned to planes
//
// or, where rows are long or channels few, tiles of channels by pixels write planes at once.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/with_dtype.h"
#include "kernels/convolution_pack.h"
#include "kernels/convolution_plan.h"
#include "kernels/convolution_tile.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

constexpr int64_t kTurnedPixels = 128;  // of a block of results

// Which tiles make a row of so many outputs, and about how many half cycles they take per tap and channel in.
struct ConvForm {
  bool by_channels;
  int size;  // by channels: index of the tile's pixels
  int64_t cost;
};

// Two fma a cycle, two loads, four cycles from one fma of a sum to the next.
constexpr int64_t tile_cost(int64_t sums, int64_t loads) { return most_of(most_of(sums, loads), 8); }

template <class T>
[[gnu::noinline]] ConvForm form_of(const ConvSum& s, int64_t count) {
  constexpr int64_t L = kLanes<T>;
  const int64_t vecs = ceil_div(s.out, L),
                steps = most_of(volume(s.c.kernel) / most_of(s.phases(1) * s.phases(2), 1) * s.in, 1);
  ConvForm best = {false, 0, 0};
  const int64_t rows = s.out >= 5 && kConvWide ? 8 : 4;  // as width() takes them
  const int64_t across = ceil_div(count, L);
  const int64_t wide = min_of(across, 3);
  best.cost = ceil_div(s.out, rows) * ceil_div(across, 3) * tile_cost(rows * wide, 2 * wide + rows);
  const int64_t turn = 12 * count * vecs / steps;
  for (int i = 0; i < kConvSizes<T>; ++i) {
    const int64_t x = kConvPixels[i], tiles = ceil_div(count, x);
    const int64_t cost = tiles * (vecs / 2 * tile_cost(2 * x, x + 2) + vecs % 2 * tile_cost(x, x + 1)) + turn;
    if (cost < best.cost) best = {true, i, cost};
  }
  return best;
}

template <class T>
struct ConvCall {
  static constexpr int64_t L = kLanes<T>;
  ConvSum s;
  ConvColumns columns;
  ConvForm form;
  bool
      once;  // one window is all there is: weights are used once, and each tile's channels packed when their turn comes

  ConvCall(const Conv& c, bool gradient)
      : s(c, gradient), columns(s), form(form_of<T>(s, min_of(columns.count, kWindowColumns))), once(false) {
    if (c.samples != 1 || s.phases(0) * s.phases(1) != 1) return;
    const ConvAxis z = s.axis(0, 0), r = s.axis(1, 0);
    const ConvWindow win = band_window(s, z, r, columns, sizeof(T));
    once = z.count == 1 && win.rows == r.count && win.cols == columns.count;
  }

  // ---- Scratch -------------------------------------------------------------------------------------------------

  static int64_t aligned(int64_t elements) { return ceil_div(elements * sizeof(T), 64) * 64 / sizeof(T); }

  int64_t most_width() const { return form.by_channels ? 2 * L : 8; }
  int64_t padded() const {
    if (once) return most_width();
    return form.by_channels ? ceil_div(s.out, L) * L : s.out + 7;
  }
  int64_t weights_size() const { return aligned(volume(s.c.kernel) * s.in * padded()); }
  int64_t turned_size() const { return aligned(volume(s.c.kernel) * L); }
  int64_t bias_size() const { return aligned(padded() + L); }
  [[gnu::noinline]] int64_t window_size() const {
    int64_t most = 0;
    for (int64_t i = 0; i < s.phases(0); ++i)
      for (int64_t j = 0; j < s.phases(1); ++j)
        most = most_of(most, band_window(s, s.axis(0, i), s.axis(1, j), columns, sizeof(T)).size());
    return aligned(most + kConvVecs * L);  // tiles read beyond the last pixel
  }
  int64_t block_cols() const { return min_of(columns.count, kWindowColumns) * columns.step; }
  int64_t block_size() const {
    if (!form.by_channels) return aligned(8 * columns.step * ceil_div(min_of(columns.count, kWindowColumns), L) * L);
    return aligned((most_of(kTurnedPixels, block_cols()) + kConvPixels[0] * columns.step) * 2 * L);
  }
  int64_t list_bytes() const {  // of taps and of the columns' phases
    return ceil_div((volume(s.c.kernel) + s.phases(2)) * 8 + s.phases(2) * static_cast<int64_t>(sizeof(ConvAxis)), 64) *
           64;
  }
  size_t scratch() const {
    return static_cast<size_t>(weights_size() + turned_size() + bias_size() + window_size() + block_size()) *
               sizeof(T) +
           static_cast<size_t>(list_bytes());
  }

  // ---- A call --------------------------------------------------------------------------------------------------

  const T *x, *w, *bias;  // bias: of the part's channels
  T* y;
  T *weights, *turned, *padded_bias, *window, *block;
  ConvAxis* cols;  // of each phase
  int64_t* at;
  int64_t first, end;  // channels out of the group that are wanted

  void set(const void* in, const void* weight, const void* z, void* out, void* scratch) {
    x = static_cast<const T*>(in);
    w = static_cast<const T*>(weight);
    bias = static_cast<const T*>(z);
    y = static_cast<T*>(out);
    cols = static_cast<ConvAxis*>(scratch);
    for (int64_t p = 0; p < s.phases(2); ++p) cols[p] = s.axis(2, p);
    at = reinterpret_cast<int64_t*>(cols + s.phases(2));
    weights = reinterpret_cast<T*>(static_cast<char*>(scratch) + list_bytes());
    turned = weights + weights_size();
    padded_bias = turned + turned_size();
    window = padded_bias + bias_size();
    block = window + window_size();
  }

  // Channels of the tile that begins at k.
  int64_t width(int64_t k) const {
    const int64_t left = end - k;
    if (form.by_channels) return left > L ? 2 * L : L;
    return left >= 5 && kConvWide ? 8 : left > 1 ? 4 : 1;
  }

  // fn(axes, weights of the phase) for each phase, in the order of the weights.
  template <class Fn>
  void for_phases(Fn fn) const {
    int64_t before = 0;  // taps
    for (int64_t i = 0; i < s.phases(0); ++i)
      for (int64_t j = 0; j < s.phases(1); ++j) {
        const ConvAxis z = s.axis(0, i), r = s.axis(1, j);
        fn(z, r, weights + before * s.in * padded());
        before += z.taps * r.taps * columns.taps;
      }
  }

  [[gnu::noinline]] void pack_group(int64_t group) const {
    const T* const from = w + group * s.c.in * s.c.out * volume(s.c.kernel);
    for_phases([&](const ConvAxis& z, const ConvAxis& r, T* to) {
      for (int64_t p = 0; p < s.phases(2); ++p) {
        const ConvAxis& c = cols[p];
        const int64_t steps = z.taps * r.taps * c.taps * s.in;
        if (steps == 0) continue;
        int64_t wide;
        for (int64_t k = first; k < end; k += wide) {
          wide = width(k);
          for (int64_t v = 0; v < wide && k + v < end; v += L)
            pack_weights(s, z, r, c, from, k + v, min_of(min_of(wide, L), end - k - v), wide,
                         to + steps * (k - first) + v, turned);
        }
        to += steps * padded();
      }
    });
    if (!bias) return;
    for (int64_t k = first; k < end + L; ++k) padded_bias[k - first] = k < end ? bias[group * s.out + k] : T{0};
  }

  // Rows of outputs, from `out` on in the first plane, that no tap meets.
  void fill_rows(const ConvAxis& r, T* out) const {
    for (int64_t k = first; k < end; ++k, out += volume(s.y))
      for (int64_t i = 0; i < r.count; ++i)
        std::fill_n(out + (r.first + i * r.step) * s.y[2], s.y[2], bias ? T{0} + padded_bias[k - first] : T{0});
  }

  // Samples of one group, channels [first, end); `fresh` unless the window is there.
  [[gnu::noinline]] void samples(int64_t group, int64_t lo, int64_t hi, bool fresh) {
    pack_group(group);
    for_phases([&](const ConvAxis& z, const ConvAxis& r, const T* packed) {
      const ConvWindow win = band_window(s, z, r, columns, sizeof(T));
      int64_t* to = at;
      for (int64_t p = 0; p < s.phases(2); ++p) {
        const ConvAxis& c = cols[p];
        offsets_of(win, z, r, c, columns, to);
        to += z.taps * r.taps * c.taps + 1;
      }
      for (int64_t n = lo; n < hi; ++n) {
        const int64_t part = n * s.c.groups + group;
        const T* const from = x + part * s.in * volume(s.x);
        T* const result = y + (part * s.out + first) * volume(s.y);
        for (int64_t i = 0; i < z.count; ++i) {
          if (z.taps * r.taps == 0) {
            fill_rows(r, result + (z.first + i * z.step) * s.y[1] * s.y[2]);
            continue;
          }
          for (int64_t row = 0; row < r.count; row += win.rows)
            for (int64_t col = 0; col < columns.count; col += win.cols) {
              const int64_t rows = min_of(win.rows, r.count - row);
              if (fresh) copy_window(s, win, z, r, columns, from, i, row, rows, col, window);
              T* const out = result + (z.first + i * z.step) * s.y[1] * s.y[2];
              if (form.by_channels)
                band_by_channels(win, z, r, packed, out, row, rows, col);
              else
                band_by_pixels(win, z, r, packed, out, row, rows, col);
            }
        }
      }
    });
  }

  // The taps of a row of outputs whose rows lie inside x: [from, to) of the rows of taps. Those outside add nothing; of
  // a kernel with depth all are taken.
  struct Rows {
    int64_t from, to;
  };
  Rows rows_of(const ConvAxis& r, int64_t row) const {
    const auto outside = [&](int64_t tap) {
      const int64_t at_row = row * r.in_step + r.at + tap * r.at_step;
      return at_row < 0 || at_row >= s.x[1];
    };
    Rows in = {0, r.taps};
    if (s.c.kernel[0] != 1) return in;
    while (in.from < in.to && outside(in.from)) ++in.from;
    while (in.from < in.to && outside(in.to - 1)) --in.to;
    return in;
  }

  ConvTile<T> tile_of(const ConvWindow& win) const {
    ConvTile<T> t = {};
    t.in = s.in;
    t.in_step = win.channel_step;
    return t;
  }

  // The taps of one phase of the columns, whose list and weights for the tile's channels are given.
  void set_taps(ConvTile<T>& t, const Rows& in, const ConvAxis& z, const ConvAxis& c, const int64_t* of_phase,
                const T* weight, int64_t wide) const {
    t.taps = z.taps * (in.to - in.from) * c.taps;
    t.at = of_phase + in.from * c.taps;
    t.w = weight + in.from * c.taps * s.in * wide;
  }

  void band_by_channels(const ConvWindow& win, const ConvAxis& z, const ConvAxis& r, const T* packed, T* out,
                        int64_t row, int64_t rows, int64_t col) const {
    const int64_t wide_y = min_of(win.cols * columns.step, s.y[2] - col * columns.step);
    const int64_t pixels = kConvPixels[form.size];
    const bool runs = r.step == 1 && wide_y == s.y[2];  // results of several rows are one run of each plane
    int64_t group = most_of(kTurnedPixels / most_of(wide_y, 1), 1);
    if (runs)
      for (int64_t g = group; g > group / 2; --g)
        if (g * wide_y % L == 0) {
          group = g;
          break;
        }
    ConvTile<T> t = tile_of(win);
    for (int64_t g = 0; g < rows; g += group) {
      const int64_t here = min_of(group, rows - g);
      int64_t wide;
      for (int64_t k = first; k < end; k += wide) {
        wide = width(k);
        t.bias = bias ? padded_bias + k - first : nullptr;
        t.out_step = wide * columns.step;
        T* const to = out + (k - first) * volume(s.y) + (r.first + (row + g) * r.step) * s.y[2] + col * columns.step;
        const int64_t channels = min_of(wide, end - k);
        for (int64_t i = 0; i < here; ++i) {
          const Rows in = rows_of(r, row + g + i);
          fetch_planes(to + i * r.step * s.y[2], wide_y, channels, volume(s.y));
          const int64_t* of_phase = at;
          const T* weight = packed;
          for (int64_t p = 0; p < s.phases(2); ++p) {
            const ConvAxis& c = cols[p];
            const int64_t all = z.taps * r.taps * c.taps;
            set_taps(t, in, z, c, of_phase, weight + all * s.in * (k - first), wide);
            const int64_t count = min_of(win.cols, c.count - col);
            const T* const from = window + (g + i) * win.pitch * win.row_step;
            for (int64_t q = 0; q < count; q += pixels) {
              t.x = from + q;
              t.out = block + (i * wide_y + c.first + q * c.step) * wide;
              kByChannels<T>.fn[form.size][wide / L - 1](t);
            }
            weight += all * s.in * padded();
            of_phase += all + 1;
          }
        }
        if (runs)
          turn_block(block, wide, here * wide_y, channels, to, volume(s.y));
        else
          for (int64_t i = 0; i < here; ++i)
            turn_block(block + i * wide_y * wide, wide, wide_y, channels, to + i * r.step * s.y[2], volume(s.y));
      }
    }
  }

  void band_by_pixels(const ConvWindow& win, const ConvAxis& z, const ConvAxis& r, const T* packed, T* out, int64_t row,
                      int64_t rows, int64_t col) const {
    const int64_t step = columns.step, apart = ceil_div(win.cols, L) * L;
    ConvTile<T> t = tile_of(win);
    t.out_step = step == 1 ? volume(s.y) : step * apart;
    for (int64_t i = 0; i < rows; ++i) {
      const T* const from = window + i * win.pitch * win.row_step;
      const Rows in = rows_of(r, row + i);
      fetch_planes(out + (r.first + (row + i) * r.step) * s.y[2] + col * step,
                   min_of(win.cols * step, s.y[2] - col * step), end - first, volume(s.y));
      int64_t wide;
      for (int64_t k = first; k < end; k += wide) {
        wide = width(k);
        t.rows = min_of(wide, end - k);
        t.bias = bias ? padded_bias + k - first : nullptr;
        const int64_t* of_phase = at;
        T* const to = out + (k - first) * volume(s.y) + (r.first + (row + i) * r.step) * s.y[2] + col * step;
        const T* weight = packed;
        for (int64_t p = 0; p < s.phases(2); ++p) {
          const ConvAxis& c = cols[p];
          const int64_t all = z.taps * r.taps * c.taps;
          set_taps(t, in, z, c, of_phase, weight + all * s.in * (k - first), wide);
          row_by_pixels(t, wide, from, min_of(win.cols, c.count - col), step == 1 ? to : block + p * apart);
          weight += all * s.in * padded();
          of_phase += all + 1;
        }
        for (int64_t e = 0; e < t.rows && step > 1; ++e)
          merge_row(block + e * t.out_step, apart, step, min_of(win.cols * step, s.y[2] - col * step),
                    to + e * volume(s.y));
      }
    }
  }

  // `count` neighbouring outputs in `wide` planes from `to` on.
  void row_by_pixels(ConvTile<T>& t, int64_t wide, const T* from, int64_t count, T* to) const {
    const int64_t vecs = ceil_div(count, L), kind = wide == 8 ? 2 : wide == 4 ? 1 : 0;
    const int* const size = kConvVectors<T>[kind];
    int64_t tiles = ceil_div(vecs, size[2]);
    for (int64_t v = 0; v < vecs; v += t.vecs, --tiles) {
      t.vecs = ceil_div(vecs - v, tiles);
      t.x = from + v * L;
      t.out = to + v * L;
      t.tail = min_of(L, count - (v + t.vecs - 1) * L);
      kByPixels<T>.fn[kind][t.vecs <= size[0] ? 0 : t.vecs <= size[1] ? 1 : 2](t);
    }
  }

  // Channels [k0, k1) of samples and groups [from, to).
  [[gnu::noinline]] void channels(int64_t from, int64_t to, int64_t k0, int64_t k1) {
    for (int64_t group = 0; group < s.c.groups; ++group) {
      const int64_t a = most_of(ceil_div(from - group, s.c.groups), 0), b = ceil_div(to - group, s.c.groups);
      for (int64_t k = k0, step = once ? most_width() : k1 - k0; a < b && k < k1; k += step) {
        first = k;
        end = min_of(k + step, k1);
        samples(group, a, b, k == k0);
      }
    }
  }

  // Planes [lo, hi) of all samples and groups.
  void part(int64_t lo, int64_t hi) {
    int64_t at_lo = lo / s.out, at_hi = hi / s.out;
    if (at_lo == at_hi) return channels(at_lo, at_lo + 1, lo % s.out, hi % s.out);
    if (lo % s.out != 0) {
      channels(at_lo, at_lo + 1, lo % s.out, s.out);
      ++at_lo;
    }
    if (at_lo < at_hi) channels(at_lo, at_hi, 0, s.out);
    if (hi % s.out != 0) channels(at_hi, at_hi + 1, 0, hi % s.out);
  }
};

// Of one tap that lies over its output, all pixels are one row.
Conv flat(const Conv& c) {
  Conv made = c;
  for (int a = 0; a < 3; ++a)
    if (c.kernel[a] != 1 || c.stride[a] != 1 || c.padding[a] != 0 || c.x[a] != c.y[a]) return made;
  for (int a = 0; a < 3; ++a) made.x[a] = made.y[a] = a < 2 ? 1 : volume(c.x);
  return made;
}

[[gnu::noinline]] size_t scratch_of(const Conv& given, bool gradient) {
  const Conv c = flat(given);
  return with_float(c.dtype, [&](auto zero) { return ConvCall<decltype(zero)>(c, gradient).scratch(); });
}

[[gnu::noinline]] void run(const Conv& given, bool gradient, const void* x, const void* w, const void* bias, void* y,
                           int64_t lo, int64_t hi, void* scratch) {
  const Conv c = flat(given);
  if (lo >= hi || volume(gradient ? c.x : c.y) == 0) return;
  with_float(c.dtype, [&](auto zero) {
    ConvCall<decltype(zero)> call(c, gradient);
    call.set(x, w, bias, y, scratch);
    call.part(lo, hi);
  });
}

}  // namespace

size_t convolution_scratch(const Conv& c) { return scratch_of(c, false); }
size_t convolution_input_scratch(const Conv& c) { return scratch_of(c, true); }

void convolution(const Conv& c, const void* x, const void* w, const void* bias, void* y, int64_t lo, int64_t hi,
                 void* scratch) {
  run(c, false, x, w, bias, y, lo, hi, scratch);
}

void convolution_input(const Conv& c, const void* dy, const void* w, const void* bias, void* dx, int64_t lo, int64_t hi,
                       void* scratch) {
  run(c, true, dy, w, bias, dx, lo, hi, scratch);
}

}  // namespace bs::kernels::BS_ISA
