// Attributes of Tensor: shape, dtype, grad, requires_grad and the like. None reads a value.
#include "base/error.h"
#include "bindings/dtype.h"
#include "bindings/names.h"
#include "bindings/tensor.h"
#include "graph/hooks.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

PyObject* get_shape(PyObject* self, void*) {
  return guarded([&] {
    const Dims& shape = spec_of(self).shape;
    const bool slot = slot_of(self);  // which keeps its sizes
    py::object t = owned(PyTuple_New(shape.size()));
    for (int i = 0; i < shape.size(); ++i)
      PyTuple_SET_ITEM(t.ptr(), i, slot ? checked(PyLong_FromLongLong(shape[i])) : size_of_axis(as_tensor(self)->t, i));
    return t.release().ptr();
  });
}

PyObject* get_dtype(PyObject* self, void*) { return Py_NewRef(dtype_object(spec_of(self).dtype)); }
PyObject* get_ndim(PyObject* self, void*) { return PyLong_FromLong(spec_of(self).shape.size()); }
PyObject* get_requires_grad(PyObject* self, void*) { return PyBool_FromLong(requires_grad(self)); }
PyObject* get_is_leaf(PyObject* self, void*) { return PyBool_FromLong(is_leaf(self)); }
PyObject* get_is_symbolic(PyObject* self, void*) {
  return guarded([&] { return PyBool_FromLong(unwrap(self).symbolic()); });
}

int set_requires_grad(PyObject* self, PyObject* value, void*) {
  return guarded([&] {
    if (!value || !PyBool_Check(value)) throw py::type_error("[requires_grad] the flag is True or False");
    change_requires_grad(self, value == Py_True);
    return 0;
  });
}

// A replay has the cells of slots, but not those of leaves that the captured function made.
void own_cell(PyObject* self) {
  if (Tape* tape = Tape::current(); tape && !slot_of(self)) tape->give_up();
}

// `named`: the object is the gradient's name, so that what is written to it is seen; else it has the value of now.
template <bool named>
PyObject* get_grad(PyObject* self, void*) {
  return guarded([&] {
    Ref<GradCell> retained;
    GradCell* cell = nullptr;
    if (is_leaf(self))
      cell = cell_of(self);
    else
      cell = (retained = retained_cell(unwrap(self))).get();
    own_cell(self);
    if (!cell) return Py_NewRef(Py_None);
    return named ? grad_name(*cell) : wrap_or_none(read_grad(*cell));
  });
}

template <bool named>
int set_grad(PyObject* self, PyObject* value, void*) {
  return guarded([&] {
    GradCell* cell = is_leaf(self) ? cell_of(self) : nullptr;
    own_cell(self);
    if (!value || value == Py_None) {
      if (cell) write_grad(*cell, Tensor());
      return 0;
    }
    if (!cell)
      throw GraphError(
          "[grad] only leaves that require gradients have a .grad to set: parameters, and tensors after "
          "requires_grad_()");
    if (!is_tensor(value)) throw py::type_error(cat("[grad] a gradient is a tensor or None, not ", type_name(value)));
    Tensor g = unwrap(value);
    fix_sizes(g);
    const Spec& spec = spec_of(self);
    if (!(g.shape() == spec.shape))
      throw ShapeError(cat("[grad] the gradient is ", str(g.shape()), ", the tensor is ", str(spec.shape)));
    if (g.dtype() != spec.dtype)
      throw DTypeError(cat("[grad] the gradient is ", name_of(g.dtype()), ", the tensor is ", name_of(spec.dtype)));
    if (named)
      set_grad_name(*cell, value);
    else
      write_grad(*cell, g);
    return 0;
  });
}

PyObject* get_T(PyObject* self, void*) {
  return guarded([&] {
    Operands in;
    in.push_borrowed(self);
    const Tensor& x = in[0];
    const int n = x.shape().size();
    if (n < 2) return wrap_view(self, x);
    if (n == 2) {
      static const Op& op = need_op("transpose", "T");
      static const Ref<Attrs> both = Attrs::make({int64_t{0}, int64_t{1}});
      return wrap_view(self, call(op, in, both));
    }
    Dims order;
    for (int i = n - 1; i >= 0; --i) order.push(i);
    return wrap_view(self, call(need_op("permute", "T"), in, Attrs::make({order})));
  });
}

PyObject* get_data(PyObject* self, void*) {
  return guarded([&] { return detached_name(self); });
}

int change_data(PyObject* self, PyObject* value, void*) {
  return guarded([&] {
    if (!value) throw py::type_error("[data] cannot be deleted");
    set_data(self, value);
    return 0;
  });
}

}  // namespace

void change_requires_grad(PyObject* self, bool on) {
  PyTensor* p = as_tensor(self);
  if (p->slot) {
    if (on && !is_float(p->slot->spec().dtype))
      throw DTypeError(
          cat("[requires_grad] only float tensors have gradients, this one is ", name_of(p->slot->spec().dtype)));
    p->slot->set_requires_grad(on);
    return;
  }
  if (on == handle_of(self).requires_grad()) return;
  if (!is_leaf(self))
    throw GraphError(
        "[requires_grad] this tensor was computed from one that requires gradients: use detach() for a tensor that "
        "does not");
  bump_structure_epoch();  // a program may know it as a constant
  p->t = taped(p->t, [on](const Tensor& t) {
    if (!on) {
      t.node()->requires_grad = false;
      t.node()->cell = Ref<GradCell>();
      return t;
    }
    // The flag belongs to the node: one with siblings, or one that a capture recorded, gets a leaf of its own.
    const bool shared = t.node()->op || t.node()->n_outputs > 1;
    return with_requires_grad(shared ? detached(t) : t, "requires_grad");
  });
  renamed(self);
}

PyGetSetDef tensor_getset[] = {
    {"shape", get_shape, nullptr, "The sizes, a tuple.", nullptr},
    {"dtype", get_dtype, nullptr, "The element type.", nullptr},
    {"ndim", get_ndim, nullptr, "The number of axes.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad, "Whether gradients by this tensor are recorded.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "Whether no recorded op has computed it.", nullptr},
    {"is_symbolic", get_is_symbolic, nullptr, "Whether it stands for a value that exists only when a program runs.",
     nullptr},
    {"grad", get_grad<true>, set_grad<true>, "The gradient that backward() has gathered in this leaf, or None.",
     nullptr},
    {"_grad", get_grad<false>, set_grad<false>, "The value of .grad, of which no name is made.", nullptr},
    {"data", get_data, change_data, "The same storage without the history; what is set, it shares.", nullptr},
    {"T", get_T, nullptr, "The axes in reverse order.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

}  // namespace bs::bindings
