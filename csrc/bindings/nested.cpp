#include "bindings/nested.h"

#include <cstring>

#include "base/error.h"

namespace bs::bindings {

bool Leaf::matches(const Leaf& o) const {
  if (tensor != o.tensor) return false;
  if (tensor) return spec.dtype == o.spec.dtype && spec.shape == o.spec.shape && requires_grad == o.requires_grad;
  if (object.is(o.object)) return true;
  // Of floats the bits count: 0.0 is not -0.0, and NaN is NaN.
  if (PyFloat_CheckExact(object.ptr()) && PyFloat_CheckExact(o.object.ptr())) {
    const double a = PyFloat_AS_DOUBLE(object.ptr()), b = PyFloat_AS_DOUBLE(o.object.ptr());
    return std::memcmp(&a, &b, sizeof a) == 0;
  }
  if (Py_TYPE(object.ptr()) != Py_TYPE(o.object.ptr()) || is_tensor(object.ptr()))
    return false;  // 1 is not True or 1.0
  const int equal = PyObject_RichCompareBool(object.ptr(), o.object.ptr(), Py_EQ);
  if (equal < 0) throw py::error_already_set();
  return equal == 1;
}

void check_constant(py::handle o) {
  if (PyTuple_Check(o.ptr()) || PyList_Check(o.ptr()) || PyDict_Check(o.ptr()) || PyAnySet_Check(o.ptr()) ||
      PyObject_HasAttrString(o.ptr(), "__dataclass_fields__") || PyObject_Hash(o.ptr()) == -1) {
    PyErr_Clear();
    throw py::type_error(
        cat("[compile] an argument is a ", type_name(o.ptr()),
            ": arguments are tensors, arrays, plain tuples, lists and dicts of them, or constants that "
            "do not change (numbers, strings, modules)"));
  }
}

bool is_container(PyObject* o) { return PyTuple_CheckExact(o) || PyList_CheckExact(o) || PyDict_CheckExact(o); }

void describe_nesting(py::handle o, std::string& text) {
  Deeper deeper;
  if (!is_container(o.ptr())) {
    text += '.';
    return;
  }
  text += PyTuple_CheckExact(o.ptr()) ? '(' : PyList_CheckExact(o.ptr()) ? '[' : '{';
  if (PyDict_CheckExact(o.ptr())) {
    for (auto [key, value] : py::reinterpret_borrow<py::dict>(o)) {
      text += py::cast<std::string>(py::repr(key)) + ':';
      describe_nesting(value, text);
    }
  } else {
    for (py::handle item : py::reinterpret_borrow<py::object>(o)) describe_nesting(item, text);
  }
  text += ')';
}

}  // namespace bs::bindings
