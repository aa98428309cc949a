// Fusing: elementwise steps of one loop shape become one list, which reads each operand once and keeps what lies
// between in registers. A list that reads what another op makes becomes the epilogue of that op, run on each block of
// the result while it is in the caches.
#include <algorithm>

#include "program/groups.h"

namespace bs {
namespace {

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
  // Whether the list of the two fits the limits.
  bool fits(int a, int b, int head) {
    const auto &one = groups_[a].members, &other = groups_[b].members;
    if (one.size() + other.size() > kernels::kMaxListInstr + (head >= 0 ? 1 : 0)) return false;
    both_.clear();
    std::merge(one.begin(), one.end(), other.begin(), other.end(), std::back_inserter(both_));
    const int of[] = {a, b};
    return draft_list(groups_, of, both_, head, draft_);
  }

  // Whether step s, which reads what `maker` makes, is computed again and that is not: it comes late.
  bool comes_again(int maker, int s) {
    const uint32_t apart = groups_.step(s).apart;
    return apart != 0 && groups_.step(maker).apart != apart;
  }

  // Group a makes what group b reads.
  void try_join(int a, int b) {
    if (a == b) return;
    const int first = groups_[a].first(), second = groups_[b].first();
    const DType dtype = groups_.compute(first);
    if (!(groups_.out_spec(first).shape == groups_.out_spec(second).shape) || dtype != groups_.compute(second)) return;
    if (groups_.kept_apart(a, b)) return;
    const auto makes = [&](int maker) { return maker >= 0 && groups_.of(maker) == a; };
    for (int s : groups_[b].members)
      for (int v : groups_.step(s).in) {
        const Value& w = groups_.value(v);
        // A view of a member's output needs all of it in memory.
        if (w.home == Home::view && makes(groups_.value(w.base).maker)) return;
        if (!makes(w.maker)) continue;
        if (comes_again(w.maker, s)) return;
        // A value that crosses inside must have the list's arithmetic, or be a truth value.
        if (w.spec.dtype != dtype && w.spec.dtype != DType::b8) return;
        // A truth value that a copy makes is 0 or 1 only once it is stored.
        const Step& maker = groups_.step(w.maker);
        if (w.spec.dtype == DType::b8 && maker.op->elementwise == static_cast<int>(kernels::Ew::copy) &&
            groups_.value(maker.in[0]).spec.dtype != DType::b8)
          return;
      }
    if (fits(a, b, -1)) groups_.join(a, b, -1);
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
        if (groups_.root(v).maker == head && (v != result || comes_again(head, s)))
          return false;  // a view, another output
    if (groups_.kept_apart(a, b) || !fits(a, b, head)) return false;
    groups_.join(a, b, head);
    return true;
  }

  Groups groups_;
  const int n_;
  std::vector<int> both_;
  ListDraft draft_;
};

}  // namespace

void fuse(Ir& ir) {
  ir.steps = Fuser(ir).run();
  for (size_t s = 0; s < ir.steps.size(); ++s) ir.steps[s].rank = static_cast<int>(s);
  ir.number_makers();
}

}  // namespace bs
