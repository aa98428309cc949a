// Slots: the only mutable state. A parameter, a buffer, optimizer state, a generator: each is a slot that holds a
// value; programs reach it through a table bound at call.
#pragma once

#include <atomic>
#include <mutex>

#include "graph/tensor.h"

namespace bs {

class NamedStorage;

class Slot : public Counted {
 public:
  // Takes the value; `requires_grad` slots collect gradients in a cell.
  static Ref<Slot> make(const Tensor& value, bool requires_grad);
  static void destroy(Slot* s) { delete s; }

  // The value as the thread sees it: under capture, the capture's symbol for it.
  Tensor read();
  // Under capture the write becomes part of the program. shape and dtype are fixed: ShapeError, DTypeError.
  void write(const Tensor& value);
  // For one run of a program: the buffer of the value, which stays as long as it is held, and one for the next value:
  // the same if that may be written in place and nothing else holds it, else a new one. Where it is the same, others
  // wait for the value until unlock(). Programs bind several slots in the order of their addresses. GraphError if the
  // dtype is not what the program knows. `value` gets the value itself, which is then not written in place.
  enum class Write : uint8_t { no, in_place, apart };
  struct Binding {
    Ref<Buffer> current, next;
    bool locked = false;
  };
  Binding bind(Write write, DType dtype, Tensor* value = nullptr);
  // The value's memory, to be overwritten run after run until unlock(). Null, and nothing locked, if something else
  // holds the value or looks at it just now, or the dtype is another.
  char* hold(DType dtype);
  void unlock() {
    version_.fetch_add(1, std::memory_order_release);
    lock_.unlock();
  }
  // Replaces the value at once, whatever captures run; not one whose dtype has become another meanwhile.
  void commit(Ref<Buffer> buffer, DType dtype);

  // Another one after each change of the value.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  NamedStorage* storage = nullptr;  // of the names that lie in it (storage.h), while there are any

  // Another value of the same shape, whose dtype may differ: programs that know the old one no longer fit.
  void replace(const Tensor& value);

  // The value, whatever captures run.
  Tensor value() const;
  Ref<Buffer> buffer() const { return value().out().buffer; }
  const Spec& spec() const { return spec_; }
  Ref<GradCell> cell;  // null if it collects no gradients
  // One that begins to collect gradients again does so in the cell that it had: programs that know it fit again.
  void set_requires_grad(bool on);

 private:
  explicit Slot(const Tensor& value) : value_(value), spec_(value.spec()) {}
  void set(Tensor value);
  // Whether nothing else holds the value: no node of a graph, no view, no array. With the lock.
  bool ours() const;

  mutable std::mutex lock_;  // around value_: programs commit without the interpreter's lock
  Tensor value_;
  std::atomic<uint64_t> version_{0};
  Spec spec_;
  Ref<GradCell> resting_;  // while no gradients are collected
};

// What a capture does with slots, gradients and reads of values: implemented by program/.
class CaptureHooks {
 public:
  virtual ~CaptureHooks() = default;
  virtual Tensor read_slot(Slot& slot) = 0;
  virtual void write_slot(Slot& slot, const Tensor& value) = 0;
  virtual Tensor read_grad(GradCell& cell) = 0;
  virtual void write_grad(GradCell& cell, const Tensor& grad) = 0;
  virtual void accumulate_grad(GradCell& cell, const Tensor& grad) = 0;
  // The cell of a leaf that the captured function makes: it is empty whenever the function begins.
  virtual void own_cell(GradCell& cell) = 0;
  // A symbolic application of an op with an effect: kept, and in this order, whether or not its outputs are used.
  virtual void effect(const Tensor& applied) = 0;
};
// The capture that runs on this thread, or null.
CaptureHooks* current_capture();
void set_current_capture(CaptureHooks* c);

// The gradient of a leaf's cell and how to set it, eager or captured. Reading a stale one throws GraphError.
Tensor read_grad(GradCell& cell);
void write_grad(GradCell& cell, const Tensor& grad);
// Adds to it, as a sweep does. What is stale stays stale: nobody knows what the sum would be.
void accumulate_grad(GradCell& cell, const Tensor& grad);

// Bumped when modules, parameter groups or slots' flags change; compiled functions compare it at each call.
uint64_t structure_epoch();
void bump_structure_epoch();

}  // namespace bs
