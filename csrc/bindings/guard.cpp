#include "bindings/guard.h"

#include <cstring>
#include <unordered_set>

#include "base/error.h"
#include "bindings/names.h"
#include "bindings/pybind.h"
#include "graph/storage.h"

namespace bs::bindings {
namespace {

bool equal(PyObject* a, PyObject* b) {
  const int equal = PyObject_RichCompareBool(a, b, Py_EQ);
  if (equal < 0) throw py::error_already_set();
  return equal == 1;
}

// Same items in the same order.
bool same_dict(PyObject* a, PyObject* b) {
  if (PyDict_Size(a) != PyDict_Size(b)) return false;
  Py_ssize_t at_a = 0, at_b = 0;
  PyObject *key_a, *key_b, *value_a, *value_b;
  while (PyDict_Next(a, &at_a, &key_a, &value_a) && PyDict_Next(b, &at_b, &key_b, &value_b))
    if (!same(key_a, key_b) || !same(value_a, value_b)) return false;
  return true;
}

bool same_array(py::handle object, py::handle bytes) {
  const auto array = py::reinterpret_borrow<py::array>(object);
  const Py_ssize_t size = PyBytes_GET_SIZE(bytes.ptr());
  if (array.nbytes() != size) return false;
  if (!(array.flags() & py::array::c_style)) return array.attr("tobytes")().equal(bytes);
  return std::memcmp(array.data(), PyBytes_AS_STRING(bytes.ptr()), static_cast<size_t>(size)) == 0;
}

// A handle to the memory, with the flag and the cell that a leaf has now.
Tensor as_it_is(const Tensor& t) {
  Tensor made = t.alias();
  made.node()->requires_grad = t.requires_grad();
  made.node()->cell = t.node()->cell;
  return made;
}

// The same memory, which nobody writes while `value` holds it, and the same leaf.
bool same_tensor(PyObject* o, PyObject* value) {
  if (lies_in_slot(o)) return false;
  const Tensor &now = handle_of(o), &then = as_tensor(value)->t;
  const bool same = now.out().buffer.get() == then.out().buffer.get();
  if (!same) move_to_slot(o);
  return same && Place(now) == Place(then) && now.requires_grad() == then.requires_grad() &&
         now.node()->cell.get() == then.node()->cell.get();
}

PyObject* or_absent(PyObject* borrowed) {
  if (!borrowed && PyErr_Occurred()) throw py::error_already_set();
  return borrowed ? borrowed : absent();
}

bool same_class(PyObject* cls, PyObject* names, uint64_t* version) {
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  if (!kTypesHaveVersions && !PyType_HasFeature(type, Py_TPFLAGS_VALID_VERSION_TAG)) *version = 0;
  if (*version && type->tp_version_tag == *version) return true;
  Py_ssize_t at = 0;
  PyObject *name, *value;
  while (PyDict_Next(names, &at, &name, &value))
    if (!same(or_absent(_PyType_Lookup(type, name)), value)) return false;
  *version = type->tp_version_tag;
  return true;
}

Guard::Kind kind_of(PyObject* name) {
  using K = Guard::Kind;
  for (auto [known, kind] : {std::pair{"attribute", K::attribute},
                             {"member", K::member},
                             {"item", K::item},
                             {"cell", K::cell},
                             {"type", K::type},
                             {"list", K::list},
                             {"dict", K::dict},
                             {"set", K::set},
                             {"array", K::array},
                             {"tensor", K::tensor}})
    if (PyUnicode_CompareWithASCIIString(name, known) == 0) return kind;
  throw GraphError("[compile] no such kind of guard");
}

}  // namespace

bool same(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b)) return false;
  if (PyFloat_Check(a)) {
    const double x = PyFloat_AS_DOUBLE(a), y = PyFloat_AS_DOUBLE(b);
    return std::memcmp(&x, &y, sizeof x) == 0;
  }
  if (PyTuple_CheckExact(a)) {
    if (PyTuple_GET_SIZE(a) != PyTuple_GET_SIZE(b)) return false;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(a); ++i)
      if (!same(PyTuple_GET_ITEM(a, i), PyTuple_GET_ITEM(b, i))) return false;
    return true;
  }
  static PyObject* const number = imported("numpy", "generic");
  if (PyLong_CheckExact(a) || PyUnicode_CheckExact(a) || PyBytes_CheckExact(a) || PyComplex_CheckExact(a) ||
      PyObject_TypeCheck(a, reinterpret_cast<PyTypeObject*>(number)))
    return equal(a, b);
  return false;
}

PyObject* absent() {
  static PyObject* const made = imported("backsweep._structure", "ABSENT");
  return made;
}

bool Guard::compare() {
  PyObject* const o = object.ptr();
  switch (kind) {
    case Kind::attribute:
      return equal(owned(PyObject_GetAttr(o, name.ptr())).ptr(), value.ptr());
    case Kind::member: {
      const auto now = py::reinterpret_steal<py::object>(PyObject_GenericGetAttr(o, name.ptr()));
      if (!now) PyErr_Clear();
      return now && same(now.ptr(), value.ptr());
    }
    case Kind::item: {
      const uint64_t now = version_of_dict(o);
      const bool holds = same(or_absent(PyDict_GetItemWithError(o, name.ptr())), value.ptr());
      if (holds) version = now;
      return holds;
    }
    case Kind::cell:
      return same(or_absent(PyCell_GET(o)), value.ptr());
    case Kind::type:
      return same_class(o, value.ptr(), &version);
    case Kind::list: {
      const Py_ssize_t n = PyTuple_GET_SIZE(value.ptr());
      if (PyList_GET_SIZE(o) != n) return false;
      for (Py_ssize_t i = 0; i < n && i < PyList_GET_SIZE(o); ++i)
        if (!same(PyList_GET_ITEM(o, i), PyTuple_GET_ITEM(value.ptr(), i))) return false;
      return true;
    }
    case Kind::dict:
      return same_dict(o, value.ptr());
    case Kind::set:
      return equal(o, value.ptr());
    case Kind::array:
      return same_array(object, value);
    case Kind::tensor:
      return same_tensor(object.ptr(), value.ptr());
  }
  return false;
}

py::object Guard::label() const { return owned(PyUnicode_Concat(where.ptr(), name.ptr())); }

int Guard::visit(visitproc visit, void* arg) const {
  Py_VISIT(object.ptr());
  Py_VISIT(value.ptr());
  return 0;
}

// While one lives Python collects no cycles: finalizers and callbacks that a collection runs, on whatever thread it
// falls to, are not of the captured code. Read and written with the interpreter's lock held.
class NoCollection {
 public:
  NoCollection() {
    if (alive++ == 0) enabled = PyGC_Disable();
  }
  ~NoCollection() {
    if (--alive == 0 && enabled) PyGC_Enable();
  }
  NoCollection(const NoCollection&) = delete;
  NoCollection& operator=(const NoCollection&) = delete;

 private:
  static inline int alive = 0;
  static inline bool enabled = false;  // before the first
};

// The profile function while a function is captured: it hands on each code that runs for the first time, and calls
// what was set before.
struct Watch::Eyes {
  PyObject* watch;
  Py_tracefunc before;
  py::object before_object;
  std::unordered_set<PyObject*> codes;  // held by `watch`
  Eyes* outer;
  NoCollection no_collection;
  static thread_local Eyes* current;

  explicit Eyes(PyObject* w) : watch(w), outer(current) {
    PyThreadState* state = PyThreadState_Get();
    before = state->c_profilefunc;
    before_object = py::reinterpret_borrow<py::object>(state->c_profileobj);
    current = this;
    PyEval_SetProfile(see, watch);
  }
  ~Eyes() {
    current = outer;
    if (PyThreadState_Get()->c_profilefunc == see) PyEval_SetProfile(before, before_object.ptr());
  }
  static int see(PyObject*, PyFrameObject* frame, int what, PyObject* arg) {
    Eyes* const self = current;
    if (!self) return 0;
    if (what == PyTrace_CALL) {
      const auto code = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
      if (self->codes.insert(code.ptr()).second) {
        const auto done = py::reinterpret_steal<py::object>(
            PyObject_CallMethod(self->watch, "ran", "O", reinterpret_cast<PyObject*>(frame)));
        if (!done) return -1;
      }
    }
    return self->before ? self->before(self->before_object.ptr(), frame, what, arg) : 0;
  }
};

thread_local Watch::Eyes* Watch::Eyes::current = nullptr;

Watch::Watch(py::handle fn, py::handle constants) {
  static PyObject* const type = imported("backsweep._watch", "Watch");
  watch_ = owned(PyObject_CallFunctionObjArgs(type, fn.ptr(), constants.ptr(), nullptr));
  eyes_ = std::make_unique<Eyes>(watch_.ptr());
}

void Watch::stop() {
  if (!eyes_) return;
  eyes_.reset();
  PyObject *kind, *value, *trace;  // the captured function's error
  PyErr_Fetch(&kind, &value, &trace);
  const auto done = py::reinterpret_steal<py::object>(PyObject_CallMethod(watch_.ptr(), "end", nullptr));
  if (!done) PyErr_WriteUnraisable(watch_.ptr());
  PyErr_Restore(kind, value, trace);
}

Watch::~Watch() { stop(); }

py::list Watch::assigned() {
  stop();
  return watch_.attr("assigned")();
}
void Watch::undo(const py::list& assigned) { watch_.attr("undo")(assigned); }
void Watch::given(const py::list& inputs, const py::list& stored) { watch_.attr("given")(inputs, stored); }

void Watch::take(std::vector<Guard>& seen, std::vector<Guard>& structure) {
  stop();
  const auto read = [&](const char* list, std::vector<Guard>& to) {
    for (py::handle one : watch_.attr(list)) {
      const auto fields = py::reinterpret_borrow<py::tuple>(one);
      Guard g{kind_of(PyTuple_GET_ITEM(one.ptr(), 0)), fields[1], fields[2], fields[3], fields[4]};
      if (g.kind == Guard::Kind::tensor) {
        PyObject* const o = g.object.ptr();
        if (lies_in_slot(o) || !handle_of(o).has_value()) continue;
        g.value = py::reinterpret_steal<py::object>(wrap(as_it_is(handle_of(o))));
      }
      const bool container = g.kind >= Guard::Kind::list && g.kind != Guard::Kind::tensor;
      if (!container || g.holds()) to.push_back(std::move(g));
    }
  };
  read("seen", seen);
  read("structure", structure);
}

}  // namespace bs::bindings
