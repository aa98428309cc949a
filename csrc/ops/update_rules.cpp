// The updates beside sgd and adam. Each is a row: its state, its numbers, and how these give the coefficients of one
// pass (kernels.h). What depends on numbers alone is computed in float64, by every part anew.
#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "ops/update.h"

namespace bs::ops {
namespace {

constexpr int kMostNumbers = 8, kMostScalars = 3;

struct UpdateRow {
  const char* name;
  const char* doc;
  kernels::Rule rule;
  std::vector<const char*> arrays;   // state of p's shape
  std::vector<const char*> scalars;  // state that is a number: of these the first counts the steps, which begin at 0
  std::vector<const char*> numbers;
  bool decouples = false;  // has an attribute that lets the weight decay shrink p
  // Gives coefficients, and the scalars after the step, of those before it (of which the first is one more already).
  // u.weight_decay comes set where a number has that name.
  void (*plan)(const double* n, const double* before, kernels::Update& u, double* after);
};

struct Planned {
  kernels::Update u;
  std::array<double, kMostScalars> after;
};

Planned planned(const UpdateRow& row, const Call& call) {
  Planned made{};
  const int scalars = static_cast<int>(row.scalars.size()), begin = 2 + static_cast<int>(row.arrays.size());
  std::array<double, kMostScalars> before{};
  for (int k = 0; k < scalars; ++k) before[static_cast<size_t>(k)] = update::number(call.in[begin + k]);
  std::array<double, kMostNumbers> n{};
  kernels::Update& u = made.u;
  u.rule = row.rule;
  u.dtype = call.in[0].dtype();
  u.maximize = call.attrs->get<bool>(row.decouples ? 1 : 0);
  u.keep = 1;
  double lr = 0;
  for (size_t k = 0; k < row.numbers.size(); ++k) {
    n[k] = update::number(call.in[begin + scalars + static_cast<int>(k)]);
    if (row.numbers[k] == std::string_view("lr")) lr = n[k];
    if (row.numbers[k] == std::string_view("weight_decay")) u.weight_decay = n[k];
  }
  if (row.rule == kernels::Rule::lion || (row.decouples && call.attrs->get<bool>(0)))
    u.keep = 1 - lr * std::exchange(u.weight_decay, 0.0);
  u.first = scalars > 0 && before[0] == 0;
  made.after = before;
  before[0] += 1;
  made.after[0] = before[0];
  row.plan(n.data(), before.data(), u, made.after.data());
  return made;
}

void set_scalars(const UpdateRow& row, const Call& call, const Planned& made) {
  const int first = 1 + static_cast<int>(row.arrays.size());
  for (size_t k = 0; k < row.scalars.size(); ++k)
    update::set_number(call.out[first + static_cast<int>(k)], made.after[k]);
}

template <const UpdateRow& row>
int64_t forward_row(const Call& call, int64_t lo, int64_t hi) {
  constexpr size_t most = 2 + 3;
  const size_t arrays = row.arrays.size();
  const Planned made = planned(row, call);
  const update::Part part = update::part_of(call, lo, hi);
  const void* in[most] = {};
  void* out[most] = {};
  for (size_t k = 0; k < 2 + arrays; ++k) in[k] = call.in[static_cast<int>(k)].data;
  for (size_t k = 0; k < 1 + arrays; ++k) out[k] = call.out[static_cast<int>(k)].data;
  kernels::active().update(made.u, in, out, part.lo, part.hi);
  if (!update::merges(call)) set_scalars(row, call, made);
  return -1;
}

template <const UpdateRow& row>
void merge_row(const Call& call) {
  if (update::merges(call)) set_scalars(row, call, planned(row, call));
}

template <const UpdateRow& row>
Placement place_row(const Attrs* attrs, const Specs& in, const Spec* out) {
  Placement p = update::place(attrs, in, out);
  p.outputs_whole = !row.scalars.empty();
  return p;
}

template <const UpdateRow& row, const Op& op>
void infer_row(const Attrs*, const Specs& in, Spec* out) {
  const int arrays = 1 + static_cast<int>(row.arrays.size());
  Mask same = IN_1;
  for (int k = 0; k < arrays; ++k) same = same | Mask::of(k + 1);
  update::check(op, in, same);
  for (int k = 0; k < arrays; ++k) update::like(in[0], &out[k]);
  for (int k = 0; k < static_cast<int>(row.scalars.size()); ++k) update::like(in[arrays + 1 + k], &out[arrays + k]);
}

template <const UpdateRow& row, const Op& self>
Op make() {
  Op op;
  op.name = row.name;
  op.doc = row.doc;
  op.inputs = {{"p"}, {"grad"}};
  op.outputs = {"out"};
  for (const auto* names : {&row.arrays, &row.scalars})
    for (const char* name : *names) {
      op.inputs.push_back({name});
      op.outputs.push_back(name);
    }
  for (const char* name : row.numbers) op.inputs.push_back({name});
  if (row.decouples) op.attrs.push_back({"decoupled", AttrType::boolean, false, false});
  op.attrs.push_back({"maximize", AttrType::boolean, false, false});
  op.infer = infer_row<row, self>;
  op.prepare = update::prepare;
  op.forward = forward_row<row>;
  if (!row.scalars.empty()) op.merge = merge_row<row>;
  op.place = place_row<row>;
  op.in_place = ALL_INPUTS;
  return op;
}

#define BS_UPDATE(rule)                               \
  extern const Op rule##_op;                          \
  const Op rule##_op = make<rule##_row, rule##_op>(); \
  BS_REGISTER(rule##_op)

// ---- The rows ------------------------------------------------------------------------------------------------

// 0.96^(t psi) lets the momentum of nadam rise to beta1.
double nadam_momentum(double beta1, double t, double psi) {
  return beta1 * (1 - 0.5 * kernels::active().power(0.96, t * psi));
}

const UpdateRow nadam_row{
    .name = "nadam",
    .doc =
        "With g = grad (-grad if maximize) and t = step + 1: p' = p (1 - lr weight_decay) if decoupled, else p' = p "
        "and "
        "g += weight_decay p; m = beta1 exp_avg + (1 - beta1) g; v = beta2 exp_avg_sq + (1 - beta2) g^2; mu_t = beta1 "
        "(1 - 0.96^(t momentum_decay) / 2), M_t = mu_1 ... mu_t; out = p' - lr ((1 - mu_t) g / (1 - M_t) + mu_(t+1) m "
        "/ "
        "(1 - M_(t+1))) / (sqrt(v / (1 - beta2^t)) + eps). Outputs: out, m, v, t, M_t.",
    .rule = kernels::Rule::nadam,
    .arrays = {"exp_avg", "exp_avg_sq"},
    .scalars = {"step", "mu_product"},
    .numbers = {"lr", "beta1", "beta2", "eps", "weight_decay", "momentum_decay"},
    .decouples = true,
    .plan =
        [](const double* n, const double* before, kernels::Update& u, double* after) {
          const double t = before[0], mu = nadam_momentum(n[1], t, n[5]), next = nadam_momentum(n[1], t + 1, n[5]);
          const double product = (u.first ? 1 : before[1]) * mu;
          after[1] = product;
          const double scale = 1 / std::sqrt(1 - update::power(n[2], t));
          const double c[] = {
              n[1], n[2], scale, n[3], n[0] * (1 - mu) / (1 - product), n[0] * next / (1 - product * next)};
          std::copy_n(c, 6, u.c);
        },
};
BS_UPDATE(nadam);

const UpdateRow radam_row{
    .name = "radam",
    .doc =
        "With g = grad (-grad if maximize) and t = step + 1: p' = p (1 - lr weight_decay) if decoupled, else p' = p "
        "and "
        "g += weight_decay p; m = beta1 exp_avg + (1 - beta1) g; v = beta2 exp_avg_sq + (1 - beta2) g^2; h = m / (1 - "
        "beta1^t), R = 2 / (1 - beta2) - 1, r = R - 2 t beta2^t / (1 - beta2^t). If r > 5: out = p' - lr h sqrt((r - "
        "4) "
        "(r - 2) R / ((R - 4) (R - 2) r)) sqrt(1 - beta2^t) / (sqrt(v) + eps), else p' - lr h. Outputs: out, m, v, t.",
    .rule = kernels::Rule::radam,
    .arrays = {"exp_avg", "exp_avg_sq"},
    .scalars = {"step"},
    .numbers = {"lr", "beta1", "beta2", "eps", "weight_decay"},
    .decouples = true,
    .plan =
        [](const double* n, const double* before, kernels::Update& u, double*) {
          const double t = before[0], left = update::power(n[2], t), most = 2 / (1 - n[2]) - 1;
          const double r = most - 2 * t * left / (1 - left);
          u.plain = !(r > 5);
          const double part = (r - 4) * (r - 2) * most / ((most - 4) * (most - 2) * r);
          const double rate = n[0] / (1 - update::power(n[1], t));
          const double c[] = {n[1], n[2], u.plain ? rate : rate * std::sqrt(part) * std::sqrt(1 - left), n[3]};
          std::copy_n(c, 4, u.c);
        },
};
BS_UPDATE(radam);

void plan_rmsprop(const double* n, const double*, kernels::Update& u, double*) {
  const double c[] = {n[1], n[2], n[0], n[4]};
  std::copy_n(c, 4, u.c);
}

#define BS_RMSPROP_DOC                                                                                                \
  "With g = grad (-grad if maximize) + weight_decay p: v = alpha square_avg + (1 - alpha) g^2; a = alpha grad_avg + " \
  "(1 - alpha) g if there is a grad_avg, else 0; h = g / (sqrt(v - a^2) + eps); b = momentum momentum_buffer + h if " \
  "there is one, else h; out = p - lr b. Outputs: out, v, then b and a if there are such, step + 1."

template <bool centered, bool momentum>
UpdateRow make_rmsprop() {
  using R = kernels::Rule;
  UpdateRow row;
  row.name = centered   ? momentum ? "rmsprop_centered_momentum" : "rmsprop_centered"
             : momentum ? "rmsprop_momentum"
                        : "rmsprop";
  row.doc = BS_RMSPROP_DOC;
  row.rule = centered   ? momentum ? R::rmsprop_centered_momentum : R::rmsprop_centered
             : momentum ? R::rmsprop_momentum
                        : R::rmsprop;
  row.arrays = {"square_avg"};
  if (momentum) row.arrays.push_back("momentum_buffer");
  if (centered) row.arrays.push_back("grad_avg");
  row.scalars = {"step"};
  row.numbers = {"lr", "alpha", "eps", "weight_decay", "momentum"};
  row.plan = plan_rmsprop;
  return row;
}
#undef BS_RMSPROP_DOC

const UpdateRow rmsprop_row = make_rmsprop<false, false>(), rmsprop_momentum_row = make_rmsprop<false, true>();
const UpdateRow rmsprop_centered_row = make_rmsprop<true, false>(),
                rmsprop_centered_momentum_row = make_rmsprop<true, true>();
BS_UPDATE(rmsprop);
BS_UPDATE(rmsprop_momentum);
BS_UPDATE(rmsprop_centered);
BS_UPDATE(rmsprop_centered_momentum);

const UpdateRow rprop_row{
    .name = "rprop",
    .doc =
        "With g = grad (-grad if maximize) and s = step_size, lr in the first step (step = 0): where g prev > 0, s = s "
        "etaplus; where it is < 0, s = s etaminus and g = 0; s is then kept in [least, most]; out = p - sign(g) s. "
        "Outputs: out, g, s, step + 1.",
    .rule = kernels::Rule::rprop,
    .arrays = {"prev", "step_size"},
    .scalars = {"step"},
    .numbers = {"lr", "etaminus", "etaplus", "least", "most"},
    .plan =
        [](const double* n, const double*, kernels::Update& u, double*) {
          const double c[] = {n[1], n[2], n[3], n[4], n[0]};
          std::copy_n(c, 5, u.c);
        },
};
BS_UPDATE(rprop);

const UpdateRow adagrad_row{
    .name = "adagrad",
    .doc =
        "With g = grad (-grad if maximize) + weight_decay p: s = sum + g^2, in the first step (step = 0) initial + "
        "g^2; "
        "out = p - lr / (1 + step lr_decay) g / (sqrt(s) + eps). Outputs: out, s, step + 1.",
    .rule = kernels::Rule::adagrad,
    .arrays = {"sum"},
    .scalars = {"step"},
    .numbers = {"lr", "lr_decay", "weight_decay", "initial", "eps"},
    .plan =
        [](const double* n, const double* before, kernels::Update& u, double*) {
          const double c[] = {n[0] / (1 + (before[0] - 1) * n[1]), n[4], n[3]};
          std::copy_n(c, 3, u.c);
        },
};
BS_UPDATE(adagrad);

const UpdateRow adadelta_row{
    .name = "adadelta",
    .doc =
        "With g = grad (-grad if maximize) + weight_decay p: v = rho square_avg + (1 - rho) g^2; d = sqrt(acc_delta + "
        "eps) / sqrt(v + eps) g; a = rho acc_delta + (1 - rho) d^2; out = p - lr d. Outputs: out, v, a, step + 1.",
    .rule = kernels::Rule::adadelta,
    .arrays = {"square_avg", "acc_delta"},
    .scalars = {"step"},
    .numbers = {"lr", "rho", "eps", "weight_decay"},
    .plan =
        [](const double* n, const double*, kernels::Update& u, double*) {
          const double c[] = {n[1], n[2], n[0]};
          std::copy_n(c, 3, u.c);
        },
};
BS_UPDATE(adadelta);

const UpdateRow adamax_row{
    .name = "adamax",
    .doc =
        "With g = grad (-grad if maximize) + weight_decay p and t = step + 1: m = beta1 exp_avg + (1 - beta1) g; u = "
        "max(beta2 exp_inf, |g| + eps); out = p - lr / (1 - beta1^t) m / u. Outputs: out, m, u, t.",
    .rule = kernels::Rule::adamax,
    .arrays = {"exp_avg", "exp_inf"},
    .scalars = {"step"},
    .numbers = {"lr", "beta1", "beta2", "eps", "weight_decay"},
    .plan =
        [](const double* n, const double* before, kernels::Update& u, double*) {
          const double c[] = {n[1], n[2], n[3], n[0] / (1 - update::power(n[1], before[0]))};
          std::copy_n(c, 4, u.c);
        },
};
BS_UPDATE(adamax);

const UpdateRow asgd_row{
    .name = "asgd",
    .doc =
        "With g = grad (-grad if maximize) + weight_decay p and t = step + 1 (in the first step eta = lr, mu = 1): out "
        "= p (1 - lambd eta) - eta g; a = ax + mu (out - ax). Outputs: out, a, t, lr / (1 + lambd lr t)^alpha, 1 / "
        "max(1, t - t0).",
    .rule = kernels::Rule::asgd,
    .arrays = {"ax"},
    .scalars = {"step", "eta", "mu"},
    .numbers = {"lr", "lambd", "alpha", "t0", "weight_decay"},
    .plan =
        [](const double* n, const double* before, kernels::Update& u, double* after) {
          const double t = before[0], eta = u.first ? n[0] : before[1], mu = u.first ? 1 : before[2];
          u.keep = 1 - n[1] * eta;
          u.plain = mu == 1;
          u.c[0] = eta;
          u.c[1] = mu;
          after[1] = n[0] / kernels::active().power(1 + n[1] * n[0] * t, n[2]);
          after[2] = 1 / std::max(1.0, t - n[3]);
        },
};
BS_UPDATE(asgd);

const UpdateRow lion_row{
    .name = "lion",
    .doc =
        "With g = grad, or -grad if maximize: out = p (1 - lr weight_decay) - lr sign(beta1 exp_avg + (1 - beta1) g); "
        "m "
        "= beta2 exp_avg + (1 - beta2) g. Outputs: out, m.",
    .rule = kernels::Rule::lion,
    .arrays = {"exp_avg"},
    .scalars = {},
    .numbers = {"lr", "beta1", "beta2", "weight_decay"},
    .plan =
        [](const double* n, const double*, kernels::Update& u, double*) {
          const double c[] = {n[1], n[2], n[0]};
          std::copy_n(c, 3, u.c);
        },
};
BS_UPDATE(lion);

#undef BS_UPDATE

}  // namespace
}  // namespace bs::ops
