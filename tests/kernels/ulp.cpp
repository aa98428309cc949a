// The largest error of each function of kernels/math.h in units in the last place, on every instruction set:
//
//   ulp [--step=N] [--samples=N] [name ...]
//
// float32: every N-th of the 2^32 inputs (pow: `samples` pairs) against libm in double; float64: `samples` inputs over
// the full range and as many over the function's own, against long double. All functions if none is named. Defaults: a
// quick look (tests/kernels/test_fuzz.py). In full, minutes per function:
//
//   ulp --step=1 --samples=40000000 exp
//
// Fails beyond 2 ulp (4 for gelu; a fortieth more without fma), on a wrong NaN or sign, or if instruction sets with fma
// differ in a bit.
#include <limits>
#include <string>

#include "fuzz.h"

namespace bs::fuzz {
namespace {

using kernels::Ew;
using kernels::EwList;

using Wide = long double;
constexpr Wide kSqrtHalf = 0.707106781186547524400844362104849L, kPdf0 = 0.398942280401432677939946059934382L;

// The oracles over W, double or long double.
template <class W>
W sigmoid(W x) {
  return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
}
template <class W>
W softplus(W x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}
template <class W>
W gelu(W x) {
  if (std::isinf(x)) return x > 0 ? x : W(-0.0);
  return W(0.5) * x * std::erfc(-x * static_cast<W>(kSqrtHalf));
}
template <class W>
W gelu_slope(W x) {
  if (std::isinf(x)) return x > 0 ? W(1) : W(-0.0);
  if (x < (sizeof(W) == sizeof(double) ? -30 : -100)) return W(-0.0);
  return W(0.5) * std::erfc(-x * static_cast<W>(kSqrtHalf)) + static_cast<W>(kPdf0) * x * std::exp(W(-0.5) * x * x);
}

// By Newton's steps from a bisection, of 1 - |x| = erfc(y) where erf is flat.
template <class W>
W erfinv(W x) {
  const W a = std::fabs(x);
  if (!(a < 1)) return a == 1 ? std::copysign(W(INFINITY), x) : W(NAN);
  W lo = 0, hi = 10;
  for (int i = 0; i < 20; ++i) {
    const W y = (lo + hi) / 2;
    (std::erfc(y) > 1 - a ? lo : hi) = y;
  }
  W y = a < W(1e-3) ? a : lo;
  for (int i = 0; i < 6; ++i) {
    const W off = a < W(0.5) ? std::erf(y) - a : (1 - a) - std::erfc(y);
    y -= off * W(0.886226925452758013649083741670572591L) * std::exp(y * y);
  }
  return std::copysign(y, x);
}

struct Function {
  const char* name;
  Ew op;
  int arity;
  double bound;   // ulp
  double lo, hi;  // where float64 is sampled more densely
  double (*of_float)(double, double);
  Wide (*of_double)(Wide, Wide);
};

#define BS_FUNCTION(name, bound, lo, hi, value)                                          \
  Function {                                                                             \
    #name, Ew::name, 1, bound, lo, hi, [](double x, double) -> double { return value; }, \
        [](Wide x, Wide) -> Wide { return value; }                                       \
  }
const Function kFunctions[] = {
    BS_FUNCTION(exp, 2, -750, 715, std::exp(x)),
    BS_FUNCTION(expm1, 2, -40, 40, std::expm1(x)),
    BS_FUNCTION(log, 2, 0, 3, std::log(x)),
    BS_FUNCTION(log1p, 2, -1, 3, std::log1p(x)),
    BS_FUNCTION(tanh, 2, -22, 22, std::tanh(x)),
    BS_FUNCTION(sigmoid, 2, -750, 45, sigmoid(x)),
    BS_FUNCTION(softplus, 2, -750, 45, softplus(x)),
    BS_FUNCTION(erf, 2, -6.5, 6.5, std::erf(x)),
    BS_FUNCTION(gelu, 4, -40, 10, gelu(x)),
    BS_FUNCTION(gelu_slope, 8, -8, 8, gelu_slope(x)),
    BS_FUNCTION(sin, 2, -1e5, 1e5, std::sin(x)),
    BS_FUNCTION(cos, 2, -1e5, 1e5, std::cos(x)),
    BS_FUNCTION(exp2, 2, -1100, 1030, std::exp2(x)),
    BS_FUNCTION(log2, 2, 0, 3, std::log2(x)),
    BS_FUNCTION(log10, 2, 0, 3, std::log10(x)),
    BS_FUNCTION(asin, 4, -1, 1, std::asin(x)),
    BS_FUNCTION(acos, 4, -1, 1, std::acos(x)),
    BS_FUNCTION(atan, 4, -3, 3, std::atan(x)),
    BS_FUNCTION(sinh, 4, -720, 720, std::sinh(x)),
    BS_FUNCTION(cosh, 4, -720, 720, std::cosh(x)),
    BS_FUNCTION(asinh, 4, -3, 3, std::asinh(x)),
    BS_FUNCTION(acosh, 4, 1, 3, std::acosh(x)),
    BS_FUNCTION(atanh, 4, -1, 1, std::atanh(x)),
    BS_FUNCTION(erfc, 5, -7, 28, std::erfc(x)),
    BS_FUNCTION(erfinv, 4, -1, 1, erfinv(x)),
    BS_FUNCTION(sqrt, 0.5, 0, 4, std::sqrt(x)),
    BS_FUNCTION(rsqrt, 2, 0, 4, 1 / std::sqrt(x)),
    {"pow", Ew::pow, 2, 2, -3, 3, [](double x, double y) -> double { return std::pow(x, y); },
     [](Wide x, Wide y) -> Wide { return std::pow(x, y); }},
};

template <class T>
constexpr int kDigits = sizeof(T) == 4 ? 24 : 53;
template <class T>
constexpr int kEmax = sizeof(T) == 4 ? 128 : 1024;

// |got - want| in ulps of want; infinity counts as the power of two beyond the largest number.
template <class T, class W>
double error(T got, W want) {
  if (std::isnan(got) || std::isnan(want)) return std::isnan(got) == std::isnan(want) ? 0 : INFINITY;
  if (std::signbit(got) != std::signbit(want)) return INFINITY;
  const W limit = std::ldexp(W(1), kEmax<T>);
  const W g = std::min(std::fabs(static_cast<W>(got)), limit), w = std::min(std::fabs(want), limit);
  int exponent;
  std::frexp(w, &exponent);
  exponent = std::max(std::min(exponent, kEmax<T>) - kDigits<T>, 3 - kEmax<T> - kDigits<T>);
  return static_cast<double>(std::ldexp(std::fabs(g - w), -exponent));
}

struct Worst {
  double ulps = 0.5, x = 0, y = 0;
};

// Compares one block of inputs on all instruction sets. `want` is computed once.
constexpr int kBlock = 4096;
template <class T, class W>
struct Check {
  const Function& f;
  W (*oracle)(W, W);
  Worst worst[8] = {};
  bool bits_differ = false;
  Array<T> x = Array<T>(kBlock), y = Array<T>(kBlock, T(0)), z = Array<T>(kBlock), first = Array<T>(kBlock),
           nearest = Array<T>(kBlock);
  Array<W> want = Array<W>(kBlock);

  void block() {
    for (size_t i = 0; i < kBlock; ++i) {
      want[i] = oracle(static_cast<W>(x[i]), static_cast<W>(y[i]));
      nearest[i] = static_cast<T>(want[i]);
    }
    EwList list = {};
    list.compute = dtype_of<T>();
    list.n_in = static_cast<uint8_t>(f.arity);
    list.n_out = list.n_instr = list.n_dims = 1;
    list.size[0] = kBlock;
    for (int k = 0; k <= f.arity; ++k) {
      list.arg[k].dtype = list.compute;
      list.arg[k].stride[0] = 1;
    }
    list.instr[0] = {f.op, list.n_in, 0, static_cast<uint8_t>(f.arity - 1), 0};
    void* args[] = {x.data(), f.arity > 1 ? y.data() : z.data(), z.data()};
    bool any_fused = false;
    for (int t = 0; kernels::available()[t]; ++t) {
      const Kernels& k = *kernels::available()[t];
      k.elementwise(list, args, 0, kBlock);
      // What agrees with an instruction set before has its error.
      const int before =
          any_fused && fused(k) && std::memcmp(first.data(), z.data(), kBlock * sizeof(T)) == 0 ? t - 1 : -1;
      if (before >= 0 && fused(*kernels::available()[before])) {
        worst[t] = worst[before];
        continue;
      }
      for (size_t i = 0; i < kBlock; ++i) {
        if (z[i] == nearest[i] && z[i] != 0) continue;
        // Where gelu_slope crosses 0, near -0.75, its error counts as one of 1/8.
        const bool crosses = f.op == Ew::gelu_slope && std::fabs(x[i] + T(0.75)) < T(0.25);
        const double e =
            crosses ? static_cast<double>(std::ldexp(std::fabs(static_cast<W>(z[i]) - want[i]), kDigits<T> + 2))
                    : error(z[i], want[i]);
        if (!(e <= worst[t].ulps)) worst[t] = {e, static_cast<double>(x[i]), static_cast<double>(y[i])};
      }
      if (!fused(k)) continue;
      bits_differ = bits_differ || (any_fused && first_difference(first, z) >= 0);
      if (!any_fused) first = z;
      any_fused = true;
    }
  }

  bool report() const {
    bool good = !bits_differ;
    std::printf("%-10s %s ", f.name, name_of(dtype_of<T>()));
    for (int t = 0; kernels::available()[t]; ++t) {
      const Worst& w = worst[t];
      std::printf("  %s %.3f at %.9g", kernels::available()[t]->isa, w.ulps, w.x);
      if (f.arity > 1) std::printf(", %.9g", w.y);
      good = good && w.ulps <= f.bound * (fused(*kernels::available()[t]) ? 1 : 1.025);
    }
    std::printf("%s%s\n", bits_differ ? "  BITS DIFFER" : "", good ? "" : "  FAILED");
    std::fflush(stdout);
    return good;
  }
};

template <class T>
T from_bits(uint64_t bits) {
  T x;
  if constexpr (sizeof(T) == 4) {
    const uint32_t half = static_cast<uint32_t>(bits);
    std::memcpy(&x, &half, 4);
  } else {
    std::memcpy(&x, &bits, 8);
  }
  return x;
}

// Every pair of values at which pow's rules change.
template <class T>
Array<T> edges() {
  Array<T> v;
  const T tiny = std::numeric_limits<T>::denorm_min(), least = std::numeric_limits<T>::min();
  for (T x : {T(0), tiny, least, T(0.5), T(1) - std::numeric_limits<T>::epsilon(), T(1),
              T(1) + std::numeric_limits<T>::epsilon(), T(1.5), T(2), T(3), T(1e5), T(0x1p+23), T(0x1p+24) - 1,
              T(0x1p+24), T(0x1p+52) + T(1), T(0x1p+53) - 1, std::numeric_limits<T>::max(),
              std::numeric_limits<T>::infinity(), std::numeric_limits<T>::quiet_NaN()}) {
    v.push_back(x);
    v.push_back(-x);
  }
  return v;
}

template <class T, class W>
bool sampled(const Function& f, W (*oracle)(W, W), int64_t samples) {
  Check<T, W> check{f, oracle};
  Random random(7);
  const Array<T> edge = edges<T>();
  for (int64_t done = 0; done < 2 * samples; done += kBlock) {
    const int64_t kind = done / kBlock % 4;
    for (size_t i = 0; i < kBlock; ++i) {
      T &x = check.x[i], &y = check.y[i];
      x = kind % 2 ? from_bits<T>(random.bits()) : static_cast<T>(f.lo + (f.hi - f.lo) * random.unit());
      if (f.arity == 1) {
        if (kind == 1 && i < edge.size()) x = edge[i];
        continue;
      }
      y = static_cast<T>((random.unit() - 0.5) * 60);
      if (kind == 1) y = from_bits<T>(random.bits());
      if (kind == 2) {  // results over the whole range
        x = std::fabs(from_bits<T>(random.bits()));
        y = static_cast<T>(static_cast<double>(kEmax<T>) * (random.unit() * 2.3 - 1.15) /
                           std::log2(static_cast<double>(x)));
      }
      if (kind == 3) {  // near 1
        x = static_cast<T>(1 + std::ldexp(random.unit() - 0.5, -static_cast<int>(random.integer(0, kDigits<T>))));
        y = static_cast<T>(static_cast<double>(kEmax<T>) * (random.unit() * 2.3 - 1.15) /
                           std::log2(static_cast<double>(x)));
      }
      if (kind == 0 && i < edge.size() * edge.size()) {
        x = edge[i / edge.size()];
        y = edge[i % edge.size()];
      } else if (random.one_in(8)) {
        x = static_cast<T>(std::rint(x));
        y = static_cast<T>(std::rint(y));
      }
    }
    check.block();
  }
  return check.report();
}

bool every(const Function& f, uint64_t step) {
  Check<float, double> check{f, f.of_float};
  for (uint64_t bits = 0; bits < uint64_t(1) << 32; bits += step * kBlock) {
    for (size_t i = 0; i < kBlock; ++i) check.x[i] = from_bits<float>(bits + i * step);
    check.block();
  }
  return check.report();
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) {
  using namespace bs::fuzz;
  uint64_t step = 8191;
  int64_t samples = 200000;
  Array<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (arg.rfind("--step=", 0) == 0) {
      step = std::strtoull(argv[i] + 7, nullptr, 10);
    } else if (arg.rfind("--samples=", 0) == 0) {
      samples = std::strtoll(argv[i] + 10, nullptr, 10);
    } else {
      names.push_back(arg);
    }
  }
  bool good = true;
  for (const Function& f : kFunctions) {
    if (!names.empty() && std::find(names.begin(), names.end(), f.name) == names.end()) continue;
    good = (f.arity == 1 ? every(f, step) : sampled<float>(f, f.of_float, samples)) && good;
    good = sampled<double>(f, f.of_double, samples) && good;
  }
  std::printf(good ? "ok\n" : "failed\n");
  return good ? 0 : 1;
}
