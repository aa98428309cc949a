// One Python callable per op of the registry: a function of the module, and where the op says so a method of Tensor.

#include <cstddef>
#include <map>
#include <string>

#include "base/error.h"
#include "bindings/names.h"
#include "bindings/op_args.h"
#include "bindings/op_call.h"

namespace bs::bindings {
namespace {

struct OpFunction {
  PyObject_HEAD vectorcallfunc vectorcall;
  Signature* signature;  // lives as long as the process
};

PyTypeObject* type = nullptr;
PyObject* rebuild = nullptr;  // _core._op

const Signature& signature_of(PyObject* self) { return *reinterpret_cast<OpFunction*>(self)->signature; }

// Sizes among the inputs are numbers like others.
void inputs_as_numbers(const Op& op, Arguments& given, std::vector<py::object>& numbers) {
  for (int i = 0; i < static_cast<int>(op.inputs.size()); ++i) {
    if (!given.has(i) || !is_size(given[i])) continue;
    numbers.push_back(without_size(given[i]));
    given.set(i, numbers.back().ptr());
  }
}

// Of the ops that the name stands for, the one that the arguments fit; where none does, the first says what is wrong.
const Signature& choose(const Signature& first, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  if (first.overloads.empty() || first.fits(args, n, kwnames)) return first;
  for (const Signature* s : first.overloads)
    if (s->fits(args, n, kwnames)) return *s;
  return first;
}

// Several results as Python has them.
PyObject* wrap_all(const Signature& s, std::vector<Tensor> outputs, std::span<PyObject* const> operands = {}) {
  py::object t = owned(PyTuple_New(static_cast<Py_ssize_t>(outputs.size())));
  for (size_t i = 0; i < outputs.size(); ++i)
    PyTuple_SET_ITEM(t.ptr(), static_cast<Py_ssize_t>(i), wrap_result(std::move(outputs[i]), operands));
  if (!s.named) return t.release().ptr();
  const py::object args = owned(PyTuple_Pack(1, t.ptr()));
  return checked(PyTuple_Type.tp_new(reinterpret_cast<PyTypeObject*>(s.named), args.ptr(), nullptr));
}

// Whether x.f_(...) of an op that is composed, or has a keyword, has been computed in one pass over x's memory.
bool in_one_pass(const Signature& s, Arguments& given, PyObject* target, int position, const Over& over) {
  PyObject* value = nullptr;
  if (s.keyword >= 0) {
    if (!given.has(s.keyword) || !is_number(given[s.keyword]) || !is_tensor(given[1]) ||
        !is_float(spec_of(target).dtype))
      return false;
    value = given[s.keyword];
    given.set(s.keyword, nullptr);
  }
  Operands in;
  const Ref<Attrs> attrs = parse(s, given, &in);
  if (value) {
    in.push(scalar_tensor(value, spec_of(target).dtype, s.op.name));
    given.set(s.keyword, value);
  }
  return over.compute(*s.one_pass, in.span(), position, attrs.get());
}

// x.f_(...)
PyObject* in_place(const Signature& s, Arguments& given, const char* name) {
  const auto position = static_cast<int>(s.op.self);
  const py::object target = py::reinterpret_borrow<py::object>(given[position]);
  if (!is_tensor(target.ptr()))
    throw py::type_error(cat("[", name, "] ", s.op.inputs[static_cast<size_t>(position)].name,
                             " is a tensor that is written, not ", type_name(target.ptr())));
  RecordingGuard mode(recording() && !slot_of(target.ptr()));
  Tensor result;
  if (s.op.with_number && is_number(given[1])) result = with_number(s.op, unwrap(target.ptr()), given[1]);
  if (!result) {
    const Over over(target.ptr());
    if (over && s.one_pass && in_one_pass(s, given, target.ptr(), position, over)) return Py_NewRef(target.ptr());
    Operands in;
    Ref<Attrs> attrs = parse(s, given, &in);
    if (s.op.instead && attrs.get() == s.defaults.get()) attrs = {};
    if (over.compute(s.op, in.span(), position, attrs.get())) return Py_NewRef(target.ptr());
    result = call(s.op, in, std::move(attrs));
  }
  if (s.op.view)
    become_view(target.ptr(), std::move(result), name);
  else
    write_result(target.ptr(), std::move(result), name);
  return Py_NewRef(target.ptr());
}

PyObject* vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames);

// f(..., out=o), which is keyword k: the result becomes the value of o.
PyObject* call_with_out(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Py_ssize_t k) {
  const py::object out = py::reinterpret_borrow<py::object>(args[n + k]);
  std::vector<PyObject*> rest(args, args + n + PyTuple_GET_SIZE(kwnames));
  rest.erase(rest.begin() + n + k);
  py::list names{py::reinterpret_borrow<py::object>(kwnames)};
  PySequence_DelItem(names.ptr(), k);
  py::object result =
      owned(vectorcall(self, rest.data(), static_cast<size_t>(n), names.empty() ? nullptr : py::tuple(names).ptr()));
  const char* op = signature_of(self).op.name;
  if (is_tensor(result.ptr())) {
    write_out(out.ptr(), result.ptr(), op);
    return Py_NewRef(out.ptr());
  }
  const auto results = py::reinterpret_borrow<py::tuple>(result);
  if (!PyTuple_Check(out.ptr()) || py::len(out) != results.size())
    throw py::type_error(cat("[", op, "] out is a tuple of ", results.size(), " tensors"));
  for (size_t i = 0; i < results.size(); ++i)
    write_out(PyTuple_GET_ITEM(out.ptr(), static_cast<Py_ssize_t>(i)), results[i].ptr(), op);
  return Py_NewRef(out.ptr());
}

PyObject* run(const Signature& s, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  Arguments given(s.parameters, args, n, kwnames);
  std::vector<py::object> numbers;
  if (live_sizes > 0) inputs_as_numbers(s.op, given, numbers);
  s.check_numbers(given);
  if (s.in_place) return in_place(s, given, s.parameters.function.c_str());
  if (s.op.with_number && given.has(0) && is_number(given[1]) && !is_number(given[0])) {
    const Tensor x = to_tensor(given[0], s.op.name, s.op.inputs[0].name);
    if (Tensor made = with_number(s.op, x, given[1])) return wrap(std::move(made));
  }
  Operands in;
  Ref<Attrs> attrs = parse(s, given, &in);
  std::span<PyObject* const> operands;  // in whose memory results may lie
  py::object items;
  if (!s.op.forward) {
    operands = given.first(s.op.inputs.size());
    if (s.many) {
      items = owned(PySequence_Tuple(given[0]));
      operands = {reinterpret_cast<PyTupleObject*>(items.ptr())->ob_item,
                  static_cast<size_t>(PyTuple_GET_SIZE(items.ptr()))};
    }
  }
  if (s.op.count_outputs || s.op.outputs.size() > 1)
    return wrap_all(s, call<apply_all>(s.op, in, std::move(attrs)), operands);
  Tensor result = call(s.op, in, std::move(attrs));
  return operands.empty() ? wrap(std::move(result)) : wrap_result(std::move(result), operands);
}

PyObject* vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  return guarded([&] {
    const Signature& called = signature_of(self);
    const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
    for (Py_ssize_t k = 0; kwnames && called.parameters.takes_out && k < PyTuple_GET_SIZE(kwnames); ++k)
      if (args[n + k] != Py_None && PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, k), "out") == 0)
        return call_with_out(self, args, n, kwnames, k);
    const Signature& s = choose(called, args, n, kwnames);
    if (&s == &called) return run(s, args, n, kwnames);
    const std::string& name = called.parameters.function;
    try {
      return with_errors_of(name, [&] { return run(s, args, n, kwnames); });
    } catch (const py::type_error& e) {
      throw py::type_error(in_name_of(name, e.what()));
    }
  });
}

// compose(...): the op in simpler ops, with the same arguments. Tests hold forward and grad against it.
PyObject* compose(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return guarded([&] {
    const Signature& s = signature_of(self);
    if (!s.op.compose) throw GraphError(cat("[", s.op.name, "] is not composed of other ops"));
    Arguments given(s.parameters, args, n, kwnames);
    Operands in;
    Ref<Attrs> attrs = parse(s, given, &in);
    return wrap_all(s, s.op.compose(attrs.get(), in.span()));
  });
}

PyObject* bind(PyObject* self, PyObject* object, PyObject*) {
  return object && object != Py_None ? PyMethod_New(self, object) : Py_NewRef(self);
}

const char* name_of(const Signature& s) { return s.parameters.function.c_str(); }

PyObject* repr(PyObject* self) {
  return PyUnicode_FromFormat("<op %s%s>", name_of(signature_of(self)), signature_of(self).parameters.text.c_str());
}
PyObject* get_name(PyObject* self, void*) { return PyUnicode_FromString(name_of(signature_of(self))); }
PyObject* get_formula(PyObject* self, void*) {
  const Signature& s = signature_of(self);
  const char* doc = s.op.doc ? s.op.doc : "";
  if (!s.in_place) return PyUnicode_FromString(doc);
  return PyUnicode_FromFormat("%s\n\nIn place: the result becomes the value of the tensor, which is returned.", doc);
}
PyObject* get_doc(PyObject* self, void*) {
  static PyObject* const make = imported("backsweep._op_docs", "docstring");
  return PyObject_CallFunctionObjArgs(make, self, signature_of(self).in_place ? Py_True : Py_False, nullptr);
}
PyObject* get_text(PyObject* self, void*) {
  // One text would not be true of several ops.
  const Signature& s = signature_of(self);
  if (!s.overloads.empty()) Py_RETURN_NONE;
  std::string text = s.parameters.text;
  if (!s.seconds.empty()) {
    text.pop_back();
    text += cat(text.find('*') == std::string::npos ? ", *" : "", s.seconds, ")");
  }
  return PyUnicode_FromString(text.c_str());
}
PyObject* get_module(PyObject* self, void*) {
  return PyUnicode_FromString(signature_of(self).op.visibility == Visibility::hidden ? "backsweep._core.ops"
                                                                                     : "backsweep");
}
// A copy of a module that holds ops holds the same ops.
PyObject* reduce(PyObject* self, PyObject*) { return Py_BuildValue("O(s)", rebuild, name_of(signature_of(self))); }

PyMemberDef members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(OpFunction, vectorcall), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};
PyGetSetDef getset[] = {
    {"__name__", get_name, nullptr, nullptr, nullptr},     {"__qualname__", get_name, nullptr, nullptr, nullptr},
    {"__doc__", get_doc, nullptr, nullptr, nullptr},       {"__formula__", get_formula, nullptr, nullptr, nullptr},
    {"__module__", get_module, nullptr, nullptr, nullptr}, {"__text_signature__", get_text, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr},
                         {"compose", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(compose)),
                          METH_FASTCALL | METH_KEYWORDS, nullptr},
                         {nullptr, nullptr, 0, nullptr}};
PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                       {Py_tp_descr_get, reinterpret_cast<void*>(bind)},
                       {Py_tp_repr, reinterpret_cast<void*>(repr)},
                       {Py_tp_members, members},
                       {Py_tp_getset, getset},
                       {Py_tp_methods, methods},
                       {0, nullptr}};
PyType_Spec spec = {
    "backsweep._core.OpFunction", sizeof(OpFunction), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    slots};

// The class of its results: a named tuple.
PyObject* make_named(const Op& op, py::module_& types) {
  py::tuple fields(op.outputs.size());
  for (size_t i = 0; i < op.outputs.size(); ++i) fields[i] = op.outputs[i];
  py::object made = py::module_::import("collections")
                        .attr("namedtuple")(op.name, fields, py::arg("module") = types.attr("__name__"));
  types.attr(op.name) = made;
  return made.release().ptr();
}

// Results of what an op's name stands for besides are named after it: max(x, 1) gives return_types.max.
void rename(py::handle named, const char* name, py::module_& types) {
  py::delattr(types, named.attr("__name__"));
  for (const char* attribute : {"__name__", "__qualname__"}) named.attr(attribute) = name;
  types.attr(name) = named;
}

// A callable; kept for good.
py::object make_function(const Op& op, bool method, py::module_& types, bool in_place = false) {
  auto* self = reinterpret_cast<OpFunction*>(checked(type->tp_alloc(type, 0)));
  self->vectorcall = vectorcall;
  auto* s = new Signature(op, method, in_place);
  self->signature = s;
  if (op.named && !in_place) s->named = make_named(op, types);
  return py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(self));
}

}  // namespace

bool is_long(const Op& op, std::span<const Tensor> in) {
  constexpr int64_t kElements = 16384;  // about 20 us in one pass over memory that is not in the cache
  constexpr int64_t kProducts = 100000;
  if (op.host || op.view) return false;
  int64_t product = 1;
  for (const Tensor& t : in) {
    if (!t) continue;
    if (t.symbolic()) return false;  // only recorded
    const int64_t n = t.numel();
    if (n >= kElements) return true;
    if (product < kProducts && n > 1) product *= n;
  }
  if (op.elementwise < 0) return product >= kProducts;  // no matrix product has more terms than its sizes multiplied
  if (product < kElements) return false;
  Dims shape = in[0].shape();
  for (const Tensor& t : in.subspan(1)) {
    Dims both;
    if (!broadcast(shape, t.shape(), &both)) return false;
    shape = both;
  }
  return numel(shape) >= kElements;
}

const Op& need_op(const char* name, const char* user) {
  const Op* op = find_op(name);
  if (!op) throw GraphError(cat("[", user, "] this build has no op '", name, "'"));
  return *op;
}

std::vector<Tensor> record(Tape& tape, const Op& op, const Operands& in, Ref<Attrs> attrs, bool all) {
  const auto again = [&op, attrs, all, sizes = in.sizes](std::span<const Tensor> inputs) {
    Ref<Attrs> own = attrs;
    if (!sizes.empty()) {
      own = Attrs::make(attrs->values);
      for (const Operands::OfSize& s : sizes) {
        Attr& a = own->values[s.attribute];
        if (auto* dims = std::get_if<Dims>(&a))
          (*dims)[s.k] = s.extent.now();
        else if (auto* many = std::get_if<std::vector<int64_t>>(&a))
          (*many)[static_cast<size_t>(s.k)] = s.extent.now();
        else
          a = s.extent.now();
      }
    }
    return all ? apply_all(op, inputs, own) : std::vector<Tensor>{apply(op, inputs, own)};
  };
  return tape.record(in.span(), again, !in.sizes.empty());
}

Tensor with_number(const Op& op, const Tensor& x, PyObject* n) {
  const Number number{double_of(n, op.name), PyBool_Check(n)    ? Number::boolean
                                             : PyFloat_Check(n) ? Number::real
                                                                : Number::whole};
  if (Tape* tape = Tape::current()) {
    // Which of them has a simpler op, the number alone says.
    return tape->record({&x, 1}, [&op, number](std::span<const Tensor> in) {
      return std::vector<Tensor>{op.with_number(in[0], number)};
    })[0];
  }
  if (!is_long(op, {&x, 1})) return op.with_number(x, number);
  GilRelease release;
  return op.with_number(x, number);
}

void register_ops(py::module_& m) {
  type = reinterpret_cast<PyTypeObject*>(checked(PyType_FromSpec(&spec)));
  m.attr("OpFunction") = py::handle(reinterpret_cast<PyObject*>(type));
  py::module_ ops = m.def_submodule("ops", "Every op of the registry, the hidden ones too.");
  py::handle tensor(reinterpret_cast<PyObject*>(tensor_type));
  py::dict own = py::reinterpret_borrow<py::dict>(tensor_type->tp_dict);
  m.def("_op", [ops, tensor](const std::string& name) {
    if (name.ends_with('_')) return tensor.attr(name.c_str());
    need_op(name.c_str(), "unpickle");
    return ops.attr(name.c_str());
  });
  rebuild = py::object(m.attr("_op")).release().ptr();
  py::module_ types = m.def_submodule("return_types", "The named tuples that ops with several results give.");
  std::map<std::string, Signature*> signatures, in_place;
  for (const Op* op : all_ops()) {
    const py::object f = make_function(*op, false, types);
    signatures[op->name] = reinterpret_cast<OpFunction*>(f.ptr())->signature;
    ops.attr(op->name) = f;
    py::object writes;
    if (op->underscored) {
      writes = make_function(*op, op->self != 0, types, true);
      in_place[op->name] = reinterpret_cast<OpFunction*>(writes.ptr())->signature;
    }
    if (op->visibility == Visibility::hidden) continue;
    const auto publish = [&](const char* name) {
      m.attr(name) = f;
      // A method written by hand goes first: detach() of a plain tensor makes no node.
      if (op->visibility == Visibility::method && !own.contains(name))
        tensor.attr(name) = op->self ? make_function(*op, true, types) : f;
      if (writes && !own.contains(cat(name, "_").c_str())) tensor.attr(cat(name, "_").c_str()) = writes;
    };
    publish(op->name);
    for (const char* name : op->also) publish(name);
  }
  for (const auto* table : {&signatures, &in_place})
    for (auto& [name, s] : *table)
      for (const char* other : s->op.overloads)
        if (auto it = table->find(other); it != table->end()) {
          s->overloads.push_back(it->second);
          if (it->second->named && !s->named) rename(py::handle(it->second->named), name.c_str(), types);
        }
}

}  // namespace bs::bindings
