// In-place methods that are no op's: copy_, fill_, zero_, and what only parameters and buffers have.
#include "base/error.h"
#include "bindings/arguments.h"
#include "bindings/names.h"
#include "bindings/op_call.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

Slot& need_slot(PyObject* self, const char* op, const char* instead) {
  if (Slot* slot = slot_of(self)) return *slot;
  throw GraphError(cat("[", op, "] only parameters and buffers have this method; use ", instead));
}

// What is written: a number takes the target's dtype.
Tensor source_of(PyObject* target, PyObject* o, const char* op, const char* argument) {
  return is_number(o) ? scalar_tensor(o, spec_of(target).dtype, op) : to_tensor(o, op, argument);
}

constexpr char kCopy[] =
    "copy_(src, non_blocking=False)\n--\n\nsrc, broadcast to the shape and cast to the dtype, becomes the value.";
PyObject* copy_(PyObject* self, const Arguments& v) {
  write(self, source_of(self, v[0], "copy_", "src"), "copy_");
  return Py_NewRef(self);
}

constexpr char kAssign[] =
    "assign(source)\n--\n\nOf a parameter or buffer: source, of the same shape and dtype, becomes its value.";
PyObject* assign(PyObject* self, const Arguments& v) {
  Slot& slot = need_slot(self, "assign", "copy_");
  RecordingGuard off(false);
  slot.write(to_tensor(v[0], "assign", "source"));
  return Py_NewRef(self);
}

constexpr char kFill[] = "fill_(value)\n--\n\nEvery element becomes the number, or the value of a 0-d tensor.";
PyObject* fill_(PyObject* self, const Arguments& v) {
  Tensor one = source_of(self, v[0], "fill_", "value");
  if (one.shape().size() > 0)
    throw ShapeError(
        cat("[fill_] the value has shape ", str(one.shape()), ": it is a number; use copy_() for an array"));
  write(self, std::move(one), "fill_");
  return Py_NewRef(self);
}

PyObject* zero_(PyObject* self, PyObject*) {
  return guarded([&] {
    write(self, Tensor::scalar(0, spec_of(self).dtype), "zero_");
    return Py_NewRef(self);
  });
}

constexpr char kReplace[] =
    "_replace(value)\n--\n\nOf a parameter or buffer: value, of the same shape, becomes its value, dtype and all.";
PyObject* replace(PyObject* self, const Arguments& v) {
  need_slot(self, "_replace", "copy_").replace(to_tensor(v[0], "_replace", "value"));
  return Py_NewRef(self);
}

PyObject* snapshot(PyObject* self, PyObject*) {
  return guarded([&] { return wrap(taped(unwrap(self), detached)); });
}

}  // namespace

PyMethodDef slot_methods[] = {
    {"copy_", BS_METHOD(kCopy, copy_)},
    {"assign", BS_METHOD(kAssign, assign)},
    {"fill_", BS_METHOD(kFill, fill_)},
    {"zero_", zero_, METH_NOARGS, "zero_()\n--\n\nEvery element becomes 0."},
    {"_replace", BS_METHOD(kReplace, replace)},
    {"_snapshot", snapshot, METH_NOARGS,
     "_snapshot()\n--\n\nA tensor of the value as it is now. Later writes do not reach it, and make the copy."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace bs::bindings
