// What operators, methods and functions share: the dtype of Python numbers among operands, and apply() that lets
// other Python threads run while the work is long.
#pragma once

#include <span>

#include "bindings/tensor.h"
#include "graph/apply.h"

namespace bs::bindings {

// PyTorch's rule: a Python number takes the tensors' dtype `t`, unless its own kind is higher (bool < int < float),
// where it has its own: int64, float32.
inline DType weak_dtype(DType t, PyObject* number) {
  if (PyFloat_Check(number)) return is_float(t) ? t : DType::f32;
  return t == DType::b8 && !PyBool_Check(number) ? DType::i64 : t;
}

// Whether this may take longer than some 20 us, from sizes alone: cheap to ask, and safe to answer too often.
bool is_long(const Op& op, std::span<const Tensor> in);

// apply() without the GIL where is_long().
inline Tensor call(const Op& op, std::span<const Tensor> in, Ref<Attrs> attrs = {}) {
  if (is_long(op, in)) {
    py::gil_scoped_release release;
    return apply(op, in, std::move(attrs));
  }
  return apply(op, in, std::move(attrs));
}

// The op that a hand-written method is built on; GraphError where this build has none.
const Op& need_op(const char* name, const char* user);

// A Python callable for an op, made once (borrowed); the types and functions of op_function.cpp.
PyObject* op_function(const Op& op);
void register_ops(py::module_& m);

}  // namespace bs::bindings
