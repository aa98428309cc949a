// What this build and machine are, for reports, tests and the stub generator.
#pragma once

#include "bindings/pybind.h"

namespace bs::bindings {
void register_info(pybind11::module_& m);
}
