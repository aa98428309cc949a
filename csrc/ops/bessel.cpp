// Bessel functions of the orders 0 and 1. The modified ones are sums of Chebyshev polynomials, fitted with 40 digits to
// the function without what makes it large or infinite; the others are the C library's.
#include <math.h>  // j0 and its kin, which the standard does not have
#include <cmath>

#include "ops/each.h"

namespace bs::ops {
namespace {

// ---- The functions, in double --------------------------------------------------------------------------------------

// e^-x I(x) for x <= 8, of order 1 over x; above, times the root of x, by 1 / x.
constexpr double kI0Small[] = {
    0.33839763720473804,    -0.3046826723431984,     0.17162090152220878,    -9.4901097048047644e-2,
    4.9305284239670708e-2,  -2.3737414805899469e-2,  1.0546460394594998e-2,  -4.3243099950505759e-3,
    1.6394756169413358e-3,  -5.7637557453858237e-4,  1.8850288509584166e-4,  -5.7541950100821037e-5,
    1.6448448070728897e-5,  -4.4167383584587506e-6,  1.1173875391201037e-6,  -2.6707938539406117e-7,
    6.0469950225419189e-8,  -1.300025009986248e-8,   2.6598237246823867e-9,  -5.1897956016352629e-10,
    9.6758090353732369e-11, -1.7268262914415557e-11, 2.9550526631296398e-12, -4.8564467831119295e-13,
    7.6761854986049356e-14, -1.1685332877993452e-14, 1.715391285555133e-15,  -2.4312798465479547e-16,
    3.3307945188222381e-17};
constexpr double kI0Large[] = {
    0.40224520550705442,     3.3691164782556941e-3,   6.889758346916824e-5,    2.8913705208347565e-6,
    2.0489185894690637e-7,   2.2666689904981781e-8,   3.3962320257083863e-9,   4.9406023882249696e-10,
    1.1889147107846438e-11,  -3.1499165279632414e-11, -1.3215811840447713e-11, -1.7941785315068061e-12,
    7.1801244513836662e-13,  3.8527783827421427e-13,  1.5400862175214098e-14,  -4.1505693472872221e-14,
    -9.5548466988283076e-15, 3.8116806693526224e-15,  1.7725601330565264e-15,  -3.4254856196772191e-16,
    -2.8276239805165835e-16, 3.4612228676974611e-17,  4.46562142029676e-17};
constexpr double kI1Small[] = {
    0.12629359322181683,    -0.17641651835783406,    0.1026436586898471,     -5.2945981208094991e-2,
    2.4726449030626517e-2,  -1.0564084894626198e-2,  4.1564229443128882e-3,  -1.5135724506312531e-3,
    5.1228595616857577e-4,  -1.6176081582589675e-4,  4.7815651075500542e-5,  -1.3273163656039436e-5,
    3.4702513081376785e-6,  -8.5687202646954547e-7,  2.0032947535521353e-7,  -4.4450591287963281e-8,
    9.3815373864957718e-9,  -1.8872497517228293e-9,  3.625590281552117e-10,  -6.6634897235020277e-11,
    1.1736186298890902e-11, -1.9839743977649437e-12, 3.2237933659455747e-13, -5.0421855047279117e-14,
    7.6006842947354069e-15, -1.1055969477353863e-15, 1.5536319577362005e-16, -2.1114212143581661e-17};
constexpr double kI1Large[] = {
    0.38928811750914006,     -9.7610974913614684e-3,  -1.1058893876262372e-4,  -3.8825648088776904e-6,
    -2.5122362378702089e-7,  -2.6314688468895195e-8,  -3.835380385964237e-9,   -5.5897434621965838e-10,
    -1.8974958123505412e-11, 3.2526035830154882e-11,  1.4125807436613781e-11,  2.0356285441470895e-12,
    -7.1985517762459085e-13, -4.0835511110921973e-13, -2.1015418427726643e-14, 4.2724400167119514e-14,
    1.0420276984128803e-14,  -3.8144030724370078e-15, -1.8803547755107824e-15, 3.3082023109209283e-16,
    2.9626289976459501e-16,  -3.209525921993424e-17,  -4.6503053684893583e-17};
// For x <= 2 K0(x) + ln(x / 2) I0(x) and x (K1(x) - ln(x / 2) I1(x)), by x^2; above, e^x K(x) times the root of x.
constexpr double kK0Small[] = {-0.26766369661695138,  0.34428989992462849,    3.5979936515361502e-2,
                               1.2646154114469259e-3, 2.2862121031194518e-5,  2.5347910790261495e-7,
                               1.9045163772202089e-9, 1.0349695257633625e-11, 4.2598161427910826e-14,
                               1.3744654358807509e-16};
constexpr double kK0Large[] = {
    1.2201515410329777,     -3.1448101311964501e-2,  1.5698838857300534e-3,  -1.2849549581627803e-4,
    1.3949813718876499e-5,  -1.8317555227191195e-6,  2.7668136394450151e-7,  -4.6604898976879477e-8,
    8.5740340174142261e-9,  -1.6975345093890615e-9,  3.5773972814003284e-10, -7.957489244477397e-11,
    1.8559491149549266e-11, -4.5145978833745192e-12, 1.1403405882073442e-12, -2.9800969231481784e-13,
    8.0328907750683744e-14, -2.2275133267462964e-14, 6.340076476276646e-15,  -1.8485933779209072e-15,
    5.5120559994043334e-16, -1.6782311257549006e-16, 5.2103917776435541e-17};
constexpr double kK1Small[] = {0.76265011366947389,    -0.35315596077654488,    -0.12261118082265715,
                               -6.9757238596398644e-3, -1.7302889575130521e-4,  -2.4334061415659682e-6,
                               -2.2133876307347259e-8, -1.4114883926335278e-10, -6.666901694199329e-13,
                               -2.4274498505193659e-15};
constexpr double kK1Large[] = {
    1.3603130952422213,      0.10392373657681724,    -2.8578168596227794e-3,  1.9521551847135163e-4,
    -1.936197974166083e-5,   2.4064849478372171e-6,  -3.5019606030878125e-7,  5.7410841254500493e-8,
    -1.0345762465678097e-8,  2.0150497551970346e-9,  -4.1903547593419256e-10, 9.2183151876053141e-11,
    -2.129967838427791e-11,  5.1396396734823435e-12, -1.2891739609498229e-12, 3.3484196660522431e-13,
    -8.9767051820101461e-14, 2.4771544242195987e-14, -7.0198370892147689e-15, 2.0387031662398609e-15,
    -6.0570472706430178e-16, 1.8380935752430454e-16, -5.6894628491936484e-17};

// In each lane near(..) where `is_near`, else far(..); one of them only where all lanes agree.
template <class Is, class Near, class Far>
Lanes either(Is is_near, Near near, Far far) {
  if (!any_lane([&](size_t l) { return !is_near(l); })) return near();
  if (!any_lane(is_near)) return far();
  const Lanes a = near(), b = far();
  return lanes([&](size_t l) { return is_near(l) ? a[l] : b[l]; });
}

// The modified ones of the first kind, of order 0 or 1, times e^-|x|.
template <int order>
struct ScaledI {
  template <bool narrow>
  static Lanes of(const Lanes& x) {
    const Lanes size = lanes([&](size_t l) { return std::fabs(x[l]); });
    return either([&](size_t l) { return size[l] <= 8; },
                  [&] {
                    const Lanes t = lanes([&](size_t l) { return std::min(size[l], 8.0) / 4 - 1; });
                    const Lanes y = order ? chebyshev<narrow, kI1Small>(t) : chebyshev<narrow, kI0Small>(t);
                    return lanes([&](size_t l) { return order ? x[l] * y[l] : y[l]; });
                  },
                  [&] {
                    const Lanes t = lanes([&](size_t l) { return 16 / (size[l] < 8 ? 8 : size[l]) - 1; });
                    const Lanes y = order ? chebyshev<narrow, kI1Large>(t) : chebyshev<narrow, kI0Large>(t);
                    return lanes([&](size_t l) {
                      const double scaled = y[l] / std::sqrt(size[l]);
                      return order ? std::copysign(scaled, x[l]) : scaled;
                    });
                  });
  }
};
template <int order>
struct I {
  template <bool narrow>
  static Lanes of(const Lanes& x) {
    const Lanes scaled = ScaledI<order>::template of<narrow>(x);
    return lanes([&](size_t l) {
      if (std::isinf(x[l])) return order ? x[l] : kInfinite;
      const double half = std::exp(std::fabs(x[l]) / 2);  // in two steps, as e^x is infinite before the result is
      return scaled[l] * half * half;
    });
  }
};

// Those of the second kind, times e^x.
template <int order>
struct ScaledK {
  template <bool narrow>
  static Lanes of(const Lanes& x) {
    const Lanes y = either([&](size_t l) { return x[l] <= 2; },
                           [&] {
                             const Lanes t = lanes([&](size_t l) { return x[l] * x[l] / 2 - 1; });
                             const Lanes rest = order ? chebyshev<narrow, kK1Small>(t) : chebyshev<narrow, kK0Small>(t);
                             const Lanes i = I<order>::template of<narrow>(x);
                             return lanes([&](size_t l) {
                               const double by_log = std::log(x[l] / 2) * i[l];
                               return (order ? rest[l] / x[l] + by_log : rest[l] - by_log) * std::exp(x[l]);
                             });
                           },
                           [&] {
                             const Lanes t = lanes([&](size_t l) { return 4 / x[l] - 1; });
                             const Lanes far = order ? chebyshev<narrow, kK1Large>(t) : chebyshev<narrow, kK0Large>(t);
                             return lanes([&](size_t l) { return far[l] / std::sqrt(x[l]); });
                           });
    return lanes([&](size_t l) { return x[l] > 0 ? y[l] : x[l] == 0 ? kInfinite : std::nan(""); });
  }
};
template <int order>
struct K {
  template <bool narrow>
  static Lanes of(const Lanes& x) {
    const Lanes scaled = ScaledK<order>::template of<narrow>(x);
    return lanes([&](size_t l) { return scaled[l] * std::exp(-x[l]); });
  }
};

double j0_of(double x) { return std::isinf(x) ? 0 : ::j0(x); }
double j1_of(double x) { return std::isinf(x) ? 0 : ::j1(x); }
double y0_of(double x) { return x == 0 ? -kInfinite : x > 0 ? ::y0(x) : std::nan(""); }
double y1_of(double x) { return x == 0 ? -kInfinite : x > 0 ? ::y1(x) : std::nan(""); }

// ---- The ops ---------------------------------------------------------------------------------------------------

template <const char* name, auto forward, Tensor (*slope)(const Tensor&)>
Op bessel(const char* doc) {
  return each_op<name>(doc, 1, forward, [](GradCall& call) { call.set(0, mul(call.grad(), slope(call.in(0)))); });
}

// f(x) / x for a function that near 0 is x / 2.
Tensor over(const Tensor& f, const Tensor& x) {
  const Tensor zero = eq(x, 0.0);
  return where(zero, 0.5, div(f, where(zero, 1.0, x)));
}

// Builders, which the slopes of each other call.
#define BS_BESSEL(name)                         \
  constexpr char name##_name[] = #name "_each"; \
  extern const Op name##_each;                  \
  Tensor name(const Tensor& x) { return apply(name##_each, {x}); }
BS_BESSEL(i0)
BS_BESSEL(i0e)
BS_BESSEL(i1)
BS_BESSEL(i1e)
BS_BESSEL(k0)
BS_BESSEL(k0e)
BS_BESSEL(k1)
BS_BESSEL(k1e)
BS_BESSEL(j0)
BS_BESSEL(j1)
BS_BESSEL(y0)
BS_BESSEL(y1)
#undef BS_BESSEL

const Op i0_each = bessel<i0_name, forward_of_lanes<I<0>>, [](const Tensor& x) { return i1(x); }>(
    "I0(x), the modified Bessel function of the first kind of order 0");
BS_REGISTER_EACH(i0_each);
const Op i0e_each =
    bessel<i0e_name, forward_of_lanes<ScaledI<0>>, [](const Tensor& x) { return sub(i1e(x), mul(sign(x), i0e(x))); }>(
        "e^-|x| I0(x)");
BS_REGISTER_EACH(i0e_each);
const Op i1_each = bessel<i1_name, forward_of_lanes<I<1>>, [](const Tensor& x) { return sub(i0(x), over(i1(x), x)); }>(
    "I1(x), the modified Bessel function of the first kind of order 1");
BS_REGISTER_EACH(i1_each);
const Op i1e_each = bessel<i1e_name, forward_of_lanes<ScaledI<1>>, [](const Tensor& x) {
  return sub(sub(i0e(x), mul(sign(x), i1e(x))), over(i1e(x), x));
}>("e^-|x| I1(x)");
BS_REGISTER_EACH(i1e_each);
const Op k0_each = bessel<k0_name, forward_of_lanes<K<0>>, [](const Tensor& x) { return neg(k1(x)); }>(
    "K0(x), the modified Bessel function of the second kind of order 0; inf at 0, NaN below");
BS_REGISTER_EACH(k0_each);
const Op k0e_each =
    bessel<k0e_name, forward_of_lanes<ScaledK<0>>, [](const Tensor& x) { return sub(k0e(x), k1e(x)); }>("e^x K0(x)");
BS_REGISTER_EACH(k0e_each);
const Op k1_each =
    bessel<k1_name, forward_of_lanes<K<1>>, [](const Tensor& x) { return neg(add(k0(x), div(k1(x), x))); }>(
        "K1(x), the modified Bessel function of the second kind of order 1; inf at 0, NaN below");
BS_REGISTER_EACH(k1_each);
const Op k1e_each = bessel<k1e_name, forward_of_lanes<ScaledK<1>>,
                           [](const Tensor& x) { return sub(sub(k1e(x), k0e(x)), div(k1e(x), x)); }>("e^x K1(x)");
BS_REGISTER_EACH(k1e_each);
const Op j0_each = bessel<j0_name, forward_of_one<j0_of>, [](const Tensor& x) { return neg(j1(x)); }>(
    "J0(x), the Bessel function of the first kind of order 0");
BS_REGISTER_EACH(j0_each);
const Op j1_each = bessel<j1_name, forward_of_one<j1_of>, [](const Tensor& x) { return sub(j0(x), over(j1(x), x)); }>(
    "J1(x), the Bessel function of the first kind of order 1");
BS_REGISTER_EACH(j1_each);
const Op y0_each = bessel<y0_name, forward_of_one<y0_of>, [](const Tensor& x) { return neg(y1(x)); }>(
    "Y0(x), the Bessel function of the second kind of order 0; -inf at 0, NaN below");
BS_REGISTER_EACH(y0_each);
const Op y1_each = bessel<y1_name, forward_of_one<y1_of>, [](const Tensor& x) { return sub(y0(x), div(y1(x), x)); }>(
    "Y1(x), the Bessel function of the second kind of order 1; -inf at 0, NaN below");
BS_REGISTER_EACH(y1_each);

const Op i0_op = function_of<i0_each>("i0", "I0(x), the modified Bessel function of the first kind of order 0");
BS_REGISTER(i0_op);
const Op i0e_op = function_of<i0e_each>("special_i0e", "e^-|x| I0(x)", Visibility::hidden);
BS_REGISTER(i0e_op);
const Op i1_op = function_of<i1_each>("special_i1", "I1(x), the modified Bessel function of the first kind of order 1",
                                      Visibility::hidden);
BS_REGISTER(i1_op);
const Op i1e_op = function_of<i1e_each>("special_i1e", "e^-|x| I1(x)", Visibility::hidden);
BS_REGISTER(i1e_op);
const Op k0_op = function_of<k0_each>(
    "special_modified_bessel_k0",
    "K0(x), the modified Bessel function of the second kind of order 0; inf at 0, NaN below", Visibility::hidden);
BS_REGISTER(k0_op);
const Op k0e_op = function_of<k0e_each>("special_scaled_modified_bessel_k0", "e^x K0(x)", Visibility::hidden);
BS_REGISTER(k0e_op);
const Op k1_op = function_of<k1_each>(
    "special_modified_bessel_k1",
    "K1(x), the modified Bessel function of the second kind of order 1; inf at 0, NaN below", Visibility::hidden);
BS_REGISTER(k1_op);
const Op k1e_op = function_of<k1e_each>("special_scaled_modified_bessel_k1", "e^x K1(x)", Visibility::hidden);
BS_REGISTER(k1e_op);
const Op j0_op = function_of<j0_each>("special_bessel_j0", "J0(x), the Bessel function of the first kind of order 0",
                                      Visibility::hidden);
BS_REGISTER(j0_op);
const Op j1_op = function_of<j1_each>("special_bessel_j1", "J1(x), the Bessel function of the first kind of order 1",
                                      Visibility::hidden);
BS_REGISTER(j1_op);
const Op y0_op = function_of<y0_each>("special_bessel_y0",
                                      "Y0(x), the Bessel function of the second kind of order 0; -inf at 0, NaN below",
                                      Visibility::hidden);
BS_REGISTER(y0_op);
const Op y1_op = function_of<y1_each>("special_bessel_y1",
                                      "Y1(x), the Bessel function of the second kind of order 1; -inf at 0, NaN below",
                                      Visibility::hidden);
BS_REGISTER(y1_op);

const Op spherical_j0_op{.name = "special_spherical_bessel_j0",
                         .doc = "sin(x) / x, the spherical Bessel function of order 0; 1 at 0",
                         .inputs = {{"input"}},
                         .storage = Storage::cast,
                         .compose = one<[](const Given& x) {
                           const Tensor t = cast(x[0], float_of(x[0].dtype())), zero = eq(t, 0.0);
                           const Tensor at = where(zero, 1.0, t);
                           return where(zero, 1.0, where(eq(abs(t), kInfinite), 0.0, div(sin(at), at)));
                         }>};
BS_REGISTER(spherical_j0_op);

}  // namespace
}  // namespace bs::ops
