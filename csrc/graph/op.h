// The contract of an op: what gives an output for its inputs, and the derivatives of that output.
//
// Shape rule, forward call and derivative rule of an op stand together in one file of ops/, as one Op object that
// BS_REGISTER puts into the registry. Python, stubs, fusing, placement and the tests read the registry; no
// second list of ops exists.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "graph/tensor.h"

namespace bs {

constexpr int kMaxInputs = 16;
constexpr int kMaxOutputs = 8;
constexpr size_t kPlanBytes = 320;

// ---- Schema: names and types for Python, stubs and messages -------------------------------------------------

enum class AttrType : uint8_t { integer, real, boolean, dims, dtype, object };

struct AttrSchema {
  const char* name;
  AttrType type;
  bool required = false;
  Attr default_value = {};  // monostate: None
};

struct InputSchema {
  const char* name;
  bool optional = false;  // may be left out (None): its edge is absent from the end of the inputs
};

// How Python shows an op.
enum class Visibility : uint8_t {
  hidden,    // only as _core.ops.<name>: backward ops and helpers
  function,  // also bs.<name>
  method,    // also as a method of Tensor
};

// ---- Forward ------------------------------------------------------------------------------------------------

// One operand of a forward call.
struct View {
  const Spec* spec;
  char* data;

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  const Dims& shape() const { return spec->shape; }
  DType dtype() const { return spec->dtype; }
};

struct Call {
  const Attrs* attrs;  // null where the schema has none
  int n_in, n_out;
  View in[kMaxInputs];
  View out[kMaxOutputs];
  char* scratch;  // 64-byte aligned, scratch_bytes() long, shared by all parts of the call
  int member;     // which thread of the team runs this part (for scratch that parts do not share)
  alignas(8) std::byte plan[kPlanBytes];

  // What prepare() leaves to forward.
  template <class T>
  void set_plan(const T& made) {
    static_assert(sizeof(T) <= kPlanBytes && alignof(T) <= 8 && std::is_trivially_copyable_v<T>);
    new (plan) T(made);
  }
  template <class T>
  const T& plan_as() const {
    return *std::launder(reinterpret_cast<const T*>(plan));
  }
};

// How a forward call may be cut. The call is cut into [lo, hi) of `extent` units at multiples of `granule`; part
// [lo, hi) writes the fraction [lo/extent, hi/extent) of the row-major elements of every output (unless
// `outputs_whole`: the outputs are ready only after all parts and merge()). Bit i of `aligned`: that part reads only
// the same fraction of input i; other inputs it may read anywhere. Cuts depend on no value, and no bit depends on the
// cuts.
struct Placement {
  int64_t extent = 1;
  int64_t granule = 1;
  uint32_t aligned = 0;
  bool outputs_whole = false;
  // Units that one call should do at least, where a program cuts a part further to let an epilogue follow while the
  // outputs are in the caches. 0: what gives 32 KiB of the first output.
  int64_t block = 0;
};

struct Specs {
  int n;
  const Spec* s[kMaxInputs];
  const Spec& operator[](int i) const { return *s[i]; }
};

// ---- Derivatives --------------------------------------------------------------------------------------------

// What a derivative rule works with. Tensors given here are handles whose values exist only if `reads` names them.
class GradCall {
 public:
  GradCall(const Node& node, const Tensor* grads, Tensor* results, uint32_t needed)
      : node_(node), grads_(grads), results_(results), needed_(needed) {}

  const Attrs& attrs() const { return *node_.attrs; }
  // For an op that takes the same ones.
  Ref<Attrs> same_attrs() const { return node_.attrs; }
  int n_inputs() const { return node_.n_inputs; }
  Tensor in(int i) const { return Tensor(node_.in(i).node, static_cast<int>(node_.in(i).output)); }
  Tensor out(int i = 0) const { return Tensor(const_cast<Node*>(&node_), i); }
  // The gradient of output i; empty where nothing depends on it.
  const Tensor& grad(int i = 0) const { return grads_[i]; }
  // Whether the gradient of input i is asked for; a rule skips those that are not.
  bool needs(int i) const { return ((needed_ >> i) & 1) != 0; }
  void set(int i, Tensor g) { results_[i] = std::move(g); }

 private:
  const Node& node_;
  const Tensor* grads_;
  Tensor* results_;
  uint32_t needed_;
};

enum Reads : uint32_t {
  NOTHING = 0,
  IN_0 = 1u << 0,
  IN_1 = 1u << 1,
  IN_2 = 1u << 2,
  IN_3 = 1u << 3,
  IN_4 = 1u << 4,
  IN_5 = 1u << 5,
  ALL_INPUTS = 0xffffu,
  OUT = 1u << 16,
  OUT_1 = 1u << 17,
  OUT_2 = 1u << 18,
  OUT_3 = 1u << 19,
  ALL_OUTPUTS = 0xffff0000u,
};

// ---- The op -------------------------------------------------------------------------------------------------

struct Op {
  const char* name;  // one name everywhere: file or row, registry, Python, error prefix, test id
  const char* doc;   // the formula; shapes, errors and source where they need words
  std::vector<InputSchema> inputs;
  std::vector<AttrSchema> attrs = {};
  std::vector<const char*> outputs = {"out"};
  Visibility visibility = Visibility::hidden;
  int (*count_outputs)(const Attrs* attrs) = nullptr;  // where the attributes say how many there are

  // Shapes and dtypes in, those of the outputs out: the only place that checks them. Throws ShapeError, DTypeError,
  // IndexError or ValueError whose text begins with "[name]".
  void (*infer)(const Attrs* attrs, const Specs& in, Spec* out) = nullptr;

  // A view: its output shares the input's buffer. infer() sets strides; `view_offset` gives the first element relative
  // to the input's. A view has no forward.
  bool view = false;
  int64_t (*view_offset)(const Attrs* attrs, const Spec& in) = nullptr;

  // Whether, for these shapes, the elements of the output are those of the input, in order: a program then takes it as
  // a view (a sum over axes of size 1).
  bool (*same_elements)(const Specs& in, const Spec* out) = nullptr;

  // Works out what forward needs to know of attributes and specs, once for any number of calls. May not read data:
  // operands may have none yet.
  void (*prepare)(Call& call) = nullptr;
  // Computes part [lo, hi) of what place() describes. Returns -1, or the first position that `explain` then
  // reports. Outputs arrive uninitialised and are written whole.
  int64_t (*forward)(const Call& call, int64_t lo, int64_t hi) = nullptr;
  // After all parts: joins partial results out of scratch, in a fixed order.
  void (*merge)(const Call& call) = nullptr;
  // Throws the error for the position that forward returned.
  void (*explain)(const Call& call, int64_t position) = nullptr;
  size_t (*scratch_bytes)(const Attrs* attrs, const Specs& in, const Spec* out, int members) = nullptr;
  Placement (*place)(const Attrs* attrs, const Specs& in, const Spec* out) = nullptr;  // null: never cut
  // Nanoseconds on one thread, roughly; null: by the bytes of the operands.
  double (*cost)(const Attrs* attrs, const Specs& in, const Spec* out) = nullptr;

  // Inputs that forward takes with any strides; others are made contiguous first.
  uint32_t strided = 0;
  int elementwise = -1;  // the fuser's instruction (kernels::Ew), or -1
  bool host = false;     // forward calls back into Python: one thread, may throw
  bool effect = false;   // never removed or merged with an equal one
  // forward reads element i of each input that has an output's shape before it writes element i of any output (merge()
  // likewise for what it writes): outputs may lie over such inputs.
  bool in_place = false;

  // Builds input gradients from ops. Null with `compose` null: not differentiable. Where `compose` is there too, `grad`
  // is asked only when nothing but output 0 has a gradient.
  void (*grad)(GradCall& call) = nullptr;
  uint32_t reads = NOTHING;  // what `grad` needs; with `compose`, all inputs are kept besides
  // The same outputs in simpler ops: an oracle, and the derivative wherever `grad` does not give it. An op with neither
  // forward nor view is applied as its composition.
  std::vector<Tensor> (*compose)(const Attrs* attrs, std::span<const Tensor> in) = nullptr;

  int n_outputs(const Attrs* a) const { return count_outputs ? count_outputs(a) : static_cast<int>(outputs.size()); }
  // Whether forward may raise for some values.
  bool may_fail() const { return explain || host; }
  bool differentiable() const { return grad || compose; }
  uint32_t kept() const { return reads | (compose ? static_cast<uint32_t>(ALL_INPUTS) : 0u); }
};

// The registry: ops in the order of their names.
const std::vector<const Op*>& all_ops();
// Null if there is none.
const Op* find_op(const std::string& name);

struct Registrar {
  explicit Registrar(const Op& op);
};
#define BS_REGISTER(op) static const ::bs::Registrar registrar_##op(op)

}  // namespace bs
