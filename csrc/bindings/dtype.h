// bs.float32 and friends: one Python object per element type.
#pragma once

#include "base/dtype.h"
#include "bindings/pybind.h"

namespace bs::bindings {

namespace py = pybind11;

// The singleton (borrowed).
PyObject* dtype_object(DType t);
// Whatever names an element type: bs.float32, "float32", a NumPy dtype or scalar type, float (float64, as in PyTorch
// and NumPy), int, bool. False, with no Python error set, for anything else.
bool parse_dtype(PyObject* o, DType* out);
// The same, or TypeError "[op] dtype ...".
DType dtype_argument(const char* op, PyObject* o);
// What Python's floats become, and what tensors are made of unless something else is asked for: float32, or what
// set_default_dtype() has set.
DType default_dtype();
// False where we have no such type. bfloat16 is no type of NumPy's own: that of ml_dtypes (JAX) is known by its name.
bool from_numpy_dtype(const py::dtype& d, DType* out);
// DTypeError "[op] ..." for bfloat16.
py::dtype numpy_dtype(DType t, const char* op);

void register_dtypes(py::module_& m);

}  // namespace bs::bindings
