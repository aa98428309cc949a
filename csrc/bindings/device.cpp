#include "bindings/device.h"

#include "bindings/errors.h"

namespace bs::bindings {

void device_argument(const char* op, PyObject* o) {
  if (!o || o == Py_None || (PyUnicode_Check(o) && PyUnicode_CompareWithASCIIString(o, "cpu") == 0)) return;
  static PyObject* cpu = imported("backsweep._device", "CPU");
  static const py::handle check = imported("backsweep._device", "check_device");
  if (o != cpu) check(op, py::handle(o));
}

bool names_device(PyObject* o) {
  static PyObject* device = imported("backsweep._device", "device");
  return o == Py_None || PyUnicode_Check(o) || (PyLong_Check(o) && !PyBool_Check(o)) ||
         Py_TYPE(o) == reinterpret_cast<PyTypeObject*>(device);
}

void layout_argument(const char* op, PyObject* layout, PyObject* memory_format) {
  static const py::handle check = imported("backsweep._device", "check_layout");
  const auto given = [](PyObject* o) { return py::handle(o ? o : Py_None); };
  if (given(layout).is_none() && given(memory_format).is_none()) return;
  check(op, given(layout), given(memory_format));
}

}  // namespace bs::bindings
