// What this build and machine are, for reports, tests and the stub generator.
#pragma once

#include <pybind11/pybind11.h>

namespace bs::bindings {
void register_info(pybind11::module_& m);
}
