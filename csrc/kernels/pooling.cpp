// Windows of planes (depth, height, width): their largest elements and their means.
//
// A row of outputs is made in two steps. What lies above each other in its windows is joined column by column, rows of
// the plane being vectors of columns; that leaves one row, with its border, in scratch. It is sorted so that the first
// columns of all windows lie side by side, and the second ones, and so on: then outputs are vectors too, of a few
// neighbours each. So a window costs the sum of its sides, not their product, and borders cost nothing inside. Rows are
// cut into blocks that depend on the windows alone.
//
// Of the largest it is noted where it was: its row beside each column, as a vector of integers, then its column. Of
// equal ones the first is wanted, row by row: so a column further right wins only if its row comes before. Of NaNs it
// is the last.
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/reduce.h"

// Called from several places, each of which would be as large again.
#define BS_APART __attribute__((noinline))

namespace bs::kernels::BS_ISA {
namespace {

template <class T>
using Int = typename IntOf<T>::type;

// The row of what is in no plane: after all others.
template <class T>
constexpr Int<T> kNowhere = kAboveAll<Int<T>>;

// ---- Windows ---------------------------------------------------------------------------------------------------

// The elements of a window along an axis: `count` from `first` on, `step` apart.
struct Window {
  int64_t first, step, count;
};

Window window_of(const PoolAxis& a, int64_t o) {
  if (a.kernel == 0) {
    const int64_t first = o * a.in / a.out;
    return {first, 1, ((o + 1) * a.in + a.out - 1) / a.out - first};
  }
  const int64_t start = o * a.stride - a.padding;
  int64_t skipped = 0, count = a.kernel;
  if (start < 0) skipped = (a.dilation - 1 - start) / a.dilation;
  if (start + (count - 1) * a.dilation >= a.in) count = (a.in - start + a.dilation - 1) / a.dilation;
  return {start + skipped * a.dilation, a.dilation, count - skipped};
}

// What the mean counts along an axis.
int64_t counted(const PoolAxis& a, int64_t o, bool padding) {
  if (!padding || a.kernel == 0) return window_of(a, o).count;
  const int64_t start = o * a.stride - a.padding;
  return min_of(start + a.kernel, a.in + a.padding) - start;
}

// The most elements that a window has along an axis.
int64_t most_of(const PoolAxis& a) { return a.kernel ? a.kernel : min_of(a.in, (a.in + a.out - 1) / a.out + 1); }

int64_t elements_in(const Pool& p) { return p.axis[0].in * p.axis[1].in * p.axis[2].in; }
int64_t elements_out(const Pool& p) { return p.axis[0].out * p.axis[1].out * p.axis[2].out; }

// f(row) for the rows of the plane that a row of outputs has.
template <class F>
inline void each_row(const Pool& p, const Window& deep, const Window& high, const F& f) {
  for (int64_t d = 0; d < deep.count; ++d) {
    int64_t row = (deep.first + d * deep.step) * p.axis[1].in + high.first;
    for (int64_t h = 0; h < high.count; ++h, row += high.step) f(row);
  }
}

// Rows of outputs are made in blocks of so many.
constexpr int64_t kBlockColumns = 4096;
int64_t block_of(const PoolAxis& a) {
  if (a.kernel == 0) return a.out;
  const int64_t fit = (kBlockColumns - (a.kernel - 1) * a.dilation) / a.stride;
  return min_of(a.out, fit < 16 ? 16 : fit);
}
// Columns that the windows of a block have.
int64_t columns_of(const PoolAxis& a) {
  return a.kernel == 0 ? a.in : (block_of(a) - 1) * a.stride + (a.kernel - 1) * a.dilation + 1;
}

// ---- A row of outputs ------------------------------------------------------------------------------------------

// A block of a row of outputs, [o, o + n), and its columns: column c of the plane is column c - start of the block, of
// which [lo, hi) are in the plane.
struct Block {
  int64_t o, n, start, lo, hi;
};

Block block_at(const PoolAxis& a, int64_t o) {
  Block b{o, min_of(block_of(a), a.out - o), 0, 0, a.in};
  if (a.kernel == 0) return b;
  b.start = o * a.stride - a.padding;
  b.lo = b.start < 0 ? -b.start : 0;
  b.hi = min_of((b.n - 1) * a.stride + (a.kernel - 1) * a.dilation + 1, a.in - b.start);
  return b;
}

template <class E, int odd, int... i>
inline Vec<E> halves(Vec<E> a, Vec<E> b, Indices<i...>) {
  return __builtin_shufflevector(a, b, (2 * i + odd)...);
}

// What one call works in, and how it sorts columns: column k of all windows begins at place[k], by window. Vectors may
// be read and written beyond what is there.
template <class T>
struct Room {
  static constexpr int64_t kBeyond = 3 * kSumLanes;

  int64_t columns, outputs;
  int64_t most;           // columns of a window
  int64_t phases, phase;  // columns c, c + phases, .. lie side by side, `phase` of them; 0: each window by itself
  T *of_column, *of_output, *sorted;
  Int<T>*row_of_column, *row_of_output, *row_sorted, *nth_of_output;  // of the largest; nth: which of its columns
  int64_t *place, *first, *count;  // first, count: the window of each output, from the block's first column on
  size_t bytes = 0;

  BS_APART Room(const Pool& p, void* scratch) {
    const PoolAxis& a = p.axis[2];
    columns = columns_of(a);
    outputs = block_of(a);
    most = most_of(a);
    phases = a.kernel == 0 ? 0 : outputs > 1 ? a.stride : 1;
    phase = phases ? (columns + phases - 1) / phases + kSumLanes : outputs;
    const auto take = [&](auto*& part, int64_t n) {
      part = scratch ? reinterpret_cast<decltype(part + 0)>(static_cast<char*>(scratch) + bytes) : nullptr;
      bytes += (static_cast<size_t>(n + kBeyond) * sizeof(*part) + 63) / 64 * 64;
    };
    take(of_column, columns);
    take(row_of_column, columns);
    take(of_output, outputs);
    take(row_of_output, outputs);
    take(nth_of_output, outputs);
    const int64_t sorts = phases == 1 ? 0 : (phases ? phases : most) * phase;
    take(sorted, sorts);
    take(row_sorted, sorts);
    take(place, most);
    take(first, outputs);
    take(count, outputs);
    if (!scratch) return;
    for (int64_t k = 0; k < most; ++k) {
      const int64_t c = k * a.dilation;
      place[k] = phases ? c % phases * phase + c / phases : k * phase;
    }
  }

  // Before the rows of a block.
  BS_APART void begin(const PoolAxis& a, const Block& b, T none) const {
    for (int64_t j = 0; j < columns + kBeyond; ++j) {
      of_column[j] = none;
      row_of_column[j] = kNowhere<T>;
    }
    for (int64_t i = 0; i < b.n; ++i) {
      const Window w = a.kernel ? Window{i * a.stride, a.dilation, a.kernel} : window_of(a, b.o + i);
      first[i] = w.first;
      count[i] = w.count;
    }
  }

  // The columns of a block, sorted; none where a window has fewer than others.
  template <class E>
  BS_APART const E* sort(const Block& b, const E* from, E* to, E none) const {
    if (phases == 1) return from;
    if (phases == 2) {
      for (int64_t j = 0; j < columns; j += 2 * kLanes<E>) {
        const Vec<E> low = v_load(from + j), high = v_load(from + j + kLanes<E>);
        v_store(to + j / 2, halves<E, 0>(low, high, typename IndicesTo<kLanes<E>>::type{}));
        v_store(to + phase + j / 2, halves<E, 1>(low, high, typename IndicesTo<kLanes<E>>::type{}));
      }
    } else if (phases) {
      for (int64_t f = 0; f < phases; ++f)
        for (int64_t j = f, m = f * phase; j < columns; j += phases, ++m) to[m] = from[j];
    } else {
      for (int64_t k = 0; k < most; ++k)
        for (int64_t i = 0; i < b.n; ++i) to[k * phase + i] = k < count[i] ? from[first[i] + k] : none;
    }
    return to;
  }
};

// Whether what depends on the block is to be made: the same blocks come in each plane.
bool begins(const PoolAxis& a, const Block& b, bool first_plane) { return first_plane || b.n < a.out; }

// f(plane, block, row of outputs, its windows) for each row, planes outside.
template <class T, class F>
inline void each_row_of_outputs(const Pool& p, int64_t lo, int64_t hi, const Room<T>& room, T none, const F& f) {
  const PoolAxis &deep = p.axis[0], &high = p.axis[1], &wide = p.axis[2];
  for (int64_t plane = lo; plane < hi; ++plane) {
    for (int64_t o = 0; o < wide.out; o += room.outputs) {
      const Block b = block_at(wide, o);
      if (begins(wide, b, plane == lo)) room.begin(wide, b, none);
      for (int64_t d = 0; d < deep.out; ++d)
        for (int64_t h = 0; h < high.out; ++h) f(plane, b, d * high.out + h, window_of(deep, d), window_of(high, h));
    }
  }
}

// to[j] = Op of x[row, start + j] over the rows, from `none` on, for the columns of a block.
template <class T, class Op>
void join_rows(const Pool& p, const T* x, const Block& b, const Window& deep, const Window& high, T none, T* to) {
  const T* from = x + b.start;
  each_vector<T>(b.lo, b.hi, [&](int64_t j, auto part) {
    Vec<T> joined = v_set(none);
    each_row(p, deep, high, [&](int64_t r) { joined = Op::of(joined, part.load(from + r * p.axis[2].in + j)); });
    v_store(to + j, part.keep(joined, v_set(none)));  // whole: what is read next does not wait for L1
  });
}

template <class T, class Op>
inline Vec<T> join_columns(const Room<T>& room, const T* sorted, int64_t i, T none) {
  Vec<T> joined = v_set(none);
  for (int64_t k = 0; k < room.most; ++k) joined = Op::of(joined, v_load(sorted + room.place[k] + i));
  return joined;
}

// ---- The largest -----------------------------------------------------------------------------------------------

template <class T>
void largest(const Pool& p, const T* x, T* y, int64_t lo, int64_t hi, const Room<T>& room) {
  const int64_t in = elements_in(p), out = elements_out(p);
  each_row_of_outputs(p, lo, hi, room, kBelowAll<T>,
                      [&](int64_t plane, const Block& b, int64_t row, const Window& deep, const Window& high) {
                        join_rows<T, Max>(p, x + plane * in, b, deep, high, kBelowAll<T>, room.of_column);
                        const T* sorted = room.sort(b, room.of_column, room.sorted, kBelowAll<T>);
                        T* to = y + plane * out + row * p.axis[2].out + b.o;
                        each_vector<T>(0, b.n, [&](int64_t i, auto part) {
                          part.store(to + i, join_columns<T, Max>(room, sorted, i, kBelowAll<T>));
                        });
                      });
}

// The same of one row, with places: into of_output, row_of_output and nth_of_output.
template <class T>
BS_APART void place_largest(const Pool& p, const T* x, const Block& b, const Window& deep, const Window& high,
                            const Room<T>& room) {
  const T* from = x + b.start;
  each_vector<T>(b.lo, b.hi, [&](int64_t j, auto part) {
    Vec<T> best = v_set(kBelowAll<T>);
    Mask<T> row = v_set(static_cast<Int<T>>(deep.first * p.axis[1].in + high.first));
    each_row(p, deep, high, [&](int64_t r) {
      const Vec<T> v = part.load(from + r * p.axis[2].in + j);
      const Mask<T> better = (v > best) | (v != v);
      best = better ? v : best;
      row = better ? v_set(static_cast<Int<T>>(r)) : row;
    });
    v_store(room.of_column + j, part.keep(best, v_set(kBelowAll<T>)));
    v_store(room.row_of_column + j, part_as<Int<T>>(part).keep(row, v_set(kNowhere<T>)));
  });
  const T* values = room.sort(b, room.of_column, room.sorted, kBelowAll<T>);
  const Int<T>* rows = room.sort(b, room.row_of_column, room.row_sorted, kNowhere<T>);
  for (int64_t i = 0; i < b.n; i += kLanes<T>) {
    Vec<T> best = v_set(kBelowAll<T>);
    Mask<T> row = v_set(kNowhere<T>), nth = {};
    for (int64_t k = 0; k < room.most; ++k) {
      const Vec<T> v = v_load(values + room.place[k] + i);
      const Mask<T> r = v_load(rows + room.place[k] + i);
      const Mask<T> better = (v > best) | ((v == best) & (r < row)) | ((v != v) & ((best == best) | (r >= row)));
      best = better ? v : best;
      row = better ? r : row;
      nth = better ? v_set(static_cast<Int<T>>(k)) : nth;
    }
    v_store(room.of_output + i, best);
    v_store(room.row_of_output + i, row);
    v_store(room.nth_of_output + i, nth);
  }
}

// Where in its plane the largest of output i of a row is.
template <class T>
inline int64_t place_of(const Pool& p, const Block& b, const Room<T>& room, int64_t i) {
  const PoolAxis& wide = p.axis[2];
  return room.row_of_output[i] * wide.in + b.start + room.first[i] + room.nth_of_output[i] * wide.dilation;
}

template <class T>
void largest_with_places(const Pool& p, const T* x, T* y, int64_t* index, int64_t lo, int64_t hi, const Room<T>& room) {
  const int64_t in = elements_in(p), out = elements_out(p);
  each_row_of_outputs(p, lo, hi, room, kBelowAll<T>,
                      [&](int64_t plane, const Block& b, int64_t row, const Window& deep, const Window& high) {
                        place_largest(p, x + plane * in, b, deep, high, room);
                        const int64_t o = plane * out + row * p.axis[2].out + b.o;
                        for (int64_t i = 0; i < b.n; ++i) {
                          y[o + i] = room.of_output[i];
                          index[o + i] = place_of(p, b, room, i);
                        }
                      });
}

// x, planes [lo, hi) of `elements`, becomes 0.
template <class T>
void clear(T* x, int64_t elements, int64_t lo, int64_t hi) {
  memset(x + lo * elements, 0, static_cast<size_t>((hi - lo) * elements) * sizeof(T));
}

template <class T, int... i>
inline Vec<T> zip_low(Vec<T> a, Vec<T> b, Indices<i...>) {
  return __builtin_shufflevector(a, b, (i / 2 + i % 2 * kLanes<T>)...);
}
template <class T, int... i>
inline Vec<T> zip_high(Vec<T> a, Vec<T> b, Indices<i...>) {
  return __builtin_shufflevector(a, b, (i / 2 + kLanes<T> / 2 + i % 2 * kLanes<T>)...);
}

// Twice the part.
template <class T>
inline void store_two(T* to, Vec<T> low, Vec<T> high, Whole<T>) {
  v_store(to, low);
  v_store(to + kLanes<T>, high);
}
template <class T>
inline void store_two(T* to, Vec<T> low, Vec<T> high, Some<T> part) {
  v_store_part(to, low, min_of(2 * part.n, kLanes<T>));
  if (2 * part.n > kLanes<T>) v_store_part(to + kLanes<T>, high, 2 * part.n - kLanes<T>);
}

// Whether no element is in two windows along the axis.
bool apart(const PoolAxis& a) { return a.kernel && a.dilation == 1 && a.stride >= a.kernel; }

template <class Part>
constexpr bool kWhole = false;
template <class T>
constexpr bool kWhole<Whole<T>> = true;

template <class T, class Part>
inline void load_two(const T* from, Vec<T>& left, Vec<T>& right, Part part) {
  constexpr typename IndicesTo<kLanes<T>>::type lanes{};
  Vec<T> low, high = {};
  if constexpr (kWhole<Part>) {
    low = v_load(from), high = v_load(from + kLanes<T>);
  } else {
    low = v_load_part(from, min_of(2 * part.n, kLanes<T>));
    if (2 * part.n > kLanes<T>) high = v_load_part(from + kLanes<T>, 2 * part.n - kLanes<T>);
  }
  left = halves<T, 0>(low, high, lanes);
  right = halves<T, 1>(low, high, lanes);
}

// Windows of two columns side by side, which share no element: what is the largest is found by looking for it again,
// and their rows are written whole.
template <class T>
inline void give_pairs(const Pool& p, const T* dy, const T* x, T* dx, const Block& b, const Window& deep,
                       const Window& high) {
  constexpr typename IndicesTo<kLanes<T>>::type lanes{};
  each_vector<T>(0, b.n, [&](int64_t i, auto part) {
    const int64_t column = b.start + 2 * i;
    Vec<T> left, right, most = v_set(kBelowAll<T>);
    Mask<T> nans = {};  // minus how many
    each_row(p, deep, high, [&](int64_t r) {
      load_two(x + r * p.axis[2].in + column, left, right, part);
      most = Max::of(Max::of(most, left), right);
      nans += (left != left) + (right != right);
    });
    // Of those that are as large, or NaN where that is the largest, the first, or the last NaN.
    const Mask<T> wanted = nans < Int<T>(0) ? nans : nans - Int<T>(1);
    const Vec<T> g = part.load(dy + i);
    Mask<T> seen = {};
    const auto share = [&](Vec<T> v) {
      const Mask<T> here = (v == most) | (v != v);
      seen += here;
      return (here & (seen == wanted)) ? g : Vec<T>{};
    };
    each_row(p, deep, high, [&](int64_t r) {
      load_two(x + r * p.axis[2].in + column, left, right, part);
      const Vec<T> first = share(left), second = share(right);
      store_two(dx + r * p.axis[2].in + column, zip_low<T>(first, second, lanes), zip_high<T>(first, second, lanes),
                part);
    });
  });
}

template <class T>
void largest_backward(const Pool& p, const T* dy, const T* x, T* dx, int64_t lo, int64_t hi, const Room<T>& room) {
  const PoolAxis& wide = p.axis[2];
  const int64_t in = elements_in(p), out = elements_out(p);
  const bool pairs = wide.kernel == 2 && wide.stride == 2 && wide.padding == 0 && wide.out * 2 <= wide.in &&
                     apart(wide) && apart(p.axis[0]) && apart(p.axis[1]);
  if (out == 0) clear(dx, in, lo, hi);
  each_row_of_outputs(p, lo, hi, room, kBelowAll<T>,
                      [&](int64_t plane, const Block& b, int64_t row, const Window& deep, const Window& high) {
                        if (row == 0 && b.o == 0) clear(dx, in, plane, plane + 1);
                        const T* from = dy + plane * out + row * wide.out + b.o;
                        T* to = dx + plane * in;
                        if (pairs) return give_pairs(p, from, x + plane * in, to, b, deep, high);
                        place_largest(p, x + plane * in, b, deep, high, room);
                        for (int64_t i = 0; i < b.n; ++i) to[place_of(p, b, room, i)] += from[i];
                      });
}

// ---- The mean --------------------------------------------------------------------------------------------------

// What the sums of a row of windows are divided by, but for the number of their columns, and that.
double rows_counted(const Pool& p, int64_t row) {
  if (p.divisor) return static_cast<double>(p.divisor);
  const PoolAxis &deep = p.axis[0], &high = p.axis[1];
  return static_cast<double>(counted(deep, row / high.out, p.count_padding) *
                             counted(high, row % high.out, p.count_padding));
}
template <class T>
void count_columns(const Pool& p, const Block& b, T* to) {
  for (int64_t i = b.n; i < b.n + kLanes<T>; ++i) to[i] = 1;  // divisions by subnormal numbers would take a hundred ns
  for (int64_t i = 0; i < b.n; ++i)
    to[i] = static_cast<T>(p.divisor ? 1 : counted(p.axis[2], b.o + i, p.count_padding));
}

template <class T>
void mean(const Pool& p, const T* x, T* y, int64_t lo, int64_t hi, const Room<T>& room) {
  const int64_t in = elements_in(p), out = elements_out(p);
  each_row_of_outputs(p, lo, hi, room, T(0),
                      [&](int64_t plane, const Block& b, int64_t row, const Window& deep, const Window& high) {
                        if (row == 0 && begins(p.axis[2], b, plane == lo)) count_columns(p, b, room.of_output);
                        join_rows<T, Add>(p, x + plane * in, b, deep, high, T(0), room.of_column);
                        const T* sorted = room.sort(b, room.of_column, room.sorted, T(0));
                        const Vec<T> rows = v_set(static_cast<T>(rows_counted(p, row)));
                        T* to = y + plane * out + row * p.axis[2].out + b.o;
                        each_vector<T>(0, b.n, [&](int64_t i, auto part) {
                          const Vec<T> sum = join_columns<T, Add>(room, sorted, i, T(0));
                          part.store(to + i, sum / (rows * v_load(room.of_output + i)));
                        });
                      });
}

template <class T>
void mean_backward(const Pool& p, const T* dy, T* dx, int64_t lo, int64_t hi, const Room<T>& room) {
  const PoolAxis& wide = p.axis[2];
  const int64_t in = elements_in(p), out = elements_out(p);
  if (out == 0) clear(dx, in, lo, hi);
  each_row_of_outputs(p, lo, hi, room, T(0),
                      [&](int64_t plane, const Block& b, int64_t row, const Window& deep, const Window& high) {
                        if (row == 0 && begins(wide, b, plane == lo)) count_columns(p, b, room.of_output);
                        if (row == 0 && b.o == 0) clear(dx, in, plane, plane + 1);
                        const T rows = static_cast<T>(rows_counted(p, row));
                        const T* from = dy + plane * out + row * wide.out + b.o;
                        memset(room.of_column, 0, static_cast<size_t>(room.columns) * sizeof(T));
                        for (int64_t i = 0; i < b.n; ++i) {
                          const T share = from[i] / (rows * room.of_output[i]);
                          T* to = room.of_column + room.first[i];
                          for (int64_t k = 0; k < room.count[i]; ++k) to[k] += share;
                        }
                        T* to = dx + plane * in + b.start;
                        each_vector<T>(b.lo, b.hi, [&](int64_t j, auto part) {
                          const Vec<T> share = v_load(room.of_column + j);
                          each_row(p, deep, high, [&](int64_t r) {
                            T* at = to + r * wide.in + j;
                            part.store(at, part.load(at) + share);
                          });
                        });
                      });
}

}  // namespace

size_t pool_scratch(const Pool& p) {
  return with_float(p.dtype, [&](auto zero) { return Room<decltype(zero)>(p, nullptr).bytes; });
}

void max_pool(const Pool& p, const void* x, void* y, int64_t* index, int64_t lo, int64_t hi, void* scratch) {
  with_float(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Room<T> room(p, scratch);
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(y);
    index ? largest_with_places(p, from, to, index, lo, hi, room) : largest(p, from, to, lo, hi, room);
  });
}

void max_pool_backward(const Pool& p, const void* dy, const void* x, void* dx, int64_t lo, int64_t hi, void* scratch) {
  with_float(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    largest_backward(p, static_cast<const T*>(dy), static_cast<const T*>(x), static_cast<T*>(dx), lo, hi,
                     Room<T>(p, scratch));
  });
}

void avg_pool(const Pool& p, const void* x, void* y, int64_t lo, int64_t hi, void* scratch) {
  with_float(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    mean(p, static_cast<const T*>(x), static_cast<T*>(y), lo, hi, Room<T>(p, scratch));
  });
}

void avg_pool_backward(const Pool& p, const void* dy, void* dx, int64_t lo, int64_t hi, void* scratch) {
  with_float(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    mean_backward(p, static_cast<const T*>(dy), static_cast<T*>(dx), lo, hi, Room<T>(p, scratch));
  });
}

}  // namespace bs::kernels::BS_ISA
