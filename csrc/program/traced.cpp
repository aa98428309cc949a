#include "program/traced.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "autodiff/sweep.h"
#include "graph/apply.h"
#include "ops/ops.h"
#include "program/reach.h"
#include "program/tables.h"

namespace bs {
namespace {

// Of a derivative: for values kept by so many versions of what it is derived from.
constexpr size_t kMaxPlans = 4;

int all_inputs(const Node& n) { return static_cast<int>(n.n_inputs); }
std::vector<Node*> all_below(std::span<const Tensor> roots) {
  NodeTable seen;
  return symbolic_nodes(roots, [&](const Node* n, int) { return !seen.find(n) && seen.add(n, 1); }, all_inputs);
}

using Id = std::pair<const Node*, int>;
Id id(const Tensor& t) { return {t.node(), t.output()}; }

// What nodes from the number `begin` on read of older ones: views of these are made again.
std::vector<Tensor> read_of_older(std::span<const Tensor> roots, uint64_t begin) {
  std::vector<Tensor> found;
  std::set<Id> read;
  NodeTable entered;
  const auto enter = [&](Node* n, int output) {
    if (n->sequence >= begin || (n->op && n->op->view)) return !entered.find(n) && entered.add(n, 1);
    if (n->op && read.insert({n, output}).second) found.emplace_back(n, output);
    return false;
  };
  symbolic_nodes(roots, enter, inputs_shown);
  return found;
}

}  // namespace

// Not in the registry: no call by name could say what it is to run.
void differentiate(GradCall& call) {
  const auto object = [&](int i) { return call.attrs().get<std::shared_ptr<Object>>(i); };
  std::static_pointer_cast<Traced>(object(0))->differentiate(call,
                                                             std::static_pointer_cast<const Traced::Kept>(object(1)));
}
namespace {
const Op compiled_op{
    .name = "compile",
    .doc = "A call of a compiled function: the results that depend on something that requires a gradient.",
    .inputs = {{"operands", false, true}},
    .attrs = {{"function", AttrType::object, true}, {"kept", AttrType::object, true}},
    .grad = differentiate,
    .grad_takes = ALL_OUTPUTS,
    .reads = ALL_INPUTS,
};
}  // namespace

std::shared_ptr<Traced> Traced::make(Capture capture, std::vector<Tensor> outputs, bool keep_grads) {
  std::shared_ptr<Traced> t(new Traced(std::move(capture), std::move(outputs), keep_grads));
  const std::shared_ptr<const Plan> p = t->plan({});
  if (t->carries()) return t;
  t->program_ = p->program;
  // The graph has served.
  t->capture_ = Capture();
  t->outputs_.clear();
  t->plans_.clear();
  return t;
}

Traced::Traced(Capture capture, std::vector<Tensor> outputs, bool keep_grads)
    : capture_(std::move(capture)), outputs_(std::move(outputs)), keep_grads_(keep_grads) {
  find_carried();
  if (carries()) find_operands();
}

// Which results can be differentiated: not those whose history has been swept and not retained.
void Traced::find_carried() {
  std::vector<Tensor> roots;
  for (const Tensor& t : outputs_)
    if (t.requires_grad()) roots.push_back(t);
  std::unordered_set<const Node*> spent;
  for (const Node* n : all_below(roots)) {
    if (!n->requires_grad || n->cell) continue;  // a written value is a leaf, however it was made
    bool is = n->spent != Spent::no;
    for (int i = 0; !is && i < all_inputs(*n); ++i) is = spent.count(n->in(i).node);
    if (is) spent.insert(n);
  }
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].requires_grad()) (spent.count(outputs_[i].node()) ? severed_ : carried_).push_back(i);
}

void Traced::find_operands() {
  std::vector<Tensor> roots;
  for (size_t i : carried_) roots.push_back(outputs_[i]);
  const std::vector<Node*> nodes = all_below(roots);
  const size_t n_args = capture_.inputs.size(), n_slots = capture_.slots.size();
  std::unordered_map<const Node*, size_t> leaves;  // arguments, then slots
  std::unordered_map<const GradCell*, size_t> cells;
  std::vector<Operand> known(n_args + n_slots);
  for (size_t i = 0; i < known.size(); ++i) {
    Operand& o = known[i];
    (i < n_args ? o.argument : o.slot) = static_cast<int>(i < n_args ? i : i - n_args);
    o.value = i < n_args ? capture_.inputs[i] : capture_.slots[i - n_args].symbol;
    leaves.try_emplace(o.value.node(), i);
    if (const GradCell* c = o.value.node()->cell.get()) cells.try_emplace(c, i);
  }
  std::vector<bool> reached(known.size(), false);
  std::vector<Tensor> met;
  std::set<Id> seen;
  const auto meet = [&](const Tensor& t) {
    // The gradient by a parameter counts all of its values.
    if (t.symbolic() || !t.requires_grad() || cells.count(t.node()->cell.get())) return;
    if (seen.insert(id(t)).second) met.push_back(t);
  };
  for (const Tensor& t : roots) meet(t);
  for (Node* n : nodes) {
    if (const auto leaf = leaves.find(n); leaf != leaves.end()) reached[leaf->second] = true;
    // A value that the function has written: its gradient goes where that of the slot goes.
    if (const auto cell = cells.find(n->cell.get()); n->cell && cell != cells.end()) reached[cell->second] = true;
    for (int i = 0; n->requires_grad && i < all_inputs(*n); ++i)
      if (const Edge& e = n->in(i); e.node) meet(Tensor(e.node, static_cast<int>(e.output)));
    // What cannot be made again.
    if (n->op && n->op->host)
      for (int i = 0; i < static_cast<int>(n->n_outputs); ++i) wanted_.emplace_back(n, i);
  }
  for (size_t i = 0; i < known.size(); ++i)
    if (reached[i]) operands_.push_back(std::move(known[i]));
  for (Tensor& t : met) operands_.push_back({-1, -1, std::move(t)});
}

std::shared_ptr<const Traced::Plan> Traced::plan(const std::shared_ptr<const Kept>& given) {
  std::vector<Tensor> wanted;
  {
    std::lock_guard guard(lock_);
    for (const auto& p : plans_)
      if (p->given == given && p->wanted == wanted_.size()) return p;
    wanted = wanted_;
  }
  const std::shared_ptr<const Plan> made = make_plan(given, wanted);
  std::vector<std::shared_ptr<const Plan>> gone;
  std::lock_guard guard(lock_);
  std::vector<std::shared_ptr<const Plan>> plans{made};
  for (auto& p : plans_) (p->given == given || plans.size() == kMaxPlans ? gone : plans).push_back(std::move(p));
  plans_ = std::move(plans);
  return made;
}

std::shared_ptr<const Traced::Plan> Traced::make_plan(const std::shared_ptr<const Kept>& given,
                                                      const std::vector<Tensor>& wanted) {
  auto made = std::make_shared<Plan>();
  made->given = given;
  made->wanted = wanted.size();
  auto kept = std::make_shared<Kept>();
  std::vector<Tensor> inputs = capture_.inputs, outputs = outputs_;
  if (given) {
    kept->values = given->values;
    inputs.insert(inputs.end(), given->values.begin(), given->values.end());
  }
  std::set<Id> known;
  for (const Tensor& t : kept->values) known.insert(id(t));
  std::map<Id, size_t> results;  // are not kept twice
  for (size_t i = 0; i < outputs_.size(); ++i) results.try_emplace(id(outputs_[i]), i);
  for (const Tensor& t : wanted) {
    if (!known.insert(id(t)).second) continue;
    kept->values.push_back(t);
    const auto [at, added] = results.try_emplace(id(t), outputs.size());
    made->from.push_back(at->second);
    if (added) outputs.push_back(t);
  }
  made->kept = std::move(kept);
  RecordingGuard off(false);
  made->program = std::make_shared<Program>(capture_, inputs, outputs, keep_grads_);
  return made;
}

std::shared_ptr<Program> Traced::plain_program() {
  if (!carries()) return program_;
  const auto p = plan({});
  return p->from.empty() ? p->program : make_plan({}, {})->program;
}

std::vector<Tensor> Traced::run(std::span<char* const> args) {
  std::vector<Tensor> results = program_->run(args);
  for (size_t i : severed_) results[i].node()->severed = results[i].node()->requires_grad = true;
  return results;
}

std::vector<Tensor> Traced::call(std::span<const Tensor> args, const std::shared_ptr<const Kept>& given,
                                 std::span<const Tensor> given_values) {
  const auto p = plan(given);
  std::vector<char*> inputs;
  for (const auto values : {args, given_values})
    for (const Tensor& t : values) inputs.push_back(t.data());
  std::vector<Tensor> slots(capture_.slots.size());
  std::vector<Tensor*> before(slots.size(), nullptr);
  for (const Operand& o : operands_)
    if (o.slot >= 0) before[static_cast<size_t>(o.slot)] = &slots[static_cast<size_t>(o.slot)];
  std::vector<Tensor> results = p->program->run(inputs, before);
  for (size_t i : severed_) results[i].node()->severed = results[i].node()->requires_grad = true;

  const auto value = [&](const Operand& o) -> const Tensor& {
    return o.argument >= 0 ? args[static_cast<size_t>(o.argument)]
           : o.slot >= 0   ? slots[static_cast<size_t>(o.slot)]
                           : o.value;
  };
  const bool record =
      std::any_of(operands_.begin(), operands_.end(), [&](const Operand& o) { return value(o).node()->requires_grad; });
  if (record && carries()) {
    Ref<Node> node = Node::make(&compiled_op, static_cast<int>(operands_.size() + p->kept->values.size()),
                                static_cast<int>(carried_.size()));
    node->attrs = Attrs::make({std::static_pointer_cast<Object>(shared_from_this()),
                               std::static_pointer_cast<Object>(std::const_pointer_cast<Kept>(p->kept))});
    node->requires_grad = true;
    int edge = 0;
    for (const Operand& o : operands_) node->connect(edge++, value(o), o.argument >= 0 || o.slot >= 0);
    for (const Tensor& t : given_values) node->connect(edge++, t, true);
    for (size_t i = 0; i < p->from.size(); ++i) {
      const Tensor& t = results[p->from[i]];
      // The node does not hold itself: what is a result too is a leaf of its own here.
      node->connect(edge++, p->from[i] < outputs_.size() ? t.alias() : t, true);
    }
    for (size_t k = 0; k < carried_.size(); ++k) {
      Tensor& t = results[carried_[k]];
      Output& o = node->out(static_cast<int>(k));
      o.spec = t.spec();
      o.buffer = t.out().buffer;
      t = Tensor(node.get(), static_cast<int>(k));
    }
  }
  results.resize(outputs_.size());
  return results;
}

// ---- Derivatives -----------------------------------------------------------------------------------------------

void Traced::differentiate(GradCall& call, const std::shared_ptr<const Kept>& kept) {
  const bool create_graph = recording();
  const Derivative d = derivative(call, create_graph);
  if (!d.traced) return;
  std::vector<Tensor> args, values;
  for (size_t i = 0; i < operands_.size(); ++i)
    if (operands_[i].value.symbolic()) args.push_back(call.in(static_cast<int>(i)));
  for (const Tensor& g : call.grads()) {
    if (!g) continue;
    if (create_graph && g.node()->severed) refuse_severed("grad");
    args.push_back(ops::contiguous(g));
  }
  for (size_t i = 0; i < kept->values.size(); ++i) values.push_back(call.in(static_cast<int>(operands_.size() + i)));
  std::vector<Tensor> made = d.traced->call(args, kept, values);
  for (size_t i = 0; i < made.size(); ++i) call.set(d.operands[i], std::move(made[i]));
}

Traced::Derivative Traced::derivative(const GradCall& call, bool create_graph) {
  std::vector<bool> key{create_graph};
  for (size_t i = 0; i < operands_.size(); ++i) key.push_back(call.needs(static_cast<int>(i)));
  for (const Tensor& g : call.grads()) {
    key.push_back(static_cast<bool>(g));
    key.push_back(create_graph && g && g.requires_grad());
  }
  const auto known = [&]() -> const Derivative* {
    for (const Derivative& d : derivatives_)
      if (d.key == key) return &d;
    return nullptr;
  };
  {
    std::lock_guard guard(lock_);
    if (const Derivative* d = known()) return *d;
  }
  // Without the lock: it may call Python.
  Derivative made = trace(call, create_graph);
  made.key = std::move(key);
  if (made.traced) want(read_of_older(made.traced->outputs_, made.traced->begin_));
  std::lock_guard guard(lock_);
  if (!known()) derivatives_.push_back(made);
  return made;
}

Traced::Derivative Traced::trace(const GradCall& call, bool create_graph) {
  Capture capture;
  CaptureScope scope(capture);
  Derivative made;
  std::vector<Tensor> outputs, grads, wanted, ends;
  std::vector<int> operands;
  std::unordered_set<const GradCell*> cells;
  for (size_t i = 0; i < operands_.size(); ++i) {
    const Tensor& t = operands_[i].value;
    (t.symbolic() ? capture.inputs : ends).push_back(t);
    const GradCell* cell = t.node()->cell.get();
    // Of several values of a parameter one gets the gradient by all.
    if (!call.needs(static_cast<int>(i)) || (cell && !cells.insert(cell).second)) continue;
    wanted.push_back(t);
    operands.push_back(static_cast<int>(i));
  }
  for (size_t k = 0; k < carried_.size(); ++k) {
    const Tensor& g = call.grad(static_cast<int>(k));
    if (!g) continue;
    outputs.push_back(outputs_[carried_[k]]);
    grads.push_back(capture.input(outputs.back().spec(), create_graph && g.requires_grad()));
  }
  const uint64_t begin = grads.front().node()->sequence;
  std::vector<Tensor> results, all = gradients(outputs, grads, wanted, create_graph, true, ends);
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i]) continue;
    results.push_back(std::move(all[i]));
    made.operands.push_back(operands[i]);
  }
  if (results.empty()) return made;
  made.traced.reset(new Traced(std::move(capture), std::move(results), false));
  made.traced->begin_ = begin;
  made.traced->parent_ = weak_from_this();
  return made;
}

void Traced::want(const std::vector<Tensor>& values) {
  std::vector<Tensor> older;
  {
    std::lock_guard guard(lock_);
    std::set<Id> known;
    for (const Tensor& t : wanted_) known.insert(id(t));
    for (const Tensor& t : values) {
      if (t.node()->sequence < begin_)
        older.push_back(t);
      else if (known.insert(id(t)).second)
        wanted_.push_back(t);
    }
  }
  if (older.empty()) return;
  if (const auto parent = parent_.lock()) parent->want(older);
}

}  // namespace bs
