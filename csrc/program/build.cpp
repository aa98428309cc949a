// Capture to IR: dead code, common subexpressions, views, lowering.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/error.h"
#include "graph/apply.h"
#include "ops/ops.h"
#include "program/capture.h"
#include "program/ir.h"
#include "program/reach.h"
#include "program/tables.h"

namespace bs {
namespace {

void append(std::string& key, const void* p, size_t n) { key.append(static_cast<const char*>(p), n); }
template <class T>
void append(std::string& key, const T& v) {
  append(key, &v, sizeof v);
}

// Equal for steps that compute equal values.
void key_of(const Node& n, const std::vector<int>& in, std::string& key) {
  key.clear();
  append(key, n.op);
  append(key, n.apart);
  for (int v : in) append(key, v);
  if (!n.attrs) return;
  for (const Attr& a : n.attrs->values) {
    append(key, static_cast<int>(a.index()));
    std::visit(
        [&](const auto& v) {
          using T = std::decay_t<decltype(v)>;
          if constexpr (std::is_same_v<T, Dims>) {
            for (int64_t d : v) append(key, d);
            append(key, v.size());
          } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
            append(key, v.data(), v.size() * sizeof(int64_t));
            append(key, v.size());
          } else if constexpr (std::is_same_v<T, std::shared_ptr<Object>>) {
            append(key, v.get());
          } else if constexpr (!std::is_same_v<T, std::monostate>) {
            append(key, v);
          }
        },
        a);
  }
}

struct Builder {
  const Capture& capture;
  Ir ir;
  NodeTable values = {};  // where in ids_ those of a node's outputs begin
  std::vector<int> ids = {};
  KeyTable made = {};                            // equal steps: likewise
  KeyTable scalars = {};                         // equal constants of one element
  std::vector<Node*> applied = {};               // of each step
  std::vector<int> lowered = {};                 // of values: what has taken their place, or -1; none at its end
  std::vector<Tensor> kept = {};                 // what rules of lowering have built
  std::unordered_map<int, Tensor> symbols = {};  // of constants, for these rules
  std::string key = {};                          // the last one asked
  int absent_ = -1;
  static constexpr int kNoValues = -1;                    // of a node that is needed, and has its turn later
  std::map<std::pair<const Node*, int>, int> given = {};  // inputs that are one of several outputs of a node

  // Nodes that `results` need and that have no values yet, in the order in which they were made.
  std::vector<Node*> needed(const std::vector<Tensor>& results) {
    return symbolic_nodes(
        results,
        [&](const Node* n, int output) {
          if (values.find(n) || given.count({n, output})) return false;
          values.add(n, kNoValues);
          return true;
        },
        inputs_shown);
  }

  int now(int v) const {
    const size_t i = static_cast<size_t>(v);
    return i < lowered.size() && lowered[i] >= 0 ? lowered[i] : v;
  }

  int absent() {
    if (absent_ < 0) {
      Value v;
      v.home = Home::absent;
      absent_ = ir.add(std::move(v));
    }
    return absent_;
  }

  int constant(const Tensor& t) {
    const size_t k = static_cast<size_t>(t.output());
    if (const int* at = values.find(t.node()); at && ids[static_cast<size_t>(*at) + k] >= 0)
      return ids[static_cast<size_t>(*at) + k];
    const int id = static_cast<int>(ir.values.size());
    if (t.shape().size() == 0) {
      key.clear();
      append(key, t.dtype());
      append(key, t.data(), size_of(t.dtype()));
      if (const int same = scalars.add(key, id); same != id) return same;
    }
    Value v;
    v.spec = t.spec();
    v.home = Home::constant;
    v.constant = t;
    ir.add(std::move(v));
    const int at = values.add(t.node(), static_cast<int>(ids.size()));
    if (at == static_cast<int>(ids.size())) ids.resize(ids.size() + t.node()->n_outputs, -1);
    ids[static_cast<size_t>(at) + k] = id;
    return id;
  }

  int value(const Tensor& t) {
    if (!t.symbolic()) return now(constant(t));
    if (!given.empty())
      if (const auto it = given.find({t.node(), t.output()}); it != given.end()) return it->second;
    return now(ids[static_cast<size_t>(*values.find(t.node()) + t.output())]);
  }

  void leaf(const Tensor& t, Home home, int index) {
    Value v;
    v.spec = t.spec();
    v.home = home;
    v.index = index;
    const int id = ir.add(std::move(v));
    if (t.node()->n_outputs > 1) {
      given[{t.node(), t.output()}] = id;
      return;
    }
    values.add(t.node(), static_cast<int>(ids.size()));
    ids.push_back(id);
  }

  // Adds the values of a node that is a view to ids.
  void views(const Node& n, const std::vector<int>& in) {
    std::vector<int64_t> at(n.n_outputs, 0);
    if (n.op->view_offsets) n.op->view_offsets(n.attrs.get(), ir.spec(in[0]), at);
    for (int k = 0; k < static_cast<int>(n.n_outputs); ++k) {
      const int base = in[n.op->view_each ? static_cast<size_t>(k) : 0];
      const Value& from = ir.values[static_cast<size_t>(base)];
      Value v;
      v.spec = n.out(k).spec;
      v.home = Home::view;
      v.base = ir.root(base);
      v.offset = from.offset + at[static_cast<size_t>(k)] * static_cast<int64_t>(size_of(v.spec.dtype));
      ids.push_back(ir.add(std::move(v)));
    }
  }

  bool same_elements(const Node& n, const std::vector<int>& in) const {
    if (!n.op->same_elements) return false;
    const Spec* specs[] = {&ir.spec(in[0])};
    return specs[0]->contiguous() && n.op->same_elements(Specs(specs), &n.out(0).spec);
  }

  // Adds a step without outputs.
  Step& step(const Op* op, Ref<Attrs> attrs, std::vector<int> in) {
    Step& s = ir.steps.emplace_back();
    s.op = op;
    s.attrs = std::move(attrs);
    s.in = std::move(in);
    return s;
  }
  int output(Step& s, const Spec& spec) {
    Value v;
    v.spec = spec;
    v.maker = static_cast<int>(ir.steps.size()) - 1;
    s.out.push_back(ir.add(std::move(v)));
    return s.out.back();
  }

  void node(Node* n) {
    if (!n->op)
      throw GraphError(
          "[compile] a tensor of another capture is used, where it has no value: what an earlier call has left in an "
          "attribute or a global is an argument and a result, or kept in a Buffer");
    std::vector<int> in;
    in.reserve(n->n_inputs);
    for (int i = 0; i < inputs_shown(*n); ++i) {
      const Edge& e = n->in(i);
      in.push_back(e.node ? value(Tensor(e.node, static_cast<int>(e.output))) : absent());
    }
    const int at = static_cast<int>(ids.size());
    int& own = values.add(n, at);
    own = at;
    if (!n->op->effect) {
      key_of(*n, in, key);
      own = made.add(key, at);
      if (own != at) return;
    }
    if (n->op->view || same_elements(*n, in)) return views(*n, in);
    Step& s = step(n->op, n->attrs, std::move(in));
    s.apart = n->apart;
    s.out.reserve(n->n_outputs);
    for (int i = 0; i < static_cast<int>(n->n_outputs); ++i) ids.push_back(output(s, n->out(i).spec));
    applied.push_back(n);
  }

  // n as rules of lowering see it: constants are symbols too, so that what is built on them is built once, as steps.
  Ref<Node> without_values(Node* n) {
    bool constants = false;
    for (int i = 0; i < static_cast<int>(n->n_inputs); ++i) constants |= n->in(i).node && !n->in(i).node->symbolic;
    if (!constants) return Ref<Node>::share(n);
    Ref<Node> copy = Node::make(n->op, static_cast<int>(n->n_inputs), static_cast<int>(n->n_outputs));
    copy->attrs = n->attrs;
    for (int i = 0; i < static_cast<int>(n->n_inputs); ++i) {
      const Edge& e = n->in(i);
      if (!e.node) continue;
      Tensor t(e.node, static_cast<int>(e.output));
      if (!t.symbolic()) {
        const int v = constant(t);
        Tensor& symbol = symbols[v];
        if (!symbol) {
          symbol = Tensor(Node::make(nullptr, 0, 1), 0);
          symbol.out().spec = t.spec();
          symbol.node()->symbolic = true;
          values.add(symbol.node(), static_cast<int>(ids.size()));
          ids.push_back(v);
        }
        t = symbol;
      }
      copy->connect(i, t, false);
    }
    return copy;
  }

  // How many steps of an op read a value as their input i.
  class Readers {
   public:
    int& operator()(const Op* op, int i, int value) {
      key_.clear();
      append(key_, op);
      append(key_, i);
      append(key_, value);
      return table_.add(key_, 0);
    }
    bool any() const { return !table_.empty(); }

   private:
    KeyTable table_;
    std::string key_;
  };

  // Steps whose ops have a rule of lowering become what that builds.
  void lower(const std::vector<Tensor>& roots) {
    Readers readers;
    for (const Step& s : ir.steps)
      for (int i = 0; s.op->lower && i < static_cast<int>(s.in.size()); ++i)
        ++readers(s.op, i, s.in[static_cast<size_t>(i)]);
    if (!readers.any()) return;
    std::vector<int> counts;
    std::vector<Step> steps;
    std::vector<Node*> nodes;
    steps.swap(ir.steps);
    nodes.swap(applied);
    made.clear();  // what is further down is not there yet
    for (size_t k = 0; k < steps.size(); ++k) {
      Step& s = steps[k];
      if (s.op->lower) {
        counts.clear();
        for (int i = 0; i < static_cast<int>(s.in.size()); ++i)
          counts.push_back(readers(s.op, i, s.in[static_cast<size_t>(i)]));
        RecordingGuard off(false);
        ApartScope scope(nodes[k]->apart);
        const Ref<Node> seen = without_values(nodes[k]);
        if (std::vector<Tensor> results = s.op->lower(LowerCall(*seen, counts)); !results.empty()) {
          for (Tensor& t : results)
            if (!t.spec().contiguous()) t = copy_of(t);
          for (Node* n : needed(results)) node(n);
          lowered.resize(ir.values.size(), -1);
          for (size_t i = 0; i < results.size(); ++i) lowered[static_cast<size_t>(s.out[i])] = value(results[i]);
          kept.insert(kept.end(), results.begin(), results.end());
          continue;
        }
      }
      for (int& v : s.in) v = now(v);
      ir.steps.push_back(std::move(s));
      applied.push_back(nodes[k]);
    }
    if (lowered.empty()) return ir.number_makers();
    for (Value& v : ir.values)
      if (v.base >= 0 && now(v.base) != v.base) {
        const int base = now(v.base);
        v.offset += ir.values[static_cast<size_t>(base)].offset;
        v.base = ir.root(base);
      }
    drop_unread(roots);
  }

  void drop_unread(const std::vector<Tensor>& roots) {
    std::vector<int> read;
    for (const Tensor& t : roots) read.push_back(value(t));
    ir.drop_unread(read);
  }

  // v, or a copy of it, as a value that a step makes and that nothing else claims.
  int claim(int v, Home home, int index) {
    const auto at = [&](int i) -> Value& { return ir.values[static_cast<size_t>(i)]; };
    const Value &given = at(v), &base = at(ir.root(v));
    // A view of all of what a step makes (detached, or reshaped) is claimed there.
    if (base.home == Home::arena && base.spec.dtype == given.spec.dtype && given.offset == 0 &&
        given.spec.contiguous() && ir.bytes(ir.root(v)) == ir.bytes(v))
      v = ir.root(v);
    if (at(v).home != Home::arena) {
      Spec spec;
      spec.dtype = given.spec.dtype;
      spec.shape = given.spec.shape;
      v = output(step(ops::kContiguous, {}, {v}), spec);
    }
    at(v).home = home;
    at(v).index = index;
    return v;
  }
};

}  // namespace

Ir build_ir(const Capture& capture, std::span<const Tensor> inputs, const std::vector<Tensor>& outputs) {
  std::vector<Tensor> roots = outputs;
  for (const auto& s : capture.slots)
    if (s.written) roots.push_back(s.current);
  roots.insert(roots.end(), capture.effects.begin(), capture.effects.end());
  Builder b{capture, {}};
  for (size_t i = 0; i < inputs.size(); ++i) b.leaf(inputs[i], Home::input, static_cast<int>(i));
  for (size_t i = 0; i < capture.slots.size(); ++i) b.leaf(capture.slots[i].symbol, Home::slot, static_cast<int>(i));
  for (Node* n : b.needed(roots)) b.node(n);
  b.lower(roots);
  // Written slots first: they may then be made in place, and an output that is the same value is a copy.
  for (size_t i = 0; i < capture.slots.size(); ++i) {
    const auto& s = capture.slots[i];
    if (!s.written || s.current.same(s.symbol)) continue;
    b.ir.commits.push_back({static_cast<int>(i), b.claim(b.value(s.current), Home::next, static_cast<int>(i))});
  }
  for (size_t i = 0; i < outputs.size(); ++i)
    b.ir.outputs.push_back(b.claim(b.value(outputs[i]), Home::output, static_cast<int>(i)));
  return std::move(b.ir);
}

}  // namespace bs
