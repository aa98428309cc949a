// Random instruction lists over random operands (any dtype, any strides, outputs in place of inputs) against the
// oracle: equal to the bit, but within a few ulp of it where the last instruction of an output calls a function of
// math.h or rounds more than once. Parts equal the whole, and the instruction sets with fma each other, to the bit.
#include "base/half.h"
#include "fuzz.h"
#include "kernels/reference_elementwise.h"

namespace bs::fuzz {
namespace {

using kernels::Ew;
using kernels::EwInstr;
using kernels::EwList;
using kernels::EwTypes;

struct Row {
  const char* name;
  EwTypes types;
};
constexpr Row kRows[] = {
#define BS_EW1(name, types, ...) {#name, EwTypes::types},
#define BS_EW2(name, types, ...) {#name, EwTypes::types},
#define BS_EW3(name, types, ...) {#name, EwTypes::types},
#include "kernels/elementwise.def"
    {"copy", EwTypes::ALL},
};
static_assert(std::size(kRows) == static_cast<size_t>(Ew::count_));

// Whether the oracle, which computes in double and rounds once, may differ in the last bits.
bool rough_op(int op) {
  static constexpr const char* kExact[] = {"add",
                                           "sub",
                                           "mul",
                                           "div",
                                           "maximum",
                                           "minimum",
                                           "neg",
                                           "sqrt",
                                           "reciprocal",
                                           "square",
                                           "relu",
                                           "eq",
                                           "ne",
                                           "lt",
                                           "le",
                                           "gt",
                                           "ge",
                                           "copy",
                                           "mul_mask",
                                           "mul_zero",
                                           "where",
                                           "share_max",
                                           "sign",
                                           "abs",
                                           "floor",
                                           "ceil",
                                           "trunc",
                                           "round",
                                           "frac",
                                           "fmod",
                                           "remainder",
                                           "floor_divide",
                                           "trunc_divide",
                                           "bitwise_left_shift",
                                           "bitwise_right_shift"};
  for (const char* name : kExact)
    if (std::strcmp(kRows[op].name, name) == 0) return false;
  return true;
}

// How far it may be off in ulp, the oracle's own half included. (gelu_slope: ulp.cpp knows where its zero is.)
double allowed(Ew op) {
  if (op == Ew::gelu_slope) return 1e5;
  static constexpr Ew kRare[] = {Ew::gelu, Ew::asin,  Ew::acos,  Ew::atan,  Ew::atan2, Ew::sinh,
                                 Ew::cosh, Ew::asinh, Ew::acosh, Ew::atanh, Ew::erfc,  Ew::erfinv};
  const bool rare = std::find(std::begin(kRare), std::end(kRare), op) != std::end(kRare);
  return !rough_op(static_cast<int>(op)) ? 0 : rare ? 4.5 : 2.5;
}

// kernels.h's operands as bytes in blocks of exactly their size.
struct Operand {
  Array<char> memory;
  int64_t before = 0;  // elements below the first one (negative strides)
};

struct Case {
  EwList list;
  int64_t total = 1;
  bool rough = false;
  bool plain = false;  // rows of the list's type: what goes to the interpreter as it is
  bool storage;        // operands of storage types too
  Operand operand[kernels::kMaxListArgs];
  int alias[kernels::kMaxListArgs];  // of an output that lies in an input's place: that input; else -1

  int n_args() const { return list.n_in + list.n_out; }
  DType dtype(int arg) const { return list.arg[arg].dtype; }
};

void fill(Random& random, DType dtype, Array<char>& memory) {
  static constexpr double kSpecial[] = {0.0,  -0.0,  INFINITY, -INFINITY, NAN,  1e-42, -1e-42, 1e-310,
                                        3e38, -3e38, 1.0,      -1.0,      88.7, -88.0, -103.5};
  const size_t item = size_of(dtype);
  for (size_t i = 0; i < memory.size() / item; ++i) {
    char* p = memory.data() + i * item;
    double v = random.one_in(2) ? static_cast<double>(random.integer(-3, 3)) : (random.unit() - 0.5) * 20;
    if (random.one_in(12)) v = random.pick(kSpecial);
    const int64_t n = random.one_in(8) ? static_cast<int64_t>(random.bits()) : random.integer(-100, 100);
    const float f = static_cast<float>(v);
    const int32_t small = static_cast<int32_t>(n);
    const uint8_t flag = static_cast<uint8_t>(random.one_in(2) ? random.integer(0, 1) : random.integer(0, 255));
    const int16_t shorter = static_cast<int16_t>(n);
    const Half half = to_half(f);
    const BHalf brief = to_bhalf(f);
    const void* from[] = {&f, &v, &small, &n, &flag, &n, &n, &shorter, &half, &brief};
    std::memcpy(p, from[static_cast<int>(dtype)], item);
  }
}

void row_major(EwList& list, int arg) {
  int64_t step = 1;
  for (int d = list.n_dims - 1; d >= 0; --d) {
    list.arg[arg].stride[d] = step;
    step *= list.size[d];
  }
}

void choose_shape(Random& random, Case& c) {
  EwList& list = c.list;
  if (c.plain) {
    list.n_dims = static_cast<uint8_t>(random.integer(1, 2));
    list.size[0] = random.integer(1, list.n_dims == 1 ? 1200 : 6);
    if (list.n_dims == 2) list.size[1] = random.integer(100, 900);
    c.total = list.n_dims == 1 ? list.size[0] : list.size[0] * list.size[1];
    return;
  }
  list.n_dims = static_cast<uint8_t>(random.integer(0, kernels::kMaxLoopDims));
  const int64_t style = random.integer(0, 3);
  for (int d = 0; d < list.n_dims; ++d) {
    const bool last = d == list.n_dims - 1;
    int64_t size = style == 0         ? random.integer(1, 4)
                   : style == 1       ? random.integer(1, last ? 1500 : 3)
                   : style == 2       ? random.integer(1, last ? 40 : 6)
                   : random.one_in(3) ? 1
                                      : random.integer(1, 39);
    if (random.one_in(60)) size = 0;
    if (c.total * size > 6000) size = 1;
    list.size[d] = size;
    c.total *= size;
  }
}

void choose_instructions(Random& random, Case& c) {
  EwList& list = c.list;
  const bool floats = is_float(list.compute);
  const int first_out = list.n_in + list.n_temp, end = first_out + list.n_out;
  const auto choose_op = [&](bool rough) {
    for (;;) {
      const int op = static_cast<int>(random.integer(0, static_cast<int>(std::size(kRows)) - 1));
      if (floats ? kernels::of_integers(kRows[op].types) : kernels::of_floats(kRows[op].types)) continue;
      if (static_cast<Ew>(op) == Ew::lerp) continue;  // its difference cancels and overflows, the oracle's does not
      if ((floats && rough_op(op)) == rough) return static_cast<Ew>(op);
    }
  };
  Array<uint8_t> defined;
  for (int r = 0; r < list.n_in; ++r) defined.push_back(static_cast<uint8_t>(r));
  const auto operand = [&](size_t n) {
    return defined[static_cast<size_t>(random.integer(0, static_cast<int64_t>(n) - 1))];
  };
  bool written[kernels::kMaxListArgs] = {};
  int64_t steps = random.one_in(4) ? 1 : random.one_in(40) ? 40 : random.integer(1, 6);
  for (; steps > 0; --steps) {
    const uint8_t dst = static_cast<uint8_t>(random.integer(list.n_in, end - 1));
    const size_t n = defined.size();
    list.instr[list.n_instr++] = {choose_op(false), dst, operand(n), operand(n), operand(n)};
    if (std::find(defined.begin(), defined.end(), dst) == defined.end()) defined.push_back(dst);
    if (dst >= first_out) written[dst - first_out] = true;
  }
  // Every output is written. Rough instructions come last, so that their few ulp are not multiplied by later ones.
  c.rough = floats && random.one_in(3);
  defined.erase(std::remove_if(defined.begin(), defined.end(), [&](uint8_t r) { return r >= first_out; }),
                defined.end());
  for (int k = 0; k < list.n_out; ++k) {
    if (written[k] && !c.rough) continue;
    const size_t n = defined.size();
    list.instr[list.n_instr++] = {choose_op(c.rough), static_cast<uint8_t>(first_out + k), operand(n), operand(n),
                                  operand(n)};
  }
}

void choose_strides(Random& random, Case& c, int arg) {
  EwList& list = c.list;
  int64_t* stride = list.arg[arg].stride;
  row_major(list, arg);
  if (c.plain) {  // contiguous, a row, a column, a scalar, or rows further apart
    const int last = list.n_dims - 1;
    if (random.one_in(3)) stride[last] = 0;
    if (last > 0 && random.one_in(2)) stride[0] = random.one_in(2) ? 0 : stride[last] == 0 ? 1 : list.size[1] + 3;
    return;
  }
  switch (random.integer(0, 4)) {
    case 0:  // contiguous; the strides of sizes 1 mean nothing
      for (int d = 0; d < list.n_dims; ++d)
        if (list.size[d] == 1) stride[d] = random.integer(-50, 50);
      break;
    case 1:  // a scalar
      for (int d = 0; d < list.n_dims; ++d) stride[d] = 0;
      break;
    case 2: {  // a smaller array, repeated over some dimensions
      int64_t step = 1;
      for (int d = list.n_dims - 1; d >= 0; --d) {
        const bool repeated = random.one_in(2);
        stride[d] = repeated ? 0 : step;
        if (!repeated) step *= std::max<int64_t>(1, list.size[d]);
      }
      break;
    }
    default: {  // dimensions in any order, gaps, backwards
      int order[kernels::kMaxLoopDims];
      for (int d = 0; d < list.n_dims; ++d) order[d] = d;
      for (int d = list.n_dims - 1; d > 0; --d) std::swap(order[d], order[random.integer(0, d)]);
      int64_t step = random.integer(1, 3);
      for (int d = 0; d < list.n_dims; ++d) {
        stride[order[d]] = random.one_in(6) ? 0 : random.one_in(4) ? -step : step;
        step *= std::max<int64_t>(1, list.size[order[d]]);
        if (random.one_in(6)) step += random.integer(0, 4);
      }
    }
  }
}

void choose_operands(Random& random, Case& c) {
  EwList& list = c.list;
  const int last = c.storage ? kDTypes - 1 : static_cast<int>(DType::b8);
  for (int k = 0; k < c.n_args(); ++k) {
    DType& dtype = list.arg[k].dtype;
    dtype = random.one_in(2) ? list.compute : static_cast<DType>(random.integer(0, last));
    // A few ulp of list.compute may be none, or a whole number, in another dtype.
    if (c.plain || (k >= list.n_in && c.rough)) dtype = list.compute;
    c.alias[k] = -1;
    if (k < list.n_in) {
      choose_strides(random, c, k);
    } else {
      row_major(list, k);
    }
  }
  for (int k = list.n_in; k < c.n_args(); ++k) {
    const int input = static_cast<int>(random.integer(0, list.n_in - 1));
    if (!random.one_in(3) || std::find(c.alias + list.n_in, c.alias + k, input) != c.alias + k) continue;
    c.alias[k] = input;
    row_major(list, input);
    if (size_of(c.dtype(input)) != size_of(c.dtype(k))) list.arg[input].dtype = c.dtype(k);
  }
  for (int k = 0; k < c.n_args(); ++k) {
    int64_t before = 0, after = 0;
    for (int d = 0; d < list.n_dims; ++d) {
      const int64_t reach = (std::max<int64_t>(list.size[d], 1) - 1) * list.arg[k].stride[d];
      (reach < 0 ? before : after) += std::abs(reach);
    }
    Operand& operand = c.operand[k];
    operand.before = c.total ? before : 0;
    const size_t count = c.total && c.alias[k] < 0 ? static_cast<size_t>(before + after + 1) : 0;
    operand.memory = Array<char>(count * size_of(c.dtype(k)));
    fill(random, c.dtype(k), operand.memory);
  }
}

Case make_case(Random& random, bool storage) {
  Case c = {};
  c.storage = storage;
  std::memset(&c.list, 0xee, sizeof(c.list));  // what the list does not use holds anything
  static constexpr DType kCompute[] = {DType::f32, DType::f32, DType::f64, DType::i32, DType::i64};
  EwList& list = c.list;
  list.compute = random.pick(kCompute);
  c.plain = random.one_in(3);
  choose_shape(random, c);
  list.n_in = static_cast<uint8_t>(random.one_in(40) ? random.integer(1, 20) : random.integer(1, 4));
  list.n_out = static_cast<uint8_t>(random.integer(1, 3));
  list.n_temp = static_cast<uint8_t>(random.one_in(30) ? kernels::kMaxListTemps : random.integer(0, 4));
  list.n_instr = 0;
  if (random.one_in(8)) {  // a cast, a broadcast, a transposition
    list.n_temp = 0;
    list.n_out = 1;
    list.instr[list.n_instr++] = {Ew::copy, list.n_in, static_cast<uint8_t>(random.integer(0, list.n_in - 1)), 0, 0};
  } else {
    choose_instructions(random, c);
  }
  choose_operands(random, c);
  return c;
}

// The outputs of fn(list, args) on a fresh copy of the operands.
template <class Fn>
Array<Array<char>> outputs_of(const Case& c, Fn fn) {
  Array<Array<char>> memory, out;
  for (int k = 0; k < c.n_args(); ++k) memory.push_back(c.operand[k].memory);
  void* args[kernels::kMaxListArgs] = {};
  for (int k = 0; k < c.n_args(); ++k) {
    const int place = c.alias[k] < 0 ? k : c.alias[k];
    const int64_t before = c.alias[k] < 0 ? c.operand[k].before : 0;
    args[k] = memory[static_cast<size_t>(place)].data() + before * static_cast<int64_t>(size_of(c.dtype(k)));
  }
  fn(args);
  for (int k = c.list.n_in; k < c.n_args(); ++k) {
    const char* p = static_cast<const char*>(args[k]);
    out.emplace_back(p, p + static_cast<size_t>(c.total) * size_of(c.dtype(k)));
  }
  return out;
}

template <class T>
bool close(T got, T want, double ulps) {
  if (std::isnan(got) && std::isnan(want)) return true;
  if (ulps == 0 || std::isinf(got) || std::isinf(want)) return ulps > 0 && got == want;
  int exponent;
  std::frexp(static_cast<double>(want), &exponent);
  const int digits = sizeof(T) == 4 ? 24 : 53, least = sizeof(T) == 4 ? -149 : -1074;
  return std::fabs(static_cast<double>(got) - static_cast<double>(want)) <=
         ulps * std::ldexp(1.0, std::max(exponent - digits, least));
}

float short_float(DType dtype, const char* p) {
  Half half;
  BHalf brief;
  std::memcpy(&half, p, sizeof(half)), std::memcpy(&brief, p, sizeof(brief));
  return dtype == DType::f16 ? to_float(half) : to_float(brief);
}

void expect(const Case& c, const char* what, const char* isa, const Array<Array<char>>& got,
            const Array<Array<char>>& want, bool oracle = false) {
  for (int k = 0; k < c.list.n_out; ++k) {
    const DType dtype = c.dtype(c.list.n_in + k);
    const size_t item = size_of(dtype);
    double ulps = 0;
    for (int q = 0; oracle && c.rough && q < c.list.n_instr; ++q)
      if (c.list.instr[q].dst == c.list.n_in + c.list.n_temp + k) ulps = allowed(c.list.instr[q].op);
    for (int64_t i = 0; i < c.total; ++i) {
      const char* a = got[static_cast<size_t>(k)].data() + static_cast<size_t>(i) * item;
      const char* b = want[static_cast<size_t>(k)].data() + static_cast<size_t>(i) * item;
      if (std::memcmp(a, b, item) == 0) continue;
      double x = 0, y = 0;
      if (dtype == DType::f32) {
        float f[2];
        std::memcpy(&f[0], a, item), std::memcpy(&f[1], b, item);
        if (close(f[0], f[1], ulps)) continue;
        x = f[0], y = f[1];
      } else if (dtype == DType::f64) {
        std::memcpy(&x, a, item), std::memcpy(&y, b, item);
        if (close(x, y, ulps)) continue;
      } else if (dtype == DType::f16 || dtype == DType::bf16) {
        x = short_float(dtype, a), y = short_float(dtype, b);
        if (std::isnan(x) && std::isnan(y)) continue;
      } else {
        int64_t n[2] = {};
        std::memcpy(&n[0], a, item), std::memcpy(&n[1], b, item);
        x = static_cast<double>(n[0]), y = static_cast<double>(n[1]);
      }
      std::printf("list in %s: %d inputs, %d temporaries, %d outputs\n", name_of(c.list.compute), c.list.n_in,
                  c.list.n_temp, c.list.n_out);
      for (int q = 0; q < c.list.n_instr; ++q) {
        const EwInstr& o = c.list.instr[q];
        std::printf("  %d = %s %d %d %d\n", o.dst, kRows[static_cast<int>(o.op)].name, o.a, o.b, o.c);
      }
      fail("elementwise %s, %s: output %d (%s%s), element %lld of %lld is %.17g, not %.17g", isa, what, k,
           name_of(dtype), c.alias[c.list.n_in + k] < 0 ? "" : ", in place", static_cast<long long>(i),
           static_cast<long long>(c.total), x, y);
    }
  }
}

template <class T>
void record_as(const Kernels& kernel, const Array<char>& bytes) {
  Array<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  record(kernel, values);
}
void record_as(const Kernels& kernel, DType dtype, const Array<char>& bytes) {
  if (dtype == DType::f32) return record_as<float>(kernel, bytes);
  if (dtype == DType::f64) return record_as<double>(kernel, bytes);
  if (dtype == DType::f16 || dtype == DType::bf16) {
    Array<float> values;
    for (size_t i = 0; i < bytes.size(); i += 2) values.push_back(short_float(dtype, bytes.data() + i));
    return record(kernel, values);
  }
  record(kernel, bytes);
}

void one_case(Random& random, bool storage) {
  const Case c = make_case(random, storage);
  const auto want =
      outputs_of(c, [&](void* const* args) { kernels::reference::elementwise(c.list, args, 0, c.total); });
  Array<Array<char>> first_fused;
  for (auto* table = kernels::available(); *table; ++table) {
    const Kernels& kernel = **table;
    const auto got = outputs_of(c, [&](void* const* args) { kernel.elementwise(c.list, args, 0, c.total); });
    for (int k = 0; k < c.list.n_out; ++k) record_as(kernel, c.dtype(c.list.n_in + k), got[static_cast<size_t>(k)]);
    expect(c, "against the oracle", kernel.isa, got, want, true);
    const auto parts = outputs_of(c, [&](void* const* args) {
      in_parts(random, c.total, [&](int64_t lo, int64_t hi) { kernel.elementwise(c.list, args, lo, hi); });
    });
    expect(c, "parts against the whole", kernel.isa, parts, got);
    if (!fused(kernel)) continue;
    if (first_fused.empty()) first_fused = got;
    expect(c, "against another instruction set", kernel.isa, got, first_fused);
  }
}

void one(Random& random, uint64_t) {
  for (bool storage : {false, true}) one_case(random, storage);
}

}  // namespace
}  // namespace bs::fuzz

int main(int argc, char** argv) { return bs::fuzz::run(argc, argv, bs::fuzz::one); }
