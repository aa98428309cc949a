// Nodes and tensors: the graph that ops build and the reverse sweep walks.
//
// A Node is one application of an op; a Tensor is a handle to one of its outputs. Values never change once computed.
// Two counts decide what lives: a node lives while anything refers to it; the buffer of an output lives while a
// Tensor, or an edge of a node whose derivative reads it, refers to that output. So a graph kept for its
// derivatives holds only the buffers that these need.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

#include "base/alloc.h"
#include "base/dims.h"
#include "base/dtype.h"
#include "base/ref.h"

namespace bs {

struct Op;
class Tensor;

// What an attribute may hold; `object` is a host call-back or a slot.
struct Object {
  virtual ~Object() = default;
};
using Attr =
    std::variant<std::monostate, int64_t, double, bool, Dims, DType, std::vector<int64_t>, std::shared_ptr<Object>>;

// The attributes of one application, in the order of the op's schema.
struct Attrs : Counted {
  std::vector<Attr> values;

  explicit Attrs(std::vector<Attr> v) : values(std::move(v)) {}
  static Ref<Attrs> make(std::vector<Attr> v) { return Ref<Attrs>::adopt(new Attrs(std::move(v))); }
  static void destroy(Attrs* a) { delete a; }

  template <class T>
  const T& get(int i) const {
    return std::get<T>(values[static_cast<size_t>(i)]);
  }
  bool has(int i) const { return values[static_cast<size_t>(i)].index() != 0; }
};

// dtype, shape and memory order of a tensor. Strides in elements; null where contiguous.
struct Spec {
  DType dtype = DType::f32;
  Dims shape;
  std::shared_ptr<const Dims> strides;

  bool contiguous() const { return strides == nullptr; }
  Dims full_strides() const { return strides ? *strides : contiguous_strides(shape); }
  // Takes strides, keeping null for a contiguous order.
  void set_strides(const Dims& s);
};

// Where gradients of a leaf go: shared by a parameter and the leaf nodes of its successive values.
struct GradCell;

struct Output {
  Spec spec;
  int64_t offset = 0;  // in elements, from the start of the buffer
  Ref<Buffer> buffer;  // null: not computed (symbolic) or no longer needed
  std::atomic<uint32_t> value_refs{0};
};

class Node;

struct Edge {
  Node* node = nullptr;  // null: an input that is absent
  uint32_t output = 0;
  bool keeps_value = false;
};

// Whether a sweep gives up the values that a node's derivative reads, so that no other may begin.
enum class Spent : uint8_t {
  no,
  taken,    // it will when the node has had its turn
  overdue,  // it would have, but another sweep reads them: the last such one does
};

class Node : public Counted {
 public:
  const Op* op;  // null for a leaf: a constant, a parameter's value, an input
  Ref<Attrs> attrs;
  Ref<GradCell> cell;  // of leaves that collect gradients
  bool requires_grad = false;
  bool symbolic = false;  // recorded by a capture, without values
  bool severed = false;  // the result of a program: it depends on what requires a gradient, its derivative is not known
  Spent spent = Spent::no;  // under the walk lock
  uint32_t n_outputs, n_inputs;
  uint32_t mark = 0;     // scratch of walks, under the walk lock; 0 between walks
  uint32_t sweeps = 0;   // that read its values now and keep them, under the walk lock
  uint32_t apart = 0;    // equal nodes of a capture are one unless these differ (apart.h)
  uint64_t sequence;     // order of making: inputs come before consumers
  Node* next = nullptr;  // link of the list of nodes to destroy

  // One block for the node, its outputs and its edges, which are empty until connect() sets them.
  static Ref<Node> make(const Op* op, int n_inputs, int n_outputs);
  void connect(int i, const Tensor& input, bool keeps_value);
  // Gives up the values that its derivative reads.
  void release_values();
  // Releases without recursion, so that chains of any length can go.
  static void destroy(Node*);

  Output& out(int i) { return reinterpret_cast<Output*>(this + 1)[i]; }
  const Output& out(int i) const { return reinterpret_cast<const Output*>(this + 1)[i]; }
  Edge& in(int i) { return reinterpret_cast<Edge*>(&out(static_cast<int>(n_outputs)))[i]; }
  const Edge& in(int i) const { return const_cast<Node*>(this)->in(i); }

 private:
  Node() = default;
};

class Tensor {
 public:
  Tensor() = default;
  // Shares the node.
  Tensor(Node* node, int output) : node_(Ref<Node>::share(node)), output_(output) { hold(); }
  // Takes over a new node's reference.
  Tensor(Ref<Node> node, int output) : node_(std::move(node)), output_(output) { hold(); }
  Tensor(const Tensor& t) : node_(t.node_), output_(t.output_) {
    if (node_) hold();
  }
  Tensor(Tensor&& t) noexcept : node_(std::move(t.node_)), output_(t.output_) {}
  Tensor& operator=(Tensor t) noexcept {
    std::swap(node_, t.node_);
    std::swap(output_, t.output_);
    return *this;
  }
  ~Tensor() {
    if (node_) drop();
  }

  explicit operator bool() const { return static_cast<bool>(node_); }
  Node* node() const { return node_.get(); }
  int output() const { return output_; }
  bool same(const Tensor& t) const { return node() == t.node() && output_ == t.output_; }

  Output& out() const { return node_->out(output_); }
  const Spec& spec() const { return out().spec; }
  DType dtype() const { return out().spec.dtype; }
  const Dims& shape() const { return out().spec.shape; }
  int64_t numel() const { return bs::numel(shape()); }
  bool requires_grad() const { return node_->requires_grad && is_float(dtype()); }
  bool symbolic() const { return node_->symbolic; }
  bool has_value() const { return static_cast<bool>(out().buffer); }

  // The first element. Throws GraphError where there is no value: symbolic, or dropped because `reads` does not name
  // it.
  char* data() const {
    const Output& o = out();
    if (!o.buffer) no_value();
    return static_cast<char*>(o.buffer->data) + o.offset * static_cast<int64_t>(size_of(o.spec.dtype));
  }
  // A new uninitialised leaf.
  static Tensor empty(DType dtype, const Dims& shape);
  // A 0-d constant.
  static Tensor scalar(double value, DType dtype);
  // A new leaf that shares the buffer and has no history. Symbolic tensors go through ops::detach instead.
  Tensor alias() const;

 private:
  void hold() { out().value_refs.fetch_add(1, std::memory_order_relaxed); }
  void drop() {
    Output& o = out();
    if (o.value_refs.fetch_sub(1, std::memory_order_acq_rel) == 1) o.buffer = Ref<Buffer>();
  }
  [[noreturn]] void no_value() const;

  Ref<Node> node_;
  int output_ = 0;
};

// One gradient as names know it (storage.h): what is added to it, and what is written to it, they show, also when its
// cell has another one. Under the lock of that cell.
struct Gradient : Counted {
  Tensor value;
  std::atomic<uint64_t> version{0};  // another one after each change
  void* object = nullptr;            // the one of the host language, while there is one

  void set(Tensor t) {
    value = std::move(t);
    version.fetch_add(1, std::memory_order_release);
  }
  static void destroy(Gradient* g) { delete g; }
};

// Sweeps and programs of several threads may meet here, without the interpreter's lock: hence a lock of its own.
struct GradCell : Counted {
  std::mutex lock;
  Tensor grad;          // empty until a sweep reaches the leaf
  bool stale = false;   // a compiled step has made newer gradients and kept none of them
  Ref<Gradient> named;  // grad, where it has a name

  // Gives what was there: a graph that ends may wait for the interpreter, so whoever holds a lock lets it go later.
  Tensor set(Tensor g, bool is_stale) {
    Ref<Gradient> before;
    std::lock_guard guard(lock);
    std::swap(grad, g);
    std::swap(named, before);
    stale = is_stale;
    return g;
  }
  bool empty() {
    std::lock_guard guard(lock);
    return !grad && !stale;
  }
  bool has_value() {
    std::lock_guard guard(lock);
    return static_cast<bool>(grad);
  }

  static Ref<GradCell> make() { return Ref<GradCell>::adopt(new GradCell); }
  static void destroy(GradCell* c) { delete c; }
};

// Live nodes (for tests of memory).
int64_t live_nodes();
// Bytes of one node with so many inputs and outputs, buffers apart.
size_t node_bytes(int n_inputs, int n_outputs);

}  // namespace bs
