// Views along several axes at once, diagonal and unfold; matrices that keep a triangle or hold a diagonal.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "ops/batch.h"
#include "ops/composed.h"
#include "ops/loop.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

// ---- diagonal -------------------------------------------------------------------------------------------------

// x[i + down, i + right] for i below `count`, on axes a and b.
struct Diagonal {
  int a, b;
  int64_t down, right, count;
};

Diagonal diagonal_of(const char* name, int64_t offset, int64_t dim1, int64_t dim2, const Dims& shape) {
  const int n = shape.size();
  Diagonal d{normal_dim(name, dim1, n), normal_dim(name, dim2, n), offset < 0 ? -std::max(offset, -INT64_MAX) : 0,
             std::max<int64_t>(offset, 0), 0};
  if (d.a == d.b)
    throw ValueError(cat("[", name, "] dim1 ", dim1, " and dim2 ", dim2, " are the same axis of ", str(shape)));
  d.count = std::max<int64_t>(std::min(shape[d.a] - d.down, shape[d.b] - d.right), 0);
  if (d.count == 0) d.down = d.right = 0;
  return d;
}
Diagonal diagonal_of(const Attrs* a, const Dims& shape) {
  return diagonal_of("diagonal", a->get<int64_t>(0), a->get<int64_t>(1), a->get<int64_t>(2), shape);
}

// The axes of a shape but two.
Dims others(const Dims& shape, int a, int b) {
  Dims made;
  for (int d = 0; d < shape.size(); ++d)
    if (d != a && d != b) made.push(shape[d]);
  return made;
}

// Where the diagonal of a tensor with these strides lies.
Strided part_of(const Diagonal& d, const Dims& strides) {
  Strided p{others(strides, d.a, d.b), d.down * strides[d.a] + d.right * strides[d.b]};
  p.stride.push(strides[d.a] + strides[d.b]);
  return p;
}

const std::vector<AttrSchema> diagonal_attrs{{"offset", AttrType::integer, false, int64_t{0}},
                                             {"dim1", AttrType::integer, false, int64_t{0}},
                                             {"dim2", AttrType::integer, false, int64_t{1}}};

const Op diagonal_op{
    .name = "diagonal",
    .doc =
        "The diagonal of the axes dim1 and dim2, as the last axis: offset columns to the right of the main one, or "
        "-offset rows below. A view.",
    .inputs = {{"input"}},
    .attrs = diagonal_attrs,
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          const Diagonal d = diagonal_of(a, in[0].shape);
          out[0].dtype = in[0].dtype;
          out[0].shape = others(in[0].shape, d.a, d.b);
          out[0].shape.push(d.count);
          out[0].set_strides(part_of(d, in[0].full_strides()).stride);
        },
    .view = true,
    .view_offsets = [](const Attrs* a, const Spec& in,
                       std::span<int64_t> at) { at[0] = part_of(diagonal_of(a, in.shape), in.full_strides()).offset; },
    .strided = IN_0,
    .grad =
        [](GradCall& call) {
          const Dims& shape = call.spec(0).shape;
          call.set_part(0, part_of(diagonal_of(&call.attrs(), shape), contiguous_strides(shape)), call.grad());
        },
};
BS_REGISTER(diagonal_op);
BS_BATCH(diagonal_op, [](const BatchCall& call) {
  const Diagonal d = diagonal_of(&call.attrs(), call.spec(0).shape);
  return std::vector<Tensor>{apply(diagonal_op, {call.in(0)},
                                   Attrs::make({call.attrs().get<int64_t>(0), int64_t{d.a + 1}, int64_t{d.b + 1}}))};
});

// Matrices with the last axis of x on a diagonal, at axes dim1 and dim2 of the result.
Tensor embedded(const char* name, const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  const int n = x.shape().size() + 1;
  if (n < 2) throw ShapeError(cat("[", name, "] input is 0-d: give the diagonal along an axis"));
  const int a = normal_dim(name, dim1, n), b = normal_dim(name, dim2, n);
  const int64_t size = x.shape().back() + std::min(std::abs(std::max(offset, -INT64_MAX)), INT64_MAX / 2);
  Dims shape;
  int next = 0;
  for (int d = 0; d < n; ++d) shape.push(d == a || d == b ? size : x.shape()[next++]);
  const Strided p = part_of(diagonal_of(name, offset, a, b, shape), contiguous_strides(shape));
  return write_strided(full(shape, 0, x.dtype()), x, p.stride, x.numel() ? p.offset : 0);
}

// ---- unfold ---------------------------------------------------------------------------------------------------

struct Windows {
  int dim;
  int64_t size, step, count;
};

Windows windows_of(const Attrs* a, const Dims& shape) {
  Windows w{scalar_dim("unfold", a->get<int64_t>(0), shape.size()), a->get<int64_t>(1), a->get<int64_t>(2), 0};
  const int64_t n = shape.size() ? shape[w.dim] : 1;
  if (w.size < 0 || w.size > n)
    throw ValueError(
        cat("[unfold] size ", w.size, " is not in 0 to ", n, ", the size of axis ", w.dim, " of ", str(shape)));
  if (w.step < 1) throw ValueError(cat("[unfold] step is ", w.step, ": it must be at least 1"));
  w.count = (n - w.size) / w.step + 1;
  return w;
}

Dims strides_of(const Windows& w, Dims strides) {
  const int64_t along = strides.size() ? strides[w.dim] : 1;
  if (w.count > 1) strides[w.dim] *= w.step;
  strides.push(along);
  return strides;
}

const Op unfold_op{
    .name = "unfold",
    .doc =
        "All windows of `size` positions of the axis dimension, `step` apart; their positions are the last axis. A "
        "view.",
    .inputs = {{"input"}},
    .attrs = {{"dimension", AttrType::integer, true},
              {"size", AttrType::integer, true},
              {"step", AttrType::integer, true}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          const Windows w = windows_of(a, in[0].shape);
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
          if (in[0].shape.size() > 0) out[0].shape[w.dim] = w.count;
          out[0].shape.push(w.size);
          out[0].set_strides(strides_of(w, in[0].full_strides()));
        },
    .view = true,
    .strided = IN_0,
    .grad =
        [](GradCall& call) {
          const Dims& shape = call.spec(0).shape;
          const Dims strides = strides_of(windows_of(&call.attrs(), shape), contiguous_strides(shape));
          call.set_part(0, Strided{strides, 0}, call.grad());
        },
};
BS_REGISTER(unfold_op);
BS_BATCH(unfold_op, [](const BatchCall& call) {
  const Windows w = windows_of(&call.attrs(), call.spec(0).shape);
  if (call.spec(0).shape.size() == 0) return std::vector<Tensor>{};
  return std::vector<Tensor>{apply(unfold_op, {call.in(0)}, Attrs::make({int64_t{w.dim + 1}, w.size, w.step}))};
});

// ---- triangles ------------------------------------------------------------------------------------------------

template <bool upper>
constexpr const char* triangle_name() {
  return upper ? "triu" : "tril";
}

// Rows [lo, hi) of all matrices: element (i, j) stays where j - i <= diagonal, or >= of the upper triangle.
template <bool upper>
int64_t triangle_rows(const Call& call, int64_t lo, int64_t hi) {
  const Dims& shape = call.out[0].shape();
  const int64_t rows = shape[shape.size() - 2], cols = shape.back(), diagonal = call.attrs->get<int64_t>(0);
  const size_t item = size_of(call.out[0].dtype());
  for (int64_t r = lo; r < hi; ++r) {
    const int64_t i = r % rows;
    // The first column on the right side; without overflow, whatever the diagonal.
    const int64_t edge = upper ? std::clamp(diagonal, -i, cols) + i : std::clamp(diagonal, -i - 1, cols) + i + 1;
    const size_t left = static_cast<size_t>(std::clamp<int64_t>(edge, 0, cols)) * item,
                 right = static_cast<size_t>(cols) * item - left;
    const char* from = call.in[0].data + static_cast<size_t>(r * cols) * item;
    char* to = call.out[0].data + static_cast<size_t>(r * cols) * item;
    if (upper) {
      std::memset(to, 0, left);
      std::memmove(to + left, from + left, right);
    } else {
      std::memmove(to, from, left);
      std::memset(to + left, 0, right);
    }
  }
  return -1;
}

template <bool upper>
Op triangle_op(const char* doc) {
  return {
      .name = triangle_name<upper>(),
      .doc = doc,
      .inputs = {{"input"}},
      .attrs = {{"diagonal", AttrType::integer, false, int64_t{0}}},
      .visibility = Visibility::method,
      .underscored = true,
      .infer =
          [](const Attrs*, const Specs& in, Spec* out) {
            if (in[0].shape.size() < 2)
              throw ShapeError(cat("[", triangle_name<upper>(), "] input is ", str(in[0].shape),
                                   ": matrices have two axes or more"));
            out[0].dtype = in[0].dtype;
            out[0].shape = in[0].shape;
          },
      .forward = triangle_rows<upper>,
      .place = [](const Attrs*, const Specs& in,
                  const Spec*) { return Placement{rows_of(in[0].shape), 1, IN_0, false}; },
      .storage = Storage::moved,
      .in_place = ALL_INPUTS,
      .grad =
          [](GradCall& call) {
            call.set(0, apply(*find_op(triangle_name<upper>()), {call.grad()}, call.same_attrs()));
          },
  };
}

const Op tril_op = triangle_op<false>(
    "Of matrices (the last two axes) the elements on the diagonal and below it, zeros "
    "above; the diagonal is as many columns to the right of the main one.");
BS_REGISTER(tril_op);
BS_BATCH(tril_op, batch_as_is);
const Op triu_op = triangle_op<true>(
    "Of matrices (the last two axes) the elements on the diagonal and above it, zeros "
    "below; the diagonal is as many columns to the right of the main one.");
BS_REGISTER(triu_op);
BS_BATCH(triu_op, batch_as_is);

// ---- diag -----------------------------------------------------------------------------------------------------

const Op diag_embed_op{
    .name = "diag_embed",
    .doc =
        "Matrices, at the axes dim1 and dim2 of the result, that hold the last axis of input on the diagonal (see "
        "diagonal) and zeros elsewhere.",
    .inputs = {{"input"}},
    .attrs = {{"offset", AttrType::integer, false, int64_t{0}},
              {"dim1", AttrType::integer, false, int64_t{-2}},
              {"dim2", AttrType::integer, false, int64_t{-1}}},
    .visibility = Visibility::method,
    .compose =
        one<[](const Given& x) { return embedded("diag_embed", x[0], x.integer(0), x.integer(1), x.integer(2)); }>,
};
BS_REGISTER(diag_embed_op);

const Op diag_op{
    .name = "diag",
    .doc = "Of a vector the matrix with it on the diagonal, of a matrix its diagonal, copied.",
    .inputs = {{"input"}},
    .attrs = {{"diagonal", AttrType::integer, false, int64_t{0}}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) {
      const int n = x[0].shape().size();
      if (n != 1 && n != 2)
        throw ShapeError(cat("[diag] input is ", str(x[0].shape()),
                             ": give a vector or a matrix; diagonal and diag_embed take more axes"));
      if (n == 1) return embedded("diag", x[0], x.integer(0), 0, 1);
      return apply(*kContiguous, {apply(diagonal_op, {x[0]}, Attrs::make({x.integer(0), int64_t{0}, int64_t{1}}))});
    }>,
};
BS_REGISTER(diag_op);

const Op diagflat_op{
    .name = "diagflat",
    .doc = "The matrix with all elements, in row-major order, on the diagonal.",
    .inputs = {{"input"}},
    .attrs = {{"offset", AttrType::integer, false, int64_t{0}}},
    .visibility = Visibility::method,
    .compose =
        one<[](const Given& x) { return embedded("diagflat", reshape(x[0], {x[0].numel()}), x.integer(0), 0, 1); }>,
};
BS_REGISTER(diagflat_op);

}  // namespace
}  // namespace bs::ops
