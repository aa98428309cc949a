// Elementwise lists over any loop space. Operands of the list's own type that lie in rows go to the interpreter as they
// are (list.h); the rest (other dtypes, other strides) passes through tiles on the stack, which stay in L1. Which of
// these happens never changes a bit.
#include <cstdint>

#include "base/half.h"
#include "base/with_dtype.h"
#include "kernels/gemm_pack.h"
#include "kernels/list.h"

namespace bs::kernels::BS_ISA {
namespace {

// What passes through a tile: 512 floats.
constexpr int kTileBytes = 2048;
// Rows shorter than this are packed, several to a tile; longer ones are cut into tiles of their own. Adding a row to
// (32, 160): 0.042 ns per element packed, 0.074 otherwise; from 256 columns on it no longer matters.
constexpr int64_t kPackBytes = kTileBytes / 2;

// ---- Into and out of tiles -----------------------------------------------------------------------------------

// A bool's byte: any value but 0 is true.
struct Bool {
  uint8_t byte;
};

// A float that an integer type cannot hold, and NaN, give its least number. x86's instructions do so by themselves;
// those of NEON give the nearest number, or the low bits where they narrow.
template <class T, class S>
inline T convert(S s) {
  // Short integers take the low bits.
  if constexpr (sizeof(T) < 4 && !kIsInteger<S>) return static_cast<T>(convert<int32_t>(s));
#if defined(__aarch64__)
  if constexpr (kIsInteger<T> && !kIsInteger<S>) {
    constexpr S least = static_cast<S>(sizeof(T) == 4 ? -0x1p31 : -0x1p63);
    return static_cast<T>(s >= least && s < -least ? s : least);
  }
#endif
  return static_cast<T>(s);
}
template <class T>
inline T convert(Bool s) {
  return static_cast<T>(s.byte != 0);
}
template <class T>
inline T convert(Half s) {
  return convert<T>(to_float(s));
}
template <class T>
inline T convert(BHalf s) {
  return convert<T>(to_float(s));
}

// Into memory of another type; float16 and bfloat16 round what float32 makes of it.
template <class D, class T>
inline void put(D* d, T s) {
  *d = convert<D>(s);
}
template <class T>
inline void put(Bool* d, T s) {
  d->byte = s != 0;
}
template <class T>
inline void put(Half* d, T s) {
  *d = to_half(static_cast<float>(s));
}
template <class T>
inline void put(BHalf* d, T s) {
  *d = to_bhalf(static_cast<float>(s));
}

template <class T>
inline void fill(T* d, T s, int64_t n) {
  const Vec<T> v = v_set(s);
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) v_store(d + i, v);
  if (i < n) v_store_part(d + i, v, n - i);
}

template <class T>
inline void copy(T* d, const T* s, int64_t n) {
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) v_store(d + i, v_load(s + i));
  if (i < n) v_store_part(d + i, v_load_part(s + i, n - i), n - i);
}

// Bits are moved as floats of their size.
template <size_t bytes>
struct WordOf {
  using type = float;
};
template <>
struct WordOf<8> {
  using type = double;
};

template <class T, class S>
constexpr bool kSame = false;
template <class T>
constexpr bool kSame<T, T> = true;

// Columns of a matrix, `stride` apart and contiguous, as rows of at least a vector: by squares in registers.
template <class T>
void transpose(T* d, const T* s, int64_t rows, int64_t n, int64_t stride) {
  for (int64_t j = 0;; j = min_of(j + kLanes<T>, n - kLanes<T>)) {  // the last may overlap the one before
    pack_transposed(s + j * stride, stride, kLanes<T>, rows, d + j, n);
    if (j + kLanes<T> == n) return;
  }
}

// Rows of `n` elements, `stride` apart, converted and packed at d.
template <class T, class S>
void load(T* __restrict d, const void* source, int64_t rows, int64_t row_stride, int64_t n, int64_t stride) {
  const S* p = static_cast<const S*>(source);
  if constexpr (kSame<T, S>) {
    using Word = typename WordOf<sizeof(T)>::type;
    if (row_stride == 1 && rows >= kTurned<Word> && n >= kLanes<Word> && stride != 1) {
      transpose(reinterpret_cast<Word*>(d), reinterpret_cast<const Word*>(p), rows, n, stride);
      return;
    }
  }
  for (int64_t row = 0; row < rows; ++row, d += n) {
    const S* s = p + row * row_stride;
    if (stride == 0) {
      fill(d, convert<T>(*s), n);
    } else if (stride == 1) {
      if constexpr (kSame<T, S>) {
        copy(d, s, n);
      } else {
        for (int64_t i = 0; i < n; ++i) d[i] = convert<T>(s[i]);
      }
    } else {
      for (int64_t i = 0; i < n; ++i) d[i] = convert<T>(s[i * stride]);
    }
  }
}

template <class T, class D>
void store(void* destination, const T* s, int64_t n) {
  D* d = static_cast<D*>(destination);
  for (int64_t i = 0; i < n; ++i) put(d + i, s[i]);
}

// Indexed by DType.
template <class T>
constexpr void (*kLoad[])(T*, const void*, int64_t, int64_t, int64_t, int64_t) = {
    load<T, float>,   load<T, double>, load<T, int32_t>, load<T, int64_t>, load<T, Bool>,
    load<T, uint8_t>, load<T, int8_t>, load<T, int16_t>, load<T, Half>,    load<T, BHalf>};
template <class T>
constexpr void (*kStore[])(void*, const T*, int64_t) = {
    store<T, float>,   store<T, double>, store<T, int32_t>, store<T, int64_t>, store<T, Bool>,
    store<T, uint8_t>, store<T, int8_t>, store<T, int16_t>, store<T, Half>,    store<T, BHalf>};

// ---- Walking the loop space ----------------------------------------------------------------------------------

// Moves a position of the loop space on by n elements.
inline void advance(const EwList& list, int64_t* at, int64_t n) {
  int d = list.n_dims - 1;
  at[d] += n;
  for (; d > 0 && at[d] >= list.size[d]; --d) {
    at[d - 1] += at[d] / list.size[d];
    at[d] %= list.size[d];
  }
}

// An input that changes from tile to tile.
struct Input {
  enum Kind : uint8_t {
    linear,          // contiguous over the loop space: read in place
    linear_convert,  // so too, but of another dtype
    gather,          // anything else
    row,             // a row, or a part of it, read in place
    row_fill,        // one value for a whole row
  };
  const char* base;
  const int64_t* stride;
  uint8_t reg, dtype;
  Kind kind;
};

template <class T>
struct Run {
  static constexpr int64_t kTile = kTileBytes / sizeof(T);

  const EwList& list;
  void* const* args;
  const int64_t lo, hi;
  const int first_out = list.n_in + list.n_temp;
  const int last = list.n_dims - 1;

  bool in_place[kMaxListArgs];  // outputs that are written where they belong
  Input input[kMaxListArgs];
  int n_inputs = 0;
  bool by_rows = false;      // some input follows the rows of the loop space:
  bool packed = true;        // a tile is then a number of whole rows, or else a part of one row
  bool direct = true;        // no operand passes through a tile of ours
  bool straight = false;     // a copy that converts or gathers, straight into its output
  int64_t chunk;             // elements per tile
  int64_t at[kMaxLoopDims];  // position in the loop space (if by_rows)
  int n_tiles = 0;
  ListRun run;
  alignas(64) char tiles[kMaxListArgs * kTileBytes];  // uninitialised: only those in use are touched

  Run(const EwList& l, void* const* a, int64_t begin, int64_t end) : list(l), args(a), lo(begin), hi(end) {
    list_begin(run, list);
  }

  T* at_register(int r) { return reinterpret_cast<T*>(run.reg[r].base); }
  void place(int r, const void* p) { run.reg[r] = {static_cast<char*>(const_cast<void*>(p)), -1}; }
  void place_tile(int r) { place(r, tiles + kTileBytes * n_tiles++); }
  // One value in every column.
  void place_value(int r, uint8_t dtype, const void* p, int64_t n) {
    T value;
    kLoad<T>[dtype](&value, p, 1, 0, 1, 1);
    list_fill(run, r, &value, n);
  }

  void place_inputs() {
    for (int k = 0; k < list.n_in; ++k) {
      const EwArg& arg = list.arg[k];
      bool linear = true, scalar = true;
      int64_t expected = 1;
      for (int d = last; d >= 0; --d) {
        if (list.size[d] == 1) continue;
        linear = linear && arg.stride[d] == expected;
        scalar = scalar && arg.stride[d] == 0;
        expected *= list.size[d];
      }
      const uint8_t dtype = static_cast<uint8_t>(arg.dtype);
      Input in = {static_cast<const char*>(args[k]), arg.stride, static_cast<uint8_t>(k), dtype, Input::linear};
      if (!linear || arg.dtype != list.compute) {
        if (scalar) {  // filled once
          place_value(k, dtype, in.base, hi - lo);
          continue;
        }
        place_tile(k);
        in.kind = linear ? Input::linear_convert : Input::gather;
        direct = direct && !linear;  // place_rows decides on the others
        by_rows = by_rows || !linear;
      }
      input[n_inputs++] = in;
    }
  }

  void place_outputs() {
    for (int k = 0; k < list.n_out; ++k) {
      const int arg = list.n_in + k;
      in_place[k] = list.arg[arg].dtype == list.compute;
      for (int i = 0; i < list.n_in && list.n_instr > 1; ++i) {
        if (args[i] == args[arg] && read_after_write(list, i, first_out + k)) in_place[k] = false;
      }
      if (!in_place[k]) place_tile(first_out + k);
      direct = direct && in_place[k];
    }
  }

  void place_rows() {
    int64_t rest = lo;
    for (int d = last; d > 0; --d) {
      at[d] = rest % list.size[d];
      rest /= list.size[d];
    }
    at[0] = rest;
    const int64_t inner = list.size[last];
    packed = inner * static_cast<int64_t>(sizeof(T)) < kPackBytes;
    if (straight) {
      chunk = hi - lo;
      return;
    }
    if (packed) {
      chunk = kTile - kTile % inner;
    } else {  // parts of equal length, in whole cache lines
      const int64_t parts = (inner + kTile - 1) / kTile;
      chunk = ((inner + parts - 1) / parts + 15) / 16 * 16;
    }
    int kept = 0;
    for (int k = 0; k < n_inputs; ++k) {
      Input& in = input[k];
      if (in.kind == Input::gather && packed) {
        bool periodic = true;  // the same in each row, and every tile begins at the same column: gathered once
        for (int d = 0; d < last; ++d) periodic = periodic && (in.stride[d] == 0 || list.size[d] == 1);
        if (periodic) {
          gather(in, at_register(in.reg), min_of(hi - lo, chunk));
          continue;
        }
      } else if (in.kind == Input::gather) {
        const bool as_is = in.stride[last] == 1 && in.dtype == static_cast<uint8_t>(list.compute);
        if (as_is) in.kind = Input::row;
        if (in.stride[last] == 0) in.kind = Input::row_fill;
        direct = direct && as_is;
      }
      input[kept++] = in;
    }
    n_inputs = kept;
    if (!packed && direct) chunk = inner;
  }

  const char* address(const Input& in, const int64_t* pos) const {
    int64_t offset = 0;
    for (int d = 0; d <= last; ++d) offset += pos[d] * in.stride[d];
    return in.base + offset * static_cast<int64_t>(kDTypeSize[in.dtype]);
  }

  // n elements from `at` on, in row-major order: parts of rows, or as many whole rows as lie one stride apart.
  void gather(const Input& in, T* d, int64_t n) const {
    const int64_t inner = list.size[last];
    int64_t pos[kMaxLoopDims];
    for (int k = 0; k <= last; ++k) pos[k] = at[k];
    for (;;) {
      int64_t rows = 1, row_stride = 0;
      const int64_t cols = min_of(n, inner - pos[last]);
      if (last > 0 && cols == inner) {
        rows = min_of(n / inner, list.size[last - 1] - pos[last - 1]);
        row_stride = in.stride[last - 1];
      }
      kLoad<T>[in.dtype](d, address(in, pos), rows, row_stride, cols, in.stride[last]);
      n -= rows * cols;
      if (n == 0) return;
      d += rows * cols;
      advance(list, pos, rows * cols);
    }
  }

  // Elements [i, i + n) of the loop space.
  void tile(int64_t i, int64_t n) {
    for (int k = 0; k < list.n_out; ++k) {
      if (in_place[k]) place(first_out + k, static_cast<T*>(args[list.n_in + k]) + i);
    }
    if (straight) run.reg[input[0].reg] = run.reg[first_out];
    for (int k = 0; k < n_inputs; ++k) {
      const Input& in = input[k];
      const char* p = in.base + i * static_cast<int64_t>(kDTypeSize[in.dtype]);
      switch (in.kind) {
        case Input::linear:
          place(in.reg, p);
          break;
        case Input::linear_convert:
          kLoad<T>[in.dtype](at_register(in.reg), p, 1, 0, n, 1);
          break;
        case Input::gather:
          gather(in, at_register(in.reg), n);
          break;
        case Input::row:
          place(in.reg, address(in, at));
          break;
        case Input::row_fill:
          if (i == lo || at[last] == 0) place_value(in.reg, in.dtype, address(in, at), list.size[last]);
          break;
      }
    }
    if (straight) return;
    list_run(run, n);
    for (int k = 0; k < list.n_out; ++k) {
      if (in_place[k]) continue;
      const uint8_t dtype = static_cast<uint8_t>(list.arg[list.n_in + k].dtype);
      char* p = static_cast<char*>(args[list.n_in + k]) + i * static_cast<int64_t>(kDTypeSize[dtype]);
      kStore<T>[dtype](p, at_register(first_out + k), n);
    }
  }

  void all() {
    place_inputs();
    place_outputs();
    const EwInstr& first = list.instr[0];
    straight = list.n_out == 1 && in_place[0] && n_inputs == 1 && list.n_instr == 1 && first.op == Ew::copy &&
               input[0].reg == first.a && input[0].kind != Input::linear && args[first.a] != args[list.n_in];
    chunk = straight || direct ? hi - lo : kTile;
    if (by_rows) place_rows();
    int64_t n = 0;
    for (int64_t i = lo; i < hi; i += n) {
      n = min_of(chunk, hi - i);
      if (!packed && !straight) n = min_of(n, list.size[last] - at[last]);
      tile(i, n);
      if (by_rows) advance(list, at, n);
    }
  }
};

// Whether an output lies in the place of an input that is read after the output has been written.
inline bool overtakes(const EwList& list, void* const* args) {
  if (list.n_instr == 1) return false;
  for (int k = list.n_in; k < list.n_in + list.n_out; ++k) {
    for (int i = 0; i < list.n_in; ++i)
      if (args[i] == args[k] && read_after_write(list, i, k + list.n_temp)) return true;
  }
  return false;
}

// Whether a list is as most are: at most one dimension, operands of the list's type, contiguous (`moves` says which) or
// one value. A single element is a row.
inline bool is_row(const EwList& list, int64_t lo, int64_t hi, uint64_t& moves) {
  const bool single = lo == 0 && hi == 1;  // whatever the strides
  if (list.n_dims > 1 && !single) return false;
  moves = 0;
  const EwArg* arg = list.arg;
  for (int k = 0; k < list.n_in + list.n_out; ++k, ++arg) {
    const uint64_t stride = single ? 0 : static_cast<uint64_t>(arg->stride[0]);
    if (arg->dtype != list.compute || stride > 1) return false;
    moves |= stride << k;
  }
  return true;
}

// Such a list, by blocks. False if an output lies in the way.
__attribute__((noinline)) bool one_row(const EwList& list, void* const* args, uint64_t moves, int64_t lo, int64_t hi) {
  if (overtakes(list, args)) return false;
  const int64_t skipped = lo * static_cast<int64_t>(size_of(list.compute));
  ListRun run;
  list_begin(run, list);
  for (int k = 0; k < list.n_in; ++k) {
    if (moves >> k & 1)
      run.reg[k] = {static_cast<char*>(args[k]) + skipped, -1};
    else
      list_fill(run, k, args[k], hi - lo);
  }
  for (int k = list.n_in; k < list.n_in + list.n_out; ++k)
    run.reg[k + list.n_temp] = {static_cast<char*>(args[k]) + skipped, -1};
  list_run(run, hi - lo);
  return true;
}

// Two dimensions with long rows, operands of the list's type, contiguous or one value in each row. False if it is not
// so.
__attribute__((noinline)) bool many_rows(const EwList& list, void* const* args, int64_t lo, int64_t hi) {
  const int64_t item = static_cast<int64_t>(size_of(list.compute)), cols = list.size[1];
  if (list.n_dims != 2 || cols * item < kPackBytes || overtakes(list, args)) return false;
  ListOperand operand[kMaxListArgs], part[kMaxListArgs];
  for (int k = 0; k < list.n_in + list.n_out; ++k) {
    const EwArg& arg = list.arg[k];
    const bool input = k < list.n_in;
    if (arg.dtype != list.compute || (input && arg.stride[1] != 0 && arg.stride[1] != 1)) return false;
    operand[k] = {args[k], input ? arg.stride[0] : cols, !input || arg.stride[1] == 1};
  }
  ListRun run;
  list_begin(run, list);
  while (lo < hi) {  // a part of a row, whole rows, a part of a row
    const int64_t row = lo / cols, col = lo % cols;
    const int64_t rows = col == 0 && hi - lo >= cols ? (hi - lo) / cols : 1;
    const int64_t n = min_of(cols - col, hi - lo);
    for (int k = 0; k < list.n_in + list.n_out; ++k) {
      part[k] = operand[k];
      part[k].base = static_cast<char*>(operand[k].base) + (row * operand[k].row + (operand[k].moves ? col : 0)) * item;
    }
    list_rows(run, part, rows, n);
    lo += rows * n;
  }
  return true;
}

template <class T>
__attribute__((noinline)) void any_shape(const EwList& list, void* const* args, int64_t lo, int64_t hi) {
  Run<T>(list, args, lo, hi).all();
}

}  // namespace

void elementwise(const EwList& list, void* const* args, int64_t lo, int64_t hi) {
  if (lo >= hi) return;
  if (uint64_t moves; is_row(list, lo, hi, moves)) {
    if ((hi - lo) * static_cast<int64_t>(size_of(list.compute)) <= kFewBytes)
      return list_few(list, args, moves, lo, hi - lo);
    if (one_row(list, args, moves, lo, hi)) return;
  } else if (many_rows(list, args, lo, hi)) {
    return;
  }
  with_number(list.compute, [&](auto zero) { any_shape<decltype(zero)>(list, args, lo, hi); });
}

}  // namespace bs::kernels::BS_ISA
