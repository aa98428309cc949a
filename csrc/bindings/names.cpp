#include "bindings/names.h"

#include "base/error.h"
#include "bindings/size.h"
#include "graph/apply.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

// What a cast must not lose without a word: bool < integers < floats.
int kind(DType t) { return is_float(t) ? 2 : t == DType::b8 ? 0 : 1; }

}  // namespace

PyObject* wrap_view(PyObject* /*base*/, Tensor view) { return wrap(std::move(view)); }

void write(PyObject* target, Tensor value, const char* op) {
  const Spec spec = spec_of(target);
  Slot* slot = slot_of(target);
  RecordingGuard mode(recording() && !slot);
  if (!(value.shape() == spec.shape)) {
    Dims both;
    if (!broadcast(value.shape(), spec.shape, &both) || !(both == spec.shape))
      throw ShapeError(cat("[", op, "] a value of shape ", str(value.shape()), " does not broadcast to ",
                           str(spec.shape), ", the shape of what is written"));
    value = taped(value, [shape = spec.shape](const Tensor& t) { return ops::expand(t, shape); });
  }
  if (value.dtype() != spec.dtype)
    value = taped(value, [dtype = spec.dtype](const Tensor& t) { return ops::cast(t, dtype); });
  if (slot) return slot->write(value);
  if (requires_grad(target) && is_leaf(target) && recording())
    throw GraphError(cat("[", op,
                         "] a leaf Variable that requires grad is being used in an in-place operation: write to it "
                         "under bs.no_grad(), or through .data"));
  as_tensor(target)->t = taped(value, copy_of);
}

void write_result(PyObject* target, Tensor result, const char* op) {
  const Spec& spec = spec_of(target);
  if (!(result.shape() == spec.shape))
    throw ShapeError(
        cat("[", op, "] the result has shape ", str(result.shape()), ", what is written ", str(spec.shape)));
  if (kind(result.dtype()) > kind(spec.dtype))
    throw DTypeError(cat("[", op, "] the result is ", name_of(result.dtype()), ", what is written is ",
                         name_of(spec.dtype), ": cast the operand first"));
  write(target, std::move(result), op);
}

}  // namespace bs::bindings
