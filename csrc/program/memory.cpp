// The memory plan: which values share memory.
#include "program/blocks.h"

#include <algorithm>
#include <climits>
#include <map>

namespace bs {
namespace {

constexpr int64_t kAlign = 64;
int64_t round_up(int64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

class Planner {
 public:
  Planner(const Ir& ir, const std::vector<Phase>& phases, int members)
      : ir_(ir),
        members_(members),
        chain_(ir.steps.size(), nullptr),
        last_reader_(ir.values.size(), -1),
        touched_(ir.values.size()) {
    made_.of_value.assign(ir.values.size(), -1);
    made_.of_scratch.assign(ir.steps.size(), -1);
    made_.of_threads.assign(ir.steps.size(), false);
    made_.time.assign(ir.steps.size(), 0);
    // Steps of a parallel phase run at the same time, others one by one.
    int now = 0;
    for (const Phase& p : phases) {
      const bool together = p.parallel && members > 1;
      for (int s = p.first; s < p.last; ++s) made_.time[static_cast<size_t>(s)] = together ? now : now++;
      now += together;
      for (const Chain& chain : p.chains)
        for (int s : chain.steps)
          if (together) chain_[static_cast<size_t>(s)] = &chain;
    }
  }

  Blocks run() {
    const int n = static_cast<int>(ir_.steps.size());
    for (int s = 0; s < n; ++s)
      for (int v : step(s).in) last_reader_[static_cast<size_t>(ir_.root(v))] = s;
    for (int s = 0; s < n; ++s) {
      for (size_t k = 0; k < step(s).out.size(); ++k) make(s, k);
      for (size_t i = 0; i < step(s).in.size(); ++i) read(s, i);
      for (int v : step(s).out) leave(s, v);
      for (int v : step(s).in) leave(s, ir_.root(v));
      take_scratch(s);
    }
    return std::move(made_);
  }

 private:
  // How a value is used in a parallel phase: by parts of one chain, each of which stays within its fraction, or not.
  struct Touched {
    int time = -1;
    const Chain* chain = nullptr;
    bool apart = false;
  };

  const Step& step(int s) const { return ir_.steps[static_cast<size_t>(s)]; }
  int time(int s) const { return made_.time[static_cast<size_t>(s)]; }
  const Chain* chain(int s) const { return chain_[static_cast<size_t>(s)]; }
  int block_of(int v) const { return made_.of_value[static_cast<size_t>(v)]; }
  // A block that step s is the first to use.
  int add(int64_t bytes, int s) {
    made_.all.push_back({bytes, time(s), time(s), s, s});
    return static_cast<int>(made_.all.size()) - 1;
  }

  void touch(int s, int v, bool within) {
    Touched& t = touched_[static_cast<size_t>(v)];
    if (t.time != time(s)) t = {time(s), chain(s), true};
    t.apart &= within && chain(s) && t.chain == chain(s);
  }

  // Whether step s reads its operand i within the fraction that its parts write of what they make.
  bool reads_within(int s, size_t i) const {
    const bool merges = step(s).op && step(s).op->merge;  // and may read once more, when all parts are through
    return chain(s) && !merges && chain(s)->cut > 0 && step(s).pieces[i] % chain(s)->cut == 0;
  }

  // The value that output k of step s may be written over, element by element, since the step is the last to read it
  // and reads each element before it writes there; -1 if there is none.
  int dying_under(int s, size_t k) const {
    const Step& t = step(s);
    // Of an op with an epilogue only what the list makes besides: the rest holds the op's result before the list reads.
    if (t.op && t.list && k < static_cast<size_t>(t.n_op_out)) return -1;
    for (int in : t.in) {
      const int u = ir_.root(in);
      if (block_of(u) < 0 || last_reader_[static_cast<size_t>(u)] != s || ir_.bytes(u) != ir_.bytes(t.out[k])) continue;
      bool fits = true;
      for (size_t i = 0; fits && i < t.in.size(); ++i)
        fits =
            ir_.root(t.in[i]) != u || (t.reads_first(ir_, i, ir_.spec(t.out[k])) && (!chain(s) || reads_within(s, i)));
      // In this phase only parts of the same fractions may have met it.
      const Touched& before = touched_[static_cast<size_t>(u)];
      if (chain(s) && before.time == time(s)) fits &= before.apart && before.chain == chain(s);
      if (fits) return u;
    }
    return -1;
  }

  // Steps of a chain run one after the other on each part, though other parts may be further. So a value may follow
  // another, which steps of the chain were the last to read, in its place to the byte: its part lies over the same
  // part. What dies in the step itself makes room likewise, where elements are read before they are written.
  void make(int s, size_t k) {
    const int v = step(s).out[k];
    if (ir_.values[static_cast<size_t>(v)].home != Home::arena) return;
    const bool within = chain(s) && !step(s).place.outputs_whole;
    const int until = std::max(s, last_reader_[static_cast<size_t>(v)]);
    int& b = made_.of_value[static_cast<size_t>(v)];
    const int dying = chain(s) && !within ? -1 : dying_under(s, k);
    auto free = within ? spare_.find({chain(s), ir_.bytes(v)}) : spare_.end();
    if (dying >= 0) {
      b = block_of(dying);
      last_reader_[static_cast<size_t>(dying)] = INT_MAX;  // its block is not free
    } else if (free != spare_.end() && !free->second.empty()) {
      b = free->second.back();
      free->second.pop_back();
    } else {
      b = add(round_up(ir_.bytes(v)), s);
    }
    Block& block = made_.all[static_cast<size_t>(b)];
    block.last_step = std::max(block.last_step, until);
    block.last = time(block.last_step);
    touch(s, v, within);
  }

  void read(int s, size_t i) {
    const int v = ir_.root(step(s).in[i]);
    if (block_of(v) >= 0) touch(s, v, reads_within(s, i));
  }

  // After step s, if it was the last to use v.
  void leave(int s, int v) {
    int& last = last_reader_[static_cast<size_t>(v)];
    if (last > s || block_of(v) < 0) return;
    last = INT_MAX;  // once, where a step reads it twice
    if (const Touched& t = touched_[static_cast<size_t>(v)]; t.apart)
      spare_[{t.chain, ir_.bytes(v)}].push_back(block_of(v));
  }

  // Steps of a phase run at the same time, but each thread runs one of them: they share what is a thread's own.
  void take_scratch(int s) {
    const Step& t = step(s);
    if (!t.op || !t.op->scratch_bytes) return;
    const StepSpecs specs(ir_, t);
    const int64_t bytes = round_up(static_cast<int64_t>(t.op->scratch_bytes(t.attrs.get(), specs.in(), specs.out())));
    if (bytes == 0) return;
    int& b = made_.of_scratch[static_cast<size_t>(s)];
    if (!chain(s) || !t.op->scratch_of_thread) {
      b = add(bytes, s);
      return;
    }
    made_.of_threads[static_cast<size_t>(s)] = true;
    if (threads_block_ < 0 || made_.all[static_cast<size_t>(threads_block_)].first != time(s))
      threads_block_ = add(0, s);
    b = threads_block_;
    Block& block = made_.all[static_cast<size_t>(b)];
    block.bytes = std::max(block.bytes, bytes * members_);
    block.last_step = s;
  }

  const Ir& ir_;
  const int members_;
  std::vector<const Chain*> chain_;  // of steps of parallel phases
  std::vector<int> last_reader_;     // of values
  std::vector<Touched> touched_;     // of values
  int threads_block_ = -1;           // the last one that holds scratch of threads
  Blocks made_;
  std::map<std::pair<const Chain*, int64_t>, std::vector<int>> spare_;  // blocks that values of so many bytes left
};

}  // namespace

Blocks find_blocks(const Ir& ir, const std::vector<Phase>& phases, int members) {
  return Planner(ir, phases, members).run();
}

Memory plan_memory(const Ir& ir, const std::vector<Phase>& phases, int members) {
  const Blocks blocks = find_blocks(ir, phases, members);
  Memory m;
  const std::vector<int64_t> at = arrange(blocks.all, &m.bytes);
  for (int b : blocks.of_value) m.of_value.push_back(b >= 0 ? at[static_cast<size_t>(b)] : -1);
  std::map<int, int64_t> scratch;  // bytes by time: it lives for one
  int last = -1;
  for (size_t s = 0; s < ir.steps.size(); ++s) {
    const int b = blocks.of_scratch[s];
    m.of_scratch.push_back(b >= 0 ? at[static_cast<size_t>(b)] : -1);
    const int64_t bytes = b >= 0 ? blocks.all[static_cast<size_t>(b)].bytes : 0;
    m.scratch_step.push_back(blocks.of_threads[s] ? bytes / members : 0);
    if (b > last) m.most_scratch = std::max(m.most_scratch, scratch[blocks.time[s]] += bytes);
    last = std::max(last, b);
  }
  return m;
}

}  // namespace bs
