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
};
// Whether the row's formula is for floats alone.
static constexpr bool of_floats(EwTypes t) { return t == EwTypes::FLOATS || t == EwTypes::REALS; }

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

// ---- Reductions ----------------------------------------------------------------------------------------------

enum class Reduction : uint8_t { sum, max, min, sum_squares };

// x is contiguous (outer, reduce, inner), y (outer, inner). sum of nothing is 0; max and min of nothing are refused
// above; sum_squares, of floats, is a float64, in which squares of float32 are exact and neither overflow nor vanish.
struct Reduce {
  Reduction kind;
  DType dtype;
  int64_t outer, reduce, inner;
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

struct Kernels {
  const char* isa;  // "v2", "v3", "v4", "neon"

  // lo, hi: linear indices into the loop space (row-major over size[]).
  void (*elementwise)(const EwList& list, void* const* args, int64_t lo, int64_t hi);

  // Bytes of scratch that one call may use (64-byte aligned), whatever its part.
  size_t (*gemm_scratch)(const Gemm& g);
  // The block of C rows [row_lo, row_hi) x columns [col_lo, col_hi). bias may be null.
  void (*gemm)(const Gemm& g, const void* a, const void* b, const void* bias, void* c, int64_t row_lo, int64_t row_hi,
               int64_t col_lo, int64_t col_hi, void* scratch);

  // lo, hi: over the outer * inner outputs. Sums: rows (inner == 1) in 16 fixed lanes, joined by a fixed tree, per
  // block of 4096 elements, blocks added in order; columns (inner > 1) one chain over `reduce` ascending, in blocks
  // of 256 rows added in order. max and min propagate NaN. Sums of integers and bools are int64.
  void (*reduce)(const Reduce& r, const void* x, void* y, int64_t lo, int64_t hi);
  // y[o,c] = the first k at which x[o,k,c] is the largest (kind max) or the least (min), NaN before every number.
  // lo, hi as for reduce; any dtype but bool.
  void (*arg_reduce)(const Reduce& r, const void* x, int64_t* y, int64_t lo, int64_t hi);

  // Rows of x (rows, cols): y = exp(x - max_j x) / sum_j exp(x - max_j x), or its logarithm; NaN where the maximum is
  // NaN or infinite. Exponentials below 2^-126.5 (f64: 2^-1022.5) count as 0. lo, hi: rows. dtype f32, f64.
  void (*softmax)(DType dtype, bool logarithm, int64_t cols, const void* x, void* y, int64_t lo, int64_t hi);
  // dx = y (dy - sum_j dy y), or of the logarithm dx = dy - exp(y) sum_j dy, with the y that softmax gave.
  void (*softmax_backward)(DType dtype, bool logarithm, int64_t cols, const void* dy, const void* y, void* dx,
                           int64_t lo, int64_t hi);

  // Per row i of logits (rows, cols), target[i] in [0, cols) or == ignore_index:
  //   top[i] = max_j logits[i,j],  log_sum[i] = log sum_j exp(logits[i,j] - top[i]),
  //   loss[i] = log_sum[i] - (logits[i, target[i]] - top[i])  (0 if ignored).
  // logits' rows are contiguous. Returns the first row of [lo, hi) whose target is out of range, or -1. dtype f32, f64.
  int64_t (*cross_entropy)(DType dtype, int64_t cols, const void* logits, const int64_t* target, int64_t ignore_index,
                           void* loss, void* top, void* log_sum, int64_t lo, int64_t hi);
  // dlogits[i,j] = scale[i * scale_stride] * (exp(logits[i,j] - top[i] - log_sum[i]) - [j == target[i]]), 0 for ignored
  // rows and for rows whose scale is 0. Exponentials below 2^-126.5 (f64: 2^-1022.5) count as 0.
  void (*cross_entropy_backward)(DType dtype, int64_t cols, const void* logits, const int64_t* target,
                                 int64_t ignore_index, const void* top, const void* log_sum, const void* scale,
                                 int64_t scale_stride, void* dlogits, int64_t lo, int64_t hi);

  // Per row of x (rows, cols): mean, rstd = 1 / sqrt(var + eps) with the biased variance (two passes over the row,
  // sums in the order of `reduce`), y = (x - mean) rstd gamma + beta. gamma, beta may be null. lo, hi: rows.
  void (*layer_norm)(DType dtype, int64_t cols, const void* x, const void* gamma, const void* beta, double eps, void* y,
                     void* mean, void* rstd, int64_t lo, int64_t hi);
  // dx = rstd (h - mean_j(h) - xhat mean_j(h xhat)), h = dy gamma, xhat = (x - mean) rstd. lo, hi: rows.
  void (*layer_norm_backward)(DType dtype, int64_t cols, const void* dy, const void* x, const void* gamma,
                              const void* mean, const void* rstd, void* dx, int64_t lo, int64_t hi);
  // dgamma[j] = sum_i dy[i,j] xhat[i,j], dbeta[j] = sum_i dy[i,j] over rows [0, rows), in blocks of 256 rows added in
  // order. Either output may be null. lo, hi: columns.
  void (*layer_norm_backward_params)(DType dtype, int64_t rows, int64_t cols, const void* dy, const void* x,
                                     const void* mean, const void* rstd, void* dgamma, void* dbeta, int64_t lo,
                                     int64_t hi);

  // out[i] = table[index[i]], rows of row_bytes. lo, hi: over the indices. Returns the first position whose index is
  // outside [0, table_rows), or -1.
  int64_t (*gather_rows)(int64_t row_bytes, const void* table, int64_t table_rows, const int64_t* index, void* out,
                         int64_t lo, int64_t hi);
  // out[r] = sum over i with index[i] == r, i ascending, of x[i]; out (table_rows, cols). lo, hi: rows of out.
  // Indices are known to be in range (the gather that came first has checked them).
  void (*scatter_add_rows)(DType dtype, int64_t cols, int64_t n_index, const int64_t* index, const void* x, void* out,
                           int64_t lo, int64_t hi);

  // y[i] = unit_float(philox_word(seed, draw, i)) < keep ? x[i] / keep : 0, exactly 0 where dropped. lo, hi: elements.
  void (*dropout)(DType dtype, uint64_t seed, uint64_t draw, double keep, const void* x, void* y, int64_t lo,
                  int64_t hi);

  // g += weight_decay p;  buffer = momentum buffer + fresh g;  p -= lr (nesterov ? g + momentum buffer : buffer).
  // Without a buffer (null) p -= lr g. Outputs may lie over the inputs of the same name. lo, hi: elements.
  void (*sgd)(const Sgd& s, const void* p, const void* grad, const void* buffer, void* p_out, void* buffer_out,
              int64_t lo, int64_t hi);
  // in: p, grad, mean, square, most (null: no amsgrad); out: p, mean, square, most. Outputs may lie over the inputs of
  // the same name.
  //   p = p (1 - lr weight_decay) if decoupled, else g += weight_decay p
  //   mean = beta1 mean + (1 - beta1) g;  square = beta2 square + (1 - beta2) g^2;  most = max(most, square)
  //   p -= lr / correction1 * mean / (sqrt(most or square) / sqrt(correction2) + eps).  lo, hi: elements.
  void (*adam)(const Adam& s, const void* const* in, void* const* out, int64_t lo, int64_t hi);
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
