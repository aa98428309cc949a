// From C++ exceptions to Python's: one translation for pybind11 functions and for hand-written slots.
#pragma once

#include <string>

#include "bindings/pybind.h"

namespace bs::bindings {

namespace py = pybind11;

// Inside catch (...): sets the Python error for the exception in flight. A slot then returns null or -1.
void set_python_error() noexcept;

// fn() in a slot, where no C++ exception may leave: PyObject* slots give null, int slots -1.
template <class Fn>
auto guarded(Fn&& fn) noexcept -> decltype(fn()) {
  try {
    return fn();
  } catch (...) {
    set_python_error();
    if constexpr (std::is_pointer_v<decltype(fn())>) {
      return nullptr;
    } else {
      return -1;
    }
  }
}

// The result of a CPython call that gives null on error.
inline PyObject* checked(PyObject* p) {
  if (!p) throw py::error_already_set();
  return p;
}
inline py::object owned(PyObject* p) { return py::reinterpret_steal<py::object>(checked(p)); }

// An attribute of a module, kept for good: for function-local statics.
inline PyObject* imported(const char* module, const char* name) {
  return py::object(py::module_::import(module).attr(name)).release().ptr();
}

// str(type(o)) without the module: for messages.
inline const char* type_name(PyObject* o) { return Py_TYPE(o)->tp_name; }

// Whether there is no interpreter any more, or soon none: objects stay as they are.
bool interpreter_ends();

// Drops a reference to a Python object from any thread, with or without the GIL. Does nothing once the interpreter
// ends.
void release_object(void* object);

// "file.py:12": the innermost Python frame outside the backsweep package; "<unknown>" where there is none.
std::string user_location();

// Throws the GraphError for reading a value while bs.compile records.
[[noreturn]] void throw_reads_value();

// Lets pybind11's functions of the module say in our words which arguments they take.
void name_arguments(py::module_& m);

void register_errors(py::module_& m);

}  // namespace bs::bindings
