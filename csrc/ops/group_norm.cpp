// Group norm: batch norm's kernels on groups of channels, or of one channel, of each sample.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/channels.h"

namespace bs::ops {
namespace {

// x (N, C, ...) as one image whose channels are those of all samples, or their groups.
Tensor one_image(const Tensor& x, int64_t channels) {
  return reshape(x, {1, channels, channels ? x.numel() / channels : 0});
}
// (N, groups) or (C,), for each channel of each sample, (N C,).
Tensor of_groups(const Tensor& t, const Images& x) {
  const int64_t groups = t.shape()[1];
  const Tensor each = expand(reshape(t, {x.images, groups, 1}), {x.images, groups, x.channels / groups});
  return reshape(each, {x.planes()});
}
Tensor of_samples(const Tensor& t, const Images& x) {
  return t ? reshape(expand(t, {x.images, x.channels}), {x.planes()}) : Tensor();
}

// Samples that one pass takes at once, so that the second finds them in L2.
int64_t samples_together(const Spec& x) {
  constexpr int64_t kL2 = 256 * 1024;
  const Images p = images_of(x.shape);
  const int64_t bytes = std::max<int64_t>(1, p.channels * p.inner * static_cast<int64_t>(size_of(x.dtype)));
  return std::clamp<int64_t>(kL2 / bytes, 1, std::max<int64_t>(1, p.images));
}

// Of shorter planes a list would spend its time on what it begins rows with: a loop gives the same bits.
constexpr int64_t kShort = 256;

// Samples [i, i + n), as one image of all their channels.
void normalise(const Call& call, int64_t i, int64_t n) {
  const Images x = images_of(call.in[0].shape());
  const DType dtype = call.in[0].dtype();
  const int64_t item = static_cast<int64_t>(size_of(dtype)), groups = call.attrs->get<int64_t>(0);
  const int64_t each = x.channels / groups, sample = x.channels * x.inner * item, planes = n * x.channels;
  const auto& kernels = kernels::active();
  char *near = call.scratch, *sum = near + n * groups * item, *squares = sum + n * groups * item;
  char* of_planes = squares + n * groups * item;  // mean, rstd, weight and bias of each
  char *mean = call.out[1].data + i * groups * item, *var = call.out[2].data + i * groups * item;
  kernels.plane_moments(dtype, each * x.inner, call.in[0].data + i * sample, near, sum, squares, 0, n * groups);
  kernels.join_moments(dtype, 1, n * groups, each * x.inner, near, sum, squares, mean, var, 0, n * groups);
  with_float(dtype, [&](auto zero) {
    using T = decltype(zero);
    const T eps = static_cast<T>(call.attrs->get<double>(1));
    const T *from_mean = reinterpret_cast<const T*>(mean), *from_var = reinterpret_cast<const T*>(var);
    T *means = reinterpret_cast<T*>(of_planes), *rstds = means + planes;
    for (int64_t g = 0; g < n * groups; ++g) {
      std::fill_n(means + g * each, each, from_mean[g]);
      std::fill_n(rstds + g * each, each, T(1) / std::sqrt(from_var[g] + eps));
    }
    for (int k = 1; k < 3; ++k)
      if (call.data_of(k))
        for (int64_t s = 0; s < n; ++s)
          std::copy_n(call.in[k].as<T>(), x.channels, means + (k + 1) * planes + s * x.channels);
    if (x.inner > kShort) return;
    const T* from = call.in[0].as<T>() + i * x.channels * x.inner;
    T* to = call.out[0].as<T>() + i * x.channels * x.inner;
    for (int64_t p = 0; p < planes; ++p, from += x.inner, to += x.inner) {
      // Left out, they are what changes no bit.
      const T weight = call.data_of(1) ? means[2 * planes + p] : T(1),
              bias = call.data_of(2) ? means[3 * planes + p] : T(-0.0);
      for (int64_t j = 0; j < x.inner; ++j) to[j] = (from[j] - means[p]) * rstds[p] * weight + bias;
    }
  });
  if (x.inner <= kShort) return;
  const Spec image{dtype, {1, planes, x.inner}, {}}, channels{dtype, {planes}, {}};
  const auto numbers = [&](int64_t k) { return View{&channels, of_planes + k * planes * item}; };
  const View none{nullptr, nullptr};
  scale_images(call, image,
               {View{&image, call.in[0].data + i * sample}, numbers(0), numbers(1), call.data_of(1) ? numbers(2) : none,
                call.data_of(2) ? numbers(3) : none},
               call.out[0].data + i * sample);
}

const Op group_norm_op{
    .name = "group_norm",
    .doc =
        "y = (x - mean) (var + eps)^(-1/2) weight + bias of x (N, C, ...): mean and var are those of each of "
        "num_groups "
        "groups of channels (axis 1) of each sample, var the biased variance (divided by the count); weight and bias "
        "are (C,), 1 and 0 if left out. Source: Wu and He (2018), Group Normalization, arXiv:1803.08494.\n\nThe op "
        "gives y, mean, var.",
    .inputs = {{"input"}, {"weight", true}, {"bias", true}},
    .attrs = {{"num_groups", AttrType::integer, true}, {"eps", AttrType::real, false, 1e-5}},
    .outputs = {"out", "mean", "var"},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_images("group_norm", "input", in[0]);
          check_channels("group_norm", "weight", in, 1, in[0]);
          check_channels("group_norm", "bias", in, 2, in[0]);
          const int64_t groups = attrs->get<int64_t>(0);
          if (groups < 1 || in[0].shape[1] % groups != 0)
            throw ShapeError(
                cat("[group_norm] input is ", str(in[0].shape), ": axis 1 must be divisible into ", groups, " groups"));
          for (int i = 0; i < 3; ++i) out[i].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
          out[1].shape = out[2].shape = Dims{in[0].shape[0], groups};
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const int64_t together = samples_together(*call.in[0].spec);
      for (; lo < hi; lo += together) normalise(call, lo, std::min(together, hi - lo));
      return -1;
    },
    .scratch_bytes =
        [](const Attrs* attrs, const Specs& in, const Spec*) {
          const int64_t each = 3 * attrs->get<int64_t>(0) + 4 * in[0].shape[1];
          return static_cast<size_t>(samples_together(in[0]) * each) * size_of(in[0].dtype);
        },
    .scratch_of_thread = true,
    .place = [](const Attrs*, const Specs& in, const Spec*) { return Placement{in[0].shape[0], 1, IN_0, false}; },
    .grad =
        [](GradCall& call) {
          const Tensor whole = call.in(0), weight = call.in(1), mean = call.out(1);
          const Images x = images_of(whole.shape());
          const int64_t groups = call.attrs().get<int64_t>(0), planes = x.planes();
          const Tensor image = one_image(whole, planes), g = one_image(call.grad(), planes);
          const Tensor rstd = rsqrt(add(call.out(2), call.attrs().get<double>(1)));
          const Tensor means = of_groups(mean, x), rstds = of_groups(rstd, x), weights = of_samples(weight, x);
          const std::vector<Tensor> sums =
              apply_all(*find_op("channel_products"), std::array<Tensor, 3>{g, image, means});
          const Tensor dot = mul(sums[0], rstds);  // sum g xhat of each channel of each sample
          if (call.needs(0)) {
            const double n = static_cast<double>(x.channels / groups * x.inner);
            const Dims split{x.images, groups, x.channels / groups};
            const auto mean_of = [&](const Tensor& t) {  // of g weight, or of that times xhat, in each group
              return div(bs::ops::sum(reshape(weights ? mul(t, weights) : t, split), Dims{2}), n);
            };
            const Tensor along = mul(mul(mean_of(dot), rstd), rstd), level = mul(mean_of(sums[1]), rstd);
            const Tensor scale = weights ? mul(rstds, weights) : rstds;
            const Tensor in[] = {g, image, means, of_groups(along, x), of_groups(level, x), scale};
            call.set(0, reshape(bs::apply(*find_op("batch_norm_backward"), in), whole.shape()));
          }
          const Dims samples{x.images, x.channels};
          if (call.needs(1)) call.set(1, bs::ops::sum(reshape(dot, samples), Dims{0}));
          if (call.needs(2)) call.set(2, bs::ops::sum(reshape(sums[1], samples), Dims{0}));
        },
    .reads = IN_0 | IN_1 | OUT_1 | OUT_2,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const Images x = images_of(in[0].shape());
          const int64_t groups = attrs->get<int64_t>(0);
          const Tensor all = one_image(in[0], x.images * groups);
          const std::vector<Tensor> found = apply_all(*find_op("channel_moments"), std::span<const Tensor>(&all, 1));
          const Tensor m = reshape(found[0], {x.images, groups}), var = reshape(found[1], {x.images, groups});
          const Tensor rstd = rsqrt(add(var, attrs->get<double>(1)));
          const Tensor given_to[] = {one_image(in[0], x.planes()), of_groups(m, x), of_groups(rstd, x),
                                     given(in, 1) ? of_samples(in[1], x) : Tensor(),
                                     given(in, 2) ? of_samples(in[2], x) : Tensor()};
          return std::vector<Tensor>{reshape(scaled(given_to), in[0].shape()), m, var};
        },
};
BS_REGISTER(group_norm_op);

}  // namespace
}  // namespace bs::ops
