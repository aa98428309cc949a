// Names: what makes x.add_(y), x += y and x[key] = v mean what they mean in PyTorch, on values that never change. A
// Python Tensor is a name for a value; to write to it is to give it another one.
//
// Whoever computes the new value with ops, in place or not, ends in one of these. unwrap() (tensor.h) reads a name.
#pragma once

#include "bindings/tensor.h"

namespace bs::bindings {

// A Python Tensor for `view`, which ops have made of the value of `base` and which lies in its memory: what is written
// to the one is seen through the other.
PyObject* wrap_view(PyObject* base, Tensor view);

// x.copy_(value): the value, broadcast to the target's shape and cast to its dtype. ShapeError "[op] ..." where it does
// not broadcast; GraphError for a leaf that requires a gradient while operations are recorded.
void write(PyObject* target, Tensor value, const char* op);

// x.f_(...): the result of an op of the target. Its shape is the target's, else ShapeError; DTypeError where the target
// cannot hold its kind (a float in an integer tensor). Results are not cast back and forth: int64 in int32 is.
void write_result(PyObject* target, Tensor result, const char* op);

}  // namespace bs::bindings
