// Size: what x.shape holds inside bs.compile. It gives what an int gives; whatever looks at its value becomes a
// condition of the program, which a call with other sizes checks (program/tape.h).
#pragma once

#include "bindings/errors.h"
#include "program/tape.h"

namespace bs::bindings {

extern PyTypeObject* size_type;
inline bool is_size(PyObject* o) { return Py_TYPE(o) == size_type; }
extern int64_t live_sizes;  // how many there are: where there are none, arguments need not be looked through

// The size of a tensor as Python sees it: an int, unless the capture that runs tracks it.
PyObject* size_of_axis(const Tensor& t, int dim);
// The sizes multiplied.
PyObject* count_of_elements(const Tensor& t);
// Relies on all sizes of what the capture tracks: their values go elsewhere.
inline void fix_sizes(const Tensor& t) {
  if (Tape* tape = Tape::current()) tape->fix(t);
}
// A Size as an int that the program relies on; anything else as it is.
py::object without_size(PyObject* o);
// An integer argument whose value nobody has looked at, if it is a Size that is tracked; else empty.
Ref<Size> tracked_size(PyObject* o);

// fn(in), on the tape of the capture that runs.
template <class Fn>
Tensor taped(std::span<const Tensor> in, Fn fn, bool varies = false) {
  Tape* tape = Tape::current();
  if (!tape) return fn(in);
  return std::move(tape->record(in, [fn](std::span<const Tensor> i) { return std::vector<Tensor>{fn(i)}; }, varies)[0]);
}
template <class Fn>
Tensor taped(const Tensor& x, Fn fn) {
  return taped(std::span<const Tensor>(&x, 1), [fn](std::span<const Tensor> in) { return fn(in[0]); });
}

void register_size(py::module_& m);

}  // namespace bs::bindings
