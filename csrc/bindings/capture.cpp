// Capture: a Python function run on symbols, and what its program relies on.
#include "program/capture.h"

#include <algorithm>

#include "base/error.h"
#include "bindings/compiled.h"
#include "bindings/gil.h"
#include "bindings/size.h"
#include "graph/apply.h"

namespace bs::bindings {
namespace {

// Longer programs run without the interpreter's lock; handing it over costs about 0.1 us.
constexpr double kReleaseNanoseconds = 5e3;

// Guards of the capture that runs on this thread.
thread_local std::vector<Guard>* guards_of_capture = nullptr;

PyTypeObject* placeholder_type = nullptr;
PyType_Slot placeholder_slots[] = {{0, nullptr}};
PyType_Spec placeholder_spec{"backsweep._core._Output", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT, placeholder_slots};

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

py::object placeholder() { return owned(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(placeholder_type))); }
bool is_placeholder(PyObject* o) { return Py_TYPE(o) == placeholder_type; }

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
}

std::shared_ptr<Entry> capture(Compiled* self, py::handle args, py::handle kwargs, std::vector<Leaf> leaves,
                               std::string nesting, bool flat) {
  auto entry = std::make_shared<Entry>();
  entry->leaves = std::move(leaves);
  entry->nesting = std::move(nesting);
  entry->flat = flat;
  entry->recording = recording();
  entry->epoch = structure_epoch();
  struct Recording {
    std::shared_ptr<Tape> tape = std::make_shared<Tape>();
    ~Recording() { tape->end(); }  // Sizes that somebody keeps keep the tape
  } recorded;
  Capture cap;
  cap.tape = recorded.tape.get();
  std::vector<Tensor> outputs;
  {
    CaptureScope scope(cap);
    GuardScope guard_scope(&entry->structure);
    py::list constants;
    for (const Leaf& leaf : entry->leaves)
      if (!leaf.tensor) constants.append(leaf.object);
    Watch watch(self->fn, constants);
    size_t next = 0;
    auto symbol = [&](py::handle o) -> py::object {
      const Leaf& leaf = entry->leaves[next++];
      if (!leaf.tensor) return py::reinterpret_borrow<py::object>(o);
      return py::reinterpret_steal<py::object>(wrap(cap.input(leaf.spec, leaf.requires_grad)));
    };
    py::object call_args = map_leaves(args, symbol);
    py::object call_kwargs = kwargs && !kwargs.is_none() ? map_leaves(kwargs, symbol) : py::object(py::dict());
    let_go_of_arguments(entry);
    Fallback fallback(self);
    py::object result;
    try {
      result = owned(unless_python_ends([&] { return PyObject_Call(self->fn, call_args.ptr(), call_kwargs.ptr()); }));
    } catch (py::error_already_set& error) {
      if (!fallback.takes(error)) throw;
      entry->eager = true;
      return entry;
    }
    watch.take(entry->guards, entry->structure);
    auto take = [&](py::handle o) -> py::object {
      if (!is_tensor(o.ptr()) || slot_of(o.ptr())) return without_size(o.ptr());
      outputs.push_back(unwrap(o.ptr()));
      return placeholder();
    };
    entry->single = is_tensor(result.ptr()) && !slot_of(result.ptr());
    entry->result = map_leaves(result, take);
    recorded.tape->results(outputs);
    cap.tape = nullptr;
    if (!recorded.tape->given_up()) entry->tape = recorded.tape;
  }
  std::shared_ptr<Traced> like;
  for (const auto& e : *self->entries)
    if (!like && e->traced && e->traced->carries() && e->nesting == entry->nesting) like = e->traced;
  entry->set_traced(Traced::make(std::move(cap), std::move(outputs), self->keep_grads, self->budget, like.get()));
  return entry;
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
  made->set_traced(
      Traced::make(std::move(cap), std::move(*outputs), self->keep_grads, self->budget, entry.traced.get()));
  return made;
}

void register_capture(py::module_& m) {
  placeholder_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&placeholder_spec)));
  m.def("guard", &guard, py::arg("object"), py::arg("name"),
        "While a function is captured: its program may be reused only as long as object.name compares equal to its "
        "value now.");
  m.def("is_capturing", [] { return current_capture() != nullptr; }, "Whether bs.compile records on this thread.");
}

}  // namespace bs::bindings
