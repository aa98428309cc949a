// What fusing works on: steps gathered in groups that will be one step each, in an order that their inputs allow.
#pragma once

#include <vector>

#include "program/ir.h"

namespace bs {

// Steps that will be one; single steps are groups too.
struct Group {
  std::vector<int> members;  // ascending; none: they have gone to another group
  int head = -1;             // the member that is no elementwise op, if there are others
  int first() const { return members.front(); }
  int last() const { return members.back(); }
  bool has(int step) const;
};

// Numbers noted for some of many things, and all forgotten at once.
class Notes {
 public:
  explicit Notes(size_t n) : when_(n, 0), number_(n) {}
  void forget() { ++now_; }
  // Null where nothing is noted.
  int* find(int i) { return when_[static_cast<size_t>(i)] == now_ ? &number_[static_cast<size_t>(i)] : nullptr; }
  void set(int i, int number) {
    when_[static_cast<size_t>(i)] = now_;
    number_[static_cast<size_t>(i)] = number;
  }

 private:
  std::vector<uint32_t> when_;
  std::vector<int> number_;
  uint32_t now_ = 0;
};

class Groups {
 public:
  explicit Groups(Ir& ir);

  int count() const { return static_cast<int>(groups_.size()); }
  Group& operator[](int g) { return groups_[static_cast<size_t>(g)]; }
  int of(int step) const { return group_of_[static_cast<size_t>(step)]; }

  const Ir& ir() const { return ir_; }
  Step& step(int s) { return ir_.steps[static_cast<size_t>(s)]; }
  Value& value(int v) { return ir_.values[static_cast<size_t>(v)]; }
  // The memory that v lies in.
  Value& root(int v) { return value(ir_.root(v)); }
  const Spec& out_spec(int s) { return value(step(s).out[0]).spec; }
  // Whether lists may run step s.
  bool elementwise(int s) {
    const Op& op = *step(s).op;
    return op.elementwise >= 0 && (!op.explain || is_float(out_spec(s).dtype));
  }
  bool may_fail(int s) { return !elementwise(s) && step(s).op->may_fail(); }
  // The arithmetic of an elementwise step.
  DType compute(int s);
  // Steps that read the root value v, or a view of it.
  const std::vector<int>& readers(int v) const { return readers_[static_cast<size_t>(v)]; }
  bool writes_slot(const Group& g);

  // Calls fn(step) for those that must come before step s: they make what it reads, have an effect before its own, or
  // read what it writes over.
  template <class Fn>
  void each_source(int s, Fn fn) {
    if (const int b = effect_before_[static_cast<size_t>(s)]; b >= 0) fn(b);
    if (const int v = written_over_[static_cast<size_t>(s)]; v >= 0)
      for (int reader : readers(v))
        if (reader != s) fn(reader);
    for (int v : step(s).in)
      if (const int maker = root(v).maker; maker >= 0) fn(maker);
  }

  // Whether group b, which depends on group a, may not join it: it also depends on a through a third group, which then
  // could come neither before nor after both; or the two are far apart.
  bool kept_apart(int a, int b);
  // Makes one group, a, of two that were just found not to be kept apart.
  void join(int a, int b, int head);

  // Of values, for write_list().
  Notes registers, last_uses;

 private:
  Ir& ir_;
  std::vector<Group> groups_;
  std::vector<int> group_of_;              // of steps
  std::vector<std::vector<int>> readers_;  // of values
  std::vector<int> effect_before_;         // of a step with an effect: the last such step before it
  std::vector<int> written_over_;          // of a step, the last to read a value, that changes part of it: the value
  // The order: a group comes after all that it depends on. -1 where groups have gone.
  std::vector<int> order_;
  std::vector<int> place_;      // of groups: where in order_
  std::vector<int> between_;    // groups that b of the last question depends on and that come after a
  std::vector<uint32_t> seen_;  // of groups: the last question that met it
  uint32_t question_ = 0;
};

// A list in the making: operands are values, the head's result first.
struct ListDraft {
  std::vector<int> members, in, out, free;
  kernels::EwInstr instr[kernels::kMaxListInstr];
  int n_temp;
};
// Of the steps of some groups, which stand in the order of `members`. False if it does not fit the limits of lists.
bool draft_list(Groups& groups, std::span<const int> of, const std::vector<int>& members, int head, ListDraft& draft);
// The list of a group whose draft fits.
void write_list(Groups& groups, const ListDraft& draft, kernels::EwList& list);

// Makes a step of every group, in an order for running.
std::vector<Step> ordered_steps(Groups& groups);

}  // namespace bs
