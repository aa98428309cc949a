// C = A B (+ bias) by register tiles: R rows of A, by broadcast, times V vectors of columns of B.
//
//   for blocks of rows:
//     for chunks of k:                 rows of A whose elements lie far apart are copied, group by group
//       for blocks of strips of V vectors:
//         for groups of R rows:        the first of them copies strips whose columns or rows lie far apart
//           for strips of the block:     one tile
//
// gemm_blocking.h says how large blocks are and what is copied. Chunks of k resume the accumulators from C, which is
// exact, so each element stays one chain of fma over k. What is not copied is read in place, whatever its strides.
// Edges run through the same tiles, of fewer rows or vectors, the last vector masked. A few rows times a transposed B
// need each vector of B once: their tile turns it in registers.
#include <cstddef>
#include <cstdint>

#include "base/with_dtype.h"
#include "kernels/gemm_blocking.h"
#include "kernels/gemm_column.h"
#include "kernels/gemm_narrow.h"
#include "kernels/gemm_pack.h"
#include "kernels/gemm_tile.h"
#include "kernels/kernels.h"

namespace bs::kernels::BS_ISA {
namespace {

constexpr int64_t kColBlock = 512;  // only where k restarts: bounds the scratch for partial sums

// Groups of rows among which the lines of the next strip of B are shared out. Among more groups reading them as they
// come costs little.
constexpr int64_t kLeastFetchGroups = 8, kMostFetchGroups = 64;
constexpr int64_t kFewColumnsRows = 128;  // of C, to repay a copy of a B of few columns

// [0, total), total > 0, in the fewest parts of at most `most`, as even as possible: part i is [begin(i),
// begin(i + 1)).
struct Parts {
  int64_t count, size, longer;  // the first `longer` parts have size + 1
  Parts(int64_t total, int64_t most) : count(1), size(total), longer(0) {
    if (total <= most) return;  // divisions are what small products would feel
    count = ceil_div(total, most);
    size = total / count;
    longer = total % count;
  }
  int64_t length(int64_t i) const { return size + (i < longer); }
  int64_t begin(int64_t i) const { return i * size + min_of(i, longer); }
  int64_t widest() const { return size + (longer > 0); }
};

// ---- Blocking ------------------------------------------------------------------------------------------------

// Small products are not to ask for cache sizes.
inline bool packs_a(const Gemm& g) { return ten_strips(g, kTile) && copies_a(g, kTile, cache_sizes()); }
inline bool packs_b(const Gemm& g) {
  return g.b_col != 1 || (g.m >= kCopyForRows && copies_b(g, kTile, cache_sizes()));
}

// Columns that fill less than half of a vector.
inline bool few_columns(const Gemm& g) {
  return g.n <= (g.dtype == DType::f64 ? kFewColumns<double> : kFewColumns<float>);
}
// Whether C^T = B^T A^T is the better product: few columns, but rows of A^T that lie in vectors. The copy that turns
// its result costs about 3 fma per element.
inline bool swaps(const Gemm& g) {
  if (g.a_row != 1 || g.m < 2 || g.n > kRows) return false;
  const int64_t lanes = kVecBytes / static_cast<int64_t>(size_of(g.dtype));
  return g.k * (g.m * ceil_div(g.n, lanes) - g.n * ceil_div(g.m, lanes)) > 3 * g.m * g.n;
}
inline Gemm swapped(const Gemm& g) {
  return {g.dtype, g.n, g.m, g.k, g.b_col, g.b_row, g.a_col, g.a_row, min_of(g.m, kRowBlock)};
}
inline size_t turned_bytes(const Gemm& g) {
  return static_cast<size_t>(ceil_div(g.n * min_of(g.m, kRowBlock) * static_cast<int64_t>(size_of(g.dtype)), 64) * 64);
}

// Scratch: [strips of B | rows of A | partial sums of a block of C], each only where it may be used.
inline size_t strip_bytes(const Gemm& g) {
  const bool pack = packs_b(g);
  if (!pack && kMaskedLoads && !few_columns(g)) return 0;
  const int64_t vecs = ceil_div(g.n * static_cast<int64_t>(size_of(g.dtype)), kVecBytes);
  const int64_t strip = min_of(min_of(g.k, kMaxChunk) * min_of(vecs, kMaxVecs), kStripVecs) * kVecBytes;
  const int64_t strips = ceil_div(vecs, kTile.vecs);
  const int64_t most = pack && strips > 1 ? min_of(strips, blocking(g, kTile, cache_sizes()).strips) : 1;
  return static_cast<size_t>(most * ceil_div(strip, 64) * 64);
}
inline size_t group_bytes(const Gemm& g) {
  if (!packs_a(g)) return 0;
  const int64_t elements = min_of(g.m, blocking(g, kTile, cache_sizes()).rows) * min_of(g.k, kMaxChunk);
  return static_cast<size_t>(ceil_div(elements * static_cast<int64_t>(size_of(g.dtype)) + kVecBytes, 64) * 64);
}
inline size_t partial_bytes(const Gemm& g) { return g.k > kRestart ? kRowBlock * kColBlock * size_of(g.dtype) : 0; }

template <class T>
struct Call {
  const Gemm& g;
  const T *a, *b, *bias;
  T* c;
  char* scratch;

  T* strip_at() const { return reinterpret_cast<T*>(scratch); }
  T* groups_at() const { return reinterpret_cast<T*>(scratch + strip_bytes(g)); }
  T* partial_at() const { return reinterpret_cast<T*>(scratch + strip_bytes(g) + group_bytes(g)); }

  // Whether tiles of so many rows turn B themselves.
  bool turns(int64_t rows) const { return g.b_row == 1 && g.b_col != 1 && rows <= kFewRows; }

  // Part i of n of the lines of B from `at` on: `columns` columns, k rows.
  Fetch lines_of_b(const T* at, int64_t k, int64_t columns, int64_t i, int64_t n) const {
    const bool turned = g.b_row == 1 && g.b_col != 1;
    const int64_t row = turned ? g.b_col : g.b_row, rows = turned ? columns : k, item = sizeof(T);
    const int64_t first = rows * i / n;
    const char* const line = reinterpret_cast<const char*>(at + first * row);
    const int64_t offset = reinterpret_cast<intptr_t>(line) % 64;
    return {line - offset, row * item, rows * (i + 1) / n - first,
            ceil_div(offset + (turned ? k : columns) * item, 64)};
  }

  // The strip of a tile, and with it those that follow if so many are `alike`, to scratch, `size` apart: how many.
  int64_t make_strips(const Tile<T>& t, int64_t vecs, bool alike, T* to, int64_t size) const {
    if (alike && vecs == kTile.vecs && g.b_col == 1) {
      pack_strips<kStripsAtOnce, kTile.vecs>(t.b, g.b_row, t.k, to, size);
      return kStripsAtOnce;
    }
    pack_strip(t.b, g.b_row, g.b_col, t.k, vecs, t.tail, to);
    return 1;
  }

  // `groups` of rows of A from `at` on, k columns, to scratch, each [k][rows].
  void make_groups(const T* at, const Parts& groups, int64_t k) const {
    const int64_t whole = g.a_row != 1 ? 0 : groups.size == kRows ? groups.count : groups.longer;
    for (int64_t i = 0; i < groups.count;) {
      const T* const rows = at + groups.begin(i) * g.a_row;
      T* const copy = groups_at() + groups.begin(i) * k;
      if (groups.widest() == kRows && i + kGroupsAtOnce <= whole) {
        pack_four<kRows>(rows, g.a_col, k, copy);
        i += kGroupsAtOnce;
      } else {
        pack_rows(rows, g.a_row, g.a_col, groups.length(i), k, copy);
        ++i;
      }
    }
  }

  // Rows [row, row + rows) and columns [col, col + cols): at most a row block and, where k restarts, a column block.
  void block(const Blocking& how, int64_t row, int64_t rows, int64_t col, int64_t cols) const {
    constexpr int L = kLanes<T>;
    const bool turn = turns(rows);
    const int64_t across = ceil_div(cols, L), tail = cols - (across - 1) * L;  // of the last vector
    Parts groups(rows, kRows);
    if (!turn && across > max_vecs(kRows) && across <= max_vecs(kWideRows)) {
      const Parts wide(rows, kWideRows);
      const int64_t tiles = groups.count * ceil_div(across, max_vecs(static_cast<int>(groups.widest())));
      if (wide.count < tiles || (wide.count == tiles && across % 2 == 1)) groups = wide;
    }
    const Parts strips(across, turn ? kTurnedVecs : max_vecs(static_cast<int>(groups.widest())));
    const Parts blocks(strips.count, how.strips);
    const int64_t chunk = min_of(kMaxChunk, static_cast<int32_t>(kStripVecs) / static_cast<int32_t>(strips.widest()));
    const bool pack_a = how.copy_a && !turn, pack_b = how.copy_b && !turn;
    const bool shares =
        how.ahead == Ahead::strip && groups.count >= kLeastFetchGroups && groups.count <= kMostFetchGroups;

    for (int64_t start = 0; start < g.k; start += kRestart) {
      const int64_t stop = min_of(g.k, start + kRestart);
      const Parts chunks(stop - start, chunk);
      for (int64_t q = 0; q < chunks.count; ++q) {
        const int64_t p = start + chunks.begin(q);
        const bool last = q == chunks.count - 1;
        const T* const a_at = a + row * g.a_row + p * g.a_col;
        const T* const b_at = b + p * g.b_row + col * g.b_col;
        const T* const bias_at = bias && last && stop == g.k ? bias + col : nullptr;
        // The first chain grows in C itself, later ones beside it, to be added when they are whole.
        const bool beside = start > 0;
        Fetch fetch;
        Tile<T> t;
        t.k = chunks.length(q);
        t.resume = q > 0;
        t.add = beside && last;
        t.sum_row = beside ? kColBlock : g.c_row;
        t.out_row = beside && !last ? kColBlock : g.c_row;
        t.a_row = pack_a ? 1 : g.a_row;
        t.b_col = g.b_col;
        t.bias = nullptr;
        t.ahead = how.ahead == Ahead::steps;
        const int64_t strip_size = t.k * strips.widest() * L;
        if (pack_a) make_groups(a_at, groups, t.k);
        for (int64_t u = 0; u < blocks.count; ++u) {
          const int64_t first = blocks.begin(u), end = blocks.begin(u + 1);
          int64_t copied = first;  // strips before it
          for (int64_t i = 0; i < groups.count; ++i) {
            const int64_t r = groups.begin(i), n_rows = groups.length(i);
            t.a = pack_a ? groups_at() + r * t.k : a_at + r * g.a_row;
            t.a_col = pack_a ? n_rows : g.a_col;
            T* const in_c = c + (row + r) * g.c_row + col;
            T* const sum = beside ? partial_at() + r * kColBlock : in_c;
            T* const out = beside && !last ? sum : in_c;
            const auto* const tiles = turn ? kTiles<T>.turned[n_rows - 1] : kTiles<T>.fn[n_rows - 1];
            // Below; to the right, the next tile is in lines that follow.
            t.next = nullptr;
            const bool below = t.resume && end - first == 1 && i + 1 < groups.count && groups.length(i + 1) == n_rows;
            int64_t vecs, j = strips.begin(first) * L;
            for (int64_t s = first; s < end; ++s, j += vecs * L) {
              vecs = strips.length(s);
              t.tail = s + 1 < strips.count ? L : tail;
              t.b = b_at + j * g.b_col;
              t.b_row = g.b_row;
              if (pack_b || (!kMaskedLoads && t.tail < L && !turn)) {
                T* const strip = strip_at() + (pack_b ? (s - first) * strip_size : 0);
                if (i == 0 && s >= copied) {
                  const int64_t with = s + kStripsAtOnce;
                  const bool alike =
                      with <= end && strips.length(with - 1) == vecs && cols - j >= kStripsAtOnce * vecs * L;
                  copied = s + make_strips(t, vecs, alike, strip, strip_size);
                }
                t.b = strip;
                t.b_row = vecs * L;
              }
              if (shares) {  // the part of this group in the next strip, or the first of the next chunk
                const bool right = s + 1 < strips.count;
                t.fetch = nullptr;
                if (t.tail == L && (right || !last)) {
                  const int64_t to_come = right ? s + 1 : 0;
                  const int64_t k = right ? t.k : chunks.length(q + 1), to = strips.begin(to_come) * L;
                  fetch = lines_of_b(b_at + (right ? 0 : t.k) * g.b_row + to * g.b_col, k,
                                     min_of(cols - to, strips.length(to_come) * L), i, groups.count);
                  t.fetch = &fetch;
                }
              }
              t.out = out + j;
              t.sum = sum + j;
              if (bias_at) t.bias = bias_at + j;
              if (below) t.next = t.sum + n_rows * t.sum_row;
              tiles[vecs - 1](t);
            }
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
    const int64_t vecs = ceil_div(cols, L), tail = cols - (vecs - 1) * L;
    const int most = !turn ? max_vecs(static_cast<int>(rows)) : rows == 1 ? kTurnedRowVecs : kTurnedVecs;
    if (vecs > most || g.k * vecs > kStripVecs) return false;
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

  // Groups of rows that one strip of B serves from the first element of k to the last: how many rows, from the first
  // on, have been made.
  int64_t narrow(int64_t row, int64_t rows, int64_t col, int64_t cols) const {
    constexpr int64_t L = kLanes<T>;
    const int64_t vecs = ceil_div(cols, L);
    if (vecs > 4 || g.k > kMaxChunk || g.k * vecs > kStripVecs || packs_a(g)) return 0;
    const bool few = few_columns(g) && cols > 1 && rows >= kFewColumnsRows;
    const int64_t high = few ? kRows : narrow_rows(static_cast<int>(vecs));
    if (rows < 2 * high) return 0;
    Rows<T> t;
    t.tail = cols - (vecs - 1) * L;
    t.a = a + row * g.a_row;
    t.a_row = g.a_row;
    t.a_col = g.a_col;
    t.b = b + col * g.b_col;
    t.b_row = g.b_row;
    if (few) {
      pack_few(t.b, g.b_row, g.b_col, g.k, static_cast<int>(cols), strip_at());
      t.b = strip_at();
    } else if (packs_b(g) || (!kMaskedLoads && t.tail < L)) {
      pack_strip(t.b, g.b_row, g.b_col, g.k, vecs, t.tail, strip_at());
      t.b = strip_at();
      t.b_row = vecs * L;
    }
    t.k = g.k;
    t.bias = bias ? bias + col : nullptr;
    t.c = c + row * g.c_row + col;
    t.c_row = g.c_row;
    t.groups = rows / high;
    (few ? kNarrow<T>.few[cols] : kNarrow<T>.vectors[vecs - 1])(t);
    return t.groups * high;
  }

  // The same as part() by the product of the transposes.
  void part_swapped(int64_t row_lo, int64_t row_hi, int64_t col_lo, int64_t col_hi) const {
    const Gemm turned = swapped(g);
    T* const made = reinterpret_cast<T*>(scratch);
    Call<T> other{turned, b, a, nullptr, made, scratch + turned_bytes(g)};
    for (int64_t row = row_lo; row < row_hi; row += turned.c_row) {
      const int64_t rows = min_of(turned.c_row, row_hi - row);
      other.b = a + row;
      other.part(col_lo, col_hi, 0, rows);
      for (int64_t i = 0; i < rows; ++i) {
        for (int64_t j = col_lo; j < col_hi; ++j)
          c[(row + i) * g.c_row + j] = bias ? made[j * turned.c_row + i] + bias[j] : made[j * turned.c_row + i];
      }
    }
  }

  void part(int64_t row_lo, int64_t row_hi, int64_t col_lo, int64_t col_hi) const {
    const int64_t cols = col_hi - col_lo;
    if (one_tile(row_lo, row_hi - row_lo, col_lo, cols)) return;
    if (swaps(g)) return part_swapped(row_lo, row_hi, col_lo, col_hi);
    row_lo += narrow(row_lo, row_hi - row_lo, col_lo, cols);
    const int64_t rows = row_hi - row_lo;
    if (rows == 0 || one_tile(row_lo, rows, col_lo, cols)) return;
    const Blocking how = blocking(g, kTile, cache_sizes());
    // Cut at multiples of the tile, so that inner blocks have no ragged edge.
    const Parts down(ceil_div(rows, kRows), how.rows / kRows);
    const Parts across(ceil_div(cols, kLanes<T>), g.k > kRestart ? kColBlock / kLanes<T> : cols);
    for (int64_t i = 0; i < down.count; ++i) {
      const int64_t r = down.begin(i) * kRows;
      for (int64_t j = 0; j < across.count; ++j) {
        const int64_t l = across.begin(j) * kLanes<T>;
        block(how, row_lo + r, min_of(rows, down.begin(i + 1) * kRows) - r, col_lo + l,
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
  if (swaps(g)) return turned_bytes(g) + gemm_scratch(swapped(g));
  return strip_bytes(g) + group_bytes(g) + partial_bytes(g);
}

void gemm(const Gemm& g, const void* a, const void* b, const void* bias, void* c, int64_t row_lo, int64_t row_hi,
          int64_t col_lo, int64_t col_hi, void* scratch) {
  if (row_lo >= row_hi || col_lo >= col_hi) return;
  with_float(g.dtype,
             [&](auto zero) { gemm_of<decltype(zero)>(g, a, b, bias, c, row_lo, row_hi, col_lo, col_hi, scratch); });
}

}  // namespace bs::kernels::BS_ISA
