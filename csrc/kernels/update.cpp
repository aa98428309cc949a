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

// ---- The other updates -----------------------------------------------------------------------------------------

// rule(x, g, s): what p is after its own decay, and its state, become what they are after the step by g.
template <class T, int states, class F>
void pass(const Update& u, const void* const* in, void* const* out, int64_t lo, int64_t hi, const F& rule) {
  const T *p = static_cast<const T*>(in[0]), *grad = static_cast<const T*>(in[1]), *from[states];
  T *p_out = static_cast<T*>(out[0]), *to[states];
  for (int k = 0; k < states; ++k) {
    from[k] = static_cast<const T*>(in[k + 2]);
    to[k] = static_cast<T*>(out[k + 1]);
  }
  const auto set = [](double x) { return v_set(static_cast<T>(x)); };
  const Vec<T> sign = set(u.maximize ? -1 : 1), decay = set(u.weight_decay), keep = set(u.keep);
  const bool has_decay = u.weight_decay != 0;
  each_vector<T>(lo, hi, [=](int64_t i, auto part) {
    Vec<T> x = part.load(p + i), g = part.load(grad + i) * sign, s[states];
    if (has_decay) g = v_fma(x, decay, g);
    x = x * keep;
    for (int k = 0; k < states; ++k) s[k] = part.load(from[k] + i);
    rule(x, g, s);
    for (int k = 0; k < states; ++k) part.store(to[k] + i, s[k]);
    part.store(p_out + i, x);
  });
}

// 1, -1, or x itself: 0 or NaN.
template <class V>
V sign_of(V x) {
  return v_select(x > 0, V{} + 1, v_select(x < 0, V{} - 1, x));
}

template <class T>
void update_as(const Update& u, const void* const* in, void* const* out, int64_t lo, int64_t hi) {
  using V = Vec<T>;
  const auto set = [&u](int k) { return v_set(static_cast<T>(u.c[k])); };
  const auto rest = [&u](int k) { return v_set(static_cast<T>(1 - u.c[k])); };
  const auto averages = [b = set(0), b1 = rest(0), d = set(1), d1 = rest(1)](V g, V* s) {
    s[0] = v_fma(s[0], b, g * b1);
    s[1] = v_fma(g * d1, g, s[1] * d);
  };
  const bool first = u.first, plain = u.plain;
  // The part of rmsprop that all of its kinds have: g over the root of its square.
  const auto scaled = [a = set(0), a1 = rest(0), eps = set(1)](V g, V* s, V* mean) {
    s[0] = v_fma(g * a1, g, s[0] * a);
    V square = s[0];
    if (mean) {
      *mean = v_fma(*mean, a, g * a1);
      square = square - *mean * *mean;
    }
    return g / (v_sqrt(square) + eps);
  };
  switch (u.rule) {
    case Rule::nadam:
      return pass<T, 2>(u, in, out, lo, hi,
                        [=, scale = set(2), eps = set(3), of_g = set(4), of_mean = set(5)](V& x, V g, V* s) {
                          averages(g, s);
                          x = x - v_fma(g, of_g, s[0] * of_mean) / v_fma(v_sqrt(s[1]), scale, eps);
                        });
    case Rule::radam:
      return pass<T, 2>(u, in, out, lo, hi, [=, rate = set(2), eps = set(3)](V& x, V g, V* s) {
        averages(g, s);
        x = x - rate * (plain ? s[0] : s[0] / (v_sqrt(s[1]) + eps));
      });
    case Rule::rmsprop:
      return pass<T, 1>(u, in, out, lo, hi, [=, lr = set(2)](V& x, V g, V* s) { x = x - lr * scaled(g, s, nullptr); });
    case Rule::rmsprop_momentum:
      return pass<T, 2>(u, in, out, lo, hi, [=, lr = set(2), momentum = set(3)](V& x, V g, V* s) {
        s[1] = v_fma(s[1], momentum, scaled(g, s, nullptr));
        x = x - lr * s[1];
      });
    case Rule::rmsprop_centered:
      return pass<T, 2>(u, in, out, lo, hi, [=, lr = set(2)](V& x, V g, V* s) { x = x - lr * scaled(g, s, s + 1); });
    case Rule::rmsprop_centered_momentum:
      return pass<T, 3>(u, in, out, lo, hi, [=, lr = set(2), momentum = set(3)](V& x, V g, V* s) {
        s[1] = v_fma(s[1], momentum, scaled(g, s, s + 2));
        x = x - lr * s[1];
      });
    case Rule::rprop:
      return pass<T, 2>(u, in, out, lo, hi,
                        [=, minus = set(0), plus = set(1), least = static_cast<T>(u.c[2]),
                         most = static_cast<T>(u.c[3]), start = set(4)](V& x, V g, V* s) {
                          const V both = g * s[0], one = V{} + 1;
                          const V factor = v_select(both > 0, plus, v_select(both < 0, minus, one));
                          s[1] = v_least(most, v_greatest(least, (first ? start : s[1]) * factor));
                          s[0] = v_select(both < 0, V{}, g);
                          x = x - sign_of(s[0]) * s[1];
                        });
    case Rule::adagrad:
      return pass<T, 1>(u, in, out, lo, hi, [=, rate = set(0), eps = set(1), start = set(2)](V& x, V g, V* s) {
        s[0] = v_fma(g, g, first ? start : s[0]);
        x = x - rate * g / (v_sqrt(s[0]) + eps);
      });
    case Rule::adadelta:
      return pass<T, 2>(u, in, out, lo, hi,
                        [=, rho = set(0), fresh = rest(0), eps = set(1), lr = set(2)](V& x, V g, V* s) {
                          s[0] = v_fma(g * fresh, g, s[0] * rho);
                          const V delta = v_sqrt(s[1] + eps) / v_sqrt(s[0] + eps) * g;
                          s[1] = v_fma(delta * fresh, delta, s[1] * rho);
                          x = x - lr * delta;
                        });
    case Rule::adamax:
      return pass<T, 2>(
          u, in, out, lo, hi,
          [=, beta1 = set(0), fresh = rest(0), beta2 = set(1), eps = set(2), rate = set(3)](V& x, V g, V* s) {
            s[0] = v_fma(s[0], beta1, g * fresh);
            s[1] = v_max(s[1] * beta2, v_abs(g) + eps);
            x = x - rate * s[0] / s[1];
          });
    case Rule::asgd:
      return pass<T, 1>(u, in, out, lo, hi, [=, eta = set(0), mu = set(1)](V& x, V g, V* s) {
        x = x - eta * g;
        s[0] = plain ? x : v_fma(x - s[0], mu, s[0]);
      });
    case Rule::lion:
      return pass<T, 1>(
          u, in, out, lo, hi,
          [=, beta1 = set(0), fresh1 = rest(0), beta2 = set(1), fresh2 = rest(1), lr = set(2)](V& x, V g, V* s) {
            x = x - lr * sign_of(v_fma(s[0], beta1, g * fresh1));
            s[0] = v_fma(s[0], beta2, g * fresh2);
          });
  }
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

void update(const Update& u, const void* const* in, void* const* out, int64_t lo, int64_t hi) {
  with_float(u.dtype, [&](auto zero) { update_as<decltype(zero)>(u, in, out, lo, hi); });
}

double power(double base, double exponent) { return v_pow(v_set(base), v_set(exponent))[0]; }

}  // namespace bs::kernels::BS_ISA
