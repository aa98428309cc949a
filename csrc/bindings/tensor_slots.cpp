// In-place methods: writes to the slot of a parameter or buffer. A plain tensor's value never changes, and says so.
#include "base/error.h"
#include "bindings/arguments.h"
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
    value = taped(value, [shape = spec.shape](const Tensor& t) { return ops::expand(t, shape); });
  }
  if (value.dtype() != spec.dtype)
    value = taped(value, [dtype = spec.dtype](const Tensor& t) { return ops::cast(t, dtype); });
  slot.write(value);
}

// The other operand: a number takes the slot's dtype as in x + 1.
Tensor operand(PyObject* o, const Spec& spec, const char* op, const char* argument = "other") {
  if (is_number(o)) return scalar_tensor(o, weak_dtype(ops::number_dtype(spec), o), op);
  return to_tensor(o, op, argument);
}

using Builder = Tensor (*)(const ops::Arg&, const ops::Arg&);

PyObject* update(PyObject* self, PyObject* other, PyObject* alpha, const char* op, const char* instead, Builder build) {
  Slot& slot = need_slot(self, op, instead);
  RecordingGuard off(false);
  Tensor y = operand(other, slot.spec(), op);
  if (alpha) {
    if (!is_number(alpha)) throw py::type_error(cat("[", op, "] alpha is a number, not ", type_name(alpha)));
    const Tensor factor = scalar_tensor(alpha, weak_dtype(y.dtype(), alpha), op);
    y = taped(y, [factor](const Tensor& t) { return ops::mul(t, factor); });
  }
  const Tensor both[] = {slot.read(), y};
  Tensor value = taped(both, [build](std::span<const Tensor> in) { return build(in[0], in[1]); });
  if (is_float(value.dtype()) && !is_float(slot.spec().dtype))
    throw DTypeError(cat("[", op, "] the result is ", name_of(value.dtype()), ", what is written is ",
                         name_of(slot.spec().dtype), ": cast the operand first"));
  write(slot, std::move(value), op);
  return Py_NewRef(self);
}

constexpr char kAdd[] = "add_(other, alpha=1)\n--\n\nOf a parameter or buffer: x + alpha other becomes its value.";
PyObject* add_(PyObject* self, const Arguments& v) {
  return update(self, v[0], v[1], "add_", "x = x + other", ops::add);
}
constexpr char kSub[] = "sub_(other, alpha=1)\n--\n\nOf a parameter or buffer: x - alpha other becomes its value.";
PyObject* sub_(PyObject* self, const Arguments& v) {
  return update(self, v[0], v[1], "sub_", "x = x - other", ops::sub);
}
constexpr char kMul[] = "mul_(other)\n--\n\nOf a parameter or buffer: x other becomes its value.";
PyObject* mul_(PyObject* self, const Arguments& v) {
  return update(self, v[0], nullptr, "mul_", "x = x * other", ops::mul);
}
constexpr char kDiv[] = "div_(other)\n--\n\nOf a parameter or buffer: x / other becomes its value.";
PyObject* div_(PyObject* self, const Arguments& v) {
  return update(self, v[0], nullptr, "div_", "x = x / other", ops::div);
}

constexpr char kCopy[] = "copy_(src)\n--\n\nOf a parameter or buffer: src, broadcast and cast, becomes its value.";
PyObject* copy_(PyObject* self, const Arguments& v) {
  Slot& slot = need_slot(self, "copy_", "x = src");
  RecordingGuard off(false);
  write(slot, operand(v[0], slot.spec(), "copy_", "src"), "copy_");
  return Py_NewRef(self);
}

constexpr char kAssign[] =
    "assign(source)\n--\n\nOf a parameter or buffer: source, of the same shape and dtype, becomes its value.";
PyObject* assign(PyObject* self, const Arguments& v) {
  Slot& slot = need_slot(self, "assign", "x = source");
  RecordingGuard off(false);
  slot.write(to_tensor(v[0], "assign", "source"));
  return Py_NewRef(self);
}

constexpr char kFill[] = "fill_(value)\n--\n\nOf a parameter or buffer: every element becomes the number.";
PyObject* fill_(PyObject* self, const Arguments& v) {
  Slot& slot = need_slot(self, "fill_", "bs.full_like(x, value)");
  RecordingGuard off(false);
  Tensor one = is_number(v[0]) ? scalar_tensor(v[0], slot.spec().dtype, "fill_") : to_tensor(v[0], "fill_", "value");
  if (one.shape().size() > 0)
    throw ShapeError(
        cat("[fill_] the value has shape ", str(one.shape()), ": it is a number; use copy_() for an array"));
  write(slot, std::move(one), "fill_");
  return Py_NewRef(self);
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
template <PyObject* (*run)(PyObject*, const Arguments&), const auto& doc>
PyObject* in_place(PyObject* self, PyObject* other) {
  return method<doc, run>(self, &other, 1, nullptr);
}

constexpr char kReplace[] =
    "_replace(value)\n--\n\nOf a parameter or buffer: value, of the same shape, becomes its value, dtype and all.";
PyObject* replace(PyObject* self, const Arguments& v) {
  need_slot(self, "_replace", "x = value").replace(to_tensor(v[0], "_replace", "value"));
  return Py_NewRef(self);
}

}  // namespace

PyMethodDef slot_methods[] = {
    {"add_", BS_METHOD(kAdd, add_)},
    {"sub_", BS_METHOD(kSub, sub_)},
    {"mul_", BS_METHOD(kMul, mul_)},
    {"div_", BS_METHOD(kDiv, div_)},
    {"copy_", BS_METHOD(kCopy, copy_)},
    {"assign", BS_METHOD(kAssign, assign)},
    {"fill_", BS_METHOD(kFill, fill_)},
    {"zero_", zero_, METH_NOARGS, "zero_()\n--\n\nOf a parameter or buffer: every element becomes 0."},
    {"_replace", BS_METHOD(kReplace, replace)},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot slot_number_slots[] = {{Py_nb_inplace_add, reinterpret_cast<void*>(in_place<add_, kAdd>)},
                                   {Py_nb_inplace_subtract, reinterpret_cast<void*>(in_place<sub_, kSub>)},
                                   {Py_nb_inplace_multiply, reinterpret_cast<void*>(in_place<mul_, kMul>)},
                                   {Py_nb_inplace_true_divide, reinterpret_cast<void*>(in_place<div_, kDiv>)},
                                   {0, nullptr}};

}  // namespace bs::bindings
