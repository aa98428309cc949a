// Functions that are computed number by number: loops over a scalar function, compiled once for all processors.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <type_traits>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/batch.h"
#include "ops/composed.h"
#include "ops/loop.h"

namespace bs::ops {

inline double cost_each(const Attrs*, const Specs&, const Spec* out) {
  constexpr double kNanosecondsEach = 30;
  return kNanosecondsEach * static_cast<double>(numel(out[0].shape));
}
inline Placement place_each(const Attrs*, const Specs& in, const Spec* out) { return place_loop(out[0].shape, in); }

// Elements [lo, hi) of a placed call.
template <class F>
int64_t for_part(const Call& call, int64_t lo, int64_t hi, F f) {
  const Dims& shape = call.out[0].shape();
  const int64_t extent = loop_extent(shape), each = extent ? bs::numel(shape) / extent : 0;
  for (int64_t i = lo * each; i < hi * each; ++i) f(i);
  return -1;
}

// y = f(x) of floats, rounded once.
template <double (*f)(double)>
int64_t forward_of_one(const Call& call, int64_t lo, int64_t hi) {
  return with_float(call.out[0].dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* x = call.in[0].as<T>();
    T* y = call.out[0].as<T>();
    return for_part(call, lo, hi, [&](int64_t i) { y[i] = static_cast<T>(f(static_cast<double>(x[i]))); });
  });
}

// z = f(x, y) of two tensors of one shape and type.
template <class T, auto f>
int64_t for_two(const Call& call, int64_t lo, int64_t hi) {
  const T *x = call.in[0].as<T>(), *y = call.in[1].as<T>();
  T* z = call.out[0].as<T>();
  return for_part(call, lo, hi, [&](int64_t i) { z[i] = f(x[i], y[i]); });
}

// z = f(x, y) of floats, rounded once.
template <double (*f)(double, double)>
int64_t forward_of_two(const Call& call, int64_t lo, int64_t hi) {
  return with_float(call.out[0].dtype(), [&](auto zero) {
    using T = decltype(zero);
    constexpr auto value = [](T x, T y) { return static_cast<T>(f(static_cast<double>(x), static_cast<double>(y))); };
    return for_two<T, value>(call, lo, hi);
  });
}

template <const char* name, bool floats>
void infer_each(const Attrs*, const Specs& in, Spec* out) {
  const Spec &x = in[0], &y = in[in.size() - 1];
  const bool right = floats ? is_float(x.dtype) : x.dtype == DType::i32 || x.dtype == DType::i64;
  if (!right || x.dtype != y.dtype)
    throw DTypeError(cat("[", name, "] operands are ", name_of(x.dtype), " and ", name_of(y.dtype), ": they must be ",
                         floats ? "floats" : "integers", " of one type; cast them, as in x.to(bs.",
                         floats ? "float32)" : "int64)"));
  if (!(x.shape == y.shape))
    throw ShapeError(cat("[", name, "] operands are ", str(x.shape), " and ", str(y.shape), ": they must be equal"));
  out[0].shape = x.shape;
  out[0].dtype = x.dtype;
}

// Hidden ops of `n` operands of one shape and type; public ones bring theirs to that.
template <const char* name, bool floats = true>
Op each_op(const char* doc, int n, int64_t (*forward)(const Call&, int64_t, int64_t),
           void (*grad)(GradCall&) = nullptr) {
  Op op;
  op.name = name;
  op.doc = doc;
  op.inputs = {{"input"}};
  if (n == 2) op.inputs.push_back({"other"});
  op.infer = infer_each<name, floats>;
  op.forward = forward;
  op.place = place_each;
  op.cost = cost_each;
  op.grad = grad;
  op.reads = n == 2 ? IN_0 | IN_1 : IN_0;
  return op;
}

// Both as one shape and dtype.
inline std::vector<Tensor> alike(const Tensor& x, const Tensor& y, DType t) {
  Dims shape;
  if (!broadcast(x.shape(), y.shape(), &shape))
    throw ShapeError(cat("shapes ", str(x.shape()), " and ", str(y.shape()), " do not broadcast"));
  return {expand(cast(x, t), shape), expand(cast(y, t), shape)};
}

// The public form, which integers may enter.
template <const Op& each>
Op function_of(const char* name, const char* doc, Visibility visibility = Visibility::method) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}},
          .visibility = visibility,
          .underscored = visibility == Visibility::method,
          .storage = Storage::cast,
          .compose = one<[](const Given& x) { return apply(each, {cast(x[0], float_of(x[0].dtype()))}); }>};
}

// The same of two, which broadcast.
template <const Op& each>
Op function_of_two(const char* name, const char* doc, Visibility visibility = Visibility::method) {
  return {.name = name,
          .doc = doc,
          .inputs = {{.name = "input", .weak = true}, {.name = "other", .weak = true}},
          .visibility = visibility,
          .underscored = visibility == Visibility::method,
          .compose =
              one<[](const Given& x) { return bs::apply(each, alike(x[0], x[1], float_of(promoted(x[0], x[1])))); }>};
}

// Where a derivative by an operand has no closed form.
[[noreturn]] inline void refuse_derivative(const char* name, const char* input) {
  throw GraphError(
      cat("[", name, "] the derivative by ", input, " is not known: detach it, as in ", input, ".detach()"));
}

// Such a hidden op, alone or of a batch.
#define BS_REGISTER_EACH(op) \
  BS_REGISTER(op);           \
  BS_BATCH(op, batch_whole)

// ---- Eight numbers at a time: what is summed in long rows, so that the compiler makes vectors of it ----

constexpr int kLanes = 8;
using Lanes = std::array<double, kLanes>;

template <class F>
Lanes lanes(F f) {
  Lanes y;
  for (size_t l = 0; l < kLanes; ++l) y[l] = f(l);
  return y;
}
template <class F>
bool any_lane(F f) {
  bool any = false;
  for (size_t l = 0; l < kLanes; ++l) any |= f(l);
  return any;
}

// y = F::of<narrow>(x) of floats, rounded once; `narrow` where float32 is all that is asked for.
template <class F>
int64_t forward_of_lanes(const Call& call, int64_t lo, int64_t hi) {
  return with_float(call.out[0].dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Dims& shape = call.out[0].shape();
    const int64_t extent = loop_extent(shape), each = extent ? bs::numel(shape) / extent : 0;
    const T* x = call.in[0].as<T>();
    T* y = call.out[0].as<T>();
    for (int64_t i = lo * each; i < hi * each; i += kLanes) {
      const auto n = static_cast<size_t>(std::min<int64_t>(kLanes, hi * each - i));
      const Lanes made = F::template of<std::is_same_v<T, float>>(
          lanes([&](size_t l) { return static_cast<double>(x[i + static_cast<int64_t>(std::min(l, n - 1))]); }));
      for (size_t l = 0; l < n; ++l) y[i + static_cast<int64_t>(l)] = static_cast<T>(made[l]);
    }
    return int64_t{-1};
  });
}

// How many terms of a sum count.
template <bool narrow, size_t n>
constexpr size_t terms_of(const double (&c)[n]) {
  double rest = 0;
  for (size_t k = n; narrow && k > 1; --k) {
    rest += c[k - 1] < 0 ? -c[k - 1] : c[k - 1];
    if (rest > 0x1p-27 * (c[0] < 0 ? -c[0] : c[0])) return k;
  }
  return n;
}

// A sum of Chebyshev polynomials of t in [-1, 1], by Clenshaw's recurrence.
template <bool narrow, const auto& c>
Lanes chebyshev(const Lanes& t) {
  constexpr size_t kTerms = terms_of<narrow>(c);
  Lanes b{}, before{};
  for (size_t k = kTerms - 1; k > 0; --k)
    for (size_t l = 0; l < kLanes; ++l) {
      const double next = 2 * t[l] * b[l] - before[l] + c[k];
      before[l] = b[l];
      b[l] = next;
    }
  return lanes([&](size_t l) { return t[l] * b[l] - before[l] + c[0]; });
}

}  // namespace bs::ops
