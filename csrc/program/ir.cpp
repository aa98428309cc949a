#include "program/ir.h"

#include <algorithm>
#include <sstream>

#include "ops/loop.h"

namespace bs {

bool Step::reads_first(const Ir& ir, size_t i, const Spec& made) const {
  const Value& read = ir.values[static_cast<size_t>(in[i])];
  if (read.offset != 0 || !read.spec.contiguous() || !(read.spec.shape == made.shape) ||
      size_of(read.spec.dtype) != size_of(made.dtype))
    return false;
  return i >= static_cast<size_t>(n_op_in) || (op->in_place.has(static_cast<int>(i)) && !list);
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

void Ir::drop_unread(std::span<const int> wanted) {
  std::vector<bool> read(values.size(), false);
  const auto mark = [&](int v) { read[static_cast<size_t>(root(v))] = true; };
  for (int v : wanted) mark(v);
  std::vector<Step> kept;
  for (size_t k = steps.size(); k-- > 0;) {
    Step& s = steps[k];
    if (!s.op->effect && std::none_of(s.out.begin(), s.out.end(), [&](int v) { return read[static_cast<size_t>(v)]; }))
      continue;
    for (int v : s.in) mark(v);
    kept.push_back(std::move(s));
  }
  std::reverse(kept.begin(), kept.end());
  steps = std::move(kept);
  number_makers();
}

}  // namespace bs
