// The elementwise ops: one Op object per row of kernels/elementwise.def.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <vector>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/loop.h"
#include "ops/one_pass.h"
#include "ops/ops.h"

namespace bs::ops {

using kernels::Ew;
using kernels::EwList;

namespace {

// Of operands that all are of the shape and in order, or a number: one loop over the elements.
bool set_plain_loop(EwList& list, const Dims& shape, const Spec* const* operands, int n_operands) {
  const int64_t n = numel(shape);
  if (n == 1) return false;
  for (int k = 0; k < n_operands; ++k) {
    const Spec& s = *operands[k];
    if (s.shape.size() == 0)
      list.arg[k].stride[0] = 0;
    else if (s.contiguous() && s.shape == shape)
      list.arg[k].stride[0] = 1;
    else
      return false;
  }
  list.size[0] = n;
  list.n_dims = 1;
  return true;
}

}  // namespace

void set_loop(EwList& list, const Dims& shape, const Spec* const* operands, int n_operands) {
  if (set_plain_loop(list, shape, operands, n_operands)) return;
  int64_t stride[kernels::kMaxListArgs][kMaxDims];
  const int n = shape.size();
  for (int k = 0; k < n_operands; ++k) {
    const Spec& s = *operands[k];
    const Dims own = s.full_strides();
    const int skip = n - s.shape.size();
    for (int d = 0; d < n; ++d) stride[k][d] = d < skip || s.shape[d - skip] == 1 ? 0 : own[d - skip];
  }
  int out = 0;
  for (int d = 0; d < n; ++d) {
    if (shape[d] == 1) continue;
    bool merged = out > 0;
    for (int k = 0; merged && k < n_operands; ++k) merged = list.arg[k].stride[out - 1] == stride[k][d] * shape[d];
    if (!merged) list.size[out++] = 1;
    list.size[out - 1] *= shape[d];
    for (int k = 0; k < n_operands; ++k) list.arg[k].stride[out - 1] = stride[k][d];
  }
  list.n_dims = static_cast<uint8_t>(out);
}

int64_t loop_extent(const Dims& shape) {
  constexpr int64_t kEnoughRows = 8;  // fewer leave threads idle
  return shape.size() > 0 && shape[0] >= kEnoughRows ? shape[0] : numel(shape);
}

Placement place_loop(const Dims& shape, const Specs& in) {
  Placement p;
  p.extent = loop_extent(shape);
  for (int i = 0; i < in.size(); ++i)
    if (in.has(i) && in[i].contiguous() && in[i].shape == shape) p.aligned.set(i);
  return p;
}

namespace {

using Types = kernels::EwTypes;
const Tensor NONE;

const Op* table[static_cast<int>(Ew::count_)];

// Of bools a sum is whether any is true: registers hold 0 or 1, never 2 or -1.
Ew instruction(Ew code, DType out) {
  if (out != DType::b8) return code;
  switch (code) {
    case Ew::add:
    case Ew::bitwise_or:
      return Ew::maximum;
    case Ew::bitwise_and:
      return Ew::mul;
    case Ew::bitwise_xor:
      return Ew::ne;
    case Ew::bitwise_not:
      return Ew::logical_not;
    default:
      return code;
  }
}

DType result_dtype(Types types, const Specs& in) {
  const DType t = promote(in, types == Types::SELECT ? 1 : 0);
  if (types == Types::FLOATS && !is_float(t)) return DType::f32;
  return types == Types::POWERS && t == DType::b8 ? DType::i64 : t;
}
DType arithmetic(Types types, const Specs& in) { return computing(result_dtype(types, in)); }

// Throws for dtypes that the row does not take.
template <Ew code, Types types>
void check_dtypes(const Specs& in) {
  const Op& op = *table[static_cast<int>(code)];
  const auto refuse = [&](int i, const char* fix) {
    const char* input = op.inputs[static_cast<size_t>(i)].name;
    throw DTypeError(cat("[", op.name, "] ", input, " is ", name_of(in[i].dtype), ", which it does not take: ", fix));
  };
  if constexpr (types == Types::REALS) {
    if (!is_float(promote(in))) refuse(0, "cast it to a float first, as in x.to(bs.float32)");
  }
  if constexpr (types == Types::NUMBERS) {
    constexpr bool minus = code == Ew::sub || code == Ew::neg;
    for (int i = 0; i < in.size(); ++i)
      if (in[i].dtype == DType::b8)
        refuse(i, minus ? "the opposite of a mask is ~mask, where two differ a ^ b; or cast it, as in x.to(bs.int64)"
                        : "cast it first, as in x.to(bs.int64)");
  }
  if constexpr (code == Ew::pow || types == Types::DIVIDE) {
    if (promote(in) == DType::b8) refuse(0, "cast it first, as in x.to(bs.int64)");
  }
  if constexpr (code == Ew::bitwise_left_shift || code == Ew::bitwise_right_shift) {
    if (promote(in) == DType::b8) refuse(0, "cast it first, as in x.to(bs.int64)");
  }
  if constexpr (types == Types::BITS) {
    for (int i = 0; i < in.size(); ++i)
      if (is_float(in[i].dtype)) refuse(i, "floats have no bits to combine; compare first, as in x != 0");
  }
  if constexpr (types == Types::SELECT) {
    if (in[0].dtype != DType::b8)
      throw DTypeError(
          cat("[", op.name, "] the condition is ", name_of(in[0].dtype), ", not bool: compare first, as in x != 0"));
  }
}

// The shape to which all inputs broadcast.
Dims shape_of_all(const char* name, const Specs& in) {
  Dims shape = in[0].shape;
  for (int i = 1; i < in.size(); ++i) {
    if (in[i].shape.size() == 0 || in[i].shape == shape) continue;
    Dims both;
    if (!broadcast(shape, in[i].shape, &both)) {
      std::string shapes;
      for (int k = 0; k < in.size(); ++k) shapes += (k ? " and " : "") + str(in[k].shape);
      throw ShapeError(cat("[", name, "] shapes ", shapes,
                           " do not broadcast: sizes must be equal, or 1, counted from the last axis"));
    }
    shape = both;
  }
  return shape;
}

template <Ew code, Types types>
void infer(const Attrs*, const Specs& in, Spec* out) {
  const Dims shape = shape_of_all(table[static_cast<int>(code)]->name, in);
  check_dtypes<code, types>(in);
  out[0].shape = shape;
  out[0].dtype = types == Types::TEST ? DType::b8 : result_dtype(types, in);
}

// The first of elements [lo, hi) of the loop space at which operand k, of words of this size, is 0; or -1.
template <class Word>
int64_t first_zero(const EwList& list, int k, const void* data, int64_t lo, int64_t hi) {
  const int64_t* stride = list.arg[k].stride;
  while (lo < hi) {
    int64_t rest = lo, at = 0, row = 1, step = 0;  // without dimensions there is one element
    for (int d = list.n_dims - 1; d >= 0; --d) {
      const int64_t i = rest % list.size[d];
      if (d == list.n_dims - 1) row = std::min(list.size[d] - i, hi - lo), step = stride[d];
      at += i * stride[d];
      rest /= list.size[d];
    }
    const Word* p = static_cast<const Word*>(data) + at;
    for (int64_t i = 0, n = step == 0 ? 1 : row; i < n; ++i)
      if (p[i * step] == 0) return lo + i;
    lo += row;
  }
  return -1;
}
int64_t first_zero(const EwList& list, int k, const void* data, int64_t lo, int64_t hi) {
  return with_word(list.arg[k].dtype, [&](auto zero) { return first_zero<decltype(zero)>(list, k, data, lo, hi); });
}

// Of integers divided by 0.
template <Ew code>
void explain(const Call& call, int64_t position) {
  const Dims& shape = call.out[0].shape();
  Dims at = shape;
  for (int d = shape.size() - 1; d >= 0; --d) {
    at[d] = position % shape[d];
    position /= shape[d];
  }
  throw ValueError(cat("[", table[static_cast<int>(code)]->name, "] integers are divided by 0",
                       shape.size() > 0 ? " (element " + str(at) + " of the result)" : "",
                       ": cast them first, as in x.to(bs.float32), where inf and NaN will do"));
}

template <Ew code, Types types>
int64_t forward(const Call& call, int64_t lo, int64_t hi) {
  EwList list;
  const Spec* operands[4];
  void* args[4];
  for (int i = 0; i < call.n_in; ++i) {
    operands[i] = call.in[i].spec;
    args[i] = call.in[i].data;
    list.arg[i].dtype = call.in[i].dtype();
  }
  operands[call.n_in] = call.out[0].spec;
  args[call.n_in] = call.out[0].data;
  list.arg[call.n_in].dtype = call.out[0].dtype();
  list.compute = arithmetic(types, Specs({operands, static_cast<size_t>(call.n_in)}));
  list.n_in = static_cast<uint8_t>(call.n_in);
  list.n_temp = 0;
  list.n_out = 1;
  list.n_instr = 1;
  list.instr[0] = {instruction(code, call.out[0].dtype()), list.n_in, 0, static_cast<uint8_t>(call.n_in > 1 ? 1 : 0),
                   static_cast<uint8_t>(call.n_in > 2 ? 2 : 0)};
  const Dims& shape = call.out[0].shape();
  set_loop(list, shape, operands, call.n_in + 1);
  const int64_t extent = loop_extent(shape);
  const int64_t each = extent ? numel(shape) / extent : 0;
  if (types == Types::DIVIDE && !is_float(call.out[0].dtype())) {
    if (const int64_t bad = first_zero(list, 1, args[1], lo * each, hi * each); bad >= 0) return bad;
  }
  kernels::active().elementwise(list, args, lo * each, hi * each);
  return -1;
}

Placement place(const Attrs*, const Specs& in, const Spec* out) { return place_loop(out[0].shape, in); }

// An input's gradient has its shape and dtype: broadcasting repeats, promotion casts; the derivative undoes both.
void give(GradCall& call, int i, Tensor g) {
  if (!g) return;
  const Spec& want = call.spec(i);
  if (!(g.shape() == want.shape)) g = sum_to(g, want.shape);
  if (g.dtype() != want.dtype) g = cast(g, want.dtype);
  call.set(i, std::move(g));
}

// apply() of handles that are borrowed: the counts that copies touch are a tenth of the time of a small sweep
// (measured).
Tensor apply_to(const Op& op, std::span<const Tensor* const> operands) {
  alignas(Tensor) std::byte room[3 * sizeof(Tensor)];
  size_t n = 0;
  // Bitwise copies that are never destroyed.
  for (const Tensor* t : operands)
    std::memcpy(room + n++ * sizeof(Tensor), static_cast<const void*>(t), sizeof(Tensor));
  return apply(op, {std::launder(reinterpret_cast<const Tensor*>(room)), n});
}

// d(x y)/dx. Of x x it is 0 where x is, whatever g, as that of square: a norm written out has derivative 0 at 0.
Tensor times(const Tensor& g, const Tensor& y, const Tensor& x) {
  const bool same = x.node() == y.node() && x.output() == y.output();
  return same ? mul_zero(y, g) : apply_to(*table[static_cast<int>(Ew::mul)], {{&g, &y}});
}

#define BS_GRAD1(a) \
  if (call.needs(0)) give(call, 0, a);
#define BS_GRAD2(a, b)                 \
  if (call.needs(0)) give(call, 0, a); \
  if (call.needs(1)) give(call, 1, b);
#define BS_GRAD3(a, b, c)              \
  if (call.needs(0)) give(call, 0, a); \
  if (call.needs(1)) give(call, 1, b); \
  if (call.needs(2)) give(call, 2, c);

#define BS_EW1(name, types, value, reads, gradient, lo, hi, doc)    \
  void grad_##name(GradCall& call) {                                \
    [[maybe_unused]] const Tensor& g = call.grad();                 \
    [[maybe_unused]] const Tensor x = call.in(0), out = call.out(); \
    BS_GRAD1(gradient)                                              \
  }
#define BS_EW2(name, types, value, reads, gradients, lo, hi, doc)                   \
  void grad_##name(GradCall& call) {                                                \
    [[maybe_unused]] const Tensor& g = call.grad();                                 \
    [[maybe_unused]] const Tensor x = call.in(0), y = call.in(1), out = call.out(); \
    BS_GRAD2 gradients                                                              \
  }
#define BS_EW3(name, types, value, reads, gradients, lo, hi, doc)                                   \
  void grad_##name(GradCall& call) {                                                                \
    [[maybe_unused]] const Tensor& g = call.grad();                                                 \
    [[maybe_unused]] const Tensor x = call.in(0), y = call.in(1), z = call.in(2), out = call.out(); \
    BS_GRAD3 gradients                                                                              \
  }
#include "kernels/elementwise.def"

constexpr Types types_of[] = {
#define BS_EW1(name, types, ...) Types::types,
#define BS_EW2(name, types, ...) Types::types,
#define BS_EW3(name, types, ...) Types::types,
#include "kernels/elementwise.def"
};

constexpr bool is_helper(Ew code) {
#define BS_EW1(...)
#define BS_EW2(...)
#define BS_EW3(...)
#define BS_HELPER(name) \
  if (code == Ew::name) return true;
#include "kernels/elementwise.def"
  return false;
}

std::vector<InputSchema> inputs_of(Ew code, int n, Types types) {
  const char* names[3] = {"input", "other"};
#define BS_EW1(...)
#define BS_EW2(...)
#define BS_EW3(...)
#define BS_NAMES(name, ...) \
  if (const char* own[3] = {__VA_ARGS__}; code == Ew::name) std::copy(own, own + 3, names);
#include "kernels/elementwise.def"
  std::vector<InputSchema> made;
  // The condition of a choice has no say in the dtype of the choices.
  for (int i = 0; i < n; ++i) made.push_back({.name = names[i], .weak = n > 1 && (i > 0 || types != Types::SELECT)});
  return made;
}

// x ** n: for some n ops that are faster and no worse. ValueError for integers to a negative integer.
Tensor power_by_number(const Tensor& x, const Number& n) {
  const bool floats = is_float(x.dtype()), whole = n.kind != Number::real;
  if (n.value < 0 && !floats && whole)
    throw ValueError("[pow] integers to a negative power are no integers: cast x to a float first");
  if (floats || whole) {
    // A value of its own, with the history: of a parameter, what it holds now.
    if (n.value == 1 && (x.dtype() != DType::b8 || n.kind == Number::boolean)) return view_as_is(x);
    if (n.value == 2) return square(x);
    if (n.value == 3) return mul(square(x), x);
  }
  if (n.value == 0.5) return sqrt(x);
  if (n.value == -0.5) return rsqrt(x);
  if (n.value == -1) return reciprocal(x);
  return {};
}

std::vector<const char*> also_of([[maybe_unused]] Ew code) {
#define BS_EW1(...)
#define BS_EW2(...)
#define BS_EW3(...)
#define BS_ALSO(name, ...) \
  if (code == Ew::name) return {__VA_ARGS__};
#include "kernels/elementwise.def"
  return {};
}

// div with a rounding_mode.
Tensor rounded_quotient(const Attrs& attrs, std::span<const Tensor> in) {
  if (!attrs.has(0)) return {};
  return attrs.get<int64_t>(0) == 0 ? floor_divide(in[0], in[1]) : trunc_divide(in[0], in[1]);
}

// round to decimals.
Tensor rounded_to(const Attrs& attrs, std::span<const Tensor> in) {
  const int64_t decimals = attrs.get<int64_t>(0);
  if (decimals == 0) return {};
  if (!is_float(in[0].dtype()))
    throw DTypeError(cat("[round] decimals are for floats, input is ", name_of(in[0].dtype()),
                         ": leave them out, or cast it first, as in x.to(bs.float32)"));
  const double scale = std::pow(10.0, std::fabs(static_cast<double>(decimals)));
  const DType own = in[0].dtype();
  const Tensor x = is_storage(own) ? cast(in[0], computing(own)) : in[0];  // rounded once, at the end
  const Tensor y = decimals > 0 ? div(round(mul(x, scale)), scale) : mul(round(div(x, scale)), scale);
  return is_storage(own) ? cast(y, own) : y;
}

Op make(const char* name, const char* doc, int n_in, Types types, Ew code, const Reads& reads, void (*grad)(GradCall&),
        void (*infer)(const Attrs*, const Specs&, Spec*), int64_t (*forward)(const Call&, int64_t, int64_t),
        void (*explain)(const Call&, int64_t)) {
  Op op;
  op.name = name;
  op.doc = doc;
  op.inputs = inputs_of(code, n_in, types);
  op.also = also_of(code);
  op.visibility = is_helper(code) ? Visibility::hidden : Visibility::method;
  op.underscored = types != Types::SELECT;
  op.self = types == Types::SELECT ? 1 : 0;
  if (types == Types::SELECT) op.overloads = {"where_true"};
  op.with_number = code == Ew::pow ? power_by_number : nullptr;
  op.keyword = code == Ew::add || code == Ew::sub ? Keyword::alpha : Keyword::none;
  if (code == Ew::div) {
    op.attrs = {{.name = "rounding_mode", .type = AttrType::word, .by_name = true, .words = {"floor", "trunc"}}};
    op.instead = rounded_quotient;
  } else if (code == Ew::round) {
    op.attrs = {{.name = "decimals", .type = AttrType::integer, .default_value = int64_t{0}, .by_name = true}};
    op.instead = rounded_to;
  }
  op.infer = infer;
  op.forward = forward;
  op.explain = types == Types::DIVIDE ? explain : nullptr;
  op.place = place;
  op.strided = IN_0 | IN_1 | IN_2;
  op.elementwise = static_cast<int>(code);
  op.grad = types == Types::TEST || types == Types::BITS ? nullptr : grad;
  op.reads = reads;
  return op;
}

#define BS_ROW(n, name, types, reads, doc)                                                                            \
  const Op op_##name = make(#name, doc, n, Types::types, Ew::name, reads, grad_##name, infer<Ew::name, Types::types>, \
                            forward<Ew::name, Types::types>, explain<Ew::name>);                                      \
  BS_REGISTER(op_##name);                                                                                             \
  const bool in_table_##name = (table[static_cast<int>(Ew::name)] = &op_##name);
#define BS_EW1(name, types, value, reads, gradient, lo, hi, doc) BS_ROW(1, name, types, reads, doc)
#define BS_EW2(name, types, value, reads, gradients, lo, hi, doc) BS_ROW(2, name, types, reads, doc)
#define BS_EW3(name, types, value, reads, gradients, lo, hi, doc) BS_ROW(3, name, types, reads, doc)
#include "kernels/elementwise.def"

// x.add_(y, alpha=n)
template <Ew code>
void write_with_alpha(Pass& p) {
  p.add(Ew::mul, Pass::kTemp, p.in(1), p.in(2));
  p.add(code, Pass::kOut, p.in(0), Pass::kTemp);
}
const Op add_alpha_op = pass_op<write_with_alpha<Ew::add>>("add");
BS_ONE_PASS(op_add, add_alpha_op);
const Op sub_alpha_op = pass_op<write_with_alpha<Ew::sub>>("sub");
BS_ONE_PASS(op_sub, sub_alpha_op);

// ---- Ops that compute as a row does, and have a derivative of their own -------------------------------------------

// Clamping: the derivative goes to the larger (smaller) operand whole, at bounds to `input` or, if `open`, to neither.
template <Ew code, bool open>
void grad_of_bound(GradCall& call) {
  const Tensor g = call.grad(), x = call.in(0), bound = call.in(1);
  constexpr bool least = code == Ew::maximum;
  if (call.needs(0)) {
    const Tensor& hi = least ? x : bound;
    const Tensor& lo = least ? bound : x;
    give(call, 0, mul_mask(g, open ? gt(hi, lo) : ge(hi, lo)));
  }
  if (call.needs(1)) give(call, 1, mul_mask(g, least ? lt(x, bound) : gt(x, bound)));
}
template <Ew code, bool open>
constexpr const char* kBoundName = code == Ew::maximum ? (open ? "above" : "at_least") : (open ? "below" : "at_most");
template <Ew code, bool open>
Op bound_op(const char* doc) {
  constexpr Types types = types_of[static_cast<int>(code)];
  const auto infer_bound = [](const Attrs*, const Specs& in, Spec* out) {
    out[0].shape = shape_of_all(kBoundName<code, open>, in);
    out[0].dtype = result_dtype(types, in);
  };
  Op op = make(kBoundName<code, open>, doc, 2, types, code, IN_0 | IN_1, grad_of_bound<code, open>, infer_bound,
               forward<code, types>, nullptr);
  op.also = {};
  op.visibility = Visibility::hidden;
  op.underscored = false;
  return op;
}
const Op at_least_op =
    bound_op<Ew::maximum, false>("max(input, other); the derivative goes to input where input >= other, else to other");
BS_REGISTER(at_least_op);
const Op at_most_op =
    bound_op<Ew::minimum, false>("min(input, other); the derivative goes to input where input <= other, else to other");
BS_REGISTER(at_most_op);
const Op above_op = bound_op<Ew::maximum, true>("max(input, other) with derivative 0 where they are equal");
BS_REGISTER(above_op);
const Op below_op = bound_op<Ew::minimum, true>("min(input, other) with derivative 0 where they are equal");
BS_REGISTER(below_op);

constexpr Interval intervals[] = {
#define BS_EW1(name, types, value, reads, gradient, lo, hi, doc) {lo, hi},
#define BS_EW2(name, types, value, reads, gradient, lo, hi, doc) {lo, hi},
#define BS_EW3(name, types, value, reads, gradient, lo, hi, doc) {lo, hi},
#include "kernels/elementwise.def"
};

int kind(DType t) { return is_float(t) ? 2 : t == DType::b8 ? 0 : 1; }
DType wider(DType a, DType b) {
  if (kind(a) != kind(b)) return kind(a) > kind(b) ? a : b;
  // The least that holds both.
  if (a != b && size_of(a) == size_of(b) && is_storage(a)) return kind(a) == 2 ? DType::f32 : DType::i16;
  return size_of(a) >= size_of(b) ? a : b;
}

}  // namespace

DType promote(const Specs& in, int first) {
  // Of tensors with dimensions and of 0-d ones apart; then the 0-d ones count only where their kind is higher.
  DType full = DType::b8, zero = DType::b8;
  bool any_full = false, any_zero = false;
  for (int i = first; i < in.size(); ++i) {
    bool dims = in[i].shape.size() > 0;
    DType& t = dims ? full : zero;
    bool& any = dims ? any_full : any_zero;
    t = any ? wider(t, in[i].dtype) : in[i].dtype;
    any = true;
  }
  if (!any_full) return zero;
  if (!any_zero || kind(zero) <= kind(full)) return full;
  return zero;
}

DType promoted(const Tensor& x, const Tensor& y) {
  const Spec* in[] = {&x.spec(), &y.spec()};
  return promote(Specs(in));
}

DType list_dtype(const Op& op, const Specs& in, const Spec& out) {
  if (op.elementwise != static_cast<int>(Ew::copy)) return arithmetic(types_of[op.elementwise], in);
  // A copy converts as it loads; to bool it compares with 0 in the input's arithmetic.
  return computing(out.dtype == DType::b8 ? in[0].dtype : out.dtype);
}

void need_float(const char* op, const char* argument, DType t) {
  if (!is_float(t))
    throw DTypeError(
        cat("[", op, "] ", argument, " is ", name_of(t), ", not a float: cast it first, as in x.to(bs.float32)"));
}

Ew list_instruction(const Op& op, const Spec& out) { return instruction(static_cast<Ew>(op.elementwise), out.dtype); }

const char* list_op_name(int code) { return code == static_cast<int>(Ew::copy) ? "copy" : table[code]->name; }

Interval elementwise_interval(Ew code) { return intervals[static_cast<int>(code)]; }

DType number_dtype(const Spec& s) { return s.shape.size() > 0 && is_storage(s.dtype) ? computing(s.dtype) : s.dtype; }

namespace {

Tensor applied(const Op& op, std::initializer_list<Arg> args) {
  DType dtype = DType::f32;
  for (const Arg& a : args)
    if (a.tensor() && is_float(a.tensor()->dtype())) dtype = number_dtype(a.tensor()->spec());
  Tensor made[3];
  const Tensor* in[3];
  size_t n = 0;
  for (const Arg& a : args) {
    in[n] = a.tensor() ? a.tensor() : &(made[n] = Tensor::scalar(a.number(), dtype));
    ++n;
  }
  return apply_to(op, {in, n});
}

}  // namespace

Tensor elementwise(Ew code, std::initializer_list<Arg> args) { return applied(*table[static_cast<int>(code)], args); }

Tensor at_least(const Arg& x, const Arg& bound) { return applied(at_least_op, {x, bound}); }
Tensor at_most(const Arg& x, const Arg& bound) { return applied(at_most_op, {x, bound}); }
Tensor above(const Arg& x, const Arg& bound) { return applied(above_op, {x, bound}); }
Tensor below(const Arg& x, const Arg& bound) { return applied(below_op, {x, bound}); }

}  // namespace bs::ops

bs::Tensor bs::sum_of(const Tensor& x, const Tensor& y) {
  return ops::apply_to(*ops::table[static_cast<int>(ops::Ew::add)], {{&x, &y}});
}
