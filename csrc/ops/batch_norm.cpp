// Batch norm: statistics of each channel (axis 1) over images and pixels, and what scales channels by them. Programs
// lower it to statistics, which can follow what makes the images, and elementwise ops, which join what comes after.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/channels.h"
#include "ops/loop.h"
#include "ops/one_pass.h"

namespace bs::ops {

using kernels::Ew;

Images images_of(const Dims& x) {
  Images p{x[0], x[1], 1};
  for (int d = 2; d < x.size(); ++d) p.inner *= x[d];
  return p;
}

namespace {

// The shape in which one number per channel broadcasts over x.
Dims beside(const Dims& x) {
  Dims d = Dims::filled(x.size() - 1, 1);
  d[0] = x[1];
  return d;
}
Tensor beside(const Tensor& t, const Tensor& x) { return reshape(t, beside(x.shape())); }

}  // namespace

void check_images(const char* name, const char* input, const Spec& x) {
  need_float(name, input, x.dtype);
  if (x.shape.size() < 2)
    throw ShapeError(cat("[", name, "] ", input, " is ", str(x.shape), ": it must be (N, C, ...), channels on axis 1"));
}
void check_channels(const char* name, const char* which, const Specs& in, int i, const Spec& x) {
  if (!in.has(i)) return;
  if (!(in[i].shape == Dims{x.shape[1]}))
    throw ShapeError(cat("[", name, "] input is ", str(x.shape), ", ", which, " is ", str(in[i].shape),
                         ": it must be (", x.shape[1], ",), one number per channel (axis 1)"));
  if (in[i].dtype != x.dtype)
    throw DTypeError(cat("[", name, "] input is ", name_of(x.dtype), ", ", which, " is ", name_of(in[i].dtype),
                         ": cast ", which, " with .to(bs.", name_of(x.dtype), ")"));
}
namespace {

void check_gradient(const char* name, const Spec& g, const Spec& x) {
  check_images(name, "input", x);
  if (!(g.shape == x.shape))
    throw ShapeError(cat("[", name, "] g is ", str(g.shape), ", input is ", str(x.shape), ": must be equal"));
  if (g.dtype != x.dtype)
    throw DTypeError(cat("[", name, "] dtypes differ: ", name_of(g.dtype), " and ", name_of(x.dtype)));
}

// ---- Sums over channels --------------------------------------------------------------------------------------------

// Numbers of each plane, left in scratch, and joined to those of each channel. Where a plane is one element, channels
// are columns, summed at once.
Placement place_sums(const Dims& shape, const Mask& read) {
  const Images x = images_of(shape);
  if (x.inner == 1) return {x.channels, 16, {}, false};  // floats of a cache line
  return {x.planes(), 1, read, true};
}
// The k-th numbers of all planes.
char* of_planes(const Call& call, const Spec& x, int64_t k) {
  return call.scratch + k * images_of(x.shape).planes() * static_cast<int64_t>(size_of(x.dtype));
}
size_t scratch_of_sums(const Spec& x, int64_t numbers) {
  const Images p = images_of(x.shape);
  return p.inner == 1 ? 0 : static_cast<size_t>(numbers * p.planes()) * size_of(x.dtype);
}

const Op moments_op{
    .name = "channel_moments",
    .doc = "Mean and biased variance (divided by the count) of each channel (axis 1) of x (N, C, ...).",
    .inputs = {{"input"}},
    .outputs = {"mean", "var"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check_images("channel_moments", "input", in[0]);
          for (int i = 0; i < 2; ++i) {
            out[i].dtype = in[0].dtype;
            out[i].shape = Dims{in[0].shape[1]};
          }
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Spec& spec = *call.in[0].spec;
      const Images x = images_of(spec.shape);
      if (x.inner == 1)
        kernels::active().join_moments(spec.dtype, x.images, x.channels, 1, call.in[0].data, nullptr, nullptr,
                                       call.out[0].data, call.out[1].data, lo, hi);
      else
        kernels::active().plane_moments(spec.dtype, x.inner, call.in[0].data, of_planes(call, spec, 0),
                                        of_planes(call, spec, 1), of_planes(call, spec, 2), lo, hi);
      return -1;
    },
    .merge =
        [](const Call& call) {
          const Spec& spec = *call.in[0].spec;
          const Images x = images_of(spec.shape);
          if (x.inner != 1)
            kernels::active().join_moments(spec.dtype, x.images, x.channels, x.inner, of_planes(call, spec, 0),
                                           of_planes(call, spec, 1), of_planes(call, spec, 2), call.out[0].data,
                                           call.out[1].data, 0, x.channels);
        },
    .scratch_bytes = [](const Attrs*, const Specs& in, const Spec*) { return scratch_of_sums(in[0], 3); },
    .place = [](const Attrs*, const Specs& in, const Spec*) { return place_sums(in[0].shape, IN_0); },
    .compose =
        [](const Attrs*, std::span<const Tensor> in) {
          const Tensor& x = in[0];
          Dims axes{0};
          for (int d = 2; d < x.shape().size(); ++d) axes.push(d);
          const Tensor m = mean(x, axes);
          return std::vector<Tensor>{m, mean(square(sub(x, beside(m, x))), axes)};
        },
};
BS_REGISTER(moments_op);

const Op products_op{
    .name = "channel_products",
    .doc =
        "dot = sum g (x - mean) and sum = sum g over each channel (axis 1) of x (N, C, ...); mean (C,) is 0 if left "
        "out.",
    .inputs = {{"g"}, {"input"}, {"mean", true}},
    .outputs = {"dot", "sum"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check_gradient("channel_products", in[0], in[1]);
          check_channels("channel_products", "mean", in, 2, in[1]);
          for (int i = 0; i < 2; ++i) {
            out[i].dtype = in[1].dtype;
            out[i].shape = Dims{in[1].shape[1]};
          }
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Spec& spec = *call.in[1].spec;
      const Images x = images_of(spec.shape);
      char* dot = x.inner == 1 ? call.out[0].data : call.scratch;
      char* sum = x.inner == 1 ? call.out[1].data : of_planes(call, spec, 1);
      kernels::active().plane_products(spec.dtype, x.images, x.channels, x.inner, call.in[0].data, call.in[1].data,
                                       call.data_of(2), dot, sum, lo, hi);
      return -1;
    },
    .merge =
        [](const Call& call) {
          const Spec& spec = *call.in[1].spec;
          const Images x = images_of(spec.shape);
          if (x.inner == 1) return;
          const kernels::Reduce over_images{kernels::Reduction::sum, spec.dtype, 1, x.images, x.channels};
          kernels::active().reduce(over_images, call.scratch, call.out[0].data, 0, x.channels);
          kernels::active().reduce(over_images, of_planes(call, spec, 1), call.out[1].data, 0, x.channels);
        },
    .scratch_bytes = [](const Attrs*, const Specs& in, const Spec*) { return scratch_of_sums(in[1], 2); },
    .place = [](const Attrs*, const Specs& in, const Spec*) { return place_sums(in[1].shape, IN_0 | IN_1); },
    .compose =
        [](const Attrs*, std::span<const Tensor> in) {
          const Tensor d = given(in, 2) ? sub(in[1], beside(in[2], in[1])) : in[1];
          const Dims each = beside(in[1].shape()), channels{in[1].shape()[1]};
          return std::vector<Tensor>{reshape(sum_to(mul(in[0], d), each), channels),
                                     reshape(sum_to(in[0], each), channels)};
        },
};
BS_REGISTER(products_op);

// ---- Scaling -------------------------------------------------------------------------------------------------------

constexpr int kMostOperands = 6;

// Runs the list that `write` writes, for inputs of which the first `whole` have the output's shape and the others are
// one number per channel.
template <void (*write)(Pass&), int whole>
int64_t run_list(const Call& call, int64_t lo, int64_t hi) {
  Call broadcast = call;
  View in[kMostOperands];
  Spec spec[kMostOperands];
  broadcast.in = in;
  for (int i = 0; i < call.n_in; ++i) {
    in[i] = call.in[i];
    if (i < whole || !call.has(i)) continue;
    spec[i] = *call.in[i].spec;
    spec[i].shape = beside(call.out[0].shape());
    in[i].spec = &spec[i];
  }
  Pass pass(broadcast);
  write(pass);
  pass.run(lo, hi);
  return -1;
}
Placement place_list(const Attrs*, const Specs& in, const Spec* out) { return place_loop(out[0].shape, in); }

// What scales x by input i: mean, rstd, weight, bias.
constexpr Ew kScaling[] = {Ew::copy, Ew::sub, Ew::mul, Ew::mul, Ew::add};

void write_scaling(Pass& p) {
  int last = 0;
  for (int i = 1; i < kScalingInputs; ++i)
    if (p.has(i)) last = i;
  uint8_t x = p.in(0);
  for (int i = 1; i < last; ++i) {
    if (!p.has(i)) continue;
    p.add(kScaling[i], Pass::kTemp, x, p.in(i));
    x = Pass::kTemp;
  }
  p.add(kScaling[last], Pass::kOut, x, last > 0 ? p.in(last) : x);
}
}  // namespace

void scale_images(const Call& call, const Spec& images, const Scaling& in, char* y) {
  Scaling operands = in;
  View out[] = {{&images, y}};
  Call scaling = call;
  scaling.n_in = kScalingInputs;
  scaling.in = operands.data();
  scaling.out = out;
  run_list<write_scaling, 1>(scaling, 0, loop_extent(images.shape));
}

Tensor scaled(std::span<const Tensor> in) {
  Tensor y = in[0];
  for (size_t i = 1; i < kScalingInputs; ++i)
    if (given(in, i)) y = elementwise(kScaling[i], {y, beside(in[i], in[0])});
  return y;
}

namespace {

// The inputs of a node as a rule of lowering sees them.
std::vector<Tensor> inputs_of(const LowerCall& call, int n) {
  std::vector<Tensor> in;
  for (int i = 0; i < n; ++i) in.push_back(call.in(i));
  return in;
}

const Op scale_op{
    .name = "scale_channels",
    .doc =
        "y = (x - mean) rstd weight + bias of x (N, C, ...), with one number per channel (axis 1): mean, rstd, "
        "weight and bias are (C,), each left out where it is not given.",
    .inputs = {{"input"}, {"mean", true}, {"rstd", true}, {"weight", true}, {"bias", true}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          constexpr const char* names[] = {"input", "mean", "rstd", "weight", "bias"};
          check_images("scale_channels", "input", in[0]);
          for (int i = 1; i < kScalingInputs; ++i) check_channels("scale_channels", names[i], in, i, in[0]);
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
        },
    .forward = run_list<write_scaling, 1>,
    .place = place_list,
    .grad =
        [](GradCall& call) {
          const Tensor& g = call.grad();
          const Tensor x = call.in(0), rstd = call.in(2), weight = call.in(3);
          const auto times = [](const Tensor& t, const Tensor& factor) { return factor ? mul(t, factor) : t; };
          if (call.needs(0)) {
            const Tensor scale = rstd ? times(rstd, weight) : weight;
            call.set(0, scale ? mul(g, beside(scale, x)) : g);
          }
          if (!call.needs(1) && !call.needs(2) && !call.needs(3) && !call.needs(4)) return;
          const std::vector<Tensor> sums = apply_all(products_op, std::array<Tensor, 3>{g, x, call.in(1)});
          if (call.needs(1)) call.set(1, neg(times(times(sums[1], rstd), weight)));
          if (call.needs(2)) call.set(2, times(sums[0], weight));
          if (call.needs(3)) call.set(3, times(sums[0], rstd));
          if (call.needs(4)) call.set(4, sums[1]);
        },
    .reads = IN_0 | IN_1 | IN_2 | IN_3,
    .compose = [](const Attrs*, std::span<const Tensor> in) { return std::vector<Tensor>{scaled(in)}; },
    .lower = [](const LowerCall& call) { return std::vector<Tensor>{scaled(inputs_of(call, kScalingInputs))}; },
};
BS_REGISTER(scale_op);

// ---- The derivative ------------------------------------------------------------------------------------------------

void write_backward(Pass& p) {
  constexpr uint8_t t = Pass::kTemp, out = Pass::kOut;
  p.add(Ew::sub, t, p.in(1), p.in(2));
  p.add(Ew::mul, t, t, p.in(3));
  p.add(Ew::add, t, t, p.in(4));
  p.add(Ew::mul, out, p.in(0), p.in(5));
  p.add(Ew::sub, out, out, t);
}
std::vector<Tensor> composed_backward(std::span<const Tensor> in) {
  const Tensor& x = in[1];
  const Tensor along = mul(sub(x, beside(in[2], x)), beside(in[3], x));
  return {sub(mul(in[0], beside(in[5], x)), add(along, beside(in[4], x)))};
}

const Op backward_op{
    .name = "batch_norm_backward",
    .doc =
        "dx = (g - (x - mean) slope - level) scale for g and x (N, C, ...), with one number per channel (axis 1): "
        "the derivative of batch_norm, with scale = rstd weight, slope = rstd^2 sum g (x - mean) / n, level = "
        "sum g / n.",
    .inputs = {{"g"}, {"input"}, {"mean"}, {"slope"}, {"level"}, {"scale"}},
    .outputs = {"dx"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          constexpr const char* names[] = {"g", "input", "mean", "slope", "level", "scale"};
          check_gradient("batch_norm_backward", in[0], in[1]);
          for (int i = 2; i < kMostOperands; ++i) check_channels("batch_norm_backward", names[i], in, i, in[1]);
          out[0].dtype = in[1].dtype;
          out[0].shape = in[1].shape;
        },
    .forward = run_list<write_backward, 2>,
    .place = place_list,
    .compose = [](const Attrs*, std::span<const Tensor> in) { return composed_backward(in); },
    .lower = [](const LowerCall& call) { return composed_backward(inputs_of(call, kMostOperands)); },
};
BS_REGISTER(backward_op);

// ---- Batch norm ----------------------------------------------------------------------------------------------------

// Channels that one pass takes at once, so that the second finds their images in L2.
int64_t block_of(const Images& x, DType dtype) {
  constexpr int64_t kL2 = 512 * 1024;
  const int64_t bytes = std::max<int64_t>(1, x.per_channel() * static_cast<int64_t>(size_of(dtype)));
  return std::clamp<int64_t>(kL2 / bytes, 1, std::max<int64_t>(1, x.channels));
}

// Channels [c, c + n), whose rstd are at `rstd`; `room` is for 3 images n numbers.
void normalise(const Call& call, const Images& x, int64_t c, int64_t n, char* rstd, char* room) {
  const auto& kernels = kernels::active();
  const DType dtype = call.in[0].dtype();
  const int64_t item = static_cast<int64_t>(size_of(dtype)), plane = x.inner * item, image = x.channels * plane;
  char *from = call.in[0].data + c * plane, *to = call.out[0].data + c * plane;
  char *mean = call.out[1].data + c * item, *var = call.out[2].data + c * item;
  if (x.inner == 1) {
    kernels.join_moments(dtype, x.images, x.channels, 1, from, nullptr, nullptr, mean, var, 0, n);
  } else {
    const int64_t row = n * item;
    char *sum = room + x.images * row, *squares = sum + x.images * row;
    for (int64_t i = 0; i < x.images; ++i)
      kernels.plane_moments(dtype, x.inner, from + i * image, room + i * row, sum + i * row, squares + i * row, 0, n);
    kernels.join_moments(dtype, x.images, n, x.inner, room, sum, squares, mean, var, 0, n);
  }
  with_float(dtype, [&](auto zero) {
    using T = decltype(zero);
    const T eps = static_cast<T>(call.attrs->get<double>(0));
    for (int64_t k = 0; k < n; ++k)
      reinterpret_cast<T*>(rstd)[k] = T(1) / std::sqrt(reinterpret_cast<const T*>(var)[k] + eps);
  });

  // All images in one list where that is all of x, else one after the other.
  const int64_t together = n == x.channels ? x.images : 1;
  const Spec images{dtype, {together, n, x.inner}, {}}, channels{dtype, {n}, {}};
  const auto of_channels = [&](char* data) { return data ? View{&channels, data + c * item} : View{nullptr, nullptr}; };
  for (int64_t i = 0; i < x.images; i += together)
    scale_images(call, images,
                 {View{&images, from + i * image}, View{&channels, mean}, View{&channels, rstd},
                  of_channels(call.data_of(1)), of_channels(call.data_of(2))},
                 to + i * image);
}

// y, mean and variance by ops, to the bits of `forward`.
std::vector<Tensor> by_ops(const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<Tensor> made = apply_all(moments_op, in.first(1));
  const Tensor rstd = rsqrt(add(made[1], attrs.get<double>(0)));
  made.insert(made.begin(), scaled(std::array<Tensor, 5>{in[0], made[0], rstd, given(in, 1) ? in[1] : Tensor(),
                                                         given(in, 2) ? in[2] : Tensor()}));
  return made;
}

const Op batch_norm_op{
    .name = "batch_norm",
    .doc =
        "y = (x - mean) (var + eps)^(-1/2) weight + bias of x (N, C, ...): mean and var are those of each channel "
        "(axis 1) over all else, var the biased variance (divided by the count); weight and bias are (C,), 1 and 0 "
        "if left out. Source: Ioffe and Szegedy (2015), Batch Normalization, arXiv:1502.03167.\n\nThe op gives y, "
        "mean, var.",
    .inputs = {{"input"}, {"weight", true}, {"bias", true}},
    .attrs = {{"eps", AttrType::real, false, 1e-5}},
    .outputs = {"out", "mean", "var"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check_images("batch_norm", "input", in[0]);
          check_channels("batch_norm", "weight", in, 1, in[0]);
          check_channels("batch_norm", "bias", in, 2, in[0]);
          for (int i = 0; i < 3; ++i) out[i].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
          out[1].shape = out[2].shape = Dims{in[0].shape[1]};
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Images x = images_of(call.in[0].shape());
      const DType dtype = call.in[0].dtype();
      const int64_t block = block_of(x, dtype), item = static_cast<int64_t>(size_of(dtype));
      for (int64_t c = lo; c < hi; c += block)
        normalise(call, x, c, std::min(block, hi - c), call.scratch, call.scratch + block * item);
      return -1;
    },
    .scratch_bytes =
        [](const Attrs*, const Specs& in, const Spec*) {
          const Images x = images_of(in[0].shape);
          const int64_t numbers = block_of(x, in[0].dtype) * (1 + (x.inner == 1 ? 0 : 3 * x.images));
          return static_cast<size_t>(numbers) * size_of(in[0].dtype);
        },
    .scratch_of_thread = true,
    .place =
        [](const Attrs*, const Specs& in, const Spec*) {
          const Images x = images_of(in[0].shape);
          return Placement{x.channels, x.inner < 16 ? 16 : 1, {}, true};
        },
    .grad =
        [](GradCall& call) {
          const Tensor x = call.in(0), mean = call.out(1), weight = call.in(1);
          const Tensor rstd = rsqrt(add(call.out(2), call.attrs().get<double>(0)));
          const std::vector<Tensor> sums = apply_all(products_op, std::array<Tensor, 3>{call.grad(), x, mean});
          const Tensor dweight = mul(sums[0], rstd);
          if (call.needs(0)) {
            const double n = static_cast<double>(images_of(x.shape()).per_channel());
            const Tensor scale = weight ? mul(rstd, weight) : rstd, share = div(scale, n);
            const Tensor in[] = {call.grad(), x, mean, mul(share, mul(dweight, rstd)), mul(share, sums[1]), scale};
            call.set(0, bs::apply(backward_op, in));
          }
          if (call.needs(1)) call.set(1, dweight);
          if (call.needs(2)) call.set(2, sums[1]);
        },
    .reads = IN_0 | IN_1 | OUT_1 | OUT_2,
    .compose = [](const Attrs* attrs, std::span<const Tensor> in) { return by_ops(*attrs, in); },
    .lower = [](const LowerCall& call) { return by_ops(call.attrs(), inputs_of(call, 3)); },
};
BS_REGISTER(batch_norm_op);

}  // namespace
}  // namespace bs::ops
