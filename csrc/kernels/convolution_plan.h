// What the convolution and its gradient by x have in common. Both are a sum over taps and channels of an input, with
// whole steps between positions:
//
//   out[first + i step] = sum over taps t, channels c of in[c][i in_step + at + t at_step] w[tap + t tap_step][c]
//
// along each axis. The convolution is one such sum, whose input moves by the stride; its gradient is one for each
// remainder of a position by the stride (a phase), with the taps that meet it, whose outputs move by the stride.
//
// Of the input a window is copied, with its zeros: the rows that a band of output rows needs, as
// [slice of depth][row][channel][remainder of the column by in_step][column], so that neighbouring outputs always lie
// over neighbouring inputs. A tile of outputs takes from it by broadcast or by vectors (convolution_tile.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/ceil_div.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

constexpr int64_t most_of(int64_t a, int64_t b) { return a < b ? b : a; }
// The greatest common divisor.
constexpr int64_t common(int64_t a, int64_t b) { return b == 0 ? a : common(b, a % b); }
inline int64_t volume(const int64_t (&size)[3]) { return size[0] * size[1] * size[2]; }

struct ConvAxis {
  int64_t first, step, count;  // outputs
  int64_t taps, tap, tap_step;
  int64_t at, at_step, in_step;
  int64_t low() const { return at_step < 0 ? at + (taps - 1) * at_step : at; }  // input of output 0's nearest tap
  int64_t span() const { return (taps - 1) * (at_step < 0 ? -at_step : at_step); }
};

struct ConvSum {
  const Conv& c;
  bool gradient;    // by x
  int64_t in, out;  // channels of a group
  const int64_t (&x)[3], (&y)[3];
  int64_t w_in, w_out;  // between the weights of two channels

  ConvSum(const Conv& conv, bool is_gradient)
      : c(conv),
        gradient(is_gradient),
        in(is_gradient ? conv.out : conv.in),
        out(is_gradient ? conv.in : conv.out),
        x(is_gradient ? conv.y : conv.x),
        y(is_gradient ? conv.x : conv.y),
        w_in(volume(conv.kernel) * (is_gradient ? conv.in : 1)),
        w_out(volume(conv.kernel) * (is_gradient ? 1 : conv.in)) {}

  // Outputs that lie side by side and have other taps each: no more than there are.
  int64_t phases(int a) const { return gradient ? min_of(c.stride[a], most_of(y[a], 1)) : 1; }
  [[gnu::noinline]] ConvAxis axis(int a, int64_t phase) const {
    const int64_t s = c.stride[a], d = c.dilation[a];
    if (!gradient) return {0, 1, y[a], c.kernel[a], 0, 1, -c.padding[a], d, s};
    const int64_t every = s / common(s, d), most = min_of(every, c.kernel[a]);  // from tap to tap of one phase
    int64_t tap = 0;
    for (int64_t left = (phase + c.padding[a]) % s; left != 0 && tap < most; ++tap)
      left += left < d % s ? s - d % s : -(d % s);
    const int64_t taps = tap < most ? ceil_div(c.kernel[a] - tap, every) : 0;
    return {phase, phases(a), ceil_div(most_of(y[a] - phase, 0), phases(a)),   taps,
            tap,   every,     taps ? (phase + c.padding[a] - tap * d) / s : 0, -(every * d / s),
            1};
  }
};

// The columns of all phases.
struct ConvColumns {
  int64_t low, span, phases, in_step, count, step, taps;
  [[gnu::noinline]] explicit ConvColumns(const ConvSum& s)
      : low(0), span(0), phases(s.phases(2)), in_step(1), count(0), step(1), taps(0) {
    bool any = false;
    int64_t high = 0;
    for (int64_t p = 0; p < phases; ++p) {
      const ConvAxis a = s.axis(2, p);
      in_step = a.in_step;
      step = a.step;
      taps += a.taps;
      count = most_of(count, a.count);
      if (a.taps == 0) continue;
      low = any ? min_of(low, a.low()) : a.low();
      high = any ? most_of(high, a.low() + a.span()) : a.low() + a.span();
      any = true;
    }
    span = high - low;
  }
};

constexpr int64_t kWindowBytes = int64_t{384} << 10;  // stays in L2 beside weights
constexpr int64_t kWindowColumns = 256;

struct ConvWindow {
  int64_t channels, rows, cols;  // outputs of a band
  int64_t slices, in_rows, width, remainders;
  int64_t pitch, pick;  // rows of the window from output to output; rows of the input from row to row of the window
  int64_t channel_step, row_step, slice_step;

  // Of so many channels; at most so many rows and columns of outputs.
  [[gnu::noinline]] ConvWindow(const ConvAxis& depth, const ConvAxis& row, const ConvColumns& col, int64_t of_channels,
                               int64_t most_rows, int64_t most_cols) {
    channels = of_channels;
    rows = min_of(row.count, most_rows);
    cols = min_of(col.count, most_cols);
    slices = depth.taps;
    pitch = row.taps > 1 ? row.in_step : 1;
    pick = row.taps > 1 ? 1 : row.in_step;
    remainders = min_of(col.in_step, col.span + 1);
    width = cols + col.span / col.in_step;
    channel_step = remainders * width;
    row_step = channels * channel_step;
    in_rows = in_rows_of(row, rows);
    slice_step = in_rows * row_step;
  }
  int64_t in_rows_of(const ConvAxis& row, int64_t n) const {
    return row.taps == 0 || n == 0 ? 0 : (n - 1) * pitch + row.span() + 1;
  }
  int64_t size() const { return slices * slice_step; }
};

// That of a band of as many rows as are to be in L2.
inline ConvWindow band_window(const ConvSum& s, const ConvAxis& depth, const ConvAxis& row, const ConvColumns& col,
                              int64_t item) {
  const ConvWindow one(depth, row, col, s.in, 1, kWindowColumns);
  const int64_t fit = kWindowBytes / most_of(one.row_step * most_of(one.slices, 1) * item, 1);
  return {depth, row, col, s.in, most_of((fit - one.in_rows) / one.pitch + 1, 4), kWindowColumns};
}

}  // namespace
}  // namespace bs::kernels::BS_ISA
