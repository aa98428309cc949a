// Builders: what derivative rules, compositions and bindings call to put ops together. One per elementwise row, and
// those of the other families that C++ code uses.
#pragma once

#include <initializer_list>
#include <limits>
#include <optional>

#include "graph/apply.h"
#include "kernels/kernels.h"

namespace bs::ops {

// An operand of an elementwise op: a tensor, or a number that takes its partners' dtype.
class Arg {
 public:
  Arg(const Tensor& t) : tensor_(t) {}
  Arg(double number) : number_(number) {}
  const Tensor* tensor() const { return tensor_ ? &tensor_ : nullptr; }
  double number() const { return number_; }

 private:
  Tensor tensor_;
  double number_ = 0;
};

Tensor elementwise(kernels::Ew code, std::initializer_list<Arg> args);

#define BS_EW1(name, ...) \
  inline Tensor name(const Arg& x) { return elementwise(kernels::Ew::name, {x}); }
#define BS_EW2(name, ...) \
  inline Tensor name(const Arg& x, const Arg& y) { return elementwise(kernels::Ew::name, {x, y}); }
#define BS_EW3(name, ...) \
  inline Tensor name(const Arg& x, const Arg& y, const Arg& z) { return elementwise(kernels::Ew::name, {x, y, z}); }
#include "kernels/elementwise.def"

// max(x, bound) and min(x, bound), where the derivative goes to one of them; on the bound to x, or to neither.
Tensor at_least(const Arg& x, const Arg& bound);
Tensor at_most(const Arg& x, const Arg& bound);
Tensor above(const Arg& x, const Arg& bound);
Tensor below(const Arg& x, const Arg& bound);

// Numbers that derivatives and compositions use.
constexpr double kPi = 3.14159265358979323846, kSqrtPi = 1.7724538509055160273, kSqrtHalf = 0.70710678118654752440;
constexpr double kLn2 = 0.69314718055994530942, kLn10 = 2.3025850929940456840;
constexpr double kInfinite = std::numeric_limits<double>::infinity();

// The interval that the tests of a row draw inputs from.
struct Interval {
  double lo, hi;
};
Interval elementwise_interval(kernels::Ew code);

// Elementwise promotion as in PyTorch: bool < integers < floats; a 0-d tensor counts only where its kind is higher.
DType promote(const Specs& in, int first = 0);
DType promoted(const Tensor& x, const Tensor& y);
// What integers and bools become where floats are computed.
inline DType float_of(DType t) { return is_float(t) ? t : DType::f32; }

// Whether input i of a composition is there.
inline bool given(std::span<const Tensor> in, size_t i) { return i < in.size() && in[i]; }
// Of a number beside a tensor of this kind: unless the tensor is 0-d too, the number has no say in the result's type,
// so it is not rounded to a storage type.
DType number_dtype(const Spec& s);

// ---- shape ----
Tensor reshape(const Tensor& x, const Dims& shape);
Tensor transpose(const Tensor& x, int dim0, int dim1);
Tensor expand(const Tensor& x, const Dims& shape);
Tensor contiguous(const Tensor& x);
extern const Op* const kContiguous;  // the op that it applies
Tensor cast(const Tensor& x, DType dtype);
Tensor detach(const Tensor& x);
// x as an output of a node of its own.
Tensor view_as_is(const Tensor& x);
// The same bits as another dtype of the same size.
Tensor bitcast(const Tensor& x, DType dtype);
// Inserts a dimension of size 1.
Tensor unsqueeze(const Tensor& x, int dim);

// ---- joining and taking apart ---- dim is 0 or more; tensors are of one dtype.
Tensor concatenate(std::span<const Tensor> in, int dim);
Tensor stack(std::span<const Tensor> in, int dim);
std::vector<Tensor> split(const Tensor& x, std::vector<int64_t> sizes, int dim);
std::vector<Tensor> unbind(const Tensor& x, int dim);
Tensor select(const Tensor& x, int dim, int64_t index);
// The sum of tensors that each are part of one of `shape`. Side by side where they are slices that fill it, in one
// pass.
Tensor put_together(std::vector<GradCall::OfPart>& parts, const Dims& shape);

// ---- parts by strides ---- over x's elements in row-major order.
Tensor as_strided(const Tensor& x, const Dims& shape, const Dims& stride, int64_t offset);
// x with the part replaced by src, which has the part's shape. Where nothing else reads x's value, by the count of
// those that hold it or since the caller says so (`over`), that is written over: the result has its memory.
Tensor write_strided(Tensor x, const Tensor& src, const Dims& stride, int64_t offset, bool over = false);
extern const Op* const kWriteStrided;  // the op that it applies
// base and the sum of the parts, likewise.
Tensor add_parts(Tensor base, std::vector<GradCall::OfPart>& parts);
// Whether nobody but this handle sees the value, and its memory is ours.
bool held_once(const Tensor& t);

// ---- reduction ---- an absent dim means all.
Tensor sum(const Tensor& x, std::optional<Dims> dim = {}, bool keepdim = false);
Tensor mean(const Tensor& x, std::optional<Dims> dim = {}, bool keepdim = false);
Tensor amax(const Tensor& x, std::optional<Dims> dim = {}, bool keepdim = false);
// Sums over what broadcasting to x's shape has repeated.
Tensor sum_to(const Tensor& x, const Dims& shape);

// ---- linear ----
Tensor matmul(const Tensor& x, const Tensor& y);

// ---- random ---- the key of the draw after this one.
Tensor next_key(const Tensor& key);

// ---- constants ----
Tensor full(const Dims& shape, double value, DType dtype);
Tensor arange(int64_t n, DType dtype);

// DTypeError unless the argument is float32 or float64. (Storage types have been cast or refused before.)
void need_float(const char* op, const char* argument, DType t);

// dim in [-n, n) as [0, n); throws IndexError that begins with "[op]".
int normal_dim(const char* op, int64_t dim, int n);
// The same where a tensor without axes counts as one of axis 0, as in PyTorch.
int scalar_dim(const char* op, int64_t dim, int n);

}  // namespace bs::ops
