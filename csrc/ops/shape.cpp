// Shape ops: views (no data moves) and the copies that undo them.
#include <cstring>
#include <utility>

#include "base/error.h"
#include "ops/batch.h"
#include "ops/composed.h"
#include "ops/loop.h"
#include "ops/ops.h"
#include "ops/views.h"

namespace bs::ops {

int normal_dim(const char* op, int64_t dim, int n) {
  if (dim < -n || dim >= n)
    throw IndexError(cat("[", op, "] dim ", dim, " is outside a tensor of ", n, " dimensions",
                         n ? cat(": use ", -n, " to ", n - 1) : std::string(": it has none")));
  return static_cast<int>(dim < 0 ? dim + n : dim);
}

int scalar_dim(const char* op, int64_t dim, int n) {
  if (n == 0 && dim != 0 && dim != -1)
    throw IndexError(cat("[", op, "] dim ", dim, " is outside a tensor of 0 dimensions: use 0 or -1"));
  return n == 0 ? 0 : normal_dim(op, dim, n);
}

Dims resolve_shape(const char* name, const Dims& from, const Dims& to) {
  const int64_t n = bs::numel(from);
  int hole = -1;
  Dims r = to;
  for (int i = 0; i < r.size(); ++i) {
    if (r[i] < -1 || (r[i] == -1 && hole >= 0))
      throw ShapeError(cat("[", name, "] ", str(to), " is no shape: sizes are 0 or more, and at most one is -1"));
    if (r[i] == -1) hole = i;
  }
  if (hole >= 0) {
    r[hole] = 1;
    int64_t rest = bs::numel(r);
    if (rest == 0 || n % rest != 0)
      throw ShapeError(cat("[", name, "] ", n, " elements of shape ", str(from), " do not divide into ", str(to)));
    r[hole] = n / rest;
  }
  if (bs::numel(r) != n)
    throw ShapeError(
        cat("[", name, "] x of shape ", str(from), " has ", n, " elements, shape ", str(to), " has ", bs::numel(r)));
  return r;
}

namespace {

// ---- copies: a one-instruction list --------------------------------------------------------------------------

int64_t forward_copy(const Call& call, int64_t lo, int64_t hi) {
  kernels::EwList list;
  const Spec* operands[2] = {call.in[0].spec, call.out[0].spec};
  void* args[2] = {call.in[0].data, call.out[0].data};
  list.arg[0].dtype = call.in[0].dtype();
  list.arg[1].dtype = call.out[0].dtype();
  static const Op* const copy = find_op("contiguous");
  list.compute = list_dtype(*copy, Specs({operands, 1}), *call.out[0].spec);
  list.n_in = list.n_out = list.n_instr = 1;
  list.n_temp = 0;
  list.instr[0] = {kernels::Ew::copy, 1, 0, 0, 0};
  const Dims& shape = call.out[0].shape();
  set_loop(list, shape, operands, 2);
  const int64_t extent = loop_extent(shape);
  const int64_t each = extent ? bs::numel(shape) / extent : 0;
  kernels::active().elementwise(list, args, lo * each, hi * each);
  return -1;
}

Placement place_copy(const Attrs*, const Specs& in, const Spec* out) { return place_loop(out[0].shape, in); }

void infer_same(const Attrs*, const Specs& in, Spec* out) {
  out[0].dtype = in[0].dtype;
  out[0].shape = in[0].shape;
}

const Op contiguous_op{
    .name = "contiguous",
    .doc = "A copy whose elements lie in row-major order.",
    .inputs = {{"input"}},
    .visibility = Visibility::method,
    .infer = infer_same,
    .forward = forward_copy,
    .place = place_copy,
    .strided = IN_0,
    .elementwise = static_cast<int>(kernels::Ew::copy),
    .grad = [](GradCall& call) { call.set(0, call.grad()); },
};
BS_REGISTER(contiguous_op);

const Op cast_op{
    .name = "cast",
    .doc =
        "Another dtype: to bool, whether each element is not 0; floats to integers are cut towards zero, and give the "
        "least one where none fits.",
    .inputs = {{"input"}},
    .attrs = {{"dtype", AttrType::dtype, true}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          out[0].dtype = attrs->get<DType>(0);
          out[0].shape = in[0].shape;
        },
    .forward = forward_copy,
    .place = place_copy,
    .strided = IN_0,
    .elementwise = static_cast<int>(kernels::Ew::copy),
    .grad =
        [](GradCall& call) {
          if (is_float(call.out().dtype())) call.set(0, cast(call.grad(), call.in(0).dtype()));
        },
};
BS_REGISTER(cast_op);

const Op bitcast_op{
    .name = "bitcast",
    .doc = "The bits as another dtype of the same size. A view, not differentiable.",
    .inputs = {{"input"}},
    .attrs = {{"dtype", AttrType::dtype, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          out[0] = in[0];
          out[0].dtype = attrs->get<DType>(0);
          if (size_of(out[0].dtype) != size_of(in[0].dtype))
            throw DTypeError(cat("[bitcast] input is ", name_of(in[0].dtype),
                                 ", whose elements have another size than ", name_of(out[0].dtype)));
        },
    .view = true,
    .strided = IN_0,
};
BS_REGISTER(bitcast_op);
BS_BATCH(bitcast_op, batch_as_is);

const Op resplit_op{
    .name = "resplit",
    .doc = "The bits as a dtype of another size: the last axis has as many elements as they make. Not differentiable.",
    .inputs = {{"input"}},
    .attrs = {{"dtype", AttrType::dtype, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const DType to = attrs->get<DType>(0);
          Dims shape = in[0].shape;
          const auto from_size = static_cast<int64_t>(size_of(in[0].dtype)), size = static_cast<int64_t>(size_of(to));
          if (shape.size() == 0)
            throw ShapeError(cat("[resplit] input is 0-d ", name_of(in[0].dtype), ": ", name_of(to),
                                 " has elements of another size, so an axis is needed"));
          if (shape.back() * from_size % size != 0)
            throw ShapeError(cat("[resplit] input is ", str(shape), " of ", name_of(in[0].dtype), ": ", from_size,
                                 " bytes each, which along the last axis make no whole number of ", name_of(to)));
          shape[shape.size() - 1] = shape.back() * from_size / size;
          out[0].shape = shape;
          out[0].dtype = to;
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      std::memcpy(call.out[0].data, call.in[0].data,
                  static_cast<size_t>(bs::numel(call.out[0].shape())) * size_of(call.out[0].dtype()));
      return -1;
    },
    .storage = Storage::moved,
};
BS_REGISTER(resplit_op);
BS_BATCH(resplit_op,
         [](const BatchCall& call) { return std::vector<Tensor>{apply(call.op(), {call.in(0)}, call.same_attrs())}; });

// ---- views ---------------------------------------------------------------------------------------------------

const Op detach_op{
    .name = "detach",
    .doc = "The same value without its history: no derivative flows through.",
    .inputs = {{"input"}},
    .visibility = Visibility::method,
    .infer = [](const Attrs*, const Specs& in, Spec* out) { out[0] = in[0]; },
    .view = true,
    .strided = IN_0,
};
BS_REGISTER(detach_op);
BS_BATCH(detach_op, batch_as_is);

// The strides that give the elements of x, in row-major order, under another shape of as many; false where none do.
// From the last axis on: axes of x that one stride runs through are a run, and each axis of `to` must divide what is
// left of its run.
bool view_strides(const Spec& x, const Dims& to, Dims* out) {
  *out = contiguous_strides(to);
  if (x.contiguous() || bs::numel(to) == 0) return true;
  const Dims& shape = x.shape;
  const Dims& strides = *x.strides;
  int d = shape.size() - 1;
  int64_t step = 1, left = 1;
  for (int i = to.size() - 1; i >= 0; --i) {
    if (to[i] != 1 && left == 1) {
      while (shape[d] == 1) --d;
      step = strides[d];
      for (; d >= 0 && (shape[d] == 1 || strides[d] == step * left); --d) left *= shape[d];
    }
    if (left % to[i] != 0) return false;
    (*out)[i] = step;
    step *= to[i];
    left /= to[i];
  }
  return true;
}

const Op view_op{
    .name = "view",
    .doc =
        "The elements in row-major order under another shape, without a copy; one size may be -1. ShapeError where "
        "the strides do not allow it: reshape copies there.",
    .inputs = {{"input"}},
    .attrs = {{.name = "size", .type = AttrType::dims, .required = true, .alias = "shape", .variadic = true}},
    .visibility = Visibility::method,
    .overloads = {"view_dtype"},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          out[0].dtype = in[0].dtype;
          out[0].shape = resolve_shape("view", in[0].shape, attrs->get<Dims>(0));
          Dims strides;
          if (!view_strides(in[0], out[0].shape, &strides))
            throw ShapeError(cat("[view] x of shape ", str(in[0].shape), " lies in memory with strides ",
                                 str(in[0].full_strides()), ": no strides give ", str(out[0].shape),
                                 "; x.reshape copies where it must"));
          out[0].set_strides(strides);
        },
    .view = true,
    .strided = IN_0,
    .grad = [](GradCall& call) { call.set(0, reshape(call.grad(), call.in(0).shape())); },
};
BS_REGISTER(view_op);

const Op view_dtype_op{
    .name = "view_dtype",
    .doc =
        "The bits as another dtype, not differentiable. A view where the elements have the same size; else a copy, "
        "whose last axis has as many elements as the bits make.",
    .inputs = {{"input"}},
    .attrs = {{"dtype", AttrType::dtype, true}},
    .view = true,
    .compose = one<[](const Given& x) {
      const DType to = x.attrs().get<DType>(0), from = x[0].dtype();
      if (to == from) return view_as_is(x[0]);
      return apply(size_of(to) == size_of(from) ? bitcast_op : resplit_op, {x[0]}, Attrs::make({to}));
    }>,
};
BS_REGISTER(view_dtype_op);

BS_BATCH(view_op, [](const BatchCall& call) {
  Dims shape = call.out_spec().shape;
  shape.insert(0, call.size());
  return std::vector<Tensor>{reshaped(call.in(0), shape)};
});

const Op reshape_op{
    .name = "reshape",
    .doc =
        "The elements in row-major order under another shape; one size may be -1. A view where the strides allow it, "
        "else a copy.",
    .inputs = {{"input"}},
    .attrs = {{.name = "shape", .type = AttrType::dims, .required = true, .variadic = true}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          out[0].dtype = in[0].dtype;
          out[0].shape = resolve_shape("reshape", in[0].shape, attrs->get<Dims>(0));
        },
    .strided = IN_0,
    .storage = Storage::moved,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const Dims shape = resolve_shape("reshape", in[0].shape(), attrs->get<Dims>(0));
          return std::vector<Tensor>{reshaped(in[0], shape)};
        },
};
BS_REGISTER(reshape_op);

const Op permute_op{
    .name = "permute",
    .doc = "The axes in the order dims. A view.",
    .inputs = {{"input"}},
    .attrs = {{.name = "dims", .type = AttrType::dims, .required = true, .variadic = true}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const Dims& order = attrs->get<Dims>(0);
          const int n = in[0].shape.size();
          if (order.size() != n)
            throw ShapeError(cat("[permute] dims ", str(order), " must name each axis of ", str(in[0].shape), " once"));
          Dims shape, strides, own = in[0].full_strides();
          uint32_t seen = 0;
          for (int i = 0; i < n; ++i) {
            int d = normal_dim("permute", order[i], n);
            if ((seen >> d) & 1) throw ShapeError(cat("[permute] dims ", str(order), " names axis ", d, " twice"));
            seen |= 1u << d;
            shape.push(in[0].shape[d]);
            strides.push(own[d]);
          }
          out[0].dtype = in[0].dtype;
          out[0].shape = shape;
          out[0].set_strides(strides);
        },
    .view = true,
    .strided = IN_0,
    .grad =
        [](GradCall& call) {
          const Dims& order = call.attrs().get<Dims>(0);
          Dims back = order;
          for (int i = 0; i < order.size(); ++i) back[normal_dim("permute", order[i], order.size())] = i;
          call.set(0, permute(call.grad(), back));
        },
};
BS_REGISTER(permute_op);
BS_BATCH(permute_op, [](const BatchCall& call) {
  const Dims& order = call.attrs().get<Dims>(0);
  Dims moved{0};
  for (int64_t d : order) moved.push(normal_dim("permute", d, order.size()) + 1);
  return std::vector<Tensor>{apply(permute_op, {call.in(0)}, Attrs::make({moved}))};
});

const Op transpose_op{
    .name = "transpose",
    .doc = "The axes dim0 and dim1 exchanged. A view.",
    .inputs = {{"input"}},
    .attrs = {{"dim0", AttrType::integer, true, {}, "axis0"}, {"dim1", AttrType::integer, true, {}, "axis1"}},
    .also = {"swapaxes", "swapdims"},
    .visibility = Visibility::method,
    .underscored = true,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const int n = in[0].shape.size();
          int a = scalar_dim("transpose", attrs->get<int64_t>(0), n),
              b = scalar_dim("transpose", attrs->get<int64_t>(1), n);
          Dims shape = in[0].shape, strides = in[0].full_strides();
          if (n > 0) {
            std::swap(shape[a], shape[b]);
            std::swap(strides[a], strides[b]);
          }
          out[0].dtype = in[0].dtype;
          out[0].shape = shape;
          out[0].set_strides(strides);
        },
    .view = true,
    .strided = IN_0,
    .grad =
        [](GradCall& call) {
          call.set(0, transpose(call.grad(), static_cast<int>(call.attrs().get<int64_t>(0)),
                                static_cast<int>(call.attrs().get<int64_t>(1))));
        },
};
BS_REGISTER(transpose_op);
BS_BATCH(transpose_op, batch_dims);

const Op expand_op{
    .name = "expand",
    .doc = "The tensor repeated to a shape that it broadcasts to; -1 keeps a size. A view.",
    .inputs = {{"input"}},
    .attrs = {{.name = "size", .type = AttrType::dims, .required = true, .alias = "shape", .variadic = true}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          Dims shape = attrs->get<Dims>(0);
          const Dims& own = in[0].shape;
          const int skip = shape.size() - own.size();
          Dims strides = Dims::filled(shape.size(), 0), from = in[0].full_strides();
          bool fits = skip >= 0;
          for (int d = 0; fits && d < shape.size(); ++d) {
            if (d < skip) {
              fits = shape[d] >= 0;
              continue;
            }
            if (shape[d] == -1) shape[d] = own[d - skip];
            fits = own[d - skip] == shape[d] || own[d - skip] == 1;
            if (own[d - skip] == shape[d]) strides[d] = from[d - skip];
          }
          if (!fits) throw ShapeError(cat("[expand] x of shape ", str(own), " does not broadcast to ", str(shape)));
          bs::numel(shape);
          out[0].dtype = in[0].dtype;
          out[0].shape = shape;
          out[0].set_strides(strides);
        },
    .view = true,
    .strided = IN_0,
    .grad = [](GradCall& call) { call.set(0, sum_to(call.grad(), call.in(0).shape())); },
};
BS_REGISTER(expand_op);
BS_BATCH(expand_op, [](const BatchCall& call) {
  const Dims &own = call.spec(0).shape, &to = call.out_spec().shape;
  Dims from{call.size()}, shape = to;
  for (int d = own.size(); d < to.size(); ++d) from.push(1);
  for (int64_t d : own) from.push(d);
  shape.insert(0, call.size());
  return std::vector<Tensor>{apply(expand_op, {reshape(call.in(0), from)}, Attrs::make({shape}))};
});

}  // namespace

// ---- builders ------------------------------------------------------------------------------------------------

Tensor reshape(const Tensor& x, const Dims& shape) {
  if (x.shape() == shape) return x;
  return reshaped(x, resolve_shape("reshape", x.shape(), shape));
}
Tensor viewed(const Tensor& x, const Dims& shape) { return apply(view_op, {x}, Attrs::make({shape})); }
Tensor reshaped(const Tensor& x, const Dims& shape) {
  Dims strides;
  const bool lies_so = view_strides(x.spec(), shape, &strides);
  return viewed(lies_so ? x : contiguous(x), shape);
}
Tensor view_as_is(const Tensor& x) { return viewed(x, x.shape()); }
Tensor permute(const Tensor& x, const Dims& order) { return apply(permute_op, {x}, Attrs::make({order})); }
Tensor transpose(const Tensor& x, int dim0, int dim1) {
  return apply(transpose_op, {x}, Attrs::make({int64_t{dim0}, int64_t{dim1}}));
}
Tensor expanded(const Tensor& x, const Dims& shape) { return apply(expand_op, {x}, Attrs::make({shape})); }
Tensor expand(const Tensor& x, const Dims& shape) { return x.shape() == shape ? x : expanded(x, shape); }
const Op* const kContiguous = &contiguous_op;
Tensor contiguous(const Tensor& x) { return x.spec().contiguous() ? x : apply(contiguous_op, {x}); }
Tensor cast(const Tensor& x, DType dtype) { return x.dtype() == dtype ? x : apply(cast_op, {x}, Attrs::make({dtype})); }
Tensor detach(const Tensor& x) { return apply(detach_op, {x}); }
Tensor bitcast(const Tensor& x, DType dtype) {
  return x.dtype() == dtype ? x : apply(bitcast_op, {x}, Attrs::make({dtype}));
}
Tensor unsqueeze(const Tensor& x, int dim) {
  Dims shape = x.shape();
  shape.insert(dim < 0 ? dim + shape.size() + 1 : dim, 1);
  return viewed(x, shape);
}

Tensor full(const Dims& shape, double value, DType dtype) {
  RecordingGuard off(false);
  return contiguous(expand(Tensor::scalar(value, dtype), shape));
}
Tensor arange(int64_t n, DType dtype) {
  Tensor t = Tensor::empty(DType::i64, {n});
  for (int64_t i = 0; i < n; ++i) reinterpret_cast<int64_t*>(t.data())[i] = i;
  return cast(t, dtype);
}

}  // namespace bs::ops

bs::Tensor bs::cast_of(const Tensor& x, DType dtype) { return ops::cast(x, dtype); }
bs::Tensor bs::copy_of(const Tensor& x) { return apply(ops::contiguous_op, {x}); }
