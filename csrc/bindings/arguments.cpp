#include "bindings/arguments.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"

namespace bs::bindings {
namespace {

// Of any str: one that is no text in UTF-8, too.
std::string text_of(PyObject* name) {
  return py::cast<std::string>(owned(PyUnicode_AsEncodedString(name, "utf-8", "backslashreplace")));
}

}  // namespace

void Parameters::add(const char* name, bool required, bool by_name) {
  if (all.size() == kMost) throw ValueError(cat("[", function, "] has more parameters than calls have room for"));
  if (!by_name) positional.push_back(static_cast<uint8_t>(all.size()));
  all.push_back({.name = checked(PyUnicode_InternFromString(name)), .required = required});
  n_ = static_cast<int>(all.size());
  most_ = static_cast<Py_ssize_t>(positional.size());
  if (required) enough_ = by_name ? PY_SSIZE_T_MAX : std::max(enough_, most_);
}

Parameters::Parameters(const char* doc) {
  const std::string_view head(doc, std::string_view(doc).find("\n--\n"));
  const size_t open = head.find('('), close = head.rfind(')');
  function = head.substr(0, open);
  text = head.substr(open);
  std::string_view rest = head.substr(open + 1, close - open - 1);
  bool by_name = false;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(", "));
    rest.remove_prefix(std::min(rest.size(), part.size() + 2));
    const size_t equals = part.find('=');
    if (part == "*") {
      by_name = true;
    } else if (part[0] == '*') {  // also by its name
      by_name = variadic = true;
      add(std::string(part.substr(1)).c_str(), false, true);
    } else {
      add(std::string(part.substr(0, equals)).c_str(), equals == std::string_view::npos, by_name);
    }
  }
}

int Parameters::position_of(PyObject* name) const {
  const int n = static_cast<int>(all.size());
  for (int i = 0; i < n; ++i)
    if (all[static_cast<size_t>(i)].name == name) return i;
  for (int i = 0; i < n; ++i) {
    const One& p = all[static_cast<size_t>(i)];
    if (PyUnicode_Compare(p.name, name) == 0) return i;
    for (PyObject* other : p.others)
      if (PyUnicode_Compare(other, name) == 0) return i;
  }
  return -1;
}

Py_ssize_t Parameters::bind_any(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, PyObject** bound) const {
  std::fill_n(bound, all.size(), nullptr);
  const Py_ssize_t most = static_cast<Py_ssize_t>(positional.size()), fit = std::min(n, most);
  if (n > most && !variadic)
    throw py::type_error(
        cat("[", function, "] takes ", most, most == 1 ? " argument " : " arguments ", text, ", not ", n));
  for (Py_ssize_t i = 0; i < fit; ++i) bound[positional[static_cast<size_t>(i)]] = args[i];
  const Py_ssize_t n_kw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < n_kw; ++k) {
    PyObject *name = PyTuple_GET_ITEM(kwnames, k), *value = args[n + k];
    const int i = position_of(name);
    if (i < 0) {
      if (takes_out && value == Py_None && PyUnicode_CompareWithASCIIString(name, "out") == 0) continue;
      throw py::type_error(cat("[", function, "] there is no argument '", text_of(name), "' in ", text));
    }
    if (bound[i])
      throw py::type_error(
          cat("[", function, "] got two values for '", text_of(all[static_cast<size_t>(i)].name), "'"));
    bound[i] = value;
  }
  for (size_t i = 0; i < all.size(); ++i)
    if (!bound[i] && all[i].required)
      throw py::type_error(cat("[", function, "] missing argument '", text_of(all[i].name), "'"));
  return n - fit;
}

bool Parameters::try_bind(PyObject* const* args, Py_ssize_t n, PyObject* kwnames, PyObject** bound) const {
  if (n > most_ && !variadic) return false;
  std::fill_n(bound, all.size(), nullptr);
  for (Py_ssize_t i = 0; i < std::min(n, most_); ++i) bound[positional[static_cast<size_t>(i)]] = args[i];
  const Py_ssize_t n_kw = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t k = 0; k < n_kw; ++k) {
    PyObject* name = PyTuple_GET_ITEM(kwnames, k);
    const int i = position_of(name);
    if (i < 0 && takes_out && PyUnicode_CompareWithASCIIString(name, "out") == 0) continue;
    if (i < 0 || bound[i]) return false;
    bound[i] = args[n + k];
  }
  for (size_t i = 0; i < all.size(); ++i)
    if (!bound[i] && all[i].required) return false;
  return true;
}

Arguments::Arguments(const Parameters& p, PyObject* args, PyObject* kwargs) {
  const Py_ssize_t n = PyTuple_GET_SIZE(args);
  PyObject* const* given = reinterpret_cast<PyTupleObject*>(args)->ob_item;
  if (!kwargs) {
    const Py_ssize_t more = p.bind(given, n, nullptr, v_);
    rest = {given + (n - more), static_cast<size_t>(more)};
    return;
  }
  std::vector<PyObject*> all(given, given + n);
  py::list names;
  PyObject *name, *value;
  for (Py_ssize_t at = 0; PyDict_Next(kwargs, &at, &name, &value);) {
    names.append(py::handle(name));
    all.push_back(value);
  }
  const py::tuple kwnames(names);
  const Py_ssize_t more = p.bind(all.data(), n, kwnames.ptr(), v_);
  rest = {given + (n - more), static_cast<size_t>(more)};
}

}  // namespace bs::bindings
