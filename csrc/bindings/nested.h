// The arguments of a compiled call: tensors and constants in nested tuples, lists and dicts.
#pragma once

#include <string>

#include "bindings/errors.h"
#include "bindings/tensor.h"

namespace bs::bindings {

// One argument (or item of a tuple, list or dict of arguments).
struct Leaf {
  py::object object;  // a plain tensor, or what must be equal: a number, a string, a Parameter by identity
  bool tensor = false;
  Spec spec;  // of a plain tensor
  bool requires_grad = false;

  bool matches(const Leaf& o) const;
};

// TypeError for what is no tensor, no container of them, and may change: such an argument is no constant of a program.
void check_constant(py::handle o);

bool is_container(PyObject* o);

// Nested containers are walked by recursion, under Python's own limit.
struct Deeper {
  Deeper() {
    if (Py_EnterRecursiveCall(" in the arguments of a compiled function")) throw py::error_already_set();
  }
  ~Deeper() { Py_LeaveRecursiveCall(); }
};

// Gives fn each leaf of nested tuples, lists and dicts; the result has fn's results in their places.
template <class Fn>
py::object map_leaves(py::handle o, Fn& fn) {
  Deeper deeper;
  if (PyTuple_CheckExact(o.ptr()) || PyList_CheckExact(o.ptr())) {
    py::list made;
    for (py::handle item : py::reinterpret_borrow<py::object>(o)) made.append(map_leaves(item, fn));
    return PyTuple_CheckExact(o.ptr()) ? py::object(py::tuple(made)) : py::object(made);
  }
  if (PyDict_CheckExact(o.ptr())) {
    py::dict made;
    for (auto [key, value] : py::reinterpret_borrow<py::dict>(o)) made[key] = map_leaves(value, fn);
    return made;
  }
  return fn(o);
}

// The shape of the nesting, as text that is equal for equal shapes.
void describe_nesting(py::handle o, std::string& text);

}  // namespace bs::bindings
