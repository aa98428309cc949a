#include "bindings/dtype.h"

#include <atomic>
#include <cstring>

#include "base/error.h"
#include "bindings/errors.h"

namespace bs::bindings {
namespace {

struct PyDType {
  PyObject_HEAD DType t;
};

PyTypeObject* type = nullptr;
PyObject* singleton[kDTypes];
PyObject* rebuild = nullptr;  // _core._dtype

std::atomic<DType> usual{DType::f32};

DType of(PyObject* self) { return reinterpret_cast<PyDType*>(self)->t; }

// The name in Python, where `bool` is taken.
const char* python_name(DType t) { return t == DType::b8 ? "bool_" : name_of(t); }

bool parse_name(const char* name, DType* out) {
  for (int i = 0; i < kDTypes; ++i) {
    DType t = static_cast<DType>(i);
    if (std::strcmp(name, name_of(t)) == 0 || std::strcmp(name, python_name(t)) == 0) {
      *out = t;
      return true;
    }
  }
  return false;
}

PyObject* repr(PyObject* self) { return PyUnicode_FromFormat("bs.%s", python_name(of(self))); }

// Equal to the string of the name, and hashed like it.
Py_hash_t hash(PyObject* self) {
  return guarded([&] { return static_cast<Py_hash_t>(py::hash(py::str(name_of(of(self))))); });
}

PyObject* compare(PyObject* a, PyObject* b, int how) {
  return guarded([&]() -> PyObject* {
    DType t;
    // Python's float, int and bool name dtypes as arguments, but are no dtypes; NumPy's scalar types are.
    const bool python = b == reinterpret_cast<PyObject*>(&PyFloat_Type) ||
                        b == reinterpret_cast<PyObject*>(&PyLong_Type) ||
                        b == reinterpret_cast<PyObject*>(&PyBool_Type);
    if ((how != Py_EQ && how != Py_NE) || python || !parse_dtype(b, &t)) Py_RETURN_NOTIMPLEMENTED;
    return PyBool_FromLong((of(a) == t) == (how == Py_EQ));
  });
}

PyObject* get_name(PyObject* self, void*) { return PyUnicode_FromString(name_of(of(self))); }
PyObject* get_itemsize(PyObject* self, void*) { return PyLong_FromSize_t(size_of(of(self))); }
PyObject* get_is_float(PyObject* self, void*) { return PyBool_FromLong(is_float(of(self))); }
PyObject* get_is_complex(PyObject*, void*) { Py_RETURN_FALSE; }
PyObject* get_is_signed(PyObject* self, void*) {
  return PyBool_FromLong(of(self) != DType::u8 && of(self) != DType::b8);
}
PyObject* get_numpy(PyObject* self, void*) {
  return guarded([&] { return numpy_dtype(of(self), "dtype").release().ptr(); });
}

PyObject* reduce(PyObject* self, PyObject*) { return Py_BuildValue("O(s)", rebuild, name_of(of(self))); }

PyGetSetDef dtype_getset[] = {
    {"name", get_name, nullptr, "The name, as NumPy has it.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes per element.", nullptr},
    {"is_floating_point", get_is_float, nullptr, "Whether gradients exist for it.", nullptr},
    {"is_complex", get_is_complex, nullptr, "False.", nullptr},
    {"is_signed", get_is_signed, nullptr, "Whether it has negative numbers.", nullptr},
    {"dtype", get_numpy, nullptr, "The NumPy dtype; makes np.dtype(bs.float32) work.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};

PyType_Slot dtype_slots[] = {
    {Py_tp_doc,
     const_cast<char*>("The element type of tensors. float32, float64, int32, int64 and bool_ compute; uint8, "
                       "int8, int16, float16 and bfloat16 are stored, moved and cast.")},
    {Py_tp_repr, reinterpret_cast<void*>(repr)},
    {Py_tp_hash, reinterpret_cast<void*>(hash)},
    {Py_tp_richcompare, reinterpret_cast<void*>(compare)},
    {Py_tp_getset, dtype_getset},
    {Py_tp_methods, methods},
    {0, nullptr}};
PyType_Spec dtype_spec = {"backsweep.DType", sizeof(PyDType), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                          dtype_slots};

}  // namespace

DType default_dtype() { return usual.load(std::memory_order_relaxed); }

PyObject* dtype_object(DType t) { return singleton[static_cast<int>(t)]; }

py::dtype numpy_dtype(DType t, const char* op) {
  if (t == DType::bf16) throw DTypeError(cat("[", op, "] NumPy has no bfloat16: cast first, as in x.float()"));
  return py::dtype(name_of(t));
}

bool from_numpy_dtype(const py::dtype& d, DType* out) {
  const char kind = d.kind();
  for (int i = 0; i < kDTypes; ++i) {
    const DType t = static_cast<DType>(i);
    const char k = t == DType::bf16 ? 'V' : is_float(t) ? 'f' : t == DType::b8 ? 'b' : t == DType::u8 ? 'u' : 'i';
    if (kind != k || static_cast<size_t>(d.itemsize()) != size_of(t)) continue;
    if (t == DType::bf16 && py::cast<std::string>(d.attr("name")) != name_of(t)) continue;
    *out = t;
    return true;
  }
  return false;
}

bool parse_dtype(PyObject* o, DType* out) {
  if (Py_TYPE(o) == type) {
    *out = of(o);
    return true;
  }
  if (PyUnicode_Check(o)) {
    const char* name = PyUnicode_AsUTF8(o);
    if (!name) PyErr_Clear();
    return name && parse_name(name, out);
  }
  if (PyType_Check(o)) {
    if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) {
      *out = DType::f64;
      return true;
    }
    if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) {
      *out = DType::i64;
      return true;
    }
    if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) {
      *out = DType::b8;
      return true;
    }
    // np.float32 and its like: only subclasses of np.generic, since NumPy takes any class for dtype 'O'.
    static PyObject* generic = imported("numpy", "generic");
    int sub = PyObject_IsSubclass(o, generic);
    if (sub < 0) PyErr_Clear();
    if (sub <= 0) return false;
    try {
      return from_numpy_dtype(py::dtype::from_args(py::reinterpret_borrow<py::object>(o)), out);
    } catch (py::error_already_set&) {
      return false;
    }
  }
  if (py::isinstance<py::dtype>(o)) return from_numpy_dtype(py::reinterpret_borrow<py::dtype>(o), out);
  return false;
}

DType dtype_argument(const char* op, PyObject* o) {
  DType t;
  if (!parse_dtype(o, &t))
    throw py::type_error(cat("[", op,
                             "] dtype is one of float32, float64, float16, bfloat16, int8, int16, int32, int64, "
                             "uint8, bool, not ",
                             py::cast<std::string>(py::repr(o))));
  return t;
}

void register_dtypes(py::module_& m) {
  type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&dtype_spec)));
  m.attr("DType") = py::handle(reinterpret_cast<PyObject*>(type));
  for (int i = 0; i < kDTypes; ++i) {
    PyObject* o = checked(type->tp_alloc(type, 0));
    reinterpret_cast<PyDType*>(o)->t = static_cast<DType>(i);
    singleton[i] = o;
    m.attr(python_name(static_cast<DType>(i))) = py::handle(o);
  }
  m.def("_dtype", [](const std::string& name) {
    DType t;
    if (!parse_name(name.c_str(), &t)) throw ValueError(cat("[dtype] there is no dtype '", name, "'"));
    return py::reinterpret_borrow<py::object>(dtype_object(t));
  });
  m.def(
      "get_default_dtype", [] { return py::reinterpret_borrow<py::object>(dtype_object(default_dtype())); },
      "What Python's floats become, and what tensors are made of unless something else is asked for.");
  m.def(
      "set_default_dtype",
      [](py::object d) {
        const DType t = dtype_argument("set_default_dtype", d.ptr());
        if (t != DType::f32 && t != DType::f64)
          throw DTypeError(cat("[set_default_dtype] d is float32 or float64, not ", name_of(t)));
        usual = t;
      },
      py::arg("d"),
      "Sets what get_default_dtype() gives: float32 or float64.\n\n"
      "Compiled functions keep what it was when they were captured; quotients of integers stay float32.");
  rebuild = py::object(m.attr("_dtype")).release().ptr();
}

}  // namespace bs::bindings
