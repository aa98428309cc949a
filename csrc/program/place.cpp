// Placement over the batch. A step is cut into shards; a step that reads only the same shard of what an earlier step
// of the phase made may follow it without waiting. All else begins a new phase.
#include <algorithm>
#include <map>
#include <numeric>
#include <sstream>

#include "graph/apply.h"
#include "ops/loop.h"
#include "program/ir.h"

namespace bs {
namespace {

// A phase shorter than this runs on one thread: two threads meet in about 2 us here (spinning), 5 us with a wake-up.
constexpr double kPhaseNanoseconds = 10e3;
// Chains of shards are kept only while they leave enough to share out.
constexpr int64_t kEnoughShards = 8;
// One instruction of a list on one element, from L1: 0.02 (v4) to 0.03 (v3) where it is cheap, exp 0.2 to 0.35.
constexpr double kInstructionNanoseconds = 0.04;
constexpr double kBytesPerNanosecond = 20;
// Of an op's result, between its making and its epilogue: half of L1.
constexpr int64_t kBlockBytes = 32 * 1024;

double list_cost(const kernels::EwList& list, int64_t elements, double bytes) {
  return bytes / kBytesPerNanosecond + static_cast<double>(elements) * list.n_instr * kInstructionNanoseconds;
}

void place_step(const Ir& ir, Step& s) {
  auto spec = [&](int v) -> const Spec& { return ir.values[static_cast<size_t>(v)].spec; };
  const Dims& shape = spec(s.out[0]).shape;
  double bytes = 0;  // that the list adds
  for (size_t i = static_cast<size_t>(s.n_op_in); i < s.in.size(); ++i) bytes += static_cast<double>(ir.bytes(s.in[i]));
  for (size_t i = static_cast<size_t>(s.n_op_out); i < s.out.size(); ++i)
    bytes += static_cast<double>(ir.bytes(s.out[i]));
  if (s.op) {
    const StepSpecs specs(ir, s);
    s.place = s.op->place ? s.op->place(s.attrs.get(), specs.in(), specs.out()) : Placement{};
    s.cost = forward_cost(*s.op, s.attrs.get(), specs.in(), specs.out(), specs.n_out());
  } else {
    s.place.extent = ops::loop_extent(shape);
  }
  if (s.list) {
    s.cost += list_cost(*s.list, numel(shape), bytes);
    for (size_t i = static_cast<size_t>(s.n_op_in); i < s.in.size(); ++i)
      if (spec(s.in[i]).contiguous() && spec(s.in[i]).shape == shape) s.place.aligned.set(static_cast<int>(i));
  }
  s.unit = numel(shape) / std::max<int64_t>(s.place.extent, 1);
  if (s.op && s.list) {
    const int64_t unit = std::max<int64_t>(ir.bytes(s.out[0]) / std::max<int64_t>(s.place.extent, 1), 1);
    const int64_t block = s.place.block > 0 ? s.place.block : std::max<int64_t>(kBlockBytes / unit, 1);
    s.place.block = (block + s.place.granule - 1) / s.place.granule * s.place.granule;
  }
  s.cut = s.place.extent;
  s.cut_granule = s.place.granule;
}

// A view that keeps the row-major order of all elements hands shards on.
bool whole(const Ir& ir, int v) {
  const Value& w = ir.values[static_cast<size_t>(v)];
  return w.home != Home::view || (w.offset == 0 && w.spec.contiguous() && ir.bytes(v) == ir.bytes(w.base));
}

// A phase that is planned to last longer need not grow: threads that meet cost it little, and what lies close together
// finds its operands in the caches.
constexpr double kLongPhase = 200e3;
// Steps that are looked through for one that may run before the next.
constexpr int kLookAhead = 512;

class Placer {
 public:
  explicit Placer(Ir& ir)
      : ir_(ir),
        n_(static_cast<int>(ir.steps.size())),
        chain_(ir.steps.size()),
        phase_of_(ir.steps.size(), -1),
        waits_in_(ir.steps.size(), -1) {
    std::iota(chain_.begin(), chain_.end(), 0);
    size_t n_slots = 0;
    for (const Value& v : ir.values)
      if (v.home == Home::slot || v.home == Home::next) n_slots = std::max(n_slots, static_cast<size_t>(v.index) + 1);
    reader_.assign(n_slots, -1);
  }

  // Takes the steps in order; but before one that would have to wait, those that need not. So the gradients of all
  // layers' inputs are one phase, and the gradients of their weights, which wait for whole batches, another.
  std::vector<Phase> run() {
    int next = 0;
    while (static_cast<int>(order_.size()) < n_) {
      while (phase_of(next) >= 0) ++next;
      int s = next;
      Join join = how_to_join(s);
      if (join.waits && !empty()) {
        s = cost_ < kLongPhase ? another(next, join) : -1;
        if (s < 0) {
          close();
          continue;
        }
      }
      take(s, join);
    }
    if (!empty()) close();
    reorder();
    // Neighbours that run on one thread need no meeting.
    std::vector<Phase> joined;
    for (Phase& p : phases_) {
      if (joined.empty() || joined.back().parallel || p.parallel) {
        joined.push_back(std::move(p));
        continue;
      }
      joined.back().last = p.last;
      joined.back().cost += p.cost;
    }
    return joined;
  }

 private:
  // How a step would run in the phase that is open: after waiting for all of it, or cut as those whose shards it takes.
  struct Join {
    bool waits = false;
    std::vector<int> makers;
    int64_t cut = 1, granule = 1;
  };

  Step& step(int s) { return ir_.steps[static_cast<size_t>(s)]; }
  const Value& value(int v) const { return ir_.values[static_cast<size_t>(v)]; }
  int phase_of(int s) const { return phase_of_[static_cast<size_t>(s)]; }
  bool empty() const { return first_ == order_.size(); }
  int find(int s) {
    while (chain_[static_cast<size_t>(s)] != s) {
      int& up = chain_[static_cast<size_t>(s)];
      up = chain_[static_cast<size_t>(up)];  // halves the way for the next one
      s = up;
    }
    return s;
  }
  bool host(int s) { return step(s).op && step(s).op->host; }

  Join how_to_join(int s) {
    Join j;
    for (size_t i = 0; i < step(s).in.size(); ++i) {
      const int v = step(s).in[i];
      const int maker = value(ir_.root(v)).maker;
      if (maker < 0 || phase_of(maker) != phase_) continue;
      j.makers.push_back(maker);
      j.waits |= step(maker).place.outputs_whole || !step(s).place.aligned.has(static_cast<int>(i)) || !whole(ir_, v);
    }
    // A new value of a slot may overwrite the old one: its readers come first, and so does all that may fail, on every
    // thread.
    for (int v : step(s).out)
      if (value(v).home == Home::next)
        j.waits |= failing_ == phase_ || reader_[static_cast<size_t>(value(v).index)] == phase_;
    j.waits |= host(s) || hosts_ == phase_;
    // One cut for the whole chain, or a new phase.
    int64_t most = step(s).place.extent;
    j.cut = most;
    for (int m : j.makers) {
      const int64_t other = step(find(m)).cut;
      most = std::max(most, other);
      const int64_t common = std::gcd(j.cut, other);
      j.waits |= common != std::min(j.cut, other);
      j.cut = common;
    }
    j.waits |= j.cut < most && j.cut < kEnoughShards;
    // Places where all extents of the chain, `cut` times something, may be cut.
    auto fit = [&](int64_t extent, int64_t own) {
      const int64_t each = j.cut > 0 ? std::max<int64_t>(extent / j.cut, 1) : 1;
      j.granule = std::lcm(j.granule, own / std::gcd(own, each));
    };
    fit(step(s).place.extent, step(s).place.granule);
    for (int m : j.makers) fit(step(find(m)).cut, step(find(m)).cut_granule);
    j.waits |= !j.makers.empty() && j.granule >= j.cut && j.granule > 1;
    return j;
  }

  // A later step than `next` that need not wait, or -1. Steps that fail, have effects or write slots keep their place.
  int another(int next, Join& join) {
    const int end = std::min(n_, next + kLookAhead);
    for (int s = next + 1; s < end; ++s) {
      if (phase_of(s) >= 0 || waits_in_[static_cast<size_t>(s)] == phase_ || !movable(s) || !ready(s)) continue;
      join = how_to_join(s);
      if (!join.waits) return s;
      waits_in_[static_cast<size_t>(s)] = phase_;
    }
    return -1;
  }
  bool movable(int s) {
    const Step& t = step(s);
    if (t.op && (t.op->may_fail() || t.op->effect)) return false;
    return std::none_of(t.out.begin(), t.out.end(), [&](int v) { return value(v).home == Home::next; });
  }
  bool ready(int s) {
    return std::all_of(step(s).in.begin(), step(s).in.end(), [&](int v) {
      const int maker = value(ir_.root(v)).maker;
      return maker < 0 || phase_of(maker) >= 0;
    });
  }

  void take(int s, const Join& join) {
    phase_of_[static_cast<size_t>(s)] = phase_;
    order_.push_back(s);
    cost_ += step(s).cost;
    if (step(s).op && step(s).op->may_fail()) failing_ = phase_;
    if (host(s)) hosts_ = phase_;
    for (int v : step(s).in) {
      const Value& old = value(ir_.root(v));
      if (old.home == Home::slot) reader_[static_cast<size_t>(old.index)] = phase_;
    }
    if (join.makers.empty()) return;
    for (int m : join.makers) chain_[static_cast<size_t>(find(m))] = s;
    step(s).cut = join.cut;
    step(s).cut_granule = join.granule;
  }

  void close() {
    Phase p{static_cast<int>(first_), static_cast<int>(order_.size()), false, false, cost_, {}};
    std::map<int, size_t> chain_of;  // by the step that stands for it
    for (size_t i = first_; i < order_.size(); ++i) {
      Step& s = step(order_[i]);
      const int stands = find(order_[i]);
      const auto [it, added] = chain_of.try_emplace(stands, p.chains.size());
      if (added) p.chains.push_back({{}, step(stands).cut, step(stands).cut_granule});
      Chain& chain = p.chains[it->second];
      chain.steps.push_back(static_cast<int>(i));
      chain.cost += s.cost;
      s.cut = chain.cut;
      s.cut_granule = chain.granule;
      p.parallel |= s.cut > s.cut_granule;
      p.merges |= s.op && s.op->merge;
    }
    p.parallel &= cost_ > kPhaseNanoseconds;
    if (!p.parallel) p.chains.clear();
    phases_.push_back(std::move(p));
    first_ = order_.size();
    cost_ = 0;
    ++phase_;
  }

  void reorder() {
    std::vector<Step> steps;
    for (int s : order_) steps.push_back(std::move(step(s)));
    ir_.steps = std::move(steps);
    ir_.number_makers();
  }

  Ir& ir_;
  const int n_;
  std::vector<int> order_;  // of steps: those of the open phase from first_ on
  size_t first_ = 0;
  std::vector<int> chain_;         // steps that hand shards to each other, as a forest
  std::vector<int> phase_of_;      // of steps that are placed
  std::vector<int> waits_in_;      // of steps: a phase in which it is known to have to wait
  int phase_ = 0;                  // the open phase
  int failing_ = -1, hosts_ = -1;  // the last one in which a step may fail, or calls the host
  std::vector<int> reader_;        // of slots: the last phase that reads the old value
  double cost_ = 0;                // of the open phase
  std::vector<Phase> phases_;
};

}  // namespace

std::vector<Phase> place(Ir& ir) {
  for (Step& s : ir.steps) place_step(ir, s);
  return Placer(ir).run();
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
