// From the arguments of a call to the parameters of a function or method: the one way, for ops (op_args.h) and for what
// is written by hand. Functions that are called rarely are pybind11's.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bindings/errors.h"

namespace bs::bindings {

struct Parameters {
  static constexpr int kMost = 40;

  struct One {
    PyObject* name;                      // interned, as names in source are; lives as long as the process
    std::vector<PyObject*> others = {};  // names accepted besides
    bool required = false;
  };

  std::string function;
  std::vector<One> all;
  std::vector<uint8_t> positional;  // which of `all` the i-th positional argument is
  bool variadic = false;            // there may be more positional arguments
  bool takes_out = false;           // out=None is let pass: NumPy's functions hand it to the methods that they call
  std::string text;                 // "(dim=None)"

  Parameters() = default;
  // Of a method or function, from its docstring, which begins with "name(a, b=None, *, c=1)\n--\n", or with
  // "name(*a, c=1)" where positional arguments are `rest` and a can be given by name only.
  explicit Parameters(const char* doc);
  void add(const char* name, bool required, bool by_name = false);

  // Puts the arguments of a vectorcall into `bound`, in the order of `all`, null where there is none. Gives how many
  // positional ones are left over. Throws TypeError "[function] ..." for what does not fit.
  Py_ssize_t bind(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, PyObject** bound) const {
    if (kwnames || n < enough_ || n > most_) return bind_any(args, n, kwnames, bound);
    for (int i = 0; i < n_; ++i) bound[i] = nullptr;
    for (Py_ssize_t i = 0; i < n; ++i) bound[positional[static_cast<size_t>(i)]] = args[i];
    return 0;
  }
  // As bind(), but says whether they fit instead of throwing.
  bool try_bind(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, PyObject** bound) const;

 private:
  int n_ = 0;
  Py_ssize_t most_ = 0, enough_ = 0;  // positional arguments that may be, and with which nothing required is missing
  Py_ssize_t bind_any(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, PyObject** bound) const;
  int position_of(PyObject* name) const;
};

// The arguments of one call, by the position of their parameters.
class Arguments {
 public:
  // Of a vectorcall.
  Arguments(const Parameters& p, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
    const Py_ssize_t more = p.bind(args, n, kwnames, v_);
    rest = {args + (n - more), static_cast<size_t>(more)};
  }
  // Of a constructor.
  Arguments(const Parameters& p, PyObject* args, PyObject* kwargs);

  std::span<PyObject* const> rest;  // positional ones that are left over
  PyObject* operator[](int i) const { return v_[i]; }
  void set(int i, PyObject* o) { v_[i] = o; }
  std::span<PyObject* const> first(size_t n) const { return {v_, n}; }
  // Neither left out nor None.
  bool has(int i) const { return v_[i] && v_[i] != Py_None; }

 private:
  PyObject* v_[Parameters::kMost];
};

// A method of a hand-written type: run(self, arguments), with the parameters that its docstring begins with.
template <const auto& doc, PyObject* (*run)(PyObject* self, const Arguments& given)>
PyObject* method(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    static const Parameters parameters(doc);
    return run(self, Arguments(parameters, args, n, kwnames));
  });
}
// What follows the name in its PyMethodDef.
#define BS_METHOD(doc, run) \
  reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method<doc, run>)), METH_FASTCALL | METH_KEYWORDS, doc

// A tp_new whose parameters `doc` begins with.
template <const auto& doc, PyObject* (*make)(PyTypeObject* type, const Arguments& given)>
PyObject* constructor(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&] {
    static const Parameters parameters(doc);
    return make(type, Arguments(parameters, args, kwargs));
  });
}

}  // namespace bs::bindings
