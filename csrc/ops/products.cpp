// Products that are matmul, or sums of elementwise products, by other names and of particular shapes.
#include <cmath>

#include "base/error.h"
#include "ops/composed.h"
#include "ops/views.h"

namespace bs::ops {
namespace {

// The text of errors begins with the op's name: apply() puts it there.
void need_axes(const char* argument, const Tensor& x, int n) {
  if (x.shape().size() == n) return;
  const char* words[] = {"0-d", "a vector", "a matrix", "a stack of matrices (3 axes)"};
  throw ShapeError(cat("[] ", argument, " is ", str(x.shape()), ": it must be ", words[n]));
}

// x * number, where x keeps its dtype.
Tensor times(const Tensor& x, double number, const char* name) {
  if (number == 1) return x;
  if (!is_float(x.dtype()) && (number != std::trunc(number) || x.dtype() == DType::b8))
    throw DTypeError(cat("[] ", name, " is ", number, ", the product is ", name_of(x.dtype()), ": give an int"));
  return is_float(x.dtype()) ? mul(x, number) : mul(x, Tensor::scalar(number, x.dtype()));
}

// beta input + alpha product; the input does not count, not even its NaN, where beta is 0.
Tensor added(const Given& in, const Tensor& product) {
  const Tensor& input = in[0];
  const double beta = in.number(0), alpha = in.number(1);
  if (input.dtype() != product.dtype())
    throw DTypeError(
        cat("[] input is ", name_of(input.dtype()), ", the product is ", name_of(product.dtype()), ": cast one"));
  Dims both;
  if (!broadcast(input.shape(), product.shape(), &both) || !(both == product.shape()))
    throw ShapeError(
        cat("[] input is ", str(input.shape()), ", which does not broadcast to the product's ", str(product.shape())));
  const Tensor p = times(product, alpha, "alpha");
  return beta == 0 ? p : add(times(input, beta, "beta"), p);
}

const std::vector<AttrSchema> added_attrs{
    {.name = "beta", .type = AttrType::real, .default_value = 1.0, .by_name = true},
    {.name = "alpha", .type = AttrType::real, .default_value = 1.0, .by_name = true}};

// Of tensors with so many axes, whose inner sizes are equal.
Tensor checked_product(const char* first, const Tensor& x, int x_axes, const char* second, const Tensor& y,
                       int y_axes) {
  need_axes(first, x, x_axes);
  need_axes(second, y, y_axes);
  const auto shapes = [&] { return cat("[] ", first, " is ", str(x.shape()), ", ", second, " is ", str(y.shape())); };
  const int64_t k = x.shape().back(), l = y.shape()[y_axes == 1 ? 0 : y_axes - 2];
  if (k != l) throw ShapeError(cat(shapes(), ": inner sizes ", k, " and ", l, " differ"));
  if (x_axes == 3 && x.shape()[0] != y.shape()[0])
    throw ShapeError(cat(shapes(), ": there are ", x.shape()[0], " and ", y.shape()[0], " matrices"));
  return matmul(x, y);
}
Tensor outer_product(const Tensor& x, const Tensor& y, const char* first, const char* second) {
  need_axes(first, x, 1);
  need_axes(second, y, 1);
  return mul(unsqueeze(x, 1), y);
}

const Op mm_op{
    .name = "mm",
    .doc = "x y of two matrices, (m, k) by (k, n).",
    .inputs = {{"input"}, {"mat2"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& in) { return checked_product("input", in[0], 2, "mat2", in[1], 2); }>,
};
BS_REGISTER(mm_op);

const Op bmm_op{
    .name = "bmm",
    .doc = "x_b y_b of two stacks of as many matrices, (b, m, k) by (b, k, n). Nothing is broadcast.",
    .inputs = {{"input"}, {"mat2"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& in) { return checked_product("input", in[0], 3, "mat2", in[1], 3); }>,
};
BS_REGISTER(bmm_op);

const Op mv_op{
    .name = "mv",
    .doc = "x v of a matrix (m, k) and a vector (k,).",
    .inputs = {{"input"}, {"vec"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& in) { return checked_product("input", in[0], 2, "vec", in[1], 1); }>,
};
BS_REGISTER(mv_op);

const Op dot_op{
    .name = "dot",
    .doc = "sum_i x_i y_i of two vectors, 0-d.",
    .inputs = {{"input"}, {"tensor"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& in) { return checked_product("input", in[0], 1, "tensor", in[1], 1); }>,
};
BS_REGISTER(dot_op);

const Op vdot_op{
    .name = "vdot",
    .doc = "sum_i x_i y_i of two vectors, 0-d.",
    .inputs = {{"input"}, {"other"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& in) { return checked_product("input", in[0], 1, "other", in[1], 1); }>,
};
BS_REGISTER(vdot_op);

const Op inner_op{
    .name = "inner",
    .doc = "The sum of products over the last axis of both: (..., k) and (*, k) give (..., *); a 0-d side multiplies.",
    .inputs = {{"input"}, {"other"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& in) -> Tensor {
      const Tensor &x = in[0], &y = in[1];
      if (x.shape().size() == 0 || y.shape().size() == 0) return mul(x, y);
      const int64_t k = x.shape().back();
      if (k != y.shape().back())
        throw ShapeError(cat("[] input is ", str(x.shape()), ", other is ", str(y.shape()), ": the last sizes ", k,
                             " and ", y.shape().back(), " differ"));
      Dims shape = x.shape();
      shape.erase(shape.size() - 1);
      int64_t rows = bs::numel(shape), columns = 1;
      for (int d = 0; d + 1 < y.shape().size(); ++d) {
        shape.push(y.shape()[d]);
        columns *= y.shape()[d];
      }
      return reshape(matmul(reshape(x, {rows, k}), transpose(reshape(y, {columns, k}), 0, 1)), shape);
    }>,
};
BS_REGISTER(inner_op);

const Op outer_op{
    .name = "outer",
    .doc = "x_i y_j of two vectors: (n,) and (m,) give (n, m).",
    .inputs = {{"input"}, {"vec2"}},
    .also = {"ger"},
    .visibility = Visibility::method,
    .compose = one<[](const Given& in) { return outer_product(in[0], in[1], "input", "vec2"); }>,
};
BS_REGISTER(outer_op);

// ---- A product and what is added to it ------------------------------------------------------------------------------

const Op addmm_op{
    .name = "addmm",
    .doc =
        "beta input + alpha mat1 mat2 of matrices (m, k) and (k, n); the input broadcasts to (m, n), and does not "
        "count where beta is 0.",
    .inputs = {{"input"}, {"mat1"}, {"mat2"}},
    .attrs = added_attrs,
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& in) { return added(in, checked_product("mat1", in[1], 2, "mat2", in[2], 2)); }>,
};
BS_REGISTER(addmm_op);

const Op addmv_op{
    .name = "addmv",
    .doc =
        "beta input + alpha mat vec of a matrix (m, k) and a vector (k,); the input broadcasts to (m,), and does not "
        "count where beta is 0.",
    .inputs = {{"input"}, {"mat"}, {"vec"}},
    .attrs = added_attrs,
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& in) { return added(in, checked_product("mat", in[1], 2, "vec", in[2], 1)); }>,
};
BS_REGISTER(addmv_op);

const Op addr_op{
    .name = "addr",
    .doc = "beta input_ij + alpha vec1_i vec2_j; the input broadcasts to (n, m), and does not count where beta is 0.",
    .inputs = {{"input"}, {"vec1"}, {"vec2"}},
    .attrs = added_attrs,
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& in) { return added(in, outer_product(in[1], in[2], "vec1", "vec2")); }>,
};
BS_REGISTER(addr_op);

const Op baddbmm_op{
    .name = "baddbmm",
    .doc =
        "beta input + alpha batch1_b batch2_b of stacks (b, m, k) and (b, k, n); the input broadcasts to (b, m, n), "
        "and does not count where beta is 0.",
    .inputs = {{"input"}, {"batch1"}, {"batch2"}},
    .attrs = added_attrs,
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& in) { return added(in, checked_product("batch1", in[1], 3, "batch2", in[2], 3)); }>,
};
BS_REGISTER(baddbmm_op);

const Op addbmm_op{
    .name = "addbmm",
    .doc =
        "beta input + alpha sum_b batch1_b batch2_b of stacks (b, m, k) and (b, k, n); the input broadcasts to "
        "(m, n), and does not count where beta is 0.",
    .inputs = {{"input"}, {"batch1"}, {"batch2"}},
    .attrs = added_attrs,
    .visibility = Visibility::method,
    .underscored = true,
    .compose = one<[](const Given& in) {
      return added(in, cast(sum(checked_product("batch1", in[1], 3, "batch2", in[2], 3), Dims{0}), in[1].dtype()));
    }>,
};
BS_REGISTER(addbmm_op);

const Op bilinear_op{
    .name = "bilinear",
    .doc =
        "y_o = sum_ij input1_i weight_oij input2_j + bias_o: inputs are (..., m) and (..., n), weight (out, m, n), "
        "bias (out,) or None.",
    .inputs = {{"input1"}, {"input2"}, {"weight"}, {"bias", true}},
    .visibility = Visibility::function,
    .compose = one<[](const Given& in) -> Tensor {
      const Tensor &x = in[0], &y = in[1], &w = in[2];
      need_axes("weight", w, 3);
      Dims lead = x.shape(), other = y.shape();
      const auto shapes = [&] {
        return cat("[] input1 is ", str(x.shape()), ", input2 is ", str(y.shape()), ", weight is ", str(w.shape()));
      };
      if (lead.size() == 0 || other.size() == 0) throw ShapeError(cat(shapes(), ": inputs have an axis of features"));
      const int64_t out = w.shape()[0], m = w.shape()[1], n = w.shape()[2];
      if (lead.back() != m || other.back() != n)
        throw ShapeError(cat(shapes(), ": weight must be (out, ", lead.back(), ", ", other.back(), ")"));
      lead.erase(lead.size() - 1);
      other.erase(other.size() - 1);
      if (!(lead == other)) throw ShapeError(cat(shapes(), ": the sizes but the last must be equal"));
      if (in.has(3) && !(in[3].shape() == Dims{out}))
        throw ShapeError(cat("[] bias is ", str(in[3].shape()), ": it must be (", out, ",)"));
      const int64_t rows = bs::numel(lead);
      // One product over i, (rows, m) by (m, out n), then one per row over j.
      const Tensor by_i = reshape(transpose(w, 0, 1), {m, out * n});
      const Tensor made =
          matmul(reshape(matmul(reshape(x, {rows, m}), by_i), {rows, out, n}), reshape(y, {rows, n, 1}));
      lead.push(out);
      const Tensor z = reshape(made, lead);
      return in.has(3) ? add(z, in[3]) : z;
    }>,
};
BS_REGISTER(bilinear_op);

// ---- Of matrices ----------------------------------------------------------------------------------------------------

const Op trace_op{
    .name = "trace",
    .doc = "sum_i x_ii of a matrix; of integers int64.",
    .inputs = {{"input"}},
    .visibility = Visibility::method,
    .compose = one<[](const Given& in) {
      need_axes("input", in[0], 2);
      const int64_t m = in[0].shape()[0], n = in[0].shape()[1], k = std::min(m, n);
      return sum(slice(reshape(in[0], {m * n}), {0, 0, n + 1, k}));
    }>,
};
BS_REGISTER(trace_op);

Tensor kron(const Given& in) {
  const Tensor &x = in[0], &y = in[1];
  const int xn = x.shape().size(), yn = y.shape().size(), n = std::max(xn, yn);
  if (2 * n > kMaxDims)
    throw ShapeError(
        cat("[] input is ", str(x.shape()), ", other is ", str(y.shape()), ": at most ", kMaxDims / 2, " axes"));
  Dims outer, inner, shape;
  for (int d = 0; d < n; ++d) {
    const int64_t a = d < n - xn ? 1 : x.shape()[d - (n - xn)], b = d < n - yn ? 1 : y.shape()[d - (n - yn)];
    outer.push(a);
    outer.push(1);
    inner.push(1);
    inner.push(b);
    shape.push(a * b);
  }
  return reshape(mul(reshape(x, outer), reshape(y, inner)), shape);
}

const Op kron_op{
    .name = "kron",
    .doc = "Kronecker's product: the blocks x_i y, in blocks along each axis; axes that one side lacks have size 1.",
    .inputs = {{"input"}, {"other"}},
    .visibility = Visibility::method,
    .compose = one<kron>,
};
BS_REGISTER(kron_op);

// x_{i+1}, and x_0 last.
Tensor turned_by_one(const Tensor& x, int dim) {
  const Tensor parts[] = {narrow(x, dim, 1, 2), narrow(x, dim, 0, 1)};
  return concatenate(parts, dim);
}

// d_i = x_i y_{i+1} - x_{i+1} y_i is what the product has at i + 2.
Tensor vector_product(const Tensor& x, const Tensor& y, int dim) {
  return turned_by_one(sub(mul(x, turned_by_one(y, dim)), mul(turned_by_one(x, dim), y)), dim);
}

Tensor cross_of(const Given& in) {
  const Tensor &a = in[0], &b = in[1];
  const auto shapes = [&] { return cat("[] input is ", str(a.shape()), ", other is ", str(b.shape())); };
  Dims both;
  if (a.shape().size() != b.shape().size() || !broadcast(a.shape(), b.shape(), &both))
    throw ShapeError(cat(shapes(), ": they must have as many axes, and broadcast"));
  int dim = 0;
  if (in.attrs().has(0)) {
    dim = normal_dim("cross", in.integer(0), both.size());
  } else {
    while (dim < both.size() && both[dim] != 3) ++dim;
    if (dim == both.size()) throw ShapeError(cat(shapes(), ": no axis has size 3"));
  }
  if (a.shape()[dim] != 3 || b.shape()[dim] != 3) throw ShapeError(cat(shapes(), ": axis ", dim, " must have size 3"));
  const Spec* specs[] = {&a.spec(), &b.spec()};
  const DType t = promote(Specs(specs));
  return vector_product(expand(cast(a, t), both), expand(cast(b, t), both), dim);
}

const Op cross_op{
    .name = "cross",
    .doc = "The vector product along the axis dim of size 3 (None: the first such); other axes broadcast.",
    .inputs = {{"input"}, {"other"}},
    .attrs = {{"dim", AttrType::integer}},
    .visibility = Visibility::method,
    .compose = one<cross_of>,
};
BS_REGISTER(cross_op);

}  // namespace
}  // namespace bs::ops
