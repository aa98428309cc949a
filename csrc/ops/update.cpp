// Updates of optimizers: the new parameter and state from the old ones and the gradient, in one pass. Programs write
// them over the old ones. Not differentiable: optimizers run without recording.
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "ops/loop.h"
#include "ops/ops.h"

namespace bs::ops {
namespace {

// A 0-d hyperparameter.
double number(const View& v) { return v.dtype() == DType::f32 ? v.as<float>()[0] : v.as<double>()[0]; }

// Inputs in `arrays` have p's shape and dtype, the others are 0-d floats.
void check(const Op& op, const Specs& in, const Mask& arrays) {
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

void like(const Spec& in, Spec* out) {
  out->dtype = in.dtype;
  out->shape = in.shape;
}

// The plan of an update: elements of p in a unit of its extent.
void prepare(Call& call) {
  const Dims& shape = call.in[0].shape();
  const int64_t extent = loop_extent(shape);
  call.set_plan(extent ? bs::numel(shape) / extent : int64_t{0});
}
// Elements of part [lo, hi).
struct Part {
  int64_t lo, hi;
};
Part part_of(const Call& call, int64_t lo, int64_t hi) {
  const int64_t each = call.plan_as<int64_t>();
  return {lo * each, hi * each};
}

Placement place(const Attrs*, const Specs& in, const Spec*) { return place_loop(in[0].shape, in); }

// ---- SGD -----------------------------------------------------------------------------------------------------

extern const Op sgd_op, sgd_momentum_op;

const Op sgd_op{
    .name = "sgd",
    .doc = "p - lr (g + weight_decay p) with g = grad, or -grad if maximize.",
    .inputs = {{"p"}, {"grad"}, {"lr"}, {"weight_decay"}},
    .attrs = {{"maximize", AttrType::boolean, false, false}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check(sgd_op, in, IN_1);
          like(in[0], &out[0]);
        },
    .prepare = prepare,
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Part part = part_of(call, lo, hi);
      const kernels::Sgd s{call.in[0].dtype(),      number(call.in[2]), number(call.in[3]), 0, 1, false,
                           call.attrs->get<bool>(0)};
      kernels::active().sgd(s, call.in[0].data, call.in[1].data, nullptr, call.out[0].data, nullptr, part.lo, part.hi);
      return -1;
    },
    .place = place,
    .in_place = true,
};
BS_REGISTER(sgd_op);

const Op sgd_momentum_op{
    .name = "sgd_momentum",
    .doc =
        "With g = grad (-grad if maximize) + weight_decay p and d = dampening started (dampening alone if there is no "
        "started): buffer' = momentum buffer + (1 - d) g, out = p - lr (g + momentum buffer' if nesterov else "
        "buffer').",
    .inputs = {{"p"}, {"grad"}, {"buffer"}, {"lr"}, {"weight_decay"}, {"momentum"}, {"dampening"}, {"started", true}},
    .attrs = {{"nesterov", AttrType::boolean, false, false}, {"maximize", AttrType::boolean, false, false}},
    .outputs = {"out", "buffer"},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check(sgd_momentum_op, in, IN_1 | IN_2);
          like(in[0], &out[0]);
          like(in[0], &out[1]);
        },
    .prepare = prepare,
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Part part = part_of(call, lo, hi);
      const double dampening = number(call.in[6]) * (call.has(7) ? number(call.in[7]) : 1);
      const kernels::Sgd s{call.in[0].dtype(), number(call.in[3]),       number(call.in[4]),      number(call.in[5]),
                           1 - dampening,      call.attrs->get<bool>(0), call.attrs->get<bool>(1)};
      kernels::active().sgd(s, call.in[0].data, call.in[1].data, call.in[2].data, call.out[0].data, call.out[1].data,
                            part.lo, part.hi);
      return -1;
    },
    .place = place,
    .in_place = true,
};
BS_REGISTER(sgd_momentum_op);

// ---- Adam ----------------------------------------------------------------------------------------------------

enum AdamInput { P, GRAD, MEAN, SQUARE, STEP, LR, BETA1, BETA2, EPS, DECAY, MOST };

// By squaring: no library's pow, so that every platform gives the same bits.
double power(double base, double exponent) {
  double result = 1;
  for (uint64_t n = exponent > 0 && exponent < 0x1p53 ? static_cast<uint64_t>(exponent) : 0; n; n >>= 1) {
    if (n & 1) result *= base;
    base *= base;
  }
  return result;
}

int64_t adam_forward(const Call& call, int64_t lo, int64_t hi) {
  const Part part = part_of(call, lo, hi);
  const double beta1 = number(call.in[BETA1]), beta2 = number(call.in[BETA2]), t = number(call.in[STEP]) + 1;
  const kernels::Adam s{call.in[P].dtype(),
                        number(call.in[LR]),
                        beta1,
                        beta2,
                        number(call.in[EPS]),
                        number(call.in[DECAY]),
                        1 - power(beta1, t),
                        1 - power(beta2, t),
                        call.attrs->get<bool>(0),
                        call.attrs->get<bool>(1)};
  const bool amsgrad = call.has(MOST);
  const void* const in[] = {call.in[P].data, call.in[GRAD].data, call.in[MEAN].data, call.in[SQUARE].data,
                            amsgrad ? call.in[MOST].data : nullptr};
  void* const out[] = {call.out[0].data, call.out[1].data, call.out[2].data, amsgrad ? call.out[4].data : nullptr};
  kernels::active().adam(s, in, out, part.lo, part.hi);
  return -1;
}

// Every part reads the old step; the new one may lie in its place.
void count_step(const Call& call) {
  if (call.out[3].dtype() == DType::f32)
    call.out[3].as<float>()[0] = call.in[STEP].as<float>()[0] + 1;
  else
    call.out[3].as<double>()[0] = call.in[STEP].as<double>()[0] + 1;
}

Placement place_adam(const Attrs*, const Specs& in, const Spec*) {
  Placement p = place_loop(in[P].shape, in);
  p.outputs_whole = true;  // for the step
  return p;
}

extern const Op adam_op, amsgrad_op;

template <const Op& op>
void infer_adam(const Attrs*, const Specs& in, Spec* out) {
  check(op, in, IN_1 | IN_2 | IN_3 | Mask::of(MOST));
  for (int k : {0, 1, 2}) like(in[0], &out[k]);
  like(in[STEP], &out[3]);
  if (in.has(MOST)) like(in[0], &out[4]);
}

Op make_adam(bool amsgrad) {
  Op op;
  op.name = amsgrad ? "amsgrad" : "adam";
  op.doc =
      "With g = grad (-grad if maximize) and t = step + 1: p' = p (1 - lr weight_decay) if decoupled, else "
      "p' = p and g += weight_decay p; m = beta1 exp_avg + (1 - beta1) g; v = beta2 exp_avg_sq + (1 - beta2) g^2; "
      "out = p' - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps). Outputs: out, m, v, t. amsgrad has "
      "max(max_exp_avg_sq, v), the fifth output, in the place of v under the root.";
  op.inputs = {{"p"},  {"grad"},  {"exp_avg"}, {"exp_avg_sq"}, {"step"},
               {"lr"}, {"beta1"}, {"beta2"},   {"eps"},        {"weight_decay"}};
  op.attrs = {{"decoupled", AttrType::boolean, false, false}, {"maximize", AttrType::boolean, false, false}};
  op.outputs = {"out", "exp_avg", "exp_avg_sq", "step"};
  if (amsgrad) {
    op.inputs.push_back({"max_exp_avg_sq"});
    op.outputs.push_back("max_exp_avg_sq");
  }
  op.infer = amsgrad ? infer_adam<amsgrad_op> : infer_adam<adam_op>;
  op.prepare = prepare;
  op.forward = adam_forward;
  op.merge = count_step;
  op.place = place_adam;
  op.in_place = true;
  return op;
}

const Op adam_op = make_adam(false);
BS_REGISTER(adam_op);
const Op amsgrad_op = make_adam(true);
BS_REGISTER(amsgrad_op);

// ---- Gradients -----------------------------------------------------------------------------------------------

const Op finite_norm_op{
    .name = "finite_norm",
    .doc = "x, a number, if it is finite; else an error: for the norm of gradients.",
    .inputs = {{"x"}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          if (in[0].shape.size() > 0)
            throw ShapeError(cat("[finite_norm] x is ", str(in[0].shape), ", it must be (), a number"));
          need_float("finite_norm", "x", in[0].dtype);
          like(in[0], &out[0]);
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      std::memcpy(call.out[0].data, call.in[0].data, size_of(call.in[0].dtype()));
      return std::isfinite(number(call.in[0])) ? -1 : 0;
    },
    .explain =
        [](const Call& call, int64_t) {
          throw GraphError(
              cat("[finite_norm] the total norm of the gradients is ", number(call.in[0]),
                  ": look for NaN or overflow in the loss, or leave out error_if_nonfinite to scale by it"));
        },
};
BS_REGISTER(finite_norm_op);

}  // namespace
}  // namespace bs::ops
