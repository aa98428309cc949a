#include "graph/slot_scope.h"

#include "base/thread_local.h"

namespace bs {
namespace {

BS_THREAD_LOCAL SlotScope* innermost = nullptr;

// What lies in the scope does as if the scope were not there.
struct Outside {
  SlotScope* const inside = innermost;
  explicit Outside(SlotScope* outer) { innermost = outer; }
  ~Outside() { innermost = inside; }
};

}  // namespace

SlotScope::SlotScope(const std::vector<Read>* before, LeafOf leaf_of, bool of_some)
    : of_some_(of_some), leaf_of_(leaf_of), outer_(innermost), capture_(current_capture()) {
  if (before)
    for (const Read& r : *before) values_.emplace(r.slot.get(), r.value);
  innermost = this;
}

SlotScope::~SlotScope() { innermost = outer_; }

SlotScope* SlotScope::current() { return innermost && innermost->capture_ == current_capture() ? innermost : nullptr; }

Tensor SlotScope::read(Slot& slot) {
  if (of_some_ && !values_.count(&slot)) {
    Outside outside(outer_);
    return slot.read();
  }
  const auto [it, added] = values_.try_emplace(&slot);
  if (leaf_of_ && !added) return it->second;
  Outside outside(outer_);
  Tensor value = slot.read();
  if (leaf_of_)
    it->second = value;
  else if (added)
    noted_.push_back({Ref<Slot>::share(&slot), value});
  return value;
}

void SlotScope::write(Slot& slot, const Tensor& value) {
  if (of_some_ && !values_.count(&slot)) {
    Outside outside(outer_);
    return slot.write(value);
  }
  Tensor& seen = values_[&slot];
  if (leaf_of_) {
    seen = leaf_of_(slot, value);
    return;
  }
  Outside outside(outer_);
  slot.write(value);
}

}  // namespace bs
