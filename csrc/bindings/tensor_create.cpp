// zeros, ones, empty, full and their *_like, arange, linspace, eye: cold functions, computed once and constant to the
// graph.
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "bindings/arguments.h"
#include "bindings/device.h"
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

// What functions that make tensors take besides, always in this order and by name.
#define BS_MADE "dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, out=None"
#define BS_MADE_LIKE "dtype=None, layout=None, device=None, requires_grad=False, memory_format=None"

const Spec& like(PyObject* x, const char* op) {
  if (!is_tensor(x)) throw py::type_error(cat("[", op, "] input is a tensor, not ", type_name(x)));
  return spec_of(x);
}

// What they say; they begin at parameter `at`.
struct Made {
  const char* op;
  DType dtype;
  bool requires_grad;

  Made(const char* name, const Arguments& v, int at, DType otherwise)
      : op(name),
        dtype(v.has(at) ? dtype_argument(op, v[at]) : otherwise),
        requires_grad(v[at + 3] && flag_argument(v[at + 3], op, "requires_grad")) {
    layout_argument(op, v[at + 1]);
    device_argument(op, v[at + 2]);
  }
  Tensor flagged(Tensor t) const { return requires_grad ? with_requires_grad(std::move(t), op) : t; }
  // fn(shape) of tensors of one number.
  auto filler(Tensor one) const {
    return [one, made = *this](const Dims& shape) { return made.flagged(filled(shape, one, made.op)); };
  }
};

// The result, or `out` with it.
PyObject* done(Tensor t, PyObject* out, const char* op) {
  if (!out || out == Py_None) return wrap(std::move(t));
  if (!is_tensor(out)) throw py::type_error(cat("[", op, "] out is a tensor, not ", type_name(out)));
  if (!(spec_of(out).shape == t.shape()))
    throw ShapeError(cat("[", op, "] out is ", str(spec_of(out).shape), ", the result ", str(t.shape())));
  const py::object result = owned(wrap(std::move(t)));
  return checked(PyObject_CallMethod(out, "copy_", "O", result.ptr()));
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
PyObject* make_like(PyObject* x, Fn fn) {
  return wrap(slot_of(x) ? fn(spec_of(x).shape) : taped(unwrap(x), [fn](const Tensor& t) { return fn(t.shape()); }));
}

// f(2, 3), f((2, 3)), f(size=(2, 3)).
Shape given_shape(const Arguments& v, const char* op) {
  if (v[0] && v.rest.empty()) return Shape(v[0], op, "size");
  if (v[0]) throw py::type_error(cat("[", op, "] got two values for 'size'"));
  if (v.rest.size() == 1) return Shape(v.rest[0], op, "size");
  py::tuple sizes(v.rest.size());
  for (size_t i = 0; i < v.rest.size(); ++i) sizes[i] = py::handle(v.rest[i]);
  return Shape(sizes.ptr(), op, "size");
}

template <int value>
PyObject* constant(const Arguments& v, const char* op) {
  const Shape shape = given_shape(v, op);
  const Made made(op, v, 1, default_dtype());
  return done(shape.make(made.filler(Tensor::scalar(value, made.dtype))), v[6], op);
}
template <int value>
PyObject* constant_like(const Arguments& v, const char* op) {
  const Made made(op, v, 1, like(v[0], op).dtype);
  return make_like(v[0], made.filler(Tensor::scalar(value, made.dtype)));
}

constexpr char kZeros[] = "zeros(*size, " BS_MADE ")\n--\n\nZeros, float32 by default.";
PyObject* zeros(PyObject*, const Arguments& v) { return constant<0>(v, "zeros"); }
constexpr char kZerosLike[] =
    "zeros_like(input, *, " BS_MADE_LIKE ")\n--\n\nZeros of the shape, and by default the dtype, of x.";
PyObject* zeros_like(PyObject*, const Arguments& v) { return constant_like<0>(v, "zeros_like"); }

constexpr char kOnes[] = "ones(*size, " BS_MADE ")\n--\n\nOnes, float32 by default.";
PyObject* ones(PyObject*, const Arguments& v) { return constant<1>(v, "ones"); }
constexpr char kOnesLike[] =
    "ones_like(input, *, " BS_MADE_LIKE ")\n--\n\nOnes of the shape, and by default the dtype, of x.";
PyObject* ones_like(PyObject*, const Arguments& v) { return constant_like<1>(v, "ones_like"); }

constexpr char kEmpty[] = "empty(*size, " BS_MADE
                          ", memory_format=None)\n--\n\n"
                          "A tensor to be written; until then it holds zeros, so that runs can be repeated.";
PyObject* empty(PyObject*, const Arguments& v) { return constant<0>(v, "empty"); }
constexpr char kEmptyLike[] =
    "empty_like(input, *, " BS_MADE_LIKE
    ")\n--\n\n"
    "A tensor of the shape, and by default the dtype, of x, to be written; until then it holds zeros.";
PyObject* empty_like(PyObject*, const Arguments& v) { return constant_like<0>(v, "empty_like"); }

constexpr char kFull[] = "full(size, fill_value, *, " BS_MADE
                         ")\n--\n\n"
                         "A tensor of one number; its dtype is by default that of bs.tensor(fill_value).";
PyObject* full(PyObject*, const Arguments& v) {
  const Shape shape(v[0], "full", "size");
  const py::object value = number_argument(v[1], "full", "fill_value");
  const Made made("full", v, 2, number_dtype(value.ptr()));
  return done(shape.make(made.filler(scalar_tensor(value.ptr(), made.dtype, "full"))), v[7], "full");
}
constexpr char kFullLike[] = "full_like(input, fill_value, *, " BS_MADE_LIKE
                             ")\n--\n\n"
                             "A tensor of one number, with the shape, and by default the dtype, of x.";
PyObject* full_like(PyObject*, const Arguments& v) {
  const Made made("full_like", v, 2, like(v[0], "full_like").dtype);
  const py::object value = number_argument(v[1], "full_like", "fill_value");
  return make_like(v[0], made.filler(scalar_tensor(value.ptr(), made.dtype, "full_like")));
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

constexpr char kArange[] =
    "arange(start=0, end=None, step=1, *, " BS_MADE
    ")\n--\n\n"
    "start, start + step, ... below end; arange(n) counts from 0. int64 for ints, float32 for floats.";
PyObject* arange(PyObject*, const Arguments& v) {
  if (!v[0] && !v[1]) throw py::type_error("[arange] missing argument 'end'");
  // arange(n) ends at n.
  py::object given[3] = {py::int_(0), py::reinterpret_borrow<py::object>(v.has(1) ? v[1] : v[0]), py::int_(1)};
  if (v.has(1) && v[0]) given[0] = py::reinterpret_borrow<py::object>(v[0]);
  if (v[2]) given[2] = py::reinterpret_borrow<py::object>(v[2]);
  // To a size that a capture tracks: a replay has another one.
  const Ref<Size> size = tracked_size(given[1].ptr());
  if (size) given[1] = py::int_(size->value);
  bool any_float = false;
  double at[3];
  const char* names[3] = {"start", "end", "step"};
  for (int i = 0; i < 3; ++i) {
    given[i] = number_argument(given[i].ptr(), "arange", names[i]);
    any_float |= PyFloat_Check(given[i].ptr());
    at[i] = double_of(given[i].ptr(), "arange");
    if (!std::isfinite(at[i])) throw ValueError(cat("[arange] ", names[i], " is not finite"));
  }
  if (at[2] == 0) throw ValueError("[arange] step is not 0");
  const Made made("arange", v, 3, any_float ? default_dtype() : DType::i64);
  if (made.dtype == DType::b8) throw DTypeError("[arange] there is no range of bools");
  Range range{at[0], at[1], at[2], 0, 0, !any_float, made.dtype};
  if (range.whole) {
    range.first = PyLong_AsLongLong(given[0].ptr());
    range.by = PyLong_AsLongLong(given[2].ptr());
    if (PyErr_Occurred()) throw py::error_already_set();
  }
  if (!size) return done(made.flagged(range.make()), v[8], "arange");
  const auto again = [range, extent = Extent(size), made](std::span<const Tensor>) {
    Range own = range;
    own.end = static_cast<double>(extent.now());
    return made.flagged(own.make());
  };
  return done(taped({}, again, true), v[8], "arange");
}

// fn(i) for i below n, computed in float64.
template <class Fn>
Tensor computed(int64_t n, DType dtype, Fn fn) {
  const Tensor t = Tensor::empty(DType::f64, {n});
  for (int64_t i = 0; i < n; ++i) reinterpret_cast<double*>(t.data())[i] = fn(i);
  return detached(ops::cast(t, dtype));
}

// The i-th of n numbers from `start` to `end`; from both ends, so that these are met exactly.
struct Line {
  double start, end;
  int64_t n;

  Line(const Arguments& v, const char* op) {
    start = double_of(number_argument(v[0], op, "start").ptr(), op);
    end = double_of(number_argument(v[1], op, "end").ptr(), op);
    n = int_argument(v[2], op, "steps");
    if (n < 0) throw ValueError(cat("[", op, "] steps is ", n, ": it must not be negative"));
  }
  double operator()(int64_t i) const {
    const double step = n > 1 ? (end - start) / static_cast<double>(n - 1) : 0;
    return i < n - n / 2 ? start + step * static_cast<double>(i) : end - step * static_cast<double>(n - 1 - i);
  }
};

constexpr char kLinspace[] =
    "linspace(start, end, steps, *, " BS_MADE ")\n--\n\n`steps` numbers from start to end, at equal distances.";
PyObject* linspace(PyObject*, const Arguments& v) {
  const Line line(v, "linspace");
  const Made made("linspace", v, 3, default_dtype());
  return done(made.flagged(computed(line.n, made.dtype, line)), v[8], "linspace");
}

constexpr char kLogspace[] = "logspace(start, end, steps, base=10.0, *, " BS_MADE
                             ")\n--\n\nbase ** x for `steps` numbers x from start to end, at equal distances.";
PyObject* logspace(PyObject*, const Arguments& v) {
  const Line line(v, "logspace");
  const double base = v[3] ? double_of(number_argument(v[3], "logspace", "base").ptr(), "logspace") : 10;
  const Made made("logspace", v, 4, default_dtype());
  const auto power = [&](int64_t i) { return std::pow(base, line(i)); };
  return done(made.flagged(computed(line.n, made.dtype, power)), v[9], "logspace");
}

constexpr char kEye[] =
    "eye(n, m=None, *, " BS_MADE ")\n--\n\nOnes on the diagonal of n rows and m columns, zeros elsewhere.";
PyObject* eye(PyObject*, const Arguments& v) {
  const int64_t n = int_argument(v[0], "eye", "n");
  const int64_t columns = v.has(1) ? int_argument(v[1], "eye", "m") : n;
  const Made made("eye", v, 2, default_dtype());
  Tensor r = filled({n, columns}, Tensor::scalar(0, made.dtype), "eye");
  const Tensor one = Tensor::scalar(1, made.dtype);
  const size_t size = size_of(made.dtype);
  for (int64_t i = 0; i < n && i < columns; ++i)
    std::memcpy(r.data() + static_cast<size_t>(i * columns + i) * size, one.data(), size);
  return done(made.flagged(std::move(r)), v[7], "eye");
}

PyMethodDef create_functions[] = {{"zeros", BS_METHOD(kZeros, zeros)},
                                  {"zeros_like", BS_METHOD(kZerosLike, zeros_like)},
                                  {"ones", BS_METHOD(kOnes, ones)},
                                  {"ones_like", BS_METHOD(kOnesLike, ones_like)},
                                  {"empty", BS_METHOD(kEmpty, empty)},
                                  {"empty_like", BS_METHOD(kEmptyLike, empty_like)},
                                  {"full", BS_METHOD(kFull, full)},
                                  {"full_like", BS_METHOD(kFullLike, full_like)},
                                  {"arange", BS_METHOD(kArange, arange)},
                                  {"linspace", BS_METHOD(kLinspace, linspace)},
                                  {"logspace", BS_METHOD(kLogspace, logspace)},
                                  {"eye", BS_METHOD(kEye, eye)},
                                  {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_create(py::module_& m) {
  if (PyModule_AddFunctions(m.ptr(), create_functions) < 0) throw py::error_already_set();
}

}  // namespace bs::bindings
