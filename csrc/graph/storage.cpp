#include "graph/storage.h"

#include "base/error.h"
#include "graph/apply.h"

namespace bs {
namespace {

// The bits of a value as another dtype whose elements have the same size.
Tensor bits_of(const Tensor& t, DType dtype) {
  Tensor made = t.alias();
  made.out().spec.dtype = dtype;
  return made;
}

}  // namespace

// ---- NamedStorage ---------------------------------------------------------------------------------------------------

Ref<NamedStorage> NamedStorage::of(Slot& slot) {
  if (slot.storage) return Ref<NamedStorage>::share(slot.storage);
  Ref<NamedStorage> made = Ref<NamedStorage>::adopt(new NamedStorage(slot));
  slot.storage = made.get();
  return made;
}

Ref<NamedStorage> NamedStorage::of(GradCell& cell, bool symbolic) {
  Ref<NamedStorage> made = Ref<NamedStorage>::adopt(new NamedStorage);
  made->cell = Ref<GradCell>::share(&cell);
  if (!symbolic) made->bind(cell);
  return made;
}

void NamedStorage::bind(GradCell& of) {
  cell = Ref<GradCell>::share(&of);
  buffer_ = Ref<Buffer>();
  let_go();
  Tensor before;
  std::lock_guard guard(cell->lock);
  if (!cell->named) {
    // Names lie in all of the memory, from its first element on.
    const Place place(cell->grad);
    const size_t bytes = static_cast<size_t>(numel(place.spec.shape)) * size_of(place.spec.dtype);
    if (!place.spec.contiguous() || place.offset != 0 || cell->grad.out().buffer->bytes != bytes) {
      before = cell->grad;
      cell->grad = copy_of(before);
    }
    cell->named = Ref<Gradient>::adopt(new Gradient);
    cell->named->set(cell->grad);
  }
  gradient = cell->named;
}

Tensor NamedStorage::value() const {
  if (slot) return slot->value();
  std::lock_guard guard(cell->lock);
  return gradient->value;
}

void NamedStorage::write_gradient(const Place& place, Tensor v) {
  Tensor before, made;  // what is replaced goes after the lock does
  std::lock_guard guard(cell->lock);
  before = std::move(gradient->value);
  const bool current = cell->named.get() == gradient.get();
  if (current) cell->grad = Tensor();
  if (place.spec.contiguous() && place.spec.shape == before.shape() && is_fresh(v)) {
    made = std::move(v);
  } else {
    const Output& o = before.out();
    const bool alone = o.value_refs.load(std::memory_order_acquire) == 1 && o.buffer.unique() && !o.buffer->release &&
                       !before.node()->op;
    made = alone ? before : copy_of(before);
    move_part(place, static_cast<char*>(made.out().buffer->data), v);
  }
  if (current) cell->grad = made;
  gradient->set(std::move(made));
}

NamedStorage::~NamedStorage() {
  if (slot) slot->storage = nullptr;
}

bool NamedStorage::whole(const Place& place) const {
  const size_t bytes = static_cast<size_t>(numel(place.spec.shape)) * size_of(place.spec.dtype);
  return place.spec.contiguous() && place.offset == 0 && bytes == buffer()->bytes;
}

Place NamedStorage::flat(DType dtype) const {
  Place all;
  all.spec.dtype = dtype;
  all.spec.shape = Dims::filled(1, static_cast<int64_t>(buffer()->bytes / size_of(dtype)));
  return all;
}

Tensor NamedStorage::leaf(const Place& place) const {
  Tensor t(Node::make(nullptr, 0, 1), 0);
  Output& o = t.out();
  o.spec = place.spec;
  o.offset = place.offset;
  o.buffer = buffer();
  return t;
}

bool NamedStorage::alone(uint32_t more) const {
  return buffer_->refs.load(std::memory_order_acquire) == 1 + more && !buffer_->release;
}

void NamedStorage::let_go() {
  while (Reader* r = readers_) {
    r->leave();
    r->let_go();
  }
}

void NamedStorage::move_to(Ref<Slot> s) {
  let_go();
  slot = std::move(s);
  slot->storage = this;
  buffer_ = Ref<Buffer>();
}

void NamedStorage::leave_slot() {
  let_go();
  buffer_ = slot->buffer();
  slot->storage = nullptr;
  slot = Ref<Slot>();
}

void NamedStorage::become(const Tensor& t) {
  buffer_ = t.out().buffer;
  ++version_;
}

void NamedStorage::write(const Place& place, Tensor v) {
  RecordingGuard off(false);
  if (const DType dtype = bound() ? value().dtype() : place.spec.dtype; dtype != place.spec.dtype) {
    Place bits = place;
    bits.spec.dtype = dtype;
    v = bits_of(v, dtype);
    return write(bits, std::move(v));
  }
  let_go();
  const bool all = whole(place);
  if (slot) {
    if (all) return slot->write(v);
    if (char* data = slot->hold(place.spec.dtype)) {
      move_part(place, data, v);
      return slot->unlock();
    }
    Tensor made = copy_of(leaf({slot->spec(), 0}));
    move_part(place, made.data(), v);
    return slot->write(made);
  }
  if (cell) return write_gradient(place, std::move(v));
  if (all && is_fresh(v)) return become(v);
  if (!alone()) {
    if (all) return become(copy_of(v));
    become(copy_of(leaf(flat(DType::u8))));
  }
  move_part(place, static_cast<char*>(buffer_->data), v);
  ++version_;
}

bool is_fresh(const Tensor& t) {
  const Output& o = t.out();
  return t.node()->refs.load(std::memory_order_acquire) == 1 && o.buffer.unique() && !o.buffer->release &&
         o.spec.contiguous() && o.offset == 0;
}

// ---- Lineage ---------------------------------------------------------------------------------------------------

Lineage::Lineage(Ref<NamedStorage> s, const Tensor& t) : storage(std::move(s)) {
  if (storage->bound() || !t.requires_grad()) return;
  place_ = Place(t);
  set_base(t);
}

void Lineage::set_base(Tensor t) {
  base_ = std::move(t);
  past_ = Ref<Node>();
  enter(*storage);
}

void Lineage::let_go() {
  past_ = Ref<Node>::share(base_.node());
  past_output_ = base_.output();
  base_ = Tensor();
}

const Tensor& Lineage::base() {
  if (!base_) set_base(with_history(storage->leaf(place_), past_, past_output_));
  return base_;
}

void Lineage::widen() {
  if (!has_history() || storage->whole(place_)) return;
  RecordingGuard on(true);
  const Place all = storage->flat(place_.spec.dtype);
  Tensor made = with_part(storage->leaf(all), base(), place_, true, true);
  place_ = all;
  set_base(std::move(made));
}

Tensor Lineage::read(const Place& place) {
  if (!has_history()) return storage->leaf(place);
  if (place == place_) return base();
  widen();
  RecordingGuard on(true);
  return part_of(base(), place);
}

void Lineage::write(const Place& place, Tensor v, bool record, bool derived) {
  if (!record || storage->bound()) return storage->write(place, std::move(v));
  if (!has_history()) place_ = storage->whole(place) ? place : storage->flat(place.spec.dtype);
  widen();
  Tensor root = has_history() ? base() : storage->leaf(place_);
  storage->let_go();
  if (storage->whole(place) && place.spec.shape == place_.spec.shape && (derived || !root.requires_grad()))
    root = is_fresh(v) ? std::move(v) : copy_of(v);
  else {
    const bool over = root.out().value_refs.load(std::memory_order_acquire) == 1 && storage->alone(1);
    root = with_part(std::move(root), v, place, over);
  }
  storage->become(root);
  set_base(std::move(root));
}

}  // namespace bs
