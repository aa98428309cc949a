// Methods of every Tensor: sizes, how it lies, reading values, casts, copies.
#include <cstring>
#include <string>

#include "base/error.h"
#include "bindings/arguments.h"
#include "bindings/device.h"
#include "bindings/dtype.h"
#include "bindings/gil.h"
#include "bindings/names.h"
#include "bindings/size.h"
#include "bindings/tensor.h"
#include "graph/op.h"
#include "ops/ops.h"
#include "ops/views.h"

namespace bs::bindings {
namespace {

PyObject* dim(PyObject* self, PyObject*) { return PyLong_FromLong(spec_of(self).shape.size()); }

PyObject* numel(PyObject* self, PyObject*) {
  return guarded([&] {
    if (!slot_of(self)) return count_of_elements(as_tensor(self)->t);
    return PyLong_FromLongLong(bs::numel(spec_of(self).shape));
  });
}

constexpr char kSize[] = "size(dim=None)\n--\n\nThe shape, or the size of one axis.";
PyObject* size(PyObject* self, const Arguments& v) {
  if (!v.has(0)) return PyObject_GetAttrString(self, "shape");
  const Dims& shape = spec_of(self).shape;
  const int axis = ops::normal_dim("size", int_argument(v[0], "size", "dim"), shape.size());
  return slot_of(self) ? PyLong_FromLongLong(shape[axis]) : size_of_axis(as_tensor(self)->t, axis);
}

// Relies on the sizes, of which more than one number is made.
const Spec& fixed_spec(PyObject* self) {
  if (!slot_of(self)) fix_sizes(as_tensor(self)->t);
  return spec_of(self);
}

// How many axes a tensor has whose channels a memory format puts last; 0 of the row-major one.
int axes_of_format(const char* op, PyObject* memory_format) {
  layout_argument(op, nullptr, memory_format);
  static const PyObject* images = imported("backsweep._device", "channels_last");
  static const PyObject* volumes = imported("backsweep._device", "channels_last_3d");
  return memory_format == images ? 4 : memory_format == volumes ? 5 : 0;
}

// Whether axis 1 lies innermost, without gaps.
bool lies_channels_last(const Spec& spec, int axes) {
  if (spec.shape.size() != axes) return false;
  const Dims strides = spec.full_strides();
  int64_t expected = 1;
  for (int i = axes; i > 0; --i) {
    const int d = i == axes ? 1 : i == 1 ? 0 : i;
    if (spec.shape[d] != 1 && strides[d] != expected) return false;
    expected *= spec.shape[d];
  }
  return true;
}

// A copy with axis 1 innermost.
Tensor channels_last(const char* op, const Tensor& x, int axes) {
  if (x.shape().size() != axes)
    throw ShapeError(cat("[", op, "] input is ", str(x.shape()), ": bs.channels_last", axes == 5 ? "_3d" : "",
                         " is for ", axes, " axes"));
  Dims last{0}, back{0, axes - 1};
  for (int d = 2; d < axes; ++d) last.push(d);
  last.push(1);
  for (int d = 1; d + 1 < axes; ++d) back.push(d);
  return ops::permute(apply(*ops::kContiguous, {ops::permute(x, last)}), back);
}

// The tensor itself where it lies so.
PyObject* in_format(const char* op, PyObject* self, int axes) {
  if (axes == 0 ? spec_of(self).contiguous() : lies_channels_last(fixed_spec(self), axes)) return Py_NewRef(self);
  return wrap(taped(unwrap(self),
                    [=](const Tensor& x) { return axes == 0 ? ops::contiguous(x) : channels_last(op, x, axes); }));
}

constexpr char kContiguous[] =
    "contiguous(memory_format=None)\n--\n\nThe tensor itself where its elements lie in row-major order, else a copy "
    "that "
    "does. With bs.channels_last (or channels_last_3d) axis 1 lies innermost; results of ops are row-major all the "
    "same.";
PyObject* contiguous(PyObject* self, const Arguments& v) {
  return in_format("contiguous", self, axes_of_format("contiguous", v[0]));
}

constexpr char kIsContiguous[] =
    "is_contiguous(memory_format=None)\n--\n\nWhether the elements lie in row-major order, or that of the format, "
    "without "
    "gaps.";
PyObject* is_contiguous(PyObject* self, const Arguments& v) {
  const int axes = axes_of_format("is_contiguous", v[0]);
  const Spec& spec = fixed_spec(self);
  return PyBool_FromLong(axes == 0 ? spec.contiguous() : lies_channels_last(spec, axes));
}

constexpr char kClone[] =
    "clone(*, memory_format=None)\n--\n\nA copy with the history, row-major or, with bs.channels_last, with axis 1 "
    "innermost.";
PyObject* clone(PyObject* self, const Arguments& v) {
  const int axes = axes_of_format("clone", v[0]);
  return wrap(taped(unwrap(self), [axes](const Tensor& x) {
    return axes == 0 ? apply(*ops::kContiguous, {x}) : channels_last("clone", x, axes);
  }));
}

constexpr char kStride[] =
    "stride(dim=None)\n--\n\nElements of memory from one position to the next, along each axis or one.";
PyObject* stride(PyObject* self, const Arguments& v) {
  const Dims strides = fixed_spec(self).full_strides();
  if (v.has(0))
    return PyLong_FromLongLong(strides[ops::normal_dim("stride", int_argument(v[0], "stride", "dim"), strides.size())]);
  py::object t = owned(PyTuple_New(strides.size()));
  for (int d = 0; d < strides.size(); ++d) PyTuple_SET_ITEM(t.ptr(), d, checked(PyLong_FromLongLong(strides[d])));
  return t.release().ptr();
}

constexpr char kRequiresGrad[] =
    "requires_grad_(requires_grad=True)\n--\n\nSets whether gradients by this leaf are recorded; returns it.";
PyObject* requires_grad_(PyObject* self, const Arguments& v) {
  change_requires_grad(self, !v[0] || flag_argument(v[0], "requires_grad_", "requires_grad"));
  return Py_NewRef(self);
}

// ---- reading values ------------------------------------------------------------------------------------------

PyObject* detach(PyObject* self, PyObject*) {
  return guarded([&] { return detached_name(self); });
}

PyObject* item(PyObject* self, PyObject*) {
  return guarded([&] { return element(unwrap_value(self), "item"); });
}

PyObject* numpy(PyObject* self, PyObject*) {
  return guarded([&] { return numpy_view(unwrap_value(self), "numpy").release().ptr(); });
}

// What NumPy can show: bfloat16 as float32.
Tensor readable(const Tensor& t) { return t.dtype() == DType::bf16 ? ops::cast(t, DType::f32) : t; }

PyObject* tolist(PyObject* self, PyObject*) {
  return guarded([&] { return numpy_view(readable(unwrap_value(self)), "tolist").attr("tolist")().release().ptr(); });
}

constexpr char kArray[] = "__array__(dtype=None, copy=None)\n--\n\nThe elements as NumPy asks for them.";
PyObject* array(PyObject* self, const Arguments& v) {
  py::object a = numpy_view(unwrap_value(self), "__array__");
  if (v.has(0)) {
    py::dtype want = py::dtype::from_args(py::reinterpret_borrow<py::object>(v[0]));
    if (!py::reinterpret_borrow<py::array>(a).dtype().equal(want)) {
      if (v[1] == Py_False) throw ValueError("[__array__] another dtype needs a copy, and copy=False forbids it");
      return a.attr("astype")(want).release().ptr();
    }
  }
  return (v[1] == Py_True ? a.attr("copy")() : a).release().ptr();
}

// The op's name of the function, where NumPy's is not PyTorch's.
const char* op_name_of(const char* ufunc) {
  static constexpr const char* names[][2] = {
      {"power", "pow"}, {"equal", "eq"}, {"rint", "round"}, {"invert", "bitwise_not"}};
  for (const auto& [theirs, ours] : names)
    if (std::strcmp(ufunc, theirs) == 0) return ours;
  return ufunc;
}

// A function of NumPy that is given a tensor: the op of that name. So is an operator with an array on the left.
PyObject* array_ufunc(PyObject*, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    if (n < 2) throw py::type_error("[__array_ufunc__] takes a function of NumPy, a method of it and operands");
    static PyObject* ufunc = imported("numpy", "ufunc");
    if (!PyObject_TypeCheck(args[0], reinterpret_cast<PyTypeObject*>(ufunc)) || !PyUnicode_Check(args[1]))
      throw py::type_error("[__array_ufunc__] is for NumPy's functions to call");
    const std::string name = py::cast<std::string>(py::handle(args[0]).attr("__name__"));
    const bool called = PyUnicode_CompareWithASCIIString(args[1], "__call__") == 0;
    if (!called)  // np.add.reduce; np.max calls np.maximum's
      throw py::type_error(cat("[np.", name, ".", py::cast<std::string>(py::repr(args[1]).attr("strip")("'")),
                               "] NumPy's function does not take a tensor: give it x.numpy(), which has no history"));
    const Op* op = find_op(op_name_of(name.c_str()));
    const bool shown = op && op->visibility == Visibility::method;
    if (shown && !kwnames) {
      const py::object f = py::module_::import("backsweep._core").attr(op->name);
      return checked(PyObject_Vectorcall(f.ptr(), args + 2, static_cast<size_t>(n) - 2, nullptr));
    }
    throw py::type_error(cat("[np.", name, "] NumPy's function does not take a tensor ",
                             shown ? cat("with out= and the like: use y = bs.", op->name, "(...)")
                                   : std::string("here: give it x.numpy(), which has no history")));
  });
}

// As PyTorch: a single number by Python's rules.
PyObject* format(PyObject* self, PyObject* text) {
  return guarded([&]() -> PyObject* {
    const Spec& spec = spec_of(self);
    const bool plain = PyUnicode_GetLength(text) == 0;
    if (spec.shape.size() == 0 && !(plain && unwrap(self).symbolic())) {
      const py::object number = owned(element(unwrap_value(self), "format"));
      return checked(PyObject_Format(number.ptr(), text));
    }
    if (plain) return checked(PyObject_Str(self));
    throw py::type_error(cat("[format] a tensor of shape ", str(spec.shape), " is no number that ",
                             py::cast<std::string>(py::repr(text)), " can show: take x.item(), or format x.numpy()"));
  });
}

// ---- casts and views -----------------------------------------------------------------------------------------

PyObject* cast_to(PyObject* self, DType dtype) {
  if (spec_of(self).dtype == dtype) return Py_NewRef(self);
  return wrap(taped(unwrap(self), [dtype](const Tensor& t) { return ops::cast(t, dtype); }));
}
template <DType dtype>
PyObject* as(PyObject* self, PyObject*) {
  return guarded([&] { return cast_to(self, dtype); });
}

// A copy is a name of its own for the same value: whoever writes to either gives it another one.
PyObject* moved(PyObject* self, DType dtype, PyObject* copy, PyObject* memory_format) {
  const int axes = axes_of_format("to", memory_format);
  const bool fresh = copy && copy != Py_None && flag_argument(copy, "to", "copy");
  const py::object made =
      owned(!fresh || spec_of(self).dtype != dtype ? cast_to(self, dtype) : wrap(taped(unwrap(self), ops::view_as_is)));
  return axes == 0 ? Py_NewRef(made.ptr()) : in_format("to", made.ptr(), axes);
}

constexpr char kTo[] =
    "to(device=None, dtype=None, non_blocking=False, copy=False, *, memory_format=None)\n--\n\n"
    "With another element type; the tensor itself where it has it, unless copy is set. Also to(dtype, ...) and "
    "to(other, ...). The only device is the CPU.";
constexpr char kToDType[] = "to(dtype, non_blocking=False, copy=False, *, memory_format=None)\n--\n";
constexpr char kToOther[] = "to(other, non_blocking=False, copy=False, *, memory_format=None)\n--\n";

PyObject* to_device(PyObject* self, const Arguments& v) {
  device_argument("to", v[0]);
  return moved(self, v.has(1) ? dtype_argument("to", v[1]) : spec_of(self).dtype, v[3], v[4]);
}
PyObject* to_dtype(PyObject* self, const Arguments& v) { return moved(self, dtype_argument("to", v[0]), v[2], v[3]); }
PyObject* to_other(PyObject* self, const Arguments& v) {
  return moved(self, to_tensor(v[0], "to", "other").dtype(), v[2], v[3]);
}

bool has_name(PyObject* kwnames, const char* name) {
  for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i)
    if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, i), name) == 0) return true;
  return false;
}

// The first argument says which form it is: a device, a dtype, a tensor.
PyObject* to(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    if (n == 0 && !kwnames) throw py::type_error("[to] missing argument 'dtype'");
    if (n > 0 ? is_tensor(args[0]) : has_name(kwnames, "other"))
      return method<kToOther, to_other>(self, args, n, kwnames);
    DType dtype;
    const bool named = n == 0 && has_name(kwnames, "dtype") && !has_name(kwnames, "device");
    if (n > 0 ? parse_dtype(args[0], &dtype) || !names_device(args[0]) : named)
      return method<kToDType, to_dtype>(self, args, n, kwnames);
    return method<kTo, to_device>(self, args, n, kwnames);
  });
}

constexpr char kTypeAs[] = "type_as(other)\n--\n\nWith the element type of other.";
PyObject* type_as(PyObject* self, const Arguments& v) {
  return cast_to(self, to_tensor(v[0], "type_as", "other").dtype());
}

// ---- copies --------------------------------------------------------------------------------------------------

// What users have set as attributes, if anything.
py::object attributes_of(PyObject* self) {
  PyObject** dict = _PyObject_GetDictPtr(self);
  return dict && *dict && PyDict_Size(*dict) > 0 ? py::reinterpret_borrow<py::object>(*dict) : py::object();
}

// The value is shared, for it never changes; a slot is made anew.
PyObject* deepcopy(PyObject* self, PyObject* memo) {
  return guarded([&] {
    if (!is_leaf(self))
      throw GraphError(
          "[deepcopy] this tensor has a history of recorded ops, which a copy would not have: copy x.detach()");
    Tensor value = unwrap_value(self);
    const bool on = requires_grad(self);
    py::object copy;
    PyTensor* p = as_tensor(self);
    PyTypeObject* type = Py_TYPE(self);
    // Past the constructors of Python subclasses, whose arguments only they know.
    copy = owned(p->slot ? wrap_slot(type, Slot::make(value, on)) : wrap_as(type, detached(value)));
    if (!p->slot && on) with_requires_grad(as_tensor(copy.ptr())->t, "deepcopy");
    if (PyDict_Check(memo)) {
      py::object key = owned(PyLong_FromVoidPtr(self));
      if (PyDict_SetItem(memo, key.ptr(), copy.ptr()) < 0) throw py::error_already_set();
    }
    if (GradCell* cell = cell_of(self); cell && !cell->stale) {
      if (Tensor g = read_grad(*cell)) write_grad(*cell_of(copy.ptr()), detached(g));
    }
    if (py::object d = attributes_of(self)) {
      py::object deep = py::module_::import("copy").attr("deepcopy")(d, py::handle(memo));
      copy.attr("__dict__").attr("update")(deep);
    }
    return copy.release().ptr();
  });
}

PyObject* reduce(PyObject* self, PyObject*) {
  return guarded([&] {
    static PyObject* rebuild = imported("backsweep._core", "_rebuild_tensor");
    const Tensor t = unwrap_value(self);
    const bool bits = t.dtype() == DType::bf16;  // which NumPy does not have
    py::array value = numpy_view(bits ? ops::bitcast(t, DType::i16) : t, "pickle");
    py::object args = py::make_tuple(py::handle(reinterpret_cast<PyObject*>(Py_TYPE(self))), value, requires_grad(self),
                                     py::handle(dtype_object(t.dtype())));
    py::object d = attributes_of(self);
    py::object state = d ? d : py::none();
    return py::make_tuple(py::handle(rebuild), args, state).release().ptr();
  });
}

}  // namespace

PyObject* tensor_repr(PyObject* self) {
  return guarded([&]() -> PyObject* {
    const Tensor t = unwrap(self);
    if (!t.symbolic()) {
      static const py::handle text = imported("backsweep._text", "text");
      return text(py::handle(self)).release().ptr();
    }
    fix_sizes(t);
    const std::string type =
        Py_TYPE(self) == tensor_type ? "Tensor" : py::cast<std::string>(py::type::of(self).attr("__name__"));
    const std::string dtype = py::cast<std::string>(py::repr(dtype_object(t.dtype())));
    return py::str(cat(type, "(symbolic, shape=", str(t.shape()), ", dtype=", dtype,
                       requires_grad(self) ? ", requires_grad=True" : "", ")"))
        .release()
        .ptr();
  });
}

PyMethodDef tensor_methods[] = {
    {"dim", dim, METH_NOARGS, "dim()\n--\n\nThe number of axes."},
    {"numel", numel, METH_NOARGS, "numel()\n--\n\nThe number of elements."},
    {"size", BS_METHOD(kSize, size)},
    {"stride", BS_METHOD(kStride, stride)},
    {"is_contiguous", BS_METHOD(kIsContiguous, is_contiguous)},
    {"contiguous", BS_METHOD(kContiguous, contiguous)},
    {"clone", BS_METHOD(kClone, clone)},
    {"requires_grad_", BS_METHOD(kRequiresGrad, requires_grad_)},
    {"detach", detach, METH_NOARGS, "detach()\n--\n\nThe same value without a history. Shares memory."},
    {"item", item, METH_NOARGS, "item()\n--\n\nThe only element, as a Python number."},
    {"tolist", tolist, METH_NOARGS, "tolist()\n--\n\nThe elements as nested lists of Python numbers."},
    {"numpy", numpy, METH_NOARGS,
     "numpy()\n--\n\nA read-only NumPy view. Its values stay, whatever happens to the tensor or parameter."},
    {"__format__", format, METH_O, nullptr},
    {"__array__", BS_METHOD(kArray, array)},
    {"__array_ufunc__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(array_ufunc)),
     METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"float", as<DType::f32>, METH_NOARGS, "float()\n--\n\nAs float32."},
    {"half", as<DType::f16>, METH_NOARGS, "half()\n--\n\nAs float16."},
    {"bfloat16", as<DType::bf16>, METH_NOARGS, "bfloat16()\n--\n\nAs bfloat16."},
    {"double", as<DType::f64>, METH_NOARGS, "double()\n--\n\nAs float64."},
    {"byte", as<DType::u8>, METH_NOARGS, "byte()\n--\n\nAs uint8."},
    {"char", as<DType::i8>, METH_NOARGS, "char()\n--\n\nAs int8."},
    {"short", as<DType::i16>, METH_NOARGS, "short()\n--\n\nAs int16."},
    {"int", as<DType::i32>, METH_NOARGS, "int()\n--\n\nAs int32."},
    {"long", as<DType::i64>, METH_NOARGS, "long()\n--\n\nAs int64."},
    {"bool", as<DType::b8>, METH_NOARGS, "bool()\n--\n\nAs bool: whether each element is not 0."},
    {"to", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(to)), METH_FASTCALL | METH_KEYWORDS, kTo},
    {"type_as", BS_METHOD(kTypeAs, type_as)},
    {"__deepcopy__", deepcopy, METH_O, nullptr},
    {"__reduce__", reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace bs::bindings
