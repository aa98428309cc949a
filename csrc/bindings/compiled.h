// The callable that bs.compile makes: programs by signature, and what they rely on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bindings/nested.h"
#include "program/traced.h"

namespace bs::bindings {

// What a captured function looked at: object.name, which must go on comparing equal.
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
  std::shared_ptr<Traced> traced;
  py::object result;    // what the function returned; placeholders stand for outputs
  bool single = false;  // it is one tensor

  bool guards_hold();
};

struct Compiled {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* fn;
  PyObject* dict;
  PyObject* weakrefs;
  bool keep_grads;
  std::vector<std::shared_ptr<Entry>>* entries;  // most recently used first
};
inline Compiled* as_compiled(PyObject* o) { return reinterpret_cast<Compiled*>(o); }

// ---- capture.cpp ----

// Runs fn on symbols for its tensor leaves. `args` and `kwargs` give the nesting.
std::shared_ptr<Entry> capture(Compiled* self, py::handle args, py::handle kwargs, std::vector<Leaf> leaves,
                               std::string nesting, bool flat);
// Stands for output k in Entry::result, k ascending.
py::object placeholder();
bool is_placeholder(PyObject* o);
void register_capture(py::module_& m);

// ---- compiled_call.cpp ----

// Adds an entry; the one that was used least recently may go.
void remember(Compiled* self, std::shared_ptr<Entry> entry);
// The program of a call with these arguments, captured and planned if it is new, not run.
std::shared_ptr<Program> program_of_call(Compiled* self, py::handle args, py::handle kwargs);
// The vectorcall of the type.
PyObject* call_compiled(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* names);

// ---- compiled.cpp ----

// The program of a compiled function for plain tensor arguments of these specs, captured if it is new. Throws
// GraphError if `fn` is no compiled function.
std::shared_ptr<Program> program_for(py::handle fn, const std::vector<Spec>& args);

// ---- program.cpp ----

// What people see of a program.
py::object describe(std::shared_ptr<Program> program);
void register_program(py::module_& m);

}  // namespace bs::bindings
