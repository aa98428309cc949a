// Panels: a weight that several products of a program read transposed is turned once, and read in order by all.
#include <map>

#include "program/ir.h"

namespace bs {

void share_panels(Ir& ir) {
  static const Op* const linear = find_op("linear");
  static const Op* const contiguous = find_op("contiguous");
  std::map<int, int> uses;  // of weights
  for (const Step& s : ir.steps)
    if (s.op == linear) ++uses[s.in[1]];
  auto value = [&](int v) -> const Value& { return ir.values[static_cast<size_t>(v)]; };
  // The transpose of matrix v, as a view of it.
  auto transposed = [&](int v) {
    const Dims shape = value(v).spec.shape, strides = value(v).spec.full_strides();
    Value t;
    t.spec.dtype = value(v).spec.dtype;
    t.spec.shape = Dims{shape[1], shape[0]};
    t.spec.set_strides(Dims{strides[1], strides[0]});
    t.home = Home::view;
    t.base = ir.root(v);
    t.offset = value(v).offset;
    return ir.add(std::move(t));
  };
  std::map<int, int> panels;  // by weight: equal to it, but its columns are contiguous
  std::vector<Step> steps;
  for (Step& s : ir.steps) {
    const int weight = s.op == linear ? s.in[1] : -1;
    if (weight >= 0 && uses[weight] > 1 && value(weight).spec.contiguous()) {
      if (!panels.count(weight)) {
        Step turn;
        turn.op = contiguous;
        turn.in = {transposed(weight)};
        Value panel;
        panel.spec.dtype = value(weight).spec.dtype;
        panel.spec.shape = value(turn.in[0]).spec.shape;
        turn.out = {ir.add(std::move(panel))};
        panels[weight] = transposed(turn.out[0]);
        steps.push_back(std::move(turn));
      }
      s.in[1] = panels[weight];
    }
    steps.push_back(std::move(s));
  }
  ir.steps = std::move(steps);
  ir.number_makers();
}

}  // namespace bs
