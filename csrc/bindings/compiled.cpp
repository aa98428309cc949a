// bs.compile: the type of compiled functions.
#include "bindings/compiled.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "base/error.h"
#include "graph/apply.h"
#include "program/capture.h"

namespace bs::bindings {
namespace {

PyTypeObject* compiled_type = nullptr;

int traverse(PyObject* o, visitproc visit, void* arg) {
  Compiled* self = as_compiled(o);
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(self->fn);
  Py_VISIT(self->dict);
  Py_VISIT(self->changed);
  if (self->entries)
    for (const auto& e : *self->entries) {
      if (e.use_count() > 1) continue;  // in use by a call: its references are not ours alone
      for (const Leaf& leaf : e->leaves) Py_VISIT(leaf.object.ptr());
      for (const auto* guards : {&e->guards, &e->structure})
        for (const Guard& g : *guards)
          if (const int stop = g.visit(visit, arg)) return stop;
      Py_VISIT(e->result.ptr());
      for (const Hidden& h : e->hidden) Py_VISIT(h.assigned.ptr());
      for (const Store& s : e->stores)
        for (const py::object* o : {&s.object, &s.value}) Py_VISIT(o->ptr());
    }
  return 0;
}

int clear(PyObject* o) {
  Compiled* self = as_compiled(o);
  Py_CLEAR(self->fn);
  Py_CLEAR(self->dict);
  Py_CLEAR(self->changed);
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

PyObject* programs(PyObject* o, void*) {
  return guarded([&] {
    py::list made;
    for (const auto& e : *as_compiled(o)->entries)
      if (e->traced) made.append(describe(e->traced->program()));
    return made.release().ptr();
  });
}

PyObject* program(PyObject* o, PyObject* args, PyObject* kwargs) {
  return guarded([&] {
    const py::object named = kwargs ? py::reinterpret_borrow<py::object>(kwargs) : py::none();
    return describe(program_of_call(as_compiled(o), args, named)).release().ptr();
  });
}

PyObject* cache_info(PyObject* o, PyObject*) {
  return guarded([&] {
    static PyObject* const type = imported("backsweep._compile", "CacheInfo");
    const Compiled& c = *as_compiled(o);
    const auto used =
        std::count_if(c.entries->begin(), c.entries->end(), [](const auto& e) { return e->traced || e->eager; });
    return py::handle(type)(c.hits, c.misses, c.reshaped, c.cache_size, used).release().ptr();
  });
}

PyObject* cache_clear(PyObject* o, PyObject*) {
  Compiled* self = as_compiled(o);
  const std::vector<std::shared_ptr<Entry>> gone = std::move(*self->entries);  // what goes may call Python
  self->entries->clear();
  self->hits = self->misses = self->reshaped = 0;
  Py_RETURN_NONE;
}

PyObject* wrapped(PyObject* o, void*) { return Py_NewRef(as_compiled(o)->fn); }

PyGetSetDef getset[] = {
    {"programs", programs, nullptr, "The program of each captured signature, the last used first.", nullptr},
    {"__wrapped__", wrapped, nullptr, "The function that is compiled.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef compiled_methods[] = {
    {"program", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(program)), METH_VARARGS | METH_KEYWORDS,
     "The program that a call with these arguments runs: captured and planned if it is new, not run.\n\nIts memory is "
     "known from then on: `step.program(x, y).memory.peak`."},
    {"cache_info", cache_info, METH_NOARGS,
     "How many calls found a program (hits), captured one (misses) or made one for new sizes without running Python "
     "(reshaped); how many programs are kept at most (maxsize), and are there (currsize)."},
    {"cache_clear", cache_clear, METH_NOARGS, "Forget all programs, and what cache_info has counted."},
    {nullptr, nullptr, 0, nullptr}};
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
                       {Py_tp_methods, compiled_methods},
                       {Py_tp_members, members},
                       {Py_tp_doc, const_cast<char*>("A compiled function: made by bs.compile.")},
                       {0, nullptr}};
PyType_Spec spec{
    "backsweep._core.CompiledFunction", sizeof(Compiled), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};

py::object compile(py::object fn, bool keep_grads, int64_t cache_size, bool fallback, std::optional<int64_t> budget) {
  if (cache_size < 1) throw ValueError(cat("[compile] cache_size is ", cache_size, "; it must be 1 or more"));
  if (!PyCallable_Check(fn.ptr())) throw py::type_error(cat("[compile] ", type_name(fn.ptr()), " is not callable"));
  py::object made = py::reinterpret_steal<py::object>(compiled_type->tp_alloc(compiled_type, 0));
  if (!made) throw py::error_already_set();
  Compiled* self = as_compiled(made.ptr());
  self->vectorcall = call_compiled;
  self->fn = fn.inc_ref().ptr();
  self->keep_grads = keep_grads;
  self->fallback = fallback;
  self->writes = false;
  self->budget = budget.value_or(kNoBudget);
  self->cache_size = static_cast<size_t>(cache_size);
  self->entries = new std::vector<std::shared_ptr<Entry>>;
  for (const char* name : {"__name__", "__qualname__", "__doc__", "__module__"})
    if (py::hasattr(fn, name)) py::setattr(made, name, fn.attr(name));
  return made;
}

}  // namespace

bool is_compiled(PyObject* o) { return Py_TYPE(o) == compiled_type; }

std::shared_ptr<Program> program_for(py::handle fn, const std::vector<Spec>& args) {
  if (!is_compiled(fn.ptr()))
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
  py::object changed;
  for (size_t k = 0; k < self->entries->size(); ++k) {  // guards run Python, which may add entries
    const std::shared_ptr<Entry> e = (*self->entries)[k];
    if (e->flat && e->traced && e->recording == recording() && e->leaves.size() == leaves.size() &&
        std::equal(leaves.begin(), leaves.end(), e->leaves.begin(),
                   [](const Leaf& a, const Leaf& b) { return a.matches(b); }) &&
        e->guards_hold(&changed)) {
      ++self->hits;
      return e->traced->plain_program();
    }
  }
  std::string nesting;
  describe_nesting(positional, nesting);
  if (const std::shared_ptr<Entry> alike = find_alike(self, leaves, nesting)) return alike->traced->plain_program();
  std::shared_ptr<Entry> entry = capture(self, positional, py::none(), std::move(leaves), std::move(nesting), true);
  remember(self, entry, changed);
  if (entry->eager) throw GraphError("[Trainer] step cannot be captured");
  return entry->traced->plain_program();
}

void register_compiled(py::module_& m) {
  compiled_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
  m.attr("CompiledFunction") = py::handle(reinterpret_cast<PyObject*>(compiled_type));
  m.def("compiled", &compile, py::arg("fn"), py::kw_only(), py::arg("keep_grads") = false, py::arg("cache_size") = 64,
        py::arg("fallback") = false, py::arg("budget") = py::none(),
        "The compiled form of a callable; bs.compile says what it is.");
}

}  // namespace bs::bindings
