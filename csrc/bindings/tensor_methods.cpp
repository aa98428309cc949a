// Methods of every Tensor: sizes, reading values, casts, copies, backward.
#include <string>

#include "autodiff/sweep.h"
#include "base/error.h"
#include "bindings/dtype.h"
#include "bindings/gil.h"
#include "bindings/op_call.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

// An argument list of a METH_FASTCALL | METH_KEYWORDS method, bound to names; null where absent.
template <size_t N>
void bind(const char* op, const char* const (&names)[N], PyObject* const* args, Py_ssize_t n, PyObject* kwnames,
          PyObject* (&out)[N]) {
  for (PyObject*& o : out) o = nullptr;
  if (n > static_cast<Py_ssize_t>(N)) throw py::type_error(cat("[", op, "] takes at most ", N, " arguments, not ", n));
  for (Py_ssize_t i = 0; i < n; ++i) out[i] = args[i];
  const Py_ssize_t n_kw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < n_kw; ++k) {
    const char* name = PyUnicode_AsUTF8(PyTuple_GET_ITEM(kwnames, k));
    if (!name) throw py::error_already_set();
    size_t i = 0;
    while (i < N && std::string(names[i]) != name) ++i;
    if (i == N) throw py::type_error(cat("[", op, "] there is no argument '", name, "'"));
    if (out[i]) throw py::type_error(cat("[", op, "] got two values for '", name, "'"));
    out[i] = args[n + k];
  }
}

using FastArgs = PyObject* const*;

PyObject* dim(PyObject* self, PyObject*) { return PyLong_FromLong(spec_of(self).shape.size()); }

PyObject* numel(PyObject* self, PyObject*) {
  return guarded([&] { return PyLong_FromLongLong(bs::numel(spec_of(self).shape)); });
}

PyObject* size(PyObject* self, FastArgs args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    static const char* const names[] = {"dim"};
    PyObject* v[1];
    bind("size", names, args, n, kwnames, v);
    if (!v[0] || v[0] == Py_None) return PyObject_GetAttrString(self, "shape");
    const Dims& shape = spec_of(self).shape;
    return PyLong_FromLongLong(shape[ops::normal_dim("size", int_argument(v[0], "size", "dim"), shape.size())]);
  });
}

PyObject* is_contiguous(PyObject* self, PyObject*) { return PyBool_FromLong(spec_of(self).contiguous()); }

PyObject* stride(PyObject* self, FastArgs args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    static const char* const names[] = {"dim"};
    PyObject* v[1];
    bind("stride", names, args, n, kwnames, v);
    const Dims strides = spec_of(self).full_strides();
    if (v[0] && v[0] != Py_None)
      return PyLong_FromLongLong(
          strides[ops::normal_dim("stride", int_argument(v[0], "stride", "dim"), strides.size())]);
    py::object t = owned(PyTuple_New(strides.size()));
    for (int d = 0; d < strides.size(); ++d) PyTuple_SET_ITEM(t.ptr(), d, checked(PyLong_FromLongLong(strides[d])));
    return t.release().ptr();
  });
}

PyObject* requires_grad_(PyObject* self, FastArgs args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    static const char* const names[] = {"requires_grad"};
    PyObject* v[1];
    bind("requires_grad_", names, args, n, kwnames, v);
    if (v[0] && !PyBool_Check(v[0])) throw py::type_error("[requires_grad_] the flag is True or False");
    change_requires_grad(self, !v[0] || v[0] == Py_True);
    return Py_NewRef(self);
  });
}

// ---- reading values ------------------------------------------------------------------------------------------

PyObject* detach(PyObject* self, PyObject*) {
  return guarded([&] { return wrap(detached(unwrap(self))); });
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

PyObject* array(PyObject* self, FastArgs args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    static const char* const names[] = {"dtype", "copy"};
    PyObject* v[2];
    bind("__array__", names, args, n, kwnames, v);
    py::object a = numpy_view(unwrap_value(self), "__array__");
    if (v[0] && v[0] != Py_None) {
      py::dtype want = py::dtype::from_args(py::reinterpret_borrow<py::object>(v[0]));
      if (!py::reinterpret_borrow<py::array>(a).dtype().equal(want)) {
        if (v[1] == Py_False) throw ValueError("[__array__] another dtype needs a copy, and copy=False forbids it");
        return a.attr("astype")(want).release().ptr();
      }
    }
    return (v[1] == Py_True ? a.attr("copy")() : a).release().ptr();
  });
}

// ---- casts and views -----------------------------------------------------------------------------------------

PyObject* cast_to(PyObject* self, DType dtype) {
  if (spec_of(self).dtype == dtype) return Py_NewRef(self);
  return wrap(ops::cast(unwrap(self), dtype));
}
template <DType dtype>
PyObject* as(PyObject* self, PyObject*) {
  return guarded([&] { return cast_to(self, dtype); });
}

PyObject* to(PyObject* self, FastArgs args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    static const char* const names[] = {"dtype"};
    PyObject* v[1];
    bind("to", names, args, n, kwnames, v);
    if (!v[0]) throw py::type_error("[to] missing argument 'dtype'");
    return cast_to(self, is_tensor(v[0]) ? spec_of(v[0]).dtype : dtype_argument("to", v[0]));
  });
}

// As PyTorch's method: self is what is chosen where the condition holds.
PyObject* where(PyObject* self, FastArgs args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    static const char* const names[] = {"condition", "other"};
    static PyObject* const op = op_function(need_op("where", "where"));
    PyObject* v[2];
    bind("where", names, args, n, kwnames, v);
    for (int i = 0; i < 2; ++i)
      if (!v[i]) throw py::type_error(cat("[where] missing argument '", names[i], "'"));
    PyObject* const in[] = {v[0], self, v[1]};
    return checked(PyObject_Vectorcall(op, in, 3, nullptr));
  });
}

PyObject* type_as(PyObject* self, PyObject* other) {
  return guarded([&] {
    Tensor like = to_tensor(other, "type_as", "other");
    return cast_to(self, like.dtype());
  });
}

// ---- copies --------------------------------------------------------------------------------------------------

py::object instance_dict(PyObject* self) {
  py::object d = py::reinterpret_steal<py::object>(PyObject_GetAttrString(self, "__dict__"));
  if (!d) PyErr_Clear();
  return d;
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
    if (py::object d = instance_dict(self)) {
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
    py::object d = instance_dict(self);
    py::object state = d && PyDict_Size(d.ptr()) > 0 ? d : py::none();
    return py::make_tuple(py::handle(rebuild), args, state).release().ptr();
  });
}

// ---- derivatives ---------------------------------------------------------------------------------------------

PyObject* backward(PyObject* self, FastArgs args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    static const char* const names[] = {"gradient", "retain_graph", "create_graph"};
    PyObject* v[3];
    bind("backward", names, args, n, kwnames, v);
    Tensor root = unwrap(self), gradient;
    if (v[0] && v[0] != Py_None) gradient = to_tensor(v[0], "backward", "gradient");
    int create_graph = v[2] ? PyObject_IsTrue(v[2]) : 0;
    int retain = v[1] && v[1] != Py_None ? PyObject_IsTrue(v[1]) : create_graph;
    if (create_graph < 0 || retain < 0) throw py::error_already_set();
    {
      // Always: a sweep may call back into Python while it holds a lock that another thread's sweep waits for.
      GilRelease release;
      bs::backward(root, gradient, create_graph != 0, retain != 0);
    }
    Py_RETURN_NONE;
  });
}

#define BS_FAST(fn) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(fn)), METH_FASTCALL | METH_KEYWORDS

}  // namespace

PyObject* tensor_repr(PyObject* self) {
  return guarded([&] {
    Tensor t = unwrap(self);
    std::string type =
        Py_TYPE(self) == tensor_type ? "tensor" : py::cast<std::string>(py::type::of(self).attr("__name__"));
    std::string dtype = py::cast<std::string>(py::repr(dtype_object(t.dtype())));
    std::string flag = requires_grad(self) ? ", requires_grad=True" : "";
    if (t.symbolic()) {
      if (Py_TYPE(self) == tensor_type) type = "Tensor";
      return py::str(cat(type, "(symbolic, shape=", str(t.shape()), ", dtype=", dtype, flag, ")")).release().ptr();
    }
    py::object text = py::module_::import("numpy").attr("array2string")(
        numpy_view(readable(t), "repr"), py::arg("separator") = ", ", py::arg("prefix") = type + "(");
    // As PyTorch: the dtypes that plain Python numbers get go without saying.
    bool usual = t.dtype() == DType::f32 || t.dtype() == DType::i64 || t.dtype() == DType::b8;
    std::string rest;
    if (t.numel() == 0 && t.shape().size() > 1) rest += cat(", shape=", str(t.shape()));
    if (!usual || t.numel() == 0) rest += ", dtype=" + dtype;
    return py::str(type + "(" + py::cast<std::string>(text) + rest + flag + ")").release().ptr();
  });
}

PyMethodDef tensor_methods[] = {
    {"dim", dim, METH_NOARGS, "dim()\n--\n\nThe number of axes."},
    {"numel", numel, METH_NOARGS, "numel()\n--\n\nThe number of elements."},
    {"size", BS_FAST(size), "size(dim=None)\n--\n\nThe shape, or the size of one axis."},
    {"stride", BS_FAST(stride),
     "stride(dim=None)\n--\n\nElements of memory from one position to the next, along each axis or one."},
    {"is_contiguous", is_contiguous, METH_NOARGS,
     "is_contiguous()\n--\n\nWhether the elements lie in row-major order without gaps."},
    {"requires_grad_", BS_FAST(requires_grad_),
     "requires_grad_(requires_grad=True)\n--\n\nSets whether gradients by this leaf are recorded; returns it."},
    {"detach", detach, METH_NOARGS, "detach()\n--\n\nThe same value without a history. Shares memory."},
    {"item", item, METH_NOARGS, "item()\n--\n\nThe only element, as a Python number."},
    {"tolist", tolist, METH_NOARGS, "tolist()\n--\n\nThe elements as nested lists of Python numbers."},
    {"numpy", numpy, METH_NOARGS,
     "numpy()\n--\n\nA read-only NumPy view. Its values stay, whatever happens to the tensor or parameter."},
    {"__array__", BS_FAST(array), nullptr},
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
    {"to", BS_FAST(to), "to(dtype)\n--\n\nWith another element type; the tensor itself where it has it."},
    {"where", BS_FAST(where),
     "where(condition, other)\n--\n\nThis tensor where the bool condition is true, other elsewhere; shapes broadcast."},
    {"type_as", type_as, METH_O, "type_as(other)\n--\n\nWith the element type of other."},
    {"backward", BS_FAST(backward),
     "backward(gradient=None, retain_graph=None, create_graph=False)\n--\n\n"
     "Adds the derivatives of this tensor to .grad of the leaves it was computed from.\n\n"
     "Without retain_graph (by default as create_graph) the graph gives up the values that its derivatives read, and "
     "cannot be differentiated again."},
    {"__deepcopy__", deepcopy, METH_O, nullptr},
    {"__reduce__", reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace bs::bindings
