// An array whose usual length is small: it lives in place up to `few` elements, on the heap beyond.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace bs {

// Made with its length. Elements of plain types are not set.
template <class T, size_t few>
class Few {
 public:
  explicit Few(size_t n) : n_(n) {
    if (n > few) {
      many_.reset(new T[n]);
      first_ = many_.get();
      return;
    }
    first_ = reinterpret_cast<T*>(place_);
    if constexpr (!std::is_trivially_default_constructible_v<T>)
      for (size_t i = 0; i < n; ++i) new (first_ + i) T();
  }
  explicit Few(int n) : Few(static_cast<size_t>(n)) {}
  Few(const Few&) = delete;
  Few& operator=(const Few&) = delete;
  ~Few() {
    if constexpr (!std::is_trivially_destructible_v<T>)
      if (!many_)
        for (size_t i = 0; i < n_; ++i) first_[i].~T();
  }

  size_t size() const { return n_; }
  T* data() { return first_; }
  template <class I>
  T& operator[](I i) {
    return first_[i];
  }
  T* begin() { return first_; }
  T* end() { return first_ + n_; }
  operator std::span<T>() { return {first_, n_}; }
  operator std::span<const T>() const { return {first_, n_}; }

 private:
  size_t n_;
  T* first_;
  std::unique_ptr<T[]> many_;
  alignas(T) std::byte place_[few * sizeof(T)];
};

}  // namespace bs
