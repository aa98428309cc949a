#include "bindings/size.h"

#include <new>

#include "base/error.h"
#include "bindings/op_call.h"
#include "bindings/tensor.h"
#include "ops/ops.h"

namespace bs::bindings {

PyTypeObject* size_type = nullptr;
int64_t live_sizes = 0;

namespace {

struct PySize {
  PyObject_HEAD Ref<Size> size;
  std::shared_ptr<Tape> tape;
};
PySize* as_size(PyObject* o) { return reinterpret_cast<PySize*>(o); }

PyObject* wrap_size(Ref<Size> size, std::shared_ptr<Tape> tape) {
  auto* self = reinterpret_cast<PySize*>(checked(size_type->tp_alloc(size_type, 0)));
  ++size->handles;
  tape->give(size);
  new (&self->size) Ref<Size>(std::move(size));
  new (&self->tape) std::shared_ptr<Tape>(std::move(tape));
  ++live_sizes;
  return reinterpret_cast<PyObject*>(self);
}

void dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  --as_size(o)->size->handles;
  as_size(o)->size.~Ref<Size>();
  as_size(o)->tape.~shared_ptr<Tape>();
  type->tp_free(o);
  --live_sizes;
  Py_DECREF(type);
}

// The value, on which the program now relies.
PyObject* as_int(PyObject* o) { return PyLong_FromLongLong(as_size(o)->tape->fix(as_size(o)->size)); }

// A Size or an int of 64 bits as a size; else empty. One that an earlier capture has left is a number.
Ref<Size> operand(PyObject* o, const Tape* tape) {
  if (is_size(o)) {
    const PySize* s = as_size(o);
    return s->tape.get() == tape ? s->size : Size::number(s->tape->fix(s->size));
  }
  if (!PyLong_CheckExact(o)) return {};
  int overflow = 0;
  const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
  return overflow ? Ref<Size>() : Size::number(v);
}

// That of the capture which runs, if one of them is of it.
const std::shared_ptr<Tape>& tape_of(PyObject* a, PyObject* b) {
  const bool first = is_size(a) && (!is_size(b) || !as_size(a)->tape->ended());
  return as_size(first ? a : b)->tape;
}

using Binary = PyObject* (*)(PyObject*, PyObject*);

// Of numbers: what Python gives for the values.
template <Binary op>
PyObject* by_value(PyObject* a, PyObject* b) {
  const py::object x = without_size(a), y = without_size(b);
  return op(x.ptr(), y.ptr());
}

// Of a Size and a tensor: the Size is a number of the tensor's dtype, which a replay makes anew.
template <Binary op>
PyObject* with_tensor(PyObject* a, PyObject* b) {
  PyObject *number = is_size(a) ? a : b, *other = is_size(a) ? b : a;
  const Ref<Size> size = tracked_size(number);
  if (!size) return by_value<op>(a, b);
  const Spec& spec = spec_of(other);
  const Extent extent(size);
  const DType dtype = weak_dtype(ops::number_dtype(spec), py::int_(0).ptr());
  const py::object made = owned(wrap(taped(
      {},
      [extent, dtype](std::span<const Tensor>) { return scalar_tensor(py::int_(extent.now()).ptr(), dtype, "size"); },
      true)));
  return number == a ? op(made.ptr(), b) : op(a, made.ptr());
}

template <Binary op>
PyObject* binary(PyObject* a, PyObject* b) {
  return guarded([&] {
    if (is_tensor(a) || is_tensor(b)) return with_tensor<op>(a, b);
    return by_value<op>(a, b);
  });
}

// What stays a size.
template <Size::Kind kind, Binary op>
PyObject* arithmetic(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    const std::shared_ptr<Tape> tape = tape_of(a, b);
    const Ref<Size> x = operand(a, tape.get()), y = operand(b, tape.get());
    if (x && y)
      if (Ref<Size> made = Size::computed(kind, x, y)) return wrap_size(std::move(made), tape);
    return binary<op>(a, b);
  });
}

PyObject* power(PyObject* a, PyObject* b, PyObject* modulus) {
  return guarded([&] {
    const py::object x = without_size(a), y = without_size(b), m = without_size(modulus);
    return PyNumber_Power(x.ptr(), y.ptr(), m.ptr());
  });
}

template <PyObject* (*op)(PyObject*)>
PyObject* unary(PyObject* a) {
  return guarded([&] { return op(without_size(a).ptr()); });
}

PyObject* negative(PyObject* o) {
  return guarded([&] {
    Ref<Size> made = Size::computed(Size::Kind::sub, Size::number(0), as_size(o)->size);
    return made ? wrap_size(std::move(made), as_size(o)->tape) : PyNumber_Negative(without_size(o).ptr());
  });
}

int as_bool(PyObject* o) {
  const PySize* s = as_size(o);
  s->tape->relies_on(s->size, Size::number(0), [](int64_t x, int64_t y) { return x != y; });
  return s->size->value != 0;
}

PyObject* compare(PyObject* a, PyObject* b, int how) {
  return guarded([&]() -> PyObject* {
    static constexpr bool (*kCompare[])(int64_t, int64_t) = {
        [](int64_t x, int64_t y) { return x < y; },  [](int64_t x, int64_t y) { return x <= y; },
        [](int64_t x, int64_t y) { return x == y; }, [](int64_t x, int64_t y) { return x != y; },
        [](int64_t x, int64_t y) { return x > y; },  [](int64_t x, int64_t y) { return x >= y; }};
    const std::shared_ptr<Tape> tape = tape_of(a, b);
    const Ref<Size> x = operand(a, tape.get()), y = operand(b, tape.get());
    if (!x || !y) return PyObject_RichCompare(without_size(a).ptr(), without_size(b).ptr(), how);
    tape->relies_on(x, y, kCompare[how]);
    return PyBool_FromLong(kCompare[how](x->value, y->value));
  });
}

Py_hash_t hash(PyObject* o) {
  const py::object i = without_size(o);
  return PyObject_Hash(i.ptr());
}

// What int has and this has not: of the value.
PyObject* attribute(PyObject* o, PyObject* name) {
  if (PyObject* found = PyObject_GenericGetAttr(o, name)) return found;
  if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return nullptr;
  PyObject *type, *value, *trace;
  PyErr_Fetch(&type, &value, &trace);
  if (!PyObject_HasAttr(reinterpret_cast<PyObject*>(&PyLong_Type), name)) {
    PyErr_Restore(type, value, trace);
    return nullptr;
  }
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  return guarded([&] { return PyObject_GetAttr(without_size(o).ptr(), name); });
}

PyObject* format(PyObject* o, PyObject* spec) {
  return guarded([&] { return PyObject_Format(without_size(o).ptr(), spec); });
}
// A copy, or what is unpickled, is an int.
PyObject* reduce(PyObject* o, PyObject*) {
  return guarded([&] {
    return py::make_tuple(py::handle(reinterpret_cast<PyObject*>(&PyLong_Type)), py::make_tuple(without_size(o)))
        .release()
        .ptr();
  });
}
PyObject* itself(PyObject* o, PyObject*) { return Py_NewRef(o); }
// What round() and math.trunc() look up on the type.
template <const auto& name>
PyObject* as_int_does(PyObject* o, PyObject* args) {
  return guarded([&] { return PyObject_Call(without_size(o).attr(name).ptr(), args, nullptr); });
}
// NumPy's functions of arrays and Sizes take ints, which have no dtype of their own there, as other numbers have.
py::object without_sizes(py::handle o) {
  if (py::isinstance<py::list>(o) || py::isinstance<py::tuple>(o)) {
    py::list made;
    for (py::handle item : o) made.append(without_sizes(item));
    return py::isinstance<py::list>(o) ? py::object(made) : py::object(py::tuple(made));
  }
  if (!py::isinstance<py::dict>(o)) return without_size(o.ptr());
  py::dict made;
  for (auto [key, value] : py::reinterpret_borrow<py::dict>(o)) made[key] = without_sizes(value);
  return made;
}
PyObject* call_ufunc(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&] {
    const auto given = py::reinterpret_borrow<py::tuple>(args);  // the ufunc, its method's name, inputs
    const py::object method = given[0].attr(given[1]);
    const py::object inputs = without_sizes(given[py::slice(2, static_cast<py::ssize_t>(given.size()), 1)]);
    const py::object named = kwargs ? without_sizes(kwargs) : py::object();
    return PyObject_Call(method.ptr(), inputs.ptr(), named.ptr());
  });
}
PyObject* call_numpy(PyObject*, PyObject* args) {
  return guarded([&] {
    const auto given = py::reinterpret_borrow<py::tuple>(args);  // the function, types, inputs, named ones
    const py::object inputs = without_sizes(given[2]), named = without_sizes(given[3]);
    return PyObject_Call(given[0].ptr(), inputs.ptr(), named.ptr());
  });
}
constexpr char kRound[] = "__round__", kTrunc[] = "__trunc__";
// NumPy makes an array of it as of an int.
PyObject* array(PyObject* o, PyObject* args, PyObject* kwargs) {
  return guarded([&] {
    static PyObject* asarray = imported("numpy", "asarray");
    const py::object a = owned(PyObject_CallFunctionObjArgs(asarray, without_size(o).ptr(), nullptr));
    const py::object method = a.attr("__array__");
    return PyObject_Call(method.ptr(), args, kwargs);
  });
}

PyMethodDef methods[] = {{"__format__", format, METH_O, nullptr},
                         {"__reduce__", reduce, METH_NOARGS, nullptr},
                         {"__copy__", itself, METH_NOARGS, nullptr},
                         {"__deepcopy__", itself, METH_O, nullptr},
                         {kRound, as_int_does<kRound>, METH_VARARGS, nullptr},
                         {kTrunc, as_int_does<kTrunc>, METH_VARARGS, nullptr},
                         {"__array__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(array)),
                          METH_VARARGS | METH_KEYWORDS, nullptr},
                         {"__array_ufunc__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call_ufunc)),
                          METH_VARARGS | METH_KEYWORDS, nullptr},
                         {"__array_function__", call_numpy, METH_VARARGS, nullptr},
                         {nullptr, nullptr, 0, nullptr}};

#define BS_SLOT(slot, ...) {slot, reinterpret_cast<void*>(__VA_ARGS__)}
PyType_Slot slots[] = {BS_SLOT(Py_tp_dealloc, dealloc),
                       BS_SLOT(Py_tp_repr, unary<PyObject_Repr>),
                       BS_SLOT(Py_tp_str, unary<PyObject_Str>),
                       BS_SLOT(Py_tp_hash, hash),
                       BS_SLOT(Py_tp_richcompare, compare),
                       BS_SLOT(Py_tp_getattro, attribute),
                       BS_SLOT(Py_tp_methods, methods),
                       BS_SLOT(Py_nb_bool, as_bool),
                       BS_SLOT(Py_nb_int, as_int),
                       BS_SLOT(Py_nb_index, as_int),
                       BS_SLOT(Py_nb_float, unary<PyNumber_Float>),
                       BS_SLOT(Py_nb_positive, unary<PyNumber_Positive>),
                       BS_SLOT(Py_nb_negative, negative),
                       BS_SLOT(Py_nb_absolute, unary<PyNumber_Absolute>),
                       BS_SLOT(Py_nb_invert, unary<PyNumber_Invert>),
                       BS_SLOT(Py_nb_add, arithmetic<Size::Kind::add, PyNumber_Add>),
                       BS_SLOT(Py_nb_subtract, arithmetic<Size::Kind::sub, PyNumber_Subtract>),
                       BS_SLOT(Py_nb_multiply, arithmetic<Size::Kind::mul, PyNumber_Multiply>),
                       BS_SLOT(Py_nb_floor_divide, arithmetic<Size::Kind::floor_div, PyNumber_FloorDivide>),
                       BS_SLOT(Py_nb_remainder, arithmetic<Size::Kind::mod, PyNumber_Remainder>),
                       BS_SLOT(Py_nb_true_divide, binary<PyNumber_TrueDivide>),
                       BS_SLOT(Py_nb_divmod, binary<PyNumber_Divmod>),
                       BS_SLOT(Py_nb_power, power),
                       BS_SLOT(Py_nb_lshift, binary<PyNumber_Lshift>),
                       BS_SLOT(Py_nb_rshift, binary<PyNumber_Rshift>),
                       BS_SLOT(Py_nb_and, binary<PyNumber_And>),
                       BS_SLOT(Py_nb_or, binary<PyNumber_Or>),
                       BS_SLOT(Py_nb_xor, binary<PyNumber_Xor>),
                       {0, nullptr}};
#undef BS_SLOT
PyType_Spec spec{"backsweep._core.Size", sizeof(PySize), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                 slots};

}  // namespace

PyObject* size_of_axis(const Tensor& t, int dim) {
  if (Tape* tape = Tape::current())
    if (Ref<Size> s = tape->size(t, dim)) return wrap_size(std::move(s), tape->shared_from_this());
  return PyLong_FromLongLong(t.shape()[dim]);
}

PyObject* count_of_elements(const Tensor& t) {
  Tape* tape = Tape::current();
  Ref<Size> n = tape ? Size::number(1) : Ref<Size>();
  for (int d = 0; n && d < t.shape().size(); ++d) {
    const Ref<Size> s = tape->size(t, d);
    n = s ? Size::computed(Size::Kind::mul, n, s) : Ref<Size>();
  }
  if (n) return wrap_size(std::move(n), tape->shared_from_this());
  return PyLong_FromLongLong(numel(t.shape()));
}

py::object without_size(PyObject* o) { return is_size(o) ? owned(as_int(o)) : py::reinterpret_borrow<py::object>(o); }

Ref<Size> tracked_size(PyObject* o) {
  if (!is_size(o) || as_size(o)->tape.get() != Tape::current()) return {};
  return as_size(o)->size;
}

void register_size(py::module_& m) {
  size_type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
  m.attr("_Size") = py::handle(reinterpret_cast<PyObject*>(size_type));
  py::module_::import("numbers").attr("Integral").attr("register")(m.attr("_Size"));
}

}  // namespace bs::bindings
