// Fusing: elementwise steps of one loop shape become one list, which reads each operand once and keeps what lies
// between in tiles. A list that reads what another op makes becomes the epilogue of that op, run on each block of the
// result while it is in the caches. Then the order of the steps.
#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "base/error.h"
#include "ops/loop.h"
#include "program/ir.h"

namespace bs {
namespace {

using kernels::EwInstr;
using kernels::EwList;

// A set of steps that will be one; single steps are groups too.
struct Group {
  std::vector<int> members;  // ascending
  int newest = 0;            // no step of this group or of one that it depends on, directly or not, comes after this
  int head = -1;             // the member that is no elementwise op, if there are others
  int min() const { return members.front(); }
  int max() const { return members.back(); }
};

class Fuser {
 public:
  explicit Fuser(Ir& ir) : ir_(ir), readers_(ir.values.size()) {
    const int n = static_cast<int>(ir.steps.size());
    int last_effect = -1;
    for (int s = 0; s < n; ++s) {
      before_.push_back(step(s).op->effect ? last_effect : -1);
      if (step(s).op->effect) last_effect = s;
      group_of_.push_back(s);
      groups_.push_back({{s}, s, -1});
      for (int v : step(s).in) readers_[static_cast<size_t>(ir.root(v))].push_back(s);
      users_.emplace_back();
      each_source(s, [&](int source) { users_[static_cast<size_t>(source)].push_back(s); });
    }
  }

  void run() {
    seen_.assign(groups_.size(), 0);
    const int n = static_cast<int>(ir_.steps.size());
    // Truth values last: computed where they are read they need no memory, nor conversion to and from bytes.
    for (const bool truth : {false, true}) {
      for (int s = 0; s < n; ++s) {
        if (!elementwise(s) || (out_spec(s).dtype == DType::b8) != truth) continue;
        for (int v : step(s).in) {
          const int maker = value(v).maker;  // of views: none
          if (maker >= 0 && elementwise(maker)) try_join(group_of(maker), group_of(s));
        }
      }
    }
    for (int s = 0; s < n; ++s) {
      if (!takes_epilogue(s)) continue;
      for (int reader : readers_[static_cast<size_t>(step(s).out[0])])
        if (elementwise(reader) && try_attach(group_of(s), group_of(reader))) break;
    }
    rebuild();
  }

 private:
  Step& step(int s) { return ir_.steps[static_cast<size_t>(s)]; }
  Value& value(int v) { return ir_.values[static_cast<size_t>(v)]; }
  Group& group(int g) { return groups_[static_cast<size_t>(g)]; }
  int group_of(int s) const { return group_of_[static_cast<size_t>(s)]; }
  bool elementwise(int s) { return step(s).op->elementwise >= 0; }
  const Spec& out_spec(int s) { return value(step(s).out[0]).spec; }
  DType compute(int s) {
    Specs in;
    in.n = static_cast<int>(step(s).in.size());
    for (int i = 0; i < in.n; ++i) in.s[i] = &value(step(s).in[static_cast<size_t>(i)]).spec;
    return ops::list_dtype(*step(s).op, in, out_spec(s));
  }
  // Steps that must come before step s: they make what it reads, or have an effect before its own.
  template <class Fn>
  void each_source(int s, Fn fn) {
    if (int b = before_[static_cast<size_t>(s)]; b >= 0) fn(b);
    for (int v : step(s).in)
      if (int maker = value(ir_.root(v)).maker; maker >= 0) fn(maker);
  }

  // Whether group `below` depends on group `above` through a third one: joining them would close a cycle.
  bool around(int above, int below) {
    ++walk_;
    std::vector<int> stack;
    auto push = [&](int s) {
      const int g = group_of(s);
      if (g == above || g == below || seen_[static_cast<size_t>(g)] == walk_) return;
      if (group(g).newest < group(above).min()) return;  // it comes before all of `above`
      seen_[static_cast<size_t>(g)] = walk_;
      stack.push_back(g);
    };
    for (int s : group(below).members) each_source(s, push);
    while (!stack.empty()) {
      const int g = stack.back();
      stack.pop_back();
      bool found = false;
      for (int s : group(g).members)
        each_source(s, [&](int source) {
          found |= group_of(source) == above;
          push(source);
        });
      if (found) return true;
    }
    return false;
  }

  void try_join(int a, int b) {
    if (a == b) return;
    const int first = group(a).min(), second = group(b).min();
    if (!(out_spec(first).shape == out_spec(second).shape) || compute(first) != compute(second)) return;
    Group both;
    std::merge(group(a).members.begin(), group(a).members.end(), group(b).members.begin(), group(b).members.end(),
               std::back_inserter(both.members));
    EwList list;
    std::vector<int> in, out;
    // A value that crosses inside must have the list's arithmetic, or be a truth value.
    const DType dtype = compute(first);
    for (int s : both.members)
      for (int v : step(s).in) {
        const Value& w = value(v);
        // A truth value that a copy makes is 0 or 1 only once it is stored.
        if (w.maker >= 0 && contains(both, w.maker) && w.spec.dtype == DType::b8 &&
            step(w.maker).op->elementwise == static_cast<int>(kernels::Ew::copy) &&
            value(step(w.maker).in[0]).spec.dtype != DType::b8)
          return;
        // A view of a member's output needs all of it in memory.
        if (w.home == Home::view && value(w.base).maker >= 0 && contains(both, value(w.base).maker)) return;
        if (w.maker >= 0 && contains(both, w.maker) && w.spec.dtype != dtype && w.spec.dtype != DType::b8) return;
      }
    if (!make_list(both, list, in, out) || around(a, b) || around(b, a)) return;
    for (int s : group(b).members) group_of_[static_cast<size_t>(s)] = a;
    const int newest = std::max(group(a).newest, group(b).newest);
    group(a) = std::move(both);
    group(b).members.clear();
    age(a, newest);
  }

  // Group g, and so what depends on it, now depends on step `newest`.
  void age(int g, int newest) {
    std::vector<int> stack{g};
    while (!stack.empty()) {
      const int h = stack.back();
      stack.pop_back();
      if (group(h).newest >= newest) continue;
      group(h).newest = newest;
      for (int s : group(h).members)
        for (int user : users_[static_cast<size_t>(s)]) stack.push_back(group_of(user));
    }
  }

  // Whether parts of step s leave parts of its first output ready, and enough of them.
  bool takes_epilogue(int s) {
    const Op& op = *step(s).op;
    if (elementwise(s) || op.host || op.effect || op.view || !op.place) return false;
    Specs in;
    in.n = static_cast<int>(step(s).in.size());
    for (int i = 0; i < in.n; ++i) in.s[i] = &value(step(s).in[static_cast<size_t>(i)]).spec;
    std::vector<Spec> out;
    for (int v : step(s).out) out.push_back(value(v).spec);
    const Placement place = op.place(step(s).attrs.get(), in, out.data());
    const int64_t elements = numel(out[0].shape);
    constexpr int64_t kFewElements = 4096, kEnoughParts = 8;
    return !place.outputs_whole && place.extent > 0 && elements > 0 && elements % place.extent == 0 &&
           (place.extent >= kEnoughParts || elements <= kFewElements);
  }

  // Makes the lists of group b the epilogue of the one step of group a.
  bool try_attach(int a, int b) {
    const int head = group(a).head < 0 ? group(a).min() : -1;
    if (head < 0 || a == b || group(b).head >= 0) return false;
    const int result = step(head).out[0], first = group(b).min();
    if (!(value(result).spec.shape == out_spec(first).shape) || compute(first) != value(result).spec.dtype)
      return false;
    // The old value of a slot may be read until its new one is begun, which parts of one step do at different times.
    if (writes_slot(group(a)) || writes_slot(group(b))) return false;
    for (int s : group(b).members)
      for (int v : step(s).in)
        if (v != result && value(ir_.root(v)).maker == head) return false;  // a view of it, or another output
    Group both;
    both.members = group(b).members;
    both.members.insert(std::upper_bound(both.members.begin(), both.members.end(), head), head);
    both.head = head;
    EwList list;
    std::vector<int> in, out;
    if (!make_list(both, list, in, out) || around(a, b) || around(b, a)) return false;
    for (int s : group(b).members) group_of_[static_cast<size_t>(s)] = a;
    const int newest = std::max(group(a).newest, group(b).newest);
    group(a) = std::move(both);
    group(b).members.clear();
    age(a, newest);
    return true;
  }

  // Whether all that read the head's result are in its group.
  bool kept_inside(const Group& g) {
    const int result = step(g.head).out[0];
    bool inside = value(result).home == Home::arena;
    for (int r : readers_[static_cast<size_t>(result)]) inside &= contains(g, r);
    return inside;
  }

  bool contains(const Group& g, int s) { return std::binary_search(g.members.begin(), g.members.end(), s); }

  // The list of a group and its operands, the head's result first; false if it does not fit the limits of lists.
  bool make_list(const Group& g, EwList& list, std::vector<int>& in, std::vector<int>& out) {
    std::vector<int> members;
    for (int s : g.members)
      if (s != g.head) members.push_back(s);
    if (members.size() > kernels::kMaxListInstr) return false;
    std::map<int, int> reg, last_use;  // of values: register number; last member that reads it inside
    if (g.head >= 0) {
      in.push_back(step(g.head).out[0]);
      reg[in[0]] = 0;
    }
    for (int s : members)
      for (int v : step(s).in) {
        const int maker = value(v).maker;
        if (maker >= 0 && maker != g.head && contains(g, maker))
          last_use[v] = s;
        else if (reg.try_emplace(v, static_cast<int>(in.size())).second)
          in.push_back(v);
      }
    std::vector<int> temps;
    for (int s : members) {
      const int v = step(s).out[0];
      bool outside = value(v).home != Home::arena;
      for (int r : readers_[static_cast<size_t>(v)]) outside |= !contains(g, r) || value_is_viewed(r, v);
      (outside ? out : temps).push_back(v);
    }
    if (in.size() + out.size() > kernels::kMaxListArgs) return false;
    if (g.head >= 0) {  // what may take the place of the head's result comes first, best if made after its last reader
      const Spec& head = value(in[0]).spec;
      int last_reader = 0;
      for (int r : readers_[static_cast<size_t>(in[0])])
        if (contains(g, r)) last_reader = std::max(last_reader, r);
      const auto fit = [&](int v) {
        return value(v).spec.dtype != head.dtype ? 0 : value(v).maker < last_reader ? 1 : 2;
      };
      std::stable_sort(out.begin(), out.end(), [&](int v, int w) { return fit(v) > fit(w); });
    }
    // Temporaries share tiles: a tile is free after its value's last use.
    std::vector<int> free;
    int n_temp = 0;
    list.n_in = static_cast<uint8_t>(in.size());
    std::vector<EwInstr> code;
    std::map<int, int> temp_of;
    const int temp_base = static_cast<int>(in.size());
    std::set<int> is_temp(temps.begin(), temps.end());
    for (int s : members) {
      EwInstr instr{static_cast<kernels::Ew>(step(s).op->elementwise), 0, 0, 0, 0};
      uint8_t* operand[3] = {&instr.a, &instr.b, &instr.c};
      const auto& read = step(s).in;
      for (size_t i = 0; i < 3; ++i) *operand[i] = static_cast<uint8_t>(reg.at(read[i < read.size() ? i : 0]));
      for (int v : step(s).in)
        if (auto it = temp_of.find(v); it != temp_of.end() && last_use[v] == s) {
          free.push_back(it->second);
          temp_of.erase(it);
        }
      const int v = step(s).out[0];
      if (is_temp.count(v)) {
        int t = n_temp;
        if (free.empty()) {
          ++n_temp;
        } else {
          t = free.back();
          free.pop_back();
        }
        if (t >= kernels::kMaxListTemps) return false;
        temp_of[v] = t;
        reg[v] = temp_base + t;
        instr.dst = static_cast<uint8_t>(temp_base + t);
      } else {
        // Outputs come after the temporaries, whose number is known at the end.
        reg[v] = kOutput + static_cast<int>(std::find(out.begin(), out.end(), v) - out.begin());
        instr.dst = static_cast<uint8_t>(reg[v]);
      }
      code.push_back(instr);
    }
    auto settle = [&](uint8_t& r) {
      if (r >= kOutput) r = static_cast<uint8_t>(r - kOutput + temp_base + n_temp);
    };
    for (size_t i = 0; i < code.size(); ++i) {
      settle(code[i].dst);
      settle(code[i].a);
      settle(code[i].b);
      settle(code[i].c);
      list.instr[i] = code[i];
    }
    list.compute = compute(members.front());
    list.n_temp = static_cast<uint8_t>(n_temp);
    list.n_out = static_cast<uint8_t>(out.size());
    list.n_instr = static_cast<uint8_t>(code.size());
    std::vector<const Spec*> operands;
    for (int v : in) operands.push_back(&value(v).spec);
    for (int v : out) operands.push_back(&value(v).spec);
    for (size_t i = 0; i < operands.size(); ++i) list.arg[i].dtype = operands[i]->dtype;
    ops::set_loop(list, out_spec(members.front()).shape, operands.data(), static_cast<int>(operands.size()));
    return true;
  }
  static constexpr int kOutput = 128;  // marks output registers until n_temp is known

  // Whether step r reads v only through a view of it.
  bool value_is_viewed(int r, int v) { return std::find(step(r).in.begin(), step(r).in.end(), v) == step(r).in.end(); }

  bool writes_slot(const Group& g) {
    for (int s : g.members)
      for (int v : step(s).out)
        if (value(v).home == Home::next) return true;
    return false;
  }

  Step make_step(const Group& g) {
    if (g.head < 0 && !elementwise(g.min())) {
      Step& s = step(g.min());
      s.n_op_in = static_cast<int>(s.in.size());
      s.n_op_out = static_cast<int>(s.out.size());
      return std::move(s);
    }
    auto list = std::make_unique<EwList>();
    std::vector<int> in, out;
    make_list(g, *list, in, out);
    Step made;
    if (g.head >= 0) {
      const bool inside = kept_inside(g);
      made = std::move(step(g.head));
      made.n_op_in = static_cast<int>(made.in.size());
      made.n_op_out = static_cast<int>(made.out.size());
      made.in_place = inside && !out.empty() && value(out[0]).spec.dtype == value(in[0]).spec.dtype;
      if (made.in_place) made.out[0] = out[0];
      in.erase(in.begin());
      if (made.in_place) out.erase(out.begin());
    }
    made.in.insert(made.in.end(), in.begin(), in.end());
    made.out.insert(made.out.end(), out.begin(), out.end());
    made.list = std::move(list);
    return made;
  }

  // Steps of the groups in an order that their inputs allow, as captured. But those that write slots come when all that
  // read the old values or may fail has been, so that they write in place; and then at once, so that gradients of one
  // layer make room for those of the next. Where that cannot be they come last.
  void rebuild() {
    const size_t n = groups_.size();
    std::vector<std::set<int>> after(n),
        reads(n);                               // of a group: those that wait for it; slots whose old value it reads
    std::vector<int> waits(n, 0), early(n, 0);  // groups that must come before; that should
    std::vector<bool> fails(n, false), made(n, false);
    std::map<int, int> writer;  // of slots
    int failing = 0;            // groups to come that may fail
    for (size_t g = 0; g < n; ++g) {
      std::set<int> sources;
      for (int s : groups_[g].members) {
        each_source(s, [&](int source) {
          if (group_of(source) != static_cast<int>(g)) sources.insert(group_of(source));
        });
        for (int v : step(s).in)
          if (const Value& old = value(ir_.root(v)); old.home == Home::slot) reads[g].insert(old.index);
        for (int v : step(s).out)
          if (value(v).home == Home::next) writer[value(v).index] = static_cast<int>(g);
        if (step(s).op->may_fail()) fails[g] = true;
      }
      for (int source : sources) after[static_cast<size_t>(source)].insert(static_cast<int>(g));
      waits[g] = static_cast<int>(sources.size());
      failing += fails[g];
    }
    auto each_writer = [&](size_t g, auto fn) {
      for (int slot : reads[g])
        if (auto w = writer.find(slot); w != writer.end() && w->second != static_cast<int>(g)) fn(w->second);
    };
    for (size_t g = 0; g < n; ++g) each_writer(g, [&](int w) { ++early[static_cast<size_t>(w)]; });
    using Key = std::tuple<bool, int, int>;
    std::priority_queue<Key, std::vector<Key>, std::greater<>> ready;  // a writer may be in it twice
    auto push = [&](int g) {
      const size_t i = static_cast<size_t>(g);
      if (made[i] || waits[i] > 0 || group(g).members.empty()) return;
      const bool writes = writes_slot(group(g)), now = early[i] == 0 && failing == 0;
      ready.emplace(writes && !now, writes && now ? -1 : group(g).max(), g);
    };
    for (size_t g = 0; g < n; ++g) push(static_cast<int>(g));
    std::vector<Step> steps;
    while (!ready.empty()) {
      const int g = std::get<2>(ready.top());
      const size_t i = static_cast<size_t>(g);
      ready.pop();
      if (made[i]) continue;
      made[i] = true;
      steps.push_back(make_step(group(g)));
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
    const auto joined =
        std::count_if(groups_.begin(), groups_.end(), [](const Group& g) { return !g.members.empty(); });
    if (static_cast<std::ptrdiff_t>(steps.size()) != joined)
      throw GraphError("[compile] internal: fused steps depend on each other in a circle");
    ir_.steps = std::move(steps);
    ir_.number_makers();
  }

  Ir& ir_;
  std::vector<std::vector<int>> readers_;  // of root values: steps that read them
  std::vector<std::vector<int>> users_;    // of steps: those that must come after
  std::vector<int> before_;                // of a step with an effect: the last such step before it
  std::vector<int> group_of_;
  std::vector<Group> groups_;
  std::vector<uint32_t> seen_;  // of groups: the last walk that met it
  uint32_t walk_ = 0;
};

}  // namespace

void fuse(Ir& ir) { Fuser(ir).run(); }

}  // namespace bs
