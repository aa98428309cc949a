// The callable that bs.compile makes: programs by signature, and what they rely on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bindings/guard.h"
#include "bindings/nested.h"
#include "program/traced.h"

namespace bs::bindings {

// What a captured function writes in Python: an argument's tensor, or an item of a dict (an object's attributes,
// globals) or list, or what the cell of a closure holds. A program gives the new value as further outputs.
struct Store {
  enum class Kind : uint8_t { argument, item, cell };
  Kind kind;
  size_t leaf = 0;          // of an argument
  py::object object, name;  // else: object[name], or a cell
  py::object structure;     // of the module whose attribute it is, or None
  py::object value;         // placeholders stand for outputs
  void put(py::object filled) const;
};

// What it reads there and then sets: an argument in all but form.
struct Hidden {
  py::object assigned;  // _watch.Assigned
  std::string nesting;
  py::object now() const;
  void set(const py::object& value) const;
};

// A captured signature.
struct Entry {
  std::vector<Leaf> leaves;  // of the arguments, then of what is hidden
  size_t n_given = 0;        // of the arguments
  std::vector<Hidden> hidden;
  std::vector<Store> stores;
  size_t n_results = 0;    // outputs before those of stores
  bool puts_back = false;  // there are stores, or an argument is returned
  bool writes = false;     // to an argument
  std::string nesting;
  bool flat = false;  // only positional arguments, and no containers
  bool recording = true;
  std::vector<Guard> guards;     // compared at each call
  std::vector<Guard> structure;  // compared when the structure epoch has moved
  uint64_t epoch = 0;            // when `structure` was last seen to hold
  std::shared_ptr<Traced> traced;
  bool brief = false;                // its programs are short and call nothing back: they keep the interpreter's lock
  std::shared_ptr<const Tape> tape;  // what gives `traced` for other sizes, if anything does
  py::object result;                 // what the function returned; placeholders stand for outputs
  bool single = false;               // it is one tensor
  bool resting = false;              // its programs have given up their arenas
  bool eager = false;                // it cannot be captured: the function itself runs, and nothing above is there

  // Gives up what it holds: an object that was an argument is gone, so no call fits.
  void give_up();
  void set_traced(std::shared_ptr<Traced> made);
  // Whether all is as the captured function saw it; if not, `changed` becomes the label of what is not.
  bool guards_hold(py::object* changed);
};

struct Compiled {
  PyObject_HEAD vectorcallfunc vectorcall;
  PyObject* fn;
  PyObject* dict;
  PyObject* weakrefs;
  bool keep_grads;
  int64_t budget;     // of bytes, for each program
  bool fallback;      // what cannot be captured runs eagerly
  bool writes;        // to arguments: which of them share memory is part of a signature
  size_t cache_size;  // signatures kept: the least recently used one goes
  // Calls that found a program, that captured one, and that made one for new sizes without Python.
  int64_t hits, misses, reshaped;
  std::vector<std::shared_ptr<Entry>>* entries;  // most recently used first
  PyObject* changed;                             // label of the guard that failed last, or null
  int recaptured;                                // how often in a row for its sake
};
inline Compiled* as_compiled(PyObject* o) { return reinterpret_cast<Compiled*>(o); }

// ---- capture.cpp ----

// Runs fn on symbols for its tensor leaves. `args` and `kwargs` give the nesting.
std::shared_ptr<Entry> capture(Compiled* self, py::handle args, py::handle kwargs, std::vector<Leaf> leaves,
                               std::string nesting, bool flat);
// An entry for other leaves, alike but for their sizes, without running the function: null where that would show.
std::shared_ptr<Entry> replay(Compiled* self, const Entry& entry, const std::vector<Leaf>& leaves);
void register_capture(py::module_& m);

// ---- stores.cpp ----

// Stands for output k in Entry::result and then in stores, k ascending; or for an argument itself.
py::object placeholder(int argument = -1);
bool is_placeholder(PyObject* o);
int argument_of(PyObject* placeholder);
// Whether one of the tensors in nested tuples, lists and dicts is a symbol, or a constant of the capture; a tensor with
// a value.
bool holds_symbol(py::handle value);
bool holds_value(py::handle value);
// What has these in place of placeholders: outputs from *next on, and arguments.
py::object filled(const py::object& pattern, std::span<Tensor> outputs, size_t* next,
                  const std::vector<py::object>& leaves);
// Which arguments are one tensor ("=i:j "), or share memory ("~i:j "): text that is empty where none do.
std::string aliases(const std::vector<py::object>& objects);
// To an argument of a call: its new value.
void write_back(PyObject* target, Tensor value);
// The tensors among the arguments, contiguous, and all arguments.
struct Given {
  std::vector<Tensor> tensors;
  std::vector<std::pair<size_t, size_t>> arrays;  // tensors that lie in memory of NumPy's, and which objects these are
  std::vector<py::object> objects;
  void add(Given more);
};
// Takes in what is hidden, as it is now; false where it is not nested as it was.
bool collect_hidden(const Entry& entry, std::vector<Leaf>* leaves, Given* given);
void register_stores();

// ---- compiled_call.cpp ----

// An entry that is captured for other sizes, played again for these: null where there is none.
std::shared_ptr<Entry> find_alike(Compiled* self, const std::vector<Leaf>& leaves, const std::string& nesting,
                                  Given* given = nullptr);
// Takes in an argument and what is nested in it.
void collect(py::handle argument, std::vector<Leaf>* leaves, Given* given);
// Adds an entry; the one that was used least recently may go. Warns if a guard fails at every call: `changed` is the
// label of the one that did now.
void remember(Compiled* self, std::shared_ptr<Entry> entry, const py::object& changed);
// The program of a call with these arguments, captured and planned if it is new, not run.
std::shared_ptr<Program> program_of_call(Compiled* self, py::handle args, py::handle kwargs);
// The vectorcall of the type.
PyObject* call_compiled(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* names);

// ---- compiled.cpp ----

bool is_compiled(PyObject* o);

// The program of a compiled function for plain tensor arguments of these specs, captured if it is new. Throws
// GraphError if `fn` is no compiled function.
std::shared_ptr<Program> program_for(py::handle fn, const std::vector<Spec>& args);

// ---- program.cpp ----

// What people see of a program.
py::object describe(std::shared_ptr<Program> program);
void register_program(py::module_& m);

}  // namespace bs::bindings
