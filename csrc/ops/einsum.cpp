// Sums of products over named axes, two operands at a time: each pair is one matrix product.
#include <algorithm>

#include "base/error.h"
#include "ops/composed.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

using Labels = std::vector<int64_t>;

bool names(const Labels& labels, int64_t l) { return std::find(labels.begin(), labels.end(), l) != labels.end(); }

// An operand, or the product of several: axis d is called labels[d].
struct EinsumTerm {
  Tensor x;
  Labels labels;

  int axis_of(int64_t l) const { return static_cast<int>(std::find(labels.begin(), labels.end(), l) - labels.begin()); }
};

Tensor permuted(const Tensor& x, const Dims& order) {
  bool same = true;
  for (int d = 0; d < order.size(); ++d) same &= order[d] == d;
  if (same) return x;
  static const Op* const op = find_op("permute");
  return apply(*op, {x}, Attrs::make({order}));
}

// With its axes in the order of `groups`.
Tensor in_order(const EinsumTerm& t, std::initializer_list<const Labels*> groups) {
  Dims order;
  for (const Labels* g : groups)
    for (int64_t l : *g) order.push(t.axis_of(l));
  return permuted(t.x, order);
}

// Takes an axis of a repeated label as one: of (n, n), flattened, every n + 1st element.
void take_diagonals(EinsumTerm& t) {
  for (size_t d = 0; d < t.labels.size(); ++d)
    for (size_t e = t.labels.size(); --e > d;) {
      if (t.labels[e] != t.labels[d]) continue;
      const int64_t n = t.x.shape()[static_cast<int>(d)];
      Dims order, shape;
      for (size_t i = 0; i < t.labels.size(); ++i)
        if (i != d && i != e) order.push(static_cast<int64_t>(i));
      for (int64_t i : order) shape.push(t.x.shape()[static_cast<int>(i)]);
      const int last = order.size();
      order.push(static_cast<int64_t>(d));
      order.push(static_cast<int64_t>(e));
      shape.push(n * n);
      const Tensor flat = reshape(permuted(t.x, order), shape);
      static const Op* const slice = find_op("slice");
      t.x = apply(*slice, {flat}, Attrs::make({int64_t{last}, int64_t{0}, n * n, n + 1}));
      const int64_t label = t.labels[d];
      t.labels.erase(t.labels.begin() + static_cast<int64_t>(e));
      t.labels.erase(t.labels.begin() + static_cast<int64_t>(d));
      t.labels.push_back(label);
      --d;  // what stands there now has not been looked at
      break;
    }
}

// Of integers the sum stays of their dtype.
Tensor summed(const Tensor& x, const Dims& axes) { return axes.size() ? cast(sum(x, axes), x.dtype()) : x; }

// Leaves out axes that `keep` does not have.
void sum_out(EinsumTerm& t, const Labels& keep) {
  Dims axes;
  Labels left;
  for (int d = 0; d < t.x.shape().size(); ++d) {
    const int64_t l = t.labels[static_cast<size_t>(d)];
    if (names(keep, l))
      left.push_back(l);
    else
      axes.push(d);
  }
  t.x = summed(t.x, axes);
  t.labels = std::move(left);
}

int64_t product_of_sizes(const EinsumTerm& t, const Labels& labels) {
  int64_t n = 1;
  for (int64_t l : labels) n *= t.x.shape()[t.axis_of(l)];
  return n;
}
void push_sizes(const EinsumTerm& t, const Labels& labels, Dims& shape) {
  for (int64_t l : labels) shape.push(t.x.shape()[t.axis_of(l)]);
}

// The labels of a pair: in both and kept, in both and summed over, in one.
struct EinsumPair {
  Labels batch, inner, of_a, of_b;

  EinsumPair(const EinsumTerm& a, const EinsumTerm& b, const Labels& keep) {
    for (int64_t l : a.labels) (!names(b.labels, l) ? of_a : names(keep, l) ? batch : inner).push_back(l);
    for (int64_t l : b.labels)
      if (!names(a.labels, l)) of_b.push_back(l);
  }
  Labels result() const {
    Labels all = batch;
    all.insert(all.end(), of_a.begin(), of_a.end());
    all.insert(all.end(), of_b.begin(), of_b.end());
    return all;
  }
};

EinsumTerm contracted(const EinsumTerm& a, const EinsumTerm& b, const Labels& keep) {
  const EinsumPair p(a, b, keep);
  Tensor x = in_order(a, {&p.batch, &p.of_a, &p.inner}), y = in_order(b, {&p.batch, &p.inner, &p.of_b});
  Dims shape;
  push_sizes(a, p.batch, shape);
  Dims left = shape, right = shape;
  if (p.inner.empty()) {
    push_sizes(a, p.of_a, left);
    for (size_t i = 0; i < p.of_b.size(); ++i) left.push(1);
    for (size_t i = 0; i < p.of_a.size(); ++i) right.push(1);
    push_sizes(b, p.of_b, right);
    return {mul(reshape(x, left), reshape(y, right)), p.result()};
  }
  const int64_t k = product_of_sizes(a, p.inner);
  left.push(product_of_sizes(a, p.of_a));
  left.push(k);
  right.push(k);
  right.push(product_of_sizes(b, p.of_b));
  push_sizes(a, p.of_a, shape);
  push_sizes(b, p.of_b, shape);
  return {reshape(matmul(reshape(x, left), reshape(y, right)), shape), p.result()};
}

std::vector<EinsumTerm> terms_of(std::span<const int64_t> labels, std::span<const Tensor> in, const Labels& out) {
  std::vector<EinsumTerm> terms;
  std::vector<std::pair<int64_t, int64_t>> sizes;  // of labels: the largest
  size_t at = 0;
  for (const Tensor& x : in) {
    const size_t n = static_cast<size_t>(x.shape().size());
    if (at + n > labels.size()) throw ValueError("[] there are fewer labels than axes");
    EinsumTerm t{x, Labels(labels.begin() + static_cast<int64_t>(at), labels.begin() + static_cast<int64_t>(at + n))};
    at += n;
    for (size_t d = 0; d < n; ++d) {
      const int64_t size = x.shape()[static_cast<int>(d)];
      auto seen = std::find_if(sizes.begin(), sizes.end(), [&](const auto& s) { return s.first == t.labels[d]; });
      const bool again = std::find(t.labels.begin(), t.labels.begin() + static_cast<int64_t>(d), t.labels[d]) !=
                         t.labels.begin() + static_cast<int64_t>(d);
      if (seen == sizes.end())
        sizes.emplace_back(t.labels[d], size);
      else if (seen->second == 1 && !again)
        seen->second = size;
      else if (seen->second != size && (size != 1 || again))
        throw ShapeError(cat("[] operand ", terms.size(), " is ", str(x.shape()), ": its axis ", d,
                             " has the label of "
                             "axes of size ",
                             seen->second));
    }
    terms.push_back(std::move(t));
  }
  if (at != labels.size()) throw ValueError("[] there are more labels than axes");
  for (EinsumTerm& t : terms) {
    take_diagonals(t);
    // An axis of size 1 that others have larger is no axis of this operand.
    Labels kept;
    Dims shape;
    for (int d = 0; d < t.x.shape().size(); ++d) {
      const int64_t l = t.labels[static_cast<size_t>(d)], size = t.x.shape()[d];
      const auto whole = std::find_if(sizes.begin(), sizes.end(), [&](const auto& s) { return s.first == l; });
      if (whole->second != size) continue;
      kept.push_back(l);
      shape.push(size);
    }
    t.x = reshape(t.x, shape);
    t.labels = std::move(kept);
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (std::find(out.begin(), out.begin() + static_cast<int64_t>(i), out[i]) != out.begin() + static_cast<int64_t>(i))
      throw ValueError("[] a label of the result is there twice");
    if (std::none_of(sizes.begin(), sizes.end(), [&](const auto& s) { return s.first == out[i]; }))
      throw ValueError("[] a label of the result is in no operand");
  }
  return terms;
}

// What terms other than i and j, and the result, need.
Labels needed(const std::vector<EinsumTerm>& terms, size_t i, size_t j, const Labels& out) {
  Labels keep = out;
  for (size_t k = 0; k < terms.size(); ++k)
    if (k != i && k != j) keep.insert(keep.end(), terms[k].labels.begin(), terms[k].labels.end());
  return keep;
}

// The pair whose product adds least to what there is.
std::pair<size_t, size_t> next_pair(const std::vector<EinsumTerm>& terms, const Labels& out) {
  std::pair<size_t, size_t> best{0, 1};
  if (terms.size() == 2) return best;
  double least = 0;
  for (size_t i = 0; i < terms.size(); ++i)
    for (size_t j = i + 1; j < terms.size(); ++j) {
      const EinsumPair p(terms[i], terms[j], needed(terms, i, j, out));
      const double made = static_cast<double>(product_of_sizes(terms[i], p.batch)) *
                          static_cast<double>(product_of_sizes(terms[i], p.of_a)) *
                          static_cast<double>(product_of_sizes(terms[j], p.of_b));
      const double more = made - static_cast<double>(terms[i].x.numel()) - static_cast<double>(terms[j].x.numel());
      if ((i == 0 && j == 1) || more < least) {
        best = {i, j};
        least = more;
      }
    }
  return best;
}

Tensor einsum(const Given& given) {
  const std::span<const Tensor> in = given.all();
  const auto& out = given.attrs().get<std::vector<int64_t>>(1);
  if (in.empty()) throw ValueError("[] there are no operands");
  for (const Tensor& x : in)
    if (x.dtype() != in[0].dtype() || x.dtype() == DType::b8)
      throw DTypeError(cat("[] operands are ", name_of(in[0].dtype()), " and ", name_of(x.dtype()), ": cast one"));
  std::vector<EinsumTerm> terms = terms_of(given.attrs().get<std::vector<int64_t>>(0), in, out);
  for (size_t i = 0; i < terms.size(); ++i) sum_out(terms[i], needed(terms, i, i, out));
  while (terms.size() > 1) {
    const auto [i, j] = next_pair(terms, out);
    // The side whose axes come first in the result is the first.
    const bool turned = !out.empty() && !names(terms[i].labels, out[0]) && names(terms[j].labels, out[0]);
    EinsumTerm made = contracted(terms[turned ? j : i], terms[turned ? i : j], needed(terms, i, j, out));
    terms.erase(terms.begin() + static_cast<int64_t>(j));
    terms[i] = std::move(made);
  }
  return in_order(terms[0], {&out});
}

const Op einsum_op{
    .name = "einsum",
    .doc =
        "The sum of products of tensors over axes with equal labels that the result does not have; a label twice in "
        "one operand is its diagonal. `labels` has one number per axis of each operand in turn, `out` those of the "
        "result. Axes of size 1 broadcast. The pair whose product is smallest is joined first, as one matmul.",
    .inputs = {{"operands", false, true}},
    .attrs = {{"labels", AttrType::integers, true}, {"out", AttrType::integers, true}},
    .compose = one<einsum>,
};
BS_REGISTER(einsum_op);

}  // namespace
}  // namespace bs::ops
