#include "program/tape.h"

#include <algorithm>

#include "base/error.h"
#include "graph/apart.h"
#include "graph/apply.h"
#include "program/capture.h"

namespace bs {
namespace {

// Sizes that are computed from each other in a loop: beyond this they are numbers.
constexpr int kMostParts = 64;
// Beyond so many conditions it is cheaper to capture anew.
constexpr size_t kMostConditions = 4096;

// The tensors of the replay that runs on this thread.
thread_local const std::vector<Tensor>* replayed = nullptr;

std::optional<int64_t> compute(Size::Kind kind, int64_t a, int64_t b) {
  int64_t r = 0;
  switch (kind) {
    case Size::Kind::add:
      if (__builtin_add_overflow(a, b, &r)) return {};
      return r;
    case Size::Kind::sub:
      if (__builtin_sub_overflow(a, b, &r)) return {};
      return r;
    case Size::Kind::mul:
      if (__builtin_mul_overflow(a, b, &r)) return {};
      return r;
    default:
      break;
  }
  // As Python: the quotient is rounded down, the remainder has the divisor's sign.
  if (b == 0 || (b == -1 && a == INT64_MIN)) return {};
  const int64_t rest = a % b, down = rest != 0 && (rest < 0) != (b < 0);
  return kind == Size::Kind::floor_div ? a / b - down : rest + down * b;
}

}  // namespace

Ref<Size> Size::of(int tensor, int dim, int64_t value) {
  Ref<Size> s = number(value);
  s->kind = Kind::size;
  s->tensor = tensor;
  s->dim = dim;
  return s;
}

Ref<Size> Size::number(int64_t value) {
  Ref<Size> s = Ref<Size>::adopt(new Size);
  s->value = value;
  return s;
}

Ref<Size> Size::computed(Kind kind, const Ref<Size>& a, const Ref<Size>& b) {
  const std::optional<int64_t> value = compute(kind, a->value, b->value);
  const int parts = a->parts + b->parts;
  if (!value || parts > kMostParts) return {};
  Ref<Size> s = number(*value);
  s->kind = kind;
  s->a = a;
  s->b = b;
  s->parts = parts;
  return s;
}

std::optional<int64_t> Size::value_for(std::span<const Tensor> tensors) const {
  if (kind == Kind::number) return value;
  if (kind == Kind::size) {
    if (static_cast<size_t>(tensor) >= tensors.size()) return {};
    return tensors[static_cast<size_t>(tensor)].shape()[dim];
  }
  const std::optional<int64_t> left = a->value_for(tensors), right = b->value_for(tensors);
  if (!left || !right) return {};
  return compute(kind, *left, *right);
}

int64_t Extent::now() const {
  if (!size_ || !replayed) return value_;
  const std::optional<int64_t> v = size_->value_for(*replayed);
  if (!v) throw ShapeError("[compile] a size that was computed does not exist for these arguments");
  return *v;
}

Tape* Tape::of_capture() {
  // Captures are all that implements the hooks.
  Tape* tape = static_cast<Capture*>(current_capture())->tape;
  return tape && !tape->given_up_ && !tape->inside_ ? tape : nullptr;
}

void Tape::give_up() {
  given_up_ = true;
  taped_.clear();
  conditions_.clear();
  tensors_.clear();
  places_.clear();
}

int Tape::add(const Tensor& t) {
  const int place = static_cast<int>(tensors_.size());
  tensors_.push_back(t);
  if (t) {
    std::vector<int>& of = places_[t.node()];
    of.resize(t.node()->n_outputs, -1);
    of[static_cast<size_t>(t.output())] = place;
  }
  return place;
}

int Tape::place_of(const Tensor& t) const {
  const auto it = places_.find(t.node());
  return it == places_.end() ? -1 : it->second[static_cast<size_t>(t.output())];
}

// False for what was made beside the tape, and for what has a history of its own, which the tape would keep alive.
bool Tape::operand(const Tensor& t, Operand* made) const {
  made->place = t ? place_of(t) : -1;
  if (made->place >= 0 || !t) return true;
  made->constant = t;
  return !t.symbolic() && !(t.node()->op && t.requires_grad());
}

Tape::Taped Tape::begin(std::span<const Tensor> in, bool* known, bool* varies) const {
  Taped made{{}, std::vector<Operand>(in.size()), {}, recording(), ApartScope::current()};
  for (size_t i = 0; i < in.size(); ++i) {
    *known &= operand(in[i], &made.in[i]);
    *varies |= made.in[i].place >= 0;
  }
  return made;
}

void Tape::append(Taped made, Fn fn, std::span<const Tensor> out) {
  made.fn = std::move(fn);
  for (const Tensor& t : out) made.out.push_back(kind_of(t));
  taped_.push_back(std::move(made));
  for (const Tensor& t : out) add(t);
}

std::vector<Tensor> Tape::record(std::span<const Tensor> in, Fn fn, bool varies) {
  bool known = true;
  Taped made = begin(in, &known, &varies);
  struct Inside {
    Tape& tape;
    bool done = false;
    explicit Inside(Tape& t) : tape(t) { tape.inside_ = true; }
    ~Inside() {
      tape.inside_ = false;
      if (!done) tape.give_up();  // for other sizes it might not throw
    }
  };
  std::vector<Tensor> out;
  {
    Inside inside(*this);
    out = fn(in);
    inside.done = true;
  }
  for (const Tensor& t : out) varies |= t && t.symbolic();
  if (!varies || given_up_) return out;  // constants of constants stay
  if (known)
    append(std::move(made), std::move(fn), out);
  else
    give_up();
  return out;
}

void Tape::note(std::span<const Tensor> in, Fn fn, std::span<const Tensor> out) {
  bool known = true, varies = true;
  Taped made = begin(in, &known, &varies);
  if (known)
    append(std::move(made), std::move(fn), out);
  else
    give_up();
}

Ref<Size> Tape::size(const Tensor& t, int dim) {
  const int place = place_of(t);
  if (place >= 0) return Size::of(place, dim, t.shape()[dim]);
  if (t.symbolic()) give_up();
  return {};
}

int64_t Tape::fix(const Ref<Size>& a) {
  if (!a->fixed) relies_on(a, Size::number(a->value), [](int64_t x, int64_t y) { return x == y; });
  a->fixed = true;
  return a->value;
}

void Tape::relies_on(const Ref<Size>& a, const Ref<Size>& b, bool (*compare)(int64_t, int64_t)) {
  if (given_up_ || ended_) return;
  if (conditions_.size() == kMostConditions) return give_up();
  conditions_.push_back({a, b, compare, compare(a->value, b->value), of_inputs(*a) && of_inputs(*b)});
}

void Tape::fix(const Tensor& t) {
  for (int d = 0; d < t.shape().size(); ++d)
    if (const Ref<Size> s = size(t, d)) fix(s);
}

bool Tape::of_inputs(const Size& s) const {
  if (s.kind == Size::Kind::number) return true;
  if (s.kind == Size::Kind::size) return s.tensor < n_inputs_;
  return of_inputs(*s.a) && of_inputs(*s.b);
}

void Tape::results(std::span<const Tensor> results) {
  for (const Tensor& t : results) {
    Operand o;
    if (!operand(t, &o)) give_up();
    results_.push_back(std::move(o));
  }
}

void Tape::end() {
  for (const Ref<Size>& s : given_)
    if (s->handles > 0) fix(s);
  ended_ = true;
  tensors_.clear();
  places_.clear();
  given_.clear();
}

bool Tape::holds(const Condition& c, std::span<const Tensor> tensors) const {
  const std::optional<int64_t> a = c.a->value_for(tensors), b = c.b->value_for(tensors);
  return a && b && c.compare(*a, *b) == c.outcome;
}

bool Tape::may_fit(std::span<const Tensor> inputs) const {
  return !given_up_ && std::all_of(conditions_.begin(), conditions_.end(),
                                   [&](const Condition& c) { return !c.of_inputs || holds(c, inputs); });
}

std::optional<std::vector<Tensor>> Tape::replay(std::span<const Tensor> inputs) const {
  std::vector<Tensor> tensors(inputs.begin(), inputs.end()), in;
  struct Replayed {
    const std::vector<Tensor>* before = replayed;
    explicit Replayed(const std::vector<Tensor>* t) { replayed = t; }
    ~Replayed() { replayed = before; }
  } scope(&tensors);
  const auto value = [&](const Operand& o) {
    return o.place >= 0 ? tensors[static_cast<size_t>(o.place)] : o.constant;
  };
  for (const Taped& t : taped_) {
    in.clear();
    for (const Operand& o : t.in) in.push_back(value(o));
    RecordingGuard recording(t.recording);
    ApartScope apart(t.apart);
    std::vector<Tensor> out = t.fn(in);
    if (out.size() != t.out.size()) return {};
    for (size_t i = 0; i < out.size(); ++i)
      if (kind_of(out[i]) != t.out[i]) return {};
    tensors.insert(tensors.end(), std::make_move_iterator(out.begin()), std::make_move_iterator(out.end()));
  }
  for (const Condition& c : conditions_)
    if (!c.of_inputs && !holds(c, tensors)) return {};
  std::vector<Tensor> results;
  for (const Operand& o : results_) results.push_back(value(o));
  return results;
}

}  // namespace bs
