// Program: what people see of a captured signature.
#include <cstdio>

#include "base/error.h"
#include "bindings/compiled.h"

namespace bs::bindings {
namespace {

struct PythonProgram {
  std::shared_ptr<Program> program;
};

std::string size(int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

std::string str(const Program::MemoryUse& m) {
  return cat("peak ", size(m.peak()), ": arena ", size(m.arena), " (scratch ", size(m.scratch), "), arguments ",
             size(m.arguments), ", slots ", size(m.slots), ", new values ", size(m.new_values), ", outputs ",
             size(m.outputs), ", constants ", size(m.constants), ", steps ", size(m.steps));
}

std::string str(const Program& program) {
  const Program::Plan plan = program.plan();
  const size_t steps = plan.phases.empty() ? 0 : static_cast<size_t>(plan.phases.back().last);
  char time[32];
  std::snprintf(time, sizeof time, "%.1f us", program.cost() / 1e3);
  return cat("<Program: ", steps, " steps in ", plan.phases.size(), " phases, ", time, " planned; ", str(plan.memory),
             ">");
}

}  // namespace

py::object describe(std::shared_ptr<Program> program) { return py::cast(PythonProgram{std::move(program)}); }

void register_program(py::module_& m) {
  using Use = Program::MemoryUse;
  py::class_<Use>(m, "ProgramMemory",
                  "Bytes that a run of a program needs, known before the first one. `peak` is all of them but scratch, "
                  "which is part of the arena.")
      .def_readonly("arena", &Use::arena, "Values between steps, placed over each other as they come and go.")
      .def_readonly("scratch", &Use::scratch, "Of the arena: the most that steps work in at one time.")
      .def_readonly("arguments", &Use::arguments, "Tensors that the call is given.")
      .def_readonly("slots", &Use::slots, "Parameters, buffers and optimizer state that are read or written.")
      .def_readonly("new_values", &Use::new_values, "New values of slots that cannot be written over the old ones.")
      .def_readonly("outputs", &Use::outputs, "Results, and gradients that are kept.")
      .def_readonly("constants", &Use::constants, "Tensors that the function met while it was captured.")
      .def_readonly("steps", &Use::steps, "What the program itself takes.")
      .def_property_readonly("peak", &Use::peak)
      .def("__repr__", [](const Use& use) { return cat("<ProgramMemory: ", str(use), ">"); });
  py::class_<Phase>(m, "ProgramPhase", "Steps that run without waiting for other threads.")
      .def_property_readonly("steps", [](const Phase& p) { return p.last - p.first; })
      .def_readonly("parallel", &Phase::parallel, "Whether all threads share it.")
      .def_readonly("nanoseconds", &Phase::cost, "Planned, on one thread.")
      .def("__repr__", [](const Phase& p) {
        return cat("<ProgramPhase: ", p.last - p.first, " steps, ", static_cast<int64_t>(p.cost), " ns",
                   p.parallel ? ", all threads>" : ">");
      });
  py::class_<PythonProgram>(m, "Program",
                            "One captured signature of a compiled function, as planned for the threads of its last "
                            "run, or before that for those there are.")
      .def_property_readonly("text", [](const PythonProgram& p) { return p.program->plan().text; })
      .def_property_readonly("memory", [](const PythonProgram& p) { return p.program->plan().memory; })
      .def_property_readonly("nanoseconds", [](const PythonProgram& p) { return p.program->cost(); })
      .def_property_readonly("phases",
                             [](const PythonProgram& p) {
                               py::list phases;
                               for (const Phase& phase : p.program->plan().phases) phases.append(phase);
                               return phases;
                             })
      .def("__repr__", [](const PythonProgram& p) { return str(*p.program); })
      .def("__str__", [](const PythonProgram& p) { return p.program->plan().text; });
}

}  // namespace bs::bindings
