// A set of positions, of any length: which inputs or outputs of an op something holds for.
#pragma once

#include <cstdint>
#include <utility>

namespace bs {

// Positions 0 to 63 stand in one word, which is all that most ops have; those beyond in a block made when one is set.
// Positions that have no word are in the set if `rest` is.
class Mask {
 public:
  constexpr Mask() = default;
  constexpr explicit Mask(uint64_t low, bool rest = false) : low_(low), rest_(rest) {}
  static constexpr Mask of(int i) { return Mask(uint64_t{1} << i); }  // i below 64
  static constexpr Mask all() { return Mask(~uint64_t{0}, true); }

  constexpr Mask(const Mask& o) : low_(o.low_), words_(o.words_), rest_(o.rest_) {
    if (!o.more_) return;
    more_ = new uint64_t[words_];
    for (uint32_t w = 0; w < words_; ++w) more_[w] = o.more_[w];
  }
  constexpr Mask(Mask&& o) noexcept
      : low_(o.low_), more_(std::exchange(o.more_, nullptr)), words_(std::exchange(o.words_, 0u)), rest_(o.rest_) {}
  constexpr Mask& operator=(Mask o) noexcept {
    std::swap(low_, o.low_);
    std::swap(more_, o.more_);
    std::swap(words_, o.words_);
    std::swap(rest_, o.rest_);
    return *this;
  }
  constexpr ~Mask() { delete[] more_; }

  constexpr bool has(int i) const { return i < 64 ? (low_ >> i) & 1 : far(static_cast<uint32_t>(i)); }
  constexpr void set(int i) {
    if (i < 64)
      low_ |= uint64_t{1} << i;
    else
      word(static_cast<uint32_t>(i) / 64 - 1) |= uint64_t{1} << (i % 64);
  }
  constexpr bool any() const {
    if (low_ || rest_) return true;
    for (uint32_t w = 0; w < words_; ++w)
      if (more_[w]) return true;
    return false;
  }
  // Whether all of this is in o.
  constexpr bool within(const Mask& o) const {
    if ((low_ & ~o.low_) || (rest_ && !o.rest_)) return false;
    for (uint32_t w = 0; w < words_ || w < o.words_; ++w)
      if (at(w) & ~o.at(w)) return false;
    return true;
  }
  friend constexpr Mask operator|(Mask a, const Mask& b) {
    if (b.words_) a.word(b.words_ - 1);
    for (uint32_t w = 0; w < a.words_; ++w) a.more_[w] |= b.at(w);
    a.low_ |= b.low_;
    a.rest_ |= b.rest_;
    return a;
  }

 private:
  constexpr uint64_t at(uint32_t w) const { return w < words_ ? more_[w] : rest_ ? ~uint64_t{0} : 0; }
  constexpr bool far(uint32_t i) const { return (at(i / 64 - 1) >> (i % 64)) & 1; }
  constexpr uint64_t& word(uint32_t w) {
    if (w >= words_) {
      const uint32_t n = w + 1 > 2 * words_ ? w + 1 : 2 * words_;
      uint64_t* made = new uint64_t[n];
      for (uint32_t k = 0; k < n; ++k) made[k] = at(k);
      delete[] more_;
      more_ = made;
      words_ = n;
    }
    return more_[w];
  }

  uint64_t low_ = 0;
  uint64_t* more_ = nullptr;  // of positions 64 + 64 w and on
  uint32_t words_ = 0;
  bool rest_ = false;
};

}  // namespace bs
