// x[...], len(x) and iteration, built on the ops slice, reshape and index_rows.
#include "base/error.h"
#include "bindings/dtype.h"
#include "bindings/op_call.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

Tensor slice(const Tensor& x, int dim, Attr start, Attr stop, int64_t step) {
  static const Op& op = need_op("slice", "getitem");
  const Tensor in[1] = {x};
  return apply(op, in, Attrs::make({int64_t{dim}, std::move(start), std::move(stop), step}));
}

// x at position i of axis `dim`, which goes. It was `axis` of a tensor of `shape`.
Tensor at(const Tensor& x, int dim, int64_t i, int axis, const Dims& shape) {
  const int64_t n = x.shape()[dim];
  if (i < -n || i >= n)
    throw IndexError(
        cat("[getitem] index ", i, " is outside axis ", axis, " of size ", n, " (shape ", str(shape), ")"));
  return ops::select(x, dim, i);
}

Tensor sliced(const Tensor& x, int dim, PyObject* key) {
  const int64_t n = x.shape()[dim];
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(key, &start, &stop, &step) < 0) {
    const bool zero = PyErr_ExceptionMatches(PyExc_ValueError);
    if (!zero && !PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
    PyErr_Clear();
    if (zero) throw ValueError("[getitem] the step of a slice is not 0");
    throw py::type_error("[getitem] start, stop and step of a slice are ints or None");
  }
  if (PySlice_AdjustIndices(n, &start, &stop, step) == 0) return slice(x, dim, int64_t{0}, int64_t{0}, 1);
  if (step == 1 && start == 0 && stop == n) return x;
  // Going down to the first element has the stop -1, which the op would count from the end.
  return slice(x, dim, int64_t{start}, stop < 0 ? Attr{} : Attr{int64_t{stop}}, step);
}

// Rows by a tensor, an array or a list of integers.
Tensor rows(const Tensor& x, PyObject* key) {
  static const Op& op = need_op("index_rows", "getitem");
  const bool fresh = !is_tensor(key);  // a copy of our own, whose negative numbers we may turn
  Tensor index = to_tensor(key, "getitem", "the index");
  if (fresh && index.numel() == 0 && (PyList_Check(key) || PyTuple_Check(key))) index = Tensor::empty(DType::i64, {0});
  if (index.dtype() == DType::b8)
    throw py::type_error(
        "[getitem] a bool mask gives a shape that depends on values: use bs.where(mask, x, other), or an integer "
        "index such as np.flatnonzero(mask)");
  if (is_float(index.dtype()))
    throw py::type_error(cat("[getitem] an index is an integer tensor, not ", name_of(index.dtype())));
  if (x.shape().size() == 0) throw IndexError("[getitem] a 0-d tensor has no rows to index");
  if (index.dtype() != DType::i64) index = ops::cast(index, DType::i64);
  if (fresh) {
    auto* v = reinterpret_cast<int64_t*>(index.data());
    const int64_t n = x.shape()[0];
    for (int64_t i = 0; i < index.numel(); ++i)
      if (v[i] < 0 && v[i] >= -n) v[i] += n;
  }
  Operands in;
  in.push(x);
  in.push(std::move(index));
  return call(op, in);
}

// A sequence of positions along one axis, and not one position per axis.
bool is_row_index(PyObject* key) { return is_tensor(key) || PyList_Check(key) || py::isinstance<py::array>(key); }

Tensor get(const Tensor& x, PyObject* key) {
  if (is_row_index(key)) return rows(x, key);
  PyObject* const* items = &key;
  Py_ssize_t n_items = 1;
  if (PyTuple_Check(key)) {
    items = reinterpret_cast<PyTupleObject*>(key)->ob_item;
    n_items = PyTuple_GET_SIZE(key);
    if (n_items == 1 && is_row_index(items[0])) return rows(x, items[0]);
  }
  int used = 0, ellipses = 0;
  for (Py_ssize_t k = 0; k < n_items; ++k) {
    PyObject* item = items[k];
    if (item == Py_Ellipsis) {
      ++ellipses;
    } else if (item != Py_None) {
      ++used;
      if (!PySlice_Check(item) && (PyBool_Check(item) || is_row_index(item) || !PyIndex_Check(item)))
        throw py::type_error(
            cat("[getitem] an index is an int, a slice, None, Ellipsis, a tuple of these, or one integer tensor "
                "or list for the first axis; not ",
                type_name(item), n_items > 1 ? " in a tuple" : ""));
    }
  }
  const int n = x.shape().size();
  if (ellipses > 1) throw IndexError("[getitem] an index has at most one Ellipsis");
  if (used > n) throw IndexError(cat("[getitem] ", used, " indices for a tensor of shape ", str(x.shape())));

  Tensor r = x;
  Dims shape;  // after None has added axes
  int dim = 0, gone = 0;
  auto keep = [&](int until) {
    for (; dim < until; ++dim) shape.push(r.shape()[dim]);
  };
  for (Py_ssize_t k = 0; k < n_items; ++k) {
    PyObject* item = items[k];
    if (item == Py_None) {
      shape.push(1);
    } else if (item == Py_Ellipsis) {
      keep(dim + n - used);
    } else if (PySlice_Check(item)) {
      r = sliced(r, dim, item);
      keep(dim + 1);
    } else {
      r = at(r, dim, int_argument(item, "getitem", "an index"), dim + gone, x.shape());
      ++gone;
    }
  }
  keep(r.shape().size());
  return ops::reshape(r, shape);
}

PyObject* subscript(PyObject* self, PyObject* key) {
  return guarded([&] {
    const Tensor x = unwrap(self);
    Tensor y = get(x, key);
    // x[:] is a tensor of its own: its flags are not x's.
    if (y.same(x)) y = bs::apply(*find_op("view"), {x}, Attrs::make({x.shape()}));
    return wrap(std::move(y));
  });
}

Py_ssize_t length(PyObject* self) {
  return guarded([&]() -> Py_ssize_t {
    const Spec& spec = spec_of(self);
    if (spec.shape.size() == 0) throw py::type_error("[len] a 0-d tensor has no length");
    return static_cast<Py_ssize_t>(spec.shape[0]);
  });
}

PyObject* item(PyObject* self, Py_ssize_t i) {
  return guarded([&] {
    const Tensor x = unwrap(self);
    if (x.shape().size() == 0) throw py::type_error("[getitem] a 0-d tensor has no rows");
    if (i < 0 || i >= x.shape()[0])
      throw IndexError(cat("[getitem] index ", i, " is outside axis 0 of size ", x.shape()[0]));
    return wrap(ops::select(x, 0, i));
  });
}

// Rows one by one. Without this, Python would take a 0-d tensor for an empty sequence.
PyObject* iterate(PyObject* self) {
  return guarded([&] {
    if (spec_of(self).shape.size() == 0) throw py::type_error("[iter] iteration over a 0-d tensor");
    return checked(PySeqIter_New(self));
  });
}

}  // namespace

PyType_Slot tensor_index_slots[] = {
    {Py_mp_subscript, reinterpret_cast<void*>(subscript)}, {Py_mp_length, reinterpret_cast<void*>(length)},
    {Py_sq_length, reinterpret_cast<void*>(length)},       {Py_sq_item, reinterpret_cast<void*>(item)},
    {Py_tp_iter, reinterpret_cast<void*>(iterate)},        {0, nullptr}};

}  // namespace bs::bindings
