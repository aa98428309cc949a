// Sorting along an axis: by radix where there are many elements, so that the time is that of a few passes.
#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/batch.h"
#include "ops/composed.h"
#include "ops/indexing.h"
#include "ops/lines.h"
#include "ops/order.h"

namespace bs::ops {
namespace {

// ---- elements with their numbers ----------------------------------------------------------------------------------

// Key above, number below: as a whole in the order of keys, then of numbers.
struct Narrow {
  uint64_t both;
  Narrow() = default;
  Narrow(uint64_t key, int64_t number) : both(key << 32 | static_cast<uint64_t>(number)) {}
  uint64_t key() const { return both >> 32; }
  int64_t number() const { return static_cast<int64_t>(both & UINT32_MAX); }
  bool operator<(const Narrow& o) const { return both < o.both; }
};
struct Wide {
  uint64_t own;
  uint32_t at;
  Wide() = default;
  Wide(uint64_t key, int64_t number) : own(key), at(static_cast<uint32_t>(number)) {}
  uint64_t key() const { return own; }
  int64_t number() const { return at; }
  bool operator<(const Wide& o) const { return own != o.own ? own < o.own : at < o.at; }
};

constexpr int kDigit = 11, kBins = 1 << kDigit;  // 3 passes over 32 bits, 6 over 64
constexpr int64_t kByRadix = 600;                // fewer are sorted faster by comparing (measured)

int radix_passes(int bits) { return (bits + kDigit - 1) / kDigit; }

// Sorts by key, keeping the order of equal ones; `spare` holds as many, and then the counts of all passes. Gives where
// they are then.
template <class E>
E* radix_sort(E* entries, E* spare, int64_t n, int bits) {
  const int passes = radix_passes(bits);
  auto* counts = reinterpret_cast<uint32_t*>(spare + n);
  std::memset(counts, 0, sizeof(uint32_t) * kBins * static_cast<size_t>(passes));
  for (int64_t i = 0; i < n; ++i) {
    const uint64_t key = entries[i].key();
    for (int p = 0; p < passes; ++p) ++counts[p * kBins + static_cast<int>((key >> (p * kDigit)) & (kBins - 1))];
  }
  for (int p = 0; p < passes; ++p) {
    uint32_t* at = counts + p * kBins;
    const int shift = p * kDigit;
    if (at[(entries[0].key() >> shift) & (kBins - 1)] == n) continue;  // all have this digit
    uint32_t next = 0;
    for (int b = 0; b < kBins; ++b) next += std::exchange(at[b], next);
    for (int64_t i = 0; i < n; ++i) spare[at[(entries[i].key() >> shift) & (kBins - 1)]++] = entries[i];
    std::swap(entries, spare);
  }
  return entries;
}

template <class E>
void order_as(DType t, const char* x, int64_t n, int64_t step, bool descending, int64_t k, E* entries, int64_t* out) {
  const int bits = key_bits(t);
  const uint64_t flip = descending ? ~uint64_t{0} >> (64 - bits) : 0;
  const auto fill = [&](auto key) {
    for (int64_t i = 0; i < n; ++i) entries[i] = E(key(x + i * step) ^ flip, i);
  };
  // The switch over dtypes outside of the loop for the common one.
  if (t == DType::f32)
    fill([](const char* at) { return key_of(DType::f32, at); });
  else
    fill([t](const char* at) { return key_of(t, at); });
  if (k < n) {
    // As PyTorch: a heap of k while few are asked for.
    if (k <= n / 64) {
      std::partial_sort(entries, entries + k, entries + n);
    } else {
      std::nth_element(entries, entries + k - 1, entries + n);
      std::sort(entries, entries + k);
    }
  } else if (n < kByRadix) {
    std::sort(entries, entries + n);
  } else {
    entries = radix_sort(entries, entries + n, n, bits);
  }
  for (int64_t i = 0; i < k; ++i) out[i] = entries[i].number();
}

// ---- sort, topk --------------------------------------------------------------------------------------------------

struct Ordered : Lines {
  int dim;
  int64_t k;

  Ordered(const char* op, int64_t axis, const Dims& x) : dim(scalar_dim(op, axis, x.size())) {
    static_cast<Lines&>(*this) = lines_of(x, dim);
    k = n;
    if (n > kMostOrdered) throw ValueError(cat("[", op, "] ", n, " elements along an axis are too many"));
  }
};

// The first k in order, of outer rows [lo, hi).
void order_rows(const Call& call, const Ordered& r, bool descending, int64_t lo, int64_t hi) {
  const DType t = call.in[0].dtype();
  const auto bytes = static_cast<int64_t>(size_of(t));
  auto* order = reinterpret_cast<int64_t*>(call.scratch);
  void* memory = order + r.n;
  for (int64_t o = lo; o < hi; ++o)
    for (int64_t i = 0; i < r.inner; ++i) {
      const char* x = call.in[0].data + (o * r.n * r.inner + i) * bytes;
      char* values = call.out[0].data + (o * r.k * r.inner + i) * bytes;
      int64_t* indices = call.out[1].as<int64_t>() + o * r.k * r.inner + i;
      order_of(t, x, r.n, r.inner * bytes, descending, r.k, memory, order);
      for (int64_t j = 0; j < r.k; ++j) indices[j * r.inner] = order[j];
      const auto move = [&](auto zero) {
        using T = decltype(zero);
        for (int64_t j = 0; j < r.k; ++j)
          reinterpret_cast<T*>(values)[j * r.inner] = reinterpret_cast<const T*>(x)[order[j] * r.inner];
      };
      with_word(t, move);
    }
}

// Of the values, to where they were.
void order_grad(GradCall& call, int64_t axis) {
  const Dims& x = call.spec(0).shape;
  call.set(0, scatter_sum_of(x, call.out(1), call.grad(), scalar_dim("sort", axis, x.size())));
}

size_t order_scratch(const Ordered& r, DType t) {
  return static_cast<size_t>(r.n) * sizeof(int64_t) + order_bytes(t, r.n);
}

const Op sort_op{
    .name = "sort",
    .doc =
        "The elements along dim in ascending or descending order, and their numbers there before. NaN is above all. "
        "Equal ones always stay in their order, as with stable=True.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, false, int64_t{-1}},
              {"descending", AttrType::boolean, false, false},
              {.name = "stable", .type = AttrType::boolean, .default_value = false, .by_name = true}},
    .outputs = {"values", "indices"},
    .visibility = Visibility::method,
    .named = true,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const Ordered rows("sort", attrs->get<int64_t>(0), in[0].shape);
          out[0].dtype = in[0].dtype;
          out[1].dtype = DType::i64;
          out[0].shape = out[1].shape = in[0].shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      order_rows(call, Ordered("sort", call.attrs->get<int64_t>(0), call.in[0].shape()), call.attrs->get<bool>(1), lo,
                 hi);
      return -1;
    },
    .scratch_bytes =
        [](const Attrs* attrs, const Specs& in, const Spec*) {
          return order_scratch(Ordered("sort", attrs->get<int64_t>(0), in[0].shape), in[0].dtype);
        },
    .scratch_of_thread = true,
    .place =
        [](const Attrs* attrs, const Specs& in, const Spec*) {
          return Placement{Ordered("sort", attrs->get<int64_t>(0), in[0].shape).outer, 1, IN_0, false};
        },
    .cost = [](const Attrs*, const Specs& in, const Spec*) { return 10.0 * static_cast<double>(numel(in[0].shape)); },
    .storage = Storage::moved,
    .grad = [](GradCall& call) { order_grad(call, call.attrs().get<int64_t>(0)); },
    .reads = OUT_1,
};
BS_REGISTER(sort_op);
BS_BATCH(sort_op, batch_dims);

Ordered topk_rows(const Attrs* attrs, const Dims& x) {
  Ordered r("topk", attrs->get<int64_t>(1), x);
  r.k = attrs->get<int64_t>(0);
  if (r.k < 0 || r.k > r.n)
    throw ValueError(cat("[topk] k is ", r.k, ": it is 0 to ", r.n, ", the size of axis ", r.dim, " of ", str(x)));
  return r;
}

const Op topk_op{
    .name = "topk",
    .doc =
        "The k largest elements along dim (smallest with largest=False), in order, and their numbers there. Of equal "
        "ones the first. NaN is above all.",
    .inputs = {{"input"}},
    .attrs = {{"k", AttrType::integer, true},
              {"dim", AttrType::integer, false, int64_t{-1}},
              {"largest", AttrType::boolean, false, true},
              {"sorted", AttrType::boolean, false, true}},
    .outputs = {"values", "indices"},
    .visibility = Visibility::method,
    .named = true,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const Ordered rows = topk_rows(attrs, in[0].shape);
          out[0].dtype = in[0].dtype;
          out[1].dtype = DType::i64;
          out[0].shape = in[0].shape;
          if (in[0].shape.size() > 0)
            out[0].shape[rows.dim] = rows.k;
          else if (rows.k == 0)
            out[0].shape = {0};
          out[1].shape = out[0].shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Ordered rows = topk_rows(call.attrs, call.in[0].shape());
      if (rows.k > 0) order_rows(call, rows, call.attrs->get<bool>(2), lo, hi);
      return -1;
    },
    .scratch_bytes = [](const Attrs* attrs, const Specs& in,
                        const Spec*) { return order_scratch(topk_rows(attrs, in[0].shape), in[0].dtype); },
    .scratch_of_thread = true,
    .place = [](const Attrs* attrs, const Specs& in,
                const Spec*) { return Placement{topk_rows(attrs, in[0].shape).outer, 1, IN_0, false}; },
    .cost = [](const Attrs*, const Specs& in, const Spec*) { return 5.0 * static_cast<double>(numel(in[0].shape)); },
    .storage = Storage::moved,
    .grad = [](GradCall& call) { order_grad(call, call.attrs().get<int64_t>(1)); },
    .reads = OUT_1,
};
BS_REGISTER(topk_op);
BS_BATCH(topk_op, batch_dims);

// ---- what is made of them
// ----------------------------------------------------------------------------------------------

const Op argsort_op{
    .name = "argsort",
    .doc = "The numbers along dim of the elements in ascending or descending order: sort(input, ..).indices.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, false, int64_t{-1}},
              {"descending", AttrType::boolean, false, false},
              {.name = "stable", .type = AttrType::boolean, .default_value = false, .by_name = true}},
    .visibility = Visibility::method,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          return std::vector<Tensor>{apply_all(sort_op, in, Attrs::make(attrs->values))[1]};
        },
};
BS_REGISTER(argsort_op);

const Op msort_op{
    .name = "msort",
    .doc = "The elements along the first axis in ascending order.",
    .inputs = {{"input"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) { return apply(sort_op, {x[0]}, Attrs::make({int64_t{0}, false, false})); }>,
};
BS_REGISTER(msort_op);

const Op kthvalue_op{
    .name = "kthvalue",
    .doc = "The k-th smallest element along dim, counted from 1, and its number there. NaN is above all.",
    .inputs = {{"input"}},
    .attrs = {{"k", AttrType::integer, true},
              {"dim", AttrType::integer, false, int64_t{-1}},
              {"keepdim", AttrType::boolean, false, false}},
    .outputs = {"values", "indices"},
    .visibility = Visibility::method,
    .named = true,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const int dim = scalar_dim("kthvalue", attrs->get<int64_t>(1), in[0].shape().size());
          const int64_t k = attrs->get<int64_t>(0);
          if (k < 1) throw ValueError(cat("[kthvalue] k is ", k, ": the smallest element is the first"));
          std::vector<Tensor> out = apply_all(topk_op, in, Attrs::make({k, int64_t{dim}, false, true}));
          for (Tensor& t : out) {
            if (t.shape().size() == 0) continue;
            t = select(t, dim, k - 1);
            if (attrs->get<bool>(2)) t = unsqueeze(t, dim);
          }
          return out;
        },
};
BS_REGISTER(kthvalue_op);

}  // namespace

size_t order_bytes(DType t, int64_t n) {
  const auto each = static_cast<size_t>(key_bits(t) <= 32 ? sizeof(Narrow) : sizeof(Wide));
  const size_t counts = n < kByRadix ? 0 : sizeof(uint32_t) * kBins * static_cast<size_t>(radix_passes(key_bits(t)));
  return 2 * each * static_cast<size_t>(n) + counts;
}

void order_of(DType t, const char* x, int64_t n, int64_t step, bool descending, int64_t k, void* memory, int64_t* out) {
  if (n == 0 || k == 0) return;
  if (key_bits(t) <= 32) return order_as(t, x, n, step, descending, k, static_cast<Narrow*>(memory), out);
  order_as(t, x, n, step, descending, k, static_cast<Wide*>(memory), out);
}

}  // namespace bs::ops
