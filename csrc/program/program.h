// A program: one captured function as static steps over one arena, run without Python and without allocation in the
// steps. The memory plan is known before the first run.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "graph/slot.h"
#include "program/capture.h"
#include "program/ir.h"

namespace bs {

// While it lives this thread may hold locks of slots: fork() waits. Not for programs that call back, which may fork
// themselves and hold none.
class Running {
 public:
  explicit Running(bool locks);
  ~Running() { end(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  void end();

 private:
  bool locks_;
};

constexpr int64_t kNoBudget = INT64_MAX;
// A program cannot do with the memory that it was granted.
struct BudgetError : ValueError {
  using ValueError::ValueError;
};

class Program {
 public:
  // Plans what `outputs` and the written slots of the capture need, given the values of `inputs`: symbols, or any other
  // values of the graph. With keep_grads the gradients that the captured function left in cells are kept too; else
  // their cells are stale after a run. Where a run needs more than `budget` bytes, on one thread or on as many as there
  // are now, steps are repeated (recompute.h) until it does not, and BudgetError is thrown if it always does.
  Program(const Capture& capture, std::span<const Tensor> inputs, const std::vector<Tensor>& outputs, bool keep_grads,
          int64_t budget = kNoBudget);

  // Runs on the data of the arguments (contiguous, of the captured specs). Slots change only if all went well.
  // Returns the outputs in fresh buffers. Thread-safe: one run at a time. Must be called without the interpreter's lock
  // wherever steps call back. The value that slot i had at the beginning goes to *before[i], where that is not null,
  // and stays.
  std::vector<Tensor> run(std::span<char* const> inputs, std::span<Tensor* const> before = {});

  // As run(), without making outputs: output k goes to out[k], memory of its size.
  void run_into(std::span<char* const> inputs, std::span<char* const> out, std::span<Tensor* const> before = {});

  // Runs of a short program in a row, as a training loop makes them: what run_into() does around each of them, locks,
  // checks, addresses of slots, is done once. Where that cannot be (slots that something else holds, steps that take
  // time or call back), run() is run_into(). Others wait for the slots while it lives.
  class Burst {
   public:
    explicit Burst(Program& program);
    ~Burst();
    Burst(const Burst&) = delete;
    Burst& operator=(const Burst&) = delete;
    void run(std::span<char* const> inputs, std::span<char* const> out);

   private:
    std::vector<Tensor> replaced_;  // gradients: they go after the locks do
    Program& program_;
    std::unique_lock<std::mutex> guard_;
    Running running_;
    bool holds_;
    int64_t runs_ = 0;
  };

  // Whether the slots still have the dtypes, and still collect gradients or not, as at capture.
  bool fits_slots() const;

  int64_t arena_bytes() const;
  // Gives the memory of the arena up, unless the program runs just now: the next run lays it out anew.
  void rest();

  const std::vector<Spec>& output_specs() const { return output_specs_; }
  double cost() const { return cost_; }
  bool calls_host() const { return calls_host_; }
  // Bytes that a run needs, each once. `scratch` is part of the arena: the most that steps work in at one time.
  struct MemoryUse {
    int64_t arena, scratch, arguments, slots, new_values, outputs, constants, steps;
    int64_t peak() const { return arena + arguments + slots + new_values + outputs + constants + steps; }
  };
  // What people are shown: as planned for the number of threads of the last run, or before it of the making.
  struct Plan {
    std::string text;
    std::vector<Phase> phases;
    MemoryUse memory;
  };
  Plan plan() const;

 private:
  // An operand whose address is known only at the call.
  struct Patch {
    char** where;
    Home home;
    int index;
    int64_t offset;
  };
  struct SlotBinding {
    Ref<Slot> slot;
    Ref<GradCell> cell;  // at capture, and so is the next: a program may be made later
    DType dtype;
    bool written = false;
    bool shadow = false;  // the new value must not overwrite the old one
  };

  // Chain `chain` of a phase, on [lo, hi) of its cut.
  struct Part {
    int chain;
    int64_t lo, hi;
  };
  // What threads do in one phase.
  struct Job {
    std::vector<Part> parts;
    std::vector<int> homes;  // of members: see share_out()
  };

  void set(Ir ir);
  int64_t planned_peak();
  void fit(Ir ir, int64_t budget);
  int make_ready();
  void place_for(int threads);
  void lay_out(int members);
  void cut(int members);
  void find_shadows();
  MemoryUse memory_use() const;
  // Marks this thread as the one that runs the program, whose lock it has.
  struct Runner;
  void check_cells() const;
  bool hold_slots();
  void release_slots(size_t n);
  void bind(std::span<char* const> inputs, std::span<char* const> out, std::span<Tensor* const> before);
  void patch_arguments(std::span<char* const> inputs, std::span<char* const> out);
  void execute(int members);
  void execute_alone();
  struct Failure;
  void run_part(const Chain& chain, const Part& part, int member, Failure& failure);
  int64_t run_step(size_t s, int64_t lo, int64_t hi, int member);
  void merge(size_t s);
  void run_whole(size_t s);
  void commit(std::vector<Tensor>& replaced);
  void unbind();
  // Adds the gradients that were there to `replaced`.
  void commit_cells(std::vector<Tensor>& replaced);

  Ir ir_;
  std::vector<Phase> phases_;
  int placed_for_ = 0;            // threads; 0: not whole
  mutable std::mutex plan_lock_;  // of steps, phases_, arena_bytes_, which a run may make anew
  std::vector<SlotBinding> slots_;
  // By what a run leaves in them; and those that must be empty when it begins.
  std::vector<Ref<GradCell>> stale_cells_, cleared_cells_, kept_cells_, empty_cells_;
  // Added to, but never looked at: what a step left there as stale may be lost, a value may not.
  std::vector<Ref<GradCell>> valueless_cells_;
  size_t n_results_;  // results: outputs without kept gradients
  std::vector<Spec> output_specs_;
  double cost_ = 0;
  bool calls_host_ = false;

  std::mutex lock_;
  std::atomic<std::thread::id> runner_;  // who holds it
  int members_ = 0;                      // what the layout is for
  Ref<Buffer> arena_;
  int64_t arena_bytes_ = 0, scratch_bytes_ = 0;
  std::vector<Call> calls_;                   // per step that is an op
  std::vector<int64_t> scratch_step_;         // per step: between the scratch of one thread and the next one's
  std::vector<View> views_;                   // of their operands
  std::vector<std::vector<void*>> operands_;  // per step with a list
  std::vector<Job> jobs_;                     // per phase; empty for one thread
  std::vector<Patch> slot_patches_, argument_patches_;
  std::vector<size_t> lock_order_;    // of slots: by address, as all programs do
  std::vector<Slot::Binding> bound_;  // per slot, while a run lasts
};

}  // namespace bs
