// x[...], len(x) and iteration.
#include "base/error.h"
#include "bindings/key.h"
#include "bindings/names.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

PyObject* subscript(PyObject* self, PyObject* key) {
  return guarded([&] {
    const Key parsed(key, "getitem");
    Tensor made = parsed.read(unwrap(self));
    return parsed.tensors().empty() ? wrap_view(self, std::move(made)) : wrap(std::move(made));
  });
}

// x[key] = v
int set_subscript(PyObject* self, PyObject* key, PyObject* value) {
  return guarded([&] {
    if (!value) throw py::type_error("[setitem] elements cannot be deleted");
    const Key parsed(key, "setitem");
    const bool chosen = !parsed.tensors().empty();  // of the part, by tensors
    const DType dtype = spec_of(self).dtype;
    Tensor v = is_number(value) ? scalar_tensor(value, dtype, "setitem") : to_tensor(value, "setitem", "value");
    if (chosen && v.dtype() != dtype) v = taped(v, [dtype](const Tensor& t) { return ops::cast(t, dtype); });
    Tensor part;
    settle(self);
    {
      RecordingGuard mode(chosen && recording());
      part = parsed.view(unwrap(self));
    }
    if (chosen) {
      v = parsed.put(part, v);
    } else {
      // As in PyTorch, axes of size 1 in front do not count.
      Dims shape = v.shape();
      while (shape.size() > part.shape().size() && shape[0] == 1) shape.erase(0);
      if (shape.size() < v.shape().size()) v = taped(v, [shape](const Tensor& t) { return ops::reshape(t, shape); });
    }
    write_part(self, std::exchange(part, {}), std::move(v), "setitem", chosen);
    return 0;
  });
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
    return wrap_view(self, taped(x, [i](const Tensor& t) { return ops::select(t, 0, i); }));
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

PyType_Slot tensor_index_slots[] = {{Py_mp_subscript, reinterpret_cast<void*>(subscript)},
                                    {Py_mp_ass_subscript, reinterpret_cast<void*>(set_subscript)},
                                    {Py_mp_length, reinterpret_cast<void*>(length)},
                                    {Py_sq_length, reinterpret_cast<void*>(length)},
                                    {Py_sq_item, reinterpret_cast<void*>(item)},
                                    {Py_tp_iter, reinterpret_cast<void*>(iterate)},
                                    {0, nullptr}};

}  // namespace bs::bindings
