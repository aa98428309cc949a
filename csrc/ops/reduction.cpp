// Reductions over any axes, in an order fixed by shapes alone.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "ops/batch.h"
#include "ops/lines.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

using kernels::Reduction;

// The axes to reduce, as flags: none named means all, as in PyTorch.
uint32_t axes_of(const char* name, const Attrs* attrs, const Dims& shape) {
  const int n = shape.size();
  if (!attrs->has(0) || attrs->get<Dims>(0).size() == 0) return (1u << n) - 1;
  uint32_t axes = 0;
  for (int64_t d : attrs->get<Dims>(0)) {
    int dim = scalar_dim(name, d, n);
    if ((axes >> dim) & 1) throw ValueError(cat("[", name, "] dim ", dim, " is named twice"));
    axes |= 1u << dim;
  }
  return axes;
}

// The passes of the kernel that reduce `axes`, each along a run of neighbouring ones, last run first; axes of size 1
// join what is beside them, or are no run.
struct Plan {
  Lines run[kMaxDims];
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
    Lines r;
    for (int d = 0; d < first; ++d) r.outer *= left[d];
    for (int d = first; d <= last; ++d) r.n *= left[d];
    for (int d = last + 1; d < left.size(); ++d) r.inner *= left[d];
    for (int d = first; d <= last; ++d) left[d] = 1;
    if (r.n != 1) p.run[p.n++] = r;
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
  const Lines& r = p.run[0];
  return p.n == 1 && r.outer == 1 && r.inner < kFewOutputs && r.n * r.inner > 4 * kBlockElements;
}
int64_t block_rows(const Lines& r) { return kBlockElements / r.inner; }
int64_t block_count(const Lines& r) { return (r.n + block_rows(r) - 1) / block_rows(r); }

constexpr int64_t kEnoughRows = 8;

template <Reduction kind>
constexpr const char* name_of_kind() {
  switch (kind) {
    case Reduction::sum:
      return "sum";
    case Reduction::max:
      return "amax";
    case Reduction::min:
      return "amin";
    case Reduction::sum_squares:
      return "sum_squares";
  }
}
constexpr bool extreme(Reduction kind) { return kind == Reduction::max || kind == Reduction::min; }
// How partial results join.
constexpr Reduction joining(Reduction kind) { return kind == Reduction::sum_squares ? Reduction::sum : kind; }

[[noreturn]] void refuse_empty(const char* name, int axis, const Dims& shape) {
  throw ShapeError(cat("[", name, "] axis ", axis, " of ", str(shape), " is empty: nothing has no extreme"));
}

// Integers are summed, and bools counted, in int64.
DType sum_dtype(DType x) { return is_float(x) ? x : DType::i64; }
template <Reduction kind>
DType out_dtype(DType x) {
  return extreme(kind) ? x : kind == Reduction::sum_squares ? DType::f64 : sum_dtype(x);
}

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
    if (extreme(kind) && shape[d] == 0) refuse_empty(name, d, shape);
    if (attrs->get<bool>(1)) kept.push(1);
  }
  if (kind == Reduction::sum_squares) need_float(name, "x", in[0].dtype);
  out[0].dtype = out_dtype<kind>(in[0].dtype);
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
size_t scratch_bytes(const Attrs* attrs, const Specs& in, const Spec*) {
  Plan p = plan_of(in[0].shape, axes_of(name_of_kind<kind>(), attrs, in[0].shape));
  return static_cast<size_t>(scratch_elements(p)) * size_of(out_dtype<kind>(in[0].dtype));
}

// Over axes of size 1, of dtypes that they keep, sums and extremes are copies: eager ones make them, programs take
// views. So -0 stays -0 in both.
bool nothing_to_reduce(const Specs& in, const Spec* out) {
  return numel(in[0].shape) == numel(out[0].shape) && in[0].dtype == out[0].dtype;
}
template <Reduction kind>
bool copies(const Specs& in, const Spec* out) {
  return kind != Reduction::sum_squares && nothing_to_reduce(in, out);
}

template <Reduction kind>
Placement place(const Attrs* attrs, const Specs& in, const Spec* out) {
  if (copies<kind>(in, out)) {
    Placement place;
    place.extent = numel(in[0].shape);
    place.aligned = IN_0;
    return place;
  }
  Plan p = plan_of(in[0].shape, axes_of(name_of_kind<kind>(), attrs, in[0].shape));
  const Lines& r = p.run[0];
  Placement place;
  if (in_blocks(p)) {
    place = {r.n, block_rows(r), IN_0, true};
  } else {  // of several runs the last one is, which leaves little: merge() sums that
    const bool rows = r.outer >= kEnoughRows;
    place.extent = rows ? r.outer : r.outer * r.inner;
    if (rows) place.aligned = IN_0;
    // Parts of columns read whole cache lines.
    if (!rows) place.granule = std::clamp<int64_t>(r.inner, 1, 64 / static_cast<int64_t>(size_of(in[0].dtype)));
    place.outputs_whole = p.n > 1;
  }
  return place;
}

template <Reduction kind>
int64_t forward(const Call& call, int64_t lo, int64_t hi) {
  const auto& kernels = kernels::active();
  const Dims& shape = call.in[0].shape();
  const DType dtype = call.in[0].dtype();
  if (copies<kind>(Specs({&call.in[0].spec, 1}), call.out[0].spec)) {
    const size_t item = size_of(dtype);
    std::memcpy(call.out[0].data + static_cast<size_t>(lo) * item, call.in[0].data + static_cast<size_t>(lo) * item,
                static_cast<size_t>(hi - lo) * item);
    return -1;
  }
  Plan p = plan_of(shape, axes_of(name_of_kind<kind>(), call.attrs, shape));
  const Lines& r = p.run[0];
  const int64_t item = static_cast<int64_t>(size_of(dtype)),
                out_item = static_cast<int64_t>(size_of(call.out[0].dtype()));
  if (in_blocks(p)) {
    // Whole blocks in one call, in which several are under way at once; then what is left of the last.
    const int64_t each = block_rows(r), blocks = (hi - lo) / each, rest = (hi - lo) % each;
    const char* from = call.in[0].data + lo * r.inner * item;
    char* to = call.scratch + lo / each * r.inner * out_item;
    kernels.reduce({kind, dtype, blocks, each, r.inner}, from, to, 0, blocks * r.inner);
    if (rest > 0)
      kernels.reduce({kind, dtype, 1, rest, r.inner}, from + blocks * each * r.inner * item,
                     to + blocks * r.inner * out_item, 0, r.inner);
  } else {
    const int64_t each = r.outer >= kEnoughRows ? r.inner : 1;
    kernels.reduce({kind, dtype, r.outer, r.n, r.inner}, call.in[0].data, p.n == 1 ? call.out[0].data : call.scratch,
                   lo * each, hi * each);
  }
  return -1;
}

template <Reduction kind>
void merge(const Call& call) {
  const Spec* in[] = {call.in[0].spec};
  if (copies<kind>(Specs(in), call.out[0].spec)) return;
  const Dims& shape = call.in[0].shape();
  Plan p = plan_of(shape, axes_of(name_of_kind<kind>(), call.attrs, shape));
  const auto join = [&](const Lines& r, const char* from, char* to) {
    kernels::active().reduce({joining(kind), call.out[0].dtype(), r.outer, r.n, r.inner}, from, to, 0,
                             r.outer * r.inner);
  };
  if (in_blocks(p)) return join({1, block_count(p.run[0]), p.run[0].inner}, call.scratch, call.out[0].data);
  char* from = call.scratch;  // what the last run left; later ones follow it
  for (int i = 1; i < p.n; ++i) {
    const Lines& made = p.run[i - 1];
    char* to = from + made.outer * made.inner * static_cast<int64_t>(size_of(call.out[0].dtype()));
    join(p.run[i], from, i + 1 == p.n ? call.out[0].data : to);
    from = to;
  }
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

const Op sum_op{
    .name = "sum",
    .doc =
        "The sum over the axes dim (None: all); integers and bools are summed in int64. Float sums run in fixed "
        "blocks: the same "
        "bits on any number of threads.",
    .inputs = {{"input"}},
    .attrs = reduction_attrs,
    .visibility = Visibility::method,
    .keyword = Keyword::dtype,
    .infer = infer<Reduction::sum>,
    .same_elements = nothing_to_reduce,
    .forward = forward<Reduction::sum>,
    .merge = merge<Reduction::sum>,
    .scratch_bytes = scratch_bytes<Reduction::sum>,
    .place = place<Reduction::sum>,
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          const Dims& whole = call.spec(0).shape;
          call.set(0, expand(keep_axes("sum", call.grad(), &call.attrs(), whole), whole));
        },
};
BS_REGISTER(sum_op);
BS_BATCH(sum_op, batch_dims);

const Op sum_squares_op{
    .name = "sum_squares",
    .doc = "The sum of x^2 over the axes dim (None: all), float64, in one pass and in the order of sum.",
    .inputs = {{"input"}},
    .attrs = reduction_attrs,
    .infer = infer<Reduction::sum_squares>,
    .forward = forward<Reduction::sum_squares>,
    .merge = merge<Reduction::sum_squares>,
    .scratch_bytes = scratch_bytes<Reduction::sum_squares>,
    .place = place<Reduction::sum_squares>,
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          const Tensor x = call.in(0);
          // 0 where x is: the norm's derivative sqrt'(0) is infinite.
          const Tensor g = keep_axes("sum_squares", call.grad(), &call.attrs(), x.shape());
          call.set(0, cast(mul_zero(x, mul(g, 2.0)), x.dtype()));
        },
    .reads = IN_0,
};
BS_REGISTER(sum_squares_op);
BS_BATCH(sum_squares_op, batch_dims);

// Of an extreme: equal ones share the derivative. None equals NaN, whose derivative is NaN: 0 times something / 0.
template <Reduction kind>
void grad_of_extreme(GradCall& call) {
  const auto keep = [&](const Tensor& t) {
    return keep_axes(name_of_kind<kind>(), t, &call.attrs(), call.in(0).shape());
  };
  const Tensor x = call.in(0);
  Tensor top = cast(eq(x, keep(call.out())), x.dtype());
  Tensor count = keep(apply(sum_op, {top}, call.same_attrs()));
  call.set(0, mul(div(keep(call.grad()), count), top));
}

template <Reduction kind>
Op extreme_op(const char* doc) {
  return {
      .name = name_of_kind<kind>(),
      .doc = doc,
      .inputs = {{"input"}},
      .attrs = reduction_attrs,
      .visibility = Visibility::method,
      .infer = infer<kind>,
      .same_elements = nothing_to_reduce,
      .forward = forward<kind>,
      .merge = merge<kind>,
      .scratch_bytes = scratch_bytes<kind>,
      .place = place<kind>,
      .storage = Storage::cast,
      .grad = grad_of_extreme<kind>,
      .reads = IN_0 | OUT,
  };
}

const Op amax_op = extreme_op<Reduction::max>(
    "The maximum over the axes dim (None: all), NaN if any is, and then so is the derivative; equal maxima share it.");
BS_REGISTER(amax_op);
BS_BATCH(amax_op, batch_dims);

const Op amin_op = extreme_op<Reduction::min>(
    "The minimum over the axes dim (None: all), NaN if any is, and then so is the derivative; equal minima share it.");
BS_REGISTER(amin_op);
BS_BATCH(amin_op, batch_dims);

// ---- Positions -----------------------------------------------------------------------------------------------------

template <Reduction kind>
constexpr const char* arg_name() {
  return kind == Reduction::max ? "argmax" : "argmin";
}

template <Reduction kind>
Op arg_op(const char* doc) {
  return {
      .name = arg_name<kind>(),
      .doc = doc,
      .inputs = {{"input"}},
      .attrs = {{"dim", AttrType::integer}, {"keepdim", AttrType::boolean, false, false}},
      .visibility = Visibility::method,
      .infer =
          [](const Attrs* attrs, const Specs& in, Spec* out) {
            const char* name = arg_name<kind>();
            const Dims& shape = in[0].shape;
            const int dim = attrs->has(0) ? scalar_dim(name, attrs->get<int64_t>(0), shape.size()) : -1;
            Dims kept;
            for (int d = 0; d < shape.size(); ++d) {
              if (dim >= 0 && d != dim) {
                kept.push(shape[d]);
                continue;
              }
              if (shape[d] == 0) refuse_empty(name, d, shape);
              if (attrs->get<bool>(1)) kept.push(1);
            }
            if (in[0].dtype == DType::b8)
              throw DTypeError(cat("[", name, "] input is bool: cast it first, as in x.to(bs.int64)"));
            out[0].dtype = DType::i64;
            out[0].shape = kept;
          },
      .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
        const Lines r = lines_of(arg_name<kind>(), call.attrs, call.in[0].shape());
        const int64_t each = r.outer >= kEnoughRows ? r.inner : 1;
        kernels::active().arg_reduce({kind, call.in[0].dtype(), r.outer, r.n, r.inner}, call.in[0].data,
                                     call.out[0].as<int64_t>(), lo * each, hi * each);
        return -1;
      },
      .place =
          [](const Attrs* attrs, const Specs& in, const Spec*) {
            const Lines r = lines_of(arg_name<kind>(), attrs, in[0].shape);
            const bool rows = r.outer >= kEnoughRows;
            return Placement{rows ? r.outer : r.outer * r.inner, 1, rows ? IN_0 : Mask(), false};
          },
      .storage = Storage::cast,
  };
}

const Op argmax_op = arg_op<Reduction::max>(
    "The first position of the maximum along the axis dim, int64; None: in x flattened. NaN counts as the largest. Not "
    "differentiable.");
BS_REGISTER(argmax_op);
BS_BATCH(argmax_op, batch_dims);

const Op argmin_op = arg_op<Reduction::min>(
    "The first position of the minimum along the axis dim, int64; None: in x flattened. NaN counts as the least. Not "
    "differentiable.");
BS_REGISTER(argmin_op);
BS_BATCH(argmin_op, batch_dims);

// ---- Compositions --------------------------------------------------------------------------------------------------

const Op mean_op{
    .name = "mean",
    .doc = "The mean over the axes dim (None: all); of nothing, NaN.",
    .inputs = {{"input"}},
    .attrs = reduction_attrs,
    .visibility = Visibility::method,
    .keyword = Keyword::dtype,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          need_float("mean", "input", in[0].dtype);
          infer_as<Reduction::sum>("mean", attrs, in, out);
        },
    .storage = Storage::cast,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          Tensor s = apply(sum_op, in, Attrs::make(attrs->values));
          const double count = static_cast<double>(in[0].numel()) / static_cast<double>(s.numel());
          if (count == 1 || s.numel() == 0) return std::vector<Tensor>{s};
          return std::vector<Tensor>{div(s, count)};
        },
};
BS_REGISTER(mean_op);

const Op logsumexp_op{
    .name = "logsumexp",
    .doc =
        "ln sum exp(x) over the axes dim (() or None: all), of integers in float32. No finite x overflows; of nothing, "
        "or nothing "
        "but -inf, -inf.",
    .inputs = {{"input"}},
    .attrs = reduction_attrs,
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          infer_as<Reduction::sum>("logsumexp", attrs, in, out);
          if (!is_float(in[0].dtype)) out[0].dtype = DType::f32;
        },
    .storage = Storage::cast,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const Tensor x = is_float(in[0].dtype()) ? in[0] : cast(in[0], DType::f32);
          if (x.numel() == 0) return std::vector<Tensor>{log(apply(sum_op, {x}, Attrs::make(attrs->values)))};
          // A constant: the derivative exp(x - result) does not depend on what is taken out. An infinite one stays in.
          Tensor top = detach(apply(amax_op, {x}, Attrs::make({attrs->values[0], true})));
          top = mul_mask(top, lt(abs(top), HUGE_VAL));
          Tensor s = apply(sum_op, {exp(sub(x, top))}, Attrs::make(attrs->values));
          return std::vector<Tensor>{add(log(s), reshape(top, s.shape()))};
        },
};
BS_REGISTER(logsumexp_op);

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
Tensor amin(const Tensor& x, std::optional<Dims> dim, bool keepdim) {
  return apply(amin_op, {x}, Attrs::make({optional_dims(dim), keepdim}));
}
Tensor sum_squares(const Tensor& x, std::optional<Dims> dim, bool keepdim) {
  return apply(sum_squares_op, {x}, Attrs::make({optional_dims(dim), keepdim}));
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
