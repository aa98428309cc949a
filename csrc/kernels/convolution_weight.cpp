// The gradient of a convolution by its weights. An element sums over pixels, in blocks (kernels.def): for each block
// the window of x is copied (convolution_plan.h) and dy turned to [pixel][channel out], which stays in L1 while tiles
// of J pairs (channel in, tap), by broadcast, times V vectors of channels out pass over it. Of a depthwise convolution,
// lanes are groups: x is turned too.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/with_dtype.h"
#include "kernels/convolution_pack.h"
#include "kernels/convolution_plan.h"
#include "kernels/convolution_tile.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

constexpr int64_t kSumPixels = 256;  // of a block
constexpr int64_t kPairs = kConvWide ? 8 : 4;
template <class T>
constexpr int64_t kFewPairs = kConvFew<T> ? kPairs : kPairs / 2;
constexpr int64_t kBlocksAtOnce = 4;                       // of channels out
constexpr int64_t kSumsBytes = int64_t{512} << 10;         // of the sums of such blocks
constexpr int64_t kBlockWindowBytes = int64_t{512} << 10;  // of a window

template <class T>
struct WeightTile {
  const T* x[kPairs];    // of each pair
  const int64_t* lines;  // of the window, one for each row of the block
  int64_t n_lines, cols;
  const T* dy;  // [pixel][V vectors]
  T* sum;       // [pair][channel out]
  int64_t sum_step;
  int64_t step;  // of x from pixel to pixel, if depthwise
};

template <class T, int J, int V, bool kDepthwise = false>
void weight_tile(const WeightTile<T>& t) {
  constexpr int L = kLanes<T>;
  Vec<T> acc[J][V] = {};
  const T* x[J];
  BS_UNROLL
  for (int j = 0; j < J; ++j) x[j] = t.x[j];
  const T* dy = t.dy;
  const int64_t step = kDepthwise ? t.step : 1, span = t.cols * step;
  for (int64_t i = 0; i < t.n_lines; ++i) {
    const int64_t begin = t.lines[i], end = begin + span;
    for (int64_t at = begin; at < end; at += step) {
      Vec<T> g[V];
      BS_UNROLL
      for (int v = 0; v < V; ++v) g[v] = v_load(dy + v * L);
      BS_UNROLL
      for (int j = 0; j < J; ++j) {
        const Vec<T> xj = kDepthwise ? v_load(x[j] + at * L) : v_set(x[j][at]);
        BS_UNROLL
        for (int v = 0; v < V; ++v) acc[j][v] = v_fma(xj, g[v], acc[j][v]);
      }
      dy += V * L;
    }
  }
  T* const sum = t.sum;
  const int64_t sum_step = t.sum_step;
  BS_UNROLL
  for (int j = 0; j < J; ++j) {
    BS_UNROLL
    for (int v = 0; v < V; ++v) {
      T* const to = sum + j * sum_step + v * L;
      v_store(to, v_load(to) + acc[j][v]);
    }
  }
}

// By pairs, few or more; one vector, two, and one of a depthwise convolution.
template <class T>
constexpr void (*kWeightTiles[2][3])(const WeightTile<T>&) = {
    {weight_tile<T, kFewPairs<T>, 1>, weight_tile<T, kFewPairs<T>, 2>, weight_tile<T, kFewPairs<T>, 1, true>},
    {weight_tile<T, kPairs, 1>, weight_tile<T, kPairs, 2>, weight_tile<T, kPairs, 1, true>}};

template <class T>
struct WeightCall {
  static constexpr int64_t L = kLanes<T>;
  ConvSum s;
  ConvColumns columns;
  ConvAxis z, r, c;
  int64_t taps, planes, rows, cols;  // of a block: planes of y, or rows, or columns
  int64_t cols_in;                   // columns of a window but for the kernel's span
  int64_t channels, blocks;          // in and out, at once
  bool depthwise;

  [[gnu::noinline]] explicit WeightCall(const Conv& conv)
      : s(conv, false), columns(s), z(s.axis(0, 0)), r(s.axis(1, 0)), c(s.axis(2, 0)), taps(volume(conv.kernel)) {
    const int64_t plane = s.y[1] * s.y[2], item = sizeof(T);
    planes = plane > 0 && plane <= kSumPixels ? kSumPixels / plane : 1;
    rows = plane <= kSumPixels ? s.y[1] : s.y[2] <= kSumPixels ? kSumPixels / s.y[2] : 1;
    cols = cols_in = min_of(s.y[2], kSumPixels);
    planes = min_of(planes, most_of(conv.samples * s.y[0], 1));
    channels = min_of(s.in, most_of(kBlockWindowBytes / most_of(window_of(1).size() * planes * item, 1), 1));
    depthwise = conv.in == 1 && conv.out == 1 && conv.groups > 1;
    if (depthwise) {  // whole rows of x
      channels = 1;
      columns.count = (columns.count - 1) * columns.in_step + 1;
      cols_in = (cols - 1) * columns.in_step + 1;
      columns.in_step = 1;
    }
    blocks = kSumsBytes / most_of(channels * taps * kConvBlock * item, 1);
    blocks = min_of(most_of(min_of(blocks, kBlocksAtOnce), 1), ceil_div(s.out, kConvBlock));
  }
  ConvWindow window_of(int64_t n) const { return {z, r, columns, n, rows, cols_in}; }

  static int64_t aligned(int64_t elements) { return ceil_div(elements * sizeof(T), 64) * 64 / sizeof(T); }
  int64_t lines_size() const { return ceil_div(planes * rows + taps + 1, 8) * 8; }  // and offsets of taps
  int64_t sums_size() const { return aligned((channels * taps + kPairs) * blocks * kConvBlock); }
  int64_t window_size() const { return depthwise ? 0 : aligned(planes * window_of(channels).size()); }
  int64_t turned_size() const { return aligned(planes * rows * cols * blocks * kConvBlock); }
  int64_t lanes_size() const { return depthwise ? planes * window_of(1).size() * L : 0; }
  size_t scratch() const {
    return static_cast<size_t>(lines_size()) * 8 +
           static_cast<size_t>(sums_size() + window_size() + turned_size() + aligned(lanes_size())) * sizeof(T);
  }

  const T *x, *dy;
  T *dw, *sums, *window, *turned, *lanes;
  int64_t *lines, *at;

  void set(const void* in, const void* grad, void* out, void* scratch) {
    x = static_cast<const T*>(in);
    dy = static_cast<const T*>(grad);
    dw = static_cast<T*>(out);
    lines = static_cast<int64_t*>(scratch);
    at = lines + planes * rows;
    sums = reinterpret_cast<T*>(lines + lines_size());
    window = sums + sums_size();
    turned = window + window_size();
    lanes = turned + turned_size();
  }

  // Vectors of channels out are taken by twos: those from k on, of n.
  static int64_t vecs_at(int64_t k, int64_t n) { return n - k > L ? 2 : 1; }

  // A block of pixels: planes [plane, plane + planes) of y, rows from `row` on and columns from `col` on.
  struct Block {
    int64_t plane, planes, row, rows, col, cols;
    int64_t pixels() const { return planes * rows * cols; }
  };
  template <class Fn>
  void for_blocks(Fn fn) const {
    const int64_t all = s.c.samples * s.y[0];
    for (int64_t p = 0; p < all; p += planes)
      for (int64_t row = 0; row < s.y[1]; row += rows)
        for (int64_t col = 0; col < s.y[2]; col += cols)
          fn(Block{p, min_of(planes, all - p), row, min_of(rows, s.y[1] - row), col, min_of(cols, s.y[2] - col)});
  }

  // Where plane i of a block begins in x and dy: sample and depth.
  int64_t sample_of(const Block& b, int64_t i) const { return (b.plane + i) / s.y[0]; }
  int64_t depth_of(const Block& b, int64_t i) const { return (b.plane + i) % s.y[0]; }

  // x's windows, from its channel `channel` of all on, and where rows of the block begin in them.
  void load_x(const Block& b, const ConvWindow& win, int64_t channel) const {
    for (int64_t i = 0; i < b.planes; ++i) {
      const T* const from = x + (sample_of(b, i) * s.c.groups * s.in + channel) * volume(s.x);
      copy_window(s, win, z, r, columns, from, depth_of(b, i), b.row, b.rows, b.col, window + i * win.size());
      for (int64_t j = 0; j < b.rows; ++j) lines[i * b.rows + j] = i * win.size() + j * win.pitch * win.row_step;
    }
  }
  // dy's channels [k, k + n) of all, n <= lanes, to to[pixel][step].
  [[gnu::noinline]] void turn_dy(const Block& b, int64_t k, int64_t n, T* to, int64_t step) const {
    const int64_t runs = b.cols == s.y[2] ? 1 : b.rows, run = b.rows * b.cols / runs;
    for (int64_t i = 0; i < b.planes; ++i) {
      const T* const from = dy + (sample_of(b, i) * s.c.groups * s.out + k) * volume(s.y) +
                            (depth_of(b, i) * s.y[1] + b.row) * s.y[2] + b.col;
      for (int64_t j = 0; j < runs; ++j, to += run * step)
        pack_transposed(from + j * s.y[2], volume(s.y), n, run, to, step);
    }
  }
  // One block of the sums of the pairs of so many channels; kind: of tiles.
  void tiles(const Block& b, const ConvWindow& win, const T* from, int64_t lane, const T* turned_dy, int64_t kind,
             T* sum, int64_t sum_step) const {
    WeightTile<T> t;
    t.lines = lines;
    t.n_lines = b.planes * b.rows;
    t.cols = b.cols;
    t.dy = turned_dy;
    t.sum_step = sum_step;
    t.step = c.in_step;
    const int64_t pairs = win.channels * taps;
    int64_t channel = 0, tap = 0;
    for (int64_t j = 0, take; j < pairs; j += take) {
      take = pairs - j > kFewPairs<T> ? kPairs : kFewPairs<T>;
      for (int64_t e = 0; e < take; ++e) {
        t.x[e] = from + (channel * win.channel_step + at[tap]) * lane;
        if (j + e + 1 < pairs && ++tap == taps) tap = 0, ++channel;  // pairs beyond the last repeat it
      }
      t.sum = sum + j * sum_step;
      kWeightTiles<T>[take == kPairs][kind](t);
    }
  }

  // Channels in [c0, c1) times channels out [k0, k1) of a group, which are as many as sums have room for.
  [[gnu::noinline]] void sum(int64_t group, int64_t c0, int64_t c1, int64_t k0, int64_t k1) const {
    const ConvWindow win = window_of(c1 - c0);
    const int64_t step = blocks * kConvBlock, pairs = (c1 - c0) * taps, n = k1 - k0;
    offsets_of(win, z, r, c, columns, at);
    std::memset(sums, 0, static_cast<size_t>((pairs + kPairs) * step) * sizeof(T));
    for_blocks([&](const Block& b) {
      load_x(b, win, group * s.in + c0);
      for (int64_t k = 0, vecs; k < n; k += vecs * L) {
        vecs = n - k > L ? 2 : 1;
        T* const to = turned + b.pixels() * k;
        for (int64_t v = 0; v < vecs; ++v)
          turn_dy(b, group * s.out + k0 + k + v * L, min_of(L, n - k - v * L), to + v * L, vecs * L);
        tiles(b, win, window, 1, to, vecs - 1, sums + k, step);
      }
    });
    turn_block(sums, step, pairs, n, dw + ((group * s.out + k0) * s.in + c0) * taps, s.in * taps);
  }

  // Windows of x's channels [g, g + n), n <= lanes, as [row][column][lane].
  void load_lanes(const Block& b, const ConvWindow& win, int64_t g, int64_t n) const {
    const int64_t left = b.col * c.in_step + columns.low, top = b.row * r.in_step + r.low();
    const Inside in(s.x[2], left, 1, win.width);
    const auto zero = [](T* to, int64_t pixels) { std::memset(to, 0, static_cast<size_t>(pixels * L) * sizeof(T)); };
    for (int64_t i = 0; i < b.planes; ++i) {
      for (int64_t d = 0; d < win.slices; ++d) {
        const int64_t depth = depth_of(b, i) * z.in_step + z.at + d * z.at_step;
        T* to = lanes + (i * win.size() + d * win.slice_step) * L;
        for (int64_t j = 0; j < win.in_rows_of(r, b.rows); ++j, to += win.row_step * L) {
          const int64_t row = top + j * win.pick;
          if (depth < 0 || depth >= s.x[0] || row < 0 || row >= s.x[1] || in.begin == in.end) {
            zero(to, win.width);
            continue;
          }
          const T* const from =
              x + (sample_of(b, i) * s.c.groups + g) * volume(s.x) + (depth * s.x[1] + row) * s.x[2] + left + in.begin;
          zero(to, in.begin);
          pack_transposed(from, volume(s.x), n, in.end - in.begin, to + in.begin * L, L);
          zero(to + in.end * L, win.width - in.end);
        }
      }
      for (int64_t j = 0; j < b.rows; ++j) lines[i * b.rows + j] = i * win.size() + j * win.pitch * win.row_step;
    }
  }

  // Groups [g, g + n), n <= lanes, of one channel each.
  [[gnu::noinline]] void sum_depthwise(int64_t g, int64_t n) const {
    const ConvWindow win = window_of(1);
    offsets_of(win, z, r, c, columns, at);
    std::memset(sums, 0, static_cast<size_t>((taps + kPairs) * L) * sizeof(T));
    for_blocks([&](const Block& b) {
      load_lanes(b, win, g, n);
      turn_dy(b, g, n, turned, L);
      tiles(b, win, lanes, L, turned, 2, sums, L);
    });
    turn_block(sums, L, taps, n, dw + g * taps, taps);
  }

  // Units of one group: blocks [b0, b1) of channels out times channels in [c0, c1).
  void rectangle(int64_t group, int64_t b0, int64_t b1, int64_t c0, int64_t c1) const {
    for (int64_t b = b0; b < b1; b += blocks)
      for (int64_t i = c0; i < c1; i += channels)
        sum(group, i, min_of(i + channels, c1), b * kConvBlock, min_of(min_of(b + blocks, b1) * kConvBlock, s.out));
  }

  void part(int64_t lo, int64_t hi) const {
    if (depthwise) {
      for (int64_t g = lo; g < hi; g += L) sum_depthwise(g, min_of(L, hi - g));
      return;
    }
    const int64_t of_group = ceil_div(s.out, kConvBlock) * s.in;
    for (int64_t group = lo / of_group; group * of_group < hi; ++group) {
      const int64_t from = most_of(lo - group * of_group, 0), to = min_of(hi - group * of_group, of_group);
      const int64_t first = from / s.in, last = to / s.in;  // blocks of channels out
      if (first == last) {
        rectangle(group, first, first + 1, from % s.in, to % s.in);
        continue;
      }
      const bool ragged = from % s.in != 0;
      if (ragged) rectangle(group, first, first + 1, from % s.in, s.in);
      rectangle(group, first + ragged, last, 0, s.in);
      if (to % s.in != 0) rectangle(group, last, last + 1, 0, to % s.in);
    }
  }
};

}  // namespace

size_t convolution_weight_scratch(const Conv& c) {
  return with_float(c.dtype, [&](auto zero) { return WeightCall<decltype(zero)>(c).scratch(); });
}

int64_t convolution_weight_units(const Conv& c) { return c.groups * ceil_div(c.out, kConvBlock) * c.in; }

void convolution_weight(const Conv& c, const void* x, const void* dy, void* dw, int64_t lo, int64_t hi, void* scratch) {
  if (lo >= hi) return;
  with_float(c.dtype, [&](auto zero) {
    WeightCall<decltype(zero)> call(c);
    call.set(x, dy, dw, scratch);
    call.part(lo, hi);
  });
}

}  // namespace bs::kernels::BS_ISA
