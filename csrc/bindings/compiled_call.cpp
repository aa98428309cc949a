// A call of a compiled function: the entry that fits, its program's run, and what it returns.
#include <algorithm>
#include <cstddef>
#include <string>

#include "base/error.h"
#include "bindings/compiled.h"
#include "bindings/gil.h"
#include "graph/apply.h"
#include "graph/batch.h"
#include "graph/slot_scope.h"
#include "program/capture.h"

namespace bs::bindings {
namespace {

constexpr int kRecapturesBeforeWarning = 8;

// The arguments are `args`; or, where no result carries a derivative, the memory `data` says enough. `objects` are the
// leaves of the arguments and of what is hidden, where the entry puts tensors elsewhere than into its result.
py::object run(Entry& entry, std::span<const Tensor> args, std::span<char* const> data,
               const std::vector<py::object>& objects) {
  std::vector<Tensor> results;
  const auto go = [&](Traced& traced) { results = traced.carries() ? traced.call(args) : traced.run(data); };
  if (entry.brief) {
    go(*entry.traced);
  } else {
    const std::shared_ptr<Traced> traced = entry.traced;  // other threads may end the entry meanwhile
    GilRelease release;
    go(*traced);
  }
  if (entry.single && entry.stores.empty()) return py::reinterpret_steal<py::object>(wrap(std::move(results[0])));
  size_t next = 0;
  py::object result = filled(entry.result, results, &next, objects);
  for (const Store& s : entry.stores)
    if (s.kind == Store::Kind::argument)
      write_back(objects[s.leaf].ptr(), std::move(results[next++]));
    else
      s.put(filled(s.value, results, &next, objects));
  return result;
}

// Programs for many sizes need not all keep the memory that they work in. Those that were used last do, up to this many
// bytes, or two of them.
constexpr int64_t kArenaBytes = int64_t{64} << 20;

void bound_arenas(Compiled* self) {
  int64_t bytes = 0, most = kArenaBytes;
  for (const auto& e : *self->entries) {
    if (!e->traced || e->resting) continue;
    const int64_t own = e->traced->arena_bytes();
    most = std::max(most, 2 * own);
    bytes += own;
    if (bytes <= most) continue;
    bytes -= own;
    e->resting = true;
    e->traced->rest();
  }
}

// Moves an entry to the front. Guards may have let other threads in: it may be elsewhere by now, or gone.
void use(Compiled* self, const std::shared_ptr<Entry>& entry) {
  auto& e = *self->entries;
  self->recaptured = 0;
  ++self->hits;
  const auto at = std::find(e.begin(), e.end(), entry);
  if (at == e.end()) return;
  std::rotate(e.begin(), at, at + 1);
  if (!e[0]->resting) return;
  e[0]->resting = false;
  bound_arenas(self);
}

// In front of the others.
void add(Compiled* self, std::shared_ptr<Entry> entry) {
  std::erase_if(*self->entries, [](const auto& e) { return !e->traced && !e->eager; });
  self->entries->insert(self->entries->begin(), std::move(entry));
  if (self->entries->size() > self->cache_size) self->entries->pop_back();
  bound_arenas(self);
}

constexpr size_t kFlatArgs = 16;

// A plain tensor whose memory a program can read.
bool is_input(PyObject* o) {
  return is_tensor(o) && !as_tensor(o)->slot && handle_of(o).has_value() && as_tensor(o)->t.spec().contiguous();
}

// Whether the entry is one of such arguments, as call_flat() takes them.
bool fits_flat(const Entry& entry, PyObject* const* args, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const Leaf& leaf = entry.leaves[i];
    if (!leaf.tensor) {
      if (leaf.is_same(args[i])) continue;
      return false;
    }
    if (!is_input(args[i])) return false;
    const Tensor& t = as_tensor(args[i])->t;
    if (t.dtype() != leaf.spec.dtype || !(t.shape() == leaf.spec.shape) || t.requires_grad() != leaf.requires_grad)
      return false;
    if (t.node()->severed && recording()) refuse_severed("compile");
  }
  return true;
}

// Positional arguments, each a plain tensor or the constant of an entry itself (`self` of a method): no Python objects
// are made on the way.
bool call_flat(Compiled* self, PyObject* const* args, size_t n, py::object* result) {
  py::object changed;
  auto& entries = *self->entries;
  for (size_t k = 0; k < entries.size(); ++k) {
    std::shared_ptr<Entry> entry = entries[k];
    if (!entry->flat || !entry->traced || entry->leaves.size() != n || entry->recording != recording()) continue;
    // Guards may run Python, which may write to the arguments: their memory is what it is after that.
    if (!fits_flat(*entry, args, n) || !entry->guards_hold(&changed) || !fits_flat(*entry, args, n)) continue;
    char* inputs[kFlatArgs];
    std::vector<Tensor> tensors;
    size_t taken = 0;
    for (size_t i = 0; i < n; ++i) {
      if (!entry->leaves[i].tensor) continue;
      const Tensor& t = as_tensor(args[i])->t;
      inputs[taken++] = t.data();
      // Without the interpreter's lock others may write to the argument: what is held is not written over.
      if (entry->traced->carries() || !entry->brief) tensors.push_back(t);
    }
    std::vector<py::object> objects;
    if (entry->puts_back)
      for (size_t i = 0; i < n; ++i) objects.push_back(py::reinterpret_borrow<py::object>(args[i]));
    if (entry->writes && !aliases(objects).empty()) return false;
    use(self, entry);
    *result = run(*entry, tensors, std::span<char* const>(inputs, taken), objects);
    return true;
  }
  return false;
}

}  // namespace

namespace {

// What is hidden, as it is now.
struct Found {
  std::vector<Leaf> leaves;
  Given given;
};

// Whether the entry is one of arguments such as these, by their own account and that of what is hidden.
template <class Fit>
bool fits(const Entry& entry, const std::vector<Leaf>& leaves, const std::string& nesting, Found* hidden, Fit fit) {
  const auto own = static_cast<std::ptrdiff_t>(entry.n_given);
  if (entry.recording != recording() || entry.nesting != nesting ||
      !std::equal(leaves.begin(), leaves.end(), entry.leaves.begin(), entry.leaves.begin() + own, fit))
    return false;
  return entry.hidden.empty() || (collect_hidden(entry, &hidden->leaves, &hidden->given) &&
                                  std::equal(hidden->leaves.begin(), hidden->leaves.end(), entry.leaves.begin() + own,
                                             entry.leaves.end(), fit));
}

}  // namespace

void collect(py::handle argument, std::vector<Leaf>* leaves, Given* given) {
  auto take = [&](py::handle o) -> py::object {
    Leaf leaf;
    leaf.object = py::reinterpret_borrow<py::object>(o);
    const bool array = py::isinstance<py::array>(o);
    if (given) given->objects.push_back(leaf.object);
    if (array || (is_tensor(o.ptr()) && !slot_of(o.ptr()))) {
      Tensor t =
          array ? from_array(py::reinterpret_borrow<py::array>(o), nullptr, true, "compile") : unwrap_value(o.ptr());
      leaf.tensor = true;
      leaf.spec.dtype = t.dtype();
      leaf.spec.shape = t.shape();
      leaf.requires_grad = t.requires_grad();
      if (t.node()->severed && recording()) refuse_severed("compile");
      if (given) {
        if (!t.spec().contiguous()) t = apply(*find_op("contiguous"), {t});
        if (array) given->arrays.emplace_back(given->tensors.size(), given->objects.size() - 1);
        given->tensors.push_back(std::move(t));
      }
    } else if (!is_tensor(o.ptr())) {
      check_constant(o);
    }
    if (leaves) leaves->push_back(std::move(leaf));
    return py::none();
  };
  map_leaves(argument, take);
}

std::shared_ptr<Entry> find_alike(Compiled* self, const std::vector<Leaf>& leaves, const std::string& nesting,
                                  Given* given) {
  std::vector<const Tape*> tried;
  for (size_t k = 0; k < self->entries->size(); ++k) {  // guards run Python, which may add entries
    const std::shared_ptr<Entry> entry = (*self->entries)[k];
    py::object changed;
    Found hidden;
    if (!entry->tape || std::find(tried.begin(), tried.end(), entry->tape.get()) != tried.end() ||
        !fits(*entry, leaves, nesting, &hidden, [](const Leaf& a, const Leaf& b) { return a.alike(b); }) ||
        !entry->guards_hold(&changed))
      continue;
    tried.push_back(entry->tape.get());
    hidden.leaves.insert(hidden.leaves.begin(), leaves.begin(), leaves.end());
    std::shared_ptr<Entry> made = replay(self, *entry, hidden.leaves);
    if (!made) continue;
    if (given) given->add(std::move(hidden.given));
    add(self, made);
    ++self->reshaped;
    return made;
  }
  return nullptr;
}

namespace {

// The entry for any arguments, captured if there is none.
std::shared_ptr<Entry> find_entry(Compiled* self, py::handle args, py::handle kwargs, Given& given) {
  std::vector<Leaf> leaves;
  collect(args, &leaves, &given);
  std::string nesting;
  describe_nesting(args, nesting);
  if (kwargs && !kwargs.is_none()) {
    collect(kwargs, &leaves, &given);
    describe_nesting(kwargs, nesting);
  }
  if (self->writes) nesting += aliases(given.objects);
  auto& entries = *self->entries;
  py::object changed;
  for (size_t k = 0; k < entries.size(); ++k) {
    std::shared_ptr<Entry> entry = entries[k];
    Found hidden;
    if (!fits(*entry, leaves, nesting, &hidden, [](const Leaf& a, const Leaf& b) { return a.matches(b); }) ||
        !entry->guards_hold(&changed))
      continue;
    given.add(std::move(hidden.given));
    use(self, entry);
    return entry;
  }
  if (std::shared_ptr<Entry> entry = find_alike(self, leaves, nesting, &given)) return entry;
  const bool flat = (!kwargs || kwargs.is_none()) && py::len(args) <= kFlatArgs &&
                    std::none_of(args.begin(), args.end(), [](py::handle a) { return is_container(a.ptr()); });
  std::shared_ptr<Entry> entry = capture(self, args, kwargs, std::move(leaves), std::move(nesting), flat);
  remember(self, entry, changed);
  collect_hidden(*entry, nullptr, &given);
  return entry;
}

py::object call_any(Compiled* self, py::handle args, py::handle kwargs) {
  Given given;
  std::shared_ptr<Entry> entry = find_entry(self, args, kwargs, given);
  if (entry->eager) {
    PyObject* named = kwargs.is_none() ? nullptr : kwargs.ptr();
    return owned(unless_python_ends([&] { return PyObject_Call(self->fn, args.ptr(), named); }));
  }
  // An array may be written before its derivative reads it.
  if (entry->traced->carries() || entry->puts_back)
    for (const auto& [tensor, object] : given.arrays) {
      given.tensors[tensor] = copy_of(given.tensors[tensor]);
      given.objects[object] = py::reinterpret_steal<py::object>(wrap(given.tensors[tensor]));
      for (const Store& s : entry->stores)
        if (s.kind == Store::Kind::argument && s.leaf == object)
          throw GraphError("[compile] the function writes to an argument that is a NumPy array: give bs.tensor(array)");
    }
  std::vector<char*> inputs;
  for (const Tensor& t : given.tensors) inputs.push_back(t.data());
  return run(*entry, given.tensors, inputs, given.objects);
}

}  // namespace

std::shared_ptr<Program> program_of_call(Compiled* self, py::handle args, py::handle kwargs) {
  if (current_capture())
    throw GraphError("[program] a program is planned outside of functions that are being captured");
  Given given;
  const std::shared_ptr<Entry> entry = find_entry(self, args, kwargs, given);
  if (entry->eager) throw GraphError("[program] this call cannot be captured: it runs eagerly");
  return entry->traced->program();
}

void remember(Compiled* self, std::shared_ptr<Entry> entry, const py::object& changed) {
  add(self, std::move(entry));
  ++self->misses;
  if (changed) {
    self->recaptured = self->changed && changed.equal(py::handle(self->changed)) ? self->recaptured + 1 : 1;
    Py_XSETREF(self->changed, changed.inc_ref().ptr());
    if (self->recaptured == kRecapturesBeforeWarning &&
        PyErr_WarnFormat(PyExc_RuntimeWarning, 1,
                         "[compile] %S is captured anew at each call: %U has changed %d times in a row. Pass it as a "
                         "tensor, keep it in a Buffer, or do not read it inside",
                         py::str(py::getattr(py::handle(self->fn), "__name__", py::repr(py::handle(self->fn)))).ptr(),
                         changed.ptr(), self->recaptured) < 0)
      throw py::error_already_set();
  }
}

PyObject* call_compiled(PyObject* o, PyObject* const* args, size_t nargsf, PyObject* names) {
  Compiled* self = as_compiled(o);
  // Inside another capture the function is part of that one; and a checkpoint runs it again by its slots as they were.
  if (current_capture() || SlotScope::current() || BatchScope::current())
    return PyObject_Vectorcall(self->fn, args, nargsf, names);
  return guarded([&]() -> PyObject* {
    const size_t n = static_cast<size_t>(PyVectorcall_NARGS(nargsf));
    py::object result;
    if (!names && n <= kFlatArgs && call_flat(self, args, n, &result)) return result.release().ptr();
    py::tuple positional(n);
    for (size_t i = 0; i < n; ++i) positional[i] = py::reinterpret_borrow<py::object>(args[i]);
    py::object named = py::none();
    if (names && PyTuple_GET_SIZE(names)) {
      py::dict d;
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i)
        d[py::handle(PyTuple_GET_ITEM(names, i))] = py::handle(args[n + static_cast<size_t>(i)]);
      named = d;
    }
    return call_any(self, positional, named).release().ptr();
  });
}

}  // namespace bs::bindings
