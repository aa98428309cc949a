#include "autodiff/checkpoint.h"

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

#include "autodiff/sweep.h"
#include "base/error.h"
#include "graph/apply.h"
#include "graph/batch.h"
#include "graph/slot_scope.h"
#include "ops/ops.h"

namespace bs {
namespace {

// What a node needs to run its function again. Its inputs are its outputs' values, the ends of what the function
// records, the arguments, and what slots held.
struct Again : Object {
  Checkpointed function;
  size_t n_made = 0;            // results of the function
  std::vector<size_t> carried;  // those that are outputs of the node
  size_t n_ends = 0, n_args = 0;
  std::vector<Ref<Slot>> slots;
};

void differentiate(GradCall& call) {
  const Again& again = static_cast<const Again&>(*call.attrs().get<std::shared_ptr<Object>>(0));
  int next = call.n_outputs();
  const auto inputs = [&](size_t n) {
    std::vector<Tensor> found;
    while (found.size() < n) found.push_back(call.in(next++));
    return found;
  };
  const std::vector<Tensor> ends = inputs(again.n_ends), args = inputs(again.n_args);
  std::vector<SlotScope::Read> before;
  for (const Ref<Slot>& slot : again.slots) before.push_back({slot, inputs(1)[0]});
  std::vector<Tensor> made;
  {
    RecordingGuard on(true);
    ApartScope apart;
    SlotScope slots(before, leaf_of);
    made = again.function(args);
  }
  std::vector<Tensor> outputs, grads, wanted;
  std::vector<int> which;
  bool same = made.size() == again.n_made;
  for (size_t k = 0; same && k < again.carried.size(); ++k) {
    const Tensor &t = made[again.carried[k]], &first = call.in(static_cast<int>(k));
    same = t.shape() == first.shape() && t.dtype() == first.dtype() && t.requires_grad();
    if (!call.grad(static_cast<int>(k))) continue;
    outputs.push_back(t);
    grads.push_back(call.grad(static_cast<int>(k)));
  }
  if (!same)
    throw GraphError(
        "[checkpoint] the function gives other results when it runs again for its derivative, in number, shape, dtype "
        "or what they depend on: it must compute the same from the same arguments");
  for (size_t i = 0; i < ends.size(); ++i) {
    const int at = call.n_outputs() + static_cast<int>(i);
    if (!call.needs(at)) continue;
    wanted.push_back(ends[i]);
    which.push_back(at);
  }
  std::vector<Tensor> results = gradients(outputs, grads, wanted, recording(), recording(), ends);
  for (size_t i = 0; i < results.size(); ++i)
    if (results[i]) call.set(which[i], std::move(results[i]));
}

// Not in the registry: no call by name could say what it is to run.
const Op checkpoint_op{
    .name = "checkpoint",
    .doc = "What a function has given, whose derivative runs it again.",
    .inputs = {{"values", false, true}},
    .attrs = {{"function", AttrType::object, true}},
    .view = true,
    .view_each = true,
    .strided = ALL_INPUTS,
    .grad = differentiate,
    .grad_takes = ALL_OUTPUTS,
    .reads = ALL_INPUTS,
};

// What nodes from the number `begin` on, those that `results` depend on, record of older ones: tensors that require a
// gradient, of each parameter one value. Leaves that were made since are not met again, but for those of slots.
std::vector<Tensor> find_ends(std::span<const Tensor> results, uint64_t begin, std::span<const SlotScope::Read> slots) {
  std::unordered_set<const Node*> seen;
  std::unordered_set<const GradCell*> of_slots, cells;
  for (const SlotScope::Read& r : slots)
    if (r.slot->cell) of_slots.insert(r.slot->cell.get());
  std::set<std::pair<const Node*, int>> known;
  std::vector<Tensor> ends;
  std::vector<Node*> open;
  const auto visit = [&](Node* n, int output) {
    if (!n || !n->requires_grad) return;
    const GradCell* cell = n->cell.get();
    if (n->sequence < begin || (cell && of_slots.count(cell))) {
      if (cell ? cells.insert(cell).second : known.insert({n, output}).second) ends.emplace_back(n, output);
    } else if (!cell && seen.insert(n).second) {
      open.push_back(n);
    }
  };
  for (const Tensor& t : results) visit(t.node(), t.output());
  while (!open.empty()) {
    const Node* n = open.back();
    open.pop_back();
    for (int i = 0; i < static_cast<int>(n->n_inputs); ++i) visit(n->in(i).node, static_cast<int>(n->in(i).output));
  }
  std::sort(ends.begin(), ends.end(), [](const Tensor& a, const Tensor& b) {
    return std::pair(a.node()->sequence, a.output()) < std::pair(b.node()->sequence, b.output());
  });
  return ends;
}

}  // namespace

Tensor leaf_of(const Slot& slot, const Tensor& value) {
  RecordingGuard off(false);
  Tensor t = value.symbolic() ? ops::detach(value) : value.alias();
  t.node()->cell = slot.cell;
  t.node()->requires_grad = static_cast<bool>(slot.cell);
  return t;
}

std::vector<Tensor> checkpoint(const Checkpointed& function, std::span<const Tensor> args) {
  if (!recording() || BatchScope::current()) return function(args);  // of one sample: there is nothing to save
  const uint64_t begin = Node::make(nullptr, 0, 0)->sequence;
  auto again = std::make_shared<Again>();
  std::vector<SlotScope::Read> read;
  std::vector<Tensor> made;
  {
    SlotScope scope;
    made = function(args);
    read = scope.noted();
  }
  std::vector<Tensor> results;
  for (size_t i = 0; i < made.size(); ++i)
    if (made[i].requires_grad() && made[i].node()->op && made[i].node()->sequence >= begin) {
      again->carried.push_back(i);
      results.push_back(made[i]);
    }
  const std::vector<Tensor> ends = find_ends(results, begin, read);
  if (ends.empty()) return made;
  again->function = function;
  again->n_made = made.size();
  again->n_ends = ends.size();
  again->n_args = args.size();
  for (const SlotScope::Read& r : read) again->slots.push_back(r.slot);
  const std::vector<size_t> carried = again->carried;

  for (Tensor& t : results) t = ops::detach(t);  // before the node: inputs are older
  const int n = static_cast<int>(results.size());
  Ref<Node> node = Node::make(&checkpoint_op, n + static_cast<int>(ends.size() + args.size() + read.size()), n);
  node->requires_grad = true;
  node->apart = ApartScope::current();
  int edge = 0;
  const auto connect = [&](const Tensor& t, bool keeps) {
    node->symbolic |= t.symbolic();
    node->connect(edge++, t, keeps && !t.symbolic());
  };
  for (const Tensor& t : results) connect(t, false);
  for (const Tensor& t : ends) connect(t, true);
  for (const Tensor& t : args) connect(t, true);
  for (const SlotScope::Read& r : read) connect(r.value, true);
  node->attrs = Attrs::make({std::static_pointer_cast<Object>(std::move(again))});
  for (int k = 0; k < n; ++k) {
    Output& o = node->out(k);
    const Tensor& t = results[static_cast<size_t>(k)];
    o.spec = t.spec();
    o.buffer = t.out().buffer;
    o.offset = t.out().offset;
    made[carried[static_cast<size_t>(k)]] = Tensor(node.get(), k);
  }
  return made;
}

}  // namespace bs
