#include "program/capture.h"

#include "autodiff/checkpoint.h"
#include "base/error.h"
#include "ops/ops.h"

namespace bs {
namespace {

Tensor symbol(const Spec& spec, const Ref<GradCell>& cell) {
  Tensor t(Node::make(nullptr, 0, 1), 0);
  t.out().spec.dtype = spec.dtype;
  t.out().spec.shape = spec.shape;
  t.node()->symbolic = true;
  t.node()->cell = cell;
  t.node()->requires_grad = static_cast<bool>(cell);
  return t;
}

thread_local Meeting* meeting = nullptr;

}  // namespace

std::atomic<int> Meeting::all{0};
Meeting* Meeting::current() { return meeting; }

Tensor as_computed(const Tensor& value, const Tensor& before) {
  if (value.symbolic() || !(value.shape() == before.shape()) || value.dtype() != before.dtype()) return value;
  RecordingGuard off(false);
  return ops::write_strided(before, value, before.spec().full_strides(), 0);
}

CaptureScope::CaptureScope(Capture& c) : before_(current_capture()), met_before_(meeting) {
  set_current_capture(&c);
  meeting = &c;
  Meeting::all.fetch_add(1, std::memory_order_relaxed);
}

CaptureScope::~CaptureScope() {
  set_current_capture(before_);
  meeting = met_before_;
  Meeting::all.fetch_sub(1, std::memory_order_relaxed);
}

Capture::Capture() : begin(Node::make(nullptr, 0, 1)->sequence) {}

void Capture::met(const Tensor& t) {
  if (t.node()->sequence < begin && t.has_value()) met_.insert(t.out().buffer.get());
}

Tensor Capture::input(const Spec& spec, bool requires_grad) {
  Ref<GradCell> cell;
  if (requires_grad) {
    cell = GradCell::make();
    input_cells_.push_back(cell);
  }
  inputs.push_back(symbol(spec, cell));
  if (tape) tape->input(inputs.back());
  return inputs.back();
}

Capture::SlotUse& Capture::use(Slot& slot) {
  auto [it, added] = slot_index_.try_emplace(&slot, slots.size());
  if (added) {
    Tensor s = symbol(slot.spec(), slot.cell);
    slots.push_back({Ref<Slot>::share(&slot), s, s});
  }
  return slots[it->second];
}

Tensor Capture::read_slot(Slot& slot) {
  const Tensor value = use(slot).current;
  if (Tape* t = Tape::current(); t && !t->has(value))
    t->note({}, [s = Ref<Slot>::share(&slot)](auto) { return std::vector<Tensor>{s->read()}; }, {&value, 1});
  return value;
}

void Capture::write_slot(Slot& slot, const Tensor& value) {
  if (Tape* t = Tape::current())
    t->note({&value, 1},
            [s = Ref<Slot>::share(&slot)](std::span<const Tensor> in) {
              s->write(in[0]);
              return std::vector<Tensor>();
            },
            {});
  SlotUse& u = use(slot);
  u.current = leaf_of(slot, slot.cell ? as_computed(value, u.symbol) : value);
  u.written = true;
}

Capture::CellUse& Capture::use(GradCell& cell, bool assume_empty) {
  auto [it, added] = cell_index_.try_emplace(&cell, cells.size());
  if (added) {
    cells.push_back({Ref<GradCell>::share(&cell), {}});
    cells.back().assumed_empty = assume_empty;
  }
  return cells[it->second];
}

void Capture::own_cell(GradCell& cell) { use(cell, false); }

Tensor Capture::read_grad(GradCell& cell) {
  CellUse& u = use(cell, true);
  u.read = true;
  if (Tape* t = Tape::current(); t && !(u.current && t->has(u.current)))
    t->note({}, [c = Ref<GradCell>::share(&cell)](auto) { return std::vector<Tensor>{bs::read_grad(*c)}; },
            {&u.current, 1});
  return u.current;
}

void Capture::write_grad(GradCell& cell, const Tensor& grad) {
  if (Tape* t = Tape::current())
    t->note({&grad, 1},
            [c = Ref<GradCell>::share(&cell)](std::span<const Tensor> in) {
              bs::write_grad(*c, in[0]);
              return std::vector<Tensor>();
            },
            {});
  CellUse& u = use(cell, false);
  u.current = grad;
  u.written = true;
}

void Capture::accumulate_grad(GradCell& cell, const Tensor& grad) {
  for (const Ref<GradCell>& c : input_cells_)
    if (c.get() == &cell)
      throw GraphError(
          "[compile] backward() reaches an argument that requires a gradient: inside bs.compile take it with "
          "bs.grad(loss, x) and return it");
  CellUse& u = use(cell, true);
  u.current = u.current ? ops::add(u.current, grad) : grad;
  u.written = true;
}

void Capture::effect(const Tensor& applied) {
  if (Tape* t = Tape::current()) t->give_up();  // it has no closure
  effects.push_back(applied);
}

}  // namespace bs
