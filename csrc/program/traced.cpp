#include "program/traced.h"

#include <algorithm>
#include <map>
#include <numeric>
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
  std::static_pointer_cast<Traced>(object(0))->differentiate(
      call, std::static_pointer_cast<const Traced::Kept>(object(1)), static_cast<int>(call.attrs().get<int64_t>(2)));
}
namespace {
const Op compiled_op{
    .name = "compile",
    .doc = "A call of a compiled function: the results that depend on something that requires a gradient.",
    .inputs = {{"operands", false, true}},
    .attrs = {{"function", AttrType::object, true},
              {"kept", AttrType::object, true},
              {"group", AttrType::integer, true}},
    .grad = differentiate,
    .grad_takes = ALL_OUTPUTS,
    .reads = ALL_INPUTS,
};
}  // namespace

std::shared_ptr<Traced> Traced::make(Capture capture, std::vector<Tensor> outputs, size_t n_results, bool keep_grads,
                                     int64_t budget, Traced* like) {
  std::shared_ptr<Traced> t(new Traced(std::move(capture), std::move(outputs), n_results, keep_grads, budget));
  if (like) t->adopt(*like);
  const std::shared_ptr<const Plan> p = t->plan({});
  if (t->carries()) return t;
  t->program_ = p->program;
  if (n_results < t->outputs_.size()) return t;
  // The graph has served.
  t->capture_ = Capture();
  t->outputs_.clear();
  t->plan_.reset();
  return t;
}

Traced::Traced(Capture capture, std::vector<Tensor> outputs, size_t n_results, bool keep_grads, int64_t budget)
    : capture_(std::move(capture)),
      outputs_(std::move(outputs)),
      n_results_(n_results),
      keep_grads_(keep_grads),
      budget_(budget) {
  find_carried();
  if (carries()) find_operands();
}

// Which results can be differentiated: not those whose history has been swept and not retained.
void Traced::find_carried() {
  std::vector<Tensor> roots;
  for (const Tensor& t : outputs_)
    if (t.requires_grad()) roots.push_back(t);
  std::unordered_set<const Node*> spent;
  const std::vector<Node*> nodes = all_below(roots);
  for (const Node* n : nodes) {
    if (!n->requires_grad || n->cell) continue;  // a written value is a leaf, however it was made
    bool is = n->spent != Spent::no;
    for (int i = 0; !is && i < all_inputs(*n); ++i) is = spent.count(n->in(i).node);
    if (is) spent.insert(n);
  }
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].requires_grad()) (spent.count(outputs_[i].node()) ? severed_ : carried_).push_back(i);
  find_groups(nodes);
}

// Results are in one group if some node that both lead to has a derivative that reads values: the first sweep takes
// them.
void Traced::find_groups(std::span<Node* const> nodes) {
  NodeTable reads;  // what reads values, or leads to what does: the result that has led there first, or -1
  for (const Node* n : nodes) {
    if (!n->requires_grad || n->cell) continue;
    bool is = reads_values(*n->op);
    for (int i = 0; !is && i < all_inputs(*n); ++i) is = n->in(i).node && reads.find(n->in(i).node);
    if (is) reads.add(n, -1);
  }
  const int n = static_cast<int>(carried_.size());
  std::vector<int> same(carried_.size());  // an earlier result of the same group, or itself
  std::iota(same.begin(), same.end(), 0);
  const auto first = [&](int k) {
    while (same[static_cast<size_t>(k)] != k) k = same[static_cast<size_t>(k)];
    return k;
  };
  std::vector<const Node*> stack;
  for (int k = 0; k < n; ++k) {
    const auto visit = [&](const Node* node) {
      int* const led = node ? reads.find(node) : nullptr;
      if (!led || *led == k) return;
      if (*led < 0) {
        *led = k;
        stack.push_back(node);
        return;
      }
      const int a = first(*led), b = first(k);
      same[static_cast<size_t>(std::max(a, b))] = std::min(a, b);
    };
    visit(outputs_[carried_[static_cast<size_t>(k)]].node());
    while (!stack.empty()) {
      const Node* node = stack.back();
      stack.pop_back();
      for (int i = 0; i < all_inputs(*node); ++i) visit(node->in(i).node);
    }
  }
  for (int k = 0; k < n; ++k) {
    const int f = first(k);
    group_.push_back(f == k ? n_groups_++ : group_[static_cast<size_t>(f)]);
  }
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
  n_unrepeatable_ = wanted_.size();
  for (size_t i = 0; i < known.size(); ++i)
    if (reached[i]) operands_.push_back(std::move(known[i]));
  for (Tensor& t : met) operands_.push_back({-1, -1, std::move(t)});
}

// The last one is held: more is kept only until all derivatives have been asked for.
std::shared_ptr<const Traced::Plan> Traced::plan(const std::shared_ptr<const Kept>& given) {
  std::vector<Tensor> wanted;
  {
    std::lock_guard guard(lock_);
    if (plan_ && plan_->given == given && plan_->wanted == wanted_.size()) return plan_;
    wanted = wanted_;
  }
  std::shared_ptr<const Plan> made;
  try {
    made = make_plan(given, outputs_, wanted, wanted.size());
  } catch (const BudgetError&) {
    if (wanted.size() == n_unrepeatable_) throw;
    made = make_plan(given, outputs_, std::span<const Tensor>(wanted).first(n_unrepeatable_), wanted.size());
  }
  std::shared_ptr<const Plan> last = made;
  std::lock_guard guard(lock_);
  std::swap(plan_, last);
  return made;
}

std::shared_ptr<const Traced::Plan> Traced::make_plan(const std::shared_ptr<const Kept>& given,
                                                      std::span<const Tensor> of, std::span<const Tensor> wanted,
                                                      size_t n_wanted) {
  auto made = std::make_shared<Plan>();
  made->given = given;
  made->wanted = n_wanted;
  auto kept = std::make_shared<Kept>();
  std::vector<Tensor> inputs = capture_.inputs, outputs(of.begin(), of.end());
  if (given) {
    kept->values = given->values;
    inputs.insert(inputs.end(), given->values.begin(), given->values.end());
  }
  std::set<Id> known;
  for (const Tensor& t : kept->values) known.insert(id(t));
  std::map<Id, size_t> results;  // are not kept twice
  for (size_t i = 0; i < outputs.size(); ++i) results.try_emplace(id(outputs[i]), i);
  for (const Tensor& t : wanted) {
    if (!known.insert(id(t)).second) continue;
    kept->values.push_back(t);
    const auto [at, added] = results.try_emplace(id(t), outputs.size());
    made->from.push_back(at->second);
    if (added) outputs.push_back(t);
  }
  made->kept = std::move(kept);
  RecordingGuard off(false);
  made->program = std::make_shared<Program>(capture_, inputs, outputs, keep_grads_, budget_);
  return made;
}

std::shared_ptr<Program> Traced::plain_program() {
  const auto results = std::span<const Tensor>(outputs_).first(std::min(n_results_, outputs_.size()));
  if (results.size() < outputs_.size()) return make_plan({}, results, {}, 0)->program;
  if (!carries()) return program_;
  const auto p = plan({});
  return p->from.empty() ? p->program : make_plan({}, results, {}, 0)->program;
}

std::vector<std::shared_ptr<Program>> Traced::programs() {
  std::vector<std::shared_ptr<Program>> made;
  std::vector<std::shared_ptr<Traced>> derivatives;
  if (program_) made.push_back(program_);
  {
    std::lock_guard guard(lock_);
    if (plan_) made.push_back(plan_->program);
    for (const Derivative& d : derivatives_)
      if (d.traced) derivatives.push_back(d.traced);
  }
  for (const auto& d : derivatives)
    for (auto& p : d->programs()) made.push_back(std::move(p));
  return made;
}

int64_t Traced::arena_bytes() {
  int64_t bytes = 0;
  for (const auto& p : programs()) bytes += p->arena_bytes();
  return bytes;
}

void Traced::rest() {
  for (const auto& p : programs()) p->rest();
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
  // The nodes do not hold their results: what is kept is a leaf of its own.
  std::vector<Tensor> kept(given_values.begin(), given_values.end());
  for (size_t i = 0; record && i < p->from.size(); ++i) kept.push_back(results[p->from[i]].alias());
  for (int group = 0; record && group < n_groups_; ++group) {
    std::vector<size_t> of_group;
    for (size_t k = 0; k < carried_.size(); ++k)
      if (group_[k] == group) of_group.push_back(carried_[k]);
    Ref<Node> node =
        Node::make(&compiled_op, static_cast<int>(operands_.size() + kept.size()), static_cast<int>(of_group.size()));
    node->attrs = Attrs::make({std::static_pointer_cast<Object>(shared_from_this()),
                               std::static_pointer_cast<Object>(std::const_pointer_cast<Kept>(p->kept)),
                               static_cast<int64_t>(group)});
    node->requires_grad = true;
    int edge = 0;
    for (const Operand& o : operands_) node->connect(edge++, value(o), o.value.symbolic());
    for (const Tensor& t : kept) node->connect(edge++, t, true);
    for (size_t k = 0; k < of_group.size(); ++k) {
      Tensor& t = results[of_group[k]];
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

void Traced::differentiate(GradCall& call, const std::shared_ptr<const Kept>& kept, int group) {
  const bool create_graph = recording();
  std::vector<bool> key{create_graph};
  std::vector<Tensor> args, values;
  for (size_t i = 0; i < operands_.size(); ++i) {
    key.push_back(call.needs(static_cast<int>(i)));
    if (operands_[i].value.symbolic()) args.push_back(call.in(static_cast<int>(i)));
  }
  bool symbolic = false;
  int of_group = 0;
  for (size_t k = 0; k < carried_.size(); ++k) {
    const Tensor g = group_[k] == group ? call.grad(of_group++) : Tensor();
    key.push_back(static_cast<bool>(g));
    key.push_back(create_graph && g && g.requires_grad());
    if (!g) continue;
    if (create_graph && g.node()->severed) refuse_severed("grad");
    symbolic |= g.symbolic();
    args.push_back(ops::contiguous(g));
  }
  const Derivative d = derivative(key);
  if (!d.traced) return;
  for (size_t i = 0; i < kept->values.size(); ++i) values.push_back(call.in(static_cast<int>(operands_.size() + i)));
  std::vector<Tensor> made = symbolic ? d.traced->replay(args, *kept, values) : d.traced->call(args, kept, values);
  for (size_t i = 0; i < made.size(); ++i) call.set(d.operands[i], std::move(made[i]));
}

bool Traced::Derivative::holds() const {
  return std::all_of(reliances.begin(), reliances.end(), [](const auto& r) { return r->holds(); });
}

Traced::Derivative Traced::derivative(const std::vector<bool>& key) {
  const auto known = [&] {
    return std::find_if(derivatives_.begin(), derivatives_.end(), [&](const Derivative& d) { return d.key == key; });
  };
  Derivative d;
  {
    std::lock_guard guard(lock_);
    if (const auto it = known(); it != derivatives_.end()) d = *it;
  }
  // Without the lock: these may call Python.
  if (!d.key.empty() && d.holds()) return d;
  Derivative made = trace(key);
  if (made.traced) want(read_of_older(made.traced->outputs_, made.traced->begin_));
  std::lock_guard guard(lock_);
  if (const auto it = known(); it != derivatives_.end())
    std::swap(*it, d = made);
  else
    derivatives_.push_back(made);
  return made;
}

Traced::Derivative Traced::trace(const std::vector<bool>& key) {
  Capture capture;
  CaptureScope scope(capture);
  capture.traces_derivative = true;
  Derivative made;
  made.key = key;
  const bool create_graph = key[0];
  std::vector<Tensor> outputs, grads, wanted, ends;
  std::vector<int> operands;
  std::unordered_set<const GradCell*> cells;
  size_t at = 1;
  for (size_t i = 0; i < operands_.size(); ++i) {
    const Tensor& t = operands_[i].value;
    (t.symbolic() ? capture.inputs : ends).push_back(t);
    const GradCell* cell = t.node()->cell.get();
    // Of several values of a parameter one gets the gradient by all.
    if (!key[at++] || (cell && !cells.insert(cell).second)) continue;
    wanted.push_back(t);
    operands.push_back(static_cast<int>(i));
  }
  for (size_t k = 0; k < carried_.size(); ++k, at += 2) {
    if (!key[at]) continue;
    outputs.push_back(outputs_[carried_[k]]);
    grads.push_back(capture.input(outputs.back().spec(), key[at + 1]));
  }
  const uint64_t begin = grads.front().node()->sequence;
  std::vector<Tensor> results, all = gradients(outputs, grads, wanted, create_graph, true, ends);
  made.reliances = std::move(capture.reliances);
  for (size_t i = 0; i < all.size(); ++i) {
    if (!all[i]) continue;
    results.push_back(std::move(all[i]));
    made.operands.push_back(operands[i]);
  }
  if (results.empty()) return made;
  const size_t n = results.size();
  made.traced.reset(new Traced(std::move(capture), std::move(results), n, false, budget_));
  made.traced->begin_ = begin;
  made.traced->parent_ = weak_from_this();
  return made;
}

void Traced::adopt(Traced& like) {
  if (like.operands_.size() != operands_.size() || like.carried_.size() != carried_.size()) return;
  std::vector<Derivative> others;
  {
    std::lock_guard guard(like.lock_);
    others = like.derivatives_;
  }
  for (const Derivative& other : others) {
    if (!other.traced || !other.reliances.empty()) continue;
    if (const Derivative d = derivative(other.key); d.traced) d.traced->adopt(*other.traced);
  }
}

std::vector<Tensor> Traced::replay(std::span<const Tensor> args, const Kept& given,
                                   std::span<const Tensor> given_values) {
  std::map<Id, Tensor> values;
  for (size_t i = 0; i < args.size(); ++i) values[id(capture_.inputs[i])] = args[i];
  // What is kept has no history.
  for (size_t i = 0; !recording() && i < given_values.size(); ++i) values[id(given.values[i])] = given_values[i];
  for (const Capture::SlotUse& s : capture_.slots) values[id(s.symbol)] = s.slot->read();
  const auto value = [&](const Tensor& t) { return t.symbolic() ? values.at(id(t)) : t; };
  NodeTable entered;
  const auto enter = [&](const Node* n, int output) {
    return !values.count({n, output}) && !entered.find(n) && entered.add(n, 1);
  };
  for (const Node* n : symbolic_nodes(outputs_, enter, all_inputs)) {
    std::vector<Tensor> in;
    for (int i = 0; i < all_inputs(*n); ++i) {
      const Edge& e = n->in(i);
      in.push_back(e.node ? value(Tensor(e.node, static_cast<int>(e.output))) : Tensor());
    }
    std::vector<Tensor> made = apply_all(*n->op, in, n->attrs);
    for (size_t k = 0; k < made.size(); ++k) values.try_emplace({n, static_cast<int>(k)}, std::move(made[k]));
  }
  std::vector<Tensor> results;
  for (const Tensor& t : outputs_) results.push_back(value(t));
  return results;
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
