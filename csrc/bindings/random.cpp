#include "bindings/random.h"

#include "base/error.h"
#include "bindings/op_call.h"
#include "graph/apply.h"

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

Tensor next_key() {
  static const Op& advance = need_op("advance_key", "random");
  RecordingGuard off(false);
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
