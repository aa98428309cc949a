// What a captured function saw in Python, which must be the same when its program runs again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bindings/errors.h"

namespace bs::bindings {

// The same object, or numbers, strings, or tuples of these of one type that are equal: of floats the bits count.
bool same(PyObject* a, PyObject* b);

// A change of a class or of a base gives the class another version, or 0 until the next look.
constexpr bool kTypesHaveVersions = PY_VERSION_HEX >= 0x030B0000;
// Another one after each change of the dict; 0 where it has none.
inline uint64_t version_of_dict([[maybe_unused]] PyObject* dict) {
#if PY_VERSION_HEX < 0x030C0000
  return reinterpret_cast<PyDictObject*>(dict)->ma_version_tag;
#else
  return 0;
#endif
}

struct Guard {
  enum class Kind : uint8_t {
    attribute,  // object.name, compared by ==
    member,     // object.name, without what the class says about getting attributes
    item,       // object[name] of a dict; absent() where there is none
    cell,       // what the cell of a closure holds; absent() where it is empty
    type,       // object's attributes by name, with those of its bases, as the dict `value`
    list,       // the items are those of the tuple `value`
    dict,       // the items are those of the dict `value`, in its order
    set,        // equal to `value`
    array,      // the bytes are `value`
    tensor,     // its value is that of the tensor `value`, which holds it
  };
  Kind kind;
  py::object object, name, value;
  py::object where;      // before the name, in a warning
  uint64_t version = 0;  // of a type or, where dicts have one, of a dict, when it was last compared

  // Nearly all hold at nearly all calls by a look at pointers alone.
  bool holds() { return untouched() || compare(); }
  // What it is about, for a warning.
  py::object label() const;
  int visit(visitproc visit, void* arg) const;

 private:
  bool untouched() const {
    if (kind == Kind::cell) return PyCell_GET(object.ptr()) == value.ptr();
    if (kind == Kind::type && kTypesHaveVersions)
      return version != 0 && reinterpret_cast<PyTypeObject*>(object.ptr())->tp_version_tag == version;
    if (kind == Kind::item) return version != 0 && version_of_dict(object.ptr()) == version;
    return false;
  }
  bool compare();
};

// Stands for what is not there.
PyObject* absent();

// Sees what is read while a function is captured on this thread (python/backsweep/_watch.py): attributes, globals,
// closures.
class Watch {
 public:
  // `constants`: arguments that are no tensors.
  Watch(py::handle fn, py::handle constants);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  // The end. Appends what is compared at each call, and what only when the structure epoch has moved. What the
  // function itself has changed of a list, a dict, a set or an array is no part of it.
  void take(std::vector<Guard>& seen, std::vector<Guard>& structure);
  // The end. What the function has set, as tuples (_watch.Assigned).
  py::list assigned();
  // Sets some of these back to what they were.
  void undo(const py::list& assigned);
  // Of `inputs` a program reads the value anew: it is not compared, nor are containers that it writes to.
  void given(const py::list& inputs, const py::list& stored);

 private:
  struct Eyes;
  void stop();
  py::object watch_;
  std::unique_ptr<Eyes> eyes_;
};

// fn(*args), a rule of a user's unit. While a compiled function's derivative is traced on this thread, what it reads
// decides whether the trace is used again.
py::object call_rule(const py::object& fn, const py::tuple& args);

}  // namespace bs::bindings
