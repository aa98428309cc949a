// Placement over the batch. A step is cut into shards; a step that reads only the same shard of what an earlier step
// of the phase made may follow it without waiting. All else begins a new phase.
#include <algorithm>
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
    Specs in;
    in.n = s.n_op_in;
    for (int i = 0; i < in.n; ++i) in.s[i] = &spec(s.in[static_cast<size_t>(i)]);
    std::vector<Spec> out;
    for (int i = 0; i < s.n_op_out; ++i) out.push_back(spec(s.out[static_cast<size_t>(i)]));
    s.place = s.op->place ? s.op->place(s.attrs.get(), in, out.data()) : Placement{};
    s.cost = forward_cost(*s.op, s.attrs.get(), in, out.data(), static_cast<int>(out.size()));
  } else {
    s.place.extent = ops::loop_extent(shape);
  }
  if (s.list) {
    s.cost += list_cost(*s.list, numel(shape), bytes);
    for (size_t i = static_cast<size_t>(s.n_op_in); i < s.in.size() && i < 32; ++i)
      if (spec(s.in[i]).contiguous() && spec(s.in[i]).shape == shape) s.place.aligned |= 1u << i;
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

}  // namespace

std::vector<Phase> place(Ir& ir) {
  for (Step& s : ir.steps) place_step(ir, s);
  const int n = static_cast<int>(ir.steps.size());
  std::vector<int> chain(static_cast<size_t>(n));  // steps that hand shards to each other, as a forest
  std::iota(chain.begin(), chain.end(), 0);
  auto find = [&](int s) {
    while (chain[static_cast<size_t>(s)] != s) s = chain[static_cast<size_t>(s)];
    return s;
  };
  auto step = [&](int s) -> Step& { return ir.steps[static_cast<size_t>(s)]; };
  // The last step so far that may fail, and of each slot the last that reads its old value.
  int last_failing = -1;
  size_t n_slots = 0;
  for (const Value& v : ir.values)
    if (v.home == Home::slot || v.home == Home::next) n_slots = std::max(n_slots, static_cast<size_t>(v.index) + 1);
  std::vector<int> last_reader(n_slots, -1);
  std::vector<Phase> phases;
  int first = 0;
  auto close = [&](int last) {
    double cost = 0;
    bool cuts = false, merges = false;
    for (int s = first; s < last; ++s) {
      step(s).cut = step(find(s)).cut;
      step(s).cut_granule = step(find(s)).cut_granule;
      cost += step(s).cost;
      cuts |= step(s).cut > step(s).cut_granule;
      merges |= step(s).op && step(s).op->merge;
    }
    phases.push_back({first, last, cuts && cost > kPhaseNanoseconds, merges});
    first = last;
  };
  for (int s = 0; s < n; ++s) {
    std::vector<int> makers;
    bool wait = false;
    for (size_t i = 0; i < step(s).in.size(); ++i) {
      const int v = step(s).in[i];
      const int maker = ir.values[static_cast<size_t>(ir.root(v))].maker;
      if (maker < first) continue;
      makers.push_back(maker);
      wait |= step(maker).place.outputs_whole || i >= 32 || !((step(s).place.aligned >> i) & 1) || !whole(ir, v);
    }
    // A new value of a slot may overwrite the old one: its readers come first, and so does all that may fail, on every
    // thread.
    for (int v : step(s).out) {
      const Value& w = ir.values[static_cast<size_t>(v)];
      if (w.home == Home::next) wait |= last_failing >= first || last_reader[static_cast<size_t>(w.index)] >= first;
    }
    if (step(s).op && step(s).op->may_fail()) last_failing = s;
    for (int v : step(s).in) {
      const Value& old = ir.values[static_cast<size_t>(ir.root(v))];
      if (old.home == Home::slot) last_reader[static_cast<size_t>(old.index)] = s;
    }
    // One cut for the whole chain, or a new phase.
    int64_t cut = step(s).place.extent, most = cut;
    for (int m : makers) {
      const int64_t other = step(find(m)).cut;
      most = std::max(most, other);
      const int64_t common = std::gcd(cut, other);
      wait |= common != std::min(cut, other);
      cut = common;
    }
    wait |= cut < most && cut < kEnoughShards;
    // Places where all extents of the chain, `cut` times something, may be cut.
    int64_t granule = 1;
    auto fit = [&](int64_t extent, int64_t own) {
      const int64_t each = cut > 0 ? std::max<int64_t>(extent / cut, 1) : 1;
      granule = std::lcm(granule, own / std::gcd(own, each));
    };
    fit(step(s).place.extent, step(s).place.granule);
    for (int m : makers) fit(step(find(m)).cut, step(find(m)).cut_granule);
    wait |= !makers.empty() && granule >= cut && granule > 1;
    if (wait && s > first) close(s);
    if (wait || makers.empty()) continue;
    for (int m : makers) chain[static_cast<size_t>(find(m))] = s;
    step(s).cut = cut;
    step(s).cut_granule = granule;
  }
  if (first < n) close(n);
  // Neighbours that run on one thread need no meeting.
  std::vector<Phase> joined;
  for (const Phase& p : phases) {
    if (!joined.empty() && !joined.back().parallel && !p.parallel)
      joined.back().last = p.last;
    else
      joined.push_back(p);
  }
  return joined;
}

std::string str(const Ir& ir, const std::vector<Phase>& phases) {
  std::ostringstream text;
  auto name = [&](int v) {
    const Value& w = ir.values[static_cast<size_t>(v)];
    static const char* const homes[] = {"t", "in", "slot", "next", "out", "const", "view"};
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
