// x[i, j], x[mask] and their writing counterparts: any tensors of positions and masks, brought to one index along one
// axis. That is then a gather or a scatter, whose derivatives are each other.
#include <algorithm>

#include "base/error.h"
#include "base/few.h"
#include "ops/batch.h"
#include "ops/indexing.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

const Op index_of_op{
    .name = "index_of",
    .doc =
        "The row-major position in an array of sizes `sizes` that has tensors[k] as its number along axis k; numbers "
        "below 0 count from the end. int64 tensors of one shape.",
    .inputs = {{"tensors", false, true}},
    .attrs = {{"sizes", AttrType::integers, true}, {"axis", AttrType::integer, false, int64_t{0}}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const auto& sizes = attrs->get<std::vector<int64_t>>(0);
          if (in.size() == 0 || sizes.size() != static_cast<size_t>(in.size()))
            throw ValueError("[index_of] sizes has a number for each of one or more tensors");
          int64_t all = 1;
          for (int64_t n : sizes)
            if (n < 0 || __builtin_mul_overflow(all, n, &all))
              throw ShapeError(cat("[index_of] ", n, " is no size of an axis, or there are too many positions"));
          for (int k = 0; k < in.size(); ++k) {
            if (in[k].dtype != DType::i64)
              throw DTypeError(cat("[index_of] tensors[", k, "] is ", name_of(in[k].dtype), ", not int64"));
            if (!(in[k].shape == in[0].shape))
              throw ShapeError(
                  cat("[index_of] tensors[", k, "] is ", str(in[k].shape), ", tensors[0] is ", str(in[0].shape)));
          }
          out[0].dtype = DType::i64;
          out[0].shape = in[0].shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const auto& sizes = call.attrs->get<std::vector<int64_t>>(0);
      int64_t* out = call.out[0].as<int64_t>();
      int64_t bad = INT64_MAX;
      for (int k = 0; k < call.n_in; ++k) {
        const int64_t n = sizes[static_cast<size_t>(k)];
        const int64_t* index = call.in[k].as<int64_t>();
        for (int64_t e = lo; e < hi; ++e) {
          const int64_t i = index[e] < 0 ? index[e] + n : index[e];
          if (i < 0 || i >= n) {
            bad = std::min(bad, e);
            break;
          }
          out[e] = k ? out[e] * n + i : i;
        }
      }
      return bad == INT64_MAX ? -1 : bad;
    },
    .explain =
        [](const Call& call, int64_t e) {
          const auto& sizes = call.attrs->get<std::vector<int64_t>>(0);
          for (int k = 0; k < call.n_in; ++k) {
            const int64_t i = call.in[k].as<int64_t>()[e], n = sizes[static_cast<size_t>(k)];
            if (i < -n || i >= n)
              throw IndexError(cat("[index_of] index ", i, " (element ", e, ") is outside axis ",
                                   call.attrs->get<int64_t>(1) + k, " of size ", n));
          }
        },
    .place = [](const Attrs*, const Specs& in,
                const Spec*) { return Placement{bs::numel(in[0].shape), 1, ALL_INPUTS, false}; },
};
BS_REGISTER(index_of_op);
BS_BATCH(index_of_op, batch_whole);

bool is_mask(const Tensor& t) { return t.dtype() == DType::b8 || t.dtype() == DType::u8; }

// x's axes as those before the chosen ones, all of these as one, and those after; `index` has its positions along that.
struct Chosen {
  Tensor x;
  Tensor index;        // of any shape
  int dim = 0;         // the one axis
  bool moved = false;  // the chosen axes are no neighbours, and come first
  Dims order;          // of x's axes, where moved
  Dims shape;          // of x, before the chosen axes became one

  Dims result(const Dims& of_index) const { return with_axes(x.shape(), of_index); }
  Dims with_axes(const Dims& all, const Dims& axes) const {
    Dims made;
    for (int d = 0; d < dim; ++d) made.push(all[d]);
    for (int64_t n : axes) made.push(n);
    for (int d = dim + 1; d < all.size(); ++d) made.push(all[d]);
    return made;
  }
  // The index with x's axes, repeated along all but its own.
  Tensor along() const {
    const Dims flat{index.numel()};
    Dims ones = Dims::filled(x.shape().size(), 1);
    ones[dim] = flat[0];
    return expand(reshape(index, ones), result(flat));
  }
};

void check_mask(const Tensor& x, const IndexOfAxes& at) {
  const Dims& mask = at.index.shape();
  bool fits = at.dim + mask.size() <= x.shape().size();
  for (int d = 0; fits && d < mask.size(); ++d) fits = mask[d] == x.shape()[at.dim + d];
  if (!fits)
    throw IndexError(cat("[index] a mask of shape ", str(mask), " at axis ", at.dim, " does not fit a tensor of shape ",
                         str(x.shape()), ": it has the sizes of the axes that it stands for"));
}

// Indices that count from the end do not any more.
Tensor from_start(const Tensor& index, int64_t n, int axis) {
  if (index.has_value()) {
    const Tensor all = contiguous(index);
    const auto* i = reinterpret_cast<const int64_t*>(all.data());
    if (std::all_of(i, i + all.numel(), [](int64_t v) { return v >= 0; })) return index;
  }
  return apply(index_of_op, {index}, Attrs::make({std::vector<int64_t>{n}, int64_t{axis}}));
}

Chosen choose_axes(const Tensor& x, std::span<const IndexOfAxes> at) {
  Chosen c;
  const Dims& own = x.shape();
  std::vector<Tensor> indices;
  std::vector<int64_t> sizes;
  Dims shape;  // of all indices, broadcast
  uint32_t chosen = 0;
  int n_chosen = 0;
  bool neighbours = true;
  for (const IndexOfAxes& a : at) {
    const bool mask = is_mask(a.index);
    if (mask) check_mask(x, a);
    const int n = mask ? a.index.shape().size() : 1;
    int64_t size = 1;
    for (int d = a.dim; d < a.dim + n; ++d) {
      neighbours &= n_chosen == 0 || ((chosen >> (d - 1)) & 1);
      chosen |= 1u << d;
      ++n_chosen;
      size *= own[d];
    }
    indices.push_back(mask ? positions_of_true("index", a.index) : as_index("index", a.index));
    sizes.push_back(size);
    Dims both;
    if (!broadcast(shape, indices.back().shape(), &both)) {
      std::string shapes;
      for (const Tensor& t : indices) shapes += (shapes.empty() ? "" : ", ") + str(t.shape());
      throw IndexError(cat("[index] indices of shapes ", shapes, " do not broadcast together"));
    }
    shape = both;
  }
  // x with the chosen axes together, and these as one.
  c.dim = neighbours ? at[0].dim : 0;
  c.moved = !neighbours;
  c.x = x;
  if (c.moved) {
    for (int pass = 1; pass >= 0; --pass)
      for (int d = 0; d < own.size(); ++d)
        if (static_cast<int>((chosen >> d) & 1) == pass) c.order.push(d);
    c.x = apply(*find_op("permute"), {x}, Attrs::make({c.order}));
  }
  c.shape = c.x.shape();
  if (n_chosen != 1) {
    Dims merged;
    for (int d = 0; d < c.dim; ++d) merged.push(c.shape[d]);
    int64_t all = 1;
    for (int64_t n : sizes) all *= n;
    merged.push(all);
    for (int d = c.dim + n_chosen; d < c.shape.size(); ++d) merged.push(c.shape[d]);
    c.x = reshape(c.x, merged);
  }
  if (at.size() > 1) {
    for (Tensor& t : indices) t = expand(t, shape);
    c.index = apply(index_of_op, indices, Attrs::make({sizes, int64_t{at[0].dim}}));
  } else {
    c.index = is_mask(at[0].index) ? indices[0] : from_start(indices[0], sizes[0], at[0].dim);
  }
  return c;
}

// Values for what is chosen. As in PyTorch, axes of size 1 before the others do not count.
Tensor without_leading_ones(const Tensor& values, int most) {
  Dims shape = values.shape();
  while (shape.size() > most && shape[0] == 1) shape.erase(0);
  return reshape(values, shape);
}

Tensor spread(const Tensor& values, const Dims& shape) {
  Dims both;
  if (!broadcast(values.shape(), shape, &both) || !(both == shape))
    throw ShapeError(cat("[index_put] values of shape ", str(values.shape()), " do not broadcast to ", str(shape),
                         ", the shape of what is chosen"));
  return expand(values, shape);
}

}  // namespace

Tensor as_index(const char* op, const Tensor& index) {
  const bool counts = index.dtype() == DType::i64 || index.dtype() == DType::i32;
  if (!counts && (index.numel() > 0 || is_float(index.dtype())))
    throw DTypeError(cat("[", op, "] an index is ", name_of(index.dtype()), ": int64 and int32 count positions"));
  return cast(index, DType::i64);
}

Tensor positions_of_true(const char* op, const Tensor& mask) {
  if (mask.symbolic())
    throw GraphError(cat("[", op,
                         "] how many elements of a mask are true is known only when the program runs, and its shapes "
                         "are fixed before: use bs.where(mask, x, other), or a write x[mask] = value, inside of "
                         "bs.compile; choose elements outside of it"));
  const Tensor all = contiguous(cast(mask, DType::b8));
  const auto* m = reinterpret_cast<const uint8_t*>(all.data());
  const int64_t n = all.numel();
  int64_t many = 0;
  for (int64_t i = 0; i < n; ++i) many += m[i] != 0;
  const Tensor made = Tensor::empty(DType::i64, {many});
  auto* out = reinterpret_cast<int64_t*>(made.data());
  for (int64_t i = 0, at = 0; at < many; ++i) {
    out[at] = i;
    at += m[i] != 0;
  }
  return made;
}

Tensor index(const Tensor& x, std::span<const IndexOfAxes> at) {
  const Chosen c = choose_axes(x, at);
  if (c.dim == 0) return apply(*find_op("index_rows"), {c.x, c.index});
  return reshape(gather_axis(c.x, c.along(), c.dim), c.result(c.index.shape()));
}

Tensor index_put(const Tensor& x, std::span<const IndexOfAxes> at, const Tensor& given, bool accumulate) {
  if (given.dtype() != x.dtype())
    throw DTypeError(cat("[index_put] values are ", name_of(given.dtype()), ", the tensor is ", name_of(x.dtype()),
                         ": cast them, as in values.to(x.dtype)"));
  if (at.size() == 1 && is_mask(at[0].index) && !accumulate) {
    // Where no value depends on which element it is put to, without a count of those.
    check_mask(x, at[0]);
    const int after = x.shape().size() - at[0].dim - at[0].index.shape().size();
    const Tensor values = given.numel() == 1 ? reshape(given, {}) : without_leading_ones(given, after);
    if (values.shape().size() <= after) {
      Dims rest, mask = at[0].index.shape();
      for (int d = x.shape().size() - after; d < x.shape().size(); ++d) rest.push(x.shape()[d]), mask.push(1);
      return where(reshape(cast(at[0].index, DType::b8), mask), spread(values, rest), x);
    }
  }
  const Chosen c = choose_axes(x, at);
  const Dims result = c.result(c.index.shape());
  const Tensor values = spread(without_leading_ones(given, result.size()), result);
  const Tensor flat = reshape(values, c.result({c.index.numel()}));
  Tensor y = reshape(scatter_into(c.x, c.along(), flat, c.dim, accumulate), c.shape);
  if (!c.moved) return y;
  Dims back = c.order;
  for (int i = 0; i < back.size(); ++i) back[static_cast<int>(c.order[i])] = i;
  return apply(*find_op("permute"), {y}, Attrs::make({back}));
}

}  // namespace bs::ops
