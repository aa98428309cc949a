// x[...], len(x) and iteration, built on the ops slice, reshape and index_rows.
#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/few.h"
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

// One of an index's items, without Python: a replay asks it again.
struct Item {
  enum Kind { axis, all, position, slice } kind = axis;
  Extent at = 0;  // of a position
  // Of a slice, as PySlice_Unpack() gives them.
  Extent start = 0, stop = 0;
  Py_ssize_t step = 1;
};

Item slice_item(PyObject* key) {
  const auto* given = reinterpret_cast<PySliceObject*>(key);
  const Ref<Size> start = tracked_size(given->start), stop = tracked_size(given->stop);
  py::object numbers;
  if (start || stop) {
    const auto plain = [](const Ref<Size>& size, PyObject* o) {
      return size ? py::object(py::int_(size->value)) : py::reinterpret_borrow<py::object>(o);
    };
    const py::object first = plain(start, given->start), last = plain(stop, given->stop);
    numbers = owned(PySlice_New(first.ptr(), last.ptr(), given->step));
  }
  Py_ssize_t from, to, step;
  if (PySlice_Unpack(numbers ? numbers.ptr() : key, &from, &to, &step) < 0) {
    const bool zero = PyErr_ExceptionMatches(PyExc_ValueError);
    if (!zero && !PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
    PyErr_Clear();
    if (zero) throw ValueError("[getitem] the step of a slice is not 0");
    throw py::type_error("[getitem] start, stop and step of a slice are ints or None");
  }
  return {Item::slice, 0, start ? Extent(start) : Extent(from), stop ? Extent(stop) : Extent(to), step};
}

Tensor sliced(const Tensor& x, int dim, const Item& item) {
  const int64_t n = x.shape()[dim];
  Py_ssize_t start = item.start.now(), stop = item.stop.now();
  const Py_ssize_t step = item.step;
  if (PySlice_AdjustIndices(n, &start, &stop, step) == 0) return slice(x, dim, int64_t{0}, int64_t{0}, 1);
  if (step == 1 && start == 0 && stop == n) return x;
  // Going down to the first element has the stop -1, which the op would count from the end.
  return slice(x, dim, int64_t{start}, stop < 0 ? Attr{} : Attr{int64_t{stop}}, step);
}

// An index as index_rows takes it; one that counts `back` from the end does not any more.
Tensor positions(const Tensor& x, const Tensor& index, bool back) {
  Tensor r = index.dtype() == DType::i64 ? index : ops::cast(index, DType::i64);
  if (!back) return r;
  const int64_t n = x.shape()[0];
  const auto* given = reinterpret_cast<const int64_t*>(r.data());
  if (std::all_of(given, given + r.numel(), [](int64_t i) { return i >= 0; })) return r;
  r = copy_of(r);
  auto* v = reinterpret_cast<int64_t*>(r.data());
  for (int64_t i = 0; i < r.numel(); ++i)
    if (v[i] < 0 && v[i] >= -n) v[i] += n;
  return r;
}

// Rows by a tensor, an array or a list of integers.
Tensor rows(const Tensor& x, PyObject* key) {
  static const Op& op = need_op("index_rows", "getitem");
  const bool fresh = !is_tensor(key);  // its values are known
  Tensor index = to_tensor(key, "getitem", "the index");
  if (fresh && index.numel() == 0 && (PyList_Check(key) || PyTuple_Check(key))) index = Tensor::empty(DType::i64, {0});
  if (index.dtype() == DType::b8)
    throw py::type_error(
        "[getitem] a bool mask gives a shape that depends on values: use bs.where(mask, x, other), or an integer "
        "index such as np.flatnonzero(mask)");
  if (is_float(index.dtype()))
    throw py::type_error(cat("[getitem] an index is an integer tensor, not ", name_of(index.dtype())));
  if (x.shape().size() == 0) throw IndexError("[getitem] a 0-d tensor has no rows to index");
  if (Tape::current()) {
    const Tensor both[] = {x, index};
    return taped(both,
                 [fresh](std::span<const Tensor> in) { return apply(op, {in[0], positions(in[0], in[1], fresh)}); });
  }
  Operands in;
  in.push(x);
  in.push(positions(x, index, fresh));
  return call(op, in);
}

// A sequence of positions along one axis, and not one position per axis.
bool is_row_index(PyObject* key) { return is_tensor(key) || PyList_Check(key) || py::isinstance<py::array>(key); }

Tensor get(const Tensor& x, std::span<const Item> items, int used) {
  const int n = x.shape().size();
  if (used > n) throw IndexError(cat("[getitem] ", used, " indices for a tensor of shape ", str(x.shape())));
  Tensor r = x;
  Dims shape;  // after None has added axes
  int dim = 0, gone = 0;
  auto keep = [&](int until) {
    for (; dim < until; ++dim) shape.push(r.shape()[dim]);
  };
  for (const Item& item : items) {
    if (item.kind == Item::axis) {
      shape.push(1);
    } else if (item.kind == Item::all) {
      keep(dim + n - used);
    } else if (item.kind == Item::slice) {
      r = sliced(r, dim, item);
      keep(dim + 1);
    } else {
      r = at(r, dim, item.at.now(), dim + gone, x.shape());
      ++gone;
    }
  }
  keep(r.shape().size());
  Tensor y = ops::reshape(r, shape);
  if (!y.same(x)) return y;
  return bs::apply(*find_op("view"), {x}, Attrs::make({x.shape()}));  // x[:] has flags of its own
}

Tensor get(const Tensor& x, PyObject* key) {
  if (is_row_index(key)) return rows(x, key);
  PyObject* const* given = &key;
  Py_ssize_t n_given = 1;
  if (PyTuple_Check(key)) {
    given = reinterpret_cast<PyTupleObject*>(key)->ob_item;
    n_given = PyTuple_GET_SIZE(key);
    if (n_given == 1 && is_row_index(given[0])) return rows(x, given[0]);
  }
  Few<Item, 4> items(static_cast<size_t>(n_given));
  int used = 0, ellipses = 0;
  for (Py_ssize_t k = 0; k < n_given; ++k) {
    PyObject* item = given[k];
    if (item == Py_Ellipsis || item == Py_None) {
      items[k].kind = item == Py_None ? Item::axis : Item::all;
      ellipses += item == Py_Ellipsis;
      continue;
    }
    ++used;
    if (PySlice_Check(item)) {
      items[k] = slice_item(item);
      continue;
    }
    if (PyBool_Check(item) || is_row_index(item) || !PyIndex_Check(item))
      throw py::type_error(
          cat("[getitem] an index is an int, a slice, None, Ellipsis, a tuple of these, or one integer tensor "
              "or list for the first axis; not ",
              type_name(item), n_given > 1 ? " in a tuple" : ""));
    const Ref<Size> size = tracked_size(item);
    items[k].kind = Item::position;
    items[k].at = size ? Extent(size) : Extent(int_argument(item, "getitem", "an index"));
  }
  if (ellipses > 1) throw IndexError("[getitem] an index has at most one Ellipsis");
  if (!Tape::current()) return get(x, items, used);
  return taped(x, [own = std::vector(items.begin(), items.end()), used](const Tensor& t) { return get(t, own, used); });
}

PyObject* subscript(PyObject* self, PyObject* key) {
  return guarded([&] { return wrap(get(unwrap(self), key)); });
}

// Relies on the number of rows.
void fix_rows(PyObject* self) {
  Tape* tape = slot_of(self) ? nullptr : Tape::current();
  if (!tape) return;
  if (const Ref<Size> size = tape->size(as_tensor(self)->t, 0)) tape->fix(size);
}

Py_ssize_t length(PyObject* self) {
  return guarded([&]() -> Py_ssize_t {
    const Spec& spec = spec_of(self);
    if (spec.shape.size() == 0) throw py::type_error("[len] a 0-d tensor has no length");
    fix_rows(self);
    return static_cast<Py_ssize_t>(spec.shape[0]);
  });
}

PyObject* item(PyObject* self, Py_ssize_t i) {
  return guarded([&] {
    const Tensor x = unwrap(self);
    if (x.shape().size() == 0) throw py::type_error("[getitem] a 0-d tensor has no rows");
    if (i < 0 || i >= x.shape()[0]) {
      fix_rows(self);
      throw IndexError(cat("[getitem] index ", i, " is outside axis 0 of size ", x.shape()[0]));
    }
    return wrap(taped(x, [i](const Tensor& t) { return ops::select(t, 0, i); }));
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
