// Parts of a tensor along one axis, as views: slice, select, narrow, split, chunk, unbind. Their derivatives are parts
// of one gradient, which the sweep puts together once: at the cost of what is moved, however many parts there are.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/batch.h"
#include "ops/ops.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

// The view of a part of `in`.
Spec part_of(const Spec& in, const Slice& s) {
  Spec out;
  out.dtype = in.dtype;
  out.shape = in.shape;
  out.shape[s.dim] = s.count;
  Dims strides = in.full_strides();
  if (s.count > 1) strides[s.dim] *= s.step;
  out.set_strides(strides);
  return out;
}

// ---- slice -----------------------------------------------------------------------------------------------------

// Python's slice on one axis. Throws where step is 0.
Slice slice_of(const Attrs* attrs, const Dims& shape) {
  Slice c;
  c.dim = normal_dim("slice", attrs->get<int64_t>(0), shape.size());
  const int64_t n = shape[c.dim];
  c.step = std::max(attrs->get<int64_t>(3), -INT64_MAX);  // so that -step exists
  if (c.step == 0) throw ValueError("[slice] the step of a slice is not 0");
  const bool up = c.step > 0;
  auto clip = [&](int64_t i) {
    if (i < 0) i = i < -n ? -n - 1 + n : i + n;  // Python: -1 is the last, what lies before the first is clipped
    const int64_t low = up ? 0 : -1, high = up ? n : n - 1;
    return i < low ? low : i > high ? high : i;
  };
  c.start = attrs->has(1) ? clip(attrs->get<int64_t>(1)) : up ? 0 : n - 1;
  const int64_t stop = attrs->has(2) ? clip(attrs->get<int64_t>(2)) : up ? n : -1;
  const int64_t span = up ? stop - c.start : c.start - stop;
  c.count = span <= 0 ? 0 : (span - 1) / (up ? c.step : -c.step) + 1;
  if (c.count == 0) c.start = 0;
  if (c.count <= 1) c.step = 1;
  return c;
}

const Op slice_op{
    .name = "slice",
    .doc = "x[start:stop:step] on axis dim, with Python's rules. A view.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, true},
              {"start", AttrType::integer},
              {"stop", AttrType::integer},
              {"step", AttrType::integer, false, int64_t{1}}},
    .infer = [](const Attrs* attrs, const Specs& in,
                Spec* out) { out[0] = part_of(in[0], slice_of(attrs, in[0].shape)); },
    .view = true,
    .view_offsets =
        [](const Attrs* attrs, const Spec& in, std::span<int64_t> at) {
          const Slice s = slice_of(attrs, in.shape);
          at[0] = s.start * in.full_strides()[s.dim];
        },
    .strided = IN_0,
    .grad = [](GradCall& call) { call.set_part(0, slice_of(&call.attrs(), call.spec(0).shape), call.grad()); },
};
BS_REGISTER(slice_op);
BS_BATCH(slice_op, batch_dims);

// ---- select, narrow --------------------------------------------------------------------------------------------

// Axis and position, both counted from 0.
Slice select_of(const Attrs* attrs, const Dims& shape) {
  const int dim = normal_dim("select", attrs->get<int64_t>(0), shape.size());
  const int64_t i = attrs->get<int64_t>(1), n = shape[dim];
  if (i < -n || i >= n)
    throw IndexError(cat("[select] index ", i, " is outside axis ", dim, " of size ", n, " (shape ", str(shape), ")"));
  return {dim, i < 0 ? i + n : i, 1, 1};
}

const Op select_op{
    .name = "select",
    .doc = "x[index] on axis dim, which is gone in the result; a negative index counts from the end. A view.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, true}, {"index", AttrType::integer, true}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const int dim = select_of(attrs, in[0].shape).dim;
          Dims shape = in[0].shape, strides = in[0].full_strides();
          shape.erase(dim);
          strides.erase(dim);
          out[0].dtype = in[0].dtype;
          out[0].shape = shape;
          out[0].set_strides(strides);
        },
    .view = true,
    .view_offsets =
        [](const Attrs* attrs, const Spec& in, std::span<int64_t> at) {
          const Slice s = select_of(attrs, in.shape);
          at[0] = s.start * in.full_strides()[s.dim];
        },
    .strided = IN_0,
    .grad =
        [](GradCall& call) {
          const Slice s = select_of(&call.attrs(), call.spec(0).shape);
          call.set_part(0, s, unsqueeze(call.grad(), s.dim));
        },
};
BS_REGISTER(select_op);
BS_BATCH(select_op, batch_dims);

Slice narrow_of(const Attrs* attrs, const Dims& shape) {
  const int dim = normal_dim("narrow", attrs->get<int64_t>(0), shape.size());
  const int64_t n = shape[dim], given = attrs->get<int64_t>(1), length = attrs->get<int64_t>(2);
  const int64_t start = given < 0 ? given + n : given;
  if (given < -n || given > n)
    throw IndexError(
        cat("[narrow] start ", given, " is outside axis ", dim, " of size ", n, " (shape ", str(shape), ")"));
  if (length < 0 || length > n - start)
    throw ValueError(
        cat("[narrow] length ", length, " from start ", start, " does not fit axis ", dim, " of size ", n));
  return {dim, start, 1, length};
}

const Op narrow_op{
    .name = "narrow",
    .doc = "x[start:start + length] on axis dim, which must be there. A view.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, true},
              {"start", AttrType::integer, true},
              {"length", AttrType::integer, true}},
    .visibility = Visibility::method,
    .infer = [](const Attrs* attrs, const Specs& in,
                Spec* out) { out[0] = part_of(in[0], narrow_of(attrs, in[0].shape)); },
    .strided = IN_0,
    .storage = Storage::moved,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          return std::vector<Tensor>{slice(in[0], narrow_of(attrs, in[0].shape()))};
        },
};
BS_REGISTER(narrow_op);

// ---- split, chunk, unbind --------------------------------------------------------------------------------------

// Parts of an axis in order, without gaps: all of one size but the last, or of sizes of their own.
struct Parts {
  const char* op;
  int dim;
  int64_t n, each, count;
  const std::vector<int64_t>* sizes = nullptr;

  int64_t size(int64_t k) const {
    return sizes ? (*sizes)[static_cast<size_t>(k)] : std::max<int64_t>(std::min(each, n - k * each), 0);
  }
};

using PartsOf = Parts (*)(const Attrs* attrs, const Dims& shape);

int axis_of(const char* name, const Attrs* attrs, int which, const Dims& shape) {
  if (shape.size() == 0) throw ShapeError(cat("[", name, "] a 0-d tensor has no axis to take apart"));
  return normal_dim(name, attrs->get<int64_t>(which), shape.size());
}

Parts split_parts(const Attrs* attrs, const Dims& shape) {
  Parts p;
  p.op = "split";
  p.dim = axis_of(p.op, attrs, 1, shape);
  p.n = shape[p.dim];
  if (const auto* sizes = std::get_if<std::vector<int64_t>>(&attrs->values[0])) {
    int64_t sum = 0;
    for (int64_t s : *sizes) {
      if (s < 0 || s > p.n - sum) sum = p.n + 1;
      if (sum > p.n) break;
      sum += s;
    }
    if (sum != p.n)
      throw ValueError(cat("[split] the sizes must be 0 or more and sum to ", p.n, ", the size of axis ", p.dim, " of ",
                           str(shape)));
    p.sizes = sizes;
    p.count = static_cast<int64_t>(sizes->size());
    return p;
  }
  p.each = attrs->get<int64_t>(0);
  if (p.each < 0 || (p.each == 0 && p.n > 0))
    throw ValueError(cat("[split] the size of a part is 1 or more, not ", p.each));
  p.count = p.each ? std::max<int64_t>((p.n - 1) / p.each + 1, 1) : 1;
  return p;
}

Parts chunk_parts(const Attrs* attrs, const Dims& shape) {
  Parts p;
  p.op = "chunk";
  const int64_t chunks = attrs->get<int64_t>(0);
  if (chunks < 1) throw ValueError(cat("[chunk] chunks is 1 or more, not ", chunks));
  p.dim = axis_of(p.op, attrs, 1, shape);
  p.n = shape[p.dim];
  p.each = p.n ? (p.n - 1) / chunks + 1 : 0;
  p.count = p.n ? (p.n - 1) / p.each + 1 : chunks;
  return p;
}

Parts unbind_parts(const Attrs* attrs, const Dims& shape) {
  Parts p;
  p.op = "unbind";
  p.dim = axis_of(p.op, attrs, 0, shape);
  p.n = p.count = shape[p.dim];
  p.each = 1;
  return p;
}

// The gradient is the parts' ones side by side; of parts that have none it is zero.
template <PartsOf parts, bool unbound>
void grad_of_parts(GradCall& call) {
  const Parts p = parts(&call.attrs(), call.spec(0).shape);
  const std::span<const Tensor> grads = call.grads();
  if (std::all_of(grads.begin(), grads.end(), [](const Tensor& g) { return static_cast<bool>(g); })) {
    call.set(0, unbound ? stack(grads, p.dim) : concatenate(grads, p.dim));
    return;
  }
  int64_t at = 0;
  for (int64_t k = 0; k < p.count; at += p.size(k++))
    if (const Tensor& g = grads[static_cast<size_t>(k)])
      call.set_part(0, Slice{p.dim, at, 1, p.size(k)}, unbound ? unsqueeze(g, p.dim) : g);
}

template <PartsOf parts, bool unbound>
Op parts_op(const char* name, const char* input, std::vector<AttrSchema> attrs, const char* doc) {
  return {
      .name = name,
      .doc = doc,
      .inputs = {{input}},
      .attrs = std::move(attrs),
      .visibility = Visibility::method,
      .count_outputs =
          [](const Attrs* attrs, const Specs& in) {
            const Parts p = parts(attrs, in[0].shape);
            if (p.count > INT32_MAX / 2) throw ValueError(cat("[", p.op, "] ", p.count, " parts are too many"));
            return static_cast<int>(p.count);
          },
      .infer =
          [](const Attrs* attrs, const Specs& in, Spec* out) {
            const Parts p = parts(attrs, in[0].shape);
            Spec part = in[0];
            Dims strides = in[0].full_strides();
            if (unbound) {
              part.shape.erase(p.dim);
              strides.erase(p.dim);
            }
            for (int64_t k = 0; k < p.count; ++k) {
              // Parts of one shape share their strides.
              if (k == 0 || (!unbound && part.shape[p.dim] != p.size(k))) {
                if (!unbound) part.shape[p.dim] = p.size(k);
                part.set_strides(strides);
              }
              out[k] = part;
            }
          },
      .view = true,
      .view_offsets =
          [](const Attrs* attrs, const Spec& in, std::span<int64_t> at) {
            const Parts p = parts(attrs, in.shape);
            const int64_t stride = in.full_strides()[p.dim];
            int64_t next = 0;
            for (int64_t k = 0; k < p.count; next += p.size(k++)) at[static_cast<size_t>(k)] = next * stride;
          },
      .strided = IN_0,
      .grad = grad_of_parts<parts, unbound>,
      .grad_takes = ALL_OUTPUTS,
  };
}

const Op split_op = parts_op<split_parts, false>(
    "split", "tensor",
    {{.name = "split_size_or_sections", .type = AttrType::sizes, .required = true, .alias = "split_size"},
     {"dim", AttrType::integer, false, int64_t{0}}},
    "Parts of the axis dim, in order: all of one size (the last may be smaller), or of the sizes of a list, which sum "
    "to "
    "that of the axis. Views.");
BS_REGISTER(split_op);
BS_BATCH(split_op, batch_dims);

const Op chunk_op = parts_op<chunk_parts, false>(
    "chunk", "input", {{"chunks", AttrType::integer, true}, {"dim", AttrType::integer, false, int64_t{0}}},
    "At most `chunks` parts of the axis dim, all of one size (the last may be smaller). Views.");
BS_REGISTER(chunk_op);
BS_BATCH(chunk_op, batch_dims);

const Op unbind_op =
    parts_op<unbind_parts, true>("unbind", "input", {{"dim", AttrType::integer, false, int64_t{0}}},
                                 "All positions of the axis dim, which is gone in the results. Views.");
BS_REGISTER(unbind_op);
BS_BATCH(unbind_op, batch_dims);

// ---- add_slices ------------------------------------------------------------------------------------------------

// Numbers that say where a part lies: dim, start, step, count.
constexpr int kNumbers = 4;
Slice nth_slice(const std::vector<int64_t>& v, int k) {
  const int64_t* s = &v[static_cast<size_t>(k) * kNumbers];
  return {static_cast<int>(s[0]), s[1], s[2], s[3]};
}

template <class T>
void add_run(T* to, const T* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

template <class T>
void add_slices(const Call& call, int64_t lo, int64_t hi) {
  const Dims& whole = call.out[0].shape();
  const auto& where = call.attrs->get<std::vector<int64_t>>(1);
  const int64_t row = bs::numel(whole) / std::max<int64_t>(whole[0], 1);  // elements of one position of axis 0
  T* out = call.out[0].as<T>();
  std::memset(out + lo * row, 0, static_cast<size_t>((hi - lo) * row) * sizeof(T));
  for (int k = 0; k < call.n_in; ++k) {
    const Slice s = nth_slice(where, k);
    const T* from = call.in[k].as<T>();
    int64_t inner = 1;
    for (int d = s.dim + 1; d < whole.size(); ++d) inner *= whole[d];
    if (s.dim == 0) {
      // Positions start + i step in [lo, hi): i from the first to the last of them.
      int64_t first = 0, last = s.count;
      if (s.step > 0) {
        if (s.start < lo) first = (lo - s.start + s.step - 1) / s.step;
        last = s.start < hi ? std::min(last, (hi - 1 - s.start) / s.step + 1) : 0;
      } else {
        if (s.start >= hi) first = (s.start - hi) / -s.step + 1;
        last = s.start >= lo ? std::min(last, (s.start - lo) / -s.step + 1) : 0;
      }
      if (s.step == 1 && first < last) {
        add_run(out + (s.start + first) * inner, from + first * inner, (last - first) * inner);
        continue;
      }
      for (int64_t i = first; i < last; ++i) add_run(out + (s.start + i * s.step) * inner, from + i * inner, inner);
      continue;
    }
    const int64_t per = row / (inner * whole[s.dim]);  // of such runs in a position of axis 0
    for (int64_t o = lo * per; o < hi * per; ++o)
      for (int64_t i = 0; i < s.count; ++i)
        add_run(out + (o * whole[s.dim] + s.start + i * s.step) * inner, from + (o * s.count + i) * inner, inner);
  }
}

const Op add_slices_op{
    .name = "add_slices",
    .doc =
        "Zeros of a shape, to which tensors[k] is added at the part that numbers 4 k to 4 k + 3 of slices say: axis, "
        "first position, step, count. In order: the transpose of as many slices.",
    .inputs = {{"tensors", false, true}},
    .attrs = {{"shape", AttrType::dims, true}, {"slices", AttrType::integers, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const Dims& whole = attrs->get<Dims>(0);
          const auto& where = attrs->get<std::vector<int64_t>>(1);
          if (in.size() == 0 || where.size() != static_cast<size_t>(in.size()) * kNumbers)
            throw ValueError("[add_slices] slices has four numbers for each of one or more tensors");
          for (int64_t d : whole)
            if (d < 0) throw ShapeError(cat("[add_slices] shape ", str(whole), " has a negative size"));
          for (int k = 0; k < in.size(); ++k) {
            const Slice s = nth_slice(where, k);
            const int64_t n = s.dim >= 0 && s.dim < whole.size() ? whole[s.dim] : -1;
            const auto inside = [&](int64_t i) { return i >= 0 && i < n; };
            // Without a product that may overflow: the last position from the number that fit.
            const bool fits = n >= 0 && s.step != 0 && s.count >= 0 &&
                              (s.count == 0 || (inside(s.start) && s.step >= -n && s.step <= n && s.count <= n &&
                                                inside(s.start + (s.count - 1) * s.step)));
            Dims part = whole;
            if (fits) part[s.dim] = s.count;
            if (!fits || !(in[k].shape == part))
              throw ShapeError(cat("[add_slices] tensors[", k, "] is ", str(in[k].shape), ": it is no part of ",
                                   str(whole), " as slices says"));
            if (!is_float(in[k].dtype) || in[k].dtype != in[0].dtype)
              throw DTypeError(cat("[add_slices] tensors[", k, "] is ", name_of(in[k].dtype), ", tensors[0] is ",
                                   name_of(in[0].dtype), ": all must be of one float dtype"));
          }
          out[0].dtype = in[0].dtype;
          out[0].shape = whole;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      with_float(call.out[0].dtype(), [&](auto zero) { add_slices<decltype(zero)>(call, lo, hi); });
      return -1;
    },
    .place =
        [](const Attrs* attrs, const Specs& in, const Spec* out) {
          Placement p;
          p.extent = out[0].shape[0];
          const auto& where = attrs->get<std::vector<int64_t>>(1);
          for (int k = 0; k < in.size(); ++k)
            if (nth_slice(where, k).dim > 0) p.aligned.set(k);
          // Each part looks at all slices: it should move more than that costs.
          const int64_t each = std::max<int64_t>(bs::numel(out[0].shape) / std::max<int64_t>(p.extent, 1), 1);
          p.block = std::max<int64_t>((8 * 1024 + 16 * in.size()) / each, 1);
          return p;
        },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          const auto& where = call.attrs().get<std::vector<int64_t>>(1);
          for (int k = 0; k < call.n_inputs(); ++k)
            if (call.needs(k)) call.set(k, slice(call.grad(), nth_slice(where, k)));
        },
};
BS_REGISTER(add_slices_op);
BS_BATCH(add_slices_op, [](const BatchCall& call) {
  Dims shape = call.attrs().get<Dims>(0);
  shape.insert(0, call.size());
  std::vector<int64_t> where = call.attrs().get<std::vector<int64_t>>(1);
  for (size_t k = 0; k < where.size(); k += kNumbers) ++where[k];
  std::vector<Tensor> in;
  for (int i = 0; i < call.n_inputs(); ++i) in.push_back(whole(call, i));
  return std::vector<Tensor>{apply(add_slices_op, in, Attrs::make({shape, std::move(where)}))};
});

const Slice* slice_in(const GradCall::OfPart& p) { return std::get_if<Slice>(&p.part); }

// Whether slices, in some order, lie side by side along one axis and fill it: they are then sorted so.
bool fill(std::vector<GradCall::OfPart>& parts, const Dims& shape) {
  const int dim = slice_in(parts[0])->dim;
  for (const auto& p : parts)
    if (const Slice& s = *slice_in(p); s.dim != dim || (s.step != 1 && s.count > 1)) return false;
  const auto before = [](const auto& a, const auto& b) { return slice_in(a)->start < slice_in(b)->start; };
  std::stable_sort(parts.begin(), parts.end(), before);
  int64_t next = 0;
  for (const auto& p : parts) {
    if (slice_in(p)->start != next) return false;
    next += slice_in(p)->count;
  }
  return next == shape[dim];
}

}  // namespace

Tensor put_together(std::vector<GradCall::OfPart>& parts, const Dims& shape) {
  if (!std::all_of(parts.begin(), parts.end(), slice_in)) return add_parts(full(shape, 0, parts[0].g.dtype()), parts);
  std::vector<Tensor> tensors;
  tensors.reserve(parts.size());
  std::vector<GradCall::OfPart> sorted = parts;
  if (fill(sorted, shape)) {
    if (sorted.size() == 1) return sorted[0].g;
    const int dim = slice_in(sorted[0])->dim;
    for (auto& p : sorted) tensors.push_back(std::move(p.g));
    return concatenate(tensors, dim);
  }
  std::vector<int64_t> where;
  where.reserve(parts.size() * kNumbers);
  for (auto& p : parts) {
    const Slice& s = *slice_in(p);
    where.insert(where.end(), {s.dim, s.start, s.step, s.count});
    tensors.push_back(std::move(p.g));
  }
  return apply(add_slices_op, tensors, Attrs::make({shape, std::move(where)}));
}

Tensor slice(const Tensor& x, const Slice& s) {
  // Going down to the first element has the stop -1, which would count from the end.
  const int64_t stop = s.start + s.count * s.step;
  return apply(slice_op, {x}, Attrs::make({int64_t{s.dim}, s.start, stop < 0 ? Attr() : Attr(stop), s.step}));
}
Tensor narrow(const Tensor& x, int dim, int64_t start, int64_t length) { return slice(x, {dim, start, 1, length}); }
Tensor select(const Tensor& x, int dim, int64_t index) {
  return apply(select_op, {x}, Attrs::make({int64_t{dim}, index}));
}
std::vector<Tensor> split(const Tensor& x, std::vector<int64_t> sizes, int dim) {
  return apply_all(split_op, {&x, 1}, Attrs::make({std::move(sizes), int64_t{dim}}));
}
std::vector<Tensor> unbind(const Tensor& x, int dim) {
  return apply_all(unbind_op, {&x, 1}, Attrs::make({int64_t{dim}}));
}

}  // namespace bs::ops
