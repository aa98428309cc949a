// Operators of Tensor: + - * / @ **, comparisons, float(x), int(x), bool(x).
#include "base/error.h"
#include "bindings/op_call.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

// Looked up once; null where the registry has no such op, and then Python says that the operator is not supported.
struct Known {
  const Op *add, *sub, *mul, *div, *matmul, *pow, *neg, *abs, *eq, *ne, *lt, *le, *gt, *ge;
  const Op *square, *sqrt, *rsqrt, *reciprocal, *reshape;  // powers
} known;

// An operand that is neither tensor nor number: a NumPy array or scalar.
bool is_array(PyObject* o) {
  static PyObject* generic = imported("numpy", "generic");
  return py::isinstance<py::array>(o) || PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(generic));
}

// The operand that is no tensor, beside `other`. False where Python should try the operand's own method.
bool push_other(PyObject* o, const Spec& other, const Op& op, Operands* in) {
  if (is_number(o)) {
    if (op.elementwise < 0) return false;
    in->push(scalar_tensor(o, weak_dtype(ops::number_dtype(other), o)));
    return true;
  }
  if (!is_array(o)) return false;
  in->push(to_tensor(o, op.name, "an operand"));
  return true;
}

PyObject* binary(const Op* op, PyObject* a, PyObject* b) noexcept {
  return guarded([&]() -> PyObject* {
    if (!op) Py_RETURN_NOTIMPLEMENTED;
    Operands in;
    const bool first = is_tensor(a), second = is_tensor(b);
    if (first) {
      in.push_borrowed(a);
    } else if (!push_other(a, spec_of(b), *op, &in)) {
      Py_RETURN_NOTIMPLEMENTED;
    }
    if (second) {
      in.push_borrowed(b);
    } else if (!push_other(b, spec_of(a), *op, &in)) {
      Py_RETURN_NOTIMPLEMENTED;
    }
    return wrap(call(*op, in));
  });
}

PyObject* unary(const Op* op, const char* sign, PyObject* a) noexcept {
  return guarded([&] {
    if (!op) throw py::type_error(cat("[", sign, "] tensors do not have this operator"));
    Operands in;
    in.push_borrowed(a);
    return wrap(call(*op, in));
  });
}

#define BS_BINARY(name) \
  PyObject* name(PyObject* a, PyObject* b) { return binary(known.name, a, b); }
BS_BINARY(add)
BS_BINARY(sub)
BS_BINARY(mul)
BS_BINARY(div)
BS_BINARY(matmul)
#undef BS_BINARY

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  if (!is_tensor(a) || !is_number(b)) return binary(known.pow, a, b);
  return guarded([&] { return wrap(power_of(unwrap(a), b)); });
}

PyObject* negative(PyObject* a) { return unary(known.neg, "neg", a); }
PyObject* absolute(PyObject* a) { return unary(known.abs, "abs", a); }
PyObject* positive(PyObject* a) {
  return guarded([&] {
    if (spec_of(a).dtype == DType::b8) throw DTypeError("[pos] x is bool, which has no sign");
    return Py_NewRef(a);
  });
}

PyObject* compare(PyObject* a, PyObject* b, int how) {
  switch (how) {
    case Py_EQ:
      return binary(known.eq, a, b);
    case Py_NE:
      return binary(known.ne, a, b);
    case Py_LT:
      return binary(known.lt, a, b);
    case Py_LE:
      return binary(known.le, a, b);
    case Py_GT:
      return binary(known.gt, a, b);
    default:
      return binary(known.ge, a, b);
  }
}

// == compares elements, so identity is what is left to hash.
Py_hash_t hash(PyObject* self) {
  auto h = static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(self) >> 4);
  return h == -1 ? -2 : h;
}

PyObject* as_float(PyObject* self) {
  return guarded([&] {
    py::object v = owned(element(unwrap_value(self), "float"));
    return checked(PyNumber_Float(v.ptr()));
  });
}

PyObject* as_int(PyObject* self) {
  return guarded([&] {
    py::object v = owned(element(unwrap_value(self), "int"));
    return checked(PyNumber_Long(v.ptr()));  // of nan and inf: Python's own error
  });
}

PyObject* as_index(PyObject* self) {
  return guarded([&] {
    const Spec& spec = spec_of(self);
    if (is_float(spec.dtype) || spec.dtype == DType::b8 || spec.shape.size() > 0)
      throw py::type_error(cat("[index] only a 0-d integer tensor can be an index; this one is ", name_of(spec.dtype),
                               " of shape ", str(spec.shape)));
    return element(unwrap_value(self), "index");
  });
}

int as_bool(PyObject* self) {
  return guarded([&] {
    Tensor t = unwrap_value(self);
    if (t.numel() != 1)
      throw ShapeError(cat("[bool] the truth of a tensor of shape ", str(t.shape()), " is ambiguous: it has ",
                           t.numel(), " elements"));
    py::object v = owned(element(t, "bool"));
    return PyObject_IsTrue(v.ptr());
  });
}

}  // namespace

Tensor power_of(const Tensor& x, PyObject* exponent) {
  const double n = PyFloat_AsDouble(exponent);
  if (n == -1 && PyErr_Occurred()) throw py::error_already_set();
  const bool floats = is_float(x.dtype()), whole = !PyFloat_Check(exponent);
  if (n < 0 && !floats && whole)
    throw ValueError("[pow] integers to a negative power are no integers: cast x to a float first");
  const auto of = [](const Op* op, const Tensor& a, Tensor b = {}, Ref<Attrs> attrs = {}) {
    Operands in;
    in.push(a);
    if (b) in.push(std::move(b));
    return call(*op, in, std::move(attrs));
  };
  if (floats || whole) {
    // A value of its own, with the history: of a parameter, what it holds now.
    if (n == 1 && (x.dtype() != DType::b8 || PyBool_Check(exponent)))
      return of(known.reshape, x, {}, Attrs::make({x.shape()}));
    if (n == 2) return of(known.square, x);
    if (n == 3) return of(known.mul, of(known.square, x), x);
  }
  if (n == 0.5) return of(known.sqrt, x);
  if (n == -0.5) return of(known.rsqrt, x);
  if (n == -1) return of(known.reciprocal, x);
  return of(known.pow, x, scalar_tensor(exponent, weak_dtype(ops::number_dtype(x.spec()), exponent)));
}

void prepare_number_slots() {
#define BS_FIND(name) known.name = find_op(#name);
  BS_FIND(add)
  BS_FIND(sub)
  BS_FIND(mul)
  BS_FIND(div)
  BS_FIND(matmul)
  BS_FIND(pow)
  BS_FIND(neg)
  BS_FIND(abs)
  BS_FIND(eq)
  BS_FIND(ne)
  BS_FIND(lt)
  BS_FIND(le)
  BS_FIND(gt)
  BS_FIND(ge)
  BS_FIND(square)
  BS_FIND(sqrt)
  BS_FIND(rsqrt)
  BS_FIND(reciprocal)
  BS_FIND(reshape)
#undef BS_FIND
}

#define BS_SLOT(slot, fn) {slot, reinterpret_cast<void*>(fn)}
PyType_Slot tensor_number_slots[] = {BS_SLOT(Py_nb_add, add),
                                     BS_SLOT(Py_nb_subtract, sub),
                                     BS_SLOT(Py_nb_multiply, mul),
                                     BS_SLOT(Py_nb_true_divide, div),
                                     BS_SLOT(Py_nb_matrix_multiply, matmul),
                                     BS_SLOT(Py_nb_power, power),
                                     BS_SLOT(Py_nb_negative, negative),
                                     BS_SLOT(Py_nb_positive, positive),
                                     BS_SLOT(Py_nb_absolute, absolute),
                                     BS_SLOT(Py_nb_float, as_float),
                                     BS_SLOT(Py_nb_int, as_int),
                                     BS_SLOT(Py_nb_index, as_index),
                                     BS_SLOT(Py_nb_bool, as_bool),
                                     BS_SLOT(Py_tp_richcompare, compare),
                                     BS_SLOT(Py_tp_hash, hash),
                                     {0, nullptr}};

}  // namespace bs::bindings
