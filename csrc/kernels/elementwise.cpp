// Elementwise lists, interpreted over tiles that stay in L1: per tile each instruction is one call of a vector loop.
//
// Inputs that lie in memory as the instructions want them are read there, outputs written there; the rest (other
// dtypes, broadcasts, strides) passes through tiles on the stack. Which of these happens never changes a bit: every
// element goes through the same vector function, tails included.
#include <cstdint>

#include "kernels/kernels.h"
#include "kernels/math.h"

namespace bs::kernels::BS_ISA {
namespace {

// One register: 512 floats. relu(x y + z) over 2048 floats took 0.12, 0.085, 0.11 ns per element with tiles of 1, 2 and
// 4 KiB (Zen 5, v4): the calls against what L1 holds.
constexpr int kTileBytes = 2048;
constexpr int kRegisters = kMaxListArgs + kMaxListTemps;
// Rows shorter than this are packed, several to a tile; longer ones are cut into tiles of their own. Adding a row to
// (32, 160): 0.042 ns per element packed, 0.074 otherwise; from 256 columns on it no longer matters.
constexpr int64_t kPackBytes = kTileBytes / 2;

constexpr int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

// ---- Instructions: one function per row of elementwise.def and type ------------------------------------------

enum Types { FLOATS, NUMBERS, TEST, SELECT };

#define BS_ROW(name, n_operands, types, value)                                                                   \
  struct Row_##name {                                                                                            \
    static constexpr int arity = n_operands;                                                                     \
    static constexpr bool floats_only = types == FLOATS;                                                         \
    template <class T>                                                                                           \
    static inline __attribute__((always_inline)) Vec<T> of([[maybe_unused]] Vec<T> x, [[maybe_unused]] Vec<T> y, \
                                                           [[maybe_unused]] Vec<T> z) {                          \
      [[maybe_unused]] const auto C = [](double c) { return v_set(static_cast<T>(c)); };                         \
      [[maybe_unused]] const auto v_one_if = [](Mask<T> m) { return BS_ISA::v_one_if<T>(m); };                   \
      return value;                                                                                              \
    }                                                                                                            \
  };
#define BS_EW1(name, types, value, ...) BS_ROW(name, 1, types, value)
#define BS_EW2(name, types, value, ...) BS_ROW(name, 2, types, value)
#define BS_EW3(name, types, value, ...) BS_ROW(name, 3, types, value)
#include "kernels/elementwise.def"
BS_ROW(copy, 1, NUMBERS, x)
#undef BS_ROW

// d[i] = row(a[i], b[i], c[i]). d may be any of the operands: a vector is loaded before it is stored.
template <class T, class Row>
void apply(T* d, const T* a, const T* b, const T* c, int64_t n) {
  int64_t i = 0;
  Vec<T> x = {}, y = {}, z = {};
#pragma GCC unroll 4
  for (; i + kLanes<T> <= n; i += kLanes<T>) {
    x = v_load(a + i);
    if constexpr (Row::arity > 1) y = v_load(b + i);
    if constexpr (Row::arity > 2) z = v_load(c + i);
    v_store(d + i, Row::template of<T>(x, y, z));
  }
  if (i < n) {
    x = v_load_part(a + i, n - i);
    if constexpr (Row::arity > 1) y = v_load_part(b + i, n - i);
    if constexpr (Row::arity > 2) z = v_load_part(c + i, n - i);
    v_store_part(d + i, Row::template of<T>(x, y, z), n - i);
  }
}

template <class T>
using Function = void (*)(T* d, const T* a, const T* b, const T* c, int64_t n);

template <class T, class Row>
constexpr Function<T> function_of() {
  constexpr bool integer = static_cast<T>(0.5) == static_cast<T>(0);
  if constexpr (Row::floats_only && integer) {
    return nullptr;  // no list holds it: FLOATS rows turn integers into floats
  } else {
    return &apply<T, Row>;
  }
}

// Indexed by Ew.
template <class T>
constexpr Function<T> kFunctions[] = {
#define BS_EW1(name, ...) function_of<T, Row_##name>(),
#define BS_EW2(name, ...) function_of<T, Row_##name>(),
#define BS_EW3(name, ...) function_of<T, Row_##name>(),
#include "kernels/elementwise.def"
    function_of<T, Row_copy>(),
};

// ---- Into and out of tiles -----------------------------------------------------------------------------------

// A bool's byte: any value but 0 is true.
struct Bool {
  uint8_t byte;
};

template <class T, class S>
inline T convert(S s) {
  return static_cast<T>(s);
}
template <class T>
inline T convert(Bool s) {
  return static_cast<T>(s.byte != 0);
}

template <class T>
inline void fill(T* d, T s, int64_t n) {
  const Vec<T> v = v_set(s);
  int64_t i = 0;
  for (; i + kLanes<T> <= n; i += kLanes<T>) v_store(d + i, v);
  if (i < n) v_store_part(d + i, v, n - i);
}

template <class T, class S>
constexpr bool kSame = false;
template <class T>
constexpr bool kSame<T, T> = true;

// Rows of `n` elements, `stride` apart, converted and packed at d.
template <class T, class S>
void load(T* __restrict d, const void* source, int64_t rows, int64_t row_stride, int64_t n, int64_t stride) {
  const S* p = static_cast<const S*>(source);
  for (int64_t row = 0; row < rows; ++row, d += n) {
    const S* s = p + row * row_stride;
    if (stride == 0) {
      fill(d, convert<T>(*s), n);
    } else if (stride == 1) {
      if constexpr (kSame<T, S>) {
        apply<T, Row_copy>(d, s, nullptr, nullptr, n);
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
  for (int64_t i = 0; i < n; ++i) d[i] = static_cast<D>(s[i]);
}
template <class T>
void store_bool(void* destination, const T* s, int64_t n) {
  uint8_t* d = static_cast<uint8_t*>(destination);
  for (int64_t i = 0; i < n; ++i) d[i] = s[i] != 0;
}

// Indexed by DType.
template <class T>
constexpr void (*kLoad[])(T*, const void*, int64_t, int64_t, int64_t, int64_t) = {
    load<T, float>, load<T, double>, load<T, int32_t>, load<T, int64_t>, load<T, Bool>};
template <class T>
constexpr void (*kStore[])(void*, const T*, int64_t) = {store<T, float>, store<T, double>, store<T, int32_t>,
                                                        store<T, int64_t>, store_bool<T>};

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

template <class T, DType kType>
struct Run {
  static constexpr int64_t kTile = kTileBytes / sizeof(T);

  const EwList& list;
  void* const* args;
  const int64_t lo, hi;
  const int first_out = list.n_in + list.n_temp;
  const int last = list.n_dims - 1;

  T* reg[kRegisters];           // where each register's tile lies
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
  alignas(64) char tiles[kRegisters * kTileBytes];  // uninitialised: only those in use are touched

  Run(const EwList& l, void* const* a, int64_t begin, int64_t end) : list(l), args(a), lo(begin), hi(end) {}

  T* new_tile() { return reinterpret_cast<T*>(tiles + kTileBytes * n_tiles++); }

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
      if (!linear || arg.dtype != kType) {
        reg[k] = new_tile();
        if (scalar) {  // filled once
          direct = false;
          kLoad<T>[dtype](reg[k], in.base, 1, 0, min_of(hi - lo, kTile), 0);
          continue;
        }
        in.kind = linear ? Input::linear_convert : Input::gather;
        direct = direct && !linear;  // place_rows decides on the others
        by_rows = by_rows || !linear;
      }
      input[n_inputs++] = in;
    }
  }

  void place_outputs() {
    for (int k = 0; k < list.n_temp; ++k) reg[list.n_in + k] = new_tile();
    for (int k = 0; k < list.n_out; ++k) {
      const int arg = list.n_in + k;
      in_place[k] = list.arg[arg].dtype == kType;
      for (int i = 0; i < list.n_in && list.n_instr > 1; ++i) {
        if (args[i] == args[arg] && read_after_write(i, first_out + k)) in_place[k] = false;
      }
      if (!in_place[k]) reg[first_out + k] = new_tile();
      direct = direct && in_place[k];
    }
  }

  // Whether an instruction reads register r after one has written w.
  bool read_after_write(int r, int w) const {
    bool written = false;
    for (int i = 0; i < list.n_instr; ++i) {
      const EwInstr& o = list.instr[i];
      if (written && (o.a == r || o.b == r || o.c == r)) return true;
      written = written || o.dst == w;
    }
    return false;
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
          gather(in, reg[in.reg], min_of(hi - lo, chunk));
          continue;
        }
      } else if (in.kind == Input::gather) {
        const bool as_is = in.stride[last] == 1 && in.dtype == static_cast<uint8_t>(kType);
        if (as_is) in.kind = Input::row;
        if (in.stride[last] == 0) in.kind = Input::row_fill;
        direct = direct && as_is;
      }
      input[kept++] = in;
    }
    n_inputs = kept;
    if (!packed && direct && list.n_instr == 1) chunk = inner;
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
      if (in_place[k]) reg[first_out + k] = static_cast<T*>(args[list.n_in + k]) + i;
    }
    if (straight) reg[input[0].reg] = reg[first_out];
    for (int k = 0; k < n_inputs; ++k) {
      const Input& in = input[k];
      const char* p = in.base + i * static_cast<int64_t>(kDTypeSize[in.dtype]);
      switch (in.kind) {
        case Input::linear:
          reg[in.reg] = reinterpret_cast<T*>(const_cast<char*>(p));
          break;
        case Input::linear_convert:
          kLoad<T>[in.dtype](reg[in.reg], p, 1, 0, n, 1);
          break;
        case Input::gather:
          gather(in, reg[in.reg], n);
          break;
        case Input::row:
          reg[in.reg] = reinterpret_cast<T*>(const_cast<char*>(address(in, at)));
          break;
        case Input::row_fill:
          if (i == lo || at[last] == 0) kLoad<T>[in.dtype](reg[in.reg], address(in, at), 1, 0, n, 0);
          break;
      }
    }
    if (straight) return;
    for (int k = 0; k < list.n_instr; ++k) {
      const EwInstr& o = list.instr[k];
      kFunctions<T>[static_cast<int>(o.op)](reg[o.dst], reg[o.a], reg[o.b], reg[o.c], n);
    }
    for (int k = 0; k < list.n_out; ++k) {
      if (in_place[k]) continue;
      const uint8_t dtype = static_cast<uint8_t>(list.arg[list.n_in + k].dtype);
      char* p = static_cast<char*>(args[list.n_in + k]) + i * static_cast<int64_t>(kDTypeSize[dtype]);
      kStore<T>[dtype](p, reg[first_out + k], n);
    }
  }

  void all() {
    place_inputs();
    place_outputs();
    const EwInstr& first = list.instr[0];
    straight = list.n_out == 1 && in_place[0] && n_inputs == 1 && list.n_instr == 1 && first.op == Ew::copy &&
               input[0].reg == first.a && input[0].kind != Input::linear && args[first.a] != args[list.n_in];
    chunk = straight || (direct && list.n_instr == 1) ? hi - lo : kTile;
    if (by_rows) place_rows();
    int64_t n = 0;
    for (int64_t i = lo; i < hi; i += n) {
      n = min_of(chunk, hi - i);
      if (!packed) n = min_of(n, list.size[last] - at[last]);
      tile(i, n);
      if (by_rows) advance(list, at, n);
    }
  }
};

}  // namespace

void elementwise(const EwList& list, void* const* args, int64_t lo, int64_t hi) {
  if (lo >= hi) return;
  switch (list.compute) {
    case DType::f32:
      return Run<float, DType::f32>(list, args, lo, hi).all();
    case DType::f64:
      return Run<double, DType::f64>(list, args, lo, hi).all();
    case DType::i32:
      return Run<int32_t, DType::i32>(list, args, lo, hi).all();
    case DType::i64:
      return Run<int64_t, DType::i64>(list, args, lo, hi).all();
    case DType::b8:
      return;  // no arithmetic is done in bool
  }
}

}  // namespace bs::kernels::BS_ISA
