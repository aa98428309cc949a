// Running sums along an axis.
#include "base/error.h"
#include "ops/batch.h"
#include "ops/lines.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

kernels::Reduce cumsum_run(const Attrs* attrs, const Spec& x) {
  const Lines l = lines_of("cumsum", attrs, x.shape);
  return {kernels::Reduction::sum, x.dtype, l.outer, l.n, l.inner};
}

// Whole (reduce, inner) matrices are parts of the result; where they are few, parts are columns of all of them.
bool by_matrices(const kernels::Reduce& r) { return r.outer >= 8 || r.inner == 1; }

const Op cumsum_op{
    .name = "cumsum",
    .doc =
        "The sums of x[0], ..., x[k] for each k along the axis dim, or with reverse those of x[k] and all that follow. "
        "Integers and bools are summed in int64.",
    .inputs = {{"input"}},
    .attrs = {{"dim", AttrType::integer, true},
              {.name = "reverse", .type = AttrType::boolean, .default_value = false, .by_name = true}},
    .visibility = Visibility::method,
    .underscored = true,
    .keyword = Keyword::dtype,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          cumsum_run(attrs, in[0]);
          out[0].shape = in[0].shape;
          out[0].dtype = is_float(in[0].dtype) ? in[0].dtype : DType::i64;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const kernels::Reduce r = cumsum_run(call.attrs, *call.in[0].spec);
      const int64_t each = by_matrices(r) ? r.inner : 1;
      kernels::active().cumsum(r, call.attrs->get<bool>(1), call.in[0].data, call.out[0].data, lo * each, hi * each);
      return -1;
    },
    .place =
        [](const Attrs* attrs, const Specs& in, const Spec*) {
          const kernels::Reduce r = cumsum_run(attrs, in[0]);
          if (by_matrices(r)) return Placement{r.outer, 1, IN_0, false};
          return Placement{r.outer * r.inner, 1, Mask(), true};
        },
    .cost = [](const Attrs*, const Specs& in, const Spec*) { return static_cast<double>(numel(in[0].shape)); },
    .storage = Storage::cast,
    .grad =
        [](GradCall& call) {
          call.set(0, apply(cumsum_op, {call.grad()},
                            Attrs::make({call.attrs().get<int64_t>(0), !call.attrs().get<bool>(1)})));
        },
};
BS_REGISTER(cumsum_op);
BS_BATCH(cumsum_op, batch_dims);

}  // namespace

Tensor cumsum(const Tensor& x, int dim, bool reverse) {
  return apply(cumsum_op, {x}, Attrs::make({int64_t{dim}, reverse}));
}

}  // namespace bs::ops
