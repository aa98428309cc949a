// Images at given places, and its derivatives: by the image the transpose of a linear map, by the places an op whose
// own derivative goes through its composition.
#include <array>
#include <string>

#include "base/error.h"
#include "ops/batch.h"
#include "ops/ops.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

using kernels::GridBorder;
using kernels::GridMode;
using kernels::GridSample;

const std::vector<AttrSchema> kGrid{
    {.name = "mode", .type = AttrType::word, .default_value = int64_t{0}, .words = {"bilinear", "nearest", "bicubic"}},
    {.name = "padding_mode",
     .type = AttrType::word,
     .default_value = int64_t{0},
     .words = {"zeros", "border", "reflection"}},
    {"align_corners", AttrType::boolean, false, false}};
constexpr int kInputSize = 3;  // of the gradient by the image

std::vector<AttrSchema> with_input_size() {
  std::vector<AttrSchema> attrs = kGrid;
  attrs.push_back({"input_size", AttrType::dims, true});
  return attrs;
}
Ref<Attrs> with_input_size(const Attrs& attrs, const Dims& image) {
  Dims sizes;
  for (int d = 2; d < image.size(); ++d) sizes.push(image[d]);
  std::vector<Attr> values = attrs.values;
  values.push_back(sizes);
  return Attrs::make(std::move(values));
}
Ref<Attrs> without_input_size(const Attrs& attrs) {
  std::vector<Attr> values = attrs.values;
  values.pop_back();
  return Attrs::make(std::move(values));
}

// (N, C, D, H, W) and (N, .., 3), or (N, C, H, W) and (N, .., 2).
GridSample sample_of(const char* name, const Attrs* attrs, const Dims& x, const Spec& grid) {
  const int axes = x.size() - 2;
  if ((axes != 2 && axes != 3) || grid.shape.size() != axes + 2 || grid.shape[0] != x[0] || grid.shape.back() != axes)
    throw ShapeError(cat("[", name, "] input is ", str(x), ", grid is ", str(grid.shape),
                         ": they must be (N, C, H, W) and (N, H', W', 2), or (N, C, D, H, W) and (N, D', H', W', 3)"));
  GridSample s{.dtype = grid.dtype,
               .mode = static_cast<GridMode>(attrs->get<int64_t>(0)),
               .border = static_cast<GridBorder>(attrs->get<int64_t>(1)),
               .align_corners = attrs->get<bool>(2),
               .axes = axes,
               .channels = x[1],
               .places = 1,
               .in = {}};
  if (s.mode == GridMode::cubic && axes == 3)
    throw ValueError(cat("[", name, "] mode=\"bicubic\" is for images; input is ", str(x)));
  int64_t pixels = 1;
  for (int d = 0; d < axes; ++d) {
    if (x[d + 2] > 0 && pixels <= INT32_MAX / x[d + 2])
      pixels *= s.in[d] = x[d + 2];
    else
      throw ShapeError(cat("[", name, "] input is ", str(x), ": a plane must have from 1 to 2^31 - 1 elements"));
    s.places *= grid.shape[d + 1];
  }
  if (s.channels == 0) throw ShapeError(cat("[", name, "] input is ", str(x), ": only the number of images may be 0"));
  return s;
}

void check_dtypes(const char* name, const char* what, const Spec& x, const Spec& grid) {
  need_float(name, what, x.dtype);
  if (x.dtype != grid.dtype)
    throw DTypeError(cat("[", name, "] ", what, " is ", name_of(x.dtype), ", grid is ", name_of(grid.dtype),
                         ": cast grid with .to(bs.", name_of(x.dtype), ")"));
}

// (N, C, ..) of the image, with the sizes of the grid; and the other way round.
Dims sampled(const Dims& x, const Dims& grid) {
  Dims shape{x[0], x[1]};
  for (int d = 1; d + 1 < grid.size(); ++d) shape.push(grid[d]);
  return shape;
}
Dims image_of(const char* name, const Attrs* attrs, const Dims& g) {
  if (g.size() < 2) throw ShapeError(cat("[", name, "] g is ", str(g), ": it has no channels"));
  Dims shape{g[0], g[1]};
  for (int64_t n : attrs->get<Dims>(kInputSize)) shape.push(n);
  return shape;
}
void check_gradient(const char* name, const Spec& g, const Dims& x, const Spec& grid) {
  check_dtypes(name, "g", g, grid);
  if (!(g.shape == sampled(x, grid.shape)))
    throw ShapeError(
        cat("[", name, "] g is ", str(g.shape), ", the result of ", str(x), " is ", str(sampled(x, grid.shape))));
}

// Planes of a sample have their taps in common.
Placement by_planes(const Dims& x) { return {.extent = x[0] * x[1], .granule = x[0] < 8 ? 1 : x[1], .aligned = IN_0}; }
double sample_cost(const GridSample& s, int64_t planes) {
  double taps = 1;
  for (int a = 0; a < s.axes; ++a) taps *= s.mode == GridMode::nearest ? 1 : s.mode == GridMode::linear ? 2 : 4;
  return taps * static_cast<double>(s.places * planes) * 0.4;  // nanoseconds
}

// The image's axes and the batch of vmap, which is samples more.
std::vector<Tensor> batch_of_samples(const BatchCall& call) {
  std::vector<Tensor> in;
  for (int i = 0; i < call.n_inputs(); ++i) {
    Dims shape = call.spec(i).shape;
    shape[0] *= call.size();
    in.push_back(reshape(whole(call, i), shape));
  }
  return {apply(call.op(), in, call.same_attrs())};
}

GridSample of_image(const Attrs* a, const Specs& in) { return sample_of("grid_sample", a, in[0].shape, in[1]); }

const Op grid_sample_op{
    .name = "grid_sample",
    .doc =
        "y_nc(p) = sum_q w(grid_n(p) - q) x_nc(q) over the pixels q near by. Of grid (N, .., axes), whose places (x, "
        "y) "
        "or (x, y, z) are from -1 to 1 from edge to edge of the image, or between its corner pixels with "
        "align_corners.",
    .inputs = {{"input"}, {"grid"}},
    .attrs = kGrid,
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          check_dtypes("grid_sample", "input", in[0], in[1]);
          of_image(a, in);
          out[0].dtype = in[0].dtype;
          out[0].shape = sampled(in[0].shape, in[1].shape);
        },
    .prepare =
        [](Call& call) { call.set_plan(sample_of("grid_sample", call.attrs, call.in[0].shape(), *call.in[1].spec)); },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().grid_sample(call.plan_as<GridSample>(), call.in[0].data, call.in[1].data, call.out[0].data, lo,
                                    hi);
      return -1;
    },
    .place = [](const Attrs*, const Specs& in, const Spec*) { return by_planes(in[0].shape); },
    .cost = [](const Attrs* a, const Specs& in,
               const Spec*) { return sample_cost(of_image(a, in), in[0].shape[0] * in[0].shape[1]); },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          if (call.needs(0))
            call.set(0, bs::apply(*find_op("grid_sample_input"), std::array<Tensor, 2>{call.grad(), call.in(1)},
                                  with_input_size(call.attrs(), call.spec(0).shape)));
          if (call.needs(1))
            call.set(1, bs::apply(*find_op("grid_sample_grid"),
                                  std::array<Tensor, 3>{call.grad(), call.in(0), call.in(1)}, call.same_attrs()));
        },
    .reads = IN_0 | IN_1,
};
BS_REGISTER(grid_sample_op);
BS_BATCH(grid_sample_op, batch_of_samples);

GridSample of_gradient(const Attrs* a, const Specs& in) {
  return sample_of("grid_sample_input", a, image_of("grid_sample_input", a, in[0].shape), in[1]);
}

const Op grid_sample_input_op{
    .name = "grid_sample_input",
    .doc = "dx of grid_sample, of images of input_size: what each pixel has given to, by its weights.",
    .inputs = {{"g"}, {"grid"}},
    .attrs = with_input_size(),
    .outputs = {"dx"},
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          of_gradient(a, in);
          out[0].dtype = in[0].dtype;
          out[0].shape = image_of("grid_sample_input", a, in[0].shape);
          check_gradient("grid_sample_input", in[0], out[0].shape, in[1]);
        },
    .prepare =
        [](Call& call) {
          const Spec* specs[2];
          call.set_plan(of_gradient(call.attrs, specs_of(call, specs)));
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().grid_sample_input(call.plan_as<GridSample>(), call.in[0].data, call.in[1].data,
                                          call.out[0].data, lo, hi);
      return -1;
    },
    .place = [](const Attrs*, const Specs& in, const Spec*) { return by_planes(in[0].shape); },
    .cost = [](const Attrs* a, const Specs& in,
               const Spec*) { return 4 * sample_cost(of_gradient(a, in), in[0].shape[0] * in[0].shape[1]); },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          const Ref<Attrs> attrs = without_input_size(call.attrs());
          if (call.needs(0)) call.set(0, apply(grid_sample_op, {call.grad(), call.in(1)}, attrs));
          if (call.needs(1))
            call.set(1, bs::apply(*find_op("grid_sample_grid"),
                                  std::array<Tensor, 3>{call.in(0), call.grad(), call.in(1)}, attrs));
        },
    .reads = IN_0 | IN_1,
};
BS_REGISTER(grid_sample_input_op);
BS_BATCH(grid_sample_input_op, batch_of_samples);

// ---- By the places -------------------------------------------------------------------------------------------------

// A tap along an axis: the pixel, its weight, 0 outside, and the weight's derivative by the grid's coordinate.
struct Tap {
  Tensor at, weight, slope;
};

// Where places lie in the image that they see; `turn` becomes the derivative of that.
Tensor inside(const GridSample& s, double size, Tensor at, Tensor& turn) {
  if (s.border == GridBorder::zeros) return at;
  if (s.border == GridBorder::reflection) {
    const double low = s.align_corners ? 0 : -0.5, span = s.align_corners ? size - 1 : size;
    const Tensor before = lt(at, low), away = abs(sub(at, low));
    const Tensor rest = span == 0 ? mul(at, 0.0) : fmod(away, 2 * span), back = gt(rest, span);
    turn = where(ne(before, back), neg(turn), turn);
    at = add(where(back, sub(2 * span, rest), rest), low);
  }
  const Tensor there = bitwise_and(gt(at, 0.0), lt(at, size - 1));
  turn = where(there, turn, 0.0);
  return where(there, at, where(gt(at, 0.0), size - 1, 0.0));
}

std::vector<Tap> taps_along(const GridSample& s, const Tensor& grid, double size) {
  const double scale = (s.align_corners ? size - 1 : size) / 2;
  Tensor at = mul(add(grid, 1.0), scale), turn = full(grid.shape(), scale, grid.dtype());
  if (!s.align_corners) at = sub(at, 0.5);
  if (s.mode != GridMode::cubic) at = inside(s, size, at, turn);
  std::vector<Tap> taps;
  const auto add_tap = [&](const Tensor& place, const Tensor& weight, const Tensor& slope) {
    const Tensor there = bitwise_and(ge(place, 0.0), le(place, size - 1));
    taps.push_back(
        {cast(detach(where(there, place, 0.0)), DType::i64), where(there, weight, 0.0), where(there, slope, 0.0)});
  };
  if (s.mode == GridMode::nearest) {
    const Tensor place = round(at);
    add_tap(place, full(grid.shape(), 1, grid.dtype()), full(grid.shape(), 0, grid.dtype()));
    return taps;
  }
  const Tensor near = floor(at), t = sub(at, near);
  if (s.mode == GridMode::linear) {
    add_tap(near, sub(1.0, t), neg(turn));
    add_tap(add(near, 1.0), t, turn);
    return taps;
  }
  for (int k = -1; k <= 2; ++k) {
    // Keys' cubic with a = -0.75, of the distance.
    const Tensor x = k < 1 ? sub(t, static_cast<double>(k)) : sub(static_cast<double>(k), t);
    const auto polynomial = [&](double a, double b, double c, double d) {
      return add(mul(add(mul(add(mul(x, a), b), x), c), x), d);
    };
    const bool close = k == 0 || k == 1;
    const Tensor weight = close ? polynomial(1.25, -2.25, 0, 1) : polynomial(-0.75, 3.75, -6, 3);
    const Tensor slope = close ? polynomial(0, 3.75, -4.5, 0) : polynomial(0, -2.25, 7.5, -6);
    Tensor unused = turn;
    add_tap(inside(s, size, add(near, static_cast<double>(k)), unused), weight, mul(k < 1 ? turn : neg(turn), slope));
  }
  return taps;
}

GridSample of_places(const Attrs* a, const Specs& in) { return sample_of("grid_sample_grid", a, in[1].shape, in[2]); }

std::vector<Tensor> compose_slopes(const Attrs* attrs, std::span<const Tensor> in) {
  const Tensor &g = in[0], &x = in[1], &grid = in[2];
  const GridSample s = sample_of("grid_sample_grid", attrs, x.shape(), grid.spec());
  const int64_t samples = x.shape()[0];
  int64_t pixels = 1;
  // Rows of channels, for each pixel and each place.
  const auto rows = [&](const Tensor& t, int64_t n) {
    return reshape(transpose(reshape(t, {samples, s.channels, n}), 1, 2), {samples * n, s.channels});
  };
  const auto times = [](const Tensor& t, int64_t n) { return mul(t, full({}, static_cast<double>(n), DType::i64)); };
  std::vector<std::vector<Tap>> lines;
  size_t count = 1;
  for (int a = 0; a < s.axes; ++a) {
    const Tensor of_axis = reshape(select(grid, grid.shape().size() - 1, s.axes - 1 - a), {samples, s.places});
    lines.push_back(taps_along(s, of_axis, static_cast<double>(s.in[a])));
    count *= lines.back().size();
    pixels *= s.in[a];
  }
  const Tensor gs = rows(g, s.places), xs = rows(x, pixels);
  const Tensor first = times(reshape(arange(samples, DType::i64), {samples, 1}), pixels);
  std::vector<Tensor> sums(static_cast<size_t>(s.axes));
  for (size_t k = 0; k < count; ++k) {
    std::vector<const Tap*> taps;
    Tensor at = full({samples, s.places}, 0, DType::i64);
    for (size_t a = 0, left = count, rest = k; a < lines.size(); ++a) {
      left /= lines[a].size();
      taps.push_back(&lines[a][rest / left]);
      rest %= left;
      at = add(times(at, s.in[a]), taps.back()->at);
    }
    const Tensor index = reshape(add(at, first), {samples * s.places});
    const Tensor found = apply(*find_op("index_rows"), {xs, index});
    const Tensor dot = reshape(sum(mul(gs, found), Dims{1}), {samples, s.places});
    for (size_t a = 0; a < sums.size(); ++a) {
      Tensor part = dot;
      for (size_t b = 0; b < taps.size(); ++b) part = mul(part, a == b ? taps[b]->slope : taps[b]->weight);
      sums[a] = sums[a] ? add(sums[a], part) : part;
    }
  }
  const std::vector<Tensor> coordinates(sums.rbegin(), sums.rend());
  return {reshape(stack(coordinates, 2), grid.shape())};
}

const Op grid_sample_grid_op{
    .name = "grid_sample_grid",
    .doc = "dgrid of grid_sample: of each place the sum over its pixels of the weight's derivative times sum_c g x.",
    .inputs = {{"g"}, {"x"}, {"grid"}},
    .attrs = kGrid,
    .outputs = {"dgrid"},
    .infer =
        [](const Attrs* a, const Specs& in, Spec* out) {
          check_dtypes("grid_sample_grid", "x", in[1], in[2]);
          of_places(a, in);
          check_gradient("grid_sample_grid", in[0], in[1].shape, in[2]);
          out[0].dtype = in[2].dtype;
          out[0].shape = in[2].shape;
        },
    .prepare =
        [](Call& call) {
          const Spec* specs[3];
          call.set_plan(of_places(call.attrs, specs_of(call, specs)));
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      kernels::active().grid_sample_grid(call.plan_as<GridSample>(), call.in[0].data, call.in[1].data, call.in[2].data,
                                         call.out[0].data, lo, hi);
      return -1;
    },
    .place = [](const Attrs* a, const Specs& in,
                const Spec*) { return Placement{in[1].shape[0] * of_places(a, in).places, 16, IN_2, false}; },
    .cost = [](const Attrs* a, const Specs& in,
               const Spec*) { return 2 * sample_cost(of_places(a, in), in[1].shape[0] * in[1].shape[1]); },
    .storage = Storage::cast,
    .compose = compose_slopes,
};
BS_REGISTER(grid_sample_grid_op);
BS_BATCH(grid_sample_grid_op, batch_of_samples);

}  // namespace
}  // namespace bs::ops
