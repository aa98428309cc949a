// Capture: a Python function run on symbols, and what its program relies on.
#include "program/capture.h"

#include <algorithm>

#include "base/error.h"
#include "bindings/autodiff.h"
#include "bindings/compiled.h"
#include "bindings/gil.h"
#include "bindings/names.h"
#include "bindings/size.h"
#include "graph/apply.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

// Longer programs run without the interpreter's lock; handing it over costs about 0.1 us.
constexpr double kReleaseNanoseconds = 5e3;

// Guards of the capture that runs on this thread.
thread_local std::vector<Guard>* guards_of_capture = nullptr;

class GuardScope {
 public:
  explicit GuardScope(std::vector<Guard>* g) { guards_of_capture = g; }
  ~GuardScope() { guards_of_capture = before_; }
  GuardScope(const GuardScope&) = delete;
  GuardScope& operator=(const GuardScope&) = delete;

 private:
  std::vector<Guard>* before_ = guards_of_capture;
};

// What rules of units have read.
struct Guards : Reliance {
  std::vector<Guard> list;

  ~Guards() override {
    if (interpreter_ends()) {
      new std::vector<Guard>(std::move(list));
      return;
    }
    GilAcquire gil;
    list.clear();
  }
  bool holds() override {
    GilAcquire gil;
    return std::all_of(list.begin(), list.end(), [](Guard& g) { return g.holds(); });
  }
};

void guard(py::object object, py::object name) {
  if (!guards_of_capture) {
    if (current_capture()) return;  // a derivative is traced, of what has its guards
    throw GraphError("[guard] nothing is being captured");
  }
  for (const Guard& g : *guards_of_capture)
    if (g.object.is(object) && g.name.equal(name)) return;
  py::object value = object.attr(name);
  guards_of_capture->push_back({Guard::Kind::attribute, object, name, value, py::str("")});
}

// Of a function that may run eagerly: what becomes of a capture that fails.
class Fallback {
 public:
  explicit Fallback(Compiled* self) : self_(self) {
    static PyObject* const keep = imported("backsweep._compile", "keep_generators");
    if (self->fallback) restore_ = owned(PyObject_CallNoArgs(keep));
  }
  // Whether the call runs eagerly, from the start; Python's and NumPy's generators are as before the capture (ours
  // are slots, which a capture does not write).
  bool takes(const py::error_already_set& error) {
    static PyObject* const graph_error = imported("backsweep._core", "GraphError");
    static PyObject* const warn = imported("backsweep._compile", "warn_of_fallback");
    if (!restore_ || !error.matches(graph_error)) return false;
    restore_();
    owned(PyObject_CallFunctionObjArgs(warn, self_->fn, error.value().ptr(),
                                       error.trace() ? error.trace().ptr() : Py_None, nullptr));
    return true;
  }

 private:
  Compiled* self_;
  py::object restore_;
};

// From here on a tensor is needed for its spec alone.
void let_go_of_arguments(const std::shared_ptr<Entry>& entry) {
  py::object gone;
  for (Leaf& leaf : entry->leaves) {
    if (leaf.tensor) {
      leaf.object = py::object();
    } else if (!is_tensor(leaf.object.ptr())) {
      if (!gone)
        gone = py::cpp_function([e = std::weak_ptr<Entry>(entry)](py::handle) {
          if (const auto held = e.lock()) held->give_up();
        });
      leaf.hold_weakly(gone);
    }
  }
}

}  // namespace

py::object call_rule(const py::object& fn, const py::tuple& args) {
  const auto call = [&] {
    return owned(unless_python_ends([&] { return PyObject_CallObject(fn.ptr(), args.ptr()); }));
  };
  auto* capture = dynamic_cast<Capture*>(current_capture());
  if (!capture || !capture->traces_derivative) return call();
  auto guards = std::make_shared<Guards>();
  GuardScope scope(&guards->list);
  Watch watch(fn, py::tuple());
  py::object result = call();
  watch.take(guards->list, guards->list);
  capture->reliances.push_back(std::move(guards));
  return result;
}

void Entry::set_traced(std::shared_ptr<Traced> made) {
  traced = std::move(made);
  const std::shared_ptr<Program> program = traced->program();
  brief = program->cost() <= kReleaseNanoseconds && !program->calls_host();
}

bool Entry::guards_hold(py::object* changed) {
  if (eager) return true;
  const auto hold = [&](std::vector<Guard>& some) {
    return std::all_of(some.begin(), some.end(), [&](Guard& g) {
      const bool holds = g.holds();
      if (!holds) *changed = g.label();
      return holds;
    });
  };
  if (!hold(guards)) return false;
  if (epoch == structure_epoch()) return true;
  const uint64_t now = structure_epoch();
  if (!traced->program()->fits_slots() || !hold(structure)) return false;
  epoch = now;
  return true;
}

void Entry::give_up() {
  guards.clear();
  structure.clear();
  traced.reset();
  tape.reset();
  result = py::object();
  hidden.clear();
  stores.clear();
}

namespace {

// What is hidden is given as symbols while it lives.
class Disguise {
 public:
  template <class Fn>
  Disguise(const std::vector<Hidden>& hidden, Fn& symbol) : hidden_(hidden) {
    for (const Hidden& h : hidden) {
      before_.push_back(h.now());
      h.set(map_leaves(before_.back(), symbol));
    }
  }
  ~Disguise() {
    for (size_t i = 0; i < before_.size(); ++i) try {
        hidden_[i].set(before_[i]);
      } catch (py::error_already_set& error) {
        error.discard_as_unraisable("a captured function");
      }
  }
  Disguise(const Disguise&) = delete;
  Disguise& operator=(const Disguise&) = delete;

 private:
  const std::vector<Hidden>& hidden_;
  std::vector<py::object> before_;
};

// Of what the function has set: what the library keeps for it, and attributes and the like that hold symbols now.
py::list with_symbols(const py::list& assigned) {
  py::list made;
  for (py::handle a : assigned)
    if (py::cast<std::string>(a.attr("kind")) == "kept" || holds_symbol(a.attr("value"))) made.append(a);
  return made;
}

// Those that are not hidden.
py::list unknown(const py::list& assigned, const std::vector<Hidden>& hidden) {
  py::list made;
  for (py::handle a : assigned)
    if (std::none_of(hidden.begin(), hidden.end(), [&](const Hidden& h) {
          return h.assigned.attr("object").is(a.attr("object")) && h.assigned.attr("name").equal(a.attr("name"));
        }))
      made.append(a);
  return made;
}

// Adds what holds symbols now, held tensors before, and was read then. False where all of that is known.
bool find_hidden(const py::list& with_symbols, std::vector<Hidden>& hidden) {
  bool found = false;
  for (py::handle a : with_symbols) {
    if (!py::cast<bool>(a.attr("read")) || !holds_value(a.attr("before"))) continue;
    Hidden h{py::reinterpret_borrow<py::object>(a), {}};
    describe_nesting(a.attr("before"), h.nesting);
    hidden.push_back(std::move(h));
    found = true;
  }
  return found;
}

// An argument that is written may be given twice, but not be part of another one.
void refuse_shared(const std::vector<py::object>& objects, size_t written) {
  for (size_t i = 0; i < objects.size(); ++i)
    if (PyObject* a = objects[i].ptr(), *b = objects[written].ptr();
        a && b && a != b && is_tensor(a) && is_tensor(b) && share_storage(a, b))
      throw GraphError(cat("[compile] the function writes to a tensor (argument ", written,
                           ") that shares its memory with another one (argument ", i,
                           "): give it one of them, and take the other as a view of it inside"));
}

// One run of the function. `hidden` grows, and nothing is given back, where it is to run again.
std::shared_ptr<Entry> run_once(Compiled* self, py::handle args, py::handle kwargs, std::vector<Leaf> leaves,
                                std::string& nesting, bool flat, std::vector<Hidden>& hidden) {
  auto entry = std::make_shared<Entry>();
  entry->n_given = leaves.size();
  entry->leaves = std::move(leaves);
  entry->hidden = hidden;
  collect_hidden(*entry, &entry->leaves, nullptr);
  std::vector<py::object> objects;
  for (const Leaf& leaf : entry->leaves) objects.push_back(leaf.object);
  const std::string aliased = aliases(objects);
  entry->nesting = nesting;
  entry->flat = flat && hidden.empty() && !(self->writes && !aliased.empty());
  entry->recording = recording();
  entry->epoch = structure_epoch();
  struct Recording {
    std::shared_ptr<Tape> tape = std::make_shared<Tape>();
    ~Recording() { tape->end(); }  // Sizes that somebody keeps keep the tape
  } recorded;
  Capture cap;
  cap.tape = recorded.tape.get();
  std::vector<Tensor> outputs;
  size_t n_results;
  bool returns_argument = false;
  {
    CaptureScope scope(cap);
    GuardScope guard_scope(&entry->structure);
    py::list constants;
    for (size_t i = 0; i < entry->n_given; ++i)
      if (!entry->leaves[i].tensor) constants.append(entry->leaves[i].object);
    std::vector<py::object> symbols(entry->leaves.size());  // of those that are tensors
    size_t next = 0;
    auto symbol = [&](py::handle o) -> py::object {
      const Leaf& leaf = entry->leaves[next++];
      if (!leaf.tensor) return py::reinterpret_borrow<py::object>(o);
      py::object& made = symbols[next - 1];
      made = py::reinterpret_steal<py::object>(wrap(cap.input(leaf.spec, leaf.requires_grad)));
      for (size_t i = 0; self->writes && i + 1 < next; ++i)  // one tensor given twice
        if (symbols[i] && objects[i].is(objects[next - 1]) && is_tensor(objects[i].ptr())) made = symbols[i];
      return made;
    };
    py::object call_args = map_leaves(args, symbol);
    py::object call_kwargs = kwargs && !kwargs.is_none() ? map_leaves(kwargs, symbol) : py::object(py::dict());
    Disguise disguise(hidden, symbol);
    Watch watch(self->fn, constants);
    let_go_of_arguments(entry);
    Fallback fallback(self);
    py::object result;
    try {
      result = owned(unless_python_ends([&] { return PyObject_Call(self->fn, call_args.ptr(), call_kwargs.ptr()); }));
    } catch (py::error_already_set& error) {
      const py::list assigned = watch.assigned();
      if (!fallback.takes(error)) {
        watch.undo(with_symbols(assigned));
        throw;
      }
      watch.undo(assigned);  // as the function runs again
      entry->eager = true;
      return entry;
    }
    const py::list assigned = watch.assigned();
    if (find_hidden(unknown(with_symbols(assigned), hidden), hidden) || cap.again) {
      watch.undo(assigned);
      return nullptr;
    }
    watch.undo(assigned);
    py::list inputs;
    for (const Hidden& h : hidden) inputs.append(h.assigned);
    watch.given(inputs, assigned);
    watch.take(entry->guards, entry->structure);
    entry->structure.push_back(guard_of_hooks());
    auto take = [&](py::handle o) -> py::object {
      if (!is_tensor(o.ptr()) || slot_of(o.ptr())) return without_size(o.ptr());
      for (size_t i = 0; i < symbols.size(); ++i)
        if (o.is(symbols[i])) {
          returns_argument = true;
          return placeholder(static_cast<int>(i));
        }
      outputs.push_back(unwrap(o.ptr()));
      return placeholder();
    };
    entry->result = map_leaves(result, take);
    entry->single = outputs.size() == 1 && is_placeholder(entry->result.ptr());
    n_results = outputs.size();
    for (size_t i = 0, input = 0; i < symbols.size(); ++i) {
      if (!symbols[i]) continue;
      Tensor now = unwrap(symbols[i].ptr());
      const bool known = std::find_if(symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(i),
                                      [&](const py::object& s) { return s.is(symbols[i]); }) !=
                         symbols.begin() + static_cast<std::ptrdiff_t>(i);
      if (now.same(cap.inputs[input++]) || known) continue;
      if (now.node()->cell) now = ops::detach(now);  // the same leaf
      outputs.push_back(std::move(now));
      entry->stores.emplace_back().leaf = i;
    }
    entry->writes = !entry->stores.empty();
    for (const Store& store : entry->stores) refuse_shared(objects, store.leaf);
    if (entry->writes && !self->writes) {
      self->writes = true;
      if (!aliased.empty()) {
        nesting += aliased;
        return nullptr;
      }
    }
    auto as_is = [](py::handle o) { return without_size(o.ptr()); };
    for (py::handle a : assigned) {
      Store& store = entry->stores.emplace_back();
      store.object = a.attr("object");
      store.kind = PyCell_Check(store.object.ptr()) ? Store::Kind::cell : Store::Kind::item;
      store.name = a.attr("name");
      store.structure = a.attr("structure");
      const py::object value = a.attr("value");
      store.value = holds_symbol(value) ? map_leaves(value, take) : map_leaves(value, as_is);
    }
    recorded.tape->results(outputs);
    cap.tape = nullptr;
    if (!recorded.tape->given_up()) entry->tape = recorded.tape;
  }
  std::shared_ptr<Traced> like;
  for (const auto& e : *self->entries)
    if (!like && e->traced && e->traced->carries() && e->nesting == entry->nesting) like = e->traced;
  entry->n_results = n_results;
  entry->puts_back = !entry->stores.empty() || returns_argument;
  entry->set_traced(
      Traced::make(std::move(cap), std::move(outputs), n_results, self->keep_grads, self->budget, like.get()));
  return entry;
}

}  // namespace

std::shared_ptr<Entry> capture(Compiled* self, py::handle args, py::handle kwargs, std::vector<Leaf> leaves,
                               std::string nesting, bool flat) {
  std::vector<Hidden> hidden;
  while (true)
    if (auto entry = run_once(self, args, kwargs, leaves, nesting, flat, hidden)) return entry;
}

std::shared_ptr<Entry> replay(Compiled* self, const Entry& entry, const std::vector<Leaf>& leaves) {
  Capture cap;
  for (const Leaf& leaf : leaves)
    if (leaf.tensor) cap.input(leaf.spec, leaf.requires_grad);
  if (!entry.tape->may_fit(cap.inputs)) return nullptr;
  std::optional<std::vector<Tensor>> outputs;
  try {
    CaptureScope scope(cap);
    outputs = entry.tape->replay(cap.inputs);
  } catch (const std::exception&) {
    return nullptr;  // the function itself may go another way, or says better what is wrong
  }
  if (!outputs) return nullptr;
  auto made = std::make_shared<Entry>(entry);
  made->leaves = leaves;
  made->resting = false;
  let_go_of_arguments(made);
  made->set_traced(Traced::make(std::move(cap), std::move(*outputs), entry.n_results, self->keep_grads, self->budget,
                                entry.traced.get()));
  return made;
}

void register_capture(py::module_& m) {
  register_stores();
  m.def("guard", &guard, py::arg("object"), py::arg("name"),
        "While a function is captured: its program may be reused only as long as object.name compares equal to its "
        "value now.");
  m.def("is_capturing", [] { return current_capture() != nullptr; }, "Whether bs.compile records on this thread.");
}

}  // namespace bs::bindings
