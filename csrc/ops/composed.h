// What ops that are compositions of others and nothing else (Op::compose without infer) are written with:
//
//   const Op rsub_op{.name = "rsub", .doc = "other - input", .inputs = {{"input"}, {"other"}},
//                    .compose = one<[](const Given& x) { return sub(x[1], x[0]); }>};
#pragma once

#include "ops/ops.h"

namespace bs::ops {

// The inputs of a composition, by their places, and its attributes.
class Given {
 public:
  Given(const Attrs* attrs, std::span<const Tensor> in) : attrs_(attrs), in_(in) {}
  const Tensor& operator[](size_t i) const { return in_[i]; }
  bool has(size_t i) const { return given(in_, i); }
  std::span<const Tensor> all() const { return in_; }
  const Attrs& attrs() const { return *attrs_; }
  // Attribute k: a number, or a word's position or an integer.
  double number(int k) const { return attrs_->get<double>(k); }
  int64_t integer(int k) const { return attrs_->get<int64_t>(k); }

 private:
  const Attrs* attrs_;
  std::span<const Tensor> in_;
};

// Op::compose of an op with one output, which `value` gives.
template <auto value>
std::vector<Tensor> one(const Attrs* attrs, std::span<const Tensor> in) {
  return {value(Given(attrs, in))};
}

}  // namespace bs::ops
