// Elementwise lists: chains in L1, in L2 and far beyond the caches against the bandwidth there, broadcasts and casts,
// and nanoseconds per element of each function.
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

void chains() {
  struct Place {
    const char* name;
    int64_t n;
  };
  for (const Place place : {Place{"L1", 1536}, Place{"L2", 32768}, Place{"far", kFar}}) {
    const auto gbs = [place](const Kernels& k, int inputs) {
      if (place.n == kFar) return stream_gbs(inputs);
      return std::strcmp(place.name, "L1") == 0 ? peak(k.isa).l1_gbs : 0.0;
    };
    for_each_isa("elementwise", std::string("neg/") + place.name, [=](State& state, const Kernels& k) {
      EwList list = make_list(1, 0, {place.n});
      add_instr(list, Ew::neg, 1, 0);
      measure(state, k, list, 8, gbs(k, 1));
    });
    for_each_isa("elementwise", std::string("add/") + place.name, [=](State& state, const Kernels& k) {
      EwList list = make_list(2, 0, {place.n});
      add_instr(list, Ew::add, 2, 0, 1);
      measure(state, k, list, 12, gbs(k, 2));
    });
    for_each_isa("elementwise", std::string("relu(xy+w)/") + place.name, [=](State& state, const Kernels& k) {
      EwList list = make_list(3, 2, {place.n});
      add_instr(list, Ew::mul, 3, 0, 1);
      add_instr(list, Ew::add, 4, 3, 2);
      add_instr(list, Ew::relu, 5, 4);
      measure(state, k, list, 16, gbs(k, 3));
    });
  }
  for_each_isa("elementwise", "add/8", [](State& state, const Kernels& k) {  // what a call costs
    EwList list = make_list(2, 0, {8});
    add_instr(list, Ew::add, 2, 0, 1);
    measure(state, k, list, 0, 0);
  });
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
