// What tensors have to do with derivatives beyond .grad: backward, hooks, retained gradients, and grad_fn, the recorded
// op behind a result.
#include <cctype>
#include <string>

#include "autodiff/sweep.h"
#include "base/error.h"
#include "bindings/arguments.h"
#include "bindings/autodiff.h"
#include "bindings/gil.h"
#include "bindings/guard.h"
#include "bindings/op_call.h"
#include "bindings/size.h"
#include "bindings/tensor.h"
#include "graph/hooks.h"
#include "graph/op.h"
#include "ops/custom.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

// ---- backward ------------------------------------------------------------------------------------------------------

void sweep_back(std::vector<Tensor> roots, std::vector<Tensor> given, const std::vector<Tensor>* inputs, bool create,
                bool retain) {
  given.resize(roots.size());
  if (Tape* tape = Tape::current()) {
    std::vector<Tensor> all = roots;
    all.insert(all.end(), given.begin(), given.end());
    if (inputs) all.insert(all.end(), inputs->begin(), inputs->end());
    const size_t n = roots.size();
    tape->record(all, [n, create, retain, some = inputs != nullptr](std::span<const Tensor> in) {
      const std::span<const Tensor> by = in.subspan(2 * n);
      bs::backward(in.first(n), in.subspan(n, n), create, retain, some ? &by : nullptr);
      return std::vector<Tensor>();
    });
    return;
  }
  // Always: a sweep may call back into Python while it holds a lock that another thread's sweep waits for.
  GilRelease release;
  std::span<const Tensor> by;
  if (inputs) by = *inputs;
  bs::backward(roots, given, create, retain, inputs ? &by : nullptr);
}

// None is `otherwise`.
bool flag_or(PyObject* o, bool otherwise, const char* argument) {
  return !o || o == Py_None ? otherwise : flag_argument(o, "backward", argument);
}

void backward_by(std::vector<Tensor> roots, std::vector<Tensor> given, PyObject* retain_graph, PyObject* create_graph,
                 PyObject* inputs) {
  const bool create = flag_or(create_graph, false, "create_graph");
  const bool retain = flag_or(retain_graph, create, "retain_graph");
  std::vector<Tensor> by;
  const bool some = inputs && inputs != Py_None;
  if (some) by = tensors_of(inputs, "backward", "inputs");
  if (some && by.empty()) throw GraphError("[backward] `inputs` argument to `backward()` cannot be empty");
  sweep_back(std::move(roots), std::move(given), some ? &by : nullptr, create, retain);
}

constexpr char kBackward[] =
    "backward(gradient=None, retain_graph=None, create_graph=False, inputs=None)\n--\n\n"
    "Adds the derivatives of this tensor, weighted by gradient, to .grad of the leaves it was computed from, or of "
    "`inputs` alone.\n\n"
    "A single number needs no gradient. Without retain_graph (by default as create_graph) the graph gives up the "
    "values that its derivatives read, and cannot be differentiated again.";
PyObject* backward(PyObject* self, const Arguments& v) {
  std::vector<Tensor> given(1);
  if (v.has(0)) given[0] = to_tensor(v[0], "backward", "gradient");
  backward_by({unwrap(self)}, std::move(given), v[1], v[2], v[3]);
  Py_RETURN_NONE;
}

// ---- hooks ---------------------------------------------------------------------------------------------------------

PyObject* leaf_hooks = nullptr;  // its `version` moves with the hooks of leaves: programs are guarded by it
PyTypeObject* handle_type = nullptr;

void hooks_have_changed() {
  const py::handle hooks(leaf_hooks);
  hooks.attr("version") = py::cast<int64_t>(hooks.attr("version")) + 1;
  bump_structure_epoch();
}

struct HookHandle {
  PyObject_HEAD uint64_t id;
  bool known;  // to programs
};

PyObject* remove(PyObject* self, PyObject*) {
  return guarded([&] {
    auto* handle = reinterpret_cast<HookHandle*>(self);
    if (handle->id == 0) Py_RETURN_NONE;
    remove_hook(std::exchange(handle->id, 0));
    if (handle->known) hooks_have_changed();
    Py_RETURN_NONE;
  });
}
PyObject* enter_handle(PyObject* self, PyObject*) { return Py_NewRef(self); }
PyObject* leave_handle(PyObject* self, PyObject*) { return remove(self, nullptr); }
PyObject* id_of_handle(PyObject* self, void*) {
  return PyLong_FromUnsignedLongLong(reinterpret_cast<HookHandle*>(self)->id);
}

Hook hook_of(PyObject* function) {
  std::shared_ptr<PyObject> fn(Py_NewRef(function), release_object);
  return [fn](const Tensor& g) {
    GilAcquire gil;
    const py::object made = call_rule(py::reinterpret_borrow<py::object>(fn.get()),
                                      py::make_tuple(py::reinterpret_steal<py::object>(wrap(g))));
    if (made.is_none()) return Tensor();
    if (!is_tensor(made.ptr()))
      throw py::type_error(cat("[register_hook] the hook gave a ", type_name(made.ptr()), ", not a tensor or None"));
    Tensor other = unwrap(made.ptr());
    if (!(other.shape() == g.shape()))
      throw ShapeError(
          cat("[register_hook] the hook gave ", str(other.shape()), " for a gradient of shape ", str(g.shape())));
    return other.dtype() == g.dtype() ? other : ops::cast(other, g.dtype());
  };
}

constexpr char kRegisterHook[] =
    "register_hook(hook)\n--\n\n"
    "Calls hook(gradient) whenever a sweep has this tensor's gradient; what it gives, unless None, takes the "
    "gradient's place.\n\n"
    "Returns a handle, whose remove() ends that. Inside bs.compile the hook is recorded, as all else is.";
PyObject* register_hook(PyObject* self, const Arguments& v) {
  if (!requires_grad(self))
    throw GraphError("[register_hook] cannot register a hook on a tensor that doesn't require gradient");
  if (!PyCallable_Check(v[0])) throw py::type_error(cat("[register_hook] a hook is a function, not ", type_name(v[0])));
  const Tensor t = unwrap(self);
  const bool known = is_leaf(self) && (slot_of(self) || !t.symbolic());  // to programs, which have its hooks in them
  if (known && current_capture())
    throw GraphError(
        "[register_hook] a parameter, or another leaf from outside, gets its hook before the compiled call: it would "
        "get one at each capture");
  py::object made = owned(handle_type->tp_alloc(handle_type, 0));
  auto* handle = reinterpret_cast<HookHandle*>(made.ptr());
  if (Tape* tape = Tape::current()) tape->give_up();  // a replay would not have the hook
  handle->id = add_hook(t, hook_of(v[0]));
  handle->known = known;
  if (known) hooks_have_changed();
  return made.release().ptr();
}

PyObject* retain_grad_of(PyObject* self, PyObject*) {
  return guarded([&] {
    if (!requires_grad(self))
      throw GraphError("[retain_grad] can't retain_grad on Tensor that has requires_grad=False");
    if (is_leaf(self)) Py_RETURN_NONE;
    if (Tape* tape = Tape::current()) tape->give_up();  // likewise
    const Tensor t = unwrap(self);
    if (!retained_cell(t)) retain_grad(t);
    Py_RETURN_NONE;
  });
}

PyObject* get_retains_grad(PyObject* self, void*) {
  return guarded([&] { return PyBool_FromLong(!is_leaf(self) && retained_cell(unwrap(self))); });
}

// ---- grad_fn -------------------------------------------------------------------------------------------------------

// A node of the graph. Equal where it is the same node.
struct PyNode {
  PyObject_HEAD Ref<Node> node;
};
PyTypeObject* node_type = nullptr;
PyNode* as_node(PyObject* o) { return reinterpret_cast<PyNode*>(o); }

py::object wrap_node(Node* n) {
  auto* self = reinterpret_cast<PyNode*>(checked(node_type->tp_alloc(node_type, 0)));
  new (&self->node) Ref<Node>(Ref<Node>::share(n));
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(self));
}

void dealloc_node(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  as_node(o)->node.~Ref<Node>();
  type->tp_free(o);
  Py_DECREF(type);
}

bool accumulates(const Node& n) { return n.cell || !n.op; }

// As PyTorch names them: MulBackward0 of mul, and of a user's unit its class and Backward.
std::string name_of_node(const Node& n) {
  if (accumulates(n)) return "AccumulateGrad";
  if (const std::string* own = ops::name_of_custom(n)) return *own + "Backward";
  std::string name;
  bool up = true;
  for (const char* c = n.op->name; *c; ++c) {
    if (*c == '_') {
      up = true;
      continue;
    }
    name += up ? static_cast<char>(std::toupper(static_cast<unsigned char>(*c))) : *c;
    up = false;
  }
  return name + "Backward0";
}

PyObject* node_name(PyObject* self, PyObject*) {
  return guarded([&] { return py::str(name_of_node(*as_node(self)->node)).release().ptr(); });
}
PyObject* node_repr(PyObject* self) {
  return guarded([&] {
    return PyUnicode_FromFormat("<%s object at %p>", name_of_node(*as_node(self)->node).c_str(),
                                static_cast<void*>(as_node(self)->node.get()));
  });
}
PyObject* next_functions(PyObject* self, void*) {
  return guarded([&] {
    const Node& n = *as_node(self)->node;
    py::list made;
    for (int i = 0; i < static_cast<int>(n.n_inputs); ++i) {
      const Edge& e = n.in(i);
      if (e.node && e.node->requires_grad)
        made.append(py::make_tuple(wrap_node(e.node), e.output));
      else
        made.append(py::make_tuple(py::none(), 0));
    }
    return py::tuple(made).release().ptr();
  });
}
// Of a leaf: a tensor with its gradient.
PyObject* node_variable(PyObject* self, void*) {
  return guarded([&] {
    Node* n = as_node(self)->node.get();
    if (!accumulates(*n)) throw py::attribute_error(cat("'", name_of_node(*n), "' object has no attribute 'variable'"));
    return wrap(Tensor(n, 0));
  });
}
PyObject* compare_nodes(PyObject* a, PyObject* b, int how) {
  if (Py_TYPE(b) != node_type || (how != Py_EQ && how != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
  return PyBool_FromLong((as_node(a)->node.get() == as_node(b)->node.get()) == (how == Py_EQ));
}
Py_hash_t hash_node(PyObject* o) {
  return static_cast<Py_hash_t>(reinterpret_cast<uintptr_t>(as_node(o)->node.get()) >> 4);
}

PyObject* get_grad_fn(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    if (is_leaf(self)) Py_RETURN_NONE;
    return wrap_node(unwrap(self).node()).release().ptr();
  });
}

PyObject* is_inference(PyObject*, PyObject*) { Py_RETURN_FALSE; }

template <size_t n>
PyTypeObject* make_type(const char* name, int size, PyType_Slot (&slots)[n]) {
  PyType_Spec spec = {name, size, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
}

}  // namespace

std::vector<Tensor> tensors_of(PyObject* o, const char* op, const char* argument, bool allow_none, bool* single) {
  std::vector<Tensor> r;
  const bool one = is_tensor(o);
  if (single) *single = one;
  if (one) {
    r.push_back(unwrap(o));
    return r;
  }
  if (!PyList_Check(o) && !PyTuple_Check(o) && (PyUnicode_Check(o) || !PyObject_HasAttrString(o, "__iter__")))
    throw py::type_error(cat("[", op, "] ", argument, " is a tensor or a sequence of tensors, not ", type_name(o)));
  for (py::handle item : py::reinterpret_borrow<py::object>(o)) {
    if (allow_none && item.is_none()) {
      r.emplace_back();
    } else if (is_tensor(item.ptr())) {
      r.push_back(unwrap(item.ptr()));
    } else {
      throw py::type_error(cat("[", op, "] ", argument, " holds ", type_name(item.ptr()), ", not a tensor"));
    }
  }
  return r;
}

Guard guard_of_hooks() {
  const py::object hooks = py::reinterpret_borrow<py::object>(leaf_hooks);
  return {Guard::Kind::attribute, hooks, py::str("version"), hooks.attr("version"), py::str("hooks of leaves: ")};
}

PyMethodDef derivative_methods[] = {
    {"backward", BS_METHOD(kBackward, backward)},
    {"register_hook", BS_METHOD(kRegisterHook, register_hook)},
    {"retain_grad", retain_grad_of, METH_NOARGS,
     "retain_grad()\n--\n\nThis result keeps its gradient in .grad, as leaves do."},
    {"is_inference", is_inference, METH_NOARGS, "is_inference()\n--\n\nFalse: inference_mode is no_grad here."},
    {nullptr, nullptr, 0, nullptr}};

PyGetSetDef derivative_getset[] = {
    {"grad_fn", get_grad_fn, nullptr, "The recorded op behind a result: name(), next_functions; None of a leaf.",
     nullptr},
    {"retains_grad", get_retains_grad, nullptr, "Whether it is a result that keeps its gradient.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

void register_derivatives(py::module_& m) {
  static PyMethodDef node_methods[] = {
      {"name", node_name, METH_NOARGS, "name()\n--\n\nThe op's name, as in MulBackward0."},
      {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef node_getset[] = {
      {"next_functions", next_functions, nullptr, "Of each input: its node, and which of its outputs it is.", nullptr},
      {"variable", node_variable, nullptr, "The leaf whose gradient is added up.", nullptr},
      {nullptr, nullptr, nullptr, nullptr, nullptr}};
  static PyType_Slot node_slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(dealloc_node)},
                                     {Py_tp_doc, const_cast<char*>("A recorded op, as Tensor.grad_fn gives it.")},
                                     {Py_tp_repr, reinterpret_cast<void*>(node_repr)},
                                     {Py_tp_richcompare, reinterpret_cast<void*>(compare_nodes)},
                                     {Py_tp_hash, reinterpret_cast<void*>(hash_node)},
                                     {Py_tp_methods, node_methods},
                                     {Py_tp_getset, node_getset},
                                     {0, nullptr}};
  node_type = make_type("backsweep.autograd.Node", sizeof(PyNode), node_slots);
  m.attr("Node") = py::handle(reinterpret_cast<PyObject*>(node_type));

  static PyMethodDef handle_methods[] = {{"remove", remove, METH_NOARGS, "remove()\n--\n\nThe hook is called no more."},
                                         {"__enter__", enter_handle, METH_NOARGS, nullptr},
                                         {"__exit__", leave_handle, METH_VARARGS, nullptr},
                                         {nullptr, nullptr, 0, nullptr}};
  static PyGetSetDef handle_getset[] = {{"id", id_of_handle, nullptr, "A number of its own.", nullptr},
                                        {nullptr, nullptr, nullptr, nullptr, nullptr}};
  static PyType_Slot handle_slots[] = {{Py_tp_doc, const_cast<char*>("What a hook is removed by.")},
                                       {Py_tp_methods, handle_methods},
                                       {Py_tp_getset, handle_getset},
                                       {0, nullptr}};
  handle_type = make_type("backsweep.utils.hooks.RemovableHandle", sizeof(HookHandle), handle_slots);
  m.attr("RemovableHandle") = py::handle(reinterpret_cast<PyObject*>(handle_type));

  py::object hooks = py::module_::import("types").attr("SimpleNamespace")(py::arg("version") = 0);
  leaf_hooks = hooks.release().ptr();

  m.def(
      "backward",
      [](py::object tensors, py::object grads, py::object retain_graph, py::object create_graph, py::object inputs) {
        std::vector<Tensor> roots = tensors_of(tensors.ptr(), "backward", "tensors"), given;
        if (!grads.is_none()) given = tensors_of(grads.ptr(), "backward", "grad_tensors", true);
        if (!grads.is_none() && given.size() != roots.size())
          throw GraphError(cat("[backward] got ", roots.size(), " tensors and ", given.size(), " gradients"));
        backward_by(std::move(roots), std::move(given), retain_graph.ptr(), create_graph.ptr(), inputs.ptr());
      },
      py::arg("tensors"), py::arg("grad_tensors") = py::none(), py::arg("retain_graph") = py::none(),
      py::arg("create_graph") = false, py::arg("inputs") = py::none(),
      "Adds the derivatives of sum_k <tensors[k], grad_tensors[k]> to .grad of the leaves, or of `inputs` alone.");
}

}  // namespace bs::bindings
