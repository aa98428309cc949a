// Tape: what a captured function did, as closures from tensors to tensors, in their order. Played again on arguments of
// other sizes it records the graph that the function would have made, without Python: rules and compositions see the
// new shapes. What the function read of sizes stands beside it, as conditions.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "graph/slot.h"

namespace bs {

// A size that the captured function read, or what it computed of such sizes.
struct Size : Counted {
  enum class Kind : uint8_t { number, size, add, sub, mul, floor_div, mod };
  Kind kind = Kind::number;
  int tensor = -1, dim = 0;  // of `size`: the tensor's place on the tape
  Ref<Size> a, b;            // operands
  int64_t value = 0;         // at capture
  int parts = 1;             // sizes and numbers that it was computed of
  bool fixed = false;        // it is a condition that the value stays
  int handles = 0;           // objects of the host language that hold it

  static Ref<Size> of(int tensor, int dim, int64_t value);
  static Ref<Size> number(int64_t value);
  // Empty where the result is none in 64 bits, or too much has been computed.
  static Ref<Size> computed(Kind kind, const Ref<Size>& a, const Ref<Size>& b);
  static void destroy(Size* s) { delete s; }

  // For the tensors of a replay; none where the operation has no result.
  std::optional<int64_t> value_for(std::span<const Tensor> tensors) const;
};

// An integer that may depend on sizes.
class Extent {
 public:
  Extent(int64_t value = 0) : value_(value) {}
  explicit Extent(Ref<Size> size) : value_(size->value), size_(std::move(size)) {}
  // In a replay that of the new sizes.
  int64_t now() const;
  bool varies() const { return static_cast<bool>(size_); }

 private:
  int64_t value_;
  Ref<Size> size_;
};

class Tape : public std::enable_shared_from_this<Tape> {
 public:
  using Fn = std::function<std::vector<Tensor>(std::span<const Tensor>)>;

  // That of the capture which runs on this thread; null where there is none, it has been given up, or a closure is
  // being recorded, which does all that happens inside it.
  static Tape* current() { return current_capture() ? of_capture() : nullptr; }

  // An argument of the captured function.
  void input(const Tensor& symbol) { n_inputs_ = add(symbol) + 1; }
  // Gives fn(in), and takes it onto the tape. Whatever else fn depends on must be constant, or an Extent.
  std::vector<Tensor> record(std::span<const Tensor> in, Fn fn, bool varies = false);
  // Takes onto the tape what has happened already: fn would have given `out`.
  void note(std::span<const Tensor> in, Fn fn, std::span<const Tensor> out);
  // Whether t is an argument, or what a closure on the tape gave.
  bool has(const Tensor& t) const { return place_of(t) >= 0; }
  // What happens cannot be played again.
  void give_up();
  bool given_up() const { return given_up_; }

  // The size of a tensor that a replay may make with another one; empty where it stays.
  Ref<Size> size(const Tensor& t, int dim);
  // The captured function relies on a's value, or on how a and b compare: less, equal or greater as `order` says.
  int64_t fix(const Ref<Size>& a);
  void relies_on(const Ref<Size>& a, const Ref<Size>& b, bool (*compare)(int64_t, int64_t));
  // It relies on all sizes of t.
  void fix(const Tensor& t);
  // The host language has got s, and may keep it where later calls read it.
  void give(const Ref<Size>& s) {
    if (!ended_) given_.push_back(s);
  }

  // What the captured function has returned.
  void results(std::span<const Tensor> results);
  // It has ended: nothing more is noted. Sizes that are still held stay as they are, so it relies on them.
  void end();
  bool ended() const { return ended_; }

  // Whether conditions hold that depend on the arguments alone: few inputs need a replay to see that they do not.
  bool may_fit(std::span<const Tensor> inputs) const;
  // The results for other inputs of the same dtypes and numbers of axes, in the capture that is current. Nothing where
  // a condition does not hold, or something has another dtype or number of axes. Throws what the closures throw.
  std::optional<std::vector<Tensor>> replay(std::span<const Tensor> inputs) const;

 private:
  // A tensor by its place on the tape, or a constant.
  struct Operand {
    int place = -1;
    Tensor constant;
  };
  struct Kind {
    DType dtype = DType::f32;
    int dims = -1;  // -1: none, as of a gradient
    bool operator==(const Kind&) const = default;
  };
  struct Taped {
    Fn fn;
    std::vector<Operand> in;
    std::vector<Kind> out;
    bool recording;
    uint32_t apart;
  };
  struct Condition {
    Ref<Size> a, b;
    bool (*compare)(int64_t, int64_t);
    bool outcome;
    bool of_inputs;
  };

  static Tape* of_capture();
  static Kind kind_of(const Tensor& t) { return t ? Kind{t.dtype(), t.shape().size()} : Kind{}; }
  int add(const Tensor& t);
  // -1 where it is not on the tape.
  int place_of(const Tensor& t) const;
  bool operand(const Tensor& t, Operand* made) const;
  Taped begin(std::span<const Tensor> in, bool* known, bool* varies) const;
  void append(Taped made, Fn fn, std::span<const Tensor> out);
  bool of_inputs(const Size& s) const;
  bool holds(const Condition& c, std::span<const Tensor> tensors) const;

  bool given_up_ = false, inside_ = false, ended_ = false;
  int n_inputs_ = 0;
  std::vector<Taped> taped_;
  std::vector<Operand> results_;
  std::vector<Condition> conditions_;
  // While it is recorded: of all tensors on it, by node and output.
  std::vector<Tensor> tensors_;
  std::unordered_map<const Node*, std::vector<int>> places_;
  std::vector<Ref<Size>> given_;
};

}  // namespace bs
