// Fusing: elementwise steps of one loop shape become one list, which reads each operand once and keeps what lies
// between in registers. A list that reads what another op makes becomes the epilogue of that op, run on each block of
// the result while it is in the caches.
#include <algorithm>

#include "program/groups.h"

namespace bs {
namespace {

using kernels::EwList;

class Fuser {
 public:
  explicit Fuser(Ir& ir) : groups_(ir), n_(static_cast<int>(ir.steps.size())) {}

  std::vector<Step> run() {
    // Last steps first: what only they need (a slope of the reverse sweep, a condition) is joined to them, where it is
    // never stored, rather than to what it is made from.
    for (int s = n_ - 1; s >= 0; --s) {
      if (!groups_.elementwise(s)) continue;
      for (int v : groups_.step(s).in) {
        const int maker = groups_.value(v).maker;  // of views: none
        if (maker >= 0 && groups_.elementwise(maker)) try_join(groups_.of(maker), groups_.of(s));
      }
    }
    for (int s = 0; s < n_; ++s) {
      if (!takes_epilogue(s)) continue;
      for (int reader : groups_.readers(groups_.step(s).out[0]))
        if (groups_.elementwise(reader) && try_attach(groups_.of(s), groups_.of(reader))) break;
    }
    return ordered_steps(groups_);
  }

 private:
  // Whether lists of the two fit the limits.
  bool fits(const Group& both) {
    EwList list;
    std::vector<int> in, out;
    return write_list(groups_, both, list, in, out);
  }

  static Group together(const Group& a, const Group& b, int head) {
    Group both{{}, head};
    std::merge(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
               std::back_inserter(both.members));
    return both;
  }

  // Group a makes what group b reads.
  void try_join(int a, int b) {
    if (a == b) return;
    const int first = groups_[a].first(), second = groups_[b].first();
    const DType dtype = groups_.compute(first);
    if (!(groups_.out_spec(first).shape == groups_.out_spec(second).shape) || dtype != groups_.compute(second)) return;
    if (groups_.kept_apart(a, b)) return;
    const Group both = together(groups_[a], groups_[b], -1);
    for (int s : both.members)
      for (int v : groups_.step(s).in) {
        const Value& w = groups_.value(v);
        // A view of a member's output needs all of it in memory.
        if (w.home == Home::view && groups_.value(w.base).maker >= 0 && both.has(groups_.value(w.base).maker)) return;
        if (w.maker < 0 || !both.has(w.maker)) continue;
        // A value that crosses inside must have the list's arithmetic, or be a truth value.
        if (w.spec.dtype != dtype && w.spec.dtype != DType::b8) return;
        // A truth value that a copy makes is 0 or 1 only once it is stored.
        const Step& maker = groups_.step(w.maker);
        if (w.spec.dtype == DType::b8 && maker.op->elementwise == static_cast<int>(kernels::Ew::copy) &&
            groups_.value(maker.in[0]).spec.dtype != DType::b8)
          return;
      }
    if (fits(both)) groups_.join(a, b, -1);
  }

  // Whether parts of step s leave parts of its first output ready, and enough of them.
  bool takes_epilogue(int s) {
    const Step& step = groups_.step(s);
    const Op& op = *step.op;
    if (groups_.elementwise(s) || op.host || op.effect || op.view || !op.place) return false;
    const StepSpecs specs(groups_.ir(), step.in, step.out);
    const Placement place = op.place(step.attrs.get(), specs.in(), specs.out());
    const int64_t elements = numel(groups_.out_spec(s).shape);
    constexpr int64_t kFewElements = 4096, kEnoughParts = 8;
    return !place.outputs_whole && place.extent > 0 && elements > 0 && elements % place.extent == 0 &&
           (place.extent >= kEnoughParts || elements <= kFewElements);
  }

  // Makes the list of group b the epilogue of the one step of group a.
  bool try_attach(int a, int b) {
    if (a == b || groups_[a].head >= 0 || groups_[b].head >= 0) return false;
    const int head = groups_[a].first(), result = groups_.step(head).out[0], first = groups_[b].first();
    const Spec& spec = groups_.value(result).spec;
    if (!(spec.shape == groups_.out_spec(first).shape) || groups_.compute(first) != spec.dtype) return false;
    // The old value of a slot may be read until its new one is begun, which parts of one step do at different times.
    if (groups_.writes_slot(groups_[a]) || groups_.writes_slot(groups_[b])) return false;
    for (int s : groups_[b].members)
      for (int v : groups_.step(s).in)
        if (v != result && groups_.root(v).maker == head) return false;  // a view of it, or another output
    if (groups_.kept_apart(a, b) || !fits(together(groups_[a], groups_[b], head))) return false;
    groups_.join(a, b, head);
    return true;
  }

  Groups groups_;
  const int n_;
};

}  // namespace

void fuse(Ir& ir) {
  ir.steps = Fuser(ir).run();
  for (size_t s = 0; s < ir.steps.size(); ++s) ir.steps[s].rank = static_cast<int>(s);
  ir.number_makers();
}

}  // namespace bs
