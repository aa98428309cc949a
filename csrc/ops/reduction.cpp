// Reductions over any axes, in an order fixed by shapes alone.
#include "base/error.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

using kernels::Reduction;

// The axes to reduce, as flags: none named means all, as in PyTorch.
uint32_t axes_of(const char* name, const Attrs* attrs, const Dims& shape) {
  const int n = shape.size();
  if (!attrs->has(0) || attrs->get<Dims>(0).size() == 0) return (1u << n) - 1;
  uint32_t axes = 0;
  for (int64_t d : attrs->get<Dims>(0)) {
    int dim = normal_dim(name, d, n);
    if ((axes >> dim) & 1) throw ValueError(cat("[", name, "] dim ", dim, " is named twice"));
    axes |= 1u << dim;
  }
  return axes;
}

// One pass of the kernel: a run of neighbouring reduced axes.
struct Run {
  int64_t outer = 1, reduce = 1, inner = 1;
};

// The passes that reduce `axes`, last run first; axes of size 1 join what is beside them.
struct Plan {
  Run run[kMaxDims];
  int n = 0;
};
Plan plan_of(const Dims& shape, uint32_t axes) {
  Plan p;
  Dims left = shape;
  for (int end = shape.size(); end > 0;) {
    int last = end - 1;
    if (!((axes >> last) & 1)) {
      end = last;
      continue;
    }
    int first = last;
    while (first > 0 && (((axes >> (first - 1)) & 1) || left[first - 1] == 1)) --first;
    Run& r = p.run[p.n++];
    for (int d = 0; d < first; ++d) r.outer *= left[d];
    for (int d = first; d <= last; ++d) r.reduce *= left[d];
    for (int d = last + 1; d < left.size(); ++d) r.inner *= left[d];
    for (int d = first; d <= last; ++d) left[d] = 1;
    end = first;
  }
  if (p.n == 0) {  // nothing to reduce: a copy
    p.n = 1;
    p.run[0].outer = bs::numel(shape);
  }
  return p;
}

// Few outputs of a long sum would leave all but one thread idle: they are summed in blocks whose size follows from the
// shape alone, then joined in order.
constexpr int64_t kBlockElements = 4096;
constexpr int64_t kFewOutputs = 16;
bool in_blocks(const Plan& p) {
  const Run& r = p.run[0];
  return p.n == 1 && r.outer == 1 && r.inner < kFewOutputs && r.reduce * r.inner > 4 * kBlockElements;
}
int64_t block_rows(const Run& r) { return kBlockElements / r.inner; }
int64_t block_count(const Run& r) { return (r.reduce + block_rows(r) - 1) / block_rows(r); }

constexpr int64_t kEnoughRows = 8;

template <Reduction kind>
constexpr const char* name_of_kind() {
  return kind == Reduction::sum ? "sum" : kind == Reduction::max ? "amax" : "sum_squares";
}
// How partial results join.
constexpr Reduction joining(Reduction kind) { return kind == Reduction::sum_squares ? Reduction::sum : kind; }

template <Reduction kind>
void infer_as(const char* name, const Attrs* attrs, const Specs& in, Spec* out) {
  const Dims& shape = in[0].shape;
  uint32_t axes = axes_of(name, attrs, shape);
  Dims kept;
  for (int d = 0; d < shape.size(); ++d) {
    if (!((axes >> d) & 1)) {
      kept.push(shape[d]);
      continue;
    }
    if (kind == Reduction::max && shape[d] == 0)
      throw ShapeError(cat("[amax] axis ", d, " of ", str(shape), " is empty: nothing has no maximum"));
    if (attrs->get<bool>(1)) kept.push(1);
  }
  if (kind == Reduction::sum_squares && !is_float(in[0].dtype))
    throw DTypeError(
        cat("[", name, "] x is ", name_of(in[0].dtype), ": cast it to a float first, as in x.to(bs.float32)"));
  if (in[0].dtype == DType::b8) throw DTypeError(cat("[", name, "] x is bool: cast it first, as in x.to(bs.int64)"));
  out[0].dtype = in[0].dtype;
  out[0].shape = kept;
}

template <Reduction kind>
void infer(const Attrs* attrs, const Specs& in, Spec* out) {
  infer_as<kind>(name_of_kind<kind>(), attrs, in, out);
}

// Elements of `dtype` that intermediate passes (or blocks) need.
int64_t scratch_elements(const Plan& p) {
  if (in_blocks(p)) return block_count(p.run[0]) * p.run[0].inner;
  int64_t n = 0;
  for (int i = 0; i + 1 < p.n; ++i) n += p.run[i].outer * p.run[i].inner;
  return n;
}

template <Reduction kind>
size_t scratch_bytes(const Attrs* attrs, const Specs& in, const Spec*, int) {
  Plan p = plan_of(in[0].shape, axes_of(name_of_kind<kind>(), attrs, in[0].shape));
  return static_cast<size_t>(scratch_elements(p)) * size_of(in[0].dtype);
}

template <Reduction kind>
Placement place(const Attrs* attrs, const Specs& in, const Spec*) {
  Plan p = plan_of(in[0].shape, axes_of(name_of_kind<kind>(), attrs, in[0].shape));
  const Run& r = p.run[0];
  Placement place;
  if (in_blocks(p)) {
    place = {r.reduce, block_rows(r), 1u, true};
  } else if (p.n == 1) {
    bool rows = r.outer >= kEnoughRows;
    place.extent = rows ? r.outer : r.outer * r.inner;
    place.aligned = rows ? 1u : 0u;
  }
  return place;
}

template <Reduction kind>
int64_t forward(const Call& call, int64_t lo, int64_t hi) {
  const auto& kernels = kernels::active();
  const Dims& shape = call.in[0].shape();
  const DType dtype = call.in[0].dtype();
  Plan p = plan_of(shape, axes_of(name_of_kind<kind>(), call.attrs, shape));
  const Run& r = p.run[0];
  const int64_t item = static_cast<int64_t>(size_of(dtype));
  if (in_blocks(p)) {
    // Whole blocks as rows, which the kernel takes side by side; then what is left.
    const int64_t rows = block_rows(r), first = lo / rows, last = hi / rows, rest = hi - last * rows;
    const int64_t block_bytes = rows * r.inner * item, each = r.inner * item;
    kernels.reduce({kind, dtype, last - first, rows, r.inner}, call.in[0].data + first * block_bytes,
                   call.scratch + first * each, 0, (last - first) * r.inner);
    if (rest > 0)
      kernels.reduce({kind, dtype, 1, rest, r.inner}, call.in[0].data + last * block_bytes, call.scratch + last * each,
                     0, r.inner);
  } else if (p.n == 1) {
    const int64_t each = r.outer >= kEnoughRows ? r.inner : 1;
    kernels.reduce({kind, dtype, r.outer, r.reduce, r.inner}, call.in[0].data, call.out[0].data, lo * each, hi * each);
  } else {
    const char* from = call.in[0].data;
    char* next = call.scratch;
    for (int i = 0; i < p.n; ++i) {
      const Run& q = p.run[i];
      char* to = i + 1 == p.n ? call.out[0].data : next;
      kernels.reduce({i == 0 ? kind : joining(kind), dtype, q.outer, q.reduce, q.inner}, from, to, 0,
                     q.outer * q.inner);
      from = to;
      next += q.outer * q.inner * item;
    }
  }
  return -1;
}

template <Reduction kind>
void merge(const Call& call) {
  const Dims& shape = call.in[0].shape();
  Plan p = plan_of(shape, axes_of(name_of_kind<kind>(), call.attrs, shape));
  if (!in_blocks(p)) return;
  const Run& r = p.run[0];
  kernels::active().reduce({joining(kind), call.in[0].dtype(), 1, block_count(r), r.inner}, call.scratch,
                           call.out[0].data, 0, r.inner);
}

// t, a reduction of something of shape `whole`, with the reduced axes back as 1.
Tensor keep_axes(const char* name, const Tensor& t, const Attrs* attrs, const Dims& whole) {
  uint32_t axes = axes_of(name, attrs, whole);
  Dims kept = whole;
  for (int d = 0; d < whole.size(); ++d)
    if ((axes >> d) & 1) kept[d] = 1;
  return reshape(t, kept);
}

const std::vector<AttrSchema> reduction_attrs{{"dim", AttrType::dims}, {"keepdim", AttrType::boolean, false, false}};

// Reductions over axes of size 1, of dtypes that they keep.
bool nothing_to_reduce(const Specs& in, const Spec* out) {
  return numel(in[0].shape) == numel(out[0].shape) && in[0].dtype == out[0].dtype;
}

const Op sum_op{
    .name = "sum",
    .doc =
        "The sum over the axes dim (None: all). Float sums run in fixed blocks: the same bits on any number of "
        "threads.",
    .inputs = {{"x"}},
    .attrs = reduction_attrs,
    .visibility = Visibility::method,
    .infer = infer<Reduction::sum>,
    .same_elements = nothing_to_reduce,
    .forward = forward<Reduction::sum>,
    .merge = merge<Reduction::sum>,
    .scratch_bytes = scratch_bytes<Reduction::sum>,
    .place = place<Reduction::sum>,
    .grad =
        [](GradCall& call) {
          const Dims& whole = call.in(0).shape();
          call.set(0, expand(keep_axes("sum", call.grad(), &call.attrs(), whole), whole));
        },
};
BS_REGISTER(sum_op);

const Op sum_squares_op{
    .name = "sum_squares",
    .doc = "The sum of x^2 over the axes dim (None: all), in one pass and in the order of sum.",
    .inputs = {{"x"}},
    .attrs = reduction_attrs,
    .infer = infer<Reduction::sum_squares>,
    .forward = forward<Reduction::sum_squares>,
    .merge = merge<Reduction::sum_squares>,
    .scratch_bytes = scratch_bytes<Reduction::sum_squares>,
    .place = place<Reduction::sum_squares>,
    .grad =
        [](GradCall& call) {
          const Tensor x = call.in(0);
          call.set(0, mul(x, mul(keep_axes("sum_squares", call.grad(), &call.attrs(), x.shape()), 2.0)));
        },
    .reads = IN_0,
};
BS_REGISTER(sum_squares_op);

const Op amax_op{
    .name = "amax",
    .doc = "The maximum over the axes dim (None: all), NaN if any is; equal maxima share the derivative.",
    .inputs = {{"x"}},
    .attrs = reduction_attrs,
    .visibility = Visibility::method,
    .infer = infer<Reduction::max>,
    .same_elements = nothing_to_reduce,
    .forward = forward<Reduction::max>,
    .merge = merge<Reduction::max>,
    .scratch_bytes = scratch_bytes<Reduction::max>,
    .place = place<Reduction::max>,
    .grad =
        [](GradCall& call) {
          const Tensor x = call.in(0);
          Tensor top = eq(x, keep_axes("amax", call.out(), &call.attrs(), x.shape()));
          Tensor count =
              keep_axes("amax", apply(sum_op, {cast(top, x.dtype())}, call.same_attrs()), &call.attrs(), x.shape());
          call.set(0, mul_mask(expand(div(keep_axes("amax", call.grad(), &call.attrs(), x.shape()), count), x.shape()),
                               top));
        },
    .reads = IN_0 | OUT,
};
BS_REGISTER(amax_op);

const Op mean_op{
    .name = "mean",
    .doc = "The mean over the axes dim (None: all); of nothing, NaN.",
    .inputs = {{"x"}},
    .attrs = reduction_attrs,
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          if (!is_float(in[0].dtype))
            throw DTypeError(
                cat("[mean] x is ", name_of(in[0].dtype), ": cast it to a float first, as in x.to(bs.float32)"));
          infer_as<Reduction::sum>("mean", attrs, in, out);
        },
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          Tensor s = apply(sum_op, in, Attrs::make(attrs->values));
          const double count = static_cast<double>(in[0].numel()) / static_cast<double>(s.numel());
          return std::vector<Tensor>{div(s, s.numel() == 0 ? 1.0 : count)};
        },
};
BS_REGISTER(mean_op);

Attr optional_dims(const std::optional<Dims>& d) { return d ? Attr(*d) : Attr(); }

}  // namespace

Tensor sum(const Tensor& x, std::optional<Dims> dim, bool keepdim) {
  return apply(sum_op, {x}, Attrs::make({optional_dims(dim), keepdim}));
}
Tensor mean(const Tensor& x, std::optional<Dims> dim, bool keepdim) {
  return apply(mean_op, {x}, Attrs::make({optional_dims(dim), keepdim}));
}
Tensor amax(const Tensor& x, std::optional<Dims> dim, bool keepdim) {
  return apply(amax_op, {x}, Attrs::make({optional_dims(dim), keepdim}));
}

Tensor sum_to(const Tensor& x, const Dims& shape) {
  if (x.shape() == shape) return x;
  const int skip = x.shape().size() - shape.size();
  Dims axes;
  for (int d = 0; d < x.shape().size(); ++d)
    if (d < skip || (shape[d - skip] == 1 && x.shape()[d] != 1)) axes.push(d);
  return reshape(axes.size() ? sum(x, axes) : x, shape);
}

}  // namespace bs::ops
