// Runs a program: slots bound, steps run on one thread or several, new values committed.
#include <pthread.h>

#include <algorithm>
#include <climits>

#include "base/error.h"
#include "base/parallel.h"
#include "program/program.h"

namespace bs {
namespace {

// Longer ones run one by one: a burst of some may keep others from the slots for a millisecond.
constexpr double kBurstNanoseconds = 50e3;

[[noreturn]] void refuse_gradient() {
  throw GraphError(
      "[compile] the compiled function adds to a .grad that is not empty when it begins: start the step with "
      "optimizer.zero_grad(), or model.zero_grad() where the optimizer has not all parameters, inside the function; to "
      "add up over several calls, give all parts to one call, or return the loss and call its backward() outside");
}

// fork() waits for runs to end, and runs for fork(): a child must not find slots locked by threads that it has not.
pthread_rwlock_t make_gate() {
  pthread_rwlockattr_t prefer_fork;
  pthread_rwlockattr_init(&prefer_fork);
#if defined(__GLIBC__)  // elsewhere a fork may wait for a pause between the runs
  pthread_rwlockattr_setkind_np(&prefer_fork, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
  pthread_rwlock_t lock;
  pthread_rwlock_init(&lock, &prefer_fork);
  return lock;
}
pthread_rwlock_t gate = make_gate();
const int at_fork = pthread_atfork([] { pthread_rwlock_wrlock(&gate); }, [] { pthread_rwlock_unlock(&gate); },
                                   [] { gate = make_gate(); });

}  // namespace

Running::Running(bool locks) : locks_(locks) {
  if (locks_) pthread_rwlock_rdlock(&gate);
}

void Running::end() {
  if (locks_) pthread_rwlock_unlock(&gate);
  locks_ = false;
}

void Program::bind(std::span<char* const> inputs, std::span<char* const> out, std::span<Tensor* const> before) {
  for (size_t i : lock_order_) {
    SlotBinding& s = slots_[i];
    using Write = Slot::Write;
    bound_[i] = s.slot->bind(!s.written ? Write::no
                             : s.shadow ? Write::apart
                                        : Write::in_place,
                             s.dtype, before.empty() ? nullptr : before[i]);
  }
  for (const Patch& p : slot_patches_) {
    const Slot::Binding& b = bound_[static_cast<size_t>(p.index)];
    *p.where = static_cast<char*>((p.home == Home::slot ? b.current : b.next)->data) + p.offset;
  }
  patch_arguments(inputs, out);
}

void Program::patch_arguments(std::span<char* const> inputs, std::span<char* const> out) {
  for (const Patch& p : argument_patches_)
    *p.where = (p.home == Home::input ? inputs : out)[static_cast<size_t>(p.index)] + p.offset;
}

// The part [lo, hi) of what the step is cut at. Inlined, as is run_whole(): of a small step calls of them, and what
// only several threads need, were 270 of 4,500 instructions.
inline __attribute__((always_inline)) int64_t Program::run_step(size_t s, int64_t lo, int64_t hi, int member) {
  const Step& step = ir_.steps[s];
  const auto run_list = [&](int64_t from, int64_t to) {
    kernels::active().elementwise(*step.list, operands_[s].data(), from * step.unit, to * step.unit);
  };
  if (!step.op) {
    run_list(lo, hi);
    return -1;
  }
  Call mine;
  const Call* call = &calls_[s];
  if (const int64_t each = scratch_step_[s]; member > 0 && each > 0) {
    mine = *call;
    mine.scratch += member * each;
    call = &mine;
  }
  if (!step.list) return step.op->forward(*call, lo, hi);
  for (int64_t at = lo; at < hi;) {
    const int64_t next = std::min(hi, at + step.place.block);
    if (const int64_t bad = step.op->forward(*call, at, next); bad >= 0) return bad;
    run_list(at, next);
    at = next;
  }
  return -1;
}

inline void Program::merge(size_t s) {
  if (const Op* op = ir_.steps[s].op; op && op->merge) op->merge(calls_[s]);
}

inline __attribute__((always_inline)) void Program::run_whole(size_t s) {
  const Step& step = ir_.steps[s];
  if (const int64_t bad = run_step(s, 0, step.place.extent, 0); bad >= 0) step.op->explain(calls_[s], bad);
  merge(s);
}

// All steps on this thread, without what several need.
void Program::execute_alone() {
  for (size_t s = 0; s < ir_.steps.size(); ++s) run_whole(s);
}

// Of several failures the first in the order of steps and positions counts, so that the error is the same on any number
// of threads. What runs goes on up to the step that failed: an earlier one may fail in another part.
struct Program::Failure {
  std::atomic<int> step{INT_MAX};
  int64_t position = 0;
  std::mutex lock;

  void add(int s, int64_t at) {
    std::lock_guard guard(lock);
    if (s > step.load() || (s == step.load() && at >= position)) return;
    step.store(s);
    position = at;
  }
};

void Program::run_part(const Chain& chain, const Part& part, int member, Failure& failure) {
  for (int s : chain.steps) {
    if (s > failure.step.load(std::memory_order_relaxed)) return;
    const int64_t each = ir_.steps[static_cast<size_t>(s)].place.extent / std::max<int64_t>(chain.cut, 1);
    const int64_t bad = run_step(static_cast<size_t>(s), part.lo * each, part.hi * each, member);
    if (bad >= 0) return failure.add(s, bad);
  }
}

// All phases, one after the other, on several threads where that pays. Throws what a step throws, after every thread
// has stopped.
void Program::execute(int members) {
  if (members == 1) return execute_alone();
  Failure failure;
  for (size_t p = 0; p < phases_.size() && failure.step == INT_MAX; ++p) {
    const Phase& phase = phases_[p];
    if (phase.parallel) {
      const Job& job = jobs_[p];
      share_out(static_cast<int>(job.parts.size()), job.homes.data(), members, [&](int i, int member) {
        const Part& part = job.parts[static_cast<size_t>(i)];
        run_part(phase.chains[static_cast<size_t>(part.chain)], part, member, failure);
      });
      for (int s = phase.first; s < phase.last && phase.merges && failure.step == INT_MAX; ++s)
        merge(static_cast<size_t>(s));
    } else {
      for (int s = phase.first; s < phase.last; ++s) run_whole(static_cast<size_t>(s));
    }
  }
  if (const int s = failure.step; s != INT_MAX)
    ir_.steps[static_cast<size_t>(s)].op->explain(calls_[static_cast<size_t>(s)], failure.position);
}

void Program::commit(std::vector<Tensor>& replaced) {
  for (size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].written && !bound_[i].locked) slots_[i].slot->commit(std::move(bound_[i].next), slots_[i].dtype);
  unbind();
  commit_cells(replaced);
}

void Program::unbind() {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const bool locked = bound_[i].locked;
    bound_[i] = {};
    if (locked) slots_[i].slot->unlock();
  }
}

void Program::commit_cells(std::vector<Tensor>& replaced) {
  const auto set = [&](GradCell& c, bool stale) {
    if (Tensor old = c.set({}, stale)) replaced.push_back(std::move(old));
  };
  for (auto& c : stale_cells_) set(*c, true);
  for (auto& c : kept_cells_) set(*c, true);  // until run() has them
  for (auto& c : cleared_cells_) set(*c, false);
}

// Only the thread itself asks whether it is the one.
struct Program::Runner {
  std::atomic<std::thread::id>& id;
  explicit Runner(std::atomic<std::thread::id>& i) : id(i) {
    id.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  ~Runner() { id.store(std::thread::id(), std::memory_order_relaxed); }
};

void Program::check_cells() const {
  for (const auto& c : empty_cells_)
    if (!c->empty()) refuse_gradient();
  for (const auto& c : valueless_cells_)
    if (c->has_value()) refuse_gradient();
}

void Program::run_into(std::span<char* const> inputs, std::span<char* const> out, std::span<Tensor* const> before) {
  if (runner_.load(std::memory_order_relaxed) == std::this_thread::get_id())
    throw GraphError("[compile] a compiled function calls itself through a call-back into Python");
  std::vector<Tensor> replaced;  // goes after the locks do
  std::lock_guard guard(lock_);
  Runner runner(runner_);
  check_cells();
  const int members = make_ready();
  Running running(!calls_host_);
  try {
    bind(inputs, out, before);
    execute(members);
  } catch (...) {
    unbind();
    throw;
  }
  commit(replaced);
}

// Slots that a run makes in new memory change hands after each; programs that last may keep others waiting for long.
bool Program::hold_slots() {
  if (cost_ > kBurstNanoseconds || calls_host_ || !kept_cells_.empty()) return false;
  if (members_ != 1) lay_out(1);
  std::vector<char*> at(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    at[i] = slots_[i].shadow ? nullptr : slots_[i].slot->hold(slots_[i].dtype);
    if (at[i]) continue;
    release_slots(i);
    return false;
  }
  for (const Patch& p : slot_patches_) *p.where = at[static_cast<size_t>(p.index)] + p.offset;
  return true;
}

void Program::release_slots(size_t n) {
  for (size_t i = 0; i < n; ++i) slots_[i].slot->unlock();
}

// Locks in the order of run_into().
Program::Burst::Burst(Program& program)
    : program_(program), guard_(program.lock_), running_(!program.calls_host_), holds_(false) {
  program_.check_cells();
  holds_ = program_.hold_slots();
  if (holds_) return;
  running_.end();
  guard_.unlock();
}

Program::Burst::~Burst() {
  if (!holds_) return;
  program_.release_slots(program_.slots_.size());
  if (runs_ > 0) program_.commit_cells(replaced_);
}

void Program::Burst::run(std::span<char* const> inputs, std::span<char* const> out) {
  if (!holds_) return program_.run_into(inputs, out);
  program_.patch_arguments(inputs, out);
  program_.execute(1);
  ++runs_;
}

std::vector<Tensor> Program::run(std::span<char* const> inputs, std::span<Tensor* const> before) {
  std::vector<Tensor> results;
  char* out[64];
  std::vector<char*> many;
  char** at = out;
  if (output_specs_.size() > 64) {
    many.resize(output_specs_.size());
    at = many.data();
  }
  results.reserve(output_specs_.size());
  for (size_t i = 0; i < output_specs_.size(); ++i) {
    results.push_back(Tensor::empty(output_specs_[i].dtype, output_specs_[i].shape));
    at[i] = results.back().data();
  }
  run_into(inputs, std::span<char* const>(at, output_specs_.size()), before);
  for (size_t i = 0; i < kept_cells_.size(); ++i) {
    kept_cells_[i]->set(results[n_results_ + i], false);
  }
  results.resize(n_results_);
  return results;
}

}  // namespace bs
