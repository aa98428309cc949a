// The process's generator.
#pragma once

#include "bindings/tensor.h"

namespace bs::bindings {

// The generator's current key, which it then leaves behind: each call gives another.
Tensor next_key();

// The slot of that key.
Slot& default_generator();

void register_random(py::module_& m);

}  // namespace bs::bindings
