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
#include <variant>
#include <vector>

#include "base/few.h"
#include "base/mask.h"
#include "graph/apart.h"
#include "graph/tensor.h"

namespace bs {

constexpr size_t kPlanBytes = 320;
// Operands that what is made once per call holds in place.
constexpr size_t kFewOperands = 8;

// ---- Schema: what Python, stubs and messages know of an op ---------------------------------------------------

// Names are PyTorch's; a parameter's place is that in the lists of inputs and attributes, inputs first.

enum class AttrType : uint8_t {
  integer,
  real,
  boolean,
  dims,      // integers, one per axis; a single one is a list of one
  integers,  // integers, as many as there are
  sizes,     // an integer, or any number of them
  dtype,
  word,  // one of `words`, held as its position among them
  object,
};

struct AttrSchema {
  const char* name;
  AttrType type;
  bool required = false;
  Attr default_value = {};      // monostate: None
  const char* alias = nullptr;  // a second name, beside second_names()
  bool by_name = false;         // no positional argument reaches it
  bool variadic = false;        // the last one, of type dims: also takes its integers singly, as in reshape(x, 2, 3)
  std::vector<const char*> words = {};
};

struct InputSchema {
  const char* name;
  bool optional = false;  // may be left out (None): its edge is empty
  bool many = false;      // any number of tensors, as a sequence; the op's only input
  bool weak = false;      // a Python number here takes the dtype of the other weak inputs unless its kind is higher
  bool drawn = false;     // a random key: given by name only; left out, it is the next one of the generator
};

// Names that parameters of this name have besides, in every op: `axis` for `dim`. As in PyTorch, they are NumPy's and
// the array API's.
std::span<const char* const> second_names(const char* name);

// How Python shows an op.
enum class Visibility : uint8_t {
  hidden,    // only as _core.ops.<name>: backward ops and helpers
  function,  // also bs.<name>
  method,    // also as a method of Tensor
};

// What PyTorch takes besides and the op itself does not know.
enum class Keyword : uint8_t {
  none,
  dtype,       // the first input is cast to it before; by name only
  last_dtype,  // the same, also as the last positional argument
  alpha,       // the last input is multiplied by it before; by name only
};

// A number as Python has it: its kind says what becomes of dtypes.
struct Number {
  double value;
  enum : uint8_t { boolean, whole, real } kind;
};

// ---- Forward ------------------------------------------------------------------------------------------------

// One operand of a forward call; of an absent input both are null.
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
  View *in, *out;
  bool has(int i) const { return i < n_in && in[i].spec; }
  // Input i, or null where it is absent.
  char* data_of(int i) const { return i < n_in ? in[i].data : nullptr; }
  char* scratch;  // 64-byte aligned, scratch_bytes() long
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
// `outputs_whole`: the outputs are ready only after all parts and merge()). Of inputs in `aligned` that part reads only
// the same fraction; others it may read anywhere. Cuts depend on no value, and no bit depends on the cuts.
struct Placement {
  int64_t extent = 1;
  int64_t granule = 1;
  Mask aligned = {};
  bool outputs_whole = false;
  // Units that one call should do at least, where a program cuts a part further to let an epilogue follow while the
  // outputs are in the caches. 0: what gives 32 KiB of the first output.
  int64_t block = 0;
};

// The specs of an application's inputs: null where an input is absent.
class Specs {
 public:
  Specs(std::span<const Spec* const> specs) : specs_(specs) {}
  int size() const { return static_cast<int>(specs_.size()); }
  bool has(int i) const { return i < size() && specs_[static_cast<size_t>(i)]; }
  const Spec& operator[](int i) const { return *specs_[static_cast<size_t>(i)]; }

 private:
  std::span<const Spec* const> specs_;
};
// Of a call, into room for as many pointers.
inline Specs specs_of(const Call& call, std::span<const Spec*> room) {
  for (size_t i = 0; i < room.size(); ++i) room[i] = call.in[i].spec;
  return Specs(room);
}

// ---- Derivatives --------------------------------------------------------------------------------------------

// Part of a tensor: along one axis `count` elements, from `start` in steps of `step`.
struct Slice {
  int dim;
  int64_t start, step, count;
};
// Part of a tensor, of any shape, by what lies between its elements in the tensor's row-major order.
struct Strided {
  Dims stride;
  int64_t offset;
};

// What a derivative rule works with. Tensors given here are handles whose values exist only if `reads` names them.
// What a rule leaves unset is zero.
class GradCall {
 public:
  // The gradient of part of an input: others come from other outputs or nodes. They meet in one buffer.
  struct OfPart {
    int input;
    std::variant<Slice, Strided> part;
    Tensor g;
  };

  GradCall(const Node& node, std::span<Tensor> grads, std::span<Tensor> results, std::vector<OfPart>& parts,
           const Mask& needed)
      : node_(node), grads_(grads), results_(results), parts_(parts), needed_(needed) {}

  const Attrs& attrs() const { return *node_.attrs; }
  // For an op that takes the same ones.
  Ref<Attrs> same_attrs() const { return node_.attrs; }
  int n_inputs() const { return static_cast<int>(node_.n_inputs); }
  int n_outputs() const { return static_cast<int>(node_.n_outputs); }
  bool has(int i) const { return i < n_inputs() && node_.in(i).node; }
  // Empty where the input is absent.
  Tensor in(int i) const { return has(i) ? Tensor(node_.in(i).node, static_cast<int>(node_.in(i).output)) : Tensor(); }
  const Spec& spec(int i) const { return node_.in(i).node->out(static_cast<int>(node_.in(i).output)).spec; }
  Tensor out(int i = 0) const { return Tensor(const_cast<Node*>(&node_), i); }
  // The gradient of output i; empty where nothing depends on it, which is so of some outputs of ops whose
  // `grad_takes` names several.
  const Tensor& grad(int i = 0) const { return grads_[static_cast<size_t>(i)]; }
  std::span<const Tensor> grads() const { return grads_; }
  // The same where the rule reads it no more: it may then be alone in holding it, and write over its memory.
  Tensor take_grad(int i = 0) { return std::move(grads_[static_cast<size_t>(i)]); }
  // Whether the gradient of input i is asked for; a rule skips those that are not.
  bool needs(int i) const { return needed_.has(i); }
  void set(int i, Tensor g) { results_[static_cast<size_t>(i)] = std::move(g); }
  // Of part of input i; g has that part's shape. May be called for several parts, which may overlap.
  void set_part(int i, std::variant<Slice, Strided> part, Tensor g) {
    parts_.push_back({i, std::move(part), std::move(g)});
  }

 private:
  const Node& node_;
  std::span<Tensor> grads_;
  std::span<Tensor> results_;
  std::vector<OfPart>& parts_;
  const Mask& needed_;
};

// ---- Lowering -----------------------------------------------------------------------------------------------

// What a rule of lowering works with. Tensors given here are handles without values.
class LowerCall {
 public:
  LowerCall(const Node& node, std::span<const int> readers) : node_(node), readers_(readers) {}

  const Attrs& attrs() const { return *node_.attrs; }
  Ref<Attrs> same_attrs() const { return node_.attrs; }
  bool has(int i) const { return i < static_cast<int>(node_.n_inputs) && node_.in(i).node; }
  // Empty where the input is absent. What made it may be looked at.
  Tensor in(int i) const { return has(i) ? Tensor(node_.in(i).node, static_cast<int>(node_.in(i).output)) : Tensor(); }
  // How many applications of this op, this one among them, read at input i what this one reads there.
  int readers(int i) const { return readers_[static_cast<size_t>(i)]; }
  // What `make` builds is one value for all applications whose rules build the same, also across checkpoints.
  template <class Make>
  static Tensor shared(Make make) {
    ApartScope together(0);
    return make();
  }

 private:
  const Node& node_;
  std::span<const int> readers_;
};

// What an op does with inputs of storage types (dtype.h). Views and elementwise ops take them: those move nothing, and
// kernels convert as these load and store.
enum class Storage : uint8_t {
  refused,  // DTypeError, which names the cast
  moved,    // the op moves elements, whatever they are
  cast,     // computed in computing(t); results of that type are made t again
};

// Positions of inputs and outputs, for the fields of Op.
inline constexpr Mask IN_0 = Mask::of(0), IN_1 = Mask::of(1), IN_2 = Mask::of(2), IN_3 = Mask::of(3),
                      IN_4 = Mask::of(4), IN_5 = Mask::of(5), ALL_INPUTS = Mask::all(), ALL_OUTPUTS = Mask::all();

// What a derivative rule reads.
struct Reads {
  Mask in = {}, out = {};
  constexpr Reads() = default;
  constexpr Reads(const Mask& inputs) : in(inputs) {}
  constexpr Reads(const Mask& inputs, const Mask& outputs) : in(inputs), out(outputs) {}
  friend constexpr Reads operator|(const Reads& a, const Reads& b) { return {a.in | b.in, a.out | b.out}; }
};
inline constexpr Reads NOTHING, OUT = {{}, Mask::of(0)}, OUT_1 = {{}, Mask::of(1)}, OUT_2 = {{}, Mask::of(2)},
                                OUT_3 = {{}, Mask::of(3)};

// ---- The op -------------------------------------------------------------------------------------------------

struct Op {
  const char* name;  // one name everywhere: file or row, registry, Python, error prefix, test id
  const char* doc;   // the formula; shapes, errors and source where they need words. What only users of the op itself
                     // need is a paragraph of its own
  std::vector<InputSchema> inputs;
  std::vector<AttrSchema> attrs = {};
  std::vector<const char*> outputs = {"out"};
  std::vector<const char*> also = {};  // names that Python has it under besides; PyTorch's
  Visibility visibility = Visibility::hidden;
  int self = 0;  // the input that the tensor is whose method is called
  // Other ops that its Python name stands for, as max(x, 1) and max(x, y): the first one that the arguments fit is
  // called, this one before them.
  std::vector<const char*> overloads = {};
  bool named = false;        // Python has the outputs as a named tuple
  bool underscored = false;  // Python also has the method name_, which puts the result into the tensor
  Keyword keyword = Keyword::none;
  // What op(x, n) is for a number n where a simpler op gives it, as x ** 2 is a square; else empty. Of two inputs.
  Tensor (*with_number)(const Tensor& x, const Number& n) = nullptr;
  // What op(..) is for attributes that make it another op, as a quotient that is rounded; else empty, and then the op
  // itself has no attributes.
  Tensor (*instead)(const Attrs& attrs, std::span<const Tensor> in) = nullptr;
  // Where attributes or shapes say how many outputs there are; comes before infer, and throws what that would.
  int (*count_outputs)(const Attrs* attrs, const Specs& in) = nullptr;

  // Shapes and dtypes in, those of the outputs out: the only place that checks them. Throws ShapeError, DTypeError,
  // IndexError or ValueError whose text begins with "[name]". Null where `compose` is all there is: the ops in it
  // check, and what they throw is thrown in this op's name.
  void (*infer)(const Attrs* attrs, const Specs& in, Spec* out) = nullptr;

  // A view: its outputs share the first input's buffer (or each that of its own input). infer() sets strides;
  // `view_offsets` gives the first element of each output relative to the input's. A view has no forward.
  bool view = false, view_each = false;
  void (*view_offsets)(const Attrs* attrs, const Spec& in, std::span<int64_t> at) = nullptr;

  // Whether, for these shapes, the elements of the output are those of the input, in order: a program then takes it as
  // a view (a sum over axes of size 1).
  bool (*same_elements)(const Specs& in, const Spec* out) = nullptr;

  // Works out what forward needs to know of attributes and specs, once for any number of calls. A program asks when it
  // lays out its memory, so prepare sees no address and no value, and what it leaves is the same at every run: what
  // depends on data, and is to be done once a run and not once a part, is a step of its own (see lower).
  void (*prepare)(Call& call) = nullptr;
  // Computes part [lo, hi) of what place() describes. Returns -1, or the first position that `explain` then
  // reports. Outputs arrive uninitialised and are written whole.
  int64_t (*forward)(const Call& call, int64_t lo, int64_t hi) = nullptr;
  // After all parts: joins partial results out of scratch, in a fixed order.
  void (*merge)(const Call& call) = nullptr;
  // Throws the error for the position that forward returned.
  void (*explain)(const Call& call, int64_t position) = nullptr;
  // Memory that forward works in: all parts of a call share it, and merge() finds what they left; or each thread has
  // its own, which holds nothing when a part begins.
  size_t (*scratch_bytes)(const Attrs* attrs, const Specs& in, const Spec* out) = nullptr;
  bool scratch_of_thread = false;
  Placement (*place)(const Attrs* attrs, const Specs& in, const Spec* out) = nullptr;  // null: never cut
  // Nanoseconds on one thread, roughly; null: by the bytes of the operands.
  double (*cost)(const Attrs* attrs, const Specs& in, const Spec* out) = nullptr;

  // Inputs that forward takes with any strides; others are made contiguous first.
  Mask strided = {};
  Storage storage = Storage::refused;
  // The fuser's instruction (kernels::Ew), or -1. Lists check no values: an elementwise op with `explain` is a step of
  // its own where it gives integers, and such an op reports nothing where it gives floats.
  int elementwise = -1;
  bool host = false;    // forward calls back into Python: one thread, may throw
  bool effect = false;  // never removed or merged with an equal one
  // Of these inputs that have an output's shape forward reads element i before it writes element i of any output
  // (merge() likewise for what it writes): outputs may lie over them.
  Mask in_place = {};

  // Builds input gradients from ops, given the gradients of all outputs. Null with `compose` null: not differentiable.
  void (*grad)(GradCall& call) = nullptr;
  // Outputs whose gradients `grad` takes, in any combination. Where another output has one too, the derivative goes
  // through `compose`, or is refused: no rule has to handle everything, and nothing is left out in silence.
  Mask grad_takes = Mask::of(0);
  Reads reads = {};  // what `grad` needs; with `compose`, all inputs are kept besides
  // The same outputs in simpler ops: an oracle, and the derivative wherever `grad` does not give it. An op with neither
  // forward nor view is applied as its composition.
  std::vector<Tensor> (*compose)(const Attrs* attrs, std::span<const Tensor> in) = nullptr;
  // What the op becomes in a program: its outputs, contiguous and the same to the bit, by other ops; nothing where it
  // stays as it is. Asked once per application, after equal ones are one and before fusing; what it builds is not
  // asked again, equal parts of it are built once, and what nobody reads any more goes.
  std::vector<Tensor> (*lower)(const LowerCall& call) = nullptr;

  int n_outputs(const Attrs* a, const Specs& in) const {
    return count_outputs ? count_outputs(a, in) : static_cast<int>(outputs.size());
  }
  // Whether forward may raise for some values.
  bool may_fail() const { return explain || host; }
  bool differentiable() const { return grad || compose; }
  // What a node keeps for its derivative.
  bool keeps_in(int i) const { return compose || reads.in.has(i); }
  bool keeps_out(int i) const { return reads.out.has(i); }
};

// The registry: ops in the order of their names.
const std::vector<const Op*>& all_ops();
// By its name or one that it has besides. Null if there is none.
const Op* find_op(const std::string& name);

struct Registrar {
  explicit Registrar(const Op& op);
};
#define BS_REGISTER(op) static const ::bs::Registrar registrar_##op(op)

}  // namespace bs
