#include "bindings/info.h"

#include <algorithm>
#include <climits>

#include "base/alloc.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/parallel.h"
#include "bindings/op_args.h"
#include "bindings/pybind.h"
#include "graph/op.h"
#include "graph/slot.h"
#include "kernels/kernels.h"
#include "ops/ops.h"

#ifndef BACKSWEEP_VERSION
#define BACKSWEEP_VERSION "unknown"
#endif

namespace bs::bindings {
namespace {

const char* text_of(AttrType t) {
  switch (t) {
    case AttrType::integer:
      return "int";
    case AttrType::real:
      return "float";
    case AttrType::boolean:
      return "bool";
    case AttrType::dims:
      return "dims";
    case AttrType::dtype:
      return "dtype";
    case AttrType::integers:
      return "ints";
    case AttrType::sizes:
      return "sizes";
    case AttrType::word:
      return "word";
    case AttrType::object:
      return "object";
  }
  return "object";
}

const char* text_of(Visibility v) {
  return v == Visibility::hidden ? "hidden" : v == Visibility::function ? "function" : "method";
}

const char* text_of(Keyword k) {
  switch (k) {
    case Keyword::none:
      return "";
    case Keyword::dtype:
      return "dtype";
    case Keyword::last_dtype:
      return "last_dtype";
    case Keyword::alpha:
      return "alpha";
  }
  return "";
}

py::list positions(const Mask& mask, size_t n) {
  py::list made;
  for (int i = 0; i < static_cast<int>(n); ++i)
    if (mask.has(i)) made.append(i);
  return made;
}

py::dict describe(const Op& op) {
  py::dict d;
  d["name"] = op.name;
  d["also"] = op.also;
  d["overloads"] = op.overloads;
  d["named"] = op.named;
  d["underscored"] = op.underscored;
  d["doc"] = op.doc ? op.doc : "";
  d["signature"] = Signature(op).parameters.text;
  py::list inputs, attrs, outputs;
  const auto aliases = [](const char* name, const char* own) {
    py::list made;
    for (const char* s : second_names(name)) made.append(s);
    if (own) made.append(own);
    return made;
  };
  for (const InputSchema& s : op.inputs) {
    py::dict e;
    e["name"] = s.name;
    e["aliases"] = aliases(s.name, nullptr);
    e["optional"] = s.optional;
    e["many"] = s.many;
    e["weak"] = s.weak;
    e["drawn"] = s.drawn;
    inputs.append(e);
  }
  for (const AttrSchema& s : op.attrs) {
    py::dict e;
    e["name"] = s.name;
    e["aliases"] = aliases(s.name, s.alias);
    e["type"] = text_of(s.type);
    e["required"] = s.required;
    e["default"] = default_object(s);
    e["by_name"] = s.by_name;
    e["variadic"] = s.variadic;
    e["words"] = s.words;
    attrs.append(e);
  }
  for (const char* s : op.outputs) outputs.append(s);
  d["inputs"] = inputs;
  d["attrs"] = attrs;
  d["outputs"] = outputs;
  d["counts_outputs"] = op.count_outputs != nullptr;
  d["keyword"] = text_of(op.keyword);
  d["self"] = op.self;
  d["visibility"] = text_of(op.visibility);
  d["elementwise"] = op.elementwise;
  d["has_forward"] = op.forward != nullptr;
  d["is_cut"] = op.place != nullptr;
  d["view"] = op.view;
  d["differentiable"] = op.differentiable();
  d["has_grad"] = op.grad != nullptr;
  d["has_compose"] = op.compose != nullptr;
  d["reads_inputs"] = positions(op.reads.in, op.inputs.size());
  d["reads_outputs"] = positions(op.reads.out, op.outputs.size());
  d["host"] = op.host;
  d["effect"] = op.effect;
  // Rows of elementwise.def say where tests draw their inputs; cast and contiguous share a code and have no row.
  if (op.elementwise >= 0 && op.elementwise < static_cast<int>(kernels::Ew::copy)) {
    ops::Interval i = ops::elementwise_interval(static_cast<kernels::Ew>(op.elementwise));
    d["interval"] = py::make_tuple(i.lo, i.hi);
  } else {
    d["interval"] = py::none();
  }
  return d;
}

py::dict info() {
  py::dict d;
  d["version"] = BACKSWEEP_VERSION;
  d["isa"] = kernels::active().isa;
  py::list isas, features;
  for (const kernels::Kernels* const* k = kernels::available(); *k; ++k) isas.append((*k)->isa);
  d["available_isas"] = isas;
  d["threads"] = num_threads();
  CpuFeatures cpu = cpu_features();
  if (cpu.v2) features.append("x86-64-v2");
  if (cpu.v3) features.append("x86-64-v3");
  if (cpu.v4) features.append("x86-64-v4");
  if (cpu.neon) features.append("neon");
  d["cpu_features"] = features;
#if defined(__clang__)
  d["compiler"] = "clang " __clang_version__;
#elif defined(__GNUC__)
  d["compiler"] = "gcc " __VERSION__;
#else
  d["compiler"] = "unknown";
#endif
  return d;
}

}  // namespace

void register_info(py::module_& m) {
  m.attr("__version__") = BACKSWEEP_VERSION;
  m.def("info", info, "Version, instruction sets, threads and compiler of this build on this machine.");
  m.def(
      "set_num_threads",
      [](py::object n) {
        const int64_t given = int_argument(n.ptr(), "set_num_threads", "n");
        set_num_threads(static_cast<int>(std::clamp<int64_t>(given, 0, INT_MAX)));  // which says what is too many
      },
      py::arg("n"), "Threads that parallel work uses, 1 to 1024. No result depends on it.");
  m.def("get_num_threads", num_threads, "Threads that parallel work uses.");
  m.def(
      "registry",
      [] {
        py::list r;
        for (const Op* op : all_ops()) r.append(describe(*op));
        return r;
      },
      "Every op, described: what stubs and tests are made from.");
  m.def("live_nodes", live_nodes, "Graph nodes that exist now.");
  m.def("allocated_bytes", allocated_bytes, "Bytes of tensor and node memory in use now.");
  m.def("release_cached", release_cached, "Gives memory kept for reuse back to the system.");
  m.def("node_bytes", node_bytes, py::arg("n_inputs"), py::arg("n_outputs"), "Bytes of one graph node, buffers apart.");
  m.def("structure_epoch", structure_epoch, "What compiled functions compare to see that modules have changed.");
  m.def("bump_structure_epoch", bump_structure_epoch,
        "Says that modules, parameter groups or slots' flags have changed.");
  m.def(
      "_use_isa",
      [](const std::string& name) {
        if (!kernels::activate(name.c_str()))
          throw ValueError(cat("[_use_isa] this machine or build has no '", name, "'"));
      },
      py::arg("name"), "Makes the kernels of one instruction set active. For tests.");
  m.def(
      "_symbolic",
      [](const py::args& size) {
        Tensor t(Node::make(nullptr, 0, 1), 0);
        t.out().spec.shape = dims_from_args(size, "_symbolic", "size");
        t.node()->symbolic = true;
        return t;
      },
      "A float32 tensor without a value, as captures make them. For tests of what reading one says.");
}

}  // namespace bs::bindings
