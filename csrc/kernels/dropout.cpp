// y[i] = u_i < keep ? x[i] / keep : 0, u_i = unit_float(philox_word(seed, draw, i)).
//
// Philox 4x32-10 (base/philox.h) for as many blocks at once as a vector has 64-bit lanes. A lane holds one 32-bit
// word of the counter in its low half: the 32 x 32 -> 64 bit multiplication reads no more, so what shifts and xor
// leave in the high halves never needs masking.
#include "base/philox.h"
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/reduce.h"

namespace bs::kernels::BS_ISA {
namespace {

using Words = Vec<uint64_t>;
constexpr int kBlocks = kLanes<uint64_t>;
constexpr int kElements = 4 * kBlocks;
constexpr int kRounds = 10;

// Low half of each lane times m.
inline Words multiply(Words a, uint32_t m) {
#if defined(__AVX512F__)
  // maskz with a full mask is the plain instruction, which GCC 12 warns about (-Wmaybe-uninitialized).
  return (Words)_mm512_maskz_mul_epu32(static_cast<__mmask8>(-1), (__m512i)a, _mm512_set1_epi64(m));
#elif defined(__AVX2__)
  return (Words)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(m));
#elif defined(__x86_64__)
  return (Words)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x(m));
#else
  return (Words)vmull_u32(vmovn_u64((uint64x2_t)a), vdup_n_u32(m));
#endif
}

template <int... i>
inline Words interleave_low(Words a, Words b, Indices<i...>) {
  return __builtin_shufflevector(a, b, (i / 2 + i % 2 * kBlocks)...);
}
template <int... i>
inline Words interleave_high(Words a, Words b, Indices<i...>) {
  return __builtin_shufflevector(a, b, (i / 2 + kBlocks / 2 + i % 2 * kBlocks)...);
}

struct Philox {
  Words draw_low, draw_high;
  Words key[kRounds][2];

  Philox(uint64_t seed, uint64_t draw) : draw_low(v_set(draw)), draw_high(v_set(draw >> 32)) {
    uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
    for (int round = 0; round < kRounds; ++round) {
      key[round][0] = v_set(static_cast<uint64_t>(k0));
      key[round][1] = v_set(static_cast<uint64_t>(k1));
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  }

  // The words of elements 4 block .. 4 block + kElements - 1, in order.
  void words(uint64_t block, Words& first, Words& second) const {
    Words c0 = v_set(block) + (Words)v_iota<uint64_t>(), c1 = c0 >> 32, c2 = draw_low, c3 = draw_high;
#pragma GCC unroll 10
    for (int round = 0; round < kRounds; ++round) {
      const Words p0 = multiply(c0, 0xD2511F53u), p1 = multiply(c2, 0xCD9E8D57u);
      c0 = (p1 >> 32) ^ c1 ^ key[round][0];
      c2 = (p0 >> 32) ^ c3 ^ key[round][1];
      c1 = p1;
      c3 = p0;
    }
    const Words low = v_set<uint64_t>(0xFFFFFFFFu);
    const Words w01 = (c0 & low) | (c1 << 32), w23 = (c2 & low) | (c3 << 32);
    const auto order = typename IndicesTo<kBlocks>::type{};
    first = interleave_low(w01, w23, order);
    second = interleave_high(w01, w23, order);
  }
};

// The divisor, and the bound that the top 24 bits of a word lie below if its element is kept: u < keep exactly when
// 2^24 u < ceil(2^24 keep). Keeping all and keeping none are the ends of this range.
template <class T>
struct Keep {
  T divisor;
  int32_t bound;

  explicit Keep(double keep) {
    const double scaled = keep * 0x1p24;
    bound = !(scaled > 0) ? 0 : scaled >= 0x1p24 ? 1 << 24 : static_cast<int32_t>(scaled);
    if (scaled > 0 && bound < scaled && bound < 1 << 24) ++bound;
    divisor = bound == 0 ? T(1) : static_cast<T>(keep);
  }
};

inline Vec<int32_t> kept(Words words, int32_t bound) {
  return (Vec<int32_t>)((Vec<uint32_t>)words >> 8) < v_set(bound);
}

inline void apply(Keep<float> keep, Words first, Words second, const float* x, float* y) {
  const Vec<float> divisor = v_set(keep.divisor), none = {};
  v_store(y, v_select<float>(kept(first, keep.bound), v_load(x) / divisor, none));
  v_store(y + kLanes<float>, v_select<float>(kept(second, keep.bound), v_load(x + kLanes<float>) / divisor, none));
}

inline void apply(Keep<double> keep, Words first, Words second, const double* x, double* y) {
  typedef int32_t Half __attribute__((vector_size(kVecBytes / 2)));
  const Vec<double> divisor = v_set(keep.divisor), none = {};
  Vec<int32_t> masks[2] = {kept(first, keep.bound), kept(second, keep.bound)};
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    Half half;
    memcpy(&half, reinterpret_cast<const char*>(masks) + k * sizeof(Half), sizeof(Half));
    const Vec<int64_t> mask = __builtin_convertvector(half, Vec<int64_t>);
    v_store(y + k * kLanes<double>, v_select<double>(mask, v_load(x + k * kLanes<double>) / divisor, none));
  }
}

template <class T>
void dropout_as(uint64_t seed, uint64_t draw, double keep_probability, const void* x_, void* y_, int64_t lo,
                int64_t hi) {
  const T* x = static_cast<const T*>(x_);
  T* y = static_cast<T*>(y_);
  const Philox philox(seed, draw);
  const Keep<T> keep(keep_probability);
  Words first, second;

  // Blocks of which [lo, hi) holds only a part go through a buffer.
  const auto part = [&](int64_t from, int64_t to) {
    const int64_t base = from & ~int64_t{3};
    T buffer[kElements] = {};
    memcpy(buffer + (from - base), x + from, static_cast<size_t>(to - from) * sizeof(T));
    philox.words(static_cast<uint64_t>(base) >> 2, first, second);
    apply(keep, first, second, buffer, buffer);
    memcpy(y + from, buffer + (from - base), static_cast<size_t>(to - from) * sizeof(T));
  };
  int64_t i = lo;
  if (i < hi && (i & 3) != 0) {
    const int64_t to = min_of((i | 3) + 1, hi);
    part(i, to);
    i = to;
  }
  for (; i + kElements <= hi; i += kElements) {
    philox.words(static_cast<uint64_t>(i) >> 2, first, second);
    apply(keep, first, second, x + i, y + i);
  }
  if (i < hi) part(i, hi);
}

}  // namespace

void dropout(DType dtype, uint64_t seed, uint64_t draw, double keep, const void* x, void* y, int64_t lo, int64_t hi) {
  with_float(dtype, [=](auto zero) { dropout_as<decltype(zero)>(seed, draw, keep, x, y, lo, hi); });
}

}  // namespace bs::kernels::BS_ISA
