// From Python arguments to an op's inputs and attributes, by its schema.
#pragma once

#include <string>
#include <vector>

#include "bindings/op_call.h"
#include "graph/op.h"

namespace bs::bindings {

constexpr int kMaxParams = 40;

// What is parsed for one op, worked out once. Parameters stand in the order inputs, attributes; a trailing required
// input named `key` stands last and by name only, since callers leave it out.
struct Signature {
  explicit Signature(const Op& op);

  const Op& op;
  std::vector<PyObject*> names;  // interned, of all parameters; live as long as the process
  int n_inputs = 0;              // without `key`
  int n_positional = 0;          // n_inputs + attributes
  int key = -1;                  // position in names, or -1
  bool many = false;             // its input is a sequence of tensors
  bool variadic = false;         // the last attribute takes the rest of the positional arguments: reshape(x, 2, 3)
  bool objects = false;          // has attributes that only C++ can make
  Ref<Attrs> defaults;           // shared by calls that give no attribute; null where one is required
  std::string text;              // "(x, dim=None, keepdim=False)"
};

// Fills `in` and gives the attributes of one call. Throws TypeError "[op] ..." for what does not fit.
Ref<Attrs> parse(const Signature& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Operands* in);

// A default as Python source, for signatures; and as an object, for registry().
std::string attr_text(const Attr& a);
py::object attr_object(const Attr& a);

}  // namespace bs::bindings
