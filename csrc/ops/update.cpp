// Updates of optimizers: the new parameter and state from the old ones and the gradient, in one pass. Programs write
// them over the old ones. Not differentiable: optimizers run without recording.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "ops/ops.h"
#include "ops/update.h"

namespace bs::ops {
namespace {

constexpr int64_t kManyRows = 4;  // of a table, for each row of a gradient by index: else all of it is as fast

// ---- SGD -----------------------------------------------------------------------------------------------------

extern const Op sgd_op, sgd_rows_op, sgd_momentum_op;

kernels::Sgd plain_sgd(const Call& call, const View& lr, const View& weight_decay) {
  return {call.in[0].dtype(), update::number(lr), update::number(weight_decay), 0, 1, false, call.attrs->get<bool>(0)};
}

const Op sgd_op{
    .name = "sgd",
    .doc = "p - lr (g + weight_decay p) with g = grad, or -grad if maximize.",
    .inputs = {{"p"}, {"grad"}, {"lr"}, {"weight_decay"}},
    .attrs = {{"maximize", AttrType::boolean, false, false}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          update::check(sgd_op, in, IN_1);
          update::like(in[0], &out[0]);
        },
    .prepare = update::prepare,
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const update::Part part = update::part_of(call, lo, hi);
      const kernels::Sgd s = plain_sgd(call, call.in[2], call.in[3]);
      kernels::active().sgd(s, call.in[0].data, call.in[1].data, nullptr, call.out[0].data, nullptr, part.lo, part.hi);
      return -1;
    },
    .place = update::place,
    .in_place = ALL_INPUTS,
    // A gradient of few rows by index (of an embedding) leaves the others as they are.
    .lower = [](const LowerCall& call) -> std::vector<Tensor> {
      static const Op* const scatter = find_op("index_rows_backward");
      const Node& made = *call.in(1).node();
      if (made.op != scatter) return {};
      const auto input = [&](int i) { return Tensor(made.in(i).node, static_cast<int>(made.in(i).output)); };
      const Tensor p = call.in(0), index = input(1);
      const int64_t rows = p.shape()[0];
      if (index.numel() * kManyRows > rows) return {};
      const Tensor valid = apply(*find_op("valid_rows"), {index}, Attrs::make({rows}));
      return {apply(sgd_rows_op, {p, input(0), valid, call.in(2), call.in(3)}, call.same_attrs())};
    },
};
BS_REGISTER(sgd_op);

// What sgd_rows works with, in its scratch: which sum row r of p takes (-1: none), that of each g_i, the sums, zeros.
struct Touched {
  int64_t rows, cols, n;
  size_t item;

  Touched(const Specs& in) : rows(in[0].shape[0]), cols(1), n(bs::numel(in[2].shape)), item(size_of(in[0].dtype)) {
    for (int i = 1; i < in[0].shape.size(); ++i) cols *= in[0].shape[i];
  }
  size_t row_bytes() const { return static_cast<size_t>(cols) * item; }
  int64_t* of_row(char* scratch) const { return reinterpret_cast<int64_t*>(scratch); }
  int64_t* of_index(char* scratch) const { return of_row(scratch) + rows; }
  char* sums(char* scratch) const { return reinterpret_cast<char*>(of_index(scratch) + n); }
  char* zeros(char* scratch) const { return sums(scratch) + static_cast<size_t>(n) * row_bytes(); }
  size_t bytes() const {
    return static_cast<size_t>(rows + n) * sizeof(int64_t) + static_cast<size_t>(n + 1) * row_bytes();
  }
};

const Op sgd_rows_op{
    .name = "sgd_rows",
    .doc =
        "sgd with a gradient whose row r is the sum of the rows g_i with index_i = r, i ascending. An index outside "
        "of p's rows counts nowhere.",
    .inputs = {{"p"}, {"g"}, {"index"}, {"lr"}, {"weight_decay"}},
    .attrs = {{"maximize", AttrType::boolean, false, false}},
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          need_float("sgd_rows", "p", in[0].dtype);
          Dims shape = in[2].shape;
          for (int i = 1; i < in[0].shape.size(); ++i) shape.push(in[0].shape[i]);
          if (in[0].shape.size() == 0 || !(in[1].shape == shape) || in[3].shape.size() + in[4].shape.size() > 0)
            throw ShapeError(cat("[sgd_rows] p is ", str(in[0].shape), ", g is ", str(in[1].shape), ", index is ",
                                 str(in[2].shape),
                                 ": g must be index.shape + p.shape[1:], lr and weight_decay numbers"));
          if (in[1].dtype != in[0].dtype || in[2].dtype != DType::i64 || !is_float(in[3].dtype) ||
              !is_float(in[4].dtype))
            throw DTypeError(cat("[sgd_rows] p is ", name_of(in[0].dtype), ", g is ", name_of(in[1].dtype),
                                 ", index is ", name_of(in[2].dtype),
                                 ": g must be as p, index int64, lr and weight_decay floats"));
          update::like(in[0], &out[0]);
        },
    .prepare =
        [](Call& call) {
          const Spec* in[5];
          call.set_plan(Touched(specs_of(call, in)));
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      const Touched& t = call.plan_as<Touched>();
      const auto& kernels = kernels::active();
      const kernels::Sgd s = plain_sgd(call, call.in[3], call.in[4]);
      int64_t* const of_row = t.of_row(call.scratch);
      int64_t* const of_index = t.of_index(call.scratch);
      char* const sums = t.sums(call.scratch);
      const int64_t* const index = call.in[2].as<int64_t>();
      std::fill_n(of_row, t.rows, int64_t{-1});
      int64_t n_sums = 0;
      for (int64_t i = 0; i < t.n; ++i) {
        const bool valid = index[i] >= 0 && index[i] < t.rows;
        if (valid && of_row[index[i]] < 0) of_row[index[i]] = n_sums++;
        of_index[i] = valid ? of_row[index[i]] : -1;
      }
      kernels.scatter_add_rows(s.dtype, t.cols, t.n, of_index, call.in[1].data, sums, 0, n_sums);
      const char* const p = call.in[0].data;
      char* const out = call.out[0].data;
      const auto update = [&](int64_t row, const char* g) {
        const size_t at = static_cast<size_t>(row) * t.row_bytes();
        kernels.sgd(s, p + at, g, nullptr, out + at, nullptr, 0, t.cols);
      };
      const auto sum = [&](int64_t k) { return sums + static_cast<size_t>(k) * t.row_bytes(); };
      // Elsewhere a gradient of 0 leaves a row as it is, -0 too.
      if (s.weight_decay != 0 || s.maximize || std::signbit(s.lr) || !(s.lr < FLT_MAX)) {
        char* const zeros = t.zeros(call.scratch);
        std::memset(zeros, 0, t.row_bytes());
        for (int64_t row = 0; row < t.rows; ++row) update(row, of_row[row] < 0 ? zeros : sum(of_row[row]));
        return -1;
      }
      if (out != p) std::memcpy(out, p, static_cast<size_t>(t.rows) * t.row_bytes());
      for (int64_t i = 0, next = 0; i < t.n; ++i)
        if (of_index[i] == next) update(index[i], sum(next++));
      return -1;
    },
    .scratch_bytes = [](const Attrs*, const Specs& in, const Spec*) { return Touched(in).bytes(); },
    .cost =
        [](const Attrs*, const Specs& in, const Spec*) {
          const Touched t(in);
          return 0.1 * static_cast<double>(t.n * t.cols) * static_cast<double>(t.item) + static_cast<double>(t.rows);
        },
    .in_place = IN_0 | IN_1,  // index is read while rows are written
};
BS_REGISTER(sgd_rows_op);

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
          update::check(sgd_momentum_op, in, IN_1 | IN_2);
          update::like(in[0], &out[0]);
          update::like(in[0], &out[1]);
        },
    .prepare = update::prepare,
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const update::Part part = update::part_of(call, lo, hi);
      const double dampening = update::number(call.in[6]) * (call.has(7) ? update::number(call.in[7]) : 1);
      const kernels::Sgd s{
          call.in[0].dtype(), update::number(call.in[3]), update::number(call.in[4]), update::number(call.in[5]),
          1 - dampening,      call.attrs->get<bool>(0),   call.attrs->get<bool>(1)};
      kernels::active().sgd(s, call.in[0].data, call.in[1].data, call.in[2].data, call.out[0].data, call.out[1].data,
                            part.lo, part.hi);
      return -1;
    },
    .place = update::place,
    .in_place = ALL_INPUTS,
};
BS_REGISTER(sgd_momentum_op);

// ---- Adam ----------------------------------------------------------------------------------------------------

enum AdamInput { P, GRAD, MEAN, SQUARE, STEP, LR, BETA1, BETA2, EPS, DECAY, MOST };

double next_step(const Call& call) { return update::number(call.in[STEP]) + 1; }

int64_t adam_forward(const Call& call, int64_t lo, int64_t hi) {
  const update::Part part = update::part_of(call, lo, hi);
  const double beta1 = update::number(call.in[BETA1]), beta2 = update::number(call.in[BETA2]), t = next_step(call);
  const kernels::Adam s{call.in[P].dtype(),
                        update::number(call.in[LR]),
                        beta1,
                        beta2,
                        update::number(call.in[EPS]),
                        update::number(call.in[DECAY]),
                        1 - update::power(beta1, t),
                        1 - update::power(beta2, t),
                        call.attrs->get<bool>(0),
                        call.attrs->get<bool>(1)};
  const bool amsgrad = call.has(MOST);
  const void* const in[] = {call.in[P].data, call.in[GRAD].data, call.in[MEAN].data, call.in[SQUARE].data,
                            amsgrad ? call.in[MOST].data : nullptr};
  void* const out[] = {call.out[0].data, call.out[1].data, call.out[2].data, amsgrad ? call.out[4].data : nullptr};
  kernels::active().adam(s, in, out, part.lo, part.hi);
  if (!update::merges(call)) update::set_number(call.out[3], t);
  return -1;
}

void count_step(const Call& call) {
  if (update::merges(call)) update::set_number(call.out[3], next_step(call));
}

Placement place_adam(const Attrs*, const Specs& in, const Spec*) {
  Placement p = place_loop(in[P].shape, in);
  p.outputs_whole = true;  // for the step
  return p;
}

extern const Op adam_op, amsgrad_op;

template <const Op& op>
void infer_adam(const Attrs*, const Specs& in, Spec* out) {
  update::check(op, in, IN_1 | IN_2 | IN_3 | Mask::of(MOST));
  for (int k : {0, 1, 2}) update::like(in[0], &out[k]);
  update::like(in[STEP], &out[3]);
  if (in.has(MOST)) update::like(in[0], &out[4]);
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
  op.prepare = update::prepare;
  op.forward = adam_forward;
  op.merge = count_step;
  op.place = place_adam;
  op.in_place = ALL_INPUTS;
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
          update::like(in[0], &out[0]);
        },
    .forward = [](const Call& call, int64_t, int64_t) -> int64_t {
      std::memcpy(call.out[0].data, call.in[0].data, size_of(call.in[0].dtype()));
      return std::isfinite(update::number(call.in[0])) ? -1 : 0;
    },
    .explain =
        [](const Call& call, int64_t) {
          throw GraphError(
              cat("[finite_norm] the total norm of the gradients is ", update::number(call.in[0]),
                  ": look for NaN or overflow in the loss, or leave out error_if_nonfinite to scale by it"));
        },
};
BS_REGISTER(finite_norm_op);

}  // namespace
}  // namespace bs::ops
