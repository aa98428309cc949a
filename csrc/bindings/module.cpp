// The Python module backsweep._core: a table of contents.
#include "bindings/autodiff.h"
#include "bindings/compiled.h"
#include "bindings/dlpack.h"
#include "bindings/dtype.h"
#include "bindings/errors.h"
#include "bindings/info.h"
#include "bindings/op_call.h"
#include "bindings/pybind.h"
#include "bindings/random.h"
#include "bindings/size.h"
#include "bindings/tensor.h"
#include "kernels/kernels.h"

namespace bs::bindings {
void register_compiled(py::module_& m);         // compiled.cpp
void register_compiled_module(py::module_& m);  // compiled_module.cpp
void register_function(py::module_& m);         // function.cpp
void register_key(py::module_& m);              // key.cpp
void register_train(py::module_& m);            // train.cpp
}  // namespace bs::bindings

// Free-threaded Python: imports take the GIL back, since the free list, the generator's read-advance-write and the
// kernels' table are not guarded without it.
PYBIND11_MODULE(_core_of_main, m) {
  using namespace bs::bindings;
  m.doc() = "The C++ core of backsweep. Use it through the package.";
  if (const char* error = bs::kernels::selection_error()) throw py::import_error(error);
  register_errors(m);
  register_dtypes(m);
  register_size(m);
  register_tensor(m);
  register_ops(m);
  register_convert(m);
  register_create(m);
  register_dlpack(m);
  register_autodiff(m);
  register_derivatives(m);
  register_batch(m);
  register_random(m);
  register_info(m);
  register_compiled(m);
  register_program(m);
  register_compiled_module(m);
  register_capture(m);
  register_function(m);
  register_key(m);
  register_train(m);

  name_arguments(m);

  py::list names;
  for (py::handle name : py::dict(m.attr("__dict__")).attr("keys")()) {
    const std::string text = py::cast<std::string>(name);
    if (text[0] != '_') names.append(name);
  }
  names.attr("sort")();
  m.attr("__all__") = names;
}

// What Python calls. pybind11 waits for ever for a lock that another interpreter of the process has
// (Python 3.10, 3.11).
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return PyInit__core_of_main();
  PyErr_SetString(PyExc_ImportError,
                  "backsweep runs in the main interpreter only; for several at once, use processes or threads");
  return nullptr;
}
