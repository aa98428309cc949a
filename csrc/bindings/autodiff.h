// Derivatives in Python: grad, no_grad, enable_grad.
#pragma once

#include <pybind11/pybind11.h>

namespace bs::bindings {
void register_autodiff(pybind11::module_& m);
}
