// Matrix products. Closed under their own three forms: the derivatives of a product are products of transposed views.
#include "base/error.h"
#include "kernels/gemm_blocking.h"
#include "ops/batch.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

using kernels::Gemm;

constexpr double kFlopsPerNanosecond = 60;  // multiply-adds of one core, about half of its peak
constexpr int64_t kEnoughRows = 16, kEnoughMatrices = 16;
// Rows between whose making and their epilogue the product is not interrupted: its own block of rows.
constexpr int64_t kEpilogueRows = 256;
// Products that repay turning their weight. (512, 512), float32: from 4 on with 32 rows, from 8 on with one. (1024,
// 1024), whose turned rows are 4 KiB apart, with 32 rows: the step took 1.6 times as long.
constexpr int kTurnedReaders = 8;

// (batch..., m, k) x (batch..., k, n); a vector counts as one row or one column.
struct Product {
  Gemm gemm;
  Dims batch;
  Dims x_step, y_step;  // strides of the batch axes, 0 where broadcast
  int64_t batches = 1;
};

Product product_of(const Specs& in) {
  const Spec &x = in[0], &y = in[1];
  const int xn = x.shape.size(), yn = y.shape.size();
  if (xn == 0 || yn == 0)
    throw ShapeError(cat("[matmul] input is ", str(x.shape), ", other is ", str(y.shape),
                         ": a product needs at least one axis each; for numbers use *"));
  if (x.dtype != y.dtype || x.dtype == DType::b8)
    throw DTypeError(cat("[matmul] input is ", name_of(x.dtype), ", other is ", name_of(y.dtype),
                         ": both must be of one dtype, no bools; cast one, as in .to(bs.float32)"));
  Dims xs = x.full_strides(), ys = y.full_strides();
  Product p;
  Gemm& g = p.gemm;
  g.dtype = x.dtype;
  g.m = xn > 1 ? x.shape[xn - 2] : 1;
  g.k = x.shape[xn - 1];
  g.n = yn > 1 ? y.shape[yn - 1] : 1;
  const int64_t yk = yn > 1 ? y.shape[yn - 2] : y.shape[0];
  if (g.k != yk)
    throw ShapeError(cat("[matmul] input is ", str(x.shape), ", other is ", str(y.shape), ": inner sizes ", g.k,
                         " and ", yk, " differ"));
  g.a_row = xn > 1 ? xs[xn - 2] : 0;
  g.a_col = xs[xn - 1];
  g.b_row = yn > 1 ? ys[yn - 2] : ys[0];
  g.b_col = yn > 1 ? ys[yn - 1] : 0;
  g.c_row = g.n;
  Dims xb, yb;
  for (int i = 0; i < xn - 2; ++i) xb.push(x.shape[i]);
  for (int i = 0; i < yn - 2; ++i) yb.push(y.shape[i]);
  if (!broadcast(xb, yb, &p.batch))
    throw ShapeError(cat("[matmul] input is ", str(x.shape), ", other is ", str(y.shape), ": leading sizes ", str(xb),
                         " and ", str(yb), " do not broadcast"));
  p.x_step = p.y_step = Dims::filled(p.batch.size(), 0);
  for (int i = 0; i < p.batch.size(); ++i) {
    const int xi = i - (p.batch.size() - xb.size()), yi = i - (p.batch.size() - yb.size());
    if (xi >= 0 && xb[xi] != 1) p.x_step[i] = xs[xi];
    if (yi >= 0 && yb[yi] != 1) p.y_step[i] = ys[yi];
  }
  p.batches = bs::numel(p.batch);
  return p;
}

// Where all rows of x meet the same y they are the rows of one matrix: a product of (512, 1, 256) by (256, 256) is as
// fast as that of (512, 256), and no batch of products of one row.
Product folded(Product p) {
  if (p.batches == 0) return p;
  int64_t rows = p.gemm.m, stride = p.gemm.a_row;  // of the rows that are one run already
  for (int d = p.batch.size() - 1; d >= 0; --d) {
    if (p.batch[d] == 1) continue;
    if (p.y_step[d] != 0 || (rows > 1 && p.x_step[d] != rows * stride)) return p;
    if (rows == 1) stride = p.x_step[d];
    rows *= p.batch[d];
  }
  p.gemm.m = rows;
  p.gemm.a_row = stride;
  p.batch = p.x_step = p.y_step = {};
  p.batches = 1;
  return p;
}
Product matmul_of(const Specs& in) { return folded(product_of(in)); }

// A single product with few rows is cut by columns, all others by rows of all batches.
bool by_columns(const Product& p) { return p.batches == 1 && p.gemm.m < kEnoughRows && p.gemm.n >= kEnoughRows; }

Placement place_product(const Product& p, const Specs& in) {
  Placement place;
  if (by_columns(p)) {
    place.extent = place.block = p.gemm.n;
    place.granule = 16;
    place.outputs_whole = p.gemm.m != 1;  // of one row, columns are consecutive elements
    return place;
  }
  place.block = kEpilogueRows;
  place.extent = p.batches * p.gemm.m;
  const auto has_all = [&](const Spec& s, int64_t matrix) { return bs::numel(s.shape) == p.batches * matrix; };
  if (has_all(in[0], p.gemm.m * p.gemm.k)) place.aligned.set(0);
  // Of many products each part takes whole ones, and so only its part of either side.
  if (p.batches >= kEnoughMatrices && has_all(in[1], p.gemm.k * p.gemm.n)) {
    place.granule = p.gemm.m;
    place.aligned.set(1);
  }
  return place;
}

// The block of integers; they wrap around as all integers do.
template <class T>
void whole_numbers(const Gemm& g, const void* a, const void* b, void* c, int64_t row_lo, int64_t row_hi, int64_t col_lo,
                   int64_t col_hi) {
  using U = std::make_unsigned_t<T>;
  for (int64_t i = row_lo; i < row_hi; ++i) {
    U* to = static_cast<U*>(c) + i * g.c_row;
    std::fill(to + col_lo, to + col_hi, U{0});
    for (int64_t k = 0; k < g.k; ++k) {
      const U x = static_cast<const U*>(a)[i * g.a_row + k * g.a_col];
      const U* y = static_cast<const U*>(b) + k * g.b_row;
      for (int64_t j = col_lo; j < col_hi; ++j) to[j] += x * y[j * g.b_col];
    }
  }
}

void run_gemm(const Gemm& g, const void* a, const void* b, const void* bias, void* c, int64_t row_lo, int64_t row_hi,
              int64_t col_lo, int64_t col_hi, void* scratch) {
  if (g.dtype == DType::i64) return whole_numbers<int64_t>(g, a, b, c, row_lo, row_hi, col_lo, col_hi);
  if (g.dtype == DType::i32) return whole_numbers<int32_t>(g, a, b, c, row_lo, row_hi, col_lo, col_hi);
  kernels::active().gemm(g, a, b, bias, c, row_lo, row_hi, col_lo, col_hi, scratch);
}

// Inputs: x, y and, of layers, the bias.
int64_t run_product(const Call& call, int64_t lo, int64_t hi) {
  const Product& p = call.plan_as<Product>();
  const Gemm& g = p.gemm;
  const int64_t item = static_cast<int64_t>(size_of(g.dtype));
  const void* bias = call.data_of(2);
  if (p.batches == 1) {
    const bool columns = by_columns(p);
    run_gemm(g, call.in[0].data, call.in[1].data, bias, call.out[0].data, columns ? 0 : lo, columns ? g.m : hi,
             columns ? lo : 0, columns ? hi : g.n, call.scratch);
    return -1;
  }
  for (int64_t row = lo; row < hi;) {
    const int64_t batch = row / g.m, first = row - batch * g.m;
    const int64_t last = std::min(g.m, first + hi - row);
    int64_t x_at = 0, y_at = 0;
    for (int64_t rest = batch, d = p.batch.size() - 1; d >= 0; --d) {
      x_at += rest % p.batch[static_cast<int>(d)] * p.x_step[static_cast<int>(d)];
      y_at += rest % p.batch[static_cast<int>(d)] * p.y_step[static_cast<int>(d)];
      rest /= p.batch[static_cast<int>(d)];
    }
    run_gemm(g, call.in[0].data + x_at * item, call.in[1].data + y_at * item, bias,
             call.out[0].data + batch * g.m * g.n * item, first, last, 0, g.n, call.scratch);
    row += last - first;
  }
  return -1;
}

double product_cost(const Product& p) {
  const double flops = static_cast<double>(p.batches) * static_cast<double>(p.gemm.m) * static_cast<double>(p.gemm.n) *
                       static_cast<double>(p.gemm.k);
  return flops / kFlopsPerNanosecond;
}

// (..., n) -> (rows, n)
Tensor as_rows(const Tensor& t) { return reshape(t, {rows_of(t.shape()), t.shape().back()}); }

Tensor swap_last(const Tensor& t) { return transpose(t, -2, -1); }

// Input 1, or its transpose, in the order in which products read it, once for all of them; empty where that does not
// pay. Not where its rows would lie so far apart that each product copied it again.
Tensor turned(const LowerCall& call, const Gemm& g, bool transposed) {
  const bool turns = g.b_row == 1 && g.b_col == g.k && !kernels::far_apart(g, g.n, kernels::kFarBytes);
  if (!turns || call.readers(1) < kTurnedReaders) return {};
  return call.shared([&] { return contiguous(transposed ? swap_last(call.in(1)) : call.in(1)); });
}

const Op matmul_op{
    .name = "matmul",
    .doc =
        "x y: (..., m, k) by (..., k, n) gives (..., m, n), leading axes broadcast; a 1-d x is a row, a 1-d y a "
        "column. "
        "Each element is a chain of fused multiply-adds over k ascending, in parts of 4096; in 16 lanes where there is "
        "one column. Integers wrap around.",
    .inputs = {{"input"}, {"other"}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          Product p = product_of(in);
          Dims shape = p.batch;
          if (in[0].shape.size() > 1) shape.push(p.gemm.m);
          if (in[1].shape.size() > 1) shape.push(p.gemm.n);
          out[0].dtype = p.gemm.dtype;
          out[0].shape = shape;
        },
    .prepare =
        [](Call& call) {
          const Spec* in[2];
          call.set_plan(matmul_of(specs_of(call, in)));
        },
    .forward = run_product,
    .scratch_bytes = [](const Attrs*, const Specs& in, const Spec*) -> size_t {
      return is_float(in[0].dtype) ? kernels::active().gemm_scratch(matmul_of(in).gemm) : 0;
    },
    .scratch_of_thread = true,
    .place = [](const Attrs*, const Specs& in, const Spec*) { return place_product(matmul_of(in), in); },
    .cost = [](const Attrs*, const Specs& in, const Spec*) { return product_cost(matmul_of(in)); },
    .strided = IN_0 | IN_1,
    .grad =
        [](GradCall& call) {
          const Tensor x = call.in(0), y = call.in(1);
          Tensor a = x.shape().size() == 1 ? unsqueeze(x, 0) : x;  // (..., m, k)
          Tensor b = y.shape().size() == 1 ? unsqueeze(y, 1) : y;  // (..., k, n)
          Dims shape = call.grad().shape();                        // (..., m, n)
          if (x.shape().size() == 1) shape.insert(shape.size() - (y.shape().size() == 1 ? 0 : 1), 1);
          if (y.shape().size() == 1) shape.push(1);
          Tensor g = reshape(call.grad(), shape);
          if (call.needs(0)) call.set(0, reshape(sum_to(matmul(g, swap_last(b)), a.shape()), x.shape()));
          if (call.needs(1) && b.shape().size() == 2) {  // one product, whose sum runs over all rows
            a = as_rows(a);
            g = as_rows(g);
          }
          if (call.needs(1)) call.set(1, reshape(sum_to(matmul(swap_last(a), g), b.shape()), y.shape()));
        },
    .reads = IN_0 | IN_1,
    .lower = [](const LowerCall& call) -> std::vector<Tensor> {
      const Tensor x = call.in(0), y = call.in(1);
      if (y.shape().size() != 2 || call.readers(1) < kTurnedReaders) return {};
      const Spec* in[] = {&x.spec(), &y.spec()};
      const Tensor again = turned(call, matmul_of(Specs(in)).gemm, false);
      if (!again) return {};
      return {matmul(x, again)};
    },
};
BS_REGISTER(matmul_op);

// One product where one side is the same for all samples and the other has no axes of its own before; else a batch of
// them. (Those of a single term, gradients of weights, take half the time of an elementwise product.)
BS_BATCH(matmul_op, [](const BatchCall& call) -> std::vector<Tensor> {
  const Tensor &x = call.in(0), &y = call.in(1);
  const int xn = call.spec(0).shape.size(), yn = call.spec(1).shape.size();
  if (!call.batched(1) && yn <= 2) return {matmul(x, y)};
  if (!call.batched(0) && yn == 1 && xn <= 2) return {matmul(y, xn == 1 ? x : swap_last(x))};
  const int rank = std::max({xn, yn, 2});
  const auto matrices = [&](int i, bool row) {
    Dims shape = call.spec(i).shape;
    if (shape.size() == 1) shape.insert(row ? 0 : 1, 1);
    while (shape.size() < rank) shape.insert(0, 1);
    if (call.batched(i)) shape.insert(0, call.size());
    return reshape(call.in(i), shape);
  };
  return {matmul(matrices(0, true), matrices(1, false))};
});

// x (..., k) as a matrix of rows times the transposed weight.
Product layer_of(const Spec& x, const Spec& w) {
  Product p;
  const int64_t k = x.shape.back(), down = w.strides ? (*w.strides)[0] : k, across = w.strides ? (*w.strides)[1] : 1;
  p.gemm = Gemm{x.dtype, rows_of(x.shape), w.shape[0], k, k, 1, across, down, w.shape[0]};
  return p;
}

Product layer_of(const Specs& in) { return layer_of(in[0], in[1]); }

extern const Op linear_op;

const Op linear_op{
    .name = "linear",
    .doc = "x W^T + b: x is (..., in), weight (out, in), bias (out,) or None; the result is (..., out).",
    .inputs = {{"input"}, {"weight"}, {"bias", true}},
    .visibility = Visibility::function,
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          const Spec &x = in[0], &w = in[1];
          auto shapes = [&] {
            std::string s = cat("input is ", str(x.shape), ", weight is ", str(w.shape));
            return in.has(2) ? cat(s, ", bias is ", str(in[2].shape)) : s;
          };
          if (w.shape.size() != 2 || x.shape.size() < 1)
            throw ShapeError(cat("[linear] ", shapes(), ": input must be (..., in) and weight (out, in)"));
          if (x.shape.back() != w.shape[1])
            throw ShapeError(
                cat("[linear] ", shapes(), ": inner sizes ", x.shape.back(), " and ", w.shape[1], " differ"));
          if (in.has(2) && !(in[2].shape == Dims{w.shape[0]}))
            throw ShapeError(cat("[linear] ", shapes(), ": bias must be (", w.shape[0], ",)"));
          for (int i = 0; i < 3 && in.has(i); ++i)
            if (in[i].dtype != x.dtype || !is_float(x.dtype))
              throw DTypeError(cat("[linear] input is ", name_of(x.dtype), ", weight is ", name_of(w.dtype),
                                   in.has(2) ? cat(", bias is ", name_of(in[2].dtype)) : std::string(),
                                   ": all must be float32 or all float64; cast ",
                                   is_float(w.dtype) ? cat("the input with .to(bs.", name_of(w.dtype), ")")
                                                     : std::string("weight with .to(bs.float32)")));
          Dims shape = x.shape;
          shape[shape.size() - 1] = w.shape[0];
          out[0].dtype = x.dtype;
          out[0].shape = shape;
        },
    .prepare =
        [](Call& call) {
          const Spec* in[2];
          call.set_plan(layer_of(specs_of(call, in)));
        },
    .forward = run_product,
    .scratch_bytes = [](const Attrs*, const Specs& in,
                        const Spec*) { return kernels::active().gemm_scratch(layer_of(in).gemm); },
    .scratch_of_thread = true,
    .place = [](const Attrs*, const Specs& in, const Spec*) { return place_product(layer_of(in), in); },
    .cost = [](const Attrs*, const Specs& in, const Spec*) { return product_cost(layer_of(in)); },
    .strided = IN_1,
    .grad =
        [](GradCall& call) {
          const Tensor x = call.in(0), w = call.in(1);
          if (call.needs(0)) call.set(0, matmul(call.grad(), w));
          if (!call.needs(1) && !call.needs(2)) return;
          const Tensor g = as_rows(call.grad());
          if (call.needs(1)) call.set(1, matmul(swap_last(g), as_rows(x)));
          if (call.needs(2)) call.set(2, sum(g, Dims{0}));
        },
    .reads = IN_0 | IN_1,
    // A weight that many products read, as the time steps of a recurrent layer do.
    .lower = [](const LowerCall& call) -> std::vector<Tensor> {
      const Tensor x = call.in(0), w = call.in(1);
      const Tensor y = turned(call, layer_of(x.spec(), w.spec()).gemm, true);
      if (!y) return {};
      return {apply(linear_op, {x, swap_last(y), call.in(2)})};
    },
};
BS_REGISTER(linear_op);

BS_BATCH(linear_op, [](const BatchCall& call) -> std::vector<Tensor> {
  if (!call.batched(1) && !call.batched(2)) return batch_as_is(call);
  const Dims& sample = call.spec(0).shape;
  Dims rows{rows_of(sample), sample.back()};
  if (call.batched(0)) rows.insert(0, call.size());
  const Tensor y = matmul(reshape(call.in(0), rows), swap_last(call.in(1)));  // (b, rows, out)
  if (!call.has(2)) return {y};
  return {add(y, call.batched(2) ? unsqueeze(call.in(2), 1) : call.in(2))};
});

}  // namespace

Tensor matmul(const Tensor& x, const Tensor& y) { return apply(matmul_op, {x, y}); }

}  // namespace bs::ops
