// Losses that are more than an elementwise chain: softmax cross entropy.
#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/batch.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

enum : int64_t { kNone = 0, kMean = 1, kSum = 2 };  // places in `words`

const std::vector<AttrSchema> loss_attrs{
    {.name = "ignore_index", .type = AttrType::integer, .default_value = int64_t{-100}, .by_name = true},
    {.name = "reduction",
     .type = AttrType::word,
     .default_value = int64_t{kMean},
     .by_name = true,
     .words = {"none", "mean", "sum"}}};

int64_t ignored(const Attrs* a) { return a->get<int64_t>(0); }
int64_t reduction(const Attrs* a) { return a->get<int64_t>(1); }

void check(const char* name, const Spec& x, const Spec& target) {
  if (x.shape.size() != 2 || target.shape.size() != 1 || x.shape[0] != target.shape[0])
    throw ShapeError(cat("[", name, "] input is ", str(x.shape), ", target is ", str(target.shape),
                         ": input must be (rows, classes) and target (rows,)"));
  if (x.shape[1] == 0) throw ShapeError(cat("[", name, "] input is ", str(x.shape), ": there is no class"));
  need_float(name, "input", x.dtype);
  if (target.dtype != DType::i64)
    throw DTypeError(
        cat("[", name, "] target is ", name_of(target.dtype), ": class numbers are int64; use target.to(bs.int64)"));
}

// Whether row i counts, as a float of x's dtype and shape (n, 1).
Tensor counts(const Tensor& target, const Attrs* attrs, DType dtype) {
  return unsqueeze(cast(ne(target, Tensor::scalar(static_cast<double>(ignored(attrs)), DType::i64)), dtype), 1);
}
// [j == target[i]], bool (n, c).
Tensor one_hot(const Tensor& target, int64_t classes) { return eq(unsqueeze(target, 1), arange(classes, DType::i64)); }

const Op cross_entropy_op{
    .name = "cross_entropy",
    .doc =
        "loss_i = ln sum_j exp(input_ij) - input_i,target_i, 0 where target_i is ignore_index; reduction 'none' gives "
        "all rows, 'mean' their mean over the rows that count, 'sum' their sum. No finite input overflows.\n\n"
        "Also the maximum of each row, the logarithm of the sum of the row's exponentials below it (apart, since their "
        "sum would lose the latter where inputs are large), and the number of rows that count.",
    .inputs = {{"input"}, {"target"}},
    .attrs = loss_attrs,
    .outputs = {"loss", "top", "log_sum", "count"},
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check("cross_entropy", in[0], in[1]);
          for (int i = 0; i < 4; ++i) out[i].dtype = in[0].dtype;
          out[1].shape = out[2].shape = Dims{in[0].shape[0]};
          out[0].shape = reduction(attrs) == kNone ? out[1].shape : Dims{};
          out[3].shape = Dims{};
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      char* rows = reduction(call.attrs) == kNone ? call.out[0].data : call.scratch;
      return kernels::active().cross_entropy(call.in[0].dtype(), call.in[0].shape()[1], call.in[0].data,
                                             call.in[1].as<int64_t>(), ignored(call.attrs), rows, call.out[1].data,
                                             call.out[2].data, lo, hi);
    },
    .merge =
        [](const Call& call) {
          const int64_t n = call.in[0].shape()[0];
          const int64_t* target = call.in[1].as<int64_t>();
          int64_t count = 0;
          for (int64_t i = 0; i < n; ++i) count += target[i] != ignored(call.attrs);
          const DType dtype = call.in[0].dtype();
          with_float(dtype, [&](auto zero) {
            using T = decltype(zero);
            *call.out[3].as<T>() = static_cast<T>(count);
            if (reduction(call.attrs) == kNone) return;
            kernels::active().reduce({kernels::Reduction::sum, dtype, 1, n, 1}, call.scratch, call.out[0].data, 0, 1);
            if (reduction(call.attrs) == kMean) *call.out[0].as<T>() /= static_cast<T>(count);
          });
        },
    .explain =
        [](const Call& call, int64_t row) {
          throw IndexError(cat("[cross_entropy] target[", row, "] is ", call.in[1].as<int64_t>()[row], ", input has ",
                               call.in[0].shape()[1], " classes: targets are 0 to ", call.in[0].shape()[1] - 1, ", or ",
                               ignored(call.attrs), " to leave a row out"));
        },
    .scratch_bytes =
        [](const Attrs* attrs, const Specs& in, const Spec*) {
          return reduction(attrs) == kNone ? 0 : static_cast<size_t>(in[0].shape[0]) * size_of(in[0].dtype);
        },
    .place = [](const Attrs*, const Specs& in, const Spec*) { return Placement{in[0].shape[0], 1, IN_0 | IN_1, true}; },
    .cost = [](const Attrs*, const Specs& in,
               const Spec*) { return 0.4 * static_cast<double>(bs::numel(in[0].shape)); },
    .grad =
        [](GradCall& call) {
          call.set(0, apply(*find_op("cross_entropy_backward"),
                            {call.grad(), call.in(0), call.in(1), call.out(1), call.out(2), call.out(3)},
                            call.same_attrs()));
        },
    .reads = IN_0 | IN_1 | OUT_1 | OUT_2 | OUT_3,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const Tensor &x = in[0], &target = in[1];
          Tensor top = amax(x, Dims{1}, true);
          Tensor below = sub(x, top);
          Tensor log_sum = log(sum(exp(below), Dims{1}));
          Tensor keep = reshape(counts(target, attrs, x.dtype()), {-1});
          Tensor picked = sum(mul_mask(below, one_hot(target, x.shape()[1])), Dims{1});
          Tensor loss = mul_mask(sub(log_sum, picked), keep);
          Tensor count = sum(keep);
          if (reduction(attrs) != kNone) loss = sum(loss);
          if (reduction(attrs) == kMean) loss = div(loss, count);
          return std::vector<Tensor>{loss, reshape(top, {-1}), log_sum, count};
        },
};
BS_REGISTER(cross_entropy_op);

const std::vector<Attr> of_rows(const Attrs& attrs) { return {ignored(&attrs), int64_t{kNone}}; }
Tensor as_rows(const BatchCall& call, int i) {
  Dims shape = call.spec(i).shape;
  shape[0] *= call.size();
  return reshape(whole(call, i), shape);
}

// The rows of all samples are those of one batch; only sums and means are by sample.
BS_BATCH(cross_entropy_op, [](const BatchCall& call) {
  const int64_t n = call.spec(0).shape[0];
  const Tensor in[] = {as_rows(call, 0), as_rows(call, 1)};
  std::vector<Tensor> out = apply_all(cross_entropy_op, in, Attrs::make(of_rows(call.attrs())));
  const Dims samples{call.size(), n};
  const Tensor target = reshape(in[1], samples);
  const Tensor counted = ne(target, Tensor::scalar(static_cast<double>(ignored(&call.attrs())), DType::i64));
  out[3] = cast(sum(counted, Dims{1}), in[0].dtype());
  if (reduction(&call.attrs()) != kNone) out[0] = sum(reshape(out[0], samples), Dims{1});
  if (reduction(&call.attrs()) == kMean) out[0] = div(out[0], out[3]);
  return out;
});

const Op cross_entropy_backward_op{
    .name = "cross_entropy_backward",
    .doc =
        "d_ij = g_i (exp(input_ij - top_i - log_sum_i) - [j = target_i]), 0 where target_i is ignore_index; g_i is "
        "g / count for the mean, g for the sum.",
    .inputs = {{"g"}, {"input"}, {"target"}, {"top"}, {"log_sum"}, {"count"}},
    .attrs = loss_attrs,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check("cross_entropy_backward", in[1], in[2]);
          const Dims rows{in[1].shape[0]};
          if (!(in[0].shape == (reduction(attrs) == kNone ? rows : Dims{})) || !(in[3].shape == rows) ||
              !(in[4].shape == rows) || in[5].shape.size() != 0)
            throw ShapeError(cat("[cross_entropy_backward] g is ", str(in[0].shape), ", top is ", str(in[3].shape),
                                 ", log_sum is ", str(in[4].shape), ", count is ", str(in[5].shape), " for input ",
                                 str(in[1].shape)));
          for (int i : {0, 3, 4, 5})
            if (in[i].dtype != in[1].dtype)
              throw DTypeError(
                  cat("[cross_entropy_backward] dtypes differ: ", name_of(in[i].dtype), " and ", name_of(in[1].dtype)));
          out[0].dtype = in[1].dtype;
          out[0].shape = in[1].shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const DType dtype = call.in[1].dtype();
      const bool mean = reduction(call.attrs) == kMean, rows = reduction(call.attrs) == kNone;
      with_float(dtype, [&](auto zero) {
        using T = decltype(zero);
        // The scale of all rows; where rows differ, g itself.
        const T of_all = rows ? T{0} : *call.in[0].as<T>() / (mean ? *call.in[5].as<T>() : T{1});
        const void* scale = rows ? call.in[0].data : static_cast<const void*>(&of_all);
        kernels::active().cross_entropy_backward(dtype, call.in[1].shape()[1], call.in[1].data,
                                                 call.in[2].as<int64_t>(), ignored(call.attrs), call.in[3].data,
                                                 call.in[4].data, scale, rows ? 1 : 0, call.out[0].data, lo, hi);
      });
      return -1;
    },
    .place =
        [](const Attrs* attrs, const Specs& in, const Spec*) {
          return Placement{in[1].shape[0], 1, IN_1 | IN_2 | IN_3 | IN_4 | (reduction(attrs) == kNone ? IN_0 : Mask()),
                           false};
        },
    .cost = [](const Attrs*, const Specs& in,
               const Spec*) { return 0.4 * static_cast<double>(bs::numel(in[1].shape)); },
    .in_place = ALL_INPUTS,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const Tensor &x = in[1], &target = in[2];
          Tensor g = in[0];
          if (reduction(attrs) == kMean) g = div(g, in[5]);
          if (reduction(attrs) == kNone) g = unsqueeze(g, 1);
          Tensor p = exp(sub(sub(x, unsqueeze(in[3], 1)), unsqueeze(in[4], 1)));
          Tensor d = sub(p, cast(one_hot(target, x.shape()[1]), x.dtype()));
          return std::vector<Tensor>{mul_mask(mul(d, g), counts(target, attrs, x.dtype()))};
        },
};
BS_REGISTER(cross_entropy_backward_op);

BS_BATCH(cross_entropy_backward_op, [](const BatchCall& call) {
  const int64_t n = call.spec(1).shape[0];
  Tensor g = whole(call, 0);
  if (reduction(&call.attrs()) == kMean) g = div(g, whole(call, 5));
  if (reduction(&call.attrs()) != kNone) g = expand(unsqueeze(g, 1), {call.size(), n});
  const Tensor all = contiguous(reshape(g, {call.size() * n}));
  return std::vector<Tensor>{apply(cross_entropy_backward_op,
                                   {all, as_rows(call, 1), as_rows(call, 2), as_rows(call, 3), as_rows(call, 4),
                                    full({}, static_cast<double>(n), call.spec(1).dtype)},
                                   Attrs::make(of_rows(call.attrs())))};
});

}  // namespace
}  // namespace bs::ops
