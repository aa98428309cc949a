#include "bindings/op_args.h"

#include <pybind11/stl.h>

#include <cstring>

#include "base/error.h"
#include "bindings/dtype.h"
#include "bindings/op_call.h"
#include "bindings/random.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

// Second names that every op accepts.
struct Alias {
  const char *alias, *name;
};
constexpr Alias kAliases[] = {{"axis", "dim"}, {"keepdims", "keepdim"}};

std::string text_of(PyObject* name) { return py::cast<std::string>(py::handle(name)); }

int position_of(const Signature& s, PyObject* name) {
  const int n = static_cast<int>(s.names.size());
  for (int i = 0; i < n; ++i)  // names in source code are interned
    if (s.names[static_cast<size_t>(i)] == name) return i;
  for (int i = 0; i < n; ++i)
    if (PyUnicode_Compare(s.names[static_cast<size_t>(i)], name) == 0) return i;
  for (const Alias& a : kAliases) {
    if (PyUnicode_CompareWithASCIIString(name, a.alias) != 0) continue;
    for (int i = 0; i < n; ++i)
      if (PyUnicode_CompareWithASCIIString(s.names[static_cast<size_t>(i)], a.name) == 0) return i;
  }
  return -1;
}

bool is_numpy_bool(PyObject* o) {
  static PyObject* type = imported("numpy", "bool_");
  return PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(type));
}

Attr parse_attr(const Op& op, const AttrSchema& schema, PyObject* o) {
  if (o == Py_None && !schema.required && schema.default_value.index() == 0) return {};
  switch (schema.type) {
    case AttrType::integer:
      return int_argument(o, op.name, schema.name);
    case AttrType::real: {
      // No bool: dropout(x, True) means something else.
      if (!PyBool_Check(o) && !PyUnicode_Check(o) && PyNumber_Check(o)) {
        double v = PyFloat_AsDouble(o);
        if (v != -1.0 || !PyErr_Occurred()) return v;
        // Only errors about the argument itself: an interrupt or a lack of memory goes on.
        if (!PyErr_ExceptionMatches(PyExc_TypeError) && !PyErr_ExceptionMatches(PyExc_ValueError))
          throw py::error_already_set();
        PyErr_Clear();
      }
      throw py::type_error(cat("[", op.name, "] ", schema.name, " is a number, not ", type_name(o)));
    }
    case AttrType::boolean:
      if (PyBool_Check(o)) return o == Py_True;
      if (is_numpy_bool(o)) return PyObject_IsTrue(o) == 1;
      throw py::type_error(cat("[", op.name, "] ", schema.name, " is True or False, not ", type_name(o)));
    case AttrType::dims:
      return dims_argument(o, op.name, schema.name);
    case AttrType::dtype:
      return dtype_argument(op.name, o);
    case AttrType::sizes: {
      if (!PyList_Check(o) && !PyTuple_Check(o)) return int_argument(o, op.name, schema.name);
      py::object items = owned(PySequence_Tuple(o));
      std::vector<int64_t> v;
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.ptr()); ++i)
        v.push_back(int_argument(PyTuple_GET_ITEM(items.ptr(), i), op.name, schema.name));
      return v;
    }
    case AttrType::object:
      break;
  }
  throw py::type_error(cat("[", op.name, "] ", schema.name, " cannot be given from Python"));
}

// Python numbers among the inputs of an elementwise op: they take the dtype of the tensors, or of their own kind.
void push_weak(const Signature& s, PyObject* const* args, int n, Operands* in) {
  // The condition of a choice has no say in the dtype of the choices.
  const int first = s.op.elementwise == static_cast<int>(kernels::Ew::where) ? 1 : 0;
  bool numbers = false;
  for (int i = first; i < n; ++i) numbers |= is_number(args[i]);
  auto convert = [&](int i) { return to_tensor(args[i], s.op.name, s.op.inputs[static_cast<size_t>(i)].name); };
  if (!numbers) {
    for (int i = 0; i < n; ++i) {
      if (is_tensor(args[i])) {
        in->push_borrowed(args[i]);
      } else {
        in->push(convert(i));
      }
    }
    return;
  }
  Tensor made[3];
  const Spec* specs[3];
  size_t n_specs = 0;
  bool any_float = false, any_int = false, sized = false;
  for (int i = 0; i < n; ++i) {
    if (i >= first && is_number(args[i])) {
      any_float |= PyFloat_Check(args[i]);
      any_int |= !PyFloat_Check(args[i]) && !PyBool_Check(args[i]);
      continue;
    }
    made[i] = convert(i);
    if (i < first) continue;
    specs[n_specs++] = &made[i].spec();
    sized |= made[i].shape().size() > 0;
  }
  // Of numbers alone, the highest kind.
  DType t = n_specs ? ops::promote(Specs({specs, n_specs})) : any_float ? DType::f32 : any_int ? DType::i64 : DType::b8;
  if (sized && is_storage(t)) t = computing(t);  // see number_dtype
  for (int i = 0; i < n; ++i) in->push(made[i] ? std::move(made[i]) : scalar_tensor(args[i], weak_dtype(t, args[i])));
}

// The tensors of a sequence.
void push_many(const Signature& s, PyObject* sequence, Operands* in) {
  const Op& op = s.op;
  const char* name = op.inputs[0].name;
  if (!PyList_Check(sequence) && !PyTuple_Check(sequence))
    throw py::type_error(cat("[", op.name, "] ", name, " is a list or tuple of tensors, not ", type_name(sequence)));
  py::object items = owned(PySequence_Tuple(sequence));  // a list may change while an item is converted
  const Py_ssize_t n = PyTuple_GET_SIZE(items.ptr());
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* o = PyTuple_GET_ITEM(items.ptr(), i);
    if (!is_tensor(o))
      throw py::type_error(cat("[", op.name, "] ", name, "[", i, "] is ", type_name(o), ", not a tensor"));
    in->push(unwrap(o));
  }
}

const char* keyword_of(const Op& op) {
  return op.keyword == Keyword::dtype ? "dtype" : op.keyword == Keyword::alpha ? "alpha" : "";
}

// Applies Op::keyword to the input that it is about; what it gives takes that input's place.
py::object with_keyword(const Signature& s, PyObject* input, int position, PyObject* value) {
  const Op& op = s.op;
  const char* name = op.inputs[static_cast<size_t>(position)].name;
  if (op.keyword == Keyword::dtype)
    return owned(wrap(ops::cast(to_tensor(input, op.name, name), dtype_argument(op.name, value))));
  const py::object alpha = number_argument(value, op.name, "alpha");
  if (is_number(input)) return owned(PyNumber_Multiply(input, alpha.ptr()));
  const Tensor x = to_tensor(input, op.name, name);
  if (x.dtype() == DType::b8)
    throw DTypeError(
        cat("[", op.name, "] ", name, " is bool, which alpha cannot multiply: cast it, as in ", name, ".to(bs.int64)"));
  if (PyFloat_Check(alpha.ptr()) && !is_float(x.dtype()))
    throw DTypeError(cat("[", op.name, "] alpha is a float, ", name, " is ", name_of(x.dtype()), ": give an int"));
  return owned(wrap(ops::mul(x, scalar_tensor(alpha.ptr(), weak_dtype(x.dtype(), alpha.ptr())))));
}

Ref<Attrs> parse_attrs(const Signature& s, PyObject* const* bound, PyObject* const* rest, Py_ssize_t n_rest) {
  const Op& op = s.op;
  std::vector<Attr> values;
  values.reserve(op.attrs.size());
  for (size_t k = 0; k < op.attrs.size(); ++k) {
    const AttrSchema& schema = op.attrs[k];
    PyObject* o = bound[static_cast<size_t>(s.n_inputs) + k];
    if (n_rest > 0 && k + 1 == op.attrs.size()) {
      Dims d;
      d.push(int_argument(o, op.name, schema.name));
      for (Py_ssize_t i = 0; i < n_rest; ++i) d.push(int_argument(rest[i], op.name, schema.name));
      values.push_back(d);
    } else if (o) {
      values.push_back(parse_attr(op, schema, o));
    } else if (schema.required) {
      throw py::type_error(cat("[", op.name, "] missing argument '", schema.name, "'"));
    } else {
      values.push_back(schema.default_value);
    }
  }
  return Attrs::make(std::move(values));
}

}  // namespace

Ref<Attrs> parse(const Signature& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Operands* in) {
  const Op& op = s.op;
  PyObject* bound[kMaxParams];
  const int n_params = static_cast<int>(s.names.size());
  std::memset(bound, 0, sizeof(PyObject*) * static_cast<size_t>(n_params));
  const Py_ssize_t n_rest = n > s.n_positional ? n - s.n_positional : 0;
  if (n_rest > 0 && !s.variadic)
    throw py::type_error(cat("[", op.name, "] takes ", s.n_positional, " arguments ", s.text, ", not ", n));
  for (Py_ssize_t i = 0; i < n - n_rest; ++i) bound[i] = args[i];
  bool attrs_given = n > s.n_inputs;
  PyObject* keyword = Py_None;
  const Py_ssize_t n_kw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < n_kw; ++k) {
    PyObject* name = PyTuple_GET_ITEM(kwnames, k);
    const int i = position_of(s, name);
    if (i < 0 && op.keyword != Keyword::none && PyUnicode_CompareWithASCIIString(name, keyword_of(op)) == 0) {
      keyword = args[n + k];
      continue;
    }
    if (i < 0 && PyUnicode_CompareWithASCIIString(name, "out") == 0) {  // NumPy's functions pass out=None on
      if (args[n + k] == Py_None) continue;
      throw py::type_error(cat("[", op.name, "] out is not taken: use the result, as in y = bs.", op.name, "(...)"));
    }
    if (i < 0) throw py::type_error(cat("[", op.name, "] there is no argument '", text_of(name), "' in ", s.text));
    if (bound[i])
      throw py::type_error(cat("[", op.name, "] got two values for '", text_of(s.names[static_cast<size_t>(i)]), "'"));
    bound[i] = args[n + k];
    attrs_given |= i >= s.n_inputs && i < s.n_positional;
  }

  int given = 0;  // past the last input that is there
  for (int i = 0; i < s.n_inputs; ++i) {
    const InputSchema& schema = op.inputs[static_cast<size_t>(i)];
    if (bound[i] && bound[i] != Py_None)
      given = i + 1;
    else if (!schema.optional)
      throw py::type_error(bound[i] ? cat("[", op.name, "] ", schema.name, " is a tensor, not None")
                                    : cat("[", op.name, "] missing argument '", schema.name, "'"));
  }
  py::object changed;  // an input that the keyword has changed
  if (keyword != Py_None) {
    const int position = op.keyword == Keyword::dtype ? 0 : given - 1;
    changed = with_keyword(s, bound[position], position, keyword);
    bound[position] = changed.ptr();
  }
  Ref<Attrs> attrs;
  if (!op.attrs.empty())
    attrs = attrs_given || !s.defaults ? parse_attrs(s, bound, args + s.n_positional, n_rest) : s.defaults;
  if (op.elementwise >= 0) {
    push_weak(s, bound, given, in);
  } else if (s.many) {
    push_many(s, bound[0], in);
  } else {
    for (int i = 0; i < given; ++i) {
      PyObject* o = bound[i];
      if (!o || o == Py_None) {
        in->push({});
      } else if (is_tensor(o)) {
        in->push_borrowed(o);
      } else {
        in->own();  // a conversion may run Python, which may change the others' objects
        in->push(to_tensor(o, op.name, op.inputs[static_cast<size_t>(i)].name));
      }
    }
  }
  if (changed) in->own();
  // Last, so that a call with wrong arguments draws nothing.
  if (s.key >= 0) {
    PyObject* key = bound[s.key];
    in->own();
    for (int i = given; i < s.n_inputs; ++i) in->push({});
    in->push(key && key != Py_None ? to_tensor(key, op.name, "key") : next_key());
  }
  return attrs;
}

std::string attr_text(const Attr& a) {
  if (const auto* t = std::get_if<DType>(&a)) return cat("'", name_of(*t), "'");
  return py::cast<std::string>(py::repr(attr_object(a)));
}

py::object attr_object(const Attr& a) {
  if (const auto* v = std::get_if<int64_t>(&a)) return py::int_(*v);
  if (const auto* v = std::get_if<double>(&a)) return py::float_(*v);
  if (const auto* v = std::get_if<bool>(&a)) return py::bool_(*v);
  if (const auto* v = std::get_if<DType>(&a)) return py::reinterpret_borrow<py::object>(dtype_object(*v));
  if (const auto* v = std::get_if<std::vector<int64_t>>(&a)) return py::cast(*v);
  if (const auto* v = std::get_if<Dims>(&a)) {
    py::tuple t(v->size());
    for (int i = 0; i < v->size(); ++i) t[static_cast<size_t>(i)] = (*v)[i];
    return t;
  }
  return py::none();
}

Signature::Signature(const Op& o) : op(o) {
  const size_t n_in = op.inputs.size();
  many = n_in > 0 && op.inputs[0].many;
  const bool has_key = n_in > 0 && !op.inputs.back().optional && std::strcmp(op.inputs.back().name, "key") == 0 &&
                       std::strcmp(op.name, "advance_key") != 0;
  n_inputs = static_cast<int>(n_in) - has_key;
  n_positional = n_inputs + static_cast<int>(op.attrs.size());
  auto add_name = [&](const char* name) { names.push_back(checked(PyUnicode_InternFromString(name))); };
  bool optional = false, all_default = true;
  auto add_text = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  for (int i = 0; i < n_inputs; ++i) {
    const InputSchema& s = op.inputs[static_cast<size_t>(i)];
    add_name(s.name);
    optional |= s.optional;
    add_text(optional ? cat(s.name, "=None") : s.name);
  }
  std::vector<Attr> values;
  for (const AttrSchema& s : op.attrs) {
    add_name(s.name);
    all_default &= !s.required;
    objects |= s.type == AttrType::object;
    values.push_back(s.default_value);
    // Python wants a default after a default; a required attribute there shows None and is asked for all the same.
    optional |= !s.required;
    add_text(!optional ? s.name : cat(s.name, "=", attr_text(s.default_value)));
  }
  if (has_key) {
    key = n_positional;
    add_name("key");
    add_text("*, key=None");
  }
  if (op.keyword != Keyword::none) add_text(cat("*, ", keyword_of(op), op.keyword == Keyword::alpha ? "=1" : "=None"));
  text = "(" + text + ")";
  if (all_default && !op.attrs.empty()) defaults = Attrs::make(std::move(values));
  if (!op.attrs.empty()) {
    const AttrSchema& last = op.attrs.back();
    variadic =
        last.type == AttrType::dims && (std::strcmp(last.name, "shape") == 0 || std::strcmp(last.name, "dims") == 0);
  }
}

}  // namespace bs::bindings
