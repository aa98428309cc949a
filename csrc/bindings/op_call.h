// What operators, methods and functions share: the dtype of Python numbers among operands, and apply() that lets
// other Python threads run while the work is long.
#pragma once

#include <cstring>
#include <new>
#include <span>
#include <vector>

#include "bindings/dtype.h"
#include "bindings/gil.h"
#include "bindings/size.h"
#include "bindings/tensor.h"
#include "graph/apply.h"
#include "graph/op.h"

namespace bs::bindings {

// PyTorch's rule: a Python number takes the tensors' dtype `t` (ops::number_dtype), unless its own kind is higher
// (bool < int < float), where it has its own: int64, float32.
inline DType weak_dtype(DType t, PyObject* number) {
  if (PyFloat_Check(number)) return is_float(t) ? t : default_dtype();
  return t == DType::b8 && !PyBool_Check(number) ? DType::i64 : t;
}

// The inputs of one call, held in place where they are few. Handles of Python tensors among the arguments are borrowed:
// the caller keeps the objects alive, and the counts that a copy would touch are a sixth of the time of a small op
// (measured).
class Operands {
 public:
  Operands() = default;
  Operands(const Operands&) = delete;
  Operands& operator=(const Operands&) = delete;
  ~Operands() {
    for (int i = 0; i < n_; ++i)
      if (owned_.has(i)) at(i)->~Tensor();
  }
  void push(Tensor t) {
    make_room();
    new (at(n_)) Tensor(std::move(t));
    owned_.set(n_++);
  }
  // A Tensor, Parameter or Buffer that outlives this.
  void push_borrowed(PyObject* o) {
    const PyTensor* p = as_tensor(o);
    if (p->slot) return push(p->slot->read());
    if (p->name) refresh(as_tensor(o));
    make_room();
    // A bitwise copy that is never destroyed: a pointer and a number.
    std::memcpy(static_cast<void*>(at(n_++)), static_cast<const void*>(&p->t), sizeof(Tensor));
  }
  // Makes borrowed handles its own: without the GIL, another thread may give the object another handle.
  void own() {
    for (int i = 0; i < n_; ++i) {
      if (owned_.has(i)) continue;
      new (at(i)) Tensor(at(i)->node(), at(i)->output());
      owned_.set(i);
    }
  }
  // An attribute, or its number k, that is given by a size.
  struct OfSize {
    size_t attribute;
    int k;
    Extent extent;
  };
  std::vector<OfSize> sizes;
  // One that is empty so far.
  void replace(int i, Tensor t) { *at(i) = std::move(t); }
  const Tensor& operator[](int i) const { return span()[static_cast<size_t>(i)]; }
  std::span<const Tensor> span() const {
    return {std::launder(reinterpret_cast<const Tensor*>(storage())), static_cast<size_t>(n_)};
  }

 private:
  unsigned char* storage() { return many_.empty() ? few_ : many_.data(); }
  const unsigned char* storage() const { return const_cast<Operands*>(this)->storage(); }
  Tensor* at(int i) { return reinterpret_cast<Tensor*>(storage()) + i; }
  // Handles may be moved as bytes.
  void make_room() {
    if (n_ < kFew || static_cast<size_t>(n_) * sizeof(Tensor) < many_.size()) return;
    std::vector<unsigned char> more(2 * static_cast<size_t>(n_) * sizeof(Tensor));
    std::memcpy(more.data(), storage(), static_cast<size_t>(n_) * sizeof(Tensor));
    many_ = std::move(more);
  }

  static constexpr int kFew = 12;  // the most that an op with a fixed number has
  alignas(Tensor) unsigned char few_[sizeof(Tensor) * kFew];
  std::vector<unsigned char> many_;
  int n_ = 0;
  Mask owned_;
};

// Whether this may take longer than some 20 us, from sizes alone: cheap to ask, and safe to answer too often.
bool is_long(const Op& op, std::span<const Tensor> in);

// As call(), on the tape.
std::vector<Tensor> record(Tape& tape, const Op& op, const Operands& in, Ref<Attrs> attrs, bool all);

// apply() or apply_all() without the GIL where is_long().
template <auto apply_op = static_cast<Tensor (*)(const Op&, std::span<const Tensor>, Ref<Attrs>)>(apply)>
auto call(const Op& op, Operands& in, Ref<Attrs> attrs = {}) {
  if (Tape* tape = Tape::current()) {
    if constexpr (std::is_same_v<decltype(apply_op(op, in.span(), {})), Tensor>)
      return std::move(record(*tape, op, in, std::move(attrs), false)[0]);
    else
      return record(*tape, op, in, std::move(attrs), true);
  }
  if (op.host) in.own();  // Python may write to what it is given
  if (is_long(op, in.span())) {
    in.own();
    GilRelease release;
    return apply_op(op, in.span(), std::move(attrs));
  }
  return apply_op(op, in.span(), std::move(attrs));
}

// The op that a hand-written method is built on; GraphError where this build has none.
const Op& need_op(const char* name, const char* user);

// op(x, n) of a Python number n where Op::with_number gives it, else empty.
Tensor with_number(const Op& op, const Tensor& x, PyObject* n);

void register_ops(py::module_& m);

}  // namespace bs::bindings
