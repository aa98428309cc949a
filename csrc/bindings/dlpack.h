// DLPack: tensors of other libraries without a copy, both ways.
#pragma once

#include "bindings/pybind.h"

namespace bs::bindings {

extern PyMethodDef dlpack_methods[];  // of Tensor

void register_dlpack(pybind11::module_& m);

}  // namespace bs::bindings
