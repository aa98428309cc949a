// zeros, ones, full, arange, eye and their *_like: cold functions, computed once and constant to the graph.
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "bindings/dtype.h"
#include "bindings/size.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

template <class T>
void fill(Tensor& t, const char* value) {
  T v;
  std::memcpy(&v, value, sizeof v);
  T* p = reinterpret_cast<T*>(t.data());
  const int64_t n = t.numel();
  for (int64_t i = 0; i < n; ++i) p[i] = v;
}

// `one` is a 0-d tensor of the wanted dtype.
Tensor filled(const Dims& shape, const Tensor& one, const char* op) {
  for (int64_t d : shape)
    if (d < 0) throw ShapeError(cat("[", op, "] shape ", str(shape), " has a negative size"));
  Tensor t = Tensor::empty(one.dtype(), shape);
  const size_t bytes = size_of(t.dtype());
  const auto by = bytes == 1   ? fill<uint8_t>
                  : bytes == 2 ? fill<uint16_t>
                  : bytes == 4 ? fill<uint32_t>
                               : fill<uint64_t>;
  by(t, one.data());
  return t;
}

DType dtype_or(const py::object& o, DType otherwise, const char* op) {
  return o.is_none() ? otherwise : dtype_argument(op, o.ptr());
}

Tensor flagged(Tensor t, const py::object& requires_grad, const char* op) {
  return flag_argument(requires_grad.ptr(), op, "requires_grad") ? with_requires_grad(std::move(t), op) : t;
}

const Spec& like(const py::object& x, const char* op) {
  if (!is_tensor(x.ptr())) throw py::type_error(cat("[", op, "] input is a tensor, not ", type_name(x.ptr())));
  return spec_of(x.ptr());
}

// Sizes, of which some may be those of tensors that a capture tracks.
class Shape {
 public:
  // An int, a sequence of ints.
  Shape(PyObject* o, const char* op, const char* argument) {
    const bool sequence = PyTuple_Check(o) || PyList_Check(o);
    const py::object items = sequence ? owned(PySequence_Tuple(o)) : py::object(py::make_tuple(py::handle(o)));
    bool any = false;
    for (py::handle item : items) any |= static_cast<bool>(tracked_size(item.ptr()));
    if (!any) {
      for (int64_t d : dims_argument(o, op, argument)) extents_.emplace_back(d);
      return;
    }
    for (py::handle item : items) {
      const Ref<Size> size = tracked_size(item.ptr());
      extents_.push_back(size ? Extent(size) : Extent(int_argument(item.ptr(), op, argument)));
      varies_ |= static_cast<bool>(size);
    }
  }
  Dims now() const {
    Dims d;
    for (const Extent& e : extents_) d.push(e.now());
    return d;
  }
  // fn(shape), which a replay asks again.
  template <class Fn>
  Tensor make(Fn fn) const {
    return varies_ ? taped(
                         {}, [shape = *this, fn](std::span<const Tensor>) { return fn(shape.now()); }, true)
                   : fn(now());
  }

 private:
  std::vector<Extent> extents_;
  bool varies_ = false;
};

// fn(shape of x).
template <class Fn>
Tensor make_like(const py::object& x, Fn fn) {
  return slot_of(x.ptr()) ? fn(spec_of(x.ptr()).shape)
                          : taped(unwrap(x.ptr()), [fn](const Tensor& t) { return fn(t.shape()); });
}

// A tensor of one number.
auto filler(Tensor one, const py::object& requires_grad, const char* op) {
  const bool flag = flag_argument(requires_grad.ptr(), op, "requires_grad");
  return [one, flag, op](const Dims& shape) {
    Tensor t = filled(shape, one, op);
    return flag ? with_requires_grad(std::move(t), op) : t;
  };
}

template <int value>
void define_constant(py::module_& m, const char* name, const char* like_name, const char* doc, const char* like_doc) {
  m.def(
      name,
      [name](py::args size, py::object dtype, py::object requires_grad) {
        const Shape shape(size.size() == 1 ? PyTuple_GET_ITEM(size.ptr(), 0) : size.ptr(), name, "size");
        return shape.make(filler(Tensor::scalar(value, dtype_or(dtype, DType::f32, name)), requires_grad, name));
      },
      py::kw_only(), py::arg("dtype") = py::none(), py::arg("requires_grad") = false, doc);
  m.def(
      like_name,
      [like_name](py::object x, py::object dtype, py::object requires_grad) {
        const DType t = dtype_or(dtype, like(x, like_name).dtype, like_name);
        return make_like(x, filler(Tensor::scalar(value, t), requires_grad, like_name));
      },
      py::arg("input"), py::kw_only(), py::arg("dtype") = py::none(), py::arg("requires_grad") = false, like_doc);
}

// start, start + step, ... below end.
struct Range {
  double start, end, step;
  int64_t first, by;  // of whole numbers, which go through int64: doubles hold 53 bits
  bool whole;
  DType dtype;

  Tensor make() const {
    if (step > 0 ? end < start : end > start)
      throw ValueError(cat("[arange] from ", start, " to ", end, " by ", step, " goes the wrong way: give step ",
                           step > 0 ? "< 0" : "> 0"));
    const double count = std::ceil((end - start) / step);
    if (count > 1e15) throw ShapeError(cat("[arange] ", count, " elements are too many"));
    const int64_t n = count > 0 ? static_cast<int64_t>(count) : 0;
    const DType t = computing(dtype);
    Tensor r = Tensor::empty(t, {n});
    char* p = r.data();
    for (int64_t i = 0; i < n; ++i) {
      const double x = start + static_cast<double>(i) * step;
      const int64_t k = whole ? first + i * by : static_cast<int64_t>(x);
      switch (t) {
        case DType::f32:
          reinterpret_cast<float*>(p)[i] = static_cast<float>(x);
          break;
        case DType::f64:
          reinterpret_cast<double*>(p)[i] = x;
          break;
        case DType::i32:
          reinterpret_cast<int32_t*>(p)[i] = static_cast<int32_t>(k);
          break;
        default:
          reinterpret_cast<int64_t*>(p)[i] = k;
          break;
      }
    }
    return detached(ops::cast(r, dtype));
  }
};

Tensor arange(py::object start, py::object end, py::object step, py::object dtype, py::object requires_grad) {
  if (end.is_none()) {
    end = start;
    start = py::int_(0);
  }
  // To a size that a capture tracks: a replay has another one.
  const Ref<Size> size = tracked_size(end.ptr());
  if (size) end = py::int_(size->value);
  bool any_float = false;
  double v[3];
  const char* names[3] = {"start", "end", "step"};
  py::object given[3] = {start, end, step};
  for (int i = 0; i < 3; ++i) {
    given[i] = number_argument(given[i].ptr(), "arange", names[i]);
    any_float |= PyFloat_Check(given[i].ptr());
    v[i] = double_of(given[i].ptr(), "arange");
    if (!std::isfinite(v[i])) throw ValueError(cat("[arange] ", names[i], " is not finite"));
  }
  if (v[2] == 0) throw ValueError("[arange] step is not 0");
  const DType asked = dtype_or(dtype, any_float ? DType::f32 : DType::i64, "arange");
  if (asked == DType::b8) throw DTypeError("[arange] there is no range of bools");
  Range range{v[0], v[1], v[2], 0, 0, !any_float, asked};
  if (range.whole) {
    range.first = PyLong_AsLongLong(given[0].ptr());
    range.by = PyLong_AsLongLong(given[2].ptr());
    if (PyErr_Occurred()) throw py::error_already_set();
  }
  if (!size) return flagged(range.make(), requires_grad, "arange");
  const bool flag = flag_argument(requires_grad.ptr(), "arange", "requires_grad");
  return taped(
      {},
      [range, extent = Extent(size), flag](std::span<const Tensor>) {
        Range own = range;
        own.end = static_cast<double>(extent.now());
        return flag ? with_requires_grad(own.make(), "arange") : own.make();
      },
      true);
}

Tensor eye(py::object rows, py::object m, py::object dtype) {
  const int64_t n = int_argument(rows.ptr(), "eye", "n");
  const int64_t columns = m.is_none() ? n : int_argument(m.ptr(), "eye", "m");
  const DType t = dtype_or(dtype, DType::f32, "eye");
  Tensor r = filled({n, columns}, Tensor::scalar(0, t), "eye");
  const Tensor one = Tensor::scalar(1, t);
  const size_t size = size_of(t);
  for (int64_t i = 0; i < n && i < columns; ++i)
    std::memcpy(r.data() + static_cast<size_t>(i * columns + i) * size, one.data(), size);
  return r;
}

}  // namespace

void register_create(py::module_& m) {
  define_constant<0>(m, "zeros", "zeros_like",
                     "zeros(*size, dtype=None, requires_grad=False): zeros, float32 by default.",
                     "Zeros of the shape, and by default the dtype, of x.");
  define_constant<1>(m, "ones", "ones_like", "ones(*size, dtype=None, requires_grad=False): ones, float32 by default.",
                     "Ones of the shape, and by default the dtype, of x.");
  m.def(
      "full",
      [](py::object size, py::object value, py::object dtype, py::object requires_grad) {
        const Shape shape(size.ptr(), "full", "size");
        const py::object v = number_argument(value.ptr(), "full", "fill_value");
        const DType t = dtype_or(dtype, number_dtype(v.ptr()), "full");
        return shape.make(filler(scalar_tensor(v.ptr(), t, "full"), requires_grad, "full"));
      },
      py::arg("size"), py::arg("fill_value"), py::kw_only(), py::arg("dtype") = py::none(),
      py::arg("requires_grad") = false,
      "A tensor of one number; its dtype is by default that of bs.tensor(fill_value).");
  m.def(
      "full_like",
      [](py::object x, py::object value, py::object dtype, py::object requires_grad) {
        const DType own = like(x, "full_like").dtype;
        const py::object v = number_argument(value.ptr(), "full_like", "fill_value");
        const DType t = dtype_or(dtype, own, "full_like");
        return make_like(x, filler(scalar_tensor(v.ptr(), t, "full_like"), requires_grad, "full_like"));
      },
      py::arg("input"), py::arg("fill_value"), py::kw_only(), py::arg("dtype") = py::none(),
      py::arg("requires_grad") = false, "A tensor of one number, with the shape, and by default the dtype, of x.");
  m.def("arange", arange, py::arg("start"), py::arg("end") = py::none(), py::arg("step") = 1, py::kw_only(),
        py::arg("dtype") = py::none(), py::arg("requires_grad") = false,
        "start, start + step, ... below end; arange(n) counts from 0. int64 for ints, float32 for floats.");
  m.def("eye", eye, py::arg("n"), py::arg("m") = py::none(), py::kw_only(), py::arg("dtype") = py::none(),
        "Ones on the diagonal of n rows and m columns, zeros elsewhere.");
}

}  // namespace bs::bindings
