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
  bool weak = false;  // `object` is a weak reference to what must be the same
  Spec spec;          // of a plain tensor
  bool requires_grad = false;

  // Whether an argument that is `o` may stand for this one. `o` holds what it was weakly, or not.
  bool matches(const Leaf& o) const;
  // matches(), for tensors of other sizes too.
  bool alike(const Leaf& o) const;
  // The same for this leaf of an entry, which is no tensor, and an argument; false also where only == can tell.
  bool is_same(PyObject* argument) const;
  // Objects that are told apart by identity (`self` of a method) are not kept alive: when one goes, `gone` is called.
  void hold_weakly(const py::object& gone);
};

// TypeError for what is no tensor, no container of them, and may change: such an argument is no constant of a program.
// Objects of users' classes are constants: what is read of them is guarded.
void check_constant(py::handle o);

// Tuples, named ones too, lists, dicts and OrderedDicts.
bool is_container(PyObject* o);
bool is_named_tuple(PyObject* o);
bool is_mapping(PyObject* o);

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
  if (!is_container(o.ptr())) return fn(o);
  if (is_mapping(o.ptr())) {
    py::object made = PyDict_CheckExact(o.ptr()) ? py::dict() : py::type::of(o)();
    for (py::handle item : py::list(o.attr("items")())) made[item[py::int_(0)]] = map_leaves(item[py::int_(1)], fn);
    return made;
  }
  py::list made;
  for (py::handle item : py::reinterpret_borrow<py::object>(o)) made.append(map_leaves(item, fn));
  if (PyList_CheckExact(o.ptr())) return made;
  return is_named_tuple(o.ptr()) ? py::type::of(o).attr("_make")(made) : py::object(py::tuple(made));
}

// The shape of the nesting, as text that is equal for equal shapes.
void describe_nesting(py::handle o, std::string& text);

}  // namespace bs::bindings
