#include "ops/one_pass.h"

#include <unordered_map>

#include "ops/loop.h"

namespace bs::ops {
namespace {

std::unordered_map<const Op*, const Op*>& passes() {
  static std::unordered_map<const Op*, const Op*> map;
  return map;
}

}  // namespace

const Op* one_pass(const Op& op) {
  const auto it = passes().find(&op);
  return it == passes().end() ? nullptr : it->second;
}

OnePassRegistrar::OnePassRegistrar(const Op& op, const Op& in_one_pass) { passes().emplace(&op, &in_one_pass); }

Pass::Pass(const Call& call) : call_(call) {
  list_.compute = call.out[0].dtype();
  list_.n_in = list_.n_instr = 0;
  list_.n_temp = list_.n_out = 1;
  of_numbers_.dtype = list_.compute;
  for (int i = 0; i < call.n_in; ++i)
    if (call.has(i)) at_[i] = push(call.in[i].spec, call.in[i].data);
}

uint8_t Pass::push(const Spec* spec, void* data) {
  list_.arg[list_.n_in].dtype = spec->dtype;
  operands_[list_.n_in] = spec;
  args_[list_.n_in] = data;
  return list_.n_in++;
}

uint8_t Pass::in(int i) { return at_[i]; }

uint8_t Pass::number(double value) {
  unsigned char* place = numbers_[list_.n_in];
  if (list_.compute == DType::f32)
    *reinterpret_cast<float*>(place) = static_cast<float>(value);
  else
    *reinterpret_cast<double*>(place) = value;
  return push(&of_numbers_, place);
}

void Pass::add(kernels::Ew op, uint8_t dst, uint8_t a, uint8_t b) { list_.instr[list_.n_instr++] = {op, dst, a, b, a}; }

void Pass::run(int64_t lo, int64_t hi) {
  const uint8_t temp = list_.n_in, out = static_cast<uint8_t>(temp + 1);
  const auto place = [&](uint8_t& r) { r = r == kTemp ? temp : r == kOut ? out : r; };
  for (int i = 0; i < list_.n_instr; ++i)
    for (uint8_t* r : {&list_.instr[i].dst, &list_.instr[i].a, &list_.instr[i].b, &list_.instr[i].c}) place(*r);
  list_.arg[temp].dtype = list_.compute;
  operands_[temp] = call_.out[0].spec;
  args_[temp] = call_.out[0].data;
  const Dims& shape = call_.out[0].shape();
  set_loop(list_, shape, operands_, list_.n_in + 1);
  const int64_t extent = loop_extent(shape), each = extent ? numel(shape) / extent : 0;
  kernels::active().elementwise(list_, args_, lo * each, hi * each);
}

void detail::infer_pass(const Attrs*, const Specs& in, Spec* out) {
  out[0].dtype = in[0].dtype;
  out[0].shape = in[0].shape;
  bool serves = is_float(in[0].dtype) && !is_storage(in[0].dtype);
  for (int i = 1; i < in.size(); ++i) {
    Dims both;
    serves &=
        !in.has(i) || (in[i].dtype == in[0].dtype && broadcast(in[i].shape, in[0].shape, &both) && both == in[0].shape);
  }
  if (!serves) out[0].dtype = in[0].dtype == DType::b8 ? DType::f32 : DType::b8;  // which cannot lie over the input
}

Placement detail::place_pass(const Attrs*, const Specs& in, const Spec* out) { return place_loop(out[0].shape, in); }

}  // namespace bs::ops
