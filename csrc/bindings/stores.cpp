// What a captured function leaves in Python besides its result: new values of arguments, attributes, globals.
#include <cstddef>

#include "base/error.h"
#include "bindings/compiled.h"
#include "bindings/names.h"
#include "bindings/symbol_names.h"
#include "graph/apply.h"

namespace bs::bindings {
namespace {

struct Placeholder {
  PyObject_HEAD int argument;  // -1: the next output
};
PyTypeObject* placeholder_type = nullptr;
PyType_Slot placeholder_slots[] = {{0, nullptr}};
PyType_Spec placeholder_spec{"backsweep._core._Output", sizeof(Placeholder), 0, Py_TPFLAGS_DEFAULT, placeholder_slots};

// Whether `is` some plain tensor in it.
template <class F>
bool holds(py::handle value, const F& is) {
  bool found = false;
  auto look = [&](py::handle o) -> py::object {
    found |= is_tensor(o.ptr()) && !slot_of(o.ptr()) && is(unwrap(o.ptr()));
    return py::none();
  };
  map_leaves(value, look);
  return found;
}

void put_at(const py::object& object, const py::object& name, const py::object& value) {
  const int failed = PyDict_Check(object.ptr()) ? PyDict_SetItem(object.ptr(), name.ptr(), value.ptr())
                                                : PyObject_SetItem(object.ptr(), name.ptr(), value.ptr());
  if (failed) throw py::error_already_set();
}

}  // namespace

py::object placeholder(int argument) {
  py::object made = owned(PyObject_CallNoArgs(reinterpret_cast<PyObject*>(placeholder_type)));
  reinterpret_cast<Placeholder*>(made.ptr())->argument = argument;
  return made;
}
bool is_placeholder(PyObject* o) { return Py_TYPE(o) == placeholder_type; }
int argument_of(PyObject* o) { return reinterpret_cast<Placeholder*>(o)->argument; }

bool holds_symbol(py::handle value) { return holds(value, of_capture); }
bool holds_value(py::handle value) {
  return holds(value, [](const Tensor& t) { return !t.symbolic(); });
}

py::object filled(const py::object& pattern, std::span<Tensor> outputs, size_t* next,
                  const std::vector<py::object>& leaves) {
  auto put = [&](py::handle o) -> py::object {
    if (!is_placeholder(o.ptr())) return py::reinterpret_borrow<py::object>(o);
    if (const int argument = argument_of(o.ptr()); argument >= 0) return leaves[static_cast<size_t>(argument)];
    return py::reinterpret_steal<py::object>(wrap(std::move(outputs[(*next)++])));
  };
  return map_leaves(pattern, put);
}

void Store::put(py::object value_now) const {
  if (kind == Kind::cell) {
    if (PyCell_Set(object.ptr(), value_now.ptr()) < 0) throw py::error_already_set();
    return;
  }
  put_at(object, name, value_now);
  if (!structure.is_none()) structure.attr("note")(name, value_now);
}

py::object Hidden::now() const {
  const py::object object = assigned.attr("object"), name = assigned.attr("name");
  if (PyCell_Check(object.ptr())) {
    PyObject* held = PyCell_GET(object.ptr());
    return held ? py::reinterpret_borrow<py::object>(held) : py::none();
  }
  PyObject* held = PyObject_GetItem(object.ptr(), name.ptr());
  if (!held) PyErr_Clear();
  return held ? py::reinterpret_steal<py::object>(held) : py::none();
}

void Hidden::set(const py::object& value) const {
  const py::object object = assigned.attr("object");
  if (PyCell_Check(object.ptr())) {
    if (PyCell_Set(object.ptr(), value.ptr()) < 0) throw py::error_already_set();
    return;
  }
  put_at(object, assigned.attr("name"), value);
}

std::string aliases(const std::vector<py::object>& objects) {
  std::string text;
  for (size_t j = 1; j < objects.size(); ++j)
    for (size_t i = 0; i < j; ++i) {
      PyObject *a = objects[i].ptr(), *b = objects[j].ptr();
      if (!a || !b || !is_tensor(a) || !is_tensor(b)) continue;
      if (a == b || share_storage(a, b)) text += cat(a == b ? '=' : '~', i, ':', j, ' ');
    }
  return text;
}

void write_back(PyObject* target, Tensor value) {
  // A leaf stays one: what wrote to it was not recorded.
  RecordingGuard mode(recording() && !(requires_grad(target) && is_leaf(target)));
  write(target, std::move(value), "compile");
}

void Given::add(Given more) {
  for (auto [tensor, object] : more.arrays) arrays.emplace_back(tensors.size() + tensor, objects.size() + object);
  tensors.insert(tensors.end(), more.tensors.begin(), more.tensors.end());
  objects.insert(objects.end(), more.objects.begin(), more.objects.end());
}

bool collect_hidden(const Entry& entry, std::vector<Leaf>* leaves, Given* given) {
  for (const Hidden& h : entry.hidden) {
    const py::object now = h.now();
    std::string nesting;
    describe_nesting(now, nesting);
    if (nesting != h.nesting) return false;
    collect(now, leaves, given);
  }
  return true;
}

void register_stores() {
  placeholder_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&placeholder_spec)));
}

}  // namespace bs::bindings
