// Phases that end earlier, for the sake of memory.
//
// What ends inside a phase of several threads lives to its end, since parts of it may be needed until then. Where that
// is where a program needs most, the phase is cut in two: threads meet once more, and what ended before the cut makes
// room for what is made after it.
#include <algorithm>

#include "program/blocks.h"

namespace bs {
namespace {

// Each cut makes threads meet. So there are few, each saves at least this part of the memory, and what lies between two
// of them is planned to take at least so long.
constexpr int kCuts = 8;
constexpr double kWorth = 0.005;
constexpr double kLong = 100e3;

struct Peak {
  int64_t bytes = 0;
  int time = 0;
};

Peak peak_of(const Blocks& blocks) {
  std::vector<int64_t> change(blocks.time.empty() ? 2 : static_cast<size_t>(blocks.time.back()) + 2);
  for (const Block& b : blocks.all) {
    change[static_cast<size_t>(b.first)] += b.bytes;
    change[static_cast<size_t>(b.last) + 1] -= b.bytes;
  }
  Peak peak;
  int64_t now = 0;
  for (size_t t = 0; t < change.size(); ++t)
    if ((now += change[t]) > peak.bytes) peak = {now, static_cast<int>(t)};
  return peak;
}

// Steps [first, last) of a phase, as one.
Phase piece(const Ir& ir, const Phase& whole, int first, int last) {
  Phase p{first, last, true, false, 0, {}};
  for (const Chain& chain : whole.chains) {
    Chain part{{}, chain.cut, chain.granule, 0};
    for (int s : chain.steps) {
      if (s < first || s >= last) continue;
      const Step& step = ir.steps[static_cast<size_t>(s)];
      part.steps.push_back(s);
      part.cost += step.cost;
      p.merges |= step.op && step.op->merge && step.place.outputs_whole;
    }
    p.cost += part.cost;
    if (!part.steps.empty()) p.chains.push_back(std::move(part));
  }
  return p;
}

// The step before which a phase is best cut: by what lives in the fuller of its halves.
int best_cut(const Phase& phase, const Blocks& blocks, int time) {
  const size_t n = static_cast<size_t>(phase.last - phase.first);
  std::vector<int64_t> made(n + 1), gone(n + 1);  // bytes that step i begins to use; that no step from i on does
  for (const Block& b : blocks.all) {
    if (b.first > time || b.last < time) continue;
    made[static_cast<size_t>(std::max(b.first_step - phase.first, 0))] += b.bytes;
    if (b.last == time) gone[static_cast<size_t>(b.last_step - phase.first) + 1] += b.bytes;
  }
  int64_t all = 0, before = made[0], after = 0;
  for (int64_t bytes : made) all += bytes;
  after = all;
  int best = -1;
  int64_t least = all;
  for (size_t i = 1; i < n; ++i) {  // before step i
    after -= gone[i];
    if (const int64_t most = std::max(before, after); most < least) {
      least = most;
      best = phase.first + static_cast<int>(i);
    }
    before += made[i];
  }
  return best;
}

}  // namespace

void split_phases(const Ir& ir, std::vector<Phase>& phases, int threads) {
  if (std::none_of(phases.begin(), phases.end(), [](const Phase& p) { return p.parallel; })) return;
  const int64_t alone = peak_of(find_blocks(ir, phases, 1)).bytes;
  Blocks blocks = find_blocks(ir, phases, threads);
  Peak peak = peak_of(blocks);
  for (int n = 0; n < kCuts && peak.bytes > alone; ++n) {
    const auto full = std::find_if(phases.begin(), phases.end(), [&](const Phase& p) {
      return blocks.time[static_cast<size_t>(p.first)] <= peak.time &&
             peak.time <= blocks.time[static_cast<size_t>(p.last) - 1];
    });
    if (!full->parallel) return;
    const int cut = best_cut(*full, blocks, peak.time);
    if (cut < 0) return;
    Phase before = piece(ir, *full, full->first, cut), after = piece(ir, *full, cut, full->last);
    if (std::min(before.cost, after.cost) < kLong) return;
    const size_t at = static_cast<size_t>(full - phases.begin());
    std::vector<Phase> other = phases;
    other[at] = std::move(before);
    other.insert(other.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(after));
    blocks = find_blocks(ir, other, threads);
    const Peak now = peak_of(blocks);
    if (static_cast<double>(peak.bytes - now.bytes) < kWorth * static_cast<double>(peak.bytes)) return;
    phases = std::move(other);
    peak = now;
  }
}

}  // namespace bs
