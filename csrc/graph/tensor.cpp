#include "graph/tensor.h"

#include <new>

#include "base/error.h"
#include "base/half.h"
#include "base/thread_local.h"
#include "graph/hooks.h"
#include "graph/op.h"

namespace bs {
namespace {

// Nodes whose last reference went while another was being destroyed on this thread, linked by `next`.
BS_THREAD_LOCAL Node* pending = nullptr;
BS_THREAD_LOCAL bool destroying = false;
std::atomic<uint64_t> made{0}, destroyed{0};

}  // namespace

int64_t live_nodes() {
  const uint64_t gone = destroyed.load(std::memory_order_relaxed);
  return static_cast<int64_t>(made.load(std::memory_order_relaxed) - gone);
}

size_t node_bytes(int n_inputs, int n_outputs) {
  return sizeof(Node) + static_cast<size_t>(n_outputs) * sizeof(Output) + static_cast<size_t>(n_inputs) * sizeof(Edge);
}

void Spec::set_strides(const Dims& s) { strides = is_contiguous(shape, s) ? nullptr : std::make_shared<const Dims>(s); }

Ref<Node> Node::make(const Op* op, int n_inputs, int n_outputs) {
  static_assert(sizeof(Node) % alignof(Output) == 0 && sizeof(Output) % alignof(Edge) == 0);
  Node* n = new (allocate(node_bytes(n_inputs, n_outputs))) Node;
  n->op = op;
  n->sequence = made.fetch_add(1, std::memory_order_relaxed);
  n->n_outputs = static_cast<uint32_t>(n_outputs);
  n->n_inputs = static_cast<uint32_t>(n_inputs);
  for (int i = 0; i < n_outputs; ++i) new (&n->out(i)) Output;
  for (int i = 0; i < n_inputs; ++i) new (&n->in(i)) Edge;
  return Ref<Node>::adopt(n);
}

void Node::connect(int i, const Tensor& input, bool keeps_value) {
  Node* source = input.node();
  source->refs.fetch_add(1, std::memory_order_relaxed);
  if (keeps_value) input.out().value_refs.fetch_add(1, std::memory_order_relaxed);
  in(i) = Edge{source, static_cast<uint32_t>(input.output()), keeps_value};
}

namespace {

void give_up(Output& o) {
  if (o.value_refs.fetch_sub(1, std::memory_order_acq_rel) == 1) o.buffer = Ref<Buffer>();
}

// Drops a reference, and says whether it was the last. An only one cannot be shared meanwhile, so it goes without an
// atomic subtraction.
bool drop(Counted* c) {
  return c->refs.load(std::memory_order_acquire) == 1 || c->refs.fetch_sub(1, std::memory_order_acq_rel) == 1;
}

}  // namespace

void Node::release_values() {
  for (int i = 0; i < static_cast<int>(n_inputs); ++i) {
    Edge& e = in(i);
    if (!e.keeps_value) continue;
    e.keeps_value = false;
    give_up(e.node->out(static_cast<int>(e.output)));
  }
  for (int i = 0; i < static_cast<int>(n_outputs); ++i)
    if (op->keeps_out(i)) give_up(out(i));
}

void Node::destroy(Node* first) {
  first->next = pending;
  pending = first;
  if (destroying) return;
  destroying = true;
  uint64_t count = 0;
  while (Node* n = pending) {
    pending = n->next;
    if (any_hooks()) forget_hooks(n);
    const int n_inputs = static_cast<int>(n->n_inputs), n_outputs = static_cast<int>(n->n_outputs);
    for (int i = 0; i < n_inputs; ++i) {
      const Edge& e = n->in(i);
      if (!e.node) continue;
      Output& o = e.node->out(static_cast<int>(e.output));
      if (e.keeps_value) give_up(o);
      if (drop(e.node)) {
        e.node->next = pending;
        pending = e.node;
      }
    }
    size_t bytes = node_bytes(n_inputs, n_outputs);
    for (int i = 0; i < n_outputs; ++i) {
      if (Buffer* b = n->out(i).buffer.release(); b && drop(b)) Buffer::destroy(b);
      n->out(i).~Output();
    }
    n->~Node();
    deallocate(n, bytes);
    ++count;
  }
  destroying = false;
  destroyed.fetch_add(count, std::memory_order_relaxed);
}

Tensor Tensor::empty(DType dtype, const Dims& shape) {
  int64_t bytes = checked_bytes(bs::numel(shape), static_cast<int64_t>(size_of(dtype)));
  Tensor t(Node::make(nullptr, 0, 1), 0);
  Output& o = t.out();
  o.spec.dtype = dtype;
  o.spec.shape = shape;
  o.buffer = Buffer::make(static_cast<size_t>(bytes));
  return t;
}

Tensor Tensor::scalar(double value, DType dtype) {
  Tensor t = empty(dtype, {});
  char* p = t.data();
  switch (dtype) {
    case DType::f32:
      *reinterpret_cast<float*>(p) = static_cast<float>(value);
      break;
    case DType::f64:
      *reinterpret_cast<double*>(p) = value;
      break;
    case DType::i32:
      *reinterpret_cast<int32_t*>(p) = static_cast<int32_t>(value);
      break;
    case DType::i64:
      *reinterpret_cast<int64_t*>(p) = static_cast<int64_t>(value);
      break;
    case DType::b8:
      *reinterpret_cast<uint8_t*>(p) = value != 0;
      break;
    case DType::u8:
    case DType::i8:
      *reinterpret_cast<uint8_t*>(p) = static_cast<uint8_t>(static_cast<int64_t>(value));
      break;
    case DType::i16:
      *reinterpret_cast<int16_t*>(p) = static_cast<int16_t>(static_cast<int64_t>(value));
      break;
    case DType::f16:
      *reinterpret_cast<Half*>(p) = to_half(static_cast<float>(value));
      break;
    case DType::bf16:
      *reinterpret_cast<BHalf*>(p) = to_bhalf(static_cast<float>(value));
      break;
  }
  return t;
}

Tensor Tensor::alias() const {
  Tensor t(Node::make(nullptr, 0, 1), 0);
  Output& o = t.out();
  o.spec = spec();
  o.offset = out().offset;
  o.buffer = out().buffer;
  return t;
}

void Tensor::no_value() const {
  if (symbolic())
    throw GraphError(
        "[compile] the value of a tensor is read while bs.compile records the graph; it exists only when the "
        "program runs");
  throw GraphError(
      cat("[", node_->op ? node_->op->name : "tensor", "] this value was not kept: the op's `reads` does not name it"));
}

}  // namespace bs
