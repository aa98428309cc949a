// Updates of optimizers: one pass over a parameter, its gradient and its state. Each vector is loaded before any output
// is stored at its place, so that outputs may lie over inputs.
#include "base/with_dtype.h"
#include "kernels/kernels.h"
#include "kernels/math.h"
#include "kernels/reduce.h"

namespace bs::kernels::BS_ISA {
namespace {

template <class T>
void sgd_as(const Sgd& s, const T* p, const T* grad, const T* buffer, T* p_out, T* buffer_out, int64_t lo, int64_t hi) {
  const auto set = [](double x) { return v_set(static_cast<T>(x)); };
  const Vec<T> lr = set(-s.lr), momentum = set(s.momentum), fresh = set(s.fresh), decay = set(s.weight_decay);
  const Vec<T> sign = set(s.maximize ? -1 : 1);
  const bool has_decay = s.weight_decay != 0;
  if (!buffer && !has_decay && !s.maximize) {  // of small parameters, what the rest needs is most of the time
    return each_vector<T>(
        lo, hi, [=](int64_t i, auto part) { part.store(p_out + i, v_fma(part.load(grad + i), lr, part.load(p + i))); });
  }
  each_vector<T>(lo, hi, [=](int64_t i, auto part) {
    const Vec<T> x = part.load(p + i);
    Vec<T> g = part.load(grad + i) * sign;
    if (has_decay) g = v_fma(x, decay, g);
    if (buffer) {
      const Vec<T> b = v_fma(part.load(buffer + i), momentum, g * fresh);
      part.store(buffer_out + i, b);
      g = s.nesterov ? v_fma(b, momentum, g) : b;
    }
    part.store(p_out + i, v_fma(g, lr, x));
  });
}

template <class T, bool decay_in_gradient, bool amsgrad>
void adam_as(const Adam& s, const T* p, const T* grad, const T* mean, const T* square, const T* most, T* p_out,
             T* mean_out, T* square_out, T* most_out, int64_t lo, int64_t hi) {
  const auto set = [](double x) { return v_set(static_cast<T>(x)); };
  const Vec<T> sign = set(s.maximize ? -1 : 1), decay = set(s.weight_decay), keep = set(1 - s.lr * s.weight_decay);
  const Vec<T> beta1 = set(s.beta1), fresh1 = set(1 - s.beta1), beta2 = set(s.beta2), fresh2 = set(1 - s.beta2);
  const Vec<T> rate = set(-s.lr / s.correction1), scale = set(1 / __builtin_sqrt(s.correction2)), eps = set(s.eps);
  each_vector<T>(lo, hi, [=](int64_t i, auto part) {
    Vec<T> x = part.load(p + i), g = part.load(grad + i) * sign;
    if constexpr (decay_in_gradient) {
      g = v_fma(x, decay, g);
    } else {
      x = x * keep;
    }
    const Vec<T> m = v_fma(part.load(mean + i), beta1, g * fresh1);
    const Vec<T> v = v_fma(g * fresh2, g, part.load(square + i) * beta2);
    Vec<T> bound = v;
    if constexpr (amsgrad) {
      bound = v_max(part.load(most + i), v);  // before any store: any output may lie over it
      part.store(most_out + i, bound);
    }
    part.store(mean_out + i, m);
    part.store(square_out + i, v);
    part.store(p_out + i, v_fma(m / v_fma(v_sqrt(bound), scale, eps), rate, x));
  });
}

}  // namespace

void sgd(const Sgd& s, const void* p, const void* grad, const void* buffer, void* p_out, void* buffer_out, int64_t lo,
         int64_t hi) {
  with_float(s.dtype, [&](auto zero) {
    using T = decltype(zero);
    sgd_as(s, static_cast<const T*>(p), static_cast<const T*>(grad), static_cast<const T*>(buffer),
           static_cast<T*>(p_out), static_cast<T*>(buffer_out), lo, hi);
  });
}

void adam(const Adam& s, const void* const* in, void* const* out, int64_t lo, int64_t hi) {
  with_float(s.dtype, [&](auto zero) {
    using T = decltype(zero);
    const T* from[5];
    T* to[4];
    for (int k = 0; k < 5; ++k) from[k] = static_cast<const T*>(in[k]);
    for (int k = 0; k < 4; ++k) to[k] = static_cast<T*>(out[k]);
    const auto run = [&](auto f) {
      f(s, from[0], from[1], from[2], from[3], from[4], to[0], to[1], to[2], to[3], lo, hi);
    };
    if (s.weight_decay == 0 || s.decoupled) {
      from[4] ? run(adam_as<T, false, true>) : run(adam_as<T, false, false>);
    } else {
      from[4] ? run(adam_as<T, true, true>) : run(adam_as<T, true, false>);
    }
  });
}

}  // namespace bs::kernels::BS_ISA
