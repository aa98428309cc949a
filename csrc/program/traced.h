// A captured function as an op: the results of a call carry their derivative, which is a captured function too.
//
// Those that depend on something that requires a gradient are the outputs of one node; of several, where their
// derivatives read nothing in common, so that they can be swept one after the other. Its inputs are what they depend
// on, the *operands*: arguments, slots as they were when the program began, and tensors that the capture met. The rule
// of the node traces the sweep over the symbolic graph, once for each set of outputs that have gradients and of
// operands that are asked for. What that gives is a Traced of the operands and of the gradients, so its results carry
// their derivative as well, and so on.
//
// The program of a derivative reads what the function's has computed. To the first one it makes that again, from the
// operands. From then on the function's program gives these values too: they are *kept* as further inputs of its node.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "program/program.h"

namespace bs {

class Traced : public Object, public std::enable_shared_from_this<Traced> {
 public:
  // Of what a capture has recorded; with keep_grads as Program's. The derivatives that `like` has been asked for, the
  // same function with arguments of other sizes, are traced at once. Each program, those of derivatives too, is planned
  // within the budget; what would make the function's need more is not kept, but made again by the derivative's.
  // Of the outputs the first n_results are the function's; others are what it has left elsewhere.
  static std::shared_ptr<Traced> make(Capture capture, std::vector<Tensor> outputs, size_t n_results, bool keep_grads,
                                      int64_t budget, Traced* like = nullptr);
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

  // Whether some result carries its derivative: then call() is told the arguments themselves. They are contiguous and
  // of the captured specs. Both as Program::run(). What has been swept inside, and cannot be again, is severed.
  bool carries() const { return !carried_.empty(); }
  std::vector<Tensor> run(std::span<char* const> args);
  std::vector<Tensor> call(std::span<const Tensor> args) { return call(args, {}, {}); }

  // The program that runs, and one that gives the results and nothing else.
  std::shared_ptr<Program> program() { return carries() ? plan({})->program : program_; }
  std::shared_ptr<Program> plain_program();

  // Of all programs that it has made, those of derivatives too: bytes of their arenas, and Program::rest().
  int64_t arena_bytes();
  void rest();

 private:
  // Values of the graph that come with a node, after its operands. Those that a node of a derivative has been given
  // come first.
  struct Kept : Object {
    std::vector<Tensor> values;
  };
  // How a call runs that is given some kept values.
  struct Plan {
    std::shared_ptr<const Kept> given, kept;
    size_t wanted;                     // for how many of wanted_ it is made
    std::vector<size_t> from;          // of each that was not given: the output of the program
    std::shared_ptr<Program> program;  // its inputs: the arguments, and what is given
  };
  struct Operand {
    int argument = -1, slot = -1;
    Tensor value;  // symbol, or a tensor that the capture met
  };
  struct Derivative {
    // Whether it has a history; of each operand, whether it is asked for; of each output, whether it has a gradient,
    // and whether that requires one.
    std::vector<bool> key;
    std::vector<int> operands;       // of each result of `traced`, which are the gradients that are not zero
    std::shared_ptr<Traced> traced;  // null where all are zero
    std::vector<std::shared_ptr<Reliance>> reliances;
    bool holds() const;
  };

  Traced(Capture capture, std::vector<Tensor> outputs, size_t n_results, bool keep_grads, int64_t budget);
  std::vector<std::shared_ptr<Program>> programs();
  void find_carried();
  void find_groups(std::span<Node* const> nodes);
  void find_operands();
  std::shared_ptr<const Plan> plan(const std::shared_ptr<const Kept>& given);
  // Its outputs begin with `of`; `wanted` is all or part of the first n_wanted of wanted_.
  std::shared_ptr<const Plan> make_plan(const std::shared_ptr<const Kept>& given, std::span<const Tensor> of,
                                        std::span<const Tensor> wanted, size_t n_wanted);
  std::vector<Tensor> call(std::span<const Tensor> args, const std::shared_ptr<const Kept>& given,
                           std::span<const Tensor> given_values);
  // The rule of its nodes.
  friend void differentiate(GradCall& call);
  void differentiate(GradCall& call, const std::shared_ptr<const Kept>& kept, int group);
  Derivative derivative(const std::vector<bool>& key);
  Derivative trace(const std::vector<bool>& key);
  void adopt(Traced& like);
  // The results by ops, into the graph of the capture that is current.
  std::vector<Tensor> replay(std::span<const Tensor> args, const Kept& given, std::span<const Tensor> given_values);
  // From the next call on, these come with a node.
  void want(const std::vector<Tensor>& values);

  Capture capture_;
  std::vector<Tensor> outputs_;
  size_t n_results_;
  std::shared_ptr<Program> program_;  // where nothing is carried: always the same
  const bool keep_grads_;
  const int64_t budget_;
  std::vector<size_t> carried_;  // results that are outputs of nodes
  std::vector<int> group_;       // of each of these: its node
  int n_groups_ = 0;
  std::vector<size_t> severed_;    // results
  std::vector<Operand> operands_;  // arguments come first, then slots
  uint64_t begin_ = 0;             // of a derivative: nodes from this number on are its own
  std::weak_ptr<Traced> parent_;   // of what it is the derivative

  std::mutex lock_;  // of the following; nothing is built, and nothing goes, while it is held
  std::vector<Tensor> wanted_;
  size_t n_unrepeatable_ = 0;  // of these: what cannot be made again, first
  std::shared_ptr<const Plan> plan_;
  std::vector<Derivative> derivatives_;
};

}  // namespace bs
