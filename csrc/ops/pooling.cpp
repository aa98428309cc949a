// Pooling: the largest elements and the means of windows of the last one to three axes, or of equal parts of them.
#include <algorithm>
#include <string>

#include "base/error.h"
#include "ops/batch.h"
#include "ops/indexing.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

// ---- windows --------------------------------------------------------------------------------------------------

// What all ops of this file begin with; kernel_size and output_size exclude each other. Then come those of a family.
const std::vector<AttrSchema> kWindows{{"kernel_size", AttrType::dims},
                                       {"stride", AttrType::dims},
                                       {"padding", AttrType::dims},
                                       {"output_size", AttrType::dims},
                                       {"ceil_mode", AttrType::boolean, false, false}};
constexpr int kDilation = 5;                                    // of the largest
constexpr int kCountPadding = 5, kDivisor = 6, kInputSize = 7;  // of means
constexpr int64_t kLongest = (int64_t{1} << 31) - 1;            // sizes fit into a kernel's integers
constexpr double kPerColumn = 0.15, kPerElement = 0.1;          // nanoseconds

std::vector<AttrSchema> with_windows(std::vector<AttrSchema> more) {
  more.insert(more.begin(), kWindows.begin(), kWindows.end());
  return more;
}

// The planes of one call: its last `axes` axes, and how many planes there are.
struct Planes {
  kernels::Pool pool;
  int axes;
  int64_t count = 1;
};

[[noreturn]] void refuse_axis(const char* name, const Dims& shape, int axis, const std::string& what) {
  throw ValueError(cat("[", name, "] axis ", axis, " of ", str(shape), ": ", what));
}

// The windows along an axis of `in` elements; `what` names it in errors.
kernels::PoolAxis windows_along(const char* name, const Attrs* a, int axis, const Dims& shape, int at, int dilations) {
  const auto number = [&](int k, int64_t otherwise) {
    if (!a->has(k)) return otherwise;
    const Dims& given = a->get<Dims>(k);
    const int64_t v = given[axis];
    if (v < 0 || v > kLongest)
      refuse_axis(name, shape, at, cat("sizes, strides and padding must be from 0 to 2^31 - 1, not ", v));
    return v;
  };
  kernels::PoolAxis w{.in = shape[at], .out = 1, .kernel = 0, .stride = 1, .padding = 0, .dilation = 1};
  if (w.in > kLongest) refuse_axis(name, shape, at, "axes that are pooled must be shorter than 2^31");
  if (!a->has(0)) {
    w.out = number(3, 0);
    if (w.in == 0 && w.out > 0)
      throw ShapeError(cat("[", name, "] input is ", str(shape), ": axis ", at, " must not be empty"));
    if (w.out == 0) w.kernel = 1;
    if (w.out > 0 && w.in % w.out == 0) w.kernel = w.stride = w.in / w.out;  // equal parts are windows
    return w;
  }
  w.kernel = number(0, 1);
  w.stride = number(1, w.kernel);
  w.padding = number(2, 0);
  if (dilations >= 0) w.dilation = number(dilations, 1);
  if (w.kernel == 0 || w.stride == 0 || w.dilation == 0)
    refuse_axis(name, shape, at, "kernel_size, stride and dilation must be at least 1");
  const int64_t reach = (w.kernel - 1) * w.dilation;
  const int64_t most = a->get<Dims>(0).size() == 1 ? (reach + 1) / 2 : w.kernel / 2;
  if (w.padding > most)
    refuse_axis(name, shape, at,
                cat("padding is ", w.padding, ", which must be at most half of the kernel's size, ", w.kernel));
  const int64_t room = w.in + 2 * w.padding - reach - 1 + (a->get<bool>(4) ? w.stride - 1 : 0);
  if (room >= 0) w.out = room / w.stride + 1;
  if ((w.out - 1) * w.stride >= w.in + w.padding) --w.out;  // a last window must not begin beyond the input
  if (room < 0 || w.out < 1)
    throw ShapeError(cat("[", name, "] input is ", str(shape), ": axis ", at, ", with ", w.padding,
                         " added on both sides, is shorter than a window of ", reach + 1));
  // Only between two taps that lie further apart than the axis is long.
  for (int64_t o = 0; w.dilation > w.in && o < w.out; ++o) {
    const int64_t start = o * w.stride - w.padding, first = start < 0 ? (w.dilation - 1 - start) / w.dilation : 0;
    if (start + first * w.dilation >= w.in)
      refuse_axis(name, shape, at, cat("a window with dilation ", w.dilation, " has no element in it"));
  }
  return w;
}

// Of planes of this shape; `dilations` is where an op has them among its attributes, or -1.
Planes planes_of(const char* name, const Attrs* a, DType dtype, const Dims& shape, int dilations) {
  if (a->has(0) == a->has(3)) throw ValueError(cat("[", name, "] give kernel_size, or output_size"));
  const Dims& sizes = a->get<Dims>(a->has(0) ? 0 : 3);
  Planes p{{.dtype = dtype, .axis = {}, .count_padding = false, .divisor = 0}, sizes.size()};
  const int n = shape.size();
  if (p.axes < 1 || p.axes > 3) throw ValueError(cat("[", name, "] one to three axes are pooled, not ", p.axes));
  for (int k : {1, 2, dilations})
    if (k > 0 && a->has(k) && a->get<Dims>(k).size() != p.axes)
      throw ValueError(cat("[", name, "] kernel_size is ", str(sizes), ", stride, padding or dilation is ",
                           str(a->get<Dims>(k)), ": they must be of one length"));
  if (n < p.axes) throw ShapeError(cat("[", name, "] input is ", str(shape), ": ", p.axes, " axes are to be pooled"));
  for (int d = 0; d < n - p.axes; ++d) p.count *= shape[d];
  for (int d = 0; d < 3; ++d) p.pool.axis[d] = {1, 1, 1, 1, 0, 1};
  for (int d = 0; d < p.axes; ++d)
    p.pool.axis[3 - p.axes + d] = windows_along(name, a, d, shape, n - p.axes + d, dilations);
  if (p.pool.axis[0].in * p.pool.axis[1].in > kLongest)
    throw ShapeError(cat("[", name, "] input is ", str(shape), ": a plane must have less than 2^31 rows"));
  return p;
}

Dims pooled(const Planes& p, Dims shape) {
  for (int d = 0; d < p.axes; ++d) shape[shape.size() - p.axes + d] = p.pool.axis[3 - p.axes + d].out;
  return shape;
}

Planes largest_of(const char* name, const Attrs* a, const Spec& x) {
  need_float(name, "input", x.dtype);
  return planes_of(name, a, x.dtype, x.shape, kDilation);
}

Planes means_of(const char* name, const Attrs* a, DType dtype, const Dims& shape) {
  need_float(name, "input", dtype);
  Planes p = planes_of(name, a, dtype, shape, -1);
  p.pool.count_padding = a->get<bool>(kCountPadding);
  if (a->has(kDivisor)) {
    p.pool.divisor = a->get<int64_t>(kDivisor);
    if (p.pool.divisor == 0) throw ValueError(cat("[", name, "] divisor_override is 0"));
  }
  return p;
}
// Of the gradient of means: with the sizes that the planes had.
Dims shape_before(const Attrs* a, Dims shape) {
  const Dims& sizes = a->get<Dims>(kInputSize);
  if (sizes.size() > shape.size())
    throw ShapeError(
        cat("[avg_pool_backward] g is ", str(shape), ", input_size is ", str(sizes), ": it has more axes"));
  for (int d = 0; d < sizes.size(); ++d) {
    if (sizes[d] < 0) throw ShapeError(cat("[avg_pool_backward] input_size is ", str(sizes)));
    shape[shape.size() - sizes.size() + d] = sizes[d];
  }
  return shape;
}

Placement by_planes(const Planes& p, Mask aligned) { return {.extent = p.count, .granule = 1, .aligned = aligned}; }

// Rows are joined column by column for each row of outputs, columns for each output.
double pool_cost(const Planes& p) {
  const auto most = [](const kernels::PoolAxis& w) {
    return static_cast<double>(w.kernel ? w.kernel : w.out ? w.in / w.out + 1 : 0);
  };
  const kernels::PoolAxis &deep = p.pool.axis[0], &high = p.pool.axis[1], &wide = p.pool.axis[2];
  const double rows = static_cast<double>(p.count * deep.out * high.out);
  return rows * (10 + static_cast<double>(wide.in) * most(deep) * most(high) * kPerColumn +
                 static_cast<double>(wide.out) * (1 + most(wide)) * kPerElement);
}

size_t pool_scratch_of(const Planes& p) { return kernels::active().pool_scratch(p.pool); }

// ---- the largest ----------------------------------------------------------------------------------------------

Tensor largest_backward(const GradCall& call);

template <bool places>
constexpr const char* largest_name() {
  return places ? "max_pool_places" : "max_pool";
}

template <bool places>
Op largest_op(const char* doc) {
  Op op{
      .name = largest_name<places>(),
      .doc = doc,
      .inputs = {{"input"}},
      .attrs = with_windows({{"dilation", AttrType::dims}}),
      .infer =
          [](const Attrs* a, const Specs& in, Spec* out) {
            const Planes p = largest_of(largest_name<places>(), a, in[0]);
            out[0].dtype = in[0].dtype;
            out[0].shape = pooled(p, in[0].shape);
            if (places) out[1].dtype = DType::i64, out[1].shape = out[0].shape;
          },
      .prepare =
          [](Call& call) { call.set_plan(largest_of(largest_name<places>(), call.attrs, *call.in[0].spec).pool); },
      .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
        kernels::active().max_pool(call.plan_as<kernels::Pool>(), call.in[0].data, call.out[0].data,
                                   places ? call.out[1].as<int64_t>() : nullptr, lo, hi, call.scratch);
        return -1;
      },
      .scratch_bytes = [](const Attrs* a, const Specs& in,
                          const Spec*) { return pool_scratch_of(largest_of(largest_name<places>(), a, in[0])); },
      .scratch_of_thread = true,
      .place = [](const Attrs* a, const Specs& in,
                  const Spec*) { return by_planes(largest_of(largest_name<places>(), a, in[0]), IN_0); },
      .cost = [](const Attrs* a, const Specs& in,
                 const Spec*) { return (places ? 2 : 1) * pool_cost(largest_of(largest_name<places>(), a, in[0])); },
      .storage = Storage::cast,
      .grad = [](GradCall& call) { call.set(0, largest_backward(call)); },
      .reads = IN_0,
  };
  if (places) op.outputs = {"out", "indices"};
  return op;
}

const Op max_pool_op = largest_op<false>(
    "The largest element of each window of the last axes, NaN if any is: windows of kernel_size elements, `dilation` "
    "apart, begin every `stride` (kernel_size if left out), the first one `padding` before the input, which counts as "
    "-inf there; in ceil_mode also where they end beyond it. Or of each of output_size parts, from floor(i n / "
    "output_size) to ceil((i + 1) n / output_size). The first of equal ones has the derivative.");
BS_REGISTER(max_pool_op);
BS_BATCH(max_pool_op, batch_as_is);
const Op max_pool_places_op = largest_op<true>(
    "As max_pool, and where in its plane each of them is, counted in row-major order: the first of equal ones, the "
    "last "
    "NaN.");
BS_REGISTER(max_pool_places_op);
BS_BATCH(max_pool_places_op, batch_as_is);

// (.., the pooled axes) as (planes, elements of a plane).
Tensor by_plane(const Planes& p, const Tensor& x) {
  int64_t elements = 1;
  for (int d = x.shape().size() - p.axes; d < x.shape().size(); ++d) elements *= x.shape()[d];
  return reshape(x, {p.count, elements});
}

const Op max_pool_backward_op{
    .name = "max_pool_backward",
    .doc = "The sum of g over the windows whose largest element this is, of max_pool(x).",
    .inputs = {{"g"}, {"x"}},
    .attrs = with_windows({{"dilation", AttrType::dims}}),
    .outputs = {"dx"},
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          const Planes p = largest_of("max_pool_backward", a, in[1]);
          if (!(in[0].shape == pooled(p, in[1].shape)) || in[0].dtype != in[1].dtype)
            throw ShapeError(cat("[max_pool_backward] g is ", name_of(in[0].dtype), " ", str(in[0].shape),
                                 ", the result of ", name_of(in[1].dtype), " ", str(in[1].shape), " is ",
                                 str(pooled(p, in[1].shape))));
          out[0].dtype = in[1].dtype;
          out[0].shape = in[1].shape;
        },
    .prepare = [](Call& call) { call.set_plan(largest_of("max_pool_backward", call.attrs, *call.in[1].spec).pool); },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().max_pool_backward(call.plan_as<kernels::Pool>(), call.in[0].data, call.in[1].data,
                                          call.out[0].data, lo, hi, call.scratch);
      return -1;
    },
    .scratch_bytes = [](const Attrs* a, const Specs& in,
                        const Spec*) { return pool_scratch_of(largest_of("max_pool_backward", a, in[1])); },
    .scratch_of_thread = true,
    .place = [](const Attrs* a, const Specs& in,
                const Spec*) { return by_planes(largest_of("max_pool_backward", a, in[1]), IN_0 | IN_1); },
    .cost = [](const Attrs* a, const Specs& in,
               const Spec*) { return 3 * pool_cost(largest_of("max_pool_backward", a, in[1])); },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          if (!call.needs(0)) return;
          const Tensor x = call.in(1);
          const Planes p = largest_of("max_pool_backward", &call.attrs(), x.spec());
          const Tensor at = bs::apply_all(max_pool_places_op, std::span(&x, 1), call.same_attrs())[1];
          call.set(0, reshape(gather_axis(by_plane(p, call.grad()), by_plane(p, at), 1), call.spec(0).shape));
        },
    .reads = IN_1,
};
BS_REGISTER(max_pool_backward_op);
BS_BATCH(max_pool_backward_op, batch_whole);

Tensor largest_backward(const GradCall& call) {
  return apply(max_pool_backward_op, {call.grad(), call.in(0)}, call.same_attrs());
}

// ---- the mean -------------------------------------------------------------------------------------------------

const std::vector<AttrSchema> kMeans =
    with_windows({{"count_include_pad", AttrType::boolean, false, true}, {"divisor_override", AttrType::integer}});

const Op avg_pool_op{
    .name = "avg_pool",
    .doc =
        "The mean of each window of the last axes, of which max_pool says where they are: their sum, with 0 in the "
        "padding, by the number of elements, which counts those in the padding if count_include_pad, or by "
        "divisor_override.",
    .inputs = {{"input"}},
    .attrs = kMeans,
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          out[0].dtype = in[0].dtype;
          out[0].shape = pooled(means_of("avg_pool", a, in[0].dtype, in[0].shape), in[0].shape);
        },
    .prepare =
        [](Call& call) {
          const Spec& x = *call.in[0].spec;
          call.set_plan(means_of("avg_pool", call.attrs, x.dtype, x.shape).pool);
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().avg_pool(call.plan_as<kernels::Pool>(), call.in[0].data, call.out[0].data, lo, hi,
                                 call.scratch);
      return -1;
    },
    .scratch_bytes = [](const Attrs* a, const Specs& in,
                        const Spec*) { return pool_scratch_of(means_of("avg_pool", a, in[0].dtype, in[0].shape)); },
    .scratch_of_thread = true,
    .place = [](const Attrs* a, const Specs& in,
                const Spec*) { return by_planes(means_of("avg_pool", a, in[0].dtype, in[0].shape), IN_0); },
    .cost = [](const Attrs* a, const Specs& in,
               const Spec*) { return pool_cost(means_of("avg_pool", a, in[0].dtype, in[0].shape)); },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          const Dims& shape = call.spec(0).shape;
          auto values = call.attrs().values;
          const int axes = std::get<Dims>(values[call.attrs().has(0) ? 0 : 3]).size();
          Dims sizes;
          for (int d = shape.size() - axes; d < shape.size(); ++d) sizes.push(shape[d]);
          values.push_back(sizes);
          call.set(0, bs::apply(*find_op("avg_pool_backward"), std::span(&call.grad(), 1), Attrs::make(values)));
        },
};
BS_REGISTER(avg_pool_op);
BS_BATCH(avg_pool_op, batch_as_is);

Planes means_before(const Attrs* a, const Spec& g) {
  return means_of("avg_pool_backward", a, g.dtype, shape_before(a, g.shape));
}

const Op avg_pool_backward_op{
    .name = "avg_pool_backward",
    .doc =
        "The sum of g over the windows of planes of input_size that have the element, each divided by what avg_pool "
        "divides by.",
    .inputs = {{"g"}},
    .attrs = with_windows({kMeans[kCountPadding], kMeans[kDivisor], {"input_size", AttrType::dims, true}}),
    .outputs = {"dx"},
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          const Planes p = means_before(a, in[0]);
          out[0].dtype = in[0].dtype;
          out[0].shape = shape_before(a, in[0].shape);
          if (!(pooled(p, out[0].shape) == in[0].shape))
            throw ShapeError(cat("[avg_pool_backward] g is ", str(in[0].shape), ", the means of ", str(out[0].shape),
                                 " are ", str(pooled(p, out[0].shape))));
        },
    .prepare = [](Call& call) { call.set_plan(means_before(call.attrs, *call.in[0].spec).pool); },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().avg_pool_backward(call.plan_as<kernels::Pool>(), call.in[0].data, call.out[0].data, lo, hi,
                                          call.scratch);
      return -1;
    },
    .scratch_bytes = [](const Attrs* a, const Specs& in,
                        const Spec*) { return pool_scratch_of(means_before(a, in[0])); },
    .scratch_of_thread = true,
    .place = [](const Attrs* a, const Specs& in, const Spec*) { return by_planes(means_before(a, in[0]), IN_0); },
    .cost = [](const Attrs* a, const Specs& in, const Spec*) { return 2 * pool_cost(means_before(a, in[0])); },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          auto values = call.attrs().values;
          values.pop_back();
          call.set(0, apply(avg_pool_op, {call.grad()}, Attrs::make(values)));
        },
};
BS_REGISTER(avg_pool_backward_op);
BS_BATCH(avg_pool_backward_op, batch_as_is);

}  // namespace
}  // namespace bs::ops
