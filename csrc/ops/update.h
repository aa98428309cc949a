// What updates of optimizers share: a pass over a parameter, its gradient and its state, with 0-d hyperparameters.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "base/with_dtype.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace bs::ops::update {

// A 0-d hyperparameter.
inline double number(const View& v) { return float_at(v.dtype(), v.data); }

inline void set_number(const View& v, double value) {
  if (v.dtype() == DType::f32)
    v.as<float>()[0] = static_cast<float>(value);
  else
    v.as<double>()[0] = value;
}

// Inputs in `arrays` have p's shape and dtype, the others are 0-d floats.
inline void check(const Op& op, const Specs& in, const Mask& arrays) {
  need_float(op.name, "p", in[0].dtype);
  for (int i = 1; i < in.size(); ++i) {
    if (!in.has(i)) continue;
    const char* name = op.inputs[static_cast<size_t>(i)].name;
    const bool array = arrays.has(i);
    const Dims shape = array ? in[0].shape : Dims{};
    if (!(in[i].shape == shape))
      throw ShapeError(cat("[", op.name, "] ", name, " is ", str(in[i].shape), ", it must be ", str(shape),
                           array ? " as p is" : ", a number"));
    if (array ? in[i].dtype != in[0].dtype : !is_float(in[i].dtype))
      throw DTypeError(cat("[", op.name, "] ", name, " is ", name_of(in[i].dtype), ", p is ", name_of(in[0].dtype),
                           ": cast it first"));
  }
}

inline void like(const Spec& in, Spec* out) {
  out->dtype = in.dtype;
  out->shape = in.shape;
}

// The plan of an update: elements of p in a unit of its extent.
inline void prepare(Call& call) {
  const Dims& shape = call.in[0].shape();
  const int64_t extent = loop_extent(shape);
  call.set_plan(extent ? bs::numel(shape) / extent : int64_t{0});
}
// Elements of part [lo, hi).
struct Part {
  int64_t lo, hi;
};
inline Part part_of(const Call& call, int64_t lo, int64_t hi) {
  const int64_t each = call.plan_as<int64_t>();
  return {lo * each, hi * each};
}

inline Placement place(const Attrs*, const Specs& in, const Spec*) { return place_loop(in[0].shape, in); }

// Whether the outputs that are numbers are written by merge(), after all parts, each of which reads the old ones. Where
// p is a number too, outputs of either kind may lie over inputs of either: then forward(), which is one part, reads all
// before it writes, and gives all.
inline bool merges(const Call& call) { return call.in[0].shape().size() > 0; }

// By squaring: no library's pow, so that every platform gives the same bits.
inline double power(double base, double exponent) {
  double result = 1;
  for (uint64_t n = exponent > 0 && exponent < 0x1p53 ? static_cast<uint64_t>(exponent) : 0; n; n >>= 1) {
    if (n & 1) result *= base;
    base *= base;
  }
  return result;
}

}  // namespace bs::ops::update
