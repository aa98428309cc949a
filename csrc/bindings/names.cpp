#include "bindings/names.h"

#include <cstring>
#include <string_view>

#include "base/error.h"
#include "bindings/size.h"
#include "bindings/symbol_names.h"
#include "graph/apply.h"
#include "graph/slot_scope.h"
#include "graph/storage.h"
#include "ops/ops.h"
#include "program/capture.h"

namespace bs::bindings {

// What a PyTensor has that shares its storage. Its `t` holds the value while `version` is the storage's, else it only
// says where in the storage it lies.
struct Name final : KeptInTurn<Name>, NamedStorage::Reader {
  static constexpr uint64_t kStale = UINT64_MAX;

  PyTensor* const owner;
  Ref<Lineage> lineage;
  Ref<SymbolLineage> symbols;  // instead, of what a capture has made
  uint64_t version = kStale;
  bool follows = false;  // of a slot: with the history that the slot has
  Ref<Node> symbol;      // the value of the slot of which the handle was made in a capture

  Name(PyTensor* o, Ref<Lineage> l) : owner(o), lineage(std::move(l)) {}
  Name(PyTensor* o, Ref<SymbolLineage> s) : owner(o), symbols(std::move(s)), version(symbols->storage->version) {}
  ~Name() { leave(); }
  NamedStorage& storage() const { return *lineage->storage; }
  // The owner's handle is that of the value, or has been made of `value` in a capture.
  void is_current(const Tensor& value = {}) {
    symbol = value ? Ref<Node>::share(value.node()) : Ref<Node>();
    version = value ? kStale : storage().version();
    if (!value) enter(storage());
  }
  void let_go() override;
};

namespace {

// A leaf of nobody else's.
bool is_own_leaf(const Tensor& t) {
  const Node& n = *t.node();
  return !n.op && !n.requires_grad && n.n_outputs == 1 && n.refs.load(std::memory_order_acquire) == 1;
}

// A handle that says where a name lies, and no more.
Tensor placeholder_of(const Place& place) {
  Tensor t(Node::make(nullptr, 0, 1), 0);
  t.out().spec = place.spec;
  t.out().offset = place.offset;
  return t;
}

// The slots of this thread may read as symbols, or as they were.
bool slots_differ() { return current_capture() || SlotScope::current(); }

// The value of a slot or gradient as the thread sees it; empty for a gradient that is none any more.
Tensor bound_value(const NamedStorage& s) {
  if (s.slot) return s.slot->read();
  return current_capture() || !s.gradient ? read_grad(*s.cell) : s.value();
}

// A place in such a value.
Tensor read_place(const Tensor& value, const Place& place, bool follows) {
  const auto part = [place, follows](const Tensor& root) {
    const Tensor whole = follows || !root.requires_grad() ? root : detached(root);
    RecordingGuard on(true);
    Tensor made = part_of(ops::contiguous(whole), place);
    made.out().offset = place.offset;
    return made;
  };
  if ((follows || !value.requires_grad()) && place == Place(value)) return value;
  return taped(value, part);
}

// `value`: of the slot or gradient, where a capture may see another one than there is.
Name& link(PyObject* o, Ref<Lineage> lineage, const Tensor& value = {}) {
  PyTensor* p = as_tensor(o);
  drop_name(p);
  p->name = new Name(p, std::move(lineage));
  p->name->is_current(value);
  return *p->name;
}

// The storage of a tensor whose value a slot or gradient holds; else null.
Ref<NamedStorage> bound_storage(const PyTensor* p) {
  if (p->slot) return NamedStorage::of(*p->slot);
  return p->name && p->name->lineage && p->name->storage().bound() ? p->name->lineage->storage : Ref<NamedStorage>();
}

// The name of a plain tensor, from now on one that may have others beside it.
Name& name_of(PyObject* o) {
  PyTensor* p = as_tensor(o);
  if (p->name) return *p->name;
  return link(o, Lineage::make(NamedStorage::make(p->t.out().buffer), p->t));
}

// Whether the name is one of the capture that runs on this thread.
bool is_captured(const PyTensor* p) { return p->name ? !!p->name->symbols : !p->slot && of_capture(p->t); }

// Such a tensor's name.
Name& symbol_name_of(PyObject* o) {
  settle(o);
  PyTensor* p = as_tensor(o);
  if (p->name) return *p->name;
  Ref<SymbolStorage> storage = Ref<SymbolStorage>::adopt(new SymbolStorage);
  storage->value = p->t;
  p->name = new Name(p, SymbolLineage::make(std::move(storage), p->t));
  return *p->name;
}

PyObject* wrap_symbol(Tensor t, Ref<SymbolLineage> lineage) {
  PyObject* made = wrap(std::move(t));
  as_tensor(made)->name = new Name(as_tensor(made), std::move(lineage));
  return made;
}

// The name of a tensor that the capture has met and now writes: a slot holds its value from here on, so that programs
// find it there.
Name& name_in_slot(PyObject* o, const char* op) {
  const Tensor t = handle_of(o);
  Name& name = name_of(o);
  NamedStorage& storage = name.storage();
  if (storage.bound()) return name;
  const bool leaf = is_leaf(o) && t.requires_grad();
  if (t.requires_grad() && !(leaf && storage.whole(Place(t))))
    throw GraphError(cat("[", op,
                         "] a tensor that has a history, or is part of one that collects gradients, is written inside "
                         "bs.compile, which does not get it as an argument: pass it to the function"));
  if (auto* capture = static_cast<Capture*>(current_capture())) capture->writes(t);
  CaptureHooks* const capture = current_capture();
  set_current_capture(nullptr);
  Ref<Slot> slot = Slot::make(storage.whole(Place(t)) ? t.alias() : storage.leaf(storage.flat(t.dtype())), false);
  if (leaf) {
    slot->cell = t.node()->cell;
    slot->commit(copy_of(t.alias()).out().buffer, t.dtype());
  }
  set_current_capture(capture);
  storage.move_to(std::move(slot));
  name.follows = leaf;
  return name;
}

[[noreturn]] void refuse_captured(const char* op) {
  throw GraphError(cat("[", op,
                       "] this tensor is written inside bs.compile, where that is not known of plain tensors: return "
                       "the new value, or keep it in a Buffer"));
}

// Whether it is the tensor that .grad gives. In a capture what shows all of the gradient is taken for it.
bool is_gradient(const PyTensor* p) {
  if (!p->name || !p->name->lineage || !p->name->storage().cell) return false;
  const NamedStorage& storage = p->name->storage();
  const Gradient* g = storage.gradient.get();
  if (!g) return p->name->follows && Place(p->t) == Place(bound_value(storage));
  std::lock_guard guard(storage.cell->lock);
  return g->object == p && storage.cell->named.get() == g;
}

// What PyTorch refuses too: whoever holds the leaf would not know that it is another one now.
void check_leaf(PyObject* target, const char* op) {
  if (!recording() || !requires_grad(target)) return;
  const PyTensor* p = as_tensor(target);
  const Name* name = p->name;
  const NamedStorage* storage = name && !name->symbols ? &name->storage() : nullptr;
  const bool view = name && (name->symbols      ? !!name->symbols->base.node()->cell
                             : storage->bound() ? !!storage->slot
                                                : name->lineage->of_leaf());
  const bool leaf = is_leaf(target) && !(storage && storage->slot);
  if (leaf || view)
    throw GraphError(cat("[", op, "] ", leaf ? "a leaf Variable" : "a view of a leaf Variable",
                         " that requires grad is being used in an in-place operation: write to it under bs.no_grad(), "
                         "or through .data"));
}

void check_overlap(const Spec& spec, const char* op) {
  if (spec.contiguous()) return;
  for (int d = 0; d < spec.shape.size(); ++d)
    if (spec.shape[d] > 1 && (*spec.strides)[d] == 0)
      throw GraphError(cat("[", op,
                           "] unsupported operation: more than one element of the written-to tensor refers to a single "
                           "memory location: clone() the tensor before it is written"));
}

// The value, broadcast and cast to what is written; `lazily`: whoever writes it does that.
Tensor fitted(Tensor value, const Spec& spec, const char* op, bool lazily) {
  if (!(value.shape() == spec.shape)) {
    Dims both;
    if (!broadcast(value.shape(), spec.shape, &both) || !(both == spec.shape))
      throw ShapeError(cat("[", op, "] a value of shape ", str(value.shape()), " does not broadcast to ",
                           str(spec.shape), ", the shape of what is written"));
    if (!lazily) value = taped(value, [shape = spec.shape](const Tensor& t) { return ops::expand(t, shape); });
  }
  if (!lazily && value.dtype() != spec.dtype)
    value = taped(value, [dtype = spec.dtype](const Tensor& t) { return ops::cast(t, dtype); });
  return value;
}

// The part at a place of a slot's or gradient's value, as the thread sees it, becomes v.
void write_bound(NamedStorage& storage, const Place& place, Tensor v, const char* op) {
  RecordingGuard off(false);
  if (!slots_differ() && !v.symbolic() && (storage.slot || storage.gradient)) return storage.write(place, std::move(v));
  const Tensor now = bound_value(storage);
  if (!now)
    throw GraphError(cat("[", op,
                         "] the gradient of a parameter is written inside bs.compile before it has one there: a "
                         "compiled function begins without gradients; write it after backward(), inside"));
  if (!(place.spec.contiguous() && place.spec.shape == now.shape() && place.spec.dtype == now.dtype())) {
    const Tensor both[] = {now, v};
    v = taped(both, [place](std::span<const Tensor> in) { return with_part(in[0], in[1], place, false); });
  }
  if (storage.slot)
    storage.slot->write(v);
  else
    write_grad(*storage.cell, v);
}

// The part of a target at a place becomes v, which fits. The target requires no gradient where `record` is not set.
void write_at(PyObject* target, const Place& place, Tensor v, const char* op, bool derived) {
  check_leaf(target, op);
  check_overlap(place.spec, op);
  if (Slot* slot = slot_of(target)) return write_bound(*NamedStorage::of(*slot), place, std::move(v), op);
  Name* name = as_tensor(target)->name;
  if (name && name->storage().bound()) return write_bound(name->storage(), place, std::move(v), op);
  if (current_capture()) return write_bound(name_in_slot(target, op).storage(), place, std::move(v), op);
  if (v.symbolic()) refuse_captured(op);
  const bool record = recording() && (v.requires_grad() || requires_grad(target));
  if (record && v.node()->severed) refuse_severed(op);
  name_of(target).lineage->write(place, std::move(v), record, derived);
}

// The part of one of the capture's own tensors that `at` shows becomes v.
void write_symbol(PyObject* target, const Tensor& at, const Tensor& v, const char* op) {
  check_leaf(target, op);
  check_overlap(at.spec(), op);
  symbol_name_of(target).symbols->write(at, v);
}

void write_whole(PyObject* target, Tensor v, const char* op, bool derived) {
  PyTensor* p = as_tensor(target);
  if (p->slot) {
    RecordingGuard off(false);
    return p->slot->write(v);
  }
  if (is_captured(p)) {
    settle(target);
    return write_symbol(target, handle_of(target), v, op);
  }
  if (!p->name) {
    // No other name sees it.
    check_leaf(target, op);
    const bool history = p->t.requires_grad();
    if (!current_capture() && (recording() ? derived || !history : !history)) {
      if (is_fresh(v))
        p->t = recording() || !v.requires_grad() ? std::move(v) : v.alias();
      else if (!(recording() && v.requires_grad()) && is_own_leaf(p->t) && p->t.spec().contiguous() &&
               ops::held_once(p->t))
        move_part(Place(p->t), static_cast<char*>(p->t.out().buffer->data), v);
      else
        p->t = copy_of(v);
      return;
    }
  }
  write_at(target, Place(handle_of(target)), std::move(v), op, derived);
}

// What a cast must not lose without a word: bool < integers < floats.
int kind(DType t) { return is_float(t) ? 2 : t == DType::b8 ? 0 : 1; }

}  // namespace

void Name::let_go() {
  version = kStale;
  Tensor& t = owner->t;
  if (is_own_leaf(t) && t.out().value_refs.load(std::memory_order_acquire) == 1)
    t.out().buffer = Ref<Buffer>();
  else
    t = placeholder_of(Place(t));
}

void refresh(PyTensor* p) {
  Name& name = *p->name;
  if (SymbolLineage* symbols = name.symbols.get()) {
    if (name.version == symbols->storage->version) return;
    p->t = symbol_part(symbols->read(), p->t);
    name.version = symbols->storage->version;
    return;
  }
  NamedStorage& storage = name.storage();
  if (storage.bound()) {
    const bool differ = slots_differ() || (storage.cell && !storage.gradient);
    if (!differ && name.version == storage.version()) return;
    const uint64_t version = storage.version();
    const Tensor value = bound_value(storage);
    if (differ && (!value || value.node() == name.symbol.get())) return;
    p->t = read_place(value, Place(p->t), name.follows);
    name.is_current(differ ? value : Tensor());
    if (!differ) name.version = version;
    return;
  }
  if (name.version != Name::kStale) return;
  if (!name.lineage->has_history() && is_own_leaf(p->t))
    p->t.out().buffer = storage.buffer();
  else
    p->t = name.lineage->read(Place(p->t));
  name.is_current();
}

void drop_name(PyTensor* p) {
  if (!p->name) return;
  if (p->name->lineage)
    if (Gradient* g = p->name->storage().gradient.get(); g && g->object == p) g->object = nullptr;
  delete p->name;
  p->name = nullptr;
}

Over::Over(PyObject* target) : target_(as_tensor(target)) {
  const Name* name = target_->name;
  if (target_->slot || current_capture() ||
      (name && (name->symbols || name->storage().bound() || name->lineage->has_history())))
    target_ = nullptr;
  else if (name)
    name->storage().let_go();
}

bool Over::compute(const Op& op, std::span<const Tensor> in, int self, const Attrs* attrs) const {
  if (!target_) return false;
  const Output& o = target_->t.out();
  // The handle's own, and that of the storage.
  const uint32_t holders = target_->name ? 2 : 1;
  if (o.value_refs.load(std::memory_order_acquire) != 1 || !o.buffer || o.buffer->release ||
      o.buffer->refs.load(std::memory_order_acquire) != holders || !apply_over(op, in, self, attrs))
    return false;
  if (target_->name) target_->name->storage().written_over();
  return true;
}

bool share_storage(PyObject* a, PyObject* b) {
  const auto storage = [](const PyTensor* p) -> const NamedStorage* {
    if (p->slot) return p->slot->storage;
    return p->name && p->name->lineage ? &p->name->storage() : nullptr;
  };
  const NamedStorage* of_a = storage(as_tensor(a));
  return of_a && of_a == storage(as_tensor(b));
}

bool lies_in_slot(PyObject* o) { return !!bound_storage(as_tensor(o)); }

void move_to_slot(PyObject* o) {
  try {
    name_in_slot(o, "compile");
  } catch (const GraphError&) {
    // what has a history stays a constant
  }
}

void settle(PyObject* o) {
  PyTensor* p = as_tensor(o);
  if (p->name || !is_captured(p) || (p->t.spec().contiguous() && p->t.out().offset == 0)) return;
  p->t = taped(p->t, copy_of);
}

PyObject* wrap_view(PyObject* base, Tensor view) {
  const PyTensor* b = as_tensor(base);
  const bool history = view.requires_grad();
  if (Ref<NamedStorage> storage = bound_storage(b)) {
    const bool needs_grad = requires_grad(base);
    const Tensor value = slots_differ() ? bound_value(*storage) : Tensor();
    py::object made = owned(wrap(std::move(view)));
    Name& name = link(made.ptr(), Lineage::make(std::move(storage)), value);
    name.follows = (b->slot || b->name->follows) && (history || !needs_grad);
    return made.release().ptr();
  }
  if (is_captured(b)) {
    // Of what has strides of its own nobody knows in which memory.
    if (!b->name && !(b->t.spec().contiguous() && b->t.out().offset == 0)) return wrap(std::move(view));
    SymbolLineage& lineage = *symbol_name_of(base).symbols;
    if (history == lineage.base.requires_grad() && view.dtype() == lineage.base.dtype())
      return wrap_symbol(std::move(view), Ref<SymbolLineage>::share(&lineage));
    Ref<SymbolLineage> own = lineage.apart(view.dtype());
    return wrap_symbol(std::move(view), std::move(own));
  }
  if (view.symbolic() || !view.has_value()) return wrap(std::move(view));
  Lineage& lineage = *name_of(base).lineage;
  // A view that is made under no_grad has no part in what is recorded, and the bits as another dtype have none.
  const bool same = history == lineage.has_history() && view.dtype() == b->t.dtype();
  Ref<Lineage> own = same ? Ref<Lineage>::share(&lineage) : Lineage::make(lineage.storage, view);
  PyObject* made = wrap(std::move(view));
  link(made, std::move(own));
  return made;
}

PyObject* wrap_result(Tensor result, std::span<PyObject* const> operands) {
  const Buffer* memory = result.out().buffer.get();
  for (PyObject* o : operands) {
    if (!o || !is_tensor(o) || !(memory || result.symbolic())) continue;
    const PyTensor* p = as_tensor(o);
    if (result.symbolic()) {
      if (root_of(result) == root_of(unwrap(o))) return wrap_view(o, std::move(result));
      continue;
    }
    const Buffer* own = p->slot ? p->slot->buffer().get() : p->t.out().buffer.get();
    if (memory && own == memory) return wrap_view(o, std::move(result));
  }
  return wrap(std::move(result));
}

PyObject* detached_name(PyObject* o) {
  const PyTensor* p = as_tensor(o);
  if (is_captured(p)) {
    Tensor t = taped(unwrap(o), detached);
    if (!p->name && !(p->t.spec().contiguous() && p->t.out().offset == 0)) return wrap(std::move(t));
    Ref<SymbolLineage> own = symbol_name_of(o).symbols->apart(t.dtype());
    return wrap_symbol(std::move(t), std::move(own));
  }
  Ref<NamedStorage> storage = bound_storage(p);
  if (!storage) {
    PyObject* made = wrap(taped(handle_of(o), detached));
    link(made, Lineage::make(name_of(o).lineage->storage));
    return made;
  }
  Tensor t = taped(unwrap(o), detached);
  if (t.symbolic()) t.out().offset = p->slot ? 0 : p->t.out().offset;
  const Tensor value = slots_differ() ? bound_value(*storage) : Tensor();
  py::object made = owned(wrap(std::move(t)));
  link(made.ptr(), Lineage::make(std::move(storage)), value);
  return made.release().ptr();
}

void become_view(PyObject* target, Tensor view, const char* op) {
  check_leaf(target, op);
  PyTensor* p = as_tensor(target);
  const auto refuse = [op](const char* why) {
    throw GraphError(cat("[", op, "] ", why, ": use the view that ",
                         std::string_view(op).substr(0, std::strlen(op) - 1), "() gives"));
  };
  if (Place(view) == Place(unwrap(target))) return;
  if (p->slot) refuse("a parameter or buffer keeps its shape");
  if (is_gradient(p)) refuse("a gradient keeps its shape, which is the parameter's");
  if (current_capture() && !is_captured(p))
    refuse("the tensor is of outside, and keeps its shape in a compiled function");
  if (requires_grad(target) && !view.requires_grad()) refuse("under no_grad the tensor would lose its derivative");
  if (!p->name) {  // no other name sees it
    p->t = std::move(view);
    return;
  }
  const py::object made = owned(wrap_view(target, std::move(view)));
  const PyTensor* from = as_tensor(made.ptr());
  p->t = from->t;
  if (!from->name) return drop_name(p);
  if (from->name->symbols) {
    drop_name(p);
    p->name = new Name(p, from->name->symbols);
    return;
  }
  Name& name = link(target, from->name->lineage);
  name.follows = from->name->follows;
  name.symbol = from->name->symbol;
  name.version = from->name->version;
}

PyObject* grad_name(GradCell& cell) {
  Tensor t = read_grad(cell);
  if (!t) Py_RETURN_NONE;
  const bool symbolic = current_capture();
  if (!symbolic) {
    std::lock_guard guard(cell.lock);
    if (cell.named && cell.named->object) return Py_NewRef(static_cast<PyObject*>(cell.named->object));
  }
  Ref<NamedStorage> storage = NamedStorage::of(cell, symbolic);
  if (!symbolic) t = storage->value();
  const Tensor value = symbolic ? t : Tensor();
  py::object made = owned(wrap(std::move(t)));
  Name& name = link(made.ptr(), Lineage::make(std::move(storage)), value);
  name.follows = true;
  if (!symbolic) name.storage().gradient->object = made.ptr();
  return made.release().ptr();
}

void set_grad_name(GradCell& cell, PyObject* value) {
  PyTensor* p = as_tensor(value);
  if (cell.named && cell.named->object == value) return;
  const Tensor g = unwrap(value);
  write_grad(cell, g);
  if (current_capture() || bound_storage(p)) return;
  const Place place(g);
  if (!place.spec.contiguous() || place.offset != 0 || !name_of(value).lineage->storage->whole(place)) return;
  p->name->lineage->storage->bind(cell);
  p->name->follows = true;
  p->name->storage().gradient->object = value;
}

void set_data(PyObject* o, PyObject* value) {
  if (!is_tensor(value)) throw py::type_error(cat("[data] a tensor is set, not ", type_name(value)));
  const PyTensor* p = as_tensor(o);
  if (p->slot) {
    RecordingGuard off(false);
    const Tensor t = unwrap(value);
    if (t.dtype() == p->slot->spec().dtype)
      p->slot->write(t);
    else
      p->slot->replace(t);
    return;
  }
  if (is_gradient(p)) {
    RecordingGuard off(false);
    const Tensor t = unwrap(value);
    const Spec& spec = spec_of(o);
    if (!(t.shape() == spec.shape))
      throw ShapeError(cat("[data] a gradient is ", str(spec.shape), ", as its parameter, not ", str(t.shape())));
    if (t.dtype() != spec.dtype)
      throw DTypeError(
          cat("[data] a gradient is ", name_of(spec.dtype), ", as its parameter, not ", name_of(t.dtype())));
    return write_at(o, Place(handle_of(o)), t, "data", false);
  }
  const py::object made = owned(detached_name(value));
  PyTensor* from = as_tensor(made.ptr());
  if (from->t.symbolic() || current_capture()) refuse_captured("data");
  const Tensor before = handle_of(o);
  if (before.requires_grad() && before.dtype() != from->t.dtype())
    throw DTypeError(cat("[data] a tensor that requires a gradient is ", name_of(before.dtype()), ", not ",
                         name_of(from->t.dtype())));
  Tensor t = from->t.alias();
  if (before.node()->cell) {
    t.node()->cell = before.node()->cell;
    t.node()->requires_grad = true;
  }
  Ref<Lineage> lineage = Lineage::make(from->name->lineage->storage, t);
  as_tensor(o)->t = std::move(t);
  link(o, std::move(lineage));
}

void renamed(PyObject* o) {
  PyTensor* p = as_tensor(o);
  if (p->name && p->name->symbols) drop_name(p);
  if (!p->name || p->name->storage().bound()) return;
  Ref<Lineage> lineage = Lineage::make(p->name->lineage->storage, p->t);
  link(o, std::move(lineage));
}

void write(PyObject* target, Tensor value, const char* op) {
  write_whole(target, fitted(std::move(value), spec_of(target), op, is_captured(as_tensor(target))), op, false);
}

void write_result(PyObject* target, Tensor result, const char* op) {
  const Spec& spec = spec_of(target);
  if (!(result.shape() == spec.shape))
    throw ShapeError(
        cat("[", op, "] the result has shape ", str(result.shape()), ", what is written ", str(spec.shape)));
  if (kind(result.dtype()) > kind(spec.dtype))
    throw DTypeError(cat("[", op, "] the result is ", bs::name_of(result.dtype()), ", what is written is ",
                         bs::name_of(spec.dtype), ": cast the operand first"));
  write_whole(target, fitted(std::move(result), spec, op, is_captured(as_tensor(target))), op, true);
}

void write_out(PyObject* out, PyObject* result, const char* op) {
  if (!is_tensor(out)) throw py::type_error(cat("[", op, "] out is a tensor, not ", type_name(out)));
  if (recording() && (requires_grad(out) || requires_grad(result)))
    throw GraphError(cat("[", op,
                         "] functions with out=... arguments don't support automatic differentiation, but one of the "
                         "arguments requires grad: use the result, or bs.no_grad()"));
  Tensor value = unwrap(result);
  PyTensor* p = as_tensor(out);
  if (!(value.shape() == spec_of(out).shape) && !p->slot && bs::numel(spec_of(out).shape) == 0 && !value.symbolic()) {
    value = copy_of(ops::cast(value, spec_of(out).dtype));
    drop_name(p);
    p->t = std::move(value);
    return;
  }
  write_result(out, std::move(value), op);
}

void write_part(PyObject* target, Tensor view, Tensor value, const char* op, bool derived) {
  const Place place(view);
  if (is_captured(as_tensor(target)))
    return write_symbol(target, view, fitted(std::move(value), place.spec, op, true), op);
  view = Tensor();  // it would be a reader
  write_at(target, place, fitted(std::move(value), place.spec, op, false), op, derived);
}

}  // namespace bs::bindings
