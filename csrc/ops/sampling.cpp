// Samples of distributions. Keys and bits as in random.cpp.
#include <math.h>  // lgamma_r, which the standard does not have

#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/philox.h"
#include "base/with_dtype.h"
#include "ops/ops.h"
#include "ops/random.h"

namespace bs::ops {
namespace {

const Op gaussian_op{
    .name = "gaussian",
    .doc =
        "Numbers of the normal distribution with mean 0 and deviation 1, of a shape: sqrt(-2 log u) times cos(2 pi v) "
        "and sin(2 pi v), u and v uniform. Source: Box and Muller (1958), A Note on the Generation of Random Normal "
        "Deviates.",
    .inputs = {{.name = "key", .drawn = true}},
    .attrs = {{"shape", AttrType::dims, true}, {"dtype", AttrType::dtype, false, DType::f32}},
    .compose = [](const Attrs* attrs, std::span<const Tensor> in) -> std::vector<Tensor> {
      static const Op& uniform = *find_op("uniform");
      const Dims& shape = attrs->get<Dims>(0);
      const int64_t n = bs::numel(shape), half = n / 2 + n % 2;
      const DType dtype = attrs->get<DType>(1);
      const Tensor u = apply(uniform, {in[0]}, Attrs::make({n ? Dims{2 * half} : shape, 0.0, 1.0, dtype}));
      if (n == 0) return {u};
      const std::vector<Tensor> parts = split(u, {half, half}, 0);
      const Tensor radius = sqrt(mul(log(sub(1, parts[0])), -2)), angle = mul(parts[1], 2 * std::numbers::pi);
      const Tensor both[] = {mul(radius, cos(angle)), mul(radius, sin(angle))};
      Tensor z = concatenate(both, 0);
      if (n % 2) z = split(z, {n, 1}, 0)[0];
      return {reshape(z, shape)};
    },
};
BS_REGISTER(gaussian_op);

// The derivative of what has steps alone.
void flat(GradCall& call) { call.set(0, full(call.spec(0).shape, 0, call.spec(0).dtype)); }

// ---- bernoulli -----------------------------------------------------------------------------------------------

template <class T>
int64_t bernoulli(const Call& call, const Part& part) {
  const T* p = call.in[0].as<T>();
  T* out = call.out[0].as<T>();
  const bool one = call.attrs->has(0);
  const double same = one ? call.attrs->get<double>(0) : 0;
  PhiloxWords words(seed_of(call.in[1]), draw_of(call.in[1]), static_cast<uint64_t>(2 * part.from));
  for (int64_t i = part.from; i < part.to; ++i) {
    const double probability = one ? same : static_cast<double>(p[i]);
    if (!(probability >= 0 && probability <= 1)) return i;
    out[i] = words.next_double() < probability;
  }
  return -1;
}

const Op bernoulli_op{
    .name = "bernoulli",
    .doc =
        "1 with the probability that the element is, or that p is, else 0; of input's shape and dtype. ValueError "
        "where "
        "a probability is not in [0, 1].",
    .inputs = {{"input"}, {.name = "key", .drawn = true}},
    .attrs = {{"p", AttrType::real}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_key("bernoulli", in[1]);
          need_float("bernoulli", "input", in[0].dtype);
          if (attrs->has(0) && !(attrs->get<double>(0) >= 0 && attrs->get<double>(0) <= 1))
            throw ValueError(cat("[bernoulli] p is a probability in [0, 1], not ", attrs->get<double>(0)));
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Part part(call.out[0].shape(), lo, hi);
      return with_float(call.out[0].dtype(), [&](auto zero) { return bernoulli<decltype(zero)>(call, part); });
    },
    .explain =
        [](const Call&, int64_t position) {
          throw ValueError(cat("[bernoulli] element ", position, " of input is no probability in [0, 1]"));
        },
    .place = place_drawn,
    .storage = Storage::cast,
    .grad = flat,
};
BS_REGISTER(bernoulli_op);

// ---- multinomial ---------------------------------------------------------------------------------------------

// The sums of pairs of weights, of pairs of these and so on, in a tree: node 1 is the whole, 2 n and 2 n + 1 are the
// halves of node n.
class SumTree {
 public:
  static int64_t leaves(int64_t n) {
    int64_t size = 1;
    while (size < n) size *= 2;
    return size;
  }

  template <class T>
  SumTree(double* room, const T* weights, int64_t n) : sums_(room), first_(leaves(n)) {
    for (int64_t i = 0; i < first_; ++i) sums_[first_ + i] = i < n ? static_cast<double>(weights[i]) : 0;
    for (int64_t i = first_ - 1; i > 0; --i) add(i);
  }
  double total() const { return sums_[1]; }
  // The category in which a number u of [0, 1) of the whole lies; never one of weight 0.
  int64_t find(double u) const {
    double left_of = u * total();
    int64_t i = 1;
    while (i < first_) {
      i *= 2;
      if ((left_of >= sums_[i] && sums_[i + 1] > 0) || sums_[i] == 0) left_of -= sums_[i++];
    }
    return i - first_;
  }
  void remove(int64_t category) {
    int64_t i = first_ + category;
    sums_[i] = 0;
    while (i /= 2) add(i);
  }

 private:
  void add(int64_t i) { sums_[i] = sums_[2 * i] + sums_[2 * i + 1]; }

  double* sums_;
  int64_t first_;
};

template <class T>
int64_t multinomial(const Call& call, int64_t lo, int64_t hi) {
  const int64_t n = call.in[0].shape().back(), k = call.attrs->get<int64_t>(0);
  const bool replacement = call.attrs->get<bool>(1);
  for (int64_t row = lo; row < hi; ++row) {
    const T* weights = call.in[0].as<T>() + row * n;
    int64_t* out = call.out[0].as<int64_t>() + row * k;
    for (int64_t i = 0; i < n; ++i)
      if (!(weights[i] >= 0)) return row;
    SumTree tree(reinterpret_cast<double*>(call.scratch), weights, n);
    PhiloxWords words(seed_of(call.in[1]), draw_of(call.in[1]), static_cast<uint64_t>(2 * row * k));
    for (int64_t j = 0; j < k; ++j) {
      if (!(tree.total() > 0 && std::isfinite(tree.total()))) return row;
      out[j] = tree.find(words.next_double());
      if (!replacement) tree.remove(out[j]);
    }
  }
  return -1;
}

const Op multinomial_op{
    .name = "multinomial",
    .doc =
        "For each row of weights, (n,) or (m, n), num_samples positions of it, each as likely as its share of what may "
        "still be drawn; without replacement none twice. int64. ValueError where weights are negative, not finite, or "
        "too few are above 0.",
    .inputs = {{"input"}, {.name = "key", .drawn = true}},
    .attrs = {{"num_samples", AttrType::integer, true}, {"replacement", AttrType::boolean, false, false}},
    .visibility = Visibility::method,
    .infer =
        [](const Attrs* attrs, const Specs& in, Spec* out) {
          check_key("multinomial", in[1]);
          need_float("multinomial", "input", in[0].dtype);
          const Dims& shape = in[0].shape;
          if (shape.size() < 1 || shape.size() > 2 || shape.back() == 0)
            throw ShapeError(cat("[multinomial] input is ", str(shape), ": it must be (n,) or (m, n) with n > 0"));
          const int64_t k = attrs->get<int64_t>(0);
          if (k <= 0) throw ValueError(cat("[multinomial] num_samples is ", k, ": it must be above 0"));
          if (!attrs->get<bool>(1) && k > shape.back())
            throw ValueError(
                cat("[multinomial] ", k, " samples of ", shape.back(), " categories need replacement=True"));
          out[0].dtype = DType::i64;
          out[0].shape = shape;
          out[0].shape[shape.size() - 1] = k;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      return call.in[0].dtype() == DType::f64 ? multinomial<double>(call, lo, hi) : multinomial<float>(call, lo, hi);
    },
    .explain =
        [](const Call& call, int64_t row) {
          throw ValueError(cat("[multinomial] row ", row, " of input: weights are finite and not negative, and ",
                               call.attrs->get<bool>(1) ? "one" : "as many as there are samples", " above 0"));
        },
    .scratch_bytes =
        [](const Attrs*, const Specs& in, const Spec*) {
          return 2 * static_cast<size_t>(SumTree::leaves(in[0].shape.back())) * sizeof(double);
        },
    .scratch_of_thread = true,
    .place = [](const Attrs*, const Specs& in, const Spec*) { return Placement{rows_of(in[0].shape), 1, IN_0, false}; },
    .cost =
        [](const Attrs*, const Specs& in, const Spec* out) {
          return 3.0 * static_cast<double>(bs::numel(in[0].shape)) +
                 50.0 * static_cast<double>(bs::numel(out[0].shape));
        },
    .storage = Storage::cast,
};
BS_REGISTER(multinomial_op);

// ---- poisson -------------------------------------------------------------------------------------------------

// Uniform numbers of one element, as many as its sample needs: blocks far from those of other elements.
class Numbers {
 public:
  Numbers(uint64_t seed, uint64_t draw, int64_t element)
      : seed_(seed), draw_(draw), at_(static_cast<uint64_t>(element)) {}
  double next() {
    if (half_ == 0) block_ = philox(seed_, draw_, at_ | round_++ << 40);
    const int i = 2 * half_;
    half_ ^= 1;
    return unit_double(block_.v[i], block_.v[i + 1]);
  }

 private:
  uint64_t seed_, draw_, at_, round_ = 0;
  int half_ = 0;
  Philox4 block_ = {};
};

// By products of uniform numbers where the rate is small, else by rejection. Source: Hörmann (1993), The transformed
// rejection method for generating Poisson random variables (PTRS).
double poisson(double rate, Numbers numbers) {
  if (rate < 10) {
    const double end = std::exp(-rate);
    double product = numbers.next(), k = 0;
    for (; product > end; ++k) product *= numbers.next();
    return k;
  }
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), v_r = 0.9277 - 3.6224 / (b - 2), log_rate = std::log(rate);
  for (;;) {
    const double u = numbers.next() - 0.5, v = numbers.next(), u_s = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / u_s + b) * u + rate + 0.43);
    if (u_s >= 0.07 && v <= v_r) return k;
    if (k < 0 || (u_s < 0.013 && v > u_s)) continue;
    int sign;
    if (std::log(v * inverse_alpha / (a / (u_s * u_s) + b)) <= k * log_rate - rate - lgamma_r(k + 1, &sign)) return k;
  }
}

template <class T>
int64_t poisson(const Call& call, const Part& part) {
  const T* rate = call.in[0].as<T>();
  T* out = call.out[0].as<T>();
  for (int64_t i = part.from; i < part.to; ++i) {
    const auto r = static_cast<double>(rate[i]);
    if (!(r >= 0 && std::isfinite(r))) return i;
    out[i] = static_cast<T>(poisson(r, Numbers(seed_of(call.in[1]), draw_of(call.in[1]), i)));
  }
  return -1;
}

const Op poisson_op{
    .name = "poisson",
    .doc =
        "Counts of the Poisson distribution whose rate the element is, of input's shape and dtype. ValueError where a "
        "rate is negative or not finite.",
    .inputs = {{"input"}, {.name = "key", .drawn = true}},
    .visibility = Visibility::function,
    .infer =
        [](const Attrs*, const Specs& in, Spec* out) {
          check_key("poisson", in[1]);
          need_float("poisson", "input", in[0].dtype);
          out[0].dtype = in[0].dtype;
          out[0].shape = in[0].shape;
        },
    .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
      const Part part(call.out[0].shape(), lo, hi);
      return call.out[0].dtype() == DType::f64 ? poisson<double>(call, part) : poisson<float>(call, part);
    },
    .explain =
        [](const Call&, int64_t position) {
          throw ValueError(cat("[poisson] element ", position, " of input is no rate: it is negative or not finite"));
        },
    .place = place_drawn,
    .cost = [](const Attrs*, const Specs&,
               const Spec* out) { return 60.0 * static_cast<double>(bs::numel(out[0].shape)); },
    .storage = Storage::cast,
    .grad = flat,
};
BS_REGISTER(poisson_op);

}  // namespace
}  // namespace bs::ops
