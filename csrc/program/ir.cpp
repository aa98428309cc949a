#include "program/ir.h"

#include <sstream>

#include "ops/loop.h"

namespace bs {

bool Step::reads_first(const Ir& ir, size_t i, const Spec& made) const {
  const Value& read = ir.values[static_cast<size_t>(in[i])];
  if (read.offset != 0 || !read.spec.contiguous() || !(read.spec.shape == made.shape) ||
      size_of(read.spec.dtype) != size_of(made.dtype))
    return false;
  return i >= static_cast<size_t>(n_op_in) || (op->in_place && !list);
}

std::string str(const Ir& ir, const std::vector<Phase>& phases) {
  std::ostringstream text;
  auto name = [&](int v) {
    const Value& w = ir.values[static_cast<size_t>(v)];
    static const char* const homes[] = {"t", "in", "slot", "next", "out", "const", "view", "none"};
    std::string s = homes[static_cast<int>(w.home)] + std::to_string(w.index >= 0 ? w.index : v);
    return s + str(w.spec.shape);
  };
  for (size_t p = 0; p < phases.size(); ++p) {
    text << "phase " << p << (phases[p].parallel ? ", all threads" : ", one thread") << "\n";
    for (int i = phases[p].first; i < phases[p].last; ++i) {
      const Step& s = ir.steps[static_cast<size_t>(i)];
      text << "  ";
      for (size_t k = 0; k < s.out.size(); ++k) text << (k ? ", " : "") << name(s.out[k]);
      text << " = ";
      if (s.op) text << s.op->name;
      for (int k = 0; s.list && k < s.list->n_instr; ++k)
        text << (k || s.op ? "+" : "") << ops::list_op_name(static_cast<int>(s.list->instr[k].op));
      text << "(";
      for (size_t k = 0; k < s.in.size(); ++k) text << (k ? ", " : "") << name(s.in[k]);
      text << ")\n";
    }
  }
  return text.str();
}

}  // namespace bs
