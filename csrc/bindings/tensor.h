// Tensor, Parameter and Buffer in Python: hand-written types, since pybind11's calls cost more than small ops do.
//
// A plain Tensor holds a handle to a value; one that shares its storage has a name besides, which knows whether the
// value is still that one. A Parameter or a Buffer holds a slot: each use reads the slot's current value, which under
// bs.compile is the capture's symbol for it.
#pragma once

#include "bindings/errors.h"
#include "bindings/pybind.h"
#include "graph/slot.h"
#include "graph/tensor.h"

namespace bs::bindings {

struct Name;  // names.cpp

struct PyTensor {
  PyObject_HEAD Tensor t;  // empty where slot is set
  Ref<Slot> slot;          // of parameters and buffers
  Name* name;              // of a plain Tensor beside which there are, or were, others of its storage; else null
  PyObject* weakrefs;
};

extern PyTypeObject* tensor_type;
extern PyTypeObject* parameter_type;
extern PyTypeObject* buffer_type;

inline PyTensor* as_tensor(PyObject* o) { return reinterpret_cast<PyTensor*>(o); }
inline bool is_tensor(PyObject* o) { return Py_TYPE(o) == tensor_type || PyObject_TypeCheck(o, tensor_type); }

// A new Python Tensor.
PyObject* wrap(Tensor t);
// None for an empty handle.
PyObject* wrap_or_none(Tensor t);
// Makes `t` of a tensor with a name anew where its storage has been written since.
void refresh(PyTensor* p);
// Ends the name, of a tensor that goes.
void drop_name(PyTensor* p);
// A plain tensor's own handle, up to date. It goes with the object, or when that is written.
inline const Tensor& handle_of(PyObject* o) {
  PyTensor* p = as_tensor(o);
  if (p->name) refresh(p);
  return p->t;
}
// The value of a Tensor, Parameter or Buffer.
inline Tensor unwrap(PyObject* o) {
  const PyTensor* p = as_tensor(o);
  return p->slot ? p->slot->read() : handle_of(o);
}
// dtype and shape, without reading the slot.
inline const Spec& spec_of(PyObject* o) {
  const PyTensor* p = as_tensor(o);
  return p->slot ? p->slot->spec() : p->t.spec();
}
// After the flag of a plain tensor has changed, and with it the handle: its lineage is another one from here on.
void renamed(PyObject* o);
// Null for a plain Tensor and for what is no tensor.
inline Slot* slot_of(PyObject* o) { return is_tensor(o) ? as_tensor(o)->slot.get() : nullptr; }
// unwrap(), for code that is going to look at the elements: throws the error that names the user's line where the
// value is symbolic.
Tensor unwrap_value(PyObject* o);
// A new leaf with the same value.
Tensor detached(const Tensor& t);
// A leaf of its own that collects gradients; DTypeError for integers.
Tensor with_requires_grad(Tensor leaf, const char* op);
bool requires_grad(PyObject* o);
bool is_leaf(PyObject* o);
// The flag of a leaf; GraphError for a tensor with history, DTypeError for integers.
void change_requires_grad(PyObject* o, bool on);
// Where the gradient of this leaf goes, or null.
GradCell* cell_of(PyObject* o);
// A new Parameter or Buffer around a slot.
PyObject* wrap_slot(PyTypeObject* type, Ref<Slot> slot);
// A new object of a subclass of Tensor that has no slot.
PyObject* wrap_as(PyTypeObject* type, Tensor t);

// ---- tensor_convert.cpp ----

// A tensor, a NumPy array or scalar (keeps its dtype), a Python number or a nested sequence. Copies. TypeError for
// anything else, whose text begins with "[op]" and names the argument.
Tensor to_tensor(PyObject* o, const char* op = "tensor", const char* argument = "data");
// A 0-d constant of the value of a Python float, int or bool; ValueError "[op] ..." for an int that does not fit.
Tensor scalar_tensor(PyObject* number, DType dtype, const char* op);
inline bool is_number(PyObject* o) { return PyFloat_Check(o) || PyLong_Check(o); }  // a bool is an int
// Of a Python float, int or bool; ValueError "[op] ..." where it is beyond a double.
double double_of(PyObject* number, const char* op);
// The dtype that a Python number has by itself: float32, int64, bool.
DType number_dtype(PyObject* number);
// With a dtype, converts; `share` takes the array's memory where its layout allows it.
Tensor from_array(py::array a, const DType* dtype, bool share, const char* op);
// A read-only view that keeps the buffer alive; DTypeError "[op] ..." for bfloat16.
py::array numpy_view(const Tensor& t, const char* op);
// The one element as float, int or bool; ShapeError unless there is exactly one.
PyObject* element(const Tensor& t, const char* op);
// An int, a sequence of ints: "[op] argument ..." TypeError else.
Dims dims_argument(PyObject* o, const char* op, const char* argument);
// zeros(2, 3) and zeros((2, 3)).
Dims dims_from_args(const py::args& args, const char* op, const char* argument);
int64_t int_argument(PyObject* o, const char* op, const char* argument);
// True or False, NumPy's too.
bool flag_argument(PyObject* o, const char* op, const char* argument);
// A Python number, for one of NumPy's (or a tensor or array of one element) the Python number of its value.
py::object number_argument(PyObject* o, const char* op, const char* argument);

// ---- what the other files of the type define ----

extern PyMethodDef tensor_methods[];       // tensor_methods.cpp
extern PyMethodDef slot_methods[];         // tensor_slots.cpp
extern PyGetSetDef tensor_getset[];        // tensor_attributes.cpp
extern PyType_Slot tensor_number_slots[];  // tensor_number.cpp, ends with {0, nullptr}
extern PyType_Slot tensor_index_slots[];   // tensor_index.cpp, likewise
void prepare_number_slots();               // looks the ops up
PyObject* tensor_repr(PyObject* self);     // tensor_methods.cpp

void register_tensor(py::module_& m);
void register_convert(py::module_& m);
void register_create(py::module_& m);

}  // namespace bs::bindings

namespace pybind11::detail {

// Arguments of pybind11 functions: a tensor, or with conversion whatever to_tensor() takes.
template <>
struct type_caster<bs::Tensor> {
  PYBIND11_TYPE_CASTER(bs::Tensor, const_name("Tensor"));

  bool load(handle source, bool convert) {
    if (!source) return false;
    if (bs::bindings::is_tensor(source.ptr())) {
      value = bs::bindings::unwrap(source.ptr());
      return true;
    }
    if (!convert || source.is_none()) return false;
    value = bs::bindings::to_tensor(source.ptr());
    return true;
  }
  static handle cast(const bs::Tensor& t, return_value_policy, handle) { return bs::bindings::wrap_or_none(t); }
};

}  // namespace pybind11::detail
