// Other sizes of images, one axis at a time: each output is a sum of a few inputs, its taps, whose places and weights
// follow from sizes alone. Loops of plain C++: what they read and write is most of the time.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/batch.h"
#include "ops/lines.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

enum class Resampling { nearest, nearest_exact, linear, cubic, area, smooth_linear, smooth_cubic, smooth_lanczos };

struct Axis {
  Resampling mode;
  int64_t from, to;  // sizes
  double step;       // inputs per output
  bool align_corners;
};

// Output i is the sum of weight[k] x[at[k]] over k in [first[i], first[i + 1]).
struct Taps {
  std::vector<int64_t> first{0}, at;
  std::vector<double> weight;
  int64_t each = 0;  // how many every output has, or 0

  void add(int64_t place, double w) {
    at.push_back(place);
    weight.push_back(w);
  }
  void end() { first.push_back(static_cast<int64_t>(at.size())); }
};

// The weight of what is x away. Source: Keys (1981), Cubic convolution interpolation for digital image processing.
double cubic(double x, double a) {
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * a * x - 4 * a;
  return 0;
}
double sinc(double x) { return x == 0 ? 1 : std::sin(kPi * x) / (kPi * x); }
double smooth(Resampling mode, double x) {
  if (mode == Resampling::smooth_cubic) return cubic(x, -0.5);
  if (mode == Resampling::smooth_lanczos) return std::fabs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
  return std::max(0.0, 1 - std::fabs(x));
}

// The filter stretched over as many inputs as an output stands for, as Pillow and PyTorch have it.
void add_smooth(Taps& taps, const Axis& a, int64_t i) {
  const double half = a.mode == Resampling::smooth_linear ? 1 : a.mode == Resampling::smooth_cubic ? 2 : 3;
  const double stretch = std::max(a.step, 1.0), center = a.step * (static_cast<double>(i) + 0.5);
  const auto whole = [](double x) { return static_cast<int64_t>(x); };
  const int64_t lo = std::clamp<int64_t>(whole(center - half * stretch + 0.5), 0, a.from - 1);
  const int64_t hi = std::clamp<int64_t>(whole(center + half * stretch + 0.5), lo + 1, a.from);
  const size_t begin = taps.weight.size();
  double total = 0;
  for (int64_t j = lo; j < hi; ++j) {
    taps.add(j, smooth(a.mode, (static_cast<double>(j) + 0.5 - center) / stretch));
    total += taps.weight.back();
  }
  for (size_t k = begin; total != 0 && k < taps.weight.size(); ++k) taps.weight[k] /= total;
}

Taps taps_of(const Axis& a) {
  Taps taps;
  const int64_t last = a.from - 1;
  for (int64_t i = 0; i < a.to; ++i) {
    const double at = a.align_corners ? a.step * static_cast<double>(i) : a.step * (static_cast<double>(i) + 0.5) - 0.5;
    switch (a.mode) {
      case Resampling::nearest:
      case Resampling::nearest_exact: {
        // In floats, as PyTorch: which input is the nearest of two depends on the rounding.
        const float shift = a.mode == Resampling::nearest ? 0.0F : 0.5F;
        const float place = (static_cast<float>(i) + shift) * static_cast<float>(a.step);
        const int64_t j = static_cast<int64_t>(std::floor(place));
        taps.add(std::min(j, last), 1);
        break;
      }
      case Resampling::linear: {
        const double x = std::max(at, 0.0);
        const int64_t j = std::min(static_cast<int64_t>(x), last);
        const double w = std::min(x - static_cast<double>(j), 1.0);
        taps.add(j, 1 - w);
        taps.add(std::min(j + 1, last), w);
        break;
      }
      case Resampling::cubic: {
        const double j = std::floor(at);
        for (int k = -1; k <= 2; ++k)
          taps.add(std::clamp<int64_t>(static_cast<int64_t>(j) + k, 0, last), cubic(at - j - k, -0.75));
        break;
      }
      case Resampling::area: {
        const int64_t lo = i * a.from / a.to, hi = ((i + 1) * a.from + a.to - 1) / a.to;
        for (int64_t j = lo; j < hi; ++j) taps.add(j, 1 / static_cast<double>(hi - lo));
        break;
      }
      default:
        add_smooth(taps, a, i);
    }
    taps.end();
  }
  if (a.mode <= Resampling::cubic) taps.each = a.mode == Resampling::cubic ? 4 : a.mode == Resampling::linear ? 2 : 1;
  return taps;
}

// x (from, inner) -> y (to, inner). Of `each` taps per output, or as many as `first` says.
template <int each, class T>
void gather(const Taps& taps, const T* weight, int64_t to, int64_t inner, const T* x, T* y) {
  for (int64_t i = 0; i < to; ++i, y += inner) {
    const int64_t k = each ? i * each : taps.first[static_cast<size_t>(i)];
    const int64_t n = each ? each : taps.first[static_cast<size_t>(i + 1)] - k;
    const int64_t* at = taps.at.data() + k;
    const T* w = weight + k;
    if constexpr (each == 1) {  // of weight 1
      if (inner == 1)
        *y = x[at[0]];
      else
        std::copy_n(x + at[0] * inner, inner, y);
    } else if (inner == 1) {
      T sum = w[0] * x[at[0]];
      for (int64_t j = 1; j < n; ++j) sum += w[j] * x[at[j]];
      *y = sum;
    } else if constexpr (each > 0) {
      const T* row[each];
      for (int j = 0; j < each; ++j) row[j] = x + at[j] * inner;
      for (int64_t c = 0; c < inner; ++c) {
        T sum = w[0] * row[0][c];
        for (int j = 1; j < each; ++j) sum += w[j] * row[j][c];
        y[c] = sum;
      }
    } else {
      for (int64_t c = 0; c < inner; ++c) y[c] = w[0] * x[at[0] * inner + c];
      for (int64_t j = 1; j < n; ++j)
        for (int64_t c = 0; c < inner; ++c) y[c] += w[j] * x[at[j] * inner + c];
    }
  }
}

// g (to, inner) -> dx (from, inner): what each output took goes back, in the order of the outputs.
template <class T>
void scatter(const Taps& taps, const T* weight, const Axis& a, int64_t inner, const T* g, T* dx) {
  std::fill(dx, dx + a.from * inner, T(0));
  if (inner == 1) {
    size_t k = 0;
    for (size_t i = 0; i < static_cast<size_t>(a.to); ++i)
      for (; k < static_cast<size_t>(taps.first[i + 1]); ++k) dx[taps.at[k]] += weight[k] * g[i];
    return;
  }
  for (int64_t i = 0; i < a.to; ++i, g += inner) {
    for (int64_t k = taps.first[static_cast<size_t>(i)]; k < taps.first[static_cast<size_t>(i + 1)]; ++k) {
      T* row = dx + taps.at[static_cast<size_t>(k)] * inner;
      const T w = weight[k];
      for (int64_t c = 0; c < inner; ++c) row[c] += w * g[c];
    }
  }
}

Axis axis_of(const Attrs& attrs) {
  return {static_cast<Resampling>(attrs.get<int64_t>(1)), attrs.get<int64_t>(2), attrs.get<int64_t>(3),
          attrs.get<double>(4), attrs.get<bool>(5)};
}
bool is_transposed(const Attrs& attrs) { return attrs.get<bool>(6); }
int dim_of(const Attrs& attrs, const Dims& shape) {
  return normal_dim("resample", attrs.get<int64_t>(0), shape.size());
}

const Op resample_op{
    .name = "resample",
    .doc =
        "The axis dim of size `from` at another size, `to`: each output is a weighted sum of inputs near step (i + "
        "1/2) - 1/2, with align_corners near step i, by mode. transposed: the transpose of that map, from `to` to "
        "`from`, which is its derivative.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, true},
              {.name = "mode",
               .type = AttrType::word,
               .required = true,
               .words = {"nearest", "nearest-exact", "linear", "cubic", "area", "smooth-linear", "smooth-cubic",
                         "smooth-lanczos"}},
              {"from_size", AttrType::integer, true},
              {"to_size", AttrType::integer, true},
              {"step", AttrType::real, true},
              {"align_corners", AttrType::boolean, false, false},
              {"transposed", AttrType::boolean, false, false}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          need_float("resample", "input", in[0].dtype);
          const Axis a = axis_of(*attrs);
          const int dim = dim_of(*attrs, in[0].shape);
          const bool transposed = is_transposed(*attrs);
          if (a.from < 1 || a.to < 1 || a.from > INT32_MAX || a.to > INT32_MAX)
            throw ShapeError(
                cat("[resample] sizes are ", a.from, " and ", a.to, ": they must be at least 1, below 2^31"));
          if (!(a.step >= 0 && a.step <= 2147483647.0))
            throw ValueError(cat("[resample] step is ", a.step, ": it must be a finite number of inputs per output"));
          if (in[0].shape[dim] != (transposed ? a.to : a.from))
            throw ShapeError(cat("[resample] input is ", str(in[0].shape), ": axis ", dim, " must be of size ",
                                 transposed ? a.to : a.from));
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
          out[0].shape[dim] = transposed ? a.from : a.to;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Axis a = axis_of(*call.attrs);
      const Taps taps = taps_of(a);
      const Dims& shape = call.in[0].shape();
      const int64_t inner = lines_of(shape, dim_of(*call.attrs, shape)).inner;
      with_float(call.in[0].dtype(), [&](auto zero) {
        using T = decltype(zero);
        const std::vector<T> weight(taps.weight.begin(), taps.weight.end());
        const bool back = is_transposed(*call.attrs);
        const T* x = call.in[0].as<T>() + lo * (back ? a.to : a.from) * inner;
        T* y = call.out[0].as<T>() + lo * (back ? a.from : a.to) * inner;
        for (; lo < hi; ++lo, x += (back ? a.to : a.from) * inner, y += (back ? a.from : a.to) * inner) {
          if (back)
            scatter(taps, weight.data(), a, inner, x, y);
          else if (taps.each == 1)
            gather<1>(taps, weight.data(), a.to, inner, x, y);
          else if (taps.each == 2)
            gather<2>(taps, weight.data(), a.to, inner, x, y);
          else if (taps.each == 4)
            gather<4>(taps, weight.data(), a.to, inner, x, y);
          else
            gather<0>(taps, weight.data(), a.to, inner, x, y);
        }
      });
      return -1;
    },
    .place =
        [](const Attrs* attrs, const Specs& in, const Spec*) {
          return Placement{lines_of(in[0].shape, dim_of(*attrs, in[0].shape)).outer, 1, IN_0, false};
        },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          std::vector<Attr> attrs = call.attrs().values;
          attrs[6] = !is_transposed(call.attrs());
          call.set(0, apply(*find_op("resample"), {call.grad()}, Attrs::make(std::move(attrs))));
        },
};
BS_REGISTER(resample_op);
BS_BATCH(resample_op, batch_dims);

}  // namespace
}  // namespace bs::ops
