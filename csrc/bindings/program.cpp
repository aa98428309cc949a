// bs.compile: captures a Python function once per signature, then runs its program.
#include "bindings/compiled.h"

#include <structmember.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "base/error.h"
#include "bindings/gil.h"
#include "bindings/nested.h"
#include "graph/apply.h"
#include "program/capture.h"

namespace bs::bindings {
namespace {

// Longer programs run without the interpreter's lock; handing it over costs about 0.1 us.
constexpr double kReleaseNanoseconds = 5e3;

struct Guard {
  py::object object, name, value;
};

// A captured signature.
struct Entry {
  std::vector<Leaf> leaves;
  std::string nesting;
  bool flat = false;  // only positional plain tensors
  bool recording = true;
  std::vector<Guard> guards;
  uint64_t epoch = 0;  // when the guards were last seen to hold
  std::shared_ptr<Program> program;
  std::vector<bool> severed;  // of outputs: they depend on something that requires a gradient
  py::object result;          // what the function returned; instances of placeholder_type stand for outputs
  bool single = false;        // it is one tensor

  bool guards_hold() {
    if (epoch == structure_epoch()) return true;
    const uint64_t now = structure_epoch();
    if (!program->fits_slots()) return false;
    for (const Guard& g : guards) {
      py::object value = py::reinterpret_steal<py::object>(PyObject_GetAttr(g.object.ptr(), g.name.ptr()));
      if (!value) throw py::error_already_set();
      const int equal = PyObject_RichCompareBool(value.ptr(), g.value.ptr(), Py_EQ);
      if (equal < 0) throw py::error_already_set();
      if (!equal) return false;
    }
    epoch = now;
    return true;
  }
};

// Guards of the capture that runs on this thread.
thread_local std::vector<Guard>* guards_of_capture = nullptr;

struct Compiled {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* fn;
  PyObject* dict;
  PyObject* weakrefs;
  bool keep_grads;
  std::vector<std::shared_ptr<Entry>>* entries;  // most recently used first
};
PyTypeObject* compiled_type = nullptr;
PyTypeObject* placeholder_type = nullptr;

Compiled* as_compiled(PyObject* o) { return reinterpret_cast<Compiled*>(o); }

// Runs fn on symbols for its tensor leaves. `args` and `kwargs` give the nesting.
std::shared_ptr<Entry> capture(Compiled* self, py::handle args, py::handle kwargs, std::vector<Leaf> leaves,
                               std::string nesting, bool flat) {
  auto entry = std::make_shared<Entry>();
  entry->leaves = std::move(leaves);
  entry->nesting = std::move(nesting);
  entry->flat = flat;
  entry->recording = recording();
  entry->epoch = structure_epoch();
  Capture cap;
  std::vector<Tensor> outputs;
  {
    CaptureScope scope(cap);
    struct GuardScope {
      std::vector<Guard>* before = guards_of_capture;
      explicit GuardScope(std::vector<Guard>* g) { guards_of_capture = g; }
      ~GuardScope() { guards_of_capture = before; }
    } guard_scope(&entry->guards);
    size_t next = 0;
    auto symbol = [&](py::handle o) -> py::object {
      const Leaf& leaf = entry->leaves[next++];
      if (!leaf.tensor) return py::reinterpret_borrow<py::object>(o);
      return py::reinterpret_steal<py::object>(wrap(cap.input(leaf.spec, leaf.requires_grad)));
    };
    py::object call_args = map_leaves(args, symbol);
    py::object call_kwargs = kwargs && !kwargs.is_none() ? map_leaves(kwargs, symbol) : py::object(py::dict());
    py::object result =
        owned(unless_python_ends([&] { return PyObject_Call(self->fn, call_args.ptr(), call_kwargs.ptr()); }));
    auto take = [&](py::handle o) -> py::object {
      if (!is_tensor(o.ptr()) || slot_of(o.ptr())) return py::reinterpret_borrow<py::object>(o);
      outputs.push_back(unwrap(o.ptr()));
      entry->severed.push_back(outputs.back().requires_grad());
      // A marker: an empty instance of a type of our own.
      return owned(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(placeholder_type)));
    };
    entry->single = is_tensor(result.ptr()) && !slot_of(result.ptr());
    entry->result = map_leaves(result, take);
  }
  RecordingGuard off(false);
  entry->program = std::make_shared<Program>(cap, outputs, self->keep_grads);
  // A tensor leaf is needed for its spec alone from here on.
  for (Leaf& leaf : entry->leaves)
    if (leaf.tensor) leaf.object = py::object();
  return entry;
}

py::object run(Entry& entry, std::span<char* const> inputs) {
  std::shared_ptr<Program> program = entry.program;
  std::vector<Tensor> results;
  if (program->cost() > kReleaseNanoseconds || program->calls_host()) {
    GilRelease release;
    results = program->run(inputs);
  } else {
    results = program->run(inputs);
  }
  for (size_t i = 0; i < results.size(); ++i)
    if (entry.severed[i]) results[i].node()->severed = results[i].node()->requires_grad = true;
  if (entry.single) return py::reinterpret_steal<py::object>(wrap(std::move(results[0])));
  size_t next = 0;
  auto put = [&](py::handle o) -> py::object {
    if (Py_TYPE(o.ptr()) != placeholder_type) return py::reinterpret_borrow<py::object>(o);
    return py::reinterpret_steal<py::object>(wrap(results[next++]));
  };
  return map_leaves(entry.result, put);
}

// Moves entry k to the front.
void use(Compiled* self, size_t k) {
  auto& e = *self->entries;
  if (k > 0)
    std::rotate(e.begin(), e.begin() + static_cast<std::ptrdiff_t>(k), e.begin() + static_cast<std::ptrdiff_t>(k) + 1);
}

constexpr size_t kMaxEntries = 64;  // signatures kept per function: the least recently used one goes

void remember(Compiled* self, std::shared_ptr<Entry> entry) {
  self->entries->insert(self->entries->begin(), std::move(entry));
  if (self->entries->size() > kMaxEntries) self->entries->pop_back();
}

constexpr size_t kFlatArgs = 16;

// All arguments are plain tensors with values: no Python objects are made on the way.
bool call_flat(Compiled* self, PyObject* const* args, size_t n, py::object* result) {
  auto& entries = *self->entries;
  for (size_t k = 0; k < entries.size(); ++k) {
    std::shared_ptr<Entry> entry = entries[k];
    if (!entry->flat || entry->leaves.size() != n || entry->recording != recording()) continue;
    char* inputs[kFlatArgs];
    bool fits = true;
    for (size_t i = 0; fits && i < n; ++i) {
      const Tensor& t = as_tensor(args[i])->t;
      const Leaf& leaf = entry->leaves[i];
      fits = t.dtype() == leaf.spec.dtype && t.shape() == leaf.spec.shape && t.requires_grad() == leaf.requires_grad;
      if (!fits) break;
      if (t.node()->severed && recording()) refuse_severed("compile");
      inputs[i] = t.data();
    }
    if (!fits || !entry->guards_hold()) continue;
    use(self, k);
    *result = run(*entry, std::span<char* const>(inputs, n));
    return true;
  }
  return false;
}

py::object call_any(Compiled* self, py::handle args, py::handle kwargs) {
  std::vector<Leaf> leaves;
  std::vector<Tensor> tensors;
  auto collect = [&](py::handle o) -> py::object {
    Leaf leaf;
    leaf.object = py::reinterpret_borrow<py::object>(o);
    const bool array = py::isinstance<py::array>(o);
    if (array || (is_tensor(o.ptr()) && !slot_of(o.ptr()))) {
      Tensor t =
          array ? from_array(py::reinterpret_borrow<py::array>(o), nullptr, true, "compile") : unwrap_value(o.ptr());
      leaf.tensor = true;
      leaf.spec.dtype = t.dtype();
      leaf.spec.shape = t.shape();
      leaf.requires_grad = t.requires_grad();
      if (t.node()->severed && recording()) refuse_severed("compile");
      if (!t.spec().contiguous()) {
        RecordingGuard off(false);
        t = apply(*find_op("contiguous"), {t});
      }
      tensors.push_back(std::move(t));
    } else if (!is_tensor(o.ptr())) {
      check_constant(o);
    }
    leaves.push_back(std::move(leaf));
    return py::none();
  };
  map_leaves(args, collect);
  std::string nesting;
  describe_nesting(args, nesting);
  if (kwargs && !kwargs.is_none()) {
    map_leaves(kwargs, collect);
    describe_nesting(kwargs, nesting);
  }
  std::vector<char*> inputs;
  for (const Tensor& t : tensors) inputs.push_back(t.data());

  auto& entries = *self->entries;
  for (size_t k = 0; k < entries.size(); ++k) {
    std::shared_ptr<Entry> entry = entries[k];
    if (entry->recording != recording() || entry->nesting != nesting || entry->leaves.size() != leaves.size()) continue;
    if (!std::equal(leaves.begin(), leaves.end(), entry->leaves.begin(),
                    [](const Leaf& a, const Leaf& b) { return a.matches(b); }))
      continue;
    if (!entry->guards_hold()) continue;
    use(self, k);
    return run(*entry, inputs);
  }
  const bool flat = (!kwargs || kwargs.is_none()) && py::len(args) <= kFlatArgs &&
                    std::all_of(leaves.begin(), leaves.end(), [](const Leaf& l) { return l.tensor; }) &&
                    std::none_of(args.begin(), args.end(), [](py::handle a) { return is_container(a.ptr()); });
  std::shared_ptr<Entry> entry = capture(self, args, kwargs, std::move(leaves), std::move(nesting), flat);
  remember(self, entry);
  return run(*entry, inputs);
}

PyObject* vectorcall(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* names) {
  Compiled* self = as_compiled(o);
  // Inside another capture the function is part of that one.
  if (current_capture()) return PyObject_Vectorcall(self->fn, args, nargsf, names);
  return guarded([&]() -> PyObject* {
    const size_t n = static_cast<size_t>(PyVectorcall_NARGS(nargsf));
    bool flat = !names && n <= kFlatArgs;
    for (size_t i = 0; flat && i < n; ++i) {
      flat = is_tensor(args[i]) && !as_tensor(args[i])->slot && as_tensor(args[i])->t.has_value() &&
             as_tensor(args[i])->t.spec().contiguous();
    }
    py::object result;
    if (flat && call_flat(self, args, n, &result)) return result.release().ptr();
    py::tuple positional(n);
    for (size_t i = 0; i < n; ++i) positional[i] = py::reinterpret_borrow<py::object>(args[i]);
    py::object named = py::none();
    if (names && PyTuple_GET_SIZE(names)) {
      py::dict d;
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i)
        d[py::handle(PyTuple_GET_ITEM(names, i))] = py::handle(args[n + static_cast<size_t>(i)]);
      named = d;
    }
    return call_any(self, positional, named).release().ptr();
  });
}

// ---- the type ------------------------------------------------------------------------------------------------

int traverse(PyObject* o, visitproc visit, void* arg) {
  Compiled* self = as_compiled(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self->fn);
  Py_VISIT(self->dict);
  if (self->entries)
    for (const auto& e : *self->entries) {
      if (e.use_count() > 1) continue;  // in use by a call: its references are not ours alone
      for (const Leaf& leaf : e->leaves) Py_VISIT(leaf.object.ptr());
      for (const Guard& g : e->guards) {
        Py_VISIT(g.object.ptr());
        Py_VISIT(g.value.ptr());
      }
      Py_VISIT(e->result.ptr());
    }
  return 0;
}

int clear(PyObject* o) {
  Compiled* self = as_compiled(o);
  Py_CLEAR(self->fn);
  Py_CLEAR(self->dict);
  if (self->entries) self->entries->clear();
  return 0;
}

void dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  Compiled* self = as_compiled(o);
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  clear(o);
  delete self->entries;
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* bind_method(PyObject* self, PyObject* instance, PyObject*) {
  if (!instance || instance == Py_None) return Py_NewRef(self);
  return PyMethod_New(self, instance);
}

// For people and tests: what each program is made of.
PyObject* programs(PyObject* o, void*) {
  return guarded([&] {
    py::list made;
    for (const auto& e : *as_compiled(o)->entries) {
      const Program::Plan plan = e->program->plan();
      py::dict d;
      d["text"] = plan.text;
      d["arena_bytes"] = plan.arena_bytes;
      d["nanoseconds"] = e->program->cost();
      py::list phases;
      for (const Phase& p : plan.phases) {
        py::dict phase;
        phase["steps"] = p.last - p.first;
        phase["parallel"] = p.parallel;
        phase["nanoseconds"] = p.cost;
        phases.append(phase);
      }
      d["phases"] = phases;
      made.append(d);
    }
    return made.release().ptr();
  });
}

PyObject* wrapped(PyObject* o, void*) { return Py_NewRef(as_compiled(o)->fn); }

PyGetSetDef getset[] = {
    {"programs", programs, nullptr,
     "One dict per captured signature: text, arena_bytes, nanoseconds (planned), and of each of its phases "
     "steps, nanoseconds, and whether all threads share it. As planned for the threads of the last run.",
     nullptr},
    {"__wrapped__", wrapped, nullptr, "The function that is compiled.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(Compiled, vectorcall), READONLY, nullptr},
                         {"__dictoffset__", T_PYSSIZET, offsetof(Compiled, dict), READONLY, nullptr},
                         {"__weaklistoffset__", T_PYSSIZET, offsetof(Compiled, weakrefs), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                       {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                       {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                       {Py_tp_clear, reinterpret_cast<void*>(clear)},
                       {Py_tp_descr_get, reinterpret_cast<void*>(bind_method)},
                       {Py_tp_getset, getset},
                       {Py_tp_members, members},
                       {Py_tp_doc, const_cast<char*>("A compiled function: made by bs.compile.")},
                       {0, nullptr}};
PyType_Spec spec{
    "backsweep._core.CompiledFunction", sizeof(Compiled), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

PyType_Slot placeholder_slots[] = {{0, nullptr}};
PyType_Spec placeholder_spec{"backsweep._core._Output", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT, placeholder_slots};

py::object compile(py::object fn, bool keep_grads) {
  if (fn.is_none()) {
    // @bs.compile(keep_grads=True)
    return py::cpp_function([keep_grads](py::object f) { return compile(f, keep_grads); });
  }
  if (!PyCallable_Check(fn.ptr())) throw py::type_error(cat("[compile] ", type_name(fn.ptr()), " is not callable"));
  py::object made = py::reinterpret_steal<py::object>(compiled_type->tp_alloc(compiled_type, 0));
  if (!made) throw py::error_already_set();
  Compiled* self = as_compiled(made.ptr());
  self->vectorcall = vectorcall;
  self->fn = fn.inc_ref().ptr();
  self->keep_grads = keep_grads;
  self->entries = new std::vector<std::shared_ptr<Entry>>;
  for (const char* name : {"__name__", "__qualname__", "__doc__", "__module__"})
    if (py::hasattr(fn, name)) py::setattr(made, name, fn.attr(name));
  return made;
}

void guard(py::object object, py::object name) {
  if (!guards_of_capture) throw GraphError("[guard] nothing is being captured");
  for (const Guard& g : *guards_of_capture)
    if (g.object.is(object) && g.name.equal(name)) return;
  py::object value = object.attr(name);
  guards_of_capture->push_back({object, name, value});
}

}  // namespace

std::shared_ptr<Program> program_for(py::handle fn, const std::vector<Spec>& args) {
  if (Py_TYPE(fn.ptr()) != compiled_type)
    throw GraphError(cat("[Trainer] step is ", type_name(fn.ptr()), ", not a compiled function"));
  Compiled* self = as_compiled(fn.ptr());
  std::vector<Leaf> leaves;
  py::tuple positional(args.size());
  for (size_t i = 0; i < args.size(); ++i) {
    Leaf leaf;
    leaf.tensor = true;
    leaf.spec = args[i];
    leaves.push_back(leaf);
    positional[i] = py::none();
  }
  for (size_t k = 0; k < self->entries->size(); ++k) {  // guards run Python, which may add entries
    const std::shared_ptr<Entry> e = (*self->entries)[k];
    if (e->flat && e->recording == recording() && e->leaves.size() == leaves.size() &&
        std::equal(leaves.begin(), leaves.end(), e->leaves.begin(),
                   [](const Leaf& a, const Leaf& b) { return a.matches(b); }) &&
        e->guards_hold())
      return e->program;
  }
  std::string nesting;
  describe_nesting(positional, nesting);
  std::shared_ptr<Entry> entry = capture(self, positional, py::none(), std::move(leaves), std::move(nesting), true);
  remember(self, entry);
  return entry->program;
}

void register_program(py::module_& m) {
  compiled_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
  placeholder_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&placeholder_spec)));
  m.attr("CompiledFunction") = py::handle(reinterpret_cast<PyObject*>(compiled_type));
  m.def("compile", &compile, py::arg("fn") = py::none(), py::kw_only(), py::arg("keep_grads") = false,
        "Compile a function of tensors: the first call with new shapes captures the ops that it uses, forward, "
        "backward and "
        "update, as one program, which later calls run without Python.\n\nTensors (and NumPy arrays) among the "
        "arguments are "
        "inputs; other arguments, and what the function reads from elsewhere, are fixed at capture, except parameters, "
        "buffers "
        "and hyperparameters, which are read at each call. .grad is kept only with keep_grads=True.");
  m.def("guard", &guard, py::arg("object"), py::arg("name"),
        "While a function is captured: its program may be reused only as long as object.name compares equal to its "
        "value now.");
  m.def("is_capturing", [] { return current_capture() != nullptr; }, "Whether bs.compile records on this thread.");
}

}  // namespace bs::bindings
