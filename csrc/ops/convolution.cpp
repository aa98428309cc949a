// Convolutions of one to three axes. Closed under their own three forms: each is linear in both of its tensors, and its
// derivatives are the other two, so those of any order are these ops again.
//
//   y = convolution(x, w)          y[i] = sum over taps t of x[i stride - padding + t dilation] w[t]
//   x' = convolution_input(y, w)   the transpose of x -> y, and so the transposed convolution
//   w' = convolution_weight(x, y)  the transpose of w -> y
//
// Images are (N, C, ...), or (C, ...) for one alone; filters (O, C / groups, ...). The sizes of a result are attributes
// (`size`, `kernel_size`), as several sizes of x give one of y where there is a stride.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "ops/batch.h"
#include "ops/convolution.h"

namespace bs::ops {
namespace {

using kernels::Conv;

constexpr double kFlopsPerNanosecond = 60;  // as of products
// So many samples are shared out whole, and hand parts of a batch on; of fewer, planes are.
constexpr int64_t kEnoughSamples = 8;

// ---- Attributes and shapes ------------------------------------------------------------------------------------

// Of all three ops, in this order. SIZE: spatial sizes of the result.
enum : int { STRIDE, PADDING, DILATION, GROUPS, SIZE };

std::vector<AttrSchema> attributes(AttrSchema size) {
  return {{"stride", AttrType::integers, true},
          {"padding", AttrType::integers, true},
          {"dilation", AttrType::integers, true},
          {"groups", AttrType::integer, true},
          std::move(size)};
}

ConvSetting setting_of(const Attrs& a) {
  return {a.get<Integers>(STRIDE), a.get<Integers>(PADDING), a.get<Integers>(DILATION), a.get<int64_t>(GROUPS)};
}
Ref<Attrs> with_size(const Attrs& a, Integers size) {
  std::vector<Attr> values = a.values;
  values[SIZE] = std::move(size);
  return Attrs::make(std::move(values));
}

// Names of an op's inputs with their shapes, for errors.
std::string shapes_of(const Specs& in, std::initializer_list<const char*> names) {
  std::string s;
  int i = 0;
  for (const char* name : names) {
    if (in.has(i)) s += cat(s.empty() ? "" : ", ", name, " is ", str(in[i].shape));
    ++i;
  }
  return s;
}

void check_dtypes(const char* name, const Specs& in, std::initializer_list<const char*> names) {
  bool same = is_float(in[0].dtype);
  for (int i = 1; i < in.size(); ++i) same &= !in.has(i) || in[i].dtype == in[0].dtype;
  if (same) return;
  std::string s;
  int i = 0;
  for (const char* of : names) {
    if (in.has(i)) s += cat(s.empty() ? "" : ", ", of, " is ", name_of(in[i].dtype));
    ++i;
  }
  throw DTypeError(cat("[", name, "] ", s, ": all must be float32 or all float64; cast, as in ",
                       is_float(in[1].dtype) ? cat(*names.begin(), ".to(bs.", name_of(in[1].dtype), ")")
                                             : cat(names.begin()[1], ".to(bs.float32)")));
}

// The axes of an image that filters are for.
int axes_of(const char* name, const Dims& weight) {
  const int axes = weight.size() - 2;
  if (axes < 1 || axes > 3)
    throw ShapeError(cat("[", name, "] weight is ", str(weight),
                         ": filters have three to five axes, two of channels and one to three of an image"));
  return axes;
}

// Of an image and filters, or of two images.
[[noreturn]] void refuse(const char* name, const std::string& shapes, const std::string& why) {
  throw ShapeError(cat("[", name, "] ", shapes, ": ", why));
}

void check_image(const char* name, const std::string& shapes, const char* what, const Dims& image, int axes) {
  if (image.size() != axes + 2 && image.size() != axes + 1)
    refuse(name, shapes, cat(what, " must have ", axes + 2, " axes, (N, C, ...), or ", axes + 1, " without a batch"));
  for (int64_t s : spatial(image, axes))
    if (s < 1 || s >= kMostSize) refuse(name, shapes, cat(what, " has an image of ", shown(spatial(image, axes))));
}

// Of images and filters that are applied, or transposed.
void check_tensors(const char* name, const Specs& in, const ConvSetting& s, int axes, bool transposed) {
  const Dims &image = in[0].shape, &w = in[1].shape;
  const std::string shapes = shapes_of(in, {"input", "weight", "bias"});
  check_image(name, shapes, "input", image, axes);
  for (int64_t k : spatial(w, axes))
    if (k < 1 || k >= kMostSize) refuse(name, shapes, cat("filters of ", shown(spatial(w, axes)), " are none"));
  if (w[0] < 1 || w[0] % s.groups != 0)
    refuse(name, shapes, cat("groups, ", s.groups, ", must divide axis 0 of weight, of at least 1"));
  const int64_t all = w[1] * s.groups, wanted = transposed ? w[0] : all, channels = transposed ? all : w[0];
  if (const int64_t given = image[image.size() - axes - 1]; given != wanted)
    refuse(
        name, shapes,
        cat("input has ", given, " channels, weight is for ", wanted,
            s.groups > 1 ? cat(" in ", s.groups, " groups") : std::string(),
            image.size() == axes + 2 && image[0] == wanted ? "; one image alone has no axis before its channels" : ""));
  if (in.has(2) && !(in[2].shape == Dims{channels})) refuse(name, shapes, cat("bias must be (", channels, ",)"));
}

// (N, channels, size...) or, as the image is, without N.
Dims image_shape(const Dims& like, int axes, int64_t channels, const Integers& size) {
  Dims shape;
  if (like.size() == axes + 2) shape.push(like[0]);
  shape.push(channels);
  for (int64_t s : size) shape.push(s);
  return shape;
}

// Of a convolution without a size of its own: as far as the filters lie within the image and its border.
Integers convolved_size(const char* name, const ConvSetting& s, const Integers& x, const Integers& kernel) {
  Integers size, padded;
  bool fits = true;
  for (size_t a = 0; a < x.size(); ++a) {
    padded.push_back(x[a] + 2 * s.padding[a]);
    const int64_t room = padded[a] - s.dilation[a] * (kernel[a] - 1) - 1;
    fits &= room >= 0;
    size.push_back(room / s.stride[a] + 1);
  }
  if (fits) return size;
  const bool dilated = std::any_of(s.dilation.begin(), s.dilation.end(), [](int64_t d) { return d != 1; });
  throw ShapeError(cat(
      "[", name, "] the kernel, ", shown(kernel), dilated ? cat(" with dilation ", shown(s.dilation)) : std::string(),
      ", is larger than the image with its border, ", shown(padded), ": give more padding, or a smaller kernel"));
}

// What the kernels know of x (images of y's form), w and y.
Conv conv_of(const ConvSetting& s, DType dtype, const Dims& x, const Dims& y, const Integers& kernel) {
  const int axes = static_cast<int>(kernel.size()), first = 3 - axes;
  Conv c{dtype,
         x.size() == axes + 2 ? x[0] : 1,
         s.groups,
         x[x.size() - axes - 1] / s.groups,
         y[y.size() - axes - 1] / s.groups,
         {1, 1, 1},
         {1, 1, 1},
         {1, 1, 1},
         {1, 1, 1},
         {0, 0, 0},
         {1, 1, 1}};
  for (int a = 0; a < axes; ++a) {
    const size_t i = static_cast<size_t>(a);
    c.x[first + a] = x[x.size() - axes + a];
    c.y[first + a] = y[y.size() - axes + a];
    c.kernel[first + a] = kernel[i];
    c.stride[first + a] = s.stride[i];
    c.padding[first + a] = s.padding[i];
    c.dilation[first + a] = s.dilation[i];
  }
  return c;
}
// Of each op, by its inputs and its output.
Conv forward_of(const Attrs* a, const Specs& in, const Spec& out) {
  return conv_of(setting_of(*a), out.dtype, in[0].shape, out.shape, spatial(in[1].shape, in[1].shape.size() - 2));
}
Conv input_of(const Attrs* a, const Specs& in, const Spec& out) {
  return conv_of(setting_of(*a), out.dtype, out.shape, in[0].shape, spatial(in[1].shape, in[1].shape.size() - 2));
}
Conv weight_of(const Attrs* a, const Specs& in, const Spec& out) {
  return conv_of(setting_of(*a), out.dtype, in[0].shape, in[1].shape, spatial(out.shape, out.shape.size() - 2));
}

// Leaves forward the Conv.
template <auto conv>
void prepare(Call& call) {
  const Spec* in[2];
  call.set_plan(conv(call.attrs, specs_of(call, in), *call.out[0].spec));
}

template <auto conv>
double cost(const Attrs* a, const Specs& in, const Spec* out) {
  const Conv c = conv(a, in, out[0]);
  double flops = static_cast<double>(c.samples * c.groups) * static_cast<double>(c.in) * static_cast<double>(c.out);
  for (int i = 0; i < 3; ++i) flops *= static_cast<double>(c.y[i]) * static_cast<double>(c.kernel[i]);
  return flops / kFlopsPerNanosecond;
}

// Of an op whose result has `channels` planes per sample. Images hand parts of a batch on where there are enough; else
// parts are planes that the kernel takes together.
Placement place_planes(int64_t samples, int64_t channels) {
  Placement place;
  place.extent = samples * channels;
  place.granule = std::max<int64_t>(channels, 1);
  if (samples >= kEnoughSamples)
    place.aligned = IN_0;
  else if (samples == 1)  // of one block, halves: their tiles are slower, but two threads have one each
    place.granule = channels > kernels::kConvBlock ? kernels::kConvBlock : kernels::kConvBlock / 2;
  else if (const int64_t together = std::gcd(channels, kernels::kConvBlock); 2 * together >= kernels::kConvBlock)
    place.granule = together;
  return place;
}

// ---- The ops --------------------------------------------------------------------------------------------------

// All axes but the channels.
Tensor sum_to_channels(const Tensor& g, int axes) {
  Dims dims;
  for (int d = 0; d < g.shape().size(); ++d)
    if (d != g.shape().size() - axes - 1) dims.push(d);
  return sum(g, dims);
}

extern const Op convolution_op, convolution_input_op, convolution_weight_op;

const Op convolution_op{
    .name = "convolution",
    .doc =
        "y[n, o, i] = bias[o] + sum over taps t and channels c of the group of input[n, c, i stride - padding + t "
        "dilation] weight[o, c, t]: input is (N, C, ...) or (C, ...) and 0 outside its axes, weight (O, C / groups, "
        "...). `size` is that of y; if left out, the filters lie within the input and a border of `padding`. An "
        "element is a chain of fused multiply-adds over taps, row-major, and channels, then the bias.",
    .inputs = {{"input"}, {"weight"}, {"bias", true}},
    .attrs = attributes({"size", AttrType::integers}),
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          const char* name = "convolution";
          const Dims &x = in[0].shape, &w = in[1].shape;
          const ConvSetting s = setting_of(*a);
          const int axes = axes_of(name, w);
          check_setting(name, s, axes);
          check_tensors(name, in, s, axes, false);
          check_dtypes(name, in, {"input", "weight", "bias"});
          if (a->has(SIZE)) check_numbers(name, "size", a->get<Integers>(SIZE), axes, 1);
          out[0].dtype = in[0].dtype;
          out[0].shape = image_shape(
              x, axes, w[0],
              a->has(SIZE) ? a->get<Integers>(SIZE) : convolved_size(name, s, spatial(x, axes), spatial(w, axes)));
        },
    .prepare = prepare<forward_of>,
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().convolution(call.plan_as<Conv>(), call.in[0].data, call.in[1].data, call.data_of(2),
                                    call.out[0].data, lo, hi, call.scratch);
      return -1;
    },
    .scratch_bytes = [](const Attrs* a, const Specs& in,
                        const Spec* out) { return kernels::active().convolution_scratch(forward_of(a, in, out[0])); },
    .scratch_of_thread = true,
    .place =
        [](const Attrs* a, const Specs& in, const Spec* out) {
          const Conv c = forward_of(a, in, out[0]);
          return place_planes(c.samples, c.groups * c.out);
        },
    .cost = cost<forward_of>,
    .grad =
        [](GradCall& call) {
          const Tensor x = call.in(0), w = call.in(1), g = call.grad();
          const int axes = w.shape().size() - 2;
          if (call.needs(0))
            call.set(0, apply(convolution_input_op, {g, w}, with_size(call.attrs(), spatial(x.shape(), axes))));
          if (call.needs(1))
            call.set(1, apply(convolution_weight_op, {x, g}, with_size(call.attrs(), spatial(w.shape(), axes))));
          if (call.needs(2)) call.set(2, sum_to_channels(g, axes));
        },
    .reads = IN_0 | IN_1,
};
BS_REGISTER(convolution_op);

const Op convolution_input_op{
    .name = "convolution_input",
    .doc =
        "x[n, c, j] = bias[c] + sum over taps t and filters o of the group of input[n, o, i] weight[o, c, t] where i "
        "stride - padding + t dilation = j: the derivative of convolution by its input, which is the transposed "
        "convolution. input is (N, O, ...) or (O, ...), weight (O, C / groups, ...), `size` that of x. An element is "
        "a chain of fused multiply-adds over taps, row-major, and filters, then the bias.",
    .inputs = {{"input"}, {"weight"}, {"bias", true}},
    .attrs = attributes({"size", AttrType::integers, true}),
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          const char* name = "convolution_input";
          const Dims& w = in[1].shape;
          const ConvSetting s = setting_of(*a);
          const int axes = axes_of(name, w);
          check_setting(name, s, axes);
          check_tensors(name, in, s, axes, true);
          check_dtypes(name, in, {"input", "weight", "bias"});
          check_numbers(name, "size", a->get<Integers>(SIZE), axes, 1);
          out[0].dtype = in[0].dtype;
          out[0].shape = image_shape(in[0].shape, axes, w[1] * s.groups, a->get<Integers>(SIZE));
        },
    .prepare = prepare<input_of>,
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().convolution_input(call.plan_as<Conv>(), call.in[0].data, call.in[1].data, call.data_of(2),
                                          call.out[0].data, lo, hi, call.scratch);
      return -1;
    },
    .scratch_bytes =
        [](const Attrs* a, const Specs& in, const Spec* out) {
          return kernels::active().convolution_input_scratch(input_of(a, in, out[0]));
        },
    .scratch_of_thread = true,
    .place =
        [](const Attrs* a, const Specs& in, const Spec* out) {
          const Conv c = input_of(a, in, out[0]);
          return place_planes(c.samples, c.groups * c.in);
        },
    .cost = cost<input_of>,
    .grad =
        [](GradCall& call) {
          const Tensor y = call.in(0), w = call.in(1), g = call.grad();
          const int axes = w.shape().size() - 2;
          if (call.needs(0))
            call.set(0, apply(convolution_op, {g, w}, with_size(call.attrs(), spatial(y.shape(), axes))));
          if (call.needs(1))
            call.set(1, apply(convolution_weight_op, {g, y}, with_size(call.attrs(), spatial(w.shape(), axes))));
          if (call.needs(2)) call.set(2, sum_to_channels(g, axes));
        },
    .reads = IN_0 | IN_1,
};
BS_REGISTER(convolution_input_op);

const Op convolution_weight_op{
    .name = "convolution_weight",
    .doc =
        "w[o, c, t] = sum over n and i of input[n, c, i stride - padding + t dilation] g[n, o, i]: the derivative of "
        "convolution by its weight. input is (N, C, ...) or (C, ...), g (N, O, ...) or (O, ...), `kernel_size` that of "
        "w. A sum is a chain of fused multiply-adds over images and their elements, in blocks of about 256 elements "
        "of g that are added in order.",
    .inputs = {{"input"}, {"g"}},
    .attrs = attributes({"kernel_size", AttrType::integers, true}),
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          const char* name = "convolution_weight";
          const Dims &x = in[0].shape, &g = in[1].shape;
          const ConvSetting s = setting_of(*a);
          const Integers& kernel = a->get<Integers>(SIZE);
          const int axes = static_cast<int>(kernel.size());
          if (axes < 1 || axes > 3)
            throw ValueError(cat("[", name, "] kernel_size has ", axes, " numbers, not 1 to 3"));
          check_setting(name, s, axes);
          check_numbers(name, "kernel_size", kernel, axes, 1);
          const std::string shapes = shapes_of(in, {"input", "g"});
          check_image(name, shapes, "input", x, axes);
          check_image(name, shapes, "g", g, axes);
          if (x.size() != g.size() || (x.size() == axes + 2 && x[0] != g[0]))
            refuse(name, shapes, "they must have the same batch");
          const int64_t channels = x[x.size() - axes - 1], filters = g[g.size() - axes - 1];
          if (channels % s.groups != 0 || filters % s.groups != 0)
            refuse(name, shapes, cat("groups, ", s.groups, ", must divide ", channels, " and ", filters));
          check_dtypes(name, in, {"input", "g"});
          out[0].dtype = in[0].dtype;
          out[0].shape = Dims{filters, channels / s.groups};
          for (int64_t k : kernel) out[0].shape.push(k);
        },
    .prepare = prepare<weight_of>,
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().convolution_weight(call.plan_as<Conv>(), call.in[0].data, call.in[1].data, call.out[0].data, lo,
                                           hi, call.scratch);
      return -1;
    },
    .scratch_bytes =
        [](const Attrs* a, const Specs& in, const Spec* out) {
          return kernels::active().convolution_weight_scratch(weight_of(a, in, out[0]));
        },
    .scratch_of_thread = true,
    // A unit has one channel of several filters, so no part of the result is whole before all are.
    .place =
        [](const Attrs* a, const Specs& in, const Spec* out) {
          Placement place;
          place.extent = kernels::active().convolution_weight_units(weight_of(a, in, out[0]));
          place.outputs_whole = true;
          return place;
        },
    .cost = cost<weight_of>,
    .grad =
        [](GradCall& call) {
          const Tensor x = call.in(0), y = call.in(1), g = call.grad();
          const int axes = g.shape().size() - 2;
          if (call.needs(0))
            call.set(0, apply(convolution_input_op, {y, g}, with_size(call.attrs(), spatial(x.shape(), axes))));
          if (call.needs(1))
            call.set(1, apply(convolution_op, {x, g}, with_size(call.attrs(), spatial(y.shape(), axes))));
        },
    .reads = IN_0 | IN_1,
};
BS_REGISTER(convolution_weight_op);

// ---- Batches --------------------------------------------------------------------------------------------------

// Where the filters vary, and for their derivative, the samples of the outer batch are groups: (B, N, C, ...) becomes
// (N, B C, ...), and (B, C, ...) one image of B C channels.
Tensor as_groups(const BatchCall& call, int i, int axes) {
  Tensor t = whole(call, i);
  const bool batched = call.spec(i).shape.size() == axes + 2;
  if (batched) t = transpose(t, 0, 1);
  Dims shape = t.shape();  // (N, B, C, ...) or (B, C, ...)
  const int at = batched ? 1 : 0;
  shape[at] *= shape[at + 1];
  shape.erase(at + 1);
  return reshape(t, shape);
}
// Back, of a result whose images are as the op gives them for one sample.
Tensor from_groups(const BatchCall& call, const Tensor& t, int axes) {
  Dims shape = t.shape();
  const int at = call.out_spec().shape.size() == axes + 2 ? 1 : 0;
  shape[at] /= call.size();
  shape.insert(at, call.size());
  const Tensor made = reshape(t, shape);
  return at == 1 ? transpose(made, 0, 1) : made;
}
Ref<Attrs> with_groups(const BatchCall& call) {
  std::vector<Attr> values = call.attrs().values;
  values[GROUPS] = call.attrs().get<int64_t>(GROUPS) * call.size();
  return Attrs::make(std::move(values));
}
// (B, N, ...) as (B N, ...).
Tensor as_samples(const BatchCall& call, int i, int axes) {
  const Tensor& t = call.in(i);
  if (call.spec(i).shape.size() != axes + 2) return t;
  Dims shape = t.shape();
  shape[0] *= shape[1];
  shape.erase(1);
  return reshape(t, shape);
}

// Of the two that take images and filters.
std::vector<Tensor> batch_of_images(const BatchCall& call) {
  const int axes = call.spec(1).shape.size() - 2;
  if (call.size() == 0) return {};
  if (!call.batched(1) && !(call.has(2) && call.batched(2))) {
    const Tensor in[] = {as_samples(call, 0, axes), call.in(1), call.has(2) ? call.in(2) : Tensor()};
    return {apply(call.op(), in, call.same_attrs())};
  }
  Dims filters = call.spec(1).shape;  // (B, O, ...) as (B O, ...)
  filters[0] *= call.size();
  Tensor bias;
  if (call.has(2)) bias = reshape(whole(call, 2), {call.size() * call.spec(2).shape[0]});
  const Tensor in[] = {as_groups(call, 0, axes), reshape(whole(call, 1), filters), bias};
  return {from_groups(call, apply(call.op(), in, with_groups(call)), axes)};
}
BS_BATCH(convolution_op, batch_of_images);
BS_BATCH(convolution_input_op, batch_of_images);

BS_BATCH(convolution_weight_op, [](const BatchCall& call) -> std::vector<Tensor> {
  if (call.size() == 0) return {};
  const int axes = call.out_spec().shape.size() - 2;
  return {apply(convolution_weight_op, {as_groups(call, 0, axes), as_groups(call, 1, axes)}, with_groups(call))};
});

}  // namespace

std::string shown(const Integers& sizes) {
  std::string s;
  for (int64_t n : sizes) s += cat(s.empty() ? "" : ", ", n);
  return cat("(", s, sizes.size() == 1 ? ",)" : ")");
}

void check_numbers(const char* name, const char* what, const Integers& v, int axes, int64_t least) {
  if (static_cast<int>(v.size()) != axes)
    throw ValueError(cat("[", name, "] ", what, " has ", v.size(), " numbers; it must have ", axes,
                         ", one for each axis of an image"));
  for (int64_t n : v)
    if (n < least || n >= kMostSize)
      throw ValueError(cat("[", name, "] ", what, " is ", n, "; it must be at least ", least, " and below 2^31"));
}

void check_setting(const char* name, const ConvSetting& s, int axes) {
  check_numbers(name, "stride", s.stride, axes, 1);
  check_numbers(name, "padding", s.padding, axes, 0);
  check_numbers(name, "dilation", s.dilation, axes, 1);
  if (s.groups < 1) throw ValueError(cat("[", name, "] groups is ", s.groups, "; it must be at least 1"));
}

namespace {

Ref<Attrs> attributes_of(ConvSetting s, Attr size) {
  return Attrs::make({std::move(s.stride), std::move(s.padding), std::move(s.dilation), s.groups, std::move(size)});
}

}  // namespace

Tensor convolution(std::span<const Tensor> in, ConvSetting s, std::optional<Integers> size) {
  return apply(convolution_op, in, attributes_of(std::move(s), size ? Attr(std::move(*size)) : Attr()));
}
Tensor convolution_input(std::span<const Tensor> in, ConvSetting s, Integers size) {
  return apply(convolution_input_op, in, attributes_of(std::move(s), std::move(size)));
}

}  // namespace bs::ops
