// Trainer: epochs of a compiled step that run without Python.
#include <pybind11/stl.h>

#include "base/error.h"
#include "bindings/compiled.h"
#include "bindings/random.h"
#include "graph/apply.h"
#include "train/epoch.h"

namespace bs::bindings {
namespace {

std::unique_ptr<EpochLoop> make_trainer(py::object step, std::vector<Tensor> arrays, int64_t batch_size, bool shuffle,
                                        bool drop_last) {
  if (arrays.empty()) throw ValueError("[Trainer] there is no array to take batches from");
  if (batch_size < 1) throw ValueError(cat("[Trainer] batch_size is 1 or more, not ", batch_size));
  for (Tensor& a : arrays) {
    if (a.shape().size() < 1) throw ShapeError("[Trainer] arrays have one row per sample; one of these has no axis");
    if (a.shape()[0] != arrays[0].shape()[0])
      throw ShapeError(
          cat("[Trainer] arrays of ", arrays[0].shape()[0], " and ", a.shape()[0], " samples do not go together"));
    if (!a.spec().contiguous()) a = apply(*find_op("contiguous"), {a});
  }
  const int64_t n = arrays[0].shape()[0];
  auto program = [&](int64_t rows) {
    std::vector<Spec> specs;
    for (const Tensor& a : arrays) {
      Spec s;
      s.dtype = a.dtype();
      s.shape = a.shape();
      s.shape[0] = rows;
      specs.push_back(s);
    }
    std::shared_ptr<Program> p = program_for(step, specs);
    if (p->output_specs().size() != 1 || numel(p->output_specs()[0].shape) != 1 ||
        !is_float(p->output_specs()[0].dtype))
      throw ShapeError(
          "[Trainer] step must return one float number, the mean loss of its batch, and be compiled without "
          "keep_grads");
    return p;
  };
  std::shared_ptr<Program> full = n >= batch_size ? program(batch_size) : nullptr;
  std::shared_ptr<Program> tail = n % batch_size && !drop_last ? program(n % batch_size) : nullptr;
  if (!full && !tail) throw ValueError(cat("[Trainer] ", n, " samples make no batch of ", batch_size));
  return std::make_unique<EpochLoop>(std::move(arrays), batch_size, full, tail, shuffle,
                                     Ref<Slot>::share(&default_generator()));
}

}  // namespace

void register_train(py::module_& m) {
  py::class_<EpochLoop>(m, "Trainer",
                        "Runs epochs of a compiled step(*batch) -> mean loss over arrays with one row per sample.")
      .def(py::init(&make_trainer), py::arg("step"), py::arg("arrays"), py::arg("batch_size"),
           py::arg("shuffle") = true, py::arg("drop_last") = false)
      .def("begin_epoch", &EpochLoop::begin, "Draw the order of the samples.")
      .def("run", &EpochLoop::run, py::arg("seconds"), py::call_guard<py::gil_scoped_release>(),
           "Run steps until the time is over or the epoch is; True if it is.")
      .def_property_readonly("steps_done", &EpochLoop::steps_done)
      .def_property_readonly("steps_total", &EpochLoop::steps_total)
      .def_property_readonly("loss", &EpochLoop::loss, "Mean over the samples seen in this epoch.");
}

}  // namespace bs::bindings
