// Rows by index: the gather (an embedding) and its transpose, the scatter.
#include "base/error.h"
#include "ops/batch.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

int64_t row_elements(const Dims& shape) {
  int64_t n = 1;
  for (int i = 1; i < shape.size(); ++i) n *= shape[i];
  return n;
}

void check_index(const char* name, const Spec& index) {
  if (index.dtype != DType::i64)
    throw DTypeError(
        cat("[", name, "] index is ", name_of(index.dtype), ": row numbers are int64; use index.to(bs.int64)"));
}

[[noreturn]] void refuse(const char* name, const View& index, int64_t i, int64_t rows) {
  throw IndexError(cat("[", name, "] index ", index.as<int64_t>()[i], " (element ", i, ") is outside 0 to ", rows - 1));
}

const Op index_rows_op{
    .name = "index_rows",
    .doc =
        "x[index]: the rows of x (r, ...) at index (...), which are 0 to r - 1; the result is index.shape + "
        "x.shape[1:].",
    .inputs = {{"input"}, {"index"}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          if (in[0].shape.size() == 0) throw ShapeError("[index_rows] x has no axis to index");
          check_index("index_rows", in[1]);
          Dims shape = in[1].shape;
          for (int i = 1; i < in[0].shape.size(); ++i) shape.push(in[0].shape[i]);
          bs::numel(shape);
          out[0].dtype = in[0].dtype;
          out[0].shape = shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Dims& table = call.in[0].shape();
      return kernels::active().gather_rows(row_elements(table) * static_cast<int64_t>(size_of(call.in[0].dtype())),
                                           call.in[0].data, table[0], call.in[1].as<int64_t>(), call.out[0].data, lo,
                                           hi);
    },
    .explain =
        [](const Call& call, int64_t i) {
          throw IndexError(cat("[index_rows] index ", call.in[1].as<int64_t>()[i], " (element ", i,
                               ") is outside x of shape ", str(call.in[0].shape()), ": rows are 0 to ",
                               call.in[0].shape()[0] - 1));
        },
    .place = [](const Attrs*, const Specs& in,
                const Spec*) { return Placement{bs::numel(in[1].shape), 1, IN_1, false}; },
    .storage = Storage::moved,
    .grad =
        [](GradCall& call) {
          if (call.needs(0))
            call.set(0, apply(*find_op("index_rows_backward"), {call.grad(), call.in(1)},
                              Attrs::make({call.in(0).shape()[0]})));
        },
    .reads = IN_1,
};
BS_REGISTER(index_rows_op);
// The rows of all samples as one table: those of sample b begin at b rows. A row that is not there is not one of
// another sample.
Tensor in_one_table(const BatchCall& call, int i, int64_t rows) {
  const Tensor index = apply(*find_op("valid_rows"), {contiguous(whole(call, i))}, Attrs::make({rows}));
  Dims first{call.size()};
  for (int d = 1; d < index.shape().size(); ++d) first.push(1);
  return add(index, mul(reshape(arange(call.size(), DType::i64), first),
                        Tensor::scalar(static_cast<double>(rows), DType::i64)));
}
BS_BATCH(index_rows_op, [](const BatchCall& call) -> std::vector<Tensor> {
  if (!call.batched(0)) return batch_as_is(call);
  const int64_t rows = call.spec(0).shape[0];
  Dims table = call.spec(0).shape;
  table[0] = call.size() * rows;
  return {apply(index_rows_op, {reshape(call.in(0), table), in_one_table(call, 1, rows)})};
});

const Op index_rows_backward_op{
    .name = "index_rows_backward",
    .doc = "Row r is the sum of the rows g_i with index_i = r, i ascending: the transpose of index_rows.",
    .inputs = {{"g"}, {"index"}},
    .attrs = {{"rows", AttrType::integer, true}},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_index("index_rows_backward", in[1]);
          const int n = in[1].shape.size();
          bool fits = in[0].shape.size() >= n && attrs->get<int64_t>(0) >= 0;
          for (int i = 0; fits && i < n; ++i) fits = in[0].shape[i] == in[1].shape[i];
          if (!fits)
            throw ShapeError(cat("[index_rows_backward] g is ", str(in[0].shape), ", index is ", str(in[1].shape),
                                 ": g's first axes must be those of index"));
          need_float("index_rows_backward", "g", in[0].dtype);
          Dims shape{attrs->get<int64_t>(0)};
          for (int i = n; i < in[0].shape.size(); ++i) shape.push(in[0].shape[i]);
          bs::numel(shape);
          out[0].dtype = in[0].dtype;
          out[0].shape = shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const int64_t n = bs::numel(call.in[1].shape()), rows = call.out[0].shape()[0];
      const int64_t* index = call.in[1].as<int64_t>();
      for (int64_t i = 0; i < n; ++i)
        if (index[i] < 0 || index[i] >= rows) return i;
      kernels::active().scatter_add_rows(call.in[0].dtype(), row_elements(call.out[0].shape()), n, index,
                                         call.in[0].data, call.out[0].data, lo, hi);
      return -1;
    },
    .explain = [](const Call& call,
                  int64_t i) { refuse("index_rows_backward", call.in[1], i, call.out[0].shape()[0]); },
    .place = [](const Attrs* attrs, const Specs&,
                const Spec*) { return Placement{attrs->get<int64_t>(0), 1, {}, false}; },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          if (call.needs(0)) call.set(0, apply(*find_op("index_rows"), {call.grad(), call.in(1)}));
        },
    .reads = IN_1,
};
BS_REGISTER(index_rows_backward_op);
BS_BATCH(index_rows_backward_op, [](const BatchCall& call) {
  const int64_t rows = call.attrs().get<int64_t>(0);
  return std::vector<Tensor>{apply(index_rows_backward_op, {contiguous(whole(call, 0)), in_one_table(call, 1, rows)},
                                   Attrs::make({call.size() * rows}))};
});

const Op valid_rows_op{
    .name = "valid_rows",
    .doc = "index, if its elements are 0 to rows - 1; else an error.",
    .inputs = {{"index"}},
    .attrs = {{"rows", AttrType::integer, true}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check_index("valid_rows", in[0]);
          out[0].dtype = DType::i64;
          out[0].shape = in[0].shape;
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      const int64_t n = bs::numel(call.in[0].shape()), rows = call.attrs->get<int64_t>(0);
      const int64_t* index = call.in[0].as<int64_t>();
      for (int64_t i = 0; i < n; ++i) {
        if (index[i] < 0 || index[i] >= rows) return i;
        call.out[0].as<int64_t>()[i] = index[i];
      }
      return -1;
    },
    .explain = [](const Call& call, int64_t i) { refuse("valid_rows", call.in[0], i, call.attrs->get<int64_t>(0)); },
};
BS_REGISTER(valid_rows_op);
BS_BATCH(valid_rows_op, batch_as_is);

}  // namespace
}  // namespace bs::ops
