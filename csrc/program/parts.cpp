// Cuts phases into parts, which threads take: see share_out() in base/parallel.h.
#include <algorithm>

#include "base/parallel.h"
#include "program/program.h"

namespace bs {

void Program::cut(int members) {
  jobs_.assign(phases_.size(), {});
  for (size_t p = 0; p < phases_.size() && members > 1; ++p) {
    const std::vector<Chain>& chains = phases_[p].chains;
    double total = 0, before = 0;
    for (const Chain& chain : chains) total += chain.cost;
    Job& job = jobs_[p];
    job.homes.assign(static_cast<size_t>(members) + 1, 0);
    for (size_t c = 0; c < chains.size(); ++c) {
      const Chain& chain = chains[c];
      int64_t block = 1;  // where steps state what one call should do at least, parts are no smaller
      for (int s : chain.steps) {
        const Step& step = ir_.steps[static_cast<size_t>(s)];
        if (step.op && step.place.extent > 0) block = std::max(block, step.place.block * chain.cut / step.place.extent);
      }
      const int parts = parts_for(chain.cost, total, chain.cut, chain.granule, block, members);
      for (int i = 0; i < parts; ++i) {
        const Range r = part_of(chain.cut, chain.granule, i, parts);
        job.parts.push_back({static_cast<int>(c), r.lo, r.hi});
        // Whose planned time the middle of the part falls into.
        const double middle = before + chain.cost * (i + 0.5) / parts;
        const int home = std::min(members - 1, static_cast<int>(middle / total * members));
        job.homes[static_cast<size_t>(home) + 1] = static_cast<int>(job.parts.size());
      }
      before += chain.cost;
    }
    for (size_t m = 1; m < job.homes.size(); ++m) job.homes[m] = std::max(job.homes[m], job.homes[m - 1]);
  }
}

}  // namespace bs
