// C = A B (+ bias) by register tiles: R rows of A, by broadcast, times V vectors of columns of B.
//
//   for blocks of rows (A's part of a chunk fits L2):
//     for chunks of k:                                         pack the rows of A if they lie far apart
//       for strips of V vectors (B's part of a chunk fits L2):   pack the strip if its columns are not contiguous
//         for groups of R rows:                                  one tile
//
// Chunks of k resume the accumulators from C, which is exact, so each element stays one chain of fma over k. Otherwise
// A is read in place, whatever its strides: a tile reads one element of it per V fma. Edges run through the same tiles,
// of fewer rows or vectors, the last vector masked. A few rows times a transposed B need each vector of B once: their
// tile turns it in registers.
#include <cstddef>
#include <cstdint>

#include "kernels/gemm_column.h"
#include "kernels/gemm_pack.h"
#include "kernels/kernels.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

// Where the chain of an element restarts (kernels.h).
constexpr int64_t kRestart = 4096;

// The register tile. Accumulators plus V vectors of B plus one of A fill the register file (32 for v4 and NEON, 16 for
// v3 and v2; v2 needs one more for the product); at least 8 independent chains cover the latency of two fma a cycle.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kRows = 8;
constexpr int kAccumulators = 24;
#elif defined(__AVX2__)
constexpr int kRows = 6;
constexpr int kAccumulators = 12;
#else
constexpr int kRows = 4;
constexpr int kAccumulators = 8;
#endif
constexpr int kMaxVecs = 8;

// The widest tile of so many rows.
constexpr int max_vecs(int rows) {
  const int cap = rows <= 2 ? kMaxVecs : 4;
  return kAccumulators / rows < cap ? kAccumulators / rows : cap;
}

// Rows of a tile four vectors wide. Where C is as wide as that, one strip may take fewer tiles, each of which costs 10
// ns besides its fma, than two of higher ones: 1.04 at (32, 64, 64) with v4. Of as many, narrow ones lose where one of
// two strips is a single vector (0.91 for wide ones at n = 24 with v3).
constexpr int kWideRows = kAccumulators / 4;

// Without masked loads a strip that ends inside a vector is always packed, padded with zeros. Those of AVX2 are slow:
// tiles of whole vectors do without (0.90 -> 0.98 of the fma peak in L1).
#if defined(__AVX512F__)
constexpr bool kMaskedLoads = true, kMaskIsFree = true;
#elif defined(__AVX2__)
constexpr bool kMaskedLoads = true, kMaskIsFree = false;
#else
constexpr bool kMaskedLoads = false, kMaskIsFree = true;
#endif

// Cache blocks, measured on Zen 5 (48 KiB L1, 1 MiB L2), float32, best of many, as ratios in one run. A strip of B,
// `chunk` rows by V vectors, is read once per group of rows, from L2 as well as from L1; long chunks pass over C less
// often: 512 against 256 rows gave 1.05 at 1024^3 (v4). 256 rows of A and their C stay in L2 between strips: against
// unlimited rows 110 -> 177 GFLOP/s at (8192, 512, 256) with A transposed.
constexpr int64_t kStripVecs = 1536;  // 96 KiB for v4
constexpr int64_t kMaxChunk = 512;
constexpr int64_t kRowBlock = 256;
constexpr int64_t kColBlock = 512;  // only where k restarts: bounds the scratch for partial sums

// Rows a page or more apart share few cache sets and need a translation each. At 1024^3 with packed A: 1.05 (v4), 1.15
// (v3, A transposed); with packed B 1.26 (v3), 0.94 (v4). Nearer rows gain nothing from copies, but for columns of A
// half a page apart with v3: 1.06 at 512^3.
constexpr int64_t kFarBytes = 4096;
constexpr int64_t kFarColumnBytes = kVecBytes < 64 ? kFarBytes / 2 : kFarBytes;
constexpr bool kPackFarB = kVecBytes < 64;
// Groups of rows among which fetching the next strip of such a B is shared out: 1.09 at (256, 2048, 2048).
constexpr int64_t kFetchGroups = 8;
constexpr int64_t kPackColumns = 512;  // of C, to repay a copy of A
constexpr int64_t kPackRows = 64;      // of C, to repay a copy of B

// Up to so many rows a tile turns vectors of B^T itself: (1, 64, 64) in 0.6 of the time that packing takes.
constexpr int64_t kFewRows = 4;
constexpr int kTurnedVecs = 4;

inline int64_t div_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// [0, total), total > 0, in the fewest parts of at most `most`, as even as possible: part i is [begin(i),
// begin(i + 1)).
struct Parts {
  int64_t count, size, longer;  // the first `longer` parts have size + 1
  Parts(int64_t total, int64_t most) : count(1), size(total), longer(0) {
    if (total <= most) return;  // divisions are what small products would feel
    count = div_up(total, most);
    size = total / count;
    longer = total % count;
  }
  int64_t length(int64_t i) const { return size + (i < longer); }
  int64_t begin(int64_t i) const { return i * size + min_of(i, longer); }
  int64_t widest() const { return size + (longer > 0); }
};

// ---- The register tile ---------------------------------------------------------------------------------------

// Brings a strip of B that is to come into L2, a few lines at a time between the fma: rows of it in turn.
struct Fetch {
  static constexpr int kBytes = 256;
  const char* at;
  int64_t row_pieces, row_bytes;  // pieces of kBytes in a row; from row to row
  int64_t left;                   // pieces
  int64_t column = 0;

  void next() {
    if (left == 0) return;
    --left;
    for (int line = 0; line < kBytes; line += 64) __builtin_prefetch(at + column * kBytes + line, 0, 2);
    if (++column < row_pieces) return;
    column = 0;
    at += row_bytes;
  }
};

template <class T>
struct Tile {
  const T* a;
  int64_t a_row, a_col;
  const T* b;            // unit stride along columns
  int64_t b_row, b_col;  // b_col: of turned_tile
  int64_t k;
  int64_t tail;  // columns in the last vector, 1 .. lanes
  const T* sum;  // where the chain stands, if `resume`
  int64_t sum_row;
  T* out;
  int64_t out_row;
  const T* bias;            // or null
  const T* next = nullptr;  // the sum of the tile to come, worth fetching now
  Fetch* fetch = nullptr;
  int64_t stretch = 0;  // steps of k between its pieces
  bool resume = false;  // the chain goes on from sum; else it starts at 0
  bool add = false;     // out = out + chain; else out = chain. Then + bias.
};

// acc[i][v] += A[i, :] B[:, v], one chain of fma over k.
template <class T, int R, int V, bool kMasked, bool kFetch = false>
inline __attribute__((always_inline)) void chain(const Tile<T>& t, Vec<T> (&acc)[R][V]) {
  constexpr int L = kLanes<T>;
  const T* a[R];
  BS_UNROLL
  for (int i = 0; i < R; ++i) a[i] = t.a + i * t.a_row;
  const T* b = t.b;
  const int64_t a_col = t.a_col, b_row = t.b_row, tail = t.tail;
  int64_t at = 0;
  int64_t left = t.k;
  do {
    int64_t p = left;
    if constexpr (kFetch) {
      t.fetch->next();
      p = min_of(left, t.stretch);
    }
    left -= p;
    for (; p > 0; --p) {
      Vec<T> bv[V];
      BS_UNROLL
      for (int v = 0; v < V - 1; ++v) bv[v] = v_load(b + v * L);
      bv[V - 1] = kMasked ? v_load_part(b + (V - 1) * L, tail) : v_load(b + (V - 1) * L);
      BS_UNROLL
      for (int i = 0; i < R; ++i) {
        const Vec<T> ai = v_set(a[i][at]);
        BS_UNROLL
        for (int v = 0; v < V; ++v) acc[i][v] = v_fma(ai, bv[v], acc[i][v]);
      }
      at += a_col;
      b += b_row;
    }
  } while (kFetch && left > 0);
}

// Tiles of fewer rows are for products that have few.
template <int R>
constexpr bool kMayFetch = R >= kRows - 1;

// What the chains go on from.
template <class T, int R, int V>
inline __attribute__((always_inline)) void begin(const Tile<T>& t, Vec<T> (&acc)[R][V]) {
  constexpr int L = kLanes<T>;
  if (!t.resume) return;
  const T* const sum = t.sum;
  const int64_t sum_row = t.sum_row, tail = t.tail;
  BS_UNROLL
  for (int i = 0; i < R; ++i) {
    BS_UNROLL
    for (int v = 0; v < V - 1; ++v) acc[i][v] = v_load(sum + i * sum_row + v * L);
    acc[i][V - 1] = v_load_part(sum + i * sum_row + (V - 1) * L, tail);
  }
}

template <class T, int R, int V>
inline __attribute__((always_inline)) void finish(const Tile<T>& t, Vec<T> (&acc)[R][V]) {
  constexpr int L = kLanes<T>;
  T* const out = t.out;  // read once: for all that the compiler knows, the stores below change t
  const T* const bias = t.bias;
  const int64_t out_row = t.out_row, tail = t.tail;
  if (t.add) {
    BS_UNROLL
    for (int i = 0; i < R; ++i) {
      BS_UNROLL
      for (int v = 0; v < V - 1; ++v) acc[i][v] = v_load(out + i * out_row + v * L) + acc[i][v];
      acc[i][V - 1] = v_load_part(out + i * out_row + (V - 1) * L, tail) + acc[i][V - 1];
    }
  }
  if (bias) {
    BS_UNROLL
    for (int v = 0; v < V; ++v) {
      const Vec<T> z = v_load_part(bias + v * L, v < V - 1 ? L : tail);
      BS_UNROLL
      for (int i = 0; i < R; ++i) acc[i][v] = acc[i][v] + z;
    }
  }
  BS_UNROLL
  for (int i = 0; i < R; ++i) {
    BS_UNROLL
    for (int v = 0; v < V - 1; ++v) v_store(out + i * out_row + v * L, acc[i][v]);
    v_store_part(out + i * out_row + (V - 1) * L, acc[i][V - 1], tail);
  }
}

template <class T, int R, int V>
void tile(const Tile<T>& t) {
  constexpr int L = kLanes<T>;
  Vec<T> acc[R][V] = {};
  begin(t, acc);
  if (t.next) {
    for (int i = 0; i < R; ++i)
      for (int v = 0; v < V; ++v) __builtin_prefetch(t.next + i * t.sum_row + v * L, 1);
  }
  if (kMayFetch<R> && t.fetch) {  // not the last strip: its vectors are whole
    chain<T, R, V, false, kMayFetch<R>>(t, acc);
  } else if (kMaskIsFree || t.tail < L) {
    chain<T, R, V, kMaskedLoads>(t, acc);
  } else {
    chain<T, R, V, false>(t, acc);
  }
  finish(t, acc);
}

// The same for a B whose rows are contiguous and whose columns are t.b_col apart: blocks of it are turned in registers.
// Lanes beyond the tail repeat the last column; nobody reads their sums.
template <class T, int R, int V>
void turned_tile(const Tile<T>& t) {
  constexpr int L = kLanes<T>, E = kPiece<T>, S = kTurned<T>;
  Vec<T> acc[R][V] = {};
  begin(t, acc);
  const int64_t step = t.b_col, a_col = t.a_col, k = t.k;
  const T* last[L];
  for (int l = 0; l < L; ++l) last[l] = t.b + ((V - 1) * L + min_of(l, t.tail - 1)) * step;
  const T* a[R];
  BS_UNROLL
  for (int i = 0; i < R; ++i) a[i] = t.a + i * t.a_row;
  int64_t p = 0, at = 0;
  const auto turn = [&]<bool kWhole>(int v, int64_t rows) __attribute__((always_inline)) {
    Vec<T> row[S];
    if (v == V - 1)
      load_turned<T, kWhole>(row, [&](int q, int e) { return last[q * E + e] + p; }, rows);
    else if constexpr (S > E)
      load_turned<T, kWhole>(row, Columns<T>(t.b + v * L * step + p, step), rows);
    else  // few enough addresses to be worked out once
      load_turned<T, kWhole>(row, [&](int q, int e) { return t.b + (v * L + q * E + e) * step + p; }, rows);
    BS_UNROLL
    for (int s = 0; s < S; ++s) {
      if (s >= rows) break;
      BS_UNROLL
      for (int i = 0; i < R; ++i) acc[i][v] = v_fma(v_set(a[i][at + s * a_col]), row[s], acc[i][v]);
    }
  };
  for (; p + S <= k; p += S) {
    BS_UNROLL
    for (int v = 0; v < V; ++v) turn.template operator()<true>(v, S);
    at += S * a_col;
  }
  if (p < k) {
    BS_UNROLL
    for (int v = 0; v < V; ++v) turn.template operator()<false>(v, k - p);
  }
  finish(t, acc);
}

template <class T>
struct TileTable {
  void (*fn[kRows][kMaxVecs])(const Tile<T>&);
  void (*turned[kFewRows][kTurnedVecs])(const Tile<T>&);
};
template <class T, int R, int V>
constexpr void fill(TileTable<T>& table) {
  table.fn[R - 1][V - 1] = tile<T, R, V>;
  if constexpr (V > 1) {
    fill<T, R, V - 1>(table);
  } else if constexpr (R > 1) {
    fill<T, R - 1, max_vecs(R - 1)>(table);
  }
}
template <class T, int R, int V>
constexpr void fill_turned(TileTable<T>& table) {
  table.turned[R - 1][V - 1] = turned_tile<T, R, V>;
  if constexpr (V > 1) {
    fill_turned<T, R, V - 1>(table);
  } else if constexpr (R > 1) {
    fill_turned<T, R - 1, kTurnedVecs>(table);
  }
}
template <class T>
constexpr TileTable<T> make_tiles() {
  TileTable<T> table = {};
  fill<T, kRows, max_vecs(kRows)>(table);
  fill_turned<T, kFewRows, kTurnedVecs>(table);
  return table;
}
template <class T>
constexpr TileTable<T> kTiles = make_tiles<T>();

// ---- Blocking ------------------------------------------------------------------------------------------------

inline bool far_apart(const Gemm& g, int64_t stride, int64_t far = kFarBytes) {
  const int64_t bytes = stride * static_cast<int64_t>(size_of(g.dtype));
  return bytes >= far || bytes <= -far;
}
inline bool packs_a(const Gemm& g) {
  return g.n >= kPackColumns && (far_apart(g, g.a_row) || far_apart(g, g.a_col, kFarColumnBytes));
}
inline bool packs_b(const Gemm& g) { return g.b_col != 1 || (kPackFarB && g.m >= kPackRows && far_apart(g, g.b_row)); }

// Scratch: [strip of B | rows of A | partial sums of a block of C], each only where it may be used.
inline size_t strip_bytes(const Gemm& g) {
  if (!packs_b(g) && kMaskedLoads) return 0;
  const int64_t vecs = div_up(g.n * static_cast<int64_t>(size_of(g.dtype)), kVecBytes);
  const int64_t strip = min_of(min_of(g.k, kMaxChunk) * min_of(vecs, kMaxVecs), kStripVecs) * kVecBytes;
  return static_cast<size_t>(div_up(strip, 64) * 64);
}
inline size_t panel_bytes(const Gemm& g) {
  if (!packs_a(g)) return 0;
  const int64_t elements = min_of(g.m, kRowBlock) * min_of(g.k, kMaxChunk);
  return static_cast<size_t>(div_up(elements * static_cast<int64_t>(size_of(g.dtype)) + kVecBytes, 64) * 64);
}
inline size_t partial_bytes(const Gemm& g) { return g.k > kRestart ? kRowBlock * kColBlock * size_of(g.dtype) : 0; }

template <class T>
struct Call {
  const Gemm& g;
  const T *a, *b, *bias;
  T* c;
  char* scratch;

  T* strip_at() const { return reinterpret_cast<T*>(scratch); }
  T* panels_at() const { return reinterpret_cast<T*>(scratch + strip_bytes(g)); }
  T* partial_at() const { return reinterpret_cast<T*>(scratch + strip_bytes(g) + panel_bytes(g)); }

  // Whether tiles of so many rows turn B themselves.
  bool turns(int64_t rows) const { return g.b_row == 1 && g.b_col != 1 && rows <= kFewRows; }

  // Lines of B from `at` on: `columns` columns, k rows.
  Fetch strip_to_come(const T* at, int64_t k, int64_t columns) const {
    const int64_t item = sizeof(T);
    const bool turned = g.b_row == 1;
    Fetch f;
    f.at = reinterpret_cast<const char*>(at);
    f.row_pieces = div_up((turned ? k : columns) * item, Fetch::kBytes);
    f.row_bytes = (turned ? g.b_col : g.b_row) * item;
    f.left = f.row_pieces * (turned ? columns : k);
    return f;
  }

  // Rows [row, row + rows) and columns [col, col + cols): at most a row block and, where k restarts, a column block.
  void block(int64_t row, int64_t rows, int64_t col, int64_t cols) const {
    constexpr int L = kLanes<T>;
    const bool turn = turns(rows);
    const int64_t across = div_up(cols, L);
    Parts groups(rows, kRows);
    if (!turn && across > max_vecs(kRows) && across <= max_vecs(kWideRows)) {
      const Parts wide(rows, kWideRows);
      const int64_t tiles = groups.count * div_up(across, max_vecs(static_cast<int>(groups.widest())));
      if (wide.count < tiles || (wide.count == tiles && across % 2 == 1)) groups = wide;
    }
    const Parts strips(across, turn ? kTurnedVecs : max_vecs(static_cast<int>(groups.widest())));
    const int64_t chunk = min_of(kMaxChunk, static_cast<int32_t>(kStripVecs) / static_cast<int32_t>(strips.widest()));
    const bool pack_a = packs_a(g) && !turn, pack_b = packs_b(g) && !turn;
    const bool ahead = groups.count >= kFetchGroups && (g.b_row == 1 ? far_apart(g, g.b_col) : far_apart(g, g.b_row));

    for (int64_t start = 0; start < g.k; start += kRestart) {
      const int64_t stop = min_of(g.k, start + kRestart);
      const Parts chunks(stop - start, chunk);
      for (int64_t q = 0; q < chunks.count; ++q) {
        const int64_t p = start + chunks.begin(q);
        const bool last = q == chunks.count - 1;
        Tile<T> t;
        t.k = chunks.length(q);
        t.resume = q > 0;
        t.a_row = g.a_row;
        t.a_col = g.a_col;
        for (int64_t i = 0; pack_a && i < groups.count; ++i) {
          const int64_t r = groups.begin(i);
          pack_rows(a + (row + r) * g.a_row + p * g.a_col, g.a_row, g.a_col, groups.length(i), t.k,
                    panels_at() + r * t.k);
        }
        for (int64_t s = 0; s < strips.count; ++s) {
          const int64_t vecs = strips.length(s);
          const int64_t j = strips.begin(s) * L;
          t.tail = min_of(L, cols - j - (vecs - 1) * L);
          t.b = b + p * g.b_row + (col + j) * g.b_col;
          t.b_row = g.b_row;
          t.b_col = g.b_col;
          Fetch fetch;
          t.fetch = nullptr;
          t.stretch = t.k;
          if (ahead && s + 1 < strips.count) {
            fetch = strip_to_come(t.b + vecs * L * g.b_col, t.k, strips.length(s + 1) * L);
            t.fetch = &fetch;
            t.stretch = t.k * groups.count / fetch.left + 1;
          }
          if (pack_b || (!kMaskedLoads && t.tail < L && !turn)) {
            pack_strip(t.b, g.b_row, g.b_col, t.k, vecs, t.tail, strip_at());
            t.b = strip_at();
            t.b_row = vecs * L;
          }
          t.bias = bias && last && stop == g.k ? bias + col + j : nullptr;
          for (int64_t i = 0; i < groups.count; ++i) {
            const int64_t r = groups.begin(i), n_rows = groups.length(i);
            t.a = a + (row + r) * g.a_row + p * g.a_col;
            if (pack_a) {
              t.a = panels_at() + r * t.k;
              t.a_row = 1;
              t.a_col = n_rows;
            }
            // The first chain grows in C itself, later ones beside it, to be added when they are whole.
            t.out = c + (row + r) * g.c_row + col + j;
            t.out_row = g.c_row;
            if (start > 0 && !last) {
              t.out = partial_at() + r * kColBlock + j;
              t.out_row = kColBlock;
            }
            t.sum = start > 0 ? partial_at() + r * kColBlock + j : t.out;
            t.sum_row = start > 0 ? kColBlock : t.out_row;
            t.add = start > 0 && last;
            t.next = t.resume && i + 1 < groups.count && groups.length(i + 1) == n_rows ? t.sum + n_rows * t.sum_row
                                                                                        : nullptr;
            (turn ? kTiles<T>.turned[n_rows - 1][vecs - 1] : kTiles<T>.fn[n_rows - 1][vecs - 1])(t);
          }
        }
      }
    }
  }

  // Whether one tile makes rows [row, row + rows) and columns [col, col + cols), as block() would. If so, it has: of
  // small products the loops of block() would be most.
  bool one_tile(int64_t row, int64_t rows, int64_t col, int64_t cols) const {
    constexpr int64_t L = kLanes<T>;
    if (rows > kRows || cols > kMaxVecs * L || g.k > kMaxChunk) return false;
    const bool turn = turns(rows);
    const int64_t vecs = div_up(cols, L), tail = cols - (vecs - 1) * L;
    if (vecs > (turn ? kTurnedVecs : max_vecs(static_cast<int>(rows))) || g.k * vecs > kStripVecs) return false;
    if (!turn && (packs_a(g) || packs_b(g) || (!kMaskedLoads && tail < L))) return false;
    Tile<T> t;
    t.a = a + row * g.a_row;
    t.a_row = g.a_row;
    t.a_col = g.a_col;
    t.b = b + col * g.b_col;
    t.b_row = g.b_row;
    t.b_col = g.b_col;
    t.k = g.k;
    t.tail = tail;
    t.sum = t.out = c + row * g.c_row + col;
    t.sum_row = t.out_row = g.c_row;
    t.bias = bias ? bias + col : nullptr;
    (turn ? kTiles<T>.turned[rows - 1][vecs - 1] : kTiles<T>.fn[rows - 1][vecs - 1])(t);
    return true;
  }

  void part(int64_t row_lo, int64_t row_hi, int64_t col_lo, int64_t col_hi) const {
    const int64_t rows = row_hi - row_lo, cols = col_hi - col_lo;
    if (one_tile(row_lo, rows, col_lo, cols)) return;
    // Cut at multiples of the tile, so that inner blocks have no ragged edge.
    const Parts down(div_up(rows, kRows), kRowBlock / kRows);
    const Parts across(div_up(cols, kLanes<T>), g.k > kRestart ? kColBlock / kLanes<T> : cols);
    for (int64_t i = 0; i < down.count; ++i) {
      const int64_t r = down.begin(i) * kRows;
      for (int64_t j = 0; j < across.count; ++j) {
        const int64_t l = across.begin(j) * kLanes<T>;
        block(row_lo + r, min_of(rows, down.begin(i + 1) * kRows) - r, col_lo + l,
              min_of(cols, across.begin(j + 1) * kLanes<T>) - l);
      }
    }
  }
};

template <class T>
void gemm_of(const Gemm& g, const void* a, const void* b, const void* bias, void* c, int64_t row_lo, int64_t row_hi,
             int64_t col_lo, int64_t col_hi, void* scratch) {
  const T* const x = static_cast<const T*>(a);
  const T* const y = static_cast<const T*>(b);
  const T* const z = static_cast<const T*>(bias);
  T* const out = static_cast<T*>(c);
  char* const room = static_cast<char*>(scratch);
  if (g.k == 0) {
    for (int64_t i = row_lo; i < row_hi; ++i)
      for (int64_t j = col_lo; j < col_hi; ++j) out[i * g.c_row + j] = T{0} + (z ? z[j] : T{0});
    return;
  }
  if (g.n == 1) {
    gemm_column(g, x, y, z, out, row_lo, row_hi, static_cast<T*>(scratch));
  } else {
    Call<T>{g, x, y, z, out, room}.part(row_lo, row_hi, col_lo, col_hi);
  }
}

}  // namespace

size_t gemm_scratch(const Gemm& g) {
  if (g.n == 1) return column_bytes(g);
  return strip_bytes(g) + panel_bytes(g) + partial_bytes(g);
}

void gemm(const Gemm& g, const void* a, const void* b, const void* bias, void* c, int64_t row_lo, int64_t row_hi,
          int64_t col_lo, int64_t col_hi, void* scratch) {
  if (row_lo >= row_hi || col_lo >= col_hi) return;
  (g.dtype == DType::f64 ? gemm_of<double> : gemm_of<float>)(g, a, b, bias, c, row_lo, row_hi, col_lo, col_hi, scratch);
}

}  // namespace bs::kernels::BS_ISA
