// Derivatives in Python: grad, no_grad, enable_grad.
#pragma once

#include "bindings/pybind.h"

namespace bs::bindings {
void register_autodiff(pybind11::module_& m);
}
