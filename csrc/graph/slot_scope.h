// How a function that runs twice sees slots: the second time as it did the first.
#pragma once

#include <unordered_map>
#include <vector>

#include "graph/slot.h"

namespace bs {

// While it lives, of the slots that this thread reads and writes. Programs reach slots past it.
class SlotScope {
 public:
  // What was read of a slot before anything was written to it.
  struct Read {
    Ref<Slot> slot;
    Tensor value;
  };

  // What a slot reads as once a value is written.
  using LeafOf = Tensor (*)(const Slot& slot, const Tensor& value);

  // Notes what is read.
  SlotScope() : SlotScope(nullptr, nullptr) {}
  // Slots read as noted, whatever they hold now; what is written is seen in this scope and nowhere else.
  SlotScope(const std::vector<Read>& before, LeafOf leaf_of) : SlotScope(&before, leaf_of) {}
  // Some slots read as other values, and what is written to them is seen in this scope alone; others are as outside.
  static SlotScope of_some(const std::vector<Read>& values, LeafOf leaf_of) { return {&values, leaf_of, true}; }
  ~SlotScope();
  SlotScope(const SlotScope&) = delete;
  SlotScope& operator=(const SlotScope&) = delete;

  // The innermost one that was made in the capture that is current, or outside of any as we are. Null if there is none.
  static SlotScope* current();
  Tensor read(Slot& slot);
  // A value that fits the slot.
  void write(Slot& slot, const Tensor& value);
  const std::vector<Read>& noted() const { return noted_; }

 private:
  SlotScope(const std::vector<Read>* before, LeafOf leaf_of, bool of_some = false);
  const bool of_some_;
  const LeafOf leaf_of_;  // null: the first run
  SlotScope* const outer_;
  CaptureHooks* const capture_;
  std::vector<Read> noted_;
  std::unordered_map<const Slot*, Tensor> values_;  // when run again; else slots that are noted, or have been written
};

}  // namespace bs
