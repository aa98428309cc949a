// The updates of optimizers, over random sizes, values and settings: close to the formulas of kernels.h in double;
// parts equal the whole, outputs over the inputs equal outputs apart, instruction sets with fma equal each other.
#include <string>

#include "fuzz.h"
#include "kernels/reference_update.h"

namespace bs::fuzz {
namespace {

using kernels::Adam;
using kernels::Rule;
using kernels::Sgd;
using kernels::Update;

// Errors allowed, in roundings of the terms that are summed.
constexpr double kLimit = 20;

template <class T>
Array<T> draw(Random& random, int64_t n, bool positive = false) {
  Array<T> v(static_cast<size_t>(n));
  for (T& x : v) x = static_cast<T>(positive ? 0.01 + random.unit() : random.normal());
  return v;
}

// Runs `kernel(in, out, lo, hi)` with `outputs` arrays of n elements, each over the input that `over` names, for every
// instruction set, and compares with `want`; `scale` is the size of the terms of each output.
template <class T, class Kernel>
void check(Random& random, const char* what, const Array<Array<T>>& in, const Array<int>& over, int64_t n,
           const Array<Array<double>>& want, const Array<Array<double>>& scale, Kernel kernel) {
  Array<Agreement<T>> same(over.size());
  for (auto* isa = kernels::available(); *isa; ++isa) {
    const Kernels& k = **isa;
    Array<Array<T>> whole(over.size(), unwritten<T>(n)), parts = whole, within = in;
    const auto run = [&](const Array<Array<T>>& from, Array<T*> to, int64_t lo, int64_t hi) {
      Array<const T*> at;
      for (const auto& v : from) at.push_back(v.data());
      kernel(k, at, to, lo, hi);
    };
    const auto each = [](Array<Array<T>>& arrays) {
      Array<T*> at;
      for (auto& v : arrays) at.push_back(v.data());
      return at;
    };
    run(in, each(whole), 0, n);
    in_parts(random, n, [&](int64_t lo, int64_t hi) { run(in, each(parts), lo, hi); });
    Array<T*> lying;
    for (int i : over) lying.push_back(within[static_cast<size_t>(i)].data());
    run(within, lying, 0, n);
    for (size_t o = 0; o < over.size(); ++o) {
      expect_close(what, k.isa, whole[o], want[o], scale[o], kLimit);
      expect_same(what, k.isa, parts[o], whole[o]);
      expect_same(what, k.isa, within[static_cast<size_t>(over[o])], whole[o]);
      same[o].add(what, k, whole[o]);
    }
  }
}

template <class T>
void sgd(Random& random) {
  const int64_t n = random.integer(0, 200);
  const bool momentum = random.one_in(2), decay = random.one_in(2);
  const Sgd s{dtype_of<T>(), random.unit(),    decay ? random.unit() : 0, random.unit(),
              random.unit(), random.one_in(2), random.one_in(2)};
  const Array<Array<T>> in = {draw<T>(random, n), draw<T>(random, n), draw<T>(random, n)};
  Array<Array<double>> want(2, Array<double>(static_cast<size_t>(n))), scale = want;
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    const double p = static_cast<double>(in[0][i]), b = static_cast<double>(in[2][i]);
    const double g = (s.maximize ? -1 : 1) * static_cast<double>(in[1][i]) + s.weight_decay * p;
    const double size = std::fabs(static_cast<double>(in[1][i])) + s.weight_decay * std::fabs(p);
    want[1][i] = s.momentum * b + s.fresh * g;
    scale[1][i] = s.momentum * std::fabs(b) + s.fresh * size;
    const double step = !momentum ? g : s.nesterov ? g + s.momentum * want[1][i] : want[1][i];
    want[0][i] = p - s.lr * step;
    scale[0][i] = std::fabs(p) + s.lr * (size + scale[1][i]);
  }
  const Array<int> over = momentum ? Array<int>{0, 2} : Array<int>{0};
  check<T>(random, "sgd", in, over, n, want, scale,
           [&](const Kernels& k, const Array<const T*>& from, const Array<T*>& to, int64_t lo, int64_t hi) {
             k.sgd(s, from[0], from[1], momentum ? from[2] : nullptr, to[0], momentum ? to[1] : nullptr, lo, hi);
           });
}

template <class T>
void adam(Random& random) {
  const int64_t n = random.integer(0, 200);
  const bool amsgrad = random.one_in(2), decay = random.one_in(2);
  const Adam s{dtype_of<T>(),
               random.unit(),
               random.unit(),
               random.unit(),
               random.unit() * 0.01,
               decay ? random.unit() : 0,
               0.1 + 0.9 * random.unit(),
               0.1 + 0.9 * random.unit(),
               random.one_in(2),
               random.one_in(2)};
  const Array<Array<T>> in = {draw<T>(random, n), draw<T>(random, n), draw<T>(random, n), draw<T>(random, n, true),
                              draw<T>(random, n, true)};
  Array<Array<double>> want(4, Array<double>(static_cast<size_t>(n))), scale = want;
  for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
    double p = static_cast<double>(in[0][i]), g = (s.maximize ? -1 : 1) * static_cast<double>(in[1][i]);
    const double m = static_cast<double>(in[2][i]), v = static_cast<double>(in[3][i]);
    double size = std::fabs(g);
    if (s.decoupled) {
      p *= 1 - s.lr * s.weight_decay;
    } else {
      size += s.weight_decay * std::fabs(p);
      g += s.weight_decay * p;
    }
    want[1][i] = s.beta1 * m + (1 - s.beta1) * g;
    scale[1][i] = s.beta1 * std::fabs(m) + (1 - s.beta1) * size;
    want[2][i] = s.beta2 * v + (1 - s.beta2) * g * g;
    scale[2][i] = s.beta2 * v + (1 - s.beta2) * size * size;
    want[3][i] = std::max(static_cast<double>(in[4][i]), want[2][i]);
    scale[3][i] = std::max(static_cast<double>(in[4][i]), scale[2][i]);
    const double under = amsgrad ? want[3][i] : want[2][i], terms = amsgrad ? scale[3][i] : scale[2][i];
    const double rate = s.lr / s.correction1 / (std::sqrt(under / s.correction2) + s.eps);
    want[0][i] = p - rate * want[1][i];
    scale[0][i] = std::fabs(static_cast<double>(in[0][i])) + rate * scale[1][i] * terms / under;
  }
  const Array<int> over = amsgrad ? Array<int>{0, 2, 3, 4} : Array<int>{0, 2, 3};
  check<T>(random, "adam", in, over, n, want, scale,
           [&](const Kernels& k, const Array<const T*>& from, const Array<T*>& to, int64_t lo, int64_t hi) {
             const void* const at[] = {from[0], from[1], from[2], from[3], amsgrad ? from[4] : nullptr};
             void* const out[] = {to[0], to[1], to[2], amsgrad ? to[3] : nullptr};
             k.adam(s, at, out, lo, hi);
           });
}

// Whether state k may be below 0.
bool any_sign(Rule rule, int k) {
  switch (rule) {
    case Rule::adagrad:
    case Rule::adadelta:
      return false;
    case Rule::rmsprop:
    case Rule::rmsprop_momentum:
    case Rule::rmsprop_centered:
    case Rule::rmsprop_centered_momentum:
      return k > 0;
    default:
      return k == 0;
  }
}

template <class T>
void update(Random& random) {
  const int64_t n = random.integer(0, 200);
  Update u{};
  u.rule = static_cast<Rule>(random.integer(0, static_cast<int64_t>(Rule::lion)));
  u.dtype = dtype_of<T>();
  u.maximize = random.one_in(2);
  // What decides a turn of rprop must be exact.
  if (u.rule != Rule::rprop && random.one_in(2)) u.weight_decay = random.unit();
  u.keep = random.one_in(2) ? random.unit() : 1;
  u.first = random.one_in(2);
  u.plain = random.one_in(2);
  for (double& c : u.c) c = 0.01 + 0.98 * random.unit();
  if (u.rule == Rule::rprop) u.c[1] += 1, u.c[2] *= 0.1, u.c[3] += 1;
  const int states = kernels::reference::states(u.rule);
  Array<Array<T>> in = {draw<T>(random, n), draw<T>(random, n)};
  for (T& g : in[1])
    if (random.one_in(10)) g = 0;
  for (int k = 0; k < states; ++k) in.push_back(draw<T>(random, n, !any_sign(u.rule, k)));
  // A mean square is no less than the squared mean.
  if (u.rule == Rule::rmsprop_centered || u.rule == Rule::rmsprop_centered_momentum)
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) in[2][i] += in.back()[i] * in.back()[i];
  Array<Array<double>> given, want(static_cast<size_t>(states) + 1, Array<double>(static_cast<size_t>(n))),
      scale = want;
  for (const auto& v : in) given.emplace_back(v.begin(), v.end());
  const auto each = [](auto& arrays) {
    Array<decltype(arrays[0].data())> at;
    for (auto& v : arrays) at.push_back(v.data());
    return at;
  };
  kernels::reference::update(u, n, each(std::as_const(given)).data(), each(want).data(), each(scale).data());
  Array<int> over = {0};
  for (int k = 0; k < states; ++k) over.push_back(k + 2);
  const std::string name = "update by rule " + std::to_string(static_cast<int>(u.rule));
  check<T>(random, name.c_str(), in, over, n, want, scale,
           [&](const Kernels& k, const Array<const T*>& from, const Array<T*>& to, int64_t lo, int64_t hi) {
             const Array<const void*> at(from.begin(), from.end());
             const Array<void*> out(to.begin(), to.end());
             k.update(u, at.data(), out.data(), lo, hi);
           });
}

void one(Random& random, uint64_t round) {
  if (round % 4 == 0) {
    sgd<float>(random);
    sgd<double>(random);
  } else if (round % 4 == 1) {
    adam<float>(random);
    adam<double>(random);
  } else {
    update<float>(random);
    update<double>(random);
  }
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) { return bs::fuzz::run(argc, argv, bs::fuzz::one); }
