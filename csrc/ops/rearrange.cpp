// Copies of a tensor's elements in another order or more than once, and tensors with a border: compositions of views
// that end in one copy.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/composed.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

// ---- repeat ---------------------------------------------------------------------------------------------------

// Each axis `times` as long, as its elements over and over; new axes come first.
Tensor repeated(const char* name, const Tensor& x, const Dims& times) {
  const int n = times.size(), skip = n - x.shape().size();
  if (skip < 0)
    throw ShapeError(cat("[", name, "] sizes ", str(times), " are fewer than the axes of ", str(x.shape()),
                         ": give one for each axis"));
  Dims shape = Dims::filled(skip, 1);
  for (int64_t size : x.shape()) shape.push(size);
  Tensor t = reshape(x, shape);
  bool all_one = true;
  // An axis of size 1 is expanded; before another one comes an axis that is, a single one where there is no room.
  for (int d = 0; d < n; ++d) {
    if (times[d] < 0) throw ValueError(cat("[", name, "] sizes ", str(times), " has one below 0"));
    all_one &= times[d] == 1;
    if (times[d] == 1) continue;
    Dims wide = t.shape();
    if (wide[d] == 1) {
      wide[d] = times[d];
      t = expand(t, wide);
      continue;
    }
    if (n == kMaxDims) {
      std::vector<Tensor> copies(static_cast<size_t>(times[d]), t);
      if (times[d] > 0) {
        t = concatenate(copies, d);
      } else {
        t = narrow(t, d, 0, 0);
      }
      continue;
    }
    wide.insert(d, times[d]);
    Dims joined = t.shape();
    joined[d] = times[d] * t.shape()[d];
    t = reshape(expand(unsqueeze(t, d), wide), joined);
  }
  return all_one ? apply(*kContiguous, {t}) : contiguous(t);
}

const Op repeat_op{
    .name = "repeat",
    .doc = "Each axis repeated as often as sizes says, as a copy; new axes come first.",
    .inputs = {{"input"}},
    .attrs = {{.name = "repeats", .type = AttrType::dims, .required = true, .alias = "sizes", .variadic = true}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) { return repeated("repeat", x[0], x.attrs().get<Dims>(0)); }>,
};
BS_REGISTER(repeat_op);

const Op tile_op{
    .name = "tile",
    .doc = "Each axis repeated as often as dims says, from the last one on; what dims has no number for stays.",
    .inputs = {{"input"}},
    .attrs = {{.name = "dims", .type = AttrType::dims, .required = true, .alias = "reps", .variadic = true}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) {
      const Dims& given = x.attrs().get<Dims>(0);
      Dims times = Dims::filled(std::max(x[0].shape().size() - given.size(), 0), 1);
      for (int64_t t : given) times.push(t);
      return repeated("tile", x[0], times);
    }>,
};
BS_REGISTER(tile_op);

// ---- flip, roll, rot90 ----------------------------------------------------------------------------------------

Tensor flipped(const char* name, Tensor x, const Dims& dims) {
  uint32_t seen = 0;
  for (int64_t given : dims) {
    const int d = scalar_dim(name, given, x.shape().size());
    if ((seen >> d) & 1) throw ValueError(cat("[", name, "] dim ", d, " is named twice"));
    seen |= 1u << d;
    if (x.shape().size() && x.shape()[d] > 1) x = slice(x, {d, x.shape()[d] - 1, -1, x.shape()[d]});
  }
  return apply(*kContiguous, {x});
}

const Op flip_op{
    .name = "flip",
    .doc = "The axes dims backwards. A copy.",
    .inputs = {{"input"}},
    .attrs = {{.name = "dims", .type = AttrType::dims, .required = true, .variadic = true}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) { return flipped("flip", x[0], x.attrs().get<Dims>(0)); }>,
};
BS_REGISTER(flip_op);

// Of a tensor of `least` axes or more, the axis `dim` backwards.
template <int dim, int least>
Op flip_axis_op(const char* name, const char* doc) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}},
          .visibility = Visibility::method,
          .compose = one<[](const Given& x) {
            if (x[0].shape().size() < least)
              throw ShapeError(cat("[flip] input is ", str(x[0].shape()), ": it has fewer than ", least, " axes"));
            return flipped("flip", x[0], {dim});
          }>};
}
const Op fliplr_op = flip_axis_op<1, 2>("fliplr", "The columns (axis 1) backwards. A copy.");
BS_REGISTER(fliplr_op);
const Op flipud_op = flip_axis_op<0, 1>("flipud", "The rows (axis 0) backwards. A copy.");
BS_REGISTER(flipud_op);

const Op rot90_op{
    .name = "rot90",
    .doc = "The plane of two axes turned by k times 90 degrees, from the first axis towards the second. A copy.",
    .inputs = {{"input"}},
    .attrs = {{"k", AttrType::integer, false, int64_t{1}}, {"dims", AttrType::dims, false, Dims{0, 1}}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) {
      const Dims& dims = x.attrs().get<Dims>(1);
      const int n = x[0].shape().size();
      if (dims.size() != 2) throw ValueError(cat("[rot90] dims ", str(dims), " must name two axes"));
      const int a = normal_dim("rot90", dims[0], n), b = normal_dim("rot90", dims[1], n);
      if (a == b) throw ValueError(cat("[rot90] dims ", str(dims), " name one axis twice"));
      switch ((x.integer(0) % 4 + 4) % 4) {
        case 1:
          return contiguous(transpose(flipped("rot90", x[0], {b}), a, b));
        case 2:
          return flipped("rot90", x[0], {a, b});
        case 3:
          return contiguous(transpose(flipped("rot90", x[0], {a}), a, b));
        default:
          return apply(*kContiguous, {x[0]});
      }
    }>,
};
BS_REGISTER(rot90_op);

Tensor rolled(const Tensor& x, int dim, int64_t shift) {
  const int64_t n = x.shape()[dim];
  const int64_t first = n ? (n - shift % n) % n : 0;
  if (first == 0) return x;
  const Tensor parts[] = {narrow(x, dim, first, n - first), narrow(x, dim, 0, first)};
  return concatenate(parts, dim);
}

const Op roll_op{
    .name = "roll",
    .doc =
        "Each axis of dims moved on by its shift; what leaves at the end comes in at the beginning. dims=(): of all "
        "elements in row-major order.",
    .inputs = {{"input"}},
    .attrs = {{"shifts", AttrType::dims, true}, {"dims", AttrType::dims, false, Dims{}}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) {
      const Dims &shifts = x.attrs().get<Dims>(0), &dims = x.attrs().get<Dims>(1);
      if (dims.size() == 0 && shifts.size() == 1)
        return reshape(rolled(reshaped(x[0], {x[0].numel()}), 0, shifts[0]), x[0].shape());
      if (dims.size() != shifts.size() || dims.size() == 0)
        throw ValueError(cat("[roll] shifts ", str(shifts), " and dims ", str(dims), " must be equally many"));
      Tensor t = x[0];
      for (int i = 0; i < dims.size(); ++i) t = rolled(t, normal_dim("roll", dims[i], t.shape().size()), shifts[i]);
      return t.same(x[0]) ? apply(*kContiguous, {t}) : t;
    }>,
};
BS_REGISTER(roll_op);

// ---- pad ------------------------------------------------------------------------------------------------------

enum class Border : int64_t { constant, reflect, replicate, circular };

// `before` and `after` more elements on axis d, from those that are there.
Tensor bordered(Border border, const Tensor& x, int d, int64_t before, int64_t after) {
  const int64_t n = x.shape()[d];
  const bool reflect = border == Border::reflect;
  if (before < 0 || after < 0)
    return bordered(
        border,
        narrow(x, d, std::max<int64_t>(-before, 0), n + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0)), d,
        std::max<int64_t>(before, 0), std::max<int64_t>(after, 0));
  const int64_t most = reflect ? n - 1 : border == Border::circular ? n : n > 0 ? INT64_MAX : 0;
  if (std::max(before, after) > most)
    throw ShapeError(cat("[pad] axis ", d, " of ", str(x.shape()), " gives at most ", most,
                         " elements to a border, not ", std::max(before, after)));
  // The border that begins at position `from`, in reverse where reflected.
  const auto edge = [&](int64_t from, int64_t count) {
    if (reflect) return slice(x, {d, from, count > 1 ? -1 : 1, count});
    if (border == Border::circular) return narrow(x, d, from, count);
    Dims wide = x.shape();
    wide[d] = count;
    return expand(narrow(x, d, from, 1), wide);
  };
  std::vector<Tensor> parts;
  if (before > 0) parts.push_back(edge(reflect ? before : border == Border::circular ? n - before : 0, before));
  parts.push_back(x);
  if (after > 0) parts.push_back(edge(reflect ? n - 2 : border == Border::circular ? 0 : n - 1, after));
  return parts.size() == 1 ? x : concatenate(parts, d);
}

// A border of one value: x written into it.
Tensor in_border(const Tensor& x, const std::vector<int64_t>& pad, double value) {
  Tensor inner = x;
  Dims shape = x.shape();
  const int n = shape.size();
  std::vector<int64_t> at(static_cast<size_t>(n));
  for (int i = 0; i < static_cast<int>(pad.size()) / 2; ++i) {
    const int d = n - 1 - i;
    const int64_t before = pad[static_cast<size_t>(2 * i)], after = pad[static_cast<size_t>(2 * i + 1)];
    const int64_t kept = shape[d] + std::min<int64_t>(before, 0) + std::min<int64_t>(after, 0);
    if (kept < 0 || shape[d] + before + after < 0)
      throw ShapeError(
          cat("[pad] ", before, " before and ", after, " after leave nothing of axis ", d, " of ", str(shape)));
    if (kept != shape[d]) inner = narrow(inner, d, std::max<int64_t>(-before, 0), kept);
    at[static_cast<size_t>(d)] = std::max<int64_t>(before, 0);
    shape[d] += before + after;
  }
  const Dims stride = contiguous_strides(shape);
  int64_t offset = 0;
  for (int d = 0; d < n; ++d) offset += at[static_cast<size_t>(d)] * stride[d];
  if (inner.numel() == 0) offset = 0;
  return write_strided(full(shape, value, x.dtype()), inner, stride, offset);
}

Tensor padded(const Given& x) {
  const auto& pad = x.attrs().get<std::vector<int64_t>>(0);
  const auto border = static_cast<Border>(x.integer(1));
  const int n = x[0].shape().size();
  if (pad.size() % 2 || pad.size() > 2 * static_cast<size_t>(n))
    throw ValueError(cat("[pad] pad has ", pad.size(), " sizes: give two for each of at most ", n, " axes"));
  for (int64_t p : pad)
    if (std::abs(std::max(p, -INT64_MAX)) > INT64_MAX / 4) throw ShapeError(cat("[pad] size ", p, " is too large"));
  if (border == Border::constant) return in_border(x[0], pad, x.attrs().has(2) ? x.number(2) : 0.0);
  if (x.attrs().has(2) && x.number(2) != 0) throw ValueError("[pad] value is for mode=\"constant\": leave it out");
  Tensor t = x[0];
  for (int i = 0; i < static_cast<int>(pad.size()) / 2; ++i)
    t = bordered(border, t, n - 1 - i, pad[static_cast<size_t>(2 * i)], pad[static_cast<size_t>(2 * i + 1)]);
  return t.same(x[0]) ? apply(*kContiguous, {t}) : t;
}

const Op pad_op{
    .name = "pad",
    .doc =
        "input with a border: pad has two sizes for each axis, before and after, from the last axis on; one below 0 "
        "takes away. mode: the border is value (None: 0), the inner mirrored without its edge, its edge repeated, or "
        "the other end.",
    .inputs = {{"input"}},
    .attrs = {{"pad", AttrType::integers, true},
              {.name = "mode",
               .type = AttrType::word,
               .default_value = int64_t{0},
               .words = {"constant", "reflect", "replicate", "circular"}},
              {"value", AttrType::real}},
    .compose = one<padded>,
};
BS_REGISTER(pad_op);

}  // namespace
}  // namespace bs::ops
