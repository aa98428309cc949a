// How each step may be cut, and what its parts read.
#include <algorithm>

#include "graph/apply.h"
#include "ops/loop.h"
#include "program/ir.h"

namespace bs {
namespace {

// One instruction of a list on one element, from L1: 0.02 (v4) to 0.03 (v3) where it is cheap, exp 0.2 to 0.35.
constexpr double kInstructionNanoseconds = 0.04;
constexpr double kBytesPerNanosecond = 20;
// Of an op's result, between its making and its epilogue: half of L1.
constexpr int64_t kBlockBytes = 32 * 1024;

double list_cost(const kernels::EwList& list, int64_t elements, double bytes) {
  return bytes / kBytesPerNanosecond + static_cast<double>(elements) * list.n_instr * kInstructionNanoseconds;
}

// Into how many equal leading pieces value v, broadcast to `shape`, splits so that each lies in the same fraction of
// the memory of its root. All of a root, in order, splits at each element; a transpose not at all. Rows of a matrix
// (8, 6) that give columns 2 and 3, a view (8, 2) with strides (6, 1), split into 8: row i lies in the i-th eighth. Of
// (8, 6) as (8, 3, 2) with the last axes exchanged, strides (6, 1, 2), the same holds. And so it does for (8, 1)
// broadcast to (8, 6), strides (1, 0).
int64_t pieces(const Ir& ir, int v, const Dims& shape) {
  const Value& value = ir.values[static_cast<size_t>(v)];
  const Spec &spec = value.spec, &root = ir.values[static_cast<size_t>(ir.root(v))].spec;
  int64_t rest = numel(root.shape), made = 1;  // elements of a piece of the root; pieces
  if (rest == 0 || numel(shape) == 0) return 1;
  const Dims own = spec.full_strides();
  const int skip = shape.size() - spec.shape.size();
  const auto stride = [&](int d) { return d < skip || spec.shape[d - skip] == 1 ? 0 : own[d - skip]; };
  int d = 0;
  for (; d < shape.size(); ++d) {
    if (shape[d] == 1) continue;
    if (rest % shape[d] != 0 || stride(d) != rest / shape[d]) break;
    made *= shape[d];
    rest /= shape[d];
  }
  // What remains must stay within the first piece.
  int64_t low = value.offset / static_cast<int64_t>(size_of(spec.dtype)), high = low;
  for (; d < shape.size(); ++d) (stride(d) < 0 ? low : high) += (shape[d] - 1) * stride(d);
  return low >= 0 && high < rest ? made : 1;
}

}  // namespace

void place_step(const Ir& ir, Step& s) {
  auto spec = [&](int v) -> const Spec& { return ir.values[static_cast<size_t>(v)].spec; };
  const Dims& shape = spec(s.out[0]).shape;
  if (s.op) {
    const StepSpecs specs(ir, s);
    s.place = s.op->place ? s.op->place(s.attrs.get(), specs.in(), specs.out()) : Placement{};
    s.cost = forward_cost(*s.op, s.attrs.get(), specs.in(), specs.out(), specs.n_out());
  } else {
    s.place.extent = ops::loop_extent(shape);
    s.cost = 0;
  }
  if (s.list) {
    double bytes = 0;
    for (size_t i = static_cast<size_t>(s.n_op_in); i < s.in.size(); ++i)
      bytes += static_cast<double>(ir.bytes(s.in[i]));
    for (size_t i = static_cast<size_t>(s.n_op_out); i < s.out.size(); ++i)
      bytes += static_cast<double>(ir.bytes(s.out[i]));
    s.cost += list_cost(*s.list, numel(shape), bytes);
  }
  s.unit = numel(shape) / std::max<int64_t>(s.place.extent, 1);
  if (s.op && s.list) {
    const int64_t unit = std::max<int64_t>(ir.bytes(s.out[0]) / std::max<int64_t>(s.place.extent, 1), 1);
    const int64_t block = s.place.block > 0 ? s.place.block : std::max<int64_t>(kBlockBytes / unit, 1);
    s.place.block = (block + s.place.granule - 1) / s.place.granule * s.place.granule;
  }
  s.pieces.assign(s.in.size(), 1);
  for (size_t i = 0; i < s.in.size(); ++i) {
    const bool of_op = i < static_cast<size_t>(s.n_op_in);
    if (ir.values[static_cast<size_t>(s.in[i])].home == Home::absent) continue;
    if (of_op && !s.place.aligned.has(static_cast<int>(i))) continue;
    s.pieces[i] = pieces(ir, s.in[i], of_op ? spec(s.in[i]).shape : shape);
  }
}

}  // namespace bs
