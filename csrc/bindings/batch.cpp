// Functions of one sample on a batch: what vmap in Python is made of.
#include <string>
#include <unordered_set>

#include "base/error.h"
#include "bindings/autodiff.h"
#include "bindings/gil.h"
#include "bindings/tensor.h"
#include "ops/batch.h"
#include "ops/ops.h"
#include "program/capture.h"

namespace bs::bindings {
namespace {

Randomness randomness_of(const std::string& word) {
  if (word == "error") return Randomness::error;
  if (word == "same") return Randomness::same;
  if (word == "different") return Randomness::different;
  throw ValueError(cat("[vmap] randomness is 'error', 'same' or 'different', not '", word, "'"));
}

// function(symbols) -> tensors, of one sample; what it gives is the batch's.
py::list batch(py::object function, py::object given, int64_t size, const std::string& randomness) {
  const std::vector<Tensor> values = tensors_of(given.ptr(), "vmap", "the arguments");
  if (Tape* tape = Tape::current()) tape->give_up();
  std::vector<ops::Batched> made;
  {
    BatchScope scope(size, randomness_of(randomness));
    py::list symbols;
    for (const Tensor& t : values) symbols.append(py::reinterpret_steal<py::object>(wrap(scope.symbol(t))));
    const py::object result =
        owned(unless_python_ends([&] { return PyObject_CallOneArg(function.ptr(), symbols.ptr()); }));
    std::vector<Tensor> outputs = tensors_of(result.ptr(), "vmap", "what the function gives", true);
    symbols = py::list();
    GilRelease release;
    made = ops::on_batch(scope, outputs);
    for (ops::Batched& b : made)
      if (b.value) b.value = ops::whole(b.value, b.varies, size);
    outputs.clear();
  }
  py::list all;
  for (ops::Batched& b : made) all.append(py::reinterpret_steal<py::object>(wrap_or_none(std::move(b.value))));
  return all;
}

// Whether what `outputs` were computed from holds something that requires a gradient and is none of `leaves`.
bool depends_on_others(py::object outputs, py::object leaves) {
  std::vector<Node*> open;
  const std::vector<Tensor> of = tensors_of(outputs.ptr(), "depends_on_others", "outputs"),
                            known = tensors_of(leaves.ptr(), "depends_on_others", "leaves");
  std::unordered_set<const Node*> met;
  for (const Tensor& t : known) met.insert(t.node());
  for (const Tensor& t : of) open.push_back(t.node());
  while (!open.empty()) {
    Node* n = open.back();
    open.pop_back();
    if (!n->requires_grad || !met.insert(n).second) continue;
    if (n->cell || !n->op) return true;
    for (int i = 0; i < static_cast<int>(n->n_inputs); ++i)
      if (n->in(i).node) open.push_back(n->in(i).node);
  }
  return false;
}

}  // namespace

void register_batch(py::module_& m) {
  m.def("batch", batch, py::arg("function"), py::arg("tensors"), py::arg("size"), py::arg("randomness"),
        "function(tensors of one sample) -> tensors, for all samples at once: axis 0 of each tensor is the batch.");
  m.def("depends_on_others", depends_on_others, py::arg("outputs"), py::arg("leaves"),
        "Whether outputs depend on something that requires a gradient besides leaves.");
}

}  // namespace bs::bindings
