// The callable that bs.compile makes: programs by signature, and what they rely on.
#pragma once

#include <memory>
#include <vector>

#include "bindings/tensor.h"
#include "program/program.h"

namespace bs::bindings {

// The program of a compiled function for plain tensor arguments of these specs, captured if it is new. Throws
// GraphError if `fn` is no compiled function.
std::shared_ptr<Program> program_for(py::handle fn, const std::vector<Spec>& args);

}  // namespace bs::bindings
