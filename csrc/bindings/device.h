// Device words: arguments that say where a tensor is to be, and how it lies. What they mean stands in _device.py.
#pragma once

#include "bindings/pybind.h"

namespace bs::bindings {

// RuntimeError "[op] ..." unless the argument is left out, None or the CPU.
void device_argument(const char* op, PyObject* o);
// Whether it is of a type that names devices: str, int, bs.device, None.
bool names_device(PyObject* o);
// TypeError "[op] ..." unless layout is left out, None or bs.strided, and memory_format one that changes nothing.
void layout_argument(const char* op, PyObject* layout, PyObject* memory_format = nullptr);

}  // namespace bs::bindings
