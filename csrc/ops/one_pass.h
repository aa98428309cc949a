// Compositions of elementwise ops in one pass over memory, without a derivative: what x.f_(...) computes over x's own
// memory where nothing is recorded (graph/apply.h). The bits are those of the composition.
#pragma once

#include "graph/op.h"
#include "kernels/kernels.h"

namespace bs::ops {

// Takes the inputs of `op`, then the value of its keyword if it has one, and its attributes. Null where `op` has none.
const Op* one_pass(const Op& op);

struct OnePassRegistrar {
  OnePassRegistrar(const Op& op, const Op& in_one_pass);
};
#define BS_ONE_PASS(op, in_one_pass) static const ::bs::ops::OnePassRegistrar one_pass_registrar_##op(op, in_one_pass)

// The list of instructions that one call runs, as it is written.
class Pass {
 public:
  // Registers besides those of inputs and numbers.
  static constexpr uint8_t kTemp = 254, kOut = 255;

  explicit Pass(const Call& call);
  bool has(int i) const { return call_.has(i); }
  const Attrs& attrs() const { return *call_.attrs; }
  // The register of input i, of a number.
  uint8_t in(int i);
  uint8_t number(double value);
  void add(kernels::Ew op, uint8_t dst, uint8_t a, uint8_t b);
  void run(int64_t lo, int64_t hi);

 private:
  static constexpr int kMost = 8;  // operands
  uint8_t push(const Spec* spec, void* data);

  const Call& call_;
  kernels::EwList list_;
  const Spec* operands_[kMost];
  void* args_[kMost];
  uint8_t at_[kMost];  // of inputs: their registers
  Spec of_numbers_;
  alignas(8) unsigned char numbers_[kMost][8];
};

namespace detail {
void infer_pass(const Attrs*, const Specs& in, Spec* out);
Placement place_pass(const Attrs*, const Specs& in, const Spec* out);
}  // namespace detail

// `write` writes the list. Of floats of one dtype that broadcast to the first.
template <void (*write)(Pass& pass)>
Op pass_op(const char* name) {
  return {.name = name,
          .doc = "",
          .inputs = {},
          .infer = detail::infer_pass,
          .forward = [](const Call& call, int64_t lo, int64_t hi) -> int64_t {
            Pass pass(call);
            write(pass);
            pass.run(lo, hi);
            return -1;
          },
          .place = detail::place_pass,
          .strided = ALL_INPUTS,
          .in_place = ALL_INPUTS};
}

}  // namespace bs::ops
