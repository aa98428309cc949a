// Phases: which steps run part by part, one after the other, without waiting.
//
// An op says into how many units its call may be cut, and which inputs part k reads only the k-th part of
// (`Placement`). Of an input that is a view, shards.cpp finds into how many pieces it splits so that each lies in the
// same fraction of its memory (`Step::pieces`). So steps whose inputs are made in the same phase can hand parts on:
// they form a chain, which is cut into the greatest number of equal parts that all of its steps and views can be cut
// into.
//
// Say x is (12, 64, 128): 12 sentences of 64 words. linear makes (12, 64, 384) in 768 rows; q, k and v are views
// (12, 4, 64, 32) of it, which split into 12; the product q k^T has 48 matrices of 64 rows, so 3072 units, and reads
// the whole k of a matrix, so its granule is 64; softmax has 3072 rows. The chain is cut into
// gcd(768, 12, 3072, 3072) = 12: part [3, 6) is rows [192, 384) of linear and units [768, 1536) of the product. The
// bias gradient of linear sums over all rows: it reads no part, so it waits for the next phase.
#include <algorithm>
#include <map>
#include <numeric>
#include <queue>

#include "base/parallel.h"
#include "program/ir.h"

namespace bs {
namespace {

// A chain keeps at least so many parts per thread, if some step of it has them: so a thread that is late leaves parts
// to the others.
constexpr int64_t kPartsPerThread = 4;

// A phase that is planned to last longer need not grow: threads that meet cost it little, and what lies close together
// finds its operands in the caches.
constexpr double kLongPhase = 200e3;
// Steps that are looked through for one that may run before the next.
constexpr int kLookAhead = 512;

class Placer {
 public:
  Placer(Ir& ir, int threads)
      : ir_(ir),
        n_(static_cast<int>(ir.steps.size())),
        enough_(kPartsPerThread * std::max(threads, 2)),
        users_(ir.steps.size()),
        missing_(ir.steps.size(), 0),
        chain_(ir.steps.size()),
        phase_of_(ir.steps.size(), -1) {
    std::iota(chain_.begin(), chain_.end(), 0);
    size_t n_slots = 0;
    for (const Value& v : ir.values)
      if (v.home == Home::slot || v.home == Home::next) n_slots = std::max(n_slots, static_cast<size_t>(v.index) + 1);
    reader_.assign(n_slots, -1);
    for (int s = 0; s < n_; ++s)
      for (int v : step(s).in)
        if (const int maker = value(ir_.root(v)).maker; maker >= 0) {
          users_[static_cast<size_t>(maker)].push_back(s);
          ++missing_[static_cast<size_t>(s)];
        }
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
  // How a step would run in the phase that is open: after waiting for all of it, or as part of the chain of those that
  // make what it reads.
  struct Join {
    bool waits = false;
    std::vector<int> makers;
    int64_t cut = 1, granule = 1;
  };

  Step& step(int s) { return ir_.steps[static_cast<size_t>(s)]; }
  const Value& value(int v) const { return ir_.values[static_cast<size_t>(v)]; }
  int phase_of(int s) const { return phase_of_[static_cast<size_t>(s)]; }
  bool empty() const { return first_ == order_.size(); }
  bool host(int s) { return step(s).op && step(s).op->host; }
  // The step that stands for the chain of s.
  int find(int s) {
    while (chain_[static_cast<size_t>(s)] != s) {
      int& up = chain_[static_cast<size_t>(s)];
      up = chain_[static_cast<size_t>(up)];  // halves the way for the next one
      s = up;
    }
    return s;
  }
  static int64_t parts(int64_t cut, int64_t granule) { return (cut + granule - 1) / granule; }

  Join how_to_join(int s) {
    Join j;
    j.waits = host(s) || hosts_ == phase_;
    // A new value of a slot may overwrite the old one: its readers come first, and so does all that may fail, on every
    // thread.
    for (int v : step(s).out)
      if (value(v).home == Home::next)
        j.waits |= failing_ == phase_ || reader_[static_cast<size_t>(value(v).index)] == phase_;
    j.cut = step(s).place.extent;
    int64_t most = parts(j.cut, step(s).place.granule);  // that one of them alone could be cut into
    for (size_t i = 0; i < step(s).in.size() && !j.waits; ++i) {
      const int maker = value(ir_.root(step(s).in[i])).maker;
      if (maker < 0 || phase_of(maker) != phase_) continue;
      const Step& chain = step(find(maker));
      j.makers.push_back(maker);
      j.cut = std::gcd(std::gcd(j.cut, chain.cut), step(s).pieces[i]);
      most = std::max(most, parts(chain.cut, chain.cut_granule));
      j.waits = step(maker).place.outputs_whole || step(s).pieces[i] == 1;
    }
    if (j.waits || j.makers.empty()) return j;
    // Of what is cut `cut` times something at multiples of `own`.
    auto fit = [&](int64_t extent, int64_t own) {
      const int64_t each = j.cut > 0 ? std::max<int64_t>(extent / j.cut, 1) : 1;
      j.granule = std::lcm(j.granule, own / std::gcd(own, each));
    };
    fit(step(s).place.extent, step(s).place.granule);
    for (int m : j.makers) fit(step(find(m)).cut, step(find(m)).cut_granule);
    j.waits = parts(j.cut, j.granule) < std::min(most, enough_);
    return j;
  }

  // A later step than `next` that need not wait, or -1. Steps that fail, have effects, write slots or parts of values,
  // or are computed again keep their place. Each is asked once per phase, when all that it reads is there.
  int another(int next, Join& join) {
    const int end = std::min(n_, next + kLookAhead);
    looked_ = std::max(looked_, next + 1);
    while (true) {
      int s;
      if (!again_.empty() && again_.top() < looked_) {
        s = again_.top();
        again_.pop();
        if (s <= next) continue;
      } else if (looked_ < end) {
        s = looked_++;
      } else {
        return -1;
      }
      if (phase_of(s) >= 0 || missing_[static_cast<size_t>(s)] > 0 || !movable(s)) continue;
      join = how_to_join(s);
      if (!join.waits) return s;
    }
  }
  bool movable(int s) {
    const Step& t = step(s);
    if (t.apart != 0 || t.writes_part() || (t.op && (t.op->may_fail() || t.op->effect))) return false;
    return std::none_of(t.out.begin(), t.out.end(), [&](int v) { return value(v).home == Home::next; });
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
    for (int user : users_[static_cast<size_t>(s)])
      if (--missing_[static_cast<size_t>(user)] == 0 && user < looked_) again_.push(user);
    step(s).cut = step(s).place.extent;
    step(s).cut_granule = step(s).place.granule;
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
      p.merges |= s.op && s.op->merge && s.place.outputs_whole;
    }
    p.parallel &= cost_ > kPhaseNanoseconds;
    if (!p.parallel) p.chains.clear();
    phases_.push_back(std::move(p));
    first_ = order_.size();
    cost_ = 0;
    ++phase_;
    looked_ = 0;
    again_ = {};
  }

  void reorder() {
    std::vector<Step> steps;
    steps.reserve(order_.size());
    for (int s : order_) steps.push_back(std::move(step(s)));
    ir_.steps = std::move(steps);
    ir_.number_makers();
  }

  Ir& ir_;
  const int n_;
  const int64_t enough_;
  std::vector<std::vector<int>> users_;  // of steps: those that read what it makes
  std::vector<int> missing_;             // of steps: how many of its inputs are not made yet
  std::vector<int> order_;               // of steps: those of the open phase from first_ on
  size_t first_ = 0;
  std::vector<int> chain_;         // steps that hand shards to each other, as a forest
  std::vector<int> phase_of_;      // of steps that are placed
  int phase_ = 0;                  // the open phase
  int failing_ = -1, hosts_ = -1;  // the last one in which a step may fail, or calls the host
  std::vector<int> reader_;        // of slots: the last phase that reads the old value
  double cost_ = 0;                // of the open phase
  // Steps before looked_ have been asked in the open phase, but those in again_, which could not be then.
  int looked_ = 0;
  std::priority_queue<int, std::vector<int>, std::greater<>> again_;
  std::vector<Phase> phases_;
};

}  // namespace

std::vector<Phase> place(Ir& ir, int threads) {
  std::sort(ir.steps.begin(), ir.steps.end(), [](const Step& a, const Step& b) { return a.rank < b.rank; });
  ir.number_makers();
  for (Step& s : ir.steps) place_step(ir, s);
  return Placer(ir, threads).run();
}

}  // namespace bs
