#include "bindings/random.h"

#include <random>

#include "base/error.h"
#include "bindings/op_call.h"
#include "graph/apply.h"
#include "graph/batch.h"
#include "ops/ops.h"

namespace bs::bindings {
namespace {

Slot* generator = nullptr;  // owned by _core.default_generator, which lives as long as the process

Tensor key_of(int64_t seed) {
  Tensor key = Tensor::empty(DType::i64, {2});
  auto* v = reinterpret_cast<int64_t*>(key.data());
  v[0] = seed;
  v[1] = 0;
  return key;
}

// 0 for the seed, and 0, 1, ... for the draws of n keys.
Tensor draws(int64_t first, int64_t n) {
  Tensor steps = Tensor::empty(DType::i64, {n, 2});
  auto* v = reinterpret_cast<int64_t*>(steps.data());
  for (int64_t i = 0; i < n; ++i) {
    v[2 * i] = 0;
    v[2 * i + 1] = first + i;
  }
  return steps;
}

// In the function of one sample: a key for each, as what stands for any.
Tensor key_of_sample(BatchScope& scope, Slot& of) {
  if (scope.randomness == Randomness::error)
    throw GraphError(
        "[vmap] vmap: called random operation while in randomness error mode. Please either use the 'same' or "
        "'different' randomness flags on vmap or perform the randomness operation out of vmap");
  const Tensor key = of.read();
  of.write(ops::reshape(ops::add(key, draws(scope.size, 1)), {2}));
  return scope.symbol(ops::add(key, draws(0, scope.size)));
}

}  // namespace

Tensor next_key(Slot& of) {
  static const Op& advance = need_op("advance_key", "random");
  RecordingGuard off(false);
  if (BatchScope* scope = BatchScope::current(); scope && scope->randomness != Randomness::same)
    return key_of_sample(*scope, of);
  Tensor key = of.read();
  of.write(taped(key, [](const Tensor& k) { return apply(advance, {k}); }));
  return key;
}

Slot& default_generator() { return *generator; }

Slot& generator_argument(PyObject* o, const char* op) {
  if (!o || o == Py_None) return *generator;
  static PyObject* type = imported("backsweep.random", "Generator");
  if (!PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(type)))
    throw py::type_error(cat("[", op, "] generator is a bs.Generator or None, not ", type_name(o)));
  return *slot_of(py::object(py::handle(o).attr("_state")).ptr());  // which the generator keeps
}

void register_random(py::module_& m) {
  // Other numbers in each process, until a seed is set.
  std::random_device entropy;
  const uint64_t high = entropy();
  Ref<Slot> slot = Slot::make(key_of(static_cast<int64_t>(high << 32 | entropy())), false);
  generator = slot.get();
  PyObject* python = wrap_slot(buffer_type, std::move(slot));
  Py_INCREF(python);  // kept for good: next_key() may run while the module is torn down
  m.attr("default_generator") = py::reinterpret_steal<py::object>(python);
  m.def(
      "manual_seed",
      [](py::object seed, py::object state) {
        if (!PyIndex_Check(seed.ptr()) || PyBool_Check(seed.ptr()))
          throw py::type_error(cat("[manual_seed] seed is an int, not ", type_name(seed.ptr())));
        py::object i = py::reinterpret_steal<py::object>(PyNumber_Index(seed.ptr()));
        if (!i) {
          PyErr_Clear();
          throw py::type_error(cat("[manual_seed] seed is an int, not ", type_name(seed.ptr())));
        }
        uint64_t bits = PyLong_AsUnsignedLongLongMask(i.ptr());
        if (bits == UINT64_MAX && PyErr_Occurred()) throw py::error_already_set();
        Slot* slot = state.is_none() ? generator : slot_of(state.ptr());
        if (!slot) throw py::type_error(cat("[manual_seed] state is a Buffer, not ", type_name(state.ptr())));
        slot->write(key_of(static_cast<int64_t>(bits)));
      },
      py::arg("seed"), py::arg("state") = py::none(),
      "Sets the seed of a generator, by default that of the process, and starts its draws again from 0.");
}

}  // namespace bs::bindings
