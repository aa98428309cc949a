// Random generators: slots that hold keys.
#pragma once

#include "bindings/tensor.h"

namespace bs::bindings {

// A generator's current key, which it then leaves behind: each call gives another.
Tensor next_key(Slot& generator);

// The slot of the process's generator.
Slot& default_generator();
// That of a bs.Generator, or of the process's where None or nothing is given; TypeError "[op] ..." for anything else.
Slot& generator_argument(PyObject* o, const char* op);

void register_random(py::module_& m);

}  // namespace bs::bindings
