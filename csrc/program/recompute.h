// Steps that a program repeats late, so that what they make need not be kept until then.
#pragma once

#include <climits>
#include <utility>
#include <vector>

#include "program/ir.h"

namespace bs {

// Of what build_ir() gives, before fusing.
Ir copy_of(const Ir& ir);

// Choices are made level by level, each of which leaves less alive at one time than the one before, as far as that
// goes.
class Recompute {
 public:
  // What build_ir() gives; and what fusing and placing have made of it, for the order of steps and for what is stored.
  Recompute(Ir ir, const Ir& planned);

  int levels() const { return static_cast<int>(level_.size()); }
  // The steps, not fused, with the choices of the first so many levels. What is repeated is apart from all else.
  Ir ir(int levels) const;

 private:
  // What is alive when. Times count planned steps and what is repeated before them.
  struct Lives {
    std::vector<int> again;       // of steps: that before which it is repeated, or -1
    std::vector<int> step, copy;  // the times of a step and of its repetition
    std::vector<int> last;        // of values: the time when the first one made is read last
    int64_t most = 0;             // bytes
    int peak = 0, peaks = 0;      // the first time when so much is alive; how many there are
  };
  // Steps to be repeated together, and up to which step what they made first is read.
  struct Choice {
    std::vector<std::pair<int, int>> steps;
    int64_t freed = 0;  // bytes at the peak
    double weight = 0;  // nanoseconds per byte, and more where much would have to be repeated at once
  };
  struct Gap {
    int until = -1, late = INT_MAX;  // the steps that read before it, and after it
    bool there = false;
  };
  class Components;

  void sort(const Ir& planned);
  void choose();
  // The steps before which those are repeated that the first n choices say, or -1.
  std::vector<int> places(size_t n) const;
  Lives lives() const;
  Gap gap(int s, const Lives& lives) const;
  Choice consider(int s, const Lives& lives, Components& components) const;
  int64_t bytes_after(int s, const Lives& lives) const;

  bool chosen(int s) const { return choice_of_[static_cast<size_t>(s)] >= 0; }
  bool reads_again(const std::vector<int>& again, int maker, int place) const {
    return again[static_cast<size_t>(maker)] >= 0 && place > until_[static_cast<size_t>(maker)];
  }
  const Step& step(int s) const { return ir_.steps[static_cast<size_t>(s)]; }
  const Value& value(int v) const { return ir_.values[static_cast<size_t>(v)]; }
  // Calls fn(value, its maker) for what step s reads of the arena.
  template <class Fn>
  void each_source(int s, Fn fn) const {
    for (int v : step(s).in) {
      const int root = ir_.root(v);
      if (value(root).home == Home::arena && value(root).maker >= 0) fn(root, value(root).maker);
    }
  }

  Ir ir_;
  const int n_;
  std::vector<int64_t> bytes_;             // of values, where they are stored in the arena
  std::vector<int> first_;                 // of steps: the first one of the planned step that it is in
  std::vector<std::vector<int>> readers_;  // of steps: those that read what it makes, ascending
  std::vector<bool> repeatable_;           // of steps
  std::vector<double> cost_;               // of steps: nanoseconds
  std::vector<int> until_;                 // of steps that are chosen
  std::vector<int> choice_of_;             // of steps: its place in choices_, or -1
  std::vector<int> choices_;               // steps
  std::vector<int> level_;                 // how many choices each level has, with those before
};

}  // namespace bs
