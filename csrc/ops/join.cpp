// Tensors put together along an axis: cat and stack, whose derivatives are the views that take apart.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "ops/batch.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

// The output as rows: `outer` of them, each of which is a run of every input in turn. `run` in bytes.
struct Rows {
  int dim;
  bool stacked;
  int64_t outer = 1, inner;  // inner: bytes of one position along dim

  Rows(const Attrs* attrs, const Spec& out)
      : dim(static_cast<int>(attrs->get<int64_t>(0))),
        stacked(attrs->get<bool>(1)),
        inner(static_cast<int64_t>(size_of(out.dtype))) {
    for (int d = 0; d < dim; ++d) outer *= out.shape[d];
    for (int d = dim + 1; d < out.shape.size(); ++d) inner *= out.shape[d];
  }
  int64_t positions(const Spec& in) const { return stacked ? 1 : in.shape[dim]; }
  // Cut by rows; a single one by its positions.
  bool by_positions() const { return dim == 0; }
};

// x[dim] aside, shapes are equal.
void check_same(const char* name, const Specs& in, int dim) {
  for (int k = 1; k < in.size(); ++k) {
    const Dims &a = in[0].shape, &b = in[k].shape;
    bool fits = a.size() == b.size();
    for (int d = 0; fits && d < a.size(); ++d) fits = d == dim || a[d] == b[d];
    if (!fits)
      throw ShapeError(
          cat("[", name, "] tensors[0] is ", str(a), ", tensors[", k, "] is ", str(b), ": ",
              dim < 0 ? "shapes must be equal" : cat("all sizes but that of axis ", dim, " must be equal")));
    if (in[k].dtype != in[0].dtype)
      throw DTypeError(cat("[", name, "] tensors[0] is ", name_of(in[0].dtype), ", tensors[", k, "] is ",
                           name_of(in[k].dtype), ": cast one"));
  }
}

const std::vector<AttrSchema> join_attrs{{"dim", AttrType::integer, true}, {"stacked", AttrType::boolean, true}};

const Op join_op{
    .name = "join",
    .doc = "Tensors of one dtype, one after another along axis dim (0 or more), which is a new one if stacked.",
    .inputs = {{"tensors", false, true}},
    .attrs = join_attrs,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          const int dim = static_cast<int>(attrs->get<int64_t>(0));
          const bool stacked = attrs->get<bool>(1);
          if (in.size() == 0) throw ValueError("[join] there are no tensors");
          if (dim < 0 || dim >= in[0].shape.size() + stacked)
            throw IndexError(cat("[join] dim ", dim, " is outside tensors of ", in[0].shape.size(), " axes"));
          check_same("join", in, stacked ? -1 : dim);
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
          if (stacked) {
            out[0].shape.insert(dim, in.size());
            return;
          }
          int64_t n = 0;
          for (int k = 0; k < in.size(); ++k) n += in[k].shape[dim];
          out[0].shape[dim] = n;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Rows rows(call.attrs, *call.out[0].spec);
      if (rows.by_positions()) {
        int64_t at = 0;
        for (int k = 0; k < call.n_in && at < hi; ++k) {
          const int64_t n = rows.positions(*call.in[k].spec), first = std::max(lo, at), last = std::min(hi, at + n);
          if (first < last && rows.inner > 0)
            std::memcpy(call.out[0].data + first * rows.inner, call.in[k].data + (first - at) * rows.inner,
                        static_cast<size_t>((last - first) * rows.inner));
          at += n;
        }
        return -1;
      }
      const int64_t total = call.out[0].shape()[rows.dim] * rows.inner;
      char* to = call.out[0].data;
      for (int k = 0; k < call.n_in; ++k) {
        const int64_t run = rows.positions(*call.in[k].spec) * rows.inner;
        for (int64_t o = lo; o < hi && run > 0; ++o)
          std::memcpy(to + o * total, call.in[k].data + o * run, static_cast<size_t>(run));
        to += run;
      }
      return -1;
    },
    .place =
        [](const Attrs* attrs, const Specs& in, const Spec* out) {
          const Rows rows(attrs, out[0]);
          Placement p;
          p.extent = rows.by_positions() ? out[0].shape[0] : rows.outer;
          if (!rows.by_positions()) p.aligned = ALL_INPUTS;
          // Each part looks at all inputs: it should move more than that costs.
          const int64_t each = std::max<int64_t>(
              bs::numel(out[0].shape) * static_cast<int64_t>(size_of(out[0].dtype)) / std::max<int64_t>(p.extent, 1),
              1);
          p.block = std::max<int64_t>((32 * 1024 + 64 * in.size()) / each, 1);
          return p;
        },
    .storage = Storage::moved,
    .grad =
        [](GradCall& call) {
          const int64_t dim = call.attrs().get<int64_t>(0);
          std::vector<Tensor> parts;
          if (call.attrs().get<bool>(1)) {
            parts = unbind(call.grad(), static_cast<int>(dim));
          } else {
            std::vector<int64_t> sizes;
            for (int i = 0; i < call.n_inputs(); ++i) sizes.push_back(call.spec(i).shape[static_cast<int>(dim)]);
            parts = split(call.grad(), std::move(sizes), static_cast<int>(dim));
          }
          for (int i = 0; i < call.n_inputs(); ++i)
            if (call.needs(i)) call.set(i, std::move(parts[static_cast<size_t>(i)]));
        },
};
BS_REGISTER(join_op);
BS_BATCH(join_op, [](const BatchCall& call) {
  std::vector<Tensor> in;
  for (int i = 0; i < call.n_inputs(); ++i) in.push_back(contiguous(whole(call, i)));
  return std::vector<Tensor>{
      apply(join_op, in, Attrs::make({call.attrs().get<int64_t>(0) + 1, call.attrs().get<bool>(1)}))};
});

void check_any(const char* name, const Specs& in) {
  if (in.size() == 0) throw ValueError(cat("[", name, "] tensors is empty: give at least one tensor"));
}

// All in the dtype that they promote to.
std::vector<Tensor> all_promoted(std::span<const Tensor> in) {
  std::vector<const Spec*> specs;
  for (const Tensor& t : in) specs.push_back(&t.spec());
  const DType dtype = promote(Specs(specs));
  std::vector<Tensor> made;
  made.reserve(in.size());
  for (const Tensor& t : in) made.push_back(cast(t, dtype));
  return made;
}

Tensor joined(std::span<const Tensor> in, int dim, bool stacked) {
  return apply(join_op, in, Attrs::make({int64_t{dim}, stacked}));
}

// What counts for the shape: as in PyTorch, cat takes no notice of empty vectors.
bool is_nothing(const Dims& shape) { return shape == Dims{0}; }
std::vector<const Spec*> something(const Specs& in) {
  std::vector<const Spec*> made;
  for (int k = 0; k < in.size(); ++k)
    if (!is_nothing(in[k].shape)) made.push_back(&in[k]);
  if (made.empty()) made.push_back(&in[0]);
  return made;
}

const Op cat_op{
    .name = "cat",
    .doc =
        "The tensors one after another along the axis dim, in the dtype that they promote to. Sizes of the other axes "
        "are equal; vectors of size 0 are left out.",
    .inputs = {{"tensors", false, true}},
    .attrs = {{"dim", AttrType::integer, false, int64_t{0}}},
    .also = {"concat", "concatenate"},
    .visibility = Visibility::function,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_any("cat", in);
          const std::vector<const Spec*> those = something(in);
          const Dims& shape = those[0]->shape;
          if (shape.size() == 0) throw ShapeError("[cat] tensors are 0-d, which have no axis: use stack");
          const int dim = normal_dim("cat", attrs->get<int64_t>(0), shape.size());
          int64_t n = 0;
          for (const Spec* s : those) {
            bool fits = s->shape.size() == shape.size();
            for (int d = 0; fits && d < shape.size(); ++d) fits = d == dim || s->shape[d] == shape[d];
            if (!fits)
              throw ShapeError(cat("[cat] tensors are ", str(shape), " and ", str(s->shape),
                                   ": all sizes but that of axis ", dim, " must be equal"));
            n += s->shape[dim];
          }
          out[0].dtype = promote(in);
          out[0].shape = shape;
          out[0].shape[dim] = n;
        },
    .storage = Storage::moved,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          std::vector<Tensor> all = all_promoted(in), those;
          for (Tensor& t : all)
            if (!is_nothing(t.shape())) those.push_back(std::move(t));
          if (those.empty()) those.push_back(all[0]);
          const int dim = normal_dim("cat", attrs->get<int64_t>(0), those[0].shape().size());
          return std::vector<Tensor>{joined(those, dim, false)};
        },
};
BS_REGISTER(cat_op);

const Op stack_op{
    .name = "stack",
    .doc = "Tensors of one shape side by side along a new axis dim, in the dtype that they promote to.",
    .inputs = {{"tensors", false, true}},
    .attrs = {{"dim", AttrType::integer, false, int64_t{0}}},
    .visibility = Visibility::function,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_any("stack", in);
          for (int k = 1; k < in.size(); ++k)
            if (!(in[k].shape == in[0].shape))
              throw ShapeError(cat("[stack] tensors[0] is ", str(in[0].shape), ", tensors[", k, "] is ",
                                   str(in[k].shape), ": shapes must be equal"));
          const int dim = normal_dim("stack", attrs->get<int64_t>(0), in[0].shape.size() + 1);
          out[0].dtype = promote(in);
          out[0].shape = in[0].shape;
          out[0].shape.insert(dim, in.size());
        },
    .storage = Storage::moved,
    .compose =
        [](const Attrs* attrs, std::span<const Tensor> in) {
          const int dim = normal_dim("stack", attrs->get<int64_t>(0), in[0].shape().size() + 1);
          return std::vector<Tensor>{joined(all_promoted(in), dim, true)};
        },
};
BS_REGISTER(stack_op);

}  // namespace

Tensor concatenate(std::span<const Tensor> in, int dim) { return joined(in, dim, false); }
Tensor stack(std::span<const Tensor> in, int dim) { return joined(in, dim, true); }

}  // namespace bs::ops
