#include "bindings/tensor.h"

#include <cstddef>
#include <new>
#include <vector>

#include "base/error.h"
#include "bindings/arguments.h"
#include "bindings/autodiff.h"
#include "bindings/device.h"
#include "bindings/dlpack.h"
#include "bindings/dtype.h"
#include "graph/apply.h"
#include "graph/met.h"
#include "graph/slot.h"
#include "ops/ops.h"

namespace bs::bindings {

PyTypeObject* tensor_type = nullptr;
PyTypeObject* parameter_type = nullptr;
PyTypeObject* buffer_type = nullptr;

namespace {

// What Python holds: a tensor, and the dict of what users set as attributes, made when the first one is. Only by its
// dict can an object be part of a cycle, so the collector is told of it then, and breaks the cycle there; others cost
// it nothing.
struct Object {
  PyTensor tensor;
  PyObject* dict;
};

Object* as_object(PyObject* o) { return reinterpret_cast<Object*>(o); }

#ifndef Py_GIL_DISABLED
// Memory of freed plain Tensors: a chain of small ops makes and frees one object each, and this halves its cost.
constexpr int kFree = 128;
Object* free_list[kFree];
int n_free = 0;
#endif

// Python code that a collection runs would meet our callers half way.
Object* allocate(PyTypeObject* type) {
  const bool was_on = PyGC_Disable();
  PyObject* o = type->tp_basicsize == sizeof(Object) ? reinterpret_cast<PyObject*>(PyObject_GC_New(Object, type))
                                                     : type->tp_alloc(type, 0);  // of a subclass with __slots__
  if (was_on) PyGC_Enable();
  return as_object(checked(o));
}

PyTensor* new_object(PyTypeObject* type) {
  Object* self;
#ifndef Py_GIL_DISABLED
  if (type == tensor_type && n_free > 0) {
    self = free_list[--n_free];
    PyObject_Init(reinterpret_cast<PyObject*>(self), type);
  } else
#endif
  {
    self = allocate(type);
  }
  PyTensor* tensor = &self->tensor;
  new (&tensor->t) Tensor;
  new (&tensor->slot) Ref<Slot>;
  tensor->name = nullptr;
  tensor->weakrefs = nullptr;
  self->dict = nullptr;
  return tensor;
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(o));
  Py_VISIT(as_object(o)->dict);
  return 0;
}

void track(PyObject* o) {
  if (as_object(o)->dict && !PyObject_GC_IsTracked(o)) PyObject_GC_Track(o);
}

int set_attribute(PyObject* o, PyObject* name, PyObject* value) {
  const int result = PyObject_GenericSetAttr(o, name, value);
  track(o);
  return result;
}

PyObject* get_dict(PyObject* o, void* context) {
  PyObject* dict = PyObject_GenericGetDict(o, context);
  track(o);
  return dict;
}

int set_dict(PyObject* o, PyObject* dict, void* context) {
  const int result = PyObject_GenericSetDict(o, dict, context);
  track(o);
  return result;
}

void dealloc(PyObject* o) {
  PyTensor* self = as_tensor(o);
  PyTypeObject* type = Py_TYPE(o);
  // Before anything that runs Python: `.grad` must not find an object that goes.
  if (self->name) drop_name(self);
  if (as_object(o)->dict || type != tensor_type) {
    PyObject_GC_UnTrack(o);
    Py_CLEAR(as_object(o)->dict);
  }
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  self->t.~Tensor();
  self->slot.~Ref<Slot>();
#ifndef Py_GIL_DISABLED
  if (type == tensor_type && n_free < kFree) {
    free_list[n_free++] = as_object(o);
    Py_DECREF(type);
    return;
  }
#endif
  type->tp_free(o);
  Py_DECREF(type);
}

constexpr char kTensorDoc[] =
    "Tensor(*data, device=None, requires_grad=False)\n--\n\n"
    "An array with its place in the graph of derivatives.\n\n"
    "Tensor(2, 3) has these sizes and is to be written; Tensor(data) has the values of a sequence, an array or a "
    "tensor. "
    "float32, as of PyTorch's constructor; bs.tensor keeps the dtype of what it is given.";
PyObject* tensor_new(PyTypeObject* type, const Arguments& v) {
  static const py::handle make = imported("backsweep._typed", "make");
  device_argument("Tensor", v[1]);
  py::list given;
  if (v[0]) given.append(py::handle(v[0]));
  for (PyObject* o : v.rest) given.append(py::handle(o));
  const py::object made = make("Tensor", py::handle(dtype_object(default_dtype())), given);
  Tensor t = unwrap(made.ptr());
  if (v[2] && flag_argument(v[2], "Tensor", "requires_grad")) t = with_requires_grad(detached(t), "Tensor");
  return wrap_as(type, std::move(t));
}

// The value that a new slot starts with.
Tensor slot_data(PyObject* data, const char* op) {
  Tensor t = to_tensor(data, op);
  if (t.symbolic())
    throw GraphError(cat("[", op, "] ", user_location(), ": a ", op,
                         " is made from a tensor that bs.compile records: make it before the compiled call"));
  return t;
}

constexpr char kParameterDoc[] =
    "Parameter(data, requires_grad=True)\n--\n\n"
    "A tensor whose value an optimizer, copy_() and the other in-place methods may replace.\n\n"
    "NumPy views and tensors taken from it before keep the old value.";
PyObject* parameter_new(PyTypeObject* type, const Arguments& v) {
  Tensor t = slot_data(v[0], "Parameter");
  const bool on = !v[1] || flag_argument(v[1], "Parameter", "requires_grad");
  if (on && !is_float(t.dtype()))
    throw DTypeError(cat("[Parameter] only float tensors collect gradients, this one is ", name_of(t.dtype()),
                         ": pass requires_grad=False"));
  return wrap_slot(type, Slot::make(t, on));
}

constexpr char kBufferDoc[] =
    "Buffer(data)\n--\n\n"
    "State that is no parameter: running statistics, an optimizer's moments, a generator. It has no gradient.";
PyObject* buffer_new(PyTypeObject* type, const Arguments& v) {
  return wrap_slot(type, Slot::make(slot_data(v[0], "Buffer"), false));
}

PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weakrefs), READONLY, nullptr},
                         {"__dictoffset__", T_PYSSIZET, offsetof(Object, dict), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

constexpr unsigned kFlags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;

PyTypeObject* make_type(PyType_Spec& spec, PyTypeObject* base) {
  PyObject* bases = base ? checked(PyTuple_Pack(1, base)) : nullptr;
  PyObject* type = PyType_FromSpecWithBases(&spec, bases);
  Py_XDECREF(bases);
  return reinterpret_cast<PyTypeObject*>(checked(type));
}

}  // namespace

PyObject* wrap_as(PyTypeObject* type, Tensor t) {
  PyTensor* self = new_object(type);
  self->t = std::move(t);
  return reinterpret_cast<PyObject*>(self);
}

PyObject* wrap(Tensor t) { return wrap_as(tensor_type, std::move(t)); }

PyObject* wrap_or_none(Tensor t) {
  if (!t) Py_RETURN_NONE;
  return wrap(std::move(t));
}

PyObject* wrap_slot(PyTypeObject* type, Ref<Slot> slot) {
  PyTensor* self = new_object(type);
  self->slot = std::move(slot);
  return reinterpret_cast<PyObject*>(self);
}

namespace {

// A capture is told what is read, also where no op does.
const Tensor& met(const Tensor& t) {
  if (Meeting::all.load(std::memory_order_relaxed) > 0)
    if (Meeting* meeting = Meeting::current()) meeting->met(t);
  return t;
}

}  // namespace

Tensor unwrap_value(PyObject* o) {
  Tensor t = unwrap(o);
  if (t.symbolic()) throw_reads_value();
  return met(t);
}

Tensor detached(const Tensor& t) { return t.symbolic() ? ops::detach(t) : met(t).alias(); }

Tensor with_requires_grad(Tensor leaf, const char* op) {
  if (!is_float(leaf.dtype()))
    throw DTypeError(cat("[", op, "] only float tensors have gradients, this one is ", name_of(leaf.dtype()),
                         ": cast it first, with .float()"));
  leaf.node()->requires_grad = true;
  if (!leaf.node()->cell) {
    leaf.node()->cell = GradCell::make();
    if (CaptureHooks* capture = current_capture()) capture->own_cell(*leaf.node()->cell);
  }
  return leaf;
}

bool requires_grad(PyObject* o) {
  const PyTensor* p = as_tensor(o);
  return p->slot ? static_cast<bool>(p->slot->cell) : handle_of(o).requires_grad();
}

bool is_leaf(PyObject* o) {
  if (slot_of(o)) return true;
  const Tensor& t = handle_of(o);
  const Node* n = t.node();
  // In a capture a leaf may be what detach() made.
  return (!n->op && !n->severed) || n->cell || !t.requires_grad();
}

GradCell* cell_of(PyObject* o) {
  const PyTensor* p = as_tensor(o);
  return p->slot ? p->slot->cell.get() : handle_of(o).node()->cell.get();
}

void register_tensor(py::module_& m) {
  prepare_number_slots();
  // One table for both: a plain tensor has the in-place names to say what to use instead. Types keep a pointer to it.
  static std::vector<PyMethodDef> methods;
  for (PyMethodDef* table : {tensor_methods, slot_methods, derivative_methods, dlpack_methods})
    for (PyMethodDef* d = table; d->ml_name; ++d) methods.push_back(*d);
  methods.push_back({nullptr, nullptr, 0, nullptr});
  static std::vector<PyGetSetDef> attributes;
  for (PyGetSetDef* table : {tensor_getset, derivative_getset})
    for (PyGetSetDef* d = table; d->name; ++d) attributes.push_back(*d);
  attributes.push_back({"__dict__", get_dict, set_dict, nullptr, nullptr});
  attributes.push_back({nullptr, nullptr, nullptr, nullptr, nullptr});
  std::vector<PyType_Slot> slots = {{Py_tp_doc, const_cast<char*>(kTensorDoc)},
                                    {Py_tp_new, reinterpret_cast<void*>(constructor<kTensorDoc, tensor_new>)},
                                    {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                                    {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                                    {Py_tp_setattro, reinterpret_cast<void*>(set_attribute)},
                                    {Py_tp_repr, reinterpret_cast<void*>(tensor_repr)},
                                    {Py_tp_methods, methods.data()},
                                    {Py_tp_getset, attributes.data()},
                                    {Py_tp_members, members}};
  for (PyType_Slot* table : {tensor_number_slots, tensor_index_slots})
    for (PyType_Slot* s = table; s->slot; ++s) slots.push_back(*s);
  slots.push_back({0, nullptr});
  PyType_Spec spec = {"backsweep.Tensor", sizeof(Object), 0, kFlags, slots.data()};
  tensor_type = make_type(spec, nullptr);

  PyType_Slot parameter_slots[] = {{Py_tp_doc, const_cast<char*>(kParameterDoc)},
                                   {Py_tp_new, reinterpret_cast<void*>(constructor<kParameterDoc, parameter_new>)},
                                   {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                                   {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                                   {0, nullptr}};
  PyType_Spec parameter_spec = {"backsweep.Parameter", sizeof(Object), 0, kFlags, parameter_slots};
  parameter_type = make_type(parameter_spec, tensor_type);

  PyType_Slot buffer_slots[] = {{Py_tp_doc, const_cast<char*>(kBufferDoc)},
                                {Py_tp_new, reinterpret_cast<void*>(constructor<kBufferDoc, buffer_new>)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                                {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                                {0, nullptr}};
  PyType_Spec buffer_spec = {"backsweep.Buffer", sizeof(Object), 0, kFlags, buffer_slots};
  buffer_type = make_type(buffer_spec, tensor_type);

  m.attr("Tensor") = py::handle(reinterpret_cast<PyObject*>(tensor_type));
  m.attr("Parameter") = py::handle(reinterpret_cast<PyObject*>(parameter_type));
  m.attr("Buffer") = py::handle(reinterpret_cast<PyObject*>(buffer_type));
}

}  // namespace bs::bindings
