// By mask: elements chosen, filled or replaced where it is true.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/composed.h"
#include "ops/indexing.h"

namespace bs::ops {
namespace {

Tensor as_mask(const char* op, const Tensor& mask) {
  if (mask.dtype() != DType::b8)
    throw DTypeError(cat("[", op, "] mask is ", name_of(mask.dtype()), ", not bool: compare first, as in x != 0"));
  return mask;
}

Dims shape_of_both(const Tensor& x, const Tensor& mask) {
  Dims both;
  if (!broadcast(x.shape(), mask.shape(), &both))
    throw ShapeError(
        cat("[masked] input is ", str(x.shape()), ", mask is ", str(mask.shape()), ": they do not broadcast"));
  return both;
}

const Op masked_fill_op{
    .name = "masked_fill",
    .doc = "value, a number or a tensor without axes, where mask is true, else input; of input's dtype.",
    .inputs = {{.name = "input", .weak = true}, {"mask"}, {.name = "value", .weak = true}},
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& x) {
      if (x[2].shape().size() != 0)
        throw ShapeError(cat("[masked_fill] value is ", str(x[2].shape()), ", not a number: use bs.where for tensors"));
      return where(as_mask("masked_fill", x[1]), cast(x[2], x[0].dtype()), x[0]);
    }>,
};
BS_REGISTER(masked_fill_op);

const Op masked_select_op{
    .name = "masked_select",
    .doc = "The elements of input where mask, which broadcasts with it, is true, in row-major order. Not in a capture.",
    .inputs = {{"input"}, {"mask"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) {
      const Dims both = shape_of_both(x[0], as_mask("masked_select", x[1]));
      const Tensor at = positions_of_true("masked_select", expand(x[1], both));
      return apply(*find_op("index_rows"), {reshape(expand(x[0], both), {bs::numel(both)}), at});
    }>,
};
BS_REGISTER(masked_select_op);

// ---- sources that are used up in order ----------------------------------------------------------------------------

int64_t count_true(const uint8_t* mask, int64_t n) {
  int64_t many = 0;
  for (int64_t i = 0; i < n; ++i) many += mask[i] != 0;
  return many;
}

const Op masked_put_op{
    .name = "masked_put",
    .doc = "input with the elements of source, in order, where mask is true. One shape for input and mask.",
    .inputs = {{"input"}, {"mask"}, {"source"}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          if (!(in[0].shape == in[1].shape))
            throw ShapeError(cat("[masked_put] input is ", str(in[0].shape), ", mask is ", str(in[1].shape)));
          if (in[1].dtype != DType::b8 || in[2].dtype != in[0].dtype)
            throw DTypeError(cat("[masked_put] input is ", name_of(in[0].dtype), ", source is ", name_of(in[2].dtype),
                                 ", mask is ", name_of(in[1].dtype),
                                 ": mask is bool, the others are of one dtype, as by source.to(input.dtype)"));
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      const int64_t n = bs::numel(call.in[0].shape()), most = bs::numel(call.in[2].shape());
      const uint8_t* mask = call.in[1].as<uint8_t>();
      if (const int64_t many = count_true(mask, n); many > most) return many;
      with_word(call.out[0].dtype(), [&](auto zero) {
        using T = decltype(zero);
        const T *x = call.in[0].as<T>(), *source = call.in[2].as<T>();
        T* out = call.out[0].as<T>();
        for (int64_t i = 0, k = 0; i < n; ++i) out[i] = mask[i] ? source[k++] : x[i];
      });
      return -1;
    },
    .explain =
        [](const Call& call, int64_t n) {
          throw ValueError(
              cat("[masked_put] mask is true ", n, " times, source has ", bs::numel(call.in[2].shape()), " elements"));
        },
    .storage = Storage::moved,
    .grad =
        [](GradCall& call) {
          const Tensor mask = call.in(1);
          if (call.needs(0)) call.set(0, where(mask, 0.0, call.grad()));
          if (call.needs(2))
            call.set(2, apply(*find_op("masked_take"), {call.grad(), mask}, Attrs::make({call.spec(2).shape})));
        },
    .reads = IN_1,
};
BS_REGISTER(masked_put_op);

const Op masked_take_op{
    .name = "masked_take",
    .doc =
        "The elements of input where mask is true, in order, then zeros, as a tensor of `shape`: the transpose of "
        "masked_put by its source.",
    .inputs = {{"input"}, {"mask"}},
    .attrs = {{"shape", AttrType::dims, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          if (!(in[0].shape == in[1].shape))
            throw ShapeError(cat("[masked_take] input is ", str(in[0].shape), ", mask is ", str(in[1].shape)));
          if (in[1].dtype != DType::b8)
            throw DTypeError(cat("[masked_take] mask is ", name_of(in[1].dtype), ", not bool"));
          out[0].dtype = in[0].dtype;
          out[0].shape = attrs->get<Dims>(0);
          for (int64_t n : out[0].shape)
            if (n < 0) throw ShapeError(cat("[masked_take] shape ", str(out[0].shape), " has a negative size"));
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      const int64_t n = bs::numel(call.in[0].shape()), most = bs::numel(call.out[0].shape());
      const uint8_t* mask = call.in[1].as<uint8_t>();
      if (const int64_t many = count_true(mask, n); many > most) return many;
      with_word(call.out[0].dtype(), [&](auto zero) {
        using T = decltype(zero);
        const T* x = call.in[0].as<T>();
        T* out = call.out[0].as<T>();
        int64_t k = 0;
        for (int64_t i = 0; i < n; ++i)
          if (mask[i]) out[k++] = x[i];
        std::fill(out + k, out + most, T{0});
      });
      return -1;
    },
    .explain =
        [](const Call& call, int64_t n) {
          throw ValueError(
              cat("[masked_take] mask is true ", n, " times, shape has ", bs::numel(call.out[0].shape()), " elements"));
        },
    .storage = Storage::moved,
    .grad =
        [](GradCall& call) {
          const Tensor zeros = full(call.spec(0).shape, 0, call.grad().dtype());
          call.set(0, apply(masked_put_op, {zeros, call.in(1), call.grad()}));
        },
    .reads = IN_1,
};
BS_REGISTER(masked_take_op);

const Op masked_scatter_op{
    .name = "masked_scatter",
    .doc =
        "input, broadcast with mask, with the elements of source, in order, where mask is true. ValueError where "
        "source "
        "has too few.",
    .inputs = {{"input"}, {"mask"}, {"source"}},
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& x) {
      const Dims both = shape_of_both(x[0], as_mask("masked_scatter", x[1]));
      return apply(masked_put_op, {expand(x[0], both), expand(x[1], both), x[2]});
    }>,
};
BS_REGISTER(masked_scatter_op);

// ---- where the true ones are --------------------------------------------------------------------------------------

// The numbers of positions in row-major order along each axis, as rows of one matrix (axes, n) or of its transpose.
Tensor coordinates(const Tensor& flat, const Dims& shape, bool as_columns) {
  const int n = shape.size();
  const int64_t many = flat.numel();
  const Tensor made = Tensor::empty(DType::i64, as_columns ? Dims{many, n} : Dims{n, many});
  const auto* at = reinterpret_cast<const int64_t*>(flat.data());
  auto* out = reinterpret_cast<int64_t*>(made.data());
  const int64_t row = as_columns ? n : 1, column = as_columns ? 1 : many;
  if (many == 0) return made;
  for (int64_t i = 0; i < many; ++i) {
    int64_t rest = at[i];
    for (int d = n - 1; d > 0; --d) {
      out[i * row + d * column] = rest % shape[d];
      rest /= shape[d];
    }
    if (n > 0) out[i * row] = rest;
  }
  return made;
}

const Op argwhere_op{
    .name = "argwhere",
    .doc =
        "The places of all elements that are not 0, in row-major order: an int64 matrix with a row for each. Not in a "
        "capture.",
    .inputs = {{"input"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& x) { return coordinates(positions_of_true("argwhere", x[0]), x[0].shape(), true); }>,
};
BS_REGISTER(argwhere_op);

const Op where_true_op{
    .name = "where_true",
    .doc =
        "The places of all elements that are not 0, in row-major order: an int64 vector for each axis. Of a tensor "
        "without axes as of a vector of one. Not in a capture.",
    .inputs = {{"condition"}},
    .count_outputs = [](const Attrs*, const Specs& in) { return std::max(in[0].shape.size(), 1); },
    .compose =
        [](const Attrs*, std::span<const Tensor> in) {
          const Tensor flat = positions_of_true("where", in[0]);
          if (in[0].shape().size() < 2) return std::vector<Tensor>{flat};
          return unbind(coordinates(flat, in[0].shape(), false), 0);
        },
};
BS_REGISTER(where_true_op);

}  // namespace
}  // namespace bs::ops
