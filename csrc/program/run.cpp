// Runs a program: slots bound, steps run on one thread or a team, new values committed.
#include <pthread.h>

#include <algorithm>
#include <climits>
#include <exception>

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
      "optimizer.zero_grad(), or model.zero_grad() where the optimizer has not all parameters, inside the function");
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

void Program::bind(std::span<char* const> inputs, std::span<char* const> out) {
  for (size_t i : lock_order_) {
    SlotBinding& s = slots_[i];
    using Write = Slot::Write;
    bound_[i] = s.slot->bind(!s.written ? Write::no : s.shadow ? Write::apart : Write::in_place, s.dtype);
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

int64_t Program::run_step(size_t s, int member, int members) {
  const Step& step = ir_.steps[s];
  // What is not cut runs on the caller's thread: so do all calls of the host.
  if (members > 1 && step.cut <= step.cut_granule) {
    if (member > 0) return -1;
    members = 1;
  }
  int64_t lo = 0, hi = step.place.extent;
  if (members > 1) {
    const Range r = part_of(step.cut, step.cut_granule, member, members);
    if (r.lo == r.hi) return -1;
    const int64_t each = step.place.extent / step.cut;
    lo = r.lo * each;
    hi = r.hi * each;
  }
  const auto run_list = [&](int64_t from, int64_t to) {
    kernels::active().elementwise(*step.list, operands_[s].data(), from * step.unit, to * step.unit);
  };
  if (!step.op) {
    run_list(lo, hi);
    return -1;
  }
  Call mine;
  const Call* call = &calls_[s];
  if (members > 1) {
    mine = *call;
    mine.member = member;
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

// All steps on this thread, as execute() would run them with a team of one, without what a team needs: of a small
// step that was 270 of 4,500 instructions.
void Program::execute_alone() {
  for (size_t s = 0; s < ir_.steps.size(); ++s) {
    const Op* op = ir_.steps[s].op;
    if (const int64_t bad = run_step(s, 0, 1); bad >= 0) op->explain(calls_[s], bad);
    if (op && op->merge) op->merge(calls_[s]);
  }
}

// All phases on a team. Throws what a step throws, after every thread has stopped. Of several failures the first in the
// order of steps and positions counts, so that the error is the same on any number of threads.
void Program::execute(int members) {
  if (members == 1) return execute_alone();
  std::atomic<int> failed{INT_MAX};  // the first step that is known to fail
  int64_t failed_at = 0;
  std::exception_ptr error;
  std::mutex failing;
  auto fail = [&](int step, int64_t position, std::exception_ptr e) {
    std::lock_guard guard(failing);
    if (step > failed.load() || (step == failed.load() && position >= failed_at)) return;
    failed.store(step);
    failed_at = position;
    error = std::move(e);
  };
  auto merge = [&](int i) {
    const size_t s = static_cast<size_t>(i);
    if (const Op* op = ir_.steps[s].op; op && op->merge) op->merge(calls_[s]);
  };
  auto work = [&](int member, int team) {
    for (const Phase& phase : phases_) {
      const bool together = team > 1 && phase.parallel;
      // The others go on up to the step that failed: an earlier one may fail in their part.
      for (int i = phase.first; i < phase.last && (together || member == 0) && i <= failed.load(); ++i) {
        try {
          const int64_t bad = run_step(static_cast<size_t>(i), member, together ? team : 1);
          if (bad >= 0) fail(i, bad, nullptr);
        } catch (...) {  // a call of the host
          fail(i, 0, std::current_exception());
        }
        if (!together && failed.load() > i) merge(i);
      }
      if (team > 1) team_barrier();
      // Of this phase: a faster member may already have failed in the next one.
      if (failed.load() < phase.last) return;
      if (!together || !phase.merges) continue;
      if (member == 0)
        for (int i = phase.first; i < phase.last; ++i) merge(i);
      team_barrier();
    }
  };
  run_team(members, work);
  if (error) std::rethrow_exception(error);
  if (const int s = failed.load(); s != INT_MAX)
    ir_.steps[static_cast<size_t>(s)].op->explain(calls_[static_cast<size_t>(s)], failed_at);
}

void Program::commit() {
  for (size_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].written && !bound_[i].locked) slots_[i].slot->commit(std::move(bound_[i].next), slots_[i].dtype);
  unbind();
  commit_cells();
}

void Program::unbind() {
  for (size_t i = 0; i < slots_.size(); ++i) {
    const bool locked = bound_[i].locked;
    bound_[i] = {};
    if (locked) slots_[i].slot->unlock();
  }
}

void Program::commit_cells() {
  for (auto& c : stale_cells_) c->set({}, true);
  for (auto& c : kept_cells_) c->set({}, true);  // until run() has them
  for (auto& c : cleared_cells_) c->set({}, false);
}

struct Program::Runner {
  std::atomic<std::thread::id>& id;
  explicit Runner(std::atomic<std::thread::id>& i) : id(i) { id.store(std::this_thread::get_id()); }
  ~Runner() { id.store(std::thread::id()); }
};

void Program::check_cells() const {
  for (const auto& c : empty_cells_)
    if (!c->empty()) refuse_gradient();
  for (const auto& c : valueless_cells_)
    if (c->has_value()) refuse_gradient();
}

void Program::run_into(std::span<char* const> inputs, std::span<char* const> out) {
  if (runner_.load() == std::this_thread::get_id())
    throw GraphError("[compile] a compiled function calls itself through a call-back into Python");
  std::lock_guard guard(lock_);
  Runner runner(runner_);
  check_cells();
  const int members = members_for(num_threads());
  if (members != members_) lay_out(members);
  Running running(!calls_host_);
  try {
    bind(inputs, out);
    execute(members);
  } catch (...) {
    unbind();
    throw;
  }
  commit();
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

Program::Burst::Burst(Program& program) : program_(program), running_(!program.calls_host_) {
  program_.lock_.lock();
  try {
    program_.check_cells();
    holds_ = program_.hold_slots();
  } catch (...) {
    program_.lock_.unlock();
    throw;
  }
  if (holds_) return;
  program_.lock_.unlock();
  running_.end();
}

Program::Burst::~Burst() {
  if (!holds_) return;
  program_.release_slots(program_.slots_.size());
  if (runs_ > 0) program_.commit_cells();
  program_.lock_.unlock();
}

void Program::Burst::run(std::span<char* const> inputs, std::span<char* const> out) {
  if (!holds_) return program_.run_into(inputs, out);
  program_.patch_arguments(inputs, out);
  program_.execute(1);
  ++runs_;
}

std::vector<Tensor> Program::run(std::span<char* const> inputs) {
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
  run_into(inputs, std::span<char* const>(at, output_specs_.size()));
  for (size_t i = 0; i < kept_cells_.size(); ++i) {
    kept_cells_[i]->set(results[n_results_ + i], false);
  }
  results.resize(n_results_);
  return results;
}

}  // namespace bs
