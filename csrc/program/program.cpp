#include "program/program.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <unordered_set>

#include "base/parallel.h"
#include "program/recompute.h"

namespace bs {

Program::Program(const Capture& capture, std::span<const Tensor> inputs, const std::vector<Tensor>& outputs,
                 bool keep_grads, int64_t budget)
    : n_results_(outputs.size()) {
  std::vector<Tensor> roots = outputs;
  for (const auto& c : capture.cells) {
    if (c.assumed_empty) (c.read || (c.current && keep_grads) ? empty_cells_ : valueless_cells_).push_back(c.cell);
    if (!c.written) continue;
    if (!c.current) {
      cleared_cells_.push_back(c.cell);
    } else if (keep_grads) {
      kept_cells_.push_back(c.cell);
      roots.push_back(c.current);
    } else {
      stale_cells_.push_back(c.cell);
    }
  }
  for (const Tensor& t : roots) {
    Spec s;
    s.dtype = t.dtype();
    s.shape = t.shape();
    output_specs_.push_back(s);
  }
  Ir ir = build_ir(capture, inputs, roots);
  for (const auto& s : capture.slots) slots_.push_back({s.slot, s.symbol.node()->cell, s.symbol.dtype()});
  for (auto [slot, value] : ir.commits) slots_[static_cast<size_t>(slot)].written = true;
  for (const Step& s : ir.steps) calls_host_ |= s.op->host;
  bound_.resize(slots_.size());
  lock_order_.resize(slots_.size());
  std::iota(lock_order_.begin(), lock_order_.end(), size_t{0});
  std::sort(lock_order_.begin(), lock_order_.end(),
            [&](size_t a, size_t b) { return std::less<>()(slots_[a].slot.get(), slots_[b].slot.get()); });
  if (budget == kNoBudget)
    set(std::move(ir));
  else
    fit(std::move(ir), budget);
  make_ready();
}

// Places the steps of what build_ir() has made.
void Program::set(Ir ir) {
  fuse(ir);
  ir_ = std::move(ir);
  placed_for_ = members_ = 0;
  place_for(num_threads());
  cost_ = 0;
  for (const Step& s : ir_.steps) cost_ += s.cost;
}

// Of the layouts for one thread and for several.
int64_t Program::planned_peak() {
  int64_t peak = 0;
  const bool parallel = std::any_of(phases_.begin(), phases_.end(), [](const Phase& p) { return p.parallel; });
  for (int members = 1; members <= placed_for_; members += placed_for_ - 1) {
    if (members > 1 && !parallel) break;
    lay_out(members);
    peak = std::max(peak, memory_use().peak());
  }
  return peak;
}

// Each level leaves less alive at one time, in the order that was planned; but what is repeated changes that. So where
// the last level needs too much, some before it are tried; and then what is best so far is where to start from.
void Program::fit(Ir ir, int64_t budget) {
  constexpr int kPasses = 6, kTries = 8;
  constexpr double kWorth = 0.99;
  set(copy_of(ir));
  const int64_t all = planned_peak();
  int64_t least = all;
  for (int pass = 0; least > budget; ++pass) {
    const Recompute recompute(std::move(ir), ir_);
    int planned = 0, best = 0;
    const auto peak = [&](int levels) {
      set(recompute.ir(planned = levels));
      return planned_peak();
    };
    const int64_t before = least;
    const int step = std::max(recompute.levels() / kTries, 1);
    for (int levels = recompute.levels(); levels > 0 && least > budget; levels -= step)
      if (const int64_t bytes = peak(levels); bytes < least) {
        least = bytes;
        best = levels;
      }
    if (least > budget && (pass + 1 == kPasses || static_cast<double>(least) > kWorth * static_cast<double>(before)))
      throw BudgetError(cat("[compile] recompute is ", budget, " bytes, but the program needs at least ", least,
                            " of them at one time, and ", all,
                            " if nothing is computed again: give more, or make the batch smaller"));
    if (least <= budget)
      for (int too_much = 0; best - too_much > 1;) {
        const int middle = too_much + (best - too_much) / 2;
        (peak(middle) <= budget ? best : too_much) = middle;
      }
    ir = recompute.ir(best);
    if (planned != best) set(copy_of(ir));
  }
}

// Phases and layout for the number of threads that there are now; how many of them run it.
int Program::make_ready() {
  int members = 1;
  if (const int threads = num_threads(); threads > 1 && cost_ > kTeamNanoseconds) {
    place_for(threads);
    if (std::any_of(phases_.begin(), phases_.end(), [](const Phase& p) { return p.parallel; })) members = threads;
  }
  if (members != members_) lay_out(members);
  return members;
}

// One thread runs what is placed for two.
void Program::place_for(int threads) {
  threads = std::max(threads, 2);
  if (threads == placed_for_) return;
  std::lock_guard guard(plan_lock_);
  placed_for_ = members_ = 0;  // what throws leaves no plan behind
  phases_.clear();
  phases_ = place(ir_, threads);
  split_phases(ir_, phases_, threads);
  placed_for_ = threads;
}

Program::Plan Program::plan() const {
  std::lock_guard guard(plan_lock_);
  return {str(ir_, phases_), phases_, memory_use()};
}

Program::MemoryUse Program::memory_use() const {
  MemoryUse use{};
  use.arena = arena_bytes_;
  use.scratch = scratch_bytes_;
  std::unordered_set<const Buffer*> constants;
  for (size_t v = 0; v < ir_.values.size(); ++v) {
    const Value& value = ir_.values[v];
    const int64_t bytes = ir_.bytes(static_cast<int>(v));
    if (value.home == Home::input) use.arguments += bytes;
    if (value.home == Home::slot) use.slots += bytes;
    if (value.home == Home::constant)
      if (const Buffer* held = value.constant.out().buffer.get(); constants.insert(held).second)
        use.constants += static_cast<int64_t>(held->bytes);
  }
  for (auto [slot, value] : ir_.commits)
    if (slots_[static_cast<size_t>(slot)].shadow) use.new_values += ir_.bytes(value);
  for (int v : ir_.outputs) use.outputs += ir_.bytes(v);
  const auto bytes = [](const auto& v) { return static_cast<int64_t>(v.size() * sizeof(v[0])); };
  use.steps = bytes(ir_.values) + bytes(ir_.steps) + bytes(calls_) + bytes(views_) + bytes(slot_patches_) +
              bytes(argument_patches_);
  for (const Step& s : ir_.steps)
    use.steps += bytes(s.in) + bytes(s.out) + bytes(s.pieces) + (s.list ? static_cast<int64_t>(sizeof *s.list) : 0);
  return use;
}

// The new value of a slot is made in place of the old one, unless a step still reads the old one then, or a step that
// may fail comes later.
void Program::find_shadows() {
  int last_failing = -1;
  struct Read {
    int step;
    size_t operand;
  };
  std::vector<std::vector<Read>> reads(slots_.size());  // of the old values, ascending
  for (size_t s = 0; s < ir_.steps.size(); ++s) {
    if (const Op* op = ir_.steps[s].op; op && op->may_fail()) last_failing = static_cast<int>(s);
    for (size_t i = 0; i < ir_.steps[s].in.size(); ++i) {
      const Value& root = ir_.values[static_cast<size_t>(ir_.root(ir_.steps[s].in[i]))];
      if (root.home == Home::slot) reads[static_cast<size_t>(root.index)].push_back({static_cast<int>(s), i});
    }
  }
  for (auto [slot, value] : ir_.commits) {
    const int maker = ir_.values[static_cast<size_t>(value)].maker;
    bool& shadow = slots_[static_cast<size_t>(slot)].shadow;
    shadow = false;
    // A call-back may look at the slot, and keep what it sees.
    shadow |= maker <= last_failing || calls_host_;
    // The step that writes it may read it before, element by element.
    for (const Read& r : reads[static_cast<size_t>(slot)])
      shadow |= r.step > maker || (r.step == maker &&
                                   !ir_.steps[static_cast<size_t>(maker)].reads_first(ir_, r.operand, ir_.spec(value)));
  }
}

bool Program::fits_slots() const {
  return std::all_of(slots_.begin(), slots_.end(), [](const SlotBinding& s) {
    return s.slot->cell.get() == s.cell.get() && s.slot->spec().dtype == s.dtype;
  });
}

}  // namespace bs
