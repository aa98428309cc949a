// The memory plan: which values share memory, and where all lies in one arena.
#include <algorithm>
#include <climits>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "program/ir.h"

namespace bs {
namespace {

constexpr int64_t kAlign = 64;
// So many can be compared with each other in a millisecond.
constexpr size_t kFewBlocks = 1024;
int64_t round_up(int64_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

// What values that follow each other share, or scratch: taken from `first` to `last`, both included.
struct Block {
  int64_t bytes = 0;
  int first = 0, last = 0;  // times
};

class Planner {
 public:
  Planner(const Ir& ir, const std::vector<Phase>& phases, int members)
      : ir_(ir),
        members_(members),
        time_(ir.steps.size()),
        chain_(ir.steps.size(), nullptr),
        last_reader_(ir.values.size(), -1),
        block_of_(ir.values.size(), -1),
        touched_(ir.values.size()),
        scratch_(ir.steps.size(), -1) {
    // Steps of a parallel phase run at the same time, others one by one.
    int now = 0;
    for (const Phase& p : phases) {
      const bool together = p.parallel && members > 1;
      for (int s = p.first; s < p.last; ++s) time_[static_cast<size_t>(s)] = together ? now : now++;
      now += together;
      for (const Chain& chain : p.chains)
        for (int s : chain.steps)
          if (together) chain_[static_cast<size_t>(s)] = &chain;
    }
  }

  Memory run() {
    const int n = static_cast<int>(ir_.steps.size());
    for (int s = 0; s < n; ++s)
      for (int v : step(s).in) last_reader_[static_cast<size_t>(ir_.root(v))] = s;
    for (int s = 0; s < n; ++s) {
      for (int v : step(s).out) make(s, v);
      for (size_t i = 0; i < step(s).in.size(); ++i) read(s, i);
      for (int v : step(s).out) leave(s, v);
      for (int v : step(s).in) leave(s, ir_.root(v));
      take_scratch(s);
    }
    return arrange();
  }

 private:
  // How a value is used in a parallel phase: by parts of one chain, each of which stays within its fraction, or not.
  struct Touched {
    int time = -1;
    const Chain* chain = nullptr;
    bool apart = false;
  };

  const Step& step(int s) const { return ir_.steps[static_cast<size_t>(s)]; }
  int time(int s) const { return time_[static_cast<size_t>(s)]; }
  const Chain* chain(int s) const { return chain_[static_cast<size_t>(s)]; }
  Block& block(int v) { return blocks_[static_cast<size_t>(block_of_[static_cast<size_t>(v)])]; }

  void touch(int s, int v, bool within) {
    Touched& t = touched_[static_cast<size_t>(v)];
    if (t.time != time(s)) t = {time(s), chain(s), true};
    t.apart &= within && chain(s) && t.chain == chain(s);
  }

  // Steps of a chain run one after the other on each part, though other parts may be further. So a value may follow
  // another, which steps of the chain were the last to read, in its place to the byte: its part lies over the same
  // part.
  void make(int s, int v) {
    if (ir_.values[static_cast<size_t>(v)].home != Home::arena) return;
    const bool within = chain(s) && !step(s).place.outputs_whole;
    const int until = std::max(s, last_reader_[static_cast<size_t>(v)]);
    int& b = block_of_[static_cast<size_t>(v)];
    auto free = within ? spare_.find({chain(s), ir_.bytes(v)}) : spare_.end();
    if (free != spare_.end() && !free->second.empty()) {
      b = free->second.back();
      free->second.pop_back();
    } else {
      b = static_cast<int>(blocks_.size());
      blocks_.push_back({round_up(ir_.bytes(v)), time(s), time(s)});
    }
    block(v).last = std::max(block(v).last, time(until));
    touch(s, v, within);
  }

  void read(int s, size_t i) {
    const int v = ir_.root(step(s).in[i]);
    if (block_of_[static_cast<size_t>(v)] < 0) return;
    const bool merges = step(s).op && step(s).op->merge;  // and may read once more, when all parts are through
    touch(s, v, chain(s) && !merges && chain(s)->cut > 0 && step(s).pieces[i] % chain(s)->cut == 0);
  }

  // After step s, if it was the last to use v.
  void leave(int s, int v) {
    int& last = last_reader_[static_cast<size_t>(v)];
    if (last > s || block_of_[static_cast<size_t>(v)] < 0) return;
    last = INT_MAX;  // once, where a step reads it twice
    if (const Touched& t = touched_[static_cast<size_t>(v)]; t.apart)
      spare_[{t.chain, ir_.bytes(v)}].push_back(block_of_[static_cast<size_t>(v)]);
  }

  // Steps of a phase run at the same time, but each thread runs one of them: they share what is a thread's own.
  void take_scratch(int s) {
    const Step& t = step(s);
    if (!t.op || !t.op->scratch_bytes) return;
    const StepSpecs specs(ir_, t);
    const int64_t bytes = round_up(static_cast<int64_t>(t.op->scratch_bytes(t.attrs.get(), specs.in(), specs.out())));
    if (bytes == 0) return;
    int& b = scratch_[static_cast<size_t>(s)];
    b = static_cast<int>(blocks_.size());
    if (!of_threads(s)) {
      blocks_.push_back({bytes, time(s), time(s)});
      return;
    }
    if (threads_block_ >= 0 && blocks_[static_cast<size_t>(threads_block_)].first == time(s))
      b = threads_block_;
    else
      blocks_.push_back({0, time(s), time(s)});
    threads_block_ = b;
    int64_t& most = blocks_[static_cast<size_t>(b)].bytes;
    most = std::max(most, bytes * members_);
  }
  bool of_threads(int s) const { return chain(s) && step(s).op->scratch_of_thread; }

  int64_t most_scratch() const {
    std::map<int, int64_t> at;  // bytes by time: scratch lives for one
    std::vector<bool> seen(blocks_.size());
    for (int b : scratch_) {
      if (b < 0 || seen[static_cast<size_t>(b)]) continue;
      seen[static_cast<size_t>(b)] = true;
      at[blocks_[static_cast<size_t>(b)].first] += blocks_[static_cast<size_t>(b)].bytes;
    }
    int64_t most = 0;
    for (auto [time, bytes] : at) most = std::max(most, bytes);
    return most;
  }

  Memory arrange() {
    int64_t size = INT64_MAX;
    std::vector<int64_t> offset;
    const auto take_better = [&](std::vector<int64_t> other) {
      int64_t end = 0;
      for (size_t i = 0; i < blocks_.size(); ++i) end = std::max(end, other[i] + blocks_[i].bytes);
      if (end >= size) return;
      size = end;
      offset = std::move(other);
    };
    take_better(offsets(false));
    take_better(offsets(true));
    if (blocks_.size() <= kFewBlocks)
      for (bool times_life : {false, true}) take_better(greatest_first(times_life));
    Memory m{std::vector<int64_t>(ir_.values.size(), -1), std::vector<int64_t>(ir_.steps.size(), -1),
             std::vector<int64_t>(ir_.steps.size(), 0), size, most_scratch()};
    for (size_t v = 0; v < m.of_value.size(); ++v)
      if (block_of_[v] >= 0) m.of_value[v] = offset[static_cast<size_t>(block_of_[v])];
    for (size_t s = 0; s < m.of_scratch.size(); ++s) {
      if (scratch_[s] < 0) continue;
      const size_t b = static_cast<size_t>(scratch_[s]);
      m.of_scratch[s] = offset[b];
      if (of_threads(static_cast<int>(s))) m.scratch_step[s] = blocks_[b].bytes / members_;
    }
    return m;
  }

  // Each block in the smallest gap between those that live with it, those of most bytes first, or of most bytes times
  // life. The better of the two needs at most 2 % more than what is alive at once on the networks of bench/phases.py,
  // but the time is the square of the number of blocks.
  std::vector<int64_t> greatest_first(bool times_life) const {
    std::vector<size_t> order(blocks_.size()), placed;  // placed: by offset
    const auto weight = [&](size_t i) {
      const Block& b = blocks_[i];
      return times_life ? b.bytes * (b.last - b.first + 1) : b.bytes;
    };
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return weight(a) > weight(b); });
    std::vector<int64_t> at(blocks_.size());
    for (size_t i : order) {
      const Block& b = blocks_[i];
      int64_t end = 0, best = -1, gap = INT64_MAX;
      for (size_t p : placed) {
        const Block& other = blocks_[p];
        if (other.last < b.first || other.first > b.last) continue;
        if (const int64_t room = at[p] - end; room >= b.bytes && room < gap) {
          gap = room;
          best = end;
        }
        end = std::max(end, at[p] + other.bytes);
      }
      at[i] = best >= 0 ? best : end;
      placed.insert(
          std::upper_bound(placed.begin(), placed.end(), i, [&](size_t x, size_t y) { return at[x] < at[y]; }), i);
    }
    return at;
  }

  // In the order of time, or backwards: each in the smallest gap that holds it, or at the end. The better of the two
  // needs at most 5 % more than what is alive at once on networks of layers, 18 % on recurrent ones.
  std::vector<int64_t> offsets(bool backwards) const {
    const auto begin = [&](size_t i) { return backwards ? -blocks_[i].last : blocks_[i].first; };
    const auto end = [&](size_t i) { return backwards ? -blocks_[i].first : blocks_[i].last; };
    std::vector<size_t> order(blocks_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return std::tuple(begin(a), -blocks_[a].bytes) < std::tuple(begin(b), -blocks_[b].bytes);
    });
    std::vector<int64_t> at(blocks_.size());
    std::map<int64_t, int64_t> gaps;              // offset, bytes
    std::set<std::pair<int64_t, int64_t>> sizes;  // the same, by bytes
    const auto add_gap = [&](int64_t from, int64_t bytes) {
      auto next = gaps.lower_bound(from);
      if (next != gaps.end() && next->first == from + bytes) {
        bytes += next->second;
        sizes.erase({next->second, next->first});
        next = gaps.erase(next);
      }
      if (next != gaps.begin()) {
        const auto before = std::prev(next);
        if (before->first + before->second == from) {
          from = before->first;
          bytes += before->second;
          sizes.erase({before->second, before->first});
          gaps.erase(before);
        }
      }
      gaps[from] = bytes;
      sizes.insert({bytes, from});
    };
    const auto drop_gap = [&](int64_t from, int64_t bytes) {
      gaps.erase(from);
      sizes.erase({bytes, from});
    };
    using End = std::pair<int, size_t>;
    std::priority_queue<End, std::vector<End>, std::greater<>> taken;
    int64_t size = 0;
    for (size_t i : order) {
      const Block& b = blocks_[i];
      for (; !taken.empty() && taken.top().first < begin(i); taken.pop()) {
        const size_t gone = taken.top().second;
        if (blocks_[gone].bytes > 0) add_gap(at[gone], blocks_[gone].bytes);
      }
      taken.push({end(i), i});
      if (const auto fit = sizes.lower_bound({b.bytes, 0}); fit != sizes.end()) {
        const auto [bytes, from] = *fit;
        drop_gap(from, bytes);
        at[i] = from;
        if (bytes > b.bytes) add_gap(from + b.bytes, bytes - b.bytes);
        continue;
      }
      at[i] = size;
      if (!gaps.empty())
        if (const auto [from, bytes] = *std::prev(gaps.end()); from + bytes == size) {
          drop_gap(from, bytes);
          at[i] = from;
        }
      size = at[i] + b.bytes;
    }
    return at;
  }

  const Ir& ir_;
  const int members_;
  std::vector<int> time_;            // of steps
  std::vector<const Chain*> chain_;  // of steps of parallel phases
  std::vector<int> last_reader_;     // of values
  std::vector<int> block_of_;        // of values in the arena
  std::vector<Touched> touched_;     // of values
  std::vector<int> scratch_;         // of steps: block
  int threads_block_ = -1;           // the last one that holds scratch of threads
  std::vector<Block> blocks_;
  std::map<std::pair<const Chain*, int64_t>, std::vector<int>> spare_;  // blocks that values of so many bytes left
};

}  // namespace

Memory plan_memory(const Ir& ir, const std::vector<Phase>& phases, int members) {
  return Planner(ir, phases, members).run();
}

}  // namespace bs
