#include "bindings/key.h"

#include <algorithm>

#include "base/error.h"
#include "bindings/op_call.h"
#include "ops/indexing.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

Tensor slice(const Tensor& x, int dim, Attr start, Attr stop, int64_t step) {
  static const Op& op = need_op("slice", "getitem");
  const Tensor in[1] = {x};
  return apply(op, in, Attrs::make({int64_t{dim}, std::move(start), std::move(stop), step}));
}

bool is_array(PyObject* o) { return py::isinstance<py::array>(o); }
bool is_text(PyObject* o) { return PyUnicode_Check(o) || PyBytes_Check(o); }

// As PyTorch: a list that holds more than numbers stands for a tuple.
bool stands_for_tuple(PyObject* key) {
  if (!PyList_Check(key)) return false;
  const Py_ssize_t n = PyList_GET_SIZE(key);
  for (Py_ssize_t i = 0; i < n && n < 32; ++i) {
    PyObject* o = PyList_GET_ITEM(key, i);
    if (o == Py_None || o == Py_Ellipsis || PySlice_Check(o) || is_tensor(o) || PyList_Check(o) || PyTuple_Check(o))
      return true;
  }
  return false;
}

// An integer tensor without axes whose value is known is an int.
bool is_known_position(PyObject* o) {
  if (is_array(o)) {
    const auto a = py::reinterpret_borrow<py::array>(o);
    return a.ndim() == 0 && (a.dtype().kind() == 'i');
  }
  if (!is_tensor(o)) return false;
  const Spec& spec = spec_of(o);
  return spec.shape.size() == 0 && (spec.dtype == DType::i64 || spec.dtype == DType::i32) && !Tape::current() &&
         !unwrap(o).symbolic();
}

}  // namespace

Key::Given::Given(PyObject* key) : one(key) {
  if (stands_for_tuple(key)) made = owned(PyList_AsTuple(key)), key = made.ptr();
  if (!PyTuple_Check(key)) return;
  items = reinterpret_cast<PyTupleObject*>(key)->ob_item;
  n = PyTuple_GET_SIZE(key);
}

Key::Item Key::slice_item(PyObject* key, const char* op) {
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
    if (zero) throw ValueError(cat("[", op, "] the step of a slice is not 0"));
    throw py::type_error(cat("[", op, "] start, stop and step of a slice are ints or None"));
  }
  return {Item::slice, 0, start ? Extent(start) : Extent(from), stop ? Extent(stop) : Extent(to), step};
}

// A tensor, an array, a sequence or a bool; false for anything else.
bool Key::take_tensor(PyObject* o, Item* item) {
  const bool flag = PyBool_Check(o);
  if (!flag && !is_tensor(o) && !is_array(o) && (is_text(o) || !PySequence_Check(o))) return false;
  Tensor t;
  if (flag) {
    t = Tensor::scalar(o == Py_True, DType::b8);
  } else if (is_tensor(o) || is_array(o) || PyList_Check(o) || PyTuple_Check(o)) {
    t = to_tensor(o, op_, "the index");
  } else {
    t = to_tensor(owned(PySequence_List(o)).ptr(), op_, "the index");
  }
  // Of a list without elements NumPy says float64.
  if (!is_tensor(o) && (is_array(o) ? t.dtype() == DType::i8 || t.dtype() == DType::i16 : t.numel() == 0))
    t = ops::cast(t, DType::i64);
  const DType dtype = t.dtype();
  if (dtype != DType::i64 && dtype != DType::i32 && dtype != DType::b8 && dtype != DType::u8)
    throw IndexError(cat("[", op_, "] an index is ", name_of(dtype),
                         ": tensors and arrays that index are int64, int32 or bool (uint8 is taken for bool)"));
  item->kind = Item::tensor;
  item->at = dtype == DType::b8 || dtype == DType::u8 ? t.shape().size() : 1;
  used_ += static_cast<int>(item->at.now());
  tensors_.push_back(std::move(t));
  return true;
}

Key::Key(const Given& given, const char* op) : items_(static_cast<size_t>(given.n)), op_(op) {
  int ellipses = 0;
  for (Py_ssize_t k = 0; k < given.n; ++k) {
    PyObject* o = given.items[k];
    if (o == Py_Ellipsis || o == Py_None) {
      items_[k].kind = o == Py_None ? Item::axis : Item::all;
      ellipses += o == Py_Ellipsis;
    } else if (PySlice_Check(o)) {
      items_[k] = slice_item(o, op);
      ++used_;
    } else if (PyLong_CheckExact(o) || is_known_position(o) ||
               (PyIndex_Check(o) && !PyBool_Check(o) && !is_tensor(o) && !is_array(o))) {
      const Ref<Size> size = tracked_size(o);
      items_[k].kind = Item::position;
      items_[k].at = size ? Extent(size) : Extent(int_argument(o, op, "an index"));
      ++used_;
    } else if (!take_tensor(o, &items_[k])) {
      const std::string text = cat("[", op,
                                   "] an index is an int, a slice, None, Ellipsis, a bool, a tensor, array or "
                                   "list of integers or bools, or a tuple of these; not ",
                                   type_name(o));
      if (is_text(o)) throw py::type_error(text);
      throw IndexError(text);
    }
  }
  if (ellipses > 1) throw IndexError(cat("[", op, "] an index has at most one Ellipsis"));
}

Tensor Key::sliced(const Tensor& x, int dim, const Item& item) {
  const int64_t n = x.shape()[dim];
  Py_ssize_t start = item.start.now(), stop = item.stop.now();
  const Py_ssize_t step = item.step;
  if (PySlice_AdjustIndices(n, &start, &stop, step) == 0) return slice(x, dim, int64_t{0}, int64_t{0}, 1);
  if (step == 1 && start == 0 && stop == n) return x;
  // Going down to the first element has the stop -1, which the op would count from the end.
  return slice(x, dim, int64_t{start}, stop < 0 ? Attr{} : Attr{int64_t{stop}}, step);
}

Tensor Key::basic(const Tensor& x, Items items, int used, const char* op) {
  const int n = x.shape().size();
  if (used > n) throw IndexError(cat("[", op, "] ", used, " indices for a tensor of shape ", str(x.shape())));
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
    } else if (item.kind == Item::tensor) {
      const int axes = static_cast<int>(item.at.now());
      if (axes == 0) shape.push(1);  // that a single bool chooses, or not
      keep(dim + axes);
    } else {
      const int64_t i = item.at.now(), size = r.shape()[dim];
      if (i < -size || i >= size)
        throw IndexError(cat("[", op, "] index ", i, " is outside axis ", dim + gone, " of size ", size, " (shape ",
                             str(x.shape()), ")"));
      r = ops::select(r, dim, i);
      ++gone;
    }
  }
  keep(r.shape().size());
  Tensor y = ops::reshape(r, shape);
  if (!y.same(x)) return y;
  return bs::apply(*find_op("view"), {x}, Attrs::make({x.shape()}));  // x[:] has flags of its own
}

// The tensors at the axes of the view where they begin.
std::vector<ops::IndexOfAxes> Key::placed(int axes, Items items, std::span<const Tensor> tensors, const char* op) {
  int n_items = 0;  // axes of the view that items stand for, but for Ellipsis and the end
  for (const Item& item : items)
    n_items += item.kind == Item::tensor ? std::max<int>(static_cast<int>(item.at.now()), 1)
                                         : item.kind == Item::axis || item.kind == Item::slice;
  std::vector<ops::IndexOfAxes> made;
  int at = 0;
  for (const Item& item : items) {
    if (item.kind == Item::all) {
      at += axes - n_items;
    } else if (item.kind != Item::tensor) {
      at += item.kind != Item::position;
    } else {
      const Tensor& t = tensors[made.size()];
      const int own = static_cast<int>(item.at.now());
      // A bool without axes chooses from an axis of size 1.
      made.push_back({at, own == 0 ? ops::positions_of_true(op, t) : t});
      at += std::max(own, 1);
    }
  }
  return made;
}

template <class Fn>
Tensor Key::run(std::initializer_list<Tensor> first, Fn fn) const {
  std::vector<Tensor> in(first);
  in.insert(in.end(), tensors_.begin(), tensors_.end());
  const Items items(items_);
  if (Tape::current())
    return taped(in, [fn, own = std::vector(items.begin(), items.end()), used = used_,
                      op = op_](std::span<const Tensor> given) { return fn(given, Items(own), used, op); });
  constexpr int64_t kElements = 16384;  // about 20 us, from where on other threads should run
  if (std::none_of(in.begin(), in.end(), [](const Tensor& t) { return t.numel() >= kElements; }))
    return fn(in, items, used_, op_);
  GilRelease release;
  return fn(in, items, used_, op_);
}

Tensor Key::view(const Tensor& x) const {
  return taped(x, [own = std::vector(Items(items_).begin(), Items(items_).end()), used = used_,
                   op = op_](const Tensor& t) { return basic(t, own, used, op); });
}

Tensor Key::read(const Tensor& x) const {
  if (tensors_.empty()) return Tape::current() ? view(x) : basic(x, items_, used_, op_);
  return run({x}, [](std::span<const Tensor> in, Items items, int used, const char* op) {
    const Tensor of = basic(in[0], items, used, op);
    return ops::index(of, placed(of.shape().size(), items, in.subspan(1), op));
  });
}

Tensor Key::put(const Tensor& view, const Tensor& values, bool accumulate) const {
  return run({view, values}, [accumulate](std::span<const Tensor> in, Items items, int, const char* op) {
    return ops::index_put(in[0], placed(in[0].shape().size(), items, in.subspan(2), op), in[1], accumulate);
  });
}

void register_key(py::module_& m) {
  m.def("_index_put", [](py::handle input, py::tuple indices, const Tensor& values, bool accumulate) {
    if (!is_tensor(input.ptr()))
      throw py::type_error(cat("[index_put] input is a tensor, not ", type_name(input.ptr())));
    return Key(indices.ptr(), "index_put").put(unwrap(input.ptr()), values, accumulate);
  });
}

}  // namespace bs::bindings
