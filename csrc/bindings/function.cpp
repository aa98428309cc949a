// What bs.Function and checkpoints are made of: derivatives stated in Python, call-backs into NumPy, functions that run
// again.

#include <cstring>

#include "autodiff/checkpoint.h"
#include "base/error.h"
#include "bindings/compiled.h"
#include "bindings/dtype.h"
#include "bindings/gil.h"
#include "bindings/guard.h"
#include "bindings/pybind.h"
#include "bindings/tensor.h"
#include "graph/slot_scope.h"
#include "ops/custom.h"
#include "program/tape.h"

namespace bs::bindings {
namespace {

// A Python object that C++ code holds and may drop without the interpreter's lock.
std::shared_ptr<PyObject> hold(py::object o) { return {o.release().ptr(), release_object}; }
py::object call_python(const std::shared_ptr<PyObject>& fn, const py::tuple& args) {
  return owned(unless_python_ends([&] { return PyObject_CallObject(fn.get(), args.ptr()); }));
}

py::list wrap_all(std::span<const Tensor> tensors) {
  py::list made;
  for (const Tensor& t : tensors) made.append(py::reinterpret_steal<py::object>(wrap_or_none(t)));
  return made;
}

std::vector<Tensor> custom(py::object backward, const std::vector<Tensor>& inputs, const std::vector<Tensor>& outputs,
                           std::string name) {
  auto rule = std::make_shared<ops::CustomGrad>();
  rule->name = std::move(name);
  auto fn = hold(std::move(backward));
  rule->backward = [fn](std::span<const Tensor> grads, std::span<const Tensor> in, std::span<const Tensor> out) {
    GilAcquire gil;
    const py::tuple args = py::make_tuple(wrap_all(grads), wrap_all(in), wrap_all(out));
    py::sequence made = call_rule(py::reinterpret_borrow<py::object>(fn.get()), args);
    if (py::len(made) != in.size())
      throw GraphError(cat("[custom] backward gave ", py::len(made), " gradients for ", in.size(), " inputs"));
    std::vector<Tensor> result;
    for (py::handle g : made) {
      if (!g.is_none() && !is_tensor(g.ptr()))
        throw py::type_error(cat("[custom] backward gave a ", type_name(g.ptr()), ", not a tensor or None"));
      result.push_back(g.is_none() ? Tensor() : unwrap(g.ptr()));
    }
    return result;
  };
  return ops::with_grad(rule, inputs, outputs);
}

// Arrays of their own: the call may keep them, the program's memory goes on being used.
py::array copy_of(const View& v) {
  py::array a(numpy_dtype(v.dtype(), "host_call"), std::vector<py::ssize_t>(v.shape().begin(), v.shape().end()));
  std::memcpy(a.mutable_data(), v.data, static_cast<size_t>(a.nbytes()));
  return a;
}

std::vector<Tensor> host_call(py::object function, const std::vector<Tensor>& inputs,
                              const std::vector<std::vector<int64_t>>& shapes, const py::list& dtypes) {
  if (shapes.size() != py::len(dtypes)) throw ValueError("[host_call] shapes and dtypes differ in number");
  auto host = std::make_shared<ops::HostFunction>();
  for (size_t i = 0; i < shapes.size(); ++i) {
    Spec s;
    s.dtype = dtype_argument("host_call", dtypes[i].ptr());
    for (int64_t d : shapes[i]) s.shape.push(d);
    host->outputs.push_back(s);
  }
  auto fn = hold(std::move(function));
  host->run = [fn](const Call& call) {
    GilAcquire gil;
    py::tuple args(call.n_in);
    for (int i = 0; i < call.n_in; ++i) args[i] = copy_of(call.in[i]);
    py::object result = call_python(fn, args);
    py::sequence made = py::isinstance<py::array>(result) ? py::sequence(py::make_tuple(result)) : py::sequence(result);
    if (static_cast<int>(py::len(made)) != call.n_out)
      throw ShapeError(
          cat("[host_call] the function gave ", py::len(made), " arrays, ", call.n_out, " were announced"));
    for (int i = 0; i < call.n_out; ++i) {
      py::array array = py::array::ensure(made[i]);
      if (!array) {
        PyErr_Clear();
        throw py::type_error(cat("[host_call] result ", i, " is no array: ", type_name(py::object(made[i]).ptr())));
      }
      Tensor t = from_array(std::move(array), nullptr, false, "host_call");
      if (!(t.shape() == call.out[i].shape()))
        throw ShapeError(
            cat("[host_call] array ", i, " is ", str(t.shape()), ", announced was ", str(call.out[i].shape())));
      if (t.dtype() != call.out[i].dtype())
        throw DTypeError(
            cat("[host_call] array ", i, " is ", name_of(t.dtype()), ", announced was ", name_of(call.out[i].dtype())));
      std::memcpy(call.out[i].data, t.data(), static_cast<size_t>(t.numel()) * size_of(t.dtype()));
    }
  };
  return ops::host_call(host, inputs);
}

// A function and its arguments, in which placeholders stand for tensors: these are kept by the node that needs them.
struct PythonCall {
  std::shared_ptr<PyObject> function, args, kwargs;

  // The tensors of what it gives, whose `nesting` has placeholders for them, unless null.
  std::vector<Tensor> operator()(std::span<const Tensor> tensors, py::object* nesting) const {
    GilAcquire gil;
    size_t next = 0;
    const auto put = [&](py::handle o) {
      return is_placeholder(o.ptr()) ? py::reinterpret_steal<py::object>(wrap(tensors[next++]))
                                     : py::reinterpret_borrow<py::object>(o);
    };
    const py::object positional = map_leaves(args.get(), put), named = map_leaves(kwargs.get(), put);
    const py::object result =
        owned(unless_python_ends([&] { return PyObject_Call(function.get(), positional.ptr(), named.ptr()); }));
    std::vector<Tensor> made;
    const auto take = [&](py::handle o) { return take_tensor(o, made); };
    py::object nested = map_leaves(result, take);
    if (nesting) *nesting = std::move(nested);
    return made;
  }

  static py::object take_tensor(py::handle o, std::vector<Tensor>& taken) {
    if (!is_tensor(o.ptr()) || slot_of(o.ptr())) return py::reinterpret_borrow<py::object>(o);
    taken.push_back(unwrap(o.ptr()));
    return placeholder();
  }
};

py::object run_checkpoint(py::object function, py::tuple args, py::dict kwargs) {
  std::vector<Tensor> tensors;
  const auto take = [&](py::handle o) { return PythonCall::take_tensor(o, tensors); };
  py::object positional = map_leaves(args, take), named = map_leaves(kwargs, take), nesting;
  const PythonCall call{hold(std::move(function)), hold(std::move(positional)), hold(std::move(named))};
  const std::vector<Tensor> made = checkpoint(
      [call, first = &nesting](std::span<const Tensor> in) mutable { return call(in, std::exchange(first, nullptr)); },
      tensors);
  size_t next = 0;
  const auto put = [&](py::handle o) {
    return is_placeholder(o.ptr()) ? py::reinterpret_steal<py::object>(wrap(made[next++]))
                                   : py::reinterpret_borrow<py::object>(o);
  };
  return map_leaves(nesting, put);
}

// function(*args, **kwargs), in which some slots read as other tensors.
py::object call_with(py::object function, py::tuple args, py::dict kwargs, py::list slots, py::list values) {
  if (py::len(slots) != py::len(values)) throw ValueError("[call_with] slots and values differ in number");
  std::vector<SlotScope::Read> read;
  for (size_t i = 0; i < py::len(slots); ++i) {
    Slot* slot = slot_of(py::object(slots[i]).ptr());
    const py::object value = values[i];
    if (!slot || !is_tensor(value.ptr())) throw py::type_error("[call_with] parameters and buffers become tensors");
    read.push_back({Ref<Slot>::share(slot), unwrap(value.ptr())});
  }
  const SlotScope scope = SlotScope::of_some(read, leaf_of);
  if (Tape* tape = Tape::current()) tape->give_up();
  return owned(unless_python_ends([&] { return PyObject_Call(function.ptr(), args.ptr(), kwargs.ptr()); }));
}

}  // namespace

void register_function(py::module_& m) {
  m.def("custom", &custom, py::arg("backward"), py::arg("inputs"), py::arg("outputs"), py::arg("name") = "Custom",
        "The outputs as given, with backward(grads, inputs, outputs) -> gradients as their derivative by the inputs.");
  m.def("checkpoint", &run_checkpoint, py::arg("function"), py::arg("args"), py::arg("kwargs"),
        "function(*args, **kwargs), whose derivative runs it again.");
  m.def("call_with", &call_with, py::arg("function"), py::arg("args"), py::arg("kwargs"), py::arg("slots"),
        py::arg("values"), "function(*args, **kwargs), in which some parameters and buffers read as other tensors.");
  m.def(
      "snapshot", [](const std::vector<Tensor>& tensors) { return tensors; }, py::arg("tensors"),
      "The values that the tensors have now, with their histories, as tensors of their own.");
  m.def("host_call", &host_call, py::arg("function"), py::arg("inputs"), py::arg("shapes"), py::arg("dtypes"),
        "function(*arrays) -> arrays of these shapes and dtypes; inside a program it is called at each run.");
}

}  // namespace bs::bindings
