// Elements by index along one axis, and what is put there: gather and scatter. Both take indices and values with any
// strides, so that whole rows by index (index_select, index_add) are these ops on an index that is expanded.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/batch.h"
#include "ops/indexing.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

// The rows (along the last axis) of an index, in order, and where each begins in operands of other strides. A tensor
// without axes is one row of one element.
template <int operands>
struct IndexRows {
  int n;  // axes before the last one
  int64_t length = 1, size[kMaxDims], at[kMaxDims], stride[operands][kMaxDims], step[operands], begin[operands];

  explicit IndexRows(const Dims& shape) : n(std::max(shape.size() - 1, 0)) {
    for (int d = 0; d < n; ++d) size[d] = shape[d];
    if (shape.size() > 0) length = shape.back();
  }
  // Operand k; along the axis `without`, the index says where.
  void set(int k, const Dims& strides, int without = -1) {
    for (int d = 0; d < n; ++d) stride[k][d] = d == without ? 0 : strides[d];
    step[k] = strides.size() == 0 || n == without ? 0 : strides[n];
  }
  int64_t per_first() const {
    int64_t r = 1;
    for (int d = 1; d < n; ++d) r *= size[d];
    return r;
  }
  void start(int64_t row) {
    std::fill(begin, begin + operands, 0);
    for (int d = n - 1; d >= 0; --d) {
      at[d] = size[d] ? row % size[d] : 0;
      row = size[d] ? row / size[d] : 0;
      for (int k = 0; k < operands; ++k) begin[k] += at[d] * stride[k][d];
    }
  }
  void next() {
    for (int d = n - 1; d >= 0; --d) {
      for (int k = 0; k < operands; ++k) begin[k] += stride[k][d];
      if (++at[d] < size[d]) return;
      for (int k = 0; k < operands; ++k) begin[k] -= at[d] * stride[k][d];
      at[d] = 0;
    }
  }
};

// The numbers of rows in positions [lo, hi) of the first axis, or the elements of the one row.
struct IndexRange {
  int64_t first_row, last_row, first = 0, last;
  template <class Rows>
  IndexRange(const Rows& rows, int64_t lo, int64_t hi) : last(rows.length) {
    first_row = rows.n ? lo * rows.per_first() : 0;
    last_row = rows.n ? hi * rows.per_first() : 1;
    if (rows.n == 0) first = lo, last = std::min(hi, rows.length);
  }
};

int axis_of_index(const char* op, const Attrs* attrs, const Dims& x) {
  return scalar_dim(op, attrs->get<int64_t>(0), x.size());
}
int64_t first_size(const Dims& shape) { return shape.size() > 0 ? shape[0] : 1; }

// Of an index into x along `dim`; src, if any, has the index's shape.
void check_index_along(const char* op, const Spec& x, const Spec& index, int dim) {
  if (index.dtype != DType::i64)
    throw DTypeError(cat("[", op, "] index is ", name_of(index.dtype), ": use index.to(bs.int64)"));
  const int n = std::max(x.shape.size(), 1), n_index = std::max(index.shape.size(), 1);
  bool fits = n == n_index;
  for (int d = 0; fits && d < index.shape.size() && d < x.shape.size(); ++d)
    fits = d == dim || index.shape[d] <= x.shape[d] || bs::numel(index.shape) == 0;
  if (!fits)
    throw ShapeError(cat("[", op, "] index is ", str(index.shape), ", input is ", str(x.shape),
                         ": both have as many axes, and but for axis ", dim, " index is no larger"));
}

void refuse_index(const char* op, const View& index, int64_t position, int dim, int64_t size) {
  Dims at = index.shape();
  int64_t offset = 0;
  const Dims strides = index.spec->full_strides();
  for (int d = at.size() - 1; d >= 0; --d) {
    at[d] = position % index.shape()[d];
    position /= index.shape()[d];
    offset += at[d] * strides[d];
  }
  throw IndexError(cat("[", op, "] index ", index.as<int64_t>()[offset], " (element ", str(at), ") is outside axis ",
                       dim, " of size ", size));
}

// ---- gather ----------------------------------------------------------------------------------------------------

template <class T>
int64_t gather_part(const Call& call, int dim, int64_t lo, int64_t hi) {
  const Dims& shape = call.in[1].shape();
  const Dims strides = call.in[0].spec->full_strides();
  const int64_t n = dim < strides.size() ? call.in[0].shape()[dim] : 1;
  const int64_t along = strides.size() ? strides[dim] : 0;
  const T* x = call.in[0].as<T>();
  const int64_t* index = call.in[1].as<int64_t>();
  IndexRows<2> rows(shape);
  rows.set(0, strides, dim);
  rows.set(1, call.in[1].spec->full_strides());
  const IndexRange range(rows, lo, hi);
  T* out = call.out[0].as<T>() + range.first_row * rows.length + range.first;
  const int64_t length = range.last - range.first, step = rows.step[0], index_step = rows.step[1];
  if (length <= 0) return -1;
  rows.start(range.first_row);
  for (int64_t r = range.first_row; r < range.last_row; ++r, rows.next(), out += length) {
    const int64_t* at = index + rows.begin[1] + range.first * index_step;
    const T* from = x + rows.begin[0] + range.first * step;
    const auto position = [&](int64_t j) { return r * rows.length + range.first + j; };
    if (index_step == 0) {
      if (*at < 0 || *at >= n) return position(0);
      from += *at * along;
      if (step == 1) {
        std::memcpy(out, from, static_cast<size_t>(length) * sizeof(T));
        continue;
      }
      for (int64_t j = 0; j < length; ++j) out[j] = from[j * step];
      continue;
    }
    for (int64_t j = 0; j < length; ++j) {
      const int64_t i = at[j * index_step];
      if (i < 0 || i >= n) return position(j);
      out[j] = from[i * along + j * step];
    }
  }
  return -1;
}

const Op gather_axis_op{
    .name = "gather_axis",
    .doc = "gather for an int64 index with any strides and a dim of 0 or more.",
    .inputs = {{"input"}, {"index"}},
    .attrs = {{"dim", AttrType::integer, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_index_along("gather_axis", in[0], in[1], axis_of_index("gather_axis", attrs, in[0].shape));
          out[0].dtype = in[0].dtype;
          out[0].shape = in[1].shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const int dim = axis_of_index("gather_axis", call.attrs, call.in[0].shape());
      return with_word(call.in[0].dtype(), [&](auto zero) { return gather_part<decltype(zero)>(call, dim, lo, hi); });
    },
    .explain =
        [](const Call& call, int64_t position) {
          const int dim = axis_of_index("gather_axis", call.attrs, call.in[0].shape());
          refuse_index("gather_axis", call.in[1], position, dim,
                       call.in[0].shape().size() ? call.in[0].shape()[dim] : 1);
        },
    .place = [](const Attrs*, const Specs& in,
                const Spec*) { return Placement{first_size(in[1].shape), 1, {}, false}; },
    .cost = [](const Attrs*, const Specs& in, const Spec*) { return static_cast<double>(bs::numel(in[1].shape)); },
    .strided = IN_0 | IN_1,
    .storage = Storage::moved,
    .grad =
        [](GradCall& call) {
          if (call.needs(0))
            call.set(0, scatter_sum_of(call.spec(0).shape, call.in(1), call.grad(),
                                       axis_of_index("gather_axis", &call.attrs(), call.spec(0).shape)));
        },
    .reads = IN_1,
};
BS_REGISTER(gather_axis_op);
BS_BATCH(gather_axis_op, batch_dims);

// ---- scatter ---------------------------------------------------------------------------------------------------

// What becomes of what was there and what comes.
enum class Into { set, sum, mul, max, min };

template <Into into, class T>
T put_together_at(T was, T comes) {
  if constexpr (into == Into::set) return comes;
  if constexpr (std::is_same_v<T, bool>) {
    return into == Into::sum || into == Into::max ? was || comes : was && comes;
  } else if constexpr (into == Into::sum) {
    return static_cast<T>(was + comes);
  } else if constexpr (into == Into::mul) {
    return static_cast<T>(was * comes);
  } else {
    if (was != was) return was;  // NaN stays
    if (comes != comes) return comes;
    return into == Into::max ? std::max(was, comes) : std::min(was, comes);
  }
}

// Positions [lo, hi) of the first axis of the result; where that is what the index chooses, all of the index is read.
template <Into into, class T>
int64_t scatter_part(const Call& call, int dim, int64_t lo, int64_t hi) {
  const Dims& x = call.out[0].shape();
  const Dims own = contiguous_strides(x);
  const int64_t n = x.size() ? x[dim] : 1, along = x.size() ? own[dim] : 0;
  const int64_t each = bs::numel(x) / std::max<int64_t>(first_size(x), 1);
  T* out = call.out[0].as<T>();
  if (lo >= hi || each == 0) return -1;
  if (call.has(0))
    std::memcpy(out + lo * each, call.in[0].as<T>() + lo * each, static_cast<size_t>((hi - lo) * each) * sizeof(T));
  else
    std::memset(out + lo * each, 0, static_cast<size_t>((hi - lo) * each) * sizeof(T));
  const Dims& shape = call.in[1].shape();
  if (bs::numel(shape) == 0) return -1;
  const int64_t* index = call.in[1].as<int64_t>();
  const T* src = call.in[2].as<T>();
  IndexRows<3> rows(shape);
  rows.set(0, own, dim);
  rows.set(1, call.in[1].spec->full_strides());
  rows.set(2, call.in[2].spec->full_strides());
  const bool chooses = dim == 0;  // which part an element belongs to
  const int64_t of_index = first_size(shape);
  const IndexRange range(rows, chooses ? 0 : std::min(lo, of_index), chooses ? of_index : std::min(hi, of_index));
  const int64_t least = chooses ? lo : 0, most = chooses ? hi : n;
  const int64_t step = rows.step[0], index_step = rows.step[1], src_step = rows.step[2];
  rows.start(range.first_row);
  for (int64_t r = range.first_row; r < range.last_row; ++r, rows.next()) {
    const int64_t* at = index + rows.begin[1];
    const T* from = src + rows.begin[2];
    T* to = out + rows.begin[0];
    if (index_step == 0) {
      if (*at < 0 || *at >= n) return r * rows.length;
      if (*at < least || *at >= most) continue;
      to += *at * along;
      if (step == 1 && src_step == 1)
        for (int64_t j = 0; j < rows.length; ++j) to[j] = put_together_at<into>(to[j], from[j]);
      else
        for (int64_t j = 0; j < rows.length; ++j)
          to[j * step] = put_together_at<into>(to[j * step], from[j * src_step]);
      continue;
    }
    for (int64_t j = 0; j < rows.length; ++j) {
      const int64_t i = at[j * index_step];
      if (i < 0 || i >= n) return r * rows.length + j;
      if (i < least || i >= most) continue;
      T& there = to[i * along + j * step];
      there = put_together_at<into>(there, from[j * src_step]);
    }
  }
  return -1;
}

constexpr const char* scatter_name(Into into) {
  return into == Into::set   ? "scatter_set"
         : into == Into::sum ? "scatter_sum"
         : into == Into::mul ? "scatter_mul"
         : into == Into::max ? "scatter_max"
                             : "scatter_min";
}

template <Into into>
Op make_scatter(const char* doc, void (*grad)(GradCall&), Reads reads) {
  static constexpr const char* name = scatter_name(into);
  Op op;
  op.name = name;
  op.doc = doc;
  op.inputs = {{.name = "input", .optional = into == Into::sum}, {"index"}, {"src"}};
  op.attrs = {{"dim", AttrType::integer, true}};
  if (into == Into::sum) op.attrs.push_back({"shape", AttrType::dims});
  op.infer = [](const Attrs* attrs, const Specs& in, Spec* out) {
    Spec whole = in[2];
    if (in.has(0)) {
      whole = in[0];
    } else {
      if (!attrs->has(1)) throw ValueError(cat("[", name, "] shape is to be given where input is not"));
      whole.shape = attrs->get<Dims>(1);
      for (int64_t size : whole.shape)
        if (size < 0) throw ShapeError(cat("[", name, "] shape ", str(whole.shape), " has a negative size"));
    }
    check_index_along(name, whole, in[1], axis_of_index(name, attrs, whole.shape));
    if (!(in[1].shape == in[2].shape))
      throw ShapeError(cat("[", name, "] index is ", str(in[1].shape), ", src is ", str(in[2].shape)));
    if (whole.dtype != in[2].dtype)
      throw DTypeError(cat("[", name, "] input is ", name_of(whole.dtype), ", src is ", name_of(in[2].dtype),
                           ": cast one, as in src.to(input.dtype)"));
    out[0].dtype = whole.dtype;
    out[0].shape = whole.shape;
  };
  op.forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
    const int dim = axis_of_index(name, call.attrs, call.out[0].shape());
    const auto run = [&](auto zero) { return scatter_part<into, decltype(zero)>(call, dim, lo, hi); };
    const DType t = call.out[0].dtype();
    if constexpr (into == Into::set) return with_word(t, run);
    return t == DType::b8 ? run(false) : with_number(t, run);
  };
  op.explain = [](const Call& call, int64_t position) {
    const Dims& x = call.out[0].shape();
    const int dim = axis_of_index(name, call.attrs, x);
    refuse_index(name, call.in[1], position, dim, x.size() ? x[dim] : 1);
  };
  op.place = [](const Attrs*, const Specs& in, const Spec* out) {
    return Placement{first_size(out[0].shape), 1, in.has(0) ? IN_0 : Mask(), false};
  };
  op.strided = IN_1 | IN_2;
  op.storage = into == Into::set ? Storage::moved : Storage::cast;
  op.grad = grad;
  op.reads = reads;
  return op;
}

int scatter_axis(const GradCall& call) { return static_cast<int>(call.attrs().get<int64_t>(0)); }

// Where each element of an index is the last one that writes its position.
Tensor writes_last(const Tensor& index, const Dims& shape, int dim) {
  const Tensor number = reshape(arange(index.numel(), DType::i64), index.shape());
  const Tensor none = full(shape, 0, DType::i64);
  return eq(gather_axis(apply(*find_op("scatter_set"), {none, index, number}, Attrs::make({int64_t{dim}})), index, dim),
            number);
}

void scatter_set_grad(GradCall& call) {
  const int dim = scatter_axis(call);
  const Tensor index = call.in(1);
  if (call.needs(0)) {
    const Tensor zeros = expand(Tensor::scalar(0, call.grad().dtype()), index.shape());
    call.set(0, apply(*find_op("scatter_set"), {call.grad(), index, zeros}, call.same_attrs()));
  }
  if (call.needs(2)) {
    const Tensor g = gather_axis(call.grad(), index, dim);
    call.set(2, index.numel() < 2 ? g : where(writes_last(index, call.grad().shape(), dim), g, 0.0));
  }
}
const Op scatter_set_op = make_scatter<Into::set>(
    "input with src[i, j, ..] at i, j, .. with index[i, j, ..] in place of the number along dim; of several at one "
    "position the last one.",
    scatter_set_grad, IN_1);
BS_REGISTER(scatter_set_op);
BS_BATCH(scatter_set_op, batch_dims);

void scatter_sum_grad(GradCall& call) {
  if (call.needs(0)) call.set(0, call.grad());
  if (call.needs(2)) call.set(2, gather_axis(call.grad(), call.in(1), scatter_axis(call)));
}
const Op scatter_sum_op = make_scatter<Into::sum>(
    "As scatter_set, but added, in the order of index. Without input, to zeros of `shape`.", scatter_sum_grad, IN_1);
BS_REGISTER(scatter_sum_op);
BS_BATCH(scatter_sum_op, [](const BatchCall& call) -> std::vector<Tensor> {
  if (call.out_spec().shape.size() == 0) return {};
  std::vector<Tensor> in;
  for (int i = 0; i < call.n_inputs(); ++i) in.push_back(call.has(i) ? whole(call, i) : Tensor());
  Attr shape;
  if (!call.has(0)) {
    Dims all = call.out_spec().shape;
    all.insert(0, call.size());
    shape = all;
  }
  return apply_all(call.op(), in, Attrs::make({call.attrs().get<int64_t>(0) + 1, shape}));
});

// The factors at a position but one, also where some are 0: their product over those that are not, if no other is 0.
void scatter_mul_grad(GradCall& call) {
  const int dim = scatter_axis(call);
  const Tensor x = call.in(0), index = call.in(1), src = call.in(2), g = call.grad();
  const auto ones_for_zeros = [](const Tensor& t) { return where(eq(t, 0.0), 1.0, t); };
  const auto is_zero = [](const Tensor& t) { return cast(eq(t, 0.0), t.dtype()); };
  const Tensor x1 = ones_for_zeros(x), src1 = ones_for_zeros(src);
  const Tensor product = apply(*find_op("scatter_mul"), {x1, index, src1}, call.same_attrs());
  const Tensor zeros =
      apply(*find_op("scatter_sum"), {is_zero(x), index, is_zero(src)}, Attrs::make({int64_t{dim}, Attr{}}));
  if (call.needs(0)) call.set(0, where(eq(zeros, is_zero(x)), div(mul(g, product), x1), 0.0));
  if (call.needs(2)) {
    const Tensor others = div(gather_axis(mul(g, product), index, dim), src1);
    call.set(2, where(eq(gather_axis(zeros, index, dim), is_zero(src)), others, 0.0));
  }
}
const Op scatter_mul_op =
    make_scatter<Into::mul>("As scatter_set, but multiplied.", scatter_mul_grad, IN_0 | IN_1 | IN_2);
BS_REGISTER(scatter_mul_op);
BS_BATCH(scatter_mul_op, batch_dims);

// All that are equal to the result have the same share.
void scatter_extreme_grad(GradCall& call) {
  const int dim = scatter_axis(call);
  const Tensor index = call.in(1), out = call.out(), g = call.grad();
  const Tensor from_x = cast(eq(call.in(0), out), g.dtype());
  const Tensor from_src = cast(eq(call.in(2), gather_axis(out, index, dim)), g.dtype());
  const Tensor many = apply(*find_op("scatter_sum"), {from_x, index, from_src}, Attrs::make({int64_t{dim}, Attr{}}));
  const Tensor share = div(g, maximum(many, 1.0));
  if (call.needs(0)) call.set(0, mul(share, from_x));
  if (call.needs(2)) call.set(2, mul(gather_axis(share, index, dim), from_src));
}
const Op scatter_max_op = make_scatter<Into::max>("As scatter_set, but the larger one, NaN if either is.",
                                                  scatter_extreme_grad, Reads(IN_0 | IN_1 | IN_2) | OUT);
BS_REGISTER(scatter_max_op);
BS_BATCH(scatter_max_op, batch_dims);
const Op scatter_min_op = make_scatter<Into::min>("As scatter_set, but the smaller one, NaN if either is.",
                                                  scatter_extreme_grad, Reads(IN_0 | IN_1 | IN_2) | OUT);
BS_REGISTER(scatter_min_op);
BS_BATCH(scatter_min_op, batch_dims);

}  // namespace

Tensor gather_axis(const Tensor& x, const Tensor& index, int dim) {
  return apply(gather_axis_op, {x, index}, Attrs::make({int64_t{dim}}));
}
Tensor scatter_sum_of(const Dims& shape, const Tensor& index, const Tensor& src, int dim) {
  return apply(scatter_sum_op, {Tensor(), index, src}, Attrs::make({int64_t{dim}, shape}));
}
Tensor scatter_into(const Tensor& x, const Tensor& index, const Tensor& src, int dim, bool add) {
  if (add) return apply(scatter_sum_op, {x, index, src}, Attrs::make({int64_t{dim}, Attr{}}));
  return apply(scatter_set_op, {x, index, src}, Attrs::make({int64_t{dim}}));
}

}  // namespace bs::ops
