// grad(), whether operations are recorded (no_grad, enable_grad), and what detect_anomaly looks for.
#include "bindings/autodiff.h"

#include <vector>

#include "autodiff/sweep.h"
#include "base/error.h"
#include "bindings/arguments.h"
#include "bindings/gil.h"
#include "bindings/size.h"
#include "bindings/tensor.h"
#include "graph/anomaly.h"
#include "graph/apply.h"

namespace bs::bindings {
namespace {

// None is `otherwise`.
bool flag_or(const py::object& o, bool otherwise, const char* argument) {
  return o.is_none() ? otherwise : flag_argument(o.ptr(), "grad", argument);
}

py::object grad(py::object outputs, py::object inputs, py::object grad_outputs, py::object retain_graph,
                py::object create_graph, py::object allow_unused) {
  const bool create = flag_or(create_graph, false, "create_graph");
  const bool retain = flag_or(retain_graph, create, "retain_graph");
  const bool unused = flag_or(allow_unused, false, "allow_unused");
  bool single;
  std::vector<Tensor> out = tensors_of(outputs.ptr(), "grad", "outputs");
  std::vector<Tensor> in = tensors_of(inputs.ptr(), "grad", "inputs", false, &single);
  std::vector<Tensor> seeds(out.size());
  if (!grad_outputs.is_none()) {
    seeds = tensors_of(grad_outputs.ptr(), "grad", "grad_outputs", true);
    if (seeds.size() != out.size())
      throw ValueError(cat("[grad] there are ", out.size(), " outputs and ", seeds.size(), " grad_outputs"));
  }
  std::vector<Tensor> result;
  if (Tape* tape = Tape::current()) {
    std::vector<Tensor> all = out;
    all.insert(all.end(), in.begin(), in.end());
    all.insert(all.end(), seeds.begin(), seeds.end());
    const size_t n = out.size(), m = in.size();
    result = tape->record(all, [n, m, create, retain](std::span<const Tensor> given) {
      return gradients(given.first(n), given.subspan(n + m), given.subspan(n, m), create, retain);
    });
  } else {
    // Always: a sweep may call back into Python while it holds a lock that another thread's sweep waits for.
    GilRelease release;
    result = gradients(out, seeds, in, create, retain);
  }
  py::tuple t(result.size());
  for (size_t i = 0; i < result.size(); ++i) {
    if (!result[i] && !unused)
      throw GraphError(cat("[grad] inputs[", i,
                           "] is not used by the outputs: no recorded op leads from it to them. Was it computed "
                           "under no_grad, detached, or does it not require gradients? allow_unused=True gives None. "
                           "(One of the differentiated Tensors appears to not have been used in the graph)"));
    t[i] = py::reinterpret_steal<py::object>(wrap_or_none(std::move(result[i])));
  }
  if (single) return t[0];
  return t;
}

// ---- no_grad, enable_grad ------------------------------------------------------------------------------------

// Both a context manager and a decorator. An instance may be entered again inside itself.
struct GradMode {
  PyObject_HEAD uint64_t before;  // what to go back to, one bit per level
  int depth;
};
PyTypeObject* no_grad_type = nullptr;
PyTypeObject* enable_grad_type = nullptr;
PyObject* decorate = nullptr;

bool mode_of(PyTypeObject* t) { return t != no_grad_type && PyType_IsSubtype(t, enable_grad_type); }

const char* name_of_mode(PyTypeObject* t) { return mode_of(t) ? "enable_grad" : "no_grad"; }

PyObject* enter(PyObject* self, PyObject*) {
  return guarded([&] {
    auto* g = reinterpret_cast<GradMode*>(self);
    if (g->depth == 64)
      throw ValueError(cat("[", name_of_mode(Py_TYPE(self)), "] one instance is entered 64 times inside itself"));
    g->before = g->before << 1 | static_cast<uint64_t>(recording());
    ++g->depth;
    set_recording(mode_of(Py_TYPE(self)));
    return Py_NewRef(self);
  });
}

PyObject* leave(PyObject* self, PyObject* const*, Py_ssize_t) {
  auto* g = reinterpret_cast<GradMode*>(self);
  if (g->depth > 0) {
    set_recording(g->before & 1);
    g->before >>= 1;
    --g->depth;
  }
  Py_RETURN_NONE;
}

PyObject* decorated(PyTypeObject* maker, PyObject* fn) {
  if (!PyCallable_Check(fn))
    throw py::type_error(cat("[", name_of_mode(maker), "] decorates a function, not ", type_name(fn)));
  return checked(PyObject_CallFunctionObjArgs(decorate, maker, fn, nullptr));
}

constexpr char kNoGrad[] = "no_grad(fn=None)\n--\n", kEnableGrad[] = "enable_grad(fn=None)\n--\n";
PyObject* mode_new(PyTypeObject* t, const Arguments& v) {
  return v[0] ? decorated(t, v[0]) : t->tp_alloc(t, 0);  // @bs.no_grad without brackets has fn
}

constexpr char kNoGradCall[] = "no_grad(fn)\n--\n", kEnableGradCall[] = "enable_grad(fn)\n--\n";
PyObject* call_mode(PyTypeObject* t, const Arguments& v) { return decorated(t, v[0]); }
template <const auto& doc>
PyObject* mode_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  return constructor<doc, call_mode>(Py_TYPE(self), args, kwargs);
}

PyMethodDef mode_methods[] = {
    {"__enter__", enter, METH_NOARGS, nullptr},
    {"__exit__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(leave)), METH_FASTCALL, nullptr},
    {nullptr, nullptr, 0, nullptr}};

template <const auto& given, const auto& given_call>
PyTypeObject* make_mode(const char* name, const char* doc) {
  PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>(doc)},
                         {Py_tp_new, reinterpret_cast<void*>(constructor<given, mode_new>)},
                         {Py_tp_call, reinterpret_cast<void*>(mode_call<given_call>)},
                         {Py_tp_methods, mode_methods},
                         {0, nullptr}};
  PyType_Spec spec = {name, sizeof(GradMode), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
}

// In Python: a wrapper with the name, the signature and the binding of a method.
constexpr const char* kDecorate = R"(
import functools, inspect

def decorate(make, fn):
    if inspect.isgeneratorfunction(fn):  # its body runs between its yields: each part inside, the caller outside

        @functools.wraps(fn)
        def parts(*args, **kwargs):
            with make():
                generator = fn(*args, **kwargs)
                step, given = generator.send, None
            try:
                while True:
                    with make():
                        made = step(given)
                    try:
                        step, given = generator.send, (yield made)
                    except GeneratorExit:
                        with make():
                            generator.close()
                        raise
                    except BaseException as error:
                        step, given = generator.throw, error
            except StopIteration as end:
                return end.value

        return parts

    @functools.wraps(fn)
    def inner(*args, **kwargs):
        with make():
            return fn(*args, **kwargs)

    return inner
)";

}  // namespace

void register_autodiff(py::module_& m) {
  no_grad_type = make_mode<kNoGrad, kNoGradCall>(
      "backsweep.no_grad",
      "no_grad()\n--\n\nInside, operations are not recorded for derivatives. Context manager and decorator.");
  enable_grad_type = make_mode<kEnableGrad, kEnableGradCall>(
      "backsweep.enable_grad",
      "enable_grad()\n--\n\nInside, operations are recorded again. Context manager and decorator.");
  m.attr("no_grad") = py::handle(reinterpret_cast<PyObject*>(no_grad_type));
  m.attr("enable_grad") = py::handle(reinterpret_cast<PyObject*>(enable_grad_type));
  py::dict scope;
  scope["__builtins__"] = py::module_::import("builtins");
  scope["__name__"] = "backsweep._core";
  // The file name marks its frames as ours: errors point at the caller.
  py::object code = py::module_::import("builtins").attr("compile")(kDecorate, "<backsweep>", "exec");
  owned(PyEval_EvalCode(code.ptr(), scope.ptr(), scope.ptr()));
  decorate = py::object(scope["decorate"]).release().ptr();

  current_line = [] {
    GilAcquire gil;
    return user_location();
  };
  m.def(
      "set_anomaly", [](bool on, bool check_nan) { set_anomaly({on, check_nan}); }, py::arg("on"), py::arg("check_nan"),
      "Whether recorded ops note their lines, and sweeps look for NaN.");
  m.def(
      "anomaly", [] { return py::make_tuple(anomaly().on, anomaly().check_nan); },
      "What set_anomaly has set: whether it is on, and check_nan.");
  m.def(
      "set_recording", [](bool on) { set_recording(on); }, py::arg("on"),
      "Whether operations are recorded from here on, on this thread.");
  m.def(
      "decorate",
      [](py::object make, py::object fn) {
        return owned(PyObject_CallFunctionObjArgs(decorate, make.ptr(), fn.ptr(), nullptr));
      },
      py::arg("make"), py::arg("fn"), "fn, inside a context that make() gives at each call.");
  m.def(
      "is_grad_enabled", [] { return recording(); }, "Whether operations are recorded for derivatives on this thread.");
  m.def("grad", grad, py::arg("outputs"), py::arg("inputs"), py::arg("grad_outputs") = py::none(),
        py::arg("retain_graph") = py::none(), py::arg("create_graph") = false, py::arg("allow_unused") = false,
        "The derivatives of outputs by inputs, any node by any node: a tuple, or one tensor where inputs is one.\n\n"
        "Several outputs are summed, each weighted by its grad_outputs (ones where None). create_graph records the "
        "sweep, so\n"
        "that the result can be differentiated again. GraphError where an input is not used, unless allow_unused. "
        "Without retain_graph (by default as create_graph) the graph gives up the values that derivatives read: it "
        "cannot be "
        "differentiated again.");
}

}  // namespace bs::bindings
