// Cuts phases into parts, which threads take: see share_out() in base/parallel.h.
#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "program/program.h"

namespace bs {
namespace {

// Of a chain, places where shares may end: few, so that products are cut at multiples of a few rows.
constexpr int64_t kEnds = 64;

}  // namespace

// The chains of a phase, one after the other in planned time, are one line, of which each member's share is an equal
// piece: where it ends inside a chain, the chain is cut. So no member waits for a long part of another, and chains are
// cut no finer than that where small parts do badly. Say a chain of 12 units takes 600 us, and one of 3 units 300. For
// two members the shares are 450 us:
//
//     chain 0  |0 . . . . . . . . 9|9 . . 12|
//     chain 1                                |0 . . . . 3|
//     member   |         0        |          1           |
void Program::cut(int members) {
  jobs_.assign(phases_.size(), {});
  for (size_t p = 0; p < phases_.size() && members > 1; ++p) {
    const std::vector<Chain>& chains = phases_[p].chains;
    double total = 0, before = 0;
    for (const Chain& chain : chains) total += chain.cost;
    Job& job = jobs_[p];
    job.homes.assign(static_cast<size_t>(members) + 1, 0);
    const int shares = shares_for(total, members);
    const double share = total / shares;
    int member = 0;
    for (size_t c = 0; c < chains.size(); ++c) {
      const Chain& chain = chains[c];
      int64_t block = 1;  // where steps state what one call should do at least
      for (int s : chain.steps) {
        const Step& step = ir_.steps[static_cast<size_t>(s)];
        if (step.op && step.place.extent > 0) block = std::max(block, step.place.block * chain.cut / step.place.extent);
      }
      const int64_t units = std::max<int64_t>((chain.cut + chain.granule - 1) / chain.granule, 1);
      const int64_t snap = std::max(units / kEnds, int64_t{1});  // shares end at multiples of it
      for (int64_t at = 0;; ++member) {
        int64_t end = units;
        if (const double left = share * (member + 1) - before; left < chain.cost && member + 1 < shares)
          end = std::clamp<int64_t>(std::llround(left / chain.cost * static_cast<double>(units / snap)) * snap, at,
                                    units);
        const double planned = chain.cost * static_cast<double>(end - at) / static_cast<double>(units);
        const int most = end > at ? parts_for(planned, share, (end - at) * chain.granule, block) : 0;
        const int parts = static_cast<int>(std::min<int64_t>(most, end - at));
        for (int i = 0; i < parts; ++i) {
          const Range r = part_of(end - at, 1, i, parts);
          job.parts.push_back(
              {static_cast<int>(c), (at + r.lo) * chain.granule, std::min((at + r.hi) * chain.granule, chain.cut)});
        }
        job.homes[static_cast<size_t>(member) + 1] = static_cast<int>(job.parts.size());
        at = end;
        if (at == units) break;
      }
      before += chain.cost;
    }
    for (size_t m = 1; m < job.homes.size(); ++m) job.homes[m] = std::max(job.homes[m], job.homes[m - 1]);
  }
}

}  // namespace bs
