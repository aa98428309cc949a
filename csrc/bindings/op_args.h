// From Python arguments to an op's inputs and attributes, by its schema.
#pragma once

#include <string>

#include "bindings/arguments.h"
#include "bindings/op_call.h"
#include "graph/op.h"

namespace bs::bindings {

// Where a Python number may stand for the first tensor: as in PyTorch nowhere but in some functions of two.
enum class Numbers : uint8_t { none, beside_tensors, any };

// What is parsed for one op, worked out once. Parameters are its inputs, its attributes, and the keyword.
struct Signature {
  // As a method, the first positional argument is the input Op::self; in place, the result becomes its value.
  explicit Signature(const Op& op, bool method = false, bool in_place = false);

  const Op& op;
  const bool in_place;
  Parameters parameters;
  int keyword = -1;                              // the place of what Op::keyword names, or -1
  bool many = false;                             // its input is a sequence of tensors
  bool weak = false;                             // it has inputs where Python numbers take the dtype of the others
  bool drawn = false;                            // it has inputs that are drawn where they are left out
  Numbers numbers = Numbers::none;               // whether its first input may be a Python number
  Ref<Attrs> defaults;                           // shared by calls that give no attribute; null where one is required
  std::vector<const Signature*> overloads = {};  // of Op::overloads
  std::string seconds = {};      // ", axis=None": names that parameters with a default have besides, for inspect
  const Op* one_pass = nullptr;  // ops/one_pass.h; of one that works in place
  PyObject* named = nullptr;     // the class of its results where they are a named tuple

  // Throws TypeError "[op] ..." for a Python number that `numbers` refuses.
  void check_numbers(const Arguments& given) const {
    if (numbers != Numbers::any && given.has(0) && is_number(given[0])) check_number(given);
  }
  // Whether the arguments are such as it takes, by their names, their number, and whether they are tensors.
  bool fits(PyObject* const* args, Py_ssize_t n, PyObject* kwnames) const;

 private:
  void check_number(const Arguments& given) const;
};

// Fills `in` and gives the attributes of one call, whose arguments it may change. Throws TypeError "[op] ..." for what
// does not fit.
Ref<Attrs> parse(const Signature& s, Arguments& given, Operands* in);

// A default as an object, for registry().
py::object default_object(const AttrSchema& schema);

}  // namespace bs::bindings
