// The base of compiled modules: it calls a compiled function. A subclass of it and of a class of modules is called as
// fast as the function is; a __call__ in Python, or one found in a slot, takes 0.1 us.

#include <cstddef>

#include "bindings/compiled.h"
#include "bindings/pybind.h"

namespace bs::bindings {
namespace {

struct Caller {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* fn;  // a compiled function, or null
};
Caller* as_caller(PyObject* o) { return reinterpret_cast<Caller*>(o); }

PyObject* caller_call(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* names) {
  if (as_caller(o)->fn) return call_compiled(as_caller(o)->fn, args, nargsf, names);
  PyErr_SetString(PyExc_TypeError, "[compile] this module was made without what it calls: use bs.compile");
  return nullptr;
}

PyObject* caller_make(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* o = type->tp_alloc(type, 0);
  if (!o) return nullptr;
  as_caller(o)->vectorcall = caller_call;
  // Before Python 3.12 classes made in Python do not inherit it.
  type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
  return o;
}

int caller_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(as_caller(o)->fn);
  return 0;
}

int caller_clear(PyObject* o) {
  Py_CLEAR(as_caller(o)->fn);
  return 0;
}

void caller_dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  caller_clear(o);
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}

PyObject* caller_get(PyObject* o, void*) { return Py_NewRef(as_caller(o)->fn ? as_caller(o)->fn : Py_None); }

int caller_set(PyObject* o, PyObject* fn, void*) {
  if (!fn || !is_compiled(fn)) {
    PyErr_SetString(PyExc_TypeError, "[compile] a compiled module calls a compiled function");
    return -1;
  }
  Py_XSETREF(as_caller(o)->fn, Py_NewRef(fn));
  return 0;
}

// Classes of compiled modules are none that people write: hooks of theirs for subclasses (registries, say) do not run.
PyObject* caller_init_subclass(PyObject*, PyObject*, PyObject*) { Py_RETURN_NONE; }

PyMethodDef caller_methods[] = {
    {"__init_subclass__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(caller_init_subclass)),
     METH_VARARGS | METH_KEYWORDS | METH_CLASS, "Runs no hook of another base."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef caller_getset[] = {
    {"_compiled", caller_get, caller_set, "The compiled function that a call runs.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef caller_members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(Caller, vectorcall), READONLY, nullptr},
                                {nullptr, 0, 0, 0, nullptr}};
PyType_Slot caller_slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                              {Py_tp_new, reinterpret_cast<void*>(caller_make)},
                              {Py_tp_dealloc, reinterpret_cast<void*>(caller_dealloc)},
                              {Py_tp_traverse, reinterpret_cast<void*>(caller_traverse)},
                              {Py_tp_clear, reinterpret_cast<void*>(caller_clear)},
                              {Py_tp_getset, caller_getset},
                              {Py_tp_methods, caller_methods},
                              {Py_tp_members, caller_members},
                              {0, nullptr}};
PyType_Spec caller_spec{"backsweep._core._CompiledModule", sizeof(Caller), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL,
                        caller_slots};

}  // namespace

void register_compiled_module(py::module_& m) { m.attr("_CompiledModule") = owned(PyType_FromSpec(&caller_spec)); }

}  // namespace bs::bindings
