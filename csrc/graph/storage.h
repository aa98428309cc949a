// NamedStorage that several names share: a tensor, its views, what detach() and .data give of it. All of them show what
// was written last, through whichever; none of them counts as a reader for whose sake the memory would have to be kept.
//
// Values never change: a storage has one value after the other. The next one lies in the memory of the last where
// nobody else reads that (a saved value, an array of NumPy, another tensor), else in new memory. Whoever works without
// the interpreter's lock holds a counted handle to what it reads, so it is such a reader. Storages and lineages are
// touched with that lock only.
#pragma once

#include <new>
#include <span>
#include <utility>

#include "graph/slot.h"
#include "graph/tensor.h"

namespace bs {

// As Counted, of what threads touch one at a time: counting costs no atomic instructions.
struct CountedInTurn {
  class Count {
   public:
    uint32_t fetch_add(uint32_t k, std::memory_order) { return std::exchange(n_, n_ + k); }
    uint32_t fetch_sub(uint32_t k, std::memory_order) { return std::exchange(n_, n_ - k); }
    uint32_t load(std::memory_order) const { return n_; }

   private:
    uint32_t n_ = 1;
  };
  Count refs;
};

// Memory of objects of such a class, of which many are made and soon go: some blocks are kept, so that making one costs
// neither a lock nor a look at the thread's own lists.
template <class T>
class KeptInTurn {
 public:
  static void* operator new(size_t bytes) {
    if (!first_) return ::operator new(bytes);
    --n_;
    return std::exchange(first_, first_->next);
  }
  static void operator delete(void* p) {
    if (n_ == kMost) return ::operator delete(p);
    ++n_;
    first_ = new (p) Block{first_};
  }

 private:
  struct Block {
    Block* next;
  };
  static constexpr int kMost = 128;
  inline static Block* first_ = nullptr;
  inline static int n_ = 0;
};

// Where a name lies in the memory of its storage.
struct Place {
  Spec spec;
  int64_t offset = 0;

  Place() = default;
  Place(Spec s, int64_t at) : spec(std::move(s)), offset(at) {}
  explicit Place(const Tensor& t) : spec(t.spec()), offset(t.out().offset) {}
  bool operator==(const Place& o) const {
    return offset == o.offset && spec.dtype == o.spec.dtype && spec.shape == o.spec.shape &&
           (spec.contiguous() ? o.spec.contiguous() : !o.spec.contiguous() && *spec.strides == *o.spec.strides);
  }
};

// Defined in ops/, which this folder does not see. The part of x, which is contiguous, at a place: a view. Of another
// dtype than the place's, which has elements of the same size, the bits count.
Tensor part_of(const Tensor& x, const Place& place);
// x with the part at the place, or its bits, replaced by v: over the memory of x where `over` says that nobody else
// reads it. Where the part holds v's elements already, nothing is moved.
Tensor with_part(Tensor x, const Tensor& v, const Place& place, bool over, bool holds = false);
// Moves the elements of v to the place in the memory at `data`.
void move_part(const Place& place, char* data, const Tensor& v);
// A new leaf with the history of another value: what derivatives see is that one.
Tensor with_history(const Tensor& leaf, const Ref<Node>& past, int output);
// The same by an op that a capture records.
Tensor with_history(const Tensor& value, const Tensor& past);

class NamedStorage : public CountedInTurn {
 public:
  // Who holds a handle that is made anew when it is next wanted: it is given up before the storage is written.
  class Reader {
   public:
    Reader() = default;
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   protected:
    ~Reader() = default;  // of one that has left
    virtual void let_go() = 0;
    void enter(NamedStorage& s) {
      if (before_) return;
      next_ = s.readers_;
      before_ = &s.readers_;
      if (next_) next_->before_ = &next_;
      s.readers_ = this;
    }
    void leave() {
      if (!before_) return;
      *before_ = next_;
      if (next_) next_->before_ = before_;
      before_ = nullptr;
    }

   private:
    friend class NamedStorage;
    Reader* next_ = nullptr;
    Reader** before_ = nullptr;  // what points to this one; null: in no list
  };

  static Ref<NamedStorage> make(Ref<Buffer> buffer) {
    return Ref<NamedStorage>::adopt(new NamedStorage(std::move(buffer)));
  }
  static Ref<NamedStorage> of(Slot& slot);
  // Of the gradient that a cell has now; of none where a capture's symbol is all there is.
  static Ref<NamedStorage> of(GradCell& cell, bool symbolic);
  static void destroy(NamedStorage* s) { delete s; }
  ~NamedStorage();

  Ref<Slot> slot;      // of a parameter or buffer, or of a tensor that a capture writes: it holds the value
  Ref<GradCell> cell;  // of a gradient: `gradient` holds the value, which is the cell's as long as that has this one
  Ref<Gradient> gradient;
  // From here on the value is the cell's gradient, which it is already.
  void bind(GradCell& cell);
  // Another one after each write.
  uint64_t version() const {
    return slot ? slot->version() : gradient ? gradient->version.load(std::memory_order_acquire) : version_;
  }
  Ref<Buffer> buffer() const { return slot ? slot->buffer() : cell ? value().out().buffer : buffer_; }
  // Whether a slot or a gradient holds the value.
  bool bound() const { return slot || cell; }
  // Of a slot or a gradient.
  Tensor value() const;

  void let_go();
  // From here on the value is that of a slot, which has the same memory.
  void move_to(Ref<Slot> s);
  // From here on it is what the slot holds now, whatever that holds later.
  void leave_slot();
  // The part at `place` becomes v, which has its shape and dtype; of a slot or gradient of another dtype, its bits do.
  // Nothing is recorded.
  void write(const Place& place, Tensor v);
  // The value is that of t, which fills its buffer. Of no slot or gradient.
  void become(const Tensor& t);
  // Whether nobody but readers, who have let go, and `more` others hold the memory.
  bool alone(uint32_t more = 0) const;
  // Its memory, which is that of the value before, holds another value.
  void written_over() { ++version_; }
  // A leaf at the place.
  Tensor leaf(const Place& place) const;
  // Whether the place is all of the memory, in order.
  bool whole(const Place& place) const;
  // All of the memory as one axis.
  Place flat(DType dtype) const;

 private:
  NamedStorage() = default;
  explicit NamedStorage(Ref<Buffer> buffer) : buffer_(std::move(buffer)) {}
  void write_gradient(const Place& place, Tensor v);
  explicit NamedStorage(Slot& s) : slot(Ref<Slot>::share(&s)) {}
  Ref<Buffer> buffer_;
  uint64_t version_ = 0;
  Reader* readers_ = nullptr;
};

// What derivatives know of a storage. A tensor and its views are one lineage; detach() begins another one in the same
// storage. A write is recorded in the lineage that it goes through; in the others the value changes, and the history
// stays. (A slot has no history beyond its own leaf, which names of it ask the slot for.)
class Lineage final : public CountedInTurn, public KeptInTurn<Lineage>, private NamedStorage::Reader {
 public:
  const Ref<NamedStorage> storage;

  // Of t, whose value is that of the storage, and of its views.
  static Ref<Lineage> make(Ref<NamedStorage> s, const Tensor& t) {
    return Ref<Lineage>::adopt(new Lineage(std::move(s), t));
  }
  // Without a history.
  static Ref<Lineage> make(Ref<NamedStorage> s) { return Ref<Lineage>::adopt(new Lineage(std::move(s))); }
  static void destroy(Lineage* l) { delete l; }
  ~Lineage() { leave(); }

  bool has_history() const { return base_ || past_; }
  // Whether the history is that of a leaf.
  bool of_leaf() const { return has_history() && !(base_ ? base_.node() : past_.get())->op; }
  // The value at the place as it is now, with its history.
  Tensor read(const Place& place);
  // The part at `place` becomes v, which has its shape and dtype. `derived`: v has been computed from that part, so
  // that it has the part's history already.
  void write(const Place& place, Tensor v, bool record, bool derived);

 private:
  explicit Lineage(Ref<NamedStorage> s) : storage(std::move(s)) {}
  Lineage(Ref<NamedStorage> s, const Tensor& t);
  void let_go() override;
  // The value there, with its history.
  const Tensor& base();
  void set_base(Tensor t);
  // Makes all of the memory what it is about.
  void widen();

  Place place_;     // of the base: what the history is about
  Tensor base_;     // where there is a history, and the storage has not been written since
  Ref<Node> past_;  // else the history
  int past_output_ = 0;
};

// Whether t is nobody else's: its memory may become a name's.
bool is_fresh(const Tensor& t);

// Computes op(inputs...) over the memory of input `self`, which nobody else reads. False, and then nothing has
// happened, where that is not what apply() would give: it is recorded, or has another shape or dtype; or where the op,
// or another input in that memory, does not allow it.
bool apply_over(const Op& op, std::span<const Tensor> inputs, int self, const Attrs* attrs);

}  // namespace bs
