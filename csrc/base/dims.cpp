#include "base/dims.h"

#include "base/error.h"

namespace bs {

void Dims::too_many() { throw ShapeError("a tensor has at most 8 dimensions"); }

Dims Dims::filled(int n, int64_t v) {
  Dims d;
  for (int i = 0; i < n; ++i) d.push(v);
  return d;
}

void Dims::insert(int at, int64_t v) {
  push(0);
  for (int i = size_ - 1; i > at; --i) d_[i] = d_[i - 1];
  d_[at] = v;
}

void Dims::erase(int at) {
  for (int i = at; i + 1 < size_; ++i) d_[i] = d_[i + 1];
  --size_;
}

std::string str(const Dims& d) {
  std::string s = "(";
  for (int i = 0; i < d.size(); ++i) s += (i ? ", " : "") + std::to_string(d[i]);
  return s + (d.size() == 1 ? ",)" : ")");
}

int64_t numel(const Dims& shape) {
  int64_t n = 1;
  bool overflow = false, zero = false;
  for (int64_t d : shape) {
    if (d < 0) throw ShapeError(cat("a shape has no negative sizes: ", str(shape)));
    if (d == 0) zero = true;
    overflow |= __builtin_mul_overflow(n, d, &n);
  }
  if (zero) return 0;
  if (overflow) throw ShapeError(cat("a tensor of shape ", str(shape), " has more elements than fit in 64 bits"));
  return n;
}

int64_t checked_bytes(int64_t count, int64_t item) {
  int64_t bytes;
  if (__builtin_mul_overflow(count, item, &bytes) || bytes > (int64_t{1} << 62))
    throw ShapeError(cat("a tensor of ", count, " elements is too large"));
  return bytes;
}

Dims contiguous_strides(const Dims& shape) {
  Dims s = shape;
  int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    s[i] = step;
    step *= shape[i] > 0 ? shape[i] : 1;
  }
  return s;
}

bool is_contiguous(const Dims& shape, const Dims& strides) {
  for (int64_t d : shape)
    if (d == 0) return true;
  int64_t step = 1;
  for (int i = shape.size() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

bool broadcast(const Dims& a, const Dims& b, Dims* out) {
  int n = a.size() > b.size() ? a.size() : b.size();
  Dims r = Dims::filled(n, 1);
  for (int i = 1; i <= n; ++i) {
    int64_t x = i <= a.size() ? a[a.size() - i] : 1;
    int64_t y = i <= b.size() ? b[b.size() - i] : 1;
    if (x != y && x != 1 && y != 1) return false;
    r[n - i] = x == 1 ? y : x;
  }
  *out = r;
  return true;
}

}  // namespace bs
