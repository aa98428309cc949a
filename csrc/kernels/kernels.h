// The table of kernels: loops over raw pointers, no graph, no Python, no allocation, no threads.
//
// Every kernel is written once and compiled once per instruction set (simd.h); each object file holds one filled
// table, and `active()` is the best that this CPU supports. A kernel computes a part of its outputs, [lo, hi) in
// the unit stated beside it: splitting outputs over threads never changes a bit. Outputs arrive uninitialised and
// the part [lo, hi) is written whole. Only plain structs here: what this header defined as an inline function
// would become a weak symbol in objects built for newer CPUs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace bs::kernels {

// ---- Elementwise lists ---------------------------------------------------------------------------------------

constexpr int kMaxLoopDims = 8;
constexpr int kMaxListArgs = 24;  // memory operands: inputs, then outputs
constexpr int kMaxListInstr = 48;
constexpr int kMaxListTemps = 16;  // values between instructions, in registers or in L1

// Codes of the rows of elementwise.def, in its order.
enum class Ew : uint8_t {
#define BS_EW1(name, ...) name,
#define BS_EW2(name, ...) name,
#define BS_EW3(name, ...) name,
#include "kernels/elementwise.def"
  copy,  // y = x: a list whose only work is to load, convert and store (casts, broadcasts, contiguous copies)
  count_
};

// What a row takes and gives.
enum class EwTypes : uint8_t {
  FLOATS,   // floats; integers and bools become float32
  REALS,    // floats alone
  NUMBERS,  // any dtype but bool
  ALL,      // any dtype
  POWERS,   // any dtype, but bools become int64
  TEST,     // any dtype in, bool out
  SELECT,   // a bool, then any dtype
  BITS,     // integers and bools; bools alone are combined by other rows
  DIVIDE,   // any dtypes but bools alone; what integers give by 0 means nothing, and is refused above
};
// Whether the row's formula is for floats alone.
static constexpr bool of_floats(EwTypes t) { return t == EwTypes::FLOATS || t == EwTypes::REALS; }
// Whether it is for integers alone.
static constexpr bool of_integers(EwTypes t) { return t == EwTypes::BITS; }

// dst = op(a, b, c). Operands are register numbers: 0 .. n_in-1 are the inputs, n_in .. n_in+n_temp-1 temporaries,
// n_in+n_temp .. + n_out-1 the outputs (an output register may be read by later instructions of the list). Operands
// that an op does not have name a register all the same, best a, since they may count as read.
struct EwInstr {
  Ew op;
  uint8_t dst, a, b, c;
};

// One memory operand: its dtype and, per loop dimension, its stride in elements (0 broadcasts).
struct EwArg {
  DType dtype;
  int64_t stride[kMaxLoopDims];
};

// A list that computes n_out arrays of one loop shape in the arithmetic of `compute` (f32, f64, i32 or i64).
// Inputs of other dtypes are converted on load (bool gives 0 or 1), outputs on store (to bool: x != 0). Floats are cut
// to integers towards zero; what an integer type cannot hold, NaN too, gives its least number.
// Loop dimensions are outermost first; outputs are contiguous over the loop shape. Dimensions should be merged where
// all operands allow it (set_loop in ops), so that the innermost one is long.
struct EwList {
  DType compute;
  uint8_t n_in, n_temp, n_out, n_instr;
  uint8_t n_dims;
  int64_t size[kMaxLoopDims];
  EwArg arg[kMaxListArgs];  // n_in inputs, then n_out outputs
  EwInstr instr[kMaxListInstr];
};

// ---- Matrix product ------------------------------------------------------------------------------------------

// C[m,n] = A[m,k] B[k,n] (+ bias[n]). Strides in elements, any sign or size; C's columns are contiguous. dtype f32 or
// f64. Each element is one chain of fma over k ascending, restarted every 4096 with the partials added in order (then
// the bias); if n is 1, a sum of fma in 16 lanes per 4096, as `reduce` has it. So no blocking, packing, split or number
// of rows shows in a bit. k = 0 gives zeros (+ bias).
struct Gemm {
  DType dtype;
  int64_t m, n, k;
  int64_t a_row, a_col, b_row, b_col, c_row;
};

// ---- Convolution ---------------------------------------------------------------------------------------------

// x (samples, groups * in, x[3]) and w (groups * out, in, kernel[3]) give y (samples, groups * out, y[3]), all
// contiguous, dtype f32 or f64. Axes are depth, rows, columns; those that a convolution lacks come first and are 1,
// with stride and dilation 1 and padding 0.
//   y[s, k, i] = sum over taps t and channels c of the group of x[s, c, i stride - padding + t dilation] w[k, c, t]
// x counts as 0 outside its axes, so y may have any sizes: what a padding at the far end adds is in them.
struct Conv {
  DType dtype;
  int64_t samples, groups;
  int64_t in, out;  // channels of one group
  int64_t x[3], kernel[3], y[3];
  int64_t stride[3], padding[3], dilation[3];
};

// Planes of y, dx and blocks of output channels are best cut at multiples of this, if not at samples.
constexpr int64_t kConvBlock = 32;

// ---- Reductions ----------------------------------------------------------------------------------------------

enum class Reduction : uint8_t { sum, max, min, sum_squares };

// x is contiguous (outer, reduce, inner), y (outer, inner). sum of nothing is 0; max and min of nothing are refused
// above; sum_squares, of floats, is a float64, in which squares of float32 are exact and neither overflow nor vanish.
struct Reduce {
  Reduction kind;
  DType dtype;
  int64_t outer, reduce, inner;
};

// ---- Pooling -------------------------------------------------------------------------------------------------

// Windows along one axis: output o has the elements at o stride - padding + k dilation, k < kernel, that are in
// [0, in). kernel 0 divides the axis into `out` parts instead: those from floor(o in / out) to ceil((o + 1) in / out).
// No window is without elements.
struct PoolAxis {
  int64_t in, out, kernel, stride, padding, dilation;
};
// Planes of three axes, of which the first ones may be of size 1 and have kernel 1. The mean divides by `divisor`, or
// if that is 0 by the number of elements of the window, with those in the padding if `count_padding`. Its dilation
// is 1.
struct Pool {
  DType dtype;  // f32, f64
  PoolAxis axis[3];
  bool count_padding;
  int64_t divisor;
};

// ---- Images at places ----------------------------------------------------------------------------------------

// x (samples, channels, in[0], .. in[axes - 1]) and grid (samples, places, axes) give y (samples, channels, places). A
// place's coordinates, that along the last axis first, are from -1 to 1 from edge to edge of the image, or between the
// centres of its corner pixels. Its taps are the nearest pixel, 2 of each axis or, of an image, 4 (Keys' cubic with
// a = -0.75). Outside of the image are zeros, or the nearest pixel, or the image again, turned.
enum class GridMode : uint8_t { linear, nearest, cubic };
enum class GridBorder : uint8_t { zeros, border, reflection };
struct GridSample {
  DType dtype;  // f32, f64
  GridMode mode;
  GridBorder border;
  bool align_corners;
  int axes;  // 2 or 3
  int64_t channels, places, in[3];
};

// ---- Updates of optimizers -----------------------------------------------------------------------------------

// Hyperparameters of one update, f32 or f64. g is the gradient, negated if `maximize`.
struct Sgd {
  DType dtype;
  double lr, weight_decay, momentum, fresh;  // fresh: 1 - dampening, or 1 in the first step
  bool nesterov, maximize;
};
struct Adam {
  DType dtype;
  double lr, beta1, beta2, eps, weight_decay;
  double correction1, correction2;  // 1 - beta^t in step t
  bool decoupled, maximize;         // decoupled: AdamW
};
// The other updates, by name, with their state s and coefficients c:
//   nadam       s = mean, square            c = beta1, beta2, 1 / sqrt(correction2), eps, rate of g, rate of mean
//   radam       s = mean, square            c = beta1, beta2, rate, eps; `plain`: p -= rate mean
//   rmsprop     s = square[, buffer][, mean]   c = alpha, eps, lr, momentum
//   rprop       s = prev, size              c = eta minus, eta plus, least, most, size at first
//   adagrad     s = sum                     c = rate, eps, sum at first
//   adadelta    s = square, delta           c = rho, eps, lr
//   adamax      s = mean, largest           c = beta1, beta2, eps, rate
//   asgd        s = average                 c = eta, mu; `plain`: the average is p
//   lion        s = mean                    c = beta1, beta2, lr
enum class Rule : uint8_t {
  nadam,
  radam,
  rmsprop,
  rmsprop_momentum,
  rmsprop_centered,
  rmsprop_centered_momentum,
  rprop,
  adagrad,
  adadelta,
  adamax,
  asgd,
  lion,
};
struct Update {
  Rule rule;
  DType dtype;
  bool maximize;
  double weight_decay, keep;  // g += weight_decay p, then p *= keep
  bool first, plain;          // first: the state is not begun
  double c[6];
};

struct Kernels {
  const char* isa;  // "v2", "v3", "v4", "neon"

#define BS_KERNEL(result, name, ...) result (*name)(__VA_ARGS__);
#include "kernels/kernels.def"
};

// The table in use: the best that this CPU supports, or the one that BACKSWEEP_ISA names.
const Kernels& active();
// Tables compiled into this build that this CPU can run, best first (null-terminated).
const Kernels* const* available();
// Makes the named one active; false if it is not available. For start-up and tests: not while kernels run.
bool activate(const char* isa);
// Why no table could be chosen (BACKSWEEP_ISA names none of available(), or the CPU is too old), or null. The binding
// raises it at import; no kernel may run when there is one.
const char* selection_error();

}  // namespace bs::kernels
