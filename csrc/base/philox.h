// Counter-based random bits: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011). A value depends on (seed, draw, element index) alone, so any thread may compute any part.
// Internal linkage throughout: kernels include this file.
#pragma once

#include <cstdint>

namespace bs {

struct Philox4 {
  uint32_t v[4];
};

static inline Philox4 philox(uint64_t seed, uint64_t draw, uint64_t block) {
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  uint32_t c0 = static_cast<uint32_t>(block), c1 = static_cast<uint32_t>(block >> 32);
  uint32_t c2 = static_cast<uint32_t>(draw), c3 = static_cast<uint32_t>(draw >> 32);
  for (int round = 0; round < 10; ++round) {
    uint64_t p0 = static_cast<uint64_t>(0xD2511F53u) * c0;
    uint64_t p1 = static_cast<uint64_t>(0xCD9E8D57u) * c2;
    uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<uint32_t>(p1);
    c3 = static_cast<uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// The 32 random bits of element `index`: word index % 4 of block index / 4.
static inline uint32_t philox_word(uint64_t seed, uint64_t draw, uint64_t index) {
  return philox(seed, draw, index >> 2).v[index & 3];
}

// Uniform in [0, 1): the top 24 bits, exact in float32.
static inline float unit_float(uint32_t bits) { return static_cast<float>(bits >> 8) * 0x1p-24f; }

// Uniform in [0, 1) with 53 bits, of two words.
static inline double unit_double(uint32_t high, uint32_t low) {
  return (static_cast<double>(high >> 5) * 0x1p26 + static_cast<double>(low >> 6)) * 0x1p-53;
}

// philox_word() of one element after the other, a block for four of them.
class PhiloxWords {
 public:
  PhiloxWords(uint64_t seed, uint64_t draw, uint64_t index)
      : seed_(seed), draw_(draw), index_(index), block_(philox(seed, draw, index >> 2)) {}
  uint32_t next() {
    const uint32_t word = block_.v[index_ & 3];
    if ((++index_ & 3) == 0) block_ = philox(seed_, draw_, index_ >> 2);
    return word;
  }
  double next_double() {
    const uint32_t high = next();
    return unit_double(high, next());
  }
  // Of 0 ... n - 1, by the high half of a product with 64 bits: the bias is below n / 2^64.
  uint64_t below(uint64_t n) {
    const uint64_t high = next();
    return static_cast<uint64_t>(static_cast<unsigned __int128>(high << 32 | next()) * n >> 64);
  }

 private:
  uint64_t seed_, draw_, index_;
  Philox4 block_;
};

}  // namespace bs
