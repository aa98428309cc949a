#include "autodiff/sweep.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "graph/anomaly.h"
#include "graph/apply.h"
#include "graph/hooks.h"
#include "graph/slot.h"
#include "ops/ops.h"

namespace bs {
namespace {

// Node::mark is scratch of a walk; graphs of several threads may share nodes.
std::mutex walk_lock;

struct Frame {
  Node* node;
  uint32_t next;
  bool closed;  // its inputs are not entered from here
};

// The part of the graph between the outputs and what is wanted, inputs before consumers. Positions are 32-bit.
struct Walk {
  std::vector<Node*> nodes;
  std::vector<uint32_t> first_edge;    // of node i in `source`
  std::vector<uint32_t> source;        // position of each edge's node, kNone where the edge is not followed
  std::vector<uint32_t> first_output;  // of node i in lists of gradients
  std::vector<bool> relevant;          // something wanted lies at or below
  std::vector<bool> below;             // something wanted lies below: the rule of the node is asked
  std::vector<uint32_t> output_at;     // where outputs stand in the lists of gradients, or kNone
  // The gradient at the first goes to result `second`, ascending.
  std::vector<std::pair<uint32_t, size_t>> want;
  std::vector<Tensor> grads;  // by node and output
  bool others = false;        // other sweeps read values of these nodes
  // While it is made: the stack, whether the inputs of each node are not entered, and the nodes of `ends`.
  std::vector<Frame> stack;
  std::vector<bool> closed;
  std::vector<Node*> barred;

  // As new, but for the memory.
  void clear() {
    const auto empty = [](auto&... lists) { (lists.clear(), ...); };
    empty(nodes, first_edge, source, first_output, relevant, below, output_at, want, grads, stack, closed, barred);
    others = false;
  }
};

// The walk of one sweep, in memory that small ones of this thread leave to the next: to ask for it and to give it back
// is a tenth of their time (measured).
class KeptWalk {
 public:
  KeptWalk() : walk_(kept ? std::move(kept) : std::make_unique<Walk>()) {}
  KeptWalk(const KeptWalk&) = delete;
  KeptWalk& operator=(const KeptWalk&) = delete;
  ~KeptWalk() {
    if (walk_->nodes.size() + walk_->source.size() + walk_->grads.size() > kMost) return;
    walk_->clear();
    kept = std::move(walk_);
  }
  Walk& operator*() { return *walk_; }

 private:
  static constexpr size_t kMost = 4096;  // nodes, edges and outputs
  static thread_local std::unique_ptr<Walk> kept;
  std::unique_ptr<Walk> walk_;
};
thread_local std::unique_ptr<Walk> KeptWalk::kept;

constexpr uint32_t kNone = 0xffffffffu;

[[noreturn]] void refuse_spent(const Op& op) {
  throw GraphError(
      cat("[", op.name,
          "] the values that its derivative reads were given up by an earlier backward() or grad() through "
          "it: give retain_graph=True to that call, or add up what is differentiated and sweep once. (Trying to "
          "backward through the graph a second time.)"));
}

// `inputs` null: the leaves with cells are wanted. The histories of `ends` are not entered. Nodes whose rules are asked
// are spent from here on, unless `retain`.
void walk(Walk& w, std::span<const Tensor> outputs, const std::span<const Tensor>* inputs, std::span<const Tensor> ends,
          bool retain) {
  std::vector<Frame>& stack = w.stack;
  std::vector<bool>& closed = w.closed;
  std::vector<Node*>& barred = w.barred;
  constexpr uint32_t kOpen = kNone;  // on the stack
  std::lock_guard lock(walk_lock);
  constexpr uint32_t kBarred = kNone - 1;
  for (const Tensor& t : ends)
    if (t && t.node()->mark == 0) {
      t.node()->mark = kBarred;
      barred.push_back(t.node());
    }
  auto enter = [&](Node* n) {
    if (!n->requires_grad || (n->mark != 0 && n->mark != kBarred)) return;
    const bool leaf = n->mark == kBarred || n->cell;  // even where a capture made it out of a written value
    n->mark = kOpen;
    stack.push_back({n, leaf ? n->n_inputs : 0u, leaf});
  };
  for (const Tensor& t : outputs) {
    enter(t.node());
    while (!stack.empty()) {
      Frame& f = stack.back();
      if (f.next < f.node->n_inputs) {
        if (Node* source = f.node->in(static_cast<int>(f.next++)).node) enter(source);
        continue;
      }
      w.nodes.push_back(f.node);
      closed.push_back(f.closed);
      f.node->mark = static_cast<uint32_t>(w.nodes.size());  // position + 1
      stack.pop_back();
    }
  }
  // A parameter is wanted whichever of its successive values the graph holds: leaves know it by its cell.
  std::unordered_map<const GradCell*, std::vector<size_t>> cells;
  if (inputs)
    for (size_t k = 0; k < inputs->size(); ++k)
      if (const GradCell* cell = (*inputs)[k].node()->cell.get()) cells[cell].push_back(k);
  const size_t n = w.nodes.size();
  w.first_edge.reserve(n + 1);
  w.first_output.reserve(n + 1);
  w.relevant.assign(n, false);
  w.below.assign(n, false);
  uint32_t outs = 0;
  if (inputs)
    for (const Tensor& t : *inputs)
      if (uint32_t m = t.node()->mark; m != 0 && m != kBarred) w.relevant[m - 1] = true;
  for (size_t i = 0; i < n; ++i) {
    Node* node = w.nodes[i];
    w.first_edge.push_back(static_cast<uint32_t>(w.source.size()));
    w.first_output.push_back(outs);
    outs += node->n_outputs;
    bool own = inputs ? w.relevant[i] : static_cast<bool>(node->cell), any = false;
    if (auto it = node->cell ? cells.find(node->cell.get()) : cells.end(); it != cells.end()) {
      own = true;
      for (size_t k : it->second) w.want.push_back({w.first_output[i], k});
    }
    for (int e = 0; e < static_cast<int>(node->n_inputs); ++e) {
      const Node* input = node->in(e).node;
      const uint32_t m = input ? input->mark : 0;
      const bool follow = m != 0 && m != kBarred && !closed[i];
      w.source.push_back(follow ? m - 1 : kNone);
      if (follow && w.relevant[m - 1]) any = true;
    }
    w.relevant[i] = own || any;
    w.below[i] = any;
  }
  w.first_edge.push_back(static_cast<uint32_t>(w.source.size()));
  w.first_output.push_back(outs);
  auto place = [&](const Tensor& t) {
    const uint32_t m = t.node()->mark;
    return m == 0 || m == kBarred ? kNone : w.first_output[m - 1] + static_cast<uint32_t>(t.output());
  };
  for (const Tensor& t : outputs) w.output_at.push_back(place(t));
  for (size_t k = 0; inputs && k < inputs->size(); ++k)
    if (const Tensor& t = (*inputs)[k]; !t.node()->cell && place(t) != kNone) w.want.push_back({place(t), k});
  std::sort(w.want.begin(), w.want.end());
  for (Node* node : w.nodes) node->mark = 0;
  for (Node* node : barred) node->mark = 0;
  for (size_t i = 0; i < n; ++i)
    if (w.below[i] && w.nodes[i]->spent != Spent::no) refuse_spent(*w.nodes[i]->op);
  for (size_t i = 0; i < n; ++i) {
    Node* node = w.nodes[i];
    if (!w.below[i]) continue;
    w.others |= node->sweeps > 0;
    if (retain)
      ++node->sweeps;
    else if (reads_values(*node->op))
      node->spent = Spent::taken;
  }
}

// What a sweep holds of its nodes: that their values stay, or that it gives them up.
class Hold {
 public:
  Hold(const Walk& walk, bool retain) : walk_(walk), retain_(retain), left_(walk.nodes.size()) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    if (!retain_ && left_ == 0) return;
    std::lock_guard lock(walk_lock);
    for (size_t i = 0; i < left_; ++i) {
      if (!walk_.below[i]) continue;
      Node* node = walk_.nodes[i];
      if (!retain_)
        node->spent = Spent::no;  // something was thrown before its turn
      else if (--node->sweeps == 0 && node->spent == Spent::overdue)
        node->release_values();
    }
  }
  // Node i has had its turn, as all after it have. Nobody else enters a spent node, so that its values may go, unless
  // a sweep that keeps them began before.
  void done(size_t i) {
    if (retain_) return;
    left_ = i;
    Node* node = walk_.nodes[i];
    if (!walk_.below[i] || node->spent == Spent::no || node->symbolic) return;
    if (!walk_.others) return node->release_values();
    std::lock_guard lock(walk_lock);
    if (node->sweeps == 0)
      node->release_values();
    else
      node->spent = Spent::overdue;
  }

 private:
  const Walk& walk_;
  const bool retain_;
  size_t left_;  // nodes before this one
};

void accumulate(Tensor& into, Tensor g) { into = into ? sum_of(into, g) : std::move(g); }

std::vector<Tensor> sweep(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                          const std::span<const Tensor>* inputs, std::span<const Tensor> ends, bool create_graph,
                          bool retain);

// The derivative of a node through the composition of its op.
void by_composition(const Node& node, std::span<const Tensor> grads, std::span<Tensor> results, const Mask& needed,
                    bool create_graph) {
  std::vector<Tensor> in, wanted, outputs, out_grads;
  std::vector<int> which;
  std::vector<Tensor> composed;
  {
    RecordingGuard on(true);
    for (int i = 0; i < static_cast<int>(node.n_inputs); ++i) {
      const Edge& e = node.in(i);
      Tensor t = e.node ? Tensor(e.node, static_cast<int>(e.output)) : Tensor();
      if (needed.has(i)) {
        // A node of its own: the derivative is by this operand alone, even where another one depends on it.
        t = ops::view_as_is(t);
        wanted.push_back(t);
        which.push_back(i);
      }
      in.push_back(std::move(t));
    }
    composed = node.op->compose(node.attrs.get(), in);
  }
  for (size_t k = 0; k < composed.size(); ++k) {
    if (!grads[k]) continue;
    outputs.push_back(composed[k]);
    out_grads.push_back(grads[k]);
  }
  std::span<const Tensor> by(wanted);
  // No operand's history is walked: else each fused op would walk all that lies below it.
  std::vector<Tensor> made = sweep(outputs, out_grads, &by, in, create_graph, create_graph);
  for (size_t k = 0; k < made.size(); ++k) results[static_cast<size_t>(which[k])] = std::move(made[k]);
}

// The gradients of the inputs of a node, given those of its outputs: by the rule of its op where that takes all that
// are there, else by the op's composition.
void derive(const Node& node, std::span<Tensor> grads, std::span<Tensor> results, std::vector<GradCall::OfPart>& parts,
            const Mask& needed, bool create_graph) {
  const Op& op = *node.op;
  int refused = -1;
  for (int k = 0; refused < 0 && k < static_cast<int>(grads.size()); ++k)
    if (grads[static_cast<size_t>(k)] && !(op.grad && op.grad_takes.has(k))) refused = k;
  if (refused >= 0) {
    if (!op.compose) throw GraphError(cat("[", op.name, "] has no derivative by its output ", refused));
    by_composition(node, grads, results, needed, create_graph);
    return;
  }
  GradCall call(node, grads, results, parts, needed);
  op.grad(call);
}

std::vector<Tensor> sweep(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                          const std::span<const Tensor>* inputs, std::span<const Tensor> ends, bool create_graph,
                          bool retain) {
  KeptWalk kept;
  Walk& w = *kept;
  walk(w, outputs, inputs, ends, retain);
  Hold hold(w, retain);
  const size_t n = w.nodes.size();
  std::vector<Tensor> result(inputs ? inputs->size() : 0);
  if (n == 0) return result;

  std::vector<Tensor>& grads = w.grads;
  grads.resize(w.first_output[n]);
  // Of outputs whose parts have gradients: these meet when the node has its turn, at the cost of what they are.
  std::unordered_map<uint32_t, std::vector<GradCall::OfPart>> in_parts;
  // Outputs that have been written to in part: to what gradient they have from there, parts are added where it lies.
  std::unordered_set<uint32_t> written;

  RecordingGuard mode(create_graph);
  const Anomaly look = anomaly();
  for (size_t k = 0; k < outputs.size(); ++k)
    if (w.output_at[k] != kNone) accumulate(grads[w.output_at[k]], grad_outputs[k]);
  size_t next_want = w.want.size();
  for (size_t i = n; i-- > 0;) {
    Node* node = w.nodes[i];
    Tensor* own = &grads[w.first_output[i]];
    for (uint32_t k = 0; !in_parts.empty() && k < node->n_outputs; ++k)
      if (auto it = in_parts.find(w.first_output[i] + k); it != in_parts.end()) {
        if (own[k] && written.count(it->first))
          own[k] = ops::add_parts(std::move(own[k]), it->second);
        else
          accumulate(own[k], ops::put_together(it->second, node->out(static_cast<int>(k)).spec.shape));
        in_parts.erase(it);
      }
    for (uint32_t k = 0; any_hooks() && k < node->n_outputs; ++k)
      if (own[k]) own[k] = after_hooks(node, static_cast<int>(k), std::move(own[k]));
    while (next_want > 0 && w.want[next_want - 1].first >= w.first_output[i]) {
      --next_want;
      if (const Tensor& g = grads[w.want[next_want].first]) accumulate(result[w.want[next_want].second], g);
    }
    const std::span<Tensor> given(own, node->n_outputs);
    if (w.relevant[i] && std::any_of(given.begin(), given.end(), [](const Tensor& g) { return bool(g); })) {
      // As the leaf lies: p.grad.view(-1) is a view.
      if (!inputs && node->cell) accumulate_grad(*node->cell, ops::contiguous(own[0]));
      Mask needed;
      const uint32_t* source = w.source.data() + w.first_edge[i];
      const int n_inputs = static_cast<int>(node->n_inputs);
      for (int e = 0; e < n_inputs; ++e) {
        if (source[e] == kNone || !w.relevant[source[e]]) continue;
        const Edge& edge = node->in(e);
        if (is_float(edge.node->out(static_cast<int>(edge.output)).spec.dtype)) needed.set(e);
      }
      if (needed.any()) {
        Few<Tensor, kFewOperands> made(n_inputs);
        std::vector<GradCall::OfPart> parts;
        derive(*node, given, made, parts, needed, create_graph);
        const auto at = [&](int e) { return w.first_output[source[e]] + node->in(e).output; };
        if (node->op == ops::kWriteStrided && needed.has(0)) written.insert(at(0));
        for (int e = 0; e < n_inputs; ++e) {
          if (!made[e] || !needed.has(e)) continue;
          if (look.on && look.check_nan) refuse_nan(*node, e, made[e]);
          accumulate(grads[at(e)], std::move(made[e]));
        }
        for (GradCall::OfPart& p : parts)
          if (needed.has(p.input)) in_parts[at(p.input)].push_back(std::move(p));
      }
    }
    for (uint32_t k = 0; k < node->n_outputs; ++k) own[k] = Tensor();
    hold.done(i);
  }
  return result;
}

// grad_outputs with ones where they are empty. Throws ShapeError, DTypeError, GraphError.
std::vector<Tensor> seeds(const char* name, std::span<const Tensor> outputs, std::span<const Tensor> given) {
  std::vector<Tensor> made;
  for (size_t k = 0; k < outputs.size(); ++k) {
    const Tensor& y = outputs[k];
    if (y.node()->severed) refuse_severed(name);
    if (!y.requires_grad())
      throw GraphError(cat("[", name, "] output ", k,
                           " has no history to differentiate: it was made under no_grad, or from tensors that need "
                           "no gradient. (element ",
                           k, " of tensors does not require grad and does not have a grad_fn)"));
    if (k < given.size() && given[k]) {
      if (!(given[k].shape() == y.shape()))
        throw ShapeError(cat("[", name, "] output ", k, " is ", str(y.shape()), ", its gradient is ",
                             str(given[k].shape()), " (Mismatch in shape)"));
      made.push_back(ops::cast(given[k], y.dtype()));
      continue;
    }
    if (y.numel() != 1)
      throw GraphError(cat("[", name, "] output ", k, " is ", str(y.shape()),
                           ": only a single number has a gradient by itself; take a sum or mean, or give the "
                           "gradient. (grad can be implicitly created only for scalar outputs)"));
    made.push_back(ops::full(y.shape(), 1, y.dtype()));
  }
  return made;
}

}  // namespace

bool reads_values(const Op& op) { return op.compose || op.reads.in.any() || op.reads.out.any(); }

std::vector<Tensor> gradients(std::span<const Tensor> outputs, std::span<const Tensor> grad_outputs,
                              std::span<const Tensor> inputs, bool create_graph, bool retain,
                              std::span<const Tensor> ends) {
  return sweep(outputs, seeds("grad", outputs, grad_outputs), &inputs, ends, create_graph, retain);
}

void backward(std::span<const Tensor> roots, std::span<const Tensor> given, bool create_graph, bool retain,
              const std::span<const Tensor>* inputs) {
  const std::vector<Tensor> seeded = seeds("backward", roots, given);
  if (!inputs) {
    sweep(roots, seeded, nullptr, {}, create_graph, retain);
    return;
  }
  for (const Tensor& t : *inputs) {
    if (!t.requires_grad()) throw GraphError("[backward] one of `inputs` requires no gradient");
    if (!t.node()->cell && !retained_cell(t)) retain_grad(t);
  }
  const std::vector<Tensor> made = sweep(roots, seeded, inputs, {}, create_graph, retain);
  // A result's is kept by the sweep.
  for (size_t k = 0; k < made.size(); ++k)
    if (const Ref<GradCell>& cell = (*inputs)[k].node()->cell; cell && made[k])
      accumulate_grad(*cell, ops::contiguous(made[k]));
}

}  // namespace bs
