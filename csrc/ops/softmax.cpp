// Softmax and its logarithm: over the last axis by a kernel, over another through a transposition.
#include "base/error.h"
#include "ops/batch.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

// By whether it is the logarithm: the op over any axis, over the last one, and the derivative of that.
constexpr const char* kName[2] = {"softmax", "log_softmax"};
constexpr const char* kRows[2] = {"softmax_rows", "log_softmax_rows"};
constexpr const char* kBackward[2] = {"softmax_rows_backward", "log_softmax_rows_backward"};

void infer_as(const char* name, const Spec& x, Spec* out) {
  need_float(name, "input", x.dtype);
  out[0].dtype = x.dtype;
  out[0].shape = x.shape;
}

template <bool logarithm>
Op softmax_op(const char* doc) {
  return {
      .name = kName[logarithm],
      .doc = doc,
      .inputs = {{"input"}},
      .attrs = {{"dim", AttrType::integer, true}},
      .visibility = Visibility::method,
      .keyword = Keyword::last_dtype,
      .infer =
          [](const Attrs* attrs, const Specs& in, Spec* out) {
            infer_as(kName[logarithm], in[0], out);
            scalar_dim(kName[logarithm], attrs->get<int64_t>(0), in[0].shape.size());
          },
      .compose =
          [](const Attrs* attrs, std::span<const Tensor> in) {
            const Op& rows = *find_op(kRows[logarithm]);
            const int n = in[0].shape().size();
            const int dim = scalar_dim(kName[logarithm], attrs->get<int64_t>(0), n);
            if (n == 0) return std::vector<Tensor>{reshape(apply(rows, {reshape(in[0], {1})}), {})};
            if (dim == n - 1) return std::vector<Tensor>{apply(rows, in)};
            return std::vector<Tensor>{contiguous(transpose(apply(rows, {transpose(in[0], dim, n - 1)}), dim, n - 1))};
          },
  };
}

const Op softmax_any = softmax_op<false>(
    "exp(x) / sum exp(x) along the axis dim. No finite x overflows; -inf gives 0, nothing but -inf NaN.");
BS_REGISTER(softmax_any);

const Op log_softmax_any = softmax_op<true>("x - ln sum exp(x) along the axis dim. No finite x overflows.");
BS_REGISTER(log_softmax_any);

template <bool logarithm>
Op rows_op(const char* doc) {
  return {
      .name = kRows[logarithm],
      .doc = doc,
      .inputs = {{"x"}},
      .infer =
          [](const Attrs*, const Specs& in, Spec* out) {
            if (in[0].shape.size() == 0) throw ShapeError(cat("[", kRows[logarithm], "] x is (): it has no last axis"));
            infer_as(kRows[logarithm], in[0], out);
          },
      .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
        kernels::active().softmax(call.in[0].dtype(), logarithm, call.in[0].shape().back(), call.in[0].data,
                                  call.out[0].data, lo, hi);
        return -1;
      },
      .place = [](const Attrs*, const Specs& in,
                  const Spec*) { return Placement{rows_of(in[0].shape), 1, IN_0, false}; },
      .cost = [](const Attrs*, const Specs& in,
                 const Spec*) { return 0.4 * static_cast<double>(bs::numel(in[0].shape)); },
      .in_place = ALL_INPUTS,
      .grad = [](GradCall& call) { call.set(0, apply(*find_op(kBackward[logarithm]), {call.grad(), call.out()})); },
      .reads = OUT,
  };
}

const Op softmax_rows = rows_op<false>("softmax over the last axis of x (..., n).");
BS_REGISTER(softmax_rows);
BS_BATCH(softmax_rows, batch_as_is);

const Op log_softmax_rows = rows_op<true>("log_softmax over the last axis of x (..., n).");
BS_REGISTER(log_softmax_rows);
BS_BATCH(log_softmax_rows, batch_as_is);

template <bool logarithm>
Op backward_op(const char* doc) {
  return {
      .name = kBackward[logarithm],
      .doc = doc,
      .inputs = {{"g"}, {"y"}},
      .infer =
          [](const Attrs*, const Specs& in, Spec* out) {
            const char* name = kBackward[logarithm];
            if (!(in[0].shape == in[1].shape) || in[1].shape.size() == 0)
              throw ShapeError(cat("[", name, "] g is ", str(in[0].shape), ", y is ", str(in[1].shape),
                                   ": they must be equal, of at least one axis"));
            if (in[0].dtype != in[1].dtype)
              throw DTypeError(
                  cat("[", name, "] dtypes differ: ", name_of(in[0].dtype), " and ", name_of(in[1].dtype)));
            infer_as(name, in[1], out);
          },
      .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
        kernels::active().softmax_backward(call.in[1].dtype(), logarithm, call.in[1].shape().back(), call.in[0].data,
                                           call.in[1].data, call.out[0].data, lo, hi);
        return -1;
      },
      .place = [](const Attrs*, const Specs& in,
                  const Spec*) { return Placement{rows_of(in[1].shape), 1, IN_0 | IN_1, false}; },
      .in_place = ALL_INPUTS,
      .compose =
          [](const Attrs*, std::span<const Tensor> in) {
            const Tensor &g = in[0], &y = in[1];
            if (logarithm) return std::vector<Tensor>{sub(g, mul(exp(y), sum(g, Dims{-1}, true)))};
            return std::vector<Tensor>{mul(y, sub(g, sum(mul(g, y), Dims{-1}, true)))};
          },
  };
}

const Op softmax_rows_backward = backward_op<false>("y (g - sum g y) over the last axis; y is the softmax.");
BS_REGISTER(softmax_rows_backward);
BS_BATCH(softmax_rows_backward, batch_whole);

const Op log_softmax_rows_backward =
    backward_op<true>("g - exp(y) sum g over the last axis; y is the logarithm of the softmax.");
BS_REGISTER(log_softmax_rows_backward);
BS_BATCH(log_softmax_rows_backward, batch_whole);

}  // namespace
}  // namespace bs::ops
