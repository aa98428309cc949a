// Views that take axes away, add, join, split or move them: compositions of view, permute, transpose and expand.
#include "base/error.h"
#include "ops/composed.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

// Axes as flags, each named at most once.
uint32_t flags_of(const char* name, const Dims& dims, int n) {
  uint32_t flags = 0;
  for (int64_t d : dims) {
    const int dim = scalar_dim(name, d, n);
    if ((flags >> dim) & 1) throw ValueError(cat("[", name, "] dim ", dim, " is named twice"));
    flags |= 1u << dim;
  }
  return flags;
}

Tensor squeezed(const Attrs* a, const Tensor& x) {
  const Dims& shape = x.shape();
  const uint32_t named = a->has(0) ? flags_of("squeeze", a->get<Dims>(0), shape.size()) : ~0u;
  Dims kept;
  for (int d = 0; d < shape.size(); ++d)
    if (shape[d] != 1 || !((named >> d) & 1)) kept.push(shape[d]);
  return reshaped(x, kept);
}

Tensor flattened(const Attrs* a, const Tensor& x) {
  const Dims& shape = x.shape();
  const int first = scalar_dim("flatten", a->get<int64_t>(0), shape.size()),
            last = scalar_dim("flatten", a->get<int64_t>(1), shape.size());
  if (first > last)
    throw ValueError(cat("[flatten] start_dim ", first, " comes after end_dim ", last, " (shape ", str(shape), ")"));
  Dims made;
  int64_t joined = 1;
  for (int d = 0; d < shape.size(); ++d) {
    if (d < first || d > last) made.push(shape[d]);
    if (d >= first && d <= last) joined *= shape[d];
    if (d == last) made.push(joined);
  }
  return reshaped(x, shape.size() == 0 ? Dims{1} : made);
}

Tensor unflattened(const Attrs* a, const Tensor& x) {
  const Dims &shape = x.shape(), &sizes = a->get<Dims>(1);
  const int dim = normal_dim("unflatten", a->get<int64_t>(0), shape.size());
  if (sizes.size() == 0) throw ValueError("[unflatten] sizes is empty: give the sizes that the axis becomes");
  Dims made;
  for (int d = 0; d < dim; ++d) made.push(shape[d]);
  for (int64_t s : resolve_shape("unflatten", Dims{shape[dim]}, sizes)) made.push(s);
  for (int d = dim + 1; d < shape.size(); ++d) made.push(shape[d]);
  return reshaped(x, made);
}

Tensor moved(const Attrs* a, const Tensor& x) {
  const Dims &from = a->get<Dims>(0), &to = a->get<Dims>(1);
  const int n = x.shape().size();
  if (from.size() != to.size())
    throw ValueError(cat("[movedim] source ", str(from), " and destination ", str(to), " must name equally many axes"));
  const uint32_t taken = flags_of("movedim", from, n);
  flags_of("movedim", to, n);
  Dims order = Dims::filled(n, -1);
  if (n > 0)
    for (int i = 0; i < from.size(); ++i) order[normal_dim("movedim", to[i], n)] = normal_dim("movedim", from[i], n);
  int next = 0;  // the axes that are not named keep their order
  for (int64_t& d : std::span(&order[0], static_cast<size_t>(n))) {
    while ((taken >> next) & 1) ++next;
    if (d < 0) d = next++;
  }
  return permute(x, order);
}

// A matrix, or less, transposed.
Tensor turned(const Tensor& x) {
  const int n = x.shape().size();
  if (n > 2)
    throw ShapeError(cat("[t] input is ", str(x.shape()),
                         ": t() is of matrices; use transpose(dim0, dim1), or mT for the last two axes"));
  return n < 2 ? view_as_is(x) : transpose(x, 0, 1);
}

Tensor adjoint(const Tensor& x) {
  const int n = x.shape().size();
  if (n == 1) throw ShapeError(cat("[adjoint] input is ", str(x.shape()), ": matrices have two axes or more"));
  return n == 0 ? view_as_is(x) : transpose(x, -2, -1);
}

// A composition of views, of one tensor or of one and another's shape.
template <auto value>
Op view_op(const char* name, const char* doc, std::vector<AttrSchema> attrs = {}, std::vector<const char*> also = {}) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}},
          .attrs = std::move(attrs),
          .also = std::move(also),
          .visibility = Visibility::method,
          .view = true,
          .compose = one<value>};
}
// One that the tensor itself can become: x.squeeze_().
Op in_place(Op op) {
  op.underscored = true;
  return op;
}
template <auto value>
Op as_other(const char* name, const char* doc) {
  Op op = view_op<value>(name, doc);
  op.inputs.push_back({"other"});
  return op;
}

const Op squeeze_op = in_place(view_op<[](const Given& x) { return squeezed(&x.attrs(), x[0]); }>(
    "squeeze", "Without the axes of size 1 among dim (None: all). A view.", {{"dim", AttrType::dims}}));
BS_REGISTER(squeeze_op);

const Op unsqueeze_op = in_place(view_op<[](const Given& x) {
  return unsqueeze(x[0], normal_dim("unsqueeze", x.integer(0), x[0].shape().size() + 1));
}>("unsqueeze", "With an axis of size 1 at position dim of the result. A view.", {{"dim", AttrType::integer, true}}));
BS_REGISTER(unsqueeze_op);

const Op flatten_op = view_op<[](const Given& x) { return flattened(&x.attrs(), x[0]); }>(
    "flatten",
    "The axes start_dim to end_dim, both included, as one; a 0-d tensor becomes (1,). A view where the strides allow "
    "it, else a copy.",
    {{"start_dim", AttrType::integer, false, int64_t{0}}, {"end_dim", AttrType::integer, false, int64_t{-1}}});
BS_REGISTER(flatten_op);

const Op ravel_op = view_op<[](const Given& x) { return reshaped(x[0], Dims{x[0].numel()}); }>(
    "ravel", "All elements in row-major order, along one axis. A view where the strides allow it, else a copy.");
BS_REGISTER(ravel_op);

const Op unflatten_op = view_op<[](const Given& x) { return unflattened(&x.attrs(), x[0]); }>(
    "unflatten", "The axis dim as several of the given sizes, one of which may be -1. A view.",
    {{"dim", AttrType::integer, true}, {"sizes", AttrType::dims, true}});
BS_REGISTER(unflatten_op);

const Op movedim_op = view_op<[](const Given& x) { return moved(&x.attrs(), x[0]); }>(
    "movedim", "The axes source at the positions destination, the others in their order. A view.",
    {{"source", AttrType::dims, true}, {"destination", AttrType::dims, true}}, {"moveaxis"});
BS_REGISTER(movedim_op);

const Op t_op = in_place(view_op<[](const Given& x) { return turned(x[0]); }>(
    "t", "A matrix transposed; of fewer axes, the tensor. A view."));
BS_REGISTER(t_op);

const Op adjoint_op = view_op<[](const Given& x) { return adjoint(x[0]); }>(
    "adjoint", "The last two axes exchanged: there are no complex numbers. A view.");
BS_REGISTER(adjoint_op);

const Op broadcast_to_op = view_op<[](const Given& x) { return expanded(x[0], x.attrs().get<Dims>(0)); }>(
    "broadcast_to", "The tensor repeated to a shape that it broadcasts to; -1 keeps a size. A view.",
    {{"size", AttrType::dims, true, {}, "shape"}});
BS_REGISTER(broadcast_to_op);

const Op expand_as_op = as_other<[](const Given& x) { return expanded(x[0], x[1].shape()); }>(
    "expand_as", "Repeated to the shape of other. A view.");
BS_REGISTER(expand_as_op);

const Op view_as_op = as_other<[](const Given& x) { return viewed(x[0], x[1].shape()); }>(
    "view_as",
    "The elements in row-major order under the shape of other. A view; ShapeError where the strides forbid it.");
BS_REGISTER(view_as_op);

const Op reshape_as_op =
    as_other<[](const Given& x) { return reshaped(x[0], resolve_shape("reshape_as", x[0].shape(), x[1].shape())); }>(
        "reshape_as",
        "The elements in row-major order under the shape of other. A view where the strides allow it, else a copy.");
BS_REGISTER(reshape_as_op);

}  // namespace
}  // namespace bs::ops
