// Operators of Tensor: + - * / // % @ ** ~ & | ^, comparisons, float(x), int(x), bool(x).
#include "base/error.h"
#include "bindings/names.h"
#include "bindings/op_call.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

// Looked up once; null where the registry has no such op, and then Python says that the operator is not supported.
struct Known {
  const Op *add, *sub, *mul, *div, *floor_divide, *remainder, *matmul, *pow, *neg, *abs, *bitwise_not, *bitwise_and,
      *bitwise_or, *bitwise_xor, *bitwise_left_shift, *bitwise_right_shift, *eq, *ne, *lt, *le, *gt, *ge;
} known;

// An operand that is neither tensor nor number: a NumPy array or scalar.
bool is_array(PyObject* o) {
  static PyObject* generic = imported("numpy", "generic");
  return py::isinstance<py::array>(o) || PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(generic));
}

// The operand that is no tensor, beside `other`. False where Python should try the operand's own method.
bool push_other(PyObject* o, const Spec& other, const Op& op, Operands* in) {
  if (is_number(o)) {
    if (!op.inputs[0].weak) return false;
    in->push(scalar_tensor(o, weak_dtype(ops::number_dtype(other), o), op.name));
    return true;
  }
  if (!is_array(o)) return false;
  in->push(to_tensor(o, op.name, "an operand"));
  return true;
}

// The operands of a op b. False where Python should try b's own method.
bool push_both(const Op* op, PyObject* a, PyObject* b, Operands* in) {
  if (!op) return false;
  const bool first = is_tensor(a), second = is_tensor(b);
  if (first)
    in->push_borrowed(a);
  else if (!push_other(a, spec_of(b), *op, in))
    return false;
  if (second)
    in->push_borrowed(b);
  else if (!push_other(b, spec_of(a), *op, in))
    return false;
  return true;
}

PyObject* binary(const Op* op, PyObject* a, PyObject* b) noexcept {
  return guarded([&]() -> PyObject* {
    Operands in;
    if (!push_both(op, a, b, &in)) Py_RETURN_NOTIMPLEMENTED;
    return wrap(call(*op, in));
  });
}

// a += b and the like: the result becomes the value of a.
PyObject* in_place(const Op* op, const char* name, PyObject* a, PyObject* b) {
  const bool keeps_history = !slot_of(a);
  return guarded([&]() -> PyObject* {
    RecordingGuard mode(recording() && keeps_history);
    Tensor result;
    if (op && op->with_number && is_number(b)) result = with_number(*op, unwrap(a), b);
    if (!result) {
      const Over over(a);
      Operands in;
      if (!push_both(op, a, b, &in)) Py_RETURN_NOTIMPLEMENTED;
      if (over.compute(*op, in.span(), 0, nullptr)) return Py_NewRef(a);
      result = call(*op, in);
    }
    write_result(a, std::move(result), name);
    return Py_NewRef(a);
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

#define BS_BINARY(name)                                                         \
  PyObject* name(PyObject* a, PyObject* b) { return binary(known.name, a, b); } \
  [[maybe_unused]] PyObject* name##_(PyObject* a, PyObject* b) { return in_place(known.name, #name "_", a, b); }
BS_BINARY(add)
BS_BINARY(sub)
BS_BINARY(mul)
BS_BINARY(div)
BS_BINARY(floor_divide)
BS_BINARY(remainder)
BS_BINARY(matmul)
BS_BINARY(bitwise_and)
BS_BINARY(bitwise_or)
BS_BINARY(bitwise_xor)
BS_BINARY(bitwise_left_shift)
BS_BINARY(bitwise_right_shift)
#undef BS_BINARY

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return guarded([&]() -> PyObject* {
    if (known.pow && is_tensor(a) && is_number(b))
      if (Tensor made = with_number(*known.pow, unwrap(a), b)) return wrap(std::move(made));
    return binary(known.pow, a, b);
  });
}

PyObject* power_(PyObject* a, PyObject* b, PyObject* /*modulus*/) { return in_place(known.pow, "pow_", a, b); }

PyObject* negative(PyObject* a) { return unary(known.neg, "neg", a); }
PyObject* inverted(PyObject* a) { return unary(known.bitwise_not, "bitwise_not", a); }
PyObject* absolute(PyObject* a) { return unary(known.abs, "abs", a); }
PyObject* positive(PyObject* a) {
  return guarded([&] {
    if (spec_of(a).dtype == DType::b8) throw DTypeError("[pos] input is bool, which has no sign");
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

void prepare_number_slots() {
#define BS_FIND(name) known.name = find_op(#name);
  BS_FIND(add)
  BS_FIND(sub)
  BS_FIND(mul)
  BS_FIND(div)
  BS_FIND(floor_divide)
  BS_FIND(remainder)
  BS_FIND(matmul)
  BS_FIND(pow)
  BS_FIND(neg)
  BS_FIND(abs)
  BS_FIND(bitwise_not)
  BS_FIND(bitwise_and)
  BS_FIND(bitwise_or)
  BS_FIND(bitwise_xor)
  BS_FIND(bitwise_left_shift)
  BS_FIND(bitwise_right_shift)
  BS_FIND(eq)
  BS_FIND(ne)
  BS_FIND(lt)
  BS_FIND(le)
  BS_FIND(gt)
  BS_FIND(ge)
#undef BS_FIND
}

#define BS_SLOT(slot, fn) {slot, reinterpret_cast<void*>(fn)}
PyType_Slot tensor_number_slots[] = {BS_SLOT(Py_nb_add, add),
                                     BS_SLOT(Py_nb_subtract, sub),
                                     BS_SLOT(Py_nb_multiply, mul),
                                     BS_SLOT(Py_nb_true_divide, div),
                                     BS_SLOT(Py_nb_floor_divide, floor_divide),
                                     BS_SLOT(Py_nb_remainder, remainder),
                                     BS_SLOT(Py_nb_matrix_multiply, matmul),
                                     BS_SLOT(Py_nb_power, power),
                                     BS_SLOT(Py_nb_negative, negative),
                                     BS_SLOT(Py_nb_positive, positive),
                                     BS_SLOT(Py_nb_absolute, absolute),
                                     BS_SLOT(Py_nb_invert, inverted),
                                     BS_SLOT(Py_nb_and, bitwise_and),
                                     BS_SLOT(Py_nb_or, bitwise_or),
                                     BS_SLOT(Py_nb_xor, bitwise_xor),
                                     BS_SLOT(Py_nb_lshift, bitwise_left_shift),
                                     BS_SLOT(Py_nb_rshift, bitwise_right_shift),
                                     BS_SLOT(Py_nb_inplace_add, add_),
                                     BS_SLOT(Py_nb_inplace_subtract, sub_),
                                     BS_SLOT(Py_nb_inplace_multiply, mul_),
                                     BS_SLOT(Py_nb_inplace_true_divide, div_),
                                     BS_SLOT(Py_nb_inplace_floor_divide, floor_divide_),
                                     BS_SLOT(Py_nb_inplace_remainder, remainder_),
                                     BS_SLOT(Py_nb_inplace_power, power_),
                                     BS_SLOT(Py_nb_inplace_and, bitwise_and_),
                                     BS_SLOT(Py_nb_inplace_or, bitwise_or_),
                                     BS_SLOT(Py_nb_inplace_xor, bitwise_xor_),
                                     BS_SLOT(Py_nb_inplace_lshift, bitwise_left_shift_),
                                     BS_SLOT(Py_nb_inplace_rshift, bitwise_right_shift_),
                                     BS_SLOT(Py_nb_float, as_float),
                                     BS_SLOT(Py_nb_int, as_int),
                                     BS_SLOT(Py_nb_index, as_index),
                                     BS_SLOT(Py_nb_bool, as_bool),
                                     BS_SLOT(Py_tp_richcompare, compare),
                                     BS_SLOT(Py_tp_hash, hash),
                                     {0, nullptr}};

}  // namespace bs::bindings
