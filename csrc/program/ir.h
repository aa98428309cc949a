// What a program is made of between capture and run: values and the steps that compute them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/op.h"
#include "kernels/kernels.h"

namespace bs {

class Capture;
struct Ir;

// Where the memory of a value is.
enum class Home : uint8_t {
  arena,     // made by a step, at an offset that the memory plan chooses
  input,     // argument `index` of the call
  slot,      // what slot `index` held when the program began
  next,      // what slot `index` will hold: made by a step
  output,    // result `index`: made by a step
  constant,  // a tensor that the capture met
  view,      // part of value `base`
  absent,    // stands for an input that an op does without
};

struct Value {
  Spec spec;
  Home home = Home::arena;
  int index = -1;      // of input, slot or output
  int base = -1;       // of a view, never itself a view
  int64_t offset = 0;  // of a view, in bytes
  Tensor constant;
  int maker = -1;  // step
};

// An op, a list of elementwise ops, or an op with a list as its epilogue.
struct Step {
  const Op* op = nullptr;
  Ref<Attrs> attrs;
  std::vector<int> in, out;  // values: those of the op, then those of the list
  std::unique_ptr<kernels::EwList> list;
  int n_op_in = 0, n_op_out = 0;  // how many are the op's
  // Of an epilogue: its first input is the op's first output, out[0]; the others are in[n_op_in ..]. Its outputs are
  // out[n_op_out ..], or, where nothing else needs what the op gave, out[0] (made in place) and then those.
  bool in_place = false;
  Placement place;
  // Of each input: into how many equal pieces it splits so that part k of the step reads only what lies in the k-th of
  // as many fractions of its root. 1: a part may read all of it.
  std::vector<int64_t> pieces;
  int64_t unit = 1;  // elements of a list's loop per unit of place.extent
  double cost = 0;   // nanoseconds on one thread
  // As its node's. What is computed again has its turn when that comes in the order of capture, and not when its inputs
  // are there: these are kept from the first time.
  uint32_t apart = 0;
  int rank = -1;  // where fuse() has put it: placement moves it
  // Steps of a phase that hand shards to each other are cut at the same fractions: at multiples of `cut_granule` of
  // [0, cut), where `cut` divides place.extent.
  int64_t cut = 1, cut_granule = 1;

  // Whether each element of operand i is read before that element of an output like `made` is written: that output may
  // lie over the operand. Of an op with an epilogue this is so of what the list makes, where the op does not read i.
  bool reads_first(const Ir& ir, size_t i, const Spec& made) const;
  // Whether it changes part of its first operand: it lies over that where all that read it have been.
  bool writes_part() const { return op && op->in_place.has(0) && !op->in_place.has(1); }
};

struct Ir {
  std::vector<Value> values;
  std::vector<Step> steps;
  std::vector<int> outputs;                  // values of home `output`, in order
  std::vector<std::pair<int, int>> commits;  // (slot, value of home `next`)

  int add(Value v) {
    values.push_back(std::move(v));
    return static_cast<int>(values.size()) - 1;
  }
  // Sets Value::maker, after steps have moved.
  void number_makers() {
    for (Value& v : values) v.maker = -1;
    for (size_t s = 0; s < steps.size(); ++s)
      for (int v : steps[s].out) values[static_cast<size_t>(v)].maker = static_cast<int>(s);
  }
  // Steps go that make nothing that another reads or that is among `wanted`. Before fusing.
  void drop_unread(std::span<const int> wanted);
  // The value that holds v's memory.
  int root(int v) const { return values[static_cast<size_t>(v)].base >= 0 ? values[static_cast<size_t>(v)].base : v; }
  const Spec& spec(int v) const { return values[static_cast<size_t>(v)].spec; }
  int64_t bytes(int v) const {
    const Spec& s = values[static_cast<size_t>(v)].spec;
    return numel(s.shape) * static_cast<int64_t>(size_of(s.dtype));
  }
};

// What an op's functions are asked with: the specs of a step's operands, as far as they are the op's.
class StepSpecs {
 public:
  StepSpecs(const Ir& ir, std::span<const int> in, std::span<const int> out) {
    in_.reserve(in.size());
    out_.reserve(out.size());
    for (int v : in) in_.push_back(ir.values[static_cast<size_t>(v)].home == Home::absent ? nullptr : &ir.spec(v));
    for (int v : out) out_.push_back(ir.spec(v));
  }
  StepSpecs(const Ir& ir, const Step& s)
      : StepSpecs(ir, std::span(s.in).first(static_cast<size_t>(s.n_op_in)),
                  std::span(s.out).first(static_cast<size_t>(s.n_op_out))) {}
  Specs in() const { return Specs(in_); }
  const Spec* out() const { return out_.data(); }
  int n_out() const { return static_cast<int>(out_.size()); }

 private:
  std::vector<const Spec*> in_;
  std::vector<Spec> out_;
};

// From the recorded nodes that `outputs` and the capture's written slots need, and that are not among `inputs`: dead
// code never enters, equal steps are one, views are resolved, ops with a rule of lowering become what it says. Every
// output and every written slot ends as a value of its own, made by a step.
Ir build_ir(const Capture& capture, std::span<const Tensor> inputs, const std::vector<Tensor>& outputs);

// Joins elementwise steps of one loop shape and one arithmetic into lists, makes lists the epilogues of the ops whose
// results they read, and sorts the steps so that those that write slots may do so in place, and then come at once.
void fuse(Ir& ir);

// Steps of a phase that hand shards to each other, or one step alone. They run one after the other on each part [lo,
// hi) of [0, cut), where lo and hi are multiples of `granule`, or hi is cut: of a step that is [lo, hi) times its
// place.extent / cut, a whole number. What cannot be cut has cut <= granule.
struct Chain {
  std::vector<int> steps;  // ascending
  int64_t cut = 1, granule = 1;
  double cost = 0;  // nanoseconds on one thread
};

// Steps [first, last). In a parallel phase all parts of all its chains may run at once and in any order; between phases
// all threads meet. Others run on one thread, step by step, and so do all that call the host.
struct Phase {
  int first, last;
  bool parallel;              // worth more than one thread
  bool merges;                // some step joins partial results after all parts
  double cost;                // nanoseconds on one thread
  std::vector<Chain> chains;  // of a parallel phase: each of its steps is in one
};

// Sets place, pieces, unit and cost of a step.
void place_step(const Ir& ir, Step& s);

// Places every step and gathers them in phases, in another order where that makes fewer. Chains are kept only if they
// leave parts enough for so many threads. May be asked again, for others: the last order does not matter.
std::vector<Phase> place(Ir& ir, int threads);

// Ends phases earlier where values that end inside one make so many threads need more memory than one does.
void split_phases(const Ir& ir, std::vector<Phase>& phases, int threads);

// Offsets in the arena of a program for so many threads; -1 where a value lies elsewhere, or a step needs no scratch.
// The scratch of a step's thread m lies m times scratch_step further.
struct Memory {
  std::vector<int64_t> of_value, of_scratch, scratch_step;
  int64_t bytes = 0;
  int64_t most_scratch = 0;  // of the bytes: the most that is scratch at one time
};
Memory plan_memory(const Ir& ir, const std::vector<Phase>& phases, int members);

// One line per step, for people and tests.
std::string str(const Ir& ir, const std::vector<Phase>& phases);

}  // namespace bs
