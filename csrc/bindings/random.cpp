#include "bindings/random.h"

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

}  // namespace

namespace {

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
Tensor key_of_sample(BatchScope& scope) {
  if (scope.randomness == Randomness::error)
    throw GraphError(
        "[vmap] vmap: called random operation while in randomness error mode. Please either use the 'same' or "
        "'different' randomness flags on vmap or perform the randomness operation out of vmap");
  const Tensor key = generator->read();
  generator->write(ops::reshape(ops::add(key, draws(scope.size, 1)), {2}));
  return scope.symbol(ops::add(key, draws(0, scope.size)));
}

}  // namespace

Tensor next_key() {
  static const Op& advance = need_op("advance_key", "random");
  RecordingGuard off(false);
  if (BatchScope* scope = BatchScope::current(); scope && scope->randomness != Randomness::same)
    return key_of_sample(*scope);
  Tensor key = generator->read();
  generator->write(taped(key, [](const Tensor& k) { return apply(advance, {k}); }));
  return key;
}

Slot& default_generator() { return *generator; }

void register_random(py::module_& m) {
  Ref<Slot> slot = Slot::make(key_of(0), false);
  generator = slot.get();
  PyObject* python = wrap_slot(buffer_type, std::move(slot));
  Py_INCREF(python);  // kept for good: next_key() may run while the module is torn down
  m.attr("default_generator") = py::reinterpret_steal<py::object>(python);
  m.def(
      "manual_seed",
      [](py::object seed) {
        if (!PyIndex_Check(seed.ptr()) || PyBool_Check(seed.ptr()))
          throw py::type_error(cat("[manual_seed] seed is an int, not ", type_name(seed.ptr())));
        py::object i = py::reinterpret_steal<py::object>(PyNumber_Index(seed.ptr()));
        if (!i) {
          PyErr_Clear();
          throw py::type_error(cat("[manual_seed] seed is an int, not ", type_name(seed.ptr())));
        }
        uint64_t bits = PyLong_AsUnsignedLongLongMask(i.ptr());
        if (bits == UINT64_MAX && PyErr_Occurred()) throw py::error_already_set();
        generator->write(key_of(static_cast<int64_t>(bits)));
        return py::module_::import("backsweep._core").attr("default_generator");
      },
      py::arg("seed"),
      "Sets the seed of the default generator (its lowest 64 bits) and starts its draws again from 0.\n\n"
      "Returns the generator, a Buffer that holds (seed, draw).");
}

}  // namespace bs::bindings
