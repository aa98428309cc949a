#include "kernels/reference_elementwise.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "base/half.h"

namespace bs::kernels::reference {
namespace {

// The names that elementwise.def's values use, over one element: V is double or a wide integer, in which nothing
// that 64-bit integers give can overflow.
using Wide = __int128;

double v_exp(double x) { return std::exp(x); }
double v_log(double x) { return std::log(x); }
double v_sqrt(double x) { return std::sqrt(x); }
// Long double, as these round more than once.
double v_sigmoid(double x) {
  const long double u = std::exp(-std::fabs(static_cast<long double>(x)));
  return static_cast<double>((x < 0 ? u : 1) / (1 + u));
}
double v_softplus(double x) {
  const long double l = std::log1p(std::exp(-std::fabs(static_cast<long double>(x))));
  return static_cast<double>(x > 0 ? x + l : l);
}
double v_expm1(double x) { return std::expm1(x); }
double v_log1p(double x) { return std::log1p(x); }
double v_tanh(double x) { return std::tanh(x); }
double v_sin(double x) { return std::sin(x); }
double v_cos(double x) { return std::cos(x); }
double v_erf(double x) { return std::erf(x); }
// In the tail rounding x / sqrt(2) would count x^2 times.
constexpr long double kSqrtHalf = 0.707106781186547524400844362104849L, kPdf0 = 0.398942280401432677939946059934382L;
double v_gelu(double x) {
  if (std::isinf(x)) return x > 0 ? x : -0.0;
  return static_cast<double>(0.5L * x * std::erfc(-x * kSqrtHalf));
}
double v_gelu_slope(double x) {
  if (std::isinf(x)) return x > 0;
  const long double w = x;
  return static_cast<double>(0.5L * std::erfc(-w * kSqrtHalf) + kPdf0 * w * std::exp(-0.5L * w * w));
}
double v_exp2(double x) { return std::exp2(x); }
double v_log2(double x) { return std::log2(x); }
double v_log10(double x) { return std::log10(x); }
double v_asin(double x) { return std::asin(x); }
double v_acos(double x) { return std::acos(x); }
double v_atan(double x) { return std::atan(x); }
double v_atan2(double y, double x) { return std::atan2(y, x); }
double v_sinh(double x) { return std::sinh(x); }
double v_cosh(double x) { return std::cosh(x); }
double v_asinh(double x) { return std::asinh(x); }
double v_acosh(double x) { return std::acosh(x); }
double v_atanh(double x) { return std::atanh(x); }
double v_erfc(double x) { return std::erfc(x); }
double v_hypot(double x, double y) { return std::hypot(x, y); }
double v_lerp(double x, double y, double w) { return std::fabs(w) < 0.5 ? x + w * (y - x) : y - (y - x) * (1 - w); }
double v_xlogy(double x, double y) { return x == 0 && y == y ? 0 : x * std::log(y); }
// By halves, then by Newton's steps: x = erf(y) where erf is steep, else 1 - |x| = erfc(y).
double v_erfinv(double x) {
  if (!(std::fabs(x) < 1)) return std::fabs(x) == 1 ? std::copysign(INFINITY, x) : NAN;
  const long double a = std::fabs(static_cast<long double>(x));
  const auto off = [a](long double y) { return a < 0.5L ? std::erf(y) - a : 1 - a - std::erfc(y); };
  long double lo = 0, hi = 6;
  for (int i = 0; i < 16; ++i) {
    const long double y = (lo + hi) / 2;
    (off(y) < 0 ? lo : hi) = y;
  }
  long double y = lo;
  for (int i = 0; i < 5; ++i) y -= off(y) * std::exp(y * y) * 0.886226925452758013649083741670572591L;
  return static_cast<double>(std::copysign(y, static_cast<long double>(x)));
}
double v_pow(double x, double y) { return std::pow(x, y); }
Wide v_pow(Wide x, Wide y) {  // of 64-bit integers, wrapping as they do
  if (y < 0) return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
  unsigned __int128 power = 1, square = static_cast<unsigned __int128>(x);
  for (; y > 0; y /= 2, square *= square)
    if (y % 2) power *= square;
  return static_cast<Wide>(power);
}
// Integers are whole.
double v_floor(double x) { return std::floor(x); }
double v_ceil(double x) { return std::ceil(x); }
double v_trunc(double x) { return std::trunc(x); }
double v_round(double x) { return std::nearbyint(x); }
Wide v_floor(Wide x) { return x; }
Wide v_ceil(Wide x) { return x; }
Wide v_trunc(Wide x) { return x; }
Wide v_round(Wide x) { return x; }
double v_fmod(double x, double y) { return std::fmod(x, y); }
Wide v_fmod(Wide x, Wide y) { return y == 0 ? x : x % y; }
template <class V>
bool across_zero(V rest, V y) {
  return rest != 0 && (rest < 0) != (y < 0);
}
template <class V>
V v_remainder(V x, V y) {
  const V rest = v_fmod(x, y);
  return across_zero(rest, y) ? rest + y : rest;
}
// Quotients, rounded as the list's type T rounds them.
template <class T>
T floor_quotient(T x, T y) {
  if (y == 0) return x / y;
  const T rest = std::fmod(x, y);
  T q = (x - rest) / y;
  if (across_zero(rest, y)) q -= 1;
  if (q == 0) return std::copysign(T(0), x / y);
  const T below = std::floor(q);
  return q - below > T(0.5) ? below + 1 : below;
}
template <class T>
double floor_divide_as(double x, double y) {
  return static_cast<double>(floor_quotient(static_cast<T>(x), static_cast<T>(y)));
}
template <class T>
Wide floor_divide_as(Wide x, Wide y) {
  return (y == 0 ? 0 : x / y) - across_zero(v_fmod(x, y), y);
}
template <class T>
double trunc_divide_as(double x, double y) {
  return std::trunc(static_cast<double>(static_cast<T>(x) / static_cast<T>(y)));
}
template <class T>
Wide trunc_divide_as(Wide x, Wide y) {
  return y == 0 ? 0 : x / y;
}
// Of integers of the list's type T.
template <class T>
Wide shift_left_as(Wide x, Wide y) {
  constexpr int bits = 8 * sizeof(T);
  return y < 0 || y >= bits ? 0 : static_cast<T>(static_cast<unsigned __int128>(x) << static_cast<int>(y));
}
template <class T>
Wide shift_right_as(Wide x, Wide y) {
  constexpr int bits = 8 * sizeof(T);
  return x >> (y < 0 || y >= bits ? bits - 1 : static_cast<int>(y));
}
template <class V>
V v_relu(V x) {
  return x < 0 ? V(0) : x;
}
template <class T>
T v_abs(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fabs(x);
  } else {
    return x < 0 ? static_cast<T>(-x) : x;
  }
}
template <class V>
V v_max(V x, V y) {
  return x > y || x != x ? x : y;
}
template <class V>
V v_min(V x, V y) {
  return x < y || x != x ? x : y;
}
template <class V>
V v_select(bool m, V a, V b) {
  return m ? a : b;
}

template <class T, class V>
V value_of(Ew op, V x, V y, V z) {
  [[maybe_unused]] const auto C = [](double c) { return static_cast<V>(c); };
  [[maybe_unused]] const auto v_one_if = [](bool m) { return static_cast<V>(m); };
  const auto v_floor_divide = [](V a, V b) { return floor_divide_as<T>(a, b); };
  const auto v_trunc_divide = [](V a, V b) { return trunc_divide_as<T>(a, b); };
  [[maybe_unused]] const auto v_shift_left = [](V a, V b) { return shift_left_as<T>(a, b); };
  [[maybe_unused]] const auto v_shift_right = [](V a, V b) { return shift_right_as<T>(a, b); };
  switch (op) {
#define BS_ROW(name, types, value)                                                                         \
  case Ew::name:                                                                                           \
    if constexpr (std::is_same_v<V, double> ? !of_integers(EwTypes::types) : !of_floats(EwTypes::types)) { \
      return value;                                                                                        \
    }                                                                                                      \
    break;
#define BS_EW1(name, types, value, ...) BS_ROW(name, types, value)
#define BS_EW2(name, types, value, ...) BS_ROW(name, types, value)
#define BS_EW3(name, types, value, ...) BS_ROW(name, types, value)
#include "kernels/elementwise.def"
#undef BS_ROW
    case Ew::copy:
      return x;
    case Ew::count_:
      break;
  }
  return V(0);
}

int arity(Ew op) {
  switch (op) {
#define BS_EW1(name, ...) \
  case Ew::name:          \
    return 1;
#define BS_EW2(name, ...) \
  case Ew::name:          \
    return 2;
#define BS_EW3(name, ...) \
  case Ew::name:          \
    return 3;
#include "kernels/elementwise.def"
    default:
      return 1;
  }
}

template <class T, class S>
T convert(S s) {
  if constexpr (std::is_integral_v<T> && std::is_floating_point_v<S>) {
    constexpr T least = std::numeric_limits<T>::min();
    if (!(s >= static_cast<S>(least) && s < -static_cast<S>(least))) return least;
  }
  return static_cast<T>(s);
}

template <class T>
T load(DType dtype, const void* p, int64_t i) {
  switch (dtype) {
    case DType::u8:
      return static_cast<T>(static_cast<const uint8_t*>(p)[i]);
    case DType::i8:
      return static_cast<T>(static_cast<const int8_t*>(p)[i]);
    case DType::i16:
      return static_cast<T>(static_cast<const int16_t*>(p)[i]);
    case DType::f16:
      return convert<T>(to_float(static_cast<const Half*>(p)[i]));
    case DType::bf16:
      return convert<T>(to_float(static_cast<const BHalf*>(p)[i]));
    case DType::f32:
      return convert<T>(static_cast<const float*>(p)[i]);
    case DType::f64:
      return convert<T>(static_cast<const double*>(p)[i]);
    case DType::i32:
      return convert<T>(static_cast<const int32_t*>(p)[i]);
    case DType::i64:
      return convert<T>(static_cast<const int64_t*>(p)[i]);
    case DType::b8:
      return static_cast<T>(static_cast<const uint8_t*>(p)[i] != 0);
  }
  return T(0);
}

template <class T>
void store(DType dtype, void* p, int64_t i, T v) {
  switch (dtype) {
    case DType::u8:
      static_cast<uint8_t*>(p)[i] = static_cast<uint8_t>(convert<int32_t>(v));
      break;
    case DType::i8:
      static_cast<int8_t*>(p)[i] = static_cast<int8_t>(convert<int32_t>(v));
      break;
    case DType::i16:
      static_cast<int16_t*>(p)[i] = static_cast<int16_t>(convert<int32_t>(v));
      break;
    case DType::f16:
      static_cast<Half*>(p)[i] = to_half(convert<float>(v));
      break;
    case DType::bf16:
      static_cast<BHalf*>(p)[i] = to_bhalf(convert<float>(v));
      break;
    case DType::f32:
      static_cast<float*>(p)[i] = convert<float>(v);
      break;
    case DType::f64:
      static_cast<double*>(p)[i] = convert<double>(v);
      break;
    case DType::i32:
      static_cast<int32_t*>(p)[i] = convert<int32_t>(v);
      break;
    case DType::i64:
      static_cast<int64_t*>(p)[i] = convert<int64_t>(v);
      break;
    case DType::b8:
      static_cast<uint8_t*>(p)[i] = v != 0;
      break;
  }
}

// T is the type of the list's arithmetic, V the wider one of the oracle's.
template <class T, class V>
void run(const EwList& list, void* const* args, int64_t lo, int64_t hi) {
  for (int64_t i = lo; i < hi; ++i) {
    T reg[kMaxListArgs + kMaxListTemps] = {};
    for (int k = 0; k < list.n_in; ++k) {
      int64_t rest = i, offset = 0;
      for (int d = list.n_dims - 1; d >= 0; --d) {
        offset += rest % list.size[d] * list.arg[k].stride[d];
        rest /= list.size[d];
      }
      reg[k] = load<T>(list.arg[k].dtype, args[k], offset);
    }
    for (int k = 0; k < list.n_instr; ++k) {
      const EwInstr& o = list.instr[k];
      const int n = arity(o.op);
      const V y = n > 1 ? static_cast<V>(reg[o.b]) : V(0), z = n > 2 ? static_cast<V>(reg[o.c]) : V(0);
      reg[o.dst] = static_cast<T>(value_of<T, V>(o.op, static_cast<V>(reg[o.a]), y, z));
    }
    for (int k = 0; k < list.n_out; ++k) {
      const int arg = list.n_in + k;
      store(list.arg[arg].dtype, args[arg], i, reg[arg + list.n_temp]);
    }
  }
}

}  // namespace

void elementwise(const EwList& list, void* const* args, int64_t lo, int64_t hi) {
  switch (list.compute) {
    case DType::f32:
      return run<float, double>(list, args, lo, hi);
    case DType::f64:
      return run<double, double>(list, args, lo, hi);
    case DType::i32:
      return run<int32_t, Wide>(list, args, lo, hi);
    case DType::i64:
      return run<int64_t, Wide>(list, args, lo, hi);
    default:
      return;  // no arithmetic is done in other types
  }
}

}  // namespace bs::kernels::reference
