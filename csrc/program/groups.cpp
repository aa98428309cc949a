#include "program/groups.h"

#include <algorithm>

#include "ops/loop.h"

namespace bs {
namespace {

// Groups further apart in the order are not joined. What lies between has to be looked at, and moved; and to join a
// step of the reverse sweep to the forward path that far away would only make what it gives live long.
constexpr int kFar = 256;

}  // namespace

bool Group::has(int step) const { return std::binary_search(members.begin(), members.end(), step); }

Groups::Groups(Ir& ir) : registers(ir.values.size()), last_uses(ir.values.size()), ir_(ir), readers_(ir.values.size()) {
  const int n = static_cast<int>(ir.steps.size());
  int last_effect = -1;
  for (int s = 0; s < n; ++s) {
    effect_before_.push_back(step(s).op->effect ? last_effect : -1);
    if (step(s).op->effect) last_effect = s;
    groups_.push_back({{s}, -1});
    for (int v : step(s).in) readers_[static_cast<size_t>(ir.root(v))].push_back(s);
    group_of_.push_back(s);
    order_.push_back(s);
    place_.push_back(s);
  }
  seen_.assign(groups_.size(), 0);
  for (int s = 0; s < n; ++s) {
    const int v = step(s).writes_part() ? ir.root(step(s).in[0]) : -1;
    written_over_.push_back(v >= 0 && value(v).home == Home::arena && readers(v).back() == s ? v : -1);
  }
}

DType Groups::compute(int s) {
  const Spec* in[3];
  const size_t n = step(s).in.size();
  for (size_t i = 0; i < n; ++i) in[i] = &ir_.spec(step(s).in[i]);
  return ops::list_dtype(*step(s).op, Specs({in, n}), out_spec(s));
}

bool Groups::writes_slot(const Group& g) {
  return std::any_of(g.members.begin(), g.members.end(), [&](int s) {
    return std::any_of(step(s).out.begin(), step(s).out.end(), [&](int v) { return value(v).home == Home::next; });
  });
}

// A way from b to a leads only through groups that lie between them in the order.
bool Groups::kept_apart(int a, int b) {
  const int from = place_[static_cast<size_t>(a)], to = place_[static_cast<size_t>(b)];
  if (to - from > kFar) return true;
  ++question_;
  between_.clear();
  bool around = false;
  const auto visit = [&](int g) {
    for (int s : groups_[static_cast<size_t>(g)].members)
      each_source(s, [&](int source) {
        const int h = of(source);
        around |= h == a && g != b;
        if (place_[static_cast<size_t>(h)] <= from || h == b || seen_[static_cast<size_t>(h)] == question_) return;
        seen_[static_cast<size_t>(h)] = question_;
        between_.push_back(h);
      });
  };
  visit(b);
  for (size_t i = 0; i < between_.size() && !around; ++i) visit(between_[i]);
  return around;
}

// What b depends on comes before both, all else that was between them after.
void Groups::join(int a, int b, int head) {
  Group &one = (*this)[a], &other = (*this)[b];
  for (int s : other.members) group_of_[static_cast<size_t>(s)] = a;
  std::vector<int> both;
  std::merge(one.members.begin(), one.members.end(), other.members.begin(), other.members.end(),
             std::back_inserter(both));
  one.members = std::move(both);
  one.head = head;
  other.members.clear();

  const int from = place_[static_cast<size_t>(a)], to = place_[static_cast<size_t>(b)];
  std::vector<int> before, after{a};
  for (int at = from; at <= to; ++at) {
    const int g = order_[static_cast<size_t>(at)];
    if (g < 0 || g == a || g == b) continue;
    (seen_[static_cast<size_t>(g)] == question_ ? before : after).push_back(g);
  }
  before.insert(before.end(), after.begin(), after.end());
  for (int at = from; at <= to; ++at) {
    const size_t i = static_cast<size_t>(at - from);
    const int g = i < before.size() ? before[i] : -1;
    order_[static_cast<size_t>(at)] = g;
    if (g >= 0) place_[static_cast<size_t>(g)] = at;
  }
}

}  // namespace bs
