// Shapes and strides: up to 8 numbers held in place, with overflow-checked products.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

namespace bs {

constexpr int kMaxDims = 8;

class Dims {
 public:
  Dims() = default;
  Dims(std::initializer_list<int64_t> values) {
    for (int64_t v : values) push(v);
  }
  // n copies of v. Throws ShapeError past kMaxDims.
  static Dims filled(int n, int64_t v);

  int size() const { return size_; }
  int64_t operator[](int i) const { return d_[i]; }
  int64_t& operator[](int i) { return d_[i]; }
  // Python's index: -1 is the last.
  int64_t back() const { return d_[size_ - 1]; }
  const int64_t* begin() const { return d_; }
  const int64_t* end() const { return d_ + size_; }
  void push(int64_t v) {
    if (size_ == kMaxDims) too_many();
    d_[size_++] = v;
  }
  void insert(int at, int64_t v);
  void erase(int at);

  bool operator==(const Dims& o) const {
    if (size_ != o.size_) return false;
    for (int i = 0; i < size_; ++i)
      if (d_[i] != o.d_[i]) return false;
    return true;
  }

 private:
  [[noreturn]] static void too_many();

  int32_t size_ = 0;
  int64_t d_[kMaxDims];
};

// "(32, 784)", "(5,)", "()": as Python prints a tuple.
std::string str(const Dims& d);

// The product of the sizes. Throws ShapeError if it does not fit, so that no size ever wraps.
int64_t numel(const Dims& shape);
// Bytes of `count` elements of `item` bytes, checked likewise.
int64_t checked_bytes(int64_t count, int64_t item);

Dims contiguous_strides(const Dims& shape);
bool is_contiguous(const Dims& shape, const Dims& strides);

// NumPy's broadcast of two shapes; false where they do not go together.
bool broadcast(const Dims& a, const Dims& b, Dims* out);

}  // namespace bs
