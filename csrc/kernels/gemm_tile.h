// The register tile of the matrix product: R rows of A, by broadcast, times V vectors of columns of B, for every size
// that blocks and edges need.
#pragma once

#include <cstdint>

#include "kernels/gemm_blocking.h"
#include "kernels/gemm_pack.h"
#include "kernels/simd.h"

namespace bs::kernels::BS_ISA {
namespace {

// ---- Sizes ---------------------------------------------------------------------------------------------------

// Accumulators plus V vectors of B plus one of A fill the register file (32 for v4 and NEON, 16 for
// v3 and v2; v2 needs one more for the product); at least 8 independent chains cover the latency of two fma a cycle.
#define BS_NAME_OF(isa) #isa
#define BS_NAME(isa) BS_NAME_OF(isa)
constexpr TileSize kTile = tile_size(BS_NAME(BS_ISA));
static_assert(kTile.vec_bytes == kVecBytes);
constexpr int kRows = kTile.rows;
constexpr int kAccumulators = kTile.rows * kTile.vecs;
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

// Without masked loads a strip that ends inside a vector is always packed, padded with zeros. Tiles of whole vectors do
// without: AVX2's are slow (0.90 -> 0.98 of the fma peak in L1), and of AVX-512's, which cost nothing on Zen 5, each
// takes a turn of an fma unit on Intel's cores: 12.5 cycles for 24 fma (0.947 -> 0.994 of the peak).
#if defined(__AVX2__)
constexpr bool kMaskedLoads = true;
#else
constexpr bool kMaskedLoads = false;
#endif

// Up to so many rows a tile turns vectors of B^T itself: (1, 64, 64) in 0.6 of the time that packing takes.
constexpr int64_t kFewRows = 4;
constexpr int kTurnedVecs = 4;
// Of one row whose tile is the whole product: with AVX2 four chains are too few to hide their latency, 1.14 at (1, 64,
// 64). Where more tiles follow, four are better (0.9).
constexpr int kTurnedRowVecs = kVecBytes == 32 ? 8 : kTurnedVecs;

// ---- Tiles ---------------------------------------------------------------------------------------------------

// Lines of B that tiles to come will read, brought into L2 one by one between the fma: `rows` rows, and of each `lines`
// lines, the first of all rows first.
struct Fetch {
  const char* at;  // of the first row, its next line
  int64_t row_bytes, rows, lines;
  const char* line = nullptr;
  int64_t rows_left = 0;  // in this column of lines

  void next() {
    if (rows_left == 0) {
      if (lines == 0) return;
      --lines;
      rows_left = rows;
      line = at;
      at += 64;
    }
    __builtin_prefetch(line, 0, 2);
    line += row_bytes;
    --rows_left;
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
  Fetch* fetch = nullptr;   // Ahead::strip
  bool ahead = false;       // Ahead::steps
  bool resume = false;      // the chain goes on from sum; else it starts at 0
  bool add = false;         // out = out + chain; else out = chain. Then + bias.
};

constexpr int64_t kFetchSteps = 4;  // between lines
constexpr int64_t kAheadSteps = 8;  // from a vector of B to its fma; 4 and 16 gain less

// acc[i][v] += A[i, :] B[:, v], one chain of fma over k.
template <class T, int R, int V, bool kMasked, Ahead kAhead = Ahead::nothing>
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
    if constexpr (kAhead == Ahead::strip) {
      t.fetch->next();
      p = min_of(left, kFetchSteps);
    }
    left -= p;
    for (; p > 0; --p) {
      if constexpr (kAhead == Ahead::steps) {
        BS_UNROLL
        for (int v = 0; v < V * kVecBytes; v += 64)
          __builtin_prefetch(reinterpret_cast<const char*>(b + kAheadSteps * b_row) + v);
        if constexpr (fetches_a(kTile)) __builtin_prefetch(a[0] + at + kAheadSteps * a_col);
      }
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
  } while (kAhead == Ahead::strip && left > 0);
}

// Tiles of fewer rows are for products that have few.
template <int R>
constexpr bool kLooksAhead = R >= kRows - 1;

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
  if (kLooksAhead<R> && t.fetch) {  // vectors are whole
    chain<T, R, V, false, kLooksAhead<R> ? Ahead::strip : Ahead::nothing>(t, acc);
  } else if (kMaskedLoads && t.tail < L) {
    chain<T, R, V, kMaskedLoads>(t, acc);
  } else if (kLooksAhead<R> && t.ahead) {
    chain<T, R, V, false, kLooksAhead<R> ? Ahead::steps : Ahead::nothing>(t, acc);
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
  void (*turned[kFewRows][kTurnedRowVecs])(const Tile<T>&);
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
    fill_turned<T, R - 1, R == 2 ? kTurnedRowVecs : kTurnedVecs>(table);
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

}  // namespace
}  // namespace bs::kernels::BS_ISA
