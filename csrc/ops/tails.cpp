// The normal distribution's tails: functions that keep their digits where a probability is tiny.
#include <cmath>

#include "ops/each.h"

namespace bs::ops {
namespace {

// ---- The functions, in double: fitted with 40 digits
// -----------------------------------------------------------------

// (1 + 2 x) erfcx(x) for x >= 0, by (x - 3) / (x + 3).
constexpr double kErfcx[] = {
    1.17756257419656,       5.3539045396156768e-3,   -9.3775503422842091e-2,  5.436652555744322e-2,
    -1.8976596707845207e-2, 4.4534260614627116e-3,   -6.3355317105531469e-4,  1.7661719523171592e-5,
    1.2841532864056671e-5,  -2.0072285659059914e-6,  -1.8075227904148371e-7,  7.5498283438250928e-8,
    1.8856685238386028e-9,  -2.699519049798364e-9,   -1.4600791199391049e-11, 1.036160744596949e-10,
    1.475715976623473e-12,  -4.2773400643969108e-12, -2.07922492859799e-13,   1.8134502003176962e-13,
    1.9734255745447388e-14, -7.2879437375926732e-15, -1.5169878690228116e-15, 2.3514112258781404e-16,
    1.0006111691821668e-16};
// The x of which Phi(x) = p, for q = p - 0.5 over q, by q^2 <= 0.180625; below, by r = the root of -ln p, -x over r:
// for r from 1.6 to 5, and by 1 / r up to 27.5, where p is no double any more.
constexpr double kNdtriMiddle[] = {
    2.8734735392279017,     0.42495236874574612,    6.9863176334793588e-2,  1.4427118125591745e-2,
    3.3201004870131962e-3,  8.1380657612034775e-4,  2.0786840753747389e-4,  5.4657253667737994e-5,
    1.4683873473200259e-5,  4.0107389782585217e-6,  1.1099824248795104e-6,  3.1048977381831396e-7,
    8.762399424251819e-8,   2.4913574468428208e-8,  7.128727140667597e-9,   2.0510368569795651e-9,
    5.9294613304866449e-10, 1.7214207115839101e-10, 5.0162713974905083e-11, 1.4666377850066212e-11,
    4.3009540621173078e-12, 1.2646797027236021e-12, 3.7278749232698679e-13, 1.1013181717350968e-13,
    3.2602627094865274e-14, 9.6695970167717667e-15, 2.8728720300938184e-15, 8.549085397951075e-16,
    2.5478156257687118e-16};
constexpr double kNdtriTail[] = {
    1.187020941520274,       0.19648732797982776,    -6.8877524741213661e-2,  2.2220540142183728e-2,
    -6.8624779130482183e-3,  2.0641481545398494e-3,  -6.1017074584178503e-4,  1.7819855334203352e-4,
    -5.1587436412222477e-5,  1.483647328267094e-5,   -4.2454865943816129e-6,  1.2100583397511162e-6,
    -3.4380440726121727e-7,  9.7431476555248676e-8,  -2.7552718275016001e-8,  7.7778076879270827e-9,
    -2.192276925889817e-9,   6.1712472652640376e-10, -1.7352640407832101e-10, 4.8745574708859036e-11,
    -1.3681478276678331e-11, 3.837088523631009e-12,  -1.0754188064282464e-12, 3.0122506075087008e-13,
    -8.4327358702052927e-14, 2.3595678384377638e-14, -6.5993729667299361e-15, 1.8449996152833283e-15,
    -5.1561833793180786e-16, 1.4404964331992099e-16, -4.0230881974535395e-17};
constexpr double kNdtriFar[] = {
    1.3755989855896034,      -3.944173726016494e-2,  -4.8160604318183421e-3,  2.6400603947422566e-4,
    -2.7954432127931648e-5,  4.3947327818983481e-6,  -8.611491525970015e-7,   1.9348113994211982e-7,
    -4.7767569385480955e-8,  1.2628013520875126e-8,  -3.5150744992016991e-9,  1.0185992281466958e-9,
    -3.0484929765135742e-10, 9.3683224684715526e-11, -2.9433354558163137e-11, 9.422339269117575e-12,
    -3.0652695744658592e-12, 1.0112242110651063e-12, -3.3771031445430083e-13, 1.1400917750335845e-13,
    -3.8861252810180746e-14, 1.3361004354916581e-14, -4.6295144401181572e-15, 1.6154262211560968e-15,
    -5.6730759044885404e-16, 2.0039641485050199e-16, -7.1169032281224123e-17};

// e^(x^2), with what the square has lost.
double exp_of_square(double x) {
  const double square = x * x;
  return std::isinf(square) ? square : std::exp(square) * (1 + std::fma(x, x, -square));
}
struct Erfcx {
  template <bool narrow>
  static Lanes of(const Lanes& x) {
    const Lanes size = lanes([&](size_t l) { return std::fabs(x[l]); });
    const Lanes y = chebyshev<narrow, kErfcx>(
        lanes([&](size_t l) { return size[l] == kInfinite ? 1 : (size[l] - 3) / (size[l] + 3); }));
    return lanes([&](size_t l) {
      const double made = y[l] / (1 + 2 * size[l]);
      return x[l] < 0 ? 2 * exp_of_square(x[l]) - made : made;
    });
  }
};

struct LogNdtr {
  template <bool narrow>
  static Lanes of(const Lanes& x) {
    const auto below = [&](size_t l) { return x[l] < -1; };
    Lanes tail{};
    if (any_lane(below)) tail = Erfcx::of<narrow>(lanes([&](size_t l) { return std::max(-x[l] * kSqrtHalf, 0.0); }));
    return lanes([&](size_t l) {
      return below(l) ? std::log(tail[l] / 2) - x[l] * x[l] / 2 : std::log1p(-std::erfc(x[l] * kSqrtHalf) / 2);
    });
  }
};

struct Ndtri {
  template <bool narrow>
  static Lanes of(const Lanes& p) {
    const Lanes q = lanes([&](size_t l) { return p[l] - 0.5; });
    const auto middle = [&](size_t l) { return std::fabs(q[l]) <= 0.425; };
    Lanes y{};
    if (any_lane(middle)) {
      y = chebyshev<narrow, kNdtriMiddle>(lanes([&](size_t l) { return q[l] * q[l] * (2 / 0.180625) - 1; }));
      for (size_t l = 0; l < kLanes; ++l) y[l] *= q[l];
    }
    if (!any_lane([&](size_t l) { return !middle(l); })) return y;
    constexpr double kLeast = 1 / 27.5, kMost = 0.2;
    const Lanes r = lanes([&](size_t l) { return middle(l) ? 2 : std::sqrt(-std::log(q[l] < 0 ? p[l] : 1 - p[l])); });
    const auto near = [&](size_t l) { return r[l] <= 5; };
    Lanes tail = chebyshev<narrow, kNdtriTail>(lanes([&](size_t l) { return (2 * r[l] - 6.6) / 3.4; }));
    if (any_lane([&](size_t l) { return !near(l); })) {
      const Lanes far = chebyshev<narrow, kNdtriFar>(
          lanes([&](size_t l) { return (2 / r[l] - (kLeast + kMost)) / (kMost - kLeast); }));
      for (size_t l = 0; l < kLanes; ++l)
        if (!near(l)) tail[l] = far[l];
    }
    return lanes([&](size_t l) {
      if (middle(l)) return y[l];
      if (p[l] == 0 || p[l] == 1) return p[l] == 0 ? -kInfinite : kInfinite;
      return p[l] > 0 && p[l] < 1 ? std::copysign(r[l] * tail[l], q[l]) : std::nan("");
    });
  }
};

// ---- The ops -------------------------------------------------------------------------------------------------------

constexpr char kErfcxName[] = "erfcx_each", kLogNdtrName[] = "log_ndtr_each", kNdtriName[] = "ndtri_each";
constexpr double kTwoOverSqrtPi = 1.1283791670955126, kSqrtTwoOverPi = 0.79788456080286536,
                 kSqrtTwoPi = 2.5066282746310002;

// An op of one operand whose rule reads what it has given, too.
template <const char* name, class Value>
Op tail_op(const char* doc, void (*grad)(GradCall&)) {
  Op op = each_op<name>(doc, 1, forward_of_lanes<Value>, grad);
  op.reads = IN_0 | OUT;
  return op;
}

const Op erfcx_each = tail_op<kErfcxName, Erfcx>("e^(x^2) erfc(x)", [](GradCall& call) {
  call.set(0, mul(call.grad(), sub(mul(mul(call.in(0), 2.0), call.out()), kTwoOverSqrtPi)));
});
BS_REGISTER_EACH(erfcx_each);

// phi(x) / Phi(x), which is 0 beyond where erfcx is infinite.
const Op log_ndtr_each = each_op<kLogNdtrName>("ln Phi(x)", 1, forward_of_lanes<LogNdtr>, [](GradCall& call) {
  const Tensor x = call.in(0);
  const Tensor at = above(mul(x, -kSqrtHalf), x.dtype() == DType::f32 ? -9.0 : -26.0);
  call.set(0, mul(call.grad(), div(kSqrtTwoOverPi, apply(erfcx_each, {at}))));
});
BS_REGISTER_EACH(log_ndtr_each);

const Op ndtri_each = tail_op<kNdtriName, Ndtri>("the x of which Phi(x) is the input", [](GradCall& call) {
  call.set(0, mul(call.grad(), mul(exp(mul(square(call.out()), 0.5)), kSqrtTwoPi)));
});
BS_REGISTER_EACH(ndtri_each);

const Op erfcx_op = function_of<erfcx_each>(
    "special_erfcx", "e^(x^2) erfc(x), which neither over- nor underflows for positive x", Visibility::hidden);
BS_REGISTER(erfcx_op);
const Op log_ndtr_op = function_of<log_ndtr_each>(
    "special_log_ndtr", "ln Phi(x), Phi being the distribution function of the normal distribution",
    Visibility::hidden);
BS_REGISTER(log_ndtr_op);
const Op ndtri_op = function_of<ndtri_each>(
    "special_ndtri",
    "the x of which Phi(x) is the input, Phi being the distribution function of the normal distribution; infinite at 0 "
    "and 1, NaN outside",
    Visibility::hidden);
BS_REGISTER(ndtri_op);

}  // namespace
}  // namespace bs::ops
