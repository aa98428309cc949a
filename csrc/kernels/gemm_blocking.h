// How a product is blocked and what of it is copied: one pure function of shape, strides, dtype, register tile and
// cache sizes. None of it shows in a bit.
//
//        n ->   block of strips                 C is made in blocks of rows by strips, a chunk of k at a time,
//             +-----+-----+-----+               and each of those in tiles: R rows by V vectors in registers. Per step
//   k   B     |strip|strip|     |  chunk        of k a tile reads V vectors of B and R elements of A.
//             +-----+-----+-----+
//   m   +----++-----+-----+-----+               Rows in L2 (L2 below 1.5 MiB): for each strip all groups of R rows. A's
//   |   | A  ||tile |     |     |  group        block (256 rows by 512) stays in L2, a strip passes through it.
//   v   |    |+-----+-----+-----+               Strips in L2 (a larger one): for each group all strips of a block. B's
//       |    ||     |     |     |               block (half of L2) stays in L2; a group's rows of A are read by all its
//       +----++-----+-----+-----+               tiles, and rows of A and C are met in the order of memory.
//       chunk
#pragma once

#include <cstdint>

#include "base/cpu.h"
#include "kernels/ceil_div.h"
#include "kernels/kernels.h"

namespace bs::kernels {
namespace {

// The tallest register tile of an instruction set.
struct TileSize {
  int vec_bytes, rows, vecs;
};
constexpr TileSize tile_size(const char* isa) {
  if (isa[0] == 'n') return {16, 8, 3};  // neon
  return isa[1] == '4' ? TileSize{64, 8, 3} : isa[1] == '3' ? TileSize{32, 6, 2} : TileSize{16, 4, 2};
}

// What a tile brings into a nearer cache between its fma.
enum class Ahead {
  nothing,
  strip,  // its share of the next strip of B: into L2
  steps   // the vectors of B that it reads a few steps of k later: into L1
};

struct Blocking {
  bool copy_a, copy_b;  // rows of A, strips of B: to scratch, in the order in which tiles read them
  Ahead ahead;
  int64_t rows;    // of a block of C
  int64_t strips;  // of a block of B
};

constexpr int64_t kMaxChunk = 512;      // steps of k between passes over C: 1.05 against 256 at 1024^3 (v4, Zen 5)
constexpr int64_t kStripVecs = 1536;    // chunk times vectors of a strip: 96 KiB for v4
constexpr int64_t kRestart = 4096;      // where the chain of an element restarts (kernels.h)
constexpr int64_t kRowBlock = 256;      // rows whose part of A stays in L2; and whose partial sums have scratch
constexpr int64_t kCopyForRows = 64;    // of C, to repay a copy of B
constexpr int64_t kFarBytes = 4096;     // rows so far apart share few cache sets and need a translation each
constexpr int64_t kManyRows = 1 << 20;  // nothing is lost by a cut after so many

inline bool far_apart(const Gemm& g, int64_t stride, int64_t far) {
  const int64_t bytes = stride * static_cast<int64_t>(size_of(g.dtype));
  return bytes >= far || bytes <= -far;
}

// Measured at two sizes, float32, as ratios in one run. Strips against rows in L2: 1.08 at 1024^3, 1.00 at (256, 2048,
// 2048) on an Emerald Rapids (2 MiB), whose L3 gives 20 GB/s: there rows of A are not reused often enough to hide what
// is read again from it. On Zen 5 (1 MiB) rows in L2 have been measured alone.
inline bool strips_in_l2(const CacheSizes& caches) { return caches.l2 >= int64_t{3} << 19; }

// Far rows of B are copied where tiles read them more often than once from L2: on Emerald Rapids 79 -> 150 GFLOP/s at
// 1024^3. On Zen 5 it gave 1.26 with v3, but 0.94 with v4.
inline bool copies_b(const Gemm& g, const TileSize& tile, const CacheSizes& caches) {
  if (g.b_col != 1) return true;
  if (g.m < kCopyForRows || !far_apart(g, g.b_row, kFarBytes)) return false;
  return tile.vec_bytes < 64 || strips_in_l2(caches);
}

// Whether a step of k of the tallest tile leaves time to fetch a line of A, too: 1.03 at 256^3, A transposed (v4). With
// two vectors (v3) it does not (0.98).
constexpr bool fetches_a(const TileSize& tile) { return tile.vecs > 2; }

// Columns of A that lie apart give a tile a line per step. Strips in L2: 1.16 at 512^3, A transposed, and 1.2 at 1024^3
// (v4); ten strips repay the copy; of columns 512 bytes apart only where their lines are not fetched (0.96 else, at
// (128, 784, 512)); rows of A are read in place (1.03). Rows in L2: 1.05 at 1024^3 (v4), 1.15 (v3, A transposed),
// and 1.06 with v3 for columns half a page apart at 512^3.
inline bool ten_strips(const Gemm& g, const TileSize& tile) {
  return g.n * static_cast<int64_t>(size_of(g.dtype)) >= 10 * tile.vecs * tile.vec_bytes;
}
inline bool copies_a(const Gemm& g, const TileSize& tile, const CacheSizes& caches) {
  if (!ten_strips(g, tile)) return false;
  if (strips_in_l2(caches)) return far_apart(g, g.a_col, fetches_a(tile) ? 1024 : 512);
  if (g.n < 512) return false;
  return far_apart(g, g.a_row, kFarBytes) || far_apart(g, g.a_col, tile.vec_bytes < 64 ? kFarBytes / 2 : kFarBytes);
}

// Strips in L2 that are read in place come in short runs, which hardware does not foresee: 1.06 at (128, 784, 512) and
// 1.04 for a copied A (v4), 1.04 (v3); nothing is won where half of L1 holds the strip. Strips that pass through L2:
// 1.09 at (256, 2048, 2048) on Zen 5 if rows lie far apart. Both at once, or lines of the next block where strips stay
// in L2, lose (0.97 with v4, 0.85 with v3: each line costs what it saves).
inline Ahead looks_ahead(const Gemm& g, const TileSize& tile, const CacheSizes& caches) {
  if (!strips_in_l2(caches))
    return far_apart(g, g.b_row == 1 ? g.b_col : g.b_row, kFarBytes) ? Ahead::strip : Ahead::nothing;
  const int64_t chunk = g.k < kMaxChunk ? g.k : kMaxChunk;
  return !copies_b(g, tile, caches) && chunk * tile.vecs * tile.vec_bytes > caches.l1 / 2 ? Ahead::steps
                                                                                          : Ahead::nothing;
}

inline Blocking blocking(const Gemm& g, const TileSize& tile, const CacheSizes& caches) {
  Blocking b = {copies_a(g, tile, caches), copies_b(g, tile, caches), looks_ahead(g, tile, caches), kRowBlock, 1};
  if (strips_in_l2(caches)) {
    const int64_t half = (caches.l2 < int64_t{2} << 20 ? caches.l2 : int64_t{2} << 20) / 2;  // no larger one measured
    b.strips = half / (kStripVecs * tile.vec_bytes);
    // Copied rows of A are read in order, once per block of strips, and need not stay in L2, but each block of rows
    // copies B again: 2048 rather than 512 rows (float32) gave 1.06 at (2048, 256, 2048), A transposed. With partial
    // sums, blocks are as large as their scratch.
    if (g.k <= kRestart)
      b.rows = b.copy_a ? 4 * half / (kMaxChunk * static_cast<int64_t>(size_of(g.dtype))) : kManyRows;
  }
  return b;
}

}  // namespace
}  // namespace bs::kernels
