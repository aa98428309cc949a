// From groups to steps, and their order.
#include <algorithm>
#include <map>
#include <numeric>
#include <queue>
#include <tuple>

#include "base/error.h"
#include "program/groups.h"

namespace bs {
namespace {

// Whether all that read the head's result are in its group.
bool kept_inside(Groups& groups, const Group& g) {
  const int result = groups.step(g.head).out[0];
  const auto& readers = groups.readers(result);
  return groups.value(result).home == Home::arena &&
         std::all_of(readers.begin(), readers.end(), [&](int r) { return g.has(r); });
}

Step make_step(Groups& groups, const Group& g, ListDraft& draft) {
  if (g.head < 0 && !groups.elementwise(g.first())) {
    Step& s = groups.step(g.first());
    s.n_op_in = static_cast<int>(s.in.size());
    s.n_op_out = static_cast<int>(s.out.size());
    return std::move(s);
  }
  auto list = std::make_unique<kernels::EwList>();
  const int own[] = {groups.of(g.first())};
  draft_list(groups, own, g.members, g.head, draft);
  write_list(groups, draft, *list);
  auto &in = draft.in, &out = draft.out;
  Step made;
  made.apart = groups.step(g.first()).apart;
  if (g.head >= 0) {
    const bool inside = kept_inside(groups, g);
    made = std::move(groups.step(g.head));
    made.n_op_in = static_cast<int>(made.in.size());
    made.n_op_out = static_cast<int>(made.out.size());
    made.in_place = inside && !out.empty() && groups.value(out[0]).spec.dtype == groups.value(in[0]).spec.dtype;
    if (made.in_place) made.out[0] = out[0];
    in.erase(in.begin());
    if (made.in_place) out.erase(out.begin());
  }
  made.in.insert(made.in.end(), in.begin(), in.end());
  made.out.insert(made.out.end(), out.begin(), out.end());
  made.list = std::move(list);
  return made;
}

// Of each of n things a list of different numbers, all in one vector.
class Lists {
 public:
  explicit Lists(size_t n) : first_(n + 1, 0) {}
  void add(int of, int number) { pairs_.emplace_back(of, number); }
  // All have been added.
  void close() {
    std::sort(pairs_.begin(), pairs_.end());
    pairs_.erase(std::unique(pairs_.begin(), pairs_.end()), pairs_.end());
    for (auto [of, number] : pairs_) {
      ++first_[static_cast<size_t>(of) + 1];
      numbers_.push_back(number);
    }
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    pairs_ = {};
  }
  std::span<const int> operator[](size_t of) const {
    return std::span(numbers_).subspan(first_[of], first_[of + 1] - first_[of]);
  }

 private:
  std::vector<std::pair<int, int>> pairs_;
  std::vector<size_t> first_;
  std::vector<int> numbers_;
};

}  // namespace

// As captured, as far as inputs allow. But steps that write slots come when all that read the old values or may fail
// has been, so that they write in place; and then at once, so that gradients of one layer make room for those of the
// next. Steps that change part of a value come when all others that read it have been. Where that cannot be they come
// last.
std::vector<Step> ordered_steps(Groups& groups) {
  const size_t n = static_cast<size_t>(groups.count());
  Lists after(n), reads(n), over(n);          // those that wait for a group; slots whose old value, and those that
                                              // change part of a value, which it reads
  std::vector<int> waits(n, 0), early(n, 0);  // how many must come before; should
  std::vector<bool> fails(n, false), made(n, false), partly(n, false);
  std::map<int, int> writer;   // of slots
  int failing = 0, count = 0;  // groups to come that may fail; all
  for (size_t g = 0; g < n; ++g) {
    const Group& group = groups[static_cast<int>(g)];
    for (int s : group.members) {
      groups.each_source(s, [&](int source) {
        if (groups.of(source) != static_cast<int>(g)) after.add(groups.of(source), static_cast<int>(g));
      });
      for (int v : groups.step(s).in)
        if (const Value& old = groups.root(v); old.home == Home::slot) reads.add(static_cast<int>(g), old.index);
      for (int v : groups.step(s).out)
        if (groups.value(v).home == Home::next) writer[groups.value(v).index] = static_cast<int>(g);
      if (groups.may_fail(s)) fails[g] = true;
      if (!groups.step(s).writes_part()) continue;
      partly[g] = true;
      for (int r : groups.readers(groups.ir().root(groups.step(s).in[0])))
        if (groups.of(r) != static_cast<int>(g)) over.add(groups.of(r), static_cast<int>(g));
    }
    failing += fails[g];
    count += !group.members.empty();
  }
  after.close();
  reads.close();
  over.close();
  for (size_t g = 0; g < n; ++g)
    for (int next : after[g]) ++waits[static_cast<size_t>(next)];
  auto each_writer = [&](size_t g, auto fn) {
    for (int slot : reads[g])
      if (auto w = writer.find(slot); w != writer.end() && w->second != static_cast<int>(g)) fn(w->second);
    for (int w : over[g]) fn(w);
  };
  for (size_t g = 0; g < n; ++g) each_writer(g, [&](int w) { ++early[static_cast<size_t>(w)]; });
  using Key = std::tuple<bool, int, int>;
  std::priority_queue<Key, std::vector<Key>, std::greater<>> ready;  // a writer may be in it twice
  auto push = [&](int g) {
    const size_t i = static_cast<size_t>(g);
    if (made[i] || waits[i] > 0 || groups[g].members.empty()) return;
    const bool writes = groups.writes_slot(groups[g]), now = early[i] == 0 && (failing == 0 || !writes);
    ready.emplace((writes || partly[i]) && !now, writes && now ? -1 : groups[g].last(), g);
  };
  for (size_t g = 0; g < n; ++g) push(static_cast<int>(g));
  std::vector<Step> steps;
  steps.reserve(static_cast<size_t>(count));
  ListDraft draft;
  while (!ready.empty()) {
    const int g = std::get<2>(ready.top());
    const size_t i = static_cast<size_t>(g);
    ready.pop();
    if (made[i]) continue;
    made[i] = true;
    steps.push_back(make_step(groups, groups[g], draft));
    for (int next : after[i]) {
      --waits[static_cast<size_t>(next)];
      push(next);
    }
    each_writer(i, [&](int w) {
      if (--early[static_cast<size_t>(w)] == 0) push(w);
    });
    if (fails[i] && --failing == 0)
      for (auto [slot, w] : writer) push(w);
  }
  if (static_cast<int>(steps.size()) != count)
    throw GraphError("[compile] internal: fused steps depend on each other in a circle");
  return steps;
}

}  // namespace bs
