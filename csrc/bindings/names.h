// Names: what makes x.add_(y), x += y and x[key] = v mean what they mean in PyTorch, on values that never change. A
// Python Tensor is a name for a value; to write to it is to give it another one, which all names of its storage show
// (graph/storage.h): its views, what detach() and .data have given, and what those are views of.
//
// Whoever computes a new value with ops, in place or not, ends in one of the writes here. unwrap() and handle_of()
// (tensor.h) read a name: a view whose storage has been written is made anew then.
//
// Which results are views: those of ops (also of compositions) whose value lies in the memory of an operand. So a
// composition gives a copy where PyTorch's function does (flip, repeat, clone), and a view where that does.
#pragma once

#include <span>

#include "bindings/op_call.h"
#include "bindings/tensor.h"

namespace bs::bindings {

// A Python Tensor for `view`, which ops have made of the value of `base` and which lies in its memory: what is written
// to the one is seen through the other.
PyObject* wrap_view(PyObject* base, Tensor view);

// A Python Tensor for a result, as a view of the first of the objects in whose memory it lies.
PyObject* wrap_result(Tensor result, std::span<PyObject* const> operands);

// x.detach() and x.data: the same storage, without the history.
PyObject* detached_name(PyObject* o);

// x.data = value: x becomes a name for what `value` shows, and stays the leaf that it is. A parameter, a buffer or a
// gradient takes the value.
void set_data(PyObject* o, PyObject* value);

// p.grad, where `cell` has one: the same object each time. GraphError where it is stale.
PyObject* grad_name(GradCell& cell);
// p.grad = value, which fits: the object is the gradient's name from here on.
void set_grad_name(GradCell& cell, PyObject* value);

// x.copy_(value): the value, broadcast to the target's shape and cast to its dtype. ShapeError "[op] ..." where it does
// not broadcast; GraphError for a leaf that requires a gradient while operations are recorded.
void write(PyObject* target, Tensor value, const char* op);

// x.f_(...): the result of an op of the target. Its shape is the target's, else ShapeError; DTypeError where the target
// cannot hold its kind (a float in an integer tensor).
void write_result(PyObject* target, Tensor result, const char* op);

// x.f_(...) of what gives a view, as x.squeeze_(): x becomes the name of that view of itself. GraphError for
// parameters, buffers, and leaves as write() has it.
void become_view(PyObject* target, Tensor view, const char* op);

// f(..., out=x): as write_result(), of any op's result; an empty x takes the result's shape. Nothing is recorded there,
// so GraphError where that would lose a gradient.
void write_out(PyObject* out, PyObject* result, const char* op);

// x[key] = value: the same for the part of the target that a view of its value shows. `derived`: the value has been
// computed from that part.
void write_part(PyObject* target, Tensor view, Tensor value, const char* op, bool derived = false);

// x.f_(...) where an op may compute over the memory of its operand: nobody else looks at the value, and nothing is
// recorded. Made before the operands are taken, since other names of the storage let go of it.
class Over {
 public:
  explicit Over(PyObject* target);
  // Whether it may be, as far as names go.
  explicit operator bool() const { return target_; }
  // Whether that has been done, with the target as operand `self`; else nothing has happened.
  bool compute(const Op& op, std::span<const Tensor> in, int self, const Attrs* attrs) const;

 private:
  PyTensor* target_;  // null where it cannot be
};

// Whether what is written to the one may be seen through the other.
bool share_storage(PyObject* a, PyObject* b);

// Whether its value is that of a slot: a parameter, a part of one, or what captures have written.
bool lies_in_slot(PyObject* o);
// From here on it is, if it has no history: a tensor that a program knows as a constant has been written.
void move_to_slot(PyObject* o);

// What a capture has made is in order from here on, so that views of it say where they lie: before it is written in
// part.
void settle(PyObject* o);

}  // namespace bs::bindings
