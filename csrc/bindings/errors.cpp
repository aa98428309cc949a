#include "bindings/errors.h"

#include <new>
#include <typeinfo>

#include "base/error.h"
#include "bindings/gil.h"
#include "graph/batch.h"
#include "graph/slot.h"

namespace bs::bindings {
namespace {

// Made once at import; they live as long as the process.
PyObject* shape_error = nullptr;
PyObject* dtype_error = nullptr;
PyObject* graph_error = nullptr;

PyObject* new_class(py::module_& m, const char* name, const char* doc, PyObject* base) {
  std::string full = std::string("backsweep.") + name;
  PyObject* cls = checked(PyErr_NewExceptionWithDoc(full.c_str(), doc, base, nullptr));
  m.attr(name) = py::handle(cls);
  return cls;
}

// The folder of a loaded module's file, with the separator at its end; empty where it has none.
std::string folder_of(const char* module_name) {
  PyObject* modules = PyImport_GetModuleDict();  // borrowed
  PyObject* module = PyDict_GetItemString(modules, module_name);
  if (!module) return {};
  py::object file = py::reinterpret_steal<py::object>(PyObject_GetAttrString(module, "__file__"));
  if (!file || !PyUnicode_Check(file.ptr())) {
    PyErr_Clear();
    return {};
  }
  std::string path = py::cast<std::string>(file);
  size_t slash = path.find_last_of("/\\");
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
FastCall dispatcher = nullptr;  // pybind11's, one for all functions

// "(size: object, *, dtype: object = None) -> object" as "(size, *, dtype=None)".
std::string without_types(const std::string& signature) {
  std::string text;
  bool type = false;
  int depth = 0;
  for (size_t i = 0; i < signature.size() && signature.compare(i, 4, " -> ") != 0; ++i) {
    const char c = signature[i];
    depth += (c == '[') - (c == ']');
    if (c == ':') type = true;
    if (depth == 0 && (c == ',' || c == ')')) type = false;
    if (signature.compare(i, 3, " = ") == 0) {
      text += '=';
      type = false;
      i += 2;
    } else if (!type) {
      text += c;
    }
  }
  return text;
}

PyObject* call_function(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  PyObject* result = dispatcher(self, args, n, kwnames);
  if (result || !PyErr_ExceptionMatches(PyExc_TypeError)) return result;
  return guarded([&]() -> PyObject* {
    py::error_already_set error;
    const std::string text = py::cast<std::string>(py::str(error.value()));
    const size_t name = text.find("(): incompatible function arguments"), first = text.find(" 1. ");
    if (name == std::string::npos || first == std::string::npos) throw std::move(error);
    const std::string op = text.substr(0, name);
    const std::string signature = text.substr(first + 4, text.find('\n', first) - first - 4);
    throw py::type_error("[" + op + "] these arguments do not fit: the call is " + op + without_types(signature));
  });
}

}  // namespace

void name_arguments(py::module_& m) {
  for (auto [name, value] : py::dict(m.attr("__dict__"))) {
    if (!PyCFunction_Check(value.ptr())) continue;
    PyMethodDef* def = reinterpret_cast<PyCFunctionObject*>(value.ptr())->m_ml;
    if (def->ml_flags != (METH_FASTCALL | METH_KEYWORDS)) continue;  // as pybind11 3.1 has it
    const auto own = reinterpret_cast<FastCall>(reinterpret_cast<void (*)()>(def->ml_meth));
    if (!dispatcher) dispatcher = own;
    if (own == dispatcher) def->ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_function));
  }
}

bool interpreter_ends() {
#if PY_VERSION_HEX >= 0x030D0000
  const bool ending = Py_IsFinalizing();
#else
  const bool ending = _Py_IsFinalizing();
#endif
  return !Py_IsInitialized() || ending;
}

void release_object(void* owner) {
  if (interpreter_ends()) return;  // there is nobody to give it back to
  GilAcquire gil;
  PyObject *kind, *value, *trace;  // a destructor must not disturb an error in flight
  PyErr_Fetch(&kind, &value, &trace);
  Py_DECREF(static_cast<PyObject*>(owner));
  PyErr_Restore(kind, value, trace);
}

void set_python_error() noexcept {
  try {
    throw;
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (const py::builtin_exception& e) {
    e.set_error();
  } catch (const ShapeError& e) {
    PyErr_SetString(shape_error, e.what());
  } catch (const DTypeError& e) {
    PyErr_SetString(dtype_error, e.what());
  } catch (const GraphError& e) {
    PyErr_SetString(graph_error, e.what());
  } catch (const IndexError& e) {
    PyErr_SetString(PyExc_IndexError, e.what());
  } catch (const ValueError& e) {
    PyErr_SetString(PyExc_ValueError, e.what());
  } catch (const std::bad_alloc& e) {
    PyErr_SetString(PyExc_MemoryError, typeid(e) == typeid(std::bad_alloc) ? "" : e.what());
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "unknown C++ exception");
  }
}

std::string user_location() {
  // Two folders: in an editable install the extension does not lie beside the Python files.
  const std::string ours[2] = {folder_of("backsweep"), folder_of("backsweep._core")};
  py::object frame = py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(PyEval_GetFrame()));
  while (frame) {
    auto* f = reinterpret_cast<PyFrameObject*>(frame.ptr());
    py::object code = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyFrame_GetCode(f)));
    std::string file = py::cast<std::string>(code.attr("co_filename"));
    bool mine = file.rfind("<backsweep", 0) == 0;
    for (const std::string& folder : ours) mine |= !folder.empty() && file.rfind(folder, 0) == 0;
    if (!mine) return file + ":" + std::to_string(PyFrame_GetLineNumber(f));
    frame = py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyFrame_GetBack(f)));
  }
  return "<unknown>";
}

void throw_reads_value() {
  if (BatchScope::current())
    throw GraphError(cat("[vmap] ", user_location(),
                         ": this reads the value of a tensor inside a function of one sample, which runs once for all "
                         "samples. Use bs.where(...) for a choice. (vmap: It looks like you're calling .item() on a "
                         "Tensor)"));
  if (!current_capture())
    throw GraphError(cat("[compile] ", user_location(),
                         ": this tensor was made while bs.compile recorded the graph and has no value outside the "
                         "compiled function: return it, and use what the call gives"));
  throw GraphError(cat("[compile] ", user_location(),
                       ": this reads the value of a tensor while bs.compile records the graph; the value exists only "
                       "when the program runs. Use bs.where(...) for a choice, or return the tensor and read it after "
                       "the call"));
}

void register_errors(py::module_& m) {
  shape_error = new_class(m, "ShapeError", "Sizes that do not go together.", PyExc_ValueError);
  dtype_error = new_class(m, "DTypeError", "Element types that do not go together.", PyExc_TypeError);
  graph_error = new_class(m, "GraphError",
                          "The graph is used in a way it does not allow: no derivative, a value read while recording.",
                          PyExc_RuntimeError);
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (...) {
      set_python_error();
    }
  });
}

}  // namespace bs::bindings
