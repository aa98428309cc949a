// Elementwise lists: chains in L1, in L2 and far beyond the caches against the same chain as one loop, written by hand
// for each instruction set; broadcasts and casts; and nanoseconds per element of each function.
#include "peaks.h"

namespace bs::bench {
namespace {

using kernels::Ew;
using kernels::EwList;
using kernels::Kernels;

EwList make_list(int n_in, int n_temp, std::initializer_list<int64_t> sizes) {
  EwList list = {};
  list.compute = DType::f32;
  list.n_in = static_cast<uint8_t>(n_in);
  list.n_temp = static_cast<uint8_t>(n_temp);
  list.n_out = 1;
  list.n_dims = static_cast<uint8_t>(sizes.size());
  std::copy(sizes.begin(), sizes.end(), list.size);
  for (int k = 0; k < n_in + 1; ++k) {
    list.arg[k].dtype = DType::f32;
    int64_t step = 1;
    for (int d = list.n_dims - 1; d >= 0; --d) {
      list.arg[k].stride[d] = step;
      step *= list.size[d];
    }
  }
  return list;
}

void add_instr(EwList& list, Ew op, int dst, int a, int b = 0) {
  list.instr[list.n_instr++] = {op, static_cast<uint8_t>(dst), static_cast<uint8_t>(a), static_cast<uint8_t>(b), 0};
}

// Reads its inputs from [lo, hi), whole arrays even where the list broadcasts. `bytes_per_element` of the loop shape is
// compared with `gbs`, where that is known.
void measure(State& state, const Kernels& k, const EwList& list, double bytes_per_element, double gbs, double lo = -3,
             double hi = 3) {
  int64_t n = 1;
  for (int d = 0; d < list.n_dims; ++d) n *= list.size[d];
  // Twice the room: some lists read every second element; and an element of 8 bytes may be read as one.
  const bool far = n > kFar / 2;
  const Numbers<float> x(far ? n : 4 * n, lo, hi), y(far ? n : 4 * n, lo, hi), w(far ? n : 4 * n, lo, hi), z(n);
  void* inputs[] = {x.data(), y.data(), w.data()};
  void* args[kernels::kMaxListArgs] = {};
  for (int i = 0; i < list.n_in; ++i) args[i] = inputs[i];
  args[list.n_in] = z.data();
  for (auto _ : state) {
    k.elementwise(list, args, 0, n);
    benchmark::ClobberMemory();
  }
  const double elements = static_cast<double>(n);
  count_elements(state, elements);
  if (bytes_per_element > 0) count_rate(state, "GB/s", bytes_per_element * elements, gbs);
}

// ---- Chains ------------------------------------------------------------------------------------------------------

// What a chain takes as one loop that loads each input once, keeps all else in registers and stores each output once.
using Loop = void (*)(float* const* p, int64_t n);

#define BS_LOOP(name, attribute, bytes, ...)                                                                         \
  attribute void name(float* const* p, int64_t n) {                                                                  \
    typedef float V __attribute__((vector_size(bytes), may_alias));                                                  \
    constexpr int64_t kStep = bytes / sizeof(float);                                                                 \
    const auto at = [&](int k, int64_t i) __attribute__((always_inline)) { return reinterpret_cast<V*>(p[k] + i); }; \
    _Pragma("GCC unroll 4") for (int64_t i = 0; i < n; i += kStep) { __VA_ARGS__ }                                   \
    asm volatile("" ::: "memory");                                                                                   \
  }
#define BS_LOOPS(isa, attribute, bytes)                                                                                \
  BS_LOOP(neg_##isa, attribute, bytes, *at(1, i) = -*at(0, i);)                                                        \
  BS_LOOP(add_##isa, attribute, bytes, *at(2, i) = *at(0, i) + *at(1, i);)                                             \
  BS_LOOP(relu_##isa, attribute, bytes, const V t = *at(0, i) * *at(1, i) + *at(2, i); *at(3, i) = V{} > t ? V{} : t;) \
  BS_LOOP(momentum_##isa, attribute, bytes, const V v = *at(1, i) * 0.9f + *at(2, i); *at(1, i) = v;                   \
          *at(0, i) = *at(0, i) - v * 1e-6f;)                                                                          \
  constexpr Loop kLoops_##isa[] = {neg_##isa, add_##isa, relu_##isa, momentum_##isa};
#if defined(__x86_64__)
BS_LOOPS(v4, __attribute__((noinline, target("avx512f"))), 64)
BS_LOOPS(v3, __attribute__((noinline, target("avx2"))), 32)
BS_LOOPS(v2, __attribute__((noinline)), 16)
const Loop* loops_of(const Kernels& k) {
  return std::strcmp(k.isa, "v4") == 0 ? kLoops_v4 : std::strcmp(k.isa, "v3") == 0 ? kLoops_v3 : kLoops_v2;
}
#else
BS_LOOPS(neon, __attribute__((noinline)), 16)
const Loop* loops_of(const Kernels&) { return kLoops_neon; }
#endif
#undef BS_LOOPS
#undef BS_LOOP

struct Chain {
  const char* name;
  int arrays;             // all operands of full size, in the order of the loop's pointers
  int bytes_per_element;  // read and written
  EwList (*list)(int64_t n);
};
constexpr Chain kChains[] = {
    {"neg", 2, 8,
     [](int64_t n) {
       EwList list = make_list(1, 0, {n});
       add_instr(list, Ew::neg, 1, 0);
       return list;
     }},
    {"add", 3, 12,
     [](int64_t n) {
       EwList list = make_list(2, 0, {n});
       add_instr(list, Ew::add, 2, 0, 1);
       return list;
     }},
    {"relu(xy+w)", 4, 16,
     [](int64_t n) {
       EwList list = make_list(3, 2, {n});
       add_instr(list, Ew::mul, 3, 0, 1);
       add_instr(list, Ew::add, 4, 3, 2);
       add_instr(list, Ew::relu, 5, 4);
       return list;
     }},
    // p, v, g, mu, lr: v = mu v + g; p = p - lr v, both in place.
    {"momentum", 3, 20,
     [](int64_t n) {
       EwList list = make_list(5, 2, {n});
       list.n_out = 2;
       list.arg[3].stride[0] = list.arg[4].stride[0] = 0;
       list.arg[6] = list.arg[5];
       add_instr(list, Ew::mul, 5, 1, 3);
       add_instr(list, Ew::add, 7, 5, 2);
       add_instr(list, Ew::mul, 6, 7, 4);
       add_instr(list, Ew::sub, 8, 0, 6);
       return list;
     }},
};

// `x_limit`: how many times as long as the loop the list takes.
void chain(State& state, const Kernels& k, const Chain& c, size_t index, int64_t n) {
  const Numbers<float> memory[] = {Numbers<float>(n, -1, 1), Numbers<float>(n, -1, 1),
                                   Numbers<float>(c.arrays > 2 ? n : 1, -1, 1),
                                   Numbers<float>(c.arrays > 3 ? n : 1, -1, 1)};
  float* p[] = {memory[0].data(), memory[1].data(), memory[2].data(), memory[3].data()};
  float mu = 0.9f, lr = 1e-6f;
  const bool momentum = c.list == kChains[3].list;
  void* args[] = {p[0], p[1], p[2], p[3], nullptr, nullptr, nullptr};
  if (momentum) args[3] = &mu, args[4] = &lr, args[5] = p[1], args[6] = p[0];
  const EwList list = c.list(n);
  const int64_t calls = std::max<int64_t>(1, 20000 / n);  // in one reading of the clock
  double limit = 0, best = 0;
  if (n >= 64) {
    const Loop loop = loops_of(k)[index];
    const clockid_t clock = n >= kFar ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    limit = best_seconds(clock, [&] {
      for (int64_t i = 0; i < calls; ++i) loop(p, n);
    });
    best = best_seconds(clock, [&] {
      for (int64_t i = 0; i < calls; ++i) k.elementwise(list, args, 0, n);
    });
  }
  for (auto _ : state) {
    k.elementwise(list, args, 0, n);
    benchmark::ClobberMemory();
  }
  count_elements(state, static_cast<double>(n));
  count_rate(state, "GB/s", c.bytes_per_element * static_cast<double>(n), 0);
  if (limit > 0) state.counters["x_limit"] = best / limit;
}

void chains() {
  struct Place {
    const char* name;
    int64_t n;
  };
  for (const Place place : {Place{"8", 8}, Place{"L1", 2048}, Place{"L2", 16384}, Place{"far", kFar}}) {
    for (size_t i = 0; i < std::size(kChains); ++i) {
      for_each_isa("elementwise", std::string(kChains[i].name) + "/" + place.name,
                   [=](State& state, const Kernels& k) { chain(state, k, kChains[i], i, place.n); });
    }
  }
}

// x + y where y is a row, a column, or strided.
void broadcasts() {
  struct Strides {
    const char* name;
    int64_t row, col;  // col times the number of columns is added to row: see below
  };
  for (const Strides s : {Strides{"row", 0, 1}, Strides{"column", 1, 0}, Strides{"stride2", -2, 2}}) {
    for (int64_t cols : {10, 128, 1000}) {
      const std::string rest = std::string("add_") + s.name + "/128x" + std::to_string(cols);
      for_each_isa("elementwise", rest, [=](State& state, const Kernels& k) {
        EwList list = make_list(2, 0, {128, cols});
        add_instr(list, Ew::add, 2, 0, 1);
        list.arg[1].stride[0] = s.row < 0 ? -s.row * cols : s.row;  // -2: rows of twice the length
        list.arg[1].stride[1] = s.col;
        measure(state, k, list, 0, 0);
      });
    }
  }
  for_each_isa("elementwise", "transpose/512x512", [](State& state, const Kernels& k) {
    EwList list = make_list(1, 0, {512, 512});
    add_instr(list, Ew::copy, 1, 0);
    list.arg[0].stride[0] = 1;
    list.arg[0].stride[1] = 512;
    measure(state, k, list, 0, 0);
  });
  for (DType from : {DType::f64, DType::i64, DType::i32, DType::b8}) {
    for_each_isa("elementwise", std::string("cast_") + name_of(from) + "/4096", [=](State& state, const Kernels& k) {
      EwList list = make_list(1, 0, {4096});
      add_instr(list, Ew::copy, 1, 0);
      list.arg[0].dtype = from;
      measure(state, k, list, 0, 0, 0, 0);  // zeros: these bytes are read as another type
    });
  }
}

// Every row of the table that works on floats, over 4096 elements in float32 and in float64.
template <class T>
void function(State& state, const Kernels& k, Ew op, int arity, DType dtype, double lo, double hi) {
  constexpr int64_t n = 4096;
  EwList list = make_list(arity, 0, {n});
  list.compute = dtype;
  for (int i = 0; i <= arity; ++i) list.arg[i].dtype = dtype;
  add_instr(list, op, arity, 0, arity - 1);
  const Numbers<T> x(n, lo, hi), y(n, lo, hi), z(n);
  void* args[] = {x.data(), arity > 1 ? y.data() : z.data(), z.data()};
  for (auto _ : state) {
    k.elementwise(list, args, 0, n);
    benchmark::ClobberMemory();
  }
  count_elements(state, static_cast<double>(n));
}

void functions() {
  const auto add = [](Ew op, const char* name, int arity, double lo, double hi) {
    if (arity > 2) return;
    for_each_isa("function", std::string(name) + "/f32",
                 [=](State& state, const Kernels& k) { function<float>(state, k, op, arity, DType::f32, lo, hi); });
    for_each_isa("function", std::string(name) + "/f64",
                 [=](State& state, const Kernels& k) { function<double>(state, k, op, arity, DType::f64, lo, hi); });
  };
#define BS_EW1(name, types, value, reads, gradient, lo, hi, doc) add(Ew::name, #name, 1, lo, hi);
#define BS_EW2(name, types, value, reads, gradient, lo, hi, doc) add(Ew::name, #name, 2, lo, hi);
#define BS_EW3(name, types, value, reads, gradient, lo, hi, doc) add(Ew::name, #name, 3, lo, hi);
#include "kernels/elementwise.def"
}

}  // namespace
}  // namespace bs::bench

int main(int argc, char** argv) {
  bs::bench::chains();
  bs::bench::broadcasts();
  bs::bench::functions();
  return bs::bench::run(argc, argv);
}
