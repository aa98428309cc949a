// Looking for what went wrong in a derivative: where each recorded op was called, and which of them gives NaN.
#pragma once

#include <string>

#include "graph/tensor.h"

namespace bs {

// Whether recorded nodes note their lines, and sweeps look for NaN in what the rules give. For all threads.
struct Anomaly {
  bool on = false, check_nan = true;
};
Anomaly anomaly();
// The notes go when it is switched off.
void set_anomaly(Anomaly mode);

// The line that runs now, in the host language: set by the bindings.
extern std::string (*current_line)();
void note_line(const Node& node);
// Empty where the node was recorded while nobody noted.
std::string line_of(const Node& node);
// GraphError where the derivative by input i of a node has a NaN. Symbols have no values to look at.
void refuse_nan(const Node& node, int i, const Tensor& derivative);

}  // namespace bs
