#include "kernels/reference_elementwise.h"

#include <cmath>
#include <type_traits>

namespace bs::kernels::reference {
namespace {

// The names that elementwise.def's values use, over one element: V is double or a wide integer, in which nothing
// that 64-bit integers give can overflow.
using Wide = __int128;

double v_exp(double x) { return std::exp(x); }
double v_log(double x) { return std::log(x); }
double v_sqrt(double x) { return std::sqrt(x); }
double v_sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
double v_softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
template <class V>
V v_relu(V x) {
  return x < 0 ? V(0) : x;
}
template <class V>
V v_max(V x, V y) {
  return x > y || x != x ? x : y;
}
template <class V>
V v_select(bool m, V a, V b) {
  return m ? a : b;
}

enum Types { FLOATS, NUMBERS, TEST, SELECT };

template <class V>
V value_of(Ew op, V x, V y, V z) {
  [[maybe_unused]] const auto C = [](double c) { return static_cast<V>(c); };
  [[maybe_unused]] const auto v_one_if = [](bool m) { return static_cast<V>(m); };
  switch (op) {
#define BS_ROW(name, types, value)                                \
  case Ew::name:                                                  \
    if constexpr (types != FLOATS || std::is_same_v<V, double>) { \
      return value;                                               \
    }                                                             \
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

template <class T>
T load(DType dtype, const void* p, int64_t i) {
  switch (dtype) {
    case DType::f32:
      return static_cast<T>(static_cast<const float*>(p)[i]);
    case DType::f64:
      return static_cast<T>(static_cast<const double*>(p)[i]);
    case DType::i32:
      return static_cast<T>(static_cast<const int32_t*>(p)[i]);
    case DType::i64:
      return static_cast<T>(static_cast<const int64_t*>(p)[i]);
    case DType::b8:
      return static_cast<T>(static_cast<const uint8_t*>(p)[i] != 0);
  }
  return T(0);
}

template <class T>
void store(DType dtype, void* p, int64_t i, T v) {
  switch (dtype) {
    case DType::f32:
      static_cast<float*>(p)[i] = static_cast<float>(v);
      break;
    case DType::f64:
      static_cast<double*>(p)[i] = static_cast<double>(v);
      break;
    case DType::i32:
      static_cast<int32_t*>(p)[i] = static_cast<int32_t>(v);
      break;
    case DType::i64:
      static_cast<int64_t*>(p)[i] = static_cast<int64_t>(v);
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
      reg[o.dst] = static_cast<T>(value_of<V>(o.op, static_cast<V>(reg[o.a]), y, z));
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
    case DType::b8:
      return;
  }
}

}  // namespace bs::kernels::reference
