// In-place methods: writes to the slot of a parameter or buffer. A plain tensor's value never changes, and says so.
#include "base/error.h"
#include "bindings/op_call.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

Slot& need_slot(PyObject* self, const char* op, const char* instead) {
  if (Slot* slot = slot_of(self)) return *slot;
  throw GraphError(cat("[", op, "] a tensor's value never changes; only parameters and buffers can be written to. Use ",
                       instead, ", or bs.Buffer(x) for state of your own"));
}

// Writes a value that broadcasts to the slot's shape and has, or is cast to, its dtype.
void write(Slot& slot, Tensor value, const char* op) {
  const Spec& spec = slot.spec();
  if (!(value.shape() == spec.shape)) {
    Dims both;
    if (!broadcast(value.shape(), spec.shape, &both) || !(both == spec.shape))
      throw ShapeError(cat("[", op, "] a value of shape ", str(value.shape()), " does not broadcast to ",
                           str(spec.shape), ", the shape of what is written"));
    value = ops::expand(value, spec.shape);
  }
  if (value.dtype() != spec.dtype) value = ops::cast(value, spec.dtype);
  slot.write(value);
}

// The other operand: a number takes the slot's dtype as in x + 1.
Tensor operand(PyObject* o, const Spec& spec, const char* op) {
  if (is_number(o)) return scalar_tensor(o, weak_dtype(ops::number_dtype(spec), o));
  return to_tensor(o, op, "other");
}

using Builder = Tensor (*)(const ops::Arg&, const ops::Arg&);

PyObject* update(PyObject* self, PyObject* other, PyObject* alpha, const char* op, const char* instead, Builder build) {
  Slot& slot = need_slot(self, op, instead);
  RecordingGuard off(false);
  Tensor y = operand(other, slot.spec(), op);
  if (alpha) {
    if (!is_number(alpha)) throw py::type_error(cat("[", op, "] alpha is a number, not ", type_name(alpha)));
    y = ops::mul(y, scalar_tensor(alpha, weak_dtype(y.dtype(), alpha)));
  }
  Tensor value = build(slot.read(), y);
  if (is_float(value.dtype()) && !is_float(slot.spec().dtype))
    throw DTypeError(cat("[", op, "] the result is ", name_of(value.dtype()), ", what is written is ",
                         name_of(slot.spec().dtype), ": cast the operand first"));
  write(slot, std::move(value), op);
  return Py_NewRef(self);
}

// f(other), f(other, alpha=2), f(other, 2).
PyObject* update_args(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, bool takes_alpha,
                      const char* op, const char* instead, Builder build) {
  PyObject *other = n > 0 ? args[0] : nullptr, *alpha = n > 1 ? args[1] : nullptr;
  const Py_ssize_t n_kw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < n_kw; ++k) {
    PyObject* name = PyTuple_GET_ITEM(kwnames, k);
    PyObject** where = PyUnicode_CompareWithASCIIString(name, "other") == 0   ? &other
                       : PyUnicode_CompareWithASCIIString(name, "alpha") == 0 ? &alpha
                                                                              : nullptr;
    if (!where || *where)
      throw py::type_error(cat("[", op, "] ", where ? "got two values for '" : "there is no argument '",
                               py::cast<std::string>(py::handle(name)), "'"));
    *where = args[n + k];
  }
  if (!other) throw py::type_error(cat("[", op, "] missing argument 'other'"));
  if (n > (takes_alpha ? 2 : 1) || (alpha && !takes_alpha))
    throw py::type_error(cat("[", op, "] takes other", takes_alpha ? " and alpha" : " alone"));
  return update(self, other, alpha, op, instead, build);
}

#define BS_UPDATE(fn, name, builder, takes_alpha, instead)                                                    \
  PyObject* fn(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {                      \
    return guarded([&] { return update_args(self, args, n, kwnames, takes_alpha, name, instead, builder); }); \
  }
BS_UPDATE(add_, "add_", ops::add, true, "x = x + other")
BS_UPDATE(sub_, "sub_", ops::sub, true, "x = x - other")
BS_UPDATE(mul_, "mul_", ops::mul, false, "x = x * other")
BS_UPDATE(div_, "div_", ops::div, false, "x = x / other")
#undef BS_UPDATE

PyObject* copy_(PyObject* self, PyObject* source) {
  return guarded([&] {
    Slot& slot = need_slot(self, "copy_", "x = source");
    RecordingGuard off(false);
    write(slot, operand(source, slot.spec(), "copy_"), "copy_");
    return Py_NewRef(self);
  });
}

PyObject* assign(PyObject* self, PyObject* source) {
  return guarded([&] {
    Slot& slot = need_slot(self, "assign", "x = source");
    RecordingGuard off(false);
    slot.write(to_tensor(source, "assign", "source"));
    return Py_NewRef(self);
  });
}

PyObject* fill_(PyObject* self, PyObject* value) {
  return guarded([&] {
    Slot& slot = need_slot(self, "fill_", "bs.full_like(x, value)");
    RecordingGuard off(false);
    Tensor v = is_number(value) ? scalar_tensor(value, slot.spec().dtype) : to_tensor(value, "fill_", "value");
    if (v.shape().size() > 0)
      throw ShapeError(
          cat("[fill_] the value has shape ", str(v.shape()), ": it is a number; use copy_() for an array"));
    write(slot, std::move(v), "fill_");
    return Py_NewRef(self);
  });
}

PyObject* zero_(PyObject* self, PyObject*) {
  return guarded([&] {
    Slot& slot = need_slot(self, "zero_", "bs.zeros_like(x)");
    RecordingGuard off(false);
    write(slot, Tensor::scalar(0, slot.spec().dtype), "zero_");
    return Py_NewRef(self);
  });
}

// p += x and the like: the same writes.
#define BS_IN_PLACE(fn, name, builder)                                                            \
  PyObject* fn(PyObject* self, PyObject* other) {                                                 \
    return guarded([&] { return update(self, other, nullptr, name, "x = x + other", builder); }); \
  }
BS_IN_PLACE(in_place_add, "add_", ops::add)
BS_IN_PLACE(in_place_sub, "sub_", ops::sub)
BS_IN_PLACE(in_place_mul, "mul_", ops::mul)
BS_IN_PLACE(in_place_div, "div_", ops::div)
#undef BS_IN_PLACE

PyObject* replace(PyObject* self, PyObject* value) {
  return guarded([&] {
    need_slot(self, "_replace", "x = value").replace(to_tensor(value, "_replace", "value"));
    return Py_NewRef(self);
  });
}

#define BS_FAST(fn) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(fn)), METH_FASTCALL | METH_KEYWORDS

}  // namespace

PyMethodDef slot_methods[] = {
    {"add_", BS_FAST(add_), "add_(other, alpha=1)\n--\n\nOf a parameter or buffer: x + alpha other becomes its value."},
    {"sub_", BS_FAST(sub_), "sub_(other, alpha=1)\n--\n\nOf a parameter or buffer: x - alpha other becomes its value."},
    {"mul_", BS_FAST(mul_), "mul_(other)\n--\n\nOf a parameter or buffer: x other becomes its value."},
    {"div_", BS_FAST(div_), "div_(other)\n--\n\nOf a parameter or buffer: x / other becomes its value."},
    {"copy_", copy_, METH_O,
     "copy_(source)\n--\n\nOf a parameter or buffer: source, broadcast and cast, becomes its value."},
    {"assign", assign, METH_O,
     "assign(source)\n--\n\nOf a parameter or buffer: source, of the same shape and dtype, becomes its value."},
    {"fill_", fill_, METH_O, "fill_(value)\n--\n\nOf a parameter or buffer: every element becomes the number."},
    {"zero_", zero_, METH_NOARGS, "zero_()\n--\n\nOf a parameter or buffer: every element becomes 0."},
    {"_replace", replace, METH_O,
     "_replace(value)\n--\n\nOf a parameter or buffer: value, of the same shape, becomes its value, dtype and all."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot slot_number_slots[] = {{Py_nb_inplace_add, reinterpret_cast<void*>(in_place_add)},
                                   {Py_nb_inplace_subtract, reinterpret_cast<void*>(in_place_sub)},
                                   {Py_nb_inplace_multiply, reinterpret_cast<void*>(in_place_mul)},
                                   {Py_nb_inplace_true_divide, reinterpret_cast<void*>(in_place_div)},
                                   {0, nullptr}};

}  // namespace bs::bindings
