// Capture: while one is current on a thread, slots and gradients read as symbols, and ops on symbols record nodes.
#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "graph/met.h"
#include "graph/slot.h"
#include "program/tape.h"

namespace bs {

// What the host language has told that was captured, beside the graph: it may be used again as long as this holds.
struct Reliance {
  virtual ~Reliance() = default;
  virtual bool holds() = 0;
};

class Capture : public CaptureHooks, public Meeting {
 public:
  Capture();
  Capture(Capture&&) = default;
  Capture& operator=(Capture&&) = default;

  // An argument of the captured function. One that requires a gradient can be differentiated by, inside.
  Tensor input(const Spec& spec, bool requires_grad);

  Tensor read_slot(Slot& slot) override;
  void write_slot(Slot& slot, const Tensor& value) override;
  Tensor read_grad(GradCell& cell) override;
  void write_grad(GradCell& cell, const Tensor& grad) override;
  void accumulate_grad(GradCell& cell, const Tensor& grad) override;
  void own_cell(GradCell& cell) override;
  void effect(const Tensor& applied) override;
  void met(const Tensor& t) override;
  // The captured function writes to a value that it has met, which a slot holds from here on. What it has read of it
  // before is a constant: then it must run again.
  void writes(const Tensor& outside) { again |= met_.count(outside.out().buffer.get()) > 0; }

  uint64_t begin;      // nodes from this number on are its own
  bool again = false;  // what is recorded is worth nothing

  Tape* tape = nullptr;  // on which the captured function is recorded, if on any

  struct SlotUse {
    Ref<Slot> slot;
    Tensor symbol;   // the value at the start of the program
    Tensor current;  // as the captured function sees it now
    bool written = false;
  };
  struct CellUse {
    Ref<GradCell> cell;
    Tensor current;  // empty: cleared, or never set
    bool written = false;
    bool assumed_empty = false;  // added to, or read, before it was written
    bool read = false;
  };
  std::vector<Tensor> inputs;
  std::vector<SlotUse> slots;
  std::vector<CellUse> cells;
  std::vector<Tensor> effects;
  // Of a derivative (traced.h): rules that the host language runs while it is traced add to it what they have read.
  bool traces_derivative = false;
  std::vector<std::shared_ptr<Reliance>> reliances;

 private:
  SlotUse& use(Slot& slot);
  CellUse& use(GradCell& cell, bool assume_empty);
  std::unordered_map<const Slot*, size_t> slot_index_;
  std::unordered_map<const GradCell*, size_t> cell_index_;
  std::vector<Ref<GradCell>> input_cells_;
  std::unordered_set<const Buffer*> met_;
};

// The value as one that the program computes, also where it is a constant: a leaf that holds it has a derivative, which
// programs find by what depends on the leaf. `before`: what the leaf was, a symbol of its shape.
Tensor as_computed(const Tensor& value, const Tensor& before);

// Makes a capture current for a scope.
class CaptureScope {
 public:
  explicit CaptureScope(Capture& c);
  ~CaptureScope();
  CaptureScope(const CaptureScope&) = delete;
  CaptureScope& operator=(const CaptureScope&) = delete;

 private:
  CaptureHooks* before_;
  Meeting* met_before_;
};

}  // namespace bs
