// zeros, ones, full, arange, eye and their *_like: cold functions, computed once and constant to the graph.
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "bindings/dtype.h"
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

template <int value>
void define_constant(py::module_& m, const char* name, const char* like_name, const char* doc, const char* like_doc) {
  m.def(
      name,
      [name](py::args size, py::object dtype, py::object requires_grad) {
        Dims shape = dims_from_args(size, name, "size");
        return flagged(filled(shape, Tensor::scalar(value, dtype_or(dtype, DType::f32, name)), name), requires_grad,
                       name);
      },
      py::kw_only(), py::arg("dtype") = py::none(), py::arg("requires_grad") = false, doc);
  m.def(
      like_name,
      [like_name](py::object x, py::object dtype, py::object requires_grad) {
        const Spec& spec = like(x, like_name);
        return flagged(filled(spec.shape, Tensor::scalar(value, dtype_or(dtype, spec.dtype, like_name)), like_name),
                       requires_grad, like_name);
      },
      py::arg("input"), py::kw_only(), py::arg("dtype") = py::none(), py::arg("requires_grad") = false, like_doc);
}

Tensor arange(py::object start, py::object end, py::object step, py::object dtype, py::object requires_grad) {
  if (end.is_none()) {
    end = start;
    start = py::int_(0);
  }
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
  const DType asked = dtype_or(dtype, any_float ? DType::f32 : DType::i64, "arange"), t = computing(asked);
  if (asked == DType::b8) throw DTypeError("[arange] there is no range of bools");
  if (v[2] > 0 ? v[1] < v[0] : v[1] > v[0])
    throw ValueError(cat("[arange] from ", v[0], " to ", v[1], " by ", v[2], " goes the wrong way: give step ",
                         v[2] > 0 ? "< 0" : "> 0"));
  const double count = std::ceil((v[1] - v[0]) / v[2]);
  if (count > 1e15) throw ShapeError(cat("[arange] ", count, " elements are too many"));
  const int64_t n = count > 0 ? static_cast<int64_t>(count) : 0;
  Tensor r = Tensor::empty(t, {n});
  char* p = r.data();
  const bool exact = !any_float;  // whole numbers go through int64, doubles hold 53 bits
  const int64_t first = exact ? PyLong_AsLongLong(given[0].ptr()) : 0;
  const int64_t by = exact ? PyLong_AsLongLong(given[2].ptr()) : 0;
  if (PyErr_Occurred()) throw py::error_already_set();
  for (int64_t i = 0; i < n; ++i) {
    const double x = v[0] + static_cast<double>(i) * v[2];
    const int64_t k = exact ? first + i * by : static_cast<int64_t>(x);
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
  return flagged(detached(ops::cast(r, asked)), requires_grad, "arange");
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
        Dims shape = dims_argument(size.ptr(), "full", "size");
        const py::object v = number_argument(value.ptr(), "full", "fill_value");
        const DType t = dtype_or(dtype, number_dtype(v.ptr()), "full");
        return flagged(filled(shape, scalar_tensor(v.ptr(), t, "full"), "full"), requires_grad, "full");
      },
      py::arg("size"), py::arg("fill_value"), py::kw_only(), py::arg("dtype") = py::none(),
      py::arg("requires_grad") = false,
      "A tensor of one number; its dtype is by default that of bs.tensor(fill_value).");
  m.def(
      "full_like",
      [](py::object x, py::object value, py::object dtype, py::object requires_grad) {
        const Spec& spec = like(x, "full_like");
        const py::object v = number_argument(value.ptr(), "full_like", "fill_value");
        const DType t = dtype_or(dtype, spec.dtype, "full_like");
        return flagged(filled(spec.shape, scalar_tensor(v.ptr(), t, "full_like"), "full_like"), requires_grad,
                       "full_like");
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
