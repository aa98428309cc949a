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

// One register: 512 floats. @TILE@
#ifndef EW_TILE
#define EW_TILE 2048
#endif
constexpr int kTileBytes = EW_TILE;
constexpr int kRegisters = kMaxListArgs + kMaxListTemps;
// Rows shorter than this (in bytes) are packed, several to a tile; longer ones are cut into tiles of their own. @PACK@
#ifndef EW_PACK
#define EW_PACK 512
#endif
constexpr int64_t kPackBytes = EW_PACK;

constexpr int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

// ---- Instructions: one function per row of elementwise.def and type --------------------------------------------------

enum Types { FLOATS, NUMBERS, TEST, SELECT };

#define BS_ROW(name, n_operands, types, value)                                                       \
  struct Row_##name {                                                                                \
    static constexpr int arity = n_operands;                                                         \
    static constexpr bool floats_only = types == FLOATS;                                             \
    template <class T>                                                                               \
    static inline __attribute__((always_inline)) Vec<T> of([[maybe_unused]] Vec<T> x,                \
                                                           [[maybe_unused]] Vec<T> y,                \
                                                           [[maybe_unused]] Vec<T> z) {              \
      [[maybe_unused]] const auto C = [](double c) { return v_set(static_cast<T>(c)); };           \
      [[maybe_unused]] const auto v_one_if = [](Mask<T> m) { return BS_ISA::v_one_if<T>(m); };       \
      return value;                                                                                  \
    }                                                                                                \
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

// ---- Into and out of tiles -------------------------------------------------------------------------------------------

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

template <class T>
inline constexpr bool kSame(const T*, const T*) { return true; }
template <class T, class S>
inline constexpr bool kSame(const T*, const S*) { return false; }

// Rows of `n` elements, `stride` apart, converted and packed at d.
template <class T, class S>
void load(T* __restrict d, const void* source, int64_t rows, int64_t row_stride, int64_t n, int64_t stride) {
  const S* p = static_cast<const S*>(source);
  for (int64_t row = 0; row < rows; ++row, d += n) {
    const S* s = p + row * row_stride;
    if (stride == 0) {
      fill(d, convert<T>(*s), n);
    } else if (stride == 1) {
      if constexpr (kSame(static_cast<T*>(nullptr), static_cast<S*>(nullptr))) {
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

// ---- Walking the loop space ------------------------------------------------------------------------------------------

// Moves a position of the loop space on by n elements.
inline void advance(const EwList& list, int64_t* at, int64_t n) {
  int d = list.n_dims - 1;
  at[d] += n;
  for (; d > 0 && at[d] >= list.size[d]; --d) {
    at[d - 1] += at[d] / list.size[d];
    at[d] %= list.size[d];
  }
}

struct Input {
  const char* base;
  const int64_t* stride;
  void* tile;
  uint8_t reg, dtype;
  enum Kind : uint8_t {
    linear,          // contiguous over the loop space: read in place
    linear_convert,  // so too, but of another dtype
    row,             // rows in place (never packed)
    row_fill,        // one value per row (never packed)
    gather,
  } kind;
};

inline const char* address(const EwList& list, const Input& in, const int64_t* at) {
  int64_t offset = 0;
  for (int d = 0; d < list.n_dims; ++d) offset += at[d] * in.stride[d];
  return in.base + offset * static_cast<int64_t>(kDTypeSize[in.dtype]);
}

// n elements from position `at` on, in row-major order: parts of rows, or as many whole rows as lie one stride apart.
template <class T>
void gather(const EwList& list, const Input& in, const int64_t* at, T* d, int64_t n) {
  const int last = list.n_dims - 1;
  const int64_t inner = list.size[last];
  int64_t pos[kMaxLoopDims];
  for (int k = 0; k <= last; ++k) pos[k] = at[k];
  for (;;) {
    int64_t rows = 1, row_stride = 0, cols = min_of(n, inner - pos[last]);
    if (last > 0 && cols == inner) {
      rows = min_of(n / inner, list.size[last - 1] - pos[last - 1]);
      row_stride = in.stride[last - 1];
    }
    kLoad<T>[in.dtype](d, address(list, in, pos), rows, row_stride, cols, in.stride[last]);
    n -= rows * cols;
    if (n == 0) return;
    d += rows * cols;
    advance(list, pos, rows * cols);
  }
}

// The result of output register `reg` may be written over input register `in`, which lies at the same address, only
// if no instruction reads the input after the first that writes the output.
inline bool overwrites(const EwList& list, int reg, int in) {
  bool written = false;
  for (int i = 0; i < list.n_instr; ++i) {
    const EwInstr& o = list.instr[i];
    if (written && (o.a == in || o.b == in || o.c == in)) return true;
    written = written || o.dst == reg;
  }
  return false;
}

template <class T, DType kType>
void run(const EwList& list, void* const* args, int64_t lo, int64_t hi) {
  constexpr int64_t kTile = kTileBytes / sizeof(T);
  alignas(64) char tiles[kRegisters * kTileBytes];  // uninitialised: only those in use are touched
  T* reg[kRegisters];
  char* unused = tiles;
  const auto new_tile = [&unused] {
    T* tile = reinterpret_cast<T*>(unused);
    unused += kTileBytes;
    return tile;
  };

  // Inputs: those that change from tile to tile go into `moving`.
  Input moving[kMaxListArgs];
  int n_moving = 0;
  bool rows = false;    // some input follows the rows of the loop space
  bool direct = true;  // all in place: no tile is needed
  for (int k = 0; k < list.n_in; ++k) {
    const EwArg& arg = list.arg[k];
    bool linear = true, scalar = true;
    int64_t expected = 1;
    for (int d = list.n_dims - 1; d >= 0; --d) {
      if (list.size[d] == 1) continue;
      linear = linear && arg.stride[d] == expected;
      scalar = scalar && arg.stride[d] == 0;
      expected *= list.size[d];
    }
    const uint8_t dtype = static_cast<uint8_t>(arg.dtype);
    Input& in = moving[n_moving];
    in = {static_cast<const char*>(args[k]), arg.stride, nullptr, static_cast<uint8_t>(k), dtype, Input::linear};
    if (linear && arg.dtype == kType) {
      ++n_moving;
      continue;
    }
    direct = false;
    reg[k] = new_tile();
    in.tile = reg[k];
    if (scalar) {
      kLoad<T>[dtype](reg[k], args[k], 1, 0, min_of(hi - lo, kTile), 0);
      continue;
    }
    ++n_moving;
    in.kind = linear ? Input::linear_convert : Input::gather;
    rows = rows || !linear;
  }
  for (int k = 0; k < list.n_temp; ++k) reg[list.n_in + k] = new_tile();
  const int first_out = list.n_in + list.n_temp;
  bool in_place[kMaxListArgs];
  for (int k = 0; k < list.n_out; ++k) {
    const int arg = list.n_in + k;
    in_place[k] = list.arg[arg].dtype == kType;
    if (list.n_instr > 1) {
      for (int i = 0; i < list.n_in; ++i) {
        if (args[i] == args[arg] && overwrites(list, first_out + k, i)) in_place[k] = false;
      }
    }
    if (!in_place[k]) reg[first_out + k] = new_tile();
    direct = direct && in_place[k];
  }

  // A copy that converts or gathers does so straight into its output.
  const EwInstr& first = list.instr[0];
  const bool straight = list.n_out == 1 && in_place[0] && n_moving == 1 && list.n_instr == 1 && first.op == Ew::copy &&
                        moving[0].reg == first.a && moving[0].kind != Input::linear && args[first.a] != args[list.n_in];
  int64_t chunk = straight || (direct && list.n_instr == 1) ? hi - lo : kTile;

  // Where inputs follow rows, a tile is a number of whole rows, or a part of one row.
  int64_t at[kMaxLoopDims] = {};
  int64_t inner = 0;
  bool packed = true;
  if (rows) {
    const int last = list.n_dims - 1;
    inner = list.size[last];
    packed = inner * static_cast<int64_t>(sizeof(T)) < kPackBytes;
    if (packed && !straight) chunk -= chunk % inner;
    if (!packed && !straight) {  // parts of equal length, whole cache lines
      const int64_t parts = (inner + kTile - 1) / kTile;
      chunk = ((inner + parts - 1) / parts + 15) / 16 * 16;
    }
    int64_t rest = lo;
    for (int d = last; d > 0; --d) {
      at[d] = rest % list.size[d];
      rest /= list.size[d];
    }
    at[0] = rest;
    int kept = 0;
    for (int k = 0; k < n_moving; ++k) {
      Input& in = moving[k];
      if (in.kind == Input::gather && !straight) {
        if (!packed && in.stride[last] == 0) in.kind = Input::row_fill;
        if (!packed && in.stride[last] == 1 && in.dtype == static_cast<uint8_t>(kType)) in.kind = Input::row;
        bool periodic = packed;  // the same in each row: and every tile begins at the same column
        for (int d = 0; d < last; ++d) periodic = periodic && (in.stride[d] == 0 || list.size[d] == 1);
        if (periodic) {
          gather<T>(list, in, at, reg[in.reg], min_of(hi - lo, chunk));
          continue;
        }
      }
      moving[kept++] = in;
    }
    n_moving = kept;
  }

  int64_t n = 0;
  for (int64_t i = lo; i < hi; i += n) {
    n = min_of(chunk, hi - i);
    if (!packed) n = min_of(n, inner - at[list.n_dims - 1]);
    for (int k = 0; k < list.n_out; ++k) {
      if (in_place[k]) reg[first_out + k] = static_cast<T*>(args[list.n_in + k]) + i;
    }
    if (straight) reg[first.a] = reg[first.dst];
    for (int k = 0; k < n_moving; ++k) {
      const Input& in = moving[k];
      T* tile = reg[in.reg];
      switch (in.kind) {
        case Input::linear:
          reg[in.reg] = reinterpret_cast<T*>(const_cast<char*>(in.base)) + i;
          break;
        case Input::linear_convert:
          kLoad<T>[in.dtype](tile, in.base + i * static_cast<int64_t>(kDTypeSize[in.dtype]), 1, 0, n, 1);
          break;
        case Input::row:
          reg[in.reg] = reinterpret_cast<T*>(const_cast<char*>(address(list, in, at)));
          break;
        case Input::row_fill:
          if (i == lo || at[list.n_dims - 1] == 0) kLoad<T>[in.dtype](tile, address(list, in, at), 1, 0, n, 0);
          break;
        case Input::gather:
          gather<T>(list, in, at, tile, n);
          break;
      }
    }
    if (!straight) {
      for (int k = 0; k < list.n_instr; ++k) {
        const EwInstr& o = list.instr[k];
        kFunctions<T>[static_cast<int>(o.op)](reg[o.dst], reg[o.a], reg[o.b], reg[o.c], n);
      }
    }
    for (int k = 0; k < list.n_out; ++k) {
      if (in_place[k]) continue;
      const uint8_t dtype = static_cast<uint8_t>(list.arg[list.n_in + k].dtype);
      char* out = static_cast<char*>(args[list.n_in + k]) + i * static_cast<int64_t>(kDTypeSize[dtype]);
      kStore<T>[dtype](out, reg[first_out + k], n);
    }
    if (rows) advance(list, at, n);
  }
}

}  // namespace

void elementwise(const EwList& list, void* const* args, int64_t lo, int64_t hi) {
  if (lo >= hi) return;
  switch (list.compute) {
    case DType::f32: return run<float, DType::f32>(list, args, lo, hi);
    case DType::f64: return run<double, DType::f64>(list, args, lo, hi);
    case DType::i32: return run<int32_t, DType::i32>(list, args, lo, hi);
    case DType::i64: return run<int64_t, DType::i64>(list, args, lo, hi);
    case DType::b8: return;  // no arithmetic is done in bool
  }
}

}  // namespace bs::kernels::BS_ISA
