// Trainer: epochs of a compiled step that run without Python.
#include "base/error.h"
#include "bindings/compiled.h"
#include "bindings/gil.h"
#include "bindings/pybind.h"
#include "bindings/random.h"
#include "graph/apply.h"
#include "train/epoch.h"

namespace bs::bindings {
namespace {

// `rows` of each array.
std::vector<Spec> specs_of(const std::vector<Tensor>& arrays, int64_t rows) {
  std::vector<Spec> specs;
  for (const Tensor& a : arrays) {
    Spec s;
    s.dtype = a.dtype();
    s.shape = a.shape();
    s.shape[0] = rows;
    specs.push_back(s);
  }
  return specs;
}

void check_loss(const Program& program, bool with_gradients) {
  const auto& out = program.output_specs();
  if (out.empty() || (out.size() > 1 && !with_gradients) || numel(out[0].shape) != 1 || !is_float(out[0].dtype) ||
      is_storage(out[0].dtype))
    throw ShapeError(
        "[Trainer] step must return one float number, the mean loss of its batch, and be compiled without "
        "keep_grads");
}

std::unique_ptr<LeafStep> make_leaves(py::handle gradient, py::handle update, const std::vector<Tensor>& arrays,
                                      const std::vector<int64_t>& batches, int64_t leaves) {
  LeafStep::Gradients gradients;
  for (const int64_t batch : batches)
    LeafStep::each_leaf(batch, leaves, [&](int64_t, int64_t rows) {
      std::shared_ptr<Program>& program = gradients[rows];
      if (program) return;
      std::vector<Spec> specs = specs_of(arrays, rows);
      Spec weight;
      weight.dtype = DType::f64;
      specs.insert(specs.begin(), weight);
      program = program_for(gradient, specs);
      check_loss(*program, true);
    });
  const auto& out = gradients.begin()->second->output_specs();
  return std::make_unique<LeafStep>(leaves, gradients, program_for(update, {out.begin() + 1, out.end()}));
}

std::unique_ptr<EpochLoop> make_trainer(py::object step, std::vector<Tensor> arrays, int64_t batch_size, bool shuffle,
                                        bool drop_last, int64_t leaves, py::object update) {
  if (arrays.empty()) throw ValueError("[Trainer] there is no array to take batches from");
  if (batch_size < 1) throw ValueError(cat("[Trainer] batch_size is 1 or more, not ", batch_size));
  if (leaves < 1) throw ValueError(cat("[Trainer] leaves is 1 or more, not ", leaves));
  for (Tensor& a : arrays) {
    if (a.shape().size() < 1) throw ShapeError("[Trainer] arrays have one row per sample; one of these has no axis");
    if (a.shape()[0] != arrays[0].shape()[0])
      throw ShapeError(
          cat("[Trainer] arrays of ", arrays[0].shape()[0], " and ", a.shape()[0], " samples do not go together"));
    if (!a.spec().contiguous()) a = apply(*find_op("contiguous"), {a});
  }
  const int64_t n = arrays[0].shape()[0];
  std::vector<int64_t> batches;
  if (n >= batch_size) batches.push_back(batch_size);
  if (n % batch_size && !drop_last) batches.push_back(n % batch_size);
  if (batches.empty()) throw ValueError(cat("[Trainer] ", n, " samples make no batch of ", batch_size));
  Ref<Slot> key = Ref<Slot>::share(&default_generator());
  if (leaves > 1) {
    std::unique_ptr<LeafStep> made = make_leaves(step, update, arrays, batches, leaves);
    return std::make_unique<EpochLoop>(std::move(arrays), batch_size, std::move(made), drop_last, shuffle, key);
  }
  std::shared_ptr<Program> full, tail;
  for (const int64_t rows : batches) {
    std::shared_ptr<Program>& program = rows == batch_size ? full : tail;
    program = program_for(step, specs_of(arrays, rows));
    check_loss(*program, false);
  }
  return std::make_unique<EpochLoop>(std::move(arrays), batch_size, full, tail, shuffle, key);
}

}  // namespace

void register_train(py::module_& m) {
  m.def(
      "shuffled",
      [](int64_t n) {
        const std::vector<int64_t> order = shuffled(n, default_generator());
        return py::array_t<int64_t>(static_cast<py::ssize_t>(order.size()), order.data());
      },
      py::arg("n"), "An order of n samples, drawn from the default generator as a Trainer draws it.");
  py::class_<EpochLoop>(
      m, "Trainer",
      "Runs epochs of a compiled step(*batch) -> mean loss over arrays with one row per sample. With several "
      "leaves, `step` is the compiled gradient(weight, *leaf) -> (mean loss, *gradients of weight "
      "times it), whose gradients a fixed tree adds, and `update` the compiled update(*gradients).")
      .def(py::init(&make_trainer), py::arg("step"), py::arg("arrays"), py::arg("batch_size"),
           py::arg("shuffle") = true, py::arg("drop_last") = false, py::arg("leaves") = 1,
           py::arg("update") = py::none())
      .def("begin_epoch", &EpochLoop::begin, "Draw the order of the samples.")
      .def("run", &EpochLoop::run, py::arg("seconds"), py::call_guard<GilRelease>(),
           "Run steps until the time is over or the epoch is; True if it is.")
      .def_property_readonly("steps_done", &EpochLoop::steps_done)
      .def_property_readonly("steps_total", &EpochLoop::steps_total)
      .def_property_readonly("loss", &EpochLoop::loss, "Mean over the samples seen in this epoch.");
}

}  // namespace bs::bindings
