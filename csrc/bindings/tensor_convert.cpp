// Between tensors and NumPy arrays, Python numbers and nested sequences.
#include <cstring>
#include <vector>

#include "base/error.h"
#include "bindings/arguments.h"
#include "bindings/device.h"
#include "bindings/dtype.h"
#include "bindings/size.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

// A leaf on somebody's memory.
Tensor leaf_on(DType dtype, const Dims& shape, Ref<Buffer> buffer) {
  Tensor t(Node::make(nullptr, 0, 1), 0);
  t.out().spec.dtype = dtype;
  t.out().spec.shape = shape;
  t.out().buffer = std::move(buffer);
  return t;
}

bool is_numpy_scalar(PyObject* o) {
  static PyObject* generic = imported("numpy", "generic");
  return PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(generic));
}

// Whether a nested sequence holds something of dtype float64: NumPy makes all that of Python's floats too, which here
// have the default dtype.
bool holds_float64(PyObject* o, int depth = 0) {
  if (PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o)) return false;
  if (is_tensor(o)) return spec_of(o).dtype == DType::f64;
  if (PyList_Check(o) || PyTuple_Check(o)) {
    for (Py_ssize_t i = 0; depth <= kMaxDims && i < PySequence_Fast_GET_SIZE(o); ++i)
      if (holds_float64(PySequence_Fast_GET_ITEM(o, i), depth + 1)) return true;
    return false;
  }
  if (!py::isinstance<py::array>(o) && !is_numpy_scalar(o)) return false;
  const py::object dtype = py::handle(o).attr("dtype");
  return py::cast<char>(dtype.attr("kind")) == 'f' && py::cast<int>(dtype.attr("itemsize")) >= 8;
}

// A tensor among the items, whose value NumPy is going to read: a symbolic one must say so itself.
bool holds_symbolic(PyObject* o, int depth = 0) {
  if (is_tensor(o)) return unwrap(o).symbolic();
  if ((!PyList_Check(o) && !PyTuple_Check(o)) || depth > kMaxDims) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(o, i);
    if (is_number(item)) return false;
    if (holds_symbolic(item, depth + 1)) return true;
  }
  return false;
}

std::string error_text(const py::error_already_set& e) {
  try {
    return py::cast<std::string>(py::str(e.value()));
  } catch (...) {
    return "";
  }
}

Tensor from_sequence(PyObject* o, const DType* dtype, const char* op) {
  if (holds_symbolic(o)) throw_reads_value();
  static PyObject* asarray = imported("numpy", "asarray");
  py::array a;
  try {
    a = py::array(py::handle(asarray)(py::handle(o)));
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_ValueError)) throw;
    throw ShapeError(
        cat("[", op, "] the rows of a nested sequence have different lengths (NumPy: ", error_text(e), ")"));
  }
  if (a.dtype().kind() == 'O')
    throw py::type_error(cat("[", op, "] a sequence holds something that is no number, or an int beyond 64 bits"));
  const DType usual = default_dtype();
  if (!dtype && a.dtype().kind() == 'f' && a.dtype().itemsize() > 4 && !holds_float64(o)) dtype = &usual;
  return from_array(std::move(a), dtype, false, op);
}

// For messages: long ones by their length, of which Python prints none above 4300 digits.
std::string int_text(PyObject* o) {
  const auto bits = py::cast<int64_t>(py::handle(o).attr("bit_length")());
  if (bits > 128) return cat("an int of ", bits, " bits");
  return "the number " + py::cast<std::string>(py::str(o));
}

template <class T>
PyObject* to_python(const char* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  if constexpr (std::is_floating_point_v<T>) {
    return checked(PyFloat_FromDouble(static_cast<double>(v)));
  } else {
    return checked(PyLong_FromLongLong(v));
  }
}

// tensor(), and Tensor's constructor with a dtype: always a copy.
Tensor new_tensor(PyObject* data, PyObject* dtype, const char* op) {
  DType want = DType::f32;
  const DType* asked = nullptr;
  if (dtype && dtype != Py_None) {
    want = dtype_argument(op, dtype);
    asked = &want;
  }
  if (is_tensor(data)) {
    Tensor t = unwrap(data);
    return taped(t, [want = asked ? want : t.dtype()](const Tensor& x) {
      return detached(want != x.dtype() ? ops::cast(x, want) : x);
    });
  }
  if (is_number(data) && !is_numpy_scalar(data)) return scalar_tensor(data, asked ? want : number_dtype(data), op);
  if (PyList_Check(data) || PyTuple_Check(data)) return from_sequence(data, asked, op);
  Tensor t;
  if (asked && (py::isinstance<py::array>(data) || PyObject_HasAttrString(data, "__array__")))
    return from_array(py::array(py::reinterpret_borrow<py::object>(data)), asked, false, op);
  t = to_tensor(data, op);
  return asked && want != t.dtype() ? detached(ops::cast(t, want)) : t;
}

}  // namespace

DType number_dtype(PyObject* o) {
  return PyFloat_Check(o) ? default_dtype() : PyBool_Check(o) ? DType::b8 : DType::i64;
}

double double_of(PyObject* o, const char* op) {
  const double v = PyFloat_AsDouble(o);
  if (v != -1 || !PyErr_Occurred()) return v;
  if (!PyErr_ExceptionMatches(PyExc_OverflowError)) throw py::error_already_set();
  PyErr_Clear();
  throw ValueError(cat("[", op, "] ", int_text(o), " does not fit a float"));
}

Tensor scalar_tensor(PyObject* o, DType dtype, const char* op) {
  if (PyFloat_Check(o)) return Tensor::scalar(PyFloat_AS_DOUBLE(o), dtype);
  if (is_float(dtype)) {
    return Tensor::scalar(double_of(o, op), dtype);
  }
  if (dtype == DType::b8) {
    int v = PyObject_IsTrue(o);
    if (v < 0) throw py::error_already_set();
    return Tensor::scalar(v, dtype);
  }
  int overflow = 0;  // not through a double, which holds 53 bits
  long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (v == -1 && !overflow && PyErr_Occurred()) throw py::error_already_set();
  const int bits = 8 * static_cast<int>(size_of(dtype)) - (dtype != DType::u8);  // of a number's magnitude
  const bool fits = dtype == DType::u8 ? v >> bits == 0 : bits == 63 || v >> bits == 0 || v >> bits == -1;
  if (overflow || !fits) throw ValueError(cat("[", op, "] ", int_text(o), " does not fit ", name_of(dtype)));
  Tensor t = Tensor::empty(dtype, {});
  std::memcpy(t.data(), &v, size_of(dtype));  // the low bytes: all supported processors are little-endian
  return t;
}

// Of arrays of ml_dtypes' bfloat16 the bits, of others what float32 makes of them.
Tensor from_bfloat16(py::array a, const char* op) {
  DType own;
  const DType f32 = DType::f32;
  if (!from_numpy_dtype(a.dtype(), &own) || own != DType::bf16)
    return detached(ops::cast(from_array(std::move(a), &f32, false, op), DType::bf16));
  const DType i16 = DType::i16;
  return detached(ops::bitcast(from_array(py::array(a.attr("view")("int16")), &i16, false, op), DType::bf16));
}

Tensor from_array(py::array a, const DType* asked, bool share, const char* op) {
  DType dtype;
  if (asked) {
    dtype = *asked;
  } else if (!from_numpy_dtype(a.dtype(), &dtype)) {
    throw DTypeError(cat("[", op, "] NumPy's ", py::cast<std::string>(py::str(a.dtype())),
                         " has no counterpart here: convert it first, for example with .astype(np.float32)"));
  }
  if (a.ndim() > kMaxDims)
    throw ShapeError(cat("[", op, "] an array of ", a.ndim(), " dimensions: there are at most 8"));
  if (dtype == DType::bf16) return from_bfloat16(std::move(a), op);
  const py::dtype want = numpy_dtype(dtype, op);
  if (!a.dtype().equal(want)) {  // another type, or the same in foreign byte order
    const char kind = a.dtype().kind();
    if (!std::strchr("biuf", kind))
      throw DTypeError(
          cat("[", op, "] NumPy's ", py::cast<std::string>(py::str(a.dtype())), " cannot become ", name_of(dtype)));
    a = py::array(a.attr("astype")(want));
    share = true;
  }
  Dims shape;
  for (py::ssize_t i = 0; i < a.ndim(); ++i) shape.push(a.shape(i));
  const int packed = int{py::array::c_style} | int{py::detail::npy_api::NPY_ARRAY_ALIGNED_};
  if ((a.flags() & packed) != packed) {
    static PyObject* copy = imported("numpy", "array");
    a = py::array(py::handle(copy)(a, py::arg("order") = "C"));
    share = true;
  }
  const int64_t bytes = checked_bytes(numel(shape), static_cast<int64_t>(size_of(dtype)));
  if (!share) {
    Tensor t = Tensor::empty(dtype, shape);
    if (bytes) std::memcpy(t.data(), a.data(), static_cast<size_t>(bytes));
    return t;
  }
  void* data = const_cast<void*>(a.data());
  return leaf_on(dtype, shape, Buffer::wrap(data, static_cast<size_t>(bytes), release_object, a.release().ptr()));
}

Tensor to_tensor(PyObject* o, const char* op, const char* argument) {
  if (is_tensor(o)) return unwrap(o);
  if (is_size(o)) return to_tensor(without_size(o).ptr(), op, argument);
  if (PyFloat_CheckExact(o) || PyLong_Check(o)) return scalar_tensor(o, number_dtype(o), op);
  if (py::isinstance<py::array>(o)) return from_array(py::reinterpret_borrow<py::array>(o), nullptr, false, op);
  if (PyList_Check(o) || PyTuple_Check(o)) return from_sequence(o, nullptr, op);
  // NumPy's scalars, and other libraries' arrays.
  if (!PyType_Check(o) && PyObject_HasAttrString(o, "__array__"))
    return from_array(py::array(py::reinterpret_borrow<py::object>(o)), nullptr, false, op);
  if (PyFloat_Check(o)) return scalar_tensor(o, number_dtype(o), op);
  throw py::type_error(
      cat("[", op, "] ", argument, " is a tensor, an array, a number or a nested sequence, not ", type_name(o)));
}

py::array numpy_view(const Tensor& t, const char* op) {
  char* data = t.data();
  const Spec& spec = t.spec();
  const Dims strides = spec.full_strides();
  std::vector<py::ssize_t> sizes(spec.shape.begin(), spec.shape.end()), steps;
  for (int64_t s : strides)
    steps.push_back(static_cast<py::ssize_t>(s) * static_cast<py::ssize_t>(size_of(spec.dtype)));
  Ref<Buffer> keep = t.out().buffer;
  py::capsule base(keep.get(), [](void* p) { Ref<Buffer>::adopt(static_cast<Buffer*>(p)); });
  keep.release();  // the capsule's now
  py::array a(numpy_dtype(spec.dtype, op), std::move(sizes), std::move(steps), data, base);
  py::detail::array_proxy(a.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return a;
}

PyObject* element(const Tensor& t, const char* op) {
  if (t.numel() != 1)
    throw ShapeError(cat("[", op, "] a tensor of shape ", str(t.shape()), " is not a single value: it has ", t.numel(),
                         " elements; use .tolist() or .numpy()"));
  const char* p = t.data();
  switch (t.dtype()) {
    case DType::f32:
      return to_python<float>(p);
    case DType::f64:
      return to_python<double>(p);
    case DType::i32:
      return to_python<int32_t>(p);
    case DType::i64:
      return to_python<int64_t>(p);
    case DType::b8:
      return PyBool_FromLong(*p);
    default:
      return element(ops::cast(t, computing(t.dtype())), op);
  }
}

int64_t int_argument(PyObject* o, const char* op, const char* argument) {
  if (!PyBool_Check(o) && PyIndex_Check(o)) {
    py::object i = py::reinterpret_steal<py::object>(PyNumber_Index(o));
    if (i) {
      int overflow = 0;
      long long v = PyLong_AsLongLongAndOverflow(i.ptr(), &overflow);
      if (overflow) throw ValueError(cat("[", op, "] ", argument, " does not fit in 64 bits"));
      if (v == -1 && PyErr_Occurred()) throw py::error_already_set();
      return v;
    }
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
    PyErr_Clear();
  }
  throw py::type_error(cat("[", op, "] ", argument, " is an int, not ", type_name(o)));
}

bool flag_argument(PyObject* o, const char* op, const char* argument) {
  static PyObject* numpy_bool = imported("numpy", "bool_");
  if (PyBool_Check(o)) return o == Py_True;
  if (PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(numpy_bool))) return PyObject_IsTrue(o) == 1;
  throw py::type_error(cat("[", op, "] ", argument, " is True or False, not ", type_name(o)));
}

py::object number_argument(PyObject* o, const char* op, const char* argument) {
  if (is_number(o) && !is_numpy_scalar(o)) return py::reinterpret_borrow<py::object>(o);
  if (is_size(o)) return without_size(o);
  if (is_tensor(o)) return py::reinterpret_steal<py::object>(element(unwrap_value(o), op));
  if (is_numpy_scalar(o) || py::isinstance<py::array>(o)) {
    py::object item = py::reinterpret_steal<py::object>(PyObject_CallMethod(o, "item", nullptr));
    if (item && is_number(item.ptr())) return item;
    PyErr_Clear();
  }
  throw py::type_error(cat("[", op, "] ", argument, " is a number, not ", type_name(o)));
}

Dims dims_argument(PyObject* o, const char* op, const char* argument) {
  Dims d;
  if (PyLong_Check(o) || (PyIndex_Check(o) && !PySequence_Check(o))) {
    d.push(int_argument(o, op, argument));
    return d;
  }
  py::object items;
  if (PySequence_Check(o) && !PyUnicode_Check(o) && !PyBytes_Check(o)) {
    items = py::reinterpret_steal<py::object>(PySequence_Fast(o, ""));
    if (!items) PyErr_Clear();
  }
  if (!items)
    throw py::type_error(cat("[", op, "] ", argument, " is an int or a sequence of ints, not ", type_name(o)));
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(items.ptr());
  if (n > kMaxDims)
    throw ShapeError(cat("[", op, "] ", argument, " has ", n, " entries: there are at most 8 dimensions"));
  for (Py_ssize_t i = 0; i < n; ++i) d.push(int_argument(PySequence_Fast_GET_ITEM(items.ptr(), i), op, argument));
  return d;
}

Dims dims_from_args(const py::args& args, const char* op, const char* argument) {
  return dims_argument(args.size() == 1 ? PyTuple_GET_ITEM(args.ptr(), 0) : args.ptr(), op, argument);
}

namespace {

constexpr char kTensor[] =
    "tensor(data, dtype=None, device=None, requires_grad=False, pin_memory=False)\n--\n\n"
    "A tensor with a copy of data: a NumPy array (keeps its dtype), a number or a nested sequence.\n\n"
    "Python floats become float32, ints int64, bools bool_; beside NumPy's numbers, what PyTorch makes of them.";
PyObject* tensor(PyObject*, const Arguments& v) {
  device_argument("tensor", v[2]);
  Tensor t = new_tensor(v[0], v[1], "tensor");
  const bool flag = v[3] && flag_argument(v[3], "tensor", "requires_grad");
  return wrap(flag ? with_requires_grad(std::move(t), "tensor") : std::move(t));
}

// On the memory of an array where its layout allows it; a tensor itself where it has the dtype.
PyObject* shared(PyObject* data, PyObject* dtype, const char* op) {
  DType want = DType::f32;
  const bool asked = dtype && dtype != Py_None;
  if (asked) want = dtype_argument(op, dtype);
  if (is_tensor(data)) {
    if (!asked || spec_of(data).dtype == want) return Py_NewRef(data);
    return wrap(taped(unwrap(data), [want](const Tensor& t) { return ops::cast(t, want); }));
  }
  if (!py::isinstance<py::array>(data)) return wrap(new_tensor(data, dtype, op));
  return wrap(from_array(py::reinterpret_borrow<py::array>(data), asked ? &want : nullptr, true, op));
}

#define BS_SHARES                                                                                                    \
  "A tensor on the memory of a NumPy array, without a copy where it is contiguous, aligned and of a known dtype; a " \
  "tensor itself.\n\n"                                                                                               \
  "The array must not be written to any more: what was computed from the tensor may still read it for "              \
  "derivatives. bs.tensor copies and has no such condition."
constexpr char kAsarray[] =
    "asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False)\n--\n\n" BS_SHARES;
PyObject* asarray(PyObject*, const Arguments& v) {
  device_argument("asarray", v[2]);
  const bool flag = v[4] && flag_argument(v[4], "asarray", "requires_grad");
  const bool copied = v.has(3) && flag_argument(v[3], "asarray", "copy");
  if (!flag && !copied) return shared(v[0], v[1], "asarray");
  Tensor t = new_tensor(v[0], v[1], "asarray");
  return wrap(flag ? with_requires_grad(std::move(t), "asarray") : std::move(t));
}
constexpr char kAsTensor[] = "as_tensor(data, dtype=None, device=None)\n--\n\n" BS_SHARES;
PyObject* as_tensor_(PyObject*, const Arguments& v) {
  device_argument("as_tensor", v[2]);
  return shared(v[0], v[1], "as_tensor");
}
constexpr char kFromNumpy[] = "from_numpy(ndarray)\n--\n\n" BS_SHARES;
PyObject* from_numpy(PyObject*, const Arguments& v) {
  if (!py::isinstance<py::array>(v[0]))
    throw py::type_error(cat("[from_numpy] ndarray is a NumPy array, not ", type_name(v[0])));
  return wrap(from_array(py::reinterpret_borrow<py::array>(v[0]), nullptr, true, "from_numpy"));
}

PyMethodDef convert_functions[] = {{"tensor", BS_METHOD(kTensor, tensor)},
                                   {"asarray", BS_METHOD(kAsarray, asarray)},
                                   {"as_tensor", BS_METHOD(kAsTensor, as_tensor_)},
                                   {"from_numpy", BS_METHOD(kFromNumpy, from_numpy)},
                                   {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_convert(py::module_& m) {
  if (PyModule_AddFunctions(m.ptr(), convert_functions) < 0) throw py::error_already_set();
  // What pickle calls.
  m.def(
      "_rebuild_tensor",
      [](py::handle type, py::array a, bool requires_grad, py::handle dtype) {
        // Past the constructors of Python subclasses, whose arguments only they know.
        PyTypeObject* t = reinterpret_cast<PyTypeObject*>(type.ptr());
        if (!PyType_Check(type.ptr()) || !PyType_IsSubtype(t, tensor_type))
          throw py::type_error("[Tensor] what is unpickled is no tensor type");
        Tensor value = from_array(std::move(a), nullptr, false, "Tensor");
        if (!dtype.is_none()) value = ops::bitcast(value, dtype_argument("Tensor", dtype.ptr()));
        if (PyType_IsSubtype(t, parameter_type) || PyType_IsSubtype(t, buffer_type))
          return py::reinterpret_steal<py::object>(wrap_slot(t, Slot::make(value, requires_grad)));
        if (requires_grad) value = with_requires_grad(std::move(value), "Tensor");
        return py::reinterpret_steal<py::object>(wrap_as(t, std::move(value)));
      },
      py::arg("type"), py::arg("a"), py::arg("requires_grad"), py::arg("dtype") = py::none());
}

}  // namespace bs::bindings
