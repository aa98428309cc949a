#include "bindings/nested.h"

#include "base/error.h"
#include "bindings/guard.h"

namespace bs::bindings {
namespace {

bool hashable(PyObject* o) { return Py_TYPE(o)->tp_hash && Py_TYPE(o)->tp_hash != PyObject_HashNotImplemented; }

py::object attributes(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) || type->tp_dictoffset == 0) return {};
  return owned(PyObject_GenericGetDict(o, nullptr));
}

// Equal, and so are their attributes: a function may read what == leaves out.
bool equal_constants(PyObject* a, PyObject* b) {
  if (same(a, b)) return true;  // 1 is not True or 1.0
  if (Py_TYPE(a) != Py_TYPE(b) || is_tensor(a) || PyFloat_Check(a) || !hashable(a)) return false;
  const int equal = PyObject_RichCompareBool(a, b, Py_EQ);
  if (equal < 0) throw py::error_already_set();
  if (equal == 0) return false;
  const py::object of_a = attributes(a), of_b = attributes(b);
  if (!of_a || !of_b) return true;
  if (PyDict_Size(of_a.ptr()) != PyDict_Size(of_b.ptr())) return false;
  Deeper deeper;
  Py_ssize_t at = 0;
  PyObject *name, *value;
  while (PyDict_Next(of_a.ptr(), &at, &name, &value)) {
    PyObject* const other = PyDict_GetItemWithError(of_b.ptr(), name);
    if (!other && PyErr_Occurred()) throw py::error_already_set();
    if (!other || !equal_constants(value, other)) return false;
  }
  return true;
}

}  // namespace

bool Leaf::is_same(PyObject* argument) const {
  if (weak) return argument != Py_None && object().is(py::handle(argument));
  return same(object.ptr(), argument);
}

bool Leaf::matches(const Leaf& o) const { return alike(o) && (!tensor || spec.shape == o.spec.shape); }

bool Leaf::alike(const Leaf& o) const {
  if (tensor != o.tensor) return false;
  if (tensor)
    return spec.dtype == o.spec.dtype && spec.shape.size() == o.spec.shape.size() && requires_grad == o.requires_grad;
  return o.weak ? o.is_same(object.ptr()) : equal_constants(object.ptr(), o.object.ptr());
}

void Leaf::hold_weakly(const py::object& gone) {
  PyTypeObject* type = Py_TYPE(object.ptr());
  const bool by_identity = type->tp_richcompare == PyBaseObject_Type.tp_richcompare || !hashable(object.ptr());
  if (tensor || weak || !by_identity || !PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) return;
  PyObject* reference = PyWeakref_NewRef(object.ptr(), gone.ptr());
  if (!reference) return PyErr_Clear();  // its class has no place for one
  object = py::reinterpret_steal<py::object>(reference);
  weak = true;
}

void check_constant(py::handle o) {
  if (PyTuple_Check(o.ptr()) || PyList_Check(o.ptr()) || PyDict_Check(o.ptr()) || PyAnySet_Check(o.ptr()) ||
      (!hashable(o.ptr()) && !PyType_HasFeature(Py_TYPE(o.ptr()), Py_TPFLAGS_HEAPTYPE)))
    throw py::type_error(
        cat("[compile] an argument is a ", type_name(o.ptr()),
            ": arguments are tensors, arrays, plain tuples, lists and dicts of them, or constants that "
            "do not change (numbers, strings, modules)"));
}

bool is_named_tuple(PyObject* o) {
  return PyTuple_Check(o) && !PyTuple_CheckExact(o) && PyObject_HasAttrString(o, "_fields");
}

bool is_mapping(PyObject* o) { return PyDict_CheckExact(o) || PyODict_CheckExact(o); }

bool is_container(PyObject* o) {
  return PyTuple_CheckExact(o) || PyList_CheckExact(o) || is_mapping(o) || is_named_tuple(o);
}

void describe_nesting(py::handle o, std::string& text) {
  Deeper deeper;
  if (!is_container(o.ptr())) {
    text += '.';
    return;
  }
  // Of named tuples and OrderedDicts the type counts.
  if (is_named_tuple(o.ptr()) || PyODict_CheckExact(o.ptr())) text += cat(static_cast<const void*>(Py_TYPE(o.ptr())));
  text += PyTuple_Check(o.ptr()) ? '(' : PyList_CheckExact(o.ptr()) ? '[' : '{';
  if (is_mapping(o.ptr())) {
    for (py::handle item : py::list(o.attr("items")())) {
      text += py::cast<std::string>(py::repr(item[py::int_(0)])) + ':';
      describe_nesting(item[py::int_(1)], text);
    }
  } else {
    for (py::handle item : py::reinterpret_borrow<py::object>(o)) describe_nesting(item, text);
  }
  text += ')';
}

}  // namespace bs::bindings
