// Convolutions under PyTorch's names: as many axes as these say, one number for all axes or one for each, borders that
// keep a size, and transposes that say their result's size by what is added at its end.
#include <algorithm>

#include "base/error.h"
#include "ops/composed.h"
#include "ops/convolution.h"

namespace bs::ops {
namespace {

// An attribute that is one number for all axes, or one for each.
Integers per_axis(const char* name, const char* what, const Attr& a, int axes) {
  const size_t n = static_cast<size_t>(axes);
  if (const auto* one = std::get_if<int64_t>(&a)) return Integers(n, *one);
  const auto& all = std::get<Integers>(a);
  if (all.size() == 1) return Integers(n, all[0]);
  if (all.size() != n)
    throw ValueError(cat("[", name, "] ", what, " is ", shown(all), "; it must be one number",
                         axes > 1 ? cat(", or ", axes, ", one for each axis") : std::string()));
  return all;
}

void check_axes(const char* name, const Given& x, int axes) {
  if (const int rank = x[1].shape().size(); rank != axes + 2)
    throw ShapeError(cat("[", name, "] input is ", str(x[0].shape()), ", weight is ", str(x[1].shape()),
                         ": weight must have ", axes + 2, " axes, not ", rank));
}

AttrSchema of_axes(const char* name, int64_t otherwise) { return {name, AttrType::sizes, false, otherwise}; }

// The border before each axis that keeps an image's size; after it there may be one more.
Integers same_padding(const char* name, const ConvSetting& s, const Integers& kernel) {
  if (std::any_of(s.stride.begin(), s.stride.end(), [](int64_t n) { return n != 1; }))
    throw ValueError(cat("[", name, "] padding is \"same\" and stride ", shown(s.stride),
                         ": only stride 1 keeps the size; give padding in numbers"));
  Integers padding;
  for (size_t a = 0; a < kernel.size(); ++a) padding.push_back(s.dilation[a] * (kernel[a] - 1) / 2);
  return padding;
}

template <int axes>
constexpr const char* convolution_name() {
  return axes == 1 ? "conv1d" : axes == 2 ? "conv2d" : "conv3d";
}

// Attributes: stride, padding, dilation, groups, same.
template <int axes>
Tensor named_convolution(const Given& x) {
  const char* name = convolution_name<axes>();
  const std::vector<Attr>& a = x.attrs().values;
  check_axes(name, x, axes);
  const auto numbers = [&](size_t k, const char* what) { return per_axis(name, what, a[k], axes); };
  ConvSetting s{numbers(0, "stride"), numbers(1, "padding"), numbers(2, "dilation"), x.integer(3)};
  std::optional<Integers> size;
  if (x.attrs().get<bool>(4)) {
    check_setting(name, s, axes);
    s.padding = same_padding(name, s, spatial(x[1].shape(), axes));
    if (x[0].shape().size() > axes) size = spatial(x[0].shape(), axes);
  }
  return convolution(x.all(), std::move(s), std::move(size));
}

template <int axes>
Op convolution_named(const char* doc) {
  return {
      .name = convolution_name<axes>(),
      .doc = doc,
      .inputs = {{"input"}, {"weight"}, {"bias", true}},
      .attrs = {of_axes("stride", 1),
                of_axes("padding", 0),
                of_axes("dilation", 1),
                {"groups", AttrType::integer, false, int64_t{1}},
                {"same", AttrType::boolean, false, false}},
      .compose = one<named_convolution<axes>>,
  };
}

const Op conv1d_op = convolution_named<1>(
    "out[n, o, i] = bias[o] + sum over k and the channels c of o's group of input[n, c, i stride - padding + k "
    "dilation] weight[o, c, k], where input is 0 outside its axis.");
BS_REGISTER(conv1d_op);
const Op conv2d_op = convolution_named<2>(
    "out[n, o, i, j] = bias[o] + sum over (k, l) and the channels c of o's group of input[n, c, i stride - padding + k "
    "dilation, j stride - padding + l dilation] weight[o, c, k, l], where input is 0 outside its axes.");
BS_REGISTER(conv2d_op);
const Op conv3d_op = convolution_named<3>(
    "out[n, o, p] = bias[o] + sum over k and the channels c of o's group of input[n, c, p stride - padding + k "
    "dilation] weight[o, c, k], p and k of three axes, where input is 0 outside its axes.");
BS_REGISTER(conv3d_op);

template <int axes>
constexpr const char* transposed_name() {
  return axes == 1 ? "conv_transpose1d" : axes == 2 ? "conv_transpose2d" : "conv_transpose3d";
}

// Attributes: stride, padding, output_padding, groups, dilation.
template <int axes>
Tensor named_transpose(const Given& x) {
  const char* name = transposed_name<axes>();
  const std::vector<Attr>& a = x.attrs().values;
  check_axes(name, x, axes);
  const auto numbers = [&](size_t k, const char* what) { return per_axis(name, what, a[k], axes); };
  ConvSetting s{numbers(0, "stride"), numbers(1, "padding"), numbers(4, "dilation"), x.integer(3)};
  const Integers extra = numbers(2, "output_padding");
  check_setting(name, s, axes);
  check_numbers(name, "output_padding", extra, axes, 0);
  const Dims &shape = x[0].shape(), &w = x[1].shape();
  Integers size;
  for (int d = 0; d < axes; ++d) {
    const size_t i = static_cast<size_t>(d);
    if (extra[i] >= std::max(s.stride[i], s.dilation[i]))
      throw ValueError(cat("[", name, "] output_padding is ", shown(extra), "; it must be below stride, ",
                           shown(s.stride), ", or dilation, ", shown(s.dilation)));
    const int at = shape.size() - axes + d;
    const int64_t n = at < 0 ? 1 : std::min(shape[at], kMostSize), k = std::min(w[2 + d], kMostSize);
    size.push_back((n - 1) * s.stride[i] - 2 * s.padding[i] + s.dilation[i] * (k - 1) + extra[i] + 1);
  }
  // What is wrong with the shapes themselves says the op.
  const bool sound =
      shape.size() > axes && std::all_of(shape.end() - axes, shape.end(), [](int64_t n) { return n > 0; });
  for (int64_t& n : size) {
    if (sound && (n < 1 || n >= kMostSize))
      throw ShapeError(cat("[", name, "] input is ", str(shape), ", weight is ", str(w),
                           ": the result would be an image of ", shown(size),
                           "; padding takes away, stride and output_padding add"));
    n = std::clamp<int64_t>(n, 1, kMostSize - 1);
  }
  return convolution_input(x.all(), std::move(s), std::move(size));
}

template <int axes>
Op transpose_named(const char* doc) {
  return {
      .name = transposed_name<axes>(),
      .doc = doc,
      .inputs = {{"input"}, {"weight"}, {"bias", true}},
      .attrs = {of_axes("stride", 1),
                of_axes("padding", 0),
                of_axes("output_padding", 0),
                {"groups", AttrType::integer, false, int64_t{1}},
                of_axes("dilation", 1)},
      .compose = one<named_transpose<axes>>,
  };
}

const Op conv_transpose1d_op = transpose_named<1>(
    "out[n, o, j] = bias[o] + sum over the channels c of o's group, i and k with i stride - padding + k dilation = j "
    "of input[n, c, i] weight[c, o, k].");
BS_REGISTER(conv_transpose1d_op);
const Op conv_transpose2d_op = transpose_named<2>(
    "out[n, o, j] = bias[o] + sum over the channels c of o's group, i and k with i stride - padding + k dilation = j "
    "of input[n, c, i] weight[c, o, k], where i, j and k are pairs.");
BS_REGISTER(conv_transpose2d_op);
const Op conv_transpose3d_op = transpose_named<3>(
    "out[n, o, j] = bias[o] + sum over the channels c of o's group, i and k with i stride - padding + k dilation = j "
    "of input[n, c, i] weight[c, o, k], where i, j and k have three axes.");
BS_REGISTER(conv_transpose3d_op);

}  // namespace
}  // namespace bs::ops
