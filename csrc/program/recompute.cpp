// A value of the forward pass that the backward pass reads lives long. Instead its maker may be repeated before the
// first step that reads it late: from then on all read what that makes. What the maker reads has to be there, so it
// lives longer, or is made again too. So a step stands for its repetition before the first step that needs it again,
// a late reader or another repetition: what is repeated hangs together as the segments of checkpoints do.
//
// What is alive is summed over the planned order. A planned step needs all of its operands at once, so its steps have
// one time, and what lies between them needs no memory.
//
// Choices are greedy: at the time when most is alive, those that cost the fewest nanoseconds per byte that they free.
// Each level frees a small part; one after which as much is alive, as repeating takes memory too, is taken back.
#include "program/recompute.h"

#include <algorithm>
#include <numeric>
#include <queue>

#include "graph/apply.h"

namespace bs {
namespace {

// A level frees at least this part of what is alive before any; there are at most so many, and so many tries in a row
// may fail.
constexpr int64_t kPortions = 64;
constexpr int kRounds = 256, kFailures = 48;
// Steps repeated for the sake of one value. Inputs much smaller than it live longer instead.
constexpr size_t kChain = 12;
constexpr int64_t kMuchSmaller = 16;
// How much a choice loses that hangs together with others, by their part of all that is alive.
constexpr double kJoined = 4;

size_t at(int i) { return static_cast<size_t>(i); }

Step unfused(const Step& s) {
  Step t;
  t.op = s.op;
  t.attrs = s.attrs;
  t.in = s.in;
  t.out = s.out;
  t.apart = s.apart;
  return t;
}

}  // namespace

// Chosen steps that read from each other, and the bytes that they make.
class Recompute::Components {
 public:
  explicit Components(const Recompute& r) : r_(r), up_(r.ir_.steps.size()), bytes_(r.ir_.steps.size(), 0) {
    std::iota(up_.begin(), up_.end(), 0);
    for (int s : r.choices_) add(s);
  }
  void add(int s) {
    for (int v : r_.step(s).out) bytes_[at(find(s))] += r_.bytes_[at(v)];
    each_neighbour(s, [&](int other) {
      const int a = find(s), b = find(other);
      if (a == b) return;
      up_[at(b)] = a;
      bytes_[at(a)] += bytes_[at(b)];
    });
  }
  // Of those that s would join.
  int64_t bytes(int s) {
    std::vector<int> seen;
    int64_t sum = 0;
    each_neighbour(s, [&](int other) {
      const int a = find(other);
      if (std::find(seen.begin(), seen.end(), a) != seen.end()) return;
      seen.push_back(a);
      sum += bytes_[at(a)];
    });
    return sum;
  }

 private:
  int find(int s) {
    while (up_[at(s)] != s) s = up_[at(s)] = up_[at(up_[at(s)])];
    return s;
  }
  template <class Fn>
  void each_neighbour(int s, Fn fn) {
    r_.each_source(s, [&](int, int maker) {
      if (r_.chosen(maker)) fn(maker);
    });
    for (int reader : r_.readers_[at(s)])
      if (r_.chosen(reader)) fn(reader);
  }

  const Recompute& r_;
  std::vector<int> up_;
  std::vector<int64_t> bytes_;
};

Ir copy_of(const Ir& ir) {
  Ir made;
  made.values = ir.values;
  made.outputs = ir.outputs;
  made.commits = ir.commits;
  made.steps.reserve(ir.steps.size());
  for (const Step& s : ir.steps) made.steps.push_back(unfused(s));
  return made;
}

Recompute::Recompute(Ir ir, const Ir& planned)
    : ir_(std::move(ir)),
      n_(static_cast<int>(ir_.steps.size())),
      bytes_(ir_.values.size(), 0),
      readers_(ir_.steps.size()),
      until_(ir_.steps.size(), -1),
      choice_of_(ir_.steps.size(), -1) {
  sort(planned);
  for (int s = 0; s < n_; ++s) {
    const Step& t = step(s);
    each_source(s, [&](int, int maker) {
      if (auto& r = readers_[at(maker)]; r.empty() || r.back() != s) r.push_back(s);
    });
    // What may fail comes before new values of slots are written in place: late, it would keep the old ones.
    repeatable_.push_back(!t.op->effect && !t.op->may_fail() &&
                          std::all_of(t.out.begin(), t.out.end(), [&](int v) { return value(v).home == Home::arena; }));
    const StepSpecs specs(ir_, t.in, t.out);
    cost_.push_back(forward_cost(*t.op, t.attrs.get(), specs.in(), specs.out(), specs.n_out()));
  }
  choose();
}

// As planned. What is not stored lies between the instructions of one planned step.
void Recompute::sort(const Ir& planned) {
  std::vector<int> place(ir_.values.size(), INT_MAX), of_step(ir_.steps.size(), INT_MAX), order(ir_.steps.size());
  for (int s = 0; s < static_cast<int>(planned.steps.size()); ++s)
    for (int v : planned.steps[at(s)].out) place[at(v)] = s;
  for (size_t v = 0; v < place.size(); ++v)
    if (ir_.values[v].home == Home::arena && place[v] != INT_MAX) bytes_[v] = ir_.bytes(static_cast<int>(v));
  for (int s = n_ - 1; s >= 0; --s) {
    for (int v : step(s).out) of_step[at(s)] = std::min(of_step[at(s)], place[at(v)]);
    each_source(s, [&](int v, int) {
      if (bytes_[at(v)] == 0) place[at(v)] = std::min(place[at(v)], of_step[at(s)]);
    });
  }
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return of_step[at(a)] < of_step[at(b)]; });
  std::vector<Step> steps;
  steps.reserve(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    const bool goes_on = i > 0 && of_step[at(order[i])] == of_step[at(order[i - 1])];
    first_.push_back(goes_on ? first_.back() : static_cast<int>(i));
    steps.push_back(std::move(ir_.steps[at(order[i])]));
  }
  ir_.steps = std::move(steps);
  ir_.number_makers();
}

void Recompute::choose() {
  Lives now = lives();
  const int64_t portion = std::max<int64_t>(now.most / kPortions, 1);
  int64_t wanted = portion;
  std::vector<bool> barred(ir_.steps.size(), false);
  for (int round = 0, failures = 0; round < kRounds && failures < kFailures; ++round) {
    Components components(*this);
    using Offer = std::pair<double, int>;
    std::vector<Offer> offers;
    for (int s = 0; s < n_; ++s)
      if (!barred[at(s)])
        if (const Choice c = consider(s, now, components); c.freed > 0) offers.emplace_back(c.weight, s);
    std::priority_queue<Offer, std::vector<Offer>, std::greater<>> best(std::greater<>(), std::move(offers));
    const size_t before = choices_.size();
    int64_t freed = 0;
    int taken = 0, first = -1;
    while (!best.empty() && freed < wanted) {
      const auto [weight, s] = best.top();
      best.pop();
      const Choice c = consider(s, now, components);  // others have been taken since
      if (c.freed <= 0) continue;
      if (c.weight > weight) {
        best.emplace(c.weight, s);
        continue;
      }
      for (auto [t, until] : c.steps) {
        until_[at(t)] = until;
        choice_of_[at(t)] = static_cast<int>(choices_.size());
        choices_.push_back(t);
        components.add(t);
      }
      freed += c.freed;
      if (taken++ == 0) first = s;
    }
    if (taken == 0) return;
    Lives next = lives();
    if (next.most < now.most || (next.most == now.most && next.peaks < now.peaks)) {
      now = std::move(next);
      level_.push_back(static_cast<int>(choices_.size()));
      wanted = portion;
      failures = 0;
      continue;
    }
    for (; choices_.size() > before; choices_.pop_back()) choice_of_[at(choices_.back())] = -1;
    ++failures;
    if (taken == 1) barred[at(first)] = true;
    wanted = std::max<int64_t>(std::min(freed, wanted) / 4, 1);
  }
}

std::vector<int> Recompute::places(size_t n) const {
  std::vector<int> again(ir_.steps.size(), -1), needed(ir_.steps.size(), INT_MAX);
  for (int s = n_ - 1; s >= 0; --s) {
    if (!chosen(s) || at(choice_of_[at(s)]) >= n) continue;
    const auto& readers = readers_[at(s)];
    int place = needed[at(s)];
    if (const auto late = std::upper_bound(readers.begin(), readers.end(), until_[at(s)]); late != readers.end())
      place = std::min(place, first_[at(*late)]);
    if (place == INT_MAX) continue;
    again[at(s)] = place;
    each_source(s, [&](int, int maker) {
      if (place > until_[at(maker)]) needed[at(maker)] = std::min(needed[at(maker)], place);
    });
  }
  return again;
}

Recompute::Lives Recompute::lives() const {
  Lives l;
  l.again = places(choices_.size());
  std::vector<int> before(ir_.steps.size() + 1, 0);  // how many repetitions come before a step
  for (int place : l.again)
    if (place >= 0) ++before[at(place)];
  l.step.resize(ir_.steps.size());
  std::vector<int> next(ir_.steps.size());
  int time = 0;
  for (int s = 0; s < n_; ++s) {
    const int first = first_[at(s)];
    if (s > first) {
      l.step[at(s)] = l.step[at(first)];
      continue;
    }
    next[at(s)] = time;
    time += before[at(s)];
    l.step[at(s)] = time++;
  }
  l.copy.assign(ir_.steps.size(), -1);
  for (int s = 0; s < n_; ++s)
    if (const int place = l.again[at(s)]; place >= 0) l.copy[at(s)] = next[at(place)]++;
  l.last.assign(ir_.values.size(), -1);
  std::vector<int> last_again(ir_.values.size(), -1);
  const auto read = [&](int s, int place, int when) {
    each_source(s, [&](int v, int maker) {
      int& last = (reads_again(l.again, maker, place) ? last_again : l.last)[at(v)];
      last = std::max(last, when);
    });
  };
  std::vector<int64_t> change(at(time) + 1, 0);
  for (int s = 0; s < n_; ++s) {
    read(s, s, l.step[at(s)]);
    if (l.again[at(s)] >= 0) read(s, l.again[at(s)], l.copy[at(s)]);
  }
  const auto live = [&](int v, int from, int to) {
    change[at(from)] += bytes_[at(v)];
    change[at(std::max(from, to)) + 1] -= bytes_[at(v)];
  };
  for (int s = 0; s < n_; ++s)
    for (int v : step(s).out) {
      if (value(v).home != Home::arena) continue;
      live(v, l.step[at(s)], l.last[at(v)]);
      if (l.again[at(s)] >= 0) live(v, l.copy[at(s)], last_again[at(v)]);
    }
  int64_t alive = 0;
  for (int t = 0; t < time; ++t) {
    alive += change[at(t)];
    if (alive > l.most) {
      l.most = alive;
      l.peak = t;
      l.peaks = 0;
    }
    l.peaks += alive == l.most;
  }
  return l;
}

// Around the peak, between two steps that read what step s makes.
Recompute::Gap Recompute::gap(int s, const Lives& l) const {
  Gap g;
  if (chosen(s) || !repeatable_[at(s)] || l.step[at(s)] >= l.peak) return g;
  g.until = s;
  bool at_peak = false;
  const auto read = [&](int place, int when) {
    at_peak |= when == l.peak;
    if (when < l.peak)
      g.until = std::max(g.until, place);
    else
      g.late = std::min(g.late, first_[at(place)]);
  };
  for (int r : readers_[at(s)]) {
    read(r, l.step[at(r)]);
    if (l.again[at(r)] >= 0) read(l.again[at(r)], l.copy[at(r)]);
  }
  g.there = !at_peak && g.until < g.late;
  return g;
}

// Bytes of what step s makes that are kept over the peak.
int64_t Recompute::bytes_after(int s, const Lives& l) const {
  int64_t bytes = 0;
  for (int v : step(s).out)
    if (l.last[at(v)] > l.peak) bytes += bytes_[at(v)];
  return bytes;
}

Recompute::Choice Recompute::consider(int s, const Lives& l, Components& components) const {
  Choice c;
  const Gap own = gap(s, l);
  if (!own.there || own.late == INT_MAX) return c;
  c.freed = bytes_after(s, l);
  const int64_t most = c.freed;
  c.steps.emplace_back(s, own.until);
  std::vector<int> kept;  // values that live longer for it
  double cost = 0;
  int64_t joined = 0;
  for (size_t i = 0; i < c.steps.size(); ++i) {
    const auto [t, until] = c.steps[i];
    if (until > t) cost += cost_[at(t)];
    joined += components.bytes(t);
    each_source(t, [&](int v, int maker) {
      if (chosen(maker) || l.last[at(v)] >= l.peak || l.step[at(maker)] >= l.peak) return;
      if (std::any_of(c.steps.begin(), c.steps.end(), [&](const auto& other) { return other.first == maker; })) return;
      if (std::find(kept.begin(), kept.end(), v) != kept.end()) return;
      const Gap g = gap(maker, l);
      if (ir_.bytes(v) * kMuchSmaller > most && c.steps.size() < kChain && g.there) {
        c.steps.emplace_back(maker, g.until);
        c.freed += bytes_after(maker, l);
      } else {
        kept.push_back(v);
        c.freed -= ir_.bytes(v);
      }
    });
  }
  if (c.freed > 0)
    c.weight =
        cost / static_cast<double>(c.freed) * (1 + kJoined * static_cast<double>(joined) / static_cast<double>(l.most));
  return c;
}

Ir Recompute::ir(int levels) const {
  const std::vector<int> again = places(levels > 0 ? at(level_[at(levels - 1)]) : 0);
  std::vector<std::vector<int>> before(ir_.steps.size());  // what is repeated before a step
  for (int s = 0; s < n_; ++s)
    if (again[at(s)] >= 0) before[at(again[at(s)])].push_back(s);
  Ir made;
  made.values = ir_.values;
  made.outputs = ir_.outputs;
  made.commits = ir_.commits;
  uint32_t apart = 0;
  for (const Step& s : ir_.steps) apart = std::max(apart, s.apart);
  std::vector<int> anew(ir_.values.size(), -1);  // of values: what is made again, and views of that
  const auto operand = [&](int v, int place) {
    const int root = ir_.root(v), maker = value(root).maker;
    if (maker < 0 || !reads_again(again, maker, place)) return v;
    if (anew[at(v)] < 0) {
      Value view = value(v);
      view.base = anew[at(root)];
      anew[at(v)] = made.add(std::move(view));
    }
    return anew[at(v)];
  };
  const auto add = [&](int s, int place) -> Step& {
    Step& t = made.steps.emplace_back(unfused(step(s)));
    for (int& v : t.in) v = operand(v, place);
    return t;
  };
  for (int s = 0; s < n_; ++s) {
    apart += !before[at(s)].empty();
    for (int r : before[at(s)]) {
      Step& copy = add(r, s);
      copy.apart = apart;
      for (int& v : copy.out) v = anew[at(v)] = made.add(Value(value(v)));
    }
    add(s, s);
  }
  // What was not read before the gap is not repeated but made later.
  std::vector<int> wanted = made.outputs;
  for (auto [slot, v] : made.commits) wanted.push_back(v);
  made.drop_unread(wanted);
  return made;
}

}  // namespace bs
