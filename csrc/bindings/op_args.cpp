#include "bindings/op_args.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "base/error.h"
#include "bindings/dtype.h"
#include "bindings/op_call.h"
#include "bindings/pybind.h"
#include "bindings/random.h"
#include "ops/one_pass.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

std::vector<int64_t> integers_argument(PyObject* o, const char* op, const char* argument) {
  if (!PyList_Check(o) && !PyTuple_Check(o))
    throw py::type_error(cat("[", op, "] ", argument, " is a list or tuple of ints, not ", type_name(o)));
  const py::object items = owned(PySequence_Tuple(o));  // a list may change while an item is converted
  std::vector<int64_t> v;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items.ptr()); ++i)
    v.push_back(int_argument(PyTuple_GET_ITEM(items.ptr(), i), op, argument));
  return v;
}

// The position of a word.
int64_t word_argument(PyObject* o, const char* op, const AttrSchema& schema) {
  const auto& words = schema.words;
  for (size_t i = 0; i < words.size() && PyUnicode_Check(o); ++i)
    if (PyUnicode_CompareWithASCIIString(o, words[i]) == 0) return static_cast<int64_t>(i);
  std::string allowed = schema.required || schema.default_value.index() != 0 ? "" : "None, ";
  for (size_t i = 0; i < words.size(); ++i)
    allowed += cat(i == 0 ? "" : i + 1 < words.size() ? ", " : " or ", '"', words[i], '"');
  throw ValueError(cat("[", op, "] ", schema.name, " is ",
                       PyUnicode_Check(o) || is_number(o) || o == Py_None ? py::cast<std::string>(py::repr(o))
                                                                          : cat("of type ", type_name(o)),
                       "; it must be ", allowed));
}

Attr parse_attr(const Op& op, const AttrSchema& schema, PyObject* o) {
  if (o == Py_None && !schema.required && schema.default_value.index() == 0) return {};
  switch (schema.type) {
    case AttrType::integer:
      return int_argument(o, op.name, schema.name);
    case AttrType::real: {
      // No bool: dropout(x, True) means something else.
      if (PyLong_Check(o) && !PyBool_Check(o)) return double_of(o, op.name);
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
      return flag_argument(o, op.name, schema.name);
    case AttrType::dims:
      return dims_argument(o, op.name, schema.name);
    case AttrType::integers:
      return integers_argument(o, op.name, schema.name);
    case AttrType::sizes:
      if (!PyList_Check(o) && !PyTuple_Check(o)) return int_argument(o, op.name, schema.name);
      return integers_argument(o, op.name, schema.name);
    case AttrType::dtype:
      return dtype_argument(op.name, o);
    case AttrType::word:
      return word_argument(o, op.name, schema);
    case AttrType::object:
      break;
  }
  throw py::type_error(cat("[", op.name, "] ", schema.name, " cannot be given from Python"));
}

Tensor input_tensor(const Op& op, int i, PyObject* o) {
  return to_tensor(o, op.name, op.inputs[static_cast<size_t>(i)].name);
}

void push_all(const Op& op, const Arguments& given, int n, Operands* in) {
  for (int i = 0; i < n; ++i) {
    PyObject* o = given[i];
    if (!given.has(i)) {
      in->push({});
    } else if (is_tensor(o)) {
      in->push_borrowed(o);
    } else {
      in->own();  // a conversion may run Python, which may change the others' objects
      in->push(input_tensor(op, i, o));
    }
  }
}

// Inputs of which Python numbers take the dtype of the tensors, or of their own kind.
void push_weak(const Op& op, const Arguments& given, int n, Operands* in) {
  const auto is_weak = [&](int i) {
    return op.inputs[static_cast<size_t>(i)].weak && given.has(i) && is_number(given[i]);
  };
  bool numbers = false;
  for (int i = 0; i < n; ++i) numbers |= is_weak(i);
  if (!numbers) return push_all(op, given, n, in);
  Few<Tensor, kFewOperands> made(n);
  Few<const Spec*, kFewOperands> specs(n);
  size_t n_specs = 0;
  bool any_float = false, any_int = false, sized = false;
  // First of all, since a conversion may run Python, which may change the tensors' objects.
  for (int i = 0; i < n; ++i)
    if (given.has(i) && !is_weak(i) && !is_tensor(given[i])) made[i] = input_tensor(op, i, given[i]);
  for (int i = 0; i < n; ++i) {
    if (is_weak(i)) {
      any_float |= PyFloat_Check(given[i]);
      any_int |= !PyFloat_Check(given[i]) && !PyBool_Check(given[i]);
      continue;
    }
    if (!given.has(i) || !op.inputs[static_cast<size_t>(i)].weak) continue;
    const Spec& spec = made[i] ? made[i].spec() : spec_of(given[i]);
    specs[n_specs++] = &spec;
    sized |= spec.shape.size() > 0;
  }
  // Of numbers alone, the highest kind.
  DType t = n_specs     ? ops::promote(Specs({specs.data(), n_specs}))
            : any_float ? default_dtype()
            : any_int   ? DType::i64
                        : DType::b8;
  if (sized && is_storage(t)) t = computing(t);  // see number_dtype
  for (int i = 0; i < n; ++i) {
    if (is_weak(i))
      in->push(scalar_tensor(given[i], weak_dtype(t, given[i]), op.name));
    else if (made[i] || !given.has(i))
      in->push(std::move(made[i]));
    else
      in->push_borrowed(given[i]);
  }
}

// The tensors of a sequence.
void push_many(const Op& op, PyObject* sequence, Operands* in) {
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
  return op.keyword == Keyword::alpha ? "alpha" : op.keyword == Keyword::none ? "" : "dtype";
}

// Applies Op::keyword to the input that it is about; what it gives takes that input's place.
py::object with_keyword(const Op& op, PyObject* input, int position, PyObject* value) {
  if (op.keyword != Keyword::alpha)
    return owned(wrap(taped(input_tensor(op, position, input),
                            [t = dtype_argument(op.name, value)](const Tensor& x) { return ops::cast(x, t); })));
  const char* name = op.inputs[static_cast<size_t>(position)].name;
  const py::object alpha = number_argument(value, op.name, "alpha");
  if (is_number(input)) return owned(PyNumber_Multiply(input, alpha.ptr()));
  const Tensor x = input_tensor(op, position, input);
  if (x.dtype() == DType::b8)
    throw DTypeError(
        cat("[", op.name, "] ", name, " is bool, which alpha cannot multiply: cast it, as in ", name, ".to(bs.int64)"));
  if (PyFloat_Check(alpha.ptr()) && !is_float(x.dtype()))
    throw DTypeError(cat("[", op.name, "] alpha is a float, ", name, " is ", name_of(x.dtype()), ": give an int"));
  const Tensor factor = scalar_tensor(alpha.ptr(), weak_dtype(x.dtype(), alpha.ptr()), op.name);
  return owned(wrap(taped(x, [factor](const Tensor& t) { return ops::mul(t, factor); })));
}

bool takes_integers(AttrType t) {
  return t == AttrType::integer || t == AttrType::dims || t == AttrType::integers || t == AttrType::sizes;
}

// `o`, the number k of an attribute or all of it, with ints for the sizes that the capture tracks: a replay has others.
py::object without_sizes(PyObject* o, size_t attribute, int k, Operands* in) {
  if (const Ref<Size> size = tracked_size(o)) {
    in->sizes.push_back({attribute, k, Extent(size)});
    return py::int_(size->value);
  }
  if (!PyTuple_Check(o) && !PyList_Check(o)) return py::reinterpret_borrow<py::object>(o);
  py::list items;
  for (py::handle item : py::reinterpret_borrow<py::object>(o))
    items.append(PyTuple_Check(item.ptr()) || PyList_Check(item.ptr())
                     ? py::reinterpret_borrow<py::object>(item)
                     : without_sizes(item.ptr(), attribute, static_cast<int>(py::len(items)), in));
  return PyTuple_Check(o) ? py::object(py::tuple(items)) : py::object(items);
}

Ref<Attrs> parse_attrs(const Op& op, const Arguments& given, Operands* in) {
  std::vector<Attr> values;
  values.reserve(op.attrs.size());
  int i = static_cast<int>(op.inputs.size());
  for (const AttrSchema& schema : op.attrs) {
    PyObject* o = given[i++];
    py::object plain;
    const auto item = [&](PyObject* item, int k) {
      if (live_sizes > 0 && takes_integers(schema.type)) plain = without_sizes(item, values.size(), k, in);
      return plain ? plain.ptr() : item;
    };
    if (schema.variadic && !given.rest.empty()) {
      Dims d;
      d.push(int_argument(item(o, 0), op.name, schema.name));
      for (PyObject* more : given.rest) d.push(int_argument(item(more, d.size()), op.name, schema.name));
      values.push_back(d);
    } else if (o) {
      values.push_back(parse_attr(op, schema, item(o, 0)));
    } else {
      values.push_back(schema.default_value);
    }
  }
  return Attrs::make(std::move(values));
}

Numbers numbers_of(const Op& op) {
  const std::string_view name = op.name;
  static const std::set<std::string_view> any{"add", "sub", "mul", "div", "floor_divide"};
  static const std::set<std::string_view> beside{
      "pow",         "float_power",     "remainder",          "bitwise_and",
      "bitwise_or",  "bitwise_xor",     "bitwise_left_shift", "bitwise_right_shift",
      "xlogy",       "special_xlog1py", "bucketize",          "isin",
      "special_zeta"};
  if (any.contains(name)) return Numbers::any;
  if (beside.contains(name)) return Numbers::beside_tensors;
  return op.visibility == Visibility::hidden && !name.starts_with("special_") ? Numbers::any : Numbers::none;
}

// A value as Python source, for signatures.
std::string source_of(const AttrSchema& schema) {
  if (const auto* t = std::get_if<DType>(&schema.default_value)) return cat("'", name_of(*t), "'");
  return py::cast<std::string>(py::repr(default_object(schema)));
}

}  // namespace

Ref<Attrs> parse(const Signature& s, Arguments& given, Operands* in) {
  const Op& op = s.op;
  const int n_inputs = static_cast<int>(op.inputs.size());
  int n = 0;  // past the last input that is there
  for (int i = 0; i < n_inputs; ++i) {
    const InputSchema& schema = op.inputs[static_cast<size_t>(i)];
    if (schema.drawn || given.has(i))
      n = i + 1;
    else if (!schema.optional)
      throw py::type_error(cat("[", op.name, "] ", schema.name, " is a tensor, not None"));
  }
  py::object changed;  // an input that the keyword has changed
  if (s.keyword >= 0 && given.has(s.keyword)) {
    const int position = op.keyword == Keyword::alpha ? n - 1 : 0;
    changed = with_keyword(op, given[position], position, given[s.keyword]);
    given.set(position, changed.ptr());
  }
  PyObject* generator = nullptr;  // given in place of a key
  for (int i = 0; s.drawn && i < n_inputs; ++i) {
    if (!op.inputs[static_cast<size_t>(i)].drawn || !given.has(i) || is_tensor(given[i])) continue;
    generator = given[i];
    given.set(i, nullptr);
  }
  Ref<Attrs> attrs;
  if (!op.attrs.empty()) {
    bool any = !s.defaults;
    for (int k = 0; k < static_cast<int>(op.attrs.size()); ++k) any |= given[n_inputs + k] != nullptr;
    attrs = any ? parse_attrs(op, given, in) : s.defaults;
  }
  if (s.weak) {
    push_weak(op, given, n, in);
  } else if (s.many) {
    push_many(op, given[0], in);
  } else {
    push_all(op, given, n, in);
  }
  // Last, so that a call with wrong arguments draws nothing.
  for (int i = 0; s.drawn && i < n; ++i) {
    if (!op.inputs[static_cast<size_t>(i)].drawn || given.has(i)) continue;
    in->own();
    in->replace(i, next_key(generator_argument(generator, op.name)));
  }
  if (changed) in->own();
  return attrs;
}

bool Signature::fits(PyObject* const* args, Py_ssize_t n, PyObject* kwnames) const {
  PyObject* bound[Parameters::kMost];
  if (!parameters.try_bind(args, n, kwnames, bound)) return false;
  const size_t n_inputs = op.inputs.size();
  for (size_t i = 0; i < n_inputs; ++i) {
    if (!bound[i] || bound[i] == Py_None) continue;
    const bool number = is_number(bound[i]) || is_size(bound[i]);
    if (PyUnicode_Check(bound[i]) || (number && !op.inputs[i].weak)) return false;
  }
  for (size_t k = 0; k < op.attrs.size(); ++k) {
    PyObject* o = bound[n_inputs + k];
    const AttrType type = op.attrs[k].type;
    if (!o || (PyLong_CheckExact(o) && takes_integers(type))) continue;
    if (o == Py_None) {
      if (op.attrs[k].required) return false;
      continue;
    }
    if (is_tensor(o) || PyUnicode_Check(o) != (type == AttrType::word)) return false;
    const bool list = PyList_Check(o) || PyTuple_Check(o), index = PyIndex_Check(o) && !PyBool_Check(o);
    if (takes_integers(type) && !index && !(list && type != AttrType::integer)) return false;
    if ((type == AttrType::real || type == AttrType::boolean) && (!PyNumber_Check(o) || PyComplex_Check(o)))
      return false;
  }
  return true;
}

py::object default_object(const AttrSchema& schema) {
  const Attr& a = schema.default_value;
  if (const auto* v = std::get_if<int64_t>(&a)) {
    if (schema.type == AttrType::word) return py::str(schema.words[static_cast<size_t>(*v)]);
    return py::int_(*v);
  }
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

void Signature::check_number(const Arguments& given) const {
  if (numbers == Numbers::beside_tensors)
    for (size_t i = 1; i < op.inputs.size(); ++i)
      if (given.has(static_cast<int>(i)) && !is_number(given[static_cast<int>(i)])) return;
  throw py::type_error(cat("[", op.name, "] ", op.inputs[0].name, " is ", type_name(given[0]),
                           ": it must be a tensor, as in bs.tensor(", py::cast<std::string>(py::repr(given[0])), ")",
                           numbers == Numbers::none ? "" : ", or what stands beside it"));
}

Signature::Signature(const Op& o, bool method, bool in_place) : op(o), in_place(in_place) {
  if (in_place) one_pass = ops::one_pass(op);
  numbers = numbers_of(op);
  Parameters& p = parameters;
  p.function = cat(op.name, in_place ? "_" : "");
  p.takes_out = std::none_of(op.attrs.begin(), op.attrs.end(),
                             [](const AttrSchema& s) { return std::string_view(s.name) == "out"; });
  std::vector<std::string> defaults_text;
  const auto add = [&](const char* name, const char* alias, bool required, bool by_name, std::string otherwise) {
    p.add(name, required, by_name);
    for (const char* other : second_names(name))
      p.all.back().others.push_back(checked(PyUnicode_InternFromString(other)));
    if (alias) p.all.back().others.push_back(checked(PyUnicode_InternFromString(alias)));
    defaults_text.push_back(std::move(otherwise));
  };
  for (const InputSchema& s : op.inputs) {
    add(s.drawn ? "generator" : s.name, s.drawn ? s.name : nullptr, !s.optional && !s.drawn, s.drawn, "None");
    many |= s.many;
    weak |= s.weak;
    drawn |= s.drawn;
  }
  std::vector<Attr> values;
  bool all_default = true;
  for (const AttrSchema& s : op.attrs) {
    add(s.name, s.alias, s.required, s.by_name, source_of(s));
    for (const char* other : second_names(s.name))
      if (!s.required) seconds += cat(", ", other, "=", source_of(s));
    p.variadic |= s.variadic;
    all_default &= !s.required;
    values.push_back(s.default_value);
  }
  if (op.keyword != Keyword::none) {
    keyword = static_cast<int>(p.all.size());
    const bool alpha = op.keyword == Keyword::alpha;
    add(keyword_of(op), nullptr, false, op.keyword != Keyword::last_dtype, alpha ? "1" : "None");
  }
  // As in PyTorch, an index comes after the axis that it counts along.
  const auto position = [&](const char* name) {
    return std::find_if(p.positional.begin(), p.positional.end(),
                        [&](uint8_t i) { return PyUnicode_CompareWithASCIIString(p.all[i].name, name) == 0; });
  };
  const auto index = position("index"), dim = position("dim");
  if (index < dim && dim != p.positional.end()) std::rotate(index, dim, dim + 1);
  if (method) std::rotate(p.positional.begin(), p.positional.begin() + op.self, p.positional.begin() + op.self + 1);

  bool optional = false;  // Python wants a default after a default; what is required is asked for all the same
  std::vector<bool> shown(p.all.size());
  const auto show = [&](size_t i) {
    optional |= !p.all[i].required;
    const char* name = PyUnicode_AsUTF8(p.all[i].name);
    p.text += cat(p.text.empty() ? "" : ", ", name, optional ? "=" + defaults_text[i] : "");
    shown[i] = true;
  };
  for (uint8_t i : p.positional) show(i);
  if (p.positional.size() < p.all.size()) p.text += p.text.empty() ? "*" : ", *";
  for (size_t i = 0; i < p.all.size(); ++i)
    if (!shown[i]) show(i);
  p.text = "(" + p.text + ")";
  if (all_default && !op.attrs.empty()) defaults = Attrs::make(std::move(values));
}

}  // namespace bs::bindings
