// Pointwise functions that are compositions of the rows of kernels/elementwise.def.
#include <limits>

#include "ops/composed.h"

namespace bs::ops {
namespace {

constexpr double kPi = 3.14159265358979323846, kInfinite = std::numeric_limits<double>::infinity();

// One of `input`, or of `input` and `other`; `underscored` says whether PyTorch has name_.
template <auto value>
Op of_one(const char* name, const char* doc, bool underscored = true, std::vector<const char*> also = {}) {
  return {.name = name,
          .doc = doc,
          .inputs = {{"input"}},
          .also = std::move(also),
          .visibility = Visibility::method,
          .underscored = underscored,
          .storage = Storage::cast,
          .compose = one<value>};
}
template <auto value>
Op of_two(const char* name, const char* doc, bool underscored = true, std::vector<const char*> also = {}) {
  return {.name = name,
          .doc = doc,
          .inputs = {{.name = "input", .weak = true}, {.name = "other", .weak = true}},
          .also = std::move(also),
          .visibility = Visibility::method,
          .underscored = underscored,
          .compose = one<value>};
}

// ---- Tests of single numbers ---------------------------------------------------------------------------------------

Tensor no(const Tensor& x) { return full(x.shape(), 0, DType::b8); }

const Op isnan_op = of_one<[](const Given& x) { return ne(x[0], x[0]); }>("isnan", "whether input is NaN", false);
BS_REGISTER(isnan_op);

Tensor is_infinite(const Tensor& x) { return is_float(x.dtype()) ? eq(abs(x), kInfinite) : no(x); }
const Op isinf_op =
    of_one<[](const Given& x) { return is_infinite(x[0]); }>("isinf", "whether input is inf or -inf", false);
BS_REGISTER(isinf_op);

const Op isfinite_op =
    of_one<[](const Given& x) { return is_float(x[0].dtype()) ? lt(abs(x[0]), kInfinite) : logical_not(no(x[0])); }>(
        "isfinite", "whether input is neither infinite nor NaN", false);
BS_REGISTER(isfinite_op);

// ---- Arithmetic ----------------------------------------------------------------------------------------------------

const Op deg2rad_op = of_one<[](const Given& x) { return mul(x[0], kPi / 180); }>("deg2rad", "input pi / 180");
BS_REGISTER(deg2rad_op);
const Op rad2deg_op = of_one<[](const Given& x) { return mul(x[0], 180 / kPi); }>("rad2deg", "input 180 / pi");
BS_REGISTER(rad2deg_op);

}  // namespace
}  // namespace bs::ops
