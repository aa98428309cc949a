#include "kernels/reference_update.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bs::kernels::reference {
namespace {

// A value and the size of the terms that it is made of, which is to its error in roundings as a value to one of its
// own.
struct Term {
  double value = 0, size = 0;

  Term() = default;
  Term(double v) : value(v), size(std::fabs(v)) {}  // NOLINT: numbers stand among terms
  Term(double v, double s) : value(v), size(std::max(s, std::fabs(v))) {}
};

Term operator+(Term a, Term b) { return {a.value + b.value, a.size + b.size}; }
Term operator-(Term a, Term b) { return {a.value - b.value, a.size + b.size}; }
Term operator*(Term a, Term b) {
  return {a.value * b.value, a.size * std::fabs(b.value) + std::fabs(a.value) * b.size};
}
Term operator/(Term a, Term b) {
  const double value = a.value / b.value;
  return {value, (a.size + std::fabs(value) * b.size) / std::fabs(b.value)};
}
Term root(Term a) {
  const double value = std::sqrt(a.value);
  return {value, a.value > 0 ? a.size / value : value};
}
Term larger(Term a, Term b) { return {std::max(a.value, b.value), std::max(a.size, b.size)}; }
Term smaller(Term a, Term b) { return {std::min(a.value, b.value), std::max(a.size, b.size)}; }
// A sum that is nearly 0 may have either sign.
Term sign(Term a) {
  const double value = a.value > 0 ? 1 : a.value < 0 ? -1 : a.value;
  const bool sure = std::fabs(a.value) > 1e-5 * a.size || a.size == 0;
  return {value, sure ? std::fabs(value) : std::numeric_limits<double>::infinity()};
}

Term average(Term before, double keep, Term x) { return before * keep + x * (1 - keep); }

// One element: p after its own decay, and its state, become what they are after the step by g.
void step(const Update& u, Term& p, Term g, Term* s) {
  const double* const c = u.c;
  const auto rmsprop = [&](const Term* mean) {
    s[0] = average(s[0], c[0], g * g);
    return g / (root(mean ? s[0] - *mean * *mean : s[0]) + c[1]);
  };
  switch (u.rule) {
    case Rule::nadam:
      s[0] = average(s[0], c[0], g);
      s[1] = average(s[1], c[1], g * g);
      p = p - (g * c[4] + s[0] * c[5]) / (root(s[1]) * c[2] + c[3]);
      return;
    case Rule::radam:
      s[0] = average(s[0], c[0], g);
      s[1] = average(s[1], c[1], g * g);
      p = p - (u.plain ? s[0] : s[0] / (root(s[1]) + c[3])) * c[2];
      return;
    case Rule::rmsprop:
      p = p - rmsprop(nullptr) * c[2];
      return;
    case Rule::rmsprop_momentum:
      s[1] = s[1] * c[3] + rmsprop(nullptr);
      p = p - s[1] * c[2];
      return;
    case Rule::rmsprop_centered:
      s[1] = average(s[1], c[0], g);
      p = p - rmsprop(&s[1]) * c[2];
      return;
    case Rule::rmsprop_centered_momentum:
      s[2] = average(s[2], c[0], g);
      s[1] = s[1] * c[3] + rmsprop(&s[2]);
      p = p - s[1] * c[2];
      return;
    case Rule::rprop: {
      const double turn = g.value * s[0].value;
      const double factor = turn > 0 ? c[1] : turn < 0 ? c[0] : 1;
      s[1] = smaller(larger((u.first ? Term(c[4]) : s[1]) * factor, c[2]), c[3]);
      s[0] = turn < 0 ? Term(0) : g;
      p = p - sign(s[0]) * s[1];
      return;
    }
    case Rule::adagrad:
      s[0] = (u.first ? Term(c[2]) : s[0]) + g * g;
      p = p - g * c[0] / (root(s[0]) + c[1]);
      return;
    case Rule::adadelta: {
      s[0] = average(s[0], c[0], g * g);
      const Term delta = root(s[1] + c[1]) / root(s[0] + c[1]) * g;
      s[1] = average(s[1], c[0], delta * delta);
      p = p - delta * c[2];
      return;
    }
    case Rule::adamax:
      s[0] = average(s[0], c[0], g);
      s[1] = larger(s[1] * c[1], Term(std::fabs(g.value), g.size) + c[2]);
      p = p - s[0] * c[3] / s[1];
      return;
    case Rule::asgd:
      p = p - g * c[0];
      s[0] = u.plain ? p : s[0] + (p - s[0]) * c[1];
      return;
    case Rule::lion:
      p = p - sign(average(s[0], c[0], g)) * c[2];
      s[0] = average(s[0], c[1], g);
      return;
  }
}

}  // namespace

int states(Rule rule) {
  switch (rule) {
    case Rule::rmsprop:
    case Rule::adagrad:
    case Rule::asgd:
    case Rule::lion:
      return 1;
    case Rule::rmsprop_centered_momentum:
      return 3;
    default:
      return 2;
  }
}

void update(const Update& u, int64_t n, const double* const* in, double* const* out, double* const* size) {
  const int k = states(u.rule);
  for (int64_t i = 0; i < n; ++i) {
    Term p = in[0][i], g = (u.maximize ? -1 : 1) * in[1][i], s[3];
    for (int j = 0; j < k; ++j) s[j] = in[j + 2][i];
    g = g + p * u.weight_decay;
    p = p * u.keep;
    step(u, p, g, s);
    out[0][i] = p.value;
    size[0][i] = p.size;
    for (int j = 0; j < k; ++j) {
      out[j + 1][i] = s[j].value;
      size[j + 1][i] = s[j].size;
    }
  }
}

}  // namespace bs::kernels::reference
