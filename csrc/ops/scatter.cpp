// PyTorch's functions that read or write by index along an axis: compositions of gather_axis and the scatters of
// gather.cpp. What is one index for whole rows there is an index expanded to them here.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/error.h"
#include "ops/composed.h"
#include "ops/indexing.h"

namespace bs::ops {
namespace {

Tensor scatter_by(const char* how, const Tensor& x, int dim, const Tensor& index, const Tensor& src) {
  const Op& op = *find_op(how);
  std::vector<Attr> attrs{int64_t{dim}};
  if (op.attrs.size() > 1) attrs.emplace_back();
  return apply(op, {x, index, src}, Attrs::make(std::move(attrs)));
}

int axis_in(const Given& x) { return scalar_dim("index", x.integer(0), x[0].shape().size()); }

// ---- an index with the tensor's axes -----------------------------------------------------------------------------

const Op gather_op{
    .name = "gather",
    .doc =
        "out[i, j, ..] is input at i, j, .. with the number index[i, j, ..] in place of that along dim. index has as "
        "many axes as input and the shape of the result; its elements are 0 to input.shape[dim] - 1.",
    .inputs = {{"input"}, {"index"}},
    .attrs = {{"dim", AttrType::integer, true},
              {.name = "sparse_grad", .type = AttrType::boolean, .default_value = false, .by_name = true}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) { return gather_axis(x[0], as_index("gather", x[1]), axis_in(x)); }>,
};
BS_REGISTER(gather_op);

// The part of src that the index speaks of.
Tensor as_large_as(Tensor src, const Dims& index) {
  if (src.shape().size() != index.size())
    throw ShapeError(cat("[scatter] src is ", str(src.shape()), ", index is ", str(index), ": both have as many axes"));
  for (int d = 0; d < index.size(); ++d) {
    if (index[d] > src.shape()[d])
      throw ShapeError(cat("[scatter] index is ", str(index), ", src is ", str(src.shape()),
                           ": src has an element for each of index"));
    if (index[d] < src.shape()[d])
      src = apply(*find_op("narrow"), {src}, Attrs::make({int64_t{d}, int64_t{0}, index[d]}));
  }
  return src;
}

// reduce is one of the words of scatter, or none.
Tensor scattered(const Given& x, const Tensor& src) {
  const Tensor index = as_index("scatter", x[1]);
  const char* const how = !x.attrs().has(1) ? "scatter_set" : x.integer(1) == 0 ? "scatter_sum" : "scatter_mul";
  return scatter_by(how, x[0], axis_in(x), index, src);
}
Tensor scattered_tensor(const Given& x) { return scattered(x, as_large_as(x[2], x[1].shape())); }
Tensor scattered_number(const Given& x) {
  if (x[2].numel() != 1) throw ShapeError(cat("[scatter] value is ", str(x[2].shape()), ", not a number"));
  return scattered(x, expand(reshape(cast(x[2], x[0].dtype()), {}), x[1].shape()));
}

const AttrSchema kReduce{.name = "reduce", .type = AttrType::word, .by_name = true, .words = {"add", "multiply"}};

const Op scatter_op{
    .name = "scatter",
    .doc =
        "input with src[i, j, ..], or a number, at i, j, .. with index[i, j, ..] in place of the number along dim, for "
        "all elements of index; of several at one place the last one. reduce: added, or multiplied, in their order. "
        "src is as large as index or larger.",
    .inputs = {{"input"}, {"index"}, {"src"}},
    .attrs = {{"dim", AttrType::integer, true}, kReduce},
    .visibility = Visibility::method,
    .overloads = {"scatter_value"},
    .underscored = true,
    .compose = one<scattered_tensor>,
};
BS_REGISTER(scatter_op);

const Op scatter_value_op{
    .name = "scatter_value",
    .doc = "scatter of a number.",
    .inputs = {{.name = "input", .weak = true}, {"index"}, {.name = "value", .weak = true}},
    .attrs = {{"dim", AttrType::integer, true}, kReduce},
    .underscored = true,
    .compose = one<scattered_number>,
};
BS_REGISTER(scatter_value_op);

const Op scatter_add_op{
    .name = "scatter_add",
    .doc = "scatter with what comes added to what is there, in the order of index.",
    .inputs = {{"input"}, {"index"}, {"src"}},
    .attrs = {{"dim", AttrType::integer, true}},
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& x) {
      const Tensor index = as_index("scatter_add", x[1]);
      return scatter_by("scatter_sum", x[0], axis_in(x), index, as_large_as(x[2], x[1].shape()));
    }>,
};
BS_REGISTER(scatter_add_op);

// ---- reductions -------------------------------------------------------------------------------------------------

enum Reducing { by_sum, by_prod, by_mean, by_amax, by_amin };
const std::vector<const char*> kReductions{"sum", "prod", "mean", "amax", "amin"};

// What changes no result of the reduction.
Tensor neutral(Reducing how, DType t) {
  const bool least = how == by_amax;
  if (how != by_amax && how != by_amin) return Tensor::scalar(how == by_prod, t);
  if (is_float(t)) return Tensor::scalar(least ? -INFINITY : INFINITY, t);
  const Tensor made = Tensor::empty(DType::i64, {});  // no float holds it
  *reinterpret_cast<int64_t*>(made.data()) =
      t == DType::i32 ? (least ? INT32_MIN : INT32_MAX) : (least ? INT64_MIN : INT64_MAX);
  return cast(made, t);
}

Tensor reduced(const Tensor& x, int dim, const Tensor& index, const Tensor& src, Reducing how, bool include_self) {
  if (x.dtype() == DType::b8) throw DTypeError("[scatter_reduce] input is bool: cast it first, as in x.to(bs.int64)");
  static constexpr const char* ops[] = {"scatter_sum", "scatter_mul", "scatter_sum", "scatter_max", "scatter_min"};
  const auto reset = [&](const Tensor& t, const Tensor& value) {
    return scatter_by("scatter_set", t, dim, index, expand(value, index.shape()));
  };
  const Tensor start = include_self ? x : reset(x, neutral(how, x.dtype()));
  const Tensor all = scatter_by(ops[how], start, dim, index, src);
  if (how != by_mean) return all;
  const Tensor ones = full(x.shape(), 1, x.dtype()), one = Tensor::scalar(1, x.dtype());
  const Tensor before = include_self ? ones : reset(ones, Tensor::scalar(0, x.dtype()));
  const Tensor many = scatter_by("scatter_sum", before, dim, index, expand(one, index.shape()));
  return is_float(x.dtype()) ? div(all, many) : floor_divide(all, many);
}

const AttrSchema kHow{.name = "reduce", .type = AttrType::word, .required = true, .words = kReductions};
const AttrSchema kIncludeSelf{
    .name = "include_self", .type = AttrType::boolean, .default_value = true, .by_name = true};

const Op scatter_reduce_op{
    .name = "scatter_reduce",
    .doc =
        "scatter with all that comes to one place reduced with what is there (with include_self=False only what "
        "comes): their sum, prod, mean, amax or amin. The derivative of equal extremes is shared among them.",
    .inputs = {{"input"}, {"index"}, {"src"}},
    .attrs = {{"dim", AttrType::integer, true}, kHow, kIncludeSelf},
    .visibility = Visibility::method,
    .underscored = true,
    .storage = Storage::cast,
    .compose = one<[](const Given& x) {
      const Tensor index = as_index("scatter_reduce", x[1]);
      return reduced(x[0], axis_in(x), index, as_large_as(x[2], index.shape()), static_cast<Reducing>(x.integer(1)),
                     x.attrs().get<bool>(2));
    }>,
};
BS_REGISTER(scatter_reduce_op);

// ---- an index for whole rows --------------------------------------------------------------------------------------

// A vector of positions; a single one counts as a vector of one.
Tensor row_index(const Tensor& index) {
  if (index.shape().size() > 1)
    throw IndexError(cat("[index] index is ", str(index.shape()), ": it is a vector of positions"));
  return reshape(as_index("index", index), {index.numel()});
}
// The index as one with all axes of x, of which `dim` is as long as the index.
Tensor for_rows(const Tensor& index, Dims x, int dim) {
  if (x.size() == 0) return reshape(index, {});
  Dims ones = Dims::filled(x.size(), 1);
  ones[dim] = x[dim] = index.numel();
  return expand(reshape(index, ones), x);
}
// The index for the rows of x, against which `source` is checked.
Tensor for_source(const Given& x, int dim, const Tensor& source) {
  const Tensor index = for_rows(row_index(x[1]), x[0].shape(), dim);
  if (!(index.shape() == source.shape()))
    throw ShapeError(cat("[index] source is ", str(source.shape()), ", not ", str(index.shape()),
                         ": input's shape with as many rows along axis ", dim, " as index has positions"));
  return index;
}

const Op index_select_op{
    .name = "index_select",
    .doc = "The rows (positions along dim) of input that the vector index names.",
    .inputs = {{"input"}, {"index"}},
    .attrs = {{"dim", AttrType::integer, true}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) {
      const int dim = axis_in(x);
      const Tensor index = row_index(x[1]);
      if (dim == 0 && x[0].shape().size() != 0) return apply(*find_op("index_rows"), {x[0], index});
      return gather_axis(x[0], for_rows(index, x[0].shape(), dim), dim);
    }>,
};
BS_REGISTER(index_select_op);

const Op index_add_op{
    .name = "index_add",
    .doc =
        "input with the rows of source (times alpha) added to its rows (positions along dim) that index names, in "
        "the order of index.",
    .inputs = {{"input"}, {"index"}, {"source"}},
    .attrs = {{"dim", AttrType::integer, true}},
    .visibility = Visibility::method,
    .underscored = true,
    .keyword = Keyword::alpha,
    .compose = one<[](const Given& x) {
      const int dim = axis_in(x);
      return scatter_by("scatter_sum", x[0], dim, for_source(x, dim, x[2]), x[2]);
    }>,
};
BS_REGISTER(index_add_op);

const Op index_copy_op{
    .name = "index_copy",
    .doc = "input with its rows (positions along dim) that index names replaced by the rows of source.",
    .inputs = {{"input"}, {"index"}, {"source"}},
    .attrs = {{"dim", AttrType::integer, true}},
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& x) {
      const int dim = axis_in(x);
      return scatter_by("scatter_set", x[0], dim, for_source(x, dim, x[2]), x[2]);
    }>,
};
BS_REGISTER(index_copy_op);

const Op index_fill_op{
    .name = "index_fill",
    .doc = "input with its rows (positions along dim) that index names filled with a number, or a tensor without axes.",
    .inputs = {{.name = "input", .weak = true}, {"index"}, {.name = "value", .weak = true}},
    .attrs = {{"dim", AttrType::integer, true}},
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& x) {
      if (x[2].shape().size() != 0)
        throw ShapeError(cat("[index_fill] value is ", str(x[2].shape()), ", not a number"));
      const int dim = axis_in(x);
      const Tensor index = for_rows(row_index(x[1]), x[0].shape(), dim);
      return scatter_by("scatter_set", x[0], dim, index, expand(cast(x[2], x[0].dtype()), index.shape()));
    }>,
};
BS_REGISTER(index_fill_op);

const Op index_reduce_op{
    .name = "index_reduce",
    .doc = "scatter_reduce of whole rows: those of source to the rows (positions along dim) that index names.",
    .inputs = {{"input"}, {"index"}, {"source"}},
    .attrs = {{"dim", AttrType::integer, true},
              {.name = "reduce",
               .type = AttrType::word,
               .required = true,
               .words = {kReductions.begin() + 1, kReductions.end()}},
              kIncludeSelf},
    .visibility = Visibility::method,
    .underscored = true,
    .storage = Storage::cast,
    .compose = one<[](const Given& x) {
      const int dim = axis_in(x);
      return reduced(x[0], dim, for_source(x, dim, x[2]), x[2], static_cast<Reducing>(x.integer(1) + 1),
                     x.attrs().get<bool>(2));
    }>,
};
BS_REGISTER(index_reduce_op);

// ---- positions in row-major order, and axes that broadcast ------------------------------------------------------

Tensor flat(const Tensor& x) { return reshape(x, {x.numel()}); }

const Op take_op{
    .name = "take",
    .doc = "The elements of input, in row-major order, at the positions index; those below 0 count from the end.",
    .inputs = {{"input"}, {"index"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) { return index(flat(x[0]), {{{0, as_index("take", x[1])}}}); }>,
};
BS_REGISTER(take_op);

const Op put_op{
    .name = "put",
    .doc = "input with source's elements at the positions index in row-major order, or added there with accumulate.",
    .inputs = {{"input"}, {"index"}, {"source"}},
    .attrs = {{"accumulate", AttrType::boolean, false, false}},
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& x) {
      if (x[1].numel() != x[2].numel())
        throw ShapeError(cat("[put] index has ", x[1].numel(), " elements, source ", x[2].numel()));
      const IndexOfAxes at{0, as_index("put", flat(x[1]))};
      return reshape(index_put(flat(x[0]), {&at, 1}, flat(x[2]), x.attrs().get<bool>(0)), x[0].shape());
    }>,
};
BS_REGISTER(put_op);

const Op take_along_dim_op{
    .name = "take_along_dim",
    .doc =
        "gather whose input and indices broadcast but for axis dim; without dim, of input in row-major order. Indices "
        "below 0 "
        "count from the end.",
    .inputs = {{"input"}, {"indices"}},
    .attrs = {{"dim", AttrType::integer}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) {
      const bool all = !x.attrs().has(0);
      const int dim = all ? 0 : axis_in(x);
      const int64_t n = all ? x[0].numel() : (x[0].shape().size() != 0) ? x[0].shape()[dim] : 1;
      const Tensor given = as_index("take_along_dim", x[1]);
      const Tensor indices =
          where(lt(given, 0.0), add(given, Tensor::scalar(static_cast<double>(n), DType::i64)), given);
      if (all) return gather_axis(flat(x[0]), flat(indices), 0);
      Dims own = x[0].shape(), other = indices.shape(), both;
      if (own.size() != other.size())
        throw ShapeError(
            cat("[take_along_dim] input is ", str(own), ", indices are ", str(other), ": both have as many axes"));
      if (own.size() != 0) own[dim] = other[dim] = 1;
      if (!broadcast(own, other, &both))
        throw ShapeError(cat("[take_along_dim] input is ", str(x[0].shape()), ", indices are ", str(indices.shape()),
                             ": but for axis ", dim, " they do not broadcast"));
      own = other = both;
      if (own.size() != 0) own[dim] = x[0].shape()[dim], other[dim] = indices.shape()[dim];
      return gather_axis(expand(x[0], own), expand(indices, other), dim);
    }>,
};
BS_REGISTER(take_along_dim_op);

}  // namespace
}  // namespace bs::ops
