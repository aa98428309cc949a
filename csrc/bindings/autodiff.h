// Derivatives in Python: grad and the recording flag (autodiff.cpp), what tensors have of them
// (tensor_derivatives.cpp), functions of one sample on a batch (batch.cpp).
#pragma once

#include <vector>

#include "bindings/guard.h"
#include "bindings/pybind.h"
#include "graph/tensor.h"

namespace bs::bindings {

// A tensor alone (`single`) or a sequence of them; None gives an empty handle where it is allowed.
std::vector<Tensor> tensors_of(PyObject* o, const char* op, const char* argument, bool allow_none = false,
                               bool* single = nullptr);
// That leaves have the hooks that they have now.
Guard guard_of_hooks();

extern PyMethodDef derivative_methods[];
extern PyGetSetDef derivative_getset[];

void register_autodiff(pybind11::module_& m);
void register_derivatives(pybind11::module_& m);
void register_batch(pybind11::module_& m);

}  // namespace bs::bindings
