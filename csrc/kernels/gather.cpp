// Rows of a table by index: out[i] = table[index[i]], and its adjoint out[r] = sum of x[i] over i with index[i] == r.
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/reduce.h"

namespace bs::kernels::BS_ISA {
namespace {

// Rows of a fixed size, of at least one unit (where units do not fill the row, the last overlaps the one before), and
// shorter than 8 bytes: each less than a call of memcpy for the rows that embeddings have.
template <int64_t bytes>
struct CopyFixed {
  void operator()(unsigned char* to, const unsigned char* from, int64_t) const { memcpy(to, from, bytes); }
};
template <int64_t unit>
struct CopyUnits {
  void operator()(unsigned char* to, const unsigned char* from, int64_t bytes) const {
    for (int64_t b = 0; b + unit <= bytes; b += unit) memcpy(to + b, from + b, unit);
    memcpy(to + bytes - unit, from + bytes - unit, unit);
  }
};
struct CopyBytes {
  void operator()(unsigned char* to, const unsigned char* from, int64_t bytes) const {
    for (int64_t b = 0; b < bytes; ++b) to[b] = from[b];
  }
};

template <class Copy>
int64_t gather(Copy copy, int64_t row_bytes, const unsigned char* table, int64_t table_rows, const int64_t* index,
               unsigned char* out, int64_t lo, int64_t hi) {
  for (int64_t i = lo; i < hi; ++i) {
    const int64_t r = index[i];
    if (r < 0 || r >= table_rows) return i;
    copy(out + i * row_bytes, table + r * row_bytes, row_bytes);
  }
  return -1;
}

template <class T>
void scatter_add(int64_t cols, int64_t n_index, const int64_t* index, const T* x, T* out, int64_t lo, int64_t hi) {
  if (lo >= hi || cols == 0) return;
  memset(out + lo * cols, 0, static_cast<size_t>((hi - lo) * cols) * sizeof(T));
  for (int64_t i = 0; i < n_index; ++i) {
    if (index[i] < lo || index[i] >= hi) continue;
    const T* from = x + i * cols;
    T* to = out + index[i] * cols;
    if (cols == 1) {  // a masked vector would wait for the store before it, where the same index follows soon
      *to += *from;
      continue;
    }
    each_vector<T>(0, cols, [=](int64_t j, auto part) { part.store(to + j, part.load(to + j) + part.load(from + j)); });
  }
}

}  // namespace

int64_t gather_rows(int64_t row_bytes, const void* table, int64_t table_rows, const int64_t* index, void* out,
                    int64_t lo, int64_t hi) {
  const auto run = [=](auto copy) {
    return gather(copy, row_bytes, static_cast<const unsigned char*>(table), table_rows, index,
                  static_cast<unsigned char*>(out), lo, hi);
  };
  if (row_bytes == 4) return run(CopyFixed<4>{});
  if (row_bytes == 8) return run(CopyFixed<8>{});
  if (row_bytes >= kVecBytes) return run(CopyUnits<kVecBytes>{});
  if (row_bytes >= 16) return run(CopyUnits<16>{});
  return row_bytes > 8 ? run(CopyUnits<8>{}) : run(CopyBytes{});
}

void scatter_add_rows(DType dtype, int64_t cols, int64_t n_index, const int64_t* index, const void* x, void* out,
                      int64_t lo, int64_t hi) {
  with_float(dtype, [=](auto zero) {
    using T = decltype(zero);
    scatter_add(cols, n_index, index, static_cast<const T*>(x), static_cast<T*>(out), lo, hi);
  });
}

}  // namespace bs::kernels::BS_ISA
